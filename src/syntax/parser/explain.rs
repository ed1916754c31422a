//! What to say about a statement that has failed.
//!
//! The functions here and in `explain_expr.rs` and `explain_target.rs` are called by productions while
//! [`State::explain`] is set, at the places where CPython's grammar has error productions, and in their order: the first
//! that applies raises, and everything fails from there on. One that doesn't apply returns `Ok(())` and leaves the input
//! where it was.

use super::expr::{expression, expressions};
use super::input::*;

/// A production that finds nothing wrong.
pub(super) const FINE: Res<()> = Ok(());

/// Tries a production that is itself not to be explained, without consuming anything.
pub(super) fn unexplained<'t, 'p, T>(
    inp: &mut Inp<'t, 'p>,
    production: impl FnOnce(&mut Inp<'t, 'p>) -> Res<T>,
) -> Res<Option<T>> {
    let State { furthest, explain, .. } = *inp.state();
    inp.state().explain = false;
    let result = lookahead(inp, production);
    inp.state().explain = explain;
    if inp.state().raised.is_some() {
        return Err(Failed);
    }
    inp.state().furthest = furthest;
    Ok(result)
}

/// [`lookahead`] that passes on what the production raised.
pub(super) fn explained<'t, 'p, T>(
    inp: &mut Inp<'t, 'p>,
    production: impl FnOnce(&mut Inp<'t, 'p>) -> Res<T>,
) -> Res<Option<T>> {
    let result = lookahead(inp, production);
    if inp.state().raised.is_some() { Err(Failed) } else { Ok(result) }
}

/// Whether an error production that reads ahead is tried for the first time here. What it reads is read again by the
/// production proper; were it tried again as well, the work would double with every level of brackets.
pub(super) fn first_look(inp: &mut Inp<'_, '_>, production: &'static str) -> bool {
    let at = index(inp);
    inp.state().hopeless.insert((production, at))
}

/// From `start` to just before the end of the next token.
pub(super) fn up_to_next(inp: &mut Inp<'_, '_>, start: u32) -> Span {
    let next = peek(inp).span;
    let end = if next.start < next.end { next.end - 1 } else { next.end };
    Span { start, end: end.max(start) }
}

pub(super) fn raise_at_next<T>(inp: &mut Inp<'_, '_>, message: impl Into<String>) -> Res<T> {
    let next = peek(inp);
    // Indentation is shown by its end.
    let start = if next.kind == K::Indent { next.span.end } else { next.span.start };
    raise(inp, message, Span { start, ..next.span })
}

/// Raises where something was found.
pub(super) fn raise_if(inp: &mut Inp<'_, '_>, found: Option<Span>, message: impl Into<String>) -> Res<()> {
    found.map_or(FINE, |span| raise(inp, message, span))
}

/// Points at the furthest token looked at so far.
pub(super) fn raise_at_last<T>(inp: &mut Inp<'_, '_>, message: impl Into<String>) -> Res<T> {
    touch(inp);
    let state = inp.state();
    let span = state.tokens[state.touched].span;
    raise(inp, message, span)
}

/// Whether the token before `index` is inside brackets.
pub(super) fn in_brackets(tokens: &[Token], index: usize) -> bool {
    let opened = tokens[..index].iter().filter(|token| token.kind.opens()).count();
    let closed = tokens[..index].iter().filter(|token| token.kind.closes()).count();
    opened > closed
}

// Imports.

pub(super) fn invalid_import(inp: &mut Inp<'_, '_>) -> Res<()> {
    let import = peek(inp);
    let at = index(inp);
    if peek_second(inp) == K::Newline {
        let span = inp.state().tokens[at + 1].span;
        return raise(inp, "Expected one or more names after 'import'", span);
    }
    let names = explained(inp, |inp| {
        advance(inp);
        super::stmt::dotted_name(inp)?;
        while eat(inp, K::Comma).is_some() {
            super::stmt::dotted_name(inp)?;
        }
        expect(inp, K::From)?;
        super::stmt::dotted_name(inp)?;
        Ok(up_to_next(inp, import.span.start))
    })?;
    raise_if(inp, names, "Did you mean to use 'from ... import ...' instead?")
}

