//! What an interpreter knows about its event loops: the running one, the current one, every task, and the classes.

use std::rc::Weak;

use super::contextvars::{self, Current};
use super::{event_loop, future, gather, handles, locks, loop_methods, outside, queues, task, taskgroups};
use crate::builtins::prelude::*;
use crate::object::coroutine::{Coroutine, Kind, NativeCoroutine};

/// Declares the classes: a name here, module and name in scripts, base, layout, and tables of methods.
macro_rules! classes {
    ($vm:ident; $($class:ident: $module:literal $name:literal, $base:expr, $layout:expr, [$($rows:expr),*];)*) => {
        /// The classes written in Rust.
        pub struct Classes {
            $(pub $class: Rc<Class>,)*
        }

        impl Classes {
            fn new($vm: &mut Vm) -> Classes {
                $(
                    let base = $base.clone();
                    let $class = define_class($vm, ($module, $name), &base, $layout, &[$($rows),*]);
                )*
                Classes { $($class),* }
            }

            /// Each with its module and its name.
            pub fn all(&self) -> Vec<(&'static str, &'static str, &Rc<Class>)> {
                vec![$(($module, $name, &self.$class)),*]
            }
        }
    };
}

// What a class and one derived from it both have stands with both: messages name the nearer one.
classes! {
    vm;
    future: "_asyncio" "Future", vm.types.object, Layout::Native(100), [future::METHODS, future::SHARED_METHODS];
    task: "_asyncio" "Task", future, Layout::Native(100), [task::METHODS, future::SHARED_METHODS];
    step: "_asyncio" "TaskStepMethWrapper", vm.types.object, Layout::Final, [task::STEP_METHODS];
    gathering: "asyncio.tasks" "_GatheringFuture", future, Layout::Native(100), [gather::METHODS];
    future_iter: "_asyncio" "FutureIter", vm.types.object, Layout::Native(108), [future::ITER_METHODS];
    abstract_loop: "asyncio.events" "AbstractEventLoop", vm.types.object, Layout::Object,
        [event_loop::ABSTRACT_METHODS, outside::ABSTRACT_METHODS, outside::ABSENT];
    base_loop: "asyncio.base_events" "BaseEventLoop", abstract_loop, Layout::Native(101),
        [loop_methods::METHODS, outside::BASE, outside::ABSENT, loop_methods::CLOSE];
    selector_loop: "asyncio.selector_events" "BaseSelectorEventLoop", base_loop, Layout::Native(101),
        [loop_methods::SELECTOR_METHODS, outside::SELECTOR];
    event_loop: "asyncio.unix_events" "_UnixSelectorEventLoop", selector_loop, Layout::Native(101),
        [loop_methods::SIGNAL_METHODS, outside::UNIX, loop_methods::CLOSE];
    handle: "asyncio.events" "Handle", vm.types.object, Layout::Native(102), [handles::METHODS, handles::SHARED_METHODS];
    timer_handle: "asyncio.events" "TimerHandle", handle, Layout::Native(102),
        [handles::TIMER_METHODS, handles::SHARED_METHODS];
    loop_bound: "asyncio.mixins" "_LoopBoundMixin", vm.types.object, Layout::Object, [locks::LOOP_BOUND_METHODS];
    context_manager: "asyncio.locks" "_ContextManagerMixin", loop_bound, Layout::Object,
        [locks::CONTEXT_MANAGER_METHODS];
    lock: "asyncio.locks" "Lock", context_manager, Layout::Native(103), [locks::LOCK_METHODS];
    event: "asyncio.locks" "Event", loop_bound, Layout::Native(104), [locks::EVENT_METHODS];
    semaphore: "asyncio.locks" "Semaphore", context_manager, Layout::Native(105),
        [locks::SEMAPHORE_METHODS, locks::RELEASE];
    bounded_semaphore: "asyncio.locks" "BoundedSemaphore", semaphore, Layout::Native(105),
        [locks::BOUNDED_METHODS, locks::RELEASE];
    queue: "asyncio.queues" "Queue", loop_bound, Layout::Native(106), [queues::METHODS];
    priority_queue: "asyncio.queues" "PriorityQueue", queue, Layout::Native(106), [queues::PRIORITY_METHODS];
    lifo_queue: "asyncio.queues" "LifoQueue", queue, Layout::Native(106), [queues::LIFO_METHODS];
    task_group: "asyncio.taskgroups" "TaskGroup", vm.types.object, Layout::Native(107), [taskgroups::METHODS];
    invalid_state: "asyncio.exceptions" "InvalidStateError", vm.types.Exception, Layout::Exception, [];
    queue_empty: "asyncio.queues" "QueueEmpty", vm.types.Exception, Layout::Exception, [];
    queue_full: "asyncio.queues" "QueueFull", vm.types.Exception, Layout::Exception, [];
    queue_shut_down: "asyncio.queues" "QueueShutDown", vm.types.Exception, Layout::Exception, [];
    broken_barrier: "asyncio.exceptions" "BrokenBarrierError", vm.types.RuntimeError, Layout::Exception, [];
    sendfile_not_available: "asyncio.exceptions" "SendfileNotAvailableError", vm.types.RuntimeError, Layout::Exception, [];
}

