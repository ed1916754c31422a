//! `repr` and `ascii` of strings and bytes.

use super::code_point;
use super::unicode::is_printable;

/// `repr(text)`
pub fn str_repr(text: &str) -> String {
    quoted(text, is_printable)
}

/// `ascii(x)` of something whose `repr` is given: escapes what is not ASCII.
pub fn escape_non_ascii(repr: &str) -> String {
    let mut out = String::with_capacity(repr.len());
    for c in repr.chars() {
        if c.is_ascii() { out.push(c) } else { push_escape(&mut out, code_point(c)) }
    }
    out
}

fn quoted(text: &str, printable: impl Fn(char) -> bool) -> String {
    let quote = quote_for(text.as_bytes());
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    for c in text.chars() {
        match c {
            _ if c == quote || c == '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ if printable(c) && !super::is_surrogate(c) => out.push(c),
            _ => push_escape(&mut out, code_point(c)),
        }
    }
    out.push(quote);
    out
}

fn quote_for(bytes: &[u8]) -> char {
    if bytes.contains(&b'\'') && !bytes.contains(&b'"') { '"' } else { '\'' }
}

/// Appends `\x..`, `\u....` or `\U........`.
pub(super) fn push_escape(out: &mut String, n: u32) {
    let (letter, width) = match n {
        0..=0xFF => ('x', 2),
        0x100..=0xFFFF => ('u', 4),
        _ => ('U', 8),
    };
    out.extend(['\\', letter]);
    push_hex(out, n, width);
}

/// Appends a number in hexadecimal, with leading zeros.
pub(super) fn push_hex(out: &mut String, n: u32, width: u32) {
    for place in (0..width).rev() {
        out.push(char::from_digit(n >> (4 * place) & 0xF, 16).unwrap_or('0'));
    }
}

/// `repr(bytes)`
pub fn bytes_repr(bytes: &[u8]) -> String {
    let quote = quote_for(bytes);
    let mut out = String::with_capacity(bytes.len() + 3);
    out.extend(['b', quote]);
    for &byte in bytes {
        match byte {
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            _ if char::from(byte) == quote => out.extend(['\\', quote]),
            b' '..=b'~' => out.push(char::from(byte)),
            _ => push_escape(&mut out, byte.into()),
        }
    }
    out.push(quote);
    out
}
