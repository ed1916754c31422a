//! Calls of built-ins: asked at once where nothing can go wrong, with arguments that are variables or constants looked at
//! where they are; else called with an array that has room for their defaults.

use super::call::{fill, fill_bound, finalize_first, put};
use super::prelude::*;
use crate::machine::CallSite;
use crate::object::native::{NativeFunction, PLACES, Quick};

/// What a native says at once to arguments that are at hand: variables, constants, attributes of variables.
#[inline(always)]
pub(super) fn peek_and_answer<const N: usize>(
    vm: &Vm,
    frame: &Frame,
    quick: Quick,
    args: [&Operand; N],
) -> Option<Value> {
    let mut peeked = [const { &Value::Unbound }; N];
    let mut in_place = true;
    for (peeked, arg) in peeked.iter_mut().zip(args) {
        match arg.peek(frame) {
            Some(value) => *peeked = value,
            None if matches!(arg, Operand::Global(_) | Operand::Attribute(_)) => in_place = false,
            None => return None,
        }
    }
    if in_place {
        return quick(vm, &peeked);
    }
    let mut taken = [const { Value::Unbound }; N];
    for (taken, arg) in taken.iter_mut().zip(args) {
        match arg {
            Operand::Global(name) => put(taken, name.at_hand(vm, frame)?),
            Operand::Attribute(attribute) => put(taken, attribute.at_hand(frame)?),
            _ => {}
        }
    }
    for ((peeked, arg), taken) in peeked.iter_mut().zip(args).zip(&taken) {
        if let Operand::Global(_) | Operand::Attribute(_) = arg {
            *peeked = taken;
        }
    }
    let answer = quick(vm, &peeked);
    taken.into_iter().for_each(Value::discard);
    answer
}

/// Calls a native that is no method.
#[inline]
pub(super) fn call_native_plain<const N: usize>(
    vm: &mut Vm,
    frame: &mut Frame,
    native: &Rc<NativeFunction>,
    args: &[Operand; N],
    span: Span,
) -> Eval {
    let answer = native.quick(N).and_then(|quick| peek_and_answer(vm, frame, quick, args.each_ref()));
    if let Some(answer) = answer {
        return Ok(answer);
    }
    call_native_unbound(vm, frame, native, args, span)
}

/// The same where it has no answer to arguments as they are.
#[inline]
pub(super) fn call_native_unbound(
    vm: &mut Vm,
    frame: &mut Frame,
    native: &Rc<NativeFunction>,
    args: &[Operand],
    span: Span,
) -> Eval {
    call_native(vm, frame, native, args.len(), span, |vm, frame, places| fill(vm, frame, places, args))
}

/// Calls a native that needs no look at its receiver, with so many arguments.
#[inline]
fn call_native(
    vm: &mut Vm,
    frame: &mut Frame,
    native: &Rc<NativeFunction>,
    given: usize,
    span: Span,
    fill: impl FnOnce(&mut Vm, &mut Frame, &mut [Value]) -> Eval<()>,
) -> Eval {
    let mut places = [const { Value::Unbound }; PLACES];
    let result = fill(vm, frame, &mut places).and_then(|()| {
        match native.quick(given).and_then(|quick| quick(vm, &places.each_ref()[..given])) {
            Some(answer) => Ok(answer),
            None => call_filled(vm, frame, native, &mut places, given, span),
        }
    });
    for place in &mut places {
        if place.is_heap() {
            drop(place.take());
        }
    }
    std::mem::forget(places);
    if result.is_ok() {
        vm.finalize_at(frame.code, span);
    }
    result
}

#[inline(never)]
fn call_filled(
    vm: &mut Vm,
    frame: &mut Frame,
    native: &Rc<NativeFunction>,
    places: &mut [Value; PLACES],
    given: usize,
    span: Span,
) -> Eval {
    vm.calls.push(CallSite { code: frame.code.id.get(), span });
    finalize_first(vm);
    let result = vm.call_native_in(native, places, given);
    vm.calls.pop();
    result.at(span)
}

/// Calls a native with an object, or a class, in front of the arguments, of which there are few: it has [`PLACES`].
#[inline]
pub(super) fn call_native_bound(
    vm: &mut Vm,
    frame: &mut Frame,
    native: &Rc<NativeFunction>,
    object: Value,
    args: &[Operand],
    span: Span,
) -> Eval {
    let given = args.len() + 1;
    call_native(vm, frame, native, given, span, |vm, frame, places| fill_bound(vm, frame, places, object, args))
}

const _: () = assert!(super::call::MOST_PLAIN < PLACES);
