//! The dictionaries with something extra: `defaultdict` and `OrderedDict`.

use crate::builtins::modules::support::{class_given, define, items, wrapped};
use crate::builtins::prelude::*;
use crate::builtins::types;
use crate::builtins::types::iterators::ITERATOR;
use crate::machine::attr::own_attr;
use crate::machine::views::DictView;
use crate::object::iter::DictPart;

pub(super) fn default_dict(vm: &mut Vm) -> Rc<Class> {
    let dict = vm.types.dict.clone();
    define(vm, "collections.defaultdict", &dict, Layout::Dict, DEFAULT)
}

pub(super) fn ordered_dict(vm: &mut Vm) -> Rc<Class> {
    let dict = vm.types.dict.clone();
    let class = define(vm, "collections.OrderedDict", &dict, Layout::Dict, ORDERED);
    vm.give_dict(&class);
    class.declare(vm.name(sym::__hash__), Value::None);
    class
}

fn inner(vm: &mut Vm, value: &Value) -> Result<Rc<Dict>> {
    match value.as_dict() {
        Some(dict) => Ok(dict.clone()),
        None => Err(crate::builtins::modules::support::wrong_self(vm, value, "dict")),
    }
}

fn new(vm: &mut Vm, args: &[Value]) -> Result {
    let class = class_given(vm, args)?;
    Ok(wrapped(&class, Value::dict(Dict::new())))
}

/// Fills a dictionary with what a constructor is given.
fn fill(vm: &mut Vm, dict: &Rc<Dict>, name: &str, positional: &[Value], keywords: &Value) -> Result<()> {
    match positional {
        [] => {}
        [other] if name.is_empty() => take(vm, dict, other)?,
        [other] => vm.dict_update(dict, other)?,
        many if name.is_empty() => {
            return Err(vm.type_error(format!("expected at most 1 arguments, got {}", many.len())));
        }
        many => return Err(vm.type_error(format!("{name} expected at most 1 argument, got {}", many.len()))),
    }
    vm.dict_update(dict, keywords)
}

fn copied(dict: &Dict) -> Value {
    Value::Dict(Rc::new(dict.copied()))
}

fn factory(vm: &Vm, value: &Value) -> Value {
    own_attr(value, vm.name(sym::_default_factory)).unwrap_or(Value::None)
}

fn set_factory(vm: &mut Vm, value: &Value, factory: Value) {
    let name = vm.name(sym::_default_factory).clone();
    if let Value::Instance(instance) = value {
        let root = instance.class().root_shape.clone();
        let old = instance.attrs.change(|attrs| attrs.set(&root, &name, factory));
        drop(old);
    }
}

/// A defaultdict of the same class with other contents.
fn like(vm: &mut Vm, value: &Value, contents: Value) -> Result {
    let class = vm.class_of(value);
    let factory = factory(vm, value);
    if !class.builtin {
        return vm.call(&Value::Class(class), &[factory, contents]);
    }
    let made = wrapped(&class, contents);
    set_factory(vm, &made, factory);
    Ok(made)
}

