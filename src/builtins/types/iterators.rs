//! The iterators of the built-in types: what `next(it)` does, as attributes.

use crate::builtins::prelude::*;
use crate::object::Range;

pub fn install(vm: &mut Vm) {
    let types = &vm.types;
    let sized = [
        &types.range_iterator,
        &types.longrange_iterator,
        &types.list_iterator,
        &types.list_reverseiterator,
        &types.tuple_iterator,
        &types.str_iterator,
        &types.str_ascii_iterator,
        &types.bytes_iterator,
        &types.memory_iterator,
        &types.bytearray_iterator,
        &types.dict_keyiterator,
        &types.dict_valueiterator,
        &types.dict_itemiterator,
        &types.dict_reversekeyiterator,
        &types.dict_reversevalueiterator,
        &types.dict_reverseitemiterator,
        &types.set_iterator,
        &types.reversed,
    ];
    let others = [&types.iterator, &types.callable_iterator, &types.enumerate, &types.zip, &types.map, &types.filter];
    let sized = sized.map(Clone::clone);
    let others = others.map(Clone::clone);
    for class in sized.iter().chain(&others) {
        class.add_methods(ITERATOR);
    }
    for class in &sized {
        class.add_methods(SIZED);
    }
    for class in sized.iter().chain(&others) {
        let name = class.name.borrow().clone();
        let stateless = ["map", "filter", "enumerate", "callable_iterator", "set_iterator", "memory_iterator"];
        if !name.starts_with("dict_") && !stateless.contains(&name.as_str()) {
            class.add_methods(STATE);
        }
    }
}

pub const ITERATOR: &[Row] = &[method("__iter__()", iter), method("__next__()", next), method("__reduce__()", reduce)];

pub const STATE: &[Row] = &[method("__setstate__(object, /)", set_state)];

pub const SIZED: &[Row] =
    &[method("__length_hint__()", |vm, args| vm.length_hint(args[0].unwrapped()).map(Value::usize))];

fn iter(_: &mut Vm, args: &[Value]) -> Result {
    Ok(args[0].clone())
}

fn next(vm: &mut Vm, args: &[Value]) -> Result {
    let Value::Iter(iter) = args[0].unwrapped() else {
        return Err(crate::builtins::types::wrong_receiver(vm, &args[0]));
    };
    vm.next_or_stop(iter)
}

/// How `copy` and `pickle` make the iterator anew: a callable, its arguments, and where the iterator stands.
pub fn reduce(vm: &mut Vm, args: &[Value]) -> Result {
    let Value::Iter(iterator) = args[0].unwrapped().clone() else {
        return Err(crate::builtins::types::wrong_receiver(vm, &args[0]));
    };
    if let Some((object, inner)) = iterator.inside() {
        let made = reduce(vm, &[Value::Iter(inner)])?;
        // What is left of a dict or set is a list, other objects stand for themselves.
        let stands = object.as_dict().is_none() && object.as_set().is_none();
        return match made.as_tuple() {
            Some(parts) if stands && parts.len() > 2 => {
                let mut parts = parts.to_vec();
                parts[1] = Value::tuple([object]);
                Ok(Value::tuple(parts))
            }
            _ => Ok(made),
        };
    }
    let (found, state) = match &*iterator {
        Iter::Range { next, remaining, step } => {
            // The end may lie beyond what the numbers themselves take.
            let stop = i128::from(next.get()) + i128::from(*step) * i128::from(remaining.get());
            let [start, step] = [next.get(), *step].map(Value::Int);
            let stop = Value::int(stop.into());
            (vec![Value::Range(Rc::new(Range { start, stop, step }))], Value::None)
        }
        Iter::List { list, at, owner } => match &*list.borrow() {
            Some(list) => {
                let owner = owner.borrow().given().cloned();
                (vec![owner.unwrap_or(Value::List(list.clone()))], Value::usize(at.get()))
            }
            None => (vec![Value::list(Vec::new())], Value::Unbound),
        },
        Iter::Tuple { tuple, at } => match &*tuple.borrow() {
            Some(tuple) => (vec![Value::Tuple(tuple.clone())], Value::usize(at.get())),
            None => (vec![Value::tuple(Vec::new())], Value::Unbound),
        },
        Iter::Str { text, at } if at.get() >= text.as_str().len() => (vec![Value::str("")], Value::Unbound),
        Iter::Str { text, at } => {
            (vec![Value::Str(text.clone())], Value::usize(text.as_str()[..at.get()].chars().count()))
        }
        Iter::Dict { dict, at, size, left, what } => {
            let copy =
                Iter::Dict { dict: dict.clone(), at: at.clone(), size: size.clone(), left: left.clone(), what: *what };
            (vec![rest_of(vm, copy)?], Value::Unbound)
        }
        Iter::Set { set, at, size } => {
            let copy = Iter::Set { set: set.clone(), at: at.clone(), size: size.clone() };
            (vec![rest_of(vm, copy)?], Value::Unbound)
        }
        Iter::Native { class, state } => {
            let parts = state.borrow().as_ref().map(|state| (state.parts(), state.state()));
            let (parts, state) = match parts {
                Some((parts, state)) => (Some(parts), state),
                None => (None, Value::Unbound),
            };
            match parts {
                Some(Some((found, _))) if Rc::ptr_eq(class, &vm.types.longrange_iterator) => (found, Value::None),
                Some(Some((found, at))) => (found, at.map_or(state, Value::Int)),
                // It has come to its end, and let go of what it went through.
                None => (vec![ended(vm, class)], Value::Unbound),
                Some(None) => {
                    return Err(vm.type_error(format!("cannot pickle '{}' object", vm.type_name(&args[0]))));
                }
            }
        }
    };
    let class = vm.class_of(&args[0]);
    // Its type takes a position beside what it goes through.
    let makes = class.name.borrow().as_str().starts_with("_deque_");
    let types = &vm.types;
    let own = [&types.enumerate, &types.zip, &types.map, &types.filter, &types.reversed];
    let ended = matches!(&*iterator, Iter::Native { state, .. } if state.borrow().is_none());
    let callable = if own.iter().any(|own| class.is_subclass(own))
        || (!matches!(class.layout, Layout::Final) || makes) && !ended
    {
        Value::Class(class.clone())
    } else if Rc::ptr_eq(&class, &types.list_reverseiterator) {
        Value::Class(types.reversed.clone())
    } else {
        let name = vm.intern("iter");
        vm.builtins.get_str(&name).unwrap_or_default()
    };
    let is_zip = class.is_subclass(&vm.types.zip);
    let mut made = vec![callable, Value::tuple(found)];
    match state {
        Value::Unbound => {}
        Value::Int(_) if is_zip => made.push(Value::bool(true)),
        state => made.push(state),
    }
    Ok(Value::tuple(made))
}

