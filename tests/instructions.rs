//! How many instructions small programs take, counted by valgrind: a number that a busy machine does not change.
//!
//! `tests/instructions/*.aio` are run under callgrind and compared with `tests/instructions/counts`, with a tolerance of
//! 3 %. Fewer is no failure. `AIO_COUNTS=write cargo test --test instructions`, with and without `--release`, writes the
//! numbers anew: there are some for each kind of build. They hold for one version of the compiler and of valgrind,
//! which the file names; with others, or without valgrind, nothing is compared.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Parts in a hundred by which a count may grow.
const TOLERANCE: u64 = 3;

/// The column of this kind of build.
const BUILD: usize = if cfg!(debug_assertions) { 0 } else { 1 };

#[test]
fn no_program_takes_more_instructions() {
    let (Some(compiler), Some(valgrind)) = (version("rustc"), version("valgrind")) else { return };
    let tools = format!("# {compiler}, {valgrind}");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/instructions");
    let file = folder.join("counts");
    let text = fs::read_to_string(&file).expect("the file is part of the repository");
    let writing = std::env::var_os("AIO_COUNTS").is_some_and(|value| value == "write");
    if !writing && text.lines().next() != Some(&tools) {
        return;
    }
    let mut known = read(&text);
    let counted: BTreeMap<String, u64> = scripts(&folder).iter().map(|path| (name(path), count(path))).collect();
    if writing {
        known.retain(|name, _| counted.contains_key(name));
        for (name, &count) in &counted {
            known.entry(name.clone()).or_default()[BUILD] = count;
        }
        let lines: String =
            known.iter().map(|(name, [debug, release])| format!("{name} {debug} {release}\n")).collect();
        fs::write(&file, format!("{tools}\n{lines}")).expect("the folder can be written");
        return;
    }
    let mut slower = Vec::new();
    for (name, &count) in &counted {
        match known.get(name).map(|counts| counts[BUILD]) {
            None | Some(0) => slower.push(format!("{name}: {count}, not in the file")),
            Some(before) if count > before + before * TOLERANCE / 100 => {
                slower.push(format!("{name}: {count}, was {before} ({:+.1} %)", change(before, count)));
            }
            Some(_) => {}
        }
    }
    slower.extend(known.keys().filter(|name| !counted.contains_key(*name)).map(|name| format!("{name}: no script")));
    assert!(slower.is_empty(), "more instructions than before:\n{}", slower.join("\n"));
}

fn version(tool: &str) -> Option<String> {
    let output = Command::new(tool).arg("--version").output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn scripts(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder is part of the repository");
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "aio")).collect()
}

fn name(script: &Path) -> String {
    script.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// The instructions that a run of a script takes, start-up included.
fn count(script: &Path) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", env!("CARGO_BIN_EXE_aio")])
        .arg(script)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .output()
        .expect("it ran a moment ago");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} failed:\n{text}", script.display());
    let collected = text.lines().find_map(|line| line.split_once("Collected :"));
    let number = collected.and_then(|(_, number)| number.trim().parse().ok());
    number.unwrap_or_else(|| panic!("no count in what callgrind says:\n{text}"))
}

/// The counts of debug and release builds by name.
fn read(text: &str) -> BTreeMap<String, [u64; 2]> {
    let line = |line: &str| {
        let mut parts = line.split(' ');
        let name = parts.next()?.to_owned();
        Some((name, [parts.next()?.parse().ok()?, parts.next()?.parse().ok()?]))
    };
    text.lines().skip(1).filter_map(line).collect()
}

fn change(before: u64, now: u64) -> f64 {
    (now as f64 / before as f64 - 1.0) * 100.0
}
