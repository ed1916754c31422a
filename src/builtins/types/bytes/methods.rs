//! The methods that `bytes` and `bytearray` share.

use super::{buffer, bytes_of, checked, with_bytes};
use crate::machine::Vm;
use crate::machine::sequence::bytes_like;
use crate::object::native::{Row, method};
use crate::object::{Result, Value};
use crate::text::bytesops;

pub(super) const METHODS: &[Row] = &[
    method("capitalize()", capitalize),
    method("center(width, fillchar=<unrepresentable>, /)", |vm, args| justified(vm, "center", args, bytesops::center)),
    method("count(sub, start=None, end=None, /)", count),
    method("decode(encoding='utf-8', errors='strict')", decode),
    method("endswith(suffix, start=None, end=None, /)", ends_with),
    method("expandtabs(tabsize=8)", |vm, args| {
        let size = vm.to_i64(&args[1])?;
        let result = with_bytes(vm, &args[0], |bytes| bytesops::expandtabs(bytes, size))?;
        Ok(made(args, checked(vm, result)?))
    }),
    method("find(sub, start=None, end=None, /)", |vm, args| {
        Ok(search(vm, args, bytesops::find)?.map_or(Value::Int(-1), Value::usize))
    }),
    method("hex(sep=<unrepresentable>, bytes_per_sep=1)", hex),
    method("index(sub, start=None, end=None, /)", |vm, args| {
        let found = search(vm, args, bytesops::find)?;
        found.map(Value::usize).ok_or_else(|| vm.from_fault(bytesops::not_found()))
    }),
    method("isalnum()", is_alnum),
    method("isalpha()", is_alpha),
    method("isascii()", is_ascii),
    method("isdigit()", is_digit),
    method("islower()", is_lower),
    method("isspace()", is_space),
    method("istitle()", is_title),
    method("isupper()", is_upper),
    method("join(iterable_of_bytes, /)", join),
    method("ljust(width, fillchar=<unrepresentable>, /)", ljust),
    method("lower()", lower),
    method("lstrip(bytes=None, /)", lstrip),
    method("partition(sep, /)", partition),
    method("removeprefix(prefix, /)", |vm, args| {
        let prefix = buffer(vm, &args[1])?;
        let result = with_bytes(vm, &args[0], |bytes| bytesops::removeprefix(bytes, &prefix).to_vec())?;
        Ok(made(args, result))
    }),
    method("removesuffix(suffix, /)", remove_suffix),
    method("replace(old, new, count=-1, /)", replace),
    method("rfind(sub, start=None, end=None, /)", rfind),
    method("rindex(sub, start=None, end=None, /)", rindex),
    method("rjust(width, fillchar=<unrepresentable>, /)", |vm, args| justified(vm, "rjust", args, bytesops::rjust)),
    method("rpartition(sep, /)", |vm, args| {
        let separator = buffer(vm, &args[1])?;
        let parts = with_bytes(vm, &args[0], |bytes| {
            bytesops::rpartition(bytes, &separator).map(|(a, b, c)| [a.to_vec(), b.to_vec(), c.to_vec()])
        })?;
        let parts = checked(vm, parts)?;
        Ok(Value::tuple(parts.map(|part| made(args, part))))
    }),
    method("rsplit(sep=None, maxsplit=-1)", rsplit),
    method("rstrip(bytes=None, /)", |vm, args| stripped(vm, args, bytesops::rstrip)),
    method("split(sep=None, maxsplit=-1)", split),
    method("splitlines(keepends=False)", |vm, args| {
        let keep = vm.truth(&args[1])?;
        let lines = with_bytes(vm, &args[0], |bytes| {
            bytesops::splitlines(bytes, keep).into_iter().map(<[u8]>::to_vec).collect::<Vec<_>>()
        })?;
        Ok(Value::list(lines.into_iter().map(|line| made(args, line)).collect()))
    }),
    method("startswith(prefix, start=None, end=None, /)", |vm, args| {
        affix(vm, "startswith", args, bytesops::startswith)
    }),
    method("strip(bytes=None, /)", strip),
    method("swapcase()", swapcase),
    method("title()", title),
    method("translate(table, /, delete=<unrepresentable>)", translate),
    method("upper()", upper),
    method("zfill(width, /)", zfill),
];

/// Bytes of the type of the instance.
fn made(args: &[Value], bytes: Vec<u8>) -> Value {
    bytes_like(args[0].unwrapped(), bytes)
}

macro_rules! mapped {
    ($($name:ident $with:expr;)*) => {
        $(
            fn $name(vm: &mut Vm, args: &[Value]) -> Result {
                let result = with_bytes(vm, &args[0], $with)?;
                Ok(made(args, result))
            }
        )*
    };
}

macro_rules! tested {
    ($($name:ident $with:expr;)*) => {
        $(
            fn $name(vm: &mut Vm, args: &[Value]) -> Result {
                with_bytes(vm, &args[0], $with).map(Value::bool)
            }
        )*
    };
}

