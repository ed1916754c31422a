//! Reading on after a bracket that is never closed: in a second reading, it ends where a statement begins.
//!
//! Only brackets that the first reading found unclosed are mended, so what is right stays as it is.

use super::Lexer;
use crate::source::Span;
use crate::syntax::token::TokenKind;

/// What a line inside brackets never starts with.
const STATEMENTS: [&str; 17] = [
    "def", "class", "import", "return", "while", "try", "except", "finally", "raise", "pass", "break", "continue",
    "del", "global", "nonlocal", "assert", "elif",
];
/// What starts a statement if the line ends with a colon.
const HEADS: [&str; 5] = ["if", "for", "else", "async", "with"];
/// What may continue an expression.
const OPERATORS: [&str; 10] = ["if", "for", "else", "async", "in", "is", "and", "or", "not", "from"];

impl Lexer<'_, '_> {
    /// At a line break inside brackets: whether they end here.
    pub(super) fn mend(&mut self, at: usize) -> bool {
        let Some(&(_, outermost, _)) = self.brackets.first() else { return false };
        let unclosed = self.brackets.iter().rfind(|(_, offset, _)| self.is_to_mend(*offset));
        let Some(&(bracket, offset, _)) = unclosed.filter(|_| self.fstrings.is_empty()) else { return false };
        let line_start = self.text[..outermost].rfind(['\n', '\r']).map_or(0, |at| at + 1);
        if !starts_statement(&self.text[at + 1..], indentation(&self.text[line_start..])) {
            return false;
        }
        let place = Span::new(offset, offset);
        self.fault(format!("'{}' was never closed", bracket as char), place);
        self.out.mended.push(Span::new(line_start, at));
        while let Some((bracket, ..)) = self.brackets.pop() {
            let closer = match bracket {
                b'(' => TokenKind::RParen,
                b'[' => TokenKind::RBracket,
                _ => TokenKind::RBrace,
            };
            self.push(closer, Span::new(at, at));
        }
        true
    }

    /// Behind the last one, nobody has looked if reading was given up.
    fn is_to_mend(&self, offset: usize) -> bool {
        self.to_mend.binary_search(&offset).is_ok()
            || self.to_mend.last() == Some(&usize::MAX) && self.to_mend.iter().rev().nth(1) < Some(&offset)
    }

    /// A closing bracket that does not match the last open one closes all up to the one it matches.
    pub(super) fn mend_closed(&mut self, closer: char) {
        let opener = match closer {
            ')' => b'(',
            ']' => b'[',
            _ => b'{',
        };
        if !self.to_mend.is_empty() && self.fstrings.is_empty() {
            if let Some(at) = self.brackets.iter().rposition(|(c, ..)| *c == opener) {
                self.brackets.truncate(at);
            }
        }
    }
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '\t']).len()
}

/// Whether a line can only be a new statement, given how far the line with the bracket is indented.
fn starts_statement(rest: &str, limit: usize) -> bool {
    let line = rest.split(['\n', '\r']).next().unwrap_or("");
    let text = line.trim();
    let word = text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or("");
    let is_name = word.starts_with(|c: char| c.is_alphabetic() || c == '_');
    STATEMENTS.contains(&word)
        || HEADS.contains(&word) && text.ends_with(':')
        || word == "from" && text.contains(" import ")
        || indentation(line) <= limit && (text.starts_with('@') || is_name && !OPERATORS.contains(&word))
}
