//! `array.array`: items of one kind in memory, here what must be fast; the rest is a page that adds its methods.

use super::support::{class_given, define, this};
use crate::builtins::prelude::*;
use crate::builtins::types::bytes::items::{Item, Misfit};
use crate::builtins::types::bytes::memoryview;
use crate::builtins::types::iterators;
use crate::machine::item::positions;
use crate::machine::sequence::bytes_of;
use crate::object::containers::ByteArray;
use crate::text::slice::index;

struct Array {
    item: Item,
    memory: Rc<ByteArray>,
}

impl Native for Array {
    fn item_count(&self) -> Option<usize> {
        Some(Array::len(self))
    }

    fn item(&self, at: i64) -> Option<Value> {
        self.get(index(at, self.len())?)
    }

    fn set_item(&self, at: i64, value: &Value) -> bool {
        let mut bytes = self.memory.bytes.borrow_mut();
        let size = self.item.size;
        let place = index(at, bytes.len() / size).and_then(|at| bytes.get_mut(at * size..(at + 1) * size));
        place.is_some_and(|place| self.item.put(value, place))
    }

    fn buffer(&self) -> Option<Vec<u8>> {
        Some(self.memory.bytes.borrow().clone())
    }
}

impl Array {
    fn len(&self) -> usize {
        self.memory.bytes.borrow().len() / self.item.size
    }

    fn get(&self, at: usize) -> Option<Value> {
        let bytes = self.memory.bytes.borrow();
        let at = at * self.item.size;
        bytes.get(at..at + self.item.size).map(|bytes| self.item.unpack(bytes))
    }
}

pub(super) const FUNCTIONS: &[Row] = &[native("_complete(cls, methods, /)", |vm, args| {
    if let (Value::Class(class), Some(methods)) = (&args[0], args[1].as_dict()) {
        for (name, value) in methods.pairs() {
            if let Some(name) = name.as_str() {
                let name = vm.intern_str(name);
                class.set(&name, value);
            }
        }
    }
    Ok(Value::None)
})];

pub(super) fn class(vm: &mut Vm) -> Rc<Class> {
    let object = vm.types.object.clone();
    let class = define(vm, "array.array", &object, Layout::ARRAY, METHODS);
    class.declare(vm.name(sym::__hash__), Value::None);
    class
}

const METHODS: &[Row] = &[
    static_method("__new__(cls, /, *args, **kwargs)", new),
    getter("typecode", |vm, value| Ok(Value::string(char::from(this!(vm, value, Array).item.code).to_string()))),
    getter("itemsize", |vm, value| Ok(Value::usize(this!(vm, value, Array).item.size))),
    of!("append(v, /)", Value::data::<Array>, |vm, array, args| {
        let mut bytes = [0; 8];
        let size = array.item.size;
        if array.item.put(&args[1], &mut bytes[..size]) {
            resize(vm, array)?;
            array.memory.bytes.borrow_mut().extend_from_slice(&bytes[..size]);
            return Ok(Value::None);
        }
        let bytes = packed(vm, array.item, &args[1])?;
        resize(vm, array)?;
        array.memory.bytes.borrow_mut().extend_from_slice(&bytes);
        Ok(Value::None)
    }),
    of!("tobytes()", Value::data::<Array>, |_, array, _| Ok(Value::bytes(array.memory.bytes.borrow().clone()))),
    of!("tolist()", Value::data::<Array>, |_, array, _| Ok(Value::list(items(array)))),
    of!("frombytes(buffer, /)", Value::data::<Array>, |vm, array, args| {
        let more = crate::builtins::types::bytes::buffer(vm, &args[1])?;
        vm.whole_items(more.len(), array.item.size, "bytes length not a multiple of item size")?;
        let whole = array.memory.bytes.borrow().len() + more.len();
        vm.check_size(whole)?;
        resize(vm, array)?;
        array.memory.bytes.borrow_mut().extend_from_slice(&more);
        Ok(Value::None)
    }),
    of!("byteswap()", Value::data::<Array>, |_, array, _| {
        array.memory.bytes.borrow_mut().chunks_exact_mut(array.item.size).for_each(<[u8]>::reverse);
        Ok(Value::None)
    }),
    of!("__len__()", Value::data::<Array>, |_, array, _| Ok(Value::usize(array.len()))),
    of!("__getitem__(key, /)", Value::data::<Array>, get_item),
    method("__setitem__(key, value, /)", |vm, args| set_item(vm, &args[0], &args[1], Some(&args[2]))),
    method("__delitem__(key, /)", |vm, args| set_item(vm, &args[0], &args[1], None)),
    method("__iter__()", |vm, args| {
        let object = vm.types.object.clone();
        let class = define(vm, "array.arrayiterator", &object, Layout::Final, iterators::ITERATOR);
        if vm.entry(class.dict(), "__setstate__").is_none() {
            class.add_methods(iterators::STATE);
        }
        Ok(Iter::native(&class, Items { array: args[0].clone(), at: 0 }))
    }),
    of!("__buffer__(flags, /)", Value::data::<Array>, |vm, array, args| {
        Ok(memoryview::of_array(vm, &args[0], &array.memory, array.item))
    }),
];

