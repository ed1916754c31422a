//! `bytes` and `bytearray`.
//!
//! The methods are `text::bytesops`, applied to the bytes in place: the arguments are looked at first, for that can run
//! script code, and a `bytearray` is only borrowed afterwards.

pub mod items;
pub mod memoryview;
mod methods;

use super::special;
use crate::builtins::prelude::*;
use crate::machine::sequence::{MAX_TEXT, bytes_like, bytes_of};
use crate::object::containers::ByteArray;
use crate::text::slice as slices;
use crate::text::{Fault, FaultKind, bytesops, codecs};

pub fn install(vm: &mut Vm) {
    let (bytes, bytearray) = (vm.types.bytes.clone(), vm.types.bytearray.clone());
    for class in [&bytes, &bytearray] {
        for rows in [COMMON, methods::METHODS, special::COMPARISONS, special::CONTAINER, special::SEQUENCE] {
            class.add_methods(rows);
        }
    }
    bytes.add_methods(BYTES);
    bytes.add_methods(special::HASH);
    special::unhashable(vm, &bytearray);
    for rows in [BYTEARRAY, special::MUTABLE, special::MUTABLE_SEQUENCE] {
        bytearray.add_methods(rows);
    }
    memoryview::install(vm);
}

const COMMON: &[Row] = &[
    method("__buffer__(flags, /)", |vm, args| memoryview::of(vm, &args[0])),
    method("__iter__()", iter),
    method("__str__()", |vm, args| vm.builtin_repr(&args[0]).map(Value::Str)),
    method("__mod__(value, /)", special::modulo),
    method("__rmod__(value, /)", |vm, args| match (args[0].unwrapped(), args[1].unwrapped()) {
        (Value::Bytes(_), Value::Bytes(_)) | (Value::ByteArray(_), Value::ByteArray(_)) => special::rmodulo(vm, args),
        _ => Ok(Value::NotImplemented),
    }),
    class_method("fromhex(string, /)", |vm, args| {
        let Some(text) = args[1].as_str() else {
            super::text_argument(vm, &args[1], "fromhex", "")?;
            return Ok(Value::None);
        };
        let bytes = checked(vm, bytesops::fromhex(text))?;
        of_class(vm, &args[0], bytes)
    }),
    static_method("maketrans(frm, to, /)", |vm, args| {
        let (from, to) = (buffer(vm, &args[0])?, buffer(vm, &args[1])?);
        checked(vm, bytesops::maketrans(&from, &to)).map(Value::bytes)
    }),
];

const BYTES: &[Row] = &[
    static_method(
        "__new__(cls, /, source=<unrepresentable>, encoding=<unrepresentable>, errors=<unrepresentable>)",
        new_bytes,
    ),
    method("__bytes__()", to_bytes),
    method("__getnewargs__()", |vm, args| Ok(Value::tuple([to_bytes(vm, args)?]))),
];

const BYTEARRAY: &[Row] = &[
    method("__release_buffer__(buffer, /)", |_, _| Ok(Value::None)),
    static_method("__new__(cls, /, *args, **kwargs)", |vm, args| {
        let base = vm.types.bytearray.clone();
        let class = super::new_class(vm, &args[0], &base)?;
        Ok(vm.wrap(&class, Value::ByteArray(Rc::new(ByteArray::default()))))
    }),
    method("__init__(source=<unrepresentable>, encoding=<unrepresentable>, errors=<unrepresentable>)", |vm, args| {
        let array = this_array(vm, &args[0])?;
        let emptied = !array.bytes.borrow().is_empty();
        vm.check_resize(&array, emptied)?;
        array.bytes.take();
        let bytes = from_source(vm, "bytearray", &args[1..])?;
        vm.check_resize(&array, true)?;
        array.bytes.replace(bytes);
        Ok(Value::None)
    }),
    method("append(item, /)", |vm, args| {
        let array = this_array(vm, &args[0])?;
        let byte = vm.to_byte(&args[1])?;
        vm.check_resize(&array, true)?;
        array.bytes.borrow_mut().push(byte);
        Ok(Value::None)
    }),
    method("clear()", |vm, args| {
        let array = this_array(vm, &args[0])?;
        vm.check_resize(&array, true)?;
        array.bytes.borrow_mut().clear();
        Ok(Value::None)
    }),
    method("copy()", |vm, args| {
        let bytes = this_array(vm, &args[0])?.bytes.borrow().clone();
        Ok(bytes_like(args[0].unwrapped(), bytes))
    }),
    method("extend(iterable_of_ints, /)", extend),
    method("insert(index, item, /)", insert),
    method("pop(index=-1, /)", pop),
    method("remove(value, /)", remove),
    method("reverse()", |vm, args| {
        this_array(vm, &args[0])?.bytes.borrow_mut().reverse();
        Ok(Value::None)
    }),
    method("__alloc__()", |vm, args| {
        let len = this_array(vm, &args[0])?.bytes.borrow().len();
        Ok(Value::usize(if len == 0 { 0 } else { len + 1 }))
    }),
];

