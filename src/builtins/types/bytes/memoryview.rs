//! `memoryview`: a view of memory that something else owns, as items of some format in some dimensions.
//!
//! A view that can be written to keeps the owner's length as it is (`ByteArray::views`), so its positions stay right.

use super::items::{Item, Misfit};
use super::methods::hex_separator;
use crate::builtins::prelude::*;
use crate::machine::display::address;
use crate::machine::sequence::bytes_of;
use crate::object::containers::ByteArray;
use crate::text::bytesops;
use crate::text::slice::index;

pub(super) fn install(vm: &mut Vm) {
    let class = vm.types.memoryview.clone();
    class.add_methods(METHODS);
}

/// A row for what a view says of itself.
macro_rules! shown {
    ($name:literal, $say:expr) => {
        getter($name, |vm, value| {
            let say: fn(&MemoryView) -> Value = $say;
            this(vm, value).map(|view| say(&view))
        })
    };
}

const METHODS: &[Row] = &[
    static_method("__new__(cls, /, object)", |vm, args| of(vm, &args[1])),
    static_method("_from_flags(object, flags)", |vm, args| of(vm, &args[0])),
    shown!("obj", |view| view.owner.clone()),
    shown!("nbytes", |view| Value::usize(view.count() * view.item.size)),
    shown!("readonly", |view| Value::bool(view.readonly)),
    shown!("format", |view| Value::str(&view.format)),
    shown!("itemsize", |view| Value::usize(view.item.size)),
    shown!("ndim", |view| Value::usize(view.dimensions.len())),
    shown!("shape", |view| Value::tuple(view.dimensions.iter().map(|d| Value::usize(d.len)).collect::<Vec<_>>())),
    shown!("strides", |view| Value::tuple(view.dimensions.iter().map(|d| Value::Int(d.step)).collect::<Vec<_>>())),
    shown!("suboffsets", |_| Value::tuple([])),
    shown!("c_contiguous", |view| Value::bool(view.is_contiguous(false))),
    shown!("f_contiguous", |view| Value::bool(view.is_contiguous(true))),
    shown!("contiguous", |view| Value::bool(view.is_contiguous(false) || view.is_contiguous(true))),
    method("tobytes(order='C')", to_bytes),
    method("tolist()", |vm, args| {
        let view = this(vm, &args[0])?;
        let size = view.dimensions.iter().fold(size_of::<Value>(), |size, each| size.saturating_mul(each.len));
        vm.check_size(size)?;
        Ok(view.nested(&view.items(), 0))
    }),
    method("toreadonly()", |vm, args| {
        let view = this(vm, &args[0])?;
        Ok(made(vm, MemoryView { readonly: true, ..view.again() }))
    }),
    method("cast(format, shape=<unrepresentable>)", cast),
    method("hex(sep=<unrepresentable>, bytes_per_sep=1)", |vm, args| {
        let group = vm.to_i32(&args[2])?.into();
        let separator = hex_separator(vm, &args[1])?;
        Ok(Value::string(bytesops::hex(&this(vm, &args[0])?.contents(false), separator, group)))
    }),
    method("release()", release),
    method("__len__()", |vm, args| match this(vm, &args[0])?.dimensions.first() {
        Some(first) => Ok(Value::usize(first.len)),
        None => Err(vm.type_error("0-dim memory has no length")),
    }),
    method("__getitem__(key, /)", get_item),
    method("__setitem__(key, value, /)", set_item),
    method("__delitem__(key, /)", |vm, args| {
        let readonly = this(vm, &args[0])?.readonly;
        Err(vm.type_error(if readonly { "cannot modify read-only memory" } else { "cannot delete memory" }))
    }),
    method("__eq__(value, /)", equal),
    method("__ne__(value, /)", |vm, args| {
        Ok(match equal(vm, args)? {
            Value::Bool(same) => Value::bool(!same.get()),
            other => other,
        })
    }),
    method("__hash__()", hash),
    method("__iter__()", |vm, args| {
        let view = this(vm, &args[0])?;
        if view.dimensions.is_empty() {
            return Err(vm.type_error("invalid indexing of 0-dim memory"));
        }
        let class = vm.types.memory_iterator.clone();
        Ok(Iter::native(&class, Items { view: args[0].clone(), at: 0 }))
    }),
    method("__repr__()", |_, args| {
        let released = args[0].data::<Handle>().is_some_and(|handle| handle.view.borrow().is_none());
        let kind = if released { "released memory" } else { "memory" };
        Ok(Value::string(format!("<{kind} at {}>", address(&args[0]))))
    }),
    method("__buffer__(flags, /)", |vm, args| of(vm, &args[0])),
    method("__release_buffer__(buffer, /)", |_, _| Ok(Value::None)),
    method("__reduce_ex__(protocol, /)", |vm, _| Err(vm.type_error("cannot pickle memoryview objects"))),
    method("__enter__()", |vm, args| this(vm, &args[0]).map(|_| args[0].clone())),
    method("__exit__(*exc_info)", release),
];

