//! `TaskGroup`: tasks that end together.
//!
//! The group waits at the end of its block for the tasks made in it. When one fails, or the block does, the others are
//! cancelled; what was raised comes out as an exception group. **Invariant**: a task is in `tasks` from its creation
//! until its callback has run.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::future::{self, Callback, NativeCallback, Waited};
use super::state::{Function, state};
use super::{asked, event_loop, policy, task};
use crate::builtins::modules::support::class_given;
use crate::builtins::prelude::*;
use crate::object::coroutine::{NativeCoroutine, Outcome, Resume};
use crate::object::native::Prompt;

/// What `async with` knows of a group: everything is as it was made until `__aenter__`.
#[derive(Default)]
pub struct TaskGroup {
    entered: Cell<bool>,
    exiting: Cell<bool>,
    aborting: Cell<bool>,
    /// It has cancelled the task it belongs to.
    cancelled_parent: Cell<bool>,
    event_loop: RefCell<Value>,
    /// The task whose block this is, until it is left.
    parent: RefCell<Value>,
    tasks: RefCell<Tasks>,
    errors: RefCell<Vec<Value>>,
    /// They were raised, and are `None` from then on.
    raised: Cell<bool>,
    /// `SystemExit` or `KeyboardInterrupt`, which goes before all others.
    base_error: RefCell<Value>,
    /// Waits for the last task.
    completed: RefCell<Option<Rc<Instance>>>,
}

/// Tasks by address, with their number in the group.
#[derive(Default)]
struct Tasks {
    known: HashMap<usize, (u64, Value), FixedState>,
    added: u64,
}

impl Tasks {
    fn add(&mut self, task: &Value) {
        self.added += 1;
        self.known.insert(task.address().unwrap_or(0), (self.added, task.clone()));
    }

    fn remove(&mut self, task: &Value) -> Option<Value> {
        self.known.remove(&task.address().unwrap_or(0)).map(|(_, task)| task)
    }

    /// In the order in which they were added.
    fn all(&self) -> Vec<Value> {
        let mut all: Vec<&(u64, Value)> = self.known.values().collect();
        all.sort_unstable_by_key(|(number, _)| *number);
        all.into_iter().map(|(_, task)| task.clone()).collect()
    }
}

impl Native for TaskGroup {
    fn trace(&self, visit: gc::Visit) {
        for held in [&self.event_loop, &self.parent, &self.base_error] {
            gc::trace_cell(held, visit);
        }
        self.tasks.borrow().known.values().for_each(|(_, task)| visit(task));
        self.errors.borrow().iter().for_each(&mut *visit);
        if let Some(future) = &*self.completed.borrow() {
            gc::link(future, Value::Instance, visit);
        }
    }

    fn clear(&self) {
        drop((self.event_loop.take(), self.tasks.take(), self.completed.take()));
        drop((self.parent.take(), self.errors.take(), self.base_error.take()));
    }
}

fn this<'a>(vm: &mut Vm, value: &'a Value) -> Result<&'a TaskGroup> {
    value.data().ok_or_else(|| super::wrong_self(vm, value, "TaskGroup"))
}

fn or_none(value: &RefCell<Value>) -> Value {
    value.borrow().clone().bound().unwrap_or(Value::None)
}

