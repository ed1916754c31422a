//! Operators of the built-in containers: joining, repeating, the algebra of sets and dicts.

use super::prelude::*;
use crate::machine::{generic, sets, views};
use crate::object::List;
use crate::object::containers::{ByteArray, Bytes};
use crate::syntax::ast::BinOp;

/// Text longer than this, in bytes, is not made.
pub const MAX_TEXT: usize = u32::MAX as usize - 1;
/// Sequences with more items than this are not made.
pub const MAX_ITEMS: usize = 1 << 28;

impl Vm {
    /// Whether CPython's type of a value has any of the slots of sequences, as that of dicts, sets and of objects of a
    /// program's classes.
    pub(super) fn has_sequence_slots(&mut self, value: &Value) -> bool {
        let known = [sym::__contains__, sym::__len__];
        !self.class_of(value).builtin || known.into_iter().any(|name| self.has_special(value, name))
    }

    /// `a op b` where containers stand on both sides; `None` is `NotImplemented`.
    pub fn container_binary(&mut self, op: BinOp, a: &Value, b: &Value) -> Result<Option<Value>> {
        match (op, a, b) {
            (BinOp::Mod, Value::Str(template), _) => self.format_percent(template, b).map(Value::Str).map(Some),
            (BinOp::Mod, Value::Bytes(_) | Value::ByteArray(_), _) => self.format_percent_bytes(a, b).map(Some),
            (BinOp::BitOr | BinOp::BitAnd | BinOp::BitXor | BinOp::Sub, Value::Set(x), Value::Set(y)) => {
                let result = match op {
                    BinOp::BitOr => self.set_union(x, y)?,
                    BinOp::BitAnd => self.set_intersection(x, y)?,
                    BinOp::BitXor => self.set_symmetric_difference(x, y)?,
                    _ => self.set_difference(x, y)?,
                };
                Ok(Some(Value::Set(Rc::new(result))))
            }
            (BinOp::BitOr, Value::Dict(_), Value::Dict(_)) => self.dict_union(a, b).map(Some),
            (BinOp::BitOr | BinOp::BitAnd | BinOp::BitXor | BinOp::Sub, _, _)
                if views::is_set_like(a) || views::is_set_like(b) =>
            {
                views::binary(self, op, a, b).map(Some)
            }
            (BinOp::BitOr, _, _) if views::is_proxy(a) || views::is_proxy(b) => {
                let (a, b) = (views::proxied(a).unwrap_or(a.clone()), views::proxied(b).unwrap_or(b.clone()));
                self.container_binary(op, &a, &b)
            }
            (BinOp::BitOr, _, _) => generic::union_of(self, a, b),
            _ => Ok(None),
        }
    }

