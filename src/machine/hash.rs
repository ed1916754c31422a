//! Hashing, and the dicts and sets that rest on it.
//!
//! **Invariant**: a table is never borrowed while script code runs. Where two keys with equal hashes can only be
//! compared by script code, the stored key is copied out, compared, and the table asked again; if its keys have changed
//! meanwhile the search starts over.

use std::cell::RefCell;

use super::prelude::*;
use crate::machine::hooks::Hooks;
use crate::machine::{generic, views};
use crate::object::class::Special;
use crate::object::containers::Bytes;
use crate::object::instance::Instance;
use crate::object::iter::Pair;
use crate::object::table::{Entry, Found, Same, Search, Table};
use crate::object::{Set, Tuple};
use crate::text::hash as hashes;

const NONE: i64 = 4_238_894_112;

/// What the length of a tuple of three adds to its hash.
const TUPLE_OF_THREE: i64 = 2_870_177_450_013_471_925;

/// How deep tuples are compared without the machine, which counts its recursion.
const PLAIN_DEPTH: u32 = 16;
/// How many tuples are hashed at once.
const PLAIN_TUPLES: u32 = 16;

/// The hash of an object that equals nothing but itself.
pub fn identity(value: &Value) -> i64 {
    let hash = (value.id() as u64).rotate_right(4) as i64;
    if hash == -1 { -2 } else { hash }
}

impl Vm {
    /// `hash(value)`.
    #[inline]
    pub fn hash(&mut self, value: &Value) -> Result<i64> {
        match value {
            Value::Str(text) => Ok(text.hash()),
            Value::Int(n) => Ok(hashes::hash_i64(*n)),
            _ => self.hash_general(value).map(|(hash, _)| hash),
        }
    }

    /// The hash, and whether it depends on where the object happens to lie in memory.
    #[inline(never)]
    fn hash_general(&mut self, value: &Value) -> Result<(i64, bool)> {
        let fixed = |hash| Ok((hash, false));
        if let Some(hash) = plain_hash(value, &mut { PLAIN_TUPLES }) {
            return fixed(hash);
        }
        match value {
            Value::BigInt(n) => fixed(hashes::hash_int(n)),
            // That is not a number.
            Value::Float(_) => fixed(identity(value)),
            Value::Complex(z) => fixed(hashes::hash_complex(z.0, z.1)),
            Value::Tuple(items) => {
                let items = items.clone();
                self.hash_all(&items)
            }
            Value::Set(set) if set.frozen => {
                let by_identity = set.by_identity.get();
                if let Some(hash) = set.hash.get() {
                    return Ok((hash, by_identity));
                }
                let hash = hashes::hash_frozenset(set.elements().into_iter().map(|(hash, _)| hash));
                set.hash.set(Some(hash));
                Ok((hash, by_identity))
            }
            Value::Range(range) => {
                let len = self.range_len(range);
                let (start, step) = match &len {
                    Value::Int(0) => (Value::None, Value::None),
                    Value::Int(1) => (range.start.clone(), Value::None),
                    _ => (range.start.clone(), range.step.clone()),
                };
                self.hash_all(&[len, start, step])
            }
            Value::Slice(slice) => {
                let parts = [slice.start.clone(), slice.stop.clone(), slice.step.clone()];
                let (hash, by_identity) = self.hash_all(&parts)?;
                // Mixed as a tuple's, without its length at the end.
                Ok((fix(hash.wrapping_sub(TUPLE_OF_THREE)), by_identity))
            }
            Value::BoundMethod(method) => {
                let (func, _) = self.hash_general(&method.func)?;
                Ok((fix(identity(&method.this) ^ func), true))
            }
            Value::Code(code) => {
                let (name, (line, column), text) = code.identity();
                let parts = [Value::str(name), Value::Int(line.into()), Value::Int(column.into()), Value::str(text)];
                self.hash_all(&parts).map(|(hash, _)| (hash, false))
            }
            Value::List(_) | Value::Dict(_) | Value::Set(_) | Value::ByteArray(_) | Value::Cell(_) => {
                Err(self.unhashable(value))
            }
            Value::Instance(_) | Value::Exception(_) | Value::Class(_) => self.hash_object(value),
            _ => Ok((identity(value), true)),
        }
    }

