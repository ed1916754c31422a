//! Generators, coroutines and asynchronous generators: a parked frame and its state.
//!
//! A coroutine that awaits another does not resume it itself: the one that was resumed from outside (the *root*) keeps
//! the whole chain of coroutines below it and resumes the innermost directly, so that a resumption costs the same at
//! any depth.

use std::cell::{Cell, RefCell, RefMut};
use std::rc::{Rc, Weak};

use super::code::{Code, Pc, Step};
use super::frame::FrameView;
use super::gc::{self, Finalizer};
use super::rare::Rare;
use super::{Error, Exception, Function, Result, Str, Value};
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

/// Where something was made: the number of the code, and the place in it.
pub type Origin = Option<(u32, Span)>;

/// The number of no code object.
const NOWHERE: u32 = u32::MAX;

/// A task that waits holds two of these: hence what most never have is in boxes.
pub struct Coroutine {
    pub kind: Kind,
    pub state: Cell<State>,
    /// Whether another coroutine's chain goes through this one.
    pub in_chain: Cell<bool>,
    /// A generator decorated with `types.coroutine`.
    pub iterable: bool,
    /// Asynchronous generators: whether the loop's hooks know it; whether `aclose` or `athrow` has ended it; whether an
    /// `asend` or `athrow` is under way.
    pub hooked: Cell<bool>,
    pub closed: Cell<bool>,
    pub running_async: Cell<bool>,
    /// When it was made: see [`gc::next_age`].
    pub age: Cell<u32>,
    /// Where it was created: a code object's number and a place in it.
    origin: Cell<(u32, Span)>,
    body: RefCell<Body>,
    /// `None` for a native coroutine, which has the name after it.
    pub code: Option<Rc<Code>>,
    pub native_name: &'static &'static str,
    chain: Cell<Option<Box<Chain>>>,
    extra: Rare<Extra>,
    pub mark: gc::Mark,
}

const _: () = assert!(size_of::<Coroutine>() <= 112);

/// The coroutines below one that is the root of a suspended chain.
#[derive(Default)]
pub struct Chain {
    /// Innermost last.
    pub members: Vec<Rc<Coroutine>>,
    /// The machine's count of chains touched from outside when it was stored; see `machine::coroutine`.
    pub epoch: u64,
}

/// What most coroutines never have.
#[derive(Default)]
pub struct Extra {
    /// Names that are not those of the code.
    pub name: Option<Rc<Str>>,
    pub qualname: Option<Rc<Str>>,
    /// What those that await it were handling when they began to, as long as they do.
    pub base_handled: Option<Rc<Exception>>,
    /// The event loop's function to call when it dies while suspended (asynchronous generators).
    pub finalizer: Value,
    /// The calls that led to where it was created, innermost first, if they are tracked.
    pub origins: Option<Vec<(u32, Span)>>,
    /// Its frame as a script saw it last, as long as that is kept.
    pub view: Weak<FrameView>,
}

#[derive(Default)]
pub enum Body {
    /// With the step it stands at, which has its place beside the mark of the variant.
    Frame(ParkedFrame, Pc),
    Native(Box<dyn NativeCoroutine>),
    /// Done, or running elsewhere.
    #[default]
    Empty,
}

impl Body {
    /// Whether closing it has nothing to run: it stands at a `yield` that no handler protects.
    fn is_idle(&self) -> bool {
        let Body::Frame(frame, pc) = self else { return false };
        let code = &frame.function.code;
        matches!(code.steps.get(*pc as usize), Some(Step::Yield(..)))
            && !code.handlers.iter().any(|handler| (handler.start..handler.end).contains(pc))
    }
}

/// A frame between two resumptions.
pub struct ParkedFrame {
    pub function: Rc<Function>,
    pub locals: Box<[Value]>,
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

    /// What CPython has between it and what it waits for, by its kind and name.
    fn inner(&self) -> Option<(Kind, &'static &'static str)> {
        None
    }

    /// Whether it resumes what it waits for itself, which then is no member of the chain that it is in.
    fn drives(&self) -> bool {
        false
    }

    /// The object that decides when it goes on: a lock, a queue.
    fn waits_on(&self) -> Value {
        Value::None
    }
}

