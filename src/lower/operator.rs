//! Arithmetic and comparison: closures specialised on the operation and on the shape of the operands.

use super::call::noted_for;
use super::prelude::*;
use crate::machine::ops;
use crate::object::code::Cond;
use crate::syntax::ast::{BinOp, CmpOp};

/// A longer chain of operators is one closure with a loop instead of nested ones.
const NESTED: usize = 12;

/// An expression of two operands.
pub(super) type Pair<R> = Box<dyn Fn(&mut Vm, &mut Frame) -> Eval<R>>;

/// What is made of two operands.
trait Operation<R>: 'static {
    fn of(&self, vm: &mut Vm, frame: &Frame, left: &Value, right: &Value) -> Eval<R>;

    /// The same where the left one has just been computed.
    #[inline(always)]
    fn of_computed(&self, vm: &mut Vm, frame: &Frame, left: Value, right: &Value) -> Eval<R> {
        let result = self.of(vm, frame, &left, right);
        left.discard();
        result
    }
}

impl<R, F: Fn(&mut Vm, &Frame, &Value, &Value) -> Eval<R> + 'static> Operation<R> for F {
    #[inline(always)]
    fn of(&self, vm: &mut Vm, frame: &Frame, left: &Value, right: &Value) -> Eval<R> {
        self(vm, frame, left, right)
    }
}

/// An operator: `quick` answers for numbers, all else is done out of line.
struct Arithmetic<Q> {
    op: BinOp,
    quick: Q,
    span: Span,
}

impl<Q: Fn(&Value, &Value) -> Option<Value> + 'static> Operation<Value> for Arithmetic<Q> {
    #[inline(always)]
    fn of(&self, vm: &mut Vm, frame: &Frame, left: &Value, right: &Value) -> Eval {
        match (self.quick)(left, right) {
            Some(result) => Ok(result),
            None => operate(vm, frame, self.op, left, right, self.span),
        }
    }

    #[inline(always)]
    fn of_computed(&self, vm: &mut Vm, frame: &Frame, left: Value, right: &Value) -> Eval {
        match (self.quick)(&left, right) {
            Some(result) => {
                left.discard();
                Ok(result)
            }
            None => join_or_operate(vm, frame, self.op, left, right, self.span),
        }
    }
}

