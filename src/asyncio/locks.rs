//! `Lock`, `Event`, `Semaphore` and `BoundedSemaphore`.
//!
//! Waiting is first come, first served: a waiter stands in its queue as a future until it has run again, so whoever
//! comes later finds the queue occupied and cannot overtake.

use std::cell::OnceCell;
use std::collections::VecDeque;
use std::rc::Weak;

use super::event_loop;
use super::explain::task_in_words;
use super::format;
use super::future::{self, Status, Waited};
use super::state::{Function, State, state};
use crate::builtins::modules::collections::deque::{self, Deque};
use crate::builtins::modules::support::{class_given, this};
use crate::builtins::prelude::*;
use crate::object::coroutine::{Kind, NativeCoroutine, Outcome, Resume};
use crate::object::native::Prompt;

/// The futures of those who wait, and the loop they belong to.
pub struct Waiters {
    state: Rc<State>,
    event_loop: RefCell<Value>,
    futures: RefCell<VecDeque<Value>>,
    /// The deque they are in as soon as a script has asked for it.
    shown: OnceCell<Value>,
}

impl Waiters {
    pub fn new(vm: &mut Vm) -> Waiters {
        Waiters {
            state: state(vm),
            event_loop: RefCell::new(Value::None),
            futures: RefCell::default(),
            shown: OnceCell::new(),
        }
    }

    /// The running loop; one loop serves an object for ever.
    pub fn bind_loop(&self, vm: &mut Vm, this: &Value) -> Result {
        let running = self.state.running.borrow().clone();
        let known = self.event_loop.borrow().clone();
        if known.is_none() {
            self.event_loop.replace(running.clone());
        } else if !known.is(&running) {
            return Err(bound_elsewhere(vm, this));
        }
        if running.is_none() {
            let name = vm.intern("create_future");
            let error = vm.attribute_error(&running, &name);
            vm.advise(&error, "no event loop is running: only a coroutine that one runs can wait here");
            return Err(error);
        }
        Ok(running)
    }

    /// A new future at the end of the queue.
    pub fn add(&self, vm: &mut Vm, this: &Value) -> Result<Rc<Instance>> {
        let event_loop = self.bind_loop(vm, this)?;
        let future = future::create(vm, &self.state, &event_loop)?;
        self.queue().borrow_mut().push_back(Value::Instance(future.clone()));
        Ok(future)
    }

    /// Takes a future out of the queue: whether it stood in it.
    pub fn remove(&self, future: &Rc<Instance>) -> bool {
        let mut futures = self.queue().borrow_mut();
        // Nearly always the first.
        let found = futures.iter().position(|f| matches!(f, Value::Instance(f) if Rc::ptr_eq(f, future)));
        let removed = found.and_then(|at| futures.remove(at));
        drop(futures);
        removed.is_some()
    }

    /// Shows the references it holds to the garbage collector.
    pub fn trace(&self, visit: gc::Visit) {
        gc::trace_cell(&self.event_loop, visit);
        self.futures.borrow().iter().chain(self.shown.get()).for_each(visit);
    }

    /// Forgets everybody: the object is garbage.
    pub fn clear(&self) {
        drop((self.event_loop.take(), self.futures.take()));
    }

    fn queue(&self) -> &RefCell<VecDeque<Value>> {
        self.shown.get().and_then(Value::data::<Deque>).map_or(&self.futures, |deque| &deque.items)
    }

    /// What a script sees of them: a deque that it may change.
    pub fn show(&self, vm: &mut Vm) -> Result {
        if self.shown.get().is_none() {
            let made = deque::make(vm, self.futures.take())?;
            // Nobody can have asked meanwhile.
            let _ = self.shown.set(made);
        }
        Ok(self.shown.get().cloned().unwrap_or_default())
    }

    /// Takes the first one of those that stand in the queue.
    pub fn pop(&self) -> Option<Value> {
        self.queue().borrow_mut().pop_front()
    }

    pub fn first(&self) -> Option<Rc<Instance>> {
        self.queue().borrow().front().and_then(future)
    }

    pub fn first_pending(&self) -> Option<Rc<Instance>> {
        self.queue().borrow().iter().filter_map(future).find(|f| !future::is_done(f))
    }

    pub fn all(&self) -> Vec<Rc<Instance>> {
        self.queue().borrow().iter().filter_map(future).collect()
    }

    pub fn count(&self) -> usize {
        self.queue().borrow().len()
    }