/// Looks at the bytes of a `bytes` or `bytearray`.
fn with_bytes<T>(vm: &mut Vm, value: &Value, look: impl FnOnce(&[u8]) -> T) -> Result<T> {
    match value.unwrapped() {
        Value::Bytes(bytes) => Ok(look(bytes)),
        Value::ByteArray(array) => Ok(look(&array.bytes.borrow())),
        _ => Err(crate::builtins::types::wrong_receiver(vm, value)),
    }
}

/// [`bytes_of`], or the error for everything else.
pub(crate) fn buffer(vm: &mut Vm, value: &Value) -> Result<Vec<u8>> {
    match bytes_of(value) {
        Some(bytes) => Ok(bytes),
        None => Err(vm.bytes_required(value)),
    }
}

fn checked<T>(vm: &mut Vm, result: std::result::Result<T, Fault>) -> Result<T> {
    result.map_err(|fault| vm.from_fault(fault))
}

/// `text.encode(encoding, errors)`, also with what `codecs` has registered.
pub fn encode(vm: &mut Vm, text: &str, encoding: &str, errors: &str) -> Result<Vec<u8>> {
    vm.check_size(text.len().saturating_mul(codecs::most_growth(encoding)))?;
    match codecs::encode(text, encoding, errors) {
        Err(fault) => {
            let encoded = registered(vm, fault, "_fallback_encode", Value::str(text), encoding, errors)?;
            Ok(bytes_of(&encoded).unwrap_or_default())
        }
        Ok(bytes) => Ok(bytes),
    }
}

/// `bytes.decode(encoding, errors)`, also with what `codecs` has registered.
pub fn decode(vm: &mut Vm, bytes: &[u8], encoding: &str, errors: &str) -> Result {
    match codecs::decode(bytes, encoding, errors) {
        Err(fault) => registered(vm, fault, "_fallback_decode", Value::bytes(bytes.to_vec()), encoding, errors),
        Ok(text) => Ok(Value::string(text)),
    }
}

/// What an encoding or error handler that is not built in makes of something.
#[cold]
fn registered(vm: &mut Vm, fault: Fault, function: &str, input: Value, encoding: &str, errors: &str) -> Result {
    if !matches!(fault.kind, FaultKind::LookupError) || errors.contains('\0') || encoding.contains('\0') {
        return Err(vm.from_fault(fault));
    }
    // Encodings of the library count even if nobody has imported it.
    vm.call_page("codecs", function, &[input, Value::str(encoding), Value::str(errors)])
}

