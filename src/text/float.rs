//! Floats: reading and writing them, and the operators where Python's differ from the processor's.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::Write;

use num_bigint::{BigInt, Sign};
use num_integer::Integer;
use num_traits::FromPrimitive;

use super::Fault;
use super::int::{Int, trim_ascii_space};
use super::repr::str_repr;
use super::unicode::ascii_digits_and_spaces;

/// Decimal digits of a number: `0.DIGITS * 10**point`.
pub(super) struct Decimal {
    digits: [u8; 32],
    len: usize,
    pub(super) point: i32,
}

impl Decimal {
    pub(super) fn digits(&self) -> &[u8] {
        &self.digits[..self.len]
    }

    fn value(&self) -> f64 {
        let mut text = String::with_capacity(40);
        push_digits(&mut text, self.digits(), self.point, false, false);
        text.parse().unwrap_or(f64::NAN)
    }
}

/// The shortest digits that read back as this number, which is finite and positive; of several, the nearest.
pub(super) fn shortest(x: f64) -> Decimal {
    let decimal = to_decimal(format_args!("{x:e}"));
    // 16 digits and more can be a tie of two neighbours if the number's own digits end right after them. Python then
    // takes the even one, Rust any.
    let len = decimal.len;
    if len < 16 || decimal.digits[len - 1] % 2 == 0 {
        return decimal;
    }
    let (mantissa, exponent) = decompose(x);
    let places = -(exponent as i32) - mantissa.trailing_zeros() as i32;
    if places <= 0 || places + decimal.point == len as i32 + 1 {
        let rounded = to_decimal(format_args!("{x:.*e}", len - 1));
        if rounded.value() == x {
            return rounded;
        }
    }
    decimal
}

/// The digits of a number that is formatted with an exponent.
fn to_decimal(text: std::fmt::Arguments<'_>) -> Decimal {
    let mut buffer = Buffer { bytes: [0; 32], len: 0 };
    let written = buffer.write_fmt(text);
    debug_assert!(written.is_ok(), "17 digits, a point and an exponent fit");
    let mut decimal = Decimal { digits: [0; 32], len: 0, point: 1 };
    let text = &buffer.bytes[..buffer.len];
    let exponent_at = text.iter().position(|&byte| byte == b'e').unwrap_or(text.len());
    for &byte in text[..exponent_at].iter().filter(|&&byte| byte != b'.') {
        decimal.digits[decimal.len] = byte;
        decimal.len += 1;
    }
    let (negative, exponent) = match text.get(exponent_at + 1..) {
        Some([b'-', rest @ ..]) => (true, rest),
        Some(rest) => (false, rest),
        None => (false, &[][..]),
    };
    let exponent = exponent.iter().fold(0, |n, &byte| n * 10 + i32::from(byte - b'0'));
    decimal.point += if negative { -exponent } else { exponent };
    decimal
}

struct Buffer {
    bytes: [u8; 32],
    len: usize,
}

