//! Keeps `grammar.md` true: its productions are the parser's functions, and its examples parse.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use aio::source::Source;
use aio::symbol::Interner;
use aio::syntax::{Parsed, parse_module};

/// The texts of all fenced blocks of a kind, with the number of the line they start on.
fn blocks(text: &str, kind: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut inside = false;
    for (number, line) in text.lines().enumerate() {
        if line == format!("```{kind}") {
            inside = true;
            found.push((number + 2, String::new()));
        } else if line.starts_with("```") {
            inside = false;
        } else if inside {
            let (_, block) = found.last_mut().expect("a block has been opened");
            block.push_str(line);
            block.push('\n');
        }
    }
    found
}

fn grammar() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("grammar.md")).expect("grammar.md is readable")
}

/// The productions: what stands before a colon at the start of a line.
fn productions(text: &str) -> BTreeSet<String> {
    let lines = blocks(text, "ebnf");
    let lines = lines.iter().flat_map(|(_, block)| block.lines());
    let named = lines.filter(|line| !line.starts_with(' '));
    named.map(|line| line.split_once(':').expect("a production has a name").0.to_owned()).collect()
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[test]
fn every_production_is_a_parser_function() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/syntax/parser");
    let mut functions = BTreeSet::new();
    for entry in fs::read_dir(folder).expect("the parser's folder") {
        let text = fs::read_to_string(entry.expect("an entry").path()).expect("a source file");
        for line in text.lines() {
            let Some((before, rest)) = line.split_once("fn ") else { continue };
            if before.is_empty() || before.starts_with("pub") {
                functions.insert(rest.split(|c| !is_name(c)).next().unwrap_or("").to_owned());
            }
        }
    }
    let text = grammar();
    let missing: Vec<_> = productions(&text).into_iter().filter(|name| !functions.contains(name)).collect();
    assert!(missing.is_empty(), "productions without a function: {missing:?}");
}

#[test]
fn productions_refer_to_productions() {
    let text = grammar();
    let known = productions(&text);
    for (line, block) in blocks(&text, "ebnf") {
        // Quoted text is no reference, names in capitals are tokens.
        let outside: String = block.split('\'').step_by(2).collect::<Vec<_>>().join(" ");
        for word in outside.split(|c| !is_name(c)).filter(|word| word.contains(|c: char| c.is_ascii_lowercase())) {
            assert!(known.contains(word), "line {line}: no production named {word}");
        }
    }
}

#[test]
fn every_production_has_an_example() {
    let text = grammar();
    let examples = blocks(&text, "aio");
    let named: BTreeSet<&str> = examples
        .iter()
        .flat_map(|(_, block)| block.lines())
        .filter_map(|line| line.split_once("  # "))
        .flat_map(|(_, names)| names.split(' '))
        .collect();
    let missing: Vec<_> = productions(&text).into_iter().filter(|name| !named.contains(&**name)).collect();
    assert!(missing.is_empty(), "productions without an example: {missing:?}");
}

#[test]
fn examples_parse() {
    for (line, example) in blocks(&grammar(), "aio") {
        let source = Source::new(&format!("grammar.md:{line}"), &example);
        let parsed = parse_module(&source, &mut Interner::default());
        assert!(matches!(parsed, Parsed::Complete(_)), "the example on line {line} does not parse: {parsed:?}");
    }
}
