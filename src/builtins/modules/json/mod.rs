//! `json`: reading and writing in Rust, the classes to be derived from in the language.

mod read;
mod write;

use crate::builtins::prelude::*;

pub(super) const FUNCTIONS: &[Row] = &[
    // The value at a position of a text, and the position behind it.
    native("_scan(text, at, hooks, strict, /)", read::scan),
    native("scanstring(string, end, strict=True, /)", read::scan_string),
    // A value as text; the settings are those of an encoder.
    native("_write(value, settings, /)", write::write),
    native("encode_basestring_ascii(string, /)", |vm, args| write::quote(vm, &args[0], true)),
    native("encode_basestring(string, /)", |vm, args| write::quote(vm, &args[0], false)),
];