/// What `bytes(...)` and `bytearray(...)` are made of.
fn from_source(vm: &mut Vm, kind: &str, args: &[Value]) -> Result<Vec<u8>> {
    let [source, encoding, errors] = args else { return Ok(Vec::new()) };
    let mut texts = [None, None];
    for (place, (name, value)) in texts.iter_mut().zip([("encoding", encoding), ("errors", errors)]) {
        if value.is_unbound() {
            continue;
        }
        *place = Some(super::text_argument(vm, value, kind, &format!("'{name}'"))?.clone());
    }
    if let Some(text) = source.as_str() {
        let [Some(encoding), errors] = texts else {
            return Err(vm.type_error("string argument without an encoding"));
        };
        let errors = errors.as_ref().map_or("strict", |errors| errors.as_str());
        return encode(vm, text, &encoding, errors);
    }
    match texts {
        [Some(_), _] => return Err(vm.type_error("encoding without a string argument")),
        [None, Some(_)] => return Err(vm.type_error("errors without a string argument")),
        [None, None] => {}
    }
    if source.is_unbound() {
        return Ok(Vec::new());
    }
    // `bytes` has `__bytes__`, which comes first.
    let count = match kind == "bytes" && matches!(source.unwrapped(), Value::Bytes(_)) {
        true => Ok(None),
        false => vm.index_opt(source),
    };
    match count {
        Ok(Some(count)) => return zeros(vm, &count),
        Err(e) if !e.is(&vm.types.TypeError) => return Err(e),
        _ => {}
    }
    if let Some(bytes) = bytes_of(source) {
        return Ok(bytes);
    }
    if let Value::Instance(_) = source {
        let class = vm.class_of(source);
        if vm.class_lookup(&class, "__buffer__").is_some() {
            let view = memoryview::of(vm, source)?;
            return Ok(bytes_of(&view).unwrap_or_default());
        }
    }
    let iterator = match vm.iter(source) {
        Ok(iterator) => iterator,
        Err(e) if e.is(&vm.types.TypeError) => {
            return Err(vm.type_error(format!("cannot convert '{}' object to {kind}", vm.type_name(source))));
        }
        Err(e) => return Err(e),
    };
    if kind == "bytes" {
        vm.ask_length(source, 0)?;
    }
    let what = if kind == "bytes" { "bytes" } else { "byte" };
    let mut bytes = Vec::new();
    vm.for_each(&iterator, |vm, item| {
        match vm.index(&item)? {
            Value::Int(n @ 0..=255) => bytes.push(n as u8),
            _ => return Err(vm.value_error(format!("{what} must be in range(0, 256)"))),
        }
        Ok(true)
    })?;
    Ok(bytes)
}

fn zeros(vm: &mut Vm, count: &Value) -> Result<Vec<u8>> {
    let Value::Int(count) = *count else {
        return Err(vm.overflow_error("cannot fit 'int' into an index-sized integer"));
    };
    let Ok(count) = usize::try_from(count) else { return Err(vm.value_error("negative count")) };
    if count > MAX_TEXT {
        return Err(vm.memory_error());
    }
    vm.check_size(count)?;
    Ok(vec![0; count])
}

fn new_bytes(vm: &mut Vm, args: &[Value]) -> Result {
    let base = vm.types.bytes.clone();
    let class = super::new_class(vm, &args[0], &base)?;
    let source = &args[1];
    let value = match source {
        Value::Bytes(_) if args[2].is_unbound() && args[3].is_unbound() => source.clone(),
        Value::Instance(_) if args[2].is_unbound() && vm.has_special(source, sym::__bytes__) => {
            match vm.call_special(source, sym::__bytes__, &[])? {
                Some(bytes) if matches!(bytes.unwrapped(), Value::Bytes(_)) => bytes,
                other => {
                    return Err(vm.type_error(format!(
                        "__bytes__ returned non-bytes (type {})",
                        vm.type_name(&other.unwrap_or_default())
                    )));
                }
            }
        }
        _ => Value::bytes(from_source(vm, "bytes", &args[1..])?),
    };
    Ok(if class.builtin { value } else { vm.wrap(&class, value.unwrapped().clone()) })
}

fn this_array(vm: &mut Vm, value: &Value) -> Result<Rc<ByteArray>> {
    match value.unwrapped() {
        Value::ByteArray(array) => Ok(array.clone()),
        _ => Err(super::wrong_receiver(vm, value)),
    }
}

fn to_bytes(vm: &mut Vm, args: &[Value]) -> Result {
    match args[0].unwrapped() {
        bytes @ Value::Bytes(_) => Ok(bytes.clone()),
        _ => Err(crate::builtins::types::wrong_receiver(vm, &args[0])),
    }
}

/// An instance of the class a class method was called on.
fn of_class(vm: &mut Vm, class: &Value, bytes: Vec<u8>) -> Result {
    match class {
        Value::Class(class) if Rc::ptr_eq(class, &vm.types.bytes) => Ok(Value::bytes(bytes)),
        other => vm.call(other, &[Value::bytes(bytes)]),
    }
}

