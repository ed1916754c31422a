//! The report about a loop that can never go on: nothing is ready, no timer is set, and nobody outside can wake anyone.
//!
//! CPython waits for ever. Here each task is named with the place it stands at, what it waits for, and who has that.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::event_loop::EventLoop;
use super::explain::{standing, task_in_words};
use super::future::{self, Callback, Part};
use super::shield::shielded;
use super::{locks, queues, task, threads};
use crate::builtins::prelude::*;
use crate::diagnostic::{Diagnostic, Label, Place, Severity};
use crate::machine::links::awaiting;
use crate::machine::threads::Stuck;
use crate::object::coroutine::{Body, Coroutine};
use crate::object::function::Cell;
use crate::report::{self, ErrorFormat};

/// So many tasks are named, the rest are counted.
const SHOWN: usize = 12;

const UNKEPT: &str = "a future that nobody completes";

/// Coroutine functions of the library that wait for their object.
const WAITING_METHODS: [&str; 5] =
    ["Barrier.wait", "Condition.wait", "Condition.wait_for", "_wait", "_AsCompletedIterator._wait_for_one"];

/// A loop, or every thread, can never go on: reports that. The first time an error leaves the loop or the blocking call
/// of the main program; when what is cleaned up then waits for other threads, the error ends one of these after the other.
#[cold]
pub fn found(vm: &mut Vm, event_loop: Option<&Value>) -> Result<()> {
    let state = super::state(vm);
    let class = vm.deadlock_class();
    if state.deadlocked.get() {
        let error = vm.error(&class, "all threads are waiting for something that will never happen");
        if vm.end_stuck_thread(error)? {
            return Ok(());
        }
    }
    let mut loops = threads::running_elsewhere(vm);
    loops.extend(event_loop.cloned());
    let mut waiting = state.pending_tasks();
    waiting.retain(|task| {
        let data = task.data::<future::Future>();
        data.is_some_and(|data| loops.iter().any(|event_loop| data.event_loop.borrow().is(event_loop)))
    });
    let stuck = vm.stuck_threads();
    let who = match (waiting.is_empty(), stuck.is_empty()) {
        (true, false) => "all threads are",
        (false, false) => "all tasks and threads are",
        (false, true) => "all tasks are",
        (true, true) => "the event loop is",
    };
    let message = match waiting.is_empty() && stuck.is_empty() {
        true => "nothing is left that could happen".to_owned(),
        false => format!("{who} waiting"),
    };
    let left_out = (waiting.len() + stuck.len()).saturating_sub(SHOWN);
    let mut entries: Vec<Entry> = waiting.iter().take(SHOWN).map(|task| entry(vm, task)).collect();
    for thread in stuck.iter().take(SHOWN - entries.len()) {
        entries.push(thread_entry(vm, thread)?);
    }
    if let (true, Some((code, span))) = (entries.is_empty(), vm.here()) {
        let completing =
            event_loop.and_then(Value::data::<EventLoop>).is_some_and(|el| !el.completing.borrow().is_unbound());
        let (name, what) = match completing {
            true => ("run_until_complete()", UNKEPT),
            false => ("run_forever()", "something to do: no task is left and no timer is set"),
        };
        let place = Some(Place { source: code.source.clone(), span });
        entries.push(Entry { name: name.to_owned(), place, what: what.to_owned() });
    }
    let style = vm.host.style;
    let text = match style.format {
        ErrorFormat::Python => plain(&message, &entries, left_out),
        ErrorFormat::Pretty | ErrorFormat::Json => {
            let diagnostic = drawn(message, &entries, left_out);
            report::diagnostic(&diagnostic, &style)
        }
    };
    vm.write_report(&text);
    break_circles(vm, &waiting)?;
    state.deadlocked.set(true);
    Err(vm.error(&class, format!("{who} waiting for something that will never happen")))
}

