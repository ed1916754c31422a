//! The attributes of an object, and the shapes that objects with the same attributes share.
//!
//! **Invariant**: a shape's id is never used twice, and changes whenever its class does (see [`super::class`]). So an
//! inline cache that remembers a shape's id is right as long as it matches.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use thin_vec::ThinVec;

use super::class::{NEXT_ID, fresh_id};
use super::str;
use super::{Dict, Named, Str, Value, gc};

/// Attribute names in order of assignment, shared by all instances of a class that were built the same way. Its id is
/// another one after the class has changed, so it stands for the class's version as well.
pub struct Shape {
    id: Cell<u32>,
    keys: Vec<Rc<Str>>,
    next: RefCell<Vec<Rc<Shape>>>,
    /// What [`Shape::room`] found, and when: it is looked at again after any shape or class has got a new id.
    room: Cell<(u32, u32)>,
}

/// More attributes than this are kept in a dict.
const SHAPED: usize = 24;

/// From one shape no more than this lead on: objects whose attributes are named as it happens keep them in a dict.
const MOST_NEXT: usize = 32;

/// The id of a shape that nobody asked for since the class changed. No cache remembers it.
pub const NO_ID: u32 = u32::MAX;
/// In a cache's place for a shape: it remembers what a class itself has.
pub const OF_CLASS: u32 = u32::MAX - 1;
/// The same for a function that gets the class in front.
pub const OF_CLASS_BOUND: u32 = u32::MAX - 2;
/// The same for what a class has that may become something else at any time.
pub const OF_CLASS_VOLATILE: u32 = u32::MAX - 4;
/// The same for what the class's own class computes, such as its `__name__`.
pub const OF_METACLASS: u32 = u32::MAX - 5;
/// In a cache's place for a shape: it remembers where a module has it.
pub const OF_MODULE: u32 = u32::MAX - 3;

impl Default for Shape {
    fn default() -> Shape {
        Shape { id: Cell::new(NO_ID), keys: Vec::new(), next: RefCell::default(), room: Cell::default() }
    }
}

impl Shape {
    /// The id for a cache to remember.
    pub fn id(&self) -> u32 {
        if self.id.get() == NO_ID {
            self.id.set(fresh_id());
        }
        self.id.get()
    }

    /// The id for comparison with one in a cache.
    #[inline]
    pub fn known_id(&self) -> u32 {
        self.id.get()
    }

    /// Gives this shape and all that grew from it other ids.
    pub(super) fn renew(self: &Rc<Shape>) {
        let mut left = vec![self.clone()];
        while let Some(shape) = left.pop() {
            shape.id.set(NO_ID);
            left.extend(shape.next.borrow().iter().cloned());
        }
    }

    pub fn position(&self, key: &Rc<Str>) -> Option<usize> {
        self.keys
            .iter()
            .position(|k| Rc::ptr_eq(k, key))
            .or_else(|| if key.is_interned() { None } else { self.keys.iter().position(|k| str::same(k, key)) })
    }

    /// Room for the values of an instance that has got this shape as its first: as many as others have had so far.
    #[inline]
    pub fn room(&self) -> ThinVec<Value> {
        let (asked, most) = self.room.get();
        let now = NEXT_ID.get();
        ThinVec::with_capacity(if asked == now { most } else { self.find_room(now) } as usize)
    }

    #[cold]
    fn find_room(&self, now: u32) -> u32 {
        let mut most = self.keys.len();
        let mut next = self.next.borrow().first().cloned();
        while let Some(shape) = next {
            most = shape.keys.len();
            next = shape.next.borrow().first().cloned();
        }
        self.room.set((now, most as u32));
        most as u32
    }

