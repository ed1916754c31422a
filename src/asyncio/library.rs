//! The parts of asyncio that are written in the language, and the names of the submodules.

use super::{PRIVATE, state};
use crate::builtins::add_functions;
use crate::builtins::prelude::*;

/// A source of the library: the submodule it belongs to, its text, and the names it defines.
struct Part {
    module: &'static str,
    text: &'static str,
    names: &'static [&'static str],
}

macro_rules! part {
    ($module:literal, $file:literal, $($name:literal)*) => {
        Part { module: $module, text: include_str!(concat!("../stdlib/asyncio_", $file, ".aio")), names: &[$($name),*] }
    };
}

const PARTS: &[Part] = &[
    part!("asyncio.runners", "runners", "run" "Runner" "_cancel_all_tasks" "run_until_complete" "_complete_foreign" "shutdown_asyncgens"),
    part!(
        "asyncio.tasks", "waiting",
        "wait" "wait_for" "as_completed" "create_eager_task_factory" "eager_task_factory"
        "_release_waiter" "_raise_holding" "_cancel_and_wait" "_AsCompletedIterator"
    ),
    part!("asyncio.timeouts", "timeouts", "Timeout" "timeout" "timeout_at"),
    part!("asyncio.locks", "locks", "Condition" "Barrier" "_enter" "_exit"),
    part!(
        "asyncio.threads", "threads",
        "to_thread" "run_in_executor" "set_default_executor" "shutdown_default_executor" "wrap_future"
        "run_coroutine_threadsafe"
    ),
    part!(
        "asyncio.streams", "streams",
        "StreamReader" "StreamWriter" "StreamReaderProtocol" "FlowControlMixin" "_DEFAULT_LIMIT"
        "open_connection" "start_server" "open_unix_connection" "start_unix_server"
    ),
    part!(
        "asyncio.selector_events", "selector",
        "TransportSocket" "_SelectorSocketTransport" "_SelectorDatagramTransport" "_UnixReadPipeTransport"
        "_UnixWritePipeTransport" "_transports"
    ),
    part!(
        "asyncio.subprocess", "subprocess",
        "create_subprocess_exec" "create_subprocess_shell" "subprocess_exec" "subprocess_shell" "Process"
        "SubprocessStreamProtocol" "BaseSubprocessTransport" "WriteSubprocessPipeProto" "_UnixSubprocessTransport" "PIPE" "STDOUT" "DEVNULL"
    ),
    part!(
        "asyncio.base_events", "network",
        "Server" "AbstractServer" "add_reader" "add_writer" "remove_reader" "remove_writer" "_add_reader" "_add_writer"
        "_remove_reader" "_remove_writer" "sock_recv" "sock_recv_into" "sock_recvfrom" "sock_recvfrom_into"
        "sock_sendall" "sock_sendfile" "sock_sendto" "sock_connect" "sock_accept" "getaddrinfo" "getnameinfo" "create_connection"
        "create_server" "create_unix_connection" "create_unix_server" "connect_accepted_socket"
        "create_datagram_endpoint" "connect_read_pipe" "connect_write_pipe"
    ),
    part!(
        "asyncio.protocols", "protocols",
        "BaseProtocol" "Protocol" "BufferedProtocol" "DatagramProtocol" "SubprocessProtocol"
        "_feed_data_to_buffered_proto"
    ),
    part!(
        "asyncio.transports", "transports",
        "BaseTransport" "ReadTransport" "WriteTransport" "Transport" "DatagramTransport" "SubprocessTransport"
        "_FlowControlMixin"
    ),
    part!("asyncio.exceptions", "exceptions", "IncompleteReadError" "LimitOverrunError"),
    part!(
        "asyncio.events", "policies",
        "get_event_loop_policy" "set_event_loop_policy" "AbstractEventLoopPolicy" "BaseDefaultEventLoopPolicy"
        "DefaultEventLoopPolicy" "get_child_watcher" "set_child_watcher"
    ),
    part!("asyncio.unix_events", "signals", "add_signal_handler" "remove_signal_handler" "_remove_all"),
    part!(
        "asyncio.unix_events", "watchers",
        "AbstractChildWatcher" "BaseChildWatcher" "SafeChildWatcher" "FastChildWatcher" "PidfdChildWatcher"
        "MultiLoopChildWatcher" "ThreadedChildWatcher"
    ),
    part!(
        "asyncio.graph", "graph",
        "capture_call_graph" "format_call_graph" "print_call_graph" "FrameCallGraphEntry" "FutureCallGraph"
    ),
    part!("asyncio.log", "log", "logger"),
    part!("asyncio.staggered", "staggered", "staggered_race"),
    part!(
        "asyncio.futures", "internals",
        "_PENDING" "_CANCELLED" "_FINISHED" "DEBUG_STACK_DEPTH" "THREAD_JOIN_TIMEOUT" "_is_debug_mode" "_get_loop"
        "_set_result_unless_cancelled" "_convert_future_exc" "_copy_future_state" "extract_stack" "_format_coroutine"
        "_as_function"
    ),
    part!(
        "asyncio.format_helpers", "reports",
        "_get_function_source" "_format_callback_source" "call_exception_handler" "default_exception_handler"
        "_print_stack" "_future_repr" "_handle_repr"
    ),
];

