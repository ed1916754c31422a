//! Slices that are read at once, assigned to or deleted, and ranges, which are indexed and sliced without having items.

use num_bigint::BigInt;
use num_integer::Integer;
use num_traits::{One, Signed, Zero};

use super::prelude::*;
use crate::machine::item::{RANGE, pick, positions, tuple_part};
use crate::machine::sequence::bytes_of;
use crate::object::containers::ByteArray;
use crate::object::{List, Range, Slice};
use crate::text::slice as slices;

/// Tells the collector what is about to be stored.
fn note_stored(list: &Rc<List>, new: &[Value]) {
    if let Some(item) = new.iter().find(|item| item.is_container()) {
        gc::stored(list, item);
    }
}

/// `list[start:stop] = new`.
fn replace_part(list: &List, indices: slices::Indices, new: impl ExactSizeIterator<Item = Value>) {
    let mut items = list.items.borrow_mut();
    let start = (indices.start.max(0) as usize).min(items.len());
    let end = (start + indices.count).min(items.len());
    let mut old = Vec::new();
    if end - start == new.len() {
        for (place, item) in items[start..end].iter_mut().zip(new) {
            let was = std::mem::replace(place, item);
            match was.is_heap() {
                true => old.push(was),
                false => was.discard(),
            }
        }
    } else {
        old.extend(items.splice(start..end, new));
    }
    drop(items);
    gc::release(&mut old);
}

/// The positions that small bounds mean in a sequence of `len` items.
#[inline]
fn indices_at_once(bounds: &[Value; 3], len: usize) -> Option<slices::Indices> {
    let mut numbers = [None; 3];
    for (number, bound) in numbers.iter_mut().zip(bounds) {
        *number = match bound {
            Value::None => None,
            Value::Int(n) => Some(*n),
            _ => return None,
        };
    }
    let [start, stop, step] = numbers;
    let step = step.unwrap_or(1);
    (step != 0).then(|| slices::slice_indices(start, stop, step, len))
}

impl Vm {
    /// `container[start:stop:step]` of a built-in sequence and small bounds, for which nothing is made.
    pub fn get_slice_at_once(&mut self, container: &Value, bounds: &[Value; 3]) -> Option<Value> {
        match container {
            Value::List(list) => {
                let items = list.items.borrow();
                Some(Value::list(pick(&items, indices_at_once(bounds, items.len())?)))
            }
            Value::Tuple(items) => Some(tuple_part(container, items, indices_at_once(bounds, items.len())?)),
            Value::Str(text) => {
                let indices = indices_at_once(bounds, text.len())?;
                Some(self.text_part(container, text, indices))
            }
            Value::Range(range) => {
                let (origin, end, stride) = range.small()?;
                let part = indices_at_once(bounds, slices::range_len(origin, end, stride))?;
                let at = |index: i64| origin.checked_add(index.checked_mul(stride)?).map(Value::Int);
                let step = Value::Int(stride.checked_mul(part.step)?);
                Some(Value::Range(Rc::new(Range { start: at(part.start)?, stop: at(part.stop)?, step })))
            }
            _ => None,
        }
    }

    /// `container[start:stop] = value` of two lists; the value comes back where it is not as simple as that.
    pub fn set_slice_at_once(
        &mut self,
        container: &Value,
        bounds: &[Value; 3],
        value: Value,
    ) -> std::result::Result<(), Value> {
        let (Value::List(list), Value::List(source)) = (container, &value) else { return Err(value) };
        let found = indices_at_once(bounds, list.len()).filter(|indices| indices.step == 1);
        let Some(indices) = found.filter(|_| !Rc::ptr_eq(list, source)) else { return Err(value) };
        note_stored(list, &source.items.borrow());
        match Rc::strong_count(source) {
            1 => replace_part(list, indices, source.items.take().into_iter()),
            _ => replace_part(list, indices, source.items.borrow().iter().cloned()),
        }
        Ok(())
    }

