//! Calls. The plain ones move their arguments straight into the callee's locals.

use std::cell::Cell;

use smallvec::SmallVec;

use super::call_native::{call_native_bound, call_native_plain};
use super::direct::{call_evaluated, call_with_defaults, initialize, takes};
use super::name::{GlobalCallee, Place};
use super::prelude::*;
use super::special::SpecialSite;
use crate::machine::CallSite;
use crate::object::class::{Class, Maker};
use crate::object::instance::{Instance, Payload};
use crate::object::{Exception, gc};

/// So many arguments a call may have to be a plain one.
pub(super) const MOST_PLAIN: usize = 5;

/// Makes a closure for just as many arguments as a call has, [`MOST_PLAIN`] at most: `$n` is their number, `$m` that with
/// an object in front.
macro_rules! by_count {
    ($args:expr, |$given:ident, $n:ident, $m:ident| $make:expr) => {{
        let mut args = $args.into_iter();
        match [(); $crate::lower::call::MOST_PLAIN].map(|()| args.next()) {
            [Some(a), Some(b), Some(c), Some(d), Some(e)] => {
                by_count!([a, b, c, d, e], 5, 6, |$given, $n, $m| $make)
            }
            [Some(a), Some(b), Some(c), Some(d), None] => by_count!([a, b, c, d], 4, 5, |$given, $n, $m| $make),
            [Some(a), Some(b), Some(c), None, _] => by_count!([a, b, c], 3, 4, |$given, $n, $m| $make),
            [Some(a), Some(b), None, ..] => by_count!([a, b], 2, 3, |$given, $n, $m| $make),
            [Some(a), None, ..] => by_count!([a], 1, 2, |$given, $n, $m| $make),
            [None, ..] => by_count!([], 0, 1, |$given, $n, $m| $make),
        }
    }};
    ($args:expr, $count:literal, $places:literal, |$given:ident, $n:ident, $m:ident| $make:expr) => {{
        const $n: usize = $count;
        const $m: usize = $places;
        let $given = $args;
        $make
    }};
}
pub(super) use by_count;

/// What died while a call's arguments were evaluated is finalised before the call shows an effect, and what died in the
/// call before anything else does.
#[inline(always)]
pub(super) fn finalize_first(vm: &mut Vm) {
    if gc::pending() {
        vm.run_finalizers(None);
    }
}

/// Calls a value with arguments that are at hand.
#[inline]
pub(super) fn invoke<const N: usize>(
    vm: &mut Vm,
    frame: &mut Frame,
    callee: Value,
    args: [Value; N],
    span: Span,
) -> Eval {
    vm.calls.push(CallSite { code: frame.code.id.get(), span });
    finalize_first(vm);
    let result = match &callee {
        Value::Function(f) if f.code.simple_arity.get() as usize == N => match vm.tick() {
            Ok(()) => vm.call_simple(f, args),
            Err(e) => Err(e.into()),
        },
        Value::Function(f) if f.code.takes_just(N as u32) && !f.code.replaced.get() => vm.call_exact(f, args),
        Value::Native(native) => match vm.check_receiver(native, &args) {
            Ok(()) => vm.call_native(native, &args).here(),
            Err(e) => Err(e.into()),
        },
        Value::Function(f) if !f.code.replaced.get() => vm.call_binding(f, move |vm, locals| {
            let bound = vm.bind_into(f, &args, &[], locals);
            drop(args);
            bound
        }),
        other => {
            let result = vm.call(other, &args).here();
            drop(callee);
            drop(args);
            result
        }
    };
    if result.is_ok() {
        finalize_first(vm);
    }
    vm.calls.pop();
    result.at(span)
}

/// Fills a place that is known to be empty.
#[inline]
pub(super) fn put(place: &mut Value, value: Value) {
    std::mem::forget(std::mem::replace(place, value));
}

/// Evaluates arguments into places that are known to be empty.
#[inline(always)]
pub(super) fn fill(vm: &mut Vm, frame: &mut Frame, places: &mut [Value], args: &[Operand]) -> Eval<()> {
    for (at, (place, arg)) in places.iter_mut().zip(args).enumerate() {
        match arg.value(vm, frame) {
            Ok(value) => put(place, value),
            Err(raised) => {
                let_go(&mut places[..at]);
                return Err(raised);
            }
        }
    }
    Ok(())
}

/// Of arguments that come to nothing the last one goes first.
#[cold]
pub(super) fn let_go(places: &mut [Value]) {
    places.iter_mut().rev().for_each(|place| drop(place.take()));
}

/// The same with an object in front.
#[inline(always)]
pub(super) fn fill_bound(
    vm: &mut Vm,
    frame: &mut Frame,
    places: &mut [Value],
    object: Value,
    args: &[Operand],
) -> Eval<()> {
    let [first, rest @ ..] = places else { return Ok(()) };
    put(first, object);
    fill(vm, frame, rest, args)
}

