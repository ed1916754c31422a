//! The functions of `math` that work on integers of any size.

use num_bigint::BigInt;
use num_integer::Integer;
use num_traits::{One, Signed, ToPrimitive, Zero};

use super::natural;
use crate::builtins::modules::support::items;
use crate::builtins::prelude::*;
use crate::machine::number;

/// The product of a range of integers, by halves so that the factors stay of like size.
fn product(from: u64, to: u64) -> BigInt {
    if to - from < 16 {
        return (from..to).fold(BigInt::one(), |product, n| product * n);
    }
    let middle = from + (to - from) / 2;
    product(from, middle) * product(middle, to)
}

pub(super) fn factorial(vm: &mut Vm, args: &[Value]) -> Result {
    let n = vm.to_bigint(&args[0])?;
    if n.is_negative() {
        return Err(vm.value_error("factorial() not defined for negative values"));
    }
    match n.to_i64() {
        None => Err(vm.overflow_error("factorial() argument should not exceed 9223372036854775807")),
        Some(n) if n > 100_000_000 => Err(vm.memory_error()),
        Some(n) => counted_product(vm, 1, n as u64 + 1),
    }
}

/// [`product`], which takes as much time as one of two halves of it does, a few times.
fn counted_product(vm: &mut Vm, from: u64, to: u64) -> Result {
    let words = (to - from).saturating_mul(to.ilog2().into()) / 64;
    vm.count_work(number::product_work(words).saturating_mul(4))?;
    Ok(Value::int(product(from, to)))
}

/// How many there are, and how many of them are taken.
fn n_and_k(vm: &mut Vm, args: &[Value]) -> Result<(BigInt, BigInt)> {
    let (n, k) = (vm.to_bigint(&args[0])?, vm.to_bigint(&args[1])?);
    for (number, name) in [(&n, 'n'), (&k, 'k')] {
        if number.is_negative() {
            return Err(vm.value_error(format!("{name} must be a non-negative integer")));
        }
    }
    Ok((n, k))
}

pub(super) fn comb(vm: &mut Vm, args: &[Value]) -> Result {
    let (n, k) = n_and_k(vm, args)?;
    if k > n {
        return Ok(Value::Int(0));
    }
    let k = k.clone().min(&n - &k);
    let Some(k) = k.to_u64() else {
        return Err(vm.overflow_error("min(n - k, k) must not exceed 18446744073709551615"));
    };
    let mut result = BigInt::one();
    for at in 0..k {
        result = result * (&n - at) / (at + 1);
        vm.tick()?;
    }
    Ok(Value::int(result))
}

pub(super) fn perm(vm: &mut Vm, args: &[Value]) -> Result {
    if args[1].is_none() {
        return factorial(vm, args);
    }
    let (n, k) = n_and_k(vm, args)?;
    if k > n {
        return Ok(Value::Int(0));
    }
    let Some(k) = k.to_u64() else {
        return Err(vm.overflow_error("k must not exceed 18446744073709551615"));
    };
    if let Some(n) = n.to_u64() {
        return counted_product(vm, n - k + 1, n + 1);
    }
    let mut result = BigInt::one();
    for at in 0..k {
        result *= &n - at;
        vm.tick()?;
    }
    Ok(Value::int(result))
}

/// The same of two small integers; `None` says nothing.
pub(super) fn gcd_at_once(integers: &[&Value]) -> Option<Value> {
    match integers {
        [Value::Int(a), Value::Int(b)] if *a != i64::MIN && *b != i64::MIN => Some(Value::Int(a.gcd(b))),
        _ => None,
    }
}

pub(super) fn gcd(vm: &mut Vm, args: &[Value]) -> Result {
    if let [a, b] = items(&args[0])
        && let Some(found) = gcd_at_once(&[a, b])
    {
        return Ok(found);
    }
    let mut result = BigInt::zero();
    for item in items(&args[0]) {
        result = result.gcd(&vm.to_bigint(item)?);
    }
    Ok(Value::int(result))
}

pub(super) fn lcm(vm: &mut Vm, args: &[Value]) -> Result {
    let mut result = BigInt::one();
    for item in items(&args[0]) {
        result = result.lcm(&vm.to_bigint(item)?);
    }
    Ok(Value::int(result.abs()))
}

pub(super) fn isqrt(vm: &mut Vm, args: &[Value]) -> Result {
    let n = natural(vm, &args[0], "isqrt() argument must be nonnegative")?;
    Ok(Value::int(n.sqrt()))
}
