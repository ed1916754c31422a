//! The second walk: what is certainly not meant.

use std::rc::Rc;

use crate::diagnostic::{Diagnostic, Label, Place, Severity};
use crate::resolve::Scopes;
use crate::source::{Source, Span};
use crate::symbol::{Interner, Symbol};
use crate::syntax::ast::{
    BoolOp, CmpOp, Comp, Comprehension, Constant, Expr, ExprKind, FunctionDef, Module, ScopeId, Stmt, StmtKind, UnaryOp,
};
use crate::syntax::visit::{Part, PatternPart, all_params, expr_parts, pattern_parts, stmt_parts};

use super::facts::{Facts, What};
use super::{
    BLOCKING_CALL, MISSING_AWAIT, NESTED_RUN, NEVER_AWAITED, TASK_DROPPED, UNDEFINED_NAME, UNREACHABLE, UNUSED_VARIABLE,
};

/// Library functions that make coroutines.
const COROUTINES: &[&str] = &[
    "asyncio.sleep",
    "asyncio.wait_for",
    "asyncio.wait",
    "asyncio.to_thread",
    "asyncio.open_connection",
    "asyncio.start_server",
    "asyncio.create_subprocess_exec",
    "asyncio.create_subprocess_shell",
];

/// Functions that start a task which only their result refers to.
pub(super) const TASK_MAKERS: &[&str] = &["asyncio.create_task", "asyncio.ensure_future", "loop.create_task"];

/// What blocks: functions of a module, and what to write instead of one.
const BLOCKING: &[(&str, &[&str], &str)] = &[
    ("time", &["sleep"], "`await asyncio.sleep(...)`"),
    (
        "subprocess",
        &["run", "call", "check_call", "check_output", "getoutput", "getstatusoutput"],
        "`await asyncio.create_subprocess_exec(...)`",
    ),
    ("os", &["system", "popen"], "`await asyncio.create_subprocess_shell(...)`"),
    ("os", &["wait", "waitpid"], "`await asyncio.to_thread({}, ...)`"),
    ("urllib.request", &["urlopen", "urlretrieve"], "`await asyncio.to_thread({}, ...)`"),
    ("requests", REQUESTS, "`await asyncio.to_thread({}, ...)`"),
    ("httpx", REQUESTS, "`await asyncio.to_thread({}, ...)`"),
];
const REQUESTS: &[&str] = &["get", "post", "put", "patch", "delete", "head", "options", "request"];

/// Attributes that a coroutine has.
const COROUTINE_ATTRIBUTES: &[&str] = &["send", "throw", "close"];

/// Names that every module has, or that are builtins only at times.
const MODULE_NAMES: &[&str] = &[
    "__name__", "__file__", "__doc__", "__builtins__", "__spec__", "__package__", "__loader__", "__path__",
    "__annotations__", "__dict__", "__module__", "__qualname__", "__class__", "__debug__", "__cached__",
    "__warningregistry__", "_", "WindowsError",
];

pub(super) fn check(
    module: &Module,
    scopes: &Scopes,
    facts: &Facts,
    source: &Rc<Source>,
    interner: &Interner,
    is_builtin: &dyn Fn(&str) -> bool,
) -> Vec<Diagnostic> {
    let mut rules = Rules {
        scopes,
        facts,
        source,
        interner,
        is_builtin,
        scope: ScopeId(0),
        this: None,
        is_async: false,
        may_be_undefined: false,
        found: Vec::new(),
    };
    rules.block(&module.body);
    rules.unused();
    rules.found
}

struct Rules<'a> {
    scopes: &'a Scopes,
    facts: &'a Facts,
    source: &'a Rc<Source>,
    interner: &'a Interner,
    is_builtin: &'a dyn Fn(&str) -> bool,
    scope: ScopeId,
    /// In a method: its first parameter and its class's scope.
    this: Option<(Symbol, ScopeId)>,
    /// Directly in an async function.
    is_async: bool,
    /// In a `try` that handles `NameError`, or in a class body that a metaclass may have given names.
    may_be_undefined: bool,
    found: Vec<Diagnostic>,
}

