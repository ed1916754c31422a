//! The terminal as the interpreter writes to it: directly, or above the line that is being edited.
//!
//! **Invariant**: the interpreter never waits for the editor. What is written while a line is edited goes to a printer
//! thread by whole lines.

use std::io::{self, Write};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Clone, Default)]
pub(super) struct Screen(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    editing: bool,
    /// Takes lines to print above the one being edited.
    printer: Option<Sender<String>>,
    /// The beginning of a line written while another was edited.
    partial: Vec<u8>,
    /// The cursor stands behind something written.
    mid_line: bool,
}

impl Screen {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_printer(&self, printer: Sender<String>) {
        self.state().printer = Some(printer);
    }

    /// A line begins or ends to be edited.
    pub(super) fn editing(&self, on: bool) {
        let mut state = self.state();
        if on && std::mem::take(&mut state.mid_line) {
            let _ = io::stdout().write_all(b"\n");
        }
        state.editing = on;
        if !on && !state.partial.is_empty() {
            let rest = std::mem::take(&mut state.partial);
            let _ = io::stdout().write_all(&rest);
            state.mid_line = true;
        }
        let _ = io::stdout().flush();
    }

    pub(super) fn output(&self, is_error: bool) -> Box<dyn Write> {
        Box::new(Output { screen: self.clone(), is_error })
    }

    /// Reading a line for a script, which the editor must not do at the same time.
    pub(super) fn guard(self, mut read: impl FnMut() -> io::Result<String> + 'static) -> super::ReadLine {
        Box::new(move || {
            if self.state().editing {
                return Err(io::Error::other("the prompt is reading from the terminal"));
            }
            let line = read();
            self.state().mid_line = false;
            line
        })
    }
}

struct Output {
    screen: Screen,
    is_error: bool,
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.screen.state();
        if state.editing && state.printer.is_some() {
            state.partial.extend_from_slice(bytes);
            let Some(end) = state.partial.iter().rposition(|&b| b == b'\n') else { return Ok(bytes.len()) };
            let lines: Vec<u8> = state.partial.drain(..=end).collect();
            if let Some(printer) = &state.printer {
                let _ = printer.send(String::from_utf8_lossy(&lines).into_owned());
            }
            return Ok(bytes.len());
        }
        if let Some(&last) = bytes.last() {
            state.mid_line = last != b'\n';
        }
        if self.is_error {
            io::stderr().write_all(bytes)?
        } else {
            io::stdout().write_all(bytes)?
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.is_error { io::stderr().flush() } else { io::stdout().flush() }
    }
}
