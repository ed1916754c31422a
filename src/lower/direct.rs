//! Calls that leave parameters to their defaults, name arguments, have more of them than the plain calls take, or go to a
//! function with `*args` or `**kwargs`: like those they move their arguments straight into the callee's locals.

use std::cell::Cell;

use smallvec::SmallVec;

use super::awaiting::await_evaluated;
use super::call::{ClassSite, begin_life, fill, finalize_first, let_go, make, put, straight};
use super::expr::evaluated;
use super::methods::MethodSite;
use super::prelude::*;
use crate::machine::CallSite;
use crate::machine::attr_cache::Method;
use crate::object::class::Maker;
use crate::object::code::Called;

/// More named arguments than this are bound in the general way.
const MOST_NAMED: usize = 8;

/// The place of a named argument that belongs into `**kwargs`.
const NO_SLOT: u8 = u8::MAX;

/// Whether a call with these many arguments by place, object in front included, can fill the locals of a function.
#[inline]
pub(super) fn takes(function: &Function, given: usize) -> bool {
    let params = &function.code.params;
    function.code.direct.get() && (given <= params.positional as usize || params.vararg)
}

/// Calls a function that takes fewer positional arguments than it has parameters; see [`takes`].
#[inline(never)]
pub(super) fn call_with_defaults(
    vm: &mut Vm,
    frame: &mut Frame,
    function: &Rc<Function>,
    object: Option<Value>,
    args: &[Operand],
    span: Span,
) -> Eval {
    if takes_places_only(function) {
        return call_by_place(vm, frame, function, object, args, span, |_, _| {});
    }
    call_named(vm, frame, function, object, None, args, &[], &[], span)
}

/// Whether all parameters may be given by place, and none gathers the rest.
#[inline]
fn takes_places_only(function: &Function) -> bool {
    let params = &function.code.params;
    params.kwonly == 0 && !params.vararg && !params.kwarg
}

/// Calls a function that takes as many arguments or more and gathers none; `computed` hears whether that
/// went well before the call.
#[inline]
fn call_by_place(
    vm: &mut Vm,
    frame: &mut Frame,
    function: &Rc<Function>,
    object: Option<Value>,
    args: &[Operand],
    span: Span,
    computed: impl FnOnce(&Value, bool),
) -> Eval {
    let in_front = usize::from(object.is_some());
    let (given, positional) = (in_front + args.len(), function.code.params.positional as usize);
    straight(vm, frame, function, object.unwrap_or_default(), span, |vm, frame, locals| {
        let filled = fill(vm, frame, &mut locals[in_front..given], args);
        computed(&locals[0], filled.is_ok());
        filled?;
        let defaults = function.defaults.borrow();
        match (defaults.len() + given).checked_sub(positional) {
            Some(first) => {
                for (local, default) in locals[given..positional].iter_mut().zip(&defaults[first..]) {
                    put(local, default.clone());
                }
                Ok(())
            }
            None => {
                drop(defaults);
                Ok(vm.fill_defaults(function, locals, given)?)
            }
        }
    })
}

/// Calls the `__init__` of an instance that was just made, without names.
pub(super) fn initialize(
    vm: &mut Vm,
    frame: &mut Frame,
    init: &Rc<Function>,
    object: Value,
    args: &[Operand],
    span: Span,
) -> Eval {
    if takes_places_only(init) {
        return call_by_place(vm, frame, init, Some(object), args, span, begin_life);
    }
    call_named(vm, frame, init, Some(object), Some(New { counts_twice: false }), args, &[], &[], span)
}

/// The call is of a constructor.
#[derive(Clone, Copy)]
struct New {
    counts_twice: bool,
}

