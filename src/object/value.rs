//! [`Value`]: what a name in a script is bound to. 16 bytes; numbers are inline, everything else one counted pointer.

use std::rc::Rc;

use num_bigint::BigInt;
use num_traits::ToPrimitive;

use super::code::Code;
use super::containers::{ByteArray, Bytes, IntoItems};
use super::coroutine::{Awaiter, Coroutine};
use super::exception::Traceback;
use super::frame::FrameView;
use super::function::Cell;
use super::iter::Iter;
use super::module::Module;
use super::native::NativeFunction;
use super::{
    BoundMethod, Class, Descriptor, Dict, Exception, Function, Instance, List, Range, Real, Set, Slice, Str, Truth,
    Tuple, gc,
};

/// The tag is a whole word, so that a value is copied as two words: with a byte for a tag, the compiler copies the padding
/// in odd pieces, which stalls the processor.
#[derive(Default)]
#[repr(u64)]
pub enum Value {
    /// No value: an unset local, a missing optional argument, a removed table entry. Never seen by a script.
    #[default]
    Unbound,
    None,
    NotImplemented,
    Ellipsis,
    Bool(Truth),
    Int(i64),
    Float(Real),
    /// Only for numbers outside the range of `Int`.
    BigInt(Rc<BigInt>),
    /// Real and imaginary part.
    Complex(Rc<(f64, f64)>),
    Str(Rc<Str>),
    Bytes(Rc<Bytes>),
    ByteArray(Rc<ByteArray>),
    Tuple(Rc<Tuple>),
    List(Rc<List>),
    Dict(Rc<Dict>),
    /// `set` and `frozenset`.
    Set(Rc<Set>),
    Range(Rc<Range>),
    Slice(Rc<Slice>),
    Function(Rc<Function>),
    Native(Rc<NativeFunction>),
    BoundMethod(Rc<BoundMethod>),
    /// property, classmethod, staticmethod, slot members and native attributes.
    Descriptor(Rc<Descriptor>),
    Class(Rc<Class>),
    Module(Rc<Module>),
    Cell(Rc<Cell>),
    Code(Rc<Code>),
    Frame(Rc<FrameView>),
    Traceback(Rc<Traceback>),
    /// Generators, coroutines and asynchronous generators.
    Coroutine(Rc<Coroutine>),
    /// What `asend()`, `athrow()`, `aclose()`, `__anext__()` and a coroutine's `__await__()` return.
    Awaiter(Rc<Awaiter>),
    /// The iterators of built-in types and functions.
    Iter(Rc<Iter>),
    Exception(Rc<Exception>),
    /// Instances of script classes, of native classes with identity, and of subclasses of built-in types.
    Instance(Rc<Instance>),
}

const _: () = assert!(size_of::<Value>() == 16);

impl Clone for Value {
    /// Numbers are copied in line, after one comparison each; everything else counts a reference.
    #[inline]
    fn clone(&self) -> Value {
        if let Value::Int(n) = self {
            Value::Int(*n)
        } else if let Value::Float(x) = self {
            Value::Float(*x)
        } else {
            self.clone_heap()
        }
    }
}

impl Value {
    #[inline]
    pub const fn bool(b: bool) -> Value {
        Value::Bool(Truth::new(b))
    }

    #[inline]
    pub const fn float(x: f64) -> Value {
        Value::Float(Real::new(x))
    }

    pub fn str(text: &str) -> Value {
        Value::Str(Rc::new(Str::new(text)))
    }

    pub fn string(text: String) -> Value {
        Value::Str(Rc::new(Str::new(text)))
    }

    pub fn bytes(bytes: impl AsRef<[u8]> + Into<Vec<u8>>) -> Value {
        Value::Bytes(Rc::new(Bytes::new(bytes)))
    }

    pub fn list(items: Vec<Value>) -> Value {
        Value::List(Rc::new(List::new(items)))
    }

