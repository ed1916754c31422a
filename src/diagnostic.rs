//! What can be shown to a person: plain data, without colour and without I/O. `report/` turns it into text.

use std::rc::Rc;

use crate::source::{Source, Span};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Severity {
    Error,
    Warning,
}

/// A place in a source.
#[derive(Clone, Debug)]
pub struct Place {
    pub source: Rc<Source>,
    pub span: Span,
}

/// A text pointing at a place.
#[derive(Clone, Debug)]
pub struct Label {
    pub place: Place,
    pub text: String,
}

/// One function on the way to an error.
#[derive(Clone, Debug)]
pub struct FrameEntry {
    pub place: Place,
    /// `<module>`, or the function's qualified name as CPython prints it in tracebacks (`__name__`'s code name).
    pub function: Rc<str>,
    /// The task whose outermost function this is; what stands before it awaited that task.
    pub task: Option<Rc<str>>,
    /// The lines with their marks, if others than the place's own are shown.
    pub lines: Option<String>,
    /// What CPython warns about while it reads these lines again, to mark them.
    pub heard: String,
}

impl FrameEntry {
    pub fn new(place: Place, function: &str) -> FrameEntry {
        FrameEntry { place, function: function.into(), task: None, lines: None, heard: String::new() }
    }
}

/// What found a syntax error, which shows in the `text` that CPython gives it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Finder {
    /// The line comes without its end.
    Lexer,
    /// The same, of what is wrong wherever it stands: CPython looks for it as soon as anything is.
    Tokens,
    Parser,
    /// The same, of the end of the text where something should follow.
    End,
    /// The same, of a warning about a text in an f-string: as an error it is at the end of that, which is here.
    FString(Span),
    /// What looks at names; the place is no argument of the exception.
    Scopes,
    /// The compiler proper. What it finds, as what `Scopes` does, has a line only if the file can be read, and its
    /// columns are bytes.
    Compiler,
}

/// An error or warning to be shown.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    pub severity: Severity,
    /// The kind in Python's words: `ValueError`, `SyntaxError`, `RuntimeWarning`.
    pub code: String,
    /// The text after `code: `; may be empty.
    pub message: String,
    /// The place to underline, if any. For a syntax error, what CPython puts its carets under.
    pub place: Option<Place>,
    /// Further labelled places.
    pub labels: Vec<Label>,
    pub notes: Vec<String>,
    pub helps: Vec<String>,
    pub finder: Finder,
}

impl Diagnostic {
    pub fn error(code: &str, message: impl Into<String>, source: &Rc<Source>, span: Span) -> Diagnostic {
        let place = Some(Place { source: source.clone(), span });
        Diagnostic { severity: Severity::Error, ..Diagnostic::warning(code, message, place) }
    }

    /// A warning that says nothing but its message.
    pub fn warning(code: &str, message: impl Into<String>, place: Option<Place>) -> Diagnostic {
        Diagnostic {
            severity: Severity::Warning,
            code: code.to_owned(),
            message: message.into(),
            place,
            labels: Vec::new(),
            notes: Vec::new(),
            helps: Vec::new(),
            finder: Finder::Parser,
        }
    }

    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Diagnostic {
        self.notes.push(note.into());
        self
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.helps.push(help.into());
        self
    }
}

/// An exception as a traceback shows it, with everything chained to it.
#[derive(Clone, Debug, Default)]
pub struct ExceptionReport {
    /// Outermost first. Empty for an exception that was never raised.
    pub frames: Vec<FrameEntry>,
    /// `module.Class` as CPython prints it: built-in and `__main__` classes without their module.
    pub class: String,
    /// `str(exception)`; empty if it is empty; `<exception str() failed>` if that failed. With `syntax`, its `msg`.
    pub message: String,
    /// `__notes__`.
    pub notes: Vec<String>,
    pub cause: Option<Box<ExceptionReport>>,
    /// Set only when it is to be shown (no cause, not suppressed).
    pub context: Option<Box<ExceptionReport>>,
    /// The members of an exception group.
    pub group: Option<Vec<ExceptionReport>>,
    /// For a `SyntaxError`: where it is.
    pub syntax: Option<SyntaxPlace>,
    /// `Did you mean: 'foo'?` and the like, without the leading `. `.
    pub suggestion: Option<String>,
    /// Looking for a suggestion failed: CPython then shows no more than lines and messages.
    pub plain: bool,
    /// What a teacher would add (`pretty` and `json` only).
    pub helps: Vec<String>,
    /// Further labelled places (`pretty` and `json` only).
    pub labels: Vec<Label>,
}

impl ExceptionReport {
    /// An exception of which no more is known.
    pub fn new(class: impl Into<String>, message: impl Into<String>) -> ExceptionReport {
        let mut report = ExceptionReport::default();
        (report.class, report.message) = (class.into(), message.into());
        report
    }
}

/// A chain may be as long as a script likes, so it is not freed by recursion.
impl Drop for ExceptionReport {
    fn drop(&mut self) {
        let mut rest = Vec::new();
        let take = |report: &mut ExceptionReport, rest: &mut Vec<ExceptionReport>| {
            rest.extend(report.cause.take().map(|cause| *cause));
            rest.extend(report.context.take().map(|context| *context));
            rest.extend(report.group.take().into_iter().flatten());
        };
        take(self, &mut rest);
        while let Some(mut report) = rest.pop() {
            take(&mut report, &mut rest);
        }
    }
}

/// Where a syntax error is, in the terms of `SyntaxError`'s attributes.
#[derive(Clone, Debug)]
pub struct SyntaxPlace {
    pub filename: String,
    /// 1-based.
    pub lineno: u32,
    /// 1-based columns in code points; 0 or `None` when unknown.
    pub offset: Option<u32>,
    pub end_lineno: u32,
    pub end_offset: Option<i64>,
    /// The source line, if known.
    pub text: Option<String>,
}
