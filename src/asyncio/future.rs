//! Futures: a result that is not there yet, and who is to be told when it is.
//!
//! One Rust type, [`Future`], is behind plain futures, tasks and what `gather` returns; `part` holds what they have
//! beyond that. **Invariant**: a future leaves `Pending` once, and in that moment each of its callbacks goes to the
//! event loop's ready queue, in the order they were added; none is ever called directly.

use super::contextvars::Context;
use super::event_loop::{self, Ready};
use super::gather::Gathering;
use super::state::{State, state};
use super::task::Task;
use super::{format, policy};
use crate::builtins::prelude::*;
use crate::object::Exception;
use crate::object::class::{Awaited, Awaiting};
use crate::object::coroutine::{Origin, Outcome, Resume};
use crate::object::exception::Traceback;
use crate::object::rare::Rare;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    Pending,
    Cancelled,
    /// `result` is the result.
    Finished,
    /// `result` is the exception.
    Failed,
}

pub struct Future {
    /// `Unbound` until `__init__` has run.
    pub event_loop: RefCell<Value>,
    pub status: Cell<Status>,
    /// While pending: what `sleep` will return.
    pub result: RefCell<Value>,
    pub callbacks: RefCell<Callbacks>,
    /// `_asyncio_future_blocking`: it was just handed out by an `await`.
    pub blocking: Cell<bool>,
    /// `_log_traceback`: it failed and nobody has looked.
    pub unseen: Cell<bool>,
    /// The state of the timer that ends it, for futures of `sleep`.
    pub timer: Cell<TimerState>,
    age: Cell<u32>,
    extra: Rare<Extra>,
    pub part: Part,
}

const _: () = assert!(size_of::<Future>() <= 112, "there is one for all that waits");

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimerState {
    None,
    Scheduled,
    Cancelled,
}

/// What most futures never have.
#[derive(Default)]
pub struct Extra {
    pub cancel_message: Value,
    /// The exception that ended a cancelled task, to be raised once.
    cancelled_exception: Option<Rc<Exception>>,
    /// The traceback the exception had when it was set, until the result is first asked for.
    traceback: Option<Rc<Traceback>>,
    /// Whether it had one then, if only of frames of CPython's library.
    raised: bool,
    /// Where it was made, in debug mode.
    pub source: Value,
}

pub enum Part {
    Plain,
    Task(Box<Task>),
    Gathering(Box<Gathering>),
}

/// What happens when a future is done.
#[derive(Clone)]
pub enum Callback {
    /// A task waits for it.
    Wakeup(Rc<Instance>),
    /// Rust code, with the object it works for.
    Native(&'static NativeCallback, Value),
    Script(Rc<(Value, Rc<Context>, Origin)>),
}

impl Callback {
    /// Shows the references it holds.
    pub fn trace(&self, visit: gc::Visit) {
        match self {
            Callback::Wakeup(task) => gc::link(task, Value::Instance, visit),
            Callback::Native(_, object) => visit(object),
            // One that is shared is about to be called.
            Callback::Script(pair) if Rc::strong_count(pair) == 1 => visit(&pair.0),
            Callback::Script(_) => {}
        }
    }
}

/// A callback written in Rust; it is called with its object and the future.
pub struct NativeCallback {
    pub module: &'static str,
    pub qualname: &'static str,
    pub call: fn(&mut Vm, &Value, &Value) -> Result<()>,
    /// The same as a method of its object, for loops that want to see a callable.
    pub row: Row,
}

/// The row of a [`NativeCallback`].
pub fn called(vm: &mut Vm, args: &[Value], call: fn(&mut Vm, &Value, &Value) -> Result<()>) -> Result {
    call(vm, &args[0], &args[1]).map(|()| Value::None)
}

/// Most futures have one callback at most.
#[derive(Default)]
pub enum Callbacks {
    #[default]
    None,
    One(Callback),
    Many(Box<Several>),
}

/// Two callbacks or more.
pub struct Several(Vec<Callback>);

impl Drop for Several {
    /// Those that were never called are freed as CPython does it: the first one stands alone, the others go from the end.
    fn drop(&mut self) {
        if let Some(others) = self.0.get_mut(1..) {
            others.reverse();
        }
    }
}

impl Callbacks {
    pub fn push(&mut self, callback: Callback) {
        *self = match std::mem::take(self) {
            Callbacks::None => Callbacks::One(callback),
            Callbacks::One(first) => Callbacks::Many(Box::new(Several(vec![first, callback]))),
            Callbacks::Many(mut all) => {
                all.0.push(callback);
                Callbacks::Many(all)
            }
        };
    }

