//! Truth and membership: `bool(value)` and `item in container`.

use super::prelude::*;
use crate::machine::hash::contains_at_once;
use crate::machine::ops::is_object;
use crate::machine::sequence::with_bytes;
use crate::machine::views;
use crate::object::class::Special;
use crate::object::instance::{Instance, Native};

impl Vm {
    /// `bool(value)`.
    #[inline]
    pub fn truth(&mut self, value: &Value) -> Result<bool> {
        match value {
            Value::Bool(b) => Ok(b.get()),
            Value::None => Ok(false),
            Value::Int(n) => Ok(*n != 0),
            Value::Str(text) => Ok(!text.is_empty()),
            Value::List(list) => Ok(!list.is_empty()),
            _ => self.truth_general(value),
        }
    }

    /// Whether an object is true because its class says nothing about that.
    #[inline]
    pub fn is_always_true(&self, instance: &Instance) -> bool {
        let hooks = self.hooks(&instance.class());
        instance.inner().is_none() && !hooks.has_bool() && !hooks.has_len()
    }

    #[inline(never)]
    fn truth_general(&mut self, value: &Value) -> Result<bool> {
        if let Value::Instance(instance) = value {
            if let Some(len) = instance.own_native().and_then(Native::item_count) {
                return Ok(len != 0);
            }
            let hooks = self.hooks(&instance.class());
            if instance.inner().is_none() && !hooks.has_bool() {
                return Ok(!hooks.has_len() || self.len(value)? != 0);
            }
        }
        if is_object(value) {
            match self.special(value, sym::__bool__) {
                Special::Method(method) => {
                    return match self.call_found(&method, value, &[])? {
                        Value::Bool(b) => Ok(b.get()),
                        other => {
                            let found = self.type_name(&other);
                            Err(self.type_error(format!("__bool__ should return bool, returned {found}")))
                        }
                    };
                }
                // Numbers have a `__bool__` of their own, so a script's `__len__` has no say.
                _ if matches!(
                    value.unwrapped(),
                    Value::Int(_) | Value::BigInt(_) | Value::Float(_) | Value::Complex(_)
                ) => {}
                _ => {
                    if let Special::Method(_) = self.special(value, sym::__len__) {
                        return Ok(self.len(value)? != 0);
                    }
                }
            }
        }
        Ok(match value.unwrapped() {
            Value::None | Value::Unbound => false,
            Value::Bool(b) => b.get(),
            Value::Int(n) => *n != 0,
            Value::Float(x) => x.get() != 0.0,
            Value::Complex(z) => z.0 != 0.0 || z.1 != 0.0,
            Value::Str(text) => !text.is_empty(),
            Value::Bytes(bytes) => !bytes.is_empty(),
            Value::ByteArray(array) => !array.bytes.borrow().is_empty(),
            Value::Tuple(items) => !items.is_empty(),
            Value::List(list) => !list.is_empty(),
            Value::Dict(dict) => !dict.is_empty(),
            Value::Set(set) => !set.is_empty(),
            Value::Range(range) => !matches!(self.range_len(range), Value::Int(0)),
            Value::NotImplemented => {
                self.warn(
                    self.types.DeprecationWarning.clone(),
                    "NotImplemented should not be used in a boolean context",
                )?;
                true
            }
            Value::Instance(_) => match views::proxied(value) {
                Some(inner) => return self.truth(&inner),
                None => true,
            },
            _ => true,
        })
    }

    /// `item in container`, where no script code has a say.
    #[inline]
    pub fn contains_at_once(container: &Value, item: &Value) -> Option<bool> {
        match container {
            Value::Dict(dict) => contains_at_once(&dict.table, item),
            Value::Set(set) => contains_at_once(&set.table, item),
            Value::Tuple(items) => is_among(items, item),
            Value::List(list) => is_among(&list.items.borrow(), item),
            _ => None,
        }
    }