/// Does something that a frame asks for at a place, so that it is seen among the frames under way.
#[inline]
pub(super) fn noted<T>(vm: &mut Vm, frame: &Frame, span: Span, body: impl FnOnce(&mut Vm) -> Result<T>) -> Eval<T> {
    vm.calls.push(CallSite { code: frame.code.id.get(), span });
    let result = body(vm);
    vm.calls.pop();
    result.at(span)
}

/// The same for an operator, whose place is noted only where script code can answer it.
#[inline]
pub(super) fn noted_for<T>(
    vm: &mut Vm,
    frame: &Frame,
    span: Span,
    operands: &[&Value],
    body: impl FnOnce(&mut Vm) -> Result<T>,
) -> Eval<T> {
    if operands.iter().all(|value| answers_itself(value)) { body(vm).at(span) } else { noted(vm, frame, span, body) }
}

/// Whether no operation on a value is a matter of script code: objects are, and what may hold some.
#[inline]
pub(super) fn answers_itself(value: &Value) -> bool {
    use Value::{BigInt, Bool, Bytes, Complex, Float, Int, None, Str};
    matches!(value, Int(_) | Str(_) | Float(_) | None | Bool(_) | BigInt(_) | Bytes(_) | Complex(_))
}

/// Calls a function whose arguments are evaluated straight into its locals, behind an object if there is one.
#[inline]
pub(super) fn straight(
    vm: &mut Vm,
    frame: &mut Frame,
    function: &Rc<Function>,
    object: Value,
    span: Span,
    fill: impl FnOnce(&mut Vm, &mut Frame, &mut [Value]) -> Eval<()>,
) -> Eval {
    let code = frame.code.id.get();
    let calls = vm.calls.len();
    let enter = |vm: &mut Vm| {
        vm.calls.push(CallSite { code, span });
        finalize_first(vm);
        vm.tick()
    };
    let result = vm.call_filled(function, object, |vm, locals| fill(vm, frame, locals), enter);
    vm.calls.truncate(calls);
    result.at(span)
}

/// Arguments in the order in which they are evaluated: the positional ones first, wherever they stand.
pub(super) fn in_order(mut args: Vec<Arg>) -> Vec<Arg> {
    args.sort_by_key(|arg| matches!(arg, Arg::Keyword(..) | Arg::DoubleStar(..)));
    args
}

/// The place of a call that may be of a class, or of an object that can be called.
#[derive(Default)]
pub(super) struct ClassSite {
    /// The number of the `__init__` that was called there last.
    init: Cell<Option<u32>>,
    method: SpecialSite,
}

impl ClassSite {
    /// Whether a constructor that is called with so many arguments counts twice: it takes just these, and was called here
    /// last.
    pub(super) fn counts_twice(&self, class: &Class, init: &Function, given: usize) -> bool {
        let id = Some(init.code.id.get());
        class.has_dict.get() && init.code.takes_just(given as u32 + 1) && self.init.replace(id) == id
    }

    /// Calls a class whose arguments are at hand.
    pub(super) fn counting(
        &self,
        vm: &mut Vm,
        class: &Rc<Class>,
        given: usize,
        call: impl FnOnce(&mut Vm) -> Eval,
    ) -> Eval {
        let Maker::Init(init) = vm.maker(class) else { return call(vm) };
        let again = self.counts_twice(class, &init, given);
        vm.enter_constructor(&init, again);
        let result = call(vm);
        vm.leave_constructor(again);
        result
    }
}

/// Calls a class that makes its instances in a known way; `None`, and nothing is evaluated, for others.
#[inline]
pub(super) fn call_class<const N: usize>(
    vm: &mut Vm,
    frame: &mut Frame,
    class: &Rc<Class>,
    args: &[Operand; N],
    site: &ClassSite,
    span: Span,
) -> Option<Eval> {
    if let [arg] = &args[..]
        && Rc::ptr_eq(class, &vm.types.type_)
        && let Some(value) = arg.peek(frame)
    {
        return Some(Ok(Value::Class(vm.class_of(value))));
    }
    match vm.maker(class) {
        Maker::Init(init) if init.code.simple_arity.get() as usize == N + 1 => {
            Some(make(vm, class, span, |vm, object| {
                let mut again = false;
                let result = straight(vm, frame, &init, object, span, |vm, frame, locals| {
                    let filled = fill(vm, frame, &mut locals[1..], args);
                    begin_life(&locals[0], filled.is_ok());
                    filled?;
                    again = site.counts_twice(class, &init, N);
                    vm.enter_constructor(&init, again);
                    Ok(())
                });
                vm.leave_constructor(again);
                result
            }))
        }
        Maker::Init(init) if takes(&init, N + 1) => {
            Some(make(vm, class, span, |vm, object| initialize(vm, frame, &init, object, args, span)))
        }
        Maker::Bare if N == 0 => Some(Ok(Instance::create(class, Payload::NONE))),
        Maker::New(new) => Some(call_native_bound(vm, frame, &new, Value::Class(class.clone()), args, span)),
        // Where there are arguments, an instance of a class of a script's must not be there before them.
        Maker::Container(_) if N == 0 => Some(Ok(Vm::empty_container(class))),
        Maker::Container(init) if class.builtin => {
            let empty = Vm::empty_container(class);
            Some(call_native_bound(vm, frame, &init, empty.clone(), args, span).map(|_| empty))
        }
        Maker::Type if N == 1 => Some(args[0].value(vm, frame).map(|value| Value::Class(vm.class_of(&value)))),
        Maker::Exception(init) if init.as_ref().is_none_or(|init| init.code.simple_arity.get() as usize == N + 1) => {
            Some(make_exception(vm, frame, class, init, args, span))
        }
        _ => None,
    }
}

