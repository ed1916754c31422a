//! What scripts do with generators, coroutines and asynchronous generators: `send`, `throw`, `close`, and their
//! asynchronous forms; and what happens when one dies.

use super::prelude::*;
use crate::machine::coroutine::awaiter;
use crate::machine::unwind::leave_handling;
use crate::object::coroutine::{Awaiter, AwaiterState, Body, Operation, Outcome, Resume, State};

/// The class that is being thrown, with its arguments, and the exception that was made of it.
#[derive(Default)]
struct GivenToThrow(Option<(Error, Vec<Value>)>);

impl Vm {
    /// `generator.send(value)`: the next value, or `StopIteration`.
    pub fn generator_send(&mut self, generator: &Rc<Coroutine>, value: Value) -> Result {
        match self.resume(generator, Resume::Send(value))? {
            Outcome::Return(value) => Err(self.stop_iteration(value)),
            Outcome::Yield(value) | Outcome::AsyncYield(value) => Ok(value),
            Outcome::Delegate(..) | Outcome::Begun(_) => Ok(Value::None),
        }
    }

    /// `generator.throw(error)`.
    pub fn generator_throw(&mut self, generator: &Rc<Coroutine>, error: Error) -> Result {
        match self.resume(generator, Resume::Throw(error))? {
            Outcome::Return(value) => Err(self.stop_iteration(value)),
            Outcome::Yield(value) | Outcome::AsyncYield(value) => Ok(value),
            Outcome::Delegate(..) | Outcome::Begun(_) => Ok(Value::None),
        }
    }

    /// Throws an exception that is made of these arguments: an iterator that a generator delegates to gets the same.
    pub fn throw_given(
        &mut self,
        args: &[Value],
        error: Error,
        throw: impl FnOnce(&mut Vm, Error) -> Result,
    ) -> Result {
        if matches!(args, [Value::Exception(_), Value::Unbound, ..]) {
            return throw(self, error);
        }
        let args = args.iter().take_while(|arg| !arg.is_unbound()).cloned().collect();
        let before = self.extension::<GivenToThrow>().0.replace((error.clone(), args));
        let result = throw(self, error);
        self.extension::<GivenToThrow>().0 = before;
        result
    }

    /// What an iterator's `throw` is called with for an exception.
    pub(super) fn given_to_throw(&mut self, error: &Error) -> Vec<Value> {
        match &self.extension::<GivenToThrow>().0 {
            Some((thrown, args)) if Rc::ptr_eq(&thrown.0, &error.0) => args.clone(),
            _ => vec![error.value()],
        }
    }

    /// `generator.close()`.
    pub fn generator_close(&mut self, generator: &Rc<Coroutine>) -> Result {
        match generator.state.get() {
            State::Created => {
                generator.state.set(State::Finished);
                let body = generator.take_body();
                drop(body);
                Ok(Value::None)
            }
            State::Finished => Ok(Value::None),
            State::Running => Err(self.already_executing(generator.kind)),
            State::Suspended => {
                let exit = self.generator_exit();
                match self.resume(generator, Resume::Throw(exit)) {
                    // Only the last reference to one that ignored `aclose()` closes it so.
                    Ok(Outcome::Return(_)) if generator.kind == Kind::AsyncGenerator => {
                        Err(self.stop_async_iteration())
                    }
                    // 3.13: the value of a return in answer to GeneratorExit.
                    Ok(Outcome::Return(value)) => Ok(value),
                    Ok(_) => {
                        let ignored = self.ignored_exit(generator.kind);
                        Err(self.raised_here(ignored))
                    }
                    Err(e) if e.is(&self.types.GeneratorExit) || e.is(&self.types.StopIteration) => Ok(Value::None),
                    Err(e) => Err(e),
                }
            }
        }
    }

    /// The exception that the arguments of `throw` stand for: an instance, a class, or the old three of them.
    pub fn exception_to_throw(&mut self, kind: &Value, value: &Value, traceback: &Value) -> Result<Error> {
        if !traceback.is_unbound() && !matches!(traceback, Value::None | Value::Traceback(_)) {
            return Err(self.type_error("throw() third argument must be a traceback object"));
        }
        let error = match kind {
            Value::Exception(exception) => {
                if value.given().is_some() {
                    return Err(self.type_error("instance exception may not have a separate value"));
                }
                Error(exception.clone())
            }
            Value::Class(class) if class.is_subclass(&self.types.BaseException) => {
                let made = match value {
                    Value::Unbound | Value::None => self.call(kind, &[]),
                    Value::Exception(e) if e.is(class) => Ok(value.clone()),
                    Value::Tuple(args) => self.call(kind, args),
                    other => self.call(kind, std::slice::from_ref(other)),
                };
                // What fails in making the exception is thrown instead of it.
                match made {
                    Ok(Value::Exception(exception)) => Error(exception),
                    Err(error) => error,
                    Ok(other) => {
                        let (shown, found) = (self.class_repr(class), self.type_name(&other));
                        return Ok(self.type_error(format!(
                            "calling {shown} should have returned an instance of BaseException, not {found}"
                        )));
                    }
                }
            }
            other => {
                return Err(self.type_error(format!(
                    "exceptions must be classes or instances deriving from BaseException, not {}",
                    self.type_name(other)
                )));
            }
        };
        if let Value::Traceback(traceback) = traceback {
            *error.0.traceback.borrow_mut() = Some(traceback.clone());
        }
        Ok(error)
    }

