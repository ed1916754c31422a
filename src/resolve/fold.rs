//! What CPython computes of constants before it compiles: its warnings speak of the results.
//!
//! What would fail or grow too large is left to be run, and is no constant.

use num_bigint::{BigInt, Sign};
use num_integer::Integer;
use num_traits::{Signed, ToPrimitive, Zero};

use super::prelude::*;
use crate::syntax::ast::{BinOp, Constant, UnaryOp};

const MAX_INT_BITS: u64 = 128;
const MAX_TEXT: usize = 4096;
const MAX_ITEMS: usize = 256;

/// The value of a constant expression. Of complex numbers and texts that were computed, only what they are.
#[derive(Clone)]
pub enum Folded {
    None,
    Ellipsis,
    Bool(bool),
    Int(BigInt),
    Float(f64),
    Complex,
    Str(Rc<str>),
    Bytes(Rc<[u8]>),
    Tuple(Vec<Folded>),
}

impl Folded {
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Folded::None => "NoneType",
            Folded::Ellipsis => "ellipsis",
            Folded::Bool(_) => "bool",
            Folded::Int(_) => "int",
            Folded::Float(_) => "float",
            Folded::Complex => "complex",
            Folded::Str(_) => "str",
            Folded::Bytes(_) => "bytes",
            Folded::Tuple(_) => "tuple",
        }
    }

    fn truth(&self) -> Option<bool> {
        Some(match self {
            Folded::None => false,
            Folded::Ellipsis => true,
            Folded::Bool(value) => *value,
            Folded::Int(value) => !value.is_zero(),
            Folded::Float(value) => *value != 0.0,
            Folded::Complex => return None,
            Folded::Str(text) => !text.is_empty(),
            Folded::Bytes(bytes) => !bytes.is_empty(),
            Folded::Tuple(items) => !items.is_empty(),
        })
    }

    fn int(&self) -> Option<BigInt> {
        match self {
            Folded::Bool(value) => Some(BigInt::from(*value)),
            Folded::Int(value) => Some(value.clone()),
            _ => None,
        }
    }

    fn float(&self) -> Option<f64> {
        match self {
            Folded::Float(value) => Some(*value),
            other => other.int()?.to_f64(),
        }
    }
}

/// The value of an expression, if CPython computes it before the program runs.
pub fn fold(expr: &Expr) -> Option<Folded> {
    Some(match &expr.kind {
        ExprKind::Constant(constant) => match constant {
            Constant::None => Folded::None,
            Constant::True => Folded::Bool(true),
            Constant::False => Folded::Bool(false),
            Constant::Ellipsis => Folded::Ellipsis,
            Constant::Int(n) => Folded::Int(BigInt::from(*n)),
            Constant::BigInt(n) => Folded::Int((**n).clone()),
            Constant::Float(x) => Folded::Float(*x),
            Constant::Imaginary(_) => Folded::Complex,
            Constant::Str(text) => Folded::Str(text.clone()),
            Constant::Bytes(bytes) => Folded::Bytes(bytes.clone()),
        },
        ExprKind::Name(name) if *name == sym::__debug__ => Folded::Bool(true),
        ExprKind::Tuple(elements) => Folded::Tuple(elements.iter().map(fold).collect::<Option<_>>()?),
        ExprKind::UnaryOp { op, operand } => unary(*op, fold(operand)?)?,
        ExprKind::BinOp { first, rest } => {
            rest.iter().try_fold(fold(first)?, |left, (op, right)| binary(&left, *op, &fold(right)?))?
        }
        ExprKind::Subscript { value, index } => subscript(&fold(value)?, &fold(index)?)?,
        _ => return None,
    })
}

fn unary(op: UnaryOp, operand: Folded) -> Option<Folded> {
    Some(match (op, &operand) {
        (UnaryOp::Not, _) => Folded::Bool(!operand.truth()?),
        (UnaryOp::Invert, _) => Folded::Int(!operand.int()?),
        (UnaryOp::Neg, Folded::Float(x)) => Folded::Float(-x),
        (UnaryOp::Neg | UnaryOp::Pos, Folded::Complex | Folded::Float(_)) => operand,
        (UnaryOp::Neg, _) => Folded::Int(-operand.int()?),
        (UnaryOp::Pos, _) => Folded::Int(operand.int()?),
    })
}

