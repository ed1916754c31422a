//! The step loop.
//!
//! One loop serves plain calls, generators and coroutines. It ends with a value and `frame.exit` saying why, or with an
//! error for which the frame has no handler. A frame that is suspended stands *at* its suspending step; resuming looks
//! there for what to do with the value that comes in.

use super::prelude::*;
use crate::machine::coroutine::awaiter;
use crate::object::class::Awaited;
use crate::object::code::{Called, Finally, PairTarget, Pc, Slot, Step};
use crate::object::coroutine::{AwaiterState, Operation, Outcome, Resume, State};
use crate::object::frame::Exit;
use crate::object::iter::{Iter, Pair};
use crate::object::{Eval, Located};

impl Vm {
    /// Runs a frame until it returns, suspends or fails.
    #[inline(always)]
    pub fn execute(&mut self, frame: &mut Frame) -> Eval {
        loop {
            match self.run_steps(frame) {
                Ok(value) => return Ok(value),
                Err(raised) => self.unwind(frame, raised.into())?,
            }
        }
    }

    /// Resumes a suspended frame.
    #[inline]
    pub fn execute_from(&mut self, frame: &mut Frame, input: Resume) -> Eval {
        // Nearly always a value arrives where one is waited for.
        let step = frame.code.steps.get(frame.pc as usize);
        match (input, step) {
            (Resume::Send(value) | Resume::Deliver(value), Some(Step::Yield(_, slot) | Step::AsyncYield(_, slot)))
            | (Resume::Deliver(value), Some(Step::Await(slot) | Step::YieldFrom(slot))) => {
                frame.receive(*slot, value);
                frame.pc += 1;
                self.execute(frame)
            }
            // It has only given way.
            (Resume::Send(_), Some(Step::Await(slot))) if matches!(&frame.locals[*slot as usize], Value::Native(_)) => {
                frame.put(*slot as usize, Value::None);
                frame.pc += 1;
                self.execute(frame)
            }
            (input, _) => self.execute_after(frame, input),
        }
    }

    /// The same for all that may come.
    pub fn execute_after(&mut self, frame: &mut Frame, input: Resume) -> Eval {
        if let Resume::Throw(error) = &input {
            let thrown = error.clone();
            match self.accept(frame, input) {
                // Raised here like any other, but what whoever throws it is handling is no context of it.
                Err(error) if Rc::ptr_eq(&error.0, &thrown.0) => {
                    if let Some(handled) = &frame.handled {
                        error.0.set_context(handled);
                    }
                    let handling = std::mem::replace(&mut self.handling, frame.handled.clone());
                    let caught = self.unwind(frame, error);
                    self.handling = handling;
                    caught?;
                }
                Err(error) => self.unwind(frame, error)?,
                Ok(Some(value)) => return Ok(value),
                Ok(None) => {}
            }
        } else if let Some(value) = self.take_in(frame, input)? {
            return Ok(value);
        }
        self.execute(frame)
    }

    /// What is sent or thrown arrives at the step that waits for it.
    fn take_in(&mut self, frame: &mut Frame, input: Resume) -> Result<Option<Value>> {
        match self.accept(frame, input) {
            Err(error) => self.unwind(frame, error).map(|()| None),
            done => done,
        }
    }