mapped! {
    capitalize bytesops::capitalize;
    lower <[u8]>::to_ascii_lowercase;
    swapcase bytesops::swapcase;
    title bytesops::title;
    upper <[u8]>::to_ascii_uppercase;
}

tested! {
    is_alnum bytesops::isalnum;
    is_alpha bytesops::isalpha;
    is_ascii <[u8]>::is_ascii;
    is_digit bytesops::isdigit;
    is_lower bytesops::islower;
    is_space bytesops::isspace;
    is_title bytesops::istitle;
    is_upper bytesops::isupper;
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

fn bound(vm: &mut Vm, value: &Value) -> Result<Option<i64>> {
    match value.given() {
        None => Ok(None),
        Some(value) => match vm.index_opt(value)? {
            Some(Value::Int(n)) => Ok(Some(n)),
            Some(Value::BigInt(n)) => Ok(Some(if n.sign() == num_bigint::Sign::Minus { i64::MIN } else { i64::MAX })),
            _ => Err(vm.type_error("slice indices must be integers or None or have an __index__ method")),
        },
    }
}

type Search = fn(&[u8], &[u8], Option<i64>, Option<i64>) -> Option<usize>;

fn search(vm: &mut Vm, args: &[Value], search: Search) -> Result<Option<usize>> {
    let (start, end) = (bound(vm, &args[2])?, bound(vm, &args[3])?);
    let needle = needle(vm, &args[1])?;
    with_bytes(vm, &args[0], |bytes| search(bytes, &needle, start, end))
}

fn rfind(vm: &mut Vm, args: &[Value]) -> Result {
    Ok(search(vm, args, bytesops::rfind)?.map_or(Value::Int(-1), Value::usize))
}

fn rindex(vm: &mut Vm, args: &[Value]) -> Result {
    let found = search(vm, args, bytesops::rfind)?;
    found.map(Value::usize).ok_or_else(|| vm.from_fault(bytesops::not_found()))
}

fn count(vm: &mut Vm, args: &[Value]) -> Result {
    Ok(Value::usize(
        search(vm, args, |bytes, sub, start, end| Some(bytesops::count(bytes, sub, start, end)))?.unwrap_or(0),
    ))
}

type Affix = fn(&[u8], &[u8], Option<i64>, Option<i64>) -> bool;

fn affix(vm: &mut Vm, name: &str, args: &[Value], test: Affix) -> Result {
    let (start, end) = (bound(vm, &args[2])?, bound(vm, &args[3])?);
    let candidates = match args[1].as_tuple() {
        Some(items) => {
            let items = items.clone();
            items.iter().map(|item| buffer(vm, item)).collect::<Result<Vec<_>>>()?
        }
        None => match bytes_of(&args[1]) {
            Some(bytes) => vec![bytes],
            None => {
                return Err(vm.type_error(format!(
                    "{name} first arg must be bytes or a tuple of bytes, not {}",
                    vm.type_name(&args[1])
                )));
            }
        },
    };
    with_bytes(vm, &args[0], |bytes| candidates.iter().any(|part| test(bytes, part, start, end))).map(Value::bool)
}

fn ends_with(vm: &mut Vm, args: &[Value]) -> Result {
    affix(vm, "endswith", args, bytesops::endswith)
}

fn remove_suffix(vm: &mut Vm, args: &[Value]) -> Result {
    let suffix = buffer(vm, &args[1])?;
    let result = with_bytes(vm, &args[0], |bytes| bytesops::removesuffix(bytes, &suffix).to_vec())?;
    Ok(made(args, result))
}

type Strip = for<'a> fn(&'a [u8], Option<&[u8]>) -> &'a [u8];

fn stripped(vm: &mut Vm, args: &[Value], strip: Strip) -> Result {
    let set = match args[1].given() {
        None => None,
        Some(set) => Some(buffer(vm, set)?),
    };
    let result = with_bytes(vm, &args[0], |bytes| strip(bytes, set.as_deref()).to_vec())?;
    Ok(made(args, result))
}

fn strip(vm: &mut Vm, args: &[Value]) -> Result {
    stripped(vm, args, bytesops::strip)
}

fn lstrip(vm: &mut Vm, args: &[Value]) -> Result {
    stripped(vm, args, bytesops::lstrip)
}

type Justify = fn(&[u8], i64, u8) -> std::result::Result<Vec<u8>, crate::text::Fault>;

fn justified(vm: &mut Vm, name: &str, args: &[Value], justify: Justify) -> Result {
    let width = vm.to_i64(&args[1])?;
    let fill = match &args[2] {
        Value::Unbound => b' ',
        other => match crate::machine::sequence::bytes_of(other).as_deref() {
            Some(&[fill]) => fill,
            _ => {
                return Err(vm.type_error(format!(
                    "{name}() argument 2 must be a byte string of length 1, not {}",
                    vm.type_name(other)
                )));
            }
        },
    };
    let result = with_bytes(vm, &args[0], |bytes| justify(bytes, width, fill))?;
    Ok(made(args, checked(vm, result)?))
}