pub(super) fn invalid_import_from_targets(inp: &mut Inp<'_, '_>) -> Res<()> {
    let next = peek(inp);
    if next.kind == K::Newline {
        return raise(inp, "Expected one or more names after 'import'", next.span);
    }
    let trailing = explained(inp, |inp| {
        super::stmt::import_from_as_name(inp)?;
        while eat(inp, K::Comma).is_some() {
            if peek_kind(inp) == K::Newline {
                return Ok(peek(inp).span);
            }
            super::stmt::import_from_as_name(inp)?;
        }
        fail(inp)
    })?;
    raise_if(inp, trailing, "trailing comma not allowed without surrounding parentheses")
}

// Blocks.

/// A line that ends where a colon was expected.
pub(super) fn expected_colon_at_line_end(inp: &mut Inp<'_, '_>) -> Res<()> {
    if peek_kind(inp) == K::Newline { raise_at_next(inp, "expected ':'") } else { FINE }
}

/// After the colon and the end of the line.
pub(super) fn missing_block<T>(inp: &mut Inp<'_, '_>, what: &str, head: Token) -> Res<T> {
    let text = &inp.state().text[..head.span.start as usize];
    let line = 1 + text.matches('\n').count() + text.matches('\r').count() - text.matches("\r\n").count();
    let span = peek(inp).span;
    raise_of(inp, "IndentationError", format!("expected an indented block after {what} on line {line}"), span)
}

/// Goes behind a block: its errors have been found already.
pub(super) fn skip_block(inp: &mut Inp<'_, '_>) {
    let mut depth = 0;
    loop {
        match peek_kind(inp) {
            K::Indent => depth += 1,
            K::Dedent => depth -= 1,
            K::End => return,
            _ => {}
        }
        advance(inp);
        if depth == 0 {
            return;
        }
    }
}

/// After the handlers of a `try`.
pub(super) fn after_handlers(inp: &mut Inp<'_, '_>, is_star: bool, any: bool) -> Res<()> {
    let next = peek(inp);
    if any && next.kind == K::Except {
        let at = index(inp);
        let span = if is_star { next.span } else { next.span.to(inp.state().tokens[at + 1].span) };
        return raise(inp, "cannot have both 'except' and 'except*' on the same 'try'", span);
    }
    if !any && next.kind != K::Finally {
        return raise_at_next(inp, "expected 'except' or 'finally' block");
    }
    FINE
}

/// After `except` or `except*`.
pub(super) fn invalid_except_stmt(inp: &mut Inp<'_, '_>, is_star: bool) -> Res<()> {
    match peek_kind(inp) {
        K::Newline | K::Colon if is_star => return raise_at_next(inp, "expected one or more exception types"),
        K::Newline => return raise_at_next(inp, "expected ':'"),
        _ => {}
    }
    let start = here(inp);
    let several = explained(inp, |inp| {
        expression(inp)?;
        expect(inp, K::Comma)?;
        expressions(inp)?;
        if eat(inp, K::As).is_some() {
            expect(inp, K::Name)?;
        }
        let span = up_to_next(inp, start);
        expect(inp, K::Colon)?;
        Ok(span)
    })?;
    raise_if(inp, several, "multiple exception types must be parenthesized")
}

// Parameters.

/// What has been read of a parameter list.
#[derive(Clone, Copy, Default)]
pub(super) struct Read {
    pub(super) any: bool,
    pub(super) default: bool,
    pub(super) slash: bool,
    pub(super) star: bool,
}

