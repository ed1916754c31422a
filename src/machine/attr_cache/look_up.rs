//! Attribute access at places that remember: what was found there is used, else looked up and remembered.

use std::rc::Weak;

use super::*;
use crate::machine::attr::own_attr;
use crate::machine::classes::Super;
use crate::object::module::Module;
use crate::object::{Eval, Located};

impl Vm {
    /// `value.name` at a place in the code that remembers its last lookup.
    #[inline(always)]
    pub fn get_attr_cached(&mut self, value: &Value, name: &Rc<Str>, cache: &AttrCache) -> Eval {
        match cache.own(value) {
            Some(found) => Ok(found),
            None => self.get_attr_miss(value, name, cache).here(),
        }
    }

    #[inline(never)]
    pub fn get_attr_miss(&mut self, value: &Value, name: &Rc<Str>, cache: &AttrCache) -> Result {
        if let Some(own) = cache.in_dict(value, name) {
            return Ok(own);
        }
        match value {
            Value::Instance(_) | Value::Exception(_) => {
                let known = shaped(value).and_then(|(attrs, key)| Some((attrs, cache.entry(key)?)));
                let Some((attrs, entry)) = known else { return self.get_attr_fill(value, name, cache) };
                if entry.slot.get() == CLASS {
                    return Ok(Value::Class(self.class_of(value)));
                }
                if let Some(getter) = entry.getter() {
                    return self.call_getter(&getter, value, name);
                }
                if let Some(descriptor) = entry.descriptor() {
                    return self.ask_descriptor(&descriptor, value, name);
                }
                match entry.get(attrs, value, name) {
                    Some(found) => Ok(found),
                    None => self.get_attr_fill(value, name, cache),
                }
            }
            Value::Class(class) => match cache.of_class(class, OF_CLASS) {
                Some(found) => Ok(found),
                None => self.get_class_miss(value, class, name, cache),
            },
            Value::Module(module) if module.class.borrow().is_some() => self.get_attr(value, name),
            Value::Module(module) => match module.dict.get_cached(cache.first.slot.get() as usize, name) {
                Some(found) => Ok(found),
                None => self.get_module_fill(value, module, name, cache),
            },
            _ => self.get_attr(value, name),
        }
    }

    fn get_module_fill(&mut self, value: &Value, module: &Module, name: &Rc<Str>, cache: &AttrCache) -> Result {
        let found = self.get_attr(value, name)?;
        // No instance may take the position for one in its values.
        cache.first.remember_own(0, OF_MODULE, module.dict.position_str(name).unwrap_or(IN_CLASS as usize));
        Ok(found)
    }

    /// What a data descriptor of an object's class gives.
    fn ask_descriptor(&mut self, descriptor: &Value, value: &Value, name: &Rc<Str>) -> Result {
        if let Value::Descriptor(descriptor) = descriptor {
            if let Descriptor::GetSet { get, .. } = &**descriptor {
                return get(self, value);
            }
        }
        let class = self.class_of(value);
        self.bind(descriptor, Some(value), &class).or_else(|error| self.computing_failed(value, name, error))
    }

    /// What a property's function gives.
    #[inline]
    pub fn call_getter(&mut self, getter: &Rc<Function>, value: &Value, name: &Rc<Str>) -> Result {
        match self.call_simple(getter, [value.clone()]) {
            Ok(found) => Ok(found),
            Err(raised) => self.computing_failed(value, name, raised.into()),
        }
    }

    #[cold]
    fn computing_failed(&mut self, value: &Value, name: &Rc<Str>, error: Error) -> Result {
        let class = self.class_of(value);
        self.fallback_attr(value, &class, name, error).map_err(|error| self.note_attribute(error, value, name))
    }

