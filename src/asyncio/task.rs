//! Tasks: a coroutine that the event loop resumes, step by step, until it is done.
//!
//! A step resumes the coroutine once. What comes out decides how it goes on: a future is waited for, a bare `yield`
//! takes another pass, a return value or an exception ends the task. **Invariant**: between two steps a pending task
//! either waits for `waiter` or has a step in the ready queue, never both.

use std::rc::Weak;

use super::contextvars::{self, Context, TaskContext};
use super::event_loop::{self, EventLoop, Ready};
use super::future::{self, Callback, Future, Part, Status};
use super::state::{State, state};
use super::{asked, format, policy};
use crate::builtins::prelude::*;
use crate::object::coroutine::{Kind, Operation, Outcome, Resume};

/// What a task has beyond a future.
#[derive(Default)]
pub struct Task {
    /// `Unbound` before `__init__`.
    pub coro: RefCell<Value>,
    /// The number that is part of its name, unless it has a name of its own.
    number: Cell<i64>,
    /// A name of its own, or the one made of its number when somebody asked.
    name: Cell<Option<Rc<Str>>>,
    pub(super) context: TaskContext,
    /// The future it waits for, or `None`.
    pub waiter: RefCell<Value>,
    pub must_cancel: Cell<bool>,
    /// Cancellations asked for and not taken back.
    pub cancelling: Cell<u32>,
    pub log_destroy_pending: Cell<bool>,
    /// The task whose `TaskGroup` it belongs to.
    pub group_parent: RefCell<Weak<Instance>>,
    /// When it began to wait; 0 before its first step.
    pub since: Cell<f64>,
}

const _: () = assert!(size_of::<Task>() <= 112);

impl Task {
    /// `get_name()`.
    pub fn name(&self) -> Value {
        let name = self.name.take();
        self.name.set(name.clone());
        if let Some(name) = name {
            return Value::Str(name);
        }
        match self.number.get() {
            0 => Value::None,
            number => {
                let name = Rc::new(Str::new(format!("Task-{number}")));
                self.set_name(name.clone());
                Value::Str(name)
            }
        }
    }

    fn set_name(&self, name: Rc<Str>) {
        self.name.set(Some(name));
    }
}

/// The task's part of an instance that is known to be one.
fn part(instance: &Instance) -> &Task {
    future::data(instance).task().expect("only tasks are stepped and woken")
}

/// The context a task runs in.
pub fn context(vm: &mut Vm, task: &Instance) -> Option<Rc<Context>> {
    part(task).context.get(&contextvars::current(vm))
}

/// `Task(coro, loop=..., name=..., context=..., eager_start=...)` for a loop and a coroutine of ours.
pub fn new_task(
    vm: &mut Vm,
    state: &Rc<State>,
    event_loop: &Value,
    coro: &Value,
    name: &Value,
    context: Option<Rc<Context>>,
    eager: bool,
) -> Result<Rc<Instance>> {
    let data = Payload::native(Future::new(Value::Unbound, new_part()));
    let this = Rc::new(Instance::new(state.classes.task.clone(), data));
    initialize(vm, state, &this, event_loop, coro, name, context, eager)?;
    Ok(this)
}

