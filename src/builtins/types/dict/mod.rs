//! `dict` and its views.

mod views;

use super::special;
use crate::builtins::prelude::*;
use crate::object::iter::DictPart;

pub fn install(vm: &mut Vm) {
    let class = vm.types.dict.clone();
    special::unhashable(vm, &class);
    for rows in [special::COMPARISONS, special::CONTAINER, special::MUTABLE, METHODS] {
        class.add_methods(rows);
    }
    views::install(vm);
}

const METHODS: &[Row] = &[
    static_method("__new__(cls, /, *args, **kwargs)", |vm, args| {
        let base = vm.types.dict.clone();
        let class = super::new_class(vm, &args[0], &base)?;
        Ok(vm.wrap(&class, Value::dict(Dict::new())))
    }),
    method("__init__(*args, **kwargs)", |vm, args| update_from(vm, "dict", args))
        .or_plain(|vm, args| update_with(vm, "dict", &args[0], &args[1..]).map(|_| Value::None)),
    method("clear()", |vm, args| {
        let removed = this(vm, &args[0])?.table.borrow_mut().clear();
        drop(removed);
        Ok(Value::None)
    }),
    method("copy()", |vm, args| Ok(Value::Dict(vm.dict_copy(&args[0])?))),
    class_method("fromkeys(iterable, value=None, /)", from_keys),
    of!("get(key, default=None, /)", Value::as_dict, |vm, dict, args| {
        Ok(vm.dict_get(dict, &args[1])?.unwrap_or_else(|| args[2].clone()))
    })
    .or_quick(|_, args| {
        let (Value::Dict(dict), [key, default @ ..]) = args.split_first()? else { return None };
        let found = Vm::dict_get_at_once(dict, key)?;
        Some(found.unwrap_or_else(|| default.first().map_or(Value::None, |default| (*default).clone())))
    }),
    of!("items()", Value::as_dict, items),
    of!("keys()", Value::as_dict, keys),
    method("pop(key, default=<unrepresentable>, /)", pop).or_quick(|_, args| {
        let Value::Dict(dict) = args[0] else { return None };
        match Vm::dict_remove_at_once(dict, args[1])? {
            Some((_, value)) => Some(value),
            None => args.get(2).map(|default| (*default).clone()),
        }
    }),
    of!("popitem()", Value::as_dict, popitem),
    method("setdefault(key, default=None, /)", set_default).or_quick(|_, args| {
        let (Value::Dict(dict), [key, ..]) = args.split_first()? else { return None };
        Vm::dict_get_at_once(dict, key)?
    }),
    method("update(*args, **kwargs)", |vm, args| update_from(vm, "update", args))
        .or_plain(|vm, args| update_with(vm, "update", &args[0], &args[1..]).map(|_| Value::None)),
    of!("values()", Value::as_dict, |vm, dict, args| { Ok(vm.dict_view(dict, DictPart::Values, &args[0])) }),
    of!("__getitem__(key, /)", Value::as_dict, get_item),
    method("__iter__()", special::iter),
    method("__reversed__()", views::reversed_dict),
    method("__or__(value, /)", or),
    method("__ror__(value, /)", |vm, args| or(vm, &[args[1].clone(), args[0].clone()])),
    method("__ior__(value, /)", special::ior),
    class_method("__class_getitem__(object, /)", special::class_getitem),
];

fn this(vm: &mut Vm, value: &Value) -> Result<Rc<Dict>> {
    value.as_dict().cloned().ok_or_else(|| super::wrong_receiver(vm, value))
}

/// Adds what `dict(...)` and `dict.update(...)` are given: a mapping or pairs, and keywords.
fn update_from(vm: &mut Vm, name: &str, args: &[Value]) -> Result {
    let positional = args[1].as_tuple().cloned();
    let dict = update_with(vm, name, &args[0], positional.as_deref().map_or(&[][..], |given| given))?;
    vm.dict_merge(&dict, &args[2])?;
    Ok(Value::None)
}

fn update_with(vm: &mut Vm, name: &str, dict: &Value, given: &[Value]) -> Result<Rc<Dict>> {
    let dict = this(vm, dict)?;
    match given {
        [] => {}
        [other] => vm.dict_update(&dict, other)?,
        given => {
            return Err(vm.type_error(format!("{name} expected at most 1 argument, got {}", given.len())));
        }
    }
    Ok(dict)
}

pub fn from_keys(vm: &mut Vm, args: &[Value]) -> Result {
    let result = vm.call(&args[0], &[])?;
    let value = args[2].clone();
    // The keys of a dict or a set are not hashed again.
    let hashed = match &args[1] {
        Value::Dict(source) => Some(source.table.borrow().iter().map(|e| (e.hash, e.key.clone())).collect()),
        Value::Set(source) => Some(source.elements()),
        _ => None,
    };
    match (&result, hashed) {
        (Value::Dict(dict), Some(hashed)) => {
            for (hash, key) in hashed {
                vm.dict_set_hashed(dict, hash, key, value.clone())?;
            }
        }
        (Value::Dict(dict), None) => vm.for_each(&args[1], |vm, key| {
            vm.dict_set(dict, key, value.clone())?;
            Ok(true)
        })?,
        (other, _) => vm.for_each(&args[1], |vm, key| {
            vm.set_item(other, &key, value.clone())?;
            Ok(true)
        })?,
    }
    Ok(result)
}

/// `dict[key]`, with the `__missing__` of a subclass.
fn get_item(vm: &mut Vm, dict: &Rc<Dict>, args: &[Value]) -> Result {
    if let Some(value) = vm.dict_get(dict, &args[1])? {
        return Ok(value);
    }
    if let Value::Instance(_) = args[0] {
        if let Some(value) = vm.call_special(&args[0], sym::__missing__, &args[1..])? {
            return Ok(value);
        }
    }
    Err(vm.key_error(args[1].clone()))
}

pub fn pop(vm: &mut Vm, args: &[Value]) -> Result {
    let dict = this(vm, &args[0])?;
    // In an empty dict nothing is looked for, so its key need not be hashable.
    let found = if dict.is_empty() { None } else { vm.dict_remove(&dict, &args[1])? };
    match found {
        Some((_, value)) => Ok(value),
        None if !args[2].is_unbound() => Ok(args[2].clone()),
        None => Err(vm.key_error(args[1].clone())),
    }
}

fn popitem(vm: &mut Vm, dict: &Rc<Dict>, _: &[Value]) -> Result {
    let mut table = dict.table.borrow_mut();
    let removed = table.last().and_then(|at| table.remove_at(at));
    drop(table);
    match removed {
        Some((key, value)) => Ok(Value::tuple([key, value])),
        None => Err(vm.key_error(Value::str("popitem(): dictionary is empty"))),
    }
}

pub fn set_default(vm: &mut Vm, args: &[Value]) -> Result {
    let dict = this(vm, &args[0])?;
    vm.dict_set_default(&dict, args[1].clone(), args[2].clone())
}

fn keys(vm: &mut Vm, dict: &Rc<Dict>, args: &[Value]) -> Result {
    Ok(vm.dict_view(dict, DictPart::Keys, &args[0]))
}

fn items(vm: &mut Vm, dict: &Rc<Dict>, args: &[Value]) -> Result {
    Ok(vm.dict_view(dict, DictPart::Items, &args[0]))
}

fn or(vm: &mut Vm, args: &[Value]) -> Result {
    if args[1].as_dict().is_none() || args[0].as_dict().is_none() {
        return Ok(Value::NotImplemented);
    }
    vm.dict_union(&args[0], &args[1])
}