const DEFAULT: &[Row] = &[
    static_method("__new__(cls, /, *args, **kwargs)", new),
    method("__init__(*args, **kwargs)", |vm, args| {
        let dict = inner(vm, &args[0])?;
        let (factory, rest) = match items(&args[1]) {
            [] => (Value::None, &[][..]),
            [factory, rest @ ..] => (factory.clone(), rest),
        };
        if !factory.is_none() && !vm.is_callable(&factory) {
            return Err(vm.type_error("first argument must be callable or None"));
        }
        set_factory(vm, &args[0], factory);
        fill(vm, &dict, "dict", rest, &args[2])?;
        Ok(Value::None)
    }),
    method("__missing__(key, /)", |vm, args| {
        let factory = factory(vm, &args[0]);
        if factory.is_none() {
            return Err(vm.key_error(args[1].clone()));
        }
        let value = vm.call(&factory, &[])?;
        let dict = inner(vm, &args[0])?;
        if vm.class_of(&args[0]).builtin {
            vm.dict_set(&dict, args[1].clone(), value.clone())?;
        } else {
            vm.set_item(&args[0], &args[1], value.clone())?;
        }
        Ok(value)
    }),
    method("__repr__()", |vm, args| {
        let mut text = String::new();
        let factory = factory(vm, &args[0]);
        text.push_str(&vm.class_name(&args[0]));
        text.push('(');
        match vm.enter_repr(&mut text, &factory, "...")? {
            Some(guard) if !factory.is_none() => {
                let result = vm.push_repr(&mut text, &factory);
                vm.leave_repr(guard);
                result?;
            }
            Some(guard) => {
                vm.leave_repr(guard);
                text.push_str("None");
            }
            None => {}
        }
        text.push_str(", ");
        let dict = inner(vm, &args[0])?;
        vm.push_repr(&mut text, &Value::Dict(dict))?;
        text.push(')');
        Ok(Value::string(text))
    }),
    method("copy()", copy_default),
    method("__copy__()", copy_default),
    method("__or__(value, /)", |vm, args| joined(vm, &args[0], &args[0], &args[1])),
    method("__ror__(value, /)", |vm, args| joined(vm, &args[0], &args[1], &args[0])),
    method("__reduce__()", |vm, args| {
        let factory = factory(vm, &args[0]);
        let given = if factory.is_none() { Vec::new() } else { vec![factory] };
        let dict = inner(vm, &args[0])?;
        let pairs = vm.dict_view(&dict, DictPart::Items, &args[0]);
        let pairs = vm.iter(&pairs)?;
        let class = Value::Class(vm.class_of(&args[0]));
        Ok(Value::tuple([class, Value::tuple(given), Value::None, Value::None, pairs]))
    }),
    attribute(
        "default_factory",
        |vm, this| Ok(factory(vm, this)),
        |vm, this, new| {
            set_factory(vm, this, new.bound().unwrap_or(Value::None));
            Ok(())
        },
    ),
];

fn joined(vm: &mut Vm, this: &Value, first: &Value, second: &Value) -> Result {
    if first.as_dict().is_none() || second.as_dict().is_none() {
        return Ok(Value::NotImplemented);
    }
    let copy = vm.dict_copy(first)?;
    let made = like(vm, this, Value::Dict(copy))?;
    let target = inner(vm, &made)?;
    vm.dict_update(&target, second)?;
    Ok(made)
}

fn copy_default(vm: &mut Vm, args: &[Value]) -> Result {
    let dict = inner(vm, &args[0])?;
    like(vm, &args[0], copied(&dict))
}

