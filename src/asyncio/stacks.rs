//! `Task.get_stack`, and the frames of the call graph.

use super::{future, task};
use crate::builtins::prelude::*;
use crate::machine::coroutine::awaiting;
use crate::object::code::Code;
use crate::object::coroutine::State;
use crate::object::frame::FrameView;
use crate::source::Span;

/// The frame a suspended task stands in; for a task that failed, the frames of the exception's traceback.
pub fn get_stack(vm: &mut Vm, this: &Value, limit: &Value) -> Result {
    let mut frames = Vec::new();
    let Some(data) = future::of(this) else { return Ok(Value::list(frames)) };
    if data.status.get() == future::Status::Failed {
        let result = data.result.borrow().clone();
        let mut link = result.as_exception().and_then(|e| e.traceback.borrow().clone());
        while let Some(entry) = link {
            let view = FrameView::new(entry.code.clone(), Rc::new(Dict::new()), entry.span);
            frames.push(Value::Frame(Rc::new(view)));
            link = entry.next.borrow().clone();
        }
        if let Some(limit) = limit.as_int() {
            frames.truncate(usize::try_from(limit).unwrap_or(0));
        }
        return Ok(Value::list(frames));
    }
    let coro = task::of(this).map(|task| task.coro.borrow().clone()).unwrap_or_default();
    if let Value::Coroutine(coroutine) = &coro {
        let running = || {
            let code = coroutine.code.clone().filter(|_| coroutine.state.get() == State::Running)?;
            let site = vm.calls.iter().rev().find(|site| site.code == code.id.get());
            let span = site.map_or(code.span, |site| site.span);
            Some((code, Rc::new(Dict::new()), span))
        };
        let standing = coroutine.standing().map(|(function, span)| {
            let created = coroutine.state.get() == State::Created;
            let span = if created { function.code.head_span() } else { span };
            (function.code.clone(), function.globals.clone(), span)
        });
        if let Some((code, globals, span)) = standing.or_else(running) {
            frames.push(Value::Frame(Rc::new(FrameView::new(code, globals, span))));
        }
    }
    if limit.as_int().is_some_and(|limit| limit <= 0) {
        frames.clear();
    }
    Ok(Value::list(frames))
}

/// The frames of a script's functions that a task stands in, innermost first.
pub fn call_stack(vm: &mut Vm, this: &Value) -> Result {
    let mut frames = Vec::new();
    let mut add = |code: Rc<Code>, span: Span, globals: Rc<Dict>| {
        if !code.source.library {
            frames.push(Value::Frame(Rc::new(FrameView::new(code, globals, span))));
        }
    };
    let coro = task::of(this).map(|task| task.coro.borrow().clone()).unwrap_or_default();
    let Value::Coroutine(root) = &coro else { return Ok(Value::list(frames)) };
    if root.state.get() == State::Running {
        // The frames from its outermost function on.
        let under_way = vm.frames_under_way();
        let outermost = |(code, _): &(Rc<Code>, Span)| root.code.as_ref().is_some_and(|root| Rc::ptr_eq(root, code));
        let from = under_way.iter().rposition(outermost).unwrap_or(under_way.len());
        for (code, span) in under_way.into_iter().skip(from) {
            add(code, span, Rc::new(Dict::new()));
        }
    } else {
        let mut at = root.clone();
        loop {
            if let Some((function, span)) = at.standing() {
                add(function.code.clone(), span, function.globals.clone());
            }
            match awaiting(&at) {
                Value::Coroutine(next) => at = next,
                _ => break,
            }
        }
    }
    frames.reverse();
    Ok(Value::list(frames))
}