    /// Whether somebody waits who was not cancelled.
    pub fn any_alive(&self) -> bool {
        let alive = |f: &Value| f.data::<future::Future>().is_none_or(|f| f.status.get() != Status::Cancelled);
        self.queue().borrow().iter().any(alive)
    }

    /// `, waiters:2`, or nothing.
    fn described(&self) -> String {
        match self.count() {
            0 => String::new(),
            n => format!(", waiters:{n}"),
        }
    }
}

/// One of our futures; what else a script has put into a queue is passed over.
pub fn future(value: &Value) -> Option<Rc<Instance>> {
    match value {
        Value::Instance(future) if future.data::<future::Future>().is_some() => Some(future.clone()),
        _ => None,
    }
}

#[cold]
fn bound_elsewhere(vm: &mut Vm, this: &Value) -> Error {
    match vm.repr(this) {
        Ok(shown) => {
            let error = vm.runtime_error(format!("{shown} is bound to a different event loop"));
            let help = "another loop waited in it before, and each `asyncio.run` has a loop of its own: make it inside the \
                        main coroutine";
            vm.advise(&error, help);
            error
        }
        Err(error) => error,
    }
}

macro_rules! natives {
    ($($data:ty),*) => {
        $(impl Native for $data {
            fn trace(&self, visit: gc::Visit) {
                self.waiters.trace(visit);
            }

            fn clear(&self) {
                self.waiters.clear();
            }
        })*
    };
}

natives!(Lock, Event, Semaphore);

pub struct Lock {
    locked: Cell<bool>,
    /// The task that took it, for the report about a deadlock.
    holder: RefCell<Weak<Instance>>,
    waiters: Waiters,
}

pub struct Event {
    is_set: Cell<bool>,
    waiters: Waiters,
}

pub struct Semaphore {
    value: RefCell<Value>,
    /// The value a bounded semaphore began with.
    bound: RefCell<Value>,
    waiters: Waiters,
}

/// The row of `_loop`.
macro_rules! event_loop {
    ($data:ty) => {
        attribute(
            "_loop",
            |vm, this| Ok(this!(vm, this, $data).waiters.event_loop.borrow().clone()),
            |vm, this, event_loop| {
                this!(vm, this, $data).waiters.event_loop.replace(event_loop);
                Ok(())
            },
        )
    };
}

pub const LOOP_BOUND_METHODS: &[Row] = &[method("def _get_loop()", |vm, args| {
    let name = vm.intern("_loop");
    let running = state(vm).running.borrow().clone();
    let known = vm.get_attr_opt(&args[0], &name)?.unwrap_or(Value::None);
    if known.is_none() {
        vm.set_attr(&args[0], &name, running.clone())?;
    } else if !known.is(&running) {
        return Err(bound_elsewhere(vm, &args[0]));
    }
    Ok(running)
})];

/// `async with` of all that is acquired and released. What a script has derived is asked for its own methods.
pub const CONTEXT_MANAGER_METHODS: &[Row] = &[
    method("async def __aenter__()", |vm, args| match manager(vm, &args[0]) {
        Some((state, true)) => {
            Ok(state.coroutine(vm, Function::Enter, InLine::new(&args[0], LockTurn { entering: true })))
        }
        Some((state, false)) => {
            Ok(state.coroutine(vm, Function::Enter, InLine::new(&args[0], SemaphoreTurn { entering: true })))
        }
        None => vm.call_page("asyncio", "_enter", args),
    })
    .or_at_once(|vm, args| {
        let entered = match manager(vm, &args[0]) {
            Some((_, true)) => LockTurn { entering: true }.at_once(vm, &args[0])?,
            Some((_, false)) => SemaphoreTurn { entering: true }.at_once(vm, &args[0])?,
            None => None,
        };
        Ok(entered.map(Prompt::Done))
    }),
    method("async def __aexit__(exc_type, exc, tb)", |vm, args| match manager(vm, &args[0]) {
        Some((state, is_lock)) => {
            let release = if is_lock { release_lock } else { release_semaphore };
            Ok(state.coroutine(vm, Function::Exit, Release { this: args[0].clone(), release }))
        }
        None => vm.call_page("asyncio", "_exit", args),
    })
    .or_at_once(|vm, args| {
        let Some((_, is_lock)) = manager(vm, &args[0]) else { return Ok(None) };
        if is_lock {
            release_lock(vm, &args[0])?
        } else {
            release_semaphore(vm, &args[0])?
        };
        Ok(Some(Prompt::Done(Value::None)))
    }),
];