fn items(array: &Array) -> Vec<Value> {
    let bytes = array.memory.bytes.borrow();
    bytes.chunks_exact(array.item.size).map(|bytes| array.item.unpack(bytes)).collect()
}

fn resize(vm: &mut Vm, array: &Array) -> Result<()> {
    if array.memory.views.get() > 0 {
        return Err(vm.error(vm.types.BufferError.clone(), "cannot resize an array that is exporting buffers"));
    }
    Ok(())
}

fn new(vm: &mut Vm, args: &[Value]) -> Result {
    let class = class_given(vm, args)?;
    let (given, keywords) = (super::support::items(&args[1]), super::support::keywords(&args[2]));
    let own = self::class(vm);
    if Rc::ptr_eq(&class, &own) && !keywords.is_empty() {
        return Err(vm.type_error("array.array() takes no keyword arguments"));
    }
    let (code, initial) = match given {
        [code] => (code, None),
        [code, initial] => (code, Some(initial)),
        [] => return Err(vm.type_error("array() takes at least 1 argument (0 given)")),
        _ => return Err(vm.type_error(format!("array() takes at most 2 arguments ({} given)", given.len()))),
    };
    let mut chars = code.as_str().map(|code| code.as_str().chars()).into_iter().flatten();
    let (Some(code), None) = (chars.next(), chars.next()) else {
        return Err(
            vm.type_error(format!("array() argument 1 must be a unicode character, not {}", vm.argument_name(code)))
        );
    };
    if code == 'u' {
        vm.warn(
            vm.types.DeprecationWarning.clone(),
            "The 'u' type code is deprecated and will be removed in Python 3.16",
        )?;
    }
    let is_text = matches!(code, 'u' | 'w');
    let other = initial.and_then(|initial| initial.data::<Array>());
    if let Some(initial) = initial.filter(|_| !is_text) {
        if initial.as_str().is_some() {
            return Err(vm.type_error(format!("cannot use a str to initialize an array with typecode '{code}'")));
        }
        if other.is_some_and(|other| matches!(other.item.code, b'u' | b'w')) {
            let message = format!("cannot use a unicode array to initialize an array with typecode '{code}'");
            return Err(vm.type_error(message));
        }
    }
    let Some(item) = u8::try_from(code).ok().and_then(Item::of_array) else {
        return Err(vm.value_error("bad typecode (must be b, B, u, h, H, i, I, l, L, q, Q, f or d)"));
    };
    let mut bytes = Vec::new();
    match (initial, initial.map(Value::unwrapped)) {
        (Some(initial), Some(Value::Bytes(_) | Value::ByteArray(_))) => {
            bytes = bytes_of(initial).unwrap_or_default();
            vm.whole_items(bytes.len(), item.size, "bytes length not a multiple of item size")?;
        }
        (Some(initial), _) => vm.for_each(initial, |vm, value| {
            bytes.extend(packed(vm, item, &value)?);
            Ok(true)
        })?,
        _ => {}
    }
    Ok(Instance::native(&class, Array { item, memory: ByteArray::new(bytes) }))
}

/// The bytes of a value.
fn packed(vm: &mut Vm, item: Item, value: &Value) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(item.size);
    match item.pack(vm, value, &mut bytes) {
        Ok(()) => Ok(bytes),
        Err(misfit) => Err(refusal(vm, item, value, misfit)),
    }
}

#[cold]
fn refusal(vm: &mut Vm, item: Item, value: &Value, misfit: Misfit) -> Error {
    // Small numbers are read as the next larger type of C first, which has an error of its own.
    let number = vm.index_opt(value).ok().flatten().and_then(|n| n.as_bigint()).unwrap_or_default();
    let negative = number.sign() == num_bigint::Sign::Minus;
    let (long, int) = (i64::try_from(&number).is_ok(), i32::try_from(&number).is_ok());
    let kind = match (misfit, item.code) {
        (Misfit::Error(error), _) => return error,
        (Misfit::Type, b'u' | b'w') => return vm.type_error("array item must be unicode character"),
        (Misfit::Type, b'f' | b'd') => {
            let name = vm.type_name(value);
            return vm.type_error(format!("must be real number, not {name}"));
        }
        (Misfit::Type, _) => {
            let name = vm.type_name(value);
            return vm.type_error(format!("'{name}' object cannot be interpreted as an integer"));
        }
        (_, b'I' | b'L') if negative => return vm.overflow_error("can't convert negative value to unsigned int"),
        (_, b'Q') if negative => return vm.overflow_error("can't convert negative int to unsigned"),
        (_, b'q' | b'Q') => return vm.overflow_error("int too big to convert"),
        (_, b'I' | b'L') if u64::try_from(&number).is_err() => {
            return vm.overflow_error("Python int too large to convert to C unsigned long");
        }
        (_, b'b' | b'B' | b'h' | b'H' | b'i' | b'l') if !long => {
            return vm.overflow_error("Python int too large to convert to C long");
        }
        (_, b'b') if i16::try_from(&number).is_ok() => "signed char",
        (_, b'b') => "signed short integer",
        (_, b'B') => "unsigned byte integer",
        (_, b'h') => "signed short integer",
        (_, b'H') if int => "unsigned short",
        (_, b'I') => "unsigned int",
        _ => "signed integer",
    };
    vm.overflow_error(format!(
        "{kind} is {} than {}",
        if negative { "less" } else { "greater" },
        if negative { "minimum" } else { "maximum" }
    ))
}