#[expect(clippy::too_many_arguments, reason = "a call with all its parts")]
#[inline]
fn call_named(
    vm: &mut Vm,
    frame: &mut Frame,
    function: &Rc<Function>,
    object: Option<Value>,
    new: Option<New>,
    args: &[Operand],
    named: &[(Rc<Str>, Operand)],
    slots: &[u8],
    span: Span,
) -> Eval {
    let params = &function.code.params;
    let positional = params.positional as usize;
    // What has no place among the parameters goes into the tuple of the rest.
    let (first, first_of_rest) = if positional > 0 { (object, None) } else { (None, object) };
    let in_front = usize::from(first.is_some());
    let (by_place, others) = args.split_at(args.len().min(positional - in_front));
    let mut entered = false;
    let result = straight(vm, frame, function, first.unwrap_or_default(), span, |vm, frame, locals| {
        let mut rest = SmallVec::<[Value; 2]>::new();
        if params.vararg {
            rest.reserve_exact(others.len() + usize::from(first_of_rest.is_some()));
        }
        rest.extend(first_of_rest);
        let other_names = params.kwarg.then(Dict::new);
        let mut evaluate = || {
            fill(vm, frame, &mut locals[in_front..], by_place)?;
            for arg in others {
                rest.push(arg.value(vm, frame)?);
            }
            for (&slot, (name, arg)) in slots.iter().zip(named) {
                let value = arg.value(vm, frame)?;
                match &other_names {
                    Some(names) if slot == NO_SLOT => drop(names.set_str(name, value)),
                    _ => put(&mut locals[slot as usize], value),
                }
            }
            Ok(())
        };
        let evaluated = evaluate();
        if new.is_some() {
            begin_life(if in_front == 0 { &rest[0] } else { &locals[0] }, evaluated.is_ok());
        }
        if let Err(raised) = evaluated {
            // The last one goes first.
            for (&slot, (name, _)) in slots.iter().zip(named).rev() {
                match &other_names {
                    Some(names) if slot == NO_SLOT => drop(names.remove_str(name)),
                    _ => drop(locals[slot as usize].take()),
                }
            }
            let_go(&mut rest);
            let_go(&mut locals[in_front..in_front + by_place.len()]);
            return Err(raised);
        }
        let mut extra = positional + params.kwonly as usize;
        if params.vararg {
            put(&mut locals[extra], Value::tuple(rest));
            extra += 1;
        }
        if let Some(names) = other_names {
            put(&mut locals[extra], Value::dict(names));
        }
        vm.fill_defaults(function, locals, in_front + by_place.len())?;
        entered = new.is_some_and(|new| new.counts_twice);
        vm.enter_constructor(function, entered);
        Ok(())
    });
    vm.leave_constructor(entered);
    result
}

/// What is called, and with which object in front.
enum Target {
    Function(Thunk),
    Method(Operand, Box<MethodSite>),
}

/// A call without `*` and `**`.
pub(super) struct NamedCall {
    target: Target,
    args: Vec<Operand>,
    named: Vec<(Rc<Str>, Operand)>,
    span: Span,
    class: ClassSite,
    /// The code that was called last, with how many arguments by place, and which of its slots the names stand for.
    known: Cell<Option<(u32, usize, [u8; MOST_NAMED])>>,
}

impl NamedCall {
    /// What is called, and the object in front of its arguments.
    fn callee(&self, vm: &mut Vm, frame: &mut Frame) -> Eval<(Value, Option<Value>)> {
        Ok(match &self.target {
            Target::Function(thunk) => (thunk(vm, frame)?, None),
            Target::Method(object, site) => {
                let mut object = object.value(vm, frame)?;
                if let Some(function) = site.cache.function(&object, &site.name) {
                    (Value::Function(function), Some(object))
                } else {
                    match site.load(vm, frame, &mut object)? {
                        Method::OfClass(callee) | Method::Unbound(callee) => (callee, Some(object)),
                        Method::Bound(callee) => (callee, None),
                    }
                }
            }
        })
    }

