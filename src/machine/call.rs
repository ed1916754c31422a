//! Calling any value.

use std::rc::Weak;

use smallvec::SmallVec;

use super::prelude::*;
use crate::machine::AsName;
use crate::object::class::{Maker, Special};
use crate::object::code::{Pc, Step};
use crate::object::coroutine::ParkedFrame;
use crate::object::frame::Exit;
use crate::object::native::{PLACES, RowKind};
use crate::object::{Cell, Eval, Raised};

/// Locals that fit on the native stack.
pub const STACK_SLOTS: usize = 12;
/// What most functions do with.
const FEW_SLOTS: usize = 4;

impl Vm {
    /// `callee(*args)`.
    pub fn call(&mut self, callee: &Value, args: &[Value]) -> Result {
        match callee {
            Value::Function(function) => self.call_function(function, args),
            Value::Native(native) => {
                self.check_receiver(native, args)?;
                self.call_native(native, args)
            }
            Value::BoundMethod(method) => {
                let all = with_this(&method.this, args);
                match &method.func {
                    Value::Native(native) => {
                        self.check_receiver(native, &all)?;
                        if !native.arity.get().takes(all.len()) {
                            self.check_bound(native, &method.this, &all, &[])?;
                        }
                        self.call_native(native, &all)
                    }
                    func => self.call(func, &all),
                }
            }
            Value::Class(class) => match self.made_at_once(class, args) {
                Some(made) => Ok(made),
                None => self.call_kw(callee, args, &[]),
            },
            _ => self.call_kw(callee, args, &[]),
        }
    }

    /// What a built-in class makes of an argument, where nothing can go wrong.
    fn made_at_once(&mut self, class: &Rc<Class>, args: &[Value]) -> Option<Value> {
        let ([argument], Maker::New(new)) = (args, self.maker(class)) else { return None };
        new.quick(2)?(self, &[&Value::Class(class.clone()), argument])
    }

    /// `callee(*args, **kwargs)`.
    pub fn call_kw(&mut self, callee: &Value, args: &[Value], kwargs: &[Named]) -> Result {
        match callee {
            Value::Function(function) => {
                if kwargs.is_empty() {
                    return self.call_function(function, args);
                }
                if let Some(other) = self.replacement(function) {
                    return self.call_kw(&Value::Function(other), args, kwargs);
                }
                Ok(self.call_binding(function, |vm, locals| vm.bind_into(function, args, kwargs, locals))?)
            }
            Value::Native(native) => {
                self.check_receiver(native, args)?;
                if kwargs.is_empty() {
                    return self.call_native(native, args);
                }
                let bound = self.bind_native(native, args, kwargs)?;
                self.run_native(native, &bound)
            }
            Value::BoundMethod(method) => {
                let all = with_this(&method.this, args);
                match &method.func {
                    Value::Native(native) if kwargs.is_empty() || native.row.plain.is_none() => {
                        self.check_bound(native, &method.this, &all, kwargs)?;
                    }
                    _ => {}
                }
                self.call_kw(&method.func, &all, kwargs)
            }
            Value::Class(class) => self.call_class(class, args, kwargs),
            Value::Descriptor(descriptor) => match &**descriptor {
                crate::object::Descriptor::StaticMethod(func, _) => self.call_kw(&func.clone(), args, kwargs),
                _ => Err(self.not_callable(callee)),
            },
            Value::Instance(_) | Value::Exception(_) | Value::Module(_) => self.call_object(callee, args, kwargs),
            _ => Err(self.not_callable(callee)),
        }
    }

    /// Calls an object whose class says how.
    fn call_object(&mut self, callee: &Value, args: &[Value], kwargs: &[Named]) -> Result {
        if let (Value::Instance(instance), []) = (callee, kwargs)
            && let Some(result) = instance.own_native().and_then(|data| data.call(self, args))
        {
            return result;
        }
        let method = match self.special(callee, sym::__call__) {
            Special::Method(method) => Some(method),
            _ => self.lookup_special(callee, sym::__call__),
        };
        let Some(method) = method else { return Err(self.not_callable(callee)) };
        if let (Value::Native(native), [arg], []) = (&method, args, kwargs) {
            if let Some(answer) = native.quick(2).and_then(|quick| quick(self, &[callee, arg])) {
                return Ok(answer);
            }
        }
        // No frame of its own, but such objects may call each other without one in between.
        self.enter_native("")?;
        let result = match &method {
            Value::Native(native) if native.is_method() && kwargs.is_empty() => {
                let all = with_this(callee, args);
                self.check_receiver(native, &all).and_then(|()| self.call_native(native, &all))
            }
            Value::Native(native) if native.is_method() => self.call_kw(&method, &with_this(callee, args), kwargs),
            Value::Function(_) => self.call_kw(&method, &with_this(callee, args), kwargs),
            _ => {
                let class = self.class_of(callee);
                let bound = self.bind(&method, Some(callee), &class);
                bound.and_then(|bound| self.call_kw(&bound, args, kwargs))
            }
        };
        self.leave_native();
        result
    }

