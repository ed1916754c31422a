//! Integers: reading, writing and the operators, for inline `i64` and for big integers.
//!
//! An `i64` operation answers `None` where its result does not fit (or where it is an error); the caller then takes the
//! general way, on [`BigInt`], which knows every case.

use std::fmt::Write;

use num_bigint::{BigInt, BigUint, Sign};
use num_integer::Integer;
use num_traits::{One, Signed, ToPrimitive, Zero};

use super::repr::{bytes_repr, str_repr};
use super::unicode::ascii_digits_and_spaces;
use super::{Fault, float};

pub use super::hash::*;

/// An integer, inline if it fits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Int {
    Small(i64),
    /// Only for numbers outside the range of `Small`.
    Big(BigInt),
}

impl From<BigInt> for Int {
    fn from(n: BigInt) -> Int {
        match n.to_i64() {
            Some(small) => Int::Small(small),
            None => Int::Big(n),
        }
    }
}

impl From<i64> for Int {
    fn from(n: i64) -> Int {
        Int::Small(n)
    }
}

impl From<Int> for BigInt {
    fn from(n: Int) -> BigInt {
        match n {
            Int::Small(n) => n.into(),
            Int::Big(n) => n,
        }
    }
}

/// The most decimal digits that are read or written (`sys.get_int_max_str_digits()`).
pub const MAX_STR_DIGITS: usize = 4300;
/// Limits on digits concern only numbers longer than this.
const SHORT: usize = 640;
/// Results of more bits than this are refused as too large for the memory.
const MAX_BITS: u64 = 1 << 33;

/// `int(text, base)` with another limit of digits; 0 is none.
pub fn parse_int_limited(text: &str, base: i64, limit: usize) -> Result<Int, Fault> {
    let ascii = ascii_digits_and_spaces(text);
    parse_digits(ascii.as_bytes(), base, limit)?.ok_or_else(|| invalid_literal(base, &str_repr(text)))
}

/// `int(bytes, base)`.
pub fn parse_int_bytes(bytes: &[u8], base: i64, limit: usize) -> Result<Int, Fault> {
    parse_digits(bytes, base, limit)?.ok_or_else(|| invalid_literal(base, &bytes_repr(bytes)))
}

#[cold]
fn invalid_literal(base: i64, repr: &str) -> Fault {
    let shown: String = repr.chars().take(200).collect();
    Fault::value_error(format!("invalid literal for int() with base {base}: {shown}"))
}

/// The number that ASCII text spells; `None` if it spells none.
fn parse_digits(text: &[u8], base: i64, limit: usize) -> Result<Option<Int>, Fault> {
    if base != 0 && !(2..=36).contains(&base) {
        return Err(Fault::value_error("int() base must be >= 2 and <= 36, or 0"));
    }
    let text = trim_ascii_space(text);
    let (negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let prefix = match text {
        [b'0', b'x' | b'X', ..] => 16,
        [b'0', b'o' | b'O', ..] => 8,
        [b'0', b'b' | b'B', ..] => 2,
        _ => 0,
    };
    let (radix, digits) = if prefix != 0 && (base == 0 || base == prefix) {
        (prefix as u32, text[2..].strip_prefix(b"_").unwrap_or(&text[2..]))
    } else {
        (if base == 0 { 10 } else { base as u32 }, text)
    };
    let Some(count) = count_digits(digits, radix) else { return Ok(None) };
    if !radix.is_power_of_two() && limit > 0 && count > limit && count > SHORT {
        return Err(Fault::value_error(format!(
            "Exceeds the limit ({limit} digits) for integer string conversion: value has {count} digits; \
             use sys.set_int_max_str_digits() to increase the limit"
        )));
    }
    // A leading zero without a letter could be meant as octal; only zero itself is accepted.
    if base == 0 && radix == 10 && digits[0] == b'0' && digits.iter().any(|&byte| byte > b'0' && byte != b'_') {
        return Ok(None);
    }
    let mut small: i64 = 0;
    for &byte in digits.iter().filter(|&&byte| byte != b'_') {
        let digit = i64::from(digit_value(byte));
        let Some(next) = small.checked_mul(radix.into()).and_then(|n| n.checked_add(digit)) else {
            return Ok(Some(parse_big(digits, radix, negative)));
        };
        small = next;
    }
    Ok(Some(Int::Small(if negative { -small } else { small })))
}

#[cold]
fn parse_big(digits: &[u8], radix: u32, negative: bool) -> Int {
    let digits: Vec<u8> = digits.iter().filter(|&&byte| byte != b'_').map(|&byte| digit_value(byte)).collect();
    let sign = if negative { Sign::Minus } else { Sign::Plus };
    BigInt::from_radix_be(sign, &digits, radix).unwrap_or_default().into()
}

/// How many digits there are, if they are digits of this radix, with single underscores between them.
fn count_digits(text: &[u8], radix: u32) -> Option<usize> {
    let mut count = 0;
    let mut after_digit = false;
    for &byte in text {
        if byte == b'_' {
            if !after_digit {
                return None;
            }
            after_digit = false;
        } else if u32::from(digit_value(byte)) < radix {
            count += 1;
            after_digit = true;
        } else {
            return None;
        }
    }
    after_digit.then_some(count)
}

fn digit_value(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte - b'0',
        b'a'..=b'z' => byte - b'a' + 10,
        b'A'..=b'Z' => byte - b'A' + 10,
        _ => u8::MAX,
    }
}

