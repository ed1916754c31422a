//! The layers of the library: a file uses its own layer and those below it, and the outside world only through the host.
//!
//! The paths that begin with `crate::` (or lead there by `super::`) are read from the sources. What points upwards must
//! stand in [`ARROWS`], each with its reason; an arrow that nothing needs any more fails too.

use std::fs;
use std::path::{Path, PathBuf};

/// The modules of the crate's root, lowest first.
const LAYERS: [&str; 16] = [
    "source", "symbol", "diagnostic", "text", "syntax", "resolve", "lint", "report", "host", "object", "machine",
    "lower", "builtins", "asyncio", "interpreter", "session",
];

/// Not part of the layers: the list of modules, and the binary.
const ABOVE: [&str; 3] = ["lib.rs", "main.rs", "cli"];

/// A path that may point upwards: from files (or a folder) to a path, and why.
struct Arrow {
    from: &'static [&'static str],
    to: &'static str,
    why: &'static str,
}

const ARROWS: &[Arrow] = &[
    Arrow {
        from: &[
            "object/class.rs", "object/code.rs", "object/coroutine.rs", "object/function.rs", "object/gc/mod.rs",
            "object/instance.rs", "object/iter.rs", "object/module.rs", "object/native.rs",
        ],
        to: "machine::Vm",
        why: "the name in the types of functions that objects hold; nothing is called on it",
    },
    Arrow { from: &["machine/import.rs"], to: "lower::compile_module", why: "importing a module's file compiles it" },
    Arrow {
        from: &["machine/mod.rs"],
        to: "builtins::install",
        why: "a new machine gets its built-in types and functions",
    },
    Arrow {
        from: &["machine/threads.rs"],
        to: "lower::compile_green",
        why: "a function that a thread calls is lowered for it then",
    },
    Arrow {
        from: &["machine/frames.rs"],
        to: "lower::compile_again",
        why: "functions are lowered once more when their frames may be looked at",
    },
    Arrow { from: &["machine/import.rs"], to: "builtins::modules", why: "built-in modules come before files" },
    Arrow {
        from: &["machine/report.rs"],
        to: "builtins::modules::is_of_python",
        why: "a name that is missing may be a module's: 'Did you forget to import'",
    },
    Arrow { from: &["builtins/modules"], to: "asyncio", why: "the table of built-in modules names it" },
];

/// What only the binary may use of the standard library. The library asks its host.
const OUTSIDE: [&str; 13] = [
    "env::args", "env::current_dir", "env::var", "std::fs", "std::net", "std::process", "std::thread", "Instant::now",
    "SystemTime::now", "io::stdin", "io::stdout", "io::stderr", "path::absolute",
];

/// Where it may all the same, and why.
const GRANTED: &[(&str, &str, &str)] = &[];

