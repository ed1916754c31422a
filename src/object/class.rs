//! Classes, instances, and the shapes that instances with the same attributes share.
//!
//! **Invariant**: `Class::version` changes whenever a lookup on the class could give another result (its own or an
//! ancestor's namespace or bases changed), and no two classes ever have the same version; a shape's id is never used
//! twice. So an inline cache that remembers a version, or a version and a shape id, is right as long as they match.

use std::any::Any;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};

use super::containers::Dict;
use super::function::Function;
use super::gc::{self, Finalizer};
use super::native::NativeFunction;
use super::str::{self, Str};
use super::value::Value;
use crate::machine::Vm;

thread_local! {
    static NEXT_ID: Cell<u32> = const { Cell::new(1) };
}

/// A number that is never given twice on this thread.
fn fresh_id() -> u32 {
    NEXT_ID.with(|next| {
        let id = next.get();
        next.set(if id == OF_CLASS - 1 { 1 } else { id + 1 });
        id
    })
}

/// What the instances of a class are made of; a subclass has its base's layout.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layout {
    /// Nothing but attributes.
    Object,
    Int,
    Float,
    Complex,
    Str,
    Bytes,
    ByteArray,
    Tuple,
    List,
    Dict,
    Set,
    FrozenSet,
    Exception,
    Type,
    Property,
    Module,
    /// A native type with data of its own; the number tells them apart.
    Native(u16),
    /// A built-in type that cannot be a base class.
    Final,
}

impl Layout {
    /// `collections.deque`, which a sequence pattern matches though its module is not loaded with the language.
    pub const DEQUE: Layout = Layout::Native(204);
    /// `array.array`, for the same reason.
    pub const ARRAY: Layout = Layout::Native(220);

    fn has_weakref(self) -> bool {
        match self {
            Layout::Set | Layout::FrozenSet | Layout::Type | Layout::Module => true,
            // The iterators and descriptors of the language itself have numbers below this one.
            Layout::Native(number) => number >= 100,
            _ => false,
        }
    }

    /// Whether instances are of different sizes, so that nothing can be added to them but a `__dict__`.
    pub fn is_variable(self) -> bool {
        matches!(self, Layout::Int | Layout::Bytes | Layout::Tuple | Layout::Type)
    }
}

/// What lookups found, by address of the name.
type Lookups = HashMap<usize, Option<Value>, foldhash::fast::FixedState>;

pub struct Class {
    pub name: RefCell<Rc<Str>>,
    pub qualname: RefCell<Rc<Str>>,
    pub bases: RefCell<Vec<Rc<Class>>>,
    /// The method resolution order without the class itself.
    pub ancestors: RefCell<Rc<[Rc<Class>]>>,
    /// Unset for `type`; set once, when the class is made.
    pub metaclass: OnceCell<Rc<Class>>,
    pub dict: Rc<Dict>,
    pub version: Cell<u32>,
    pub layout: Layout,
    pub root_shape: Rc<Shape>,
    pub subclasses: RefCell<Vec<Weak<Class>>>,
    /// Made by Rust code; its attributes cannot be set by a script.
    pub builtin: bool,
    /// Whether scripts may change a built-in class, as one that CPython has written in Python.
    pub patchable: Cell<bool>,
    /// Whether messages name its module too, as CPython does for types written in C.
    pub named_in_full: Cell<bool>,
    /// Whether instances take attributes outside `__slots__`.
    pub has_dict: Cell<bool>,
    /// Whether instances can be referred to weakly.
    pub has_weakref: Cell<bool>,
    /// The keys of the slots that the class itself adds, under which an instance's attributes have their values.
    pub slots: OnceCell<Box<[Rc<Str>]>>,
    /// Which of the bases decides what instances are made of.
    pub best_base: Cell<usize>,
    pub has_del: Cell<bool>,
    /// How its instances are made; valid for one version.
    pub maker: RefCell<(u32, Maker)>,
    /// How `await` treats an instance, for native awaitables.
    pub awaiting: Cell<Option<&'static Awaiting>>,
    /// Lookups along the method resolution order, by address of the interned name; valid for one version.
    cache: RefCell<(u32, Lookups)>,
    pub mark: gc::Mark,
}

/// How the instances of a class are made.
#[derive(Clone, Default)]
pub enum Maker {
    /// In a way that must be looked at anew.
    #[default]
    General,
    /// `object.__new__`, then this script function.
    Init(Rc<Function>),
    /// The class's `__new__` alone.
    New(Rc<NativeFunction>),
}

