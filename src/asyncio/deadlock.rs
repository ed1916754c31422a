//! The report about a loop that can never go on: nothing is ready, no timer is set, and nobody outside can wake anyone.
//!
//! CPython waits for ever. Here each task is named with the place it stands at, what it waits for, and who has that.

use std::rc::Rc;

use super::event_loop::EventLoop;
use super::explain::standing;
use super::future::{self, Part};
use super::shield::shielded;
use super::{locks, queues, task};
use crate::diagnostic::{Diagnostic, Finder, Label, Place, Severity};
use crate::machine::Vm;
use crate::machine::coroutine::awaiting;
use crate::object::class::Instance;
use crate::object::coroutine::{Body, Coroutine};
use crate::object::{Error, Value};
use crate::report::{self, ErrorFormat};
use crate::symbol::sym;

/// So many tasks are named, the rest are counted.
const SHOWN: usize = 12;

/// Coroutine functions of the library that wait for their object.
const WAITING_METHODS: [&str; 4] = ["Barrier.wait", "Condition.wait", "Condition.wait_for", "_wait"];

/// Reports a deadlock; the error leaves the loop.
#[cold]
pub fn report(vm: &mut Vm, el: &EventLoop, this: &Value) -> Error {
    let waiting: Vec<Rc<Instance>> = el
        .state
        .pending_tasks()
        .into_iter()
        .filter(|task| task.data::<future::Future>().is_some_and(|data| data.event_loop.borrow().is(this)))
        .collect();
    let message = if waiting.is_empty() {
        "nothing is left that could happen".to_owned()
    } else {
        "all tasks are waiting".to_owned()
    };
    let entries: Vec<Entry> = waiting.iter().take(SHOWN).map(|task| entry(vm, task)).collect();
    let left_out = waiting.len().saturating_sub(SHOWN);
    let style = vm.host.style;
    let text = match style.format {
        ErrorFormat::Python => plain(&message, &entries, left_out),
        ErrorFormat::Pretty | ErrorFormat::Json => {
            let diagnostic = drawn(message, &entries, left_out);
            report::diagnostic(&diagnostic, &style)
        }
    };
    vm.write_err(&text);
    el.state.deadlocked.set(true);
    let class = el.state.deadlock_class(vm);
    vm.error(&class, "all tasks are waiting for something that will never happen")
}

/// A task that waits.
struct Entry {
    name: String,
    place: Option<Place>,
    /// What it waits for.
    what: String,
}

/// Each place is marked with the tasks that stand there; what they wait for is said below.
fn drawn(message: String, entries: &[Entry], left_out: usize) -> Diagnostic {
    let mut labels: Vec<Label> = Vec::new();
    for Entry { name, place, .. } in entries {
        let Some(place) = place else { continue };
        let same = |label: &&mut Label| {
            Rc::ptr_eq(&label.place.source, &place.source) && label.place.span.start == place.span.start
        };
        match labels.iter_mut().find(same) {
            Some(label) => label.text = format!("{}, {name}", label.text),
            None => labels.push(Label { place: place.clone(), text: name.clone() }),
        }
    }
    let mut notes: Vec<String> =
        entries.iter().map(|entry| format!("{} waits for {}", entry.name, entry.what)).collect();
    if left_out > 0 {
        notes.push(format!("{left_out} more tasks wait as well"));
    }
    Diagnostic {
        severity: Severity::Error,
        code: "Deadlock".to_owned(),
        message,
        place: entries.iter().find_map(|entry| entry.place.clone()),
        labels,
        notes,
        helps: Vec::new(),
        finder: Finder::Parser,
    }
}

fn plain(message: &str, entries: &[Entry], left_out: usize) -> String {
    let mut text = format!("deadlock: {message}\n");
    for Entry { name, place, what } in entries {
        match place {
            Some(place) => {
                let number = place.source.line(place.span.start);
                let code = place.source.line_text(number).unwrap_or_default().trim();
                text.push_str(&format!("  File \"{}\", line {number}, {name} waits for {what}\n", place.source.name));
                text.push_str(&format!("    {code}\n"));
            }
            None => text.push_str(&format!("  {name} waits for {what}\n")),
        }
    }
    if left_out > 0 {
        text.push_str(&format!("  {left_out} more tasks wait as well\n"));
    }
    text
}

fn task_name(task: &Instance) -> String {
    let name = task.data::<future::Future>().and_then(future::Future::task).map(task::Task::name);
    format!("task '{}'", name.as_ref().and_then(Value::as_str).map_or("?", |name| name.as_str()))
}

