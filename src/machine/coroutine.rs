//! Resuming coroutines, generators and asynchronous generators.
//!
//! [`Vm::resume`] drives a whole await chain: the coroutine that is resumed from outside (the root) keeps the coroutines
//! below it in a list and resumes the innermost directly, at a cost that does not depend on the depth. Each member
//! stands at an `Await` or `YieldFrom` step whose slot holds the next member, so the list can always be made anew from
//! those links; that is done when a member was resumed on its own, which `chain_epoch` counts.

use super::iter::Ending;
use super::prelude::*;
use crate::machine::links::{awaiting, forward};
use crate::machine::passing::{Passing, suspend};
use crate::machine::unwind::keep_locals;
use crate::object::Eval;
use crate::object::class::Awaited;
use crate::object::code::{Called, Pc, Step};
use crate::object::coroutine::{Awaiter, AwaiterState, Body, Chain, Operation, Outcome, ParkedFrame, Resume, State};
use crate::object::frame::Exit;

/// Awaited calls on the native stack at once.
const NESTED_AWAITS: u32 = 100;

impl Vm {
    pub(super) fn resume_chain(&mut self, root: &Rc<Coroutine>, input: Resume) -> Result<Outcome> {
        match root.state.get() {
            State::Suspended => {}
            State::Created => {
                if let Resume::Send(value) = &input {
                    if !value.is_none() {
                        let what = kind_name(root.kind);
                        return Err(self.type_error(format!("can't send non-None value to a just-started {what}")));
                    }
                }
            }
            State::Running => {
                return Err(self.already_executing(root.kind));
            }
            State::Finished => {
                return match (root.kind, input) {
                    (Kind::Coroutine, _) => Err(self.reused(root)),
                    (_, Resume::Throw(error) | Resume::Fail(error)) => {
                        error.0.comes_as_it_is();
                        Err(error)
                    }
                    _ => Ok(Outcome::Return(Value::None)),
                };
            }
        }
        let chain = root.take_chain();
        if chain.is_none() && !root.in_chain.get() && self.depth < self.recursion_limit {
            return self.resume_alone(root, input);
        }
        let outdated = chain.as_ref().is_some_and(|chain| chain.epoch != self.chain_epoch);
        let mut chain = chain.unwrap_or_default();
        if root.in_chain.get() || outdated {
            if root.in_chain.get() {
                self.chain_epoch += 1;
            }
            chain.members = self.follow_chain(root);
            chain.members.iter().for_each(|member| member.in_chain.set(true));
        }
        let members = chain.members.len() as u32;
        if self.depth + members >= self.recursion_limit && !self.has_room(members + 1) {
            root.set_chain(chain);
            return self.nested(|vm| Err(vm.chain_too_deep()));
        }
        self.enter()?;
        self.depth += chain.members.len() as u32;
        self.driving.push((root.clone(), self.calls.len()));
        let result = self.drive(root, &mut chain.members, Next::Resume(input));
        self.driving.pop();
        self.keep_chain(root, chain);
        result
    }

    /// [`Vm::resume`] of a coroutine with nothing below it, which is how most generators live and die: no list is kept
    /// for it until it delegates.
    #[inline]
    fn resume_alone(&mut self, root: &Rc<Coroutine>, input: Resume) -> Result<Outcome> {
        self.enter()?;
        let result = self.resume_one(root, input);
        self.follow(root, Passing::Other(result))
    }

    pub(super) fn keep_chain(&mut self, root: &Coroutine, mut chain: Box<Chain>) {
        self.depth -= 1 + chain.members.len() as u32;
        chain.epoch = self.chain_epoch;
        root.set_chain(chain);
    }

    #[cold]
    fn chain_too_deep(&mut self) -> Error {
        self.error(self.types.RecursionError.clone(), "maximum recursion depth exceeded")
    }

