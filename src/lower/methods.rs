//! Method calls, `object.name(...)`: what is called is remembered by its place.

use std::array;

use super::call::{
    ClassSite, by_count, call_bound, call_known, call_parked, fill, fill_bound, finalize_first, invoke, noted, parks,
    straight,
};
use super::call_native::{call_native_bound, peek_and_answer};
use super::direct::{call_with_defaults, takes};
use super::expr::Variable;
use super::prelude::*;
use super::super_call::{SuperPlace, super_method};
use crate::machine::attr_cache::{AttrCache, Method};
use crate::object::{Instance, gc};

/// The place of a method call.
pub(super) struct MethodSite {
    pub(super) name: Rc<Str>,
    pub(super) cache: AttrCache,
    /// Of what a module or a class has under the name.
    class: ClassSite,
    func_span: Span,
    pub(super) span: Span,
}

impl MethodSite {
    /// `object.name(*args)`; `M` is `N` and one for the object.
    fn into_thunk<const N: usize, const M: usize>(
        self,
        super_place: Option<SuperPlace>,
        object: Operand,
        args: [Operand; N],
    ) -> Thunk {
        if let Some(place) = super_place {
            return super_method(place, object, self, args);
        }
        let call = MethodCall { site: self, object, args };
        // The first two keep nothing over the call, so that it takes the place of theirs.
        match call.object {
            Operand::Local(Variable { slot, .. }) => Box::new(move |vm, frame| {
                if let Value::Instance(instance) = &frame.locals[slot]
                    && let Some(function) = call.site.cache.first_function(instance)
                {
                    let object = instance.clone();
                    return call.of_function::<M>(vm, frame, function, object);
                }
                call.otherwise::<M>(vm, frame)
            }),
            Operand::Attribute(_) => Box::new(move |vm, frame| {
                if let Operand::Attribute(attribute) = &call.object
                    && let Some(Value::Instance(instance)) = attribute.at_hand(frame)
                    && let Some(function) = call.site.cache.first_function(&instance)
                {
                    return call.of_function::<M>(vm, frame, function, instance);
                }
                call.otherwise::<M>(vm, frame)
            }),
            _ => Box::new(move |vm, frame| call.site.call_on::<N, M>(vm, frame, &call.object, &call.args)),
        }
    }

    #[inline(always)]
    fn call_on<const N: usize, const M: usize>(
        &self,
        vm: &mut Vm,
        frame: &mut Frame,
        object: &Operand,
        args: &[Operand; N],
    ) -> Eval {
        let object = match object.peek(frame) {
            Some(Value::Instance(instance)) if !self.cache.has_native() => Value::Instance(instance.clone()),
            Some(found @ (Value::Module(_) | Value::Class(_)))
                if let Some(callee) = self.cache.in_namespace(found, &self.name) =>
            {
                return call_known(vm, frame, callee, args, &self.class, self.span);
            }
            Some(found) => {
                if let Some(quick) = self.cache.native_quick(vm, found, M) {
                    let all: [&Operand; M] = array::from_fn(|at| if at == 0 { object } else { &args[at - 1] });
                    if let Some(answer) = peek_and_answer(vm, frame, quick, all) {
                        return Ok(answer);
                    }
                }
                if let Some(native) = self.cache.native(vm, found) {
                    let object = found.clone();
                    return call_native_bound(vm, frame, &native, object, args, self.span);
                }
                found.clone()
            }
            None => {
                if let Operand::Global(global) = object
                    && let Some(callee) = global.look(vm, frame, |found| self.cache.in_namespace(found, &self.name))
                {
                    return call_known(vm, frame, callee, args, &self.class, self.span);
                }
                object.value(vm, frame)?
            }
        };
        self.call_object::<N, M>(vm, frame, object, args)
    }

    #[inline(always)]
    fn call_object<const N: usize, const M: usize>(
        &self,
        vm: &mut Vm,
        frame: &mut Frame,
        object: Value,
        args: &[Operand; N],
    ) -> Eval {
        if let Value::Instance(_) = object {
            if let Some(f) = self.cache.function(&object, &self.name) {
                if f.code.simple_arity.get() as usize == M {
                    return call_bound(vm, frame, &f, object, args, self.span);
                }
                if takes(&f, M) {
                    return call_with_defaults(vm, frame, &f, Some(object), args, self.span);
                }
                if parks(&f, M) {
                    return call_parked(vm, frame, &f, Some(object), args, self.span);
                }
            }
        }
        if let Some(native) = self.cache.native(vm, &object) {
            return call_native_bound(vm, frame, &native, object, args, self.span);
        }
        self.call_found::<N, M>(vm, frame, object, args)
    }

    fn call_found<const N: usize, const M: usize>(
        &self,
        vm: &mut Vm,
        frame: &mut Frame,
        mut object: Value,
        args: &[Operand; N],
    ) -> Eval {
        let method = self.load(vm, frame, &mut object)?;
        self.call_method::<N, M>(vm, frame, object, method, args)
    }

