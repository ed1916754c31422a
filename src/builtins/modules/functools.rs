//! The part of `functools` that must be fast: `partial`, `reduce`, `cmp_to_key`, and the cache of `lru_cache`.

use super::support::{class_given, define, export, items, keywords, natives, this};
use crate::builtins::prelude::*;
use crate::builtins::types::special;
use crate::machine::attr::{own_attr, set_own_attr};
use crate::object::function::{BoundMethod, Descriptor};
use crate::syntax::ast::CmpOp;

pub(super) const FUNCTIONS: &[Row] = &[
    native("_cached(func, most, typed, /)", |vm, args| {
        if !vm.is_callable(&args[0]) {
            return Err(vm.type_error("the first argument must be callable"));
        }
        let class = wrapper_class(vm);
        let data = Cached {
            func: args[0].clone(),
            most: args[1].as_bigint().map(|n| num_traits::ToPrimitive::to_usize(&n).unwrap_or(0)),
            typed: vm.truth(&args[2])?,
            results: Rc::default(),
            hits: Cell::new(0),
            misses: Cell::new(0),
        };
        Ok(Instance::native(&class, data))
    }),
    native("_make_key(args, kwds, typed)", |vm, args| {
        let typed = vm.truth(&args[2])?;
        let positional = vm.collect(&args[0])?;
        Ok(key_of(vm, &positional, &keywords(&args[1]), typed))
    }),
    native("_own(obj, name, default, /)", |vm, args| {
        Ok(match kept(vm, &args[0], &args[1]) {
            Some(name) => own_attr(&args[0], &name).unwrap_or_else(|| args[2].clone()),
            None => Value::NotImplemented,
        })
    }),
    native("_set_own(obj, name, value, /)", |vm, args| {
        if let Some(name) = kept(vm, &args[0], &args[1]) {
            let class = vm.class_of(&args[0]);
            set_own_attr(&args[0], &class, &name, Some(args[2].clone()));
        }
        Ok(Value::None)
    }),
];

/// The name of an attribute of an instance whose `__dict__` nobody has replaced: it need not be made to look into it.
fn kept(vm: &mut Vm, object: &Value, name: &Value) -> Option<Rc<Str>> {
    let Value::Instance(instance) = object else { return None };
    let class = instance.class();
    let own_dict = class.lookup(vm.name(sym::__dict__));
    let is_common = match own_dict {
        Some(Value::Descriptor(descriptor)) => matches!(*descriptor, Descriptor::GetSet { .. }),
        found => found.is_none(),
    };
    let is_kept = is_common && class.has_dict.get() && vm.plain_getattribute(&class);
    name.as_str().filter(|_| is_kept).map(|name| vm.intern_str(name))
}

/// Natives whose module CPython calls `_functools`.
const ACCELERATED: &[Row] = &[
    native("reduce(function, iterable, initial=<unrepresentable>, /)", reduce),
    native("cmp_to_key(mycmp)", |vm, args| {
        let class = key_class(vm);
        Ok(Instance::native(&class, Key { compare: args[0].clone(), object: RefCell::new(Value::Unbound) }))
    }),
];

pub(super) fn setup(vm: &mut Vm, module: &Rc<Module>) -> Result<()> {
    crate::builtins::add_functions(vm, "_functools", &module.dict, ACCELERATED);
    let class = partial_class(vm);
    export(vm, &module.dict, &class);
    let class = wrapper_class(vm);
    export(vm, &module.dict, &class);
    Ok(())
}

/// `partial`: a callable with some of its arguments. `__setstate__` exchanges them all.
pub(super) struct Partial(RefCell<Rc<Parts>>);

struct Parts {
    func: Value,
    /// A tuple.
    args: Value,
    keywords: Rc<Dict>,
}

impl Partial {
    fn new(func: Value, args: Vec<Value>, keywords: Rc<Dict>) -> Partial {
        Partial(RefCell::new(Rc::new(Parts { func, args: Value::tuple(args), keywords })))
    }

    fn parts(&self) -> Rc<Parts> {
        self.0.borrow().clone()
    }
}

/// What `cmp_to_key` returns, and what calling that returns.
struct Key {
    compare: Value,
    object: RefCell<Value>,
}

/// A function with a cache in front.
struct Cached {
    func: Value,
    /// `None`: no limit.
    most: Option<usize>,
    typed: bool,
    /// Results by arguments, least recently used first.
    results: Rc<Dict>,
    hits: Cell<i64>,
    misses: Cell<i64>,
}

natives!(Key);

impl Native for Partial {
    fn trace(&self, visit: gc::Visit) {
        let parts = self.parts();
        visit(&parts.func);
        visit(&parts.args);
        gc::link(&parts.keywords, Value::Dict, visit);
    }
}