/// Before a parameter.
pub(super) fn invalid_parameter(inp: &mut Inp<'_, '_>, read: Read, closer: K) -> Res<()> {
    let next = peek(inp);
    let is_lambda = closer == K::Colon;
    match next.kind {
        K::Slash if read.star => raise(inp, "/ must be ahead of *", next.span),
        K::Slash if read.slash => raise(inp, "/ may appear only once", next.span),
        K::Slash if !read.any && peek_second(inp) == K::Comma => {
            raise(inp, "at least one argument must precede /", next.span)
        }
        K::Star if read.star => {
            let second = lookahead(inp, |inp| {
                advance(inp);
                if peek_kind(inp) != K::Comma {
                    super::params::param(inp, !is_lambda)?;
                }
                if peek_kind(inp) == K::Comma || peek_kind(inp) == closer { Ok(()) } else { fail(inp) }
            });
            raise_if(inp, second.map(|()| next.span), "* argument may appear only once")
        }
        K::Star if !read.star => {
            let bare = lookahead(inp, |inp| {
                advance(inp);
                eat(inp, K::Comma);
                let after = peek(inp);
                let at = index(inp);
                let comma = inp.state().tokens[at - 1].kind == K::Comma;
                if after.kind == closer || (comma && after.kind == K::DoubleStar) { Ok(after) } else { fail(inp) }
            });
            match bare {
                Some(after) => {
                    let span = if is_lambda { after.span } else { next.span };
                    raise(inp, "named arguments must follow bare *", span)
                }
                None => FINE,
            }
        }
        K::LParen if !read.star && !read.default && !read.slash => {
            let group = explained(inp, |inp| {
                advance(inp);
                super::params::param(inp, !is_lambda)?;
                while eat(inp, K::Comma).is_some() && peek_kind(inp) == K::Name {
                    super::params::param(inp, !is_lambda)?;
                }
                if !is_lambda {
                    eat(inp, K::Comma);
                }
                let closing = peek(inp);
                if closing.kind == K::RParen { Ok(next.span.to(closing.span)) } else { fail(inp) }
            })?;
            let what = if is_lambda { "Lambda expression" } else { "Function" };
            raise_if(inp, group, format!("{what} parameters cannot be parenthesized"))
        }
        _ => FINE,
    }
}

/// After a parameter's name and annotation; `stars` says which kind it is.
pub(super) fn invalid_default(inp: &mut Inp<'_, '_>, stars: usize) -> Res<()> {
    let next = peek(inp);
    if next.kind != K::Equal {
        return FINE;
    }
    match stars {
        1 => raise(inp, "var-positional argument cannot have default value", next.span),
        2 => raise(inp, "var-keyword argument cannot have default value", next.span),
        _ if matches!(peek_second(inp), K::RParen | K::Comma) => {
            raise(inp, "expected default value expression", next.span)
        }
        _ => FINE,
    }
}

/// After `/` without a comma.
pub(super) fn invalid_after_slash(inp: &mut Inp<'_, '_>) -> Res<()> {
    let next = peek(inp);
    if next.kind == K::Star { raise(inp, "expected comma between / and *", next.span) } else { FINE }
}

/// After `**name`.
pub(super) fn invalid_after_kwds(inp: &mut Inp<'_, '_>) -> Res<()> {
    let next = peek(inp);
    if next.kind == K::Name {
        let at = index(inp) + 1;
        let state = inp.state();
        state.touched = state.touched.max(at);
    }
    if matches!(next.kind, K::Name | K::Star | K::DoubleStar | K::Slash) {
        return raise(inp, "arguments cannot follow var-keyword argument", next.span);
    }
    FINE
}

/// `[]`
pub(super) fn invalid_type_params(inp: &mut Inp<'_, '_>) -> Res<()> {
    if peek_second(inp) != K::RBracket {
        return FINE;
    }
    let at = index(inp);
    let state = inp.state();
    // It ends with the last token that was read.
    let last = state.tokens[state.touched.max(at + 1)].span.end;
    let span = Span { end: last - 1, ..state.tokens[at + 1].span };
    raise(inp, "Type parameter list cannot be empty", span)
}

/// `*T: bound`
pub(super) fn invalid_type_param(inp: &mut Inp<'_, '_>, kind: &str) -> Res<()> {
    let colon = peek(inp);
    if colon.kind != K::Colon {
        return FINE;
    }
    let bound = explained(inp, |inp| {
        advance(inp);
        let bound = expression(inp)?;
        Ok((matches!(bound.kind, ExprKind::Tuple(_)), up_to_next(inp, colon.span.start)))
    })?;
    let Some((constraints, span)) = bound else { return FINE };
    let what = if constraints { "constraints" } else { "bound" };
    raise(inp, format!("cannot use {what} with {kind}"), span)
}

