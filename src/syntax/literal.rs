//! What literals stand for: escapes of strings and bytes, and the digits of numbers.
//!
//! All functions take the text between the quotes, or of the whole number, and know no positions of their own.

use std::rc::Rc;

use num_bigint::BigInt;
use num_traits::{Num, ToPrimitive};

use super::ast::Constant;

/// The value of a literal, or why it has none. The error is the parser's to raise: only there is it known whether
/// something else went wrong before.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    Value(Constant),
    Bad(String),
}

/// Decimal digits an integer literal may have.
const MAX_INT_DIGITS: usize = 4300;

/// How a lone surrogate (`'\ud800'`), which a Rust string can't contain, is held: the code points from U+D800 to U+DFFF
/// become the private characters from U+10F000 to U+10F7FF. `None` if `code` is no surrogate.
pub fn surrogate_to_char(code: u32) -> Option<char> {
    if (0xD800..=0xDFFF).contains(&code) { char::from_u32(0x10F000 + (code - 0xD800)) } else { None }
}

/// A piece of a string literal, decoded.
#[derive(Debug)]
pub(super) struct Decoded<T> {
    pub value: Result<T, String>,
    /// The first escape that means nothing and so stands for itself, as it is to be quoted in a warning.
    pub odd_escape: Option<String>,
}

/// Line endings inside literals are newlines, however the file writes them.
pub(super) fn normalise_newlines(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// Replaces the escapes of a string.
pub(super) fn decode_str(text: &str) -> Decoded<String> {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let mut odd_escape = None;
    let mut i = 0;
    // CPython's decoder counts every character outside ASCII as the ten bytes of `\UXXXXXXXX`.
    let position = |at: usize| text[..at].chars().map(|c| if c.is_ascii() { 1 } else { 10 }).sum::<usize>();
    let error = |start: usize, end: usize, why: &str| {
        let (start, end) = (position(start), position(end));
        let place = if end - start == 1 {
            format!("byte 0x5c in position {start}")
        } else {
            format!("bytes in position {start}-{}", end - 1)
        };
        format!("(unicode error) 'unicodeescape' codec can't decode {place}: {why}")
    };
    while i < bytes.len() {
        if bytes[i] != b'\\' {
            let end = bytes[i..].iter().position(|&b| b == b'\\').map_or(bytes.len(), |n| i + n);
            out.push_str(&text[i..end]);
            i = end;
            continue;
        }
        let start = i;
        let Some(&kind) = bytes.get(i + 1) else {
            return Decoded { value: Err(error(start, start + 1, "\\ at end of string")), odd_escape };
        };
        i += 2;
        let hex = match kind {
            b'x' => Some((2, "truncated \\xXX escape")),
            b'u' => Some((4, "truncated \\uXXXX escape")),
            b'U' => Some((8, "truncated \\UXXXXXXXX escape")),
            _ => None,
        };
        if let Some((width, truncated)) = hex {
            let digits = bytes[i..].iter().take(width).take_while(|b| b.is_ascii_hexdigit()).count();
            i += digits;
            if digits < width {
                return Decoded { value: Err(error(start, i, truncated)), odd_escape };
            }
            let code = u32::from_str_radix(&text[i - width..i], 16).expect("hexadecimal digits");
            match char::from_u32(code).or_else(|| surrogate_to_char(code)) {
                Some(c) => out.push(c),
                None => return Decoded { value: Err(error(start, i, "illegal Unicode character")), odd_escape },
            }
            continue;
        }
        match kind {
            b'N' => {
                let name = text[i..].strip_prefix('{').and_then(|rest| rest.split_once('}'));
                let Some((name, _)) = name.filter(|(name, _)| !name.is_empty()) else {
                    let end = match text[i..].strip_prefix('{') {
                        Some(rest) if rest.starts_with('}') => i + 1,
                        Some(_) => text.len(),
                        None => i,
                    };
                    return Decoded { value: Err(error(start, end, "malformed \\N character escape")), odd_escape };
                };
                i += name.len() + 2;
                match crate::text::ucd::named(name) {
                    Some(c) => out.push(c),
                    None => {
                        return Decoded { value: Err(error(start, i, "unknown Unicode character name")), odd_escape };
                    }
                }
            }
            _ => match simple_escape(bytes, start) {
                Some((Escape::Nothing, end)) => i = end,
                Some((Escape::Code(code), end)) => {
                    if code > 0o377 {
                        odd_escape.get_or_insert_with(|| text[start..end].to_owned());
                    }
                    out.push(char::from_u32(code).expect("at most three octal digits"));
                    i = end;
                }
                None => {
                    let c = text[start + 1..].chars().next().expect("a character follows the backslash");
                    // Before what is not ASCII, CPython's decoder takes a backslash for itself.
                    if c.is_ascii() {
                        odd_escape.get_or_insert_with(|| format!("\\{c}"));
                    }
                    out.push('\\');
                    out.push(c);
                    i = start + 1 + c.len_utf8();
                }
            },
        }
    }
    Decoded { value: Ok(out), odd_escape }
}

/// Replaces the escapes of a bytes literal, which holds ASCII only.
pub(super) fn decode_bytes(text: &str) -> Decoded<Vec<u8>> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut odd_escape = None;
    let mut i = 0;
    while i < bytes.len() {
        if bytes[i] != b'\\' || i + 1 == bytes.len() {
            out.push(bytes[i]);
            i += 1;
        } else if bytes[i + 1] == b'x' {
            let Some(code) = text.get(i + 2..i + 4).filter(|t| t.bytes().all(|b| b.is_ascii_hexdigit())) else {
                let message = format!("(value error) invalid \\x escape at position {i}");
                return Decoded { value: Err(message), odd_escape };
            };
            out.push(u8::from_str_radix(code, 16).expect("hexadecimal digits"));
            i += 4;
        } else {
            match simple_escape(bytes, i) {
                Some((Escape::Nothing, end)) => i = end,
                Some((Escape::Code(code), end)) => {
                    if code > 0o377 {
                        odd_escape.get_or_insert_with(|| text[i..end].to_owned());
                    }
                    out.push(code as u8);
                    i = end;
                }
                None => {
                    odd_escape.get_or_insert_with(|| text[i..i + 2].to_owned());
                    out.extend_from_slice(&bytes[i..i + 2]);
                    i += 2;
                }
            }
        }
    }
    Decoded { value: Ok(out), odd_escape }
}

