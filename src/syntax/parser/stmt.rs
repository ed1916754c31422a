//! Statements that fit on a line.

use super::display::star_target;
use super::explain;
use super::explain_target;
use super::expr::{
    annotated_rhs, expression, ident, primary, star_expression, star_expressions, starts_expression, starts_starred,
};
use super::input::*;
use super::params::type_params;
use super::target::{Purpose, invalid_target, is_single_target};
use crate::syntax::ast::{Alias, BinOp};

/// `simple_stmts: simple_stmt (';' simple_stmt)* [';'] NEWLINE`
pub(super) fn simple_stmts(inp: &mut Inp<'_, '_>, out: &mut Vec<Stmt>) -> Res<()> {
    loop {
        let start = here(inp);
        let kind = simple_stmt(inp)?;
        out.push(Stmt { kind, span: span_from(inp, start) });
        if eat(inp, K::Semicolon).is_some() {
            if eat(inp, K::Newline).is_some() {
                return Ok(());
            }
            continue;
        }
        expect(inp, K::Newline)?;
        return Ok(());
    }
}

/// ```text
/// simple_stmt: assignment | star_expressions | return_stmt | import_stmt | raise_stmt | 'pass' | del_stmt | yield_stmt
///     | assert_stmt | 'break' | 'continue' | global_stmt | nonlocal_stmt | type_alias
/// ```
#[inline(never)]
fn simple_stmt(inp: &mut Inp<'_, '_>) -> Res<StmtKind> {
    inp.state().height = 0;
    let next = peek(inp);
    match next.kind {
        K::Return => return_stmt(inp),
        K::Import => import_name(inp),
        K::From => import_from(inp),
        K::Raise => raise_stmt(inp),
        K::Pass => expect(inp, K::Pass).map(|_| StmtKind::Pass),
        K::Break => expect(inp, K::Break).map(|_| StmtKind::Break),
        K::Continue => expect(inp, K::Continue).map(|_| StmtKind::Continue),
        K::Del => del_stmt(inp),
        K::Assert => assert_stmt(inp),
        K::Global => global_stmt(inp),
        K::Nonlocal => nonlocal_stmt(inp),
        K::Name if next.symbol() == sym::type_ && peek_second(inp) == K::Name => {
            if inp.state().explain && explain::unexplained(inp, type_alias)?.is_none() {
                // It is taken for an expression first.
                explain::explained(inp, assignment)?;
            }
            type_alias(inp)
        }
        _ => assignment(inp),
    }
}

/// `type A[T=1] = ...`, whose part after `type` is looked at as an expression.
pub(super) fn subscripted_alias(inp: &mut Inp<'_, '_>) -> Res<()> {
    inp.state().explain = true;
    inp.state().again = true;
    advance(inp);
    star_expressions(inp)?;
    Ok(())
}

/// ```text
/// assignment: (star_targets '=')+ annotated_rhs
///     | single_target ':' expression ['=' annotated_rhs]
///     | single_target augassign annotated_rhs
/// ```
///
/// An expression statement is what has none of the operators; all start with what can be read as an expression.
pub(super) fn assignment(inp: &mut Inp<'_, '_>) -> Res<StmtKind> {
    if !inp.state().explain {
        return valid_assignment(inp);
    }
    let valid = lookahead(inp, |inp| valid_assignment(inp).map(|kind| matches!(kind, StmtKind::Expr(_))));
    let is_valid = |inp: &mut Inp<'_, '_>| match valid {
        Some(is_expression) => !is_expression,
        None => lookahead(inp, assigned_up_to_a_comma).is_some(),
    };
    if inp.state().raised.is_none() && !is_valid(inp) {
        explain_target::invalid_assignment(inp)?;
    }
    valid_assignment(inp)
}

/// An assignment of a tuple that ends with a comma, whatever follows: it is valid, what follows is wrong.
fn assigned_up_to_a_comma(inp: &mut Inp<'_, '_>) -> Res<()> {
    loop {
        let target = annotated_rhs(inp)?;
        if peek_kind(inp) != K::Equal || invalid_target(&target, Purpose::Store).is_some() {
            return fail(inp);
        }
        advance(inp);
        let before = inp.save();
        if attempt(inp, annotated_rhs).is_none() {
            inp.rewind(before);
            star_expression(inp)?;
            while peek_kind(inp) == K::Comma {
                advance(inp);
                if attempt(inp, star_expression).is_none() {
                    return Ok(());
                }
            }
            return fail(inp);
        }
        inp.rewind(before);
    }
}

