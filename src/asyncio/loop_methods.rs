//! What scripts do with an event loop.

use super::event_loop::{self, EventLoop, Ready};
use super::future::{self, NativeCallback};
use super::handles::{self, Handle};
use super::state::{Function, state};
use super::{asked, contextvars, format, policy, task, threads};
use crate::builtins::prelude::*;
use crate::object::coroutine::{NativeCoroutine, Outcome, Resume};
use crate::syntax::ast::{BinOp, CmpOp};

/// The row of a method that is a function of a page.
macro_rules! paged {
    ($signature:literal, $function:literal) => {
        method($signature, |vm, args| vm.call_page("asyncio", $function, args))
    };
}

const INIT: Row = method("def __init__(selector=None)", |vm, _| {
    policy::announce(vm);
    Ok(Value::None)
});

/// Of a loop that watches descriptors.
pub const SELECTOR_METHODS: &[Row] = &[INIT];

pub const METHODS: &[Row] = &[
    static_method("__new__(cls, /, *args, **kwargs)", |vm, args| match &args[0] {
        Value::Class(class) => Ok(policy::new_of_class(vm, class)),
        _ => Err(vm.type_error("__new__(X): X is not a type object")),
    }),
    method("def __init__()", |_, _| Ok(Value::None)),
    method("def run_forever()", |vm, args| {
        if let Value::Instance(instance) = &args[0] {
            event_loop::run_forever(vm, instance)?;
        }
        Ok(Value::None)
    }).says("Runs the loop until stop() is called.")
    .or_suspend(threads::run_forever),
    paged!("def run_until_complete(future)", "run_until_complete").says("Runs the loop until a future is done, and returns its result.").or_suspend(|vm, args| {
        let function = vm.from_page("asyncio", "run_until_complete")?;
        vm.call_suspending(&function, args.to_vec(), &[])
    }),
    method("def stop()", |vm, args| {
        this(vm, &args[0])?.stopping.set(true);
        Ok(Value::None)
    }).says("Ends the loop after the pass under way."),
    of!("def is_running()", event_loop::of, |_, el, _| Ok(Value::bool(el.running.get()))).says("Whether the loop runs."),
    method("def __del__()", |vm, args| close_forgotten(vm, &args[0]).map(|()| Value::None)),
    of!("def is_closed()", event_loop::of, |_, el, _| Ok(Value::bool(el.closed.get()))).says("Whether the loop was closed."),
    method("def time()", |vm, _| Ok(Value::float(event_loop::time(vm)))).says("The loop's clock in seconds, a number that never decreases."),
    method("def call_soon(callback, *args, context=None)", |vm, args| call_soon(vm, args, "call_soon")).says("Has a function called in the next pass of the loop, after those that were asked for before. cancel() of the handle takes it back."),
    method("def call_soon_threadsafe(callback, *args, context=None)", |vm, args| {
        call_soon(vm, args, "call_soon_threadsafe")
    }).says("call_soon() for other threads: it wakes the loop."),
    method("def call_later(delay, callback, *args, context=None)", call_later).says("Has a function called after so many seconds. cancel() of the handle takes it back."),
    method("def call_at(when, callback, *args, context=None)", |vm, args| call_at(vm, args, &args[1], 2)).says("Has a function called at a time of the loop's clock."),
    of!("def create_future()", event_loop::of, |vm, el, args| {
        Ok(Value::Instance(future::new_future(vm, &el.state, &args[0])))
    }).says("Makes a future of this loop."),
    of!("def create_task(coro, *, name=None, context=None)", event_loop::of, |vm, el, args| {
        create_task_in(vm, el, &args[0], &args[1], &args[2], &args[3])
    }).says("Starts a task in this loop and returns it."),
    method("def set_task_factory(factory)", |vm, args| {
        if !args[1].is_none() && !vm.is_callable(&args[1]) {
            return Err(vm.type_error("task factory must be a callable or None"));
        }
        let is_eager = vm.from_page("asyncio", "eager_task_factory").is_ok_and(|eager| args[1].is(&eager));
        let el = this(vm, &args[0])?;
        el.eager.set(is_eager);
        el.task_factory.replace(args[1].clone());
        Ok(Value::None)
    }).says("Has create_task() call this to make its tasks; None restores what was."),
    of!("def get_task_factory()", event_loop::of, |_, el, _| Ok(el.task_factory.borrow().clone())).says("What makes the tasks, or None."),
    method("def set_exception_handler(handler)", |vm, args| {
        if !args[1].is_none() && !vm.is_callable(&args[1]) {
            let shown = vm.repr(&args[1])?;
            return Err(vm.type_error(format!("A callable object or None is expected, got {shown}")));
        }
        this(vm, &args[0])?.exception_handler.replace(args[1].clone());
        Ok(Value::None)
    }).says("Has the loop call this with itself and a dict about each exception that nobody else gets; None restores what was."),
    of!("def get_exception_handler()", event_loop::of, |_, el, _| Ok(el.exception_handler.borrow().clone())).says("What set_exception_handler() set, or None."),
    paged!("def default_exception_handler(context)", "default_exception_handler").says("Logs what a context says of an exception."),
    paged!("def call_exception_handler(context)", "call_exception_handler").says("Hands the context of an exception to the handler that was set, or to the default one."),
    of!("def get_debug()", event_loop::of, |_, el, _| Ok(el.debug_given())),
    method("def set_debug(enabled)", |vm, args| {
        let enabled = vm.truth(&args[1])?;
        let el = this(vm, &args[0])?;
        el.debug.set(enabled);
        el.debug_given.replace(args[1].clone());
        el.forget_sources();
        if el.running.get() {
            // In the next pass, as all that comes from outside.
            let callback = super::bound_native(vm, &TRACK_ORIGINS, &args[0]);
            let given = Rc::from([args[1].clone()]);
            let handle = Handle::new(args[0].clone(), callback, given, Rc::default(), Value::Unbound);
            el.push(Ready::Handle(handles::new_handle(&el.state.classes.handle, handle)));
        }
        Ok(Value::None)
    }),
    paged!("async def shutdown_asyncgens()", "shutdown_asyncgens").says("Closes the asynchronous generators that have begun and are not at their end."),
    of!("def _take_asyncgens()", event_loop::of, |_, el, _| {
        el.async_generators_closed.set(true);
        let living = el.async_generators.take();
        Ok(Value::list(living.iter().filter_map(std::rc::Weak::upgrade).map(Value::Coroutine).collect()))
    }),
    of!("def _run_once()", event_loop::of, |vm, el, args| event_loop::run_once(vm, el, &args[0])),
    method("def _add_callback(handle)", add_handle),
    method("def _add_callback_signalsafe(handle)", add_handle),
    method("def _process_events(event_list)", |vm, _| {
        Err(vm.new_error(vm.types.NotImplementedError.clone(), Vec::new()))
    }),
    method("def _check_closed()", |vm, args| open(vm, &args[0]).map(|_| Value::None)),
    of!("def _check_running()", event_loop::of, |vm, el, _| event_loop::check_running(vm, el).map(Value::from)),
    method("def _run_forever_setup()", |vm, args| event_loop::begin(vm, &args[0]).map(Value::from)),
    of!("def _run_forever_cleanup()", event_loop::of, |vm, el, _| {
        event_loop::end(vm, el);
        Ok(Value::None)
    }),
    method("def _timer_handle_cancelled(handle)", |vm, args| {
        this(vm, &args[0])?.timer_cancelled();
        Ok(Value::None)
    }),
    of!("async def shutdown_default_executor(timeout=None)", event_loop::of, |vm, el, args| {
        el.executor_closed.set(true);
        if el.executor.borrow().is_none() {
            return Ok(el.state.coroutine(vm, Function::ShutdownDefaultExecutor, ShutDownExecutor));
        }
        vm.call_page("asyncio", "shutdown_default_executor", args)
    }).says("Waits until the threads of the default executor have ended."),
    method("def run_in_executor(executor, func, *args)", |vm, args| {
        if open(vm, &args[0])?.executor_closed.get() && args[1].is_none() {
            return Err(vm.runtime_error("Executor shutdown has been called"));
        }
        vm.call_page("asyncio", "run_in_executor", args)
    }),
    paged!("def set_default_executor(executor)", "set_default_executor"),
    of!("__repr__()", event_loop::of, |vm, el, args| {
        let shown = |flag: bool| if flag { "True" } else { "False" };
        let (running, closed) = (shown(el.running.get()), shown(el.closed.get()));
        let debug = vm.call_method(&args[0], "get_debug", &[])?;
        let debug = vm.str(&debug)?;
        let class = vm.class_name(&args[0]);
        Ok(Value::string(format!("<{class} running={running} closed={closed} debug={debug}>")))
    }),
    attribute(
        "slow_callback_duration",
        |vm, value| Ok(this(vm, value)?.slow_callback_duration.borrow().clone()),
        |vm, value, new| {
            this(vm, value)?.slow_callback_duration.replace(new);
            Ok(())
        },
    ),
    getter("_ready", |vm, value| {
        let [ready, _] = this(vm, value)?.handles(vm, value);
        Ok(Value::list(ready))
    }),
    getter("_scheduled", |vm, value| {
        let [_, timers] = this(vm, value)?.handles(vm, value);
        Ok(Value::list(timers))
    }),
    getter("_current_handle", |vm, value| {
        let handle = this(vm, value)?.current_handle.borrow().clone();
        Ok(handle.map_or(Value::None, Value::Instance))
    }),
    getter("_thread_id", |vm, value| {
        // There is one thread.
        Ok(if this(vm, value)?.running.get() { Value::Int(1) } else { Value::None })
    }),
    getter("_closed", |vm, value| Ok(Value::bool(this(vm, value)?.closed.get()))),
    getter("_default_executor", |vm, value| Ok(this(vm, value)?.executor.borrow().clone())),
    getter("_debug", |vm, value| Ok(this(vm, value)?.debug_given())),
    getter("_stopping", |vm, value| Ok(Value::bool(this(vm, value)?.stopping.get()))),
];

