//! `str`: its constructor, its special methods, and the methods that look at text without changing it.

mod change;
mod translate;

use compact_str::ToCompactString;

use super::{new_class, special, text_argument, wrong_receiver};
use crate::builtins::prelude::*;
use crate::machine::sequence::bytes_of;
use crate::text::strops;

pub fn install(vm: &mut Vm) {
    let class = vm.types.str_.clone();
    for rows in [METHODS, PREDICATES, change::METHODS, translate::METHODS, special::COMPARISONS] {
        class.add_methods(rows);
    }
}

const METHODS: &[Row] = &[
    static_method("__new__(cls, object=<unrepresentable>, encoding=<unrepresentable>, errors=<unrepresentable>)", new)
        .or_quick(|vm, args| match args {
            [Value::Class(class), value] if Rc::ptr_eq(class, &vm.types.str_) => match value {
                Value::Str(text) => Some(Value::Str(text.clone())),
                Value::Int(n) => Some(Value::Str(Rc::new(Str::new(n.to_compact_string())))),
                _ => None,
            },
            _ => None,
        }),
    of!("count(sub, start=None, end=None, /)", Value::as_str, |vm, text, args| {
        let sub = self::text(vm, &args[1], "count", "1")?;
        let (start, end) = (vm.slice_part(&args[2])?, vm.slice_part(&args[3])?);
        Ok(Value::usize(strops::count(text, text.len(), sub, start, end)))
    })
    .or_quick(|_, args| match args {
        [Value::Str(text), Value::Str(sub)] if !sub.is_empty() => Some(Value::usize(strops::occurrences(text, sub))),
        _ => None,
    }),
    of!("encode(encoding='utf-8', errors='strict')", Value::as_str, |vm, text, args| {
        let encoding = text_argument(vm, &args[1], "encode", "'encoding'")?;
        let errors = text_argument(vm, &args[2], "encode", "'errors'")?;
        super::bytes::encode(vm, text, encoding, errors).map(Value::bytes)
    }),
    method("endswith(suffix, start=None, end=None, /)", |vm, args| affix(vm, args, "endswith", strops::endswith))
        .or_quick(|_, args| of_two(args, |text, suffix| text.ends_with(suffix))),
    method("find(sub, start=None, end=None, /)", |vm, args| {
        Ok(search(vm, args, "find", strops::find)?.map_or(Value::Int(-1), Value::usize))
    })
    .or_quick(|_, args| match args {
        [Value::Str(text), Value::Str(sub)] if text.is_ascii() => {
            Some(text.find(sub.as_str()).map_or(Value::Int(-1), Value::usize))
        }
        _ => None,
    }),
    method("index(sub, start=None, end=None, /)", |vm, args| {
        let found = search(vm, args, "index", strops::find)?;
        found.map(Value::usize).ok_or_else(|| not_found(vm))
    }),
    method("rfind(sub, start=None, end=None, /)", |vm, args| {
        Ok(search(vm, args, "rfind", strops::rfind)?.map_or(Value::Int(-1), Value::usize))
    }),
    method("rindex(sub, start=None, end=None, /)", |vm, args| {
        let found = search(vm, args, "rindex", strops::rfind)?;
        found.map(Value::usize).ok_or_else(|| not_found(vm))
    }),
    method("startswith(prefix, start=None, end=None, /)", |vm, args| affix(vm, args, "startswith", strops::startswith))
        .or_quick(|_, args| of_two(args, |text, prefix| text.starts_with(prefix))),
    method("format(*args, **kwargs)", format),
    method("format_map(mapping, /)", |vm, args| {
        let template = this(vm, args)?.clone();
        vm.format_map(&template, None, &args[1]).map(Value::Str)
    }),
    method("__add__(value, /)", |vm, args| {
        this(vm, args)?;
        special::add(vm, args)
    }),
    method("__contains__(key, /)", special::contains),
    method("__format__(format_spec, /)", super::number::format),
    method("__getitem__(key, /)", |vm, args| {
        this(vm, args)?;
        vm.get_item(args[0].unwrapped(), &args[1])
    }),
    of!("__getnewargs__()", Value::as_str, |_, text, _| Ok(Value::tuple([Value::str(text.as_str())]))),
    of!("__hash__()", Value::as_str, |_, text, _| Ok(Value::Int(text.hash()))),
    method("__iter__()", special::iter),
    of!("__len__()", Value::as_str, |_, text, _| Ok(Value::usize(text.len()))),
    method("__mod__(value, /)", |vm, args| {
        let template = this(vm, args)?.clone();
        vm.format_percent(&template, &args[1]).map(Value::Str)
    }),
    method("__rmod__(value, /)", |vm, args| match args[1].as_str() {
        Some(template) => vm.format_percent(&template.clone(), &args[0]).map(Value::Str),
        None => Ok(Value::NotImplemented),
    }),
    method("__mul__(value, /)", special::mul),
    method("__rmul__(value, /)", special::mul),
    of!("__str__()", Value::as_str, |_, text, _| Ok(Value::Str(text.clone()))),
    method("__repr__()", |vm, args| {
        let text = this(vm, args)?.clone();
        vm.repr(&Value::Str(text)).map(Value::Str)
    }),
    of!("__sizeof__()", Value::as_str, size_of),
];