fn iter(vm: &mut Vm, args: &[Value]) -> Result {
    let bytes = args[0].unwrapped().clone();
    let class = match &bytes {
        Value::Bytes(_) => vm.types.bytes_iterator.clone(),
        Value::ByteArray(_) => vm.types.bytearray_iterator.clone(),
        _ => return Err(crate::builtins::types::wrong_receiver(vm, &args[0])),
    };
    let iterator = Iter::native(&class, BytesIter { bytes, at: 0 });
    Ok(vm.holding(&args[0], iterator))
}

struct BytesIter {
    bytes: Value,
    at: usize,
}

impl NativeIter for BytesIter {
    fn next(&mut self, _: &mut Vm) -> Result<Option<Value>> {
        let found = match &self.bytes {
            Value::Bytes(bytes) => bytes.get(self.at).copied(),
            Value::ByteArray(array) => array.bytes.borrow().get(self.at).copied(),
            _ => None,
        };
        self.at += 1;
        Ok(found.map(|byte| Value::Int(byte.into())))
    }

    fn length_hint(&self) -> Option<usize> {
        let len = match &self.bytes {
            Value::Bytes(bytes) => bytes.len(),
            Value::ByteArray(array) => array.bytes.borrow().len(),
            _ => 0,
        };
        Some(len.saturating_sub(self.at))
    }

    fn parts(&self) -> Option<(Vec<Value>, Option<i64>)> {
        Some((vec![self.bytes.clone()], Some(self.at as i64)))
    }

    fn set_position(&mut self, at: i64) {
        self.at = usize::try_from(at).unwrap_or(0);
    }
}

fn extend(vm: &mut Vm, args: &[Value]) -> Result {
    let array = this_array(vm, &args[0])?;
    if let Some(bytes) = bytes_of(&args[1]) {
        vm.check_resize(&array, !bytes.is_empty())?;
        array.bytes.borrow_mut().extend_from_slice(&bytes);
        return Ok(Value::None);
    }
    let name = vm.type_name(&args[1]);
    if let Some(text) = args[1].as_str() {
        if text.is_empty() {
            return Ok(Value::None);
        }
        return Err(vm.type_error(format!("expected iterable of integers; got: '{name}'")));
    }
    let iterator = match vm.iter(&args[1]) {
        Ok(iterator) => iterator,
        Err(e) if e.is(&vm.types.TypeError) => {
            return Err(vm.type_error(format!("can't extend bytearray with {name}")));
        }
        Err(e) => return Err(e),
    };
    vm.ask_length(&args[1], array.bytes.borrow().len())?;
    let mut more = Vec::new();
    vm.for_each(&iterator, |vm, item| {
        more.push(vm.to_byte(&item)?);
        Ok(true)
    })?;
    vm.check_resize(&array, !more.is_empty())?;
    array.bytes.borrow_mut().extend_from_slice(&more);
    Ok(Value::None)
}

fn insert(vm: &mut Vm, args: &[Value]) -> Result {
    let array = this_array(vm, &args[0])?;
    let at = vm.to_i64(&args[1])?;
    let byte = vm.to_byte(&args[2])?;
    vm.check_resize(&array, true)?;
    let mut bytes = array.bytes.borrow_mut();
    let len = bytes.len() as i64;
    let at = if at < 0 { at.saturating_add(len).max(0) } else { at.min(len) };
    bytes.insert(at as usize, byte);
    Ok(Value::None)
}

fn pop(vm: &mut Vm, args: &[Value]) -> Result {
    let array = this_array(vm, &args[0])?;
    let at = vm.to_i64(&args[1])?;
    let len = array.bytes.borrow().len();
    match slices::index(at, len) {
        Some(at) => {
            vm.check_resize(&array, true)?;
            Ok(Value::Int(array.bytes.borrow_mut().remove(at).into()))
        }
        None => Err(vm.index_error(if len == 0 { "pop from empty bytearray" } else { "pop index out of range" })),
    }
}

fn remove(vm: &mut Vm, args: &[Value]) -> Result {
    let array = this_array(vm, &args[0])?;
    let byte = vm.to_byte(&args[1])?;
    let found = array.bytes.borrow().iter().position(|&b| b == byte);
    match found {
        Some(at) => {
            vm.check_resize(&array, true)?;
            array.bytes.borrow_mut().remove(at);
            Ok(Value::None)
        }
        None => Err(vm.value_error("value not found in bytearray")),
    }
}
