//! Statements with blocks.
//!
//! Each reads its head, then calls [`block`]. Blocks recover from errors inside themselves, statement by statement, so
//! that an error does not hide the next one.

use super::display::{class_arguments, star_targets};
use super::explain;
use super::explain_target;
use super::expr::{expression, ident, named_expression, star_expressions};
use super::input::*;
use super::params::{params, type_params};
use super::pattern::{match_stmt, nested_block};
use super::recover::statements;
use super::stmt::{simple_stmts, with_target};
use super::target::check_targets;
use crate::syntax::ast::{ClassDef, ExceptHandler, FunctionDef, WithItem};

/// `statement: compound_stmt | simple_stmts`
pub(super) fn statement(inp: &mut Inp<'_, '_>, out: &mut Vec<Stmt>) -> Res<()> {
    let start = here(inp);
    match compound_stmt(inp)? {
        Some(kind) => {
            out.push(Stmt { kind, span: span_from(inp, start) });
            Ok(())
        }
        None => simple_stmts(inp, out),
    }
}

/// ```text
/// compound_stmt: function_def | if_stmt | class_def | with_stmt | for_stmt | try_stmt | while_stmt | match_stmt
/// ```
///
/// `None` if no such statement starts here.
#[inline(never)]
fn compound_stmt(inp: &mut Inp<'_, '_>) -> Res<Option<StmtKind>> {
    let next = peek(inp);
    let production: fn(&mut Inp<'_, '_>) -> Res<StmtKind> = match next.kind {
        K::If => if_stmt,
        K::Def => |inp| function_def(inp, Vec::new(), false),
        K::Class => |inp| class_def(inp, Vec::new()),
        K::For => for_stmt,
        K::While => while_stmt,
        K::With => with_stmt,
        K::Try => try_stmt,
        K::Async => async_stmt,
        K::Name if next.symbol() == sym::match_ => return nested_block(inp, match_stmt),
        _ => return Ok(None),
    };
    nested_block(inp, production).map(Some)
}

/// A decorated definition: its statement starts at `def` or `class`, not at the first decorator.
pub(super) fn decorated(inp: &mut Inp<'_, '_>) -> Res<Stmt> {
    let decorators = decorators(inp)?;
    let start = here(inp);
    let kind = nested_block(inp, |inp| match peek_kind(inp) {
        K::Class => class_def(inp, decorators),
        K::Async => {
            advance(inp);
            function_def(inp, decorators, true)
        }
        K::Def => function_def(inp, decorators, false),
        _ => fail(inp),
    })?;
    Ok(Stmt { kind, span: span_from(inp, start) })
}

/// `decorators: ('@' named_expression NEWLINE)+`
fn decorators(inp: &mut Inp<'_, '_>) -> Res<Vec<Expr>> {
    inp.parse(
        token(K::At)
            .ignore_then(custom(named_expression))
            .then_ignore(token(K::Newline))
            .repeated()
            .at_least(1)
            .collect(),
    )
}

/// `async` in front of `def`, `for` or `with`.
fn async_stmt(inp: &mut Inp<'_, '_>) -> Res<StmtKind> {
    expect(inp, K::Async)?;
    match peek_kind(inp) {
        K::Def => function_def(inp, Vec::new(), true),
        K::For => Ok(match for_stmt(inp)? {
            StmtKind::For { target, iter, body, orelse, .. } => {
                StmtKind::For { target, iter, body, orelse, is_async: true }
            }
            other => other,
        }),
        K::With => Ok(match with_stmt(inp)? {
            StmtKind::With { items, body, .. } => StmtKind::With { items, body, is_async: true },
            other => other,
        }),
        _ => fail(inp),
    }
}

