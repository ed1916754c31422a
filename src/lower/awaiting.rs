//! `await f(...)`: a call whose result is awaited at once needs no coroutine unless the function is suspended. (What is
//! yielded from is hardly ever done at once, and then to make the generator first costs less than to make it later.)

use super::call::{ClassSite, by_count, call_known, fill, fill_bound, finalize_first, in_order, noted, put};
use super::direct::call_evaluated;
use super::methods::MethodSite;
use super::name::{Callee, GlobalCallee, Place};
use super::prelude::*;
use crate::machine::CallSite;
use crate::machine::attr_cache::Method;
use crate::machine::call::STACK_SLOTS;
use crate::object::code::{AwaitedCall, Called};
use crate::object::native::{NativeFunction, Prompt};

impl Lower<'_> {
    /// Emits what computes the operand of an `await`, which goes to a hidden slot.
    pub(super) fn awaited_to_temp(&mut self, e: Expr, span: Span) -> Slot {
        let e = self.hoist(e);
        let (func, args) = match e.kind {
            ExprKind::Call { func, args } if !self.unit.green && self.may_run_directly(&func, &args) => (func, args),
            ExprKind::Call { func, args } if !self.unit.green && !self.has_own_meaning(&func, &args) => {
                let call = self.general_awaited(*func, in_order(args), e.span);
                let slot = self.temp();
                self.emit(Step::AwaitCall(call, slot), span);
                return slot;
            }
            other => return self.value_to_temp(Expr { kind: other, span: e.span, suspends: e.suspends }),
        };
        let args = self.operands(in_order(args));
        let call = match func.kind {
            ExprKind::Attribute { value, attr } => {
                let (object, site) = self.method_site(*value, attr, e.span, func.span);
                by_count!(args, |args, N, M| site.into_awaited::<N, M>(object, args))
            }
            _ => {
                let global = self.global_callee(&func);
                let func = self.expr(Expr { suspends: false, ..*func });
                by_count!(args, |args, N, _M| plain_call::<N>(func, global, args, e.span))
            }
        };
        let slot = self.temp();
        self.emit(Step::AwaitCall(call, slot), span);
        slot
    }

    /// A call with any arguments.
    fn general_awaited(&mut self, func: Expr, args: Vec<Arg>, span: Span) -> AwaitedCall {
        match self.named_call(func, args, span) {
            Ok(call) => Box::new(move |vm, frame| call.awaited(vm, frame)),
            Err((func, args)) => {
                let func = self.expr(func);
                let args = self.arguments(args);
                Box::new(move |vm, frame| {
                    let func = func(vm, frame)?;
                    let (mut args, named) = args.evaluate(vm, frame, &func, span)?;
                    match &func {
                        Value::BoundMethod(method) if matches!(method.func, Value::Function(_)) => {
                            args.insert(0, method.this.clone());
                            await_evaluated(vm, frame, &method.func, args, named, span)
                        }
                        func => await_evaluated(vm, frame, func, args, named, span),
                    }
                })
            }
        }
    }

    /// Whether a call has few enough arguments, all plain, and no meaning of its own.
    fn may_run_directly(&self, func: &Expr, args: &[Arg]) -> bool {
        let named = match &func.kind {
            ExprKind::Name(name) => !matches!(self.place(*name), Place::Namespace(_) | Place::NamespaceFree(..)),
            ExprKind::Attribute { .. } => true,
            _ => false,
        };
        named
            && !self.has_own_meaning(func, args)
            && args.len() <= super::call::MOST_PLAIN
            && args.iter().all(|arg| matches!(arg, Arg::Positional(_)))
    }
}

/// Whether a call with this many arguments can do without a coroutine.
#[inline]
fn runs_directly(vm: &Vm, function: &Function, given: usize) -> bool {
    function.code.await_arity.get() as usize == given && vm.may_nest_await()
}

/// Calls a value with arguments that belong to the call alone; what it gives is awaited at once.
pub(super) fn await_evaluated(
    vm: &mut Vm,
    frame: &mut Frame,
    callee: &Value,
    args: Vec<Value>,
    named: Vec<Named>,
    span: Span,
) -> Eval<Called> {
    match callee {
        Value::Function(function) if may_bind_directly(vm, function) => {
            directly(vm, frame, function, span, |vm, _, locals| vm.bind_into(function, &args, &named, locals).at(span))
        }
        _ => call_evaluated(vm, frame, callee, args, named, span).map(Called::Awaitable),
    }
}

