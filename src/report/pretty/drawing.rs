//! Draws marked source lines with `ariadne`.
//!
//! Only the lines that are shown are handed over, each cut to a window around what is marked and with blanks for
//! tabs, so neither the size of the source nor the length of its lines matters. `ariadne` thus counts lines of an
//! excerpt; the numbers in its margin and its title are rewritten to say where the excerpt is from.

use std::collections::BTreeMap;
use std::ops::Range;

use ariadne::{Color, Config, Label, Report, ReportKind};

use crate::source::{Source, Span};

use super::super::floor_boundary;
use super::super::width::char_width;

const TAB: usize = 4;
/// Columns to the left of a line, apart from its number.
const MARGIN: usize = 4;
/// Columns between the margin and a line, for each mark over several lines.
const ARROWS: usize = 4;
/// Columns from the end of a mark to its text.
const BEFORE_TEXT: usize = 4;
/// More marks than this would confuse.
const MARKS_MAX: usize = 5;

/// A source with marked places.
pub(super) struct Drawing<'a> {
    pub(super) name: &'a str,
    pub(super) source: &'a Source,
    /// The number of the first line of `source`.
    pub(super) first_line: u32,
    /// The function that the main mark is in.
    pub(super) function: Option<&'a str>,
    /// The main mark first.
    pub(super) marks: Vec<Mark>,
    pub(super) notes: &'a [String],
    pub(super) helps: &'a [String],
}

/// A marked place.
pub(super) struct Mark {
    pub(super) span: Span,
    /// What to say there: the first that fits.
    pub(super) texts: Vec<String>,
    pub(super) color: Color,
}

/// What a mark covers, in 1-based lines and bytes of a line.
struct Extent {
    first: u32,
    start: usize,
    last: u32,
    end: usize,
}

/// The part of a line that matters most.
struct Focus {
    start: usize,
    end: usize,
    /// Columns that are wanted for a text behind it.
    after: usize,
}

/// A line of the excerpt.
struct Row {
    text: String,
    /// Where it starts in the excerpt, in characters.
    offset: usize,
    /// The bytes of the source line that are shown.
    window: Range<usize>,
    /// The character of `text` that stands for each byte of the window, and the one behind.
    characters: Vec<usize>,
}

impl Drawing<'_> {
    pub(super) fn draw(&self, color: bool, width: usize) -> String {
        let mut marks: Vec<(&Mark, Extent)> =
            self.marks.iter().take(MARKS_MAX).map(|mark| (mark, Extent::new(self.source, mark.span))).collect();
        let Some((_, main)) = marks.first() else { return String::new() };
        let (title, main_line) = (self.title(main), main.first);
        let last_line = marks.iter().map(|(_, extent)| self.number(extent.last)).max().unwrap_or(1);
        let digits = last_line.to_string().len();
        let arrows = ARROWS * marks.iter().filter(|(_, extent)| extent.first != extent.last).count();
        let width = width.saturating_sub(digits + MARGIN);
        let rows = self.rows(&marks, width.saturating_sub(arrows).max(20));

        // `ariadne` wants the labels in order. It writes the texts of a line behind all that is marked in it.
        marks.sort_by_key(|(_, extent)| (extent.last, extent.end));
        let mut behind: BTreeMap<u32, usize> = BTreeMap::new();
        for (_, extent) in &marks {
            let row = &rows[&extent.last];
            let end = if extent.first == extent.last { row.place(extent.end) - row.offset } else { usize::MAX };
            let end = columns(row.text.chars().take(end));
            behind.entry(extent.last).and_modify(|other| *other = end.max(*other)).or_insert(end);
        }
        let label = |(mark, extent): &(&Mark, Extent)| {
            let start = rows[&extent.first].place(extent.start);
            let end = rows[&extent.last].place(extent.end).max(start + 1);
            let room = width.saturating_sub(arrows + behind[&extent.last] + BEFORE_TEXT);
            let text = mark.texts.iter().map(|text| printable(text)).find(|text| columns(text.chars()) <= room);
            Label::new(start..end).with_message(text.unwrap_or_default()).with_color(mark.color)
        };
        let labels: Vec<Label> = marks.iter().map(label).collect();
        let start = rows[&main_line].offset;
        let mut report = Report::build(ReportKind::Error, start..start)
            .with_config(Config::default().with_color(color))
            .with_labels(labels);
        let room = width.saturating_sub("Note: ".len()).max(20);
        if !self.helps.is_empty() {
            report.add_help(wrap(&self.helps.join("\n"), room));
        }
        if !self.notes.is_empty() {
            report.add_note(wrap(&self.notes.join("\n"), room));
        }
        let excerpt: String = rows.values().map(|row| row.text.clone() + "\n").collect();
        let mut drawn = Vec::new();
        if report.finish().write(&ariadne::Source::from(excerpt), &mut drawn).is_err() {
            return String::new(); // a `Vec` takes everything
        }
        let numbers: Vec<u32> = rows.keys().map(|&line| self.number(line)).collect();
        relabel(&String::from_utf8_lossy(&drawn), &title, &numbers, digits)
    }

    fn number(&self, line: u32) -> u32 {
        line - 1 + self.first_line
    }

    fn title(&self, main: &Extent) -> String {
        let line = self.source.line_text(main.first).unwrap_or("");
        let column = line.get(..main.start).map_or(0, |before| before.chars().count()) + 1;
        let place = format!("{}:{}:{column}", printable(self.name), self.number(main.first));
        self.function.map_or(place.clone(), |function| format!("{place} in {}", printable(function)))
    }

    /// The lines to show. Where some are left out, one of them is there without text.
    fn rows(&self, marks: &[(&Mark, Extent)], width: usize) -> BTreeMap<u32, Row> {
        // The main mark comes first and decides which part of a line is shown.
        let mut focus: BTreeMap<u32, Focus> = BTreeMap::new();
        for (mark, extent) in marks {
            let after = mark.texts.first().map_or(0, |text| columns(text.chars()) + BEFORE_TEXT);
            let (start, end) = (extent.start, extent.end);
            if extent.first == extent.last {
                focus.entry(extent.first).or_insert(Focus { start, end, after });
            } else {
                focus.entry(extent.first).or_insert(Focus { start, end: usize::MAX, after: 0 });
                focus.entry(extent.last).or_insert(Focus { start: 0, end, after });
            }
        }
        let mut rows: BTreeMap<u32, Row> = BTreeMap::new();
        let mut offset = 0;
        for (line, focus) in focus {
            if rows.last_key_value().is_some_and(|(&last, _)| last + 1 < line) {
                rows.insert(line - 1, Row { text: String::new(), offset, window: 0..0, characters: vec![0] });
                offset += 1;
            }
            let row = Row::new(self.source.line_text(line).unwrap_or(""), &focus, width, offset);
            offset += row.text.chars().count() + 1;
            rows.insert(line, row);
        }
        rows
    }
}

