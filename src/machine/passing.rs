//! Resuming coroutines and generators in the plainest case, which is nearly all that happens to them: nobody is handling
//! an exception, and the frame stands at its beginning, at a `yield`, or at what has just been done. What is not so plain
//! is left to the driver of chains; see [`super::coroutine`].

use super::coroutine::Next;
use super::iter::Ending;
use super::prelude::*;
use crate::object::Eval;
use crate::object::code::{NOWHERE, Pc, Step};
use crate::object::coroutine::{Body, Chain, Outcome, ParkedFrame, Resume, State};
use crate::object::frame::Exit;

/// What comes of [`Vm::resume_in_passing`].
pub(super) enum Passing {
    Yielded(Value),
    Returned(Value),
    /// It waits for one that nobody has begun yet.
    Delegated(Rc<Coroutine>),
    /// Nothing was done yet about one that delegates.
    Other(Result<Outcome>),
    /// The case is another one: the value comes back.
    Refused(Value),
}

impl Vm {
    /// Resumes a coroutine until it, or what it awaits, hands a value out.
    #[inline]
    pub fn resume(&mut self, root: &Rc<Coroutine>, input: Resume) -> Result<Outcome> {
        let Resume::Send(value) = input else { return self.resume_chain(root, input) };
        if let Some(chain) = root.take_chain() {
            return self.send_to_innermost(root, chain, value);
        }
        match self.resume_in_passing(root, value, false, false) {
            Passing::Yielded(value) => Ok(Outcome::Yield(value)),
            passing => self.follow(root, passing),
        }
    }

    /// `next(generator)`; `Unbound` at its end.
    pub fn next_or_unbound(&mut self, generator: &Rc<Coroutine>) -> Eval {
        let outcome = match generator.take_chain() {
            Some(chain) => self.send_to_innermost(generator, chain, Value::None)?,
            None => match self.resume_in_passing(generator, Value::None, false, false) {
                Passing::Yielded(value) => return Ok(value),
                passing => self.follow(generator, passing)?,
            },
        };
        Ok(match outcome {
            Outcome::Yield(value) => value,
            Outcome::Return(value) => {
                self.ends_with(|| Ending::Returned(value));
                Value::Unbound
            }
            _ => Value::Unbound,
        })
    }

    /// [`Vm::resume`] in the plainest case, which is nearly all that happens to generators: a frame with nothing below it
    /// stands at its beginning or at a `yield`, or has given way, and nobody is handling an exception. `in_chain` says
    /// whether it is a member of a chain, `delivered` whether the value is what it waited for. At a `yield from` a built-in
    /// iterator the frame need not be looked at.
    #[inline(always)]
    fn resume_in_passing(&mut self, root: &Rc<Coroutine>, value: Value, in_chain: bool, delivered: bool) -> Passing {
        let created = root.state.get() == State::Created && root.kind != Kind::AsyncGenerator && value.is_none();
        if !created && root.state.get() != State::Suspended
            || root.in_chain.get() != in_chain
            || self.handling.is_some()
            || !root.is_bare()
            || self.depth >= self.recursion_limit
            || self.stack_is_low()
        {
            return Passing::Refused(value);
        }
        let Some(mut body) = root.hold_body() else { return Passing::Refused(value) };
        let Body::Frame(ParkedFrame { function, locals, handled }, pc) = &mut *body else {
            return Passing::Refused(value);
        };
        let slot = match function.code.steps.get(*pc as usize) {
            _ if created => NOWHERE,
            Some(Step::Yield(_, slot)) if handled.is_none() => *slot,
            Some(Step::Await(slot) | Step::YieldFrom(slot)) if delivered && handled.is_none() => *slot,
            Some(Step::Await(slot)) if handled.is_none() && matches!(&locals[*slot as usize], Value::Native(_)) => {
                *slot
            }
            Some(Step::YieldFrom(slot)) if value.is_none() && !delivered => {
                let item = match &locals[*slot as usize] {
                    Value::Iter(iter) => iter.any_at_once(),
                    _ => None,
                };
                return item.map_or(Passing::Refused(value), Passing::Yielded);
            }
            _ => return Passing::Refused(value),
        };
        self.depth += 1;
        root.state.set(State::Running);
        let mut frame = Frame {
            locals,
            code: &function.code,
            function,
            pc: *pc + u32::from(!created),
            exit: Exit::Return,
            handled: None,
            outer_handled: None,
        };
        frame.receive(slot, value);
        let result = self.execute(&mut frame);
        let plain = frame.handled.is_none() && self.handling.is_none();
        // A frame that is forgotten owns nothing.
        match (frame.exit, result) {
            (Exit::Yield, Ok(value)) if plain => {
                if self.is_held_caller() {
                    self.suspend_caller(frame.locals);
                }
                *pc = frame.pc;
                std::mem::forget(frame);
                suspend(root, created);
                self.depth -= 1;
                Passing::Yielded(value)
            }
            (Exit::Return, Ok(value)) if plain && root.kind != Kind::AsyncGenerator => {
                std::mem::forget(frame);
                drop(body);
                self.finish(root);
                self.depth -= 1;
                Passing::Returned(value)
            }
            (Exit::Delegate, Ok(Value::Coroutine(inner))) if plain && self.begins(&frame, &inner) => {
                if self.is_held_caller() {
                    self.suspend_caller(frame.locals);
                }
                *pc = frame.pc;
                std::mem::forget(frame);
                suspend(root, created);
                Passing::Delegated(inner)
            }
            (_, result) => {
                let outcome;
                (outcome, *pc, *handled) = self.leave(frame, result);
                drop(body);
                Passing::Other(self.put_back(root, outcome, created))
            }
        }
    }

