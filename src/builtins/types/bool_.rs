//! `bool`.

use super::new_class;
use super::number::{Kind, Operators};
use crate::builtins::prelude::*;

struct Bool;

impl Kind for Bool {
    const NAME: &'static str = "bool";

    fn is(value: &Value) -> bool {
        matches!(value, Value::Bool(_))
    }

    fn takes(value: &Value) -> bool {
        value.is_int()
    }
}

pub fn install(vm: &mut Vm) {
    let class = vm.types.bool_.clone();
    class.add_methods(METHODS);
    class.add_methods(Operators::<Bool>::BITWISE);
}

const METHODS: &[Row] = &[static_method("__new__(cls, object=False, /)", |vm, args| {
    let base = vm.types.bool_.clone();
    new_class(vm, &args[0], &base)?;
    vm.truth(&args[1]).map(Value::bool)
})
.or_quick(|vm, args| match args {
    [Value::Class(class), value] if std::rc::Rc::ptr_eq(class, &vm.types.bool_) => Some(Value::bool(match value {
        Value::Int(n) => *n != 0,
        Value::Str(text) => !text.is_empty(),
        Value::List(list) => !list.is_empty(),
        Value::Bool(b) => b.get(),
        _ => return None,
    })),
    _ => None,
})];
