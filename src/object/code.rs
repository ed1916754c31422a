//! [`Code`]: what lowering makes of a function, class body or module.
//!
//! A flat list of [`Step`]s; the expressions inside a step are Rust closures. A frame can be suspended only between
//! steps. Every step has a span; an expression that fails adds a narrower one itself.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::{Rc, Weak};

use super::frame::Frame;
use super::{Dict, Eval, Str, Value};
use crate::machine::Vm;
use crate::source::{Source, Span};

/// An expression.
pub type Thunk = Box<dyn Fn(&mut Vm, &mut Frame) -> Eval>;
/// An expression whose truth alone is wanted.
pub type Cond = Box<dyn Fn(&mut Vm, &mut Frame) -> Eval<bool>>;
/// A statement.
pub type Action = Box<dyn Fn(&mut Vm, &mut Frame) -> Eval<()>>;
/// An assignment target.
pub type Store = Box<dyn Fn(&mut Vm, &mut Frame, Value) -> Eval<()>>;

/// A call whose result is awaited at once.
pub type AwaitedCall = Box<dyn Fn(&mut Vm, &mut Frame) -> Eval<Called>>;

/// What became of an [`AwaitedCall`].
pub enum Called {
    /// The call's result, still to be awaited.
    Awaitable(Value),
    /// The result of the `await`.
    Done(Value),
    /// The frame gives way once and goes on with `None`; the native stands in the slot meanwhile.
    GiveWay(Value),
    /// This coroutine was begun and is suspended; `Vm::begun` says with what.
    Suspended(Value),
}

/// The index of a local: a variable or a hidden slot.
pub type Slot = u32;
/// In place of a slot for what is sent to a `yield` whose value nobody uses.
pub const NOWHERE: Slot = Slot::MAX;
/// The index of a step.
pub type Pc = u32;

pub enum Step {
    /// Evaluates and drops the value.
    Expr(Thunk),
    Do(Action),
    StoreLocal(Slot, Thunk),
    Jump(Pc),
    /// A jump backwards: the machine looks up from its work here.
    Loop(Pc),
    JumpIf(Cond, Pc),
    /// `JumpIf` backwards.
    LoopIf(Cond, Pc),
    JumpIfNot(Cond, Pc),
    Return(Thunk),
    /// Takes the next value of the iterator in `iter`, or frees it and jumps.
    ForLocal {
        iter: Slot,
        local: Slot,
        exit: Pc,
    },
    For {
        iter: Slot,
        store: Store,
        exit: Pc,
    },
    /// A loop over pairs: those that `enumerate`, `zip` and `dict.items` would make need not be made.
    ForPair {
        iter: Slot,
        target: Box<PairTarget>,
        exit: Pc,
    },
    /// Gives a value to whoever resumed the frame; what is sent goes to the slot.
    Yield(Thunk, Slot),
    /// A `yield` of an asynchronous generator.
    AsyncYield(Thunk, Slot),
    /// Makes a call whose result the next step, an `Await` of the slot, awaits; skips that if it is done already.
    AwaitCall(AwaitedCall, Slot),
    /// Awaits the value in the slot; its result goes there.
    Await(Slot),
    /// Delegates to the iterator in the slot; its result goes there.
    YieldFrom(Slot),
    /// The value of the next `__anext__()` of the asynchronous iterator in `iter` goes to `value`; jumps at its end.
    AsyncNext {
        iter: Slot,
        value: Slot,
        exit: Pc,
    },
    /// The end of a `finally` block: goes on with what the block interrupted.
    EndFinally(Box<Finally>),
}

impl Step {
    /// Whether the frame can be left here and goes on behind it.
    pub fn suspends(&self) -> bool {
        let yields = matches!(self, Step::Yield(..) | Step::AsyncYield(..));
        yields || matches!(self, Step::Await(_) | Step::YieldFrom(_) | Step::AsyncNext { .. })
    }
}

