//! Operators between the built-in numbers: which of the number engines a pair of operands goes to.

use std::borrow::Cow;

use num_bigint::BigInt;
use num_traits::{Signed, Zero};

use super::prelude::*;
use crate::syntax::ast::BinOp;
use crate::text::float::{self as floats, Power};
use crate::text::int::{self as ints, Int};
use crate::text::{Fault, FaultKind, complex as complexes};

impl From<Int> for Value {
    fn from(n: Int) -> Value {
        match n {
            Int::Small(n) => Value::Int(n),
            Int::Big(n) => Value::int(n),
        }
    }
}

/// A number taken out of its value.
enum Number<'a> {
    Small(i64),
    Big(&'a BigInt),
    Float(f64),
    Complex(f64, f64),
}

fn number(value: &Value) -> Option<Number<'_>> {
    Some(match value {
        Value::Int(n) => Number::Small(*n),
        Value::Bool(b) => Number::Small(i64::from(b.get())),
        Value::BigInt(n) => Number::Big(n),
        Value::Float(x) => Number::Float(x.get()),
        Value::Complex(z) => Number::Complex(z.0, z.1),
        _ => return None,
    })
}

impl<'a> Number<'a> {
    fn is_int(&self) -> bool {
        matches!(self, Number::Small(_) | Number::Big(_))
    }

    /// How many bits the magnitude of an integer takes.
    fn bits(&self) -> Option<u64> {
        match self {
            Number::Small(n) => Some(u64::from(ints::bit_length(*n))),
            Number::Big(n) => Some(n.bits()),
            Number::Float(_) | Number::Complex(..) => None,
        }
    }

    fn into_big(self) -> Cow<'a, BigInt> {
        match self {
            Number::Small(n) => Cow::Owned(BigInt::from(n)),
            Number::Big(n) => Cow::Borrowed(n),
            // Only asked of integers.
            Number::Float(_) | Number::Complex(..) => Cow::Owned(BigInt::zero()),
        }
    }

    fn float(self) -> Result<f64, Fault> {
        match self {
            Number::Small(n) => Ok(n as f64),
            Number::Big(n) => floats::big_to_f64(n),
            Number::Float(x) | Number::Complex(x, _) => Ok(x),
        }
    }

    fn complex(self) -> Result<(f64, f64), Fault> {
        match self {
            Number::Complex(re, im) => Ok((re, im)),
            other => Ok((other.float()?, 0.0)),
        }
    }
}

type Result<T = Value, E = Error> = std::result::Result<T, E>;

/// Whether a number knows nothing of another one's type, which has to answer: `int` of `float`, `float` of `complex`.
pub fn narrower(a: &Value, b: &Value) -> bool {
    let width = |value: &Value| match value.unwrapped() {
        Value::Int(_) | Value::BigInt(_) | Value::Bool(_) => 1,
        Value::Float(_) => 2,
        Value::Complex(_) => 3,
        _ => 0,
    };
    (1..width(b)).contains(&width(a))
}

/// `a op b` for two numbers; `None` if one is no number, or there is no such operator.
pub fn binary(vm: &mut Vm, op: BinOp, a: &Value, b: &Value) -> Result<Option<Value>> {
    if let (Value::Bool(x), Value::Bool(y)) = (a, b) {
        match op {
            BinOp::BitAnd => return Ok(Some(Value::bool(x.get() & y.get()))),
            BinOp::BitOr => return Ok(Some(Value::bool(x.get() | y.get()))),
            BinOp::BitXor => return Ok(Some(Value::bool(x.get() ^ y.get()))),
            _ => {}
        }
    }
    let (Some(x), Some(y)) = (number(a), number(b)) else { return Ok(None) };
    if let Some(steps) = work(op, &x, &y) {
        vm.count_work(steps)?;
    }
    compute(op, x, y).map_err(|fault| number_error(vm, fault))
}

fn compute(op: BinOp, x: Number, y: Number) -> Result<Option<Value>, Fault> {
    match (x, y) {
        (Number::Small(x), Number::Small(y)) => match small(op, x, y) {
            Some(value) => Ok(Some(value)),
            None => big(op, &BigInt::from(x), &BigInt::from(y)),
        },
        (x, y) if !is_defined(op, &x, &y) => Ok(None),
        (x @ Number::Complex(..), y) | (x, y @ Number::Complex(..)) => complex(op, x.complex()?, y.complex()?),
        (x @ Number::Float(_), y) | (x, y @ Number::Float(_)) => float(op, x.float()?, y.float()?),
        (x, y) => big(op, &x.into_big(), &y.into_big()),
    }
}