pub const METHODS: &[Row] = &[
    static_method("__new__(cls, /, *args, **kwargs)", |vm, args| {
        let class = class_given(vm, args)?;
        Ok(Instance::native(&class, TaskGroup::default()))
    }),
    method("def __init__()", |_, _| Ok(Value::None)),
    method("async def __aenter__()", |vm, args| {
        this(vm, &args[0])?;
        Ok(state(vm).coroutine(vm, Function::TaskGroupEnter, Enter(args[0].clone())))
    })
    .or_at_once(|vm, args| {
        this(vm, &args[0])?;
        Enter(args[0].clone()).enter(vm).map(Prompt::Done).map(Some)
    }),
    method("async def __aexit__(et, exc, tb)", |vm, args| {
        this(vm, &args[0])?;
        let exit = Exit { group: args[0].clone(), raised: args[2].clone(), cancelled: None, begun: false };
        Ok(state(vm).coroutine(vm, Function::TaskGroupExit, exit))
    }),
    method("def create_task(coro, *, name=None, context=None)", create_task)
        .says("Starts a task that the group waits for, and returns it."),
    method("def __repr__()", |vm, args| {
        let group = this(vm, &args[0])?;
        let mut details = String::new();
        for (label, count) in [("tasks", group.tasks.borrow().known.len()), ("errors", group.errors.borrow().len())] {
            if count > 0 {
                details.push_str(&format!(" {label}={count}"));
            }
        }
        if group.aborting.get() {
            details.push_str(" cancelling");
        } else if group.entered.get() {
            details.push_str(" entered");
        }
        Ok(Value::string(format!("<TaskGroup{details}>")))
    }),
    method("def _abort()", |vm, args| this(vm, &args[0])?.abort(vm).map(Value::from)),
    TASK_DONE_ROW,
    getter("_loop", |vm, value| Ok(or_none(&this(vm, value)?.event_loop))),
    getter("_parent_task", |vm, value| Ok(or_none(&this(vm, value)?.parent))),
    getter("_base_error", |vm, value| Ok(or_none(&this(vm, value)?.base_error))),
    getter("_entered", |vm, value| Ok(Value::bool(this(vm, value)?.entered.get()))),
    getter("_exiting", |vm, value| Ok(Value::bool(this(vm, value)?.exiting.get()))),
    getter("_aborting", |vm, value| Ok(Value::bool(this(vm, value)?.aborting.get()))),
    getter("_parent_cancel_requested", |vm, value| Ok(Value::bool(this(vm, value)?.cancelled_parent.get()))),
    getter("_tasks", |vm, value| {
        let tasks = this(vm, value)?.tasks.borrow().all();
        vm.new_set(tasks, false)
    }),
    getter("_errors", |vm, value| {
        let group = this(vm, value)?;
        Ok(if group.raised.get() { Value::None } else { Value::list(group.errors.borrow().clone()) })
    }),
    getter("_on_completed_fut", |vm, value| {
        Ok(this(vm, value)?.completed.borrow().clone().map_or(Value::None, Value::Instance))
    }),
];

/// What a task of a group calls when it is done.
static TASK_DONE: NativeCallback = NativeCallback {
    module: "asyncio.taskgroups",
    qualname: "TaskGroup._on_task_done",
    call: |vm, group, task| this(vm, group)?.task_done(vm, task),
    row: TASK_DONE_ROW,
};

const TASK_DONE_ROW: Row =
    method("def _on_task_done(task)", |vm, args| this(vm, &args[0])?.task_done(vm, &args[1]).map(Value::from));

static FOREIGN_DONE: Row = TASK_DONE_ROW;

/// `group.create_task(coro, *, name=None, context=None)`.
fn create_task(vm: &mut Vm, args: &[Value]) -> Result {
    let [this_value, coro, name, context] = args else { return Ok(Value::None) };
    let group = this(vm, this_value)?;
    let problem = if !group.entered.get() {
        "has not been entered"
    } else if group.exiting.get() && group.tasks.borrow().known.is_empty() {
        "is finished"
    } else if group.aborting.get() {
        "is shutting down"
    } else {
        let event_loop = group.event_loop.borrow().clone();
        let task = task::create_in(vm, &event_loop, coro, name, context)?;
        group.add(vm, this_value, &task)?;
        return Ok(task);
    };
    vm.call_method(coro, sym::close, &[])?;
    let shown = vm.repr(this_value)?;
    let error = vm.runtime_error(format!("TaskGroup {shown} {problem}"));
    vm.advise(&error, "tasks join a group inside its `async with` block, as long as none of them has failed");
    Err(error)
}

/// `task.cancel()`.
fn cancel(vm: &mut Vm, task: &Value) -> Result<()> {
    match task {
        Value::Instance(instance) if instance.class().builtin => future::cancel(vm, task, Value::None).map(drop),
        _ => vm.call_method(task, "cancel", &[]).map(drop),
    }
}

impl TaskGroup {
    fn add(&self, vm: &mut Vm, this: &Value, new: &Value) -> Result<()> {
        if asked::is_done(vm, new)? {
            return self.task_done(vm, new);
        }
        if let Value::Instance(group) = this {
            gc::register(group);
        }
        self.tasks.borrow_mut().add(new);
        if let (Some(part), Value::Instance(parent)) = (task::of(new), &*self.parent.borrow()) {
            part.group_parent.replace(Rc::downgrade(parent));
        }
        match new {
            Value::Instance(instance) if asked::plain(new).is_some() => {
                future::add_callback(vm, instance, Callback::Native(&TASK_DONE, this.clone()))
            }
            _ => super::add_done_callback(vm, new, &FOREIGN_DONE, this),
        }
    }

