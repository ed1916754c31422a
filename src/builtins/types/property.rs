//! `property`, `classmethod`, `staticmethod`, `super`, and the descriptors of slots and of computed attributes.

use super::special::{self, member};
use super::{new_class, type_::unpack, wrong_receiver};
use crate::builtins::prelude::*;
use crate::machine::attr::attrs_of;
use crate::machine::classes::Super;
use crate::object::Descriptor;
use crate::object::attrs::{AttrCell, slot_name};
use crate::object::function::{Property, PropertyParts};

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
        class.add_methods(rows);
    }
    // What is said of one that has lost the documentation of its function.
    let doc = vm.name(sym::__doc__).clone();
    vm.types.classmethod.set(&doc, Value::str("classmethod(function, /)"));
    vm.types.staticmethod.set(&doc, Value::str("staticmethod(function, /)"));
}

/// The descriptor inside a value.
fn descriptor<'a>(vm: &mut Vm, value: &'a Value) -> Result<&'a Rc<Descriptor>> {
    match value.unwrapped() {
        Value::Descriptor(descriptor) => Ok(descriptor),
        _ => Err(wrong_receiver(vm, value)),
    }
}

fn property<'a>(vm: &mut Vm, value: &'a Value) -> Result<&'a Property> {
    match &**descriptor(vm, value)? {
        Descriptor::Property(property) => Ok(property),
        _ => Err(wrong_receiver(vm, value)),
    }
}

const PROPERTY: &[Row] = &[
    static_method("__new__(cls, *args, **kwargs)", |vm, args| {
        let base = vm.types.property.clone();
        let class = new_class(vm, &args[0], &base)?;
        Ok(vm.wrap(&class, Value::Descriptor(Rc::new(Descriptor::Property(Property::default())))))
    }),
    method("__init__(fget=None, fset=None, fdel=None, doc=None)", init_property),
    method("getter(fget, /)", |vm, args| with_function(vm, args, 0)),
    method("setter(fset, /)", |vm, args| with_function(vm, args, 1)),
    method("deleter(fdel, /)", |vm, args| with_function(vm, args, 2)),
    method("__get__(instance, owner=None, /)", get),
    method("__set__(instance, value, /)", |vm, args| set(vm, args, Some(args[2].clone()))),
    method("__delete__(instance, /)", |vm, args| set(vm, args, None)),
    method("__set_name__(*args)", |vm, args| match args[1].as_tuple().map_or(&[][..], |given| &***given) {
        [_, name] => change_part(vm, &args[0], |parts| &mut parts.name, name.clone()),
        given => {
            let given = given.len();
            Err(vm.type_error(format!("__set_name__() takes 2 positional arguments but {given} were given")))
        }
    }),
    member("fget", |vm, this| part(vm, this, |parts| &parts.functions[0])),
    member("fset", |vm, this| part(vm, this, |parts| &parts.functions[1])),
    member("fdel", |vm, this| part(vm, this, |parts| &parts.functions[2])),
    attribute(
        "__doc__",
        |vm, this| part(vm, this, |parts| &parts.doc),
        |vm, this, new| change_part(vm, this, |parts| &mut parts.doc, new).map(drop),
    ),
    attribute("__name__", get_name, |vm, this, new| change_part(vm, this, |parts| &mut parts.name, new).map(drop)),
    getter("__isabstractmethod__", |vm, this| {
        let functions = property(vm, this)?.parts.borrow().functions.clone();
        for function in functions {
            if is_abstract(vm, &function)? {
                return Ok(Value::bool(true));
            }
        }
        Ok(Value::bool(false))
    }),
];

fn is_abstract(vm: &mut Vm, function: &Value) -> Result<bool> {
    if function.given().is_none() {
        return Ok(false);
    }
    match vm.get_attr_opt(function, sym::__isabstractmethod__)? {
        Some(answer) => vm.truth(&answer),
        None => Ok(false),
    }
}

fn part(vm: &mut Vm, this: &Value, choose: fn(&PropertyParts) -> &Value) -> Result {
    let parts = property(vm, this)?.parts.borrow();
    Ok(Value::option(choose(&parts).clone().bound()))
}

fn change_part(vm: &mut Vm, this: &Value, choose: fn(&mut PropertyParts) -> &mut Value, new: Value) -> Result {
    let old = std::mem::replace(choose(&mut property(vm, this)?.parts.borrow_mut()), new);
    drop(old);
    Ok(Value::None)
}

