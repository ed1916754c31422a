//! The methods of `str` that make new text: cutting, joining, padding, replacing, other case.

use super::{clamp, part_of, text, this};
use crate::builtins::prelude::*;
use crate::machine::sequence::MAX_TEXT;
use crate::text::{Fault, strops};

macro_rules! cases {
    ($($name:ident)*) => {
        &[
            $(method(concat!(stringify!($name), "()"), |vm, args| {
                Ok(Value::string(strops::$name(this(vm, args)?)))
            })
            .or_quick(|_, args| match args {
                [Value::Str(text)] => Some(Value::string(strops::$name(text))),
                _ => None,
            }),)*
            method("center(width, fillchar=' ', /)", |vm, args| pad(vm, args, strops::center)),
            of!("expandtabs(tabsize=8)", Value::as_str, |vm, text, args| {
    let size = vm.to_i32(&args[1])?;
    if !text.as_str().contains('\t') {
        return Ok(part_of(&args[0], text));
    }
    vm.check_size(text.as_str().matches('\t').count().saturating_mul(usize::try_from(size).unwrap_or(0)))?;
    made(vm, strops::expandtabs(text, size.into()))
}),
            of!("join(iterable, /)", Value::as_str, join).or_quick(join_at_once),
            method("ljust(width, fillchar=' ', /)", |vm, args| pad(vm, args, strops::ljust)),
            method("lstrip(chars=None, /)", |vm, args| strip(vm, args, "lstrip", strops::lstrip))
                .or_quick(|_, args| strip_at_once(args, strops::lstrip)),
            method("partition(sep, /)", |vm, args| partition(vm, args, strops::partition)),
            method("removeprefix(prefix, /)", |vm, args| remove(vm, args, "removeprefix", strops::removeprefix)),
            method("removesuffix(suffix, /)", |vm, args| remove(vm, args, "removesuffix", strops::removesuffix)),
            of!("replace(old, new, /, count=-1)", Value::as_str, replace).or_quick(replace_at_once),
            method("rjust(width, fillchar=' ', /)", |vm, args| pad(vm, args, strops::rjust)),
            method("rpartition(sep, /)", |vm, args| partition(vm, args, strops::rpartition)),
            method("rsplit(sep=None, maxsplit=-1)", |vm, args| split(vm, args, strops::rsplit)),
            method("rstrip(chars=None, /)", |vm, args| strip(vm, args, "rstrip", strops::rstrip))
                .or_quick(|_, args| strip_at_once(args, strops::rstrip)),
            method("split(sep=None, maxsplit=-1)", |vm, args| split(vm, args, strops::split))
                .or_quick(|vm, args| split_at_once(vm, args, strops::split)),
            of!("splitlines(keepends=False)", Value::as_str, |vm, whole, args| {
    let keep_ends = vm.truth(&args[1])?;
    let lines = strops::splitlines(whole, keep_ends);
    vm.check_size(lines.len() * size_of::<Value>())?;
    Ok(Value::list(lines.into_iter().map(|line| part_of(&args[0], line)).collect()))
}),
            method("strip(chars=None, /)", |vm, args| strip(vm, args, "strip", strops::strip))
                .or_quick(|_, args| strip_at_once(args, strops::strip)),
            of!("zfill(width, /)", Value::as_str, |vm, text, args| {
    let width = vm.to_i64(&args[1])?;
    if width <= text.len() as i64 {
        return Ok(part_of(&args[0], text));
    }
    vm.check_size(usize::try_from(width).unwrap_or(0))?;
    made(vm, strops::zfill(text, text.len(), width))
}),
        ]
    };
}

pub(super) const METHODS: &[Row] = cases! { capitalize casefold lower swapcase title upper };

fn made(vm: &mut Vm, text: std::result::Result<String, Fault>) -> Result {
    text.map(Value::string).map_err(|fault| vm.from_fault(fault))
}

type Pad = fn(&str, usize, i64, char) -> std::result::Result<String, Fault>;

