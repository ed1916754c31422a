//! Lowering: the scoped tree becomes [`Code`].
//!
//! A body becomes a flat list of steps (`stmt`, `block`), the expressions inside them closures specialised for what is
//! known (`expr`, `operator`, `call`). An expression that contains `await` or `yield` is split at it (`spill`), its
//! earlier operands kept in hidden slots.
//!
//! **Invariant**: hidden slots are given out like a stack. What an exception interrupts lies above its handler's `clear`
//! mark, so freeing everything from there frees just that.

mod awaiting;
mod block;
mod call;
mod call_native;
mod comp;
mod constant;
mod def;
mod direct;
#[cfg(feature = "cli")]
mod dump;
mod expr;
mod fstring;
mod green;
mod group;
mod items;
mod iterate;
mod methods;
mod name;
mod operator;
mod pattern;
mod plain_call;
mod prelude;
mod special;
mod spill;
mod stmt;
mod store;
mod super_call;
mod tail;

#[cfg(feature = "cli")]
pub use dump::dump_code;
pub use green::{compile_again, compile_green};

use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::diagnostic::{Diagnostic, Finder, Severity};
use crate::machine::Vm;
use crate::object::code::{Code, CodeKind, Handler, ParamSpec, Pc, Slot, Step, Thunk};
use crate::object::frame::Frame;
use crate::object::{Eval, Str, Value};
use crate::resolve::{self, Binding, Mode, Scopes};
use crate::source::{Source, Span};
use crate::symbol::Symbol;
use crate::syntax::ast::{Expr, ExprKind, Module, ScopeId};
use crate::syntax::{self, Parsed};

type Names = HashMap<Symbol, Slot, foldhash::fast::FixedState>;

/// Compiles a module's source.
pub fn compile_module(vm: &mut Vm, source: &Rc<Source>) -> Result<Rc<Code>, Vec<Diagnostic>> {
    compile(vm, source, Mode::Module, false)
}

/// Compiles source that may await at the top: it is a coroutine's then.
pub fn compile_awaiting(vm: &mut Vm, source: &Rc<Source>) -> Result<Rc<Code>, Vec<Diagnostic>> {
    compile(vm, source, Mode::Interactive, false)
}

/// Compiles source to be run by `exec` with a namespace for locals beside the globals.
pub fn compile_with_locals(vm: &mut Vm, source: &Rc<Source>) -> Result<Rc<Code>, Vec<Diagnostic>> {
    compile(vm, source, Mode::Module, true)
}

fn compile(vm: &mut Vm, source: &Rc<Source>, mode: Mode, locals: bool) -> Result<Rc<Code>, Vec<Diagnostic>> {
    let mut module = match syntax::parse_module(source, &mut vm.interner) {
        Parsed::Complete(module) => module,
        Parsed::Incomplete(errors) | Parsed::Invalid(errors) => return Err(after_warnings(vm, errors)),
    };
    let (scopes, errors) = resolve::resolve(&mut module, source, &mut vm.interner, mode);
    vm.sync_names();
    refuse(vm, source, &module.warnings, &scopes, errors)?;
    Ok(lower_module(vm, source, scopes, module, locals, false, None))
}

/// Shows the warnings that stand behind the errors of a text; one that a filter makes an error takes their place.
pub fn after_warnings(vm: &mut Vm, errors: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let (warnings, errors): (Vec<_>, Vec<_>) = errors.into_iter().partition(|d| d.severity == Severity::Warning);
    let looks = errors.first().is_some_and(|error| error.finder == Finder::Tokens);
    match show_warnings(vm, &warnings) {
        // A number is read no further; after a string, CPython looks at all that follows.
        Err(instead) if !looks || instead.iter().any(|error| error.finder == Finder::Lexer) => instead,
        _ => errors,
    }
}

/// Shows warnings up to the first that a filter makes an error, which is returned.
fn show_warnings(vm: &mut Vm, warnings: &[Diagnostic]) -> Result<(), Vec<Diagnostic>> {
    warnings.iter().try_for_each(|warning| vm.show_diagnostic(warning).map_err(|error| vec![*error]))
}

