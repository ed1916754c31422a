//! Looking up from the work: interrupts, and limits on what a script may use.
//!
//! Calls and backward jumps count as steps; every few thousand of them the machine asks the host whether to go on. A
//! script that is stopped raises an exception that no handler in the script sees: **invariant**: once `stopped` is set,
//! every further step fails with it, so the script ends wherever it was.

use super::prelude::*;
use super::sequence::MAX_TEXT;
use crate::host::{Limit, Stop};

/// How many calls and jumps pass between two looks at the outside world.
pub(super) const FUEL: u32 = 4096;

impl Vm {
    /// Counts a call or backward jump.
    #[inline]
    pub fn tick(&mut self) -> Result<()> {
        self.fuel -= 1;
        if self.fuel == 0 { self.look_up() } else { Ok(()) }
    }

    /// Counts a step of an operation that must not run script code in between: only the limits are looked at.
    #[inline]
    pub fn tick_within(&mut self) -> Result<()> {
        self.fuel -= 1;
        if self.fuel == 0 { self.check_limits() } else { Ok(()) }
    }

    /// Counts much work of one operation as many steps; whether it is to be given up for a look up.
    pub fn has_worked(&mut self) -> bool {
        self.fuel = 0;
        self.check_limits().is_err() || self.interrupt.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Counts an operation that cannot be stopped while it runs as the steps it is worth, before it begins.
    pub fn count_work(&mut self, steps: u64) -> Result<()> {
        if steps < u64::from(FUEL) {
            return Ok(());
        }
        if let Some(left) = &mut self.steps_left {
            *left = left.saturating_sub(steps);
        }
        self.check_limits()?;
        self.hear_interrupt()
    }

    /// Called when `fuel` has run out: looks for an interrupt, and whether a limit is reached.
    #[cold]
    pub fn look_up(&mut self) -> Result<()> {
        self.check_limits()?;
        // The main program hears of interrupts, and lets the others run now and then.
        if self.threads.any() {
            if !self.threads.may_interleave() {
                return Ok(());
            }
            self.run_threads()?;
        }
        self.hear_interrupt()
    }

    #[cold]
    fn check_limits(&mut self) -> Result<()> {
        // Called between two full tanks, it counts what was used of this one.
        let used = self.tank - self.fuel;
        self.tank = FUEL;
        if let Some(left) = &mut self.steps_left {
            *left = left.saturating_sub(u64::from(used));
            self.tank = u32::try_from(*left).unwrap_or(FUEL).clamp(1, FUEL);
        }
        self.fuel = self.tank;
        if let Some(error) = &self.stopped {
            self.tank = 1;
            self.fuel = 1;
            return Err(error.0.clone());
        }
        if self.steps_left == Some(0) {
            let message = format!("the script took more than {} steps", self.host.max_steps.unwrap_or(0));
            return Err(self.stop(Stop { limit: Limit::Steps, message }));
        }
        if let Some(stop) = self.host.watch.as_mut().and_then(|watch| watch()) {
            return Err(self.stop(stop));
        }
        Ok(())
    }

    /// While all wait: whether to go on doing so.
    pub fn look_out(&mut self) -> Result<()> {
        if let Some(stop) = self.host.watch.as_mut().and_then(|watch| watch()) {
            return Err(self.stop(stop));
        }
        self.hear_interrupt()
    }

    /// Ends the script: its own handlers are passed over.
    fn stop(&mut self, stop: Stop) -> Error {
        let class = match stop.limit {
            Limit::Time => self.types.TimeoutError.clone(),
            Limit::Memory => self.types.MemoryError.clone(),
            Limit::Steps => self.types.RuntimeError.clone(),
        };
        let error = self.error(&class, stop.message);
        self.tank = 1;
        self.fuel = 1;
        self.stopped = Some((error.clone(), stop.limit));
        error
    }

    /// Begins to count steps for a run.
    pub fn begin_limits(&mut self) {
        self.stopped = None;
        self.steps_left = self.host.max_steps;
        self.fuel = self.steps_left.and_then(|left| u32::try_from(left).ok()).unwrap_or(FUEL).clamp(1, FUEL);
        self.tank = self.fuel;
    }

    /// Whether so many bytes can be had at once. After much was asked for, the machine looks up soon.
    #[inline]
    pub fn check_size(&mut self, bytes: usize) -> Result<()> {
        match self.host.max_memory {
            Some(most) => self.check_size_against(bytes, most),
            None => Ok(()),
        }
    }

    /// How many items of so many bytes can be had at most.
    pub fn most_items(&self, size: usize) -> i64 {
        self.host.max_memory.map_or(i64::MAX, |most| i64::try_from(most / size).unwrap_or(i64::MAX))
    }

    /// Refuses a text that grows piece by piece to more than can be had.
    #[inline]
    pub fn check_growth(&mut self, len: usize) -> Result<()> {
        if len > self.host.max_memory.unwrap_or(MAX_TEXT).min(MAX_TEXT) {
            return Err(self.memory_error());
        }
        Ok(())
    }

    #[cold]
    fn check_size_against(&mut self, bytes: usize, most: usize) -> Result<()> {
        if bytes > most {
            return Err(self.memory_error());
        }
        if bytes > most / usize::try_from(FUEL).unwrap_or(1) {
            self.tank -= self.fuel - 1;
            self.fuel = 1;
        }
        Ok(())
    }
}
