//! `Queue`, `PriorityQueue` and `LifoQueue`.

use std::collections::VecDeque;

use super::future;
use super::locks::{self, InLine, Turn, Waiters};
use super::state::{Function, state};
use crate::builtins::modules::collections::deque;
use crate::builtins::modules::heapq;
use crate::builtins::modules::support::class_given;
use crate::builtins::prelude::*;
use crate::object::native::Prompt;
use crate::syntax::ast::CmpOp;

pub struct Queue {
    order: Order,
    items: RefCell<VecDeque<Value>>,
    /// The items of a subclass's queue, as a container that its methods can change, and those of every priority queue, a
    /// list as `heapq` wants it; else `Unbound`.
    container: RefCell<Value>,
    maxsize: RefCell<Value>,
    getters: Waiters,
    putters: Waiters,
    unfinished: Cell<usize>,
    /// Those in `join()`.
    joiners: Waiters,
    shut_down: Cell<bool>,
    /// Whether a script's subclass may have its own `_get`, `_put` and so on, or a script sees the items.
    custom: Cell<bool>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Fifo,
    Lifo,
    Priority,
}

impl Native for Queue {
    fn trace(&self, visit: gc::Visit) {
        self.items.borrow().iter().for_each(&mut *visit);
        gc::trace_cell(&self.container, visit);
        [&self.getters, &self.putters, &self.joiners].into_iter().for_each(|waiters| waiters.trace(visit));
    }

    fn clear(&self) {
        drop((self.items.take(), self.container.take()));
        [&self.getters, &self.putters, &self.joiners].into_iter().for_each(Waiters::clear);
    }
}

