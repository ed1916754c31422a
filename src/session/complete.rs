//! What Tab offers: keywords, names in scope, attributes, modules.
//!
//! **Invariant**: no script code runs. Attributes are read from dictionaries only; where a property, a descriptor or a
//! `__getattr__` would have to answer, nothing is offered.

use std::rc::Rc;

use super::{Session, commands, tasks};
use crate::builtins::modules;
use crate::machine::Vm;
use crate::machine::attr::own_attr;
use crate::object::{Str, Value};
use crate::symbol::sym;
use crate::syntax::editing::in_text;

const KEYWORDS: &[&str] = &[
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "case", "class", "continue", "def",
    "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "match",
    "nonlocal", "not", "or", "pass", "raise", "return", "try", "type", "while", "with", "yield",
];

impl Session {
    /// What the word before the byte offset `at` could become: where the word begins, and the words.
    pub fn complete(&mut self, text: &str, at: usize) -> (usize, Vec<String>) {
        let Some(before) = text.get(..at) else { return (at, Vec::new()) };
        if let Some(command) = before.trim_start().strip_prefix(':') {
            return self.complete_command(at, command);
        }
        if in_text(text, at) {
            return (at, Vec::new());
        }
        let start =
            before.rfind(|c| !is_word(c)).map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
        let line = before[before[..start].rfind(['\n', ';']).map_or(0, |at| at + 1)..start].trim_start();
        let (path, word) = before[start..].rsplit_once('.').map_or((None, &before[start..]), |(p, w)| (Some(p), w));
        // Behind a closing bracket or a number there is no name to look up.
        let names = match path {
            Some("") => Vec::new(),
            _ => self.candidates(line, path),
        };
        let mut names: Vec<String> = names
            .into_iter()
            .filter(|n| n.starts_with(word) && (!n.starts_with('_') || word.starts_with('_')))
            .collect();
        names.sort();
        names.dedup();
        (at - word.len(), names)
    }

    fn candidates(&mut self, line: &str, path: Option<&str>) -> Vec<String> {
        let vm = &mut self.interpreter.vm;
        let mut words = line.split_whitespace();
        match (words.next(), path) {
            (Some("import"), path) => return module_names(vm, path),
            (Some("from"), path) => match (words.next(), words.next()) {
                (None, _) => return module_names(vm, path),
                (Some(_), None) => return vec!["import".to_owned()],
                (Some(module), Some("import")) => {
                    return known_module(vm, module).map_or_else(Vec::new, |m| members(vm, &m));
                }
                _ => return Vec::new(),
            },
            _ => {}
        }
        let Some(path) = path else {
            let scopes = [self.main.dict.clone(), vm.builtins.clone()];
            let names = scopes.iter().flat_map(|dict| dict.keys());
            let names = names.filter_map(|key| key.as_str().map(|name| name.as_str().to_owned()));
            return names.chain(KEYWORDS.iter().map(|&word| word.to_owned())).collect();
        };
        let mut value = None;
        for (i, name) in path.split('.').enumerate() {
            let name = vm.intern(name);
            value = match (i, &value) {
                (0, _) => self.main.dict.get_str(&name).or_else(|| vm.builtins.get_str(&name)),
                (_, Some(value)) => read(vm, value, &name),
                _ => None,
            };
        }
        value.map_or_else(Vec::new, |value| members(vm, &value))
    }

    fn complete_command(&mut self, at: usize, command: &str) -> (usize, Vec<String>) {
        let (name, argument) = match command.split_once(' ') {
            None => (None, command),
            Some((name, argument)) => (Some(name), argument),
        };
        let words: Vec<String> = match name {
            None => commands::COMMANDS.iter().map(|command| command.name.to_owned()).collect(),
            Some("virtual") => vec!["off".to_owned(), "on".to_owned()],
            Some("cancel") => {
                self.pending_tasks().iter().map(|task| tasks::shown_name(task).trim_matches('\'').to_owned()).collect()
            }
            Some("time") => {
                let start = command.len() - argument.len();
                let (begin, words) = self.complete(argument, argument.len());
                return (at - command.len() + start + begin, words);
            }
            Some(_) => Vec::new(),
        };
        (at - argument.len(), words.into_iter().filter(|word| word.starts_with(argument)).collect())
    }
}

fn is_word(c: char) -> bool {
    c == '.' || c == '_' || c.is_alphanumeric()
}

/// The modules that can be imported by name alone, or those below one.
fn module_names(vm: &mut Vm, path: Option<&str>) -> Vec<String> {
    let loaded = vm.modules.keys();
    let loaded = loaded.iter().filter_map(|key| key.as_str().map(|name| name.as_str().to_owned()));
    let all = loaded.chain(modules::names().map(str::to_owned)).filter(|name| name != "__main__");
    let below = path.map(|path| format!("{path}."));
    all.filter_map(|name| {
        let rest = match &below {
            Some(below) => name.strip_prefix(below.as_str())?,
            None => &name,
        };
        Some(rest.split('.').next()?.to_owned())
    })
    .collect()
}

/// A module that is loaded, or one of the library's own.
fn known_module(vm: &mut Vm, name: &str) -> Option<Value> {
    if let Some(module) = vm.loaded(name) {
        return Some(module);
    }
    modules::names().any(|known| known == name).then(|| vm.import_module(name).ok()).flatten()
}

/// The names of an object's attributes, and those that a module would load when asked.
fn members(vm: &mut Vm, value: &Value) -> Vec<String> {
    let mut names: Vec<String> = vm.default_dir(value).iter().map(|name| name.as_str().to_owned()).collect();
    if let Value::Module(module) = value {
        if let Some(Value::List(all)) = vm.entry(&module.dict, sym::__all__) {
            names.extend(all.to_vec().iter().filter_map(|name| name.as_str().map(|name| name.as_str().to_owned())));
        }
    }
    names
}

/// An attribute that can be read without running anything.
fn read(vm: &mut Vm, value: &Value, name: &Rc<Str>) -> Option<Value> {
    let found = match value {
        Value::Module(module) => return module.dict.get_str(name),
        Value::Class(class) => class.lookup(name),
        _ => own_attr(value, name).or_else(|| vm.class_of(value).lookup(name)),
    }?;
    let is_data = matches!(
        found,
        Value::Instance(_) | Value::Class(_) | Value::Str(_) | Value::List(_) | Value::Dict(_) | Value::Module(_)
    );
    let plain = is_data || matches!(found, Value::Function(_) | Value::Native(_) | Value::Tuple(_) | Value::Set(_));
    plain.then_some(found)
}
