//! The methods that `bytes` and `bytearray` share.

use super::{buffer, bytes_of, checked, with_bytes};
use crate::builtins::prelude::*;
use crate::builtins::types::text_argument;
use crate::machine::sequence::bytes_like;
use crate::text::bytesops::{self, as_text, of_text};
use crate::text::{Fault, strops};

macro_rules! rows {
    (mapped: $($mapped:literal $map:expr;)* tested: $($tested:literal $test:expr;)* others: $($row:expr,)*) => {
        &[
            $(method($mapped, |vm, args| mapped(vm, args, |bytes| Ok($map(bytes)))),)*
            $(method($tested, |vm, args| with_bytes(vm, &args[0], $test).map(Value::bool)),)*
            $($row,)*
        ]
    };
}

pub(super) const METHODS: &[Row] = rows! {
    mapped:
    "capitalize()" |bytes| of_text(as_text(bytes, strops::capitalize));
    "lower()" <[u8]>::to_ascii_lowercase;
    "swapcase()" |bytes| of_text(as_text(bytes, strops::swapcase));
    "title()" |bytes| of_text(as_text(bytes, strops::title));
    "upper()" <[u8]>::to_ascii_uppercase;
    tested:
    "isalnum()" bytesops::isalnum;
    "isalpha()" bytesops::isalpha;
    "isascii()" <[u8]>::is_ascii;
    "isdigit()" bytesops::isdigit;
    "islower()" |bytes| as_text(bytes, strops::is_lower_text);
    "isspace()" bytesops::isspace;
    "istitle()" |bytes| as_text(bytes, strops::is_title_text);
    "isupper()" |bytes| as_text(bytes, strops::is_upper_text);
    others:
    method("center(width, fillchar=<unrepresentable>, /)", |vm, args| justified(vm, "center", args, bytesops::center)),
    method("count(sub, start=None, end=None, /)", |vm, args| search(vm, args, bytesops::count).map(Value::usize)),
    method("decode(encoding='utf-8', errors='strict')", decode),
    method("endswith(suffix, start=None, end=None, /)", |vm, args| affix(vm, "endswith", args, bytesops::endswith)),
    method("expandtabs(tabsize=8)", |vm, args| {
        let size = vm.to_i32(&args[1])?.into();
        mapped(vm, args, |bytes| as_text(bytes, |text| strops::expandtabs(text, size).map(of_text)))
    }),
    method("find(sub, start=None, end=None, /)", |vm, args| {
        Ok(search(vm, args, bytesops::find)?.map_or(Value::Int(-1), Value::usize))
    }),
    method("hex(sep=<unrepresentable>, bytes_per_sep=1)", |vm, args| {
        let group = vm.to_i32(&args[2])?.into();
        let separator = hex_separator(vm, &args[1])?;
        with_bytes(vm, &args[0], |bytes| bytesops::hex(bytes, separator, group)).map(Value::string)
    }),
    method("index(sub, start=None, end=None, /)", |vm, args| {
        let found = search(vm, args, bytesops::find)?;
        found.map(Value::usize).ok_or_else(|| vm.from_fault(bytesops::not_found()))
    }),
    method("join(iterable_of_bytes, /)", join),
    method("ljust(width, fillchar=<unrepresentable>, /)", |vm, args| justified(vm, "ljust", args, bytesops::ljust)),
    method("lstrip(bytes=None, /)", |vm, args| stripped(vm, args, bytesops::lstrip)),
    method("partition(sep, /)", |vm, args| partition(vm, args, bytesops::partition)),
    method("removeprefix(prefix, /)", |vm, args| {
        let prefix = buffer(vm, &args[1])?;
        changed(vm, args, |bytes| Ok(bytesops::removeprefix(bytes, &prefix).to_vec()))
    }),
    method("removesuffix(suffix, /)", |vm, args| {
        let suffix = buffer(vm, &args[1])?;
        changed(vm, args, |bytes| Ok(bytesops::removesuffix(bytes, &suffix).to_vec()))
    }),
    method("replace(old, new, count=-1, /)", |vm, args| {
        let (old, new) = (buffer(vm, &args[1])?, buffer(vm, &args[2])?);
        let count = vm.to_i64(&args[3])?;
        changed(vm, args, |bytes| Ok(bytesops::replace(bytes, &old, &new, count)))
    }),
    method("rfind(sub, start=None, end=None, /)", |vm, args| {
        Ok(search(vm, args, bytesops::rfind)?.map_or(Value::Int(-1), Value::usize))
    }),
    method("rindex(sub, start=None, end=None, /)", |vm, args| {
        let found = search(vm, args, bytesops::rfind)?;
        found.map(Value::usize).ok_or_else(|| vm.from_fault(bytesops::not_found()))
    }),
    method("rjust(width, fillchar=<unrepresentable>, /)", |vm, args| justified(vm, "rjust", args, bytesops::rjust)),
    method("rpartition(sep, /)", |vm, args| partition(vm, args, bytesops::rpartition)),
    method("rsplit(sep=None, maxsplit=-1)", |vm, args| split(vm, args, bytesops::rsplit)),
    method("rstrip(bytes=None, /)", |vm, args| stripped(vm, args, bytesops::rstrip)),
    method("split(sep=None, maxsplit=-1)", |vm, args| split(vm, args, bytesops::split)),
    method("splitlines(keepends=False)", |vm, args| {
        let keep = vm.truth(&args[1])?;
        let lines = with_bytes(vm, &args[0], |bytes| copied(bytesops::splitlines(bytes, keep)))?;
        Ok(all_made(args, lines))
    }),
    method("startswith(prefix, start=None, end=None, /)", |vm, args| {
        affix(vm, "startswith", args, bytesops::startswith)
    }),
    method("strip(bytes=None, /)", |vm, args| stripped(vm, args, bytesops::strip)),
    method("translate(table, /, delete=<unrepresentable>)", |vm, args| {
        let table = optional(vm, &args[1])?;
        if table.as_ref().is_some_and(|table| table.len() != 256) {
            return Err(vm.value_error("translation table must be 256 characters long"));
        }
        let delete = if args[2].is_unbound() { Vec::new() } else { buffer(vm, &args[2])? };
        changed(vm, args, |bytes| bytesops::translate(bytes, table.as_deref(), &delete))
    }),
    method("zfill(width, /)", |vm, args| {
        let width = vm.to_i64(&args[1])?;
        vm.check_size(usize::try_from(width).unwrap_or(0))?;
        changed(vm, args, |bytes| as_text(bytes, |text| strops::zfill(text, bytes.len(), width).map(of_text)))
    }),
};

