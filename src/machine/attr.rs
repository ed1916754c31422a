//! The one attribute protocol: how a name is looked up on, set on and deleted from any value.

use std::borrow::Borrow;
use std::rc::Weak;

use super::hooks::Hooks;
use super::prelude::*;
use crate::machine::AsName;
use crate::machine::classes::Super;
use crate::object::attrs::{AttrCell, Attrs, slot_name};
use crate::object::class::Layout;
use crate::object::coroutine::Operation;
use crate::object::function::{BoundMethod, Descriptor, Setter};
use crate::object::iter::{DictPart, Iter};
use crate::object::native::RowKind;

/// Modules whose classes are in C in CPython, and so named together with them.
const C_MODULES: [&str; 8] = ["_io", "_thread", "_queue", "_hashlib", "_struct", "_pickle", "_csv", "zlib"];
/// And classes of a module that is written in Python for the rest.
const C_CLASSES: [&str; 4] = ["TypeVar", "ParamSpec", "TypeVarTuple", "TypeAliasType"];

impl Vm {
    /// The class of a value.
    pub fn class_of(&self, value: &Value) -> Rc<Class> {
        self.with_class(value, Rc::clone)
    }

    #[inline]
    pub(super) fn with_class<T>(&self, value: &Value, then: impl FnOnce(&Rc<Class>) -> T) -> T {
        match value {
            Value::Instance(instance) => then(&instance.class()),
            Value::Exception(exception) => then(&exception.class.borrow()),
            Value::Module(module) => match &*module.class.borrow() {
                Some(class) => then(class),
                None => then(&self.types.module),
            },
            other => then(self.builtin_class(other)),
        }
    }

    pub(super) fn builtin_class<'a>(&'a self, value: &'a Value) -> &'a Rc<Class> {
        let types = &self.types;
        match value {
            Value::Unbound | Value::None => &types.NoneType,
            Value::NotImplemented => &types.NotImplementedType,
            Value::Ellipsis => &types.ellipsis,
            Value::Bool(_) => &types.bool_,
            Value::Int(_) | Value::BigInt(_) => &types.int,
            Value::Float(_) => &types.float,
            Value::Complex(_) => &types.complex,
            Value::Str(_) => &types.str_,
            Value::Bytes(_) => &types.bytes,
            Value::ByteArray(_) => &types.bytearray,
            Value::Tuple(_) => &types.tuple,
            Value::List(_) => &types.list,
            Value::Dict(_) => &types.dict,
            Value::Set(set) => {
                if set.frozen {
                    &types.frozenset
                } else {
                    &types.set
                }
            }
            Value::Range(_) => &types.range,
            Value::Slice(_) => &types.slice,
            Value::Function(_) => &types.function,
            Value::Native(native) => match native.row.kind {
                _ if native.is_written() => &types.function,
                RowKind::Method(_) if native.is_wrapper() => &types.wrapper_descriptor,
                RowKind::Method(_) => &types.method_descriptor,
                RowKind::ClassMethod(_) => &types.classmethod_descriptor,
                _ => &types.builtin_function_or_method,
            },
            Value::BoundMethod(method) => match &method.func {
                Value::Native(native) if native.is_bound_as_function() => &types.method,
                Value::Native(native) if native.is_wrapper() => &types.method_wrapper,
                Value::Native(_) => &types.builtin_function_or_method,
                _ => &types.method,
            },
            Value::Descriptor(descriptor) => match &**descriptor {
                Descriptor::Property(_) => &types.property,
                Descriptor::ClassMethod(..) => &types.classmethod,
                Descriptor::StaticMethod(..) => &types.staticmethod,
                Descriptor::Slot { .. } => &types.member_descriptor,
                Descriptor::GetSet { set, .. } if is_member(*set) => &types.member_descriptor,
                Descriptor::GetSet { .. } => &types.getset_descriptor,
            },
            // The metaclass of a class never changes once it is made.
            Value::Class(class) => class.metaclass.get().unwrap_or(&self.types.type_),
            Value::Module(_) => &types.module,
            Value::Cell(_) => &types.cell,
            Value::Code(_) => &types.code,
            Value::Frame(_) => &types.frame,
            Value::Traceback(_) => &types.traceback,
            Value::Coroutine(coroutine) => match coroutine.kind {
                Kind::Generator => &types.generator,
                Kind::Coroutine => &types.coroutine,
                Kind::AsyncGenerator => &types.async_generator,
            },
            Value::Awaiter(awaiter) => match awaiter.operation {
                Operation::Await => &types.coroutine_wrapper,
                Operation::Send => &types.async_generator_asend,
                Operation::Throw | Operation::Close => &types.async_generator_athrow,
            },
            Value::Iter(iter) => match &**iter {
                Iter::Range { .. } => &types.range_iterator,
                Iter::List { .. } => &types.list_iterator,
                Iter::Tuple { .. } => &types.tuple_iterator,
                Iter::Str { text, .. } => {
                    if text.is_ascii() {
                        &types.str_ascii_iterator
                    } else {
                        &types.str_iterator
                    }
                }
                Iter::Dict { what: DictPart::Keys, .. } => &types.dict_keyiterator,
                Iter::Dict { what: DictPart::Values, .. } => &types.dict_valueiterator,
                Iter::Dict { what: DictPart::Items, .. } => &types.dict_itemiterator,
                Iter::Set { .. } => &types.set_iterator,
                Iter::Native { class, .. } => class,
            },
            // Their class is inside a cell: `with_class` has dealt with them.
            Value::Instance(_) | Value::Exception(_) => &types.object,
        }
    }