fn pad(vm: &mut Vm, args: &[Value], pad: Pad) -> Result {
    let text = this(vm, args)?;
    let width = vm.to_i64(&args[1])?;
    let Some(fill) = args[2].as_str() else {
        let found = vm.type_name(&args[2]);
        let message = format!("The fill character must be a unicode character, not {found}");
        return Err(vm.type_error(message));
    };
    let mut chars = fill.as_str().chars();
    let (Some(fill), None) = (chars.next(), chars.next()) else {
        return Err(vm.type_error("The fill character must be exactly one character long"));
    };
    if width <= text.len() as i64 {
        return Ok(part_of(&args[0], text));
    }
    vm.check_size(usize::try_from(width).unwrap_or(0))?;
    made(vm, pad(text, text.len(), width, fill))
}

type Strip = for<'a> fn(&'a str, Option<&str>) -> &'a str;

fn strip_at_once(args: &[&Value], strip: Strip) -> Option<Value> {
    match args {
        [whole @ Value::Str(text)] => Some(part_of(whole, strip(text, None))),
        [whole @ Value::Str(text), Value::Str(chars)] => Some(part_of(whole, strip(text, Some(chars)))),
        _ => None,
    }
}

fn strip(vm: &mut Vm, args: &[Value], name: &str, strip: Strip) -> Result {
    let text = this(vm, args)?;
    let chars = match &args[1] {
        Value::None => None,
        other => match other.as_str() {
            Some(chars) => Some(chars.as_str()),
            None => return Err(vm.type_error(format!("{name} arg must be None or str"))),
        },
    };
    Ok(part_of(&args[0], strip(text, chars)))
}

fn remove(vm: &mut Vm, args: &[Value], name: &str, remove: for<'a> fn(&'a str, &str) -> &'a str) -> Result {
    let whole = this(vm, args)?;
    let affix = text(vm, &args[1], name, "")?;
    Ok(part_of(&args[0], remove(whole, affix)))
}

fn replace(vm: &mut Vm, whole: &Rc<Str>, args: &[Value]) -> Result {
    let old = text(vm, &args[1], "replace", "1")?;
    let new = text(vm, &args[2], "replace", "2")?;
    let count = clamp(vm, &args[3])?;
    if !old.is_empty() && !whole.as_str().contains(old.as_str()) {
        return Ok(part_of(&args[0], whole));
    }
    // As long as the result can get at most: each match and each gap is replaced.
    let matches = if old.is_empty() { whole.len() + 1 } else { whole.as_str().len() / old.as_str().len() };
    if matches.saturating_mul(new.as_str().len()) > MAX_TEXT {
        return Err(vm.memory_error());
    }
    vm.check_size(matches.saturating_mul(new.as_str().len()))?;
    Ok(Value::string(strops::replace(whole, old, new, count)))
}

type Parts<'a> = std::result::Result<(&'a str, &'a str, &'a str), Fault>;

fn partition(vm: &mut Vm, args: &[Value], cut: for<'a> fn(&'a str, &'a str) -> Parts<'a>) -> Result {
    let whole = this(vm, args)?;
    let Some(separator) = args[1].as_str() else {
        return Err(vm.type_error(format!("must be str, not {}", vm.type_name(&args[1]))));
    };
    match cut(whole, separator) {
        Ok((before, at, after)) => {
            // Without the separator it hands back the object itself, of whatever class that is.
            let part =
                |part: &str| if !part.is_empty() && at.is_empty() { args[0].clone() } else { part_of(&args[0], part) };
            Ok(Value::tuple([part(before), part_of(&args[1], at), part(after)]))
        }
        Err(fault) => Err(vm.from_fault(fault)),
    }
}

type Split = for<'a> fn(&'a str, Option<&str>, i64) -> std::result::Result<Vec<&'a str>, Fault>;

fn split(vm: &mut Vm, args: &[Value], split: Split) -> Result {
    let whole = this(vm, args)?;
    let most = clamp(vm, &args[2])?;
    let separator = match &args[1] {
        Value::None => None,
        other => match other.as_str() {
            Some(separator) => Some(separator.as_str()),
            None => {
                return Err(vm.type_error(format!("must be str or None, not {}", vm.type_name(other))));
            }
        },
    };
    // One more than can be had is refused.
    let bound = vm.most_items(size_of::<Value>());
    match split(whole, separator, if most < 0 { bound } else { most.min(bound) }) {
        Ok(parts) => {
            vm.check_size(parts.len() * size_of::<Value>())?;
            Ok(Value::list(parts.into_iter().map(|part| piece(vm, &args[0], part)).collect()))
        }
        Err(fault) => Err(vm.from_fault(fault)),
    }
}

