//! Generators, coroutines and asynchronous generators: a parked frame and its state.
//!
//! A coroutine that awaits another does not resume it itself: the one that was resumed from outside (the *root*) keeps
//! the whole chain of coroutines below it and resumes the innermost directly, so that a resumption costs the same at
//! any depth.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::code::Code;
use super::exception::{Error, Exception, Result};
use super::function::Function;
use super::gc::{self, Finalizer};
use super::str::Str;
use super::value::Value;
use crate::machine::Vm;
use crate::source::Span;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Generator,
    Coroutine,
    AsyncGenerator,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    Created,
    Running,
    Suspended,
    Finished,
}

pub struct Coroutine {
    pub kind: Kind,
    pub state: Cell<State>,
    pub body: RefCell<Body>,
    /// `None` for a native coroutine.
    pub code: Option<Rc<Code>>,
    pub name: RefCell<Rc<Str>>,
    pub qualname: RefCell<Rc<Str>>,
    /// The coroutines below this one, innermost last, while it is the root of a suspended chain.
    pub chain: RefCell<Vec<Rc<Coroutine>>>,
    /// The machine's count of chains touched from outside when `chain` was stored; see `machine::coroutine`.
    pub chain_epoch: Cell<u64>,
    /// What those that await it were handling when it was started.
    pub base_handled: RefCell<Option<Rc<Exception>>>,
    /// Whether another coroutine's chain goes through this one.
    pub in_chain: Cell<bool>,
    /// A generator decorated with `types.coroutine`.
    pub iterable: bool,
    /// Asynchronous generators: whether the loop's hooks know it; whether `aclose` or `athrow` has ended it; whether an
    /// `asend` or `athrow` is under way.
    pub hooked: Cell<bool>,
    pub closed: Cell<bool>,
    pub running_async: Cell<bool>,
    /// The event loop's function to call when it dies while suspended (asynchronous generators).
    pub finalizer: RefCell<Value>,
    /// Where it was created: a code object's number and a place in it.
    pub origin: Cell<Option<(u32, Span)>>,
    /// The calls that led there, innermost first, if they are tracked.
    pub origins: Option<Box<Vec<(u32, Span)>>>,
    pub mark: gc::Mark,
}

pub enum Body {
    Frame(ParkedFrame),
    Native(Box<dyn NativeCoroutine>),
    /// Running, or done.
    Empty,
}

/// A frame between two resumptions.
pub struct ParkedFrame {
    pub function: Rc<Function>,
    pub locals: Box<[Value]>,
    pub pc: u32,
    pub handled: Option<Rc<Exception>>,
}

/// How a coroutine is resumed.
pub enum Resume {
    /// From outside: the value of the `yield` it stands at, or of what it delegates to.
    Send(Value),
    Throw(Error),
    /// What it awaited is done.
    Deliver(Value),
    Fail(Error),
}

/// How a run of a coroutine ended.
pub enum Outcome {
    Return(Value),
    Yield(Value),
    /// An asynchronous generator's own `yield`.
    AsyncYield(Value),
    /// Run this one until it is done, then deliver its result. Without anything else it is sent `None`.
    Delegate(Rc<Coroutine>, Option<Box<Resume>>),
    /// The frame has begun a coroutine itself, which joins the chain, and this came of it.
    Begun(Box<(Rc<Coroutine>, Outcome)>),
}

// It is passed on at every resumption.
const _: () = assert!(size_of::<Result<Outcome>>() == 24);

impl Outcome {
    /// Delegates to a coroutine, which goes on with this.
    pub fn delegate(to: Rc<Coroutine>, with: Resume) -> Outcome {
        match with {
            Resume::Send(Value::None) => Outcome::Delegate(to, None),
            with => Outcome::Delegate(to, Some(Box::new(with))),
        }
    }
}

impl Resume {
    /// What an [`Outcome::Delegate`] goes on with.
    pub fn first(with: Option<Box<Resume>>) -> Resume {
        with.map_or(Resume::Send(Value::None), |with| *with)
    }
}

