//! What the words of an error and the text that it is about say by themselves, in one line of help.
//!
//! **Invariant**: certain or silent. What needs the objects at hand is told where an error is raised, see
//! `machine/advice.rs`.

use crate::diagnostic::ExceptionReport;

/// Help for an exception, from the text that failed. `is_global` says whether the script has a variable of a name,
/// `is_builtin` whether Python has.
pub fn of_exception(
    report: &ExceptionReport,
    is_global: impl Fn(&str) -> bool,
    is_builtin: impl Fn(&str) -> bool,
) -> Option<String> {
    let frame = report.frames.iter().rfind(|frame| frame.place.source.is_script())?;
    let text = frame.place.source.text.get(frame.place.span.range()).filter(|text| !text.contains('\n'))?;
    let message = report.message.as_str();
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
            matches!(quoted()?, "null" | "nil" | "NULL").then(|| "this is written `None`".to_owned())
        }
        "TypeError" if message.ends_with("object is not callable") => {
            let name = called(text).filter(|name| is_global(name) && is_builtin(name))?;
            Some(format!("`{name}` is a built-in's name too; here it is the script's own variable"))
        }
        "TypeError" if FUNCTIONS.iter().any(|kind| uses_uncalled(message, kind)) => {
            Some("this is a function that was not called: `(...)` is missing behind it".to_owned())
        }
        "TypeError" if ["int", "float"].iter().any(|kind| mixes_text_and(message, kind)) => {
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
        "AttributeError" | "TypeError" if message.starts_with("'NoneType' object") => {
            let used = match report.class.as_str() {
                "AttributeError" => text.rsplit_once('.')?.0,
                _ if message.ends_with("not subscriptable") && text.ends_with(']') => text.rsplit_once('[')?.0,
                _ => return None,
            };
            Some(format!("`{}(...)` returned None", called(used)?))
        }
        _ => None,
    }
}

/// The types of what is called.
const FUNCTIONS: [&str; 4] = ["function", "method", "builtin_function_or_method", "method_descriptor"];

/// Whether a function is used as if it were what it returns.
fn uses_uncalled(message: &str, kind: &str) -> bool {
    ["is not iterable", "is not subscriptable"].iter().any(|what| message == format!("'{kind}' object {what}"))
        || message == format!("object of type '{kind}' has no len()")
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
    compared("str", kind)
        || compared(kind, "str")
        || message == format!("can only concatenate str (not \"{kind}\") to str")
        || message == format!("unsupported operand type(s) for +: '{kind}' and 'str'")
}

/// What is called in a text that is one call of a plain name.
fn called(text: &str) -> Option<&str> {
    let inside = text.strip_suffix(')')?;
    let mut depth = 1;
    let open = inside.char_indices().rev().find(|&(_, c)| {
        depth += match c {
            ')' => 1,
            '(' => -1,
            _ => 0,
        };
        depth == 0
    })?;
    let name = &inside[..open.0];
    let plain = name.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.'));
    plain.then_some(name)
}