/// Whether a value is a lock and not a semaphore, if it is one of ours and nothing of it is a script's.
fn manager(vm: &mut Vm, this: &Value) -> Option<(Rc<State>, bool)> {
    let (state, class) = (state(vm), vm.class_of(this));
    let classes = &state.classes;
    let ours = [&classes.lock, &classes.semaphore, &classes.bounded_semaphore];
    let at = ours.iter().position(|known| Rc::ptr_eq(known, &class))?;
    Some((state, at == 0))
}

pub const LOCK_METHODS: &[Row] = &[
    static_method("__new__(cls, /, *args, **kwargs)", |vm, args| {
        let class = class_given(vm, args)?;
        Ok(Instance::native(
            &class,
            Lock { locked: Cell::new(false), holder: RefCell::default(), waiters: Waiters::new(vm) },
        ))
    }),
    method("def __init__()", |_, _| Ok(Value::None)),
    of!("def locked()", Value::data::<Lock>, |_, lock, _| Ok(Value::bool(lock.locked.get())))
        .says("Whether some task has the lock."),
    method("async def acquire()", |vm, args| acquire_lock(vm, &args[0]))
        .says("Waits until the lock is free and takes it. The result is True.")
        .or_at_once(|vm, args| Ok(LockTurn { entering: false }.at_once(vm, &args[0])?.map(Prompt::Done))),
    method("def release()", |vm, args| release_lock(vm, &args[0]).map(Value::from))
        .says("Frees the lock: who has waited longest gets it. Raises RuntimeError if it is free already."),
    of!("__repr__()", Value::data::<Lock>, |vm, lock, args| {
        let text = if lock.locked.get() { "locked" } else { "unlocked" };
        format::with_details(vm, &args[0], &format!("{text}{}", lock.waiters.described()))
    }),
    getter("_locked", |vm, this| Ok(Value::bool(this!(vm, this, Lock).locked.get()))),
    getter("_waiters", |vm, this| this!(vm, this, Lock).waiters.show(vm)),
    event_loop!(Lock),
];

pub const EVENT_METHODS: &[Row] = &[
    static_method("__new__(cls, /, *args, **kwargs)", |vm, args| {
        let class = class_given(vm, args)?;
        Ok(Instance::native(&class, Event { is_set: Cell::new(false), waiters: Waiters::new(vm) }))
    }),
    method("def __init__()", |_, _| Ok(Value::None)),
    of!("def is_set()", Value::data::<Event>, |_, event, _| Ok(Value::bool(event.is_set.get())))
        .says("Whether the event has happened."),
    of!("def set()", Value::data::<Event>, |vm, event, _| {
        if !event.is_set.replace(true) {
            for waiter in event.waiters.all() {
                if !future::is_done(&waiter) {
                    future::fulfil(vm, &waiter, Value::bool(true))?;
                }
            }
        }
        Ok(Value::None)
    })
    .says("The event has happened: all who wait for it go on."),
    method("def clear()", |vm, args| {
        this!(vm, &args[0], Event).is_set.set(false);
        Ok(Value::None)
    })
    .says("The event is still to happen: who waits from now on waits for the next set()."),
    of!("async def wait()", Value::data::<Event>, |vm, event, args| {
        Ok(event.waiters.state.coroutine(vm, Function::EventWait, InLine::new(&args[0], EventTurn)))
    })
    .says("Waits until the event has happened. The result is True.")
    .or_at_once(|vm, args| Ok(EventTurn.at_once(vm, &args[0])?.map(Prompt::Done))),
    of!("__repr__()", Value::data::<Event>, |vm, event, args| {
        let text = if event.is_set.get() { "set" } else { "unset" };
        format::with_details(vm, &args[0], &format!("{text}{}", event.waiters.described()))
    }),
    getter("_value", |vm, this| Ok(Value::bool(this!(vm, this, Event).is_set.get()))),
    getter("_waiters", |vm, this| this!(vm, this, Event).waiters.show(vm)),
    event_loop!(Event),
];

pub const RELEASE: &[Row] = &[method("def release()", |vm, args| release_semaphore(vm, &args[0]).map(Value::from))
    .says("Gives one place back, to who has waited longest if anybody waits.")];