    pub(super) fn call(&self, vm: &mut Vm, frame: &mut Frame) -> Eval {
        let (callee, object) = self.callee(vm, frame)?;
        match &callee {
            Value::Function(function) => {
                if let Some(slots) = self.slots(function, usize::from(object.is_some())) {
                    return self.enter(vm, frame, function, object, None, &slots);
                }
            }
            Value::Class(class) => {
                if let Maker::Init(init) = vm.maker(class) {
                    if let Some(slots) = self.slots(&init, 1) {
                        let counts_twice =
                            self.named.is_empty() && self.class.counts_twice(class, &init, self.args.len());
                        let new = Some(New { counts_twice });
                        return make(vm, class, self.span, |vm, object| {
                            self.enter(vm, frame, &init, Some(object), new, &slots)
                        });
                    }
                }
            }
            _ => {}
        }
        self.call_general(vm, frame, &callee, object)
    }

    fn enter(
        &self,
        vm: &mut Vm,
        frame: &mut Frame,
        function: &Rc<Function>,
        object: Option<Value>,
        new: Option<New>,
        slots: &[u8; MOST_NAMED],
    ) -> Eval {
        let in_front = usize::from(object.is_some());
        let given = in_front + self.args.len();
        if new.is_none() && function.code.simple_arity.get() as usize == given + self.named.len() {
            return self.enter_filled(vm, frame, function, object, slots);
        }
        call_named(vm, frame, function, object, new, &self.args, &self.named, slots, self.span)
    }

    /// Enters a function with all its arguments.
    fn enter_filled(
        &self,
        vm: &mut Vm,
        frame: &mut Frame,
        function: &Rc<Function>,
        object: Option<Value>,
        slots: &[u8; MOST_NAMED],
    ) -> Eval {
        let in_front = usize::from(object.is_some());
        straight(vm, frame, function, object.unwrap_or_default(), self.span, |vm, frame, locals| {
            fill(vm, frame, &mut locals[in_front..], &self.args)?;
            for (at, (_, arg)) in self.named.iter().enumerate() {
                match arg.value(vm, frame) {
                    Ok(value) => put(&mut locals[slots[at] as usize], value),
                    Err(raised) => {
                        slots[..at].iter().rev().for_each(|&slot| drop(locals[slot as usize].take()));
                        let_go(&mut locals[in_front..in_front + self.args.len()]);
                        return Err(raised);
                    }
                }
            }
            Ok(())
        })
    }

    /// Which slots of a function the names stand for, if it can be called directly.
    fn slots(&self, function: &Function, in_front: usize) -> Option<[u8; MOST_NAMED]> {
        let given = in_front + self.args.len();
        if !takes(function, given) {
            return None;
        }
        let code = &function.code;
        if let Some((id, by_place, slots)) = self.known.get() {
            if (id, by_place) == (code.id.get(), given) {
                return Some(slots);
            }
        }
        let mut slots = [0; MOST_NAMED];
        let most = (code.params.positional + code.params.kwonly) as usize;
        let first = given.min(code.params.positional as usize).max(code.params.posonly as usize);
        for (slot, (name, _)) in slots.iter_mut().zip(&self.named) {
            let is_name = |variable: &Rc<Str>| crate::object::str::same(variable, name);
            *slot = match code.variables[first..most].iter().position(is_name) {
                Some(at) => u8::try_from(first + at).ok().filter(|&slot| slot != NO_SLOT)?,
                // Unless the parameter of the name has its value already.
                None if code.params.kwarg
                    && !code.variables[code.params.posonly as usize..first].iter().any(is_name) =>
                {
                    NO_SLOT
                }
                None => return None,
            };
        }
        self.known.set(Some((code.id.get(), given, slots)));
        Some(slots)
    }

    /// The same call with its result awaited at once.
    pub(super) fn awaited(&self, vm: &mut Vm, frame: &mut Frame) -> Eval<Called> {
        let (callee, object) = self.callee(vm, frame)?;
        let (args, named) = self.evaluate(vm, frame, object)?;
        await_evaluated(vm, frame, &callee, args, named, self.span)
    }

