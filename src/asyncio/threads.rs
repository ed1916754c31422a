//! Event loops and green threads: a loop that waits lets the threads run, a thread has a running loop, a current loop and
//! a context of its own, and a loop that runs in a thread is left wherever it waits.

use std::collections::HashMap;

use super::contextvars::{self, Context};
use super::event_loop::{self, EventLoop};
use super::future::{self, Callback};
use super::loop_methods::STOP_LOOP;
use super::state::state;
use super::{bound_native, shield, task};
use crate::builtins::prelude::*;
use crate::host::wait_length;
use crate::machine::threads::Wait;
use crate::object::coroutine::{NativeCoroutine, Outcome, Resume};

/// What a thread that does not run has of its own.
#[derive(Default)]
struct Own {
    running: Value,
    current: Value,
    current_was_set: bool,
    hooks: (Value, Value),
    context: Rc<Context>,
}

/// What is set aside, by thread.
#[derive(Default)]
pub struct Asides(HashMap<u64, Own>);

/// Called when the machine leaves one thread for another.
pub fn switch(vm: &mut Vm, from: u64, to: u64) {
    let state = state(vm);
    let contexts = contextvars::current(vm);
    let mut asides = state.asides.borrow_mut();
    // No thread but the main one has a loop, or may make one, before it says so.
    let fresh = || Own { running: Value::None, current: Value::None, current_was_set: true, ..Own::default() };
    let entered = asides.0.remove(&to).unwrap_or_else(fresh);
    let left = Own {
        running: state.running.replace(entered.running),
        current: state.current.replace(entered.current),
        current_was_set: state.current_was_set.replace(entered.current_was_set),
        hooks: std::mem::replace(&mut vm.asyncgen_hooks, entered.hooks),
        context: contexts.context.replace(entered.context),
    };
    if from == 0 || vm.threads.is_alive(from) {
        asides.0.insert(from, left);
    }
}

/// The name of a thread.
pub fn name(vm: &mut Vm, id: u64) -> Result<String> {
    if id == 0 {
        return Ok("MainThread".to_owned());
    }
    let name = vm.call_page("threading", "_name_of", &[Value::Int(id as i64)])?;
    Ok(vm.str(&name)?.to_string())
}

/// The loops that run in the threads that do not.
pub fn running_elsewhere(vm: &mut Vm) -> Vec<Value> {
    let state = state(vm);
    let asides = state.asides.borrow();
    asides.0.values().map(|own| own.running.clone()).filter(|running| !running.is_none()).collect()
}

/// `_in_context(context)`: makes a context the running one; a function that ends that.
pub fn in_context(vm: &mut Vm, args: &[Value]) -> Result {
    let Some(context) = contextvars::of(&args[0]).cloned() else { return Err(vm.type_error("a Context was expected")) };
    let contexts = contextvars::current(vm);
    let before = contexts.context.replace(context);
    let before = contexts.object(&before);
    Ok(bound_native(vm, &LEAVE, &before))
}

static LEAVE: Row = method("_leave()", |vm, args| {
    if let Some(context) = contextvars::of(&args[0]).cloned() {
        contextvars::current(vm).context.replace(context);
    }
    Ok(Value::None)
});

/// When the first timer of a loop is due on the machine's clock.
fn due(first: Option<f64>, now: i128) -> Option<i128> {
    first.map(|when| now + wait_length(when - event_loop::seconds(now)))
}

/// Waits for something to do while threads run: until something is ready or the first timer is due.
pub fn idle(vm: &mut Vm, el: &EventLoop, this: &Value, first: Option<f64>) -> Result<()> {
    let start = vm.host.clock.monotonic();
    let due = due(first, start);
    loop {
        let ran = vm.run_threads()?;
        vm.look_outside();
        if el.has_ready() {
            return Ok(());
        }
        let now = vm.host.clock.monotonic();
        if due.is_some_and(|due| due <= now) {
            return Ok(());
        }
        vm.look_out()?;
        if el.has_ready() {
            return Ok(());
        }
        if ran {
            continue;
        }
        match vm.next_thread_deadline().into_iter().chain(due).min() {
            Some(at) => vm.idle(Some((at - now).max(0))),
            None => event_loop::wait_for_outside(vm, el, this)?,
        }
    }
}

/// `run_forever()` in a thread.
pub fn run_forever(vm: &mut Vm, args: &[Value]) -> Result {
    Ok(forever(vm, &args[0], event_loop::LIBRARY_FRAMES))
}

/// Runs a loop until it is stopped, below so many frames of CPython's library that no frame of ours stands for.
fn forever(vm: &mut Vm, event_loop: &Value, library_frames: u32) -> Value {
    vm.suspend_in(Box::new(RunForever { event_loop: event_loop.clone(), running: false, library_frames }))
}

struct RunForever {
    event_loop: Value,
    running: bool,
    library_frames: u32,
}

static HAS_READY: Row = method("_has_ready()", |vm, args| {
    vm.look_outside();
    Ok(Value::bool(event_loop::of(&args[0]).is_none_or(|el| el.has_ready() || el.stopping.get())))
});

impl NativeCoroutine for RunForever {
    fn resume(&mut self, vm: &mut Vm, input: Resume) -> Result<Outcome> {
        let this = self.event_loop.clone();
        let Some(el) = event_loop::of(&this) else { return Ok(Outcome::Return(Value::None)) };
        if !std::mem::replace(&mut self.running, true) {
            event_loop::begin(vm, &this).inspect_err(|_| event_loop::end(vm, el))?;
        }
        let result = match input {
            Resume::Throw(error) | Resume::Fail(error) => Err(error),
            _ => vm.below(self.library_frames, |vm| passes(vm, el, &this)),
        };
        match result {
            Ok(Some(token)) => Ok(Outcome::Yield(token)),
            other => {
                event_loop::end(vm, el);
                other.map(|_| Outcome::Return(Value::None))
            }
        }
    }

