//! The event loop: a ready queue, a heap of timers and a clock.
//!
//! `run_once` moves due timers to the ready queue, then runs the handles that were ready when the pass began. A handle
//! made ready during the pass waits for the next one; the order of every program's output rests on this.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};
use std::rc::Weak;

use super::contextvars::{self, Context};
use super::deadlock;
use super::future::{self, Callback, TimerState};
use super::handles::{self, Handle};
use super::log;
use super::state::{State, state};
use super::{format, task};
use crate::builtins::prelude::*;
use crate::diagnostic::{Label, Place};
use crate::host::wait_length;
use crate::object::coroutine::{self, Coroutine};

pub const NANOSECONDS: f64 = 1e9;
/// The clock tells moments apart that are this many seconds apart.
const CLOCK_RESOLUTION: f64 = 1e-9;
/// A single wait is no longer than a day.
const LONGEST_WAIT: f64 = 24.0 * 3600.0;
/// How many calls a coroutine remembers in debug mode.
const ORIGIN_DEPTH: usize = 10;
/// Cancelled timers are swept out of a heap larger than this once they are more than half of it.
const SWEEP_ABOVE: usize = 100;

pub struct EventLoop {
    pub state: Rc<State>,
    ready: RefCell<VecDeque<Ready>>,
    timers: RefCell<BinaryHeap<Timer>>,
    timers_added: Cell<u64>,
    timers_cancelled: Cell<usize>,
    pub running: Cell<bool>,
    /// `run_until_complete()` has it run.
    pub completing: RefCell<Value>,
    /// The thread that runs it.
    thread: Cell<u64>,
    pub stopping: Cell<bool>,
    pub closed: Cell<bool>,
    /// The loop itself until it is closed, as CPython's loop watches its own pipe: only a collection frees one that nobody
    /// has closed.
    pub itself: RefCell<Value>,
    age: Cell<u32>,
    pub debug: Cell<bool>,
    /// What `set_debug` was given, if it was called.
    pub debug_given: RefCell<Value>,
    /// Passes so far, and the time of the last one that looked at the clock: when tasks began to wait, nearly.
    passes: Cell<u32>,
    pub pass_time: Cell<f64>,
    /// Whether every pass looks at the clock.
    pub timed: Cell<bool>,
    /// Whether a script's subclass may have replaced methods.
    pub custom: Cell<bool>,
    pub current_task: RefCell<Option<Rc<Instance>>>,
    /// In debug mode: where the first of those in the ready queue were put there, if they are no handles.
    sources: RefCell<VecDeque<Value>>,
    pub current_handle: RefCell<Option<Rc<Instance>>>,
    pub exception_handler: RefCell<Value>,
    pub task_factory: RefCell<Value>,
    /// Whether that is `asyncio.eager_task_factory`.
    pub eager: Cell<bool>,
    pub slow_callback_duration: RefCell<Value>,
    pub async_generators: RefCell<Vec<Weak<Coroutine>>>,
    pub async_generators_closed: Cell<bool>,
    pub executor_closed: Cell<bool>,
    /// The default executor, or `None`.
    pub executor: RefCell<Value>,
    /// The hooks of asynchronous generators before it ran.
    outer_hooks: RefCell<Option<(Value, Value)>>,
    /// How many calls coroutines remembered before it had them remember some itself.
    outer_origin_depth: Cell<Option<usize>>,
    /// How many signal handlers it has, which can wake it from outside.
    pub signals: Cell<usize>,
    /// What signals that came have called: the loop hears of them after what is ready already.
    arrived: RefCell<Vec<Ready>>,
}

impl Native for EventLoop {
    fn trace(&self, visit: gc::Visit) {
        for ready in self.ready.borrow().iter() {
            match ready {
                Ready::Step(object) | Ready::Sleep(object) | Ready::Handle(object) => {
                    gc::link(object, Value::Instance, visit);
                }
                Ready::Throw(task, error) => {
                    gc::link(task, Value::Instance, visit);
                    gc::link(&error.0, Value::Exception, visit);
                }
                Ready::Done(callback, future) => {
                    callback.trace(visit);
                    gc::link(future, Value::Instance, visit);
                }
            }
        }
        for timer in self.timers.borrow().iter() {
            let (Target::Sleep(object) | Target::Handle(object)) = &timer.target;
            gc::link(object, Value::Instance, visit);
        }
        for current in [&self.current_task, &self.current_handle] {
            gc::trace_option(current, Value::Instance, visit);
        }
        for value in [&self.exception_handler, &self.task_factory, &self.completing, &self.itself, &self.debug_given] {
            gc::trace_cell(value, visit);
        }
    }

    fn clear(&self) {
        drop((self.ready.take(), self.timers.take(), self.current_task.take(), self.current_handle.take()));
        drop((self.exception_handler.take(), self.task_factory.take(), self.itself.take()));
    }

    fn age(&self) -> Option<&Cell<u32>> {
        Some(&self.age)
    }

