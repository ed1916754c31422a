//! Exceptions: the script-level object, and [`Error`], the one pointer in which it travels through Rust code.

use std::cell::{Cell, RefCell, RefMut};
use std::rc::Rc;

use super::attrs::AttrCell;
use super::code::Code;
use super::frame::FrameView;
use super::{Class, Value, gc};
use crate::diagnostic::Label;
use crate::source::Span;

/// A script-level exception on its way out. One pointer wide.
#[derive(Clone)]
pub struct Error(pub Rc<Exception>);

pub type Result<T = Value> = std::result::Result<T, Error>;

/// Says that an exception is on its way, which lies aside meanwhile. It has no size, so a result is no wider than its value
/// and what an expression returns travels in registers. Turned into an [`Error`], or handed on, before anything else runs.
#[must_use]
pub struct Raised(());

/// What the closures of a body return.
pub type Eval<T = Value> = std::result::Result<T, Raised>;

const _: () = assert!(size_of::<Result<Value>>() == 16 && size_of::<Eval<Value>>() == 16);

thread_local! {
    /// The exception for which a [`Raised`] stands.
    static ASIDE: Cell<Option<Error>> = const { Cell::new(None) };
}

impl From<Error> for Raised {
    #[cold]
    fn from(error: Error) -> Raised {
        ASIDE.set(Some(error));
        Raised(())
    }
}

impl From<Raised> for Error {
    #[cold]
    fn from(_: Raised) -> Error {
        ASIDE.take().expect("only an error that lies aside is `Raised`")
    }
}

/// What the machine returned as the result of an expression.
pub trait Located<T>: Sized {
    /// Gives an error its place.
    fn at(self, span: Span) -> Eval<T>;

    /// Leaves an error without a place: it is that of the whole step.
    fn here(self) -> Eval<T>;
}

impl<T> Located<T> for Result<T> {
    #[inline]
    fn at(self, span: Span) -> Eval<T> {
        match self {
            Ok(value) => Ok(value),
            Err(error) => Err(error.at(span).into()),
        }
    }

    #[inline]
    fn here(self) -> Eval<T> {
        match self {
            Ok(value) => Ok(value),
            Err(error) => Err(error.into()),
        }
    }
}

impl<T> Located<T> for Eval<T> {
    #[inline]
    fn at(self, span: Span) -> Eval<T> {
        match self {
            Ok(value) => Ok(value),
            Err(raised) => Err(Error::from(raised).at(span).into()),
        }
    }

    #[inline]
    fn here(self) -> Eval<T> {
        self
    }
}

impl Error {
    /// Says where in the running function it happened, unless something further in has said so.
    #[must_use]
    #[cold]
    pub fn at(self, span: Span) -> Error {
        if self.0.place.get().is_none() {
            self.0.place.set(Some(span));
        }
        self
    }

    pub fn value(&self) -> Value {
        Value::Exception(self.0.clone())
    }

    pub fn class(&self) -> Rc<Class> {
        self.0.class.borrow().clone()
    }

    /// Whether it is an instance of a class.
    pub fn is(&self, class: &Rc<Class>) -> bool {
        self.0.class.borrow().is_subclass(class)
    }
}

/// An instance of `BaseException` or a subclass, built-in or not.
pub struct Exception {
    pub class: RefCell<Rc<Class>>,
    /// `args`, a tuple.
    pub args: RefCell<Value>,
    /// `__dict__`
    pub attrs: AttrCell,
    /// The built-in attributes of the class (`errno`, `value`, `code`, ...) that its arguments do not say.
    pub own: AttrCell,
    pub traceback: RefCell<Option<Rc<Traceback>>>,
    pub cause: RefCell<Option<Rc<Exception>>>,
    pub context: RefCell<Option<Rc<Exception>>>,
    pub suppress_context: Cell<bool>,
    /// Where in the function that it is leaving; taken when the traceback entry is made.
    pub place: Cell<Option<Span>>,
    /// The code it was last unwound in, and where: what raises it again there at the end of a block leaves from that place.
    pub left: Cell<(u32, Span)>,
    /// Set while it is raised again as it was: the frame that does so adds no second traceback entry.
    pub reraised: Cell<bool>,
    /// Whether a frame of CPython's library that its traceback holds refers to it: it lives in a circle.
    pub in_circle: Cell<bool>,
    /// Whether it was ever raised: then a traceback is shown even if no frame of a script is in it.
    pub raised: Cell<bool>,
    /// What to add when it is shown, as far as that could be told only where it was raised.
    remarks: RefCell<Option<Box<Remarks>>>,
    pub mark: gc::Mark,
}

/// What an error message says beyond its class and text.
#[derive(Clone, Default)]
pub struct Remarks {
    /// `Did you mean: 'x'?`
    pub suggestion: Option<String>,
    pub helps: Vec<String>,
    pub labels: Vec<Label>,
    /// The tasks that failed with it, each with the number of traceback entries that are its own or of what it awaited.
    pub tasks: Vec<(usize, Rc<str>)>,
}

