//! What errors and warnings look like: every script below `reports/` is run, and what it shows compared with a snapshot.
//!
//! Scripts run on the virtual clock, without colours, 80 columns wide. A first line `# aio: OPTIONS` adds options.
//! After a change, `INSTA_UPDATE=always cargo test --test reports` writes the snapshots anew: read the difference.

use std::fs;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn reports_look_as_they_did() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reports");
    let mut scripts = Vec::new();
    find(&root, &mut scripts);
    scripts.sort();
    assert!(scripts.len() > 100, "the scripts are there");
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let mut failed = Vec::new();
    for script in scripts {
        let name = script.strip_prefix(&root).expect("found below").with_extension("");
        settings.set_snapshot_path(script.parent().expect("a file has a folder"));
        let leaf = name.file_name().expect("a file has a name").to_string_lossy().into_owned();
        let shown = show(&root, &name.with_extension("aio"));
        let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| {
            settings.bind(|| insta::assert_snapshot!(leaf, shown));
        }));
        if outcome.is_err() {
            failed.push(name);
        }
    }
    assert!(failed.is_empty(), "changed: {failed:#?}");
}

fn find(folder: &Path, scripts: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            find(&path, scripts);
        } else if path.extension().is_some_and(|extension| extension == "aio") {
            scripts.push(path);
        }
    }
}

/// All that running a script shows, and its exit status.
fn show(root: &Path, script: &Path) -> String {
    let text = fs::read_to_string(root.join(script)).expect("the script can be read");
    let options = text.lines().next().and_then(|line| line.strip_prefix("# aio: ")).unwrap_or("");
    let output = Command::new(env!("CARGO_BIN_EXE_aio"))
        .current_dir(root)
        .env("COLUMNS", "80")
        .args(["--virtual-time", "--color", "never"])
        .args(options.split_whitespace())
        .arg(script)
        .output()
        .expect("the program starts");
    let mut shown = String::new();
    for (name, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
        if !bytes.is_empty() {
            shown += &format!("-- {name}\n{}", String::from_utf8_lossy(bytes));
        }
    }
    let shown = shown.replace(&format!("{}/", root.display()), "");
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&output.status).map(|number| 128 + number);
    #[cfg(not(unix))]
    let signal = None;
    let status = output.status.code().or(signal).unwrap_or(-1);
    format!("{}-- status {status}\n", without_addresses(&shown))
}

/// Addresses are different in every run.
fn without_addresses(text: &str) -> String {
    let mut parts = text.split("0x");
    let mut result = parts.next().unwrap_or("").to_owned();
    for part in parts {
        result.push_str("0x...");
        result.push_str(part.trim_start_matches(|c: char| c.is_ascii_hexdigit()));
    }
    result
}
