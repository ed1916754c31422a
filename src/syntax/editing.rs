//! What an editor asks about a text: the kinds of its words, matching brackets, and how the next line is indented.
//!
//! All answers come from the lexer that reads scripts. **Invariant**: any text has an answer, however broken it is.

use std::ops::Range;

use super::lexer::{Lexed, Open, lex};
use super::token::{Token, TokenKind as K};
use crate::source::Source;
use crate::symbol::Interner;

/// One level of indentation.
pub const INDENT: usize = 4;

/// What a stretch of text is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Word {
    Keyword,
    /// `True`, `False`, `None`, `...`.
    Constant,
    Number,
    Text,
    Comment,
    /// The name that a `def` or `class` defines.
    Definition,
}

/// The words worth a colour, in the order of the text.
pub fn words(text: &str) -> Vec<(Range<usize>, Word)> {
    let lexed = lex(&Source::with("", text), &mut Interner::default());
    let mut words: Vec<(Range<usize>, Word)> = Vec::new();
    let mut end = 0;
    let mut defines = false;
    for token in &lexed.tokens {
        let range = token.span.range();
        comments(text, end..range.start, &mut words);
        let word = match token.kind {
            K::True | K::False | K::None | K::Ellipsis => Some(Word::Constant),
            K::Number => Some(Word::Number),
            K::String | K::FStringStart | K::FStringMiddle | K::FStringEnd => Some(Word::Text),
            K::Name if defines => Some(Word::Definition),
            K::Newline => {
                comments(text, range.clone(), &mut words);
                None
            }
            kind if kind.is_keyword() => Some(Word::Keyword),
            _ => None,
        };
        defines = matches!(token.kind, K::Def | K::Class);
        end = end.max(range.end);
        if let Some(word) = word {
            words.push((range, word));
        }
    }
    comments(text, end..text.len(), &mut words);
    if let Some(open) = open_text(text, &lexed) {
        words.retain(|(range, _)| range.start < open);
        words.push((open..text.len(), Word::Text));
    }
    words
}

/// What lies between two tokens is white space, line breaks and comments.
fn comments(text: &str, between: Range<usize>, words: &mut Vec<(Range<usize>, Word)>) {
    let mut at = between.start;
    while let Some(found) = text.get(at..between.end).and_then(|rest| rest.find('#')) {
        let start = at + found;
        let length = text[start..between.end].find(['\n', '\r']).unwrap_or(between.end - start);
        words.push((start..start + length, Word::Comment));
        at = start + length;
    }
}

/// Where the string begins that the text ends in.
fn open_text(text: &str, lexed: &Lexed) -> Option<usize> {
    let fault = lexed.faults.iter().find(|fault| fault.message.starts_with("unterminated "))?;
    let start = fault.span.start as usize;
    // One that ends with its line is over.
    let rest = text.get(start..)?;
    (lexed.open == Some(Open::Text) || lexed.ends_in_fstring || !rest.contains('\n')).then_some(start)
}

/// Whether a place is inside a string or a comment.
pub fn in_text(text: &str, at: usize) -> bool {
    words(text).iter().any(|(range, word)| match word {
        // Behind the last quote it is over, unless that is missing.
        Word::Text => range.start < at && (at < range.end || (at == text.len() && unfinished(text))),
        Word::Comment => range.start < at && at <= range.end,
        _ => false,
    })
}

fn unfinished(text: &str) -> bool {
    let lexed = lex(&Source::with("", text), &mut Interner::default());
    open_text(text, &lexed).is_some()
}

/// The partner of a bracket at a place or just before it, and the bracket: two offsets.
pub fn brackets_at(text: &str, at: usize) -> Option<(usize, usize)> {
    let lexed = lex(&Source::with("", text), &mut Interner::default());
    let mut open: Vec<Token> = Vec::new();
    let mut found = None;
    for token in &lexed.tokens {
        if token.kind.opens() {
            open.push(*token);
        } else if token.kind.closes() {
            let Some(partner) = open.pop() else { continue };
            let (start, end) = (partner.span.start as usize, token.span.start as usize);
            // The one under the cursor comes before the one behind it.
            if start == at || end == at {
                return Some((start, end));
            }
            if start + 1 == at || end + 1 == at {
                found = Some((start, end));
            }
        }
    }
    found
}