    /// What an iterator gives next, if that is seen at once: see [`super::iter::Iter::at_once`].
    #[inline]
    pub fn next_at_once(&self) -> Option<Value> {
        match self {
            Value::Iter(iter) => iter.at_once(),
            _ => None,
        }
    }

    pub fn tuple(items: impl IntoItems) -> Value {
        Value::Tuple(Rc::new(Tuple::new(items)))
    }

    /// A slice of start, stop and step.
    pub fn slice([start, stop, step]: [Value; 3]) -> Value {
        Value::Slice(Rc::new(Slice { start, stop, step }))
    }

    pub fn dict(dict: impl Into<Rc<Dict>>) -> Value {
        Value::Dict(dict.into())
    }

    /// An integer of any size, inline if it fits.
    pub fn int(n: BigInt) -> Value {
        match n.to_i64() {
            Some(small) => Value::Int(small),
            None => Value::BigInt(Rc::new(n)),
        }
    }

    pub fn usize(n: usize) -> Value {
        Value::Int(n as i64)
    }

    pub fn complex(re: f64, im: f64) -> Value {
        Value::Complex(Rc::new((re, im)))
    }

    pub fn option(value: Option<Value>) -> Value {
        value.unwrap_or(Value::None)
    }

    #[inline]
    pub fn is_unbound(&self) -> bool {
        matches!(self, Value::Unbound)
    }

    #[inline]
    pub fn is_none(&self) -> bool {
        matches!(self, Value::None)
    }

    #[inline(never)]
    fn clone_heap(&self) -> Value {
        self.clone_in_line()
    }

    /// `clone` without a call: for short functions that would have to save registers for nothing else.
    #[inline(always)]
    pub fn clone_in_line(&self) -> Value {
        match self {
            Value::Unbound => Value::Unbound,
            Value::None => Value::None,
            Value::NotImplemented => Value::NotImplemented,
            Value::Ellipsis => Value::Ellipsis,
            Value::Bool(b) => Value::Bool(*b),
            Value::Int(n) => Value::Int(*n),
            Value::Float(x) => Value::Float(*x),
            Value::BigInt(x) => Value::BigInt(x.clone()),
            Value::Complex(x) => Value::Complex(x.clone()),
            Value::Str(x) => Value::Str(x.clone()),
            Value::Bytes(x) => Value::Bytes(x.clone()),
            Value::ByteArray(x) => Value::ByteArray(x.clone()),
            Value::Tuple(x) => Value::Tuple(x.clone()),
            Value::List(x) => Value::List(x.clone()),
            Value::Dict(x) => Value::Dict(x.clone()),
            Value::Set(x) => Value::Set(x.clone()),
            Value::Range(x) => Value::Range(x.clone()),
            Value::Slice(x) => Value::Slice(x.clone()),
            Value::Function(x) => Value::Function(x.clone()),
            Value::Native(x) => Value::Native(x.clone()),
            Value::BoundMethod(x) => Value::BoundMethod(x.clone()),
            Value::Descriptor(x) => Value::Descriptor(x.clone()),
            Value::Class(x) => Value::Class(x.clone()),
            Value::Module(x) => Value::Module(x.clone()),
            Value::Cell(x) => Value::Cell(x.clone()),
            Value::Code(x) => Value::Code(x.clone()),
            Value::Frame(x) => Value::Frame(x.clone()),
            Value::Traceback(x) => Value::Traceback(x.clone()),
            Value::Coroutine(x) => Value::Coroutine(x.clone()),
            Value::Awaiter(x) => Value::Awaiter(x.clone()),
            Value::Iter(x) => Value::Iter(x.clone()),
            Value::Exception(x) => Value::Exception(x.clone()),
            Value::Instance(x) => Value::Instance(x.clone()),
        }
    }

    /// Drops the value; numbers and singletons without a call.
    #[inline]
    pub fn discard(self) {
        if self.is_heap() {
            drop(self);
        } else {
            std::mem::forget(self);
        }
    }