    fn finalizer(&self) -> Option<fn(&mut Vm, &Value)> {
        if self.closed.get() { None } else { Some(super::loop_methods::finalize) }
    }
}

/// What a pass of the loop runs. Most need no handle object; one is made when somebody must see it.
pub enum Ready {
    /// A step of a task.
    Step(Rc<Instance>),
    /// A step that throws an exception into the coroutine.
    Throw(Rc<Instance>, Error),
    /// A callback of a future that is done.
    Done(Callback, Rc<Instance>),
    /// The time of a `sleep` is up.
    Sleep(Rc<Instance>),
    Handle(Rc<Instance>),
}

struct Timer {
    /// The deadline in nanoseconds, and the order of equal ones.
    key: f64,
    number: u64,
    when: f64,
    target: Target,
}

enum Target {
    Sleep(Rc<Instance>),
    Handle(Rc<Instance>),
}

impl Ready {
    /// The same once more, to look at.
    fn again(&self) -> Ready {
        match self {
            Ready::Step(task) => Ready::Step(task.clone()),
            Ready::Throw(task, error) => Ready::Throw(task.clone(), error.clone()),
            Ready::Done(callback, future) => Ready::Done(callback.clone(), future.clone()),
            Ready::Sleep(future) => Ready::Sleep(future.clone()),
            Ready::Handle(handle) => Ready::Handle(handle.clone()),
        }
    }
}

impl Target {
    fn again(&self) -> Ready {
        match self {
            Target::Sleep(future) => Ready::Sleep(future.clone()),
            Target::Handle(handle) => Ready::Handle(handle.clone()),
        }
    }

    fn is_cancelled(&self) -> bool {
        match self {
            Target::Sleep(future) => future::data(future).timer.get() == TimerState::Cancelled,
            Target::Handle(handle) => handles::data(handle).cancelled.get(),
        }
    }

    fn unschedule(&self) {
        match self {
            Target::Sleep(future) => future::data(future).timer.set(TimerState::None),
            Target::Handle(handle) => handles::data(handle).scheduled.set(false),
        }
    }
}

impl PartialEq for Timer {
    fn eq(&self, other: &Timer) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Timer {}

impl Timer {
    /// Never so if one of the deadlines is not a number.
    fn is_before(&self, other: &Timer) -> bool {
        self.key < other.key || self.key == other.key && self.number < other.number
    }
}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Timer) -> Option<Ordering> {
        Some(self.cmp(other))
    }

    /// What the heap asks. CPython's asks whether a timer is before another: one that is not a number stays where it came.
    fn le(&self, other: &Timer) -> bool {
        !self.is_before(other)
    }
}

impl Ord for Timer {
    /// The heap gives its greatest first: the earliest timer is the greatest.
    fn cmp(&self, other: &Timer) -> Ordering {
        other.is_before(self).cmp(&self.is_before(other)).reverse()
    }
}

impl EventLoop {
    pub fn has_ready(&self) -> bool {
        !self.ready.borrow().is_empty() || !self.arrived.borrow().is_empty()
    }

    pub fn debug_given(&self) -> Value {
        self.debug_given.borrow().clone().bound().unwrap_or(Value::bool(self.debug.get()))
    }

    /// When the first timer is due, in seconds.
    pub fn first_timer(&self) -> Option<f64> {
        self.drop_cancelled();
        self.timers.borrow().peek().map(|timer| timer.when)
    }

    /// How many callbacks cannot run while the next nanoseconds pass in a blocking call.
    pub fn kept_waiting(&self, vm: &mut Vm, nanoseconds: i128) -> usize {
        let end = (vm.host.clock.monotonic() + nanoseconds) as f64;
        let timers = self.timers.borrow();
        let due = timers.iter().filter(|timer| timer.key < end && !timer.target.is_cancelled());
        self.ready.borrow().len() + due.count()
    }

    pub fn new(vm: &mut Vm, custom: bool) -> EventLoop {
        EventLoop {
            state: state(vm),
            ready: RefCell::default(),
            timers: RefCell::default(),
            timers_added: Cell::new(0),
            timers_cancelled: Cell::new(0),
            running: Cell::new(false),
            completing: RefCell::default(),
            thread: Cell::new(0),
            stopping: Cell::new(false),
            closed: Cell::new(false),
            itself: RefCell::default(),
            age: Cell::new(gc::next_age()),
            debug: Cell::new(false),
            debug_given: RefCell::default(),
            passes: Cell::new(0),
            pass_time: Cell::new(0.0),
            timed: Cell::new(false),
            custom: Cell::new(custom),
            current_task: RefCell::new(None),
            sources: RefCell::default(),
            current_handle: RefCell::new(None),
            exception_handler: RefCell::new(Value::None),
            task_factory: RefCell::new(Value::None),
            eager: Cell::new(false),
            slow_callback_duration: RefCell::new(Value::float(0.1)),
            async_generators: RefCell::default(),
            async_generators_closed: Cell::new(false),
            executor_closed: Cell::new(false),
            executor: RefCell::new(Value::None),
            outer_hooks: RefCell::default(),
            outer_origin_depth: Cell::new(None),
            signals: Cell::new(0),
            arrived: RefCell::default(),
        }
    }

