//! The module `math`.

mod integer;
mod special;

use num_bigint::BigInt;
use num_traits::{Signed, ToPrimitive};

use super::set_all;
use super::support::items;
use crate::builtins::prelude::*;
use crate::symbol::Symbol;
use special::ExactSum;

macro_rules! real {
    ($signature:literal, $function:expr) => {
        native($signature, |vm, args| real(vm, &args[0], $function)).or_quick(|_, args| {
            let function: fn(f64) -> Option<f64> = $function;
            finite(args, |[x]| function(x))
        })
    };
}

pub(super) const FUNCTIONS: &[Row] = &[
    real!("acos(x, /)", |x| Some(x.acos())),
    real!("acosh(x, /)", |x| if x < 1.0 { None } else { Some(special::acosh(x)) }),
    real!("asin(x, /)", |x| Some(x.asin())),
    real!("asinh(x, /)", |x| Some(special::asinh(x))),
    real!("atan(x, /)", |x| Some(x.atan())),
    real!("atanh(x, /)", |x| if x.abs() >= 1.0 { None } else { Some(special::atanh(x)) }),
    real!("cbrt(x, /)", |x| Some(x.cbrt())),
    real!("cos(x, /)", |x| Some(x.cos())),
    real!("cosh(x, /)", |x| Some(x.cosh())),
    native("degrees(x, /)", |vm, args| Ok(Value::float(degrees(vm.to_f64(&args[0])?))))
        .or_quick(|_, args| finite(args, |[x]| Some(degrees(x)))),
    real!("erf(x, /)", |x| Some(libm::erf(x))),
    real!("erfc(x, /)", |x| Some(libm::erfc(x))),
    real!("exp(x, /)", |x| Some(x.exp())),
    real!("exp2(x, /)", |x| Some(x.exp2())),
    real!("expm1(x, /)", |x| Some(x.exp_m1())),
    real!("fabs(x, /)", |x| Some(x.abs())),
    real!("gamma(x, /)", special::gamma),
    real!("lgamma(x, /)", special::lgamma),
    real!("log1p(x, /)", |x| if x <= -1.0 { None } else { Some(x.ln_1p()) }),
    real!("radians(x, /)", |x| Some(x * (std::f64::consts::PI / 180.0))),
    real!("sin(x, /)", |x| Some(x.sin())),
    real!("sinh(x, /)", |x| Some(x.sinh())),
    real!("sqrt(x, /)", |x| Some(x.sqrt())),
    real!("tan(x, /)", |x| Some(x.tan())),
    real!("tanh(x, /)", |x| Some(x.tanh())),
    native("atan2(y, x, /)", |vm, args| {
        let (y, x) = two(vm, args)?;
        Ok(Value::float(y.atan2(x)))
    })
    .or_quick(|_, args| finite(args, |[y, x]| Some(y.atan2(x)))),
    native("copysign(x, y, /)", |vm, args| {
        let (x, y) = two(vm, args)?;
        Ok(Value::float(x.copysign(y)))
    })
    .or_quick(|_, args| finite(args, |[x, y]| Some(x.copysign(y)))),
    native("fmod(x, y, /)", |vm, args| {
        let (x, y) = two(vm, args)?;
        if (x.is_infinite() && !y.is_nan()) || (y == 0.0 && !x.is_nan()) {
            return Err(domain(vm));
        }
        Ok(Value::float(if y.is_infinite() && x.is_finite() { x } else { x % y }))
    })
    .or_quick(|_, args| finite(args, |[x, y]| Some(x % y))),
    native("remainder(x, y, /)", |vm, args| {
        let (x, y) = two(vm, args)?;
        if x.is_nan() || y.is_nan() {
            return Ok(Value::float(x + y));
        }
        if x.is_infinite() || y == 0.0 {
            return Err(domain(vm));
        }
        Ok(Value::float(if y.is_infinite() { x } else { libm::remainder(x, y) }))
    }),
    native("pow(x, y, /)", |vm, args| {
        let (x, y) = two(vm, args)?;
        let result = x.powf(y);
        if x.is_finite() && y.is_finite() {
            if result.is_nan() || (result.is_infinite() && x == 0.0) {
                return Err(domain(vm));
            }
            if result.is_infinite() {
                return Err(range(vm));
            }
        }
        Ok(Value::float(result))
    })
    .or_quick(|_, args| finite(args, |[x, y]| Some(x.powf(y)))),
    native("fma(x, y, z, /)", |vm, args| {
        let (x, y) = two(vm, args)?;
        let z = vm.to_f64(&args[2])?;
        let result = x.mul_add(y, z);
        if result.is_nan() && !x.is_nan() && !y.is_nan() && !z.is_nan() {
            return Err(vm.value_error("invalid operation in fma"));
        }
        if result.is_infinite() && x.is_finite() && y.is_finite() && z.is_finite() {
            return Err(vm.overflow_error("overflow in fma"));
        }
        Ok(Value::float(result))
    }),
    native("log(x, base=<unrepresentable>, /)", |vm, args| {
        let x = logarithm(vm, &args[0], f64::ln)?;
        if args[1].is_unbound() {
            return Ok(Value::float(x));
        }
        let base = logarithm(vm, &args[1], f64::ln)?;
        if base == 0.0 {
            return Err(vm.zero_division("float division by zero"));
        }
        Ok(Value::float(x / base))
    })
    .or_quick(|_, args| match args {
        [_] => finite(args, |[x]| Some(x.ln())),
        _ => finite(args, |[x, base]| (base > 0.0).then(|| x.ln() / base.ln())),
    }),
    native("log2(x, /)", |vm, args| Ok(Value::float(logarithm(vm, &args[0], f64::log2)?)))
        .or_quick(|_, args| finite(args, |[x]| Some(x.log2()))),
    native("log10(x, /)", |vm, args| Ok(Value::float(logarithm(vm, &args[0], f64::log10)?)))
        .or_quick(|_, args| finite(args, |[x]| Some(x.log10()))),
    native("ceil(x, /)", |vm, args| rounded(vm, &args[0], sym::__ceil__, f64::ceil))
        .or_quick(|_, args| small(args, f64::ceil)),
    native("floor(x, /)", |vm, args| rounded(vm, &args[0], sym::__floor__, f64::floor))
        .or_quick(|_, args| small(args, f64::floor)),
    native("trunc(x, /)", trunc).or_quick(|_, args| small(args, f64::trunc)),
    native("isfinite(x, /)", |vm, args| Ok(Value::bool(vm.to_f64(&args[0])?.is_finite()))),
    native("isinf(x, /)", |vm, args| Ok(Value::bool(vm.to_f64(&args[0])?.is_infinite()))),
    native("isnan(x, /)", |vm, args| Ok(Value::bool(vm.to_f64(&args[0])?.is_nan()))),
    native("isclose(a, b, *, rel_tol=1e-09, abs_tol=0.0)", isclose),
    native("frexp(x, /)", |vm, args| {
        let (mantissa, exponent) = libm::frexp(vm.to_f64(&args[0])?);
        Ok(Value::tuple([Value::float(mantissa), Value::Int(exponent.into())]))
    }),
    native("ldexp(x, i, /)", ldexp),
    native("modf(x, /)", |vm, args| {
        let x = vm.to_f64(&args[0])?;
        let (fraction, whole) =
            if x.is_infinite() { (0.0_f64.copysign(x), x) } else { (x.fract().copysign(x), x.trunc()) };
        Ok(Value::tuple([Value::float(fraction), Value::float(whole)]))
    }),
    native("nextafter(x, y, /, *, steps=None)", |vm, args| {
        let (x, y) = two(vm, args)?;
        let steps = match &args[2] {
            Value::None => 1,
            given => {
                let n = vm.to_bigint(given)?;
                if n.is_negative() {
                    return Err(vm.value_error("steps must be a non-negative integer"));
                }
                n.to_u64().unwrap_or(u64::MAX)
            }
        };
        Ok(Value::float(special::next_after(x, y, steps)))
    }),
    native("ulp(x, /)", |vm, args| {
        let x = vm.to_f64(&args[0])?.abs();
        if !x.is_finite() {
            return Ok(Value::float(x));
        }
        let next = special::next_after(x, f64::INFINITY, 1);
        Ok(Value::float(if next.is_infinite() { x - special::next_after(x, 0.0, 1) } else { next - x }))
    }),
    native("hypot(*coordinates)", |vm, args| hypot(vm, items(&args[0])))
        .or_plain(hypot)
        .or_quick(|_, args| finite(args, |[x, y]| Some(special::norm(&[x, y])))),
    native("dist(p, q, /)", dist),
    native("fsum(seq, /)", fsum),
    native("prod(iterable, /, *, start=1)", |vm, args| {
        let mut product = args[1].clone();
        vm.for_each(&args[0], |vm, item| {
            product = crate::machine::ops::mul(vm, &product, &item)?;
            Ok(true)
        })?;
        Ok(product)
    }),
    native("sumprod(p, q, /)", sumprod),
    native("factorial(n, /)", integer::factorial),
    native("comb(n, k, /)", integer::comb),
    native("perm(n, k=None, /)", integer::perm),
    native("gcd(*integers)", integer::gcd).or_quick(|_, args| integer::gcd_at_once(args)),
    native("lcm(*integers)", integer::lcm),
    native("isqrt(n, /)", integer::isqrt),
];

