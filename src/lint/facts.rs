//! The first walk: what each name of each scope is bound to, how often, and whether anything reads it.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::rules::TASK_MAKERS;
use crate::resolve::{Binding, ScopeKind, Scopes};
use crate::source::Span;
use crate::symbol::{Interner, Symbol, sym};
use crate::syntax::ast::{
    Alias, Comp, Expr, ExprKind, FunctionDef, Ident, Module, Params, ScopeId, Stmt, StmtKind, TypeParam, TypeParamKind,
};
use crate::syntax::visit::{Part, PatternPart, all_params, expr_parts, pattern_parts, stmt_parts};

/// What returns an event loop.
const LOOP_GETTERS: &[&str] = &["asyncio.get_running_loop", "asyncio.get_event_loop", "asyncio.new_event_loop"];

/// What a name is bound to, as far as that is certain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum What {
    /// An undecorated `async def`.
    Coroutine,
    /// An undecorated `async def` with `yield`.
    AsyncGenerator,
    /// An imported module, or what is imported from one: its dotted path.
    Imported(Rc<str>),
    /// What `asyncio.get_running_loop()` and its like return.
    Loop,
    /// An undecorated class without bases.
    Class(ScopeId),
    /// What a call of this name in this scope returns.
    Made(ScopeId, Symbol),
    Other,
}

/// A name in a scope.
#[derive(Debug)]
pub(super) struct Fact {
    pub(super) what: What,
    /// How many places bind it.
    pub(super) times: u32,
    pub(super) used: bool,
    /// Set if all that binds it are plain assignments to the bare name: the first of them.
    pub(super) assigned: Option<Span>,
}

/// What the walk found.
pub(super) struct Facts {
    names: HashMap<(ScopeId, Symbol), Fact, foldhash::fast::FixedState>,
    /// A name may be bound in ways that cannot be seen: `from m import *`, `exec`, `globals()`.
    pub(super) is_open: bool,
    /// The names of attributes that are assigned to anywhere: what a class has under such a name may be hidden.
    pub(super) set_attributes: HashSet<Symbol, foldhash::fast::FixedState>,
    /// The scopes in which `locals()`, `vars()`, `eval()` or `exec()` may read any variable.
    pub(super) read_all: Vec<ScopeId>,
}

impl Facts {
    /// The scope that a name belongs to, seen from `scope`; `None` for a name of the module or a builtin.
    pub(super) fn owner(scopes: &Scopes, mut scope: ScopeId, name: Symbol) -> ScopeId {
        let module = ScopeId(0);
        let mut in_function = false;
        loop {
            let here = scopes.get(scope);
            let inlined = here.kind == ScopeKind::Comprehension;
            // A class's names are not seen from the functions in it.
            let binding = here.binding(name).filter(|_| !(in_function && here.kind == ScopeKind::Class));
            match binding {
                Some(Binding::Local | Binding::Cell) if !inlined || here.variables.contains(&name) => return scope,
                Some(Binding::Namespace) if here.kind != ScopeKind::TypeParams => return scope,
                Some(Binding::Global | Binding::GlobalOrBuiltin) => return module,
                _ => match here.parent {
                    Some(parent) => {
                        in_function |= !matches!(here.kind, ScopeKind::Class | ScopeKind::TypeParams);
                        scope = parent;
                    }
                    None => return module,
                },
            }
        }
    }

    pub(super) fn get(&self, scope: ScopeId, name: Symbol) -> Option<&Fact> {
        self.names.get(&(scope, name))
    }

    /// What a name certainly is.
    pub(super) fn what(&self, scopes: &Scopes, scope: ScopeId, name: Symbol) -> Option<&What> {
        let owner = Facts::owner(scopes, scope, name);
        let fact = self.get(owner, name).or_else(|| {
            let module = scopes.get(owner).kind == ScopeKind::Class;
            module.then(|| self.get(ScopeId(0), name)).flatten()
        })?;
        // Who binds names of the module unseen may bind this one anew.
        (fact.times == 1 && !(self.is_open && owner == ScopeId(0))).then_some(&fact.what)
    }

    /// What a class has under a name, where `value` is certain to be that class or an instance of it.
    pub(super) fn method(&self, scopes: &Scopes, scope: ScopeId, value: &Expr, name: Symbol) -> Option<&What> {
        let made = |scope, name| self.what(scopes, scope, name).filter(|what| matches!(what, What::Class(_)));
        let what = match &value.kind {
            ExprKind::Name(name) => match self.what(scopes, scope, *name)? {
                What::Made(scope, maker) => made(*scope, *maker)?,
                what => what,
            },
            ExprKind::Call { func, .. } => match func.kind {
                ExprKind::Name(name) => made(scope, name)?,
                _ => return None,
            },
            _ => return None,
        };
        let What::Class(class) = *what else { return None };
        let is_plain = [sym::__new__, sym::__getattribute__].iter().all(|&name| self.get(class, name).is_none());
        is_plain.then(|| self.in_class(class, name)).flatten()
    }

