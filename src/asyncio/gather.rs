//! `gather`: one future for the results of many.

use std::cell::OnceCell;
use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::future::{self, Future, NativeCallback, Part};
use super::state::state;
use super::{asked, policy, task};
use crate::builtins::prelude::*;
use crate::machine::views;
use crate::object::coroutine::Kind;

/// What the future of a `gather` has beyond a future.
pub struct Gathering {
    /// None yet as long as one of them may be refused.
    children: OnceCell<Vec<Value>>,
    /// Different children, and how many of them are done.
    count: Cell<usize>,
    finished: Cell<usize>,
    return_exceptions: bool,
    cancel_requested: Cell<bool>,
}

impl Gathering {
    /// All that were given, in order.
    pub fn children(&self) -> &[Value] {
        self.children.get().map_or(&[], Vec::as_slice)
    }
}

impl Drop for Gathering {
    fn drop(&mut self) {
        if let Some(children) = self.children.get_mut() {
            gc::release(children);
        }
    }
}

pub const METHODS: &[Row] = &[method("def cancel(msg=None)", |vm, args| {
    let future = future::this(vm, args)?;
    match &future.part {
        Part::Gathering(gathering) => cancel(vm, future, gathering, args[1].clone()).map(Value::bool),
        _ => Ok(Value::bool(false)),
    }
})];

static CHILD_DONE: NativeCallback = NativeCallback {
    module: "asyncio.tasks",
    qualname: "gather.<locals>._done_callback",
    call: child_done,
    row: method("_done_callback(future)", |vm, args| future::called(vm, args, child_done)),
};

const STAR: &str = "`gather` takes what it waits for one by one: put a star in front, `gather(*...)`";

/// `gather(*coros_or_futures, return_exceptions=False)`.
pub fn gather(vm: &mut Vm, args: &[Value]) -> Result {
    gathered(vm, args).or_else(|error| {
        let error = Value::list(vec![error.value()]);
        vm.call_page("asyncio", "_raise_holding", &[error, args[0].clone()])
    })
}

fn gathered(vm: &mut Vm, args: &[Value]) -> Result {
    let given = args[0].as_tuple().map_or(&[][..], |tuple| tuple);
    let return_exceptions = vm.truth(&args[1])?;
    let state = state(vm);
    if given.is_empty() {
        let event_loop = policy::get_event_loop(vm)?;
        let outer = future::create(vm, &state, &event_loop)?;
        future::fulfil(vm, &outer, Value::list(Vec::new()))?;
        return Ok(Value::Instance(outer));
    }
    let gathering = Gathering {
        children: OnceCell::new(),
        count: Cell::new(0),
        finished: Cell::new(0),
        return_exceptions,
        cancel_requested: Cell::new(false),
    };
    let data = Future::new(Value::None, Part::Gathering(Box::new(gathering)));
    let outer = Rc::new(Instance::new(state.classes.gathering.clone(), Payload::native(data)));
    let data = future::data(&outer);
    let Part::Gathering(gathering) = &data.part else { return Ok(Value::None) };
    let outer_value = Value::Instance(outer.clone());
    let mut children = Children { event_loop: Value::None, ..Children::default() };
    children.list.reserve(given.len());
    for arg in given {
        children.add(vm, arg, &outer_value)?;
    }
    let Children { known, equal, list, done, event_loop } = children;
    gathering.count.set(known.len() + equal.len());
    data.event_loop.replace(event_loop.clone());
    future::note_source(vm, data, &event_loop);
    // The first time it is set.
    let _ = gathering.children.set(list);
    // Pending children lead back to what waits for them.
    gc::register(&outer);
    for child in &done {
        child_done(vm, &outer_value, child)?;
    }
    Ok(outer_value)
}

/// Whether it is `dict.values()`, and something in it could be waited for.
fn are_awaitables(value: &Value) -> bool {
    let items = views::values_of(value).map_or_else(Vec::new, |dict| dict.values());
    items.iter().any(|item| matches!(item, Value::Coroutine(_)) || item.data::<future::Future>().is_some())
}

/// What is gathered; the same awaitable given twice is run once.
#[derive(Default)]
struct Children {
    known: HashMap<usize, u32, FixedState>,
    equal: Rc<Dict>,
    list: Vec<Value>,
    /// Those that need not be waited for.
    done: Vec<Value>,
    event_loop: Value,
}

