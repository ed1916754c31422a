//! Expressions: operators, conditionals, lambdas, and what follows an operand.
//!
//! Operators are parsed by precedence climbing in one function, so that an operand inside brackets costs a few frames
//! of native stack however many levels of operators the grammar has. Chains of one level stay flat.

use super::display::{atom, call_arguments, slices};
use super::explain;
use super::input::*;
use super::params::lambda_params;
use crate::source::Span;
use crate::syntax::ast::{BinOp, BoolOp, CmpOp, Expr, ExprKind, Ident, Lambda, Params, ScopeId, UnaryOp};
use crate::syntax::token::TokenKind as K;

pub(super) fn expr(kind: ExprKind, span: Span) -> Expr {
    Expr { kind, span, suspends: false }
}

/// A name that is no keyword.
pub(super) fn ident(inp: &mut Inp<'_, '_>) -> Res<Ident> {
    let token = expect(inp, K::Name)?;
    Ok(Ident { name: token.symbol(), span: token.span })
}

/// Whether an expression can start with this token.
pub(super) fn starts_expression(kind: K) -> bool {
    matches!(
        kind,
        K::Name
            | K::Number
            | K::String
            | K::FStringStart
            | K::LParen
            | K::LBracket
            | K::LBrace
            | K::Minus
            | K::Plus
            | K::Tilde
            | K::Not
            | K::Lambda
            | K::Await
            | K::None
            | K::True
            | K::False
            | K::Ellipsis
    )
}

/// `star_expressions: star_expression (',' star_expression)* [',']`
pub(super) fn star_expressions(inp: &mut Inp<'_, '_>) -> Res<Expr> {
    tuple_of(inp, star_expression)
}

/// `expressions: expression (',' expression)* [',']`
pub(super) fn expressions(inp: &mut Inp<'_, '_>) -> Res<Expr> {
    tuple_of(inp, expression)
}

/// One element, or a tuple without parentheses.
fn tuple_of<'t, 'p>(inp: &mut Inp<'t, 'p>, element: fn(&mut Inp<'t, 'p>) -> Res<Expr>) -> Res<Expr> {
    let start = here(inp);
    let begun = begin_node(inp);
    let first = element(inp)?;
    if peek_kind(inp) != K::Comma {
        end_node(inp, begun, 0)?;
        return Ok(first);
    }
    let mut elements = vec![first];
    while eat(inp, K::Comma).is_some() && (starts_expression(peek_kind(inp)) || peek_kind(inp) == K::Star) {
        elements.push(element(inp)?);
    }
    end_node(inp, begun, 1)?;
    Ok(expr(ExprKind::Tuple(elements), span_from(inp, start)))
}

/// `star_expression: '*' bitwise_or | expression`
pub(super) fn star_expression(inp: &mut Inp<'_, '_>) -> Res<Expr> {
    if peek_kind(inp) == K::Star { starred(inp, bitwise_or) } else { expression(inp) }
}

/// `star_named_expression: '*' bitwise_or | named_expression`
pub(super) fn star_named_expression(inp: &mut Inp<'_, '_>) -> Res<Expr> {
    if peek_kind(inp) == K::Star { starred(inp, bitwise_or) } else { named_expression(inp) }
}

/// `starred_expression: '*' expression`
pub(super) fn starred_expression(inp: &mut Inp<'_, '_>) -> Res<Expr> {
    starred(inp, expression)
}

fn starred<'t, 'p>(inp: &mut Inp<'t, 'p>, operand: fn(&mut Inp<'t, 'p>) -> Res<Expr>) -> Res<Expr> {
    let begun = begin_node(inp);
    let star = expect(inp, K::Star)?;
    let value = Box::new(operand(inp)?);
    end_node(inp, begun, 1)?;
    Ok(expr(ExprKind::Starred(value), span_from(inp, star.span.start)))
}

/// `annotated_rhs: yield_expr | star_expressions`
pub(super) fn annotated_rhs(inp: &mut Inp<'_, '_>) -> Res<Expr> {
    if peek_kind(inp) == K::Yield { yield_expr(inp) } else { star_expressions(inp) }
}

/// `yield_expr: 'yield' 'from' expression | 'yield' [star_expressions]`
pub(super) fn yield_expr(inp: &mut Inp<'_, '_>) -> Res<Expr> {
    let begun = begin_node(inp);
    let start = expect(inp, K::Yield)?.span.start;
    let kind = if eat(inp, K::From).is_some() {
        ExprKind::YieldFrom(Box::new(expression(inp)?))
    } else if starts_expression(peek_kind(inp)) || peek_kind(inp) == K::Star {
        ExprKind::Yield(Some(Box::new(star_expressions(inp)?)))
    } else {
        ExprKind::Yield(None)
    };
    end_node(inp, begun, 1)?;
    Ok(expr(kind, span_from(inp, start)))
}