fn this<'a>(vm: &mut Vm, value: &'a Value) -> Result<&'a EventLoop> {
    event_loop::of(value).ok_or_else(|| super::wrong_self(vm, value, "BaseEventLoop"))
}

/// The loop that may still be given work.
fn open<'a>(vm: &mut Vm, value: &'a Value) -> Result<&'a EventLoop> {
    let el = this(vm, value)?;
    if el.closed.get() {
        return Err(event_loop::closed(vm));
    }
    Ok(el)
}

fn close(vm: &mut Vm, el: &EventLoop, args: &[Value]) -> Result {
    if el.running.get() {
        return Err(vm.runtime_error("Cannot close a running event loop"));
    }
    if !el.closed.get() {
        if el.debug.get() {
            let shown = vm.repr(&args[0])?;
            super::log::debug(vm, &format!("Close {shown}"))?;
        }
        if el.signals.get() > 0 {
            vm.call_page("asyncio", "_remove_all", &args[..1])?;
        }
        el.closed.set(true);
        el.clear();
        drop(el.itself.take());
        let own =
            |_, watcher: &Value| handles::of(watcher).is_some_and(|handle| handle.event_loop.borrow().is(&args[0]));
        vm.unwatch(own);
    }
    Ok(Value::None)
}

static TRACK_ORIGINS: Row = method("_set_coroutine_origin_tracking(enabled)", |vm, args| {
    let enabled = vm.truth(&args[1])?;
    let el = this(vm, &args[0])?;
    event_loop::track_origins(vm, el, enabled);
    Ok(Value::None)
});