/// `task.set_name(name)`.
pub fn rename(vm: &mut Vm, task: &Instance, name: &Value) -> Result<()> {
    let name = vm.str(name)?;
    part(task).set_name(name);
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "those of Task()")]
fn initialize(
    vm: &mut Vm,
    state: &Rc<State>,
    this: &Rc<Instance>,
    event_loop: &Value,
    coro: &Value,
    name: &Value,
    context: Option<Rc<Context>>,
    eager: bool,
) -> Result<()> {
    let future = future::data(this);
    let Some(task) = future.task() else { return Err(future::not_initialized(vm)) };
    future::initialize(vm, future, event_loop)?;
    if !is_coroutine(vm, coro) {
        task.log_destroy_pending.set(false);
        let shown = vm.repr(coro)?;
        let error = vm.type_error(format!("a coroutine was expected, got {shown}"));
        vm.advise_coroutine_expected(&error, coro);
        let error = Value::list(vec![error.value()]);
        return vm.call_page("asyncio", "_raise_holding", &[error, coro.clone()]).map(drop);
    }
    match name {
        Value::None | Value::Unbound => task.number.set(state.next_number()),
        Value::Str(name) => task.set_name(name.clone()),
        other => task.set_name(vm.str(other)?),
    }
    match context {
        Some(context) => task.context.set(context),
        None => task.context.copy(&state.contexts),
    }
    task.waiter.replace(Value::None);
    task.coro.replace(coro.clone());
    let event_loop = future.event_loop.borrow().clone();
    if eager && is_running(vm, &event_loop)? {
        return start_eagerly(vm, state, this, &event_loop);
    }
    event_loop::add_ready(vm, &event_loop, Ready::Step(this.clone()))?;
    state.register(this);
    Ok(())
}

fn is_running(vm: &mut Vm, event_loop: &Value) -> Result<bool> {
    match event_loop::of(event_loop) {
        Some(el) if !el.custom.get() => Ok(el.running.get()),
        _ => {
            let answer = vm.call_method(event_loop, "is_running", &[])?;
            vm.truth(&answer)
        }
    }
}

/// Takes the first step at once, in place of the running task.
fn start_eagerly(vm: &mut Vm, state: &Rc<State>, this: &Rc<Instance>, event_loop: &Value) -> Result<()> {
    let context = part(this).context.get(&state.contexts);
    if context.as_ref().is_some_and(|context| context.foreign().is_some()) {
        part(this).log_destroy_pending.set(false);
        return Err(vm.type_error("an instance of Context was expected"));
    }
    if let Some(context) = context.filter(|context| Rc::ptr_eq(context, &state.contexts.context.borrow())) {
        part(this).log_destroy_pending.set(false);
        return Err(contextvars::entered_twice(vm, &context));
    }
    let el = event_loop::of(event_loop);
    let outer = el.and_then(|el| el.current_task.replace(None));
    let created = state.creating.take();
    state.eager.borrow_mut().push((this.clone(), created));
    let result = step(vm, this, None);
    state.eager.borrow_mut().retain(|(task, _)| !Rc::ptr_eq(task, this));
    state.creating.set(created);
    if let Some(el) = el {
        el.current_task.replace(outer);
    }
    if future::is_done(this) {
        let done = part(this).coro.replace(Value::None);
        drop(done);
    } else {
        state.register(this);
    }
    result
}

/// `iscoroutine(value)`.
pub fn is_coroutine(vm: &mut Vm, value: &Value) -> bool {
    match value {
        Value::Coroutine(coroutine) => coroutine.kind == Kind::Coroutine,
        // `generator.asend(...)` and its like.
        Value::Awaiter(awaiter) => awaiter.operation != Operation::Await,
        Value::Instance(_) => [sym::__await__, sym::send, sym::throw, sym::close]
            .iter()
            .all(|&name| vm.lookup_special(value, name).is_some()),
        _ => false,
    }
}

/// Resumes the task's coroutine once.
pub fn step(vm: &mut Vm, this: &Rc<Instance>, error: Option<Error>) -> Result<()> {
    let future = future::data(this);
    let Some(task) = future.task() else { return Err(future::not_initialized(vm)) };
    let event_loop = future.event_loop.borrow().clone();
    let Some(el) = event_loop::of(&event_loop) else { return Err(future::not_initialized(vm)) };
    enter(vm, el, this)?;
    // Whoever throws an exception into the task holds it, and the frames it went through, until the step is over.
    let held = error.clone();
    let context = task.context.get(&el.state.contexts).unwrap_or_default();
    let outer = el.state.contexts.enter(&context);
    // A handle of a script's own loop may have entered it already.
    let result = if outer.is_none() && !Rc::ptr_eq(&el.state.contexts.context.borrow(), &context) {
        step_outside(vm, el, this, &context, error)
    } else {
        step_inside(vm, el, &event_loop, this, (future, task), error)
    };
    if let Some(outer) = outer {
        el.state.contexts.leave(outer);
        task.context.rest(&el.state.contexts, context);
    }
    el.current_task.replace(None);
    if held.is_some() {
        drop(held);
        if gc::pending() {
            vm.run_finalizers(None);
        }
    }
    result
}