    pub(super) fn drive(
        &mut self,
        root: &Rc<Coroutine>,
        chain: &mut Vec<Rc<Coroutine>>,
        mut next: Next,
    ) -> Result<Outcome> {
        // `GeneratorExit` closes the members of the chain one after the other, innermost first, as if each called
        // `close()` of what it waits for: which of them is being closed, and what the root will get.
        let mut closing = None;
        // How many members wait for what was thrown into the innermost one: each of them throws what comes back out on
        // into its own frame, where what that frame is handling becomes the context.
        let mut throwing = 0;
        if let Next::Resume(Resume::Throw(error)) = &next {
            throwing = chain.len();
            if !chain.is_empty() && error.is(&self.types.GeneratorExit) {
                closing = Some((chain.len() - 1, error.clone()));
                next = Next::Resume(Resume::Throw(self.generator_exit()));
            }
        }
        loop {
            if throwing == 0 && closing.is_none() {
                next = match next {
                    Next::Resume(Resume::Send(value)) => self.run_links(root, chain, value, false),
                    Next::Resume(Resume::Deliver(value)) => self.run_links(root, chain, value, true),
                    next => next,
                };
            }
            let at_root = chain.is_empty();
            if chain.len() < throwing {
                throwing = chain.len();
                if let Next::Resume(Resume::Fail(error)) = &next {
                    if let Some(handled) = chain.last().unwrap_or(root).handled() {
                        error.0.set_context(&handled);
                    }
                }
            }
            let result = match (next, chain.last()) {
                (Next::Outcome(result), _) => result,
                (Next::Resume(input), Some(top)) => {
                    root.state.set(State::Running);
                    let result = match throwing > 0 && throwing == chain.len() {
                        true => self.resume_thrown_into(top, input),
                        false => self.resume_one(top, input),
                    };
                    if root.state.get() == State::Running {
                        root.state.set(State::Suspended);
                    }
                    result
                }
                (Next::Resume(input), None) => self.resume_one(root, input),
            };
            // The common way out, without taking the result apart.
            if let (Ok(Outcome::Yield(_)), None) = (&result, &closing) {
                return result;
            }
            if let Some((at, exit)) = closing.clone() {
                let ended = chain.len() == at + 1;
                let failure = match &result {
                    Ok(Outcome::Return(_)) if ended => Some(None),
                    Err(error) if ended => {
                        let types = &self.types;
                        let quiet = error.is(&types.GeneratorExit) || error.is(&types.StopIteration);
                        Some(if quiet { None } else { Some(error.clone()) })
                    }
                    // What is closed of an asynchronous generator is the awaitable of one of its items, which ends with it.
                    Ok(Outcome::AsyncYield(_)) if ended => Some(None),
                    Ok(Outcome::Yield(_)) => Some(Some(match chain[at].kind {
                        Kind::Generator => self.ignored_exit(Kind::Generator),
                        _ => self.ignored_exit(Kind::Coroutine),
                    })),
                    _ => None,
                };
                // What an awaitable driven by hand drives has nobody above it who closes it.
                let handed_out = at == 0 && root.kind == Kind::Generator && root.code.is_none();
                if let (Some(Some(_)), Ok(Outcome::Yield(_)), true) = (&failure, &result, handed_out) {
                    return result;
                }
                if let Some(failure) = failure {
                    match result {
                        Ok(Outcome::Yield(_)) => self.cut_off(chain, at),
                        _ => drop(result),
                    }
                    while chain.len() > at {
                        self.pop(chain);
                    }
                    closing = None;
                    next = Next::Resume(match failure {
                        Some(error) => Resume::Fail(error),
                        None if chain.is_empty() => Resume::Throw(exit),
                        None => {
                            closing = Some((chain.len() - 1, exit));
                            Resume::Fail(self.generator_exit())
                        }
                    });
                    continue;
                }
            }
            next = Next::Resume(match result {
                Ok(Outcome::Begun(begun)) => {
                    let (member, outcome) = *begun;
                    self.depth += 1;
                    let above = chain.last().unwrap_or(root);
                    if let Some(handled) = handled_by(above) {
                        member.with_extra(|extra| extra.base_handled = Some(handled));
                    }
                    member.in_chain.set(true);
                    chain.push(member);
                    next = Next::Outcome(Ok(outcome));
                    continue;
                }
                Ok(Outcome::Delegate(inner, with)) => {
                    if self.depth >= self.recursion_limit && !self.has_room(1) {
                        self.abandon(&inner);
                        Resume::Fail(self.chain_too_deep())
                    } else {
                        self.depth += 1;
                        let above = chain.last().unwrap_or(root);
                        let thrown = throwing > 0 && throwing == chain.len() && above.handled().is_none();
                        if let Some(handled) = handled_by(above) {
                            inner.with_extra(|extra| extra.base_handled = Some(handled));
                        }
                        inner.in_chain.set(true);
                        chain.push(inner);
                        throwing += usize::from(thrown);
                        Resume::first(with)
                    }
                }
                result if at_root => return result,
                Ok(Outcome::Yield(value) | Outcome::AsyncYield(value)) => {
                    self.pop(chain);
                    Resume::Deliver(value)
                }
                Ok(Outcome::Return(value)) => match self.pop(chain) {
                    Some(Kind::AsyncGenerator) => Resume::Fail(self.stop_async_iteration()),
                    _ => Resume::Deliver(value),
                },
                Err(error) => {
                    self.pop(chain);
                    Resume::Fail(error)
                }
            });
        }
    }

