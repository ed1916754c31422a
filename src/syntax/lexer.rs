//! From text to tokens: `logos` finds them, the layer here knows about lines, brackets and f-strings.
//!
//! The whole text is read before parsing starts. Nothing stops the lexer: what is wrong is noted in [`Lexed::faults`],
//! an `Unknown` token takes its place, and reading goes on. Brackets, indentation and nested f-strings are bounded here,
//! so that the parser can recurse on them.

mod mend;
mod strings;

use logos::{Lexer as LogosLexer, Logos};
use unicode_normalization::UnicodeNormalization;

use super::literal::{self, Literal};
use super::number;
use super::token::{Token, TokenKind};
use crate::source::{Source, Span, Stop};
use crate::symbol::Interner;
use crate::text::unicode::{is_identifier_continue, is_identifier_start, is_printable};

/// As CPython's tokenizer.
const MAX_BRACKETS: usize = 200;
const MAX_INDENTATION: usize = 100;
const MAX_FSTRINGS: usize = 150;
const MAX_FIELDS: usize = 3;
/// More faults than this help nobody.
const MAX_FAULTS: usize = 200;

/// Something wrong with the text itself.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    /// `SyntaxError`, `IndentationError` or `TabError`.
    pub class: &'static str,
    pub message: String,
    pub span: Span,
    /// The index of the token it stands before.
    pub token: usize,
    /// CPython reports it even if the parser has found something wrong before it.
    pub overrides: bool,
    /// CPython's tokenizer reports it.
    pub lexical: bool,
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
    /// The innermost bracket that is open at the first fault, if CPython's search for one ends there unheard.
    pub open_at_fault: Option<(char, u32)>,
    /// The text ends inside an f-string.
    pub ends_in_fstring: bool,
    /// See [`Interner::levels`].
    pub levels: u32,
    /// Reading was given up before the end of the text.
    pub gave_up: bool,
    /// The first token of a line that can't be read: blocks that end there.
    pub stopped_at: Option<usize>,
    /// The brackets that are not closed as they should be, by their offsets.
    pub unclosed: Vec<usize>,
    /// What such a bracket swallowed of its statement, when a text is read once more: see `mend.rs`.
    pub mended: Vec<Span>,
}

/// Splits a text into tokens.
pub(super) fn lex(source: &Source, interner: &mut Interner) -> Lexed {
    lex_mending(source, interner, Vec::new())
}

