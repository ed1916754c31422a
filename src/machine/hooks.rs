//! What the classes of objects do themselves, in bits: what they leave to the built-in types they derive from is done
//! without a call.

use super::prelude::*;
use crate::object::class::Layout;
use crate::object::function::Descriptor;

/// Which special methods a class has that are asked for without a call: those of attribute access and of truth.
#[derive(Clone, Copy)]
pub(super) struct Hooks(u16);

impl Hooks {
    pub(super) const GET: u16 = 1;
    pub(super) const SET: u16 = 2;
    pub(super) const DELETE: u16 = 4;
    /// A `__getattribute__` that is not `object`'s.
    pub(super) const GETATTRIBUTE: u16 = 8;
    pub(super) const GETATTR: u16 = 16;
    pub(super) const BOOL: u16 = 32;
    pub(super) const LEN: u16 = 64;
    /// A `__class__` that is not `object`'s.
    pub(super) const CLASS: u16 = 128;
    /// A `__getitem__`, `__setitem__` or `__contains__` that is not that of the built-in type the class derives from.
    pub(super) const GETITEM: u16 = 256;
    pub(super) const SETITEM: u16 = 512;
    pub(super) const CONTAINS: u16 = 1024;
    /// An `__eq__` or `__ne__` that is not `object`'s, nor `tuple`'s in a class derived from that.
    pub(super) const EQ: u16 = 2048;
    /// A `__hash__` that is not `tuple`'s.
    pub(super) const HASH: u16 = 4096;
    /// A `__len__` or `__iter__` that is not that of the built-in type the class derives from.
    pub(super) const OWN_LEN: u16 = 8192;
    pub(super) const ITER: u16 = 16384;
    /// A `__setattr__` or `__delattr__` that is not `object`'s.
    pub(super) const SETATTR: u16 = 32768;

    pub(super) fn has(self, which: u16) -> bool {
        self.0 & which != 0
    }

    pub(super) fn has_get(self) -> bool {
        self.has(Hooks::GET)
    }

    pub(super) fn has_set(self) -> bool {
        self.has(Hooks::SET)
    }

    pub(super) fn has_getattr(self) -> bool {
        self.has(Hooks::GETATTR)
    }

    pub(super) fn has_bool(self) -> bool {
        self.has(Hooks::BOOL)
    }

    pub(super) fn has_len(self) -> bool {
        self.has(Hooks::LEN)
    }

    pub(super) fn has_eq(self) -> bool {
        self.has(Hooks::EQ)
    }

    /// What a class does, if it has been asked since it was last changed.
    #[inline]
    pub(super) fn known(class: &Class) -> Option<Hooks> {
        let (version, known) = class.hooks.get();
        (version == class.version.get()).then_some(Hooks(known))
    }

    /// Whether script code says what `__class__` is.
    pub(super) fn computes_class(self) -> bool {
        self.has(Hooks::CLASS | Hooks::GETATTRIBUTE)
    }

    pub(super) fn has_getattribute(self) -> bool {
        self.has(Hooks::GETATTRIBUTE)
    }
}

impl Vm {
    /// What the class of an object does about attributes.
    #[inline]
    pub(super) fn hooks(&self, class: &Class) -> Hooks {
        Hooks::known(class).unwrap_or_else(|| self.find_hooks(class))
    }

