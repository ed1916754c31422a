//! Splitting expressions at `await` and `yield`.
//!
//! A frame can be suspended only between steps, so an expression that contains a suspension becomes several steps: what
//! is evaluated before the suspension is kept in hidden slots, and what is left refers to them ([`ExprKind::Temp`]).

use super::call::noted_for;
use super::prelude::*;
use crate::syntax::ast::{BinOp, BoolOp, FStringField, FStringPart};
use crate::syntax::visit::{fields_mut, operands_mut};

impl Lower<'_> {
    /// `yield value`; what is sent in goes to a slot or [`NOWHERE`].
    pub(super) fn emit_yield(&mut self, value: Option<Box<Expr>>, slot: Slot, span: Span) {
        let value = match value {
            Some(value) => {
                let value = self.hoist(*value);
                self.expr(value)
            }
            None => Self::constant_thunk(Value::None),
        };
        let step = match self.unit.kind {
            CodeKind::AsyncGenerator => Step::AsyncYield(value, slot),
            _ => Step::Yield(value, slot),
        };
        self.emit(step, span);
    }

    /// Emits the steps of whatever suspends inside an expression; what is returned does not suspend.
    pub(super) fn hoist(&mut self, e: Expr) -> Expr {
        if !e.suspends {
            return e;
        }
        let span = e.span;
        let kind = match e.kind {
            ExprKind::Await(inner) => {
                let slot = self.awaited_to_temp(*inner, span);
                self.emit(Step::Await(slot), span);
                ExprKind::Temp(slot)
            }
            ExprKind::Yield(value) => {
                let slot = self.temp();
                self.emit_yield(value, slot, span);
                ExprKind::Temp(slot)
            }
            ExprKind::YieldFrom(inner) => {
                let slot = self.value_to_temp(*inner);
                self.emit(Step::YieldFrom(slot), span);
                ExprKind::Temp(slot)
            }
            ExprKind::BoolOp { op, values } => self.hoist_bool_op(op, values, span),
            ExprKind::IfExp { test, body, orelse } => {
                let result = self.temp();
                let test_span = test.span;
                let test = self.hoist(*test);
                let test = self.cond(test);
                let skip = self.emit(Step::JumpIfNot(test, 0), test_span);
                self.value_into(*body, result);
                let done = self.emit(Step::Jump(0), span);
                self.patch(skip);
                self.value_into(*orelse, result);
                self.patch(done);
                ExprKind::Temp(result)
            }
            ExprKind::Compare { first, rest } => {
                if rest.len() == 1 {
                    let (ops, mut parts): (Vec<_>, Vec<_>) = rest.into_iter().unzip();
                    parts.insert(0, *first);
                    let mut parts = self.hoist_all(parts).into_iter();
                    match parts.next() {
                        Some(first) => {
                            ExprKind::Compare { first: Box::new(first), rest: ops.into_iter().zip(parts).collect() }
                        }
                        None => ExprKind::Temp(0),
                    }
                } else {
                    self.hoist_compare(*first, rest, span)
                }
            }
            kind @ (ExprKind::ListComp(_) | ExprKind::SetComp(_) | ExprKind::DictComp(_)) => {
                ExprKind::Temp(self.stepped_comp(kind, span))
            }
            mut kind => {
                if let ExprKind::Call { args, .. } = &mut kind {
                    *args = super::call::in_order(std::mem::take(args));
                }
                self.hoist_children(&mut kind, span);
                match kind {
                    ExprKind::Call { func, args } if self.unit.green => self.green_call(*func, args, span),
                    kind => kind,
                }
            }
        };
        Expr { kind, span, suspends: false }
    }

    fn hoist_bool_op(&mut self, op: BoolOp, values: Vec<Expr>, span: Span) -> ExprKind {
        let result = self.temp();
        let mut done = Vec::new();
        let count = values.len();
        for (at, value) in values.into_iter().enumerate() {
            self.value_into(value, result);
            if at + 1 < count {
                let slot = result as usize;
                let stop = op == BoolOp::Or;
                let cond = Box::new(move |vm: &mut crate::machine::Vm, frame: &mut crate::object::frame::Frame| {
                    let value = frame.locals[slot].clone();
                    Ok(super::expr::truth(vm, frame, &value, span)? == stop)
                });
                done.push(self.emit(Step::JumpIf(cond, 0), span));
            }
        }
        for jump in done {
            self.patch(jump);
        }
        ExprKind::Temp(result)
    }

    fn hoist_compare(&mut self, first: Expr, rest: Vec<(crate::syntax::ast::CmpOp, Expr)>, span: Span) -> ExprKind {
        let result = self.temp();
        let (left, right) = (self.temp(), self.temp());
        self.value_into(first, left);
        let mut done = Vec::new();
        let count = rest.len();
        for (at, (op, operand)) in rest.into_iter().enumerate() {
            self.value_into(operand, right);
            let (l, r) = (left as usize, right as usize);
            let compare = Box::new(move |vm: &mut crate::machine::Vm, frame: &mut crate::object::frame::Frame| {
                let left = frame.locals[l].take();
                let right = frame.locals[r].take();
                let value = noted_for(vm, frame, span, &[&left, &right], |vm| vm.compare(op, &left, &right))?;
                frame.locals[l] = right;
                Ok(value)
            });
            self.emit(Step::StoreLocal(result, compare), span);
            if at + 1 < count {
                let slot = result as usize;
                let cond = Box::new(move |vm: &mut crate::machine::Vm, frame: &mut crate::object::frame::Frame| {
                    let value = frame.locals[slot].clone();
                    super::expr::truth(vm, frame, &value, span)
                });
                done.push(self.emit(Step::JumpIfNot(cond, 0), span));
            }
        }
        for jump in done {
            self.patch(jump);
        }
        self.clear_slot(left, span);
        ExprKind::Temp(result)
    }

    /// Evaluates an expression into a new hidden slot.
    pub(super) fn value_to_temp(&mut self, e: Expr) -> Slot {
        let e = self.hoist(e);
        let slot = self.temp();
        let span = e.span;
        let thunk = self.expr(e);
        self.emit(Step::StoreLocal(slot, thunk), span);
        slot
    }

    fn value_into(&mut self, e: Expr, slot: Slot) {
        let e = self.hoist(e);
        let span = e.span;
        let thunk = self.expr(e);
        self.emit(Step::StoreLocal(slot, thunk), span);
    }

    /// An expression evaluated now, to be used later.
    pub(super) fn hoist_to_temp(&mut self, e: Expr) -> Expr {
        if matches!(e.kind, ExprKind::Constant(_) | ExprKind::Temp(_)) {
            return e;
        }
        let span = e.span;
        if let ExprKind::Starred(inner) = e.kind {
            // The value is unpacked where it is used.
            let inner = self.hoist_to_temp(*inner);
            return Expr { kind: ExprKind::Starred(Box::new(inner)), span, suspends: false };
        }
        if let ExprKind::Slice { .. } = e.kind {
            let mut e = e;
            self.hoist_children(&mut e.kind, e.span);
            let slot = self.value_to_temp(Expr { suspends: false, ..e });
            return Expr { kind: ExprKind::Temp(slot), span, suspends: false };
        }
        let slot = self.value_to_temp(e);
        Expr { kind: ExprKind::Temp(slot), span, suspends: false }
    }

    /// Operands in order of evaluation: those before the last that suspends are evaluated now.
    pub(super) fn hoist_all(&mut self, mut operands: Vec<Expr>) -> Vec<Expr> {
        self.hoist_refs(operands.iter_mut().collect());
        operands
    }

    pub(super) fn hoist_refs(&mut self, operands: Vec<&mut Expr>) {
        let Some(last) = operands.iter().rposition(|e| e.suspends) else { return };
        for (at, operand) in operands.into_iter().enumerate().take(last + 1) {
            let placeholder = Expr { kind: ExprKind::Temp(0), span: operand.span, suspends: false };
            let e = std::mem::replace(operand, placeholder);
            *operand = if at < last { self.hoist_to_temp(e) } else { self.hoist_starred(e) };
        }
    }

    fn hoist_starred(&mut self, e: Expr) -> Expr {
        match e.kind {
            ExprKind::Starred(inner) => {
                let inner = self.hoist(*inner);
                Expr { kind: ExprKind::Starred(Box::new(inner)), span: e.span, suspends: false }
            }
            _ => self.hoist(e),
        }
    }

    /// What stands before the last operand that suspends is computed before it.
    fn split_operators(&mut self, first: &mut Box<Expr>, rest: &mut Vec<(BinOp, Expr)>) {
        let Some(at) = rest.iter().rposition(|(_, e)| e.suspends).filter(|at| *at > 0) else { return };
        let tail = rest.split_off(at);
        let before = std::mem::replace(rest, tail);
        let end = before.last().map_or(first.span, |(_, e)| self.source.in_parentheses(e.span));
        let span = self.source.in_parentheses(first.span).to(end);
        let suspends = first.suspends || before.iter().any(|(_, e)| e.suspends);
        let placeholder = Expr { kind: ExprKind::Temp(0), span, suspends: false };
        let start = std::mem::replace(&mut **first, placeholder);
        **first = Expr { kind: ExprKind::BinOp { first: Box::new(start), rest: before }, span, suspends };
    }

    fn hoist_children(&mut self, kind: &mut ExprKind, whole: Span) {
        match kind {
            ExprKind::BinOp { first, rest } => self.split_operators(first, rest),
            ExprKind::Tuple(items) | ExprKind::List(items) => split_unpacked(items, whole, ExprKind::List),
            ExprKind::Set(items) => split_unpacked(items, whole, ExprKind::Set),
            ExprKind::Dict(pairs) => split_merged(pairs, whole),
            ExprKind::Call { args, .. } => split_arguments(args, whole),
            ExprKind::JoinedStr(parts) => split_fields(parts),
            _ => {}
        }
        let mut operands = Vec::new();
        operands_mut(kind, &mut |operand| operands.push(operand));
        self.hoist_refs(operands);
    }
}