    fn run_steps<'a>(&mut self, frame: &mut Frame<'a>) -> Eval {
        let code: &'a Code = frame.code;
        let steps = &code.steps[..];
        let mut pc = frame.pc as usize;
        macro_rules! attempt {
            ($result:expr) => {
                match $result {
                    Ok(value) => value,
                    Err(error) => {
                        frame.pc = pc as u32;
                        return Err(error.into());
                    }
                }
            };
        }
        // What died while a condition was evaluated is finalised before what depends on it.
        macro_rules! jump {
            ($target:expr) => {{
                if gc::pending() {
                    frame.pc = pc as u32;
                    self.run_finalizers(Some(frame));
                }
                pc = $target as usize;
                continue;
            }};
        }
        // The iterator goes, and with it what only it referred to.
        macro_rules! leave_loop {
            ($iter:expr, $exit:expr) => {{
                frame.locals[$iter as usize] = Value::Unbound;
                jump!($exit)
            }};
        }
        macro_rules! next {
            ($iter:expr) => {
                match &frame.locals[$iter as usize] {
                    Value::Coroutine(generator) if generator.kind == Kind::Generator => {
                        let generator = generator.clone();
                        attempt!(self.called_at(frame.code, pc, |vm| vm.next_or_unbound(&generator))).bound()
                    }
                    Value::Iter(iter) => match iter.at_once() {
                        None => match &**iter {
                            Iter::Str { text, at } => self.next_char(text, at),
                            _ => attempt!(self.called_at(frame.code, pc, |vm| vm.next_of(frame, $iter))),
                        },
                        some => some,
                    },
                    _ => attempt!(self.called_at(frame.code, pc, |vm| vm.next_of(frame, $iter))),
                }
            };
        }
        loop {
            match &steps[pc] {
                Step::Expr(thunk) => attempt!(thunk(self, frame)).discard(),
                Step::Do(action) => attempt!(action(self, frame)),
                Step::StoreLocal(slot, thunk) => {
                    let value = attempt!(thunk(self, frame));
                    frame.put(*slot as usize, value);
                }
                Step::Jump(target) => {
                    pc = *target as usize;
                    continue;
                }
                Step::Loop(target) => {
                    attempt!(self.tick());
                    pc = *target as usize;
                    // The commonest of loops goes on without looking for its step.
                    let Step::ForLocal { iter, local, exit } = &steps[pc] else { continue };
                    match next!(*iter) {
                        Some(value) => frame.put(*local as usize, value),
                        None => leave_loop!(*iter, *exit),
                    }
                }
                Step::JumpIf(cond, target) => {
                    if attempt!(cond(self, frame)) {
                        jump!(*target)
                    }
                }
                Step::LoopIf(cond, target) => {
                    if attempt!(cond(self, frame)) {
                        attempt!(self.tick());
                        jump!(*target)
                    }
                }
                Step::JumpIfNot(cond, target) => {
                    if !attempt!(cond(self, frame)) {
                        jump!(*target)
                    }
                }
                Step::Return(thunk) => {
                    let value = attempt!(thunk(self, frame));
                    frame.pc = pc as u32;
                    frame.exit = Exit::Return;
                    return Ok(value);
                }
                Step::ForLocal { iter, local, exit } => match next!(*iter) {
                    Some(value) => frame.put(*local as usize, value),
                    None => leave_loop!(*iter, *exit),
                },
                Step::For { iter, store, exit } => match next!(*iter) {
                    Some(value) => attempt!(store(self, frame, value)),
                    None => leave_loop!(*iter, *exit),
                },
                Step::ForPair { iter, target, exit } => {
                    let at_once = match &frame.locals[*iter as usize] {
                        Value::Iter(iter) => iter.at_once().map(Pair::Whole).or_else(|| iter.pair_at_once()),
                        _ => None,
                    };
                    let pair = match at_once {
                        None => {
                            // Held on to: script code it runs could clear the frame.
                            let iterator = frame.locals[*iter as usize].clone();
                            attempt!(self.called_at(frame.code, pc, |vm| vm.next_pair(&iterator)))
                        }
                        some => some,
                    };
                    match pair {
                        Some(pair) => attempt!(self.store_pair(frame, target, pair)),
                        None => leave_loop!(*iter, *exit),
                    }
                }
                Step::Yield(thunk, _) => {
                    let value = attempt!(thunk(self, frame));
                    frame.pc = pc as u32;
                    frame.exit = Exit::Yield;
                    return Ok(value);
                }
                Step::AsyncYield(thunk, _) => {
                    let value = attempt!(thunk(self, frame));
                    frame.pc = pc as u32;
                    frame.exit = Exit::AsyncYield;
                    return Ok(value);
                }
                Step::AwaitCall(call, slot) => match attempt!(call(self, frame)) {
                    Called::Awaitable(value) => frame.put(*slot as usize, value),
                    Called::Done(value) => {
                        frame.put(*slot as usize, value);
                        pc += 1;
                    }
                    Called::GiveWay(native) => {
                        frame.put(*slot as usize, native);
                        frame.pc = pc as u32 + 1;
                        frame.exit = Exit::Yield;
                        return Ok(Value::None);
                    }
                    Called::Suspended(value) => {
                        frame.put(*slot as usize, value.clone());
                        frame.pc = pc as u32 + 1;
                        frame.exit = Exit::Delegate;
                        return Ok(value);
                    }
                },
                Step::Await(slot) => {
                    frame.pc = pc as u32;
                    let slot = *slot as usize;
                    if let Some(value) = self.begin_await(frame, slot)? {
                        return Ok(value);
                    }
                }
                Step::YieldFrom(slot) => {
                    frame.pc = pc as u32;
                    if let Some(value) = self.begin_yield_from(frame, *slot as usize)? {
                        return Ok(value);
                    }
                }
                Step::AsyncNext { iter, value, exit } => {
                    frame.pc = pc as u32;
                    match self.begin_async_next(frame, *iter as usize, *value as usize) {
                        Ok(None) => {}
                        Ok(Some(value)) => return Ok(value),
                        Err(error) => {
                            self.end_async_for(frame, error, *iter)?;
                            pc = *exit as usize;
                            continue;
                        }
                    }
                }
                Step::EndFinally(finally) => {
                    if let Some(target) = attempt!(self.end_finally(frame, finally)) {
                        pc = target as usize;
                        continue;
                    }
                }
            }
            pc += 1;
            if gc::pending() {
                frame.pc = pc as u32 - 1;
                self.run_finalizers(Some(frame));
            }
        }
    }

    fn store_pair(&mut self, frame: &mut Frame, target: &PairTarget, pair: Pair) -> Eval<()> {
        let (first, second) = match pair {
            Pair::Items(first, second) => (first, second),
            Pair::Whole(Value::Tuple(tuple)) if tuple.len() == 2 => (tuple[0].clone(), tuple[1].clone()),
            Pair::Whole(whole) => {
                let mut items = self.unpack(&whole, 2).at(target.span)?.into_iter();
                drop(whole);
                (items.next().unwrap_or_default(), items.next().unwrap_or_default())
            }
        };
        if let Some([one, two]) = target.locals {
            frame.put(one as usize, first);
            frame.put(two as usize, second);
            return Ok(());
        }
        (target.stores[0])(self, frame, first)?;
        (target.stores[1])(self, frame, second)
    }

    #[inline(never)]
    fn next_of(&mut self, frame: &mut Frame, iter: Slot) -> Result<Option<Value>> {
        if let Value::Iter(iter) = &frame.locals[iter as usize] {
            // The iterator is kept alive by its hidden slot, which only this step changes; a native one is held on to,
            // because script code it runs could clear the frame.
            return match &**iter {
                Iter::Native { .. } => match iter.any_at_once() {
                    None => {
                        let iter = iter.clone();
                        self.advance(&iter)
                    }
                    some => Ok(some),
                },
                _ => self.advance(iter),
            };
        }
        let iterator = frame.locals[iter as usize].clone();
        self.next(&iterator)
    }

    /// Gives a suspended frame what it waited for: `Some` if it is suspended again at once.
    fn accept<'a>(&mut self, frame: &mut Frame<'a>, input: Resume) -> Result<Option<Value>> {
        let code: &'a Code = frame.code;
        match &code.steps[frame.pc as usize] {
            Step::Yield(_, slot) | Step::AsyncYield(_, slot) => match input {
                Resume::Send(value) | Resume::Deliver(value) => {
                    frame.receive(*slot, value);
                    frame.pc += 1;
                    Ok(None)
                }
                Resume::Throw(error) | Resume::Fail(error) => Err(error),
            },
            Step::Await(slot) => self.accept_awaited(frame, *slot as usize, input),
            Step::AsyncNext { iter, value, exit } => match self.accept_awaited(frame, *value as usize, input) {
                Err(error) => {
                    self.end_async_for(frame, error, *iter)?;
                    frame.pc = *exit;
                    Ok(None)
                }
                other => other,
            },
            Step::YieldFrom(slot) => self.accept_yield_from(frame, *slot as usize, input),
            _ => match input {
                // Not started yet.
                Resume::Send(_) | Resume::Deliver(_) => Ok(None),
                Resume::Throw(error) | Resume::Fail(error) => Err(error),
            },
        }
    }

    fn accept_awaited(&mut self, frame: &mut Frame, slot: usize, input: Resume) -> Result<Option<Value>> {
        match input {
            Resume::Deliver(value) => {
                frame.put(slot, value);
                frame.pc += 1;
                Ok(None)
            }
            Resume::Fail(error) => Err(error),
            Resume::Throw(error) if has_ended(&frame.locals[slot]) => Err(error),
            Resume::Send(_) | Resume::Throw(_) if matches!(&frame.locals[slot], Value::Coroutine(_)) => {
                let Value::Coroutine(native) = frame.locals[slot].clone() else { return Ok(None) };
                let again = self.resume_in_frame(frame, slot, &native, input)?;
                if again.is_none() {
                    frame.pc += 1;
                }
                Ok(again)
            }
            Resume::Throw(error) => Err(error),
            Resume::Send(_) => {
                // Only a native awaitable hands its value to the event loop without a coroutine of its own.
                let pending = frame.locals[slot].clone();
                let class = self.class_of(&pending);
                let Some(hook) = class.awaiting.get() else {
                    return Err(self.runtime_error("a coroutine was resumed while what it awaits was not done"));
                };
                match (hook.resume)(self, &pending).map_err(|e| self.raised_here(e))? {
                    Awaited::Ready(value) => {
                        frame.put(slot, value);
                        frame.pc += 1;
                        Ok(None)
                    }
                    Awaited::Yield(value) => {
                        frame.exit = Exit::Yield;
                        Ok(Some(value))
                    }
                }
            }
        }
    }

    /// Begins to await the value in a slot: `None` if its result is in the slot already.
    #[inline]
    fn begin_await(&mut self, frame: &mut Frame, slot: usize) -> Result<Option<Value>> {
        let class = match &frame.locals[slot] {
            Value::Instance(instance) => instance.class().clone(),
            Value::Coroutine(native)
                if native.code.is_none() && native.state.get() == State::Created && native.kind == Kind::Coroutine =>
            {
                let native = native.clone();
                return self.resume_in_frame(frame, slot, &native, Resume::Send(Value::None));
            }
            _ => {
                frame.exit = Exit::Delegate;
                return Ok(Some(frame.locals[slot].clone()));
            }
        };
        let Some(hook) = class.awaiting.get() else {
            frame.exit = Exit::Delegate;
            return Ok(Some(frame.locals[slot].clone()));
        };
        let pending = frame.locals[slot].clone();
        Ok(match (hook.begin)(self, &pending).map_err(|e| self.raised_here(e))? {
            Awaited::Ready(value) => {
                frame.put(slot, value);
                None
            }
            Awaited::Yield(value) => {
                frame.exit = Exit::Yield;
                Some(value)
            }
        })
    }

    /// An exception that a native keeps and hands on: raised anew, in what is being handled here.
    pub fn raised_here(&self, error: Error) -> Error {
        if let Some(handling) = &self.handling {
            error.0.set_context(handling);
        }
        error
    }

    /// Notes the place that the frame stands at while `body` runs for it.
    #[inline]
    fn called_from<T>(&mut self, frame: &Frame, body: impl FnOnce(&mut Vm) -> T) -> T {
        self.called_at(frame.code, frame.pc as usize, body)
    }

    /// Notes the place of a step while `body` runs for it.
    #[inline]
    fn called_at<T>(&mut self, code: &Code, pc: usize, body: impl FnOnce(&mut Vm) -> T) -> T {
        let span = code.span_at(pc);
        self.calls.push(super::CallSite { code: code.id.get(), span });
        let result = body(self);
        self.calls.pop();
        result
    }

    /// Resumes a native coroutine that the frame awaits, without making it a link of the await chain: `asyncio.sleep` and
    /// its like. Its result goes to the slot.
    fn resume_in_frame(
        &mut self,
        frame: &mut Frame,
        slot: usize,
        native: &Rc<Coroutine>,
        input: Resume,
    ) -> Result<Option<Value>> {
        match self.called_from(frame, |vm| vm.resume_native(native, input))? {
            Outcome::Return(value) => {
                frame.put(slot, value);
                Ok(None)
            }
            Outcome::Yield(value) | Outcome::AsyncYield(value) => {
                frame.exit = Exit::Yield;
                Ok(Some(value))
            }
            outcome @ (Outcome::Delegate(..) | Outcome::Begun(_)) => {
                self.begun = Some(Box::new((native.clone(), outcome)));
                frame.exit = Exit::Delegate;
                Ok(Some(Value::Coroutine(native.clone())))
            }
        }
    }

    fn begin_async_next(&mut self, frame: &mut Frame, iter: usize, value: usize) -> Result<Option<Value>> {
        let iterator = frame.locals[iter].clone();
        if let Value::Instance(_) = iterator
            && !frame.code.green
            && let Some(method @ Value::Function(_)) = self.lookup_special(&iterator, sym::__anext__)
        {
            let span = frame.code.span_at(frame.pc as usize);
            match self.call_awaited(frame, &method, std::slice::from_ref(&iterator), span)? {
                Called::Done(item) => {
                    frame.put(value, item);
                    return Ok(None);
                }
                Called::Suspended(coroutine) => {
                    frame.put(value, coroutine.clone());
                    frame.exit = Exit::Delegate;
                    return Ok(Some(coroutine));
                }
                // What a function gives is looked at like what any other method gives.
                Called::Awaitable(given) => frame.locals[value] = self.anext_awaitable(given)?,
                Called::GiveWay(_) => {}
            }
            return self.begin_await(frame, value);
        }
        if let Value::Coroutine(generator) = &iterator
            && !frame.code.green
            && frame.handled.is_none()
            && self.may_pass_through(generator)
        {
            self.hook_async_generator(generator)?;
            let outcome = self.called_from(frame, |vm| vm.resume_passing_through(generator))?;
            return match outcome {
                Outcome::AsyncYield(item) => {
                    frame.put(value, item);
                    Ok(None)
                }
                Outcome::Return(_) => Err(self.stop_async_iteration()),
                // It waits for something: what the frame awaits is the operation that has begun.
                outcome => {
                    let operation = awaiter(generator, Operation::Send, Value::None);
                    if let Value::Awaiter(awaiter) = &operation {
                        awaiter.state.set(AwaiterState::Done);
                    }
                    frame.put(value, operation.clone());
                    self.begun = Some(Box::new((generator.clone(), outcome)));
                    frame.exit = Exit::Delegate;
                    Ok(Some(operation))
                }
            };
        }
        let next = self.async_next(&iterator)?;
        frame.locals[value] = next;
        self.begin_await(frame, value)
    }

    /// Ends an `async for` if that is what the error means.
    fn end_async_for(&mut self, frame: &mut Frame, error: Error, iter: Slot) -> Result<()> {
        if !error.is(&self.types.StopAsyncIteration) {
            return Err(error);
        }
        frame.locals[iter as usize] = Value::Unbound;
        if gc::pending() {
            self.run_finalizers(Some(frame));
        }
        Ok(())
    }

    fn begin_yield_from(&mut self, frame: &mut Frame, slot: usize) -> Result<Option<Value>> {
        if let Value::Coroutine(coroutine) = &frame.locals[slot] {
            if coroutine.kind != Kind::AsyncGenerator {
                if coroutine.kind == Kind::Coroutine && !frame.code.iterable.get() {
                    return Err(self.type_error("cannot 'yield from' a coroutine object in a non-coroutine generator"));
                }
                frame.exit = Exit::Delegate;
                return Ok(Some(frame.locals[slot].clone()));
            }
        }
        let value = frame.locals[slot].take();
        let iterator = self.iter(&value)?;
        frame.locals[slot] = iterator.clone();
        if let Value::Coroutine(_) = iterator {
            frame.exit = Exit::Delegate;
            return Ok(Some(iterator));
        }
        self.yield_next(frame, slot, &iterator, Value::None)
    }

    fn accept_yield_from(&mut self, frame: &mut Frame, slot: usize, input: Resume) -> Result<Option<Value>> {
        let iterator = frame.locals[slot].clone();
        match input {
            Resume::Deliver(value) => {
                frame.put(slot, value);
                frame.pc += 1;
                Ok(None)
            }
            Resume::Fail(error) => Err(error),
            Resume::Send(value) => {
                let again = self.yield_next(frame, slot, &iterator, value)?;
                if again.is_none() {
                    frame.pc += 1;
                }
                Ok(again)
            }
            Resume::Throw(error) if has_ended(&iterator) => Err(error),
            Resume::Throw(error) => match self.throw_into(&iterator, error)? {
                Outcome::Return(value) => {
                    frame.put(slot, value);
                    frame.pc += 1;
                    Ok(None)
                }
                Outcome::Yield(value) | Outcome::AsyncYield(value) => {
                    frame.exit = Exit::Yield;
                    Ok(Some(value))
                }
                Outcome::Delegate(..) | Outcome::Begun(_) => Ok(None),
            },
        }
    }

    /// The next value of what a generator delegates to; its result goes to the slot.
    fn yield_next(&mut self, frame: &mut Frame, slot: usize, iterator: &Value, sent: Value) -> Result<Option<Value>> {
        match self.called_from(frame, |vm| vm.send_into(iterator, sent))? {
            Outcome::Yield(value) | Outcome::AsyncYield(value) => {
                frame.exit = Exit::Yield;
                Ok(Some(value))
            }
            Outcome::Return(value) => {
                frame.put(slot, value);
                Ok(None)
            }
            Outcome::Delegate(..) | Outcome::Begun(_) => Ok(None),
        }
    }

    fn end_finally(&mut self, frame: &mut Frame, finally: &Finally) -> Result<Option<Pc>> {
        self.leave_handler(frame, finally.outer);
        match frame.locals[finally.why as usize].take() {
            Value::Exception(exception) => {
                exception.reraised.set(true);
                Err(Error(exception))
            }
            Value::Int(exit) if exit > 0 => Ok(finally.exits.get(exit as usize - 1).copied()),
            _ => Ok(None),
        }
    }
}

/// Whether what a frame waits for is a coroutine that has ended: nothing that is thrown can go there any more.
fn has_ended(awaited: &Value) -> bool {
    matches!(awaited, Value::Coroutine(coroutine) if coroutine.state.get() == State::Finished)
}