    pub fn as_slice(&self) -> &[Callback] {
        match self {
            Callbacks::None => &[],
            Callbacks::One(callback) => std::slice::from_ref(callback),
            Callbacks::Many(all) => &all.0,
        }
    }
}

impl Native for Future {
    fn trace(&self, visit: gc::Visit) {
        gc::trace_cell(&self.event_loop, visit);
        gc::trace_cell(&self.result, visit);
        self.callbacks.borrow().as_slice().iter().for_each(|callback| callback.trace(visit));
        self.extra(|extra| {
            visit(&extra.cancel_message);
            visit(&extra.source);
            if let Some(exception) = &extra.cancelled_exception {
                gc::link(exception, Value::Exception, visit);
            }
            if let Some(traceback) = &extra.traceback {
                gc::link(traceback, Value::Traceback, visit);
            }
        });
        match &self.part {
            Part::Plain => {}
            Part::Task(task) => {
                gc::trace_cell(&task.coro, visit);
                gc::trace_cell(&task.waiter, visit);
                task.context.trace(visit);
            }
            Part::Gathering(gathering) => gathering.children().iter().for_each(visit),
        }
    }

    fn clear(&self) {
        drop((self.event_loop.take(), self.result.take(), self.callbacks.take(), self.extra.take()));
        if let Part::Task(task) = &self.part {
            drop((task.coro.take(), task.waiter.take()));
            task.context.clear();
        }
    }

    fn age(&self) -> Option<&Cell<u32>> {
        Some(&self.age)
    }

    fn finalizer(&self) -> Option<fn(&mut Vm, &Value)> {
        match &self.part {
            _ if self.unseen.get() => Some(finalize),
            Part::Task(task)
                if self.status.get() == Status::Pending
                    && task.log_destroy_pending.get()
                    && !self.event_loop.borrow().is_unbound() =>
            {
                Some(finalize)
            }
            _ => None,
        }
    }
}

#[cold]
fn not_awaited(vm: &mut Vm) -> Error {
    let error = vm.runtime_error("await wasn't used with future");
    vm.advise(&error, crate::machine::advice::TO_COME);
    error
}

/// How `await` treats futures and tasks.
pub static AWAITING: Awaiting = Awaiting { begin: await_step, resume: await_step };

fn await_step(vm: &mut Vm, value: &Value) -> Result<Awaited> {
    let Some(future) = value.data::<Future>() else { return Err(not_initialized(vm)) };
    if future.status.get() == Status::Pending {
        if future.blocking.replace(true) {
            return Err(not_awaited(vm));
        }
        return Ok(Awaited::Yield(value.clone()));
    }
    future.take_result(vm).map(Awaited::Ready)
}

impl Future {
    pub fn new(event_loop: Value, part: Part) -> Future {
        Future {
            event_loop: RefCell::new(event_loop),
            status: Cell::new(Status::Pending),
            result: RefCell::new(Value::None),
            callbacks: RefCell::default(),
            blocking: Cell::new(false),
            unseen: Cell::new(false),
            timer: Cell::new(TimerState::None),
            age: Cell::new(gc::next_age()),
            extra: Rare::default(),
            part,
        }
    }

    pub fn is_done(&self) -> bool {
        self.status.get() != Status::Pending
    }

    pub fn task(&self) -> Option<&Task> {
        match &self.part {
            Part::Task(task) => Some(task),
            _ => None,
        }
    }

    /// `_cancel_message`.
    pub fn cancel_message(&self) -> Value {
        self.extra(|extra| extra.cancel_message.clone()).bound().unwrap_or(Value::None)
    }

    pub fn set_cancel_message(&self, message: Value) {
        if !message.is_none() || self.extra(|_| true) {
            self.with_extra(|extra| extra.cancel_message = message);
        }
    }

    /// Something of the extra part, if there is one.
    #[inline]
    pub fn extra<T: Default>(&self, get: impl FnOnce(&mut Extra) -> T) -> T {
        self.extra.get(get)
    }