    fn abort(&self, vm: &mut Vm) -> Result<()> {
        self.aborting.set(true);
        let tasks = self.tasks.borrow().all();
        for task in &tasks {
            if !asked::is_done(vm, task)? {
                cancel(vm, task)?;
            }
        }
        Ok(())
    }

    fn task_done(&self, vm: &mut Vm, task: &Value) -> Result<()> {
        let held = self.tasks.borrow_mut().remove(task);
        drop(held);
        if self.tasks.borrow().known.is_empty() {
            let completed = self.completed.borrow().clone();
            if let Some(completed) = completed.filter(|completed| !future::is_done(completed)) {
                future::fulfil(vm, &completed, Value::bool(true))?;
            }
        }
        if asked::is_cancelled(vm, task)? {
            return Ok(());
        }
        let error = asked::exception(vm, task)?;
        if error.is_none() {
            return Ok(());
        }
        self.errors.borrow_mut().push(error.clone());
        self.note_base_error(vm, &error);
        let parent = or_none(&self.parent);
        if asked::is_done(vm, &parent)? {
            let (shown, parent) = (vm.repr(task)?, vm.str(&parent)?);
            let message = format!("Task {shown} has errored out but its parent task {parent} is already completed");
            let event_loop = self.event_loop.borrow().clone();
            let context = vec![("message", Value::string(message)), ("exception", error), ("task", task.clone())];
            return event_loop::report(vm, &event_loop, context);
        }
        if !self.aborting.get() && !self.cancelled_parent.get() {
            // The body of the block must stop too. It may be waiting, or hear of it at its next wait.
            self.abort(vm)?;
            self.cancelled_parent.set(true);
            cancel(vm, &parent)?;
        }
        Ok(())
    }

    fn note_base_error(&self, vm: &Vm, error: &Value) {
        let Value::Exception(exception) = error else { return };
        let error = Error(exception.clone());
        let fatal = error.is(&vm.types.SystemExit) || error.is(&vm.types.KeyboardInterrupt);
        if fatal && self.base_error.borrow().given().is_none() {
            self.base_error.replace(Value::Exception(error.0));
        }
    }
}

/// `__aenter__`.
struct Enter(Value);

impl NativeCoroutine for Enter {
    fn trace(&self, visit: gc::Visit) {
        visit(&self.0);
    }

    fn resume(&mut self, vm: &mut Vm, input: Resume) -> Result<Outcome> {
        match input {
            Resume::Throw(error) | Resume::Fail(error) => Err(error),
            _ => self.enter(vm).map(Outcome::Return),
        }
    }
}

impl Enter {
    fn enter(&self, vm: &mut Vm) -> Result {
        let group = this(vm, &self.0)?;
        let refused = |vm: &mut Vm, problem: &str| {
            let shown = vm.repr(&self.0)?;
            Err(vm.runtime_error(format!("TaskGroup {shown} {problem}")))
        };
        if group.entered.get() {
            return refused(vm, "has already been entered");
        }
        let event_loop = policy::running_loop(vm)?;
        let parent = task::current_of(vm, &event_loop);
        group.event_loop.replace(event_loop);
        let Some(parent) = parent else { return refused(vm, "cannot determine the parent task") };
        group.parent.replace(parent);
        group.entered.set(true);
        Ok(self.0.clone())
    }
}

/// `__aexit__`: waits for the tasks, then raises what is to be raised.
struct Exit {
    group: Value,
    /// What the block raised, or `None`.
    raised: Value,
    /// The cancellation that came in from outside.
    cancelled: Option<Error>,
    begun: bool,
}

impl NativeCoroutine for Exit {
    fn trace(&self, visit: gc::Visit) {
        visit(&self.group);
        visit(&self.raised);
        if let Some(error) = &self.cancelled {
            gc::link(&error.0, Value::Exception, visit);
        }
    }

    fn resume(&mut self, vm: &mut Vm, input: Resume) -> Result<Outcome> {
        let group = self.group.clone();
        let group = this(vm, &group)?;
        self.advance(vm, group, input)
    }

    fn awaiting(&self) -> Value {
        let waiting = self.group.data::<TaskGroup>().and_then(|group| group.completed.borrow().clone());
        waiting.map_or(Value::None, Value::Instance)
    }

    fn waits_on(&self) -> Value {
        self.group.clone()
    }
}

