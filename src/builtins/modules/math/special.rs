//! Functions that the platform's library lacks or gets less exactly: gamma, inverse hyperbolic functions, exact sums.

/// Numerator and denominator of Lanczos' approximation with 13 terms (g = 6.02468...), highest power last.
const NUMERATOR: [f64; 13] = [
    23_531_376_880.410_76, 42_919_803_642.649_1, 35_711_959_237.355_67, 17_921_034_426.037_21, 6_039_542_586.352_028,
    1_439_720_407.311_721_6, 248_874_557.862_054_17, 31_426_415.585_400_194, 2_876_370.628_935_372_6,
    186_056.265_395_223_48, 8_071.672_002_365_816, 210.824_277_751_579_36, 2.506_628_274_631_000_2,
];
const DENOMINATOR: [f64; 13] = [
    0.0, 39_916_800.0, 120_543_840.0, 150_917_976.0, 105_258_076.0, 45_995_730.0, 13_339_535.0, 2_637_558.0, 357_423.0,
    32_670.0, 1_925.0, 66.0, 1.0,
];
#[expect(clippy::excessive_precision, reason = "the whole of the published number")]
const G: f64 = 6.024_680_040_776_729_583_740_234_375;
#[expect(clippy::excessive_precision, reason = "the whole of the published number")]
const G_MINUS_HALF: f64 = 5.524_680_040_776_729_583_740_234_375;

/// The ratio of the two polynomials; for large arguments in powers of 1/x, which do not overflow.
fn lanczos(x: f64) -> f64 {
    let (mut above, mut below) = (0.0, 0.0);
    if x < 5.0 {
        for at in (0..13).rev() {
            above = above * x + NUMERATOR[at];
            below = below * x + DENOMINATOR[at];
        }
    } else {
        for at in 0..13 {
            above = above / x + NUMERATOR[at];
            below = below / x + DENOMINATOR[at];
        }
    }
    above / below
}

/// The sine of pi times x, without the loss of multiplying first.
fn sin_pi(x: f64) -> f64 {
    use std::f64::consts::PI;
    let y = x.abs() % 2.0;
    let result = match (2.0 * y).round() as i32 {
        0 => (PI * y).sin(),
        1 => (PI * (y - 0.5)).cos(),
        2 => (PI * (1.0 - y)).sin(),
        3 => -(PI * (y - 1.5)).cos(),
        _ => (PI * (y - 2.0)).sin(),
    };
    if x < 0.0 { -result } else { result }
}

/// `gamma`; `None` at its poles.
pub(super) fn gamma(x: f64) -> Option<f64> {
    if x.is_nan() || x == f64::INFINITY {
        return Some(x);
    }
    if x == f64::NEG_INFINITY || x == 0.0 {
        return None;
    }
    if x == x.floor() {
        if x < 0.0 {
            return None;
        }
        if x <= 23.0 {
            // Below 2^53 times a power of two: exact.
            return Some((2..x as u64).map(|n| n as f64).product());
        }
    }
    let whole = x.abs();
    if whole < 1e-20 {
        return Some(1.0 / x);
    }
    if whole > 200.0 {
        return Some(if x < 0.0 { 0.0 / sin_pi(x) } else { f64::INFINITY });
    }
    let y = whole + G_MINUS_HALF;
    // The rounding error of that sum.
    let z = if whole > G_MINUS_HALF { (y - whole) - G_MINUS_HALF } else { (y - G_MINUS_HALF) - whole };
    let z = z * G / y;
    Some(if x < 0.0 {
        let mut result = -std::f64::consts::PI / sin_pi(whole) / whole * y.exp() / lanczos(whole);
        result -= z * result;
        if whole < 140.0 {
            result / y.powf(whole - 0.5)
        } else {
            let root = y.powf(whole / 2.0 - 0.25);
            result / root / root
        }
    } else {
        let mut result = lanczos(whole) / y.exp();
        result += z * result;
        if whole < 140.0 {
            result * y.powf(whole - 0.5)
        } else {
            let root = y.powf(whole / 2.0 - 0.25);
            result * root * root
        }
    })
}

/// `lgamma`; `None` at its poles.
pub(crate) fn lgamma(x: f64) -> Option<f64> {
    if x.is_nan() {
        return Some(x);
    }
    if x.is_infinite() {
        return Some(f64::INFINITY);
    }
    if x == x.floor() && x <= 2.0 {
        return if x <= 0.0 { None } else { Some(0.0) };
    }
    let whole = x.abs();
    if whole < 1e-20 {
        return Some(-whole.ln());
    }
    let mut result = lanczos(whole).ln() - G;
    result += (whole - 0.5) * ((whole + G - 0.5).ln() - 1.0);
    if x < 0.0 {
        const LOG_PI: f64 = 1.144_729_885_849_400_2;
        result = LOG_PI - sin_pi(whole).abs().ln() - whole.ln() - result;
    }
    Some(result)
}

