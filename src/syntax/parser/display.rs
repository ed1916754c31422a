//! Operands and everything in brackets: displays, comprehensions, calls, subscripts.

use super::explain_expr as explain;
use super::explain_target;
use super::expr::{
    annotated_rhs, assignment_expression, bitwise_or, disjunction, expr, expression, ident, named_expression, primary,
    star_named_expression, starred_expression, unpacked_expression, with_more, yield_expr,
};
use super::input::*;
use super::strings::strings;
use super::target::check_targets;
use crate::syntax::ast::{Arg, Comp, Comprehension};
use crate::syntax::literal::Literal;

/// What opening brackets cost, see [`nested`].
pub(super) const BRACKET: u32 = 4;
const BRACE: u32 = 6;
const FIELD: u32 = 7;

/// ```text
/// atom: NAME | NUMBER | strings | 'True' | 'False' | 'None' | '...' | group | tuple | genexp | list | listcomp
///     | dict | set | dictcomp | setcomp
/// ```
pub(super) fn atom(inp: &mut Inp<'_, '_>) -> Res<Expr> {
    let token = peek(inp);
    let kind = match token.kind {
        K::Name => ExprKind::Name(token.symbol()),
        K::Number => match &inp.state().literals[token.index()] {
            Literal::Value(value) => ExprKind::Constant(value.clone()),
            Literal::Bad(message) => {
                let message = message.clone();
                return raise(inp, message, token.span);
            }
        },
        K::None => ExprKind::Constant(Constant::None),
        K::True => ExprKind::Constant(Constant::True),
        K::False => ExprKind::Constant(Constant::False),
        K::Ellipsis => ExprKind::Constant(Constant::Ellipsis),
        K::String | K::FStringStart => return strings(inp),
        K::LParen => return bracketed(inp, BRACKET, parenthesized),
        K::LBracket => return bracketed(inp, BRACKET, list),
        K::LBrace => {
            let before = inp.save();
            let depth = inp.state().depth;
            let value = bracketed(inp, BRACE, dict_or_set);
            if value.is_err() && !inp.state().again && inp.state().raised.is_none() {
                inp.rewind(before);
                inp.state().depth = depth;
                return explain::failed_dict(inp, dict_or_set);
            }
            return value;
        }
        _ => return fail(inp),
    };
    if inp.state().raised.is_some() {
        return fail(inp);
    }
    advance(inp);
    let height = &mut inp.state().height;
    *height = (*height).max(1);
    Ok(expr(kind, token.span))
}

fn bracketed<'t, 'p>(inp: &mut Inp<'t, 'p>, cost: u32, production: fn(&mut Inp<'t, 'p>) -> Res<Expr>) -> Res<Expr> {
    let opener = index(inp);
    let State { explain, again, .. } = *inp.state();
    let name = if explain { "bracket" } else { "bracket again" };
    if again && inp.state().hopeless.contains(&(name, opener)) {
        return fail(inp);
    }
    let begun = begin_node(inp);
    let result = nested(inp, cost, production);
    if again && result.is_err() {
        inp.state().hopeless.insert((name, opener));
    }
    let value = result?;
    end_node(inp, begun, 1)?;
    Ok(value)
}

/// Whether a comprehension's `for` comes next.
pub(super) fn at_for(inp: &mut Inp<'_, '_>) -> bool {
    match peek_kind(inp) {
        K::For => true,
        K::Async if peek_second(inp) == K::For => true,
        K::Async => {
            let after = index(inp) + 1;
            let state = inp.state();
            state.furthest = state.furthest.max(after);
            false
        }
        _ => false,
    }
}

/// ```text
/// group: '(' (yield_expr | named_expression) ')'
/// tuple: '(' [star_named_expression ',' [star_named_expressions]] ')'
/// genexp: '(' (assignment_expression | expression) for_if_clauses ')'
/// ```
fn parenthesized(inp: &mut Inp<'_, '_>) -> Res<Expr> {
    let start = expect(inp, K::LParen)?.span.start;
    explaining(inp, explain::invalid_group)?;
    let bare_yield = peek_kind(inp) == K::Yield;
    let first = match peek_kind(inp) {
        K::RParen => return close_display(inp, start, K::RParen, ExprKind::Tuple(Vec::new())),
        K::Yield => yield_expr(inp),
        _ => first_element(inp),
    }?;
    if peek_kind(inp) == K::RParen && !is_starred(&first) {
        advance(inp);
        return Ok(first);
    }
    // A `yield` without parentheses of its own stands alone.
    if bare_yield { fail(inp) } else { tuple_or_genexp(inp, start, first) }
}

