//! Small random programs of tasks, run by `random_tasks/programs.aio`, against what CPython 3.13 made of them.
//!
//! Each `.txt` file holds the traces of fifty programs, recorded by `random_tasks/record.py` on the virtual clock and
//! named by the first seed. A new way for tasks to meet goes into `programs.aio`; then record all anew. The files in
//! `random_tasks/written/` hold what scripts print that its `programs.aio` writes, for the seeds in their headings.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Programs in a file.
const BATCH: u32 = 50;

/// A program's heading, and what it printed.
fn programs(text: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut heading = "";
    for line in text.lines() {
        if line.starts_with("program ") {
            heading = line;
        }
        found.entry(heading).or_default().push(line);
    }
    found
}

/// The first program whose trace differs, with the first line that does.
fn difference(expected: &str, got: &str) -> Option<String> {
    let (expected, got) = (programs(expected), programs(got));
    let headings = expected.keys().chain(got.keys());
    for heading in headings {
        let none = Vec::new();
        let (want, have) = (expected.get(heading).unwrap_or(&none), got.get(heading).unwrap_or(&none));
        if want != have {
            let at = want.iter().zip(have).take_while(|(a, b)| a == b).count();
            let line = |lines: &Vec<&str>| (*lines.get(at).unwrap_or(&"(nothing)")).to_owned();
            return Some(format!("{heading}\n  CPython: {}\n  aio:     {}", line(want), line(have)));
        }
    }
    None
}

/// Runs the programs of each file of traces in a folder, with the arguments that its name and its text ask for.
fn compare(folder: &Path, arguments: fn(u32, &str) -> Vec<String>) -> std::io::Result<()> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)?.filter_map(Result::ok).map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|end| end == "txt"));
    files.sort();
    assert!(files.len() >= 4, "the traces are there");
    let mut failures = Vec::new();
    for file in files {
        let number: u32 = file.file_stem().and_then(|name| name.to_str()?.parse().ok()).expect("named by a number");
        let expected = fs::read_to_string(&file)?;
        let output = Command::new(env!("CARGO_BIN_EXE_aio"))
            .args(["--virtual-time", "--error-format", "python"])
            .arg(folder.join("programs.aio"))
            .args(arguments(number, &expected))
            .output()?;
        if let Some(difference) = difference(&expected, &String::from_utf8_lossy(&output.stdout)) {
            failures.push(format!("{difference}\n{}", String::from_utf8_lossy(&output.stderr)));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    Ok(())
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join("random_tasks")
}

#[test]
fn random_programs_of_tasks_run_as_in_cpython() -> std::io::Result<()> {
    compare(&folder(), |first, _| vec![first.to_string(), (first + BATCH).to_string()])
}

#[test]
fn randomly_written_scripts_run_as_in_cpython() -> std::io::Result<()> {
    compare(&folder().join("written"), |_, expected| {
        expected.lines().filter_map(|line| line.strip_prefix("program ").map(str::to_owned)).collect()
    })
}
