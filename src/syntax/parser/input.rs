//! What all productions stand on: the words they are written in, the input, the state of a parse, and the few functions that touch tokens.
//!
//! A production is a function `fn name(inp) -> Res<T>`, made a `chumsky` parser by `custom(name)`; lists and sequences
//! are put together with `chumsky`'s combinators. A production consumes what it recognises or fails. Alternatives are
//! chosen by looking at the next token, so that a text is read once; the two places that try and go back are
//! `with_stmt` and `match_stmt`.
//!
//! Failing is free: [`Failed`] is empty, and the state remembers the furthest token that was looked at in vain. Only
//! when a statement has failed is it parsed once more, with [`State::explain`] set, to find out what to say about it.
//!
//! **Invariants.** The slice of tokens ends with `End`, which is never consumed. Native recursion is bounded by
//! [`State::depth`], the depth of every tree made by [`State::height`] and [`State::blocks`].

use std::collections::HashSet;
use std::ops::Range;

use chumsky::error::{Error, LabelError};
use chumsky::extra::Full;
use chumsky::input::InputRef;
use chumsky::inspector::Inspector;
pub(super) use chumsky::prelude::*;
use chumsky::util::MaybeRef;

pub(super) use crate::source::Span;
pub(super) use crate::symbol::sym;
pub(super) use crate::syntax::ast::{Constant, Expr, ExprKind, Ident, ScopeId, Stmt, StmtKind};
use crate::syntax::lexer::{Fault, Lexed};
use crate::syntax::literal::Literal;
use crate::syntax::token::TokenKind;
pub(super) use crate::syntax::token::{Token, TokenKind as K};

/// The prefixes (operators, conditions) that CPython's parser reads one within the other, and how many of these it takes a
/// lambda for.
pub(super) const MAX_PREFIXES: usize = 5_968;
pub(super) const LAMBDA_PREFIXES: usize = 2;
/// The clauses of an `if` that it reads one within the other.
pub(super) const MAX_CLAUSES: u32 = 5_963;
/// See [`nested`]: where it gives up a chain of powers.
const MAX_DEPTH: u32 = 8_954;

pub(super) type Tokens<'t> = &'t [Token];
pub(super) type Extra<'t> = Full<Failed, State<'t>, ()>;
pub(super) type Inp<'t, 'p> = InputRef<'t, 'p, Tokens<'t>, Extra<'t>>;
/// A place to go back to.
pub(super) type Saved<'t, 'p> = chumsky::input::Checkpoint<'t, 'p, Tokens<'t>, ()>;
pub(super) type Res<T> = Result<T, Failed>;

/// A `chumsky` parser over tokens.
pub(super) trait Rule<'t, O>: Parser<'t, Tokens<'t>, O, Extra<'t>> {}
impl<'t, O, P: Parser<'t, Tokens<'t>, O, Extra<'t>>> Rule<'t, O> for P {}

/// The input doesn't fit; [`State`] knows where.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Failed;

impl<'t> Error<'t, Tokens<'t>> for Failed {}

impl<'t, L> LabelError<'t, Tokens<'t>, L> for Failed {
    fn expected_found<E: IntoIterator<Item = L>>(_: E, _: Option<MaybeRef<'t, Token>>, _: SimpleSpan) -> Failed {
        Failed
    }
}

/// A statement that failed.
pub(in crate::syntax) struct Found {
    pub(in crate::syntax) fault: Fault,
    /// The index of the token that didn't fit.
    pub(in crate::syntax) at: usize,
    /// The index of the furthest token looked at while explaining.
    pub(in crate::syntax) touched: usize,
    /// The tokens that were read as in the first pass while explaining: CPython warns of strings there.
    pub(in crate::syntax) heard: Vec<Range<usize>>,
    /// Told in the first pass: nothing else is looked at.
    pub(in crate::syntax) at_once: bool,
}

/// The state of a parse.
pub(super) struct State<'t> {
    pub(super) text: &'t str,
    pub(super) tokens: &'t [Token],
    pub(super) literals: &'t [Literal],
    /// The index of the furthest token that didn't fit.
    pub(super) furthest: usize,
    /// The same over all attempts to explain, which may look further.
    pub(super) touched: usize,
    /// How far the value of a dict's pair was read behind a star, which none can begin with.
    pub(super) starred: usize,
    /// The tokens read so far by what CPython does not explain either.
    pub(super) heard: Vec<Range<usize>>,
    /// The error to report; set, everything fails.
    pub(super) raised: Option<Fault>,
    /// Look for what is wrong: error productions are tried, blocks are skipped.
    pub(super) explain: bool,
    /// A second pass over a failed statement, even where `explain` is off. What CPython's parser would do with a part
    /// of an expression that fails matters then: it takes the part before it for the whole.
    pub(super) again: bool,
    /// While explaining: productions known to fail at a token, so that trying again costs nothing.
    pub(super) hopeless: HashSet<(&'static str, usize), foldhash::fast::FixedState>,
    /// The levels of the tallest expression since this was last zero.
    pub(super) height: u32,
    pub(super) depth: u32,
    /// How far `depth` may go.
    pub(super) max_depth: u32,
    /// How far `height` may go.
    pub(super) max_height: u32,
    /// The levels of statements around the one being parsed.
    pub(super) blocks: u32,
    pub(super) diagnostics: Vec<Found>,
}

