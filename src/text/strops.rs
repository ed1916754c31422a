//! The methods of `str`, on plain text.
//!
//! Positions are counted in code points. A function that needs them takes `len`, the number of code points of its
//! text: where that equals the number of bytes, the text is ASCII and positions cost nothing.

use bstr::ByteSlice;

use super::slice::bounds;
use super::unicode::{
    is_alnum, is_alpha, is_decimal, is_digit, is_identifier_continue, is_identifier_start, is_numeric, is_printable,
    is_space,
};
use super::{Fault, from_code_point, is_surrogate};

pub use super::case::*;

/// Number of code points.
#[inline]
pub fn len(text: &str) -> usize {
    text.chars().count()
}

/// `chr(n)`
pub fn chr(n: i64) -> Result<char, Fault> {
    let point = u32::try_from(n).ok().and_then(from_code_point);
    point.ok_or_else(|| Fault::value_error("chr() arg not in range(0x110000)"))
}

/// The byte offset of a position, which may be the end.
#[inline]
pub fn byte_offset(text: &str, len: usize, position: usize) -> usize {
    if position >= len {
        return text.len();
    }
    if len == text.len() {
        return position;
    }
    text.char_indices().nth(position).map_or(text.len(), |(at, _)| at)
}

/// `text[start:end]` for positions that are not negative.
pub fn substring(text: &str, len: usize, start: usize, end: usize) -> &str {
    if start >= end {
        return "";
    }
    let from = byte_offset(text, len, start);
    let rest = &text[from..];
    let rest_len = len.saturating_sub(start);
    &rest[..byte_offset(rest, rest_len, end - start)]
}

/// The part of a text that `find` and the like look at, and the position where it begins; `None` if they find nothing
/// there, not even the empty string.
fn window(text: &str, len: usize, start: Option<i64>, end: Option<i64>) -> Option<(&str, usize)> {
    let (start, end) = bounds(start, end, len);
    if start > end {
        return None;
    }
    let whole = start == 0 && end == len;
    // The empty window has a place: it matches the empty string.
    Some((if whole { text } else { substring(text, len, start, end) }, start))
}

/// `text.find(sub, start, end)`; `None` for -1.
pub fn find(text: &str, len: usize, sub: &str, start: Option<i64>, end: Option<i64>) -> Option<usize> {
    let (part, first) = window(text, len, start, end)?;
    let at = match sub.as_bytes() {
        // A search for one byte needs no preparation.
        [byte] => part.find(char::from(*byte)),
        _ => part.find(sub),
    }?;
    Some(first + if len == text.len() { at } else { self::len(&part[..at]) })
}

/// `text.rfind(sub, start, end)`; `None` for -1.
pub fn rfind(text: &str, len: usize, sub: &str, start: Option<i64>, end: Option<i64>) -> Option<usize> {
    let (part, first) = window(text, len, start, end)?;
    let at = part.rfind(sub)?;
    Some(first + if len == text.len() { at } else { self::len(&part[..at]) })
}

/// The error of `index` and `rindex`.
#[cold]
pub fn not_found() -> Fault {
    Fault::value_error("substring not found")
}

/// `text.count(sub, start, end)`
pub fn count(text: &str, len: usize, sub: &str, start: Option<i64>, end: Option<i64>) -> usize {
    match window(text, len, start, end) {
        None => 0,
        Some((part, _)) if sub.is_empty() => self::len(part) + 1,
        Some((part, _)) => occurrences(part, sub),
    }
}

/// How often a text that is not empty is in another.
pub fn occurrences(text: &str, sub: &str) -> usize {
    text.as_bytes().find_iter(sub).count()
}

/// `text.startswith(prefix, start, end)`
pub fn startswith(text: &str, len: usize, prefix: &str, start: Option<i64>, end: Option<i64>) -> bool {
    window(text, len, start, end).is_some_and(|(part, _)| part.starts_with(prefix))
}

/// `text.endswith(suffix, start, end)`
pub fn endswith(text: &str, len: usize, suffix: &str, start: Option<i64>, end: Option<i64>) -> bool {
    window(text, len, start, end).is_some_and(|(part, _)| part.ends_with(suffix))
}

