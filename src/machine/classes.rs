//! Making classes and instances: `type.__call__`, `type.__new__`, the method resolution order, `super`.

use super::prelude::*;
use crate::object::Set;
use crate::object::attrs::slot_key;
use crate::object::class::{Layout, Maker, Place};
use crate::object::function::{Descriptor, Getter, Setter};
use crate::object::instance::{Instance, Native, Payload};
use crate::object::native::NativeCall;

/// The state of a `super` object.
pub struct Super {
    /// Lookups start behind this class.
    pub class: Rc<Class>,
    pub this: Value,
    /// The class whose method resolution order is searched.
    pub this_class: Rc<Class>,
}

impl Native for Super {
    fn trace(&self, visit: gc::Visit) {
        gc::link(&self.class, Value::Class, visit);
        gc::link(&self.this_class, Value::Class, visit);
        visit(&self.this);
    }
}

impl Vm {
    /// `cls(*args, **kwargs)`.
    pub fn call_class(&mut self, class: &Rc<Class>, args: &[Value], kwargs: &[Named]) -> Result {
        if let Some(meta) = class.metaclass.get() {
            match self.class_lookup(meta, sym::__call__) {
                None | Some(Value::Native(_)) => {}
                Some(custom) => {
                    let bound = self.bind(&custom, Some(&Value::Class(class.clone())), meta)?;
                    return self.call_kw(&bound, args, kwargs);
                }
            }
        }
        self.instantiate(class, args, kwargs)
    }

    /// How the instances of a class are made.
    #[inline]
    pub fn maker(&mut self, class: &Rc<Class>) -> Maker {
        {
            let known = class.maker.borrow();
            if known.0 == class.version.get() {
                return known.1.clone();
            }
        }
        let found = self.find_maker(class);
        *class.maker.borrow_mut() = (class.version.get(), found.clone());
        found
    }

    fn find_maker(&self, class: &Rc<Class>) -> Maker {
        if class.metaclass.get().is_some() || class.is_abstract.get() {
            return Maker::General;
        }
        if Rc::ptr_eq(class, &self.types.type_) {
            return Maker::Type;
        }
        let new = class.lookup(self.name(sym::__new__));
        let plain = is_call(new.as_ref(), object_new);
        match (new, class.lookup(self.name(sym::__init__))) {
            (_, Some(Value::Function(init))) if plain && !class.builtin && class.layout == Layout::Object => {
                Maker::Init(init)
            }
            (_, init)
                if plain
                    && is_call(init.as_ref(), object_init)
                    && class.layout == Layout::Object
                    && (!class.builtin || Rc::ptr_eq(class, &self.types.object)) =>
            {
                Maker::Bare
            }
            (Some(Value::Native(new)), Some(Value::Native(init)))
                if !plain
                    && (class.builtin || new.is_of(class))
                    && class.layout != Layout::Exception
                    && std::ptr::fn_addr_eq(init.call, object_init as NativeCall) =>
            {
                Maker::New(new)
            }
            (Some(new), Some(Value::Native(init)))
                if self.fills_later(&new, class).is_some_and(|container| init.is_of(container)) =>
            {
                Maker::Container(init)
            }
            (Some(new), Some(init)) if self.is_base_exceptions(&new) => match init {
                Value::Function(init) => Maker::Exception(Some(init)),
                init if self.is_base_exceptions(&init) => Maker::Exception(None),
                _ => Maker::General,
            },
            _ => Maker::General,
        }
    }

    /// What `__init__` must return.
    #[cold]
    pub fn init_returned(&mut self, result: &Value) -> Error {
        let name = self.type_name(result);
        let error = self.type_error(format!("__init__() should return None, not '{name}'"));
        if matches!(result, Value::Coroutine(_)) {
            self.advise(
                &error,
                "`__init__` cannot be async: await in an async method that makes the object, and call that",
            );
        }
        error
    }

    #[cold]
    fn no_instances(&mut self, class: &Class) -> Error {
        self.type_error(format!("cannot create '{}' instances", self.full_name(class)))
    }