    fn get_attr_fill(&mut self, value: &Value, name: &Rc<Str>, cache: &AttrCache) -> Result {
        if let Some((attrs, _)) = shaped(value) {
            let class = self.class_of(value);
            if self.plain_getattribute(&class) {
                let shape = attrs.look(Attrs::shape_id);
                let found = class.lookup(name);
                let is_computed = match &found {
                    Some(Value::Descriptor(d)) => matches!(&**d, Descriptor::Property(_) | Descriptor::GetSet { .. }),
                    Some(Value::Instance(d)) => {
                        self.hooks(&d.class()).has_get() && found.as_ref().is_some_and(|d| self.is_data_descriptor(d))
                    }
                    _ => false,
                };
                if let (Some(found), true) = (&found, is_computed) {
                    let slot = if self.is_object_class(name, found) { CLASS } else { COMPUTED };
                    let entry = cache.room(shape);
                    entry.remember(class.version.get(), shape, slot, found);
                    if let Some(getter) = self.getter_of_page(found) {
                        entry.function.replace(Rc::downgrade(&getter));
                    }
                } else if let Some(key) = self.own_key(&class, name, found.as_ref()) {
                    if let Some(own) = cache.fill_own(attrs, &class, &key) {
                        return Ok(own);
                    }
                    let plain =
                        found.as_ref().is_none_or(|found| matches!(found, Value::Function(_)) || self.is_plain(found));
                    if plain && (found.is_some() || shape == NO_ID) && attrs.look(Attrs::shape_id) == shape {
                        let entry = cache.room(shape);
                        let holder = found.as_ref().and_then(|found| volatile_holder(&class, name, found));
                        let (slot, held) = match holder {
                            // An object with a dict of its own is asked first.
                            Some(_) if shape == NO_ID => return self.get_attr(value, name),
                            Some(holder) => (VOLATILE, Value::Class(holder)),
                            None => (IN_CLASS, found.unwrap_or_default()),
                        };
                        entry.remember(class.version.get(), shape, slot, &held);
                        if let Some(found) = entry.get(attrs, value, name) {
                            return Ok(found);
                        }
                    }
                }
            }
        }
        self.get_attr(value, name)
    }

    /// The function that one of the library's own kinds of properties calls with the object and nothing else.
    fn getter_of_page(&self, descriptor: &Value) -> Option<Rc<Function>> {
        let Value::Instance(instance) = descriptor else { return None };
        let own_get = instance.class().lookup(self.name(sym::__get__));
        if !matches!(own_get, Some(Value::Function(get)) if get.code.source.library) {
            return None;
        }
        match own_attr(descriptor, self.name(sym::fget))? {
            Value::Function(function) => Some(function),
            _ => None,
        }
    }

    /// Whether what a class has under a name is `object.__class__`.
    fn is_object_class(&self, name: &Rc<Str>, found: &Value) -> bool {
        Rc::ptr_eq(name, self.name(sym::__class__))
            && self.types.object.dict().get_str(name).is_some_and(|given| given.is(found))
    }

    /// Whether an attribute of a class is itself what its instances get, and the class too: no descriptor.
    pub(in crate::machine) fn is_plain(&self, found: &Value) -> bool {
        match found {
            Value::Descriptor(_) | Value::Native(_) | Value::Function(_) | Value::Class(_) => false,
            Value::Instance(instance) => !self.hooks(&instance.class()).has_get(),
            _ => true,
        }
    }

    /// What is asked of a class and not remembered as it is.
    fn get_class_miss(&mut self, value: &Value, class: &Rc<Class>, name: &Rc<Str>, cache: &AttrCache) -> Result {
        let entry = &cache.first;
        if cache.is_known(class, OF_CLASS_VOLATILE) {
            if let Some(found) = entry.in_holder(name) {
                return Ok(found);
            }
        } else if entry.shape.get() == OF_METACLASS && entry.slot.get() == metaclass_version(class) {
            let descriptor = entry.value.borrow().get();
            return self.ask_descriptor(&descriptor, value, name);
        }
        self.get_class_fill(value, class, name, cache)
    }

