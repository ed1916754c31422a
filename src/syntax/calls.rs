//! Calls in a text, by the name of what is called: where they stand, and what becomes of their values.

use std::rc::Rc;

use super::ast::*;
use super::visit::{Part, expr_parts, stmt_parts};
use super::{Parsed, parse_module};
use crate::source::{Source, Span};
use crate::symbol::{Interner, Symbol};

/// A call.
#[derive(Clone, Copy)]
pub struct CallFound {
    pub span: Span,
    /// What is called.
    pub func: Span,
    pub fate: Fate,
}

/// What becomes of a value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is a statement of its own.
    Dropped,
    /// It is asked whether it is true.
    Tested,
    /// It is a field of an f-string.
    Shown,
    /// It is gone through.
    Iterated,
    /// It is an operand.
    Computed,
    /// It is stored, passed or returned.
    Used,
}

/// The calls of a function or method by this name that lie in a part of a text.
pub fn calls_within(source: &Rc<Source>, within: Span, name: &str) -> Vec<CallFound> {
    let mut interner = Interner::default();
    let mut search = Search { within, name: interner.intern(name), found: Vec::new() };
    if let Parsed::Complete(module) = parse_module(source, &mut interner) {
        search.block(&module.body);
    }
    search.found
}

struct Search {
    within: Span,
    name: Symbol,
    found: Vec<CallFound>,
}

impl Search {
    fn block(&mut self, stmts: &[Stmt]) {
        let within = self.within;
        for stmt in stmts.iter().filter(|stmt| stmt.span.start < within.end && within.start < stmt.span.end) {
            let tested = match &stmt.kind {
                StmtKind::If { test, .. } | StmtKind::While { test, .. } | StmtKind::Assert { test, .. } => Some(test),
                _ => None,
            };
            let iterated = match &stmt.kind {
                StmtKind::For { iter, .. } => Some(iter),
                _ => None,
            };
            stmt_parts(stmt, &mut |part| match part {
                Part::Expr(expr) if matches!(stmt.kind, StmtKind::Expr(_)) => self.expr(expr, Fate::Dropped),
                Part::Expr(expr) if is(tested, expr) => self.expr(expr, Fate::Tested),
                Part::Expr(expr) if is(iterated, expr) => self.expr(expr, Fate::Iterated),
                Part::Expr(expr) | Part::Target(expr) => self.expr(expr, Fate::Used),
                Part::Block(block) => self.block(block),
                Part::Pattern(_) => {}
            });
        }
    }

    fn expr(&mut self, expr: &Expr, fate: Fate) {
        if let ExprKind::Call { func, .. } = &expr.kind {
            let called = match &func.kind {
                ExprKind::Name(called) => Some(*called),
                ExprKind::Attribute { attr, .. } => Some(attr.name),
                _ => None,
            };
            if called == Some(self.name) && self.within.start <= expr.span.start && expr.span.end <= self.within.end {
                self.found.push(CallFound { span: expr.span, func: func.span, fate });
            }
        }
        expr_parts(expr, &mut |part| self.expr(part, fate_of_part(expr, part, fate)));
    }
}

fn is(expected: Option<&Expr>, expr: &Expr) -> bool {
    expected.is_some_and(|expected| std::ptr::eq(expected, expr))
}

/// What becomes of a part of an expression.
fn fate_of_part(whole: &Expr, part: &Expr, fate: Fate) -> Fate {
    let comprehension = |comp: &Comp| {
        let tested = comp.generators.iter().any(|clause| clause.ifs.iter().any(|test| std::ptr::eq(test, part)));
        let iterated = comp.generators.iter().any(|clause| std::ptr::eq(&clause.iter, part));
        match (tested, iterated) {
            (true, _) => Fate::Tested,
            (_, true) => Fate::Iterated,
            _ => Fate::Used,
        }
    };
    let value_of_whole = if fate == Fate::Tested { Fate::Tested } else { Fate::Used };
    match &whole.kind {
        ExprKind::UnaryOp { op: UnaryOp::Not, .. } => Fate::Tested,
        ExprKind::BoolOp { values, .. } if is(values.last(), part) => value_of_whole,
        ExprKind::BoolOp { .. } => Fate::Tested,
        ExprKind::IfExp { test, .. } if std::ptr::eq(&**test, part) => Fate::Tested,
        ExprKind::IfExp { .. } => value_of_whole,
        ExprKind::JoinedStr(_) => Fate::Shown,
        ExprKind::Starred(_) => Fate::Iterated,
        ExprKind::ListComp(comp)
        | ExprKind::SetComp(comp)
        | ExprKind::DictComp(comp)
        | ExprKind::GeneratorExp(comp) => comprehension(comp),
        ExprKind::BinOp { .. } | ExprKind::Compare { .. } | ExprKind::UnaryOp { .. } => Fate::Computed,
        ExprKind::Subscript { value, .. } | ExprKind::Attribute { value, .. } if std::ptr::eq(&**value, part) => {
            Fate::Computed
        }
        _ => Fate::Used,
    }
}
