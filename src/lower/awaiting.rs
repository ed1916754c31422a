//! `await f(...)`: a call whose result is awaited at once needs no coroutine unless the function is suspended; no more
//! does `yield from f(...)` need a generator.

use super::call::{ClassSite, MethodSite, by_count, call_value, fill, fill_bound, in_order};
use super::name::{Callee, GlobalCallee, Place};
use super::prelude::*;
use crate::machine::CallSite;
use crate::machine::attr_cache::Method;
use crate::machine::call::STACK_SLOTS;
use crate::object::code::{AwaitedCall, Called};
use crate::object::native::{NativeFunction, Prompt};

impl Lower<'_> {
    /// Emits what computes the operand of an `await`, or for generators that of a `yield from`, which goes to a hidden slot.
    pub(super) fn awaited_to_temp(&mut self, e: Expr, span: Span, kind: CodeKind) -> Slot {
        let e = self.hoist(e);
        let (func, args) = match e.kind {
            ExprKind::Call { func, args } if !self.unit.green && self.may_run_directly(&func, &args) => (func, args),
            other => return self.value_to_temp(Expr { kind: other, span: e.span, suspends: e.suspends }),
        };
        let args = self.operands(in_order(args));
        let call = match func.kind {
            ExprKind::Attribute { value, attr } => {
                let (object, site) = self.method_site(*value, attr, e.span, func.span);
                by_count!(args, |args, N, M| site.into_awaited::<N, M>(object, args, kind))
            }
            _ => {
                let global = self.global_callee(&func);
                let func = self.expr(Expr { suspends: false, ..*func });
                by_count!(args, |args, N, _M| plain_call::<N>(func, global, args, e.span, kind))
            }
        };
        let slot = self.temp();
        self.emit(Step::AwaitCall(call, slot), span);
        slot
    }

    /// Whether a call has few enough arguments, all plain, and no meaning of its own.
    fn may_run_directly(&self, func: &Expr, args: &[Arg]) -> bool {
        let named = match &func.kind {
            ExprKind::Name(name) => self.place(*name) == Place::Global || matches!(self.place(*name), Place::Local(_)),
            ExprKind::Attribute { .. } => true,
            _ => false,
        };
        named
            && !self.has_own_meaning(func, args)
            && args.len() <= 3
            && args.iter().all(|arg| matches!(arg, Arg::Positional(_)))
    }
}

/// Whether a call with this many arguments can do without a coroutine or generator.
#[inline]
fn runs_directly(vm: &Vm, function: &Function, given: usize, kind: CodeKind) -> bool {
    function.code.await_arity.get() as usize == given && function.code.kind == kind && vm.may_nest_await()
}

/// A call of a function by name.
fn plain_call<const N: usize>(
    func: Thunk,
    global: Option<GlobalCallee>,
    args: [Operand; N],
    span: Span,
    kind: CodeKind,
) -> AwaitedCall {
    let site = ClassSite::default();
    Box::new(move |vm, frame| {
        let callee = global.as_ref().and_then(|global| global.get(vm, &frame.function.globals));
        if let Some(Callee::Function(function)) = callee {
            if runs_directly(vm, &function, N, kind) {
                return directly(vm, frame, &function, span, |vm, frame, locals| fill(vm, frame, locals, &args));
            }
        }
        call_value(vm, frame, &func, &args, &site, span).map(Called::Awaitable)
    })
}

impl MethodSite {
    /// `await object.name(*args)`; `M` is `N` and one for the object.
    fn into_awaited<const N: usize, const M: usize>(
        self,
        object: Operand,
        args: [Operand; N],
        kind: CodeKind,
    ) -> AwaitedCall {
        let awaits = kind == CodeKind::Coroutine;
        Box::new(move |vm, frame| {
            let object = object.value(vm, frame)?;
            if let Some(function) = self.cache.function(&object) {
                if runs_directly(vm, &function, M, kind) {
                    return directly(vm, frame, &function, self.span, |vm, frame, locals| {
                        fill_bound(vm, frame, locals, object, &args)
                    });
                }
            }
            let method = self.load(vm, frame, &object)?;
            match &method {
                Method::Unbound(Value::Native(native)) if awaits && native.row.at_once.is_some() => {
                    let mut values = [const { Value::Unbound }; M];
                    fill_bound(vm, frame, &mut values, object, &args)?;
                    at_once(vm, frame, native, &values, self.span)
                }
                Method::Bound(Value::Native(native)) if awaits && native.row.at_once.is_some() => {
                    let mut values = [const { Value::Unbound }; N];
                    fill(vm, frame, &mut values, &args)?;
                    at_once(vm, frame, native, &values, self.span)
                }
                _ => self.call_method::<N, M>(vm, frame, object, method, &args).map(Called::Awaitable),
            }
        })
    }
}

/// Calls a native that may have nothing to wait for.
fn at_once(vm: &mut Vm, frame: &mut Frame, native: &Rc<NativeFunction>, values: &[Value], span: Span) -> Eval<Called> {
    vm.calls.push(CallSite { code: frame.code.id.get(), span });
    let fits = values.len() <= native.signature().params.len() && values.len() >= native.signature().required;
    let prompt = match native.row.at_once {
        Some(at_once) if fits => at_once(vm, values),
        _ => Ok(None),
    };
    let called = match prompt {
        Ok(Some(Prompt::Done(value))) => Ok(Called::Done(value)),
        Ok(Some(Prompt::GiveWay)) => Ok(Called::GiveWay(Value::Native(native.clone()))),
        Ok(None) => vm.call_native(native, values).map(Called::Awaitable),
        Err(e) => Err(e),
    };
    vm.calls.pop();
    called.at(span)
}

/// Runs a coroutine or generator function in a frame on the native stack.
#[inline]
fn directly(
    vm: &mut Vm,
    frame: &mut Frame,
    function: &Rc<Function>,
    span: Span,
    fill: impl FnOnce(&mut Vm, &mut Frame, &mut [Value]) -> Eval<()>,
) -> Eval<Called> {
    let mut locals = [const { Value::Unbound }; STACK_SLOTS];
    fill(vm, frame, &mut locals)?;
    vm.calls.push(CallSite { code: frame.code.id.get(), span });
    let result = match vm.tick() {
        Ok(()) => vm.run_awaited(function, &mut locals),
        Err(e) => Err(e).here(),
    };
    vm.calls.pop();
    for local in &mut locals {
        if local.is_heap() {
            drop(local.take());
        }
    }
    std::mem::forget(locals);
    result
}
