//! Scopes: what every name in a syntax tree means, and the errors of meaning.
//!
//! Three passes, each linear: `collect` walks the tree, opens scopes and notes how names are mentioned in them; `bind`
//! finds out whose variable a name is; `check` walks the tree again for what is wrong regardless of names (`break`
//! outside a loop, `await` outside an async function). CPython finds its errors in the same three stages, so the first
//! error of the first pass that has one is the one it reports.
//!
//! Fills the fields that the parser leaves empty: `scope`, `type_scope` and [`Expr::suspends`]. Private names are
//! mangled in the tree. **Invariant:** every name that occurs in a scope has a binding in it.

mod bind;
mod check;
mod check_expr;
mod collect;
mod collect_expr;
mod fold;
mod future;
mod pattern;
mod prelude;
mod scope;
mod table;
#[cfg(test)]
mod tests;
mod warn;

use std::collections::HashSet;
use std::rc::Rc;

use crate::diagnostic::{Diagnostic, Finder};
use crate::source::{Source, Span};
use crate::symbol::Interner;
use crate::syntax::ast::{Expr, Module};

pub use self::fold::{Folded, fold};
pub use self::scope::{Binding, Scope, ScopeKind, Scopes, SymbolMap};

use self::bind::Binder;
use self::check::Checker;
use self::collect::Collector;

/// What a module is resolved for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// A file, or the text of `exec` or `eval`.
    Module,
    /// An input of a session: `await`, `async for` and `async with` may stand outside functions, and where one does the
    /// scope of the module is asynchronous.
    Interactive,
}

/// Resolves a module. Returns all errors, the one that CPython reports first.
pub fn resolve(
    module: &mut Module,
    source: &Rc<Source>,
    interner: &mut Interner,
    mode: Mode,
) -> (Scopes, Vec<Diagnostic>) {
    let future = future::scan(&module.body, source, interner);
    let mut collector = Collector::new(source, interner, future.annotations);
    collector.stmts(&mut module.body);
    let (mut scopes, mut diagnostics) = bind(collector, mode, future.diagnostics);
    scopes.future_annotations = future.annotations;
    scopes.observed |= observed(source);
    let mut checker = Checker::new(source, interner, &scopes, mode, future.prefix_end);
    checker.stmts(&module.body);
    let (mut found, warnings) = (checker.diagnostics, checker.warnings);
    if diagnostics.is_empty() {
        scopes.warnings = warnings;
    }
    diagnostics.append(&mut found);
    (scopes, once(diagnostics))
}

/// Resolves an expression, as for `eval`.
pub fn resolve_expression(
    expr: &mut Expr,
    source: &Rc<Source>,
    interner: &mut Interner,
    mode: Mode,
) -> (Scopes, Vec<Diagnostic>) {
    let mut collector = Collector::new(source, interner, false);
    collector.expr(expr);
    let (mut scopes, mut diagnostics) = bind(collector, mode, Vec::new());
    let mut checker = Checker::new(source, interner, &scopes, mode, 0);
    checker.expr(expr);
    let (mut found, warnings) = (checker.diagnostics, checker.warnings);
    if diagnostics.is_empty() {
        scopes.warnings = warnings;
    }
    diagnostics.append(&mut found);
    (scopes, once(diagnostics))
}

fn bind(collector: Collector<'_>, mode: Mode, mut diagnostics: Vec<Diagnostic>) -> (Scopes, Vec<Diagnostic>) {
    let source = collector.source;
    let (tables, interner, mut collected) = collector.finish(mode);
    let binder = Binder { source, interner, diagnostics: &mut collected, tables };
    let (scopes, observed) = binder.run();
    let scopes = Scopes { scopes, observed, ..Scopes::default() };
    diagnostics.extend(collected.into_iter().map(|found| Diagnostic { finder: Finder::Scopes, ..found }));
    (scopes, diagnostics)
}

/// Whether a text may ask for the variables of frames under way.
fn observed(source: &Source) -> bool {
    const WORDS: [&str; 5] = ["_getframe", "currentframe", "f_locals", "tb_frame", "capture_locals"];
    !source.library && WORDS.iter().any(|word| source.text.contains(word))
}

/// Whether a piece of a text may ask for all variables of frames that run other texts: of those that called it, not of
/// those that an exception has left, nor for one of a given name, which is a frame's that it knows.
pub fn looks_at_callers(text: &str) -> bool {
    const WORD: &str = "f_locals";
    text.match_indices(WORD).any(|(at, _)| {
        let behind = &text[at + WORD.len()..];
        !text[..at].ends_with("tb_frame.") && !behind.starts_with(".get(\"") && !behind.starts_with(".get('")
    })
}

/// One place can be wrong for several reasons: only the first is told.
fn once(mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut seen = HashSet::new();
    diagnostics.retain(|diagnostic| diagnostic.place.as_ref().is_none_or(|place| seen.insert(place.span)));
    diagnostics
}

fn syntax_error(message: impl Into<String>, source: &Rc<Source>, span: Span) -> Diagnostic {
    Diagnostic { finder: Finder::Compiler, ..Diagnostic::error("SyntaxError", message, source, span) }
}
