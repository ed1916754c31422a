//! Text to tree: lexer, parser and the tree itself. Knows no values.

pub mod ast;
mod calls;
mod decode;
mod dump;
pub mod editing;
mod lexer;
mod literal;
mod number;
mod parser;
pub mod token;
pub mod unparse;
mod verdict;
pub mod visit;

use std::fmt::Write as _;
use std::rc::Rc;

pub use self::calls::{CallFound, Fate, calls_within};
pub use self::decode::{Origin, decode};
pub use self::dump::dump_ast;
pub use self::literal::surrogate_to_char;

use self::ast::{Expr, Module, Stmt, StmtKind};
use self::lexer::lex;
use self::token::{Token, TokenKind};
use self::verdict::conclude;
use crate::diagnostic::Diagnostic;
use crate::source::{Source, Span};
use crate::symbol::Interner;

/// What became of a text.
#[derive(Debug)]
pub enum Parsed<T> {
    Complete(T),
    /// More input could make it valid: a bracket, a block or a triple-quoted string is open. The diagnostics say what is
    /// wrong if nothing follows.
    Incomplete(Vec<Diagnostic>),
    /// Never empty; the first is the one CPython reports. The warnings that it gives before that come last.
    Invalid(Vec<Diagnostic>),
}

/// Parses a file, or the text given to `exec()`.
pub fn parse_module(source: &Rc<Source>, interner: &mut Interner) -> Parsed<Module> {
    parse(source, interner, false)
}

/// Where the line of an offset begins as CPython's tokenizer reads it: with the lines before that a string goes over or
/// a backslash joins to it, and in a file the lines of an f-string's fields.
pub fn line_as_read(source: &Source, offset: u32, is_file: bool) -> u32 {
    let mut spans: Vec<(Span, bool)> = Vec::new();
    let mut fstrings = 0;
    for token in lex(source, &mut Interner::default()).tokens {
        match spans.last_mut().filter(|_| is_file && fstrings > 0) {
            Some((fstring, _)) => fstring.end = token.span.end,
            None => spans.push((token.span, token.kind.is_text())),
        }
        fstrings += i32::from(token.kind == TokenKind::FStringStart) - i32::from(token.kind == TokenKind::FStringEnd);
    }
    let joined = |line_break: u32| {
        let Some(&(span, is_string)) = spans[..spans.partition_point(|(span, _)| span.start <= line_break)].last()
        else {
            return source.text[..line_break as usize].ends_with('\\');
        };
        let gap = source.text.get(span.end as usize..line_break as usize);
        gap.map_or(is_string, |gap| gap.trim_end_matches('\r').ends_with('\\') && !gap.contains('#'))
    };
    let starts = |line| source.line_start(line).unwrap_or(0);
    let mut first = 1;
    for line in 2..=source.line(offset) {
        // What indents a line is not joined to it.
        let blank = source.line_text(line - 1).is_some_and(|text| text.trim_start() == "\\") && first == line - 1;
        if blank || !joined(starts(line) - 1) {
            first = line;
        }
    }
    starts(first)
}

/// All errors of a file that [`parse_module`] failed on, given those it found.
pub fn all_errors(source: &Rc<Source>, interner: &mut Interner, errors: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let lexed = lex(source, interner);
    let mut to_mend = open_brackets(&lexed.tokens, &errors);
    to_mend.extend(lexed.unclosed);
    if to_mend.is_empty() {
        return errors;
    }
    to_mend.sort_unstable();
    to_mend.dedup();
    to_mend.extend(lexed.gave_up.then_some(usize::MAX));
    let lexed = lexer::lex_mending(source, interner, to_mend);
    let outcome = parser::file(&source.text, &lexed);
    verdict::all_errors(source, &lexed, outcome, errors)
}

