//! The second walk: what is wrong whatever the names mean.
//!
//! Knows what CPython's code generator knows: the function it is in and the blocks that are open there. The order of
//! the walk is that generator's, so that of several errors the same one comes first. Statements are here, expressions
//! in `check_expr.rs`, patterns in `pattern.rs`.

use super::prelude::*;
use crate::syntax::ast::{Alias, ClassDef, ExceptHandler, FunctionDef, Params, TypeParam, TypeParamKind};

use super::collect::{param_span, type_param_span};
use super::future::is_future_import;
use super::scope::Scopes;

/// How many blocks can be open in a function at once.
const MAX_BLOCKS: usize = 21;

/// Copies of warnings beyond this many help nobody.
const MAX_COPIES: u32 = 1_000;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Block {
    Loop,
    /// The handlers of `except*`.
    Star,
    /// A `try` with `finally`, and how many jumps out of it there are.
    Finally(u32),
    /// Whatever else counts.
    Other,
}

/// A function, class body or module.
pub(super) struct Unit {
    pub(super) kind: ScopeKind,
    /// An `async def`, or an interactive module: `async for` and `async with` may stand in it.
    pub(super) is_async: bool,
    is_async_generator: bool,
    pub(super) blocks: Vec<Block>,
    pub(super) scope: ScopeId,
    /// Inside something that may not await; to say it once is enough.
    pub(super) excused: bool,
}

pub(super) struct Checker<'a> {
    pub(super) source: &'a Rc<Source>,
    pub(super) interner: &'a Interner,
    pub(super) scopes: &'a Scopes,
    /// Where the imports that may be from `__future__` end.
    prefix_end: u32,
    pub(super) diagnostics: Vec<Diagnostic>,
    pub(super) warnings: Vec<Diagnostic>,
    pub(super) unit: Unit,
    too_deep: bool,
}

