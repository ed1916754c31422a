//! `try`, `with` and the ways out of blocks.
//!
//! A `finally` body is lowered once. Whoever enters it says in a hidden slot how to go on: 0 to fall through, an
//! exception to raise again, or the number of an exit (a `return`, `break` or `continue` that had to pass through).
//! Code that leaves a block early runs outside the block's protection: it is a hole in the range of its handler.

use super::call::noted;
use super::prelude::*;
use super::special::ManagerSite;
use crate::machine::attr::bound;
use crate::machine::unwind::exc_info;
use crate::object::code::{AwaitedCall, Called, Finally, Handler, Pc};
use crate::syntax::ast::{ExceptHandler, WithItem};

/// What a statement stands in.
pub(super) struct Block {
    pub(super) kind: BlockKind,
    /// Ranges of steps inside the block that its handler does not protect.
    pub(super) holes: Vec<(Pc, Pc)>,
}

/// What a handler protects.
pub(super) struct Range {
    pub(super) start: Pc,
    pub(super) end: Pc,
    /// Without these.
    pub(super) holes: Vec<(Pc, Pc)>,
}

pub(super) enum BlockKind {
    /// `iter` is the hidden slot of a `for` loop's iterator.
    Loop {
        top: Option<Pc>,
        breaks: Vec<Pc>,
        continues: Vec<Pc>,
        iter: Option<Slot>,
    },
    /// The body of a `try` with handlers.
    Try,
    /// An `except` body.
    Handler {
        exc: Slot,
        outer: Slot,
        name: Option<Symbol>,
    },
    /// The part of a `try` before its `finally`.
    Finally {
        why: Slot,
        value: Slot,
        jumps: Vec<Pc>,
        exits: Vec<Leave>,
    },
    FinallyBody {
        why: Slot,
        outer: Slot,
    },
    With {
        exit: Slot,
        is_async: bool,
        span: Span,
    },
}

/// A way out of blocks. A `return` keeps its value in a hidden slot.
#[derive(Clone, Copy)]
pub(super) enum Leave {
    Break,
    Continue,
    Return(Slot),
}