pub(super) fn setup(vm: &mut Vm, module: &Rc<Module>) -> Result<()> {
    set_all(
        vm,
        &module.dict,
        [
            ("pi", Value::float(std::f64::consts::PI)),
            ("e", Value::float(std::f64::consts::E)),
            ("tau", Value::float(std::f64::consts::TAU)),
            ("inf", Value::float(f64::INFINITY)),
            ("nan", Value::float(f64::NAN)),
        ],
    );
    Ok(())
}

#[cold]
fn domain(vm: &mut Vm) -> Error {
    vm.value_error("math domain error")
}

#[cold]
fn range(vm: &mut Vm) -> Error {
    vm.overflow_error("math range error")
}

fn two(vm: &mut Vm, args: &[Value]) -> Result<(f64, f64)> {
    Ok((vm.to_f64(&args[0])?, vm.to_f64(&args[1])?))
}

/// What a function says of so many numbers, where that is finite.
#[inline]
fn finite<const N: usize>(args: &[&Value], function: impl FnOnce([f64; N]) -> Option<f64>) -> Option<Value> {
    let mut numbers = [0.0; N];
    if args.len() != N {
        return None;
    }
    for (number, arg) in numbers.iter_mut().zip(args) {
        *number = match arg {
            Value::Float(x) => x.get(),
            Value::Int(n) => *n as f64,
            _ => return None,
        };
    }
    function(numbers).filter(|y| y.is_finite()).map(Value::float)
}

