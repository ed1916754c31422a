//! Turns plain data about errors into text: drawn for people, as CPython prints it, or as JSON.
//!
//! This layer knows no interpreter values. Whatever the format, CPython's own last line (`ValueError: x`) is in it.

mod anchors;
mod json;
pub mod place;
mod pretty;
mod python;
mod teach;
mod teach_parts;
mod teach_syntax;
mod width;

use crate::diagnostic::{Diagnostic, ExceptionReport, FrameEntry};
use crate::source::Source;

pub use python::{
    excerpt as excerpt_python, excerpt_elsewhere, format_exception as format_exception_python, texts_to_mark,
    unread_excerpt,
};
pub use teach::{Names, of_exception as help_for};

/// Of the members of a group, only so many are shown.
const GROUP_WIDTH_MAX: usize = 15;
/// Groups inside groups are shown down to this depth.
const GROUP_DEPTH_MAX: usize = 10;

/// `--error-format`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum ErrorFormat {
    /// Drawn for people.
    #[default]
    Pretty,
    /// Byte for byte what CPython prints.
    Python,
    /// One JSON object a line.
    Json,
}

/// How errors are shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Style {
    pub format: ErrorFormat,
    /// Whether `Pretty` uses colours.
    pub color: bool,
    /// The columns `Pretty` may use.
    pub width: usize,
    /// The folder whose files `Pretty` names without it, or nothing.
    pub folder: &'static str,
}

impl Style {
    /// A file's name as `Pretty` shows it.
    fn short<'n>(&self, name: &'n str) -> &'n str {
        let below = name.strip_prefix(self.folder).and_then(|rest| rest.strip_prefix(['/', '\\']));
        below.filter(|_| !self.folder.is_empty()).unwrap_or(name)
    }
}

impl Default for Style {
    fn default() -> Style {
        Style { format: ErrorFormat::Pretty, color: false, width: 80, folder: "" }
    }
}

/// The text for an exception that nothing caught, its last line ended.
pub fn exception(report: &ExceptionReport, style: &Style) -> String {
    match style.format {
        ErrorFormat::Pretty => pretty::exception(report, style),
        ErrorFormat::Python => python::exception(report),
        ErrorFormat::Json => json::exception(report),
    }
}

/// The text for an exception that no script code can catch: CPython prints these without carets and chain.
pub fn unraisable(report: &ExceptionReport) -> String {
    python::unraisable(report)
}

/// The text for a syntax error found before the run, or for a warning, its last line ended.
pub fn diagnostic(diagnostic: &Diagnostic, style: &Style) -> String {
    let mut taught = std::borrow::Cow::Borrowed(diagnostic);
    if style.format != ErrorFormat::Python && diagnostic.helps.is_empty() && diagnostic.code == "SyntaxError" {
        if let Some(help) = teach_syntax::of_syntax(diagnostic) {
            taught.to_mut().helps.push(help);
        }
    }
    let diagnostic = &*taught;
    match style.format {
        ErrorFormat::Pretty => pretty::diagnostic(diagnostic, style),
        ErrorFormat::Python => python::diagnostic(diagnostic),
        ErrorFormat::Json => json::diagnostic(diagnostic),
    }
}

/// Whether tracebacks show lines of this source. CPython reads them from the file, so a name in angle brackets has none,
/// except for what was typed at a prompt.
fn shows_lines(source: &Source) -> bool {
    let is_file = !(source.name.starts_with('<') && source.name.ends_with('>'));
    source.command.get() || is_file && !source.unreadable || source.name.starts_with("<input-")
}

/// What comes last: `ValueError: x`, or `ValueError` if there is nothing to add.
fn final_line(class: &str, message: &str, suggestion: Option<&str>) -> String {
    let mut line = class.to_owned();
    if !message.is_empty() || suggestion.is_some() {
        line.push_str(": ");
        line.push_str(message);
    }
    if let Some(suggestion) = suggestion {
        line.push_str(". ");
        line.push_str(suggestion);
    }
    line
}

/// What an exception is to the one that it led to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Relation {
    Cause,
    Context,
}

/// An exception and what led to it, the latest first, each with what it is to the one before.
fn chain(report: &ExceptionReport) -> Vec<(&ExceptionReport, Option<Relation>)> {
    let mut chain = vec![(report, None)];
    let mut last = report;
    loop {
        let (earlier, relation) = match (&last.cause, &last.context) {
            (Some(cause), _) => (cause, Relation::Cause),
            (None, Some(context)) => (context, Relation::Context),
            (None, None) => return chain,
        };
        chain.push((earlier, Some(relation)));
        last = earlier;
    }
}

/// The frames of scripts, outermost first.
fn frames(report: &ExceptionReport) -> impl Iterator<Item = &FrameEntry> {
    report.frames.iter().filter(|entry| entry.place.source.is_script())
}

/// The offset, or the start of the character that it is in the middle of, or the end of the text.
fn floor_boundary(text: &str, offset: u32) -> usize {
    let at = (offset as usize).min(text.len());
    (0..=at).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}