impl Write for Buffer {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let end = self.len + text.len();
        self.bytes.get_mut(self.len..end).ok_or(std::fmt::Error)?.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

/// `repr(x)`
pub fn float_repr(x: f64) -> String {
    let mut out = String::with_capacity(24);
    push_repr(&mut out, x, true);
    out
}

/// Appends `repr(x)`; a whole number ends in `.0` if asked for (a part of a complex number does not).
pub fn push_repr(out: &mut String, x: f64, point_zero: bool) {
    if x.is_nan() {
        out.push_str("nan");
        return;
    }
    if x.is_sign_negative() {
        out.push('-');
    }
    let x = x.abs();
    if x.is_infinite() {
        out.push_str("inf");
    } else if x < 1e15 && x.trunc() == x {
        push_u64(out, x as u64);
        if point_zero {
            out.push_str(".0");
        }
    } else {
        let decimal = shortest(x);
        push_digits(out, decimal.digits(), decimal.point, (-3..=16).contains(&decimal.point), point_zero);
    }
}

/// Appends a number in decimal.
pub(super) fn push_u64(out: &mut String, n: u64) {
    out.push_str(super::format::decimal_digits(n, &mut [0; 20]));
}

/// Appends a number in decimal, with its sign.
pub fn push_i64(out: &mut String, n: i64) {
    if n < 0 {
        out.push('-');
    }
    push_u64(out, n.unsigned_abs());
}

/// Appends digits with their point, either where it belongs or after the first digit, followed by an exponent.
fn push_digits(out: &mut String, digits: &[u8], point: i32, fixed: bool, point_zero: bool) {
    let mut push = |bytes: &[u8]| bytes.iter().for_each(|&byte| out.push(char::from(byte)));
    if !fixed {
        push(&digits[..1]);
        if digits.len() > 1 {
            push(b".");
            push(&digits[1..]);
        }
        push_exponent(out, point - 1, 'e');
    } else if point <= 0 {
        push(b"0.");
        (point..0).for_each(|_| push(b"0"));
        push(digits);
    } else if (point as usize) < digits.len() {
        push(&digits[..point as usize]);
        push(b".");
        push(&digits[point as usize..]);
    } else {
        push(digits);
        (digits.len()..point as usize).for_each(|_| push(b"0"));
        if point_zero {
            push(b".0");
        }
    }
}

/// Appends `e+05`: a sign and at least two digits.
pub(super) fn push_exponent(out: &mut String, exponent: i32, letter: char) {
    let sign = if exponent < 0 { '-' } else { '+' };
    let written = write!(out, "{letter}{sign}{:02}", exponent.unsigned_abs());
    debug_assert!(written.is_ok(), "a String takes everything");
}

/// `float(text)`; `None` if the text is no number (see [`not_a_float`]).
pub fn parse_float(text: &str) -> Option<f64> {
    parse_float_bytes(ascii_digits_and_spaces(text).as_bytes())
}

/// `float(bytes)`
pub fn parse_float_bytes(text: &[u8]) -> Option<f64> {
    let text = without_underscores(trim_ascii_space(text))?;
    // Of the words that Rust reads as numbers, Python knows the same three.
    let x: f64 = std::str::from_utf8(&text).ok()?.parse().ok()?;
    Some(if x.is_nan() { fresh_nan(x) } else { x })
}

/// Number text without the underscores between its digits; `None` if some are elsewhere.
pub(super) fn without_underscores(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    if !text.contains(&b'_') {
        return Some(text.into());
    }
    let digit = |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(u8::is_ascii_digit);
    let apart = |(at, &byte): (usize, &u8)| byte != b'_' || digit(at.checked_sub(1)) && digit(Some(at + 1));
    let good = text.iter().enumerate().all(apart);
    good.then(|| text.iter().copied().filter(|&byte| byte != b'_').collect())
}

/// The error of `float(text)`.
#[cold]
pub fn not_a_float(text: &str) -> Fault {
    Fault::value_error(format!("could not convert string to float: {}", str_repr(text)))
}

/// `round(x, digits)`
pub fn round_to(x: f64, digits: i64) -> Result<f64, Fault> {
    if !x.is_finite() || x == 0.0 || digits > 323 {
        return Ok(x);
    }
    if digits < -308 {
        return Ok(0.0_f64.copysign(x));
    }
    let size = x.abs();
    let rounded = if digits >= 0 {
        // From here on no float has decimals.
        if size >= 4_503_599_627_370_496.0 {
            return Ok(x);
        }
        let text = format!("{size:.*}", digits as usize);
        text.parse().unwrap_or(size)
    } else {
        round_to_tens(size, digits.unsigned_abs() as u32)
    };
    if rounded.is_infinite() {
        return Err(Fault::overflow("rounded value too large to represent"));
    }
    Ok(rounded.copysign(x))
}

fn round_to_tens(size: f64, places: u32) -> f64 {
    let unit = BigInt::from(10).pow(places);
    let (mut quotient, rest) = from_f64(size).div_rem(&unit);
    let up = match (&rest + &rest).cmp(&unit) {
        Ordering::Less => false,
        Ordering::Equal => quotient.is_odd() || size.fract() != 0.0,
        Ordering::Greater => true,
    };
    quotient += u8::from(up);
    big_to_f64(&(quotient * unit)).unwrap_or(f64::INFINITY)
}

/// `int(x)`: towards zero.
pub fn to_int(x: f64) -> Result<Int, Fault> {
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&x) {
        return Ok(Int::Small(x as i64));
    }
    match x {
        _ if x.is_nan() => Err(Fault::value_error("cannot convert float NaN to integer")),
        _ if x.is_infinite() => Err(Fault::overflow("cannot convert float infinity to integer")),
        _ => Ok(from_f64(x).into()),
    }
}

