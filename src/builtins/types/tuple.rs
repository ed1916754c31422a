//! `tuple`.

use super::special;
use crate::builtins::prelude::*;
use crate::object::Tuple;
use crate::text::slice as slices;

pub fn install(vm: &mut Vm) {
    let class = vm.types.tuple.clone();
    for rows in [METHODS, special::COMPARISONS, special::CONTAINER, special::SEQUENCE, special::HASH] {
        class.add_methods(rows);
    }
}

const METHODS: &[Row] = &[
    static_method("__new__(cls, iterable=(), /)", new).or_quick(|vm, args| match args {
        [Value::Class(class), items] if Rc::ptr_eq(class, &vm.types.tuple) => match items {
            Value::Tuple(_) => Some((*items).clone()),
            Value::List(list) => Some(Value::tuple(&list.items.borrow()[..])),
            _ => None,
        },
        _ => None,
    }),
    method("count(value, /)", count),
    of!("index(value, start=0, stop=9223372036854775807, /)", Value::as_tuple, index),
    method("__iter__()", special::iter),
    of!("__getnewargs__()", Value::as_tuple, |_, items, _| Ok(Value::tuple([Value::Tuple(items.clone())]))),
    class_method("__class_getitem__(object, /)", special::class_getitem),
];

fn this(vm: &mut Vm, value: &Value) -> Result<Rc<Tuple>> {
    value.as_tuple().cloned().ok_or_else(|| super::wrong_receiver(vm, value))
}

fn new(vm: &mut Vm, args: &[Value]) -> Result {
    let base = vm.types.tuple.clone();
    let class = super::new_class(vm, &args[0], &base)?;
    let items = match &args[1] {
        items @ Value::Tuple(_) => items.clone(),
        Value::List(list) => Value::tuple(&list.items.borrow()[..]),
        other => Value::tuple(vm.collect(other)?),
    };
    Ok(vm.wrap(&class, items))
}

fn count(vm: &mut Vm, args: &[Value]) -> Result {
    let mut count = 0;
    for item in this(vm, &args[0])?.iter() {
        if vm.eq(item, &args[1])? {
            count += 1;
        }
    }
    Ok(Value::usize(count))
}

fn index(vm: &mut Vm, items: &Rc<Tuple>, args: &[Value]) -> Result {
    let (start, stop) = (special::position(vm, &args[2])?, special::position(vm, &args[3])?);
    let (start, stop) = slices::bounds(Some(start), Some(stop), items.len());
    for at in start..stop {
        if vm.eq(&items[at], &args[1])? {
            return Ok(Value::usize(at));
        }
    }
    Err(vm.value_error("tuple.index(x): x not in tuple"))
}