macro_rules! predicates {
    ($($name:ident $test:expr;)*) => {
        /// What asks whether all characters are of a kind.
        const PREDICATES: &[Row] = &[
            $(method(concat!(stringify!($name), "()"), |vm, args| {
                let text = this(vm, args)?;
                Ok(Value::bool($test(text)))
            })
            .or_quick(|_, args| match args {
                [Value::Str(text)] => Some(Value::bool($test(text))),
                _ => None,
            })),*
        ];
    };
}

predicates! {
    isalnum |text: &Str| strops::isalnum(text);
    isalpha |text: &Str| strops::isalpha(text);
    isascii |text: &Str| text.as_str().is_ascii();
    isdecimal |text: &Str| strops::isdecimal(text);
    isdigit |text: &Str| strops::isdigit(text);
    isidentifier |text: &Str| strops::isidentifier(text);
    islower |text: &Str| strops::is_lower_text(text);
    isnumeric |text: &Str| strops::isnumeric(text);
    isprintable |text: &Str| strops::isprintable(text);
    isspace |text: &Str| strops::isspace(text);
    istitle |text: &Str| strops::is_title_text(text);
    isupper |text: &Str| strops::is_upper_text(text);
}

/// The text that a method was called on.
#[inline]
pub fn this<'a>(vm: &mut Vm, args: &'a [Value]) -> Result<&'a Rc<Str>> {
    match &args[0] {
        Value::Str(text) => Ok(text),
        value => value.as_str().ok_or_else(|| wrong_receiver(vm, value)),
    }
}

/// A question about two texts, if that is what the arguments are.
fn of_two(args: &[&Value], ask: fn(&str, &str) -> bool) -> Option<Value> {
    match args {
        [Value::Str(text), Value::Str(other)] => Some(Value::bool(ask(text.as_str(), other.as_str()))),
        _ => None,
    }
}

/// An argument that has to be text.
pub fn text<'a>(vm: &mut Vm, value: &'a Value, name: &str, which: &str) -> Result<&'a Rc<Str>> {
    text_argument(vm, value, name, which)
}

/// One of the two texts that say how `str(bytes, ...)` decodes: the only argument of which None is called by its class.
fn decoding_argument(vm: &mut Vm, value: &Value, name: &str) -> Result<String> {
    match value.as_str() {
        Some(text) => Ok(text.as_str().to_owned()),
        None => {
            let found = vm.type_name(value);
            Err(vm.type_error(format!("str() argument '{name}' must be str, not {found}")))
        }
    }
}

