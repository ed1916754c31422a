//! The first walk, through expressions. Every function answers whether what it walked can suspend the function around.
//!
//! Expressions may be a thousand levels deep, so the functions that contain each other keep their frames small.

use super::prelude::*;
use crate::syntax::ast::{Comp, Constant, Ident, Lambda};
use crate::syntax::visit::operands_mut;

use super::collect::Collector;
use super::table::{GLOBAL, HANDED_ON, ITERATION, LOCAL, NONLOCAL, PARAM, USE};

/// What a comprehension is, in words.
const LIST: &str = "list comprehension";
const SET: &str = "set comprehension";
const DICT: &str = "dict comprehension";
const GENERATOR: &str = "generator expression";

impl Collector<'_> {
    pub(super) fn opt_expr(&mut self, expr: &mut Option<Expr>) {
        if let Some(expr) = expr {
            self.expr(expr);
        }
    }

    pub(super) fn exprs(&mut self, exprs: &mut [Expr]) -> bool {
        let mut suspends = false;
        for expr in exprs {
            suspends |= self.expr(expr);
        }
        suspends
    }

    pub(super) fn expr(&mut self, expr: &mut Expr) -> bool {
        let span = expr.span;
        let suspends = match &mut expr.kind {
            kind @ ExprKind::Name(sym::__debug__) => {
                *kind = ExprKind::Constant(Constant::True);
                false
            }
            ExprKind::Name(name) => {
                if [sym::locals, sym::vars, sym::dir, sym::eval, sym::exec].contains(name) {
                    self.mention(*name, HANDED_ON);
                }
                self.name(name)
            }
            ExprKind::Call { func, args } => {
                let callee = match &mut func.kind {
                    ExprKind::Name(name) => self.name(name),
                    _ => self.expr(func),
                };
                callee | self.args(args)
            }
            ExprKind::Lambda(lambda) => self.lambda(lambda),
            ExprKind::Await(value) => self.await_(value, span),
            ExprKind::Yield(value) => self.yield_(value.as_deref_mut(), span),
            ExprKind::YieldFrom(value) => self.yield_(Some(value), span),
            ExprKind::NamedExpr { target, value } => self.named_expr(target, value, span),
            ExprKind::ListComp(comp) => self.comprehension(comp, LIST),
            ExprKind::SetComp(comp) => self.comprehension(comp, SET),
            ExprKind::DictComp(comp) => self.comprehension(comp, DICT),
            ExprKind::GeneratorExp(comp) => self.comprehension(comp, GENERATOR),
            kind => {
                if let ExprKind::Attribute { attr, .. } = kind {
                    self.mangle_in_place(attr);
                }
                self.operands(kind)
            }
        };
        expr.suspends = suspends;
        suspends
    }

    fn name(&mut self, name: &mut Symbol) -> bool {
        *name = self.mangle(*name);
        self.mention(*name, USE);
        // `super()` finds its class in `__class__`.
        if *name == sym::super_ && self.table().kind.has_variables() {
            self.mention(sym::__class__, USE);
        }
        false
    }

    fn operands(&mut self, kind: &mut ExprKind) -> bool {
        let mut suspends = false;
        operands_mut(kind, &mut |operand| suspends |= self.expr(operand));
        suspends
    }

    fn lambda(&mut self, lambda: &mut Lambda) -> bool {
        let suspends = self.defaults(&mut lambda.params);
        lambda.scope = self.enter(ScopeKind::Lambda, sym::lambda_);
        self.params(&mut lambda.params);
        self.expr(&mut lambda.body);
        self.leave();
        suspends
    }

    fn await_(&mut self, value: &mut Expr, span: Span) -> bool {
        self.check_context("await", span);
        self.expr(value);
        self.note_await(true);
        true
    }

    fn yield_(&mut self, value: Option<&mut Expr>, span: Span) -> bool {
        self.check_context("yield", span);
        if let Some(value) = value {
            self.expr(value);
        }
        let table = self.table();
        table.has_yield = true;
        if matches!(table.kind, ScopeKind::Comprehension | ScopeKind::GeneratorExp) {
            let what = table.context;
            self.error(format!("'yield' inside {what}"), span);
        }
        true
    }

    /// Type parameters and unevaluated annotations may not do anything to the function around.
    fn check_context(&mut self, what: &str, span: Span) {
        let table = self.table();
        if table.kind == ScopeKind::TypeParams {
            let context = table.context;
            self.error(format!("{what} expression cannot be used within {context}"), span);
        }
    }

    fn named_expr(&mut self, target: &mut Ident, value: &mut Expr, span: Span) -> bool {
        self.check_context("named", span);
        if self.iterables > 0 {
            let message = "assignment expression cannot be used in a comprehension iterable expression";
            self.error(message.to_owned(), span);
        }
        let written = target.name;
        self.mangle_in_place(target);
        if matches!(self.table().kind, ScopeKind::Comprehension | ScopeKind::GeneratorExp) {
            self.bind_outside(target, written);
        }
        let suspends = self.expr(value);
        self.mention(target.name, LOCAL);
        suspends
    }

    /// `:=` in a comprehension binds in the nearest scope around that is none.
    fn bind_outside(&mut self, target: &Ident, written: Symbol) {
        let name = target.name;
        let mut id = self.current;
        loop {
            let table = &mut self.tables[id.0 as usize];
            let context = match table.kind {
                ScopeKind::Comprehension | ScopeKind::GeneratorExp => {
                    if table.flags(name) & ITERATION != 0 {
                        let before = "assignment expression cannot rebind comprehension iteration variable";
                        return self.error_about(before, written, "", target.span);
                    }
                    let Some(parent) = table.parent else { return };
                    id = parent;
                    continue;
                }
                ScopeKind::Function | ScopeKind::Lambda => {
                    let declared = if table.flags(name) & GLOBAL != 0 { GLOBAL } else { NONLOCAL };
                    table.mention(name, LOCAL);
                    return self.mention(name, declared);
                }
                ScopeKind::Module => {
                    table.mention(name, GLOBAL);
                    return self.mention(name, GLOBAL);
                }
                ScopeKind::Class => "in a class body",
                ScopeKind::TypeParams if table.context.starts_with("the") => "within the definition of a generic",
                ScopeKind::TypeParams => &format!("in {}", table.context),
            };
            let message = format!("assignment expression within a comprehension cannot be used {context}");
            return self.error(message, target.span);
        }
    }

    fn comprehension(&mut self, comp: &mut Comp, what: &'static str) -> bool {
        let Some(first) = comp.generators.first_mut() else { return false };
        // The first iterable is evaluated outside.
        let outside = self.iterable(&mut first.iter);
        let kind = if what == GENERATOR { ScopeKind::GeneratorExp } else { ScopeKind::Comprehension };
        comp.scope = self.enter_comprehension(kind);
        self.table().context = what;
        if kind == ScopeKind::GeneratorExp {
            self.mention(sym::first_iterable, PARAM);
        }
        let inside = self.comprehension_body(comp);
        let table = self.table();
        let awaits = table.has_await;
        table.is_async = awaits;
        self.leave();
        if kind == ScopeKind::GeneratorExp {
            return outside;
        }
        self.note_await(awaits);
        outside | inside
    }

    fn comprehension_body(&mut self, comp: &mut Comp) -> bool {
        let mut suspends = false;
        for (i, generator) in comp.generators.iter_mut().enumerate() {
            self.note_await(generator.is_async);
            suspends |= generator.is_async | self.target(&mut generator.target, LOCAL | ITERATION);
            if i > 0 {
                suspends |= self.iterable(&mut generator.iter);
            }
            suspends |= self.exprs(&mut generator.ifs);
        }
        if let Some(value) = &mut comp.value {
            suspends |= self.expr(value);
        }
        suspends | self.expr(&mut comp.element)
    }

    fn iterable(&mut self, iter: &mut Expr) -> bool {
        self.iterables += 1;
        let suspends = self.expr(iter);
        self.iterables -= 1;
        suspends
    }
}