/// A rounded number that is a small integer.
fn small(args: &[&Value], round: fn(f64) -> f64) -> Option<Value> {
    match args {
        [Value::Float(x)] if x.get().abs() < 9e18 => Some(Value::Int(round(x.get()) as i64)),
        [Value::Int(n)] => Some(Value::Int(*n)),
        _ => None,
    }
}

fn degrees(x: f64) -> f64 {
    x * (180.0 / std::f64::consts::PI)
}

fn hypot(vm: &mut Vm, coordinates: &[Value]) -> Result {
    let parts = coordinates.iter().map(|x| vm.to_f64(x)).collect::<Result<Vec<f64>>>()?;
    Ok(Value::float(special::norm(&parts)))
}

/// A function of one real argument; `None` and a NaN made of a number are domain errors, an infinity made of a finite
/// number is a range error.
fn real(vm: &mut Vm, value: &Value, function: fn(f64) -> Option<f64>) -> Result {
    let x = match value {
        Value::Float(x) => x.get(),
        other => vm.to_f64(other)?,
    };
    if x.is_nan() {
        return Ok(Value::float(x));
    }
    match function(x) {
        Some(y) if y.is_finite() => Ok(Value::float(y)),
        Some(y) if y.is_nan() => Err(domain(vm)),
        Some(_) if x.is_finite() => Err(range(vm)),
        Some(y) => Ok(Value::float(y)),
        None => Err(domain(vm)),
    }
}