    /// Whether the hash of a key, which is known, was that of its identity.
    pub fn is_hashed_by_identity(&mut self, key: &Value) -> Result<bool> {
        match key {
            Value::Int(_) | Value::Str(_) => Ok(false),
            Value::Instance(_) if matches!(self.special(key, sym::__hash__), Special::Method(_)) => Ok(false),
            _ => Ok(self.hash_general(key)?.1),
        }
    }

    /// The hash of a tuple of these.
    fn hash_all(&mut self, items: &[Value]) -> Result<(i64, bool)> {
        let (mut by_identity, mut failed) = (false, None);
        let hash = hashes::hash_tuple(items.iter().map_while(|item| {
            let hashed = match item {
                Value::Int(n) => return Some(hashes::hash_i64(*n)),
                Value::Str(text) => return Some(text.hash()),
                Value::Tuple(_) => self.nested_in("", |vm| vm.hash_general(item)),
                _ => self.hash_general(item),
            };
            let (hash, own) = hashed.map_err(|error| failed = Some(error)).ok()?;
            by_identity |= own;
            Some(hash)
        }));
        failed.map_or(Ok((hash, by_identity)), Err)
    }

    fn hash_object(&mut self, value: &Value) -> Result<(i64, bool)> {
        match self.special(value, sym::__hash__) {
            Special::Method(Value::None) => Err(self.unhashable(value)),
            Special::Method(method) => match self.call_found(&method, value, &[])?.unwrapped() {
                Value::Int(n) => Ok((fix(*n), false)),
                Value::Bool(b) => Ok((i64::from(b.get()), false)),
                Value::BigInt(n) => Ok((hashes::hash_int(n), false)),
                _ => Err(self.type_error("__hash__ method should return an integer")),
            },
            Special::Builtin => match value {
                Value::Instance(instance) => match instance.inner() {
                    Some(inner) => {
                        // What its class does is known from now on: the next time it is found at once.
                        self.hooks(&instance.class());
                        let inner = inner.clone();
                        match &inner {
                            Value::List(_) | Value::Dict(_) | Value::Set(_) | Value::ByteArray(_) if !matches!(&inner, Value::Set(set) if set.frozen) => {
                                Err(self.unhashable(value))
                            }
                            Value::Float(x) if x.get().is_nan() => Ok((identity(value), true)),
                            _ => self.hash_general(&inner),
                        }
                    }
                    None => match generic::hashed(value) {
                        None if views::is_proxy(value) => match views::proxied(value) {
                            Some(mapping) => self.nested_in("", |vm| vm.hash_general(&mapping)),
                            None => Ok((identity(value), true)),
                        },
                        Some(parts) => parts.hash(self).map(|hash| (hash, false)),
                        None if views::is_set_like(value) => Err(self.unhashable(value)),
                        None => Ok((identity(value), true)),
                    },
                },
                _ => Ok((identity(value), true)),
            },
            Special::Default | Special::Missing => Ok((identity(value), true)),
        }
    }

    #[cold]
    pub fn unhashable(&mut self, value: &Value) -> Error {
        let name = self.type_name(value);
        self.type_error(format!("unhashable type: '{name}'"))
    }

    /// The position of a key in a table.
    #[inline]
    pub fn table_find<V>(&mut self, table: &RefCell<Table<V>>, hash: i64, key: &Value) -> Result<Option<usize>> {
        match find_plain(&table.borrow(), hash, key) {
            Found::At(at) => return Ok(Some(at)),
            Found::Absent => return Ok(None),
            Found::Ask(_) => {}
        }
        self.table_find_asking(table, hash, key)
    }

    #[cold]
    fn table_find_asking<V>(&mut self, table: &RefCell<Table<V>>, hash: i64, key: &Value) -> Result<Option<usize>> {
        let mut search = table.borrow().search(hash);
        loop {
            let (at, stored, size) = {
                let table = table.borrow();
                match find_next(&table, &mut search, hash, key) {
                    Found::At(at) => return Ok(Some(at)),
                    Found::Absent => return Ok(None),
                    Found::Ask(at) => match table.entry(at) {
                        Some(entry) => (at, entry.key.clone(), (table.index_len(), table.entries().len())),
                        None => return Ok(None),
                    },
                }
            };
            let equal = self.eq(&stored, key)?;
            // Positions hold while the table is not built anew, however many keys the comparison added.
            let table = table.borrow();
            let stays = table.index_len() == size.0 && table.entries().len() >= size.1;
            if !stays || !table.entry(at).is_some_and(|entry| entry.key.is(&stored)) {
                search = table.search(hash);
            } else if equal {
                return Ok(Some(at));
            }
        }
    }

