//! Lines of standard input where none can be edited, read on a thread of their own, one when asked for.

use std::cell::Cell;
use std::io::{self, BufRead};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use crate::cli::streams::NAP;

/// The reader's end on the interpreter's thread.
#[derive(Clone)]
pub(super) struct Lines(Rc<Inner>);

struct Inner {
    requests: Sender<()>,
    lines: Receiver<String>,
    /// A line was asked for and has not come.
    asked: Cell<bool>,
}

impl Lines {
    pub(super) fn start() -> Lines {
        let (requests, wanted) = channel();
        let (found, lines) = channel();
        std::thread::spawn(move || {
            while wanted.recv().is_ok() {
                let mut line = Vec::new();
                let _ = std::io::stdin().lock().read_until(b'\n', &mut line);
                if found.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    return;
                }
            }
        });
        Lines(Rc::new(Inner { requests, lines, asked: Cell::new(false) }))
    }

    pub(super) fn ask(&self) {
        if !self.0.asked.replace(true) {
            let _ = self.0.requests.send(());
        }
    }

    /// The line asked for, with its line end, if it comes in time; empty at the end of input.
    pub(super) fn wait(&self, time: Duration) -> Option<String> {
        // A script's `input()` may have taken the line that the prompt asked for.
        self.ask();
        let line = self.0.lines.recv_timeout(time).ok()?;
        self.0.asked.set(false);
        Some(line)
    }

    /// Reads lines for a script, however long they take. A signal ends the wait.
    pub(super) fn reader(self, interrupt: Arc<AtomicBool>) -> super::ReadLine {
        Box::new(move || {
            loop {
                if let Some(line) = self.wait(NAP) {
                    return Ok(line);
                }
                if interrupt.load(Ordering::Relaxed) {
                    return Err(io::ErrorKind::Interrupted.into());
                }
            }
        })
    }
}