/// Classes that no module has a name for.
pub const NAMELESS: [&str; 2] = ["FutureIter", "TaskStepMethWrapper"];

pub struct State {
    pub classes: Classes,
    /// The loop that is running, or `None`.
    pub running: RefCell<Value>,
    /// The loop of a session: where code typed at a prompt finds no running loop, it means this one. Or `None`.
    pub session: RefCell<Value>,
    /// The policy's loop, or `None`, and whether a script has set it.
    pub current: RefCell<Value>,
    pub current_was_set: Cell<bool>,
    /// A policy object that a script has set, or `None`.
    pub policy: RefCell<Value>,
    /// Tasks in order of creation; ones that are gone or done are swept out now and then.
    tasks: RefCell<Vec<Weak<Instance>>>,
    sweep_at: Cell<usize>,
    /// Tasks that are running for the first time, eagerly, and whether `create_task` made them.
    pub eager: RefCell<Vec<(Rc<Instance>, bool)>>,
    /// Whether `create_task` waits for a factory to make a task.
    pub creating: Cell<bool>,
    /// The current tasks of loops that are not ours.
    pub foreign_current: RefCell<Vec<(Value, Value)>>,
    /// Tasks that were given a number for a name.
    pub numbered: Cell<i64>,
    pub contexts: Rc<Current>,
    /// What pages define for each other and for the methods of loops.
    pub library: Rc<Dict>,
    /// What threads that do not run have of their own.
    pub asides: RefCell<super::threads::Asides>,
    /// A blocking sleep was drawn once.
    pub told_of_blocking: Cell<bool>,
    /// A deadlock was reported.
    pub deadlocked: Cell<bool>,
}

/// The coroutine functions written in Rust.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Function {
    Sleep,
    WrapAwaitable,
    LockAcquire,
    EventWait,
    SemaphoreAcquire,
    Enter,
    Exit,
    QueueGet,
    QueuePut,
    QueueJoin,
    TaskGroupEnter,
    TaskGroupExit,
    ShutdownDefaultExecutor,
}

/// `__qualname__` by [`Function`].
static COROUTINE_NAMES: [&str; 13] = [
    "sleep",
    "ensure_future.<locals>._wrap_awaitable",
    "Lock.acquire",
    "Event.wait",
    "Semaphore.acquire",
    "_ContextManagerMixin.__aenter__",
    "_ContextManagerMixin.__aexit__",
    "Queue.get",
    "Queue.put",
    "Queue.join",
    "TaskGroup.__aenter__",
    "TaskGroup.__aexit__",
    "BaseEventLoop.shutdown_default_executor",
];

#[derive(Default)]
struct AsyncState(Option<Rc<State>>);

/// This interpreter's [`State`], made when first asked for.
#[inline]
pub fn state(vm: &mut Vm) -> Rc<State> {
    if let Some(state) = &vm.extension::<AsyncState>().0 {
        return state.clone();
    }
    make_state(vm)
}

