//! The bytes of a script file as text.

use std::rc::Rc;

use crate::diagnostic::{Diagnostic, Severity};
use crate::source::{Source, Stop};

/// How CPython reads a text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A file that is run as a script, line by line.
    Script,
    /// All at once, from memory.
    Memory,
}

/// What decodes bytes by the name of an encoding, or says why it can't.
type Decoder<'a> = &'a mut dyn FnMut(&[u8], &str) -> Result<String, String>;

/// What CPython reads at a time of a file that is not UTF-8.
const CHUNK: usize = 8192;

/// The text in the bytes of a script: drops a byte order mark and minds an encoding that the first two lines declare.
/// Bytes that are no UTF-8 are kept beside the text, and what a file can't go on with is its end: the lexer finds them.
pub fn decode(bytes: &[u8], name: &str, origin: Origin, decoder: Decoder<'_>) -> Result<Rc<Source>, Box<Diagnostic>> {
    let (bytes, marked) = match bytes.strip_prefix(b"\xef\xbb\xbf") {
        Some(rest) => (rest, true),
        None => (bytes, false),
    };
    let declared = declared_encoding(bytes);
    let encoding = declared.as_ref().map(|(encoding, _)| usual_name(encoding));
    let mut source = match (&encoding, &declared) {
        (Some(encoding), _) if marked && *encoding != "utf-8" => {
            return Err(whole_file(format!("encoding problem: {encoding} with BOM")));
        }
        (Some(encoding), Some((_, end))) if *encoding != "utf-8" => {
            let mut source = decoded(bytes, *end, encoding, name, origin, decoder)?;
            // Those who open it to show a line look for the declaration in lines that end with LF.
            let line_end = bytes[end - 1..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |n| end + n);
            source.unreadable = std::str::from_utf8(&bytes[..line_end]).is_err();
            source
        }
        _ => {
            let mut source = utf8(bytes, name);
            source.marked = marked;
            if encoding.is_none() && !marked && origin == Origin::Script {
                source.stop = source.strange.first().map(|first| not_utf8(&source, first));
            }
            source
        }
    };
    if let Some(at) = source.text.find('\0') {
        let start = source.text[..at].rfind(['\n', '\r']).map_or(0, |at| at + 1);
        // What is no UTF-8 is looked for up to the null byte.
        let told = encoding.is_none() && !marked && source.stop.is_some();
        let before = told && source.strange.first().is_some_and(|(place, _)| (*place as usize) < at);
        if !before && source.stop.as_ref().is_none_or(|stop| start <= stop.at as usize) {
            let message = "source code cannot contain null bytes".to_owned();
            source.text = source.text[..at].into();
            source.stop = Some(Stop { at: start as u32, message, place: Some(at as u32) });
        }
    }
    Ok(Rc::new(source))
}

/// An encoding's name, by which CPython knows UTF-8 and Latin-1.
fn usual_name(name: &str) -> &str {
    let start: String = name.chars().take(12).collect::<String>().to_ascii_lowercase().replace('_', "-");
    let is = |usual: &str| start.strip_prefix(usual).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
    match () {
        () if is("utf-8") => "utf-8",
        () if is("latin-1") || is("iso-8859-1") || is("iso-latin-1") => "iso-8859-1",
        () => name,
    }
}

/// A text in another encoding, declared by the line that ends at `end`.
fn decoded(
    bytes: &[u8],
    end: usize,
    encoding: &str,
    name: &str,
    origin: Origin,
    decoder: Decoder<'_>,
) -> Result<Source, Box<Diagnostic>> {
    if origin == Origin::Memory {
        return decoder(bytes, encoding).map(|text| Source::with(name, &text)).map_err(whole_file);
    }
    // The lines up to the declaration have been read as they are; what the rest of the last one becomes is passed over.
    let mut text = String::from_utf8_lossy(&bytes[..end]).into_owned();
    if !text.ends_with('\n') {
        text.push('\n');
    }
    let problem = || whole_file(format!("encoding problem: {encoding}"));
    // These have to begin with a mark.
    if ["utf16", "u16", "utf32", "u32"].contains(&&*encoding.replace(['-', '_'], "").to_ascii_lowercase()) {
        return Err(problem());
    }
    let rest = &bytes[end.saturating_sub(1)..];
    let mut stop = None;
    let decoded = match decoder(rest, encoding) {
        Ok(decoded) => decoded,
        Err(_) => {
            let mut decoded = String::new();
            for chunk in rest.chunks(CHUNK) {
                match decoder(chunk, encoding) {
                    Ok(part) => decoded.push_str(&part),
                    Err(_) if decoded.is_empty() => return Err(problem()),
                    Err(message) => {
                        stop = Some(format!("(unicode error) {message}"));
                        break;
                    }
                }
            }
            decoded
        }
    };
    let first_line = decoded.find(['\n', '\r']).unwrap_or(decoded.len());
    let after = &decoded[first_line..];
    text.push_str(after.strip_prefix("\r\n").or(after.get(1..)).unwrap_or(""));
    let last_line = text.rfind('\n').map_or(0, |at| at + 1) as u32;
    let stop = stop.map(|message| Stop { at: last_line, message, place: Some(last_line - 1) });
    let mut source = Source::with(name, &text);
    source.encoded = true;
    source.stop = stop;
    Ok(source)
}

