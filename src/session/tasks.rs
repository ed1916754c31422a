//! `:tasks`: what every pending task is doing.

use std::rc::Rc;

use crate::asyncio::event_loop::{self, EventLoop};
use crate::asyncio::explain::duration;
use crate::asyncio::task;
use crate::machine::Vm;
use crate::machine::links::awaiting;
use crate::object::Value;
use crate::object::coroutine::{Coroutine, State};
use crate::object::instance::Instance;

/// The await chain is followed this far.
const CHAIN: usize = 1000;
/// Of a line of a script, so many characters are shown.
const LINE: usize = 48;

/// A task's name as a string literal shows it.
pub(super) fn shown_name(this: &Rc<Instance>) -> String {
    let name = task::of(&Value::Instance(this.clone())).map(task::Task::name).unwrap_or_default();
    format!("'{}'", name.as_str().map(|name| name.as_str().to_owned()).unwrap_or_default())
}

/// Name, state, how long, where, and what each task waits for; a line each.
pub(super) fn table(vm: &mut Vm, of: &Value, tasks: &[Rc<Instance>]) -> String {
    let now = event_loop::time(vm);
    let mut rows = vec![["name", "state", "for", "at", "waits for"].map(str::to_owned)];
    for this in tasks {
        rows.push(row(vm, event_loop::of(of), this, now));
    }
    let widths: [usize; 5] =
        std::array::from_fn(|at| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0));
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

fn row(vm: &mut Vm, el: Option<&EventLoop>, this: &Rc<Instance>, now: f64) -> [String; 5] {
    let value = Value::Instance(this.clone());
    let name = shown_name(this).trim_matches('\'').to_owned();
    let Some(task) = task::of(&value) else {
        return [name, String::new(), String::new(), String::new(), String::new()];
    };
    let waiter = task.waiter.borrow().clone();
    let since = task.since.get();
    let waited = if since > 0.0 { duration(now - since) } else { "-".to_owned() };
    let state = match (task.cancelling.get() > 0 || task.must_cancel.get(), waiter.given().is_some()) {
        (true, _) => "cancelling",
        (false, true) => "waiting",
        (false, false) if since > 0.0 => "ready",
        (false, false) => "not started",
    };
    let coro = task.coro.borrow().clone();
    let place = place(&coro);
    let waits_for = waits_for(vm, el, &coro, &waiter, now);
    [name, state.to_owned(), waited, place, waits_for]
}

/// The coroutines of a task, outermost first.
fn chain(coro: &Value) -> Vec<Rc<Coroutine>> {
    let mut chain = Vec::new();
    let mut next = coro.clone();
    while let Value::Coroutine(coroutine) = &next {
        if chain.len() == CHAIN {
            break;
        }
        chain.push(coroutine.clone());
        next = awaiting(coroutine);
    }
    chain
}

fn is_of_script(coroutine: &Coroutine) -> bool {
    coroutine.code.as_ref().is_some_and(|code| !code.source.library)
}

/// The line of the innermost function of a script.
fn place(coro: &Value) -> String {
    let chain = chain(coro);
    let Some(inner) = chain.iter().rev().find(|coroutine| is_of_script(coroutine)) else {
        return chain.first().map_or_else(String::new, |own| format!("in {}", own.qualname()));
    };
    let Some(code) = &inner.code else { return String::new() };
    let line = match (inner.standing(), inner.state.get()) {
        (Some((_, span)), State::Suspended) => code.source.line(span.start),
        _ => code.first_line(),
    };
    let text = code.source.line_text(line).unwrap_or_default().trim();
    let short: String = text.chars().take(LINE).collect();
    let more = if short.len() < text.len() { "…" } else { "" };
    format!("{}:{line} in {}: {short}{more}", code.source.name, code.name)
}

/// What was called there, or the future itself.
fn waits_for(vm: &mut Vm, el: Option<&EventLoop>, coro: &Value, waiter: &Value, now: f64) -> String {
    let chain = chain(coro);
    let own = chain.iter().rposition(|coroutine| is_of_script(coroutine)).map_or(0, |at| at + 1);
    let called = chain.get(own).map(|coroutine| match coroutine.qualname().as_str() {
        "_ContextManagerMixin.__aenter__" => "lock".to_owned(),
        name => name.to_owned(),
    });
    let Value::Instance(future) = waiter else { return called.unwrap_or_default() };
    if let Some(due) = el.and_then(|el| el.due(future)) {
        return format!("{}, {} left", called.as_deref().unwrap_or("sleep"), duration((due - now).max(0.0)));
    }
    if task::of(waiter).is_some() {
        let name = shown_name(future);
        return called.map_or_else(|| format!("task {name}"), |called| format!("{called}, task {name}"));
    }
    called.unwrap_or_else(|| {
        let class = vm.type_name(waiter);
        match class.as_str() {
            "_GatheringFuture" => "gather".to_owned(),
            other => other.to_owned(),
        }
    })
}
