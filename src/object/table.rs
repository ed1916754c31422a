//! The hash table under `dict` and `set`: entries in order of insertion, and an index over them.
//!
//! Entries stand in a vector; a removed one leaves a hole (its key is `Unbound`) until the table is rebuilt, so a
//! position stays good while nothing is inserted. The index of a set is probed in the sequence that CPython's sets use, so
//! that one of numbers or strings can be iterated in CPython's order: the order of the index, not of insertion. That of a
//! dict is seen nowhere, and jumps at once: keys are often numbers in a row, where the next places are taken as well.
//!
//! **Invariant**: the table never calls script code. Whether two keys are equal is asked of a function that may answer
//! "not known"; the machine then decides outside and asks again.

use std::cell::{Cell, OnceCell};

use thin_vec::ThinVec;

use super::value::Value;

#[derive(Clone)]
pub struct Entry<V> {
    pub hash: i64,
    /// `Unbound` when removed.
    pub key: Value,
    pub value: V,
}

/// A set's table has no values, and an index from the first entry on.
pub struct Table<V> {
    entries: ThinVec<Entry<V>>,
    /// Positions in `entries`, `EMPTY` or `DUMMY`; its length is a power of two, or 0 while a short scan does.
    index: ThinVec<u32>,
    used: u32,
    /// Used and dummy places of the index; without one, whether there is room for more than five entries.
    fill: u32,
    /// The entries before this position are holes.
    front: u32,
    /// Changes whenever a key is inserted or removed.
    pub keys_version: u32,
}

const _: () = assert!(size_of::<Table<Value>>() == 32, "a dict fits in 64 bytes with its two counts");

const EMPTY: u32 = u32::MAX;
const DUMMY: u32 = u32::MAX - 1;
const LINEAR_PROBES: usize = 9;
const PERTURB_SHIFT: u32 = 5;
/// Without an index, this many entries are simply scanned.
const SCANNED: usize = 8;

/// What a comparison of two keys with equal hashes says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Same {
    Yes,
    No,
    /// Only script code can tell.
    Unknown,
}

pub enum Found {
    At(usize),
    Absent,
    /// The entry at this position must be compared by script code.
    Ask(usize),
}

/// How far a search has come, which is continued when script code has compared two keys.
pub struct Search {
    /// The next entry where there is no index.
    at: usize,
    probe: Probe,
}

/// The places of an index where an entry may stand, one after the other.
struct Probe {
    place: usize,
    /// Where a row of places next to each other begins, and its last one.
    first: usize,
    last: usize,
    perturb: u64,
    mask: usize,
    row: usize,
}

impl Probe {
    #[inline(always)]
    fn new<V>(hash: i64, index_len: usize) -> Probe {
        let mask = index_len - 1;
        let first = hash as usize & mask;
        let row = if Table::<V>::INDEXED { LINEAR_PROBES } else { 0 };
        let last = if first + row <= mask { first + row } else { first };
        Probe { place: first, first, last, perturb: hash as u64, mask, row }
    }

    #[inline(always)]
    fn advance(&mut self) {
        if self.place < self.last {
            self.place += 1;
            return;
        }
        self.perturb >>= PERTURB_SHIFT;
        self.first = self.first.wrapping_mul(5).wrapping_add(1).wrapping_add(self.perturb as usize) & self.mask;
        self.last = if self.first + self.row <= self.mask { self.first + self.row } else { self.first };
        self.place = self.first;
    }
}

thread_local! {
    /// Empty indexes by the logarithms of their sizes: to copy one is quicker than to fill one place by place.
    static EMPTY_INDEXES: [OnceCell<ThinVec<u32>>; 16] = const { [const { OnceCell::new() }; 16] };
}

/// An index of a power of two of places.
fn empty_index(size: usize) -> ThinVec<u32> {
    let filled = || {
        let mut index = ThinVec::with_capacity(size);
        index.resize(size, EMPTY);
        index
    };
    let copied = EMPTY_INDEXES.try_with(|known| Some(known.get(size.ilog2() as usize)?.get_or_init(filled).clone()));
    copied.ok().flatten().unwrap_or_else(filled)
}

impl<V> Table<V> {
    /// Whether there is an index from the first entry on.
    const INDEXED: bool = size_of::<V>() == 0;

    pub fn new() -> Table<V> {
        Table { entries: ThinVec::new(), index: Self::first_index(), used: 0, fill: 0, front: 0, keys_version: 0 }
    }

