//! What scripts do with an event loop.

use std::rc::Rc;

use super::event_loop::{self, EventLoop, Ready};
use super::future::{self, NativeCallback};
use super::handles::{self, Handle};
use super::state::{Function, state};
use super::{contextvars, explain, format, log, policy, task, threads};
use crate::builtins::of;
use crate::machine::Vm;
use crate::object::coroutine::{NativeCoroutine, Outcome, Resume};
use crate::object::instance::Instance;
use crate::object::native::{Row, attribute, getter, method, static_method};
use crate::object::{Dict, Error, Result, Value};
use crate::symbol::sym;

pub const METHODS: &[Row] = &[
    static_method("__new__(cls, /, *args, **kwargs)", |vm, args| match &args[0] {
        Value::Class(class) => Ok(policy::new_of_class(vm, class)),
        _ => Err(vm.type_error("__new__(X): X is not a type object")),
    }),
    method("def __init__(selector=None)", |vm, _| {
        policy::announce(vm);
        Ok(Value::None)
    }),
    method("def run_forever()", |vm, args| {
        if let Value::Instance(instance) = &args[0] {
            event_loop::run_forever(vm, instance)?;
        }
        Ok(Value::None)
    })
    .or_suspend(threads::run_forever),
    method("def run_until_complete(future)", |vm, args| {
        let function = super::library_name(vm, "run_until_complete")?;
        vm.call(&function, args)
    })
    .or_suspend(|vm, args| {
        let function = super::library_name(vm, "run_until_complete")?;
        vm.call_suspending(&function, args.to_vec(), &[])
    }),
    method("def stop()", |vm, args| {
        this(vm, &args[0])?.stopping.set(true);
        Ok(Value::None)
    }),
    of!("def is_running()", event_loop::of, |_, el, _| Ok(Value::bool(el.running.get()))),
    of!("def is_closed()", event_loop::of, |_, el, _| Ok(Value::bool(el.closed.get()))),
    method("def time()", |vm, _| Ok(Value::float(event_loop::time(vm)))),
    method("def call_soon(callback, *args, context=None)", |vm, args| call_soon(vm, args, "call_soon")),
    method("def call_soon_threadsafe(callback, *args, context=None)", |vm, args| {
        call_soon(vm, args, "call_soon_threadsafe")
    }),
    method("def call_later(delay, callback, *args, context=None)", call_later),
    method("def call_at(when, callback, *args, context=None)", |vm, args| call_at(vm, args, &args[1], "call_at")),
    of!("def create_future()", event_loop::of, |vm, el, args| {
        Ok(Value::Instance(future::new_future(vm, &el.state, &args[0])))
    }),
    of!("def create_task(coro, *, name=None, context=None)", event_loop::of, |vm, el, args| {
        create_task_in(vm, el, &args[0], &args[1], &args[2], &args[3])
    }),
    method("def set_task_factory(factory)", |vm, args| {
        if !args[1].is_none() && !vm.is_callable(&args[1]) {
            return Err(vm.type_error("task factory must be a callable or None"));
        }
        this(vm, &args[0])?.task_factory.replace(args[1].clone());
        Ok(Value::None)
    }),
    of!("def get_task_factory()", event_loop::of, |_, el, _| Ok(el.task_factory.borrow().clone())),
    method("def set_exception_handler(handler)", |vm, args| {
        if !args[1].is_none() && !vm.is_callable(&args[1]) {
            let shown = vm.repr(&args[1])?;
            return Err(vm.type_error(format!("A callable object or None is expected, got {}", shown.as_str())));
        }
        this(vm, &args[0])?.exception_handler.replace(args[1].clone());
        Ok(Value::None)
    }),
    of!("def get_exception_handler()", event_loop::of, |_, el, _| Ok(el.exception_handler.borrow().clone())),
    method("def default_exception_handler(context)", default_exception_handler),
    of!("def call_exception_handler(context)", event_loop::of, call_exception_handler),
    of!("def get_debug()", event_loop::of, |_, el, _| Ok(Value::bool(el.debug.get()))),
    method("def set_debug(enabled)", |vm, args| {
        let enabled = vm.truth(&args[1])?;
        let el = this(vm, &args[0])?;
        el.debug.set(enabled);
        if el.running.get() {
            vm.origin_depth = if enabled { event_loop::ORIGIN_DEPTH } else { el.outer_origin_depth.get() };
        }
        Ok(Value::None)
    }),
    method("def shutdown_asyncgens()", |vm, args| {
        let function = super::library_name(vm, "shutdown_asyncgens")?;
        vm.call(&function, &args[..1])
    }),
    of!("def _take_asyncgens()", event_loop::of, |_, el, _| {
        el.async_generators_closed.set(true);
        let living = el.async_generators.take();
        Ok(Value::list(living.iter().filter_map(std::rc::Weak::upgrade).map(Value::Coroutine).collect()))
    }),
    of!("def _run_once()", event_loop::of, |vm, el, args| event_loop::run_once(vm, el, &args[0])),
    method("def _process_events(event_list)", |vm, _| {
        Err(vm.new_error(vm.types.NotImplementedError.clone(), Vec::new()))
    }),
    method("def _check_closed()", |vm, args| open(vm, &args[0]).map(|_| Value::None)),
    method("def _timer_handle_cancelled(handle)", |vm, args| {
        this(vm, &args[0])?.timer_cancelled();
        Ok(Value::None)
    }),
    of!("def shutdown_default_executor(timeout=None)", event_loop::of, |vm, el, args| {
        el.executor_closed.set(true);
        if el.executor.borrow().is_none() {
            return Ok(el.state.coroutine(vm, Function::ShutdownDefaultExecutor, ShutDownExecutor));
        }
        let function = super::library_name(vm, "shutdown_default_executor")?;
        vm.call(&function, args)
    }),
    method("def run_in_executor(executor, func, *args)", |vm, args| {
        if this(vm, &args[0])?.executor_closed.get() && args[1].is_none() {
            return Err(vm.runtime_error("Executor shutdown has been called"));
        }
        let function = super::library_name(vm, "run_in_executor")?;
        let mut all = args[..3].to_vec();
        all.append(&mut vm.collect(&args[3])?);
        vm.call(&function, &all)
    }),
    method("def set_default_executor(executor)", |vm, args| {
        let function = super::library_name(vm, "set_default_executor")?;
        vm.call(&function, args)
    }),
    of!("__repr__()", event_loop::of, |vm, el, args| {
        let shown = |flag: bool| if flag { "True" } else { "False" };
        let (running, closed, debug) = (shown(el.running.get()), shown(el.closed.get()), shown(el.debug.get()));
        let class = vm.class_name(&args[0]);
        Ok(Value::string(format!("<{} running={running} closed={closed} debug={debug}>", class.as_str())))
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
    getter("_debug", |vm, value| Ok(Value::bool(this(vm, value)?.debug.get()))),
    getter("_stopping", |vm, value| Ok(Value::bool(this(vm, value)?.stopping.get()))),
];

fn this<'a>(vm: &mut Vm, value: &'a Value) -> Result<&'a EventLoop> {
    match event_loop::of(value) {
        Some(el) => Ok(el),
        None => Err(super::wrong_self(vm, value, "BaseEventLoop")),
    }
}