    /// Puts something at the end of the ready queue.
    #[inline]
    pub fn push(&self, ready: Ready) {
        self.ready.borrow_mut().push_back(ready);
    }

    /// Debug mode begins or ends.
    pub fn forget_sources(&self) {
        self.sources.take();
    }

    /// Lets go of everything that waits to be run.
    pub fn clear(&self) {
        self.forget_sources();
        let ready = self.ready.take();
        let mut timers = self.timers.take().into_vec();
        for timer in &timers {
            timer.target.unschedule();
        }
        drop(ready);
        // As CPython clears a list: from the end.
        timers.reverse();
        drop(timers);
    }

    /// What is ready, and the timers, as handles.
    pub fn handles(&self, vm: &mut Vm, this: &Value) -> [Vec<Value>; 2] {
        let ready = self.ready.borrow().iter().map(|ready| (ready.again(), None)).collect::<Vec<_>>();
        let timers = self.timers.borrow().iter().map(|timer| (timer.target.again(), Some(timer.when))).collect();
        let mut sources = self.sources.borrow().clone().into_iter();
        [ready, timers].map(|list: Vec<(Ready, Option<f64>)>| {
            let made = list.iter().map(|(item, when)| {
                let source = sources.next().filter(|_| when.is_none());
                Value::Instance(handle_for(vm, this, item, *when, source))
            });
            made.collect()
        })
    }

    fn add_timer(&self, when: f64, target: Target) {
        let number = self.timers_added.get();
        self.timers_added.set(number + 1);
        let key = (when * NANOSECONDS).round_ties_even();
        self.timers.borrow_mut().push(Timer { key, number, when, target });
    }

    /// Sets the timer that ends a future of `sleep`.
    pub fn add_sleep(&self, when: f64, future: &Rc<Instance>) {
        future::data(future).timer.set(TimerState::Scheduled);
        self.add_timer(when, Target::Sleep(future.clone()));
    }

    pub fn add_timer_handle(&self, when: f64, handle: &Rc<Instance>) {
        handles::data(handle).scheduled.set(true);
        self.add_timer(when, Target::Handle(handle.clone()));
    }

    pub fn timer_cancelled(&self) {
        self.timers_cancelled.set(self.timers_cancelled.get() + 1);
    }

    /// Frees cancelled timers: those at the top of the heap, or all if they are most of it.
    fn drop_cancelled(&self) {
        let mut dropped = Vec::new();
        let mut timers = self.timers.borrow_mut();
        let cancelled = self.timers_cancelled.get();
        if timers.len() > SWEEP_ABOVE && cancelled * 2 > timers.len() {
            let all = std::mem::take(&mut *timers).into_vec();
            let (kept, gone): (Vec<Timer>, Vec<Timer>) = all.into_iter().partition(|t| !t.target.is_cancelled());
            *timers = kept.into();
            dropped = gone;
            self.timers_cancelled.set(0);
        } else {
            while timers.peek().is_some_and(|timer| timer.target.is_cancelled()) {
                self.timers_cancelled.set(self.timers_cancelled.get().saturating_sub(1));
                dropped.extend(timers.pop());
            }
        }
        drop(timers);
        for timer in &dropped {
            timer.target.unschedule();
        }
    }

    /// When the timer of a future or handle is due, if it has one.
    pub fn due(&self, of: &Rc<Instance>) -> Option<f64> {
        let timers = self.timers.borrow();
        let found = timers.iter().find(|timer| match &timer.target {
            Target::Sleep(future) => Rc::ptr_eq(future, of),
            Target::Handle(handle) => Rc::ptr_eq(handle, of),
        });
        found.map(|timer| timer.when)
    }

    /// Moves the timers that are due to the ready queue.
    fn move_due(&self, now: f64) {
        let end = now + CLOCK_RESOLUTION;
        let mut timers = self.timers.borrow_mut();
        let mut ready = self.ready.borrow_mut();
        // A deadline that is not a number is over.
        while timers.peek().is_some_and(|timer| timer.when.partial_cmp(&end).is_none_or(Ordering::is_lt)) {
            let Some(timer) = timers.pop() else { break };
            timer.target.unschedule();
            ready.push_back(match timer.target {
                Target::Sleep(future) => Ready::Sleep(future),
                Target::Handle(handle) => Ready::Handle(handle),
            });
        }
    }
}

/// The loop behind a value.
#[inline]
pub fn of(value: &Value) -> Option<&EventLoop> {
    value.data()
}

pub fn is_debug(event_loop: &Value) -> bool {
    of(event_loop).is_some_and(|el| el.debug.get())
}

