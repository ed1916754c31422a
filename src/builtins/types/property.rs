//! `property`, `classmethod`, `staticmethod`, `super`, and the descriptors of slots and of computed attributes.

use std::cell::RefCell;
use std::rc::Rc;

use super::{new_class, type_::unpack, wrong_receiver};
use crate::builtins::add_methods;
use crate::machine::Vm;
use crate::machine::classes::Super;
use crate::object::class::{Instance, slot_name};
use crate::object::function::Property;
use crate::object::native::{Row, attribute, getter, method, static_method};
use crate::object::{Class, Descriptor, Result, Str, Value};
use crate::symbol::{Symbol, sym};

pub fn install(vm: &mut Vm) {
    let types = &vm.types;
    let tables = [
        (types.property.clone(), PROPERTY),
        (types.classmethod.clone(), CLASS_METHOD),
        (types.classmethod.clone(), WRAPPER),
        (types.staticmethod.clone(), STATIC_METHOD),
        (types.staticmethod.clone(), WRAPPER),
        (types.super_.clone(), SUPER),
        (types.member_descriptor.clone(), MEMBER),
        (types.getset_descriptor.clone(), MEMBER),
    ];
    for (class, rows) in tables {
        add_methods(vm, &class, rows);
    }
}

/// The descriptor inside a value.
fn descriptor<'a>(vm: &mut Vm, value: &'a Value, class: &str, name: &str) -> Result<&'a Rc<Descriptor>> {
    match value.unwrapped() {
        Value::Descriptor(descriptor) => Ok(descriptor),
        _ => Err(wrong_receiver(vm, class, name, value)),
    }
}

fn property<'a>(vm: &mut Vm, value: &'a Value, name: &str) -> Result<&'a Property> {
    match &**descriptor(vm, value, "property", name)? {
        Descriptor::Property(property) => Ok(property),
        _ => Err(wrong_receiver(vm, "property", name, value)),
    }
}

const PROPERTY: &[Row] = &[
    static_method("__new__(cls, *args, **kwargs)", new_property),
    method("__init__(*args, **kwargs)", |_, _| Ok(Value::None)),
    method("getter(fget, /)", |vm, args| with_function(vm, args, 0, "getter")),
    method("setter(fset, /)", |vm, args| with_function(vm, args, 1, "setter")),
    method("deleter(fdel, /)", |vm, args| with_function(vm, args, 2, "deleter")),
    method("__get__(instance, owner=None, /)", get),
    method("__set__(instance, value, /)", |vm, args| set(vm, args, Some(args[2].clone()))),
    method("__delete__(instance, /)", |vm, args| set(vm, args, None)),
    method("__set_name__(owner, name, /)", |vm, args| {
        let property = property(vm, &args[0], "__set_name__")?;
        *property.name.borrow_mut() = args[2].as_str().cloned();
        Ok(Value::None)
    }),
    getter("fget", |vm, this| Ok(Value::option(property(vm, this, "fget")?.get.clone().bound()))),
    getter("fset", |vm, this| Ok(Value::option(property(vm, this, "fset")?.set.clone().bound()))),
    getter("fdel", |vm, this| Ok(Value::option(property(vm, this, "fdel")?.delete.clone().bound()))),
    attribute("__doc__", get_doc, set_doc),
    attribute("__name__", get_name, |vm, this, new| {
        let property = property(vm, this, "__name__")?;
        *property.name.borrow_mut() = new.as_str().cloned();
        Ok(())
    }),
    getter("__isabstractmethod__", |vm, this| {
        let property = property(vm, this, "__isabstractmethod__")?;
        let functions = [property.get.clone(), property.set.clone(), property.delete.clone()];
        for function in functions {
            if is_abstract(vm, &function)? {
                return Ok(Value::Bool(true));
            }
        }
        Ok(Value::Bool(false))
    }),
];

fn is_abstract(vm: &mut Vm, function: &Value) -> Result<bool> {
    if function.given().is_none() {
        return Ok(false);
    }
    let name = vm.name(sym::__isabstractmethod__).clone();
    match vm.get_attr_opt(function, &name)? {
        Some(answer) => vm.truth(&answer),
        None => Ok(false),
    }
}

fn new_property(vm: &mut Vm, args: &[Value]) -> Result {
    let base = vm.types.property.clone();
    let class = new_class(vm, &args[0], &base)?;
    let (positional, named) = unpack(vm, &args[1], &args[2]);
    // A subclass's `__init__` may take what it likes.
    let strict = class.builtin;
    let count = positional.len() + named.len();
    if strict && count > 4 {
        return Err(vm.type_error(format!("property() takes at most 4 arguments ({count} given)")));
    }
    let mut parts = [Value::None, Value::None, Value::None, Value::None];
    for (part, value) in parts.iter_mut().zip(positional) {
        *part = value;
    }
    for (name, value) in named {
        match ["fget", "fset", "fdel", "doc"].iter().position(|known| *known == name.as_str()) {
            Some(at) => parts[at] = value,
            None if strict => {
                let name = name.as_str();
                return Err(vm.type_error(format!("property() got an unexpected keyword argument '{name}'")));
            }
            None => {}
        }
    }
    let [get, set, delete, doc] = parts;
    Ok(make_property(vm, &class, [get, set, delete], doc, None))
}