/// Fills in the parts; without documentation it is the getter's.
fn init_property(vm: &mut Vm, args: &[Value]) -> Result {
    let [this, get, set, delete, doc] = args else { return Ok(Value::None) };
    let name = vm.name(sym::__doc__).clone();
    let mut doc = doc.clone();
    let mut getter_doc = false;
    if let (None, Some(get)) = (doc.given(), get.given()) {
        if let Some(found) = vm.get_attr_opt(get, &name)?.filter(|found| !found.is_none()) {
            (doc, getter_doc) = (found, true);
        }
    }
    let functions = [get.clone(), set.clone(), delete.clone()];
    let parts = PropertyParts { functions, doc: doc.clone(), getter_doc, name: Value::Unbound };
    let old = property(vm, this)?.parts.replace(parts);
    if !old.functions[0].is_unbound() {
        // What it called before is remembered in many places.
        vm.types.object.changed();
    }
    drop(old);
    if matches!(this, Value::Instance(_)) {
        // The class of a subclass has documentation of its own, behind which the property's would not be seen.
        match vm.set_attr(this, &name, doc) {
            Err(e) if getter_doc || !e.is(&vm.types.AttributeError) => return Err(e),
            _ => {}
        }
    }
    Ok(Value::None)
}

/// The property with another function in one place.
fn with_function(vm: &mut Vm, args: &[Value], at: usize) -> Result {
    let old = property(vm, &args[0])?.parts.borrow().clone();
    let mut functions = old.functions;
    if !args[1].is_none() {
        functions[at] = args[1].clone();
    }
    // Documentation that came from a getter comes from the new one.
    let doc = if old.getter_doc && functions[0].given().is_some() { Value::None } else { old.doc };
    let [get, set, delete] = functions;
    let class = vm.class_of(&args[0]);
    let new = vm.call(&Value::Class(class), &[get, set, delete, doc])?;
    if let Value::Descriptor(descriptor) = &new {
        if let Descriptor::Property(property) = &**descriptor {
            property.parts.borrow_mut().name = old.name;
        }
    }
    Ok(new)
}

/// `__get__` of every descriptor that the machine knows.
fn get(vm: &mut Vm, args: &[Value]) -> Result {
    let inner = descriptor(vm, &args[0])?.clone();
    let instance = args[1].given();
    let class = match (&args[2], instance) {
        (Value::Class(class), _) => class.clone(),
        (_, Some(instance)) => vm.class_of(instance),
        (other, None) if other.given().is_some() => return Ok(args[0].clone()),
        (_, None) => return Err(vm.type_error("__get__(None, None) is invalid")),
    };
    if let (Descriptor::GetSet { name, class, .. }, Some(instance)) = (&*inner, instance) {
        vm.check_owner(class, name, instance)?;
    }
    match (&*inner, instance) {
        (Descriptor::Property(_) | Descriptor::Slot { .. } | Descriptor::GetSet { .. }, None) => Ok(args[0].clone()),
        _ => vm.bind(&Value::Descriptor(inner), instance, &class),
    }
}

/// `__set__`, or `__delete__` without a value.
fn set(vm: &mut Vm, args: &[Value], new: Option<Value>) -> Result {
    let inner = descriptor(vm, &args[0])?.clone();
    let instance = &args[1];
    let name = match &*inner {
        Descriptor::Property(_) => Rc::default(),
        _ => name_and_class(vm, &args[0])?.0,
    };
    if let Descriptor::GetSet { name, class, .. } = &*inner {
        vm.check_owner(class, name, instance)?;
    }
    let class = vm.class_of(instance);
    // Not through the object itself, whose class may be a property with a `__set__` of its own.
    vm.set_through(&Value::Descriptor(inner), instance, &class, &name, new)?;
    Ok(Value::None)
}

fn get_name(vm: &mut Vm, this: &Value) -> Result {
    let parts = property(vm, this)?.parts.borrow().clone();
    if !parts.name.is_unbound() {
        return Ok(parts.name);
    }
    let [function, ..] = parts.functions;
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
    new_wrapper(vm, args, &base, Descriptor::ClassMethod)
})];