impl Exception {
    /// The remarks, to be added to.
    pub fn remarks(&self) -> RefMut<'_, Remarks> {
        RefMut::map(self.remarks.borrow_mut(), |remarks| &mut **remarks.get_or_insert_default())
    }

    /// The remarks there are.
    pub fn remarks_made(&self) -> Option<Remarks> {
        self.remarks.borrow().as_deref().cloned()
    }

    pub fn new(class: Rc<Class>, args: Value) -> Exception {
        Exception {
            class: RefCell::new(class),
            args: RefCell::new(args),
            attrs: AttrCell::default(),
            own: AttrCell::default(),
            traceback: RefCell::default(),
            cause: RefCell::default(),
            context: RefCell::default(),
            suppress_context: Cell::new(false),
            place: Cell::new(None),
            left: Cell::default(),
            reraised: Cell::new(false),
            in_circle: Cell::new(false),
            raised: Cell::new(false),
            remarks: RefCell::default(),
            mark: gc::Mark::default(),
        }
    }

    /// Whether a script's `__del__` is to run before it is freed.
    pub fn wants_finalizing(&self) -> bool {
        !self.mark.is_finalized() && self.class.borrow().has_del.get()
    }

    /// Moves what it holds to another exception, for its finaliser to see.
    #[cold]
    fn revive(&mut self) {
        let address = std::ptr::from_ref(self).addr();
        let mut revived = Exception::new(self.class.borrow().clone(), std::mem::take(self.args.get_mut()));
        revived.attrs.set(self.attrs.take());
        revived.own.set(self.own.take());
        std::mem::swap(&mut revived.traceback, &mut self.traceback);
        std::mem::swap(&mut revived.cause, &mut self.cause);
        std::mem::swap(&mut revived.context, &mut self.context);
        std::mem::swap(&mut revived.remarks, &mut self.remarks);
        revived.suppress_context.set(self.suppress_context.get());
        revived.raised.set(self.raised.get());
        revived.mark.set_finalized();
        gc::finalize_revived(&self.mark, address, Value::Exception(Rc::new(revived)));
    }

    pub fn args(&self) -> Vec<Value> {
        match &*self.args.borrow() {
            Value::Tuple(items) => items.to_vec(),
            _ => Vec::new(),
        }
    }

    pub fn is(&self, class: &Rc<Class>) -> bool {
        self.class.borrow().is_subclass(class)
    }

    /// Puts an entry in front of the traceback: the exception leaves this function.
    pub fn add_traceback(&self, code: &Rc<Code>, span: Span, frame: Option<Rc<FrameView>>) {
        let next = self.traceback.borrow_mut().take();
        let entry =
            Traceback { next: RefCell::new(next), code: code.clone(), span, frame: RefCell::new(frame), given: None };
        *self.traceback.borrow_mut() = Some(Rc::new(entry));
    }

    /// What is being handled where it is passed on does not become its context, as if it had left a place before.
    pub fn comes_as_it_is(&self) {
        self.left.set((0, Span::new(0, 1)));
    }

    /// Makes `context` the `__context__`, unless that would close a circle.
    pub fn set_context(self: &Rc<Exception>, context: &Rc<Exception>) {
        if Rc::ptr_eq(self, context) {
            return;
        }
        let mut link = context.clone();
        let mut steps = 0usize;
        loop {
            let next = link.context.borrow().clone();
            let Some(next) = next else { break };
            if Rc::ptr_eq(&next, self) {
                *link.context.borrow_mut() = None;
                break;
            }
            steps += 1;
            if steps > 100_000 {
                break;
            }
            link = next;
        }
        *self.context.borrow_mut() = Some(context.clone());
    }
}

impl Drop for Exception {
    fn drop(&mut self) {
        if self.wants_finalizing() {
            self.revive();
        }
        self.mark.died(std::ptr::from_ref(self).addr());
        drop((self.own.take(), self.attrs.take()));
        gc::release_one(self.args.get_mut());
        drop(self.traceback.get_mut().take());
        for link in [self.cause.get_mut().take(), self.context.get_mut().take()] {
            gc::unlink(link, |e| e.context.get_mut().take().or_else(|| e.cause.get_mut().take()));
        }
    }
}

/// One entry of a traceback, outermost first.
pub struct Traceback {
    pub next: RefCell<Option<Rc<Traceback>>>,
    pub code: Rc<Code>,
    pub span: Span,
    pub frame: RefCell<Option<Rc<FrameView>>>,
    /// `tb_lasti` and `tb_lineno` of one that a script has made.
    pub given: Option<[i32; 2]>,
}

impl Drop for Traceback {
    fn drop(&mut self) {
        // What the innermost frame held goes first.
        let mut frames = Vec::new();
        gc::unlink(self.next.get_mut().take(), |t| {
            frames.extend(t.frame.get_mut().take());
            t.next.get_mut().take()
        });
        while let Some(frame) = frames.pop() {
            drop(frame);
        }
    }
}
