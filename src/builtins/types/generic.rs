//! Small types: subscribed classes and unions of classes, the types of `None`, `...` and `NotImplemented`,
//! `SimpleNamespace`, `mappingproxy`.

use super::{iterators, new_class, special, type_::unpack};
use crate::builtins::modules::support::define;
use crate::builtins::prelude::*;
use crate::builtins::types::special::member;
use crate::machine::generic::{self, GenericAlias, Union};
use crate::machine::views;
use crate::object::attrs::Attrs;
use crate::object::iter::NativeIter;
use crate::syntax::ast::{BinOp, CmpOp};

pub fn install(vm: &mut Vm) {
    for class in [&vm.types.GenericAlias, &vm.types.SimpleNamespace, &vm.types.UnionType] {
        class.named_in_full.set(true);
    }
    let namespace = vm.types.SimpleNamespace.clone();
    super::special::unhashable(vm, &namespace);
    let types = &vm.types;
    let with_dict =
        [&types.SimpleNamespace, &types.BaseException, &types.classmethod, &types.staticmethod].map(Rc::clone);
    with_dict.iter().for_each(|class| vm.give_dict(class));
    vm.types.type_.has_dict.set(true);
    let types = &vm.types;
    let tables = [
        (types.GenericAlias.clone(), ALIAS),
        (types.GenericAlias.clone(), TYPE_LIKE),
        (types.UnionType.clone(), UNION),
        (types.UnionType.clone(), TYPE_LIKE),
        (types.NoneType.clone(), NONE),
        (types.NotImplementedType.clone(), NOT_IMPLEMENTED),
        (types.ellipsis.clone(), ELLIPSIS),
        (types.SimpleNamespace.clone(), NAMESPACE),
        (types.mappingproxy.clone(), PROXY),
    ];
    for (class, rows) in tables {
        class.add_methods(rows);
    }
}

/// What generic aliases and unions have in common.
const TYPE_LIKE: &[Row] = &[
    method("__eq__(value, /)", |vm, args| equality(vm, args, CmpOp::Eq)),
    method("__ne__(value, /)", |vm, args| equality(vm, args, CmpOp::NotEq)),
    method("__hash__()", |vm, args| vm.hash(&args[0]).map(Value::Int)),
    method("__repr__()", |vm, args| vm.repr(&args[0]).map(Value::Str)),
    method("__or__(value, /)", |vm, args| union(vm, &args[0], &args[1])),
    method("__ror__(value, /)", |vm, args| union(vm, &args[1], &args[0])),
    getter("__parameters__", |vm, this| {
        let mut found = Vec::new();
        collect_parameters(vm, this, &mut found)?;
        Ok(Value::tuple(found))
    }),
    // `alias[item]`: the alias with its type variables replaced, which `typing` knows about.
    method("__getitem__(key, /)", |vm, args| vm.call_page("typing", "_subscribe", args)),
];

/// `a | b`, or `NotImplemented`.
pub fn union(vm: &mut Vm, a: &Value, b: &Value) -> Result {
    Ok(generic::union_of(vm, a, b)?.unwrap_or(Value::NotImplemented))
}

fn equality(vm: &mut Vm, args: &[Value], op: CmpOp) -> Result {
    Ok(vm.builtin_compare(op, &args[0], &args[1])?.unwrap_or(Value::NotImplemented))
}

/// The members of a generic value.
fn members(value: &Value) -> Vec<Value> {
    match (value.data::<GenericAlias>(), value.data::<Union>()) {
        (Some(alias), _) => alias.args.as_tuple().map(|args| args.to_vec()).unwrap_or_default(),
        (_, Some(union)) => union.0.clone(),
        _ => Vec::new(),
    }
}

