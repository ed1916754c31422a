//! Sorting: stable, and safe against comparisons that fail, contradict themselves or change what is being sorted.
//!
//! Numbers and strings are sorted by Rust. Where a comparison may be script code, it is a merge sort that finds runs,
//! merges them in the order that keeps the merges balanced, and gallops where one side wins for long. It asks for the
//! very comparisons that CPython asks for, since a script can watch them.
//!
//! **Invariant**: whatever a comparison does, the entries stay a permutation of what they were.

use std::cmp::Ordering;

use super::prelude::*;
use crate::machine::compare::{compare_numbers, compare_plain_tuples, compare_text};
use crate::syntax::ast::CmpOp;

/// An item with the key it is sorted by; without one the item itself is the key.
#[derive(Default)]
struct Entry {
    key: Value,
    /// `Unbound` if the key is the item.
    item: Value,
}

impl Vm {
    /// `items.sort(key=key, reverse=reverse)`. After an error the items are some permutation of what they were.
    pub fn sort(&mut self, items: &mut Vec<Value>, key: Option<&Value>, reverse: bool) -> Result<()> {
        let Some(function) = key.and_then(Value::given) else {
            if sort_plainly(items, |item| item, reverse) {
                return Ok(());
            }
            let entries = items.drain(..).map(|item| Entry { key: item, item: Value::Unbound });
            let (result, entries) = self.sort_entries(entries.collect(), reverse);
            items.extend(entries.into_iter().map(|e| e.key));
            return result;
        };
        let mut entries = Vec::with_capacity(items.len());
        for item in items.iter() {
            let key = self.call(function, std::slice::from_ref(item))?;
            entries.push(Entry { key, item: item.clone() });
        }
        let (result, entries) = if sort_plainly(&mut entries, |entry| &entry.key, reverse) {
            (Ok(()), entries)
        } else {
            self.sort_entries(entries, reverse)
        };
        items.clear();
        items.extend(entries.into_iter().map(|e| e.item));
        result
    }

    /// Sorts by comparisons that may be script code.
    fn sort_entries(&mut self, mut entries: Vec<Entry>, reverse: bool) -> (Result<()>, Vec<Entry>) {
        // Sorting backwards and reversing keeps equal items in their order.
        if reverse {
            entries.reverse();
        }
        let result = self.merge_sort(&mut entries);
        if reverse {
            entries.reverse();
        }
        (result, entries)
    }

    /// `a < b` as sorting asks it: two objects of one class directly, and if that has no answer all over again.
    fn sorts_before(&mut self, a: &Value, b: &Value) -> Result<bool> {
        if let (Value::Instance(x), Value::Instance(y)) = (a, b)
            && Rc::ptr_eq(&x.class(), &y.class())
            && let Some(answer) = self.compare_side(CmpOp::Lt, a, b)?
        {
            return self.truth(&answer);
        }
        self.less(a, b)
    }

    fn merge_sort(&mut self, entries: &mut [Entry]) -> Result<()> {
        const SHORT: usize = 64;
        let len = entries.len();
        if len < 2 {
            return Ok(());
        }
        // Shorter runs are filled up by insertion: to between 32 and 64, so that their number is near a power of two.
        let mut least = len;
        let mut odd = 0;
        while least >= SHORT {
            odd |= least & 1;
            least >>= 1;
        }
        least += odd;
        let mut runs: Vec<Run> = Vec::new();
        let mut gallop = GALLOP;
        let mut start = 0;
        while start < len {
            let rest = &mut entries[start..];
            let mut count = self.count_run(rest)?;
            if count < least {
                let wanted = least.min(rest.len());
                self.insert(&mut rest[..wanted], count)?;
                count = wanted;
            }
            if let Some(last) = runs.last() {
                let power = last.power_before(count, len);
                while let [.., earlier, _] = &runs[..] {
                    if earlier.power <= power {
                        break;
                    }
                    self.merge_runs(entries, &mut runs, 2, &mut gallop)?;
                }
                if let Some(last) = runs.last_mut() {
                    last.power = power;
                }
            }
            runs.push(Run { start, count, power: 0 });
            start += count;
        }
        while runs.len() > 1 {
            let from_end = match &runs[..] {
                [.., a, _, c] if a.count < c.count => 3,
                _ => 2,
            };
            self.merge_runs(entries, &mut runs, from_end, &mut gallop)?;
        }
        Ok(())
    }

