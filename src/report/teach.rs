//! What the words of an error and the text that it is about say by themselves, in one line of help.
//!
//! **Invariant**: certain or silent. What needs the objects at hand is told where an error is raised, see
//! `machine/advice.rs`.

use super::teach_parts::{Parts, uses_function};
use crate::diagnostic::{ExceptionReport, Place};
use crate::source::Source;

/// What names mean where an exception was raised.
pub struct Names<'a> {
    /// Whether the script has a variable of a name.
    pub is_global: &'a dyn Fn(&str) -> bool,
    /// Whether Python has.
    pub is_builtin: &'a dyn Fn(&str) -> bool,
    /// Whether it is a function of the script.
    pub is_function: &'a dyn Fn(&str) -> bool,
    /// Whether it is one whose calls make coroutines.
    pub is_async: &'a dyn Fn(&str) -> bool,
    /// The names of the script's modules that have something of this name.
    pub modules_with: &'a dyn Fn(&str) -> Vec<String>,
}

/// Help for an exception, from the text that failed.
pub fn of_exception(report: &ExceptionReport, names: &Names) -> Option<String> {
    let Names { is_global, is_builtin, modules_with, .. } = names;
    let frame = report.frames.iter().rfind(|frame| frame.place.source.is_script())?;
    let text = frame.place.source.text.get(frame.place.span.range())?;
    let message = report.message.as_str();
    if message.ends_with("can't be used in 'await' expression") {
        return of_await(text, message, names);
    }
    if text.contains('\n') {
        return None;
    }
    let quoted = || message.split('\'').nth(1);
    match report.class.as_str() {
        "UnboundLocalError" if message.starts_with("cannot access local variable") => {
            let main = &report.frames.first()?.place.source;
            let name = quoted().filter(|name| is_global(name) && main.name == frame.place.source.name)?;
            let function = &frame.function;
            Some(format!(
                "`{name}` gets a value in `{function}`, and so is a variable of its own there: `global {name}` would \
                 mean the one outside"
            ))
        }
        "NameError" if quoted() == Some("this") => {
            let behind = frame.place.source.text.get(frame.place.span.end as usize..)?;
            behind
                .starts_with('.')
                .then(|| "the object of a method is its first parameter, by custom `self`".to_owned())
        }
        "NameError" if report.suggestion.is_none() => {
            let name = quoted()?;
            if matches!(name, "null" | "nil" | "NULL") {
                return Some("this is written `None`".to_owned());
            }
            let main = &report.frames.first()?.place.source;
            match modules_with(name).as_slice() {
                [module] if main.name == frame.place.source.name => {
                    Some(format!("the module `{module}` has one: `{module}.{name}`"))
                }
                _ => None,
            }
        }
        "TypeError" if message.ends_with("object is not callable") => {
            let parts = Parts::of(text);
            match parts.as_ref().and_then(Parts::called) {
                Some(name) if is_global(name) && is_builtin(name) => {
                    Some(format!("`{name}` is a built-in's name too; here it is the script's own variable"))
                }
                Some(name) if quoted() == Some("module") => modules_with(name)
                    .contains(&name.to_owned())
                    .then(|| format!("`{name}` is the module; what it has of this name is `{name}.{name}`")),
                _ => of_parts(text, message, &frame.place, names),
            }
        }
        "TypeError" if uses_function(message) => {
            Some("this is a function that was not called: `(...)` is missing behind it".to_owned())
        }
        "TypeError"
            if message == "'int' object is not iterable" && is_looped(&frame.place.source, frame.place.span.start) =>
        {
            let is_count = text.parse::<u64>().is_ok() || text.starts_with("len(");
            is_count.then(|| format!("`range({text})` goes through the numbers from 0 to one less"))
        }
        "TypeError" if message.ends_with("does not support item assignment") => {
            let kind = quoted().filter(|kind| ["str", "tuple", "bytes", "range"].contains(kind))?;
            Some(format!("a {kind} never changes: make a new one"))
        }
        "TypeError" if ["int", "float", "str"].iter().any(|kind| mixes_text_and(message, kind)) => {
            Some("`str(...)` makes text of a number, `int(...)` and `float(...)` make a number of text".to_owned())
        }
        "RuntimeError" if message.contains("changed") && message.ends_with("during iteration") => {
            let plain = text.chars().all(|c| c.is_alphanumeric() || "._()".contains(c));
            let copy = if plain { text } else { "..." };
            Some(format!("go through a copy, `list({copy})`, while you change it"))
        }
        "IndexError" if message == "list assignment index out of range" => {
            Some("an assignment replaces an item that is there; `append` adds one at the end".to_owned())
        }
        "AttributeError" if ATTRIBUTES.iter().any(|(types, ..)| quoted().is_some_and(|kind| types.contains(&kind))) => {
            let name = message.split('\'').nth(3).filter(|_| report.suggestion.is_none())?;
            let (.., help) = ATTRIBUTES
                .iter()
                .find(|(types, names, _)| types.contains(&quoted().unwrap_or("")) && names.contains(&name))?;
            Some((*help).to_owned())
        }
        "ValueError" if message.starts_with("invalid literal for int() with base 10: ") => {
            let text = quoted()?.trim();
            let is_number = text.parse::<f64>().is_ok_and(f64::is_finite);
            is_number.then(|| "this is a float as text: `int(float(...))` makes a whole number of it".to_owned())
        }
        "AttributeError" | "TypeError" => of_parts(text, message, &frame.place, names),
        _ => None,
    }
}