    /// `Unbound` and `None` as no value.
    pub fn given(&self) -> Option<&Value> {
        match self {
            Value::Unbound | Value::None => None,
            other => Some(other),
        }
    }

    /// `Unbound` as no value.
    pub fn bound(self) -> Option<Value> {
        if self.is_unbound() { None } else { Some(self) }
    }

    #[inline]
    pub fn take(&mut self) -> Value {
        std::mem::take(self)
    }

    #[inline]
    pub fn is_heap(&self) -> bool {
        !matches!(
            self,
            Value::Unbound
                | Value::None
                | Value::NotImplemented
                | Value::Ellipsis
                | Value::Bool(_)
                | Value::Int(_)
                | Value::Float(_)
        )
    }

    /// Whether it refers to other objects, so that it can be part of a circle.
    #[inline]
    pub fn is_container(&self) -> bool {
        matches!(
            self,
            Value::Tuple(_)
                | Value::List(_)
                | Value::Dict(_)
                | Value::Set(_)
                | Value::Slice(_)
                | Value::Function(_)
                | Value::BoundMethod(_)
                | Value::Descriptor(_)
                | Value::Class(_)
                | Value::Module(_)
                | Value::Cell(_)
                | Value::Frame(_)
                | Value::Traceback(_)
                | Value::Coroutine(_)
                | Value::Awaiter(_)
                | Value::Iter(_)
                | Value::Exception(_)
                | Value::Instance(_)
        )
    }

    /// `a is b`.
    pub fn is(&self, other: &Value) -> bool {
        use Value::*;
        match (self, other) {
            (Unbound, Unbound) | (None, None) | (NotImplemented, NotImplemented) | (Ellipsis, Ellipsis) => true,
            (Bool(a), Bool(b)) => a == b,
            (Int(a), Int(b)) => a == b,
            (Float(a), Float(b)) => a.get().to_bits() == b.get().to_bits(),
            (Str(a), Str(b)) => Rc::ptr_eq(a, b) || (a.len() <= 1 && a.as_str() == b.as_str()),
            (Tuple(a), Tuple(b)) => Rc::ptr_eq(a, b) || (a.is_empty() && b.is_empty()),
            (Bytes(a), Bytes(b)) => Rc::ptr_eq(a, b) || (a.is_empty() && b.is_empty()),
            (BoundMethod(a), BoundMethod(b)) => Rc::ptr_eq(a, b),
            _ => match (self.address(), other.address()) {
                (Some(a), Some(b)) => a == b,
                _ => false,
            },
        }
    }

    /// The address of the object, for values that are counted pointers.
    pub fn address(&self) -> Option<usize> {
        self.pointer().map(|(address, _)| address)
    }

    /// How many references to the object there are, for values that are counted pointers.
    pub fn reference_count(&self) -> Option<usize> {
        self.pointer().map(|(_, count)| count)
    }

    /// Whether an object is freed with this value.
    #[inline]
    pub fn is_last(&self) -> bool {
        self.reference_count() == Some(1)
    }

