//! Attribute access at places in the code that remember what they found last.
//!
//! **Invariant**: a cache is never wrong, only out of date: what it remembers belongs to the version of a class or to a
//! shape, and neither number is ever used again for another.

mod look_up;

use std::cell::{Cell, OnceCell, RefCell};
use std::mem::Discriminant;
use std::rc::Weak;

use super::prelude::*;
use crate::machine::attr::bound;
use crate::object::attrs::{
    AttrCell, Attrs, NO_ID, OF_CLASS, OF_CLASS_BOUND, OF_CLASS_VOLATILE, OF_METACLASS, OF_MODULE, Shape,
};
use crate::object::function::Descriptor;
use crate::object::gc::weak::Remembered;
use crate::object::instance::Instance;
use crate::object::native::Quick;

/// What a place in the code remembers of its attribute lookups: the objects of up to eight shapes.
#[derive(Default)]
pub struct AttrCache {
    first: Entry,
    /// The shape among the others that was met last where an object has the attribute itself, and the place in it.
    second: Cell<(u32, u32)>,
    others: OnceCell<Box<[Entry; 7]>>,
    /// Where an object that has its attributes in a dict had this one last.
    hint: Cell<u32>,
    /// How often one of the others was found since one took the place of the first.
    found_in_others: Cell<u8>,
}

/// What was found for one shape.
#[derive(Default)]
struct Entry {
    version: Cell<u32>,
    /// The instance's shape; 0 for an instance without attributes or a value that never has any, `NO_ID` for one with
    /// its attributes in a dict.
    shape: Cell<u32>,
    /// Position in the instance's values, or `IN_CLASS`.
    slot: Cell<u32>,
    /// The variant of the values, where that alone tells the class.
    variant: Cell<Option<Discriminant<Value>>>,
    /// The class attribute, for `IN_CLASS`.
    value: RefCell<Remembered>,
    /// The same if it is a script function, so that calling it copies one pointer.
    function: RefCell<Weak<Function>>,
    /// The same if it is a method written in Rust.
    native: RefCell<Option<Rc<NativeFunction>>>,
    /// For an assignment that adds the attribute: the shape afterwards.
    next: RefCell<Option<Rc<Shape>>>,
}

const IN_CLASS: u32 = u32::MAX;
/// In place of a slot: the value is a descriptor, which is to be asked.
const COMPUTED: u32 = u32::MAX - 1;

/// In place of a slot: the attribute is `object.__class__`.
const CLASS: u32 = u32::MAX - 3;

/// In place of a slot: the value is a static method's function, which is called as it is.
const STATIC: u32 = u32::MAX - 2;

/// In place of a slot: the value is a class method's function, which is called with the class.
const CLASS_METHOD: u32 = u32::MAX - 4;

/// In place of a slot: the value is the class that has the attribute, which may become something else at any time.
const VOLATILE: u32 = u32::MAX - 5;

/// The shape and the version by which an entry is found; the version counts where there is no shape.
#[inline]
fn key_of(instance: &Instance) -> (u32, u32) {
    key(&instance.attrs, || instance.class().version.get())
}

#[inline]
fn key(attrs: &AttrCell, version: impl FnOnce() -> u32) -> (u32, u32) {
    attrs.look(|attrs| key_in(attrs, version))
}

#[inline(always)]
fn key_in(attrs: &Attrs, version: impl FnOnce() -> u32) -> (u32, u32) {
    match attrs {
        Attrs::Shaped { shape, .. } => (shape.known_id(), 0),
        Attrs::Apart(None) => (0, version()),
        Attrs::Apart(Some(_)) => (NO_ID, version()),
    }
}

/// The attributes of an instance or exception, with the key by which an entry for it is found.
#[inline]
fn shaped(value: &Value) -> Option<(&AttrCell, (u32, u32))> {
    match value {
        Value::Instance(instance) => Some((&instance.attrs, key_of(instance))),
        Value::Exception(exception) => {
            Some((&exception.attrs, key(&exception.attrs, || exception.class.borrow().version.get())))
        }
        _ => None,
    }
}

impl Entry {
    #[inline]
    fn is_for(&self, (shape, version): (u32, u32)) -> bool {
        const { assert!(NO_ID == u32::MAX) };
        self.shape.get() == shape && (shape.wrapping_add(1) > 1 || self.version.get() == version)
    }