impl Rules<'_> {
    fn warn(&mut self, code: &str, span: Span, message: String, help: Option<String>) -> &mut Diagnostic {
        let warning = Diagnostic::error(code, message, self.source, span);
        let at = self.found.len();
        self.found.push(Diagnostic { severity: Severity::Warning, helps: help.into_iter().collect(), ..warning });
        &mut self.found[at]
    }

    fn unused(&mut self) {
        let mut unused: Vec<_> = self.facts.unused(self.scopes).collect();
        unused.sort_by_key(|(_, span)| span.start);
        for (name, span) in unused {
            let name = self.interner.name(name).clone();
            if !name.starts_with('_') {
                self.warn(UNUSED_VARIABLE, span, format!("variable '{name}' is assigned and never used"), None);
            }
        }
    }

    fn within(&mut self, scope: ScopeId, f: impl FnOnce(&mut Self)) {
        let around = std::mem::replace(&mut self.scope, scope);
        f(self);
        self.scope = around;
    }

    fn block(&mut self, stmts: &[Stmt]) {
        for (at, stmt) in stmts.iter().enumerate() {
            self.stmt(stmt);
            let Some(how) = leaves(stmt) else { continue };
            // A `yield` that is never reached makes the function a generator.
            let rest = &stmts[at + 1..];
            if let Some(next) = rest.first().filter(|_| !rest.iter().any(yields)) {
                let label = Label { place: self.place(stmt.span), text: how.to_owned() };
                self.warn(UNREACHABLE, next.span, "this is never reached".to_owned(), None).labels.push(label);
                // What is never reached is not looked into any further.
                return;
            }
        }
    }

    fn place(&self, span: Span) -> Place {
        Place { source: self.source.clone(), span }
    }

    fn stmt(&mut self, stmt: &Stmt) {
        match &stmt.kind {
            StmtKind::FunctionDef(def) => return self.function(def),
            StmtKind::ClassDef(def) => {
                def.decorators.iter().for_each(|e| self.expr(e));
                let outside = if def.type_params.is_empty() { self.scope } else { def.type_scope };
                return self.within(outside, |rules| {
                    def.args.iter().for_each(|arg| rules.expr(arg.value()));
                    let around = (rules.is_async, rules.may_be_undefined);
                    (rules.is_async, rules.may_be_undefined) = (false, !def.args.is_empty());
                    rules.within(def.scope, |rules| rules.block_of_class(&def.body, def.scope));
                    (rules.is_async, rules.may_be_undefined) = around;
                });
            }
            StmtKind::TypeAlias { value, scope, .. } => return self.within(*scope, |rules| rules.expr(value)),
            StmtKind::Expr(value) => {
                self.dropped(value);
                return self.expr(value);
            }
            StmtKind::If { test, .. } | StmtKind::While { test, .. } | StmtKind::Assert { test, .. } => {
                self.needs_result(test, "a coroutine is always true");
            }
            StmtKind::For { iter, is_async, .. } => self.iterated(iter, *is_async),
            StmtKind::Assign { targets, value } if targets.iter().any(|t| matches!(t.kind, ExprKind::Tuple(_))) => {
                self.iterated(value, false);
            }
            StmtKind::AnnAssign { value, target, .. } if self.scopes.future_annotations => {
                self.target(target);
                return value.iter().for_each(|e| self.expr(e));
            }
            StmtKind::AugAssign { value, .. } => self.needs_result(value, "a coroutine is no operand"),
            StmtKind::Try { body, handlers, orelse, finalbody, .. } => {
                let catches = handlers.iter().any(|handler| self.handles_name_error(handler.kind.as_ref()));
                let around = self.may_be_undefined;
                self.may_be_undefined |= catches;
                self.block(body);
                self.may_be_undefined = around;
                for handler in handlers {
                    handler.kind.iter().for_each(|kind| self.expr(kind));
                    self.block(&handler.body);
                }
                self.block(orelse);
                return self.block(finalbody);
            }
            _ => {}
        }
        stmt_parts(stmt, &mut |part| match part {
            Part::Expr(expr) => self.expr(expr),
            Part::Target(target) => self.target(target),
            Part::Block(block) => self.block(block),
            Part::Pattern(pattern) => pattern_parts(pattern, &mut |part| {
                if let PatternPart::Value(value) = part {
                    self.expr(value);
                }
            }),
        });
    }

    fn handles_name_error(&self, kind: Option<&Expr>) -> bool {
        let Some(kind) = kind else { return true };
        let mut found = false;
        let mut look = |e: &Expr| {
            if let ExprKind::Name(name) = e.kind {
                let name = &**self.interner.name(name);
                found |= matches!(name, "NameError" | "UnboundLocalError" | "Exception" | "BaseException");
            }
        };
        look(kind);
        expr_parts(kind, &mut look);
        found
    }

    fn block_of_class(&mut self, body: &[Stmt], class: ScopeId) {
        for stmt in body {
            let StmtKind::FunctionDef(def) = &stmt.kind else {
                self.stmt(stmt);
                continue;
            };
            let this = all_params(&def.params).next().map(|param| (param.name.name, class));
            let around = (self.this, self.may_be_undefined);
            (self.this, self.may_be_undefined) = (this, false);
            self.function(def);
            (self.this, self.may_be_undefined) = around;
        }
    }

    fn function(&mut self, def: &FunctionDef) {
        def.decorators.iter().for_each(|e| self.expr(e));
        let outside = if def.type_params.is_empty() { self.scope } else { def.type_scope };
        self.within(outside, |rules| {
            let evaluated = !rules.scopes.future_annotations;
            for param in all_params(&def.params) {
                param.default.iter().for_each(|e| rules.expr(e));
                param.annotation.iter().filter(|_| evaluated).for_each(|e| rules.expr(e));
            }
            def.returns.iter().filter(|_| evaluated).for_each(|e| rules.expr(e));
            let around = std::mem::replace(&mut rules.is_async, def.is_async);
            rules.within(def.scope, |rules| rules.block(&def.body));
            rules.is_async = around;
        });
    }

    fn target(&mut self, target: &Expr) {
        match &target.kind {
            ExprKind::Name(_) => {}
            ExprKind::Tuple(items) | ExprKind::List(items) => items.iter().for_each(|item| self.target(item)),
            ExprKind::Starred(value) => self.target(value),
            _ => expr_parts(target, &mut |e| self.expr(e)),
        }
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Name(name) => return self.name(*name, expr.span),
            ExprKind::Call { func, .. } => self.blocking(func, expr.span),
            ExprKind::IfExp { test, .. } => self.needs_result(test, "a coroutine is always true"),
            ExprKind::UnaryOp { op, operand } => {
                let why = if *op == UnaryOp::Not { "a coroutine is always true" } else { "a coroutine is no operand" };
                self.needs_result(operand, why);
            }
            // `f() or x` is the coroutine, whatever `x`; the last operand may be meant as it is.
            ExprKind::BoolOp { values, op: BoolOp::And | BoolOp::Or } => {
                for value in &values[..values.len().saturating_sub(1)] {
                    self.needs_result(value, "a coroutine is always true");
                }
            }
            ExprKind::BinOp { first, rest } => {
                let operands = std::iter::once(&**first).chain(rest.iter().map(|(_, e)| e));
                operands.for_each(|e| self.needs_result(e, "a coroutine is no operand"));
            }
            ExprKind::Compare { first, rest }
                if !rest.iter().any(|(op, _)| matches!(op, CmpOp::Is | CmpOp::IsNot | CmpOp::In | CmpOp::NotIn)) =>
            {
                let operands = std::iter::once(&**first).chain(rest.iter().map(|(_, e)| e));
                operands.for_each(|e| self.needs_result(e, "a coroutine equals nothing but itself"));
            }
            ExprKind::Subscript { value, .. } => self.needs_result(value, "a coroutine has no items"),
            ExprKind::Attribute { value, attr } => {
                let name = &**self.interner.name(attr.name);
                if !name.starts_with("cr_") && !name.starts_with("__") && !COROUTINE_ATTRIBUTES.contains(&name) {
                    self.needs_result(value, &format!("a coroutine has no attribute '{name}'"));
                }
            }
            ExprKind::Lambda(lambda) => {
                let around = std::mem::replace(&mut self.is_async, false);
                self.within(lambda.scope, |rules| expr_parts(expr, &mut |e| rules.expr(e)));
                self.is_async = around;
                return;
            }
            ExprKind::ListComp(comp)
            | ExprKind::SetComp(comp)
            | ExprKind::DictComp(comp)
            | ExprKind::GeneratorExp(comp) => return self.comprehension(comp),
            _ => {}
        }
        expr_parts(expr, &mut |e| self.expr(e));
    }

    fn comprehension(&mut self, comp: &Comp) {
        let mut first = true;
        for Comprehension { target, iter, ifs, is_async } in &comp.generators {
            self.iterated(iter, *is_async);
            if std::mem::take(&mut first) {
                self.expr(iter);
            } else {
                self.within(comp.scope, |rules| rules.expr(iter));
            }
            self.within(comp.scope, |rules| {
                rules.target(target);
                for test in ifs {
                    rules.needs_result(test, "a coroutine is always true");
                    rules.expr(test);
                }
            });
        }
        self.within(comp.scope, |rules| {
            rules.expr(&comp.element);
            comp.value.iter().for_each(|e| rules.expr(e));
        });
    }

    fn name(&mut self, name: Symbol, span: Span) {
        let owner = Facts::owner(self.scopes, self.scope, name);
        let is_bound = |scope| self.facts.get(scope, name).is_some_and(|fact| fact.times > 0);
        if is_bound(owner) || is_bound(ScopeId(0)) || self.facts.is_open || self.may_be_undefined {
            return;
        }
        let text = self.interner.name(name).clone();
        if !(self.is_builtin)(&text) && !MODULE_NAMES.contains(&&*text) && !text.starts_with('.') {
            self.warn(UNDEFINED_NAME, span, format!("name '{text}' is not defined"), None);
        }
    }

    /// The function that a call is certain to run, if it makes coroutines or is an asynchronous generator.
    fn asynchronous<'e>(&self, call: &'e Expr) -> Option<(&'e Expr, String, What)> {
        let ExprKind::Call { func, .. } = &call.kind else { return None };
        let (what, name) = match &func.kind {
            ExprKind::Name(name) => (self.facts.what(self.scopes, self.scope, *name), *name),
            ExprKind::Attribute { value, attr } => match (&value.kind, self.this) {
                (ExprKind::Name(name), Some((this, class))) if *name == this => {
                    (self.facts.in_class(class, attr.name), attr.name)
                }
                _ => (self.facts.method(self.scopes, self.scope, value, attr.name), attr.name),
            },
            _ => return None,
        };
        if let Some(what @ (What::Coroutine | What::AsyncGenerator)) = what {
            return Some((func, self.interner.name(name).to_string(), what.clone()));
        }
        let path = self.facts.path(self.scopes, self.scope, func, self.interner)?;
        COROUTINES.contains(&&*path).then_some((func, path, What::Coroutine))
    }

    /// An expression whose value nobody looks at.
    fn dropped(&mut self, value: &Expr) {
        let ExprKind::Call { func, args, .. } = &value.kind else { return };
        if let Some((func, name, What::Coroutine)) = self.asynchronous(value) {
            let call = &self.source.text[func.span.range()];
            let help = format!(
                "write `await {call}(...)` to run it here and wait for its result, or `asyncio.create_task({call}(...))` \
                 to let it run beside what follows"
            );
            self.warn(NEVER_AWAITED, value.span, format!("coroutine '{name}' is never awaited"), Some(help));
        } else if let Some(path) = self.facts.path(self.scopes, self.scope, func, self.interner) {
            // What is a future already stays as it is, and others may refer to it.
            let is_made = path != "asyncio.ensure_future"
                || args
                    .first()
                    .is_some_and(|arg| matches!(self.asynchronous(arg.value()), Some((.., What::Coroutine))));
            if TASK_MAKERS.contains(&&*path) && is_made {
                let help = "keep it, as in `task = ...`: the event loop itself refers to tasks only weakly".to_owned();
                let warning = self.warn(TASK_DROPPED, value.span, "nothing refers to this task".to_owned(), Some(help));
                warning.notes.push("it may disappear before it is done".to_owned());
            }
        }
    }

    /// An expression that cannot be meant to be a coroutine.
    fn needs_result(&mut self, value: &Expr, why: &str) {
        let Some((func, name, What::Coroutine)) = self.asynchronous(value) else { return };
        let help = format!("write `await {}(...)`", &self.source.text[func.span.range()]);
        let message = format!("'{name}' is called without await");
        self.warn(MISSING_AWAIT, value.span, message, Some(help)).notes.push(why.to_owned());
    }

    fn iterated(&mut self, iter: &Expr, is_async: bool) {
        match self.asynchronous(iter) {
            Some((_, name, What::AsyncGenerator)) if !is_async => {
                let message = format!("'{name}' is an asynchronous generator");
                self.warn(MISSING_AWAIT, iter.span, message, Some("write `async for`".to_owned()));
            }
            Some((_, _, What::Coroutine)) => self.needs_result(iter, "a coroutine cannot be iterated over"),
            _ => {}
        }
    }

    fn blocking(&mut self, func: &Expr, span: Span) {
        if !self.is_async {
            return;
        }
        let path = match &func.kind {
            ExprKind::Name(name) if &**self.interner.name(*name) == "input" => {
                let owner = Facts::owner(self.scopes, self.scope, *name);
                let own = self.facts.get(owner, *name).is_some_and(|fact| fact.times > 0);
                (!own).then(|| "input".to_owned())
            }
            _ => self.facts.path(self.scopes, self.scope, func, self.interner),
        };
        let Some(path) = path else { return };
        if path == "asyncio.run" || path == "loop.run_until_complete" || path == "loop.run_forever" {
            let message = format!("{path}() inside an async function");
            let warning = self.warn(NESTED_RUN, span, message, Some("write `await ...`".to_owned()));
            warning.notes.push("an event loop runs already: this raises RuntimeError".to_owned());
            return;
        }
        let instead = match path.rsplit_once('.') {
            Some((module, name)) => {
                let of_module = |row: &&(&str, &[&str], &'static str)| row.0 == module && row.1.contains(&name);
                let Some((.., instead)) = BLOCKING.iter().find(of_module) else { return };
                *instead
            }
            None if path == "input" => "`await asyncio.to_thread({}, ...)`",
            None => return,
        };
        let message = format!("{path}() stops every task until it returns");
        self.warn(BLOCKING_CALL, span, message, Some(format!("write {}", instead.replace("{}", &path))));
    }
}

