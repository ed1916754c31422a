//! Signals: which have come, who is told, and the alarm.
//!
//! **Invariant**: a handler runs where the machine looks up from its work, never inside a native that holds a borrow.
//! The alarm is a moment on the host's clock, so it also rings on a virtual one.

use super::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const INTERRUPT: i64 = 2;
const ALARM: i64 = 14;

#[derive(Default)]
pub struct Signals {
    /// A bit for each signal that has come. `Vm::interrupt` is set with it; that flag alone means Ctrl-C.
    pub arrived: Arc<AtomicU64>,
    pub blocked: u64,
    /// The function of the module `signal` that runs a signal's handler.
    pub deliver: Value,
    /// Some signal has a handler.
    pub handled: bool,
    /// When it rings next, and after how long again and again (0: only once).
    pub alarm: Option<(i128, i128)>,
}

/// The bit of a signal's number, 1 to 64.
pub fn bit(number: i64) -> u64 {
    1u64.checked_shl(number.wrapping_sub(1) as u32).unwrap_or(0)
}

impl Vm {
    /// Runs the handlers of the signals that have come.
    ///
    /// # Errors
    /// Theirs, or `KeyboardInterrupt`.
    pub fn hear_interrupt(&mut self) -> Result<()> {
        self.ring();
        if !self.interrupt.swap(false, Ordering::Relaxed) {
            return Ok(());
        }
        let arrived = &self.signals.arrived;
        let bits = arrived.fetch_and(self.signals.blocked, Ordering::Relaxed);
        let mut bits = if bits == 0 { bit(INTERRUPT) } else { bits & !self.signals.blocked };
        while bits != 0 {
            let number = i64::from(bits.trailing_zeros()) + 1;
            bits &= bits - 1;
            if let Err(error) = self.deliver(number) {
                if bits != 0 {
                    self.signal_came(bits);
                }
                return Err(error);
            }
        }
        Ok(())
    }

    /// A line of the host's standard input; a signal may come while nobody types.
    pub fn host_line(&mut self) -> Result<String> {
        loop {
            match (self.host.read_line)() {
                Ok(line) => return Ok(line),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => self.hear_interrupt()?,
                Err(error) => return Err(self.os_error(&error)),
            }
        }
    }

    fn deliver(&mut self, number: i64) -> Result<()> {
        let (handler, arguments) = match number {
            INTERRUPT => (self.interrupt_handler.clone(), None),
            _ => (self.signals.deliver.clone(), Some(Value::Int(number))),
        };
        if handler.is_none() {
            return if number == INTERRUPT { Err(self.interrupted()) } else { Ok(()) };
        }
        self.call(&handler, arguments.as_slice()).map(drop)
    }

    /// Notes that signals have come, as bits.
    pub fn signal_came(&mut self, bits: u64) {
        self.signals.arrived.fetch_or(bits, Ordering::Relaxed);
        self.interrupt.store(true, Ordering::Relaxed);
    }

    /// Whether a signal may end a wait.
    pub fn signal_wakes(&self) -> bool {
        self.interrupt_wakes || self.signals.handled || self.signals.alarm.is_some()
    }

    fn ring(&mut self) {
        let Some((at, again)) = self.signals.alarm else { return };
        let now = self.host.clock.monotonic();
        if now >= at {
            self.signals.alarm = (again > 0).then(|| (now + again - (now - at) % again, again));
            self.signal_came(bit(ALARM));
        }
    }

    /// A length of time, cut off where the alarm rings.
    pub(super) fn until_alarm(&mut self, nanoseconds: Option<i128>) -> Option<i128> {
        let Some((at, _)) = self.signals.alarm else { return nanoseconds };
        let left = (at - self.host.clock.monotonic()).max(0);
        Some(nanoseconds.map_or(left, |wanted| wanted.min(left)))
    }
}