/// [`lex`], with these brackets ending at the latest where a statement begins.
pub(super) fn lex_mending(source: &Source, interner: &mut Interner, to_mend: Vec<usize>) -> Lexed {
    let text = &source.text[..source.stop.as_ref().map_or(source.text.len(), |stop| stop.at as usize)];
    let mut lexer = Lexer {
        source,
        text,
        logos: TokenKind::lexer(text),
        out: Lexed { levels: interner.levels, ..Lexed::default() },
        interner,
        brackets: Vec::new(),
        fstrings: Vec::new(),
        indents: vec![Indent { column: 0, narrow: 0 }],
        continued_to_end: false,
        to_mend,
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
    /// A field in its specification has ended.
    nested: bool,
}

struct Lexer<'t, 'i> {
    source: &'t Source,
    text: &'t str,
    logos: LogosLexer<'t, TokenKind>,
    interner: &'i mut Interner,
    out: Lexed,
    /// The open brackets: character, offset, and whether it is the brace of a field.
    brackets: Vec<(u8, usize, bool)>,
    fstrings: Vec<FString>,
    indents: Vec<Indent>,
    continued_to_end: bool,
    /// Brackets that a statement ends, in the order of the text.
    to_mend: Vec<usize>,
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
        let (token, overrides) = (self.out.tokens.len(), class == "SyntaxError" && self.fstrings.is_empty());
        let message = message.into();
        let lexical = class == "SyntaxError" && !message.starts_with("unexpected ");
        if self.out.faults.len() < MAX_FAULTS {
            self.out.faults.push(Fault { class, message, span, token, overrides, lexical });
        }
    }

    /// The last fault is only reported when the parser gets as far.
    fn no_override(&mut self) {
        if let Some(fault) = self.out.faults.last_mut() {
            fault.overrides = false;
        }
        if self.out.faults.len() == 1 {
            self.out.open_at_fault = self.brackets.last().map(|&(c, offset, _)| (c as char, offset as u32));
        }
    }

    fn warn(&mut self, message: String, span: Span, lexical: bool) {
        let token = self.out.tokens.len();
        self.out.warnings.push(Fault { class: "SyntaxWarning", message, span, token, overrides: false, lexical });
    }

    /// An `f"..."` whose text is being read, as opposed to the expression of one of its fields.
    fn in_fstring_text(&self) -> bool {
        self.fstrings.last().is_some_and(|f| f.fields.last().is_none_or(|field| field.in_spec))
    }

    fn run(&mut self) {
        let mut at_line_start = true;
        let mut comment = None;
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
                TokenKind::Comment => comment = Some(range.start),
                TokenKind::LineBreak => {
                    if self.brackets.is_empty() || self.mend(range.start) {
                        // A comment counts to the end of its line.
                        self.push(TokenKind::Newline, Span::new(comment.unwrap_or(range.start), range.start + 1));
                        at_line_start = true;
                    }
                    comment = None;
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
        self.finish(comment);
    }

    /// Inside a field's expression, but inside no bracket of it.
    fn at_field_level(&self) -> bool {
        let field = self.fstrings.last().and_then(|f| f.fields.last());
        field.is_some_and(|field| field.depth == self.brackets.len())
    }

    /// The end of the text, and the comment that ends its last line.
    fn finish(&mut self, comment: Option<usize>) {
        let end = self.text.len();
        self.out.ends_in_fstring = !self.fstrings.is_empty();
        if let Some(stop) = self.source.stop.as_ref().filter(|_| !self.out.gave_up) {
            return self.stop(stop);
        }
        if let Some(fstring) = self.fstrings.last() {
            let escaped = self.text.trim_end_matches(['\n', '\r']).ends_with('\\');
            if self.in_fstring_text() && (fstring.triple || fstring.fields.last().is_none_or(|f| f.nested || escaped)) {
                self.unterminated_fstring();
            }
        }
        self.out.unclosed.extend(self.brackets.iter().map(|(_, offset, _)| offset));
        if !self.out.gave_up {
            if let Some(&(c, offset, _)) = self.brackets.last() {
                if self.out.open.is_none() {
                    self.out.open = Some(Open::Bracket(c as char, offset as u32));
                }
            } else if self.continued_to_end {
                self.out.open = Some(Open::Text);
                let at = end.min(self.text.rfind('\\').map_or(0, |at| at + 1));
                self.fault("unexpected EOF while parsing", Span::new(at, at));
                self.no_override();
            }
        }
        let ended = self.out.tokens.last().is_none_or(|t| matches!(t.kind, TokenKind::Newline | TokenKind::Dedent));
        if self.out.open.is_none() {
            if !ended {
                self.push(TokenKind::Newline, Span::new(comment.unwrap_or(end), end));
            }
            for _ in 1..self.indents.len() {
                self.push(TokenKind::Dedent, Span::new(end, end));
            }
        }
        self.push(TokenKind::End, Span::new(end, end));
    }

    /// The end of a file that can't be read any further. At a null byte, the blocks around end before anybody notices.
    fn stop(&mut self, stop: &Stop) {
        self.out.stopped_at = Some(self.out.tokens.len());
        self.out.gave_up = true;
        let end = Span::new(self.source.text.len(), self.source.text.len());
        let at_line_start = self.brackets.is_empty() && self.fstrings.is_empty() && !self.continued_to_end;
        if at_line_start && stop.place.is_some() {
            for _ in 1..self.indents.len() {
                self.push(TokenKind::Dedent, end);
            }
        }
        let place = stop.place.map_or(end, |at| Span { start: at, end: at });
        self.fault(stop.message.clone(), place);
        if let Some(fault) = self.out.faults.last_mut() {
            fault.overrides = true;
        }
        self.push(TokenKind::Unknown, end);
        self.push(TokenKind::End, end);
    }

    // Lines.

    /// Reads the white space that starts a line; false if nothing but a comment follows it.
    fn indentation(&mut self) -> bool {
        let bytes = self.text.as_bytes();
        let mut at = self.position();
        let mut indent = Indent { column: 0, narrow: 0 };
        // The width before the first backslash that something stands before, if there is one.
        let mut continued = 0;
        loop {
            match bytes.get(at) {
                Some(b' ') => indent = Indent { column: indent.column + 1, narrow: indent.narrow + 1 },
                Some(b'\t') => indent = Indent { column: (indent.column / 8 + 1) * 8, narrow: indent.narrow + 1 },
                Some(b'\x0c') => indent = Indent { column: 0, narrow: 0 },
                Some(b'\\') => {
                    let Some(next) = self.after_line_break(at + 1) else {
                        // Nothing is known of the indentation of such a line.
                        self.seek(at);
                        return true;
                    };
                    if next == bytes.len() {
                        break;
                    }
                    if continued == 0 {
                        continued = indent.column;
                    }
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
            let joined = Indent { column: continued, narrow: continued };
            self.indent_to(if continued > 0 { joined } else { indent }, at);
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
        let token = self.out.tokens.len();
        while indent.column < self.indents[self.indents.len() - 1].column {
            self.indents.pop();
            self.push(TokenKind::Dedent, here);
        }
        let top = self.indents[self.indents.len() - 1];
        if indent.column != top.column {
            let end = self.text[at..].find(['\n', '\r']).map_or(self.text.len(), |n| at + n);
            let message = "unindent does not match any outer indentation level";
            self.fault_of("IndentationError", message, Span::new(end, end));
            if let Some(fault) = self.out.faults.last_mut() {
                fault.token = token;
            }
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
            if self.out.faults.len() < MAX_FAULTS && line(opened_at) != line(at) {
                message.push_str(&format!(" on line {}", line(opened_at)));
            }
            self.fault(message, here);
            self.out.unclosed.push(opened_at);
            self.mend_closed(closer);
        }
        if in_field {
            if let Some(fstring) = self.fstrings.last_mut() {
                fstring.fields.pop();
                if let Some(outer) = fstring.fields.last_mut() {
                    outer.nested = true;
                }
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
        if let Some(bytes) = self.source.strange_bytes(start..end) {
            return self.undecodable_name(&bytes, Span::new(start, end));
        }
        let text = &self.text[start..end];
        let hidden = |c| self.source.hidden_character(c);
        let valid = |(i, c): &(usize, char)| {
            if hidden(*c).is_some() {
                true
            } else if *i == 0 {
                is_identifier_start(*c)
            } else {
                is_identifier_continue(*c)
            }
        };
        if let Some((i, c)) = text.char_indices().find(|part| !valid(part)) {
            return self.invalid_character(c, start + i);
        }
        let name: String = text.nfkc().map(|c| hidden(c).unwrap_or(c)).collect();
        let symbol = self.interner.intern(&name);
        self.out.tokens.push(Token::name(symbol, Span::new(start, end)));
    }

    fn undecodable_name(&mut self, bytes: &[u8], span: Span) {
        let last = self.text[span.range()].chars().next_back().map_or(0, char::len_utf8) as u32;
        let place = span.end - last;
        self.fault(strings::unicode_error(bytes), Span { start: place, end: place });
        if let Some(fault) = self.out.faults.last_mut() {
            fault.lexical = false;
        }
        self.push(TokenKind::Unknown, span);
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
            // It is noticed at the last character of the number.
            self.warn(format!("invalid {kind} literal"), Span::new(end - 1, end - 1), true);
        }
        let value = literal::number(&self.text[start..end]);
        self.push_literal(TokenKind::Number, value, span);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use TokenKind::*;

    fn kinds(text: &str) -> Vec<TokenKind> {
        let lexed = lex(&Source::with("", text), &mut Interner::default());
        assert!(lexed.faults.is_empty(), "{text:?}: {:?}", lexed.faults);
        lexed.tokens.iter().map(|token| token.kind).collect()
    }

    fn faults(text: &str) -> Vec<std::string::String> {
        lex(&Source::with("", text), &mut Interner::default()).faults.into_iter().map(|fault| fault.message).collect()
    }

    #[test]
    fn lines_become_blocks() {
        assert_eq!(kinds(""), [End]);
        assert_eq!(kinds("# nothing\n\n"), [End]);
        assert_eq!(kinds("x"), [Name, Newline, End]);
        assert_eq!(
            kinds("if x:\r\n  y\r\n\r\n    # deeper\r\nz\r\n"),
            [If, Name, Colon, Newline, Indent, Name, Newline, Dedent, Name, Newline, End]
        );
        assert_eq!(kinds("(\n  x\n)\n"), [LParen, Name, RParen, Newline, End]);
        assert_eq!(kinds("x = \\\n  1\n"), [Name, Equal, Number, Newline, End]);
        assert_eq!(kinds("a\rb\x0c\r"), [Name, Newline, Name, Newline, End]);
    }

    #[test]
    fn fields_of_fstrings_are_tokens() {
        let field = kinds("f'a{x!r:>{w}}'");
        assert_eq!(field[..7], [FStringStart, FStringMiddle, LBrace, Name, Exclamation, Name, Colon]);
        assert_eq!(field[7..13], [FStringMiddle, LBrace, Name, RBrace, RBrace, FStringEnd]);
        let nested = kinds("f'{f'{x}'}'");
        assert_eq!(nested[..5], [FStringStart, LBrace, FStringStart, LBrace, Name]);
        assert_eq!(nested[5..9], [RBrace, FStringEnd, RBrace, FStringEnd]);
        assert_eq!(kinds("f'{{}}'"), [FStringStart, FStringMiddle, FStringEnd, Newline, End]);
        assert_eq!(kinds("f'{x:=5}'")[1..6], [LBrace, Name, Colon, FStringMiddle, RBrace]);
        assert_eq!(kinds("f'{(x:=5)}'")[2..6], [LParen, Name, Walrus, Number]);
    }

    #[test]
    fn names_reach_beyond_ascii() {
        assert_eq!(kinds("größe = ifé"), [Name, Equal, Name, Newline, End]);
        assert_eq!(faults("x = a🐍"), ["invalid character '🐍' (U+1F40D)"]);
        assert_eq!(faults("\u{200b}"), ["invalid non-printable character U+200B"]);
    }

    #[test]
    fn reading_goes_on_after_a_fault() {
        assert_eq!(
            faults("x = 'a\ny = 1_\nz = )\n"),
            ["unterminated string literal (detected at line 1)", "invalid decimal literal", "unmatched ')'"]
        );
        assert_eq!(faults("f'{x'"), ["f-string: expecting '}'"]);
        assert_eq!(faults("f'}'"), ["f-string: single '}' is not allowed"]);
        assert_eq!(lex(&Source::with("", "x = (1,\n"), &mut Interner::default()).open, Some(Open::Bracket('(', 4)));
        assert_eq!(lex(&Source::with("", "x = '''a\n"), &mut Interner::default()).open, Some(Open::Text));
    }
}
