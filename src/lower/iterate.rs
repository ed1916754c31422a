//! What a loop goes through: iterators, made without the objects that nobody would see.

use super::call::{ClassSite, by_count, call_value, fill, invoke, noted_for};
use super::name::{Callee, GlobalCallee};
use super::prelude::*;
use crate::object::Range;
use crate::object::iter::Iter;

impl Lower<'_> {
    /// An iterator over the value of an expression that cannot suspend.
    pub(super) fn iterator(&mut self, iterable: Expr, span: Span) -> Thunk {
        let iterable = match iterable.kind {
            ExprKind::Call { func, args } if self.may_be_range(&func, &args) => {
                return self.over_range(*func, args, span);
            }
            kind => self.iterable(Expr { kind, ..iterable }),
        };
        Box::new(move |vm, frame| {
            let iterable = iterable(vm, frame)?;
            noted_for(vm, frame, span, &[&iterable], |vm| vm.iter(&iterable))
        })
    }

    fn may_be_range(&self, func: &Expr, args: &[Arg]) -> bool {
        let named = matches!(&func.kind, ExprKind::Name(name) if self.vm.name(*name).as_str() == "range");
        named && (1..=3).contains(&args.len()) && args.iter().all(|arg| matches!(arg, Arg::Positional(_)))
    }

    /// `range(...)` of small integers as an iterator at once; anything else that the name may stand for is called.
    fn over_range(&mut self, func: Expr, args: Vec<Arg>, span: Span) -> Thunk {
        let args = self.operands(args);
        let global = self.global_callee(&func);
        let func = self.expr(func);
        match global {
            Some(global) => by_count!(args, |args, N, _M| ranging::<N>(func, global, args, span)),
            None => by_count!(args, |args, N, _M| iterating::<N>(func, args, span)),
        }
    }
}

fn ranging<const N: usize>(func: Thunk, global: GlobalCallee, args: [Operand; N], span: Span) -> Thunk {
    let site = ClassSite::default();
    Box::new(move |vm, frame| {
        let iterable = match global.get(vm, &frame.function.globals) {
            Some(Callee::Class(class)) if Rc::ptr_eq(&class, &vm.types.range) => {
                let mut bounds = [const { Value::Unbound }; N];
                fill(vm, frame, &mut bounds, &args)?;
                let small = Range::bounds(&bounds.each_ref());
                if let Some((start, stop, step)) =
                    small.and_then(|(start, stop, step)| Range::within(start, stop, step))
                {
                    return Ok(Value::Iter(Rc::new(Iter::range(start, stop, step))));
                }
                invoke(vm, frame, Value::Class(class), bounds, span)?
            }
            _ => call_value(vm, frame, &func, &args, &site, span)?,
        };
        noted_for(vm, frame, span, &[&iterable], |vm| vm.iter(&iterable))
    })
}

fn iterating<const N: usize>(func: Thunk, args: [Operand; N], span: Span) -> Thunk {
    let site = ClassSite::default();
    Box::new(move |vm, frame| {
        let iterable = call_value(vm, frame, &func, &args, &site, span)?;
        noted_for(vm, frame, span, &[&iterable], |vm| vm.iter(&iterable))
    })
}
