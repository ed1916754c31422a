//! How functions, classes, modules, exceptions and other objects without contents of their own are shown.

use super::prelude::*;
use crate::machine::attr::is_member;
use crate::machine::import::is_frozen;
use crate::machine::{classes, generic, views};
use crate::object::Descriptor;
use crate::object::attrs::slot_name;
use crate::object::module::Module;
use crate::object::native::RowKind;
use crate::text::repr as reprs;

/// An address as CPython prints it.
pub fn address(value: &Value) -> String {
    format!("{:#014x}", value.id())
}

/// Appends the `repr` of an object that is shown by its name or address.
pub(super) fn push_object(vm: &mut Vm, out: &mut String, value: &Value) -> Result<()> {
    let text = match value {
        Value::Exception(exception) => return vm.push_exception(out, &exception.clone()),
        Value::Class(class) => vm.class_repr(class),
        Value::Instance(_) => return push_instance(vm, out, value),
        Value::Function(function) if function.is_builtin() => {
            format!("<built-in function {}>", function.name())
        }
        Value::Function(function) => format!("<function {} at {}>", function.qualname(), address(value)),
        Value::Native(native) => native_repr(vm, native, value),
        Value::BoundMethod(method) => {
            if let Value::Native(native) = &method.func
                && !native.is_bound_as_function()
            {
                let (kind, quote) = if native.is_wrapper() { ("method-wrapper", "'") } else { ("built-in method", "") };
                let name = vm.type_name(&method.this);
                let (shown, of) = (native.name.as_str(), name.as_str());
                format!("<{kind} {quote}{shown}{quote} of {of} object at {}>", address(&method.this))
            } else {
                let name = vm.qualname_of(&method.func)?;
                let (func, this) = (name, method.this.clone());
                let this = vm.repr(&this)?;
                format!("<bound method {func} of {this}>")
            }
        }
        Value::Descriptor(descriptor) => descriptor_repr(vm, descriptor, value)?,
        Value::Module(module) => module_repr(vm, module)?,
        Value::Cell(cell) => match cell.get() {
            Value::Unbound => format!("<cell at {}: empty>", address(value)),
            inside => {
                let name = vm.type_name(&inside);
                format!("<cell at {}: {name} object at {}>", address(value), address(&inside))
            }
        },
        Value::Code(code) => format!(
            "<code object {} at {}, file \"{}\", line {}>",
            code.name,
            address(value),
            code.source.name,
            code.first_line()
        ),
        Value::Frame(frame) => format!(
            "<frame at {}, file '{}', line {}, code {}>",
            address(value),
            frame.code.source.name,
            frame.code.source.line(vm.place_of(frame).start),
            frame.code.name
        ),
        Value::Coroutine(coroutine) => {
            let kind = match coroutine.kind {
                Kind::Generator => "generator",
                Kind::Coroutine => "coroutine",
                Kind::AsyncGenerator => "async_generator",
            };
            let qualname = coroutine.qualname();
            format!("<{kind} object {qualname} at {}>", address(value))
        }
        other => match shown_iterator(other) {
            Some(args) => return push_call(vm, out, other, &args),
            None => default_repr(vm, &vm.class_of(other), other),
        },
    };
    out.push_str(&text);
    Ok(())
}

/// `Class(arguments)`
fn push_call(vm: &mut Vm, out: &mut String, value: &Value, args: &[Value]) -> Result<()> {
    out.extend([vm.class_of(value).name.borrow().as_str(), "("]);
    vm.nested_in(super::text::IN_REPR, |vm| vm.push_items(out, args))?;
    out.push(')');
    Ok(())
}

/// What the `repr` of an iterator shows of its state, if anything.
fn shown_iterator(value: &Value) -> Option<Vec<Value>> {
    match value.unwrapped() {
        Value::Iter(iter) => match &**iter {
            crate::object::iter::Iter::Native { state, .. } => state.borrow().as_ref().and_then(|state| state.shown()),
            _ => None,
        },
        _ => None,
    }
}

/// `<module.Class object at 0x...>`
fn default_repr(vm: &Vm, class: &Class, value: &Value) -> String {
    match vm.class_module(class) {
        Some(module) if module.as_str() != "builtins" => {
            let qualname = class.qualname.borrow();
            format!("<{module}.{qualname} object at {}>", address(value))
        }
        _ => format!("<{} object at {}>", class.name.borrow(), address(value)),
    }
}