pub const SEMAPHORE_METHODS: &[Row] = &[
    static_method("__new__(cls, /, *args, **kwargs)", |vm, args| {
        let class = class_given(vm, args)?;
        let (value, bound) = (RefCell::new(Value::Int(1)), RefCell::default());
        Ok(Instance::native(&class, Semaphore { value, bound, waiters: Waiters::new(vm) }))
    }),
    method("def __init__(value=1)", |vm, args| init_semaphore(vm, args, false)),
    method("def locked()", |vm, args| is_locked(vm, &args[0]).map(Value::bool))
        .says("Whether acquire() would have to wait."),
    method("async def acquire()", |vm, args| acquire_semaphore(vm, &args[0]))
        .says("Waits for a free place and takes it. The result is True.")
        .or_at_once(|vm, args| Ok(SemaphoreTurn { entering: false }.at_once(vm, &args[0])?.map(Prompt::Done))),
    of!("__repr__()", Value::data::<Semaphore>, |vm, semaphore, args| {
        let text = if is_locked(vm, &args[0])? {
            "locked".to_owned()
        } else {
            let value = semaphore.value.borrow().clone();
            format!("unlocked, value:{}", vm.str(&value)?)
        };
        format::with_details(vm, &args[0], &format!("{text}{}", semaphore.waiters.described()))
    }),
    getter("_value", |vm, this| Ok(this!(vm, this, Semaphore).value.borrow().clone())),
    getter("_waiters", |vm, this| this!(vm, this, Semaphore).waiters.show(vm)),
    event_loop!(Semaphore),
];

pub const BOUNDED_METHODS: &[Row] = &[
    method("def __init__(value=1)", |vm, args| init_semaphore(vm, args, true)),
    getter("_bound_value", |vm, this| {
        Ok(this!(vm, this, Semaphore).bound.borrow().clone().bound().unwrap_or(Value::None))
    }),
];

fn acquire_lock(vm: &mut Vm, this: &Value) -> Result {
    let lock = this!(vm, this, Lock);
    Ok(lock.waiters.state.coroutine(vm, Function::LockAcquire, InLine::new(this, LockTurn { entering: false })))
}

fn wake_first(vm: &mut Vm, lock: &Lock) -> Result<()> {
    match lock.waiters.first() {
        Some(first) if !future::is_done(&first) => future::fulfil(vm, &first, Value::bool(true)),
        _ => Ok(()),
    }
}

fn release_lock(vm: &mut Vm, this: &Value) -> Result<()> {
    let lock = this!(vm, this, Lock);
    if !lock.locked.replace(false) {
        return Err(vm.runtime_error("Lock is not acquired."));
    }
    wake_first(vm, lock)
}

impl Lock {
    fn take(&self) {
        self.locked.set(true);
        let running = self.waiters.state.running.borrow();
        let task = event_loop::of(&running).and_then(|el| el.current_task.borrow().as_ref().map(Rc::downgrade));
        self.holder.replace(task.unwrap_or_default());
    }
}

/// The task that has a lock.
pub fn holder(value: &Value) -> Option<Rc<Instance>> {
    value.data::<Lock>().and_then(|lock| lock.holder.borrow().upgrade())
}

/// What somebody waits for, in words, if it is one of these.
pub fn described(value: &Value) -> Option<String> {
    if let Some(lock) = value.data::<Lock>() {
        let holder = lock.holder.borrow().upgrade();
        let name = holder.as_ref().and_then(|task| future::data(task).task()).map(task_in_words);
        return Some(match (holder, name) {
            (Some(task), Some(name)) if future::is_done(&task) => format!("a lock that {name} has never released"),
            (_, Some(name)) => format!("a lock that {name} has"),
            _ if !lock.holder.borrow().ptr_eq(&Weak::new()) => {
                "a lock that was taken by a task which has ended without releasing it".to_owned()
            }
            _ => "a lock that nobody releases".to_owned(),
        });
    }
    if value.data::<Event>().is_some() {
        return Some("an event that nobody sets".to_owned());
    }
    value.data::<Semaphore>().map(|_| "a semaphore that nobody releases".to_owned())
}

/// What standing in a queue is for.
pub trait Turn {
    /// The result, if there is no need to wait.
    fn at_once(&mut self, vm: &mut Vm, owner: &Value) -> Result<Option<Value>>;

