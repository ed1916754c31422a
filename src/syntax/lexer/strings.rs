//! Strings and f-strings in the lexer.
//!
//! `logos` has matched the prefix and the first quote; the rest is read here. The text of an f-string becomes pieces
//! between fields; the fields' tokens come from the lexer's own loop.

use super::super::ast::Constant;
use super::super::literal::{Decoded, Literal, decode_bytes, decode_str, normalise_newlines};
use super::super::token::TokenKind;
use super::{FString, Field, Lexer, MAX_FAULTS, MAX_FIELDS, MAX_FSTRINGS, Open};
use crate::source::Span;

/// The token of a warning about an f-string whose end has not been read.
const UNREAD: usize = usize::MAX;

impl Lexer<'_, '_> {
    /// A string or bytes literal; `logos` has matched the prefix and the first quote.
    pub(super) fn string(&mut self, start: usize) {
        let quote_at = self.position() - 1;
        let prefix = &self.text[start..quote_at];
        let raw = prefix.contains(['r', 'R']);
        let bytes_literal = prefix.contains(['b', 'B']);
        let bytes = self.text.as_bytes();
        let quote = bytes[quote_at];
        let triple = bytes[quote_at..].starts_with(&[quote; 3]);
        let inner = quote_at + if triple { 3 } else { 1 };
        let mut at = inner;
        let end = loop {
            match bytes.get(at) {
                Some(b'\\') => at += if self.text[at + 1..].starts_with("\r\n") { 3 } else { 2 },
                Some(&b) if b == quote => {
                    if !triple {
                        break Some(at);
                    }
                    if bytes[at..].starts_with(&[quote; 3]) {
                        break Some(at);
                    }
                    at += 1;
                }
                Some(b'\n' | b'\r') if !triple => break None,
                Some(_) => at += 1,
                None => break None,
            }
        };
        let Some(end) = end else {
            let end = at.min(bytes.len());
            if end == bytes.len() && self.source.stop.is_some() {
                // It might end on the line that can't be read.
                self.continued_to_end = true;
                return self.seek(end);
            }
            return self.unterminated_string(start, end, quote, triple);
        };
        let whole = end + if triple { 3 } else { 1 };
        let span = Span::new(start, whole);
        self.seek(whole);
        let content;
        let text = match &self.text[inner..end] {
            text if text.contains('\r') => {
                content = normalise_newlines(text);
                &content
            }
            text => text,
        };
        let value = if bytes_literal && !text.is_ascii() {
            Err("bytes can only contain ASCII literal characters".to_owned())
        } else if let Some(message) = self.undecodable(inner..end, raw) {
            Err(message)
        } else if raw || !text.contains('\\') {
            Ok(if bytes_literal { Constant::Bytes(text.as_bytes().into()) } else { Constant::Str(text.into()) })
        } else {
            let (value, odd) = if bytes_literal {
                let decoded = decode_bytes(text);
                (decoded.value.map(|bytes| Constant::Bytes(bytes.into())), decoded.odd_escape)
            } else {
                let decoded = decode_str(text);
                (decoded.value.map(|text| Constant::Str(text.into())), decoded.odd_escape)
            };
            if let Some(odd) = odd {
                self.warn(odd_escape_message(&odd), span, false);
            }
            value
        };
        self.push_literal(TokenKind::String, value.map_or_else(Literal::Bad, Literal::Value), span);
    }

    /// What is wrong with the bytes of a literal's text.
    fn undecodable(&self, range: std::ops::Range<usize>, raw: bool) -> Option<String> {
        let bytes = self.source.strange_bytes(range)?;
        if raw || !bytes.contains(&b'\\') {
            return Some(unicode_error(&bytes));
        }
        // Between escapes, each run of other characters than ASCII is decoded on its own.
        let mut runs = bytes.split(u8::is_ascii).filter(|run| !run.is_empty());
        runs.find(|run| std::str::from_utf8(run).is_err()).map(unicode_error)
    }

    fn unterminated_string(&mut self, start: usize, end: usize, quote: u8, triple: bool) {
        let here = Span::new(start, start);
        if self.fstrings.last().is_some_and(|f| f.quote == quote && f.triple == triple) {
            // The f-string's own end, seen from inside a field that is still open.
            self.fault("f-string: expecting '}'", here);
            self.abandon_fstring();
        } else {
            let line = self.last_line(end);
            let which = if triple { "triple-quoted " } else { "" };
            let escaped =
                !triple && self.text[start..end].contains(['\\', quote as char].iter().collect::<String>().as_str());
            let hint = if escaped { "; perhaps you escaped the end quote?" } else { "" };
            self.fault(format!("unterminated {which}string literal (detected at line {line}){hint}"), here);
        }
        self.push(TokenKind::Unknown, Span::new(start, end));
        self.seek(end);
        if triple {
            self.out.open = Some(Open::Text);
        } else {
            self.close_swallowed(start, end);
        }
    }