/// The step of a task whose context cannot be entered: what a script gave instead of one has it run.
#[cold]
fn step_outside(
    vm: &mut Vm,
    el: &EventLoop,
    this: &Rc<Instance>,
    context: &Rc<Context>,
    error: Option<Error>,
) -> Result<()> {
    let Some(given) = context.foreign() else { return Err(contextvars::entered_twice(vm, context)) };
    el.current_task.replace(None);
    let callback = step_callback(vm, this, error.as_ref());
    vm.call_method(given, "run", &[callback]).map(drop)
}

/// A step in whatever context is running.
fn step_here(vm: &mut Vm, this: &Rc<Instance>, error: Option<Error>) -> Result<()> {
    let future = future::data(this);
    let Some(task) = future.task() else { return Err(future::not_initialized(vm)) };
    let event_loop = future.event_loop.borrow().clone();
    let Some(el) = event_loop::of(&event_loop) else { return Err(future::not_initialized(vm)) };
    enter(vm, el, this)?;
    let result = step_inside(vm, el, &event_loop, this, (future, task), error);
    el.current_task.replace(None);
    result
}

/// The step itself, once the task is the current one and its context the running one.
fn step_inside(
    vm: &mut Vm,
    el: &EventLoop,
    event_loop: &Value,
    this: &Rc<Instance>,
    (future, task): (&Future, &Task),
    mut error: Option<Error>,
) -> Result<()> {
    if future.is_done() {
        return Err(already_done(vm, this, error));
    }
    if task.must_cancel.replace(false) && !matches!(&error, Some(e) if e.is(&vm.types.CancelledError)) {
        error = Some(future.cancelled_error(vm));
    }
    if !task.waiter.borrow().is_none() {
        let waited_for = task.waiter.replace(Value::None);
        drop(waited_for);
    }
    // A cancellation that was made here is held until the coroutine has run.
    let held = error.clone();
    let outcome = resume(vm, task, error);
    drop(held);
    task.since.set(el.pass_time.get());
    // What died with the coroutine's frame comes before what its end sets off.
    if gc::pending() {
        vm.run_finalizers(None);
    }
    match outcome {
        Ok(Outcome::Yield(Value::None)) => again(vm, el, event_loop, this),
        Ok(Outcome::Yield(value) | Outcome::AsyncYield(value)) => wait(vm, event_loop, this, value),
        Ok(Outcome::Return(value)) => finish(vm, this, value),
        Ok(Outcome::Delegate(..) | Outcome::Begun(_)) => Ok(()),
        Err(error) => fail(vm, el, this, error),
    }
}

#[cold]
fn already_done(vm: &mut Vm, this: &Rc<Instance>, error: Option<Error>) -> Error {
    let error = error.map_or(Value::None, |e| e.value());
    let shown = match (vm.repr(&Value::Instance(this.clone())), vm.repr(&error)) {
        (Ok(this), Ok(error)) => format!("__step(): already done: {this} {error}"),
        (Err(error), _) | (_, Err(error)) => return error,
    };
    future::invalid_state(vm, &shown)
}

/// Makes the task the loop's current one.
fn enter(vm: &mut Vm, el: &EventLoop, this: &Rc<Instance>) -> Result<()> {
    if el.current_task.borrow().is_none() {
        el.current_task.replace(Some(this.clone()));
        return Ok(());
    }
    Err(enter_twice(vm, el, this)?)
}

#[cold]
fn enter_twice(vm: &mut Vm, el: &EventLoop, this: &Rc<Instance>) -> Result<Error> {
    let other = el.current_task.borrow().clone().map_or(Value::None, Value::Instance);
    let (shown, other) = (vm.repr(&Value::Instance(this.clone()))?, vm.repr(&other)?);
    Ok(vm.runtime_error(format!("Cannot enter into task {shown} while another task {other} is being executed.")))
}