/// How many steps an operation with large integers is worth.
fn work(op: BinOp, x: &Number, y: &Number) -> Option<u64> {
    match (op, x, y) {
        (BinOp::Pow, _, Number::Small(y)) => {
            let bits = x.bits()?.saturating_sub(1).saturating_mul(u64::try_from(*y).ok()?);
            Some(product_work(bits / 64))
        }
        (BinOp::Mul, Number::Big(x), Number::Big(y)) => Some(product_work(x.bits().max(y.bits()) / 64)),
        (BinOp::FloorDiv | BinOp::Mod | BinOp::Div, Number::Big(x), Number::Big(y)) => Some(quotient_work(x, y)),
        _ => None,
    }
}

/// The steps that a product of so many words is worth.
pub fn product_work(words: u64) -> u64 {
    words.saturating_mul(words.isqrt()) / 8
}

fn quotient_work(x: &BigInt, y: &BigInt) -> u64 {
    let (x, y) = (x.bits() / 64, y.bits() / 64);
    x.saturating_sub(y).saturating_mul(y) / 16
}

/// Whether there is such an operator for the kinds of number; asked before one is converted.
fn is_defined(op: BinOp, x: &Number, y: &Number) -> bool {
    match op {
        BinOp::Add | BinOp::Sub | BinOp::Mul | BinOp::Div | BinOp::Pow => true,
        BinOp::FloorDiv | BinOp::Mod => !matches!((x, y), (Number::Complex(..), _) | (_, Number::Complex(..))),
        BinOp::MatMul => false,
        _ => x.is_int() && y.is_int(),
    }
}

fn small(op: BinOp, x: i64, y: i64) -> Option<Value> {
    match op {
        BinOp::Add => x.checked_add(y),
        BinOp::Sub => x.checked_sub(y),
        BinOp::Mul => x.checked_mul(y),
        BinOp::FloorDiv => ints::floor_div(x, y),
        BinOp::Mod => ints::floor_mod(x, y),
        BinOp::Div => return ints::true_div(x, y).map(Value::float),
        BinOp::Pow => ints::pow(x, y),
        BinOp::LShift => ints::shl(x, y),
        BinOp::RShift => ints::shr(x, y),
        BinOp::BitAnd => Some(x & y),
        BinOp::BitOr => Some(x | y),
        BinOp::BitXor => Some(x ^ y),
        BinOp::MatMul => None,
    }
    .map(Value::Int)
}

/// A product with more bits than this is not computed.
const MAX_BITS: u64 = 1 << 33;

/// So many digits of so many bits would be more than CPython can count; fewer are too many for any memory.
const DIGITS: u128 = 1 << 61;
const DIGIT_BITS: u128 = 30;

fn big(op: BinOp, x: &BigInt, y: &BigInt) -> Result<Option<Value>, Fault> {
    let result = match op {
        BinOp::Add => Int::from(x + y),
        BinOp::Sub => Int::from(x - y),
        BinOp::Mul if x.bits() + y.bits() > MAX_BITS => return Err(Fault::memory_error("")),
        BinOp::Mul => Int::from(x * y),
        BinOp::FloorDiv => ints::big_floor_div(x, y)?,
        BinOp::Mod => ints::big_floor_mod(x, y)?,
        BinOp::Div => return ints::big_true_div(x, y).map(|x| Some(Value::float(x))),
        BinOp::Pow if y.is_negative() => return float_pow(floats::big_to_f64(x)?, floats::big_to_f64(y)?).map(Some),
        BinOp::Pow => ints::big_pow(x, y)?,
        BinOp::LShift if !x.is_zero() && *y >= BigInt::from(DIGITS * DIGIT_BITS) => {
            return Err(Fault::overflow("too many digits in integer"));
        }
        BinOp::LShift => ints::big_shl(x, y)?,
        BinOp::RShift => ints::big_shr(x, y)?,
        BinOp::BitAnd => Int::from(x & y),
        BinOp::BitOr => Int::from(x | y),
        BinOp::BitXor => Int::from(x ^ y),
        BinOp::MatMul => return Ok(None),
    };
    Ok(Some(result.into()))
}

