//! What to say about a statement that has failed.
//!
//! The functions here are called by productions while [`State::explain`] is set, at the places where CPython's grammar
//! has error productions, and in their order: the first that applies raises, and everything fails from there on. One
//! that doesn't apply returns `Ok(())` and leaves the input where it was.

use super::display::{BRACKET, argument_expression, at_for, for_if_clauses};
use super::expr::{
    annotated_rhs, bitwise_or, expression, expressions, star_expressions, star_named_expression, starts_expression,
    yield_expr,
};
use super::input::*;
use super::stmt::augassign;
use super::target::{Purpose, expression_name, invalid_target};
use crate::source::Span;
use crate::syntax::ast::{Comprehension, Constant, Expr, ExprKind};
use crate::syntax::token::{Token, TokenKind as K};

/// A production that finds nothing wrong.
const FINE: Res<()> = Ok(());

/// Tries a production that is itself not to be explained, without consuming anything.
fn unexplained<'t, 'p, T>(
    inp: &mut Inp<'t, 'p>,
    production: impl FnOnce(&mut Inp<'t, 'p>) -> Res<T>,
) -> Res<Option<T>> {
    let furthest = inp.state().furthest;
    inp.state().explain = false;
    let result = lookahead(inp, production);
    inp.state().explain = true;
    if inp.state().raised.is_some() {
        return Err(Failed);
    }
    inp.state().furthest = furthest;
    Ok(result)
}

/// [`lookahead`] that passes on what the production raised.
fn explained<'t, 'p, T>(inp: &mut Inp<'t, 'p>, production: impl FnOnce(&mut Inp<'t, 'p>) -> Res<T>) -> Res<Option<T>> {
    let result = lookahead(inp, production);
    if inp.state().raised.is_some() { Err(Failed) } else { Ok(result) }
}

/// From `start` to just before the end of the next token.
fn up_to_next(inp: &mut Inp<'_, '_>, start: u32) -> Span {
    let end = peek(inp).span.end.saturating_sub(1);
    Span { start, end: end.max(start) }
}

fn raise_at_next<T>(inp: &mut Inp<'_, '_>, message: impl Into<String>) -> Res<T> {
    let span = peek(inp).span;
    raise(inp, message, span)
}

/// Points at the furthest token looked at so far.
fn raise_at_last<T>(inp: &mut Inp<'_, '_>, message: impl Into<String>) -> Res<T> {
    touch(inp);
    let state = inp.state();
    let span = state.tokens[state.touched].span;
    raise(inp, message, span)
}

/// Whether the token before `index` is inside brackets.
fn in_brackets(tokens: &[Token], index: usize) -> bool {
    let opened = tokens[..index].iter().filter(|token| token.kind.opens()).count();
    let closed = tokens[..index].iter().filter(|token| token.kind.closes()).count();
    opened > closed
}

// Expressions.

/// After an expression that may not be the last.
pub(super) fn expression_before_more<'t, 'p>(inp: &mut Inp<'t, 'p>, start: Saved<'t, 'p>, body: &Expr) -> Res<()> {
    invalid_expression(inp, *start.cursor().inner(), body)?;
    invalid_legacy_expression(inp, start)
}

/// Two expressions without anything between them.
fn invalid_expression(inp: &mut Inp<'_, '_>, first: usize, body: &Expr) -> Res<()> {
    let tokens = inp.state().tokens;
    let name = tokens[first];
    if name.kind == K::Name {
        // A name before a string is taken for a prefix; a name that begins like a soft keyword may be one.
        let text = &inp.state().text[name.span.range()];
        if tokens[first + 1].kind == K::String || ["_", "case", "match", "type"].iter().any(|k| k.starts_with(text)) {
            return FINE;
        }
    }
    if !starts_expression(peek_kind(inp)) || is_old_statement(inp, body) {
        return FINE;
    }
    let second = unexplained(inp, |inp| expression(inp).map(|value| (value.span, index(inp))))?;
    match second {
        Some((span, end)) if in_brackets(tokens, end) => {
            raise(inp, "invalid syntax. Perhaps you forgot a comma?", body.span.to(span))
        }
        _ => FINE,
    }
}

