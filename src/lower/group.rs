//! `except*`: every clause takes its share of an exception group; what is left, and what the clauses raised, goes on.

use super::Lower;
use super::block::BlockKind;
use crate::machine::Vm;
use crate::object::code::{Action, Step};
use crate::object::frame::Frame;
use crate::object::{Error, Result, Value};
use crate::source::Span;
use crate::syntax::ast::{ExceptHandler, Stmt};

impl Lower<'_> {
    pub(super) fn try_star(&mut self, body: Vec<Stmt>, handlers: Vec<ExceptHandler>, orelse: Vec<Stmt>, span: Span) {
        // `exc` is the whole exception, `rest` what no clause has taken yet, `raised` what the clauses raised.
        let (exc, outer, failed) = (self.temp(), self.temp(), self.temp());
        let (rest, raised, part) = (self.temp(), self.temp(), self.temp());
        let clear = self.unit.next_slot;
        self.push_block(BlockKind::Try);
        let start = self.here();
        self.body(body);
        let end = self.here();
        let holes = self.unit.blocks.pop().map(|b| b.holes).unwrap_or_default();
        self.body(orelse);
        let done = self.emit(Step::Jump(0), span);
        let target = self.here();
        self.protect(start, end, holes, target, exc, clear);
        let first = handlers.first().map_or(span, |h| h.span);
        self.emit_enter_handler(exc, outer, first);
        let area = self.here();
        let init: Action = Box::new(move |_, frame| {
            frame.locals[rest as usize] = frame.locals[exc as usize].clone();
            frame.locals[raised as usize] = Value::list(Vec::new());
            Ok(())
        });
        self.emit(Step::Do(init), first);
        for handler in handlers {
            let Some(kind) = handler.kind else { continue };
            let kind_span = kind.span;
            let kind = self.hoist(kind);
            let kind = self.expr(kind);
            let cond = Box::new(move |vm: &mut Vm, frame: &mut Frame| {
                let kind = kind(vm, frame)?;
                let remaining = frame.locals[rest as usize].clone();
                if remaining.is_none() {
                    return Ok(false);
                }
                let (matched, left) = vm.split_group(&remaining, &kind).map_err(|e| e.at(kind_span))?;
                if matched.is_none() {
                    return Ok(false);
                }
                frame.locals[rest as usize] = left;
                frame.locals[part as usize] = matched;
                Ok(true)
            });
            let next = self.emit(Step::JumpIfNot(cond, 0), kind_span);
            let part_outer = self.temp();
            self.emit_enter_handler(part, part_outer, kind_span);
            let name = handler.name.map(|name| name.name);
            if let Some(name) = name {
                let store = self.store_name(name);
                let action: Action = Box::new(move |vm, frame| {
                    let matched = frame.locals[part as usize].clone();
                    store(vm, frame, matched)
                });
                self.emit(Step::Do(action), kind_span);
            }
            let clause_failed = self.temp();
            let clause_clear = self.unit.next_slot;
            self.push_block(BlockKind::Handler { exc: part, outer: part_outer, name });
            let body_start = self.here();
            self.body(handler.body);
            let body_end = self.here();
            let holes = self.unit.blocks.pop().map(|b| b.holes).unwrap_or_default();
            self.leave_clause(part, part_outer, name, kind_span);
            let over = self.emit(Step::Jump(0), kind_span);
            let cleanup = self.here();
            self.protect(body_start, body_end, holes, cleanup, clause_failed, clause_clear);
            let keep: Action = Box::new(move |_, frame| {
                let failure = frame.locals[clause_failed as usize].take();
                if let Value::List(list) = &frame.locals[raised as usize] {
                    list.push(failure);
                }
                Ok(())
            });
            self.emit(Step::Do(keep), kind_span);
            self.leave_clause(part, part_outer, name, kind_span);
            self.patch(over);
            self.patch(next);
        }
        let finish: Action = Box::new(move |vm, frame| {
            let whole = frame.locals[exc as usize].clone();
            let rest = frame.locals[rest as usize].take();
            let raised = frame.locals[raised as usize].take();
            vm.end_group(&whole, rest, &raised)
        });
        self.emit(Step::Do(finish), first);
        let leave: Action = Box::new(move |vm, frame| {
            vm.leave_handler(frame, outer);
            frame.locals[exc as usize] = Value::Unbound;
            Ok(())
        });
        self.emit(Step::Do(leave), first);
        let over = self.emit(Step::Jump(0), first);
        let cleanup = self.here();
        self.protect(area, over, Vec::new(), cleanup, failed, clear);
        self.clear_slot(exc, first);
        self.emit_reraise(failed, Some(outer), first);
        self.patch(over);
        self.patch(done);
    }

    fn leave_clause(&mut self, part: u32, outer: u32, name: Option<crate::symbol::Symbol>, span: Span) {
        let forget = name.map(|name| (self.store_name(name), self.delete_name(name, span)));
        let action: Action = Box::new(move |vm, frame| {
            vm.leave_handler(frame, outer);
            frame.locals[part as usize] = Value::Unbound;
            if let Some((store, delete)) = &forget {
                store(vm, frame, Value::None)?;
                delete(vm, frame)?;
            }
            Ok(())
        });
        self.emit(Step::Do(action), span);
    }
}

