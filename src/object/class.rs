//! Classes.
//!
//! **Invariant**: `Class::version` changes whenever a lookup on the class could give another result (its own or an
//! ancestor's namespace or bases changed), and no two classes ever have the same version. So an inline cache that
//! remembers a version is right as long as it matches.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};

use super::attrs::{AttrCell, OF_MODULE, Shape};
use super::function::Descriptor;
use super::native::{NativeFunction, Row, RowKind};
use super::{Dict, Function, Str, Value, gc};
use crate::machine::Vm;
use crate::symbol::Symbol;

thread_local! {
    pub(super) static NEXT_ID: Cell<u32> = const { Cell::new(1) };
}

/// A number that is never given twice on this thread.
pub(super) fn fresh_id() -> u32 {
    NEXT_ID.with(|next| {
        let id = next.get();
        next.set(if id == OF_MODULE - 1 { 1 } else { id + 1 });
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

/// Who answers a special method of an object.
#[derive(Clone)]
pub enum Special {
    /// The built-in type, or the one that the class is derived from.
    Builtin,
    /// `object`'s own method.
    Default,
    /// Nobody.
    Missing,
    /// This method, unbound.
    Method(Value),
}

pub struct Class {
    pub name: RefCell<Rc<Str>>,
    pub qualname: RefCell<Rc<Str>>,
    pub bases: RefCell<Vec<Rc<Class>>>,
    /// The method resolution order without the class itself.
    pub ancestors: RefCell<Rc<[Rc<Class>]>>,
    /// Where in that order the class itself stands; anything but first is the work of a metaclass's `mro`.
    pub own_place: Cell<Place>,
    /// Unset for `type`; set once, when the class is made.
    pub metaclass: OnceCell<Rc<Class>>,
    /// Its attributes, but for those in tables that nobody has asked for yet: [`Class::dict`] reads these first.
    pub(super) namespace: Rc<Dict>,
    /// The tables of a built-in class; nothing once its attributes have been looked at. A short program never asks most
    /// classes for theirs.
    unread: RefCell<Option<Unread>>,
    pub version: Cell<u32>,
    /// Attributes that programs assign again and again, like a count of instances: nobody remembers what they are, so
    /// that nothing is out of date with every new value. They are here, and data.
    volatile: RefCell<Vec<Rc<Str>>>,
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
    /// Whether `__abstractmethods__` was set to names.
    pub is_abstract: Cell<bool>,
    /// Which special methods it has, as bits of `machine::hooks::Hooks`; valid for one version.
    pub hooks: Cell<(u32, u16)>,
    /// How its instances are made; valid for one version.
    pub maker: RefCell<(u32, Maker)>,
    /// How `await` treats an instance, for native awaitables.
    pub awaiting: Cell<Option<&'static Awaiting>>,
    /// Lookups along the method resolution order, by address of the interned name; valid for one version.
    cache: RefCell<(u32, Lookups)>,
    /// Who answers the special methods that were asked for; valid for one version.
    specials: RefCell<(u32, Vec<(Symbol, Special)>)>,
    /// Itself, if a script has made it: as CPython's class is in its own `__mro__`, it goes when the collector finds it.
    pub own: RefCell<Option<Rc<Class>>>,
    pub mark: gc::Mark,
}

/// What a built-in class has, as long as nobody wants to know.
#[derive(Default)]
struct Unread {
    class: Weak<Class>,
    tables: Vec<&'static [Row]>,
}

/// Where a class stands in its own method resolution order.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    First,
    Behind(usize),
    Nowhere,
    /// The metaclass's `mro` is being asked for the first time.
    Unknown,
}

/// How the instances of a class are made.
#[derive(Clone, Default)]
pub enum Maker {
    /// In a way that must be looked at anew.
    #[default]
    General,
    /// `object.__new__` alone, which takes no arguments.
    Bare,
    /// `object.__new__`, then this script function.
    Init(Rc<Function>),
    /// The class's `__new__` alone.
    New(Rc<NativeFunction>),
    /// An empty list, dict or set, which this `__init__` fills.
    Container(Rc<NativeFunction>),
    /// `type` itself, which says what class its one argument has.
    Type,
    /// `BaseException.__new__`, then this script function or nothing that matters.
    Exception(Option<Rc<Function>>),
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
            own_place: Cell::new(Place::First),
            metaclass: OnceCell::new(),
            namespace: dict,
            unread: RefCell::new(builtin.then(Default::default)),
            version: Cell::new(fresh_id()),
            volatile: RefCell::default(),
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
            is_abstract: Cell::new(false),
            awaiting: Cell::new(awaiting),
            hooks: Cell::default(),
            maker: RefCell::default(),
            cache: RefCell::default(),
            specials: RefCell::default(),
            own: RefCell::default(),
            mark: gc::Mark::default(),
        });
        if !builtin {
            class.own.replace(Some(class.clone()));
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

    /// The class itself and its ancestors in order of resolution.
    pub fn mro(self: &Rc<Class>) -> Vec<Rc<Class>> {
        let mut all = self.ancestors.borrow().to_vec();
        match self.own_place.get() {
            Place::First | Place::Unknown => all.insert(0, self.clone()),
            Place::Behind(at) => all.insert(at.min(all.len()), self.clone()),
            Place::Nowhere => {}
        }
        all
    }

    /// A tuple with named items, made by Rust code.
    pub fn is_structure(&self) -> bool {
        self.builtin && self.layout == Layout::Tuple && self.base().is_some_and(|base| base.layout == Layout::Tuple)
    }

    /// Whether no class can be derived from it.
    pub fn is_final(&self) -> bool {
        self.layout == Layout::Final || self.is_structure()
    }

    pub fn is_subclass(&self, other: &Rc<Class>) -> bool {
        if std::ptr::eq(self, Rc::as_ptr(other)) {
            return self.own_place.get() != Place::Nowhere;
        }
        self.ancestors.borrow().iter().any(|a| Rc::ptr_eq(a, other))
    }

    /// Looks a name up in the class and its ancestors, without binding it.
    pub fn lookup(&self, name: &Rc<Str>) -> Option<Value> {
        if !name.is_interned() {
            return self.lookup_uncached(name).0;
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
        let (found, is_volatile) = self.lookup_uncached(name);
        if is_volatile {
            return found;
        }
        let mut cache = self.cache.borrow_mut();
        if cache.0 != self.version.get() {
            cache.0 = self.version.get();
            cache.1.clear();
        }
        cache.1.insert(key, found.clone());
        found
    }

    fn lookup_uncached(&self, name: &Rc<Str>) -> (Option<Value>, bool) {
        let ancestors = self.ancestors.borrow().clone();
        let of = |class: &Class| Some((class.dict().get_str(name)?, class.is_volatile(name)));
        let among = |ancestors: &[Rc<Class>]| ancestors.iter().find_map(|class| of(class));
        let found = match self.own_place.get() {
            Place::First | Place::Unknown => of(self).or_else(|| among(&ancestors)),
            Place::Nowhere => among(&ancestors),
            Place::Behind(at) => {
                let (before, after) = ancestors.split_at(at.min(ancestors.len()));
                among(before).or_else(|| of(self)).or_else(|| among(after))
            }
        };
        found.map_or((None, false), |(found, is_volatile)| (Some(found), is_volatile))
    }

    /// The class in which a name is found, if what it has there may become something else at any time.
    pub fn volatile_holder(self: &Rc<Class>, name: &Rc<Str>) -> Option<Rc<Class>> {
        let holder = self.mro().into_iter().find(|class| class.dict().get_str(name).is_some())?;
        holder.is_volatile(name).then_some(holder)
    }

    /// Who answers a special method of the instances, found out by `find` the first time. Classes have few of them.
    #[inline]
    pub fn special(&self, name: Symbol, find: impl FnOnce() -> Special) -> Special {
        {
            let (version, known) = &*self.specials.borrow();
            if *version == self.version.get() {
                if let Some((_, known)) = known.iter().find(|(known, _)| *known == name) {
                    return known.clone();
                }
            }
        }
        self.find_special(name, find)
    }

    #[cold]
    fn find_special(&self, name: Symbol, find: impl FnOnce() -> Special) -> Special {
        let found = find();
        let version = self.version.get();
        let outdated = match &mut *self.specials.borrow_mut() {
            (of, known) if *of == version => {
                known.push((name, found.clone()));
                Vec::new()
            }
            specials => std::mem::replace(specials, (version, vec![(name, found.clone())])).1,
        };
        drop(outdated);
        found
    }

    /// Shows what the caches refer to.
    pub(super) fn trace_caches(&self, visit: gc::Visit) {
        if let Ok(maker) = self.maker.try_borrow() {
            if let Maker::Init(init) | Maker::Exception(Some(init)) = &maker.1 {
                gc::link(init, Value::Function, visit);
            }
        }
        if let Ok(cache) = self.cache.try_borrow() {
            for found in cache.1.values().flatten() {
                visit(found);
            }
        }
        if let Ok(specials) = self.specials.try_borrow() {
            for (_, special) in &specials.1 {
                if let Special::Method(method) = special {
                    visit(method);
                }
            }
        }
    }

    pub(super) fn clear_caches(&self) {
        drop(self.maker.take());
        drop(self.cache.take());
        drop(self.specials.take());
    }

    /// Takes a class out of the list of subclasses.
    pub fn forget_subclass(&self, class: &Rc<Class>) {
        self.subclasses.borrow_mut().retain(|subclass| !std::ptr::eq(subclass.as_ptr(), Rc::as_ptr(class)));
    }

    /// Says that lookups on this class and its subclasses may give other results now.
    pub fn changed(&self) {
        self.version.set(fresh_id());
        self.root_shape.renew();
        // What was found is not kept alive by that; the room it took serves again.
        drop((self.maker.take(), self.specials.take()));
        let mut cache = self.cache.take();
        cache.1.clear();
        drop(self.cache.replace(cache));
        let subclasses = self.subclasses.borrow().clone();
        for class in subclasses.iter().filter_map(Weak::upgrade) {
            class.changed();
        }
    }

    /// Its own attributes.
    #[inline]
    pub fn dict(&self) -> &Rc<Dict> {
        if self.unread.borrow().is_some() {
            self.read_tables();
        }
        &self.namespace
    }

    #[cold]
    fn read_tables(&self) {
        let Some(Unread { class, tables }) = self.unread.take() else { return };
        self.namespace.table.borrow_mut().reserve(tables.iter().map(|rows| rows.len()).sum());
        for row in tables.into_iter().flatten() {
            self.add_row(&class, row);
        }
    }

    fn add_row(&self, this: &Weak<Class>, row: &'static Row) {
        let name = Rc::new(Str::new(row.name()));
        let value = match row.kind {
            RowKind::Function(call)
            | RowKind::Method(call)
            | RowKind::ClassMethod(call)
            | RowKind::StaticMethod(call) => {
                let native = NativeFunction::new(row, call, name.clone(), None);
                native.owner.replace(Some(this.clone()));
                let native = Value::Native(Rc::new(native));
                match row.kind {
                    RowKind::StaticMethod(_) if name.as_str() != "__new__" => {
                        Value::Descriptor(Rc::new(Descriptor::StaticMethod(native, AttrCell::default())))
                    }
                    _ => native,
                }
            }
            RowKind::Attribute(get, set) => Value::Descriptor(Rc::new(Descriptor::GetSet {
                name: name.clone(),
                class: this.clone(),
                get,
                set,
                doc: Default::default(),
            })),
        };
        self.namespace.set_str(&name, value);
    }

    /// Adds a table of methods and attributes. What is found on the class before anybody has asked it for anything
    /// cannot be remembered anywhere, so there is nothing to tell its subclasses.
    pub fn add_methods(self: &Rc<Class>, rows: &'static [Row]) {
        let this = Rc::downgrade(self);
        match &mut *self.unread.borrow_mut() {
            Some(unread) => {
                unread.class = this;
                unread.tables.push(rows);
                return;
            }
            None => rows.iter().for_each(|row| self.add_row(&this, row)),
        }
        self.changed();
    }

    /// Sets a class attribute.
    pub fn set(&self, name: &Rc<Str>, value: Value) {
        let old = self.dict().set_str(name, value);
        self.changed();
        drop(old);
    }

    /// Sets a class attribute for a program, which may do so again and again. `is_data` tells values that have no say in
    /// how they are looked up.
    pub fn assign(&self, name: &Rc<Str>, value: Value, is_data: impl Fn(&Value) -> bool) {
        let now_data = is_data(&value);
        let old = self.dict().set_str(name, value);
        let is_volatile = self.is_volatile(name);
        if is_volatile && now_data {
            return;
        }
        let becomes_volatile = now_data && old.as_ref().is_some_and(is_data) && !is_special(name);
        match becomes_volatile {
            true => self.volatile.borrow_mut().push(name.clone()),
            false if is_volatile => self.volatile.borrow_mut().retain(|volatile| volatile != name),
            false => {}
        }
        self.changed();
        drop(old);
    }

    /// Removes a class attribute.
    pub fn remove(&self, name: &Rc<Str>) -> Option<Value> {
        let old = self.dict().remove_str(name);
        self.volatile.borrow_mut().retain(|volatile| volatile != name);
        self.changed();
        old
    }

    fn is_volatile(&self, name: &Rc<Str>) -> bool {
        let volatile = self.volatile.borrow();
        !volatile.is_empty() && volatile.contains(name)
    }

    /// Gives a class that is being made an attribute which it has if its tables do not say otherwise.
    pub fn declare(&self, name: &Rc<Str>, value: Value) {
        if self.namespace.get_str(name).is_none() {
            self.namespace.set_str(name, value);
        }
    }
}

/// Whether a name has a meaning of its own.
fn is_special(name: &Str) -> bool {
    name.starts_with("__") && name.ends_with("__")
}

impl Drop for Class {
    fn drop(&mut self) {
        self.mark.died(std::ptr::from_ref(self).addr());
    }
}