impl Exit {
    fn advance(&mut self, vm: &mut Vm, group: &TaskGroup, input: Resume) -> Result<Outcome> {
        if !std::mem::replace(&mut self.begun, true) {
            if let Resume::Throw(error) | Resume::Fail(error) = input {
                return Err(error);
            }
            self.begin(vm, group)?;
        } else if let Some(again) = self.woken(vm, group, input)? {
            return Ok(again);
        }
        if group.tasks.borrow().known.is_empty() {
            return self.end(vm, group);
        }
        let completed = match group.completed.borrow().clone() {
            Some(completed) => completed,
            None => {
                let event_loop = group.event_loop.borrow().clone();
                {
                    let state = state(vm);
                    future::create(vm, &state, &event_loop)?
                }
            }
        };
        group.completed.replace(Some(completed.clone()));
        Ok(future::wait_for(&completed))
    }

    fn begin(&mut self, vm: &mut Vm, group: &TaskGroup) -> Result<()> {
        group.exiting.set(true);
        group.note_base_error(vm, &self.raised);
        if let Value::Exception(raised) = &self.raised {
            let raised = Error(raised.clone());
            if raised.is(&vm.types.CancelledError) {
                self.cancelled = Some(raised);
            }
            if !group.aborting.get() {
                group.abort(vm)?;
            }
        }
        Ok(())
    }

    /// The wait for the tasks is over, or was cancelled.
    fn woken(&mut self, vm: &mut Vm, group: &TaskGroup, input: Resume) -> Result<Option<Outcome>> {
        let completed = group.completed.borrow().clone();
        let Some(completed) = completed else { return Ok(None) };
        match future::waited(vm, &completed, input) {
            Waited::Again(outcome) => return Ok(Some(outcome)),
            Waited::Done(Ok(_)) => {}
            Waited::Done(Err(error)) if error.is(&vm.types.CancelledError) => {
                if !group.aborting.get() {
                    // From outside: the tasks are cancelled with the group, and then waited for.
                    error.0.raised.set(true);
                    self.cancelled = Some(error.clone());
                    group.abort(vm).inspect_err(|later| later.0.set_context(&error.0))?;
                }
            }
            Waited::Done(Err(error)) => return Err(error),
        }
        group.completed.take();
        Ok(None)
    }

    fn end(&mut self, vm: &mut Vm, group: &TaskGroup) -> Result<Outcome> {
        if let Value::Exception(base_error) = &*group.base_error.borrow() {
            return Err(raised_out(vm, Error(base_error.clone())));
        }
        let parent = or_none(&group.parent);
        if group.cancelled_parent.get() && counts_none(vm, &parent, "uncancel")? {
            // The cancellation was the group's own.
            self.cancelled = None;
        }
        if let Some(cancelled) = self.cancelled.take().filter(|_| group.errors.borrow().is_empty()) {
            return Err(raised_out(vm, cancelled));
        }
        if let Value::Exception(raised) = &self.raised {
            if !Error(raised.clone()).is(&vm.types.CancelledError) {
                group.errors.borrow_mut().push(self.raised.clone());
            }
        }
        if group.errors.borrow().is_empty() {
            return Ok(Outcome::Return(Value::None));
        }
        if !counts_none(vm, &parent, "cancelling")? {
            // Cancelled from outside as well: the task learns of it at its next wait.
            vm.call_method(&parent, "uncancel", &[])?;
            cancel(vm, &parent)?;
        }
        group.raised.set(true);
        let errors = group.errors.take();
        let class = Value::Class(vm.types.BaseExceptionGroup.clone());
        let message = Value::str("unhandled errors in a TaskGroup");
        let made = vm.call(&class, &[message, Value::list(errors)])?;
        let Value::Exception(made) = made else { return Ok(Outcome::Return(Value::None)) };
        made.suppress_context.set(true);
        Err(raised_out(vm, Error(made)))
    }
}

/// An error that `__aexit__` raises: CPython's frame of it, which the traceback holds, holds the error.
fn raised_out(vm: &Vm, error: Error) -> Error {
    error.0.in_circle.set(true);
    vm.raised_here(error)
}

/// Whether a method of a task that counts its cancellations answers 0.
fn counts_none(vm: &mut Vm, task: &Value, method: &str) -> Result<bool> {
    let count = vm.call_method(task, method, &[])?;
    Ok(!vm.truth(&count)?)
}