    fn swap(&self, other: &Entry) {
        let Entry { version, shape, slot, variant, value, function, native, next } = self;
        version.swap(&other.version);
        shape.swap(&other.shape);
        slot.swap(&other.slot);
        variant.swap(&other.variant);
        value.swap(&other.value);
        function.swap(&other.function);
        native.swap(&other.native);
        next.swap(&other.next);
    }

    fn is_unused(&self) -> bool {
        self.shape.get() == 0 && self.version.get() == 0
    }

    /// The descriptor to ask.
    #[inline]
    fn descriptor(&self) -> Option<Value> {
        (self.slot.get() == COMPUTED).then(|| self.value.borrow().get()).filter(|found| !found.is_unbound())
    }

    /// The function that a property calls with the object and nothing else.
    #[inline(always)]
    fn getter(&self) -> Option<Rc<Function>> {
        if self.slot.get() != COMPUTED {
            return None;
        }
        let getter = self.function.borrow().upgrade()?;
        (getter.code.simple_arity.get() == 1).then_some(getter)
    }

    /// What an instance of this entry's shape has itself.
    fn own(&self, attrs: &AttrCell) -> Option<Value> {
        attrs.look(|attrs| match attrs {
            Attrs::Shaped { values, .. } => values.get(self.slot.get() as usize).cloned(),
            Attrs::Apart(_) => None,
        })
    }

    /// What the class has now that is remembered for a volatile attribute.
    fn in_holder(&self, name: &Rc<Str>) -> Option<Value> {
        self.value.borrow().get().as_class()?.dict().get_str(name)
    }

    /// What an instance of this entry's shape has or gets from its class: a function as a bound method.
    fn get(&self, attrs: &AttrCell, value: &Value, name: &Rc<Str>) -> Option<Value> {
        let in_dict = self.shape.get() == NO_ID;
        if in_dict && let Some(own) = attrs.look(|attrs| attrs.get(name)) {
            return Some(own);
        }
        match self.slot.get() {
            STATIC => return Some(self.value.borrow().get()).filter(|found| !found.is_unbound()),
            CLASS_METHOD => return None,
            VOLATILE if !in_dict => return self.in_holder(name),
            slot if !in_dict && slot != IN_CLASS => return self.own(attrs),
            _ => {}
        }
        match self.value.borrow().get() {
            Value::Unbound => None,
            function @ Value::Function(_) => Some(bound(&function, value)),
            found => Some(found),
        }
    }

    /// Assigns to an object of this entry's shape what it has or, if it gets one more, adds it; the value comes back from
    /// others. The old one is returned, `Unbound` if there was none.
    #[inline(always)]
    fn put(&self, attrs: &mut Attrs, new: Value) -> std::result::Result<Value, Value> {
        if let Attrs::Shaped { values, .. } = attrs {
            if let Some(place) = values.get_mut(self.slot.get() as usize) {
                return Ok(std::mem::replace(place, new));
            }
        }
        let next = self.next.borrow();
        let Some(next) = next.as_ref().filter(|_| self.slot.get() == IN_CLASS) else { return Err(new) };
        match attrs {
            Attrs::Shaped { shape, values } => {
                shape.clone_from(next);
                values.push(new);
            }
            Attrs::Apart(None) => *attrs = Attrs::first(next.clone(), new),
            Attrs::Apart(Some(_)) => return Err(new),
        }
        Ok(Value::Unbound)
    }

    /// Remembers where an instance has an attribute itself.
    fn remember_own(&self, version: u32, shape: u32, slot: usize) {
        self.variant.set(None);
        self.version.set(version);
        self.shape.set(shape);
        self.slot.set(slot as u32);
    }

    /// Remembers what was found in a class; `slot` says what is to become of it.
    fn remember(&self, version: u32, shape: u32, slot: u32, found: &Value) {
        self.remember_own(version, shape, slot as usize);
        let (function, native) = match found {
            Value::Descriptor(descriptor) if slot == COMPUTED => (getter_of(descriptor), None),
            _ if slot != IN_CLASS => (Weak::new(), None),
            Value::Function(function) => (Rc::downgrade(function), None),
            // It is called without a look at what the object itself has.
            Value::Native(native) if shape != NO_ID => (Weak::new(), Some(native.clone())),
            _ => (Weak::new(), None),
        };
        let old =
            (self.value.replace(Remembered::new(found)), self.function.replace(function), self.native.replace(native));
        drop(old);
    }
}