    /// What a run came to that did not end plainly, where the frame stands, and what it handles.
    #[inline(never)]
    fn leave(&mut self, mut frame: Frame, result: Eval) -> (Result<Outcome>, Pc, Option<Rc<Exception>>) {
        let outcome = self.settle(&mut frame, result.map_err(Error::from));
        self.handling = None;
        (outcome, frame.pc, frame.handled.take())
    }

    /// Hands what a generator yields that has not begun to a function until it answers `false`, without parking the frame
    /// at every item: nobody else holds the generator. Whether that was all; what is left is asked for one by one.
    pub(super) fn drain(
        &mut self,
        generator: &Rc<Coroutine>,
        visit: &mut impl FnMut(&mut Vm, Value) -> Result<bool>,
    ) -> Result<bool> {
        // Who asks and whoever called that hold it.
        if generator.state.get() != State::Created
            || generator.kind != Kind::Generator
            || Rc::strong_count(generator) > 2
            || Rc::weak_count(generator) > 0
            || self.handling.is_some()
            || !generator.is_bare()
            || self.depth >= self.recursion_limit
            || self.stack_is_low()
        {
            return Ok(false);
        }
        let Some(mut body) = generator.hold_body() else { return Ok(false) };
        let Body::Frame(ParkedFrame { function, locals, handled }, pc) = &mut *body else { return Ok(false) };
        generator.state.set(State::Running);
        self.depth += 1;
        loop {
            let mut frame = Frame {
                locals,
                code: &function.code,
                function,
                pc: *pc,
                exit: Exit::Return,
                handled: None,
                outer_handled: None,
            };
            let result = self.execute(&mut frame);
            let plain = frame.handled.is_none() && self.handling.is_none() && frame.exit == Exit::Yield;
            let result = match (result, frame.code.steps.get(frame.pc as usize)) {
                (Ok(value), Some(Step::Yield(_, slot))) if plain => {
                    *pc = frame.pc;
                    self.depth -= 1;
                    let more = self.tick().and_then(|()| visit(self, value));
                    if let Ok(true) = more {
                        self.depth += 1;
                        frame.receive(*slot, Value::None);
                        // It owns nothing.
                        std::mem::forget(frame);
                        *pc += 1;
                        continue;
                    }
                    self.depth += 1;
                    if self.is_held_caller() {
                        self.suspend_caller(frame.locals);
                    }
                    std::mem::forget(frame);
                    self.depth -= 1;
                    suspend(generator, true);
                    return more.map(|_| true);
                }
                (result, _) => result,
            };
            let outcome;
            (outcome, *pc, *handled) = self.leave(frame, result);
            drop(body);
            let result = self.put_back(generator, outcome, true);
            return match self.follow(generator, Passing::Other(result))? {
                Outcome::Yield(value) => {
                    self.tick()?;
                    Ok(!visit(self, value)?)
                }
                _ => Ok(true),
            };
        }
    }

    /// Whether a frame delegates to one that can just be begun.
    #[inline(always)]
    fn begins(&self, frame: &Frame, inner: &Coroutine) -> bool {
        self.begun.is_none()
            && inner.state.get() == State::Created
            && match frame.code.steps.get(frame.pc as usize) {
                Some(Step::YieldFrom(_)) => inner.kind == Kind::Generator,
                Some(Step::Await(_)) => inner.kind == Kind::Coroutine,
                _ => false,
            }
    }

