//! Which objects may be part of a circle of references.
//!
//! A circle is closed by storing a reference into an object that existed before. So an object enters the registry when
//! something that could lead back to it is first stored into it, and programs that build no such structures pay
//! nothing. It leaves the registry when it dies, so what is counted is what is alive.
//!
//! **Invariant**: every circle has a member in the registry. The registry holds weak references, young ones and those
//! that survived a collection apart; an object's [`Mark`] knows its place.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use super::{PENDING, weak::Weakly};
use crate::object::attrs::Attrs;
use crate::object::class::Class;
use crate::object::containers::{Dict, List, Set};
use crate::object::coroutine::Coroutine;
use crate::object::exception::Exception;
use crate::object::function::{self, Function};
use crate::object::instance::{Instance, Payload};
use crate::object::value::Value;

/// What the collector knows of one object.
#[derive(Default)]
pub struct Mark {
    /// The place in the registry, counted from 1; 0 for an object that is not in it.
    place: Cell<u32>,
    /// The lowest bits are flags; the rest is the object's number in the collection under way, counted from 1.
    state: Cell<u32>,
}

/// It survived a collection: a young one takes it for alive.
const OLD: u32 = 1;
/// Its finaliser has run.
const FINALIZED: u32 = 2;
/// A weak reference wants to know when it dies.
const WATCHED: u32 = 4;
/// An instance that has been given another class than it was made of.
const OTHER_CLASS: u32 = 8;
const FLAGS: u32 = 4;

impl Mark {
    #[inline]
    pub fn is_registered(&self) -> bool {
        self.place.get() != 0
    }

    fn has(&self, flag: u32) -> bool {
        self.state.get() & flag != 0
    }

    fn set(&self, flag: u32, on: bool) {
        self.state.set(if on { self.state.get() | flag } else { self.state.get() & !flag });
    }

    pub fn is_old(&self) -> bool {
        self.has(OLD)
    }

    pub fn is_finalized(&self) -> bool {
        self.has(FINALIZED)
    }

    pub fn set_finalized(&self) {
        self.set(FINALIZED, true);
    }

    pub fn is_watched(&self) -> bool {
        self.has(WATCHED)
    }

    pub fn set_watched(&self) {
        self.set(WATCHED, true);
    }

    #[inline]
    pub fn has_other_class(&self) -> bool {
        self.has(OTHER_CLASS)
    }

    pub fn set_has_other_class(&self) {
        self.set(OTHER_CLASS, true);
    }

    #[inline]
    pub(super) fn is_numbered(&self) -> bool {
        self.state.get() >> FLAGS != 0
    }

    /// The object's number in the collection under way.
    #[inline]
    pub(super) fn number(&self) -> Option<usize> {
        (self.state.get() >> FLAGS).checked_sub(1).map(|n| n as usize)
    }

    pub(super) fn set_number(&self, number: Option<usize>) {
        let number = number.map_or(0, |n| n as u32 + 1);
        self.state.set(self.state.get() & ((1 << FLAGS) - 1) | number << FLAGS);
    }

    pub(super) fn set_old(&self, old: bool) {
        self.set(OLD, old);
    }

    /// The object dies: takes it out of the registry and tells those that watch it.
    #[inline]
    pub fn died(&self, address: usize) {
        if self.place.get() != 0 {
            unregister(self);
        }
        if self.is_watched() {
            super::weak::died(address);
        }
    }
}

/// An object that something can be stored into.
pub trait Tracked: Sized {
    /// CPython's collector knows it only from when a container is stored into it.
    const KNOWN_LATE: bool = false;

    fn mark(&self) -> &Mark;
    fn downgrade(this: &Rc<Self>) -> Weakly;
}

macro_rules! tracked {
    ($($kind:ident($ty:ty) $($late:ident)?),* $(,)?) => {
        $(impl Tracked for $ty {
            $(const KNOWN_LATE: bool = stringify!($late).len() > 0;)?

            #[inline]
            fn mark(&self) -> &Mark {
                &self.mark
            }

            fn downgrade(this: &Rc<Self>) -> Weakly {
                Weakly::$kind(Rc::downgrade(this))
            }
        })*
    };
}