    pub(super) fn generator_exit(&mut self) -> Error {
        let exit = self.new_error(self.types.GeneratorExit.clone(), Vec::new());
        self.raised_here(exit)
    }

    #[cold]
    pub(super) fn ignored_exit(&mut self, kind: Kind) -> Error {
        self.runtime_error(format!("{} ignored GeneratorExit", kind_name(kind)))
    }

    /// A generator or coroutine that is resumed while it runs.
    #[cold]
    pub(super) fn already_executing(&mut self, kind: Kind) -> Error {
        self.value_error(format!("{} already executing", kind_name(kind)))
    }

    /// Leaves a member that ignored `GeneratorExit` suspended where it is, with all that it waits for.
    #[cold]
    fn cut_off(&mut self, chain: &mut Vec<Rc<Coroutine>>, at: usize) {
        let members = chain.split_off(at + 1);
        self.depth -= members.len() as u32;
        let is_running = chain[at].running_async.get();
        let Some(member) = chain.last().cloned() else { return };
        self.pop(chain);
        member.running_async.set(is_running);
        if !members.is_empty() {
            member.set_chain(Box::new(Chain { members, epoch: self.chain_epoch }));
        }
    }

    fn pop(&mut self, chain: &mut Vec<Rc<Coroutine>>) -> Option<Kind> {
        let member = chain.pop()?;
        self.depth -= 1;
        member.in_chain.set(false);
        if member.kind == Kind::AsyncGenerator {
            member.running_async.set(false);
        }
        drop(member.extra(|extra| extra.base_handled.take()));
        Some(member.kind)
    }

    /// A coroutine that cannot be started because the chain is too long: it counts as started and failed.
    fn abandon(&mut self, inner: &Coroutine) {
        inner.running_async.set(false);
        inner.state.set(State::Finished);
        let body = inner.take_body();
        drop(body);
    }

    /// The chain below a coroutine, from the links in the frames.
    fn follow_chain(&mut self, root: &Rc<Coroutine>) -> Vec<Rc<Coroutine>> {
        let mut chain: Vec<Rc<Coroutine>> = Vec::new();
        let mut at = root.clone();
        while at.state.get() == State::Suspended
            && !at.look(|body| matches!(body, Body::Native(native) if native.drives()))
        {
            let next = match awaiting(&at) {
                Value::Coroutine(next) => next,
                Value::Awaiter(awaiter) if awaiter.target.state.get() != State::Finished => awaiter.target.clone(),
                iterator @ (Value::Instance(_) | Value::Iter(_))
                    if self.class_of(&iterator).awaiting.get().is_none() =>
                {
                    forward(iterator)
                }
                _ => break,
            };
            chain.push(next.clone());
            at = next;
        }
        chain
    }