/// `block: NEWLINE INDENT statements DEDENT | simple_stmts`
///
/// `what` and `head` name the statement whose body is missing if there is none.
pub(super) fn block(inp: &mut Inp<'_, '_>, what: &str, head: Token) -> Res<Vec<Stmt>> {
    let mut body = Vec::new();
    if peek_kind(inp) != K::Newline {
        simple_stmts(inp, &mut body)?;
        return Ok(body);
    }
    advance(inp);
    if peek_kind(inp) != K::Indent {
        if inp.state().explain {
            return explain::missing_block(inp, what, head);
        }
        return fail(inp);
    }
    if inp.state().explain {
        explain::skip_block(inp);
        return Ok(body);
    }
    advance(inp);
    statements(inp, &mut body)?;
    expect(inp, K::Dedent)?;
    Ok(body)
}

/// The colon at the end of a head.
pub(super) fn colon(inp: &mut Inp<'_, '_>) -> Res<Token> {
    explaining(inp, explain::expected_colon_at_line_end)?;
    expect(inp, K::Colon)
}

/// The colon at the end of a head, then the block.
fn colon_block(inp: &mut Inp<'_, '_>, what: &str, head: Token) -> Res<Vec<Stmt>> {
    colon(inp)?;
    block(inp, what, head)
}

/// The same for heads that can't be anything else: whatever stands there, a colon was expected.
fn forced_colon_block(inp: &mut Inp<'_, '_>, what: &str, head: Token) -> Res<Vec<Stmt>> {
    forced(inp, K::Colon, ":")?;
    block(inp, what, head)
}

/// `else_block: 'else' ':' block`, or nothing
fn else_block(inp: &mut Inp<'_, '_>) -> Res<Vec<Stmt>> {
    match eat(inp, K::Else) {
        Some(head) => forced_colon_block(inp, "'else' statement", head),
        None => Ok(Vec::new()),
    }
}

/// ```text
/// if_stmt: 'if' named_expression ':' block (elif_stmt | [else_block])
/// elif_stmt: 'elif' named_expression ':' block (elif_stmt | [else_block])
/// ```
///
/// The tree nests to the right, one `if` in the `else` of the one before; the loop keeps that off the native stack.
fn if_stmt(inp: &mut Inp<'_, '_>) -> Res<StmtKind> {
    let mut clauses = Vec::new();
    let blocks = inp.state().blocks;
    let mut head = expect(inp, K::If)?;
    let mut what = "'if' statement";
    loop {
        let test = if_test(inp)?;
        let body = colon_block(inp, what, head)?;
        clauses.push(IfClause { start: head.span.start, test, body });
        let Some(next) = eat(inp, K::Elif) else { break };
        head = next;
        what = "'elif' statement";
        inp.state().blocks += 1;
        if inp.state().blocks > inp.state().max_height.min(MAX_CLAUSES) {
            return too_complex(inp);
        }
    }
    let orelse = else_block(inp)?;
    inp.state().blocks = blocks;
    Ok(nest_clauses(inp, clauses, orelse))
}

/// One `if` or `elif`.
struct IfClause {
    start: u32,
    test: Box<Expr>,
    body: Vec<Stmt>,
}

#[inline(never)]
fn nest_clauses(inp: &mut Inp<'_, '_>, mut clauses: Vec<IfClause>, mut orelse: Vec<Stmt>) -> StmtKind {
    while clauses.len() > 1 {
        if let Some(IfClause { start, test, body }) = clauses.pop() {
            let kind = StmtKind::If { test: *test, body, orelse };
            orelse = vec![Stmt { kind, span: span_from(inp, start) }];
        }
    }
    match clauses.pop() {
        Some(IfClause { test, body, .. }) => StmtKind::If { test: *test, body, orelse },
        None => StmtKind::Pass,
    }
}

#[inline(never)]
fn if_test(inp: &mut Inp<'_, '_>) -> Res<Box<Expr>> {
    inp.state().height = 0;
    named_expression(inp).map(Box::new)
}