pub const METHODS: &[Row] = &[
    static_method("__new__(cls, /, *args, **kwargs)", |vm, args| new(vm, args, Order::Fifo)),
    of!("def __init__(maxsize=0)", Value::data::<Queue>, |vm, queue, args| {
        queue.maxsize.replace(args[1].clone());
        if queue.custom.get() {
            vm.call_method(&args[0], "_init", &[args[1].clone()])?;
        }
        Ok(Value::None)
    }),
    method("def qsize()", |vm, args| qsize(vm, &args[0]).map(Value::usize)).says("How many items are in the queue."),
    method("def empty()", |vm, args| is_empty(vm, &args[0]).map(Value::bool)).says("Whether nothing is in the queue."),
    method("def full()", |vm, args| is_full(vm, &args[0]).map(Value::bool))
        .says("Whether the queue has as many items as it may hold."),
    method("async def put(item)", |vm, args| {
        this(vm, &args[0])?;
        let turn = PutTurn { item: args[1].clone() };
        Ok(state(vm).coroutine(vm, Function::QueuePut, InLine::new(&args[0], turn)))
    })
    .says("Puts an item in, waiting for room if the queue is full.")
    .or_at_once(|vm, args| {
        let queue = this(vm, &args[0])?;
        if queue.custom.get() || queue.shut_down.get() || is_full(vm, &args[0])? {
            return Ok(None);
        }
        put_plainly(vm, &args[0], queue, args[1].clone())?;
        Ok(Some(Prompt::Done(Value::None)))
    }),
    method("def put_nowait(item)", |vm, args| put_nowait(vm, &args[0], args[1].clone()).map(Value::from))
        .says("Puts an item in at once; raises QueueFull if there is no room."),
    method("async def get()", |vm, args| {
        this(vm, &args[0])?;
        Ok(state(vm).coroutine(vm, Function::QueueGet, InLine::new(&args[0], GetTurn)))
    })
    .says("Takes the next item out, waiting for one if the queue is empty.")
    .or_at_once(|vm, args| {
        let queue = this(vm, &args[0])?;
        if queue.plain_len().is_none_or(|len| len == 0) {
            return Ok(None);
        }
        get_plainly(vm, queue).map(|item| Some(Prompt::Done(item)))
    }),
    method("def get_nowait()", |vm, args| get_nowait(vm, &args[0]))
        .says("Takes the next item out at once; raises QueueEmpty if there is none."),
    of!("def task_done()", Value::data::<Queue>, |vm, queue, _| {
        match queue.unfinished.get().checked_sub(1) {
            None => return Err(vm.value_error("task_done() called too many times")),
            Some(left) => queue.unfinished.set(left),
        }
        if queue.unfinished.get() == 0 {
            all_finished(vm, queue)?;
        }
        Ok(Value::None)
    })
    .says("Says that the work on an item taken out is over; join() waits for that."),
    method("async def join()", |vm, args| {
        this(vm, &args[0])?;
        Ok(state(vm).coroutine(vm, Function::QueueJoin, InLine::new(&args[0], JoinTurn)))
    })
    .says("Waits until task_done() was called for all that was put in."),
    of!("def shutdown(immediate=False)", Value::data::<Queue>, shutdown).says(
        "Ends the queue: put() raises QueueShutDown, and so does get() once it is empty, or at once if `immediate`.",
    ),
    of!("def _init(maxsize)", Value::data::<Queue>, |vm, queue, _| {
        let container = match queue.order {
            Order::Fifo => deque::make(vm, VecDeque::new())?,
            Order::Lifo | Order::Priority => Value::list(Vec::new()),
        };
        queue.container.replace(container);
        Ok(Value::None)
    }),
    of!("def _get()", Value::data::<Queue>, |vm, queue, _| {
        let container = queue.container.borrow().clone();
        if container.is_unbound() { take(vm, queue) } else { take_from(vm, queue, &container) }
    }),
    of!("def _put(item)", Value::data::<Queue>, |vm, queue, args| {
        let container = queue.container.borrow().clone();
        if container.is_unbound() {
            insert(vm, queue, args[1].clone())?;
        } else {
            insert_into(vm, queue, &container, args[1].clone())?;
        }
        Ok(Value::None)
    }),
    method("def _wakeup_next(waiters)", |vm, args| {
        for waiter in vm.collect(&args[1])? {
            if let Value::Instance(waiter) = &waiter {
                if !future::is_done(waiter) {
                    future::fulfil(vm, waiter, Value::None)?;
                    break;
                }
            }
        }
        Ok(Value::None)
    }),
    method("__repr__()", |vm, args| {
        let class = vm.class_name(&args[0]);
        let details = format(vm, &args[0])?;
        Ok(Value::string(format!("<{class} at {:#x} {details}>", args[0].id())))
    }),
    method("__str__()", |vm, args| {
        let class = vm.class_name(&args[0]);
        let details = format(vm, &args[0])?;
        Ok(Value::string(format!("<{class} {details}>")))
    }),
    method("def _format()", |vm, args| details(vm, &args[0]).map(Value::string)),
    class_method("__class_getitem__(item, /)", super::generic_alias),
    of!("def maxsize()", Value::data::<Queue>, |_, queue, _| Ok(queue.maxsize.borrow().clone()))
        .says("How many items the queue may hold; 0 means any number."),
    getter("_maxsize", |vm, value| Ok(this(vm, value)?.maxsize.borrow().clone())),
    attribute(
        "_queue",
        |vm, value| {
            let queue = this(vm, value)?;
            if let Some(container) = queue.container.borrow().clone().bound() {
                return Ok(container);
            }
            if queue.custom.get() {
                // The `_init` of a subclass keeps its items elsewhere.
                let name = vm.intern("_queue");
                return Err(vm.attribute_error(value, &name));
            }
            // From now on the items are where the script can change them.
            let items = queue.items.take();
            let container = match queue.order {
                Order::Fifo => deque::make(vm, items)?,
                Order::Lifo | Order::Priority => Value::list(items.into()),
            };
            queue.container.replace(container.clone());
            queue.custom.set(true);
            Ok(container)
        },
        |vm, value, container| {
            let old = this(vm, value)?.container.replace(container);
            drop(old);
            Ok(())
        },
    ),
    attribute(
        "_unfinished_tasks",
        |vm, value| Ok(Value::usize(this(vm, value)?.unfinished.get())),
        |vm, value, count| {
            let count = vm.to_i64(&count)?;
            this(vm, value)?.unfinished.set(usize::try_from(count).unwrap_or(0));
            Ok(())
        },
    ),
    getter("_is_shutdown", |vm, value| Ok(Value::bool(this(vm, value)?.shut_down.get()))),
    getter("_getters", |vm, value| this(vm, value)?.getters.show(vm)),
    getter("_putters", |vm, value| this(vm, value)?.putters.show(vm)),
];