#[inline]
pub(super) fn call_straight<const N: usize>(
    vm: &mut Vm,
    frame: &mut Frame,
    function: &Rc<Function>,
    args: &[Operand; N],
    span: Span,
) -> Eval {
    straight(vm, frame, function, Value::Unbound, span, |vm, frame, locals| fill(vm, frame, locals, args))
}

/// Calls a function with an object in front of its arguments.
#[inline]
pub(super) fn call_bound<const N: usize>(
    vm: &mut Vm,
    frame: &mut Frame,
    function: &Rc<Function>,
    object: Value,
    args: &[Operand; N],
    span: Span,
) -> Eval {
    straight(vm, frame, function, object, span, |vm, frame, locals| fill(vm, frame, &mut locals[1..], args))
}

/// Whether a call with these many arguments by place makes a generator or coroutine of a function and nothing else.
#[inline]
pub(super) fn parks(function: &Function, given: usize) -> bool {
    let code = &function.code;
    code.is_suspendable() && code.takes_just(given as u32) && !code.replaced.get()
}

/// Makes it, with the arguments in the frame that it is parked with.
pub(super) fn call_parked(
    vm: &mut Vm,
    frame: &mut Frame,
    function: &Rc<Function>,
    object: Option<Value>,
    args: &[Operand],
    span: Span,
) -> Eval {
    let slots = function.code.slots as usize;
    let mut locals = Vec::with_capacity(slots);
    locals.extend(object);
    for arg in args {
        locals.push(arg.value(vm, frame)?);
    }
    locals.resize(slots, Value::Unbound);
    vm.may_enter().map_err(|e| e.at(span))?;
    vm.calls.push(CallSite { code: frame.code.id.get(), span });
    finalize_first(vm);
    let made = vm.make_coroutine(function, locals);
    vm.calls.pop();
    Ok(made)
}

/// An instance of a class that makes its instances in the plain way.
#[inline]
pub(super) fn make(vm: &mut Vm, class: &Rc<Class>, span: Span, init: impl FnOnce(&mut Vm, Value) -> Eval) -> Eval {
    let object = Instance::create(class, Payload::NONE);
    let result = init(vm, object.clone())?;
    if !result.is_none() {
        return Err(vm.init_returned(&result).at(span).into());
    }
    Ok(object)
}

/// The arguments of a new instance have been computed, or have failed: CPython makes it only now, or never.
#[inline]
pub(super) fn begin_life(object: &Value, ready: bool) {
    if let Value::Instance(instance) = object
        && instance.class().has_del.get()
    {
        if ready { gc::rejuvenate(object) } else { instance.mark.set_finalized() }
    }
}

/// An exception: its arguments are kept, and `__init__` gets them too.
fn make_exception<const N: usize>(
    vm: &mut Vm,
    frame: &mut Frame,
    class: &Rc<Class>,
    init: Option<Rc<Function>>,
    args: &[Operand; N],
    span: Span,
) -> Eval {
    let mut values = [const { Value::Unbound }; N];
    fill(vm, frame, &mut values, args)?;
    let Some(init) = init else {
        return Ok(Value::Exception(Rc::new(Exception::new(class.clone(), Value::tuple(values)))));
    };
    let object = Value::Exception(Rc::new(Exception::new(class.clone(), Value::tuple(values.clone()))));
    let result = straight(vm, frame, &init, object.clone(), span, |_, _, locals| {
        for (place, value) in locals[1..].iter_mut().zip(values) {
            put(place, value);
        }
        Ok(())
    })?;
    if !result.is_none() {
        return Err(vm.init_returned(&result).at(span).into());
    }
    Ok(object)
}