impl Cached {
    /// Calls the function, which has not been called with these yet.
    fn missed(&self, vm: &mut Vm, positional: &[Value], named: &[Named]) -> Result {
        self.misses.set(self.misses.get() + 1);
        vm.enter_native("")?;
        let result = vm.call_kw(&self.func, positional, named);
        vm.leave_native();
        result
    }
}

impl Native for Cached {
    fn trace(&self, visit: gc::Visit) {
        visit(&self.func);
        gc::link(&self.results, Value::Dict, visit);
    }

    fn call(&self, vm: &mut Vm, args: &[Value]) -> Option<Result> {
        Some(cached_result(vm, self, args, &[]))
    }
}

fn call_partial(vm: &mut Vm, args: &[Value]) -> Result {
    let partial = this!(vm, args[0], Partial).parts();
    let more = keywords(&args[2]);
    let mut pairs = keywords(&Value::Dict(partial.keywords.clone()));
    if pairs.len() < partial.keywords.len() {
        return Err(vm.type_error("keywords must be strings"));
    }
    for (key, value) in more {
        match pairs.iter_mut().find(|(known, _)| known.as_str() == key.as_str()) {
            Some((_, old)) => *old = value,
            None => pairs.push((key, value)),
        }
    }
    let all = [items(&partial.args), items(&args[1])].concat();
    vm.call_kw(&partial.func, &all, &pairs)
}

pub(super) fn partial_class(vm: &mut Vm) -> Rc<Class> {
    let object = vm.types.object.clone();
    let class = define(vm, "functools.partial", &object, Layout::Native(202), PARTIAL);
    vm.give_dict(&class);
    class
}

const PARTIAL: &[Row] = &[
    static_method("__new__(cls, func=<unrepresentable>, /, *args, **keywords)", |vm, args| {
        let class = class_given(vm, args)?;
        if args[1].is_unbound() {
            return Err(vm.type_error("type 'partial' takes at least one argument"));
        }
        if !vm.is_callable(&args[1]) {
            return Err(vm.type_error("the first argument must be callable"));
        }
        let (mut func, mut given) = (args[1].clone(), Vec::new());
        let keywords = Rc::new(Dict::new());
        if let Some(inner) = args[1].data::<Partial>().map(Partial::parts) {
            func = inner.func.clone();
            given.extend_from_slice(items(&inner.args));
            vm.dict_update(&keywords, &Value::Dict(inner.keywords.clone()))?;
        }
        given.extend_from_slice(items(&args[2]));
        vm.dict_update(&keywords, &args[3])?;
        Ok(Instance::native(&class, Partial::new(func, given, keywords)))
    }),
    method("__call__(*args, **keywords)", call_partial).or_plain(|vm, args| {
        match args[0].data::<Partial>().map(Partial::parts) {
            Some(partial) if partial.keywords.is_empty() => {
                let all = [items(&partial.args), &args[1..]].concat();
                vm.call(&partial.func, &all)
            }
            _ => {
                let none = Value::dict(Dict::new());
                call_partial(vm, &[args[0].clone(), Value::tuple(&args[1..]), none])
            }
        }
    }),
    method("__repr__()", |vm, args| {
        let partial = this!(vm, args[0], Partial).parts();
        let class = vm.class_of(&args[0]);
        let qualname = class.qualname.borrow().clone();
        let module = vm.class_module(&class);
        let mut text = String::new();
        let Some(guard) = vm.enter_repr(&mut text, &args[0], "...")? else { return Ok(Value::string(text)) };
        if let Some(module) = module {
            text.push_str(&module);
            text.push('.');
        }
        text.push_str(&qualname);
        text.push('(');
        let mut result = vm.push_repr(&mut text, &partial.func);
        for arg in items(&partial.args) {
            text.push_str(", ");
            result = result.and_then(|()| vm.push_repr(&mut text, arg));
        }
        for (key, value) in partial.keywords.pairs() {
            text.push_str(", ");
            let key = vm.str(&key)?;
            text.push_str(&key);
            text.push('=');
            result = result.and_then(|()| vm.push_repr(&mut text, &value));
        }
        text.push(')');
        vm.leave_repr(guard);
        result.map(|()| Value::string(text))
    }),
    method("__get__(instance, owner=None, /)", |vm, args| {
        if !args[1].is_none() {
            let class = vm.types.FutureWarning.clone();
            vm.warn(
                &class,
                "functools.partial will be a method descriptor in future Python versions; \
                 wrap it in staticmethod() if you want to preserve the old behavior",
            )?;
        }
        Ok(args[0].clone())
    }),
    method("__reduce__()", |vm, args| {
        let partial = this!(vm, args[0], Partial).parts();
        let state = vm.instance_dict(&args[0]).filter(|dict| !dict.is_empty()).map_or(Value::None, Value::Dict);
        let class = Value::Class(vm.class_of(&args[0]));
        let func = partial.func.clone();
        let state = Value::tuple([func.clone(), partial.args.clone(), Value::Dict(partial.keywords.clone()), state]);
        Ok(Value::tuple([class, Value::tuple([func]), state]))
    }),
    method("__setstate__(state, /)", set_state),
    class_method("__class_getitem__(object, /)", special::class_getitem),
    special::member("func", |vm, this| Ok(this!(vm, this, Partial).parts().func.clone())),
    special::member("args", |vm, this| Ok(this!(vm, this, Partial).parts().args.clone())),
    special::member("keywords", |vm, this| Ok(Value::Dict(this!(vm, this, Partial).parts().keywords.clone()))),
];

