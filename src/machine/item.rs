//! Subscription: `a[b]`, `a[b] = c`, `del a[b]`, and `len`.

use super::prelude::*;
use crate::machine::ops::is_object;
use crate::machine::sequence::bytes_like;
use crate::machine::{generic, views};
use crate::object::class::Special;
use crate::object::{List, Slice};
use crate::text::slice as slices;

/// What a sequence is called where an index is wrong.
struct Words {
    /// For an index of another type.
    kind: &'static str,
    /// For an index out of range.
    range: &'static str,
}

const LIST: Words = Words { kind: "list indices", range: "list index out of range" };
const LIST_ASSIGNMENT: Words = Words { kind: "list indices", range: "list assignment index out of range" };
const TUPLE: Words = Words { kind: "tuple indices", range: "tuple index out of range" };
const BYTES: Words = Words { kind: "byte indices", range: "index out of range" };
const BYTEARRAY: Words = Words { kind: "bytearray indices", range: "bytearray index out of range" };
const STRING: Words = Words { kind: "string indices", range: "string index out of range" };
pub(super) const RANGE: &str = "range object index out of range";

impl Vm {
    /// `container[key]`.
    #[inline]
    pub fn get_item(&mut self, container: &Value, key: &Value) -> Result {
        match (container, key) {
            (Value::List(list), Value::Int(n)) => {
                let items = list.items.borrow();
                if let Some(at) = slices::index(*n, items.len()) {
                    return Ok(items[at].clone());
                }
            }
            (Value::Tuple(items), Value::Int(n)) => {
                if let Some(at) = slices::index(*n, items.len()) {
                    return Ok(items[at].clone());
                }
            }
            (Value::Str(text), Value::Int(n)) => {
                if let Some(found) = self.char_at_once(text, *n) {
                    return Ok(found);
                }
            }
            (Value::Range(range), Value::Int(n)) => {
                if let Some((start, stop, step)) = range.small()
                    && let Some(item) = slices::range_item(start, stop, step, *n)
                {
                    return Ok(Value::Int(item));
                }
            }
            (Value::Bytes(bytes), Value::Int(n)) => {
                if let Some(at) = slices::index(*n, bytes.len()) {
                    return Ok(Value::Int(bytes[at].into()));
                }
            }
            (Value::Dict(dict), _) => {
                return match self.dict_get(dict, key)? {
                    Some(value) => Ok(value),
                    None => Err(self.key_error(key.clone())),
                };
            }
            _ => {}
        }
        self.get_item_general(container, key)
    }

    /// A character of a text of ASCII.
    #[inline]
    pub fn char_at_once(&self, text: &Str, at: i64) -> Option<Value> {
        let bytes = text.as_str().as_bytes();
        let at = slices::index(at, bytes.len()).filter(|_| text.is_ascii())?;
        Some(self.char_value(char::from(bytes[at])))
    }

    /// The same where no script code has a say and nothing is wrong.
    #[inline]
    pub fn item_at_once(container: &Value, key: &Value) -> Option<Value> {
        match (container, key) {
            (Value::List(list), Value::Int(n)) => {
                let items = list.items.borrow();
                slices::index(*n, items.len()).map(|at| items[at].clone())
            }
            (Value::Tuple(items), Value::Int(n)) => slices::index(*n, items.len()).map(|at| items[at].clone()),
            (Value::Dict(dict), _) => Self::dict_get_at_once(dict, key)?,
            _ => None,
        }
    }

    /// What a mapping has in place of an item that it does not have.
    fn missing_item(&mut self, mapping: &Value, key: &Value) -> Result {
        if is_object(mapping)
            && let Some(missing) = self.lookup_special(mapping, sym::__missing__)
        {
            return self.call_found(&missing, mapping, std::slice::from_ref(key));
        }
        Err(self.key_error(key.clone()))
    }