/// A script's handle on a view: nothing once it is released.
struct Handle {
    view: RefCell<Option<Rc<MemoryView>>>,
    /// What `hash()` said, which it goes on saying.
    hash: Cell<Option<i64>>,
}

impl Native for Handle {
    fn trace(&self, visit: gc::Visit) {
        // A view that several share is left alone.
        if let Ok(view) = self.view.try_borrow() {
            if let Some(view) = view.as_ref().filter(|view| Rc::strong_count(view) == 1) {
                visit(&view.owner);
            }
        }
    }

    fn clear(&self) {
        drop(self.view.take());
    }

    fn buffer(&self) -> Option<Vec<u8>> {
        self.view.borrow().as_ref().map(|view| view.contents(false))
    }
}

/// Keeps the length of what it looks at.
struct Lock(Rc<ByteArray>);

impl Lock {
    fn new(array: &Rc<ByteArray>) -> Rc<Lock> {
        array.views.set(array.views.get() + 1);
        Rc::new(Lock(array.clone()))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.0.views.set(self.0.views.get().saturating_sub(1));
    }
}

#[derive(Clone)]
enum Memory {
    Fixed(Value),
    Shared(Rc<Lock>),
}

#[derive(Clone, Copy)]
struct Dimension {
    len: usize,
    /// How far the next item is, in bytes.
    step: i64,
}

pub struct MemoryView {
    /// `obj`.
    owner: Value,
    memory: Memory,
    /// Where the first item is.
    start: i64,
    dimensions: Vec<Dimension>,
    item: Item,
    format: String,
    readonly: bool,
}

impl MemoryView {
    fn again(&self) -> MemoryView {
        MemoryView {
            owner: self.owner.clone(),
            memory: self.memory.clone(),
            dimensions: self.dimensions.clone(),
            format: self.format.clone(),
            ..*self
        }
    }

    fn with<T>(&self, look: impl FnOnce(&[u8]) -> T) -> T {
        match &self.memory {
            Memory::Shared(lock) => look(&lock.0.bytes.borrow()),
            Memory::Fixed(Value::Bytes(bytes)) => look(bytes),
            Memory::Fixed(_) => look(&[]),
        }
    }

    fn count(&self) -> usize {
        self.dimensions.iter().map(|d| d.len).product()
    }

    fn is_contiguous(&self, fortran: bool) -> bool {
        let mut step = self.item.size as i64;
        if let [only] = &self.dimensions[..] {
            return only.len == 1 || only.step == step;
        }
        let mut stands = |d: &Dimension| {
            let fits = d.len <= 1 || d.step == step;
            step *= d.len as i64;
            fits
        };
        self.count() == 0
            || if fortran { self.dimensions.iter().all(stands) } else { self.dimensions.iter().rev().all(&mut stands) }
    }