fn resume(vm: &mut Vm, task: &Task, error: Option<Error>) -> Result<Outcome> {
    let coro = task.coro.borrow().clone();
    if let Value::Coroutine(coroutine) = &coro {
        let input = error.map_or(Resume::Send(Value::None), Resume::Throw);
        return vm.resume(coroutine, input);
    }
    let result = match (error, &coro) {
        (Some(error), Value::Awaiter(awaiter)) => vm.awaiter_resume(awaiter, Resume::Throw(error)),
        (None, Value::Awaiter(awaiter)) => vm.awaiter_resume(awaiter, Resume::Send(Value::None)),
        (Some(error), _) => vm.call_method(&coro, sym::throw, &[error.value()]),
        (None, _) => vm.call_method(&coro, sym::send, &[Value::None]),
    };
    match result {
        Ok(value) => Ok(Outcome::Yield(value)),
        Err(error) if error.is(&vm.types.StopIteration) => Ok(Outcome::Return(vm.stop_value(&error))),
        Err(error) => {
            // No function of CPython's library, written in Python, stands between the task and what it awaits.
            if error.0.traceback.borrow().is_none() {
                error.0.raised.set(false);
            }
            Err(error)
        }
    }
}

/// The next step comes in the next pass.
fn again(vm: &mut Vm, el: &EventLoop, event_loop: &Value, this: &Rc<Instance>) -> Result<()> {
    if el.closed.get() || el.custom.get() || el.debug.get() {
        return event_loop::add_ready(vm, event_loop, Ready::Step(this.clone()));
    }
    el.push(Ready::Step(this.clone()));
    Ok(())
}

fn finish(vm: &mut Vm, this: &Rc<Instance>, value: Value) -> Result<()> {
    if part(this).must_cancel.replace(false) {
        let message = future::data(this).cancel_message();
        return future::cancel_plain(vm, this, message).map(drop);
    }
    future::set_result(vm, this, value)
}

#[cold]
fn fail(vm: &mut Vm, el: &EventLoop, this: &Rc<Instance>, error: Error) -> Result<()> {
    // The frames below it in CPython, those of `run_until_complete` and its like, live as long as its traceback.
    let main = el.completing.borrow().clone();
    // Of a first step taken at once, that of `create_task` too, which knows the task if it makes one after all; else that
    // of the handle, if the loop is to end.
    let eager = el.state.eager.borrow().iter().find(|(task, _)| Rc::ptr_eq(task, this)).map(|(_, created)| *created);
    let fatal = event_loop::is_fatal(vm, &error);
    let is_known = eager.map_or(fatal, |created| created && !fatal);
    // What a step of an asynchronous generator raises itself went through no frame.
    let frameless = matches!(&*part(this).coro.borrow(), Value::Awaiter(_)) && error.0.traceback.borrow().is_none();
    if !frameless {
        for held in [main.bound(), is_known.then(|| Value::Instance(this.clone()))].into_iter().flatten() {
            vm.keep_with(&error, held);
        }
    }
    vm.hold_callers(&error);
    if error.is(&vm.types.CancelledError) {
        let future = future::data(this);
        future.set_cancelled_exception(error.0);
        // Who asks a second time gets no message.
        return future::cancel_plain(vm, this, Value::None).map(drop);
    }
    vm.note_task(&error, &part(this).name());
    future::set_exception(vm, this, error.0.clone())?;
    if fatal { Err(error) } else { Ok(()) }
}

