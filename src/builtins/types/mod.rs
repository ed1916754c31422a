//! The methods of the built-in types, one file a type.
//!
//! A method gets the instance as it is: of a subclass of a built-in type that is an instance with the built-in value
//! inside. Methods work on that value and never come back to what a subclass overrides.

pub mod bool_;
pub mod bytes;
pub mod complex;
pub mod coroutine;
pub mod dict;
pub mod exception;
pub mod float;
pub mod function;
pub mod generic;
pub mod int;
pub mod iterators;
pub mod list;
pub mod number;
pub mod object;
pub mod property;
pub mod range;
pub mod set;
pub mod slice;
pub mod special;
pub mod str_;
pub mod tuple;
pub mod type_;

use crate::builtins::prelude::*;

/// Gives every built-in class its methods.
pub fn install(vm: &mut Vm) {
    let module = vm.name(sym::__module__).clone();
    for class in vm.types.all() {
        if let Some(name) = module_of(&class.name.borrow()) {
            class.declare(&module, Value::str(name));
        }
    }
    refuse_instances(vm);
    object::install(vm);
    type_::install(vm);
    int::install(vm);
    bool_::install(vm);
    float::install(vm);
    complex::install(vm);
    str_::install(vm);
    property::install(vm);
    function::install(vm);
    generic::install(vm);
    list::install(vm);
    tuple::install(vm);
    dict::install(vm);
    set::install(vm);
    bytes::install(vm);
    range::install(vm);
    slice::install(vm);
    exception::install(vm);
    coroutine::install(vm);
    iterators::install(vm);
}

/// The module that a class says it is from, if it is not a built-in one by name.
fn module_of(name: &str) -> Option<&'static str> {
    match name {
        "SimpleNamespace" | "UnionType" | "GenericAlias" => Some("types"),
        "TextIOWrapper" => Some("_io"),
        "CancelledError" => Some("asyncio.exceptions"),
        _ => None,
    }
}

/// Of classes that are not to be called.
pub const NO_INSTANCES: &[Row] = &[static_method("__new__(cls, *args, **kwargs)", |vm, args| {
    let name = match &args[0] {
        Value::Class(class) => vm.full_name(class),
        other => vm.type_name(other),
    };
    Err(vm.type_error(format!("cannot create '{name}' instances")))
})];

/// Classes that cannot be derived from make no instances when called, but for those whose tables say how.
fn refuse_instances(vm: &Vm) {
    for class in vm.types.all() {
        if class.layout == Layout::Final && !Rc::ptr_eq(class, &vm.types.bool_) {
            class.add_methods(NO_INSTANCES);
        }
    }
}

/// The class that `__new__` was called with: `base` or a subclass of it.
pub fn new_class(vm: &mut Vm, given: &Value, base: &Rc<Class>) -> Result<Rc<Class>> {
    if matches!(given, Value::Class(class) if Rc::ptr_eq(class, base)) {
        return Ok(base.clone());
    }
    let name = base.name.borrow().as_str().to_owned();
    let Value::Class(class) = given else {
        if given.is_unbound() {
            return Err(vm.type_error(format!("{name}.__new__(): not enough arguments")));
        }
        return Err(vm.type_error(format!("{name}.__new__(X): X is not a type object ({})", vm.type_name(given))));
    };
    let found = class.name.borrow().as_str().to_owned();
    if !class.is_subclass(base) {
        return Err(vm.type_error(format!("{name}.__new__({found}): {found} is not a subtype of {name}")));
    }
    if class.builtin {
        return Err(vm.type_error(format!("{name}.__new__({found}) is not safe, use {found}.__new__()")));
    }
    Ok(class.clone())
}

/// An argument that has to be text. `which` says which one, by its place or its name in quotes.
pub fn text_argument<'a>(vm: &mut Vm, value: &'a Value, function: &str, which: &str) -> Result<&'a Rc<Str>> {
    match value.as_str() {
        Some(text) => Ok(text),
        None => {
            let gap = if which.is_empty() { "" } else { " " };
            let found = vm.argument_name(value);
            Err(vm.type_error(format!("{function}() argument{gap}{which} must be str, not {found}")))
        }
    }
}

/// Says that a method has nothing to work on, though its instance is of the right class ([`Vm::check_receiver`]).
#[cold]
pub fn wrong_receiver(vm: &mut Vm, value: &Value) -> Error {
    let found = vm.type_name(value);
    vm.type_error(format!("descriptor doesn't apply to this '{found}' object"))
}

/// Declares a function that finds what is inside the object that a method was called on.
macro_rules! receiver {
    ($name:ident: $kind:ident) => {
        receiver!($name: $kind($kind));
    };
    ($name:ident: $kind:ident($data:ident)) => {
        fn $name<'a>(vm: &mut Vm, value: &'a Value) -> Result<&'a Rc<$data>> {
            match value {
                Value::$kind(inside) => Ok(inside),
                other => Err(crate::builtins::types::wrong_receiver(vm, other)),
            }
        }
    };
}
use receiver;

/// Refuses text with surrogates, which UTF-8 cannot hold.
pub fn must_encode(vm: &mut Vm, text: &str) -> Result<()> {
    // Only characters from U+100000 on begin with this byte; lone surrogates are kept as some of them.
    if text.as_bytes().contains(&0xF4) {
        if let Err(fault) = crate::text::codecs::encode(text, "utf-8", "strict") {
            return Err(vm.from_fault(fault));
        }
    }
    Ok(())
}
