//! `str`: immutable text addressed by code points.
//!
//! Text is UTF-8. The number of code points is counted once, so that pure ASCII (count equals length) is indexed in
//! constant time. Lone surrogates, which UTF-8 cannot hold, are kept as private characters: U+D800+n as U+10F000+n
//! (see `text::code_point`).

use std::cell::Cell;
use std::rc::Rc;

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

    /// Appends in place; only for a string that nobody else refers to.
    pub fn push_str(&mut self, other: &str) {
        self.text.push_str(other);
        self.count.set(u32::MAX);
        self.hash.set(0);
    }
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