/// How `await` deals with an instance of a native class.
pub struct Awaiting {
    /// Begins: a value if it is there at once, or what to hand to the event loop.
    pub begin: fn(&mut Vm, &Value) -> super::Result<Awaited>,
    /// Goes on after the event loop has resumed the frame.
    pub resume: fn(&mut Vm, &Value) -> super::Result<Awaited>,
}

pub enum Awaited {
    Ready(Value),
    Yield(Value),
}

impl Class {
    pub fn new(
        name: Rc<Str>,
        bases: Vec<Rc<Class>>,
        ancestors: Vec<Rc<Class>>,
        dict: Rc<Dict>,
        layout: Layout,
    ) -> Rc<Class> {
        Self::make(name, bases, ancestors, dict, layout, false)
    }

    /// A class made by Rust code, with one base or none.
    pub fn builtin(name: &str, base: Option<&Rc<Class>>, layout: Layout) -> Rc<Class> {
        let ancestors = base.map_or(Vec::new(), |base| {
            let mut all = vec![base.clone()];
            all.extend(base.ancestors.borrow().iter().cloned());
            all
        });
        let bases = base.cloned().into_iter().collect();
        Self::make(Rc::new(Str::new(name)), bases, ancestors, Rc::default(), layout, true)
    }

    fn make(
        name: Rc<Str>,
        bases: Vec<Rc<Class>>,
        ancestors: Vec<Rc<Class>>,
        dict: Rc<Dict>,
        layout: Layout,
        builtin: bool,
    ) -> Rc<Class> {
        let has_del = bases.iter().any(|b| b.has_del.get());
        let awaiting = ancestors.iter().find_map(|a| a.awaiting.get());
        let class = Rc::new(Class {
            qualname: RefCell::new(name.clone()),
            name: RefCell::new(name),
            bases: RefCell::new(bases),
            ancestors: RefCell::new(ancestors.into()),
            metaclass: OnceCell::new(),
            dict,
            version: Cell::new(fresh_id()),
            layout,
            root_shape: Rc::new(Shape::default()),
            subclasses: RefCell::default(),
            builtin,
            patchable: Cell::new(false),
            named_in_full: Cell::new(false),
            has_dict: Cell::new(!builtin || layout == Layout::Exception),
            has_weakref: Cell::new(layout.has_weakref()),
            slots: OnceCell::new(),
            best_base: Cell::new(0),
            has_del: Cell::new(has_del),
            awaiting: Cell::new(awaiting),
            maker: RefCell::default(),
            cache: RefCell::default(),
            mark: gc::Mark::default(),
        });
        // A class and its methods always refer to each other.
        if !builtin {
            gc::register(&class);
        }
        for base in class.bases.borrow().iter() {
            let mut subclasses = base.subclasses.borrow_mut();
            // Those that are gone are swept out now and then.
            if subclasses.len() >= 16 && subclasses.len() == subclasses.capacity() {
                subclasses.retain(|class| class.strong_count() > 0);
            }
            subclasses.push(Rc::downgrade(&class));
        }
        class
    }

    /// `__base__`: the base that decides what instances are made of.
    pub fn base(&self) -> Option<Rc<Class>> {
        self.bases.borrow().get(self.best_base.get()).cloned()
    }

    /// The keys of all the slots of an instance, the first class's first.
    pub fn slot_keys(&self) -> Vec<Rc<Str>> {
        let mut keys: Vec<Rc<Str>> = self.slots.get().into_iter().flat_map(|slots| slots.iter().cloned()).collect();
        let mut base = self.base();
        while let Some(class) = base {
            keys.splice(0..0, class.slots.get().into_iter().flat_map(|slots| slots.iter().cloned()));
            base = class.base();
        }
        keys
    }

    /// The class itself, then its ancestors in order of resolution.
    pub fn mro(self: &Rc<Class>) -> Vec<Rc<Class>> {
        let mut all = vec![self.clone()];
        all.extend(self.ancestors.borrow().iter().cloned());
        all
    }

    pub fn is_subclass(&self, other: &Rc<Class>) -> bool {
        std::ptr::eq(self, Rc::as_ptr(other)) || self.ancestors.borrow().iter().any(|a| Rc::ptr_eq(a, other))
    }