    /// The shape with one attribute more; `None` if too many lead on from here.
    fn with(self: &Rc<Shape>, key: &Rc<Str>) -> Option<Rc<Shape>> {
        if let Some(next) = self.next.borrow().iter().find(|s| s.keys.last().is_some_and(|k| str::same(k, key))) {
            return Some(next.clone());
        }
        if self.next.borrow().len() >= MOST_NEXT && !is_slot(key) {
            return None;
        }
        let mut keys = self.keys.clone();
        keys.push(key.clone());
        let shape = Rc::new(Shape { keys, ..Shape::default() });
        self.next.borrow_mut().push(shape.clone());
        Some(shape)
    }

    /// The shape with these attributes.
    fn with_all<'a>(self: &Rc<Shape>, mut keys: impl Iterator<Item = &'a Rc<Str>>) -> Option<Rc<Shape>> {
        keys.try_fold(self.clone(), |shape, key| shape.with(key))
    }
}

/// The attributes of one object, the values of its slots among them.
///
/// A slot has a key of its own that no attribute has (see [`slot_key`]), so it stands beside an attribute of that name
/// and never shows in `__dict__`.
pub enum Attrs {
    Shaped {
        shape: Rc<Shape>,
        values: ThinVec<Value>,
    },
    /// None at all, or in a dict.
    Apart(Option<Box<Apart>>),
}

/// Attributes in a dict: once `__dict__` was asked for, or where there are many.
pub struct Apart {
    dict: Rc<Dict>,
    slots: Vec<Named>,
}

const _: () = assert!(size_of::<Attrs>() == 16, "every instance has them");

impl Default for Attrs {
    #[inline]
    fn default() -> Attrs {
        Attrs::Apart(None)
    }
}

/// The key of a slot, by how many classes with slots of their own lie above: equal in classes that are laid out alike.
pub fn slot_key(depth: usize, name: &str) -> String {
    format!("\0{depth}.{name}")
}

/// The name of the slot with this key.
pub fn slot_name(key: &str) -> &str {
    key.split_once('.').map_or(key, |(_, name)| name)
}

fn is_slot(key: &str) -> bool {
    key.starts_with('\0')
}

impl Attrs {
    pub fn is_empty(&self) -> bool {
        matches!(self, Attrs::Apart(None))
    }

    /// The shape's id for a cache to remember; 0 without attributes, [`NO_ID`] without a shape.
    pub fn shape_id(&self) -> u32 {
        match self {
            Attrs::Shaped { shape, .. } => shape.id(),
            Attrs::Apart(None) => 0,
            Attrs::Apart(Some(_)) => NO_ID,
        }
    }

    pub fn get(&self, key: &Rc<Str>) -> Option<Value> {
        match self {
            Attrs::Shaped { shape, values } => shape.position(key).and_then(|at| values.get(at)).cloned(),
            Attrs::Apart(None) => None,
            Attrs::Apart(Some(apart)) if is_slot(key) => {
                apart.slots.iter().find(|(k, _)| str::same(k, key)).map(|(_, value)| value.clone())
            }
            Attrs::Apart(Some(apart)) => apart.dict.get_str(key),
        }
    }

    /// Sets an attribute and returns the old value. `key` should be an interned name; another is found all the same.
    pub fn set(&mut self, root: &Rc<Shape>, key: &Rc<Str>, value: Value) -> Option<Value> {
        match self {
            Attrs::Shaped { shape, values } => {
                if let Some(at) = shape.position(key) {
                    return Some(std::mem::replace(&mut values[at], value));
                }
                let full = values.len() >= SHAPED && !is_slot(key);
                match if full { None } else { shape.with(key) } {
                    Some(next) => {
                        *shape = next;
                        values.push(value);
                        None
                    }
                    None => self.to_dict().set_str(key, value),
                }
            }
            Attrs::Apart(None) => match root.with(key) {
                Some(shape) => {
                    *self = Attrs::first(shape, value);
                    None
                }
                None => self.to_dict().set_str(key, value),
            },
            Attrs::Apart(Some(apart)) if is_slot(key) => {
                if let Some((_, place)) = apart.slots.iter_mut().find(|(k, _)| str::same(k, key)) {
                    return Some(std::mem::replace(place, value));
                }
                apart.slots.push((key.clone(), value));
                None
            }
            Attrs::Apart(Some(apart)) => apart.dict.set_str(key, value),
        }
    }