    /// Resumes one coroutine until it suspends or ends, without following what it delegates to.
    fn resume_one(&mut self, coroutine: &Rc<Coroutine>, input: Resume) -> Result<Outcome> {
        if coroutine.state.get() == State::Running {
            return Err(self.already_executing(coroutine.kind));
        }
        let created = coroutine.state.get() == State::Created;
        coroutine.state.set(State::Running);
        let Some(mut body) = coroutine.hold_body() else { return self.resume_ended(coroutine, input) };
        match &mut *body {
            Body::Frame(parked, pc) => {
                // What never began fails with just what is thrown into it.
                if let (Resume::Throw(error) | Resume::Fail(error), true) = (&input, created) {
                    let error = error.clone();
                    let ParkedFrame { function, locals, .. } = parked;
                    let span = function.code.head_span();
                    error.0.add_traceback(&function.code, span, None);
                    keep_locals(locals, function, &error, span);
                    drop(body);
                    coroutine.state.set(State::Finished);
                    if let Body::Frame(frame, _) = coroutine.take_body() {
                        gc::release_in_order(&mut frame.locals.into_vec());
                    }
                    return Err(error);
                }
                let outcome = self.resume_frame(coroutine, (parked, pc), input, created);
                drop(body);
                self.put_back(coroutine, outcome, created)
            }
            Body::Native(_) => {
                drop(body);
                match input {
                    Resume::Throw(error) | Resume::Fail(error) if created && coroutine.kind == Kind::Coroutine => {
                        coroutine.state.set(State::Finished);
                        // Its frame has the arguments, and the exception has the frame.
                        if let Body::Native(native) = coroutine.take_body() {
                            let frame = Coroutine::native(Kind::Coroutine, native, coroutine.native_name);
                            frame.state.set(State::Finished);
                            self.keep_with(&error, Value::Coroutine(Rc::new(frame)));
                        }
                        Err(error)
                    }
                    input => {
                        let outcome = self.resume_native(coroutine, input);
                        if coroutine.state.get() == State::Suspended {
                            gc::register(coroutine);
                        }
                        outcome
                    }
                }
            }
            Body::Empty => {
                drop(body);
                self.resume_ended(coroutine, input)
            }
        }
    }

    /// One that is thrown into knows nothing of what those that await it are handling until it suspends again.
    #[cold]
    fn resume_thrown_into(&mut self, coroutine: &Rc<Coroutine>, input: Resume) -> Result<Outcome> {
        let base_handled = coroutine.extra(|extra| extra.base_handled.take());
        let result = self.resume_one(coroutine, input);
        coroutine.extra(|extra| extra.base_handled = base_handled);
        result
    }

    /// What waits for a coroutine that somebody else has closed meanwhile is resumed.
    #[cold]
    fn resume_ended(&mut self, coroutine: &Coroutine, input: Resume) -> Result<Outcome> {
        coroutine.state.set(State::Finished);
        match input {
            Resume::Throw(error) | Resume::Fail(error)
                if coroutine.kind != Kind::Coroutine || error.is(&self.types.GeneratorExit) =>
            {
                Err(error)
            }
            _ if coroutine.kind == Kind::Coroutine => Err(self.reused(coroutine)),
            _ => Ok(Outcome::Return(Value::None)),
        }
    }

    /// Resumes a native coroutine.
    #[inline]
    pub fn resume_native(&mut self, coroutine: &Coroutine, input: Resume) -> Result<Outcome> {
        let body = coroutine.take_body();
        let Body::Native(mut native) = body else { return self.resume_ended(coroutine, input) };
        coroutine.state.set(State::Running);
        let result = native.resume(self, input);
        // A coroutine of the library has a frame in CPython.
        if let (Err(error), Kind::Coroutine) = (&result, coroutine.kind) {
            error.0.raised.set(true);
        }
        if let Ok(Outcome::Return(_)) | Err(_) = &result {
            coroutine.state.set(State::Finished);
        } else {
            coroutine.state.set(State::Suspended);
            coroutine.put_body(Body::Native(native));
        }
        result
    }

