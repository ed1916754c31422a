//! The payloads of [`Value`](super::Value) that are not words by themselves. With a whole integer or pointer in every variant a
//! value travels in two registers; one `f64` or one byte among them, and it goes through memory at every return.

/// A `float` as its bits.
#[derive(Clone, Copy)]
pub struct Real(u64);

impl Real {
    #[inline]
    pub const fn new(x: f64) -> Real {
        Real(x.to_bits())
    }

    #[inline]
    pub const fn get(self) -> f64 {
        f64::from_bits(self.0)
    }
}

/// A `bool` as wide as a word.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum Truth {
    False,
    True,
}

impl Truth {
    #[inline]
    pub const fn new(b: bool) -> Truth {
        if b { Truth::True } else { Truth::False }
    }

    #[inline]
    pub const fn get(self) -> bool {
        matches!(self, Truth::True)
    }
}