    /// `dict.get(key)`.
    pub fn dict_get(&mut self, dict: &Dict, key: &Value) -> Result<Option<Value>> {
        if let Some(found) = Self::dict_get_at_once(dict, key) {
            return Ok(found);
        }
        let hash = self.hash(key)?;
        let at = self.table_find(&dict.table, hash, key)?;
        Ok(at.and_then(|at| dict.table.borrow().entry(at).map(|entry| entry.value.clone())))
    }

    /// The same where neither the hash nor a comparison of keys is a matter of script code; `None` says nothing.
    #[inline]
    pub fn dict_get_at_once(dict: &Dict, key: &Value) -> Option<Option<Value>> {
        let table = dict.table.borrow();
        match find_at_once(&table, key) {
            Found::At(at) => table.entry(at).map(|entry| Some(entry.value.clone())),
            Found::Absent => Some(None),
            Found::Ask(_) => None,
        }
    }

    /// Changes the value that [`Vm::dict_get_at_once`] would give, in its place; no script code may run meanwhile.
    #[inline]
    pub fn dict_change_at_once<T>(dict: &Dict, key: &Value, change: impl FnOnce(&mut Value) -> Option<T>) -> Option<T> {
        let mut table = dict.table.borrow_mut();
        match find_at_once(&table, key) {
            Found::At(at) => change(table.value_mut(at)?),
            Found::Absent | Found::Ask(_) => None,
        }
    }

    pub fn dict_contains(&mut self, dict: &Dict, key: &Value) -> Result<bool> {
        if let Some(found) = contains_at_once(&dict.table, key) {
            return Ok(found);
        }
        let hash = self.hash(key)?;
        Ok(self.table_find(&dict.table, hash, key)?.is_some())
    }

    /// `dict[key] = value` with a key that is counted only if it is new.
    pub fn dict_assign(&mut self, dict: &Rc<Dict>, key: &Value, value: Value) -> Result<()> {
        gc::stored(dict, &value);
        let mut table = dict.table.borrow_mut();
        let hash = match find_at_once(&table, key) {
            Found::At(at) => {
                let old = table.value_mut(at).map(|old| std::mem::replace(old, value));
                drop(table);
                old.unwrap_or_default().discard();
                return Ok(());
            }
            Found::Absent => hash_of_plain(key),
            Found::Ask(_) => None,
        };
        if let Some(hash) = hash {
            table.insert_new(hash, key.clone(), value);
            return Ok(());
        }
        drop(table);
        self.dict_set(dict, key.clone(), value)
    }

    /// `dict[key] = value`.
    pub fn dict_set(&mut self, dict: &Rc<Dict>, key: Value, value: Value) -> Result<()> {
        let hash = self.hash(&key)?;
        self.dict_set_hashed(dict, hash, key, value)
    }

    /// `dict[key] = value` with the hash of the key.
    pub fn dict_set_hashed(&mut self, dict: &Rc<Dict>, hash: i64, key: Value, value: Value) -> Result<()> {
        gc::stored(dict, &key);
        gc::stored(dict, &value);
        match self.table_find(&dict.table, hash, &key)? {
            Some(at) => {
                let old = dict.table.borrow_mut().value_mut(at).map(|old| std::mem::replace(old, value));
                drop(old);
            }
            None => dict.table.borrow_mut().insert_new(hash, key, value),
        }
        Ok(())
    }

    /// `dict.setdefault(key, value)`.
    pub fn dict_set_default(&mut self, dict: &Rc<Dict>, key: Value, value: Value) -> Result {
        gc::stored(dict, &value);
        let hash = self.hash(&key)?;
        if let Some(at) = self.table_find(&dict.table, hash, &key)? {
            return Ok(dict.table.borrow().entry(at).map(|entry| entry.value.clone()).unwrap_or(value));
        }
        dict.table.borrow_mut().insert_new(hash, key, value.clone());
        Ok(value)
    }

    /// [`Vm::dict_remove`] of a key that is found at once; `None` says nothing.
    #[inline]
    pub fn dict_remove_at_once(dict: &Dict, key: &Value) -> Option<Option<(Value, Value)>> {
        let mut table = dict.table.borrow_mut();
        match find_at_once(&table, key) {
            Found::At(at) => Some(table.remove_at(at)),
            Found::Absent => Some(None),
            Found::Ask(_) => None,
        }
    }