    fn call_general(&self, vm: &mut Vm, frame: &mut Frame, callee: &Value, object: Option<Value>) -> Eval {
        let (args, named) = self.evaluate(vm, frame, object)?;
        let (span, given) = (self.span, args.len());
        let call = |vm: &mut Vm| call_evaluated(vm, frame, callee, args, named, span);
        match callee {
            Value::Class(class) if self.named.is_empty() => self.class.counting(vm, class, given, call),
            _ => call(vm),
        }
    }

    fn evaluate(&self, vm: &mut Vm, frame: &mut Frame, object: Option<Value>) -> Eval<(Vec<Value>, Vec<Named>)> {
        let count = usize::from(object.is_some()) + self.args.len() + self.named.len();
        let mut all = evaluated(vm, frame, count, |vm, frame, values| {
            values.extend(object.clone());
            for arg in self.args.iter().chain(self.named.iter().map(|(_, arg)| arg)) {
                values.push(arg.value(vm, frame)?);
            }
            Ok(())
        })?;
        drop(object);
        let given = all.split_off(count - self.named.len());
        let named = self.named.iter().map(|(name, _)| name.clone()).zip(given).collect();
        Ok((all, named))
    }
}

/// Calls a value with arguments that belong to the call alone: the callee may let go of them.
pub(super) fn call_evaluated(
    vm: &mut Vm,
    frame: &mut Frame,
    callee: &Value,
    args: Vec<Value>,
    named: Vec<Named>,
    span: Span,
) -> Eval {
    vm.calls.push(CallSite { code: frame.code.id.get(), span });
    finalize_first(vm);
    let result = match (vm.tick(), callee) {
        (Ok(()), Value::Function(function)) if !function.code.replaced.get() => {
            vm.call_binding(function, move |vm, locals| {
                let bound = vm.bind_into(function, &args, &named, locals);
                drop((args, named));
                bound
            })
        }
        (Ok(()), callee) => {
            let result = vm.call_kw(callee, &args, &named).here();
            drop((args, named));
            result
        }
        (Err(e), _) => Err(e.into()),
    };
    if result.is_ok() {
        finalize_first(vm);
    }
    vm.calls.pop();
    result.at(span)
}

impl Lower<'_> {
    /// A call without `*` and `**`, if it has few names enough; gives its parts back otherwise.
    pub(super) fn named_call(
        &mut self,
        func: Expr,
        args: Vec<Arg>,
        span: Span,
    ) -> std::result::Result<NamedCall, (Expr, Vec<Arg>)> {
        let starred = args.iter().any(|arg| matches!(arg, Arg::Star(..) | Arg::DoubleStar(..)));
        if starred || args.iter().filter(|arg| matches!(arg, Arg::Keyword(..))).count() > MOST_NAMED {
            return Err((func, args));
        }
        let func_span = func.span;
        let target = match func.kind {
            ExprKind::Attribute { mut value, attr } => {
                if self.calls_super(&value) {
                    value.span = func_span;
                }
                let (object, site) = self.method_site(*value, attr, span, func_span);
                Target::Method(object, Box::new(site))
            }
            kind => Target::Function(self.expr(Expr { kind, span: func_span, suspends: func.suspends })),
        };
        let span = match &target {
            Target::Method(_, site) => site.span,
            Target::Function(_) => span,
        };
        let (mut positional, mut named) = (Vec::new(), Vec::new());
        for arg in args {
            match arg {
                Arg::Positional(e) | Arg::Star(e, _) | Arg::DoubleStar(e, _) => positional.push(self.operand(e)),
                Arg::Keyword(name, e) => named.push((self.vm.name(name.name).clone(), self.operand(e))),
            }
        }
        Ok(NamedCall { target, args: positional, named, span, class: ClassSite::default(), known: Cell::new(None) })
    }
}