impl Children {
    fn add(&mut self, vm: &mut Vm, arg: &Value, outer: &Value) -> Result<()> {
        let identity = arg.address().filter(|_| goes_by_identity(arg));
        let before = match identity {
            Some(address) => self.known.get(&address).map(|&at| self.list[at as usize].clone()),
            None => vm.dict_get(&self.equal, arg).inspect_err(|error| {
                if matches!(arg, Value::List(_) | Value::Set(_)) {
                    vm.advise(error, STAR);
                }
            })?,
        };
        if let Some(child) = before {
            self.list.push(child);
            return Ok(());
        }
        let child =
            vm.below(1, |vm| super::shield::ensure_future_in(vm, arg, &self.event_loop)).inspect_err(|error| {
                if matches!(arg, Value::Coroutine(generator) if generator.kind == Kind::Generator)
                    || are_awaitables(arg)
                {
                    vm.advise(error, STAR);
                }
            })?;
        if self.event_loop.is_none() {
            self.event_loop = task::loop_of(vm, &child)?;
        }
        if !child.is(arg) {
            if let Some(task) = task::of(&child) {
                task.log_destroy_pending.set(false);
            }
        }
        match identity {
            Some(address) => drop(self.known.insert(address, self.list.len() as u32)),
            None => vm.dict_set(&self.equal, arg.clone(), child.clone())?,
        }
        if asked::is_done(vm, &child)? {
            self.done.push(child.clone());
        } else {
            asked::notify(vm, &child, &CHILD_DONE, outer)?;
        }
        self.list.push(child);
        Ok(())
    }
}

/// Whether nothing but the object itself can be equal to it.
fn goes_by_identity(value: &Value) -> bool {
    match value {
        Value::Coroutine(_) => true,
        Value::Instance(instance) => instance.class().builtin && instance.data::<Future>().is_some(),
        _ => false,
    }
}

fn child_done(vm: &mut Vm, outer: &Value, child: &Value) -> Result<()> {
    let Value::Instance(outer) = outer else { return Ok(()) };
    let outer_data = future::data(outer);
    let Part::Gathering(gathering) = &outer_data.part else { return Ok(()) };
    gathering.finished.set(gathering.finished.get() + 1);
    if outer_data.is_done() || gathering.children.get().is_none() {
        return asked::note_seen(vm, child);
    }
    if !gathering.return_exceptions {
        if asked::is_cancelled(vm, child)? {
            let error = asked::cancelled_error(vm, child)?;
            return future::set_exception(vm, outer, error.0);
        }
        let exception = asked::exception(vm, child)?;
        if !exception.is_none() {
            return future::set_exception_value(vm, outer, &exception);
        }
    }
    complete(vm, outer, gathering)
}

/// Ends the outer future if every child is done.
fn complete(vm: &mut Vm, outer: &Rc<Instance>, gathering: &Gathering) -> Result<()> {
    if gathering.finished.get() < gathering.count.get() {
        return Ok(());
    }
    let mut results = Vec::with_capacity(gathering.children().len());
    for child in gathering.children() {
        if asked::is_cancelled(vm, child)? {
            let message = match future::of(child) {
                Some(future) => future.cancel_message(),
                None => vm.get_attr(child, "_cancel_message")?,
            };
            let text = if message.is_none() { Value::str("") } else { message };
            results.push(vm.new_error(vm.types.CancelledError.clone(), vec![text]).value());
            continue;
        }
        results.push(match asked::exception(vm, child)? {
            Value::None => asked::result(vm, child)?,
            exception => exception,
        });
    }
    if gathering.cancel_requested.get() {
        // The children were cancelled through the outer future: it is cancelled however they took it.
        let last = gathering.children().last().unwrap_or(&Value::None);
        let error = asked::cancelled_error(vm, last)?;
        return future::set_exception(vm, outer, error.0);
    }
    future::set_result(vm, outer, Value::list(results))
}

/// Cancels the children: whether any of them was pending.
pub fn cancel(vm: &mut Vm, outer: &Future, gathering: &Gathering, message: Value) -> Result<bool> {
    if outer.is_done() {
        return Ok(false);
    }
    let mut any = false;
    for child in gathering.children() {
        // Futures can be gathered in a circle.
        if vm.nested(|vm| future::cancel(vm, child, message.clone()))? {
            any = true;
        }
    }
    if any {
        gathering.cancel_requested.set(true);
    }
    Ok(any)
}
