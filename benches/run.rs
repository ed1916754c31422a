//! Times `aio` on the programs in `scripts/`, beside CPython where there is one.
//!
//! `cargo bench` runs them all, `cargo bench -- fib tasks` those with one of these words in their name. `--rounds N`
//! says how often each runs (5). CPython is the program in the environment variable PYTHON, or a `python3.13` or
//! `python3` of version 3.13 on the path. The two take turns, so that a busy moment hits both; the best time of each
//! counts, and both must print the same.
//!
//! What is timed is the whole process. So the last column gives the ratio without what starting takes: the time of an
//! empty program, or of one that only imports asyncio for those that do.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

const ROUNDS: usize = 5;

struct Options {
    rounds: usize,
    words: Vec<String>,
}

/// A program that runs scripts.
#[derive(Clone)]
struct Runner {
    program: PathBuf,
    /// What makes CPython's runs alike.
    environment: &'static [(&'static str, &'static str)],
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            let _ = writeln!(io::stderr(), "{message}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let options = options()?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches").join("scripts");
    let aio = Runner { program: PathBuf::from(env!("CARGO_BIN_EXE_aio")), environment: &[] };
    let python = python();
    let mut runners = vec![aio];
    runners.extend(python.clone());
    match &python {
        Some(python) => say(&format!("beside {}; milliseconds, best of {}", python.program.display(), options.rounds)),
        None => say(&format!("no CPython 3.13 found (set PYTHON); milliseconds, best of {}", options.rounds)),
    }
    match python {
        Some(_) => say(&format!("\n{:24}{:>10}{:>10}{:>9}{:>16}", "", "aio", "python", "ratio", "without start")),
        None => say(&format!("\n{:24}{:>10}", "", "aio")),
    }

    let mut starts = Vec::new();
    for name in ["start_empty", "start_asyncio"] {
        let times = measure(&runners, &folder.join(format!("{name}.aio")), options.rounds.max(5))?;
        show(name, &times, None);
        starts.push(times);
    }
    let mut ratios = Vec::new();
    let mut failed = 0;
    for script in scripts(&folder)? {
        let name = script.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let wanted = options.words.is_empty() || options.words.iter().any(|word| name.contains(word));
        if name.starts_with("start_") || !wanted {
            continue;
        }
        let times = match measure(&runners, &script, options.rounds) {
            Ok(times) => times,
            Err(message) => {
                say(&format!("{name}: {message}"));
                failed += 1;
                continue;
            }
        };
        let text = fs::read_to_string(&script).map_err(|error| error.to_string())?;
        let start = &starts[usize::from(text.contains("import asyncio"))];
        ratios.extend(show(&name, &times, Some(start)));
    }
    if ratios.len() > 1 {
        let mean = (ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64).exp();
        say(&format!("{:24}{:>45}", "geometric mean", times_as_fast(mean)));
    }
    if failed > 0 { Err(format!("{failed} failed")) } else { Ok(()) }
}

fn options() -> Result<Options, String> {
    let mut options = Options { rounds: ROUNDS, words: Vec::new() };
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            // What `cargo bench` itself gives.
            "--bench" => {}
            "--rounds" => {
                let number = arguments.next().and_then(|number| number.parse().ok());
                options.rounds = number.filter(|number| *number > 0).ok_or("--rounds needs a number")?;
            }
            word if word.starts_with('-') => return Err(format!("unknown option {word}")),
            word => options.words.push(word.to_owned()),
        }
    }
    Ok(options)
}

/// A CPython 3.13, if there is one.
fn python() -> Option<Runner> {
    let given = env::var_os("PYTHON").map(PathBuf::from);
    let candidates = given.map_or(vec!["python3.13".into(), "python3".into()], |given| vec![given]);
    candidates.into_iter().find_map(|program| {
        // The interpreter itself: what is found on the path may be a script that starts it.
        let probe = "import sys; print(sys.implementation.name, *sys.version_info[:2]); print(sys.executable)";
        let output = Command::new(&program).args(["-c", probe]).stderr(Stdio::null()).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        let program = text.trim_end().strip_prefix("cpython 3 13\n").map(PathBuf::from)?;
        Some(Runner { program, environment: &[("PYTHONHASHSEED", "0"), ("PYTHONDONTWRITEBYTECODE", "1")] })
    })
}

fn scripts(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut scripts: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    scripts.retain(|path| path.extension().is_some_and(|extension| extension == "aio"));
    scripts.sort();
    Ok(scripts)
}

/// The best time of each runner.
fn measure(runners: &[Runner], script: &Path, rounds: usize) -> Result<Vec<Duration>, String> {
    let mut best = vec![Duration::MAX; runners.len()];
    let mut printed: Option<Vec<u8>> = None;
    for _ in 0..rounds {
        for (runner, best) in runners.iter().zip(&mut best) {
            let started = Instant::now();
            let mut command = Command::new(&runner.program);
            command.arg(script).envs(runner.environment.iter().copied()).stdin(Stdio::null());
            let output = command.output().map_err(|error| format!("{}: {error}", runner.program.display()))?;
            *best = started.elapsed().min(*best);
            let who = format!("{} {}", runner.program.display(), script.display());
            if !output.status.success() {
                return Err(format!("{who} failed:\n{}", String::from_utf8_lossy(&output.stderr)));
            }
            match &printed {
                None => printed = Some(output.stdout),
                Some(before) if *before == output.stdout => {}
                Some(before) => {
                    let (before, now) = (String::from_utf8_lossy(before), String::from_utf8_lossy(&output.stdout));
                    return Err(format!("{who} printed\n{now}\nand not\n{before}"));
                }
            }
        }
    }
    Ok(best)
}

/// Prints a row; returns the ratio without start-up.
fn show(name: &str, times: &[Duration], start: Option<&Vec<Duration>>) -> Option<f64> {
    let ms = |time: &Duration| format!("{:.1}", time.as_secs_f64() * 1e3);
    let (ours, Some(theirs)) = (&times[0], times.get(1)) else {
        say(&format!("{name:24}{:>10}", ms(&times[0])));
        return None;
    };
    let mut row = format!("{name:24}{:>10}{:>10}", ms(ours), ms(theirs));
    row.push_str(&format!("{:>9}", times_as_fast(theirs.as_secs_f64() / ours.as_secs_f64())));
    let net = start.map(|start| {
        let net = |at: usize| times[at].saturating_sub(start[at]).as_secs_f64().max(1e-4);
        net(1) / net(0)
    });
    if let Some(net) = net {
        row.push_str(&format!("{:>16}", times_as_fast(net)));
    }
    say(&row);
    net
}

fn times_as_fast(ratio: f64) -> String {
    format!("{ratio:.2}x")
}

fn say(line: &str) {
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "{line}");
    let _ = stdout.flush();
}
