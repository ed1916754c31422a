//! What to say about targets that can't be assigned to, bound or deleted: see `explain.rs`.

use super::explain::{FINE, explained, first_look, raise_at_last};
use super::expr::{
    annotated_rhs, bitwise_or, expression, star_expressions, star_named_expression, starts_expression, yield_expr,
};
use super::input::*;
use super::stmt::augassign;
use super::target::{Purpose, expression_name, invalid_target};

fn refuse(inp: &mut Inp<'_, '_>, doing: &str, part: Option<&Expr>) -> Res<()> {
    let Some(part) = part else { return FINE };
    raise(inp, format!("cannot {doing} {}", expression_name(part)), part.span)
}

/// `for` with something that can't be bound
pub(super) fn invalid_for_target(inp: &mut Inp<'_, '_>) -> Res<()> {
    let Some(targets) = explained(inp, star_expressions)? else { return FINE };
    refuse(inp, "assign to", invalid_target(&targets, Purpose::For))
}

/// `for x` without `in`, in a comprehension. CPython's grammar says so at once, without a second pass.
#[cold]
pub(super) fn for_if_clause_without_in<T>(inp: &mut Inp<'_, '_>) -> Res<T> {
    if inp.state().raised.is_some() || !first_look(inp, "for_if_clause") {
        return Err(Failed);
    }
    let targets = explained(inp, |inp| {
        bitwise_or(inp)?;
        while eat(inp, K::Comma).is_some() && attempt(inp, bitwise_or).is_some() {}
        Ok(peek(inp))
    })?;
    match targets {
        Some(next) if next.kind != K::In => raise_at_last(inp, "'in' expected after for-loop variables"),
        _ => Err(Failed),
    }
}

/// `with ... as`
pub(super) fn invalid_with_item(inp: &mut Inp<'_, '_>) -> Res<()> {
    let target = explained(inp, |inp| {
        let target = expression(inp)?;
        if matches!(peek_kind(inp), K::Comma | K::RParen | K::Colon) { Ok(target) } else { fail(inp) }
    })?;
    let Some(target) = target else { return FINE };
    refuse(inp, "assign to", invalid_target(&target, Purpose::Store))
}

/// `del` of something that can't be deleted
pub(super) fn invalid_del_stmt(inp: &mut Inp<'_, '_>) -> Res<()> {
    let targets = explained(inp, |inp| {
        expect(inp, K::Del)?;
        star_expressions(inp)
    })?;
    let part = targets.as_ref().and_then(|targets| invalid_target(targets, Purpose::Delete));
    refuse(inp, "delete", part)
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
            // Commas between the rest are optional here: so errors in them are found.
            advance(inp);
            while starts_expression(peek_kind(inp)) || peek_kind(inp) == K::Star {
                star_named_expression(inp)?;
                eat(inp, K::Comma);
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
