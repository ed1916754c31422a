//! Errors drawn for people: the callers in short, the failing expression underlined, and CPython's own last line last.
//!
//! What happened first stands first: callers before the function that failed, a cause before what it led to, the
//! members of a group before the group.

mod drawing;

use std::rc::Rc;

use ariadne::Color;

use crate::diagnostic::{Diagnostic, ExceptionReport, FrameEntry, Label, Place, Severity, SyntaxPlace};
use crate::source::{Source, Span};

use self::drawing::{Drawing, Mark, printable, wrap};
use super::width::char_width;
use super::{GROUP_DEPTH_MAX, GROUP_WIDTH_MAX, Relation, Style, final_line, frames};

/// Of the callers, so many outermost and so many innermost are shown.
const CALLERS_OUTER: usize = 3;
const CALLERS_INNER: usize = 7;
const WIDTH_MIN: usize = 40;

pub(super) fn exception(report: &ExceptionReport, style: &Style) -> String {
    let pen = Pen { style: *style, width: style.width.max(WIDTH_MIN) };
    let mut out = String::new();
    pen.chain(report, 0, &mut out);
    out
}

pub(super) fn diagnostic(diagnostic: &Diagnostic, style: &Style) -> String {
    let pen = Pen { style: *style, width: style.width.max(WIDTH_MIN) };
    let color = match diagnostic.severity {
        Severity::Error => Color::Red,
        Severity::Warning => Color::Yellow,
    };
    let Diagnostic { code, message, labels, notes, helps, .. } = diagnostic;
    let place = diagnostic.place.as_ref().map(|Place { source, span }| Spot {
        source: source.clone(),
        span: *span,
        first_line: 1,
        function: None,
    });
    let mut out = String::new();
    pen.finding(&Finding { class: code, message, suggestion: None, place, labels, notes, helps, color }, &mut out);
    out
}

struct Pen {
    style: Style,
    width: usize,
}

/// The place that a box is about.
struct Spot {
    source: Rc<Source>,
    span: Span,
    first_line: u32,
    function: Option<String>,
}

/// One box and its last line.
struct Finding<'a> {
    class: &'a str,
    message: &'a str,
    suggestion: Option<&'a str>,
    place: Option<Spot>,
    labels: &'a [Label],
    notes: &'a [String],
    helps: &'a [String],
    color: Color,
}

impl Pen {
    /// An exception after those that led to it.
    fn chain(&self, report: &ExceptionReport, depth: usize, out: &mut String) {
        for (report, relation) in super::chain(report).into_iter().rev() {
            if let Some(members) = &report.group {
                self.members(members, depth, out);
            }
            self.exception(report, out);
            let sentence = match relation {
                Some(Relation::Cause) => "The exception above was the direct cause of this one:",
                Some(Relation::Context) => "While the exception above was being handled, another one occurred:",
                None => continue,
            };
            *out += &format!("\n{}\n\n", wrap(sentence, self.width));
        }
    }

    /// The members of a group, each beside a bar.
    fn members(&self, members: &[ExceptionReport], depth: usize, out: &mut String) {
        if depth == GROUP_DEPTH_MAX {
            *out += &self.dim("... and groups inside this one\n");
            return;
        }
        let inner = Pen { style: self.style, width: self.width.saturating_sub(2).max(WIDTH_MIN) };
        for (i, member) in members.iter().enumerate().take(GROUP_WIDTH_MAX) {
            let corner = if i == 0 { '╭' } else { '├' };
            *out += &self.dim(&format!("{corner}─ {} of {}", i + 1, members.len()));
            out.push('\n');
            let mut text = String::new();
            inner.chain(member, depth + 1, &mut text);
            for line in text.lines() {
                *out += &format!("{} {line}", self.dim("│"));
                out.truncate(out.trim_end_matches(' ').len());
                out.push('\n');
            }
        }
        let hidden = members.len().saturating_sub(GROUP_WIDTH_MAX);
        let more = if hidden > 0 { format!(" and {hidden} more") } else { String::new() };
        *out += &self.dim(&format!("╰─{more}"));
        out.push('\n');
    }

