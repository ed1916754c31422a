//! `super()`, and the methods that are called on it, which need no `super` object.

use std::cell::{Cell, RefCell};

use super::call::{call_bound, invoke};
use super::call_native::call_native_bound;
use super::direct::{call_evaluated, call_with_defaults, takes};
use super::methods::MethodSite;
use super::prelude::*;
use crate::machine::attr_cache::Method;
use crate::object::Class;
use crate::object::gc::weak::Remembered;
use crate::resolve::ScopeKind;

impl Lower<'_> {
    /// Whether this is `super()` or `super(type, object)`.
    pub(super) fn calls_super(&self, e: &Expr) -> bool {
        let ExprKind::Call { func, args } = &e.kind else { return false };
        let plain = matches!(args.len(), 0 | 2) && args.iter().all(|arg| matches!(arg, Arg::Positional(_)));
        let method = self.unit.free.contains_key(&sym::__class__);
        (method || args.len() == 2)
            && plain
            && matches!(func.kind, ExprKind::Name(name) if self.vm.name(name).as_str() == "super")
    }

    /// Where a `super()` in a method finds what it needs.
    pub(super) fn super_place(&mut self, e: &Expr) -> Option<SuperPlace> {
        let ExprKind::Call { func, args } = &e.kind else { return None };
        let ExprKind::Name(name) = func.kind else { return None };
        let scope = &self.scopes.scopes[self.unit.scope.0 as usize];
        if !self.calls_super(e) || self.unit.green || scope.kind != ScopeKind::Function {
            return None;
        }
        let class = match &args[..] {
            [] => ClassPlace::Closure(*self.unit.free.get(&sym::__class__)?),
            [Arg::Positional(class), Arg::Positional(this)] if self.local_slot(this) == Some(0) => match class.kind {
                ExprKind::Name(name) => ClassPlace::Named(self.load_name(name, class.span)),
                _ => return None,
            },
            _ => return None,
        };
        Some(SuperPlace { callee: self.load_name(name, func.span), class })
    }

    /// `super()` without arguments: the class from the `__class__` cell, the object from the first parameter.
    pub(super) fn super_call(&mut self, name: Symbol, span: Span) -> Thunk {
        let load = self.load_name(name, span);
        let class = self.unit.free.get(&sym::__class__).copied();
        let (has_variables, is_function, is_lambda) = {
            let scope = &self.scopes.scopes[self.unit.scope.0 as usize];
            let has_variables = scope.kind != ScopeKind::Module && !scope.variables.is_empty();
            (has_variables, scope.kind == ScopeKind::Function, scope.kind == ScopeKind::Lambda)
        };
        // As a part of `super().name` it gets its arguments as variables are loaded, before anything is called.
        let text = &self.source.text[span.range()];
        let call = Span { end: span.start + text.find(')').map_or(text.len(), |at| at + 1) as u32, ..span };
        let is_named_by_module = self.scopes.scopes[0].binding(name).is_some();
        let is_part = call != span && (is_function || is_lambda) && !is_named_by_module;
        Box::new(move |vm, frame| {
            let callee = load(vm, frame)?;
            let is_super = matches!(&callee, Value::Class(c) if Rc::ptr_eq(c, &vm.types.super_));
            if !is_super {
                return invoke(vm, frame, callee, [], span);
            }
            let has_first = has_variables && (!(is_function || is_lambda) || frame.code.params.positional > 0);
            let first = match frame.locals.first() {
                // The argument may itself be a cell.
                Some(Value::Cell(cell)) if has_first && frame.code.cells.contains(&0) => cell.get(),
                Some(value) if has_first => value.clone(),
                _ => Value::Unbound,
            };
            if first.is_unbound() {
                if has_first && is_part {
                    return Err(super::name::unbound_local(vm, &frame.code.variables[0]).at(call).into());
                }
                let message = if has_first { "super(): arg[0] deleted" } else { "super(): no arguments" };
                return Err(vm.runtime_error(message).at(call).into());
            }
            let Some(class) = class else {
                return Err(vm.runtime_error("super(): __class__ cell not found").at(span).into());
            };
            let class = match frame.function.closure[class].get() {
                Value::Class(class) => class,
                _ if is_part => {
                    let name = vm.name(sym::__class__).clone();
                    return Err(super::name::unbound_free(vm, &name).at(call).into());
                }
                _ => return Err(vm.runtime_error("super(): empty __class__ cell").at(span).into()),
            };
            vm.make_super(&class, &first).at(span)
        })
    }
}

