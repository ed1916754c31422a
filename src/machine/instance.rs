//! `isinstance`, `issubclass`, `callable`.

use std::collections::HashMap;

use super::prelude::*;

/// What abstract classes said of others, by the versions of both: the page `abc` says it again without being asked.
#[derive(Default)]
pub struct AbstractAnswers(HashMap<(u32, u32), bool, foldhash::fast::FixedState>);

impl AbstractAnswers {
    /// Versions that are gone are never asked for again.
    const MOST: usize = 4096;

    pub fn get(&self, class: &Class, of: &Class) -> Option<bool> {
        self.0.get(&(class.version.get(), of.version.get())).copied()
    }

    pub fn note(&mut self, class: &Class, of: &Class, answer: bool) {
        if self.0.len() >= Self::MOST {
            self.forget();
        }
        self.0.insert((class.version.get(), of.version.get()), answer);
    }

    /// Any of them may be another now.
    pub fn forget(&mut self) {
        self.0.clear();
    }
}

impl Vm {
    pub fn isinstance(&mut self, value: &Value, class: &Value) -> Result<bool> {
        if let Some(answer) = self.isinstance_at_once(value, class) {
            return Ok(answer);
        }
        match class {
            Value::Class(class) => {
                let derived = self.is_instance_of(value, class);
                if class.metaclass.get().is_none() || derived && Rc::ptr_eq(&self.class_of(value), class) {
                    return if derived { Ok(true) } else { self.claims_class(value, class) };
                }
                let meta = Value::Class(class.clone());
                match self.lookup_special(&meta, sym::__instancecheck__) {
                    Some(Value::Native(_)) | None => Ok(derived || self.claims_class(value, class)?),
                    // An abstract base class has its subclasses for instances' classes, unless it has a hook.
                    Some(Value::Function(check))
                        if derived
                            && check.code.source.library
                            && !matches!(
                                class.lookup(self.name(sym::__subclasshook__)),
                                Some(Value::Descriptor(_))
                            ) =>
                    {
                        Ok(true)
                    }
                    Some(check) => {
                        let answer = self.call_found(&check, &meta, std::slice::from_ref(value))?;
                        self.truth(&answer)
                    }
                }
            }
            given if given.as_tuple().is_some() => {
                for class in given.as_tuple().into_iter().flat_map(|classes| classes.iter()) {
                    if self.nested_in(" in __instancecheck__", |vm| vm.isinstance(value, class))? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            other => match self.call_special(other, sym::__instancecheck__, std::slice::from_ref(value))? {
                Some(answer) => self.truth(&answer),
                None => {
                    self.check_bases(other, "isinstance() arg 2 must be a type, a tuple of types, or a union")?;
                    match self.get_attr_opt(value, sym::__class__)? {
                        Some(claimed) => self.derives(&claimed, other),
                        None => Ok(false),
                    }
                }
            },
        }
    }

    /// The same where no script code has a say.
    pub fn isinstance_at_once(&self, value: &Value, class: &Value) -> Option<bool> {
        match class {
            // No metaclass is asked about instances of the very class.
            Value::Class(class) if matches!(value, Value::Instance(instance) if Rc::ptr_eq(&instance.class(), class)) => {
                Some(true)
            }
            Value::Class(class) if class.metaclass.get().is_none() => {
                let derived = self.is_instance_of(value, class);
                (derived || !self.has_claim(value)).then_some(derived)
            }
            Value::Class(class) if !self.has_claim(value) => {
                self.with_class(value, |own| self.abstract_answers.get(class, own))
            }
            Value::Tuple(classes) => {
                for class in classes.iter() {
                    if !matches!(class, Value::Class(_)) {
                        return None;
                    }
                    if self.isinstance_at_once(value, class)? {
                        return Some(true);
                    }
                }
                Some(false)
            }
            _ => None,
        }
    }

    /// Whether script code says what `value.__class__` is.
    fn has_claim(&self, value: &Value) -> bool {
        match value {
            Value::Instance(instance) => self.hooks(&instance.class()).computes_class(),
            Value::Exception(exception) => self.hooks(&exception.class.borrow()).computes_class(),
            _ => false,
        }
    }

    /// Whether `value.__class__` says so: proxies and mocks.
    fn claims_class(&mut self, value: &Value, class: &Rc<Class>) -> Result<bool> {
        if !self.has_claim(value) {
            return Ok(false);
        }
        match self.get_attr_opt(value, sym::__class__)? {
            Some(Value::Class(claimed)) => Ok(claimed.is_subclass(class)),
            _ => Ok(false),
        }
    }

    pub fn issubclass(&mut self, sub: &Value, class: &Value) -> Result<bool> {
        match class {
            Value::Class(class) => {
                if class.metaclass.get().is_some() {
                    if let Some(answer) = sub.as_class().and_then(|sub| self.abstract_answers.get(class, sub)) {
                        return Ok(answer);
                    }
                    let meta = Value::Class(class.clone());
                    match self.lookup_special(&meta, sym::__subclasscheck__) {
                        Some(Value::Native(_)) | None => {}
                        Some(check) => {
                            let answer = self.call_found(&check, &meta, std::slice::from_ref(sub))?;
                            return self.truth(&answer);
                        }
                    }
                }
                self.derives_from(sub, class)
            }
            given if given.as_tuple().is_some() => {
                for class in given.as_tuple().into_iter().flat_map(|classes| classes.iter()) {
                    if self.nested_in(" in __subclasscheck__", |vm| vm.issubclass(sub, class))? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            other => match self.call_special(other, sym::__subclasscheck__, std::slice::from_ref(sub))? {
                Some(answer) => self.truth(&answer),
                None => {
                    self.check_bases(sub, "issubclass() arg 1 must be a class")?;
                    self.check_bases(other, "issubclass() arg 2 must be a class, a tuple of classes, or a union")?;
                    self.derives(sub, other)
                }
            },
        }
    }

    /// `type.__subclasscheck__`
    pub fn derives_from(&mut self, sub: &Value, class: &Rc<Class>) -> Result<bool> {
        match sub {
            Value::Class(sub) => Ok(sub.is_subclass(class)),
            _ => {
                self.check_bases(sub, "issubclass() arg 1 must be a class")?;
                self.derives(sub, &Value::Class(class.clone()))
            }
        }
    }

    /// The `__bases__` of what may stand for a class; anything with a tuple of that name may.
    fn bases_of(&mut self, class: &Value) -> Result<Option<Value>> {
        Ok(self.get_attr_opt(class, sym::__bases__)?.filter(|bases| bases.as_tuple().is_some()))
    }

    fn check_bases(&mut self, class: &Value, message: &str) -> Result<()> {
        match self.bases_of(class)? {
            Some(_) => Ok(()),
            None => Err(self.type_error(message)),
        }
    }

    /// Whether `class` is `base`, or one of its `__bases__` derives from it.
    fn derives(&mut self, class: &Value, base: &Value) -> Result<bool> {
        if class.is(base) {
            return Ok(true);
        }
        let Some(bases) = self.bases_of(class)? else { return Ok(false) };
        for parent in bases.as_tuple().into_iter().flat_map(|bases| bases.iter()) {
            if self.nested(|vm| vm.derives(parent, base))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub fn is_callable(&self, value: &Value) -> bool {
        match value {
            Value::Function(_) | Value::Native(_) | Value::BoundMethod(_) | Value::Class(_) => true,
            Value::Instance(_) | Value::Exception(_) | Value::Module(_) => self.has_special(value, sym::__call__),
            Value::Descriptor(d) => matches!(&**d, crate::object::Descriptor::StaticMethod(..)),
            _ => false,
        }
    }
}
