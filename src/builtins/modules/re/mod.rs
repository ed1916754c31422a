//! `re`: patterns and matches as objects over `text::regex`.
//!
//! A text that is pure ASCII, and bytes, are searched as they are; other texts are spread into code points, and the last
//! one is remembered, since programs search one text many times.

mod matched;
mod pattern;
mod template;

use std::collections::HashMap;

use super::set_all;
use super::support::{export, natives};
use crate::builtins::prelude::*;
use crate::text::regex::{Mode, Regex, Trouble, TroubleKind, run};

/// The flags of `Pattern` methods that take a position: the whole text.
const WHOLE: [Value; 2] = [Value::Int(0), Value::Int(i64::MAX)];

pub(super) const FUNCTIONS: &[Row] = &[
    native("def compile(pattern, flags=0)", |vm, args| compiled(vm, &args[0], &args[1])),
    native("def _compile(pattern, flags)", |vm, args| compiled(vm, &args[0], &args[1])),
    native("def match(pattern, string, flags=0)", |vm, args| find(vm, args, Mode::Match)),
    native("def search(pattern, string, flags=0)", |vm, args| find(vm, args, Mode::Search)),
    native("def fullmatch(pattern, string, flags=0)", |vm, args| find(vm, args, Mode::FullMatch)),
    native("def findall(pattern, string, flags=0)", |vm, args| {
        let pattern = compiled(vm, &args[0], &args[2])?;
        pattern::find_all(vm, &[pattern, args[1].clone(), WHOLE[0].clone(), WHOLE[1].clone()])
    }),
    native("def finditer(pattern, string, flags=0)", |vm, args| {
        let pattern = compiled(vm, &args[0], &args[2])?;
        pattern::find_iter(vm, &[pattern, args[1].clone(), WHOLE[0].clone(), WHOLE[1].clone()])
    }),
    native("def sub(pattern, repl, string, *args, count=<unrepresentable>, flags=<unrepresentable>)", |vm, args| {
        let [count, flags] = positional(vm, "sub", "count", 3, &args[3..])?;
        let pattern = compiled(vm, &args[0], &flags)?;
        pattern::substitute(vm, &pattern, &args[1], &args[2], &count).map(|(text, _)| text)
    }),
    native("def subn(pattern, repl, string, *args, count=<unrepresentable>, flags=<unrepresentable>)", |vm, args| {
        let [count, flags] = positional(vm, "subn", "count", 3, &args[3..])?;
        let pattern = compiled(vm, &args[0], &flags)?;
        let (text, count) = pattern::substitute(vm, &pattern, &args[1], &args[2], &count)?;
        Ok(Value::tuple([text, Value::usize(count)]))
    }),
    native("def split(pattern, string, *args, maxsplit=<unrepresentable>, flags=<unrepresentable>)", |vm, args| {
        let [most, flags] = positional(vm, "split", "maxsplit", 2, &args[2..])?;
        let pattern = compiled(vm, &args[0], &flags)?;
        pattern::split(vm, &[pattern, args[1].clone(), most])
    }),
    native("def escape(pattern)", escape),
    native("def purge()", |vm, _| {
        vm.extension::<Cache>().0.clear();
        Ok(Value::None)
    }),
];

pub(super) fn setup(vm: &mut Vm, module: &Rc<Module>) -> Result<()> {
    for class in [pattern::class(vm), matched::class(vm)] {
        export(vm, &module.dict, &class);
    }
    set_all(vm, &module.dict, [("__version__", Value::str("2.2.1"))]);
    Ok(())
}

/// `count` and `flags` given by position, which still works but is warned about.
fn positional(vm: &mut Vm, function: &str, name: &str, before: usize, args: &[Value]) -> Result<[Value; 2]> {
    let given = super::support::items(&args[0]).to_vec();
    let mut found = [args[1].clone(), args[2].clone()];
    if given.len() > 2 {
        let count = before + given.len();
        let most = before + 2;
        return Err(vm.type_error(format!(
            "{function}() takes from {before} to {most} positional arguments but {count} were given"
        )));
    }
    for (at, value) in given.into_iter().enumerate() {
        let name = if at == 0 { name } else { "flags" };
        if !found[at].is_unbound() {
            return Err(vm.type_error(format!("{function}() got multiple values for argument '{name}'")));
        }
        found[at] = value;
        if at == 0 {
            vm.warn(vm.types.DeprecationWarning.clone(), &format!("'{name}' is passed as positional argument"))?;
        }
    }
    Ok(found.map(|value| value.bound().unwrap_or(Value::Int(0))))
}

