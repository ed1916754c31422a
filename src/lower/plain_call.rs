//! Calls with positional arguments only. A built-in that is called by its own name is asked at once what it says to
//! arguments where they are.

use std::cell::OnceCell;

use super::call::{
    ClassSite, MOST_PLAIN, by_count, call_class, call_parked, call_straight, call_value, fill, invoke, parks,
};
use super::call_native::{call_native_bound, call_native_plain, call_native_unbound};
use super::direct::{call_with_defaults, takes};
use super::name::{Callee, GlobalCallee};
use super::prelude::*;
use crate::object::class::Maker;
use crate::object::gc;
use crate::object::native::{NativeFunction, Quick};

/// A call with positional arguments only.
struct PlainCall<const N: usize> {
    func: Thunk,
    args: [Operand; N],
    site: ClassSite,
    span: Span,
}

impl<const N: usize> PlainCall<N> {
    /// Calls what a global name stands for.
    #[inline(always)]
    fn of_global(&self, vm: &mut Vm, frame: &mut Frame, global: &GlobalCallee) -> Eval {
        let PlainCall { args, site, span, .. } = self;
        let span = *span;
        match global.get(vm, &frame.function.globals) {
            Some(Callee::Function(f)) if f.code.simple_arity.get() as usize == N => {
                call_straight(vm, frame, &f, args, span)
            }
            Some(Callee::Function(f)) if takes(&f, N) => call_with_defaults(vm, frame, &f, None, args, span),
            Some(Callee::Function(f)) if parks(&f, N) => call_parked(vm, frame, &f, None, args, span),
            Some(Callee::Native(native)) if !native.is_method() => call_native_plain(vm, frame, &native, args, span),
            Some(Callee::Class(class)) => match call_class(vm, frame, &class, args, site, span) {
                Some(result) => result,
                None => self.of_any(vm, frame),
            },
            _ => self.of_any(vm, frame),
        }
    }

    /// The same for one that has no answer at once.
    #[inline(never)]
    fn of_builtin(&self, vm: &mut Vm, frame: &mut Frame, global: &GlobalCallee) -> Eval {
        self.of_global(vm, frame, global)
    }

    fn of_any(&self, vm: &mut Vm, frame: &mut Frame) -> Eval {
        call_value(vm, frame, &self.func, &self.args, &self.site, self.span)
    }
}

/// A built-in that was called at a place.
struct Known {
    callee: Value,
    /// What answers for it at once, if anything does.
    quick: Option<Quick>,
    /// What is called where nothing does.
    native: Option<Rc<NativeFunction>>,
    asked: Asked,
}

/// What of a built-in is asked.
enum Asked {
    /// The function itself.
    Function,
    /// `isinstance`, which says of a tuple what it says of one of its classes.
    Instance,
    /// What looks at the attributes of its argument, which must not be one that is itself being looked at.
    Attribute,
    /// What makes an instance, which gets the class too.
    New,
    /// What fills an empty container.
    Init,
}

impl Known {
    /// What there is to know of calls with so many arguments, once the built-in has been called.
    fn of(vm: &mut Vm, callee: Callee, given: usize) -> Option<Known> {
        match callee {
            Callee::Native(native) if !native.is_method() => {
                let quick = native.answers(given);
                let asked = match native.row.name() {
                    ISINSTANCE => Asked::Instance,
                    "getattr" | "hasattr" => Asked::Attribute,
                    _ => Asked::Function,
                };
                Some(Known { callee: Value::Native(native.clone()), quick, native: Some(native), asked })
            }
            Callee::Class(class) if class.builtin && given > 0 => {
                let (quick, native, asked) = match vm.maker(&class) {
                    Maker::New(new) => (new.answers(given + 1), Some(new), Asked::New),
                    Maker::Container(init) => (init.answers(given + 1), Some(init), Asked::Init),
                    Maker::Type if given == 1 => (Some(class_of as Quick), None, Asked::New),
                    _ => return None,
                };
                Some(Known { callee: Value::Class(class), quick, native, asked })
            }
            _ => None,
        }
    }

    #[inline(always)]
    fn answer<const N: usize>(
        &self,
        vm: &Vm,
        frame: &Frame,
        args: &[Operand; N],
        classes: &[Operand],
    ) -> Option<Value> {
        match &args[..] {
            [value, _] if !classes.is_empty() => value.hold(vm, frame, |value| self.fits(vm, frame, value, classes)),
            _ if matches!(self.asked, Asked::Attribute) => None,
            [only] => only.look(vm, frame, |only| self.ask(vm, [only])),
            [first, second] => {
                first.hold(vm, frame, |first| second.look(vm, frame, |second| self.ask(vm, [first, second])))
            }
            [first, second, third] => self.ask(vm, [first.peek(frame)?, second.peek(frame)?, third.peek(frame)?]),
            _ => None,
        }
    }