/// `while_stmt: 'while' named_expression ':' block [else_block]`
fn while_stmt(inp: &mut Inp<'_, '_>) -> Res<StmtKind> {
    let head = expect(inp, K::While)?;
    let test = if_test(inp)?;
    let body = colon_block(inp, "'while' statement", head)?;
    let orelse = else_block(inp)?;
    Ok(StmtKind::While { test: *test, body, orelse })
}

/// `for_stmt: ['async'] 'for' star_targets 'in' star_expressions ':' block [else_block]`
fn for_stmt(inp: &mut Inp<'_, '_>) -> Res<StmtKind> {
    let head = expect(inp, K::For)?;
    inp.state().height = 0;
    let target = star_targets(inp)?;
    expect(inp, K::In)?;
    let iter = star_expressions(inp)?;
    let body = colon_block(inp, "'for' statement", head)?;
    let orelse = else_block(inp)?;
    Ok(StmtKind::For { target, iter, body, orelse, is_async: false })
}

/// ```text
/// with_stmt: ['async'] 'with' '(' with_item (',' with_item)* [','] ')' ':' block
///     | ['async'] 'with' with_item (',' with_item)* ':' block
/// ```
fn with_stmt(inp: &mut Inp<'_, '_>) -> Res<StmtKind> {
    let head = expect(inp, K::With)?;
    inp.state().height = 0;
    let parenthesized = if peek_kind(inp) == K::LParen {
        attempt(inp, |inp| {
            let items = inp.parse(listed_in(K::LParen, custom(with_item), K::RParen))?;
            colon(inp)?;
            Ok(items)
        })
    } else {
        None
    };
    let items = match parenthesized {
        Some(items) => items,
        None if inp.state().raised.is_some() => return fail(inp),
        None => {
            let items = inp.parse(listed(custom(with_item)))?;
            colon(inp)?;
            items
        }
    };
    let body = block(inp, "'with' statement", head)?;
    Ok(StmtKind::With { items, body, is_async: false })
}

/// `with_item: expression ['as' star_target]`
pub(super) fn with_item(inp: &mut Inp<'_, '_>) -> Res<WithItem> {
    let context = expression(inp)?;
    if eat(inp, K::As).is_none() {
        return Ok(WithItem { context, target: None });
    }
    explaining(inp, explain_target::invalid_with_item)?;
    let target = with_target(inp)?;
    explaining(inp, explain::expected_colon_at_line_end)?;
    if !matches!(peek_kind(inp), K::Comma | K::RParen | K::Colon) {
        return fail(inp);
    }
    check_targets(inp, &target)?;
    Ok(WithItem { context, target: Some(target) })
}

/// ```text
/// try_stmt: 'try' ':' block finally_block
///     | 'try' ':' block except_block+ [else_block] [finally_block]
///     | 'try' ':' block except_star_block+ [else_block] [finally_block]
/// ```
fn try_stmt(inp: &mut Inp<'_, '_>) -> Res<StmtKind> {
    let head = expect(inp, K::Try)?;
    let body = forced_colon_block(inp, "'try' statement", head)?;
    let mut handlers = Vec::new();
    let is_star = peek_kind(inp) == K::Except && peek_second(inp) == K::Star;
    while peek_kind(inp) == K::Except && (peek_second(inp) == K::Star) == is_star {
        handlers.push(except_block(inp, is_star)?);
    }
    explaining(inp, |inp| explain::after_handlers(inp, is_star, !handlers.is_empty()))?;
    if peek_kind(inp) == K::Except {
        return fail(inp);
    }
    let orelse = if handlers.is_empty() { Vec::new() } else { else_block(inp)? };
    let finalbody = match eat(inp, K::Finally) {
        Some(head) => finally_block(inp, head)?,
        None if handlers.is_empty() => return fail(inp),
        None => Vec::new(),
    };
    Ok(StmtKind::Try { body, handlers, orelse, finalbody, is_star })
}

/// `finally_block: ':' block`
fn finally_block(inp: &mut Inp<'_, '_>, head: Token) -> Res<Vec<Stmt>> {
    forced_colon_block(inp, "'finally' statement", head)
}