/// What stands before the other names of what is there: CPython has two of each.
const TWICE: &[&str] = &["_py_", "_c_", "_Py", "_C"];

/// Names that no `*` imports, though they do not begin with an underscore.
const HELPERS: &[&str] = &[
    "logger", "staggered_race", "DEBUG_STACK_DEPTH", "THREAD_JOIN_TIMEOUT", "extract_stack", "FlowControlMixin",
    "TransportSocket", "Process", "SubprocessStreamProtocol", "PIPE", "STDOUT", "DEVNULL",
    "BaseDefaultEventLoopPolicy", "BaseSubprocessTransport", "WriteSubprocessPipeProto", "BaseChildWatcher",
];

/// Methods of the loop that are written in the language: no names for scripts.
const LOOP_METHODS: &[&str] = &[
    "run_until_complete", "shutdown_asyncgens", "run_in_executor", "set_default_executor", "shutdown_default_executor",
    "add_signal_handler", "remove_signal_handler", "call_exception_handler", "default_exception_handler", "add_reader",
    "add_writer", "remove_reader", "remove_writer", "sock_recv", "sock_recv_into", "sock_recvfrom",
    "sock_recvfrom_into", "sock_sendall", "sock_sendfile", "sock_sendto", "sock_connect", "sock_accept", "getaddrinfo",
    "getnameinfo", "create_connection", "create_server", "create_unix_connection", "create_unix_server",
    "connect_accepted_socket", "create_datagram_endpoint", "connect_read_pipe", "connect_write_pipe",
    "subprocess_exec", "subprocess_shell",
];

