//! `ensure_future`, `shield`, and waiting for any awaitable in a task.

use super::asked;
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
            _ => vm.advise_awaited(&error, value, false),
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
    module: "asyncio.tasks",
    qualname: "shield.<locals>._inner_done_callback",
    call: inner_done,
    row: method("_inner_done_callback(future)", |vm, args| future::called(vm, args, inner_done)),
};
static OUTER_DONE: NativeCallback = NativeCallback {
    module: "asyncio.tasks",
    qualname: "shield.<locals>._outer_done_callback",
    call: outer_done,
    row: method("_outer_done_callback(future)", |vm, args| future::called(vm, args, outer_done)),
};

/// `shield(arg)`: a future whose cancellation stays with it.
pub fn shield(vm: &mut Vm, args: &[Value]) -> Result {
    let inner = ensure_future_in(vm, &args[0], &Value::None)?;
    if asked::is_done(vm, &inner)? {
        return Ok(inner);
    }
    let event_loop = task::loop_of(vm, &inner)?;
    let state = state(vm);
    let outer = future::create(vm, &state, &event_loop)?;
    let outer_value = Value::Instance(outer.clone());
    let callback = asked::notify(vm, &inner, &INNER_DONE, &outer_value)?;
    // The two lead to each other.
    gc::register(&outer);
    let object = if callback.is_none() { inner } else { Value::tuple(vec![inner, callback]) };
    future::add_callback(vm, &outer, Callback::Native(&OUTER_DONE, object))?;
    Ok(outer_value)
}

/// What the future that `shield` gave stands before.
pub fn shielded(outer: &future::Future) -> Option<Value> {
    outer.callbacks.borrow().as_slice().iter().find_map(|callback| match callback {
        Callback::Native(known, object) if std::ptr::eq(*known, &OUTER_DONE) => Some(inner_of(object).0.clone()),
        _ => None,
    })
}

/// The inner future, and what it was told to call if its class is a script's.
fn inner_of(object: &Value) -> (&Value, Option<&Value>) {
    match object.as_tuple().map(|pair| &***pair) {
        Some([inner, callback]) => (inner, Some(callback)),
        _ => (object, None),
    }
}

fn inner_done(vm: &mut Vm, outer: &Value, inner: &Value) -> Result<()> {
    let Value::Instance(outer) = outer else { return Ok(()) };
    if future::data(outer).status.get() == Status::Cancelled {
        return asked::note_seen(vm, inner);
    }
    if asked::is_cancelled(vm, inner)? {
        return future::cancel_plain(vm, outer, Value::None).map(drop);
    }
    match asked::exception(vm, inner)? {
        Value::None => {
            let result = asked::result(vm, inner)?;
            future::fulfil(vm, outer, result)
        }
        exception => future::set_exception_value(vm, outer, &exception),
    }
}

fn outer_done(vm: &mut Vm, object: &Value, outer: &Value) -> Result<()> {
    let (inner, callback) = inner_of(object);
    if asked::is_done(vm, inner)? {
        return Ok(());
    }
    match (inner, callback) {
        (_, Some(callback)) => drop(vm.call_method(inner, "remove_done_callback", std::slice::from_ref(callback))?),
        (Value::Instance(inner), None) => drop(future::remove_native(inner, &INNER_DONE, outer)),
        _ => {}
    }
    Ok(())
}