/// A logarithm; integers may be larger than any float.
fn logarithm(vm: &mut Vm, value: &Value, log: fn(f64) -> f64) -> Result<f64> {
    if let Value::BigInt(n) = value.unwrapped() {
        if !n.is_positive() {
            return Err(domain(vm));
        }
        return Ok(match n.to_f64().filter(|x| x.is_finite()) {
            Some(x) => log(x),
            None => {
                let shift = n.bits().saturating_sub(64);
                let top = (&**n >> shift).to_f64().unwrap_or(f64::MAX);
                let (mantissa, exponent) = libm::frexp(top);
                log(mantissa) + log(2.0) * (exponent as f64 + shift as f64)
            }
        });
    }
    let x = vm.to_f64(value)?;
    if x.is_nan() {
        return Ok(x);
    }
    if x > 0.0 { Ok(log(x)) } else { Err(domain(vm)) }
}

fn rounded(vm: &mut Vm, value: &Value, name: Symbol, round: fn(f64) -> f64) -> Result {
    match value {
        Value::Int(_) | Value::BigInt(_) => return Ok(value.clone()),
        Value::Float(x) => return whole(vm, round(x.get())),
        _ => {}
    }
    if let Some(result) = vm.call_special(value, name, &[])? {
        return Ok(result);
    }
    let x = vm.to_f64(value)?;
    whole(vm, round(x))
}

/// A whole float as an integer.
fn whole(vm: &mut Vm, x: f64) -> Result {
    if x.abs() < 9e18 {
        return Ok(Value::Int(x as i64));
    }
    if x.is_nan() {
        return Err(vm.value_error("cannot convert float NaN to integer"));
    }
    match num_traits::FromPrimitive::from_f64(x) {
        Some(n) => Ok(Value::int(n)),
        None => Err(vm.overflow_error("cannot convert float infinity to integer")),
    }
}

fn trunc(vm: &mut Vm, args: &[Value]) -> Result {
    match &args[0] {
        Value::Int(_) | Value::BigInt(_) => return Ok(args[0].clone()),
        Value::Float(x) => return whole(vm, x.get().trunc()),
        _ => {}
    }
    match vm.call_special(&args[0], sym::__trunc__, &[])? {
        Some(result) => Ok(result),
        None => Err(vm.type_error(format!("type {} doesn't define __trunc__ method", vm.type_name(&args[0])))),
    }
}

fn isclose(vm: &mut Vm, args: &[Value]) -> Result {
    let (a, b) = two(vm, args)?;
    let (relative, absolute) = (vm.to_f64(&args[2])?, vm.to_f64(&args[3])?);
    if relative < 0.0 || absolute < 0.0 {
        return Err(vm.value_error("tolerances must be non-negative"));
    }
    if a == b {
        return Ok(Value::bool(true));
    }
    if a.is_infinite() || b.is_infinite() {
        return Ok(Value::bool(false));
    }
    let difference = (b - a).abs();
    let close = difference <= (relative * b).abs() || difference <= (relative * a).abs() || difference <= absolute;
    Ok(Value::bool(close))
}

fn ldexp(vm: &mut Vm, args: &[Value]) -> Result {
    let x = vm.to_f64(&args[0])?;
    if !args[1].is_int() {
        return Err(vm.type_error("Expected an int as second argument to ldexp."));
    }
    let exponent = match args[1].as_int() {
        Some(n) => n,
        None if args[1].as_bigint().is_some_and(|n| n.is_negative()) => i64::MIN / 2,
        None => i64::MAX / 2,
    };
    let result = libm::ldexp(x, exponent.clamp(-3000, 3000) as i32);
    if result.is_infinite() && x.is_finite() { Err(range(vm)) } else { Ok(Value::float(result)) }
}