    /// Refuses to call a built-in type's method on an object of another type, or when the native stack runs out:
    /// such methods may call each other without a frame in between.
    #[inline]
    pub fn check_receiver(&mut self, native: &NativeFunction, args: &[Value]) -> Result<()> {
        match (native.row.kind, args.first()) {
            (RowKind::Method(_), Some(this)) => self.check_instance(native, this),
            _ => Ok(()),
        }
    }

    fn check_instance(&mut self, native: &NativeFunction, this: &Value) -> Result<()> {
        if self.stack_is_low() {
            return Err(self.recursion_error());
        }
        let Some(owner) = native.owner.borrow().as_ref().and_then(Weak::upgrade) else { return Ok(()) };
        if self.is_instance_of(this, &owner) {
            return Ok(());
        }
        let (name, owner, found) = (native.name.as_str(), self.full_name(&owner), self.type_name(this));
        let (owner, found) = (owner.as_str(), found.as_str());
        Err(self.type_error(if native.is_wrapper() {
            format!("descriptor '{name}' requires a '{owner}' object but received a '{found}'")
        } else {
            format!("descriptor '{name}' for '{owner}' objects doesn't apply to a '{found}' object")
        }))
    }

    /// `value.name(*args)`.
    pub fn call_method(&mut self, value: &Value, name: impl AsName, args: &[Value]) -> Result {
        let method = self.get_attr(value, name)?;
        self.call(&method, args)
    }

    /// Calls a built-in function with positional arguments.
    #[inline]
    pub fn call_native(&mut self, native: &Rc<NativeFunction>, args: &[Value]) -> Result {
        let arity = native.arity.get();
        if args.len() == arity.all() && arity.takes(args.len()) {
            return self.run_native(native, args);
        }
        self.call_native_bound(native, args)
    }

    /// The same with the arguments in the first places, so many of them, and room for defaults.
    #[inline]
    pub fn call_native_in(
        &mut self,
        native: &Rc<NativeFunction>,
        places: &mut [Value; PLACES],
        given: usize,
    ) -> Result {
        let arity = native.arity.get();
        if !arity.fits(given) {
            return self.call_native_bound(native, &places[..given]);
        }
        let all = arity.all();
        if given < all {
            fill_native_defaults(native, places, given);
        }
        self.run_native(native, &places[..all])
    }

    fn call_native_bound(&mut self, native: &Rc<NativeFunction>, args: &[Value]) -> Result {
        if let (Some(plain), true) = (native.row.plain, !native.takes_self() || !args.is_empty()) {
            return plain(self, args);
        }
        let arity = native.signature().arity();
        native.arity.set(arity);
        if arity.fits(args.len()) && args.len() == arity.all() {
            return self.run_native(native, args);
        }
        if arity.fits(args.len()) {
            let mut places = [const { Value::Unbound }; PLACES];
            places[..args.len()].clone_from_slice(args);
            fill_native_defaults(native, &mut places, args.len());
            return self.run_native(native, &places[..arity.all()]);
        }
        let bound = self.bind_native(native, args, &[])?;
        self.run_native(native, &bound)
    }

    /// Runs a built-in function that has an argument for each parameter.
    #[inline]
    fn run_native(&mut self, native: &NativeFunction, args: &[Value]) -> Result {
        let result = (native.call)(self, args);
        if let Err(error) = &result {
            self.keep_arguments(native, args, error);
        }
        result
    }

    /// What fails in a function that CPython has in Python holds the function's arguments: its frame is in the traceback.
    #[cold]
    fn keep_arguments(&mut self, native: &NativeFunction, args: &[Value], error: &Error) {
        if native.row.is_python() && args.iter().any(Value::is_container) {
            self.keep_with(error, Value::tuple(args));
        }
    }

    /// The function to call in place of one that has other code by now.
    #[inline]
    pub fn replacement(&mut self, function: &Function) -> Option<Rc<Function>> {
        if !function.code.replaced.get() {
            return None;
        }
        function.replacement().or_else(|| {
            let code = self.observed_code(&function.code)?;
            function.with_extra(|extra| extra.code = Some((code, function.closure.clone())));
            function.replacement()
        })
    }