const ORDERED: &[Row] = &[
    static_method("__new__(cls, /, *args, **kwargs)", new),
    method("__init__(*args, **kwargs)", |vm, args| {
        if vm.class_of(&args[0]).builtin {
            let dict = inner(vm, &args[0])?;
            let given = pairs_first(vm, items(&args[1]), |vm, key, value| vm.dict_set(&dict, key, value).map(drop))?;
            fill(vm, &dict, "", given, &args[2])?;
        } else {
            // A subclass may have a `__setitem__` of its own.
            update(vm, args)?;
        }
        Ok(Value::None)
    }),
    method("update(*args, **kwargs)", update),
    method("move_to_end(key, last=True)", |vm, args| {
        let dict = inner(vm, &args[0])?;
        let last = vm.truth(&args[2])?;
        let hash = vm.hash(&args[1])?;
        let Some(at) = vm.table_find(&dict.table, hash, &args[1])? else {
            return Err(vm.key_error(args[1].clone()));
        };
        let mut table = dict.table.borrow_mut();
        let end = if last { table.last() } else { table.first() };
        if end != Some(at) {
            if let Some((key, value)) = table.remove_at(at) {
                if last {
                    table.insert_new(hash, key, value);
                } else {
                    table.insert_first(hash, key, value);
                }
            }
        }
        Ok(Value::None)
    }),
    method("popitem(last=True)", |vm, args| {
        let dict = inner(vm, &args[0])?;
        let last = vm.truth(&args[1])?;
        let removed = {
            let mut table = dict.table.borrow_mut();
            let at = if last { table.last() } else { table.first() };
            at.and_then(|at| table.remove_at(at))
        };
        match removed {
            Some((key, value)) => Ok(Value::tuple([key, value])),
            None => Err(vm.key_error(Value::str("dictionary is empty"))),
        }
    }),
    method("__eq__(other, /)", |vm, args| same(vm, args, true)),
    method("__ne__(other, /)", |vm, args| same(vm, args, false)),
    method("__repr__()", |vm, args| {
        let mut text = String::new();
        let Some(guard) = vm.enter_repr(&mut text, &args[0], "...")? else { return Ok(Value::string(text)) };
        text.push_str(&vm.class_name(&args[0]));
        text.push('(');
        let dict = inner(vm, &args[0])?;
        let result = if dict.is_empty() { Ok(()) } else { vm.push_repr(&mut text, &Value::Dict(dict)) };
        text.push(')');
        vm.leave_repr(guard);
        result.map(|()| Value::string(text))
    }),
    method("copy()", |vm, args| {
        let class = vm.class_of(&args[0]);
        let dict = inner(vm, &args[0])?;
        if class.builtin {
            return Ok(wrapped(&class, copied(&dict)));
        }
        vm.call(&Value::Class(class), &[args[0].clone()])
    }),
    class_method("fromkeys(iterable, value=None)", types::dict::from_keys),
    method("keys()", |vm, args| ordered_view(vm, args, DictPart::Keys)),
    method("values()", |vm, args| ordered_view(vm, args, DictPart::Values)),
    method("items()", |vm, args| ordered_view(vm, args, DictPart::Items)),
    method("pop(key, default=<unrepresentable>)", types::dict::pop),
    method("setdefault(key, default=None)", types::dict::set_default),
    method("__or__(value, /)", |vm, args| merge(vm, &args[0], &args[0], &args[1])),
    method("__ror__(value, /)", |vm, args| merge(vm, &args[0], &args[1], &args[0])),
    method("__ior__(value, /)", |vm, args| {
        let dict = inner(vm, &args[0])?;
        let rest = pairs_first(vm, &args[1..], |vm, key, value| vm.dict_set(&dict, key, value).map(drop))?;
        if let [mapping] = rest {
            take(vm, &dict, mapping)?;
        }
        Ok(args[0].clone())
    }),
    method("__iter__()", |vm, args| {
        let dict = inner(vm, &args[0])?;
        let iterator = ordered_iterator(vm, &dict, DictPart::Keys, false);
        Ok(vm.holding(&args[0], iterator))
    }),
    method("__reversed__()", |vm, args| {
        let dict = inner(vm, &args[0])?;
        let iterator = ordered_iterator(vm, &dict, DictPart::Keys, true);
        Ok(vm.holding(&args[0], iterator))
    }),
    method("__reduce__()", |vm, args| {
        let state = vm.call_method(&args[0], "__getstate__", &[])?;
        let pairs = vm.call_method(&args[0], sym::items, &[])?;
        let pairs = vm.iter(&pairs)?;
        let class = Value::Class(vm.class_of(&args[0]));
        Ok(Value::tuple([class, Value::tuple([]), state, Value::None, pairs]))
    }),
];

fn update(vm: &mut Vm, args: &[Value]) -> Result {
    let given = Rc::new(Dict::new());
    let rest = pairs_first(vm, items(&args[1]), |vm, key, value| vm.set_item(&args[0], &key, value))?;
    fill(vm, &given, "", rest, &args[2])?;
    for (key, value) in given.pairs() {
        vm.set_item(&args[0], &key, value)?;
    }
    Ok(Value::None)
}