/// `loop.get_debug()`, whatever the loop is.
pub fn asks_debug(vm: &mut Vm, event_loop: &Value) -> Result<bool> {
    match of(event_loop) {
        Some(el) if !el.custom.get() => Ok(el.debug.get()),
        _ => {
            let answer = vm.call_method(event_loop, "get_debug", &[])?;
            vm.truth(&answer)
        }
    }
}

pub fn timer_cancelled(event_loop: &Value) {
    if let Some(el) = of(event_loop) {
        el.timer_cancelled();
    }
}

/// The loop's time in seconds.
pub fn time(vm: &mut Vm) -> f64 {
    seconds(vm.host.clock.monotonic())
}

/// Whole nanoseconds as seconds; whole seconds exactly.
pub fn seconds(nanoseconds: i128) -> f64 {
    const GIGA: i128 = 1_000_000_000;
    if nanoseconds % GIGA == 0 { (nanoseconds / GIGA) as f64 } else { nanoseconds as f64 / NANOSECONDS }
}

#[cold]
pub fn closed(vm: &mut Vm) -> Error {
    vm.runtime_error("Event loop is closed")
}

/// In debug mode: refuses another thread than the one that runs the loop.
pub fn check_thread(vm: &mut Vm, el: &EventLoop) -> Result<()> {
    if el.running.get() && el.thread.get() != vm.threads.current() {
        let message = "Non-thread-safe operation invoked on an event loop other than the current one";
        return Err(vm.runtime_error(message));
    }
    Ok(())
}

/// The exception of a call that did not take what was to run, which it keeps alive as that call's frame would.
#[cold]
fn refused(vm: &mut Vm, error: Error, ready: &Ready) -> Error {
    let (Ready::Step(held) | Ready::Throw(held, _) | Ready::Done(_, held) | Ready::Sleep(held) | Ready::Handle(held)) =
        ready;
    vm.keep_with(&error, Value::Instance(held.clone()));
    error
}

/// Has something run in the next pass of a loop of any kind.
pub fn add_ready(vm: &mut Vm, event_loop: &Value, ready: Ready) -> Result<()> {
    match of(event_loop) {
        Some(el) if !el.custom.get() => {
            if el.closed.get() {
                let error = closed(vm);
                return Err(refused(vm, error, &ready));
            }
            if el.debug.get() {
                check_thread(vm, el).map_err(|error| refused(vm, error, &ready))?;
                let is_new = |task: &Rc<Instance>| match &*future::data(task).task()?.coro.borrow() {
                    Value::Coroutine(coroutine) => Some(coroutine.state.get() == coroutine::State::Created),
                    _ => None,
                };
                let of_loop = match &ready {
                    Ready::Step(task) if is_new(task) == Some(true) => 3,
                    _ => 2,
                };
                let mut sources = el.sources.borrow_mut();
                sources.resize(el.ready.borrow().len(), Value::Unbound);
                sources.push_back(format::handle_stack(vm, of_loop));
            }
            el.push(ready);
            Ok(())
        }
        _ => call_soon_method(vm, event_loop, &ready),
    }
}

/// `loop.call_soon(...)` for a loop whose `call_soon` a script may have written.
fn call_soon_method(vm: &mut Vm, event_loop: &Value, ready: &Ready) -> Result<()> {
    let (callback, args, context) = as_call(vm, ready);
    let method = vm.get_attr(event_loop, "call_soon")?;
    let mut all = vec![callback];
    all.extend(args);
    let contexts = contextvars::current(vm);
    let keywords: Vec<_> = context.map(|c| (vm.intern("context"), contexts.object(&c))).into_iter().collect();
    vm.call_kw(&method, &all, &keywords).map(drop)
}

/// What is ready as a callback with its arguments and context.
fn as_call(vm: &mut Vm, ready: &Ready) -> (Value, Vec<Value>, Option<Rc<Context>>) {
    match ready {
        Ready::Step(task) => (task::step_callback(vm, task, None), Vec::new(), task::context(vm, task)),
        Ready::Throw(task, error) => (task::step_callback(vm, task, Some(error)), Vec::new(), task::context(vm, task)),
        Ready::Done(callback, future) => {
            let context = match callback {
                Callback::Wakeup(task) => task::context(vm, task),
                Callback::Script(script) => Some(script.1.clone()),
                Callback::Native(..) => None,
            };
            (future::callback_value(vm, callback), vec![Value::Instance(future.clone())], context)
        }
        Ready::Sleep(future) => {
            let function = vm.from_page("asyncio", "_set_result_unless_cancelled").unwrap_or_default();
            (function, vec![Value::Instance(future.clone()), Value::None], None)
        }
        Ready::Handle(handle) => {
            let handle = handles::data(handle);
            (handle.callback.borrow().clone(), handle.args.borrow().to_vec(), handle.context.borrow().clone())
        }
    }
}

