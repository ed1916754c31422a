//! Special methods of script classes, remembered by the places that call them.

use std::cell::{Cell, RefCell};
use std::rc::Weak;

use super::prelude::*;
use crate::object::class::Special;
use crate::object::instance::Instance;

/// What a place found for the class it saw last.
#[derive(Default)]
pub(super) struct SpecialSite {
    version: Cell<u32>,
    function: RefCell<Weak<Function>>,
}

impl SpecialSite {
    /// The script function that answers a special method of an instance, if it takes just so many arguments.
    #[inline]
    pub(super) fn function(
        &self,
        vm: &Vm,
        instance: &Instance,
        object: &Value,
        name: Symbol,
        arity: usize,
    ) -> Option<Rc<Function>> {
        if self.version.get() != instance.class().version.get() {
            self.remember(vm, instance, object, name);
        }
        let function = self.function.borrow().upgrade()?;
        (function.code.simple_arity.get() as usize == arity).then_some(function)
    }

    #[inline(never)]
    fn remember(&self, vm: &Vm, instance: &Instance, object: &Value, name: Symbol) {
        let found = match vm.special(object, name) {
            Special::Method(Value::Function(function)) => Rc::downgrade(&function),
            _ => Weak::new(),
        };
        self.version.set(instance.class().version.get());
        self.function.replace(found);
    }
}