/// What an iterator that has ended is said to go through.
fn ended(vm: &Vm, class: &Rc<Class>) -> Value {
    let types = &vm.types;
    let lists = [
        &types.list_reverseiterator,
        &types.dict_reversekeyiterator,
        &types.dict_reversevalueiterator,
        &types.dict_reverseitemiterator,
    ];
    if lists.iter().any(|list| Rc::ptr_eq(class, list)) { Value::list(Vec::new()) } else { Value::tuple(Vec::new()) }
}

/// The items an iterator has still to give, without advancing it.
fn rest_of(vm: &mut Vm, copy: Iter) -> Result {
    vm.collect(&Value::Iter(Rc::new(copy))).map(Value::list)
}

/// Sets the position of an iterator over a sequence.
pub fn set_state(vm: &mut Vm, args: &[Value]) -> Result {
    let Value::Iter(iterator) = args[0].unwrapped() else {
        return Err(crate::builtins::types::wrong_receiver(vm, &args[0]));
    };
    if let Iter::Native { state, .. } = &**iterator {
        // An iterator that has ended goes on from nowhere; most go on from a position, which is a small number.
        let done = match &mut *state.borrow_mut() {
            Some(state) => Rc::get_mut(state).is_some_and(|state| state.set_state(&args[1])),
            None => true,
        };
        if done {
            return Ok(Value::None);
        }
    }
    let position = vm.to_i64(&args[1])?;
    set_position(iterator, position);
    Ok(Value::None)
}

fn set_position(iterator: &Iter, position: i64) {
    if let Some((_, inner)) = iterator.inside() {
        return set_position(&inner, position);
    }
    let at = usize::try_from(position).unwrap_or(0);
    match iterator {
        Iter::Range { next, remaining, step } => {
            let skipped = (at as u64).min(remaining.get());
            next.set(next.get().wrapping_add(step.wrapping_mul(skipped as i64)));
            remaining.set(remaining.get() - skipped);
        }
        Iter::List { at: place, .. } | Iter::Tuple { at: place, .. } => place.set(at),
        Iter::Str { text, at: place } => {
            place.set(text.as_str().char_indices().nth(at).map_or(text.as_str().len(), |(byte, _)| byte));
        }
        Iter::Native { state, .. } => {
            if let Some(state) = state.borrow_mut().as_mut().and_then(Rc::get_mut) {
                state.set_position(position);
            }
        }
        Iter::Dict { .. } | Iter::Set { .. } => {}
    }
}