fn position(vm: &mut Vm, array: &Array, key: &Value, range: &str) -> Result<usize> {
    match vm.index_opt(key)? {
        Some(Value::Int(n)) => index(n, array.len()).ok_or_else(|| vm.index_error(range)),
        Some(_) => Err(vm.index_error(vm.no_index(key))),
        None => Err(vm.type_error("array indices must be integers")),
    }
}

fn get_item(vm: &mut Vm, array: &Array, args: &[Value]) -> Result {
    if let Value::Slice(slice) = &args[1] {
        let indices = vm.slice_indices(slice, || array.len())?;
        let size = array.item.size;
        let bytes = array.memory.bytes.borrow();
        let part = positions(indices).flat_map(|at| bytes.get(at * size..(at + 1) * size).unwrap_or(&[])).copied();
        let part = ByteArray::new(part.collect());
        let class = class(vm);
        return Ok(Instance::native(&class, Array { item: array.item, memory: part }));
    }
    let at = position(vm, array, &args[1], "array index out of range")?;
    Ok(array.get(at).unwrap_or_default())
}

/// `array[key] = value`, or `del array[key]` without one.
fn set_item(vm: &mut Vm, whole: &Value, key: &Value, value: Option<&Value>) -> Result {
    let array = this!(vm, whole, Array);
    let size = array.item.size;
    let (new, indices) = match (key, value) {
        (Value::Slice(slice), _) => {
            let new = match value.map(|value| (value, value.data::<Array>())) {
                None => Vec::new(),
                Some((_, Some(other))) if other.item.code != array.item.code => {
                    return Err(vm.type_error("bad argument type for built-in operation"));
                }
                Some((_, Some(other))) => other.memory.bytes.borrow().clone(),
                Some((other, None)) => {
                    let name = vm.type_name(other);
                    let message = format!("can only assign array (not \"{name}\") to array slice");
                    return Err(vm.type_error(message));
                }
            };
            (new, vm.slice_indices(slice, || array.len())?)
        }
        (_, None) => {
            let at = position(vm, array, key, "array assignment index out of range")? as i64;
            (Vec::new(), crate::text::slice::Indices { start: at, stop: at + 1, step: 1, count: 1 })
        }
        (_, Some(value)) => {
            let at = position(vm, array, key, "array assignment index out of range")?;
            let new = packed(vm, array.item, value)?;
            if let Some(place) = array.memory.bytes.borrow_mut().get_mut(at * size..(at + 1) * size) {
                place.copy_from_slice(&new);
            }
            return Ok(Value::None);
        }
    };
    if indices.step != 1 && value.is_some() && new.len() != indices.count * size {
        let (given, wanted) = (new.len() / size, indices.count);
        let message = format!("attempt to assign array of size {given} to extended slice of size {wanted}");
        return Err(vm.value_error(message));
    }
    if new.len() != indices.count * size {
        resize(vm, array)?;
    }
    let mut bytes = array.memory.bytes.borrow_mut();
    if indices.step == 1 {
        let start = (indices.start as usize * size).min(bytes.len());
        let end = (start + indices.count * size).min(bytes.len());
        bytes.splice(start..end, new);
    } else if value.is_some() {
        for (at, item) in positions(indices).zip(new.chunks_exact(size)) {
            bytes[at * size..(at + 1) * size].copy_from_slice(item);
        }
    } else {
        let gone: Vec<usize> = positions(indices).collect();
        let (low, high) = (gone.iter().min().copied().unwrap_or(0), gone.iter().max().copied().unwrap_or(0));
        let step = indices.step.unsigned_abs() as usize;
        let mut at = 0;
        bytes.retain(|_| {
            let item = at / size;
            at += 1;
            gone.is_empty() || item < low || item > high || (item - low) % step != 0
        });
    }
    Ok(Value::None)
}

struct Items {
    array: Value,
    at: usize,
}

impl NativeIter for Items {
    fn next(&mut self, _: &mut Vm) -> Result<Option<Value>> {
        let Some(item) = self.array.data::<Array>().and_then(|array| array.get(self.at)) else {
            // Once at the end, always.
            self.array = Value::None;
            return Ok(None);
        };
        self.at += 1;
        Ok(Some(item))
    }

    fn parts(&self) -> Option<(Vec<Value>, Option<i64>)> {
        Some((vec![if self.array.is_none() { Value::tuple([]) } else { self.array.clone() }], Some(self.at as i64)))
    }

    fn set_position(&mut self, at: i64) {
        self.at = usize::try_from(at).unwrap_or(0);
    }

    fn take_values(&mut self) -> Vec<Value> {
        vec![self.array.take()]
    }
}
