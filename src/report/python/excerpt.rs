//! The source lines of a frame, and the marks below the part that failed.
//!
//! Columns are counted in characters, on lines without their common indentation. Of a part that spans many lines only
//! the first, the last and those around an anchor (see `anchors.rs`) are shown.

use std::collections::BTreeSet;

use crate::source::{Source, Span};

use super::super::anchors::{anchors, is_whole_call};
use super::super::width::char_width;
use super::{is_line_end, is_space, lines};

const INDENT: &str = "    ";

/// Appends the lines of `span`, with marks where they say more than the line itself.
pub(super) fn write(source: &Source, span: Span, out: &mut String) {
    write_read(source, span, true, out);
}

/// The same; unless its text was `read`, all of the span is marked alike.
pub(super) fn write_read(source: &Source, span: Span, read: bool, out: &mut String) {
    let Some(part) = Part::new(source, span) else { return };
    let anchor = if read { anchors(&part.text[part.start..part.end]) } else { None };
    let anchor = anchor.map(|range| range.start + part.start..range.end + part.start);
    let marked = span.start < span.end && part.needs_marks(read, anchor.is_some());

    let last = part.rows.len() - 1;
    let mut shown = BTreeSet::from([0, last]);
    if let Some(anchor) = &anchor {
        for row in [part.row(anchor.start), part.row(anchor.end)] {
            shown.extend(row.saturating_sub(1)..=(row + 1).min(last));
        }
    }
    let mut result: Vec<String> = Vec::new();
    let mut next = 0;
    for row in shown {
        match row - next {
            0 => {}
            1 => part.write_row(next, anchor.as_ref(), marked, &mut result),
            hidden => result.push(format!("...<{hidden} lines>...")),
        }
        part.write_row(row, anchor.as_ref(), marked, &mut result);
        next = row + 1;
    }
    for line in dedent(&result) {
        out.push_str(INDENT);
        out.push_str(line);
        out.push('\n');
    }
}

/// The text of a span, and the lines that it touches, where a parser could have something to say about them.
pub(super) fn part(source: &Source, span: Span) -> Option<(String, String)> {
    let part = Part::new(source, span)?;
    let bytes = part.text.as_bytes();
    let doubtful = bytes.contains(&b'\\')
        || bytes.windows(2).any(|pair| pair[0].is_ascii_digit() && pair[1].is_ascii_alphabetic());
    doubtful.then(|| (part.text[part.start..part.end].to_owned(), part.text.clone()))
}

/// The lines that a span touches, dedented.
struct Part {
    text: String,
    /// Where each line is in `text`.
    rows: Vec<std::ops::Range<usize>>,
    /// Where the span is in `text`.
    start: usize,
    end: usize,
}

impl Part {
    fn new(source: &Source, span: Span) -> Option<Part> {
        let first = source.line(span.start);
        let last = source.line(span.end.max(span.start));
        let column = |offset: u32, line| offset.saturating_sub(source.line_start(line).unwrap_or(0)) as usize;
        let whole: Vec<&str> =
            (first..=last).map(|line| source.line_text(line).unwrap_or("").trim_end_matches(is_space)).collect();
        let dedented = dedent(&whole);
        if dedented.iter().all(|line| line.is_empty()) {
            return None;
        }
        // How many characters a column is on, once the indentation is off.
        let characters = |line: &str, column: usize, removed: usize| {
            let before = line.char_indices().take_while(|&(at, c)| at + c.len_utf8() <= column).count();
            before.saturating_sub(removed)
        };
        let removed = whole[0].chars().count() - dedented[0].chars().count();
        let start = characters(whole[0], column(span.start, first), removed);
        let end = characters(whole[whole.len() - 1], column(span.end, last), removed);

        let mut text = String::new();
        let mut rows = Vec::new();
        // A form feed or the like ends a line here, although it did not when lines were counted.
        let split = dedented.iter().flat_map(|line| if line.is_empty() { vec![""] } else { lines(line).collect() });
        for line in split.take(whole.len()) {
            let line = line.trim_end_matches(is_line_end);
            if !rows.is_empty() {
                text.push('\n');
            }
            rows.push(text.len()..text.len() + line.len());
            text.push_str(line);
        }
        let at = |row: &std::ops::Range<usize>, characters: usize| {
            let line = &text[row.clone()];
            row.start + line.char_indices().nth(characters).map_or(line.len(), |(at, _)| at)
        };
        let start = at(&rows[0], start);
        let end = at(&rows[rows.len() - 1], end).max(start);
        Some(Part { text, rows, start, end })
    }

    /// Whether marks would say more than the line does by itself.
    fn needs_marks(&self, read: bool, anchored: bool) -> bool {
        let first = &self.text[self.rows[0].start..self.start];
        let last = &self.text[self.end..];
        // CPython compares characters with bytes here, so that text before the call that is not ASCII brings marks.
        let skew = |text: &str| text.len() != text.chars().count();
        let last_row = &self.text[self.rows[self.rows.len() - 1].start.min(self.end)..self.end];
        if read && !skew(first) && !skew(last_row) && is_whole_call(&self.text, self.start, self.end) {
            return false;
        }
        anchored || !first.trim_start_matches(is_space).is_empty() || !last.trim_end_matches(is_space).is_empty()
    }

    fn row(&self, at: usize) -> usize {
        self.rows.partition_point(|row| row.start <= at) - 1
    }

    /// Appends one line and, if `marked`, the marks below it.
    fn write_row(&self, row: usize, anchor: Option<&std::ops::Range<usize>>, marked: bool, result: &mut Vec<String>) {
        let range = &self.rows[row];
        let line = &self.text[range.clone()];
        result.push(line.to_owned());
        if !marked {
            return;
        }
        let indentation = line.len() - line.trim_start_matches(is_space).len();
        let mut marks = String::new();
        for (at, c) in line.char_indices().map(|(at, c)| (at + range.start, c)) {
            if at >= self.end {
                break;
            }
            let mark = match anchor {
                _ if at < self.start || at < range.start + indentation => ' ',
                Some(anchor) if !anchor.contains(&at) => '~',
                _ => '^',
            };
            marks.extend(std::iter::repeat_n(mark, char_width(c)));
        }
        result.push(marks);
    }
}

/// The lines without the indentation that all of them share; lines of white space alone do not count and become empty.
fn dedent<S: AsRef<str>>(lines: &[S]) -> Vec<&str> {
    let blank = [' ', '\t'];
    let mut margin: Option<&str> = None;
    for line in lines.iter().map(AsRef::as_ref) {
        let text = line.trim_start_matches(blank);
        if !text.is_empty() {
            let indentation = &line[..line.len() - text.len()];
            margin = Some(margin.map_or(indentation, |margin| {
                let shared = margin.bytes().zip(indentation.bytes()).take_while(|(a, b)| a == b).count();
                &margin[..shared]
            }));
        }
    }
    let margin = margin.unwrap_or("").len();
    lines
        .iter()
        .map(AsRef::as_ref)
        .map(|line| if line.trim_start_matches(blank).is_empty() { "" } else { &line[margin..] })
        .collect()
}