/// A coroutine written in Rust: a small state machine.
pub trait NativeCoroutine {
    /// Goes on; the first resumption is `Send(None)`. Delegating to another coroutine or awaitable is done with
    /// `machine::coroutine::delegate`.
    fn resume(&mut self, vm: &mut Vm, input: Resume) -> Result<Outcome>;

    /// Shows the references it holds to the garbage collector; see [`gc::trace`].
    fn trace(&self, _visit: gc::Visit) {}

    /// What it waits for (`cr_await`).
    fn awaiting(&self) -> Value {
        Value::None
    }

    /// The object that decides when it goes on: a lock, a queue.
    fn waits_on(&self) -> Value {
        Value::None
    }
}

impl Coroutine {
    pub fn new(kind: Kind, body: Body, code: Option<Rc<Code>>, name: Rc<Str>, qualname: Rc<Str>) -> Coroutine {
        let iterable = false;
        Coroutine {
            kind,
            state: Cell::new(State::Created),
            body: RefCell::new(body),
            code,
            name: RefCell::new(name),
            qualname: RefCell::new(qualname),
            chain: RefCell::default(),
            chain_epoch: Cell::new(0),
            base_handled: RefCell::default(),
            in_chain: Cell::new(false),
            iterable,
            hooked: Cell::new(false),
            closed: Cell::new(false),
            running_async: Cell::new(false),
            finalizer: RefCell::default(),
            origin: Cell::new(None),
            origins: None,
            mark: gc::Mark::default(),
        }
    }

    /// Whether dropping it has something to run or to say.
    fn needs_finalizing(&mut self) -> bool {
        match self.state.get() {
            State::Created => self.kind == Kind::Coroutine && self.code.as_ref().is_none_or(|code| !code.green),
            // A frame without handlers has nothing that closing it could run, unless what it awaits has.
            State::Suspended => true,
            State::Running | State::Finished => false,
        }
    }
}

impl Drop for Coroutine {
    fn drop(&mut self) {
        self.mark.died(std::ptr::from_ref(self).addr());
        if self.needs_finalizing() {
            let state = self.state.get();
            let mut revived = Coroutine::new(
                self.kind,
                std::mem::replace(self.body.get_mut(), Body::Empty),
                self.code.take(),
                self.name.get_mut().clone(),
                self.qualname.get_mut().clone(),
            );
            revived.chain = RefCell::new(std::mem::take(self.chain.get_mut()));
            revived.chain_epoch = self.chain_epoch.clone();
            revived.finalizer = RefCell::new(self.finalizer.get_mut().take());
            revived.hooked = self.hooked.clone();
            revived.closed = self.closed.clone();
            revived.origin = self.origin.clone();
            revived.origins = self.origins.take();
            revived.iterable = self.iterable;
            revived.state.set(state);
            gc::finalize_later(Finalizer::Coroutine(Rc::new(revived)));
        } else if let Body::Frame(frame) = self.body.get_mut() {
            gc::release_in_order(&mut std::mem::take(&mut frame.locals).into_vec());
        }
    }
}

/// An awaitable or iterator that stands for one operation on a coroutine.
pub struct Awaiter {
    pub target: Rc<Coroutine>,
    pub operation: Operation,
    pub state: Cell<AwaiterState>,
    /// The argument: the value of `asend`, the exception of `athrow`.
    pub argument: RefCell<Value>,
}

impl Drop for Awaiter {
    fn drop(&mut self) {
        let method = match self.operation {
            Operation::Send => "asend",
            Operation::Throw => "athrow",
            Operation::Close => "aclose",
            Operation::Await => return,
        };
        if self.state.get() == AwaiterState::Created {
            let target = self.target.qualname.borrow().clone();
            gc::finalize_later(Finalizer::Native(Box::new(move |vm| vm.warn_method_never_awaited(method, &target))));
        }
        gc::release_one(self.argument.get_mut());
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    /// `coroutine.__await__()`.
    Await,
    /// `asend(value)` and `__anext__()`.
    Send,
    Throw,
    Close,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AwaiterState {
    Created,
    Started,
    Done,
}