fn push_instance(vm: &mut Vm, out: &mut String, value: &Value) -> Result<()> {
    if let Some(args) = shown_iterator(value) {
        return push_call(vm, out, value, &args);
    }
    if value.data::<views::DictView>().is_some() {
        return vm.push_view(out, value);
    }
    if let Some(inner) = views::proxied(value) {
        out.push_str("mappingproxy(");
        vm.push_repr(out, &inner)?;
        out.push(')');
        return Ok(());
    }
    if let Some(text) = generic::repr(vm, value)? {
        out.push_str(&text);
        return Ok(());
    }
    if let Some(data) = value.data::<classes::Super>() {
        let class = data.class.name.borrow().as_str().to_owned();
        let of = if data.this.is_unbound() {
            "NULL".to_owned()
        } else {
            format!("<{} object>", data.this_class.name.borrow())
        };
        out.push_str(&format!("<super: <class '{class}'>, {of}>"));
        return Ok(());
    }
    let class = vm.class_of(value);
    out.push_str(&default_repr(vm, &class, value));
    Ok(())
}

fn native_repr(vm: &Vm, native: &NativeFunction, value: &Value) -> String {
    let name = native.name.as_str();
    let owner = native.owner.borrow().as_ref().and_then(std::rc::Weak::upgrade);
    if native.is_written() {
        let class = owner.map(|owner| format!("{}.", owner.qualname.borrow())).unwrap_or_default();
        return format!("<function {class}{name} at {}>", address(value));
    }
    match (native.row.kind, owner) {
        (RowKind::Method(_) | RowKind::ClassMethod(_), Some(owner)) => {
            let kind = if native.is_wrapper() { "slot wrapper" } else { "method" };
            format!("<{kind} '{name}' of '{}' objects>", vm.full_name(&owner))
        }
        (RowKind::StaticMethod(_), Some(_)) => {
            format!("<built-in method {name} of type object at {}>", address(value))
        }
        _ => format!("<built-in function {name}>"),
    }
}

fn descriptor_repr(vm: &mut Vm, descriptor: &Rc<Descriptor>, value: &Value) -> Result<String> {
    Ok(match &**descriptor {
        Descriptor::Property(_) => format!("<property object at {}>", address(value)),
        Descriptor::ClassMethod(func, _) => format!("<classmethod({})>", vm.repr(&func.clone())?),
        Descriptor::StaticMethod(func, _) => format!("<staticmethod({})>", vm.repr(&func.clone())?),
        Descriptor::Slot { key, class } => {
            format!("<member '{}' of '{}' objects>", slot_name(key), class_name(vm, class))
        }
        Descriptor::GetSet { name, class, set, .. } => {
            let kind = if is_member(*set) { "member" } else { "attribute" };
            format!("<{kind} '{name}' of '{}' objects>", class_name(vm, class))
        }
    })
}

fn class_name(vm: &Vm, class: &std::rc::Weak<Class>) -> Rc<Str> {
    class.upgrade().map_or_else(Rc::default, |class| vm.full_name(&class))
}

fn module_repr(vm: &mut Vm, module: &Rc<Module>) -> Result<String> {
    let file = vm.entry(&module.dict, sym::__file__);
    let known = |value: &Option<Value>| value.clone().filter(|value| !value.is_none());
    let spec = vm.entry(&module.dict, sym::__spec__);
    let name = match known(&spec) {
        Some(spec) => vm.get_attr_opt(&spec, "name")?,
        None => vm.entry(&module.dict, sym::__name__),
    };
    let name = match name {
        Some(name) => vm.repr(&name)?.as_str().to_owned(),
        None if spec.is_some() => "'?'".to_owned(),
        None => reprs::str_repr(&module.name.borrow()),
    };
    let (origin, loader, is_file) = match &spec {
        Some(Value::None) => (known(&file), known(&vm.entry(&module.dict, sym::__loader__)), known(&file).is_some()),
        Some(spec) => {
            let [origin, loader, has_location] = ["origin", "loader", "has_location"].map(|name| vm.intern(name));
            let has_location = vm.get_attr_opt(spec, &has_location)?;
            let is_file = has_location.map_or(Ok(false), |has_location| vm.truth(&has_location))?;
            (known(&vm.get_attr_opt(spec, &origin)?), known(&vm.get_attr_opt(spec, &loader)?), is_file)
        }
        None => match (&file, vm.entry(&module.dict, sym::__path__)) {
            (Some(Value::None), Some(path)) => {
                return Ok(format!("<module {name} (namespace) from {}>", vm.repr(&path)?));
            }
            _ => {
                let built_in = if is_frozen(&module.name.borrow()) { "frozen" } else { "built-in" };
                (Some(known(&file).unwrap_or_else(|| Value::str(built_in))), None, known(&file).is_some())
            }
        },
    };
    Ok(match (origin, loader) {
        (Some(origin), _) if is_file => format!("<module {name} from {}>", vm.repr(&origin)?),
        (Some(origin), _) => format!("<module {name} ({})>", vm.str(&origin)?),
        (None, Some(loader)) => format!("<module {name} ({})>", vm.repr(&loader)?),
        (None, None) => format!("<module {name}>"),
    })
}