    /// Removes a key: the key and value that were stored.
    pub fn dict_remove(&mut self, dict: &Dict, key: &Value) -> Result<Option<(Value, Value)>> {
        if let Some(removed) = Self::dict_remove_at_once(dict, key) {
            return Ok(removed);
        }
        let hash = self.hash(key)?;
        let Some(at) = self.table_find(&dict.table, hash, key)? else { return Ok(None) };
        Ok(dict.table.borrow_mut().remove_at(at))
    }

    pub fn dict_from_pairs(&mut self, pairs: Vec<(Value, Value)>) -> Result {
        let dict = Rc::new(Dict::new());
        for (key, value) in pairs {
            self.dict_set(&dict, key, value)?;
        }
        Ok(Value::dict(dict))
    }

    /// `dict.update(other)`: a mapping, or an iterable of pairs.
    pub fn dict_update(&mut self, dict: &Rc<Dict>, other: &Value) -> Result<()> {
        let is_built_in = matches!(other, Value::List(_) | Value::Tuple(_) | Value::Iter(_));
        if is_built_in || other.as_dict().is_none() && self.get_attr_opt(other, sym::keys)?.is_none() {
            return self.dict_update_pairs(dict, other);
        }
        self.dict_merge(dict, other)
    }

    /// Whether a value is a dict that goes through its keys as dicts do.
    pub fn is_plain_mapping(&mut self, value: &Value) -> bool {
        match value {
            Value::Dict(_) => true,
            Value::Instance(_) => {
                value.as_dict().is_some() && !matches!(self.special(value, sym::__iter__), Special::Method(_))
            }
            _ => false,
        }
    }

    /// A plain dict with what is in a mapping.
    pub fn dict_copy(&mut self, mapping: &Value) -> Result<Rc<Dict>> {
        if let (true, Some(dict)) = (self.is_plain_mapping(mapping), mapping.as_dict()) {
            return Ok(Rc::new(dict.copied()));
        }
        let copy = Rc::new(Dict::new());
        self.dict_merge(&copy, mapping)?;
        Ok(copy)
    }

    /// `dict | dict`
    pub fn dict_union(&mut self, left: &Value, right: &Value) -> Result {
        let copy = self.dict_copy(left)?;
        self.dict_merge(&copy, right)?;
        Ok(Value::Dict(copy))
    }

    /// Takes in a mapping: an `AttributeError` if it is none.
    pub fn dict_merge(&mut self, dict: &Rc<Dict>, other: &Value) -> Result<()> {
        if let (true, Some(source)) = (self.is_plain_mapping(other), other.as_dict()) {
            if Rc::ptr_eq(source, dict) {
                return Ok(());
            }
            if dict.is_empty() && !source.table.borrow().has_holes() {
                for Entry { key, value, .. } in source.table.borrow().entries() {
                    gc::stored(dict, key);
                    gc::stored(dict, value);
                }
                dict.table.borrow_mut().copy_from(&source.table.borrow());
                return Ok(());
            }
            let done = Self::merge_plainly(dict, source);
            let entries: Vec<(i64, Value, Value)> = {
                let table = source.table.borrow();
                table.iter().skip(done).map(|e| (e.hash, e.key.clone(), e.value.clone())).collect()
            };
            let len = source.len();
            for (hash, key, value) in entries {
                self.dict_set_hashed(dict, hash, key, value)?;
                if source.len() != len {
                    return Err(self.runtime_error("dict mutated during update"));
                }
            }
            return Ok(());
        }
        for key in self.mapping_keys(other)? {
            let value = self.get_item(other, &key)?;
            self.dict_set(dict, key, value)?;
        }
        Ok(())
    }

    /// Takes in the pairs at the beginning whose keys are found at once; how many.
    fn merge_plainly(dict: &Rc<Dict>, source: &Dict) -> usize {
        let source = source.table.borrow();
        let mut table = dict.table.borrow_mut();
        // What is replaced is dropped when nothing is borrowed.
        let mut replaced = Vec::new();
        let mut done = 0;
        for Entry { hash, key, value } in source.iter() {
            if !gc::is_noted(dict, value) {
                break;
            }
            match find_at_once(&table, key) {
                Found::At(at) => match table.value_mut(at) {
                    Some(old) if old.is_heap() => replaced.push(std::mem::replace(old, value.clone())),
                    Some(old) => *old = value.clone(),
                    None => break,
                },
                Found::Absent => table.insert_new(*hash, key.clone(), value.clone()),
                Found::Ask(_) => break,
            }
            done += 1;
        }
        drop((table, source));
        drop(replaced);
        done
    }

