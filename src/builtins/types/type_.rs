//! `type`: classes as objects.

use std::rc::Weak;

use super::generic::union;
use super::must_encode;
use super::object::{attribute_name, same_layout};
use super::special::member;
use crate::builtins::prelude::*;
use crate::builtins::types::receiver;
use crate::object::Descriptor;
use crate::object::class::{Layout, Place};
use crate::symbol::Symbol;

pub fn install(vm: &mut Vm) {
    let class = vm.types.type_.clone();
    class.add_methods(METHODS);
}

const METHODS: &[Row] = &[
    static_method("__new__(metatype, *args, **kwargs)", new),
    method("__init__(*args, **kwargs)", init),
    of!("__call__(*args, **kwargs)", Value::as_class, call),
    of!("__repr__()", Value::as_class, |vm, class, _| { Ok(Value::string(vm.class_repr(class))) }),
    of!("__getattribute__(name, /)", Value::as_class, |vm, class, args| {
        let name = attribute_name(vm, &args[1])?;
        vm.class_attr(class, &name)
    }),
    method("__setattr__(name, value, /)", |vm, args| change(vm, args, Some(args[2].clone()))),
    method("__delattr__(name, /)", |vm, args| change(vm, args, None)),
    method("__dir__()", |vm, args| {
        let names = vm.default_dir(&args[0]);
        Ok(Value::list(names.into_iter().map(Value::Str).collect()))
    }),
    of!("__instancecheck__(instance, /)", Value::as_class, instance_check),
    of!("__subclasscheck__(subclass, /)", Value::as_class, |vm, class, args| {
        vm.derives_from(&args[1], class).map(Value::bool)
    }),
    of!("__subclasses__()", Value::as_class, |_, class, _| {
        let found: Vec<Value> = class.subclasses.borrow().iter().filter_map(Weak::upgrade).map(Value::Class).collect();
        Ok(Value::list(found))
    }),
    of!("mro()", Value::as_class, |vm, class, _| {
        let bases = class.bases.borrow().clone();
        let behind = vm.linearize(&bases)?;
        Ok(Value::list(std::iter::once(class.clone()).chain(behind).map(Value::Class).collect()))
    }),
    method("__or__(value, /)", |vm, args| union(vm, &args[0], &args[1])),
    method("__ror__(value, /)", |vm, args| union(vm, &args[1], &args[0])),
    method("__sizeof__()", |_, _| Ok(Value::Int(904))),
    class_method("__prepare__(*args, **kwargs)", |_, _| Ok(Value::dict(Dict::new()))),
    attribute("__name__", |vm, class| Ok(Value::Str(this(vm, class)?.name.borrow().clone())), set_name),
    attribute("__qualname__", |vm, class| Ok(Value::Str(this(vm, class)?.qualname.borrow().clone())), set_qualname),
    attribute("__module__", get_module, |vm, class, new| set_entry(vm, class, sym::__module__, new)),
    attribute("__doc__", get_doc, |vm, class, new| set_entry(vm, class, sym::__doc__, new)),
    attribute(
        "__bases__",
        |vm, class| {
            let class = this(vm, class)?;
            let bases = class.bases.borrow().clone();
            Ok(Value::tuple(bases.into_iter().map(Value::Class).collect::<Vec<_>>()))
        },
        set_bases,
    ),
    member("__base__", |vm, class| Ok(this(vm, class)?.base().map_or(Value::None, Value::Class))),
    getter("__mro__", |vm, class| {
        let class = this(vm, class)?;
        if class.own_place.get() == Place::Unknown {
            return Ok(Value::None);
        }
        Ok(Value::tuple(class.mro().into_iter().map(Value::Class).collect::<Vec<_>>()))
    }),
    getter("__dict__", |vm, class| {
        let dict = this(vm, class)?.dict().clone();
        Ok(vm.mapping_proxy(Value::Dict(dict)))
    }),
    attribute("__annotations__", get_annotations, set_annotations),
    attribute("__type_params__", get_type_params, |vm, class, new| set_entry(vm, class, sym::__type_params__, new)),
    attribute("__abstractmethods__", get_abstract, set_abstract),
    getter("__text_signature__", text_signature),
    member("__flags__", flags),
];

