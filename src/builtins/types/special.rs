//! The special methods of the built-in types as attributes (`list.__len__`, `super().__getitem__`).
//!
//! Each is the operator applied to the built-in part of the instance, so that a method of a subclass that calls the one
//! it overrides never comes back to itself.

use crate::builtins::prelude::*;
use crate::machine::attr::read_only;
use crate::object::function::Getter;
use crate::syntax::ast::{BinOp, CmpOp};

/// `==` and its kin.
pub const COMPARISONS: &[Row] = &[
    method("__eq__(value, /)", eq),
    method("__ne__(value, /)", ne),
    method("__lt__(value, /)", lt),
    method("__le__(value, /)", le),
    method("__gt__(value, /)", gt),
    method("__ge__(value, /)", ge),
];

/// What sized containers with subscription have.
pub const CONTAINER: &[Row] = &[
    method("__len__()", len),
    method("__getitem__(key, /)", |vm, args| vm.get_item(args[0].unwrapped(), &args[1])),
    method("__contains__(key, /)", contains),
    method("__repr__()", repr),
];

/// What containers that can be changed have besides.
pub const MUTABLE: &[Row] = &[
    method("__setitem__(key, value, /)", |vm, args| {
        vm.set_item(args[0].unwrapped(), &args[1], args[2].clone()).map(Value::from)
    }),
    method("__delitem__(key, /)", |vm, args| vm.del_item(args[0].unwrapped(), &args[1]).map(Value::from)),
];

/// Joining and repeating.
pub const SEQUENCE: &[Row] =
    &[method("__add__(value, /)", add), method("__mul__(value, /)", mul), method("__rmul__(value, /)", mul)];

/// Joining and repeating in place.
pub const MUTABLE_SEQUENCE: &[Row] = &[
    method("__iadd__(value, /)", iadd),
    method("__imul__(value, /)", |vm, args| {
        let count = vm.index(&args[1])?;
        vm.inplace_container(BinOp::Mul, &args[0], &count)?;
        Ok(args[0].clone())
    }),
];

/// The algebra of sets.
pub const SET: &[Row] = &[
    method("__and__(value, /)", and),
    method("__rand__(value, /)", rand),
    method("__or__(value, /)", or),
    method("__ror__(value, /)", ror),
    method("__sub__(value, /)", sub),
    method("__rsub__(value, /)", rsub),
    method("__xor__(value, /)", xor),
    method("__rxor__(value, /)", rxor),
];

/// The algebra of sets in place.
pub const MUTABLE_SET: &[Row] = &[
    method("__iand__(value, /)", iand),
    method("__ior__(value, /)", ior),
    method("__isub__(value, /)", isub),
    method("__ixor__(value, /)", ixor),
];

/// Of what can be hashed by its contents.
pub const HASH: &[Row] = &[method("__hash__()", hash)];

/// Says that the instances of a class cannot be hashed.
pub fn unhashable(vm: &Vm, class: &Rc<Class>) {
    class.declare(vm.name(sym::__hash__), Value::None);
}

/// A part of a built-in object that can be read: `member_descriptor` is its class.
pub const fn member(name: &'static str, get: Getter) -> Row {
    attribute(name, get, read_only)
}

/// A start or stop of `index()` and the like; what does not fit a machine word is as far off as can be.
pub fn position(vm: &mut Vm, value: &Value) -> Result<i64> {
    match vm.index_opt(value)? {
        Some(Value::Int(n)) => Ok(n),
        Some(Value::BigInt(n)) => Ok(if n.sign() == num_bigint::Sign::Minus { i64::MIN } else { i64::MAX }),
        _ => Err(vm.type_error("slice indices must be integers or have an __index__ method")),
    }
}

/// Whether a number leaves it to another that is of a wider type, or bytes to a view, how they compare.
fn wider(this: &Value, other: &Value) -> bool {
    match this {
        Value::Int(_) | Value::BigInt(_) | Value::Bool(_) => matches!(other, Value::Float(_) | Value::Complex(_)),
        Value::Float(_) => matches!(other, Value::Complex(_)),
        Value::Bytes(_) => matches!(other, Value::ByteArray(_)),
        _ => false,
    }
}

macro_rules! comparisons {
    ($($name:ident $op:ident),*) => {
        $(
            fn $name(vm: &mut Vm, args: &[Value]) -> Result {
                let (this, other) = (args[0].unwrapped(), args[1].unwrapped());
                if wider(this, other) {
                    return Ok(Value::NotImplemented);
                }
                let found = vm.builtin_compare(CmpOp::$op, this, other)?;
                Ok(found.unwrap_or(Value::NotImplemented))
            }
        )*
    };
}

comparisons! { eq Eq, ne NotEq, lt Lt, le LtE, gt Gt, ge GtE }

fn binary(vm: &mut Vm, op: BinOp, a: &Value, b: &Value) -> Result {
    let a = a.unwrapped();
    let found = match vm.builtin_binary(op, a, b.unwrapped())? {
        None => vm.sequence_binary(op, a, b)?,
        found => found,
    };
    Ok(found.unwrap_or(Value::NotImplemented))
}

macro_rules! binaries {
    ($($name:ident $op:ident),*) => {
        $(
            pub fn $name(vm: &mut Vm, args: &[Value]) -> Result {
                binary(vm, BinOp::$op, &args[0], &args[1])
            }
        )*
    };
}

macro_rules! reflected {
    ($($name:ident $op:ident),*) => {
        $(
            pub fn $name(vm: &mut Vm, args: &[Value]) -> Result {
                binary(vm, BinOp::$op, &args[1], &args[0])
            }
        )*
    };
}

macro_rules! in_place {
    ($($name:ident $op:ident),*) => {
        $(
            pub fn $name(vm: &mut Vm, args: &[Value]) -> Result {
                let done = vm.inplace_container(BinOp::$op, &args[0], &args[1])?;
                Ok(if done { args[0].clone() } else { Value::NotImplemented })
            }
        )*
    };
}

binaries! { add Add, and BitAnd, or BitOr, sub Sub, xor BitXor, modulo Mod }
reflected! { rand BitAnd, ror BitOr, rsub Sub, rxor BitXor, rmodulo Mod }
/// `sequence.__mul__(count)` asks for the count first, in other words than `*`.
pub fn mul(vm: &mut Vm, args: &[Value]) -> Result {
    let count = vm.index(&args[1])?;
    binary(vm, BinOp::Mul, &args[0], &count)
}

in_place! { iadd Add, iand BitAnd, ior BitOr, isub Sub, ixor BitXor }

pub fn len(vm: &mut Vm, args: &[Value]) -> Result {
    vm.len(args[0].unwrapped()).map(Value::usize)
}

pub fn contains(vm: &mut Vm, args: &[Value]) -> Result {
    vm.contains(args[0].unwrapped(), &args[1]).map(Value::bool)
}

/// `__iter__` of the types whose iterators the machine makes by itself.
pub fn iter(vm: &mut Vm, args: &[Value]) -> Result {
    vm.iter_inside(&args[0])
}

pub fn repr(vm: &mut Vm, args: &[Value]) -> Result {
    vm.builtin_repr(&args[0]).map(Value::Str)
}

fn hash(vm: &mut Vm, args: &[Value]) -> Result {
    vm.hash(args[0].unwrapped()).map(Value::Int)
}

/// `list[int]`
pub fn class_getitem(vm: &mut Vm, args: &[Value]) -> Result {
    Ok(vm.generic_alias(&args[0], &args[1]))
}
