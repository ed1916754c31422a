//! Slices: which positions `sequence[start:stop:step]` means.

/// The positions of a slice: `count` of them, from `start` in steps of `step`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Indices {
    pub start: i64,
    pub stop: i64,
    pub step: i64,
    pub count: usize,
}

/// The bounds of a slice, brought into the range of a sequence of `len` items. `step` is not 0 (the caller says
/// "slice step cannot be zero"); bounds that do not fit an `i64` are given as its extremes.
#[inline]
pub fn slice_indices(start: Option<i64>, stop: Option<i64>, step: i64, len: usize) -> Indices {
    let len = len as i64;
    let (lower, upper) = if step < 0 { (-1, len - 1) } else { (0, len) };
    let clamp = |bound: Option<i64>, default: i64| match bound {
        None => default,
        Some(n) if n < 0 => n.saturating_add(len).max(lower),
        Some(n) => n.min(upper),
    };
    let (first, last) = if step < 0 { (upper, lower) } else { (lower, upper) };
    let start = clamp(start, first);
    let stop = clamp(stop, last);
    Indices { start, stop, step, count: range_len(start, stop, step) }
}

/// `range(start, stop, step)[at]`.
#[inline]
pub fn range_item(start: i64, stop: i64, step: i64, at: i64) -> Option<i64> {
    let at = index(at, range_len(start, stop, step))?;
    Some(start.wrapping_add(step.wrapping_mul(at as i64)))
}

/// How many numbers `range(start, stop, step)` has; `step` is not 0.
#[inline]
pub fn range_len(start: i64, stop: i64, step: i64) -> usize {
    if step == 1 || step == -1 {
        // No division.
        let (low, high) = if step == 1 { (start, stop) } else { (stop, start) };
        if low < high { high.wrapping_sub(low) as usize } else { 0 }
    } else if step > 0 && start < stop {
        ((stop.wrapping_sub(start) as u64 - 1) / step as u64 + 1) as usize
    } else if step < 0 && stop < start {
        ((start.wrapping_sub(stop) as u64 - 1) / step.unsigned_abs() + 1) as usize
    } else {
        0
    }
}

/// A single index: negative ones count from the end; `None` if out of range.
#[inline]
pub fn index(index: i64, len: usize) -> Option<usize> {
    let at = if index < 0 { (index as u64).wrapping_add(len as u64) } else { index as u64 };
    if index < 0 && index.unsigned_abs() > len as u64 {
        return None;
    }
    usize::try_from(at).ok().filter(|&at| at < len)
}

/// The bounds that `find`, `index`, `count`, `startswith` and `list.index` take: `start..end` within `len`, as Python's
/// slices without step. `start` may end up beyond `end`.
pub fn bounds(start: Option<i64>, end: Option<i64>, len: usize) -> (usize, usize) {
    let len = len as i64;
    let clamp = |n: i64| if n < 0 { n.saturating_add(len).max(0) } else { n };
    let start = clamp(start.unwrap_or(0));
    let end = clamp(end.unwrap_or(i64::MAX)).min(len);
    (start as usize, end as usize)
}
