//! What is known before the program runs: constants, and what CPython makes of several of them when it compiles.

use super::prelude::*;
use crate::resolve;
use crate::syntax::ast::{CmpOp, UnaryOp};

impl Lower<'_> {
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

    /// What `in` looks into: a display of constants is made once, as nobody can tell.
    pub(super) fn container(&mut self, op: CmpOp, e: Expr) -> Operand {
        let constant = match &e.kind {
            ExprKind::Set(items) => self.all_folded(items).and_then(|items| self.vm.new_set(items, true).ok()),
            ExprKind::List(items) => self.all_folded(items).map(Value::tuple),
            _ => None,
        };
        match constant {
            Some(constant) if matches!(op, CmpOp::In | CmpOp::NotIn) => Operand::Constant(constant),
            _ => self.operand(e),
        }
    }
}