type Checked<T> = std::result::Result<T, Fault>;

/// Bytes of the type of the instance: the very object if it is all of it and can't change.
fn made(args: &[Value], bytes: Vec<u8>) -> Value {
    match &args[0] {
        Value::Bytes(whole) if whole[..] == bytes => args[0].clone(),
        other => bytes_like(other.unwrapped(), bytes),
    }
}

fn all_made(args: &[Value], parts: Vec<Vec<u8>>) -> Value {
    Value::list(parts.into_iter().map(|part| made(args, part)).collect())
}

fn copied(parts: Vec<&[u8]>) -> Vec<Vec<u8>> {
    parts.into_iter().map(<[u8]>::to_vec).collect()
}

fn changed(vm: &mut Vm, args: &[Value], change: impl FnOnce(&[u8]) -> Checked<Vec<u8>>) -> Result {
    let result = with_bytes(vm, &args[0], change)?;
    Ok(made(args, checked(vm, result)?))
}

/// What is made anew even if nothing changes.
fn mapped(vm: &mut Vm, args: &[Value], change: impl FnOnce(&[u8]) -> Checked<Vec<u8>>) -> Result {
    let result = with_bytes(vm, &args[0], change)?;
    Ok(bytes_like(args[0].unwrapped(), checked(vm, result)?))
}

