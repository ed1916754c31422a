//! The `match` statement and its patterns.

use super::compound::{block, colon};
use super::display::atom;
use super::explain;
use super::expr::{expr, ident, named_expression, star_named_expression, starts_starred, with_more};
use super::input::*;
use super::stmt::simple_stmts;
use crate::syntax::ast::{BinOp, MatchCase, Pattern, PatternKind, UnaryOp};

/// What an opening bracket costs, see [`nested`].
const BRACKET: u32 = 7;

/// ```text
/// match_stmt: 'match' subject_expr ':' NEWLINE INDENT case_block+ DEDENT
/// ```
///
/// `None` if `match` turns out to be a name.
pub(super) fn match_stmt(inp: &mut Inp<'_, '_>) -> Res<Option<StmtKind>> {
    let head = peek(inp);
    if !starts_starred(peek_second(inp)) {
        return Ok(None);
    }
    let subject = attempt(inp, |inp| {
        advance(inp);
        let subject = subject_expr(inp)?;
        explaining(inp, |inp| explain::invalid_match_stmt(inp, head))?;
        expect(inp, K::Colon)?;
        expect(inp, K::Newline)?;
        expect(inp, K::Indent)?;
        Ok(subject)
    });
    let Some(subject) = subject else {
        return if inp.state().raised.is_some() { fail(inp) } else { Ok(None) };
    };
    let mut cases = Vec::new();
    while at_case(inp) {
        cases.push(nested_block(inp, case_block)?);
    }
    if cases.is_empty() {
        return fail(inp);
    }
    expect(inp, K::Dedent)?;
    Ok(Some(StmtKind::Match { subject, cases }))
}

/// `match(a)` where it may be an expression, looked at as the statement that it is not.
pub(super) fn match_without_colon(inp: &mut Inp<'_, '_>) -> Res<()> {
    let valid = lookahead(inp, |inp| simple_stmts(inp, &mut Vec::new()));
    if valid.is_none() {
        return fail(inp);
    }
    inp.state().explain = true;
    inp.state().again = true;
    let head = advance(inp);
    subject_expr(inp)?;
    explain::invalid_match_stmt(inp, head)
}

pub(super) fn at_case(inp: &mut Inp<'_, '_>) -> bool {
    let next = peek(inp);
    next.kind == K::Name && next.symbol() == sym::case
}

/// `subject_expr: star_named_expression ',' [star_named_expressions] | named_expression`
fn subject_expr(inp: &mut Inp<'_, '_>) -> Res<Expr> {
    let start = here(inp);
    let first = star_named_expression(inp)?;
    if peek_kind(inp) != K::Comma {
        return if matches!(first.kind, ExprKind::Starred(_)) { fail(inp) } else { Ok(first) };
    }
    let elements = with_more(inp, first, star_named_expression)?;
    Ok(expr(ExprKind::Tuple(elements), span_from(inp, start)))
}

/// ```text
/// case_block: 'case' patterns [guard] ':' block
/// guard: 'if' named_expression
/// ```
fn case_block(inp: &mut Inp<'_, '_>) -> Res<MatchCase> {
    let head = advance(inp);
    let pattern = patterns(inp)?;
    let guard = after(inp, K::If, named_expression)?;
    colon(inp)?;
    let body = block(inp, "'case' statement", head)?;
    Ok(MatchCase { pattern, guard, body })
}

/// One level of blocks for the length of a production.
pub(super) fn nested_block<'t, 'p, T>(
    inp: &mut Inp<'t, 'p>,
    production: impl FnOnce(&mut Inp<'t, 'p>) -> Res<T>,
) -> Res<T> {
    inp.state().blocks += 1;
    if inp.state().blocks > inp.state().max_height {
        return too_complex(inp);
    }
    let result = production(inp);
    inp.state().blocks -= 1;
    result
}

fn made(kind: PatternKind, span: Span) -> Pattern {
    Pattern { kind, span }
}

