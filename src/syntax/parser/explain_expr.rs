//! What to say about a failed expression: see `explain.rs`.

use super::display::{BRACKET, arg, argument_expression, at_for, for_if_clauses};
use super::explain::{FINE, explained, first_look, in_brackets, raise_at_last, raise_if, unexplained, up_to_next};
use super::expr::{
    bitwise_or, disjunction, expression, inversion, star_expressions, starts_expression, starts_starred,
};
use super::input::*;
use super::stmt::augassign;
use super::target::expression_name;
use crate::syntax::ast::{Comprehension, UnaryOp};

/// After an expression that may not be the last.
pub(super) fn expression_before_more<'t, 'p>(inp: &mut Inp<'t, 'p>, start: Saved<'t, 'p>, body: &Expr) -> Res<()> {
    invalid_expression(inp, *start.cursor().inner(), body)?;
    invalid_legacy_expression(inp, start)
}

/// Two expressions without anything between them.
fn invalid_expression(inp: &mut Inp<'_, '_>, first: usize, body: &Expr) -> Res<()> {
    let tokens = inp.state().tokens;
    let name = tokens[first];
    // A name before a string is taken for a prefix.
    let excluded = name.kind == K::Name && (tokens[first + 1].kind == K::String || may_be_soft_keyword(inp, name));
    if excluded || !starts_expression(peek_kind(inp)) || is_old_statement(body) {
        return FINE;
    }
    let second = unexplained(inp, |inp| {
        inp.state().furthest = 0;
        let start = index(inp);
        let value = expression(inp);
        let end = index(inp);
        let state = inp.state();
        state.heard.push(start..state.furthest.max(end));
        value.map(|value| (value.span, end))
    })?;
    match second {
        Some((span, end)) if in_brackets(tokens, end) => {
            raise(inp, "invalid syntax. Perhaps you forgot a comma?", body.span.to(span))
        }
        _ => FINE,
    }
}

/// CPython takes a name for a soft keyword if one begins with it.
fn may_be_soft_keyword(inp: &mut Inp<'_, '_>, name: Token) -> bool {
    let text = &inp.state().text[name.span.range()];
    ["_", "case", "match", "type"].iter().any(|keyword| keyword.starts_with(text))
}

fn is_old_statement(value: &Expr) -> bool {
    matches!(value.kind, ExprKind::Name(name) if name == sym::print || name == sym::exec)
}

/// `print x`
fn invalid_legacy_expression<'t, 'p>(inp: &mut Inp<'t, 'p>, start: Saved<'t, 'p>) -> Res<()> {
    let after = inp.save();
    inp.rewind(start);
    let result = old_statement(inp, false);
    inp.rewind(after);
    result
}

/// `print` with an operator after it that might be a sign, unless it is assigned to.
pub(super) fn old_print(inp: &mut Inp<'_, '_>, operand: bool) -> Res<()> {
    // An `if` that does not end the expression is left to what follows.
    inp.state().again = true;
    let target = lookahead(inp, |inp| star_expressions(inp).map(|_| peek_kind(inp)));
    if target.is_none_or(|next| next == K::Equal || !operand && next == K::Colon || augassign(next).is_some()) {
        return FINE;
    }
    inp.state().explain = true;
    old_statement(inp, false)
}

/// What follows a second name in a row has been read before, and is not looked at for other errors.
fn old_statement(inp: &mut Inp<'_, '_>, inner: bool) -> Res<()> {
    let next = peek(inp);
    if next.kind != K::Name {
        return FINE;
    }
    let is_old = [sym::print, sym::exec].contains(&next.symbol());
    let second = peek_second(inp);
    if second == K::LParen || !starts_starred(second) {
        return FINE;
    }
    let is_soft = may_be_soft_keyword(inp, next);
    // Only these may have been taken for an operator, or for the rest of a soft keyword's statement; what else follows
    // was read before, as two expressions side by side.
    let continues = matches!(second, K::LBracket | K::Minus | K::Plus | K::Star);
    let known = !is_soft && !continues && second != K::String;
    let at = index(inp);
    let depth = inp.state().depth;
    let seen = !is_old && (continues && !is_soft || !inp.state().hopeless.insert(("legacy", at)));
    if seen || depth > inp.state().max_depth / 2 {
        return FINE;
    }
    advance(inp);
    let mut argument = None;
    let mut rest_follows = !known;
    if known {
        // It was read with what follows it.
        let state = inp.state();
        state.touched = state.touched.max((at + 2).min(state.tokens.len() - 1));
        let cut_off = unexplained(inp, |inp| {
            let body = disjunction(inp)?;
            expect(inp, K::If)?;
            let test = disjunction(inp)?;
            if matches!(peek_kind(inp), K::Else | K::Colon) { fail(inp) } else { Ok(body.span.to(test.span)) }
        })?;
        if let Some(span) = cut_off {
            return raise(inp, "expected 'else' after 'if' expression", span);
        }
        let first = unexplained(inp, |inp| expression(inp).map(|first| (first, index(inp))))?;
        if let Some((value, end)) = &first {
            explained(inp, |inp| {
                advance_to(inp, *end);
                invalid_expression(inp, at + 1, value)
            })?;
        }
        argument = first.map(|(value, end)| (value.span, end));
        if second == K::Name {
            nested(inp, BRACKET, |inp| explained(inp, |inp| old_statement(inp, true)))?;
            // As much of it as can be read.
            argument = argument.or(Some((peek(inp).span, at + 2)));
        }
        match argument {
            Some((_, end)) => {
                advance_to(inp, end);
                rest_follows = eat(inp, K::Comma).is_some();
            }
            None => return FINE,
        }
    }
    let operand = |inp: &mut Inp<'_, '_>| nested(inp, BRACKET, star_expressions);
    let rest = match rest_follows {
        true if inner && continues => unexplained(inp, operand)?,
        true => explained(inp, operand)?,
        false => None,
    };
    let argument = rest.map(|rest| rest.span).or(argument.map(|(span, _)| span));
    let Some(argument) = argument.filter(|_| is_old) else { return FINE };
    let word = &inp.state().text[next.span.range()];
    let message = format!("Missing parentheses in call to '{word}'. Did you mean {word}(...)?");
    raise(inp, message, next.span.to(argument))
}