pub(super) fn call_value<const N: usize>(
    vm: &mut Vm,
    frame: &mut Frame,
    func: &Thunk,
    args: &[Operand; N],
    site: &ClassSite,
    span: Span,
) -> Eval {
    let func = func(vm, frame)?;
    call_known(vm, frame, func, args, site, span)
}

/// Calls a value with arguments still to be evaluated.
pub(super) fn call_known<const N: usize>(
    vm: &mut Vm,
    frame: &mut Frame,
    func: Value,
    args: &[Operand; N],
    site: &ClassSite,
    span: Span,
) -> Eval {
    match &func {
        Value::Function(f) if f.code.simple_arity.get() as usize == N => {
            return call_straight(vm, frame, f, args, span);
        }
        Value::Function(f) if takes(f, N) => return call_with_defaults(vm, frame, f, None, args, span),
        Value::Function(f) if parks(f, N) => return call_parked(vm, frame, f, None, args, span),
        Value::Native(native) if !native.is_method() => return call_native_plain(vm, frame, native, args, span),
        Value::BoundMethod(method) => match &method.func {
            Value::Function(f) if f.code.simple_arity.get() as usize == N + 1 => {
                return call_bound(vm, frame, f, method.this.clone(), args, span);
            }
            Value::Native(native) if native.arity.get().takes(N + 1) && native.row.plain.is_none() => {
                noted(vm, frame, span, |vm| vm.check_receiver(native, std::slice::from_ref(&method.this)))?;
                return call_native_bound(vm, frame, native, method.this.clone(), args, span);
            }
            _ => {}
        },
        Value::Class(class) => {
            if let Some(result) = call_class(vm, frame, class, args, site, span) {
                return result;
            }
        }
        Value::Instance(instance) if !instance.class().builtin => {
            if let Some(f) = site.method.function(vm, instance, &func, sym::__call__, N + 1) {
                return call_bound(vm, frame, &f, func, args, span);
            }
        }
        _ => {}
    }
    let mut values = [const { Value::Unbound }; N];
    fill(vm, frame, &mut values, args)?;
    match func {
        Value::Class(class) => {
            site.counting(vm, &class, N, |vm| invoke(vm, frame, Value::Class(class.clone()), values, span))
        }
        func => invoke(vm, frame, func, values, span),
    }
}

/// The arguments of a call that is not plain.
pub(super) struct Arguments {
    parts: Vec<(Part, Span)>,
    /// Whether the only positional argument is one `*args`.
    pub(super) star_alone: bool,
}

/// The variables that a call passes on, `*args` and `**kwargs`.
struct PassedOn {
    args: Slot,
    kwargs: Option<Slot>,
}

impl PassedOn {
    /// Calls a function that has a parameter for each of them; `None`, and nothing is done, for others.
    fn call(&self, vm: &mut Vm, frame: &mut Frame, function: &Rc<Function>, span: Span) -> Option<Eval> {
        let Value::Tuple(items) = &frame.locals[self.args as usize] else { return None };
        let params = &function.code.params;
        let positional = params.positional as usize;
        if !takes(function, items.len()) || params.vararg || params.kwarg {
            return None;
        }
        let mut named = SmallVec::<[(usize, Value); 4]>::new();
        if let Some(kwargs) = self.kwargs {
            let Value::Dict(dict) = &frame.locals[kwargs as usize] else { return None };
            let first = items.len().max(params.posonly as usize);
            let by_name = function.code.variables.get(first..positional + params.kwonly as usize)?;
            for entry in dict.table.borrow().iter() {
                let Value::Str(name) = &entry.key else { return None };
                let at = by_name.iter().position(|variable| crate::object::str::same(variable, name))?;
                named.push((first + at, entry.value.clone()));
            }
        }
        let items = items.clone();
        Some(straight(vm, frame, function, Value::Unbound, span, |vm, _, locals| {
            for (place, item) in locals.iter_mut().zip(items.iter()) {
                put(place, item.clone());
            }
            let given = items.len() + named.len();
            named.into_iter().for_each(|(at, value)| put(&mut locals[at], value));
            if given == positional && params.kwonly == 0 {
                Ok(())
            } else {
                Ok(vm.fill_defaults(function, locals, items.len())?)
            }
        }))
    }
}

enum Part {
    Positional(Thunk),
    Star(Thunk),
    Keyword(Rc<Str>, Thunk),
    DoubleStar(Thunk),
}

/// Evaluated arguments.
pub(super) type Evaluated = (Vec<Value>, Vec<Named>);

impl Arguments {
    /// Evaluates the arguments; `callee` is named in errors.
    pub(super) fn evaluate(&self, vm: &mut Vm, frame: &mut Frame, callee: &Value, at: Span) -> Eval<Evaluated> {
        let (mut args, mut kwargs) = (Vec::with_capacity(self.parts.len()), Vec::new());
        let result = self.evaluate_into(vm, frame, callee, at, &mut args, &mut kwargs);
        if let Err(raised) = result {
            while kwargs.pop().is_some() {}
            let_go(&mut args);
            return Err(raised);
        }
        Ok((args, kwargs))
    }