/// `text.replace(old, new, count)`; a negative count is no limit.
pub fn replace(text: &str, old: &str, new: &str, count: i64) -> String {
    text.replacen(old, new, limit(count))
}

/// `text.removeprefix(prefix)`
pub fn removeprefix<'a>(text: &'a str, prefix: &str) -> &'a str {
    text.strip_prefix(prefix).unwrap_or(text)
}

/// `text.removesuffix(suffix)`
pub fn removesuffix<'a>(text: &'a str, suffix: &str) -> &'a str {
    text.strip_suffix(suffix).unwrap_or(text)
}

#[cold]
pub(super) fn empty_separator() -> Fault {
    Fault::value_error("empty separator")
}

/// A negative number of splits is no limit.
pub(super) fn limit(maxsplit: i64) -> usize {
    usize::try_from(maxsplit).unwrap_or(usize::MAX)
}

/// `text.split(separator, maxsplit)`
pub fn split<'a>(text: &'a str, separator: Option<&str>, maxsplit: i64) -> Result<Vec<&'a str>, Fault> {
    let limit = limit(maxsplit);
    if let Some(separator) = separator {
        return match separator {
            "" => Err(empty_separator()),
            // A search for one byte needs no preparation.
            _ if separator.len() == 1 => {
                Ok(text.splitn(limit.saturating_add(1), char::from(separator.as_bytes()[0])).collect())
            }
            _ => Ok(text.splitn(limit.saturating_add(1), separator).collect()),
        };
    }
    let mut parts = Vec::new();
    let mut rest = text.trim_start_matches(is_space);
    while !rest.is_empty() {
        let end = if parts.len() < limit { rest.find(is_space).unwrap_or(rest.len()) } else { rest.len() };
        parts.push(&rest[..end]);
        rest = rest[end..].trim_start_matches(is_space);
    }
    Ok(parts)
}

/// `text.rsplit(separator, maxsplit)`
pub fn rsplit<'a>(text: &'a str, separator: Option<&str>, maxsplit: i64) -> Result<Vec<&'a str>, Fault> {
    let limit = limit(maxsplit);
    let mut parts: Vec<&str>;
    if let Some(separator) = separator {
        if separator.is_empty() {
            return Err(empty_separator());
        }
        parts = text.rsplitn(limit.saturating_add(1), separator).collect();
    } else {
        parts = Vec::new();
        let mut rest = text.trim_end_matches(is_space);
        while !rest.is_empty() {
            let last = rest.char_indices().rev().find(|&(_, c)| parts.len() < limit && is_space(c));
            let start = last.map_or(0, |(at, c)| at + c.len_utf8());
            parts.push(&rest[start..]);
            rest = rest[..start].trim_end_matches(is_space);
        }
    }
    parts.reverse();
    Ok(parts)
}

/// `text.splitlines(keepends)`
pub fn splitlines(text: &str, keepends: bool) -> Vec<&str> {
    let ends_line = |c| matches!(c, '\n'..='\r' | '\x1C'..='\x1E' | '\u{85}' | '\u{2028}' | '\u{2029}');
    let mut lines = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(ends_line).unwrap_or(rest.len());
        let (line, tail) = rest.split_at(end);
        let ending = if tail.starts_with("\r\n") { 2 } else { tail.chars().next().map_or(0, char::len_utf8) };
        lines.push(if keepends { &rest[..end + ending] } else { line });
        rest = &tail[ending..];
    }
    lines
}

/// `text.partition(separator)`
pub fn partition<'a>(text: &'a str, separator: &'a str) -> Result<(&'a str, &'a str, &'a str), Fault> {
    if separator.is_empty() {
        return Err(empty_separator());
    }
    Ok(text.split_once(separator).map_or((text, "", ""), |(before, after)| (before, separator, after)))
}

/// `text.rpartition(separator)`
pub fn rpartition<'a>(text: &'a str, separator: &'a str) -> Result<(&'a str, &'a str, &'a str), Fault> {
    if separator.is_empty() {
        return Err(empty_separator());
    }
    Ok(text.rsplit_once(separator).map_or(("", "", text), |(before, after)| (before, separator, after)))
}

