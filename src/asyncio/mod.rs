//! The module `asyncio`: futures, tasks and the event loop, behaving pass for pass as CPython's.
//!
//! What tasks step through often is Rust; the rest is written in the language itself (`stdlib/asyncio_*.aio`) and loaded
//! when one of its names is first asked for. **Invariant**: no `RefCell` borrow is held while anything runs that could be
//! script code, and [`state::State`] is the only state outside the objects themselves.

pub mod asked;
pub mod contextvars;
pub mod deadlock;
pub mod event_loop;
pub mod explain;
pub mod format;
pub mod future;
pub mod gather;
pub mod handles;
pub mod library;
pub mod locks;
pub mod log;
pub mod loop_methods;
mod outside;
pub mod policy;
pub mod queues;
pub mod shield;
pub mod sleep;
pub mod stacks;
pub mod state;
pub mod task;
pub mod taskgroups;
pub mod threads;

use crate::builtins::add_functions;
use crate::builtins::modules::support::{keywords, wrong_self};
use crate::builtins::prelude::*;
use crate::object::code::CodeKind;
use crate::object::function::BoundMethod;
use crate::object::native::{NativeFunction, RowKind};
pub use contextvars::contextvars_module;
pub use library::load;
pub use state::{let_go, let_go_of_current, state};

/// The functions by the module that CPython has them in.
static FUNCTIONS: &[(&str, &[Row])] = &[
    ("asyncio.tasks", TASKS),
    ("asyncio.coroutines", COROUTINES),
    ("asyncio.events", EVENTS),
    ("asyncio.base_futures", FUTURES),
    ("_asyncio", ACCELERATED),
];

static TASKS: &[Row] = &[
    native("async def sleep(delay, result=None)", sleep::sleep).says("Waits so many seconds while other tasks run. The result is `result`.").or_at_once(sleep::give_way),
    native("def gather(*coros_or_futures, return_exceptions=False)", gather::gather).says("Runs awaitables at the same time. The result is the list of their results, in the order of the arguments; the first exception is raised at once, or with `return_exceptions` is a result like the others."),
    native("def shield(arg)", shield::shield).says("Waits for an awaitable so that a cancellation ends the waiting alone and not what is waited for."),
    native("def ensure_future(coro_or_future, *, loop=None)", shield::ensure_future).says("Makes a task of a coroutine or another awaitable; a future is returned as it is."),
    native("def create_task(coro, *, name=None, context=None)", task::create_task).says("Starts a task in the running loop and returns it. Keep a reference: the loop itself has only a weak one."),
    native("def all_tasks(loop=None)", task::all_tasks).says("The set of the tasks of a loop that are not done."),
];

static COROUTINES: &[Row] = &[
    native("def iscoroutine(obj)", |vm, args| Ok(Value::bool(task::is_coroutine(vm, &args[0]))))
        .says("Whether an object is a coroutine."),
    native("def iscoroutinefunction(func)", |vm, args| is_coroutine_function(vm, &args[0]).map(Value::bool))
        .says("Whether a call of this makes a coroutine."),
];

static EVENTS: &[Row] = &[
    native("def new_event_loop()", policy::new_event_loop).says("Makes an event loop."),
    native("def set_event_loop(loop)", policy::set_event_loop).says("Makes a loop the current one of this thread."),
];

static FUTURES: &[Row] = &[native("def isfuture(obj)", |vm, args| Ok(Value::bool(future::is_future(vm, &args[0]))))
    .says("Whether an object can be awaited as a Future can.")];