pub const PRIORITY_METHODS: &[Row] =
    &[static_method("__new__(cls, /, *args, **kwargs)", |vm, args| new(vm, args, Order::Priority))];

pub const LIFO_METHODS: &[Row] =
    &[static_method("__new__(cls, /, *args, **kwargs)", |vm, args| new(vm, args, Order::Lifo))];

impl Queue {
    fn heap(&self) -> Value {
        self.container.borrow().clone()
    }

    /// How many items there are, if no script has a say in that.
    fn plain_len(&self) -> Option<usize> {
        match &*self.container.borrow() {
            _ if self.custom.get() => None,
            Value::List(heap) if self.order == Order::Priority => Some(heap.len()),
            _ => Some(self.items.borrow().len()),
        }
    }

    /// Whether there is no room, if no script has a say in that.
    fn plainly_full(&self) -> Option<bool> {
        let Value::Int(most) = *self.maxsize.borrow() else { return None };
        self.plain_len().map(|len| most > 0 && len as i64 >= most)
    }
}

fn new(vm: &mut Vm, args: &[Value], order: Order) -> Result {
    let class = class_given(vm, args)?;
    let queue = Queue {
        order,
        items: RefCell::default(),
        container: RefCell::new(match order {
            Order::Priority if class.builtin => Value::list(Vec::new()),
            _ => Value::Unbound,
        }),
        maxsize: RefCell::new(Value::Int(0)),
        getters: Waiters::new(vm),
        putters: Waiters::new(vm),
        unfinished: Cell::new(0),
        joiners: Waiters::new(vm),
        shut_down: Cell::new(false),
        custom: Cell::new(!class.builtin),
    };
    Ok(Instance::native(&class, queue))
}

fn this<'a>(vm: &mut Vm, value: &'a Value) -> Result<&'a Queue> {
    value.data().ok_or_else(|| super::wrong_self(vm, value, "Queue"))
}

/// What somebody who waits for a future waits for, in words, if it is one of a queue's.
pub fn described(value: &Value, future: &Value) -> Option<String> {
    let queue = value.data::<Queue>()?;
    let joins = queue.joiners.all().into_iter().any(|waiter| Value::Instance(waiter).is(future));
    Some(if !joins && queue.getters.any_alive() {
        "an item in a queue, which nobody puts there".to_owned()
    } else if !joins && queue.putters.any_alive() {
        "room in a queue, from which nobody gets".to_owned()
    } else {
        match queue.unfinished.get() {
            1 => "a queue to be worked off: task_done() is missing once".to_owned(),
            n => format!("a queue to be worked off: task_done() is missing {n} times"),
        }
    })
}

fn qsize(vm: &mut Vm, value: &Value) -> Result<usize> {
    if let Some(len) = this(vm, value)?.plain_len() {
        return Ok(len);
    }
    let items = vm.get_attr(value, "_queue")?;
    vm.len(&items)
}

fn is_empty(vm: &mut Vm, value: &Value) -> Result<bool> {
    if let Some(len) = this(vm, value)?.plain_len() {
        return Ok(len == 0);
    }
    let items = vm.get_attr(value, "_queue")?;
    Ok(!vm.truth(&items)?)
}