    pub fn call_function(&mut self, function: &Rc<Function>, args: &[Value]) -> Result {
        if let Some(other) = self.replacement(function) {
            return self.call_function(&other, args);
        }
        if function.code.takes_just(args.len() as u32) {
            match args {
                [] => return Ok(self.call_exact(function, [])?),
                [a] => return Ok(self.call_exact(function, [a.clone()])?),
                [a, b] => return Ok(self.call_exact(function, [a.clone(), b.clone()])?),
                [a, b, c] => return Ok(self.call_exact(function, [a.clone(), b.clone(), c.clone()])?),
                _ => {}
            }
        }
        Ok(self.call_binding(function, |vm, locals| vm.bind_into(function, args, &[], locals))?)
    }

    /// Calls a function whose locals `bind` fills in.
    pub fn call_binding(
        &mut self,
        function: &Rc<Function>,
        bind: impl FnOnce(&mut Vm, &mut [Value]) -> Result<()>,
    ) -> Eval {
        let code = &function.code;
        if code.slots as usize <= STACK_SLOTS && !code.is_suspendable() {
            return self.call_filled(function, Value::Unbound, |vm, locals| Ok(bind(vm, locals)?), |_| Ok(()));
        }
        let mut locals = vec![Value::Unbound; code.slots as usize];
        bind(self, &mut locals)?;
        self.run_vec(function, locals)
    }

    /// Calls a function with exactly its positional parameters, which are moved into its locals.
    #[inline]
    pub fn call_exact<const N: usize>(&mut self, function: &Rc<Function>, args: [Value; N]) -> Eval {
        if function.code.simple_arity.get() as usize == N {
            return self.call_simple(function, args);
        }
        if let Some(other) = self.replacement(function) {
            return Ok(self.call_function(&other, &args)?);
        }
        let slots = function.code.slots as usize;
        let mut locals = Vec::with_capacity(slots);
        locals.extend(args);
        locals.resize(slots, Value::Unbound);
        self.run_vec(function, locals)
    }

    /// [`Vm::call_exact`] for code whose `simple_arity` is the number of arguments.
    #[inline]
    pub fn call_simple<const N: usize>(&mut self, function: &Rc<Function>, args: [Value; N]) -> Eval {
        let mut args = std::mem::ManuallyDrop::new(args);
        let fill = |_: &mut Vm, locals: &mut [Value]| {
            for (local, arg) in locals.iter_mut().zip(args.iter_mut()) {
                std::mem::swap(local, arg);
            }
            Ok(())
        };
        self.call_filled(function, Value::Unbound, fill, |_| Ok(()))
    }

    /// Calls a function that runs at once on the native stack: `first` is its first local, if that is known, `fill` puts
    /// the other arguments into its locals, `enter` is what happens between that and the call.
    #[inline]
    pub fn call_filled(
        &mut self,
        function: &Rc<Function>,
        first: Value,
        fill: impl FnOnce(&mut Vm, &mut [Value]) -> Eval<()>,
        enter: impl FnOnce(&mut Vm) -> Result<()>,
    ) -> Eval {
        // Most functions have few locals, and clearing twelve would be a good part of a call.
        if function.code.slots as usize <= FEW_SLOTS {
            self.call_with_room::<FEW_SLOTS>(function, first, fill, enter)
        } else {
            self.call_with_room::<STACK_SLOTS>(function, first, fill, enter)
        }
    }

    /// CPython counts an `__init__` twice, once for a frame below it, where a place calls it `again` and unless a new piece
    /// of its stack begins: see `stack_size.rs`. Ended by [`Vm::leave_constructor`].
    #[inline]
    pub fn enter_constructor(&mut self, init: &Function, again: bool) {
        if again {
            self.depth += 1;
            self.constructing.push((self.calls.len() as u32 + 1, init.code.id.get()));
        }
    }

    #[inline]
    pub fn leave_constructor(&mut self, again: bool) {
        if again {
            self.depth -= 1;
            self.constructing.pop();
        }
    }

    #[inline]
    fn call_with_room<const ROOM: usize>(
        &mut self,
        function: &Rc<Function>,
        first: Value,
        fill: impl FnOnce(&mut Vm, &mut [Value]) -> Eval<()>,
        enter: impl FnOnce(&mut Vm) -> Result<()>,
    ) -> Eval {
        let mut locals = [const { Value::Unbound }; ROOM];
        std::mem::forget(std::mem::replace(&mut locals[0], first));
        let result = match fill(self, &mut locals).and_then(|()| Ok(enter(self)?)) {
            Ok(()) => self.run(function, &mut locals),
            Err(e) => Err(e),
        };
        // Freed by hand: most locals are numbers, which need no call.
        let mut freed = false;
        for local in &mut locals {
            if local.is_heap() {
                drop(local.take());
                freed = true;
            }
        }
        std::mem::forget(locals);
        if freed && gc::pending() && result.is_ok() {
            self.run_finalizers(None);
        }
        result
    }