enum Escape {
    /// An escaped line ending.
    Nothing,
    Code(u32),
}

/// The escapes that strings and bytes share: the code and where it ends.
fn simple_escape(bytes: &[u8], backslash: usize) -> Option<(Escape, usize)> {
    let i = backslash + 1;
    let code = match bytes[i] {
        b'\n' => return Some((Escape::Nothing, i + 1)),
        b'\\' | b'\'' | b'"' => u32::from(bytes[i]),
        b'a' => 7,
        b'b' => 8,
        b'f' => 12,
        b'n' => 10,
        b'r' => 13,
        b't' => 9,
        b'v' => 11,
        b'0'..=b'7' => {
            let digits = bytes[i..].iter().take(3).take_while(|b| (b'0'..=b'7').contains(b));
            let (code, len) = digits.fold((0, 0), |(code, len), b| (code * 8 + u32::from(b - b'0'), len + 1));
            return Some((Escape::Code(code), i + len));
        }
        _ => return None,
    };
    Some((Escape::Code(code), i + 1))
}

/// The value of a number that the lexer found well formed.
pub(super) fn number(text: &str) -> Literal {
    let digits: String;
    let text = if text.contains('_') {
        digits = text.replace('_', "");
        &*digits
    } else {
        text
    };
    let bytes = text.as_bytes();
    if let (b'0', Some(base)) = (bytes[0], bytes.get(1)) {
        let radix = match base.to_ascii_lowercase() {
            b'x' => 16,
            b'o' => 8,
            b'b' => 2,
            _ => 0,
        };
        if radix > 0 {
            return Literal::Value(int(&text[2..], radix));
        }
    }
    if bytes.iter().all(u8::is_ascii_digit) {
        if bytes.len() > MAX_INT_DIGITS {
            return Literal::Bad(format!(
                "Exceeds the limit ({MAX_INT_DIGITS} digits) for integer string conversion: value has {} digits; use \
                 sys.set_int_max_str_digits() to increase the limit - Consider hexadecimal for huge integer literals \
                 to avoid decimal conversion limits.",
                bytes.len()
            ));
        }
        return Literal::Value(int(text, 10));
    }
    let (text, imaginary) = match text.strip_suffix(['j', 'J']) {
        Some(text) => (text, true),
        None => (text, false),
    };
    // Every form left is one Rust reads too, and reads correctly rounded.
    let value = text.parse::<f64>().unwrap_or(f64::NAN);
    Literal::Value(if imaginary { Constant::Imaginary(value) } else { Constant::Float(value) })
}

fn int(digits: &str, radix: u32) -> Constant {
    match i64::from_str_radix(digits, radix) {
        Ok(value) => Constant::Int(value),
        Err(_) => {
            let value = BigInt::from_str_radix(digits, radix).unwrap_or_default();
            value.to_i64().map_or_else(|| Constant::BigInt(Rc::new(value)), Constant::Int)
        }
    }
}
