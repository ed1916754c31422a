//! What several modules need to define their classes: one registry of native classes.

use crate::builtins::prelude::*;
use std::collections::HashMap;

/// Native classes by `module.name`.
#[derive(Default)]
struct Registry(HashMap<&'static str, Rc<Class>, foldhash::fast::FixedState>);

/// A native class by its full name; made by `make` if it is not there.
pub fn class_or(vm: &mut Vm, full: &'static str, make: impl FnOnce(&mut Vm) -> Rc<Class>) -> Rc<Class> {
    if let Some(class) = vm.extension::<Registry>().0.get(full) {
        return class.clone();
    }
    let class = make(vm);
    vm.extension::<Registry>().0.insert(full, class.clone());
    class
}

/// Makes a native class that belongs to a module.
pub fn define(vm: &mut Vm, full: &'static str, base: &Rc<Class>, layout: Layout, rows: &'static [Row]) -> Rc<Class> {
    class_or(vm, full, |vm| make_class(vm, full, base, layout, rows))
}

/// The same where it is known that there is none yet.
pub fn make_class(vm: &Vm, full: &str, base: &Rc<Class>, layout: Layout, rows: &'static [Row]) -> Rc<Class> {
    let (module, name) = full.rsplit_once('.').unwrap_or(("builtins", full));
    let class = Class::builtin(name, Some(base), layout);
    class.declare(vm.name(sym::__module__), Value::str(module));
    // Types that CPython has in C, all but these.
    let plain = matches!(full, "random.Random" | "random.SystemRandom") || layout == Layout::Exception;
    class.named_in_full.set(!plain && module != "builtins");
    class.add_methods(rows);
    class
}

/// Puts a class under its name into a module's namespace.
pub fn export(vm: &mut Vm, dict: &Rc<Dict>, class: &Rc<Class>) {
    let name = class.name.borrow().clone();
    let name = vm.intern_str(&name);
    dict.set_str(&name, Value::Class(class.clone()));
}

/// Gives a class of a page methods in Rust. What the page has under the same names is kept, for arguments out of the
/// ordinary: [`by_page`] calls it.
pub fn take_over(vm: &mut Vm, class: &Rc<Class>, tables: &[&'static [Row]]) {
    for row in tables.iter().copied().flatten() {
        let (name, kept) = (vm.intern(row.name()), vm.intern(&kept(row.name())));
        if let Some(written) = class.dict().get_str(&name) {
            class.dict().set_str(&kept, written);
        }
    }
    tables.iter().for_each(|rows| class.add_methods(rows));
}

/// Under which name the page's function is kept.
pub fn kept(name: &str) -> String {
    format!("_page_{}", name.trim_matches('_'))
}

/// What the page does in a native's place.
pub fn by_page(vm: &mut Vm, class: &Rc<Class>, name: &str, args: &[Value], named: &[Named]) -> Result {
    let kept = vm.intern(&kept(name));
    let function = vm.get_attr(&Value::Class(class.clone()), &kept)?;
    vm.call_kw(&function, args, named)
}

/// The class that `__new__` was called with.
pub fn class_given(vm: &mut Vm, args: &[Value]) -> Result<Rc<Class>> {
    match args.first() {
        Some(Value::Class(class)) => Ok(class.clone()),
        _ => Err(vm.type_error("__new__(X): X is not a type object")),
    }
}

/// A value of a built-in type as an instance of a native subclass of that type.
pub fn wrapped(class: &Rc<Class>, inner: Value) -> Value {
    Value::Instance(Rc::new(Instance::new(class.clone(), Payload::value(inner))))
}

#[cold]
pub fn wrong_self(vm: &mut Vm, value: &Value, class: &str) -> Error {
    let name = vm.type_name(value);
    vm.type_error(format!("descriptor requires a '{class}' object but received a '{name}'"))
}

/// The native data of `self`, or a `TypeError`.
macro_rules! this {
    ($vm:expr, $value:expr, $data:ty) => {
        match $value.data::<$data>() {
            Some(data) => data,
            None => return Err(crate::builtins::modules::support::wrong_self($vm, &$value.clone(), stringify!($data))),
        }
    };
}
pub(crate) use this;

/// Declares types as the data of native classes.
macro_rules! natives {
    ($($data:ty),* $(,)?) => {
        $(impl crate::object::instance::Native for $data {})*
    };
}
pub(crate) use natives;

/// The pairs of a `**kwargs` dict.
pub fn keywords(kwargs: &Value) -> Vec<Named> {
    let pairs = kwargs.as_dict().map(|dict| dict.pairs()).unwrap_or_default();
    pairs.into_iter().filter_map(|(key, value)| key.as_str().cloned().map(|key| (key, value))).collect()
}

/// The items of `*args`.
pub fn items(args: &Value) -> &[Value] {
    match args {
        Value::Tuple(items) => items,
        _ => &[],
    }
}

/// Functions that pages of the library need from the machine.
pub const HELPERS: &[Row] = &[
    native("_caller_module(default='__main__', /)", |vm, args| Ok(caller_module(vm, &args[0]))),
    // Classes that CPython has in C.
    native("_name_in_full(*classes)", |_, args| {
        for class in items(&args[0]) {
            if let Value::Class(class) = class {
                class.named_in_full.set(true);
            }
        }
        Ok(Value::None)
    }),
    // The module of the library whose page an entry of a traceback is of.
    native("_page_of(traceback, /)", |vm, args| {
        let Value::Traceback(entry) = &args[0] else { return Ok(Value::None) };
        let globals = entry.code.globals.borrow().upgrade().filter(|_| entry.code.source.library);
        Ok(Value::option(globals.and_then(|globals| vm.entry(&globals, sym::__name__))))
    }),
    // From now on the variables of frames that are not left yet are known as well.
    native("_observe_frames()", |vm, _| {
        vm.observe_all();
        Ok(Value::None)
    }),
    // In CPython the frame that an exception passed holds that of the page that called it.
    native("_keep_with(error, value, /)", |vm, args| {
        if let Value::Exception(exception) = &args[0] {
            vm.keep_with(&Error(exception.clone()), args[1].clone());
        }
        Ok(Value::None)
    }),
    // The text of a traceback, as the machine prints it when nothing has caught the exception.
    native("_format_exception(error, /)", |vm, args| match &args[0] {
        Value::Exception(exception) => Ok(Value::string(vm.report_exception_text(&Error(exception.clone())))),
        _ => Ok(Value::str("NoneType: None\n")),
    }),
    native("_is_module_folder(path, /)", |vm, args| Ok(Value::bool((vm.host.is_module_folder)(&path(&args[0]))))),
    // The modules in a folder, by name: (name, whether it is a package).
    native("_modules_in(path, /)", |vm, args| {
        let found = (vm.host.list_modules)(&path(&args[0])).map_err(|error| vm.os_error(&error))?;
        let pair = |(name, package)| Value::tuple(vec![Value::string(name), Value::bool(package)]);
        Ok(Value::list(found.into_iter().map(pair).collect()))
    }),
];

fn path(value: &Value) -> std::path::PathBuf {
    value.as_str().map(|path| path.as_str().into()).unwrap_or_default()
}

/// The name of the module whose code is running, the library's own aside.
pub fn caller_module(vm: &mut Vm, default: &Value) -> Value {
    let globals = vm.here().and_then(|(code, _)| code.globals.borrow().upgrade());
    let name = globals.and_then(|globals| vm.entry(&globals, sym::__name__));
    name.unwrap_or_else(|| default.clone())
}

/// How much deeper a page that stands for recursive C code may go: CPython's limit for that, at a few calls a level.
const DEEPER: u32 = 40_000;

/// For such pages.
pub(super) const DEEP: &[Row] = &[native("_deeply(function, object, /)", |vm, args| {
    let limit = vm.recursion_limit;
    vm.recursion_limit = limit.saturating_add(DEEPER);
    let result = vm.call(&args[0], &args[1..]);
    vm.recursion_limit = limit;
    result
})];