    fn trace(&self, visit: gc::Visit) {
        visit(&self.event_loop);
    }
}

/// Runs passes until the loop is stopped (`None`) or has nothing to do: what to wait for.
fn passes(vm: &mut Vm, el: &EventLoop, this: &Value) -> Result<Option<Value>> {
    loop {
        if !el.has_ready() && !el.stopping.get() {
            let now = vm.host.clock.monotonic();
            let due = due(el.first_timer(), now);
            if due.is_none_or(|due| due > now) {
                let ready = bound_native(vm, &HAS_READY, this);
                return Ok(Some(Vm::wait_token(Wait {
                    deadline: due,
                    ready: Some(ready),
                    what: Some(Value::str("the tasks of its event loop")),
                    ..Wait::default()
                })));
            }
        }
        event_loop::run_once(vm, el, this)?;
        if el.stopping.get() {
            return Ok(None);
        }
    }
}

/// `run_until_complete()` in a thread.
pub fn complete(vm: &mut Vm, args: &[Value]) -> Result {
    let (event_loop, awaited) = (args[0].clone(), args[1].clone());
    let running = Complete { event_loop, awaited, foreign: false, done: None, is_new: false };
    Ok(vm.suspend_in(Box::new(running)))
}

struct Complete {
    event_loop: Value,
    awaited: Value,
    /// Whether a function written in the language waits for it.
    foreign: bool,
    /// The future that is waited for, once the loop runs.
    done: Option<Rc<Instance>>,
    is_new: bool,
}

impl NativeCoroutine for Complete {
    fn resume(&mut self, vm: &mut Vm, input: Resume) -> Result<Outcome> {
        if self.foreign {
            drop(event_loop::of(&self.event_loop).map(|el| el.completing.take()));
            return match input {
                Resume::Throw(error) | Resume::Fail(error) => Err(error),
                Resume::Send(value) | Resume::Deliver(value) => Ok(Outcome::Return(value)),
            };
        }
        let Some(done) = self.done.take() else {
            match begin_complete(vm, &self.event_loop, &self.awaited)? {
                Awaited::Own(done, is_new) => (self.done, self.is_new) = (Some(done), is_new),
                Awaited::Foreign(awaited, is_new) => {
                    let complete = vm.from_page("asyncio", "_complete_foreign")?;
                    let args = vec![self.event_loop.clone(), awaited, Value::bool(is_new)];
                    let completing = vm.call_suspending(&complete, args, &[])?;
                    self.foreign = vm.threads.take_pending();
                    return if self.foreign { vm.delegate(&completing) } else { Ok(Outcome::Return(completing)) };
                }
            }
            // This link and that one stand for two.
            let forever = forever(vm, &self.event_loop, event_loop::LIBRARY_FRAMES - 2);
            vm.threads.take_pending();
            return vm.delegate(&forever);
        };
        let result = match input {
            Resume::Throw(error) | Resume::Fail(error) => Err(error),
            Resume::Send(_) | Resume::Deliver(_) => Ok(()),
        };
        end_complete(vm, &self.event_loop, &done, self.is_new, result).map(Outcome::Return)
    }

    fn trace(&self, visit: gc::Visit) {
        visit(&self.event_loop);
        visit(&self.awaited);
    }
}

/// What `run_until_complete` waits for.
pub enum Awaited {
    /// A future of our own, and whether it was made for this.
    Own(Rc<Instance>, bool),
    /// The same of a foreign class.
    Foreign(Value, bool),
}

/// What `run_until_complete` does before the loop runs.
pub fn begin_complete(vm: &mut Vm, event_loop: &Value, awaited: &Value) -> Result<Awaited> {
    let is_new = !future::is_future(vm, awaited);
    let awaited = shield::ensure_future_in(vm, awaited, event_loop)?;
    if let Some(task) = task::of(&awaited).filter(|_| is_new) {
        task.log_destroy_pending.set(false);
    }
    if let Some(el) = event_loop.data::<EventLoop>() {
        el.completing.replace(awaited.clone());
    }
    match &awaited {
        Value::Instance(done) if done.data::<future::Future>().is_some() && done.class().builtin => {
            future::add_callback(vm, done, Callback::Native(&STOP_LOOP, event_loop.clone()))?;
            Ok(Awaited::Own(done.clone(), is_new))
        }
        _ => Ok(Awaited::Foreign(awaited, is_new)),
    }
}

/// What it does afterwards: the future's result.
pub fn end_complete(vm: &mut Vm, event_loop: &Value, done: &Rc<Instance>, is_new: bool, result: Result<()>) -> Result {
    future::remove_native(done, &STOP_LOOP, event_loop);
    if let Some(el) = event_loop.data::<EventLoop>() {
        drop(el.completing.take());
    }
    let data = future::data(done);
    if let Err(error) = result {
        if is_new && data.status.get() == future::Status::Failed {
            // Reported by the exception that leaves the loop.
            data.unseen.set(false);
        }
        return Err(error);
    }
    if !data.is_done() {
        return Err(vm.runtime_error("Event loop stopped before Future completed."));
    }
    data.take_result(vm).map_err(|e| {
        // A frame of CPython's library that is in the traceback knows the future.
        let error = vm.raised_here(e);
        vm.keep_with(&error, Value::Instance(done.clone()));
        error
    })
}
