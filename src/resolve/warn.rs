//! What looks like a mistake but is none to Python: the `SyntaxWarning`s of the compiler.

use crate::diagnostic::{Diagnostic, Severity};
use crate::source::Span;
use crate::syntax::ast::{BinOp, CmpOp, Constant, Expr, ExprKind, UnaryOp};

use super::check::Checker;

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
        if matches!(&test.kind, ExprKind::Tuple(elements) if !elements.is_empty()) {
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
        _ => return constant_type(expr),
    })
}

fn compared_literal(expr: &Expr) -> Option<&'static str> {
    constant_type(expr).filter(|name| !matches!(*name, "NoneType" | "bool" | "ellipsis"))
}

/// The type of a constant, or of what CPython computes before it runs a program.
fn constant_type(expr: &Expr) -> Option<&'static str> {
    match &expr.kind {
        ExprKind::Constant(constant) => Some(match constant {
            Constant::None => "NoneType",
            Constant::True | Constant::False => "bool",
            Constant::Ellipsis => "ellipsis",
            Constant::Int(_) | Constant::BigInt(_) => "int",
            Constant::Float(_) => "float",
            Constant::Imaginary(_) => "complex",
            Constant::Str(_) => "str",
            Constant::Bytes(_) => "bytes",
        }),
        ExprKind::Tuple(elements) => elements.iter().all(|e| constant_type(e).is_some()).then_some("tuple"),
        ExprKind::UnaryOp { op, operand } => match (op, constant_type(operand)?) {
            (UnaryOp::Not, _) => Some("bool"),
            (_, "int" | "bool") => Some("int"),
            (UnaryOp::Neg | UnaryOp::Pos, name @ ("float" | "complex")) => Some(name),
            _ => None,
        },
        ExprKind::BinOp { first, rest } => {
            let first = constant_type(first);
            // What fails is left to be run.
            let folds = |op: &BinOp, right: &Expr| match (op, &right.kind) {
                (BinOp::Div | BinOp::FloorDiv | BinOp::Mod, ExprKind::Constant(Constant::Int(n))) => *n != 0,
                (BinOp::Div | BinOp::FloorDiv | BinOp::Mod, ExprKind::Constant(Constant::Float(x))) => *x != 0.0,
                (BinOp::Div | BinOp::FloorDiv, _) => false,
                (BinOp::LShift | BinOp::RShift, kind) => matches!(kind, ExprKind::Constant(Constant::Int(_))),
                _ => true,
            };
            rest.iter().fold(first, |left, (op, right)| {
                binary_type(left.filter(|_| folds(op, right))?, *op, constant_type(right)?)
            })
        }
        _ => None,
    }
}

fn binary_type(left: &'static str, op: BinOp, right: &'static str) -> Option<&'static str> {
    use BinOp::{Add, BitAnd, BitOr, BitXor, Div, FloorDiv, LShift, MatMul, Mod, Mul, RShift};
    let rank = |name| ["int", "float", "complex"].iter().position(|&known| known == name);
    match (rank(left), rank(right)) {
        (Some(left), Some(right)) => match (op, left.max(right)) {
            (MatMul, _) | (BitAnd | BitOr | BitXor | LShift | RShift, 1 | 2) | (FloorDiv | Mod, 2) => None,
            (Div, 0) => Some("float"),
            (_, 0) => Some("int"),
            (_, 1) => Some("float"),
            _ => Some("complex"),
        },
        _ if op == Add && left == right && matches!(left, "str" | "bytes" | "tuple") => Some(left),
        (None, Some(0)) if op == Mul && matches!(left, "str" | "bytes" | "tuple") => Some(left),
        (Some(0), None) if op == Mul && matches!(right, "str" | "bytes" | "tuple") => Some(right),
        _ => None,
    }
}