/// The coroutine handed something out: waits for it, if it can be waited for.
fn wait(vm: &mut Vm, event_loop: &Value, this: &Rc<Instance>, value: Value) -> Result<()> {
    let task = part(this);
    if let Value::Instance(instance) = &value {
        if Rc::ptr_eq(instance, this) {
            let shown = vm.repr(&value)?;
            return throw_soon(vm, event_loop, this, format!("Task cannot await on itself: {shown}"));
        }
        if let Some(awaited) = instance.data::<Future>().filter(|_| instance.class().builtin) {
            if !awaited.event_loop.borrow().is(event_loop) {
                return other_loop(vm, event_loop, this, &value);
            }
            if !awaited.blocking.get() {
                return yielded_future(vm, event_loop, this, &value);
            }
            awaited.blocking.set(false);
            future::add_callback(vm, instance, Callback::Wakeup(this.clone()))?;
            task.waiter.replace(value.clone());
            if task.must_cancel.get() {
                let message = future::data(this).cancel_message();
                if future::cancel(vm, &value, message)? {
                    task.must_cancel.set(false);
                }
            }
            return Ok(());
        }
    }
    wait_for_other(vm, event_loop, this, value)
}

/// Waits for a future of a class that a script has written.
fn wait_for_other(vm: &mut Vm, event_loop: &Value, this: &Rc<Instance>, value: Value) -> Result<()> {
    let blocking = vm.name(sym::_asyncio_future_blocking).clone();
    match vm.get_attr_opt(&value, &blocking)? {
        Some(Value::None) | None => {}
        Some(flag) => {
            let own_loop = loop_of(vm, &value)?;
            if !own_loop.is(event_loop) {
                return other_loop(vm, event_loop, this, &value);
            }
            if !vm.truth(&flag)? {
                return yielded_future(vm, event_loop, this, &value);
            }
            vm.set_attr(&value, &blocking, Value::bool(false))?;
            let add = vm.get_attr(&value, "add_done_callback")?;
            let wakeup = wakeup_method(vm, this);
            let context = context(vm, this).unwrap_or_default();
            let context = contextvars::current(vm).object(&context);
            let keyword = vm.intern("context");
            vm.call_kw(&add, &[wakeup], &[(keyword, context)])?;
            let task = part(this);
            task.waiter.replace(value.clone());
            if task.must_cancel.get() {
                let message = future::data(this).cancel_message();
                if future::cancel(vm, &value, message)? {
                    task.must_cancel.set(false);
                }
            }
            return Ok(());
        }
    }
    let shown = vm.repr(&value)?;
    if matches!(&value, Value::Coroutine(c) if c.kind == Kind::Generator) {
        let task = vm.repr(&Value::Instance(this.clone()))?;
        let text = format!("yield was used instead of yield from for generator in task {task} with {shown}");
        return throw_soon(vm, event_loop, this, text);
    }
    throw_soon(vm, event_loop, this, format!("Task got bad yield: {shown}"))
}

/// The loop of a future: `get_loop()`, or `_loop`.
pub fn loop_of(vm: &mut Vm, value: &Value) -> Result {
    if let Some(future) = asked::plain(value) {
        return Ok(future.event_loop.borrow().clone());
    }
    match vm.get_attr_opt(value, "get_loop")? {
        Some(method) => vm.call(&method, &[]),
        None => vm.get_attr(value, "_loop"),
    }
}

#[cold]
fn yielded_future(vm: &mut Vm, event_loop: &Value, this: &Rc<Instance>, value: &Value) -> Result<()> {
    let (task, shown) = (vm.repr(&Value::Instance(this.clone()))?, vm.repr(value)?);
    let text = format!("yield was used instead of yield from in task {task} with {shown}");
    throw_soon(vm, event_loop, this, text)
}

#[cold]
fn other_loop(vm: &mut Vm, event_loop: &Value, this: &Rc<Instance>, value: &Value) -> Result<()> {
    let (task, shown) = (vm.repr(&Value::Instance(this.clone()))?, vm.repr(value)?);
    let text = format!("Task {task} got Future {shown} attached to a different loop");
    throw_soon(vm, event_loop, this, text)
}

/// In the next pass, throws a `RuntimeError` into the coroutine.
#[cold]
fn throw_soon(vm: &mut Vm, event_loop: &Value, this: &Rc<Instance>, text: String) -> Result<()> {
    let error = vm.runtime_error(text);
    event_loop::add_ready(vm, event_loop, Ready::Throw(this.clone(), error))
}

