//! Real-valued distributions. The formulas are evaluated in one fixed order, so that the last bit is the same everywhere.

use std::f64::consts::{E, PI, TAU};

use super::{Generator, Source};
use crate::builtins::modules::support::this;
use crate::machine::Vm;
use crate::object::native::{Row, method};
use crate::object::{Result, Value};

/// A distribution: draws from a source with the parameters given.
type Draw<const N: usize> = fn(&mut Vm, &Source, [f64; N]) -> Result<f64>;

fn drawn<const N: usize>(vm: &mut Vm, args: &[Value], draw: Draw<N>) -> Result<Value> {
    let mut parameters = [0.0; N];
    for (parameter, given) in parameters.iter_mut().zip(&args[1..]) {
        *parameter = vm.to_f64(given)?;
    }
    let source = Source::of(vm, &args[0])?;
    draw(vm, &source, parameters).map(Value::float)
}

macro_rules! distribution {
    ($signature:literal, $draw:expr) => {
        method($signature, |vm, args| drawn(vm, args, $draw))
    };
}

pub(super) const METHODS: &[Row] = &[
    distribution!("def uniform(a, b)", |vm, source, [a, b]| Ok(a + (b - a) * source.float(vm)?)),
    method("def triangular(low=0.0, high=1.0, mode=None)", triangular),
    distribution!("def normalvariate(mu=0.0, sigma=1.0)", normal),
    method("def gauss(mu=0.0, sigma=1.0)", gauss),
    distribution!("def lognormvariate(mu, sigma)", |vm, source, parameters| {
        let x = normal(vm, source, parameters)?.exp();
        if x.is_infinite() { Err(vm.overflow_error("math range error")) } else { Ok(x) }
    }),
    distribution!("def expovariate(lambd=1.0)", |vm, source, [lambda]| {
        let x = -(1.0 - source.float(vm)?).ln();
        divide(vm, x, lambda)
    }),
    distribution!("def vonmisesvariate(mu, kappa)", von_mises),
    distribution!("def gammavariate(alpha, beta)", gamma),
    distribution!("def betavariate(alpha, beta)", |vm, source, [alpha, beta]| {
        let y = gamma(vm, source, [alpha, 1.0])?;
        if y == 0.0 {
            return Ok(0.0);
        }
        Ok(y / (y + gamma(vm, source, [beta, 1.0])?))
    }),
    distribution!("def paretovariate(alpha)", |vm, source, [alpha]| {
        let u = 1.0 - source.float(vm)?;
        let power = divide(vm, -1.0, alpha)?;
        Ok(u.powf(power))
    }),
    distribution!("def weibullvariate(alpha, beta)", |vm, source, [alpha, beta]| {
        let u = 1.0 - source.float(vm)?;
        let power = divide(vm, 1.0, beta)?;
        Ok(alpha * (-u.ln()).powf(power))
    }),
    method("def binomialvariate(n=1, p=0.5)", binomial),
];

fn divide(vm: &mut Vm, a: f64, b: f64) -> Result<f64> {
    if b == 0.0 { Err(vm.zero_division("float division by zero")) } else { Ok(a / b) }
}

fn triangular(vm: &mut Vm, args: &[Value]) -> Result<Value> {
    let source = Source::of(vm, &args[0])?;
    let (mut low, mut high) = (vm.to_f64(&args[1])?, vm.to_f64(&args[2])?);
    let mut u = source.float(vm)?;
    let mut c = match &args[3] {
        Value::None => 0.5,
        mode => {
            let mode = vm.to_f64(mode)?;
            if high - low == 0.0 {
                return Ok(args[1].clone());
            }
            (mode - low) / (high - low)
        }
    };
    if u > c {
        u = 1.0 - u;
        c = 1.0 - c;
        std::mem::swap(&mut low, &mut high);
    }
    Ok(Value::float(low + (high - low) * (u * c).sqrt()))
}

fn normal(vm: &mut Vm, source: &Source, [mu, sigma]: [f64; 2]) -> Result<f64> {
    let magic = 4.0 * (-0.5_f64).exp() / 2f64.sqrt();
    loop {
        let u1 = source.float(vm)?;
        let u2 = 1.0 - source.float(vm)?;
        let z = magic * (u1 - 0.5) / u2;
        if z * z / 4.0 <= -u2.ln() {
            return Ok(mu + z * sigma);
        }
        vm.tick()?;
    }
}

fn gauss(vm: &mut Vm, args: &[Value]) -> Result<Value> {
    let (mu, sigma) = (vm.to_f64(&args[1])?, vm.to_f64(&args[2])?);
    let source = Source::of(vm, &args[0])?;
    let generator = this!(vm, args[0], Generator);
    let z = match generator.gauss_next.take() {
        Some(z) => z,
        None => {
            let turn = source.float(vm)? * TAU;
            let radius = (-2.0 * (1.0 - source.float(vm)?).ln()).sqrt();
            generator.gauss_next.set(Some(turn.sin() * radius));
            turn.cos() * radius
        }
    };
    Ok(Value::float(mu + z * sigma))
}