/// A handle for what is ready, for the eyes of a person or an exception handler.
fn handle_for(
    vm: &mut Vm,
    event_loop: &Value,
    ready: &Ready,
    when: Option<f64>,
    source: Option<Value>,
) -> Rc<Instance> {
    if let Ready::Handle(handle) = ready {
        return handle.clone();
    }
    let (callback, args, context) = as_call(vm, ready);
    let state = state(vm);
    let class = if when.is_some() { &state.classes.timer_handle } else { &state.classes.handle };
    let when = when.map_or(Value::Unbound, Value::float);
    let handle = Handle::new(event_loop.clone(), callback, args.into(), context.unwrap_or_default(), when);
    if let Some(source) = source.filter(|source| !source.is_unbound()) {
        handle.source.replace(source);
    }
    if let Ready::Sleep(future) = ready {
        handle.cancelled.set(future::data(future).timer.get() == TimerState::Cancelled);
    }
    handles::new_handle(class, handle)
}

/// `_arrive(loop, callback)`: a signal has come.
pub fn arrive(vm: &mut Vm, args: &[Value]) -> Result {
    if let Some(el) = of(&args[0]) {
        let handle = Handle::new(args[0].clone(), args[1].clone(), Rc::default(), Rc::default(), Value::Unbound);
        let handle = handles::new_handle(&state(vm).classes.handle, handle);
        el.arrived.borrow_mut().push(Ready::Handle(handle));
    }
    Ok(Value::None)
}

/// `_add_callback(loop, handle)`: a handle made before is to run in the next pass.
pub fn add_callback(_vm: &mut Vm, args: &[Value]) -> Result {
    if let (Some(el), Value::Instance(handle), Some(state)) = (of(&args[0]), &args[1], args[1].data::<Handle>()) {
        if !state.cancelled.get() {
            el.push(Ready::Handle(handle.clone()));
        }
    }
    Ok(Value::None)
}

/// Something that a loop watches is ready: what it has for that goes into its queue, if it is not there already.
pub fn came(watcher: &Value) -> bool {
    let Value::Instance(handle) = watcher else { return false };
    let event_loop = handles::data(handle).event_loop.borrow().clone();
    let Some(el) = of(&event_loop).filter(|_| !handles::data(handle).cancelled.get()) else { return false };
    let mut arrived = el.arrived.borrow_mut();
    let is_new = !arrived.iter().any(|ready| matches!(ready, Ready::Handle(other) if Rc::ptr_eq(other, handle)));
    if is_new {
        arrived.push(Ready::Handle(handle.clone()));
    }
    is_new
}

/// So many more frames of its library CPython has below a callback.
pub const LIBRARY_FRAMES: u32 = 3;

/// Runs passes until the loop is stopped.
pub fn run_forever(vm: &mut Vm, this: &Rc<Instance>) -> Result<()> {
    let passes = |vm: &mut Vm, el: &EventLoop, this: &Value| {
        let pass = if el.custom.get() { run_once_method } else { run_once };
        loop {
            pass(vm, el, this)?;
            if el.stopping.get() {
                return Ok(());
            }
        }
    };
    vm.below(LIBRARY_FRAMES, |vm| running(vm, &Value::Instance(this.clone()), passes))
}

/// While a session waits for input, it looks outside so often, in nanoseconds.
const SESSION_NAP: i128 = 20_000_000;

/// One pass that waits for nothing. How long until there is something to do: `None` if nothing is to come, zero if
/// something is ready.
pub fn poll(vm: &mut Vm, this: &Value) -> Result<Option<i128>> {
    let Some(el) = of(this) else { return Ok(None) };
    el.drop_cancelled();
    let until = |vm: &mut Vm| {
        vm.look_outside();
        el.ready.borrow_mut().extend(el.arrived.take());
        let outside = vm.waits_outside().then_some(SESSION_NAP);
        let now = time(vm);
        el.move_due(now);
        let timer = el.timers.borrow().peek().map(|timer| wait_length((timer.when - now).max(0.0)));
        let thread = vm.next_thread_deadline().map(|at| (at - vm.host.clock.monotonic()).max(0));
        if el.ready.borrow().is_empty() { timer.into_iter().chain(thread).chain(outside).min() } else { Some(0) }
    };
    if until(vm) == Some(0) && !el.ready.borrow().is_empty() {
        running(vm, this, run_once)?;
    } else if vm.threads.any() && vm.run_threads()? {
        return Ok(Some(0));
    }
    Ok(until(vm))
}

/// Does something while a loop is the running one. Where that is refused, CPython's loop cleans up as if it had run: then
/// none is.
fn running(vm: &mut Vm, this: &Value, body: impl FnOnce(&mut Vm, &EventLoop, &Value) -> Result<()>) -> Result<()> {
    let Some(el) = of(this) else { return Ok(()) };
    let result = begin(vm, this).and_then(|()| body(vm, el, this));
    end(vm, el);
    result
}