/// Cancels a task at its next step, whatever it waits for.
pub fn cut_loose(vm: &mut Vm, this: &Rc<Instance>) -> Result<()> {
    let future = future::data(this);
    let awaited = part(this).waiter.replace(Value::None);
    if let (Value::Instance(instance), Some(_)) = (&awaited, future::of(&awaited)) {
        future::remove_wakeup(instance, this);
    }
    let event_loop = future.event_loop.borrow().clone();
    let error = future.cancelled_error(vm);
    event_loop::add_ready(vm, &event_loop, Ready::Throw(this.clone(), error))
}

/// What the task waited for is done.
pub fn wakeup(vm: &mut Vm, this: &Rc<Instance>, awaited: &Rc<Instance>) -> Result<()> {
    let data = future::data(awaited);
    let status = data.status.get();
    if !awaited.class().builtin {
        // A class of a script may have a `result()` of its own.
        let error = vm.call_method(&Value::Instance(awaited.clone()), "result", &[]).err();
        return step(vm, this, error);
    }
    if status == Status::Finished {
        return step(vm, this, None);
    }
    let mut error = data.take_result(vm).err();
    // What `result()` raises is raised here, so in what is handled where the loop runs: at the end of a runner, say. The
    // exception that a plain future was given is only handed on.
    if vm.handling.is_some() {
        let class = awaited.class();
        let classes = &state(vm).classes;
        let is_plain = Rc::ptr_eq(&class, &classes.future) || Rc::ptr_eq(&class, &classes.task);
        if status == Status::Cancelled || !is_plain {
            error = error.map(|e| vm.raised_here(e));
        }
    }
    step(vm, this, error)
}

/// `task.cancel(msg)`.
pub fn cancel(vm: &mut Vm, future: &Future, task: &Task, message: Value) -> Result<bool> {
    future.unseen.set(false);
    if future.is_done() {
        return Ok(false);
    }
    task.cancelling.set(task.cancelling.get() + 1);
    let waiter = task.waiter.borrow().clone();
    // Tasks can wait for each other in a circle.
    if waiter.given().is_some()
        && vm.nested_in(" while calling a Python object", |vm| future::cancel(vm, &waiter, message.clone()))?
    {
        return Ok(true);
    }
    task.must_cancel.set(true);
    future.set_cancel_message(message);
    Ok(true)
}

/// The bound method that wakes a task, as a value.
pub fn wakeup_method(vm: &mut Vm, task: &Rc<Instance>) -> Value {
    super::bound_native(vm, &WAKEUP, &Value::Instance(task.clone()))
}

/// A task's step as a callable value.
pub fn step_callback(vm: &mut Vm, task: &Rc<Instance>, error: Option<&Error>) -> Value {
    let class = state(vm).classes.step.clone();
    let error = error.map_or(Value::None, |e| e.value());
    Instance::native(&class, TaskStep { task: Value::Instance(task.clone()), error })
}

static WAKEUP: Row = method("task_wakeup(object, /)", |vm, args| {
    let Value::Instance(task) = &args[0] else { return Ok(Value::None) };
    match &args[1] {
        Value::Instance(awaited) if awaited.data::<Future>().is_some() => wakeup(vm, task, awaited)?,
        other => {
            let error = vm.call_method(other, sym::result, &[]).err();
            step(vm, task, error)?;
        }
    }
    Ok(Value::None)
});

/// A task's step where a script can see it.
struct TaskStep {
    task: Value,
    error: Value,
}

impl Native for TaskStep {
    fn trace(&self, visit: gc::Visit) {
        visit(&self.task);
        visit(&self.error);
    }
}