fn is_full(vm: &mut Vm, value: &Value) -> Result<bool> {
    let queue = this(vm, value)?;
    if let Some(full) = queue.plainly_full() {
        return Ok(full);
    }
    let maxsize = queue.maxsize.borrow().clone();
    match maxsize {
        Value::Int(n) if n <= 0 => Ok(false),
        Value::Int(n) => {
            let size = vm.call_method(value, "qsize", &[])?;
            Ok(!vm.less(&size, &Value::Int(n))?)
        }
        other => {
            let size = Value::usize(qsize(vm, value)?);
            Ok(!vm.compare_truth(CmpOp::LtE, &other, &Value::Int(0))? && vm.compare_truth(CmpOp::GtE, &size, &other)?)
        }
    }
}

/// Asks the object itself, so that a subclass's method counts.
fn asks(vm: &mut Vm, value: &Value, name: &str) -> Result<bool> {
    let method = vm.get_attr(value, name)?;
    let answer = vm.call(&method, &[])?;
    vm.truth(&answer)
}

fn empty(vm: &mut Vm, value: &Value) -> Result<bool> {
    if this(vm, value)?.custom.get() { asks(vm, value, "empty") } else { is_empty(vm, value) }
}

fn full(vm: &mut Vm, value: &Value) -> Result<bool> {
    if this(vm, value)?.custom.get() { asks(vm, value, "full") } else { is_full(vm, value) }
}

#[cold]
fn failure(vm: &mut Vm, class: impl Fn(&super::state::Classes) -> Rc<Class>) -> Error {
    let class = class(&state(vm).classes);
    vm.new_error(&class, Vec::new())
}

fn shut_down_error(vm: &mut Vm) -> Error {
    failure(vm, |classes| classes.queue_shut_down.clone())
}

/// Lets the first of those who wait and were not cancelled go on.
fn wake_next(vm: &mut Vm, waiters: &Waiters) -> Result<()> {
    while let Some(waiter) = waiters.pop() {
        if let Some(waiter) = locks::future(&waiter).filter(|waiter| !future::is_done(waiter)) {
            return future::fulfil(vm, &waiter, Value::None);
        }
    }
    Ok(())
}

fn all_finished(vm: &mut Vm, queue: &Queue) -> Result<()> {
    for waiter in queue.joiners.all() {
        if !future::is_done(&waiter) {
            future::fulfil(vm, &waiter, Value::bool(true))?;
        }
    }
    Ok(())
}

fn put_nowait(vm: &mut Vm, value: &Value, item: Value) -> Result<()> {
    let queue = this(vm, value)?;
    if queue.shut_down.get() {
        return Err(shut_down_error(vm));
    }
    if full(vm, value)? {
        return Err(failure(vm, |classes| classes.queue_full.clone()));
    }
    if !queue.custom.get() {
        return put_plainly(vm, value, queue, item);
    }
    vm.call_method(value, "_put", &[item])?;
    was_put(vm, queue)
}

/// Puts an item in where there is room and no script has a say.
fn put_plainly(vm: &mut Vm, value: &Value, queue: &Queue, item: Value) -> Result<()> {
    gc::stored_into(value, &item);
    insert(vm, queue, item)?;
    was_put(vm, queue)
}

fn was_put(vm: &mut Vm, queue: &Queue) -> Result<()> {
    queue.unfinished.set(queue.unfinished.get() + 1);
    wake_next(vm, &queue.getters)
}

/// Takes an item out where there is one and no script has a say.
fn get_plainly(vm: &mut Vm, queue: &Queue) -> Result {
    let item = take(vm, queue)?;
    wake_next(vm, &queue.putters)?;
    Ok(item)
}