fn is_old_statement(inp: &mut Inp<'_, '_>, value: &Expr) -> bool {
    let soft = inp.state().soft;
    matches!(value.kind, ExprKind::Name(name) if name == soft.print || name == soft.exec)
}

/// `print x`
fn invalid_legacy_expression<'t, 'p>(inp: &mut Inp<'t, 'p>, start: Saved<'t, 'p>) -> Res<()> {
    let after = inp.save();
    inp.rewind(start);
    let result = old_statement(inp);
    inp.rewind(after);
    result
}

fn old_statement(inp: &mut Inp<'_, '_>) -> Res<()> {
    let next = peek(inp);
    if next.kind != K::Name {
        return FINE;
    }
    let soft = inp.state().soft;
    let is_old = [soft.print, soft.exec].contains(&next.symbol());
    let second = peek_second(inp);
    if second == K::LParen || !(starts_expression(second) || second == K::Star) {
        return FINE;
    }
    // After any other name the look is only for errors further on, and only where the name can't be an operand.
    let continues = matches!(second, K::LBracket | K::Minus | K::Plus | K::Star | K::Not);
    let at = index(inp);
    let depth = inp.state().depth;
    let seen = !is_old && (continues || !inp.state().hopeless.insert(("legacy", at)));
    if seen || depth > MAX_DEPTH / 2 {
        return FINE;
    }
    let argument = explained(inp, |inp| {
        advance(inp);
        nested(inp, BRACKET, star_expressions)
    })?;
    let Some(argument) = argument.filter(|_| is_old) else { return FINE };
    let word = &inp.state().text[next.span.range()];
    let message = format!("Missing parentheses in call to '{word}'. Did you mean {word}(...)?");
    raise(inp, message, next.span.to(argument.span))
}

/// `a if b`, after `b`
pub(super) fn conditional_without_else(inp: &mut Inp<'_, '_>, body: &Expr, test: &Expr) -> Res<()> {
    if peek_kind(inp) == K::Colon {
        return FINE;
    }
    raise(inp, "expected 'else' after 'if' expression", body.span.to(test.span))
}

/// `lambda` in a replacement field, its colon taken for the field's
pub(super) fn lambda_in_field(inp: &mut Inp<'_, '_>, start: u32) -> Res<()> {
    if peek_kind(inp) != K::FStringMiddle {
        return FINE;
    }
    let span = span_from(inp, start);
    raise(inp, "f-string: lambda expressions are not allowed without parentheses", span)
}

/// The operand that an expression starts with.
fn leftmost(value: &Expr) -> &Expr {
    match &value.kind {
        ExprKind::Attribute { value, .. } | ExprKind::Subscript { value, .. } => leftmost(value),
        ExprKind::Call { func, .. } => leftmost(func),
        ExprKind::BinOp { first, .. } => leftmost(first),
        _ => value,
    }
}

/// `=` or `:=` after an expression that is no statement's target
pub(super) fn invalid_named_expression(inp: &mut Inp<'_, '_>, start: u32, value: &Expr) -> Res<()> {
    match peek_kind(inp) {
        K::Walrus => {
            let follows = explained(inp, |inp| {
                advance(inp);
                expression(inp)
            })?;
            if follows.is_none() {
                return FINE;
            }
            let message = format!("cannot use assignment expressions with {}", expression_name(value));
            raise(inp, message, value.span)
        }
        K::Equal => {
            let operand = !matches!(
                value.kind,
                ExprKind::Lambda(_)
                    | ExprKind::IfExp { .. }
                    | ExprKind::BoolOp { .. }
                    | ExprKind::Compare { .. }
                    | ExprKind::UnaryOp { op: crate::syntax::ast::UnaryOp::Not, .. }
            );
            let parenthesized = value.span.start != start;
            if !operand && !parenthesized {
                return FINE;
            }
            let right = explained(inp, |inp| {
                advance(inp);
                let right = bitwise_or(inp)?;
                if matches!(peek_kind(inp), K::Equal | K::Walrus) { fail(inp) } else { Ok(right) }
            })?;
            let Some(right) = right else { return FINE };
            if matches!(value.kind, ExprKind::Name(_)) && !parenthesized {
                let message = "invalid syntax. Maybe you meant '==' or ':=' instead of '='?";
                return raise(inp, message, value.span.to(right.span));
            }
            let first = leftmost(value);
            let excluded = first.span.start == start
                && matches!(
                    first.kind,
                    ExprKind::List(_)
                        | ExprKind::Tuple(_)
                        | ExprKind::GeneratorExp(_)
                        | ExprKind::Constant(Constant::True | Constant::False | Constant::None)
                );
            if excluded {
                return FINE;
            }
            let message =
                format!("cannot assign to {} here. Maybe you meant '==' instead of '='?", expression_name(value));
            raise(inp, message, value.span)
        }
        _ => FINE,
    }
}

