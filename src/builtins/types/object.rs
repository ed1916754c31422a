//! `object`: what every value has.

use super::text_argument;
use crate::builtins::prelude::*;
use crate::machine::classes::{is_call, object_init, object_new};
use crate::machine::display;
use crate::object::Class;
use crate::object::attrs::slot_name;
use crate::object::class::Layout;
use crate::object::instance::{Instance, Payload};
use crate::object::native::NativeCall;

pub fn install(vm: &mut Vm) {
    let class = vm.types.object.clone();
    class.add_methods(METHODS);
    let doc = vm.name(sym::__doc__).clone();
    class.set(&doc, Value::None);
}

const METHODS: &[Row] = &[
    static_method("__new__(cls, *args, **kwargs)", object_new),
    method("__init__(*args, **kwargs)", object_init),
    method("__repr__()", |vm, args| Ok(Value::string(default_repr(vm, &args[0])))),
    method("__str__()", |vm, args| vm.nested(|vm| vm.default_str(&args[0]))),
    method("__eq__(value, /)", |_, args| {
        Ok(if args[0].is(&args[1]) { Value::bool(true) } else { Value::NotImplemented })
    }),
    // The opposite of what `__eq__` says.
    method("__ne__(value, /)", |vm, args| match vm.call_special(&args[0], sym::__eq__, &args[1..2])? {
        None | Some(Value::NotImplemented) => Ok(Value::NotImplemented),
        Some(equal) => Ok(Value::bool(!vm.truth(&equal)?)),
    }),
    method("__lt__(value, /)", not_implemented),
    method("__le__(value, /)", not_implemented),
    method("__gt__(value, /)", not_implemented),
    method("__ge__(value, /)", not_implemented),
    method("__hash__()", |_, args| Ok(Value::Int(crate::machine::hash::identity(&args[0])))),
    method("__format__(format_spec, /)", format),
    method("__getattribute__(name, /)", get_attribute),
    method("__setattr__(name, value, /)", |vm, args| {
        change(vm, &args[0], &args[1], Some(args[2].clone()), "__setattr__")
    }),
    method("__delattr__(name, /)", |vm, args| change(vm, &args[0], &args[1], None, "__delattr__")),
    method("__dir__()", |vm, args| {
        let names = vm.default_dir(&args[0]);
        Ok(Value::list(names.into_iter().map(Value::Str).collect()))
    }),
    method("__getstate__()", get_state),
    method("__reduce__()", reduce),
    method("__reduce_ex__(protocol, /)", reduce_ex),
    method("__sizeof__()", |vm, args| vm.call_page("sys", "_size_of", &args[..1])),
    class_method("__init_subclass__(*args, **kwargs)", init_subclass),
    class_method("__subclasshook__(subclass, /)", not_implemented),
    attribute("__class__", |vm, this| Ok(Value::Class(vm.class_of(this))), set_class),
];

fn not_implemented(_: &mut Vm, _: &[Value]) -> Result {
    Ok(Value::NotImplemented)
}

/// `<module.Class object at 0x...>`
pub fn default_repr(vm: &Vm, value: &Value) -> String {
    let class = vm.class_of(value);
    let address = display::address(value);
    match vm.class_module(&class) {
        Some(module) if module.as_str() != "builtins" => {
            format!("<{module}.{} object at {address}>", class.qualname.borrow())
        }
        _ => format!("<{} object at {address}>", class.name.borrow()),
    }
}

fn format(vm: &mut Vm, args: &[Value]) -> Result {
    let spec = text_argument(vm, &args[1], "__format__", "")?;
    if !spec.is_empty() {
        return Err(vm.not_formattable(&args[0]));
    }
    vm.str_value(&args[0])
}

/// The name of an attribute as an argument.
pub fn attribute_name(vm: &mut Vm, value: &Value) -> Result<Rc<Str>> {
    match value {
        Value::Str(name) => Ok(vm.intern_str(name)),
        other => match other.as_str() {
            Some(name) => Ok(vm.intern(name)),
            None => Err(vm.type_error(format!("attribute name must be string, not '{}'", vm.type_name(other)))),
        },
    }
}

pub(super) fn get_attribute(vm: &mut Vm, args: &[Value]) -> Result {
    let name = attribute_name(vm, &args[1])?;
    let class = vm.class_of(&args[0]);
    let found = match &args[0] {
        this @ Value::Module(module) => match (vm.plain_module_attr(this, module, &name)?, module.lazy) {
            (None, Some(load)) => load(vm, module, &name)?,
            (found, _) => found,
        },
        this => vm.object_attr(this, &class, &name)?,
    };
    found.ok_or_else(|| {
        let message = format!("'{}' object has no attribute '{name}'", vm.type_name(&args[0]));
        vm.attribute_error_with(message, &args[0], &name)
    })
}

fn change(vm: &mut Vm, this: &Value, name: &Value, new: Option<Value>, method: &str) -> Result {
    let name = attribute_name(vm, name)?;
    let class = vm.class_of(this);
    if matches!(this, Value::Class(_)) {
        return Err(vm.type_error(format!("can't apply this {method} to {} object", class.name.borrow())));
    }
    vm.object_set_attr(this, &class, &name, new)?;
    Ok(Value::None)
}