pub static STOP_LOOP: NativeCallback = NativeCallback {
    module: "asyncio.base_events",
    qualname: "_run_until_complete_cb",
    call: stop_loop,
    row: method("_run_until_complete_cb(future)", |vm, args| future::called(vm, args, stop_loop)),
};

fn stop_loop(vm: &mut Vm, event_loop: &Value, done: &Value) -> Result<()> {
    if !asked::is_cancelled(vm, done)? {
        let exception = asked::exception(vm, done)?;
        return stop_after(vm, event_loop, &exception);
    }
    vm.call_method(event_loop, sym::stop, &[]).map(drop)
}

/// Stops a loop whose main future has ended with this exception, or with none.
pub fn stop_after(vm: &mut Vm, event_loop: &Value, exception: &Value) -> Result<()> {
    if let Value::Exception(exception) = exception {
        // It has ended the loop by itself.
        if event_loop::is_fatal(vm, &Error(exception.clone())) {
            return Ok(());
        }
    }
    vm.call_method(event_loop, sym::stop, &[]).map(drop)
}

/// `run_until_complete` without the checks.
pub fn complete(vm: &mut Vm, args: &[Value]) -> Result {
    let (done, is_new) = match threads::begin_complete(vm, &args[0], &args[1])? {
        threads::Awaited::Own(done, is_new) => (done, is_new),
        threads::Awaited::Foreign(awaited, is_new) => {
            let result = vm.call_page("asyncio", "_complete_foreign", &[args[0].clone(), awaited, Value::bool(is_new)]);
            drop(event_loop::of(&args[0]).map(|el| el.completing.take()));
            return result;
        }
    };
    let result = vm.call_method(&args[0], "run_forever", &[]).map(drop);
    threads::end_complete(vm, &args[0], &done, is_new, result)
}

