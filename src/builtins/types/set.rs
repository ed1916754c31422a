//! `set` and `frozenset`.
//!
//! Results are built in CPython's order of insertion, on which their order of iteration rests.

use super::special;
use crate::builtins::call_of;
use crate::builtins::prelude::*;
use crate::machine::sets;
use crate::object::Set;

pub fn install(vm: &mut Vm) {
    let (set, frozenset) = (vm.types.set.clone(), vm.types.frozenset.clone());
    for class in [&set, &frozenset] {
        for rows in [COMMON, special::COMPARISONS, special::SET] {
            class.add_methods(rows);
        }
    }
    special::unhashable(vm, &set);
    set.add_methods(SET);
    set.add_methods(special::MUTABLE_SET);
    frozenset.add_methods(FROZENSET);
    frozenset.add_methods(special::HASH);
}

/// The row of a method that takes any number of others.
macro_rules! of_others {
    ($signature:literal, $call:expr) => {
        of!($signature, Value::as_set, |vm, set, args| $call(vm, set, super::super::modules::support::items(&args[1])))
            .or_plain(|vm, args| call_of(vm, args, Value::as_set, |vm, set, args| $call(vm, set, &args[1..])))
    };
}

const COMMON: &[Row] = &[
    of!("copy()", Value::as_set, |vm, set, args| {
        if set.frozen && matches!(args[0], Value::Set(_)) {
            return Ok(args[0].clone());
        }
        vm.set_copy(set, set.frozen).map(made)
    }),
    of_others!("difference(*others)", difference),
    of_others!("intersection(*others)", |vm: &mut Vm, set, others| intersect(vm, set, others).map(made)),
    of!("isdisjoint(other, /)", Value::as_set, is_disjoint),
    of!("issubset(other, /)", Value::as_set, |vm, set, args| {
        if let Some(other) = args[1].as_set() {
            return vm.set_is_subset(set, other).map(Value::bool);
        }
        Ok(Value::bool(intersect(vm, set, &args[1..])?.len() == set.len()))
    }),
    of!("issuperset(other, /)", Value::as_set, is_superset),
    of!("symmetric_difference(other, /)", Value::as_set, symmetric_difference),
    of_others!("union(*others)", |vm: &mut Vm, set: &Rc<Set>, others: &[Value]| {
        let result = Rc::new(vm.set_copy(set, set.frozen)?);
        let is_same = |other: &&Value| matches!(other, Value::Set(other) if Rc::ptr_eq(other, set));
        for other in others.iter().filter(|other| !is_same(other)) {
            vm.set_update(&result, other)?;
        }
        Ok(Value::Set(result))
    }),
    method("__len__()", special::len),
    method("__contains__(object, /)", special::contains),
    method("__iter__()", special::iter),
    method("__repr__()", special::repr),
    class_method("__class_getitem__(object, /)", special::class_getitem),
];

const SET: &[Row] = &[
    static_method("__new__(cls, /, *args, **kwargs)", |vm, args| {
        let base = vm.types.set.clone();
        let class = super::new_class(vm, &args[0], &base)?;
        Ok(vm.wrap(&class, made(Set::new(false))))
    }),
    of!("__init__(iterable=(), /)", Value::as_set, |vm, set, args| {
        if !set.is_empty() {
            sets::replace(set, Set::new(false));
        }
        vm.set_update(set, &args[1])
    }),
    of!("add(object, /)", Value::as_set, |vm, set, args| vm.set_add(set, args[1].clone()).map(|_| Value::None))
        .or_quick(|_, args| match args {
            [Value::Set(set), item] => Vm::set_insert_at_once(set, item).map(|_| Value::None),
            _ => None,
        }),
    of!("clear()", Value::as_set, |_, set, _| {
        sets::replace(set, Set::new(false));
        Ok(Value::None)
    }),
    of_others!("difference_update(*others)", |vm: &mut Vm, set, others: &[Value]| {
        for other in others {
            vm.set_subtract(set, other)?;
        }
        Ok(Value::None)
    }),
    of!("discard(object, /)", Value::as_set, |vm, set, args| vm.set_remove(set, &args[1]).map(|_| Value::None))
        .or_quick(|_, args| match args {
            [Value::Set(set), item] => Vm::set_remove_at_once(set, item).map(|_| Value::None),
            _ => None,
        }),
    of_others!("intersection_update(*others)", |vm: &mut Vm, set, others| {
        let result = intersect(vm, set, others)?;
        sets::replace(set, result);
        Ok(Value::None)
    }),
    of!("pop()", Value::as_set, pop),
    of!("remove(object, /)", Value::as_set, |vm, set, args| {
        if vm.set_remove(set, &args[1])? { Ok(Value::None) } else { Err(vm.key_error(args[1].clone())) }
    })
    .or_quick(|_, args| match args {
        [Value::Set(set), item] => {
            Vm::set_remove_at_once(set, item).filter(|&was_there| was_there).map(|_| Value::None)
        }
        _ => None,
    }),
    of!("symmetric_difference_update(other, /)", Value::as_set, |vm, set, args| {
        vm.set_toggle(set, &args[1]).map(|()| Value::None)
    }),
    of_others!("update(*others)", |vm: &mut Vm, set, others: &[Value]| {
        for other in others {
            vm.set_update(set, other)?;
        }
        Ok(Value::None)
    }),
];