/// `patterns: open_sequence_pattern | pattern`
fn patterns(inp: &mut Inp<'_, '_>) -> Res<Pattern> {
    let start = here(inp);
    let begun = begin_node(inp);
    let first = maybe_star_pattern(inp)?;
    let pattern = if peek_kind(inp) == K::Comma {
        let patterns = more_patterns(inp, first, K::Colon)?;
        made(PatternKind::Sequence(patterns), span_from(inp, start))
    } else if matches!(first.kind, PatternKind::Star(_)) {
        return fail(inp);
    } else {
        first
    };
    end_node(inp, begun, 1)?;
    Ok(pattern)
}

/// `open_sequence_pattern: maybe_star_pattern ',' [maybe_star_pattern (',' maybe_star_pattern)* [',']]`, after the first
fn more_patterns(inp: &mut Inp<'_, '_>, first: Pattern, closer: K) -> Res<Vec<Pattern>> {
    let mut patterns = vec![first];
    while eat(inp, K::Comma).is_some() && peek_kind(inp) != closer && peek_kind(inp) != K::If {
        patterns.push(maybe_star_pattern(inp)?);
    }
    Ok(patterns)
}

/// ```text
/// maybe_star_pattern: star_pattern | pattern
/// star_pattern: '*' NAME
/// ```
fn maybe_star_pattern(inp: &mut Inp<'_, '_>) -> Res<Pattern> {
    let Some(star) = eat(inp, K::Star) else { return pattern(inp) };
    let name = capture_name(inp)?;
    Ok(made(PatternKind::Star(name), span_from(inp, star.span.start)))
}

/// A name, or `None` for the wildcard.
fn capture_name(inp: &mut Inp<'_, '_>) -> Res<Option<Ident>> {
    let name = ident(inp)?;
    Ok((name.name != sym::wildcard).then_some(name))
}

/// A name other than the wildcard.
fn bound_name(inp: &mut Inp<'_, '_>) -> Res<Ident> {
    let next = peek(inp);
    if next.kind == K::Name && next.symbol() == sym::wildcard {
        return fail(inp);
    }
    ident(inp)
}

/// ```text
/// pattern: as_pattern | or_pattern
/// as_pattern: or_pattern 'as' NAME
/// ```
pub(super) fn pattern(inp: &mut Inp<'_, '_>) -> Res<Pattern> {
    let start = here(inp);
    let begun = begin_node(inp);
    let pattern = or_pattern(inp)?;
    if eat(inp, K::As).is_none() {
        end_node(inp, begun, 1)?;
        return Ok(pattern);
    }
    explaining(inp, explain::invalid_as_pattern)?;
    let name = bound_name(inp)?;
    if matches!(peek_kind(inp), K::Dot | K::LParen | K::Equal) {
        return fail(inp);
    }
    let kind = PatternKind::As { pattern: Some(Box::new(pattern)), name: Some(name) };
    end_node(inp, begun, 2)?;
    Ok(made(kind, span_from(inp, start)))
}

/// `or_pattern: closed_pattern ('|' closed_pattern)*`
fn or_pattern(inp: &mut Inp<'_, '_>) -> Res<Pattern> {
    let start = here(inp);
    let first = closed_pattern(inp)?;
    if peek_kind(inp) != K::Bar {
        return Ok(first);
    }
    let mut patterns = vec![first];
    while eat(inp, K::Bar).is_some() {
        patterns.push(closed_pattern(inp)?);
    }
    end_node(inp, 0, 1)?;
    Ok(made(PatternKind::Or(patterns), span_from(inp, start)))
}

/// ```text
/// closed_pattern: literal_pattern | capture_pattern | wildcard_pattern | value_pattern | group_pattern
///     | sequence_pattern | mapping_pattern | class_pattern
/// ```
fn closed_pattern(inp: &mut Inp<'_, '_>) -> Res<Pattern> {
    match peek_kind(inp) {
        K::Name => name_pattern(inp),
        K::LParen => nested(inp, BRACKET, group_or_sequence_pattern),
        K::LBracket => nested(inp, BRACKET, sequence_pattern),
        K::LBrace => nested(inp, BRACKET, mapping_pattern),
        _ => literal_pattern(inp),
    }
}

