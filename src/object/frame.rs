//! A running function, and the view of one that a script can hold.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::{Rc, Weak};

use super::code::{Code, NOWHERE, Slot};
use super::coroutine::Coroutine;
use super::{Cell as VariableCell, Dict, Exception, Function, Named, Str, Value};
use crate::source::Span;

/// A running function. It borrows its locals: from the native stack for a plain call, from the heap for a generator or
/// coroutine.
pub struct Frame<'a> {
    pub locals: &'a mut [Value],
    pub code: &'a Rc<Code>,
    pub function: &'a Rc<Function>,
    /// The next step.
    pub pc: u32,
    /// Why the step loop was left.
    pub exit: Exit,
    /// The exception this frame is handling, innermost first.
    pub handled: Option<Rc<Exception>>,
    /// What the machine was handling when the frame was entered.
    pub outer_handled: Option<Rc<Exception>>,
}

impl Frame<'_> {
    /// What is sent to a frame goes to a local or, at [`NOWHERE`], is dropped.
    #[inline(always)]
    pub fn receive(&mut self, slot: Slot, value: Value) {
        if slot == NOWHERE {
            value.discard();
        } else {
            self.put(slot as usize, value);
        }
    }

    /// Sets a local.
    #[inline(always)]
    pub fn put(&mut self, slot: usize, value: Value) {
        std::mem::replace(&mut self.locals[slot], value).discard();
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    Return,
    /// The value goes to whoever resumed the frame.
    Yield,
    /// An asynchronous generator's own `yield`: the value goes to whoever awaits it.
    AsyncYield,
    /// The value is a coroutine or generator to be run until it is done; its result comes back.
    Delegate,
}

/// What a script sees of a frame: `tb_frame`, `cr_frame`, `sys._getframe()`. A picture taken when it was asked for.
pub struct FrameView {
    pub code: Rc<Code>,
    pub globals: Rc<Dict>,
    /// What `f_locals` is; `Unbound` if it is still to be made of `slots`, `NotImplemented` if nobody can know.
    pub locals: RefCell<Value>,
    /// The variables of a frame that an exception has left, by slot: they live as long as its traceback.
    pub slots: RefCell<Vec<Value>>,
    /// The function it runs, for the variables of functions around it.
    pub function: RefCell<Option<Rc<Function>>>,
    /// The variables of the comprehensions that run in it, innermost last; those that an exception has left are gone.
    pub comps: RefCell<Vec<(Rc<Str>, Weak<VariableCell>)>>,
    /// What a script put there under names that are no variables.
    pub extra: OnceCell<Rc<Dict>>,
    pub span: Cell<Span>,
    /// The frame that called it, when somebody asked last.
    pub back: RefCell<Option<Rc<FrameView>>>,
    /// The generator or coroutine that it was asked of.
    pub owner: RefCell<Weak<Coroutine>>,
}

/// A frame under way that a script may look at, as long as it lives.
pub struct Observed {
    /// How many calls were under way when it began or went on.
    pub calls: usize,
    /// The number of its code.
    pub code: u32,
    pub view: Weak<FrameView>,
}

impl FrameView {
    pub fn new(code: Rc<Code>, globals: Rc<Dict>, span: Span) -> FrameView {
        FrameView {
            code,
            globals,
            locals: Default::default(),
            slots: Default::default(),
            function: Default::default(),
            comps: Default::default(),
            extra: OnceCell::new(),
            span: Cell::new(span),
            back: Default::default(),
            owner: Default::default(),
        }
    }

    /// The places of the variables by name: cells, or values that nobody changes any more.
    pub fn places(&self) -> Vec<Named> {
        let mut places: Vec<_> = self.code.variables.iter().cloned().zip(self.slots.borrow().iter().cloned()).collect();
        if let Some(function) = &*self.function.borrow() {
            places.extend(self.code.free.iter().cloned().zip(function.closure.iter().cloned().map(Value::Cell)));
        }
        for (name, cell) in &*self.comps.borrow() {
            let Some(cell) = cell.upgrade() else { continue };
            match places.iter_mut().find(|(known, _)| known == name) {
                Some((_, place)) => *place = Value::Cell(cell),
                None => places.push((name.clone(), Value::Cell(cell))),
            }
        }
        places
    }

    /// Whether it runs a comprehension.
    pub fn is_in_comp(&self) -> bool {
        self.comps.borrow().iter().any(|(_, cell)| cell.strong_count() > 0)
    }

    /// Notes the variables of a comprehension that begins.
    pub fn enter_comp(&self, variables: impl Iterator<Item = (Rc<Str>, Weak<VariableCell>)>) {
        let mut comps = self.comps.borrow_mut();
        comps.retain(|(_, cell)| cell.strong_count() > 0);
        comps.extend(variables);
    }

    /// Forgets the variable in this cell.
    pub fn leave_comp(&self, left: &Rc<VariableCell>) {
        self.comps.borrow_mut().retain(|(_, cell)| cell.as_ptr() != Rc::as_ptr(left));
    }

    /// Gives a variable a value; `Err` gives the value back if there is no such variable.
    pub fn set_variable(&self, name: &str, value: Value) -> Result<Value, Value> {
        match self.places().into_iter().find(|(place, _)| place.as_str() == name) {
            Some((_, Value::Cell(cell))) => Ok(cell.set(value)),
            Some(_) => {
                let at = self.code.variables.iter().position(|variable| variable.as_str() == name);
                match at.and_then(|at| self.slots.borrow_mut().get_mut(at).map(|slot| std::mem::replace(slot, value))) {
                    Some(old) => Ok(old),
                    None => Ok(Value::Unbound),
                }
            }
            None => Err(value),
        }
    }
}

impl Drop for FrameView {
    fn drop(&mut self) {
        super::gc::release_in_order(self.slots.get_mut());
    }
}