    /// Behind a quote that is missing: brackets that the rest of the line was meant to close, and the colon at its end.
    fn close_swallowed(&mut self, start: usize, end: usize) {
        let swallowed = &self.text[start..end];
        let here = Span::new(end, end);
        let mut opened = 0u32;
        for c in swallowed.bytes() {
            let (opener, closer) = match c {
                b'(' | b'[' | b'{' => {
                    opened += 1;
                    continue;
                }
                b')' => (b'(', TokenKind::RParen),
                b']' => (b'[', TokenKind::RBracket),
                b'}' => (b'{', TokenKind::RBrace),
                _ => continue,
            };
            if opened > 0 {
                opened -= 1;
            } else if self.brackets.last().is_some_and(|&(bracket, _, field)| bracket == opener && !field) {
                self.brackets.pop();
                self.push(closer, here);
            }
        }
        if self.brackets.is_empty() && swallowed.trim_end().ends_with(':') {
            self.push(TokenKind::Colon, here);
        }
    }

    /// The number of the line that ends at or contains `end`.
    fn last_line(&self, end: usize) -> usize {
        if self.out.faults.len() >= MAX_FAULTS {
            return 0;
        }
        let before = &self.text[..end];
        let lines = before.bytes().filter(|b| *b == b'\n').count()
            + before.bytes().zip(before.bytes().skip(1).chain([0])).filter(|(a, b)| *a == b'\r' && *b != b'\n').count();
        if end == self.text.len() && before.ends_with(['\n', '\r']) { lines.max(1) } else { lines + 1 }
    }

    pub(super) fn fstring_start(&mut self, start: usize) {
        let quote_at = self.position() - 1;
        let bytes = self.text.as_bytes();
        let quote = bytes[quote_at];
        if self.fstrings.len() == MAX_FSTRINGS - 1 {
            self.fault("too many nested f-strings", Span::new(quote_at, quote_at));
            self.out.gave_up = true;
            return;
        }
        let triple = bytes[quote_at..].starts_with(&[quote; 3]);
        let raw = self.text[start..quote_at].contains(['r', 'R']);
        let end = quote_at + if triple { 3 } else { 1 };
        self.seek(end);
        self.push(TokenKind::FStringStart, Span::new(start, end));
        self.fstrings.push(FString { quote, triple, raw, start, fields: Vec::new() });
    }

    /// Reads the text of an f-string up to the next field or the end; false at the end of the source.
    pub(super) fn fstring_text(&mut self) -> bool {
        let Some(fstring) = self.fstrings.last_mut() else { return true };
        let (quote, triple, raw) = (fstring.quote, fstring.triple, fstring.raw);
        let in_spec = !fstring.fields.is_empty();
        let field_count = fstring.fields.len();
        let bytes = self.text.as_bytes();
        let start = self.logos.span().end;
        let mut at = start;
        // Where the part not yet copied to `done` begins: a doubled brace stands for one.
        let mut pending = start;
        let mut done = String::new();
        // Where in `done` CPython's tokenizer begins a token anew: its decoder counts from there.
        let mut pieces = vec![0];
        let mut name_escape = false;
        let mut odd_brace = None;
        let quotes: &[u8] = &[quote; 3][..if triple { 3 } else { 1 }];
        loop {
            match bytes.get(at) {
                None => {
                    self.seek(at);
                    return false;
                }
                Some(_) if bytes[at..].starts_with(quotes) => break,
                Some(b'\n' | b'\r') if !triple => break,
                Some(b'{') if name_escape => at += 1,
                Some(b'{') if !in_spec && bytes.get(at + 1) == Some(&b'{') => {
                    done.push_str(&self.text[pending..at + 1]);
                    at += 2;
                    pending = at;
                    pieces.push(done.len());
                }
                Some(b'{') => break,
                Some(b'}') if name_escape => {
                    name_escape = false;
                    at += 1;
                    done.push_str(&self.text[pending..at]);
                    pending = at;
                    pieces.push(done.len());
                }
                Some(b'}') if !in_spec && bytes.get(at + 1) == Some(&b'}') => {
                    done.push_str(&self.text[pending..at + 1]);
                    at += 2;
                    pending = at;
                    pieces.push(done.len());
                }
                Some(b'}') => break,
                Some(b'\\') => match bytes.get(at + 1) {
                    Some(b'{' | b'}') => {
                        // A backslash before a brace stands for itself.
                        if !raw {
                            odd_brace.get_or_insert(at + 1);
                            done.push_str(&self.text[pending..=at]);
                            pending = at;
                        }
                        at += 1;
                    }
                    Some(b'N') if !raw && bytes.get(at + 2) == Some(&b'{') => {
                        name_escape = true;
                        at += 3;
                    }
                    Some(b'\r') if bytes.get(at + 2) == Some(&b'\n') => at += 3,
                    Some(_) => at += 2,
                    None => at += 1,
                },
                Some(_) => at += 1,
            }
        }
        while !self.text.is_char_boundary(at) {
            at += 1;
        }
        done.push_str(&self.text[pending..at]);
        if at > start {
            self.fstring_middle(&done, &pieces, raw, odd_brace, Span::new(start, at));
        }
        self.seek(at);
        match bytes[at] {
            b'{' => {
                if field_count == MAX_FIELDS {
                    let before = Span::new(at - 1, at - 1);
                    self.fault("f-string: expressions nested too deeply", before);
                    self.out.gave_up = true;
                    return true;
                }
                self.seek(at + 1);
                self.open(TokenKind::LBrace, Span::new(at, at + 1), true);
                let depth = self.brackets.len();
                if let Some(fstring) = self.fstrings.last_mut() {
                    fstring.fields.push(Field { depth, in_spec: false, nested: false });
                }
            }
            b'}' if in_spec => {
                self.seek(at + 1);
                self.close(TokenKind::RBrace, Span::new(at, at + 1));
            }
            b'}' => {
                self.fault("f-string: single '}' is not allowed", Span::new(at, at));
                self.seek(at + 1);
                self.push(TokenKind::Unknown, Span::new(at, at + 1));
            }
            b'\n' | b'\r' => {
                match self.fstrings.last_mut().and_then(|f| f.fields.last_mut()) {
                    // The specification ends with the line; the closing brace may follow on the next.
                    Some(field) if !field.nested => field.in_spec = false,
                    _ => self.unterminated_fstring(),
                }
            }
            _ => {
                // The parser says what it misses, unless a bracket that closes meets the field's brace.
                self.seek(at + quotes.len());
                let end = self.out.tokens.len();
                let warnings = self.out.warnings.iter_mut().rev();
                warnings.take_while(|warning| warning.token == UNREAD).for_each(|warning| warning.token = end);
                self.push(TokenKind::FStringEnd, Span::new(at, at + quotes.len()));
                self.fstrings.pop();
            }
        }
        true
    }