fn valid_assignment(inp: &mut Inp<'_, '_>) -> Res<StmtKind> {
    let start = here(inp);
    let first = annotated_rhs(inp)?;
    let next = peek_kind(inp);
    match next {
        K::Equal => assign(inp, first),
        K::Colon => annotate(inp, first, start),
        _ => match augassign(next) {
            Some(op) => {
                if !is_single_target(&first) {
                    return fail(inp);
                }
                advance(inp);
                Ok(StmtKind::AugAssign { target: first, op, value: annotated_rhs(inp)? })
            }
            None => Ok(StmtKind::Expr(first)),
        },
    }
}

fn assign(inp: &mut Inp<'_, '_>, first: Expr) -> Res<StmtKind> {
    let mut targets = Vec::with_capacity(1);
    let mut value = first;
    while peek_kind(inp) == K::Equal {
        if invalid_target(&value, Purpose::Store).is_some() {
            return fail(inp);
        }
        advance(inp);
        targets.push(value);
        value = annotated_rhs(inp)?;
    }
    Ok(StmtKind::Assign { targets, value })
}

fn annotate(inp: &mut Inp<'_, '_>, target: Expr, start: u32) -> Res<StmtKind> {
    if !is_single_target(&target) {
        return fail(inp);
    }
    advance(inp);
    let annotation = expression(inp)?;
    let value = match peek_kind(inp) {
        // In the second pass, a value that fails is no part of the statement.
        K::Equal if inp.state().again => attempt(inp, annotated_value),
        K::Equal => Some(annotated_value(inp)?),
        _ => None,
    };
    let simple = matches!(target.kind, ExprKind::Name(_)) && target.span.start == start;
    Ok(StmtKind::AnnAssign { target, annotation, value, simple })
}

fn annotated_value(inp: &mut Inp<'_, '_>) -> Res<Expr> {
    expect(inp, K::Equal)?;
    annotated_rhs(inp)
}

/// `augassign: '+=' | '-=' | '*=' | '@=' | '/=' | '%=' | '&=' | '|=' | '^=' | '<<=' | '>>=' | '**=' | '//='`
pub(super) fn augassign(kind: K) -> Option<BinOp> {
    Some(match kind {
        K::PlusEqual => BinOp::Add,
        K::MinusEqual => BinOp::Sub,
        K::StarEqual => BinOp::Mul,
        K::AtEqual => BinOp::MatMul,
        K::SlashEqual => BinOp::Div,
        K::PercentEqual => BinOp::Mod,
        K::AmpersandEqual => BinOp::BitAnd,
        K::BarEqual => BinOp::BitOr,
        K::CaretEqual => BinOp::BitXor,
        K::LeftShiftEqual => BinOp::LShift,
        K::RightShiftEqual => BinOp::RShift,
        K::DoubleStarEqual => BinOp::Pow,
        K::DoubleSlashEqual => BinOp::FloorDiv,
        _ => return None,
    })
}

/// `return_stmt: 'return' [star_expressions]`
fn return_stmt(inp: &mut Inp<'_, '_>) -> Res<StmtKind> {
    expect(inp, K::Return)?;
    let value = starts_starred(peek_kind(inp)).then(|| star_expressions(inp)).transpose()?;
    Ok(StmtKind::Return(value))
}

/// `raise_stmt: 'raise' [expression ['from' expression]]`
fn raise_stmt(inp: &mut Inp<'_, '_>) -> Res<StmtKind> {
    expect(inp, K::Raise)?;
    if !starts_expression(peek_kind(inp)) {
        return Ok(StmtKind::Raise { exc: None, cause: None });
    }
    Ok(StmtKind::Raise { exc: Some(expression(inp)?), cause: after(inp, K::From, expression)? })
}

/// `assert_stmt: 'assert' expression [',' expression]`
fn assert_stmt(inp: &mut Inp<'_, '_>) -> Res<StmtKind> {
    expect(inp, K::Assert)?;
    Ok(StmtKind::Assert { test: expression(inp)?, msg: after(inp, K::Comma, expression)? })
}

/// `del_stmt: 'del' del_targets`
///
/// `del_targets: primary (',' primary)* [',']`, as far as they can be deleted
fn del_stmt(inp: &mut Inp<'_, '_>) -> Res<StmtKind> {
    explaining(inp, explain_target::invalid_del_stmt)?;
    let targets: Vec<Expr> = inp.parse(
        token(K::Del).ignore_then(custom(primary).separated_by(token(K::Comma)).allow_trailing().at_least(1).collect()),
    )?;
    if targets.iter().any(|target| invalid_target(target, Purpose::Delete).is_some())
        || !matches!(peek_kind(inp), K::Semicolon | K::Newline)
    {
        return fail(inp);
    }
    Ok(StmtKind::Delete(targets))
}