    /// Sends a value to the innermost member of a coroutine's chain.
    fn send_to_innermost(&mut self, root: &Rc<Coroutine>, mut chain: Box<Chain>, value: Value) -> Result<Outcome> {
        let depth = self.depth + 1 + chain.members.len() as u32;
        if chain.epoch != self.chain_epoch
            || root.state.get() != State::Suspended
            || root.in_chain.get()
            || depth > self.recursion_limit
        {
            root.set_chain(chain);
            return self.resume_chain(root, Resume::Send(value));
        }
        self.depth = depth;
        self.driving.push((root.clone(), self.calls.len()));
        let result = self.drive(root, &mut chain.members, Next::Resume(Resume::Send(value)));
        self.driving.pop();
        self.keep_chain(root, chain);
        result
    }

    /// What comes of resuming a coroutine alone: one that delegates goes on with those below it.
    #[inline(never)]
    pub(super) fn follow(&mut self, root: &Rc<Coroutine>, passing: Passing) -> Result<Outcome> {
        let result = match passing {
            Passing::Yielded(value) => return Ok(Outcome::Yield(value)),
            Passing::Returned(value) => return Ok(Outcome::Return(value)),
            Passing::Refused(value) => return self.resume_chain(root, Resume::Send(value)),
            Passing::Delegated(inner) => Ok(Outcome::Delegate(inner, None)),
            Passing::Other(result) => result,
        };
        if let Ok(Outcome::Delegate(..) | Outcome::Begun(_)) = &result {
            let mut chain = Box::<Chain>::default();
            self.driving.push((root.clone(), self.calls.len()));
            let result = self.drive(root, &mut chain.members, Next::Outcome(result));
            self.driving.pop();
            self.keep_chain(root, chain);
            return result;
        }
        self.depth -= 1;
        result
    }

    /// Resumes the innermost member of a chain, and goes on with those it begins and with those that get its result, as
    /// long as all of them are plain cases. What comes of it, or what is still to be resumed, is the driver's.
    pub(super) fn run_links(
        &mut self,
        root: &Rc<Coroutine>,
        chain: &mut Vec<Rc<Coroutine>>,
        mut value: Value,
        mut delivered: bool,
    ) -> Next {
        loop {
            let link = chain.last().unwrap_or(root);
            let in_chain = link.in_chain.get();
            if !chain.is_empty() {
                root.state.set(State::Running);
            }
            // It counts itself, and is counted in the depth already.
            self.depth -= 1;
            let passing = self.resume_in_passing(link, value, in_chain, delivered);
            if !chain.is_empty() && root.state.get() == State::Running {
                root.state.set(State::Suspended);
            }
            let result = match passing {
                Passing::Returned(result) if !chain.is_empty() => {
                    if let Some(member) = chain.pop() {
                        member.in_chain.set(false);
                    }
                    (value, delivered) = (result, true);
                    continue;
                }
                Passing::Delegated(inner) if self.depth < self.recursion_limit => {
                    self.depth += 1;
                    inner.in_chain.set(true);
                    chain.push(inner);
                    (value, delivered) = (Value::None, false);
                    continue;
                }
                Passing::Delegated(inner) => Ok(Outcome::Delegate(inner, None)),
                Passing::Other(result) => result,
                Passing::Yielded(value) => {
                    self.depth += 1;
                    Ok(Outcome::Yield(value))
                }
                Passing::Returned(value) => {
                    self.depth += 1;
                    Ok(Outcome::Return(value))
                }
                Passing::Refused(value) => {
                    self.depth += 1;
                    return Next::Resume(if delivered { Resume::Deliver(value) } else { Resume::Send(value) });
                }
            };
            return Next::Outcome(result);
        }
    }

    /// Lets go of the frame of a coroutine that has come to its end.
    #[inline]
    pub(super) fn finish(&mut self, coroutine: &Coroutine) {
        coroutine.state.set(State::Finished);
        if let Body::Frame(ParkedFrame { function, locals, .. }, _) = coroutine.take_body() {
            let mut locals = locals.into_vec();
            self.leave_caught(&mut locals, &function);
            gc::release_in_order(&mut locals);
        }
    }
}

/// A coroutine that was running waits to be resumed.
#[inline(always)]
pub(super) fn suspend(coroutine: &Rc<Coroutine>, created: bool) {
    if created {
        gc::register(coroutine);
    }
    coroutine.state.set(State::Suspended);
}
