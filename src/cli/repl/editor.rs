//! The line editor, on a thread of its own.

use std::borrow::Cow;
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hinter, HistoryHinter};
use rustyline::history::MemHistory;
use rustyline::validate::Validator;
use rustyline::{
    ColorMode, CompletionType, Config, Context, EventHandler, ExternalPrinter, Helper, KeyCode, KeyEvent, Modifiers,
};

use super::history::{self, Kept};
use super::keys::{Backspace, Enter, Home, Tab};
use super::paint::{pad, paint, unpad};
use super::screen::Screen;
use crate::cli::Options;

/// So long Tab waits for an interpreter that is busy.
const PATIENCE: Duration = Duration::from_millis(500);

/// What the editor has to say.
pub(super) enum Event {
    Line(String),
    Interrupted,
    End,
    Failed(String),
    /// A text, the cursor in it, and where the answer goes: the start of the word, and what it could become.
    Complete(String, usize, Sender<(usize, Vec<String>)>),
}

/// The editor as the interpreter's thread sees it.
pub(super) struct Editor {
    requests: Sender<String>,
    events: Receiver<Event>,
    screen: Screen,
    /// The interpreter is running something while a line is edited.
    pub busy: Arc<AtomicBool>,
    interrupt: Arc<OnceLock<Arc<AtomicBool>>>,
}

impl Editor {
    pub(super) fn start(options: &Options, screen: &Screen) -> Editor {
        let (requests, wanted) = channel();
        let (say, events) = channel();
        let busy = Arc::new(AtomicBool::new(false));
        let interrupt = Arc::new(OnceLock::new());
        let editor =
            Editor { requests, events, screen: screen.clone(), busy: busy.clone(), interrupt: interrupt.clone() };
        let color = options.wants_color();
        let keep = !options.no_history;
        let screen = screen.clone();
        let body = move || {
            let interrupts = move || {
                // What runs while the line is edited gets it; nobody else would notice.
                if busy.load(Ordering::Relaxed) {
                    if let Some(flag) = interrupt.get() {
                        flag.store(true, Ordering::Relaxed);
                    }
                }
            };
            if let Err(error) = edit(&wanted, &say, &screen, color, keep, interrupts) {
                let _ = say.send(Event::Failed(error.to_string()));
            }
        };
        // Without the thread no line will ever come, which `wait` notices.
        let _ = std::thread::Builder::new().name("editor".to_owned()).spawn(body);
        editor
    }

    /// The flag that interrupts the interpreter.
    pub(super) fn share_interrupt(&self, flag: Arc<AtomicBool>) {
        let _ = self.interrupt.set(flag);
    }

    /// Has a line edited.
    pub(super) fn ask(&self, prompt: &str) {
        self.screen.editing(true);
        let _ = self.requests.send(prompt.to_owned());
    }

    pub(super) fn wait(&self, time: Duration) -> Option<Event> {
        match self.events.recv_timeout(time) {
            Ok(event) => Some(event),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Event::Failed("the editor is gone".to_owned())),
        }
    }
}

/// Edits lines as they are asked for.
fn edit(
    wanted: &Receiver<String>,
    say: &Sender<Event>,
    screen: &Screen,
    color: bool,
    keep: bool,
    interrupts: impl Fn(),
) -> rustyline::Result<()> {
    let config = Config::builder()
        .max_history_size(history::SIZE)?
        .history_ignore_dups(true)?
        .completion_type(CompletionType::List)
        // The prompts of further lines are drawn by the highlighter, in whatever colours.
        .color_mode(ColorMode::Forced)
        .build();
    let mut kept = Kept::open(&config, keep);
    let mut remembered = MemHistory::with_config(&config);
    for entry in kept.entries() {
        rustyline::history::History::add(&mut remembered, &pad(&entry))?;
    }
    let mut editor = rustyline::Editor::with_history(config, remembered)?;
    editor.set_helper(Some(Help { say: say.clone(), color, hints: HistoryHinter::new(), cursor: Cell::new(true) }));
    let plain = |code| KeyEvent(code, Modifiers::NONE);
    editor.bind_sequence(plain(KeyCode::Enter), EventHandler::Conditional(Box::new(Enter)));
    editor.bind_sequence(plain(KeyCode::Tab), EventHandler::Conditional(Box::new(Tab)));
    editor.bind_sequence(plain(KeyCode::Backspace), EventHandler::Conditional(Box::new(Backspace)));
    for key in [plain(KeyCode::Home), KeyEvent::ctrl('A')] {
        editor.bind_sequence(key, EventHandler::Conditional(Box::new(Home)));
    }
    if let Ok(mut printer) = editor.create_external_printer() {
        let (print, lines) = channel::<String>();
        screen.set_printer(print);
        std::thread::spawn(move || {
            for text in lines {
                if printer.print(text).is_err() {
                    return;
                }
            }
        });
    }
    for prompt in wanted {
        let event = match editor.readline(&prompt) {
            Ok(line) => {
                let (text, _) = unpad(&line, 0);
                let entry = text.trim_end();
                if !entry.trim().is_empty() {
                    editor.add_history_entry(pad(entry))?;
                    kept.add(entry);
                }
                Event::Line(text)
            }
            Err(ReadlineError::Interrupted) => {
                interrupts();
                Event::Interrupted
            }
            Err(ReadlineError::Eof) => Event::End,
            Err(error) => return Err(error),
        };
        if say.send(event).is_err() {
            break;
        }
    }
    Ok(())
}

/// What helps while typing.
struct Help {
    say: Sender<Event>,
    color: bool,
    hints: HistoryHinter,
    /// Whether the bracket at the cursor is shown.
    cursor: Cell<bool>,
}

impl Helper for Help {}
impl Validator for Help {}

impl Completer for Help {
    type Candidate = String;

    fn complete(&self, line: &str, at: usize, _: &Context) -> rustyline::Result<(usize, Vec<String>)> {
        let (text, plain_at) = unpad(line, at);
        let (answer, answers) = channel();
        if self.say.send(Event::Complete(text, plain_at, answer)).is_err() {
            return Ok((at, Vec::new()));
        }
        let (start, words) = answers.recv_timeout(PATIENCE).unwrap_or((plain_at, Vec::new()));
        Ok((at.saturating_sub(plain_at.saturating_sub(start)), words))
    }
}

impl Hinter for Help {
    type Hint = String;

    fn hint(&self, line: &str, at: usize, context: &Context) -> Option<String> {
        if line.trim().is_empty() || line.contains('\n') {
            return None;
        }
        self.hints.hint(line, at, context).filter(|hint| !hint.contains('\n'))
    }
}

impl Highlighter for Help {
    fn highlight<'l>(&self, line: &'l str, at: usize) -> Cow<'l, str> {
        Cow::Owned(paint(line, self.cursor.get().then_some(at), self.color))
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        if self.color { Cow::Owned(format!("\x1b[2m{hint}\x1b[0m")) } else { Cow::Borrowed(hint) }
    }

    fn highlight_char(&self, _: &str, _: usize, kind: CmdKind) -> bool {
        self.cursor.set(kind != CmdKind::ForcedRefresh);
        true
    }
}
