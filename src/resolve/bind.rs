//! From mentions to bindings: which scope's variable a name is.
//!
//! Scopes are done in the order of their numbers, parents first, so whatever lies around a scope is known but for one
//! thing: a `Local` becomes a `Cell` when an inner function turns out to capture it. A comprehension runs in the frame
//! of its host, so it only notes that a name comes from outside (`binding` stays `None`) and is told what it is there in
//! a last pass.

use super::prelude::*;
use super::scope::{Binding, Scope, SymbolMap};
use super::table::{BOUND, Flags, GLOBAL, HANDED_ON, NONLOCAL, Name, PARAM, TYPE_PARAM, Table};

pub(super) struct Binder<'a> {
    pub(super) source: &'a Rc<Source>,
    pub(super) interner: &'a Interner,
    pub(super) diagnostics: &'a mut Vec<Diagnostic>,
    pub(super) tables: Vec<Table>,
}

impl Binder<'_> {
    /// The scopes, and whether a function of theirs may be looked at by one that it does not call by name.
    pub(super) fn run(mut self) -> (Vec<Scope>, bool) {
        for id in 0..self.tables.len() {
            for i in 0..self.tables[id].names.len() {
                let binding = self.resolve(id, i);
                self.tables[id].names[i].binding = binding;
            }
        }
        let handed_on = |name: &Name| {
            let outside = matches!(name.binding, None | Some(Binding::Namespace | Binding::GlobalOrBuiltin));
            outside && name.flags & (HANDED_ON | BOUND) == HANDED_ON && self.tables[0].flags(name.symbol) & BOUND == 0
        };
        let observed = self.tables.iter().flat_map(|table| &table.names).any(handed_on);
        let mut scopes: Vec<Scope> = Vec::with_capacity(self.tables.len());
        for table in self.tables {
            let (host, behind) = (table.host.0 as usize, 2 * table.behind);
            let scope = finish(table, &scopes);
            if let Some(host) = scopes.get_mut(host) {
                host.listed.extend(scope.variables.iter().map(|&name| (behind, name)));
                host.shared.extend(&scope.cells);
            }
            scopes.push(scope);
        }
        (scopes, observed)
    }

    fn resolve(&mut self, id: usize, i: usize) -> Option<Binding> {
        let table = &self.tables[id];
        let (kind, symbol, flags) = (table.kind, table.names[i].symbol, table.names[i].flags);
        if flags & GLOBAL != 0 {
            if flags & NONLOCAL != 0 {
                self.error(id, symbol, "name '", "' is nonlocal and global");
            }
            Some(Binding::Global)
        } else if flags & NONLOCAL != 0 {
            self.nonlocal(id, symbol)
        } else if flags & BOUND != 0 {
            Some(if kind.has_variables() { Binding::Local } else { Binding::Namespace })
        } else {
            self.used(id, symbol)
        }
    }

    #[cold]
    fn error(&mut self, id: usize, symbol: Symbol, before: &str, after: &str) {
        let span = self.tables[id].declared_at(symbol).unwrap_or_default();
        let message = format!("{before}{}{after}", self.interner.name(symbol));
        self.diagnostics.push(syntax_error(message, self.source, span));
    }

    fn nonlocal(&mut self, id: usize, symbol: Symbol) -> Option<Binding> {
        if self.tables[id].kind == ScopeKind::Module {
            let span = self.tables[id].declared_at(symbol).unwrap_or_default();
            let message = "nonlocal declaration not allowed at module level";
            self.diagnostics.push(syntax_error(message.to_owned(), self.source, span));
            return Some(Binding::Namespace);
        }
        let Some(owner) = self.owner(id, symbol) else {
            self.error(id, symbol, "no binding for nonlocal '", "' found");
            return Some(Binding::GlobalOrBuiltin);
        };
        if self.tables[owner].flags(symbol) & TYPE_PARAM != 0 {
            self.error(id, symbol, "nonlocal binding not allowed for type parameter '", "'");
        }
        if self.tables[id].kind == ScopeKind::Comprehension {
            return self.outside(id, symbol);
        }
        self.capture(id, owner, symbol);
        Some(Binding::Free)
    }

    /// A name that is used in a scope without being bound there.
    fn used(&mut self, id: usize, symbol: Symbol) -> Option<Binding> {
        match self.tables[id].kind {
            ScopeKind::Module => Some(Binding::Namespace),
            ScopeKind::Comprehension => self.outside(id, symbol),
            // A class around that says the name is global means its type parameters and aliases, too.
            ScopeKind::TypeParams if self.class_flags_around(id, symbol) & GLOBAL != 0 => {
                Some(Binding::GlobalOrBuiltin)
            }
            kind => Some(match self.owner(id, symbol) {
                _ if kind == ScopeKind::TypeParams && self.bound_in_class_around(id, symbol) => Binding::Namespace,
                Some(owner) => {
                    self.capture(id, owner, symbol);
                    if kind == ScopeKind::Class { Binding::ClassFree } else { Binding::Free }
                }
                None if kind == ScopeKind::Class => Binding::Namespace,
                None => Binding::GlobalOrBuiltin,
            }),
        }
    }

    fn bound_in_class_around(&self, id: usize, symbol: Symbol) -> bool {
        let flags = self.class_flags_around(id, symbol);
        flags & BOUND != 0 && flags & (GLOBAL | NONLOCAL) == 0
    }

    /// How a name is mentioned in the class that a scope stands in directly.
    fn class_flags_around(&self, id: usize, symbol: Symbol) -> Flags {
        let around = self.tables[id].parent.map(|parent| &self.tables[parent.0 as usize]);
        around.filter(|table| table.kind == ScopeKind::Class).map_or(0, |table| table.flags(symbol))
    }

    /// A name in a comprehension that is not its own. `None` means: what it is in the scope around.
    fn outside(&mut self, id: usize, symbol: Symbol) -> Option<Binding> {
        let around = self.tables[id].parent?.0 as usize;
        match self.tables[around].kind {
            ScopeKind::Module => {
                let declared = self.tables[around].flags(symbol) & GLOBAL != 0;
                Some(if declared { Binding::Global } else { Binding::Namespace })
            }
            // The names of a class are not seen from inside it.
            kind if kind == ScopeKind::Class
                || kind == ScopeKind::TypeParams
                    && self.tables[around].flags(symbol) & TYPE_PARAM == 0
                    && self.bound_in_class_around(around, symbol) =>
            {
                Some(match self.owner(around, symbol) {
                    Some(owner) => {
                        self.capture(around, owner, symbol);
                        Binding::Free
                    }
                    None => Binding::GlobalOrBuiltin,
                })
            }
            _ => {
                if self.tables[around].get(symbol).is_none() {
                    let binding = self.used(around, symbol);
                    self.tables[around].mention(symbol, 0).binding = binding;
                }
                None
            }
        }
    }

    /// The scope around `id` whose variable a name is; `None` if it is global.
    fn owner(&self, id: usize, symbol: Symbol) -> Option<usize> {
        let mut at = self.tables[id].parent;
        while let Some(scope) = at {
            let table = &self.tables[scope.0 as usize];
            match table.kind {
                ScopeKind::Module => return None,
                ScopeKind::Class if symbol == sym::__class__ => return Some(scope.0 as usize),
                ScopeKind::Class => {}
                _ => match table.get(symbol) {
                    Some(name) if name.flags & GLOBAL != 0 => return None,
                    Some(name) if name.flags & BOUND != 0 && name.flags & NONLOCAL == 0 => {
                        return Some(scope.0 as usize);
                    }
                    Some(name) if name.binding == Some(Binding::GlobalOrBuiltin) => return None,
                    _ => {}
                },
            }
            at = table.parent;
        }
        None
    }

    /// Makes a variable of `owner` available in scope `id`, through all that lie between.
    fn capture(&mut self, id: usize, owner: usize, symbol: Symbol) {
        let frame = self.tables[owner].host;
        let mut at = id;
        let mut leaves_frame = false;
        while at != owner {
            let table = &mut self.tables[at];
            let same_frame = table.host == frame;
            leaves_frame |= !same_frame;
            match table.kind {
                ScopeKind::Comprehension => _ = table.mention(symbol, 0),
                _ if same_frame => {}
                kind => {
                    let known = match table.get(symbol).and_then(|name| name.binding) {
                        Some(Binding::Free) => true,
                        None if kind != ScopeKind::Class => false,
                        _ => table.free.contains(&symbol),
                    };
                    if known {
                        break; // and so it is in all around
                    }
                    table.free.push(symbol);
                    if at != id && kind != ScopeKind::Class {
                        let name = table.mention(symbol, 0);
                        name.binding = name.binding.or(Some(Binding::Free));
                    }
                }
            }
            let Some(ScopeId(parent)) = table.parent else { break };
            at = parent as usize;
        }
        if leaves_frame {
            let table = &mut self.tables[owner];
            if table.kind == ScopeKind::Class {
                table.class_cell = true;
            } else {
                table.mention(symbol, 0).binding = Some(Binding::Cell);
            }
        }
    }
}

