//! What the event loop has to say, drawn for people instead of logged: where a task was made, where it stood, what held
//! the others up. Only while nobody has imported `logging`, and never with CPython's own format.

use super::event_loop::{self, EventLoop};
use super::state::state;
use super::{future, task};
use crate::builtins::prelude::*;
use crate::diagnostic::{Diagnostic, ExceptionReport, Label, Place};
use crate::machine::advice::made_async;
use crate::machine::links::awaiting;
use crate::object::coroutine::{Coroutine, State};
use crate::report::{self, ErrorFormat};

/// So many tasks that were cut off are drawn, the rest are counted.
const CUT_OFF_MAX: usize = 3;

/// Whether the loop's messages are drawn.
fn draws(vm: &mut Vm) -> bool {
    vm.host.style.format != ErrorFormat::Python && vm.loaded("logging").is_none()
}

/// `task 'Task-1'`.
pub fn task_in_words(task: &task::Task) -> String {
    format!("task '{}'", task.name().as_str().map_or("?", |name| name.as_str()))
}

/// Draws what `call_exception_handler` was given, if it is about an exception, a future or a task; says whether it did.
pub fn draw(vm: &mut Vm, message: &str, subject: &Value, error: Option<&Error>) -> bool {
    if !draws(vm) {
        return false;
    }
    let Some(data) = future::of(subject) else {
        let Some(error) = error else { return false };
        let report = vm.exception_report(&error.0);
        let text = under_heading(vm, message, &report);
        vm.write_report(&text);
        return true;
    };
    let coroutine = match data.task().map(|task| task.coro.borrow().clone()) {
        Some(Value::Coroutine(coroutine)) => Some(coroutine),
        _ => None,
    };
    let what = data.task().map_or_else(|| "future".to_owned(), task_in_words);
    let made = coroutine.as_ref().and_then(|coroutine| vm.origin(coroutine));
    let label = made.map(|place| Label { place, text: "made here".to_owned() });
    let style = vm.host.style;
    let text = match error {
        Some(error) => {
            let mut report = vm.exception_report(&error.0);
            report.labels.extend(label);
            let help = format!("nobody awaited the {what}, so nobody saw its exception: `await` it where it is needed");
            report.helps.push(help);
            under_heading(vm, message, &report)
        }
        None => {
            let place = coroutine.as_ref().and_then(standing);
            let note = match (&place, waited(vm, subject)) {
                (None, _) => format!("the {what} was gone before it was done"),
                (_, Some(time)) => format!("the {what} waited here for {time}, until its last reference went"),
                (_, None) => format!("the {what} stood here when the last reference to it went"),
            };
            let mut diagnostic = Diagnostic::warning(message, "", place)
                .note(note)
                .help("keep the task in a variable, and await it before the loop ends");
            diagnostic.labels.extend(label);
            report::diagnostic(&diagnostic, &style)
        }
    };
    vm.write_report(&text);
    true
}

/// An exception with what the loop says of it above.
fn under_heading(vm: &Vm, message: &str, report: &ExceptionReport) -> String {
    let style = vm.host.style;
    let text = report::exception(report, &style);
    match style.format {
        ErrorFormat::Json => text,
        _ => format!("{}{text}", report::exception(&ExceptionReport::new(message, ""), &style)),
    }
}

/// How long a task has waited, if that is worth saying.
fn waited(vm: &mut Vm, this: &Value) -> Option<String> {
    let since = task::of(this)?.since.get();
    let seconds = event_loop::time(vm) - since;
    (since > 0.0 && seconds >= 0.0005).then(|| duration(seconds))
}

/// Where a suspended coroutine stands: the place in the innermost script function that it waits in.
pub fn standing(coroutine: &Rc<Coroutine>) -> Option<Place> {
    let mut found = None;
    let mut at = coroutine.clone();
    loop {
        if let Some((function, span)) = at.standing() {
            let code = &function.code;
            if !code.source.library && at.state.get() != State::Created {
                found = Some(Place { source: code.source.clone(), span });
            }
        }
        match awaiting(&at) {
            Value::Coroutine(next) => at = next,
            Value::Awaiter(awaiter) => at = awaiter.target.clone(),
            _ => return found,
        }
    }
}