fn utf8(bytes: &[u8], name: &str) -> Source {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Source::with(name, text);
    }
    let mut text = String::new();
    let mut strange: Vec<(u32, Box<[u8]>)> = Vec::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            strange.push((text.len() as u32, chunk.invalid().into()));
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    let mut source = Source::with(name, &text);
    source.strange = strange.into();
    source.unreadable = true;
    source
}

/// A script's first line that is no UTF-8 is where it ends.
fn not_utf8(source: &Source, first: &(u32, Box<[u8]>)) -> Stop {
    let before = &source.text[..first.0 as usize];
    let start = before.rfind(['\n', '\r']).map_or(0, |at| at + 1);
    let line = Source::with("", before).line(first.0);
    let message = format!(
        "Non-UTF-8 code starting with '\\x{:02x}' in file {} on line {line}, but no encoding declared; see \
         https://peps.python.org/pep-0263/ for details",
        first.1[0], source.name
    );
    Stop { at: start as u32, message, place: None }
}

/// What a comment in one of the first two lines declares, `coding:` or `coding=` and a name, and where its line ends.
/// The first line may hold nothing else but white space.
fn declared_encoding(bytes: &[u8]) -> Option<(String, usize)> {
    let mut end = 0;
    for _ in 0..2 {
        let rest = &bytes[end..];
        let length = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(rest.len());
        end += (length + if rest[length..].starts_with(b"\r\n") { 2 } else { 1 }).min(rest.len());
        let line = rest[..length].trim_ascii();
        if let Some(comment) = line.strip_prefix(b"#") {
            let at = comment.windows(7).position(|word| matches!(word, b"coding:" | b"coding="));
            if let Some(at) = at {
                let rest = comment[at + 7..].trim_ascii_start();
                let len = rest.iter().take_while(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b)).count();
                if len > 0 {
                    return Some((String::from_utf8_lossy(&rest[..len]).into_owned(), end));
                }
            }
        } else if !line.is_empty() {
            return None;
        }
    }
    None
}

/// An error of the file as a whole.
fn whole_file(message: String) -> Box<Diagnostic> {
    Box::new(Diagnostic { severity: Severity::Error, ..Diagnostic::warning("SyntaxError", message, None) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Rc<Source>, Box<Diagnostic>> {
        let mut latin = |bytes: &[u8], encoding: &str| match encoding {
            "iso-8859-1" => Ok(bytes.iter().map(|byte| char::from(*byte)).collect()),
            _ => Err("unknown".to_owned()),
        };
        decode(bytes, "a.aio", Origin::Script, &mut latin)
    }

    fn text(bytes: &[u8]) -> Rc<str> {
        read(bytes).expect("a text").text.clone()
    }

    #[test]
    fn encodings_are_minded() {
        assert_eq!(&*text(b"\xef\xbb\xbfx = 1"), "x = 1");
        assert_eq!(text(b"# -*- coding: latin-1 -*-\n'\xe9'").chars().nth(27), Some('é'));
        assert_eq!(text(b"\n# vim: set fileencoding=utf-8 :\nx").len(), 34);
        assert_eq!(read(b"# coding: foo\n").expect_err("not a text").message, "encoding problem: foo");
        let stop = |bytes: &[u8]| read(bytes).expect("a text").stop.clone().expect("an end").message;
        assert_eq!(
            stop(b"x\n\xe9\n"),
            "Non-UTF-8 code starting with '\\xe9' in file a.aio on line 2, but no encoding declared; see \
             https://peps.python.org/pep-0263/ for details"
        );
        assert_eq!(stop(b"x\0"), "source code cannot contain null bytes");
    }
}