#[cold]
fn make_state(vm: &mut Vm) -> Rc<State> {
    let contexts = contextvars::current(vm);
    let classes = Classes::new(vm);
    vm.set_entry(classes.loop_bound.dict(), "_loop", Value::None);
    let (property, maxsize) = (Value::Class(vm.types.property.clone()), vm.intern("maxsize"));
    if let Some(Ok(property)) = classes.queue.dict().get_str(&maxsize).map(|getter| vm.call(&property, &[getter])) {
        classes.queue.set(&maxsize, property);
    }
    let state = Rc::new(State {
        classes,
        running: RefCell::new(Value::None),
        session: RefCell::new(Value::None),
        current: RefCell::new(Value::None),
        current_was_set: Cell::new(false),
        policy: RefCell::new(Value::None),
        tasks: RefCell::default(),
        sweep_at: Cell::new(64),
        eager: RefCell::default(),
        creating: Cell::new(false),
        foreign_current: RefCell::default(),
        numbered: Cell::new(0),
        library: Rc::default(),
        asides: RefCell::default(),
        told_of_blocking: Cell::new(false),
        contexts,
        deadlocked: Cell::new(false),
    });
    vm.extension::<AsyncState>().0 = Some(state.clone());
    state
}

impl State {
    /// A coroutine whose body is written in Rust.
    pub fn coroutine(&self, vm: &Vm, function: Function, body: impl NativeCoroutine + 'static) -> Value {
        let qualname = &COROUTINE_NAMES[function as usize];
        let coroutine = Coroutine::native(Kind::Coroutine, Box::new(body), qualname);
        vm.note_origin(&coroutine);
        Value::Coroutine(Rc::new(coroutine))
    }

    /// The running loop, or that of the session whose input is running; or `None`.
    pub fn running_loop(&self) -> Value {
        let running = self.running.borrow().clone();
        if running.is_none() { self.session.borrow().clone() } else { running }
    }

    /// Remembers a task.
    pub fn register(&self, task: &Rc<Instance>) {
        let mut tasks = self.tasks.borrow_mut();
        if tasks.len() >= self.sweep_at.get() {
            tasks.retain(|task| task.upgrade().is_some_and(|task| may_be_pending(&task)));
            self.sweep_at.set(tasks.len() * 2 + 64);
        }
        tasks.push(Rc::downgrade(task));
    }

    /// Forgets a task.
    pub fn unregister(&self, task: &Rc<Instance>) {
        self.tasks.borrow_mut().retain(|known| !std::ptr::eq(known.as_ptr(), Rc::as_ptr(task)));
    }

    /// Every task that is not done, in order of creation.
    pub fn pending_tasks(&self) -> Vec<Rc<Instance>> {
        let tasks = self.tasks.borrow();
        let scheduled = tasks.iter().filter_map(Weak::upgrade);
        scheduled.chain(self.eager.borrow().iter().map(|(task, _)| task.clone())).filter(may_be_pending).collect()
    }

    /// The number of the next task without a name of its own.
    pub fn next_number(&self) -> i64 {
        self.numbered.set(self.numbered.get() + 1);
        self.numbered.get()
    }
}

/// Lets go of the loop that was running, so that what is left of it is freed and reported: for the end of the program.
pub fn let_go(vm: &mut Vm) {
    let Some(state) = vm.extension::<AsyncState>().0.clone() else { return };
    vm.unwatch(|_, _| true);
    drop([&state.running, &state.session].map(|held| held.replace(Value::None)));
    vm.run_finalizers(None);
}

/// Lets go of the current loop and the policy, which outlive what a program leaves behind; whether there were any.
pub fn let_go_of_current(vm: &mut Vm) -> bool {
    let Some(state) = vm.extension::<AsyncState>().0.clone() else { return false };
    [&state.current, &state.policy].map(|held| held.replace(Value::None).given().is_some()).contains(&true)
}

/// Not known to be done: of an object that is not ours only its own `done()` knows.
fn may_be_pending(task: &Rc<Instance>) -> bool {
    task.data::<future::Future>().is_none_or(|future| !future.is_done())
}

fn define_class(
    vm: &mut Vm,
    (module, name): (&str, &str),
    base: &Rc<Class>,
    layout: Layout,
    tables: &[&'static [Row]],
) -> Rc<Class> {
    let class = Class::builtin(name, Some(base), layout);
    class.declare(vm.name(sym::__module__), Value::str(module));
    class.patchable.set(module.starts_with("asyncio."));
    class.named_in_full.set(module == "_asyncio");
    if name == "Future" {
        // Subclasses take it over.
        class.awaiting.set(Some(&future::AWAITING));
    }
    // Handles and steps have slots.
    if !matches!(layout, Layout::Native(102 | 108) | Layout::Final) {
        vm.give_dict(&class);
    }
    for rows in tables {
        class.add_methods(rows);
    }
    class
}