const FROZENSET: &[Row] = &[static_method("__new__(cls, iterable=(), /)", new_frozen)];

fn made(set: Set) -> Value {
    Value::Set(Rc::new(set))
}

fn new_frozen(vm: &mut Vm, args: &[Value]) -> Result {
    let base = vm.types.frozenset.clone();
    let class = super::new_class(vm, &args[0], &base)?;
    let value = match &args[1] {
        Value::Set(set) if set.frozen => args[1].clone(),
        other => {
            let set = Rc::new(Set::new(true));
            vm.set_update(&set, other)?;
            Value::Set(set)
        }
    };
    Ok(vm.wrap(&class, value))
}

fn intersect(vm: &mut Vm, set: &Rc<Set>, others: &[Value]) -> Result<Set> {
    let mut result = None;
    for other in others {
        let left = result.take().unwrap_or_else(|| set.clone());
        result = Some(Rc::new(intersect_one(vm, &left, other)?));
    }
    match result.map(Rc::try_unwrap) {
        Some(Ok(result)) => Ok(result),
        Some(Err(shared)) => vm.set_copy(&shared, shared.frozen),
        None => vm.set_copy(set, set.frozen),
    }
}

fn intersect_one(vm: &mut Vm, set: &Rc<Set>, other: &Value) -> Result<Set> {
    if let Some(other) = other.as_set() {
        if Rc::ptr_eq(set, other) {
            return vm.set_copy(set, set.frozen);
        }
        return vm.set_intersection(set, other);
    }
    let result = Set::new(set.frozen);
    vm.for_each(other, |vm, item| {
        if vm.set_contains_key(set, &item)? {
            vm.set_insert(&result, item)?;
        }
        Ok(true)
    })?;
    Ok(result)
}

fn difference(vm: &mut Vm, set: &Rc<Set>, others: &[Value]) -> Result {
    let mut result = None;
    for other in others {
        match &result {
            None if other.as_set().is_some() || matches!(other, Value::Dict(_)) => {
                let other = vm.as_set(other)?;
                result = Some(Rc::new(vm.set_difference(set, &other)?));
            }
            _ => {
                let left = match result.take() {
                    Some(left) => left,
                    None => Rc::new(vm.set_copy(set, set.frozen)?),
                };
                vm.set_subtract(&left, other)?;
                result = Some(left);
            }
        }
    }
    match result {
        Some(result) => Ok(Value::Set(result)),
        None => vm.set_copy(set, set.frozen).map(made),
    }
}

fn symmetric_difference(vm: &mut Vm, set: &Rc<Set>, args: &[Value]) -> Result {
    if let Some(other) = args[1].as_set().cloned() {
        return vm.set_symmetric_difference(set, &other).map(made);
    }
    let result = Rc::new(Set::new(set.frozen));
    vm.set_update(&result, &args[1])?;
    vm.set_toggle_all(&result, set)?;
    Ok(Value::Set(result))
}

fn is_disjoint(vm: &mut Vm, set: &Rc<Set>, args: &[Value]) -> Result {
    if let Some(other) = args[1].as_set() {
        return vm.set_is_disjoint(set, other).map(Value::bool);
    }
    let mut disjoint = true;
    vm.for_each(&args[1], |vm, item| {
        disjoint = !vm.set_contains_key(set, &item)?;
        Ok(disjoint)
    })?;
    Ok(Value::bool(disjoint))
}

fn is_superset(vm: &mut Vm, set: &Rc<Set>, args: &[Value]) -> Result {
    if let Some(other) = args[1].as_set() {
        return vm.set_is_subset(other, set).map(Value::bool);
    }
    let mut contained = true;
    vm.for_each(&args[1], |vm, item| {
        contained = vm.set_contains_key(set, &item)?;
        Ok(contained)
    })?;
    Ok(Value::bool(contained))
}

fn pop(vm: &mut Vm, set: &Rc<Set>, _: &[Value]) -> Result {
    let mut table = set.table.borrow_mut();
    let at = if set.by_identity.get() { table.first() } else { table.next_to_pop(&set.finger) };
    let removed = at.and_then(|at| table.remove_at(at));
    drop(table);
    match removed {
        Some((item, ())) => Ok(item),
        None => Err(vm.key_error(Value::str("pop from an empty set"))),
    }
}
