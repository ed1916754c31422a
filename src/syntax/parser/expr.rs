//! Expressions: operators, conditionals, lambdas, and what follows an operand.
//!
//! Operators are parsed by precedence climbing in one function, so that an operand inside brackets costs a few frames
//! of native stack however many levels of operators the grammar has. Chains of one level stay flat.

use super::display::{BRACKET, atom, call_arguments, slices};
use super::explain_expr as explain;
use super::input::*;
use super::params::lambda_params;
use crate::syntax::ast::{Arg, BinOp, BoolOp, CmpOp, Lambda, Params, UnaryOp};

/// What a right operand and the parameters of a lambda cost, see [`nested`].
const OPERAND: u32 = 3;
const LAMBDA: u32 = 12;

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
    let elements = with_more(inp, first, element)?;
    end_node(inp, begun, 1)?;
    Ok(expr(ExprKind::Tuple(elements), span_from(inp, start)))
}

/// The elements of what has no brackets, after the first: `(',' element)* [',']`
pub(super) fn with_more<'t, 'p>(
    inp: &mut Inp<'t, 'p>,
    first: Expr,
    element: fn(&mut Inp<'t, 'p>) -> Res<Expr>,
) -> Res<Vec<Expr>> {
    let mut elements = vec![first];
    while eat(inp, K::Comma).is_some() && starts_starred(peek_kind(inp)) {
        elements.push(element(inp)?);
    }
    Ok(elements)
}

/// Whether an expression, or one with a star, can start with this token.
pub(super) fn starts_starred(kind: K) -> bool {
    kind == K::Star || starts_expression(kind)
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
    starred(inp, unpacked_expression)
}