/// Tasks that wait for each other cannot be cancelled: `cancel()` would go round for ever, or, where a group is left, cancel
/// the one that leaves it. One of each circle is cancelled without asking what it waits for, so that all are cleaned up when
/// their loop runs once more.
fn break_circles(vm: &mut Vm, waiting: &[Rc<Instance>]) -> Result<()> {
    let mut groups: HashMap<_, Vec<Value>, FixedState> = HashMap::default();
    for task in waiting {
        if let Some(parent) = group_parent(task) {
            groups.entry(Rc::as_ptr(&parent)).or_default().push(Value::Instance(task.clone()));
        }
    }
    let cancelled_with = |task: &Rc<Instance>| {
        let mut others = cancelled_with(task);
        others.extend(groups.get(&Rc::as_ptr(task)).into_iter().flatten().cloned());
        others
    };
    // Whether what was seen is on the way to where the search is.
    let mut seen = HashMap::with_hasher(FixedState::default());
    for task in waiting {
        if seen.contains_key(&Rc::as_ptr(task)) {
            continue;
        }
        seen.insert(Rc::as_ptr(task), true);
        let mut way = vec![(task.clone(), cancelled_with(task))];
        while let Some((last, next)) = way.last_mut() {
            let Some(next) = next.pop() else {
                seen.insert(Rc::as_ptr(last), false);
                way.pop();
                continue;
            };
            let Value::Instance(next) = next else { continue };
            match seen.get(&Rc::as_ptr(&next)) {
                None => {
                    seen.insert(Rc::as_ptr(&next), true);
                    let more = cancelled_with(&next);
                    way.push((next, more));
                }
                Some(true) => {
                    // A circle: the last task in it waits, if over a gather, for one on the way.
                    let cut = way.iter().rev().map(|(member, _)| member).find(|member| is_task(member));
                    if let Some(cut) = cut.cloned() {
                        task::cut_loose(vm, &cut)?;
                    }
                }
                Some(false) => {}
            }
        }
    }
    Ok(())
}

fn is_task(instance: &Instance) -> bool {
    instance.data::<future::Future>().is_some_and(|future| future.task().is_some())
}

/// The futures that a future's `cancel()` cancels first.
fn cancelled_with(instance: &Rc<Instance>) -> Vec<Value> {
    let Some(future) = instance.data::<future::Future>().filter(|future| !future.is_done()) else { return Vec::new() };
    match &future.part {
        Part::Plain => Vec::new(),
        Part::Task(task) => vec![task.waiter.borrow().clone()],
        Part::Gathering(gathering) => gathering.children().to_vec(),
    }
}

/// What a blocked thread waits for.
fn thread_entry(vm: &mut Vm, stuck: &Stuck) -> Result<Entry> {
    let mut name = format!("thread '{}'", threads::name(vm, stuck.id)?);
    if stuck.root.is_none() && stuck.id == vm.threads.current() {
        let running = super::state(vm).running.borrow().clone();
        let task = running.data::<EventLoop>().and_then(|el| el.current_task.borrow().clone());
        if let Some(task) = task {
            name = format!("{}, and with it the event loop,", task_name(&task));
        }
    }
    let place = match (&stuck.root, &stuck.place) {
        (Some(root), _) => standing(root),
        (None, Some((code, span))) => Some(Place { source: code.source.clone(), span: *span }),
        (None, None) => None,
    };
    let what = stuck.what.clone().unwrap_or_default();
    Ok(Entry { name, place, what: in_words(vm, &what, stuck.id)? })
}

/// What a thread waits for, as the object itself says, or in these words.
fn in_words(vm: &mut Vm, what: &Value, id: u64) -> Result<String> {
    let said = match what {
        Value::Str(_) => what.clone(),
        object => vm.call_method(object, "_waited_for", &[Value::Int(id as i64)])?,
    };
    Ok(vm.str(&said)?.to_string())
}

/// A task or a thread that waits.
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
        notes.push(format!("{left_out} more wait as well"));
    }
    let place = entries.iter().find_map(|entry| entry.place.clone());
    Diagnostic { severity: Severity::Error, labels, notes, ..Diagnostic::warning("Deadlock", message, place) }
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
        text.push_str(&format!("  {left_out} more wait as well\n"));
    }
    text
}

fn task_name(task: &Instance) -> String {
    let task = task.data::<future::Future>().and_then(future::Future::task);
    task.map_or_else(|| UNKEPT.to_owned(), task_in_words)
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
    let subject = if subject.is_none() { waiter.clone() } else { subject };
    let what = match locks::holder(&subject) {
        Some(holder) if Rc::ptr_eq(&holder, task) => "a lock that it has taken itself".to_owned(),
        _ => describe(vm, &subject, &waiter),
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
                    found.extend(gathering.children().iter().cloned());
                }
                found.push(value.clone());
            }
            _ => {}
        }
    }
    // Those of its groups, whether it waits for them already or not.
    let state = super::state(vm);
    let belongs = |other: &Rc<Instance>| group_parent(other).is_some_and(|parent| Rc::ptr_eq(&parent, task));
    found.extend(state.pending_tasks().into_iter().filter(belongs).map(Value::Instance));
    found
}