    #[inline(never)]
    fn get_item_general(&mut self, container: &Value, key: &Value) -> Result {
        if let Some(dict) = self.dict_read(container) {
            return match self.dict_get(dict, key)? {
                Some(found) => Ok(found),
                None => self.missing_item(container, key),
            };
        }
        if let Some(sequence) = self.sequence_read(container) {
            if let Some(found) = Self::item_at_once(sequence, key) {
                return Ok(found);
            }
        } else if is_object(container) {
            if let Some(result) = self.call_script(container, sym::__getitem__, std::slice::from_ref(key))? {
                return Ok(result);
            }
        }
        match container.unwrapped() {
            Value::List(list) => match key {
                Value::Slice(slice) => self.list_slice(list, slice),
                _ => {
                    let at = self.item_index(key, || list.len(), &LIST)?;
                    list.get(at).ok_or_else(|| self.index_error(LIST.range))
                }
            },
            Value::Tuple(items) => match key {
                Value::Slice(slice) => {
                    let indices = self.slice_indices(slice, || items.len())?;
                    Ok(tuple_part(container, items, indices))
                }
                _ => {
                    let at = self.item_index(key, || items.len(), &TUPLE)?;
                    Ok(items[at].clone())
                }
            },
            Value::Str(text) => self.text_item(container, text, key),
            Value::Dict(dict) => {
                if let Some(value) = self.dict_get(dict, key)? {
                    return Ok(value);
                }
                self.missing_item(container, key)
            }
            Value::Range(range) => {
                let range = range.clone();
                self.range_item(&range, key)
            }
            Value::Bytes(bytes) => match key {
                Value::Slice(slice) => {
                    let indices = self.slice_indices(slice, || bytes.len())?;
                    Ok(Value::bytes(pick(bytes, indices)))
                }
                _ => {
                    let at = self.item_index(key, || bytes.len(), &BYTES)?;
                    Ok(Value::Int(bytes[at].into()))
                }
            },
            inner @ Value::ByteArray(array) => match key {
                Value::Slice(slice) => {
                    let indices = self.slice_indices(slice, || array.bytes.borrow().len())?;
                    Ok(bytes_like(inner, pick(&array.bytes.borrow(), indices)))
                }
                _ => {
                    let at = self.item_index(key, || array.bytes.borrow().len(), &BYTEARRAY)?;
                    let byte = array.bytes.borrow().get(at).copied();
                    byte.map(|byte| Value::Int(byte.into())).ok_or_else(|| self.index_error(BYTEARRAY.range))
                }
            },
            Value::Class(_) => self.class_item(container, key),
            _ => match views::proxied(container) {
                Some(inner) => self.get_item(&inner, key),
                None => {
                    if generic::is_generic(container) {
                        return self.call_page("typing", "_subscribe", &[container.clone(), key.clone()]);
                    }
                    let name = self.type_name(container);
                    Err(self.operand_error(format!("'{name}' object is not subscriptable"), &[container]))
                }
            },
        }
    }

    fn text_item(&mut self, container: &Value, text: &Rc<Str>, key: &Value) -> Result {
        if let Value::Slice(slice) = key {
            let indices = self.slice_indices(slice, || text.len())?;
            return Ok(self.text_part(container, text, indices));
        }
        let at = match self.index_opt(key)? {
            Some(index) => self.fit_index(key, &index, text.len(), &STRING)?,
            None => {
                return Err(self.type_error(format!("string indices must be integers, not '{}'", self.type_name(key))));
            }
        };
        match text.as_str()[self.positions.offset(text, at)..].chars().next() {
            Some(c) => Ok(self.char_value(c)),
            None => Err(self.index_error(STRING.range)),
        }
    }

    /// A part of a text by code points.
    pub(super) fn text_part(&mut self, container: &Value, text: &Rc<Str>, indices: slices::Indices) -> Value {
        if indices.step == 1 {
            if indices.count == text.len() && matches!(container, Value::Str(_)) {
                return container.clone();
            }
            // Of an empty part the start may be anywhere.
            let start = if indices.count == 0 { 0 } else { indices.start as usize };
            let from = self.positions.offset(text, start);
            let to = self.positions.offset(text, start + indices.count);
            return Value::Str(Rc::new(Str::counted(&text.as_str()[from..to], indices.count)));
        }
        if text.is_ascii() {
            let bytes = pick(text.as_str().as_bytes(), indices);
            return Value::string(bytes.into_iter().map(char::from).collect());
        }
        let chars: Vec<char> = text.as_str().chars().collect();
        Value::string(pick(&chars, indices).into_iter().collect())
    }