pub const STEP_METHODS: &[Row] = &[
    method("__call__(*args, **kwargs)", |vm, args| {
        for (given, kind) in [(&args[2], "keyword"), (&args[1], "positional")] {
            if vm.truth(given)? {
                return Err(vm.type_error(format!("function takes no {kind} arguments")));
            }
        }
        if let Some(TaskStep { task: Value::Instance(task), error }) = args[0].data::<TaskStep>() {
            let error = error.as_exception().cloned().map(Error);
            match context(vm, task).is_some_and(|context| context.foreign().is_some()) {
                true => step_here(vm, task, error)?,
                false => step(vm, task, error)?,
            }
        }
        Ok(Value::None)
    }),
    getter("__self__", |_, this| Ok(this.data::<TaskStep>().map_or(Value::None, |step| step.task.clone()))),
];

// What scripts see.

pub const METHODS: &[Row] = &[
    static_method("__new__(cls, /, *args, **kwargs)", |vm, args| {
        let Value::Class(class) = &args[0] else {
            return Err(vm.type_error("Task.__new__(X): X is not a type object"));
        };
        Ok(future::new_instance(class, new_part()))
    }),
    method("__init__(coro, *, loop=None, name=None, context=None, eager_start=False)", init),
    method("cancel(msg=None)", |vm, args| {
        let future = future::this(vm, args)?;
        match future.task() {
            Some(task) => cancel(vm, future, task, args[1].clone()).map(Value::bool),
            None => Ok(Value::bool(false)),
        }
    }),
    method("cancelling()", |vm, args| Ok(Value::Int(this(vm, args)?.cancelling.get().into()))),
    method("uncancel()", |vm, args| {
        let task = this(vm, args)?;
        let left = task.cancelling.get().saturating_sub(1);
        if task.cancelling.replace(left) > 0 && left == 0 {
            task.must_cancel.set(false);
        }
        Ok(Value::Int(left.into()))
    }),
    method("get_name()", |vm, args| Ok(this(vm, args)?.name())),
    method("set_name(value, /)", |vm, args| {
        let name = vm.str(&args[1])?;
        this(vm, args)?.set_name(name);
        Ok(Value::None)
    }),
    method("get_coro()", |vm, args| Ok(this(vm, args)?.coro.borrow().clone().bound().unwrap_or(Value::None))),
    method("get_context()", |vm, args| {
        let (task, contexts) = (this(vm, args)?, contextvars::current(vm));
        Ok(task.context.get(&contexts).map_or(Value::None, |context| contexts.object(&context)))
    }),
    method("set_result(result, /)", |vm, _| Err(vm.runtime_error("Task does not support set_result operation"))),
    method("set_exception(exception, /)", |vm, _| {
        Err(vm.runtime_error("Task does not support set_exception operation"))
    }),
    method("get_stack(*, limit=None)", |vm, args| super::stacks::get_stack(vm, &args[0], &args[1])),
    method("print_stack(*, limit=None, file=None)", |vm, args| vm.call_page("asyncio", "_print_stack", args)),
    method("__repr__()", |vm, args| format::future_repr(vm, &args[0])),
    class_method("__class_getitem__(object, /)", super::generic_alias),
    attribute(
        "_log_destroy_pending",
        |_, this| Ok(Value::bool(of(this).is_some_and(|task| task.log_destroy_pending.get()))),
        |vm, this, value| {
            let value = future::flag(vm, &value)?;
            if let Some(task) = of(this) {
                task.log_destroy_pending.set(value);
            }
            Ok(())
        },
    ),
    getter("_must_cancel", |_, this| Ok(Value::bool(of(this).is_some_and(|task| task.must_cancel.get())))),
    getter("_fut_waiter", |_, this| {
        Ok(of(this).and_then(|task| task.waiter.borrow().clone().bound()).unwrap_or(Value::None))
    }),
    getter("_coro", |_, this| Ok(of(this).and_then(|task| task.coro.borrow().clone().bound()).unwrap_or(Value::None))),
];

/// The task behind a value.
pub fn of(value: &Value) -> Option<&Task> {
    future::of(value).and_then(Future::task)
}

