//! Sorting: stable, and safe against comparisons that fail, contradict themselves or change what is being sorted.
//!
//! Numbers and strings are sorted by Rust. Where a comparison may be script code a merge sort of our own is used; it
//! finds runs and inserts into them as CPython's does, so that short lists are compared in the same order.

use std::cmp::Ordering;

use crate::machine::Vm;
use crate::machine::compare::{compare_numbers, compare_text};
use crate::object::{Result, Value};

/// An item with the key it is sorted by; without one the item itself is the key.
struct Entry {
    key: Value,
    /// `Unbound` if the key is the item.
    item: Value,
}

impl Vm {
    /// `items.sort(key=key, reverse=reverse)`. After an error the items are some permutation of what they were.
    pub fn sort(&mut self, items: &mut Vec<Value>, key: Option<&Value>, reverse: bool) -> Result<()> {
        let mut entries = Vec::with_capacity(items.len());
        match key.and_then(Value::given) {
            None => entries.extend(items.drain(..).map(|item| Entry { key: item, item: Value::Unbound })),
            Some(function) => {
                for item in items.iter() {
                    let key = self.call(function, std::slice::from_ref(item))?;
                    entries.push(Entry { key, item: item.clone() });
                }
            }
        }
        // Sorting backwards and reversing keeps equal items in their order.
        if reverse {
            entries.reverse();
        }
        let result = match plain_order(&entries) {
            Some(order) => {
                entries.sort_by(|a, b| order(&a.key, &b.key));
                Ok(())
            }
            None => self.merge_sort(&mut entries),
        };
        if reverse {
            entries.reverse();
        }
        items.clear();
        items.extend(entries.into_iter().map(|e| if e.item.is_unbound() { e.key } else { e.item }));
        result
    }

    fn merge_sort(&mut self, entries: &mut [Entry]) -> Result<()> {
        const SHORT: usize = 64;
        let len = entries.len();
        if len < 2 {
            return Ok(());
        }
        // As long as runs may be that binary insertion makes: between 32 and 64, so that merges stay balanced.
        let mut least = len;
        let mut odd = 0;
        while least >= SHORT {
            odd |= least & 1;
            least >>= 1;
        }
        least += odd;
        let mut runs: Vec<(usize, usize)> = Vec::new();
        let mut start = 0;
        while start < len {
            let mut end = start + self.count_run(&mut entries[start..])?;
            if end - start < least {
                let wanted = (start + least).min(len);
                self.insert(&mut entries[start..wanted], end - start)?;
                end = wanted;
            }
            runs.push((start, end));
            start = end;
        }
        while runs.len() > 1 {
            let mut merged = Vec::with_capacity(runs.len() / 2 + 1);
            for pair in runs.chunks(2) {
                match *pair {
                    [(start, middle), (_, end)] => {
                        self.merge(&mut entries[start..end], middle - start)?;
                        merged.push((start, end));
                    }
                    [run] => merged.push(run),
                    _ => {}
                }
            }
            runs = merged;
        }
        Ok(())
    }

    /// How many entries at the front are in order; a falling run is turned round, equal entries in it keep theirs.
    fn count_run(&mut self, entries: &mut [Entry]) -> Result<usize> {
        let len = entries.len();
        let mut count = self.count_rising(entries, 1)?;
        if count >= len {
            return Ok(len);
        }
        if count > 1 {
            if self.less(&entries[0].key, &entries[count - 1].key)? {
                return Ok(count);
            }
            // All equal so far, and now it falls: turned round twice they stay as they are.
            entries[..count].reverse();
        }
        count += 1;
        let mut equal = 0;
        while count < len {
            if self.less(&entries[count].key, &entries[count - 1].key)? {
                entries[count - 1 - equal..count].reverse();
                equal = 0;
            } else if self.less(&entries[count - 1].key, &entries[count].key)? {
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
        while at < entries.len() && !self.less(&entries[at].key, &entries[at - 1].key)? {
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
                if self.less(&entries[at].key, &entries[middle].key)? {
                    high = middle;
                } else {
                    low = middle + 1;
                }
            }
            entries[low..=at].rotate_right(1);
        }
        Ok(())
    }

    /// Merges two sorted halves. On an error what is left is put back in order of arrival.
    fn merge(&mut self, entries: &mut [Entry], middle: usize) -> Result<()> {
        let (first, second) = entries.split_at_mut(middle);
        if let (Some(last), Some(next)) = (first.last(), second.first()) {
            if !self.less(&next.key, &last.key)? {
                return Ok(());
            }
        }
        let taken = |entry: &mut Entry| Entry { key: entry.key.take(), item: entry.item.take() };
        let left: Vec<Entry> = first.iter_mut().map(taken).collect();
        let mut left = left.into_iter().peekable();
        // `to` never catches up with `from`: the difference is what is left of the first half.
        let (mut to, mut from) = (0, middle);
        let mut result = Ok(());
        while let Some(entry) = left.peek() {
            let take_right = if from >= entries.len() {
                false
            } else {
                match self.less(&entries[from].key, &entry.key) {
                    Ok(less) => less,
                    Err(e) => {
                        result = Err(e);
                        break;
                    }
                }
            };
            if take_right {
                entries.swap(to, from);
                from += 1;
            } else if let Some(entry) = left.next() {
                entries[to] = entry;
            }
            to += 1;
        }
        for entry in left {
            entries[to] = entry;
            to += 1;
        }
        result
    }
}

/// How keys that are all of one plain kind compare; `None` if the machine has to be asked.
fn plain_order(entries: &[Entry]) -> Option<fn(&Value, &Value) -> Ordering> {
    fn ints(a: &Value, b: &Value) -> Ordering {
        match (a, b) {
            (Value::Int(x), Value::Int(y)) => x.cmp(y),
            _ => Ordering::Equal,
        }
    }
    fn texts(a: &Value, b: &Value) -> Ordering {
        match (a, b) {
            (Value::Str(x), Value::Str(y)) => compare_text(x, y),
            _ => Ordering::Equal,
        }
    }
    fn numbers(a: &Value, b: &Value) -> Ordering {
        compare_numbers(a, b).flatten().unwrap_or(Ordering::Equal)
    }
    let all = |test: fn(&Value) -> bool| entries.iter().all(|entry| test(&entry.key));
    match &entries.first()?.key {
        Value::Int(_) if all(|key| matches!(key, Value::Int(_))) => Some(ints),
        Value::Str(_) => all(|key| matches!(key, Value::Str(_))).then_some(texts as fn(&Value, &Value) -> Ordering),
        Value::Int(_) | Value::Float(_) | Value::BigInt(_) | Value::Bool(_) => all(|key| match key {
            Value::Float(x) => !x.is_nan(),
            other => matches!(other, Value::Int(_) | Value::BigInt(_) | Value::Bool(_)),
        })
        .then_some(numbers as fn(&Value, &Value) -> Ordering),
        _ => None,
    }
}