fn find(vm: &mut Vm, args: &[Value], mode: Mode) -> Result {
    let pattern = compiled(vm, &args[0], &args[2])?;
    pattern::find(vm, &[pattern, args[1].clone(), WHOLE[0].clone(), WHOLE[1].clone()], mode)
}

/// A pattern as an object.
struct Pattern {
    regex: Rc<Regex>,
    source: Value,
    bytes: bool,
}

/// A text as it is searched.
#[derive(Clone)]
enum Subject {
    Ascii(Rc<Str>),
    Chars(Rc<[char]>),
    Bytes(Rc<[u8]>),
}

/// A match as an object.
struct Match {
    pattern: Value,
    string: Value,
    subject: Subject,
    start: usize,
    end: usize,
    found: run::Match,
}

natives!(Pattern, Match);

/// Compiled patterns by type, text and flags.
#[derive(Default)]
struct Cache(HashMap<(bool, String, i64), Value, foldhash::fast::RandomState>);

const MOST_CACHED: usize = 512;

/// The non-ASCII text that was searched last.
#[derive(Default)]
struct LastText(Option<(Rc<Str>, Rc<[char]>)>);

impl Subject {
    fn len(&self) -> usize {
        match self {
            Subject::Ascii(text) => text.as_str().len(),
            Subject::Chars(chars) => chars.len(),
            Subject::Bytes(bytes) => bytes.len(),
        }
    }

    fn slice(&self, start: usize, end: usize) -> Value {
        match self {
            Subject::Ascii(text) => Value::str(&text[start..end]),
            Subject::Chars(chars) => Value::string(chars[start..end].iter().collect()),
            Subject::Bytes(bytes) => Value::bytes(&bytes[start..end]),
        }
    }

    /// Two positions as a slice; `default` if the group has not matched.
    fn group(&self, marks: &[usize], index: usize, default: &Value) -> Value {
        match marks[index * 2..index * 2 + 2] {
            [start, end] if end != usize::MAX && start <= end => self.slice(start, end),
            _ => default.clone(),
        }
    }

    fn empty(&self) -> Value {
        self.slice(0, 0)
    }

    fn find(
        &self,
        vm: &mut Vm,
        regex: &Regex,
        range: (usize, usize),
        mode: Mode,
        advance: bool,
    ) -> Result<Option<run::Match>> {
        let (start, end) = range;
        if start > end {
            return Ok(None);
        }
        loop {
            let mut stop = || vm.has_worked();
            let found = match self {
                Subject::Ascii(text) => regex.find(text.as_bytes(), start, end, mode, advance, &mut stop),
                Subject::Chars(chars) => regex.find(&chars[..], start, end, mode, advance, &mut stop),
                Subject::Bytes(bytes) => regex.find(&bytes[..], start, end, mode, advance, &mut stop),
            };
            match found {
                Ok(found) => return Ok(found),
                Err(run::Stopped) => vm.look_up()?,
            }
        }
    }
}

/// The bytes of anything that has some.
fn any_bytes(vm: &mut Vm, value: &Value) -> Option<Vec<u8>> {
    if let Some(bytes) = crate::machine::sequence::bytes_of(value) {
        return Some(bytes);
    }
    let method = vm.get_attr_opt(value, "tobytes").ok()??;
    let bytes = vm.call(&method, &[]).ok()?;
    crate::machine::sequence::bytes_of(&bytes)
}

fn subject(vm: &mut Vm, pattern: &Pattern, string: &Value) -> Result<Subject> {
    if let Some(text) = string.as_str() {
        if pattern.bytes {
            return Err(vm.type_error("cannot use a bytes pattern on a string-like object"));
        }
        if text.is_ascii() {
            return Ok(Subject::Ascii(text.clone()));
        }
        let text = text.clone();
        if let Some((last, chars)) = &vm.extension::<LastText>().0 {
            if Rc::ptr_eq(last, &text) {
                return Ok(Subject::Chars(chars.clone()));
            }
        }
        let chars: Rc<[char]> = text.chars().collect();
        vm.extension::<LastText>().0 = Some((text, chars.clone()));
        return Ok(Subject::Chars(chars));
    }
    match any_bytes(vm, string) {
        None => Err(vm.type_error(format!("expected string or bytes-like object, got '{}'", vm.type_name(string)))),
        Some(_) if !pattern.bytes => Err(vm.type_error("cannot use a string pattern on a bytes-like object")),
        Some(bytes) => Ok(Subject::Bytes(bytes.into())),
    }
}