/// The loop that may still be given work.
fn open<'a>(vm: &mut Vm, value: &'a Value) -> Result<&'a EventLoop> {
    let el = this(vm, value)?;
    if el.closed.get() {
        return Err(event_loop::closed(vm));
    }
    Ok(el)
}

fn close(vm: &mut Vm, el: &EventLoop, _: &[Value]) -> Result<Value> {
    if el.running.get() {
        return Err(vm.runtime_error("Cannot close a running event loop"));
    }
    if !el.closed.replace(true) {
        el.clear();
    }
    Ok(Value::None)
}

pub static STOP_LOOP: NativeCallback = NativeCallback {
    qualname: "_run_until_complete_cb",
    call: stop_loop,
    row: method("_run_until_complete_cb(future)", |vm, args| future::called(vm, args, stop_loop)),
};

fn stop_loop(vm: &mut Vm, event_loop: &Value, done: &Rc<Instance>) -> Result<()> {
    let data = future::data(done);
    if data.status.get() == future::Status::Failed {
        let exception = data.take_exception(vm)?;
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
pub fn complete(vm: &mut Vm, args: &[Value]) -> Result<Value> {
    let (done, is_new) = match threads::begin_complete(vm, &args[0], &args[1])? {
        threads::Awaited::Own(done, is_new) => (done, is_new),
        threads::Awaited::Foreign(awaited, is_new) => {
            let function = super::library_name(vm, "_complete_foreign")?;
            return vm.call(&function, &[args[0].clone(), awaited, Value::bool(is_new)]);
        }
    };
    let result = vm.call_method(&args[0], "run_forever", &[]).map(drop);
    threads::end_complete(vm, &args[0], &done, is_new, result)
}

/// In debug mode: refuses what cannot be a callback.
fn check_callback(vm: &mut Vm, callback: &Value, method: &str) -> Result<()> {
    let is_coroutine = task::is_coroutine(vm, callback) || super::is_coroutine_function(callback);
    if is_coroutine {
        return Err(vm.type_error(format!("coroutines cannot be used with {method}()")));
    }
    if !vm.is_callable(callback) {
        let shown = vm.repr(callback)?;
        return Err(vm.type_error(format!("a callable object was expected by {method}(), got {}", shown.as_str())));
    }
    Ok(())
}

fn context_given(el: &EventLoop, value: &Value) -> Rc<contextvars::Context> {
    match contextvars::of(value) {
        Some(context) => context.clone(),
        None => el.state.contexts.copy(),
    }
}

fn make_handle(vm: &mut Vm, el: &EventLoop, args: &[Value], when: Value) -> Rc<Instance> {
    let [event_loop, rest @ ..] = args else { unreachable!("bound to the signature") };
    let [.., callback, arguments, context] = rest else { unreachable!("bound to the signature") };
    let arguments: Rc<[Value]> = arguments.as_tuple().map(|tuple| Rc::from(&tuple[..])).unwrap_or_default();
    let context = context_given(el, context);
    let class = if when.is_unbound() { &el.state.classes.handle } else { &el.state.classes.timer_handle };
    let handle = Handle::new(event_loop.clone(), callback.clone(), arguments, context, when);
    if el.debug.get() {
        let source = format::handle_stack(vm);
        handle.source.replace(source);
    }
    handles::new_handle(class, handle)
}

fn call_soon(vm: &mut Vm, args: &[Value], method: &str) -> Result<Value> {
    let el = open(vm, &args[0])?;
    if el.debug.get() {
        check_callback(vm, &args[1], method)?;
    }
    let handle = make_handle(vm, el, args, Value::Unbound);
    el.push(Ready::Handle(handle.clone()));
    Ok(Value::Instance(handle))
}

fn call_later(vm: &mut Vm, args: &[Value]) -> Result<Value> {
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
    call_at(vm, args, &when, "call_later")
}

fn call_at(vm: &mut Vm, args: &[Value], when: &Value, method: &str) -> Result<Value> {
    if when.is_none() {
        return Err(vm.type_error("when cannot be None"));
    }
    let el = open(vm, &args[0])?;
    if el.debug.get() {
        check_callback(vm, &args[2], method)?;
    }
    let seconds = vm.to_f64(when)?;
    let handle = make_handle(vm, el, args, when.clone());
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
) -> Result<Value> {
    if el.closed.get() {
        return Err(event_loop::closed(vm));
    }
    let factory = el.task_factory.borrow().clone();
    if factory.is_none() {
        let context = contextvars::of(context).cloned();
        return task::new_task(vm, &el.state, event_loop, coro, name, context).map(Value::Instance);
    }
    let keywords: Vec<_> = context.given().map(|c| (vm.intern("context"), c.clone())).into_iter().collect();
    let made = vm.call_kw(&factory, &[event_loop.clone(), coro.clone()], &keywords)?;
    vm.call_method(&made, "set_name", std::slice::from_ref(name))?;
    Ok(made)
}

fn default_exception_handler(vm: &mut Vm, args: &[Value]) -> Result<Value> {
    let Some(context) = args[1].as_dict() else {
        let name = vm.intern("get");
        return Err(vm.attribute_error(&args[1], &name));
    };
    let get = |vm: &mut Vm, key: &str| {
        let key = vm.intern(key);
        context.get_str(&key).unwrap_or(Value::None)
    };
    let message = get(vm, "message");
    let mut text = if vm.truth(&message)? {
        vm.str(&message)?.as_str().to_owned()
    } else {
        "Unhandled exception in event loop".to_owned()
    };
    let exception = get(vm, "exception");
    let error = exception.as_exception().cloned().map(Error);
    let subject = [get(vm, "task"), get(vm, "future")].into_iter().find(|value| !value.is_none());
    if explain::draw(vm, &text, &subject.unwrap_or_default(), error.as_ref()) {
        return Ok(Value::None);
    }
    let mut pairs = context.pairs();
    if get(vm, "source_traceback").is_none() {
        let current = this(vm, &args[0])?.current_handle.borrow().clone();
        if let Some(source) = current.and_then(|h| handles::data(&h).source.borrow().clone().bound()) {
            pairs.push((Value::str("handle_traceback"), source));
        }
    }
    let mut keys: Vec<Value> = pairs.iter().map(|(key, _)| key.clone()).collect();
    vm.sort(&mut keys, None, false)?;
    for key in keys {
        let shown_key = vm.str(&key)?;
        if matches!(shown_key.as_str(), "message" | "exception") {
            continue;
        }
        let Some((_, value)) = pairs.iter().find(|(k, _)| k.is(&key) || k.as_str().is_some_and(|k| *k == shown_key))
        else {
            continue;
        };
        let shown = match shown_key.as_str() {
            "source_traceback" => format!("Object created at (most recent call last):\n{}", format::stack_text(value)),
            "handle_traceback" => format!("Handle created at (most recent call last):\n{}", format::stack_text(value)),
            _ => vm.repr(value)?.as_str().to_owned(),
        };
        text.push_str(&format!("\n{}: {shown}", shown_key.as_str()));
    }
    log::error(vm, &text, error.as_ref())?;
    Ok(Value::None)
}

fn call_exception_handler(vm: &mut Vm, el: &EventLoop, args: &[Value]) -> Result<Value> {
    let handler = el.exception_handler.borrow().clone();
    if handler.is_none() {
        let result = default_of(vm, &args[0], &args[1]);
        return swallow(vm, result, "Exception in default exception handler");
    }
    let error = match call_handler(vm, &args[0], &handler, &args[1]) {
        Ok(()) => return Ok(Value::None),
        Err(error) if event_loop::is_fatal(vm, &error) => return Err(error),
        Err(error) => error,
    };
    let context = Dict::new();
    for (key, value) in [
        ("message", Value::str("Unhandled error in exception handler")),
        ("exception", error.value()),
        ("context", args[1].clone()),
    ] {
        let key = vm.intern(key);
        context.set_str(&key, value);
    }
    let result = default_of(vm, &args[0], &Value::dict(context));
    let message =
        "Exception in default exception handler while handling an unexpected error in custom exception handler";
    swallow(vm, result, message)
}

/// `self.default_exception_handler(context)`: a subclass may have its own.
fn default_of(vm: &mut Vm, event_loop: &Value, context: &Value) -> Result<()> {
    vm.call_method(event_loop, "default_exception_handler", std::slice::from_ref(context)).map(drop)
}

fn swallow(vm: &mut Vm, result: Result<()>, message: &str) -> Result<Value> {
    match result {
        Err(error) if event_loop::is_fatal(vm, &error) => return Err(error),
        Err(error) => {
            error.0.raised.set(true);
            log::error(vm, message, Some(&error))?;
        }
        Ok(()) => {}
    }
    Ok(Value::None)
}

/// Calls a script's exception handler in the context of what failed.
fn call_handler(vm: &mut Vm, event_loop: &Value, handler: &Value, context: &Value) -> Result<()> {
    let mut thing = None;
    if let Some(dict) = context.as_dict() {
        for key in ["task", "future", "handle"] {
            let key = vm.intern(key);
            if let (None, Some(found)) = (&thing, dict.get_str(&key).filter(|found| !found.is_none())) {
                thing = Some(found);
            }
        }
    }
    let own = match thing {
        Some(thing) => match vm.get_attr_opt(&thing, "get_context")? {
            Some(method) => contextvars::of(&vm.call(&method, &[])?).cloned(),
            None => None,
        },
        None => None,
    };
    let args = [event_loop.clone(), context.clone()];
    match own {
        Some(own) => contextvars::run_in(vm, &own, |vm| vm.call(handler, &args)).map(drop),
        None => vm.call(handler, &args).map(drop),
    }
}

pub const CLOSE: &[Row] = &[of!("def close()", event_loop::of, close)];

pub const SIGNAL_METHODS: &[Row] = &[
    method("def add_signal_handler(sig, callback, *args)", |vm, args| {
        let mut given = vec![args[0].clone(), args[1].clone(), args[2].clone()];
        given.extend(vm.collect(&args[3])?);
        let function = super::library_name(vm, "add_signal_handler")?;
        vm.call(&function, &given)
    }),
    method("def remove_signal_handler(sig)", |vm, args| {
        let function = super::library_name(vm, "remove_signal_handler")?;
        vm.call(&function, args)
    }),
];

/// Called when an asynchronous generator is iterated for the first time.
pub static FIRST_ITERATION: &Row = &of!("def _asyncgen_firstiter_hook(agen)", event_loop::of, |vm, el, args| {
    if el.async_generators_closed.get() {
        let shown = vm.repr(&args[1])?;
        let text =
            format!("asynchronous generator {} was scheduled after loop.shutdown_asyncgens() call", shown.as_str());
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
pub fn running_loop_or_none(vm: &mut Vm, _: &[Value]) -> Result<Value> {
    let running = state(vm).running.borrow().clone();
    Ok(running)
}
