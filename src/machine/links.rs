//! The links of an await chain, read from the frames that stand at them: what a suspended coroutine waits for, and which
//! frames wait for the one that runs.

use super::prelude::*;
use crate::object::code::{Code, Step};
use crate::object::coroutine::{Body, NativeCoroutine, Outcome, Resume, State};
use crate::source::Span;

/// What a suspended coroutine waits for, or `None`; so too if it has only given way.
pub fn awaiting(coroutine: &Coroutine) -> Value {
    match coroutine.state.get() {
        State::Suspended => match link(coroutine) {
            Value::Native(_) => Value::None,
            Value::Instance(instance) => {
                let behind = instance.native_data().and_then(|data| data.awaited());
                behind.unwrap_or(Value::Instance(instance))
            }
            found => found,
        },
        _ => Value::None,
    }
}

/// What a script sees of that (`cr_await`, `gi_yieldfrom`): a coroutine that a call did without is made now.
pub fn awaited_object(vm: &mut Vm, coroutine: &Coroutine) -> Result {
    if coroutine.state.get() != State::Suspended {
        return Ok(Value::None);
    }
    let found = link(coroutine);
    let inner = coroutine.look(|body| if let Body::Native(native) = body { native.inner() } else { None });
    if let Some((kind, name)) = inner {
        let inner = Coroutine::native(kind, Box::new(Inner(found)), name);
        inner.state.set(State::Suspended);
        return Ok(Value::Coroutine(Rc::new(inner)));
    }
    let Value::Native(_) = &found else { return Ok(found) };
    let made = vm.call(&found, &[Value::Int(0)])?;
    if let Value::Coroutine(inner) = &made {
        vm.resume(inner, Resume::Send(Value::None))?;
    }
    if let Some(mut body) = coroutine.hold_body()
        && let Body::Frame(frame, pc) = &mut *body
        && let Some(Step::Await(slot)) = frame.function.code.steps.get(*pc as usize)
        && let Some(place) = frame.locals.get_mut(*slot as usize)
    {
        *place = made.clone();
    }
    Ok(made)
}

/// Where a frame stands.
type Place = (Rc<Code>, Span);

/// The coroutines that wait for the one that runs with the places where their frames stand, outermost first, from the root
/// they are resumed from; the last one may be that one, which stands nowhere.
pub fn waiting_frames(root: &Rc<Coroutine>) -> Vec<(Rc<Coroutine>, Option<Place>)> {
    let mut frames = Vec::new();
    let mut at = root.clone();
    loop {
        let native = at.look(|body| matches!(body, Body::Native(_)));
        match at.standing() {
            Some((function, span)) => frames.push((at.clone(), Some((function.code.clone(), span)))),
            None if native => {}
            None => {
                frames.push((at, None));
                return frames;
            }
        }
        at = match link(&at) {
            Value::Coroutine(next) => next,
            Value::Awaiter(awaiter) => awaiter.target.clone(),
            _ => return frames,
        };
    }
}

fn link(coroutine: &Coroutine) -> Value {
    coroutine.look(|body| match body {
        Body::Frame(frame, pc) => match frame.function.code.steps.get(*pc as usize) {
            Some(Step::Await(slot) | Step::YieldFrom(slot) | Step::AsyncNext { value: slot, .. }) => {
                frame.locals.get(*slot as usize).cloned().unwrap_or(Value::None)
            }
            _ => Value::None,
        },
        Body::Native(native) => native.awaiting(),
        Body::Empty => Value::None,
    })
}

/// A link that exists only to be looked at: see [`NativeCoroutine::inner`].
struct Inner(Value);

impl NativeCoroutine for Inner {
    fn trace(&self, visit: gc::Visit) {
        visit(&self.0);
    }

    fn resume(&mut self, vm: &mut Vm, input: Resume) -> Result<Outcome> {
        match input {
            Resume::Throw(error) | Resume::Fail(error) => Err(error),
            Resume::Send(_) | Resume::Deliver(_) => Err(vm.runtime_error("coroutine is being awaited already")),
        }
    }

    fn awaiting(&self) -> Value {
        self.0.clone()
    }
}

/// A link of an await chain that is not a coroutine of ours: any iterator with `__next__`, `send` and `throw`.
struct Forward(Value);

/// What awaits an iterator that `__await__()` gave.
pub(super) fn forward(iterator: Value) -> Rc<Coroutine> {
    let mut forward = Coroutine::native(Kind::Generator, Box::new(Forward(iterator)), &"__await__");
    forward.iterable = true;
    Rc::new(forward)
}

impl NativeCoroutine for Forward {
    fn trace(&self, visit: gc::Visit) {
        visit(&self.0);
    }

    fn resume(&mut self, vm: &mut Vm, input: Resume) -> Result<Outcome> {
        let iterator = self.0.clone();
        match input {
            Resume::Send(value) | Resume::Deliver(value) => vm.send_into(&iterator, value),
            Resume::Throw(error) | Resume::Fail(error) => vm.throw_into(&iterator, error),
        }
    }

    fn drives(&self) -> bool {
        true
    }

    fn awaiting(&self) -> Value {
        self.0.clone()
    }
}
