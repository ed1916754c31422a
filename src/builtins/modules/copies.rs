//! What `copy` does at once: an object whose class has no say in how it is copied.

use crate::builtins::prelude::*;
use crate::builtins::types::object;
use crate::machine::classes::object_new;
use crate::object::instance::{Instance, Payload};
use crate::object::{Class, gc};
use crate::symbol::Symbol;

pub(super) const FUNCTIONS: &[Row] = &[
    native("_plain_copy(obj, /)", |vm, args| {
        Ok(match &args[0] {
            Value::Instance(instance) if copies_plainly(vm, instance) => plain_copy(instance),
            _ => Value::None,
        })
    }),
    native("_plain_parts(obj, /)", |vm, args| {
        Ok(match &args[0] {
            Value::Instance(instance) if copies_plainly(vm, instance) => {
                let pairs = instance.attrs.look(|attrs| attrs.pairs());
                let (names, values) = pairs.into_iter().unzip::<_, _, Vec<_>, Vec<_>>();
                Value::tuple([
                    Instance::create(&instance.class(), Payload::NONE),
                    Value::list(names),
                    Value::list(values),
                ])
            }
            _ => Value::None,
        })
    }),
    native("_set_attributes(obj, names, values, /)", |vm, args| {
        if let Value::Instance(instance) = &args[0] {
            set_all(instance, vm.collect(&args[1])?.into_iter().zip(vm.collect(&args[2])?));
        }
        Ok(Value::None)
    }),
];

/// Whether a copy is a new object of the class with the same attributes, and no script code is asked for it.
fn copies_plainly(vm: &mut Vm, instance: &Instance) -> bool {
    let class = instance.class();
    let is_method = |name: Symbol, call| object::is_native(&class, vm.name(name), call);
    let ours = is_method(sym::__new__, object_new)
        && is_method(sym::__reduce_ex__, object::reduce_ex)
        && is_method(sym::__reduce__, object::reduce)
        && is_method(sym::__getstate__, object::get_state);
    let hooks = [sym::__getattr__, sym::__setstate__, sym::__getnewargs__, sym::__getnewargs_ex__];
    let has_names = || instance.attrs.look(|attrs| attrs.pairs()).iter().all(|(name, _)| matches!(name, Value::Str(_)));
    ours && object::is_plain(instance)
        && class.has_dict.get()
        && class.slot_keys().is_empty()
        && hooks.iter().all(|&hook| class.lookup(vm.name(hook)).is_none())
        && matches!(class.lookup(vm.name(sym::__getattribute__)), Some(Value::Native(_)))
        && class.mro().iter().all(|base| base.builtin || !is_in_c(vm, base))
        && has_names()
}

/// Whether a class of a page may be one that CPython has in C: their modules are private.
fn is_in_c(vm: &Vm, class: &Rc<Class>) -> bool {
    vm.class_module(class).is_none_or(|module| module.as_str().starts_with('_') && module.as_str() != "__main__")
}

fn plain_copy(instance: &Instance) -> Value {
    let made = Instance::create(&instance.class(), Payload::NONE);
    if let Value::Instance(made) = &made {
        set_all(made, instance.attrs.look(|attrs| attrs.pairs()));
    }
    made
}

/// Gives an object attributes, past what its class says of that.
fn set_all(instance: &Rc<Instance>, pairs: impl IntoIterator<Item = (Value, Value)>) {
    let class = instance.class();
    for (name, value) in pairs {
        gc::stored(instance, &value);
        if let Value::Str(name) = &name {
            drop(instance.attrs.change(|attrs| attrs.set(&class.root_shape, name, value)));
        }
    }
}