    fn waiters<'a>(&self, vm: &mut Vm, owner: &'a Value) -> Result<&'a Waiters>;

    /// What to do when the waiter's future is done: the result, or nothing to begin again.
    fn woken(&mut self, vm: &mut Vm, owner: &Value, waiter: &Rc<Instance>, how: Result) -> Result<Option<Value>>;

    /// The coroutine that does the waiting in CPython, if that is another one.
    fn inner(&self) -> Option<&'static &'static str> {
        None
    }

    /// Shows what it holds besides to the garbage collector.
    fn trace(&self, _visit: gc::Visit) {}
}

/// A coroutine that stands in one of the queues of a lock, an event or a queue.
pub struct InLine<T> {
    owner: Value,
    waiter: Option<Rc<Instance>>,
    turn: T,
}

impl<T: Turn> InLine<T> {
    pub fn new(owner: &Value, turn: T) -> InLine<T> {
        InLine { owner: owner.clone(), waiter: None, turn }
    }
}

impl<T: Turn> NativeCoroutine for InLine<T> {
    fn trace(&self, visit: gc::Visit) {
        visit(&self.owner);
        self.turn.trace(visit);
        if let Some(waiter) = &self.waiter {
            gc::link(waiter, Value::Instance, visit);
        }
    }

    fn resume(&mut self, vm: &mut Vm, input: Resume) -> Result<Outcome> {
        if let Some(waiter) = self.waiter.take() {
            match future::waited(vm, &waiter, input) {
                Waited::Done(how) => {
                    if let Some(result) = self.turn.woken(vm, &self.owner, &waiter, how)? {
                        return Ok(Outcome::Return(result));
                    }
                }
                Waited::Again(outcome) => {
                    self.waiter = Some(waiter);
                    return Ok(outcome);
                }
            }
        }
        if let Some(result) = self.turn.at_once(vm, &self.owner)? {
            return Ok(Outcome::Return(result));
        }
        let waiter = self.turn.waiters(vm, &self.owner)?.add(vm, &self.owner)?;
        let outcome = future::wait_for(&waiter);
        self.waiter = Some(waiter);
        Ok(outcome)
    }

    fn waits_on(&self) -> Value {
        self.owner.clone()
    }

    fn inner(&self) -> Option<(Kind, &'static &'static str)> {
        self.turn.inner().map(|name| (Kind::Coroutine, name))
    }

    fn awaiting(&self) -> Value {
        self.waiter.clone().map_or(Value::None, Value::Instance)
    }
}

/// The value of `acquire()`, and of `__aenter__()`.
fn acquired(entering: bool) -> Value {
    if entering { Value::None } else { Value::bool(true) }
}

struct LockTurn {
    entering: bool,
}

impl Turn for LockTurn {
    fn inner(&self) -> Option<&'static &'static str> {
        self.entering.then_some(&"Lock.acquire")
    }

    fn at_once(&mut self, vm: &mut Vm, owner: &Value) -> Result<Option<Value>> {
        let lock = this!(vm, owner, Lock);
        if lock.locked.get() || lock.waiters.any_alive() {
            return Ok(None);
        }
        lock.take();
        Ok(Some(acquired(self.entering)))
    }

    fn waiters<'a>(&self, vm: &mut Vm, owner: &'a Value) -> Result<&'a Waiters> {
        Ok(&this!(vm, owner, Lock).waiters)
    }

    fn woken(&mut self, vm: &mut Vm, owner: &Value, waiter: &Rc<Instance>, how: Result) -> Result<Option<Value>> {
        let lock = this!(vm, owner, Lock);
        lock.waiters.remove(waiter);
        if let Err(error) = how {
            // Its turn may have come in the same moment: the next in the queue must not sleep on.
            if error.is(&vm.types.CancelledError) && !lock.locked.get() {
                wake_first(vm, lock)?;
            }
            return Err(error);
        }
        lock.take();
        Ok(Some(acquired(self.entering)))
    }
}

/// `__aexit__()` of locks and semaphores.
struct Release {
    this: Value,
    release: fn(&mut Vm, &Value) -> Result<()>,
}

impl NativeCoroutine for Release {
    fn trace(&self, visit: gc::Visit) {
        visit(&self.this);
    }

    fn resume(&mut self, vm: &mut Vm, _: Resume) -> Result<Outcome> {
        (self.release)(vm, &self.this)?;
        Ok(Outcome::Return(Value::None))
    }
}

/// `Event.wait()`.
struct EventTurn;

impl Turn for EventTurn {
    fn at_once(&mut self, vm: &mut Vm, owner: &Value) -> Result<Option<Value>> {
        Ok(this!(vm, owner, Event).is_set.get().then(|| Value::bool(true)))
    }

