//! `Task.get_stack`, and the frames of the call graph.

use super::{future, task};
use crate::builtins::prelude::*;
use crate::machine::links::awaiting;
use crate::object::code::Code;
use crate::object::coroutine::State;
use crate::object::frame::FrameView;
use crate::source::Span;
use crate::syntax::ast::{BinOp, CmpOp};

/// The frame a suspended task stands in; for a task that failed, the frames of the exception's traceback.
pub fn get_stack(vm: &mut Vm, this: &Value, limit: &Value) -> Result {
    let mut frames = Vec::new();
    let Some(data) = future::of(this) else { return Ok(Value::list(frames)) };
    if data.status.get() == future::Status::Failed {
        let result = data.result.borrow().clone();
        let mut link = result.as_exception().and_then(|e| e.traceback.borrow().clone());
        while let Some(entry) = link {
            frames.push(Value::Frame(vm.frame_of(&entry)));
            link = entry.next.borrow().clone();
        }
        cut(vm, &mut frames, limit)?;
        return Ok(Value::list(frames));
    }
    let coro = task::of(this).map(|task| task.coro.borrow().clone()).unwrap_or_default();
    let mut frame = Value::None;
    for name in ["cr_frame", "gi_frame", "ag_frame"] {
        if let Some(found) = vm.get_attr_opt(&coro, name)? {
            frame = found;
            break;
        }
    }
    // Its own, and if it runs those of the script that called it.
    let Value::Frame(own) = frame else { return Ok(Value::list(frames)) };
    let mut above = own.back.borrow().clone();
    frames.push(Value::Frame(own));
    while let Some(view) = above {
        above = view.back.borrow().clone();
        if !view.code.source.library {
            frames.push(Value::Frame(view));
        }
    }
    cut(vm, &mut frames, limit)?;
    frames.reverse();
    Ok(Value::list(frames))
}

/// Keeps as many of the first frames as a limit says, whatever can be compared and counted down.
fn cut(vm: &mut Vm, frames: &mut Vec<Value>, limit: &Value) -> Result<()> {
    if limit.is_none() {
        return Ok(());
    }
    let mut left = limit.clone();
    for at in 0..frames.len() {
        if vm.compare_truth(CmpOp::LtE, &left, &Value::Int(0))? {
            frames.truncate(at);
            break;
        }
        left = vm.binary(BinOp::Sub, &left, &Value::Int(1))?;
    }
    Ok(())
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