#[inline(never)]
fn tuple_or_genexp(inp: &mut Inp<'_, '_>, start: u32, first: Expr) -> Res<Expr> {
    if at_for(inp) && !is_starred(&first) {
        return comprehension(inp, start, K::RParen, first, None, ExprKind::GeneratorExp);
    }
    if peek_kind(inp) == K::Comma {
        let elements = more_elements(inp, K::LParen, first)?;
        return close_display(inp, start, K::RParen, ExprKind::Tuple(elements));
    }
    if is_starred(&first) && inp.state().explain {
        explain::invalid_comprehension(inp, K::LParen, std::slice::from_ref(&first))?;
        if peek_kind(inp) == K::RParen {
            return raise(inp, "cannot use starred expression here", first.span);
        }
    }
    fail(inp)
}

/// The first element of a display.
fn first_element(inp: &mut Inp<'_, '_>) -> Res<Expr> {
    if inp.state().explain && peek_kind(inp) == K::Star {
        explain::invalid_first_star(inp)?;
    }
    star_named_expression(inp)
}

/// The closing bracket, and the display it ends.
#[inline(never)]
fn close_display(inp: &mut Inp<'_, '_>, start: u32, closer: K, kind: ExprKind) -> Res<Expr> {
    expect(inp, closer)?;
    Ok(expr(kind, span_from(inp, start)))
}

/// ```text
/// list: '[' [star_named_expressions] ']'
/// listcomp: '[' named_expression for_if_clauses ']'
/// ```
fn list(inp: &mut Inp<'_, '_>) -> Res<Expr> {
    let start = expect(inp, K::LBracket)?.span.start;
    if peek_kind(inp) == K::RBracket {
        return close_display(inp, start, K::RBracket, ExprKind::List(Vec::new()));
    }
    let first = first_element(inp)?;
    if at_for(inp) && !is_starred(&first) {
        return comprehension(inp, start, K::RBracket, first, None, ExprKind::ListComp);
    }
    let elements = more_elements(inp, K::LBracket, first)?;
    close_display(inp, start, K::RBracket, ExprKind::List(elements))
}

fn is_starred(value: &Expr) -> bool {
    matches!(value.kind, ExprKind::Starred(_))
}

/// The elements of a display, in brackets of that kind.
pub(super) fn elements(inp: &mut Inp<'_, '_>, opener: K) -> Res<Vec<Expr>> {
    let first = first_element(inp)?;
    more_elements(inp, opener, first)
}

/// `star_named_expressions: star_named_expression (',' star_named_expression)* [',']`, after the first.
fn more_elements(inp: &mut Inp<'_, '_>, opener: K, first: Expr) -> Res<Vec<Expr>> {
    let elements = with_more(inp, first, star_named_expression)?;
    explaining(inp, |inp| explain::invalid_comprehension(inp, opener, &elements))?;
    Ok(elements)
}

/// ```text
/// dict: '{' [double_starred_kvpair (',' double_starred_kvpair)* [',']] '}'
/// dictcomp: '{' kvpair for_if_clauses '}'
/// set: '{' star_named_expressions '}'
/// setcomp: '{' named_expression for_if_clauses '}'
/// ```
fn dict_or_set(inp: &mut Inp<'_, '_>) -> Res<Expr> {
    let start = expect(inp, K::LBrace)?.span.start;
    match peek_kind(inp) {
        K::RBrace => return close_display(inp, start, K::RBrace, ExprKind::Dict(Vec::new())),
        K::DoubleStar => return dict(inp, start, None),
        _ => {}
    }
    let named = peek_second(inp) == K::Walrus;
    let first = first_element(inp)?;
    if peek_kind(inp) == K::Colon && !named && !is_starred(&first) {
        return dict(inp, start, Some(first));
    }
    set(inp, start, first)
}