    /// Changes the extra part, which is made if it is not there yet.
    pub fn with_extra<T>(&self, change: impl FnOnce(&mut Extra) -> T) -> T {
        self.extra.change(change)
    }

    /// Keeps the exception that ended the task.
    pub fn set_cancelled_exception(&self, exception: Rc<Exception>) {
        self.with_extra(|extra| extra.cancelled_exception = Some(exception));
    }

    /// The exception for whoever asks for the result of a cancelled future.
    pub fn cancelled_error(&self, vm: &mut Vm) -> Error {
        let kept = self.extra(|extra| extra.cancelled_exception.take());
        if let Some(kept) = kept {
            return Error(kept);
        }
        let args = self.cancel_message().given().cloned().into_iter().collect();
        vm.new_error(vm.types.CancelledError.clone(), args)
    }

    /// The result, or the exception it ended with.
    pub fn take_result(&self, vm: &mut Vm) -> Result {
        match self.status.get() {
            Status::Finished => Ok(self.result.borrow().clone()),
            Status::Cancelled => Err(self.cancelled_error(vm)),
            Status::Pending => {
                let error = invalid_state(vm, "Result is not set.");
                if self.task().is_some() {
                    vm.advise(&error, "the task is not done yet: `await` it, which gives its result");
                }
                Err(error)
            }
            Status::Failed => {
                self.unseen.set(false);
                let result = self.result.borrow().clone();
                let Value::Exception(exception) = result else { return Err(not_initialized(vm)) };
                // A second reader gets the exception without the frames it came through.
                let (traceback, raised) =
                    self.extra(|extra| (extra.traceback.take(), std::mem::take(&mut extra.raised)));
                exception.raised.set(raised);
                let old = exception.traceback.replace(traceback);
                drop(old);
                Err(Error(exception))
            }
        }
    }

