//! `str`: immutable text addressed by code points.
//!
//! Text is UTF-8. The number of code points is counted once, so that pure ASCII (count equals length) is indexed in
//! constant time; so is other text by [`Positions`]. Lone surrogates, which UTF-8 cannot hold, are kept as private characters: U+D800+n as U+10F000+n
//! (see `text::code_point`).

use std::cell::Cell;
use std::rc::{Rc, Weak};

use compact_str::CompactString;

pub struct Str {
    text: CompactString,
    /// Code points; `u32::MAX` until counted.
    count: Cell<u32>,
    /// `hash()`; 0 until computed (and, harmlessly, for the few texts whose hash is 0).
    hash: Cell<i64>,
    /// Whether this is the one object that stands for a name of the interpreter's name table.
    interned: Cell<bool>,
}

impl std::fmt::Display for Str {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Str {
    pub fn new(text: impl Into<CompactString>) -> Str {
        Str { text: text.into(), count: Cell::new(u32::MAX), hash: Cell::new(0), interned: Cell::new(false) }
    }

    #[inline]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Number of code points.
    #[inline]
    pub fn len(&self) -> usize {
        if self.count.get() == u32::MAX {
            self.count.set(self.text.chars().count() as u32);
        }
        self.count.get() as usize
    }

    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    pub fn is_ascii(&self) -> bool {
        self.len() == self.text.len()
    }

    /// Marks the string as the one that stands for its text in the name table, which keeps it alive.
    pub fn intern(&self) {
        self.interned.set(true);
    }

    #[inline]
    pub fn is_interned(&self) -> bool {
        self.interned.get()
    }

    #[inline]
    pub fn hash(&self) -> i64 {
        if self.hash.get() == 0 {
            self.hash.set(crate::text::int::hash_str(&self.text));
        }
        self.hash.get()
    }

    /// Of so many code points, which need not be counted again.
    pub fn counted(text: impl Into<CompactString>, count: usize) -> Str {
        let text = Str::new(text);
        text.count.set(u32::try_from(count).unwrap_or(u32::MAX));
        text
    }

    /// How many code points two texts have together, if they were counted.
    fn count_with(&self, other: &Str) -> Option<usize> {
        let counts = [self.count.get(), other.count.get()];
        (!counts.contains(&u32::MAX)).then(|| counts[0] as usize + counts[1] as usize)
    }

    /// The one text and the other.
    pub fn concat(&self, other: &Str) -> Str {
        let mut text = CompactString::with_capacity(self.text.len() + other.text.len());
        text.push_str(&self.text);
        text.push_str(&other.text);
        match self.count_with(other) {
            Some(count) => Str::counted(text, count),
            None => Str::new(text),
        }
    }

    /// Appends in place; only for a string that nobody else refers to.
    pub fn push_str(&mut self, other: &Str) {
        let count = self.count_with(other).and_then(|count| u32::try_from(count).ok());
        self.text.push_str(&other.text);
        self.count.set(count.unwrap_or(u32::MAX));
        self.hash.set(0);
    }
}

/// Where code points are in long texts that are not ASCII, for the two texts that were asked about last.
#[derive(Default)]
pub struct Positions {
    /// Where every [`Positions::STRIDE`]th code point begins, in bytes.
    known: [(Weak<Str>, Vec<u32>); 2],
    last: usize,
}

impl Positions {
    const STRIDE: usize = 16;
    /// Up to so many bytes a position is found by counting.
    const SHORT: usize = 128;

    /// Where a code point begins, in bytes; the end for any that is not there.
    pub fn offset(&mut self, text: &Rc<Str>, position: usize) -> usize {
        let whole = text.as_str();
        if position >= text.len() {
            whole.len()
        } else if text.is_ascii() {
            position
        } else if position < Self::STRIDE || whole.len() <= Self::SHORT || u32::try_from(whole.len()).is_err() {
            nth_offset(whole, position)
        } else if text.len() - position <= Self::STRIDE {
            whole.char_indices().nth_back(text.len() - position - 1).map_or(whole.len(), |(at, _)| at)
        } else {
            // As long as it is referred to it has its address for itself and cannot grow in place.
            let at = self.known.iter().position(|(known, _)| known.as_ptr() == Rc::as_ptr(text));
            let at = at.unwrap_or_else(|| {
                self.last = 1 - self.last;
                let places = whole.char_indices().step_by(Self::STRIDE).map(|(at, _)| at as u32);
                self.known[self.last] = (Rc::downgrade(text), places.collect());
                self.last
            });
            let from = self.known[at].1[position / Self::STRIDE] as usize;
            from + nth_offset(&whole[from..], position % Self::STRIDE)
        }
    }
}

/// Where the code point begins before which there are `n`.
fn nth_offset(text: &str, n: usize) -> usize {
    let mut chars = text.chars();
    if let Some(before) = n.checked_sub(1) {
        chars.nth(before);
    }
    text.len() - chars.as_str().len()
}

impl std::ops::Deref for Str {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl PartialEq for Str {
    /// One object is equal to itself; two that differ in length, or in hashes that are known, are not looked at any
    /// further.
    #[inline(always)]
    fn eq(&self, other: &Str) -> bool {
        if std::ptr::eq(self, other) {
            return true;
        }
        let (a, b) = (self.hash.get(), other.hash.get());
        let may = self.text.len() == other.text.len() && (a == b || a == 0 || b == 0);
        may && self.text.as_bytes() == other.text.as_bytes()
    }
}

impl Default for Str {
    fn default() -> Self {
        Str::new("")
    }
}

impl From<&str> for Str {
    fn from(text: &str) -> Str {
        Str::new(text)
    }
}

impl From<String> for Str {
    fn from(text: String) -> Str {
        Str::new(text)
    }
}

/// Whether two strings are one object or equal text.
#[inline]
pub fn same(a: &Rc<Str>, b: &Rc<Str>) -> bool {
    Rc::ptr_eq(a, b) || (a.hash() == b.hash() && a == b)
}