    /// `Class.name` where the metaclass has no say.
    fn get_class_fill(&mut self, value: &Value, class: &Rc<Class>, name: &Rc<Str>, cache: &AttrCache) -> Result {
        let metaclass = self.class_of(value);
        if self.hooks(&metaclass).has_getattribute() {
            return self.get_attr(value, name);
        }
        if let Some(first) = metaclass.lookup(name).filter(|found| self.is_data_descriptor(found)) {
            if matches!(&first, Value::Descriptor(descriptor) if matches!(**descriptor, Descriptor::GetSet { .. })) {
                cache.first.remember(0, OF_METACLASS, metaclass_version(class), &first);
            }
            return self.get_attr(value, name);
        }
        if let Some(found) = class.lookup(name) {
            let (how, found) = match &found {
                Value::Descriptor(descriptor) => match &**descriptor {
                    Descriptor::StaticMethod(function, _) => (OF_CLASS, Some(function.clone())),
                    Descriptor::ClassMethod(function @ Value::Function(_), _) => {
                        (OF_CLASS_BOUND, Some(function.clone()))
                    }
                    _ => (OF_CLASS, None),
                },
                Value::Function(_) | Value::Class(_) => (OF_CLASS, Some(found)),
                other => (OF_CLASS, self.is_plain(other).then_some(found)),
            };
            if let Some(found) = found {
                let (place, held) = match volatile_holder(class, name, &found) {
                    Some(holder) => (OF_CLASS_VOLATILE, Value::Class(holder)),
                    None => (how, found.clone()),
                };
                cache.first.remember(class.version.get(), place, metaclass_version(class), &held);
                if how == OF_CLASS {
                    return Ok(found);
                }
            }
        }
        self.get_attr(value, name)
    }

    /// What an instance's attribute is, if that can be told without calling anything; `Some(None)` if there is none.
    pub fn attr_at_once(&self, value: &Value, name: &Rc<Str>) -> Option<Option<Value>> {
        let Value::Instance(instance) = value else { return None };
        let class = instance.class();
        if !self.plain_getattribute(&class) {
            return None;
        }
        let name = self.known_name(name)?;
        let found = class.lookup(name);
        let key = self.own_key(&class, name, found.as_ref())?;
        match (own_attr(value, &key), &found) {
            (Some(own), _) => Some(Some(own)),
            // `super` objects and modules look elsewhere as well.
            _ if class.builtin || instance.inner().is_some() || value.data::<Super>().is_some() => None,
            (None, Some(function @ Value::Function(_))) => Some(Some(bound(function, value))),
            (None, Some(found)) => self.is_plain(found).then(|| Some(found.clone())),
            (None, None) => (!self.hooks(&class).has_getattr()).then_some(None),
        }
    }

    /// Under which key an instance has an attribute itself, if what was found in its class does not go before.
    fn own_key(&self, class: &Rc<Class>, name: &Rc<Str>, found: Option<&Value>) -> Option<Rc<Str>> {
        match found {
            Some(Value::Descriptor(descriptor)) => match &**descriptor {
                Descriptor::Slot { key, class: owner } => {
                    owner.upgrade().is_some_and(|owner| class.is_subclass(&owner)).then(|| key.clone())
                }
                _ => None,
            },
            Some(attr) if self.is_data_descriptor(attr) => None,
            _ => Some(name.clone()),
        }
    }