    /// Merges the run that is the `from_end`th from the end with the one after it.
    fn merge_runs(
        &mut self,
        entries: &mut [Entry],
        runs: &mut Vec<Run>,
        from_end: usize,
        gallop: &mut usize,
    ) -> Result<()> {
        let at = runs.len() - from_end;
        let right = runs.remove(at + 1);
        let left = &mut runs[at];
        let entries = &mut entries[left.start..right.start + right.count];
        let middle = left.count;
        left.count += right.count;
        // What the left run begins with and the right run ends with is in its place already.
        let skip = self.gallop_right(&entries[middle].key, &entries[..middle], 0)?;
        if skip == middle {
            return Ok(());
        }
        let keep = self.gallop_left(&entries[middle - 1].key, &entries[middle..], right.count - 1)?;
        if keep == 0 {
            return Ok(());
        }
        let entries = &mut entries[skip..middle + keep];
        let middle = middle - skip;
        if middle <= keep {
            let left = entries[..middle].iter_mut().map(std::mem::take).collect();
            let mut merge = FromLeft { entries, left, at: 0, from: middle, to: 0 };
            let result = self.merge_from_left(&mut merge, gallop);
            merge.take_left(merge.left.len() - merge.at);
            result
        } else {
            let right: Vec<Entry> = entries[middle..].iter_mut().map(std::mem::take).collect();
            let (to, last) = (entries.len(), right.len());
            let mut merge = FromRight { entries, right, left: middle, last, to };
            let result = self.merge_from_right(&mut merge, gallop);
            merge.take_right(merge.last);
            result
        }
    }

    fn merge_from_left(&mut self, m: &mut FromLeft, gallop: &mut usize) -> Result<()> {
        m.take_right(1);
        if m.rights() == 0 || m.lefts() == 1 {
            m.take_right(m.rights());
            return Ok(());
        }
        loop {
            let (mut lefts, mut rights) = (0, 0);
            while lefts.max(rights) < *gallop {
                if self.sorts_before(&m.entries[m.from].key, &m.left[m.at].key)? {
                    m.take_right(1);
                    (lefts, rights) = (0, rights + 1);
                } else {
                    m.take_left(1);
                    (lefts, rights) = (lefts + 1, 0);
                }
                if m.is_done() {
                    return Ok(());
                }
            }
            *gallop += 1;
            loop {
                *gallop -= usize::from(*gallop > 1);
                let lefts = self.gallop_right(&m.entries[m.from].key, &m.left[m.at..], 0)?;
                m.take_left(lefts);
                if lefts > 0 && m.is_done() {
                    return Ok(());
                }
                m.take_right(1);
                if m.rights() == 0 {
                    return Ok(());
                }
                let rights = self.gallop_left(&m.left[m.at].key, &m.entries[m.from..], 0)?;
                m.take_right(rights);
                if m.rights() == 0 {
                    return Ok(());
                }
                m.take_left(1);
                if m.is_done() {
                    return Ok(());
                }
                if lefts < GALLOP && rights < GALLOP {
                    break;
                }
            }
            // Leaving is punished: the next time it takes longer to begin.
            *gallop += 1;
        }
    }

    fn merge_from_right(&mut self, m: &mut FromRight, gallop: &mut usize) -> Result<()> {
        m.take_left(1);
        if m.left == 0 || m.last == 1 {
            m.take_left(m.left);
            return Ok(());
        }
        loop {
            let (mut lefts, mut rights) = (0, 0);
            while lefts.max(rights) < *gallop {
                if self.sorts_before(&m.right[m.last - 1].key, &m.entries[m.left - 1].key)? {
                    m.take_left(1);
                    (lefts, rights) = (lefts + 1, 0);
                } else {
                    m.take_right(1);
                    (lefts, rights) = (0, rights + 1);
                }
                if m.is_done() {
                    return Ok(());
                }
            }
            *gallop += 1;
            loop {
                *gallop -= usize::from(*gallop > 1);
                let stay = self.gallop_right(&m.right[m.last - 1].key, &m.entries[..m.left], m.left - 1)?;
                let lefts = m.left - stay;
                m.take_left(lefts);
                if m.left == 0 {
                    return Ok(());
                }
                m.take_right(1);
                if m.is_done() {
                    return Ok(());
                }
                let stay = self.gallop_left(&m.entries[m.left - 1].key, &m.right[..m.last], m.last - 1)?;
                let rights = m.last - stay;
                m.take_right(rights);
                if rights > 0 && m.is_done() {
                    return Ok(());
                }
                m.take_left(1);
                if m.left == 0 {
                    return Ok(());
                }
                if lefts < GALLOP && rights < GALLOP {
                    break;
                }
            }
            *gallop += 1;
        }
    }

    /// Where a key belongs in a run, before its equals; looked for in growing steps from `hint`.
    fn gallop_left(&mut self, key: &Value, run: &[Entry], hint: usize) -> Result<usize> {
        gallop(run, hint, |entry| self.sorts_before(&entry.key, key))
    }