impl Lower<'_> {
    pub(super) fn bin_op(&mut self, first: Expr, rest: Vec<(BinOp, Expr)>) -> Thunk {
        let start = self.source.in_parentheses(first.span);
        let mut left = self.operand(first);
        if rest.len() > NESTED {
            let first = Self::operand_thunk(left);
            let rest: Vec<(BinOp, Thunk, Span)> = rest
                .into_iter()
                .map(|(op, e)| {
                    let span = start.to(self.source.in_parentheses(e.span));
                    (op, self.expr(e), span)
                })
                .collect();
            return Box::new(move |vm, frame| {
                let mut left = first(vm, frame)?;
                for (op, right, span) in &rest {
                    let right = right(vm, frame)?;
                    left = inplace_or_binary(vm, frame, *op, left, &right, *span)?;
                }
                Ok(left)
            });
        }
        for (op, right) in rest {
            let span = start.to(self.source.in_parentheses(right.span));
            let right = self.operand(right);
            left = Operand::Thunk(self.binary(op, left, right, span));
        }
        Self::operand_thunk(left)
    }

    fn binary(&mut self, op: BinOp, left: Operand, right: Operand, span: Span) -> Thunk {
        match op {
            BinOp::Add => self.arithmetic(left, right, span, op, |a, b| ops::quick(BinOp::Add, a, b)),
            BinOp::Sub => self.arithmetic(left, right, span, op, |a, b| ops::quick(BinOp::Sub, a, b)),
            BinOp::Mul => self.arithmetic(left, right, span, op, |a, b| ops::quick(BinOp::Mul, a, b)),
            BinOp::Div => self.arithmetic(left, right, span, op, |a, b| ops::quick(BinOp::Div, a, b)),
            BinOp::FloorDiv => self.arithmetic(left, right, span, op, |a, b| ops::quick(BinOp::FloorDiv, a, b)),
            BinOp::Mod => self.arithmetic(left, right, span, op, |a, b| ops::quick(BinOp::Mod, a, b)),
            op => self.arithmetic(left, right, span, op, move |a, b| ops::quick(op, a, b)),
        }
    }

    fn arithmetic<Q>(&mut self, left: Operand, right: Operand, span: Span, op: BinOp, quick: Q) -> Thunk
    where
        Q: Fn(&Value, &Value) -> Option<Value> + 'static,
    {
        self.operation(left, right, Arithmetic { op, quick, span })
    }

    /// What a closure makes of two operands.
    pub(super) fn pair<R: 'static, F>(&mut self, left: Operand, right: Operand, op: F) -> Pair<R>
    where
        F: Fn(&mut Vm, &Frame, &Value, &Value) -> Eval<R> + 'static,
    {
        self.operation(left, right, op)
    }

    /// One operation on two operands in the shapes that programs are made of.
    fn operation<R: 'static>(&mut self, left: Operand, right: Operand, op: impl Operation<R>) -> Pair<R> {
        match (left, right) {
            (Operand::Local(a), Operand::Constant(b)) => Box::new(move |vm, frame| {
                let left = a.get(vm, frame)?;
                op.of(vm, frame, left, &b)
            }),
            (Operand::Local(a), Operand::Local(b)) => Box::new(move |vm, frame| {
                let (left, right) = (a.get(vm, frame)?, b.get(vm, frame)?);
                op.of(vm, frame, left, right)
            }),
            (Operand::Local(a), Operand::Global(b)) => Box::new(move |vm, frame| {
                a.get(vm, frame)?;
                let right = b.value(vm, frame)?;
                let result = op.of(vm, frame, &frame.locals[a.slot], &right);
                right.discard();
                result
            }),
            (Operand::Local(a), Operand::Attribute(b)) => Box::new(move |vm, frame| {
                a.get(vm, frame)?;
                let right = b.value(vm, frame)?;
                let result = op.of(vm, frame, &frame.locals[a.slot], &right);
                right.discard();
                result
            }),
            (Operand::Thunk(a), Operand::Constant(b)) => Box::new(move |vm, frame| {
                let left = a(vm, frame)?;
                op.of_computed(vm, frame, left, &b)
            }),
            (Operand::Thunk(a), Operand::Local(b)) => Box::new(move |vm, frame| {
                let left = a(vm, frame)?;
                let right = b.get(vm, frame)?;
                op.of_computed(vm, frame, left, right)
            }),
            (Operand::Attribute(a), Operand::Constant(b)) => Box::new(move |vm, frame| {
                let left = a.value(vm, frame)?;
                op.of_computed(vm, frame, left, &b)
            }),
            (Operand::Attribute(a), Operand::Attribute(b)) => Box::new(move |vm, frame| {
                let left = a.value(vm, frame)?;
                let right = b.value(vm, frame)?;
                let result = op.of_computed(vm, frame, left, &right);
                right.discard();
                result
            }),
            (Operand::Attribute(a), Operand::Thunk(b)) => Box::new(move |vm, frame| {
                let left = a.value(vm, frame)?;
                let right = b(vm, frame)?;
                let result = op.of_computed(vm, frame, left, &right);
                right.discard();
                result
            }),
            (Operand::Thunk(a), Operand::Thunk(b)) => Box::new(move |vm, frame| {
                let left = a(vm, frame)?;
                let right = b(vm, frame)?;
                let result = op.of_computed(vm, frame, left, &right);
                right.discard();
                result
            }),
            (left, right) => Box::new(move |vm, frame| {
                let left = left.value(vm, frame)?;
                let right = right.value(vm, frame)?;
                let result = op.of_computed(vm, frame, left, &right);
                right.discard();
                result
            }),
        }
    }

    /// A single comparison whose truth alone is wanted.
    pub(super) fn compare_cond(&mut self, left: Expr, op: CmpOp, right: Expr, span: Span) -> Cond {
        let left = self.operand(left);
        let right = self.container(op, right);
        match op {
            CmpOp::Is | CmpOp::IsNot => {
                let want = op == CmpOp::Is;
                match (left, right) {
                    (Operand::Local(a), Operand::Constant(Value::None)) => {
                        Box::new(move |vm, frame| Ok(a.get(vm, frame)?.is_none() == want))
                    }
                    (Operand::Thunk(a), Operand::Constant(Value::None)) => Box::new(move |vm, frame| {
                        let left = a(vm, frame)?;
                        let found = left.is_none();
                        left.discard();
                        Ok(found == want)
                    }),
                    (left, right) => self.pair(left, right, move |_, _, left, right| Ok(left.is(right) == want)),
                }
            }
            CmpOp::Lt => self.ordering(left, right, span, CmpOp::Lt, |a, b| a < b, |a, b| a < b),
            CmpOp::LtE => self.ordering(left, right, span, CmpOp::LtE, |a, b| a <= b, |a, b| a <= b),
            CmpOp::Gt => self.ordering(left, right, span, CmpOp::Gt, |a, b| a > b, |a, b| a > b),
            CmpOp::GtE => self.ordering(left, right, span, CmpOp::GtE, |a, b| a >= b, |a, b| a >= b),
            CmpOp::Eq => self.ordering(left, right, span, CmpOp::Eq, |a, b| a == b, |a, b| a == b),
            CmpOp::NotEq => self.ordering(left, right, span, CmpOp::NotEq, |a, b| a != b, |a, b| a != b),
            CmpOp::In | CmpOp::NotIn => {
                let want = op == CmpOp::In;
                self.pair(left, right, move |vm, frame, left, right| match Vm::contains_at_once(right, left) {
                    Some(found) => Ok(found == want),
                    None => Ok(noted_for(vm, frame, span, &[left, right], |vm| vm.contains(right, left))? == want),
                })
            }
        }
    }

    fn ordering<I, X>(&mut self, left: Operand, right: Operand, span: Span, op: CmpOp, ints: I, floats: X) -> Cond
    where
        I: Fn(i64, i64) -> bool + Copy + 'static,
        X: Fn(f64, f64) -> bool + Copy + 'static,
    {
        let general = move |vm: &mut Vm, frame: &Frame, left: &Value, right: &Value| match (left, right) {
            (Value::Int(a), Value::Int(b)) => Ok(ints(*a, *b)),
            (Value::Float(a), Value::Float(b)) => Ok(floats(a.get(), b.get())),
            _ => compare(vm, frame, op, left, right, span),
        };
        match (left, right) {
            (Operand::Local(a), Operand::Constant(Value::Int(n))) => {
                Box::new(move |vm, frame| match &frame.locals[a.slot] {
                    Value::Int(x) => Ok(ints(*x, n)),
                    _ => {
                        let left = a.get(vm, frame)?;
                        general(vm, frame, left, &Value::Int(n))
                    }
                })
            }
            (Operand::Local(a), Operand::Local(b)) => Box::new(move |vm, frame| {
                if let (Value::Int(x), Value::Int(y)) = (&frame.locals[a.slot], &frame.locals[b.slot]) {
                    return Ok(ints(*x, *y));
                }
                let (left, right) = (a.get(vm, frame)?, b.get(vm, frame)?);
                general(vm, frame, left, right)
            }),
            (left, right) => self.pair(left, right, general),
        }
    }
}