    /// Tells the event loop of an asynchronous generator that is iterated for the first time.
    pub fn hook_async_generator(&mut self, generator: &Rc<Coroutine>) -> Result<()> {
        if generator.hooked.replace(true) {
            return Ok(());
        }
        let (first, finalizer) = self.asyncgen_hooks.clone();
        if finalizer.given().is_some() {
            generator.with_extra(|extra| extra.finalizer = finalizer);
        }
        if let Some(first) = first.given() {
            self.call(first, &[Value::Coroutine(generator.clone())])?;
        }
        Ok(())
    }

    /// A `RuntimeError` that no frame will take in when a task does nothing but drive the awaiter.
    fn refused(&mut self, message: impl Into<String>) -> Error {
        let error = self.runtime_error(message);
        self.raised_here(error)
    }

    /// The same for the end of an asynchronous generator.
    fn exhausted(&mut self) -> Error {
        let error = self.stop_async_iteration();
        self.raised_here(error)
    }

    /// Starts the operation of an awaiter as a link of an await chain.
    pub fn delegate_awaiter(&mut self, awaiter: &Rc<Awaiter>) -> Result<Outcome> {
        let target = awaiter.target.clone();
        if awaiter.operation == Operation::Await {
            return self.delegate(&Value::Coroutine(target));
        }
        match awaiter.state.replace(AwaiterState::Done) {
            AwaiterState::Created => {}
            _ => {
                let what =
                    if awaiter.operation == Operation::Send { "__anext__()/asend()" } else { "aclose()/athrow()" };
                return Err(self.refused(format!("cannot reuse already awaited {what}")));
            }
        }
        self.begin_operation(awaiter, &target)
    }

    fn begin_operation(&mut self, awaiter: &Awaiter, target: &Rc<Coroutine>) -> Result<Outcome> {
        let finished = target.state.get() == State::Finished;
        match awaiter.operation {
            Operation::Await | Operation::Send => {
                if target.running_async.get() {
                    return Err(self.refused("anext(): asynchronous generator is already running"));
                }
                // One that ignored `GeneratorExit` goes on.
                if finished {
                    return Err(self.exhausted());
                }
                let value = awaiter.argument.borrow().clone();
                if target.state.get() == State::Created && !value.is_none() {
                    return Err(self.type_error("can't send non-None value to a just-started async generator"));
                }
                target.running_async.set(true);
                Ok(Outcome::delegate(target.clone(), Resume::Send(value)))
            }
            Operation::Throw => {
                if finished {
                    return Ok(Outcome::Return(Value::None));
                }
                if target.running_async.get() {
                    return Err(self.refused("athrow(): asynchronous generator is already running"));
                }
                if target.closed.get() {
                    return Err(self.exhausted());
                }
                let thrown = awaiter.argument.borrow().clone();
                let error = match &thrown {
                    Value::Tuple(args) if args.is_empty() => {
                        // It stays as one that runs.
                        target.running_async.set(true);
                        return Err(self.type_error("athrow expected at least 1 argument, got 0"));
                    }
                    Value::Tuple(args) => {
                        let get = |at: usize| args.get(at).cloned().unwrap_or_default();
                        self.exception_to_throw(&get(0), &get(1), &get(2))?
                    }
                    other => self.exception_to_throw(other, &Value::Unbound, &Value::Unbound)?,
                };
                // One that has not begun cannot turn it into another error: whoever awaits takes it for the end.
                if target.state.get() == State::Created && error.is(&self.types.StopIteration) {
                    self.generator_close(target)?;
                    return Ok(Outcome::Return(self.stop_value(&error)));
                }
                target.running_async.set(true);
                Ok(Outcome::delegate(target.clone(), Resume::Throw(error)))
            }
            Operation::Close => {
                if target.running_async.get() {
                    return Err(self.refused("aclose(): asynchronous generator is already running"));
                }
                if finished {
                    return Ok(Outcome::Return(Value::None));
                }
                if target.closed.replace(true) {
                    return Err(self.exhausted());
                }
                if target.state.get() == State::Created {
                    self.generator_close(target)?;
                    return Ok(Outcome::Return(Value::None));
                }
                target.running_async.set(true);
                // `Closing` turns the ways this can end into those of `aclose()`.
                let closing = Closing { target: target.clone(), begun: false };
                let link = Coroutine::native(Kind::Generator, Box::new(closing), &"aclose");
                Ok(Outcome::Delegate(Rc::new(link), None))
            }
        }
    }

