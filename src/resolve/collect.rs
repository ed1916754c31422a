//! The first walk: opens the scopes, notes how every name is mentioned in them, and mangles private names.
//!
//! Knows statements; expressions are in `collect_expr.rs`. The order of the walk is that of CPython's symbol table, so
//! that of several errors the same one comes first.

use std::collections::HashMap;

use super::prelude::*;
use crate::syntax::ast::{Alias, Arg, ClassDef, FunctionDef, Ident, Param, Params, TypeParam, TypeParamKind};
use crate::syntax::visit::{PartMut, PatternPartMut, pattern_parts_mut, plain_parts_mut};

use super::table::{ANNOTATED, Flags, GLOBAL, IMPORT, ITERATION, LOCAL, NONLOCAL, PARAM, TYPE_PARAM, Table, USE};

pub(super) struct Collector<'a> {
    pub(super) source: &'a Rc<Source>,
    pub(super) interner: &'a mut Interner,
    pub(super) diagnostics: Vec<Diagnostic>,
    pub(super) tables: Vec<Table>,
    pub(super) current: ScopeId,
    /// The class whose private names are being mangled.
    class: Option<Symbol>,
    /// While the head of a generic class is read: the only names that are private to it, its type parameters.
    private: Option<Vec<Symbol>>,
    mangled: HashMap<(Symbol, Symbol), Symbol, foldhash::fast::FixedState>,
    /// How many iterables of comprehensions the walk is in.
    pub(super) iterables: u32,
    future_annotations: bool,
}