fn float(op: BinOp, x: f64, y: f64) -> Result<Option<Value>, Fault> {
    let result = match op {
        BinOp::Add => x + y,
        BinOp::Sub => x - y,
        BinOp::Mul => x * y,
        BinOp::Div => floats::div(x, y)?,
        BinOp::FloorDiv => floats::floor_div(x, y)?,
        BinOp::Mod => floats::floor_mod(x, y)?,
        BinOp::Pow => return float_pow(x, y).map(Some),
        _ => return Ok(None),
    };
    Ok(Some(Value::float(result)))
}

fn float_pow(x: f64, y: f64) -> Result<Value, Fault> {
    if x == 0.0 && y == f64::NEG_INFINITY {
        return Ok(Value::float(f64::INFINITY));
    }
    Ok(match floats::pow(x, y)? {
        Power::Float(result) => Value::float(result),
        Power::Complex(re, im) => Value::complex(re, im),
    })
}

fn complex(op: BinOp, x: (f64, f64), y: (f64, f64)) -> Result<Option<Value>, Fault> {
    let (re, im) = match op {
        BinOp::Add => (x.0 + y.0, x.1 + y.1),
        BinOp::Sub => (x.0 - y.0, x.1 - y.1),
        BinOp::Mul => complexes::mul(x, y),
        BinOp::Div => complexes::div(x, y)?,
        BinOp::Pow => complexes::pow(x, y)?,
        _ => return Ok(None),
    };
    Ok(Some(Value::complex(re, im)))
}

/// A failure of the number engines. What the C library reports as out of range has its number as first argument.
#[cold]
fn number_error(vm: &mut Vm, fault: Fault) -> Error {
    if fault.kind == FaultKind::OverflowError && fault.message.starts_with("(34,") {
        return vm.new_error(
            vm.types.OverflowError.clone(),
            vec![Value::Int(34), Value::str("Numerical result out of range")],
        );
    }
    vm.from_fault(fault)
}

/// An integer as the nearest float.
pub fn big_to_f64(vm: &mut Vm, n: &BigInt) -> Result<f64> {
    floats::big_to_f64(n).map_err(|fault| vm.from_fault(fault))
}

/// `pow(x, y, modulus)` for integers.
pub fn pow_mod(vm: &mut Vm, x: &BigInt, y: &BigInt, modulus: &BigInt) -> Result {
    let words = modulus.bits().div_ceil(64);
    vm.count_work(words.saturating_mul(words).saturating_mul(y.bits()) / 16)?;
    ints::pow_mod(x, y, modulus).map(Value::from).map_err(|fault| vm.from_fault(fault))
}

/// `divmod(a, b)` for two numbers.
pub fn divmod(vm: &mut Vm, a: &Value, b: &Value) -> Result<Option<Value>> {
    let (Some(x), Some(y)) = (number(a), number(b)) else { return Ok(None) };
    if let (Number::Big(x), Number::Big(y)) = (&x, &y) {
        vm.count_work(quotient_work(x, y))?;
    }
    let pair = match (x, y) {
        (Number::Complex(..), _) | (_, Number::Complex(..)) => return Ok(None),
        (x @ Number::Float(_), y) | (x, y @ Number::Float(_)) => x
            .float()
            .and_then(|x| floats::divmod(x, y.float()?))
            .map(|(quotient, rest)| [Value::float(quotient), Value::float(rest)]),
        (x, y) => ints::big_divmod(&x.into_big(), &y.into_big())
            .map(|(quotient, rest)| [Value::from(quotient), Value::from(rest)]),
    };
    match pair {
        Ok(pair) => Ok(Some(Value::tuple(pair))),
        Err(fault) => Err(vm.from_fault(fault)),
    }
}

/// `-x`.
pub fn negate(value: &Value) -> Option<Value> {
    Some(match value {
        Value::Int(n) => n.checked_neg().map_or_else(|| Value::int(-BigInt::from(*n)), Value::Int),
        Value::Bool(b) => Value::Int(-i64::from(b.get())),
        Value::BigInt(n) => Value::int(-(**n).clone()),
        Value::Float(x) => Value::float(-x.get()),
        Value::Complex(z) => Value::complex(-z.0, -z.1),
        _ => return None,
    })
}

/// `~x`.
pub fn invert(value: &Value) -> Option<Value> {
    Some(match value {
        Value::Int(n) => Value::Int(!n),
        Value::Bool(b) => Value::Int(!i64::from(b.get())),
        Value::BigInt(n) => Value::int(-(**n).clone() - 1),
        _ => return None,
    })
}