    fn resume_frame(
        &mut self,
        coroutine: &Coroutine,
        (parked, pc): (&mut ParkedFrame, &mut Pc),
        input: Resume,
        created: bool,
    ) -> Result<Outcome> {
        let ParkedFrame { function, locals, handled } = parked;
        // Hardly ever is an exception being handled here or there, and then there is nothing to set aside.
        let base_handled = coroutine.extra(|extra| extra.base_handled.clone());
        let quiet = self.handling.is_none() && handled.is_none() && base_handled.is_none();
        let (mut before, mut outer_handled) = (None, None);
        if !quiet {
            before = self.handling.clone();
            // What the coroutine that awaits this one is handling counts as being handled here as well.
            outer_handled = base_handled.or_else(|| before.clone());
            self.handling = handled.clone().or_else(|| outer_handled.clone());
        }
        let mut frame = Frame {
            locals,
            code: &function.code,
            function,
            pc: *pc,
            exit: Exit::Return,
            handled: handled.take(),
            outer_handled,
        };
        let result = match input {
            Resume::Send(_) | Resume::Deliver(_) if created => self.execute(&mut frame).map_err(Error::from),
            input => self.execute_from(&mut frame, input).map_err(Error::from),
        };
        let outcome = self.settle(&mut frame, result);
        (*pc, *handled) = (frame.pc, frame.handled.take());
        if !quiet || self.handling.is_some() {
            self.handling = before;
        }
        outcome
    }

    /// A coroutine that was running waits to be resumed, or comes to its end and lets go of its frame.
    pub(super) fn put_back(
        &mut self,
        coroutine: &Rc<Coroutine>,
        outcome: Result<Outcome>,
        created: bool,
    ) -> Result<Outcome> {
        if let Ok(Outcome::Return(_)) | Err(_) = &outcome {
            self.finish(coroutine);
            return match outcome {
                Err(error) if coroutine.code.as_ref().is_some_and(|code| code.green) => Err(error),
                Err(error) => Err(self.no_stop_iteration(coroutine.kind, error)),
                outcome => outcome,
            };
        }
        if self.is_held_caller()
            && let Some(body) = coroutine.hold_body()
            && let Body::Frame(parked, _) = &*body
        {
            self.suspend_caller(&parked.locals);
        }
        suspend(coroutine, created);
        outcome
    }

    /// What a run of a frame came to. A delegation that ends at once (nothing to await after all) goes on in the frame.
    #[inline]
    pub(super) fn settle(&mut self, frame: &mut Frame, mut result: Result) -> Result<Outcome> {
        loop {
            match (result, frame.exit) {
                (Ok(value), Exit::Return) => return Ok(Outcome::Return(value)),
                (Ok(value), Exit::Yield) => return Ok(Outcome::Yield(value)),
                (Ok(value), Exit::AsyncYield) => return Ok(Outcome::AsyncYield(value)),
                (Ok(value), Exit::Delegate) => {
                    if let Some(begun) = self.begun.take() {
                        return Ok(Outcome::Begun(begun));
                    }
                    let next = match (&value, &frame.code.steps[frame.pc as usize]) {
                        // A generator delegates to another without asking whether it may be awaited.
                        (Value::Coroutine(inner), Step::YieldFrom(_)) => self.delegate_to(inner),
                        // What `__anext__` gave was asked for its iterator before.
                        (Value::Coroutine(inner), Step::AsyncNext { .. }) if inner.kind == Kind::Generator => {
                            self.delegate_to(inner)
                        }
                        (_, Step::Await(slot) | Step::AsyncNext { value: slot, .. }) => {
                            let place = &mut frame.locals[*slot as usize];
                            self.delegate_noting(&value, |iterator| *place = iterator.clone())
                        }
                        _ => self.delegate(&value),
                    };
                    frame.exit = Exit::Return;
                    drop(value);
                    result = match next {
                        Ok(Outcome::Return(value)) => {
                            self.execute_from(frame, Resume::Deliver(value)).map_err(Error::from)
                        }
                        Ok(other) => return Ok(other),
                        Err(error) => self.execute_after(frame, Resume::Fail(error)).map_err(Error::from),
                    };
                }
                (Err(error), _) => return Err(error),
            }
        }
    }

