//! The methods of `bytes` and `bytearray`, on plain slices. Letters, digits and whitespace are those of ASCII.

use bstr::ByteSlice;

use super::Fault;
use super::repr::push_hex;
use super::slice::bounds;
use super::strops::{center_left, empty_separator, limit, missing};

/// The part that `find` and the like look at, and where it begins.
fn window(bytes: &[u8], start: Option<i64>, end: Option<i64>) -> Option<(&[u8], usize)> {
    let (start, end) = bounds(start, end, bytes.len());
    Some((bytes.get(start..end)?, start))
}

/// `bytes.find(sub, start, end)`; `None` for -1.
pub fn find(bytes: &[u8], sub: &[u8], start: Option<i64>, end: Option<i64>) -> Option<usize> {
    let (part, first) = window(bytes, start, end)?;
    Some(first + part.find(sub)?)
}

/// `bytes.rfind(sub, start, end)`; `None` for -1.
pub fn rfind(bytes: &[u8], sub: &[u8], start: Option<i64>, end: Option<i64>) -> Option<usize> {
    let (part, first) = window(bytes, start, end)?;
    Some(first + part.rfind(sub)?)
}

/// The error of `index` and `rindex`.
#[cold]
pub fn not_found() -> Fault {
    Fault::value_error("subsection not found")
}

/// `bytes.count(sub, start, end)`
pub fn count(bytes: &[u8], sub: &[u8], start: Option<i64>, end: Option<i64>) -> usize {
    window(bytes, start, end).map_or(0, |(part, _)| part.find_iter(sub).count())
}

/// `bytes.startswith(prefix, start, end)`
pub fn startswith(bytes: &[u8], prefix: &[u8], start: Option<i64>, end: Option<i64>) -> bool {
    window(bytes, start, end).is_some_and(|(part, _)| part.starts_with(prefix))
}

/// `bytes.endswith(suffix, start, end)`
pub fn endswith(bytes: &[u8], suffix: &[u8], start: Option<i64>, end: Option<i64>) -> bool {
    window(bytes, start, end).is_some_and(|(part, _)| part.ends_with(suffix))
}

/// `bytes.replace(old, new, count)`; a negative count is no limit.
pub fn replace(bytes: &[u8], old: &[u8], new: &[u8], count: i64) -> Vec<u8> {
    bytes.replacen(old, new, limit(count))
}

/// `bytes.removeprefix(prefix)`
pub fn removeprefix<'a>(bytes: &'a [u8], prefix: &[u8]) -> &'a [u8] {
    bytes.strip_prefix(prefix).unwrap_or(bytes)
}

/// `bytes.removesuffix(suffix)`
pub fn removesuffix<'a>(bytes: &'a [u8], suffix: &[u8]) -> &'a [u8] {
    bytes.strip_suffix(suffix).unwrap_or(bytes)
}

/// Whitespace of `bytes`.
fn is_space(byte: &u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ')
}

fn trim_start(bytes: &[u8], test: impl Fn(&u8) -> bool) -> &[u8] {
    &bytes[bytes.iter().position(|byte| !test(byte)).unwrap_or(bytes.len())..]
}

fn trim_end(bytes: &[u8], test: impl Fn(&u8) -> bool) -> &[u8] {
    &bytes[..bytes.iter().rposition(|byte| !test(byte)).map_or(0, |at| at + 1)]
}

/// `bytes.split(separator, maxsplit)`
pub fn split<'a>(bytes: &'a [u8], separator: Option<&[u8]>, maxsplit: i64) -> Result<Vec<&'a [u8]>, Fault> {
    let limit = limit(maxsplit);
    let mut parts = Vec::new();
    match separator {
        Some([]) => return Err(empty_separator()),
        Some(separator) => parts.extend(bytes.splitn_str(limit.saturating_add(1), separator)),
        None => {
            let mut rest = trim_start(bytes, is_space);
            while !rest.is_empty() {
                let end = rest.iter().position(|byte| parts.len() < limit && is_space(byte)).unwrap_or(rest.len());
                parts.push(&rest[..end]);
                rest = trim_start(&rest[end..], is_space);
            }
        }
    }
    Ok(parts)
}