fn make_property(vm: &mut Vm, class: &Rc<Class>, parts: [Value; 3], doc: Value, name: Option<Rc<Str>>) -> Value {
    let [get, set, delete] = parts;
    let property = Property { get, set, delete, doc: RefCell::new(doc), name: RefCell::new(name) };
    vm.wrap(class, Value::Descriptor(Rc::new(Descriptor::Property(property))))
}

/// The property with another function in one place.
fn with_function(vm: &mut Vm, args: &[Value], at: usize, method: &str) -> Result {
    let old = property(vm, &args[0], method)?;
    let mut parts = [old.get.clone(), old.set.clone(), old.delete.clone()];
    parts[at] = args[1].clone();
    let (doc, name) = (old.doc.borrow().clone(), old.name.borrow().clone());
    let class = vm.class_of(&args[0]);
    Ok(make_property(vm, &class, parts, doc, name))
}

/// `__get__` of every descriptor that the machine knows.
fn get(vm: &mut Vm, args: &[Value]) -> Result {
    let inner = descriptor(vm, &args[0], "property", "__get__")?.clone();
    let instance = args[1].given();
    let class = match (&args[2], instance) {
        (Value::Class(class), _) => class.clone(),
        (_, Some(instance)) => vm.class_of(instance),
        (_, None) => return Err(vm.type_error("__get__(None, None) is invalid")),
    };
    match (&*inner, instance) {
        (Descriptor::Property(_) | Descriptor::Slot { .. } | Descriptor::GetSet { .. }, None) => Ok(args[0].clone()),
        _ => vm.bind(&Value::Descriptor(inner), instance, &class),
    }
}

/// `__set__`, or `__delete__` without a value.
fn set(vm: &mut Vm, args: &[Value], new: Option<Value>) -> Result {
    let inner = descriptor(vm, &args[0], "property", "__set__")?.clone();
    let instance = &args[1];
    match &*inner {
        Descriptor::Property(property) => {
            let (function, what) =
                if new.is_some() { (&property.set, "setter") } else { (&property.delete, "deleter") };
            let Some(function) = function.given().cloned() else {
                let class = vm.class_of(instance);
                let of = class.qualname.borrow().as_str().to_owned();
                let class = vm.types.AttributeError.clone();
                let message = match &*property.name.borrow() {
                    Some(name) => format!("property '{}' of '{of}' object has no {what}", name.as_str()),
                    None => format!("property of '{of}' object has no {what}"),
                };
                return Err(vm.error(&class, message));
            };
            let call: Vec<Value> = [instance.clone()].into_iter().chain(new).collect();
            vm.call(&function, &call)?;
        }
        Descriptor::Slot { .. } | Descriptor::GetSet { .. } => {
            let (name, class) = (member(vm, &args[0])?.0, vm.class_of(instance));
            vm.set_through(&args[0], instance, &class, &name, new)?;
        }
        Descriptor::ClassMethod(_) | Descriptor::StaticMethod(_) => {}
    }
    Ok(Value::None)
}

/// The documentation given, or the getter's.
fn get_doc(vm: &mut Vm, this: &Value) -> Result {
    let property = property(vm, this, "__doc__")?;
    let (doc, function) = (property.doc.borrow().clone(), property.get.clone());
    match (doc.given(), function.given()) {
        (Some(doc), _) => Ok(doc.clone()),
        (None, Some(function)) => {
            let name = vm.name(sym::__doc__).clone();
            Ok(Value::option(vm.get_attr_opt(function, &name)?))
        }
        (None, None) => Ok(Value::None),
    }
}

fn set_doc(vm: &mut Vm, this: &Value, new: Value) -> Result<()> {
    let property = property(vm, this, "__doc__")?;
    let old = property.doc.replace(Value::option(new.bound()));
    drop(old);
    Ok(())
}

fn get_name(vm: &mut Vm, this: &Value) -> Result {
    let property = property(vm, this, "__name__")?;
    let (name, function) = (property.name.borrow().clone(), property.get.clone());
    if let Some(name) = name {
        return Ok(Value::Str(name));
    }
    let name = vm.name(sym::__name__).clone();
    if let Some(function) = function.given() {
        if let Some(found) = vm.get_attr_opt(function, &name)? {
            return Ok(found);
        }
    }
    Err(vm.attribute_error(this, &name))
}

const CLASS_METHOD: &[Row] = &[static_method("__new__(cls, function, /)", |vm, args| {
    let base = vm.types.classmethod.clone();
    let class = new_class(vm, &args[0], &base)?;
    Ok(vm.wrap(&class, Value::Descriptor(Rc::new(Descriptor::ClassMethod(args[1].clone())))))
})];