/// `named_expression: NAME ':=' expression | expression`
pub(super) fn named_expression(inp: &mut Inp<'_, '_>) -> Res<Expr> {
    if peek_kind(inp) == K::Name && peek_second(inp) == K::Walrus {
        return assignment_expression(inp);
    }
    let start = here(inp);
    let value = expression(inp)?;
    if inp.state().explain {
        explain::invalid_named_expression(inp, start, &value)?;
    }
    Ok(value)
}

/// `assignment_expression: NAME ':=' expression`
pub(super) fn assignment_expression(inp: &mut Inp<'_, '_>) -> Res<Expr> {
    let begun = begin_node(inp);
    let target = ident(inp)?;
    expect(inp, K::Walrus)?;
    let value = Box::new(expression(inp)?);
    end_node(inp, begun, 1)?;
    Ok(expr(ExprKind::NamedExpr { target, value }, span_from(inp, target.span.start)))
}

/// What is still open to the left of an expression.
enum Pending {
    Lambda { start: u32, params: Params },
    Conditional { start: u32, body: Expr, test: Expr },
}

/// `expression: lambdef | disjunction ['if' disjunction 'else' expression]`
///
/// Both forms end in another expression; the loop goes down their right side without recursion.
pub(super) fn expression(inp: &mut Inp<'_, '_>) -> Res<Expr> {
    let begun = begin_node(inp);
    if inp.state().explain {
        explain::invalid_legacy_expression(inp)?;
    }
    let mut pending = Vec::new();
    let mut value = loop {
        if peek_kind(inp) == K::Lambda {
            pending.push(lambda_head(inp)?);
            continue;
        }
        let start = here(inp);
        let first = index(inp);
        let body = disjunction(inp)?;
        if peek_kind(inp) == K::If {
            if let Some(test) = conditional_head(inp, &body)? {
                pending.push(Pending::Conditional { start, body, test });
                continue;
            }
            break body;
        }
        if inp.state().explain {
            explain::invalid_expression(inp, first, &body)?;
        }
        break body;
    };
    let levels = pending.len() as u32;
    while let Some(head) = pending.pop() {
        let (kind, start) = match head {
            Pending::Lambda { start, params } => {
                let scope = ScopeId::default();
                (ExprKind::Lambda(Box::new(Lambda { params, body: value, scope })), start)
            }
            Pending::Conditional { start, body, test } => {
                (ExprKind::IfExp { test: Box::new(test), body: Box::new(body), orelse: Box::new(value) }, start)
            }
        };
        value = expr(kind, span_from(inp, start));
    }
    end_node(inp, begun, levels)?;
    Ok(value)
}

/// `lambdef: 'lambda' [lambda_params] ':' expression`, up to the colon
#[inline(never)]
fn lambda_head(inp: &mut Inp<'_, '_>) -> Res<Pending> {
    let start = expect(inp, K::Lambda)?.span.start;
    let params = nested(inp, 4, lambda_params)?;
    expect(inp, K::Colon)?;
    if inp.state().explain {
        explain::lambda_in_field(inp, start)?;
    }
    Ok(Pending::Lambda { start, params })
}

/// The test of a conditional expression, up to `else`. `None` if there is no `else`; while explaining, the `if` is then
/// left to what follows.
#[inline(never)]
fn conditional_head(inp: &mut Inp<'_, '_>, body: &Expr) -> Res<Option<Expr>> {
    let before = inp.save();
    expect(inp, K::If)?;
    let explain = inp.state().explain;
    match disjunction(inp) {
        Ok(test) if eat(inp, K::Else).is_some() => return Ok(Some(test)),
        Ok(test) if explain => explain::conditional_without_else(inp, body, &test)?,
        Ok(_) => return fail(inp),
        Err(Failed) if !explain || inp.state().raised.is_some() => return Err(Failed),
        Err(Failed) => {}
    }
    inp.rewind(before);
    Ok(None)
}