impl Coroutine {
    /// A coroutine of a script's function.
    #[inline]
    pub fn new(kind: Kind, frame: ParkedFrame, pc: Pc, code: Rc<Code>) -> Coroutine {
        let function = frame.function.extra.borrow().is_some().then(|| frame.function.clone());
        let coroutine = Coroutine::with_body(kind, Body::Frame(frame, pc), Some(code), &"");
        if let Some(function) = function {
            coroutine.take_names(&function);
        }
        coroutine
    }

    /// A function that has been given other names gives them to what it makes.
    #[cold]
    fn take_names(&self, function: &Function) {
        let names = function.extra.borrow().as_ref().map(|extra| (extra.name.clone(), extra.qualname.clone()));
        if let Some((name, qualname)) = names.filter(|names| *names != (None, None)) {
            self.with_extra(|extra| (extra.name, extra.qualname) = (name, qualname));
        }
    }

    /// One written in Rust, by its qualified name.
    pub fn native(kind: Kind, body: Box<dyn NativeCoroutine>, qualname: &'static &'static str) -> Coroutine {
        Coroutine::with_body(kind, Body::Native(body), None, qualname)
    }

    #[inline(always)]
    fn with_body(kind: Kind, body: Body, code: Option<Rc<Code>>, native_name: &'static &'static str) -> Coroutine {
        Coroutine {
            kind,
            state: Cell::new(State::Created),
            in_chain: Cell::new(false),
            iterable: false,
            hooked: Cell::new(false),
            closed: Cell::new(false),
            running_async: Cell::new(false),
            age: Cell::new(gc::next_age()),
            origin: Cell::new((NOWHERE, Span::default())),
            body: RefCell::new(body),
            code,
            native_name,
            chain: Cell::new(None),
            extra: Rare::default(),
            mark: gc::Mark::default(),
        }
    }

    /// Where it was created.
    pub fn origin(&self) -> Origin {
        let (code, span) = self.origin.get();
        (code != NOWHERE).then_some((code, span))
    }

    pub fn set_origin(&self, origin: Origin) {
        self.origin.set(origin.unwrap_or((NOWHERE, Span::default())));
    }

    pub fn name(&self) -> Rc<Str> {
        match (self.extra(|extra| extra.name.clone()), &self.code) {
            (Some(name), _) => name,
            (None, Some(code)) => code.name.clone(),
            (None, None) => Rc::new(Str::new(self.native_name.rsplit('.').next().unwrap_or(self.native_name))),
        }
    }

    pub fn qualname(&self) -> Rc<Str> {
        match (self.extra(|extra| extra.qualname.clone()), &self.code) {
            (Some(name), _) => name,
            (None, Some(code)) => code.qualname.clone(),
            (None, None) => Rc::new(Str::new(*self.native_name)),
        }
    }

    /// Looks at the body, which is `Empty` while it runs, and must not be resumed meanwhile.
    pub fn look<T>(&self, at: impl FnOnce(&Body) -> T) -> T {
        match self.body.try_borrow() {
            Ok(body) => at(&body),
            Err(_) => at(&Body::Empty),
        }
    }