impl AttrCache {
    /// The attribute that a lookup here found in an instance of the first shape that was seen, or of another one.
    #[inline(always)]
    pub fn own(&self, value: &Value) -> Option<Value> {
        let Value::Instance(instance) = value else { return None };
        instance.attrs.at(|shape| self.own_slot(shape))
    }

    /// What an object has in a dict of its own, where the first lookup here found that nothing in its class goes before.
    #[inline]
    pub fn in_dict(&self, value: &Value, name: &Rc<Str>) -> Option<Value> {
        let Value::Instance(instance) = value else { return None };
        let entry = &self.first;
        if entry.shape.get() != NO_ID
            || entry.slot.get() != IN_CLASS
            || entry.version.get() != instance.class().version.get()
        {
            return None;
        }
        instance.attrs.in_dict(name, &self.hint)
    }

    /// Where an instance of the two shapes at hand has the attribute itself.
    #[inline(always)]
    fn own_slot(&self, shape: u32) -> usize {
        let place = if shape == self.first.shape.get() {
            self.first.slot.get()
        } else if shape == self.second.get().0 {
            self.second.get().1
        } else {
            IN_CLASS
        };
        place as usize
    }

    /// Where an instance of a shape that is remembered has the attribute itself.
    #[inline(always)]
    fn slot(&self, shape: u32) -> usize {
        if shape == self.first.shape.get() { self.first.slot.get() as usize } else { self.other_slot(shape) }
    }

    #[inline(never)]
    fn other_slot(&self, shape: u32) -> usize {
        if shape == self.second.get().0 {
            return self.second.get().1 as usize;
        }
        let mut others = self.others.get().into_iter().flat_map(|others| others.iter());
        let Some(entry) = others.find(|entry| entry.shape.get() == shape) else { return IN_CLASS as usize };
        self.second.set((shape, entry.slot.get()));
        entry.slot.get() as usize
    }

    /// What an instance of a shape at hand has, if it is a number that fits into the value.
    #[inline(always)]
    pub fn own_number(&self, instance: &Instance) -> Option<Value> {
        instance.attrs.look(|attrs| match attrs {
            Attrs::Shaped { shape, values } => match values.get(self.own_slot(shape.known_id()))? {
                Value::Int(n) => Some(Value::Int(*n)),
                Value::Float(x) => Some(Value::Float(*x)),
                _ => None,
            },
            Attrs::Apart(_) => None,
        })
    }

    /// Looks at what an instance of any shape that is remembered has; script code must not run meanwhile.
    #[inline(always)]
    pub fn look<R>(&self, value: &Value, look: impl FnOnce(&Value) -> Option<R>) -> Option<R> {
        let Value::Instance(instance) = value else { return None };
        self.look_into(instance, look)
    }

    #[inline(always)]
    fn look_into<R>(&self, instance: &Instance, look: impl FnOnce(&Value) -> Option<R>) -> Option<R> {
        instance.attrs.look(|attrs| match attrs {
            Attrs::Shaped { shape, values } => look(values.get(self.slot(shape.known_id()))?),
            Attrs::Apart(_) => None,
        })
    }

    /// The attribute that a lookup here found in the class of an instance; nothing is called or bound.
    #[inline(never)]
    pub fn known(&self, value: &Value) -> Option<Value> {
        let Value::Instance(instance) = value else { return None };
        let entry = self.entry(key_of(instance))?;
        match entry.slot.get() {
            IN_CLASS if entry.shape.get() != NO_ID => match &*entry.value.borrow() {
                Remembered::Plain(Value::Unbound) => None,
                Remembered::Plain(found) => Some(found.clone()),
                Remembered::Linked(_) => None,
            },
            CLASS => Some(Value::Class(instance.class().clone())),
            _ => None,
        }
    }

    /// What a lookup here found last in this very class, or finds in this module.
    #[inline(always)]
    pub fn in_namespace(&self, value: &Value, name: &Rc<Str>) -> Option<Value> {
        match value {
            Value::Class(class) => self.of_class(class, OF_CLASS),
            Value::Module(module) if module.class.borrow().is_none() => {
                module.dict.get_cached(self.first.slot.get() as usize, name)
            }
            _ => None,
        }
    }

    /// What an instance of a shape at hand has itself, or what a class has that was found in it last and is no function or
    /// the like: what is known without a call.
    #[inline(always)]
    pub fn plain(&self, value: &Value) -> Option<Value> {
        match value {
            Value::Instance(_) => self.own(value),
            Value::Class(class) if self.is_known(class, OF_CLASS) => match &*self.first.value.borrow() {
                Remembered::Plain(Value::Unbound) | Remembered::Linked(_) => None,
                Remembered::Plain(found) => Some(found.clone_in_line()),
            },
            _ => None,
        }
    }