#[inline(never)]
fn set(inp: &mut Inp<'_, '_>, start: u32, first: Expr) -> Res<Expr> {
    if at_for(inp) && !is_starred(&first) {
        return comprehension(inp, start, K::RBrace, first, None, ExprKind::SetComp);
    }
    let elements = more_elements(inp, K::LBrace, first)?;
    close_display(inp, start, K::RBrace, ExprKind::Set(elements))
}

/// The rest of a dict, of which the first key may have been read.
fn dict(inp: &mut Inp<'_, '_>, start: u32, mut key: Option<Expr>) -> Res<Expr> {
    let mut items = Vec::new();
    loop {
        let stars = peek(inp).span;
        let first = key.is_some() || items.is_empty();
        items.push(double_starred_kvpair(inp, key.take(), first)?);
        if items.len() == 1 && at_for(inp) {
            if let Some((Some(key), value)) = items.pop() {
                return comprehension(inp, start, K::RBrace, key, Some(value), ExprKind::DictComp);
            }
            explaining(inp, |inp| explain::invalid_dict_comprehension(inp, stars))?;
            return fail(inp);
        }
        if eat(inp, K::Comma).is_none() || peek_kind(inp) == K::RBrace {
            break;
        }
    }
    close_display(inp, start, K::RBrace, ExprKind::Dict(items))
}

/// ```text
/// double_starred_kvpair: '**' bitwise_or | kvpair
/// kvpair: expression ':' expression
/// ```
fn double_starred_kvpair(inp: &mut Inp<'_, '_>, key: Option<Expr>, first: bool) -> Res<(Option<Expr>, Expr)> {
    if key.is_none() && eat(inp, K::DoubleStar).is_some() {
        return Ok((None, bitwise_or(inp)?));
    }
    let known = match key {
        None if inp.state().again && !first => explain::key_without_colon(inp)?,
        key => key,
    };
    let key = match known {
        Some(key) => key,
        None => expression(inp)?,
    };
    if inp.state().again {
        explain::invalid_kvpair(inp, &key, first)?;
    }
    expect(inp, K::Colon)?;
    Ok((Some(key), expression(inp)?))
}

/// The clauses and the closing bracket of a comprehension.
#[inline(never)]
fn comprehension(
    inp: &mut Inp<'_, '_>,
    start: u32,
    closer: K,
    element: Expr,
    value: Option<Expr>,
    make: fn(Box<Comp>) -> ExprKind,
) -> Res<Expr> {
    let generators = for_if_clauses(inp)?;
    expect(inp, closer)?;
    let comp = Comp { element, value, generators, scope: ScopeId::default() };
    Ok(expr(make(Box::new(comp)), span_from(inp, start)))
}

/// `for_if_clauses: for_if_clause+`
pub(super) fn for_if_clauses(inp: &mut Inp<'_, '_>) -> Res<Vec<Comprehension>> {
    let mut clauses = Vec::new();
    while at_for(inp) {
        clauses.push(for_if_clause(inp)?);
    }
    Ok(clauses)
}

/// `for_if_clause: ['async'] 'for' star_targets 'in' disjunction ('if' disjunction)*`
fn for_if_clause(inp: &mut Inp<'_, '_>) -> Res<Comprehension> {
    let is_async = eat(inp, K::Async).is_some();
    expect(inp, K::For)?;
    let target = attempt(inp, |inp| {
        let target = valid_star_targets(inp)?;
        expect(inp, K::In)?;
        Ok(target)
    });
    let Some(target) = target else {
        let failed = explain_target::for_if_clause_without_in(inp);
        if inp.state().explain && inp.state().raised.is_none() {
            star_targets(inp)?;
        }
        return failed;
    };
    let iter = disjunction(inp)?;
    let mut ifs = Vec::new();
    while peek_kind(inp) == K::If {
        let test = attempt(inp, |inp| {
            advance(inp);
            disjunction(inp)
        });
        let Some(test) = test else { break };
        ifs.push(test);
    }
    Ok(Comprehension { target, iter, ifs, is_async })
}

/// `star_targets: star_target (',' star_target)* [',']`, the targets of a `for`.
pub(super) fn star_targets(inp: &mut Inp<'_, '_>) -> Res<Expr> {
    if !inp.state().explain {
        return valid_star_targets(inp);
    }
    let before = index(inp);
    let targets = attempt(inp, |inp| {
        let target = valid_star_targets(inp)?;
        if peek_kind(inp) == K::In { Ok(target) } else { fail(inp) }
    });
    if let Some(target) = targets {
        return Ok(target);
    }
    if inp.state().raised.is_none() && inp.state().hopeless.insert(("star_targets", before)) {
        explain_target::invalid_for_target(inp)?;
    }
    fail(inp)
}