const STATIC_METHOD: &[Row] = &[
    static_method("__new__(cls, function, /)", |vm, args| {
        let base = vm.types.staticmethod.clone();
        let class = new_class(vm, &args[0], &base)?;
        Ok(vm.wrap(&class, Value::Descriptor(Rc::new(Descriptor::StaticMethod(args[1].clone())))))
    }),
    method("__call__(*args, **kwargs)", |vm, args| {
        let function = wrapped(vm, &args[0])?;
        let (positional, named) = unpack(vm, &args[1], &args[2]);
        vm.call_kw(&function, &positional, &named)
    }),
];

/// What `classmethod` and `staticmethod` have in common.
const WRAPPER: &[Row] = &[
    method("__init__(function, /)", |_, _| Ok(Value::None)),
    method("__get__(instance, owner=None, /)", get),
    getter("__func__", wrapped),
    getter("__wrapped__", wrapped),
    getter("__isabstractmethod__", |vm, this| {
        let function = wrapped(vm, this)?;
        is_abstract(vm, &function).map(Value::Bool)
    }),
    getter("__name__", |vm, this| of_wrapped(vm, this, sym::__name__)),
    getter("__qualname__", |vm, this| of_wrapped(vm, this, sym::__qualname__)),
    getter("__doc__", |vm, this| of_wrapped(vm, this, sym::__doc__)),
    getter("__module__", |vm, this| of_wrapped(vm, this, sym::__module__)),
    getter("__annotations__", |vm, this| of_wrapped(vm, this, sym::__annotations__)),
];

/// The function inside.
fn wrapped(vm: &mut Vm, value: &Value) -> Result {
    match &**descriptor(vm, value, "staticmethod", "__func__")? {
        Descriptor::ClassMethod(function) | Descriptor::StaticMethod(function) => Ok(function.clone()),
        _ => Err(wrong_receiver(vm, "staticmethod", "__func__", value)),
    }
}

fn of_wrapped(vm: &mut Vm, this: &Value, name: Symbol) -> Result {
    let function = wrapped(vm, this)?;
    let name = vm.name(name).clone();
    match vm.get_attr_opt(&function, &name)? {
        Some(found) => Ok(found),
        None => Err(vm.attribute_error(this, &name)),
    }
}

/// Slots and computed attributes.
const MEMBER: &[Row] = &[
    method("__get__(instance, owner=None, /)", get),
    method("__set__(instance, value, /)", |vm, args| set(vm, args, Some(args[2].clone()))),
    method("__delete__(instance, /)", |vm, args| set(vm, args, None)),
    getter("__name__", |vm, this| Ok(Value::Str(member(vm, this)?.0))),
    getter("__qualname__", |vm, this| {
        let (name, class) = member(vm, this)?;
        let class = class.map_or(String::new(), |class| class.qualname.borrow().as_str().to_owned());
        Ok(Value::string(format!("{class}.{}", name.as_str())))
    }),
    getter("__objclass__", |vm, this| Ok(member(vm, this)?.1.map_or(Value::None, Value::Class))),
    getter("__doc__", |_, _| Ok(Value::None)),
];

fn member(vm: &mut Vm, value: &Value) -> Result<(Rc<Str>, Option<Rc<Class>>)> {
    match &**descriptor(vm, value, "member_descriptor", "__name__")? {
        Descriptor::Slot { key, class } => Ok((vm.intern(slot_name(key)), class.upgrade())),
        Descriptor::GetSet { name, class, .. } => Ok((name.clone(), class.upgrade())),
        _ => Err(wrong_receiver(vm, "member_descriptor", "__name__", value)),
    }
}

const SUPER: &[Row] = &[
    static_method("__new__(cls, type=<unrepresentable>, object_or_type=<unrepresentable>, /)", new_super),
    method("__init__(type=<unrepresentable>, object_or_type=<unrepresentable>, /)", |_, _| Ok(Value::None)),
    method("__get__(instance, owner=None, /)", |vm, args| {
        let Some(data) = args[0].data::<Super>() else { return Ok(args[0].clone()) };
        match (&data.this, args[1].given()) {
            (Value::Unbound, Some(instance)) => vm.make_super(&data.class.clone(), instance),
            _ => Ok(args[0].clone()),
        }
    }),
    getter("__thisclass__", |_, this| {
        Ok(this.data::<Super>().map_or(Value::None, |data| Value::Class(data.class.clone())))
    }),
    getter("__self__", |_, this| Ok(Value::option(this.data::<Super>().and_then(|data| data.this.clone().bound())))),
    getter("__self_class__", |_, this| {
        let data = this.data::<Super>().filter(|data| !data.this.is_unbound());
        Ok(data.map_or(Value::None, |data| Value::Class(data.this_class.clone())))
    }),
];

fn new_super(vm: &mut Vm, args: &[Value]) -> Result {
    if args[1].is_unbound() {
        return Err(vm.runtime_error("super(): no arguments"));
    }
    let Value::Class(class) = &args[1] else {
        let name = vm.type_name(&args[1]);
        return Err(vm.type_error(format!("super() argument 1 must be a type, not {}", name.as_str())));
    };
    match args[2].given() {
        Some(this) => vm.make_super(&class.clone(), this),
        None => {
            let data = Super { class: class.clone(), this: Value::Unbound, this_class: class.clone() };
            Ok(Instance::native(&vm.types.super_.clone(), data))
        }
    }
}