    /// Looks a name up in the class and its ancestors, without binding it.
    pub fn lookup(&self, name: &Rc<Str>) -> Option<Value> {
        if !name.is_interned() {
            return self.lookup_uncached(name);
        }
        let key = Rc::as_ptr(name) as usize;
        {
            let cache = self.cache.borrow();
            if cache.0 == self.version.get() {
                if let Some(found) = cache.1.get(&key) {
                    return found.clone();
                }
            }
        }
        let found = self.lookup_uncached(name);
        let mut cache = self.cache.borrow_mut();
        if cache.0 != self.version.get() {
            cache.0 = self.version.get();
            cache.1.clear();
        }
        cache.1.insert(key, found.clone());
        found
    }

    fn lookup_uncached(&self, name: &Rc<Str>) -> Option<Value> {
        self.dict.get_str(name).or_else(|| self.ancestors.borrow().iter().find_map(|a| a.dict.get_str(name)))
    }

    /// The class among this one and its ancestors in whose namespace a name stands, with its value.
    pub fn lookup_with_owner(self: &Rc<Class>, name: &Rc<Str>) -> Option<(Rc<Class>, Value)> {
        if let Some(value) = self.dict.get_str(name) {
            return Some((self.clone(), value));
        }
        self.ancestors.borrow().iter().find_map(|a| a.dict.get_str(name).map(|value| (a.clone(), value)))
    }

    /// Shows what the caches refer to.
    pub(super) fn trace_caches(&self, visit: gc::Visit) {
        if let Ok(maker) = self.maker.try_borrow() {
            if let Maker::Init(init) = &maker.1 {
                gc::link(init, Value::Function, visit);
            }
        }
        if let Ok(cache) = self.cache.try_borrow() {
            for found in cache.1.values().flatten() {
                visit(found);
            }
        }
    }

    pub(super) fn clear_caches(&self) {
        drop(self.maker.take());
        drop(self.cache.take());
    }

    /// Says that lookups on this class and its subclasses may give other results now.
    pub fn changed(&self) {
        self.version.set(fresh_id());
        self.root_shape.renew();
        let subclasses = self.subclasses.borrow().clone();
        for class in subclasses.iter().filter_map(Weak::upgrade) {
            class.changed();
        }
    }

    /// Sets a class attribute.
    pub fn set(&self, name: &Rc<Str>, value: Value) {
        let old = self.dict.set_str(name, value);
        self.changed();
        drop(old);
    }
}

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