/// `bytes.rsplit(separator, maxsplit)`
pub fn rsplit<'a>(bytes: &'a [u8], separator: Option<&[u8]>, maxsplit: i64) -> Result<Vec<&'a [u8]>, Fault> {
    let limit = limit(maxsplit);
    let mut parts = Vec::new();
    match separator {
        Some([]) => return Err(empty_separator()),
        Some(separator) => parts.extend(bytes.rsplitn_str(limit.saturating_add(1), separator)),
        None => {
            let mut rest = trim_end(bytes, is_space);
            while !rest.is_empty() {
                let start = rest.iter().rposition(|byte| parts.len() < limit && is_space(byte)).map_or(0, |at| at + 1);
                parts.push(&rest[start..]);
                rest = trim_end(&rest[..start], is_space);
            }
        }
    }
    parts.reverse();
    Ok(parts)
}

/// `bytes.splitlines(keepends)`
pub fn splitlines(bytes: &[u8], keepends: bool) -> Vec<&[u8]> {
    let mut lines = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(rest.len());
        let ending = if rest[end..].starts_with(b"\r\n") { 2 } else { usize::from(end < rest.len()) };
        lines.push(&rest[..if keepends { end + ending } else { end }]);
        rest = &rest[end + ending..];
    }
    lines
}

/// What stands before a separator, the separator, and what stands after it.
pub type Parts<'a> = (&'a [u8], &'a [u8], &'a [u8]);

/// `bytes.partition(separator)`
pub fn partition<'a>(bytes: &'a [u8], separator: &'a [u8]) -> Result<Parts<'a>, Fault> {
    if separator.is_empty() {
        return Err(empty_separator());
    }
    Ok(bytes.split_once_str(separator).map_or((bytes, b"", b""), |(before, after)| (before, separator, after)))
}

/// `bytes.rpartition(separator)`
pub fn rpartition<'a>(bytes: &'a [u8], separator: &'a [u8]) -> Result<Parts<'a>, Fault> {
    if separator.is_empty() {
        return Err(empty_separator());
    }
    Ok(bytes.rsplit_once_str(separator).map_or((b"", b"", bytes), |(before, after)| (before, separator, after)))
}

/// `bytes.lstrip(set)`
pub fn lstrip<'a>(bytes: &'a [u8], set: Option<&[u8]>) -> &'a [u8] {
    trim_start(bytes, |byte| set.map_or(is_space(byte), |set| set.contains(byte)))
}

/// `bytes.rstrip(set)`
pub fn rstrip<'a>(bytes: &'a [u8], set: Option<&[u8]>) -> &'a [u8] {
    trim_end(bytes, |byte| set.map_or(is_space(byte), |set| set.contains(byte)))
}

/// `bytes.strip(set)`
pub fn strip<'a>(bytes: &'a [u8], set: Option<&[u8]>) -> &'a [u8] {
    rstrip(lstrip(bytes, set), set)
}

/// The first of 256 characters that stand for bytes in a text: they are no letters, digits or white space to anybody.
const FIRST: u32 = 0xF_0000;

/// What a method of `str` makes of bytes: those beyond ASCII mean nothing to it.
pub fn as_text<T>(bytes: &[u8], method: impl FnOnce(&str) -> T) -> T {
    let character = |byte: u8| if byte.is_ascii() { byte.into() } else { FIRST | u32::from(byte) };
    let text: String = bytes.iter().map(|&byte| char::from_u32(character(byte)).unwrap_or_default()).collect();
    method(&text)
}

/// The bytes in what a method of `str` returned for [`as_text`].
pub fn of_text(text: String) -> Vec<u8> {
    text.chars().map(|c| c as u32 as u8).collect()
}