    fn exception(&self, report: &ExceptionReport, out: &mut String) {
        let frames: Vec<&FrameEntry> = frames(report).collect();
        let place = match (&report.syntax, frames.split_last()) {
            (Some(syntax), _) => {
                self.callers(&frames, out);
                let spot = syntax_spot(syntax);
                if spot.is_none() {
                    *out += &format!("{}:{}\n", printable(self.style.short(&syntax.filename)), syntax.lineno);
                }
                spot
            }
            (None, Some((innermost, callers))) => {
                self.callers(callers, out);
                let function = Some(&*innermost.function).filter(|&function| function != "<module>");
                let function = function.map(|function| match &innermost.task {
                    Some(task) => format!("{function}, task '{task}'"),
                    None => function.to_owned(),
                });
                let Place { source, mut span } = innermost.place.clone();
                // Of a clause that can't catch, only its head.
                let text = source.text.get(span.range()).filter(|text| text.starts_with("except"));
                if let Some(colon) = text.and_then(|text| text.find(':')) {
                    span.end = span.start + colon as u32;
                }
                Some(Spot { source, span, first_line: 1, function })
            }
            (None, None) => None,
        };
        let finding = Finding {
            class: &report.class,
            message: &report.message,
            suggestion: report.suggestion.as_deref(),
            place,
            labels: &report.labels,
            notes: &report.notes,
            helps: &report.helps,
            color: Color::Red,
        };
        self.finding(&finding, out);
    }

    /// One line for each caller, outermost first.
    fn callers(&self, callers: &[&FrameEntry], out: &mut String) {
        // (where, function, source line, how often, whose)
        let mut rows: Vec<(String, &str, &str, usize, Option<&str>)> = Vec::new();
        let mut last = None;
        for entry in callers {
            let Place { source, span } = &entry.place;
            let line = source.line(span.start);
            let key = Some((&source.name, line, &entry.function, &entry.task));
            match rows.last_mut() {
                Some((_, _, _, times, _)) if last == key => *times += 1,
                _ => {
                    let place = format!("{}:{line}", printable(self.style.short(&source.name)));
                    rows.push((
                        place,
                        &entry.function,
                        source.line_text(line).unwrap_or("").trim(),
                        1,
                        entry.task.as_deref(),
                    ));
                }
            }
            last = key;
        }
        let hidden = rows.len().saturating_sub(CALLERS_OUTER + CALLERS_INNER);
        let hidden = CALLERS_OUTER..CALLERS_OUTER + if hidden > 1 { hidden } else { 0 };
        let shown = || rows.iter().enumerate().filter(|(i, _)| !hidden.contains(i)).map(|(_, row)| row);
        let place_width = shown().map(|(place, ..)| width(place)).max().unwrap_or(0);
        let function_width = shown().map(|(_, function, ..)| width(function)).max().unwrap_or(0).min(24);
        for (i, (place, function, text, times, task)) in rows.iter().enumerate() {
            if hidden.contains(&i) {
                if i == hidden.start {
                    let calls: usize = rows[hidden.clone()].iter().map(|(.., times, _)| times).sum();
                    *out += &format!("{}\n", self.dim(&format!("... {calls} more calls ...")));
                }
                continue;
            }
            let place = format!("{place}{}", blanks(place_width, place));
            let function = format!("{}{}", printable(function), blanks(function_width, function));
            let line = format!("{place}  in {function}  ");
            let times = match (*times, task) {
                (_, Some(task)) => format!("  (task '{}')", printable(task)),
                (2.., None) => format!("  ({times} times)"),
                _ => String::new(),
            };
            let room = self.width.saturating_sub(width(&line) + width(&times));
            *out += &format!("{}\n", self.dim(format!("{line}{}{times}", shorten(text, room)).trim_end()));
        }
    }