tracked!(
    List(List),
    Dict(Dict) late,
    Set(Set),
    Cell(function::Cell),
    Function(Function),
    Class(Class),
    Coroutine(Coroutine),
    Exception(Exception),
    Instance(Instance),
);

/// An object in the registry, `None` when it has died, and its age.
struct Place {
    object: Option<Weakly>,
    age: u32,
}

#[derive(Default)]
struct Generation {
    places: Vec<Place>,
    alive: usize,
    /// How many of those are coroutines.
    coroutines: usize,
}

/// So many coroutines count as one object: what a suspended one waits for nearly always leads to it.
const COROUTINES: usize = 8;

impl Generation {
    const fn new() -> Generation {
        Generation { places: Vec::new(), alive: 0, coroutines: 0 }
    }

    /// How many objects may be garbage.
    fn weight(&self) -> usize {
        self.alive - self.coroutines + self.coroutines / COROUTINES
    }

    fn push(&mut self, object: Weakly, age: u32, mark: &Mark) {
        if self.places.len() == self.places.capacity() && self.alive < self.places.len() / 2 {
            self.close_gaps();
        }
        self.coroutines += usize::from(object.is_coroutine());
        self.places.push(Place { object: Some(object), age });
        self.alive += 1;
        mark.place.set(self.places.len() as u32);
    }

    fn close_gaps(&mut self) {
        self.places.retain(|place| place.object.as_ref().is_some_and(|object| object.upgrade().is_some()));
        for (at, place) in self.places.iter().enumerate() {
            if let Some(value) = place.object.as_ref().and_then(Weakly::upgrade) {
                if let Some(mark) = mark_of(&value) {
                    mark.place.set(at as u32 + 1);
                }
            }
        }
        self.alive = self.places.len();
        self.coroutines = self.places.iter().flat_map(|place| &place.object).filter(|o| o.is_coroutine()).count();
    }

    fn remove(&mut self, place: u32) -> Option<Weakly> {
        let removed = self.places.get_mut(place as usize - 1).and_then(|place| place.object.take());
        self.alive -= usize::from(removed.is_some());
        self.coroutines -= usize::from(removed.as_ref().is_some_and(Weakly::is_coroutine));
        while matches!(self.places.last(), Some(Place { object: None, .. })) {
            self.places.pop();
        }
        removed
    }

    fn objects(&self) -> impl Iterator<Item = Value> {
        self.places.iter().filter_map(|place| place.object.as_ref().and_then(Weakly::upgrade))
    }
}

/// How far apart collections get in a program that makes hardly any garbage in circles.
const MOST_PATIENCE: usize = 8;

/// How many times as many objects as start a collection must have grown old before old ones are looked at again.
const LONG: usize = 20;

struct Registry {
    young: Generation,
    old: Generation,
    /// How many young objects start a collection; 0 for never.
    threshold: usize,
    /// By how much that is multiplied: it doubles after each collection that found next to nothing.
    patience: usize,
    enabled: bool,
    wanted: bool,
    /// The least weight of the old objects since everything was looked at, and how many were looked at then.
    settled: usize,
    looked_at: usize,
    statistics: [(usize, usize); 3],
}

thread_local! {
    static AGES: Cell<u32> = const { Cell::new(0) };
    /// The ages that the last full collections have given to what they put behind others, which is not told of everything.
    static RENEWED: RefCell<VecDeque<(u32, u32)>> = const { RefCell::new(VecDeque::new()) };
    static REGISTRY: RefCell<Registry> = const {
        RefCell::new(Registry {
            young: Generation::new(),
            old: Generation::new(),
            threshold: 2000,
            patience: 1,
            enabled: true,
            wanted: false,
            settled: 0,
            looked_at: 0,
            statistics: [(0, 0); 3],
        })
    };
}