    fn dict_update_pairs(&mut self, dict: &Rc<Dict>, pairs: &Value) -> Result<()> {
        let mut count = 0;
        if let Value::Iter(iter) = pairs {
            // Pairs that are there at once need no tuples.
            loop {
                match iter.pair_at_once() {
                    Some(Pair::Items(key, value)) => self.dict_set(dict, key, value)?,
                    Some(Pair::Whole(pair)) => {
                        self.dict_update_pair(dict, pair, count)?;
                    }
                    None => break,
                }
                count += 1;
                self.tick()?;
            }
        }
        self.for_each(pairs, |vm, pair| {
            vm.dict_update_pair(dict, pair, count)?;
            count += 1;
            Ok(true)
        })
    }

    fn dict_update_pair(&mut self, dict: &Rc<Dict>, pair: Value, at: usize) -> Result<()> {
        if let Value::Tuple(items) = &pair
            && let [key, value] = &items[..]
        {
            return self.dict_set(dict, key.clone(), value.clone());
        }
        let is_sequence = matches!(pair, Value::List(_));
        let items = match self.collect(&pair) {
            Ok(items) => items,
            Err(e) if !is_sequence && e.is(&self.types.TypeError) => {
                return Err(
                    self.type_error(format!("cannot convert dictionary update sequence element #{at} to a sequence"))
                );
            }
            Err(e) => return Err(e),
        };
        let len = items.len();
        let Ok([key, value]) = <[Value; 2]>::try_from(items) else {
            return Err(
                self.value_error(format!("dictionary update sequence element #{at} has length {len}; 2 is required"))
            );
        };
        self.dict_set(dict, key, value)
    }

    /// Adds an element; whether it is new.
    pub fn set_add(&mut self, set: &Rc<Set>, value: Value) -> Result<bool> {
        gc::stored(set, &value);
        self.set_insert(set, value)
    }

    /// [`Vm::set_add`] for a set that is being made.
    pub fn set_insert(&mut self, set: &Set, value: Value) -> Result<bool> {
        if let Some(added) = Self::set_insert_at_once(set, &value) {
            return Ok(added);
        }
        let (hash, by_identity) = self.hash_general(&value)?;
        if self.table_find(&set.table, hash, &value)?.is_some() {
            return Ok(false);
        }
        if by_identity {
            set.by_identity.set(true);
        }
        set.table.borrow_mut().insert_new(hash, value, ());
        Ok(true)
    }

    /// Adds the values at the beginning that are found at once; how many there are.
    pub fn set_insert_plainly(set: &Set, values: &[Value]) -> usize {
        values.iter().take_while(|value| Self::set_insert_at_once(set, value).is_some()).count()
    }

    /// The same for what is found at once; `None`, and nothing is added, for anything else.
    #[inline]
    pub fn set_insert_at_once(set: &Set, value: &Value) -> Option<bool> {
        let mut table = set.table.borrow_mut();
        match find_at_once(&table, value) {
            Found::At(_) => Some(false),
            Found::Absent => {
                table.insert_new(hash_of_plain(value)?, value.clone(), ());
                Some(true)
            }
            Found::Ask(_) => None,
        }
    }

    /// Takes out a value that is found at once: whether it was there; `None` says nothing.
    pub fn set_remove_at_once(set: &Set, value: &Value) -> Option<bool> {
        let mut table = set.table.borrow_mut();
        match find_at_once(&table, value) {
            Found::At(at) => {
                let removed = table.remove_at(at);
                drop(table);
                drop(removed);
                Some(true)
            }
            Found::Absent => Some(false),
            Found::Ask(_) => None,
        }
    }

    /// The hash of something looked for in a set: a set stands for the frozenset it equals.
    fn hash_in_set(&mut self, value: &Value) -> Result<(i64, Option<Value>)> {
        match self.hash(value) {
            Ok(hash) => Ok((hash, None)),
            Err(e) => match value.as_set() {
                Some(set) if !set.frozen && e.is(&self.types.TypeError) => {
                    let set = set.clone();
                    let frozen = Value::Set(Rc::new(self.set_copy(&set, true)?));
                    Ok((self.hash(&frozen)?, Some(frozen)))
                }
                _ => Err(e),
            },
        }
    }

