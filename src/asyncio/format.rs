//! How futures, tasks, handles, coroutines and callbacks present themselves.

use super::future::{self, Callback, Future, Status};
use super::handles::Handle;
use crate::builtins::prelude::*;
use crate::object::code::{Code, CodeKind};
use crate::object::coroutine::{Coroutine, Kind, State};
use crate::source::Span;

/// `<Future pending cb=[...]>`, `<Task finished name='Task-1' coro=<...> result=3>`.
pub fn future_repr(vm: &mut Vm, this: &Value) -> Result<Value> {
    let (Some(future), Some(address)) = (future::of(this), this.address()) else { return Ok(Value::str("<Future>")) };
    if vm.repr_guard.contains(&address) {
        return Ok(Value::str("..."));
    }
    vm.repr_guard.push(address);
    let text = vm.nested(|vm| future_text(vm, this, future));
    vm.repr_guard.pop();
    text.map(Value::string)
}

fn future_text(vm: &mut Vm, this: &Value, future: &Future) -> Result<String> {
    let status = future.status.get();
    let mut parts = vec![
        match status {
            Status::Pending if future.task().is_some_and(|task| task.cancelling.get() > 0) => "cancelling",
            Status::Pending => "pending",
            Status::Cancelled => "cancelled",
            Status::Finished | Status::Failed => "finished",
        }
        .to_owned(),
    ];
    if let Some(task) = future.task() {
        let name = task.name();
        parts.push(format!("name={}", vm.repr(&name)?));
        let coro = task.coro.borrow().clone();
        if !matches!(coro, Value::None | Value::Unbound) {
            parts.push(format!("coro=<{}>", coroutine(vm, &coro)?));
        }
        let waiter = task.waiter.borrow().clone();
        if let Some(waiter) = waiter.given() {
            parts.push(format!("wait_for={}", vm.repr(waiter)?));
        }
    }
    let result = future.result.borrow().clone();
    match status {
        Status::Finished => parts.push(format!("result={}", short_repr(vm, &result)?)),
        Status::Failed => parts.push(format!("exception={}", vm.repr(&result)?)),
        Status::Pending | Status::Cancelled => {}
    }
    let callbacks = future.callbacks.borrow().as_slice().to_vec();
    match callbacks.as_slice() {
        [] => {}
        [one] => parts.push(format!("cb=[{}]", callback(vm, one)?)),
        [one, two] => parts.push(format!("cb=[{}, {}]", callback(vm, one)?, callback(vm, two)?)),
        [first, middle @ .., last] => {
            let (first, last) = (callback(vm, first)?, callback(vm, last)?);
            parts.push(format!("cb=[{first}, <{} more>, {last}]", middle.len()));
        }
    }
    let source = future.extra(|extra| extra.source.clone());
    if let Some(place) = last_place(&source) {
        parts.push(format!("created at {place}"));
    }
    let class = vm.class_name(this);
    Ok(format!("<{class} {}>", parts.join(" ")))
}

fn callback(vm: &mut Vm, callback: &Callback) -> Result<String> {
    match callback {
        Callback::Wakeup(task) => Ok(format!("{}.task_wakeup()", task.class().qualname.borrow())),
        Callback::Native(native, _) => Ok(format!("{}()", native.qualname)),
        Callback::Script(script) => callback_source(vm, &script.0, &[], false),
    }
}

/// `<Handle f() at x.aio:3>`.
pub fn handle_repr(vm: &mut Vm, this: &Value) -> Result<Value> {
    let Some(handle) = this.data::<Handle>() else { return Ok(Value::str("<Handle>")) };
    if let Some(kept) = handle.shown.borrow().clone() {
        return Ok(Value::Str(kept));
    }
    let mut parts = vec![vm.class_name(this).as_str().to_owned()];
    if handle.cancelled.get() {
        parts.push("cancelled".to_owned());
    }
    let when = handle.when.borrow().clone();
    if !when.is_unbound() {
        parts.push(format!("when={}", vm.str(&when)?));
    }
    let func = handle.callback.borrow().clone();
    if func.given().is_some() {
        let event_loop = handle.event_loop.borrow().clone();
        let debug = super::event_loop::is_debug(&event_loop);
        let args = handle.args.borrow().clone();
        parts.push(callback_source(vm, &func, &args, debug)?);
    }
    let source = handle.source.borrow().clone();
    if let Some(place) = last_place(&source) {
        parts.push(format!("created at {place}"));
    }
    Ok(Value::string(format!("<{}>", parts.join(" "))))
}

/// `reprlib.repr(value)`
fn short_repr(vm: &mut Vm, value: &Value) -> Result<Rc<Str>> {
    let shown = vm.call_page("reprlib", "repr", std::slice::from_ref(value))?;
    vm.str(&shown)
}

/// A callback with the place where it is defined.
pub fn callback_source(vm: &mut Vm, func: &Value, args: &[Value], debug: bool) -> Result<String> {
    let describe = vm.from_page("asyncio", "_format_callback_source")?;
    let debug = (vm.intern("debug"), Value::bool(debug));
    let text = vm.call_kw(&describe, &[func.clone(), Value::tuple(args)], &[debug])?;
    Ok(text.as_str().map(|text| text.as_str().to_owned()).unwrap_or_default())
}

