//! The end of a function that only chooses what to return is one returned expression: `if a: return b` before
//! `return c` is `return b if a else c`. A body that is nothing else needs no step loop.

use super::prelude::*;

/// How many choices are made one expression at most, which nest.
const MOST: u32 = 16;

impl Lower<'_> {
    /// The statements of a function.
    pub(super) fn function_body(&mut self, mut body: Vec<Stmt>) {
        if self.unit.kind != CodeKind::Function {
            return self.body(body);
        }
        let mut from = body.len();
        while from > 0 && chooses(&body[from - 1..], true, &mut MOST.clone()) {
            from -= 1;
        }
        let tail = body.split_off(from);
        self.body(body);
        if let Some(first) = tail.first() {
            let span = first.span;
            let value = choice(tail);
            let value = self.expr(value);
            self.emit(Step::Return(value), span);
        }
    }
}

/// Whether statements do nothing but choose what to return; `last` if the function ends after them.
fn chooses(block: &[Stmt], last: bool, left: &mut u32) -> bool {
    let Some(rest) = left.checked_sub(1) else { return false };
    *left = rest;
    let Some((first, rest)) = block.split_first() else { return last };
    match &first.kind {
        StmtKind::Return(value) => rest.is_empty() && value.as_ref().is_none_or(|value| !value.suspends),
        StmtKind::If { test, body, orelse } => {
            !test.suspends
                && chooses(body, false, left)
                && match &orelse[..] {
                    [] => chooses(rest, last, left),
                    orelse => rest.is_empty() && chooses(orelse, last, left),
                }
        }
        _ => false,
    }
}

/// What such statements return.
fn choice(block: Vec<Stmt>) -> Expr {
    let mut statements = block.into_iter();
    let (kind, span) = match statements.next() {
        None => (ExprKind::Constant(Constant::None), Default::default()),
        Some(Stmt { kind: StmtKind::If { test, body, orelse }, span }) => {
            let orelse = if orelse.is_empty() { statements.collect() } else { orelse };
            let parts = [choice(body), choice(orelse)].map(Box::new);
            let [body, orelse] = parts;
            (ExprKind::IfExp { test: Box::new(test), body, orelse }, span)
        }
        Some(Stmt { kind: StmtKind::Return(Some(value)), .. }) => return value,
        Some(Stmt { span, .. }) => (ExprKind::Constant(Constant::None), span),
    };
    Expr { kind, span, suspends: false }
}