static ACCELERATED: &[Row] = &[
    native("current_task(loop=None)", task::current_task),
    native("get_event_loop()", |vm, _| policy::get_event_loop(vm)),
    native("get_running_loop()", |vm, _| policy::running_loop(vm)),
    native("_get_running_loop()", loop_methods::running_loop_or_none),
    native("_set_running_loop(loop, /)", |vm, args| {
        let old = state(vm).running.replace(args[0].clone());
        drop(old);
        Ok(Value::None)
    }),
    native("_register_task(task)", |vm, args| {
        if let Value::Instance(task) = &args[0] {
            state(vm).register(task);
        }
        Ok(Value::None)
    }),
    native("_unregister_task(task)", |vm, args| {
        if let Value::Instance(task) = &args[0] {
            state(vm).unregister(task);
        }
        Ok(Value::None)
    }),
    native("_enter_task(loop, task)", |vm, args| set_current_task(vm, args, true)),
    native("_leave_task(loop, task)", |vm, args| set_current_task(vm, args, false)),
];

/// What the parts written in the language need and scripts are not shown.
const PRIVATE: &[Row] = &[
    native("_policy_get_event_loop(policy)", |vm, args| {
        let state = state(vm);
        policy::current_loop(vm, &state, Some(&args[0]))
    }),
    native("_policy_set_event_loop(loop)", policy::set_checked),
    native("_exchange_current(loop, was_set)", policy::exchange_current),
    native("_check_can_run(loop)", |vm, args| {
        let is_closed = event_loop::of(&args[0]).is_some_and(|el| el.closed.get());
        // Called by `run_until_complete`, and that by a script or by the library.
        let caller = vm.calls.iter().rev().nth(1).and_then(|site| vm.code_by_id(site.code));
        let by_script = caller.is_some_and(|code| !code.source.library);
        let result = event_loop::check_can_run(vm, &args[0]);
        result
            .inspect_err(|error| {
                if by_script && !is_closed {
                    vm.advise_running(error)
                }
            })
            .map(Value::from)
    }),
    native("_running_already(exception, /)", |vm, args| {
        if let Value::Exception(exception) = &args[0] {
            vm.advise_running(&Error(exception.clone()));
        }
        Ok(args[0].clone())
    }),
    native("_complete(loop, future)", loop_methods::complete).or_suspend(threads::complete),
    native("_stop_after(loop, future)", |vm, args| loop_methods::stop_after(vm, &args[0], &args[1]).map(Value::from)),
    native("_set_policy(policy)", |vm, args| {
        let old = state(vm).policy.replace(args[0].clone());
        drop(old);
        Ok(Value::None)
    }),
    native("_advised(exception, help, coroutine=None, /)", |vm, args| {
        if let (Value::Exception(exception), Value::Str(help)) = (&args[0], &args[1]) {
            let error = Error(exception.clone());
            match help.is_empty() {
                true => vm.advise_coroutine_expected(&error, &args[2]),
                false => vm.advise(&error, help.as_str()),
            }
        }
        Ok(args[0].clone())
    }),
    native("_cut_off(tasks, failed)", explain::cut_off),
    native("_is_library(frame)", |_, args| {
        Ok(Value::bool(matches!(&args[0], Value::Frame(frame) if frame.code.source.library)))
    }),
    native("_executor_of(loop)", |_, args| {
        Ok(event_loop::of(&args[0]).map_or(Value::None, |el| el.executor.borrow().clone()))
    }),
    native("_set_executor(loop, executor)", |_, args| {
        if let Some(el) = event_loop::of(&args[0]) {
            el.executor.replace(args[1].clone());
        }
        Ok(Value::None)
    }),
    native("_in_context(context)", threads::in_context),
    native("_count_signals(loop, by)", |_, args| {
        if let (Some(el), Some(by)) = (event_loop::of(&args[0]), args[1].as_int()) {
            el.signals.set(el.signals.get().saturating_add_signed(by as isize));
        }
        Ok(Value::None)
    }),
    native("_arrive(loop, callback)", event_loop::arrive),
    native("_add_callback(loop, handle)", event_loop::add_callback),
    // What a loop has for a descriptor from now on, a handle or `None`; what it had before.
    native("_watch(descriptor, write, handle)", |vm, args| {
        vm.outside.arrive = Some(event_loop::came);
        let descriptor = i32::try_from(vm.to_i64(&args[0])?).unwrap_or(-1);
        let write = vm.truth(&args[1])?;
        let result = vm.watch(descriptor, write, args[2].given().cloned());
        Ok(result.map_err(|error| vm.os_error(&error))?.unwrap_or(Value::None))
    }),
    native("_on_interrupt(handler)", |vm, args| Ok(std::mem::replace(&mut vm.interrupt_handler, args[0].clone()))),
    native("_frames_of(task)", |vm, args| stacks::call_stack(vm, &args[0])),
    native("_awaited_by_task(task)", |vm, args| {
        let awaited = match &args[0] {
            Value::Instance(task) => deadlock::awaited(vm, task),
            _ => Vec::new(),
        };
        Ok(Value::list(awaited))
    }),
    native("_host_asks_debug()", |vm, _| Ok(Value::bool(vm.host.asyncio_debug))),
    native("_function_place(func)", |_, args| match &args[0] {
        Value::Function(function) if !function.code.source.library => {
            let line = Value::Int(function.code.first_line().into());
            Ok(Value::tuple([Value::str(&function.code.source.name), line]))
        }
        _ => Ok(Value::None),
    }),
    native("_drawn(message, subject, exception)", |vm, args| {
        let message = vm.str(&args[0])?;
        let error = args[2].as_exception().cloned().map(Error);
        Ok(Value::bool(explain::draw(vm, &message, &args[1], error.as_ref())))
    }),
    native("_log_error(message, exception, exc_info)", |vm, args| {
        let message = vm.str(&args[0])?;
        let error = args[1].as_exception().cloned().map(Error);
        log::error(vm, &message, error.as_ref(), &args[2])?;
        Ok(Value::None)
    }),
    native("_describe_coroutine(coro)", |vm, args| format::coroutine(vm, &args[0]).map(Value::string)),
    native("_get_policy()", |vm, _| {
        let policy = state(vm).policy.borrow().clone();
        Ok(policy)
    }),
];