/// In a display where something is unpacked, what is before its last operand that suspends is put into it before.
fn split_unpacked(items: &mut Vec<Expr>, span: Span, display: fn(Vec<Expr>) -> ExprKind) {
    let Some(at) = items.iter().rposition(|e| e.suspends).filter(|at| *at > 0) else { return };
    if !items[..=at].iter().any(|e| matches!(e.kind, ExprKind::Starred(_))) {
        return;
    }
    let before: Vec<Expr> = items.drain(..at).collect();
    let suspends = before.iter().any(|e| e.suspends);
    let display = Expr { kind: display(before), span, suspends };
    items.insert(0, Expr { kind: ExprKind::Starred(Box::new(display)), span, suspends });
}

/// The same in a dict, where the pairs between two that are unpacked are put into it together.
fn split_merged(pairs: &mut Vec<(Option<Expr>, Expr)>, span: Span) {
    let suspends = |pair: &(Option<Expr>, Expr)| pair.1.suspends || pair.0.as_ref().is_some_and(|key| key.suspends);
    let Some(at) = pairs.iter().rposition(suspends) else { return };
    let Some(unpacked) = pairs[..=at].iter().rposition(|(key, _)| key.is_none()) else { return };
    let end = if unpacked == at { at } else { unpacked + 1 };
    if end == 0 {
        return;
    }
    let before: Vec<_> = pairs.drain(..end).collect();
    let suspends = before.iter().any(suspends);
    pairs.insert(0, (None, Expr { kind: ExprKind::Dict(before), span, suspends }));
}