#[inline(never)]
fn operate(vm: &mut Vm, frame: &Frame, op: BinOp, left: &Value, right: &Value, span: Span) -> Eval {
    noted_for(vm, frame, span, &[left, right], |vm| vm.binary_general(op, left, right))
}

#[inline(never)]
fn compare(vm: &mut Vm, frame: &Frame, op: CmpOp, left: &Value, right: &Value, span: Span) -> Eval<bool> {
    noted_for(vm, frame, span, &[left, right], |vm| vm.compare_truth(op, left, right))
}

/// `left op right` where `left` is a temporary: a list or a short string that nobody else holds grows in place.
#[inline(never)]
fn join_or_operate(vm: &mut Vm, frame: &Frame, op: BinOp, mut left: Value, right: &Value, span: Span) -> Eval {
    if op == BinOp::Add && vm.grows_at_once(&mut left, right) {
        return Ok(left);
    }
    operate(vm, frame, op, &left, right, span)
}

/// `left op right` where `left` is a temporary that others may be added to: a string that nobody else holds grows in place.
pub(super) fn inplace_or_binary(vm: &mut Vm, frame: &Frame, op: BinOp, left: Value, right: &Value, span: Span) -> Eval {
    match &left {
        Value::Str(text) if op == BinOp::Add && Rc::strong_count(text) == 1 => vm.inplace(op, left, right).at(span),
        _ => noted_for(vm, frame, span, &[&left, right], |vm| vm.binary(op, &left, right)),
    }
}
