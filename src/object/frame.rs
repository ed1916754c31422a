//! A running function, and the view of one that a script can hold.

use std::cell::RefCell;
use std::rc::Rc;

use super::code::{Code, NOWHERE, Slot};
use super::containers::Dict;
use super::exception::Exception;
use super::function::Function;
use super::value::Value;
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
    pub span: Span,
    pub back: Option<Rc<FrameView>>,
}

impl FrameView {
    /// The variables by name, those that are bound.
    pub fn variables(&self) -> Vec<(Rc<super::str::Str>, Value)> {
        let slots = self.slots.borrow();
        let value = |value: &Value| match value {
            Value::Cell(cell) => cell.get(),
            other => other.clone(),
        };
        let pairs = self.code.variables.iter().zip(slots.iter()).map(|(name, slot)| (name.clone(), value(slot)));
        pairs.filter(|(_, value)| !value.is_unbound()).collect()
    }
}

impl Drop for FrameView {
    fn drop(&mut self) {
        super::gc::release_in_order(self.slots.get_mut());
    }
}
