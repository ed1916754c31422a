//! Which loop is meant: the running one, or the policy's current one.

use super::event_loop::{self, EventLoop};
use super::state::{State, state};
use crate::builtins::prelude::*;

/// `get_running_loop()`.
pub fn running_loop(vm: &mut Vm) -> Result {
    let running = state(vm).running_loop();
    match running.given() {
        Some(event_loop) => Ok(event_loop.clone()),
        None => {
            let error = vm.runtime_error("no running event loop");
            vm.advise(
                &error,
                "a loop runs only inside what `asyncio.run(...)` was given: call this in an async function",
            );
            Err(error)
        }
    }
}

/// `get_event_loop()`: the running loop, or the policy's.
pub fn get_event_loop(vm: &mut Vm) -> Result {
    let state = state(vm);
    let running = state.running_loop();
    if running.given().is_some() {
        return Ok(running);
    }
    let policy = state.policy.borrow().clone();
    if policy.given().is_some() {
        return vm.call_method(&policy, "get_event_loop", &[]);
    }
    current_loop(vm, &state, None)
}

/// The default policy's `get_event_loop()`: of the policy itself where a script has seen it.
pub fn current_loop(vm: &mut Vm, state: &Rc<State>, policy: Option<&Value>) -> Result {
    let current = state.current.borrow().clone();
    if current.given().is_some() {
        return Ok(current);
    }
    if state.current_was_set.get() {
        let thread = super::threads::name(vm, vm.threads.current())?;
        return Err(vm.runtime_error(format!("There is no current event loop in thread '{thread}'.")));
    }
    vm.warn(vm.types.DeprecationWarning.clone(), "There is no current event loop")?;
    let Some(policy) = policy else {
        let made = make_loop(vm, state);
        set_current(state, made.clone());
        return Ok(made);
    };
    let made = vm.call_method(policy, "new_event_loop", &[])?;
    vm.call_method(policy, "set_event_loop", std::slice::from_ref(&made))?;
    Ok(made)
}

/// Takes a policy's current loop, and whether it was ever set, in the place of another policy's.
pub fn exchange_current(vm: &mut Vm, args: &[Value]) -> Result {
    let state = state(vm);
    let was_set = vm.truth(&args[1])?;
    let old = [state.current.replace(args[0].clone()), Value::bool(state.current_was_set.replace(was_set))];
    Ok(Value::tuple(old.to_vec()))
}

/// The default policy's `new_event_loop()`.
pub fn make_loop(vm: &mut Vm, state: &Rc<State>) -> Value {
    let class = state.classes.event_loop.clone();
    let made = new_of_class(vm, &class);
    announce(vm);
    made
}

/// An instance of a class of loops.
pub fn new_of_class(vm: &mut Vm, class: &Rc<Class>) -> Value {
    let event_loop = EventLoop::new(vm, !class.builtin);
    event_loop.debug.set(asks_debug(vm).unwrap_or(false));
    let made = Instance::native(class, event_loop);
    if let (Value::Instance(instance), Some(el)) = (&made, event_loop::of(&made)) {
        el.itself.replace(made.clone());
        gc::register(instance);
    }
    made
}

/// `asyncio.coroutines._is_debug_mode()`, which a test may have replaced.
fn asks_debug(vm: &mut Vm) -> Result<bool> {
    match vm.loaded_attr("asyncio.coroutines", "_is_debug_mode") {
        Some(function) => {
            let answer = vm.call(&function, &[])?;
            vm.truth(&answer)
        }
        None => Ok(vm.host.asyncio_debug),
    }
}

/// Tells the log what CPython tells it about a new loop.
pub fn announce(vm: &mut Vm) {
    if super::log::debug(vm, "Using selector: EpollSelector").is_err() {
        // A script whose logging is broken hears of it soon enough.
    }
}

pub fn set_current(state: &State, event_loop: Value) {
    state.current_was_set.set(true);
    let old = state.current.replace(event_loop);
    drop(old);
}

/// `new_event_loop()`.
pub fn new_event_loop(vm: &mut Vm, _: &[Value]) -> Result {
    let state = state(vm);
    let policy = state.policy.borrow().clone();
    if policy.given().is_some() {
        return vm.call_method(&policy, "new_event_loop", &[]);
    }
    Ok(make_loop(vm, &state))
}

/// `set_event_loop(loop)`.
pub fn set_event_loop(vm: &mut Vm, args: &[Value]) -> Result {
    let state = state(vm);
    let policy = state.policy.borrow().clone();
    if policy.given().is_some() {
        return vm.call_method(&policy, "set_event_loop", args);
    }
    set_checked(vm, args)
}

/// The default policy's `set_event_loop(loop)`.
pub fn set_checked(vm: &mut Vm, args: &[Value]) -> Result {
    let state = state(vm);
    let class = Value::Class(state.classes.abstract_loop.clone());
    if !args[0].is_none() && !vm.isinstance(&args[0], &class)? {
        let name = vm.class_name(&args[0]);
        return Err(vm.type_error(format!("loop must be an instance of AbstractEventLoop or None, not '{name}'")));
    }
    set_current(&state, args[0].clone());
    Ok(Value::None)
}
