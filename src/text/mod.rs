//! Text and numbers: what Python's `str`, `bytes`, `int` and `float` compute, as plain functions.
//!
//! **Invariant**: nothing here knows an interpreter value. What goes wrong is a [`Fault`], which the interpreter turns
//! into an exception. Strings are UTF-8; a lone surrogate, which UTF-8 cannot hold, is kept as a private character
//! (see [`code_point`]).

pub mod bytesops;
pub mod case;
pub mod codecs;
pub mod complex;
pub mod eastern;
pub mod float;
pub mod floatformat;
pub mod format;
pub mod hash;
pub mod int;
pub mod percent;
pub mod regex;
pub mod repr;
pub mod similar;
pub mod slice;
pub mod strformat;
pub mod strops;
mod tables;
pub mod ucd;
pub mod unicode;

/// Something went wrong: the class of the exception and its message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    pub kind: FaultKind,
    pub message: String,
}

/// The class of an exception, with the attributes of those that have more than a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FaultKind {
    TypeError,
    ValueError,
    OverflowError,
    KeyError,
    IndexError,
    MemoryError,
    ZeroDivisionError,
    LookupError,
    UnicodeEncodeError { encoding: String, object: String, start: usize, end: usize, reason: String },
    UnicodeDecodeError { encoding: String, object: Vec<u8>, start: usize, end: usize, reason: String },
}

macro_rules! faults {
    ($($name:ident $kind:ident),* $(,)?) => {
        impl Fault {
            $(
                #[cold]
                pub fn $name(message: impl Into<String>) -> Fault {
                    Fault { kind: FaultKind::$kind, message: message.into() }
                }
            )*
        }
    };
}

faults! {
    type_error TypeError,
    value_error ValueError,
    overflow OverflowError,
    key_error KeyError,
    index_error IndexError,
    memory_error MemoryError,
    zero_division ZeroDivisionError,
    lookup_error LookupError,
}

/// Where the characters that stand for the surrogates U+D800..U+DFFF begin.
const SURROGATES: u32 = 0x10_F000;
const SURROGATE_COUNT: u32 = 0x800;

/// The code point that a character stands for: itself, or a lone surrogate.
#[inline]
pub fn code_point(c: char) -> u32 {
    let n = c as u32;
    if n.wrapping_sub(SURROGATES) < SURROGATE_COUNT { n - SURROGATES + 0xD800 } else { n }
}

/// The character that stands for a code point; `None` past U+10FFFF.
#[inline]
pub fn from_code_point(n: u32) -> Option<char> {
    if n.wrapping_sub(0xD800) < SURROGATE_COUNT { char::from_u32(n - 0xD800 + SURROGATES) } else { char::from_u32(n) }
}

/// Whether a character stands for a lone surrogate.
#[inline]
pub fn is_surrogate(c: char) -> bool {
    (c as u32).wrapping_sub(SURROGATES) < SURROGATE_COUNT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surrogates_have_characters_of_their_own() {
        for n in [0, 0x41, 0xD7FF, 0xD800, 0xDFFF, 0xE000, 0x10_EFFF, 0x10_FFFF] {
            assert_eq!(from_code_point(n).map(code_point), Some(n));
        }
        assert_eq!(from_code_point(0x11_0000), None);
        assert!(is_surrogate('\u{10F000}'));
    }
}