    /// The body, to be run where it is; `None` if it is running.
    #[inline(always)]
    pub fn hold_body(&self) -> Option<RefMut<'_, Body>> {
        self.body.try_borrow_mut().ok()
    }

    /// Takes the body out; nothing can be taken of one that is running.
    #[inline]
    pub fn take_body(&self) -> Body {
        self.hold_body().map(|mut body| std::mem::take(&mut *body)).unwrap_or_default()
    }

    /// Puts the body of one back that was not held meanwhile.
    #[inline]
    pub fn put_body(&self, body: Body) {
        if let Some(mut place) = self.hold_body() {
            *place = body;
        }
    }

    /// The function of the parked frame, and the place it stands at.
    pub fn standing(&self) -> Option<(Rc<Function>, Span)> {
        self.look(|body| match body {
            Body::Frame(frame, pc) => {
                let code = &frame.function.code;
                let span = code.span_at(*pc as usize);
                Some((frame.function.clone(), span))
            }
            _ => None,
        })
    }

    /// Something of the extra part, if there is one.
    #[inline]
    pub fn extra<T: Default>(&self, get: impl FnOnce(&mut Extra) -> T) -> T {
        self.extra.get(get)
    }

    /// What its frame is handling while it is suspended.
    pub fn handled(&self) -> Option<Rc<Exception>> {
        self.look(|body| match body {
            Body::Frame(frame, _) => frame.handled.clone(),
            _ => None,
        })
    }

    /// Changes the extra part, which is made if it is not there yet.
    pub fn with_extra<T>(&self, change: impl FnOnce(&mut Extra) -> T) -> T {
        self.extra.change(change)
    }

    /// Takes the chain out; none is as good as an empty one.
    #[inline]
    pub fn take_chain(&self) -> Option<Box<Chain>> {
        self.chain.take()
    }

    /// Whether it has neither a chain below it nor an extra part.
    #[inline]
    pub fn is_bare(&self) -> bool {
        let (chain, extra) = (self.chain.take(), self.extra.take());
        if chain.is_none() && extra.is_none() {
            return true;
        }
        self.chain.set(chain);
        self.extra.set(extra);
        false
    }

    pub fn set_chain(&self, chain: Box<Chain>) {
        self.chain.set((!chain.members.is_empty()).then_some(chain));
    }

    pub fn has_chain(&self) -> bool {
        let chain = self.chain.take();
        let has = chain.is_some();
        self.chain.set(chain);
        has
    }

    /// Shows what it refers to.
    pub(super) fn trace(&self, visit: gc::Visit) {
        self.look(|body| match body {
            Body::Frame(frame, _) => {
                frame.locals.iter().for_each(&mut *visit);
                gc::link(&frame.function, Value::Function, visit);
                if let Some(handled) = &frame.handled {
                    gc::link(handled, Value::Exception, visit);
                }
            }
            Body::Native(native) => native.trace(visit),
            Body::Empty => {}
        });
        let chain = self.chain.take();
        for member in chain.iter().flat_map(|chain| &chain.members) {
            gc::link(member, Value::Coroutine, visit);
        }
        self.chain.set(chain);
        self.extra(|extra| {
            if let Some(handled) = &extra.base_handled {
                gc::link(handled, Value::Exception, visit);
            }
            visit(&extra.finalizer);
        });
    }

    /// Lets go of what it refers to: it is garbage.
    pub(super) fn clear(&self) {
        drop((self.take_body(), self.chain.take()));
        let held = self.extra(|extra| (extra.base_handled.take(), extra.finalizer.take()));
        drop(held);
    }

    /// Whether dropping it has something to run or to say.
    fn needs_finalizing(&mut self) -> bool {
        match self.state.get() {
            State::Created => match self.kind {
                Kind::Coroutine => self.code.as_ref().is_none_or(|code| !code.green),
                Kind::Generator => false,
                // A loop has heard of it as soon as it is asked for an item, begun or not.
                Kind::AsyncGenerator => self.extra(|extra| extra.finalizer.given().is_some()),
            },
            State::Suspended => self.kind != Kind::Generator || !self.body.get_mut().is_idle(),
            State::Running | State::Finished => false,
        }
    }
}

impl Drop for Coroutine {
    fn drop(&mut self) {
        self.mark.died(std::ptr::from_ref(self).addr());
        if self.needs_finalizing() && !self.mark.is_finalized() {
            let code = self.code.take();
            let mut revived = Coroutine::with_body(self.kind, self.take_body(), code, self.native_name);
            revived.state = self.state.clone();
            revived.iterable = self.iterable;
            revived.hooked = self.hooked.clone();
            revived.closed = self.closed.clone();
            revived.running_async = self.running_async.clone();
            // What waits for it is gone; what it waits for is found by its links.
            revived.in_chain = self.in_chain.clone();
            revived.origin = self.origin.clone();
            revived.age = self.age.clone();
            revived.chain.swap(&self.chain);
            revived.extra.swap(&self.extra);
            gc::finalize_later(Finalizer::Coroutine(Rc::new(revived)));
        } else if let Body::Frame(frame, _) = self.body.get_mut() {
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
            let target = self.target.qualname();
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
