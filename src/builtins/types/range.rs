//! `range`.

use num_bigint::BigInt;
use num_traits::{One, Signed, Zero};

use super::special;
use crate::builtins::prelude::*;
use crate::builtins::types::receiver;
use crate::machine::attr::read_only;
use crate::object::Range;

pub fn install(vm: &mut Vm) {
    let class = vm.types.range.clone();
    for rows in [METHODS, special::COMPARISONS, special::CONTAINER, special::HASH] {
        class.add_methods(rows);
    }
}

const METHODS: &[Row] = &[
    static_method("__new__(cls, start, stop=<unrepresentable>, step=<unrepresentable>, /)", new).or_quick(
        |vm, args| {
            let [Value::Class(class), bounds @ ..] = args else { return None };
            let (start, stop, step) = Range::bounds(bounds)?;
            let (start, stop, step) = (Value::Int(start), Value::Int(stop), Value::Int(step));
            Rc::ptr_eq(class, &vm.types.range).then(|| Value::Range(Rc::new(Range { start, stop, step })))
        },
    ),
    attribute("start", start, read_only),
    attribute("stop", stop, read_only),
    attribute("step", step, read_only),
    method("count(value, /)", count),
    of!("index(value, /)", Value::as_range, index),
    method("__iter__()", iter),
    of!("__reversed__()", Value::as_range, reversed),
    method("__bool__()", bool),
];

receiver!(this: Range);

fn new(vm: &mut Vm, args: &[Value]) -> Result {
    let first = vm.index(&args[1])?;
    let (start, stop) = match &args[2] {
        Value::Unbound => (Value::Int(0), first),
        stop => (first, vm.index(stop)?),
    };
    let step = match &args[3] {
        Value::Unbound => Value::Int(1),
        step => vm.index(step)?,
    };
    if matches!(step, Value::Int(0)) {
        return Err(vm.value_error("range() arg 3 must not be zero"));
    }
    Ok(Value::Range(Rc::new(Range { start, stop, step })))
}

fn start(vm: &mut Vm, value: &Value) -> Result {
    Ok(this(vm, value)?.start.clone())
}

fn stop(vm: &mut Vm, value: &Value) -> Result {
    Ok(this(vm, value)?.stop.clone())
}

fn step(vm: &mut Vm, value: &Value) -> Result {
    Ok(this(vm, value)?.step.clone())
}

fn is_exact_int(value: &Value) -> bool {
    matches!(value, Value::Int(_) | Value::Bool(_) | Value::BigInt(_))
}

fn count(vm: &mut Vm, args: &[Value]) -> Result {
    let range = this(vm, &args[0])?;
    if is_exact_int(&args[1]) {
        return Ok(Value::Int(vm.range_position(range, &args[1]).is_some().into()));
    }
    let mut count = 0;
    vm.for_each(&args[0], |vm, item| {
        count += i64::from(vm.eq(&item, &args[1])?);
        Ok(true)
    })?;
    Ok(Value::Int(count))
}

fn index(vm: &mut Vm, range: &Rc<Range>, args: &[Value]) -> Result {
    if is_exact_int(&args[1]) {
        if let Some(at) = vm.range_position(range, &args[1]) {
            return Ok(at);
        }
        let shown = vm.repr(&args[1])?;
        return Err(vm.value_error(format!("{shown} is not in range")));
    }
    let (mut at, mut found) = (0, None);
    vm.for_each(&args[0], |vm, item| {
        if vm.eq(&item, &args[1])? {
            found = Some(at);
        }
        at += 1;
        Ok(found.is_none())
    })?;
    match found {
        Some(at) => Ok(Value::Int(at)),
        None => Err(vm.value_error("sequence.index(x): x not in sequence")),
    }
}

fn bool(vm: &mut Vm, args: &[Value]) -> Result {
    vm.truth(&args[0]).map(Value::bool)
}

fn iter(vm: &mut Vm, args: &[Value]) -> Result {
    let range = this(vm, &args[0])?;
    if let Some((start, stop, step)) = range.steps() {
        return Ok(Value::Iter(Rc::new(Iter::range(start, stop, step))));
    }
    let [start, _, step] = parts(range);
    Ok(big_iter(vm, range, start, step))
}

fn reversed(vm: &mut Vm, range: &Rc<Range>, _: &[Value]) -> Result {
    if let Some((start, stop, step)) = range.small() {
        if let (Iter::Range { remaining, .. }, Some(back)) = (&Iter::range(start, stop, step), step.checked_neg()) {
            // The last number lies in the range, so no step of this leaves the machine word.
            let last = start.wrapping_add(step.wrapping_mul(remaining.get().wrapping_sub(1) as i64));
            let iter = Iter::Range { next: Cell::new(last), remaining: remaining.clone(), step: back };
            return Ok(Value::Iter(Rc::new(iter)));
        }
    }
    let [start, _, step] = parts(range);
    let len = vm.range_len(range).as_bigint().unwrap_or_default();
    Ok(big_iter(vm, range, start + (len - 1) * &step, -step))
}

fn parts(range: &Range) -> [BigInt; 3] {
    [&range.start, &range.stop, &range.step].map(|part| part.as_bigint().unwrap_or_default())
}

fn big_iter(vm: &mut Vm, range: &Range, next: BigInt, step: BigInt) -> Value {
    let left = vm.range_len(range).as_bigint().unwrap_or_else(BigInt::zero);
    Iter::native(&vm.types.longrange_iterator, BigRange { next, step, left })
}

/// The iterator over a range of big numbers.
struct BigRange {
    next: BigInt,
    step: BigInt,
    left: BigInt,
}

impl NativeIter for BigRange {
    fn next(&mut self, _: &mut Vm) -> Result<Option<Value>> {
        if !self.left.is_positive() {
            return Ok(None);
        }
        self.left -= BigInt::one();
        let value = self.next.clone();
        self.next += &self.step;
        Ok(Some(Value::int(value)))
    }

    fn length_hint(&self) -> Option<usize> {
        usize::try_from(&self.left).ok()
    }

    fn parts(&self) -> Option<(Vec<Value>, Option<i64>)> {
        let stop = &self.next + &self.step * &self.left;
        let [start, stop, step] = [self.next.clone(), stop, self.step.clone()].map(Value::int);
        Some((vec![Value::Range(Rc::new(Range { start, stop, step }))], None))
    }

    fn set_state(&mut self, state: &Value) -> bool {
        let Some(at) = state.as_bigint() else { return false };
        let at = at.max(BigInt::zero()).min(self.left.clone());
        self.next += &self.step * &at;
        self.left -= at;
        true
    }
}
