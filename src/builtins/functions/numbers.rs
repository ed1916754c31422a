//! Numbers: `abs`, `round`, `sum`, `min`, `max`, `pow`, and numbers as text.

use std::cmp::Ordering;

use crate::builtins::prelude::*;
use crate::builtins::types::{float::round_float, int::round_int, number};
use crate::machine::ops;
use crate::syntax::ast::{BinOp, CmpOp};
use crate::text::{code_point, int as ints, strops};

pub(super) const FUNCTIONS: &[Row] = &[
    native("abs(x, /)", abs).or_quick(|_, args| match args[0] {
        Value::Int(n) => n.checked_abs().map(Value::Int),
        Value::Float(x) => Some(Value::float(x.get().abs())),
        _ => None,
    }),
    native("bin(number, /)", |vm, args| prefixed(vm, &args[0], 2)),
    native("oct(number, /)", |vm, args| prefixed(vm, &args[0], 8)),
    native("hex(number, /)", |vm, args| prefixed(vm, &args[0], 16)),
    native("chr(i, /)", chr).or_quick(|vm, args| match args[0] {
        Value::Int(n @ 0..128) => vm.ascii_chars.get(*n as usize).cloned().map(Value::Str),
        _ => None,
    }),
    native("ord(c, /)", ord).or_quick(|_, args| match args[0] {
        Value::Str(text) => match text.as_str().as_bytes() {
            [byte] => Some(Value::Int((*byte).into())),
            _ => None,
        },
        _ => None,
    }),
    native("divmod(x, y, /)", |vm, args| vm.divmod(&args[0], &args[1])).or_quick(|_, args| match args {
        [Value::Int(a), Value::Int(b @ 1..)] => {
            Some(Value::tuple([Value::Int(a.div_euclid(*b)), Value::Int(a.rem_euclid(*b))]))
        }
        _ => None,
    }),
    native("pow(base, exp, mod=None)", |vm, args| vm.power(&args[0], &args[1], &args[2])).or_quick(
        |_, args| match args {
            [Value::Int(base), Value::Int(exp @ 0..), Value::Int(modulus @ 1..)] => {
                Some(Value::Int(ints::pow_mod_i64(*base, *exp, *modulus)))
            }
            _ => None,
        },
    ),
    native("round(number, ndigits=None)", round),
    native("sum(iterable, /, start=0)", sum).or_quick(|_, args| match args {
        [Value::List(list)] => sum_of_ints(&list.items.borrow()),
        [Value::Tuple(items)] => sum_of_ints(items),
        _ => None,
    }),
    native("min(*args, key=None, default=<unrepresentable>)", |vm, args| extreme(vm, args, "min", CmpOp::Lt))
        .or_plain(|vm, args| extreme_of(vm, args, "min", CmpOp::Lt))
        .or_quick(|_, args| extreme_at_once(args, Ordering::Less)),
    native("max(*args, key=None, default=<unrepresentable>)", |vm, args| extreme(vm, args, "max", CmpOp::Gt))
        .or_plain(|vm, args| extreme_of(vm, args, "max", CmpOp::Gt))
        .or_quick(|_, args| extreme_at_once(args, Ordering::Greater)),
];

fn abs(vm: &mut Vm, args: &[Value]) -> Result {
    let value = &args[0];
    if let Some(result) = vm.call_script(value, sym::__abs__, &[])? {
        return Ok(result);
    }
    if let Some(size) = number::abs(vm, value.unwrapped())? {
        return Ok(size);
    }
    Err(vm.operand_error(format!("bad operand type for abs(): '{}'", vm.type_name(value)), &[value]))
}

fn prefixed(vm: &mut Vm, value: &Value, radix: u32) -> Result {
    Ok(Value::string(match vm.index(value)? {
        Value::Int(n) => ints::to_prefixed_i64(n, radix),
        n => ints::to_prefixed(&n.as_bigint().unwrap_or_default(), radix),
    }))
}

fn chr(vm: &mut Vm, args: &[Value]) -> Result {
    let n = match vm.index(&args[0])? {
        Value::Int(n) => n,
        _ => -1,
    };
    match strops::chr(n) {
        Ok(c) => Ok(vm.char_value(c)),
        Err(fault) => Err(vm.from_fault(fault)),
    }
}