    fn first_index() -> ThinVec<u32> {
        if Self::INDEXED { empty_index(8) } else { ThinVec::new() }
    }

    /// Makes room for entries to come.
    pub fn reserve(&mut self, more: usize) {
        self.entries.reserve_exact(more);
        let total = self.len() + more;
        if self.index.is_empty() && total > SCANNED {
            self.rebuild(total * 5 / 3 + 1);
        }
    }

    /// Makes room in the vector alone, for at most a few entries too many.
    pub fn reserve_entries(&mut self, more: usize) {
        self.entries.reserve_exact(more.min(SCANNED));
    }

    pub fn len(&self) -> usize {
        self.used as usize
    }

    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// The entries with holes; positions are stable while nothing is inserted or removed.
    pub fn entries(&self) -> &[Entry<V>] {
        &self.entries
    }

    #[inline]
    pub fn entry(&self, at: usize) -> Option<&Entry<V>> {
        self.entries.get(at)
    }

    /// The key at a position, and its value to be changed.
    #[inline]
    pub fn entry_mut(&mut self, at: usize) -> Option<(&Value, &mut V)> {
        self.entries.get_mut(at).map(|entry| (&entry.key, &mut entry.value))
    }

    #[inline]
    pub fn value_mut(&mut self, at: usize) -> Option<&mut V> {
        self.entries.get_mut(at).map(|entry| &mut entry.value)
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Entry<V>> {
        self.entries.iter().filter(|entry| !matches!(entry.key, Value::Unbound))
    }

    /// Whether places of the index are those of removed keys.
    pub fn has_dummies(&self) -> bool {
        self.fill != self.used
    }

    /// Places of the index; [`Table::indexed_entry`] reads them in CPython's set order.
    pub fn index_len(&self) -> usize {
        self.index.len()
    }

    pub fn indexed_entry(&self, place: usize) -> Option<&Entry<V>> {
        let &at = self.index.get(place)?;
        if at >= DUMMY { None } else { self.entries.get(at as usize) }
    }

    /// The position of the first entry.
    pub fn first(&mut self) -> Option<usize> {
        while matches!(self.entries.get(self.front as usize), Some(Entry { key: Value::Unbound, .. })) {
            self.front += 1;
        }
        let front = self.front as usize;
        (front < self.entries.len()).then_some(front)
    }

    /// The position of the entry that CPython's `set.pop` takes: the next one of the index after the last one taken, which
    /// `finger` keeps.
    pub fn next_to_pop(&self, finger: &Cell<u32>) -> Option<usize> {
        let mask = self.index.len().checked_sub(1)?;
        let mut place = finger.get() as usize & mask;
        for _ in 0..=mask {
            if self.index[place] < DUMMY {
                finger.set(place as u32 + 1);
                return Some(self.index[place] as usize);
            }
            place = (place + 1) & mask;
        }
        None
    }

    /// Looks a key up.
    #[inline]
    pub fn find(&self, hash: i64, same: impl Fn(&Value) -> Same) -> Found {
        // Mostly the first place tells.
        if let Some(mask) = self.index.len().checked_sub(1) {
            let at = self.index[hash as usize & mask];
            if at == EMPTY {
                return Found::Absent;
            }
            if let Some(entry) = self.entries.get(at as usize)
                && entry.hash == hash
                && same(&entry.key) == Same::Yes
            {
                return Found::At(at as usize);
            }
        }
        self.find_next(&mut self.search(hash), hash, same)
    }

    /// The beginning of a search for a key.
    #[inline]
    pub fn search(&self, hash: i64) -> Search {
        Search { at: 0, probe: Probe::new::<V>(hash, self.index.len().max(1)) }
    }

    /// Goes on with a search behind the entry that was asked about. It stands as long as the table is not rebuilt.
    #[inline]
    pub fn find_next(&self, search: &mut Search, hash: i64, same: impl Fn(&Value) -> Same) -> Found {
        if self.index.is_empty() {
            for (at, entry) in self.entries.iter().enumerate().skip(search.at) {
                if entry.hash == hash && !matches!(entry.key, Value::Unbound) {
                    match same(&entry.key) {
                        Same::Yes => return Found::At(at),
                        Same::No => {}
                        Same::Unknown => {
                            search.at = at + 1;
                            return Found::Ask(at);
                        }
                    }
                }
            }
            return Found::Absent;
        }
        let probe = &mut search.probe;
        loop {
            let at = self.index[probe.place];
            if at == EMPTY {
                return Found::Absent;
            }
            if at != DUMMY {
                let entry = &self.entries[at as usize];
                if entry.hash == hash {
                    match same(&entry.key) {
                        Same::Yes => return Found::At(at as usize),
                        Same::No => {}
                        Same::Unknown => {
                            probe.advance();
                            return Found::Ask(at as usize);
                        }
                    }
                }
            }
            probe.advance();
        }
    }

    /// Adds a key that is known to be absent.
    pub fn insert_new(&mut self, hash: i64, key: Value, value: V) {
        self.keys_version = self.keys_version.wrapping_add(1);
        if self.entries.len() == 5 && self.fill == 0 && self.index.is_empty() {
            // CPython gives a small dict more room here and closes its holes; see `close_end`.
            self.entries.retain(|entry| !matches!(entry.key, Value::Unbound));
            self.front = 0;
            self.fill = u32::from(self.used > 2);
        }
        let at = self.entries.len();
        if self.entries.capacity() == 0 {
            // Many dicts have one entry.
            self.entries.reserve_exact(1);
        }
        self.entries.push(Entry { hash, key, value });
        self.used += 1;
        if self.index.is_empty() {
            if self.entries.len() > SCANNED {
                self.rebuild(self.len() * 3);
            }
            return;
        }
        let fresh = Self::place(&mut self.index, hash, at as u32);
        self.fill += u32::from(fresh);
        let mask = self.index.len() - 1;
        if fresh && self.fill as usize * 5 >= mask * 3 {
            self.rebuild(if self.used > 50_000 { self.len() * 2 } else { self.len() * 4 });
        } else if self.entries.len() >= 16 && self.entries.len() > self.len() * 3 {
            if Self::INDEXED { self.close_holes() } else { self.rebuild(self.len() * 4) }
        }
    }

    /// Adds a key that is known to be absent before all others.
    pub fn insert_first(&mut self, hash: i64, key: Value, value: V)
    where
        V: Default,
    {
        self.keys_version = self.keys_version.wrapping_add(1);
        if self.front == 0 {
            // Room for as many as there are, so that moving each of them here costs little.
            self.close_holes();
            let room = self.entries.len() + SCANNED;
            let hole = || Entry { hash: 0, key: Value::Unbound, value: V::default() };
            self.entries.splice(0..0, std::iter::repeat_with(hole).take(room));
            for at in self.index.iter_mut().filter(|at| **at < DUMMY) {
                *at += room as u32;
            }
            self.front = room as u32;
        }
        self.front -= 1;
        let at = self.front;
        self.entries[at as usize] = Entry { hash, key, value };
        self.used += 1;
        if !self.index.is_empty() && Self::place(&mut self.index, hash, at) {
            self.fill += 1;
            if self.fill as usize * 5 >= (self.index.len() - 1) * 3 {
                self.rebuild(self.len() * 2);
            }
        }
    }

    /// Puts a position into the index; whether the place was empty before. Those of removed keys are taken again, of a
    /// set the last one on the way, as in CPython: a key that is removed and put back over and over, as the last used of
    /// a cache is, has no ever longer way.
    #[inline]
    fn place(index: &mut [u32], hash: i64, at: u32) -> bool {
        let first = hash as usize & (index.len() - 1);
        if index[first] == EMPTY {
            index[first] = at;
            return true;
        }
        let mut probe = Probe::new::<V>(hash, index.len());
        let mut free = None;
        while index[probe.place] != EMPTY {
            if index[probe.place] == DUMMY {
                free = Some(probe.place);
                if !Self::INDEXED {
                    break;
                }
            }
            probe.advance();
        }
        index[free.unwrap_or(probe.place)] = at;
        free.is_none()
    }

    pub fn has_holes(&self) -> bool {
        self.entries.len() != self.len()
    }

    /// Where each entry goes when holes are closed.
    fn positions_without_holes(&self) -> Vec<u32> {
        let mut kept = 0u32;
        let position = |entry: &Entry<V>| {
            let at = kept;
            kept += u32::from(!matches!(entry.key, Value::Unbound));
            at
        };
        self.entries.iter().map(position).collect()
    }

    /// Takes over what another table has; there is nothing in this one.
    pub fn copy_from(&mut self, other: &Table<V>)
    where
        V: Clone,
    {
        *self = Table { keys_version: self.keys_version.wrapping_add(1), ..other.clone() };
    }

    /// Closes the holes among the entries and leaves the index as it is, which is the order of a set.
    fn close_holes(&mut self) {
        let moved = self.positions_without_holes();
        for at in self.index.iter_mut().filter(|at| **at < DUMMY) {
            *at = moved[*at as usize];
        }
        self.entries.retain(|entry| !matches!(entry.key, Value::Unbound));
        self.front = 0;
    }

    /// What a set does when elements were taken away: with too many gaps it is built anew.
    pub fn close_gaps(&mut self) {
        let gaps = self.fill.saturating_sub(self.used) as usize;
        if Self::INDEXED && gaps > (self.index.len() - 1) / 4 {
            self.rebuild(if self.used > 50_000 { self.len() * 2 } else { self.len() * 4 });
        }
    }

    /// Makes the index anew for more than `minimum` entries and closes the holes. Entries keep their order; the index
    /// is filled in its old order, as CPython's sets do.
    fn rebuild(&mut self, minimum: usize) {
        self.front = 0;
        let mut size = 8;
        while size <= minimum {
            size <<= 1;
        }
        let old = std::mem::take(&mut self.index);
        let mut index = empty_index(size);
        let moved = if Self::INDEXED && self.has_holes() { self.positions_without_holes() } else { Vec::new() };
        if Self::INDEXED {
            for &at in old.iter().filter(|at| **at < DUMMY) {
                let hash = self.entries[at as usize].hash;
                Self::place(&mut index, hash, moved.get(at as usize).copied().unwrap_or(at));
            }
        }
        if self.has_holes() {
            self.entries.retain(|entry| !matches!(entry.key, Value::Unbound));
        }
        if !Self::INDEXED {
            for (at, entry) in self.entries.iter().enumerate() {
                Self::place(&mut index, entry.hash, at as u32);
            }
        }
        self.index = index;
        self.fill = self.used;
    }

    /// Makes room for `more` entries at once, as CPython's set update does.
    pub fn reserve_for_merge(&mut self, more: usize) {
        let mask = self.index.len().saturating_sub(1);
        if Self::INDEXED && (self.fill as usize + more) * 5 >= mask * 3 {
            self.rebuild((self.len() + more) * 2);
        }
    }

    /// Removes the entry at a position.
    pub fn remove_at(&mut self, at: usize) -> Option<(Value, V)>
    where
        V: Default,
    {
        let hash = self.entries.get(at)?.hash;
        if matches!(self.entries[at].key, Value::Unbound) {
            return None;
        }
        self.keys_version = self.keys_version.wrapping_add(1);
        if !self.index.is_empty() {
            self.unplace(hash, at as u32);
        }
        let entry = &mut self.entries[at];
        let key = std::mem::replace(&mut entry.key, Value::Unbound);
        let value = std::mem::take(&mut entry.value);
        self.used -= 1;
        if Self::INDEXED {
            self.close_end();
        }
        Some((key, value))
    }

    /// Closes the holes at the end. A dict does so only when its last item is popped, so that who iterates over it
    /// notices that a key was removed and put back.
    fn close_end(&mut self) {
        while matches!(self.entries.last(), Some(Entry { key: Value::Unbound, .. })) {
            self.entries.pop();
        }
        self.front = self.front.min(self.entries.len() as u32);
    }

    /// The position of the last entry.
    pub fn last(&mut self) -> Option<usize> {
        self.close_end();
        self.entries.len().checked_sub(1)
    }

    fn unplace(&mut self, hash: i64, at: u32) {
        let mut probe = Probe::new::<V>(hash, self.index.len());
        while self.index[probe.place] != EMPTY {
            if self.index[probe.place] == at {
                self.index[probe.place] = DUMMY;
                return;
            }
            probe.advance();
        }
    }

    /// The entries of a table that is going away.
    pub fn take_entries(&mut self) -> ThinVec<Entry<V>> {
        std::mem::take(&mut self.entries)
    }

    pub fn clear(&mut self) -> ThinVec<Entry<V>> {
        self.keys_version = self.keys_version.wrapping_add(1);
        self.index = Self::first_index();
        self.used = 0;
        self.fill = 0;
        self.front = 0;
        std::mem::take(&mut self.entries)
    }
}

impl<V> Default for Table<V> {
    fn default() -> Self {
        Table::new()
    }
}

impl<V: Clone> Clone for Table<V> {
    fn clone(&self) -> Self {
        Table { entries: self.entries.clone(), index: self.index.clone(), ..*self }
    }
}