impl Vm {
    /// The module that a class says it is from.
    pub fn class_module(&self, class: &Class) -> Option<Rc<Str>> {
        match class.dict().get_str(self.name(sym::__module__)) {
            Some(Value::Str(module)) => Some(module),
            _ => None,
        }
    }

    /// `<class 'module.Name'>`
    pub fn class_repr(&mut self, class: &Rc<Class>) -> String {
        let qualname = class.qualname.borrow().clone();
        match self.class_module(class) {
            Some(module) if module.as_str() != "builtins" => {
                format!("<class '{module}.{qualname}'>")
            }
            _ => format!("<class '{}'>", class.name.borrow()),
        }
    }

    /// The name by which a bound method shows its function.
    fn qualname_of(&mut self, func: &Value) -> Result<String> {
        if let Value::Function(function) = func {
            return Ok(function.qualname().as_str().to_owned());
        }
        for name in [sym::__qualname__, sym::__name__] {
            let name = self.name(name).clone();
            if let Some(Value::Str(text)) = self.get_attr_opt(func, &name)? {
                return Ok(text.as_str().to_owned());
            }
        }
        Ok("?".to_owned())
    }

    /// `repr` of an exception: its class's name and arguments.
    pub(super) fn push_exception(&mut self, out: &mut String, exception: &Rc<Exception>) -> Result<()> {
        let value = Value::Exception(exception.clone());
        let Some(guard) = self.enter_repr(out, &value, "...")? else { return Ok(()) };
        let name = exception.class.borrow().name.borrow().clone();
        out.extend([name.as_str(), "("]);
        let result = self.push_items(out, &exception.args());
        out.push(')');
        self.leave_repr(guard);
        result
    }

    /// `str` of an exception whose class has no `__str__` of its own.
    pub fn exception_str(&mut self, exception: &Rc<Exception>) -> Result<String> {
        let types = &self.types;
        let special = [
            types.KeyError.clone(),
            types.OSError.clone(),
            types.SyntaxError.clone(),
            types.BaseExceptionGroup.clone(),
            types.ImportError.clone(),
            types.UnicodeEncodeError.clone(),
            types.UnicodeDecodeError.clone(),
            types.UnicodeTranslateError.clone(),
        ];
        let found = special.iter().position(|class| exception.is(class));
        let text = match found {
            Some(0) => match &exception.args()[..] {
                [key] => Some(self.repr(key)?.as_str().to_owned()),
                _ => None,
            },
            Some(1) => self.os_error_str(exception)?,
            Some(2) => self.syntax_error_str(exception)?,
            Some(3) => self.group_str(exception)?,
            Some(4) => match self.exception_attr(exception, sym::msg) {
                Some(Value::Str(message)) => Some(message.as_str().to_owned()),
                _ => None,
            },
            Some(_) => self.unicode_error_str(exception)?,
            None => None,
        };
        match text {
            Some(text) => Ok(text),
            None => match &exception.args()[..] {
                [] => Ok(String::new()),
                [arg] => Ok(self.str(arg)?.as_str().to_owned()),
                args => Ok(self.repr(&Value::tuple(args.to_vec()))?.as_str().to_owned()),
            },
        }
    }

