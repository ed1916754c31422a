//! What CPython 3.13 prints: tracebacks, syntax errors, warnings, byte for byte.
//!
//! The text is made in the same pieces as `traceback.format_exception` returns them; printing an exception prints the
//! pieces one after the other. How the failing part of a line is marked is in `python/excerpt.rs`.

mod excerpt;

use crate::diagnostic::{Diagnostic, ExceptionReport, FrameEntry, Place, Severity, SyntaxPlace};
use crate::source::{Source, Span};

use super::{GROUP_DEPTH_MAX, GROUP_WIDTH_MAX, Relation, final_line, place, shows_lines};

/// Of frames at the same place one after the other, only so many are shown.
const REPEATED_MAX: usize = 3;
/// A column beyond this is nonsense.
const COLUMN_MAX: usize = 10_000;

const CAUSE: &str = "\nThe above exception was the direct cause of the following exception:\n\n";
const CONTEXT: &str = "\nDuring handling of the above exception, another exception occurred:\n\n";

/// An exception that leaves the program.
pub(super) fn exception(report: &ExceptionReport) -> String {
    if is_plain(report) {
        return super::chain(report)
            .into_iter()
            .rev()
            .map(|(report, relation)| unraisable(report) + link(relation))
            .collect();
    }
    format_exception(report).concat()
}

/// Whether one of the exceptions in it can be shown plainly only.
fn is_plain(report: &ExceptionReport) -> bool {
    let mut rest = vec![report];
    while let Some(report) = rest.pop() {
        if report.plain {
            return true;
        }
        rest.extend(report.group.iter().flatten());
        rest.extend([&report.cause, &report.context].into_iter().flatten().map(|report| &**report));
    }
    false
}

/// What stands between an exception and the one that it led to.
fn link(relation: Option<Relation>) -> &'static str {
    match relation {
        Some(Relation::Cause) => CAUSE,
        Some(Relation::Context) => CONTEXT,
        None => "",
    }
}

/// The pieces that `traceback.format_exception` returns. Each ends with a newline.
pub fn format_exception(report: &ExceptionReport) -> Vec<String> {
    let mut printer = Printer { pieces: Vec::new(), depth: 0, close_group: false };
    printer.chain(report);
    printer.pieces
}

/// An exception that is only reported: its frames and what it says.
pub(super) fn unraisable(report: &ExceptionReport) -> String {
    let mut text = String::new();
    if !report.frames.is_empty() {
        text.push_str("Traceback (most recent call last):\n");
    }
    text.extend(frames(&report.frames, false));
    let place = report.syntax.as_ref().map(|place| {
        let file = place.filename.rsplit('/').next().unwrap_or_default();
        format!(" ({file}, line {})", place.lineno)
    });
    text + &format!("{}: {}{}\n", report.class, report.message, place.unwrap_or_default())
}

/// A syntax error or a warning.
pub(super) fn diagnostic(diagnostic: &Diagnostic) -> String {
    let Diagnostic { code, message, place, .. } = diagnostic;
    match diagnostic.severity {
        Severity::Error => {
            let mut pieces = Vec::new();
            // Too deep a text is no syntax error: it has no place.
            let has_place = !matches!(code.as_str(), "MemoryError" | "RecursionError");
            if let Some(place) = has_place.then(|| place::of(diagnostic, place::Reading::File, None)).flatten() {
                syntax_place(&place, &mut pieces);
            }
            pieces.push(final_line(code, message, None));
            pieces.concat() + "\n"
        }
        Severity::Warning => {
            let Some(Place { source, span }) = place else { return format!("{code}: {message}\n") };
            let line = source.line(span.start);
            let text = source.line_text(line).filter(|_| shows_lines(source));
            let text = text.map(|text| format!("  {}\n", text.trim_matches(is_space)));
            format!("{}:{line}: {code}: {message}\n{}", source.name, text.unwrap_or_default())
        }
    }
}

struct Printer {
    pieces: Vec<String>,
    /// How many groups this is inside of, the shown one included.
    depth: usize,
    /// Whether the innermost open group still lacks its bottom line. Groups that end together share one.
    close_group: bool,
}

impl Printer {
    fn indent(&self) -> String {
        " ".repeat(2 * self.depth)
    }

    fn emit(&mut self, piece: String) {
        self.emit_at(piece, '|');
    }

