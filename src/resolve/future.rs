//! `from __future__ import ...`: which features are asked for, and where they may be.

use super::prelude::*;
use crate::syntax::ast::Constant;

const FEATURES: &[&str] = &[
    "nested_scopes", "generators", "division", "absolute_import", "with_statement", "print_function",
    "unicode_literals", "barry_as_FLUFL", "generator_stop", "annotations",
];

#[derive(Default)]
pub(super) struct Future {
    pub(super) annotations: bool,
    /// Where the last import that may be one of these ends.
    pub(super) prefix_end: u32,
    pub(super) diagnostics: Vec<Diagnostic>,
}

pub(super) fn is_future_import(stmt: &Stmt) -> bool {
    match &stmt.kind {
        StmtKind::ImportFrom { module, level: 0, .. } => matches!(module[..], [name] if name.name == sym::__future__),
        _ => false,
    }
}

/// Reads the imports at the head of a module, which only a docstring may precede.
pub(super) fn scan(body: &[Stmt], source: &Rc<Source>, interner: &Interner) -> Future {
    let mut future = Future { annotations: source.future_annotations.get(), ..Future::default() };
    let is_docstring = |stmt: &Stmt| match &stmt.kind {
        StmtKind::Expr(value) => matches!(value.kind, ExprKind::Constant(Constant::Str(_))),
        _ => false,
    };
    let start = usize::from(body.first().is_some_and(is_docstring));
    for stmt in body[start..].iter().take_while(|stmt| is_future_import(stmt)) {
        future.prefix_end = stmt.span.end;
        let StmtKind::ImportFrom { names, .. } = &stmt.kind else { continue };
        for name in names.iter().flat_map(|alias| &alias.name) {
            future.annotations |= name.name == sym::annotations;
            let feature = &**interner.name(name.name);
            let message = match feature {
                "braces" => "not a chance".to_owned(),
                _ if FEATURES.contains(&feature) => continue,
                _ => format!("future feature {feature} is not defined"),
            };
            let span = Span { end: stmt.span.start, ..stmt.span };
            future.diagnostics.push(syntax_error(message, source, span));
        }
    }
    source.future_annotations.set(future.annotations);
    future
}