    pub fn set_contains(&mut self, set: &Set, value: &Value) -> Result<bool> {
        if let Some(found) = contains_at_once(&set.table, value) {
            return Ok(found);
        }
        let (hash, frozen) = self.hash_in_set(value)?;
        Ok(self.table_find(&set.table, hash, frozen.as_ref().unwrap_or(value))?.is_some())
    }

    /// [`Vm::set_contains`], but a set does not stand for a frozenset.
    pub fn set_contains_key(&mut self, set: &Set, key: &Value) -> Result<bool> {
        let hash = self.hash(key)?;
        Ok(self.table_find(&set.table, hash, key)?.is_some())
    }

    /// Removes an element; whether it was there.
    pub fn set_remove(&mut self, set: &Set, value: &Value) -> Result<bool> {
        let (hash, frozen) = self.hash_in_set(value)?;
        self.set_remove_hashed(set, hash, frozen.as_ref().unwrap_or(value))
    }

    /// [`Vm::set_remove`], but a set does not stand for a frozenset.
    pub fn set_remove_key(&mut self, set: &Set, key: &Value) -> Result<bool> {
        let hash = self.hash(key)?;
        self.set_remove_hashed(set, hash, key)
    }

    fn set_remove_hashed(&mut self, set: &Set, hash: i64, key: &Value) -> Result<bool> {
        let Some(at) = self.table_find(&set.table, hash, key)? else {
            return Ok(false);
        };
        let removed = set.table.borrow_mut().remove_at(at);
        drop(removed);
        Ok(true)
    }
}

fn fix(hash: i64) -> i64 {
    if hash == -1 { -2 } else { hash }
}

#[inline]
pub(super) fn find_plain<V>(table: &Table<V>, hash: i64, key: &Value) -> Found {
    match find_at_once(table, key) {
        Found::Ask(_) => find_next(table, &mut table.search(hash), hash, key),
        found => found,
    }
}

/// Goes on with a search as far as no script code is needed.
#[inline]
fn find_next<V>(table: &Table<V>, search: &mut Search, hash: i64, key: &Value) -> Found {
    table.find_next(search, hash, |stored| same(stored, key, PLAIN_DEPTH))
}

/// The items of a tuple, and of an instance of a class derived from `tuple` that is known to hash and compare as it does.
#[inline]
fn tuple_items(value: &Value) -> Option<&Rc<Tuple>> {
    match value {
        Value::Tuple(items) => Some(items),
        Value::Instance(instance) => match instance.inner() {
            Some(Value::Tuple(items)) if is_plain_tuple(instance) => Some(items),
            _ => None,
        },
        _ => None,
    }
}

fn is_plain_tuple(instance: &Instance) -> bool {
    Hooks::known(&instance.class()).is_some_and(|hooks| !hooks.has(Hooks::HASH | Hooks::EQ))
}

/// The hash of what is made of texts, bytes, numbers and so many tuples alone, which may be of a class of their own.
fn plain_hash(value: &Value, tuples: &mut u32) -> Option<i64> {
    match value {
        Value::Str(text) => return Some(text.hash()),
        Value::Int(n) => return Some(hashes::hash_i64(*n)),
        Value::Bytes(bytes) => return Some(bytes.hash()),
        Value::None => return Some(NONE),
        Value::Bool(b) => return Some(i64::from(b.get())),
        Value::Float(x) if !x.get().is_nan() => return Some(hashes::hash_float(x.get())),
        _ => {}
    }
    let items = tuple_items(value)?;
    *tuples = tuples.checked_sub(1)?;
    let mut known = true;
    let hash = hashes::hash_tuple(items.iter().map_while(|item| {
        let hash = match item {
            Value::Int(n) => Some(hashes::hash_i64(*n)),
            Value::Str(text) => Some(text.hash()),
            item => plain_hash(item, tuples),
        };
        known = hash.is_some();
        hash
    }));
    known.then_some(hash)
}

/// The hash of a key that [`find_at_once`] finds.
#[inline]
fn hash_of_plain(key: &Value) -> Option<i64> {
    match key {
        Value::Str(text) => Some(text.hash()),
        Value::Int(n) => Some(hashes::hash_i64(*n)),
        Value::Bytes(bytes) => Some(bytes.hash()),
        Value::Tuple(_) | Value::Instance(_) => plain_hash(key, &mut { PLAIN_TUPLES }),
        _ => None,
    }
}

