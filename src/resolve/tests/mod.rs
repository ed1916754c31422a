//! Small sources and what is found out about them. The expectations are those of CPython's `symtable` module and of the
//! `SyntaxError`s that it raises.

mod bindings;
mod errors;

use std::rc::Rc;

use super::{Mode, Scopes, resolve, resolve_expression};
use crate::diagnostic::Diagnostic;
use crate::source::Source;
use crate::symbol::{Interner, Symbol};
use crate::syntax::ast::Module;
use crate::syntax::{Parsed, parse_expression, parse_module};

struct Resolved {
    module: Module,
    scopes: Scopes,
    errors: Vec<Diagnostic>,
    interner: Interner,
}

fn resolved_in(mode: Mode, text: &str) -> Resolved {
    let source = Source::new("test", text);
    let mut interner = Interner::default();
    let Parsed::Complete(mut module) = parse_module(&source, &mut interner) else { panic!("does not parse: {text}") };
    let (scopes, errors) = resolve(&mut module, &source, &mut interner, mode);
    Resolved { module, scopes, errors, interner }
}

fn resolved(text: &str) -> Resolved {
    resolved_in(Mode::Module, text)
}

impl Resolved {
    fn messages(&self) -> Vec<&str> {
        self.errors.iter().map(|error| &*error.message).collect()
    }

    /// A line for every scope: its names in alphabetical order, its variables, cells and free variables.
    fn table(&self) -> String {
        let names = |symbols: &[Symbol]| {
            symbols.iter().map(|&symbol| self.interner.name(symbol).to_string()).collect::<Vec<_>>().join(" ")
        };
        let mut lines = String::new();
        for scope in &self.scopes.scopes {
            let mut bindings: Vec<String> =
                scope.bindings.iter().map(|(&name, binding)| format!("{}={binding:?}", names(&[name]))).collect();
            bindings.sort();
            let [variables, cells, free] = [&scope.variables, &scope.cells, &scope.free].map(|list| names(list));
            let name = names(&[scope.name]);
            lines += &format!("{name}: {} | {variables} | {cells} | {free}\n", bindings.join(" "));
        }
        lines
    }
}

fn expression(text: &str) -> (Scopes, Vec<Diagnostic>) {
    let source: Rc<Source> = Source::new("test", text);
    let mut interner = Interner::default();
    let Parsed::Complete((mut expr, _)) = parse_expression(&source, &mut interner) else {
        panic!("does not parse: {text}")
    };
    resolve_expression(&mut expr, &source, &mut interner, Mode::Module)
}
