//! Plays the transcripts of `tests/repl` to a session and compares what is shown.
//!
//! A transcript is what a terminal shows: a line that begins with a prompt is an input, everything else is output. What
//! Python has too was written by CPython (`repl/regen.py`); the others begin with `#: ours`, and `AIO_BLESS=1` writes
//! them, to be read before they are kept.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Instant;

use aio::Host;
use aio::report::{ErrorFormat, Style};
use aio::session::{Reply, Session};
use libtest_mimic::{Arguments, Failed, Trial};
use similar::TextDiff;

fn main() -> io::Result<()> {
    let arguments = Arguments::from_args();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join("repl");
    let mut tests = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "txt") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let folder = folder.clone();
            tests.push(Trial::test(name, move || check(&path, &folder)));
        }
    }
    tests.push(Trial::test("readme", readme));
    tests.push(Trial::test("ten_thousand_inputs", ten_thousand_inputs));
    tests.push(Trial::test("prompts_of_the_user", prompts_of_the_user));
    libtest_mimic::run(&arguments, tests).exit();
}

fn check(path: &Path, folder: &Path) -> Result<(), Failed> {
    let expected = fs::read_to_string(path)?;
    let (path, folder) = (path.to_owned(), folder.to_owned());
    let text = expected.clone();
    // As much stack as the program gives its interpreter.
    let thread = std::thread::Builder::new().stack_size(256 << 20).spawn(move || play(&text, &folder))?;
    let shown = thread.join().map_err(|_| "the session panicked")?;
    if shown == expected {
        return Ok(());
    }
    if std::env::var_os("AIO_BLESS").is_some() && expected.contains("#: ours") {
        fs::write(path, shown)?;
        return Ok(());
    }
    let diff = TextDiff::from_lines(&expected, &shown);
    Err(format!("expected (-), shown (+)\n{}", diff.unified_diff().context_radius(3)).into())
}

/// A long session gets neither slower nor larger: the last inputs take as long as the first, and what an input defined
/// goes when its name is bound anew.
fn prompts_of_the_user() -> Result<(), Failed> {
    let mut session = Session::new(Host::closed(), Box::new(|_, _| Ok(())));
    let inputs = [
        ("import sys", ">>> "),
        ("sys.ps1, sys.ps2 = 'in: ', 'on: '", "in: "),
        ("if 1:", "on: "),
        ("    sys.ps1 = 7", "on: "),
        ("", "7"),
        ("class Broken:\n    def __str__(self): return 1 / 0\n\n", "7"),
        ("sys.ps1 = Broken()", ""),
        ("del sys.ps1", ""),
        (":reset", ">>> "),
    ];
    for (input, prompt) in inputs {
        session.feed(input);
        let found = session.prompt();
        if found != prompt {
            return Err(format!("after {input:?} the prompt is {found:?}, not {prompt:?}").into());
        }
    }
    Ok(())
}

fn ten_thousand_inputs() -> Result<(), Failed> {
    let mut session = Session::new(Host::closed(), Box::new(|_, _| Ok(())));
    let mut feed = |from: usize, to: usize| {
        let started = Instant::now();
        for n in from..to {
            let input = match n % 4 {
                0 => format!("def f(x):\n    return [x + {n} for _ in range(3)]\n"),
                1 => format!("await asyncio.sleep(0, f({n}))"),
                2 => format!("t = asyncio.create_task(asyncio.sleep(0, lambda: {n}))"),
                _ => format!("class C: x = {n}\n"),
            };
            if session.feed(&input) != Reply::Done || session.settle() != Reply::Done {
                return Err(format!("input {n} is not complete"));
            }
        }
        Ok((started.elapsed(), memory()))
    };
    feed(0, 2_000)?;
    let (first, before) = feed(2_000, 4_000)?;
    feed(4_000, 8_000)?;
    let (last, after) = feed(8_000, 10_000)?;
    if last > first * 5 {
        return Err(format!("2,000 inputs took {first:?}, later {last:?}").into());
    }
    match (before, after) {
        (Some(before), Some(after)) if after > before + 8_000 => {
            Err(format!("grew from {before} to {after} KB").into())
        }
        _ => Ok(()),
    }
}

/// The memory that this process uses, in KB, where the system says so.
fn memory() -> Option<usize> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.split_whitespace().next()?.parse().ok()
}

