//! The built-in modules, by name: each is a table of natives or a page of the language itself, loaded when imported.

use std::rc::Rc;

use crate::machine::Vm;
use crate::object::Result;
use crate::object::module::Module;

type Loader = fn(&mut Vm) -> Result<Rc<Module>>;

/// Every module that `import` finds without a file.
const MODULES: &[(&str, Loader)] = &[("asyncio", crate::asyncio::module), ("contextvars", crate::asyncio::contextvars::contextvars_module)];

/// Loads a built-in module; `None` if there is none of that name.
pub fn load(vm: &mut Vm, name: &str) -> Result<Option<Rc<Module>>> {
    match MODULES.iter().find(|(known, _)| *known == name) {
        Some((_, loader)) => loader(vm).map(Some),
        None => Ok(None),
    }
}

/// Whether a name is that of a module worth suggesting.
pub fn is_known(name: &str) -> bool {
    MODULES.iter().any(|(known, _)| *known == name)
}

/// Runs what `atexit` has registered.
pub fn run_exit_handlers(vm: &mut Vm) {
    let _ = vm;
}