    /// `type.__call__(cls, *args, **kwargs)`: `__new__`, then `__init__`.
    pub fn instantiate(&mut self, class: &Rc<Class>, args: &[Value], kwargs: &[Named]) -> Result {
        if Rc::ptr_eq(class, &self.types.type_) && args.len() == 1 && kwargs.is_empty() {
            return Ok(Value::Class(self.class_of(&args[0])));
        }
        if Rc::ptr_eq(class, &self.types.dict) && args.is_empty() {
            let pair = |(name, value): &Named| (Value::Str(name.clone()), value.clone());
            return self.dict_from_pairs(kwargs.iter().map(pair).collect());
        }
        if kwargs.is_empty() {
            match self.maker(class) {
                Maker::Bare if args.is_empty() => return Ok(Instance::create(class, Payload::NONE)),
                Maker::Container(_) if args.is_empty() => return Ok(Self::empty_container(class)),
                Maker::New(new) => {
                    let mut all = vec![Value::Class(class.clone())];
                    all.extend_from_slice(args);
                    return self.call_native(&new, &all);
                }
                _ => {}
            }
        }
        let new = class.lookup(self.name(sym::__new__));
        let plain = is_call(new.as_ref(), object_new);
        let object = if plain && class.builtin && matches!(class.layout, Layout::Native(_) | Layout::Final) {
            return Err(self.no_instances(class));
        } else if plain && class.layout == Layout::Object && !class.builtin {
            // `object.__new__`, with `__init__` to take the arguments.
            if !(args.is_empty() && kwargs.is_empty()) {
                let init = class.lookup(self.name(sym::__init__));
                if is_call(init.as_ref(), object_init) {
                    return Err(self.type_error(format!("{}() takes no arguments", class.name.borrow())));
                }
            }
            self.check_abstract(class)?;
            Instance::create(class, Payload::NONE)
        } else if new.as_ref().is_some_and(|new| self.fills_later(new, class).is_some()) {
            Self::empty_container(class)
        } else if new.as_ref().is_some_and(|new| self.is_base_exceptions(new)) {
            let object = Value::Exception(Rc::new(Exception::new(class.clone(), Value::tuple(args))));
            // `BaseException.__init__` would only set the arguments again.
            let init = class.lookup(self.name(sym::__init__));
            if kwargs.is_empty() && init.is_some_and(|init| self.is_base_exceptions(&init)) {
                return Ok(object);
            }
            object
        } else {
            let new = match new {
                Some(new @ (Value::Function(_) | Value::Native(_))) => new,
                Some(new) => self.bind(&new, None, class)?,
                None => return Err(self.no_instances(class)),
            };
            let mut all = Vec::with_capacity(args.len() + 1);
            all.push(Value::Class(class.clone()));
            all.extend_from_slice(args);
            self.call_kw(&new, &all, self.taken(class, &new, sym::__init__, kwargs))?
        };
        let own = self.class_of(&object);
        if !own.is_subclass(class) {
            return Ok(object);
        }
        match own.lookup(self.name(sym::__init__)) {
            Some(Value::Native(n)) if std::ptr::fn_addr_eq(n.call, object_init as NativeCall) => {}
            Some(init @ (Value::Function(_) | Value::Native(_))) => {
                let result = match (&init, args) {
                    (Value::Function(f), [a]) if kwargs.is_empty() && f.code.takes_just(2) => {
                        self.call_exact(f, [object.clone(), a.clone()])?
                    }
                    _ => {
                        let mut all = Vec::with_capacity(args.len() + 1);
                        all.push(object.clone());
                        all.extend_from_slice(args);
                        self.call_kw(&init, &all, self.taken(class, &init, sym::__new__, kwargs))?
                    }
                };
                if !result.is_none() {
                    return Err(self.init_returned(&result));
                }
            }
            Some(init) => {
                let init = self.bind(&init, Some(&object), &own)?;
                self.call_kw(&init, args, kwargs)?;
            }
            None => {}
        }
        Ok(object)
    }

