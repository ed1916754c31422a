//! The prompt in a real pseudo-terminal: keys go in, and what the screen shows is read by a terminal emulator.
//!
//! Nothing here depends on how fast the machine is: every step waits until the screen shows what it should, for minutes
//! if need be.
#![cfg(unix)]

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rexpect::process::{PtyProcess, WaitStatus};

const PATIENCE: Duration = Duration::from_secs(180);
const CTRL_A: &str = "\x01";
const CTRL_C: &str = "\x03";
const CTRL_D: &str = "\x04";
const CTRL_E: &str = "\x05";
const CTRL_R: &str = "\x12";
const BACKSPACE: &str = "\x7f";
const UP: &str = "\x1b[A";
const DOWN: &str = "\x1b[B";
const RIGHT: &str = "\x1b[C";

/// A folder of its own for every test, for its history.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("terminal").join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder for temporary files");
    folder
}

struct Terminal {
    process: PtyProcess,
    keys: File,
    screen: Arc<Mutex<vt100::Parser>>,
}

impl Terminal {
    /// Begins a session.
    fn start(state: &Path, args: &[&str]) -> Terminal {
        let terminal = Terminal::run(state, args);
        terminal.shows(">>> ");
        terminal
    }

    fn run(state: &Path, args: &[&str]) -> Terminal {
        Terminal::of_kind("xterm-256color", state, args)
    }