    fn evaluate_into(
        &self,
        vm: &mut Vm,
        frame: &mut Frame,
        callee: &Value,
        at: Span,
        args: &mut Vec<Value>,
        kwargs: &mut Vec<Named>,
    ) -> Eval<()> {
        let mut no_names: Vec<Value> = Vec::new();
        // `*args` on its own is iterated when all arguments have been evaluated.
        let mut alone = None;
        for (part, _) in &self.parts {
            match part {
                Part::Positional(thunk) => args.push(thunk(vm, frame)?),
                Part::Star(thunk) => {
                    let value = thunk(vm, frame)?;
                    if self.star_alone {
                        alone = Some(value);
                    } else {
                        self.spread(vm, callee, &value, args).at(at)?;
                    }
                }
                Part::Keyword(name, thunk) => {
                    let value = thunk(vm, frame)?;
                    add_keyword(vm, kwargs, callee, name.clone(), value).at(at)?;
                }
                Part::DoubleStar(thunk) => {
                    let value = thunk(vm, frame)?;
                    let pairs = match value.as_dict() {
                        Some(dict) if matches!(value, Value::Dict(_)) => dict.pairs(),
                        Some(_) => {
                            let dict = Rc::new(Dict::new());
                            vm.dict_update(&dict, &value).at(at)?;
                            dict.pairs()
                        }
                        None => match new_pairs(vm, kwargs, callee, &value) {
                            Err(e) if e.is(&vm.types.AttributeError) => {
                                let (shown, name) = (callee_name(vm, callee), vm.type_name(&value));
                                let message = format!("{shown} argument after ** must be a mapping, not {name}");
                                return Err(vm.type_error(message).at(at).into());
                            }
                            // As CPython has it: whatever is missing counts as given twice.
                            Err(e) if e.is(&vm.types.KeyError) => {
                                let args = e.0.args.borrow().clone();
                                let [key] = args.as_tuple().map_or(&[][..], |args| args) else {
                                    return Err(e.at(at).into());
                                };
                                let key = vm.str(key)?;
                                return Err(twice(vm, callee, key.as_str()).at(at).into());
                            }
                            pairs => pairs.at(at)?,
                        },
                    };
                    for (key, value) in pairs {
                        match key.as_str() {
                            Some(name) => {
                                let name = vm.intern_str(name);
                                add_keyword(vm, kwargs, callee, name, value).at(at)?;
                            }
                            None => {
                                for known in &no_names {
                                    if vm.eq(known, &key)? {
                                        let name = vm.str(&key)?;
                                        return Err(twice(vm, callee, name.as_str()).at(at).into());
                                    }
                                }
                                no_names.push(key);
                            }
                        }
                    }
                }
            }
        }
        if let Some(value) = alone {
            self.spread(vm, callee, &value, args).at(at)?;
        }
        if !no_names.is_empty() {
            // What stands for an operator refuses keywords without a look at them.
            if is_operator(callee) {
                let name = vm.intern("");
                return vm.call_kw(callee, args, &[(name, Value::None)]).map(|_| ()).at(at);
            }
            return Err(vm.type_error("keywords must be strings").at(at).into());
        }
        Ok(())
    }

    /// The items of `*value`.
    fn spread(&self, vm: &mut Vm, callee: &Value, value: &Value, args: &mut Vec<Value>) -> Result<()> {
        if let Value::Tuple(items) = value {
            args.extend_from_slice(items);
            return Ok(());
        }
        let error = match vm.collect(value) {
            Err(e)
                if e.is(&vm.types.TypeError)
                    && e.0.traceback.borrow().is_none()
                    && !vm.has_special(value, sym::__iter__)
                    && vm.iter(value).is_err() =>
            {
                e
            }
            done => return done.map(|items| args.extend(items)),
        };
        drop(error);
        let name = vm.type_name(value);
        let shown = if self.star_alone { callee_name(vm, callee) + " argument" } else { "Value".to_owned() };
        Err(vm.type_error(format!("{shown} after * must be an iterable, not {name}")))
    }
}

/// The items of a mapping that is no dict. CPython looks a key up among the arguments before it asks for the value.
fn new_pairs(vm: &mut Vm, kwargs: &[Named], callee: &Value, mapping: &Value) -> Result<Vec<(Value, Value)>> {
    let mut pairs = Vec::new();
    for key in vm.mapping_keys(mapping)? {
        if let Some(name) = key.as_str()
            && kwargs.iter().any(|(known, _)| crate::object::str::same(known, name))
        {
            return Err(twice(vm, callee, name.as_str()));
        }
        let value = vm.get_item(mapping, &key)?;
        pairs.push((key, value));
    }
    Ok(pairs)
}