/// Exchanges function, arguments, keywords and attributes.
fn set_state(vm: &mut Vm, args: &[Value]) -> Result {
    let parts = args[1].as_tuple().map(|state| state.to_vec()).unwrap_or_default();
    let [func, given, keywords, attributes] = &parts[..] else { return Err(vm.type_error("invalid partial state")) };
    let is_dict = |value: &Value| value.as_dict().is_some() || value.is_none();
    if !vm.is_callable(func) || given.as_tuple().is_none() || !is_dict(keywords) || !is_dict(attributes) {
        return Err(vm.type_error("invalid partial state"));
    }
    let given = match given {
        Value::Tuple(_) => given.clone(),
        _ => Value::tuple(vm.collect(given)?),
    };
    let keywords = match keywords {
        Value::Dict(keywords) => keywords.clone(),
        _ => {
            let copy = Rc::new(Dict::new());
            if !keywords.is_none() {
                vm.dict_update(&copy, keywords)?;
            }
            copy
        }
    };
    let parts = Rc::new(Parts { func: func.clone(), args: given, keywords });
    let old = this!(vm, args[0], Partial).0.replace(parts);
    drop(old);
    if let Some(dict) = vm.instance_dict(&args[0]) {
        let old = dict.table.borrow_mut().clear();
        drop(old);
        if !attributes.is_none() {
            vm.dict_update(&dict, attributes)?;
        }
    }
    Ok(Value::None)
}

fn reduce(vm: &mut Vm, args: &[Value]) -> Result {
    let mut result = args[2].clone();
    let items = match vm.iter(&args[1]) {
        Err(e) if e.is(&vm.types.TypeError) => return Err(vm.type_error("reduce() arg 2 must support iteration")),
        items => items?,
    };
    vm.for_each(&items, |vm, item| {
        result = if result.is_unbound() { item } else { vm.call(&args[0], &[result.take(), item])? };
        Ok(true)
    })?;
    if result.is_unbound() {
        return Err(vm.type_error("reduce() of empty iterable with no initial value"));
    }
    Ok(result)
}

fn key_class(vm: &mut Vm) -> Rc<Class> {
    let object = vm.types.object.clone();
    let class = define(vm, "functools.KeyWrapper", &object, Layout::Final, KEY);
    class.declare(vm.name(sym::__hash__), Value::None);
    class
}

fn compare_keys(vm: &mut Vm, args: &[Value], op: CmpOp) -> Result {
    let key = this!(vm, args[0], Key);
    let Some(other) = args[1].data::<Key>() else {
        return Err(vm.type_error("other argument must be K instance"));
    };
    let (a, b) = (key.object.borrow().clone(), other.object.borrow().clone());
    if a.is_unbound() || b.is_unbound() {
        let name = vm.intern("object");
        return Err(vm.attribute_error(&args[0], &name));
    }
    let order = vm.call(&key.compare, &[a, b])?;
    vm.compare(op, &order, &Value::Int(0))
}

const KEY: &[Row] = &[
    of!("__call__(obj)", Value::data::<Key>, |vm, key, args| {
        let class = vm.class_of(&args[0]);
        let object = RefCell::new(args[1].clone());
        Ok(Instance::native(&class, Key { compare: key.compare.clone(), object }))
    }),
    method("__lt__(other, /)", |vm, args| compare_keys(vm, args, CmpOp::Lt)),
    method("__le__(other, /)", |vm, args| compare_keys(vm, args, CmpOp::LtE)),
    method("__eq__(other, /)", |vm, args| compare_keys(vm, args, CmpOp::Eq)),
    method("__ne__(other, /)", |vm, args| compare_keys(vm, args, CmpOp::NotEq)),
    method("__gt__(other, /)", |vm, args| compare_keys(vm, args, CmpOp::Gt)),
    method("__ge__(other, /)", |vm, args| compare_keys(vm, args, CmpOp::GtE)),
    getter("obj", |vm, this| {
        let object = this!(vm, this, Key).object.borrow().clone();
        if object.is_unbound() {
            let name = vm.intern("obj");
            return Err(vm.attribute_error(this, &name));
        }
        Ok(object)
    }),
];