/// ```text
/// except_block: 'except' [expression ['as' NAME]] ':' block
/// except_star_block: 'except' '*' expression ['as' NAME] ':' block
/// ```
fn except_block(inp: &mut Inp<'_, '_>, is_star: bool) -> Res<ExceptHandler> {
    let head = expect(inp, K::Except)?;
    inp.state().height = 0;
    if is_star {
        expect(inp, K::Star)?;
    }
    explaining(inp, |inp| explain::invalid_except_stmt(inp, is_star))?;
    let mut kind = None;
    let mut name = None;
    if is_star || peek_kind(inp) != K::Colon {
        kind = Some(expression(inp)?);
        name = after(inp, K::As, ident)?;
    }
    colon(inp)?;
    let what = if is_star { "'except*' statement" } else { "'except' statement" };
    let body = block(inp, what, head)?;
    Ok(ExceptHandler { kind, name, body, span: span_from(inp, head.span.start) })
}

/// ```text
/// function_def: [decorators] function_def_raw
/// function_def_raw: ['async'] 'def' NAME [type_params] params ['->' expression] ':' block
/// ```
fn function_def(inp: &mut Inp<'_, '_>, decorators: Vec<Expr>, is_async: bool) -> Res<StmtKind> {
    let head = peek(inp);
    let mut def = function_head(inp, decorators, is_async)?;
    def.body = forced_colon_block(inp, "function definition", head)?;
    Ok(StmtKind::FunctionDef(def))
}

#[inline(never)]
fn function_head(inp: &mut Inp<'_, '_>, decorators: Vec<Expr>, is_async: bool) -> Res<Box<FunctionDef>> {
    expect(inp, K::Def)?;
    inp.state().height = 0;
    let name = ident(inp)?;
    let type_params = match peek_kind(inp) {
        K::LBracket if inp.state().explain => attempt(inp, type_params).unwrap_or_default(),
        K::LBracket => type_params(inp)?,
        _ => Vec::new(),
    };
    if peek_kind(inp) != K::LParen {
        forced(inp, K::LParen, "(")?;
    }
    let params = *params(inp)?;
    let returns = match peek_kind(inp) {
        K::Arrow if inp.state().explain => attempt(inp, returns),
        K::Arrow => Some(returns(inp)?),
        _ => None,
    };
    let (scope, type_scope) = (ScopeId::default(), ScopeId::default());
    let body = Vec::new();
    Ok(Box::new(FunctionDef { name, params, body, decorators, returns, type_params, is_async, scope, type_scope }))
}

/// `'->' expression`
fn returns(inp: &mut Inp<'_, '_>) -> Res<Expr> {
    expect(inp, K::Arrow)?;
    expression(inp)
}

/// ```text
/// class_def: [decorators] class_def_raw
/// class_def_raw: 'class' NAME [type_params] ['(' [arguments] ')'] ':' block
/// ```
fn class_def(inp: &mut Inp<'_, '_>, decorators: Vec<Expr>) -> Res<StmtKind> {
    let head = peek(inp);
    let mut def = class_head(inp, decorators)?;
    def.body = colon_block(inp, "class definition", head)?;
    Ok(StmtKind::ClassDef(def))
}

#[inline(never)]
fn class_head(inp: &mut Inp<'_, '_>, decorators: Vec<Expr>) -> Res<Box<ClassDef>> {
    expect(inp, K::Class)?;
    inp.state().height = 0;
    let name = ident(inp)?;
    let type_params = if peek_kind(inp) == K::LBracket { type_params(inp)? } else { Vec::new() };
    let args = if peek_kind(inp) == K::LParen { class_arguments(inp)? } else { Vec::new() };
    let (scope, type_scope) = (ScopeId::default(), ScopeId::default());
    Ok(Box::new(ClassDef { name, args, body: Vec::new(), decorators, type_params, scope, type_scope }))
}