/// `literal_pattern: signed_number ['+' NUMBER | '-' NUMBER] | strings | 'None' | 'True' | 'False'`
fn literal_pattern(inp: &mut Inp<'_, '_>) -> Res<Pattern> {
    let value = literal_expr(inp)?;
    let span = value.span;
    let kind = match value.kind {
        ExprKind::Constant(Constant::None | Constant::True | Constant::False) => PatternKind::Singleton(value),
        _ => PatternKind::Value(value),
    };
    Ok(made(kind, span))
}

/// A literal as a pattern or as the key of a mapping pattern.
fn literal_expr(inp: &mut Inp<'_, '_>) -> Res<Expr> {
    match peek_kind(inp) {
        K::String | K::FStringStart | K::None | K::True | K::False => atom(inp),
        K::Number | K::Minus => number_expr(inp),
        _ => fail(inp),
    }
}

/// ```text
/// signed_number: ['-'] NUMBER
/// ```
fn number_expr(inp: &mut Inp<'_, '_>) -> Res<Expr> {
    let start = here(inp);
    let real = signed_number(inp)?;
    let op = match peek_kind(inp) {
        K::Plus => BinOp::Add,
        K::Minus => BinOp::Sub,
        _ => return Ok(real),
    };
    let unsigned = if let ExprKind::UnaryOp { operand, .. } = &real.kind { operand } else { &real };
    if is_imaginary(unsigned) {
        return raise(inp, "real number required in complex literal", unsigned.span);
    }
    advance(inp);
    let imaginary = number(inp)?;
    if !is_imaginary(&imaginary) {
        return raise(inp, "imaginary number required in complex literal", imaginary.span);
    }
    let kind = ExprKind::BinOp { first: Box::new(real), rest: vec![(op, imaginary)] };
    Ok(expr(kind, span_from(inp, start)))
}

fn signed_number(inp: &mut Inp<'_, '_>) -> Res<Expr> {
    let Some(minus) = eat(inp, K::Minus) else { return number(inp) };
    let operand = Box::new(number(inp)?);
    let span = minus.span.to(operand.span);
    Ok(expr(ExprKind::UnaryOp { op: UnaryOp::Neg, operand }, span))
}

fn number(inp: &mut Inp<'_, '_>) -> Res<Expr> {
    if peek_kind(inp) == K::Number { atom(inp) } else { fail(inp) }
}

fn is_imaginary(value: &Expr) -> bool {
    matches!(value.kind, ExprKind::Constant(Constant::Imaginary(_)))
}

/// ```text
/// capture_pattern: NAME
/// wildcard_pattern: '_'
/// value_pattern: NAME ('.' NAME)+
/// class_pattern: NAME ('.' NAME)* '(' [class_arguments] ')'
/// ```
fn name_pattern(inp: &mut Inp<'_, '_>) -> Res<Pattern> {
    let first = peek(inp);
    let value = name_or_attr(inp)?;
    let span = value.span;
    if peek_kind(inp) == K::LParen {
        return nested(inp, BRACKET, |inp| class_pattern(inp, value));
    }
    if let ExprKind::Name(name) = value.kind {
        if peek_kind(inp) == K::Equal {
            return fail(inp);
        }
        let name = (name != sym::wildcard).then_some(Ident { name, span: first.span });
        return Ok(made(PatternKind::As { pattern: None, name }, span));
    }
    Ok(made(PatternKind::Value(value), span))
}

/// `name_or_attr: NAME ('.' NAME)*`
fn name_or_attr(inp: &mut Inp<'_, '_>) -> Res<Expr> {
    let first = ident(inp)?;
    let mut value = expr(ExprKind::Name(first.name), first.span);
    while eat(inp, K::Dot).is_some() {
        let attr = ident(inp)?;
        end_node(inp, 0, 1)?;
        value = expr(ExprKind::Attribute { value: Box::new(value), attr }, first.span.to(attr.span));
    }
    Ok(value)
}

