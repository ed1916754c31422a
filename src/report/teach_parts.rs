//! What the parts of an expression that failed say, where its error names only a type: which call returned None, which
//! function was not called.
//!
//! **Invariant**: certain or silent. The text that failed is parsed alone, and one part of it must be what is meant.

use std::rc::Rc;

use crate::source::Source;
use crate::symbol::Interner;
use crate::syntax::ast::{Arg, CmpOp, Expr, ExprKind};
use crate::syntax::{Parsed, parse_expression};

/// What takes a function to be called by somebody else, and the function's place among the arguments.
const TAKERS: [(&str, usize); 2] = [("to_thread", 0), ("run_in_executor", 1)];

/// Methods that change an object and return nothing.
const CHANGES: [&str; 12] = [
    "add", "append", "clear", "discard", "extend", "insert", "remove", "reverse", "shuffle", "sort", "update",
    "appendleft",
];

/// The types of what is called.
const FUNCTIONS: [&str; 4] = ["function", "method", "builtin_function_or_method", "method_descriptor"];

/// Built-ins that go through their only argument, or measure it.
const ITERATING: [&str; 15] = [
    "all", "any", "dict", "enumerate", "frozenset", "iter", "len", "list", "max", "min", "reversed", "set", "sorted",
    "sum", "tuple",
];

/// A text that is an expression, as a tree.
pub(super) struct Parts {
    source: Rc<Source>,
    interner: Interner,
    expr: Expr,
}

impl Parts {
    pub(super) fn of(text: &str) -> Option<Parts> {
        let source = Source::new("", text);
        let mut interner = Interner::default();
        match parse_expression(&source, &mut interner) {
            Parsed::Complete((expr, _)) => Some(Parts { source, interner, expr }),
            _ => None,
        }
    }

    fn text(&self, expr: &Expr) -> &str {
        &self.source.text[expr.span.range()]
    }

    /// What a call, or an `await` of one, calls, if it goes by a plain name.
    pub(super) fn called(&self) -> Option<&str> {
        self.called_by(&self.expr)
    }

    /// Whether it calls a method that changes an object and returns nothing.
    pub(super) fn is_change(&self) -> bool {
        match &self.expr.kind {
            ExprKind::Call { func, .. } => match &func.kind {
                ExprKind::Attribute { attr, .. } => CHANGES.contains(&&**self.interner.name(attr.name)),
                _ => false,
            },
            _ => false,
        }
    }

    fn called_by(&self, expr: &Expr) -> Option<&str> {
        match &expr.kind {
            ExprKind::Await(value) => self.called_by(value),
            ExprKind::Call { func, .. } => self.plain(func),
            _ => None,
        }
    }

    /// A name, or one with attributes behind it.
    fn plain(&self, expr: &Expr) -> Option<&str> {
        let mut inner = expr;
        while let ExprKind::Attribute { value, .. } = &inner.kind {
            inner = value;
        }
        matches!(inner.kind, ExprKind::Name(_)).then(|| self.text(expr))
    }

    /// What is called in the part that is None, where an error says that some part is.
    pub(super) fn returned_none(&self, message: &str, is_built_in: impl Fn(&str) -> bool) -> Option<&str> {
        let part = match &self.expr.kind {
            ExprKind::Attribute { value, .. } if message.contains("has no attribute") => value,
            ExprKind::Subscript { value, .. } if message.ends_with("is not subscriptable") => value,
            ExprKind::Call { func, .. } if message.ends_with("is not callable") => func,
            ExprKind::Call { func, args }
                if message.ends_with("is not iterable") || message.ends_with("has no len()") =>
            {
                let name = self.plain(func).filter(|name| ITERATING.contains(name) && is_built_in(name));
                match args.as_slice() {
                    [Arg::Positional(argument)] if name.is_some() => argument,
                    _ => return None,
                }
            }
            ExprKind::Compare { rest, .. } if message.starts_with("argument of type") => match rest.as_slice() {
                [(CmpOp::In | CmpOp::NotIn, right)] => right,
                _ => return None,
            },
            ExprKind::BinOp { .. } | ExprKind::Compare { .. } => self.operand(message, &["NoneType"])?,
            _ => return None,
        };
        self.called_by(part)
    }

    /// What `await` was given that is None.
    pub(super) fn awaited_none(&self) -> Option<String> {
        let ExprKind::Await(value) = &self.expr.kind else { return None };
        match &value.kind {
            ExprKind::Call { .. } => Some(
                "what is awaited here is None: the function that returned it is not async, and has run already"
                    .to_owned(),
            ),
            _ => self.plain(value).map(|name| format!("`{name}` is None here: there is nothing to wait for")),
        }
    }

    /// The plain name of the function whose calls are the items of a generator expression that is awaited.
    pub(super) fn makes_awaited(&self) -> Option<&str> {
        let ExprKind::Await(value) = &self.expr.kind else { return None };
        let ExprKind::GeneratorExp(comp) = &value.kind else { return None };
        self.called_by(&comp.element)
    }

    /// The operand of the operation that failed which alone is of one of these types, if the error says so.
    fn operand(&self, message: &str, types: &[&str]) -> Option<&Expr> {
        let named: Vec<&str> = message.split('\'').skip(1).step_by(2).collect();
        let (left, right) = match named.as_slice() {
            [left, right] if message.starts_with("unsupported operand type(s) for ") => (left, right),
            [_, left, right] if message.contains(" not supported between instances of ") => (left, right),
            _ => return None,
        };
        let (first, last, is_only) = match &self.expr.kind {
            ExprKind::BinOp { first, rest } => (first, rest.last().map(|(_, last)| last)?, rest.len() == 1),
            ExprKind::Compare { first, rest } => (first, rest.last().map(|(_, last)| last)?, rest.len() == 1),
            _ => return None,
        };
        // Of `a + b + c` the left operand may be `a + b`.
        match (types.contains(left), types.contains(right)) {
            (true, false) if is_only => Some(first),
            (false, true) if is_only || matches!(self.expr.kind, ExprKind::BinOp { .. }) => Some(last),
            _ => None,
        }
    }

    /// The operand that is a function, where it has to be what the function returns.
    pub(super) fn uncalled(&self, message: &str) -> Option<&str> {
        self.operand(message, &FUNCTIONS).and_then(|operand| self.plain(operand))
    }

    /// What calls a function for others, and the function that was called already instead of being handed over.
    pub(super) fn called_too_early(&self) -> Option<(&str, &str)> {
        let call = match &self.expr.kind {
            ExprKind::Await(value) => value,
            _ => &self.expr,
        };
        let ExprKind::Call { func, args } = &call.kind else { return None };
        let name = match &func.kind {
            ExprKind::Name(name) => *name,
            ExprKind::Attribute { attr, .. } => attr.name,
            _ => return None,
        };
        let (name, at) = TAKERS.iter().find(|(taker, _)| **taker == **self.interner.name(name))?;
        match args.get(*at)? {
            Arg::Positional(argument) => Some((name, self.called_by(argument)?)),
            _ => None,
        }
    }
}

/// Whether an error says that a function is used as if it were what it returns, whatever the text.
pub(super) fn uses_function(message: &str) -> bool {
    FUNCTIONS.iter().any(|kind| {
        ["is not iterable", "is not subscriptable"].iter().any(|what| message == format!("'{kind}' object {what}"))
            || message == format!("object of type '{kind}' has no len()")
            || message == format!("can only concatenate str (not \"{kind}\") to str")
    })
}
