//! What the library asks of futures: a script's own are asked by their methods, others looked into.

use super::future::{self, Callback, Future, NativeCallback, Status};
use crate::builtins::prelude::*;

/// The future inside a value whose class is asyncio's own: nothing of it is overridden.
pub fn plain(value: &Value) -> Option<&Future> {
    match value {
        Value::Instance(instance) if instance.class().builtin => instance.data(),
        _ => None,
    }
}

/// `future.done()`.
pub fn is_done(vm: &mut Vm, future: &Value) -> Result<bool> {
    match plain(future) {
        Some(future) => Ok(future.is_done()),
        None => answer(vm, future, "done"),
    }
}

/// `future.cancelled()`.
pub fn is_cancelled(vm: &mut Vm, future: &Value) -> Result<bool> {
    match plain(future) {
        Some(future) => Ok(future.status.get() == Status::Cancelled),
        None => answer(vm, future, "cancelled"),
    }
}

fn answer(vm: &mut Vm, future: &Value, question: &str) -> Result<bool> {
    let answer = vm.call_method(future, question, &[])?;
    vm.truth(&answer)
}

/// `future.exception()`, of one that is done and was not cancelled.
pub fn exception(vm: &mut Vm, future: &Value) -> Result {
    match plain(future) {
        Some(future) => future.take_exception(vm),
        None => vm.call_method(future, sym::exception, &[]),
    }
}

/// `future.result()`, of one that is done.
pub fn result(vm: &mut Vm, future: &Value) -> Result {
    match plain(future) {
        Some(future) => future.take_result(vm),
        None => vm.call_method(future, sym::result, &[]),
    }
}

/// How a future ended whose result nobody will look at any more.
pub fn note_seen(vm: &mut Vm, future: &Value) -> Result<()> {
    if !is_cancelled(vm, future)? {
        exception(vm, future)?;
    }
    Ok(())
}

/// `future._make_cancelled_error()`.
pub fn cancelled_error(vm: &mut Vm, future: &Value) -> Result<Error> {
    if let Some(future) = future::of(future) {
        return Ok(future.cancelled_error(vm));
    }
    match vm.call_method(future, "_make_cancelled_error", &[])? {
        Value::Exception(exception) => Ok(Error(exception)),
        _ => Err(vm.type_error("exceptions must derive from BaseException")),
    }
}

/// `future.add_done_callback(...)`; returns what removes it again.
pub fn notify(vm: &mut Vm, future: &Value, native: &'static NativeCallback, object: &Value) -> Result<Value> {
    let callback = Callback::Native(native, object.clone());
    match future {
        Value::Instance(instance) if plain(future).is_some() => {
            future::add_callback(vm, instance, callback)?;
            Ok(Value::None)
        }
        _ => {
            let callback = future::callback_value(vm, &callback);
            vm.call_method(future, "add_done_callback", std::slice::from_ref(&callback))?;
            Ok(callback)
        }
    }
}