/// How tightly operators bind; each level's operands are of the next.
mod level {
    pub(super) const OR: u8 = 1;
    pub(super) const AND: u8 = 2;
    pub(super) const NOT: u8 = 3;
    pub(super) const COMPARE: u8 = 4;
    pub(super) const BIT_OR: u8 = 5;
    pub(super) const BIT_XOR: u8 = 6;
    pub(super) const BIT_AND: u8 = 7;
    pub(super) const SHIFT: u8 = 8;
    pub(super) const SUM: u8 = 9;
    pub(super) const TERM: u8 = 10;
    pub(super) const FACTOR: u8 = 11;
    pub(super) const POWER: u8 = 12;
}

#[derive(Clone, Copy)]
enum Infix {
    Bool(BoolOp),
    Compare(CmpOp),
    Binary(BinOp),
}

/// The operator a token stands for between two operands, its level, and the number of its tokens.
fn infix(inp: &mut Inp<'_, '_>) -> Option<(Infix, u8, usize)> {
    use Infix::{Binary, Bool, Compare};
    let (op, level) = match peek_kind(inp) {
        K::Or => (Bool(BoolOp::Or), level::OR),
        K::And => (Bool(BoolOp::And), level::AND),
        K::EqualEqual => (Compare(CmpOp::Eq), level::COMPARE),
        K::NotEqual => (Compare(CmpOp::NotEq), level::COMPARE),
        K::Less => (Compare(CmpOp::Lt), level::COMPARE),
        K::LessEqual => (Compare(CmpOp::LtE), level::COMPARE),
        K::Greater => (Compare(CmpOp::Gt), level::COMPARE),
        K::GreaterEqual => (Compare(CmpOp::GtE), level::COMPARE),
        K::In => (Compare(CmpOp::In), level::COMPARE),
        K::Is if peek_second(inp) == K::Not => return Some((Compare(CmpOp::IsNot), level::COMPARE, 2)),
        K::Is => (Compare(CmpOp::Is), level::COMPARE),
        K::Not if peek_second(inp) == K::In => return Some((Compare(CmpOp::NotIn), level::COMPARE, 2)),
        K::Bar => (Binary(BinOp::BitOr), level::BIT_OR),
        K::Caret => (Binary(BinOp::BitXor), level::BIT_XOR),
        K::Ampersand => (Binary(BinOp::BitAnd), level::BIT_AND),
        K::LeftShift => (Binary(BinOp::LShift), level::SHIFT),
        K::RightShift => (Binary(BinOp::RShift), level::SHIFT),
        K::Plus => (Binary(BinOp::Add), level::SUM),
        K::Minus => (Binary(BinOp::Sub), level::SUM),
        K::Star => (Binary(BinOp::Mul), level::TERM),
        K::Slash => (Binary(BinOp::Div), level::TERM),
        K::DoubleSlash => (Binary(BinOp::FloorDiv), level::TERM),
        K::Percent => (Binary(BinOp::Mod), level::TERM),
        K::At => (Binary(BinOp::MatMul), level::TERM),
        K::DoubleStar => (Binary(BinOp::Pow), level::POWER),
        _ => return None,
    };
    Some((op, level, 1))
}

/// ```text
/// disjunction: conjunction ('or' conjunction)*
/// conjunction: inversion ('and' inversion)*
/// inversion: 'not' inversion | comparison
/// comparison: bitwise_or (comp_op bitwise_or)*
/// ```
pub(super) fn disjunction(inp: &mut Inp<'_, '_>) -> Res<Expr> {
    operators(inp, level::OR)
}

/// ```text
/// bitwise_or: bitwise_xor ('|' bitwise_xor)*
/// bitwise_xor: bitwise_and ('^' bitwise_and)*
/// bitwise_and: shift_expr ('&' shift_expr)*
/// shift_expr: sum (('<<' | '>>') sum)*
/// sum: term (('+' | '-') term)*
/// term: factor (('*' | '/' | '//' | '%' | '@') factor)*
/// factor: ('+' | '-' | '~') factor | power
/// power: await_primary ['**' factor]
/// ```
pub(super) fn bitwise_or(inp: &mut Inp<'_, '_>) -> Res<Expr> {
    operators(inp, level::BIT_OR)
}

/// The part of [`bitwise_or`] that a number in a pattern is.
pub(super) fn sum(inp: &mut Inp<'_, '_>) -> Res<Expr> {
    operators(inp, level::SUM)
}