/// What `super()` or `super(class, self)` in a method is made of.
pub(super) struct SuperPlace {
    /// `super` itself, which a script may have given another meaning.
    callee: Thunk,
    class: ClassPlace,
}

/// Where the class is that `super` looks behind.
enum ClassPlace {
    /// Where the closure has `__class__`.
    Closure(usize),
    /// The first of two arguments.
    Named(Thunk),
}

impl ClassPlace {
    fn get(&self, vm: &mut Vm, frame: &mut Frame) -> Eval {
        match self {
            ClassPlace::Closure(at) => Ok(frame.function.closure[*at].get()),
            ClassPlace::Named(name) => name(vm, frame),
        }
    }
}

/// What was found behind a class for instances of another.
#[derive(Default)]
struct Behind {
    /// The version of the instance's class, which changes with any class that is looked at.
    version: Cell<u32>,
    class: Cell<usize>,
    /// A function or a method written in Rust; `Unbound` for anything else.
    found: RefCell<Remembered>,
}

impl Behind {
    fn get(&self, own: &Rc<Class>, class: &Rc<Class>, name: &Rc<Str>) -> Value {
        if self.version.get() != own.version.get() || self.class.get() != Rc::as_ptr(class).addr() {
            let mro = own.mro();
            let behind = mro.iter().skip_while(|c| !Rc::ptr_eq(c, class)).skip(1);
            let found = behind.filter_map(|class| class.dict().get_str(name)).next();
            self.version.set(own.version.get());
            self.class.set(Rc::as_ptr(class).addr());
            *self.found.borrow_mut() = match found {
                Some(function @ Value::Function(_)) => Remembered::new(&function),
                Some(Value::Native(native)) if native.is_method() => Remembered::new(&Value::Native(native)),
                _ => Remembered::default(),
            };
        }
        self.found.borrow().get()
    }
}

/// `super().name(*args)` or `super(class, self).name(*args)`; `object` makes the `super` object where it is needed after all.
pub(super) fn super_method<const N: usize>(
    place: SuperPlace,
    object: Operand,
    site: MethodSite,
    args: [Operand; N],
) -> Thunk {
    let behind = Behind::default();
    let span = site.span;
    Box::new(move |vm, frame| {
        let builtin = matches!(&(place.callee)(vm, frame)?, Value::Class(c) if Rc::ptr_eq(c, &vm.types.super_));
        if let (true, Value::Class(class), Some(this @ (Value::Instance(_) | Value::Exception(_)))) =
            (builtin && frame.code.params.positional > 0, place.class.get(vm, frame)?, frame.locals.first())
        {
            let found = behind.get(&vm.class_of(this), &class, &site.name);
            let this = this.clone();
            match found {
                Value::Function(f) if f.code.simple_arity.get() as usize == N + 1 => {
                    return call_bound(vm, frame, &f, this, &args, span);
                }
                Value::Function(f) if takes(&f, N + 1) => {
                    return call_with_defaults(vm, frame, &f, Some(this), &args, span);
                }
                Value::Native(native) => return call_native_bound(vm, frame, &native, this, &args, span),
                _ => {}
            }
        }
        let mut object = object.value(vm, frame)?;
        let (callee, mut values) = match site.load(vm, frame, &mut object)? {
            Method::Bound(callee) => (callee, Vec::new()),
            Method::OfClass(callee) | Method::Unbound(callee) => (callee, vec![object]),
        };
        for arg in &args {
            values.push(arg.value(vm, frame)?);
        }
        call_evaluated(vm, frame, &callee, values, Vec::new(), span)
    })
}
