//! Complex numbers, as pairs of real and imaginary part.

use super::Fault;
use super::float::{parse_float_bytes, push_repr, without_underscores};
use super::int::trim_ascii_space;
use super::repr::str_repr;
use super::unicode::ascii_digits_and_spaces;

/// `repr(complex(re, im))`
pub fn complex_repr(re: f64, im: f64) -> String {
    let mut out = String::new();
    let alone = re == 0.0 && re.is_sign_positive();
    if !alone {
        out.push('(');
        push_repr(&mut out, re, false);
        if !im.is_sign_negative() || im.is_nan() {
            out.push('+');
        }
    }
    push_repr(&mut out, im, false);
    out.push_str(if alone { "j" } else { "j)" });
    out
}

/// `a * b`
pub fn mul(a: (f64, f64), b: (f64, f64)) -> (f64, f64) {
    (a.0 * b.0 - a.1 * b.1, a.0 * b.1 + a.1 * b.0)
}

/// `a / b`
pub fn div(a: (f64, f64), b: (f64, f64)) -> Result<(f64, f64), Fault> {
    quotient(a, b).ok_or_else(|| Fault::zero_division("complex division by zero"))
}

/// Dividing by the larger part first keeps the intermediate values in range.
fn quotient(a: (f64, f64), b: (f64, f64)) -> Option<(f64, f64)> {
    if b.0.is_nan() || b.1.is_nan() {
        return Some((f64::NAN, f64::NAN));
    }
    if b.0.abs() >= b.1.abs() {
        if b.0 == 0.0 {
            return None;
        }
        let ratio = b.1 / b.0;
        let denominator = b.0 + b.1 * ratio;
        Some(((a.0 + a.1 * ratio) / denominator, (a.1 - a.0 * ratio) / denominator))
    } else {
        let ratio = b.0 / b.1;
        let denominator = b.0 * ratio + b.1;
        Some(((a.0 * ratio + a.1) / denominator, (a.1 * ratio - a.0) / denominator))
    }
}

/// `a ** b`
pub fn pow(a: (f64, f64), b: (f64, f64)) -> Result<(f64, f64), Fault> {
    let zero = || Fault::zero_division("0.0 to a negative or complex power");
    let result = if b.1 == 0.0 && b.0 == b.0.floor() && b.0.abs() <= 100.0 {
        let power = whole_pow(a, b.0.abs() as u32);
        if b.0 < 0.0 { quotient((1.0, 0.0), power).ok_or_else(zero)? } else { power }
    } else if a == (0.0, 0.0) {
        if b.1 != 0.0 || b.0 < 0.0 {
            return Err(zero());
        }
        (0.0, 0.0)
    } else {
        let size = a.0.hypot(a.1);
        let mut length = size.powf(b.0);
        let angle = a.1.atan2(a.0);
        let mut phase = angle * b.0;
        if b.1 != 0.0 {
            length /= (angle * b.1).exp();
            phase += b.1 * size.ln();
        }
        if phase.is_infinite() {
            return Err(zero());
        }
        (length * phase.cos(), length * phase.sin())
    };
    if result.0.is_infinite() || result.1.is_infinite() {
        return Err(Fault::overflow("complex exponentiation"));
    }
    Ok(result)
}

fn whole_pow(base: (f64, f64), exponent: u32) -> (f64, f64) {
    let mut result = (1.0, 0.0);
    let mut square = base;
    let mut mask = 1;
    while mask <= exponent {
        if exponent & mask != 0 {
            result = mul(result, square);
        }
        mask <<= 1;
        square = mul(square, square);
    }
    result
}

/// `abs(z)`
pub fn abs(z: (f64, f64)) -> Result<f64, Fault> {
    let size = z.0.hypot(z.1);
    if size.is_infinite() && z.0.is_finite() && z.1.is_finite() {
        return Err(Fault::overflow("absolute value too large"));
    }
    Ok(size)
}

/// `complex(text)`
pub fn parse_complex(text: &str) -> Result<(f64, f64), Fault> {
    let ascii = ascii_digits_and_spaces(text);
    let Some(plain) = without_underscores(ascii.as_bytes()) else {
        return Err(Fault::value_error(format!("could not convert string to complex: {}", str_repr(text))));
    };
    let plain = trim_ascii_space(&plain);
    let inner = match plain {
        [b'(', inner @ .., b')'] => trim_ascii_space(inner),
        _ => plain,
    };
    parse_parts(inner).ok_or_else(|| Fault::value_error("complex() arg is a malformed string"))
}

fn parse_parts(text: &[u8]) -> Option<(f64, f64)> {
    // Inner blanks would be trimmed from the parts.
    if text.iter().any(u8::is_ascii_whitespace) || text.contains(&0x0B) {
        return None;
    }
    let Some((b'j' | b'J', body)) = text.split_last() else { return Some((parse_float_bytes(text)?, 0.0)) };
    // The imaginary part begins at the last sign that is not an exponent's.
    let is_sign = |at: &usize| matches!(body[*at], b'+' | b'-') && (*at == 0 || !matches!(body[*at - 1], b'e' | b'E'));
    let split = (0..body.len()).rev().find(is_sign).unwrap_or(0);
    let (re, im) = body.split_at(split);
    let im = match im {
        b"" | b"+" => 1.0,
        b"-" => -1.0,
        _ => parse_float_bytes(im)?,
    };
    Some((if re.is_empty() { 0.0 } else { parse_float_bytes(re)? }, im))
}