/// Help for an `await` of what cannot be awaited.
fn of_await(text: &str, message: &str, names: &Names) -> Option<String> {
    let parts = Parts::of(text)?;
    match message {
        "object NoneType can't be used in 'await' expression" => parts.awaited_none(),
        "object generator can't be used in 'await' expression" => {
            let is_several = parts.makes_awaited().is_some_and(names.is_async);
            is_several.then(|| "`await asyncio.gather(*...)` runs all of them and waits for their results".to_owned())
        }
        _ => None,
    }
}

/// Help from the parts of the text that failed.
fn of_parts(text: &str, message: &str, place: &Place, names: &Names) -> Option<String> {
    if let Some(called) = returned_none(text, message, place, names) {
        return Some(format!("`{called}(...)` returned None"));
    }
    let parts = Parts::of(text)?;
    if let Some(name) = parts.uncalled(message) {
        return Some(format!("`{name}` is a function that was not called: `(...)` is missing behind it"));
    }
    if message.ends_with("object is not callable") {
        let (taker, function) = parts.called_too_early()?;
        return Some(format!("`{taker}` calls what it is given: hand over `{function}` itself, without `(...)`"));
    }
    None
}

/// What was called that returned None, where an error says that something is None which must not be.
fn returned_none(text: &str, message: &str, place: &Place, names: &Names) -> Option<String> {
    if !message.contains("NoneType") {
        return None;
    }
    let (start, end) = (place.span.start, place.span.end);
    if message == "cannot unpack non-iterable NoneType object" {
        let value = place.source.text[end as usize..].lines().next()?.trim_start().strip_prefix('=')?;
        return Parts::of(value.trim())?.called().map(str::to_owned);
    }
    let parts = Parts::of(text)?;
    let is_managed = message.starts_with("'NoneType' object does not support the ")
        && place.source.text[..start as usize].trim_end().ends_with("with");
    if is_managed {
        return parts.called().map(str::to_owned);
    }
    let looped = message == "'NoneType' object is not iterable" && is_looped(&place.source, start);
    let whole = parts.called().filter(|name| looped && (parts.is_change() || (names.is_function)(name)));
    let is_built_in = |name: &str| (names.is_builtin)(name) && !(names.is_global)(name);
    whole.or_else(|| parts.returned_none(message, is_built_in)).map(str::to_owned)
}

/// Whether what begins at an offset is what a `for` goes through.
fn is_looped(source: &Source, start: u32) -> bool {
    let line = source.text[..start as usize].rsplit('\n').next().unwrap_or("");
    line.trim_end().ends_with(" in") && (line.trim_start().starts_with("for ") || line.contains(" for "))
}

/// What a built-in type calls what other languages call so, by the types and the names.
const ATTRIBUTES: [(&[&str], &[&str], &str); 6] = [
    (
        &["list", "tuple", "str", "dict", "set", "range", "bytes"],
        &["length", "len", "size"],
        "`len(...)` tells how many items there are",
    ),
    (&["list"], &["push", "add", "push_back"], "`append` adds an item at the end"),
    (&["set"], &["append", "push"], "`add` puts an item into a set"),
    (
        &["list", "tuple", "str", "dict", "set"],
        &["contains", "includes", "has", "has_key"],
        "`... in ...` tells whether an item is there",
    ),
    (&["str"], &["append", "push", "add", "concat"], "a text does not change: `+` makes a new one"),
    (&["dict"], &["append", "push", "add"], "an entry is made by assigning to it: `...[key] = value`"),
];

fn mixes_text_and(message: &str, kind: &str) -> bool {
    let compared = |a: &str, b: &str| message.ends_with(&format!("not supported between instances of '{a}' and '{b}'"));
    let is_sign = |sign: &str| ["+", "-", "/", "//", "** or pow()"].contains(&sign.trim_end_matches('='));
    let of_operation = |message: &str| {
        let (sign, types) = message.strip_prefix("unsupported operand type(s) for ")?.split_once(": ")?;
        let both = [format!("'{kind}' and 'str'"), format!("'str' and '{kind}'")];
        Some(is_sign(sign) && both.iter().any(|both| both == types))
    };
    compared("str", kind)
        || compared(kind, "str")
        || message == format!("can only concatenate str (not \"{kind}\") to str")
        || message == "can't multiply sequence by non-int of type 'str'"
        || of_operation(message) == Some(true)
}