/// Makes the module `asyncio`.
pub fn module(vm: &mut Vm) -> Result<Rc<Module>> {
    let state = state(vm);
    vm.before_sleep = Some(explain::blocking);
    let module = vm.new_module("asyncio", Some(library::lazy));
    let dict = &module.dict;
    dict.set_str(&vm.intern("__path__"), Value::list(Vec::new()));
    dict.set_str(&vm.intern("__package__"), Value::str("asyncio"));
    for (module, rows) in FUNCTIONS {
        add_functions(vm, module, dict, rows);
    }
    let classes = &state.classes;
    let hidden = ["_GatheringFuture", "BaseSelectorEventLoop", "_UnixSelectorEventLoop"];
    let mut named = classes.all();
    named.retain(|(_, name, _)| !hidden.contains(name) && !state::NAMELESS.contains(name));
    let named = named.into_iter().map(|(_, name, class)| (name, class.clone()));
    let others = [
        ("SelectorEventLoop", classes.event_loop.clone()),
        ("EventLoop", classes.event_loop.clone()),
        ("CancelledError", vm.types.CancelledError.clone()),
        ("TimeoutError", vm.types.TimeoutError.clone()),
    ];
    vm.types.CancelledError.patchable.set(true);
    for (name, class) in named.chain(others) {
        dict.set_str(&vm.intern(name), Value::Class(class));
    }
    for name in ["FIRST_COMPLETED", "FIRST_EXCEPTION", "ALL_COMPLETED"] {
        dict.set_str(&vm.intern(name), Value::str(name));
    }
    let mut all = library::public_names(dict);
    let private =
        ["_enter_task", "_get_running_loop", "_leave_task", "_register_task", "_set_running_loop", "_unregister_task"];
    all.extend(private.map(|name| vm.intern(name)));
    dict.set_str(&vm.intern("__all__"), Value::list(all.into_iter().map(Value::Str).collect()));
    Ok(module)
}