/// Braces after an operand: CPython looks there for a generator expression that has the wrong brackets.
pub(super) fn invalid_genexp(inp: &mut Inp<'_, '_>) -> Res<()> {
    if !first_look(inp, "braces") {
        return FINE;
    }
    let production = |inp: &mut Inp<'_, '_>| {
        expect(inp, K::LBrace)?;
        super::display::elements(inp, K::LBrace)
    };
    explained(inp, |inp| nested(inp, BRACKET, production))?;
    FINE
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
    if !matches!(peek_kind(inp), K::FStringMiddle | K::RBrace) {
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
                    | ExprKind::UnaryOp { op: UnaryOp::Not, .. }
            );
            let parenthesized = value.span.start != start;
            if !operand && !parenthesized {
                return FINE;
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
    let applies = match single {
        true => is_starred(first) || opener != K::LParen && comma.kind == K::Comma,
        false => opener != K::LParen,
    };
    if !applies || !at_for(inp) || explained(inp, for_if_clauses)?.is_none() {
        return FINE;
    }
    if single && comma.kind != K::Comma {
        return raise(inp, "iterable unpacking cannot be used in comprehension", first.span);
    }
    let end = if single { comma.span } else { last.span };
    raise(inp, "did you forget parentheses around the comprehension target?", first.span.to(end))
}

/// `{**a for ...}`
pub(super) fn invalid_dict_comprehension(inp: &mut Inp<'_, '_>, stars: Span) -> Res<()> {
    let found = explained(inp, for_if_clauses)?;
    raise_if(inp, found.map(|_| stars), "dict unpacking cannot be used in dict comprehension")
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
    raise_if(inp, closed.map(|_| next.span), "cannot use double starred expression here")
}

/// A key that is not the first is read without a look at what is wrong inside it. `None` if it is no expression.
pub(super) fn key_without_colon(inp: &mut Inp<'_, '_>) -> Res<Option<Expr>> {
    let key = unexplained(inp, |inp| {
        let key = expression(inp)?;
        Ok((key, peek_kind(inp), index(inp)))
    })?;
    let Some((key, next, end)) = key else { return Ok(None) };
    if next != K::Colon {
        return raise(inp, "':' expected after dictionary key", key.span);
    }
    advance_to(inp, end);
    Ok(Some(key))
}

/// A dict that has failed, in the first pass: what is wrong with its pairs is told at once, whatever is around them.
#[cold]
pub(super) fn failed_dict<T>(inp: &mut Inp<'_, '_>, again: fn(&mut Inp<'_, '_>) -> Res<T>) -> Res<T> {
    let State { furthest, touched, .. } = *inp.state();
    inp.state().again = true;
    let _ = lookahead(inp, again);
    let state = inp.state();
    state.again = false;
    state.hopeless.clear();
    if state.raised.is_none() {
        (state.furthest, state.touched) = (furthest.max(state.starred), touched);
    }
    Err(Failed)
}

/// After the key of a dict; `first` if no pair stands before it.
pub(super) fn invalid_kvpair(inp: &mut Inp<'_, '_>, key: &Expr, first: bool) -> Res<()> {
    let colon = peek(inp);
    if colon.kind != K::Colon {
        if first {
            return FINE;
        }
        return raise(inp, "':' expected after dictionary key", key.span);
    }
    match peek_second(inp) {
        K::Star => {
            let furthest = std::mem::take(&mut inp.state().furthest);
            let star = explained(inp, |inp| {
                advance(inp);
                let star = advance(inp);
                touch(inp);
                bitwise_or(inp)?;
                Ok(up_to_next(inp, star.span.start))
            })?;
            let state = inp.state();
            state.starred = state.starred.max(state.furthest);
            state.furthest = furthest.max(state.furthest);
            raise_if(inp, star, "cannot use a starred expression in a dictionary value")
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
    raise_if(inp, value.map(|value| star.to(value.span)), format!("cannot assign to {what} argument unpacking"))
}

/// What follows a star has failed. That is the error, unless CPython would take a part of it for the whole: in the first
/// pass it has to be read again to know.
#[cold]
pub(super) fn invalid_star<T>(inp: &mut Inp<'_, '_>) -> Res<T> {
    let state = inp.state();
    let furthest = state.furthest;
    if !state.again {
        state.again = true;
        let part = lookahead(inp, expression);
        let state = inp.state();
        state.again = false;
        state.hopeless.clear();
        state.furthest = furthest;
        if part.is_some() || state.raised.is_some() {
            return Err(Failed);
        }
    }
    let state = inp.state();
    let last = state.furthest.max(state.touched);
    let span = state.tokens[last].span;
    raise(inp, "Invalid star expression", span)
}

/// A star at the start of a display.
pub(super) fn invalid_first_star(inp: &mut Inp<'_, '_>) -> Res<()> {
    if !first_look(inp, "first star") {
        return FINE;
    }
    let unpacked = explained(inp, |inp| {
        advance(inp);
        expression(inp)
    })?;
    if unpacked.is_none() { raise_at_last(inp, "Invalid star expression") } else { FINE }
}

/// `not` as an operand of an operator that binds more tightly
pub(super) fn not_after_operator(inp: &mut Inp<'_, '_>, arithmetic: bool) -> Res<()> {
    let next = peek(inp);
    if !arithmetic || next.kind != K::Not {
        return FINE;
    }
    let found = explained(inp, |inp| {
        advance(inp);
        inversion(inp)
    })?;
    raise_if(inp, found.map(|value| next.span.to(value.span)), "'not' after an operator must be parenthesized")
}

/// One argument, as far as error productions see it.
enum Seen {
    Positional,
    Keyword,
    Unpacked,
}

/// Reads the arguments of a call once more to find the first that is wrong.
pub(super) fn invalid_arguments(inp: &mut Inp<'_, '_>) -> Res<()> {
    let at = index(inp);
    let of_class = at >= 2 && inp.state().tokens[at - 2].kind == K::Class;
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
                            arg(inp)?;
                            if eat(inp, K::Comma).is_none() {
                                break;
                            }
                        }
                        let start = comma.map_or(next.span.start, |comma| comma.span.start);
                        let span = up_to_next(inp, start);
                        let message = "iterable argument unpacking follows keyword argument unpacking";
                        return raise(inp, message, span);
                    }
                    arg(inp)?;
                    let at = index(inp);
                    let end = inp.state().tokens[at - 1].span;
                    let clauses = explained(inp, |inp| if at_for(inp) { for_if_clauses(inp) } else { fail(inp) })?;
                    if clauses.is_some() && count == 0 && !of_class {
                        let message = "iterable unpacking cannot be used in comprehension";
                        return raise(inp, message, next.span.to(end));
                    }
                    // Unpacking may follow keywords.
                    if keywords { Seen::Keyword } else { Seen::Positional }
                }
                K::DoubleStar => {
                    arg(inp)?;
                    Seen::Unpacked
                }
                K::True | K::False | K::None if peek_second(inp) == K::Equal => {
                    let word = inp.state().text[next.span.range()].to_owned();
                    advance(inp);
                    let equal = peek(inp);
                    return raise(inp, format!("cannot assign to {word}"), next.span.to(equal.span));
                }
                K::Name if peek_second(inp) == K::Equal => {
                    keyword_argument(inp)?;
                    Seen::Keyword
                }
                _ => {
                    let value = argument_expression(inp)?;
                    let equal = peek(inp);
                    if equal.kind == K::Equal && !matches!(value.kind, ExprKind::NamedExpr { .. }) {
                        let message = "expression cannot contain assignment, perhaps you meant \"==\"?";
                        return raise(inp, message, value.span.to(equal.span));
                    }
                    generator_argument(inp, &value, count)?;
                    Seen::Positional
                }
            };
            match seen {
                Seen::Positional if unpacked || keywords => {
                    while eat(inp, K::Comma).is_some() && attempt(inp, arg).is_some() {}
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
    if before == 0 {
        if eat(inp, K::Comma).is_none() {
            return FINE;
        }
        // What follows is read as well.
        unexplained(inp, |inp| {
            while starts_starred(peek_kind(inp)) {
                arg(inp)?;
                expect(inp, K::Comma)?;
            }
            FINE
        })?;
    }
    let end = last_place(&clauses).unwrap_or(element.span);
    raise(inp, "Generator expression must be parenthesized", element.span.to(end))
}

fn last_place(clauses: &[Comprehension]) -> Option<Span> {
    let last = clauses.last()?;
    Some(last.ifs.last().unwrap_or(&last.iter).span)
}
