//! Making exceptions from Rust code. One cold constructor for each message that is said in more than one place.

use std::borrow::Borrow;

use super::prelude::*;
use crate::text::{Fault, FaultKind};

macro_rules! errors {
    ($($name:ident $class:ident),* $(,)?) => {
        impl Vm {
            $(
                #[cold]
                pub fn $name(&mut self, message: impl Into<String>) -> Error {
                    let class = self.types.$class.clone();
                    self.error(&class, message)
                }
            )*
        }
    };
}

errors! {
    type_error TypeError,
    value_error ValueError,
    index_error IndexError,
    runtime_error RuntimeError,
    overflow_error OverflowError,
    zero_division ZeroDivisionError,
    not_implemented NotImplementedError,
    lookup_error LookupError,
    import_error ImportError,
    system_error SystemError,
    buffer_error BufferError,
    unbound_local_error UnboundLocalError,
}

impl Vm {
    /// An exception with its message as the only argument.
    #[cold]
    pub fn error(&mut self, class: impl Borrow<Rc<Class>>, message: impl Into<String>) -> Error {
        self.new_error(class, vec![Value::string(message.into())])
    }

    /// An exception of a built-in class with these `args`.
    #[cold]
    pub fn new_error(&mut self, class: impl Borrow<Rc<Class>>, args: Vec<Value>) -> Error {
        Error(Rc::new(Exception::new(class.borrow().clone(), Value::tuple(args))))
    }

    #[cold]
    pub fn key_error(&mut self, key: Value) -> Error {
        self.new_error(self.types.KeyError.clone(), vec![key])
    }

    #[cold]
    pub fn memory_error(&mut self) -> Error {
        self.new_error(self.types.MemoryError.clone(), Vec::new())
    }

    /// An `int` given or found where a machine word is needed.
    #[cold]
    pub fn too_large_to_count(&mut self) -> Error {
        self.overflow_error("Python int too large to convert to C ssize_t")
    }

    /// Something without bytes where bytes are needed.
    #[cold]
    pub fn bytes_required(&mut self, given: &Value) -> Error {
        self.type_error(format!("a bytes-like object is required, not '{}'", self.type_name(given)))
    }

    /// `StopIteration` carrying a generator's return value.
    #[cold]
    pub fn stop_iteration(&mut self, value: Value) -> Error {
        let args = if value.is_none() { Vec::new() } else { vec![value.clone()] };
        let error = self.new_error(self.types.StopIteration.clone(), args);
        self.set_exception_attr(&error, sym::value, value);
        error
    }

    #[cold]
    pub fn stop_async_iteration(&mut self) -> Error {
        self.new_error(self.types.StopAsyncIteration.clone(), Vec::new())
    }

    /// Sets a built-in attribute of an exception (`name`, `value`, `code`, ...).
    pub fn set_exception_attr(&mut self, error: &Error, name: Symbol, value: Value) {
        let name = self.name(name).clone();
        let root = error.class().root_shape.clone();
        let old = error.0.own.change(|own| own.set(&root, &name, value));
        drop(old);
    }

    /// `name 'x' is not defined`.
    #[cold]
    pub fn name_error(&mut self, name: &Rc<Str>) -> Error {
        let error =
            self.error(self.types.NameError.clone(), format!("name '{name}' is not defined", name = name.as_str()));
        self.set_exception_attr(&error, sym::name, Value::Str(name.clone()));
        error
    }

    /// An attribute that does not exist, in the words for the kind of object.
    #[cold]
    pub fn attribute_error(&mut self, object: &Value, name: &Rc<Str>) -> Error {
        let message = match object.unwrapped() {
            Value::Class(class) => {
                format!("type object '{}' has no attribute '{name}'", self.full_name(class))
            }
            Value::Module(module) => self.module_attribute_message(&module.clone(), name),
            _ => format!("'{}' object has no attribute '{name}'", self.type_name(object)),
        };
        self.attribute_error_with(message, object, name)
    }

    #[cold]
    pub fn attribute_error_with(&mut self, message: String, object: &Value, name: &Rc<Str>) -> Error {
        let error = self.error(self.types.AttributeError.clone(), message);
        self.set_exception_attr(&error, sym::name, Value::Str(name.clone()));
        self.set_exception_attr(&error, sym::obj, object.clone());
        self.advise_operands(&error, &[object]);
        error
    }

    #[cold]
    pub fn not_callable(&mut self, value: &Value) -> Error {
        let name = self.type_name(value);
        let message = format!("'{name}' object is not callable");
        match value {
            Value::Coroutine(coroutine) if self.in_library() => {
                let error = self.type_error(message);
                self.advise_called(&error, coroutine);
                error
            }
            _ => self.operand_error(message, &[value]),
        }
    }

    #[cold]
    pub fn not_iterable(&mut self, value: &Value) -> Error {
        let name = self.type_name(value);
        self.operand_error(format!("'{name}' object is not iterable"), &[value])
    }

    /// A `TypeError` about what an operation was given.
    #[cold]
    pub fn operand_error(&mut self, message: String, operands: &[&Value]) -> Error {
        let error = self.type_error(message);
        self.advise_operands(&error, operands);
        error
    }

    /// A failure of the text and number engines as an exception.
    #[cold]
    pub fn from_fault(&mut self, fault: Fault) -> Error {
        let types = &self.types;
        let message = vec![Value::string(fault.message)];
        let unicode = |encoding: String, object, places: [usize; 2], reason: String| {
            let [start, end] = places.map(Value::usize);
            vec![Value::string(encoding), object, start, end, Value::string(reason)]
        };
        let (class, args) = match fault.kind {
            FaultKind::UnicodeEncodeError { encoding, object, start, end, reason } => {
                (types.UnicodeEncodeError.clone(), unicode(encoding, Value::string(object), [start, end], reason))
            }
            FaultKind::UnicodeDecodeError { encoding, object, start, end, reason } => {
                (types.UnicodeDecodeError.clone(), unicode(encoding, Value::bytes(object), [start, end], reason))
            }
            FaultKind::MemoryError => (types.MemoryError.clone(), Vec::new()),
            FaultKind::KeyError => (types.KeyError.clone(), message),
            FaultKind::TypeError => (types.TypeError.clone(), message),
            FaultKind::ValueError => (types.ValueError.clone(), message),
            FaultKind::OverflowError => (types.OverflowError.clone(), message),
            FaultKind::IndexError => (types.IndexError.clone(), message),
            FaultKind::ZeroDivisionError => (types.ZeroDivisionError.clone(), message),
            FaultKind::LookupError => (types.LookupError.clone(), message),
        };
        self.new_error(&class, args)
    }
}