/// `re.PatternError(msg, pattern, pos)`.
#[cold]
fn pattern_error(vm: &mut Vm, trouble: Trouble, source: &Value) -> Error {
    match trouble.kind {
        TroubleKind::Value => return vm.value_error(trouble.message),
        TroubleKind::Overflow => return vm.overflow_error(trouble.message),
        TroubleKind::Recursion => return vm.error(vm.types.RecursionError.clone(), trouble.message),
        TroubleKind::Pattern => {}
    }
    let at = trouble.at.map_or(Value::None, Value::usize);
    vm.page_error("re", "PatternError", &[Value::string(trouble.message), source.clone(), at])
}

/// The pattern object for a pattern or its text.
fn compiled(vm: &mut Vm, pattern: &Value, flags: &Value) -> Result {
    // Patterns are looked up by what was given, with its flags.
    vm.hash(pattern)?;
    if pattern.data::<Pattern>().is_some() {
        vm.hash(flags)?;
        if vm.truth(flags)? {
            return Err(vm.value_error("cannot process flags argument with a compiled pattern"));
        }
        return Ok(pattern.clone());
    }
    let (text, bytes) = if let Some(text) = pattern.as_str() {
        (text.as_str().to_owned(), false)
    } else if let Some(bytes) = any_bytes(vm, pattern) {
        (bytes.iter().map(|&b| char::from(b)).collect(), true)
    } else {
        vm.hash(flags)?;
        return Err(vm.type_error("first argument must be string or compiled pattern"));
    };
    let Ok(flags) = vm.to_i64(flags) else {
        vm.hash(flags)?;
        let name = vm.type_name(flags);
        return Err(vm.type_error(format!("unsupported operand type(s) for &: '{}' and 'int'", name.as_str())));
    };
    let key = (bytes, text, flags);
    if let Some(found) = vm.extension::<Cache>().0.get(&key) {
        return Ok(found.clone());
    }
    let chars: Vec<char> = key.1.chars().collect();
    let regex = match Regex::new(&chars, bytes, flags as u32) {
        Ok(regex) => regex,
        Err(trouble) => return Err(pattern_error(vm, trouble, pattern)),
    };
    for warning in &regex.warnings {
        vm.warn(vm.types.FutureWarning.clone(), warning)?;
    }
    let class = pattern::class(vm);
    let source = if bytes && !matches!(pattern, Value::Bytes(_)) {
        Value::bytes(key.1.chars().map(|c| c as u8).collect::<Vec<u8>>())
    } else {
        pattern.clone()
    };
    let made = Instance::native(&class, Pattern { regex: Rc::new(regex), source, bytes });
    let cache = &mut vm.extension::<Cache>().0;
    if cache.len() >= MOST_CACHED {
        cache.clear();
    }
    cache.insert(key, made.clone());
    Ok(made)
}

fn escape(vm: &mut Vm, args: &[Value]) -> Result {
    let special = |b: u8| b.is_ascii() && (b"()[]{}?*+-|^$\\.&~# \t\n\r\x0b\x0c").contains(&b);
    if let Some(text) = args[0].as_str() {
        let mut out = String::with_capacity(text.as_str().len());
        for c in text.chars() {
            if c.is_ascii() && special(c as u8) {
                out.push('\\');
            }
            out.push(c);
        }
        return Ok(Value::string(out));
    }
    let Some(bytes) = any_bytes(vm, &args[0]) else {
        return Err(
            vm.type_error(format!("decoding to str: need a bytes-like object, {} found", vm.type_name(&args[0])))
        );
    };
    let mut out = Vec::with_capacity(bytes.len());
    for byte in bytes {
        if special(byte) {
            out.push(b'\\');
        }
        out.push(byte);
    }
    Ok(Value::bytes(out))
}