/// `global_stmt: 'global' NAME (',' NAME)*`
fn global_stmt(inp: &mut Inp<'_, '_>) -> Res<StmtKind> {
    inp.parse(token(K::Global).ignore_then(listed(custom(ident))).map(StmtKind::Global))
}

/// `nonlocal_stmt: 'nonlocal' NAME (',' NAME)*`
fn nonlocal_stmt(inp: &mut Inp<'_, '_>) -> Res<StmtKind> {
    inp.parse(token(K::Nonlocal).ignore_then(listed(custom(ident))).map(StmtKind::Nonlocal))
}

/// ```text
/// import_stmt: import_name | import_from
/// import_name: 'import' dotted_as_name (',' dotted_as_name)*
/// ```
fn import_name(inp: &mut Inp<'_, '_>) -> Res<StmtKind> {
    explaining(inp, explain::invalid_import)?;
    inp.parse(token(K::Import).ignore_then(listed(custom(dotted_as_name))).map(StmtKind::Import))
}

/// `dotted_as_name: dotted_name ['as' NAME]`
fn dotted_as_name(inp: &mut Inp<'_, '_>) -> Res<Alias> {
    let start = here(inp);
    let name = dotted_name(inp)?;
    let asname = after(inp, K::As, ident)?;
    Ok(Alias { name, asname, span: span_from(inp, start) })
}

/// `dotted_name: NAME ('.' NAME)*`
pub(super) fn dotted_name(inp: &mut Inp<'_, '_>) -> Res<Vec<Ident>> {
    inp.parse(custom(ident).separated_by(token(K::Dot)).at_least(1).collect())
}

/// `import_from: 'from' ('.' | '...')* [dotted_name] 'import' import_from_targets`
fn import_from(inp: &mut Inp<'_, '_>) -> Res<StmtKind> {
    expect(inp, K::From)?;
    let mut level = 0;
    loop {
        level += match peek_kind(inp) {
            K::Dot => 1,
            K::Ellipsis => 3,
            _ => break,
        };
        advance(inp);
    }
    let module = if level > 0 && peek_kind(inp) == K::Import { Vec::new() } else { dotted_name(inp)? };
    expect(inp, K::Import)?;
    let names = import_from_targets(inp)?;
    Ok(StmtKind::ImportFrom { module, names, level })
}

/// ```text
/// import_from_targets: '*' | '(' import_from_as_names [','] ')' | import_from_as_names
/// import_from_as_names: import_from_as_name (',' import_from_as_name)*
/// ```
fn import_from_targets(inp: &mut Inp<'_, '_>) -> Res<Vec<Alias>> {
    let next = peek(inp);
    match next.kind {
        K::Star => {
            advance(inp);
            let name = Ident { name: sym::star, span: next.span };
            Ok(vec![Alias { name: vec![name], asname: None, span: next.span }])
        }
        K::LParen => inp.parse(listed_in(K::LParen, custom(import_from_as_name), K::RParen)),
        _ => {
            explaining(inp, explain::invalid_import_from_targets)?;
            inp.parse(listed(custom(import_from_as_name)))
        }
    }
}

/// `import_from_as_name: NAME ['as' NAME]`
pub(super) fn import_from_as_name(inp: &mut Inp<'_, '_>) -> Res<Alias> {
    let name = ident(inp)?;
    let asname = after(inp, K::As, ident)?;
    Ok(Alias { name: vec![name], asname, span: span_from(inp, name.span.start) })
}

/// `type_alias: 'type' NAME [type_params] '=' expression`
fn type_alias(inp: &mut Inp<'_, '_>) -> Res<StmtKind> {
    advance(inp);
    let name = ident(inp)?;
    let type_params = if peek_kind(inp) == K::LBracket { type_params(inp)? } else { Vec::new() };
    expect(inp, K::Equal)?;
    let value = expression(inp)?;
    let name = super::expr::expr(ExprKind::Name(name.name), name.span);
    Ok(StmtKind::TypeAlias { name, type_params, value, scope: ScopeId::default() })
}

/// The target after an `as` of `with`.
pub(super) fn with_target(inp: &mut Inp<'_, '_>) -> Res<Expr> {
    let begun = begin_node(inp);
    let target = star_target(inp)?;
    end_node(inp, begun, 1)?;
    Ok(target)
}