/// `f() running at x.aio:3`, `f() done, defined at x.aio:1`.
pub fn coroutine(vm: &mut Vm, coro: &Value) -> Result<String> {
    let name = match coro {
        Value::Coroutine(coroutine) if coroutine.kind == Kind::Coroutine || coroutine.code.is_some() => {
            coroutine.qualname()
        }
        _ => {
            let mut found = None;
            for name in [sym::__qualname__, sym::__name__] {
                let name = vm.name(name).clone();
                if let (None, Some(Value::Str(text))) = (&found, vm.get_attr_opt(coro, &name)?) {
                    found = Some(text);
                }
            }
            found.unwrap_or_else(|| Rc::new(Str::new(format!("<{} without __name__>", vm.class_name(coro)))))
        }
    };
    let Value::Coroutine(coroutine) = coro else { return Ok(format!("{name}()")) };
    match &coroutine.code {
        Some(code) if !code.source.library => {
            let file = &code.source.name;
            Ok(match line(vm, coroutine) {
                Some(line) => format!("{name}() running at {file}:{line}"),
                None => format!("{name}() done, defined at {file}:{}", code.first_line()),
            })
        }
        _ if coroutine.state.get() == State::Running => Ok(format!("{name}() running")),
        _ => Ok(format!("{name}()")),
    }
}

/// The line a coroutine stands at; `None` if it is done.
pub fn line(vm: &Vm, coroutine: &Coroutine) -> Option<u32> {
    let code = coroutine.code.as_ref()?;
    match coroutine.state.get() {
        State::Finished => None,
        // One that waits in the chain of the one that runs stands somewhere, too.
        State::Suspended | State::Running => match coroutine.standing() {
            Some((_, span)) => Some(code.source.line(span.start)),
            None => {
                let site = vm.calls.iter().rev().find(|site| site.code == code.id.get());
                Some(site.map_or_else(|| code.first_line(), |site| code.source.line(site.span.start)))
            }
        },
        State::Created => Some(code.first_line()),
    }
}

/// Where a call is made, outermost first: tuples of file, line, function and the line's text.
pub fn stack(vm: &Vm) -> Value {
    stack_of(&vm.frames_under_way())
}

/// The same for a handle: its innermost 10 frames in CPython, where two are the loop's that make it, and four of the
/// loop and one or two of a runner lie between the program and its coroutines. `of_loop` more of them are the loop's.
pub fn handle_stack(vm: &Vm, of_loop: usize) -> Value {
    let frames = vm.frames_under_way();
    let is_coroutine = |(code, _): &(Rc<Code>, Span)| code.kind == CodeKind::Coroutine && !code.source.library;
    let first = frames.iter().position(is_coroutine).unwrap_or(usize::MAX);
    let mut left = 8 - of_loop;
    let mut from = frames.len();
    for (at, (code, _)) in frames.iter().enumerate().rev() {
        if at.checked_add(1) == Some(first) {
            left = left.saturating_sub(4);
        }
        if left == 0 {
            break;
        }
        left -= usize::from(!code.source.library || code.name.as_str() == "run");
        from = at;
    }
    stack_of(&frames[from..])
}

fn stack_of(frames: &[(Rc<Code>, Span)]) -> Value {
    let entries = frames.iter().filter(|(code, _)| !code.source.library).map(|(code, span)| {
        let line = code.source.line(span.start);
        let text = code.source.line_text(line).unwrap_or_default().trim();
        Value::tuple([
            Value::str(&code.source.name),
            Value::Int(i64::from(line)),
            Value::Str(code.name.clone()),
            Value::str(text),
        ])
    });
    Value::list(entries.collect())
}

/// `x.aio:3` for the innermost entry of what [`stack`] returned.
fn last_place(source: &Value) -> Option<String> {
    let last = source.as_list()?.to_vec().pop()?;
    let entry = last.as_tuple()?;
    Some(format!("{}:{}", entry.first()?.as_str()?, entry.get(1)?.as_int()?))
}

/// What [`stack`] returned, as scripts see it: `None` outside debug mode.
pub fn summary(vm: &mut Vm, source: &Value) -> Result<Value> {
    if source.as_list().is_none() {
        return Ok(Value::None);
    }
    let class = vm.from_page("traceback", "StackSummary")?;
    vm.call_method(&class, "from_list", std::slice::from_ref(source))
}

/// `<Lock object at 0x... [locked, waiters:1]>` and the like: what `object.__repr__` says, with details.
pub fn with_details(vm: &mut Vm, this: &Value, details: &str) -> Result<Value> {
    let class = vm.class_of(this);
    let qualname = class.qualname.borrow().as_str().to_owned();
    let module = match vm.class_lookup(&class, sym::__module__) {
        Some(Value::Str(module)) => module.as_str().to_owned(),
        _ => "builtins".to_owned(),
    };
    Ok(Value::string(format!("<{module}.{qualname} object at {:#x} [{details}]>", this.id())))
}