/// The session in the README, on a clock that takes no time.
fn readme() -> Result<(), Failed> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = fs::read_to_string(&path)?;
    let (before, rest) = text.split_once("```console\n").ok_or("README.md shows no session")?;
    let (session, after) = rest.split_once("```\n").ok_or("the session in README.md does not end")?;
    let shown = format!("$ aio\n{}{}", Session::banner(), play(&format!("#: pretty\n{session}"), Path::new(".")));
    let shown = shown.replacen("#: pretty\n", "", 1);
    if shown == session {
        return Ok(());
    }
    if std::env::var_os("AIO_BLESS").is_some() {
        fs::write(path, format!("{before}```console\n{shown}```\n{after}"))?;
        return Ok(());
    }
    Err(format!("{}", TextDiff::from_lines(session, shown.as_str()).unified_diff()).into())
}

/// Output that the test reads while the session writes.
#[derive(Clone, Default)]
struct Shown(Rc<RefCell<Vec<u8>>>);

impl Write for Shown {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The transcript that a session makes of the inputs of one.
fn play(transcript: &str, folder: &Path) -> String {
    let mut shown = Shown::default();
    let header: Vec<&str> = transcript.lines().take_while(|line| line.starts_with("#: ")).collect();
    let inputs: Vec<&str> = transcript.lines().filter_map(input).collect();
    let waiting: Rc<RefCell<Vec<String>>> = Rc::new(RefCell::new(inputs.iter().rev().map(|&i| i.to_owned()).collect()));
    let files: Rc<RefCell<HashMap<PathBuf, String>>> = Rc::default();
    let mut host = Host::closed();
    host.stdout = Box::new(shown.clone());
    host.stderr = Box::new(shown.clone());
    let format = if header.contains(&"#: pretty") { ErrorFormat::Pretty } else { ErrorFormat::Python };
    host.style = Style { format, color: false, width: 80, ..host.style };
    let (written, below) = (files.clone(), folder.join("files"));
    host.read_module = Box::new(move |path| match written.borrow().get(path) {
        Some(text) => Ok(text.clone().into_bytes()),
        None => fs::read(below.join(path)),
    });
    let answers = waiting.clone();
    let mut echo = shown.clone();
    host.read_line = Box::new(move || {
        let line = answers.borrow_mut().pop().map(|line| format!("{line}\n")).unwrap_or_default();
        write!(echo, ">>> {line}")?;
        Ok(line)
    });
    let mut session = Session::new(
        host,
        Box::new(move |path, text| {
            files.borrow_mut().insert(path.to_owned(), text.to_owned());
            Ok(())
        }),
    );
    session.interpreter().limit_stack(192 << 20);
    for line in &header {
        let _ = writeln!(shown, "{line}");
        if let Some(name) = line.strip_prefix("#: run ") {
            let bytes = fs::read(folder.join("files").join(name)).unwrap_or_default();
            session.run_file(&format!("files/{name}"), &bytes);
        }
    }
    loop {
        if session.settle() != Reply::Done {
            break;
        }
        let Some(line) = waiting.borrow_mut().pop() else { break };
        let _ = writeln!(shown, "{}{line}", session.prompt());
        let reply = match line.as_str() {
            "^D" => break,
            "^C" => {
                session.interrupt();
                Reply::Done
            }
            // Tab at the end of a line shows what it could become.
            line => match line.strip_suffix('\t') {
                Some(text) => {
                    let (at, words) = session.complete(text, text.len());
                    let _ = writeln!(shown, "{at}: {}", words.join(" "));
                    Reply::Done
                }
                None => session.feed(line),
            },
        };
        if let Reply::Leave(status) = reply {
            if status != 0 {
                let _ = writeln!(shown, "[exit status {status}]");
            }
            break;
        }
    }
    session.leave();
    let text = String::from_utf8_lossy(&shown.0.borrow()).into_owned();
    without_addresses(&text)
}

fn input(line: &str) -> Option<&str> {
    let is_bare = matches!(line, ">>>" | "...");
    if is_bare { Some("") } else { line.strip_prefix(">>> ").or_else(|| line.strip_prefix("... ")) }
}

fn without_addresses(text: &str) -> String {
    let mut parts = text.split("0x");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str("0x...");
        out.push_str(part.trim_start_matches(|c: char| c.is_ascii_hexdigit()).trim_start_matches("..."));
    }
    out
}