/// The bytes of an argument that may be left out.
fn optional(vm: &mut Vm, value: &Value) -> Result<Option<Vec<u8>>> {
    value.given().map(|given| buffer(vm, given)).transpose()
}

/// What is looked for: bytes, or one byte as a number.
fn needle(vm: &mut Vm, value: &Value) -> Result<Vec<u8>> {
    if let Some(bytes) = bytes_of(value) {
        return Ok(bytes);
    }
    match vm.index_opt(value)? {
        Some(Value::Int(n @ 0..=255)) => Ok(vec![n as u8]),
        Some(_) => Err(vm.value_error("byte must be in range(0, 256)")),
        None => {
            Err(vm
                .type_error(format!("argument should be integer or bytes-like object, not '{}'", vm.type_name(value))))
        }
    }
}

type Search<T> = fn(&[u8], &[u8], Option<i64>, Option<i64>) -> T;

fn search<T>(vm: &mut Vm, args: &[Value], search: Search<T>) -> Result<T> {
    let (start, end) = (vm.slice_part(&args[2])?, vm.slice_part(&args[3])?);
    let needle = needle(vm, &args[1])?;
    with_bytes(vm, &args[0], |bytes| search(bytes, &needle, start, end))
}

fn affix(vm: &mut Vm, name: &str, args: &[Value], test: Search<bool>) -> Result {
    let (start, end) = (vm.slice_part(&args[2])?, vm.slice_part(&args[3])?);
    let Some(all) = args[1].as_tuple() else {
        let Some(affix) = bytes_of(&args[1]) else {
            return Err(vm.type_error(format!(
                "{name} first arg must be bytes or a tuple of bytes, not {}",
                vm.type_name(&args[1])
            )));
        };
        return with_bytes(vm, &args[0], |bytes| test(bytes, &affix, start, end)).map(Value::bool);
    };
    for affix in all.clone().iter() {
        let affix = buffer(vm, affix)?;
        if with_bytes(vm, &args[0], |bytes| test(bytes, &affix, start, end))? {
            return Ok(Value::bool(true));
        }
    }
    Ok(Value::bool(false))
}

fn stripped(vm: &mut Vm, args: &[Value], strip: for<'a> fn(&'a [u8], Option<&[u8]>) -> &'a [u8]) -> Result {
    let set = optional(vm, &args[1])?;
    changed(vm, args, |bytes| Ok(strip(bytes, set.as_deref()).to_vec()))
}

fn justified(vm: &mut Vm, name: &str, args: &[Value], justify: fn(&[u8], i64, u8) -> Checked<Vec<u8>>) -> Result {
    let width = vm.to_i64(&args[1])?;
    let fill = match &args[2] {
        Value::Unbound => b' ',
        // No view, whatever is in it.
        other => match bytes_of(other).as_deref().filter(|_| !matches!(other.unwrapped(), Value::Instance(_))) {
            Some(&[fill]) => fill,
            _ => {
                return Err(vm.type_error(format!(
                    "{name}() argument 2 must be a byte string of length 1, not {}",
                    vm.argument_name(other)
                )));
            }
        },
    };
    vm.check_size(usize::try_from(width).unwrap_or(0))?;
    changed(vm, args, |bytes| justify(bytes, width, fill))
}

/// What a part of bytes takes as an object at least.
const PART: usize = size_of::<Value>() + size_of::<Vec<u8>>() + size_of::<crate::object::containers::Bytes>();

type Split = for<'a> fn(&'a [u8], Option<&[u8]>, i64) -> Checked<Vec<&'a [u8]>>;

