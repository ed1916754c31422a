//! The parser: one grammar, that of `grammar.md`, over the lexer's tokens.
//!
//! Every production of the grammar is a function of the same name. `input.rs` says how they are built and what bounds
//! their recursion; `explain.rs` holds what is only looked for when a statement has failed.

mod compound;
mod display;
mod explain;
mod explain_expr;
mod explain_target;
mod expr;
mod input;
mod params;
mod pattern;
mod recover;
mod stmt;
mod strings;
mod target;

use chumsky::prelude::*;

pub(super) use self::input::Found;
use self::input::{Inp, Res, State, Tokens, eat, fail, peek_kind};
pub(super) use self::recover::MAX_DIAGNOSTICS;
use super::ast::{Expr, Stmt};
use super::lexer::{Fault, Lexed};
use super::token::{Token, TokenKind as K};

/// What a parse found.
pub(super) struct Outcome<T> {
    /// `None` if there are errors.
    pub(super) value: Option<T>,
    pub(super) diagnostics: Vec<Found>,
}

/// `file: [statements] ENDMARKER`
pub(super) fn file(text: &str, lexed: &Lexed) -> Outcome<Vec<Stmt>> {
    let mut state = State::new(text, lexed);
    let tokens: Tokens<'_> = &lexed.tokens;
    let (value, _) = custom(statements_to_end).lazy().parse_with_state(tokens, &mut state).into_output_errors();
    let value = value.filter(|_| state.diagnostics.is_empty());
    let mut diagnostics = state.diagnostics;
    let at_once = |first: &Found| first.at_once || first.fault.message.starts_with("'in' expected");
    if let Some(first) = diagnostics.first_mut().filter(|first| !at_once(first)) {
        if let Some((fault, touched)) = suspected_before(text, lexed, first) {
            first.fault = fault;
            first.touched = first.touched.max(touched);
        }
    }
    Outcome { value, diagnostics }
}

/// When a statement fails, CPython also looks at what is wrong with those before it, and then takes `print -1` for a
/// statement of Python 2, `match(a)` for one without its colon, and the parameters in `type A[T=1]` for a subscript.
/// Gives as well the furthest token it looked at.
#[cold]
fn suspected_before(text: &str, lexed: &Lexed, first: &Found) -> Option<(Fault, usize)> {
    let before = |token: &&Token| token.span.start < first.fault.span.start;
    let shapes_lines = |kind| matches!(kind, K::Newline | K::Indent | K::Dedent);
    let tokens = &lexed.tokens[..lexed.tokens.iter().take_while(before).count()];
    (0..tokens.len()).find_map(|at| {
        let [name, next, ..] = tokens[at..] else { return None };
        if name.kind != K::Name {
            return None;
        }
        let previous = tokens[..at].last().map(|previous| previous.kind);
        let begins_line = previous.is_none_or(shapes_lines);
        let begins = begins_line || matches!(previous, Some(K::Semicolon | K::Colon));
        let line = tokens[..at].iter().rposition(|token| shapes_lines(token.kind)).map_or(0, |end| end + 1);
        let opening = text.get(tokens[line].span.range())?;
        let operand = previous.is_some_and(|kind| match kind {
            // The condition in an expression is read as a part of that.
            K::If => line + 1 == at || opening == "case",
            K::In => opening == "for",
            K::Elif | K::While | K::With | K::Return | K::Else | K::Raise | K::Assert | K::From | K::Yield => true,
            K::Comma | K::Equal | K::Walrus | K::Arrow | K::At => true,
            _ => kind.opens() || stmt::augassign(kind).is_some() || opening == "match" && line + 1 == at,
        });
        let word = text.get(name.span.range())?;
        let mut state = State { tokens: &lexed.tokens[at..], ..State::new(text, lexed) };
        let tokens: Tokens<'_> = state.tokens;
        let production: fn(&mut Inp<'_, '_>) -> Res<()> = match (word, next.kind) {
            ("print" | "exec", K::LBracket | K::Minus | K::Plus | K::Star) if operand => {
                |inp| explain_expr::old_print(inp, true)
            }
            ("print" | "exec", K::LBracket | K::Minus | K::Plus | K::Star) if begins => {
                |inp| explain_expr::old_print(inp, false)
            }
            ("match", K::LParen | K::LBracket | K::Minus | K::Star) if begins_line => pattern::match_without_colon,
            ("type", K::Name) if begins => stmt::subscripted_alias,
            _ => return None,
        };
        let _ = custom(production).lazy().parse_with_state(tokens, &mut state).into_output_errors();
        let fault = state.raised?;
        // `match` misses its colon where the parser has come to.
        let span = if fault.message == "expected ':'" { lexed.tokens[first.at].span } else { fault.span };
        Some((Fault { span, ..fault }, at + state.touched.max(state.furthest)))
    })
}

fn statements_to_end(inp: &mut Inp<'_, '_>) -> Res<Vec<Stmt>> {
    let mut body = Vec::new();
    loop {
        recover::statements(inp, &mut body)?;
        if eat(inp, K::Dedent).is_none() {
            return Ok(body);
        }
    }
}

/// `eval: expressions NEWLINE* ENDMARKER`
pub(super) fn eval(text: &str, lexed: &Lexed) -> Outcome<Expr> {
    let mut state = State::new(text, lexed);
    let tokens: Tokens<'_> = &lexed.tokens;
    let (value, _) = custom(expressions_to_end).lazy().parse_with_state(tokens, &mut state).into_output_errors();
    if value.is_none() && state.diagnostics.is_empty() {
        let furthest = state.furthest;
        if state.raised.is_none() {
            state.explain = true;
            state.again = true;
            let _ = custom(expressions_to_end).lazy().parse_with_state(tokens, &mut state).into_output_errors();
        }
        let fault = state.raised.take().unwrap_or_else(|| recover::invalid_syntax(&state, furthest));
        let (touched, heard) = (state.touched, state.heard);
        state.diagnostics.push(Found { fault, at: furthest, touched, heard, at_once: false });
    }
    Outcome { value, diagnostics: state.diagnostics }
}

fn expressions_to_end(inp: &mut Inp<'_, '_>) -> Res<Expr> {
    let value = expr::expressions(inp)?;
    while eat(inp, K::Newline).is_some() {}
    if peek_kind(inp) == K::End { Ok(value) } else { fail(inp) }
}