/// How far the line after this text is indented: as the last one, deeper after a colon or an opening bracket, less deep
/// after what leaves a block. `None` inside a string.
pub fn next_indentation(text: &str) -> Option<usize> {
    let lexed = lex(&Source::with("", text), &mut Interner::default());
    if open_text(text, &lexed).is_some() {
        return None;
    }
    let line = text.rsplit('\n').find(|line| !line.trim().is_empty()).unwrap_or("");
    let own = line.len() - line.trim_start().len();
    let line_start = text.rfind(line).unwrap_or(0);
    let real: Vec<&Token> = lexed
        .tokens
        .iter()
        .filter(|token| !matches!(token.kind, K::Newline | K::Indent | K::Dedent | K::End))
        .filter(|token| token.span.start as usize >= line_start)
        .collect();
    let in_brackets = matches!(lexed.open, Some(Open::Bracket(..)));
    Some(match (real.first().map(|t| t.kind), real.last().map(|t| t.kind)) {
        (_, Some(last)) if last.opens() => own + INDENT,
        (_, Some(K::Colon)) if !in_brackets => own + INDENT,
        (Some(K::Return | K::Raise | K::Pass | K::Break | K::Continue), _) if !in_brackets => {
            own.saturating_sub(INDENT)
        }
        _ => own,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<(&str, Word)> {
        words(text).into_iter().map(|(range, word)| (&text[range], word)).collect()
    }

    #[test]
    fn words_have_kinds() {
        use Word::*;
        let expected = [
            ("async", Keyword),
            ("def", Keyword),
            ("f", Definition),
            ("# c", Comment),
            ("return", Keyword),
            ("1", Number),
        ];
        assert_eq!(shown("async def f(): # c\n    return 1"), expected);
        assert_eq!(shown("x = 'a' # b"), [("'a'", Text), ("# b", Comment)]);
        assert_eq!(shown("x = \"\"\"a\nif"), [("\"\"\"a\nif", Text)]);
        assert_eq!(shown("print('ab"), [("'ab", Text)]);
        assert_eq!(shown("# only"), [("# only", Comment)]);
        assert_eq!(shown("(\n# in\n1"), [("# in", Comment), ("1", Number)]);
    }

    #[test]
    fn any_text_has_an_answer() {
        for text in ["", "\"", "f'{", "f'{x!", "((", "))", "\\", "$", "\u{feff}", "é'", "f\"\"\"{'", "  x\n y"] {
            words(text);
            next_indentation(text);
            for at in 0..=text.len() {
                brackets_at(text, at);
                in_text(text, at);
            }
        }
    }

    #[test]
    fn brackets_match_outside_strings() {
        assert_eq!(brackets_at("f(')')", 1), Some((1, 5)));
        assert_eq!(brackets_at("f(')')", 6), Some((1, 5)));
        assert_eq!(brackets_at("f(", 1), None);
    }

    #[test]
    fn the_next_line_is_indented() {
        assert_eq!(next_indentation("def f():"), Some(4));
        assert_eq!(next_indentation("def f():\n    if x:  # why"), Some(8));
        assert_eq!(next_indentation("def f():\n    x = 1"), Some(4));
        assert_eq!(next_indentation("def f():\n    return 1"), Some(0));
        assert_eq!(next_indentation("f("), Some(4));
        assert_eq!(next_indentation("x = {'a':"), Some(0));
        assert_eq!(next_indentation("x = '''a"), None);
    }

    #[test]
    fn strings_and_comments_are_text() {
        assert!(in_text("x = 'as", 7));
        assert!(!in_text("x = 'as'", 8));
        assert!(in_text("# as", 4));
        assert!(!in_text("as", 2));
    }
}