/// The submodules and what they share with `asyncio`.
const SUBMODULES: &[(&str, &[&str])] = &[
    (
        "_asyncio",
        &[
            "Future", "Task", "current_task", "get_event_loop", "get_running_loop", "_enter_task", "_leave_task",
            "_get_running_loop", "_set_running_loop", "_register_task", "_unregister_task",
        ],
    ),
    ("base_events", &["BaseEventLoop", "Server", "logger"]),
    ("base_futures", &["isfuture", "_PENDING", "_CANCELLED", "_FINISHED"]),
    ("base_subprocess", &["BaseSubprocessTransport", "WriteSubprocessPipeProto"]),
    ("base_tasks", &[]),
    ("constants", &["DEBUG_STACK_DEPTH", "THREAD_JOIN_TIMEOUT"]),
    ("coroutines", &["iscoroutine", "iscoroutinefunction", "_is_debug_mode", "_format_coroutine"]),
    (
        "events",
        &[
            "AbstractEventLoop", "AbstractEventLoopPolicy", "AbstractServer", "BaseDefaultEventLoopPolicy", "Handle",
            "TimerHandle", "get_event_loop", "get_event_loop_policy", "get_child_watcher", "set_child_watcher",
            "get_running_loop", "new_event_loop", "set_event_loop", "set_event_loop_policy", "_get_running_loop",
            "_set_running_loop",
        ],
    ),
    (
        "exceptions",
        &[
            "BrokenBarrierError", "CancelledError", "IncompleteReadError", "InvalidStateError", "LimitOverrunError",
            "SendfileNotAvailableError", "TimeoutError",
        ],
    ),
    ("format_helpers", &["_format_callback_source", "_get_function_source", "extract_stack"]),
    (
        "futures",
        &[
            "Future", "isfuture", "wrap_future", "_PENDING", "_CANCELLED", "_FINISHED", "_get_loop",
            "_set_result_unless_cancelled", "_convert_future_exc", "_copy_future_state",
        ],
    ),
    (
        "graph",
        &["capture_call_graph", "format_call_graph", "print_call_graph", "FrameCallGraphEntry", "FutureCallGraph"],
    ),
    ("locks", &["Barrier", "BoundedSemaphore", "Condition", "Event", "Lock", "Semaphore", "_ContextManagerMixin"]),
    ("log", &["logger"]),
    ("mixins", &["_LoopBoundMixin"]),
    (
        "protocols",
        &[
            "BaseProtocol", "Protocol", "BufferedProtocol", "DatagramProtocol", "SubprocessProtocol",
            "_feed_data_to_buffered_proto",
        ],
    ),
    ("queues", &["LifoQueue", "PriorityQueue", "Queue", "QueueEmpty", "QueueFull", "QueueShutDown"]),
    ("runners", &["Runner", "run", "_cancel_all_tasks"]),
    ("selector_events", &["_SelectorSocketTransport", "_SelectorDatagramTransport"]),
    ("staggered", &["staggered_race"]),
    (
        "streams",
        &[
            "StreamReader", "StreamWriter", "StreamReaderProtocol", "FlowControlMixin", "_DEFAULT_LIMIT",
            "open_connection", "start_server", "open_unix_connection", "start_unix_server",
        ],
    ),
    (
        "subprocess",
        &[
            "create_subprocess_exec", "create_subprocess_shell", "Process", "SubprocessStreamProtocol", "PIPE",
            "STDOUT", "DEVNULL",
        ],
    ),
    ("taskgroups", &["TaskGroup"]),
    (
        "tasks",
        &[
            "ALL_COMPLETED", "FIRST_COMPLETED", "FIRST_EXCEPTION", "Task", "all_tasks", "as_completed",
            "create_eager_task_factory", "create_task", "current_task", "eager_task_factory", "ensure_future",
            "gather", "run_coroutine_threadsafe", "shield", "sleep", "wait", "wait_for", "_enter_task", "_leave_task",
            "_register_task", "_unregister_task", "_release_waiter", "_cancel_and_wait", "_AsCompletedIterator",
        ],
    ),
    ("threads", &["to_thread"]),
    ("timeouts", &["Timeout", "timeout", "timeout_at"]),
    (
        "transports",
        &[
            "BaseTransport", "ReadTransport", "WriteTransport", "Transport", "DatagramTransport",
            "SubprocessTransport", "_FlowControlMixin",
        ],
    ),
    ("trsock", &["TransportSocket"]),
    (
        "unix_events",
        &[
            "DefaultEventLoopPolicy", "SelectorEventLoop", "_UnixReadPipeTransport", "_UnixWritePipeTransport",
            "AbstractChildWatcher", "BaseChildWatcher", "SafeChildWatcher", "FastChildWatcher", "PidfdChildWatcher",
            "MultiLoopChildWatcher", "ThreadedChildWatcher",
        ],
    ),
];

/// Whether there is a module of that name here.
pub fn exists(name: &str) -> bool {
    name == "asyncio" || submodule(name).is_some()
}

/// A submodule's short name and the names in it; `_asyncio`, where CPython has the compiled ones, stands beside `asyncio`.
fn submodule(name: &str) -> Option<&'static (&'static str, &'static [&'static str])> {
    let short = if name == "_asyncio" { name } else { name.strip_prefix("asyncio.")? };
    SUBMODULES.iter().find(|(known, _)| *known == short && (short == name) == (short == "_asyncio"))
}