/// Where a task stands, and in words what it waits for.
fn entry(vm: &mut Vm, task: &Rc<Instance>) -> Entry {
    let name = task_name(task);
    let Some(part) = future::data(task).task() else { return Entry { name, place: None, what: String::new() } };
    let coro = part.coro.borrow().clone();
    let waiter = part.waiter.borrow().clone();
    let (place, subject) = match &coro {
        Value::Coroutine(coroutine) => (standing(coroutine), subject(coroutine)),
        _ => (None, Value::None),
    };
    let subject = if subject.is_none() { waiter } else { subject };
    let what = match locks::holder(&subject) {
        Some(holder) if Rc::ptr_eq(&holder, task) => "a lock that it has taken itself".to_owned(),
        _ => describe(vm, &subject),
    };
    Entry { name, place, what }
}

/// The futures and tasks that a task waits for, itself or with others: for the call graph.
pub fn awaited(vm: &mut Vm, task: &Rc<Instance>) -> Vec<Value> {
    let Some(part) = future::data(task).task() else { return Vec::new() };
    let coro = part.coro.borrow().clone();
    let subject = match &coro {
        Value::Coroutine(coroutine) => subject(coroutine),
        _ => Value::None,
    };
    let waiter = part.waiter.borrow().clone();
    let mut found: Vec<Value> = Vec::new();
    for value in [&subject, &waiter] {
        match value {
            Value::Set(set) => found.extend(set.values()),
            Value::Instance(instance) => {
                if let Some(Part::Gathering(gathering)) = instance.data::<future::Future>().map(|data| &data.part) {
                    found.extend(gathering.children.iter().cloned());
                }
                found.push(value.clone());
            }
            _ => {}
        }
    }
    // Those of its groups, whether it waits for them already or not.
    let state = super::state(vm);
    let belongs = |other: &Rc<Instance>| {
        let part = other.data::<future::Future>().and_then(future::Future::task);
        part.and_then(|part| part.group_parent.borrow().upgrade()).is_some_and(|parent| Rc::ptr_eq(&parent, task))
    };
    found.extend(state.pending_tasks().into_iter().filter(belongs).map(Value::Instance));
    found
}

/// The object on which the innermost awaits depend: a lock, a queue, a future.
fn subject(coroutine: &Rc<Coroutine>) -> Value {
    let mut at = coroutine.clone();
    loop {
        let method = at.qualname();
        let object = at.look(|body| match body {
            Body::Native(native) => Some(native.waits_on()).filter(|object| !object.is_none()),
            Body::Frame(frame) if frame.function.code.source.library && WAITING_METHODS.contains(&method.as_str()) => {
                // A captured variable lives in a cell.
                match frame.locals.first() {
                    Some(Value::Cell(cell)) => Some(cell.get()),
                    other => other.cloned(),
                }
            }
            Body::Frame(_) | Body::Empty => None,
        });
        if let Some(object) = object {
            return object;
        }
        match awaiting(&at) {
            Value::Coroutine(next) => at = next,
            Value::Awaiter(awaiter) => at = awaiter.target.clone(),
            other => return other,
        }
    }
}

/// The first few of the tasks that are not done.
fn pending_names(tasks: &[Value]) -> String {
    let pending = tasks.iter().filter(|task| future::of(task).is_some_and(|task| !task.is_done()));
    let names = pending.filter_map(|task| match task {
        Value::Instance(task) => Some(task_name(task)),
        _ => None,
    });
    names.take(3).collect::<Vec<_>>().join(", ")
}

fn describe(vm: &mut Vm, subject: &Value) -> String {
    if let Some(text) = locks::described(subject).or_else(|| queues::described(subject)) {
        return text;
    }
    if let Value::Instance(instance) = subject {
        if let Some(data) = instance.data::<future::Future>() {
            return match &data.part {
                Part::Task(_) => task_name(instance),
                Part::Gathering(gathering) => {
                    format!("the rest of a gather: {}", pending_names(&gathering.children))
                }
                Part::Plain => match shielded(data) {
                    Some(inner) => format!("{} behind a shield", describe(vm, &inner)),
                    None => "a future that nobody completes".to_owned(),
                },
            };
        }
    }
    if let Value::Set(set) = subject {
        return pending_names(&set.values());
    }
    let number = |vm: &mut Vm, name: &str| {
        let name = vm.intern(name);
        vm.get_attr_opt(subject, &name).ok().flatten().and_then(|value| value.as_int()).unwrap_or(0)
    };
    match vm.class_name(subject).as_str() {
        "Barrier" => {
            let (here, all) = (number(vm, "n_waiting"), number(vm, "parties"));
            format!("a barrier: {here} of {all} have come")
        }
        "TaskGroup" => "the tasks of its group".to_owned(),
        "Condition" => "a condition that nobody notifies".to_owned(),
        "NoneType" => "something unknown".to_owned(),
        _ => vm.call_special(subject, sym::__repr__, &[]).ok().flatten().map_or_else(
            || "an object".to_owned(),
            |shown| shown.as_str().map_or("an object", |shown| shown.as_str()).to_owned(),
        ),
    }
}
