//! What is known before the program runs: constants, and what CPython makes of several of them when it compiles.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use num_bigint::BigInt;

use super::prelude::*;
use crate::object::Set;
use crate::resolve;
use crate::syntax::ast::{CmpOp, UnaryOp};

/// The constants of a text that are objects.
pub(super) type Constants = HashMap<Key, Value>;

/// What tells constants apart: 1, 1.0 and True are equal, but not the same.
#[derive(PartialEq, Eq, Hash)]
pub(super) enum Key {
    Inline(std::mem::Discriminant<Value>, u64),
    Text(String),
    Bytes(Vec<u8>),
    Int(BigInt),
    Complex(u64, u64),
    Tuple(Vec<Key>),
    /// Of a set, in the order of their hashes.
    Set(Vec<Key>),
}

impl Key {
    fn of(value: &Value) -> Option<Key> {
        let inline = |payload| Some(Key::Inline(std::mem::discriminant(value), payload));
        match value {
            Value::None | Value::Ellipsis => inline(0),
            Value::Bool(b) => inline(b.get().into()),
            Value::Int(n) => inline(*n as u64),
            Value::Float(x) => inline(x.get().to_bits()),
            Value::BigInt(n) => Some(Key::Int((**n).clone())),
            Value::Complex(z) => Some(Key::Complex(z.0.to_bits(), z.1.to_bits())),
            Value::Str(text) => Some(Key::Text(text.to_string())),
            Value::Bytes(bytes) => Some(Key::Bytes(bytes.to_vec())),
            Value::Tuple(items) => items.iter().map(Key::of).collect::<Option<_>>().map(Key::Tuple),
            Value::Set(set) => {
                let mut keys: Vec<Key> = set.values().iter().map(Key::of).collect::<Option<_>>()?;
                keys.sort_by_cached_key(|key| BuildHasherDefault::<DefaultHasher>::default().hash_one(key));
                Some(Key::Set(keys))
            }
            _ => None,
        }
    }
}

impl Lower<'_> {
    /// A constant, or the one of the same text that is equal to it.
    fn merged(&mut self, value: Value) -> Value {
        let is_merged = match &value {
            Value::Str(text) => !text.is_interned() && text.len() > 1,
            value => value.address().is_some(),
        };
        match is_merged.then(|| Key::of(&value)).flatten() {
            Some(key) => self.constants.entry(key).or_insert(value).clone(),
            None => value,
        }
    }

    pub(super) fn constant(&mut self, constant: &Constant) -> Value {
        match constant {
            Constant::None => Value::None,
            Constant::True => Value::bool(true),
            Constant::False => Value::bool(false),
            Constant::Ellipsis => Value::Ellipsis,
            Constant::Int(n) => Value::Int(*n),
            Constant::BigInt(n) => Value::BigInt(n.clone()),
            Constant::Float(x) => Value::float(*x),
            Constant::Imaginary(x) => Value::complex(0.0, *x),
            Constant::Str(text) => {
                // One character is the same object wherever it comes from.
                if let [byte @ 0..128] = text.as_bytes() {
                    return self.vm.char_value(char::from(*byte));
                }
                // Texts that could be names are shared with the name table: attribute and key lookups compare pointers.
                if text.len() <= 24 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                    return Value::Str(self.vm.intern(text));
                }
                Value::str(text)
            }
            Constant::Bytes(bytes) => Value::bytes(&**bytes),
        }
    }

    /// The value of an expression that CPython computes when it compiles it.
    pub(super) fn folded(&mut self, e: &Expr) -> Option<Value> {
        self.fold(e).map(|value| self.merged(value))
    }

    fn fold(&mut self, e: &Expr) -> Option<Value> {
        match &e.kind {
            ExprKind::Constant(constant) => Some(self.constant(constant)),
            ExprKind::Tuple(items) => self.all_folded(items).map(Value::tuple),
            // Inverting a bool is warned of where it is done.
            ExprKind::UnaryOp { op: op @ (UnaryOp::Neg | UnaryOp::Pos), operand } => {
                let operand = self.folded(operand)?;
                self.vm.unary(*op, &operand).ok()
            }
            ExprKind::BinOp { first, rest } => {
                resolve::fold(e)?;
                let first = self.folded(first)?;
                rest.iter().try_fold(first, |left, (op, right)| {
                    let right = self.folded(right)?;
                    self.vm.binary(*op, &left, &right).ok()
                })
            }
            _ => None,
        }
    }

    fn all_folded(&mut self, items: &[Expr]) -> Option<Vec<Value>> {
        items.iter().map(|item| self.folded(item)).collect()
    }

    /// A set of constants: one for all displays of the text that have the same elements, in whatever order.
    pub(super) fn constant_set(&mut self, items: &[Expr]) -> Option<Rc<Set>> {
        let items = self.all_folded(items)?;
        let set = self.vm.constant_set(items).ok()?;
        match self.merged(Value::Set(set)) {
            Value::Set(set) => Some(set),
            _ => None,
        }
    }

    /// What `in` looks into: a display of constants is made once, as nobody can tell.
    pub(super) fn container(&mut self, op: CmpOp, e: Expr) -> Operand {
        let constant = match &e.kind {
            ExprKind::Set(items) => self.constant_set(items).map(Value::Set),
            ExprKind::List(items) => self.all_folded(items).map(Value::tuple),
            _ => None,
        };
        match constant {
            Some(constant) if matches!(op, CmpOp::In | CmpOp::NotIn) => Operand::Constant(constant),
            _ => self.operand(e),
        }
    }
}