    /// Whether one more awaited call may run on the native stack. The driver of chains takes over from those that lie
    /// deep, and where coroutines must say where they were made.
    #[inline]
    pub fn may_nest_await(&self) -> bool {
        self.nested_awaits < NESTED_AWAITS && self.origin_depth == 0
    }

    /// Whether the next item of an asynchronous generator can be asked for on the native stack.
    pub(super) fn may_pass_through(&self, generator: &Coroutine) -> bool {
        generator.kind == Kind::AsyncGenerator
            && generator.code.as_ref().is_some_and(|code| code.view.is_none())
            && matches!(generator.state.get(), State::Created | State::Suspended)
            && !generator.running_async.get()
            && !generator.in_chain.get()
            && !generator.has_chain()
            && self.handling.is_none()
            && self.may_nest_await()
    }

    /// Asks it. If it waits for something itself it is left as a member of the chain that is about to be made.
    pub(super) fn resume_passing_through(&mut self, generator: &Rc<Coroutine>) -> Result<Outcome> {
        self.enter()?;
        self.nested_awaits += 1;
        generator.running_async.set(true);
        let result = self.resume_one(generator, Resume::Send(Value::None));
        if matches!(result, Ok(Outcome::AsyncYield(_) | Outcome::Return(_)) | Err(_)) {
            generator.running_async.set(false);
        }
        self.nested_awaits -= 1;
        self.depth -= 1;
        result
    }

    /// Runs a coroutine function as if it were a plain one, its arguments in `locals`. Only when it is
    /// suspended is an object made of it, which then joins the chain of whoever awaits it.
    pub fn run_awaited(&mut self, function: &Rc<Function>, locals: &mut [Value]) -> Eval<Called> {
        self.enter()?;
        self.nested_awaits += 1;
        super::call::make_cells(function, locals);
        let handling = self.handling.clone();
        let mut frame = Frame {
            locals,
            code: &function.code,
            function,
            pc: 0,
            exit: Exit::Return,
            handled: None,
            outer_handled: handling.clone(),
        };
        let result = self.execute(&mut frame).map_err(Error::from);
        let outcome = self.settle(&mut frame, result);
        let (pc, handled) = (frame.pc, frame.handled.take());
        drop(frame.outer_handled.take());
        self.handling = handling;
        self.nested_awaits -= 1;
        if let Ok(Outcome::Return(_)) = &outcome {
            self.leave_caught(locals, function);
        }
        let held_caller = self.is_held_caller();
        self.depth -= 1;
        match outcome {
            Ok(Outcome::Return(value)) => Ok(Called::Done(value)),
            Ok(outcome) => {
                let slots = (function.code.slots as usize).min(locals.len());
                let from = locals.as_ptr();
                let locals: Box<[Value]> = locals[..slots].iter_mut().map(Value::take).collect();
                self.caught_moved(from, locals.as_ptr());
                if held_caller {
                    self.depth += 1;
                    self.suspend_caller(&locals);
                    self.depth -= 1;
                }
                let coroutine = self.parked(function, ParkedFrame { function: function.clone(), locals, handled }, pc);
                coroutine.state.set(State::Suspended);
                let coroutine = Rc::new(coroutine);
                gc::register(&coroutine);
                self.begun = Some(Box::new((coroutine.clone(), outcome)));
                Ok(Called::Suspended(Value::Coroutine(coroutine)))
            }
            Err(error) => Err(self.no_stop_iteration(Kind::Coroutine, error).into()),
        }
    }