/// The same of arguments by place.
fn split_arguments(args: &mut Vec<Arg>, span: Span) {
    let Some(at) = args.iter().rposition(|arg| arg.value().suspends) else { return };
    let all_by_place = args.iter().take_while(|arg| matches!(arg, Arg::Positional(_) | Arg::Star(..))).count();
    let by_place = all_by_place.min(at);
    // One that stands alone is unpacked by the call itself.
    if all_by_place == 1 || !args[..by_place].iter().any(|arg| matches!(arg, Arg::Star(..))) {
        return;
    }
    let items = args.drain(..by_place).map(|arg| match arg {
        Arg::Star(e, span) => Expr { span, suspends: e.suspends, kind: ExprKind::Starred(Box::new(e)) },
        Arg::Positional(e) | Arg::Keyword(_, e) | Arg::DoubleStar(e, _) => e,
    });
    let items: Vec<Expr> = items.collect();
    let suspends = items.iter().any(|e| e.suspends);
    args.insert(0, Arg::Star(Expr { kind: ExprKind::List(items), span, suspends }, span));
}

/// The fields of an f-string before the last one that suspends are formatted before it.
fn split_fields(parts: &mut Vec<FStringPart>) {
    let suspends = |parts: &mut [FStringPart]| {
        let mut suspends = false;
        fields_mut(parts, &mut |field| suspends |= field.suspends);
        suspends
    };
    let Some(at) = (0..parts.len()).rev().find(|at| suspends(&mut parts[*at..=*at])) else { return };
    let last = parts[..at].iter().rev().find_map(|part| match part {
        FStringPart::Field(field) => Some(field.span),
        FStringPart::Literal(_) => None,
    });
    let Some(span) = last else { return };
    let mut before: Vec<FStringPart> = parts.drain(..at).collect();
    let suspends = suspends(&mut before);
    let value = Expr { kind: ExprKind::JoinedStr(before), span, suspends };
    let field = FStringField { value, conversion: None, format_spec: None, debug: None, span };
    parts.insert(0, FStringPart::Field(Box::new(field)));
}