/// Those bits of CPython's `tp_flags` that say something about the class itself.
fn flags(vm: &mut Vm, class: &Value) -> Result {
    let class = this(vm, class)?;
    let types = &vm.types;
    let methods = [&types.function, &types.method_descriptor, &types.wrapper_descriptor];
    let layout = if class.is_final() { class.base().map_or(class.layout, |base| base.layout) } else { class.layout };
    let kind = match layout {
        Layout::Int => Some(24),
        Layout::List => Some(25),
        Layout::Tuple => Some(26),
        Layout::Bytes => Some(27),
        Layout::Str => Some(28),
        Layout::Dict => Some(29),
        Layout::Exception => Some(30),
        Layout::Type => Some(31),
        _ => None,
    };
    let bits = [
        (8, class.builtin && !class.patchable.get()),
        (9, is_on_heap(vm, class)),
        (10, !class.is_final()),
        (12, true),
        (17, methods.iter().any(|method| Rc::ptr_eq(class, method))),
        (20, class.is_abstract.get()),
    ];
    let bits = bits.into_iter().filter(|(_, set)| *set).map(|(bit, _)| bit).chain(kind);
    Ok(Value::Int(bits.fold(0, |all, bit| all | 1 << bit)))
}

/// Whether CPython's collector looks after the instances, which are freed in another way then.
fn is_collected(class: &Rc<Class>) -> bool {
    use Layout::*;
    !class.builtin || !matches!(class.layout, Object | Int | Float | Complex | Str | Bytes | ByteArray)
}

/// Whether CPython makes the class when the program runs: all do but those that it is compiled with.
fn is_on_heap(vm: &Vm, class: &Rc<Class>) -> bool {
    let types = &vm.types;
    let is_static = || {
        let module = entry(vm, class, sym::__module__);
        let module = module.as_ref().and_then(Value::as_str).map_or("", |module| module.as_str());
        matches!(module, "datetime" | "contextvars" | "_contextvars" | "weakref")
            || types.all().iter().any(|own| Rc::ptr_eq(own, class))
    };
    !class.builtin
        || Rc::ptr_eq(class, &types.ExceptionGroup)
        || Rc::ptr_eq(class, &types.CancelledError)
        || !is_static()
}

/// Classes that say otherwise how they are called than by the arguments that are looked at.
const SHOWN: &[(&str, Option<&str>)] = &[
    ("type", None),
    ("ReferenceType", None),
    ("complex", Some("(real=0, imag=0)")),
    ("enumerate", Some("(iterable, start=0)")),
    ("map", Some("(function, iterable, /, *iterables)")),
    ("mappingproxy", Some("(mapping)")),
    ("SimpleNamespace", Some("(mapping_or_iterable=(), /, **kwargs)")),
    ("NoneType", Some("()")),
    ("ellipsis", Some("()")),
    ("NotImplementedType", Some("()")),
    ("partial", Some("(func, /, *args, **keywords)")),
    ("itemgetter", Some("(item, /, *items)")),
    ("attrgetter", Some("(attr, /, *attrs)")),
    ("methodcaller", Some("(name, /, *args, **kwargs)")),
];

/// What the row that makes or initialises objects of a class says, unless it leaves that open.
fn text_signature(vm: &mut Vm, class: &Value) -> Result {
    let class = this(vm, class)?;
    if Rc::ptr_eq(class, &vm.types.object) {
        return Ok(Value::str("()"));
    }
    // A class of a script may say in its documentation how it is called.
    if let Some(doc) = entry(vm, class, sym::__doc__).filter(|_| !class.builtin) {
        let doc = doc.as_str().map_or("", |doc| doc.as_str());
        let given = doc.strip_prefix(class.name.borrow().as_str()).filter(|rest| rest.starts_with('('));
        if let Some((given, _)) = given.and_then(|given| given.split_once(")\n--\n\n")) {
            return Ok(Value::string(format!("{given})")));
        }
    }
    if class.builtin {
        let name = class.name.borrow();
        if let Some((_, shown)) = SHOWN.iter().find(|(shown, _)| *shown == name.as_str()) {
            return Ok(shown.map_or(Value::None, Value::str));
        }
    }
    let module = vm.entry(class.dict(), sym::__module__);
    // The classes of asyncio are what a program makes objects of by hand, also those that inherit their `__init__`.
    let inherits = module.as_ref().and_then(Value::as_str).is_some_and(|module| module.as_str().contains("asyncio"));
    for name in [sym::__init__, sym::__new__] {
        let name = vm.name(name);
        let found = if inherits { class.lookup(name) } else { class.dict().get_str(name) };
        let signature = match &found {
            Some(Value::Native(native)) => native.row.signature,
            Some(Value::Descriptor(wrapped)) => match &**wrapped {
                Descriptor::StaticMethod(Value::Native(native), _) => native.row.signature,
                _ => continue,
            },
            _ => continue,
        };
        let given = signature.find('(').map_or("", |at| &signature[at + 1..]);
        let given = ["cls, /, ", "cls, "].iter().find_map(|cls| given.strip_prefix(cls)).unwrap_or(given);
        if !given.contains("<unrepresentable>") && !given.starts_with("*args") {
            return Ok(Value::string(format!("({given}")));
        }
    }
    Ok(Value::None)
}

