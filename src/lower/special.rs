//! Special methods of script classes, remembered by the places that call them.

use std::cell::{Cell, RefCell};
use std::rc::Weak;

use super::call::noted;
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
        let function = self.any_function(vm, instance, object, name)?;
        (function.code.simple_arity.get() as usize == arity).then_some(function)
    }

    /// The script function that answers a special method of an instance, whatever it takes.
    #[inline]
    fn any_function(&self, vm: &Vm, instance: &Instance, object: &Value, name: Symbol) -> Option<Rc<Function>> {
        if self.version.get() != instance.class().version.get() {
            self.remember(vm, instance, object, name);
        }
        self.function.borrow().upgrade()
    }

    /// What the script function says that answers a special method of an object, where it takes just these arguments, the
    /// object first.
    #[inline]
    pub(super) fn ask<const N: usize>(
        &self,
        vm: &mut Vm,
        frame: &Frame,
        name: Symbol,
        args: [&Value; N],
        span: Span,
    ) -> Option<Eval> {
        let object = args[0];
        let Value::Instance(instance) = object else { return None };
        let function = self.function(vm, instance, object, name, N)?;
        let args = args.map(Value::clone);
        Some(noted(vm, frame, span, |vm| vm.call_simple(&function, args).map_err(Into::into)))
    }

    /// Whether an object was met here.
    #[inline]
    pub(super) fn is_used(&self) -> bool {
        self.version.get() != 0
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

/// What a `with` found for the class of context managers it saw last.
#[derive(Default)]
pub(super) struct ManagerSite {
    enter: SpecialSite,
    exit: SpecialSite,
}

impl ManagerSite {
    /// The script functions that enter a context manager, taking nothing but it, and leave it.
    #[inline]
    pub(super) fn functions(&self, vm: &Vm, manager: &Value) -> Option<(Rc<Function>, Rc<Function>)> {
        let Value::Instance(instance) = manager else { return None };
        let enter = self.enter.function(vm, instance, manager, sym::__enter__, 1)?;
        Some((enter, self.exit.any_function(vm, instance, manager, sym::__exit__)?))
    }
}
