//! From text to tokens: `logos` finds them, the layer here knows about lines, brackets and f-strings.
//!
//! The whole text is read before parsing starts. Nothing stops the lexer: what is wrong is noted in [`Lexed::faults`],
//! an `Unknown` token takes its place, and reading goes on. Brackets, indentation and nested f-strings are bounded here,
//! so that the parser can recurse on them.

use logos::{Lexer as LogosLexer, Logos};
use unicode_normalization::UnicodeNormalization;

use super::ast::Constant;
use super::literal::{self, Literal, decode_bytes, decode_str, normalise_newlines};
use super::number;
use super::token::{Token, TokenKind};
use crate::source::Span;
use crate::symbol::Interner;
use crate::text::unicode::{is_identifier_continue, is_identifier_start, is_printable};

/// As CPython's tokenizer.
const MAX_BRACKETS: usize = 200;
const MAX_INDENTATION: usize = 100;
const MAX_FSTRINGS: usize = 150;
const MAX_FIELDS: usize = 3;

/// Something wrong with the text itself.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    /// `SyntaxError`, `IndentationError` or `TabError`.
    pub class: &'static str,
    pub message: String,
    pub span: Span,
    /// CPython reports it even if the parser has found something wrong before it.
    pub overrides: bool,
}

/// Why the text can't be complete, whatever the parser makes of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Open {
    /// The innermost bracket that is never closed: its character and offset.
    Bracket(char, u32),
    /// Inside a triple-quoted string, or after a backslash.
    Text,
}

/// A text as tokens.
#[derive(Debug, Default)]
pub(super) struct Lexed {
    /// Ends with `End`.
    pub tokens: Vec<Token>,
    pub literals: Vec<Literal>,
    /// In the order of the text.
    pub faults: Vec<Fault>,
    pub warnings: Vec<Fault>,
    pub open: Option<Open>,
    /// Reading was given up before the end of the text.
    pub gave_up: bool,
}

/// Splits a text into tokens.
pub(super) fn lex(text: &str, interner: &mut Interner) -> Lexed {
    let mut lexer = Lexer {
        text,
        logos: TokenKind::lexer(text),
        interner,
        out: Lexed::default(),
        brackets: Vec::new(),
        fstrings: Vec::new(),
        indents: vec![Indent { column: 0, narrow: 0 }],
        continued_to_end: false,
    };
    lexer.out.tokens.reserve(text.len() / 4 + 4);
    lexer.run();
    lexer.out
}

/// The width of an indentation with tabs to multiples of eight, and with tabs as one column. Two lines are consistent if
/// both measures compare them alike.
#[derive(Clone, Copy, PartialEq)]
struct Indent {
    column: u32,
    narrow: u32,
}

/// An f-string being read.
struct FString {
    quote: u8,
    triple: bool,
    raw: bool,
    start: usize,
    /// The fields open in it, each inside the format specification of the one before.
    fields: Vec<Field>,
}

struct Field {
    /// How many brackets are open, its own brace included.
    depth: usize,
    in_spec: bool,
}

struct Lexer<'t, 'i> {
    text: &'t str,
    logos: LogosLexer<'t, TokenKind>,
    interner: &'i mut Interner,
    out: Lexed,
    /// The open brackets: character, offset, and whether it is the brace of a field.
    brackets: Vec<(u8, usize, bool)>,
    fstrings: Vec<FString>,
    indents: Vec<Indent>,
    continued_to_end: bool,
}