    /// The exception it failed with, if any; a cancelled future raises.
    pub fn take_exception(&self, vm: &mut Vm) -> Result {
        match self.status.get() {
            Status::Finished => Ok(Value::None),
            Status::Failed => {
                self.unseen.set(false);
                Ok(self.result.borrow().clone())
            }
            Status::Cancelled => Err(self.cancelled_error(vm)),
            Status::Pending => Err(invalid_state(vm, "Exception is not set.")),
        }
    }
}

/// The future behind a value.
#[inline]
pub fn of(value: &Value) -> Option<&Future> {
    value.data()
}

/// The future behind an instance that is known to be one.
#[inline]
pub fn data(instance: &Instance) -> &Future {
    instance.data().expect("only instances of Future's classes are handed around as futures")
}

pub fn is_done(instance: &Instance) -> bool {
    instance.data::<Future>().is_none_or(Future::is_done)
}

/// `isfuture(value)`.
pub fn is_future(vm: &mut Vm, value: &Value) -> bool {
    if of(value).is_some() {
        return true;
    }
    if !matches!(value, Value::Instance(_)) {
        return false;
    }
    // The class it claims to be of: a mock of a future is one.
    let (name, class) = (vm.name(sym::_asyncio_future_blocking).clone(), vm.name(sym::__class__).clone());
    let Ok(Some(class)) = vm.get_attr_opt(value, &class) else { return false };
    vm.get_attr_opt(&class, &name).is_ok_and(|found| found.is_some())
        && vm.get_attr_opt(value, &name).is_ok_and(|found| found.is_some_and(|v| !v.is_none()))
}

/// Refuses to delete an attribute: what is set is no value then.
fn kept(vm: &mut Vm, value: &Value) -> Result<()> {
    if value.is_unbound() {
        return Err(vm.error(vm.types.AttributeError.clone(), "cannot delete attribute"));
    }
    Ok(())
}

/// The value of an attribute that is true or false and cannot be deleted.
pub fn flag(vm: &mut Vm, value: &Value) -> Result<bool> {
    kept(vm, value)?;
    vm.truth(value)
}

/// In debug mode a future knows where it was made.
pub fn note_source(vm: &mut Vm, future: &Future, event_loop: &Value) {
    if event_loop::is_debug(event_loop) {
        let source = format::stack(vm);
        future.with_extra(|extra| extra.source = source);
    }
}

/// A new future of a loop.
pub fn new_future(vm: &mut Vm, state: &State, event_loop: &Value) -> Rc<Instance> {
    let future = Future::new(event_loop.clone(), Part::Plain);
    note_source(vm, &future, event_loop);
    Rc::new(Instance::new(state.classes.future.clone(), Payload::native(future)))
}

/// `loop.create_future()` for a loop of any kind.
pub fn create(vm: &mut Vm, state: &State, event_loop: &Value) -> Result<Rc<Instance>> {
    if event_loop::of(event_loop).is_some_and(|el| !el.custom.get()) {
        return Ok(new_future(vm, state, event_loop));
    }
    match vm.call_method(event_loop, "create_future", &[])? {
        Value::Instance(made) if made.data::<Future>().is_some() => Ok(made),
        _ => Ok(new_future(vm, state, event_loop)),
    }
}

/// Has the callbacks called soon.
fn schedule_callbacks(vm: &mut Vm, this: &Rc<Instance>) -> Result<()> {
    let future = data(this);
    let all = match future.callbacks.take() {
        Callbacks::None => return Ok(()),
        Callbacks::One(callback) => {
            let event_loop = future.event_loop.borrow().clone();
            return call_soon(vm, &event_loop, callback, this);
        }
        Callbacks::Many(mut all) => std::mem::take(&mut all.0),
    };
    let event_loop = future.event_loop.borrow().clone();
    for callback in all {
        call_soon(vm, &event_loop, callback, this)?;
    }
    Ok(())
}

fn call_soon(vm: &mut Vm, event_loop: &Value, mut callback: Callback, this: &Rc<Instance>) -> Result<()> {
    if let Callback::Script(script) = &callback {
        super::loop_methods::check_done_callback(vm, event_loop, &script.0)?;
        // `context=None` is left to the loop.
        if script.1.foreign().is_some_and(Value::is_none) {
            let context = state(vm).contexts.copy();
            callback = Callback::Script(Rc::new((script.0.clone(), context, script.2)));
        }
    }
    event_loop::add_ready(vm, event_loop, Ready::Done(callback, this.clone()))
}

/// Ends a future with a result; it must be pending.
pub fn set_result(vm: &mut Vm, this: &Rc<Instance>, value: Value) -> Result<()> {
    gc::stored(this, &value);
    let future = data(this);
    if future.is_done() {
        return Err(done_already(vm, future));
    }
    let old = future.result.replace(value);
    future.status.set(Status::Finished);
    drop(old);
    schedule_callbacks(vm, this)
}

/// What the library's own `future.set_result(value)` does: a loop may make futures of a class that has a method of its own.
pub fn fulfil(vm: &mut Vm, this: &Rc<Instance>, value: Value) -> Result<()> {
    if this.class().builtin {
        return set_result(vm, this, value);
    }
    vm.call_method(&Value::Instance(this.clone()), "set_result", &[value]).map(drop)
}

/// Ends a future with an exception; it must be pending.
pub fn set_exception(vm: &mut Vm, this: &Rc<Instance>, exception: Rc<Exception>) -> Result<()> {
    gc::register(this);
    let future = data(this);
    if future.is_done() {
        return Err(done_already(vm, future));
    }
    let (traceback, raised) = (exception.traceback.borrow().clone(), exception.raised.get());
    if traceback.is_some() || raised {
        future.with_extra(|extra| (extra.traceback, extra.raised) = (traceback, raised));
    }
    future.result.replace(Value::Exception(exception));
    future.status.set(Status::Failed);
    schedule_callbacks(vm, this)?;
    future.unseen.set(true);
    Ok(())
}

/// Cancels a future that is not a task: whether it was pending.
pub fn cancel_plain(vm: &mut Vm, this: &Rc<Instance>, message: Value) -> Result<bool> {
    let future = data(this);
    future.unseen.set(false);
    if future.is_done() {
        return Ok(false);
    }
    future.status.set(Status::Cancelled);
    future.set_cancel_message(message);
    schedule_callbacks(vm, this)?;
    Ok(true)
}

/// `future.cancel(msg=message)` for anything that may be one.
pub fn cancel(vm: &mut Vm, value: &Value, message: Value) -> Result<bool> {
    if let Value::Instance(instance) = value {
        if instance.class().builtin {
            if let Some(future) = instance.data::<Future>() {
                return match &future.part {
                    Part::Plain => cancel_plain(vm, instance, message),
                    Part::Task(task) => super::task::cancel(vm, future, task, message),
                    Part::Gathering(gathering) => super::gather::cancel(vm, future, gathering, message),
                };
            }
        }
    }
    let method = vm.get_attr(value, sym::cancel)?;
    let answer = vm.call_kw(&method, &[], &[(vm.name(sym::msg).clone(), message)])?;
    vm.truth(&answer)
}

/// Adds a callback, or has it called soon if the future is done.
pub fn add_callback(vm: &mut Vm, this: &Rc<Instance>, callback: Callback) -> Result<()> {
    let future = data(this);
    if future.is_done() {
        let event_loop = future.event_loop.borrow().clone();
        return call_soon(vm, &event_loop, callback, this);
    }
    future.callbacks.borrow_mut().push(callback);
    Ok(())
}

/// Removes the callbacks that a predicate picks; how many there were.
pub fn remove_native(this: &Rc<Instance>, which: &'static NativeCallback, object: &Value) -> usize {
    remove(
        this,
        |callback| matches!(callback, Callback::Native(native, env) if std::ptr::eq(*native, which) && env.is(object)),
    )
}

/// A task waits for the future no more.
pub fn remove_wakeup(this: &Rc<Instance>, task: &Rc<Instance>) {
    remove(this, |callback| matches!(callback, Callback::Wakeup(waiting) if Rc::ptr_eq(waiting, task)));
}

fn remove(this: &Rc<Instance>, mut matches: impl FnMut(&Callback) -> bool) -> usize {
    let future = data(this);
    let all = future.callbacks.take();
    let mut kept = Callbacks::default();
    for callback in all.as_slice() {
        if !matches(callback) {
            kept.push(callback.clone());
        }
    }
    let removed = all.as_slice().len() - kept.as_slice().len();
    future.callbacks.replace(kept);
    removed
}

/// What came of waiting for a future in a coroutine written in Rust.
pub enum Waited {
    /// It was resumed too early: wait again.
    Again(Outcome),
    Done(Result),
}

/// Goes on after [`wait_for`].
pub fn waited(vm: &mut Vm, future: &Rc<Instance>, input: Resume) -> Waited {
    if let Resume::Throw(error) | Resume::Fail(error) = input {
        return Waited::Done(Err(error));
    }
    let data = data(future);
    if data.is_done() {
        return Waited::Done(data.take_result(vm).map_err(|e| vm.raised_here(e)));
    }
    if data.blocking.get() {
        return Waited::Done(Err(not_awaited(vm)));
    }
    Waited::Again(wait_for(future))
}

/// Hands a future to the event loop from a coroutine written in Rust.
pub fn wait_for(future: &Rc<Instance>) -> Outcome {
    data(future).blocking.set(true);
    Outcome::Yield(Value::Instance(future.clone()))
}

#[cold]
pub fn invalid_state(vm: &mut Vm, message: &str) -> Error {
    let class = state(vm).classes.invalid_state.clone();
    vm.error(&class, message)
}

/// A future ends once.
#[cold]
fn done_already(vm: &mut Vm, future: &Future) -> Error {
    let error = invalid_state(vm, "invalid state");
    let help = match future.status.get() {
        Status::Cancelled => "this future has been cancelled: `.done()` tells",
        _ => "this future has its result or exception already: `.done()` tells",
    };
    vm.advise(&error, help);
    error
}

#[cold]
pub fn not_initialized(vm: &mut Vm) -> Error {
    vm.runtime_error("Future object is not initialized.")
}

/// What happens when the last reference to a future goes.
pub fn finalize(vm: &mut Vm, this: &Value) {
    let Some(future) = of(this) else { return };
    let kind = vm.class_name(this);
    let event_loop = future.event_loop.borrow().clone();
    let mut context = Vec::new();
    if future.unseen.replace(false) {
        let message = format!("{kind} exception was never retrieved");
        context.push(("message", Value::string(message)));
        context.push(("exception", future.result.borrow().clone()));
        context.push(("future", this.clone()));
    } else if let Some(task) = future.task() {
        task.log_destroy_pending.set(false);
        if let Value::Instance(instance) = this {
            state(vm).unregister(instance);
        }
        context.push(("message", Value::str("Task was destroyed but it is pending!")));
        context.push(("task", this.clone()));
    }
    if let Some(source) = future.extra(|extra| extra.source.clone()).bound() {
        context.push(("source_traceback", format::summary(vm, &source).unwrap_or(source)));
    }
    if let Err(error) = event_loop::report(vm, &event_loop, context) {
        let handler = vm.get_attr(&event_loop, "call_exception_handler").unwrap_or_default();
        vm.report_unraisable(&error, &handler);
    }
}

// What scripts see.

/// What a task has of its own as well.
pub const SHARED_METHODS: &[Row] = &[
    method("result()", |vm, args| readable(vm, args)?.take_result(vm).map_err(|e| vm.raised_here(e))),
    method("type exception()", |vm, args| readable(vm, args)?.take_exception(vm).map_err(|e| vm.raised_here(e))),
    method("done()", |vm, args| Ok(Value::bool(this(vm, args)?.is_done()))),
    method("cancelled()", |vm, args| Ok(Value::bool(this(vm, args)?.status.get() == Status::Cancelled))),
    method("add_done_callback(fn, /, *, context=<unrepresentable>)", add_done_callback),
    method("type remove_done_callback(fn, /)", remove_done_callback),
    method("__del__()", |vm, args| {
        if let Some(finalizer) = crate::object::instance::Native::finalizer(this(vm, args)?) {
            finalizer(vm, &args[0]);
        }
        Ok(Value::None)
    }),
];

pub const METHODS: &[Row] = &[
    static_method("__new__(cls, /, *args, **kwargs)", new),
    method("__init__(*, loop=None)", |vm, args| {
        let future = this(vm, args)?;
        initialize(vm, future, &args[1])?;
        Ok(Value::None)
    }),
    method("cancel(msg=None)", |vm, args| {
        let this = instance(vm, args)?;
        initialized(vm, args)?;
        cancel_plain(vm, this, args[1].clone()).map(Value::bool)
    }),
    method("type set_result(result, /)", |vm, args| {
        let this = instance(vm, args)?;
        initialized(vm, args)?;
        set_result(vm, this, args[1].clone())?;
        Ok(Value::None)
    }),
    method("type set_exception(exception, /)", |vm, args| {
        let this = instance(vm, args)?;
        set_exception_value(vm, this, &args[1])?;
        Ok(Value::None)
    }),
    method("type get_loop()", |vm, args| Ok(initialized(vm, args)?.event_loop.borrow().clone())),
    method("_make_cancelled_error()", |vm, args| Ok(this(vm, args)?.cancelled_error(vm).value())),
    method("__await__()", iterate),
    method("__iter__()", iterate),
    method("__repr__()", |vm, args| format::future_repr(vm, &args[0])),
    class_method("__class_getitem__(object, /)", super::generic_alias),
    attribute(
        "_asyncio_future_blocking",
        |_, this| Ok(of(this).map_or(Value::None, |f| Value::bool(f.blocking.get()))),
        |vm, this, value| {
            let value = flag(vm, &value)?;
            if let Some(future) = of(this) {
                future.blocking.set(value);
            }
            Ok(())
        },
    ),
    attribute(
        "_log_traceback",
        |_, this| Ok(Value::bool(of(this).is_some_and(|f| f.unseen.get()))),
        |vm, this, value| {
            if flag(vm, &value)? {
                return Err(vm.value_error("_log_traceback can only be set to False"));
            }
            if let Some(future) = of(this) {
                future.unseen.set(false);
            }
            Ok(())
        },
    ),
    attribute(
        "_cancel_message",
        |_, this| Ok(of(this).map_or(Value::None, Future::cancel_message)),
        |vm, this, value| {
            kept(vm, &value)?;
            if let Some(future) = of(this) {
                future.set_cancel_message(value);
            }
            Ok(())
        },
    ),
    getter("_state", |_, this| {
        let text = match of(this).map(|f| f.status.get()) {
            Some(Status::Finished | Status::Failed) => "FINISHED",
            Some(Status::Cancelled) => "CANCELLED",
            _ => "PENDING",
        };
        Ok(Value::str(text))
    }),
    getter("_loop", |_, this| Ok(of(this).and_then(|f| f.event_loop.borrow().clone().bound()).unwrap_or(Value::None))),
    getter("_result", |_, this| {
        Ok(of(this).filter(|f| f.status.get() == Status::Finished).map_or(Value::None, |f| f.result.borrow().clone()))
    }),
    getter("_exception", |_, this| {
        Ok(of(this).filter(|f| f.status.get() == Status::Failed).map_or(Value::None, |f| f.result.borrow().clone()))
    }),
    getter("_source_traceback", |vm, this| {
        let source = of(this).map(|f| f.extra(|extra| extra.source.clone())).unwrap_or_default();
        format::summary(vm, &source)
    }),
    getter("_callbacks", |vm, this| {
        let Some(future) = of(this) else { return Ok(Value::None) };
        let callbacks = future.callbacks.borrow().as_slice().to_vec();
        if callbacks.is_empty() {
            return Ok(Value::None);
        }
        let contexts = state(vm).contexts.clone();
        let pairs = callbacks.iter().map(|callback| {
            let context = match callback {
                Callback::Script(script) => contexts.object(&script.1),
                _ => contexts.object(&contexts.context.borrow().clone()),
            };
            Value::tuple([callback_value(vm, callback), context])
        });
        Ok(Value::list(pairs.collect()))
    }),
];

pub const ITER_METHODS: &[Row] = &[
    method("__iter__()", |_, args| Ok(args[0].clone())),
    method("__next__()", |vm, args| iter_send(vm, &args[0])),
    method("send(value, /)", |vm, args| iter_send(vm, &args[0])),
    method("throw(type, value=<unrepresentable>, traceback=<unrepresentable>, /)", |vm, args| {
        if !args[2].is_unbound() || !args[3].is_unbound() {
            let text = "the (type, exc, tb) signature of throw() is deprecated, use the single-arg signature instead.";
            vm.warn(vm.types.DeprecationWarning.clone(), text)?;
        }
        let error = vm.exception_to_throw(&args[1], &args[2], &args[3])?;
        if let Some(iter) = args[0].data::<FutureIter>() {
            iter.0.take();
        }
        Err(error)
    }),
    method("close()", |_, args| {
        if let Some(iter) = args[0].data::<FutureIter>() {
            iter.0.take();
        }
        Ok(Value::None)
    }),
];

/// The future that a native method was called on.
pub fn this<'a>(vm: &mut Vm, args: &'a [Value]) -> Result<&'a Future> {
    match of(&args[0]) {
        Some(future) => Ok(future),
        None => {
            let name = vm.class_name(&args[0]);
            Err(vm.type_error(format!("descriptor for '_asyncio.Future' objects doesn't apply to a '{name}' object")))
        }
    }
}

