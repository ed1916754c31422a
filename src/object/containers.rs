//! The built-in containers as data: list, tuple, dict, set, bytes, range, slice.

use std::cell::{Cell, RefCell};
use std::ops::Deref;
use std::rc::Rc;

use smallvec::SmallVec;

use super::table::{Found, Same, Table};
use super::{Str, Value, gc};

#[derive(Default)]
pub struct List {
    pub items: RefCell<Vec<Value>>,
    pub mark: gc::Mark,
}

impl List {
    pub fn new(items: Vec<Value>) -> List {
        List { items: RefCell::new(items), mark: gc::Mark::default() }
    }

    pub fn len(&self) -> usize {
        self.items.borrow().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn get(&self, at: usize) -> Option<Value> {
        self.items.borrow().get(at).cloned()
    }

    pub fn push(&self, value: Value) {
        self.items.borrow_mut().push(value);
    }

    /// A copy of the items: what to iterate over when script code may run in between.
    pub fn to_vec(&self) -> Vec<Value> {
        self.items.borrow().clone()
    }
}

impl Drop for List {
    fn drop(&mut self) {
        self.mark.died(std::ptr::from_ref(self).addr());
        gc::release(self.items.get_mut());
    }
}

/// Most are pairs, which need no memory of their own.
pub struct Tuple {
    items: SmallVec<[Value; 2]>,
    pub mark: gc::Mark,
}

const _: () = assert!(size_of::<Tuple>() <= 48 || cfg!(debug_assertions), "with its two counts it fits in 64 bytes");

/// What a tuple can be made of.
pub trait IntoItems {
    fn into_items(self) -> SmallVec<[Value; 2]>;
}

impl IntoItems for Vec<Value> {
    fn into_items(self) -> SmallVec<[Value; 2]> {
        SmallVec::from_vec(self)
    }
}

impl IntoItems for SmallVec<[Value; 2]> {
    fn into_items(self) -> SmallVec<[Value; 2]> {
        self
    }
}

impl<const N: usize> IntoItems for [Value; N] {
    fn into_items(self) -> SmallVec<[Value; 2]> {
        self.into_iter().collect()
    }
}

impl IntoItems for (Value, Value) {
    fn into_items(self) -> SmallVec<[Value; 2]> {
        SmallVec::from_buf([self.0, self.1])
    }
}

impl IntoItems for &[Value] {
    fn into_items(self) -> SmallVec<[Value; 2]> {
        // At once with the room they take.
        if self.len() <= 2 { self.iter().cloned().collect() } else { SmallVec::from_vec(self.to_vec()) }
    }
}

impl Tuple {
    pub fn new(items: impl IntoItems) -> Tuple {
        let mut items = items.into_items();
        items.shrink_to_fit();
        Tuple { items, mark: gc::Mark::default() }
    }
}

impl Deref for Tuple {
    type Target = [Value];

    fn deref(&self) -> &[Value] {
        &self.items
    }
}

impl Drop for Tuple {
    fn drop(&mut self) {
        gc::release_from_end(&mut self.items);
    }
}

/// `dict`. Lookups by string need no script code; all others go through the machine, which knows `__eq__`.
#[derive(Default)]
pub struct Dict {
    pub table: RefCell<Table<Value>>,
    pub mark: gc::Mark,
}

impl Dict {
    pub fn new() -> Dict {
        Dict::default()
    }

    /// A copy with the same pairs.
    pub fn copied(&self) -> Dict {
        Dict { table: RefCell::new(self.table.borrow().clone()), mark: gc::Mark::default() }
    }

