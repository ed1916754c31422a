//! `memoryview`: a view of the bytes of a `bytes` or `bytearray`, one byte an item.

use std::any::Any;
use std::cell::Cell;

use super::methods::hex_separator;
use super::{buffer_of, special};
use crate::builtins::add_methods;
use crate::machine::Vm;
use crate::machine::display::address;
use crate::machine::item::positions;
use crate::object::class::{Instance, Native};
use crate::object::native::{Row, getter, method, static_method};
use crate::object::{Result, Value};
use crate::text::bytesops;
use crate::text::slice::{Indices, index};

pub(super) fn install(vm: &mut Vm) {
    let class = vm.types.memoryview.clone();
    add_methods(vm, &class, METHODS);
}

const METHODS: &[Row] = &[
    static_method("__new__(cls, /, object)", new),
    getter("obj", obj),
    getter("nbytes", nbytes),
    getter("readonly", readonly),
    getter("format", format),
    getter("itemsize", itemsize),
    getter("ndim", itemsize),
    getter("shape", shape),
    getter("strides", strides),
    getter("contiguous", contiguous),
    getter("c_contiguous", contiguous),
    getter("f_contiguous", contiguous),
    method("tobytes(order='C')", to_bytes),
    method("tolist()", to_list),
    method("toreadonly()", to_readonly),
    method("hex(sep=<unrepresentable>, bytes_per_sep=1)", hex),
    method("release()", release),
    method("__len__()", len),
    method("__getitem__(key, /)", get_item),
    method("__setitem__(key, value, /)", set_item),
    method("__eq__(value, /)", eq),
    method("__ne__(value, /)", ne),
    method("__hash__()", hash),
    method("__iter__()", iter),
    method("__repr__()", repr),
    method("__enter__()", enter),
    method("__exit__(*exc_info)", exit),
];

struct MemoryView {
    /// The `bytes` or `bytearray`.
    base: Value,
    indices: Indices,
    readonly: bool,
    released: Cell<bool>,
}

impl Native for MemoryView {
    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl MemoryView {
    fn contents(&self) -> Vec<u8> {
        let pick = |bytes: &[u8]| positions(self.indices).filter_map(|at| bytes.get(at)).copied().collect();
        match self.base.unwrapped() {
            Value::Bytes(bytes) => pick(bytes),
            Value::ByteArray(array) => pick(&array.bytes.borrow()),
            _ => Vec::new(),
        }
    }

    /// The position in the base of an item.
    fn position(&self, at: usize) -> usize {
        (self.indices.start + self.indices.step * at as i64) as usize
    }
}

/// The bytes that a view shows, if the value is one.
pub(super) fn contents(value: &Value) -> Option<Vec<u8>> {
    value.data::<MemoryView>().filter(|view| !view.released.get()).map(MemoryView::contents)
}

fn this<'a>(vm: &mut Vm, value: &'a Value) -> Result<&'a MemoryView> {
    match value.data::<MemoryView>() {
        Some(view) if view.released.get() => Err(vm.value_error("operation forbidden on released memoryview object")),
        Some(view) => Ok(view),
        None => Err(special::wrong_receiver(vm, "memoryview", value)),
    }
}

fn view(vm: &Vm, base: Value, indices: Indices, readonly: bool) -> Value {
    Instance::native(&vm.types.memoryview, MemoryView { base, indices, readonly, released: Cell::new(false) })
}

fn new(vm: &mut Vm, args: &[Value]) -> Result {
    if let Some(other) = args[1].data::<MemoryView>() {
        let other = if other.released.get() { this(vm, &args[1])? } else { other };
        return Ok(view(vm, other.base.clone(), other.indices, other.readonly));
    }
    let (len, readonly) = match args[1].unwrapped() {
        Value::Bytes(bytes) => (bytes.len(), true),
        Value::ByteArray(array) => (array.bytes.borrow().len(), false),
        _ => {
            let name = vm.type_name(&args[1]);
            return Err(vm.type_error(format!("memoryview: a bytes-like object is required, not '{}'", name.as_str())));
        }
    };
    let indices = Indices { start: 0, stop: len as i64, step: 1, count: len };
    Ok(view(vm, args[1].clone(), indices, readonly))
}

fn obj(vm: &mut Vm, value: &Value) -> Result {
    Ok(this(vm, value)?.base.clone())
}

fn nbytes(vm: &mut Vm, value: &Value) -> Result {
    Ok(Value::usize(this(vm, value)?.indices.count))
}

fn readonly(vm: &mut Vm, value: &Value) -> Result {
    Ok(Value::bool(this(vm, value)?.readonly))
}

fn format(vm: &mut Vm, value: &Value) -> Result {
    this(vm, value)?;
    Ok(Value::str("B"))
}

fn itemsize(vm: &mut Vm, value: &Value) -> Result {
    this(vm, value)?;
    Ok(Value::Int(1))
}

fn shape(vm: &mut Vm, value: &Value) -> Result {
    Ok(Value::tuple([nbytes(vm, value)?]))
}

fn strides(vm: &mut Vm, value: &Value) -> Result {
    Ok(Value::tuple([Value::Int(this(vm, value)?.indices.step)]))
}

fn contiguous(vm: &mut Vm, value: &Value) -> Result {
    let indices = this(vm, value)?.indices;
    Ok(Value::bool(indices.step == 1 || indices.count <= 1))
}

fn to_bytes(vm: &mut Vm, args: &[Value]) -> Result {
    Ok(Value::bytes(this(vm, &args[0])?.contents()))
}

fn items(vm: &mut Vm, value: &Value) -> Result<Vec<Value>> {
    Ok(this(vm, value)?.contents().into_iter().map(|byte| Value::Int(byte.into())).collect())
}

