//! The bytes of a script file as text.

use std::rc::Rc;

use crate::diagnostic::{Diagnostic, Severity};
use crate::source::{Source, Span};
use crate::symbol::Interner;

/// The text in the bytes of a script file: drops a byte order mark, minds an encoding that the first two lines
/// declare (UTF-8, Latin-1 and ASCII are known), and refuses what CPython refuses.
pub fn decode(bytes: &[u8], name: &str) -> Result<Rc<Source>, Box<Diagnostic>> {
    let (bytes, marked) = match bytes.strip_prefix(b"\xef\xbb\xbf") {
        Some(rest) => (rest, true),
        None => (bytes, false),
    };
    let declared = declared_encoding(bytes);
    let text = match declared.as_deref().map_or(Encoding::Utf8, known_encoding) {
        Encoding::Utf8 => match String::from_utf8(bytes.to_vec()) {
            Ok(text) => text,
            // What is said to be UTF-8 is looked at token by token.
            Err(_) if declared.is_some() || marked => return not_utf8_within(bytes, name, marked),
            Err(error) => return Err(not_utf8(bytes, error.utf8_error().valid_up_to(), name)),
        },
        Encoding::Latin1 if marked => return Err(problem(Some("iso-8859-1 with BOM".to_owned()))),
        Encoding::Latin1 => bytes.iter().map(|byte| char::from(*byte)).collect(),
        Encoding::Ascii if bytes.is_ascii() && !marked => bytes.iter().map(|byte| char::from(*byte)).collect(),
        Encoding::Ascii | Encoding::Unknown if marked => {
            return Err(problem(declared.map(|name| name + " with BOM")));
        }
        Encoding::Ascii | Encoding::Unknown => return Err(problem(declared)),
    };
    if let Some(at) = text.find('\0') {
        let source = Source::new(name, &text[..at]);
        let message = "source code cannot contain null bytes";
        return Err(Box::new(Diagnostic::error("SyntaxError", message, &source, Span::new(at, at))));
    }
    Ok(Source::file(name, &text, marked))
}

enum Encoding {
    Utf8,
    Latin1,
    Ascii,
    Unknown,
}

fn known_encoding(name: &str) -> Encoding {
    let name = name.to_ascii_lowercase().replace('_', "-");
    match &*name {
        "utf-8" | "utf8" | "u8" | "utf" | "utf-8-sig" | "cp65001" => Encoding::Utf8,
        _ if name.starts_with("utf-8-") => Encoding::Utf8,
        "latin-1" | "latin1" | "iso-8859-1" | "iso8859-1" | "iso-latin-1" | "latin" | "l1" | "cp819" => {
            Encoding::Latin1
        }
        "ascii" | "us-ascii" | "646" => Encoding::Ascii,
        _ => Encoding::Unknown,
    }
}

