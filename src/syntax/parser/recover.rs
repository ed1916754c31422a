//! Sequences of statements, and going on after a broken one.
//!
//! A statement that fails is parsed again in the mode that explains, and reported; then reading goes on with the next
//! line that can be a statement. So one pass over a text finds one error per broken statement.

use super::compound::{decorated, statement};
use super::input::*;
use super::pattern::at_case;
use super::stmt::simple_stmts;
use crate::syntax::lexer::Fault;

/// More errors than this help nobody.
pub(in crate::syntax) const MAX_DIAGNOSTICS: usize = 50;

/// `statements: statement+`, up to a DEDENT or the end.
pub(super) fn statements(inp: &mut Inp<'_, '_>, out: &mut Vec<Stmt>) -> Res<()> {
    loop {
        let kind = peek_kind(inp);
        if matches!(kind, K::Dedent | K::End) {
            return Ok(());
        }
        let before = inp.save();
        let start = index(inp);
        let (depth, blocks) = (inp.state().depth, inp.state().blocks);
        let count = out.len();
        inp.state().furthest = start;
        inp.state().touched = start;
        if one_statement(inp, kind, out).is_ok() {
            continue;
        }
        out.truncate(count);
        inp.rewind(before);
        inp.state().depth = depth;
        inp.state().blocks = blocks;
        explain(inp, start, kind);
        if inp.state().diagnostics.len() >= MAX_DIAGNOSTICS {
            return Err(Failed);
        }
        inp.state().depth = depth;
        inp.state().blocks = blocks;
        recover(inp, start);
    }
}

#[inline(always)]
fn one_statement(inp: &mut Inp<'_, '_>, kind: K, out: &mut Vec<Stmt>) -> Res<()> {
    match kind {
        K::At => {
            let stmt = decorated(inp)?;
            out.push(stmt);
            Ok(())
        }
        K::Name | K::If | K::Def | K::Class | K::For | K::While | K::With | K::Try | K::Async => statement(inp, out),
        K::Newline => {
            advance(inp);
            Ok(())
        }
        _ => simple_stmts(inp, out),
    }
}

/// Notes what is wrong with the statement that starts at the next token.
#[cold]
#[inline(never)]
fn explain(inp: &mut Inp<'_, '_>, start: usize, kind: K) {
    let furthest = inp.state().furthest;
    let at_once = inp.state().raised.is_some();
    if !at_once {
        let before = inp.save();
        let state = inp.state();
        state.explain = true;
        state.again = true;
        state.hopeless.clear();
        let _ = one_statement(inp, kind, &mut Vec::new());
        inp.rewind(before);
        inp.state().explain = false;
        inp.state().again = false;
    }
    let state = inp.state();
    let fault = state.raised.take().unwrap_or_else(|| invalid_syntax(state, furthest));
    state.furthest = furthest.max(start);
    let (touched, heard) = (state.touched, std::mem::take(&mut state.heard));
    state.diagnostics.push(Found { fault, at: furthest, touched, heard, at_once });
}

/// The error without words of its own.
pub(super) fn invalid_syntax(state: &State<'_>, furthest: usize) -> Fault {
    let token = state.tokens[furthest];
    let (class, message) = match token.kind {
        K::Indent => ("IndentationError", "unexpected indent"),
        K::Dedent => ("IndentationError", "unexpected unindent"),
        _ => ("SyntaxError", "invalid syntax"),
    };
    let mut span = token.span;
    if token.kind == K::Indent {
        span.start = span.end.saturating_sub(1).max(span.start);
        span.end = span.start;
    }
    Fault { class, message: message.to_owned(), span, token: furthest, overrides: false, lexical: false }
}

/// Goes to the next statement after the broken one that starts at token `start`.
fn recover(inp: &mut Inp<'_, '_>, start: usize) {
    let furthest = inp.state().furthest;
    while index(inp) < furthest && peek_kind(inp) != K::End {
        advance(inp);
    }
    let tokens = inp.state().tokens;
    let fresh_line = furthest > start && matches!(tokens[furthest - 1].kind, K::Newline | K::Dedent | K::Indent);
    let is_match = tokens[start].kind == K::Name && tokens[start].symbol() == sym::match_;
    let entered = tokens[start..furthest].iter().fold(0, |depth, token| match token.kind {
        K::Indent => depth + 1,
        K::Dedent => depth - 1,
        _ => depth,
    });
    // Among the cases of a `match` no other statement can stand.
    if !fresh_line || peek_kind(inp) == K::Indent || is_match && entered == 1 {
        skip_line(inp);
        skip_nested(inp, is_match && entered == 0);
    }
    // What follows may belong to the broken statement.
    let continues = |token: Token| match token.kind {
        K::Elif | K::Else | K::Except | K::Finally => true,
        K::Name => is_match && token.symbol() == sym::case,
        _ => false,
    };
    while continues(peek(inp)) {
        skip_line(inp);
        skip_nested(inp, false);
    }
}

fn skip_line(inp: &mut Inp<'_, '_>) {
    while !matches!(peek_kind(inp), K::Newline | K::End | K::Indent | K::Dedent) {
        advance(inp);
    }
    eat(inp, K::Newline);
}

/// A block whose head is broken: its statements are still looked at.
fn skip_nested(inp: &mut Inp<'_, '_>, of_match: bool) {
    while eat(inp, K::Indent).is_some() {
        while of_match && at_case(inp) {
            skip_line(inp);
            skip_nested(inp, false);
        }
        if nested(inp, 8, |inp| statements(inp, &mut Vec::new())).is_err() {
            // Enough errors; the statements around this one stop as well.
            return;
        }
        eat(inp, K::Dedent);
    }
}