fn padded(bytes: &[u8], fill: u8, left: usize, right: usize) -> Vec<u8> {
    let mut out = vec![fill; left];
    out.extend_from_slice(bytes);
    out.resize(out.len() + right, fill);
    out
}

/// `bytes.ljust(width, fill)`
pub fn ljust(bytes: &[u8], width: i64, fill: u8) -> Result<Vec<u8>, Fault> {
    Ok(padded(bytes, fill, 0, missing(bytes.len(), width)?))
}

/// `bytes.rjust(width, fill)`
pub fn rjust(bytes: &[u8], width: i64, fill: u8) -> Result<Vec<u8>, Fault> {
    Ok(padded(bytes, fill, missing(bytes.len(), width)?, 0))
}

/// `bytes.center(width, fill)`
pub fn center(bytes: &[u8], width: i64, fill: u8) -> Result<Vec<u8>, Fault> {
    let missing = missing(bytes.len(), width)?;
    let left = center_left(missing, width);
    Ok(padded(bytes, fill, left, missing - left))
}

macro_rules! every {
    ($($name:ident $test:expr;)*) => {
        $(
            /// Whether there are bytes and all of them are of this kind.
            pub fn $name(bytes: &[u8]) -> bool {
                !bytes.is_empty() && bytes.iter().all($test)
            }
        )*
    };
}

every! {
    isalpha u8::is_ascii_alphabetic;
    isalnum u8::is_ascii_alphanumeric;
    isdigit u8::is_ascii_digit;
    isspace is_space;
}

/// `bytes.hex(separator, group)`: groups are counted from the right, from the left if negative.
pub fn hex(bytes: &[u8], separator: Option<char>, group: i64) -> String {
    let mut out = String::with_capacity(bytes.len() * 3);
    let size = group.unsigned_abs() as usize;
    for (at, &byte) in bytes.iter().enumerate() {
        let whole = if group < 0 { at } else { bytes.len() - at };
        if at > 0 && size > 0 && whole % size == 0 {
            out.extend(separator);
        }
        push_hex(&mut out, byte.into(), 2);
    }
    out
}

/// `bytes.fromhex(text)`
pub fn fromhex(text: &str) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::with_capacity(text.len() / 2);
    let mut chars = text.chars().enumerate();
    let fault =
        |at: usize| Fault::value_error(format!("non-hexadecimal number found in fromhex() arg at position {at}"));
    // What is not ASCII is found before anything else.
    if let Some(at) = text.chars().position(|c| !c.is_ascii()) {
        return Err(fault(at));
    }
    while let Some((at, c)) = chars.next() {
        if is_space(&(c as u8)) {
            continue;
        }
        let high = c.to_digit(16).ok_or_else(|| fault(at))?;
        let low = chars.next().and_then(|(_, c)| c.to_digit(16)).ok_or_else(|| fault(at + 1))?;
        out.push((high << 4 | low) as u8);
    }
    Ok(out)
}

/// `bytes.translate(table, delete)`; a table has 256 bytes.
pub fn translate(bytes: &[u8], table: Option<&[u8]>, delete: &[u8]) -> Result<Vec<u8>, Fault> {
    if table.is_some_and(|table| table.len() != 256) {
        return Err(Fault::value_error("translation table must be 256 characters long"));
    }
    let kept = bytes.iter().filter(|byte| !delete.contains(byte));
    Ok(kept.map(|&byte| table.and_then(|table| table.get(usize::from(byte)).copied()).unwrap_or(byte)).collect())
}

/// `bytes.maketrans(from, to)`
pub fn maketrans(from: &[u8], to: &[u8]) -> Result<Vec<u8>, Fault> {
    if from.len() != to.len() {
        return Err(Fault::value_error("maketrans arguments must have same length"));
    }
    let mut table: Vec<u8> = (0..=255).collect();
    for (&from, &to) in from.iter().zip(to) {
        table[usize::from(from)] = to;
    }
    Ok(table)
}