    fn emit_at(&mut self, piece: String, margin: char) {
        if self.depth == 0 {
            self.pieces.push(piece);
            return;
        }
        let indent = self.indent();
        self.pieces.push(lines(&piece).map(|line| format!("{indent}{margin} {line}")).collect());
    }

    /// The exception with all it is chained to, oldest first.
    fn chain(&mut self, report: &ExceptionReport) {
        for (report, relation) in super::chain(report).into_iter().rev() {
            match &report.group {
                Some(members) => self.group(report, members),
                None => self.exception(report, "Traceback (most recent call last):\n", '|'),
            }
            if relation.is_some() {
                self.emit(link(relation).to_owned());
            }
        }
    }

    /// One exception: frames, what it says, notes.
    fn exception(&mut self, report: &ExceptionReport, header: &str, margin: char) {
        let frames = frames(&report.frames, true);
        // Frames of the library are not shown, but that there were some is.
        if !report.frames.is_empty() {
            self.emit_at(header.to_owned(), margin);
        }
        self.pieces.extend(report.frames.iter().map(|frame| frame.heard.clone()).filter(|heard| !heard.is_empty()));
        for piece in frames {
            self.emit(piece);
        }
        let mut pieces = Vec::new();
        let mut message = report.message.as_str();
        if let Some(place) = &report.syntax {
            syntax_place(place, &mut pieces);
            if message.is_empty() {
                message = "<no detail available>";
            }
        }
        pieces.push(final_line(&report.class, message, report.suggestion.as_deref()) + "\n");
        for note in &report.notes {
            pieces.extend(note.split('\n').map(|line| format!("{line}\n")));
        }
        for piece in pieces {
            self.emit(piece);
        }
    }

    fn group(&mut self, report: &ExceptionReport, members: &[ExceptionReport]) {
        if self.depth > GROUP_DEPTH_MAX {
            self.emit(format!("... (max_group_depth is {GROUP_DEPTH_MAX})\n"));
            return;
        }
        let outermost = self.depth == 0;
        if outermost {
            self.depth = 1;
        }
        let margin = if outermost { '+' } else { '|' };
        self.exception(report, "Exception Group Traceback (most recent call last):\n", margin);
        self.close_group = false;
        let shown = members.len().min(GROUP_WIDTH_MAX + 1);
        for (i, member) in members.iter().enumerate().take(shown) {
            let last = i + 1 == shown;
            if last {
                self.close_group = true;
            }
            let left_out = (i == GROUP_WIDTH_MAX).then(|| members.len() - GROUP_WIDTH_MAX);
            let title = if left_out.is_some() { "...".to_owned() } else { (i + 1).to_string() };
            let branch = if i == 0 { "+-" } else { "  " };
            self.pieces.push(format!("{}{branch}+---------------- {title} ----------------\n", self.indent()));
            self.depth += 1;
            match left_out {
                None => self.chain(member),
                Some(1) => self.emit("and 1 more exception\n".to_owned()),
                Some(count) => self.emit(format!("and {count} more exceptions\n")),
            }
            if last && self.close_group {
                self.pieces.push(format!("{}+------------------------------------\n", self.indent()));
                self.close_group = false;
            }
            self.depth -= 1;
        }
        if outermost {
            self.depth = 0;
        }
    }
}

/// One piece a frame, with carets or without; repeated ones are counted instead. Those of the library are not shown, but
/// what stands before and after one counts as different.
fn frames(frames: &[FrameEntry], carets: bool) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut last = None;
    let mut count = 0;
    let repeated = |count: usize| {
        let more = count.checked_sub(REPEATED_MAX).filter(|&more| more > 0)?;
        Some(format!("  [Previous line repeated {more} more time{}]\n", if more > 1 { "s" } else { "" }))
    };
    for entry in frames {
        let source = &entry.place.source;
        let line = source.line(entry.place.span.start);
        let place = Some((&source.name, line, &entry.function));
        if place != last {
            pieces.extend(repeated(count));
            last = place;
            count = 0;
        }
        if source.library {
            continue;
        }
        count += 1;
        if count <= REPEATED_MAX {
            let mut piece = format!("  File \"{}\", line {line}, in {}\n", source.name, entry.function);
            if let Some(lines) = &entry.lines {
                piece.push_str(lines);
            } else if shows_lines(source) {
                if carets {
                    excerpt::write(source, entry.place.span, &mut piece);
                } else if let Some(text) = source.line_text(line) {
                    piece.push_str(&format!("    {}\n", text.trim_matches(is_space)));
                }
            }
            pieces.push(piece);
        }
    }
    pieces.extend(repeated(count));
    pieces
}