fn split(vm: &mut Vm, args: &[Value], split: Split) -> Result {
    let limit = vm.to_i64(&args[2])?;
    let separator = optional(vm, &args[1])?;
    // One more than can be had is refused.
    let bound = vm.most_items(PART);
    let limit = if limit < 0 { bound } else { limit.min(bound) };
    let parts = with_bytes(vm, &args[0], |bytes| split(bytes, separator.as_deref(), limit).map(copied))?;
    let parts = checked(vm, parts)?;
    vm.check_size(parts.len().saturating_mul(PART))?;
    Ok(all_made(args, parts))
}

type Cut = for<'a> fn(&'a [u8], &'a [u8]) -> Checked<bytesops::Parts<'a>>;

fn partition(vm: &mut Vm, args: &[Value], cut: Cut) -> Result {
    let separator = buffer(vm, &args[1])?;
    let parts = with_bytes(vm, &args[0], |bytes| {
        cut(bytes, &separator).map(|(before, at, after)| [before, at, after].map(<[u8]>::to_vec))
    })?;
    let mut parts = checked(vm, parts)?.map(|part| made(args, part));
    // Bytes hand the separator itself back if it is there, else themselves.
    if matches!(args[0].unwrapped(), Value::Bytes(_)) {
        let filled = |part: &Value| bytes_of(part).is_some_and(|part| !part.is_empty());
        if filled(&parts[1]) {
            parts[1] = args[1].clone();
        } else if let Some(whole) = parts.iter_mut().find(|part| filled(part)) {
            *whole = args[0].clone();
        }
    }
    Ok(Value::tuple(parts))
}

fn join(vm: &mut Vm, args: &[Value]) -> Result {
    // While the items come, the separator keeps its length.
    let separator = match args[0].unwrapped() {
        Value::ByteArray(array) => array.clone(),
        _ => return join_items(vm, args),
    };
    separator.views.set(separator.views.get() + 1);
    let joined = join_items(vm, args);
    separator.views.set(separator.views.get().saturating_sub(1));
    joined
}

fn join_items(vm: &mut Vm, args: &[Value]) -> Result {
    let items = match vm.iter(&args[1]) {
        Ok(iterator) => vm.collect(&iterator)?,
        Err(e) if e.is(&vm.types.TypeError) => return Err(vm.type_error("can only join an iterable")),
        Err(e) => return Err(e),
    };
    let separator = with_bytes(vm, &args[0], <[u8]>::to_vec)?;
    let mut result = Vec::new();
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            result.extend_from_slice(&separator);
        }
        match bytes_of(item) {
            Some(bytes) => result.extend_from_slice(&bytes),
            None => {
                let name = vm.type_name(item);
                let message = format!("sequence item {at}: expected a bytes-like object, {name} found");
                return Err(vm.type_error(message));
            }
        }
    }
    Ok(made(args, result))
}

fn decode(vm: &mut Vm, args: &[Value]) -> Result {
    let encoding = text_argument(vm, &args[1], "decode", "'encoding'")?;
    let errors = text_argument(vm, &args[2], "decode", "'errors'")?;
    let bytes = with_bytes(vm, &args[0], <[u8]>::to_vec)?;
    super::decode(vm, &bytes, encoding, errors)
}

/// The separator of `hex()`, a single character.
pub(super) fn hex_separator(vm: &mut Vm, value: &Value) -> Result<Option<char>> {
    if value.is_unbound() {
        return Ok(None);
    }
    let chars: Vec<char> = match (value.as_str(), bytes_of(value)) {
        (Some(text), _) => text.as_str().chars().collect(),
        (None, Some(bytes)) => bytes.into_iter().map(char::from).collect(),
        _ => Vec::new(),
    };
    let one = vm.len(value)? == 1;
    let right = matches!(value.unwrapped(), Value::Str(_) | Value::Bytes(_));
    if one && !right {
        return Err(vm.type_error("sep must be str or bytes."));
    }
    match chars[..] {
        [c] if c.is_ascii() => Ok(Some(c)),
        [_] => Err(vm.value_error("sep must be ASCII.")),
        _ => Err(vm.value_error("sep must be length 1.")),
    }
}