/// The type variables in a generic value, in order of appearance: what has `__typing_subst__`.
fn collect_parameters(vm: &mut Vm, value: &Value, found: &mut Vec<Value>) -> Result<()> {
    let (subst, parameters) = (vm.intern("__typing_subst__"), vm.intern("__parameters__"));
    for member in members(value) {
        let inner = if matches!(member, Value::Class(_)) {
            Vec::new()
        } else if vm.get_attr_opt(&member, &subst)?.is_some() {
            vec![member]
        } else {
            match vm.get_attr_opt(&member, &parameters)? {
                Some(inner @ Value::Tuple(_)) => vm.collect(&inner)?,
                _ => Vec::new(),
            }
        };
        for parameter in inner {
            if !found.iter().any(|known| known.is(&parameter)) {
                found.push(parameter);
            }
        }
    }
    Ok(())
}

/// The attributes that are an alias's own or nobody's; others are those of its class.
pub const OWN: [&str; 12] = [
    "__class__",
    "__bases__",
    "__origin__",
    "__args__",
    "__unpacked__",
    "__parameters__",
    "__typing_unpacked_tuple_args__",
    "__mro_entries__",
    "__reduce_ex__",
    "__reduce__",
    "__copy__",
    "__deepcopy__",
];

const ALIAS: &[Row] = &[
    static_method("__new__(cls, origin, args, /)", |vm, args| {
        let base = vm.types.GenericAlias.clone();
        let class = new_class(vm, &args[0], &base)?;
        let args_tuple = if args[2].as_tuple().is_some() { args[2].clone() } else { Value::tuple([args[2].clone()]) };
        let alias = GenericAlias { origin: args[1].clone(), args: args_tuple, starred: false };
        Ok(Instance::native(&class, alias))
    }),
    method("__call__(*args, **kwargs)", |vm, args| {
        let origin = origin(&args[0]);
        let (positional, named) = unpack(vm, &args[1], &args[2]);
        let made = vm.call_kw(&origin, &positional, &named)?;
        match vm.set_attr(&made, "__orig_class__", args[0].clone()) {
            Ok(()) => Ok(made),
            Err(e) if e.is(&vm.types.AttributeError) || e.is(&vm.types.TypeError) => Ok(made),
            Err(e) => Err(e),
        }
    }),
    method("__mro_entries__(bases, /)", |_, args| Ok(Value::tuple([origin(&args[0])]))),
    method("__getattribute__(name, /)", |vm, args| {
        let name = super::object::attribute_name(vm, &args[1])?;
        if OWN.contains(&name.as_str()) {
            return super::object::get_attribute(vm, args);
        }
        vm.get_attr(&origin(&args[0]), &name)
    }),
    method("__reduce__()", |vm, args| {
        if is_starred(&args[0]) {
            let plain = vm.generic_alias(&origin(&args[0]), &Value::tuple(members(&args[0])));
            let next = vm.intern("next");
            let next = Value::option(vm.builtins.get_str(&next));
            return Ok(Value::tuple([next, Value::tuple([vm.iter(&plain)?])]));
        }
        let class = Value::Class(vm.class_of(&args[0]));
        Ok(Value::tuple([class, Value::tuple([origin(&args[0]), Value::tuple(members(&args[0]))])]))
    }),
    method("__iter__()", |vm, args| {
        let object = vm.types.object.clone();
        let class = define(vm, "builtins.generic_alias_iterator", &object, Layout::Final, iterators::ITERATOR);
        Ok(Iter::native(&class, Starring(Some(args[0].clone()))))
    }),
    method("__instancecheck__(instance, /)", |vm, _| {
        Err(vm.type_error("isinstance() argument 2 cannot be a parameterized generic"))
    }),
    method("__subclasscheck__(cls, /)", |vm, _| {
        Err(vm.type_error("issubclass() argument 2 cannot be a parameterized generic"))
    }),
    member("__origin__", |_, this| Ok(origin(this))),
    member("__args__", |_, this| Ok(Value::option(this.data::<GenericAlias>().map(|alias| alias.args.clone())))),
    member("__unpacked__", |_, this| Ok(Value::bool(is_starred(this)))),
    getter("__typing_unpacked_tuple_args__", |vm, this| {
        let of_tuple = matches!(origin(this), Value::Class(class) if std::rc::Rc::ptr_eq(&class, &vm.types.tuple));
        let args = this.data::<GenericAlias>().map(|alias| alias.args.clone());
        Ok(Value::option(args.filter(|_| of_tuple && is_starred(this))))
    }),
];