/// The hidden slots of a `finally` block.
pub struct Finally {
    /// `Int`: which of `exits` goes on, 0 for falling through; `Exception`: raise it again.
    pub why: Slot,
    /// What the frame was handling before an exception led into the block; kept for the restore.
    pub outer: Slot,
    pub exits: Vec<Pc>,
}

/// Where an exception raised in a range of steps goes.
pub struct Handler {
    pub start: Pc,
    pub end: Pc,
    pub target: Pc,
    /// The slot for the exception.
    pub exc: Slot,
    /// Hidden slots from here on belong to what was interrupted, and are freed.
    pub clear: Slot,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CodeKind {
    Function,
    Generator,
    Coroutine,
    AsyncGenerator,
    #[default]
    Module,
    Class,
}

pub struct Code {
    /// Its number in the machine that made it.
    pub id: Cell<u32>,
    pub name: Rc<Str>,
    pub qualname: Rc<Str>,
    pub source: Rc<Source>,
    /// From `def` to the end of the body.
    pub span: Span,
    pub kind: CodeKind,
    pub params: ParamSpec,
    /// The names of the variables, in slot order; slots after them are hidden.
    pub variables: Vec<Rc<Str>>,
    /// The names of those that are no cells, parameters and variables of comprehensions among them.
    pub seen: Rc<[Rc<Str>]>,
    /// The names of those that functions inside share, sorted.
    pub shared: Rc<[Rc<Str>]>,
    /// Slots, hidden ones included.
    pub slots: u32,
    /// Slots that hold a cell, made when the frame is.
    pub cells: Vec<Slot>,
    /// The names of the closure's cells.
    pub free: Vec<Rc<Str>>,
    /// Shared with copies that differ in a name.
    pub steps: Rc<[Step]>,
    pub spans: Vec<Span>,
    /// Innermost first.
    pub handlers: Rc<[Handler]>,
    pub doc: Option<Value>,
    /// The codes of what is defined in it.
    pub inner: Rc<[Rc<Code>]>,
    /// How many positional arguments make a call that runs at once on the native stack; 255 if none do.
    pub simple_arity: Cell<u8>,
    /// The same for a coroutine function whose call is awaited at once.
    pub await_arity: Cell<u8>,
    /// Whether a call without `*` and `**` runs at once on the native stack, be there names and defaults.
    pub direct: Cell<bool>,
    /// Whether the body handles exceptions, so that what is being handled must be restored when it is left.
    pub handles: bool,
    /// Made for a green thread: a plain function that can be suspended.
    pub green: bool,
    /// Where a frame keeps the view of itself, if scripts may look at it: then all its variables are in cells.
    pub view: Option<Slot>,
    /// A generator function decorated with `types.coroutine`.
    pub iterable: Cell<bool>,
    /// The globals of the function last made of it: a frame under way is known by its code alone.
    pub globals: RefCell<Weak<Dict>>,
    /// Places inside steps that a script has asked the number of; see [`Code::instruction`].
    pub places: RefCell<Vec<Span>>,
    /// Its functions may have other code by now.
    pub replaced: Cell<bool>,
    /// The same text for names that are not those of its globals, once it was run with locals of their own.
    pub with_locals: OnceCell<Rc<Code>>,
    /// The same, lowered so that scripts may look at its frames, once some text asks for the variables of its callers.
    pub observed: OnceCell<Option<Rc<Code>>>,
    pub watched: super::gc::weak::Watched,
}

/// Where the two items of a pair go.
pub struct PairTarget {
    pub stores: [Store; 2],
    /// The same if both are variables of the function.
    pub locals: Option<[Slot; 2]>,
    /// Where the target stands, for items that are no pairs.
    pub span: Span,
}

/// The parameters: their slots are the first ones, in the order positional-only, positional, keyword-only, `*args`,
/// `**kwargs`.
#[derive(Clone, Default, PartialEq)]
pub struct ParamSpec {
    pub posonly: u32,
    /// Positional parameters, positional-only ones included.
    pub positional: u32,
    pub kwonly: u32,
    pub vararg: bool,
    pub kwarg: bool,
}

impl ParamSpec {
    /// Whether exactly its positional parameters make a call.
    pub fn plain(&self) -> bool {
        self.kwonly == 0 && !self.vararg && !self.kwarg
    }

