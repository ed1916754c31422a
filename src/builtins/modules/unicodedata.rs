//! The module `unicodedata`: properties, names and normal forms of characters.

use crate::builtins::prelude::*;
use crate::builtins::types::text_argument;
use crate::machine::sequence::bytes_of;
use crate::text::{code_point, ucd, unicode};

pub(super) const FUNCTIONS: &[Row] = &[
    native("bidirectional(chr, /)", |vm, args| {
        Ok(Value::str(ucd::properties(character(vm, args, "bidirectional() argument")?).bidirectional))
    }),
    native("category(chr, /)", |vm, args| {
        Ok(Value::str(ucd::properties(character(vm, args, "category() argument")?).category))
    }),
    native("combining(chr, /)", |vm, args| {
        Ok(Value::Int(ucd::properties(character(vm, args, "combining() argument")?).combining.into()))
    }),
    native("east_asian_width(chr, /)", |vm, args| {
        Ok(Value::str(ucd::properties(character(vm, args, "east_asian_width() argument")?).width))
    }),
    native("mirrored(chr, /)", |vm, args| {
        Ok(Value::Int(ucd::properties(character(vm, args, "mirrored() argument")?).mirrored.into()))
    }),
    native("decomposition(chr, /)", |vm, args| {
        Ok(Value::string(ucd::decomposition(character(vm, args, "decomposition() argument")?)))
    }),
    native("decimal(chr, default=<unrepresentable>, /)", |vm, args| {
        let code = character(vm, args, "decimal() argument 1")?;
        let value = char::from_u32(code).and_then(unicode::decimal_value);
        given(vm, args, value.map(|value| Value::Int(value.into())), "not a decimal")
    }),
    native("digit(chr, default=<unrepresentable>, /)", |vm, args| {
        let code = character(vm, args, "digit() argument 1")?;
        let value = char::from_u32(code).filter(|c| unicode::is_digit(*c)).and_then(|_| ucd::numeric(code));
        given(vm, args, value.map(|value| Value::Int(value as i64)), "not a digit")
    }),
    native("numeric(chr, default=<unrepresentable>, /)", |vm, args| {
        let value = ucd::numeric(character(vm, args, "numeric() argument 1")?);
        given(vm, args, value.map(Value::float), "not a numeric character")
    }),
    native("name(chr, default=<unrepresentable>, /)", |vm, args| {
        let name = ucd::name(character(vm, args, "name() argument 1")?);
        given(vm, args, name.map(Value::string), "no such name")
    }),
    native("lookup(name, /)", |vm, args| {
        let name = match (args[0].as_str(), bytes_of(&args[0])) {
            (Some(text), _) => text.to_string(),
            (None, Some(bytes)) => String::from_utf8_lossy(&bytes).into_owned(),
            (None, None) => return Err(vm.bytes_required(&args[0])),
        };
        match ucd::named(&name) {
            Some(c) => Ok(vm.char_value(c)),
            None => Err(vm.key_error(Value::string(format!("undefined character name '{name}'")))),
        }
    }),
    native("normalize(form, unistr, /)", |vm, args| normalized(vm, args, "normalize").map(Value::string)),
    native("is_normalized(form, unistr, /)", |vm, args| {
        let normal = normalized(vm, args, "is_normalized")?;
        Ok(Value::bool(args[1].as_str().is_some_and(|text| text.as_str() == normal)))
    }),
];

fn normalized(vm: &mut Vm, args: &[Value], function: &str) -> Result<String> {
    let form = text_argument(vm, &args[0], function, "1")?.clone();
    let text = text_argument(vm, &args[1], function, "2")?.clone();
    let most = usize::try_from(vm.most_items(1)).unwrap_or(usize::MAX);
    match ucd::normalize(form.as_str(), text.as_str(), most) {
        Some(normal) => vm.check_size(normal.len()).map(|()| normal),
        None => Err(vm.value_error("invalid normalization form")),
    }
}

/// The one character that is the first argument.
fn character(vm: &mut Vm, args: &[Value], what: &str) -> Result<u32> {
    if let Some(text) = args[0].as_str() {
        let mut chars = text.as_str().chars();
        if let (Some(c), None) = (chars.next(), chars.next()) {
            return Ok(code_point(c));
        }
    }
    Err(vm.type_error(format!("{what} must be a unicode character, not {}", vm.argument_name(&args[0]))))
}

/// A property, the default that was given, or an error.
fn given(vm: &mut Vm, args: &[Value], found: Option<Value>, missing: &str) -> Result {
    match found {
        Some(value) => Ok(value),
        None if args[1].is_unbound() => Err(vm.value_error(missing)),
        None => Ok(args[1].clone()),
    }
}