/// Loads `asyncio` or one of its submodules by full name; `None` if there is none of that name.
pub fn load(vm: &mut Vm, name: &str) -> Result<Option<Rc<Module>>> {
    if name == "asyncio" {
        return super::module(vm).map(Some);
    }
    let Some((short, _)) = submodule(name) else { return Ok(None) };
    let module = vm.new_module(name, Some(submodule_name));
    if *short == "coroutines" {
        // What marks a function as a coroutine function, whatever it is; an object of its own.
        let marker = Instance::create(&vm.types.object, Payload::NONE);
        module.dict.set_str(&vm.intern("_is_coroutine"), marker);
    }
    let state = state(vm);
    let mut classes = state.classes.all();
    classes.retain(|(module, class, _)| *module == name && !super::state::NAMELESS.contains(class));
    for (_, class_name, class) in classes {
        module.dict.set_str(&vm.intern(class_name), Value::Class(class.clone()));
    }
    Ok(Some(module))
}

/// The names of `asyncio` that scripts import with `*`, sorted.
pub fn public_names(dict: &Dict) -> Vec<Rc<Str>> {
    let own = dict.keys().into_iter().filter_map(|key| key.as_str().map(|name| name.as_str().to_owned()));
    let lazy = PARTS.iter().flat_map(|part| part.names).map(|name| (*name).to_owned());
    let mut names: Vec<String> = own.chain(lazy).filter(|name| !is_internal(name)).collect();
    names.sort();
    names.into_iter().map(|name| Rc::new(Str::new(name))).collect()
}

/// Whether a name is for the library itself.
fn is_internal(name: &str) -> bool {
    name.starts_with('_') || LOOP_METHODS.contains(&name) || HELPERS.contains(&name)
}

/// A name of `asyncio` that is not there yet: loads the part that defines it, or a submodule.
pub fn lazy(vm: &mut Vm, asyncio: &Rc<Module>, name: &Rc<Str>) -> Result<Option<Value>> {
    let library = state(vm).library.clone();
    if let Some(known) = library.get_str(name) {
        return Ok(Some(known));
    }
    if let Some(part) = PARTS.iter().find(|part| part.names.contains(&name.as_str())) {
        let globals = namespace(vm, part.module);
        vm.load_library(part.module, part.text, &globals)?;
        for name in part.names {
            let dict = if is_internal(name) { &library } else { &asyncio.dict };
            let name = vm.intern(name);
            if let Some(value) = globals.get_str(&name) {
                dict.set_str(&name, value);
            }
        }
        return Ok(globals.get_str(&vm.intern_str(name)));
    }
    if name.as_str() == "__submodules__" {
        // For `dir()`: they are there once they are asked for.
        let names = SUBMODULES.iter().filter(|(short, _)| !short.starts_with('_'));
        return Ok(Some(Value::list(names.map(|(short, _)| Value::str(short)).collect())));
    }
    let full = format!("asyncio.{name}");
    if submodule(&full).is_some() { vm.import_module(&full).map(Some) } else { Ok(None) }
}

fn namespace(vm: &mut Vm, module: &str) -> Rc<Dict> {
    let globals = Rc::new(Dict::new());
    globals.set_str(&vm.intern("__name__"), Value::str(module));
    add_functions(vm, module, &globals, PRIVATE);
    globals
}

/// A name of a submodule: shared with `asyncio`.
fn submodule_name(vm: &mut Vm, module: &Rc<Module>, name: &Rc<Str>) -> Result<Option<Value>> {
    let full = module.name.borrow().clone();
    let shared = submodule(&full).map_or(&[][..], |(_, names)| names);
    let plain = TWICE.iter().find_map(|prefix| name.strip_prefix(prefix));
    let is_same = |known: &&&str| {
        **known == name.as_str()
            || plain.is_some_and(|plain| **known == plain || known.strip_prefix('_') == Some(plain))
    };
    let found = match shared.iter().find(is_same) {
        Some(known) => vm.from_page("asyncio", known)?,
        None if name.as_str() == "__all__" => {
            let public = shared.iter().filter(|name| !name.starts_with('_') && !HELPERS.contains(name));
            Value::tuple(public.map(|name| Value::str(name)).collect::<Vec<_>>())
        }
        None => return Ok(None),
    };
    module.dict.set_str(&vm.intern_str(name), found.clone());
    Ok(Some(found))
}