/// Without the whitespace that number texts may have around them.
pub(super) fn trim_ascii_space(mut text: &[u8]) -> &[u8] {
    while let [b'\t'..=b'\r' | b' ', rest @ ..] = text {
        text = rest;
    }
    while let [rest @ .., b'\t'..=b'\r' | b' '] = text {
        text = rest;
    }
    text
}

/// `str(n)` of a big integer, within a limit of digits; 0 is none.
pub fn to_decimal(n: &BigInt, limit: usize) -> Result<String, Fault> {
    if limit > 0 {
        // 10 bits are at least 3 digits; only near the limit must the digits be counted.
        let bits = n.bits();
        let too_long = || {
            Fault::value_error(format!(
                "Exceeds the limit ({limit} digits) for integer string conversion; \
                 use sys.set_int_max_str_digits() to increase the limit"
            ))
        };
        if bits / 10 * 3 > limit.max(SHORT) as u64 + 3 {
            return Err(too_long());
        }
        let text = n.to_string();
        let digits = text.len() - usize::from(n.is_negative());
        return if digits > limit && digits > SHORT { Err(too_long()) } else { Ok(text) };
    }
    Ok(n.to_string())
}

/// The digits of an integer in base 2, 8 or 16 with the prefix of Python's literals (`bin`, `oct`, `hex`).
pub fn to_prefixed(n: &BigInt, radix: u32) -> String {
    let prefix = match radix {
        2 => "0b",
        8 => "0o",
        _ => "0x",
    };
    let sign = if n.is_negative() { "-" } else { "" };
    format!("{sign}{prefix}{}", n.magnitude().to_str_radix(radix))
}

/// As `to_prefixed`, for an inline integer.
pub fn to_prefixed_i64(n: i64, radix: u32) -> String {
    let mut out = String::with_capacity(24);
    let size = n.unsigned_abs();
    let sign = if n < 0 { "-" } else { "" };
    let written = match radix {
        2 => write!(out, "{sign}0b{size:b}"),
        8 => write!(out, "{sign}0o{size:o}"),
        _ => write!(out, "{sign}0x{size:x}"),
    };
    debug_assert!(written.is_ok(), "a String takes everything");
    out
}

#[cold]
fn division_by_zero() -> Fault {
    Fault::zero_division("integer division or modulo by zero")
}

/// `a // b`, rounded down.
#[inline]
pub fn floor_div(a: i64, b: i64) -> Option<i64> {
    let quotient = a.checked_div(b)?;
    Some(if (a ^ b) < 0 && quotient * b != a { quotient - 1 } else { quotient })
}

/// `a % b`, with the sign of `b`.
#[inline]
pub fn floor_mod(a: i64, b: i64) -> Option<i64> {
    let rest = a.checked_rem(b)?;
    Some(if rest != 0 && (rest ^ b) < 0 { rest + b } else { rest })
}

/// `a // b`
pub fn big_floor_div(a: &BigInt, b: &BigInt) -> Result<Int, Fault> {
    if b.is_zero() { Err(division_by_zero()) } else { Ok(a.div_floor(b).into()) }
}

/// `a % b`
pub fn big_floor_mod(a: &BigInt, b: &BigInt) -> Result<Int, Fault> {
    if b.is_zero() { Err(Fault::zero_division("integer modulo by zero")) } else { Ok(a.mod_floor(b).into()) }
}

