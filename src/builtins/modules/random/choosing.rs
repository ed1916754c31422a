//! Random integers, and choices from sequences.

use std::collections::HashSet;

use num_bigint::BigInt;
use num_integer::Integer;

use super::{Source, sign};
use crate::machine::{Vm, ops};
use crate::object::native::{Row, method};
use crate::object::{Result, Value};

pub(super) const METHODS: &[Row] = &[
    method("def randrange(start, stop=None, step=1)", randrange),
    method("def randint(a, b)", randint),
    method("def choice(seq)", choice),
    method("def shuffle(x)", shuffle),
    method("def choices(population, weights=None, *, cum_weights=None, k=1)", choices),
    method("def sample(population, k, *, counts=None)", sample),
];

fn randint(vm: &mut Vm, args: &[Value]) -> Result<Value> {
    if let (Value::Int(a), Value::Int(b)) = (&args[1], &args[2]) {
        if a <= b && b.checked_sub(*a).is_some_and(|width| width < i64::from(u32::MAX)) {
            let source = Source::of(vm, &args[0])?;
            return Ok(Value::Int(a + source.index(vm, (b - a + 1) as usize)? as i64));
        }
    }
    let end = ops::add(vm, &args[2], &Value::Int(1))?;
    randrange(vm, &[args[0].clone(), args[1].clone(), end, Value::Int(1)])
}

fn randrange(vm: &mut Vm, args: &[Value]) -> Result<Value> {
    let [this, start, stop, step] = args else { return Ok(Value::None) };
    let source = Source::of(vm, this)?;
    let first = vm.to_bigint(start)?;
    if stop.is_none() {
        if !matches!(step, Value::Int(1)) {
            return Err(vm.type_error("Missing a non-None stop argument"));
        }
        if sign(&first) > 0 {
            return Ok(Value::int(source.below(vm, &first)?));
        }
        return Err(vm.value_error("empty range for randrange()"));
    }
    let width = vm.to_bigint(stop)? - &first;
    let by = vm.to_bigint(step)?;
    if sign(&by) == 0 {
        return Err(vm.value_error("zero step for randrange()"));
    }
    let one = BigInt::from(1);
    let count = if by == one {
        width
    } else if sign(&by) > 0 {
        Integer::div_floor(&(width + &by - 1), &by)
    } else {
        Integer::div_floor(&(width + &by + 1), &by)
    };
    if sign(&count) <= 0 {
        let (start, stop) = (vm.str(start)?, vm.str(stop)?);
        let mut shown = format!("empty range in randrange({}, {}", start.as_str(), stop.as_str());
        if by != one {
            let step = vm.str(step)?;
            shown.push_str(&format!(", {}", step.as_str()));
        }
        return Err(vm.value_error(shown + ")"));
    }
    let drawn = source.below(vm, &count)?;
    Ok(Value::int(first + by * drawn))
}

fn choice(vm: &mut Vm, args: &[Value]) -> Result<Value> {
    let source = Source::of(vm, &args[0])?;
    let len = vm.len(&args[1])?;
    if len == 0 {
        return Err(vm.index_error("Cannot choose from an empty sequence"));
    }
    let at = source.index(vm, len)?;
    vm.get_item(&args[1], &Value::usize(at))
}

fn shuffle(vm: &mut Vm, args: &[Value]) -> Result<Value> {
    let source = Source::of(vm, &args[0])?;
    let list = &args[1];
    for i in (1..vm.len(list)?).rev() {
        let j = source.index(vm, i + 1)?;
        if let Value::List(items) = list {
            let mut items = items.items.borrow_mut();
            if i < items.len() {
                items.swap(i, j);
            }
            continue;
        }
        let (i, j) = (Value::usize(i), Value::usize(j));
        let (a, b) = (vm.get_item(list, &i)?, vm.get_item(list, &j)?);
        vm.set_item(list, &i, b)?;
        vm.set_item(list, &j, a)?;
    }
    Ok(Value::None)
}

/// The running totals of weights.
fn totals(vm: &mut Vm, weights: &Value) -> Result<Vec<Value>> {
    let mut totals: Vec<Value> = Vec::new();
    for weight in vm.collect(weights)? {
        let next = match totals.last() {
            Some(last) => ops::add(vm, last, &weight)?,
            None => weight,
        };
        totals.push(next);
    }
    Ok(totals)
}