    /// The one value of an object that has got this shape.
    #[inline]
    pub fn first(shape: Rc<Shape>, value: Value) -> Attrs {
        let mut values = shape.room();
        values.push(value);
        Attrs::Shaped { shape, values }
    }

    pub fn remove(&mut self, root: &Rc<Shape>, key: &Rc<Str>) -> Option<Value> {
        match self {
            Attrs::Shaped { shape, values } => {
                let at = shape.position(key)?;
                let rest = shape.keys.iter().enumerate().filter(|(i, _)| *i != at).map(|(_, key)| key);
                match root.with_all(rest) {
                    Some(rest) => {
                        *shape = rest;
                        Some(values.remove(at))
                    }
                    None => self.to_dict().remove_str(key),
                }
            }
            Attrs::Apart(None) => None,
            Attrs::Apart(Some(apart)) if is_slot(key) => {
                let at = apart.slots.iter().position(|(k, _)| str::same(k, key))?;
                Some(apart.slots.remove(at).1)
            }
            Attrs::Apart(Some(apart)) => apart.dict.remove_str(key),
        }
    }

    /// Moves them to the shapes of another class.
    pub fn rebase(&mut self, root: &Rc<Shape>) {
        let Attrs::Shaped { shape, .. } = self else { return };
        match root.with_all(shape.keys.iter()) {
            Some(moved) => *shape = moved,
            None => drop(self.to_dict()),
        }
    }

    /// The attributes as a dict that stays theirs from now on.
    pub fn to_dict(&mut self) -> Rc<Dict> {
        if let Attrs::Apart(Some(apart)) = self {
            return apart.dict.clone();
        }
        let dict = Rc::new(Dict::new());
        for (key, value) in self.take_shaped(false) {
            dict.set_str(&key, value);
        }
        self.set_dict(dict.clone());
        dict
    }

    /// Puts another dict in place of the attributes, which are returned; the slots stay.
    pub fn set_dict(&mut self, dict: Rc<Dict>) -> Attrs {
        let slots = match self {
            Attrs::Apart(Some(apart)) => std::mem::take(&mut apart.slots),
            _ => self.take_shaped(true),
        };
        std::mem::replace(self, Attrs::Apart(Some(Box::new(Apart { dict, slots }))))
    }

    /// Takes the values of the slots, or those of the attributes, out of a shape.
    fn take_shaped(&mut self, slots: bool) -> Vec<Named> {
        let Attrs::Shaped { shape, values } = self else { return Vec::new() };
        let pairs = shape.keys.iter().zip(values.iter_mut()).filter(|(key, _)| is_slot(key) == slots);
        pairs.map(|(key, value)| (key.clone(), value.take())).collect()
    }

    /// The attributes in order, copied out, without the slots.
    pub fn pairs(&self) -> Vec<(Value, Value)> {
        match self {
            Attrs::Shaped { shape, values } => {
                let pairs = shape.keys.iter().zip(values).filter(|(key, _)| !is_slot(key));
                pairs.map(|(key, value)| (Value::Str(key.clone()), value.clone())).collect()
            }
            Attrs::Apart(apart) => apart.as_ref().map_or(Vec::new(), |apart| apart.dict.pairs()),
        }
    }

    /// Shows the references they hold to the garbage collector.
    pub(super) fn trace(&self, visit: gc::Visit) {
        match self {
            Attrs::Shaped { values, .. } => values.iter().for_each(visit),
            Attrs::Apart(None) => {}
            Attrs::Apart(Some(apart)) => {
                gc::link(&apart.dict, Value::Dict, visit);
                apart.slots.iter().for_each(|(_, value)| visit(value));
            }
        }
    }
}