/// In debug mode: refuses what cannot be a callback of a future that is done.
pub fn check_done_callback(vm: &mut Vm, event_loop: &Value, callback: &Value) -> Result<()> {
    match event_loop::of(event_loop) {
        Some(el) if el.debug.get() => check_callback(vm, callback, "call_soon"),
        _ => Ok(()),
    }
}

/// In debug mode: refuses what cannot be a callback.
fn check_callback(vm: &mut Vm, callback: &Value, method: &str) -> Result<()> {
    if task::is_coroutine(vm, callback) || super::is_coroutine_function(vm, callback)? {
        return Err(vm.type_error(format!("coroutines cannot be used with {method}()")));
    }
    if !vm.is_callable(callback) {
        let shown = vm.repr(callback)?;
        return Err(vm.type_error(format!("a callable object was expected by {method}(), got {shown}")));
    }
    Ok(())
}

fn context_given(el: &EventLoop, value: &Value) -> Rc<contextvars::Context> {
    contextvars::given(value).unwrap_or_else(|| el.state.contexts.copy())
}

fn make_handle(vm: &mut Vm, el: &EventLoop, args: &[Value], when: Value, of_loop: usize) -> Rc<Instance> {
    let [event_loop, rest @ ..] = args else { unreachable!("bound to the signature") };
    let [.., callback, arguments, context] = rest else { unreachable!("bound to the signature") };
    let arguments: Rc<[Value]> = arguments.as_tuple().map(|tuple| Rc::from(&tuple[..])).unwrap_or_default();
    let context = context_given(el, context);
    let class = if when.is_unbound() { &el.state.classes.handle } else { &el.state.classes.timer_handle };
    let handle = Handle::new(event_loop.clone(), callback.clone(), arguments, context, when);
    handle.made.set(vm.calls.last().map(|site| (site.code, site.span)));
    if el.debug.get() {
        let source = format::handle_stack(vm, of_loop);
        handle.source.replace(source);
    }
    handles::new_handle(class, handle)
}

