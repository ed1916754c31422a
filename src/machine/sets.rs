//! The algebra of sets, in CPython's order of insertion, so that the results iterate as CPython's do.
//!
//! Comparing two elements may run script code: the elements are copied out first.

use std::cell::{Cell, RefCell};

use super::prelude::*;
use crate::machine::hash::find_plain;
use crate::object::Set;
use crate::object::iter::Iter;
use crate::object::table::Found;

/// Up to so many items are added without counting steps.
const SHORT: usize = 1 << 12;

impl Vm {
    /// A set of values.
    pub fn make_set(&mut self, items: Vec<Value>, frozen: bool) -> Result<Rc<Set>> {
        let set = Set::new(frozen);
        set.table.borrow_mut().reserve_entries(items.len());
        for item in items {
            self.set_insert(&set, item)?;
        }
        Ok(Rc::new(set))
    }

    /// `set(items)` or `frozenset(items)`.
    pub fn new_set(&mut self, items: Vec<Value>, frozen: bool) -> Result {
        self.make_set(items, frozen).map(Value::Set)
    }

    /// The frozenset that CPython's compiler makes of a set display of constants. It makes it anew of its own elements
    /// when it looks for equal ones, which shows in their order.
    pub fn constant_set(&mut self, items: Vec<Value>) -> Result<Rc<Set>> {
        let first = self.make_set(items, true)?;
        self.make_set(first.values(), true)
    }

    /// A copy of a set.
    pub fn set_copy(&mut self, set: &Set, frozen: bool) -> Result<Set> {
        let copy = Set::new(frozen);
        self.set_merge(&copy, set)?;
        Ok(copy)
    }

    /// Adds the elements of another set.
    pub fn set_merge(&mut self, set: &Set, other: &Set) -> Result<()> {
        if std::ptr::eq(set, other) {
            return Ok(());
        }
        if other.by_identity.get() {
            set.by_identity.set(true);
        }
        let empty = set.is_empty() && !set.table.borrow().has_dummies();
        set.table.borrow_mut().reserve_for_merge(other.len());
        if empty {
            // A copy of the same size keeps the places of its elements, and so their order.
            let source = other.table.borrow();
            if !source.has_dummies() && source.index_len() == set.table.borrow().index_len() {
                let copy = source.clone();
                drop(source);
                set.table.replace(copy);
                return Ok(());
            }
        }
        let mut table = set.table.borrow_mut();
        let merged = other.all(|hash, item| {
            // All are different from each other already.
            let found = if empty { Found::Absent } else { find_plain(&table, hash, item) };
            if let Found::Absent = found {
                table.insert_new(hash, item.clone(), ());
            }
            !matches!(found, Found::Ask(_))
        });
        drop(table);
        if merged {
            return Ok(());
        }
        for (hash, item) in other.elements() {
            self.set_add_hashed(set, hash, item)?;
        }
        Ok(())
    }

    /// The elements of a set that are, or are not, in another.
    fn chosen(&mut self, from: &Set, other: &Set, wanted: bool, frozen: bool) -> Result<Set> {
        let empty = || {
            let set = Set::new(frozen);
            set.by_identity.set(from.by_identity.get());
            set
        };
        let chosen = empty();
        let (mut table, known) = (chosen.table.borrow_mut(), other.table.borrow());
        let is_known = from.all(|hash, item| {
            let found = find_plain(&known, hash, item);
            if matches!((&found, wanted), (Found::At(_), true) | (Found::Absent, false)) {
                table.insert_new(hash, item.clone(), ());
            }
            !matches!(found, Found::Ask(_))
        });
        drop((table, known));
        if is_known {
            return Ok(chosen);
        }
        // Script code has to compare them.
        let chosen = empty();
        for (hash, item) in from.elements() {
            if self.table_find(&other.table, hash, &item)?.is_some() == wanted {
                self.set_add_hashed(&chosen, hash, item)?;
            }
        }
        Ok(chosen)
    }