fn initialized<'a>(vm: &mut Vm, args: &'a [Value]) -> Result<&'a Future> {
    let future = this(vm, args)?;
    if future.event_loop.borrow().is_unbound() {
        return Err(not_initialized(vm));
    }
    Ok(future)
}

/// To be asked for its result; one without a loop has none.
fn readable<'a>(vm: &mut Vm, args: &'a [Value]) -> Result<&'a Future> {
    let future = this(vm, args)?;
    if future.event_loop.borrow().is_unbound() {
        return Err(invalid_state(vm, "Future object is not initialized."));
    }
    Ok(future)
}

pub fn instance<'a>(vm: &mut Vm, args: &'a [Value]) -> Result<&'a Rc<Instance>> {
    this(vm, args)?;
    match &args[0] {
        Value::Instance(instance) => Ok(instance),
        _ => Err(not_initialized(vm)),
    }
}

fn new(vm: &mut Vm, args: &[Value]) -> Result {
    let Value::Class(class) = &args[0] else { return Err(vm.type_error("Future.__new__(X): X is not a type object")) };
    Ok(new_instance(class, Part::Plain))
}

/// An instance whose `__init__` has not run.
pub fn new_instance(class: &Rc<Class>, part: Part) -> Value {
    Instance::native(class, Future::new(Value::Unbound, part))
}