    /// What `value.name(...)` calls, without making a bound method where that can be avoided.
    #[inline]
    pub fn load_method(&mut self, value: &Value, name: &Rc<Str>, cache: &AttrCache) -> Result<Method> {
        let (version, shape) = match value {
            Value::Instance(instance) => {
                let shape = instance.attrs.look(Attrs::shape_id);
                (instance.class().version.get(), shape)
            }
            Value::Class(class) => {
                if let Some(function) = cache.of_class(class, OF_CLASS_BOUND) {
                    return Ok(Method::Unbound(function));
                }
                return Ok(Method::Bound(self.get_attr_cached(value, name, cache)?));
            }
            Value::Module(_) | Value::Exception(_) | Value::Function(_) => {
                return Ok(Method::Bound(self.get_attr_cached(value, name, cache)?));
            }
            other => (self.builtin_class(other).version.get(), 0),
        };
        if let Some(entry) = cache.entry((shape, version)) {
            match entry.slot.get() {
                IN_CLASS if shape != NO_ID || own_attr(value, name).is_none() => {
                    let found = entry.value.borrow().get();
                    if !found.is_unbound() {
                        return Ok(Method::Unbound(found));
                    }
                }
                slot @ (STATIC | CLASS_METHOD) if shape != NO_ID || own_attr(value, name).is_none() => {
                    let found = entry.value.borrow().get();
                    if !found.is_unbound() {
                        return Ok(if slot == STATIC { Method::Bound(found) } else { Method::OfClass(found) });
                    }
                }
                _ => {}
            }
            if let Some(own) = shaped(value).and_then(|(attrs, _)| entry.own(attrs)) {
                return Ok(Method::Bound(own));
            }
        }
        self.load_method_fill(value, name, cache, version, shape)
    }

    fn load_method_fill(
        &mut self,
        value: &Value,
        name: &Rc<Str>,
        cache: &AttrCache,
        version: u32,
        shape: u32,
    ) -> Result<Method> {
        let class = self.class_of(value);
        if self.plain_getattribute(&class) && value.data::<Super>().is_none() {
            let found = class.lookup(name);
            let is_method = match &found {
                Some(Value::Function(_)) => true,
                Some(Value::Native(native)) => {
                    let owner = native.owner.borrow().as_ref().and_then(Weak::upgrade);
                    native.is_method() && owner.is_none_or(|owner| class.is_subclass(&owner))
                }
                _ => false,
            };
            if is_method && own_attr(value, name).is_none() {
                let method = found.unwrap_or_default();
                let entry = cache.room(shape);
                entry.remember(version, shape, IN_CLASS, &method);
                if has_class_of_its_own(value) {
                    entry.variant.set(Some(std::mem::discriminant(value)));
                }
                return Ok(Method::Unbound(method));
            }
            if let Some(Value::Descriptor(descriptor)) = &found {
                if own_attr(value, name).is_none() {
                    match &**descriptor {
                        Descriptor::StaticMethod(function, _) => {
                            cache.room(shape).remember(version, shape, STATIC, function);
                            return Ok(Method::Bound(function.clone()));
                        }
                        Descriptor::ClassMethod(function @ Value::Function(_), _) => {
                            cache.room(shape).remember(version, shape, CLASS_METHOD, function);
                            return Ok(Method::OfClass(function.clone()));
                        }
                        _ => {}
                    }
                }
            }
            if let (Value::Instance(instance), Some(key)) = (value, self.own_key(&class, name, found.as_ref())) {
                if let Some(own) = cache.fill_own(&instance.attrs, &class, &key) {
                    return Ok(Method::Bound(own));
                }
            }
        }
        self.get_attr(value, name).map(Method::Bound)
    }

    /// `value.name = new` at a place in the code that remembers its last assignment.
    #[inline(always)]
    pub fn set_attr_cached(&mut self, value: &Value, name: &Rc<Str>, new: Value, cache: &AttrCache) -> Eval<()> {
        match cache.assign(value, new) {
            Ok(()) => Ok(()),
            Err(new) => self.set_attr_miss(value, name, new, cache).here(),
        }
    }