/// The texts that CPython parses to mark a place: the part that failed, in brackets, and its lines.
pub fn texts_to_mark(entry: &FrameEntry) -> Vec<String> {
    let shown = entry.lines.is_none() && shows_lines(&entry.place.source) && !entry.place.source.library;
    let part = if shown { excerpt::part(&entry.place.source, entry.place.span) } else { None };
    part.map_or(Vec::new(), |(segment, lines)| vec![format!("(\n{segment}\n)"), lines])
}

/// The lines of a place with all of it marked alike, as CPython does when it can read no text any more.
pub fn unread_excerpt(entry: &FrameEntry) -> Option<String> {
    let mut piece = String::new();
    if shows_lines(&entry.place.source) {
        excerpt::write_read(&entry.place.source, entry.place.span, false, &mut piece);
    }
    (!piece.is_empty()).then_some(piece)
}

/// What stands in one source at the lines and columns of a place in another.
pub fn excerpt_elsewhere(source: &Source, span: Span, found: &Source) -> String {
    let place = |offset: u32| {
        let line = source.line(offset);
        let text = found.line_text(line)?;
        Some(found.line_start(line)? + source.byte_column(offset).min(text.len() as u32))
    };
    let mut piece = String::new();
    if let (Some(start), Some(end)) = (place(span.start), place(span.end)) {
        excerpt::write(found, Span { start, end: end.max(start) }, &mut piece);
        // What lies behind the end of the line there is marked by a blank line.
        if start >= end && span.start < span.end && !piece.is_empty() {
            piece.push_str("    \n");
        }
    }
    piece
}

/// The lines of a place given by lines and columns (from 1 and from 0, in code points), with carets below.
pub fn excerpt(source: &Source, start: (u32, u32), end: (u32, u32)) -> Option<String> {
    if !shows_lines(source) {
        return None;
    }
    let offset = |(line, column): (u32, u32)| {
        let text = source.line_text(line)?;
        let within: usize = text.chars().take(column as usize).map(char::len_utf8).sum();
        Some(source.line_start(line)? as usize + within)
    };
    let span = Span::new(offset(start)?, offset(end)?);
    let mut piece = String::new();
    excerpt::write(source, span, &mut piece);
    Some(piece)
}

/// File, line, text and carets of a syntax error.
fn syntax_place(place: &SyntaxPlace, pieces: &mut Vec<String>) {
    pieces.push(format!("  File \"{}\", line {}\n", place.filename, place.lineno));
    let Some(text) = &place.text else { return };
    let line = text.trim_end_matches('\n');
    let shown = line.trim_start_matches([' ', '\n', '\x0c']);
    pieces.push(format!("    {shown}\n"));

    let length = line.chars().count() + 1;
    let cap = |offset: usize| offset.min(if text.is_empty() { COLUMN_MAX } else { length });
    let Some(offset) = place.offset else { return };
    let start = cap(offset as usize);
    let end = match place.end_offset {
        _ if place.end_lineno != place.lineno => length,
        None | Some(..=0) => start,
        Some(end) => cap(usize::try_from(end).unwrap_or(usize::MAX)),
    };
    let end = end.max(start + 1);
    let stripped = length - 1 - shown.chars().count();
    let Some(indent) = start.checked_sub(1 + stripped) else { return };
    // Other white space than blanks stays what it is, so that the carets are below what they mark.
    let blank: String = shown.chars().take(indent).map(|c| if is_space(c) { c } else { ' ' }).collect();
    pieces.push(format!("    {blank}{}\n", "^".repeat(end - start)));
}

/// What `str.isspace` takes for white space.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

/// What `str.splitlines` takes for the end of a line.
fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\x0b' | '\x0c' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// The lines of a text with their endings, where `str.splitlines` sees them.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.char_indices().find(|&(_, c)| is_line_end(c)).map_or(rest.len(), |(at, c)| {
            let crlf = rest[at..].starts_with("\r\n");
            at + if crlf { 2 } else { c.len_utf8() }
        });
        let line;
        (line, rest) = rest.split_at(end);
        Some(line)
    })
}

#[cfg(test)]
mod tests;
