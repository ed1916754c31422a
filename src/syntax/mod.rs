//! Text to tree: lexer, parser and the tree itself. Knows no values.

pub mod ast;
mod decode;
mod dump;
mod lexer;
mod literal;
mod number;
mod parser;
pub mod token;

use std::fmt::Write as _;
use std::rc::Rc;

pub use self::decode::decode;
pub use self::dump::operand_end;
pub use self::literal::surrogate_to_char;

use self::ast::{Expr, Module};
use self::lexer::{Fault, Lexed, Open, lex};
use self::parser::{Found, Outcome};
use crate::diagnostic::{Diagnostic, Severity};
use crate::source::{Source, Span};
use crate::symbol::Interner;

/// What became of a text.
#[derive(Debug)]
pub enum Parsed<T> {
    Complete(T),
    /// More input could make it valid: a bracket, a block or a triple-quoted string is open. The diagnostics say what is
    /// wrong if nothing follows.
    Incomplete(Vec<Diagnostic>),
    /// Never empty; the first is the one CPython reports.
    Invalid(Vec<Diagnostic>),
}

/// Parses a file, or the text given to `exec()`.
pub fn parse_module(source: &Rc<Source>, interner: &mut Interner) -> Parsed<Module> {
    parse(source, interner, false)
}

/// Parses one input of a session: a compound statement is complete only when an empty line ends it.
pub fn parse_interactive(source: &Rc<Source>, interner: &mut Interner) -> Parsed<Module> {
    parse(source, interner, true)
}

/// Parses what `eval()` takes.
pub fn parse_expression(source: &Rc<Source>, interner: &mut Interner) -> Parsed<Expr> {
    if let Some(too_large) = too_large(source) {
        return Parsed::Invalid(vec![too_large]);
    }
    let lexed = lex(&source.text, interner);
    let outcome = parser::eval(&source.text, &lexed, interner);
    conclude(source, &lexed, outcome, false).0
}