    fn of_kind(kind: &str, state: &Path, args: &[&str]) -> Terminal {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aio"));
        command.args(args).current_dir(state).env("XDG_STATE_HOME", state).env("TERM", kind);
        command.env_remove("NO_COLOR").env_remove("COLUMNS");
        let process = PtyProcess::new(command).expect("a process in a pseudo-terminal");
        let keys = process.get_file_handle().expect("the terminal's other end");
        let mut output = process.get_file_handle().expect("the terminal's other end");
        let screen = Arc::new(Mutex::new(vt100::Parser::new(24, 80, 0)));
        let shown = screen.clone();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                shown.lock().expect("a screen").process(&bytes[..count]);
            }
        });
        Terminal { process, keys, screen }
    }

    /// Presses keys.
    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("keys to press");
    }

    /// Types a line, sees it and ends it.
    fn enter(&mut self, line: &str) {
        self.press(line);
        self.shows(line);
        self.press("\r");
    }

    /// What the screen shows, without the blanks at the ends of lines.
    fn text(&self) -> String {
        let screen = self.screen.lock().expect("a screen").screen().contents();
        screen.lines().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n").trim_end().to_owned()
    }

    /// Waits until the screen shows a text.
    fn shows(&self, expected: &str) {
        self.wait(&format!("{expected:?}"), |text| text.contains(expected.trim_end()));
    }

    /// Waits until the screen ends with these lines.
    fn ends_with(&self, lines: &[&str]) {
        let expected = lines.join("\n");
        self.wait(&expected, |text| text == expected || text.ends_with(&format!("\n{expected}")));
    }

    fn wait(&self, what: &str, done: impl Fn(&str) -> bool) {
        let started = Instant::now();
        while !done(&self.text()) {
            assert!(started.elapsed() < PATIENCE, "waited for:\n{what}\nthe screen shows:\n{}", self.text());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for the process to end; its exit status.
    fn status(self) -> i32 {
        let started = Instant::now();
        loop {
            match self.process.status() {
                Some(WaitStatus::Exited(_, status)) => return status,
                Some(WaitStatus::StillAlive) => {}
                other => panic!("it ended so: {other:?}"),
            }
            assert!(started.elapsed() < PATIENCE, "it does not end; the screen shows:\n{}", self.text());
            thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn a_session_has_a_banner_prompts_and_an_end() {
    let mut terminal = Terminal::start(&folder("banner"), &[]);
    terminal.shows("with await at the prompt");
    terminal.enter("1 + 1");
    terminal.ends_with(&[">>> 1 + 1", "2", ">>>"]);
    terminal.enter("_ * 21");
    terminal.ends_with(&["42", ">>>"]);
    terminal.press(CTRL_D);
    assert_eq!(terminal.status(), 0);
}

#[test]
fn blocks_are_indented_and_edited_as_a_whole() {
    let mut terminal = Terminal::start(&folder("editing"), &[]);
    terminal.enter("def f(x):");
    terminal.press("if x:\r");
    terminal.ends_with(&[">>> def f(x):", "...     if x:", "..."]);
    terminal.press("return 1\r");
    // `return` leaves the block.
    terminal.press("return 2");
    terminal.ends_with(&[">>> def f(x):", "...     if x:", "...         return 1", "...     return 2"]);
    // Up two lines, to change the 1.
    terminal.press(UP);
    terminal.press(CTRL_E);
    terminal.press(BACKSPACE);
    terminal.press("100");
    terminal.shows("        return 100");
    terminal.press(CTRL_A);
    terminal.press(RIGHT);
    terminal.press(DOWN);
    terminal.press(CTRL_E);
    terminal.press("\r\r");
    terminal.ends_with(&["...     return 2", "...", ">>>"]);
    terminal.enter("f(1), f(0)");
    terminal.ends_with(&["(100, 2)", ">>>"]);
    // The whole block comes back from the history.
    terminal.press(UP);
    terminal.press(UP);
    terminal.shows("...         return 100\n...     return 2");
}

#[test]
fn backspace_takes_back_indentation_and_lines() {
    let mut terminal = Terminal::start(&folder("backspace"), &[]);
    terminal.enter("while True:");
    terminal.ends_with(&[">>> while True:", "..."]);
    terminal.press("pass");
    terminal.ends_with(&[">>> while True:", "...     pass"]);
    terminal.press(&BACKSPACE.repeat(4));
    terminal.press(&BACKSPACE.repeat(2));
    terminal.ends_with(&[">>> while True:"]);
    terminal.press(&BACKSPACE.repeat(5));
    terminal.press("False: pass\r\r");
    terminal.enter("'done'");
    terminal.ends_with(&[">>> 'done'", "'done'", ">>>"]);
}

#[test]
fn background_tasks_print_above_the_line_being_edited() {
    let mut terminal = Terminal::start(&folder("background"), &[]);
    terminal.enter("async def tick():");
    terminal.press("for n in range(3):\rawait asyncio.sleep(0.2)\rprint('tick', n)\r\r");
    terminal.ends_with(&["...         print('tick', n)", "...", ">>>"]);
    terminal.enter("t = asyncio.create_task(tick())");
    terminal.press("x = 'half a");
    terminal.ends_with(&["tick 0", "tick 1", "tick 2", ">>> x = 'half a"]);
    terminal.press(" line'\r");
    terminal.enter("x");
    terminal.ends_with(&["'half a line'", ">>>"]);
}

#[test]
fn an_interrupt_cancels_what_is_awaited() {
    let mut terminal = Terminal::start(&folder("interrupt"), &[]);
    terminal.enter("async def main():");
    terminal.press("try:\rprint('be' + 'gun')\rawait asyncio.sleep(1000)\r");
    terminal.press(BACKSPACE);
    terminal.press("except asyncio.CancelledError:\rprint('can' + 'celled')\rraise\r\r\r");
    terminal.wait("an empty prompt", |text| text.ends_with("\n>>>"));
    terminal.enter("await main()");
    terminal.shows("begun");
    terminal.press(CTRL_C);
    terminal.ends_with(&["cancelled", "KeyboardInterrupt", ">>>"]);
    terminal.enter("def spin():");
    terminal.press("print('spin' + 'ning')\rwhile True: pass\r\r");
    terminal.wait("an empty prompt", |text| text.ends_with("\n>>>"));
    terminal.enter("spin()");
    terminal.shows("spinning");
    terminal.press(CTRL_C);
    terminal.wait("an empty prompt", |text| text.ends_with("KeyboardInterrupt\n>>>"));
    terminal.enter("'still here'");
    terminal.ends_with(&["'still here'", ">>>"]);
}

#[test]
fn an_interrupt_clears_the_line() {
    let mut terminal = Terminal::start(&folder("clear"), &[]);
    terminal.press("never run(");
    terminal.shows("never run(");
    terminal.press(CTRL_C);
    terminal.ends_with(&["KeyboardInterrupt", ">>>"]);
    terminal.enter("7 * 6");
    terminal.ends_with(&["42", ">>>"]);
}

#[test]
fn an_interrupt_ends_the_wait_for_input() {
    for kind in ["xterm-256color", "dumb"] {
        let mut terminal = Terminal::of_kind(kind, &folder(&format!("input_{kind}")), &[]);
        terminal.shows(">>> ");
        terminal.press("input('name: ')\r");
        terminal.wait("the script's prompt", |text| text.ends_with("name:"));
        terminal.press(CTRL_C);
        terminal.wait("an empty prompt", |text| text.ends_with("KeyboardInterrupt\n>>>"));
        terminal.press("input('name: ')\r");
        terminal.wait("the script's prompt", |text| text.ends_with("name:"));
        terminal.press("Ada\r");
        terminal.wait("the line", |text| text.ends_with("'Ada'\n>>>"));
    }
}

#[test]
fn an_interrupt_drops_an_unfinished_block_where_no_line_can_be_edited() {
    let mut terminal = Terminal::of_kind("dumb", &folder("dumb"), &[]);
    terminal.shows(">>> ");
    terminal.press("[1,\r");
    terminal.shows("... ");
    terminal.press(CTRL_C);
    terminal.wait("an empty prompt", |text| text.ends_with("KeyboardInterrupt\n>>>"));
    terminal.press("6 * 7\r");
    terminal.wait("the result", |text| text.ends_with("42\n>>>"));
}

#[test]
fn tab_completes_what_is_there() {
    let mut terminal = Terminal::start(&folder("completion"), &[]);
    terminal.press("asyncio.create_ta\t");
    terminal.shows(">>> asyncio.create_task");
    terminal.press(CTRL_C);
    terminal.ends_with(&["KeyboardInterrupt", ">>>"]);
    terminal.enter("wonderful = [1]");
    terminal.press("wond\t.app\t(2)\r");
    terminal.press("wonderful\r");
    terminal.shows("[1, 2]");
    terminal.press(":ta\t\r");
    terminal.shows("no tasks are pending");
    // At the beginning of a line it indents.
    terminal.press("if True:\r");
    terminal.press("\t");
    terminal.press("pass");
    terminal.ends_with(&[">>> if True:", "...         pass"]);
}

#[test]
fn pasted_code_runs_as_one() {
    let mut terminal = Terminal::start(&folder("paste"), &[]);
    let code = "def f(n):\n    if n:\n        return n\n\n    return 0\n\nprint(f(5), f(0))";
    terminal.press(&format!("\x1b[200~{code}\x1b[201~"));
    terminal.shows("print(f(5), f(0))");
    terminal.press("\r");
    terminal.ends_with(&["5 0", ">>>"]);
}

#[test]
fn history_lasts_from_one_run_to_the_next() {
    let state = folder("history");
    let mut terminal = Terminal::start(&state, &[]);
    terminal.enter("first = 'from the first run'");
    terminal.enter("if first:");
    terminal.press("first\r\r");
    terminal.ends_with(&["'from the first run'", ">>>"]);
    terminal.press(CTRL_D);
    assert_eq!(terminal.status(), 0);

    let mut terminal = Terminal::start(&state, &[]);
    terminal.press(UP);
    terminal.ends_with(&[">>> if first:", "...     first"]);
    terminal.press(UP);
    terminal.press(UP);
    terminal.ends_with(&[">>> first = 'from the first run'"]);
    terminal.press("\r");
    terminal.ends_with(&[">>> first = 'from the first run'", ">>>"]);
    // Searched backwards, and hinted at.
    terminal.press(CTRL_R);
    terminal.press("if fi");
    terminal.shows("if first:");
    terminal.press(CTRL_C);
    terminal.wait("an empty prompt", |text| text.ends_with("\n>>>"));
    terminal.press("fir");
    terminal.shows(">>> first = 'from the first run'");
    terminal.press(CTRL_C);
    drop(terminal);

    let mut terminal = Terminal::start(&state, &["--no-history"]);
    terminal.press(UP);
    terminal.enter("'not kept'");
    terminal.ends_with(&[">>> 'not kept'", "'not kept'", ">>>"]);
    terminal.press(CTRL_D);
    assert_eq!(terminal.status(), 0);
    let kept = std::fs::read_to_string(state.join("aio").join("history")).expect("a history");
    assert!(kept.contains("first = ") && !kept.contains("not kept"), "{kept}");
}

#[test]
fn leaving_cancels_what_is_pending() {
    let mut terminal = Terminal::start(&folder("leaving"), &[]);
    terminal.enter("t = asyncio.create_task(asyncio.sleep(1000), name='sleeper')");
    terminal.enter(":tasks");
    terminal.shows("sleeper  waiting");
    terminal.ends_with(&[">>>"]);
    terminal.press(CTRL_D);
    terminal.shows("cancelled task: 'sleeper'");
    assert_eq!(terminal.status(), 0);
}

#[test]
fn a_script_leads_to_a_prompt_in_its_namespace() {
    let state = folder("script");
    std::fs::write(state.join("script.aio"), "x = 6\nprint('the script has run')\n").expect("a script");
    let mut terminal = Terminal::start(&state, &["-i", "script.aio"]);
    terminal.shows("the script has run");
    terminal.enter("x * 7");
    terminal.ends_with(&["42", ">>>"]);
    terminal.enter("exit(3)");
    assert_eq!(terminal.status(), 3);
}

#[test]
fn output_without_a_line_end_stays_on_the_screen() {
    let mut terminal = Terminal::start(&folder("partial"), &[]);
    terminal.enter("print('no line ' + 'end', end='')");
    terminal.ends_with(&["no line end", ">>>"]);
}

#[test]
fn an_error_is_drawn_below_an_unfinished_line() {
    let state = folder("unfinished");
    let report = |text: &str| {
        std::fs::write(state.join("script.aio"), text).expect("a script");
        let terminal = Terminal::run(&state, &["script.aio"]);
        terminal.shows("ZeroDivisionError: division by zero");
        terminal.text()
    };
    let drawn = report("print('so far', end='')\n1 / 0\n");
    assert!(drawn.starts_with("so far\n   ╭─["), "{drawn}");
    let drawn = report("print('a line')\n1 / 0\n");
    assert!(drawn.starts_with("a line\n   ╭─["), "{drawn}");
}