    /// The keywords that a constructor gets: a native that knows none is spared those that are meant for the other one,
    /// which a subclass wrote.
    fn taken<'a>(&self, class: &Class, constructor: &Value, other: Symbol, kwargs: &'a [Named]) -> &'a [Named] {
        let Value::Native(native) = constructor else { return kwargs };
        let signature = native.signature();
        let by_name = signature.params.len() - usize::from(signature.vararg.is_some());
        if kwargs.is_empty() || signature.posonly < by_name {
            return kwargs;
        }
        match class.lookup(self.name(other)) {
            None | Some(Value::Native(_)) => kwargs,
            // A set fills itself in `__init__`, which is not as lenient.
            Some(_) if other == sym::__new__ && class.layout == Layout::Set => kwargs,
            Some(_) => &[],
        }
    }

    /// The class whose `__new__` makes an empty container for `__init__` to fill, if this is it: `list`, `dict` or `set`.
    fn fills_later(&self, new: &Value, class: &Class) -> Option<&Rc<Class>> {
        let Value::Native(new) = new else { return None };
        let container = self.container_of(class)?;
        let is_filled = matches!(class.layout, Layout::List | Layout::Dict | Layout::Set);
        let makes = !class.builtin && !class.is_abstract.get() || std::ptr::eq(class, &**container);
        (is_filled && makes && new.is_of(container)).then_some(container)
    }

    /// What that makes.
    pub fn empty_container(class: &Rc<Class>) -> Value {
        let empty = match class.layout {
            Layout::Dict => Value::dict(Dict::new()),
            Layout::Set => Value::Set(Rc::new(Set::new(false))),
            _ => Value::list(Vec::new()),
        };
        if class.builtin { empty } else { Instance::create(class, Payload::value(empty)) }
    }

    /// Whether a constructor is that of `BaseException`.
    fn is_base_exceptions(&self, method: &Value) -> bool {
        let base = |name| self.types.BaseException.lookup(self.name(name));
        [sym::__new__, sym::__init__].into_iter().any(|name| match base(name) {
            Some(Value::Native(native)) => is_call(Some(method), native.call),
            _ => false,
        })
    }

    /// Refuses a class with abstract methods left.
    pub fn check_abstract(&mut self, class: &Rc<Class>) -> Result<()> {
        if !class.is_abstract.get() {
            return Ok(());
        }
        let Some(names) = self.entry(class.dict(), "__abstractmethods__") else { return Ok(()) };
        let items = self.collect(&names)?;
        let mut names: Vec<String> = items.iter().filter_map(|v| v.as_str().map(|s| format!("'{s}'"))).collect();
        names.sort();
        Err(self.type_error(format!(
            "Can't instantiate abstract class {} without an implementation for abstract method{} {}",
            class.name.borrow(),
            if names.len() == 1 { "" } else { "s" },
            names.join(", ")
        )))
    }

    /// A value of a built-in type as an instance of `class`: itself for the type, wrapped for a subclass.
    pub fn wrap(&mut self, class: &Rc<Class>, value: Value) -> Value {
        if class.builtin {
            return value;
        }
        // What a module of another class is given stands in the module.
        let dict = if let Value::Module(module) = &value { Some(module.dict.clone()) } else { None };
        let wrapped = Instance::create(class, Payload::value(value));
        if let (Value::Instance(instance), Some(dict)) = (&wrapped, dict) {
            drop(instance.attrs.change(|attrs| attrs.set_dict(dict)));
        }
        wrapped
    }

    /// The metaclass and the real bases of a class statement.
    pub fn class_bases(&mut self, bases: &[Value]) -> Result<Vec<Value>> {
        let mut resolved = Vec::new();
        for base in bases {
            if !matches!(base, Value::Class(_)) {
                if let Some(entries) = self.class_mro_entries(base, bases)? {
                    resolved.extend(entries);
                    continue;
                }
            }
            resolved.push(base.clone());
        }
        Ok(resolved)
    }

    fn class_mro_entries(&mut self, base: &Value, bases: &[Value]) -> Result<Option<Vec<Value>>> {
        let Some(method) = self.get_attr_opt(base, sym::__mro_entries__)? else { return Ok(None) };
        match self.call(&method, &[Value::tuple(bases)])? {
            Value::Tuple(entries) => Ok(Some(entries.to_vec())),
            _ => Err(self.type_error("__mro_entries__ must return a tuple")),
        }
    }

    /// The most derived metaclass of the bases.
    pub fn metaclass_of(&mut self, given: Option<&Value>, bases: &[Value]) -> Result {
        let mut winner = match (given, bases.first()) {
            (Some(Value::Class(class)), _) => class.clone(),
            (Some(other), _) => return Ok(other.clone()),
            (None, Some(base)) => self.class_of(base),
            (None, None) => self.types.type_.clone(),
        };
        for base in bases {
            let meta = self.class_of(base);
            if winner.is_subclass(&meta) {
                continue;
            }
            if meta.is_subclass(&winner) {
                winner = meta;
                continue;
            }
            return Err(self.type_error(
                "metaclass conflict: the metaclass of a derived class must be a (non-strict) subclass of the metaclasses of all its bases",
            ));
        }
        Ok(Value::Class(winner))
    }

    /// `type.__new__(meta, name, bases, namespace, **kwargs)`.
    pub fn new_class(
        &mut self,
        meta: &Rc<Class>,
        name: &Rc<Str>,
        bases: &[Value],
        namespace: &Rc<Dict>,
        kwargs: &[Named],
    ) -> Result {
        let mut classes = Vec::new();
        for base in bases {
            let Value::Class(base) = base else {
                return Err(self.type_error("bases must be types"));
            };
            classes.push(base.clone());
        }
        if classes.is_empty() {
            classes.push(self.types.object.clone());
        }
        if let Some(base) = classes.iter().find(|base| base.own_place.get() == Place::Unknown) {
            let base = base.name.borrow().clone();
            return Err(self.type_error(format!("Cannot extend an incomplete type '{base}'")));
        }
        let best = self.best_base(&classes)?;
        let layout = classes[best].layout;
        // An order that cannot be is reported after what is wrong with the namespace.
        let (ancestors, no_order) = match self.linearize(&classes) {
            Ok(ancestors) => (ancestors, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        let dict = Rc::new(Dict::new());
        for (key, value) in namespace.pairs() {
            match &key {
                Value::Str(key) => {
                    let key = self.intern_str(key);
                    dict.set_str(&key, unbound(value));
                }
                _ if key.as_str().is_some() => self.dict_set(&dict, key, value)?,
                _ => {
                    self.warn(
                        self.types.RuntimeWarning.clone(),
                        &format!("non-string key in the __dict__ of class {name}"),
                    )?;
                    self.dict_set(&dict, key, value)?;
                }
            }
        }
        let qualname = dict.remove_str(&self.name(sym::__qualname__).clone());
        if let Some(other) = qualname.as_ref().filter(|qualname| qualname.as_str().is_none()) {
            return Err(self.type_error(format!("type __qualname__ must be a str, not {}", self.type_name(other))));
        }
        let cell = dict.remove_str(&self.name(sym::__classcell__).clone());
        let class = Class::new(name.clone(), classes, ancestors, dict, layout);
        class.best_base.set(best);
        if let Some(Value::Str(qualname)) = qualname {
            *class.qualname.borrow_mut() = qualname;
        }
        if !Rc::ptr_eq(meta, &self.types.type_) {
            let _ = class.metaclass.set(meta.clone());
        }
        let value = Value::Class(class.clone());
        match cell {
            Some(Value::Cell(cell)) => drop(cell.set(value.clone())),
            Some(other) => {
                let found = self.class_of(&other);
                let found = self.class_repr(&found);
                return Err(self.type_error(format!("__classcell__ must be a nonlocal cell, not {found}")));
            }
            None => {}
        }
        let ordered = self.prepare_namespace(&class).and_then(|()| {
            class.own_place.set(Place::Unknown);
            // A `mro` of the metaclass's own has its say even if the usual way finds no order.
            match no_order {
                Some(error) if self.own_mro(&class).is_none() => Err(error),
                _ => self.call_mro(&class),
            }
        });
        if let Err(error) = ordered {
            class.bases.borrow().iter().for_each(|base| base.forget_subclass(&class));
            return Err(error);
        }
        if class.own_place.get() == Place::Unknown {
            class.own_place.set(Place::First);
        }
        for (key, item) in namespace.pairs() {
            if !matches!(item, Value::Instance(_) | Value::Descriptor(_)) {
                continue;
            }
            if let Err(error) = self.call_special(&item, sym::__set_name__, &[value.clone(), key.clone()]) {
                let note = format!(
                    "Error calling __set_name__ on '{}' instance {} in '{name}'",
                    self.type_name(&item),
                    self.repr(&key)?
                );
                self.call_method(&error.value(), sym::add_note, &[Value::string(note)])?;
                return Err(error);
            }
        }
        self.init_subclass(&class, kwargs)?;
        Ok(value)
    }

    /// What a new class's namespace gets besides what the body put there.
    fn prepare_namespace(&mut self, class: &Rc<Class>) -> Result<()> {
        match self.entry(class.dict(), sym::__slots__) {
            Some(slots) => self.add_slots(class, &slots)?,
            None => {
                let inherited =
                    class.base().map_or((false, false), |base| (base.has_dict.get(), base.has_weakref.get()));
                if !inherited.0 {
                    self.give_dict(class);
                }
                class.has_weakref.set(inherited.1);
                if !inherited.1 && !class.layout.is_variable() {
                    class.has_weakref.set(true);
                    add_computed(self, class, sym::__weakref__, get_weakref, None);
                }
            }
        }
        for name in [sym::__init_subclass__, sym::__class_getitem__] {
            let name = self.name(name).clone();
            if let Some(func @ Value::Function(_)) = class.dict().get_str(&name) {
                class
                    .dict()
                    .set_str(&name, Value::Descriptor(Rc::new(Descriptor::ClassMethod(func, Default::default()))));
            }
        }
        let new = self.name(sym::__new__).clone();
        if let Some(func @ Value::Function(_)) = class.dict().get_str(&new) {
            class.dict().set_str(&new, Value::Descriptor(Rc::new(Descriptor::StaticMethod(func, Default::default()))));
        }
        let doc = self.name(sym::__doc__).clone();
        if class.dict().get_str(&doc).is_none() {
            class.dict().set_str(&doc, Value::None);
        }
        let (eq, hash) = (self.name(sym::__eq__).clone(), self.name(sym::__hash__).clone());
        if class.dict().get_str(&eq).is_some() && class.dict().get_str(&hash).is_none() {
            class.dict().set_str(&hash, Value::None);
        }
        if self.entry(class.dict(), sym::__del__).is_some() {
            class.has_del.set(true);
        }
        // A script's `__await__` takes the place of the built-in one.
        if class.awaiting.get().is_some() && !matches!(class.lookup(self.name(sym::__await__)), Some(Value::Native(_)))
        {
            class.awaiting.set(None);
        }
        class.changed();
        Ok(())
    }

    /// Reads `__slots__`: what instances have besides what the bases give them.
    fn add_slots(&mut self, class: &Rc<Class>, slots: &Value) -> Result<()> {
        let names = match slots {
            Value::Str(_) => vec![slots.clone()],
            other => self.collect(other)?,
        };
        let Some(base) = class.base() else { return Ok(()) };
        if !names.is_empty() && class.layout.is_variable() {
            let base = base.name.borrow().clone();
            return Err(self.type_error(format!("nonempty __slots__ not supported for subtype of '{base}'")));
        }
        // A module has its own.
        let has_dict = base.has_dict.get() || matches!(base.layout, Layout::Module);
        let (mut dict, mut weakref) = (has_dict, base.has_weakref.get());
        let mut added: Vec<Rc<Str>> = Vec::new();
        for name in names {
            let Some(name) = name.as_str().cloned() else {
                return Err(
                    self.type_error(format!("__slots__ items must be strings, not '{}'", self.type_name(&name)))
                );
            };
            let once = match name.as_str() {
                "__dict__" => std::mem::replace(&mut dict, true),
                "__weakref__" => std::mem::replace(&mut weakref, true),
                text if !crate::text::strops::isidentifier(text) => {
                    return Err(self.type_error("__slots__ must be identifiers"));
                }
                text => {
                    let text = self.mangled(class, text);
                    let conflicts = class.dict().get_str(&text).is_some()
                        && !matches!(text.as_str(), "__qualname__" | "__classcell__");
                    if conflicts {
                        let text = text.as_str();
                        return Err(self.value_error(format!("'{text}' in __slots__ conflicts with class variable")));
                    }
                    added.push(text);
                    false
                }
            };
            if once {
                let name = name.as_str();
                return Err(self.type_error(format!("{name} slot disallowed: we already got one")));
            }
        }
        // The other bases bring theirs along.
        dict |= class.bases.borrow().iter().any(|base| base.has_dict.get());
        weakref |= !class.layout.is_variable() && class.bases.borrow().iter().any(|base| base.has_weakref.get());
        added.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        added.dedup();
        let depth = base.mro().iter().filter(|class| class.slots.get().is_some()).count();
        let mut keys = Vec::with_capacity(added.len());
        for name in added {
            let key = self.intern(&slot_key(depth, &name));
            let slot = Descriptor::Slot { key: key.clone(), class: Rc::downgrade(class) };
            class.dict().set_str(&name, Value::Descriptor(Rc::new(slot)));
            keys.push(key);
        }
        if !keys.is_empty() {
            let _ = class.slots.set(keys.into());
        }
        class.has_dict.set(dict);
        class.has_weakref.set(weakref);
        if dict {
            self.give_dict(class);
        }
        if weakref && !base.has_weakref.get() {
            add_computed(self, class, sym::__weakref__, get_weakref, None);
        }
        Ok(())
    }

    /// Lets the instances of a class have attributes of their own.
    pub fn give_dict(&mut self, class: &Rc<Class>) {
        class.has_dict.set(true);
        if !class.base().is_some_and(|base| base.has_dict.get()) {
            add_computed(self, class, sym::__dict__, get_dict, Some(set_dict));
            class.changed();
        }
    }

    /// A private name as the body of a class sees it.
    fn mangled(&mut self, class: &Class, name: &str) -> Rc<Str> {
        if name.starts_with("__") && !name.ends_with("__") {
            let class = class.name.borrow().trim_start_matches('_').to_owned();
            if !class.is_empty() {
                return self.intern(&format!("_{class}{name}"));
            }
        }
        self.intern(name)
    }

    /// The metaclass's own `mro` method.
    fn own_mro(&self, class: &Rc<Class>) -> Option<Value> {
        class.metaclass.get()?.lookup(self.name(sym::mro)).filter(|method| !matches!(method, Value::Native(_)))
    }

    /// Asks a metaclass that has a `mro` method of its own for the order of resolution.
    pub fn call_mro(&mut self, class: &Rc<Class>) -> Result<()> {
        let Some(custom) = self.own_mro(class) else { return Ok(()) };
        let custom = self.call_found(&custom, &Value::Class(class.clone()), &[])?;
        let (mut ancestors, mut place) = (Vec::new(), Place::Nowhere);
        let custom = self.collect(&custom)?;
        if custom.is_empty() {
            return Err(self.type_error("type MRO must not be empty"));
        }
        for item in custom {
            match item {
                Value::Class(found) if Rc::ptr_eq(&found, class) => {
                    place = if ancestors.is_empty() { Place::First } else { Place::Behind(ancestors.len()) };
                }
                Value::Class(found) => {
                    let solid = solid_base(&found);
                    if !solid_base(class).is_subclass(&solid) {
                        let name = found.name.borrow().clone();
                        return Err(self.type_error(format!("mro() returned base with unsuitable layout ('{name}')")));
                    }
                    ancestors.push(found);
                }
                other => {
                    return Err(self.type_error(format!("mro() returned a non-class ('{}')", self.type_name(&other))));
                }
            }
        }
        *class.ancestors.borrow_mut() = ancestors.into();
        class.own_place.set(place);
        class.changed();
        Ok(())
    }

    fn init_subclass(&mut self, class: &Rc<Class>, kwargs: &[Named]) -> Result<()> {
        if class.own_place.get() == Place::Nowhere {
            self.make_super(class, &Value::Class(class.clone()))?;
        }
        let inherited = class.ancestors.borrow().iter().find_map(|a| self.entry(a.dict(), sym::__init_subclass__));
        match inherited {
            Some(Value::Native(_)) | None if kwargs.is_empty() => Ok(()),
            Some(method) => {
                let bound = self.bind(&method, None, class)?;
                self.call_kw(&bound, &[], kwargs).map(drop)
            }
            None => {
                Err(self
                    .type_error(format!("{}.__init_subclass__() takes no keyword arguments", class.qualname.borrow())))
            }
        }
    }

    /// Which of the bases decides what instances are made of.
    pub fn best_base(&mut self, bases: &[Rc<Class>]) -> Result<usize> {
        let (mut best, mut winner) = (0, solid_base(&bases[0]));
        for (at, base) in bases.iter().enumerate() {
            if base.is_final() {
                let base = self.full_name(base);
                return Err(self.type_error(format!("type '{base}' is not an acceptable base type")));
            }
            let candidate = solid_base(base);
            if winner.is_subclass(&candidate) {
                continue;
            }
            if !candidate.is_subclass(&winner) {
                return Err(self.type_error("multiple bases have instance lay-out conflict"));
            }
            (best, winner) = (at, candidate);
        }
        Ok(best)
    }

    /// C3: the method resolution order of a class with these bases, without the class itself.
    pub fn linearize(&mut self, bases: &[Rc<Class>]) -> Result<Vec<Rc<Class>>> {
        for (i, base) in bases.iter().enumerate() {
            if bases[..i].iter().any(|b| Rc::ptr_eq(b, base)) {
                return Err(self.type_error(format!("duplicate base class {}", base.name.borrow())));
            }
        }
        let mut lists: Vec<std::collections::VecDeque<Rc<Class>>> = bases.iter().map(|b| b.mro().into()).collect();
        lists.push(bases.to_vec().into());
        let mut order = Vec::new();
        loop {
            lists.retain(|list| !list.is_empty());
            if lists.is_empty() {
                return Ok(order);
            }
            let next = lists
                .iter()
                .map(|list| &list[0])
                .find(|head| !lists.iter().any(|list| list.iter().skip(1).any(|class| Rc::ptr_eq(class, head))));
            let Some(next) = next.cloned() else {
                let mut names: Vec<String> = Vec::new();
                for list in &lists {
                    let name = list[0].name.borrow().as_str().to_owned();
                    if !names.contains(&name) {
                        names.push(name);
                    }
                }
                return Err(self.type_error(format!(
                    "Cannot create a consistent method resolution order (MRO) for bases {}",
                    names.join(", ")
                )));
            };
            for list in &mut lists {
                if Rc::ptr_eq(&list[0], &next) {
                    list.pop_front();
                }
            }
            order.push(next);
        }
    }

    /// `super(class, this)`.
    pub fn make_super(&mut self, class: &Rc<Class>, this: &Value) -> Result {
        let kind = self.types.super_.clone();
        self.make_super_of(&kind, class, this)
    }

    /// [`Vm::make_super`] for a subclass of `super`.
    pub fn make_super_of(&mut self, kind: &Rc<Class>, class: &Rc<Class>, this: &Value) -> Result {
        let own = self.class_of(this);
        let this_class = match this {
            Value::None | Value::Unbound => {
                let data = Super { class: class.clone(), this: Value::Unbound, this_class: class.clone() };
                return Ok(Instance::native(kind, data));
            }
            Value::Class(cls) if cls.is_subclass(class) => cls.clone(),
            _ if own.is_subclass(class) => own,
            _ => match self.get_attr_opt(this, sym::__class__)? {
                Some(Value::Class(claimed)) if claimed.is_subclass(class) => claimed,
                _ => {
                    let what = match this {
                        Value::Class(cls) => format!("type {}", self.full_name(cls)),
                        _ => format!("instance of {}", self.full_name(&own)),
                    };
                    let class = self.full_name(class);
                    return Err(self.type_error(format!(
                        "super(type, obj): obj ({what}) is not an instance or subtype of type ({class})."
                    )));
                }
            },
        };
        let data = Super { class: class.clone(), this: this.clone(), this_class };
        Ok(Instance::native(kind, data))
    }

    /// An attribute of a `super` object, or `None` if only `super` itself could have it.
    pub fn super_attr(&mut self, data: &Super, name: &Rc<Str>) -> Result<Option<Value>> {
        // Without an object it has only what it is itself.
        if name.as_str() == "__class__" || data.this.given().is_none() || data.this.is_none() {
            return Ok(None);
        }
        let mro = data.this_class.mro();
        let behind = mro.iter().position(|c| Rc::ptr_eq(c, &data.class)).map_or(mro.len(), |at| at + 1);
        for class in &mro[behind..] {
            if let Some(attr) = class.dict().get_str(name) {
                let this = match &data.this {
                    Value::Class(cls) if Rc::ptr_eq(cls, &data.this_class) => None,
                    other => Some(other),
                };
                return self.bind(&attr, this, &data.this_class).map(Some);
            }
        }
        Ok(None)
    }
}

/// The nearest class that adds something to what instances are made of: the class itself or one it is built on.
pub fn solid_base(class: &Rc<Class>) -> Rc<Class> {
    // What CPython's objects of these classes have besides arguments and attributes.
    const WITH_FIELDS: &[&str] = &[
        "AttributeError", "BaseExceptionGroup", "ImportError", "NameError", "OSError", "StopIteration", "SyntaxError",
        "SystemExit", "UnicodeError", "SimpleNamespace",
    ];
    let mut class = class.clone();
    while let Some(base) = class.base() {
        let own_fields = class.builtin && WITH_FIELDS.contains(&class.name.borrow().as_str());
        if class.layout != base.layout || class.slots.get().is_some() || own_fields {
            break;
        }
        class = base;
    }
    class
}

/// Adds a computed attribute to a class that does not define the name itself.
fn add_computed(vm: &Vm, class: &Rc<Class>, name: Symbol, get: Getter, set: Option<Setter>) {
    let doc = if set.is_some() { "dictionary for instance variables" } else { "list of weak references to the object" };
    let (name, doc) = (vm.name(name).clone(), Value::str(doc).into());
    let attribute = Descriptor::GetSet { name: name.clone(), class: Rc::downgrade(class), get, set, doc };
    class.declare(&name, Value::Descriptor(Rc::new(attribute)));
}

/// The plain weak reference to an object, or the first there is.
fn get_weakref(vm: &mut Vm, this: &Value) -> Result {
    if !vm.class_of(this).has_weakref.get() {
        return Err(vm.error(vm.types.AttributeError.clone(), "This object has no __weakref__"));
    }
    let all = crate::object::gc::weak::references(this);
    let plain = all.iter().find(|reference| reference.class().builtin).or(all.first());
    Ok(plain.map_or(Value::None, |reference| Value::Instance(reference.clone())))
}

fn get_dict(vm: &mut Vm, this: &Value) -> Result {
    if let Value::Class(class) = this {
        return Ok(vm.mapping_proxy(Value::Dict(class.dict().clone())));
    }
    match vm.instance_dict(this) {
        Some(dict) => Ok(Value::Dict(dict)),
        None => {
            let name = vm.name(sym::__dict__).clone();
            Err(vm.attribute_error(this, &name))
        }
    }
}

/// Whether it is a built-in type that gives an object its `__dict__`.
fn of_built_in(this: &Value) -> bool {
    let Value::Instance(instance) = this else { return false };
    instance.class().mro().iter().any(|class| class.builtin && class.has_dict.get())
}

fn set_dict(vm: &mut Vm, this: &Value, new: Value) -> Result<()> {
    let fixed = match this.unwrapped() {
        Value::Class(_) => Some("attribute '__dict__' of 'type' objects is not writable"),
        Value::Module(_) => Some("readonly attribute"),
        Value::Instance(_) if vm.is_instance_of(this, &vm.types.SimpleNamespace) => Some("readonly attribute"),
        _ => None,
    };
    if let Some(message) = fixed {
        return Err(vm.error(vm.types.AttributeError.clone(), message));
    }
    let new = match new {
        Value::Unbound if matches!(this, Value::Instance(_)) && !of_built_in(this) => Value::dict(Dict::new()),
        Value::Unbound => return Err(vm.type_error("cannot delete __dict__")),
        new => new,
    };
    let Some(dict) = new.as_dict() else {
        return Err(vm.type_error(format!("__dict__ must be set to a dictionary, not a '{}'", vm.type_name(&new))));
    };
    if let Some(attrs) = crate::machine::attr::attrs_of(this) {
        gc::watch(this);
        let old = attrs.change(|attrs| attrs.set_dict(dict.clone()));
        drop(old);
    }
    Ok(())
}

/// Whether a method is a certain native.
pub fn is_call(method: Option<&Value>, call: NativeCall) -> bool {
    matches!(method, Some(Value::Native(native)) if std::ptr::fn_addr_eq(native.call, call))
}

/// Which of `object.__new__` and `object.__init__` a class has from `object`, if a constructor was given anything.
fn plain_constructors(vm: &Vm, class: &Class, rest: &Value, kwargs: &Value) -> Option<(bool, bool)> {
    let given = rest.as_tuple().is_some_and(|t| !t.is_empty()) || kwargs.as_dict().is_some_and(|d| !d.is_empty());
    let (new, init) = (class.lookup(vm.name(sym::__new__)), class.lookup(vm.name(sym::__init__)));
    given.then(|| (is_call(new.as_ref(), object_new), is_call(init.as_ref(), object_init)))
}

/// `object.__new__`.
pub fn object_new(vm: &mut Vm, args: &[Value]) -> Result {
    let [Value::Class(class), rest, kwargs] = args else {
        let given = vm.type_name(&args[0]);
        return Err(vm.type_error(format!("object.__new__(X): X is not a type object ({given})")));
    };
    if class.layout != Layout::Object {
        // Whose `__new__` is no script's, though it may come from a base of that class.
        let makes = |base: &&Rc<Class>| matches!(base.lookup(vm.name(sym::__new__)), Some(Value::Native(_)));
        let base = class.mro().iter().find(makes).map(|base| base.name.borrow().clone());
        let (name, base) = (class.name.borrow().clone(), base.unwrap_or_default());
        return Err(vm.type_error(format!("object.__new__({name}) is not safe, use {base}.__new__()")));
    }
    if let Some((own_new, own_init)) = plain_constructors(vm, class, rest, kwargs) {
        if !own_new {
            return Err(vm.type_error("object.__new__() takes exactly one argument (the type to instantiate)"));
        }
        if own_init {
            return Err(vm.type_error(format!("{}() takes no arguments", class.name.borrow())));
        }
    }
    vm.check_abstract(class)?;
    Ok(Instance::create(class, Payload::NONE))
}

/// `object.__init__`.
pub fn object_init(vm: &mut Vm, args: &[Value]) -> Result {
    let [this, rest, kwargs] = args else { return Ok(Value::None) };
    let class = vm.class_of(this);
    if let Some((own_new, own_init)) = plain_constructors(vm, &class, rest, kwargs) {
        if !own_init {
            return Err(vm.type_error("object.__init__() takes exactly one argument (the instance to initialize)"));
        }
        if own_new {
            return Err(vm.type_error(format!(
                "{}.__init__() takes exactly one argument (the instance to initialize)",
                class.name.borrow()
            )));
        }
    }
    Ok(Value::None)
}

/// What a class keeps of an attribute: of a function that is no method, a static method.
pub(super) fn unbound(value: Value) -> Value {
    match &value {
        Value::Function(function) if function.is_builtin() => {
            Value::Descriptor(Rc::new(Descriptor::StaticMethod(value, Default::default())))
        }
        _ => value,
    }
}