    /// Where the items are, the last index changing fastest, or the first.
    fn places(&self, fortran: bool) -> Vec<usize> {
        let mut places = vec![self.start];
        let mut add = |d: &Dimension, inner: bool| {
            let steps = || (0..d.len as i64).map(|n| n * d.step);
            places = if inner {
                places.iter().flat_map(|place| steps().map(move |step| place + step)).collect()
            } else {
                steps().flat_map(|step| places.iter().map(move |place| place + step)).collect()
            };
        };
        self.dimensions.iter().for_each(|d| add(d, !fortran));
        places.into_iter().map(|place| place as usize).collect()
    }

    fn contents(&self, fortran: bool) -> Vec<u8> {
        let (size, start) = (self.item.size, self.start as usize);
        if self.is_contiguous(fortran) {
            return self.with(|bytes| bytes.get(start..start + self.count() * size).unwrap_or(&[]).to_vec());
        }
        let places = self.places(fortran);
        self.with(|bytes| places.iter().flat_map(|&at| bytes.get(at..at + size).unwrap_or(&[])).copied().collect())
    }

    fn items(&self) -> Vec<Value> {
        self.contents(false).chunks_exact(self.item.size).map(|bytes| self.item.unpack(bytes)).collect()
    }

    /// The items as lists in lists.
    fn nested(&self, items: &[Value], dimension: usize) -> Value {
        match self.dimensions.get(dimension) {
            None => items.first().cloned().unwrap_or_default(),
            Some(_) if dimension + 1 == self.dimensions.len() => Value::list(items.to_vec()),
            Some(d) => {
                let parts = items.chunks((items.len() / d.len.max(1)).max(1));
                Value::list(parts.map(|part| self.nested(part, dimension + 1)).collect())
            }
        }
    }

    fn item_at(&self, place: i64) -> Value {
        let place = place as usize;
        self.with(|bytes| bytes.get(place..place + self.item.size).map(|bytes| self.item.unpack(bytes)))
            .unwrap_or_default()
    }

    fn is_bytes(&self) -> bool {
        matches!(self.item.code, b'B' | b'b' | b'c')
    }
}

fn this(vm: &mut Vm, value: &Value) -> Result<Rc<MemoryView>> {
    match value.data::<Handle>() {
        Some(handle) => match &*handle.view.borrow() {
            Some(view) => Ok(view.clone()),
            None => Err(vm.value_error("operation forbidden on released memoryview object")),
        },
        None => Err(crate::builtins::types::wrong_receiver(vm, value)),
    }
}

fn made(vm: &Vm, view: MemoryView) -> Value {
    Instance::native(&vm.types.memoryview, Handle { view: RefCell::new(Some(Rc::new(view))), hash: Cell::new(None) })
}

/// A view of all the items of an array.
pub fn of_array(vm: &Vm, owner: &Value, array: &Rc<ByteArray>, item: Item) -> Value {
    let len = array.bytes.borrow().len() / item.size;
    let memory = Memory::Shared(Lock::new(array));
    let code = if item.code == b'u' { b'w' } else { item.code };
    let dimensions = vec![Dimension { len, step: item.size as i64 }];
    let format = char::from(code).to_string();
    made(vm, MemoryView { owner: owner.clone(), memory, start: 0, dimensions, item, format, readonly: false })
}

/// `memoryview(object)`.
pub(super) fn of(vm: &mut Vm, object: &Value) -> Result {
    const BYTE: Item = Item { code: b'B', size: 1, big: false };
    if object.data::<Handle>().is_some() {
        let view = this(vm, object)?;
        return Ok(made(vm, view.again()));
    }
    match object.unwrapped() {
        Value::ByteArray(array) => return Ok(of_array(vm, object, array, BYTE)),
        bytes @ Value::Bytes(contents) => {
            let dimensions = vec![Dimension { len: contents.len(), step: 1 }];
            let memory = Memory::Fixed(bytes.clone());
            let view = MemoryView {
                owner: object.clone(),
                memory,
                start: 0,
                dimensions,
                item: BYTE,
                format: "B".into(),
                readonly: true,
            };
            return Ok(made(vm, view));
        }
        _ => {}
    }
    let class = vm.class_of(object);
    let Some(method) = vm.class_lookup(&class, "__buffer__") else {
        return Err(
            vm.type_error(format!("memoryview: a bytes-like object is required, not '{}'", vm.type_name(object)))
        );
    };
    // What a plain look wants: all that the object can tell.
    let result: Value = vm.call(&method, &[object.clone(), Value::Int(284)])?;
    match result.data::<Handle>() {
        Some(_) => Ok(result),
        None => Err(vm.type_error("__buffer__ returned non-memoryview object")),
    }
}