/// What `Future.__init__` does.
pub fn initialize(vm: &mut Vm, future: &Future, event_loop: &Value) -> Result<()> {
    let event_loop = match event_loop {
        Value::None | Value::Unbound => policy::get_event_loop(vm)?,
        given => given.clone(),
    };
    if event_loop::asks_debug(vm, &event_loop)? {
        let source = format::stack(vm);
        future.with_extra(|extra| extra.source = source);
    }
    let old = future.event_loop.replace(event_loop);
    drop(old);
    Ok(())
}

/// `set_exception` with what a script gave: an exception or a class of exceptions.
pub fn set_exception_value(vm: &mut Vm, this: &Rc<Instance>, value: &Value) -> Result<()> {
    if data(this).event_loop.borrow().is_unbound() {
        return Err(not_initialized(vm));
    }
    if data(this).is_done() {
        return Err(done_already(vm, data(this)));
    }
    let made = match value {
        Value::Class(class) if class.is_subclass(&vm.types.BaseException) => vm.call(value, &[])?,
        other => other.clone(),
    };
    let Value::Exception(exception) = made else { return Err(vm.type_error("invalid exception object")) };
    if !exception.is(&vm.types.StopIteration) {
        return set_exception(vm, this, exception);
    }
    let refused = vm.runtime_error("StopIteration interacts badly with generators and cannot be raised into a Future");
    *refused.0.cause.borrow_mut() = Some(exception.clone());
    *refused.0.context.borrow_mut() = Some(exception);
    refused.0.suppress_context.set(true);
    set_exception(vm, this, refused.0)
}