// Displays.

fn is_starred(value: &Expr) -> bool {
    matches!(value.kind, ExprKind::Starred(_))
}

/// The elements of a display, at something that neither closes nor continues it.
pub(super) fn invalid_comprehension(inp: &mut Inp<'_, '_>, opener: K, elements: &[Expr]) -> Res<()> {
    let (Some(first), Some(last)) = (elements.first(), elements.last()) else { return FINE };
    let single = elements.len() == 1;
    let at = index(inp);
    let comma = inp.state().tokens[at - 1];
    let applies = if single && is_starred(first) { true } else { opener != K::LParen };
    if !applies || !at_for(inp) || explained(inp, for_if_clauses)?.is_none() {
        return FINE;
    }
    if single && comma.kind != K::Comma {
        if is_starred(first) {
            return raise(inp, "iterable unpacking cannot be used in comprehension", first.span);
        }
        return FINE;
    }
    let end = if single { comma.span } else { last.span };
    raise(inp, "did you forget parentheses around the comprehension target?", first.span.to(end))
}

/// `{**a for ...}`
pub(super) fn invalid_dict_comprehension(inp: &mut Inp<'_, '_>, stars: Span) -> Res<()> {
    match explained(inp, for_if_clauses)? {
        Some(_) => raise(inp, "dict unpacking cannot be used in dict comprehension", stars),
        None => FINE,
    }
}

/// `(**a)`
pub(super) fn invalid_group(inp: &mut Inp<'_, '_>) -> Res<()> {
    let next = peek(inp);
    if next.kind != K::DoubleStar {
        return FINE;
    }
    let closed = explained(inp, |inp| {
        advance(inp);
        expression(inp)?;
        expect(inp, K::RParen)
    })?;
    match closed {
        Some(_) => raise(inp, "cannot use double starred expression here", next.span),
        None => FINE,
    }
}

/// Before a key that is not the first: it is read without a look at what is wrong inside it.
pub(super) fn key_without_colon(inp: &mut Inp<'_, '_>) -> Res<()> {
    let key = unexplained(inp, |inp| {
        let key = expression(inp)?;
        Ok((key.span, peek_kind(inp)))
    })?;
    match key {
        Some((span, next)) if next != K::Colon => {
            let at = span.end.saturating_sub(1);
            raise(inp, "':' expected after dictionary key", Span { start: at, end: at })
        }
        _ => FINE,
    }
}

/// After the key of a dict; `first` if no pair stands before it.
pub(super) fn invalid_kvpair(inp: &mut Inp<'_, '_>, key: &Expr, first: bool) -> Res<()> {
    let colon = peek(inp);
    if colon.kind != K::Colon {
        if first {
            return FINE;
        }
        let at = key.span.end.saturating_sub(1);
        return raise(inp, "':' expected after dictionary key", Span { start: at, end: at });
    }
    match peek_second(inp) {
        K::Star => {
            let star = explained(inp, |inp| {
                advance(inp);
                let star = advance(inp);
                bitwise_or(inp)?;
                Ok(span_from(inp, star.span.start))
            })?;
            match star {
                Some(span) => raise(inp, "cannot use a starred expression in a dictionary value", span),
                None => FINE,
            }
        }
        K::RBrace | K::Comma => raise(inp, "expression expected after dictionary key and ':'", colon.span),
        _ => FINE,
    }
}

