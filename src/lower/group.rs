//! `except*`: every clause takes its share of an exception group; what is left, and what the clauses raised, goes on.

use std::collections::HashSet;

use super::block::{BlockKind, Range};
use super::prelude::*;
use crate::object::Exception;
use crate::syntax::ast::ExceptHandler;

impl Lower<'_> {
    pub(super) fn try_star(&mut self, body: Vec<Stmt>, handlers: Vec<ExceptHandler>, orelse: Vec<Stmt>, span: Span) {
        // `exc` is the whole exception, `rest` what no clause has taken yet, `raised` what the clauses raised.
        let (exc, outer, failed) = (self.temp(), self.temp(), self.temp());
        let (rest, raised, part) = (self.temp(), self.temp(), self.temp());
        let clear = self.unit.next_slot;
        let range = self.range(BlockKind::Try, |lower| lower.body(body));
        self.body(orelse);
        let done = self.emit(Step::Jump(0), span);
        self.protect(range, exc, clear);
        let first = handlers.first().map_or(span, |h| h.span);
        self.emit_enter_handler(exc, outer, first);
        let area = self.here();
        self.emit_do(first, move |_, frame| {
            frame.locals[rest as usize] = frame.locals[exc as usize].clone();
            frame.locals[raised as usize] = Value::list(Vec::new());
            Ok(())
        });
        for handler in handlers {
            let Some(kind) = handler.kind else { continue };
            let (kind_span, clause) = (kind.span, handler.span);
            let kind = self.hoisted(kind);
            let cond = Box::new(move |vm: &mut Vm, frame: &mut Frame| {
                let kind = kind(vm, frame)?;
                let remaining = frame.locals[rest as usize].clone();
                let (matched, left) = vm.split_group(&remaining, &kind).at(clause)?;
                frame.locals[rest as usize] = left;
                let Value::Exception(exception) = &matched else { return Ok(false) };
                // It is what is being handled until all clauses are through, or the next one takes its share.
                vm.handle_instead(frame, exception.clone());
                frame.locals[part as usize] = matched;
                Ok(true)
            });
            let next = self.emit(Step::JumpIfNot(cond, 0), kind_span);
            let name = handler.name.map(|name| name.name);
            if let Some(name) = name {
                let store = self.store_name(name);
                self.emit_do(kind_span, move |vm, frame| {
                    let matched = frame.locals[part as usize].clone();
                    store(vm, frame, matched)
                });
            }
            let clause_failed = self.temp();
            let clause_clear = self.unit.next_slot;
            let kind = BlockKind::Handler { exc: part, outer, name };
            let range = self.range(kind, |lower| lower.body(handler.body));
            self.leave_clause(part, name, kind_span);
            let over = self.emit(Step::Jump(0), kind_span);
            self.protect(range, clause_failed, clause_clear);
            self.emit_do(kind_span, move |_, frame| {
                let failure = frame.locals[clause_failed as usize].take();
                if let Value::List(list) = &frame.locals[raised as usize] {
                    list.push(failure);
                }
                Ok(())
            });
            self.leave_clause(part, name, kind_span);
            self.patch(over);
            self.patch(next);
        }
        self.emit_do(first, move |vm, frame| {
            let whole = frame.locals[exc as usize].clone();
            let rest = frame.locals[rest as usize].take();
            let raised = frame.locals[raised as usize].take();
            vm.end_group(&whole, rest, &raised).here()
        });
        self.emit_do(first, move |vm, frame| {
            vm.leave_handler(frame, outer);
            frame.locals[exc as usize] = Value::Unbound;
            Ok(())
        });
        let over = self.emit(Step::Jump(0), first);
        self.protect(Range { start: area, end: over, holes: Vec::new() }, failed, clear);
        self.clear_slot(exc, first);
        self.emit_reraise(failed, Some(outer), first);
        self.patch(over);
        self.patch(done);
    }

    fn leave_clause(&mut self, part: u32, name: Option<Symbol>, span: Span) {
        let forget = name.map(|name| (self.store_name(name), self.delete_name(name, span)));
        self.emit_do(span, move |vm, frame| {
            frame.locals[part as usize] = Value::Unbound;
            if let Some((store, delete)) = &forget {
                store(vm, frame, Value::None)?;
                delete(vm, frame)?;
            }
            Ok(())
        });
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
                    return Err(
                        self.type_error("catching ExceptionGroup with except* is not allowed. Use except instead.")
                    );
                }
                Value::Class(class) if class.is_subclass(&self.types.BaseException) => {}
                _ => {
                    return Err(
                        self.type_error("catching classes that do not inherit from BaseException is not allowed")
                    );
                }
            }
        }
        let Value::Exception(e) = exception else { return Ok((Value::None, Value::None)) };
        let is_group = e.is(&self.types.BaseExceptionGroup);
        if self.exception_matches(exception, kind)? {
            if is_group {
                return Ok((exception.clone(), Value::None));
            }
            // A plain exception is wrapped, so that the clause always sees a group.
            let class = if e.is(&self.types.Exception) {
                self.types.ExceptionGroup.clone()
            } else {
                self.types.BaseExceptionGroup.clone()
            };
            let wrapped = self.call(&Value::Class(class), &[Value::str(""), Value::tuple([exception.clone()])])?;
            return Ok((wrapped, Value::None));
        }
        if !is_group {
            return Ok((Value::None, exception.clone()));
        }
        let parts = self.call_method(exception, "split", std::slice::from_ref(kind))?;
        let class = self.type_name(exception);
        match &parts {
            Value::Tuple(pair) => match &pair[..] {
                [matched, left, ..] => Ok((matched.clone(), left.clone())),
                short => {
                    let message = format!("{class}.split must return a 2-tuple, got tuple of size {}", short.len());
                    Err(self.type_error(message))
                }
            },
            other => {
                let message = format!("{class}.split must return a tuple, not {}", self.type_name(other));
                Err(self.type_error(message))
            }
        }
    }

    /// What goes on after the clauses: the unhandled rest and what they raised. What is left of the group, or was raised
    /// again as it was, keeps its place in it; a single exception goes on as it is, several as a new group.
    fn end_group(&mut self, whole: &Value, rest: Value, raised: &Value) -> Result<()> {
        let mut all = self.collect(raised)?;
        all.extend(Some(rest).filter(|rest| !rest.is_none()));
        let Value::Exception(whole) = whole else { return Ok(()) };
        if whole.is(&self.types.BaseExceptionGroup) {
            let (kept, new): (Vec<Value>, Vec<Value>) =
                all.into_iter().partition(|e| e.as_exception().is_some_and(|e| self.raised_again(e, whole)));
            all = new;
            let mut leaves = HashSet::new();
            for part in kept.iter().filter_map(Value::as_exception) {
                self.collect_leaves(part, &mut leaves)?;
            }
            let mut is_kept = |_: &mut Vm, e: &Rc<Exception>| Ok(leaves.contains(&(Rc::as_ptr(e) as usize)));
            if !kept.is_empty() {
                all.extend(self.partition_group(whole, &mut is_kept, false)?.0);
            }
        }
        let going_on = match &all[..] {
            [] => return Ok(()),
            [only] => only.clone(),
            _ => {
                let class = Value::Class(self.types.BaseExceptionGroup.clone());
                self.call(&class, &[Value::str(""), Value::list(all)])?
            }
        };
        match going_on {
            Value::Exception(exception) => {
                exception.reraised.set(true);
                Err(Error(exception))
            }
            _ => Ok(()),
        }
    }

    /// Whether an exception is a part of a group that was raised again just as it was.
    fn raised_again(&self, part: &Exception, whole: &Exception) -> bool {
        fn same<T>(a: &Option<Rc<T>>, b: &Option<Rc<T>>) -> bool {
            match (a, b) {
                (Some(a), Some(b)) => Rc::ptr_eq(a, b),
                (None, None) => true,
                _ => false,
            }
        }
        std::ptr::eq(part, whole)
            || same(&part.traceback.borrow(), &whole.traceback.borrow())
                && same(&part.cause.borrow(), &whole.cause.borrow())
                && same(&part.context.borrow(), &whole.context.borrow())
    }

    /// The addresses of the exceptions in a group that are no groups.
    fn collect_leaves(&mut self, exception: &Rc<Exception>, leaves: &mut HashSet<usize>) -> Result<()> {
        if !exception.is(&self.types.BaseExceptionGroup) {
            leaves.insert(Rc::as_ptr(exception) as usize);
            return Ok(());
        }
        for member in self.group_members(exception) {
            self.nested(|vm| vm.collect_leaves(&member, leaves))?;
        }
        Ok(())
    }
}