fn ord(vm: &mut Vm, args: &[Value]) -> Result {
    let len = match args[0].as_str() {
        Some(text) => {
            let mut chars = text.as_str().chars();
            if let (Some(c), None) = (chars.next(), chars.next()) {
                return Ok(Value::Int(i64::from(code_point(c))));
            }
            text.len()
        }
        None => match crate::machine::sequence::bytes_of(&args[0]) {
            Some(bytes) if matches!(args[0].unwrapped(), Value::Bytes(_) | Value::ByteArray(_)) => {
                match bytes.as_slice() {
                    [byte] => return Ok(Value::Int(i64::from(*byte))),
                    _ => bytes.len(),
                }
            }
            _ => {
                let name = vm.type_name(&args[0]);
                let message = format!("ord() expected string of length 1, but {name} found");
                return Err(vm.type_error(message));
            }
        },
    };
    Err(vm.type_error(format!("ord() expected a character, but string of length {len} found")))
}

fn round(vm: &mut Vm, args: &[Value]) -> Result {
    let digits = &args[1];
    match &args[0] {
        Value::Float(x) => return round_float(vm, x.get(), digits),
        Value::Int(_) => return round_int(vm, args[0].clone(), digits),
        _ => {}
    }
    let given = if digits.given().is_some() { std::slice::from_ref(digits) } else { &[] };
    match vm.call_special(&args[0], sym::__round__, given)? {
        Some(result) => Ok(result),
        None => Err(vm.type_error(format!("type {} doesn't define __round__ method", vm.type_name(&args[0])))),
    }
}

/// A sum of floats together with what rounding has lost of it.
struct Compensated {
    high: f64,
    low: f64,
}

impl Compensated {
    fn add(&mut self, x: f64) {
        let sum = self.high + x;
        self.low += if self.high.abs() >= x.abs() { (self.high - sum) + x } else { (x - sum) + self.high };
        self.high = sum;
    }

    fn total(&self) -> f64 {
        if self.low != 0.0 && self.low.is_finite() { self.high + self.low } else { self.high }
    }
}

/// Adds integers as long as there are only those, then floats (and integers among them) without losing what rounding
/// cuts off, then anything.
fn sum(vm: &mut Vm, args: &[Value]) -> Result {
    let [iterable, start] = args else { return Ok(Value::Unbound) };
    let refused = match start.unwrapped() {
        Value::Str(_) => Some("sum() can't sum strings [use ''.join(seq) instead]"),
        Value::Bytes(_) => Some("sum() can't sum bytes [use b''.join(seq) instead]"),
        Value::ByteArray(_) => Some("sum() can't sum bytearray [use b''.join(seq) instead]"),
        _ => None,
    };
    let iterator = vm.iter(iterable)?;
    if let Some(message) = refused {
        return Err(vm.type_error(message));
    }
    let mut sum = Sum::from(start.clone());
    vm.for_each_left(&iterator, |vm, item| sum.add(vm, item).map(|()| true))?;
    Ok(sum.total())
}

/// What `sum` has added up so far: it never goes back to one of the kinds before.
enum Sum {
    Int(i64),
    Float(Compensated),
    Any(Value),
}

impl Sum {
    fn from(value: Value) -> Sum {
        match value {
            Value::Int(n) => Sum::Int(n),
            Value::Float(x) => Sum::Float(Compensated { high: x.get(), low: 0.0 }),
            other => Sum::Any(other),
        }
    }

    fn add(&mut self, vm: &mut Vm, item: Value) -> Result<()> {
        *self = match (&mut *self, item) {
            (Sum::Int(total), item) => {
                let sum = match &item {
                    Value::Int(n) => total.checked_add(*n),
                    Value::Bool(b) => total.checked_add(i64::from(b.get())),
                    _ => None,
                };
                match sum {
                    Some(sum) => Sum::Int(sum),
                    None => Sum::from(ops::add(vm, &Value::Int(*total), &item)?),
                }
            }
            (Sum::Float(sum), Value::Float(x)) => {
                sum.add(x.get());
                return Ok(());
            }
            (Sum::Float(sum), Value::Int(n)) => {
                sum.high += n as f64;
                return Ok(());
            }
            (Sum::Float(sum), Value::Bool(b)) => {
                sum.high += f64::from(u8::from(b.get()));
                return Ok(());
            }
            (Sum::Float(sum), item) => Sum::Any(vm.binary(BinOp::Add, &Value::float(sum.total()), &item)?),
            (Sum::Any(sum), item) => Sum::Any(vm.binary(BinOp::Add, sum, &item)?),
        };
        Ok(())
    }