    fn os_error_str(&mut self, exception: &Exception) -> Result<Option<String>> {
        let attrs = [sym::errno, sym::strerror, sym::filename, sym::filename2];
        let [errno, message, file, second] = attrs.map(|name| self.exception_attr(exception, name));
        if file.is_none() && (errno.is_none() || message.is_none()) {
            return Ok(None);
        }
        let (errno, message) = (errno.unwrap_or(Value::None), message.unwrap_or(Value::None));
        let mut text = format!("[Errno {}] {}", self.str(&errno)?, self.str(&message)?);
        if let Some(file) = file {
            text.push_str(": ");
            self.push_repr(&mut text, &file)?;
            if let Some(second) = second {
                text.push_str(" -> ");
                self.push_repr(&mut text, &second)?;
            }
        }
        Ok(Some(text))
    }

    fn syntax_error_str(&mut self, exception: &Exception) -> Result<Option<String>> {
        let message = self.exception_attr(exception, sym::msg).or_else(|| exception.args().first().cloned());
        let message = self.str(&message.unwrap_or(Value::None))?;
        let file = match self.exception_attr(exception, sym::filename) {
            Some(Value::Str(name)) => Some(name.as_str().rsplit('/').next().unwrap_or_default().to_owned()),
            _ => None,
        };
        let line = self.exception_attr(exception, sym::lineno).and_then(|line| line.as_int());
        let message = message.as_str();
        Ok(Some(match (file, line) {
            (Some(file), Some(line)) => format!("{message} ({file}, line {line})"),
            (Some(file), None) => format!("{message} ({file})"),
            (None, Some(line)) => format!("{message} (line {line})"),
            (None, None) => message.to_owned(),
        }))
    }

    fn group_str(&mut self, exception: &Exception) -> Result<Option<String>> {
        let args = exception.args();
        let attr = |vm: &Vm, name: Symbol, at: usize| vm.exception_attr(exception, name).or(args.get(at).cloned());
        let (message, inner) = (attr(self, sym::message, 0), attr(self, sym::exceptions, 1));
        let (Some(message), Some(inner)) = (message, inner) else { return Ok(None) };
        let message = self.str(&message)?;
        let count = self.len(&inner)?;
        let plural = if count == 1 { "" } else { "s" };
        Ok(Some(format!("{message} ({count} sub-exception{plural})")))
    }

    /// From the arguments: encoding, object, start, end, reason; a translation has no encoding.
    fn unicode_error_str(&mut self, exception: &Exception) -> Result<Option<String>> {
        let args = exception.args();
        let first = args.len().checked_sub(4);
        let Some(first @ 0..=1) = first else { return Ok(None) };
        let now = |vm: &Vm, name, at: usize| vm.exception_attr(exception, name).unwrap_or_else(|| args[at].clone());
        let object = &now(self, sym::object, first);
        let (start, end) = (now(self, sym::start, first + 1), now(self, sym::end, first + 2));
        let (Some(start), Some(end)) = (start.as_int(), end.as_int()) else { return Ok(None) };
        let reason = now(self, sym::reason, first + 3);
        let reason = self.str(&reason)?;
        let (verb, item) = if first == 1 {
            let encoding = now(self, sym::encoding, 0);
            let of_text = exception.is(&self.types.UnicodeEncodeError);
            let (verb, item) = if of_text { ("encode", "character") } else { ("decode", "byte") };
            (format!("'{}' codec can't {verb}", self.str(&encoding)?), item)
        } else {
            ("can't translate".to_owned(), "character")
        };
        let single = if end == start + 1 { usize::try_from(start).ok() } else { None };
        let shown = single.and_then(|at| match object.as_str() {
            Some(text) => text.as_str().chars().nth(at).map(|c| {
                let n = crate::text::code_point(c);
                match n {
                    0..=0xFF => format!("'\\x{n:02x}'"),
                    0x100..=0xFFFF => format!("'\\u{n:04x}'"),
                    _ => format!("'\\U{n:08x}'"),
                }
            }),
            None => crate::machine::sequence::bytes_of(object)
                .and_then(|bytes| bytes.get(at).map(|byte| format!("0x{byte:02x}"))),
        });
        let reason = reason.as_str();
        Ok(Some(match shown {
            Some(shown) => format!("{verb} {item} {shown} in position {start}: {reason}"),
            None => format!("{verb} {item}s in position {start}-{}: {reason}", end - 1),
        }))
    }
}