receiver!(this: Class);

/// The arguments of a call as they come through `*args, **kwargs`.
pub fn unpack(vm: &mut Vm, args: &Value, kwargs: &Value) -> (Vec<Value>, Vec<Named>) {
    let positional = args.as_tuple().map(|args| args.to_vec()).unwrap_or_default();
    let mut named = Vec::new();
    for (key, value) in kwargs.as_dict().map(|kwargs| kwargs.pairs()).unwrap_or_default() {
        if let Some(key) = key.as_str() {
            named.push((vm.intern_str(key), value));
        }
    }
    (positional, named)
}

fn call(vm: &mut Vm, class: &Rc<Class>, args: &[Value]) -> Result {
    let (positional, named) = unpack(vm, &args[1], &args[2]);
    vm.instantiate(class, &positional, &named)
}

fn new(vm: &mut Vm, args: &[Value]) -> Result {
    let Value::Class(meta) = &args[0] else {
        return Err(vm.type_error(format!("type.__new__(X): X is not a type object ({})", vm.type_name(&args[0]))));
    };
    let (positional, named) = unpack(vm, &args[1], &args[2]);
    let is_type = Rc::ptr_eq(meta, &vm.types.type_);
    let [name, bases, namespace] = positional.as_slice() else {
        if let ([object], true) = (positional.as_slice(), is_type && named.is_empty()) {
            return Ok(Value::Class(vm.class_of(object)));
        }
        return Err(if is_type && !named.is_empty() && positional.len() == 1 {
            vm.type_error("type() takes no keyword arguments")
        } else if is_type {
            vm.type_error("type() takes 1 or 3 arguments")
        } else {
            vm.type_error(format!("type.__new__() takes exactly 3 arguments ({} given)", positional.len()))
        });
    };
    let Some(name) = name.as_str().cloned() else { return Err(wrong_argument(vm, 1, "str", name)) };
    let Some(bases) = bases.as_tuple().cloned() else { return Err(wrong_argument(vm, 2, "tuple", bases)) };
    let Some(namespace) = namespace.as_dict().cloned() else { return Err(wrong_argument(vm, 3, "dict", namespace)) };
    check_name(vm, name.as_str())?;
    if let Some(doc) = namespace.get_str(&vm.name(sym::__doc__).clone()).and_then(|doc| doc.as_str().cloned()) {
        must_encode(vm, doc.as_str())?;
    }
    for base in bases.iter().filter(|base| !matches!(base, Value::Class(_))) {
        if vm.get_attr_opt(base, sym::__mro_entries__)?.is_some() {
            return Err(vm.type_error("type() doesn't support MRO entry resolution; use types.new_class()"));
        }
    }
    let given = Value::Class(meta.clone());
    let winner = vm.metaclass_of(Some(&given), &bases)?;
    let meta = match winner {
        Value::Class(winner) if !Rc::ptr_eq(&winner, meta) => {
            // A base's metaclass with a `__new__` of its own makes the class instead.
            let own = winner.lookup(&vm.name(sym::__new__).clone());
            if !matches!(&own, Some(Value::Native(native)) if native.call as usize == new as *const () as usize) {
                let construct = vm.name(sym::__new__).clone();
                let construct = vm.get_attr(&Value::Class(winner.clone()), &construct)?;
                let mut all = vec![Value::Class(winner)];
                all.extend(positional.iter().cloned());
                return vm.call_kw(&construct, &all, &named);
            }
            winner
        }
        _ => meta.clone(),
    };
    let module = vm.name(sym::__module__).clone();
    let namespace = if namespace.get_str(&module).is_some() {
        namespace
    } else {
        let copy = Rc::new(namespace.copied());
        let key = vm.name(sym::__name__).clone();
        let caller = crate::builtins::functions::attributes::caller_namespace(vm);
        let name = match caller.as_dict() {
            Some(globals) => globals.get_str(&key),
            None => Some(Value::str("__main__")),
        };
        if let Some(name) = name {
            copy.set_str(&module, name);
        }
        copy
    };
    vm.new_class(&meta, &name, &bases, &namespace, &named)
}