    /// Where a key belongs in a run, behind its equals; looked for in growing steps from `hint`.
    fn gallop_right(&mut self, key: &Value, run: &[Entry], hint: usize) -> Result<usize> {
        gallop(run, hint, |entry| Ok(!self.sorts_before(key, &entry.key)?))
    }

    /// How many entries at the front are in order; a falling run is turned round, equal entries in it keep theirs.
    fn count_run(&mut self, entries: &mut [Entry]) -> Result<usize> {
        let len = entries.len();
        let mut count = self.count_rising(entries, 1)?;
        if count >= len {
            return Ok(len);
        }
        if count > 1 {
            if self.sorts_before(&entries[0].key, &entries[count - 1].key)? {
                return Ok(count);
            }
            // All equal so far, and now it falls: turned round twice they stay as they are.
            entries[..count].reverse();
        }
        count += 1;
        let mut equal = 0;
        while count < len {
            if self.sorts_before(&entries[count].key, &entries[count - 1].key)? {
                entries[count - 1 - equal..count].reverse();
                equal = 0;
            } else if self.sorts_before(&entries[count - 1].key, &entries[count].key)? {
                break;
            } else {
                equal += 1;
            }
            count += 1;
        }
        entries[count - 1 - equal..count].reverse();
        entries[..count].reverse();
        self.count_rising(entries, count)
    }

    /// The first position from `from` on whose entry is less than the one before it.
    fn count_rising(&mut self, entries: &[Entry], from: usize) -> Result<usize> {
        let mut at = from;
        while at < entries.len() && !self.sorts_before(&entries[at].key, &entries[at - 1].key)? {
            at += 1;
        }
        Ok(at)
    }

    /// Sorts a slice whose first `sorted` entries are sorted, by binary insertion.
    fn insert(&mut self, entries: &mut [Entry], sorted: usize) -> Result<()> {
        for at in sorted..entries.len() {
            let (mut low, mut high) = (0, at);
            while low < high {
                let middle = low + (high - low) / 2;
                if self.sorts_before(&entries[at].key, &entries[middle].key)? {
                    high = middle;
                } else {
                    low = middle + 1;
                }
            }
            entries[low..=at].rotate_right(1);
        }
        Ok(())
    }
}

/// So many wins in a row and merging gallops.
const GALLOP: usize = 7;

/// A sorted part that waits to be merged.
struct Run {
    start: usize,
    count: usize,
    /// How deep the boundary to the next run lies in a balanced tree of merges.
    power: u32,
}

impl Run {
    /// The power of the boundary between this run and one of `next` entries after it: the first binary digit in which
    /// the middles of the two, as fractions of the whole, differ.
    fn power_before(&self, next: usize, len: usize) -> u32 {
        let mut a = 2 * self.start + self.count;
        let mut b = a + self.count + next;
        let mut power = 0;
        loop {
            power += 1;
            if a >= len {
                a -= len;
                b -= len;
            } else if b >= len {
                return power;
            }
            a <<= 1;
            b <<= 1;
        }
    }
}

/// A merge from the left. The left run has been moved out; its place and what has been merged make up `entries[..from]`.
struct FromLeft<'a> {
    entries: &'a mut [Entry],
    left: Vec<Entry>,
    at: usize,
    from: usize,
    to: usize,
}

impl FromLeft<'_> {
    fn lefts(&self) -> usize {
        self.left.len() - self.at
    }

    fn rights(&self) -> usize {
        self.entries.len() - self.from
    }

    fn take_left(&mut self, count: usize) {
        for _ in 0..count {
            self.entries[self.to] = std::mem::take(&mut self.left[self.at]);
            self.at += 1;
            self.to += 1;
        }
    }

    fn take_right(&mut self, count: usize) {
        for _ in 0..count {
            self.entries.swap(self.to, self.from);
            self.from += 1;
            self.to += 1;
        }
    }

    /// Whether one side is used up, or the last of the left is known to come last.
    fn is_done(&mut self) -> bool {
        if self.lefts() == 1 && self.rights() > 0 {
            self.take_right(self.rights());
        }
        self.lefts() == 0 || self.rights() == 0
    }
}

/// A merge from the right: `entries[..left]` is what is left of the left run, `right[..last]` of the other.
struct FromRight<'a> {
    entries: &'a mut [Entry],
    right: Vec<Entry>,
    left: usize,
    last: usize,
    to: usize,
}

impl FromRight<'_> {
    fn take_left(&mut self, count: usize) {
        for _ in 0..count {
            self.left -= 1;
            self.to -= 1;
            self.entries.swap(self.to, self.left);
        }
    }

    fn take_right(&mut self, count: usize) {
        for _ in 0..count {
            self.last -= 1;
            self.to -= 1;
            self.entries[self.to] = std::mem::take(&mut self.right[self.last]);
        }
    }

    /// Whether one side is used up, or the first of the right is known to come first.
    fn is_done(&mut self) -> bool {
        if self.last == 1 && self.left > 0 {
            self.take_left(self.left);
        }
        self.last == 0 || self.left == 0
    }
}

