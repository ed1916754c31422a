//! Encoding text as bytes and decoding it, with Python's names, error handlers and messages.

use super::repr::push_escape;
use super::{Fault, FaultKind, code_point, from_code_point, is_surrogate};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Endian {
    Little,
    Big,
}

use Endian::{Big, Little};

/// An encoding. Without a byte order, UTF-16 and UTF-32 begin with a mark that tells it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Codec {
    Ascii,
    Latin1,
    Utf8,
    /// UTF-8 that begins with the mark U+FEFF.
    Utf8Sig,
    Utf16(Option<Endian>),
    Utf32(Option<Endian>),
}

/// The names of the encodings, without case and with underscores for punctuation. In all but the first, a point may stand
/// for an underscore.
#[rustfmt::skip]
const NAMES: &[(Codec, &[&str])] = &[
    (Codec::Utf8, &["utf_8", "utf8", "u8", "utf", "utf8_ucs2", "utf8_ucs4", "cp65001"]),
    (
        Codec::Ascii,
        &[
            "ascii", "646", "ansi_x3.4_1968", "ansi_x3_4_1968", "ansi_x3.4_1986", "cp367", "csascii", "ibm367",
            "iso646_us", "iso_646.irv_1991", "iso_ir_6", "us", "us_ascii",
        ],
    ),
    (
        Codec::Latin1,
        &[
            "latin_1", "8859", "cp819", "csisolatin1", "ibm819", "iso8859", "iso8859_1", "iso_8859_1",
            "iso_8859_1_1987", "iso_ir_100", "l1", "latin", "latin1",
        ],
    ),
    (Codec::Utf8Sig, &["utf_8_sig"]),
    (Codec::Utf16(None), &["utf_16", "u16", "utf16"]),
    (Codec::Utf16(Some(Little)), &["utf_16_le", "unicodelittleunmarked", "utf_16le"]),
    (Codec::Utf16(Some(Big)), &["utf_16_be", "unicodebigunmarked", "utf_16be"]),
    (Codec::Utf32(None), &["utf_32", "u32", "utf32"]),
    (Codec::Utf32(Some(Little)), &["utf_32_le", "utf_32le"]),
    (Codec::Utf32(Some(Big)), &["utf_32_be", "utf_32be"]),
];

impl Codec {
    fn find(encoding: &str) -> Result<Codec, Fault> {
        match encoding {
            "utf-8" => return Ok(Codec::Utf8),
            _ if encoding.contains('\0') => return Err(Fault::value_error("embedded null character")),
            _ => {}
        }
        let name = normalized(encoding);
        let plain = name.replace('.', "_");
        let is = |names: &[&str]| names.contains(&name.as_str()) || names[1..].contains(&plain.as_str());
        let found = NAMES.iter().find(|(_, names)| is(names));
        found.map(|(codec, _)| *codec).ok_or_else(|| Fault::lookup_error(format!("unknown encoding: {encoding}")))
    }

    /// The name that errors give.
    fn name(self) -> &'static str {
        match self {
            Codec::Ascii => "ascii",
            Codec::Latin1 => "latin-1",
            Codec::Utf8 | Codec::Utf8Sig => "utf-8",
            Codec::Utf16(None) => "utf-16",
            Codec::Utf16(Some(Little)) => "utf-16-le",
            Codec::Utf16(Some(Big)) => "utf-16-be",
            Codec::Utf32(None) => "utf-32",
            Codec::Utf32(Some(Little)) => "utf-32-le",
            Codec::Utf32(Some(Big)) => "utf-32-be",
        }
    }

    /// The bytes of one unit, the least that can be written.
    fn unit(self) -> usize {
        match self {
            Codec::Utf16(_) => 2,
            Codec::Utf32(_) => 4,
            _ => 1,
        }
    }
}

/// An encoding's name in lower case, with an underscore for everything that stands between letters and digits.
fn normalized(encoding: &str) -> String {
    let mut name = String::with_capacity(encoding.len());
    let mut gap = false;
    for c in encoding.chars() {
        if c.is_ascii_alphanumeric() || c == '.' {
            if gap && !name.is_empty() {
                name.push('_');
            }
            gap = false;
            name.push(c.to_ascii_lowercase());
        } else {
            gap = true;
        }
    }
    name
}

/// The name of an encoding as `codecs.lookup(encoding).name` gives it.
pub fn canonical_name(encoding: &str) -> Result<&'static str, Fault> {
    Ok(match Codec::find(encoding)? {
        Codec::Latin1 => "iso8859-1",
        Codec::Utf8Sig => "utf-8-sig",
        codec => codec.name(),
    })
}