    /// Whether a value's class is `class` or derived from it.
    #[inline]
    pub fn is_instance_of(&self, value: &Value, class: &Rc<Class>) -> bool {
        self.with_class(value, |own| own.is_subclass(class))
    }

    /// The name of a value's class.
    pub fn class_name(&self, value: &Value) -> Rc<Str> {
        self.with_class(value, |class| class.name.borrow().clone())
    }

    /// The name of a value's class as messages give it.
    pub fn type_name(&self, value: &Value) -> Rc<Str> {
        self.with_class(value, |class| self.full_name(class))
    }

    /// What messages call an argument of a wrong type: its class, but `None` by its own name.
    pub fn argument_name(&self, value: &Value) -> Rc<Str> {
        if value.is_none() { Rc::new(Str::new("None")) } else { self.type_name(value) }
    }

    /// The name of a class as messages give it: of those that CPython has in C together with the module.
    pub fn full_name(&self, class: &Class) -> Rc<Str> {
        let name = class.name.borrow().clone();
        let module = class.dict().get_str(self.name(sym::__module__));
        // Their exceptions are made as a script makes classes.
        let is_exception = class.layout == Layout::Exception;
        match module.as_ref().and_then(Value::as_str) {
            Some(module)
                if class.named_in_full.get()
                    || C_MODULES.contains(&module.as_str()) && (!is_exception || module.as_str() == "_csv")
                    || module.as_str() == "typing" && C_CLASSES.contains(&name.as_str()) =>
            {
                Rc::new(Str::new(format!("{module}.{name}")))
            }
            _ => name,
        }
    }

    /// A special method as the class has it, unbound.
    pub fn lookup_special(&self, value: &Value, name: Symbol) -> Option<Value> {
        let name = self.name(name);
        self.with_class(value, |class| class.lookup(name))
    }

    pub fn has_special(&self, value: &Value, name: Symbol) -> bool {
        self.lookup_special(value, name).is_some()
    }

    /// Calls a special method on a value; `None` if its class has none.
    pub fn call_special(&mut self, value: &Value, name: Symbol, args: &[Value]) -> Result<Option<Value>> {
        match self.lookup_special(value, name) {
            None => Ok(None),
            Some(method) => self.call_found(&method, value, args).map(Some),
        }
    }

    /// Calls what a class lookup gave, bound to a value.
    pub fn call_found(&mut self, method: &Value, this: &Value, args: &[Value]) -> Result {
        match method {
            Value::Function(_) => self.call_with_first(method, this, args),
            Value::Native(native) if native.is_method() => self.call_with_first(method, this, args),
            _ => {
                let class = self.class_of(this);
                let bound = self.bind(method, Some(this), &class)?;
                self.call(&bound, args)
            }
        }
    }