impl Lower<'_> {
    pub(super) fn push_block(&mut self, kind: BlockKind) {
        self.unit.blocks.push(Block { kind, holes: Vec::new() });
    }

    /// Whether a `return` here has anything to do first.
    pub(super) fn return_is_plain(&self) -> bool {
        self.unit.blocks.iter().all(|b| matches!(b.kind, BlockKind::Loop { iter: None, .. } | BlockKind::Try))
    }

    /// Leaves the blocks from the innermost out to where the way leads.
    pub(super) fn leave(&mut self, way: Leave, span: Span) {
        self.leave_from(way, self.unit.blocks.len(), span);
    }

    fn leave_from(&mut self, way: Leave, count: usize, span: Span) {
        for at in (0..count).rev() {
            let start = self.here();
            match &mut self.unit.blocks[at].kind {
                BlockKind::Try => {}
                BlockKind::Loop { top, iter, .. } => {
                    let (top, iter) = (*top, *iter);
                    match way {
                        // An iterator that ends with its loop is finalised before the variables are.
                        Leave::Return(_) => {
                            if let Some(iter) = iter {
                                self.clear_slot(iter, span);
                            }
                        }
                        Leave::Break => {
                            if let Some(iter) = iter {
                                self.clear_slot(iter, span);
                            }
                            let jump = self.emit(Step::Jump(0), span);
                            if let BlockKind::Loop { breaks, .. } = &mut self.unit.blocks[at].kind {
                                breaks.push(jump);
                            }
                            return;
                        }
                        Leave::Continue => {
                            match top {
                                Some(top) => {
                                    self.emit(Step::Loop(top), span);
                                }
                                None => {
                                    let jump = self.emit(Step::Loop(0), span);
                                    if let BlockKind::Loop { continues, .. } = &mut self.unit.blocks[at].kind {
                                        continues.push(jump);
                                    }
                                }
                            }
                            return;
                        }
                    }
                }
                BlockKind::Handler { exc, outer, name } => {
                    let (exc, outer, name) = (*exc, *outer, *name);
                    self.emit_leave_handler(outer, span);
                    self.clear_slot(exc, span);
                    if let Some(name) = name {
                        self.forget_name(name, span);
                    }
                }
                BlockKind::FinallyBody { why, outer } => {
                    let (why, outer) = (*why, *outer);
                    self.emit_leave_handler(outer, span);
                    self.clear_slot(why, span);
                }
                BlockKind::With { exit, is_async, span } => {
                    let (exit, is_async, span) = (*exit, *is_async, *span);
                    self.emit_exit_call(exit, is_async, span);
                }
                BlockKind::Finally { why, value, exits, .. } => {
                    let (why, value, number) = (*why, *value, exits.len() as i64 + 1);
                    let onward = match way {
                        Leave::Return(_) => Leave::Return(value),
                        other => other,
                    };
                    exits.push(onward);
                    if let Leave::Return(slot) = way {
                        let slot = slot as usize;
                        self.emit(
                            Step::StoreLocal(value, Box::new(move |_, frame| Ok(frame.locals[slot].take()))),
                            span,
                        );
                    }
                    self.emit(Step::StoreLocal(why, Box::new(move |_, _| Ok(Value::Int(number)))), span);
                    let jump = self.emit(Step::Jump(0), span);
                    if let BlockKind::Finally { jumps, .. } = &mut self.unit.blocks[at].kind {
                        jumps.push(jump);
                    }
                    return;
                }
            }
            let end = self.here();
            if end > start {
                for block in &mut self.unit.blocks[at..] {
                    block.holes.push((start, end));
                }
            }
        }
        if let Leave::Return(slot) = way {
            let slot = slot as usize;
            self.emit(Step::Return(Box::new(move |_, frame| Ok(frame.locals[slot].take()))), span);
        }
    }

    pub(super) fn clear_slot(&mut self, slot: Slot, span: Span) {
        self.emit(Step::StoreLocal(slot, Box::new(|_, _| Ok(Value::Unbound))), span);
    }

    fn emit_leave_handler(&mut self, outer: Slot, span: Span) {
        self.emit_do(span, move |vm, frame| {
            vm.leave_handler(frame, outer);
            Ok(())
        });
    }

    pub(super) fn emit_enter_handler(&mut self, exc: Slot, outer: Slot, span: Span) {
        self.unit.handles = true;
        self.emit_do(span, move |vm, frame| {
            vm.enter_handler(frame, exc, outer);
            Ok(())
        });
    }

    /// Raises the exception in a slot again, as it was.
    pub(super) fn emit_reraise(&mut self, exc: Slot, outer: Option<Slot>, span: Span) {
        self.emit_do(span, move |vm, frame| {
            if let Some(outer) = outer {
                vm.leave_handler(frame, outer);
            }
            if let Value::Exception(exception) = &frame.locals[exc as usize] {
                let (code, place) = exception.left.get();
                exception.place.set(Some(place).filter(|_| code == frame.code.id.get()));
            }
            raise_again(frame, exc).here()
        });
    }

    /// The end of `except ... as name`: the name goes, whether it is still bound or not.
    fn forget_name(&mut self, name: Symbol, span: Span) {
        let store = self.store_name(name);
        let delete = self.delete_name(name, span);
        self.emit_do(span, move |vm, frame| {
            store(vm, frame, Value::None)?;
            delete(vm, frame)
        });
    }

    /// The steps of a block, for a handler.
    pub(super) fn range(&mut self, kind: BlockKind, inside: impl FnOnce(&mut Self)) -> Range {
        self.push_block(kind);
        let start = self.here();
        inside(self);
        let end = self.here();
        Range { start, end, holes: self.unit.blocks.pop().map(|block| block.holes).unwrap_or_default() }
    }

    /// Protects a range of steps, without its holes, by a handler that begins with the next step.
    pub(super) fn protect(&mut self, range: Range, exc: Slot, clear: Slot) {
        let (Range { start, end, mut holes }, target) = (range, self.here());
        holes.sort_unstable();
        let mut from = start;
        for (hole_start, hole_end) in holes {
            if from < hole_start.min(end) {
                self.unit.handlers.push(Handler { start: from, end: hole_start.min(end), target, exc, clear });
            }
            from = from.max(hole_end);
        }
        if from < end {
            self.unit.handlers.push(Handler { start: from, end, target, exc, clear });
        }
    }

    pub(super) fn try_stmt(
        &mut self,
        body: Vec<Stmt>,
        handlers: Vec<ExceptHandler>,
        orelse: Vec<Stmt>,
        finalbody: Vec<Stmt>,
        is_star: bool,
        span: Span,
    ) {
        if finalbody.is_empty() {
            return if is_star {
                self.try_star(body, handlers, orelse, span)
            } else {
                self.try_except(body, handlers, orelse, span)
            };
        }
        let (why, outer, value) = (self.temp(), self.temp(), self.temp());
        let first = body.first().map_or(span, |s| s.span);
        self.emit_do(first, move |_, frame| {
            frame.locals[why as usize] = Value::Unbound;
            frame.locals[outer as usize] = Value::Unbound;
            Ok(())
        });
        let clear = self.unit.next_slot;
        self.push_block(BlockKind::Finally { why, value, jumps: Vec::new(), exits: Vec::new() });
        let start = self.here();
        match (handlers.is_empty(), is_star) {
            (true, _) => {
                self.body(body);
                self.body(orelse);
            }
            (false, true) => self.try_star(body, handlers, orelse, span),
            (false, false) => self.try_except(body, handlers, orelse, span),
        }
        let end = self.here();
        let Some(Block { kind: BlockKind::Finally { jumps, exits, .. }, holes }) = self.unit.blocks.pop() else {
            return;
        };
        let final_span = finalbody.first().map_or(span, |s| s.span);
        let normal = self.emit(Step::Jump(0), final_span);
        self.protect(Range { start, end, holes }, why, clear);
        self.emit_enter_handler(why, outer, final_span);
        self.patch(normal);
        for jump in jumps {
            self.patch(jump);
        }
        // The body, under a handler that restores what was being handled.
        let failed = self.temp();
        let body_clear = self.unit.next_slot;
        let range = self.range(BlockKind::FinallyBody { why, outer }, |lower| lower.body(finalbody));
        let finally = Finally { why, outer, exits: Vec::new() };
        let tail = self.unit.spans.last().copied().unwrap_or(final_span);
        let end_finally = self.emit(Step::EndFinally(Box::new(finally)), tail);
        let done = self.emit(Step::Jump(0), final_span);
        let mut targets = Vec::new();
        for way in exits {
            targets.push(self.here());
            self.leave_from(way, self.unit.blocks.len(), final_span);
        }
        if let Step::EndFinally(finally) = &mut self.unit.steps[end_finally as usize] {
            finally.exits = targets;
        }
        self.protect(range, failed, body_clear);
        self.clear_slot(why, final_span);
        self.emit_reraise(failed, Some(outer), final_span);
        self.patch(done);
    }

    fn try_except(&mut self, body: Vec<Stmt>, handlers: Vec<ExceptHandler>, orelse: Vec<Stmt>, span: Span) {
        let (exc, outer, failed) = (self.temp(), self.temp(), self.temp());
        let clear = self.unit.next_slot;
        let range = self.range(BlockKind::Try, |lower| lower.body(body));
        self.body(orelse);
        let mut done = vec![self.emit(Step::Jump(0), span)];
        self.protect(range, exc, clear);
        let (first, last) = (handlers.first().map_or(span, |h| h.span), handlers.last().map_or(span, |h| h.span));
        self.emit_enter_handler(exc, outer, first);
        let area = self.here();
        let mut area_holes = Vec::new();
        let mut caught_all = false;
        for handler in handlers {
            let head = handler.kind.as_ref().map_or(handler.span, |e| e.span);
            let next = match handler.kind {
                Some(kind) => {
                    let (kind_span, clause) = (kind.span, handler.span);
                    let kind = self.hoisted(kind);
                    let cond = Box::new(move |vm: &mut Vm, frame: &mut Frame| {
                        let kind = kind(vm, frame)?;
                        let exception = frame.locals[exc as usize].clone();
                        vm.exception_matches(&exception, &kind).at(clause)
                    });
                    Some(self.emit(Step::JumpIfNot(cond, 0), kind_span))
                }
                None => {
                    caught_all = true;
                    None
                }
            };
            let name = handler.name.map(|name| name.name);
            if let Some(name) = name {
                let store = self.store_name(name);
                self.emit_do(head, move |vm, frame| {
                    let exception = frame.locals[exc as usize].clone();
                    store(vm, frame, exception)
                });
            }
            let range = self.range(BlockKind::Handler { exc, outer, name }, |lower| lower.body(handler.body));
            area_holes.extend(&range.holes);
            let leave = self.here();
            // What dies with the exception dies at the last line of the body.
            let tail = self.unit.spans.last().copied().unwrap_or(span);
            self.emit_leave_handler(outer, tail);
            self.clear_slot(exc, tail);
            if let Some(name) = name {
                self.forget_name(name, tail);
            }
            done.push(self.emit(Step::Jump(0), span));
            if let Some(name) = name {
                area_holes.push((leave, self.here()));
                self.protect(range, failed, clear);
                self.forget_name(name, head);
                self.emit_reraise(failed, None, head);
            } else {
                area_holes.push((leave, self.here()));
            }
            if let Some(next) = next {
                self.patch(next);
            }
        }
        if !caught_all {
            self.emit_do(last, move |_, frame| raise_again(frame, exc).here());
        }
        let range = Range { start: area, end: self.here(), holes: area_holes };
        self.protect(range, failed, clear);
        self.clear_slot(exc, span);
        self.emit_reraise(failed, Some(outer), first);
        for jump in done {
            self.patch(jump);
        }
    }

    pub(super) fn with_stmt(
        &mut self,
        items: &mut std::collections::VecDeque<WithItem>,
        body: Vec<Stmt>,
        is_async: bool,
    ) {
        let Some(item) = items.pop_front() else { return self.body(body) };
        let at = item.context.span;
        let (exit, value) = (self.temp(), self.temp());
        let (exc, outer, result, failed) = (self.temp(), self.temp(), self.temp(), self.temp());
        let context = self.hoisted(item.context);
        let green = self.unit.green && !is_async;
        if is_async {
            let call: AwaitedCall = Box::new(move |vm, frame| {
                let manager = context(vm, frame)?;
                let (enter, bound_exit) = noted(vm, frame, at, |vm| vm.context_methods(&manager, true))?;
                frame.locals[exit as usize] = bound_exit;
                let called = vm.call_awaited(frame, &enter, &[manager], at)?;
                vm.check_awaitable(&called, "__aenter__").at(at)?;
                Ok(called)
            });
            self.emit(Step::AwaitCall(call, value), at);
            self.emit(Step::Await(value), at);
        } else {
            let site = ManagerSite::default();
            self.emit_do(at, move |vm, frame| {
                let manager = context(vm, frame)?;
                let functions = if green { None } else { site.functions(vm, &manager) };
                let (bound_exit, entered) = match functions {
                    Some((enter, exit)) => {
                        let exit = bound(&Value::Function(exit), &manager);
                        (exit, noted(vm, frame, at, |vm| vm.call_simple(&enter, [manager]).map_err(Into::into))?)
                    }
                    None => noted(vm, frame, at, |vm| vm.enter_context(&manager, green))?,
                };
                frame.locals[exit as usize] = bound_exit;
                frame.locals[value as usize] = entered;
                Ok(())
            });
            if green {
                self.await_pending(value, at);
            }
        }
        let clear = self.unit.next_slot;
        let range = self.range(BlockKind::With { exit, is_async, span: at }, |lower| {
            match item.target {
                Some(target) => lower.store_from(value, target),
                None => lower.clear_slot(value, at),
            }
            lower.with_stmt(items, body, is_async);
        });
        self.emit_exit_call(exit, is_async, at);
        let done = self.emit(Step::Jump(0), at);
        self.protect(range, exc, clear);
        self.emit_enter_handler(exc, outer, at);
        let area = self.here();
        let exception = move |frame: &Frame| frame.locals[exc as usize].clone();
        if is_async {
            self.emit_async_exit(exit, result, exception, at);
        } else {
            let call: Thunk = Box::new(move |vm, frame| {
                let exit = frame.locals[exit as usize].take();
                let exception = exception(frame);
                noted(vm, frame, at, |vm| vm.call_exit(&exit, &exception, green))
            });
            self.emit(Step::StoreLocal(result, call), at);
            if green {
                self.await_pending(result, at);
            }
        }
        let suppressed = self.emit(
            Step::JumpIf(
                Box::new(move |vm, frame| {
                    let result = frame.locals[result as usize].take();
                    vm.truth(&result).at(at)
                }),
                0,
            ),
            at,
        );
        self.emit_reraise(exc, None, at);
        let range = Range { start: area, end: self.here(), holes: Vec::new() };
        self.protect(range, failed, clear);
        self.clear_slot(exc, at);
        self.emit_reraise(failed, Some(outer), at);
        self.patch(suppressed);
        self.emit_leave_handler(outer, at);
        self.clear_slot(exc, at);
        self.patch(done);
    }

    /// The call of `__exit__` when nothing went wrong.
    fn emit_exit_call(&mut self, exit: Slot, is_async: bool, span: Span) {
        if is_async {
            self.emit_async_exit(exit, exit, |_| Value::None, span);
            return self.clear_slot(exit, span);
        }
        let green = self.unit.green;
        let call: Thunk = Box::new(move |vm, frame| {
            let exit = frame.locals[exit as usize].take();
            noted(vm, frame, span, |vm| vm.call_exit(&exit, &Value::None, green))
        });
        if green {
            self.emit(Step::StoreLocal(exit, call), span);
            self.await_pending(exit, span);
            self.clear_slot(exit, span);
        } else {
            self.emit(Step::Expr(call), span);
        }
    }

    /// Calls a bound `__aexit__` and awaits what it gives.
    fn emit_async_exit(&mut self, exit: Slot, result: Slot, exception: impl Fn(&Frame) -> Value + 'static, span: Span) {
        let call: AwaitedCall = Box::new(move |vm, frame| {
            let exit = frame.locals[exit as usize].take();
            let [class, value, traceback] = exc_info(exception(frame).as_exception());
            let called = match &exit {
                Value::BoundMethod(method) => {
                    vm.call_awaited(frame, &method.func, &[method.this.clone(), class, value, traceback], span)?
                }
                exit => {
                    let args = [class, value, traceback];
                    noted(vm, frame, span, |vm| vm.call(exit, &args)).map(Called::Awaitable)?
                }
            };
            vm.check_awaitable(&called, "__aexit__").at(span)?;
            Ok(called)
        });
        self.emit(Step::AwaitCall(call, result), span);
        self.emit(Step::Await(result), span);
    }

    /// Splits what suspends out of a target that is a single one.
    pub(super) fn hoist_target(&mut self, mut target: Expr) -> Expr {
        if !target.suspends {
            return target;
        }
        target.suspends = false;
        target.kind = match target.kind {
            ExprKind::Attribute { value, attr } => {
                ExprKind::Attribute { value: Box::new(self.hoist_to_temp(*value)), attr }
            }
            ExprKind::Subscript { value, index } => {
                let mut parts = self.hoist_all(vec![*value, *index]).into_iter();
                match (parts.next(), parts.next()) {
                    (Some(value), Some(index)) => {
                        ExprKind::Subscript { value: Box::new(value), index: Box::new(index) }
                    }
                    _ => ExprKind::Temp(0),
                }
            }
            other => other,
        };
        target
    }
}