fn get_nowait(vm: &mut Vm, value: &Value) -> Result {
    let queue = this(vm, value)?;
    if empty(vm, value)? {
        return Err(if queue.shut_down.get() {
            shut_down_error(vm)
        } else {
            failure(vm, |classes| classes.queue_empty.clone())
        });
    }
    if !queue.custom.get() {
        return get_plainly(vm, queue);
    }
    let item = vm.call_method(value, "_get", &[])?;
    wake_next(vm, &queue.putters)?;
    Ok(item)
}

/// `_put` on the container of a subclass's queue.
fn insert_into(vm: &mut Vm, queue: &Queue, container: &Value, item: Value) -> Result<()> {
    if queue.order == Order::Priority {
        return heapq::push(vm, container, item);
    }
    vm.call_method(container, sym::append, &[item]).map(drop)
}

/// `_get` on the container of a subclass's queue.
fn take_from(vm: &mut Vm, queue: &Queue, container: &Value) -> Result {
    match queue.order {
        Order::Priority => heapq::pop(vm, container),
        Order::Lifo => vm.call_method(container, sym::pop, &[]),
        Order::Fifo => vm.call_method(container, "popleft", &[]),
    }
}

fn insert(vm: &mut Vm, queue: &Queue, item: Value) -> Result<()> {
    match queue.order {
        Order::Priority => heapq::push(vm, &queue.heap(), item),
        Order::Fifo | Order::Lifo => {
            queue.items.borrow_mut().push_back(item);
            Ok(())
        }
    }
}

fn take(vm: &mut Vm, queue: &Queue) -> Result {
    let taken = match queue.order {
        Order::Fifo => queue.items.borrow_mut().pop_front(),
        Order::Lifo => queue.items.borrow_mut().pop_back(),
        Order::Priority => return heapq::pop(vm, &queue.heap()),
    };
    taken.ok_or_else(|| vm.index_error("pop from an empty deque"))
}

fn shutdown(vm: &mut Vm, queue: &Queue, args: &[Value]) -> Result {
    queue.shut_down.set(true);
    if vm.truth(&args[1])? {
        while !empty(vm, &args[0])? {
            vm.call_method(&args[0], "_get", &[])?;
            if queue.unfinished.get() > 0 {
                queue.unfinished.set(queue.unfinished.get() - 1);
            }
        }
        if queue.unfinished.get() == 0 {
            all_finished(vm, queue)?;
        }
    }
    for waiters in [&queue.getters, &queue.putters] {
        while waiters.count() > 0 {
            wake_next(vm, waiters)?;
        }
    }
    Ok(Value::None)
}

/// What stands in its repr, which a subclass may say.
fn format(vm: &mut Vm, queue: &Value) -> Result<String> {
    if !this(vm, queue)?.custom.get() {
        return details(vm, queue);
    }
    let details = vm.call_method(queue, "_format", &[])?;
    Ok(vm.str(&details)?.as_str().to_owned())
}

fn details(vm: &mut Vm, value: &Value) -> Result<String> {
    let queue = this(vm, value)?;
    let maxsize = queue.maxsize.borrow().clone();
    let mut text = format!("maxsize={}", vm.repr(&maxsize)?);
    let items = match queue.custom.get() {
        true => match vm.get_attr_opt(value, "_queue")? {
            Some(items) if vm.truth(&items)? => vm.collect(&items)?,
            _ => Vec::new(),
        },
        false if queue.order == Order::Priority => vm.collect(&queue.heap())?,
        false => queue.items.borrow().iter().cloned().collect(),
    };
    if !items.is_empty() {
        text.push_str(&format!(" _queue={}", vm.repr(&Value::list(items))?));
    }
    for (name, waiters) in [("_getters", &queue.getters), ("_putters", &queue.putters)] {
        if waiters.count() > 0 {
            text.push_str(&format!(" {name}[{}]", waiters.count()));
        }
    }
    if queue.unfinished.get() > 0 {
        text.push_str(&format!(" tasks={}", queue.unfinished.get()));
    }
    if queue.shut_down.get() {
        text.push_str(" shutdown");
    }
    Ok(text)
}