impl Extent {
    fn new(source: &Source, span: Span) -> Extent {
        let start = floor_boundary(&source.text, span.start);
        let end = floor_boundary(&source.text, span.end).max(start);
        let line = |at: usize| source.line(at as u32);
        let (first, mut last) = (line(start), line(end));
        let within = |at: usize, line: u32| {
            let text = source.line_text(line).unwrap_or("");
            (at - source.line_start(line).unwrap_or(0) as usize).min(text.len())
        };
        if last > first && within(end, last) == 0 {
            last -= 1; // the line ending before is all there is to mark
        }
        Extent { first, start: within(start, first), last, end: within(end, last) }
    }
}

impl Row {
    fn new(line: &str, focus: &Focus, width: usize, offset: usize) -> Row {
        let window = window(line, focus, width);
        let mut text = String::new();
        let mut characters = Vec::new();
        let mut count = 0;
        let mut push = |c: char, times: usize| {
            text.extend(std::iter::repeat_n(c, times));
            count += times;
            count
        };
        let mut at = if window.start > 0 { push('…', 1) } else { 0 };
        for c in line[window.clone()].chars() {
            characters.extend(std::iter::repeat_n(at, c.len_utf8()));
            at = if c == '\t' { push(' ', TAB - at % TAB) } else { push(printable_char(c), 1) };
        }
        characters.push(at);
        // A blank at the end can be marked.
        push(if window.end < line.len() { '…' } else { ' ' }, 1);
        Row { text, offset, window, characters }
    }

    /// The character in the excerpt for a byte of the line.
    fn place(&self, byte: usize) -> usize {
        self.offset + self.characters[byte.clamp(self.window.start, self.window.end) - self.window.start]
    }
}

/// As much of a line as fits around what matters.
fn window(line: &str, focus: &Focus, width: usize) -> Range<usize> {
    if fitting(line.chars(), width) == line.len() {
        return 0..line.len();
    }
    let width = width.saturating_sub(2); // an ellipsis at both ends
    let end = focus.end.min(line.len());
    let start = focus.start.min(end);
    let marked = columns(line[start..start + fitting(line[start..end].chars(), width)].chars());
    let left = width.saturating_sub(marked);
    let before = (left / 2).min(left.saturating_sub(focus.after)).max(8);
    let from = start - fitting(line[..start].chars().rev(), before);
    let to = from + fitting(line[from..].chars(), width);
    // What is left over at the end of the line goes to its front.
    let from = to - fitting(line[..to].chars().rev(), width);
    from..to
}

