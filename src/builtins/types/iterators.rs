//! The iterators of the built-in types: what `next(it)` does, as attributes.

use super::special;
use crate::builtins::add_methods;
use crate::machine::Vm;
use crate::object::native::{Row, method};
use crate::object::{Result, Value};

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
        add_methods(vm, class, ITERATOR);
    }
    for class in &sized {
        add_methods(vm, class, SIZED);
    }
}

const ITERATOR: &[Row] = &[method("__iter__()", iter), method("__next__()", next)];

const SIZED: &[Row] = &[method("__length_hint__()", length_hint)];

fn iter(_: &mut Vm, args: &[Value]) -> Result {
    Ok(args[0].clone())
}

fn next(vm: &mut Vm, args: &[Value]) -> Result {
    let Value::Iter(iter) = args[0].unwrapped() else {
        return Err(special::wrong_receiver(vm, "iterator", &args[0]));
    };
    match vm.advance(iter)? {
        Some(value) => Ok(value),
        None => Err(vm.stop_iteration(Value::None)),
    }
}

fn length_hint(vm: &mut Vm, args: &[Value]) -> Result {
    vm.length_hint(args[0].unwrapped()).map(Value::usize)
}