impl<'a> Collector<'a> {
    pub(super) fn new(source: &'a Rc<Source>, interner: &'a mut Interner, future_annotations: bool) -> Collector<'a> {
        let module = Table::new(ScopeKind::Module, None, ScopeId(0), sym::module_);
        Collector {
            source,
            interner,
            diagnostics: Vec::new(),
            tables: vec![module],
            current: ScopeId(0),
            class: None,
            private: None,
            mangled: HashMap::default(),
            iterables: 0,
            future_annotations,
        }
    }

    /// Ends the walk.
    pub(super) fn finish(mut self, mode: Mode) -> (Vec<Table>, &'a Interner, Vec<Diagnostic>) {
        let module = &mut self.tables[0];
        module.is_async = mode == Mode::Interactive && module.has_await;
        (self.tables, self.interner, self.diagnostics)
    }

    #[cold]
    pub(super) fn error(&mut self, message: String, span: Span) {
        self.diagnostics.push(syntax_error(message, self.source, span));
    }

    #[cold]
    pub(super) fn error_about(&mut self, before: &str, name: Symbol, after: &str, span: Span) {
        let message = format!("{before} '{}'{after}", self.interner.name(name));
        self.error(message, span);
    }

    // Scopes

    pub(super) fn table(&mut self) -> &mut Table {
        &mut self.tables[self.current.0 as usize]
    }

    pub(super) fn enter(&mut self, kind: ScopeKind, name: Symbol) -> ScopeId {
        let parent = self.current;
        let id = ScopeId(self.tables.len() as u32);
        let inlined = kind == ScopeKind::Comprehension;
        let host = if inlined { self.tables[parent.0 as usize].host } else { id };
        let mut table = Table::new(kind, Some(parent), host, name);
        table.behind = self.tables.get(host.0 as usize).map_or(0, |host| host.names.len());
        self.tables.push(table);
        self.current = id;
        id
    }

    pub(super) fn enter_comprehension(&mut self, kind: ScopeKind) -> ScopeId {
        let generator = kind == ScopeKind::GeneratorExp;
        self.enter(kind, if generator { sym::genexpr_ } else { sym::comprehension_ })
    }

    pub(super) fn leave(&mut self) {
        if let Some(parent) = self.table().parent {
            self.current = parent;
        }
    }

    // Names

    /// A private name, as in `__x`, belongs to its class: it is `_Class__x` in truth.
    pub(super) fn mangle(&mut self, symbol: Symbol) -> Symbol {
        let Some(class) = self.class else { return symbol };
        let name = self.interner.name(symbol);
        if !name.starts_with("__") || name.ends_with("__") {
            return symbol;
        }
        if self.private.as_ref().is_some_and(|names| !names.contains(&symbol)) {
            return symbol;
        }
        if let Some(&mangled) = self.mangled.get(&(class, symbol)) {
            return mangled;
        }
        let stripped = self.interner.name(class).trim_start_matches('_');
        let mangled = if stripped.is_empty() { symbol } else { self.interner.intern(&format!("_{stripped}{name}")) };
        self.mangled.insert((class, symbol), mangled);
        mangled
    }

    pub(super) fn mangle_in_place(&mut self, ident: &mut Ident) {
        ident.name = self.mangle(ident.name);
    }

    pub(super) fn mention(&mut self, symbol: Symbol, flags: Flags) {
        self.table().mention(symbol, flags);
    }

    /// Binds a name in the current scope.
    pub(super) fn bind(&mut self, ident: &mut Ident, flags: Flags) {
        self.mangle_in_place(ident);
        self.mention(ident.name, flags);
    }

    // Statements

    pub(super) fn stmts(&mut self, stmts: &mut [Stmt]) {
        for stmt in stmts {
            self.stmt(stmt);
        }
    }

    fn stmt(&mut self, stmt: &mut Stmt) {
        let span = stmt.span;
        match &mut stmt.kind {
            StmtKind::AnnAssign { .. } => return self.ann_assign(stmt),
            StmtKind::Global(names) => return self.declare(names, GLOBAL, span),
            StmtKind::Nonlocal(names) => return self.declare(names, NONLOCAL, span),
            StmtKind::Import(names) => return self.import(names),
            StmtKind::ImportFrom { module, names, .. } => return self.import_from(module, names),
            StmtKind::If { .. } => return self.if_stmt(stmt),
            StmtKind::Try { .. } => return self.try_stmt(stmt),
            StmtKind::FunctionDef(def) => return self.function(def),
            StmtKind::ClassDef(def) => return self.class(def),
            StmtKind::TypeAlias { .. } => return self.type_alias(stmt),
            StmtKind::For { is_async, .. } | StmtKind::With { is_async, .. } => self.note_await(*is_async),
            _ => {}
        }
        plain_parts_mut(stmt, &mut |part| match part {
            PartMut::Expr(e) => _ = self.expr(e),
            PartMut::Target(target) => _ = self.target(target, LOCAL),
            PartMut::Pattern(pattern) => pattern_parts_mut(pattern, &mut |part| match part {
                PatternPartMut::Value(value) => _ = self.expr(value),
                PatternPartMut::Name(name) => self.bind(name, LOCAL),
            }),
            PartMut::Block(body) => self.stmts(body),
        });
    }

    pub(super) fn note_await(&mut self, awaits: bool) {
        self.table().has_await |= awaits;
    }

    /// A chain of `elif` may be long, so it is walked without recursion.
    fn if_stmt(&mut self, mut stmt: &mut Stmt) {
        while let StmtKind::If { test, body, orelse } = &mut stmt.kind {
            self.expr(test);
            self.stmts(body);
            if !matches!(orelse[..], [Stmt { kind: StmtKind::If { .. }, .. }]) {
                return self.stmts(orelse);
            }
            stmt = &mut orelse[0];
        }
    }

    fn try_stmt(&mut self, stmt: &mut Stmt) {
        let StmtKind::Try { body, handlers, orelse, finalbody, .. } = &mut stmt.kind else { return };
        self.stmts(body);
        for handler in handlers {
            self.opt_expr(&mut handler.kind);
            if let Some(name) = &mut handler.name {
                self.bind(name, LOCAL);
            }
            self.stmts(&mut handler.body);
        }
        self.stmts(orelse);
        self.stmts(finalbody);
    }

    fn declare(&mut self, names: &mut [Ident], flag: Flags, span: Span) {
        let word = if flag == GLOBAL { "global" } else { "nonlocal" };
        for ident in names {
            let written = ident.name;
            self.mangle_in_place(ident);
            let before = self.table().flags(ident.name);
            let (start, end) = if before & PARAM != 0 {
                ("name", format!(" is parameter and {word}"))
            } else if before & USE != 0 {
                ("name", format!(" is used prior to {word} declaration"))
            } else if before & ANNOTATED != 0 {
                ("annotated name", format!(" can't be {word}"))
            } else if before & LOCAL != 0 {
                ("name", format!(" is assigned to before {word} declaration"))
            } else {
                self.mention(ident.name, flag);
                self.table().declarations.push((ident.name, span));
                if flag == GLOBAL {
                    // The module's own code means the same variable, even where its namespace is another (`exec`).
                    self.tables[0].mention(ident.name, GLOBAL);
                }
                continue;
            };
            self.error_about(start, written, &end, span);
        }
    }

    /// The annotation of a function's variable is not evaluated, but what it mentions counts all the same.
    fn ann_assign(&mut self, stmt: &mut Stmt) {
        let span = stmt.span;
        let StmtKind::AnnAssign { target, annotation, value, simple } = &mut stmt.kind else { return };
        if let ExprKind::Name(name) = &mut target.kind {
            let written = *name;
            *name = self.mangle(written);
            let name = *name;
            let declared = self.table().flags(name) & (GLOBAL | NONLOCAL);
            if declared != 0 && *simple && self.current != ScopeId(0) {
                let word = if declared & GLOBAL != 0 { " can't be global" } else { " can't be nonlocal" };
                self.error_about("annotated name", written, word, span);
            } else if *simple {
                self.mention(name, ANNOTATED | LOCAL);
            } else if value.is_some() {
                self.mention(name, LOCAL);
            }
        } else {
            self.target(target, LOCAL);
        }
        self.annotation(annotation);
        self.opt_expr(value);
    }

    fn import(&mut self, names: &mut [Alias]) {
        for alias in names {
            // A dotted name is not private, whatever its parts are.
            if let [name] = &mut alias.name[..] {
                self.mangle_in_place(name);
            }
            self.bind_alias(alias);
        }
    }

    fn import_from(&mut self, module: &mut [Ident], names: &mut [Alias]) {
        if let [module] = module {
            self.mangle_in_place(module);
        }
        for alias in names {
            if let [name] = &mut alias.name[..] {
                if name.name == sym::star {
                    if self.table().kind != ScopeKind::Module {
                        self.error("import * only allowed at module level".to_owned(), alias.span);
                    }
                    continue;
                }
                self.mangle_in_place(name);
            }
            self.bind_alias(alias);
        }
    }

    fn bind_alias(&mut self, alias: &mut Alias) {
        match &mut alias.asname {
            Some(name) => self.bind(name, IMPORT),
            None => {
                if let [first, ..] = &alias.name[..] {
                    self.mention(first.name, IMPORT);
                }
            }
        }
    }

    // Targets

    /// What is assigned to or deleted.
    pub(super) fn target(&mut self, target: &mut Expr, flags: Flags) -> bool {
        let span = target.span;
        target.suspends = match &mut target.kind {
            ExprKind::Name(name) => {
                *name = self.mangle(*name);
                let name = *name;
                if flags & ITERATION != 0 && self.table().flags(name) & (GLOBAL | NONLOCAL) != 0 {
                    let before = "comprehension inner loop cannot rebind assignment expression target";
                    self.error_about(before, name, "", span);
                }
                self.mention(name, flags);
                false
            }
            ExprKind::Tuple(elements) | ExprKind::List(elements) => {
                let mut suspends = false;
                for element in elements {
                    suspends |= self.target(element, flags);
                }
                suspends
            }
            ExprKind::Starred(value) => self.target(value, flags),
            _ => return self.expr(target),
        };
        target.suspends
    }

    // Definitions

    fn function(&mut self, def: &mut FunctionDef) {
        let written = def.name.name;
        self.bind(&mut def.name, LOCAL);
        self.defaults(&mut def.params);
        let generic = !def.type_params.is_empty();
        if !generic {
            self.annotations(&mut def.params, &mut def.returns);
        }
        self.exprs(&mut def.decorators);
        if generic {
            def.type_scope = self.enter_type_params(&mut def.type_params, written);
            self.annotations(&mut def.params, &mut def.returns);
        }
        def.scope = self.enter(ScopeKind::Function, written);
        self.table().is_async = def.is_async;
        self.params(&mut def.params);
        self.stmts(&mut def.body);
        self.leave();
        if generic {
            self.leave();
        }
    }

    fn class(&mut self, def: &mut ClassDef) {
        let written = def.name.name;
        self.bind(&mut def.name, LOCAL);
        self.exprs(&mut def.decorators);
        let generic = !def.type_params.is_empty();
        let outer = self.class;
        let outer_private = self.private.take();
        if generic {
            self.class = Some(written);
            self.private = Some(def.type_params.iter().map(|param| param.name.name).collect());
            def.type_scope = self.enter_type_params(&mut def.type_params, written);
        }
        self.args(&mut def.args);
        self.class = outer;
        self.private = outer_private;
        def.scope = self.enter(ScopeKind::Class, written);
        let outer_private = self.private.take();
        self.class = Some(written);
        self.stmts(&mut def.body);
        self.class = outer;
        self.private = outer_private;
        self.leave();
        if generic {
            self.leave();
        }
    }

    fn type_alias(&mut self, stmt: &mut Stmt) {
        let StmtKind::TypeAlias { name, type_params, value, scope } = &mut stmt.kind else { return };
        let ExprKind::Name(written) = name.kind else { return };
        self.target(name, LOCAL);
        *scope = self.enter_type_params(type_params, written);
        self.table().context = "a type alias";
        self.expr(value);
        self.leave();
    }

    fn enter_type_params(&mut self, type_params: &mut [TypeParam], owner: Symbol) -> ScopeId {
        let id = self.enter(ScopeKind::TypeParams, owner);
        for param in type_params {
            let written = param.name.name;
            self.mangle_in_place(&mut param.name);
            if self.table().flags(param.name.name) & TYPE_PARAM != 0 {
                let span = type_param_span(param, self.source);
                self.error_about("duplicate type parameter", written, "", span);
            }
            self.mention(param.name.name, TYPE_PARAM);
            let (bound, default) = match &mut param.kind {
                TypeParamKind::TypeVar { bound } => (bound.as_mut(), "a TypeVar default"),
                TypeParamKind::TypeVarTuple => (None, "a TypeVarTuple default"),
                TypeParamKind::ParamSpec => (None, "a ParamSpec default"),
            };
            if let Some(bound) = bound {
                self.table().context =
                    if matches!(bound.kind, ExprKind::Tuple(_)) { "a TypeVar constraint" } else { "a TypeVar bound" };
                self.expr(bound);
            }
            self.table().context = default;
            self.opt_expr(&mut param.default);
        }
        self.table().context = "the definition of a generic";
        id
    }

    pub(super) fn defaults(&mut self, params: &mut Params) -> bool {
        let mut suspends = false;
        for param in params.posonly.iter_mut().chain(&mut params.args).chain(&mut params.kwonly) {
            if let Some(default) = &mut param.default {
                suspends |= self.expr(default);
            }
        }
        suspends
    }

    fn annotations(&mut self, params: &mut Params, returns: &mut Option<Expr>) {
        let Params { posonly, args, vararg, kwonly, kwarg } = params;
        for param in posonly.iter_mut().chain(args).chain(vararg).chain(kwarg).chain(kwonly) {
            if let Some(annotation) = &mut param.annotation {
                self.annotation(annotation);
            }
        }
        if let Some(returns) = returns {
            self.annotation(returns);
        }
    }

    /// One that is not evaluated opens a scope that is forgotten afterwards, for the sake of the errors in it.
    fn annotation(&mut self, annotation: &mut Expr) {
        if !self.future_annotations {
            self.expr(annotation);
            return;
        }
        let scopes = self.tables.len();
        self.enter(ScopeKind::TypeParams, sym::lambda_);
        self.table().context = "an annotation";
        self.expr(annotation);
        self.leave();
        self.tables.truncate(scopes);
    }

    /// Binds the parameters in the order of their slots.
    pub(super) fn params(&mut self, params: &mut Params) {
        let Params { posonly, args, vararg, kwonly, kwarg } = params;
        for param in posonly.iter_mut().chain(args).chain(kwonly).chain(vararg).chain(kwarg) {
            let written = param.name.name;
            self.mangle_in_place(&mut param.name);
            if self.table().flags(param.name.name) & PARAM != 0 {
                let span = param_span(param);
                self.error_about("duplicate argument", written, " in function definition", span);
            }
            self.mention(param.name.name, PARAM);
        }
    }

    pub(super) fn args(&mut self, args: &mut [Arg]) -> bool {
        args.iter_mut().fold(false, |suspends, arg| suspends | self.expr(arg.value_mut()))
    }
}

/// A parameter with its annotation.
pub(super) fn param_span(param: &Param) -> Span {
    param.annotation.as_ref().map_or(param.name.span, |annotation| param.name.span.to(annotation.span))
}

/// A type parameter with its stars, bound and default.
pub(super) fn type_param_span(param: &TypeParam, source: &Source) -> Span {
    let mut span = param.name.span;
    let bound = match &param.kind {
        TypeParamKind::TypeVar { bound } => bound.as_ref(),
        TypeParamKind::TypeVarTuple | TypeParamKind::ParamSpec => {
            let before = source.text.get(..span.start as usize).unwrap_or_default();
            span.start = before.trim_end().trim_end_matches('*').len() as u32;
            None
        }
    };
    bound.into_iter().chain(&param.default).fold(span, |span, part| span.to(part.span))
}
