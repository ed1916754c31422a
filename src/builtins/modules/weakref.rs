//! The module `weakref`: `ref` and what counts references; the collections are pages.

use super::support::{class_given, define, this};
use crate::builtins::prelude::*;
use crate::object::gc::weak::{self, WeakRef, Weakly};

pub(super) const FUNCTIONS: &[Row] = &[
    native("getweakrefcount(object, /)", |_, args| Ok(Value::usize(weak::references(&args[0]).len()))),
    native("getweakrefs(object, /)", |_, args| {
        let mut all = weak::references(&args[0]);
        all.reverse();
        // The plain reference and the plain proxy come first, the others newest first.
        all.sort_by_key(|reference| match reference.data::<WeakRef>() {
            Some(data) if !data.callback.borrow().is_none() => 2,
            Some(data) if data.proxy.borrow().is_some() => 1,
            _ => {
                if reference.class().builtin {
                    0
                } else {
                    2
                }
            }
        });
        let shown = |reference: Rc<Instance>| {
            let proxy = reference.data::<WeakRef>()?.proxy.borrow().as_ref().map(Weakly::upgrade);
            proxy.unwrap_or(Some(Value::Instance(reference)))
        };
        Ok(Value::list(all.into_iter().filter_map(shown).collect::<Vec<_>>()))
    }),
    native("_stands_for(reference, proxy, /)", |vm, args| {
        let old = this!(vm, args[0], WeakRef).proxy.replace(Weakly::new(&args[1]));
        drop(old);
        Ok(Value::None)
    }),
];

const METHODS: &[Row] = &[
    static_method("__new__(type, /, *args, **kwargs)", new),
    // Everything was done by `__new__`; this only says what cannot be given.
    method("__init__(*args, **kwargs)", |vm, args| {
        if args[2].as_dict().is_some_and(|keywords| !keywords.is_empty()) {
            return Err(vm.type_error("ref() takes no keyword arguments"));
        }
        given(vm, "__init__", &args[1])?;
        Ok(Value::None)
    }),
    of!("__call__()", Value::data::<WeakRef>, |_, weakref, _| Ok(weakref.get().unwrap_or(Value::None))),
    method("__hash__()", hash),
    method("__eq__(value, /)", |vm, args| same(vm, args, true)),
    method("__ne__(value, /)", |vm, args| same(vm, args, false)),
    method("__repr__()", repr),
    class_method("__class_getitem__(item, /)", |vm, args| Ok(vm.generic_alias(&args[0], &args[1]))),
    getter("__callback__", |vm, this| {
        let data = this!(vm, this, WeakRef);
        Ok(if data.get().is_some() { data.callback.borrow().clone() } else { Value::None })
    }),
];

fn class(vm: &mut Vm) -> Rc<Class> {
    let object = vm.types.object.clone();
    let class = define(vm, "weakref.ReferenceType", &object, Layout::Native(210), METHODS);
    class.has_dict.set(false);
    class.has_weakref.set(false);
    class
}

pub(super) fn setup(vm: &mut Vm, module: &Rc<Module>) -> Result<()> {
    let class = Value::Class(class(vm));
    super::set_all(vm, &module.dict, [("ref", class.clone()), ("ReferenceType", class)]);
    Ok(())
}

/// For the page `abc`, which the page `weakref` needs.
pub(super) fn for_page(vm: &mut Vm, module: &Rc<Module>) -> Result<()> {
    let class = Value::Class(class(vm));
    super::set_all(vm, &module.dict, [("_ref", class)]);
    Ok(())
}

fn new(vm: &mut Vm, args: &[Value]) -> Result {
    let class = class_given(vm, args)?;
    let (target, callback) = &given(vm, "__new__", &args[1])?;
    let weakly = if can_be_referred_to(vm, target) { Weakly::new(target) } else { None };
    let Some(weakly) = weakly else {
        return Err(vm.type_error(format!("cannot create weak reference to '{}' object", vm.type_name(target))));
    };
    let plain = class.builtin && callback.is_none();
    if plain {
        // A reference without a callback is made once.
        let known = weak::references(target).into_iter().find(|reference| {
            Rc::ptr_eq(&reference.class(), &class)
                && reference.data::<WeakRef>().is_some_and(|data| data.callback.borrow().is_none())
        });
        if let Some(known) = known {
            return Ok(Value::Instance(known));
        }
    }
    let data = WeakRef {
        target: RefCell::new(Some(weakly)),
        callback: RefCell::new(callback.clone()),
        hash: Cell::new(None),
        proxy: RefCell::default(),
    };
    let made = Rc::new(Instance::new(class, Payload::native(data)));
    crate::object::gc::stored(&made, callback);
    weak::watch(target, &made);
    Ok(Value::Instance(made))
}

