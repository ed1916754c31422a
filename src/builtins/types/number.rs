//! The operators of `int`, `float` and `complex` as methods (`int.__add__`, `float.__rsub__`, ...).
//!
//! Each asks the number engines about the built-in part of the instance, never a method of its class: a subclass's
//! method that calls the one it overrides does not come back to itself.

use std::marker::PhantomData;

use super::{text_argument, wrong_receiver};
use crate::builtins::prelude::*;
use crate::syntax::ast::{BinOp, UnaryOp};

/// A built-in number type.
pub trait Kind {
    const NAME: &'static str;
    /// Whether a value is of the type.
    fn is(value: &Value) -> bool;
    /// Whether a value can stand on the other side of an operator.
    fn takes(value: &Value) -> bool;
}

/// The tables of methods for a number type.
pub struct Operators<K>(PhantomData<K>);

const OPERATORS: [BinOp; 12] = [
    BinOp::Add,
    BinOp::Sub,
    BinOp::Mul,
    BinOp::Div,
    BinOp::FloorDiv,
    BinOp::Mod,
    BinOp::Pow,
    BinOp::LShift,
    BinOp::RShift,
    BinOp::BitAnd,
    BinOp::BitXor,
    BinOp::BitOr,
];

/// The row of a method that asks something of the number alone.
macro_rules! of_number {
    ($signature:literal, |$vm:ident, $this:ident| $answer:expr) => {
        method($signature, |$vm, args| {
            let $this = receiver::<K>($vm, &args[0])?;
            $answer
        })
    };
}

impl<K: Kind> Operators<K> {
    /// What every number has.
    pub const ARITHMETIC: &'static [Row] = &[
        method("__add__(value, /)", binary::<K, 0>),
        method("__radd__(value, /)", reflected::<K, 0>),
        method("__sub__(value, /)", binary::<K, 1>),
        method("__rsub__(value, /)", reflected::<K, 1>),
        method("__mul__(value, /)", binary::<K, 2>),
        method("__rmul__(value, /)", reflected::<K, 2>),
        method("__truediv__(value, /)", binary::<K, 3>),
        method("__rtruediv__(value, /)", reflected::<K, 3>),
        method("__pow__(value, mod=None, /)", power::<K, false>),
        method("__rpow__(value, mod=None, /)", power::<K, true>),
        of_number!("__neg__()", |vm, this| vm.unary(UnaryOp::Neg, this)),
        of_number!("__pos__()", |vm, this| vm.unary(UnaryOp::Pos, this)),
        of_number!("__abs__()", |vm, this| Ok(abs(vm, this)?.unwrap_or(Value::NotImplemented))),
        of_number!("__bool__()", |vm, this| vm.truth(this).map(Value::bool)),
        of_number!("__hash__()", |vm, this| vm.hash(this).map(Value::Int)),
        of_number!("__repr__()", |vm, this| vm.repr(this).map(Value::Str)),
    ];

    /// What real numbers have besides.
    pub const REAL: &'static [Row] = &[
        method("__floordiv__(value, /)", binary::<K, 4>),
        method("__rfloordiv__(value, /)", reflected::<K, 4>),
        method("__mod__(value, /)", binary::<K, 5>),
        method("__rmod__(value, /)", reflected::<K, 5>),
        method("__divmod__(value, /)", divmod::<K, false>),
        method("__rdivmod__(value, /)", divmod::<K, true>),
    ];

    /// What integers have besides.
    pub const BITWISE: &'static [Row] = &[
        method("__lshift__(value, /)", binary::<K, 7>),
        method("__rlshift__(value, /)", reflected::<K, 7>),
        method("__rshift__(value, /)", binary::<K, 8>),
        method("__rrshift__(value, /)", reflected::<K, 8>),
        method("__and__(value, /)", binary::<K, 9>),
        method("__rand__(value, /)", reflected::<K, 9>),
        method("__xor__(value, /)", binary::<K, 10>),
        method("__rxor__(value, /)", reflected::<K, 10>),
        method("__or__(value, /)", binary::<K, 11>),
        method("__ror__(value, /)", reflected::<K, 11>),
        of_number!("__invert__()", |vm, this| vm.unary(UnaryOp::Invert, this)),
    ];
}