    fn waiters<'a>(&self, vm: &mut Vm, owner: &'a Value) -> Result<&'a Waiters> {
        Ok(&this!(vm, owner, Event).waiters)
    }

    fn woken(&mut self, vm: &mut Vm, owner: &Value, waiter: &Rc<Instance>, how: Result) -> Result<Option<Value>> {
        self.waiters(vm, owner)?.remove(waiter);
        how.map(|_| Some(Value::bool(true)))
    }
}

fn init_semaphore(vm: &mut Vm, args: &[Value], bounded: bool) -> Result {
    let semaphore = this!(vm, &args[0], Semaphore);
    if vm.less(&args[1], &Value::Int(0))? {
        return Err(vm.value_error("Semaphore initial value must be >= 0"));
    }
    semaphore.value.replace(args[1].clone());
    if bounded {
        semaphore.bound.replace(args[1].clone());
    }
    Ok(Value::None)
}

fn is_locked(vm: &mut Vm, this: &Value) -> Result<bool> {
    let semaphore = this!(vm, this, Semaphore);
    let value = semaphore.value.borrow().clone();
    let empty = match value {
        Value::Int(n) => n == 0,
        other => vm.eq(&other, &Value::Int(0))?,
    };
    Ok(empty || semaphore.waiters.any_alive())
}

fn change(vm: &mut Vm, semaphore: &Semaphore, by: i64) -> Result<()> {
    let value = semaphore.value.borrow().clone();
    let changed = match value {
        Value::Int(n) => Value::Int(n.saturating_add(by)),
        other => crate::machine::ops::add(vm, &other, &Value::Int(by))?,
    };
    semaphore.value.replace(changed);
    Ok(())
}

/// Gives one unit to the first who waits for it: whether there was one.
fn wake_next(vm: &mut Vm, semaphore: &Semaphore) -> Result<bool> {
    let Some(next) = semaphore.waiters.first_pending() else { return Ok(false) };
    change(vm, semaphore, -1)?;
    future::fulfil(vm, &next, Value::bool(true))?;
    Ok(true)
}

fn release_semaphore(vm: &mut Vm, this: &Value) -> Result<()> {
    let semaphore = this!(vm, this, Semaphore);
    let bound = semaphore.bound.borrow().clone();
    if !bound.is_unbound() {
        let value = semaphore.value.borrow().clone();
        if !vm.less(&value, &bound)? {
            return Err(vm.value_error("BoundedSemaphore released too many times"));
        }
    }
    change(vm, semaphore, 1)?;
    wake_next(vm, semaphore).map(drop)
}

fn acquire_semaphore(vm: &mut Vm, this: &Value) -> Result {
    let state = &this!(vm, this, Semaphore).waiters.state;
    Ok(state.coroutine(vm, Function::SemaphoreAcquire, InLine::new(this, SemaphoreTurn { entering: false })))
}

struct SemaphoreTurn {
    entering: bool,
}

impl Turn for SemaphoreTurn {
    fn inner(&self) -> Option<&'static &'static str> {
        self.entering.then_some(&"Semaphore.acquire")
    }

    fn at_once(&mut self, vm: &mut Vm, owner: &Value) -> Result<Option<Value>> {
        if is_locked(vm, owner)? {
            return Ok(None);
        }
        change(vm, this!(vm, owner, Semaphore), -1)?;
        Ok(Some(acquired(self.entering)))
    }

    fn waiters<'a>(&self, vm: &mut Vm, owner: &'a Value) -> Result<&'a Waiters> {
        Ok(&this!(vm, owner, Semaphore).waiters)
    }

    fn woken(&mut self, vm: &mut Vm, owner: &Value, waiter: &Rc<Instance>, how: Result) -> Result<Option<Value>> {
        let semaphore = this!(vm, owner, Semaphore);
        semaphore.waiters.remove(waiter);
        if matches!(&how, Err(error) if error.is(&vm.types.CancelledError))
            && future::data(waiter).status.get() == Status::Finished
        {
            // It was given its unit and cancelled before it could run: the unit goes back.
            change(vm, semaphore, 1)?;
        }
        // Who came later had to queue up behind this one; there may be enough for them.
        loop {
            let value = semaphore.value.borrow().clone();
            if !vm.less(&Value::Int(0), &value)? || !wake_next(vm, semaphore)? {
                break;
            }
        }
        how.map(|_| Some(acquired(self.entering)))
    }
}
