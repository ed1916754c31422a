//! `hash()`: the numbers CPython 3.13 gives with `PYTHONHASHSEED=0`.
//!
//! Numbers that are equal hash equal whatever their type: a number is reduced modulo the prime 2**61 - 1. -1 is nobody's
//! hash (CPython keeps it for errors) and becomes -2.

use num_bigint::{BigInt, Sign};

use super::code_point;

const MODULUS: u64 = (1 << 61) - 1;
const INFINITY: i64 = 314_159;
const IMAGINARY: u64 = 1_000_003;

#[inline]
fn finish(hash: i64) -> i64 {
    if hash == -1 { -2 } else { hash }
}

/// The hash of an inline integer; also of `bool`.
#[inline]
pub fn hash_i64(n: i64) -> i64 {
    let size = n.unsigned_abs();
    let rest = if size < MODULUS { size } else { size % MODULUS } as i64;
    finish(if n < 0 { -rest } else { rest })
}

/// The hash of an integer of any size.
pub fn hash_int(n: &BigInt) -> i64 {
    let mut rest: u64 = 0;
    for digit in n.iter_u64_digits().rev() {
        // 2**64 is 8 modulo 2**61 - 1.
        rest = ((u128::from(rest) * 8 + u128::from(digit)) % u128::from(MODULUS)) as u64;
    }
    finish(if n.sign() == Sign::Minus { -(rest as i64) } else { rest as i64 })
}

/// The hash of a float. What is not a number hashes by identity, which is the caller's affair; here it is 0.
pub fn hash_float(x: f64) -> i64 {
    if x.is_nan() {
        return 0;
    }
    if x.is_infinite() {
        return if x > 0.0 { INFINITY } else { -INFINITY };
    }
    let bits = x.to_bits();
    let exponent = (bits >> 52 & 0x7FF) as i32;
    let fraction = bits & ((1 << 52) - 1);
    let (mantissa, exponent) = if exponent == 0 { (fraction, -1074) } else { (fraction | 1 << 52, exponent - 1075) };
    // Multiplying by 2**e modulo 2**61 - 1 turns the 61 bits by e places.
    let turn = exponent.rem_euclid(61) as u32;
    let rest = if turn == 0 { mantissa } else { (mantissa << turn & MODULUS) | mantissa >> (61 - turn) } as i64;
    finish(if x.is_sign_negative() { -rest } else { rest })
}

/// The hash of `complex(re, im)`.
pub fn hash_complex(re: f64, im: f64) -> i64 {
    finish(hash_float(re).wrapping_add((hash_float(im) as u64).wrapping_mul(IMAGINARY) as i64))
}

/// The hash of a string: that of its characters in the narrowest of CPython's three widths.
pub fn hash_str(text: &str) -> i64 {
    if text.is_ascii() {
        return hash_bytes(text.as_bytes());
    }
    let widest = text.chars().map(code_point).max().unwrap_or(0);
    let points = text.chars().map(code_point);
    let bytes: Vec<u8> = match widest {
        0..=0xFF => points.map(|n| n as u8).collect(),
        0x100..=0xFFFF => points.flat_map(|n| (n as u16).to_le_bytes()).collect(),
        _ => points.flat_map(u32::to_le_bytes).collect(),
    };
    hash_bytes(&bytes)
}

/// The hash of bytes: SipHash-1-3 with a key of zeros.
pub fn hash_bytes(bytes: &[u8]) -> i64 {
    if bytes.is_empty() {
        return 0;
    }
    // "somepseudorandomlygeneratedbytes", the constants of SipHash's definition.
    let mut v = [0x736f_6d65_7073_6575, 0x646f_7261_6e64_6f6d, 0x6c79_6765_6e65_7261, 0x7465_6462_7974_6573];
    let mut words = bytes.chunks_exact(8);
    for word in &mut words {
        absorb(&mut v, word.iter().rev().fold(0, |n, &byte| n << 8 | u64::from(byte)));
    }
    let tail = words.remainder().iter().rev().fold(0, |n, &byte| n << 8 | u64::from(byte));
    absorb(&mut v, tail | (bytes.len() as u64) << 56);
    v[2] ^= 0xFF;
    for _ in 0..3 {
        sip_round(&mut v);
    }
    finish((v[0] ^ v[1] ^ v[2] ^ v[3]) as i64)
}

#[inline]
fn absorb(v: &mut [u64; 4], word: u64) {
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
}

#[inline]
fn sip_round(v: &mut [u64; 4]) {
    let [mut a, mut b, mut c, mut d] = *v;
    a = a.wrapping_add(b);
    c = c.wrapping_add(d);
    b = b.rotate_left(13) ^ a;
    d = d.rotate_left(16) ^ c;
    a = a.rotate_left(32).wrapping_add(d);
    c = c.wrapping_add(b);
    b = b.rotate_left(17) ^ c;
    d = d.rotate_left(21) ^ a;
    *v = [a, b, c.rotate_left(32), d];
}

/// The hash of a tuple from the hashes of its items (xxHash's mixing).
pub fn hash_tuple(items: impl IntoIterator<Item = i64>) -> i64 {
    const P1: u64 = 11_400_714_785_074_694_791;
    const P2: u64 = 14_029_467_366_897_019_727;
    const P5: u64 = 2_870_177_450_012_600_261;
    let mut hash = P5;
    let mut count: u64 = 0;
    for item in items {
        hash = hash.wrapping_add((item as u64).wrapping_mul(P2)).rotate_left(31).wrapping_mul(P1);
        count += 1;
    }
    hash = hash.wrapping_add(count ^ P5 ^ 3_527_539);
    if hash == u64::MAX { 1_546_275_796 } else { hash as i64 }
}

/// The hash of a frozenset from the hashes of its items, in any order.
pub fn hash_frozenset(items: impl IntoIterator<Item = i64>) -> i64 {
    let mut hash: u64 = 0;
    let mut count: u64 = 0;
    for item in items {
        let item = item as u64;
        hash ^= (item ^ 89_869_747 ^ item << 16).wrapping_mul(3_644_798_167);
        count += 1;
    }
    hash ^= (count + 1).wrapping_mul(1_927_868_237);
    hash ^= hash >> 11 ^ hash >> 25;
    hash = hash.wrapping_mul(69_069).wrapping_add(907_133_923);
    if hash == u64::MAX { 590_923_713 } else { hash as i64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        let cases = [
            ("", 0),
            ("a", 4_644_417_185_603_328_019),
            ("hello", -2_096_571_579_003_691_106),
            ("é", 6_047_309_291_227_476_195),
            ("naïve café", -3_140_414_782_110_216_922),
            ("日本", 6_243_316_497_235_261_705),
            ("😀x", -8_926_728_262_118_538_918),
            ("\u{10F000}", 5_926_611_903_945_376_553),
        ];
        for (text, hash) in cases {
            assert_eq!(hash_str(text), hash, "{text}");
        }
        assert_eq!(hash_bytes(b"12345678"), 3_785_724_242_978_802_311);
    }
}