/// The number inside the instance that a method was called on.
pub fn receiver<'a, K: Kind>(vm: &mut Vm, value: &'a Value) -> Result<&'a Value> {
    let inner = value.unwrapped();
    if K::is(inner) { Ok(inner) } else { Err(wrong_receiver(vm, value)) }
}

fn binary<K: Kind, const AT: usize>(vm: &mut Vm, args: &[Value]) -> Result {
    let op = OPERATORS[AT];
    let this = receiver::<K>(vm, &args[0])?;
    let other = args[1].unwrapped();
    if !K::takes(other) {
        return Ok(Value::NotImplemented);
    }
    if let (Value::Bool(b), "int") = (this, K::NAME) {
        // `int.__and__(True, False)` is a number.
        return Ok(vm.builtin_binary(op, &Value::Int(i64::from(b.get())), other)?.unwrap_or(Value::NotImplemented));
    }
    Ok(vm.builtin_binary(op, this, other)?.unwrap_or(Value::NotImplemented))
}

fn reflected<K: Kind, const AT: usize>(vm: &mut Vm, args: &[Value]) -> Result {
    let op = OPERATORS[AT];
    let this = receiver::<K>(vm, &args[0])?;
    let other = args[1].unwrapped();
    if !K::takes(other) {
        return Ok(Value::NotImplemented);
    }
    Ok(vm.builtin_binary(op, other, this)?.unwrap_or(Value::NotImplemented))
}

fn power<K: Kind, const REFLECTED: bool>(vm: &mut Vm, args: &[Value]) -> Result {
    if args[2].given().is_none() {
        return if REFLECTED { reflected::<K, 6>(vm, args) } else { binary::<K, 6>(vm, args) };
    }
    let this = receiver::<K>(vm, &args[0])?;
    let (other, modulus) = (args[1].unwrapped(), args[2].unwrapped());
    if K::NAME == "float" {
        return Err(vm.type_error("pow() 3rd argument not allowed unless all arguments are integers"));
    }
    if !K::takes(other) || !K::takes(modulus) {
        return Ok(Value::NotImplemented);
    }
    if REFLECTED { vm.power(other, this, modulus) } else { vm.power(this, other, modulus) }
}

fn divmod<K: Kind, const REFLECTED: bool>(vm: &mut Vm, args: &[Value]) -> Result {
    let (this, other) = (receiver::<K>(vm, &args[0])?, args[1].unwrapped());
    match K::takes(other) {
        false => Ok(Value::NotImplemented),
        true if REFLECTED => vm.divmod(other, this),
        true => vm.divmod(this, other),
    }
}

/// The absolute value of a built-in number; `None` for other values.
pub fn abs(vm: &mut Vm, value: &Value) -> Result<Option<Value>> {
    Ok(Some(match value {
        Value::Int(n) if *n >= 0 => Value::Int(*n),
        Value::Int(_) => vm.unary(UnaryOp::Neg, value)?,
        Value::Bool(b) => Value::Int(i64::from(b.get())),
        Value::BigInt(n) => Value::int(num_traits::Signed::abs(&**n)),
        Value::Float(x) => Value::float(x.get().abs()),
        Value::Complex(z) => match crate::text::complex::abs(**z) {
            Ok(size) => Value::float(size),
            Err(fault) => return Err(vm.from_fault(fault)),
        },
        _ => return Ok(None),
    }))
}

/// `__format__` of a type that has a language of its own for it.
pub fn format(vm: &mut Vm, args: &[Value]) -> Result {
    let spec = text_argument(vm, &args[1], "__format__", "")?.clone();
    let text = if spec.is_empty() { vm.str(&args[0])? } else { vm.format(args[0].unwrapped(), spec.as_str())? };
    Ok(Value::Str(text))
}