#[test]
fn files_use_only_layers_below() {
    let mut wrong = Vec::new();
    let mut used = vec![false; ARROWS.len()];
    for (file, text) in sources() {
        let own = rank(&file);
        for (line, path) in crate_paths(&file, &text) {
            let target = path.split("::").next().unwrap_or_default();
            let Some(other) = LAYERS.iter().position(|layer| *layer == target) else {
                if !path.is_empty() && own.is_some() {
                    wrong
                        .push(format!("src/{file}:{line}: {path} is in no layer: name what it is where it is defined"));
                }
                continue;
            };
            let Some(own) = own else {
                wrong.push(format!("src/{file}: belongs to no layer; add its module to LAYERS"));
                break;
            };
            if other <= own {
                continue;
            }
            match ARROWS.iter().position(|arrow| arrow.allows(&file, &path)) {
                Some(at) => used[at] = true,
                None => wrong.push(format!("src/{file}:{line}: {} may not use {path}", LAYERS[own])),
            }
        }
    }
    for (arrow, used) in ARROWS.iter().zip(used) {
        if !used {
            wrong.push(format!("{:?} need no arrow to {} any more ({})", arrow.from, arrow.to, arrow.why));
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn library_asks_its_host_for_the_outside_world() {
    let mut wrong = Vec::new();
    let mut granted = vec![false; GRANTED.len()];
    for (file, text) in sources() {
        for (at, line) in text.lines().enumerate() {
            for outside in OUTSIDE.iter().filter(|outside| line.contains(**outside)) {
                match GRANTED.iter().position(|(from, what, _)| *from == file && what == outside) {
                    Some(at) => granted[at] = true,
                    None => wrong.push(format!("src/{file}:{}: {outside}", at + 1)),
                }
            }
        }
    }
    for ((file, what, why), granted) in GRANTED.iter().zip(granted) {
        if !granted {
            wrong.push(format!("{file} needs no {what} any more ({why})"));
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

impl Arrow {
    fn allows(&self, file: &str, path: &str) -> bool {
        let is_from = |from: &&str| file == *from || file.strip_prefix(from).is_some_and(|rest| rest.starts_with('/'));
        let is_to = path == self.to || path.strip_prefix(self.to).is_some_and(|rest| rest.starts_with("::"));
        is_to && self.from.iter().any(is_from)
    }
}

/// The layer a file belongs to.
fn rank(file: &str) -> Option<usize> {
    let top = file.split('/').next().unwrap_or(file);
    LAYERS.iter().position(|layer| *layer == top.trim_end_matches(".rs"))
}

/// The files of the library by their paths below `src`, without comments and tests. Lines stay where they are.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    assert!(files.len() > LAYERS.len(), "no sources below {}", root.display());
    files
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(&root).expect("found below it").display().to_string().replace('\\', "/");
            let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            (name, code_of(&text))
        })
        .filter(|(name, _)| {
            let top = name.split('/').next().unwrap_or(name);
            !ABOVE.contains(&top) && !name.ends_with("/tests.rs") && !name.contains("/tests/")
        })
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("a folder that can be listed").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// A source without its comments, and without what follows the first `#[cfg(test)]` at the beginning of a line if that
/// is a module with a body: by custom it is the last thing in a file.
fn code_of(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if line == "#[cfg(test)]" && lines.peek().is_some_and(|next| next.ends_with('{')) {
            break;
        }
        let end = if line.trim_start().starts_with("//") { 0 } else { line.find(" // ").unwrap_or(line.len()) };
        code.push_str(&line[..end]);
        code.push('\n');
    }
    code
}

/// Every path into the crate's root in a source: its line, and the path without `crate::`.
fn crate_paths(file: &str, code: &str) -> Vec<(usize, String)> {
    let mut paths = Vec::new();
    let parts = file.trim_end_matches(".rs").split('/').filter(|part| *part != "mod").count();
    for (at, _) in code.match_indices("crate::") {
        if !continues_word(code, at) {
            expand(code, at, &code[at + "crate::".len()..], "", &mut paths);
        }
    }
    for (at, _) in code.match_indices("super::") {
        if continues_word(code, at) {
            continue;
        }
        let mut rest = &code[at..];
        let mut ups = 0;
        while let Some(after) = rest.strip_prefix("super::") {
            rest = after;
            ups += 1;
        }
        let up_again = code[..at].ends_with("super::");
        if ups >= parts && !up_again {
            // In a module inside the file this is still the file itself: only a layer's name means a layer.
            let mut found = Vec::new();
            expand(code, at, rest, "", &mut found);
            found.retain(|(_, path)| LAYERS.contains(&path.split("::").next().unwrap_or_default()));
            paths.append(&mut found);
        }
    }
    paths
}

fn continues_word(code: &str, at: usize) -> bool {
    code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$')
}

/// The paths that begin with `text`: one, or those of a `{...}` list.
fn expand(code: &str, at: usize, text: &str, before: &str, paths: &mut Vec<(usize, String)>) {
    let name: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_' || *c == '*').collect();
    let path = if before.is_empty() { name.clone() } else { format!("{before}::{name}") };
    let rest = &text[name.len()..];
    if name.is_empty() && text.starts_with('{') {
        for item in list(text) {
            expand(code, at, item.trim(), before, paths);
        }
    } else if let (Some(rest), false) = (rest.strip_prefix("::"), name.is_empty()) {
        if rest.starts_with('<') {
            paths.push((line(code, at), path));
        } else {
            expand(code, at, rest, &path, paths);
        }
    } else {
        let path = path.trim_end_matches("::self").trim_end_matches("::").to_owned();
        paths.push((line(code, at), path));
    }
}

/// The items of the `{...}` list that a text begins with.
fn list(text: &str) -> Vec<&str> {
    let mut items = Vec::new();
    let (mut depth, mut start) = (0, 1);
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            ',' if depth == 1 => {
                items.push(&text[start..at]);
                start = at + 1;
            }
            '}' => {
                depth -= 1;
                if depth == 0 {
                    items.push(&text[start..at]);
                    break;
                }
            }
            _ => {}
        }
    }
    items.retain(|item| !item.trim().is_empty());
    items
}

fn line(code: &str, at: usize) -> usize {
    code[..at].matches('\n').count() + 1
}

#[test]
fn paths_are_found() {
    let code = code_of(
        "use crate::object::{Dict, class::{self, Class}};\n// crate::lower\nlet x = crate::machine::Vm::new(); // crate::y\n\
         use super::super::asyncio::task;\n#[cfg(test)]\nmod tests {\n    use crate::interpreter;\n}\n",
    );
    let paths = crate_paths("machine/attr.rs", &code);
    let shown: Vec<String> = paths.into_iter().map(|(line, path)| format!("{line} {path}")).collect();
    assert_eq!(
        shown,
        ["1 object::Dict", "1 object::class", "1 object::class::Class", "3 machine::Vm::new", "4 asyncio::task"]
    );
}