    /// `list[slice] = value`, or `del list[slice]` without one.
    pub(super) fn assign_slice(&mut self, list: &Rc<List>, slice: &Slice, value: Option<&Value>) -> Result<()> {
        let (start, stop, step) = self.slice_bounds(slice)?;
        let mut indices = slices::slice_indices(start, stop, step, list.len());
        let new = match value {
            None => Vec::new(),
            Some(value @ (Value::List(_) | Value::Tuple(_))) => self.collect(value)?,
            Some(value) => {
                let iterator = match self.iter(value) {
                    Ok(iterator) => iterator,
                    Err(e) if e.is(&self.types.TypeError) => {
                        return Err(self.type_error("must assign iterable to extended slice"));
                    }
                    Err(e) => return Err(e),
                };
                self.collect(&iterator)?
            }
        };
        note_stored(list, &new);
        if step != 1 {
            // What gave the new items may have changed the list.
            indices = slices::slice_indices(start, stop, step, list.len());
        }
        if indices.step == 1 || (value.is_none() && indices.count == 0) {
            replace_part(list, indices, new.into_iter());
            return Ok(());
        }
        let mut items = list.items.borrow_mut();
        let mut old = Vec::with_capacity(indices.count);
        match value {
            None => remove_positions(&mut items, indices, &mut old),
            Some(_) if new.len() != indices.count => {
                drop(items);
                return Err(self.wrong_size("sequence", new.len(), indices.count));
            }
            Some(_) => {
                for (at, item) in positions(indices).zip(new) {
                    old.extend(items.get_mut(at).map(|place| std::mem::replace(place, item)));
                }
            }
        }
        drop(items);
        drop(old);
        Ok(())
    }

    /// `bytearray[slice] = value`, or `del bytearray[slice]` without one.
    pub(super) fn assign_bytes_slice(
        &mut self,
        array: &Rc<ByteArray>,
        slice: &Slice,
        value: Option<&Value>,
    ) -> Result<()> {
        let numbers = [sym::__index__, sym::__int__, sym::__float__, sym::__complex__];
        let (start, stop, step) = self.slice_bounds(slice)?;
        let mut indices = slices::slice_indices(start, stop, step, array.bytes.borrow().len());
        let new = match value {
            None => Vec::new(),
            Some(value) => match bytes_of(value) {
                Some(bytes) => bytes,
                None if value.as_str().is_some() || numbers.into_iter().any(|name| self.has_special(value, name)) => {
                    let message = "can assign only bytes, buffers, or iterables of ints in range(0, 256)";
                    return Err(self.type_error(message));
                }
                None => {
                    let iterator = self.iter(value).map_err(|error| {
                        if !error.is(&self.types.TypeError) {
                            return error;
                        }
                        let name = self.type_name(value);
                        self.type_error(format!("cannot convert '{name}' object to bytearray"))
                    })?;
                    let mut bytes = Vec::new();
                    self.for_each_left(&iterator, |vm, item| {
                        bytes.push(vm.to_byte(&item)?);
                        Ok(true)
                    })?;
                    bytes
                }
            },
        };
        if step != 1 {
            indices = slices::slice_indices(start, stop, step, array.bytes.borrow().len());
        }
        // To assign nothing is to delete.
        let deletes = new.is_empty();
        self.check_resize(array, (indices.step == 1 || deletes) && new.len() != indices.count)?;
        let mut bytes = array.bytes.borrow_mut();
        if indices.step == 1 || (deletes && indices.count == 0) {
            let start = (indices.start.max(0) as usize).min(bytes.len());
            let end = (start + indices.count).min(bytes.len());
            bytes.splice(start..end, new);
            return Ok(());
        }
        if deletes {
            remove_positions(&mut bytes, indices, &mut Vec::new());
        } else if new.len() != indices.count {
            drop(bytes);
            return Err(self.wrong_size("bytes", new.len(), indices.count));
        } else {
            for (at, byte) in positions(indices).zip(new) {
                if let Some(place) = bytes.get_mut(at) {
                    *place = byte;
                }
            }
        }
        Ok(())
    }

    #[cold]
    fn wrong_size(&mut self, what: &str, size: usize, wanted: usize) -> Error {
        self.value_error(format!("attempt to assign {what} of size {size} to extended slice of size {wanted}"))
    }

    /// How many numbers a range has.
    pub fn range_len(&mut self, range: &Range) -> Value {
        if let Some((start, stop, step)) = range.small() {
            let len = slices::range_len(start, stop, step);
            return i64::try_from(len).map_or_else(|_| Value::int(BigInt::from(len)), Value::Int);
        }
        Value::int(big_range_len(range))
    }