/// What to do about text or bytes that the encoding cannot hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Handler {
    Strict,
    Ignore,
    Replace,
    Backslash,
    XmlCharRef,
    Name,
    SurrogateEscape,
    SurrogatePass,
}

impl Handler {
    /// Only looked for when there is something to handle, as in CPython.
    fn find(errors: &str) -> Result<Handler, Fault> {
        Ok(match errors {
            "strict" => Handler::Strict,
            "ignore" => Handler::Ignore,
            "replace" => Handler::Replace,
            "backslashreplace" => Handler::Backslash,
            "xmlcharrefreplace" => Handler::XmlCharRef,
            "namereplace" => Handler::Name,
            "surrogateescape" => Handler::SurrogateEscape,
            "surrogatepass" => Handler::SurrogatePass,
            _ => return Err(Fault::lookup_error(format!("unknown error handler name '{errors}'"))),
        })
    }
}

/// As UTF-8, with escapes for what that cannot hold.
pub fn encode_escaped(text: &str) -> Vec<u8> {
    encode(text, "utf-8", "backslashreplace").unwrap_or_default()
}

/// How many bytes an encoding makes of a byte of UTF-8 at most, if none is replaced.
pub fn most_growth(encoding: &str) -> usize {
    Codec::find(encoding).map_or(1, Codec::unit)
}

/// `text.encode(encoding, errors)`
pub fn encode(text: &str, encoding: &str, errors: &str) -> Result<Vec<u8>, Fault> {
    let codec = Codec::find(encoding)?;
    // The characters that stand for surrogates begin with this byte in UTF-8.
    let plain = text.is_ascii() || codec == Codec::Utf8 && !text.as_bytes().contains(&0xF4);
    if plain && codec.unit() == 1 && codec != Codec::Utf8Sig {
        return Ok(text.as_bytes().to_vec());
    }
    let mut out = Vec::with_capacity(text.len() * codec.unit());
    if matches!(codec, Codec::Utf8Sig | Codec::Utf16(None) | Codec::Utf32(None)) {
        put(&mut out, codec, 0xFEFF);
    }
    let mut chars = text.chars().enumerate().peekable();
    while let Some((at, c)) = chars.next() {
        if can_encode(codec, c) {
            put(&mut out, codec, code_point(c));
            continue;
        }
        let mut region = vec![c];
        // UTF-16 and UTF-32 report each character alone.
        while codec.unit() == 1 {
            let Some((_, next)) = chars.next_if(|&(_, next)| !can_encode(codec, next)) else { break };
            region.push(next);
        }
        replace_chars(&mut out, codec, &region, at, text, Handler::find(errors)?)?;
    }
    Ok(out)
}

fn can_encode(codec: Codec, c: char) -> bool {
    match codec {
        Codec::Ascii => c.is_ascii(),
        Codec::Latin1 => c <= '\u{FF}',
        _ => !is_surrogate(c),
    }
}