// Patterns.

/// After the subject of a `match`.
pub(super) fn invalid_match_stmt(inp: &mut Inp<'_, '_>, head: Token) -> Res<()> {
    expected_colon_at_line_end(inp)?;
    if peek_kind(inp) == K::Colon && peek_second(inp) == K::Newline {
        let at = index(inp);
        let after = inp.state().tokens.get(at + 2).map(|token| token.kind);
        if after != Some(K::Indent) {
            advance(inp);
            advance(inp);
            return missing_block(inp, "'match' statement", head);
        }
    }
    FINE
}

/// After `as`.
pub(super) fn invalid_as_pattern(inp: &mut Inp<'_, '_>) -> Res<()> {
    let next = peek(inp);
    if next.kind == K::Name {
        if next.symbol() == sym::wildcard {
            return raise(inp, "cannot use '_' as a target", next.span);
        }
        return FINE;
    }
    let found = explained(inp, expression)?;
    raise_if(inp, found.map(|value| value.span), "invalid pattern target")
}

/// A positional pattern after a keyword one: all that follow it up to the next keyword.
pub(super) fn late_positional_pattern(inp: &mut Inp<'_, '_>, start: u32) -> Res<()> {
    let mut span = span_from(inp, start);
    while peek_kind(inp) == K::Comma && peek_second(inp) != K::RParen {
        let more = explained(inp, |inp| {
            advance(inp);
            super::pattern::pattern(inp)?;
            if peek_kind(inp) == K::Equal { fail(inp) } else { Ok(span_from(inp, start)) }
        })?;
        let Some(longer) = more else { break };
        attempt(inp, |inp| {
            advance(inp);
            super::pattern::pattern(inp)
        });
        span = longer;
    }
    raise(inp, "positional patterns follow keyword patterns", span)
}

// f-strings.

/// After the opening brace of a field.
pub(super) fn invalid_replacement_field(inp: &mut Inp<'_, '_>) -> Res<()> {
    let mark = match peek_kind(inp) {
        K::Equal => "=",
        K::Exclamation => "!",
        K::Colon => ":",
        K::RBrace => "}",
        _ => return FINE,
    };
    raise_at_next(inp, format!("f-string: valid expression required before '{mark}'"))
}

/// A field's expression that is none.
pub(super) fn invalid_field_value<T>(inp: &mut Inp<'_, '_>) -> Res<T> {
    raise_at_next(inp, "f-string: expecting a valid expression after '{'")
}

/// The parts of a field, in order.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum FieldPart {
    Value,
    Debug,
    Conversion,
    Spec,
}

/// After a part of a field: what may follow.
pub(super) fn after_field_part(inp: &mut Inp<'_, '_>, part: FieldPart) -> Res<()> {
    let next = peek_kind(inp);
    let (allowed, message): (&[K], _) = match part {
        FieldPart::Value => {
            (&[K::Equal, K::Exclamation, K::Colon, K::RBrace], "f-string: expecting '=', or '!', or ':', or '}'")
        }
        FieldPart::Debug => (&[K::Exclamation, K::Colon, K::RBrace], "f-string: expecting '!', or ':', or '}'"),
        FieldPart::Conversion => (&[K::Colon, K::RBrace], "f-string: expecting ':' or '}'"),
        FieldPart::Spec => (&[K::RBrace], "f-string: expecting '}', or format specs"),
    };
    if allowed.contains(&next) { FINE } else { raise_at_next(inp, message) }
}

/// After `!`.
pub(super) fn invalid_conversion_character(inp: &mut Inp<'_, '_>) -> Res<()> {
    match peek_kind(inp) {
        K::Colon | K::RBrace => raise_at_next(inp, "f-string: missing conversion character"),
        K::Name => FINE,
        _ => raise_at_next(inp, "f-string: invalid conversion character"),
    }
}