fn von_mises(vm: &mut Vm, source: &Source, [mu, kappa]: [f64; 2]) -> Result<f64> {
    if kappa <= 1e-6 {
        return Ok(TAU * source.float(vm)?);
    }
    let s = 0.5 / kappa;
    let r = s + (1.0 + s * s).sqrt();
    let z = loop {
        let z = (PI * source.float(vm)?).cos();
        let d = z / (r + z);
        let u = source.float(vm)?;
        if u < 1.0 - d * d || u <= (1.0 - d) * d.exp() {
            break z;
        }
        vm.tick()?;
    };
    let q = 1.0 / r;
    let angle = ((q + z) / (1.0 + q * z)).acos();
    let theta = if source.float(vm)? > 0.5 { mu + angle } else { mu - angle };
    // Python's remainder has the sign of the divisor.
    let rest = theta % TAU;
    Ok(if rest < 0.0 { rest + TAU } else { rest })
}

fn gamma(vm: &mut Vm, source: &Source, [alpha, beta]: [f64; 2]) -> Result<f64> {
    if alpha <= 0.0 || beta <= 0.0 {
        return Err(vm.value_error("gammavariate: alpha and beta must be > 0.0"));
    }
    if alpha > 1.0 {
        let ainv = (2.0 * alpha - 1.0).sqrt();
        let bbb = alpha - 4f64.ln();
        let ccc = alpha + ainv;
        let magic = 1.0 + 4.5_f64.ln();
        loop {
            vm.tick()?;
            let u1 = source.float(vm)?;
            if !(1e-7 < u1 && u1 < 0.999_999_9) {
                continue;
            }
            let u2 = 1.0 - source.float(vm)?;
            let v = (u1 / (1.0 - u1)).ln() / ainv;
            let x = alpha * v.exp();
            let z = u1 * u1 * u2;
            let r = bbb + ccc * v - x;
            if r + magic - 4.5 * z >= 0.0 || r >= z.ln() {
                return Ok(x * beta);
            }
        }
    }
    if alpha == 1.0 {
        return Ok(-(1.0 - source.float(vm)?).ln() * beta);
    }
    loop {
        let u = source.float(vm)?;
        let b = (E + alpha) / E;
        let p = b * u;
        let x = if p <= 1.0 { p.powf(1.0 / alpha) } else { -((b - p) / alpha).ln() };
        let u1 = source.float(vm)?;
        let enough = if p > 1.0 { u1 <= x.powf(alpha - 1.0) } else { u1 <= (-x).exp() };
        if enough {
            return Ok(x * beta);
        }
        vm.tick()?;
    }
}

fn binomial(vm: &mut Vm, args: &[Value]) -> Result<Value> {
    let n = vm.to_i64(&args[1])?;
    let p = vm.to_f64(&args[2])?;
    if n < 0 {
        return Err(vm.value_error("n must be non-negative"));
    }
    if p <= 0.0 || p >= 1.0 {
        return match p {
            0.0 => Ok(Value::Int(0)),
            1.0 => Ok(Value::Int(n)),
            _ => Err(vm.value_error("p must be in the range 0.0 <= p <= 1.0")),
        };
    }
    let source = Source::of(vm, &args[0])?;
    successes(vm, &source, n, p).map(Value::Int)
}

fn successes(vm: &mut Vm, source: &Source, n: i64, p: f64) -> Result<i64> {
    if n == 1 {
        return Ok((source.float(vm)? < p).into());
    }
    if p > 0.5 {
        return Ok(n - successes(vm, source, n, 1.0 - p)?);
    }
    if (n as f64) * p < 10.0 {
        // The gaps between successes have a geometric distribution.
        let c = (1.0 - p).log2();
        let (mut x, mut y) = (0, 0);
        if c == 0.0 {
            return Ok(x);
        }
        loop {
            y += (source.float(vm)?.log2() / c).floor() as i64 + 1;
            if y > n {
                return Ok(x);
            }
            x += 1;
        }
    }
    let lgamma = |x: f64| super::super::math::lgamma(x).unwrap_or(f64::INFINITY);
    let size = n as f64;
    let spq = (size * p * (1.0 - p)).sqrt();
    let b = 1.15 + 2.53 * spq;
    let a = -0.0873 + 0.0248 * b + 0.01 * p;
    let c = size * p + 0.5;
    let vr = 0.92 - 4.2 / b;
    let alpha = (2.83 + 5.1 / b) * spq;
    let lpq = (p / (1.0 - p)).ln();
    let m = ((size + 1.0) * p).floor();
    let h = lgamma(m + 1.0) + lgamma(size - m + 1.0);
    loop {
        vm.tick()?;
        let u = source.float(vm)? - 0.5;
        let us = 0.5 - u.abs();
        let k = ((2.0 * a / us + b) * u + c).floor();
        if k < 0.0 || k > size {
            continue;
        }
        let mut v = source.float(vm)?;
        if us >= 0.07 && v <= vr {
            return Ok(k as i64);
        }
        v *= alpha / (a / (us * us) + b);
        if v.ln() <= h - lgamma(k + 1.0) - lgamma(size - k + 1.0) + (k - m) * lpq {
            return Ok(k as i64);
        }
    }
}