/// The iterator over an alias, which gives it once, starred.
struct Starring(Option<Value>);

impl NativeIter for Starring {
    fn next(&mut self, vm: &mut Vm) -> Result<Option<Value>> {
        let Some(plain) = self.0.take() else { return Ok(None) };
        Ok(plain.data::<GenericAlias>().map(|alias| {
            let alias = GenericAlias { origin: alias.origin.clone(), args: alias.args.clone(), starred: true };
            Instance::native(&vm.class_of(&plain), alias)
        }))
    }

    fn parts(&self) -> Option<(Vec<Value>, Option<i64>)> {
        Some((vec![self.0.clone().unwrap_or_else(|| Value::tuple([]))], None))
    }

    fn trace(&self, visit: gc::Visit) {
        self.0.iter().for_each(visit);
    }

    fn take_values(&mut self) -> Vec<Value> {
        self.0.take().into_iter().collect()
    }
}

fn is_starred(alias: &Value) -> bool {
    alias.data::<GenericAlias>().is_some_and(|alias| alias.starred)
}

fn origin(value: &Value) -> Value {
    Value::option(value.data::<GenericAlias>().map(|alias| alias.origin.clone()))
}

const UNION: &[Row] = &[
    member("__args__", |_, this| Ok(Value::tuple(members(this)))),
    method("__reduce__()", |vm, args| {
        let fold = vm.from_page("functools", "reduce")?;
        let or = vm.from_page("operator", "or_")?;
        Ok(Value::tuple([fold, Value::tuple([or, Value::tuple(members(&args[0]))])]))
    }),
    method("__instancecheck__(instance, /)", |vm, args| {
        vm.isinstance(&args[1], &Value::tuple(members(&args[0]))).map(Value::bool)
    }),
    method("__subclasscheck__(cls, /)", |vm, args| {
        if !matches!(args[1], Value::Class(_)) {
            return Err(vm.type_error("issubclass() arg 1 must be a class"));
        }
        vm.issubclass(&args[1], &Value::tuple(members(&args[0]))).map(Value::bool)
    }),
];

/// `__new__` of a type with one instance.
fn single(vm: &mut Vm, args: &[Value], name: &str, value: Value) -> Result {
    let given = args[1].as_tuple().is_some_and(|args| !args.is_empty())
        || args[2].as_dict().is_some_and(|kwargs| !kwargs.is_empty());
    if given { Err(vm.type_error(format!("{name} takes no arguments"))) } else { Ok(value) }
}

const NONE: &[Row] = &[
    static_method("__new__(cls, *args, **kwargs)", |vm, args| single(vm, args, "NoneType", Value::None)),
    method("__bool__()", |_, _| Ok(Value::bool(false))),
    method("__repr__()", special::repr),
    method("__hash__()", |vm, args| vm.hash(&args[0]).map(Value::Int)),
];

const NOT_IMPLEMENTED: &[Row] = &[
    static_method("__new__(cls, *args, **kwargs)", |vm, args| {
        single(vm, args, "NotImplementedType", Value::NotImplemented)
    }),
    method("__bool__()", |vm, args| vm.truth(&args[0]).map(Value::bool)),
    method("__repr__()", special::repr),
];

const ELLIPSIS: &[Row] = &[
    static_method("__new__(cls, *args, **kwargs)", |vm, args| single(vm, args, "EllipsisType", Value::Ellipsis)),
    method("__repr__()", special::repr),
];