    /// `class[key]`.
    fn class_item(&mut self, container: &Value, key: &Value) -> Result {
        let Value::Class(class) = container else { return Err(self.system_error("not a class")) };
        let types = &self.types;
        let generic = [
            &types.list, &types.dict, &types.tuple, &types.set, &types.frozenset, &types.type_, &types.enumerate,
            &types.coroutine, &types.generator, &types.async_generator,
        ]
        .iter()
        .any(|generic| Rc::ptr_eq(generic, class));
        if generic {
            return Ok(self.generic_alias(container, key));
        }
        let name = self.name(sym::__class_getitem__).clone();
        let own = class.lookup(&name);
        if own.as_ref().is_some_and(|method| !method.is_none()) {
            let method = self.get_attr(container, &name)?;
            return self.call(&method, std::slice::from_ref(key));
        }
        let inherits = own.is_none()
            && class.ancestors.borrow().iter().any(|base| {
                let types = &self.types;
                [&types.list, &types.dict, &types.tuple, &types.set, &types.frozenset]
                    .iter()
                    .any(|generic| Rc::ptr_eq(generic, base))
            });
        if inherits {
            return Ok(self.generic_alias(container, key));
        }
        let name = self.full_name(class);
        Err(self.type_error(format!("type '{name}' is not subscriptable")))
    }

    /// An index into a sequence as a position in it.
    /// The position that a key means; the length is asked after what script code makes of the key.
    fn item_index(&mut self, key: &Value, len: impl FnOnce() -> usize, words: &Words) -> Result<usize> {
        match self.index_opt(key)? {
            Some(index) => self.fit_index(key, &index, len(), words),
            None => {
                let name = self.type_name(key);
                Err(self.type_error(format!("{} must be integers or slices, not {name}", words.kind)))
            }
        }
    }

    fn fit_index(&mut self, key: &Value, index: &Value, len: usize, words: &Words) -> Result<usize> {
        match index {
            Value::Int(n) => slices::index(*n, len).ok_or_else(|| self.index_error(words.range)),
            _ => Err(self.index_error(self.no_index(key))),
        }
    }

    /// What is said of an index that no sequence can have.
    pub fn no_index(&self, given: &Value) -> String {
        format!("cannot fit '{}' into an index-sized integer", self.type_name(given))
    }

    /// The positions that a slice of a sequence of `len` items means; finding out the bounds may change the length.
    pub fn slice_indices(&mut self, slice: &Slice, len: impl FnOnce() -> usize) -> Result<slices::Indices> {
        let (start, stop, step) = self.slice_bounds(slice)?;
        Ok(slices::slice_indices(start, stop, step, len()))
    }

    /// The start, stop and step of a slice as they are given.
    pub(super) fn slice_bounds(&mut self, slice: &Slice) -> Result<(Option<i64>, Option<i64>, i64)> {
        let step = self.slice_part(&slice.step)?.unwrap_or(1);
        if step == 0 {
            return Err(self.value_error("slice step cannot be zero"));
        }
        Ok((self.slice_part(&slice.start)?, self.slice_part(&slice.stop)?, step))
    }

    /// A bound of a slice; what does not fit a machine word is as far off as can be.
    pub fn slice_part(&mut self, part: &Value) -> Result<Option<i64>> {
        match part {
            Value::None | Value::Unbound => Ok(None),
            Value::Int(n) => Ok(Some(*n)),
            _ => match self.index_opt(part)? {
                Some(Value::Int(n)) => Ok(Some(n)),
                Some(Value::BigInt(n)) => {
                    Ok(Some(if n.sign() == num_bigint::Sign::Minus { i64::MIN } else { i64::MAX }))
                }
                _ => Err(self.type_error("slice indices must be integers or None or have an __index__ method")),
            },
        }
    }

    /// `container[key] = value`.
    #[inline]
    pub fn set_item(&mut self, container: &Value, key: &Value, value: Value) -> Result<()> {
        match (container, key) {
            (Value::List(list), Value::Int(n)) => {
                gc::stored(list, &value);
                let mut items = list.items.borrow_mut();
                let len = items.len();
                if let Some(at) = slices::index(*n, len) {
                    let old = std::mem::replace(&mut items[at], value);
                    drop(items);
                    old.discard();
                    return Ok(());
                }
                drop(items);
                Err(self.index_error(LIST_ASSIGNMENT.range))
            }
            (Value::Dict(dict), _) => self.dict_assign(dict, key, value),
            _ => self.set_item_general(container, key, value),
        }
    }

    fn list_slice(&mut self, list: &List, slice: &Slice) -> Result {
        let indices = self.slice_indices(slice, || list.len())?;
        Ok(Value::list(pick(&list.items.borrow(), indices)))
    }