fn release(vm: &mut Vm, args: &[Value]) -> Result {
    match args[0].data::<Handle>() {
        Some(handle) => drop(handle.view.take()),
        None => return Err(crate::builtins::types::wrong_receiver(vm, &args[0])),
    }
    Ok(Value::None)
}

fn to_bytes(vm: &mut Vm, args: &[Value]) -> Result {
    let view = this(vm, &args[0])?;
    let fortran = match args[1].as_str().map(|order| order.as_str()) {
        Some("F") => true,
        Some("A") => view.is_contiguous(true) && !view.is_contiguous(false),
        Some("C") => false,
        None if matches!(args[1], Value::None) => false,
        Some(_) => return Err(vm.value_error("order must be 'C', 'F' or 'A'")),
        None => {
            return Err(vm.type_error(format!(
                "tobytes() argument 'order' must be str or None, not {}",
                vm.type_name(&args[1])
            )));
        }
    };
    Ok(Value::bytes(view.contents(fortran)))
}

/// The item that a format of one character stands for.
fn native_item(format: &str) -> Option<Item> {
    match format.strip_prefix('@').unwrap_or(format).as_bytes() {
        [b'x' | b's' | b'p'] => None,
        [code] => Item::new(*code, true, false),
        _ => None,
    }
}

fn cast(vm: &mut Vm, args: &[Value]) -> Result {
    let view = this(vm, &args[0])?;
    let Some(format) = args[1].as_str() else {
        super::super::text_argument(vm, &args[1], "cast", "'format'")?;
        return Ok(Value::None);
    };
    let shape = match &args[2] {
        Value::Unbound => None,
        shape => match shape.unwrapped() {
            Value::List(_) | Value::Tuple(_) => Some(vm.collect(shape)?),
            _ => return Err(vm.type_error("shape must be a list or a tuple")),
        },
    };
    if !view.is_contiguous(false) {
        return Err(vm.type_error("memoryview: casts are restricted to C-contiguous views"));
    }
    match &shape {
        Some(shape) if shape.len() > 64 => {
            return Err(vm.value_error("memoryview: number of dimensions must not exceed 64"));
        }
        Some(shape) if shape.len() != 1 && view.dimensions.len() != 1 => {
            return Err(vm.type_error("memoryview: cast must be 1D -> ND or ND -> 1D"));
        }
        _ => {}
    }
    let Some(item) = native_item(format) else {
        let message =
            "memoryview: destination format must be a native single character format prefixed with an optional '@'";
        return Err(vm.value_error(message));
    };
    let mut cast = MemoryView { item, format: format.as_str().to_owned(), ..view.again() };
    if !view.is_bytes() && !cast.is_bytes() {
        return Err(vm.type_error("memoryview: cannot cast between two non-byte formats"));
    }
    let bytes = view.count() * view.item.size;
    if bytes % item.size != 0 {
        return Err(vm.type_error("memoryview: length is not a multiple of itemsize"));
    }
    let mut lens = vec![bytes / item.size];
    if let Some(shape) = shape {
        lens.clear();
        for len in &shape {
            match len.unwrapped() {
                Value::Int(n) if *n > 0 => lens.push(*n as usize),
                Value::Bool(one) if one.get() => lens.push(1),
                Value::Int(_) | Value::Bool(_) => {
                    return Err(vm.value_error("memoryview.cast(): elements of shape must be integers > 0"));
                }
                _ => return Err(vm.type_error("memoryview.cast(): elements of shape must be integers")),
            }
        }
        let product = lens.iter().try_fold(item.size, |product, len| product.checked_mul(*len));
        if product != Some(bytes) {
            return Err(vm.type_error("memoryview: product(shape) * itemsize != buffer size"));
        }
    }
    let mut step = item.size as i64;
    cast.dimensions.clear();
    for &len in lens.iter().rev() {
        cast.dimensions.insert(0, Dimension { len, step });
        step *= len as i64;
    }
    Ok(made(vm, cast))
}