fn wrapper_class(vm: &mut Vm) -> Rc<Class> {
    let object = vm.types.object.clone();
    let class = define(vm, "functools._lru_cache_wrapper", &object, Layout::Native(203), CACHED);
    vm.give_dict(&class);
    class
}

/// What the results of a call are kept under.
fn key_of(vm: &mut Vm, positional: &[Value], named: &[Named], typed: bool) -> Value {
    if let ([only @ (Value::Int(_) | Value::Str(_) | Value::BigInt(_))], [], false) = (positional, named, typed) {
        return only.clone();
    }
    if named.is_empty() && !typed {
        return Value::tuple(positional);
    }
    let mut parts = positional.to_vec();
    if !named.is_empty() {
        // Stands between the two kinds; no script can get at it.
        parts.push(Value::Class(key_class(vm)));
        for (name, value) in named {
            parts.extend([Value::Str(name.clone()), value.clone()]);
        }
    }
    if typed {
        let values = positional.iter().chain(named.iter().map(|(_, value)| value));
        let classes: Vec<Value> = values.map(|value| Value::Class(vm.class_of(value))).collect();
        parts.extend(classes);
    }
    Value::tuple(parts)
}

fn cached_result(vm: &mut Vm, cached: &Cached, positional: &[Value], named: &[Named]) -> Result {
    if cached.most == Some(0) {
        return cached.missed(vm, positional, named);
    }
    let key = key_of(vm, positional, named, cached.typed);
    if cached.most.is_none()
        && let Some(Some(result)) = Vm::dict_get_at_once(&cached.results, &key)
    {
        cached.hits.set(cached.hits.get() + 1);
        return Ok(result);
    }
    let hash = vm.hash(&key)?;
    if let Some(at) = vm.table_find(&cached.results.table, hash, &key)? {
        cached.hits.set(cached.hits.get() + 1);
        let mut table = cached.results.table.borrow_mut();
        let result = table.entry(at).map(|entry| entry.value.clone()).unwrap_or_default();
        // The most recently used is last.
        if cached.most.is_some() && at + 1 < table.entries().len() {
            if let Some((key, value)) = table.remove_at(at) {
                table.insert_new(hash, key, value);
            }
        }
        return Ok(result);
    }
    let result = cached.missed(vm, positional, named)?;
    // The call may have come back here with the same arguments.
    if vm.table_find(&cached.results.table, hash, &key)?.is_some() {
        return Ok(result);
    }
    if let Some(most) = cached.most {
        while cached.results.len() >= most {
            let oldest = {
                let mut table = cached.results.table.borrow_mut();
                let first = table.first();
                first.and_then(|at| table.remove_at(at))
            };
            if oldest.is_none() {
                break;
            }
            drop(oldest);
        }
    }
    cached.results.table.borrow_mut().insert_new(hash, key, result.clone());
    Ok(result)
}

const CACHED: &[Row] = &[
    of!("__call__(*args, **kwargs)", Value::data::<Cached>, |vm, cached, args| {
        cached_result(vm, cached, items(&args[1]), &keywords(&args[2]))
    }),
    method("__get__(obj, objtype=None, /)", |_, args| {
        if args[1].is_none() {
            return Ok(args[0].clone());
        }
        Ok(Value::BoundMethod(Rc::new(BoundMethod::new(args[0].clone(), args[1].clone()))))
    }),
    method("__copy__()", |_, args| Ok(args[0].clone())),
    method("__reduce__()", |vm, args| vm.get_attr(&args[0], sym::__qualname__)),
    method("__deepcopy__(memo, /)", |_, args| Ok(args[0].clone())),
    of!("__repr__()", Value::data::<Cached>, |_, cached, args| {
        let _ = cached;
        let address = crate::machine::display::address(&args[0]);
        Ok(Value::string(format!("<functools._lru_cache_wrapper object at {address}>")))
    }),
    of!("cache_info()", Value::data::<Cached>, |vm, cached, _| {
        let most = cached.most.map_or(Value::None, Value::usize);
        let (hits, misses) = (Value::Int(cached.hits.get()), Value::Int(cached.misses.get()));
        vm.call_page("functools", "_CacheInfo", &[hits, misses, most, Value::usize(cached.results.len())])
    }),
    of!("cache_clear()", Value::data::<Cached>, |_, cached, _| {
        cached.hits.set(0);
        cached.misses.set(0);
        let old = cached.results.table.borrow_mut().clear();
        drop(old);
        Ok(Value::None)
    }),
    of!("cache_parameters()", Value::data::<Cached>, |vm, cached, _| {
        let most = cached.most.map_or(Value::None, Value::usize);
        vm.dict_from_pairs(vec![(Value::str("maxsize"), most), (Value::str("typed"), Value::bool(cached.typed))])
    }),
];