    pub fn len(&self) -> usize {
        self.table.borrow().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Looks a string up.
    pub fn get_str(&self, key: &Rc<Str>) -> Option<Value> {
        let table = self.table.borrow();
        match table.find(key.hash(), |k| same_str(k, key)) {
            Found::At(at) => table.entry(at).map(|e| e.value.clone()),
            _ => None,
        }
    }

    /// The position of a string key, for inline caches.
    pub fn position_str(&self, key: &Rc<Str>) -> Option<usize> {
        match self.table.borrow().find(key.hash(), |k| same_str(k, key)) {
            Found::At(at) => Some(at),
            _ => None,
        }
    }

    /// The value at a position if the key there is this very string object.
    #[inline]
    pub fn get_cached(&self, at: usize, key: &Rc<Str>) -> Option<Value> {
        self.look_cached(at, key, |value| Some(value.clone()))
    }

    /// Looks at what [`Dict::get_cached`] would give.
    #[inline(always)]
    pub fn look_cached<R>(&self, at: usize, key: &Rc<Str>, look: impl FnOnce(&Value) -> Option<R>) -> Option<R> {
        let table = self.table.borrow();
        let entry = table.entry(at)?;
        match &entry.key {
            Value::Str(k) if Rc::ptr_eq(k, key) => look(&entry.value),
            _ => None,
        }
    }

    /// Sets a string key and returns the old value.
    pub fn set_str(&self, key: &Rc<Str>, value: Value) -> Option<Value> {
        self.set_str_at(key, value).1
    }

    /// The same, with the position of the key.
    pub fn set_str_at(&self, key: &Rc<Str>, value: Value) -> (usize, Option<Value>) {
        let mut table = self.table.borrow_mut();
        if let Found::At(at) = table.find(key.hash(), |k| same_str(k, key)) {
            return (at, table.value_mut(at).map(|old| std::mem::replace(old, value)));
        }
        table.insert_new(key.hash(), Value::Str(key.clone()), value);
        (table.entries().len() - 1, None)
    }

    pub fn remove_str(&self, key: &Rc<Str>) -> Option<Value> {
        let mut table = self.table.borrow_mut();
        match table.find(key.hash(), |k| same_str(k, key)) {
            Found::At(at) => table.remove_at(at).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The pairs in order, copied out.
    pub fn pairs(&self) -> Vec<(Value, Value)> {
        self.table.borrow().iter().map(|e| (e.key.clone(), e.value.clone())).collect()
    }

    pub fn keys(&self) -> Vec<Value> {
        self.table.borrow().iter().map(|e| e.key.clone()).collect()
    }

    pub fn values(&self) -> Vec<Value> {
        self.table.borrow().iter().map(|e| e.value.clone()).collect()
    }
}

/// Whether a stored key equals a string; a key whose `__eq__` is script code (an instance) is not asked: names and
/// attribute keys are strings.
fn same_str(stored: &Value, key: &Rc<Str>) -> Same {
    match stored.unwrapped() {
        Value::Str(k) if Rc::ptr_eq(k, key) || k.as_str() == key.as_str() => Same::Yes,
        _ => Same::No,
    }
}

impl Drop for Dict {
    fn drop(&mut self) {
        self.mark.died(std::ptr::from_ref(self).addr());
        let mut entries = self.table.get_mut().take_entries();
        gc::release_all(entries.iter_mut().flat_map(|entry| [&mut entry.key, &mut entry.value]));
    }
}

/// `set` and `frozenset`.
pub struct Set {
    pub table: RefCell<Table<()>>,
    pub frozen: bool,
    /// Whether an element is hashed by identity: then the order is that of insertion, so that a run is the same every
    /// time.
    pub by_identity: Cell<bool>,
    /// Where the search for the next element to pop begins: see [`Table::next_to_pop`].
    pub finger: Cell<u32>,
    pub hash: Cell<Option<i64>>,
    pub mark: gc::Mark,
}

impl Set {
    pub fn new(frozen: bool) -> Set {
        Set::with(Table::new(), frozen)
    }

    pub fn with(table: Table<()>, frozen: bool) -> Set {
        let (by_identity, finger, hash) = (Cell::new(false), Cell::new(0), Cell::new(None));
        Set { table: RefCell::new(table), frozen, by_identity, finger, hash, mark: gc::Mark::default() }
    }

    pub fn len(&self) -> usize {
        self.table.borrow().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements with their hashes in order of iteration, copied out.
    pub fn elements(&self) -> Vec<(i64, Value)> {
        self.copied(|hash, value| (hash, value.clone()))
    }

    /// Whether something holds of all elements and their hashes, which are looked at in order of iteration.
    pub fn all(&self, mut holds: impl FnMut(i64, &Value) -> bool) -> bool {
        let table = self.table.borrow();
        if self.by_identity.get() {
            return table.iter().all(|entry| holds(entry.hash, &entry.key));
        }
        let mut entries = (0..table.index_len()).filter_map(|place| table.indexed_entry(place));
        entries.all(|entry| holds(entry.hash, &entry.key))
    }

    pub fn values(&self) -> Vec<Value> {
        self.copied(|_, value| value.clone())
    }

    fn copied<T>(&self, copy: impl Fn(i64, &Value) -> T) -> Vec<T> {
        let mut copies = Vec::with_capacity(self.len());
        self.all(|hash, value| {
            copies.push(copy(hash, value));
            true
        });
        copies
    }
}

impl Drop for Set {
    fn drop(&mut self) {
        self.mark.died(std::ptr::from_ref(self).addr());
        if self.table.get_mut().iter().any(|e| e.key.is_container()) {
            let mut values = self.values();
            drop(self.table.get_mut().take_entries());
            gc::release_in_order(&mut values);
        }
    }
}

pub struct Bytes {
    /// Few of them are kept here.
    bytes: SmallVec<[u8; Bytes::FEW]>,
    /// `hash()`; 0 until computed (and, harmlessly, for the few whose hash is 0).
    hash: Cell<i64>,
}

impl Bytes {
    const FEW: usize = 16;

    pub fn new(bytes: impl AsRef<[u8]> + Into<Vec<u8>>) -> Bytes {
        let few = bytes.as_ref();
        let bytes = if few.len() <= Bytes::FEW {
            SmallVec::from_slice(few)
        } else {
            let mut many = bytes.into();
            many.shrink_to_fit();
            SmallVec::from_vec(many)
        };
        Bytes { bytes, hash: Cell::new(0) }
    }

    /// Those of two after each other.
    pub fn joined(a: &[u8], b: &[u8]) -> Bytes {
        let mut bytes = SmallVec::with_capacity(a.len() + b.len());
        bytes.extend_from_slice(a);
        bytes.extend_from_slice(b);
        Bytes { bytes, hash: Cell::new(0) }
    }

    #[inline]
    pub fn hash(&self) -> i64 {
        if self.hash.get() == 0 {
            self.hash.set(crate::text::hash::hash_bytes(&self.bytes));
        }
        self.hash.get()
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

#[derive(Default)]
pub struct ByteArray {
    pub bytes: RefCell<Vec<u8>>,
    /// How many views there are: while there is one, the length stays.
    pub views: Cell<usize>,
}

impl ByteArray {
    pub fn new(bytes: Vec<u8>) -> Rc<ByteArray> {
        Rc::new(ByteArray { bytes: bytes.into(), views: Cell::new(0) })
    }
}

/// `range`: any integers, usually small.
pub struct Range {
    pub start: Value,
    pub stop: Value,
    pub step: Value,
}

impl Range {
    /// [`Range::small`] if no step beyond the end leaves the machine word either.
    pub fn steps(&self) -> Option<(i64, i64, i64)> {
        self.small().and_then(|(start, stop, step)| Range::within(start, stop, step))
    }

    /// Start, stop and step of the arguments of a `range` if all are small and the step is not 0.
    pub fn bounds(given: &[&Value]) -> Option<(i64, i64, i64)> {
        match given {
            [Value::Int(stop)] => Some((0, *stop, 1)),
            [Value::Int(start), Value::Int(stop)] => Some((*start, *stop, 1)),
            [Value::Int(start), Value::Int(stop), Value::Int(step)] if *step != 0 => Some((*start, *stop, *step)),
            _ => None,
        }
    }

    /// The three again if no step beyond the end leaves the machine word.
    pub fn within(start: i64, stop: i64, step: i64) -> Option<(i64, i64, i64)> {
        let beyond = if step > 0 { stop.checked_add(step - 1) } else { stop.checked_add(step + 1) };
        beyond.map(|_| (start, stop, step))
    }

    /// Start, stop and step if all three are small.
    pub fn small(&self) -> Option<(i64, i64, i64)> {
        match (&self.start, &self.stop, &self.step) {
            (Value::Int(a), Value::Int(b), Value::Int(c)) => Some((*a, *b, *c)),
            _ => None,
        }
    }
}

/// `slice`; absent parts are `None`.
pub struct Slice {
    pub start: Value,
    pub stop: Value,
    pub step: Value,
}

impl Drop for Slice {
    fn drop(&mut self) {
        gc::release_one(&mut self.step);
        gc::release_one(&mut self.start);
        gc::release_one(&mut self.stop);
    }
}