/// Raises the exception in a slot again, as it was.
fn raise_again(frame: &mut Frame, exc: Slot) -> Result<()> {
    match frame.locals[exc as usize].take() {
        Value::Exception(exception) => {
            exception.reraised.set(true);
            Err(Error(exception))
        }
        _ => Ok(()),
    }
}

impl Vm {
    /// Whether an `except` clause with this class, or tuple of classes, catches an exception.
    pub fn exception_matches(&mut self, exception: &Value, kind: &Value) -> Result<bool> {
        match (exception, kind) {
            (Value::Exception(exception), Value::Class(class)) if class.is_subclass(&self.types.BaseException) => {
                let matches = exception.is(class);
                if !matches && exception.is(&self.types.BaseExceptionGroup) {
                    self.advise_group(exception, class);
                }
                Ok(matches)
            }
            (_, kinds) if kinds.as_tuple().is_some() => {
                let kinds: &[Value] = kinds.as_tuple().map_or(&[], |kinds| kinds);
                for kind in kinds {
                    if !matches!(kind, Value::Class(c) if c.is_subclass(&self.types.BaseException)) {
                        return Err(self.not_catchable());
                    }
                }
                for kind in kinds {
                    if self.exception_matches(exception, kind)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            _ => Err(self.not_catchable()),
        }
    }

    #[cold]
    fn not_catchable(&mut self) -> Error {
        self.type_error("catching classes that do not inherit from BaseException is not allowed")
    }

    /// Looks up both methods of a context manager: the one that enters as it was found, the other one bound.
    fn context_methods(&mut self, manager: &Value, is_async: bool) -> Result<(Value, Value)> {
        let (enter, exit, protocol) = if is_async {
            (sym::__aenter__, sym::__aexit__, "asynchronous context manager")
        } else {
            (sym::__enter__, sym::__exit__, "context manager")
        };
        match (self.lookup_special(manager, enter), self.lookup_special(manager, exit)) {
            (None, _) => {
                let name = self.type_name(manager);
                let text = format!("'{name}' object does not support the {protocol} protocol");
                let error = self.type_error(text);
                self.advise_managed(&error, manager, is_async);
                Err(error)
            }
            (Some(_), None) => {
                let missing = if is_async { "__aexit__" } else { "__exit__" };
                let name = self.type_name(manager);
                Err(self.type_error(format!(
                    "'{name}' object does not support the {protocol} protocol (missed {missing} method)"
                )))
            }
            (Some(enter), Some(exit)) => {
                let class = self.class_of(manager);
                Ok((enter, self.bind(&exit, Some(manager), &class)?))
            }
        }
    }

    /// Enters a context manager: the bound exit and what entering gave.
    fn enter_context(&mut self, manager: &Value, green: bool) -> Result<(Value, Value)> {
        let (enter, exit) = self.context_methods(manager, false)?;
        let entered = if green {
            let class = self.class_of(manager);
            let enter = self.bind(&enter, Some(manager), &class)?;
            self.call_suspending(&enter, Vec::new(), &[])?
        } else {
            self.call_found(&enter, manager, &[])?
        };
        Ok((exit, entered))
    }

    /// Refuses what a method of an asynchronous context manager gave, if that can't be awaited.
    fn check_awaitable(&mut self, called: &Called, method: &str) -> Result<()> {
        let Called::Awaitable(value) = called else { return Ok(()) };
        let awaitable = match value {
            Value::Coroutine(c) => c.kind == crate::object::coroutine::Kind::Coroutine || c.iterable,
            Value::Awaiter(_) => true,
            other => self.class_of(other).awaiting.get().is_some() || self.has_special(other, sym::__await__),
        };
        if awaitable {
            return Ok(());
        }
        let error = self.type_error(format!(
            "'async with' received an object from {method} that does not implement __await__: {}",
            self.type_name(value)
        ));
        self.advise(&error, format!("what `{method}` gives is awaited: make it `async def {method}(...)`"));
        Err(error)
    }

    /// Calls a bound `__exit__` with an exception, or with three times `None`.
    fn call_exit(&mut self, exit: &Value, exception: &Value, green: bool) -> Result {
        let args = exc_info(exception.as_exception());
        if green {
            return self.call_suspending(exit, args.into(), &[]);
        }
        if let Value::BoundMethod(method) = exit
            && let Value::Function(function) = &method.func
            && function.code.takes_just(4)
        {
            let [class, value, traceback] = args;
            return Ok(self.call_exact(function, [method.this.clone(), class, value, traceback])?);
        }
        self.call(exit, &args)
    }
}