/// `_cut_off(tasks, failed)`: says which tasks were still running when the main coroutine had returned, or `failed`.
pub fn cut_off(vm: &mut Vm, args: &[Value]) -> Result {
    let tasks = vm.collect(&args[0])?;
    if !draws(vm) || state(vm).deadlocked.get() {
        return Ok(Value::None);
    }
    let failed = vm.truth(&args[1])?;
    let style = vm.host.style;
    for value in tasks.iter().take(CUT_OFF_MAX) {
        let Some(task) = task::of(value) else { continue };
        let Value::Coroutine(coroutine) = task.coro.borrow().clone() else { continue };
        let began = coroutine.state.get() != State::Created;
        let made = vm.origin(&coroutine);
        let message = format!("{} {}", task_in_words(task), if began { "was not done" } else { "had not begun" });
        let ended = if failed { "failed" } else { "ended" };
        let note = match waited(vm, value) {
            Some(time) => format!("it waited here for {time}, until the main coroutine {ended}"),
            None if failed => "the main coroutine failed, and what still runs then is cancelled".to_owned(),
            None => "when the main coroutine ends, what still runs is cancelled".to_owned(),
        };
        let place = standing(&coroutine).or_else(|| made.clone());
        let mut diagnostic = Diagnostic::warning("TaskCutOff", message, place).note(note);
        if !failed {
            diagnostic = diagnostic.help("await it before the main coroutine returns, or cancel it yourself");
        }
        diagnostic.labels.extend(made.filter(|_| began).map(|place| Label { place, text: "made here".to_owned() }));
        let text = report::diagnostic(&diagnostic, &style);
        vm.write_report(&text);
    }
    if tasks.len() > CUT_OFF_MAX && style.format == ErrorFormat::Pretty {
        vm.write_err(&format!("... and {} more tasks\n", tasks.len() - CUT_OFF_MAX));
    }
    Ok(Value::None)
}

/// A blocking sleep is about to begin: says so, once, if others are kept from running by it.
pub fn blocking(vm: &mut Vm, nanoseconds: i128) {
    let state = state(vm);
    if state.told_of_blocking.get() || !draws(vm) {
        return;
    }
    let running = state.running.borrow().clone();
    let Some(event_loop) = running.data::<EventLoop>() else { return };
    let in_callback = event_loop.current_task.borrow().is_none();
    if in_callback && !event_loop.running.get() {
        return;
    }
    let others = event_loop.kept_waiting(vm, nanoseconds);
    if others == 0 {
        return;
    }
    state.told_of_blocking.set(true);
    let here = vm.here();
    let place = here.as_ref().map(|(code, span)| Place { source: code.source.clone(), span: *span });
    let tasks = if others == 1 { "another task".to_owned() } else { format!("{others} other tasks") };
    let seconds = nanoseconds as f64 / 1e9;
    let message = format!("time.sleep({seconds}) keeps {tasks} from running");
    let mut diagnostic = Diagnostic::warning("BlockingCall", message, place);
    diagnostic.helps.push(match here.filter(|_| !in_callback).and_then(|(code, _)| made_async(&code)) {
        Some(how) => {
            format!("only an async function can `await asyncio.sleep({seconds})`, which lets them run meanwhile: {how}")
        }
        None if in_callback => {
            format!("a callback cannot wait; a task that it starts can, with `await asyncio.sleep({seconds})`")
        }
        None => format!("`await asyncio.sleep({seconds})` lets them run meanwhile"),
    });
    let style = vm.host.style;
    let text = report::diagnostic(&diagnostic, &style);
    vm.write_report(&text);
}

/// Seconds as a person would say them, to three digits.
pub fn duration(seconds: f64) -> String {
    match seconds {
        s if s >= 60.0 => format!("{} min {} s", (s / 60.0).floor(), rounded(s % 60.0)),
        s if s >= 0.9995 || s == 0.0 => format!("{} s", rounded(s)),
        s if s >= 0.9995e-3 => format!("{} ms", rounded(s * 1e3)),
        s => format!("{} µs", rounded(s * 1e6)),
    }
}

fn rounded(number: f64) -> String {
    let digits = if number >= 100.0 { 0 } else { 1 + usize::from(number < 10.0) };
    let text = format!("{number:.digits$}");
    if digits == 0 { text } else { text.trim_end_matches('0').trim_end_matches('.').to_owned() }
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn durations_are_readable() {
        let shown: Vec<String> = [0.0, 1.0, 0.25, 0.0000015, 12.3456, 90.5, 0.1004, 0.9999].map(duration).into();
        assert_eq!(shown, ["0 s", "1 s", "250 ms", "1.5 µs", "12.3 s", "1 min 30.5 s", "100 ms", "1 s"]);
    }
}