    /// `StopIteration` must not leave a generator: it would look like its end.
    fn no_stop_iteration(&mut self, kind: Kind, error: Error) -> Error {
        let what = kind_name(kind);
        let raised = if error.is(&self.types.StopIteration) {
            "StopIteration"
        } else if kind == Kind::AsyncGenerator && error.is(&self.types.StopAsyncIteration) {
            "StopAsyncIteration"
        } else {
            return error;
        };
        let new = self.runtime_error(format!("{what} raised {raised}"));
        *new.0.cause.borrow_mut() = Some(error.0.clone());
        *new.0.context.borrow_mut() = Some(error.0.clone());
        new.0.suppress_context.set(true);
        new
    }

    /// What awaiting a value does first: hand something out, run a coroutine, or be done already. For native
    /// coroutines; `await` in a frame comes here for all but native awaitables.
    pub fn delegate(&mut self, awaitable: &Value) -> Result<Outcome> {
        self.delegate_noting(awaitable, |_| ())
    }

    /// The same, saying which iterator it is if a script's `__await__` gives one: that is what is waited for.
    pub fn delegate_noting(&mut self, awaitable: &Value, note: impl FnOnce(&Value)) -> Result<Outcome> {
        match awaitable {
            Value::Coroutine(inner) if inner.kind == Kind::Coroutine || inner.iterable => match inner.state.get() {
                State::Created => Ok(Outcome::Delegate(inner.clone(), None)),
                State::Finished if inner.kind == Kind::Coroutine => Err(self.reused(inner)),
                State::Running if inner.kind == Kind::Coroutine => {
                    let error = self.value_error("coroutine already executing");
                    self.advise_reuse(&error, inner);
                    Err(error)
                }
                _ if inner.kind == Kind::Coroutine => {
                    let error = self.runtime_error("coroutine is being awaited already");
                    self.advise_reuse(&error, inner);
                    Err(error)
                }
                _ => self.delegate_to(inner),
            },
            Value::Awaiter(awaiter) => self.delegate_awaiter(awaiter),
            _ => {
                let class = self.class_of(awaitable);
                if let Some(hook) = class.awaiting.get() {
                    return Ok(match (hook.begin)(self, awaitable)? {
                        Awaited::Ready(value) => Outcome::Return(value),
                        Awaited::Yield(value) => Outcome::Yield(value),
                    });
                }
                let iterator = self.await_iterator(awaitable)?;
                note(&iterator);
                match &iterator {
                    Value::Coroutine(inner) => self.delegate_to(inner),
                    Value::Awaiter(awaiter) => self.delegate_awaiter(awaiter),
                    _ => Ok(Outcome::Delegate(forward(iterator), None)),
                }
            }
        }
    }

    #[cold]
    fn reused(&mut self, coroutine: &Coroutine) -> Error {
        let error = self.runtime_error("cannot reuse already awaited coroutine");
        self.advise_reuse(&error, coroutine);
        error
    }

    fn delegate_to(&mut self, inner: &Rc<Coroutine>) -> Result<Outcome> {
        match inner.state.get() {
            State::Finished if inner.kind == Kind::Generator => Ok(Outcome::Return(Value::None)),
            State::Running => Err(self.already_executing(inner.kind)),
            // One that others have started: its own chain is not this one's.
            State::Suspended if inner.has_chain() => {
                Ok(Outcome::Delegate(forward(Value::Coroutine(inner.clone())), None))
            }
            _ => Ok(Outcome::Delegate(inner.clone(), None)),
        }
    }

    /// The iterator that `value.__await__()` gives.
    pub fn await_iterator(&mut self, value: &Value) -> Result {
        if matches!(value, Value::Coroutine(c) if c.kind == Kind::Generator && c.iterable) {
            return Ok(value.clone());
        }
        let Some(method) = self.lookup_special(value, sym::__await__) else {
            let name = self.type_name(value);
            let error = self.type_error(format!("object {name} can't be used in 'await' expression"));
            self.advise_awaited(&error, value, true);
            return Err(error);
        };
        let iterator = self.call_found(&method, value, &[])?;
        match &iterator {
            Value::Coroutine(c) if c.kind == Kind::Coroutine || c.iterable => {
                let error = self.type_error("__await__() returned a coroutine");
                self.advise(
                    &error,
                    "`__await__` returns an iterator, and a coroutine has one: put `.__await__()` behind it",
                );
                Err(error)
            }
            _ if self.is_iterator(&iterator) || matches!(iterator, Value::Awaiter(_)) => Ok(iterator),
            _ => {
                Err(self
                    .type_error(format!("__await__() returned non-iterator of type '{}'", self.type_name(&iterator))))
            }
        }
    }