    /// The attribute that a lookup here found, or finds, without looking at anything else: nothing is called or bound.
    #[inline(always)]
    pub fn at_hand(&self, value: &Value, name: &Rc<Str>) -> Option<Value> {
        match value {
            Value::Instance(_) => {
                let own = self.in_dict(value, name).or_else(|| self.look(value, |found| Some(found.clone())));
                own.or_else(|| self.known(value))
            }
            value => self.in_namespace(value, name),
        }
    }

    /// Assigns an attribute that an assignment here found in an instance of a shape that is remembered, or added to it;
    /// the value comes back from others.
    #[inline(always)]
    pub fn assign(&self, value: &Value, new: Value) -> std::result::Result<(), Value> {
        match value {
            Value::Instance(instance) => self.assign_to(instance, new),
            _ => Err(new),
        }
    }

    /// [`AttrCache::assign`] for what is known to be an instance.
    #[inline(always)]
    pub fn assign_to(&self, instance: &Rc<Instance>, new: Value) -> std::result::Result<(), Value> {
        gc::stored(instance, &new);
        // Apart from what adds an attribute, so that the two words of the attributes stay in registers here.
        match self.replace(instance, new) {
            Ok(old) => {
                old.discard();
                Ok(())
            }
            Err(new) => self.add_apart(instance, new),
        }
    }

    #[inline(never)]
    fn add_apart(&self, instance: &Rc<Instance>, new: Value) -> std::result::Result<(), Value> {
        self.add(instance, new)
    }

    /// Assigns an attribute that an instance of a shape at hand has itself, and returns the old one; the value comes back
    /// from others. What the collector has to be told is told before.
    #[inline(always)]
    pub fn replace(&self, instance: &Instance, new: Value) -> std::result::Result<Value, Value> {
        instance.attrs.replace_at(|shape| self.own_slot(shape), new)
    }

    /// [`AttrCache::assign_to`] for the other shapes, and where it adds an attribute.
    #[inline(always)]
    pub fn add(&self, instance: &Rc<Instance>, new: Value) -> std::result::Result<(), Value> {
        // All in one go: attributes that were just put back would be waited for. (A closure would not be inlined.)
        let mut attrs = instance.attrs.take();
        let old = self.put(&mut attrs, instance, new);
        instance.attrs.put_back(attrs);
        old?.discard();
        Ok(())
    }

    #[inline(always)]
    fn put(&self, attrs: &mut Attrs, instance: &Instance, new: Value) -> std::result::Result<Value, Value> {
        let entry = self.entry(key_in(attrs, || instance.class().version.get()));
        let Some(entry) = entry.filter(|entry| entry.shape.get() != NO_ID) else { return Err(new) };
        let old = entry.put(attrs, new)?;
        if !old.is_unbound() {
            self.second.set((entry.shape.get(), entry.slot.get()));
        }
        Ok(old)
    }

    /// The script function that `value.name(...)` calls, if a lookup here found one for values like this.
    #[inline]
    pub fn function(&self, value: &Value, name: &Rc<Str>) -> Option<Rc<Function>> {
        let Value::Instance(instance) = value else { return None };
        let key = key_of(instance);
        let entry = if self.first.is_for(key) { &self.first } else { self.other(key)? };
        if key.0 == NO_ID && instance.attrs.in_dict(name, &self.hint).is_some() {
            return None;
        }
        entry.function.borrow().upgrade()
    }

    /// The same for instances of the first shape that was seen, without a call.
    #[inline(always)]
    pub fn first_function(&self, instance: &Instance) -> Option<Rc<Function>> {
        match self.first.shape.get() {
            0 | NO_ID => None,
            shape if instance.attrs.is_shaped(shape) => self.first.function.borrow().upgrade(),
            _ => None,
        }
    }

    /// What the first lookup here found to be computed: by a property's function, or by `object.__class__`.
    #[inline(always)]
    pub fn computed(&self, value: &Value) -> Option<Computed> {
        let Value::Instance(instance) = value else { return None };
        match self.first.slot.get() {
            COMPUTED if self.first.is_for(key_of(instance)) => self.first.getter().map(Computed::Getter),
            CLASS if self.first.is_for(key_of(instance)) => Some(Computed::Class(instance.class().clone())),
            _ => None,
        }
    }