fn dist(vm: &mut Vm, args: &[Value]) -> Result {
    let (p, q) = (vm.collect(&args[0])?, vm.collect(&args[1])?);
    if p.len() != q.len() {
        return Err(vm.value_error("both points must have the same number of dimensions"));
    }
    let mut parts = Vec::with_capacity(p.len());
    for (a, b) in p.iter().zip(&q) {
        parts.push(vm.to_f64(a)? - vm.to_f64(b)?);
    }
    Ok(Value::float(special::norm(&parts)))
}

fn fsum(vm: &mut Vm, args: &[Value]) -> Result {
    let mut sum = ExactSum::default();
    let (mut special_sum, mut infinite_sum) = (0.0, 0.0);
    vm.for_each(&args[0], |vm, x| {
        let x = vm.to_f64(&x)?;
        if x.is_finite() {
            if !sum.add(x) {
                return Err(vm.overflow_error("intermediate overflow in fsum"));
            }
        } else {
            if x.is_infinite() {
                infinite_sum += x;
            }
            special_sum += x;
        }
        Ok(true)
    })?;
    if special_sum != 0.0 {
        if f64::is_nan(infinite_sum) {
            return Err(vm.value_error("-inf + inf in fsum"));
        }
        return Ok(Value::float(special_sum));
    }
    Ok(Value::float(sum.value()))
}

fn sumprod(vm: &mut Vm, args: &[Value]) -> Result {
    let (p, q) = (vm.collect(&args[0])?, vm.collect(&args[1])?);
    // What is done exactly ends where the kind of number changes: at the first pair that is not of two integers, and of
    // the pairs with a float at the first that has none.
    let (mut total, mut pairs) = (Value::Int(0), p.iter().zip(&q).peekable());
    let is_int = |v: &Value| matches!(v, Value::Int(_));
    while let Some((a, b)) = pairs.next_if(|(a, b)| is_int(&total) && is_int(a) && is_int(b)) {
        total = multiplied(vm, &total, a, b)?;
    }
    let number = |v: &Value| matches!(v, Value::Int(_) | Value::BigInt(_) | Value::Bool(_) | Value::Float(_));
    let float = |v: &Value| matches!(v, Value::Float(_));
    let mut sum: Option<ExactSum> = None;
    while let Some((a, b)) = pairs.peek() {
        let fits = is_int(&total) && number(a) && number(b) && (float(a) || float(b));
        let Some((a, b)) = fits.then(|| Some((vm.to_f64(a).ok()?, vm.to_f64(b).ok()?))).flatten() else { break };
        let product = a * b;
        let sum = sum.get_or_insert_default();
        if !product.is_finite() || !(sum.value() + product).is_finite() {
            break;
        }
        sum.add(product);
        sum.add(a.mul_add(b, -product));
        pairs.next();
    }
    if let Some(sum) = sum {
        total = crate::machine::ops::add(vm, &total, &Value::float(sum.value()))?;
    }
    for (a, b) in pairs {
        total = multiplied(vm, &total, a, b)?;
    }
    if p.len() != q.len() {
        return Err(vm.value_error("Inputs are not the same length"));
    }
    Ok(total)
}

fn multiplied(vm: &mut Vm, total: &Value, a: &Value, b: &Value) -> Result {
    let product = crate::machine::ops::mul(vm, a, b)?;
    crate::machine::ops::add(vm, total, &product)
}

/// A non-negative integer argument.
fn natural(vm: &mut Vm, value: &Value, message: &str) -> Result<BigInt> {
    let n = vm.to_bigint(value)?;
    if n.is_negative() { Err(vm.value_error(message)) } else { Ok(n) }
}