impl<'a> Checker<'a> {
    pub(super) fn new(
        source: &'a Rc<Source>,
        interner: &'a Interner,
        scopes: &'a Scopes,
        mode: Mode,
        prefix_end: u32,
    ) -> Checker<'a> {
        let unit = Unit {
            kind: ScopeKind::Module,
            scope: ScopeId(0),
            is_async: mode == Mode::Interactive,
            is_async_generator: false,
            blocks: Vec::new(),
            excused: false,
        };
        Checker {
            source,
            interner,
            scopes,
            prefix_end,
            diagnostics: Vec::new(),
            warnings: Vec::new(),
            unit,
            too_deep: false,
        }
    }

    #[cold]
    pub(super) fn error(&mut self, message: impl Into<String>, span: Span) {
        self.diagnostics.push(syntax_error(message, self.source, span));
    }

    /// Something that only an async function may do; says how to get one.
    #[cold]
    pub(super) fn error_of_async(&mut self, message: &str, span: Span) {
        let name = self.interner.name(self.scopes.get(self.unit.scope).name);
        let help = match self.unit.kind {
            ScopeKind::Function => Some(format!("make it `async def {name}(...)`, and await its calls")),
            ScopeKind::Module => {
                Some("put it into an `async def main():` and run that with `asyncio.run(main())`".to_owned())
            }
            ScopeKind::Lambda => Some("a lambda is never async: define the function with `async def`".to_owned()),
            _ => None,
        };
        let mut error = syntax_error(message, self.source, span);
        error.helps.extend(help);
        self.diagnostics.push(error);
    }

    // Units and blocks

    /// Begins the code of a scope; returns the unit around, for [`Checker::leave`].
    pub(super) fn enter(&mut self, id: ScopeId) -> Unit {
        let scope = self.scopes.get(id);
        let is_async = scope.is_async && scope.kind == ScopeKind::Function;
        // A function that can be suspended has a block around all it does.
        let suspends = scope.kind == ScopeKind::Function && (scope.is_async || scope.has_yield);
        let unit = Unit {
            kind: scope.kind,
            scope: id,
            is_async,
            is_async_generator: is_async && scope.has_yield,
            blocks: if suspends { vec![Block::Other] } else { Vec::new() },
            excused: false,
        };
        std::mem::replace(&mut self.unit, unit)
    }

    pub(super) fn leave(&mut self, around: Unit) {
        self.unit = around;
    }

    pub(super) fn open(&mut self, block: Block, span: Span) {
        if self.unit.blocks.len() >= MAX_BLOCKS && !self.too_deep {
            self.too_deep = true;
            self.error("too many statically nested blocks", span);
        }
        self.unit.blocks.push(block);
    }

    pub(super) fn close(&mut self, blocks: usize) {
        let open = self.unit.blocks.len();
        self.unit.blocks.truncate(open - blocks);
    }

    /// Whether leaving the blocks from the innermost on, up to a loop or all of them, would leave an `except*`.
    fn leaves_star(&self, to_loop: bool) -> bool {
        let mut blocks = self.unit.blocks.iter().rev();
        blocks.find(|&&block| block == Block::Star || (to_loop && block == Block::Loop)) == Some(&Block::Star)
    }

    /// Counts a jump out of the blocks up to a loop, or of all.
    fn leave_blocks(&mut self, to_loop: bool) {
        for block in self.unit.blocks.iter_mut().rev() {
            match block {
                Block::Finally(jumps) => *jumps += 1,
                Block::Loop if to_loop => return,
                _ => {}
            }
        }
    }

    /// CPython compiles some parts more than once, and warns as often.
    fn warn_again(&mut self, warnings: std::ops::Range<usize>, times: u32) {
        let again = self.warnings[warnings].to_vec();
        for _ in 0..times.min(MAX_COPIES) {
            if self.diagnostics.is_empty() && self.warnings.len() < MAX_COPIES as usize {
                self.warnings.extend_from_slice(&again);
            }
        }
    }

    fn jump(&mut self, outside: &str, span: Span) {
        self.leave_blocks(true);
        if self.leaves_star(true) {
            self.leave_star(span);
        } else if !self.unit.blocks.contains(&Block::Loop) {
            self.error(outside, span);
        }
    }

    fn leave_star(&mut self, span: Span) {
        self.error("'break', 'continue' and 'return' cannot appear in an except* block", span);
    }

    // Names

    /// `__debug__` is a constant.
    pub(super) fn store(&mut self, name: Symbol, span: Span) {
        if name == sym::__debug__ {
            self.error("cannot assign to __debug__", span);
        }
    }

    // Statements

    pub(super) fn stmts(&mut self, stmts: &[Stmt]) {
        for stmt in stmts {
            self.stmt(stmt);
        }
    }

    fn stmt(&mut self, stmt: &Stmt) {
        let span = stmt.span;
        match &stmt.kind {
            StmtKind::Expr(value) => self.expr(value),
            StmtKind::Assign { targets, value } => {
                self.expr(value);
                self.targets(targets);
            }
            StmtKind::AugAssign { target, value, .. } => self.aug_assign(target, value),
            StmtKind::AnnAssign { .. } => self.ann_assign(stmt),
            StmtKind::Return(value) => self.return_stmt(value.as_ref(), span),
            StmtKind::Delete(targets) => targets.iter().for_each(|target| self.delete(target)),
            StmtKind::Raise { exc: first, cause: second } => {
                self.opt_expr(first.as_ref());
                self.opt_expr(second.as_ref());
            }
            StmtKind::Assert { test, msg } => {
                self.warn_assert(test, span);
                self.expr(test);
                self.opt_expr(msg.as_ref());
            }
            StmtKind::Global(_) | StmtKind::Nonlocal(_) | StmtKind::Pass => {}
            StmtKind::Break => self.jump("'break' outside loop", span),
            StmtKind::Continue => self.jump("'continue' not properly in loop", span),
            StmtKind::Import(names) => self.import(names, span),
            StmtKind::ImportFrom { names, .. } => {
                if is_future_import(stmt) && span.end > self.prefix_end {
                    self.error("from __future__ imports must occur at the beginning of the file", span);
                }
                self.import(names, span);
            }
            StmtKind::If { .. } => self.if_stmt(stmt),
            StmtKind::While { test, body, orelse } => {
                self.open(Block::Loop, span);
                let before = self.warnings.len();
                self.expr(test);
                let after = self.warnings.len();
                self.stmts(body);
                self.warn_again(before..after, 1);
                self.close(1);
                self.stmts(orelse);
            }
            StmtKind::For { .. } => self.for_stmt(stmt),
            StmtKind::Try { .. } => self.try_stmt(stmt),
            StmtKind::With { .. } => self.with_stmt(stmt),
            StmtKind::FunctionDef(def) => self.function(def, span),
            StmtKind::ClassDef(def) => self.class(def, span),
            StmtKind::Match { .. } => self.match_stmt(stmt),
            StmtKind::TypeAlias { .. } => self.type_alias(stmt),
        }
    }

    fn return_stmt(&mut self, value: Option<&Expr>, span: Span) {
        if !matches!(self.unit.kind, ScopeKind::Function) {
            self.error("'return' outside function", span);
        } else if value.is_some() && self.unit.is_async_generator {
            self.error("'return' with value in async generator", span);
        }
        self.opt_expr(value);
        self.leave_blocks(false);
        if self.leaves_star(false) {
            let line = |span: Span| self.source.line(span.start);
            let constant = value.filter(|value| matches!(value.kind, ExprKind::Constant(_)));
            self.leave_star(match constant {
                Some(value) if line(value.span) == line(span) => value.span,
                _ => span,
            });
        }
    }

    fn aug_assign(&mut self, target: &Expr, value: &Expr) {
        match target.kind {
            // Unlike an assignment, it leaves an attribute of this name alone.
            ExprKind::Attribute { .. } => self.expr(target),
            _ => self.target(target),
        }
        self.expr(value);
    }

    fn ann_assign(&mut self, stmt: &Stmt) {
        let StmtKind::AnnAssign { target, annotation, value, .. } = &stmt.kind else { return };
        match (value, &target.kind) {
            (Some(value), _) => {
                self.expr(value);
                self.target(target);
            }
            (None, ExprKind::Name(name)) => self.store(*name, stmt.span),
            (None, ExprKind::Attribute { value, attr }) => {
                self.store(attr.name, stmt.span);
                self.expr(value);
            }
            (None, ExprKind::Subscript { value, index }) => {
                self.expr(value);
                // It is not subscripted: each part is an expression of its own.
                match &index.kind {
                    ExprKind::Tuple(parts) => self.exprs(parts),
                    _ => self.expr(index),
                }
            }
            (None, _) => self.expr(target),
        }
        if !self.unit.kind.has_variables() {
            self.annotation(annotation);
        }
    }

    fn annotation(&mut self, annotation: &Expr) {
        if !self.scopes.future_annotations {
            self.expr(annotation);
        }
    }

    fn delete(&mut self, target: &Expr) {
        match &target.kind {
            ExprKind::Name(name) if *name == sym::__debug__ => self.error("cannot delete __debug__", target.span),
            ExprKind::Tuple(targets) | ExprKind::List(targets) => {
                targets.iter().for_each(|target| self.delete(target));
            }
            ExprKind::Subscript { value, index } => {
                self.expr(value);
                self.expr(index);
            }
            _ => self.expr(target),
        }
    }

    fn import(&mut self, names: &[Alias], span: Span) {
        for alias in names {
            if let Some(name) = alias.asname.as_ref().or(alias.name.first()) {
                self.store(name.name, span);
            }
        }
    }

    fn if_stmt(&mut self, mut stmt: &Stmt) {
        while let StmtKind::If { test, body, orelse } = &stmt.kind {
            self.expr(test);
            self.stmts(body);
            match &orelse[..] {
                [elif] if matches!(elif.kind, StmtKind::If { .. }) => stmt = elif,
                orelse => return self.stmts(orelse),
            }
        }
    }

    fn for_stmt(&mut self, stmt: &Stmt) {
        let StmtKind::For { target, iter, body, orelse, is_async } = &stmt.kind else { return };
        if *is_async && !self.unit.is_async {
            self.error_of_async("'async for' outside async function", stmt.span);
        }
        self.open(Block::Loop, stmt.span);
        self.expr(iter);
        self.target(target);
        self.stmts(body);
        self.close(1);
        self.stmts(orelse);
    }

    fn with_stmt(&mut self, stmt: &Stmt) {
        let StmtKind::With { items, body, is_async } = &stmt.kind else { return };
        if *is_async && !self.unit.is_async {
            self.error_of_async("'async with' outside async function", stmt.span);
        }
        for item in items {
            self.expr(&item.context);
            self.open(Block::Other, item.context.span);
            if let Some(target) = &item.target {
                self.target(target);
            }
        }
        self.stmts(body);
        self.close(items.len());
    }

    fn try_stmt(&mut self, stmt: &Stmt) {
        let StmtKind::Try { body, handlers, orelse, finalbody, is_star } = &stmt.kind else { return };
        let finally = usize::from(!finalbody.is_empty());
        if finally == 1 {
            self.open(Block::Finally(0), stmt.span);
        }
        if handlers.is_empty() {
            self.stmts(body);
            self.stmts(orelse);
        } else {
            self.open(Block::Other, stmt.span);
            self.stmts(body);
            self.close(1);
            self.stmts(orelse);
            self.open(if *is_star { Block::Star } else { Block::Other }, stmt.span);
            for (i, handler) in handlers.iter().enumerate() {
                self.handler(handler, i + 1 == handlers.len());
            }
            self.close(1);
        }
        if finally == 1 {
            let Some(Block::Finally(jumps)) = self.unit.blocks.pop() else { return };
            self.open(Block::Other, stmt.span);
            let before = self.warnings.len();
            self.stmts(finalbody);
            self.warn_again(before..self.warnings.len(), jumps + 1);
            self.close(1);
        }
    }

    fn handler(&mut self, handler: &ExceptHandler, is_last: bool) {
        if handler.kind.is_none() && !is_last {
            self.error("default 'except:' must be last", handler.span);
        }
        self.opt_expr(handler.kind.as_ref());
        if let Some(name) = &handler.name {
            self.store(name.name, handler.span);
        }
        self.open(Block::Other, handler.span);
        self.stmts(&handler.body);
        self.close(1);
    }

    fn match_stmt(&mut self, stmt: &Stmt) {
        let StmtKind::Match { subject, cases } = &stmt.kind else { return };
        self.expr(subject);
        for (i, case) in cases.iter().enumerate() {
            self.case_pattern(&case.pattern, case.guard.is_some() || i + 1 == cases.len());
            self.opt_expr(case.guard.as_ref());
            self.stmts(&case.body);
        }
    }

    // Definitions

    fn function(&mut self, def: &FunctionDef, span: Span) {
        self.params(&def.params);
        self.exprs(&def.decorators);
        self.defaults(&def.params);
        let generic = (!def.type_params.is_empty()).then(|| self.enter(def.type_scope));
        self.type_params(&def.type_params);
        self.annotations(&def.params, def.returns.as_ref());
        let around = self.enter(def.scope);
        self.stmts(&def.body);
        self.leave(around);
        if let Some(around) = generic {
            self.leave(around);
        }
        self.store(def.name.name, span);
    }

    fn class(&mut self, def: &ClassDef, span: Span) {
        self.exprs(&def.decorators);
        let generic = (!def.type_params.is_empty()).then(|| self.enter(def.type_scope));
        self.type_params(&def.type_params);
        let around = self.enter(def.scope);
        self.stmts(&def.body);
        self.leave(around);
        self.args(&def.args);
        if let Some(around) = generic {
            self.leave(around);
        }
        self.store(def.name.name, span);
    }

    fn type_alias(&mut self, stmt: &Stmt) {
        let StmtKind::TypeAlias { name, type_params, value, scope } = &stmt.kind else { return };
        let around = self.enter(*scope);
        self.type_params(type_params);
        self.expr(value);
        self.leave(around);
        if let ExprKind::Name(name) = name.kind {
            self.store(name, stmt.span);
        }
    }

    fn type_params(&mut self, params: &[TypeParam]) {
        let mut defaults = false;
        for param in params {
            let span = type_param_span(param, self.source);
            self.store(param.name.name, span);
            if let TypeParamKind::TypeVar { bound } = &param.kind {
                self.opt_expr(bound.as_ref());
            }
            match &param.default {
                Some(default) => self.type_param_default(default, param),
                None if defaults => {
                    let name = self.interner.name(param.name.name);
                    self.error(format!("non-default type parameter '{name}' follows default type parameter"), span);
                }
                None => {}
            }
            defaults |= param.default.is_some();
        }
    }

    /// `*Ts = *tuple[int]` may have a star.
    fn type_param_default(&mut self, default: &Expr, param: &TypeParam) {
        match (&default.kind, &param.kind) {
            (ExprKind::Starred(value), TypeParamKind::TypeVarTuple) => self.expr(value),
            _ => self.expr(default),
        }
    }

    pub(super) fn params(&mut self, params: &Params) {
        let Params { posonly, args, vararg, kwonly, kwarg } = params;
        for param in posonly.iter().chain(args).chain(vararg).chain(kwonly).chain(kwarg) {
            self.store(param.name.name, param_span(param));
        }
    }

    pub(super) fn defaults(&mut self, params: &Params) {
        for param in params.posonly.iter().chain(&params.args).chain(&params.kwonly) {
            self.opt_expr(param.default.as_ref());
        }
    }

    fn annotations(&mut self, params: &Params, returns: Option<&Expr>) {
        let Params { posonly, args, vararg, kwonly, kwarg } = params;
        for param in posonly.iter().chain(args).chain(vararg).chain(kwonly).chain(kwarg) {
            match &param.annotation {
                // `*args: *Ts`
                Some(Expr { kind: ExprKind::Starred(value), .. }) => self.annotation(value),
                Some(annotation) => self.annotation(annotation),
                None => {}
            }
        }
        if let Some(returns) = returns {
            self.annotation(returns);
        }
    }
}