    fn finding(&self, finding: &Finding, out: &mut String) {
        let Finding { class, message, color, .. } = *finding;
        let labels = |near: bool| {
            let here = move |label: &&Label| {
                finding.place.as_ref().is_some_and(|spot| Rc::ptr_eq(&spot.source, &label.place.source)) == near
            };
            finding.labels.iter().filter(here)
        };
        let mark = |label: &Label| Mark { span: label.place.span, texts: vec![label.text.clone()], color: Color::Cyan };
        if let Some(spot) = &finding.place {
            let mut texts = vec![class.to_owned(), String::new()];
            if message.contains(' ') && !message.contains('\n') {
                texts.insert(0, message.to_owned());
            }
            let mut marks = vec![Mark { span: spot.span, texts, color }];
            // A label inside what is marked already says nothing new about it.
            let inside = |label: &&Label| {
                let Span { start, end } = label.place.span;
                spot.span.start <= start && end <= spot.span.end
            };
            marks.extend(labels(true).filter(|label| !inside(label)).map(mark));
            let drawing = Drawing {
                name: self.style.short(&spot.source.name),
                source: &spot.source,
                first_line: spot.first_line,
                function: spot.function.as_deref(),
                marks,
                notes: finding.notes,
                helps: finding.helps,
            };
            *out += &drawing.draw(self.style.color, self.width);
        }
        // Places in other sources get boxes of their own.
        for label in labels(false) {
            let drawing = Drawing {
                name: self.style.short(&label.place.source.name),
                source: &label.place.source,
                first_line: 1,
                function: None,
                marks: vec![mark(label)],
                notes: &[],
                helps: &[],
            };
            *out += &drawing.draw(self.style.color, self.width);
        }
        if finding.place.is_none() {
            for (word, texts) in [("Help", finding.helps), ("Note", finding.notes)] {
                if !texts.is_empty() {
                    let text = wrap(&texts.join("\n"), self.width.saturating_sub(6)).replace('\n', "\n      ");
                    *out += &format!("{word}: {text}\n");
                }
            }
        }
        let line = final_line(class, message, finding.suggestion);
        if self.style.color {
            let code = if color == Color::Yellow { 33 } else { 31 };
            let rest = line.strip_prefix(class).unwrap_or("");
            *out += &format!("\x1b[1;{code}m{class}\x1b[0m{rest}\n");
        } else {
            *out += &format!("{line}\n");
        }
    }

    fn dim(&self, text: &str) -> String {
        if self.style.color { format!("\x1b[2m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// The place of a syntax error in the one line that is known.
fn syntax_spot(syntax: &SyntaxPlace) -> Option<Spot> {
    let text = syntax.text.as_deref()?.trim_end_matches(['\n', '\r']);
    let byte = |column: u32| text.char_indices().nth(column as usize - 1).map_or(text.len(), |(at, _)| at);
    let span = match syntax.offset {
        None | Some(0) => Span::new(text.len() - text.trim_start().len(), text.trim_end().len()),
        Some(offset) => {
            let start = byte(offset);
            let end = match syntax.end_offset {
                _ if syntax.end_lineno != syntax.lineno => text.len(),
                None | Some(..=0) => start,
                Some(end) => byte(u32::try_from(end).unwrap_or(u32::MAX)).max(start),
            };
            Span::new(start, end)
        }
    };
    Some(Spot { source: Source::new(&syntax.filename, text), span, first_line: syntax.lineno, function: None })
}

fn width(text: &str) -> usize {
    text.chars().map(char_width).sum()
}

fn blanks(to: usize, text: &str) -> String {
    " ".repeat(to.saturating_sub(width(text)))
}

/// As much of a text as fits.
fn shorten(text: &str, room: usize) -> String {
    let mut result = String::new();
    let mut left = room.saturating_sub(1);
    for c in text.chars() {
        let Some(rest) = left.checked_sub(char_width(c)) else {
            result.push('…');
            break;
        };
        left = rest;
        result.push(c);
    }
    printable(&result)
}

#[cfg(test)]
mod tests;