/// Appends a code point, which may be a surrogate.
fn put(out: &mut Vec<u8>, codec: Codec, n: u32) {
    match codec {
        Codec::Ascii | Codec::Latin1 => out.push(n as u8),
        Codec::Utf8 | Codec::Utf8Sig => match char::from_u32(n) {
            Some(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            None => out.extend([0xE0 | (n >> 12) as u8, 0x80 | (n >> 6 & 0x3F) as u8, 0x80 | (n & 0x3F) as u8]),
        },
        Codec::Utf16(endian) => {
            let mut put_unit = |unit: u32| match endian {
                Some(Big) => out.extend((unit as u16).to_be_bytes()),
                _ => out.extend((unit as u16).to_le_bytes()),
            };
            if n < 0x1_0000 {
                put_unit(n);
            } else {
                put_unit(0xD800 + ((n - 0x1_0000) >> 10));
                put_unit(0xDC00 + ((n - 0x1_0000) & 0x3FF));
            }
        }
        Codec::Utf32(Some(Big)) => out.extend(n.to_be_bytes()),
        Codec::Utf32(_) => out.extend(n.to_le_bytes()),
    }
}

/// Deals with characters that cannot be encoded, the first of them at a position of the text.
fn replace_chars(
    out: &mut Vec<u8>,
    codec: Codec,
    region: &[char],
    at: usize,
    text: &str,
    handler: Handler,
) -> Result<(), Fault> {
    let fault = |skipped: usize| Err(encode_fault(codec, text, at + skipped, at + region.len(), region[skipped]));
    match handler {
        Handler::Strict => fault(0),
        Handler::Ignore => Ok(()),
        Handler::SurrogatePass if matches!(codec, Codec::Ascii | Codec::Latin1) => fault(0),
        Handler::SurrogatePass => {
            region.iter().for_each(|&c| put(out, codec, code_point(c)));
            Ok(())
        }
        Handler::SurrogateEscape => {
            for (skipped, &c) in region.iter().enumerate() {
                match code_point(c) {
                    n @ 0xDC80..=0xDCFF if codec.unit() == 1 => out.push((n - 0xDC00) as u8),
                    _ => return fault(skipped),
                }
            }
            Ok(())
        }
        Handler::Replace | Handler::Backslash | Handler::XmlCharRef | Handler::Name => {
            let mut replacement = String::new();
            for &c in region {
                let n = code_point(c);
                match handler {
                    Handler::Replace => replacement.push('?'),
                    Handler::XmlCharRef => replacement.push_str(&format!("&#{n};")),
                    Handler::Name => match unicode_names2::name(c).filter(|_| !is_surrogate(c)) {
                        Some(name) => replacement.push_str(&format!("\\N{{{name}}}")),
                        None => push_escape(&mut replacement, n),
                    },
                    _ => push_escape(&mut replacement, n),
                }
            }
            replacement.chars().for_each(|c| put(out, codec, c as u32));
            Ok(())
        }
    }
}

#[cold]
fn encode_fault(codec: Codec, text: &str, start: usize, end: usize, first: char) -> Fault {
    let reason = match codec {
        Codec::Ascii => "ordinal not in range(128)",
        Codec::Latin1 => "ordinal not in range(256)",
        _ => "surrogates not allowed",
    };
    let encoding = codec.name();
    let message = if end == start + 1 {
        let mut escaped = String::new();
        push_escape(&mut escaped, code_point(first));
        format!("'{encoding}' codec can't encode character '{escaped}' in position {start}: {reason}")
    } else {
        format!("'{encoding}' codec can't encode characters in position {start}-{}: {reason}", end - 1)
    };
    let (encoding, object, reason) = (encoding.to_owned(), text.to_owned(), reason.to_owned());
    Fault { kind: FaultKind::UnicodeEncodeError { encoding, object, start, end, reason }, message }
}

/// `bytes.decode(encoding, errors)`
pub fn decode(bytes: &[u8], encoding: &str, errors: &str) -> Result<String, Fault> {
    let (codec, start) = match Codec::find(encoding)? {
        Codec::Utf8Sig => return decode(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes), "utf-8", errors),
        Codec::Utf16(None) => match bytes {
            [0xFE, 0xFF, ..] => (Codec::Utf16(Some(Big)), 2),
            [0xFF, 0xFE, ..] => (Codec::Utf16(Some(Little)), 2),
            _ => (Codec::Utf16(Some(Little)), 0),
        },
        Codec::Utf32(None) => match bytes {
            [0, 0, 0xFE, 0xFF, ..] => (Codec::Utf32(Some(Big)), 4),
            [0xFF, 0xFE, 0, 0, ..] => (Codec::Utf32(Some(Little)), 4),
            _ => (Codec::Utf32(Some(Little)), 0),
        },
        codec => (codec, 0),
    };
    let mut out = String::with_capacity(bytes.len() / codec.unit());
    let mut at = start;
    loop {
        at += decode_valid(&mut out, codec, &bytes[at..]);
        if at >= bytes.len() {
            return Ok(out);
        }
        let (size, reason) = mistake(codec, &bytes[at..]);
        at = replace_bytes(&mut out, codec, bytes, at, (size, reason), Handler::find(errors)?)?;
    }
}

/// Appends what can be decoded; returns how many bytes that was.
fn decode_valid(out: &mut String, codec: Codec, bytes: &[u8]) -> usize {
    match codec {
        Codec::Utf8 | Codec::Utf8Sig => {
            let valid = match std::str::from_utf8(bytes) {
                Ok(text) => text,
                Err(error) => std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or(""),
            };
            out.push_str(valid);
            valid.len()
        }
        Codec::Ascii => {
            let size = bytes.iter().position(|byte| !byte.is_ascii()).unwrap_or(bytes.len());
            out.extend(bytes[..size].iter().map(|&byte| char::from(byte)));
            size
        }
        Codec::Latin1 => {
            out.extend(bytes.iter().map(|&byte| char::from(byte)));
            bytes.len()
        }
        Codec::Utf16(_) => {
            let mut at = 0;
            while let Some(unit) = unit16(codec, bytes, at) {
                let (n, size) = match (unit, unit16(codec, bytes, at + 2)) {
                    (0xD800..=0xDBFF, Some(low @ 0xDC00..=0xDFFF)) => {
                        (0x1_0000 + ((unit - 0xD800) << 10) + (low - 0xDC00), 4)
                    }
                    _ => (unit, 2),
                };
                let Some(c) = char::from_u32(n) else { break };
                out.push(c);
                at += size;
            }
            at
        }
        Codec::Utf32(_) => {
            let mut at = 0;
            while let Some(c) = unit32(codec, bytes, at).and_then(char::from_u32) {
                out.push(c);
                at += 4;
            }
            at
        }
    }
}