    /// Whether all elements of a set are, or are not, in another.
    fn all_found(&mut self, from: &Set, other: &Set, wanted: bool) -> Result<bool> {
        let mut answer = Some(true);
        from.all(|hash, item| {
            answer = match find_plain(&other.table.borrow(), hash, item) {
                Found::At(_) => Some(wanted),
                Found::Absent => Some(!wanted),
                Found::Ask(_) => None,
            };
            answer == Some(true)
        });
        if let Some(answer) = answer {
            return Ok(answer);
        }
        for (hash, item) in from.elements() {
            if self.table_find(&other.table, hash, &item)?.is_some() != wanted {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// `set.update(iterable)`.
    pub fn set_update(&mut self, set: &Rc<Set>, iterable: &Value) -> Result<()> {
        match iterable.unwrapped() {
            // A set is taken as it is, also where its class has another `__iter__`.
            Value::Set(other) => {
                gc::stored(set, iterable);
                self.set_merge(set, other)
            }
            Value::Dict(dict) if matches!(iterable, Value::Dict(_)) => {
                set.table.borrow_mut().reserve_for_merge(dict.len());
                let entries: Vec<_> = dict.table.borrow().iter().map(|e| (e.hash, e.key.clone())).collect();
                for (hash, key) in entries {
                    gc::stored(set, &key);
                    if self.table_find(&set.table, hash, &key)?.is_none() {
                        if !set.by_identity.get() && self.is_hashed_by_identity(&key)? {
                            set.by_identity.set(true);
                        }
                        set.table.borrow_mut().insert_new(hash, key, ());
                    }
                }
                Ok(())
            }
            Value::List(list) if matches!(iterable, Value::List(_)) && list.len() <= SHORT => {
                let done = Self::set_insert_plainly(set, &list.items.borrow());
                if done == list.len() {
                    return Ok(());
                }
                let (list, at) = (RefCell::new(Some(list.clone())), Cell::new(done));
                let rest = Value::Iter(Rc::new(Iter::List { list, at, owner: RefCell::default() }));
                self.for_each_left(&rest, |vm, item| vm.set_add(set, item).map(|_| true))
            }
            _ => self.for_each(iterable, |vm, item| vm.set_add(set, item).map(|_| true)),
        }
    }

    pub fn set_union(&mut self, a: &Set, b: &Set) -> Result<Set> {
        let result = self.set_copy(a, a.frozen)?;
        if !std::ptr::eq(a, b) {
            self.set_merge(&result, b)?;
        }
        Ok(result)
    }

    /// The elements of the smaller set that are in the other.
    pub fn set_intersection(&mut self, a: &Set, b: &Set) -> Result<Set> {
        if std::ptr::eq(a, b) {
            return self.set_copy(a, a.frozen);
        }
        let (small, large) = if b.len() > a.len() { (a, b) } else { (b, a) };
        self.chosen(small, large, true, a.frozen)
    }

    pub fn set_difference(&mut self, a: &Set, b: &Set) -> Result<Set> {
        if a.len() >> 2 > b.len() {
            let result = self.set_copy(a, a.frozen)?;
            self.set_remove_all(&result, b)?;
            return Ok(result);
        }
        self.chosen(a, b, false, a.frozen)
    }

    pub fn set_symmetric_difference(&mut self, a: &Set, b: &Set) -> Result<Set> {
        let result = self.set_copy(b, a.frozen)?;
        self.set_toggle_all(&result, a)?;
        Ok(result)
    }

    /// The elements of any iterable as a set.
    pub fn as_set(&mut self, value: &Value) -> Result<Rc<Set>> {
        if let Some(set) = value.as_set() {
            return Ok(set.clone());
        }
        let set = Rc::new(Set::new(false));
        self.set_update(&set, value)?;
        Ok(set)
    }

    /// `set.difference_update(iterable)`.
    pub fn set_subtract(&mut self, set: &Rc<Set>, other: &Value) -> Result<()> {
        // A dict knows the hashes of its keys already.
        let keys = if let Value::Dict(_) = other { Some(self.as_set(other)?) } else { None };
        if let Some(other) = keys.as_ref().or(other.as_set()) {
            return self.set_remove_all(set, &other.clone());
        }
        self.for_each(other, |vm, item| vm.set_remove_key(set, &item).map(|_| true))?;
        set.table.borrow_mut().close_gaps();
        Ok(())
    }

    /// `set.symmetric_difference_update(iterable)`.
    pub fn set_toggle(&mut self, set: &Set, other: &Value) -> Result<()> {
        let elements = self.as_set(other)?;
        match other {
            Value::Dict(dict) => {
                set.by_identity.set(set.by_identity.get() || elements.by_identity.get());
                let keys = dict.table.borrow().iter().map(|entry| (entry.hash, entry.key.clone())).collect();
                self.toggle_each(set, keys)
            }
            _ => self.set_toggle_all(set, &elements),
        }
    }

    /// `set -= other`.
    pub fn set_remove_all(&mut self, set: &Set, other: &Set) -> Result<()> {
        if std::ptr::eq(set, other) {
            replace(set, Set::new(set.frozen));
            return Ok(());
        }
        for (hash, item) in other.elements() {
            if let Some(at) = self.table_find(&set.table, hash, &item)? {
                let removed = set.table.borrow_mut().remove_at(at);
                drop(removed);
            }
        }
        set.table.borrow_mut().close_gaps();
        Ok(())
    }

    /// `set ^= other`.
    pub fn set_toggle_all(&mut self, set: &Set, other: &Set) -> Result<()> {
        if std::ptr::eq(set, other) {
            replace(set, Set::new(set.frozen));
            return Ok(());
        }
        if other.by_identity.get() {
            set.by_identity.set(true);
        }
        self.toggle_each(set, other.elements())
    }

    fn toggle_each(&mut self, set: &Set, elements: Vec<(i64, Value)>) -> Result<()> {
        for (hash, item) in elements {
            match self.table_find(&set.table, hash, &item)? {
                Some(at) => {
                    let removed = set.table.borrow_mut().remove_at(at);
                    drop(removed);
                }
                // Looked for again, as CPython does: comparing may have changed the set.
                None => self.set_add_hashed(set, hash, item)?,
            }
        }
        Ok(())
    }

    /// Whether every element of a set is in another.
    pub fn set_is_subset(&mut self, a: &Set, b: &Set) -> Result<bool> {
        Ok(a.len() <= b.len() && self.all_found(a, b, true)?)
    }

    /// Whether two sets have no element in common.
    pub fn set_is_disjoint(&mut self, a: &Set, b: &Set) -> Result<bool> {
        let (small, large) = if b.len() > a.len() { (a, b) } else { (b, a) };
        self.all_found(small, large, false)
    }

    fn set_add_hashed(&mut self, set: &Set, hash: i64, item: Value) -> Result<()> {
        if self.table_find(&set.table, hash, &item)?.is_none() {
            set.table.borrow_mut().insert_new(hash, item, ());
        }
        Ok(())
    }
}

/// Gives a set the contents of another.
pub fn replace(set: &Set, contents: Set) {
    set.by_identity.set(contents.by_identity.get());
    let table = contents.table.take();
    let old = set.table.replace(table);
    drop(Set::with(old, false));
}
