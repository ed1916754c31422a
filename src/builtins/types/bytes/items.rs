//! Numbers as they lie in memory: what `struct`, `array` and `memoryview` read and write.

use crate::builtins::prelude::*;
use num_bigint::BigInt;
use num_traits::ToPrimitive;

/// The kind of an item: its format character, size in bytes and byte order.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Item {
    pub code: u8,
    pub size: usize,
    pub big: bool,
}

/// Why a value does not become an item.
pub enum Misfit {
    Type,
    Range,
    Error(Error),
}

impl Item {
    /// The item of a format character, as the machine has it or in the standard sizes.
    pub fn new(code: u8, native: bool, big: bool) -> Option<Item> {
        let size = match code {
            b'x' | b'c' | b'b' | b'B' | b'?' | b's' | b'p' => 1,
            b'h' | b'H' | b'e' => 2,
            b'i' | b'I' | b'f' => 4,
            b'l' | b'L' => 4 + 4 * usize::from(native),
            b'q' | b'Q' | b'd' => 8,
            b'n' | b'N' | b'P' if native => 8,
            _ => return None,
        };
        Some(Item { code, size, big })
    }

    /// An item of `array`: those of the machine, and characters.
    pub fn of_array(code: u8) -> Option<Item> {
        match code {
            b'u' | b'w' => Some(Item { code, size: 4, big: false }),
            b'c' | b'?' | b'e' | b'n' | b'N' | b'P' | b'x' | b's' | b'p' => None,
            _ => Item::new(code, true, false),
        }
    }

    pub fn is_signed(self) -> bool {
        matches!(self.code, b'b' | b'h' | b'i' | b'l' | b'q' | b'n')
    }

    /// The least and the greatest number.
    pub fn range(self) -> (i128, i128) {
        let bits = self.size * 8;
        if self.is_signed() { (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) } else { (0, (1 << bits) - 1) }
    }

    /// The value of an item's bytes.
    pub fn unpack(self, bytes: &[u8]) -> Value {
        let fold = |n: u64, byte: &u8| n << 8 | u64::from(*byte);
        let n = match bytes.try_into() {
            Ok(whole) if !self.big => u64::from_le_bytes(whole),
            _ if self.big => bytes.iter().fold(0, fold),
            _ => bytes.iter().rev().fold(0, fold),
        };
        match self.code {
            b'c' => Value::bytes(bytes.to_vec()),
            b'?' => Value::bool(n != 0),
            b'e' => Value::float(half_to_f64(n as u16)),
            b'f' => Value::float(f32::from_bits(n as u32).into()),
            b'd' => Value::float(f64::from_bits(n)),
            b'u' | b'w' => Value::string(crate::text::from_code_point(n as u32).unwrap_or('\u{fffd}').to_string()),
            _ if self.is_signed() => {
                let unused = 64 - 8 * self.size as u32;
                Value::Int((n << unused) as i64 >> unused)
            }
            _ => i64::try_from(n).map_or_else(|_| Value::int(BigInt::from(n)), Value::Int),
        }
    }

    /// Writes a number in the machine's order where it stands for itself: whether it does.
    pub fn put(self, value: &Value, place: &mut [u8]) -> bool {
        let n = match (self.code, value) {
            (b'd', Value::Float(x)) if !x.get().is_nan() => x.get().to_bits(),
            (b'b' | b'B' | b'h' | b'H' | b'i' | b'I' | b'l' | b'L' | b'q' | b'Q', Value::Int(n)) => {
                let (least, most) = self.range();
                if !(least..=most).contains(&i128::from(*n)) {
                    return false;
                }
                *n as u64
            }
            _ => return false,
        };
        place.copy_from_slice(&n.to_le_bytes()[..self.size]);
        true
    }

    /// Appends the bytes of a value.
    pub fn pack(self, vm: &mut Vm, value: &Value, out: &mut Vec<u8>) -> std::result::Result<(), Misfit> {
        let n = match self.code {
            b'c' => {
                let Value::Bytes(bytes) = value.unwrapped() else { return Err(Misfit::Type) };
                let [byte] = bytes[..] else { return Err(Misfit::Range) };
                u64::from(byte)
            }
            b'?' => u64::from(vm.truth(value).map_err(Misfit::Error)?),
            b'u' | b'w' => {
                let mut chars = value.as_str().ok_or(Misfit::Type)?.as_str().chars();
                let (Some(c), None) = (chars.next(), chars.next()) else { return Err(Misfit::Type) };
                u64::from(crate::text::code_point(c))
            }
            b'e' | b'f' | b'd' => {
                let x = vm.to_f64(value).map_err(|error| vm.misfit(error))?;
                // One NaN for all, whatever the machine made it of.
                let x = if x.is_nan() { f64::from_bits(0x7ff8 << 48).copysign(x) } else { x };
                match self.code {
                    b'd' => x.to_bits(),
                    b'f' => u64::from((x as f32).to_bits()),
                    _ => u64::from(f64_to_half(x).ok_or(Misfit::Range)?),
                }
            }
            _ => {
                let index = vm.index_opt(value).map_err(|error| vm.misfit(error))?.ok_or(Misfit::Type)?;
                let n = match index {
                    Value::Int(n) => i128::from(n),
                    big => big.as_bigint().and_then(|n| n.to_i128()).ok_or(Misfit::Range)?,
                };
                let (least, most) = self.range();
                let least = if self.code == b'P' { i64::MIN.into() } else { least };
                if n < least || n > most {
                    return Err(Misfit::Range);
                }
                n as u64
            }
        };
        if self.big {
            out.extend_from_slice(&n.to_be_bytes()[8 - self.size..]);
        } else {
            out.extend_from_slice(&n.to_le_bytes()[..self.size]);
        }
        Ok(())
    }
}

impl Vm {
    /// An error of a conversion: a `TypeError` says only that the value is of the wrong type.
    fn misfit(&mut self, error: Error) -> Misfit {
        if error.is(&self.types.TypeError) { Misfit::Type } else { Misfit::Error(error) }
    }

    /// The length of `bytes` in items, or the refusal of a remainder.
    pub fn whole_items(&mut self, len: usize, size: usize, refusal: &str) -> Result<usize> {
        if len % size == 0 { Ok(len / size) } else { Err(self.value_error(refusal)) }
    }
}

/// The number in 16 bits: a sign, 5 bits of exponent, 10 of fraction.
fn half_to_f64(bits: u16) -> f64 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
    sign * match exponent {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * 2f64.powi(exponent - 25),
    }
}

/// The nearest number in 16 bits; `None` if there is none.
fn f64_to_half(x: f64) -> Option<u16> {
    let sign = if x.is_sign_negative() { 0x8000 } else { 0 };
    let size = x.abs();
    if x.is_nan() {
        return Some(sign | 0x7e00);
    }
    if x.is_infinite() {
        return Some(sign | 0x7c00);
    }
    // The spacing of the numbers around this one, exact as a power of two; what rounds up to the next power carries over.
    let exponent = (((size.to_bits() >> 52) as i32) - 1023).max(-14);
    let units = (size * 2f64.powi(10 - exponent)).round_ties_even() as u32;
    let bits = ((exponent + 14) as u32 * 1024 + units).min(u32::from(u16::MAX));
    if bits >= 0x7c00 { None } else { Some(sign | bits as u16) }
}