    /// The address of the object and the number of references to it.
    #[inline]
    fn pointer(&self) -> Option<(usize, usize)> {
        fn of<T>(rc: &Rc<T>) -> Option<(usize, usize)> {
            Some((Rc::as_ptr(rc).cast::<u8>() as usize, Rc::strong_count(rc)))
        }
        match self {
            Value::Unbound
            | Value::None
            | Value::NotImplemented
            | Value::Ellipsis
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_) => None,
            Value::BigInt(x) => of(x),
            Value::Complex(x) => of(x),
            Value::Str(x) => of(x),
            Value::Bytes(x) => of(x),
            Value::ByteArray(x) => of(x),
            Value::Tuple(x) => of(x),
            Value::List(x) => of(x),
            Value::Dict(x) => of(x),
            Value::Set(x) => of(x),
            Value::Range(x) => of(x),
            Value::Slice(x) => of(x),
            Value::Function(x) => of(x),
            Value::Native(x) => of(x),
            Value::BoundMethod(x) => of(x),
            Value::Descriptor(x) => of(x),
            Value::Class(x) => of(x),
            Value::Module(x) => of(x),
            Value::Cell(x) => of(x),
            Value::Code(x) => of(x),
            Value::Frame(x) => of(x),
            Value::Traceback(x) => of(x),
            Value::Coroutine(x) => of(x),
            Value::Awaiter(x) => of(x),
            Value::Iter(x) => of(x),
            Value::Exception(x) => of(x),
            Value::Instance(x) => of(x),
        }
    }

    /// `id()`: the address, or a number of its own for values without one.
    pub fn id(&self) -> i64 {
        match self {
            Value::Unbound => 0,
            Value::None => 0x1_0010,
            Value::NotImplemented => 0x1_0020,
            Value::Ellipsis => 0x1_0030,
            Value::Bool(b) => 0x1_0040 + i64::from(b.get()) * 16,
            Value::Int(n) => n.wrapping_mul(32).wrapping_add(0x5000_0000) & i64::MAX,
            Value::Float(x) => (x.get().to_bits() >> 1) as i64 | 1,
            Value::Instance(x) if x.mark.is_finalized() => gc::identity(Rc::as_ptr(x).addr()) as i64,
            other => other.address().map_or(0, |a| a as i64),
        }
    }

    /// The built-in value inside: itself, or what an instance of a subclass of a built-in type wraps.
    #[inline]
    pub fn unwrapped(&self) -> &Value {
        match self {
            Value::Instance(instance) => instance.inner().unwrap_or(self),
            _ => self,
        }
    }

    /// `int` and its subclasses, `bool` among them, as a big integer.
    pub fn as_bigint(&self) -> Option<BigInt> {
        match self.unwrapped() {
            Value::Int(n) => Some(BigInt::from(*n)),
            Value::Bool(b) => Some(BigInt::from(b.get() as i64)),
            Value::BigInt(n) => Some((**n).clone()),
            _ => None,
        }
    }

    /// `int` and its subclasses, if it fits.
    pub fn as_int(&self) -> Option<i64> {
        match self.unwrapped() {
            Value::Int(n) => Some(*n),
            Value::Bool(b) => Some(i64::from(b.get())),
            _ => None,
        }
    }

    /// Whether this is an `int` of any size.
    pub fn is_int(&self) -> bool {
        matches!(self.unwrapped(), Value::Int(_) | Value::Bool(_) | Value::BigInt(_))
    }
}

macro_rules! kinds {
    ($($as_kind:ident $kind:ident;)*) => {
        /// The built-in value inside, if it is of a certain type; of instances of subclasses as well.
        impl Value {
            $(
                pub fn $as_kind(&self) -> Option<&Rc<$kind>> {
                    if let Value::$kind(inner) = self.unwrapped() { Some(inner) } else { None }
                }
            )*
        }
    };
}

kinds! {
    as_str Str;
    as_list List;
    as_tuple Tuple;
    as_dict Dict;
    as_set Set;
    as_range Range;
    as_slice Slice;
    as_class Class;
    as_coroutine Coroutine;
    as_awaiter Awaiter;
    as_exception Exception;
}

macro_rules! conversions {
    ($($from:ty, $into:expr;)*) => {
        $(
            impl From<$from> for Value {
                fn from(value: $from) -> Value {
                    $into(value)
                }
            }
        )*
    };
}

conversions! {
    (), |()| Value::None;
    bool, Value::bool;
    i64, Value::Int;
    f64, Value::float;
    &str, Value::str;
    String, Value::string;
    Rc<Str>, Value::Str;
    Rc<Class>, Value::Class;
    Rc<Dict>, Value::Dict;
}