/// `divmod(a, b)`
pub fn big_divmod(a: &BigInt, b: &BigInt) -> Result<(Int, Int), Fault> {
    if b.is_zero() {
        return Err(division_by_zero());
    }
    let (quotient, rest) = a.div_mod_floor(b);
    Ok((quotient.into(), rest.into()))
}

/// `a / b` where both are exact as floats; `None` otherwise.
#[inline]
pub fn true_div(a: i64, b: i64) -> Option<f64> {
    const EXACT: u64 = 1 << 53;
    (b != 0 && a.unsigned_abs() <= EXACT && b.unsigned_abs() <= EXACT).then(|| a as f64 / b as f64)
}

/// `a / b`, rounded once.
pub fn big_true_div(a: &BigInt, b: &BigInt) -> Result<f64, Fault> {
    if b.is_zero() {
        return Err(Fault::zero_division("division by zero"));
    }
    if a.is_zero() {
        return Ok(if b.is_negative() { -0.0 } else { 0.0 });
    }
    let negative = a.is_negative() != b.is_negative();
    let (a, b) = (a.magnitude(), b.magnitude());
    let difference = a.bits() as i64 - b.bits() as i64;
    let result = if difference > 1024 {
        f64::INFINITY
    } else if difference < -1100 {
        0.0
    } else {
        // A quotient of 62 or 63 bits, its last bit set if anything was cut off.
        let shift = 62 - difference;
        let (quotient, rest) = if shift >= 0 { (a << shift).div_rem(b) } else { a.div_rem(&(b << -shift)) };
        let quotient = quotient.to_u64().unwrap_or(u64::MAX) | u64::from(!rest.is_zero());
        float::compose(quotient, -shift)
    };
    if result.is_infinite() {
        return Err(Fault::overflow("integer division result too large for a float"));
    }
    Ok(if negative { -result } else { result })
}

/// `base ** exponent` if it fits and the exponent is not negative.
#[inline]
pub fn pow(base: i64, exponent: i64) -> Option<i64> {
    match (base, u32::try_from(exponent)) {
        (_, Ok(exponent)) => base.checked_pow(exponent),
        (_, Err(_)) if exponent < 0 => None,
        (0 | 1, _) => Some(base),
        (-1, _) => Some(if exponent % 2 == 0 { 1 } else { -1 }),
        _ => None,
    }
}

/// `base ** exponent` for an exponent that is not negative; a negative one makes floats of both, which is the
/// caller's affair.
pub fn big_pow(base: &BigInt, exponent: &BigInt) -> Result<Int, Fault> {
    if exponent.is_zero() || base.is_one() {
        return Ok(Int::Small(1));
    }
    if base.is_zero() {
        return Ok(Int::Small(0));
    }
    if base.magnitude().is_one() {
        return Ok(Int::Small(if exponent.is_even() { 1 } else { -1 }));
    }
    match exponent.to_u32() {
        Some(exponent) if (base.bits() - 1).saturating_mul(exponent.into()) <= MAX_BITS => {
            Ok(base.pow(exponent).into())
        }
        _ => Err(Fault::memory_error("")),
    }
}

/// `pow(base, exponent, modulus)`
pub fn pow_mod(base: &BigInt, exponent: &BigInt, modulus: &BigInt) -> Result<Int, Fault> {
    if modulus.is_zero() {
        return Err(Fault::value_error("pow() 3rd argument cannot be 0"));
    }
    if !exponent.is_negative() {
        return Ok(base.modpow(exponent, modulus).into());
    }
    let size = BigInt::from(modulus.magnitude().clone());
    if size.is_one() {
        return Ok(Int::Small(0));
    }
    let Some(inverse) = base.mod_floor(&size).modinv(&size) else {
        return Err(Fault::value_error("base is not invertible for the given modulus"));
    };
    Ok(inverse.modpow(&-exponent, modulus).into())
}

/// The same for machine words: an exponent that is not negative, a positive modulus.
pub fn pow_mod_i64(base: i64, exponent: i64, modulus: i64) -> i64 {
    let mut square = u128::from(base.rem_euclid(modulus).unsigned_abs());
    let modulus = u128::from(modulus.unsigned_abs());
    let (mut result, mut left) = (1 % modulus, exponent);
    while left > 0 {
        if left & 1 == 1 {
            result = result * square % modulus;
        }
        square = square * square % modulus;
        left >>= 1;
    }
    result as i64
}

/// `a << b`; `None` if it does not fit or `b` is negative.
#[inline]
pub fn shl(a: i64, b: i64) -> Option<i64> {
    if a == 0 && b >= 0 {
        return Some(0);
    }
    let shifted = a.checked_shl(u32::try_from(b).ok()?)?;
    (shifted >> b == a).then_some(shifted)
}