/// How a statement leaves its block, if it does so for certain.
fn leaves(stmt: &Stmt) -> Option<&'static str> {
    let ends = |block: &[Stmt]| block.last().and_then(leaves);
    match &stmt.kind {
        StmtKind::Return(_) => Some("return leaves the block"),
        StmtKind::Raise { .. } => Some("raise leaves the block"),
        StmtKind::Break => Some("break leaves the block"),
        StmtKind::Continue => Some("continue leaves the block"),
        StmtKind::If { body, orelse, .. } if ends(body).is_some() && ends(orelse).is_some() => {
            Some("both ways through this leave the block")
        }
        StmtKind::While { test, body, .. } if is_true(test) && !breaks(body) => Some("this loop never ends by itself"),
        StmtKind::Try { body, handlers, orelse, finalbody, .. } => {
            let whole = if orelse.is_empty() { body } else { orelse };
            let all = ends(whole).is_some() && handlers.iter().all(|handler| ends(&handler.body).is_some());
            (all || ends(finalbody).is_some()).then_some("every way through this leaves the block")
        }
        _ => None,
    }
}

fn is_true(test: &Expr) -> bool {
    matches!(test.kind, ExprKind::Constant(Constant::True) | ExprKind::Constant(Constant::Int(1)))
}

/// Whether a block has a `break` for the loop around it.
fn breaks(block: &[Stmt]) -> bool {
    block.iter().any(|stmt| match &stmt.kind {
        StmtKind::Break => true,
        StmtKind::FunctionDef(_) | StmtKind::ClassDef(_) => false,
        StmtKind::For { orelse, .. } | StmtKind::While { orelse, .. } => breaks(orelse),
        _ => {
            let mut found = false;
            stmt_parts(stmt, &mut |part| found |= matches!(part, Part::Block(block) if breaks(block)));
            found
        }
    })
}

/// Whether a statement contains a `yield` of its function.
fn yields(stmt: &Stmt) -> bool {
    fn in_expr(expr: &Expr) -> bool {
        match expr.kind {
            ExprKind::Yield(_) | ExprKind::YieldFrom(_) => true,
            ExprKind::Lambda(_) => false,
            _ => {
                let mut found = false;
                expr_parts(expr, &mut |e| found = found || in_expr(e));
                found
            }
        }
    }
    if matches!(stmt.kind, StmtKind::FunctionDef(_) | StmtKind::ClassDef(_)) {
        return false;
    }
    let mut found = false;
    stmt_parts(stmt, &mut |part| {
        found = found
            || match part {
                Part::Expr(expr) | Part::Target(expr) => in_expr(expr),
                Part::Block(block) => block.iter().any(yields),
                Part::Pattern(_) => false,
            }
    });
    found
}