    pub fn total(&self) -> u32 {
        self.positional + self.kwonly + u32::from(self.vararg) + u32::from(self.kwarg)
    }
}

impl Code {
    /// Notes the globals of a function made of this code.
    #[inline]
    pub fn runs_in(&self, globals: &Rc<Dict>) {
        if self.globals.borrow().as_ptr() != Rc::as_ptr(globals) {
            *self.globals.borrow_mut() = Rc::downgrade(globals);
        }
    }

    /// The same code under other names.
    pub fn renamed(&self, name: Rc<Str>, qualname: Rc<Str>, source: Rc<Source>) -> Code {
        Code {
            id: Cell::new(0),
            name,
            qualname,
            source,
            params: self.params.clone(),
            variables: self.variables.clone(),
            seen: self.seen.clone(),
            shared: self.shared.clone(),
            cells: self.cells.clone(),
            free: self.free.clone(),
            steps: self.steps.clone(),
            spans: self.spans.clone(),
            handlers: self.handlers.clone(),
            doc: self.doc.clone(),
            inner: self.inner.clone(),
            simple_arity: self.simple_arity.clone(),
            await_arity: self.await_arity.clone(),
            direct: self.direct.clone(),
            iterable: self.iterable.clone(),
            globals: self.globals.clone(),
            places: self.places.clone(),
            replaced: Cell::new(false),
            with_locals: OnceCell::new(),
            observed: OnceCell::new(),
            watched: Default::default(),
            ..*self
        }
    }

    /// Whether it has so many parameters, all positional.
    #[inline]
    pub fn takes_just(&self, count: u32) -> bool {
        self.params.plain() && self.params.positional == count
    }

    /// From now on calls look whether their function has other code.
    pub fn replace(&self) {
        self.replaced.set(true);
        self.simple_arity.set(u8::MAX);
        self.await_arity.set(u8::MAX);
        self.direct.set(false);
    }

    /// What makes two codes equal: a name, where they stand in a text, and the text there.
    pub fn identity(&self) -> (&str, (u32, u32), &str) {
        let text = self.source.text.get(self.span.start as usize..self.span.end as usize).unwrap_or_default();
        (self.name.as_str(), self.source.line_column(self.span.start), text)
    }

    /// The number of a place, as an index into what `positions` gives: scripts take it for that of an instruction.
    pub fn instruction(&self, span: Span) -> usize {
        if let Some(at) = self.spans.iter().position(|step| *step == span) {
            return at;
        }
        let mut places = self.places.borrow_mut();
        let at = places.iter().position(|place| *place == span).unwrap_or_else(|| {
            places.push(span);
            places.len() - 1
        });
        self.spans.len() + at
    }

    /// The places of its instructions.
    pub fn positions(&self) -> Vec<Span> {
        [&self.spans[..], &self.places.borrow()[..]].concat()
    }

    /// The line its definition starts on; a module does on the first.
    pub fn first_line(&self) -> u32 {
        if self.kind == CodeKind::Module {
            return 1;
        }
        self.source.line(self.span.start)
    }

    /// Where a step stands.
    pub fn span_at(&self, pc: usize) -> Span {
        self.spans.get(pc).copied().unwrap_or(self.span)
    }

    /// Its first line alone: where a coroutine that never started is said to stand.
    pub fn head_span(&self) -> Span {
        Span { start: self.span.start, end: self.span.start }
    }

    /// Whether calling it makes a generator or coroutine instead of running it.
    pub fn is_suspendable(&self) -> bool {
        matches!(self.kind, CodeKind::Generator | CodeKind::Coroutine | CodeKind::AsyncGenerator)
    }
}