/// Makes a loop the running one.
pub fn begin(vm: &mut Vm, this: &Value) -> Result<()> {
    let Some(el) = of(this) else { return Ok(()) };
    check_can_run(vm, this)?;
    let hooks = [super::loop_methods::FIRST_ITERATION, super::loop_methods::LAST_REFERENCE]
        .map(|hook| super::bound_native(vm, hook, this));
    let [first, last] = hooks;
    let old_hooks = std::mem::replace(&mut vm.asyncgen_hooks, (first, last));
    el.outer_hooks.replace(Some(old_hooks));
    el.running.set(true);
    el.thread.set(vm.threads.current());
    el.state.running.replace(this.clone());
    track_origins(vm, el, el.debug.get());
    Ok(())
}

/// Ends what [`begin`] began.
pub fn end(vm: &mut Vm, el: &EventLoop) {
    el.stopping.set(false);
    el.running.set(false);
    drop(el.state.running.replace(Value::None));
    track_origins(vm, el, false);
    if let Some(hooks) = el.outer_hooks.take() {
        vm.asyncgen_hooks = hooks;
    }
}

/// Whether coroutines remember where they were made.
pub fn track_origins(vm: &mut Vm, el: &EventLoop, enabled: bool) {
    match el.outer_origin_depth.get() {
        None if enabled => {
            el.outer_origin_depth.set(Some(vm.origin_depth));
            vm.origin_depth = ORIGIN_DEPTH;
        }
        Some(outer) if !enabled => {
            el.outer_origin_depth.set(None);
            vm.origin_depth = outer;
        }
        _ => (),
    }
}

/// Refuses a closed loop, and a second running loop.
pub fn check_can_run(vm: &mut Vm, event_loop: &Value) -> Result<()> {
    let Some(el) = of(event_loop) else { return Ok(()) };
    if el.closed.get() {
        return Err(closed(vm));
    }
    check_running(vm, el)
}

/// Refuses a second running loop.
pub fn check_running(vm: &mut Vm, el: &EventLoop) -> Result<()> {
    if el.running.get() {
        return Err(vm.runtime_error("This event loop is already running"));
    }
    if el.state.running.borrow().given().is_some() {
        return Err(vm.runtime_error("Cannot run the event loop while another loop is running"));
    }
    Ok(())
}

fn own_time(vm: &mut Vm, el: &EventLoop, this: &Value) -> Result<f64> {
    if !el.custom.get() {
        return Ok(time(vm));
    }
    let now = vm.call_method(this, "time", &[])?;
    vm.to_f64(&now)
}

/// `self._run_once()`, which a script's class may have replaced.
fn run_once_method(vm: &mut Vm, _: &EventLoop, this: &Value) -> Result<()> {
    vm.call_method(this, "_run_once", &[]).map(drop)
}

/// Asks the selector that a script has given its loop, which takes the place of waiting for the clock. Whether there
/// is one.
fn select(vm: &mut Vm, this: &Value, timeout: Value) -> Result<bool> {
    let Some(selector) = vm.get_attr_opt(this, "_selector")?.filter(|selector| !selector.is_none()) else {
        return Ok(false);
    };
    let events = vm.call_method(&selector, "select", &[timeout])?;
    vm.call_method(this, "_process_events", &[events])?;
    Ok(true)
}

/// How long until the first timer is due, in the script's own kind of number.
fn time_left(vm: &mut Vm, el: &EventLoop, this: &Value) -> Result {
    let when = el.timers.borrow().peek().map(|timer| match &timer.target {
        Target::Handle(handle) => handles::data(handle).when.borrow().clone(),
        Target::Sleep(_) => Value::float(timer.when),
    });
    let now = vm.call_method(this, "time", &[])?;
    let left = crate::machine::ops::sub(vm, &when.unwrap_or(Value::Int(0)), &now)?;
    Ok(match vm.to_f64(&left)? {
        seconds if seconds <= 0.0 => Value::Int(0),
        seconds if seconds > LONGEST_WAIT => Value::float(LONGEST_WAIT),
        _ => left,
    })
}

/// Nothing is ready, and there is no timer: only somebody outside can wake the loop, if there is anybody.
#[cold]
pub fn wait_for_outside(vm: &mut Vm, el: &EventLoop, this: &Value) -> Result<()> {
    if vm.host.deadlock_check && el.signals.get() == 0 && !vm.signal_wakes() && !vm.waits_outside() {
        return deadlock::found(vm, Some(this));
    }
    vm.idle(None);
    vm.look_up()
}

/// Where nothing needs the time, one pass in so many looks at the clock, so that it is known how long tasks wait.
const CLOCK_EVERY: u32 = 16;