    /// `iterator.send(value)`, or `next` for `None`.
    pub fn send_into(&mut self, iterator: &Value, value: Value) -> Result<Outcome> {
        if let Value::Coroutine(inner) = iterator {
            return self.resume(inner, Resume::Send(value));
        }
        if let Value::Iter(iter) = iterator {
            if value.is_none() {
                return Ok(match self.next_or_ending(iter)? {
                    Ok(item) => Outcome::Yield(item),
                    Err(Ending::Raised(error)) => Outcome::Return(self.stop_value(&error)),
                    Err(Ending::Returned(value)) => Outcome::Return(value),
                    Err(Ending::Plain | Ending::Unasked) => Outcome::Return(Value::None),
                });
            }
        }
        let result = if value.is_none() {
            match self.lookup_special(iterator, sym::__next__) {
                Some(method) => self.call_found(&method, iterator, &[]),
                None => {
                    return Err(self.not_an_iterator(iterator));
                }
            }
        } else {
            self.call_method(iterator, sym::send, &[value])
        };
        self.yielded(result)
    }

    /// `iterator.throw(error)`, or just the error if it has no such method.
    pub fn throw_into(&mut self, iterator: &Value, error: Error) -> Result<Outcome> {
        if let Value::Coroutine(inner) = iterator {
            return self.resume(inner, Resume::Throw(error));
        }
        if error.is(&self.types.GeneratorExit) {
            match self.get_attr_opt(iterator, sym::close) {
                Ok(Some(close)) => drop(self.call(&close, &[])?),
                Ok(None) => {}
                Err(failed) => self.report_unraisable(&failed, iterator),
            }
            return Err(error);
        }
        match self.get_attr_opt(iterator, sym::throw)? {
            // Whatever it comes from, this one says that the iterator is at its end.
            None => self.yielded(Err(error)),
            Some(throw) => {
                let args = self.given_to_throw(&error);
                let result = self.call(&throw, &args);
                self.yielded(result)
            }
        }
    }

    /// A result in which `StopIteration` means the end.
    fn yielded(&mut self, result: Result) -> Result<Outcome> {
        match result {
            Ok(value) => Ok(Outcome::Yield(value)),
            Err(e) if e.is(&self.types.StopIteration) => Ok(Outcome::Return(self.stop_value(&e))),
            Err(e) => Err(e),
        }
    }

    /// `StopIteration.value`.
    pub fn stop_value(&mut self, error: &Error) -> Value {
        let own = self.exception_attr(&error.0, sym::value);
        own.unwrap_or_else(|| error.0.args().into_iter().next().unwrap_or(Value::None))
    }
}

/// How the driver of a chain begins: by resuming its innermost member, or with what came of that.
pub(super) enum Next {
    Resume(Resume),
    Outcome(Result<Outcome>),
}

/// What a coroutine that delegates is handling, or those that await it.
fn handled_by(coroutine: &Coroutine) -> Option<Rc<Exception>> {
    coroutine.handled().or_else(|| coroutine.extra(|extra| extra.base_handled.clone()))
}

/// An awaitable for one operation on a coroutine.
pub fn awaiter(target: &Rc<Coroutine>, operation: Operation, argument: Value) -> Value {
    Value::Awaiter(Rc::new(Awaiter {
        target: target.clone(),
        operation,
        state: AwaiterState::Created.into(),
        argument: argument.into(),
    }))
}

pub fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Generator => "generator",
        Kind::Coroutine => "coroutine",
        Kind::AsyncGenerator => "async generator",
    }
}