/// Where a text, bytes, a small integer or a tuple of such stands; for any other key the answer is to ask.
#[inline]
fn find_at_once<V>(table: &Table<V>, key: &Value) -> Found {
    match key {
        Value::Str(text) => find_text(table, text, key),
        Value::Int(n) => find_int(table, *n, key),
        Value::Tuple(_) => find_tuple(table, key),
        Value::Instance(instance) if is_plain_tuple(instance) => find_tuple(table, key),
        Value::Bytes(bytes) => find_bytes(table, bytes, key),
        _ => Found::Ask(0),
    }
}

/// Whether a key that is found at once is in a table; `None` for any other.
#[inline]
pub(super) fn contains_at_once<V>(table: &RefCell<Table<V>>, key: &Value) -> Option<bool> {
    match find_at_once(&table.borrow(), key) {
        Found::At(_) => Some(true),
        Found::Absent => Some(false),
        Found::Ask(_) => None,
    }
}

#[inline(never)]
fn find_text<V>(table: &Table<V>, text: &Rc<Str>, key: &Value) -> Found {
    table.find(text.hash(), |stored| match stored {
        Value::Str(other) if text == other => Same::Yes,
        Value::Str(_) => Same::No,
        other => same(other, key, PLAIN_DEPTH),
    })
}

#[inline(never)]
fn find_int<V>(table: &Table<V>, n: i64, key: &Value) -> Found {
    table.find(hashes::hash_i64(n), |stored| match stored {
        Value::Int(other) if n == *other => Same::Yes,
        Value::Int(_) => Same::No,
        other => same(other, key, PLAIN_DEPTH),
    })
}

#[inline(never)]
fn find_bytes<V>(table: &Table<V>, bytes: &Rc<Bytes>, key: &Value) -> Found {
    table.find(bytes.hash(), |stored| match stored {
        Value::Bytes(other) if Rc::ptr_eq(bytes, other) || bytes[..] == other[..] => Same::Yes,
        Value::Bytes(_) => Same::No,
        other => same(other, key, PLAIN_DEPTH),
    })
}

#[inline(never)]
fn find_tuple<V>(table: &Table<V>, key: &Value) -> Found {
    let Some(hash) = hash_of_plain(key) else { return Found::Ask(0) };
    table.find(hash, |stored| same(stored, key, PLAIN_DEPTH))
}

/// [`same`] for tuples.
fn same_items(a: &Rc<Tuple>, b: &Rc<Tuple>, depth: u32) -> Same {
    if Rc::ptr_eq(a, b) {
        return Same::Yes;
    }
    if a.len() != b.len() {
        return Same::No;
    }
    let differ = a.iter().zip(b.iter()).map(|(a, b)| match (a, b) {
        (Value::Int(a), Value::Int(b)) if a == b => Same::Yes,
        (a, b) => same(a, b, depth - 1),
    });
    differ.into_iter().find(|same| *same != Same::Yes).unwrap_or(Same::Yes)
}

/// Whether two keys with equal hashes are equal, as far as that can be told without script code.
fn same(a: &Value, b: &Value, depth: u32) -> Same {
    let known = |equal| if equal { Same::Yes } else { Same::No };
    match (a, b) {
        (Value::Str(x), Value::Str(y)) => known(Rc::ptr_eq(x, y) || x.as_str() == y.as_str()),
        (Value::Int(x), Value::Int(y)) => known(x == y),
        (Value::Bytes(x), Value::Bytes(y)) => known(Rc::ptr_eq(x, y) || x[..] == y[..]),
        (a, b) if a.is(b) => Same::Yes,
        (Value::Float(x), Value::Float(y)) => known(x.get() == y.get()),
        (Value::BigInt(x), Value::BigInt(y)) => known(x == y),
        (Value::None | Value::Str(_) | Value::Bytes(_), Value::None | Value::Str(_) | Value::Int(_))
        | (Value::Int(_), Value::None | Value::Str(_)) => Same::No,
        (Value::Tuple(_) | Value::Instance(_), Value::Tuple(_) | Value::Instance(_)) if depth > 0 => {
            match (tuple_items(a), tuple_items(b)) {
                (Some(x), Some(y)) => same_items(x, y, depth),
                _ => Same::Unknown,
            }
        }
        _ => Same::Unknown,
    }
}
