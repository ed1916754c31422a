//! Freeing: iterative, and with finalisers run later by the machine.
//!
//! Values are reference counted, so an object's `Drop` runs the moment the last reference goes. Two things must not
//! happen inside `Drop`: recursion without bound (a list nested a million deep), and script code (a generator's
//! `finally`, `__del__`). So a container hands its contents to [`release`], which queues them once the native nesting
//! is deep, and an object with a finaliser queues itself with [`finalize_later`]; the machine runs that queue at the
//! next step boundary, when [`pending`] says so.
//!
//! **Invariant**: both queues belong to the thread, as every `Rc` does, and the finaliser queue to the interpreter that
//! is running on it; an interpreter that is entered brings its own queue and takes it away when it is left.

mod find;
mod registry;
mod trace;
pub mod weak;

pub use find::{all_objects, count, find_garbage, free, referents, referrers, still_garbage};
pub use registry::{
    Mark, Tracked, collection_wanted, counts, displayed, filled, forget_identity, full_collection_wanted, identity,
    is_enabled, is_noted, keep_identity, next_age, note_collection, register, rejuvenate, set_enabled, set_threshold,
    statistics, stored, stored_into, threshold, watch,
};
pub use trace::{Visit, link, trace, trace_cell, trace_option, unshared};

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::instance::Instance;
use super::value::Value;

/// How deep containers free each other on the native stack before the rest is queued.
const NESTING: u32 = 40;

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    static LATER: RefCell<Vec<Vec<Value>>> = const { RefCell::new(Vec::new()) };
    static PENDING: Cell<bool> = const { Cell::new(false) };
    static FINALIZERS: RefCell<Vec<Finalizer>> = const { RefCell::new(Vec::new()) };
}

/// An object whose last reference went away and that still has something to run.
pub enum Finalizer {
    /// Call `__del__` on the revived object.
    Del(Value),
    /// Close a suspended generator or coroutine, or warn about one that never started.
    Coroutine(Rc<super::coroutine::Coroutine>),
    /// Call the callback of a weak reference whose object is gone.
    Weak(Rc<Instance>),
    /// Anything else: a task that is destroyed, a future whose exception nobody retrieved.
    Native(Box<dyn FnOnce(&mut crate::machine::Vm)>),
}

/// Frees the values of a container that is going away.
pub fn release(values: &mut Vec<Value>) {
    // From the end, as CPython frees lists and tuples; numbers there lead nowhere.
    while let Some(last) = values.pop() {
        if last.is_heap() {
            values.push(last);
            break;
        }
        last.discard();
    }
    if values.is_empty() {
        return;
    }
    nested(values, std::mem::take, |values| {
        while let Some(value) = values.pop() {
            value.discard();
        }
    });
}

/// Frees values now, or puts them into a queue if the nesting is deep.
#[inline]
fn nested<V: ?Sized>(values: &mut V, take: impl FnOnce(&mut V) -> Vec<Value>, free: impl FnOnce(&mut V)) {
    let depth = DEPTH.try_with(|d| d.get()).unwrap_or(0);
    if depth >= NESTING {
        let moved = take(values);
        // While the thread itself is being torn down the queue may be gone: then the values are freed here.
        let _ = LATER.try_with(|later| later.borrow_mut().push(moved));
        return;
    }
    let _ = DEPTH.try_with(|d| d.set(depth + 1));
    free(values);
    let _ = DEPTH.try_with(|d| d.set(depth));
    if depth == 0 {
        while let Ok(Some(mut batch)) = LATER.try_with(|later| later.borrow_mut().pop()) {
            let _ = DEPTH.try_with(|d| d.set(1));
            batch.clear();
            let _ = DEPTH.try_with(|d| d.set(0));
        }
    }
}

/// [`release`] in order from the first: the locals of a frame, the values of a dict.
pub fn release_in_order(values: &mut Vec<Value>) {
    // Nothing is freed with what others hold too.
    let last = values.iter_mut().position(|value| {
        let last = value.is_last();
        if !last {
            value.take().discard();
        }
        last
    });
    if let Some(at) = last {
        values[at..].reverse();
        release(values);
    }
    values.clear();
}

/// [`release`] in order from the first, for values that stand in another kind of vector.
pub fn release_each(values: &mut [Value]) {
    release_in_place(values, |values| values.iter_mut().for_each(|value| value.take().discard()));
}

/// The same from the last one.
pub fn release_from_end(values: &mut [Value]) {
    release_in_place(values, |values| values.iter_mut().rev().for_each(|value| value.take().discard()));
}

#[inline]
fn release_in_place(values: &mut [Value], free: impl FnOnce(&mut [Value])) {
    if values.iter().any(Value::is_heap) {
        nested(values, |values| values.iter_mut().map(Value::take).collect(), free);
    }
}

/// [`release`] in the order in which they come.
pub fn release_all<'a>(mut values: impl Iterator<Item = &'a mut Value>) {
    nested(
        &mut values,
        |values| values.map(Value::take).collect(),
        |values| values.for_each(|value| value.take().discard()),
    );
}

/// [`release`] for a single value.
pub fn release_one(value: &mut Value) {
    release_each(std::slice::from_mut(value));
}

/// Queues a finaliser; the machine runs it at the next step boundary.
#[cold]
pub fn finalize_later(finalizer: Finalizer) {
    let mut finalizer = Some(finalizer);
    let _ = FINALIZERS.try_with(|queue| queue.borrow_mut().extend(finalizer.take()));
    let _ = PENDING.try_with(|p| p.set(true));
    // The thread is ending and nobody will run it; dropping it would only queue it again.
    std::mem::forget(finalizer);
}

/// Queues the finaliser of an object that dies at this address, whose contents have moved to `revived`; it is known by its
/// old identity there.
#[cold]
pub fn finalize_revived(mark: &Mark, address: usize, revived: Value) {
    keep_identity(mark, address, &revived);
    if mark.is_watched() {
        weak::moved(address, &revived);
    }
    finalize_later(Finalizer::Del(revived));
}

/// Whether finalisers wait to be run.
#[inline]
pub fn pending() -> bool {
    PENDING.with(Cell::get)
}

/// Takes the waiting finalisers, oldest first.
pub fn take_finalizers() -> Vec<Finalizer> {
    PENDING.with(|p| p.set(false));
    FINALIZERS.with(RefCell::take)
}

/// Swaps the finaliser queue for another interpreter's.
pub fn swap_finalizers(queue: Vec<Finalizer>) -> Vec<Finalizer> {
    PENDING.with(|p| p.set(!queue.is_empty()));
    FINALIZERS.with(|current| current.replace(queue))
}

/// Drops a reference-counted link without recursing on the native stack: for chains of one object type.
pub fn unlink<T>(mut link: Option<Rc<T>>, mut next: impl FnMut(&mut T) -> Option<Rc<T>>) {
    while let Some(rc) = link {
        let Ok(mut node) = Rc::try_unwrap(rc) else { return };
        link = next(&mut node);
    }
}