impl<'t> State<'t> {
    pub(super) fn new(text: &'t str, lexed: &'t Lexed) -> State<'t> {
        State {
            text,
            tokens: &lexed.tokens,
            literals: &lexed.literals,
            furthest: 0,
            touched: 0,
            starred: 0,
            heard: Vec::new(),
            raised: None,
            explain: false,
            again: false,
            hopeless: HashSet::default(),
            height: 0,
            depth: 0,
            max_depth: lexed.levels.min(MAX_DEPTH),
            max_height: lexed.levels,
            blocks: 0,
            diagnostics: Vec::new(),
        }
    }
}

impl<'t> Inspector<'t, Tokens<'t>> for State<'t> {
    type Checkpoint = ();
    #[inline(always)]
    fn on_token(&mut self, _: &Token) {}
    #[inline(always)]
    fn on_save<'p>(&self, _: &chumsky::input::Cursor<'t, 'p, Tokens<'t>>) {}
    #[inline(always)]
    fn on_rewind<'p>(&mut self, _: &chumsky::input::Checkpoint<'t, 'p, Tokens<'t>, ()>) {}
}

/// The index of the next token.
#[inline]
pub(super) fn index(inp: &Inp<'_, '_>) -> usize {
    *inp.cursor().inner()
}

/// The next token.
#[inline]
pub(super) fn peek(inp: &mut Inp<'_, '_>) -> Token {
    inp.peek().unwrap_or(Token::new(TokenKind::End, Span::default()))
}

#[inline]
pub(super) fn peek_kind(inp: &mut Inp<'_, '_>) -> TokenKind {
    peek(inp).kind
}

/// The kind of the token after the next.
#[inline]
pub(super) fn peek_second(inp: &mut Inp<'_, '_>) -> TokenKind {
    let at = index(inp) + 1;
    inp.state().tokens.get(at).map_or(TokenKind::End, |token| token.kind)
}

/// Consumes the next token, whatever it is (but `End` stays).
#[inline]
pub(super) fn advance(inp: &mut Inp<'_, '_>) -> Token {
    let token = peek(inp);
    if token.kind != TokenKind::End {
        inp.skip();
    }
    token
}

/// Consumes the tokens before one that was reached earlier.
pub(super) fn advance_to(inp: &mut Inp<'_, '_>, end: usize) {
    while index(inp) < end {
        advance(inp);
    }
}

#[inline]
pub(super) fn eat(inp: &mut Inp<'_, '_>, kind: TokenKind) -> Option<Token> {
    let token = peek(inp);
    if token.kind == kind && kind != TokenKind::End {
        inp.skip();
        Some(token)
    } else {
        None
    }
}

/// Consumes a token of the kind, or fails.
#[inline]
pub(super) fn expect(inp: &mut Inp<'_, '_>, kind: TokenKind) -> Res<Token> {
    match eat(inp, kind) {
        Some(token) if inp.state().raised.is_none() => Ok(token),
        _ => fail(inp),
    }
}

/// [`expect`] as a parser.
pub(super) fn token<'t>(kind: TokenKind) -> impl Rule<'t, Token> + Copy {
    custom(move |inp| expect(inp, kind))
}

/// `expect(':')`, or the error that says so.
pub(super) fn forced(inp: &mut Inp<'_, '_>, kind: TokenKind, what: &str) -> Res<Token> {
    let next = peek(inp);
    if next.kind != kind && inp.state().explain {
        return raise(inp, format!("expected '{what}'"), next.span);
    }
    expect(inp, kind)
}

/// The next token doesn't fit.
#[cold]
pub(super) fn fail<T>(inp: &mut Inp<'_, '_>) -> Res<T> {
    let at = index(inp);
    let state = inp.state();
    state.furthest = state.furthest.max(at);
    state.touched = state.touched.max(at);
    Err(Failed)
}

/// Fails with a `SyntaxError` of its own.
#[cold]
pub(super) fn raise<T>(inp: &mut Inp<'_, '_>, message: impl Into<String>, span: Span) -> Res<T> {
    raise_of(inp, "SyntaxError", message, span)
}

#[cold]
pub(super) fn raise_of<T>(
    inp: &mut Inp<'_, '_>,
    class: &'static str,
    message: impl Into<String>,
    span: Span,
) -> Res<T> {
    let at = index(inp);
    let state = inp.state();
    if state.raised.is_none() {
        state.raised =
            Some(Fault { class, message: message.into(), span, token: at, overrides: false, lexical: false });
    }
    state.furthest = state.furthest.max(at);
    Err(Failed)
}

/// While explaining: looks for what is wrong here.
#[inline]
pub(super) fn explaining<'t, 'p>(inp: &mut Inp<'t, 'p>, look: impl FnOnce(&mut Inp<'t, 'p>) -> Res<()>) -> Res<()> {
    if inp.state().explain { look(inp) } else { Ok(()) }
}