fn ljust(vm: &mut Vm, args: &[Value]) -> Result {
    justified(vm, "ljust", args, bytesops::ljust)
}

fn zfill(vm: &mut Vm, args: &[Value]) -> Result {
    let width = vm.to_i64(&args[1])?;
    let result = with_bytes(vm, &args[0], |bytes| bytesops::zfill(bytes, width))?;
    Ok(made(args, checked(vm, result)?))
}

fn replace(vm: &mut Vm, args: &[Value]) -> Result {
    let (old, new) = (buffer(vm, &args[1])?, buffer(vm, &args[2])?);
    let count = vm.to_i64(&args[3])?;
    let result = with_bytes(vm, &args[0], |bytes| bytesops::replace(bytes, &old, &new, count))?;
    Ok(made(args, result))
}

type Split = for<'a> fn(&'a [u8], Option<&[u8]>, i64) -> std::result::Result<Vec<&'a [u8]>, crate::text::Fault>;

fn split_with(vm: &mut Vm, args: &[Value], split: Split) -> Result {
    let limit = vm.to_i64(&args[2])?;
    let separator = match args[1].given() {
        None => None,
        Some(separator) => Some(buffer(vm, separator)?),
    };
    let parts = with_bytes(vm, &args[0], |bytes| {
        split(bytes, separator.as_deref(), limit).map(|parts| parts.into_iter().map(<[u8]>::to_vec).collect::<Vec<_>>())
    })?;
    let parts = checked(vm, parts)?;
    Ok(Value::list(parts.into_iter().map(|part| made(args, part)).collect()))
}

fn split(vm: &mut Vm, args: &[Value]) -> Result {
    split_with(vm, args, bytesops::split)
}

fn rsplit(vm: &mut Vm, args: &[Value]) -> Result {
    split_with(vm, args, bytesops::rsplit)
}

fn partition(vm: &mut Vm, args: &[Value]) -> Result {
    let separator = buffer(vm, &args[1])?;
    let parts = with_bytes(vm, &args[0], |bytes| {
        bytesops::partition(bytes, &separator).map(|(a, b, c)| [a.to_vec(), b.to_vec(), c.to_vec()])
    })?;
    let parts = checked(vm, parts)?;
    Ok(Value::tuple(parts.map(|part| made(args, part))))
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
                let message = format!("sequence item {at}: expected a bytes-like object, {} found", name.as_str());
                return Err(vm.type_error(message));
            }
        }
    }
    Ok(made(args, result))
}

fn translate(vm: &mut Vm, args: &[Value]) -> Result {
    let table = match args[1].given() {
        None => None,
        Some(table) => Some(buffer(vm, table)?),
    };
    if table.as_ref().is_some_and(|table| table.len() != 256) {
        return Err(vm.value_error("translation table must be 256 characters long"));
    }
    let delete = if args[2].is_unbound() { Vec::new() } else { buffer(vm, &args[2])? };
    let result = with_bytes(vm, &args[0], |bytes| bytesops::translate(bytes, table.as_deref(), &delete))?;
    Ok(made(args, checked(vm, result)?))
}

fn decode(vm: &mut Vm, args: &[Value]) -> Result {
    for (name, value) in [("encoding", &args[1]), ("errors", &args[2])] {
        if value.as_str().is_none() {
            return Err(vm.type_error(format!("decode() argument '{name}' must be str, not {}", vm.type_name(value))));
        }
    }
    let (Some(encoding), Some(errors)) = (args[1].as_str(), args[2].as_str()) else { return Ok(Value::None) };
    let bytes = with_bytes(vm, &args[0], <[u8]>::to_vec)?;
    super::decode(vm, &bytes, encoding, errors)
}

fn hex(vm: &mut Vm, args: &[Value]) -> Result {
    let group = vm.to_i64(&args[2])?;
    let separator = hex_separator(vm, &args[1])?;
    with_bytes(vm, &args[0], |bytes| bytesops::hex(bytes, separator, group)).map(Value::string)
}

/// The separator of `hex()`, a single character.
pub(super) fn hex_separator(vm: &mut Vm, value: &Value) -> Result<Option<char>> {
    if value.is_unbound() {
        return Ok(None);
    }
    let chars: Vec<char> = match (value.as_str(), bytes_of(value)) {
        (Some(text), _) => text.as_str().chars().collect(),
        (None, Some(bytes)) => bytes.into_iter().map(char::from).collect(),
        _ => {
            vm.len(value)?;
            return Err(vm.type_error("sep must be str or bytes."));
        }
    };
    match chars[..] {
        [c] if c.is_ascii() => Ok(Some(c)),
        [_] => Err(vm.value_error("sep must be ASCII.")),
        _ => Err(vm.value_error("sep must be length 1.")),
    }
}