    /// Whether the first lookup here found a method written in Rust.
    #[inline]
    pub fn has_native(&self) -> bool {
        self.first.native.borrow().is_some()
    }

    /// The method written in Rust that `value.name(...)` calls, if the first lookup here found one for values like this.
    #[inline]
    pub fn native(&self, vm: &Vm, value: &Value) -> Option<Rc<NativeFunction>> {
        if self.is_for_natives_of(vm, value) { self.first.native.borrow().clone() } else { None }
    }

    /// What that method says at once to so many arguments, the object among them.
    #[inline(always)]
    pub fn native_quick(&self, vm: &Vm, value: &Value, given: usize) -> Option<Quick> {
        if !self.is_for_natives_of(vm, value) {
            return None;
        }
        self.first.native.borrow().as_ref()?.quick(given)
    }

    #[inline(always)]
    fn is_for_natives_of(&self, vm: &Vm, value: &Value) -> bool {
        if self.first.variant.get() == Some(std::mem::discriminant(value)) {
            return true;
        }
        let key = match value {
            Value::Instance(instance) => key_of(instance),
            Value::Class(_) | Value::Module(_) | Value::Exception(_) | Value::Function(_) => return false,
            other => (0, vm.builtin_class(other).version.get()),
        };
        self.first.is_for(key)
    }

    /// What was found for a shape.
    #[inline]
    fn entry(&self, key: (u32, u32)) -> Option<&Entry> {
        if self.first.is_for(key) { Some(&self.first) } else { self.other(key) }
    }

    fn other(&self, key: (u32, u32)) -> Option<&Entry> {
        let entry = self.others.get()?.iter().find(|entry| entry.is_for(key))?;
        let found = self.found_in_others.get();
        self.found_in_others.set(found.wrapping_add(1));
        if found < u8::MAX {
            return Some(entry);
        }
        // What was first may be of a class that has changed since.
        self.first.swap(entry);
        Some(&self.first)
    }

    /// Where to remember what is found for a shape that no entry is for.
    fn room(&self, shape: u32) -> &Entry {
        if self.first.is_unused() {
            return &self.first;
        }
        let others = self.others.get_or_init(Box::default);
        others.iter().find(|entry| entry.is_unused()).unwrap_or(&others[shape as usize % others.len()])
    }

    /// What an instance has under a key itself, to be remembered.
    fn fill_own(&self, attrs: &AttrCell, class: &Class, key: &Rc<Str>) -> Option<Value> {
        let (shape, at, own) = attrs.look(|attrs| match attrs {
            Attrs::Shaped { shape, values } => {
                shape.position(key).map(|at| (shape.id(), at as u32, values[at].clone()))
            }
            Attrs::Apart(_) => None,
        })?;
        // The entry may have been for a method, which must not be called any more.
        self.room(shape).remember(class.version.get(), shape, at, &Value::Unbound);
        Some(own)
    }

    /// What the last lookup here found in this class itself; `how` tells plain attributes from class methods.
    #[inline]
    fn of_class(&self, class: &Class, how: u32) -> Option<Value> {
        self.is_known(class, how).then(|| self.first.value.borrow().get()).filter(|found| !found.is_unbound())
    }

    /// Whether the last lookup here found something in this class itself.
    #[inline(always)]
    fn is_known(&self, class: &Class, how: u32) -> bool {
        let entry = &self.first;
        entry.shape.get() == how
            && entry.version.get() == class.version.get()
            && entry.slot.get() == metaclass_version(class)
    }
}

/// The function that a property calls for an object.
fn getter_of(descriptor: &Descriptor) -> Weak<Function> {
    match descriptor {
        Descriptor::Property(property) => match &property.parts.borrow().functions[0] {
            Value::Function(getter) => Rc::downgrade(getter),
            _ => Weak::new(),
        },
        _ => Weak::new(),
    }
}

/// Changes with what a metaclass could say about the attributes of its classes; 0 for `type`, which never changes.
fn metaclass_version(class: &Class) -> u32 {
    class.metaclass.get().map_or(0, |metaclass| metaclass.version.get())
}

/// What is computed instead of being found.
pub enum Computed {
    Getter(Rc<Function>),
    Class(Rc<Class>),
}

/// A callable found by [`Vm::load_method`].
pub enum Method {
    /// Call it with the object in front.
    Unbound(Value),
    /// Call it as it is.
    Bound(Value),
    /// Call it with the object's class in front.
    OfClass(Value),
}