#[cold]
fn wrong_argument(vm: &mut Vm, at: usize, wanted: &str, found: &Value) -> Error {
    let found = vm.argument_name(found);
    vm.type_error(format!("type.__new__() argument {at} must be {wanted}, not {found}"))
}

fn init(vm: &mut Vm, args: &[Value]) -> Result {
    let (positional, named) = unpack(vm, &args[1], &args[2]);
    match positional.len() {
        1 if !named.is_empty() => Err(vm.type_error("type.__init__() takes no keyword arguments")),
        1 | 3 => Ok(Value::None),
        _ => Err(vm.type_error("type.__init__() takes 1 or 3 arguments")),
    }
}

fn change(vm: &mut Vm, args: &[Value], new: Option<Value>) -> Result {
    this(vm, &args[0])?;
    let name = attribute_name(vm, &args[1])?;
    let meta = vm.class_of(&args[0]);
    vm.object_set_attr(&args[0], &meta, &name, new)?;
    Ok(Value::None)
}

/// `isinstance` without asking the class's own `__instancecheck__`.
fn instance_check(vm: &mut Vm, class: &Rc<Class>, args: &[Value]) -> Result {
    if vm.class_of(&args[1]).is_subclass(class) {
        return Ok(Value::bool(true));
    }
    match vm.get_attr_opt(&args[1], sym::__class__)? {
        Some(Value::Class(claimed)) => Ok(Value::bool(claimed.is_subclass(class))),
        _ => Ok(Value::bool(false)),
    }
}

/// Refuses to change a class that a script cannot change, or to delete what every class has.
fn check_change(vm: &mut Vm, class: &Rc<Class>, name: &str, new: &Value) -> Result<()> {
    let shown = vm.full_name(class);
    let shown = shown.as_str();
    if class.builtin {
        return Err(vm.type_error(format!("cannot set '{name}' attribute of immutable type '{shown}'")));
    }
    if new.is_unbound() {
        return Err(vm.type_error(format!("cannot delete '{name}' attribute of immutable type '{shown}'")));
    }
    Ok(())
}

fn new_name(vm: &mut Vm, class: &Rc<Class>, name: &str, new: &Value) -> Result<Rc<Str>> {
    check_change(vm, class, name, new)?;
    match new.as_str() {
        Some(text) => Ok(text.clone()),
        None => {
            let (shown, found) = (class.name.borrow().as_str().to_owned(), vm.type_name(new));
            Err(vm.type_error(format!("can only assign string to {shown}.{name}, not '{found}'")))
        }
    }
}

fn check_name(vm: &mut Vm, name: &str) -> Result<()> {
    must_encode(vm, name)?;
    if name.contains('\0') {
        return Err(vm.value_error("type name must not contain null characters"));
    }
    Ok(())
}

fn set_name(vm: &mut Vm, class: &Value, new: Value) -> Result<()> {
    let class = this(vm, class)?;
    let text = new_name(vm, class, "__name__", &new)?;
    check_name(vm, text.as_str())?;
    *class.name.borrow_mut() = text;
    Ok(())
}

fn set_qualname(vm: &mut Vm, class: &Value, new: Value) -> Result<()> {
    let class = this(vm, class)?;
    let text = new_name(vm, class, "__qualname__", &new)?;
    *class.qualname.borrow_mut() = text;
    Ok(())
}

/// An entry of the class's own namespace.
fn entry(vm: &Vm, class: &Class, name: Symbol) -> Option<Value> {
    // In the namespace of `type` itself these names are the attributes that answer for all classes.
    if std::ptr::eq(class, &*vm.types.type_) { None } else { class.dict().get_str(vm.name(name)) }
}