/// One pass.
pub fn run_once(vm: &mut Vm, el: &EventLoop, this: &Value) -> Result<()> {
    el.drop_cancelled();
    let idle = !el.has_ready() && !el.stopping.get();
    if idle {
        // A timer may never be due: what only waits comes to its limits too.
        vm.tick()?;
    }
    let first = el.timers.borrow().peek().map(|timer| timer.when);
    let mut selected = false;
    if idle && first.is_some_and(f64::is_nan) {
        return Err(vm.value_error("cannot convert float NaN to integer"));
    }
    if el.custom.get() {
        let timeout = match first {
            _ if !idle => Value::Int(0),
            Some(_) => time_left(vm, el, this)?,
            None => Value::None,
        };
        selected = select(vm, this, timeout)?;
    }
    if vm.threads.any() {
        if idle && !selected {
            super::threads::idle(vm, el, this, first)?;
        } else {
            vm.run_threads()?;
            vm.look_outside();
        }
    } else if idle && !selected {
        match first {
            Some(when) => {
                let timeout = (when - own_time(vm, el, this)?).clamp(0.0, LONGEST_WAIT);
                if timeout > 0.0 {
                    vm.idle(Some(wait_length(timeout)));
                    vm.look_up()?;
                }
            }
            None => wait_for_outside(vm, el, this)?,
        }
    } else {
        vm.look_outside();
    }
    el.ready.borrow_mut().extend(el.arrived.take());
    let passes = el.passes.get();
    el.passes.set(passes.wrapping_add(1));
    let looks = idle || passes % CLOCK_EVERY == 0 || el.timed.get();
    if first.is_some() || looks && !el.custom.get() {
        let now = own_time(vm, el, this)?;
        el.pass_time.set(now);
        el.move_due(now);
    }
    let count = el.ready.borrow().len();
    for _ in 0..count {
        vm.tick()?;
        let Some(ready) = el.ready.borrow_mut().pop_front() else { break };
        if el.debug.get() {
            let source = el.sources.borrow_mut().pop_front();
            run_watched(vm, el, this, ready, source)?;
        } else {
            run_ready(vm, this, ready)?;
        }
        if gc::pending() {
            vm.run_finalizers(None);
        }
    }
    Ok(())
}

#[inline]
fn run_ready(vm: &mut Vm, this: &Value, ready: Ready) -> Result<()> {
    let result = match &ready {
        Ready::Step(task) => task::step(vm, task, None),
        Ready::Throw(task, error) => task::step(vm, task, Some(error.clone())),
        Ready::Done(Callback::Wakeup(task), future) => task::wakeup(vm, task, future),
        Ready::Done(Callback::Native(native, object), future) => {
            (native.call)(vm, object, &Value::Instance(future.clone()))
        }
        Ready::Done(Callback::Script(script), future) => {
            let (callback, context, made) = &**script;
            contextvars::call_in(vm, context, callback, &[Value::Instance(future.clone())])
                .map(|result| handles::handed_over(callback, &result, *made))
        }
        Ready::Sleep(future) => super::sleep::time_is_up(vm, future),
        Ready::Handle(handle) if handles::data(handle).cancelled.get() => Ok(()),
        Ready::Handle(handle) => handles::run(vm, handle),
    };
    match result {
        Ok(()) => Ok(()),
        Err(error) => callback_failed(vm, this, &ready, error),
    }
}

/// In debug mode: says when a callback took long.
#[cold]
fn run_watched(vm: &mut Vm, el: &EventLoop, this: &Value, ready: Ready, source: Option<Value>) -> Result<()> {
    if matches!(&ready, Ready::Handle(handle) if handles::data(handle).cancelled.get()) {
        return Ok(());
    }
    let task = match &ready {
        Ready::Step(task) | Ready::Throw(task, _) | Ready::Done(Callback::Wakeup(task), _) => Some(task.clone()),
        _ => None,
    };
    // A function of CPython's library that has a frame.
    let of_library = matches!(&ready, Ready::Done(Callback::Native(..), _));
    let handle = handle_for(vm, this, &ready, None, source);
    el.current_handle.replace(Some(handle.clone()));
    let begun = own_time(vm, el, this)?;
    let result = vm.below(u32::from(of_library), |vm| run_ready(vm, this, ready));
    el.current_handle.replace(None);
    result?;
    let took = own_time(vm, el, this)? - begun;
    let limit = el.slow_callback_duration.borrow().clone();
    if took >= vm.to_f64(&limit)? {
        let shown = vm.repr(&Value::Instance(task.unwrap_or(handle)))?;
        log::warning(vm, &format!("Executing {shown} took {took:.3} seconds"))?;
    }
    Ok(())
}

/// Whether an exception must end the loop.
pub fn is_fatal(vm: &Vm, error: &Error) -> bool {
    vm.stopped.is_some() || error.is(&vm.types.KeyboardInterrupt) || error.is(&vm.types.SystemExit)
}

#[cold]
pub fn callback_failed(vm: &mut Vm, this: &Value, ready: &Ready, error: Error) -> Result<()> {
    if is_fatal(vm, &error) {
        return Err(error);
    }
    if error.0.left.get() == Default::default() {
        vm.arises(&error.0);
    }
    // Handlers run as in an `except` block: what they raise has this error as its context.
    let before = vm.handling.replace(error.0.clone());
    let result = report_callback(vm, this, ready, &error);
    vm.handling = before;
    result
}