fn unit16(codec: Codec, bytes: &[u8], at: usize) -> Option<u32> {
    let unit: [u8; 2] = bytes.get(at..at + 2)?.try_into().ok()?;
    Some(if codec == Codec::Utf16(Some(Big)) { u16::from_be_bytes(unit) } else { u16::from_le_bytes(unit) }.into())
}

fn unit32(codec: Codec, bytes: &[u8], at: usize) -> Option<u32> {
    let unit: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(if codec == Codec::Utf32(Some(Big)) { u32::from_be_bytes(unit) } else { u32::from_le_bytes(unit) })
}

/// What is wrong with these bytes, which cannot be decoded: how many of them, and the reason.
fn mistake(codec: Codec, bytes: &[u8]) -> (usize, &'static str) {
    match codec {
        Codec::Ascii | Codec::Latin1 => (1, "ordinal not in range(128)"),
        Codec::Utf8 | Codec::Utf8Sig => match std::str::from_utf8(bytes).err().and_then(|error| error.error_len()) {
            None => (bytes.len(), "unexpected end of data"),
            Some(size) if matches!(bytes[0], 0xC2..=0xF4) => (size, "invalid continuation byte"),
            Some(size) => (size, "invalid start byte"),
        },
        Codec::Utf16(_) => match unit16(codec, bytes, 0) {
            None => (bytes.len(), "truncated data"),
            Some(0xDC00..=0xDFFF) => (2, "illegal encoding"),
            Some(_) if bytes.len() < 4 => (bytes.len(), "unexpected end of data"),
            Some(_) => (2, "illegal UTF-16 surrogate"),
        },
        Codec::Utf32(_) => match unit32(codec, bytes, 0) {
            None => (bytes.len(), "truncated data"),
            Some(0xD800..=0xDFFF) => (4, "code point in surrogate code point range(0xd800, 0xe000)"),
            Some(_) => (4, "code point not in range(0x110000)"),
        },
    }
}

/// Deals with bytes that cannot be decoded; returns where to go on.
fn replace_bytes(
    out: &mut String,
    codec: Codec,
    bytes: &[u8],
    at: usize,
    (size, reason): (usize, &'static str),
    handler: Handler,
) -> Result<usize, Fault> {
    let end = at + size;
    let fault = || Err(decode_fault(codec, bytes, at, end, reason));
    match handler {
        Handler::Strict => return fault(),
        Handler::Ignore => {}
        Handler::Replace => out.push('\u{FFFD}'),
        Handler::Backslash => bytes[at..end].iter().for_each(|&byte| push_escape(out, byte.into())),
        Handler::XmlCharRef | Handler::Name => {
            return Err(Fault::type_error("don't know how to handle UnicodeDecodeError in error callback"));
        }
        Handler::SurrogateEscape => {
            // Bytes of ASCII stay what they are, and decoding goes on with them.
            let high = bytes[at..end].iter().take_while(|byte| !byte.is_ascii()).count();
            out.extend(bytes[at..at + high].iter().filter_map(|&byte| from_code_point(0xDC00 + u32::from(byte))));
            return if high == 0 { fault() } else { Ok(at + high) };
        }
        Handler::SurrogatePass => {
            let found = match (codec, &bytes[at..]) {
                (Codec::Utf8, &[0xED, b @ 0xA0..=0xBF, c @ 0x80..=0xBF, ..]) => {
                    Some((0xD000 | u32::from(b & 0x3F) << 6 | u32::from(c & 0x3F), 3))
                }
                (Codec::Utf16(_), rest) => unit16(codec, rest, 0).map(|unit| (unit, 2)),
                (Codec::Utf32(_), rest) => unit32(codec, rest, 0).map(|unit| (unit, 4)),
                _ => None,
            };
            let Some((n @ 0xD800..=0xDFFF, size)) = found else { return fault() };
            out.extend(from_code_point(n));
            return Ok(at + size);
        }
    }
    Ok(end)
}

#[cold]
fn decode_fault(codec: Codec, bytes: &[u8], start: usize, end: usize, reason: &str) -> Fault {
    let encoding = codec.name();
    let message = if end == start + 1 {
        format!("'{encoding}' codec can't decode byte {:#04x} in position {start}: {reason}", bytes[start])
    } else {
        format!("'{encoding}' codec can't decode bytes in position {start}-{}: {reason}", end - 1)
    };
    let (encoding, object, reason) = (encoding.to_owned(), bytes.to_vec(), reason.to_owned());
    Fault { kind: FaultKind::UnicodeDecodeError { encoding, object, start, end, reason }, message }
}