/// Where a number would be inserted, after its equals.
fn bisect(vm: &mut Vm, sorted: &[Value], x: &Value, mut high: usize) -> Result<usize> {
    let mut low = 0;
    while low < high {
        let middle = (low + high) / 2;
        if vm.less(x, &sorted[middle])? {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Ok(low)
}

fn choices(vm: &mut Vm, args: &[Value]) -> Result<Value> {
    let [this, population, weights, given, k] = args else { return Ok(Value::None) };
    let source = Source::of(vm, this)?;
    let count = vm.len(population)?;
    let cumulative = if !given.is_none() {
        if !weights.is_none() {
            return Err(vm.type_error("Cannot specify both weights and cumulative weights"));
        }
        Some(vm.collect(given)?)
    } else if weights.is_none() {
        None
    } else {
        if weights.is_int() {
            let shown = vm.repr(weights)?;
            return Err(
                vm.type_error(format!("The number of choices must be a keyword argument: k={}", shown.as_str()))
            );
        }
        Some(totals(vm, weights)?)
    };
    let k = vm.to_i64(k)?.max(0);
    let mut chosen = Vec::new();
    let Some(cumulative) = cumulative else {
        for _ in 0..k {
            let at = (source.float(vm)? * count as f64).floor();
            chosen.push(vm.get_item(population, &Value::Int(at as i64))?);
            vm.tick()?;
        }
        return Ok(Value::list(chosen));
    };
    if cumulative.len() != count {
        return Err(vm.value_error("The number of weights does not match the population"));
    }
    let Some(last) = cumulative.last() else {
        return Err(vm.index_error("list index out of range"));
    };
    let total = vm.to_f64(last)?;
    if total <= 0.0 {
        return Err(vm.value_error("Total of weights must be greater than zero"));
    }
    if !total.is_finite() {
        return Err(vm.value_error("Total of weights must be finite"));
    }
    for _ in 0..k {
        let x = Value::float(source.float(vm)? * total);
        let at = bisect(vm, &cumulative, &x, count - 1)?;
        chosen.push(vm.get_item(population, &Value::usize(at))?);
        vm.tick()?;
    }
    Ok(Value::list(chosen))
}

fn is_sequence(vm: &mut Vm, value: &Value) -> Result<bool> {
    Ok(match value.unwrapped() {
        Value::List(_) | Value::Tuple(_) | Value::Str(_) | Value::Range(_) | Value::Bytes(_) | Value::ByteArray(_) => {
            true
        }
        Value::Instance(_) => {
            let abc = vm.import_module("collections.abc")?;
            let name = vm.intern("Sequence");
            let sequence = vm.get_attr(&abc, &name)?;
            vm.isinstance(value, &sequence)?
        }
        _ => false,
    })
}

fn sample(vm: &mut Vm, args: &[Value]) -> Result<Value> {
    let [this, population, k, counts] = args else { return Ok(Value::None) };
    if !is_sequence(vm, population)? {
        return Err(vm.type_error("Population must be a sequence.  For dicts or sets, use sorted(d)."));
    }
    let source = Source::of(vm, this)?;
    let count = vm.len(population)?;
    if !counts.is_none() {
        let mut totals = totals(vm, counts)?;
        if totals.len() != count {
            return Err(vm.value_error("The number of counts does not match the population"));
        }
        let total = totals.pop().unwrap_or(Value::Int(0));
        let Some(total) = total.as_int() else {
            return Err(vm.type_error("Counts must be integers"));
        };
        if total < 0 {
            return Err(vm.value_error("Counts must be non-negative"));
        }
        let mut chosen = Vec::new();
        for at in positions(vm, &source, total as usize, k)? {
            let at = bisect(vm, &totals, &Value::usize(at), totals.len())?;
            chosen.push(vm.get_item(population, &Value::usize(at))?);
        }
        return Ok(Value::list(chosen));
    }
    let mut chosen = Vec::new();
    for at in positions(vm, &source, count, k)? {
        chosen.push(vm.get_item(population, &Value::usize(at))?);
    }
    Ok(Value::list(chosen))
}

/// Different positions below a length, in the order they are drawn.
fn positions(vm: &mut Vm, source: &Source, len: usize, k: &Value) -> Result<Vec<usize>> {
    let k = vm.to_i64(k)?;
    let Some(k) = usize::try_from(k).ok().filter(|k| *k <= len) else {
        return Err(vm.value_error("Sample larger than population or is negative"));
    };
    // The size of a set of k numbers; a list of the whole population that is not larger is quicker.
    let mut set_size = 21.0;
    if k > 5 {
        set_size += 4f64.powi((((k * 3) as f64).ln() / 4f64.ln()).ceil() as i32);
    }
    let mut chosen = Vec::with_capacity(k);
    if len as f64 <= set_size {
        let mut pool: Vec<usize> = (0..len).collect();
        for i in 0..k {
            let j = source.index(vm, len - i)?;
            chosen.push(pool[j]);
            pool[j] = pool[len - i - 1];
        }
    } else {
        let mut seen = HashSet::new();
        for _ in 0..k {
            let mut j = source.index(vm, len)?;
            while !seen.insert(j) {
                j = source.index(vm, len)?;
                vm.tick()?;
            }
            chosen.push(j);
        }
    }
    Ok(chosen)
}