fn call_soon(vm: &mut Vm, args: &[Value], method: &str) -> Result {
    let el = open(vm, &args[0])?;
    if el.debug.get() {
        if method == "call_soon" {
            event_loop::check_thread(vm, el)?;
        }
        check_callback(vm, &args[1], method)?;
    }
    let handle = make_handle(vm, el, args, Value::Unbound, 2);
    el.push(Ready::Handle(handle.clone()));
    Ok(Value::Instance(handle))
}

/// Puts a handle that is there already at the end of what is ready, unless it is cancelled.
fn add_handle(vm: &mut Vm, args: &[Value]) -> Result {
    let el = this(vm, &args[0])?;
    let cancelled = vm.intern("_cancelled");
    let cancelled = vm.get_attr(&args[1], &cancelled)?;
    if !vm.truth(&cancelled)?
        && let (Value::Instance(handle), Some(_)) = (&args[1], handles::of(&args[1]))
    {
        el.push(Ready::Handle(handle.clone()));
    }
    Ok(Value::None)
}

fn call_later(vm: &mut Vm, args: &[Value]) -> Result {
    if args[1].is_none() {
        return Err(vm.type_error("delay must not be None"));
    }
    let el = this(vm, &args[0])?;
    let now = if el.custom.get() { vm.call_method(&args[0], "time", &[])? } else { Value::float(event_loop::time(vm)) };
    let when = crate::machine::ops::add(vm, &now, &args[1])?;
    if el.custom.get() {
        // It may have a `call_at` of its own.
        let [_, _, callback, rest, context] = args else { unreachable!("bound to the signature") };
        let mut given = vec![when, callback.clone()];
        given.extend(rest.as_tuple().map(|rest| rest.to_vec()).unwrap_or_default());
        let (name, keyword) = (vm.intern("call_at"), vm.intern("context"));
        let method = vm.get_attr(&args[0], &name)?;
        return vm.call_kw(&method, &given, &[(keyword, context.clone())]);
    }
    call_at(vm, args, &when, 3)
}

fn call_at(vm: &mut Vm, args: &[Value], when: &Value, of_loop: usize) -> Result {
    if when.is_none() {
        return Err(vm.type_error("when cannot be None"));
    }
    let el = open(vm, &args[0])?;
    if el.debug.get() {
        event_loop::check_thread(vm, el)?;
        check_callback(vm, &args[2], "call_at")?;
    }
    let seconds = match vm.to_f64(when) {
        Ok(seconds) => seconds,
        // What is no number shows when it is compared with another time, at the latest with the clock's.
        Err(error) => {
            let now = Value::float(event_loop::time(vm));
            match el.first_timer() {
                Some(other) => vm.compare(CmpOp::Lt, when, &Value::float(other))?,
                None => vm.binary(BinOp::Sub, when, &now)?,
            };
            return Err(error);
        }
    };
    let handle = make_handle(vm, el, args, when.clone(), of_loop);
    el.add_timer_handle(seconds, &handle);
    Ok(Value::Instance(handle))
}

/// `loop.create_task(coro, name=name, context=context)`.
pub fn create_task_in(
    vm: &mut Vm,
    el: &EventLoop,
    event_loop: &Value,
    coro: &Value,
    name: &Value,
    context: &Value,
) -> Result {
    if el.closed.get() {
        return Err(event_loop::closed(vm));
    }
    let factory = el.task_factory.borrow().clone();
    if factory.is_none() {
        let context = contextvars::given(context);
        return task::new_task(vm, &el.state, event_loop, coro, name, context, false).map(Value::Instance);
    }
    if el.eager.get() {
        // The same without a call of the factory and its frame.
        let context = contextvars::given(context);
        let made =
            creating(vm, el, 2, |vm| task::new_task(vm, &el.state, event_loop, coro, &Value::None, context, true))?;
        task::rename(vm, &made, name)?;
        return Ok(Value::Instance(made));
    }
    let keywords: Vec<_> = context.given().map(|c| (vm.intern("context"), c.clone())).into_iter().collect();
    let made = creating(vm, el, 1, |vm| vm.call_kw(&factory, &[event_loop.clone(), coro.clone()], &keywords))?;
    vm.call_method(&made, "set_name", std::slice::from_ref(name))?;
    Ok(made)
}

