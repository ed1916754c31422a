//! The built-in functions, and the namespace of built-in names.

pub(super) mod attributes;
mod files;
mod iterate;
mod numbers;
pub(super) mod site;
pub mod source;

use crate::builtins::add_functions;
use crate::builtins::prelude::*;

/// Fills `vm.builtins`.
pub fn install(vm: &mut Vm) {
    let dict = vm.builtins.clone();
    for rows in
        [FUNCTIONS, attributes::FUNCTIONS, files::FUNCTIONS, iterate::FUNCTIONS, numbers::FUNCTIONS, source::FUNCTIONS]
    {
        add_functions(vm, "builtins", &dict, rows);
    }
    for (class, rows) in iterate::classes(vm) {
        class.add_methods(rows);
    }
    let classes: Vec<Rc<Class>> = vm.types.all().into_iter().cloned().collect();
    for class in classes {
        let name = class.name.borrow().clone();
        let is_exception = class.is_subclass(&vm.types.BaseException) && name.as_str() != "CancelledError";
        if is_exception || CLASSES.contains(&name.as_str()) {
            let name = vm.intern_str(&name);
            dict.set_str(&name, Value::Class(class));
        }
    }
    let os_error = Value::Class(vm.types.OSError.clone());
    let constants = [
        ("EnvironmentError", os_error.clone()),
        ("IOError", os_error),
        ("None", Value::None),
        ("True", Value::bool(true)),
        ("False", Value::bool(false)),
        ("Ellipsis", Value::Ellipsis),
        ("NotImplemented", Value::NotImplemented),
        ("__debug__", Value::bool(true)),
        ("__name__", Value::str("builtins")),
        ("__doc__", Value::None),
        ("__package__", Value::str("")),
    ];
    for (name, value) in constants {
        vm.set_entry(&dict, name, value);
    }
    site::install(vm, &dict);
    let name = vm.intern("builtins");
    let module = Module::new(name.clone(), dict, None);
    vm.modules.set_str(&name, Value::Module(Rc::new(module)));
}

/// The classes that are built-in names, besides the exceptions.
const CLASSES: &[&str] = &[
    "object", "type", "int", "bool", "float", "complex", "str", "bytes", "bytearray", "tuple", "list", "dict", "set",
    "frozenset", "range", "slice", "property", "classmethod", "staticmethod", "super", "enumerate", "zip", "map",
    "filter", "reversed", "memoryview",
];

const FUNCTIONS: &[Row] = &[
    native("ascii(obj, /)", |vm, args| vm.ascii(&args[0])),
    native("breakpoint(*args, **kws)", |vm, args| match vm.sys_attr("breakpointhook") {
        Some(hook) => call_with(vm, &hook, args),
        None => Err(vm.runtime_error("lost sys.breakpointhook")),
    }),
    native("callable(obj, /)", |vm, args| Ok(Value::bool(vm.is_callable(&args[0])))),
    native("format(value, format_spec='', /)", format),
    native("hash(obj, /)", |vm, args| vm.hash(&args[0]).map(Value::Int)).or_quick(|_, args| match args[0] {
        Value::Str(text) => Some(Value::Int(text.hash())),
        _ => None,
    }),
    native("id(obj, /)", |_, args| Ok(Value::Int(args[0].id()))).or_quick(|_, args| Some(Value::Int(args[0].id()))),
    native("isinstance(obj, class_or_tuple, /)", |vm, args| vm.isinstance(&args[0], &args[1]).map(Value::bool))
        .or_quick(|vm, args| vm.isinstance_at_once(args[0], args[1]).map(Value::bool)),
    native("issubclass(cls, class_or_tuple, /)", |vm, args| vm.issubclass(&args[0], &args[1]).map(Value::bool)),
    native("len(obj, /)", |vm, args| vm.len(&args[0]).map(Value::usize))
        .or_quick(|vm, args| vm.len_at_once(args[0]).map(Value::usize)),
    native("repr(obj, /)", |vm, args| vm.repr_value(&args[0])),
];

/// Calls a function with what arrived as `*args, **kwargs`.
pub(super) fn call_with(vm: &mut Vm, function: &Value, args: &[Value]) -> Result {
    let [positional, named] = args else { return Ok(Value::Unbound) };
    let positional = vm.collect(positional)?;
    vm.call_kw(function, &positional, &super::modules::support::keywords(named))
}

fn format(vm: &mut Vm, args: &[Value]) -> Result {
    let spec = crate::builtins::types::text_argument(vm, &args[1], "format", "2")?.clone();
    vm.format_value(&args[0], spec.as_str())
}

/// The text of a string argument, or of `None`.
fn optional_text(vm: &mut Vm, value: &Value, name: &str) -> Result<Option<Rc<Str>>> {
    match (value, value.as_str()) {
        (Value::None | Value::Unbound, _) => Ok(None),
        (_, Some(text)) => Ok(Some(text.clone())),
        _ => Err(vm.type_error(format!("{name} must be None or a string, not {}", vm.type_name(value)))),
    }
}