/// `[kind production]`
#[inline]
pub(super) fn after<'t, 'p, T>(
    inp: &mut Inp<'t, 'p>,
    kind: TokenKind,
    production: fn(&mut Inp<'t, 'p>) -> Res<T>,
) -> Res<Option<T>> {
    if eat(inp, kind).is_some() { production(inp).map(Some) } else { Ok(None) }
}

/// `item (',' item)*`
pub(super) fn listed<'t, T>(item: impl Rule<'t, T>) -> impl Rule<'t, Vec<T>> {
    item.separated_by(token(TokenKind::Comma)).at_least(1).collect()
}

/// `open item (',' item)* [','] close`
pub(super) fn listed_in<'t, T>(open: TokenKind, item: impl Rule<'t, T>, close: TokenKind) -> impl Rule<'t, Vec<T>> {
    let items = item.separated_by(token(TokenKind::Comma)).allow_trailing().at_least(1).collect();
    items.delimited_by(token(open), token(close))
}

/// Fails because a text is nested too deeply for CPython's parser.
#[cold]
pub(super) fn too_complex<T>(inp: &mut Inp<'_, '_>) -> Res<T> {
    let span = peek(inp).span;
    raise_of(inp, "MemoryError", "Parser stack overflowed - Python source too complex to parse", span)
}

/// Fails because a tree is too high for CPython's compiler.
#[cold]
pub(super) fn too_high<T>(inp: &mut Inp<'_, '_>) -> Res<T> {
    let span = peek(inp).span;
    raise_of(inp, "RecursionError", "maximum recursion depth exceeded during compilation", span)
}

/// Runs a production that can contain itself. `cost` is how much of the native stack one level takes, in units of which
/// there are [`State::max_depth`].
#[inline]
pub(super) fn nested<'t, 'p, T>(
    inp: &mut Inp<'t, 'p>,
    cost: u32,
    production: impl FnOnce(&mut Inp<'t, 'p>) -> Res<T>,
) -> Res<T> {
    inp.state().depth += cost;
    if inp.state().depth > inp.state().max_depth {
        return too_complex(inp);
    }
    let result = production(inp);
    inp.state().depth -= cost;
    result
}

/// Begins a node: what is parsed until [`end_node`] are its children.
#[inline]
pub(super) fn begin_node(inp: &mut Inp<'_, '_>) -> u32 {
    std::mem::take(&mut inp.state().height)
}

/// Ends a node that stands `levels` above the tallest of its children.
#[inline]
pub(super) fn end_node(inp: &mut Inp<'_, '_>, begun: u32, levels: u32) -> Res<()> {
    let state = inp.state();
    let height = state.height + levels;
    state.height = height.max(begun);
    if height > state.max_height { too_high(inp) } else { Ok(()) }
}

/// Tries a production; if it fails, the input is where it was.
pub(super) fn attempt<'t, 'p, T>(
    inp: &mut Inp<'t, 'p>,
    production: impl FnOnce(&mut Inp<'t, 'p>) -> Res<T>,
) -> Option<T> {
    let before = inp.save();
    let (height, depth) = (inp.state().height, inp.state().depth);
    match production(inp) {
        Ok(value) => Some(value),
        Err(Failed) => {
            inp.rewind(before);
            inp.state().height = height;
            inp.state().depth = depth;
            None
        }
    }
}

/// [`attempt`] without consuming anything either way.
pub(super) fn lookahead<'t, 'p, T>(
    inp: &mut Inp<'t, 'p>,
    production: impl FnOnce(&mut Inp<'t, 'p>) -> Res<T>,
) -> Option<T> {
    let before = inp.save();
    let (height, depth) = (inp.state().height, inp.state().depth);
    let result = production(inp).ok();
    touch(inp);
    inp.rewind(before);
    inp.state().height = height;
    inp.state().depth = depth;
    result
}

/// The offset in the text of a place to go back to.
pub(super) fn offset_of<'t, 'p>(inp: &mut Inp<'t, 'p>, saved: &Saved<'t, 'p>) -> u32 {
    let at = *saved.cursor().inner();
    inp.state().tokens[at].span.start
}

/// Notes that the next token has been looked at.
pub(super) fn touch(inp: &mut Inp<'_, '_>) {
    let at = index(inp);
    let state = inp.state();
    state.touched = state.touched.max(at);
}

/// Where the next token starts.
#[inline]
pub(super) fn here(inp: &mut Inp<'_, '_>) -> u32 {
    peek(inp).span.start
}

/// From `start` to the end of the last token consumed, not counting the tokens that only shape lines.
#[inline]
pub(super) fn span_from(inp: &mut Inp<'_, '_>, start: u32) -> Span {
    let at = index(inp);
    let tokens = inp.state().tokens;
    let last = tokens[..at]
        .iter()
        .rev()
        .find(|token| !matches!(token.kind, TokenKind::Newline | TokenKind::Indent | TokenKind::Dedent));
    Span { start, end: last.map_or(start, |token| token.span.end) }
}