fn report_callback(vm: &mut Vm, this: &Value, ready: &Ready, error: &Error) -> Result<()> {
    // In debug mode there is one, which knows where it was made.
    let current = of(this).and_then(|el| el.current_handle.borrow().clone());
    let handle = current.unwrap_or_else(|| handle_for(vm, this, ready, None, None));
    error.0.raised.set(true);
    let (callback, args) = {
        let data = handles::data(&handle);
        (data.callback.borrow().clone(), data.args.borrow().clone())
    };
    advise_callback(vm, ready, &handle, error);
    let shown = format::callback_source(vm, &callback, &args, is_debug(this))?;
    let mut context = vec![
        ("message", Value::string(format!("Exception in callback {shown}"))),
        ("exception", error.value()),
        ("handle", Value::Instance(handle.clone())),
    ];
    let source = handles::data(&handle).source.borrow().clone();
    if let Some(source) = source.bound() {
        context.push(("source_traceback", format::summary(vm, &source)?));
    }
    let context = as_dict(vm, context);
    // The frame that called the callback knows it as long as its traceback lives, and so the callback and its arguments.
    vm.keep_with(error, context.clone());
    tell_handler(vm, this, context)
}

/// Why a callback failed before it began, and where it was handed over.
fn advise_callback(vm: &mut Vm, ready: &Ready, handle: &Rc<Instance>, error: &Error) {
    if error.0.traceback.borrow().is_some() {
        return;
    }
    let (made, is_done) = match ready {
        Ready::Done(Callback::Script(script), _) => (script.2, true),
        _ => (handles::data(handle).made.get(), false),
    };
    let callback = handles::data(handle).callback.borrow().clone();
    let help = match &callback {
        Value::None => "the callback is None: a function is handed over by its name alone, without calling it",
        Value::Coroutine(_) => {
            "a callback is a function to be called, not a coroutine: `lambda: asyncio.create_task(...)`"
        }
        Value::Function(_) if is_done => "it is called with the task or future that is done: `def name(task):`",
        _ => return,
    };
    error.0.remarks().helps = vec![help.to_owned()];
    let place = made.and_then(|(code, span)| {
        let source = vm.code_by_id(code)?.source.clone();
        (!source.library).then_some(Place { source, span })
    });
    if let Some(place) = place.filter(|_| error.0.remarks().labels.is_empty()) {
        error.0.remarks().labels.push(Label { place, text: "the callback was handed over here".to_owned() });
    }
}

/// `loop.call_exception_handler({...})`.
pub fn report(vm: &mut Vm, event_loop: &Value, context: Vec<(&'static str, Value)>) -> Result<()> {
    let context = as_dict(vm, context);
    tell_handler(vm, event_loop, context)
}

fn tell_handler(vm: &mut Vm, event_loop: &Value, context: Value) -> Result<()> {
    vm.call_method(event_loop, "call_exception_handler", &[context]).map(drop)
}

fn as_dict(vm: &mut Vm, entries: Vec<(&'static str, Value)>) -> Value {
    let dict = crate::object::Dict::new();
    for (key, value) in entries {
        let key = vm.intern(key);
        dict.set_str(&key, value);
    }
    Value::dict(dict)
}

pub fn not_implemented(vm: &mut Vm, _: &[Value]) -> Result {
    Err(vm.new_error(vm.types.NotImplementedError.clone(), Vec::new()))
}

macro_rules! abstract_methods {
    ($($signature:literal)*) => {
        /// What a loop class written from scratch must replace.
        pub const ABSTRACT_METHODS: &[Row] = &[
            $(method(concat!("def ", $signature), not_implemented),)*
            method("async def shutdown_asyncgens()", not_implemented),
            method("async def shutdown_default_executor()", not_implemented),
        ];
    };
}

abstract_methods! {
    "run_forever()" "run_until_complete(future)" "stop()" "is_running()" "is_closed()" "close()"
    "_timer_handle_cancelled(handle)"
    "call_soon(callback, *args, context=None)" "call_later(delay, callback, *args, context=None)"
    "call_at(when, callback, *args, context=None)" "time()" "create_future()"
    "create_task(coro, *, name=None, context=None)" "call_soon_threadsafe(callback, *args, context=None)"
    "run_in_executor(executor, func, *args)" "set_default_executor(executor)"
    "add_signal_handler(sig, callback, *args)" "remove_signal_handler(sig)" "set_task_factory(factory)"
    "get_task_factory()" "get_exception_handler()" "set_exception_handler(handler)"
    "default_exception_handler(context)" "call_exception_handler(context)" "get_debug()" "set_debug(enabled)"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_exact_where_they_can_be() {
        assert_eq!(seconds(1_000_000_000_000), 1000.0);
        assert_eq!(seconds(1_000_100_000_000), 1000.1);
        assert_eq!(seconds(1), 1e-9);
    }
}