/// The id of a shape that nobody asked for since the class changed. No cache remembers it.
pub const NO_ID: u32 = u32::MAX;
/// In a cache's place for a shape: it remembers what a class itself has.
pub const OF_CLASS: u32 = u32::MAX - 1;

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
    fn renew(self: &Rc<Shape>) {
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
    pub fn room(&self) -> Vec<Value> {
        let (asked, most) = self.room.get();
        let now = NEXT_ID.get();
        Vec::with_capacity(if asked == now { most } else { self.find_room(now) } as usize)
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

    fn with(self: &Rc<Shape>, key: &Rc<Str>) -> Rc<Shape> {
        if let Some(next) = self.next.borrow().iter().find(|s| s.keys.last().is_some_and(|k| str::same(k, key))) {
            return next.clone();
        }
        let mut keys = self.keys.clone();
        keys.push(key.clone());
        let shape = Rc::new(Shape { keys, ..Shape::default() });
        self.next.borrow_mut().push(shape.clone());
        shape
    }
}

/// The attributes of one object, the values of its slots among them.
///
/// A slot has a key of its own that no attribute has (see [`slot_key`]), so it stands beside an attribute of that name
/// and never shows in `__dict__`.
#[derive(Default)]
pub enum Attrs {
    #[default]
    Empty,
    Shaped {
        shape: Rc<Shape>,
        values: Vec<Value>,
    },
    /// Once `__dict__` was asked for, an attribute deleted, or there are many.
    Dict(Rc<Dict>),
    /// The same for an object with slots.
    Slotted(Rc<Dict>, Box<Vec<(Rc<Str>, Value)>>),
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
    pub fn get(&self, key: &Rc<Str>) -> Option<Value> {
        match self {
            Attrs::Empty => None,
            Attrs::Shaped { shape, values } => shape.position(key).and_then(|at| values.get(at)).cloned(),
            Attrs::Slotted(_, slots) if is_slot(key) => {
                slots.iter().find(|(k, _)| str::same(k, key)).map(|(_, value)| value.clone())
            }
            Attrs::Dict(dict) | Attrs::Slotted(dict, _) => dict.get_str(key),
        }
    }

    /// Sets an attribute and returns the old value. `key` should be an interned name; another is found all the same.
    pub fn set(&mut self, root: &Rc<Shape>, key: &Rc<Str>, value: Value) -> Option<Value> {
        match self {
            Attrs::Empty => {
                let shape = root.with(key);
                let mut values = shape.room();
                values.push(value);
                *self = Attrs::Shaped { shape, values };
                None
            }
            Attrs::Shaped { shape, values } => {
                if let Some(at) = shape.position(key) {
                    return Some(std::mem::replace(&mut values[at], value));
                }
                if values.len() >= SHAPED && !is_slot(key) {
                    return self.to_dict().set_str(key, value);
                }
                *shape = shape.with(key);
                values.push(value);
                None
            }
            Attrs::Dict(dict) if is_slot(key) => {
                *self = Attrs::Slotted(dict.clone(), Box::new(vec![(key.clone(), value)]));
                None
            }
            Attrs::Slotted(_, slots) if is_slot(key) => {
                if let Some((_, place)) = slots.iter_mut().find(|(k, _)| str::same(k, key)) {
                    return Some(std::mem::replace(place, value));
                }
                slots.push((key.clone(), value));
                None
            }
            Attrs::Dict(dict) | Attrs::Slotted(dict, _) => dict.set_str(key, value),
        }
    }

    pub fn remove(&mut self, root: &Rc<Shape>, key: &Rc<Str>) -> Option<Value> {
        match self {
            Attrs::Empty => None,
            Attrs::Shaped { shape, values } => {
                let at = shape.position(key)?;
                if !is_slot(key) {
                    return self.to_dict().remove_str(key);
                }
                let old = values.remove(at);
                let rest = shape.keys.iter().enumerate().filter(|(i, _)| *i != at);
                *shape = rest.fold(root.clone(), |shape, (_, key)| shape.with(key));
                Some(old)
            }
            Attrs::Slotted(_, slots) if is_slot(key) => {
                let at = slots.iter().position(|(k, _)| str::same(k, key))?;
                Some(slots.remove(at).1)
            }
            Attrs::Dict(dict) | Attrs::Slotted(dict, _) => dict.remove_str(key),
        }
    }

    /// Moves them to the shapes of another class.
    pub fn rebase(&mut self, root: &Rc<Shape>) {
        if let Attrs::Shaped { shape, .. } = self {
            *shape = shape.keys.iter().fold(root.clone(), |shape, key| shape.with(key));
        }
    }

    /// The attributes as a dict that stays theirs from now on.
    pub fn to_dict(&mut self) -> Rc<Dict> {
        match self {
            Attrs::Dict(dict) | Attrs::Slotted(dict, _) => dict.clone(),
            Attrs::Empty | Attrs::Shaped { .. } => {
                let dict = Rc::new(Dict::new());
                for (key, value) in self.take_shaped(false) {
                    dict.set_str(&key, value);
                }
                self.set_dict(dict.clone());
                dict
            }
        }
    }

    /// Puts another dict in place of the attributes, which are returned; the slots stay.
    pub fn set_dict(&mut self, dict: Rc<Dict>) -> Attrs {
        let slots = match self {
            Attrs::Slotted(_, slots) => std::mem::take(slots),
            _ => Box::new(self.take_shaped(true)),
        };
        let new = if slots.is_empty() { Attrs::Dict(dict) } else { Attrs::Slotted(dict, slots) };
        std::mem::replace(self, new)
    }

    /// Takes the values of the slots, or those of the attributes, out of a shape.
    fn take_shaped(&mut self, slots: bool) -> Vec<(Rc<Str>, Value)> {
        let Attrs::Shaped { shape, values } = self else { return Vec::new() };
        let pairs = shape.keys.iter().zip(values.iter_mut()).filter(|(key, _)| is_slot(key) == slots);
        pairs.map(|(key, value)| (key.clone(), value.take())).collect()
    }

    /// The attributes in order, copied out, without the slots.
    pub fn pairs(&self) -> Vec<(Value, Value)> {
        match self {
            Attrs::Empty => Vec::new(),
            Attrs::Shaped { shape, values } => {
                let pairs = shape.keys.iter().zip(values).filter(|(key, _)| !is_slot(key));
                pairs.map(|(key, value)| (Value::Str(key.clone()), value.clone())).collect()
            }
            Attrs::Dict(dict) | Attrs::Slotted(dict, _) => dict.pairs(),
        }
    }
}

impl Drop for Attrs {
    fn drop(&mut self) {
        if let Attrs::Shaped { values, .. } = self {
            gc::release_in_order(values);
        }
    }
}

/// What an instance holds besides its attributes.
pub enum Payload {
    None,
    /// The built-in value inside an instance of a subclass of a built-in type.
    Value(Value),
    /// The data of a native class.
    Native(Box<dyn Native>),
}

/// The data of a native class with identity: a future, a lock, a context variable.
pub trait Native: Any {
    fn as_any(&self) -> &dyn Any;

    /// What to run when the last reference to the object goes, if anything. The object is alive again while it runs.
    fn finalizer(&self) -> Option<fn(&mut Vm, &Value)> {
        None
    }

    /// What was made before it, and so goes before it when both are garbage: a task's coroutine.
    fn elder(&self) -> Option<Value> {
        None
    }

    /// The bytes it lends to others, copied out.
    fn buffer(&self) -> Option<Vec<u8>> {
        None
    }

    /// Shows the references it holds to the garbage collector; see [`gc::trace`].
    fn trace(&self, _visit: gc::Visit) {}

    /// Lets go of the references it holds: the object is garbage.
    fn clear(&self) {}
}

pub struct Instance {
    pub class: RefCell<Rc<Class>>,
    pub attrs: RefCell<Attrs>,
    pub payload: Payload,
    pub mark: gc::Mark,
}

impl Instance {
    pub fn new(class: Rc<Class>, payload: Payload) -> Instance {
        Instance { class: RefCell::new(class), attrs: RefCell::default(), payload, mark: gc::Mark::default() }
    }

    /// An instance as a script makes it. One with a finaliser is known to the collector, which keeps its identity.
    #[inline]
    pub fn create(class: &Rc<Class>, payload: Payload) -> Value {
        let instance = Rc::new(Instance::new(class.clone(), payload));
        if class.has_del.get() {
            gc::register(&instance);
        }
        Value::Instance(instance)
    }

    pub fn native(class: &Rc<Class>, data: impl Native) -> Value {
        Value::Instance(Rc::new(Instance::new(class.clone(), Payload::Native(Box::new(data)))))
    }

    /// The native data, if it is of this type.
    #[inline]
    pub fn data<T: Native>(&self) -> Option<&T> {
        match &self.payload {
            Payload::Native(data) => data.as_any().downcast_ref(),
            _ => None,
        }
    }
}

impl Value {
    /// The native data of an instance, if it is of this type.
    #[inline]
    pub fn data<T: Native>(&self) -> Option<&T> {
        match self {
            Value::Instance(instance) => instance.data(),
            _ => None,
        }
    }
}

impl Instance {
    /// Whether a finaliser is to run before it is freed.
    pub fn wants_finalizing(&self) -> bool {
        !self.mark.is_finalized()
            && (self.class.borrow().has_del.get()
                || matches!(&self.payload, Payload::Native(data) if data.finalizer().is_some()))
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let address = std::ptr::from_ref(self).addr();
        if self.wants_finalizing() {
            let revived = Instance {
                class: RefCell::new(self.class.get_mut().clone()),
                attrs: RefCell::new(std::mem::take(self.attrs.get_mut())),
                payload: std::mem::replace(&mut self.payload, Payload::None),
                mark: gc::Mark::default(),
            };
            revived.mark.set_finalized();
            let revived = Value::Instance(Rc::new(revived));
            gc::keep_identity(&self.mark, address, &revived);
            if self.mark.is_watched() {
                gc::weak::moved(address, &revived);
            }
            gc::finalize_later(Finalizer::Del(revived));
        } else {
            if self.mark.is_finalized() {
                gc::forget_identity(address);
            }
            if let Payload::Value(value) = &mut self.payload {
                gc::release_one(value);
            }
        }
        self.mark.died(address);
    }
}

impl Drop for Class {
    fn drop(&mut self) {
        self.mark.died(std::ptr::from_ref(self).addr());
    }
}
