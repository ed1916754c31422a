//! The module `itertools`: each class is the state of a [`NativeIter`].

mod combine;
mod flow;
mod group;

use super::support::{class_given, define, export, items};
use crate::builtins::prelude::*;
use crate::builtins::types::iterators::{self, ITERATOR};

/// A class by its full name, and its own rows.
type Table = &'static [(&'static str, &'static [Row])];

const TABLES: &[Table] = &[flow::CLASSES, combine::CLASSES, group::CLASSES];

pub(super) fn setup(vm: &mut Vm, module: &Rc<Module>) -> Result<()> {
    for (full, rows) in TABLES.iter().copied().flatten() {
        let class = class(vm, full, rows);
        if !full.contains("._") {
            export(vm, &module.dict, &class);
        }
    }
    crate::builtins::add_functions(vm, "itertools", &module.dict, group::FUNCTIONS);
    Ok(())
}

fn class(vm: &mut Vm, full: &'static str, rows: &'static [Row]) -> Rc<Class> {
    let object = vm.types.object.clone();
    let layout = match TABLES.iter().copied().flatten().position(|(name, _)| *name == full) {
        Some(at) if !full.contains("._") => Layout::Native(300 + at as u16),
        _ => Layout::Final,
    };
    let class = define(vm, full, &object, layout, rows);
    if vm.entry(class.dict(), "__next__").is_none() {
        class.add_methods(ITERATOR);
        class.add_methods(DEPRECATED);
    }
    class
}

/// Copies and pickles are going to be removed from the module, and it says so.
const DEPRECATED: &[Row] = &[
    method("__reduce__()", |vm, args| {
        warn(vm)?;
        iterators::reduce(vm, args)
    }),
    method("__setstate__(object, /)", |vm, args| {
        warn(vm)?;
        iterators::set_state(vm, args)
    }),
];

fn warn(vm: &mut Vm) -> Result<()> {
    let text = "Pickle, copy, and deepcopy support will be removed from itertools in Python 3.14.";
    vm.warn(vm.types.DeprecationWarning.clone(), text)
}

/// A class of the module that has been set up.
fn known(vm: &mut Vm, full: &'static str) -> Rc<Class> {
    let rows = TABLES.iter().copied().flatten().find(|(name, _)| *name == full).map_or(&[][..], |(_, rows)| rows);
    class(vm, full, rows)
}

/// What `__new__` returns: an iterator of the class, or one in an instance of a subclass.
fn made(vm: &mut Vm, args: &[Value], state: impl NativeIter + 'static) -> Result {
    let class = class_given(vm, args)?;
    let base = class.mro().iter().find(|base| base.builtin).cloned().unwrap_or_else(|| class.clone());
    let iter = Iter::native(&base, state);
    Ok(vm.wrap(&class, iter))
}
