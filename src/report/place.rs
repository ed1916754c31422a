//! Where a syntax error is, in the numbers that CPython gives `SyntaxError`'s attributes.
//!
//! These tell which part of CPython found the error: some of its messages come without an end, and what the parser
//! says of a token that has no text is off by one.

use crate::diagnostic::{Diagnostic, Finder, SyntaxPlace};
use crate::syntax;

/// How the text was read. CPython knows less of the place when it reads a file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    File,
    Text,
    /// What is no whole module: nothing is added to its last line.
    Part,
}

/// CPython reads a file's line in pieces, and shows the last.
fn last_piece(line: &str) -> String {
    const PIECE: usize = 999;
    String::from_utf8_lossy(&line.as_bytes()[line.len() / PIECE * PIECE..]).into_owned()
}

/// Errors that CPython finds where a block ends.
fn ends_a_block(message: &str) -> bool {
    message == "unexpected unindent" || message.starts_with("expected 'except' or 'finally' block")
}

/// A syntax error's place; `None` if it is about the file as a whole. `in_file` is the line as it stands in the file, if
/// the text was not read from it as a script.
pub fn of(diagnostic: &Diagnostic, reading: Reading, in_file: Option<String>) -> Option<SyntaxPlace> {
    let place = diagnostic.place.as_ref()?;
    let (source, span, message) = (&place.source, place.span, diagnostic.message.as_str());
    let (mut lineno, mut end_lineno) = (source.line(span.start), source.line(span.end.max(span.start)));
    let in_file = in_file.or_else(|| {
        let marked = reading == Reading::File && source.marked && lineno == 1;
        let mark = if marked { "\u{feff}" } else { "" };
        let strange = |line: &str| source.strange_bytes(source.line_range(lineno)).is_some() && !line.is_empty();
        source.line_text(lineno).filter(|line| marked || strange(line)).map(|line| format!("{mark}{line}"))
    });
    let never_closed = message.ends_with("was never closed");
    let in_literal = message.starts_with("(unicode error)");
    let stray = message.starts_with("unexpected character after line continuation");
    let from_file = reading == Reading::File || in_file.is_some();
    let line_start = source.line_start(lineno).unwrap_or(0);
    // The parser sees a line as the tokenizer read it, perhaps with lines before. A file's it reads again, and yet a stray
    // backslash is counted from there.
    let parsed = diagnostic.finder == Finder::Parser || message.starts_with("unexpected EOF");
    let begin =
        if stray || parsed && !from_file { syntax::line_as_read(source, line_start, from_file) } else { line_start };
    let shown = if from_file { line_start } else { begin } as usize..source.line_range(lineno).end;
    let column = |offset: u32| match (diagnostic.finder, &in_file) {
        _ if begin < line_start => {
            let bytes = if stray { offset - begin } else { source.byte_column(offset) } as usize;
            let line = format!("{}\0", &source.text[shown.clone()]);
            let before = &line.as_bytes()[..line.len().min(bytes + 1)];
            String::from_utf8_lossy(before).chars().count() as u32 - 1
        }
        (Finder::Scopes | Finder::Compiler, _) => source.byte_column(offset),
        _ if message.starts_with("leading zeros in decimal") => source.byte_column(offset),
        // The bytes of the text, with one more, are counted in the line of the file, which may begin with a mark.
        (finder, Some(line))
            if (finder == Finder::Parser || in_literal || never_closed)
                && (line.starts_with('\u{feff}') || !source.strange.is_empty())
                && source.line(offset) == lineno =>
        {
            let bytes = line.as_bytes();
            let before = &bytes[..bytes.len().min(source.byte_column(offset) as usize + 1)];
            String::from_utf8_lossy(before).chars().count() as u32 - 1
        }
        _ => source.line_column(offset).1,
    };
    let (column, end_column) = (column(span.start), column(span.end.max(span.start)));
    let starts = |begin: &str| message.starts_with(begin);
    let compiled = matches!(diagnostic.finder, Finder::Scopes | Finder::Compiler);
    let text = match (in_file, reading) {
        (Some(line), _)
            if !matches!(diagnostic.finder, Finder::Lexer | Finder::Tokens) || in_literal || never_closed =>
        {
            Some(line)
        }
        // The compiler takes any file for UTF-8.
        (_, Reading::File) if compiled && source.encoded && !source.line_text(lineno).is_some_and(str::is_ascii) => {
            None
        }
        (_, Reading::File) => source.line_text(lineno).map(last_piece),
        (_, Reading::Text | Reading::Part) => {
            let text = source.text.get(shown.clone()).unwrap_or_default().replace("\r\n", "\n").replace('\r', "\n");
            Some(text.strip_suffix('\n').unwrap_or(&text).to_owned())
        }
    };
    // A token without text: the end of a line, of a block or of the file.
    let nothing = span.start == span.end;
    let at_end = source.text.trim_end_matches(['\n', '\r']).len() <= span.start as usize;
    let without_line_end = reading == Reading::Part && nothing && span.end as usize == source.text.len();
    let mut offset = Some(column + 1);
    let mut end_offset = Some(i64::from(end_column) + 1);
    if source.stop.as_ref().is_some_and(|stop| stop.message == message) {
        (offset, end_offset) = (None, None);
    } else if message == "unexpected indent"
        && !text.as_ref().is_some_and(|line| line.starts_with([' ', '\t', '\x0c', '\u{feff}']))
    {
        // What is indented is the line that this one continues.
        (offset, end_offset) = (Some(0), Some(-1));
    } else if without_line_end && starts("Expected one or more names") {
        (offset, end_offset) = (Some(0), Some(column.into()));
    } else if without_line_end
        && ["expected ':'", "cannot mix", "expected an indented", "unindent"].iter().any(|begin| starts(begin))
    {
        // The token that ends the text lies on its last character.
        (offset, end_offset) = (Some(column), Some(-1));
    } else if starts("expected an indented block") && nothing {
        // The last token has no place of its own: what is said is how far the text was read.
        offset = Some(match (at_end, reading) {
            (true, Reading::File) if source.stop.is_none() => 0,
            (true, _) => column + 1,
            (false, _) => column,
        });
        end_offset = Some(-1);
    } else if ends_a_block(message) && nothing && !at_end {
        let nowhere = reading == Reading::File && message == "unexpected unindent";
        (offset, end_offset) = (Some(if nowhere { 0 } else { column }), Some(-1));
    } else if reading == Reading::File
        && (nothing && at_end && ends_a_block(message) && source.stop.is_none()
            || starts("Exceeds the limit")
            || starts("unexpected EOF") && source.line_text(lineno).is_some_and(|line| line.trim() == "\\"))
    {
        // The end of a file has no place, nor has a number that is too long.
        (offset, end_offset) = (Some(0), Some(-1));
    } else if nothing
        && (diagnostic.code == "IndentationError"
            || in_literal
            || starts("unexpected EOF")
            || at_end && starts("expected 'except' or 'finally' block"))
    {
        end_offset = Some(-1);
    } else if starts("':' expected after dictionary key") {
        // The column where the key ends is looked for in the line where it begins.
        let line = source.line_text(lineno).unwrap_or_default().as_bytes();
        let before = &line[..line.len().min(source.byte_column(span.end) as usize)];
        (offset, end_offset) = (Some(String::from_utf8_lossy(before).chars().count() as u32), Some(0));
    } else if starts("inconsistent use of tabs") || stray || never_closed {
        end_offset = Some(0);
    } else if starts("future feature") || message == "not a chance" {
        end_offset = None;
    } else if diagnostic.finder == Finder::End
        || reading == Reading::Part && nothing && message == "invalid syntax" && span.end as usize == source.text.len()
    {
        // What should follow is nowhere.
        (offset, end_offset) = (Some(0), Some(0));
        if source.text.is_empty() {
            (lineno, end_lineno) = (0, 0);
        }
    } else if (nothing || source.text.get(span.range()).is_some_and(|text| text.starts_with('#')))
        && (message == "invalid syntax"
            || starts("expected ':'")
            || starts("expected '('")
            || starts("trailing comma")
            || starts("cannot mix"))
    {
        end_offset = Some(i64::from(end_column) + 2);
    }
    // Both columns are counted in the first line.
    if end_lineno > lineno
        && reading != Reading::File
        && matches!(diagnostic.finder, Finder::Lexer | Finder::Tokens | Finder::Parser)
    {
        let first = text.as_deref().unwrap_or_default().as_bytes();
        let end = source.byte_column(span.end) as usize;
        let within = String::from_utf8_lossy(&first[..end.min(first.len())]).chars().count() as i64 + 1;
        end_offset = end_offset.map(|end| if end == i64::from(end_column) + 1 { within } else { end.min(within) });
    }
    if starts("multiple statements found") {
        (end_lineno, end_offset) = (lineno, Some(i64::from(column) + 2));
    }
    Some(SyntaxPlace { filename: source.name.to_string(), lineno, offset, end_lineno, end_offset, text })
}