    fn call_with_first(&mut self, method: &Value, this: &Value, args: &[Value]) -> Result {
        if let Value::Function(function) = method {
            match args {
                [] if function.code.takes_just(1) => return Ok(self.call_exact(function, [this.clone()])?),
                [a] if function.code.takes_just(2) => return Ok(self.call_exact(function, [this.clone(), a.clone()])?),
                [a, b] if function.code.takes_just(3) => {
                    return Ok(self.call_exact(function, [this.clone(), a.clone(), b.clone()])?);
                }
                _ => {}
            }
        }
        match args {
            [] => self.call(method, std::slice::from_ref(this)),
            [a] => self.call(method, &[this.clone(), a.clone()]),
            [a, b] => self.call(method, &[this.clone(), a.clone(), b.clone()]),
            _ => {
                let mut all = Vec::with_capacity(args.len() + 1);
                all.push(this.clone());
                all.extend_from_slice(args);
                self.call(method, &all)
            }
        }
    }

    /// `value.name`.
    #[inline]
    pub fn get_attr(&mut self, value: &Value, name: impl AsName) -> Result {
        let name = self.named(name);
        let name = name.borrow();
        self.attr(value, name).map_err(|error| self.note_attribute(error, value, name))
    }

    /// An `AttributeError` that does not say whose attribute is missing is told.
    #[cold]
    pub(super) fn note_attribute(&mut self, error: Error, value: &Value, name: &Rc<Str>) -> Error {
        if error.is(&self.types.AttributeError) {
            let given = |name| self.exception_attr(&error.0, name).is_some_and(|given| !given.is_none());
            if !given(sym::name) && !given(sym::obj) {
                self.set_exception_attr(&error, sym::name, Value::Str(name.clone()));
                self.set_exception_attr(&error, sym::obj, value.clone());
            }
        }
        error
    }

    fn attr(&mut self, value: &Value, name: &Rc<Str>) -> Result {
        match value {
            Value::Class(class) => self.class_attr_hooked(value, class, name),
            Value::Module(_) => self.module_attr(value, name),
            _ => {
                let class = self.class_of(value);
                if let Some(data) = value.data::<Super>() {
                    if let Some(found) = self.super_attr(data, name)? {
                        return Ok(found);
                    }
                    let message = format!("'super' object has no attribute '{name}'");
                    return match self.object_attr(value, &class, name)? {
                        Some(found) => Ok(found),
                        None => Err(self.attribute_error_with(message, value, name)),
                    };
                }
                if self.hooks(&class).has_getattribute() {
                    if let Some(custom) = self.class_lookup(&class, sym::__getattribute__) {
                        let result = self.call_found(&custom, value, &[Value::Str(name.clone())]);
                        return result.or_else(|e| self.fallback_attr(value, &class, name, e));
                    }
                }
                self.generic_attr(value, &class, name)
            }
        }
    }

    /// `object.__getattribute__`, then `__getattr__`.
    fn generic_attr(&mut self, value: &Value, class: &Rc<Class>, name: &Rc<Str>) -> Result {
        match self.object_attr(value, class, name) {
            Ok(Some(found)) => Ok(found),
            Ok(None) => match self.class_lookup(class, sym::__getattr__) {
                Some(method) => self.call_found(&method, value, &[Value::Str(name.clone())]),
                None => self.missing_attr(value, name),
            },
            Err(e) if !class.builtin => self.fallback_attr(value, class, name, e),
            Err(e) => Err(e),
        }
    }

    /// After a property or `__getattribute__` has failed: `__getattr__`, if it has raised AttributeError.
    pub(super) fn fallback_attr(&mut self, value: &Value, class: &Rc<Class>, name: &Rc<Str>, error: Error) -> Result {
        if !self.hooks(class).has(Hooks::GETATTR) || !error.is(&self.types.AttributeError) {
            return Err(error);
        }
        match self.class_lookup(class, sym::__getattr__) {
            Some(method) => self.call_found(&method, value, &[Value::Str(name.clone())]),
            None => Err(error),
        }
    }

    /// Of a module a function of it may be asked, else it is an error.
    #[cold]
    pub fn missing_attr(&mut self, value: &Value, name: &Rc<Str>) -> Result {
        if let (Value::Instance(_), Value::Module(module)) = (value, value.unwrapped()) {
            // A module of a class of its own.
            if let Some(function) = self.entry(&module.dict, sym::__getattr__) {
                return self.call(&function, &[Value::Str(name.clone())]);
            }
        }
        Err(self.attribute_error(value, name))
    }