/// Parses operators of at least the given level.
fn operators(inp: &mut Inp<'_, '_>, lowest: u8) -> Res<Expr> {
    let start = here(inp);
    let begun = begin_node(inp);
    let mut left = match peek_kind(inp) {
        K::Not if lowest <= level::NOT => prefixed(inp, K::Not)?,
        K::Minus | K::Plus | K::Tilde => prefixed(inp, K::Minus)?,
        _ => await_primary(inp)?,
    };
    // The level of the chain that `left` is, when more operands can be added to it.
    let mut chain = 0;
    while let Some((op, level, tokens)) = infix(inp) {
        if level < lowest {
            break;
        }
        for _ in 0..tokens {
            advance(inp);
        }
        let before = begin_node(inp);
        // A power's right side may have a sign, and is itself a power.
        let operand_level = if level == level::POWER { level::FACTOR } else { level + 1 };
        let right = nested(inp, 1, |inp| operators(inp, operand_level))?;
        let extends = chain == level && level != level::POWER;
        let height = (before + u32::from(!extends)).max(inp.state().height + 1);
        inp.state().height = height;
        end_node(inp, 0, 0)?;
        left = combine(left, op, right, extends, span_from(inp, start));
        chain = level;
    }
    end_node(inp, begun, 0)?;
    Ok(left)
}

/// `'not' ...`, or signs in front of a factor; any number of them without recursion.
#[inline(never)]
fn prefixed(inp: &mut Inp<'_, '_>, first: K) -> Res<Expr> {
    let mut ops = Vec::new();
    loop {
        let token = peek(inp);
        let op = match token.kind {
            K::Not if first == K::Not => UnaryOp::Not,
            K::Minus if first != K::Not => UnaryOp::Neg,
            K::Plus if first != K::Not => UnaryOp::Pos,
            K::Tilde if first != K::Not => UnaryOp::Invert,
            _ => break,
        };
        advance(inp);
        ops.push((op, token.span.start));
    }
    let operand_level = if first == K::Not { level::COMPARE } else { level::FACTOR };
    let mut value = nested(inp, 1, |inp| operators(inp, operand_level))?;
    end_node(inp, 0, ops.len() as u32)?;
    for (op, start) in ops.into_iter().rev() {
        value = expr(ExprKind::UnaryOp { op, operand: Box::new(value) }, span_from(inp, start));
    }
    Ok(value)
}

/// Joins two operands, or adds one to a chain of the same level.
#[inline(never)]
fn combine(mut left: Expr, op: Infix, right: Expr, extends: bool, span: Span) -> Expr {
    if extends {
        left.span = span;
        match (&mut left.kind, op) {
            (ExprKind::BoolOp { values, .. }, Infix::Bool(_)) => values.push(right),
            (ExprKind::Compare { rest, .. }, Infix::Compare(op)) => rest.push((op, right)),
            (ExprKind::BinOp { rest, .. }, Infix::Binary(op)) => rest.push((op, right)),
            _ => unreachable!("a chain is extended by operators of its own level"),
        }
        return left;
    }
    let kind = match op {
        Infix::Bool(op) => ExprKind::BoolOp { op, values: vec![left, right] },
        Infix::Compare(op) => ExprKind::Compare { first: Box::new(left), rest: vec![(op, right)] },
        Infix::Binary(op) => ExprKind::BinOp { first: Box::new(left), rest: vec![(op, right)] },
    };
    expr(kind, span)
}

/// `await_primary: ['await'] primary`
fn await_primary(inp: &mut Inp<'_, '_>) -> Res<Expr> {
    let Some(token) = eat(inp, K::Await) else { return primary(inp) };
    let value = Box::new(primary(inp)?);
    end_node(inp, 0, 1)?;
    Ok(expr(ExprKind::Await(value), span_from(inp, token.span.start)))
}

/// ```text
/// primary: atom (trailer)*
/// trailer: '.' NAME | '(' [arguments] ')' | '[' slices ']'
/// ```
pub(super) fn primary(inp: &mut Inp<'_, '_>) -> Res<Expr> {
    let begun = begin_node(inp);
    let start = here(inp);
    let mut value = atom(inp)?;
    loop {
        let kind = match peek_kind(inp) {
            K::Dot => {
                advance(inp);
                ExprKind::Attribute { value: Box::new(value), attr: ident(inp)? }
            }
            K::LParen => {
                let args = nested(inp, 3, call_arguments)?;
                ExprKind::Call { func: Box::new(value), args }
            }
            K::LBracket => {
                let index = Box::new(nested(inp, 3, slices)?);
                ExprKind::Subscript { value: Box::new(value), index }
            }
            _ => break,
        };
        end_node(inp, 0, 1)?;
        value = expr(kind, span_from(inp, start));
    }
    end_node(inp, begun, 0)?;
    Ok(value)
}
