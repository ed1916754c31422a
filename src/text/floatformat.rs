//! `format()` of floats and complex numbers.

use std::fmt::Write;

use super::Fault;
use super::float::{push_exponent, push_repr, push_u64};
use super::format::{Align, FormatSpec, lay_out, push_fill, push_padded, sign_of, unknown_code};

/// No float has more decimals; further ones are zeros.
const MAX_DECIMALS: usize = 1100;
/// CPython's bound on the precision.
const MAX_PRECISION: usize = i32::MAX as usize;

/// Appends `format(x, spec)` of a float.
pub fn format_float(out: &mut String, x: f64, spec: &FormatSpec, type_name: &str) -> Result<(), Fault> {
    let style = FloatStyle::new(spec, type_name, true)?;
    let start = out.len();
    let digits = push_signed_float(out, x, spec, &style, spec.sign);
    if spec.width > 0 || spec.grouping.is_some() {
        let whole = out[digits..].bytes().take_while(u8::is_ascii_digit).count();
        lay_out(out, [start, digits, digits + whole], spec, 3);
    }
    Ok(())
}

/// How the digits of a float are written.
struct FloatStyle {
    /// `e`, `f`, `g`, or `r` for `repr`.
    kind: char,
    precision: usize,
    upper: bool,
    percent: bool,
    /// A whole number gets `.0` (formats without a code).
    point_zero: bool,
}

impl FloatStyle {
    fn new(spec: &FormatSpec, type_name: &str, real: bool) -> Result<FloatStyle, Fault> {
        let kind = match spec.code {
            None if spec.precision.is_none() => 'r',
            None | Some('g' | 'G' | 'n') => 'g',
            Some('e' | 'E') => 'e',
            Some('f' | 'F') => 'f',
            Some('%') if real => 'f',
            Some(code) => return Err(unknown_code(code, type_name)),
        };
        if spec.precision.is_some_and(|precision| precision > MAX_PRECISION) {
            return Err(Fault::value_error("precision too big"));
        }
        spec.check_width()?;
        Ok(FloatStyle {
            kind,
            precision: spec.precision.unwrap_or(6),
            upper: matches!(spec.code, Some('E' | 'F' | 'G')),
            percent: spec.code == Some('%'),
            point_zero: real && spec.code.is_none(),
        })
    }
}

/// Appends a float with its sign; returns where its digits begin.
fn push_signed_float(out: &mut String, x: f64, spec: &FormatSpec, style: &FloatStyle, sign: Option<char>) -> usize {
    let x = if style.percent { x * 100.0 } else { x };
    let start = out.len();
    let negative = x.is_sign_negative() && !x.is_nan();
    out.extend(sign_of(negative, sign));
    let digits = out.len();
    push_float(out, x.abs(), style, spec.alternate);
    let is_zero =
        || !out[digits..].bytes().take_while(|&byte| byte != b'e').any(|byte| byte.is_ascii_digit() && byte != b'0');
    let digits = if negative && spec.no_negative_zero && x.is_finite() && is_zero() {
        let sign = sign_of(false, sign).map_or(String::new(), String::from);
        out.replace_range(start..digits, &sign);
        start + sign.len()
    } else {
        digits
    };
    if style.upper {
        out[digits..].make_ascii_uppercase();
    }
    if style.percent {
        out.push('%');
    }
    digits
}

fn push_float(out: &mut String, x: f64, style: &FloatStyle, alternate: bool) {
    if !x.is_finite() {
        push_repr(out, x, false);
        return;
    }
    let start = out.len();
    match style.kind {
        'f' => push_fixed(out, x, style.precision),
        'e' => push_scientific(out, x, style.precision),
        'g' => {
            push_general(out, x, style.precision.max(1), style.point_zero, alternate);
            return;
        }
        _ => push_repr(out, x, style.point_zero),
    }
    if alternate && !out[start..].contains('.') {
        let at = out[start..].find('e').map_or(out.len(), |at| start + at);
        out.insert(at, '.');
    }
}

/// As many digits as [`scaled`] gives.
const ZEROS: &str = "00000000000000000000";

/// `x * 10**precision` rounded half to even, for the sizes that are usual: computed exactly, in one division.
fn scaled(x: f64, precision: usize) -> Option<u64> {
    let (mantissa, exponent) = super::float::decompose(x);
    let power = 10u64.checked_pow(u32::try_from(precision).ok()?)?;
    let product = u128::from(mantissa) * u128::from(power);
    if exponent >= 0 {
        return u64::try_from(product.checked_mul(1u128.checked_shl(u32::try_from(exponent).ok()?)?)?).ok();
    }
    let places = u32::try_from(-exponent).ok().filter(|&places| places < 128)?;
    let (whole, rest, half) = (product >> places, product & ((1 << places) - 1), 1u128 << (places - 1));
    let up = rest > half || (rest == half && whole & 1 == 1);
    u64::try_from(whole + u128::from(up)).ok()
}

