//! A clock that a session can switch between real and virtual time.
//!
//! **Invariant**: monotonic time goes on from where it stood at every switch, so timers keep their order and distance.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::host::Clock;

/// The session's end of its clock.
#[derive(Clone)]
pub(super) struct Switch(Rc<State>);

struct State {
    real: RefCell<Box<dyn Clock>>,
    /// What monotonic time is ahead of the real clock's.
    ahead: Cell<i128>,
    /// Wall and monotonic time while they are virtual.
    still: Cell<Option<(i128, i128)>>,
}

impl Switch {
    pub(super) fn new(real: Box<dyn Clock>) -> Switch {
        Switch(Rc::new(State { real: RefCell::new(real), ahead: Cell::new(0), still: Cell::new(None) }))
    }

    /// Whether the clock underneath is virtual itself, so that there is nothing to switch to.
    pub(super) fn is_fixed(&self) -> bool {
        self.0.real.borrow().is_virtual()
    }

    pub(super) fn set_virtual(&mut self, on: bool) {
        if on == self.is_virtual() {
            return;
        }
        let (wall, now) = (self.wall(), self.monotonic());
        if on {
            self.0.still.set(Some((wall, now)));
        } else {
            self.0.still.set(None);
            self.0.ahead.set(now - self.0.real.borrow_mut().monotonic());
        }
    }
}

impl Clock for Switch {
    fn wall(&mut self) -> i128 {
        self.0.still.get().map_or_else(|| self.0.real.borrow_mut().wall(), |(wall, _)| wall)
    }

    fn monotonic(&mut self) -> i128 {
        let state = &self.0;
        state.still.get().map_or_else(|| state.real.borrow_mut().monotonic() + state.ahead.get(), |(_, now)| now)
    }

    fn sleep(&mut self, nanoseconds: i128) {
        match self.0.still.get() {
            Some((wall, now)) => self.0.still.set(Some((wall + nanoseconds.max(0), now + nanoseconds.max(0)))),
            None => self.0.real.borrow_mut().sleep(nanoseconds),
        }
    }

    fn local_offset(&self, wall_seconds: i64) -> (i32, String) {
        self.0.real.borrow().local_offset(wall_seconds)
    }

    fn processor(&mut self) -> Option<i128> {
        self.0.real.borrow_mut().processor()
    }

    fn is_virtual(&self) -> bool {
        self.0.still.get().is_some() || self.is_fixed()
    }
}