/// Has a factory make a task, below so many frames of CPython's library.
fn creating<T>(vm: &mut Vm, el: &EventLoop, frames: u32, make: impl FnOnce(&mut Vm) -> Result<T>) -> Result<T> {
    let outer = el.state.creating.replace(true);
    let made = vm.below(frames, make);
    el.state.creating.set(outer);
    made
}

pub const CLOSE: &[Row] = &[of!("def close()", event_loop::of, close)
    .says("Closes the loop. It must not be running, and nothing can be run in it afterwards.")];

/// What happens when the last reference to a loop goes, or it is garbage.
pub fn finalize(vm: &mut Vm, event_loop: &Value) {
    if let Err(error) = close_forgotten(vm, event_loop) {
        vm.report_unraisable(&error, event_loop);
    }
}

fn close_forgotten(vm: &mut Vm, event_loop: &Value) -> Result<()> {
    let el = this(vm, event_loop)?;
    if el.closed.get() {
        return Ok(());
    }
    let text = format!("unclosed event loop {}", vm.repr(event_loop)?);
    vm.warn(vm.types.ResourceWarning.clone(), &text)?;
    if !el.running.get() {
        vm.call_method(event_loop, "close", &[])?;
    }
    Ok(())
}

pub const SIGNAL_METHODS: &[Row] = &[
    INIT,
    paged!("def add_signal_handler(sig, callback, *args)", "add_signal_handler")
        .says("Has a function called by the loop when a signal arrives."),
    paged!("def remove_signal_handler(sig)", "remove_signal_handler")
        .says("Ends that; False if there was nothing to end."),
];

/// Called when an asynchronous generator is iterated for the first time.
pub static FIRST_ITERATION: &Row = &of!("def _asyncgen_firstiter_hook(agen)", event_loop::of, |vm, el, args| {
    // CPython's hook keeps the generator in a set whose method is a function too.
    vm.below(2, |vm| vm.may_enter())?;
    if el.async_generators_closed.get() {
        let shown = vm.repr(&args[1])?;
        let text = format!("asynchronous generator {shown} was scheduled after loop.shutdown_asyncgens() call");
        vm.warn(vm.types.ResourceWarning.clone(), &text)?;
    }
    if let Value::Coroutine(generator) = &args[1] {
        let mut known = el.async_generators.borrow_mut();
        if known.len() >= 64 && known.len().is_power_of_two() {
            known.retain(|generator| generator.strong_count() > 0);
        }
        known.push(Rc::downgrade(generator));
    }
    Ok(Value::None)
});

/// Called when the last reference to a suspended asynchronous generator has gone.
pub static LAST_REFERENCE: &Row = &of!("def _asyncgen_finalizer_hook(agen)", event_loop::of, |vm, el, args| {
    if el.closed.get() {
        return Ok(Value::None);
    }
    let closing = vm.call_method(&args[1], "aclose", &[])?;
    let create_task = vm.get_attr(&args[0], "create_task")?;
    let context = el.state.contexts.copy();
    let handle = Handle::new(args[0].clone(), create_task, Rc::from([closing]), context, Value::Unbound);
    el.push(Ready::Handle(handles::new_handle(&el.state.classes.handle, handle)));
    Ok(Value::None)
});

/// Of a loop that never had one.
struct ShutDownExecutor;

impl NativeCoroutine for ShutDownExecutor {
    fn resume(&mut self, _: &mut Vm, _: Resume) -> Result<Outcome> {
        Ok(Outcome::Return(Value::None))
    }
}

/// `_get_running_loop()`.
pub fn running_loop_or_none(vm: &mut Vm, _: &[Value]) -> Result {
    let running = state(vm).running.borrow().clone();
    Ok(running)
}