pub fn get_state(vm: &mut Vm, args: &[Value]) -> Result {
    let this = &args[0];
    let pairs = match this {
        Value::Instance(instance) if !instance.class().has_dict.get() => Vec::new(),
        Value::Instance(instance) => instance.attrs.look(|attrs| attrs.pairs()),
        _ => vm.instance_dict(this).map_or(Vec::new(), |dict| dict.pairs()),
    };
    let state = if pairs.is_empty() { Value::None } else { vm.dict_from_pairs(pairs)? };
    let keys = vm.class_of(this).slot_keys();
    let slots = Dict::new();
    for key in &keys {
        let name = vm.intern(slot_name(key));
        if let Some(value) = vm.get_attr_opt(this, &name)? {
            slots.set_str(&name, value);
        }
    }
    Ok(if slots.is_empty() { state } else { Value::tuple([state, Value::dict(slots)]) })
}

/// How to make the object anew: a function, its arguments, the state to set, and items to add.
pub fn reduce(vm: &mut Vm, args: &[Value]) -> Result {
    let protocol = args.get(1).cloned().unwrap_or(Value::Int(0));
    let plain = matches!(args[0], Value::Instance(_));
    vm.call_page("copyreg", "_reduce", &[args[0].clone(), protocol, Value::bool(plain)])
}

/// By the object's `__reduce__`, unless its class has the one above.
pub fn reduce_ex(vm: &mut Vm, args: &[Value]) -> Result {
    vm.index(&args[1])?;
    let found = vm.get_attr_opt(&args[0], sym::__reduce__)?;
    let class = vm.class_of(&args[0]);
    match found {
        Some(found) if !is_native(&class, vm.name(sym::__reduce__), reduce) => vm.call(&found, &[]),
        _ => reduce(vm, args),
    }
}

/// Whether a class has this method of `object` under a name.
pub fn is_native(class: &Class, name: &Rc<Str>, call: NativeCall) -> bool {
    is_call(class.lookup(name).as_ref(), call)
}

/// Whether an object is nothing but its attributes.
pub fn is_plain(instance: &Instance) -> bool {
    matches!(instance.payload, Payload::Value(None)) && instance.class().layout == Layout::Object
}

fn init_subclass(vm: &mut Vm, args: &[Value]) -> Result {
    let Value::Class(class) = &args[0] else { return Ok(Value::None) };
    let name = class.qualname.borrow().as_str().to_owned();
    if args[2].as_dict().is_some_and(|kwargs| !kwargs.is_empty()) {
        return Err(vm.type_error(format!("{name}.__init_subclass__() takes no keyword arguments")));
    }
    match args[1].as_tuple().map_or(0, |args| args.len()) {
        0 => Ok(Value::None),
        given => Err(vm.type_error(format!("{name}.__init_subclass__() takes no arguments ({given} given)"))),
    }
}

fn set_class(vm: &mut Vm, this: &Value, new: Value) -> Result<()> {
    let Value::Class(new) = &new else {
        if new.is_unbound() {
            return Err(vm.type_error("can't delete __class__ attribute"));
        }
        return Err(vm.type_error(format!("__class__ must be set to a class, not '{}' object", vm.type_name(&new))));
    };
    let old = vm.class_of(this);
    let module = vm.types.module.clone();
    if old.is_subclass(&module) && new.is_subclass(&module) {
        match this {
            Value::Module(module) => *module.class.borrow_mut() = (!new.builtin).then(|| new.clone()),
            Value::Instance(instance) => instance.set_class(new),
            _ => {}
        }
        return Ok(());
    }
    if old.builtin || new.builtin {
        return Err(vm.type_error("__class__ assignment only supported for mutable types or ModuleType subclasses"));
    }
    if !same_layout(&old, new) {
        return Err(vm.type_error(format!(
            "__class__ assignment: '{}' object layout differs from '{}'",
            new.name.borrow(),
            old.name.borrow()
        )));
    }
    match this {
        Value::Instance(instance) if !matches!(instance.payload, Payload::Native(_)) => {
            instance.set_class(new);
        }
        Value::Exception(exception) => {
            exception.attrs.change(|attrs| attrs.rebase(&new.root_shape));
            *exception.class.borrow_mut() = new.clone();
        }
        _ => {
            return Err(vm.type_error("__class__ assignment only supported for mutable types or ModuleType subclasses"));
        }
    }
    Ok(())
}

/// Whether instances of one class can become instances of another: both come from one class by nothing that adds to
/// them, or by one step that adds the same.
pub fn same_layout(a: &Rc<Class>, b: &Rc<Class>) -> bool {
    let parts = |class: &Class| (class.layout, class.has_dict.get(), class.has_weakref.get());
    let strip = |class: &Rc<Class>| {
        let mut class = class.clone();
        while let Some(base) = class.base() {
            if class.slots.get().is_some() || parts(&class) != parts(&base) {
                break;
            }
            class = base;
        }
        class
    };
    let (a, b) = (strip(a), strip(b));
    let same_base = || match (a.base(), b.base()) {
        (Some(x), Some(y)) => Rc::ptr_eq(&x, &y),
        _ => false,
    };
    Rc::ptr_eq(&a, &b) || same_base() && parts(&a) == parts(&b) && a.slots.get() == b.slots.get()
}