// Calls.

/// `f(*a = b)`, after `a`
pub(super) fn invalid_starred_argument(inp: &mut Inp<'_, '_>, star: Span, what: &str) -> Res<()> {
    if peek_kind(inp) != K::Equal {
        return FINE;
    }
    let value = explained(inp, |inp| {
        advance(inp);
        expression(inp)
    })?;
    match value {
        Some(value) => raise(inp, format!("cannot assign to {what} argument unpacking"), star.to(value.span)),
        None => FINE,
    }
}

/// `f(*)`
pub(super) fn invalid_star<T>(inp: &mut Inp<'_, '_>) -> Res<T> {
    raise_at_last(inp, "Invalid star expression")
}

/// One argument, as far as error productions see it.
enum Seen {
    Positional,
    Keyword,
    Unpacked,
}

/// Reads the arguments of a call once more to find the first that is wrong.
pub(super) fn invalid_arguments(inp: &mut Inp<'_, '_>) -> Res<()> {
    explained(inp, |inp| {
        expect(inp, K::LParen)?;
        let (mut keywords, mut unpacked) = (false, false);
        let mut count = 0;
        let mut comma: Option<Token> = None;
        while peek_kind(inp) != K::RParen {
            let next = peek(inp);
            let seen = match next.kind {
                K::Star => {
                    if unpacked {
                        while matches!(peek_kind(inp), K::Star) {
                            super::display::arg(inp)?;
                            if peek_kind(inp) == K::Comma && peek_second(inp) == K::Star {
                                advance(inp);
                            }
                        }
                        let start = comma.map_or(next.span.start, |comma| comma.span.start);
                        let span = up_to_next(inp, start);
                        let message = "iterable argument unpacking follows keyword argument unpacking";
                        return raise(inp, message, span);
                    }
                    super::display::arg(inp)?;
                    Seen::Positional
                }
                K::DoubleStar => {
                    super::display::arg(inp)?;
                    Seen::Unpacked
                }
                K::True | K::False | K::None if peek_second(inp) == K::Equal => {
                    let word = inp.state().text[next.span.range()].to_owned();
                    advance(inp);
                    let equal = advance(inp);
                    return raise(inp, format!("cannot assign to {word}"), next.span.to(equal.span));
                }
                K::Name if peek_second(inp) == K::Equal => {
                    keyword_argument(inp)?;
                    Seen::Keyword
                }
                _ => {
                    let value = argument_expression(inp)?;
                    let equal = peek(inp);
                    if equal.kind == K::Equal {
                        let message = "expression cannot contain assignment, perhaps you meant \"==\"?";
                        return raise(inp, message, value.span.to(equal.span));
                    }
                    generator_argument(inp, &value, count)?;
                    Seen::Positional
                }
            };
            match seen {
                Seen::Positional if unpacked || keywords => {
                    while eat(inp, K::Comma).is_some() && attempt(inp, super::display::arg).is_some() {}
                    let unpacking = if unpacked { " unpacking" } else { "" };
                    let message = format!("positional argument follows keyword argument{unpacking}");
                    return raise_at_last(inp, message);
                }
                Seen::Positional => {}
                Seen::Keyword => keywords = true,
                Seen::Unpacked => unpacked = true,
            }
            count += 1;
            comma = eat(inp, K::Comma);
            if comma.is_none() {
                break;
            }
        }
        Ok(())
    })?;
    FINE
}