/// `a >> b`; `None` if `b` is negative.
#[inline]
pub fn shr(a: i64, b: i64) -> Option<i64> {
    (b >= 0).then(|| a >> b.min(63))
}

#[cold]
fn negative_shift() -> Fault {
    Fault::value_error("negative shift count")
}

/// `a << b`
pub fn big_shl(a: &BigInt, b: &BigInt) -> Result<Int, Fault> {
    if b.is_negative() {
        return Err(negative_shift());
    }
    if a.is_zero() {
        return Ok(Int::Small(0));
    }
    match b.to_u64() {
        Some(count) if count.saturating_add(a.bits()) <= MAX_BITS => Ok((a << count).into()),
        _ => Err(Fault::memory_error("")),
    }
}

/// `a >> b`, rounded down.
pub fn big_shr(a: &BigInt, b: &BigInt) -> Result<Int, Fault> {
    if b.is_negative() {
        return Err(negative_shift());
    }
    match b.to_u64() {
        Some(count) if count < a.bits() => Ok((a >> count).into()),
        _ => Ok(Int::Small(if a.is_negative() { -1 } else { 0 })),
    }
}

/// `n.bit_length()`
#[inline]
pub fn bit_length(n: i64) -> u32 {
    64 - n.unsigned_abs().leading_zeros()
}

/// `n.bit_length()`
pub fn big_bit_length(n: &BigInt) -> u64 {
    n.bits()
}

/// `n.bit_count()`: the ones of the absolute value.
#[inline]
pub fn bit_count(n: i64) -> u32 {
    n.unsigned_abs().count_ones()
}

/// `n.bit_count()`
pub fn big_bit_count(n: &BigInt) -> u64 {
    n.magnitude().count_ones()
}

/// `round(n, digits)` for negative `digits`: to a multiple of `10**-digits`, halves to the even one.
pub fn round_to(n: &BigInt, digits: i64) -> Int {
    let places = digits.unsigned_abs();
    if digits >= 0 {
        return n.clone().into();
    }
    if places > n.bits() / 3 + 2 {
        return Int::Small(0);
    }
    let unit = BigInt::from(10).pow(places as u32);
    let (quotient, rest) = n.div_mod_floor(&unit);
    let up = match (&rest + &rest).cmp(&unit) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Equal => quotient.is_odd(),
        std::cmp::Ordering::Greater => true,
    };
    ((quotient + u8::from(up)) * unit).into()
}

/// `n.to_bytes(length, byteorder, signed=signed)`
pub fn to_bytes(n: &BigInt, length: usize, little: bool, signed: bool) -> Result<Vec<u8>, Fault> {
    if n.is_negative() && !signed {
        return Err(Fault::overflow("can't convert negative int to unsigned"));
    }
    // Two's complement needs a sign bit beyond the bits of n, or of -n - 1.
    let bits = match n.sign() {
        // CPython lets -1 pass in no bytes at all.
        Sign::Minus if length == 0 && n.magnitude().is_one() => 0,
        Sign::Minus => (n + 1u8).bits() + 1,
        Sign::NoSign => 0,
        Sign::Plus => n.bits() + u64::from(signed),
    };
    if bits > (length as u64).saturating_mul(8) {
        return Err(Fault::overflow("int too big to convert"));
    }
    let mut bytes = if n.is_zero() { Vec::new() } else { n.to_signed_bytes_le() };
    bytes.resize(length, if n.is_negative() { 0xFF } else { 0 });
    if !little {
        bytes.reverse();
    }
    Ok(bytes)
}

/// `int.from_bytes(bytes, byteorder, signed=signed)`
pub fn from_bytes(bytes: &[u8], little: bool, signed: bool) -> Int {
    match (little, signed) {
        (true, true) => BigInt::from_signed_bytes_le(bytes),
        (true, false) => BigInt::from(BigUint::from_bytes_le(bytes)),
        (false, true) => BigInt::from_signed_bytes_be(bytes),
        (false, false) => BigInt::from(BigUint::from_bytes_be(bytes)),
    }
    .into()
}

/// Whether `byteorder` says little endian.
pub fn is_little(byteorder: &str) -> Result<bool, Fault> {
    match byteorder {
        "little" => Ok(true),
        "big" => Ok(false),
        _ => Err(Fault::value_error("byteorder must be either 'little' or 'big'")),
    }
}