/// Says that a reference is about to be stored into an object that may be known elsewhere already.
#[inline]
pub fn stored<T: Tracked>(into: &Rc<T>, value: &Value) {
    if !is_noted(into, value) {
        consider(into, value);
    }
}

/// Whether [`stored`] has nothing to do, which otherwise looks into the value.
#[inline]
pub fn is_noted<T: Tracked>(into: &Rc<T>, value: &Value) -> bool {
    !value.is_container() || into.mark().is_registered()
}

#[inline(never)]
fn consider<T: Tracked>(into: &Rc<T>, value: &Value) {
    // What refers to nothing cannot lead back, unless it is the object itself, which may be borrowed now.
    if value.address() == Some(Rc::as_ptr(into).cast::<u8>() as usize) || !refers_to_nothing(value) {
        // Programs make a list first, and then what they store into it.
        let known = age_of(value).filter(|_| !T::KNOWN_LATE);
        let age = known.map_or_else(next_age, |(age, rank)| age - u32::from(rank == 0 && age > 0));
        register_aged(into, || age);
    }
}

/// A comprehension has filled a list, which was made before its items: that is to be seen if those have ages of their own.
#[inline]
pub fn filled(list: &Value) {
    let Value::List(list) = list else { return };
    let first = list.items.borrow().first().filter(|first| own_age(first).is_some()).cloned();
    if let Some(first) = first {
        stored(list, &first);
    }
}

/// A display has made a dict, after its items.
#[inline]
pub fn displayed(dict: &Rc<Dict>) {
    if dict.mark.is_registered() {
        rejuvenate(&Value::Dict(dict.clone()));
    }
}

/// [`stored`] for an object of any kind.
pub fn stored_into(into: &Value, value: &Value) {
    if value.is_container() {
        watch(into);
    }
}

/// Registers an object of any kind: what is stored into it is not known, or not worth looking at.
pub fn watch(object: &Value) {
    match object {
        Value::List(x) => register(x),
        Value::Dict(x) => register(x),
        Value::Set(x) => register(x),
        Value::Cell(x) => register(x),
        Value::Function(x) => register(x),
        Value::Class(x) => register(x),
        Value::Coroutine(x) => register(x),
        Value::Exception(x) => register(x),
        Value::Instance(x) => {
            register(x);
            x.inner().into_iter().for_each(watch);
        }
        Value::Module(x) => register(&x.dict),
        _ => {}
    }
}

/// A number greater than those of all objects made before: garbage goes in this order.
#[inline]
pub fn next_age() -> u32 {
    AGES.with(|ages| {
        let age = ages.get().wrapping_add(1);
        ages.set(age);
        age
    })
}

/// What [`end_renewing`] is told, before a full collection puts objects behind others.
pub(super) fn begin_renewing() -> u32 {
    AGES.get()
}

pub(super) fn end_renewing(from: u32) {
    if AGES.get() > from {
        // A program that collects over and over must not be looked at ever more slowly.
        const MOST: usize = 32;
        RENEWED.with_borrow_mut(|renewed| {
            renewed.truncate(MOST - 1);
            renewed.push_front((from, AGES.get()));
        });
    }
}

/// Whether one full collection has given these ages.
pub(super) fn were_renewed(oldest: u32, newest: u32) -> bool {
    RENEWED.with_borrow(|renewed| renewed.iter().any(|&(from, to)| from < oldest && newest <= to))
}

/// When an object was made, or put into the registry, if that is known; a collection may have moved it behind others. Of
/// two of one age the second is in the first.
pub(super) fn age_of(value: &Value) -> Option<(u32, u8)> {
    if let Some(age) = own_age(value) {
        return Some((age.get(), 1));
    }
    at_place(value, |place| (place.age, 0))
}

/// The age that an object keeps itself.
pub(super) fn own_age(value: &Value) -> Option<&Cell<u32>> {
    match value {
        Value::Coroutine(coroutine) => Some(&coroutine.age),
        Value::Instance(instance) => instance.native_data().and_then(|data| data.age()),
        _ => None,
    }
}