/// The brackets around errors: what closes one may be a surplus bracket far behind.
fn open_brackets(tokens: &[Token], errors: &[Diagnostic]) -> Vec<usize> {
    let mut places: Vec<u32> = errors.iter().filter_map(|error| Some(error.place.as_ref()?.span.start)).collect();
    places.sort_unstable();
    let (mut open, mut around, mut places) = (Vec::new(), Vec::new(), places.into_iter().peekable());
    for token in tokens {
        while places.next_if(|&place| place <= token.span.start).is_some() {
            around.extend(&open);
        }
        if token.kind.opens() {
            open.push(token.span.start as usize);
        } else if token.kind.closes() {
            open.pop();
        }
    }
    around
}

/// Parses one input of a session: a compound statement is complete only when an empty line ends it.
pub fn parse_interactive(source: &Rc<Source>, interner: &mut Interner) -> Parsed<Module> {
    parse(source, interner, true)
}

/// Parses what `eval()` takes.
pub fn parse_expression(source: &Rc<Source>, interner: &mut Interner) -> Parsed<(Expr, Vec<Diagnostic>)> {
    if let Some(too_large) = too_large(source) {
        return Parsed::Invalid(vec![too_large]);
    }
    let lexed = lex(source, interner);
    let outcome = parser::eval(&source.text, &lexed);
    let (parsed, warnings) = conclude(source, &lexed, outcome, false);
    match parsed {
        Parsed::Complete(expr) => Parsed::Complete((expr, warnings)),
        Parsed::Incomplete(diagnostics) => Parsed::Incomplete(diagnostics),
        Parsed::Invalid(diagnostics) => Parsed::Invalid(diagnostics),
    }
}

fn parse(source: &Rc<Source>, interner: &mut Interner, interactive: bool) -> Parsed<Module> {
    if let Some(too_large) = too_large(source) {
        return Parsed::Invalid(vec![too_large]);
    }
    let lexed = lex(source, interner);
    let outcome = parser::file(&source.text, &lexed);
    let ended = interactive && ends_with_empty_line(&source.text);
    let (parsed, warnings) = conclude(source, &lexed, outcome, ended);
    match parsed {
        Parsed::Complete(body) if interactive && !ended && body.last().is_some_and(has_block) => {
            Parsed::Incomplete(Vec::new())
        }
        Parsed::Complete(body) => Parsed::Complete(Module { body, warnings }),
        Parsed::Incomplete(diagnostics) => Parsed::Incomplete(diagnostics),
        Parsed::Invalid(diagnostics) => Parsed::Invalid(diagnostics),
    }
}

fn has_block(stmt: &Stmt) -> bool {
    matches!(
        stmt.kind,
        StmtKind::If { .. }
            | StmtKind::While { .. }
            | StmtKind::For { .. }
            | StmtKind::Try { .. }
            | StmtKind::With { .. }
            | StmtKind::Match { .. }
            | StmtKind::FunctionDef(_)
            | StmtKind::ClassDef(_)
    )
}

fn ends_with_empty_line(text: &str) -> bool {
    let mut lines = text.rsplit('\n');
    match (lines.next(), lines.next()) {
        (Some(""), Some(line)) => line.trim_matches([' ', '\t', '\r', '\x0c']).is_empty(),
        _ => false,
    }
}

/// Spans hold 32 bits.
fn too_large(source: &Rc<Source>) -> Option<Diagnostic> {
    (source.text.len() >= u32::MAX as usize / 2)
        .then(|| Diagnostic::error("MemoryError", "source too large", source, Span::default()))
}

/// The tokens of a text, one a line: what the lexer made of it.
pub fn dump_tokens(source: &Rc<Source>, interner: &mut Interner) -> String {
    let lexed = lex(source, interner);
    let mut out = String::new();
    for token in &lexed.tokens {
        let (line, column) = source.line_column(token.span.start);
        let text = source.text.get(token.span.range()).unwrap_or("");
        let _ = writeln!(out, "{line}:{column} {:?} {text:?}", token.kind);
    }
    for fault in &lexed.faults {
        let (line, column) = source.line_column(fault.span.start);
        let _ = writeln!(out, "{line}:{column} {}: {}", fault.class, fault.message);
    }
    out
}

#[cfg(test)]
mod tests;