    #[inline(never)]
    fn set_item_general(&mut self, container: &Value, key: &Value, value: Value) -> Result<()> {
        if let Some(dict) = self.dict_assigned(container) {
            return self.dict_assign(dict, key, value);
        }
        if is_object(container) {
            if let Special::Method(method) = self.special(container, sym::__setitem__) {
                return self.call_found(&method, container, &[key.clone(), value]).map(drop);
            }
        }
        match container.unwrapped() {
            Value::List(list) => match key {
                Value::Slice(slice) => self.assign_slice(list, slice, Some(&value)),
                _ => {
                    let at = self.item_index(key, || list.len(), &LIST_ASSIGNMENT)?;
                    gc::stored(list, &value);
                    let old = list.items.borrow_mut().get_mut(at).map(|place| std::mem::replace(place, value));
                    drop(old);
                    Ok(())
                }
            },
            Value::Dict(dict) => self.dict_set(dict, key.clone(), value),
            Value::ByteArray(array) => match key {
                Value::Slice(slice) => self.assign_bytes_slice(array, slice, Some(&value)),
                _ => {
                    let found = self.item_index(key, || array.bytes.borrow().len(), &BYTEARRAY);
                    // A wrong value is reported before a wrong position, but after a wrong kind of index.
                    let byte = match &found {
                        Err(e) if !e.is(&self.types.IndexError) => 0,
                        _ => self.to_byte(&value)?,
                    };
                    let at = found?;
                    match array.bytes.borrow_mut().get_mut(at) {
                        Some(place) => *place = byte,
                        None => return Err(self.index_error(BYTEARRAY.range)),
                    }
                    Ok(())
                }
            },
            _ => {
                self.is_index(container, key)?;
                Err(self.no_item_method(container, sym::__delitem__, sym::__setitem__, "assignment"))
            }
        }
    }

    /// Whether the key is a number, of a container that is a sequence but whose items can't be changed.
    ///
    /// # Errors
    /// One that no sequence can have.
    fn is_index(&mut self, container: &Value, key: &Value) -> Result<bool> {
        if !self.has_sequence_slots(container) {
            return Ok(false);
        }
        match self.index_opt(key)? {
            Some(Value::BigInt(_)) => Err(self.index_error(self.no_index(key))),
            found => Ok(found.is_some()),
        }
    }

    /// A class whose items can be set or deleted, but not both, lacks the other method.
    #[cold]
    fn no_item_method(&mut self, container: &Value, has: Symbol, lacks: Symbol, what: &str) -> Error {
        if is_object(container) && self.has_special(container, has) {
            let name = self.name(lacks).clone();
            return self.error(self.types.AttributeError.clone(), name.as_str());
        }
        self.unsupported_item(container, &format!("does not support item {what}"))
    }

    /// An item of a bytearray.
    pub fn to_byte(&mut self, value: &Value) -> Result<u8> {
        match self.index(value)? {
            Value::Int(n @ 0..=255) => Ok(n as u8),
            _ => Err(self.value_error("byte must be in range(0, 256)")),
        }
    }

    /// `del container[key]`.
    pub fn del_item(&mut self, container: &Value, key: &Value) -> Result<()> {
        if let Value::Dict(dict) = container
            && let Some(Some(removed)) = Self::dict_remove_at_once(dict, key)
        {
            drop(removed);
            return Ok(());
        }
        if is_object(container) {
            if let Special::Method(method) = self.special(container, sym::__delitem__) {
                return self.call_found(&method, container, std::slice::from_ref(key)).map(drop);
            }
        }
        match container.unwrapped() {
            Value::List(list) => match key {
                Value::Slice(slice) => self.assign_slice(list, slice, None),
                _ => {
                    let at = self.item_index(key, || list.len(), &LIST_ASSIGNMENT)?;
                    let mut items = list.items.borrow_mut();
                    let old = if at < items.len() { items.remove(at) } else { Value::Unbound };
                    drop(items);
                    drop(old);
                    Ok(())
                }
            },
            Value::Dict(dict) => match self.dict_remove(dict, key)? {
                Some(removed) => {
                    drop(removed);
                    Ok(())
                }
                None => Err(self.key_error(key.clone())),
            },
            Value::ByteArray(array) => match key {
                Value::Slice(slice) => self.assign_bytes_slice(array, slice, None),
                _ => {
                    let at = self.item_index(key, || array.bytes.borrow().len(), &BYTEARRAY)?;
                    self.check_resize(array, true)?;
                    let mut bytes = array.bytes.borrow_mut();
                    if at < bytes.len() {
                        bytes.remove(at);
                    }
                    Ok(())
                }
            },
            _ if !self.has_special(container, sym::__setitem__) && self.is_index(container, key)? => {
                Err(self.unsupported_item(container, "doesn't support item deletion"))
            }
            _ => Err(self.no_item_method(container, sym::__setitem__, sym::__delitem__, "deletion")),
        }
    }