    #[inline(never)]
    pub fn set_attr_miss(&mut self, value: &Value, name: &Rc<Str>, new: Value, cache: &AttrCache) -> Result<()> {
        let Some((attrs, key)) = shaped(value) else { return self.set_attr(value, name, new) };
        match cache.entry(key) {
            Some(entry) => {
                if let Some(property) = entry.descriptor() {
                    let class = self.class_of(value);
                    return self.set_through(&property, value, &class, name, Some(new));
                }
                gc::stored_into(value, &new);
                if entry.shape.get() == NO_ID && entry.slot.get() == IN_CLASS {
                    // It goes into a dict.
                    let shape = self.with_class(value, |class| class.root_shape.clone());
                    drop(attrs.change(|attrs| attrs.set(&shape, name, new)));
                    return Ok(());
                }
                match attrs.change(|attrs| entry.put(attrs, new)) {
                    Ok(old) => {
                        old.discard();
                        Ok(())
                    }
                    Err(new) => self.set_attr_fill(value, name, new, cache),
                }
            }
            None => self.set_attr_fill(value, name, new, cache),
        }
    }

    fn set_attr_fill(&mut self, value: &Value, name: &Rc<Str>, new: Value, cache: &AttrCache) -> Result<()> {
        let Some((attrs, key)) = shaped(value) else { return self.set_attr(value, name, new) };
        let class = self.class_of(value);
        if self.own_way(&class, sym::__setattr__).is_some() {
            return self.set_attr(value, name, new);
        }
        let found = class.lookup(name);
        if let Some(descriptor) = &found {
            let is_asked = match descriptor {
                Value::Descriptor(descriptor) => matches!(**descriptor, Descriptor::Property(_)),
                Value::Instance(descriptor) => self.hooks(&descriptor.class()).has_set(),
                _ => false,
            };
            if is_asked {
                let (shape, version) = attrs.look(|attrs| match attrs {
                    Attrs::Shaped { shape, .. } => (shape.id(), class.version.get()),
                    Attrs::Apart(_) => key,
                });
                cache.room(shape).remember(version, shape, COMPUTED, descriptor);
                return self.set_through(descriptor, value, &class, name, Some(new));
            }
        }
        let key = self.own_key(&class, name, found.as_ref());
        // The shape before, if the attribute is not there yet.
        let before = attrs.look(|attrs| match (attrs, &key) {
            (Attrs::Apart(None), _) => Some(0),
            (Attrs::Shaped { shape, .. }, Some(key)) if shape.position(key).is_none() => Some(shape.id()),
            _ => None,
        });
        self.set_attr(value, name, new)?;
        if let Some(key) = key {
            // What ran in between may have changed the class.
            if Rc::ptr_eq(&class, &self.class_of(value)) {
                let place = attrs.look(|attrs| match attrs {
                    Attrs::Shaped { shape, .. } => shape.position(&key).map(|at| (shape.clone(), at)),
                    Attrs::Apart(_) => None,
                });
                let version = class.version.get();
                match (place, before) {
                    (Some((shape, _)), Some(before)) => {
                        let entry = cache.room(before);
                        entry.remember_own(version, before, IN_CLASS as usize);
                        *entry.next.borrow_mut() = Some(shape);
                    }
                    (Some((shape, at)), None) => cache.room(shape.id()).remember_own(version, shape.id(), at),
                    // In a dict, under its own name.
                    (None, _) if Rc::ptr_eq(&key, name) => {
                        cache.room(NO_ID).remember_own(version, NO_ID, IN_CLASS as usize);
                    }
                    (None, _) => {}
                }
            }
        }
        Ok(())
    }
}

/// Whether all values of a value's variant are of one class, which never changes.
fn has_class_of_its_own(value: &Value) -> bool {
    use Value::*;
    matches!(value, Str(_) | List(_) | Dict(_) | Tuple(_) | Int(_) | Float(_) | Bytes(_) | ByteArray(_))
}

/// The class that has an attribute that is not to be remembered.
fn volatile_holder(class: &Rc<Class>, name: &Rc<Str>, found: &Value) -> Option<Rc<Class>> {
    if matches!(found, Value::Function(_) | Value::Class(_)) { None } else { class.volatile_holder(name) }
}