/// A kind of values that compare without the machine.
#[derive(Clone, Copy, PartialEq)]
enum Plain {
    Int,
    Float,
    /// Integers of any size, booleans and floats.
    Number,
    Text,
    None,
    /// Only as the kind of whole keys.
    Tuple,
}

impl Plain {
    fn of(value: &Value) -> Option<Plain> {
        match value {
            Value::Int(_) => Some(Plain::Int),
            Value::Float(x) => (!x.get().is_nan()).then_some(Plain::Float),
            Value::BigInt(_) | Value::Bool(_) => Some(Plain::Number),
            Value::Str(_) => Some(Plain::Text),
            Value::None => Some(Plain::None),
            _ => None,
        }
    }

    /// The kind of values of both kinds, if these compare with each other.
    fn with(self, other: Plain) -> Option<Plain> {
        match (self, other) {
            (a, b) if a == b => Some(a),
            (Plain::Int | Plain::Float | Plain::Number, Plain::Int | Plain::Float | Plain::Number) => {
                Some(Plain::Number)
            }
            _ => None,
        }
    }
}

/// Sorts what is ordered by keys that are all of one plain kind, or tuples with one kind in each place. `false` if the
/// machine has to be asked how the keys compare; nothing has moved then.
fn sort_plainly<T>(items: &mut [T], key: impl Fn(&T) -> &Value, reverse: bool) -> bool {
    fn by<T>(items: &mut [T], reverse: bool, order: impl Fn(&T, &T) -> Ordering) {
        if reverse { items.sort_by(|a, b| order(b, a)) } else { items.sort_by(order) }
    }
    match plain_kind(items.iter().map(&key)) {
        None => return items.len() < 2,
        Some(Plain::Int) => by(items, reverse, |a, b| match (key(a), key(b)) {
            (Value::Int(x), Value::Int(y)) => x.cmp(y),
            _ => Ordering::Equal,
        }),
        Some(Plain::Float) => by(items, reverse, |a, b| match (key(a), key(b)) {
            (Value::Float(x), Value::Float(y)) => x.get().partial_cmp(&y.get()).unwrap_or(Ordering::Equal),
            _ => Ordering::Equal,
        }),
        Some(Plain::Text) => by(items, reverse, |a, b| match (key(a), key(b)) {
            (Value::Str(x), Value::Str(y)) => compare_text(x, y),
            _ => Ordering::Equal,
        }),
        Some(Plain::Number) => {
            by(items, reverse, |a, b| compare_numbers(key(a), key(b)).flatten().unwrap_or(Ordering::Equal));
        }
        Some(Plain::Tuple) => by(items, reverse, |a, b| match (key(a), key(b)) {
            (Value::Tuple(x), Value::Tuple(y)) => compare_plain_tuples(x, y).unwrap_or(Ordering::Equal),
            _ => Ordering::Equal,
        }),
        Some(Plain::None) => return false,
    }
    true
}

/// The one plain kind that all keys are of; of tuples, one in each place.
fn plain_kind<'a>(mut keys: impl Iterator<Item = &'a Value>) -> Option<Plain> {
    let first = keys.next()?;
    let Value::Tuple(first) = first else {
        return keys.try_fold(Plain::of(first)?, |all, key| all.with(Plain::of(key)?));
    };
    let mut places = first.iter().map(Plain::of).collect::<Option<Vec<Plain>>>()?;
    for key in keys {
        let Value::Tuple(items) = key else { return None };
        for (at, item) in items.iter().enumerate() {
            let kind = Plain::of(item)?;
            match places.get_mut(at) {
                Some(place) => *place = place.with(kind)?,
                None => places.push(kind),
            }
        }
    }
    Some(Plain::Tuple)
}

/// How many entries of a run stay in front of what is looked for, in growing steps from `hint`.
fn gallop(run: &[Entry], hint: usize, mut stays: impl FnMut(&Entry) -> Result<bool>) -> Result<usize> {
    let (mut last, mut step) = (0, 1);
    let (mut low, mut high) = if stays(&run[hint])? {
        let most = run.len() - hint;
        while step < most && stays(&run[hint + step])? {
            (last, step) = (step, 2 * step + 1);
        }
        (hint + last + 1, hint + step.min(most))
    } else {
        let most = hint + 1;
        while step < most && !stays(&run[hint - step])? {
            (last, step) = (step, 2 * step + 1);
        }
        (most - step.min(most), hint - last)
    };
    while low < high {
        let middle = low + (high - low) / 2;
        if stays(&run[middle])? {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(high)
}