fn new(vm: &mut Vm, args: &[Value]) -> Result {
    let [class, object, encoding, errors] = args else { return Ok(Value::Unbound) };
    let class = match class {
        Value::Class(class) if Rc::ptr_eq(class, &vm.types.str_) => class.clone(),
        other => {
            let base = vm.types.str_.clone();
            new_class(vm, other, &base)?
        }
    };
    if object.is_unbound() {
        for (given, which) in [(encoding, "'encoding'"), (errors, "'errors'")] {
            if !given.is_unbound() {
                text_argument(vm, given, "str", which)?;
            }
        }
        return Ok(vm.wrap(&class, Value::str("")));
    }
    if encoding.is_unbound() && errors.is_unbound() {
        let text = vm.str_value(object)?;
        return Ok(if Rc::ptr_eq(&class, &vm.types.str_) { text } else { vm.wrap(&class, text.unwrapped().clone()) });
    }
    let encoding = match encoding {
        Value::Unbound => "utf-8".to_owned(),
        other => decoding_argument(vm, other, "encoding")?,
    };
    let errors = match errors {
        Value::Unbound => "strict".to_owned(),
        other => decoding_argument(vm, other, "errors")?,
    };
    let Some(bytes) = bytes_of(object) else {
        return Err(match object.as_str() {
            Some(_) => vm.type_error("decoding str is not supported"),
            None => {
                let name = vm.type_name(object);
                vm.type_error(format!("decoding to str: need a bytes-like object, {name} found"))
            }
        });
    };
    let text = super::bytes::decode(vm, &bytes, &encoding, &errors)?;
    Ok(vm.wrap(&class, text.unwrapped().clone()))
}

type Search = fn(&str, usize, &str, Option<i64>, Option<i64>) -> Option<usize>;

fn search(vm: &mut Vm, args: &[Value], name: &str, search: Search) -> Result<Option<usize>> {
    let text = this(vm, args)?;
    let sub = self::text(vm, &args[1], name, "1")?;
    let (start, end) = (vm.slice_part(&args[2])?, vm.slice_part(&args[3])?);
    Ok(search(text, text.len(), sub, start, end))
}

#[cold]
fn not_found(vm: &mut Vm) -> Error {
    vm.from_fault(strops::not_found())
}

type Affix = fn(&str, usize, &str, Option<i64>, Option<i64>) -> bool;

fn affix(vm: &mut Vm, args: &[Value], name: &str, test: Affix) -> Result {
    let text = this(vm, args)?;
    let (start, end) = (vm.slice_part(&args[2])?, vm.slice_part(&args[3])?);
    if let Some(affix) = args[1].as_str() {
        return Ok(Value::bool(test(text, text.len(), affix, start, end)));
    }
    let Some(all) = args[1].as_tuple() else {
        let found = vm.type_name(&args[1]);
        let message = format!("{name} first arg must be str or a tuple of str, not {found}");
        return Err(vm.type_error(message));
    };
    for affix in all.iter() {
        let Some(affix) = affix.as_str() else {
            return Err(vm.type_error(format!("tuple for {name} must only contain str, not {}", vm.type_name(affix))));
        };
        if test(text, text.len(), affix, start, end) {
            return Ok(Value::bool(true));
        }
    }
    Ok(Value::bool(false))
}

fn format(vm: &mut Vm, args: &[Value]) -> Result {
    let template = this(vm, args)?.clone();
    let positional = args[1].as_tuple().map(|items| items.to_vec()).unwrap_or_default();
    vm.format_map(&template, Some(&positional), &args[2]).map(Value::Str)
}

fn size_of(_: &mut Vm, text: &Rc<Str>, _: &[Value]) -> Result {
    let widest = text.as_str().chars().map(|c| c as u32).max().unwrap_or(0);
    let (head, width) = match widest {
        0..=0x7F => (40, 1),
        0x80..=0xFF => (56, 1),
        0x100..=0xFFFF => (56, 2),
        _ => (56, 4),
    };
    Ok(Value::usize(head + (text.len() + 1) * width))
}

/// The text `part` as a value: the very object `whole` if it is all of it.
fn part_of(whole: &Value, part: &str) -> Value {
    match whole {
        Value::Str(text) if text.as_str().len() == part.len() => whole.clone(),
        _ => Value::str(part),
    }
}

/// How many items a count means, for `split` and the like.
fn clamp(vm: &mut Vm, value: &Value) -> Result<i64> {
    match value {
        Value::Int(n) => Ok(*n),
        other => vm.to_i64(other),
    }
}