/// Shows the lexer's and the resolver's warnings, as far as they come before an error of the resolver's.
fn refuse(
    vm: &mut Vm,
    source: &Source,
    lexical: &[Diagnostic],
    scopes: &Scopes,
    errors: Vec<Diagnostic>,
) -> Result<(), Vec<Diagnostic>> {
    if !source.warned.replace(true) {
        show_warnings(vm, lexical)?;
        show_warnings(vm, &scopes.warnings)?;
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// Compiles an input of a session, which may await at the top; `show` has the values of its expressions shown, and
/// `locals` says that it will run with a namespace for locals beside the globals.
pub fn compile_interactive(
    vm: &mut Vm,
    source: &Rc<Source>,
    mut module: Module,
    mode: Mode,
    locals: bool,
    show: bool,
) -> Result<Rc<Code>, Vec<Diagnostic>> {
    let (scopes, errors) = resolve::resolve(&mut module, source, &mut vm.interner, mode);
    vm.sync_names();
    refuse(vm, source, &module.warnings, &scopes, errors)?;
    Ok(lower_module(vm, source, scopes, module, locals, show, None))
}

/// Compiles the argument of `eval`.
pub fn compile_expression(
    vm: &mut Vm,
    source: &Rc<Source>,
    locals: bool,
    mode: Mode,
) -> Result<Rc<Code>, Vec<Diagnostic>> {
    let (mut expr, warnings) = match syntax::parse_expression(source, &mut vm.interner) {
        Parsed::Complete(parsed) => parsed,
        Parsed::Incomplete(errors) | Parsed::Invalid(errors) => return Err(after_warnings(vm, errors)),
    };
    let (scopes, errors) = resolve::resolve_expression(&mut expr, source, &mut vm.interner, mode);
    vm.sync_names();
    refuse(vm, source, &warnings, &scopes, errors)?;
    let kind = if scopes.scopes[0].has_await { CodeKind::Coroutine } else { CodeKind::Module };
    let mut lower = Lower::new(vm, source, scopes, kind, "<module>", locals);
    let span = expr.span;
    lower.emit_view(span);
    let expr = lower.hoist(expr);
    let thunk = lower.expr(expr);
    lower.emit(Step::Return(thunk), span);
    Ok(lower.finish_module(span))
}

fn lower_module<'v>(
    vm: &'v mut Vm,
    source: &Rc<Source>,
    scopes: Scopes,
    module: Module,
    locals: bool,
    interactive: bool,
    wanted: Option<Wanted<'v>>,
) -> Rc<Code> {
    let suspends = scopes.scopes[0].has_await;
    let kind = if suspends { CodeKind::Coroutine } else { CodeKind::Module };
    let mut lower = Lower::new(vm, source, scopes, kind, "<module>", locals);
    lower.unit.interactive = interactive;
    lower.wanted = wanted;
    let span = match (module.body.first(), module.body.last()) {
        (Some(first), Some(last)) => first.span.to(last.span),
        _ => Span::default(),
    };
    lower.emit_view(span);
    let doc = def::docstring(&module.body);
    if let (Some(doc), false) = (&doc, interactive) {
        let doc = Value::str(doc);
        lower.set_namespace("__doc__", doc, span);
    }
    lower.annotations_of(&module.body, span);
    lower.body(module.body);
    lower.finish_module(span)
}

/// The place of a function, and where its code for a green thread goes.
type Wanted<'v> = (Span, &'v mut Option<Rc<Code>>);

/// The lowering of one source.
struct Lower<'v> {
    vm: &'v mut Vm,
    /// The function that is wanted for a green thread.
    wanted: Option<Wanted<'v>>,
    /// Some function in the text asks for the variables of its callers.
    looks_at_callers: bool,
    source: Rc<Source>,
    scopes: Scopes,
    /// The function being lowered; outer ones are on the native stack.
    unit: Unit,
    /// For each class around it, innermost last, the attributes that its body assigns to `self`.
    static_attributes: Vec<Vec<Rc<Str>>>,
    /// Codes finished within the one that is being made.
    made: Vec<Rc<Code>>,
    /// The constants of the text so far: equal ones are one object.
    constants: constant::Constants,
}

/// One function, class body or module on its way to being code.
#[derive(Default)]
struct Unit {
    scope: ScopeId,
    kind: CodeKind,
    name: Rc<Str>,
    qualname: Rc<Str>,
    steps: Vec<Step>,
    spans: Vec<Span>,
    /// Innermost first.
    handlers: Vec<Handler>,
    handles: bool,
    /// The slots of the variables.
    slots: Names,
    /// The inlined comprehensions around the expression being lowered, innermost last.
    comps: Vec<(ScopeId, Names)>,
    /// The next free hidden slot, and the most that were in use.
    next_slot: Slot,
    most_slots: Slot,
    cells: Vec<Slot>,
    /// The closure's cells by name.
    free: HashMap<Symbol, usize, foldhash::fast::FixedState>,
    blocks: Vec<block::Block>,
    /// The slot of the namespace dict of a class body, or of `exec` with locals of its own.
    namespace: Option<Slot>,
    /// The slot of the view of the frame, if scripts may look at it.
    view: Option<Slot>,
    /// The value of an expression statement is shown.
    interactive: bool,
    /// Its calls are suspension points of a green thread.
    green: bool,
}