    /// What is called; of a class method found through an instance the class takes the place of the object.
    pub(super) fn load(&self, vm: &mut Vm, frame: &Frame, object: &mut Value) -> Eval<Method> {
        let method = noted(vm, frame, self.func_span, |vm| vm.load_method(object, &self.name, &self.cache))?;
        match method {
            // A built-in method that is called where it is looked up is no bound method.
            Method::Bound(Value::BoundMethod(bound))
                if matches!(&bound.func, Value::Native(native) if native.is_method()) && bound.this.is(object) =>
            {
                Ok(Method::Unbound(bound.func.clone()))
            }
            Method::OfClass(function) => {
                *object = Value::Class(vm.class_of(object));
                Ok(Method::Unbound(function))
            }
            method => Ok(method),
        }
    }

    pub(super) fn call_method<const N: usize, const M: usize>(
        &self,
        vm: &mut Vm,
        frame: &mut Frame,
        object: Value,
        method: Method,
        args: &[Operand; N],
    ) -> Eval {
        match method {
            Method::Bound(callee) => call_known(vm, frame, callee, args, &self.class, self.span),
            Method::OfClass(callee) | Method::Unbound(callee) => {
                match &callee {
                    // Found in the class of the receiver, which needs no look at it.
                    Value::Native(native) => {
                        return call_native_bound(vm, frame, native, object, args, self.span);
                    }
                    Value::Function(f) if f.code.simple_arity.get() as usize == M => {
                        return call_bound(vm, frame, f, object, args, self.span);
                    }
                    Value::Function(f) if takes(f, M) => {
                        return call_with_defaults(vm, frame, f, Some(object), args, self.span);
                    }
                    _ => {}
                }
                let mut values = [const { Value::Unbound }; M];
                fill_bound(vm, frame, &mut values, object, args)?;
                invoke(vm, frame, callee, values, self.span)
            }
        }
    }
}

/// A method call with all its parts.
struct MethodCall<const N: usize> {
    site: MethodSite,
    object: Operand,
    args: [Operand; N],
}

impl<const N: usize> MethodCall<N> {
    /// Calls a function of the object's class; `M` is `N` and one for the object.
    #[inline(never)]
    fn of_function<const M: usize>(
        &self,
        vm: &mut Vm,
        frame: &mut Frame,
        function: Rc<Function>,
        object: Rc<Instance>,
    ) -> Eval {
        let object = Value::Instance(object);
        if function.code.simple_arity.get() as usize == M {
            return straight(vm, frame, &function, object, self.site.span, |vm, frame, locals| {
                fill(vm, frame, &mut locals[1..], &self.args)
            });
        }
        self.site.call_object::<N, M>(vm, frame, object, &self.args)
    }

    #[inline(never)]
    fn otherwise<const M: usize>(&self, vm: &mut Vm, frame: &mut Frame) -> Eval {
        self.site.call_on::<N, M>(vm, frame, &self.object, &self.args)
    }
}

/// `object.append(value)`: a list needs no look at its method, which nobody can replace.
fn append_call(object: Operand, value: [Operand; 1], site: MethodSite) -> Thunk {
    Box::new(move |vm, frame| {
        if let Some(Value::Instance(_)) = object.peek(frame) {
            return site.call_on::<1, 2>(vm, frame, &object, &value);
        }
        let object = object.value(vm, frame)?;
        let Value::List(list) = &object else { return site.call_object::<1, 2>(vm, frame, object, &value) };
        let value = value[0].value(vm, frame)?;
        finalize_first(vm);
        gc::stored(list, &value);
        list.push(value);
        Ok(Value::None)
    })
}

impl Lower<'_> {
    /// The object and the place of a method call.
    pub(super) fn method_site(
        &mut self,
        object: Expr,
        attr: crate::syntax::ast::Ident,
        span: Span,
        func_span: Span,
    ) -> (Operand, MethodSite) {
        let span = self.attribute_span(span, func_span, attr.span);
        let func_span = self.attribute_span(func_span, func_span, attr.span);
        let object = self.operand(object);
        let site = MethodSite {
            name: self.vm.name(attr.name).clone(),
            cache: AttrCache::default(),
            class: ClassSite::default(),
            func_span,
            span,
        };
        (object, site)
    }

    pub(super) fn method_call(
        &mut self,
        object: Expr,
        attr: crate::syntax::ast::Ident,
        args: Vec<Operand>,
        span: Span,
        func_span: Span,
    ) -> Thunk {
        let super_place = self.super_place(&object);
        let (object, site) = self.method_site(object, attr, span, func_span);
        match <[Operand; 1]>::try_from(args) {
            Ok(value) if super_place.is_none() && site.name.as_str() == "append" => append_call(object, value, site),
            Ok(arg) => site.into_thunk::<1, 2>(super_place, object, arg),
            Err(args) => by_count!(args, |args, N, M| site.into_thunk::<N, M>(super_place, object, args)),
        }
    }
}