    #[cold]
    fn find_hooks(&self, class: &Class) -> Hooks {
        let mut found = 0;
        let has = |name| class.lookup(self.name(name));
        for (name, bit) in [
            (sym::__get__, Hooks::GET),
            (sym::__set__, Hooks::SET),
            (sym::__delete__, Hooks::DELETE),
            (sym::__getattr__, Hooks::GETATTR),
            (sym::__bool__, Hooks::BOOL),
            (sym::__len__, Hooks::LEN),
        ] {
            if has(name).is_some() {
                found |= bit;
            }
        }
        let types = &self.types;
        let comparing = if class.is_subclass(&types.tuple) { &types.tuple } else { &types.object };
        let base = self.container_of(class).unwrap_or(&self.types.dict);
        for (name, bit, class) in [
            (sym::__getitem__, Hooks::GETITEM, base),
            (sym::__setitem__, Hooks::SETITEM, base),
            (sym::__contains__, Hooks::CONTAINS, base),
            (sym::__len__, Hooks::OWN_LEN, base),
            (sym::__iter__, Hooks::ITER, base),
            (sym::__eq__, Hooks::EQ, comparing),
            (sym::__ne__, Hooks::EQ, comparing),
            (sym::__hash__, Hooks::HASH, &self.types.tuple),
        ] {
            if !matches!(has(name), Some(Value::Native(native)) if native.is_of(class)) {
                found |= bit;
            }
        }
        if !matches!(has(sym::__class__), Some(Value::Descriptor(d)) if matches!(*d, Descriptor::GetSet { .. })) {
            found |= Hooks::CLASS;
        }
        for (name, bit) in [
            (sym::__getattribute__, Hooks::GETATTRIBUTE),
            (sym::__setattr__, Hooks::SETATTR),
            (sym::__delattr__, Hooks::SETATTR),
        ] {
            // An alias has the attributes of its class.
            let plain =
                |native: &NativeFunction| native.name == *self.name(name) && !native.is_of(&self.types.GenericAlias);
            if !matches!(has(name), Some(Value::Native(native)) if plain(&native)) {
                found |= bit;
            }
        }
        class.hooks.set((class.version.get(), found));
        Hooks(found)
    }

    /// The built-in container whose layout a class has.
    pub(super) fn container_of(&self, class: &Class) -> Option<&Rc<Class>> {
        match class.layout {
            Layout::List => Some(&self.types.list),
            Layout::Dict => Some(&self.types.dict),
            Layout::Set => Some(&self.types.set),
            Layout::FrozenSet => Some(&self.types.frozenset),
            Layout::Tuple => Some(&self.types.tuple),
            Layout::Str => Some(&self.types.str_),
            _ => None,
        }
    }

    /// What is inside an instance whose class does something as the type of that does it.
    #[inline]
    fn inner_with<'a>(&self, value: &'a Value, operation: u16) -> Option<&'a Value> {
        let Value::Instance(instance) = value else { return None };
        let inner = instance.inner()?;
        (!self.hooks(&instance.class()).has(operation)).then_some(inner)
    }

    #[inline]
    fn dict_with<'a>(&self, value: &'a Value, operation: u16) -> Option<&'a Rc<Dict>> {
        match self.inner_with(value, operation) {
            Some(Value::Dict(dict)) => Some(dict),
            _ => None,
        }
    }

    /// What is inside an instance whose items are those of a built-in sequence.
    pub fn sequence_read<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        self.inner_with(value, Hooks::GETITEM).filter(|inner| matches!(inner, Value::List(_) | Value::Tuple(_)))
    }

    /// What is inside an instance that is as long.
    pub(super) fn measured<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        self.inner_with(value, Hooks::OWN_LEN)
    }

    /// What is inside an instance that is iterated as that is.
    pub(super) fn iterated<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        self.inner_with(value, Hooks::ITER)
    }

    /// A dict, or the one inside an instance that is read and assigned to as that is; what it does not have is another
    /// matter.
    #[inline]
    pub fn plain_dict<'a>(&self, value: &'a Value) -> Option<&'a Rc<Dict>> {
        match value {
            Value::Dict(dict) => Some(dict),
            _ => self.dict_with(value, Hooks::GETITEM | Hooks::SETITEM),
        }
    }

    /// The dict inside an instance that is read as a dict is.
    pub(super) fn dict_read<'a>(&self, value: &'a Value) -> Option<&'a Rc<Dict>> {
        self.dict_with(value, Hooks::GETITEM)
    }

    /// The dict inside an instance that is assigned to as a dict is.
    pub(super) fn dict_assigned<'a>(&self, value: &'a Value) -> Option<&'a Rc<Dict>> {
        self.dict_with(value, Hooks::SETITEM)
    }

    /// The dict inside an instance in which keys are looked for as in a dict.
    pub(super) fn dict_searched<'a>(&self, value: &'a Value) -> Option<&'a Rc<Dict>> {
        self.dict_with(value, Hooks::CONTAINS)
    }
}