fn at_place<R>(value: &Value, with: impl FnOnce(&mut Place) -> R) -> Option<R> {
    let mark = mark_of(value)?;
    let place = mark.place.get().checked_sub(1)?;
    REGISTRY.with(|registry| {
        let mut registry = registry.borrow_mut();
        let generation = if mark.is_old() { &mut registry.old } else { &mut registry.young };
        generation.places.get_mut(place as usize).map(with)
    })
}

/// An object goes behind all others.
pub fn rejuvenate(value: &Value) {
    match own_age(value) {
        Some(age) => age.set(next_age()),
        None => drop(at_place(value, |place| place.age = next_age())),
    }
}

/// Puts an object into the registry, unless it is there.
pub fn register<T: Tracked>(object: &Rc<T>) {
    register_aged(object, next_age);
}

fn register_aged<T: Tracked>(object: &Rc<T>, age: impl FnOnce() -> u32) {
    let mark = object.mark();
    if mark.is_registered() {
        return;
    }
    mark.set_old(false);
    let _ = REGISTRY.try_with(|registry| {
        if let Ok(mut registry) = registry.try_borrow_mut() {
            registry.young.push(T::downgrade(object), age(), mark);
            if registry.young.weight() > registry.threshold * registry.patience
                && registry.enabled
                && registry.threshold > 0
            {
                registry.wanted = true;
                let _ = PENDING.try_with(|pending| pending.set(true));
            }
        }
    });
}

#[inline(never)]
fn unregister(mark: &Mark) -> Option<Weakly> {
    let place = mark.place.replace(0);
    let removed = REGISTRY.try_with(|registry| {
        let mut registry = registry.try_borrow_mut().ok()?;
        let generation = if mark.is_old() { &mut registry.old } else { &mut registry.young };
        generation.remove(place)
    });
    removed.ok().flatten()
}

thread_local! {
    /// The addresses that objects had before their finalisers revived them, and what keeps each from being used again.
    static IDENTITIES: RefCell<HashMap<usize, (usize, Weakly)>> = RefCell::default();
}

/// A dying object moves to a new address while its finaliser runs, and keeps its identity.
pub fn keep_identity(mark: &Mark, address: usize, moved: &Value) {
    if !mark.is_registered() {
        return;
    }
    if let (Some(old), Some(new)) = (unregister(mark), moved.address()) {
        let _ = IDENTITIES.try_with(|identities| identities.borrow_mut().insert(new, (address, old)));
    }
}

/// The address that counts as the identity of an object whose finaliser has run.
pub fn identity(address: usize) -> usize {
    IDENTITIES.with(|identities| identities.borrow().get(&address).map_or(address, |(original, _)| *original))
}

/// An object whose finaliser has run is freed.
#[cold]
pub fn forget_identity(address: usize) {
    let _ = IDENTITIES.try_with(|identities| identities.borrow_mut().remove(&address));
}

fn refers_to_nothing(value: &Value) -> bool {
    match value {
        Value::List(x) => x.is_empty(),
        Value::Dict(x) => x.is_empty(),
        Value::Set(x) => x.is_empty(),
        Value::Tuple(x) => x.len() < 5 && !x.iter().any(Value::is_container),
        Value::Instance(x) => matches!(x.payload, Payload::Value(None)) && x.attrs.look(Attrs::is_empty),
        _ => false,
    }
}

/// The collector's note on an object that has one.
#[inline]
pub(super) fn mark_of(value: &Value) -> Option<&Mark> {
    match value {
        Value::Tuple(x) => Some(&x.mark),
        Value::List(x) => Some(&x.mark),
        Value::Dict(x) => Some(&x.mark),
        Value::Set(x) => Some(&x.mark),
        Value::Cell(x) => Some(&x.mark),
        Value::Function(x) => Some(&x.mark),
        Value::Class(x) => Some(&x.mark),
        Value::Coroutine(x) => Some(&x.mark),
        Value::Exception(x) => Some(&x.mark),
        Value::Instance(x) => Some(&x.mark),
        _ => None,
    }
}

