//! The examples in the documents are run, and the files they name exist.
//!
//! In `README.md` and `CHANGELOG.md`, a ```` ```python ```` (or `aio`) block that is followed by a ```` ```text ```` (or
//! `output`) block is a script and what it prints, on stdout and then on stderr. It runs as `example.aio`, or under the
//! name that follows the language, on the virtual clock and with the options that follow `text`. README's Rust example
//! must stand in `embed.rs`, where it is compiled and run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A fenced block.
struct Block {
    language: String,
    /// What follows the language.
    rest: Vec<String>,
    line: usize,
    text: String,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    let path = root().join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut open = false;
    for (at, line) in text.lines().enumerate() {
        match (line.strip_prefix("```"), open) {
            (Some(info), false) => {
                let mut words = info.split_whitespace().map(str::to_owned);
                let language = words.next().unwrap_or_default();
                blocks.push(Block { language, rest: words.collect(), line: at + 1, text: String::new() });
                open = true;
            }
            (Some(_), true) => open = false,
            (None, true) => {
                if let Some(block) = blocks.last_mut() {
                    block.text.push_str(line);
                    block.text.push('\n');
                }
            }
            (None, false) => {}
        }
    }
    assert!(!open, "a fenced block is not closed");
    blocks
}

/// What a script prints: stdout, then stderr.
fn output(script: &Block, options: &[String]) -> String {
    let name = script.rest.first().map_or("example.aio", String::as_str);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("docs{}", script.line));
    fs::create_dir_all(&folder).expect("a folder for temporary files");
    fs::write(folder.join(name), &script.text).expect("a file for the example");
    let output = Command::new(env!("CARGO_BIN_EXE_aio"))
        .arg("--virtual-time")
        .args(options)
        .arg(name)
        .current_dir(&folder)
        .env("NO_COLOR", "1")
        .env_remove("COLUMNS")
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs");
    // Tracebacks name scripts by their absolute paths.
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    text.replace(&format!("{}/", folder.display()), "")
}

fn run_examples(document: &str) -> usize {
    let blocks = blocks(&read(document));
    let mut count = 0;
    for (at, script) in blocks.iter().enumerate() {
        if !matches!(script.language.as_str(), "python" | "aio") {
            continue;
        }
        // One script may be followed by several outputs, each with options of its own.
        let outputs = blocks[at + 1..].iter().take_while(|b| matches!(b.language.as_str(), "text" | "output"));
        for expected in outputs {
            let actual = output(script, &expected.rest);
            assert!(
                actual == expected.text,
                "{document}, line {}: the example above prints\n{actual}\nand not\n{}",
                expected.line,
                expected.text
            );
            count += 1;
        }
    }
    count
}

#[test]
fn readme_examples_print_what_they_say() {
    assert!(run_examples("README.md") >= 3, "README.md has lost its examples");
}

#[test]
fn mistakes_look_as_they_say() {
    assert_eq!(run_examples("examples/MISTAKES.md"), 6);
}

#[test]
fn changelog_examples_print_what_they_say() {
    assert!(run_examples("CHANGELOG.md") >= 1, "CHANGELOG.md shows no program");
}

#[test]
fn readme_lists_every_warning() {
    let readme = read("README.md");
    for (code, meaning) in aio::lint::CODES {
        assert!(readme.contains(&format!("| `{code}` | ")), "README.md does not explain {code}: {meaning}");
    }
}

#[test]
fn readme_rust_example_is_tested() {
    let plain = |text: &str| text.lines().map(str::trim).collect::<Vec<_>>().join("\n");
    let tests = plain(&read("tests/embed.rs"));
    let mut count = 0;
    for block in blocks(&read("README.md")).iter().filter(|block| block.language == "rust") {
        // The `use` lines stand at the head of the file.
        let body: String =
            block.text.lines().filter(|line| !line.starts_with("use ")).map(|l| format!("{l}\n")).collect();
        assert!(tests.contains(plain(&body).trim()), "tests/embed.rs does not contain README.md, line {}", block.line);
        count += 1;
    }
    assert!(count > 0, "README.md says nothing about embedding");
}

#[test]
fn readme_lists_every_option() {
    let readme = read("README.md");
    let help = Command::new(env!("CARGO_BIN_EXE_aio")).arg("--help").output().expect("the binary runs").stdout;
    let help = String::from_utf8_lossy(&help);
    for word in help.split(|c: char| !(c.is_alphanumeric() || c == '-')).filter(|word| word.starts_with("--")) {
        assert!(readme.contains(word), "README.md does not mention {word}");
    }
}

#[test]
fn modules_that_readme_names_can_be_imported() {
    let readme = read("README.md");
    let (_, list) = readme.split_once("Of the standard library there are").expect("a list of modules");
    let list = list.split("rest on").next().unwrap_or_default();
    let names: Vec<&str> = list.split('`').skip(1).step_by(2).collect();
    let output = Command::new(env!("CARGO_BIN_EXE_aio")).args(["-c", &format!("import {}", names.join(", "))]).output();
    let output = output.expect("the binary runs");
    assert!(names.len() > 5 && output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Links between files, and the source files that documents name in backticks.
#[test]
fn files_that_documents_name_exist() {
    let mut lost = Vec::new();
    for document in ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"] {
        let text = read(document);
        let folder = root().join(document).parent().map(Path::to_owned).unwrap_or_default();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap_or_default();
            if !link.contains("://") && !file.is_empty() && !folder.join(file).exists() {
                lost.push(format!("{document}: {link}"));
            }
        }
        for name in text.split('`').skip(1).step_by(2).filter(|name| name.ends_with(".rs") || name.ends_with('/')) {
            let plain = !name.contains(|c: char| c.is_whitespace() || "<>*{}".contains(c));
            let places = [root().join("src").join(name), root().join(name), folder.join(name)];
            if plain && name.contains('/') && !places.iter().any(|place| place.exists()) {
                lost.push(format!("{document}: {name}"));
            }
        }
    }
    assert!(lost.is_empty(), "\n{}\n", lost.join("\n"));
}