fn add_keyword(vm: &mut Vm, kwargs: &mut Vec<Named>, callee: &Value, name: Rc<Str>, value: Value) -> Eval<()> {
    if kwargs.iter().any(|(known, _)| crate::object::str::same(known, &name)) {
        return Err(twice(vm, callee, name.as_str()).into());
    }
    kwargs.push((name, value));
    Ok(())
}

#[cold]
fn twice(vm: &mut Vm, callee: &Value, name: &str) -> Error {
    let shown = callee_name(vm, callee);
    vm.type_error(format!("{shown} got multiple values for keyword argument '{name}'"))
}

/// Whether it is a method of a built-in type that stands for an operator.
fn is_operator(callee: &Value) -> bool {
    let function = if let Value::BoundMethod(bound) = callee { &bound.func } else { callee };
    let Value::Native(native) = function else { return false };
    native.is_wrapper() && !native.looks_written() && !matches!(native.name.as_str(), "__init__" | "__call__")
}

/// A callee as messages about its arguments name it: `__main__.f()`.
fn callee_name(vm: &mut Vm, callee: &Value) -> String {
    let name = match vm.get_attr_opt(callee, sym::__qualname__) {
        Ok(Some(Value::Str(name))) => name.as_str().to_owned(),
        _ => return vm.str(callee).map_or_else(|_| "object".to_owned(), |s| s.as_str().to_owned()),
    };
    match callee {
        Value::Function(function) => {
            if let Some(module) = function.module_in_c() {
                return format!("{module}.{name}()");
            }
        }
        // What is bound to an object of a class in C is named after the object's class, and belongs to no module.
        Value::BoundMethod(bound) => {
            let (owner, method) = name.rsplit_once('.').unwrap_or_default();
            let is_owner = |class: &&Rc<Class>| class.name.borrow().as_str() == owner;
            let class = bound.this.as_class().cloned().unwrap_or_else(|| vm.class_of(&bound.this));
            if class.mro().iter().find(is_owner).is_some_and(|c| c.named_in_full.get() && !c.patchable.get()) {
                return format!("{}.{method}()", class.qualname.borrow());
            }
        }
        _ => {}
    }
    match vm.get_attr_opt(callee, sym::__module__) {
        Ok(Some(Value::Str(module))) if module.as_str() != "builtins" => format!("{module}.{name}()"),
        _ => format!("{name}()"),
    }
}