/// `name=value`
fn keyword_argument(inp: &mut Inp<'_, '_>) -> Res<()> {
    let name = advance(inp);
    let equal = advance(inp);
    let span = name.span.to(equal.span);
    if matches!(peek_kind(inp), K::Comma | K::RParen) {
        return raise(inp, "expected argument value expression", span);
    }
    expression(inp)?;
    if at_for(inp) && explained(inp, for_if_clauses)?.is_some() {
        return raise(inp, "invalid syntax. Maybe you meant '==' or ':=' instead of '='?", span);
    }
    FINE
}

/// A generator expression without its own parentheses beside other arguments.
fn generator_argument(inp: &mut Inp<'_, '_>, element: &Expr, before: usize) -> Res<()> {
    if !at_for(inp) {
        return FINE;
    }
    let clauses = for_if_clauses(inp)?;
    if before == 0 && peek_kind(inp) != K::Comma {
        return FINE;
    }
    let end = last_place(&clauses).unwrap_or(element.span);
    raise(inp, "Generator expression must be parenthesized", element.span.to(end))
}

fn last_place(clauses: &[Comprehension]) -> Option<Span> {
    let last = clauses.last()?;
    Some(last.ifs.last().unwrap_or(&last.iter).span)
}

// Targets.

/// `for` with something that can't be bound
pub(super) fn invalid_for_target(inp: &mut Inp<'_, '_>) -> Res<()> {
    let Some(targets) = explained(inp, star_expressions)? else { return FINE };
    match invalid_target(&targets, Purpose::For) {
        Some(part) => raise(inp, format!("cannot assign to {}", expression_name(part)), part.span),
        None => FINE,
    }
}

/// `for x` without `in`, in a comprehension
pub(super) fn invalid_for_if_clause(inp: &mut Inp<'_, '_>) -> Res<()> {
    let targets = explained(inp, |inp| {
        bitwise_or(inp)?;
        while eat(inp, K::Comma).is_some() && starts_expression(peek_kind(inp)) {
            bitwise_or(inp)?;
        }
        Ok(peek(inp))
    })?;
    match targets {
        Some(next) if next.kind != K::In => raise(inp, "'in' expected after for-loop variables", next.span),
        _ => FINE,
    }
}

/// `with ... as`
pub(super) fn invalid_with_item(inp: &mut Inp<'_, '_>) -> Res<()> {
    let target = explained(inp, |inp| {
        let target = expression(inp)?;
        if matches!(peek_kind(inp), K::Comma | K::RParen | K::Colon) { Ok(target) } else { fail(inp) }
    })?;
    let Some(target) = target else { return FINE };
    match invalid_target(&target, Purpose::Store) {
        Some(part) => raise(inp, format!("cannot assign to {}", expression_name(part)), part.span),
        None => FINE,
    }
}

/// `del` of something that can't be deleted
pub(super) fn invalid_del_stmt(inp: &mut Inp<'_, '_>) -> Res<()> {
    let targets = explained(inp, |inp| {
        expect(inp, K::Del)?;
        star_expressions(inp)
    })?;
    let part = targets.as_ref().and_then(|targets| invalid_target(targets, Purpose::Delete));
    match part {
        Some(part) => raise(inp, format!("cannot delete {}", expression_name(part)), part.span),
        None => FINE,
    }
}

/// A statement that is no valid assignment, from its start.
pub(super) fn invalid_assignment(inp: &mut Inp<'_, '_>) -> Res<()> {
    if peek_kind(inp) != K::Yield {
        if let Some(part) = explained(inp, annotated_tuple_or_list)? {
            return part.map_or(FINE, |(message, span)| raise(inp, message, span));
        }
        let annotated = explained(inp, |inp| {
            let target = expression(inp)?;
            expect(inp, K::Colon)?;
            expression(inp)?;
            Ok(target.span)
        })?;
        if let Some(span) = annotated {
            return raise(inp, "illegal target for annotation", span);
        }
    }
    explained(inp, assigned_targets)?;
    if peek_kind(inp) == K::Yield {
        return FINE;
    }
    let augmented = explained(inp, |inp| {
        let target = star_expressions(inp)?;
        let op = peek_kind(inp);
        if augassign(op).is_none() {
            return fail(inp);
        }
        advance(inp);
        annotated_rhs(inp)?;
        Ok(target)
    })?;
    match augmented {
        Some(target) => {
            let message = format!("'{}' is an illegal expression for augmented assignment", expression_name(&target));
            raise(inp, message, target.span)
        }
        None => FINE,
    }
}

