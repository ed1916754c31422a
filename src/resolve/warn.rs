//! What looks like a mistake but is none to Python: the `SyntaxWarning`s of the compiler.

use super::prelude::*;
use crate::diagnostic::Severity;
use crate::syntax::ast::CmpOp;

use super::check::Checker;
use super::fold::{Folded, fold, is_format};

impl Checker<'_> {
    #[cold]
    fn warn(&mut self, message: String, span: Span) {
        if self.diagnostics.is_empty() {
            let warning = super::syntax_error(message, self.source, span);
            self.warnings.push(Diagnostic { severity: Severity::Warning, code: "SyntaxWarning".into(), ..warning });
        }
    }

    /// A missing comma between two elements of a display makes a call.
    pub(super) fn warn_call(&mut self, func: &Expr) {
        if let Some(name) = type_of(func).filter(|&name| name != "function") {
            self.warn(format!("'{name}' object is not callable; perhaps you missed a comma?"), func.span);
        }
    }

    /// The same with a subscript.
    pub(super) fn warn_subscript(&mut self, value: &Expr, index: &Expr) {
        let Some(name) = type_of(value) else { return };
        match name {
            "dict" => {}
            "str" | "bytes" | "tuple" | "list" => match type_of(index) {
                None | Some("int" | "bool") => {}
                Some(index) => {
                    let what = format!("{name} indices must be integers or slices, not {index}");
                    self.warn(format!("{what}; perhaps you missed a comma?"), value.span);
                }
            },
            _ => self.warn(format!("'{name}' object is not subscriptable; perhaps you missed a comma?"), value.span),
        }
    }

    /// Whether two literals are one object depends on the implementation. `negated`: after `not`, which CPython makes a
    /// part of a single `is`.
    pub(super) fn warn_compare(&mut self, first: &Expr, rest: &[(CmpOp, Expr)], negated: bool, span: Span) {
        let negated = negated && rest.len() == 1;
        let mut left = first;
        for (op, right) in rest {
            let words = match op {
                CmpOp::Is | CmpOp::IsNot if (*op == CmpOp::Is) != negated => Some(("is", "==")),
                CmpOp::Is | CmpOp::IsNot => Some(("is not", "!=")),
                _ => None,
            };
            let literal = words.and_then(|_| compared_literal(left).or_else(|| compared_literal(right)));
            if let (Some((op, better)), Some(name)) = (words, literal) {
                return self.warn(format!("\"{op}\" with '{name}' literal. Did you mean \"{better}\"?"), span);
            }
            left = right;
        }
    }

    pub(super) fn warn_assert(&mut self, test: &Expr, span: Span) {
        let tuple = match &test.kind {
            ExprKind::Tuple(elements) => !elements.is_empty(),
            _ => matches!(fold(test), Some(Folded::Tuple(items)) if !items.is_empty()),
        };
        if tuple {
            self.warn("assertion is always true, perhaps remove parentheses?".to_owned(), span);
        }
    }
}

/// The type that the value of an expression has for sure, if its form tells.
fn type_of(expr: &Expr) -> Option<&'static str> {
    Some(match &expr.kind {
        ExprKind::JoinedStr(_) => "str",
        ExprKind::Tuple(_) => "tuple",
        ExprKind::List(_) | ExprKind::ListComp(_) => "list",
        ExprKind::Set(_) | ExprKind::SetComp(_) => "set",
        ExprKind::Dict(_) | ExprKind::DictComp(_) => "dict",
        ExprKind::GeneratorExp(_) => "generator",
        ExprKind::Lambda(_) => "function",
        ExprKind::BinOp { first, rest } if is_format(first, rest) => "str",
        _ => return fold(expr).map(|value| value.type_name()),
    })
}

fn compared_literal(expr: &Expr) -> Option<&'static str> {
    fold(expr).map(|value| value.type_name()).filter(|name| !matches!(*name, "NoneType" | "bool" | "ellipsis"))
}