impl Unit {
    fn new(scope: ScopeId, kind: CodeKind, name: Rc<Str>, qualname: Rc<Str>) -> Unit {
        Unit { scope, kind, name, qualname, ..Unit::default() }
    }

    /// Reserves a slot for the view of the frame.
    fn keep_view(&mut self) {
        self.view = Some(self.next_slot);
        self.next_slot += 1;
    }
}

impl<'v> Lower<'v> {
    fn new(
        vm: &'v mut Vm,
        source: &Rc<Source>,
        mut scopes: Scopes,
        kind: CodeKind,
        name: &str,
        locals: bool,
    ) -> Lower<'v> {
        let looks_at_callers = scopes.observed && !source.library && resolve::looks_at_callers(&source.text);
        scopes.observed |= vm.observes_all && !source.library;
        if scopes.observed {
            scopes.share_all();
        }
        let name = Rc::new(Str::new(name));
        let mut unit = Unit::new(ScopeId(0), kind, name.clone(), name);
        if locals {
            unit.namespace = Some(0);
            unit.next_slot = 1;
        }
        if scopes.observed {
            unit.keep_view();
        }
        unit.most_slots = unit.next_slot;
        Lower {
            vm,
            wanted: None,
            looks_at_callers,
            source: source.clone(),
            scopes,
            unit,
            static_attributes: Vec::new(),
            made: Vec::new(),
            constants: constant::Constants::default(),
        }
    }

    fn finish_module(mut self, span: Span) -> Rc<Code> {
        self.emit_return_none(span);
        let unit =
            std::mem::replace(&mut self.unit, Unit::new(ScopeId(0), CodeKind::Module, Rc::default(), Rc::default()));
        self.finish_unit(unit, span, ParamSpec::default(), None)
    }

    /// Makes the code of a unit whose steps are all there.
    fn finish_unit(&mut self, unit: Unit, span: Span, params: ParamSpec, doc: Option<Value>) -> Rc<Code> {
        let scope = &self.scopes.scopes[unit.scope.0 as usize];
        let variables = scope.variables.iter().map(|&symbol| self.vm.name(symbol).clone()).collect();
        let free = scope.free.iter().map(|&symbol| self.vm.name(symbol).clone()).collect();
        let seen = scope.seen_variables().into_iter().map(|symbol| self.vm.name(symbol).clone()).collect();
        let mut shared: Vec<_> = scope.shared.iter().map(|&symbol| self.vm.name(symbol).clone()).collect();
        shared.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        shared.dedup_by(|a, b| Rc::ptr_eq(a, b));
        let fits = params.plain() && unit.most_slots <= crate::machine::call::STACK_SLOTS as u32;
        let arity = |fits: bool| if fits { params.positional as u8 } else { u8::MAX };
        let at_once = !matches!(unit.kind, CodeKind::Generator | CodeKind::Coroutine | CodeKind::AsyncGenerator);
        let simple_arity = arity(fits && at_once);
        let direct = at_once && unit.most_slots <= crate::machine::call::STACK_SLOTS as u32;
        let await_arity = arity(fits && unit.kind == CodeKind::Coroutine);
        let within = |code: &Rc<Code>| span.start <= code.span.start && code.span.end <= span.end;
        let (inner, others) = std::mem::take(&mut self.made).into_iter().partition::<Vec<_>, _>(within);
        self.made = others;
        let code = Rc::new(Code {
            inner: inner.into(),
            simple_arity: Cell::new(simple_arity),
            direct: Cell::new(direct),
            await_arity: Cell::new(await_arity),
            replaced: Cell::new(false),
            with_locals: Default::default(),
            observed: Default::default(),
            id: Cell::new(0),
            name: unit.name,
            qualname: unit.qualname,
            source: self.source.clone(),
            span,
            kind: unit.kind,
            params,
            variables,
            seen,
            shared: shared.into(),
            slots: unit.most_slots,
            cells: unit.cells,
            free,
            steps: unit.steps.into(),
            spans: unit.spans,
            handlers: unit.handlers.into(),
            doc,
            handles: unit.handles,
            green: unit.green,
            view: unit.view,
            iterable: Cell::new(false),
            globals: Default::default(),
            places: Default::default(),
            watched: Default::default(),
        });
        self.made.push(code.clone());
        self.vm.register_code(&code);
        code
    }

    /// Adds a step.
    fn emit(&mut self, step: Step, span: Span) -> Pc {
        let suspends = step.suspends();
        self.unit.steps.push(step);
        self.unit.spans.push(span);
        let at = self.unit.steps.len() as Pc - 1;
        if suspends {
            self.emit_view(span);
        }
        at
    }

    /// Where a frame that scripts may look at begins or goes on, it says so.
    fn emit_view(&mut self, span: Span) {
        if let Some(slot) = self.unit.view {
            self.emit_do(span, move |vm, frame| {
                vm.observe(frame, slot);
                Ok(())
            });
        }
    }

    /// A step that only does something.
    fn emit_do(&mut self, span: Span, action: impl Fn(&mut Vm, &mut Frame) -> Eval<()> + 'static) {
        self.emit(Step::Do(Box::new(action)), span);
    }

    /// The closure of an expression whose awaits stand before it.
    fn hoisted(&mut self, e: Expr) -> Thunk {
        let e = self.hoist(e);
        self.expr(e)
    }

    /// Takes what is in a slot to a target. One whose parts suspend is gone through part by part.
    fn store_from(&mut self, slot: Slot, target: Expr) {
        let span = target.span;
        let target = match target.kind {
            ExprKind::Starred(inner) => return self.store_from(slot, *inner),
            ExprKind::Tuple(items) | ExprKind::List(items) if target.suspends => {
                let parts: Box<[Slot]> = items.iter().map(|_| self.temp()).collect();
                let unpack = store::unpacking_to_slots(parts.clone(), store::star_of(&items), span);
                self.emit_do(span, move |vm, frame| {
                    let value = frame.locals[slot as usize].take();
                    unpack(vm, frame, value)
                });
                for (part, item) in parts.into_iter().zip(items) {
                    self.store_from(part, item);
                }
                return;
            }
            kind => self.hoist_target(Expr { kind, ..target }),
        };
        let store = self.target(target);
        self.emit_do(span, move |vm, frame| {
            let value = frame.locals[slot as usize].take();
            store(vm, frame, value)
        });
    }

    /// Where the next step will be.
    fn here(&self) -> Pc {
        self.unit.steps.len() as Pc
    }

    /// Makes a jump lead to the next step.
    fn patch(&mut self, at: Pc) {
        let here = self.here();
        self.patch_to(at, here);
    }

    fn patch_to(&mut self, at: Pc, to: Pc) {
        match &mut self.unit.steps[at as usize] {
            Step::Jump(target)
            | Step::Loop(target)
            | Step::JumpIf(_, target)
            | Step::LoopIf(_, target)
            | Step::JumpIfNot(_, target) => *target = to,
            Step::ForLocal { exit, .. }
            | Step::For { exit, .. }
            | Step::ForPair { exit, .. }
            | Step::AsyncNext { exit, .. } => *exit = to,
            _ => {}
        }
    }

    fn emit_return_none(&mut self, span: Span) {
        self.emit(Step::Return(Box::new(|_, _| Ok(Value::None))), span);
    }

    /// A hidden slot.
    fn temp(&mut self) -> Slot {
        let slot = self.unit.next_slot;
        self.unit.next_slot += 1;
        self.unit.most_slots = self.unit.most_slots.max(self.unit.next_slot);
        slot
    }

    /// The scope that names are looked up in: the innermost inlined comprehension, or the unit's own.
    fn scope_id(&self) -> ScopeId {
        self.unit.comps.last().map_or(self.unit.scope, |(id, _)| *id)
    }

    fn binding(&self, name: Symbol) -> Binding {
        let scope = &self.scopes.scopes[self.scope_id().0 as usize];
        match scope.bindings.get(&name) {
            Some(binding) => *binding,
            None => {
                let own = &self.scopes.scopes[self.unit.scope.0 as usize];
                own.bindings.get(&name).copied().unwrap_or(Binding::GlobalOrBuiltin)
            }
        }
    }

    /// The slot of a variable.
    fn slot(&self, name: Symbol) -> Option<Slot> {
        self.unit
            .comps
            .iter()
            .rev()
            .find_map(|(_, names)| names.get(&name))
            .or_else(|| self.unit.slots.get(&name))
            .copied()
    }

    /// A constant as a closure.
    fn constant_thunk(value: Value) -> Thunk {
        match value {
            Value::None => Box::new(|_, _| Ok(Value::None)),
            Value::Int(n) => Box::new(move |_, _| Ok(Value::Int(n))),
            Value::Bool(b) => Box::new(move |_, _| Ok(Value::Bool(b))),
            value => Box::new(move |_, _| Ok(value.clone())),
        }
    }
}