/// So long a text may become or be taken apart without a look at what memory there is.
const SHORT: usize = 1 << 12;

fn split_at_once(vm: &Vm, args: &[&Value], split: Split) -> Option<Value> {
    let (whole, text, separator) = match args {
        [whole @ Value::Str(text)] => (whole, text, None),
        [whole @ Value::Str(text), Value::Str(separator)] => (whole, text, Some(separator.as_str())),
        _ => return None,
    };
    if text.as_str().len() > SHORT {
        return None;
    }
    let parts = split(text, separator, -1).ok()?;
    Some(Value::list(parts.into_iter().map(|part| piece(vm, whole, part)).collect()))
}

fn replace_at_once(_: &Vm, args: &[&Value]) -> Option<Value> {
    let [whole @ Value::Str(text), Value::Str(old), Value::Str(new)] = args else { return None };
    if old.is_empty() || text.as_str().len().saturating_mul(new.as_str().len()) > SHORT {
        return None;
    }
    if !text.as_str().contains(old.as_str()) {
        return Some((*whole).clone());
    }
    Some(Value::string(strops::replace(text, old, new, -1)))
}

fn join_at_once(_: &Vm, args: &[&Value]) -> Option<Value> {
    let [Value::Str(separator), Value::List(list)] = args else { return None };
    let items = list.items.borrow();
    if items.len() < 2 || items.len() > SHORT {
        return None;
    }
    let mut size = separator.as_str().len() * (items.len() - 1);
    for item in items.iter() {
        let Value::Str(text) = item else { return None };
        size += text.as_str().len();
    }
    (size <= SHORT).then(|| Value::Str(Rc::new(Str::new(join_texts(separator, &items, size)))))
}

/// A piece of `whole` as a value; single characters are shared.
fn piece(vm: &Vm, whole: &Value, part: &str) -> Value {
    match part.as_bytes() {
        [byte] => vm.char_value(char::from(*byte)),
        _ => part_of(whole, part),
    }
}

fn join(vm: &mut Vm, separator: &Rc<Str>, args: &[Value]) -> Result {
    match &args[1] {
        Value::List(list) => joined(vm, separator, &list.items.borrow()),
        Value::Tuple(items) => joined(vm, separator, items),
        other => {
            let iterator = match vm.iter(other) {
                Ok(iterator) => iterator,
                Err(e) if e.is(&vm.types.TypeError) => {
                    return Err(vm.type_error("can only join an iterable"));
                }
                Err(e) => return Err(e),
            };
            let items = vm.collect(&iterator)?;
            joined(vm, separator, &items)
        }
    }
}

/// Runs no script code, so the items may be borrowed.
fn joined(vm: &mut Vm, separator: &Rc<Str>, items: &[Value]) -> Result {
    let mut size = separator.as_str().len().saturating_mul(items.len().saturating_sub(1));
    for (at, item) in items.iter().enumerate() {
        match item.as_str() {
            Some(text) => size = size.saturating_add(text.as_str().len()),
            None => {
                return Err(
                    vm.type_error(format!("sequence item {at}: expected str instance, {} found", vm.type_name(item)))
                );
            }
        }
    }
    if let [only @ Value::Str(_)] = items {
        return Ok(only.clone());
    }
    if size > MAX_TEXT {
        return Err(vm.memory_error());
    }
    vm.check_size(size)?;
    Ok(Value::Str(Rc::new(Str::new(join_texts(separator, items, size)))))
}

/// Texts in one, of so many bytes.
fn join_texts(separator: &Str, items: &[Value], size: usize) -> String {
    let mut joined = String::with_capacity(size);
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            joined.push_str(separator);
        }
        if let Some(text) = item.as_str() {
            joined.push_str(text);
        }
    }
    joined
}
