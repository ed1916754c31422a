//! Source text and places in it.
//!
//! A [`Span`] is a half-open range of byte offsets into one [`Source`]. Lines and columns are only computed when
//! something is shown to a person, from the table of line starts that every source carries.

use std::cell::{Cell, OnceCell};
use std::rc::Rc;

/// A half-open byte range `start..end` in a source text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    pub const fn new(start: usize, end: usize) -> Span {
        Span { start: start as u32, end: end as u32 }
    }

    /// The smallest span that covers both.
    #[must_use]
    pub fn to(self, other: Span) -> Span {
        Span { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// Why a file is read no further.
#[derive(Clone, Debug)]
pub struct Stop {
    /// The start of the line that could not be read.
    pub at: u32,
    pub message: String,
    /// Where it is reported, if not of the file as a whole.
    pub place: Option<u32>,
}

/// A named text: a script file, `<string>`, `<stdin>` or one input of a session.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// As it appears in tracebacks: a path as the user gave it, or a name in angle brackets.
    pub name: Rc<str>,
    pub text: Rc<str>,
    /// Part of the interpreter's own library: its frames stay out of tracebacks.
    pub library: bool,
    /// The file begins with a byte order mark, which `text` is without.
    pub marked: bool,
    /// Given to `compile()` under a name: what tracebacks show of it are the lines of the file of that name.
    pub given: bool,
    /// Written from a tree, whose names may be of any characters: see [`Source::hidden_character`].
    pub of_tree: bool,
    /// Bytes that are no UTF-8, each with the place of the U+FFFD that stands for it.
    pub strange: Rc<[(u32, Box<[u8]>)]>,
    /// Nobody who opens the file could decode it, so tracebacks have no lines of it.
    pub unreadable: bool,
    /// The program itself, given with `-c`, once it is compiled: it has lines, for all that is named `<string>`.
    pub command: Cell<bool>,
    /// `from __future__ import annotations` is in force in it, and in what code of it compiles.
    pub future_annotations: Cell<bool>,
    /// A traceback or warning has shown lines of it: the next one needs no file.
    pub shown: Cell<bool>,
    /// Its warnings have been shown: who compiles it another time is told nothing.
    pub warned: Cell<bool>,
    /// The file is in another encoding than UTF-8.
    pub encoded: bool,
    pub stop: Option<Stop>,
    /// So many lines are before the text, where it is said to be from.
    pub lines_before: i32,
    line_starts: OnceCell<Vec<u32>>,
}

impl Source {
    pub fn new(name: &str, text: &str) -> Rc<Source> {
        Rc::new(Source::with(name, text))
    }

    /// Whether somebody wrote it who can be shown it: not the library, nor the text of a dataclass's methods.
    pub fn is_script(&self) -> bool {
        !self.library && !self.text.starts_with("def __create_fn__(")
    }

    /// The same text under another name.
    pub fn renamed(&self, name: &str) -> Rc<Source> {
        Rc::new(Source { name: name.into(), ..self.clone() })
    }

    /// The same text so many lines further down in the file of its name.
    pub fn moved_down(&self, lines: i32) -> Rc<Source> {
        let lines_before = self.lines_before.saturating_add(lines);
        Rc::new(Source { lines_before, given: true, ..self.clone() })
    }

    /// A source of the interpreter's own library.
    pub fn library(name: &str, text: &str) -> Rc<Source> {
        Rc::new(Source { library: true, ..Source::with(name, text) })
    }

    /// The same, given to `compile()`.
    pub fn given(source: &Source) -> Rc<Source> {
        Rc::new(Source { given: true, library: false, ..source.clone() })
    }

    /// The same, written from a tree.
    pub fn of_tree(source: &Source) -> Rc<Source> {
        Rc::new(Source { of_tree: true, ..source.clone() })
    }

    /// The character that no name can have which a private one stands for in a name, if the text was written from a tree.
    pub fn hidden_character(&self, c: char) -> Option<char> {
        let code = u32::from(c).checked_sub(0x10_F800).filter(|_| self.of_tree)?;
        char::from_u32(code)
    }

    /// A text of which nothing else is known.
    pub fn with(name: &str, text: &str) -> Source {
        Source { name: name.into(), text: text.into(), ..Source::default() }
    }

    /// What stands for strange bytes in a part of the text, if there are any: the part as it was read.
    pub fn strange_bytes(&self, range: std::ops::Range<usize>) -> Option<Vec<u8>> {
        let inside = |(at, _): &&(u32, Box<[u8]>)| range.contains(&(*at as usize));
        let mut at = range.start;
        let mut bytes = Vec::new();
        for (place, strange) in self.strange.iter().filter(inside) {
            bytes.extend(&self.text.as_bytes()[at..*place as usize]);
            bytes.extend(&**strange);
            at = *place as usize + char::REPLACEMENT_CHARACTER.len_utf8();
        }
        bytes.extend(self.text.as_bytes().get(at..range.end)?);
        self.strange.iter().any(|entry| inside(&entry)).then_some(bytes)
    }

    fn line_starts(&self) -> &[u32] {
        self.line_starts.get_or_init(|| {
            let bytes = self.text.as_bytes();
            let mut starts = vec![0];
            for (i, &byte) in bytes.iter().enumerate() {
                // A lone CR ends a line as well; in CRLF the LF does.
                if byte == b'\n' || (byte == b'\r' && bytes.get(i + 1) != Some(&b'\n')) {
                    starts.push(i as u32 + 1);
                }
            }
            starts
        })
    }

    /// The 1-based line of a byte offset.
    pub fn line(&self, offset: u32) -> u32 {
        let line = self.line_starts().partition_point(|&start| start <= offset) as u32;
        line.saturating_add_signed(self.lines_before)
    }

    /// The place of a 1-based line among the lines of the text.
    fn line_index(&self, line: u32) -> Option<usize> {
        line.checked_add_signed(-self.lines_before)?.checked_sub(1).map(|line| line as usize)
    }

    /// The 1-based line and 0-based column, in code points, of a byte offset.
    pub fn line_column(&self, offset: u32) -> (u32, u32) {
        let line = self.line(offset);
        let start = self.line_start(line).unwrap_or(0) as usize;
        let end = (offset as usize).min(self.text.len());
        let column = self.text.get(start..end).map_or(end - start, |text| text.chars().count());
        (line, column as u32)
    }

    /// The 0-based column, in bytes of the file, of a byte offset.
    pub fn byte_column(&self, offset: u32) -> u32 {
        let start = self.line_start(self.line(offset)).unwrap_or(0);
        match self.strange_bytes(start as usize..offset as usize) {
            Some(bytes) => bytes.len() as u32,
            None => offset - start,
        }
    }

    /// The span of an operand with the parentheses around it, which its own span leaves out.
    pub fn in_parentheses(&self, span: Span) -> Span {
        let text = &self.text;
        let (mut start, mut end) = (span.start as usize, span.end as usize);
        loop {
            let (Some(before), Some(after)) = (text.get(..start), text.get(end..)) else {
                return Span::new(start, end);
            };
            match (opened(before), closed(after)) {
                (Some(open), Some(close)) => (start, end) = (open, end + close),
                _ => return Span::new(start, end),
            }
        }
    }

    /// The text of a 1-based line without its line ending, or `None` past the end.
    pub fn line_text(&self, line: u32) -> Option<&str> {
        let starts = self.line_starts();
        let line = self.line_index(line)?;
        let start = *starts.get(line)? as usize;
        let end = starts.get(line + 1).map_or(self.text.len(), |&next| next as usize);
        Some(self.text[start..end].trim_end_matches(['\n', '\r']))
    }

    /// The place of a 1-based line, with its ending.
    pub fn line_range(&self, line: u32) -> std::ops::Range<usize> {
        let start = |line| self.line_start(line).map_or(self.text.len(), |at| at as usize);
        start(line)..start(line + 1)
    }

    /// The byte offset at which a 1-based line starts.
    pub fn line_start(&self, line: u32) -> Option<u32> {
        self.line_starts().get(self.line_index(line)?).copied()
    }
}

/// Where the parenthesis is that a text ends with, comments and line ends aside.
fn opened(text: &str) -> Option<usize> {
    let mut line_end = text.len();
    let mut own_line = true;
    loop {
        let start = text[..line_end].rfind('\n').map_or(0, |at| at + 1);
        let line = &text[start..line_end];
        let code = if own_line { line.trim_end() } else { line.trim_end().trim_end_matches('\\').trim_end() };
        if code.ends_with('(') {
            return Some(start + code.len() - 1);
        }
        let skipped = code.is_empty() || !own_line && code.trim_start().starts_with('#');
        if !skipped && !own_line {
            let before_comment = |&(at, _): &(usize, _)| code[at + 1..].trim_start().starts_with('#');
            return code.match_indices('(').find(before_comment).map(|(at, _)| start + at);
        }
        if !skipped || start == 0 {
            return None;
        }
        (line_end, own_line) = (start - 1, false);
    }
}

/// How far the parenthesis reaches that a text begins with, comments and line ends aside.
fn closed(text: &str) -> Option<usize> {
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        rest = match rest.as_bytes().first()? {
            b')' => return Some(text.len() - rest.len() + 1),
            b'#' => &rest[rest.find('\n')?..],
            b'\\' if rest[1..].starts_with(['\n', '\r']) => &rest[1..],
            _ => return None,
        };
    }
}