    /// Runs a function whose arguments are bound, or makes its generator or coroutine.
    pub fn run_vec(&mut self, function: &Rc<Function>, mut locals: Vec<Value>) -> Eval {
        if function.code.is_suspendable() {
            self.may_enter()?;
            return Ok(self.make_coroutine(function, locals));
        }
        let result = self.run(function, &mut locals);
        gc::release_in_order(&mut locals);
        if gc::pending() && result.is_ok() {
            self.run_finalizers(None);
        }
        result
    }

    /// Runs a function in a frame on the native stack.
    #[inline(always)]
    pub fn run(&mut self, function: &Rc<Function>, locals: &mut [Value]) -> Eval {
        self.enter()?;
        if !function.code.cells.is_empty() {
            make_cells(function, locals);
        }
        let mut frame = Frame {
            locals,
            code: &function.code,
            function,
            pc: 0,
            exit: Exit::Return,
            handled: None,
            outer_handled: None,
        };
        let result = match &function.code.steps[..] {
            // Such a body needs no loop.
            [Step::Return(thunk)] => match thunk(self, &mut frame) {
                Ok(value) => Ok(value),
                Err(raised) => self.fail(&mut frame, raised),
            },
            _ if function.code.handles => self.execute_handling(&mut frame),
            _ => self.execute(&mut frame),
        };
        if self.is_held_caller() {
            self.leave_to_caught(frame.locals, function, None, None);
        }
        self.depth -= 1;
        result
    }

    /// An exception leaves a frame without handlers.
    #[cold]
    fn fail(&mut self, frame: &mut Frame, raised: Raised) -> Eval {
        self.unwind(frame, raised.into())?;
        Ok(Value::None)
    }

    /// Runs a frame that handles exceptions: what was being handled is so again afterwards.
    fn execute_handling(&mut self, frame: &mut Frame) -> Eval {
        frame.outer_handled = self.handling.clone();
        let result = self.execute(frame);
        self.handling = frame.outer_handled.take();
        self.leave_caught(frame.locals, frame.function);
        result
    }

    pub fn make_coroutine(&mut self, function: &Rc<Function>, mut locals: Vec<Value>) -> Value {
        if !function.code.cells.is_empty() {
            make_cells(function, &mut locals);
        }
        let frame = ParkedFrame { function: function.clone(), locals: locals.into_boxed_slice(), handled: None };
        Value::Coroutine(Rc::new(self.parked(function, frame, 0)))
    }

    /// Notes where a coroutine is made.
    #[inline]
    pub fn note_origin(&self, coroutine: &Coroutine) {
        coroutine.set_origin(self.calls.last().map(|site| (site.code, site.span)));
        if self.origin_depth > 0 {
            self.note_origins(coroutine);
        }
    }

    #[cold]
    fn note_origins(&self, coroutine: &Coroutine) {
        let frames = self.frames_with_library();
        let innermost = frames.iter().rev().take(self.origin_depth).flatten();
        let origins = innermost.map(|(code, span)| (code.id.get(), *span)).collect();
        coroutine.with_extra(|extra| extra.origins = Some(origins));
    }

    /// The coroutine or generator of a call that is under way.
    #[inline]
    pub(super) fn parked(&mut self, function: &Rc<Function>, frame: ParkedFrame, pc: Pc) -> Coroutine {
        let code = &function.code;
        let mut coroutine = Coroutine::new(kind_of(code), frame, pc, code.clone());
        coroutine.iterable = code.iterable.get();
        self.note_origin(&coroutine);
        coroutine
    }
}

/// Defaults fill up the places behind the arguments.
fn fill_native_defaults(native: &NativeFunction, places: &mut [Value; PLACES], given: usize) {
    let params = &native.signature().params[..];
    for at in given..params.len().min(PLACES) {
        if let Some(default) = &params[at].default {
            // Nothing was there.
            std::mem::forget(std::mem::replace(&mut places[at], default.clone()));
        }
    }
}

/// Arguments with the object in front.
fn with_this(this: &Value, args: &[Value]) -> SmallVec<[Value; 4]> {
    let mut all = SmallVec::with_capacity(args.len() + 1);
    all.push(this.clone());
    all.extend(args.iter().cloned());
    all
}

/// What a call of code that can be suspended makes.
pub(super) fn kind_of(code: &Code) -> Kind {
    match code.kind {
        CodeKind::Coroutine => Kind::Coroutine,
        CodeKind::AsyncGenerator => Kind::AsyncGenerator,
        _ => Kind::Generator,
    }
}

/// Puts the variables that inner functions share into cells.
#[cold]
pub(super) fn make_cells(function: &Function, locals: &mut [Value]) {
    for &slot in &function.code.cells {
        let value = locals[slot as usize].take();
        locals[slot as usize] = Value::Cell(Cell::new(value));
    }
}