/// ```text
/// group_pattern: '(' pattern ')'
/// sequence_pattern: '[' [maybe_star_pattern (',' maybe_star_pattern)* [',']] ']'
///     | '(' [maybe_star_pattern ',' [maybe_star_pattern (',' maybe_star_pattern)* [',']]] ')'
/// ```
fn group_or_sequence_pattern(inp: &mut Inp<'_, '_>) -> Res<Pattern> {
    let start = expect(inp, K::LParen)?.span.start;
    if eat(inp, K::RParen).is_some() {
        return Ok(made(PatternKind::Sequence(Vec::new()), span_from(inp, start)));
    }
    let first = maybe_star_pattern(inp)?;
    if peek_kind(inp) != K::Comma {
        if matches!(first.kind, PatternKind::Star(_)) {
            return fail(inp);
        }
        expect(inp, K::RParen)?;
        return Ok(first);
    }
    let patterns = more_patterns(inp, first, K::RParen)?;
    expect(inp, K::RParen)?;
    Ok(made(PatternKind::Sequence(patterns), span_from(inp, start)))
}

fn sequence_pattern(inp: &mut Inp<'_, '_>) -> Res<Pattern> {
    let start = here(inp);
    let patterns = inp.parse(
        custom(maybe_star_pattern)
            .separated_by(token(K::Comma))
            .allow_trailing()
            .collect()
            .delimited_by(token(K::LBracket), token(K::RBracket)),
    )?;
    end_node(inp, 0, 1)?;
    Ok(made(PatternKind::Sequence(patterns), span_from(inp, start)))
}

/// ```text
/// mapping_pattern: '{' [key_value_pattern (',' key_value_pattern)* [',']] ['**' NAME [',']] '}'
/// key_value_pattern: (literal_expr | value_pattern) ':' pattern
/// ```
fn mapping_pattern(inp: &mut Inp<'_, '_>) -> Res<Pattern> {
    let start = expect(inp, K::LBrace)?.span.start;
    let (mut keys, mut patterns, mut rest) = (Vec::new(), Vec::new(), None);
    while peek_kind(inp) != K::RBrace {
        if eat(inp, K::DoubleStar).is_some() {
            rest = Some(bound_name(inp)?);
            eat(inp, K::Comma);
            break;
        }
        let key = if peek_kind(inp) == K::Name {
            let key = name_or_attr(inp)?;
            if matches!(key.kind, ExprKind::Name(_)) {
                return fail(inp);
            }
            key
        } else {
            literal_expr(inp)?
        };
        expect(inp, K::Colon)?;
        keys.push(key);
        patterns.push(pattern(inp)?);
        if eat(inp, K::Comma).is_none() {
            break;
        }
    }
    expect(inp, K::RBrace)?;
    end_node(inp, 0, 1)?;
    Ok(made(PatternKind::Mapping { keys, patterns, rest }, span_from(inp, start)))
}

/// ```text
/// class_arguments: class_argument (',' class_argument)* [',']
/// class_argument: NAME '=' pattern | pattern
/// ```
fn class_pattern(inp: &mut Inp<'_, '_>, cls: Expr) -> Res<Pattern> {
    let start = cls.span.start;
    expect(inp, K::LParen)?;
    let (mut patterns, mut kwd_attrs, mut kwd_patterns) = (Vec::new(), Vec::new(), Vec::new());
    while peek_kind(inp) != K::RParen {
        if peek_kind(inp) == K::Name && peek_second(inp) == K::Equal {
            kwd_attrs.push(ident(inp)?);
            advance(inp);
            kwd_patterns.push(pattern(inp)?);
        } else {
            let late = here(inp);
            patterns.push(pattern(inp)?);
            if !kwd_attrs.is_empty() {
                explaining(inp, |inp| explain::late_positional_pattern(inp, late))?;
                return fail(inp);
            }
        }
        if eat(inp, K::Comma).is_none() {
            break;
        }
    }
    expect(inp, K::RParen)?;
    end_node(inp, 0, 1)?;
    let kind = PatternKind::Class { cls, patterns, kwd_attrs, kwd_patterns };
    Ok(made(kind, span_from(inp, start)))
}
