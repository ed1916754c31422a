//! What `struct` needs: packing and unpacking by a format, which is read anew each time.

use std::collections::HashMap;

use super::support::{define, items};
use crate::builtins::prelude::*;
use crate::builtins::types::bytes::items::{Item, Misfit};
use crate::machine::sequence::bytes_of;

pub(super) const FUNCTIONS: &[Row] = &[
    // (size in bytes, how many values)
    native("_measure(format, /)", |vm, args| {
        let format = format(vm, &args[0])?;
        Ok(Value::tuple([Value::usize(format.size), Value::usize(format.values)]))
    }),
    native("_pack(format, values, /)", |vm, args| {
        let (format, values) = (format(vm, &args[0])?, vm.collect(&args[1])?);
        pack(vm, &format, &values)
    }),
    native("_unpack(format, buffer, offset, /)", |vm, args| {
        let format = format(vm, &args[0])?;
        let offset = usize::try_from(vm.to_i64(&args[2])?).unwrap_or(0);
        let bytes = match args[1].unwrapped() {
            Value::Bytes(bytes) => unpack(&format.fields, bytes.get(offset..).unwrap_or(&[])),
            other => unpack(&format.fields, bytes_of(other).unwrap_or_default().get(offset..).unwrap_or(&[])),
        };
        Ok(Value::tuple(bytes))
    }),
];

/// What CPython has in the module `_struct`.
pub(super) const PLAIN: &[Row] = &[
    native("calcsize(format, /)", |vm, args| match plain_format(vm, &args[0])? {
        Some(format) => Ok(Value::usize(format.size)),
        None => {
            let written = vm.call_page("struct", "_struct", args)?;
            vm.get_attr(&written, "size")
        }
    }),
    native("pack(*args)", |vm, args| pack_given(vm, items(&args[0]))).or_plain(pack_given),
    native("unpack(format, buffer, /)", |vm, args| match (plain_format(vm, &args[0])?, &args[1]) {
        (Some(format), Value::Bytes(bytes)) if bytes.len() == format.size => {
            Ok(Value::tuple(unpack(&format.fields, bytes)))
        }
        _ => by_page(vm, "unpack", args),
    }),
    native("unpack_from(format, /, buffer, offset=0)", |vm, args| match (plain_format(vm, &args[0])?, args) {
        (Some(format), [_, Value::Bytes(bytes), Value::Int(at)]) => {
            let rest = usize::try_from(*at).ok().and_then(|at| bytes.get(at..));
            match rest.filter(|rest| rest.len() >= format.size) {
                Some(rest) => Ok(Value::tuple(unpack(&format.fields, rest))),
                None => by_page(vm, "unpack_from", args),
            }
        }
        _ => by_page(vm, "unpack_from", args),
    }),
];

/// A format that was read, by its text.
#[derive(Default)]
struct Known(HashMap<String, Rc<Format>, foldhash::fast::FixedState>);

struct Format {
    fields: Vec<Field>,
    size: usize,
    values: usize,
}

/// Reads a format, unless it is known.
fn format(vm: &mut Vm, text: &Value) -> Result<Rc<Format>> {
    const MOST: usize = 100;
    let name = text.as_str();
    if let Some(known) = name.and_then(|name| vm.extension::<Known>().0.get(name.as_str())) {
        return Ok(known.clone());
    }
    let fields = parse(vm, text)?;
    let size = fields.last().map_or(0, |field| field.at + field.item.size * field.count);
    let values = fields.iter().map(Field::values).sum();
    let format = Rc::new(Format { fields, size, values });
    if let Some(name) = name {
        let known = &mut vm.extension::<Known>().0;
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(name.to_string(), format.clone());
    }
    Ok(format)
}

/// A format that is nothing but ASCII text.
fn plain_format(vm: &mut Vm, text: &Value) -> Result<Option<Rc<Format>>> {
    match text {
        Value::Str(name) if name.is_ascii() => format(vm, text).map(Some),
        _ => Ok(None),
    }
}

/// What a `Struct` of the format does with the other arguments.
fn by_page(vm: &mut Vm, method: &str, args: &[Value]) -> Result {
    let written = vm.call_page("struct", "_struct", &args[..1])?;
    vm.call_method(&written, method, &args[1..])
}

fn pack_given(vm: &mut Vm, args: &[Value]) -> Result {
    let [text, values @ ..] = args else { return Err(vm.type_error("missing format argument")) };
    match plain_format(vm, text)? {
        Some(format) if format.values == values.len() => pack(vm, &format, values),
        _ => by_page(vm, "pack", args),
    }
}

pub(super) fn error_class(vm: &mut Vm) -> Rc<Class> {
    let base = vm.types.Exception.clone();
    define(vm, "struct.error", &base, Layout::Exception, &[])
}

#[cold]
fn error(vm: &mut Vm, message: &str) -> Error {
    let class = error_class(vm);
    vm.error(&class, message)
}

/// Items of one kind in a row, or a text.
struct Field {
    item: Item,
    at: usize,
    count: usize,
    native: bool,
}

impl Field {
    fn values(&self) -> usize {
        match self.item.code {
            b'x' => 0,
            b's' | b'p' => 1,
            _ => self.count,
        }
    }
}

