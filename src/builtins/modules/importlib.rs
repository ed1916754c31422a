//! What the pages of `importlib` need from the machine.

use crate::builtins::prelude::*;
use crate::machine::import::{Found, is_frozen};

pub(super) const FUNCTIONS: &[Row] = &[
    // None, True for a built-in module, the list of a package's folders, or (file, whether it is a package).
    native("_find(name, path, /)", |vm, args| {
        let Some(name) = args[0].as_str().cloned() else { return Err(vm.type_error("module name must be a string")) };
        Ok(match vm.find_module(&name, &args[1])? {
            None => Value::None,
            Some(Found::Builtin) => Value::bool(true),
            Some(Found::Folders(folders)) => Value::list(folders),
            Some(Found::File(file, package, _)) => {
                Value::tuple(vec![Value::string(file.display().to_string()), Value::bool(package)])
            }
        })
    }),
    native("_is_frozen(name, /)", |_, args| Ok(Value::bool(args[0].as_str().is_some_and(|name| is_frozen(name))))),
    native("_load_builtin(name, /)", |vm, args| match args[0].as_str().cloned() {
        Some(name) => vm.import_builtin(&name),
        None => Err(vm.type_error("module name must be a string")),
    }),
    native("_read(path, /)", |vm, args| {
        let path = args[0].as_str().map(|path| path.as_str().to_owned()).unwrap_or_default();
        let bytes = vm.host.read_source(path.as_ref()).map_err(|error| vm.os_error(&error))?;
        Ok(Value::bytes(bytes))
    }),
    // Runs `call(module)` while the module counts as not ready.
    native("_initialize(name, call, module, /)", |vm, args| {
        let name = args[0].as_str().cloned().unwrap_or_default();
        vm.importing.push(name);
        let result: Result = vm.call(&args[1], &args[2..]);
        vm.importing.pop();
        result
    }),
];