/// What is unpacked by a star. If it is no expression, that is what is wrong with the statement, in whatever mode.
pub(super) fn unpacked_expression(inp: &mut Inp<'_, '_>) -> Res<Expr> {
    let before = inp.save();
    match expression(inp) {
        Err(Failed) if inp.state().raised.is_none() => {
            inp.rewind(before);
            explain::invalid_star(inp)
        }
        value => value,
    }
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
    } else if starts_starred(peek_kind(inp)) {
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
    explaining(inp, |inp| explain::invalid_named_expression(inp, start, &value))?;
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
enum Pending<'t, 'p> {
    Lambda { start: u32, params: Box<Params> },
    Conditional { start: u32, body: Box<Expr>, test: Box<Expr>, before_if: Saved<'t, 'p> },
}

/// `expression: lambdef | disjunction ['if' disjunction 'else' expression]`
pub(super) fn expression(inp: &mut Inp<'_, '_>) -> Res<Expr> {
    let begun = begin_node(inp);
    if peek_kind(inp) == K::Lambda {
        return right_nested(inp, begun, None);
    }
    let start = inp.save();
    let body = disjunction(inp)?;
    if peek_kind(inp) == K::If {
        return right_nested(inp, begun, Some((body, start)));
    }
    explaining(inp, |inp| explain::expression_before_more(inp, start, &body))?;
    end_node(inp, begun, 0)?;
    Ok(body)
}

/// Lambdas and conditionals end in another expression; the loop goes down their right side without recursion.
#[inline(never)]
fn right_nested<'t, 'p>(inp: &mut Inp<'t, 'p>, begun: u32, mut first: Option<(Expr, Saved<'t, 'p>)>) -> Res<Expr> {
    let mut pending = Vec::new();
    let mut prefixes = 0;
    let mut value = loop {
        if prefixes > MAX_PREFIXES {
            return too_complex(inp);
        }
        let next = match first.take() {
            Some(first) => Ok(Next::Operand(first.0, first.1)),
            None => lambda_or_operand(inp),
        };
        let (body, start) = match next {
            Ok(Next::Operand(body, start)) => (body, start),
            Ok(Next::Lambda(head)) => {
                pending.push(head);
                prefixes += LAMBDA_PREFIXES;
                continue;
            }
            Err(Failed) => break without_conditional(inp, &mut pending)?,
        };
        let offset = offset_of(inp, &start);
        if peek_kind(inp) == K::If {
            let before_if = inp.save();
            if let Some(test) = conditional_head(inp, &body)? {
                pending.push(Pending::Conditional { start: offset, body: Box::new(body), test, before_if });
                prefixes += 1;
                continue;
            }
        } else if inp.state().explain {
            explain::expression_before_more(inp, start, &body)?;
        }
        break body;
    };
    // Before the tree is built: one too deep could not even be dropped.
    end_node(inp, begun, pending.len() as u32)?;
    while let Some(head) = pending.pop() {
        value = close_pending(inp, head, value);
    }
    Ok(value)
}

enum Next<'t, 'p> {
    Lambda(Pending<'t, 'p>),
    Operand(Expr, Saved<'t, 'p>),
}

fn lambda_or_operand<'t, 'p>(inp: &mut Inp<'t, 'p>) -> Res<Next<'t, 'p>> {
    if peek_kind(inp) == K::Lambda {
        return lambda_head(inp).map(Next::Lambda);
    }
    let start = inp.save();
    Ok(Next::Operand(disjunction(inp)?, start))
}

/// After a part that failed: in the second pass, go back to before the last `if`.
#[cold]
fn without_conditional<'t, 'p>(inp: &mut Inp<'t, 'p>, pending: &mut Vec<Pending<'t, 'p>>) -> Res<Expr> {
    if inp.state().again && inp.state().raised.is_none() {
        while let Some(head) = pending.pop() {
            if let Pending::Conditional { body, before_if, .. } = head {
                inp.rewind(before_if);
                return Ok(*body);
            }
        }
    }
    Err(Failed)
}

fn close_pending(inp: &mut Inp<'_, '_>, head: Pending<'_, '_>, value: Expr) -> Expr {
    let (kind, start) = match head {
        Pending::Lambda { start, params } => {
            let scope = ScopeId::default();
            (ExprKind::Lambda(Box::new(Lambda { params: *params, body: value, scope })), start)
        }
        Pending::Conditional { start, body, test, .. } => {
            (ExprKind::IfExp { test, body, orelse: Box::new(value) }, start)
        }
    };
    expr(kind, span_from(inp, start))
}

/// `lambdef: 'lambda' [lambda_params] ':' expression`, up to the colon
#[inline(never)]
fn lambda_head<'t, 'p>(inp: &mut Inp<'t, 'p>) -> Res<Pending<'t, 'p>> {
    let start = expect(inp, K::Lambda)?.span.start;
    let params = nested(inp, LAMBDA, lambda_params)?;
    expect(inp, K::Colon)?;
    explaining(inp, |inp| explain::lambda_in_field(inp, start))?;
    Ok(Pending::Lambda { start, params })
}

/// The test of a conditional expression, up to `else`. `None` if there is no `else`; in the second pass, the `if` is then
/// left to what follows.
#[inline(never)]
fn conditional_head(inp: &mut Inp<'_, '_>, body: &Expr) -> Res<Option<Box<Expr>>> {
    let before = inp.save();
    expect(inp, K::If)?;
    let (explain, again) = (inp.state().explain, inp.state().again);
    match disjunction(inp) {
        Ok(test) if eat(inp, K::Else).is_some() => return Ok(Some(Box::new(test))),
        Ok(test) if explain => explain::conditional_without_else(inp, body, &test)?,
        Ok(_) if !again => return fail(inp),
        Err(Failed) if !again || inp.state().raised.is_some() => return Err(Failed),
        _ => touch(inp),
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

/// The operator of at least the given level that a token stands for between two operands, its level, and the number of its tokens.
fn infix(inp: &mut Inp<'_, '_>, lowest: u8) -> Option<(Infix, u8, usize)> {
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
        K::Is if lowest <= level::COMPARE && peek_second(inp) == K::Not => {
            return Some((Compare(CmpOp::IsNot), level::COMPARE, 2));
        }
        K::Is => (Compare(CmpOp::Is), level::COMPARE),
        K::Not if lowest <= level::COMPARE => return not_in(inp),
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
    (level >= lowest).then_some((op, level, 1))
}

/// `not` after an operand must be `not in`.
#[cold]
fn not_in(inp: &mut Inp<'_, '_>) -> Option<(Infix, u8, usize)> {
    if peek_second(inp) == K::In {
        return Some((Infix::Compare(CmpOp::NotIn), level::COMPARE, 2));
    }
    let at = index(inp) + 1;
    let state = inp.state();
    state.furthest = state.furthest.max(at);
    None
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

/// The [`disjunction`] without `and` and `or`.
pub(super) fn inversion(inp: &mut Inp<'_, '_>) -> Res<Expr> {
    operators(inp, level::NOT)
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

/// Parses operators of at least the given level.
fn operators(inp: &mut Inp<'_, '_>, lowest: u8) -> Res<Expr> {
    let start = here(inp);
    let begun = begin_node(inp);
    let first = match peek_kind(inp) {
        K::Not if lowest <= level::NOT => prefixed(inp, K::Not),
        K::Minus | K::Plus | K::Tilde => prefixed(inp, K::Minus),
        K::Await => await_primary(inp),
        _ => primary(inp),
    }?;
    if infix(inp, lowest).is_some() {
        return chains(inp, lowest, start, begun, first);
    }
    end_node(inp, begun, 0)?;
    Ok(first)
}

/// The operators and further operands after the first.
#[inline(never)]
fn chains(inp: &mut Inp<'_, '_>, lowest: u8, start: u32, begun: u32, first: Expr) -> Res<Expr> {
    let mut left = first;
    // The level of the chain that `left` is, when more operands can be added to it.
    let mut chain = 0;
    while let Some((op, level, tokens)) = infix(inp, lowest) {
        let before_op = inp.save();
        for _ in 0..tokens {
            advance(inp);
        }
        explaining(inp, |inp| explain::not_after_operator(inp, level == level::SUM || level == level::TERM))?;
        let before = begin_node(inp);
        // A power's right side may have a sign, and is itself a power.
        let operand_level = if level == level::POWER { level::FACTOR } else { level + 1 };
        let right = match nested(inp, OPERAND, |inp| operators(inp, operand_level)) {
            Ok(right) => right,
            Err(Failed) if give_up_part(inp, before_op) => break,
            Err(Failed) => return Err(Failed),
        };
        let extends = chain == level && level != level::POWER;
        let height = (before + u32::from(!extends)).max(inp.state().height + 1);
        inp.state().height = height;
        end_node(inp, 0, 0)?;
        combine(&mut left, op, right, extends, span_from(inp, start));
        chain = level;
    }
    end_node(inp, begun, 0)?;
    Ok(left)
}

/// After a part that failed: in the second pass, go back and do without it.
#[cold]
fn give_up_part<'t, 'p>(inp: &mut Inp<'t, 'p>, before: Saved<'t, 'p>) -> bool {
    if !inp.state().again || inp.state().raised.is_some() {
        return false;
    }
    inp.rewind(before);
    true
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
    if ops.len() > MAX_PREFIXES {
        return too_complex(inp);
    }
    explaining(inp, |inp| explain::not_after_operator(inp, first != K::Not))?;
    let operand_level = if first == K::Not { level::COMPARE } else { level::FACTOR };
    let mut value = nested(inp, OPERAND, |inp| operators(inp, operand_level))?;
    end_node(inp, 0, ops.len() as u32)?;
    for (op, start) in ops.into_iter().rev() {
        value = expr(ExprKind::UnaryOp { op, operand: Box::new(value) }, span_from(inp, start));
    }
    Ok(value)
}

/// Joins an operand to `left`, or adds it to the chain of the same level that `left` is.
#[inline(never)]
fn combine(left: &mut Expr, op: Infix, right: Expr, extends: bool, span: Span) {
    if extends {
        left.span = span;
        match (&mut left.kind, op) {
            (ExprKind::BoolOp { values, .. }, Infix::Bool(_)) => values.push(right),
            (ExprKind::Compare { rest, .. }, Infix::Compare(op)) => rest.push((op, right)),
            (ExprKind::BinOp { rest, .. }, Infix::Binary(op)) => rest.push((op, right)),
            _ => unreachable!("a chain is extended by operators of its own level"),
        }
        return;
    }
    let first = std::mem::replace(left, expr(ExprKind::Constant(Constant::None), span));
    left.kind = match op {
        Infix::Bool(op) => ExprKind::BoolOp { op, values: vec![first, right] },
        Infix::Compare(op) => ExprKind::Compare { first: Box::new(first), rest: vec![(op, right)] },
        Infix::Binary(op) => ExprKind::BinOp { first: Box::new(first), rest: vec![(op, right)] },
    };
}

/// `await_primary: ['await'] primary`
#[inline(never)]
fn await_primary(inp: &mut Inp<'_, '_>) -> Res<Expr> {
    let token = expect(inp, K::Await)?;
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
    let first = atom(inp)?;
    let next = peek_kind(inp);
    if matches!(next, K::Dot | K::LParen | K::LBracket) {
        return trailers(inp, begun, start, first);
    }
    if next == K::LBrace && inp.state().explain {
        explain::invalid_genexp(inp)?;
    }
    end_node(inp, begun, 0)?;
    Ok(first)
}

#[inline(never)]
fn trailers(inp: &mut Inp<'_, '_>, begun: u32, start: u32, first: Expr) -> Res<Expr> {
    let mut value = first;
    loop {
        let before = inp.save();
        let trailer = match peek_kind(inp) {
            K::Dot => attribute(inp).map(Trailer::Attribute),
            K::LParen => nested(inp, BRACKET, call_arguments).map(Trailer::Call),
            K::LBracket => nested(inp, BRACKET, slices).map(Trailer::Subscript),
            K::LBrace if inp.state().explain => {
                explain::invalid_genexp(inp)?;
                break;
            }
            _ => break,
        };
        let trailer = match trailer {
            Ok(trailer) => trailer,
            Err(Failed) if give_up_part(inp, before) => break,
            Err(Failed) => return Err(Failed),
        };
        end_node(inp, 0, 1)?;
        append_trailer(&mut value, trailer, span_from(inp, start));
    }
    end_node(inp, begun, 0)?;
    Ok(value)
}

/// What follows an operand.
enum Trailer {
    Attribute(Ident),
    Call(Vec<Arg>),
    Subscript(Box<Expr>),
}

fn attribute(inp: &mut Inp<'_, '_>) -> Res<Ident> {
    expect(inp, K::Dot)?;
    ident(inp)
}

#[inline(never)]
fn append_trailer(value: &mut Expr, trailer: Trailer, span: Span) {
    let inner = Box::new(std::mem::replace(value, expr(ExprKind::Constant(Constant::None), span)));
    value.kind = match trailer {
        Trailer::Attribute(attr) => ExprKind::Attribute { value: inner, attr },
        Trailer::Call(args) => ExprKind::Call { func: inner, args },
        Trailer::Subscript(index) => ExprKind::Subscript { value: inner, index },
    };
}
