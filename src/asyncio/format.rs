//! How futures, tasks, handles, coroutines and callbacks present themselves.

use std::rc::Rc;

use super::future::{self, Callback, Future, Status};
use super::handles::Handle;
use crate::machine::Vm;
use crate::object::code::{Code, CodeKind};
use crate::object::coroutine::{Coroutine, State};
use crate::object::{Result, Str, Value};
use crate::source::Span;
use crate::symbol::sym;

/// How deep and how far [`short_repr`] looks into containers, and how much it shows of a text.
const DEPTH: usize = 6;
const ITEMS: usize = 6;
const PAIRS: usize = 4;
const TEXT: usize = 30;
const DIGITS: usize = 40;

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
        parts.push(format!("name={}", vm.repr(&name)?.as_str()));
        let coro = task.coro.borrow().clone();
        if !matches!(coro, Value::None | Value::Unbound) {
            parts.push(format!("coro=<{}>", coroutine(vm, &coro)?));
        }
        let waiter = task.waiter.borrow().clone();
        if let Some(waiter) = waiter.given() {
            parts.push(format!("wait_for={}", vm.repr(waiter)?.as_str()));
        }
    }
    let result = future.result.borrow().clone();
    match status {
        Status::Finished => parts.push(format!("result={}", short_repr(vm, &result)?)),
        Status::Failed => parts.push(format!("exception={}", vm.repr(&result)?.as_str())),
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
    Ok(format!("<{} {}>", class.as_str(), parts.join(" ")))
}