/// `text.lstrip(chars)`
pub fn lstrip<'a>(text: &'a str, chars: Option<&str>) -> &'a str {
    match chars {
        None if text.as_bytes().first().is_none_or(u8::is_ascii_graphic) => text,
        None => text.trim_start_matches(is_space),
        Some(chars) => text.trim_start_matches(|c| chars.contains(c)),
    }
}

/// `text.rstrip(chars)`
pub fn rstrip<'a>(text: &'a str, chars: Option<&str>) -> &'a str {
    match chars {
        None if text.as_bytes().last().is_none_or(u8::is_ascii_graphic) => text,
        None => text.trim_end_matches(is_space),
        Some(chars) => text.trim_end_matches(|c| chars.contains(c)),
    }
}

/// `text.strip(chars)`
pub fn strip<'a>(text: &'a str, chars: Option<&str>) -> &'a str {
    rstrip(lstrip(text, chars), chars)
}

/// Wider fields are refused as too large for the memory.
const MAX_WIDTH: i64 = 1 << 32;

/// How many characters a field is missing.
pub(super) fn missing(len: usize, width: i64) -> Result<usize, Fault> {
    if width > MAX_WIDTH {
        return Err(Fault::memory_error(""));
    }
    Ok(usize::try_from(width).unwrap_or(0).saturating_sub(len))
}

fn padded(text: &str, fill: char, left: usize, right: usize) -> String {
    let mut out = String::with_capacity(text.len() + (left + right) * fill.len_utf8());
    out.extend(std::iter::repeat_n(fill, left));
    out.push_str(text);
    out.extend(std::iter::repeat_n(fill, right));
    out
}

/// `text.ljust(width, fill)`
pub fn ljust(text: &str, len: usize, width: i64, fill: char) -> Result<String, Fault> {
    Ok(padded(text, fill, 0, missing(len, width)?))
}

/// `text.rjust(width, fill)`
pub fn rjust(text: &str, len: usize, width: i64, fill: char) -> Result<String, Fault> {
    Ok(padded(text, fill, missing(len, width)?, 0))
}

/// `text.center(width, fill)`
pub fn center(text: &str, len: usize, width: i64, fill: char) -> Result<String, Fault> {
    let missing = missing(len, width)?;
    let left = center_left(missing, width);
    Ok(padded(text, fill, left, missing - left))
}

/// Of an odd number of blanks, the extra one stands left if the width is odd.
pub(super) fn center_left(missing: usize, width: i64) -> usize {
    missing / 2 + (missing & width as usize & 1)
}

/// `text.zfill(width)`
pub fn zfill(text: &str, len: usize, width: i64) -> Result<String, Fault> {
    let missing = missing(len, width)?;
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let mut out = String::with_capacity(text.len() + missing);
    out.push_str(&text[..text.len() - digits.len()]);
    out.extend(std::iter::repeat_n('0', missing));
    out.push_str(digits);
    Ok(out)
}

/// `text.expandtabs(tabsize)`
pub fn expandtabs(text: &str, tabsize: i64) -> Result<String, Fault> {
    let tabsize = missing(0, tabsize)?;
    let mut out = String::with_capacity(text.len());
    let mut column = 0;
    for c in text.chars() {
        match c {
            '\t' if tabsize > 0 => {
                let blanks = tabsize - column % tabsize;
                out.extend(std::iter::repeat_n(' ', blanks));
                column += blanks;
            }
            '\t' => {}
            _ => {
                out.push(c);
                column = if matches!(c, '\n' | '\r') { 0 } else { column + 1 };
            }
        }
    }
    Ok(out)
}

macro_rules! every {
    ($($name:ident $test:expr;)*) => {
        $(
            /// Whether the text has characters and all of them are of this kind.
            pub fn $name(text: &str) -> bool {
                !text.is_empty() && text.chars().all($test)
            }
        )*
    };
}

every! {
    isalpha is_alpha;
    isalnum is_alnum;
    isdecimal is_decimal;
    isdigit is_digit;
    isnumeric is_numeric;
    isspace is_space;
}

/// `text.isprintable()`
pub fn isprintable(text: &str) -> bool {
    text.chars().all(|c| is_printable(c) && !is_surrogate(c))
}

/// `text.isidentifier()`
pub fn isidentifier(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(is_identifier_start) && chars.all(is_identifier_continue)
}
