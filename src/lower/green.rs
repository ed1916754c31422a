//! Code for green threads: a function lowered a second time so that it can be suspended in the middle of its calls.
//!
//! In a thread every call of a plain function is an implicit `await`: the callee's frame joins the thread's chain of
//! frames instead of standing on the native stack, so that the machine can leave all of them at once where one blocks.
//! `with` statements enter and leave in the same way, and a plain class's `__init__` is called so. What a native calls back
//! (a sort key, an operator's method, the next value of a generator) runs on the native stack as always.

use super::call::noted;
use super::prelude::*;
use super::{Wanted, lower_module};
use crate::object::code::Code;
use crate::resolve::{self, Mode};
use crate::source::Source;
use crate::syntax::visit::{PartMut, operands_mut, plain_parts_mut};
use crate::syntax::{self, Parsed};

/// What looks at the frame that calls it, and must be called from there.
const FRAME_READERS: [&str; 7] = ["super", "locals", "globals", "vars", "dir", "eval", "exec"];

/// Lowers the function that a code object belongs to for a green thread; `None` if its source says nothing about it.
pub fn compile_green(vm: &mut Vm, code: &Code) -> Option<Rc<Code>> {
    let mut found = None;
    lower_again(vm, &code.source, Some((code.span, &mut found)))?;
    found
}

/// Lowers a text another time; `None` if it has none that could be read again.
pub fn compile_again(vm: &mut Vm, source: &Rc<Source>) -> Option<Rc<Code>> {
    lower_again(vm, source, None)
}

fn lower_again(vm: &mut Vm, source: &Rc<Source>, wanted: Option<Wanted>) -> Option<Rc<Code>> {
    let Parsed::Complete(mut module) = syntax::parse_module(source, &mut vm.interner) else { return None };
    let (scopes, errors) = resolve::resolve(&mut module, source, &mut vm.interner, Mode::Interactive);
    vm.sync_names();
    if !errors.is_empty() {
        return None;
    }
    Some(lower_module(vm, source, scopes, module, false, false, wanted))
}

impl Lower<'_> {
    /// The call of an expression that was marked: its result is in a hidden slot.
    pub(super) fn green_call(&mut self, func: Expr, args: Vec<Arg>, span: Span) -> ExprKind {
        let func = self.expr(func);
        let args = self.arguments(args);
        let call: Thunk = Box::new(move |vm, frame| {
            let func = func(vm, frame)?;
            let (args, kwargs) = args.evaluate(vm, frame, &func, span)?;
            noted(vm, frame, span, |vm| vm.call_suspending(&func, args, &kwargs))
        });
        let slot = self.temp();
        self.emit(Step::StoreLocal(slot, call), span);
        self.await_pending(slot, span);
        ExprKind::Temp(slot)
    }

    /// Awaits what a call has left in a slot, if the callee is to run in the thread's chain.
    pub(super) fn await_pending(&mut self, slot: Slot, span: Span) {
        let skip = self.emit(Step::JumpIfNot(Box::new(|vm, _| Ok(vm.threads.take_pending())), 0), span);
        self.emit(Step::Await(slot), span);
        self.patch(skip);
    }

    /// At the head of a loop's body: lets others run when the thread has had its share.
    pub(super) fn yield_to_others(&mut self, span: Span) {
        if !self.unit.green {
            return;
        }
        let slot = self.temp();
        self.emit(Step::StoreLocal(slot, Box::new(|vm, _| Ok(vm.end_of_slice()))), span);
        self.await_pending(slot, span);
        self.clear_slot(slot, span);
    }

    /// Marks the calls in a function's body that are to be suspension points. Definitions run as they always do.
    pub(super) fn mark_block(&self, stmts: &mut [Stmt]) {
        for stmt in stmts {
            plain_parts_mut(stmt, &mut |part| match part {
                PartMut::Expr(e) | PartMut::Target(e) => _ = self.mark(e),
                PartMut::Block(body) => self.mark_block(body),
                PartMut::Pattern(_) => {}
            });
        }
    }

    fn mark_all<'e>(&self, exprs: impl IntoIterator<Item = &'e mut Expr>) -> bool {
        exprs.into_iter().fold(false, |suspends, e| self.mark(e) | suspends)
    }

    /// Marks an expression; whether it has a suspension point.
    pub(super) fn mark(&self, e: &mut Expr) -> bool {
        let suspends = match &mut e.kind {
            ExprKind::Await(_) | ExprKind::Yield(_) | ExprKind::YieldFrom(_) | ExprKind::GeneratorExp(_) => false,
            // Those run in the frame they stand in.
            ExprKind::ListComp(comp) | ExprKind::SetComp(comp) | ExprKind::DictComp(comp) => {
                let parts = self.mark(&mut comp.element) | self.mark_all(&mut comp.value);
                comp.generators.iter_mut().fold(parts, |suspends, generator| {
                    self.mark(&mut generator.iter) | self.mark_all(&mut generator.ifs) | suspends
                })
            }
            kind => {
                let mut suspends = matches!(kind, ExprKind::Call { func, .. } if !self.reads_frame(func));
                operands_mut(kind, &mut |operand| suspends |= self.mark(operand));
                suspends
            }
        };
        e.suspends |= suspends;
        suspends
    }

    fn reads_frame(&self, func: &Expr) -> bool {
        matches!(func.kind, ExprKind::Name(name) if FRAME_READERS.contains(&&**self.vm.interner.name(name)))
    }
}
