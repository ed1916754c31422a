//! Runs every golden script and compares what it prints with what CPython 3.13 printed.
//!
//! The scripts are the `.aio` files below `tests/golden` and in `examples`; each is a test of its own, named by its path.
//! `golden/README.md` says how they are laid out and how the expectations come about. Every script gets a real process,
//! an empty standard input (or its `.in` file) and twenty seconds, so that a hang fails like any other difference. An
//! expectation without a script fails too, so none is left behind by a renaming.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};
use similar::{ChangeTag, TextDiff};

const TIMEOUT: Duration = Duration::from_secs(20);

/// More output than this is a script gone wild; the rest is cut off.
const OUTPUT_LIMIT: u64 = 16 << 20;

/// Longest difference that is worth reading.
const SHOWN_LINES: usize = 60;

/// In its first lines a script may ask for a second run on the real clock (stdout only), or for options of the binary.
const REAL_CLOCK: &str = "# also: real clock";
const OPTIONS: &str = "# aio:";
const HEAD: usize = 6;

struct Script {
    path: PathBuf,
    /// Where it runs; the paths in its expectations are relative to this.
    folder: PathBuf,
}

struct Output {
    stdout: String,
    stderr: String,
    /// `None`: killed after [`TIMEOUT`].
    status: Option<ExitStatus>,
}

fn main() -> io::Result<()> {
    let arguments = Arguments::from_args();
    let root = fs::canonicalize(env!("CARGO_MANIFEST_DIR"))?;
    let golden = root.join("tests").join("golden");
    let examples = root.join("examples");

    let not_yet = fs::read_to_string(golden.join("not_yet.txt"))?;
    let not_yet: Vec<&str> = not_yet.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let mut tests = Vec::new();
    for (below, folder, prefix) in [(&golden, &golden, ""), (&examples, &root, "examples/")] {
        let mut files = Vec::new();
        collect(below, &mut files)?;
        files.sort();
        for path in files {
            let relative = path.strip_prefix(below).unwrap_or(&path).with_extension("");
            let name = format!("{prefix}{}", relative.display().to_string().replace('\\', "/"));
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("aio") if not_yet.contains(&name.as_str()) => {
                    let script = Script { path, folder: folder.clone() };
                    tests.push(Trial::test(name, move || script.check_not_yet()).with_kind("not yet"));
                }
                Some("aio") => add(Script { path, folder: folder.clone() }, &name, &mut tests),
                Some("out" | "err" | "status" | "in") if !path.with_extension("aio").exists() => {
                    let lost = format!("{} belongs to no script", path.display());
                    tests.push(Trial::test(name, move || Err(lost.into())));
                }
                _ => {}
            }
        }
    }
    libtest_mimic::run(&arguments, tests).exit()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn add(script: Script, name: &str, tests: &mut Vec<Trial>) {
    // Scripts about encodings are not valid UTF-8.
    let text = fs::read(&script.path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let head = || text.lines().take(HEAD);
    if head().any(|line| line.trim() == REAL_CLOCK) {
        let again = Script { path: script.path.clone(), folder: script.folder.clone() };
        tests.push(Trial::test(format!("{name} (real clock)"), move || again.check_real_clock()));
    }
    let options: Vec<String> = head()
        .filter_map(|line| line.strip_prefix(OPTIONS))
        .flat_map(|options| options.split_whitespace().map(str::to_owned))
        .collect();
    tests.push(Trial::test(name, move || script.check(&options)));
}

impl Script {
    fn check(&self, options: &[String]) -> Result<(), Failed> {
        let options =
            ["--virtual-time", "--error-format", "python"].into_iter().chain(options.iter().map(String::as_str));
        let output = self.run(options)?;
        let Some(status) = output.status else {
            return Err(
                format!("still running after {} seconds; so far:\n{}", TIMEOUT.as_secs(), cut(&output.stdout)).into()
            );
        };

        let mut report = String::new();
        let expected = self.expected("out")?.ok_or("no .out file: run tests/golden/regen.py")?;
        compare("stdout", &expected, &output.stdout, &mut report);
        let expected = self.expected("err")?.unwrap_or_default();
        compare("stderr", &expected, &output.stderr, &mut report);
        let expected = self.expected("status")?.map_or("0".to_owned(), |text| text.trim().to_owned());
        let actual = exit_status(status);
        if expected != actual {
            report.push_str(&format!("exit status: expected {expected}, got {actual}\n"));
        }
        if report.is_empty() { Ok(()) } else { Err(report.into()) }
    }

    /// A script of `not_yet.txt`: it must still fail, so that the list stays true, but it must end.
    fn check_not_yet(&self) -> Result<(), Failed> {
        match self.check(&[]) {
            Ok(()) => Err("it passes now: take it off not_yet.txt".into()),
            Err(_) => Ok(()),
        }
    }

    fn check_real_clock(&self) -> Result<(), Failed> {
        let output = self.run(["--error-format", "python"].into_iter())?;
        if output.status.is_none() {
            return Err(format!("still running after {} seconds", TIMEOUT.as_secs()).into());
        }
        let mut report = String::new();
        compare("stdout", &self.expected("out")?.unwrap_or_default(), &output.stdout, &mut report);
        if report.is_empty() { Ok(()) } else { Err(report.into()) }
    }

    /// The text of an expectation, or `None` if there is no such file.
    fn expected(&self, extension: &str) -> Result<Option<String>, Failed> {
        match fs::read(self.path.with_extension(extension)) {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.to_string().into()),
        }
    }

    fn run<'a>(&self, options: impl Iterator<Item = &'a str>) -> Result<Output, Failed> {
        let given = self.path.with_extension("in");
        let stdin = if given.exists() { Stdio::from(File::open(given)?) } else { Stdio::null() };
        let mut child = Command::new(env!("CARGO_BIN_EXE_aio"))
            .args(options)
            .arg(self.path.strip_prefix(&self.folder).unwrap_or(&self.path))
            .current_dir(&self.folder)
            .env("NO_COLOR", "1")
            .env("TZ", "UTC")
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;

        // Read from threads of their own, or a script that fills one pipe waits for us while we wait for it.
        let stdout = child.stdout.take().map(|pipe| thread::spawn(move || read(pipe)));
        let stderr = child.stderr.take().map(|pipe| thread::spawn(move || read(pipe)));

        let started = Instant::now();
        let mut pause = Duration::from_micros(500);
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break Some(status);
            }
            if started.elapsed() > TIMEOUT {
                child.kill()?;
                child.wait()?;
                break None;
            }
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        };
        let text = |reader: Option<thread::JoinHandle<Vec<u8>>>| {
            let bytes = reader.and_then(|reader| reader.join().ok()).unwrap_or_default();
            normalised(&String::from_utf8_lossy(&bytes), &self.folder)
        };
        Ok(Output { stdout: text(stdout), stderr: text(stderr), status })
    }
}