    /// The position of an integer in a range.
    pub fn range_position(&mut self, range: &Range, item: &Value) -> Option<Value> {
        if let (Some((start, stop, step)), Some(n)) = (range.small(), item.as_int()) {
            let inside = if step > 0 { start <= n && n < stop } else { stop < n && n <= start };
            let offset = i128::from(n) - i128::from(start);
            return (inside && offset % i128::from(step) == 0)
                .then(|| Value::int(BigInt::from(offset / i128::from(step))));
        }
        let [start, stop, step] = parts(range);
        let n = item.as_bigint()?;
        let inside = if step.is_positive() { start <= n && n < stop } else { stop < n && n <= start };
        let (quotient, rest) = (n - start).div_rem(&step);
        (inside && rest.is_zero()).then(|| Value::int(quotient))
    }

    /// `range[key]`.
    pub(super) fn range_item(&mut self, range: &Rc<Range>, key: &Value) -> Result {
        if let Value::Slice(slice) = key {
            return self.range_slice(range, slice);
        }
        let Some(index) = self.index_opt(key)? else {
            return Err(
                self.type_error(format!("range indices must be integers or slices, not {}", self.type_name(key)))
            );
        };
        if let (Some((start, stop, step)), Value::Int(n)) = (range.small(), &index) {
            return slices::range_item(start, stop, step, *n).map(Value::Int).ok_or_else(|| self.index_error(RANGE));
        }
        let len = big_range_len(range);
        let index = index.as_bigint().unwrap_or_default();
        let at = if index.is_negative() { index + &len } else { index };
        if at.is_negative() || at >= len {
            return Err(self.index_error(RANGE));
        }
        let [start, _, step] = parts(range);
        Ok(Value::int(start + at * step))
    }

    /// The start, stop and step that a slice means in a sequence of any length.
    pub fn big_slice_indices(&mut self, slice: &Slice, len: &BigInt) -> Result<[BigInt; 3]> {
        let mut part = |part: &Value| {
            let Some(part) = part.given() else { return Ok(None) };
            match self.index_opt(part)? {
                Some(index) => Ok(index.as_bigint()),
                None => Err(self.type_error("slice indices must be integers or None or have an __index__ method")),
            }
        };
        let step = part(&slice.step)?.unwrap_or_else(BigInt::one);
        if step.is_zero() {
            return Err(self.value_error("slice step cannot be zero"));
        }
        let (start, stop) = (part(&slice.start)?, part(&slice.stop)?);
        let down = step.is_negative();
        let (lower, upper) = if down { (-BigInt::one(), len - 1) } else { (BigInt::zero(), len.clone()) };
        let clamp = |bound: Option<BigInt>, default: &BigInt| match bound {
            None => default.clone(),
            Some(n) if n.is_negative() => (n + len).max(lower.clone()),
            Some(n) => n.min(upper.clone()),
        };
        let (first, last) = if down { (&upper, &lower) } else { (&lower, &upper) };
        Ok([clamp(start, first), clamp(stop, last), step])
    }

    fn range_slice(&mut self, range: &Range, slice: &Slice) -> Result {
        let [start, stop, step] = self.big_slice_indices(slice, &big_range_len(range))?;
        let [origin, _, stride] = parts(range);
        Ok(Value::Range(Rc::new(Range {
            start: Value::int(&origin + start * &stride),
            stop: Value::int(&origin + stop * &stride),
            step: Value::int(stride * step),
        })))
    }
}

fn parts(range: &Range) -> [BigInt; 3] {
    [&range.start, &range.stop, &range.step].map(|part| part.as_bigint().unwrap_or_default())
}

fn big_range_len(range: &Range) -> BigInt {
    let [start, stop, step] = parts(range);
    if step.is_zero() {
        return BigInt::zero();
    }
    let span = if step.is_positive() { stop - start } else { start - stop };
    if span.is_positive() { Integer::div_floor(&(span - 1u32), &step.abs()) + 1u32 } else { BigInt::zero() }
}

/// Removes the items at the positions of a slice.
fn remove_positions<T>(items: &mut Vec<T>, indices: slices::Indices, removed: &mut Vec<T>) {
    let (mut first, step) = (indices.start, indices.step.unsigned_abs());
    if indices.step < 0 {
        first += (indices.count as i64 - 1) * indices.step;
    }
    let mut next = first as u64;
    let mut left = indices.count;
    let mut kept = Vec::with_capacity(items.len().saturating_sub(left));
    for (at, item) in items.drain(..).enumerate() {
        if left > 0 && at as u64 == next {
            removed.push(item);
            next = next.saturating_add(step);
            left -= 1;
        } else {
            kept.push(item);
        }
    }
    *items = kept;
}