const STATIC_METHOD: &[Row] = &[
    static_method("__new__(cls, function, /)", |vm, args| {
        let base = vm.types.staticmethod.clone();
        new_wrapper(vm, args, &base, Descriptor::StaticMethod)
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
    method("__repr__()", special::repr),
    method("__get__(instance, owner=None, /)", get),
    member("__func__", wrapped),
    member("__wrapped__", wrapped),
    getter("__isabstractmethod__", |vm, this| {
        let function = wrapped(vm, this)?;
        is_abstract(vm, &function).map(Value::bool)
    }),
];

/// The function inside.
fn wrapped(vm: &mut Vm, value: &Value) -> Result {
    match &**descriptor(vm, value)? {
        Descriptor::ClassMethod(function, _) | Descriptor::StaticMethod(function, _) => Ok(function.clone()),
        _ => Err(wrong_receiver(vm, value)),
    }
}

/// A class or static method as an object of `class`, with what tells of the function as its own attributes.
fn new_wrapper(vm: &mut Vm, args: &[Value], base: &Rc<Class>, make: fn(Value, AttrCell) -> Descriptor) -> Result {
    let class = new_class(vm, &args[0], base)?;
    let new = vm.wrap(&class, Value::Descriptor(Rc::new(make(args[1].clone(), AttrCell::default()))));
    for name in [sym::__module__, sym::__name__, sym::__qualname__, sym::__doc__, sym::__annotations__] {
        if let (Some(found), Some(attrs)) = (vm.get_attr_opt(&args[1], name)?, attrs_of(&new)) {
            attrs.change(|attrs| attrs.set(&class.root_shape, vm.name(name), found));
        }
    }
    Ok(new)
}

/// Slots and computed attributes.
const MEMBER: &[Row] = &[
    method("__repr__()", special::repr),
    method("__get__(instance, owner=None, /)", get),
    method("__set__(instance, value, /)", |vm, args| set(vm, args, Some(args[2].clone()))),
    method("__delete__(instance, /)", |vm, args| set(vm, args, None)),
    member("__name__", |vm, this| Ok(Value::Str(name_and_class(vm, this)?.0))),
    getter("__qualname__", |vm, this| {
        let (name, class) = name_and_class(vm, this)?;
        let class = class.map_or(String::new(), |class| class.qualname.borrow().as_str().to_owned());
        Ok(Value::string(format!("{class}.{name}")))
    }),
    member("__objclass__", |vm, this| Ok(name_and_class(vm, this)?.1.map_or(Value::None, Value::Class))),
    attribute(
        "__doc__",
        |vm, this| match &**descriptor(vm, this)? {
            Descriptor::GetSet { doc, .. } => Ok(Value::option(doc.borrow().clone().bound())),
            _ => Ok(Value::None),
        },
        |vm, this, new| match &**descriptor(vm, this)? {
            Descriptor::GetSet { doc, .. } if !doc.borrow().is_unbound() => {
                let old = doc.replace(if new.is_unbound() { Value::None } else { new });
                drop(old);
                Ok(())
            }
            _ => {
                let (class, owner) = (vm.types.AttributeError.clone(), vm.type_name(this));
                let owner = owner.as_str();
                Err(vm.error(&class, format!("attribute '__doc__' of '{owner}' objects is not writable")))
            }
        },
    ),
];

fn name_and_class(vm: &mut Vm, value: &Value) -> Result<(Rc<Str>, Option<Rc<Class>>)> {
    match &**descriptor(vm, value)? {
        Descriptor::Slot { key, class } => Ok((vm.intern(slot_name(key)), class.upgrade())),
        Descriptor::GetSet { name, class, .. } => Ok((name.clone(), class.upgrade())),
        _ => Err(wrong_receiver(vm, value)),
    }
}

const SUPER: &[Row] = &[
    static_method("__new__(cls, type=<unrepresentable>, object_or_type=<unrepresentable>, /)", new_super),
    method("__init__(type=<unrepresentable>, object_or_type=<unrepresentable>, /)", |_, _| Ok(Value::None)),
    method("__repr__()", special::repr),
    method("__get__(instance, owner=None, /)", |vm, args| {
        let Some(data) = args[0].data::<Super>() else { return Ok(args[0].clone()) };
        match (&data.this, args[1].given()) {
            (Value::Unbound, Some(instance)) => {
                let kind = vm.class_of(&args[0]);
                if kind.builtin {
                    return vm.make_super(&data.class.clone(), instance);
                }
                vm.call(&Value::Class(kind), &[Value::Class(data.class.clone()), instance.clone()])
            }
            _ => Ok(args[0].clone()),
        }
    }),
    member("__thisclass__", |_, this| {
        Ok(this.data::<Super>().map_or(Value::None, |data| Value::Class(data.class.clone())))
    }),
    member("__self__", |_, this| Ok(Value::option(this.data::<Super>().and_then(|data| data.this.clone().bound())))),
    member("__self_class__", |_, this| {
        let data = this.data::<Super>().filter(|data| !data.this.is_unbound());
        Ok(data.map_or(Value::None, |data| Value::Class(data.this_class.clone())))
    }),
];

fn new_super(vm: &mut Vm, args: &[Value]) -> Result {
    let base = vm.types.super_.clone();
    let kind = new_class(vm, &args[0], &base)?;
    if args[1].is_unbound() {
        return Err(vm.runtime_error("super(): no arguments"));
    }
    let Value::Class(class) = &args[1] else {
        return Err(vm.type_error(format!("super() argument 1 must be a type, not {}", vm.type_name(&args[1]))));
    };
    vm.make_super_of(&kind, class, &args[2])
}