    /// `a + b` and `a * n` of sequences, which come after all special methods have been asked.
    pub fn sequence_binary(&mut self, op: BinOp, a: &Value, b: &Value) -> Result<Option<Value>> {
        match op {
            BinOp::Add => self.concat(a, b),
            BinOp::Mul => {
                let (sequence, count) = match (is_sequence(a.unwrapped()), is_sequence(b.unwrapped())) {
                    (true, _) => (a, b),
                    (false, true) => (b, a),
                    _ => return Ok(None),
                };
                self.repeat(sequence.unwrapped(), count).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// `a + b` of two strings.
    pub fn concat_text(&mut self, a: &Str, b: &Str) -> Result {
        let size = a.as_str().len() + b.as_str().len();
        if size > MAX_TEXT {
            return Err(self.memory_error());
        }
        self.check_size(size)?;
        Ok(Value::Str(Rc::new(a.concat(b))))
    }

    /// Whether `a + b` has been put into `a`, which is no variable: a list that nobody else knows, or a text that needs no
    /// memory of its own even so.
    pub fn grows_at_once(&mut self, a: &mut Value, b: &Value) -> bool {
        match (a, b) {
            (Value::List(a), Value::List(b)) => {
                let (Some(a), b) = (Rc::get_mut(a), b.items.borrow()) else { return false };
                let items = a.items.get_mut();
                if self.check_size((items.len() + b.len()) * size_of::<Value>()).is_err() {
                    return false;
                }
                items.reserve_exact(b.len());
                items.extend_from_slice(&b);
                true
            }
            (Value::Str(a), Value::Str(b)) => {
                let fits = a.as_str().len() + b.as_str().len() <= size_of::<String>();
                match Rc::get_mut(a) {
                    Some(a) if fits => {
                        a.push_str(b);
                        true
                    }
                    _ => false,
                }
            }
            _ => false,
        }
    }

    fn concat(&mut self, a: &Value, b: &Value) -> Result<Option<Value>> {
        let result = match (a.unwrapped(), b.unwrapped()) {
            (Value::Str(x), Value::Str(y)) => return self.concat_text(x, y).map(Some),
            (Value::List(x), Value::List(y)) => {
                let (x, y) = (x.items.borrow(), y.items.borrow());
                self.check_size((x.len() + y.len()) * size_of::<Value>())?;
                let mut items = Vec::with_capacity(x.len() + y.len());
                items.extend_from_slice(&x);
                items.extend_from_slice(&y);
                Value::list(items)
            }
            (Value::Tuple(x), Value::Tuple(y)) => {
                if y.is_empty() && matches!(a, Value::Tuple(_)) {
                    return Ok(Some(a.clone()));
                }
                if x.is_empty() && matches!(b, Value::Tuple(_)) {
                    return Ok(Some(b.clone()));
                }
                self.check_size((x.len() + y.len()) * size_of::<Value>())?;
                Value::tuple(x.iter().chain(y.iter()).cloned().collect::<Vec<_>>())
            }
            (left @ (Value::Bytes(_) | Value::ByteArray(_)), right) => {
                let joined: Option<Option<Result>> = with_bytes(left, |x| {
                    with_bytes(right, |y| {
                        self.check_size(x.len() + y.len())?;
                        Ok(match left {
                            Value::Bytes(_) => Value::Bytes(Rc::new(Bytes::joined(x, y))),
                            _ => bytes_like(left, [x, y].concat()),
                        })
                    })
                });
                let Some(joined) = joined.flatten() else {
                    let (kind, found) = (self.type_name(a), self.type_name(b));
                    return Err(self.type_error(format!("can't concat {found} to {kind}")));
                };
                joined?
            }
            (Value::Str(_), _) => return Err(self.cannot_concat("str", b)),
            (Value::List(_), _) => return Err(self.cannot_concat("list", b)),
            (Value::Tuple(_), _) => return Err(self.cannot_concat("tuple", b)),
            _ => return Ok(None),
        };
        Ok(Some(result))
    }

    #[cold]
    fn cannot_concat(&mut self, kind: &str, other: &Value) -> Error {
        let name = self.type_name(other);
        self.type_error(format!("can only concatenate {kind} (not \"{name}\") to {kind}"))
    }

    /// How often a sequence is repeated: 0 for negative counts.
    fn repeat_count(&mut self, count: &Value) -> Result<usize> {
        match self.index_opt(count)? {
            Some(Value::Int(n)) => Ok(n.max(0) as usize),
            Some(_) => Err(self.overflow_error(self.no_index(count))),
            None => {
                Err(self.type_error(format!("can't multiply sequence by non-int of type '{}'", self.type_name(count))))
            }
        }
    }

    /// `sequence * count`.
    fn repeat(&mut self, sequence: &Value, count: &Value) -> Result {
        let count = self.repeat_count(count)?;
        match sequence {
            Value::Str(text) => {
                if count == 1 {
                    return Ok(sequence.clone());
                }
                let total = text.as_str().len().saturating_mul(count);
                if text.len().saturating_mul(count) > i64::MAX as usize {
                    return Err(self.overflow_error("repeated string is too long"));
                }
                self.check_size(total)?;
                let mut result = String::new();
                if total > MAX_TEXT || result.try_reserve_exact(total).is_err() {
                    return Err(self.memory_error());
                }
                if let (1, Some(c)) = (text.as_str().len(), text.as_str().chars().next()) {
                    result.extend(std::iter::repeat_n(c, count));
                } else {
                    for _ in 0..if text.is_empty() { 0 } else { count } {
                        result.push_str(text);
                    }
                }
                Ok(Value::string(result))
            }
            Value::List(list) => {
                let items = list.to_vec();
                self.repeat_items(&items, count).map(Value::list)
            }
            Value::Tuple(items) => {
                if count == 1 {
                    return Ok(sequence.clone());
                }
                self.repeat_items(items, count).map(Value::tuple)
            }
            _ => {
                if let (1, Value::Bytes(_)) = (count, sequence) {
                    return Ok(sequence.clone());
                }
                let bytes = bytes_of(sequence).unwrap_or_default();
                let total = bytes.len().saturating_mul(count);
                if matches!(sequence, Value::Bytes(_)) && total > i64::MAX as usize {
                    return Err(self.overflow_error("repeated bytes are too long"));
                }
                self.check_size(total)?;
                let mut result = Vec::new();
                if total > MAX_TEXT || result.try_reserve_exact(total).is_err() {
                    return Err(self.memory_error());
                }
                for _ in 0..if bytes.is_empty() { 0 } else { count } {
                    result.extend_from_slice(&bytes);
                }
                Ok(bytes_like(sequence, result))
            }
        }
    }

    fn repeat_items(&mut self, items: &[Value], count: usize) -> Result<Vec<Value>> {
        let total = items.len().saturating_mul(count);
        self.check_size(total.saturating_mul(size_of::<Value>()))?;
        let mut result = Vec::new();
        if total > MAX_ITEMS || result.try_reserve_exact(total).is_err() {
            return Err(self.memory_error());
        }
        if let [item] = items {
            result.resize(total, item.clone());
        } else {
            for _ in 0..if items.is_empty() { 0 } else { count } {
                result.extend_from_slice(items);
            }
        }
        Ok(result)
    }

    /// Refuses to change the length of bytes that are looked at through a view.
    pub fn check_resize(&mut self, array: &ByteArray, changes: bool) -> Result<()> {
        if changes && array.views.get() > 0 {
            return Err(self.buffer_error("Existing exports of data: object cannot be re-sized"));
        }
        Ok(())
    }

    /// `left op= right` for a container that changes in place; whether it was done.
    pub fn inplace_container(&mut self, op: BinOp, left: &Value, right: &Value) -> Result<bool> {
        let whole = left;
        let left = whole.unwrapped();
        match (op, left, right.unwrapped()) {
            (BinOp::Add, Value::List(list), _) => self.list_extend(list, right)?,
            (BinOp::Mul, Value::List(list), _) => {
                let count = self.repeat_count(right)?;
                let items = self.repeat_items(&list.to_vec(), count)?;
                let old = list.items.replace(items);
                drop(old);
            }
            (BinOp::Add, Value::ByteArray(array), other) => {
                let Some(more) = bytes_of(other) else {
                    let (given, name) = (self.type_name(right), self.type_name(whole));
                    return Err(self.type_error(format!("can't concat {given} to {name}")));
                };
                // One that is joined to itself is looked at while it grows.
                let itself = matches!(other, Value::ByteArray(other) if Rc::ptr_eq(other, array));
                array.views.set(array.views.get() + usize::from(itself));
                let refused = self.check_resize(array, !more.is_empty());
                array.views.set(array.views.get() - usize::from(itself));
                refused?;
                let mut bytes = array.bytes.borrow_mut();
                if bytes.try_reserve(more.len()).is_err() {
                    return Err(self.memory_error());
                }
                bytes.extend_from_slice(&more);
            }
            (BinOp::Mul, Value::ByteArray(array), _) => {
                if let Value::ByteArray(result) = self.repeat(left, right)? {
                    let bytes = result.bytes.take();
                    self.check_resize(array, array.bytes.borrow().len() != bytes.len())?;
                    array.bytes.replace(bytes);
                }
            }
            (BinOp::BitOr, Value::Dict(dict), _) => self.dict_update(dict, right)?,
            (_, Value::Set(set), Value::Set(other)) if !set.frozen => match op {
                BinOp::BitOr => self.set_merge(set, other)?,
                BinOp::BitAnd => {
                    let result = self.set_intersection(set, other)?;
                    sets::replace(set, result);
                }
                BinOp::Sub => self.set_remove_all(set, other)?,
                BinOp::BitXor => self.set_toggle_all(set, other)?,
                _ => return Ok(false),
            },
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// `list.extend(iterable)`.
    pub fn list_extend(&mut self, list: &Rc<List>, iterable: &Value) -> Result<()> {
        gc::stored(list, iterable);
        // A list is also extended by itself where its class has another `__iter__`.
        let itself = matches!(iterable.unwrapped(), Value::List(other) if Rc::ptr_eq(other, list));
        match if itself { iterable.unwrapped() } else { iterable } {
            Value::List(other) => {
                if Rc::ptr_eq(list, other) {
                    list.items.borrow_mut().extend_from_within(..);
                } else {
                    list.items.borrow_mut().extend_from_slice(&other.items.borrow());
                }
            }
            Value::Tuple(other) => list.items.borrow_mut().extend_from_slice(other),
            _ => {
                let iterator = self.iter(iterable)?;
                self.ask_length(iterable, list.len())?;
                self.for_each_left(&iterator, |_, item| {
                    list.push(item);
                    Ok(true)
                })?;
            }
        }
        Ok(())
    }
}

/// Whether it is an object of a built-in type of sequences.
pub fn is_sequence(value: &Value) -> bool {
    matches!(value, Value::Str(_) | Value::List(_) | Value::Tuple(_) | Value::Bytes(_) | Value::ByteArray(_))
}

/// The bytes of anything that has some, copied out.
pub fn bytes_of(value: &Value) -> Option<Vec<u8>> {
    with_bytes(value, <[u8]>::to_vec)
}

/// What comes of the bytes of anything that has some; they may not be changed meanwhile.
pub fn with_bytes<T>(value: &Value, with: impl FnOnce(&[u8]) -> T) -> Option<T> {
    match value.unwrapped() {
        Value::Instance(instance) => instance.native_data().and_then(|data| data.buffer()).map(|bytes| with(&bytes)),
        Value::Bytes(bytes) => Some(with(bytes)),
        Value::ByteArray(array) => Some(with(&array.bytes.borrow())),
        _ => None,
    }
}

/// Bytes of the same type as another value.
pub fn bytes_like(model: &Value, bytes: Vec<u8>) -> Value {
    match model {
        Value::ByteArray(_) => Value::ByteArray(ByteArray::new(bytes)),
        _ => Value::bytes(bytes),
    }
}
