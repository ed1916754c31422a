//! `ensure_future`, `shield`, and waiting for any awaitable in a task.

use super::future::{self, Callback, NativeCallback, Status};
use super::policy;
use super::state::{Function, state};
use super::task;
use crate::builtins::prelude::*;
use crate::object::coroutine::{Kind, NativeCoroutine, Outcome, Resume};

/// `ensure_future(coro_or_future, *, loop=None)`.
pub fn ensure_future(vm: &mut Vm, args: &[Value]) -> Result {
    ensure_future_in(vm, &args[0], &args[1])
}

/// `ensure_future` in a loop, or with `None` in the current one.
pub fn ensure_future_in(vm: &mut Vm, value: &Value, event_loop: &Value) -> Result {
    if future::is_future(vm, value) {
        if let Some(wanted) = event_loop.given() {
            if !task::loop_of(vm, value)?.is(wanted) {
                return Err(vm.value_error(
                    "The future belongs to a different loop than the one specified as the loop argument",
                ));
            }
        }
        return Ok(value.clone());
    }
    let ours = task::is_coroutine(vm, value);
    let coro = if ours {
        value.clone()
    } else if is_awaitable(vm, value) {
        state(vm).coroutine(vm, Function::WrapAwaitable, Wrap { awaitable: value.clone(), begun: false })
    } else {
        let error = vm.type_error("An asyncio.Future, a coroutine or an awaitable is required");
        match value {
            Value::Int(_) | Value::Float(_) | Value::Bool(_) | Value::Str(_) => {
                let shown = vm.repr(value)?;
                vm.advise(&error, format!("`{shown}` is a plain value, there is nothing to wait for"));
            }
            _ => vm.advise_awaited(&error, value),
        }
        return Err(error);
    };
    let event_loop = match event_loop.given() {
        Some(given) => given.clone(),
        None => policy::get_event_loop(vm)?,
    };
    match task::create_in(vm, &event_loop, &coro, &Value::None, &Value::None) {
        Err(error) if error.is(&vm.types.RuntimeError) => {
            // A coroutine that is not run after all need not be warned about.
            if ours {
                vm.call_method(&coro, sym::close, &[])?;
            }
            Err(error)
        }
        other => other,
    }
}

/// Whether `await` takes a value.
fn is_awaitable(vm: &mut Vm, value: &Value) -> bool {
    match value {
        Value::Coroutine(coroutine) => coroutine.kind == Kind::Coroutine || coroutine.iterable,
        Value::Awaiter(_) => true,
        _ => vm.has_special(value, sym::__await__),
    }
}

/// Awaits anything and returns its result.
struct Wrap {
    awaitable: Value,
    begun: bool,
}

impl NativeCoroutine for Wrap {
    fn trace(&self, visit: gc::Visit) {
        visit(&self.awaitable);
    }

    fn resume(&mut self, vm: &mut Vm, input: Resume) -> Result<Outcome> {
        if !std::mem::replace(&mut self.begun, true) {
            let awaitable = self.awaitable.clone();
            return vm.delegate(&awaitable);
        }
        match input {
            Resume::Deliver(value) => Ok(Outcome::Return(value)),
            Resume::Throw(error) | Resume::Fail(error) => Err(error),
            Resume::Send(_) => match self.awaitable.data::<future::Future>() {
                Some(future) => future.take_result(vm).map(Outcome::Return),
                None => Ok(Outcome::Return(Value::None)),
            },
        }
    }

    fn awaiting(&self) -> Value {
        self.awaitable.clone()
    }
}

static INNER_DONE: NativeCallback = NativeCallback {
    qualname: "shield.<locals>._inner_done_callback",
    call: inner_done,
    row: method("_inner_done_callback(future)", |vm, args| future::called(vm, args, inner_done)),
};
static OUTER_DONE: NativeCallback = NativeCallback {
    qualname: "shield.<locals>._outer_done_callback",
    call: outer_done,
    row: method("_outer_done_callback(future)", |vm, args| future::called(vm, args, outer_done)),
};

/// `shield(arg)`: a future whose cancellation stays with it.
pub fn shield(vm: &mut Vm, args: &[Value]) -> Result {
    let inner = ensure_future_in(vm, &args[0], &Value::None)?;
    let Value::Instance(instance) = &inner else { return Ok(inner) };
    if instance.data::<future::Future>().is_none() || future::is_done(instance) {
        return Ok(inner);
    }
    let event_loop = task::loop_of(vm, &inner)?;
    let state = state(vm);
    let outer = future::create(vm, &state, &event_loop)?;
    let outer_value = Value::Instance(outer.clone());
    future::add_callback(vm, instance, Callback::Native(&INNER_DONE, outer_value.clone()))?;
    future::add_callback(vm, &outer, Callback::Native(&OUTER_DONE, inner.clone()))?;
    Ok(outer_value)
}

/// What the future that `shield` gave stands before.
pub fn shielded(outer: &future::Future) -> Option<Value> {
    outer.callbacks.borrow().as_slice().iter().find_map(|callback| match callback {
        Callback::Native(known, inner) if std::ptr::eq(*known, &OUTER_DONE) => Some(inner.clone()),
        _ => None,
    })
}

fn inner_done(vm: &mut Vm, outer: &Value, inner: &Rc<Instance>) -> Result<()> {
    let Value::Instance(outer) = outer else { return Ok(()) };
    let inner = future::data(inner);
    if future::data(outer).status.get() == Status::Cancelled {
        inner.unseen.set(false);
        return Ok(());
    }
    match inner.status.get() {
        Status::Cancelled => future::cancel_plain(vm, outer, Value::None).map(drop),
        Status::Failed => {
            let exception = inner.take_exception(vm)?;
            future::set_exception_value(vm, outer, &exception)
        }
        _ => {
            let result = inner.result.borrow().clone();
            future::fulfil(vm, outer, result)
        }
    }
}

fn outer_done(_: &mut Vm, inner: &Value, outer: &Rc<Instance>) -> Result<()> {
    if let Value::Instance(instance) = inner {
        if !future::is_done(instance) {
            future::remove_native(instance, &INNER_DONE, &Value::Instance(outer.clone()));
        }
    }
    Ok(())
}