/// Every object in the registry, the old ones too if `full`, in the order they came in.
pub(super) fn candidates(full: bool) -> Vec<Value> {
    REGISTRY.with(|registry| {
        let registry = registry.borrow();
        let old = full.then(|| registry.old.objects()).into_iter().flatten();
        old.chain(registry.young.objects()).collect()
    })
}

/// After a collection: the survivors are old, garbage is young until it is freed.
pub(super) fn settle(full: bool, looked_at: usize, is_garbage: impl Fn(&Value) -> bool) {
    REGISTRY.with(|registry| {
        let mut registry = registry.borrow_mut();
        let mut young = std::mem::take(&mut registry.young);
        if full {
            let mut old = std::mem::take(&mut registry.old);
            old.places.append(&mut young.places);
            young = old;
        }
        for Place { object, age } in young.places {
            let Some(object) = object else { continue };
            let Some(value) = object.upgrade() else { continue };
            let Some(mark) = mark_of(&value) else { continue };
            let garbage = is_garbage(&value);
            mark.set_old(!garbage);
            if garbage {
                registry.young.push(object, age, mark);
            } else {
                registry.old.push(object, age, mark);
            }
        }
        registry.wanted = false;
        let weight = registry.old.weight();
        if full {
            (registry.settled, registry.looked_at) = (weight, looked_at);
        }
        registry.settled = registry.settled.min(weight);
    });
}

/// Whether there are enough young objects for a collection.
pub fn collection_wanted() -> bool {
    REGISTRY.with(|registry| registry.borrow().wanted)
}

/// Whether it is worth looking at everything: the work is to stay in proportion to what was made since the last time.
pub fn full_collection_wanted() -> bool {
    REGISTRY.with(|registry| {
        let registry = registry.borrow();
        let grown = registry.old.weight().saturating_sub(registry.settled);
        grown > (registry.threshold * LONG).max(registry.looked_at)
    })
}

/// Turns automatic collections on or off.
pub fn set_enabled(enabled: bool) {
    REGISTRY.with(|registry| {
        let mut registry = registry.borrow_mut();
        registry.enabled = enabled;
        registry.wanted = false;
    });
}

pub fn is_enabled() -> bool {
    REGISTRY.with(|registry| registry.borrow().enabled)
}

/// How many young objects start a collection.
pub fn set_threshold(threshold: usize) {
    REGISTRY.with(|registry| {
        let mut registry = registry.borrow_mut();
        (registry.threshold, registry.patience) = (threshold, 1);
    });
}

pub fn threshold() -> usize {
    REGISTRY.with(|registry| registry.borrow().threshold)
}

/// Notes what a collection has found.
pub fn note_collection(full: bool, found: usize) {
    REGISTRY.with(|registry| {
        let mut registry = registry.borrow_mut();
        // About as many were looked at. Little garbage among many is not worth looking soon again.
        let looked_at = registry.threshold * registry.patience;
        registry.patience = match found {
            _ if found < looked_at / 8 => (registry.patience * 2).min(MOST_PATIENCE),
            _ if found > looked_at / 2 => (registry.patience / 2).max(1),
            _ => registry.patience,
        };
        let statistics = &mut registry.statistics[if full { 2 } else { 0 }];
        statistics.0 += 1;
        statistics.1 += found;
    });
}

/// Collections and objects found by them, by generation; there is none in the middle.
pub fn statistics() -> [(usize, usize); 3] {
    REGISTRY.with(|registry| registry.borrow().statistics)
}

/// Young and old objects in the registry.
pub fn counts() -> (usize, usize) {
    REGISTRY.with(|registry| {
        let registry = registry.borrow();
        (registry.young.alive, registry.old.alive)
    })
}