impl Vm {
    /// Splits what an `except*` clause takes from an exception: the part that matches, and the rest; `None` for nothing.
    fn split_group(&mut self, exception: &Value, kind: &Value) -> Result<(Value, Value)> {
        let kinds = match kind {
            Value::Tuple(kinds) => kinds.to_vec(),
            one => vec![one.clone()],
        };
        for kind in &kinds {
            match kind {
                Value::Class(class) if class.is_subclass(&self.types.BaseExceptionGroup) => {
                    return Err(self.type_error(
                        "catching ExceptionGroup with except* is not allowed. Use except instead.",
                    ));
                }
                Value::Class(class) if class.is_subclass(&self.types.BaseException) => {}
                _ => {
                    return Err(self.type_error(
                        "catching classes that do not inherit from BaseException is not allowed",
                    ));
                }
            }
        }
        let Value::Exception(e) = exception else { return Ok((Value::None, Value::None)) };
        if !e.is(&self.types.BaseExceptionGroup) {
            if !self.exception_matches(exception, kind)? {
                return Ok((Value::None, exception.clone()));
            }
            // A plain exception is wrapped, so that the clause always sees a group.
            let class = if e.is(&self.types.Exception) {
                self.types.ExceptionGroup.clone()
            } else {
                self.types.BaseExceptionGroup.clone()
            };
            let wrapped =
                self.call(&Value::Class(class), &[Value::str(""), Value::tuple([exception.clone()])])?;
            return Ok((wrapped, Value::None));
        }
        let split = self.intern("split");
        let method = self.get_attr(exception, &split)?;
        match self.call(&method, &[kind.clone()])? {
            Value::Tuple(parts) if parts.len() == 2 => Ok((parts[0].clone(), parts[1].clone())),
            _ => Err(self.type_error("split() must return a pair")),
        }
    }

    /// What goes on after the clauses: the unhandled rest and what they raised, as one group.
    fn end_group(&mut self, whole: &Value, rest: Value, raised: &Value) -> Result<()> {
        let raised = self.collect(raised)?;
        if raised.is_empty() {
            return match rest {
                Value::Exception(rest) => {
                    rest.reraised.set(true);
                    Err(Error(rest))
                }
                _ => Ok(()),
            };
        }
        let plain = !matches!(whole, Value::Exception(e) if e.is(&self.types.BaseExceptionGroup));
        if plain && raised.len() == 1 {
            if let Some(Value::Exception(only)) = raised.into_iter().next() {
                only.reraised.set(true);
                return Err(Error(only));
            }
            return Ok(());
        }
        let mut members = raised;
        if !rest.is_none() {
            members.push(rest);
        }
        let class = Value::Class(self.types.BaseExceptionGroup.clone());
        match self.call(&class, &[Value::str(""), Value::list(members)])? {
            Value::Exception(group) => {
                if let Value::Exception(whole) = whole {
                    group.set_context(whole);
                    group.suppress_context.set(true);
                }
                group.reraised.set(true);
                Err(Error(group))
            }
            _ => Ok(()),
        }
    }
}