/// Reads a format; an empty field at the end stands for its length.
fn parse(vm: &mut Vm, format: &Value) -> Result<Vec<Field>> {
    let text = format.as_str().map(|text| text.as_str().as_bytes().to_vec()).or_else(|| bytes_of(format));
    let text = text.unwrap_or_default();
    if text.contains(&0) {
        return Err(error(vm, "embedded null character"));
    }
    let order = text.first().copied();
    let (native, aligned) =
        (!matches!(order, Some(b'<' | b'>' | b'!' | b'=')), !matches!(order, Some(b'<' | b'>' | b'!' | b'=')));
    let mut rest = if matches!(order, Some(b'<' | b'>' | b'!' | b'=' | b'@')) { &text[1..] } else { &text[..] };
    let (mut fields, mut at) = (Vec::new(), 0usize);
    while let [first, after @ ..] = rest {
        rest = after;
        if first.is_ascii_whitespace() {
            continue;
        }
        let (mut code, mut count) = (*first, 1usize);
        if code.is_ascii_digit() {
            let mut number = Some(usize::from(code - b'0'));
            loop {
                let [next, after @ ..] = rest else {
                    return Err(error(vm, "repeat count given without format specifier"));
                };
                rest = after;
                code = *next;
                if !code.is_ascii_digit() {
                    break;
                }
                number = number.and_then(|n| n.checked_mul(10)?.checked_add(usize::from(code - b'0')));
            }
            match number.filter(|&n| n <= i64::MAX as usize) {
                Some(number) => count = number,
                None => return Err(error(vm, "total struct size too long")),
            }
        }
        let Some(item) = Item::new(code, native, matches!(order, Some(b'>' | b'!'))) else {
            return Err(error(vm, "bad char in struct format"));
        };
        if aligned {
            at = at.next_multiple_of(item.size);
        }
        fields.push(Field { item, at, count, native });
        let end = item.size.checked_mul(count).and_then(|size| at.checked_add(size));
        match end.filter(|&end| end <= i64::MAX as usize) {
            Some(end) => at = end,
            None => return Err(error(vm, "total struct size too long")),
        }
    }
    Ok(fields)
}

fn pack(vm: &mut Vm, format: &Format, values: &[Value]) -> Result {
    let mut values = values.iter();
    let mut out = Vec::new();
    for field in &format.fields {
        let end = field.at + field.item.size * field.count;
        vm.check_size(end)?;
        if end > crate::machine::sequence::MAX_TEXT {
            return Err(vm.memory_error());
        }
        out.resize(field.at, 0);
        let code = char::from(field.item.code);
        match field.item.code {
            b'x' => {}
            b's' | b'p' => {
                let value = values.next().cloned().unwrap_or_default();
                let bytes = match value.unwrapped() {
                    Value::Bytes(_) | Value::ByteArray(_) => bytes_of(&value).unwrap_or_default(),
                    _ => return Err(error(vm, &format!("argument for '{code}' must be a bytes object"))),
                };
                let room = if code == 'p' { field.count.saturating_sub(1) } else { field.count };
                let used = bytes.len().min(room);
                if code == 'p' && field.count > 0 {
                    out.push(used.min(255) as u8);
                }
                out.extend_from_slice(&bytes[..used]);
            }
            _ => {
                for value in values.by_ref().take(field.count) {
                    pack_one(vm, field, value, &mut out)?;
                }
            }
        }
        out.resize(end, 0);
    }
    Ok(Value::bytes(out))
}

fn pack_one(vm: &mut Vm, field: &Field, value: &Value, out: &mut Vec<u8>) -> Result<()> {
    let code = char::from(field.item.code);
    if code == 'f' && !field.native {
        if let Ok(x) = vm.to_f64(value) {
            if x.is_finite() && (x as f32).is_infinite() {
                return Err(float_too_large(vm, value, code));
            }
        }
    }
    field.item.pack(vm, value, out).map_err(|misfit| match (misfit, code) {
        (Misfit::Error(error), 'e' | 'f' | 'd') if error.is(&vm.types.OverflowError) => {
            self::error(vm, "required argument is not a float")
        }
        (Misfit::Error(error), _) => error,
        (_, 'c') => error(vm, "char format requires a bytes object of length 1"),
        (Misfit::Type, 'e' | 'f' | 'd') => error(vm, "required argument is not a float"),
        (Misfit::Type, _) => error(vm, "required argument is not an integer"),
        (Misfit::Range, 'e') => float_too_large(vm, value, code),
        (Misfit::Range, 'P') => error(vm, "int too large to convert"),
        (Misfit::Range, _) => {
            let (least, most) = field.item.range();
            error(vm, &format!("'{code}' format requires {least} <= number <= {most}"))
        }
    })
}

/// A number that a short float cannot hold; of an integer another error is made.
#[cold]
fn float_too_large(vm: &mut Vm, value: &Value, code: char) -> Error {
    if value.is_int() {
        return error(vm, "int too large to convert");
    }
    vm.overflow_error(format!("float too large to pack with {code} format"))
}

fn unpack(fields: &[Field], bytes: &[u8]) -> Vec<Value> {
    let mut values = Vec::new();
    for field in fields {
        let part = bytes.get(field.at..field.at + field.item.size * field.count).unwrap_or(&[]);
        match field.item.code {
            b'x' => {}
            b's' => values.push(Value::bytes(part.to_vec())),
            b'p' => {
                let len = part.first().map_or(0, |&len| usize::from(len).min(part.len() - 1));
                values.push(Value::bytes(part.get(1..=len).unwrap_or(&[]).to_vec()));
            }
            _ => values.extend(part.chunks_exact(field.item.size).map(|bytes| field.item.unpack(bytes))),
        }
    }
    values
}