/// The object and the callback among the arguments of `__new__` or `__init__`.
fn given(vm: &mut Vm, what: &str, args: &Value) -> Result<(Value, Value)> {
    let problem = match args.as_tuple().map_or(&[][..], |args| &args[..]) {
        [target] => return Ok((target.clone(), Value::None)),
        [target, callback] => return Ok((target.clone(), callback.clone())),
        [] => "at least 1 argument, got 0".to_owned(),
        many => format!("at most 2 arguments, got {}", many.len()),
    };
    Err(vm.type_error(format!("{what} expected {problem}")))
}

/// Built-in classes whose instances have no room for weak references in CPython either.
const WITHOUT: [&str; 18] = [
    "object", "defaultdict", "ContextVar", "Token", "dict_keys", "dict_values", "dict_items", "mappingproxy", "super",
    "ReferenceType", "SimpleNamespace", "Match", "UnionType", "attrgetter", "itemgetter", "KeyWrapper", "FutureIter",
    "anext_awaitable",
];

/// Whether CPython's objects of the kind have room for weak references.
fn can_be_referred_to(vm: &Vm, value: &Value) -> bool {
    match value {
        Value::Native(_) | Value::BoundMethod(_) => {
            !matches!(vm.type_name(value).as_str(), "method_descriptor" | "wrapper_descriptor" | "method-wrapper")
        }
        Value::Function(_)
        | Value::Class(_)
        | Value::Module(_)
        | Value::Code(_)
        | Value::Coroutine(_)
        | Value::Set(_) => true,
        Value::Exception(exception) => !exception.class.borrow().builtin,
        Value::Instance(instance) => {
            let class = instance.class().clone();
            if class.builtin {
                return !WITHOUT.contains(&class.name.borrow().as_str());
            }
            class.has_weakref.get()
        }
        _ => false,
    }
}

fn hash(vm: &mut Vm, args: &[Value]) -> Result {
    let data = this!(vm, args[0], WeakRef);
    if let Some(hash) = data.hash.get() {
        return Ok(Value::Int(hash));
    }
    let Some(target) = data.get() else { return Err(vm.type_error("weak object has gone away")) };
    let hash = vm.hash(&target)?;
    data.hash.set(Some(hash));
    Ok(Value::Int(hash))
}

fn same(vm: &mut Vm, args: &[Value], equal: bool) -> Result {
    let Some(other) = args[1].data::<WeakRef>() else { return Ok(Value::NotImplemented) };
    let found = match (this!(vm, args[0], WeakRef).get(), other.get()) {
        (Some(a), Some(b)) => vm.eq(&a, &b)?,
        _ => args[0].is(&args[1]),
    };
    Ok(Value::bool(found == equal))
}

fn repr(vm: &mut Vm, args: &[Value]) -> Result {
    let at = args[0].id();
    let Some(target) = this!(vm, args[0], WeakRef).get() else {
        return Ok(Value::string(format!("<weakref at {at:#x}; dead>")));
    };
    let kind = vm.type_name(&target);
    let name = vm.name(sym::__name__).clone();
    let name = match &target {
        Value::Function(_) | Value::Class(_) | Value::Module(_) | Value::Coroutine(_) | Value::Native(_) => {
            vm.get_attr_opt(&target, &name)?.and_then(|name| name.as_str().map(|n| format!(" ({n})")))
        }
        _ => None,
    };
    let to = target.id();
    Ok(Value::string(format!("<weakref at {at:#x}; to '{kind}' at {to:#x}{}>", name.unwrap_or_default())))
}