fn from_f64(x: f64) -> BigInt {
    BigInt::from_f64(x.trunc()).unwrap_or_default()
}

/// `float(n)`, rounded once.
pub fn big_to_f64(n: &BigInt) -> Result<f64, Fault> {
    let mut digits = n.magnitude().iter_u64_digits().rev();
    let high = digits.next().unwrap_or(0);
    let low = digits.next().unwrap_or(0);
    let sticky = digits.any(|digit| digit != 0);
    let below = (n.magnitude().iter_u64_digits().len() as i64 - 2) * 64;
    let both = u128::from(high) << 64 | u128::from(low);
    let shift = both.leading_zeros();
    let top = both.checked_shl(shift).unwrap_or(0);
    let mantissa = (top >> 64) as u64 | u64::from(sticky || top as u64 != 0);
    let size = compose(mantissa, below + 64 - i64::from(shift));
    if size.is_infinite() {
        return Err(Fault::overflow("int too large to convert to float"));
    }
    Ok(if n.sign() == Sign::Minus { -size } else { size })
}

/// `mantissa * 2**exponent`, rounded once, halves to even; infinite if too large. The last bit may stand for anything
/// that was cut off, if the mantissa has 55 bits or more.
pub fn compose(mantissa: u64, exponent: i64) -> f64 {
    if mantissa == 0 {
        return 0.0;
    }
    let width = 64 - i64::from(mantissa.leading_zeros());
    let top = width + exponent;
    if top > 1024 {
        return f64::INFINITY;
    }
    if top < -1080 {
        return 0.0;
    }
    // The unit of the result's last place, as a power of two.
    let unit = (top - 53).max(-1074);
    let cut = unit - exponent;
    let kept = if cut <= 0 {
        mantissa << -cut
    } else if cut >= 64 {
        u64::from(cut == 64 && mantissa > 1 << 63)
    } else {
        let rest = mantissa & ((1 << cut) - 1);
        let half = 1 << (cut - 1);
        let kept = mantissa >> cut;
        kept + u64::from(rest > half || rest == half && kept & 1 == 1)
    };
    // Both factors are exact, and so is the product: it is in steps of the unit.
    let (first, second) = if unit < -1000 { (unit + 600, -600) } else { (unit, 0) };
    kept as f64 * power_of_two(first) * power_of_two(second)
}

fn power_of_two(exponent: i64) -> f64 {
    f64::from_bits(((exponent + 1023) as u64) << 52)
}

/// The integer `m` and the exponent `e` of `x = m * 2**e`.
pub(super) fn decompose(x: f64) -> (u64, i64) {
    let bits = x.to_bits();
    let exponent = (bits >> 52 & 0x7FF) as i64;
    let fraction = bits & ((1 << 52) - 1);
    if exponent == 0 { (fraction, -1074) } else { (fraction | 1 << 52, exponent - 1075) }
}

/// `x.is_integer()`
pub fn is_integer(x: f64) -> bool {
    x.is_finite() && x.trunc() == x
}