fn this<'a>(vm: &mut Vm, args: &'a [Value]) -> Result<&'a Task> {
    future::this(vm, args)?.task().ok_or_else(|| vm.type_error("a Task was expected"))
}

fn new_part() -> Part {
    Part::Task(Box::new(Task { log_destroy_pending: Cell::new(true), ..Task::default() }))
}

fn init(vm: &mut Vm, args: &[Value]) -> Result {
    let [_, coro, event_loop, name, context, eager] = args else { return Ok(Value::None) };
    let this = future::instance(vm, args)?;
    let state = state(vm);
    let eager = vm.truth(eager)?;
    let context = contextvars::given(context);
    initialize(vm, &state, this, event_loop, coro, name, context, eager)?;
    Ok(Value::None)
}

/// `current_task(loop=None)`.
pub fn current_task(vm: &mut Vm, args: &[Value]) -> Result {
    let event_loop = match args[0].given() {
        Some(given) => given.clone(),
        None => policy::running_loop(vm)?,
    };
    if event_loop::of(&event_loop).is_none() {
        vm.hash(&event_loop)?;
    }
    Ok(current_of(vm, &event_loop).unwrap_or(Value::None))
}

/// The task that a loop of any kind is running.
pub fn current_of(vm: &mut Vm, event_loop: &Value) -> Option<Value> {
    match event_loop::of(event_loop) {
        Some(el) => el.current_task.borrow().clone().map(Value::Instance),
        None => {
            let state = state(vm);
            let foreign = state.foreign_current.borrow();
            foreign.iter().find(|(known, _)| known.is(event_loop)).map(|(_, task)| task.clone())
        }
    }
}

pub fn set_current(vm: &mut Vm, event_loop: &Value, task: Option<Value>) {
    match (event_loop::of(event_loop), task) {
        (Some(el), Some(Value::Instance(task))) => drop(el.current_task.replace(Some(task))),
        (Some(el), _) => drop(el.current_task.replace(None)),
        (None, task) => {
            let state = state(vm);
            let mut kept = state.foreign_current.take();
            kept.retain(|(known, _)| !known.is(event_loop));
            kept.extend(task.map(|task| (event_loop.clone(), task)));
            drop(state.foreign_current.replace(kept));
        }
    }
}

/// `all_tasks(loop=None)`.
pub fn all_tasks(vm: &mut Vm, args: &[Value]) -> Result {
    let event_loop = match args[0].given() {
        Some(given) => given.clone(),
        None => policy::running_loop(vm)?,
    };
    let mut items = Vec::new();
    for task in state(vm).pending_tasks() {
        let value = Value::Instance(task);
        // What a script has registered need not be a task of ours.
        if future::of(&value).is_none() {
            let done = vm.get_attr(&value, "done")?;
            let done = vm.call(&done, &[])?;
            if vm.truth(&done)? {
                continue;
            }
        }
        if loop_of(vm, &value)?.is(&event_loop) {
            items.push(value);
        }
    }
    vm.new_set(items, false)
}

/// `create_task(coro, *, name=None, context=None)`.
pub fn create_task(vm: &mut Vm, args: &[Value]) -> Result {
    let event_loop = policy::running_loop(vm)?;
    create_in(vm, &event_loop, &args[0], &args[1], &args[2])
}

/// `loop.create_task(coro, name=name, context=context)` for a loop of any kind.
pub fn create_in(vm: &mut Vm, event_loop: &Value, coro: &Value, name: &Value, context: &Value) -> Result {
    match event_loop::of(event_loop) {
        Some(el) if !el.custom.get() => {
            vm.below(1, |vm| super::loop_methods::create_task_in(vm, el, event_loop, coro, name, context))
        }
        _ => {
            let method = vm.get_attr(event_loop, "create_task")?;
            let mut keywords = Vec::new();
            for (key, value) in [("name", name), ("context", context)] {
                if let Some(value) = value.given() {
                    keywords.push((vm.intern(key), value.clone()));
                }
            }
            vm.call_kw(&method, std::slice::from_ref(coro), &keywords)
        }
    }
}
