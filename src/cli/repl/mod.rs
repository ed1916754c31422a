//! The prompt: lines from a terminal or a pipe, fed to a session whose tasks go on meanwhile.
//!
//! The interpreter stays on its thread and reading has one of its own. Between two lines the interpreter waits for
//! whatever comes first: the next line, or the next thing its event loop has to do.

mod editor;
mod history;
mod keys;
mod lines;
mod paint;
mod screen;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

use aio::session::{Reply, Session};

use super::Options;
use super::streams::NAP;
use editor::{Editor, Event};
use lines::Lines;
use screen::Screen;

/// Reads a line for a script.
type ReadLine = Box<dyn FnMut() -> std::io::Result<String>>;

/// Longer than anybody waits; then it is waited again.
const LONG: Duration = Duration::from_secs(3600);

/// Whether the options ask for a session.
pub(super) fn is_wanted(options: &Options) -> bool {
    options.interactive || (options.script.is_empty() && options.command.is_none() && std::io::stdin().is_terminal())
}

/// Runs a session; its exit status.
pub(super) fn run(options: &Options, stack: usize) -> u8 {
    let before = if options.script.is_empty() && options.command.is_none() {
        None
    } else {
        match super::input(options) {
            Ok(input) => Some(input),
            Err(message) => return super::usage(&message),
        }
    };
    let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let edits = terminal && !std::env::var("TERM").is_ok_and(|name| PLAIN_TERMINALS.contains(&name.as_str()));
    let mut host = super::host(options, options.style());
    if let Some(input) = &before {
        host.argv.clone_from(&input.argv);
        host.script = Some(PathBuf::from(&input.name)).filter(|_| !input.name.starts_with('<'));
    }
    host.module_path = vec![before.as_ref().map(|input| input.folder.clone()).unwrap_or_default()];
    let mut surface = if edits {
        let screen = Screen::default();
        host.stdout = screen.output(false);
        host.stderr = screen.output(true);
        Surface::Terminal(Box::new(Editor::start(options, &screen)), screen)
    } else {
        Surface::Pipe(Lines::start())
    };
    let mut session = Session::new(host, Box::new(|path: &Path, text: &str| std::fs::write(path, text)));
    session.interpreter().limit_stack(stack);
    super::signals::reach(session.interpreter(), terminal);
    let vm = &mut session.interpreter().vm;
    let interrupt = vm.interrupt.clone();
    match &surface {
        Surface::Terminal(editor, screen) => {
            editor.share_interrupt(interrupt.clone());
            let inner = std::mem::replace(&mut vm.host.read_line, Box::new(|| Ok(String::new())));
            #[cfg(unix)]
            let inner = {
                drop(inner);
                super::streams::lines(interrupt)
            };
            vm.host.read_line = screen.clone().guard(inner);
        }
        Surface::Pipe(lines) => vm.host.read_line = lines.clone().reader(interrupt),
    }
    if terminal && before.is_none() {
        let _ = vm.write_out(&Session::banner());
    }
    if let Some(input) = before {
        session.run_file(&input.name, &input.bytes);
    }
    let status = surface.run(&mut session);
    session.leave();
    status
}

/// Terminals on which no line can be edited.
const PLAIN_TERMINALS: [&str; 3] = ["dumb", "cons25", "emacs"];

/// Where lines come from.
enum Surface {
    Terminal(Box<Editor>, Screen),
    Pipe(Lines),
}

impl Surface {
    fn run(&mut self, session: &mut Session) -> u8 {
        loop {
            if let Reply::Leave(status) = session.settle() {
                return status;
            }
            let reply = match self {
                Surface::Terminal(editor, screen) => from_terminal(session, editor, screen),
                Surface::Pipe(lines) => from_pipe(session, lines),
            };
            if let Reply::Leave(status) = reply {
                return status;
            }
        }
    }
}

/// One line from a terminal.
fn from_terminal(session: &mut Session, editor: &mut Editor, screen: &Screen) -> Reply {
    editor.ask(&session.prompt());
    loop {
        editor.busy.store(true, Ordering::Relaxed);
        let (wait, reply) = session.poll();
        editor.busy.store(false, Ordering::Relaxed);
        if reply != Reply::Done {
            return reply;
        }
        match editor.wait(wait.unwrap_or(LONG)) {
            None => {}
            Some(Event::Complete(text, at, answer)) => {
                let _ = answer.send(session.complete(&text, at));
            }
            Some(Event::Line(text)) => {
                screen.editing(false);
                return session.feed(&text);
            }
            Some(Event::Interrupted) => {
                screen.editing(false);
                session.interrupt();
                return Reply::Done;
            }
            Some(Event::End) => {
                screen.editing(false);
                let _ = session.interpreter().vm.write_out("\n");
                return Reply::Leave(0);
            }
            Some(Event::Failed(message)) => {
                screen.editing(false);
                session.interpreter().vm.write_err(&format!("aio: can't read from the terminal: {message}\n"));
                return Reply::Leave(1);
            }
        }
    }
}

/// One line from a pipe, after the prompt for it.
fn from_pipe(session: &mut Session, lines: &Lines) -> Reply {
    let prompt = session.prompt();
    let vm = &mut session.interpreter().vm;
    if vm.write_out(&prompt).is_err() {
        return Reply::Leave(1);
    }
    let _ = vm.host.stdout.flush();
    lines.ask();
    loop {
        let (wait, reply) = session.poll();
        if reply != Reply::Done {
            return reply;
        }
        let Some(line) = lines.wait(wait.unwrap_or(LONG).min(NAP)) else {
            if session.interpreter().vm.interrupt.swap(false, Ordering::Relaxed) {
                session.interrupt();
                return Reply::Done;
            }
            continue;
        };
        if line.is_empty() {
            let _ = session.interpreter().vm.write_out("\n");
            return match session.end_of_input() {
                Reply::Leave(status) => Reply::Leave(status),
                _ => Reply::Leave(0),
            };
        }
        return session.feed(line.trim_end_matches(['\n', '\r']));
    }
}
