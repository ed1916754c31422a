//! The second walk, through expressions and targets. As in the first, the functions that contain each other are small.

use super::prelude::*;
use crate::syntax::ast::{Arg, Comp, Lambda, UnaryOp};
use crate::syntax::visit::expr_parts;

use super::check::{Block, Checker};
use super::scope::SymbolMap;

const STARRED: &str = "can't use starred expression here";

impl Checker<'_> {
    pub(super) fn opt_expr(&mut self, expr: Option<&Expr>) {
        if let Some(expr) = expr {
            self.expr(expr);
        }
    }

    pub(super) fn exprs(&mut self, exprs: &[Expr]) {
        for expr in exprs {
            self.expr(expr);
        }
    }

    pub(super) fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Constant(_) | ExprKind::Temp(_) | ExprKind::Name(_) => return,
            ExprKind::Tuple(elements) | ExprKind::List(elements) | ExprKind::Set(elements) => {
                return self.elements(elements);
            }
            ExprKind::Starred(_) => self.error(STARRED, expr.span),
            ExprKind::UnaryOp { op: UnaryOp::Not, operand } => return self.not(operand),
            ExprKind::Compare { first, rest } => self.warn_compare(first, rest, false, expr.span),
            ExprKind::Lambda(lambda) => return self.lambda(lambda),
            ExprKind::Call { func, args } => {
                self.keywords(args);
                self.warn_call(func);
            }
            ExprKind::Subscript { value, index } => self.warn_subscript(value, index),
            ExprKind::Await(_) => self.await_(expr.span),
            ExprKind::Yield(_) => self.yield_("'yield'", expr.span),
            ExprKind::YieldFrom(_) => {
                self.yield_("'yield from'", expr.span);
                if self.unit.kind == ScopeKind::Function && self.unit.is_async {
                    self.error("'yield from' inside async function", expr.span);
                    let help = "`await` waits for a coroutine; an asynchronous generator is passed on by `async for` and `yield`";
                    self.diagnostics.last_mut().into_iter().for_each(|error| error.helps.push(help.to_owned()));
                }
            }
            ExprKind::NamedExpr { target, value } => {
                self.expr(value);
                return self.store(target.name, target.span);
            }
            ExprKind::ListComp(comp) | ExprKind::SetComp(comp) | ExprKind::DictComp(comp) => {
                return self.comprehension(comp, expr.span);
            }
            ExprKind::GeneratorExp(comp) => return self.generator_exp(comp),
            _ => {}
        }
        expr_parts(expr, &mut |part| self.expr(part));
    }

    /// Elements of a display, which may be starred.
    fn elements(&mut self, elements: &[Expr]) {
        for element in elements {
            match &element.kind {
                ExprKind::Starred(value) => self.expr(value),
                _ => self.expr(element),
            }
        }
    }

    fn not(&mut self, operand: &Expr) {
        match &operand.kind {
            ExprKind::Compare { first, rest } => {
                self.warn_compare(first, rest, true, operand.span);
                expr_parts(operand, &mut |part| self.expr(part));
            }
            _ => self.expr(operand),
        }
    }

    pub(super) fn args(&mut self, args: &[Arg]) {
        self.keywords(args);
        args.iter().for_each(|arg| self.expr(arg.value()));
    }

    fn keywords(&mut self, args: &[Arg]) {
        let mut keywords = args.iter().filter_map(|arg| match arg {
            Arg::Keyword(name, value) => Some((name.name, name.span.to(value.span))),
            _ => None,
        });
        let Some(first) = keywords.next() else { return };
        self.store(first.0, first.1);
        let Some(second) = keywords.next() else { return };
        self.repeated([first, second].into_iter().chain(keywords).collect());
    }

    fn repeated(&mut self, keywords: Vec<(Symbol, Span)>) {
        let mut firsts = SymbolMap::default();
        let mut repeated = Vec::new();
        for (i, &(name, span)) in keywords.iter().enumerate() {
            if i > 0 {
                self.store(name, span);
            }
            let first = *firsts.entry(name).or_insert(i);
            if first != i {
                repeated.push((first, i));
            }
        }
        repeated.sort_unstable();
        for (_, i) in repeated {
            let (name, span) = keywords[i];
            let message = format!("keyword argument repeated: {}", self.interner.name(name));
            self.error(message, span);
        }
    }

    fn lambda(&mut self, lambda: &Lambda) {
        self.params(&lambda.params);
        self.defaults(&lambda.params);
        let around = self.enter(lambda.scope);
        self.expr(&lambda.body);
        self.leave(around);
    }

    fn await_(&mut self, span: Span) {
        let unit = &self.unit;
        match unit.kind {
            _ if unit.is_async || unit.excused => {}
            ScopeKind::Module | ScopeKind::Class => self.error_of_async("'await' outside function", span),
            ScopeKind::Function | ScopeKind::Lambda => self.error_of_async("'await' outside async function", span),
            ScopeKind::GeneratorExp | ScopeKind::Comprehension | ScopeKind::TypeParams => {}
        }
    }

    fn yield_(&mut self, what: &str, span: Span) {
        if !self.unit.kind.has_variables() {
            self.error(format!("{what} outside function"), span);
        }
    }

    fn comprehension(&mut self, comp: &Comp, span: Span) {
        let Some(first) = comp.generators.first() else { return };
        self.expr(&first.iter);
        let excused = self.unit.excused;
        let awaits = self.scopes.get(comp.scope).has_await;
        if awaits && !excused && !self.unit.is_async && self.unit.kind != ScopeKind::GeneratorExp {
            self.error_of_async("asynchronous comprehension outside of an asynchronous function", span);
            self.unit.excused = true;
        }
        self.comprehension_body(comp, span);
        self.unit.excused = excused;
    }

    fn generator_exp(&mut self, comp: &Comp) {
        let Some(first) = comp.generators.first() else { return };
        self.expr(&first.iter);
        let around = self.enter(comp.scope);
        self.comprehension_body(comp, first.target.span);
        self.leave(around);
    }

    fn comprehension_body(&mut self, comp: &Comp, span: Span) {
        let open = self.unit.blocks.len();
        for (i, generator) in comp.generators.iter().enumerate() {
            if i > 0 {
                self.expr(&generator.iter);
            }
            if generator.is_async {
                self.open(Block::Other, span);
            }
            self.target(&generator.target);
            self.exprs(&generator.ifs);
        }
        self.expr(&comp.element);
        self.opt_expr(comp.value.as_ref());
        self.unit.blocks.truncate(open);
    }

    // Targets

    pub(super) fn targets(&mut self, targets: &[Expr]) {
        for target in targets {
            self.target(target);
        }
    }

    pub(super) fn target(&mut self, target: &Expr) {
        match &target.kind {
            ExprKind::Name(name) => self.store(*name, target.span),
            ExprKind::Attribute { value, attr } => {
                self.expr(value);
                self.store(attr.name, target.span);
            }
            ExprKind::Tuple(elements) | ExprKind::List(elements) => self.unpacked(elements, target.span),
            ExprKind::Starred(value) => {
                self.error("starred assignment target must be in a list or tuple", target.span);
                self.target(value);
            }
            ExprKind::Subscript { value, index } => {
                self.expr(value);
                self.expr(index);
            }
            _ => self.expr(target),
        }
    }

    fn unpacked(&mut self, elements: &[Expr], span: Span) {
        let starred = elements.iter().filter(|element| matches!(element.kind, ExprKind::Starred(_))).count();
        if starred > 1 {
            self.error("multiple starred expressions in assignment", span);
        } else if let Some(at) = elements.iter().position(|element| matches!(element.kind, ExprKind::Starred(_))) {
            if at >= 1 << 8 || elements.len() - at > 1 << 24 {
                self.error("too many expressions in star-unpacking assignment", span);
            }
        }
        for element in elements {
            match &element.kind {
                ExprKind::Starred(value) => self.target(value),
                _ => self.target(element),
            }
        }
    }
}