fn binary(left: &Folded, op: BinOp, right: &Folded) -> Option<Folded> {
    if let (Some(a), Some(b)) = (left.int(), right.int()) {
        let both = matches!((left, right), (Folded::Bool(_), Folded::Bool(_)));
        if both && matches!(op, BinOp::BitAnd | BinOp::BitOr | BinOp::BitXor) {
            return Some(Folded::Bool(!integer(a, op, b)?.int()?.is_zero()));
        }
        return integer(a, op, b);
    }
    if let (Some(a), Some(b)) = (left.float(), right.float()) {
        let value = match op {
            BinOp::Add => a + b,
            BinOp::Sub => a - b,
            BinOp::Mul => a * b,
            BinOp::Div | BinOp::FloorDiv | BinOp::Mod if b == 0.0 => return None,
            BinOp::Div => a / b,
            BinOp::FloorDiv => (a / b).floor(),
            BinOp::Mod => a - b * (a / b).floor(),
            BinOp::Pow if a == 0.0 && b < 0.0 => return None,
            BinOp::Pow if a < 0.0 && b.fract() != 0.0 => return Some(Folded::Complex),
            BinOp::Pow => Some(a.powf(b)).filter(|value| value.is_finite())?,
            _ => return None,
        };
        return Some(Folded::Float(value));
    }
    let number = |value: &Folded| matches!(value, Folded::Complex) || value.float().is_some();
    if number(left) && number(right) {
        let divides = op == BinOp::Div && right.truth() != Some(false);
        let computed = divides || matches!(op, BinOp::Add | BinOp::Sub | BinOp::Mul | BinOp::Pow);
        return computed.then_some(Folded::Complex);
    }
    match (left, op, right) {
        (Folded::Str(a), BinOp::Add, Folded::Str(b)) => Some(Folded::Str([&**a, b].concat().into())),
        (Folded::Bytes(a), BinOp::Add, Folded::Bytes(b)) => Some(Folded::Bytes([&**a, b].concat().into())),
        (Folded::Tuple(a), BinOp::Add, Folded::Tuple(b)) => Some(Folded::Tuple([&a[..], b].concat())),
        (items, BinOp::Mul, times) if times.int().is_some() => repeated(items, times),
        (times, BinOp::Mul, items) => repeated(items, times),
        _ => None,
    }
}

fn integer(a: BigInt, op: BinOp, b: BigInt) -> Option<Folded> {
    let small = |bits: Option<u64>| bits.is_some_and(|bits| bits <= MAX_INT_BITS);
    let count = b.to_u64();
    Some(Folded::Int(match op {
        BinOp::Add => a + b,
        BinOp::Sub => a - b,
        BinOp::Mul if a.is_zero() || b.is_zero() || a.bits() + b.bits() <= MAX_INT_BITS => a * b,
        BinOp::Div if !b.is_zero() => return Some(Folded::Float(a.to_f64()? / b.to_f64()?)),
        BinOp::FloorDiv if !b.is_zero() => a.div_floor(&b),
        BinOp::Mod if !b.is_zero() => a.mod_floor(&b),
        BinOp::Pow if b.is_negative() && a.is_zero() => return None,
        BinOp::Pow if b.is_negative() => return Some(Folded::Float(a.to_f64()?.powf(b.to_f64()?))),
        BinOp::Pow if a.is_zero() || b.is_zero() || small(count.and_then(|n| a.bits().checked_mul(n))) => {
            a.pow(b.to_u32()?)
        }
        BinOp::LShift if a.is_zero() && !b.is_negative() => a,
        BinOp::LShift if small(count.and_then(|n| n.checked_add(a.bits()))) => a << count?,
        BinOp::RShift if !b.is_negative() => match count {
            Some(n) if n < a.bits() => a >> n,
            _ => BigInt::from(if a.sign() == Sign::Minus { -1 } else { 0 }),
        },
        BinOp::BitAnd => a & b,
        BinOp::BitOr => a | b,
        BinOp::BitXor => a ^ b,
        _ => return None,
    }))
}

fn repeated(items: &Folded, times: &Folded) -> Option<Folded> {
    let times = times.int()?.to_usize()?;
    let fits = |len: usize, most: usize| len == 0 || times <= most / len;
    match items {
        Folded::Str(text) if fits(text.chars().count(), MAX_TEXT) => Some(Folded::Str(text.repeat(times).into())),
        Folded::Bytes(bytes) if fits(bytes.len(), MAX_TEXT) => Some(Folded::Bytes(bytes.repeat(times).into())),
        Folded::Tuple(items) if fits(items.len(), MAX_ITEMS) => {
            Some(Folded::Tuple(vec![items.as_slice(); times].concat()))
        }
        _ => None,
    }
}

fn subscript(value: &Folded, index: &Folded) -> Option<Folded> {
    let index = index.int()?.to_i64()?;
    let place = |len: usize| usize::try_from(if index < 0 { index + len as i64 } else { index }).ok();
    match value {
        Folded::Str(text) => {
            let c = text.chars().nth(place(text.chars().count())?)?;
            Some(Folded::Str(String::from(c).into()))
        }
        Folded::Bytes(bytes) => Some(Folded::Int(BigInt::from(*bytes.get(place(bytes.len())?)?))),
        Folded::Tuple(items) => items.get(place(items.len())?).cloned(),
        _ => None,
    }
}

/// Whether `text % tuple` is compiled as an f-string: `%s`, `%r` and `%a` alone, one for each element.
pub(super) fn is_format(first: &Expr, rest: &[(BinOp, Expr)]) -> bool {
    let [(BinOp::Mod, Expr { kind: ExprKind::Tuple(elements), .. })] = rest else { return false };
    let Some(Folded::Str(text)) = fold(first) else { return false };
    let mut count = 0;
    for (i, field) in text.replace("%%", "").split('%').enumerate() {
        if i == 0 {
            continue;
        }
        let kind = field.trim_start_matches('-').trim_start_matches(|c: char| c.is_ascii_digit());
        let kind = kind.strip_prefix('.').map_or(kind, |rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
        if !kind.starts_with(['s', 'r', 'a']) {
            return false;
        }
        count += 1;
    }
    count == elements.len() && !elements.iter().any(|element| matches!(element.kind, ExprKind::Starred(_)))
}