/// How many bytes of the characters fit into so many columns.
fn fitting(chars: impl Iterator<Item = char>, width: usize) -> usize {
    let mut left = width;
    let mut bytes = 0;
    for c in chars {
        let Some(rest) = left.checked_sub(columns(std::iter::once(c))) else { break };
        left = rest;
        bytes += c.len_utf8();
    }
    bytes
}

fn columns(chars: impl Iterator<Item = char>) -> usize {
    chars.map(|c| if c == '\t' { TAB } else { char_width(c) }).sum()
}

/// The text without what would move the cursor or break the drawing.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(printable_char).collect()
}

fn printable_char(c: char) -> char {
    match c {
        '\0'..='\x1f' => char::from_u32(0x2400 + c as u32).unwrap_or(' '),
        '\x7f' => '\u{2421}',
        '\u{80}'..='\u{9f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => '\u{fffd}',
        _ => c,
    }
}

/// Breaks lines at blanks, where they are longer than `width`; not in a piece of code that fits into half a line.
pub(super) fn wrap(text: &str, width: usize) -> String {
    let mut result = String::new();
    for (i, line) in text.split('\n').enumerate() {
        if i > 0 {
            result.push('\n');
        }
        let line = printable(line.trim_end());
        // Code stands between backquotes: every second piece.
        let pieces = line.split('`').enumerate().map(|(i, piece)| match i % 2 {
            1 if columns(piece.chars()) <= width / 2 => piece.replace(' ', "\0"),
            _ => piece.to_owned(),
        });
        let line = pieces.collect::<Vec<_>>().join("`");
        let mut column = 0;
        for (i, word) in line.split(' ').enumerate() {
            let word = &word.replace('\0', " ");
            let length = columns(word.chars());
            if i > 0 && column + 1 + length > width && column > 0 {
                result.push('\n');
                column = 0;
            } else if i > 0 {
                result.push(' ');
                column += 1;
            }
            result.push_str(word);
            column += length;
        }
    }
    result
}

/// Takes off the first line of what `ariadne` drew and puts in the title and the numbers of the lines.
fn relabel(drawn: &str, title: &str, numbers: &[u32], digits: usize) -> String {
    let mut result = String::new();
    // Its margin has one column for each digit of its own numbers, and one to both sides.
    let head = drawn.lines().nth(1).unwrap_or("");
    let room = (head.len() - head.trim_start_matches(' ').len()).saturating_sub(2);
    let digits = digits.max(room);
    for (i, line) in drawn.lines().skip(1).enumerate() {
        let start = nth_visible(line, 1);
        let end = start + line[start..].char_indices().nth(room).map_or(line.len() - start, |(at, _)| at);
        let margin = &line[start..end];
        let number = margin.trim().parse().ok().and_then(|row: usize| numbers.get(row.wrapping_sub(1)));
        result.push_str(&line[..start]);
        match number {
            Some(number) => result += &format!("{number:>digits$}"),
            None => result += &margin.chars().next().unwrap_or(' ').to_string().repeat(digits),
        }
        let mut rest = line[end..].trim_end().to_owned();
        if let (0, Some(at)) = (i, rest.find("<unknown>")) {
            let length = rest[at..].find(' ').unwrap_or(rest.len() - at);
            rest.replace_range(at..at + length, title);
        }
        result.push_str(&rest);
        result.push('\n');
    }
    merge_colors(&result)
}

/// Leaves a colour on from one character to the next, where `ariadne` sets it for each anew.
fn merge_colors(text: &str) -> String {
    const RESET: &str = "\x1b[0m";
    let mut result = String::new();
    let mut active = "";
    let mut rest = text;
    while let Some(at) = rest.find('\x1b') {
        result.push_str(&rest[..at]);
        rest = &rest[at..];
        let (escape, behind) = rest.split_at(rest.find('m').map_or(rest.len(), |end| end + 1));
        if escape == RESET && behind.starts_with(active) && !active.is_empty() {
            rest = &behind[active.len()..];
            continue;
        }
        active = if escape == RESET { "" } else { escape };
        result.push_str(escape);
        rest = behind;
    }
    result + rest
}

/// Where the n-th character (from 0) of a line is that is no part of an escape sequence.
fn nth_visible(line: &str, n: usize) -> usize {
    let mut left = n;
    let mut escaped = false;
    for (at, c) in line.char_indices() {
        match c {
            '\x1b' => escaped = true,
            'm' if escaped => escaped = false,
            _ if escaped => {}
            _ if left == 0 => return at,
            _ => left -= 1,
        }
    }
    line.len()
}