/// The task that waits for this one at the end of a group.
fn group_parent(task: &Instance) -> Option<Rc<Instance>> {
    task.data::<future::Future>()?.task()?.group_parent.borrow().upgrade()
}

/// The object on which the innermost awaits depend: a lock, a queue, a future.
fn subject(coroutine: &Rc<Coroutine>) -> Value {
    let mut at = coroutine.clone();
    loop {
        let method = at.qualname();
        let object = at.look(|body| match body {
            Body::Native(native) => Some(native.waits_on()).filter(|object| !object.is_none()),
            Body::Frame(frame, _)
                if frame.function.code.source.library && WAITING_METHODS.contains(&method.as_str()) =>
            {
                // A captured variable lives in a cell.
                match frame.locals.first() {
                    Some(Value::Cell(cell)) => Some(cell.get()),
                    other => other.cloned(),
                }
            }
            Body::Frame(..) | Body::Empty => None,
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

/// The future of `concurrent.futures` that one of a loop follows: its callback holds it.
fn followed(future: &future::Future) -> Option<Value> {
    let is_thread_future = |cell: &Rc<Cell>| match cell.get() {
        Value::Instance(source) if source.data::<future::Future>().is_none() => {
            let class = source.class().clone();
            (class.name.borrow().as_str() == "Future").then_some(Value::Instance(source))
        }
        _ => None,
    };
    future.callbacks.borrow().as_slice().iter().find_map(|callback| match callback {
        Callback::Script(script) => match &script.0 {
            Value::Function(function) if function.code.source.library => {
                function.closure.iter().find_map(is_thread_future)
            }
            _ => None,
        },
        _ => None,
    })
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

/// What somebody waits for, in words; of a program's own object that is awaited, the future that it waits for.
fn describe(vm: &mut Vm, subject: &Value, future: &Value) -> String {
    if let Some(text) = locks::described(subject).or_else(|| queues::described(subject, future)) {
        return text;
    }
    if let Value::Instance(instance) = subject {
        if let Some(data) = instance.data::<future::Future>() {
            return match &data.part {
                Part::Task(_) => task_name(instance),
                Part::Gathering(gathering) => {
                    format!("the rest of a gather: {}", pending_names(gathering.children()))
                }
                Part::Plain => match (shielded(data), followed(data)) {
                    (Some(inner), _) => format!("{} behind a shield", describe(vm, &inner, &Value::None)),
                    (None, Some(source)) => in_words(vm, &source, 0).unwrap_or_else(|_| "a thread".to_owned()),
                    (None, None) => UNKEPT.to_owned(),
                },
            };
        }
    }
    if let Value::Set(set) = subject {
        return pending_names(&set.values());
    }
    let number = |vm: &mut Vm, name: &str| {
        vm.get_attr_opt(subject, name).ok().flatten().and_then(|value| value.as_int()).unwrap_or(0)
    };
    match vm.class_name(subject).as_str() {
        "Barrier" => {
            let (here, all) = (number(vm, "n_waiting"), number(vm, "parties"));
            format!("a barrier: {here} of {all} have come")
        }
        "TaskGroup" => "the tasks of its group".to_owned(),
        "_AsCompletedIterator" => {
            let left = vm.get_attr_opt(subject, "_todo").ok().flatten();
            let left = left.as_ref().and_then(Value::as_dict).map(|left| left.keys()).unwrap_or_default();
            format!("the next one of as_completed: {}", pending_names(&left))
        }
        "Condition" => "a condition that nobody notifies".to_owned(),
        "NoneType" => "something unknown".to_owned(),
        _ if future.given().is_some() && !future.is(subject) => describe(vm, future, &Value::None),
        _ => vm.call_special(subject, sym::__repr__, &[]).ok().flatten().map_or_else(
            || "an object".to_owned(),
            |shown| shown.as_str().map_or("an object", |shown| shown.as_str()).to_owned(),
        ),
    }
}
