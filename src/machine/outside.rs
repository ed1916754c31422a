//! Waiting for the outside world: for descriptors that event loops watch or that blocked threads wait for, and for time.
//!
//! **Invariant**: what happened is handed over once; until its loop has taken it, it wakes nobody again.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use super::prelude::*;
use crate::host::outside::{Descriptor, Event};

/// So long is waited in one go, in nanoseconds: an interrupt is noticed in between.
const NAP: i128 = 50_000_000;
/// A pause when all that is ready has been handed over and somebody else is at work.
const PAUSE: i128 = 1_000_000;

/// What is waited for.
#[derive(Default)]
pub struct Outside {
    /// What event loops have for each descriptor: for reading and for writing.
    watched: BTreeMap<Descriptor, [Option<Value>; 2]>,
    /// Tells a loop that something it watches is ready; whether that is news to it.
    pub arrive: Option<fn(&Value) -> bool>,
    /// Processes that are not known to have ended.
    pub children: usize,
}

impl Outside {
    /// Whether an event loop watches anything.
    #[inline]
    pub fn any(&self) -> bool {
        !self.watched.is_empty()
    }

    fn interest(&self, descriptor: Descriptor) -> [bool; 2] {
        let watched = self.watched.get(&descriptor);
        watched.map_or([false; 2], |[read, write]| [read.is_some(), write.is_some()])
    }
}

impl Vm {
    /// Says what an event loop has for a descriptor from now on; returns what it had before.
    ///
    /// # Errors
    /// Those of the host.
    pub fn watch(&mut self, descriptor: Descriptor, write: bool, watcher: Option<Value>) -> io::Result<Option<Value>> {
        let side = usize::from(write);
        let mut interest = self.outside.interest(descriptor);
        if watcher.is_none() && !interest[side] {
            return Ok(None);
        }
        interest[side] = watcher.is_some();
        let result = self.host.outside.watch(descriptor, interest[0], interest[1]);
        if watcher.is_some() {
            result?;
        }
        let watched = self.outside.watched.entry(descriptor).or_default();
        let before = std::mem::replace(&mut watched[side], watcher);
        if interest == [false; 2] {
            self.outside.watched.remove(&descriptor);
        }
        Ok(before)
    }

    /// Forgets all that `is_theirs` says yes to.
    pub fn unwatch(&mut self, is_theirs: impl Fn(Descriptor, &Value) -> bool) {
        let mut theirs = Vec::new();
        for (descriptor, sides) in &self.outside.watched {
            for (side, watcher) in sides.iter().enumerate() {
                if watcher.as_ref().is_some_and(|watcher| is_theirs(*descriptor, watcher)) {
                    theirs.push((*descriptor, side == 1));
                }
            }
        }
        for (descriptor, write) in theirs {
            // Taking away cannot fail.
            let _ = self.watch(descriptor, write, None);
        }
    }

    /// Whether somebody waits for the outside world.
    pub fn waits_outside(&self) -> bool {
        self.outside.any() || !self.threads.descriptors().is_empty()
    }

    /// Tells the event loops what has happened outside, without waiting.
    pub fn look_outside(&mut self) {
        if self.outside.any() {
            let events = self.host.outside.wait(Duration::ZERO);
            self.hand_over(&events);
        }
    }

    /// Lets time pass until something happens outside, at most so many nanoseconds (`None`: nothing else can happen). May
    /// return early. On a virtual clock what is outside gets a moment of real time before the clock jumps, and processes
    /// as much as passes.
    pub fn idle(&mut self, nanoseconds: Option<i128>) {
        let nanoseconds = self.until_alarm(nanoseconds);
        let threads = self.threads.descriptors();
        // A virtual clock would let a wait without an end pass at once, again and again.
        let endless = nanoseconds.is_none() && self.host.clock.is_virtual();
        if threads.is_empty() && !self.outside.any() && !endless {
            return self.host.clock.sleep(nanoseconds.unwrap_or(NAP));
        }
        let nap = nanoseconds.unwrap_or(NAP).clamp(0, NAP);
        for &(descriptor, write) in &threads {
            let [reads, writes] = self.outside.interest(descriptor);
            let more = self.host.outside.watch(descriptor, reads || !write, writes || write);
            if more.is_err() {
                // It can be asked at once what is wrong with it.
                return;
            }
        }
        let events = self.host.outside.wait(Duration::from_nanos(nap as u64));
        for &(descriptor, _) in &threads {
            let [reads, writes] = self.outside.interest(descriptor);
            // Taking away cannot fail.
            let _ = self.host.outside.watch(descriptor, reads, writes);
        }
        let for_thread = |event: &Event| threads.iter().any(|(descriptor, _)| *descriptor == event.descriptor);
        let woken = events.iter().any(for_thread);
        if self.hand_over(&events) || woken {
            return;
        }
        let is_virtual = self.host.clock.is_virtual();
        match nanoseconds {
            Some(all) if is_virtual && self.outside.children == 0 => self.host.clock.sleep(all),
            Some(_) if is_virtual => self.host.clock.sleep(nap),
            _ if !events.is_empty() => self.host.clock.sleep(PAUSE.min(nap)),
            _ => {}
        }
    }

    /// Whether any loop got news.
    fn hand_over(&mut self, events: &[Event]) -> bool {
        let Some(arrive) = self.outside.arrive else { return false };
        let mut news = false;
        for event in events {
            let Some(watched) = self.outside.watched.get(&event.descriptor) else { continue };
            for (side, is_ready) in watched.iter().zip([event.read, event.write]) {
                news |= is_ready && side.as_ref().is_some_and(arrive);
            }
        }
        news
    }
}