/// What a key means: the view itself, one item or a slice along the first dimension.
enum Place {
    All,
    One(i64),
    Part(i64, Dimension),
}

fn place(vm: &mut Vm, view: &MemoryView, key: &Value, single: &str) -> Result<Place> {
    let zero = view.dimensions.is_empty();
    match key {
        Value::Ellipsis if zero => return Ok(Place::All),
        Value::Tuple(keys) if keys.is_empty() && zero => return Ok(Place::One(view.start)),
        _ if zero && !matches!(key, Value::Tuple(_)) => return Err(vm.type_error("invalid indexing of 0-dim memory")),
        Value::Slice(slice) => {
            let first = view.dimensions[0];
            let part = vm.slice_indices(slice, || first.len)?;
            let step = first.step.saturating_mul(part.step);
            return Ok(Place::Part(view.start + first.step * part.start, Dimension { len: part.count, step }));
        }
        Value::Tuple(keys) => {
            if !keys.is_empty() && keys.iter().all(|key| matches!(key, Value::Slice(_))) {
                return Err(vm.not_implemented("multi-dimensional slicing is not implemented"));
            }
            let mut positions = Vec::new();
            for key in keys.iter() {
                match vm.index_opt(key)? {
                    Some(n) => positions.push(n),
                    None => return Err(vm.type_error("memoryview: invalid slice key")),
                }
            }
            let dimensions = view.dimensions.len();
            if keys.len() < dimensions {
                return Err(vm.not_implemented("sub-views are not implemented"));
            }
            if keys.len() > dimensions {
                let message = format!("cannot index {dimensions}-dimension view with {}-element tuple", keys.len());
                return Err(vm.type_error(message));
            }
            return along(vm, view, &positions);
        }
        _ => {}
    }
    match vm.index_opt(key)? {
        Some(_) if view.dimensions.len() > 1 => Err(vm.not_implemented(single)),
        Some(n) => along(vm, view, &[n]),
        None => Err(vm.type_error("memoryview: invalid slice key")),
    }
}

fn along(vm: &mut Vm, view: &MemoryView, positions: &[Value]) -> Result<Place> {
    let mut at = view.start;
    for (n, (position, d)) in positions.iter().zip(&view.dimensions).enumerate() {
        let Value::Int(position) = position else {
            return Err(vm.index_error("cannot fit 'int' into an index-sized integer"));
        };
        match index(*position, d.len) {
            Some(position) => at += position as i64 * d.step,
            None => return Err(vm.index_error(format!("index out of bounds on dimension {}", n + 1))),
        }
    }
    Ok(Place::One(at))
}

fn get_item(vm: &mut Vm, args: &[Value]) -> Result {
    let view = this(vm, &args[0])?;
    let place = place(vm, &view, &args[1], "multi-dimensional sub-views are not implemented")?;
    Ok(match place {
        Place::All => args[0].clone(),
        // A position that is computed may have released it.
        Place::One(at) => this(vm, &args[0])?.item_at(at),
        Place::Part(start, first) => {
            let mut part = MemoryView { start, ..view.again() };
            part.dimensions[0] = first;
            made(vm, part)
        }
    })
}

