//! What can be assigned to, bound by a `for` or deleted, and how messages name what can't.

use super::input::*;

/// Fails unless every part of `target` can be bound by `=`, `for` or `with`.
pub(super) fn check_targets(inp: &mut Inp<'_, '_>, target: &Expr) -> Res<()> {
    if invalid_target(target, Purpose::Store).is_none() { Ok(()) } else { fail(inp) }
}

/// A name, attribute or subscript.
pub(super) fn is_single_target(target: &Expr) -> bool {
    matches!(target.kind, ExprKind::Name(_) | ExprKind::Attribute { .. } | ExprKind::Subscript { .. })
}

/// What a target is for.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Purpose {
    Store,
    Delete,
    /// In a `for`, `x in y` is seen as a comparison: its left side is meant.
    For,
}

/// The first part of `target` that can't be one.
pub(super) fn invalid_target(target: &Expr, purpose: Purpose) -> Option<&Expr> {
    match &target.kind {
        ExprKind::Name(_) | ExprKind::Attribute { .. } | ExprKind::Subscript { .. } => None,
        ExprKind::Tuple(elements) | ExprKind::List(elements) => {
            elements.iter().find_map(|element| invalid_target(element, purpose))
        }
        ExprKind::Starred(_) if purpose == Purpose::Delete => Some(target),
        ExprKind::Starred(value) => match &value.kind {
            ExprKind::Starred(_) => Some(value),
            _ => invalid_target(value, purpose),
        },
        ExprKind::Compare { first, rest } if purpose == Purpose::For => match rest.first() {
            Some((crate::syntax::ast::CmpOp::In, _)) => invalid_target(first, purpose),
            _ => None,
        },
        _ => Some(target),
    }
}

/// What messages call an expression.
pub(super) fn expression_name(expr: &Expr) -> &'static str {
    match &expr.kind {
        ExprKind::Constant(Constant::None) => "None",
        ExprKind::Constant(Constant::True) => "True",
        ExprKind::Constant(Constant::False) => "False",
        ExprKind::Constant(Constant::Ellipsis) => "ellipsis",
        ExprKind::Constant(_) => "literal",
        ExprKind::Name(_) => "name",
        ExprKind::JoinedStr(_) => "f-string expression",
        ExprKind::Tuple(_) => "tuple",
        ExprKind::List(_) => "list",
        ExprKind::Set(_) => "set display",
        ExprKind::Dict(_) => "dict literal",
        ExprKind::Starred(_) => "starred",
        ExprKind::BoolOp { .. } | ExprKind::BinOp { .. } | ExprKind::UnaryOp { .. } => "expression",
        ExprKind::Compare { .. } => "comparison",
        ExprKind::Lambda(_) => "lambda",
        ExprKind::IfExp { .. } => "conditional expression",
        ExprKind::Call { .. } => "function call",
        ExprKind::Attribute { .. } => "attribute",
        ExprKind::Subscript { .. } | ExprKind::Slice { .. } => "subscript",
        ExprKind::Await(_) => "await expression",
        ExprKind::Yield(_) | ExprKind::YieldFrom(_) => "yield expression",
        ExprKind::NamedExpr { .. } => "named expression",
        ExprKind::ListComp(_) => "list comprehension",
        ExprKind::SetComp(_) => "set comprehension",
        ExprKind::DictComp(_) => "dict comprehension",
        ExprKind::GeneratorExp(_) => "generator expression",
        ExprKind::Temp(_) => "expression",
    }
}