fn set_entry(vm: &mut Vm, class: &Value, name: Symbol, new: Value) -> Result<()> {
    let name = vm.name(name).clone();
    let class = this(vm, class)?;
    check_change(vm, class, name.as_str(), &new)?;
    class.set(&name, new);
    if name.as_str() == "__module__" {
        // What is said to come from elsewhere has no line here.
        class.remove(vm.name(sym::__firstlineno__));
    }
    Ok(())
}

fn get_module(vm: &mut Vm, class: &Value) -> Result {
    let class = this(vm, class)?;
    match entry(vm, class, sym::__module__) {
        // Of a type whose instances have one it is what they are asked with.
        Some(Value::Descriptor(_)) | None if class.builtin => Ok(Value::str("builtins")),
        Some(module) => Ok(module),
        None => Err(vm.attribute_error(&Value::Class(class.clone()), &vm.name(sym::__module__).clone())),
    }
}

fn get_doc(vm: &mut Vm, class: &Value) -> Result {
    let class = this(vm, class)?;
    match entry(vm, class, sym::__doc__) {
        // That of `object` is None for the sake of objects.
        None | Some(Value::Descriptor(_) | Value::None) if class.builtin => built_in_doc(vm, class),
        Some(doc @ (Value::Descriptor(_) | Value::Instance(_))) => {
            // A documentation string that is computed.
            vm.bind(&doc, None, class)
        }
        other => Ok(Value::option(other)),
    }
}

/// What is said of a built-in class: how it is called.
fn built_in_doc(vm: &mut Vm, class: &Rc<Class>) -> Result {
    let arguments = text_signature(vm, &Value::Class(class.clone()))?;
    let arguments = arguments.as_str().map_or("", |arguments| arguments.as_str());
    Ok(Value::string(format!("{}{arguments}", class.name.borrow())))
}

fn set_bases(vm: &mut Vm, class: &Value, new: Value) -> Result<()> {
    let class = this(vm, class)?;
    check_change(vm, class, "__bases__", &new)?;
    let shown = class.name.borrow().as_str().to_owned();
    let Some(given) = new.as_tuple() else {
        return Err(vm.type_error(format!("can only assign tuple to {shown}.__bases__, not {}", vm.type_name(&new))));
    };
    if given.is_empty() {
        return Err(vm.type_error(format!("can only assign non-empty tuple to {shown}.__bases__, not ()")));
    }
    let mut bases = Vec::new();
    for base in given.iter() {
        match base {
            Value::Class(base) if base.is_subclass(class) => {
                return Err(vm.type_error("a __bases__ item causes an inheritance cycle"));
            }
            Value::Class(base) => bases.push(base.clone()),
            other => {
                let found = vm.type_name(other);
                let message = format!("{shown}.__bases__ must be tuple of classes, not '{found}'");
                return Err(vm.type_error(message));
            }
        }
    }
    let old = class.bases.borrow().clone();
    let best = vm.best_base(&bases)?;
    let with_base =
        |test: fn(&Rc<Class>, &Rc<Class>) -> bool| class.base().is_some_and(|base| test(&base, &bases[best]));
    let freed_alike = with_base(|old, new| is_collected(old) == is_collected(new));
    if !freed_alike || !with_base(same_layout) {
        let what = if freed_alike { "object layout" } else { "deallocator" };
        let (new, old) = (bases[best].name.borrow().clone(), class.base().map(|base| base.name.borrow().clone()));
        return Err(vm.type_error(format!(
            "__bases__ assignment: '{new}' {what} differs from '{}'",
            old.as_ref().map_or("object", |name| name.as_str())
        )));
    }
    let ancestors = vm.linearize(&bases)?;
    let mut before = Vec::new();
    remember_below(class, &mut before);
    let best_before = class.best_base.get();
    for base in &old {
        base.forget_subclass(class);
    }
    for base in &bases {
        base.subclasses.borrow_mut().push(Rc::downgrade(class));
    }
    *class.ancestors.borrow_mut() = ancestors.into();
    *class.bases.borrow_mut() = bases.clone();
    class.best_base.set(best);
    let result = vm.call_mro(class).and_then(|()| linearize_below(vm, class));
    // Unless that has given it others meanwhile.
    let same = class.bases.borrow().iter().map(Rc::as_ptr).eq(bases.iter().map(Rc::as_ptr));
    if result.is_err() && same {
        // An `mro` of a metaclass has failed: all is as it was.
        for base in class.bases.borrow().iter() {
            base.forget_subclass(class);
        }
        for base in &old {
            base.subclasses.borrow_mut().push(Rc::downgrade(class));
        }
        *class.bases.borrow_mut() = old;
        class.best_base.set(best_before);
        for (class, ancestors) in before {
            *class.ancestors.borrow_mut() = ancestors;
        }
    }
    class.changed();
    result
}