    /// What a class certainly has under a name.
    pub(super) fn in_class(&self, class: ScopeId, name: Symbol) -> Option<&What> {
        let fact = self.get(class, name).filter(|fact| fact.times == 1 && !self.set_attributes.contains(&name))?;
        Some(&fact.what)
    }

    /// Local variables that are only ever assigned to, with their scope.
    pub(super) fn unused<'f>(&'f self, scopes: &'f Scopes) -> impl Iterator<Item = (Symbol, Span)> + 'f {
        self.names.iter().filter_map(|(&(scope, name), fact)| {
            let function = scopes.get(scope).kind == ScopeKind::Function && !scopes.observed;
            let span = fact.assigned.filter(|_| function && !fact.used && !self.read_all.contains(&scope))?;
            Some((name, span))
        })
    }

    /// Whether a name means what some module calls `path`.
    pub(super) fn path(&self, scopes: &Scopes, scope: ScopeId, expr: &Expr, interner: &Interner) -> Option<String> {
        match &expr.kind {
            ExprKind::Name(name) => match self.what(scopes, scope, *name)? {
                What::Imported(path) => Some(path.to_string()),
                What::Loop => Some("loop".to_owned()),
                _ => None,
            },
            ExprKind::Attribute { value, attr } => {
                let path = self.path(scopes, scope, value, interner)?;
                Some(format!("{path}.{}", interner.name(attr.name)))
            }
            ExprKind::Call { func, .. } => {
                let path = self.path(scopes, scope, func, interner)?;
                LOOP_GETTERS.contains(&&*path).then(|| "loop".to_owned())
            }
            _ => None,
        }
    }
}

pub(super) fn collect(module: &Module, scopes: &Scopes, interner: &Interner) -> Facts {
    let facts =
        Facts { names: HashMap::default(), is_open: false, set_attributes: HashSet::default(), read_all: Vec::new() };
    let mut walk = Walk { facts, scopes, interner, scope: ScopeId(0), is_text: false };
    walk.block(&module.body);
    walk.facts
}

struct Walk<'a> {
    facts: Facts,
    scopes: &'a Scopes,
    interner: &'a Interner,
    scope: ScopeId,
    /// In an annotation that is kept as text: the resolver made no scopes for what is in it.
    is_text: bool,
}

impl<'a> Walk<'a> {
    fn bind(&mut self, name: Symbol, what: What, assigned: Option<Span>) {
        if self.is_text {
            return;
        }
        let owner = match self.scopes.get(self.scope).binding(name) {
            Some(_) => Facts::owner(self.scopes, self.scope, name),
            None => self.scope,
        };
        let new = Fact { what: what.clone(), times: 0, used: owner != self.scope, assigned };
        let fact = self.facts.names.entry((owner, name)).or_insert(new);
        fact.times += 1;
        fact.assigned = fact.assigned.filter(|_| assigned.is_some());
        if fact.times == 1 {
            // It may have been read before.
            fact.what = what;
        } else if fact.what != what {
            fact.what = What::Other;
        }
    }

    fn read(&mut self, name: Symbol) {
        let owner = Facts::owner(self.scopes, self.scope, name);
        let new = || Fact { what: What::Other, times: 0, used: true, assigned: None };
        self.facts.names.entry((owner, name)).or_insert_with(new).used = true;
        if self.scopes.get(owner).kind == ScopeKind::Class {
            self.facts.names.entry((ScopeId(0), name)).or_insert_with(new).used = true;
        }
    }

    fn annotation(&mut self, annotation: &'a Expr) {
        let around = self.is_text;
        self.is_text |= self.scopes.future_annotations;
        self.expr(annotation);
        self.is_text = around;
    }

    fn within(&mut self, scope: ScopeId, f: impl FnOnce(&mut Self)) {
        let scope = if self.is_text { self.scope } else { scope };
        let around = std::mem::replace(&mut self.scope, scope);
        f(self);
        self.scope = around;
    }

    fn block(&mut self, stmts: &'a [Stmt]) {
        stmts.iter().for_each(|stmt| self.stmt(stmt));
    }