/// `_enter_task` and `_leave_task`, for loops and tasks of any kind.
fn set_current_task(vm: &mut Vm, args: &[Value], entering: bool) -> Result {
    let [event_loop, task] = args else { return Ok(Value::None) };
    let current = task::current_of(vm, event_loop);
    match (entering, &current) {
        (true, Some(other)) => {
            let (shown, other) = (vm.repr(task)?, vm.repr(other)?);
            Err(vm
                .runtime_error(format!("Cannot enter into task {shown} while another task {other} is being executed.")))
        }
        (false, current) if !current.as_ref().is_some_and(|current| current.is(task)) => {
            let (shown, current) = (vm.repr(task)?, vm.repr(&current.clone().unwrap_or(Value::None))?);
            Err(vm.runtime_error(format!("Leaving task {shown} does not match the current task {current}.")))
        }
        _ => {
            task::set_current(vm, event_loop, entering.then(|| task.clone()));
            Ok(Value::None)
        }
    }
}

/// `asyncio.iscoroutinefunction(value)`.
pub fn is_coroutine_function(vm: &mut Vm, value: &Value) -> Result<bool> {
    let is_one = match value {
        Value::Function(function) => function.code.kind == CodeKind::Coroutine,
        Value::BoundMethod(method) => return is_coroutine_function(vm, &method.func),
        Value::Native(native) => native.row.is_async(),
        _ => false,
    };
    if is_one {
        return Ok(true);
    }
    // A partial of one, or what is marked as one.
    if vm.loaded("functools").is_some() || vm.loaded("inspect").is_some() {
        let inspect = vm.import_module("inspect")?;
        let answer = vm.call_method(&inspect, "iscoroutinefunction", std::slice::from_ref(value))?;
        if vm.truth(&answer)? {
            return Ok(true);
        }
    }
    // Marked as mocks are.
    let name = vm.intern("_is_coroutine");
    let Some(marked) = vm.get_attr_opt(value, &name)? else { return Ok(false) };
    let coroutines = vm.import_module("asyncio.coroutines")?;
    let marker = vm.get_attr(&coroutines, &name)?;
    Ok(marked.is(&marker))
}

/// What a future's timer calls on a loop that a script has written.
static SET_RESULT_UNLESS_CANCELLED: Row = method("_set_result_unless_cancelled(result)", |vm, args| {
    if let Value::Instance(future) = &args[0] {
        if !future::is_done(future) {
            // The function has a frame in CPython.
            vm.below(1, |vm| future::fulfil(vm, future, args[1].clone()))?;
        }
    }
    Ok(Value::None)
});

/// A method written in Rust, bound to an object.
pub fn bound_native(vm: &mut Vm, row: &'static Row, this: &Value) -> Value {
    let (RowKind::Function(call) | RowKind::Method(call) | RowKind::ClassMethod(call) | RowKind::StaticMethod(call)) =
        row.kind
    else {
        return Value::None;
    };
    let func = NativeFunction::new(row, call, vm.intern(row.name()), None);
    *func.owner.borrow_mut() = Some(Rc::downgrade(&vm.class_of(this)));
    Value::BoundMethod(Rc::new(BoundMethod::new(Value::Native(Rc::new(func)), this.clone())))
}

/// Has a method written in Rust, bound to an object, called by a future of any class.
fn add_done_callback(vm: &mut Vm, future: &Value, row: &'static Row, this: &Value) -> Result<()> {
    let callback = bound_native(vm, row, this);
    vm.call_method(future, "add_done_callback", &[callback]).map(drop)
}

/// `cls[item]` for generic classes.
fn generic_alias(vm: &mut Vm, args: &[Value]) -> Result {
    Ok(vm.generic_alias(&args[0], &args[1]))
}