fn finish(table: Table, before: &[Scope]) -> Scope {
    let around = table.parent.and_then(|ScopeId(id)| before.get(id as usize));
    let mut scope = Scope {
        kind: table.kind,
        parent: table.parent,
        name: table.name,
        bindings: SymbolMap::with_capacity_and_hasher(table.names.len(), Default::default()),
        variables: Vec::new(),
        cells: Vec::new(),
        listed: Vec::new(),
        shared: Vec::new(),
        free: table.free,
        is_async: table.is_async,
        has_yield: table.has_yield,
        has_await: table.has_await,
    };
    for (at, name) in table.names.into_iter().enumerate() {
        let binding = name.binding.unwrap_or_else(|| match around {
            Some(class) if class.kind == ScopeKind::Class && class.free.contains(&name.symbol) => Binding::Free,
            Some(class) if class.kind == ScopeKind::Class => Binding::Cell, // `__class__`
            Some(around) => around.binding(name.symbol).unwrap_or(Binding::GlobalOrBuiltin),
            None => Binding::GlobalOrBuiltin,
        });
        scope.bindings.insert(name.symbol, binding);
        let own = name.flags & BOUND != 0 && name.flags & (GLOBAL | NONLOCAL) == 0;
        if own && scope.kind.has_variables() {
            scope.variables.push(name.symbol);
            if binding == Binding::Cell {
                scope.cells.push(name.symbol);
            }
            if binding != Binding::Cell || name.flags & PARAM != 0 {
                scope.listed.push((2 * at + 1, name.symbol));
            }
        }
        if scope.kind == ScopeKind::Comprehension && binding == Binding::Free {
            scope.free.push(name.symbol);
        }
    }
    if table.class_cell {
        scope.cells.push(sym::__class__);
    }
    scope.shared.clone_from(&scope.cells);
    scope
}
