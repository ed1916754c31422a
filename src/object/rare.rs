//! What most objects of a kind never have: one word until it is there.

use std::cell::Cell;

/// A part that is made when it is first changed.
pub struct Rare<T>(Cell<Option<Box<T>>>);

impl<T> Default for Rare<T> {
    fn default() -> Self {
        Rare(Cell::new(None))
    }
}

impl<T: Default> Rare<T> {
    /// Something of the part, if it is there. The part counts as not there meanwhile.
    #[inline]
    pub fn get<R: Default>(&self, get: impl FnOnce(&mut T) -> R) -> R {
        let mut part = self.0.take();
        let result = part.as_mut().map(|part| get(part));
        self.0.set(part);
        result.unwrap_or_default()
    }

    /// Changes the part, which is made if it is not there yet.
    pub fn change<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let mut part = self.0.take().unwrap_or_default();
        let result = change(&mut part);
        self.0.set(Some(part));
        result
    }

    /// Takes the part out.
    #[inline]
    pub fn take(&self) -> Option<Box<T>> {
        self.0.take()
    }

    #[inline]
    pub fn set(&self, part: Option<Box<T>>) {
        self.0.set(part);
    }

    pub fn swap(&self, other: &Rare<T>) {
        self.0.swap(&other.0);
    }
}