/// Appends `%.*f` of a number that is finite and not negative.
fn push_fixed(out: &mut String, x: f64, precision: usize) {
    if let Some(scaled) = scaled(x, precision) {
        let start = out.len();
        push_u64(out, scaled);
        if precision > 0 {
            // At least one digit before the point.
            let missing = (precision + 1).saturating_sub(out.len() - start);
            out.insert_str(start, &ZEROS[..missing]);
            out.insert(out.len() - precision, '.');
        }
        return;
    }
    let written = write!(out, "{x:.*}", precision.min(MAX_DECIMALS));
    debug_assert!(written.is_ok(), "a String takes everything");
    push_fill(out, '0', precision.saturating_sub(MAX_DECIMALS));
}

/// Appends `%.*e`.
fn push_scientific(out: &mut String, x: f64, precision: usize) {
    let start = out.len();
    let exponent = push_mantissa(out, x, precision.min(MAX_DECIMALS));
    debug_assert!(out.len() > start);
    push_fill(out, '0', precision.saturating_sub(MAX_DECIMALS));
    push_exponent(out, exponent, 'e');
}

/// Appends a digit, a point and `decimals` digits; returns the exponent.
fn push_mantissa(out: &mut String, x: f64, decimals: usize) -> i32 {
    let start = out.len();
    let written = write!(out, "{x:.decimals$e}");
    debug_assert!(written.is_ok(), "a String takes everything");
    let at = out[start..].find('e').map_or(out.len(), |at| start + at);
    let exponent = out.get(at + 1..).and_then(|text| text.parse().ok()).unwrap_or(0);
    out.truncate(at);
    exponent
}

/// Appends `%.*g`.
fn push_general(out: &mut String, x: f64, precision: usize, point_zero: bool, alternate: bool) {
    let start = out.len();
    let exponent = push_mantissa(out, x, (precision - 1).min(MAX_DECIMALS));
    let mut digits: String = out[start..].chars().filter(|&c| c != '.').collect();
    out.truncate(start);
    if alternate {
        let missing = precision.saturating_sub(digits.len());
        push_fill(&mut digits, '0', missing);
    } else {
        let kept = digits.trim_end_matches('0').len().max(1);
        digits.truncate(kept);
    }
    let limit = precision as i64 - i64::from(point_zero);
    if exponent < -4 || i64::from(exponent) >= limit {
        out.push_str(&digits[..1]);
        if digits.len() > 1 || alternate {
            out.push('.');
        }
        out.push_str(&digits[1..]);
        push_exponent(out, exponent, 'e');
        return;
    }
    if exponent < 0 {
        out.push_str("0.");
        push_fill(out, '0', (-1 - exponent) as usize);
        out.push_str(&digits);
        return;
    }
    let whole = exponent as usize + 1;
    out.push_str(&digits[..whole.min(digits.len())]);
    push_fill(out, '0', whole.saturating_sub(digits.len()));
    if digits.len() > whole {
        out.push('.');
        out.push_str(&digits[whole..]);
    } else if point_zero {
        out.push_str(".0");
    } else if alternate {
        out.push('.');
    }
}

/// Appends `format(complex(re, im), spec)`.
pub fn format_complex(out: &mut String, re: f64, im: f64, spec: &FormatSpec, type_name: &str) -> Result<(), Fault> {
    let style = FloatStyle::new(spec, type_name, false)?;
    if spec.fill() == '0' {
        return Err(Fault::value_error("Zero padding is not allowed in complex format specifier"));
    }
    if spec.align == Some(Align::Number) {
        return Err(Fault::value_error("'=' alignment flag is not allowed in complex format specifier"));
    }
    let alone = spec.code.is_none() && re == 0.0 && re.is_sign_positive();
    let parentheses = spec.code.is_none() && !alone;
    let part = FormatSpec { width: 0, fill: None, align: None, ..*spec };
    let mut text = String::new();
    if parentheses {
        text.push('(');
    }
    let mut push_part = |x: f64, sign: Option<char>| {
        let start = text.len();
        let digits = push_signed_float(&mut text, x, &part, &style, sign);
        let whole = text[digits..].bytes().take_while(u8::is_ascii_digit).count();
        lay_out(&mut text, [start, digits, digits + whole], &part, 3);
    };
    if alone {
        push_part(im, spec.sign);
    } else {
        push_part(re, spec.sign);
        push_part(im, Some('+'));
    }
    text.push_str(if parentheses { "j)" } else { "j" });
    push_padded(out, &text, spec.fill(), spec.align.unwrap_or(Align::Right), spec.width);
    Ok(())
}