/// The status as a shell shows it: 128 and the number, if a signal ended the process.
fn exit_status(status: ExitStatus) -> String {
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&status).map(|number| 128 + number);
    #[cfg(not(unix))]
    let signal: Option<i32> = None;
    status.code().or(signal).map_or_else(|| status.to_string(), |code| code.to_string())
}

fn read(pipe: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    // What was read before an error is still worth comparing.
    let _ = pipe.take(OUTPUT_LIMIT).read_to_end(&mut bytes);
    bytes
}

/// Without what differs from one machine or run to another: addresses, and where the working directory lies.
fn normalised(text: &str, folder: &Path) -> String {
    let text = text.replace(&format!("{}/", folder.display()), "");
    let mut pieces = text.split("at 0x");
    let mut result = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let rest = piece.trim_start_matches(|c: char| c.is_ascii_hexdigit());
        result.push_str(if rest.len() < piece.len() { "at 0x..." } else { "at 0x" });
        result.push_str(rest);
    }
    result
}

/// Adds to the report how `actual` differs from `expected`, line by line, with two lines around each difference.
fn compare(what: &str, expected: &str, actual: &str, report: &mut String) {
    if expected == actual {
        return;
    }
    report.push_str(&format!("{what}: expected (-), got (+)\n"));
    let (expected, actual) = (cut(expected), cut(actual));
    let diff = TextDiff::from_lines(expected, actual);
    let mut lines = 0;
    for (index, group) in diff.grouped_ops(2).iter().enumerate() {
        if index > 0 {
            report.push_str("      ...\n");
        }
        for change in group.iter().flat_map(|operation| diff.iter_changes(operation)) {
            lines += 1;
            if lines > SHOWN_LINES {
                report.push_str("      (and more)\n");
                return;
            }
            let (sign, index) = match change.tag() {
                ChangeTag::Delete => ('-', change.old_index()),
                ChangeTag::Insert => ('+', change.new_index()),
                ChangeTag::Equal => (' ', change.old_index()),
            };
            let value = change.value();
            // Trailing blanks and other invisible characters are a difference one should see.
            let line =
                value.trim_end_matches('\n').escape_debug().to_string().replace("\\'", "'").replace("\\\"", "\"");
            let newline = if value.ends_with('\n') { "" } else { "  (no newline at the end)" };
            report.push_str(&format!("{:5} {sign} {line}{newline}\n", index.map_or(0, |index| index + 1)));
        }
    }
}

/// The beginning of a text, short enough to compare line by line.
fn cut(text: &str) -> &str {
    const LONGEST: usize = 200_000;
    if text.len() <= LONGEST {
        return text;
    }
    let end = (0..=LONGEST).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    &text[..end]
}