impl Drop for Attrs {
    #[inline]
    fn drop(&mut self) {
        if let Attrs::Shaped { values, .. } = self {
            gc::release_each(values);
        }
    }
}

/// Attributes that can be changed through a shared reference. They are taken out meanwhile, which takes no flag beside
/// them; so what looks at them or changes them must not get at the same object's attributes again.
#[derive(Default)]
pub struct AttrCell {
    attrs: Cell<Attrs>,
    #[cfg(debug_assertions)]
    busy: Cell<bool>,
}

impl AttrCell {
    #[inline(always)]
    pub fn look<R>(&self, at: impl FnOnce(&Attrs) -> R) -> R {
        self.change(|attrs| at(attrs))
    }

    #[inline(always)]
    pub fn change<R>(&self, change: impl FnOnce(&mut Attrs) -> R) -> R {
        #[cfg(debug_assertions)]
        assert!(!self.busy.replace(true), "attributes are used twice at once");
        let mut attrs = self.attrs.take();
        let result = change(&mut attrs);
        // Nothing has been put there meanwhile.
        std::mem::forget(self.attrs.replace(attrs));
        #[cfg(debug_assertions)]
        self.busy.set(false);
        result
    }

    /// What a dict of attributes has under a key; `hint` is where that stood last, in this dict or another.
    #[inline]
    pub fn in_dict(&self, key: &Rc<Str>, hint: &Cell<u32>) -> Option<Value> {
        self.look(|attrs| {
            let Attrs::Apart(Some(apart)) = attrs else { return None };
            apart.dict.get_cached(hint.get() as usize, key).or_else(|| {
                let at = apart.dict.position_str(key)?;
                hint.set(at as u32);
                apart.dict.table.borrow().entry(at).map(|entry| entry.value.clone())
            })
        })
    }

    /// What stands at the place that a shape has it. (A closure for [`AttrCell::look`] would be called, not inlined.)
    #[inline(always)]
    pub fn at(&self, place: impl FnOnce(u32) -> usize) -> Option<Value> {
        #[cfg(debug_assertions)]
        assert!(!self.busy.get(), "attributes are used twice at once");
        let attrs = self.attrs.take();
        let found = match &attrs {
            Attrs::Shaped { shape, values } => values.get(place(shape.known_id())).map(Value::clone_in_line),
            Attrs::Apart(_) => None,
        };
        std::mem::forget(self.attrs.replace(attrs));
        found
    }

    /// Replaces what stands at that place; the value comes back if nothing does.
    #[inline(always)]
    pub fn replace_at(&self, place: impl FnOnce(u32) -> usize, new: Value) -> std::result::Result<Value, Value> {
        #[cfg(debug_assertions)]
        assert!(!self.busy.get(), "attributes are used twice at once");
        let mut attrs = self.attrs.take();
        let old = match &mut attrs {
            Attrs::Shaped { shape, values } => match values.get_mut(place(shape.known_id())) {
                Some(place) => Ok(std::mem::replace(place, new)),
                None => Err(new),
            },
            Attrs::Apart(_) => Err(new),
        };
        std::mem::forget(self.attrs.replace(attrs));
        old
    }

    /// Whether it is an object of this shape.
    #[inline(always)]
    pub fn is_shaped(&self, shape: u32) -> bool {
        let attrs = self.attrs.take();
        let is = matches!(&attrs, Attrs::Shaped { shape: own, .. } if own.known_id() == shape);
        std::mem::forget(self.attrs.replace(attrs));
        is
    }

    pub fn take(&self) -> Attrs {
        self.attrs.take()
    }

    /// Puts back what was taken, where nothing has been put meanwhile.
    #[inline(always)]
    pub fn put_back(&self, attrs: Attrs) {
        std::mem::forget(self.attrs.replace(attrs));
    }

    pub fn set(&self, attrs: Attrs) {
        self.attrs.set(attrs);
    }
}