/// What a comment in one of the first two lines declares: `coding:` or `coding=` and a name. The first line may hold
/// nothing else but white space.
fn declared_encoding(bytes: &[u8]) -> Option<String> {
    for line in bytes.split(|byte| *byte == b'\n').take(2) {
        let line = line.trim_ascii();
        let comment = line.strip_prefix(b"#");
        if let Some(comment) = comment {
            let at = comment.windows(7).position(|word| matches!(word, b"coding:" | b"coding="));
            if let Some(at) = at {
                let rest = comment[at + 7..].trim_ascii_start();
                let len = rest.iter().take_while(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b)).count();
                if len > 0 {
                    return Some(String::from_utf8_lossy(&rest[..len]).into_owned());
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
    Box::new(Diagnostic {
        severity: Severity::Error,
        code: "SyntaxError".to_owned(),
        message,
        place: None,
        labels: Vec::new(),
        notes: Vec::new(),
        helps: Vec::new(),
        finder: crate::diagnostic::Finder::Parser,
    })
}

fn problem(encoding: Option<String>) -> Box<Diagnostic> {
    whole_file(format!("encoding problem: {}", encoding.unwrap_or_default()))
}

fn not_utf8(bytes: &[u8], at: usize, name: &str) -> Box<Diagnostic> {
    let line = bytes[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
    whole_file(format!(
        "Non-UTF-8 code starting with '\\x{:02x}' in file {name} on line {line}, but no encoding declared; see \
         https://peps.python.org/pep-0263/ for details",
        bytes[at]
    ))
}

/// A text that is UTF-8 but for some bytes. Those in a comment do no harm.
fn not_utf8_within(bytes: &[u8], name: &str, marked: bool) -> Result<Rc<Source>, Box<Diagnostic>> {
    let mut text = String::new();
    // Where they are, in the text and in the bytes.
    let mut strange = Vec::new();
    let mut at = 0;
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        at += chunk.valid().len();
        if !chunk.invalid().is_empty() {
            strange.push((text.len() as u32, at));
            text.push(char::REPLACEMENT_CHARACTER);
            at += chunk.invalid().len();
        }
    }
    let source = Source::file(name, &text, marked);
    let lexed = super::lexer::lex(&text, &mut Interner::default());
    let tokens = lexed.tokens.iter().map(|token| token.span);
    let spans: Vec<Span> = tokens.chain(lexed.faults.iter().map(|fault| fault.span)).collect();
    for (place, at) in strange {
        let within = |span: &&Span| span.start <= place && place <= span.end && span.start < span.end;
        let Some(token) = spans.iter().find(within) else { continue };
        // Bytes are counted from the start of what is written between the quotes, or of the name.
        let (mut start, mut end) = (token.start as usize, token.end as usize);
        match text[token.range()].find(['"', '\'']) {
            Some(quote) => {
                let rest = &text.as_bytes()[start + quote..end];
                let run = rest.iter().take_while(|c| **c == rest[0]).count();
                let quotes = if run >= 3 { 3 } else { 1 };
                start += quote + quotes;
                end -= quotes.min(end - start);
            }
            None => {
                let name = text[..start].trim_end_matches(|c: char| c.is_alphanumeric() || c == '_');
                start = name.len();
                end =
                    text[start..].find(|c: char| c.is_ascii() && !c.is_ascii_alphanumeric()).map_or(end, |n| start + n);
            }
        }
        let (before, after) = ((place as usize).saturating_sub(start), end.saturating_sub(place as usize + 3));
        let within = &bytes[at.saturating_sub(before)..bytes.len().min(at + 1 + after)];
        let Err(fault) = crate::text::codecs::decode(within, "utf-8", "strict") else { continue };
        let message = format!("(unicode error) {}", fault.message);
        let all = marked && source.line(token.start) == 1;
        let place = Span { end: if all { token.end - 1 } else { place.max(token.start + 1) }, ..*token };
        return Err(Box::new(Diagnostic::error("SyntaxError", message, &source, place)));
    }
    Ok(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> Rc<str> {
        decode(bytes, "a").expect("a text").text.clone()
    }

    fn message(bytes: &[u8]) -> String {
        decode(bytes, "a.aio").expect_err("not a text").message
    }

    #[test]
    fn encodings_are_minded() {
        assert_eq!(&*text(b"\xef\xbb\xbfx = 1"), "x = 1");
        assert_eq!(text(b"# -*- coding: latin-1 -*-\n'\xe9'").chars().nth(27), Some('é'));
        assert_eq!(text(b"\n# vim: set fileencoding=utf-8 :\nx").len(), 34);
        assert_eq!(message(b"# coding: foo\n"), "encoding problem: foo");
        assert_eq!(
            message(b"x\n\xe9\n"),
            "Non-UTF-8 code starting with '\\xe9' in file a.aio on line 2, but no encoding declared; see \
             https://peps.python.org/pep-0263/ for details"
        );
        assert_eq!(message(b"x\0"), "source code cannot contain null bytes");
    }
}