/// After waiting for a place or an item one looks again; an error leaves the queue in order.
fn woken(
    vm: &mut Vm,
    owner: &Value,
    waiters: &Waiters,
    waiter: &Rc<Instance>,
    how: Result,
    blocked: fn(&mut Vm, &Value) -> Result<bool>,
) -> Result<Option<Value>> {
    let Err(error) = how else { return Ok(None) };
    let mut put_in_order = || -> Result<()> {
        future::cancel_plain(vm, waiter, Value::None)?;
        waiters.remove(waiter);
        let was_woken = future::data(waiter).status.get() != future::Status::Cancelled;
        if was_woken && !blocked(vm, owner)? {
            // Its turn had come: somebody else's now.
            wake_next(vm, waiters)?;
        }
        Ok(())
    };
    if let Err(later) = put_in_order() {
        later.0.set_context(&error.0);
        return Err(later);
    }
    Err(error)
}

/// Refuses to wait at a queue that is shut down.
fn still_open(vm: &mut Vm, owner: &Value) -> Result<Option<Value>> {
    if this(vm, owner)?.shut_down.get() { Err(shut_down_error(vm)) } else { Ok(None) }
}

struct GetTurn;

impl Turn for GetTurn {
    fn at_once(&mut self, vm: &mut Vm, owner: &Value) -> Result<Option<Value>> {
        if empty(vm, owner)? {
            return still_open(vm, owner);
        }
        if this(vm, owner)?.custom.get() {
            return vm.call_method(owner, "get_nowait", &[]).map(Some);
        }
        get_nowait(vm, owner).map(Some)
    }

    fn waiters<'a>(&self, vm: &mut Vm, owner: &'a Value) -> Result<&'a Waiters> {
        Ok(&this(vm, owner)?.getters)
    }

    fn woken(&mut self, vm: &mut Vm, owner: &Value, waiter: &Rc<Instance>, how: Result) -> Result<Option<Value>> {
        let waiters = self.waiters(vm, owner)?;
        woken(vm, owner, waiters, waiter, how, empty)
    }
}

struct PutTurn {
    item: Value,
}

impl Turn for PutTurn {
    fn at_once(&mut self, vm: &mut Vm, owner: &Value) -> Result<Option<Value>> {
        if full(vm, owner)? {
            return still_open(vm, owner);
        }
        let item = self.item.take();
        if this(vm, owner)?.custom.get() {
            return vm.call_method(owner, "put_nowait", &[item]).map(Some);
        }
        put_nowait(vm, owner, item)?;
        Ok(Some(Value::None))
    }

    fn waiters<'a>(&self, vm: &mut Vm, owner: &'a Value) -> Result<&'a Waiters> {
        Ok(&this(vm, owner)?.putters)
    }

    fn woken(&mut self, vm: &mut Vm, owner: &Value, waiter: &Rc<Instance>, how: Result) -> Result<Option<Value>> {
        let waiters = self.waiters(vm, owner)?;
        woken(vm, owner, waiters, waiter, how, full)
    }

    fn trace(&self, visit: gc::Visit) {
        visit(&self.item);
    }
}

struct JoinTurn;

impl Turn for JoinTurn {
    fn inner(&self) -> Option<&'static &'static str> {
        Some(&"Event.wait")
    }

    fn at_once(&mut self, vm: &mut Vm, owner: &Value) -> Result<Option<Value>> {
        Ok((this(vm, owner)?.unfinished.get() == 0).then_some(Value::None))
    }

    fn waiters<'a>(&self, vm: &mut Vm, owner: &'a Value) -> Result<&'a Waiters> {
        Ok(&this(vm, owner)?.joiners)
    }

    fn woken(&mut self, vm: &mut Vm, owner: &Value, waiter: &Rc<Instance>, how: Result) -> Result<Option<Value>> {
        self.waiters(vm, owner)?.remove(waiter);
        how.map(|_| Some(Value::None))
    }
}