    /// What `athrow()` and `aclose()` are sent first can only be `None`, as long as they have something to do.
    fn check_first_sent(&mut self, this: &Awaiter, input: &Resume) -> Result<()> {
        let target = &this.target;
        let begins = this.operation != Operation::Send
            && this.state.get() == AwaiterState::Created
            && target.state.get() != State::Finished
            && !target.running_async.get()
            && !target.closed.get();
        match input {
            Resume::Send(value) if begins && !value.is_none() => {
                Err(self.runtime_error("can't send non-None value to a just-started coroutine"))
            }
            _ => Ok(()),
        }
    }

    /// `awaiter.send(value)`: an awaiter driven by hand. It becomes the chain of a small coroutine of its own.
    pub fn awaiter_resume(&mut self, this: &Rc<Awaiter>, mut input: Resume) -> Result {
        if this.operation == Operation::Await {
            return match input {
                Resume::Throw(error) | Resume::Fail(error) => self.generator_throw(&this.target, error),
                Resume::Send(value) | Resume::Deliver(value) => self.generator_send(&this.target, value),
            };
        }
        let existing = match &*this.argument.borrow() {
            Value::Coroutine(driver) if this.state.get() == AwaiterState::Started => Some(driver.clone()),
            _ => None,
        };
        let driver = match existing {
            Some(driver) => driver,
            None => {
                self.check_first_sent(this, &input)?;
                let body: Box<dyn crate::object::coroutine::NativeCoroutine> = match (input, this.state.get()) {
                    // Thrown into before it has begun: the generator gets it all the same.
                    (Resume::Throw(error), AwaiterState::Created) => {
                        input = Resume::Send(Value::None);
                        let operation = this.operation;
                        Box::new(Throwing { target: this.target.clone(), error: Some(error), operation })
                    }
                    (given, state) => {
                        // With nothing left to do it does not matter what it is sent.
                        let is_idle = state == AwaiterState::Done || this.operation != Operation::Send;
                        input = if is_idle { Resume::Send(Value::None) } else { given };
                        let mut argument = this.argument.borrow().clone();
                        if let (AwaiterState::Created, Resume::Send(value)) = (state, &mut input)
                            && !value.is_none()
                        {
                            let sent = std::mem::replace(value, Value::None);
                            // What is sent first takes the place of what `asend` was given; the others have nothing to do.
                            if this.operation == Operation::Send {
                                argument = sent;
                            }
                        }
                        let inner = awaiter(&this.target, this.operation, argument);
                        if let (AwaiterState::Done, Value::Awaiter(inner)) = (state, &inner) {
                            inner.state.set(AwaiterState::Done);
                        }
                        Box::new(Driver { inner, begun: false })
                    }
                };
                let driver = Rc::new(Coroutine::native(Kind::Generator, body, &"__await__"));
                this.argument.replace(Value::Coroutine(driver.clone()));
                this.state.set(AwaiterState::Started);
                driver
            }
        };
        let result = match input {
            Resume::Throw(error) | Resume::Fail(error) => self.generator_throw(&driver, error),
            Resume::Send(value) | Resume::Deliver(value) => self.generator_send(&driver, value),
        };
        if result.is_err() {
            this.state.set(AwaiterState::Done);
        }
        result
    }

    /// A coroutine or generator whose last reference went away before it was done.
    pub fn finalize_coroutine(&mut self, coroutine: Rc<Coroutine>) {
        let started = coroutine.state.get() != State::Created;
        if coroutine.kind == Kind::Coroutine && !started {
            // It is not closed: a task that dies with it shows it as it was.
            self.warn_never_awaited(&coroutine);
            coroutine.mark.set_finalized();
            return;
        }
        if coroutine.kind == Kind::AsyncGenerator {
            if coroutine.mark.is_finalized() {
                coroutine.state.set(State::Finished);
                return;
            }
            let finalizer = coroutine.extra(|extra| extra.finalizer.take());
            if finalizer.given().is_some() && !coroutine.closed.get() {
                if let Err(error) = self.call(&finalizer, &[Value::Coroutine(coroutine.clone())]) {
                    self.report_unraisable(&error, &Value::Coroutine(coroutine.clone()));
                }
                // That was its only chance, though the hook may keep it.
                coroutine.mark.set_finalized();
                if Rc::strong_count(&coroutine) == 1 {
                    coroutine.state.set(State::Finished);
                }
                return;
            }
        }
        // What drives an awaiter or an iterator is nothing in CPython, and what it drives is on its own.
        if coroutine.kind == Kind::Generator && coroutine.code.is_none() {
            coroutine.state.set(State::Finished);
            return;
        }
        if let Err(error) = self.generator_close(&coroutine) {
            self.report_unraisable(&error, &Value::Coroutine(coroutine.clone()));
            // A script's own call of `__del__` may have found it at work.
            if coroutine.state.get() == State::Running {
                return;
            }
            // Where something still leads to it, it stands where it refused to end.
            if coroutine.state.get() == State::Suspended && Rc::strong_count(&coroutine) > 1 {
                coroutine.mark.set_finalized();
                return;
            }
            if let Body::Frame(frame, pc) = coroutine.take_body() {
                leave_handling(frame, pc);
            }
        }
        // It had its chance: what is left of it is freed without another.
        coroutine.state.set(State::Finished);
    }
}