/// `(a, b): int`, `a, b: int`
fn annotated_tuple_or_list(inp: &mut Inp<'_, '_>) -> Res<Option<(String, Span)>> {
    let first = star_named_expression(inp)?;
    let found = match peek_kind(inp) {
        K::Colon if matches!(first.kind, ExprKind::List(_) | ExprKind::Tuple(_)) => {
            Some((expression_name(&first), first.span))
        }
        K::Comma => {
            while eat(inp, K::Comma).is_some() && (starts_expression(peek_kind(inp)) || peek_kind(inp) == K::Star) {
                star_named_expression(inp)?;
            }
            Some(("tuple", first.span))
        }
        _ => None,
    };
    expect(inp, K::Colon)?;
    let Some((name, span)) = found else { return fail(inp) };
    expression(inp)?;
    Ok(Some((format!("only single target (not {name}) can be annotated"), span)))
}

/// The targets of `=`, up to the first that can't be one.
fn assigned_targets(inp: &mut Inp<'_, '_>) -> Res<()> {
    loop {
        if peek_kind(inp) == K::Yield {
            let value = yield_expr(inp)?;
            expect(inp, K::Equal)?;
            return raise(inp, "assignment to yield expression not possible", value.span);
        }
        let target = star_expressions(inp)?;
        expect(inp, K::Equal)?;
        if let Some(part) = invalid_target(&target, Purpose::Store) {
            return raise(inp, format!("cannot assign to {}", expression_name(part)), part.span);
        }
    }
}

// Imports.

pub(super) fn invalid_import(inp: &mut Inp<'_, '_>) -> Res<()> {
    let import = peek(inp);
    let at = index(inp);
    if peek_second(inp) == K::Newline {
        let newline = inp.state().tokens[at + 1].span.start;
        let span = Span { start: newline, end: newline };
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
        Ok(span_from(inp, import.span.start))
    })?;
    match names {
        Some(span) => raise(inp, "Did you mean to use 'from ... import ...' instead?", span),
        None => FINE,
    }
}

pub(super) fn invalid_import_from_targets(inp: &mut Inp<'_, '_>) -> Res<()> {
    let next = peek(inp);
    if next.kind == K::Newline {
        let span = Span { end: next.span.start, ..next.span };
        return raise(inp, "Expected one or more names after 'import'", span);
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
    match trailing {
        Some(span) => raise(inp, "trailing comma not allowed without surrounding parentheses", span),
        None => FINE,
    }
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
    match several {
        Some(span) => raise(inp, "multiple exception types must be parenthesized", span),
        None => FINE,
    }
}

// Parameters.

/// What has been read of a parameter list.
#[derive(Clone, Copy, Default)]
pub(super) struct Read {
    pub(super) any: bool,
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
        K::Star if read.star => raise(inp, "* argument may appear only once", next.span),
        K::Star => {
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
        K::LParen => {
            let group = lookahead(inp, |inp| {
                advance(inp);
                expect(inp, K::Name)?;
                while eat(inp, K::Comma).is_some() && eat(inp, K::Name).is_some() {}
                expect(inp, K::RParen)?;
                Ok(span_from(inp, next.span.start))
            });
            let what = if is_lambda { "Lambda expression" } else { "Function" };
            match group {
                Some(span) => raise(inp, format!("{what} parameters cannot be parenthesized"), span),
                None => FINE,
            }
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
    let second = inp.state().tokens[at + 1];
    let span = Span { end: second.span.start, ..second.span };
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
        if next.symbol() == inp.state().soft.wildcard {
            return raise(inp, "cannot use '_' as a target", next.span);
        }
        return FINE;
    }
    match explained(inp, expression)? {
        Some(value) => raise(inp, "invalid pattern target", value.span),
        None => FINE,
    }
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