fn to_list(vm: &mut Vm, args: &[Value]) -> Result {
    items(vm, &args[0]).map(Value::list)
}

fn iter(vm: &mut Vm, args: &[Value]) -> Result {
    let items = items(vm, &args[0])?;
    let class = vm.types.iterator.clone();
    Ok(vm.iter_over(&class, items))
}

fn to_readonly(vm: &mut Vm, args: &[Value]) -> Result {
    let whole = this(vm, &args[0])?;
    Ok(view(vm, whole.base.clone(), whole.indices, true))
}

fn hex(vm: &mut Vm, args: &[Value]) -> Result {
    let separator = hex_separator(vm, &args[1])?;
    let group = vm.to_i64(&args[2])?;
    Ok(Value::string(bytesops::hex(&this(vm, &args[0])?.contents(), separator, group)))
}

fn repr(_: &mut Vm, args: &[Value]) -> Result {
    let released = args[0].data::<MemoryView>().is_some_and(|view| view.released.get());
    let kind = if released { "released memory" } else { "memory" };
    Ok(Value::string(format!("<{kind} at {}>", address(&args[0]))))
}

fn release(vm: &mut Vm, args: &[Value]) -> Result {
    match args[0].data::<MemoryView>() {
        Some(view) => view.released.set(true),
        None => return Err(special::wrong_receiver(vm, "memoryview", &args[0])),
    }
    Ok(Value::None)
}

fn enter(vm: &mut Vm, args: &[Value]) -> Result {
    this(vm, &args[0])?;
    Ok(args[0].clone())
}

fn exit(vm: &mut Vm, args: &[Value]) -> Result {
    release(vm, args)
}

fn len(vm: &mut Vm, args: &[Value]) -> Result {
    nbytes(vm, &args[0])
}

/// What a key means: a single position in the base, or several.
enum Place {
    One(usize),
    Many(Indices),
}

fn place(vm: &mut Vm, whole: &MemoryView, key: &Value) -> Result<Place> {
    let outer = whole.indices;
    if let Value::Slice(slice) = key {
        let inner = vm.slice_indices(slice, outer.count)?;
        return Ok(Place::Many(Indices {
            start: outer.start + outer.step * inner.start,
            stop: outer.start + outer.step * inner.stop,
            step: outer.step.saturating_mul(inner.step),
            count: inner.count,
        }));
    }
    match vm.index_opt(key)? {
        Some(Value::Int(n)) => match index(n, outer.count) {
            Some(at) => Ok(Place::One(whole.position(at))),
            None => Err(vm.index_error("index out of bounds on dimension 1")),
        },
        Some(_) => Err(vm.index_error("cannot fit 'int' into an index-sized integer")),
        None => Err(vm.type_error("memoryview: invalid slice key")),
    }
}

fn get_item(vm: &mut Vm, args: &[Value]) -> Result {
    let whole = this(vm, &args[0])?;
    match place(vm, whole, &args[1])? {
        Place::Many(indices) => Ok(view(vm, whole.base.clone(), indices, whole.readonly)),
        Place::One(at) => {
            let byte = match whole.base.unwrapped() {
                Value::Bytes(bytes) => bytes.get(at).copied(),
                Value::ByteArray(array) => array.bytes.borrow().get(at).copied(),
                _ => None,
            };
            match byte {
                Some(byte) => Ok(Value::Int(byte.into())),
                None => Err(vm.index_error("index out of bounds on dimension 1")),
            }
        }
    }
}

fn set_item(vm: &mut Vm, args: &[Value]) -> Result {
    let whole = this(vm, &args[0])?;
    let Value::ByteArray(array) = whole.base.unwrapped() else {
        return Err(vm.type_error("cannot modify read-only memory"));
    };
    if whole.readonly {
        return Err(vm.type_error("cannot modify read-only memory"));
    }
    match place(vm, whole, &args[1])? {
        Place::One(at) => {
            let byte = match vm.index_opt(&args[2])? {
                Some(Value::Int(n @ 0..=255)) => n as u8,
                Some(_) => return Err(vm.value_error("memoryview: invalid value for format 'B'")),
                None => return Err(vm.type_error("memoryview: invalid type for format 'B'")),
            };
            if let Some(place) = array.bytes.borrow_mut().get_mut(at) {
                *place = byte;
            }
        }
        Place::Many(indices) => {
            let Some(new) = buffer_of(&args[2]) else {
                let name = vm.type_name(&args[2]);
                let message = format!("a bytes-like object is required, not '{}'", name.as_str());
                return Err(vm.type_error(message));
            };
            if new.len() != indices.count {
                let message = "memoryview assignment: lvalue and rvalue have different structures";
                return Err(vm.value_error(message));
            }
            let mut bytes = array.bytes.borrow_mut();
            for (at, byte) in positions(indices).zip(new) {
                if let Some(place) = bytes.get_mut(at) {
                    *place = byte;
                }
            }
        }
    }
    Ok(Value::None)
}

fn eq(_: &mut Vm, args: &[Value]) -> Result {
    Ok(match (contents(&args[0]), buffer_of(&args[1])) {
        (Some(a), Some(b)) => Value::bool(a == b),
        (None, _) => Value::bool(args[0].is(&args[1])),
        _ => Value::NotImplemented,
    })
}

fn ne(vm: &mut Vm, args: &[Value]) -> Result {
    Ok(match eq(vm, args)? {
        Value::Bool(same) => Value::bool(!same.get()),
        other => other,
    })
}

fn hash(vm: &mut Vm, args: &[Value]) -> Result {
    let whole = this(vm, &args[0])?;
    if !whole.readonly {
        return Err(vm.value_error("cannot hash writable memoryview object"));
    }
    vm.hash(&Value::bytes(whole.contents())).map(Value::Int)
}
