//! A scope while it is being found out: the names mentioned in it, and how.

use super::prelude::*;
use super::scope::{Binding, SymbolMap};

/// How a name is mentioned in a scope: a set of the constants below.
pub(super) type Flags = u16;

pub(super) const USE: Flags = 1;
pub(super) const LOCAL: Flags = 1 << 1;
pub(super) const PARAM: Flags = 1 << 2;
pub(super) const IMPORT: Flags = 1 << 3;
pub(super) const TYPE_PARAM: Flags = 1 << 4;
pub(super) const GLOBAL: Flags = 1 << 5;
pub(super) const NONLOCAL: Flags = 1 << 6;
pub(super) const ANNOTATED: Flags = 1 << 7;
/// The target of a comprehension's `for`.
pub(super) const ITERATION: Flags = 1 << 8;
/// A function that looks at the frame of its caller is used under its own name, but not called there.
pub(super) const HANDED_ON: Flags = 1 << 9;
/// All that make a name a variable of the scope, unless it is declared otherwise.
pub(super) const BOUND: Flags = LOCAL | PARAM | IMPORT | TYPE_PARAM;

#[derive(Clone, Copy)]
pub(super) struct Name {
    pub(super) symbol: Symbol,
    pub(super) flags: Flags,
    /// `None` in a comprehension: what it is in the scope around. Elsewhere: not found out yet.
    pub(super) binding: Option<Binding>,
}

pub(super) struct Table {
    pub(super) kind: ScopeKind,
    pub(super) parent: Option<ScopeId>,
    /// The scope in whose frame this one runs: itself, but for comprehensions.
    pub(super) host: ScopeId,
    /// Of a comprehension: how many names its host has mentioned before it.
    pub(super) behind: usize,
    pub(super) name: Symbol,
    /// In order of first mention.
    pub(super) names: Vec<Name>,
    index: SymbolMap<u32>,
    /// Where names were declared global or nonlocal.
    pub(super) declarations: Vec<(Symbol, Span)>,
    pub(super) free: Vec<Symbol>,
    /// Of a class: a method needs `__class__`.
    pub(super) class_cell: bool,
    pub(super) is_async: bool,
    pub(super) has_yield: bool,
    pub(super) has_await: bool,
    /// In a `TypeParams` scope: what is being visited, in words.
    pub(super) context: &'static str,
}

impl Table {
    pub(super) fn new(kind: ScopeKind, parent: Option<ScopeId>, host: ScopeId, name: Symbol) -> Table {
        Table {
            kind,
            parent,
            host,
            behind: 0,
            name,
            names: Vec::new(),
            index: SymbolMap::default(),
            declarations: Vec::new(),
            free: Vec::new(),
            class_cell: false,
            is_async: false,
            has_yield: false,
            has_await: false,
            context: "",
        }
    }

    /// Mentions a name; returns the entry it has now.
    pub(super) fn mention(&mut self, symbol: Symbol, flags: Flags) -> &mut Name {
        let next = self.names.len() as u32;
        let at = *self.index.entry(symbol).or_insert(next);
        if at == next {
            self.names.push(Name { symbol, flags: 0, binding: None });
        }
        let name = &mut self.names[at as usize];
        name.flags |= flags;
        name
    }

    pub(super) fn get(&self, symbol: Symbol) -> Option<&Name> {
        self.index.get(&symbol).map(|&at| &self.names[at as usize])
    }

    pub(super) fn flags(&self, symbol: Symbol) -> Flags {
        self.get(symbol).map_or(0, |name| name.flags)
    }

    pub(super) fn declared_at(&self, symbol: Symbol) -> Option<Span> {
        self.declarations.iter().find(|(name, _)| *name == symbol).map(|&(_, span)| span)
    }
}
