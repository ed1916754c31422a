//! The built-in functions, the types' methods and the built-in modules: tables of natives, handed to the machine.

pub mod functions;
pub mod modules;
pub(crate) mod prelude;
pub mod types;

use std::rc::Rc;

use crate::machine::Vm;
use crate::object::class::Class;
use crate::object::native::{NativeFunction, Row, RowKind};
use crate::object::{Dict, Result, Str, Value};

/// Fills the built-in classes and the namespace of built-in names.
pub fn install(vm: &mut Vm) {
    types::install(vm);
    functions::install(vm);
}

/// The row of a method whose function gets its object as what `$find` makes of it, and returns what becomes a value.
macro_rules! of {
    ($signature:literal, $find:expr, $call:expr $(,)?) => {
        $crate::object::native::method($signature, |vm, args| $crate::builtins::call_of(vm, args, $find, $call))
    };
}
pub(crate) use of;

#[inline]
pub(crate) fn call_of<T, R: Into<Value>>(
    vm: &mut Vm,
    args: &[Value],
    find: fn(&Value) -> Option<&T>,
    call: fn(&mut Vm, &T, &[Value]) -> Result<R>,
) -> Result {
    match find(&args[0]) {
        Some(this) => call(vm, this, args).map(Into::into),
        None => Err(types::wrong_receiver(vm, &args[0])),
    }
}

/// Adds a table of functions to a module's namespace.
pub fn add_functions(vm: &mut Vm, module: &str, dict: &Rc<Dict>, rows: &'static [Row]) {
    let module = vm.intern(module);
    for row in rows {
        if let RowKind::Function(call) = row.kind {
            let name = vm.intern(row.name());
            dict.set_str(
                &name,
                Value::Native(Rc::new(NativeFunction::new(row, call, name.clone(), Some(module.clone())))),
            );
        }
    }
}

/// Adds a class to a namespace under its own name and says which module it belongs to.
pub fn add_class(vm: &mut Vm, module: &str, dict: &Rc<Dict>, class: &Rc<Class>) {
    let name: Rc<Str> = class.name.borrow().clone();
    let name = vm.intern_str(&name);
    let key = vm.name(crate::symbol::sym::__module__).clone();
    class.declare(&key, Value::str(module));
    dict.set_str(&name, Value::Class(class.clone()));
}
