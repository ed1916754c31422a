//! `list[int]` and `int | str`: subscribed classes and unions of classes, which are only data to the interpreter.

use super::prelude::*;
use crate::object::instance::{Instance, Native};
use crate::text::hash as hashes;

/// `types.GenericAlias`.
pub struct GenericAlias {
    pub origin: Value,
    /// A tuple.
    pub args: Value,
    /// Whether it is `*tuple[int]`.
    pub starred: bool,
}

impl Native for GenericAlias {
    fn trace(&self, visit: gc::Visit) {
        visit(&self.origin);
        visit(&self.args);
    }
}

/// `types.UnionType`: the members, all different.
pub struct Union(pub Vec<Value>);

impl Native for Union {
    fn trace(&self, visit: gc::Visit) {
        self.0.iter().for_each(visit);
    }
}

impl Vm {
    /// `origin[item]` for a class that only remembers what it was subscribed with.
    pub fn generic_alias(&mut self, origin: &Value, item: &Value) -> Value {
        let args = match item {
            Value::Tuple(_) => item.clone(),
            other => Value::tuple([other.clone()]),
        };
        Instance::native(&self.types.GenericAlias, GenericAlias { origin: origin.clone(), args, starred: false })
    }
}

pub fn is_generic(value: &Value) -> bool {
    value.data::<GenericAlias>().is_some() || value.data::<Union>().is_some()
}

/// `a | b` of two types; `None` if one is no type.
pub fn union_of(vm: &mut Vm, a: &Value, b: &Value) -> Result<Option<Value>> {
    if !is_type(a) || !is_type(b) || (a.is_none() && b.is_none()) {
        return Ok(None);
    }
    let mut members: Vec<Value> = Vec::new();
    for part in [a, b] {
        let parts = match part.data::<Union>() {
            Some(union) => union.0.clone(),
            None if part.is_none() => vec![Value::Class(vm.types.NoneType.clone())],
            None => vec![part.clone()],
        };
        for part in parts {
            let mut known = members.iter().any(|member| member.is(&part));
            if part.data::<GenericAlias>().is_some() {
                for member in members.iter().filter(|member| member.data::<GenericAlias>().is_some()) {
                    known = known || vm.equals(member, &part)?;
                }
            }
            if !known {
                members.push(part);
            }
        }
    }
    if members.len() == 1 {
        return Ok(members.pop());
    }
    Ok(Some(Instance::native(&vm.types.UnionType, Union(members))))
}

fn is_type(value: &Value) -> bool {
    // What a `type` statement makes comes from a page.
    let named = |instance: &Instance| instance.class().name.borrow().as_str() == "TypeAliasType";
    value.is_none()
        || matches!(value, Value::Class(_))
        || is_generic(value)
        || matches!(value, Value::Instance(instance) if named(instance))
}

/// What two generic values are compared by.
pub enum Parts {
    Alias(Value, Value, bool),
    Union(Vec<Value>),
}

pub fn compared(value: &Value) -> Option<Parts> {
    if let Some(alias) = value.data::<GenericAlias>() {
        return Some(Parts::Alias(alias.origin.clone(), alias.args.clone(), alias.starred));
    }
    value.data::<Union>().map(|union| Parts::Union(union.0.clone()))
}

pub fn equal(vm: &mut Vm, a: &Parts, b: &Parts) -> Result<bool> {
    match (a, b) {
        (Parts::Alias(a, x, s), Parts::Alias(b, y, t)) => Ok(s == t && vm.equals(a, b)? && vm.equals(x, y)?),
        (Parts::Union(a), Parts::Union(b)) => {
            let (a, b) = (vm.new_set(a.clone(), true)?, vm.new_set(b.clone(), true)?);
            vm.equals(&a, &b)
        }
        _ => Ok(false),
    }
}

/// What a generic value's hash is made of.
pub fn hashed(value: &Value) -> Option<Parts> {
    compared(value)
}

impl Parts {
    pub fn hash(&self, vm: &mut Vm) -> Result<i64> {
        match self {
            Parts::Alias(origin, args, _) => {
                let hash = vm.hash(origin)? ^ vm.hash(args)?;
                Ok(if hash == -1 { -2 } else { hash })
            }
            Parts::Union(members) => {
                let hashes = members.iter().map(|member| vm.hash(member)).collect::<Result<Vec<i64>>>()?;
                Ok(hashes::hash_frozenset(hashes))
            }
        }
    }
}

/// The `repr` of a generic value; `None` for others.
pub fn repr(vm: &mut Vm, value: &Value) -> Result<Option<String>> {
    if let Some(union) = value.data::<Union>() {
        let mut parts = Vec::new();
        for member in union.0.clone() {
            let none = matches!(&member, Value::Class(class) if std::rc::Rc::ptr_eq(class, &vm.types.NoneType));
            parts.push(if none { "None".to_owned() } else { item_repr(vm, &member)? });
        }
        return Ok(Some(parts.join(" | ")));
    }
    let Some(alias) = value.data::<GenericAlias>() else { return Ok(None) };
    let (origin, args) = (alias.origin.clone(), alias.args.clone());
    let mut text = if alias.starred { "*".to_owned() } else { String::new() };
    text.push_str(&item_repr(vm, &origin)?);
    let args = args.as_tuple().map(|args| args.to_vec()).unwrap_or_default();
    text.push('[');
    for (at, arg) in args.iter().enumerate() {
        if at > 0 {
            text.push_str(", ");
        }
        text.push_str(&item_repr(vm, arg)?);
    }
    if args.is_empty() {
        text.push_str("()");
    }
    text.push(']');
    Ok(Some(text))
}

/// A class by its name, `...` as it is written, lists with their items so, anything else by its `repr`.
fn item_repr(vm: &mut Vm, value: &Value) -> Result<String> {
    match value {
        Value::Ellipsis => Ok("...".to_owned()),
        Value::Class(class) => {
            let qualname = class.qualname.borrow().clone();
            Ok(match vm.class_module(class) {
                Some(module) if module.as_str() != "builtins" => format!("{module}.{qualname}"),
                _ => qualname.as_str().to_owned(),
            })
        }
        Value::List(list) => {
            let mut parts = Vec::new();
            for item in list.to_vec() {
                parts.push(vm.nested_in("", |vm| item_repr(vm, &item))?);
            }
            Ok(format!("[{}]", parts.join(", ")))
        }
        Value::Function(_) | Value::Native(_) => {
            let (name, module) = (
                vm.get_attr(value, crate::symbol::sym::__qualname__)?,
                vm.get_attr(value, crate::symbol::sym::__module__)?,
            );
            let (name, module) = (vm.str(&name)?, vm.str(&module)?);
            Ok(match module.as_str() {
                "builtins" => name.as_str().to_owned(),
                module => format!("{module}.{name}"),
            })
        }
        other => Ok(vm.repr(other)?.as_str().to_owned()),
    }
}