/// `x.as_integer_ratio()`
pub fn as_integer_ratio(x: f64) -> Result<(Int, Int), Fault> {
    if x.is_nan() {
        return Err(Fault::value_error("cannot convert NaN to integer ratio"));
    }
    if x.is_infinite() {
        return Err(Fault::overflow("cannot convert Infinity to integer ratio"));
    }
    let (mantissa, exponent) = decompose(x);
    if mantissa == 0 {
        return Ok((Int::Small(0), Int::Small(1)));
    }
    let zeros = i64::from(mantissa.trailing_zeros());
    let (odd, exponent) = (BigInt::from(mantissa >> zeros), exponent + zeros);
    let odd = if x < 0.0 { -odd } else { odd };
    Ok(if exponent >= 0 {
        ((odd << exponent).into(), Int::Small(1))
    } else {
        (odd.into(), (BigInt::from(1) << -exponent).into())
    })
}

/// `x.hex()`
pub fn hex(x: f64) -> String {
    if !x.is_finite() {
        return float_repr(x);
    }
    let sign = if x.is_sign_negative() { "-" } else { "" };
    if x == 0.0 {
        return format!("{sign}0x0.0p+0");
    }
    let (mantissa, exponent) = decompose(x);
    format!("{sign}0x{}.{:013x}p{:+}", mantissa >> 52, mantissa & ((1 << 52) - 1), exponent + 52)
}

/// `float.fromhex(text)`
pub fn fromhex(text: &str) -> Result<f64, Fault> {
    let invalid = || Fault::value_error("invalid hexadecimal floating-point string");
    let too_large = || Fault::overflow("hexadecimal value too large to represent as a float");
    let text = trim_ascii_space(text.as_bytes());
    let (negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let signed = |x: f64| if negative { -x } else { x };
    match text.to_ascii_lowercase().as_slice() {
        b"nan" => return Ok(fresh_nan(signed(f64::NAN))),
        b"inf" | b"infinity" => return Ok(signed(f64::INFINITY)),
        _ => {}
    }
    let text = text.strip_prefix(b"0x").or_else(|| text.strip_prefix(b"0X")).unwrap_or(text);
    // 15 digits and a sticky one are kept; the rest only counts.
    let (mut mantissa, mut exponent, mut digits, mut point) = (0_u64, 0_i64, 0_usize, false);
    let mut rest = text;
    while let [byte, tail @ ..] = rest {
        match char::from(*byte).to_digit(16) {
            Some(digit) => {
                digits += 1;
                exponent -= if point { 4 } else { 0 };
                if mantissa < 1 << 56 {
                    mantissa = mantissa << 4 | u64::from(digit);
                } else {
                    mantissa |= u64::from(digit != 0);
                    exponent += 4;
                }
            }
            None if *byte == b'.' && !point => point = true,
            None => break,
        }
        rest = tail;
    }
    if digits == 0 {
        return Err(invalid());
    }
    if let [b'p' | b'P', tail @ ..] = rest {
        let (down, tail) = match tail {
            [b'-', tail @ ..] => (true, tail),
            [b'+', tail @ ..] => (false, tail),
            _ => (false, tail),
        };
        if tail.is_empty() || !tail.iter().all(u8::is_ascii_digit) {
            return Err(invalid());
        }
        let size = tail.iter().fold(0_i64, |n, &byte| n.saturating_mul(10).saturating_add(i64::from(byte - b'0')));
        exponent = exponent.saturating_add(if down { -size } else { size });
    } else if !rest.is_empty() {
        return Err(invalid());
    }
    let exponent = exponent.clamp(-(1 << 40), 1 << 40);
    let size = compose(mantissa, exponent);
    if size.is_infinite() { Err(too_large()) } else { Ok(signed(size)) }
}

/// `a / b`
#[inline]
pub fn div(a: f64, b: f64) -> Result<f64, Fault> {
    if b == 0.0 { Err(Fault::zero_division("float division by zero")) } else { Ok(a / b) }
}

fn divmod_nonzero(a: f64, b: f64) -> (f64, f64) {
    let mut rest = a % b;
    let mut quotient = (a - rest) / b;
    if rest == 0.0 {
        rest = 0.0_f64.copysign(b);
    } else if (b < 0.0) != (rest < 0.0) {
        rest += b;
        quotient -= 1.0;
    }
    if quotient == 0.0 {
        return (0.0_f64.copysign(a / b), rest);
    }
    let floor = quotient.floor();
    (if quotient - floor > 0.5 { floor + 1.0 } else { floor }, rest)
}

/// `a // b`
pub fn floor_div(a: f64, b: f64) -> Result<f64, Fault> {
    if b == 0.0 {
        return Err(Fault::zero_division("float floor division by zero"));
    }
    Ok(divmod_nonzero(a, b).0)
}

/// `a % b`
pub fn floor_mod(a: f64, b: f64) -> Result<f64, Fault> {
    if b == 0.0 {
        return Err(Fault::zero_division("float modulo by zero"));
    }
    Ok(divmod_nonzero(a, b).1)
}

/// `divmod(a, b)`
pub fn divmod(a: f64, b: f64) -> Result<(f64, f64), Fault> {
    if b == 0.0 { Err(Fault::zero_division("float divmod()")) } else { Ok(divmod_nonzero(a, b)) }
}

/// What `a ** b` is for floats.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Power {
    Float(f64),
    /// Real and imaginary part: a negative number to a power that is not whole.
    Complex(f64, f64),
}