    fn stmt(&mut self, stmt: &'a Stmt) {
        match &stmt.kind {
            StmtKind::FunctionDef(def) => return self.function(def),
            StmtKind::ClassDef(def) => {
                let is_plain = def.decorators.is_empty() && def.args.is_empty();
                self.bind(def.name.name, if is_plain { What::Class(def.scope) } else { What::Other }, None);
                def.decorators.iter().for_each(|e| self.expr(e));
                let outside = if def.type_params.is_empty() { self.scope } else { def.type_scope };
                return self.within(outside, |walk| {
                    walk.type_params(&def.type_params);
                    def.args.iter().for_each(|arg| walk.expr(arg.value()));
                    walk.within(def.scope, |walk| walk.block(&def.body));
                });
            }
            StmtKind::TypeAlias { name, type_params, value, scope } => {
                self.target(name, None);
                return self.within(*scope, |walk| {
                    walk.type_params(type_params);
                    walk.expr(value);
                });
            }
            StmtKind::Nonlocal(names) => names.iter().for_each(|name| self.read(name.name)),
            StmtKind::Import(names) => names.iter().for_each(|alias| self.import(alias)),
            StmtKind::ImportFrom { module, names, level } => self.import_from(module, names, *level),
            StmtKind::Assign { targets, value } => {
                let (what, kept) = self.value(value);
                self.expr(value);
                for target in targets {
                    match &target.kind {
                        ExprKind::Name(name) => self.bind(*name, what.clone(), Some(target.span).filter(|_| !kept)),
                        _ => self.target(target, None),
                    }
                }
                return;
            }
            StmtKind::AnnAssign { target, annotation, value, .. } => {
                value.iter().for_each(|value| self.expr(value));
                self.annotation(annotation);
                return match (&target.kind, value) {
                    (ExprKind::Name(name), Some(_)) => self.bind(*name, What::Other, Some(target.span)),
                    _ => self.target(target, None),
                };
            }
            // `x += 1` reads `x`, but to no end if nothing else does.
            StmtKind::AugAssign { target, value, .. } => {
                self.expr(value);
                return match &target.kind {
                    ExprKind::Name(name) => self.bind(*name, What::Other, Some(target.span)),
                    _ => self.target(target, None),
                };
            }
            StmtKind::With { items, body, .. } => {
                for item in items {
                    self.expr(&item.context);
                    if let Some(target) = &item.target {
                        self.target(target, Some(target.span));
                    }
                }
                return self.block(body);
            }
            StmtKind::Try { handlers, .. } => {
                for name in handlers.iter().filter_map(|handler| handler.name.as_ref()) {
                    self.bind(name.name, What::Other, Some(name.span));
                }
            }
            _ => {}
        }
        stmt_parts(stmt, &mut |part| match part {
            Part::Expr(expr) => self.expr(expr),
            Part::Target(target) => self.target(target, None),
            Part::Block(block) => self.block(block),
            Part::Pattern(pattern) => pattern_parts(pattern, &mut |part| match part {
                PatternPart::Value(value) => self.expr(value),
                PatternPart::Name(name) => self.bind(name.name, What::Other, None),
            }),
        });
    }

    /// What an assignment makes of its target, and whether it is there to keep a task alive.
    fn value(&self, value: &Expr) -> (What, bool) {
        let ExprKind::Call { func, .. } = &value.kind else { return (What::Other, false) };
        let path = self.facts.path(self.scopes, self.scope, func, self.interner);
        match path.as_deref() {
            Some(path) if LOOP_GETTERS.contains(&path) => (What::Loop, false),
            Some(path) => (What::Other, TASK_MAKERS.contains(&path)),
            None => match func.kind {
                ExprKind::Name(name) => (What::Made(self.scope, name), false),
                _ => (What::Other, false),
            },
        }
    }

    fn function(&mut self, def: &'a FunctionDef) {
        let scope = self.scopes.get(def.scope);
        let what = match (def.is_async && def.decorators.is_empty(), scope.has_yield) {
            (false, _) => What::Other,
            (true, false) => What::Coroutine,
            (true, true) => What::AsyncGenerator,
        };
        self.bind(def.name.name, what, None);
        def.decorators.iter().for_each(|e| self.expr(e));
        let outside = if def.type_params.is_empty() { self.scope } else { def.type_scope };
        self.within(outside, |walk| {
            walk.type_params(&def.type_params);
            walk.params(&def.params, def.scope);
            def.returns.iter().for_each(|e| walk.annotation(e));
            walk.within(def.scope, |walk| walk.block(&def.body));
        });
    }

    fn type_params(&mut self, type_params: &'a [TypeParam]) {
        for TypeParam { name, kind, default } in type_params {
            self.bind(name.name, What::Other, None);
            if let TypeParamKind::TypeVar { bound: Some(bound) } = kind {
                self.expr(bound);
            }
            default.iter().for_each(|e| self.expr(e));
        }
    }