fn add_done_callback(vm: &mut Vm, args: &[Value]) -> Result {
    let this = instance(vm, args)?;
    initialized(vm, args)?;
    let context = match &args[2] {
        Value::None => super::contextvars::foreign(&Value::None),
        given => super::contextvars::given(given).unwrap_or_else(|| state(vm).contexts.copy()),
    };
    gc::stored(this, &args[1]);
    let made = vm.calls.last().map(|site| (site.code, site.span));
    add_callback(vm, this, Callback::Script(Rc::new((args[1].clone(), context, made))))?;
    Ok(Value::None)
}

fn remove_done_callback(vm: &mut Vm, args: &[Value]) -> Result {
    let this = instance(vm, args)?;
    initialized(vm, args)?;
    let callbacks = data(this).callbacks.borrow().as_slice().to_vec();
    // Compared outside: `==` may be script code.
    let mut doomed = Vec::new();
    for callback in &callbacks {
        if let Callback::Script(script) = callback {
            if vm.eq(&script.0, &args[1])? {
                doomed.push(Rc::as_ptr(script));
            }
        }
    }
    let removed = remove(this, |callback| matches!(callback, Callback::Script(s) if doomed.contains(&Rc::as_ptr(s))));
    Ok(Value::usize(removed))
}

/// A callback as a value that scripts can look at.
pub fn callback_value(vm: &mut Vm, callback: &Callback) -> Value {
    match callback {
        Callback::Script(script) => script.0.clone(),
        Callback::Wakeup(task) => super::task::wakeup_method(vm, task),
        Callback::Native(native, object) => {
            let method = super::bound_native(vm, &native.row, object);
            if native.row.is_python() {
                return method;
            }
            // CPython has a function there, in `gather` or `shield`.
            let named = [method.clone(), Value::str(native.qualname), Value::str(native.module)];
            vm.call_page("asyncio", "_as_function", &named).unwrap_or(method)
        }
    }
}

/// What `future.__await__()` returns.
struct FutureIter(RefCell<Option<Value>>);

impl Native for FutureIter {
    fn trace(&self, visit: gc::Visit) {
        if let Some(future) = &*self.0.borrow() {
            visit(future);
        }
    }

    fn clear(&self) {
        self.0.take();
    }
}

fn iterate(vm: &mut Vm, args: &[Value]) -> Result {
    initialized(vm, args)?;
    let class = state(vm).classes.future_iter.clone();
    Ok(Instance::native(&class, FutureIter(RefCell::new(Some(args[0].clone())))))
}

fn iter_send(vm: &mut Vm, this: &Value) -> Result {
    let Some(iter) = this.data::<FutureIter>() else { return Err(not_initialized(vm)) };
    let future = iter.0.borrow().clone();
    let Some(future) = future else { return Err(vm.stop_iteration(Value::None)) };
    match await_step(vm, &future) {
        Ok(Awaited::Yield(value)) => Ok(value),
        Ok(Awaited::Ready(value)) => {
            iter.0.take();
            Err(vm.stop_iteration(value))
        }
        Err(error) => {
            iter.0.take();
            Err(vm.raised_here(error))
        }
    }
}