/// `a ** b`. The message of the `OverflowError` is the text of CPython's two arguments (34 and the text).
pub fn pow(a: f64, b: f64) -> Result<Power, Fault> {
    if a == 0.0 && b < 0.0 {
        return Err(Fault::zero_division("0.0 cannot be raised to a negative power"));
    }
    if a < 0.0 && a.is_finite() && b.is_finite() && b.trunc() != b {
        let (re, im) = super::complex::pow((a, 0.0), (b, 0.0))?;
        return Ok(Power::Complex(re, im));
    }
    let result = a.powf(b);
    if result.is_infinite() && a.is_finite() && b.is_finite() {
        return Err(Fault::overflow("(34, 'Numerical result out of range')"));
    }
    Ok(Power::Float(result))
}

/// How a float compares with an inline integer; `None` for what is not a number.
#[inline]
pub fn cmp_i64(x: f64, n: i64) -> Option<Ordering> {
    if n.unsigned_abs() <= 1 << 53 {
        return x.partial_cmp(&(n as f64));
    }
    match x {
        _ if x.is_nan() => None,
        _ if x >= 9_223_372_036_854_775_808.0 => Some(Ordering::Greater),
        _ if x < -9_223_372_036_854_775_808.0 => Some(Ordering::Less),
        // Equal whole parts of this size leave no room for a fraction.
        _ => Some((x as i64).cmp(&n)),
    }
}

/// How a float compares with a big integer; `None` for what is not a number.
pub fn cmp_big(x: f64, n: &BigInt) -> Option<Ordering> {
    if x.is_nan() {
        return None;
    }
    if x.is_infinite() {
        return Some(if x > 0.0 { Ordering::Greater } else { Ordering::Less });
    }
    if n.bits() > 1024 {
        return Some(if n.sign() == Sign::Plus { Ordering::Less } else { Ordering::Greater });
    }
    let whole = from_f64(x).cmp(n);
    let fraction = x.fract().partial_cmp(&0.0).unwrap_or(Ordering::Equal);
    Some(whole.then(fraction))
}

thread_local! {
    static NANS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// A NaN with bits of its own: `is` compares bits, and every `float("nan")` is another object.
fn fresh_nan(nan: f64) -> f64 {
    let number = NANS.with(|n| n.replace(n.get() + 1)) & 0xFFFF_FFFF;
    f64::from_bits(nan.to_bits() | number)
}