    fn fstring_middle(&mut self, text: &str, pieces: &[usize], raw: bool, odd_brace: Option<usize>, span: Span) {
        let value = if let Some(message) = self.undecodable(span.range(), raw) {
            Err(message)
        } else if raw || !text.contains('\\') {
            Ok(normalise_newlines(text))
        } else {
            let mut decoded = Decoded { value: Ok(String::new()), odd_escape: None };
            for (&start, end) in pieces.iter().zip(pieces[1..].iter().copied().chain([text.len()])) {
                let piece = decode_str(&normalise_newlines(&text[start..end]));
                decoded.odd_escape = decoded.odd_escape.or(piece.odd_escape);
                decoded.value = decoded.value.and_then(|before| Ok(before + &piece.value?));
            }
            let in_spec = self.fstrings.last().is_some_and(|fstring| !fstring.fields.is_empty());
            match odd_brace {
                Some(at) => {
                    let escape = &self.text[at - 1..=at];
                    self.warn(odd_escape_message(escape), Span::new(at, at), true);
                }
                None => {
                    if let Some(odd) = decoded.odd_escape {
                        self.warn(odd_escape_message(&odd), span, false);
                        // Text outside a specification is looked at when all of the f-string has been read.
                        if let Some(warning) = self.out.warnings.last_mut().filter(|_| !in_spec) {
                            warning.token = UNREAD;
                        }
                    }
                }
            }
            decoded.value
        };
        let value = match value {
            Ok(text) => Literal::Value(Constant::Str(text.into())),
            Err(message) => Literal::Bad(message),
        };
        self.push_literal(TokenKind::FStringMiddle, value, span);
    }

    pub(super) fn unterminated_fstring(&mut self) {
        if self.source.stop.is_some() && self.position() == self.text.len() {
            return;
        }
        let Some(fstring) = self.fstrings.last() else { return };
        let (start, triple) = (fstring.start, fstring.triple);
        let line = self.last_line(self.position());
        let which = if triple { "triple-quoted " } else { "" };
        let message = format!("unterminated {which}f-string literal (detected at line {line})");
        self.fault(message, Span::new(start, start));
        if triple {
            self.out.open = Some(Open::Text);
        }
        self.abandon_fstring();
        self.push(TokenKind::Unknown, Span::new(start, self.position()));
    }

    /// Forgets the innermost f-string and the brackets opened in it.
    fn abandon_fstring(&mut self) {
        self.abandon_fields();
        self.fstrings.pop();
    }

    fn abandon_fields(&mut self) {
        let Some(fstring) = self.fstrings.last_mut() else { return };
        if let Some(first) = fstring.fields.first() {
            self.brackets.truncate(first.depth - 1);
        }
        fstring.fields.clear();
    }
}

/// That bytes are no UTF-8.
pub(super) fn unicode_error(bytes: &[u8]) -> String {
    match crate::text::codecs::decode(bytes, "utf-8", "strict") {
        Err(fault) => format!("(unicode error) {}", fault.message),
        Ok(_) => String::new(),
    }
}

fn odd_escape_message(escape: &str) -> String {
    let octal = if escape.as_bytes().get(1).is_some_and(|digit| matches!(digit, b'0'..=b'7')) { "octal " } else { "" };
    format!("invalid {octal}escape sequence '{escape}'")
}