pub(super) fn asinh(x: f64) -> f64 {
    let whole = x.abs();
    if !x.is_finite() || whole < 2f64.powi(-28) {
        return x;
    }
    let result = if whole > 2f64.powi(28) {
        whole.ln() + std::f64::consts::LN_2
    } else if whole > 2.0 {
        (2.0 * whole + 1.0 / ((x * x + 1.0).sqrt() + whole)).ln()
    } else {
        let square = x * x;
        (whole + square / (1.0 + (1.0 + square).sqrt())).ln_1p()
    };
    result.copysign(x)
}

pub(super) fn acosh(x: f64) -> f64 {
    if x.is_infinite() || x.is_nan() {
        x
    } else if x > 2f64.powi(28) {
        x.ln() + std::f64::consts::LN_2
    } else if x > 2.0 {
        (2.0 * x - 1.0 / (x + (x * x - 1.0).sqrt())).ln()
    } else {
        let t = x - 1.0;
        (t + (2.0 * t + t * t).sqrt()).ln_1p()
    }
}

pub(super) fn atanh(x: f64) -> f64 {
    let whole = x.abs();
    if whole < 2f64.powi(-28) {
        return x;
    }
    let result = if whole < 0.5 {
        let t = whole + whole;
        0.5 * (t + t * whole / (1.0 - whole)).ln_1p()
    } else {
        0.5 * ((whole + whole) / (1.0 - whole)).ln_1p()
    };
    result.copysign(x)
}

/// A sum of floats without rounding errors: parts that do not overlap, smallest first.
#[derive(Default)]
pub(super) struct ExactSum(Vec<f64>);

impl ExactSum {
    /// Adds a finite number; `false` if the sum overflows on the way.
    pub(super) fn add(&mut self, mut x: f64) -> bool {
        let mut kept = 0;
        for at in 0..self.0.len() {
            let mut y = self.0[at];
            if x.abs() < y.abs() {
                std::mem::swap(&mut x, &mut y);
            }
            let high = x + y;
            let low = y - (high - x);
            if low != 0.0 {
                self.0[kept] = low;
                kept += 1;
            }
            x = high;
        }
        self.0.truncate(kept);
        if x != 0.0 {
            if !x.is_finite() {
                return false;
            }
            self.0.push(x);
        }
        true
    }

    /// The sum, rounded once.
    pub(super) fn value(&self) -> f64 {
        let mut parts = self.0.iter().rev().copied();
        let Some(mut high) = parts.next() else { return 0.0 };
        let mut low = 0.0;
        let mut rest = None;
        while let Some(part) = parts.next() {
            let sum = high + part;
            low = part - (sum - high);
            high = sum;
            if low != 0.0 {
                rest = parts.next();
                break;
            }
        }
        // Half-way between two floats, what is left below decides.
        if let Some(next) = rest {
            if (low < 0.0 && next < 0.0) || (low > 0.0 && next > 0.0) {
                let twice = low * 2.0;
                let sum = high + twice;
                if twice == sum - high {
                    high = sum;
                }
            }
        }
        high
    }
}

/// The Euclidean length of a vector.
pub(super) fn norm(parts: &[f64]) -> f64 {
    if parts.iter().any(|x| x.is_infinite()) {
        return f64::INFINITY;
    }
    let largest =
        parts.iter().fold(0.0_f64, |most, x| if x.is_nan() || most.is_nan() { f64::NAN } else { most.max(x.abs()) });
    if largest == 0.0 || largest.is_nan() {
        return largest;
    }
    if parts.len() == 1 {
        return largest;
    }
    let (_, exponent) = libm::frexp(largest);
    if exponent.abs() > 1000 {
        // Near the smallest and the largest floats: brought to the middle first.
        let factor = 2f64.powi(-600 * exponent.signum());
        let scaled: Vec<f64> = parts.iter().map(|x| x * factor).collect();
        return norm(&scaled) / factor;
    }
    let scale = 2f64.powi(-exponent);
    let mut sum = ExactSum::default();
    for x in parts {
        let x = x * scale;
        let square = x * x;
        sum.add(square);
        sum.add(x.mul_add(x, -square));
    }
    let root = sum.value().sqrt();
    // One step of Newton's method on the exact remainder.
    let square = root * root;
    sum.add(-square);
    sum.add(-root.mul_add(root, -square));
    (root + sum.value() / (2.0 * root)) / scale
}

/// The next float after x in the direction of y.
pub(super) fn next_after(x: f64, y: f64, steps: u64) -> f64 {
    if x.is_nan() || y.is_nan() {
        return x + y;
    }
    if steps == 0 || x == y {
        return if steps == 0 { x } else { y };
    }
    // Floats as integers in their order.
    let order = |x: f64| {
        let bits = x.to_bits() as i64;
        if bits < 0 { i128::from(i64::MIN) - i128::from(bits) } else { i128::from(bits) }
    };
    let (from, to) = (order(x), order(y));
    let at = if from < to { (from + i128::from(steps)).min(to) } else { (from - i128::from(steps)).max(to) };
    if at == to {
        return if to == 0 { 0.0_f64.copysign(x) } else { y };
    }
    let bits = if at < 0 || (at == 0 && from < 0) { (i128::from(i64::MIN) - at) as i64 } else { at as i64 };
    f64::from_bits(bits as u64)
}