pub(super) fn valid_star_targets(inp: &mut Inp<'_, '_>) -> Res<Expr> {
    let start = here(inp);
    let begun = begin_node(inp);
    let first = star_target(inp)?;
    let target = if peek_kind(inp) == K::Comma {
        let targets = with_more(inp, first, star_target)?;
        expr(ExprKind::Tuple(targets), span_from(inp, start))
    } else {
        first
    };
    end_node(inp, begun, 1)?;
    check_targets(inp, &target)?;
    Ok(target)
}

/// `star_target: ['*'] primary`, as far as it is a target.
pub(super) fn star_target(inp: &mut Inp<'_, '_>) -> Res<Expr> {
    match eat(inp, K::Star) {
        Some(star) => {
            let value = Box::new(primary(inp)?);
            Ok(expr(ExprKind::Starred(value), span_from(inp, star.span.start)))
        }
        None => primary(inp),
    }
}

/// `slices: slice | (slice | starred_expression) (',' (slice | starred_expression))* [',']`, in brackets
pub(super) fn slices(inp: &mut Inp<'_, '_>) -> Res<Box<Expr>> {
    expect(inp, K::LBracket)?;
    let start = here(inp);
    let first = slice_or_starred(inp)?;
    let index = if peek_kind(inp) == K::Comma || is_starred(&first) {
        slice_tuple(inp, start, first)?
    } else {
        Box::new(first)
    };
    expect(inp, K::RBracket)?;
    Ok(index)
}

#[inline(never)]
fn slice_tuple(inp: &mut Inp<'_, '_>, start: u32, first: Expr) -> Res<Box<Expr>> {
    let mut elements = vec![first];
    while eat(inp, K::Comma).is_some() && peek_kind(inp) != K::RBracket {
        elements.push(slice_or_starred(inp)?);
    }
    end_node(inp, 0, 1)?;
    Ok(Box::new(expr(ExprKind::Tuple(elements), span_from(inp, start))))
}

fn slice_or_starred(inp: &mut Inp<'_, '_>) -> Res<Expr> {
    if peek_kind(inp) == K::Star { starred_expression(inp) } else { slice(inp) }
}

/// `slice: [expression] ':' [expression] [':' [expression]] | named_expression`
fn slice(inp: &mut Inp<'_, '_>) -> Res<Expr> {
    if peek_kind(inp) == K::Colon {
        let start = here(inp);
        return slice_rest(inp, start, None);
    }
    let named = peek_second(inp) == K::Walrus;
    let start = here(inp);
    let value = named_expression(inp)?;
    if peek_kind(inp) != K::Colon || named {
        return Ok(value);
    }
    slice_rest(inp, start, Some(Box::new(value)))
}

#[inline(never)]
fn slice_rest(inp: &mut Inp<'_, '_>, start: u32, lower: Option<Box<Expr>>) -> Res<Expr> {
    expect(inp, K::Colon)?;
    let upper = slice_part(inp)?;
    let step = if eat(inp, K::Colon).is_some() { slice_part(inp)? } else { None };
    end_node(inp, 0, 1)?;
    Ok(expr(ExprKind::Slice { lower, upper, step }, span_from(inp, start)))
}

#[inline(never)]
fn slice_part(inp: &mut Inp<'_, '_>) -> Res<Option<Box<Expr>>> {
    if matches!(peek_kind(inp), K::Colon | K::Comma | K::RBracket) {
        return Ok(None);
    }
    Ok(Some(Box::new(expression(inp)?)))
}

/// `arguments: args [',']`, in parentheses
///
/// ```text
/// args: arg (',' arg)*
/// arg: starred_expression | '**' expression | NAME '=' expression | assignment_expression | expression
/// ```
pub(super) fn call_arguments(inp: &mut Inp<'_, '_>) -> Res<Vec<Arg>> {
    explained_arguments(inp, true)
}

/// The arguments of a class, among which there is no generator expression without parentheses of its own.
pub(super) fn class_arguments(inp: &mut Inp<'_, '_>) -> Res<Vec<Arg>> {
    explained_arguments(inp, false)
}