/// The link under `aclose()`: throws `GeneratorExit` into the generator and judges how that ends.
struct Closing {
    target: Rc<Coroutine>,
    begun: bool,
}

impl crate::object::coroutine::NativeCoroutine for Closing {
    fn trace(&self, visit: gc::Visit) {
        gc::link(&self.target, Value::Coroutine, visit);
    }

    fn resume(&mut self, vm: &mut Vm, input: Resume) -> Result<Outcome> {
        if !std::mem::replace(&mut self.begun, true) {
            let exit = vm.new_error(vm.types.GeneratorExit.clone(), Vec::new());
            return Ok(Outcome::delegate(self.target.clone(), Resume::Throw(exit)));
        }
        match input {
            Resume::Deliver(_) | Resume::Send(_) => Err(vm.refused("async generator ignored GeneratorExit")),
            Resume::Fail(e) | Resume::Throw(e)
                if e.is(&vm.types.GeneratorExit) || e.is(&vm.types.StopAsyncIteration) =>
            {
                Ok(Outcome::Return(Value::None))
            }
            Resume::Fail(e) | Resume::Throw(e) => Err(e),
        }
    }

    fn awaiting(&self) -> Value {
        Value::Coroutine(self.target.clone())
    }
}

/// The coroutine under an awaiter that is thrown into before it has begun.
struct Throwing {
    target: Rc<Coroutine>,
    error: Option<Error>,
    operation: Operation,
}

impl crate::object::coroutine::NativeCoroutine for Throwing {
    fn trace(&self, visit: gc::Visit) {
        gc::link(&self.target, Value::Coroutine, visit);
        if let Some(error) = &self.error {
            gc::link(&error.0, Value::Exception, visit);
        }
    }

    fn resume(&mut self, vm: &mut Vm, input: Resume) -> Result<Outcome> {
        if let Some(error) = self.error.take() {
            if self.target.running_async.get() {
                let what = match self.operation {
                    Operation::Close => "aclose()",
                    Operation::Throw => "athrow()",
                    _ => "anext()",
                };
                return Err(vm.refused(format!("{what}: asynchronous generator is already running")));
            }
            if self.target.state.get() == State::Finished {
                return self.resume(vm, Resume::Fail(error));
            }
            self.target.running_async.set(true);
            return Ok(Outcome::delegate(self.target.clone(), Resume::Throw(error)));
        }
        // `aclose()` ends well when the generator does.
        let closing = self.operation == Operation::Close;
        match input {
            Resume::Deliver(_) | Resume::Send(_) if closing => Err(vm.refused("async generator ignored GeneratorExit")),
            Resume::Deliver(value) | Resume::Send(value) => Ok(Outcome::Return(value)),
            Resume::Fail(e) | Resume::Throw(e)
                if closing && (e.is(&vm.types.GeneratorExit) || e.is(&vm.types.StopAsyncIteration)) =>
            {
                Ok(Outcome::Return(Value::None))
            }
            Resume::Fail(e) | Resume::Throw(e) => Err(e),
        }
    }

    fn awaiting(&self) -> Value {
        Value::Coroutine(self.target.clone())
    }
}

/// The coroutine under an awaiter that is driven by hand.
struct Driver {
    inner: Value,
    begun: bool,
}

impl crate::object::coroutine::NativeCoroutine for Driver {
    fn trace(&self, visit: gc::Visit) {
        visit(&self.inner);
    }

    fn resume(&mut self, vm: &mut Vm, input: Resume) -> Result<Outcome> {
        if !std::mem::replace(&mut self.begun, true) {
            let inner = self.inner.clone();
            return vm.delegate(&inner);
        }
        match input {
            Resume::Deliver(value) | Resume::Send(value) => Ok(Outcome::Return(value)),
            Resume::Fail(error) | Resume::Throw(error) => Err(error),
        }
    }

    fn awaiting(&self) -> Value {
        self.inner.clone()
    }
}