    /// `object.__getattribute__`; `None` if there is no such attribute.
    pub fn object_attr(&mut self, value: &Value, class: &Rc<Class>, name: &Rc<Str>) -> Result<Option<Value>> {
        let found = class.lookup(name);
        if let Some(attr) = &found {
            if self.is_data_descriptor(attr) && self.is_readable(attr) {
                return self.bind(attr, Some(value), class).map(Some);
            }
        }
        if let Some(own) = own_attr(value, name) {
            return Ok(Some(own));
        }
        match found {
            Some(attr) => self.bind(&attr, Some(value), class).map(Some),
            None => Ok(None),
        }
    }

    /// Whether a data descriptor has something to say when it is read; one that can only be set is read like any
    /// other attribute.
    fn is_readable(&self, attr: &Value) -> bool {
        !matches!(attr, Value::Instance(_))
            || self.with_class(attr, |class| self.hooks(class).has_get())
            || matches!(attr.unwrapped(), Value::Descriptor(_))
    }

    /// `type.__getattribute__`.
    pub fn class_attr(&mut self, class: &Rc<Class>, name: &Rc<Str>) -> Result {
        let value = Value::Class(class.clone());
        let meta = self.class_of(&value);
        let on_meta = meta.lookup(name);
        if let Some(attr) = &on_meta {
            if self.is_data_descriptor(attr) && self.is_readable(attr) {
                return self.bind(attr, Some(&value), &meta);
            }
        }
        if let Some(attr) = class.lookup(name) {
            return self.bind(&attr, None, class);
        }
        if let Some(attr) = on_meta {
            return self.bind(&attr, Some(&value), &meta);
        }
        Err(self.attribute_error(&value, name))
    }

    /// The same where the metaclass may have its own way.
    fn class_attr_hooked(&mut self, value: &Value, class: &Rc<Class>, name: &Rc<Str>) -> Result {
        let meta = self.class_of(value);
        let custom = !meta.builtin && self.hooks(&meta).has_getattribute();
        let result = match self.class_lookup(&meta, sym::__getattribute__).filter(|_| custom) {
            Some(custom) => self.call_found(&custom, value, &[Value::Str(name.clone())]),
            None => self.class_attr(class, name),
        };
        result.or_else(|error| self.fallback_attr(value, &meta, name, error))
    }

    fn module_attr(&mut self, value: &Value, name: &Rc<Str>) -> Result {
        let Value::Module(module) = value else { return Err(self.attribute_error(value, name)) };
        let class = self.class_of(value);
        if !class.builtin {
            if let Some(custom) = self.class_lookup(&class, sym::__getattribute__) {
                if !matches!(custom, Value::Native(_)) {
                    return self.call_found(&custom, value, &[Value::Str(name.clone())]);
                }
            }
        }
        if let Some(found) = self.plain_module_attr(value, module, name)? {
            return Ok(found);
        }
        if let Some(lazy) = module.lazy {
            if let Some(found) = lazy(self, module, name)? {
                return Ok(found);
            }
        }
        if let Some(found) = self.module_spec(module, name)? {
            return Ok(found);
        }
        if let Some(function) = self.entry(&module.dict, sym::__getattr__) {
            return self.call(&function, &[Value::Str(name.clone())]);
        }
        if let Some(method) = self.class_lookup(&class, sym::__getattr__) {
            return self.call_found(&method, value, &[Value::Str(name.clone())]);
        }
        Err(self.attribute_error(value, name))
    }

    /// What a module and its class have; nothing is loaded or asked for it.
    pub fn plain_module_attr(
        &mut self,
        value: &Value,
        module: &crate::object::module::Module,
        name: &Rc<Str>,
    ) -> Result<Option<Value>> {
        let class = self.class_of(value);
        if !class.builtin {
            if let Some(attr) = class.lookup(name).filter(|attr| self.is_data_descriptor(attr)) {
                return self.bind(&attr, Some(value), &class).map(Some);
            }
        }
        match module.dict.get_str(name) {
            Some(found) => Ok(Some(found)),
            None => self.object_attr(value, &class, name),
        }
    }