fn explained_arguments(inp: &mut Inp<'_, '_>, generator: bool) -> Res<Vec<Arg>> {
    let opener = index(inp);
    if !inp.state().explain {
        return arguments(inp, generator);
    }
    if inp.state().hopeless.contains(&("arguments", opener)) {
        return fail(inp);
    }
    if let Some(args) = attempt(inp, |inp| arguments(inp, generator)) {
        return Ok(args);
    }
    if inp.state().raised.is_none() {
        explain::invalid_arguments(inp)?;
    }
    inp.state().hopeless.insert(("arguments", opener));
    fail(inp)
}

fn arguments(inp: &mut Inp<'_, '_>, generator: bool) -> Res<Vec<Arg>> {
    let opener = expect(inp, K::LParen)?;
    let mut args = Vec::new();
    let (mut keywords, mut unpacked) = (false, false);
    while peek_kind(inp) != K::RParen {
        let next = peek_kind(inp);
        let begins = matches!(next, K::Star | K::DoubleStar) || next == K::Name && peek_second(inp) == K::Equal;
        if (keywords || unpacked) && !begins {
            // A name could be a keyword's; anything else is read no further.
            let at = index(inp) + usize::from(next == K::Name);
            let state = inp.state();
            state.furthest = state.furthest.max(at);
            state.touched = state.touched.max(at);
            return Err(Failed);
        }
        args.push(arg(inp)?);
        match args.last() {
            Some(Arg::Positional(_)) if generator && args.len() == 1 && at_for(inp) => {
                return generator_argument(inp, opener.span.start, args);
            }
            Some(Arg::Star(..)) if unpacked => return fail(inp),
            Some(Arg::Keyword(..)) => keywords = true,
            Some(Arg::DoubleStar(..)) => unpacked = true,
            _ => {}
        }
        if eat(inp, K::Comma).is_none() {
            break;
        }
    }
    expect(inp, K::RParen)?;
    Ok(args)
}

/// The one argument turns out to be the element of a generator expression.
#[inline(never)]
fn generator_argument(inp: &mut Inp<'_, '_>, start: u32, mut args: Vec<Arg>) -> Res<Vec<Arg>> {
    if let Some(Arg::Positional(element)) = args.pop() {
        let generator = comprehension(inp, start, K::RParen, element, None, ExprKind::GeneratorExp)?;
        end_node(inp, 0, 1)?;
        args.push(Arg::Positional(generator));
    }
    Ok(args)
}

pub(super) fn arg(inp: &mut Inp<'_, '_>) -> Res<Arg> {
    match peek_kind(inp) {
        K::Star => star_argument(inp),
        K::DoubleStar => double_star_argument(inp),
        K::Name if peek_second(inp) == K::Equal => {
            let name = ident(inp)?;
            advance(inp);
            Ok(Arg::Keyword(name, expression(inp)?))
        }
        _ => argument_expression(inp).map(Arg::Positional),
    }
}

#[inline(never)]
fn star_argument(inp: &mut Inp<'_, '_>) -> Res<Arg> {
    let star = expect(inp, K::Star)?.span;
    let value = unpacked_expression(inp)?;
    explaining(inp, |inp| explain::invalid_starred_argument(inp, star, "iterable"))?;
    let span = span_from(inp, star.start);
    Ok(Arg::Star(value, span))
}

#[inline(never)]
fn double_star_argument(inp: &mut Inp<'_, '_>) -> Res<Arg> {
    let stars = expect(inp, K::DoubleStar)?.span;
    let value = expression(inp)?;
    explaining(inp, |inp| explain::invalid_starred_argument(inp, stars, "keyword"))?;
    let span = span_from(inp, stars.start);
    Ok(Arg::DoubleStar(value, span))
}

/// `assignment_expression | expression`
pub(super) fn argument_expression(inp: &mut Inp<'_, '_>) -> Res<Expr> {
    if peek_kind(inp) == K::Name && peek_second(inp) == K::Walrus {
        assignment_expression(inp)
    } else {
        expression(inp)
    }
}

/// A replacement field of an f-string, without its braces: see `strings.rs`.
pub(super) fn field_value(inp: &mut Inp<'_, '_>) -> Res<Expr> {
    nested(inp, FIELD, annotated_rhs)
}
