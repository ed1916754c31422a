//! Source text and places in it.
//!
//! A [`Span`] is a half-open range of byte offsets into one [`Source`]. Lines and columns are only computed when
//! something is shown to a person, from the table of line starts that every source carries.

use std::cell::OnceCell;
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

/// A named text: a script file, `<string>`, `<stdin>` or one input of a session.
#[derive(Debug)]
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
    line_starts: OnceCell<Vec<u32>>,
}

impl Source {
    pub fn new(name: &str, text: &str) -> Rc<Source> {
        Rc::new(Source::with(name, text))
    }

    /// The same text under another name.
    pub fn renamed(&self, name: &str) -> Rc<Source> {
        let (library, marked, given) = (self.library, self.marked, self.given);
        let line_starts = OnceCell::new();
        Rc::new(Source { name: name.into(), text: self.text.clone(), library, marked, given, line_starts })
    }

    /// A source of the interpreter's own library.
    pub fn library(name: &str, text: &str) -> Rc<Source> {
        Rc::new(Source { library: true, ..Source::with(name, text) })
    }

    /// The text of a file that may begin with a byte order mark.
    pub fn file(name: &str, text: &str, marked: bool) -> Rc<Source> {
        Rc::new(Source { marked, ..Source::with(name, text) })
    }

    /// The same, given to `compile()`.
    pub fn given(source: &Source) -> Rc<Source> {
        Rc::new(Source { given: true, marked: source.marked, ..Source::with(&source.name, &source.text) })
    }

    fn with(name: &str, text: &str) -> Source {
        let line_starts = OnceCell::new();
        Source { name: name.into(), text: text.into(), library: false, marked: false, given: false, line_starts }
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
        self.line_starts().partition_point(|&start| start <= offset) as u32
    }

    /// The 1-based line and 0-based column, in code points, of a byte offset.
    pub fn line_column(&self, offset: u32) -> (u32, u32) {
        let line = self.line(offset);
        let start = self.line_starts()[line as usize - 1] as usize;
        let end = (offset as usize).min(self.text.len());
        let column = self.text.get(start..end).map_or(end - start, |text| text.chars().count());
        (line, column as u32)
    }

    /// The 0-based column, in bytes, of a byte offset.
    pub fn byte_column(&self, offset: u32) -> u32 {
        offset - self.line_starts()[self.line(offset) as usize - 1]
    }

    /// The text of a 1-based line without its line ending, or `None` past the end.
    pub fn line_text(&self, line: u32) -> Option<&str> {
        let starts = self.line_starts();
        let start = *starts.get((line as usize).checked_sub(1)?)? as usize;
        let end = starts.get(line as usize).map_or(self.text.len(), |&next| next as usize);
        Some(self.text[start..end].trim_end_matches(['\n', '\r']))
    }

    /// The byte offset at which a 1-based line starts.
    pub fn line_start(&self, line: u32) -> Option<u32> {
        self.line_starts().get((line as usize).checked_sub(1)?).copied()
    }
}