    /// `value.name`, or `None` where that raises `AttributeError`.
    pub fn get_attr_opt(&mut self, value: &Value, name: impl AsName) -> Result<Option<Value>> {
        let name = self.named(name);
        let name = name.borrow();
        let result = match value {
            Value::Class(_) | Value::Module(_) => self.attr(value, name).map(Some),
            _ => {
                let class = self.class_of(value);
                if value.data::<Super>().is_some() || self.hooks(&class).has(Hooks::GETATTRIBUTE | Hooks::GETATTR) {
                    self.attr(value, name).map(Some)
                } else {
                    // Nobody sees an error: it need not be made.
                    self.object_attr(value, &class, name)
                }
            }
        };
        match result {
            Ok(found) => Ok(found),
            Err(e) if e.is(&self.types.AttributeError) => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Whether a class attribute takes precedence over the instance's own.
    pub fn is_data_descriptor(&self, attr: &Value) -> bool {
        match attr {
            Value::Descriptor(descriptor) => {
                !matches!(&**descriptor, Descriptor::ClassMethod(..) | Descriptor::StaticMethod(..))
            }
            Value::Instance(instance) => {
                let class = instance.class();
                matches!(instance.inner(), Some(Value::Descriptor(d)) if matches!(&**d, Descriptor::Property(_)))
                    || self.hooks(&class).has(Hooks::SET | Hooks::DELETE)
            }
            _ => false,
        }
    }

    /// What a class attribute gives when looked up on an instance, or on the class itself.
    pub fn bind(&mut self, attr: &Value, this: Option<&Value>, class: &Rc<Class>) -> Result {
        match attr {
            Value::Function(_) => Ok(match this {
                Some(this) => bound(attr, this),
                None => attr.clone(),
            }),
            Value::Native(native) => Ok(match (native.row.kind, this) {
                (RowKind::Method(_), Some(this)) => {
                    let owner = native.owner.borrow().clone();
                    if let Some(owner) = owner {
                        self.check_owner(&owner, native.name.as_str(), this)?;
                    }
                    bound(attr, this)
                }
                (RowKind::ClassMethod(_), _) => bound(attr, &Value::Class(class.clone())),
                (RowKind::Function(_), Some(this)) if native.is_written() => bound(attr, this),
                _ => attr.clone(),
            }),
            Value::Descriptor(descriptor) => self.bind_descriptor(descriptor, attr, this, class),
            Value::Instance(instance) => {
                if let Some(inner @ Value::Descriptor(descriptor)) = instance.inner() {
                    let get = self.name(sym::__get__).clone();
                    let custom = instance.class().lookup(&get);
                    if !matches!(custom, Some(Value::Function(_))) {
                        return self.bind_descriptor(
                            descriptor,
                            if this.is_some() { inner } else { attr },
                            this,
                            class,
                        );
                    }
                }
                match self.lookup_special(attr, sym::__get__) {
                    None => Ok(attr.clone()),
                    Some(get) => {
                        let this = this.cloned().unwrap_or(Value::None);
                        self.call_found(&get, attr, &[this, Value::Class(class.clone())])
                    }
                }
            }
            _ => Ok(attr.clone()),
        }
    }

    fn bind_descriptor(
        &mut self,
        descriptor: &Rc<Descriptor>,
        attr: &Value,
        this: Option<&Value>,
        class: &Rc<Class>,
    ) -> Result {
        match (&**descriptor, this) {
            (Descriptor::ClassMethod(func, _), _) => Ok(bound(func, &Value::Class(class.clone()))),
            (Descriptor::StaticMethod(func, _), _) => Ok(func.clone()),
            (_, None) => Ok(attr.clone()),
            (Descriptor::Property(property), Some(this)) => {
                let get = property.parts.borrow().functions[0].clone();
                match get {
                    Value::Unbound | Value::None => Err(self.property_lacks("getter", attr, this)),
                    get => self.call(&get, std::slice::from_ref(this)),
                }
            }
            (Descriptor::GetSet { get, .. }, Some(this)) => get(self, this),
            (Descriptor::Slot { key, class: owner }, Some(this)) => {
                self.check_owner(owner, slot_name(key), this)?;
                match own_attr(this, key) {
                    Some(value) => Ok(value),
                    None => {
                        let class = self.class_of(this);
                        let mut shown = class.qualname.borrow().as_str().to_owned();
                        if let Some(module) = self.class_module(&class).filter(|m| m.as_str() != "__main__") {
                            shown = format!("{module}.{shown}");
                        }
                        let name = self.intern(slot_name(key));
                        let message = format!("'{shown}' object has no attribute '{name}'");
                        Err(self.attribute_error_with(message, this, &name))
                    }
                }
            }
        }
    }

    /// Refuses a descriptor on an object that is no instance of its class.
    pub fn check_owner(&mut self, owner: &Weak<Class>, name: &str, this: &Value) -> Result<()> {
        match owner.upgrade() {
            Some(owner) if !self.is_instance_of(this, &owner) => {
                let found = self.type_name(this);
                let owner = owner.name.borrow().clone();
                Err(self.type_error(format!(
                    "descriptor '{name}' for '{owner}' objects doesn't apply to a '{found}' object"
                )))
            }
            _ => Ok(()),
        }
    }

    /// `value.name = new`.
    pub fn set_attr(&mut self, value: &Value, name: impl AsName, new: Value) -> Result<()> {
        let name = self.named(name);
        let name = name.borrow();
        let class = self.class_of(value);
        match self.own_way(&class, sym::__setattr__) {
            Some(custom) => self.call_found(&custom, value, &[Value::Str(name.clone()), new]).map(drop),
            None => self.object_set_attr(value, &class, name, Some(new)),
        }
    }

    /// `del value.name`.
    pub fn del_attr(&mut self, value: &Value, name: &Rc<Str>) -> Result<()> {
        let class = self.class_of(value);
        match self.own_way(&class, sym::__delattr__) {
            Some(custom) => self.call_found(&custom, value, &[Value::Str(name.clone())]).map(drop),
            None => self.object_set_attr(value, &class, name, None),
        }
    }

    /// How a class sets or deletes attributes, if it has a way of its own.
    pub(super) fn own_way(&self, class: &Class, hook: Symbol) -> Option<Value> {
        if class.builtin || !self.hooks(class).has(Hooks::SETATTR) {
            return None;
        }
        let hook = self.name(hook);
        class.lookup(hook).filter(|found| !matches!(found, Value::Native(native) if native.name == *hook))
    }

    /// `object.__setattr__`, or `object.__delattr__` with `None`.
    pub fn object_set_attr(
        &mut self,
        value: &Value,
        class: &Rc<Class>,
        name: &Rc<Str>,
        new: Option<Value>,
    ) -> Result<()> {
        if let Value::Class(target) = value {
            return self.set_class_attr(target, class, name, new);
        }
        if let Some(attr) = class.lookup(name) {
            if self.is_data_descriptor(&attr) {
                return self.set_through(&attr, value, class, name, new);
            }
        }
        let name = &self.intern_str(name);
        match (value, &new) {
            (Value::Module(module), Some(new)) => {
                let old = module.dict.set_str(name, new.clone());
                drop(old);
                return Ok(());
            }
            (Value::Module(module), None) => {
                if module.dict.remove_str(name).is_some() {
                    return Ok(());
                }
                let kind = self.type_name(value);
                let message = format!("'{kind}' object has no attribute '{name}'");
                return Err(self.attribute_error_with(message, value, name));
            }
            (Value::Native(native), _) if native.is_written() => {
                // What it would be as a function of the language has them.
                let Value::Dict(dict) = self.get_attr(value, sym::__dict__)? else { return Ok(()) };
                let old = match new {
                    Some(new) => dict.set_str(name, new),
                    None => dict.remove_str(name),
                };
                drop(old);
                return Ok(());
            }
            _ => {
                if let Some(done) = set_own_attr(value, class, name, new.clone()) {
                    if done {
                        return Ok(());
                    }
                    let kind = self.type_name(value);
                    let message = format!("'{kind}' object has no attribute '{name}'");
                    return Err(self.error(self.types.AttributeError.clone(), message));
                }
            }
        }
        let settable = class.has_dict.get() || matches!(value, Value::Function(_) | Value::Module(_));
        if own_attr(value, name).is_none() && class.lookup(name).is_none() && !settable {
            return Err(self.no_room(value, name));
        }
        if class.lookup(name).is_some() {
            let message = format!("'{}' object attribute '{name}' is read-only", self.type_name(value));
            return Err(self.error(self.types.AttributeError.clone(), message));
        }
        if new.is_some() {
            return Err(self.no_room(value, name));
        }
        Err(self.attribute_error(value, name))
    }

    /// An attribute cannot be set because there is no dict for it; a class that sets attributes itself does not say so.
    #[cold]
    fn no_room(&mut self, value: &Value, name: &Rc<Str>) -> Error {
        let class = self.class_of(value);
        let own = [sym::__setattr__, sym::__delattr__]
            .into_iter()
            .any(|hook| matches!(class.lookup(self.name(hook)), Some(Value::Function(_))));
        let ending = if own { "" } else { " and no __dict__ for setting new attributes" };
        let kind = self.type_name(value);
        let message = format!("'{kind}' object has no attribute '{name}'{ending}");
        self.attribute_error_with(message, value, name)
    }

    #[cold]
    fn property_lacks(&mut self, what: &str, attr: &Value, this: &Value) -> Error {
        let named = match self.get_attr_opt(attr, sym::__name__) {
            Ok(Some(name)) => self.repr(&name).map(|name| format!(" {name}")),
            Ok(None) => Ok(String::new()),
            Err(e) => Err(e),
        };
        let owner = self.class_of(this);
        let (class, full) = (owner.qualname.borrow().clone(), self.full_name(&owner));
        match named {
            // What CPython has in C has no properties.
            Ok(name) if full != *owner.name.borrow() => {
                let name = name.trim_matches([' ', '\'']);
                let message = format!("attribute '{name}' of '{full}' objects is not writable");
                self.error(self.types.AttributeError.clone(), message)
            }
            Ok(name) => self
                .error(self.types.AttributeError.clone(), format!("property{name} of '{class}' object has no {what}")),
            Err(e) => e,
        }
    }

    /// Sets or deletes through a data descriptor.
    pub fn set_through(
        &mut self,
        attr: &Value,
        value: &Value,
        class: &Rc<Class>,
        name: &Rc<Str>,
        new: Option<Value>,
    ) -> Result<()> {
        let overridden = |method: Symbol| match attr {
            Value::Instance(_) => !matches!(self.lookup_special(attr, method), Some(Value::Native(_))),
            _ => false,
        };
        let method = if new.is_some() { sym::__set__ } else { sym::__delete__ };
        if let (Value::Descriptor(descriptor), false) = (attr.unwrapped(), overridden(method)) {
            match &**descriptor {
                Descriptor::Property(property) => {
                    let (at, what) = if new.is_some() { (1, "setter") } else { (2, "deleter") };
                    let func = property.parts.borrow().functions[at].clone();
                    if func.given().is_none() {
                        return Err(self.property_lacks(what, attr, value));
                    }
                    let done = match new {
                        Some(new) => self.call(&func, &[value.clone(), new]),
                        None => self.call(&func, std::slice::from_ref(value)),
                    };
                    return done.map(drop);
                }
                Descriptor::GetSet { set: Some(set), .. } => return set(self, value, new.unwrap_or_default()),
                Descriptor::GetSet { class: own, .. } => {
                    // Of a class of a page it is the one that has it.
                    let owner = self.class_of(value).mro().into_iter().find(|class| class.builtin);
                    let owner = owner.filter(|class| !Rc::ptr_eq(class, &self.types.object)).or_else(|| own.upgrade());
                    let owner = self.full_name(&owner.unwrap_or_else(|| self.class_of(value)));
                    let message = format!("attribute '{name}' of '{owner}' objects is not writable");
                    return Err(self.error(self.types.AttributeError.clone(), message));
                }
                Descriptor::Slot { key, class: owner } => {
                    self.check_owner(owner, slot_name(key), value)?;
                    let Some(attrs) = attrs_of(value) else { return Err(self.attribute_error(value, name)) };
                    let deletes = new.is_none();
                    let old = match new {
                        Some(new) => {
                            gc::stored_into(value, &new);
                            attrs.change(|attrs| attrs.set(&class.root_shape, key, new))
                        }
                        None => attrs.change(|attrs| attrs.remove(&class.root_shape, key)),
                    };
                    if deletes && old.is_none() {
                        return Err(self.error(self.types.AttributeError.clone(), slot_name(key)));
                    }
                    return Ok(());
                }
                Descriptor::ClassMethod(..) | Descriptor::StaticMethod(..) => {}
            }
        }
        let args: Vec<Value> = [value.clone()].into_iter().chain(new).collect();
        match self.call_special(attr, method, &args)? {
            Some(_) => Ok(()),
            None => {
                let missing = self.name(method).clone();
                Err(self.error(self.types.AttributeError.clone(), missing.as_str()))
            }
        }
    }

    fn set_class_attr(
        &mut self,
        target: &Rc<Class>,
        meta: &Rc<Class>,
        name: &Rc<Str>,
        new: Option<Value>,
    ) -> Result<()> {
        if (target.builtin || target.named_in_full.get()) && !target.patchable.get() {
            return Err(self
                .type_error(format!("cannot set '{name}' attribute of immutable type '{}'", self.full_name(target))));
        }
        if let Some(attr) = meta.lookup(name) {
            if self.is_data_descriptor(&attr) {
                return self.set_through(&attr, &Value::Class(target.clone()), meta, name, new);
            }
        }
        let name = self.intern_str(name);
        if matches!(name.as_str(), "__get__" | "__set__" | "__delete__") {
            // Which of the attributes of other classes are descriptors is remembered in many places.
            self.types.object.changed();
        }
        match new {
            Some(new) => {
                match name.as_str() {
                    "__del__" => target.has_del.set(true),
                    "__await__" => target.awaiting.set(None),
                    _ => {}
                }
                let is_data = |value: &Value| self.is_plain(value) && !self.is_data_descriptor(value);
                target.assign(&name, crate::machine::classes::unbound(new), is_data);
            }
            None => {
                if target.remove(&name).is_none() {
                    return Err(self.attribute_error(&Value::Class(target.clone()), &name));
                }
            }
        }
        Ok(())
    }

    /// The `__dict__` of an object, if it has one; the object's own from then on.
    pub fn instance_dict(&mut self, value: &Value) -> Option<Rc<Dict>> {
        match value {
            Value::Module(module) => Some(module.dict.clone()),
            Value::Function(function) => Some(function.with_extra(|extra| extra.attrs.to_dict())),
            Value::Instance(instance) if !instance.class().has_dict.get() => None,
            _ => attrs_of(value).map(|attrs| attrs.change(Attrs::to_dict)),
        }
    }

    /// Whether a class leaves the access to attributes to `object`.
    pub fn plain_getattribute(&self, class: &Rc<Class>) -> bool {
        !self.hooks(class).has_getattribute()
    }
}

/// Refuses to set what is a part of a built-in object.
pub fn read_only(vm: &mut Vm, _: &Value, _: Value) -> Result<()> {
    Err(vm.error(vm.types.AttributeError.clone(), "readonly attribute"))
}

/// Whether a computed attribute is such a part.
pub fn is_member(set: Option<Setter>) -> bool {
    set.is_some_and(|set| std::ptr::fn_addr_eq(set, read_only as Setter))
}

/// A function bound to an object.
pub fn bound(func: &Value, this: &Value) -> Value {
    Value::BoundMethod(Rc::new(BoundMethod::new(func.clone(), this.clone())))
}

/// The attributes of a value that has some of its own.
pub fn attrs_of(value: &Value) -> Option<&AttrCell> {
    match value {
        Value::Instance(instance) => Some(&instance.attrs),
        Value::Exception(exception) => Some(&exception.attrs),
        Value::Descriptor(descriptor) => match &**descriptor {
            Descriptor::ClassMethod(_, attrs) | Descriptor::StaticMethod(_, attrs) => Some(attrs),
            _ => None,
        },
        _ => None,
    }
}

/// An attribute that the object itself has.
pub fn own_attr(value: &Value, name: &Rc<Str>) -> Option<Value> {
    match value {
        Value::Function(function) => function.extra.borrow().as_ref().and_then(|extra| extra.attrs.get(name)),
        Value::Native(native) => own_attr(&Value::Function(native.written.get()?.clone()), name),
        _ => attrs_of(value).and_then(|attrs| attrs.look(|attrs| attrs.get(name))),
    }
}

/// Sets or deletes an attribute of the object itself: whether that was possible, or `None` if it has none of its own.
pub fn set_own_attr(value: &Value, class: &Rc<Class>, name: &Rc<Str>, new: Option<Value>) -> Option<bool> {
    if let Some(new) = &new {
        gc::stored_into(value, new);
    }
    let change = |attrs: &mut Attrs| match new {
        Some(new) => (true, attrs.set(&class.root_shape, name, new)),
        None => match attrs.remove(&class.root_shape, name) {
            Some(old) => (true, Some(old)),
            None => (false, None),
        },
    };
    let (done, old) = match value {
        Value::Function(function) => function.with_extra(|extra| change(&mut extra.attrs)),
        Value::Instance(_) if !class.has_dict.get() => return None,
        _ => attrs_of(value)?.change(change),
    };
    drop(old);
    Some(done)
}