    /// `item in container`.
    pub fn contains(&mut self, container: &Value, item: &Value) -> Result<bool> {
        let found = match container {
            Value::Instance(_) => self.dict_searched(container).and_then(|dict| contains_at_once(&dict.table, item)),
            _ => Self::contains_at_once(container, item),
        };
        if let Some(found) = found {
            return Ok(found);
        }
        if is_object(container) {
            match self.special(container, sym::__contains__) {
                Special::Method(Value::None) => {
                    return Err(self.type_error(format!("'{}' object is not a container", self.type_name(container))));
                }
                Special::Method(method) => {
                    let result = self.call_found(&method, container, std::slice::from_ref(item))?;
                    return self.truth(&result);
                }
                Special::Builtin => {}
                Special::Missing | Special::Default => return self.contains_by_iteration(container, item),
            }
        }
        match container.unwrapped() {
            Value::Str(text) => match item.as_str() {
                Some(part) => Ok(text.as_str().contains(part.as_str())),
                None => {
                    let name = self.type_name(item);
                    Err(self.type_error(format!("'in <string>' requires string as left operand, not {name}")))
                }
            },
            Value::List(list) => {
                let mut at = 0;
                while let Some(element) = list.get(at) {
                    if self.eq(&element, item)? {
                        return Ok(true);
                    }
                    at += 1;
                }
                Ok(false)
            }
            Value::Tuple(items) => {
                let items = items.clone();
                for element in items.iter() {
                    if self.eq(element, item)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Value::Dict(dict) => {
                let dict = dict.clone();
                self.dict_contains(&dict, item)
            }
            Value::Set(set) => {
                let set = set.clone();
                self.set_contains(&set, item)
            }
            Value::Range(range) if matches!(item, Value::Int(_) | Value::Bool(_) | Value::BigInt(_)) => {
                Ok(self.range_position(range, item).is_some())
            }
            Value::Bytes(_) | Value::ByteArray(_) => self.bytes_contain(container.unwrapped(), item),
            Value::Instance(_) => match views::contains(self, container, item)? {
                Some(found) => Ok(found),
                None => self.contains_by_iteration(container, item),
            },
            _ => self.contains_by_iteration(container, item),
        }
    }

    fn bytes_contain(&mut self, container: &Value, item: &Value) -> Result<bool> {
        let found = match self.index_opt(item) {
            Ok(Some(Value::Int(n @ 0..=255))) => with_bytes(container, |bytes| Some(bytes.contains(&(n as u8)))),
            Ok(Some(_)) => return Err(self.value_error("byte must be in range(0, 256)")),
            // What makes no number may be bytes, however it failed.
            Ok(None) | Err(_) => with_bytes(container, |bytes| {
                with_bytes(item, |part| part.is_empty() || bytes.windows(part.len()).any(|window| window == part))
            }),
        };
        found.flatten().ok_or_else(|| self.bytes_required(item))
    }

    fn contains_by_iteration(&mut self, container: &Value, item: &Value) -> Result<bool> {
        let iterator = match self.iter(container) {
            Ok(iterator) => iterator,
            Err(e) if e.is(&self.types.TypeError) => {
                let name = self.type_name(container);
                let message = format!("argument of type '{name}' is not iterable");
                return Err(self.operand_error(message, &[container]));
            }
            Err(e) => return Err(e),
        };
        while let Some(element) = self.next(&iterator)? {
            if self.eq(&element, item)? {
                return Ok(true);
            }
            self.tick()?;
        }
        Ok(false)
    }
}

/// Whether a text, bytes or a number is among items that all are such up to there.
fn is_among(items: &[Value], item: &Value) -> Option<bool> {
    if !matches!(item, Value::Int(_) | Value::Str(_) | Value::Bytes(_)) {
        return None;
    }
    for element in items {
        match (element, item) {
            (Value::Int(x), Value::Int(y)) if x == y => return Some(true),
            (Value::Str(x), Value::Str(y)) if x == y => return Some(true),
            (Value::Bytes(x), Value::Bytes(y)) if x[..] == y[..] => return Some(true),
            (Value::Int(_) | Value::Str(_) | Value::Bytes(_), _) => {}
            _ => return None,
        }
    }
    Some(false)
}