/// A class and its order of resolution.
type Remembered = (Rc<Class>, Rc<[Rc<Class>]>);

/// The orders of resolution of a class and of those derived from it.
fn remember_below(class: &Rc<Class>, found: &mut Vec<Remembered>) {
    found.push((class.clone(), class.ancestors.borrow().clone()));
    let mut at = found.len() - 1;
    while let Some((class, _)) = found.get(at).cloned() {
        let below: Vec<Rc<Class>> = class.subclasses.borrow().iter().filter_map(Weak::upgrade).collect();
        for sub in below {
            if !found.iter().any(|(known, _)| Rc::ptr_eq(known, &sub)) {
                let ancestors = sub.ancestors.borrow().clone();
                found.push((sub, ancestors));
            }
        }
        at += 1;
    }
}

/// Renews the order of resolution of the classes derived from one.
fn linearize_below(vm: &mut Vm, class: &Rc<Class>) -> Result<()> {
    let below: Vec<Rc<Class>> = class.subclasses.borrow().iter().filter_map(Weak::upgrade).collect();
    for sub in below {
        let bases = sub.bases.borrow().clone();
        let ancestors = vm.linearize(&bases)?;
        *sub.ancestors.borrow_mut() = ancestors.into();
        vm.call_mro(&sub)?;
        vm.nested(|vm| linearize_below(vm, &sub))?;
    }
    Ok(())
}

fn get_annotations(vm: &mut Vm, class: &Value) -> Result {
    let class = this(vm, class)?;
    let name = vm.name(sym::__annotations__).clone();
    if !is_on_heap(vm, class) {
        return Err(vm.attribute_error(&Value::Class(class.clone()), &name));
    }
    if let Some(found) = entry(vm, class, sym::__annotations__) {
        return Ok(found);
    }
    let empty = Value::dict(Dict::new());
    class.set(&name, empty.clone());
    Ok(empty)
}

fn set_annotations(vm: &mut Vm, class: &Value, new: Value) -> Result<()> {
    if !new.is_unbound() {
        return set_entry(vm, class, sym::__annotations__, new);
    }
    let name = vm.name(sym::__annotations__).clone();
    let class = this(vm, class)?;
    let old = class.remove(&name);
    match old {
        Some(_) => Ok(()),
        None => Err(vm.error(vm.types.AttributeError.clone(), name.as_str())),
    }
}

fn get_type_params(vm: &mut Vm, class: &Value) -> Result {
    let class = this(vm, class)?;
    Ok(entry(vm, class, sym::__type_params__).unwrap_or_else(|| Value::tuple(Vec::new())))
}

fn get_abstract(vm: &mut Vm, class: &Value) -> Result {
    let class = this(vm, class)?;
    let name = vm.intern("__abstractmethods__");
    match class.dict().get_str(&name) {
        Some(found) if !Rc::ptr_eq(class, &vm.types.type_) => Ok(found),
        _ => Err(vm.error(vm.types.AttributeError.clone(), name.as_str())),
    }
}

fn set_abstract(vm: &mut Vm, class: &Value, new: Value) -> Result<()> {
    let class = this(vm, class)?;
    let name = vm.intern("__abstractmethods__");
    let names = if new.is_unbound() { Value::None } else { new.clone() };
    class.is_abstract.set(vm.truth(&names)?);
    if new.is_unbound() {
        let old = class.remove(&name);
        return match old {
            Some(_) => Ok(()),
            None => Err(vm.error(vm.types.AttributeError.clone(), name.as_str())),
        };
    }
    class.set(&name, new);
    Ok(())
}