    fn total(self) -> Value {
        match self {
            Sum::Int(total) => Value::Int(total),
            Sum::Float(sum) => Value::float(sum.total()),
            Sum::Any(value) => value,
        }
    }
}

/// The sum of integers that fits a machine word, of items that are nothing else.
fn sum_of_ints(items: &[Value]) -> Option<Value> {
    let add = |total: i64, item: &Value| match item {
        Value::Int(n) => total.checked_add(*n),
        _ => None,
    };
    items.iter().try_fold(0, add).map(Value::Int)
}

/// The least or greatest of two or three numbers of one kind, or of a list of integers.
fn extreme_at_once(args: &[&Value], wanted: Ordering) -> Option<Value> {
    let better = |best: &Value, item: &Value| match (best, item) {
        (Value::Int(a), Value::Int(b)) => Some(b.cmp(a) == wanted),
        (Value::Float(a), Value::Float(b)) => Some(b.get().partial_cmp(&a.get()) == Some(wanted)),
        _ => None,
    };
    match args {
        [Value::List(list)] => {
            let items = list.items.borrow();
            let (first, rest) = items.split_first()?;
            rest.iter()
                .try_fold(first, |best, item| better(best, item).map(|yes| if yes { item } else { best }))
                .cloned()
        }
        [Value::Set(set)] => {
            let number = |value: &Value| if let Value::Int(n) = value { Some(*n) } else { None };
            let table = set.table.borrow();
            let mut items = table.iter().map(|entry| number(&entry.key));
            let first = items.next()??;
            let found = items.try_fold(first, |best, n| Some(if n?.cmp(&best) == wanted { n? } else { best }));
            found.map(Value::Int)
        }
        [first, rest @ ..] if !rest.is_empty() => rest
            .iter()
            .try_fold(*first, |best, item| better(best, item).map(|yes| if yes { item } else { best }))
            .cloned(),
        _ => None,
    }
}

/// `min(*args)` or `max(*args)`.
fn extreme_of(vm: &mut Vm, args: &[Value], name: &str, op: CmpOp) -> Result {
    let [first, rest @ ..] = args else {
        return extreme(vm, &[Value::tuple([]), Value::None, Value::Unbound], name, op);
    };
    if rest.is_empty() {
        return extreme(vm, &[Value::tuple([first.clone()]), Value::None, Value::Unbound], name, op);
    }
    let mut best = first;
    for item in rest {
        if vm.compare_truth(op, item, best)? {
            best = item;
        }
    }
    Ok(best.clone())
}

fn extreme(vm: &mut Vm, args: &[Value], name: &str, op: CmpOp) -> Result {
    let [values, key, default] = args else { return Ok(Value::Unbound) };
    let given = values.as_tuple().cloned();
    let source = match given.as_deref().map(|items| &**items) {
        None | Some([]) => return Err(vm.type_error(format!("{name} expected at least 1 argument, got 0"))),
        Some([one]) => one.clone(),
        Some(_) => {
            if !default.is_unbound() {
                return Err(
                    vm.type_error(format!("Cannot specify a default for {name}() with multiple positional arguments"))
                );
            }
            values.clone()
        }
    };
    let iterator = vm.iter(&source)?;
    let key = key.given();
    let mut best: Option<(Value, Value)> = None;
    vm.for_each_left(&iterator, |vm, item| {
        let rank = match key {
            Some(key) => vm.call(key, std::slice::from_ref(&item))?,
            None => item.clone(),
        };
        let better = match &best {
            None => true,
            Some((_, best)) => vm.compare_truth(op, &rank, best)?,
        };
        if better {
            best = Some((item, rank));
        }
        Ok(true)
    })?;
    match best {
        Some((item, _)) => Ok(item),
        None if !default.is_unbound() => Ok(default.clone()),
        None => Err(vm.value_error(format!("{name}() iterable argument is empty"))),
    }
}