impl Lexer<'_, '_> {
    fn position(&self) -> usize {
        self.logos.span().end
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    /// Goes on reading at `position`, which may lie behind the current one.
    fn seek(&mut self, position: usize) {
        if position < self.position() {
            self.logos = TokenKind::lexer(self.text);
        }
        let ahead = position - self.position();
        self.logos.bump(ahead);
    }

    fn push(&mut self, kind: TokenKind, span: Span) {
        self.out.tokens.push(Token::new(kind, span));
    }

    fn push_literal(&mut self, kind: TokenKind, value: Literal, span: Span) {
        self.out.tokens.push(Token::literal(kind, self.out.literals.len(), span));
        self.out.literals.push(value);
    }

    fn fault(&mut self, message: impl Into<String>, span: Span) {
        self.fault_of("SyntaxError", message, span);
    }

    fn fault_of(&mut self, class: &'static str, message: impl Into<String>, span: Span) {
        self.out.faults.push(Fault { class, message: message.into(), span, overrides: class == "SyntaxError" });
    }

    /// The last fault is only reported when the parser gets as far.
    fn no_override(&mut self) {
        if let Some(fault) = self.out.faults.last_mut() {
            fault.overrides = false;
        }
    }

    fn warn(&mut self, message: String, span: Span) {
        self.out.warnings.push(Fault { class: "SyntaxWarning", message, span, overrides: false });
    }

    /// An `f"..."` whose text is being read, as opposed to the expression of one of its fields.
    fn in_fstring_text(&self) -> bool {
        self.fstrings.last().is_some_and(|f| f.fields.last().is_none_or(|field| field.in_spec))
    }

    fn run(&mut self) {
        let mut at_line_start = true;
        loop {
            if self.out.gave_up {
                break;
            }
            if at_line_start && self.brackets.is_empty() && self.fstrings.is_empty() {
                at_line_start = !self.indentation();
                continue;
            }
            if self.in_fstring_text() {
                if !self.fstring_text() {
                    break;
                }
                continue;
            }
            let Some(result) = self.logos.next() else { break };
            let range = self.logos.span();
            let span = Span::new(range.start, range.end);
            let Ok(kind) = result else {
                let c = self.text[range.start..].chars().next().unwrap_or(' ');
                self.seek(range.start + c.len_utf8());
                self.invalid_character(c, range.start);
                continue;
            };
            match kind {
                TokenKind::Name => self.name(range.start),
                TokenKind::NonAscii => self.name(range.start),
                TokenKind::Number => self.number(range.start),
                TokenKind::String => self.string(range.start),
                TokenKind::FStringStart => self.fstring_start(range.start),
                TokenKind::Comment => {}
                TokenKind::LineBreak => {
                    if self.brackets.is_empty() {
                        self.push(TokenKind::Newline, Span::new(range.start, range.start + 1));
                        at_line_start = true;
                    }
                }
                TokenKind::Backslash => self.continuation(range.start),
                TokenKind::LParen | TokenKind::LBracket | TokenKind::LBrace => self.open(kind, span, false),
                TokenKind::RParen | TokenKind::RBracket | TokenKind::RBrace => self.close(kind, span),
                TokenKind::Colon | TokenKind::Walrus if self.at_field_level() => {
                    self.seek(range.start + 1);
                    self.push(TokenKind::Colon, Span::new(range.start, range.start + 1));
                    if let Some(field) = self.fstrings.last_mut().and_then(|f| f.fields.last_mut()) {
                        field.in_spec = true;
                    }
                }
                kind if kind.is_keyword() && self.byte(range.end).is_some_and(|b| b >= 0x80) => self.name(range.start),
                kind => self.push(kind, span),
            }
        }
        self.finish();
    }

    /// Inside a field's expression, but inside no bracket of it.
    fn at_field_level(&self) -> bool {
        let field = self.fstrings.last().and_then(|f| f.fields.last());
        field.is_some_and(|field| field.depth == self.brackets.len())
    }

    fn finish(&mut self) {
        let end = self.text.len();
        if let Some(fstring) = self.fstrings.last() {
            if self.in_fstring_text() && (fstring.triple || fstring.fields.is_empty()) {
                self.unterminated_fstring();
            }
        }
        if !self.out.gave_up {
            if let Some(&(c, offset, _)) = self.brackets.last() {
                if self.out.open.is_none() {
                    self.out.open = Some(Open::Bracket(c as char, offset as u32));
                }
            } else if self.continued_to_end {
                self.out.open = Some(Open::Text);
                let at = end.min(self.last_backslash());
                self.fault("unexpected EOF while parsing", Span::new(at, at));
                self.no_override();
            }
        }
        let ended = self.out.tokens.last().is_none_or(|t| matches!(t.kind, TokenKind::Newline | TokenKind::Dedent));
        if self.out.open.is_none() {
            if !ended {
                self.push(TokenKind::Newline, Span::new(end, end));
            }
            for _ in 1..self.indents.len() {
                self.push(TokenKind::Dedent, Span::new(end, end));
            }
        }
        self.push(TokenKind::End, Span::new(end, end));
    }

    fn last_backslash(&self) -> usize {
        self.text.rfind('\\').map_or(0, |at| at + 1)
    }

    // Lines.

    /// Reads the white space that starts a line; false if nothing but a comment follows it.
    fn indentation(&mut self) -> bool {
        let bytes = self.text.as_bytes();
        let mut at = self.position();
        if at == 0 && self.text.starts_with('\u{feff}') {
            at = '\u{feff}'.len_utf8();
        }
        let mut indent = Indent { column: 0, narrow: 0 };
        let mut continued: Option<Indent> = None;
        loop {
            match bytes.get(at) {
                Some(b' ') => indent = Indent { column: indent.column + 1, narrow: indent.narrow + 1 },
                Some(b'\t') => indent = Indent { column: (indent.column / 8 + 1) * 8, narrow: indent.narrow + 1 },
                Some(b'\x0c') => indent = Indent { column: 0, narrow: 0 },
                Some(b'\\') => {
                    let Some(next) = self.after_line_break(at + 1) else { break };
                    if next == bytes.len() {
                        break;
                    }
                    continued.get_or_insert(indent);
                    at = next;
                    continue;
                }
                _ => break,
            }
            at += 1;
        }
        // Lines without tokens have no indentation.
        let mut end = at;
        if bytes.get(at) == Some(&b'#') {
            end = bytes[at..].iter().position(|b| matches!(b, b'\n' | b'\r')).map_or(bytes.len(), |n| at + n);
        }
        if let Some(next) = self.after_line_break(end) {
            self.seek(next);
            return false;
        }
        self.seek(end);
        if end < bytes.len() {
            self.indent_to(continued.unwrap_or(indent), at);
        }
        true
    }

    /// The offset after the line break at `at`, if there is one.
    fn after_line_break(&self, at: usize) -> Option<usize> {
        match self.byte(at)? {
            b'\r' if self.byte(at + 1) == Some(b'\n') => Some(at + 2),
            b'\n' | b'\r' => Some(at + 1),
            _ => None,
        }
    }

    /// Compares a line's indentation with the blocks it may belong to.
    fn indent_to(&mut self, indent: Indent, at: usize) {
        let here = Span::new(at, at);
        let line_start = self.text[..at].rfind(['\n', '\r']).map_or(0, |n| n + 1);
        let top = self.indents[self.indents.len() - 1];
        let inconsistent = "inconsistent use of tabs and spaces in indentation";
        if indent.column > top.column {
            if self.indents.len() == MAX_INDENTATION {
                self.fault_of("IndentationError", "too many levels of indentation", Span::new(line_start, line_start));
                self.out.gave_up = true;
                return;
            }
            if indent.narrow <= top.narrow {
                self.fault_of("TabError", inconsistent, Span::new(line_start, line_start));
            }
            self.indents.push(indent);
            self.push(TokenKind::Indent, Span::new(line_start, at));
            return;
        }
        while indent.column < self.indents[self.indents.len() - 1].column {
            self.indents.pop();
            self.push(TokenKind::Dedent, here);
        }
        let top = self.indents[self.indents.len() - 1];
        if indent.column != top.column {
            let end = self.text[at..].find(['\n', '\r']).map_or(self.text.len(), |n| at + n);
            let message = "unindent does not match any outer indentation level";
            self.fault_of("IndentationError", message, Span::new(end, end));
        } else if indent.narrow != top.narrow {
            self.fault_of("TabError", inconsistent, Span::new(line_start, line_start));
        }
    }

    /// After a backslash.
    fn continuation(&mut self, at: usize) {
        match self.after_line_break(at + 1) {
            Some(next) => {
                self.seek(next);
                self.continued_to_end = next == self.text.len();
            }
            None if at + 1 == self.text.len() => self.continued_to_end = true,
            None => {
                let span = Span::new(at + 1, at + 1);
                self.fault("unexpected character after line continuation character", span);
                self.no_override();
                self.push(TokenKind::Unknown, span);
            }
        }
    }

    // Brackets.

    fn open(&mut self, kind: TokenKind, span: Span, field: bool) {
        if self.brackets.len() == MAX_BRACKETS {
            self.fault("too many nested parentheses", Span { end: span.start, ..span });
            self.out.gave_up = true;
            return;
        }
        self.brackets.push((self.text.as_bytes()[span.start as usize], span.start as usize, field));
        self.push(kind, span);
    }

    fn close(&mut self, kind: TokenKind, span: Span) {
        let at = span.start as usize;
        let closer = self.text.as_bytes()[at] as char;
        let here = Span::new(at, at);
        let in_field = self.at_field_level();
        if in_field && kind != TokenKind::RBrace {
            self.fault(format!("f-string: unmatched '{closer}'"), here);
            return self.push(TokenKind::Unknown, span);
        }
        let Some((opener, opened_at, _)) = self.brackets.pop() else {
            self.fault(format!("unmatched '{closer}'"), here);
            return self.push(TokenKind::Unknown, span);
        };
        let matches = matches!((opener, closer), (b'(', ')') | (b'[', ']') | (b'{', '}'));
        if !matches {
            let opener = opener as char;
            let line = |at: usize| self.text[..at].matches('\n').count() + 1;
            let mut message = format!("closing parenthesis '{closer}' does not match opening parenthesis '{opener}'");
            if line(opened_at) != line(at) {
                message.push_str(&format!(" on line {}", line(opened_at)));
            }
            self.fault(message, here);
        }
        if in_field {
            if let Some(fstring) = self.fstrings.last_mut() {
                fstring.fields.pop();
            }
        }
        self.push(kind, span);
    }

    // Names and numbers.

    /// An identifier, of which `logos` may have matched only a part.
    fn name(&mut self, start: usize) {
        let bytes = self.text.as_bytes();
        let mut end = self.position();
        let is_part = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_' || *b >= 0x80;
        if bytes.get(end).is_none_or(|b| *b < 0x80) && bytes[start] < 0x80 {
            let symbol = self.interner.intern(&self.text[start..end]);
            self.out.tokens.push(Token::name(symbol, Span::new(start, end)));
            return;
        }
        end += bytes[end..].iter().take_while(|b| is_part(b)).count();
        self.seek(end);
        let text = &self.text[start..end];
        let valid = |(i, c): &(usize, char)| {
            if *i == 0 { is_identifier_start(*c) } else { is_identifier_continue(*c) }
        };
        if let Some((i, c)) = text.char_indices().find(|part| !valid(part)) {
            return self.invalid_character(c, start + i);
        }
        let name: String = text.nfkc().collect();
        let symbol = self.interner.intern(&name);
        self.out.tokens.push(Token::name(symbol, Span::new(start, end)));
    }

    fn invalid_character(&mut self, c: char, at: usize) {
        let code = u32::from(c);
        let message = if is_printable(c) {
            format!("invalid character '{c}' (U+{code:04X})")
        } else {
            format!("invalid non-printable character U+{code:04X}")
        };
        self.fault(message, Span::new(at, at));
        self.push(TokenKind::Unknown, Span::new(at, at + c.len_utf8()));
    }

    fn number(&mut self, start: usize) {
        let scanned = number::scan(&self.text.as_bytes()[start..]);
        let end = start + scanned.len;
        self.seek(end);
        let span = Span::new(start, end);
        if let Some((message, from, to)) = scanned.fault {
            self.fault(message, Span::new(start + from, start + to));
            return self.push(TokenKind::Unknown, span);
        }
        if let Some(kind) = scanned.warning {
            self.warn(format!("invalid {kind} literal"), span);
        }
        let value = literal::number(&self.text[start..end]);
        self.push_literal(TokenKind::Number, value, span);
    }

    // Strings.

    /// A string or bytes literal; `logos` has matched the prefix and the first quote.
    fn string(&mut self, start: usize) {
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
        let Some(end) = end else { return self.unterminated_string(start, at.min(bytes.len()), quote, triple) };
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
                self.warn(odd_escape_message(&odd), span);
            }
            value
        };
        self.push_literal(TokenKind::String, value.map_or_else(Literal::Bad, Literal::Value), span);
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
            self.fault(format!("unterminated {which}string literal (detected at line {line})"), here);
        }
        self.push(TokenKind::Unknown, Span::new(start, end));
        self.seek(end);
        if triple {
            self.out.open = Some(Open::Text);
        }
    }

    /// The number of the line that ends at or contains `end`.
    fn last_line(&self, end: usize) -> usize {
        let before = &self.text[..end];
        let lines = before.bytes().filter(|b| *b == b'\n').count()
            + before.bytes().zip(before.bytes().skip(1).chain([0])).filter(|(a, b)| *a == b'\r' && *b != b'\n').count();
        if end == self.text.len() && before.ends_with(['\n', '\r']) { lines.max(1) } else { lines + 1 }
    }

    fn fstring_start(&mut self, start: usize) {
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
    fn fstring_text(&mut self) -> bool {
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
                }
                Some(b'{') => break,
                Some(b'}') if name_escape => {
                    name_escape = false;
                    at += 1;
                }
                Some(b'}') if !in_spec && bytes.get(at + 1) == Some(&b'}') => {
                    done.push_str(&self.text[pending..at + 1]);
                    at += 2;
                    pending = at;
                }
                Some(b'}') => break,
                Some(b'\\') => match bytes.get(at + 1) {
                    Some(b'{' | b'}') => {
                        // A backslash before a brace stands for itself.
                        if !raw {
                            odd_brace.get_or_insert(bytes[at + 1]);
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
            self.fstring_middle(done, raw, odd_brace, Span::new(start, at));
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
                    fstring.fields.push(Field { depth, in_spec: false });
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
                if in_spec {
                    // The specification ends with the line; the closing brace may follow on the next.
                    if let Some(field) = self.fstrings.last_mut().and_then(|f| f.fields.last_mut()) {
                        field.in_spec = false;
                    }
                } else {
                    self.unterminated_fstring();
                }
            }
            _ => {
                if in_spec {
                    // The parser says what it misses.
                    self.abandon_fields();
                }
                self.seek(at + quotes.len());
                self.push(TokenKind::FStringEnd, Span::new(at, at + quotes.len()));
                self.fstrings.pop();
            }
        }
        true
    }

    fn fstring_middle(&mut self, text: String, raw: bool, odd_brace: Option<u8>, span: Span) {
        let text = if text.contains('\r') { normalise_newlines(&text) } else { text };
        let value = if raw || !text.contains('\\') {
            Ok(text)
        } else {
            let decoded = decode_str(&text);
            let odd = odd_brace.map(|brace| format!("\\{}", brace as char)).or(decoded.odd_escape);
            if let Some(odd) = odd {
                self.warn(odd_escape_message(&odd), span);
            }
            decoded.value
        };
        let value = match value {
            Ok(text) => Literal::Value(Constant::Str(text.into())),
            Err(message) => Literal::Bad(message),
        };
        self.push_literal(TokenKind::FStringMiddle, value, span);
    }

    fn unterminated_fstring(&mut self) {
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

fn odd_escape_message(escape: &str) -> String {
    let octal = if escape.as_bytes().get(1).is_some_and(u8::is_ascii_digit) { "octal " } else { "" };
    format!("invalid {octal}escape sequence '{escape}'")
}