/// Puts the pairs of a sole argument that is no mapping, as an ordered dictionary unpacks them. What is left to fill in.
fn pairs_first<'a>(
    vm: &mut Vm,
    given: &'a [Value],
    mut put: impl FnMut(&mut Vm, Value, Value) -> Result<()>,
) -> Result<&'a [Value]> {
    let [pairs] = given else { return Ok(given) };
    if pairs.as_dict().is_some() || vm.get_attr_opt(pairs, sym::keys)?.is_some() {
        return Ok(given);
    }
    let pairs = match vm.get_attr_opt(pairs, sym::items)? {
        Some(items) => vm.call(&items, &[])?,
        None => pairs.clone(),
    };
    vm.for_each(&pairs, |vm, pair| {
        let parts = vm.iter(&pair)?;
        let next = |vm: &mut Vm| vm.next(&parts);
        let Some(key) = next(vm)? else { return Err(vm.value_error("need more than 0 values to unpack")) };
        let Some(value) = next(vm)? else { return Err(vm.value_error("need more than 1 value to unpack")) };
        if next(vm)?.is_some() {
            return Err(vm.value_error("too many values to unpack (expected 2)"));
        }
        put(vm, key, value)?;
        Ok(true)
    })?;
    Ok(&[])
}

/// Takes in a mapping as an ordered dictionary does, which asks any subclass of dict for its keys().
fn take(vm: &mut Vm, dict: &Rc<Dict>, mapping: &Value) -> Result<()> {
    if vm.class_of(mapping).builtin {
        return vm.dict_update(dict, mapping);
    }
    for (key, value) in vm.mapping_pairs(mapping)? {
        vm.dict_set(dict, key, value)?;
    }
    Ok(())
}

fn merge(vm: &mut Vm, this: &Value, first: &Value, second: &Value) -> Result {
    let (Some(first), true) = (first.as_dict().cloned(), second.as_dict().is_some()) else {
        return Ok(Value::NotImplemented);
    };
    let made = vm.call(&Value::Class(vm.class_of(this)), &[Value::Dict(first)])?;
    let target = inner(vm, &made)?;
    take(vm, &target, second)?;
    Ok(made)
}

/// Two ordered dictionaries are equal if their order is the same too.
fn same(vm: &mut Vm, args: &[Value], wanted: bool) -> Result {
    let (Some(a), Some(b)) = (args[0].as_dict().cloned(), args[1].as_dict().cloned()) else {
        return Ok(Value::NotImplemented);
    };
    let class = ordered_dict(vm);
    if !vm.class_of(&args[1]).is_subclass(&class) {
        return Ok(Value::bool(vm.equals(&Value::Dict(a), &Value::Dict(b))? == wanted));
    }
    let versions = || [&a, &b].map(|dict| dict.table.borrow().keys_version);
    let mut equal = vm.equals(&Value::Dict(a.clone()), &Value::Dict(b.clone()))? && a.len() == b.len();
    if equal {
        let before = versions();
        for (key, other) in a.keys().iter().zip(&b.keys()) {
            equal = vm.eq(key, other)?;
            if versions() != before {
                return Err(vm.runtime_error("OrderedDict mutated during iteration"));
            }
            if !equal {
                break;
            }
        }
    }
    Ok(Value::bool(equal == wanted))
}

/// An iterator over an ordered dictionary. It refuses to go on when a key was added, removed or moved, but for one that
/// has given the last key.
struct Ordered {
    dict: Option<Rc<Dict>>,
    /// The entry that comes next.
    at: usize,
    version: u32,
    part: DictPart,
    backwards: bool,
}