fn set_item(vm: &mut Vm, args: &[Value]) -> Result {
    let view = this(vm, &args[0])?;
    let (Memory::Shared(lock), false) = (&view.memory, view.readonly) else {
        return Err(vm.type_error("cannot modify read-only memory"));
    };
    if matches!(args[1], Value::Slice(_)) && view.dimensions.len() > 1 {
        return Err(vm.not_implemented("memoryview slice assignments are currently restricted to ndim = 1"));
    }
    let size = view.item.size;
    let (start, dimension, new) = match place(vm, &view, &args[1], "sub-views are not implemented")? {
        Place::Part(start, dimension) => {
            if bytes_of(&args[2]).is_none() {
                return Err(vm.bytes_required(&args[2]));
            }
            let other = of(vm, &args[2])?;
            let other = this(vm, &other)?;
            if other.item != view.item || !matches!(other.dimensions[..], [d] if d.len == dimension.len) {
                let message = "memoryview assignment: lvalue and rvalue have different structures";
                return Err(vm.value_error(message));
            }
            (start, dimension, other.contents(false))
        }
        one => {
            let at = if let Place::One(at) = one { at } else { view.start };
            let mut new = Vec::new();
            view.item.pack(vm, &args[2], &mut new).map_err(|misfit| match misfit {
                Misfit::Type => vm.type_error(format!("memoryview: invalid type for format '{}'", view.format)),
                Misfit::Range => vm.value_error(format!("memoryview: invalid value for format '{}'", view.format)),
                Misfit::Error(error) => error,
            })?;
            (at, Dimension { len: 1, step: 0 }, new)
        }
    };
    this(vm, &args[0])?;
    let mut bytes = lock.0.bytes.borrow_mut();
    for (n, item) in new.chunks_exact(size).enumerate().take(dimension.len) {
        let at = (start + n as i64 * dimension.step) as usize;
        if let Some(place) = bytes.get_mut(at..at + size) {
            place.copy_from_slice(item);
        }
    }
    Ok(Value::None)
}

fn equal(vm: &mut Vm, args: &[Value]) -> Result {
    if this(vm, &args[0]).is_err() || args[1].data::<Handle>().is_some_and(|other| other.view.borrow().is_none()) {
        return Ok(Value::bool(args[0].is(&args[1])));
    }
    if bytes_of(&args[1]).is_none() {
        return Ok(Value::NotImplemented);
    }
    let (a, other) = (this(vm, &args[0])?, of(vm, &args[1])?);
    let b = this(vm, &other)?;
    if a.dimensions.iter().map(|d| d.len).ne(b.dimensions.iter().map(|d| d.len)) {
        return Ok(Value::bool(false));
    }
    if a.item == b.item && !matches!(a.item.code, b'e' | b'f' | b'd' | b'?') {
        return Ok(Value::bool(a.contents(false) == b.contents(false)));
    }
    for (x, y) in a.items().iter().zip(b.items()) {
        if !vm.equals(x, &y)? {
            return Ok(Value::bool(false));
        }
    }
    Ok(Value::bool(true))
}

fn hash(vm: &mut Vm, args: &[Value]) -> Result {
    let handle = args[0].data::<Handle>();
    if let Some(hash) = handle.and_then(|handle| handle.hash.get()) {
        return Ok(Value::Int(hash));
    }
    let view = this(vm, &args[0])?;
    if !view.readonly {
        return Err(vm.value_error("cannot hash writable memoryview object"));
    }
    if !view.is_bytes() {
        return Err(vm.value_error("memoryview: hashing is restricted to formats 'B', 'b' or 'c'"));
    }
    let hash = vm.hash(&Value::bytes(view.contents(false)))?;
    if let Some(handle) = handle {
        handle.hash.set(Some(hash));
    }
    Ok(Value::Int(hash))
}

struct Items {
    view: Value,
    at: usize,
}

impl NativeIter for Items {
    fn next(&mut self, vm: &mut Vm) -> Result<Option<Value>> {
        let view = this(vm, &self.view)?;
        match &view.dimensions[..] {
            [d] if self.at < d.len => {
                self.at += 1;
                Ok(Some(view.item_at(view.start + (self.at - 1) as i64 * d.step)))
            }
            [_] => Ok(None),
            _ => Err(vm.not_implemented("multi-dimensional sub-views are not implemented")),
        }
    }

    fn take_values(&mut self) -> Vec<Value> {
        vec![self.view.take()]
    }
}
