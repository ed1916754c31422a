//! How the edited text looks: colours by the lexer that reads scripts, and a prompt before every line.
//!
//! The editing library draws one prompt only. So a further line of an input begins with a [`PAD`] of characters that no
//! program has there, which is drawn as `... ` and taken out before anybody reads the text.

use std::fmt::Write as _;

use aio::syntax::editing::{INDENT, Word, brackets_at, words};

/// Four no-break spaces.
pub(super) const PAD: &str = "\u{a0}\u{a0}\u{a0}\u{a0}";

/// Stands for the first blank of a level of indentation, so that a key can take back a level.
pub(super) const MARK: char = '\u{2007}';

/// So many blanks of indentation, their levels marked.
pub(super) fn indentation(width: usize) -> String {
    (0..width).map(|at| if at % INDENT == 0 { MARK } else { ' ' }).collect()
}

/// The text as it will be read, and where the byte offset `at` is in it.
pub(super) fn unpad(text: &str, at: usize) -> (String, usize) {
    let mut plain = String::with_capacity(text.len());
    let mut plain_at = None;
    let mut leading = true;
    let mut pad = 0..0;
    for (offset, c) in text.char_indices() {
        if offset >= at {
            plain_at.get_or_insert(plain.len());
        }
        if text[offset..].starts_with(PAD) && !pad.contains(&offset) {
            pad = offset..offset + PAD.len();
        }
        leading = c == '\n' || pad.contains(&offset) || (leading && matches!(c, ' ' | MARK | '\u{a0}'));
        match c {
            '\u{a0}' if leading => {}
            MARK if leading => plain.push(' '),
            c => plain.push(c),
        }
    }
    let plain_at = plain_at.unwrap_or(plain.len());
    (plain, plain_at)
}

/// The text as it is edited.
pub(super) fn pad(text: &str) -> String {
    let mut lines = text.split('\n');
    let mut padded = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        let own = line.trim_start_matches(' ');
        padded.extend(["\n", PAD, &indentation(line.len() - own.len()), own]);
    }
    padded
}

/// The text as it is drawn. `at` is the cursor's byte offset, for its bracket's partner.
pub(super) fn paint(padded: &str, at: Option<usize>, color: bool) -> String {
    let (text, cursor) = unpad(padded, at.unwrap_or(0));
    let mut marks: Vec<(usize, usize, &str)> = Vec::new();
    if color {
        marks.extend(words(&text).into_iter().map(|(range, word)| (range.start, range.end, style(word))));
        if let Some((open, close)) = at.and_then(|_| brackets_at(&text, cursor)) {
            marks.extend([(open, open + 1, "1;4"), (close, close + 1, "1;4")]);
            marks.sort_unstable();
        }
    }
    let mut out = String::with_capacity(padded.len() * 2);
    let mut done = 0;
    // The first line has the real prompt.
    let mut padded_lines = padded.split('\n').skip(1).map(|line| line.starts_with(PAD));
    let mut copy = |out: &mut String, part: &str, style: Option<&str>| {
        for (i, line) in part.split('\n').enumerate() {
            if i > 0 {
                out.push('\n');
                if padded_lines.next().unwrap_or(false) {
                    out.push_str(if color { "\x1b[2m... \x1b[0m" } else { "... " });
                }
            }
            match style {
                Some(style) if !line.is_empty() => {
                    let _ = write!(out, "\x1b[{style}m{line}\x1b[0m");
                }
                _ => out.push_str(line),
            }
        }
    };
    for (start, end, style) in marks {
        if start >= done {
            copy(&mut out, text.get(done..start).unwrap_or_default(), None);
            copy(&mut out, text.get(start..end).unwrap_or_default(), Some(style));
            done = end;
        }
    }
    copy(&mut out, text.get(done..).unwrap_or_default(), None);
    out
}

fn style(word: Word) -> &'static str {
    match word {
        Word::Keyword => "1;34",
        Word::Constant => "35",
        Word::Number => "36",
        Word::Text => "32",
        Word::Comment => "2",
        Word::Definition => "1;33",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn further_lines_have_a_prompt() {
        let padded = pad("if x:\n    1");
        assert_eq!(paint(&padded, None, false), "if x:\n...     1");
        assert_eq!(unpad(&padded, padded.len()), ("if x:\n    1".to_owned(), 11));
        assert_eq!(unpad(&padded, 14), ("if x:\n    1".to_owned(), 6));
        assert_eq!(unpad("\u{2007}   x = '\u{a0}\u{2007}'", 0).0, "    x = '\u{a0}\u{2007}'");
    }

    #[test]
    fn words_are_coloured() {
        let expected = "\x1b[1;34mif\x1b[0m \x1b[1;4m(\x1b[0m\x1b[36m1\x1b[0m\x1b[1;4m)\x1b[0m";
        assert_eq!(paint("if (1)", Some(6), true), expected);
        let text = pad("\"\"\"a\nb\"\"\"");
        let expected = "\x1b[32m\"\"\"a\x1b[0m\n\x1b[2m... \x1b[0m\x1b[32mb\"\"\"\x1b[0m";
        assert_eq!(paint(&text, None, true), expected);
    }
}
