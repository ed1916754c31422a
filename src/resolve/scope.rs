//! What the resolver finds out: a table of scopes, and for every scope what each name in it is.

use super::prelude::*;
use std::collections::{HashMap, HashSet};

/// A map keyed by names.
pub type SymbolMap<T> = HashMap<Symbol, T, foldhash::fast::FixedState>;

/// The scopes of one module or expression.
#[derive(Debug, Default)]
pub struct Scopes {
    /// Indexed by [`ScopeId`]. The first is the module or expression; a scope comes after its parent.
    pub scopes: Vec<Scope>,
    /// `from __future__ import annotations` is in force: annotations are not evaluated, and not resolved either.
    pub future_annotations: bool,
    /// What looks like a mistake but is none to Python: `SyntaxWarning`s, up to the first error.
    pub warnings: Vec<Diagnostic>,
    /// All variables of functions are in cells, where others can find them while the function runs.
    pub observed: bool,
}

impl Scopes {
    /// Makes all variables cells.
    pub fn share_all(&mut self) {
        for scope in self.scopes.iter_mut().filter(|scope| scope.kind.has_variables()) {
            // What a generator expression iterates over has no name.
            let hidden = scope.variables.first().copied().filter(|_| scope.kind == ScopeKind::GeneratorExp);
            #[expect(clippy::iter_over_hash_type, reason = "each is changed by itself")]
            for (name, binding) in &mut scope.bindings {
                if *binding == Binding::Local && Some(*name) != hidden {
                    *binding = Binding::Cell;
                }
            }
            scope.cells.retain(|name| !scope.variables.contains(name));
            scope.cells.extend(scope.variables.iter().filter(|name| scope.bindings.get(name) == Some(&Binding::Cell)));
        }
    }

    pub fn get(&self, id: ScopeId) -> &Scope {
        &self.scopes[id.0 as usize]
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ScopeKind {
    /// A file, the text of `exec` or `eval`, or an input of a session.
    Module,
    Function,
    Lambda,
    Class,
    /// A list, set or dict comprehension. It runs in the frame of the scope around it (its *host*, when these are
    /// nested), where its variables have slots of their own.
    Comprehension,
    /// A function whose only parameter, `.0`, is the iterator over the first iterable.
    GeneratorExp,
    /// The type parameters of a generic function or class, or a whole type alias. Behaves as a function called at once.
    TypeParams,
}

impl ScopeKind {
    /// Whether names bound in it are variables that functions inside can capture.
    pub fn has_variables(self) -> bool {
        !matches!(self, ScopeKind::Module | ScopeKind::Class)
    }
}

#[derive(Debug)]
pub struct Scope {
    pub kind: ScopeKind,
    pub parent: Option<ScopeId>,
    /// The name as written, before mangling: of the function or class, `<lambda>`, `<genexpr>`, `<module>`, ...
    pub name: Symbol,
    /// Every name used or bound directly in this scope. A function scope also has the names that pass through it to an
    /// inner one; a class scope has these in `free` only, as its own name of that spelling may be something else.
    pub bindings: SymbolMap<Binding>,
    /// The local variables in slot order: parameters first (positional-only, positional, keyword-only, `*args`,
    /// `**kwargs`), then in order of first mention. Empty for module and class scopes. For a comprehension its iteration
    /// variables, which are slots of its host.
    pub variables: Vec<Symbol>,
    /// Those of `variables` that an inner function captures, in that order; in a class scope `__class__`, if captured.
    pub cells: Vec<Symbol>,
    /// The variables of its frame that are no cells or parameters, those of comprehensions that run in it among them, each
    /// with a number that grows with the names mentioned before.
    pub(super) listed: Vec<(usize, Symbol)>,
    /// `cells` with those of comprehensions that run in its frame.
    pub shared: Vec<Symbol>,
    /// What is captured from outer functions, for itself or to be passed on, in order of first need. In a
    /// comprehension: the names in it that its host has in `free` too.
    pub free: Vec<Symbol>,
    /// An `async def`; a generator expression that awaits; an interactive module or a comprehension that awaits.
    pub is_async: bool,
    pub has_yield: bool,
    /// `await`, `async for`, `async with` or an asynchronous comprehension stands directly in it.
    pub has_await: bool,
}

impl Scope {
    /// What scripts see of the variables of its frame, in order of first mention.
    pub fn seen_variables(&self) -> Vec<Symbol> {
        let mut listed = self.listed.clone();
        listed.sort_by_key(|(place, _)| *place);
        let mut known = HashSet::with_capacity(listed.len());
        listed.into_iter().map(|(_, name)| name).filter(|name| known.insert(*name)).collect()
    }

    /// What a name is here. `None` only for names that do not occur in the scope.
    pub fn binding(&self, name: Symbol) -> Option<Binding> {
        self.bindings.get(&name).copied()
    }
}

/// Where the value of a name is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Binding {
    /// A variable of the frame.
    Local,
    /// A variable of the frame that an inner function captures, too.
    Cell,
    /// A variable captured from an outer function.
    Free,
    /// Declared `global`.
    Global,
    /// Bound in no function around: the module's, else a builtin.
    GlobalOrBuiltin,
    /// A name of module or class level: in the namespace, else global, else builtin. In a `TypeParams` scope: a name that
    /// the class around it binds, to be looked up in the namespace of that class.
    Namespace,
    /// Used in a class body and bound in a function around it: in the class namespace, else the captured variable.
    ClassFree,
}