    /// Defaults and annotations belong outside, the parameters inside.
    fn params(&mut self, params: &'a Params, inside: ScopeId) {
        for param in all_params(params) {
            param.default.iter().for_each(|e| self.expr(e));
            param.annotation.iter().for_each(|e| self.annotation(e));
            self.within(inside, |walk| walk.bind(param.name.name, What::Other, None));
        }
    }

    fn import(&mut self, alias: &Alias) {
        let names = |idents: &[Ident]| -> String {
            idents.iter().map(|ident| self.interner.name(ident.name).to_string()).collect::<Vec<_>>().join(".")
        };
        let (name, path) = match &alias.asname {
            Some(name) => (name.name, names(&alias.name)),
            None => match alias.name.first() {
                Some(first) => (first.name, names(std::slice::from_ref(first))),
                None => return,
            },
        };
        // Whoever imports `builtins` may add to them.
        self.facts.is_open |= path == "builtins";
        self.bind(name, What::Imported(path.into()), None);
    }

    fn import_from(&mut self, module: &[Ident], names: &[Alias], level: u32) {
        let module: Vec<_> = module.iter().map(|ident| self.interner.name(ident.name).to_string()).collect();
        for alias in names {
            let Some(first) = alias.name.first() else { continue };
            let name = self.interner.name(first.name).clone();
            if &*name == "*" {
                self.facts.is_open = true;
                continue;
            }
            let what = match level {
                0 => What::Imported(format!("{}.{name}", module.join(".")).into()),
                _ => What::Other,
            };
            self.bind(alias.asname.unwrap_or(*first).name, what, None);
        }
    }

    fn target(&mut self, target: &'a Expr, assigned: Option<Span>) {
        match &target.kind {
            ExprKind::Name(name) => self.bind(*name, What::Other, assigned),
            ExprKind::Tuple(items) | ExprKind::List(items) => items.iter().for_each(|item| self.target(item, None)),
            ExprKind::Starred(value) => self.target(value, None),
            ExprKind::Attribute { value, attr } => {
                self.facts.set_attributes.insert(attr.name);
                self.expr(value);
            }
            _ => expr_parts(target, &mut |e| self.expr(e)),
        }
    }

    fn expr(&mut self, expr: &'a Expr) {
        match &expr.kind {
            ExprKind::Name(name) => {
                self.read(*name);
                match &**self.interner.name(*name) {
                    "exec" | "globals" | "global_enum" | "__builtins__" => {
                        self.facts.is_open = true;
                        self.reads_all();
                    }
                    "locals" | "vars" | "eval" | "dir" => {
                        self.facts.is_open |= self.scope == ScopeId(0);
                        self.reads_all();
                    }
                    _ => {}
                }
                if *name == sym::__class__ {
                    self.reads_all();
                }
            }
            ExprKind::Attribute { value, attr } => {
                // What adds names to a module: `global_enum`, an enum's `_convert_`, whoever gets hold of it.
                let adds = ["global_enum", "_convert_", "modules"].contains(&&**self.interner.name(attr.name));
                self.facts.is_open |= adds;
                self.expr(value);
            }
            ExprKind::NamedExpr { target, value } => {
                self.expr(value);
                self.bind(target.name, What::Other, Some(target.span));
            }
            ExprKind::Lambda(lambda) => {
                self.params(&lambda.params, lambda.scope);
                self.within(lambda.scope, |walk| walk.expr(&lambda.body));
            }
            ExprKind::ListComp(comp)
            | ExprKind::SetComp(comp)
            | ExprKind::DictComp(comp)
            | ExprKind::GeneratorExp(comp) => self.comprehension(comp),
            _ => expr_parts(expr, &mut |e| self.expr(e)),
        }
    }

    /// What runs here sees all variables of the function.
    fn reads_all(&mut self) {
        let mut scope = self.scope;
        self.facts.read_all.push(scope);
        while let (ScopeKind::Comprehension, Some(host)) = (self.scopes.get(scope).kind, self.scopes.get(scope).parent)
        {
            self.facts.read_all.push(host);
            scope = host;
        }
    }

    /// The first iterable belongs outside.
    fn comprehension(&mut self, comp: &'a Comp) {
        let mut first = true;
        for generator in &comp.generators {
            if std::mem::take(&mut first) {
                self.expr(&generator.iter);
            } else {
                self.within(comp.scope, |walk| walk.expr(&generator.iter));
            }
            self.within(comp.scope, |walk| {
                walk.target(&generator.target, None);
                generator.ifs.iter().for_each(|e| walk.expr(e));
            });
        }
        self.within(comp.scope, |walk| {
            walk.expr(&comp.element);
            comp.value.iter().for_each(|e| walk.expr(e));
        });
    }
}