fn parse(source: &Rc<Source>, interner: &mut Interner, interactive: bool) -> Parsed<Module> {
    if let Some(too_large) = too_large(source) {
        return Parsed::Invalid(vec![too_large]);
    }
    let lexed = lex(&source.text, interner);
    let outcome = parser::file(&source.text, &lexed, interner);
    let compound = lexed.tokens.iter().any(|token| token.kind == token::TokenKind::Indent);
    let ended = interactive && ends_with_empty_line(&source.text);
    let (parsed, warnings) = conclude(source, &lexed, outcome, ended);
    match parsed {
        Parsed::Complete(_) if interactive && compound && !ended => Parsed::Incomplete(Vec::new()),
        Parsed::Complete(body) => Parsed::Complete(Module { body, warnings }),
        Parsed::Incomplete(diagnostics) => Parsed::Incomplete(diagnostics),
        Parsed::Invalid(diagnostics) => Parsed::Invalid(diagnostics),
    }
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

/// Puts together what lexer and parser found, in the order in which CPython would.
fn conclude<T>(source: &Rc<Source>, lexed: &Lexed, outcome: Outcome<T>, ended: bool) -> (Parsed<T>, Vec<Diagnostic>) {
    let end = lexed.tokens.len() - 1;
    let at_end =
        |index: usize| index >= end || lexed.tokens[index..].iter().all(|token| token.span.start >= text_end(source));
    let mut errors: Vec<(u32, Fault)> = Vec::new();
    // A parse that stopped before the end stopped at something no further input can mend.
    let mut mendable = !lexed.gave_up;
    for Found { fault: mut raised, at: index, touched } in outcome.diagnostics {
        let place = lexed.tokens[index].span.start;
        let stopped_early = !at_end(index);
        if let Some(Open::Bracket(bracket, offset)) = lexed.open {
            // CPython gives up at the end of the text, or looks there for a better reason than a later line's error.
            let last = touched.max(index);
            let reached_end = !stopped_early || last >= end;
            let later_line = source.line(lexed.tokens[last].span.start) > source.line(offset) && offset < place;
            if (reached_end || later_line) && raised.class == "SyntaxError" {
                let span = Span { start: offset, end: offset };
                raised.message = format!("'{bracket}' was never closed");
                raised.span = span;
            }
        }
        if !matches!(lexed.open, Some(Open::Text)) {
            mendable &= !stopped_early;
        }
        errors.push((place, raised));
    }
    let unexpected = |raised: &Fault| raised.message.starts_with("unexpected ") && raised.class == "IndentationError";
    let first_fault = lexed.faults.first().map_or(u32::MAX, |fault| fault.span.start);
    if !lexed.faults.is_empty() {
        // A statement in which the text itself is at fault fails for that reason alone.
        let overrides = lexed.faults[0].overrides;
        let lead = errors.first().is_some_and(|(place, fault)| {
            *place < first_fault && (unexpected(fault) || !overrides)
        });
        let lead = lead.then(|| errors.remove(0));
        errors.retain(|(place, _)| {
            !lexed.faults.iter().any(|fault| source.line(fault.span.start) == source.line(*place))
        });
        let mut all: Vec<(u32, Fault)> = lexed.faults.iter().map(|fault| (fault.span.start, fault.clone())).collect();
        all.append(&mut errors);
        // What CPython reports comes first, the rest in order.
        let first = lead.unwrap_or_else(|| all.remove(0));
        all.sort_by_key(|(place, _)| *place);
        all.insert(0, first);
        errors = all;
    }
    let warnings =
        lexed.warnings.iter().map(|warning| Diagnostic { severity: Severity::Warning, ..diagnostic(source, warning) });
    let warnings = warnings.collect();
    let diagnostics: Vec<Diagnostic> = errors.iter().map(|(_, raised)| diagnostic(source, raised)).collect();
    let text_open = lexed.open == Some(Open::Text) && lexed.faults.len() == 1;
    let parsed = match outcome.value {
        Some(value) if diagnostics.is_empty() && lexed.open.is_none() => Parsed::Complete(value),
        _ if lexed.faults.is_empty() && mendable && lexed.open.is_some() => Parsed::Incomplete(diagnostics),
        _ if text_open && mendable && diagnostics.len() == 1 => Parsed::Incomplete(diagnostics),
        _ if lexed.faults.is_empty() && mendable && !ended => Parsed::Incomplete(diagnostics),
        _ => Parsed::Invalid(diagnostics),
    };
    (parsed, warnings)
}

/// Where the text ends, not counting what follows its last token.
fn text_end(source: &Source) -> u32 {
    source.text.trim_end().len() as u32
}

fn diagnostic(source: &Rc<Source>, raised: &Fault) -> Diagnostic {
    let mut span = raised.span;
    let length = source.text.len() as u32;
    if span.start == length && source.text.ends_with('\n') {
        // The end of the text is shown at the end of its last line.
        let line_end = length - if source.text.ends_with("\r\n") { 2 } else { 1 };
        span = Span { start: line_end, end: line_end };
    }
    span.end = span.end.min(length);
    if matches!(source.text.as_bytes().get(span.start as usize), Some(b'\n' | b'\r')) {
        // The end of a line has no width.
        span.end = span.start;
    }
    Diagnostic::error(raised.class, raised.message.as_str(), source, span)
}

/// The tokens of a text, one a line: what the lexer made of it.
pub fn dump_tokens(source: &Rc<Source>, interner: &mut Interner) -> String {
    let lexed = lex(&source.text, interner);
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

/// The tree as `ast.dump(tree, indent=2)` shows it.
pub fn dump_ast(module: &Module, interner: &Interner) -> String {
    dump::module(module, interner, None)
}

/// [`dump_ast`] with the places of expressions, statements, patterns, handlers and aliases, as
/// `include_attributes=True` shows them.
pub fn dump_ast_with_places(module: &Module, source: &Source, interner: &Interner) -> String {
    dump::module(module, interner, Some(source))
}