impl Lower<'_> {
    pub(super) fn arguments(&mut self, args: Vec<Arg>) -> Arguments {
        let positional = args.iter().filter(|arg| matches!(arg, Arg::Positional(_) | Arg::Star(..))).count();
        let parts = args
            .into_iter()
            .map(|arg| match arg {
                Arg::Positional(e) => {
                    let span = e.span;
                    (Part::Positional(self.expr(e)), span)
                }
                Arg::Star(e, span) => (Part::Star(self.expr(e)), span),
                Arg::Keyword(name, e) => {
                    let key = self.vm.name(name.name).clone();
                    (Part::Keyword(key, self.expr(e)), name.span)
                }
                Arg::DoubleStar(e, span) => (Part::DoubleStar(self.expr(e)), span),
            })
            .collect();
        Arguments { parts, star_alone: positional == 1 }
    }

    pub(super) fn call(&mut self, func: Expr, args: Vec<Arg>, span: Span) -> Thunk {
        let mut args = in_order(args);
        if let ExprKind::Name(name) = func.kind {
            match self.frame_builtin(name, args, span) {
                Ok(thunk) => return thunk,
                Err(back) => args = back,
            }
        }
        if self.asks_for_frame(&func, &args) {
            return self.frame_call(func, args, span);
        }
        let plain = args.len() <= MOST_PLAIN && args.iter().all(|arg| matches!(arg, Arg::Positional(_)));
        if !plain {
            return self.general_call(func, args, span);
        }
        if let ExprKind::Attribute { mut value, attr } = func.kind {
            let args = self.operands(args);
            if self.calls_super(&value) {
                value.span = func.span;
            }
            return self.method_call(*value, attr, args, span, func.span);
        }
        let global = self.global_callee(&func);
        self.plain_call(func, global, args, span)
    }

    /// Positional arguments in their order.
    pub(super) fn operands(&mut self, args: Vec<Arg>) -> Vec<Operand> {
        let positional = args.into_iter().filter_map(|arg| match arg {
            Arg::Positional(e) => Some(self.operand(e)),
            _ => None,
        });
        positional.collect()
    }

    /// What is called, if it is a global name.
    pub(super) fn global_callee(&self, func: &Expr) -> Option<GlobalCallee> {
        match func.kind {
            ExprKind::Name(name) if self.place(name) == Place::Global => {
                Some(GlobalCallee::new(self.vm.name(name).clone()))
            }
            _ => None,
        }
    }

    /// Whether a call may be of something that looks at the frame it is called in.
    pub(super) fn has_own_meaning(&self, func: &Expr, args: &[Arg]) -> bool {
        const BUILTINS: [&str; 7] = ["super", "locals", "globals", "vars", "dir", "eval", "exec"];
        let builtin = matches!(&func.kind, ExprKind::Name(name) if BUILTINS.contains(&self.vm.name(*name).as_str()));
        builtin || self.asks_for_frame(func, args)
    }

    /// `sys._getframe()`, `inspect.currentframe()`: what they see of this frame has its variables.
    fn asks_for_frame(&self, func: &Expr, args: &[Arg]) -> bool {
        let name = match &func.kind {
            ExprKind::Attribute { attr, .. } => attr.name,
            ExprKind::Name(name) => *name,
            _ => return false,
        };
        let this = match args {
            [] => true,
            [Arg::Positional(depth)] => matches!(&depth.kind, ExprKind::Constant(Constant::Int(0))),
            _ => false,
        };
        this && ["_getframe", "currentframe"].contains(&&**self.vm.interner.name(name))
    }

    fn frame_call(&mut self, func: Expr, args: Vec<Arg>, span: Span) -> Thunk {
        let call = self.general_call(func, args, span);
        // A module's and a class's are a namespace, and the variables of functions are noted.
        let namespace = self.unit.comps.is_empty() && (self.unit.namespace.is_some() || self.unit.scope.0 == 0);
        if !namespace {
            return call;
        }
        let snapshot = self.locals_snapshot();
        Box::new(move |vm, frame| {
            let found = call(vm, frame)?;
            if let Value::Frame(view) = &found {
                if Rc::ptr_eq(&view.code, frame.code) {
                    let locals = snapshot(vm, frame)?;
                    drop(view.locals.replace(locals));
                }
            }
            Ok(found)
        })
    }

    /// Where a use of an attribute is said to be: in a chain over several lines, from the attribute's name on.
    pub(super) fn attribute_span(&self, span: Span, attribute: Span, name: Span) -> Span {
        if self.source.line(attribute.start) == self.source.line(attribute.end) {
            return span;
        }
        Span { start: name.start, end: span.end }
    }

    fn general_call(&mut self, func: Expr, args: Vec<Arg>, span: Span) -> Thunk {
        let (func, args) = match self.named_call(func, args, span) {
            Ok(call) => return Box::new(move |vm, frame| call.call(vm, frame)),
            Err(parts) => parts,
        };
        let func = self.expr(func);
        let passed_on = self.passed_on(&args);
        let args = self.arguments(args);
        Box::new(move |vm, frame| {
            let func = func(vm, frame)?;
            if let (Some(passed_on), Value::Function(function)) = (&passed_on, &func)
                && let Some(result) = passed_on.call(vm, frame, function, span)
            {
                return result;
            }
            let (args, kwargs) = args.evaluate(vm, frame, &func, span)?;
            call_evaluated(vm, frame, &func, args, kwargs, span)
        })
    }

    /// `*args` or `*args, **kwargs` of variables.
    fn passed_on(&self, args: &[Arg]) -> Option<PassedOn> {
        match args {
            [Arg::Star(e, _)] => Some(PassedOn { args: self.local_slot(e)?, kwargs: None }),
            [Arg::Star(args, _), Arg::DoubleStar(kwargs, _)] => {
                Some(PassedOn { args: self.local_slot(args)?, kwargs: Some(self.local_slot(kwargs)?) })
            }
            _ => None,
        }
    }

    /// Built-in functions that look at the frame they are called in, when called by their own name: `super()`,
    /// `locals()`, `globals()`, `vars()`, `dir()`, `eval()`, `exec()`. Gives the arguments back for other functions.
    fn frame_builtin(&mut self, name: Symbol, args: Vec<Arg>, span: Span) -> std::result::Result<Thunk, Vec<Arg>> {
        if self.place(name) != Place::Global && !matches!(self.place(name), Place::Namespace(_)) {
            return Err(args);
        }
        let text = self.vm.name(name).clone();
        match text.as_str() {
            "super" if args.is_empty() => Ok(self.super_call(name, span)),
            "locals" | "vars" | "dir" | "globals" if args.is_empty() => {
                let load = self.load_name(name, span);
                let original = self.builtin(&text);
                let answer: Thunk = match text.as_str() {
                    "globals" => Box::new(|_, frame| Ok(Value::Dict(frame.function.globals.clone()))),
                    "dir" => {
                        let snapshot = self.locals_snapshot();
                        Box::new(move |vm, frame| {
                            let mut names = match snapshot(vm, frame)? {
                                locals @ Value::Dict(_) => vm.collect(&locals)?,
                                locals => vm.mapping_keys(&locals)?,
                            };
                            vm.sort(&mut names, None, false)?;
                            Ok(Value::list(names))
                        })
                    }
                    _ => self.locals_snapshot(),
                };
                Ok(Box::new(move |vm, frame| {
                    let callee = load(vm, frame)?;
                    if callee.is(&original) { answer(vm, frame) } else { invoke(vm, frame, callee, [], span) }
                }))
            }
            "eval" | "exec" => Ok(self.eval_call(name, args, span)),
            _ => Err(args),
        }
    }

    /// `eval(...)` and `exec(...)` run in the namespaces of their caller unless others are given.
    fn eval_call(&mut self, name: Symbol, args: Vec<Arg>, span: Span) -> Thunk {
        let load = self.load_name(name, span);
        let text = self.vm.name(name).clone();
        let original = self.builtin(&text);
        let args = self.arguments(args);
        let snapshot = self.locals_snapshot();
        let at_module = self.at_module();
        Box::new(move |vm, frame| {
            let callee = load(vm, frame)?;
            let (mut args, mut kwargs) = args.evaluate(vm, frame, &callee, span)?;
            if callee.is(&original) && matches!(args.len(), 1..=3) {
                for (at, name) in [(1, "globals"), (2, "locals")] {
                    if args.len() == at {
                        let named = kwargs.iter().position(|(key, _)| key.as_str() == name);
                        args.push(named.map_or(Value::None, |named| kwargs.remove(named).1));
                    }
                }
                if args[1].is_none() {
                    args[1] = Value::Dict(frame.function.globals.clone());
                    if args[2].is_none() && !at_module {
                        args[2] = snapshot(vm, frame)?;
                    }
                }
            }
            noted(vm, frame, span, |vm| {
                finalize_first(vm);
                vm.call_kw(&callee, &args, &kwargs)
            })
        })
    }

    fn builtin(&self, name: &Rc<Str>) -> Value {
        self.vm.builtins.get_str(name).unwrap_or_default()
    }

    /// Whether the variables are a module's namespace.
    fn at_module(&self) -> bool {
        self.unit.namespace.is_none() && self.unit.comps.is_empty() && self.unit.kind == CodeKind::Module
    }

    /// The variables of the comprehensions around, and their slots.
    fn comp_variables(&self) -> Vec<(Rc<Str>, usize)> {
        let slots = self.unit.comps.iter().flat_map(|(_, names)| names.iter());
        slots.map(|(&name, &slot)| (self.vm.name(name).clone(), slot as usize)).collect()
    }

    /// `locals()`: the variables that are bound, as a dict; a module's or class's own namespace, but inside a
    /// comprehension of it the variables of that.
    pub(super) fn locals_snapshot(&mut self) -> Thunk {
        let comps = self.comp_variables();
        if let Some(slot) = self.unit.namespace.filter(|_| comps.is_empty()) {
            return Box::new(move |_, frame| Ok(frame.locals[slot as usize].clone()));
        }
        if self.at_module() {
            return Box::new(move |_, frame| Ok(Value::Dict(frame.function.globals.clone())));
        }
        let view = self.unit.view;
        Box::new(move |vm, frame| {
            let dict = Rc::new(Dict::new());
            let (code, params) = (&frame.code, &frame.code.params);
            let own = code.variables.iter().enumerate().map(|(slot, name)| (name, slot));
            // What functions inside capture comes after the rest, by name, but for the parameters.
            let all =
                (params.positional + params.kwonly) as usize + usize::from(params.vararg) + usize::from(params.kwarg);
            let last = |slot: usize| slot >= all && code.view.is_none() && code.cells.contains(&(slot as u32));
            let (mut captured, plain): (Vec<_>, Vec<_>) = own.partition(|(_, slot)| last(*slot));
            captured.sort_by(|a, b| a.0.as_str().cmp(b.0.as_str()));
            for (name, slot) in plain.into_iter().chain(captured).chain(comps.iter().map(|(name, slot)| (name, *slot)))
            {
                let value = match frame.locals.get(slot) {
                    Some(Value::Cell(cell)) => cell.get(),
                    Some(value) => value.clone(),
                    None => Value::Unbound,
                };
                if !value.is_unbound() {
                    dict.set_str(name, value);
                }
            }
            for (name, cell) in frame.code.free.iter().zip(frame.function.closure.iter()) {
                let value = cell.get();
                if !value.is_unbound() {
                    dict.set_str(name, value);
                }
            }
            // What a script put there beside, by `f_locals`.
            if let Some(Value::Frame(view)) = view.and_then(|slot| frame.locals.get(slot as usize)) {
                for (key, value) in view.extra.get().map(|extra| extra.pairs()).unwrap_or_default() {
                    vm.dict_set(&dict, key, value)?;
                }
            }
            Ok(Value::Dict(dict))
        })
    }
}
