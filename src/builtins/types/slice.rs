//! `slice`.

use std::rc::Rc;

use num_bigint::BigInt;
use num_traits::{One, Signed, Zero};

use super::special;
use crate::builtins::add_methods;
use crate::machine::Vm;
use crate::machine::attr::read_only;
use crate::object::native::{Row, attribute, method, static_method};
use crate::object::{Result, Slice, Value};

pub fn install(vm: &mut Vm) {
    let class = vm.types.slice.clone();
    for rows in [METHODS, special::COMPARISONS, special::HASH] {
        add_methods(vm, &class, rows);
    }
}

const METHODS: &[Row] = &[
    static_method("__new__(cls, start, stop=<unrepresentable>, step=<unrepresentable>, /)", |_, args| {
        let given = |at: usize| args[at].clone().bound().unwrap_or(Value::None);
        let (start, stop) = if args[2].is_unbound() { (Value::None, given(1)) } else { (given(1), given(2)) };
        Ok(Value::Slice(Rc::new(Slice { start, stop, step: given(3) })))
    }),
    attribute("start", start, read_only),
    attribute("stop", stop, read_only),
    attribute("step", step, read_only),
    method("indices(object, /)", indices),
    method("__repr__()", special::repr),
];

fn this(vm: &mut Vm, value: &Value) -> Result<Rc<Slice>> {
    match value {
        Value::Slice(slice) => Ok(slice.clone()),
        _ => Err(super::wrong_receiver(vm, value)),
    }
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

/// `slice.indices(len)`, in integers of any size.
fn indices(vm: &mut Vm, args: &[Value]) -> Result {
    let slice = this(vm, &args[0])?;
    let len = vm.to_bigint(&args[1])?;
    if len.is_negative() {
        return Err(vm.value_error("length should not be negative"));
    }
    let step = part(vm, &slice.step)?.unwrap_or_else(BigInt::one);
    if step.is_zero() {
        return Err(vm.value_error("slice step cannot be zero"));
    }
    let down = step.is_negative();
    let (lower, upper) = if down { (-BigInt::one(), &len - 1) } else { (BigInt::zero(), len.clone()) };
    let (first, last) = if down { (&upper, &lower) } else { (&lower, &upper) };
    let clamp = |bound: Option<BigInt>, default: &BigInt| match bound {
        None => default.clone(),
        Some(n) if n.is_negative() => (n + &len).max(lower.clone()),
        Some(n) => n.min(upper.clone()),
    };
    let start = clamp(part(vm, &slice.start)?, first);
    let stop = clamp(part(vm, &slice.stop)?, last);
    Ok(Value::tuple([start, stop, step].map(Value::int)))
}

fn part(vm: &mut Vm, value: &Value) -> Result<Option<BigInt>> {
    if value.is_none() {
        return Ok(None);
    }
    match vm.index_opt(value)? {
        Some(index) => Ok(index.as_bigint()),
        None => Err(vm.type_error("slice indices must be integers or None or have an __index__ method")),
    }
}