/// Whether a call of a coroutine function can do without a coroutine, however its arguments come to its parameters.
#[inline]
fn may_bind_directly(vm: &Vm, function: &Function) -> bool {
    let code = &function.code;
    // What looks at frames knows those of coroutines by the calls under way when they began.
    let fits = code.kind == CodeKind::Coroutine && code.slots as usize <= STACK_SLOTS && code.view.is_none();
    fits && !code.replaced.get() && !code.iterable.get() && vm.may_nest_await()
}

/// A call of a function by name.
fn plain_call<const N: usize>(
    func: Thunk,
    global: Option<GlobalCallee>,
    args: [Operand; N],
    span: Span,
) -> AwaitedCall {
    let site = ClassSite::default();
    Box::new(move |vm, frame| {
        let run = |vm: &mut Vm, frame: &mut Frame, function: &Rc<Function>| {
            directly(vm, frame, function, span, |vm, frame, locals| fill(vm, frame, locals, &args))
        };
        let known = global.as_ref().and_then(|global| global.get(vm, &frame.function.globals));
        if let Some(Callee::Function(function)) = &known
            && runs_directly(vm, function, N)
        {
            return run(vm, frame, function);
        }
        match func(vm, frame)? {
            Value::Function(function) if runs_directly(vm, &function, N) => run(vm, frame, &function),
            callee => call_known(vm, frame, callee, &args, &site, span).map(Called::Awaitable),
        }
    })
}

impl MethodSite {
    /// `await object.name(*args)`; `M` is `N` and one for the object.
    fn into_awaited<const N: usize, const M: usize>(self, object: Operand, args: [Operand; N]) -> AwaitedCall {
        Box::new(move |vm, frame| {
            let mut object = object.value(vm, frame)?;
            if self.cache.has_native() {
                if let Some(native) = self.cache.native(vm, &object).filter(|native| native.row.at_once.is_some()) {
                    let mut values = [const { Value::Unbound }; M];
                    fill_bound(vm, frame, &mut values, object, &args)?;
                    return at_once(vm, frame, &native, &values, self.span);
                }
            }
            if let Some(function) = self.cache.function(&object, &self.name) {
                if runs_directly(vm, &function, M) {
                    return directly(vm, frame, &function, self.span, |vm, frame, locals| {
                        fill_bound(vm, frame, locals, object, &args)
                    });
                }
            }
            let method = self.load(vm, frame, &mut object)?;
            match &method {
                Method::Unbound(Value::Native(native)) if native.row.at_once.is_some() => {
                    let mut values = [const { Value::Unbound }; M];
                    fill_bound(vm, frame, &mut values, object, &args)?;
                    at_once(vm, frame, native, &values, self.span)
                }
                Method::Bound(Value::Native(native)) if native.row.at_once.is_some() => {
                    let mut values = [const { Value::Unbound }; N];
                    fill(vm, frame, &mut values, &args)?;
                    at_once(vm, frame, native, &values, self.span)
                }
                _ => self.call_method::<N, M>(vm, frame, object, method, &args).map(Called::Awaitable),
            }
        })
    }
}

impl Vm {
    /// Calls a method that was found in the class of an object, which comes first among the values. What it gives is
    /// awaited at once.
    pub(crate) fn call_awaited(
        &mut self,
        frame: &mut Frame,
        method: &Value,
        values: &[Value],
        span: Span,
    ) -> Eval<Called> {
        match method {
            _ if frame.code.green => {}
            Value::Function(function) if may_bind_directly(self, function) => {
                return directly(self, frame, function, span, |vm, _, locals| {
                    if function.code.await_arity.get() as usize != values.len() {
                        return vm.bind_into(function, values, &[], locals).at(span);
                    }
                    for (place, value) in locals.iter_mut().zip(values) {
                        put(place, value.clone());
                    }
                    Ok(())
                });
            }
            Value::Native(native) if native.is_method() && native.row.at_once.is_some() => {
                return at_once(self, frame, native, values, span);
            }
            _ => {}
        }
        let (object, args) = (&values[0], &values[1..]);
        noted(self, frame, span, |vm| vm.call_found(method, object, args)).map(Called::Awaitable)
    }
}

/// Calls a native that may have nothing to wait for.
fn at_once(vm: &mut Vm, frame: &mut Frame, native: &Rc<NativeFunction>, values: &[Value], span: Span) -> Eval<Called> {
    vm.calls.push(CallSite { code: frame.code.id.get(), span });
    finalize_first(vm);
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

/// Runs a coroutine function in a frame on the native stack.
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
    finalize_first(vm);
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