impl Ordered {
    /// Finds the next entry from a position on, its own included.
    fn settle(&mut self, from: Option<usize>) {
        let Some(dict) = &self.dict else { return };
        let table = dict.table.borrow();
        let mut at = from;
        while let Some(entry) = at.and_then(|at| table.entry(at)) {
            if !entry.key.is_unbound() {
                break;
            }
            at = self.behind(at);
        }
        let found = at.filter(|at| table.entry(*at).is_some());
        drop(table);
        match found {
            Some(at) => self.at = at,
            None => self.dict = None,
        }
    }

    fn behind(&self, at: Option<usize>) -> Option<usize> {
        at.and_then(|at| if self.backwards { at.checked_sub(1) } else { Some(at + 1) })
    }
}

impl NativeIter for Ordered {
    fn next(&mut self, vm: &mut Vm) -> Result<Option<Value>> {
        let Some(dict) = self.dict.clone() else { return Ok(None) };
        let table = dict.table.borrow();
        let entry = table.entry(self.at).filter(|_| table.keys_version == self.version);
        let Some(entry) = entry else {
            drop(self.dict.take());
            return Err(vm.runtime_error("OrderedDict mutated during iteration"));
        };
        let item = match self.part {
            DictPart::Keys => entry.key.clone(),
            DictPart::Values => entry.value.clone(),
            DictPart::Items => Value::tuple([entry.key.clone(), entry.value.clone()]),
        };
        self.settle(self.behind(Some(self.at)));
        Ok(Some(item))
    }

    fn parts(&self) -> Option<(Vec<Value>, Option<i64>)> {
        let mut left = Ordered { dict: self.dict.clone(), ..*self };
        let mut items = Vec::new();
        while let Some(dict) = left.dict.clone() {
            let table = dict.table.borrow();
            items.extend(table.entry(left.at).map(|entry| match self.part {
                DictPart::Keys => entry.key.clone(),
                DictPart::Values => entry.value.clone(),
                DictPart::Items => Value::tuple([entry.key.clone(), entry.value.clone()]),
            }));
            left.settle(left.behind(Some(left.at)));
        }
        Some((vec![Value::list(items)], None))
    }

    fn trace(&self, visit: gc::Visit) {
        if let Some(dict) = &self.dict {
            gc::link(dict, Value::Dict, visit);
        }
    }

    fn take_values(&mut self) -> Vec<Value> {
        self.dict.take().map(Value::Dict).into_iter().collect()
    }
}

fn ordered_view(vm: &mut Vm, args: &[Value], part: DictPart) -> Result {
    let dict = inner(vm, &args[0])?;
    let (full, base) = match part {
        DictPart::Keys => ("builtins.odict_keys", vm.types.dict_keys.clone()),
        DictPart::Values => ("builtins.odict_values", vm.types.dict_values.clone()),
        DictPart::Items => ("builtins.odict_items", vm.types.dict_items.clone()),
    };
    let class = define(vm, full, &base, Layout::Final, VIEW);
    Ok(Instance::native(&class, DictView { dict, object: args[0].clone(), part }))
}

const VIEW: &[Row] = &[
    of!("__iter__()", Value::data::<DictView>, |vm, view, _| {
        let iterator = ordered_iterator(vm, &view.dict, view.part, false);
        Ok(vm.holding(&view.object, iterator))
    }),
    of!("__reversed__()", Value::data::<DictView>, |vm, view, _| {
        let iterator = ordered_iterator(vm, &view.dict, view.part, true);
        Ok(vm.holding(&view.object, iterator))
    }),
];

fn ordered_iterator(vm: &mut Vm, dict: &Rc<Dict>, part: DictPart, backwards: bool) -> Value {
    let object = vm.types.object.clone();
    let class = define(vm, "builtins.odict_iterator", &object, Layout::Final, ITERATOR);
    let (version, entries) = (dict.table.borrow().keys_version, dict.table.borrow().entries().len());
    let mut iterator = Ordered { dict: Some(dict.clone()), at: 0, version, part, backwards };
    iterator.settle(if backwards { entries.checked_sub(1) } else { Some(0) });
    Iter::native(&class, iterator)
}