    /// Calls it where it has no answer to arguments as they are.
    #[inline(never)]
    fn call<const N: usize>(&self, vm: &mut Vm, frame: &mut Frame, args: &[Operand; N], span: Span) -> Eval {
        match (&self.native, &self.asked, &self.callee) {
            (Some(native), Asked::New, class) => call_native_bound(vm, frame, native, class.clone(), args, span),
            (Some(native), Asked::Init, Value::Class(class)) => {
                let empty = Vm::empty_container(class);
                call_native_bound(vm, frame, native, empty.clone(), args, span)?;
                Ok(empty)
            }
            (Some(native), Asked::Attribute, _) => call_native_plain(vm, frame, native, args, span),
            (Some(native), _, _) => call_native_unbound(vm, frame, native, args, span),
            (None, _, callee) => {
                let mut values = [const { Value::Unbound }; N];
                fill(vm, frame, &mut values, args)?;
                invoke(vm, frame, callee.clone(), values, span)
            }
        }
    }

    #[inline(always)]
    fn ask<const N: usize>(&self, vm: &Vm, args: [&Value; N]) -> Option<Value> {
        let quick = self.quick?;
        if let Asked::Function | Asked::Instance | Asked::Attribute = self.asked {
            return quick(vm, &args);
        }
        let mut all = [&self.callee; MOST_PLAIN + 1];
        all[1..=N].copy_from_slice(&args);
        match self.asked {
            Asked::Function | Asked::Instance | Asked::Attribute => None,
            Asked::New => quick(vm, &all[..=N]),
            Asked::Init => {
                let Value::Class(class) = &self.callee else { return None };
                let empty = Vm::empty_container(class);
                all[0] = &empty;
                quick(vm, &all[..=N])?;
                Some(empty)
            }
        }
    }

    /// Whether a value is an instance of one of the classes.
    #[inline(never)]
    fn fits(&self, vm: &Vm, frame: &Frame, value: &Value, classes: &[Operand]) -> Option<Value> {
        if !matches!(self.asked, Asked::Instance) {
            return None;
        }
        let mut answer = Value::bool(false);
        for class in classes {
            // All names are looked up before anything is asked.
            let fits = class.look(vm, frame, |class| self.ask(vm, [value, class]))?;
            if fits.is(&Value::bool(true)) {
                answer = fits;
            }
        }
        Some(answer)
    }
}

const ISINSTANCE: &str = "isinstance";

/// `type(value)`
fn class_of(vm: &Vm, args: &[&Value]) -> Option<Value> {
    Some(Value::Class(vm.class_of(args.get(1)?)))
}

impl Lower<'_> {
    pub(super) fn plain_call(&mut self, func: Expr, global: Option<GlobalCallee>, args: Vec<Arg>, span: Span) -> Thunk {
        let classes = match (&global, &args[..]) {
            (Some(global), [_, Arg::Positional(classes)]) if global.name().as_str() == ISINSTANCE => {
                self.classes(classes)
            }
            _ => Vec::new(),
        };
        let args = self.operands(args);
        let classes = if let [Operand::Thunk(_), ..] = args[..] { Vec::new() } else { classes };
        let func = self.expr(func);
        match global {
            Some(global) if self.vm.builtins.get_str(global.name()).is_some() => {
                builtin_call(func, global, args, classes, span)
            }
            Some(global) => by_count!(args, |args, N, _M| {
                let call = PlainCall::<N> { func, args, site: ClassSite::default(), span };
                Box::new(move |vm, frame| call.of_global(vm, frame, &global))
            }),
            None => by_count!(args, |args, N, _M| {
                let call = PlainCall::<N> { func, args, site: ClassSite::default(), span };
                Box::new(move |vm, frame| call.of_any(vm, frame))
            }),
        }
    }

    /// The classes of a display of names.
    fn classes(&mut self, display: &Expr) -> Vec<Operand> {
        let ExprKind::Tuple(items) = &display.kind else { return Vec::new() };
        let named = items.iter().map(|item| match item.kind {
            ExprKind::Name(name) => Some(Expr { kind: ExprKind::Name(name), ..*item }),
            _ => None,
        });
        let names: Option<Vec<Expr>> = named.collect();
        names.unwrap_or_default().into_iter().map(|name| self.operand(name)).collect()
    }
}

/// A call by a global name that is a built-in's.
fn builtin_call(func: Thunk, global: GlobalCallee, args: Vec<Operand>, classes: Vec<Operand>, span: Span) -> Thunk {
    by_count!(args, |args, N, _M| {
        let call = PlainCall::<N> { func, args, site: ClassSite::default(), span };
        let known = OnceCell::<Option<Known>>::new();
        let computed = call.args.iter().any(|arg| matches!(arg, Operand::Thunk(_)));
        Box::new(move |vm, frame| {
            if let Some(Some(known)) = known.get()
                && global.is(vm, &frame.function.globals, &known.callee)
            {
                if !computed
                    && known.quick.is_some()
                    && !gc::pending()
                    && let Some(answer) = known.answer(vm, frame, &call.args, &classes)
                {
                    return Ok(answer);
                }
                for class in &classes {
                    if let Operand::Global(class) = class {
                        class.find(vm, frame);
                    }
                }
                return known.call(vm, frame, &call.args, span);
            }
            let result = call.of_builtin(vm, frame, &global);
            if known.get().is_none()
                && let Some(callee) = global.get(vm, &frame.function.globals)
            {
                let _ = known.set(Known::of(vm, callee, N));
            }
            result
        })
    })
}