const NAMESPACE: &[Row] = &[
    method("__init__(*mapping_or_iterable, **kwargs)", init_namespace),
    method("__repr__()", namespace_repr),
    method("__eq__(value, /)", |vm, args| compare_namespaces(vm, args, CmpOp::Eq)),
    method("__ne__(value, /)", |vm, args| compare_namespaces(vm, args, CmpOp::NotEq)),
    method("__lt__(value, /)", |vm, args| compare_namespaces(vm, args, CmpOp::Lt)),
    method("__le__(value, /)", |vm, args| compare_namespaces(vm, args, CmpOp::LtE)),
    method("__gt__(value, /)", |vm, args| compare_namespaces(vm, args, CmpOp::Gt)),
    method("__ge__(value, /)", |vm, args| compare_namespaces(vm, args, CmpOp::GtE)),
    method("__reduce__()", |vm, args| {
        let class = Value::Class(vm.class_of(&args[0]));
        let dict = vm.get_attr(&args[0], sym::__dict__)?;
        Ok(Value::tuple([class, Value::tuple([]), dict]))
    }),
    method("__replace__(**changes)", |vm, args| {
        let class = Value::Class(vm.class_of(&args[0]));
        let made = vm.call(&class, &[])?;
        for changes in [pairs_of(&args[0]), args[1].as_dict().map(|dict| dict.pairs()).unwrap_or_default()] {
            for (name, value) in changes {
                let name = super::object::attribute_name(vm, &name)?;
                vm.set_attr(&made, &name, value)?;
            }
        }
        Ok(made)
    }),
];

fn init_namespace(vm: &mut Vm, args: &[Value]) -> Result {
    let mut pairs = Vec::new();
    match args[1].as_tuple().map_or(&[][..], |given| given) {
        [] => {}
        [given] => {
            let dict = Rc::new(crate::object::Dict::new());
            vm.dict_update(&dict, given)?;
            pairs = dict.pairs();
        }
        many => {
            let class = vm.class_of(&args[0]);
            let (name, given) = (class.name.borrow(), many.len());
            return Err(vm.type_error(format!("{name} expected at most 1 argument, got {given}")));
        }
    }
    pairs.extend(args[2].as_dict().map(|kwargs| kwargs.pairs()).unwrap_or_default());
    for (name, value) in pairs {
        if name.as_str().is_none() {
            return Err(vm.type_error("keywords must be strings"));
        }
        let name = super::object::attribute_name(vm, &name)?;
        let class = vm.class_of(&args[0]);
        vm.object_set_attr(&args[0], &class, &name, Some(value))?;
    }
    Ok(Value::None)
}

fn pairs_of(value: &Value) -> Vec<(Value, Value)> {
    crate::machine::attr::attrs_of(value).map(|attrs| attrs.look(Attrs::pairs)).unwrap_or_default()
}

fn namespace_repr(vm: &mut Vm, args: &[Value]) -> Result {
    let class = vm.class_of(&args[0]);
    let name = if class.builtin { "namespace".to_owned() } else { class.name.borrow().as_str().to_owned() };
    let mut out = String::new();
    let Some(guard) = vm.enter_repr(&mut out, &args[0], &format!("{name}(...)"))? else {
        return Ok(Value::string(out));
    };
    let result = push_namespace(vm, &mut out, &name, &args[0]);
    vm.leave_repr(guard);
    result.map(|()| Value::string(out))
}

fn push_namespace(vm: &mut Vm, out: &mut String, name: &str, value: &Value) -> Result<()> {
    out.push_str(name);
    out.push('(');
    let mut first = true;
    for (name, value) in pairs_of(value) {
        let Some(name) = name.as_str().filter(|name| !name.is_empty()) else { continue };
        if !first {
            out.push_str(", ");
        }
        first = false;
        out.push_str(name);
        out.push('=');
        vm.push_repr(out, &value)?;
    }
    out.push(')');
    Ok(())
}

fn compare_namespaces(vm: &mut Vm, args: &[Value], op: CmpOp) -> Result {
    let base = vm.types.SimpleNamespace.clone();
    if !vm.class_of(&args[0]).is_subclass(&base) || !vm.class_of(&args[1]).is_subclass(&base) {
        return Ok(Value::NotImplemented);
    }
    let a = vm.dict_from_pairs(pairs_of(&args[0]))?;
    let b = vm.dict_from_pairs(pairs_of(&args[1]))?;
    vm.compare(op, &a, &b)
}