    #[cold]
    fn unsupported_item(&mut self, container: &Value, what: &str) -> Error {
        let name = self.type_name(container);
        self.type_error(format!("'{name}' object {what}"))
    }

    /// The length of what is of a built-in type, or is as long as what is inside it.
    #[inline]
    pub fn len_at_once(&self, value: &Value) -> Option<usize> {
        match value {
            Value::List(list) => Some(list.len()),
            Value::Str(text) => Some(text.len()),
            Value::Dict(dict) => Some(dict.len()),
            Value::Tuple(items) => Some(items.len()),
            Value::Set(set) => Some(set.len()),
            Value::Bytes(bytes) => Some(bytes.len()),
            Value::Instance(instance) => match instance.own_native() {
                Some(data) => data.item_count(),
                None => self.len_at_once(self.measured(value)?),
            },
            _ => None,
        }
    }

    /// `len(value)`.
    #[inline]
    pub fn len(&mut self, value: &Value) -> Result<usize> {
        match value {
            Value::List(list) => Ok(list.len()),
            Value::Str(text) => Ok(text.len()),
            Value::Dict(dict) => Ok(dict.len()),
            Value::Tuple(items) => Ok(items.len()),
            _ => self.len_general(value),
        }
    }

    #[inline(never)]
    fn len_general(&mut self, value: &Value) -> Result<usize> {
        if let Some(len) = self.len_at_once(value) {
            return Ok(len);
        }
        let inner = self.measured(value);
        if inner.is_none() && is_object(value) {
            if let Some(result) = self.call_script(value, sym::__len__, &[])? {
                return match self.index(&result)? {
                    Value::Int(n) => usize::try_from(n).map_err(|_| self.value_error("__len__() should return >= 0")),
                    Value::BigInt(n) if n.sign() == num_bigint::Sign::Minus => {
                        Err(self.value_error("__len__() should return >= 0"))
                    }
                    _ => Err(self.overflow_error("cannot fit 'int' into an index-sized integer")),
                };
            }
        }
        match value.unwrapped() {
            Value::ByteArray(array) => Ok(array.bytes.borrow().len()),
            Value::Range(range) => match self.range_len(range) {
                Value::Int(n) => Ok(n as usize),
                _ => Err(self.too_large_to_count()),
            },
            inner => {
                if let Some(len) = self.len_at_once(inner) {
                    return Ok(len);
                }
                if let Some(inner) = views::proxied(value) {
                    return self.len(&inner);
                }
                let name = self.type_name(value);
                Err(self.operand_error(format!("object of type '{name}' has no len()"), &[value]))
            }
        }
    }
}

/// The items at the positions of a slice.
pub fn pick<T: Clone>(items: &[T], indices: slices::Indices) -> Vec<T> {
    if indices.step == 1 {
        let start = (indices.start as usize).min(items.len());
        let end = (start + indices.count).min(items.len());
        return items[start..end].to_vec();
    }
    if indices.step == -1 {
        let end = (indices.start.wrapping_add(1) as usize).min(items.len());
        return items[end.saturating_sub(indices.count)..end].iter().rev().cloned().collect();
    }
    let mut picked = Vec::with_capacity(indices.count.min(items.len()));
    picked.extend(positions(indices).filter_map(|at| items.get(at)).cloned());
    picked
}

/// A part of a tuple; all of one that is no instance of a subclass is itself.
pub(super) fn tuple_part(container: &Value, items: &[Value], indices: slices::Indices) -> Value {
    if indices.step == 1 && indices.count == items.len() && matches!(container, Value::Tuple(_)) {
        return container.clone();
    }
    Value::tuple(pick(items, indices))
}

/// The positions of a slice, in its order.
pub fn positions(indices: slices::Indices) -> impl Iterator<Item = usize> {
    (0..indices.count as i64).map(move |i| (indices.start + i * indices.step) as usize)
}