fn callback(vm: &mut Vm, callback: &Callback) -> Result<String> {
    match callback {
        Callback::Wakeup(_) => Ok("Task.task_wakeup()".to_owned()),
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
        parts.push(format!("when={}", vm.str(&when)?.as_str()));
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

/// A callback with the place where it is defined.
pub fn callback_source(vm: &mut Vm, func: &Value, args: &[Value], debug: bool) -> Result<String> {
    let mut text = callback_call(vm, func, args, &Value::None, debug, "")?;
    if let Some((file, line)) = function_place(vm, func)? {
        text.push_str(&format!(" at {file}:{line}"));
    }
    Ok(text)
}

fn callback_call(
    vm: &mut Vm,
    func: &Value,
    args: &[Value],
    kwargs: &Value,
    debug: bool,
    suffix: &str,
) -> Result<String> {
    let shown_args = if debug { arguments(vm, args, kwargs)? } else { "()".to_owned() };
    if let Some((inner, args, kwargs)) = partial(vm, func)? {
        let suffix = format!("{shown_args}{suffix}");
        return vm.nested(|vm| callback_call(vm, &inner, &args, &kwargs, debug, &suffix));
    }
    let mut text = None;
    for name in [sym::__qualname__, sym::__name__] {
        let name = vm.name(name).clone();
        if let Some(Value::Str(found)) = vm.get_attr_opt(func, &name)? {
            if !found.is_empty() {
                text = Some(found);
                break;
            }
        }
    }
    let text: Rc<Str> = match text {
        Some(text) => text,
        None => vm.repr(func)?,
    };
    Ok(format!("{}{shown_args}{suffix}", text.as_str()))
}

fn arguments(vm: &mut Vm, args: &[Value], kwargs: &Value) -> Result<String> {
    let mut items = Vec::new();
    for arg in args {
        items.push(short_repr(vm, arg)?);
    }
    if let Some(kwargs) = kwargs.as_dict() {
        for (key, value) in kwargs.pairs() {
            items.push(format!("{}={}", vm.str(&key)?.as_str(), short_repr(vm, &value)?));
        }
    }
    Ok(format!("({})", items.join(", ")))
}

/// The parts of a `functools.partial`.
fn partial(vm: &mut Vm, func: &Value) -> Result<Option<(Value, Vec<Value>, Value)>> {
    if !matches!(func, Value::Instance(_)) || vm.class_name(func).as_str() != "partial" {
        return Ok(None);
    }
    let (name, args, keywords) = (vm.intern("func"), vm.name(sym::args).clone(), vm.intern("keywords"));
    let Some(inner) = vm.get_attr_opt(func, &name)? else { return Ok(None) };
    let args = vm.get_attr(func, &args)?;
    let args = vm.collect(&args)?;
    Ok(Some((inner, args, vm.get_attr(func, &keywords)?)))
}

/// File and line of a function of a script.
pub fn function_place(vm: &mut Vm, func: &Value) -> Result<Option<(String, u32)>> {
    let wrapped = vm.name(sym::__wrapped__).clone();
    let mut func = func.clone();
    for _ in 0..100 {
        match vm.get_attr_opt(&func, &wrapped)? {
            Some(inner) => func = inner,
            None => break,
        }
    }
    match &func {
        Value::Function(function) if !function.code.source.library => {
            Ok(Some((function.code.source.name.to_string(), function.code.first_line())))
        }
        Value::Instance(_) => match partial(vm, &func)? {
            Some((inner, ..)) => vm.nested(|vm| function_place(vm, &inner)),
            None => Ok(None),
        },
        _ => Ok(None),
    }
}

/// `f() running at x.aio:3`, `f() done, defined at x.aio:1`.
pub fn coroutine(vm: &mut Vm, coro: &Value) -> Result<String> {
    let name = match coro {
        Value::Coroutine(coroutine) => coroutine.qualname(),
        _ => {
            let mut found = None;
            for name in [sym::__qualname__, sym::__name__] {
                let name = vm.name(name).clone();
                if let (None, Some(Value::Str(text))) = (&found, vm.get_attr_opt(coro, &name)?) {
                    found = Some(text);
                }
            }
            found.unwrap_or_else(|| Rc::new(Str::new(format!("<{} without __name__>", vm.class_name(coro).as_str()))))
        }
    };
    let Value::Coroutine(coroutine) = coro else { return Ok(format!("{}()", name.as_str())) };
    match &coroutine.code {
        Some(code) if !code.source.library => {
            let file = &code.source.name;
            Ok(match line(vm, coroutine) {
                Some(line) => format!("{}() running at {file}:{line}", name.as_str()),
                None => format!("{}() done, defined at {file}:{}", name.as_str(), code.first_line()),
            })
        }
        _ if coroutine.state.get() == State::Running => Ok(format!("{}() running", name.as_str())),
        _ => Ok(format!("{}()", name.as_str())),
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
/// loop and one or two of a runner lie between the program and its coroutines.
pub fn handle_stack(vm: &Vm) -> Value {
    let frames = vm.frames_under_way();
    let is_coroutine = |(code, _): &(Rc<Code>, Span)| code.kind == CodeKind::Coroutine && !code.source.library;
    let first = frames.iter().position(is_coroutine).unwrap_or(usize::MAX);
    let mut left = 8_usize;
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
    Some(format!("{}:{}", entry.first()?.as_str()?.as_str(), entry.get(1)?.as_int()?))
}

/// What [`stack`] returned, as a traceback shows it.
pub fn stack_text(source: &Value) -> String {
    let mut text = String::new();
    for entry in source.as_list().map(|list| list.to_vec()).unwrap_or_default() {
        if let Some([file, line, name, code]) = entry.as_tuple().map(|entry| &entry[..]) {
            let shown = |value: &Value| value.as_str().map(|s| s.as_str().to_owned()).unwrap_or_default();
            let line = line.as_int().unwrap_or_default();
            text.push_str(&format!("  File \"{}\", line {line}, in {}\n", shown(file), shown(name)));
            let code = shown(code);
            if !code.is_empty() {
                text.push_str(&format!("    {code}\n"));
            }
        }
    }
    text.trim_end().to_owned()
}

/// `reprlib.repr`: a repr that leaves out the middle of what is long.
pub fn short_repr(vm: &mut Vm, value: &Value) -> Result<String> {
    shorten(vm, value, DEPTH)
}

fn shorten(vm: &mut Vm, value: &Value, depth: usize) -> Result<String> {
    match value {
        Value::List(list) => items(vm, list.to_vec(), depth, "[", "]", ""),
        Value::Tuple(tuple) => items(vm, tuple.to_vec(), depth, "(", ")", ","),
        Value::Set(set) if !set.frozen && !set.is_empty() => {
            let elements = sorted(vm, set.values());
            items(vm, elements, depth, "{", "}", "")
        }
        Value::Dict(dict) if !dict.is_empty() => {
            if depth == 0 {
                return Ok("{...}".to_owned());
            }
            let keys = sorted(vm, dict.keys());
            let mut parts = Vec::new();
            for key in keys.iter().take(PAIRS) {
                let value = vm.dict_get(dict, key)?.unwrap_or_default();
                parts.push(format!("{}: {}", shorten(vm, key, depth - 1)?, shorten(vm, &value, depth - 1)?));
            }
            if keys.len() > PAIRS {
                parts.push("...".to_owned());
            }
            Ok(format!("{{{}}}", parts.join(", ")))
        }
        Value::Str(text) => {
            let chars: Vec<char> = text.chars().collect();
            let head: String = chars.iter().take(TEXT).collect();
            let shown = vm.repr(&Value::string(head))?;
            if shown.len() <= TEXT {
                return Ok(shown.as_str().to_owned());
            }
            let (head, tail) = halves(TEXT);
            let (head, tail) = (head.min(chars.len()), chars.len().saturating_sub(tail));
            let ends: String = chars[..head].iter().chain(&chars[tail..]).collect();
            let shown = vm.repr(&Value::string(ends))?;
            Ok(cut(shown.as_str(), TEXT, true))
        }
        Value::Int(_) | Value::BigInt(_) => Ok(cut(vm.repr(value)?.as_str(), DIGITS, false)),
        other => Ok(cut(vm.repr(other)?.as_str(), TEXT, false)),
    }
}

fn items(vm: &mut Vm, values: Vec<Value>, depth: usize, open: &str, close: &str, trailing: &str) -> Result<String> {
    if depth == 0 && !values.is_empty() {
        return Ok(format!("{open}...{close}"));
    }
    let mut parts = Vec::new();
    for value in values.iter().take(ITEMS) {
        parts.push(shorten(vm, value, depth - 1)?);
    }
    if values.len() > ITEMS {
        parts.push("...".to_owned());
    }
    let trailing = if values.len() == 1 { trailing } else { "" };
    Ok(format!("{open}{}{trailing}{close}", parts.join(", ")))
}

fn sorted(vm: &mut Vm, values: Vec<Value>) -> Vec<Value> {
    let mut ordered = values.clone();
    match vm.sort(&mut ordered, None, false) {
        Ok(()) => ordered,
        Err(_) => values,
    }
}

fn halves(limit: usize) -> (usize, usize) {
    let head = (limit - 3) / 2;
    (head, limit - 3 - head)
}

/// A text with its middle left out if it is longer than `limit` (or always).
fn cut(text: &str, limit: usize, always: bool) -> String {
    let chars: Vec<char> = text.chars().collect();
    if chars.len() <= limit && !always {
        return text.to_owned();
    }
    let (head, tail) = halves(limit);
    let head: String = chars[..head.min(chars.len())].iter().collect();
    let tail: String = chars[chars.len().saturating_sub(tail)..].iter().collect();
    format!("{head}...{tail}")
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