/// `mappingproxy` passes everything that only reads on to its mapping.
const PROXY: &[Row] = &[
    static_method("__new__(cls, mapping)", new_proxy),
    method("get(key, default=None, /)", |vm, args| {
        let (mapping, get) = (mapping(&args[0]), vm.name(sym::get).clone());
        let get = vm.get_attr(&mapping, &get)?;
        vm.call(&get, &args[1..3])
    }),
    method("keys()", |vm, args| vm.call_method(&mapping(&args[0]), sym::keys, &[])),
    method("values()", |vm, args| vm.call_method(&mapping(&args[0]), sym::values, &[])),
    method("items()", |vm, args| vm.call_method(&mapping(&args[0]), sym::items, &[])),
    method("copy()", |vm, args| vm.call_method(&mapping(&args[0]), sym::copy, &[])),
    method("__getitem__(key, /)", |vm, args| vm.get_item(&mapping(&args[0]), &args[1])),
    method("__len__()", |vm, args| vm.len(&mapping(&args[0])).map(Value::usize)),
    method("__iter__()", |vm, args| vm.iter(&mapping(&args[0]))),
    method("__contains__(key, /)", |vm, args| vm.contains(&mapping(&args[0]), &args[1]).map(Value::bool)),
    method("__reversed__()", |vm, args| vm.call_method(&mapping(&args[0]), sym::__reversed__, &[])),
    method("__repr__()", |vm, args| vm.repr(&args[0]).map(Value::Str)),
    method("__str__()", |vm, args| vm.str(&mapping(&args[0])).map(Value::Str)),
    method("__eq__(value, /)", |vm, args| compare_proxies(vm, args, CmpOp::Eq)),
    method("__ne__(value, /)", |vm, args| compare_proxies(vm, args, CmpOp::NotEq)),
    method("__lt__(value, /)", |vm, args| vm.compare(CmpOp::Lt, &mapping(&args[0]), &args[1])),
    method("__le__(value, /)", |vm, args| vm.compare(CmpOp::LtE, &mapping(&args[0]), &args[1])),
    method("__gt__(value, /)", |vm, args| vm.compare(CmpOp::Gt, &mapping(&args[0]), &args[1])),
    method("__ge__(value, /)", |vm, args| vm.compare(CmpOp::GtE, &mapping(&args[0]), &args[1])),
    method("__hash__()", |vm, args| vm.hash(&mapping(&args[0])).map(Value::Int)),
    class_method("__class_getitem__(item, /)", |vm, args| Ok(vm.generic_alias(&args[0], &args[1]))),
    method("__or__(value, /)", |vm, args| vm.binary(BinOp::BitOr, &mapping(&args[0]), &mapping(&args[1]))),
    method("__ror__(value, /)", |vm, args| vm.binary(BinOp::BitOr, &mapping(&args[1]), &mapping(&args[0]))),
    method("__ior__(value, /)", |vm, _| Err(vm.type_error("'|=' is not supported by mappingproxy; use '|' instead"))),
];

/// The mapping behind a proxy; another value as it is.
fn mapping(value: &Value) -> Value {
    views::proxied(value).unwrap_or_else(|| value.clone())
}

fn compare_proxies(vm: &mut Vm, args: &[Value], op: CmpOp) -> Result {
    vm.compare(op, &mapping(&args[0]), &mapping(&args[1]))
}

fn new_proxy(vm: &mut Vm, args: &[Value]) -> Result {
    let base = vm.types.mappingproxy.clone();
    new_class(vm, &args[0], &base)?;
    let given = &args[1];
    let is_list = matches!(given.unwrapped(), Value::List(_) | Value::Tuple(_));
    if is_list || !(views::is_proxy(given) || vm.has_special(given, sym::__getitem__)) {
        return Err(vm.type_error(format!("mappingproxy() argument must be a mapping, not {}", vm.type_name(given))));
    }
    Ok(vm.mapping_proxy(given.clone()))
}
