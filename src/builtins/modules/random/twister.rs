//! The Mersenne Twister MT19937 and how it is seeded.

pub(super) const WORDS: usize = 624;
const SHIFT: usize = 397;

#[derive(Clone)]
pub(super) struct Twister {
    words: [u32; WORDS],
    at: usize,
}

impl Twister {
    fn with_number(seed: u32) -> Twister {
        let mut words = [seed; WORDS];
        for at in 1..WORDS {
            let last = words[at - 1];
            words[at] = 1_812_433_253_u32.wrapping_mul(last ^ last >> 30).wrapping_add(at as u32);
        }
        Twister { words, at: WORDS }
    }

    /// Seeded with the digits of a number in base 2^32, the lowest first.
    pub(super) fn new(key: &[u32]) -> Twister {
        let mut twister = Twister::with_number(19_650_218);
        let key = if key.is_empty() { &[0] } else { key };
        let words = &mut twister.words;
        let (mut i, mut j) = (1, 0);
        for _ in 0..WORDS.max(key.len()) {
            let last = words[i - 1];
            words[i] =
                (words[i] ^ (last ^ last >> 30).wrapping_mul(1_664_525)).wrapping_add(key[j]).wrapping_add(j as u32);
            i += 1;
            j = (j + 1) % key.len();
            if i == WORDS {
                words[0] = words[WORDS - 1];
                i = 1;
            }
        }
        for _ in 1..WORDS {
            let last = words[i - 1];
            words[i] = (words[i] ^ (last ^ last >> 30).wrapping_mul(1_566_083_941)).wrapping_sub(i as u32);
            i += 1;
            if i == WORDS {
                words[0] = words[WORDS - 1];
                i = 1;
            }
        }
        words[0] = 0x8000_0000;
        twister
    }

    /// A twister in a known state: its words and its position.
    pub(super) fn restore(words: [u32; WORDS], at: usize) -> Twister {
        Twister { words, at }
    }

    pub(super) fn state(&self) -> (&[u32; WORDS], usize) {
        (&self.words, self.at)
    }

    fn refill(&mut self) {
        for i in 0..WORDS {
            let y = self.words[i] & 0x8000_0000 | self.words[(i + 1) % WORDS] & 0x7fff_ffff;
            let odd = if y & 1 == 0 { 0 } else { 0x9908_b0df };
            self.words[i] = self.words[(i + SHIFT) % WORDS] ^ y >> 1 ^ odd;
        }
        self.at = 0;
    }

    /// The next 32 bits.
    pub(super) fn next(&mut self) -> u32 {
        if self.at >= WORDS {
            self.refill();
        }
        let mut y = self.words[self.at];
        self.at += 1;
        y ^= y >> 11;
        y ^= y << 7 & 0x9d2c_5680;
        y ^= y << 15 & 0xefc6_0000;
        y ^ y >> 18
    }

    /// A float in [0, 1) with 53 random bits.
    pub(super) fn float(&mut self) -> f64 {
        let high = f64::from(self.next() >> 5);
        let low = f64::from(self.next() >> 6);
        (high * 67_108_864.0 + low) * (1.0 / 9_007_199_254_740_992.0)
    }
}
