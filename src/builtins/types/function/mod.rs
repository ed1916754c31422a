//! Functions, methods, built-in functions and modules as objects; code, frames and cells are in [`code`].

mod code;

use super::special::member;
use super::{text_argument, type_::unpack, wrong_receiver};
use crate::builtins::prelude::*;
use crate::machine::attr::{bound, read_only};
use crate::object::function::{FunctionExtra, release_defaults};
use crate::object::native::{NativeFunction, RowKind};
use crate::object::{BoundMethod, Function};
use crate::source::Source;
use crate::symbol::Symbol;

pub fn install(vm: &mut Vm) {
    let types = &vm.types;
    let tables = [
        (types.function.clone(), FUNCTION),
        (types.method.clone(), METHOD),
        (types.builtin_function_or_method.clone(), NATIVE),
        (types.builtin_function_or_method.clone(), COMPARED),
        (types.builtin_function_or_method.clone(), BUILTIN),
        (types.method_wrapper.clone(), NATIVE),
        (types.method_wrapper.clone(), COMPARED),
        (types.method_wrapper.clone(), METHOD_WRAPPER),
        (types.method_descriptor.clone(), NATIVE),
        (types.method_descriptor.clone(), METHOD_DESCRIPTOR),
        (types.wrapper_descriptor.clone(), NATIVE),
        (types.wrapper_descriptor.clone(), METHOD_DESCRIPTOR),
        (types.classmethod_descriptor.clone(), NATIVE),
        (types.classmethod_descriptor.clone(), METHOD_DESCRIPTOR),
        (types.module.clone(), MODULE),
    ];
    for (class, rows) in tables {
        class.add_methods(rows);
    }
    code::install(vm);
}

/// `callable(*args, **kwargs)` as a method.
fn call(vm: &mut Vm, args: &[Value]) -> Result {
    let (positional, named) = unpack(vm, &args[1], &args[2]);
    vm.call_kw(&args[0], &positional, &named)
}

const FUNCTION: &[Row] = &[
    static_method("__new__(cls, code, globals, name=None, argdefs=None, closure=None, kwdefaults=None)", new_function),
    method("__call__(*args, **kwargs)", call),
    method("__get__(instance, owner=None, /)", |vm, args| {
        function(vm, &args[0])?;
        match args[1].given() {
            Some(instance) => Ok(bound(&args[0], instance)),
            None if args[2].given().is_none() => Err(vm.type_error("__get__(None, None) is invalid")),
            None => Ok(args[0].clone()),
        }
    }),
    method("__repr__()", |vm, args| vm.repr(&args[0]).map(Value::Str)),
    attribute(
        "__name__",
        |vm, this| Ok(Value::Str(function(vm, this)?.name())),
        |vm, this, new| {
            let text = new_text(vm, &new, "__name__")?;
            function(vm, this)?.with_extra(|extra| extra.name = Some(text));
            Ok(())
        },
    ),
    attribute(
        "__qualname__",
        |vm, this| Ok(Value::Str(function(vm, this)?.qualname())),
        |vm, this, new| {
            let text = new_text(vm, &new, "__qualname__")?;
            function(vm, this)?.with_extra(|extra| extra.qualname = Some(text));
            Ok(())
        },
    ),
    attribute("__doc__", get_doc, |vm, this, new| {
        let new = Value::option(new.bound());
        replace(vm, this, |extra| extra.doc.replace(new))
    }),
    attribute("__module__", get_module, |vm, this, new| {
        let new = Value::option(new.bound());
        replace(vm, this, |extra| extra.module.replace(new))
    }),
    attribute(
        "__defaults__",
        |vm, this| {
            let function = function(vm, this)?;
            let defaults = function.defaults.borrow().clone();
            let empty = || function.extra.borrow().as_ref().is_some_and(|extra| extra.empty_defaults);
            Ok(if defaults.is_empty() && !empty() { Value::None } else { Value::tuple(defaults.to_vec()) })
        },
        set_defaults,
    ),
    attribute(
        "__kwdefaults__",
        |vm, this| {
            let function = function(vm, this)?;
            let found = function.extra.borrow().as_ref().and_then(|extra| extra.kwdefaults.clone());
            Ok(found.map_or(Value::None, Value::Dict))
        },
        set_kwdefaults,
    ),
    attribute(
        "__annotations__",
        |vm, this| {
            let function = function(vm, this)?;
            evaluate_annotations(vm, &function)?;
            let dict = function.with_extra(|extra| extra.annotations.get_or_insert_default().clone());
            Ok(Value::Dict(dict))
        },
        set_annotations,
    ),
    attribute(
        "__type_params__",
        |vm, this| {
            let function = function(vm, this)?;
            let params = function.extra.borrow().as_ref().and_then(|extra| extra.type_params.clone());
            Ok(params.unwrap_or_else(|| Value::tuple(Vec::new())))
        },
        |vm, this, new| {
            if !matches!(new, Value::Tuple(_)) {
                return Err(vm.type_error("__type_params__ must be set to a tuple"));
            }
            replace(vm, this, |extra| extra.type_params.replace(new))
        },
    ),
    attribute(
        "__dict__",
        |vm, this| {
            let this = Value::Function(function(vm, this)?);
            Ok(vm.instance_dict(&this).map_or(Value::None, Value::Dict))
        },
        set_dict,
    ),
    attribute("__code__", get_code, set_code),
    attribute("__globals__", |vm, this| Ok(Value::Dict(function(vm, this)?.globals.clone())), read_only),
    attribute("__closure__", get_closure, read_only),
    attribute(
        "__builtins__",
        |vm, this| {
            let globals = function(vm, this)?.globals.clone();
            Ok(vm.own_builtins(&globals).unwrap_or_else(|| Value::Dict(vm.builtins.clone())))
        },
        read_only,
    ),
];

fn function(vm: &mut Vm, value: &Value) -> Result<Rc<Function>> {
    match value {
        Value::Function(function) => Ok(function.clone()),
        Value::Native(native) if native.is_written() => written(vm, native),
        other => Err(wrong_receiver(vm, other)),
    }
}

/// A function with the name and the parameters of a native that looks like one.
pub(super) fn written(vm: &mut Vm, native: &NativeFunction) -> Result<Rc<Function>> {
    if let Some(known) = native.written.get() {
        return Ok(known.clone());
    }
    let class = owner(native);
    let module = match &class {
        Some(class) => class.lookup(vm.name(sym::__module__)).unwrap_or_default(),
        None => native.module.clone().map_or(Value::None, Value::Str),
    };
    let first = match native.row.kind {
        RowKind::Method(_) => "self, ",
        RowKind::ClassMethod(_) => "cls, ",
        _ => "",
    };
    let keyword = if native.row.is_async() { "async def" } else { "def" };
    let inside =
        native.row.signature.split_once('(').map_or(")", |(_, inside)| inside).replace("<unrepresentable>", "None");
    let class = class.map(|class| format!("{}.", class.qualname.borrow().as_str())).unwrap_or_default();
    let qualname = format!("{class}{}", native.row.name());
    let made = defined(vm, module, keyword, &qualname, &format!("{first}{inside}"))?;
    if let Some(doc) = native.row.doc {
        made.with_extra(|extra| extra.doc = Some(Value::str(doc)));
    }
    Ok(native.written.get_or_init(|| made).clone())
}

/// A function or method of a module of the library that does nothing.
pub(super) fn defined(vm: &mut Vm, module: Value, keyword: &str, qualname: &str, params: &str) -> Result<Rc<Function>> {
    let path = module.as_str().map_or(String::new(), |name| format!("{}.py", name.as_str().replace('.', "/")));
    let globals = Rc::new(Dict::new());
    vm.set_entry(&globals, sym::__name__, module);
    let (around, name) = qualname.rsplit_once('.').unwrap_or(("", qualname));
    let classes: String = around.split_terminator('.').map(|class| format!("class {class}: ")).collect();
    let definition = format!("{keyword} {name}({params}: pass\n");
    let text = if around.is_empty() { definition } else { format!("{}\n {definition}", classes.trim_end()) };
    vm.run_source(&Source::library(&path, &text), &globals)?;
    let mut found = Value::Dict(globals);
    for part in qualname.split('.') {
        let part = vm.intern(part);
        found = match &found {
            Value::Class(class) => class.dict().get_str(&part),
            found => found.as_dict().and_then(|dict| dict.get_str(&part)),
        }
        .unwrap_or_default();
    }
    match &found {
        Value::Function(made) => Ok(made.clone()),
        // What `__class_getitem__` and `__init_subclass__` become.
        Value::Descriptor(made) => match &**made {
            crate::object::function::Descriptor::ClassMethod(Value::Function(made), ..) => Ok(made.clone()),
            _ => Err(vm.system_error("a definition defined nothing")),
        },
        _ => Err(vm.system_error("a definition defined nothing")),
    }
}

fn new_text(vm: &mut Vm, new: &Value, name: &str) -> Result<Rc<Str>> {
    match new.as_str() {
        Some(text) => Ok(text.clone()),
        None => Err(vm.type_error(format!("{name} must be set to a string object"))),
    }
}

/// Puts something in place of something else, which is freed when nothing is borrowed any more.
fn replace<T>(vm: &mut Vm, this: &Value, change: impl FnOnce(&mut FunctionExtra) -> T) -> Result<()> {
    let old = function(vm, this)?.with_extra(change);
    drop(old);
    Ok(())
}

fn get_doc(vm: &mut Vm, this: &Value) -> Result {
    let function = function(vm, this)?;
    let set = function.extra.borrow().as_ref().and_then(|extra| extra.doc.clone());
    Ok(set.or_else(|| function.code.doc.clone()).unwrap_or(Value::None))
}

fn get_module(vm: &mut Vm, this: &Value) -> Result {
    let function = function(vm, this)?;
    let set = function.extra.borrow().as_ref().and_then(|extra| extra.module.clone());
    Ok(Value::option(set.or_else(|| vm.entry(&function.globals, sym::__name__))))
}

fn set_defaults(vm: &mut Vm, this: &Value, new: Value) -> Result<()> {
    let items = match (&new, new.as_tuple()) {
        (Value::None | Value::Unbound, _) => Vec::new(),
        (_, Some(items)) => items.to_vec(),
        _ => return Err(vm.type_error("__defaults__ must be set to a tuple object")),
    };
    let function = function(vm, this)?;
    let empty = items.is_empty() && new.as_tuple().is_some();
    if empty || function.extra.borrow().is_some() {
        function.with_extra(|extra| extra.empty_defaults = empty);
    }
    let mut old = function.defaults.replace(items.into());
    release_defaults(&mut old);
    Ok(())
}

fn set_kwdefaults(vm: &mut Vm, this: &Value, new: Value) -> Result<()> {
    let dict = match (&new, new.as_dict()) {
        (Value::None | Value::Unbound, _) => None,
        (_, Some(dict)) => Some(dict.clone()),
        _ => return Err(vm.type_error("__kwdefaults__ must be set to a dict object")),
    };
    replace(vm, this, |extra| std::mem::replace(&mut extra.kwdefaults, dict))
}

/// Those of a page are worked out when they are asked for: the module `typing` takes longer to load than most pages.
fn evaluate_annotations(vm: &mut Vm, function: &Function) -> Result<()> {
    let source = &function.code.source;
    if !source.library || !source.future_annotations.get() {
        return Ok(());
    }
    let done = function.with_extra(|extra| std::mem::replace(&mut extra.annotations_evaluated, true));
    let texts = function.with_extra(|extra| extra.annotations.clone());
    if let (false, Some(texts)) = (done, texts) {
        let globals = Value::Dict(function.globals.clone());
        let values = vm.call_page("typing", "_evaluated", &[Value::Dict(texts), globals])?;
        function.with_extra(|extra| extra.annotations = values.as_dict().cloned());
    }
    Ok(())
}

fn set_annotations(vm: &mut Vm, this: &Value, new: Value) -> Result<()> {
    let dict = match (&new, new.as_dict()) {
        (Value::None | Value::Unbound, _) => None,
        (_, Some(dict)) => Some(dict.clone()),
        _ => return Err(vm.type_error("__annotations__ must be set to a dict object")),
    };
    replace(vm, this, |extra| std::mem::replace(&mut extra.annotations, dict))
}

fn set_dict(vm: &mut Vm, this: &Value, new: Value) -> Result<()> {
    let Some(dict) = new.as_dict().cloned() else {
        if new.is_unbound() {
            return Err(vm.type_error("cannot delete __dict__"));
        }
        return Err(vm.type_error(format!("__dict__ must be set to a dictionary, not a '{}'", vm.type_name(&new))));
    };
    replace(vm, this, |extra| extra.attrs.set_dict(dict))
}

fn get_code(vm: &mut Vm, this: &Value) -> Result {
    let code = function(vm, this)?.current_code();
    Ok(Value::Code(vm.observed_code(&code).unwrap_or(code)))
}

fn set_code(vm: &mut Vm, this: &Value, new: Value) -> Result<()> {
    let Value::Code(new) = new else { return Err(vm.type_error("__code__ must be set to a code object")) };
    let function = function(vm, this)?;
    let (wanted, found) = (function.closure.len(), new.free.len());
    if wanted != found {
        let name = function.name();
        let message = format!("{name}() requires a code object with {wanted} free vars, not {found}");
        return Err(vm.value_error(message));
    }
    if new.kind != function.current_code().kind {
        let message = "Assigning a code object of non-matching type is deprecated (e.g., from a generator to a plain \
                       function)";
        vm.warn(vm.types.DeprecationWarning.clone(), message)?;
    }
    // Cells are handed over by the order of their names.
    let mut cells = function.closure.to_vec();
    for (from, to) in code::free_order(&function.code).into_iter().zip(code::free_order(&new)) {
        cells[to] = function.closure[from].clone();
    }
    function.code.replace();
    new.runs_in(&function.globals);
    let old = function.with_extra(|extra| extra.code.replace((new, cells.into())));
    drop(old);
    Ok(())
}

fn get_closure(vm: &mut Vm, this: &Value) -> Result {
    let function = function(vm, this)?;
    if function.closure.is_empty() {
        return Ok(Value::None);
    }
    let order = code::free_order(&function.code);
    let cells: Vec<Value> =
        order.into_iter().filter_map(|at| function.closure.get(at)).map(|cell| Value::Cell(cell.clone())).collect();
    Ok(Value::tuple(cells))
}

fn new_function(vm: &mut Vm, args: &[Value]) -> Result {
    let [_, code, globals, name, defaults, closure, kwdefaults] = args else { return Ok(Value::Unbound) };
    let Value::Code(code) = code else {
        return Err(vm.type_error(format!("function() argument 'code' must be code, not {}", vm.argument_name(code))));
    };
    let Some(globals) = globals.as_dict() else {
        return Err(vm.type_error(format!("function() argument 'globals' must be dict, not {}", vm.type_name(globals))));
    };
    let wrong = |value: &Value, right: bool| !value.is_none() && !right;
    let wanted = [
        (3, "name", "string", wrong(name, name.as_str().is_some())),
        (4, "defaults", "tuple", wrong(defaults, defaults.as_tuple().is_some())),
        (5, "closure", "tuple", wrong(closure, closure.as_tuple().is_some())),
        (6, "kwdefaults", "dict", wrong(kwdefaults, kwdefaults.as_dict().is_some())),
    ];
    if let Some((at, what, kind, _)) = wanted.into_iter().find(|(.., wrong)| *wrong) {
        return Err(vm.type_error(format!("arg {at} ({what}) must be None or {kind}")));
    }
    let given = closure.as_tuple().map(|items| items.to_vec()).unwrap_or_default();
    let mut cells = Vec::new();
    for item in &given {
        match item {
            Value::Cell(cell) => cells.push(cell.clone()),
            _ if given.len() != code.free.len() => {}
            other => {
                return Err(vm.type_error(format!("arg 5 (closure) expected cell, found {}", vm.type_name(other))));
            }
        }
    }
    if given.len() != code.free.len() {
        let message = if closure.is_none() {
            "arg 5 (closure) must be tuple".to_owned()
        } else {
            format!("{} requires closure of length {}, not {}", code.name, code.free.len(), given.len())
        };
        return Err(if closure.is_none() { vm.type_error(message) } else { vm.value_error(message) });
    }
    let mut ordered = cells.clone();
    for (cell, at) in cells.into_iter().zip(code::free_order(code)) {
        ordered[at] = cell;
    }
    code.runs_in(globals);
    let made = Function {
        code: code.clone(),
        globals: globals.clone(),
        closure: ordered.into_boxed_slice(),
        defaults: RefCell::new(Rc::from([])),
        extra: RefCell::new(None),
        mark: Default::default(),
    };
    if let Some(name) = name.given() {
        let name = new_text(vm, name, "__name__")?;
        made.with_extra(|extra| extra.name = Some(name));
    }
    let made = Value::Function(Rc::new(made));
    set_defaults(vm, &made, defaults.clone())?;
    if !kwdefaults.is_none() {
        set_kwdefaults(vm, &made, kwdefaults.clone())?;
    }
    Ok(made)
}

const METHOD: &[Row] = &[
    static_method("__new__(cls, function, instance, /)", |vm, args| {
        if !vm.is_callable(&args[1]) {
            return Err(vm.type_error("first argument must be callable"));
        }
        if args[2].is_none() {
            return Err(vm.type_error("instance must not be None"));
        }
        Ok(bound(&args[1], &args[2]))
    }),
    method("__call__(*args, **kwargs)", call),
    method("__get__(instance, owner=None, /)", |_, args| Ok(args[0].clone())),
    method("__repr__()", |vm, args| vm.repr(&args[0]).map(Value::Str)),
    method("__eq__(value, /)", equal),
    method("__hash__()", |vm, args| vm.hash(&args[0]).map(Value::Int)),
    // What a method does not have itself it has from its function.
    method("__getattr__(name, /)", |vm, args| {
        let name = super::object::attribute_name(vm, &args[1])?;
        let func = bound_method(vm, &args[0])?.func.clone();
        vm.get_attr(&func, &name)
    }),
    member("__self__", |vm, this| Ok(bound_method(vm, this)?.this.clone())),
    member("__func__", |vm, this| Ok(bound_method(vm, this)?.func.clone())),
    getter("__doc__", |vm, this| of_function(vm, this, sym::__doc__)),
    getter("__module__", |vm, this| of_function(vm, this, sym::__module__)),
];

fn bound_method<'a>(vm: &mut Vm, value: &'a Value) -> Result<&'a Rc<BoundMethod>> {
    match value {
        Value::BoundMethod(method) => Ok(method),
        other => Err(wrong_receiver(vm, other)),
    }
}

fn of_function(vm: &mut Vm, this: &Value, name: Symbol) -> Result {
    let func = bound_method(vm, this)?.func.clone();
    let name = vm.name(name).clone();
    vm.get_attr(&func, &name)
}

fn equal(vm: &mut Vm, args: &[Value]) -> Result {
    let found = vm.builtin_compare(crate::syntax::ast::CmpOp::Eq, &args[0], &args[1])?;
    Ok(found.unwrap_or(Value::NotImplemented))
}

fn name(vm: &mut Vm, this: &Value) -> Result {
    Ok(Value::Str(native(vm, this)?.name.clone()))
}

/// Built-in functions and methods, bound or not.
const NATIVE: &[Row] = &[
    method("__call__(*args, **kwargs)", call),
    method("__repr__()", |vm, args| vm.repr(&args[0]).map(Value::Str)),
    getter("__qualname__", |vm, this| {
        let native = native(vm, this)?;
        let name = native.name.as_str();
        let class = match this {
            // One that stands for a function of the library has its whole name.
            Value::BoundMethod(_) if owner(&native).is_none() => None,
            Value::BoundMethod(method) if !native.is_wrapper() => Some(match &method.this {
                Value::Class(class) => class.clone(),
                other => vm.class_of(other),
            }),
            _ => owner(&native),
        };
        Ok(match class {
            Some(class) => Value::string(format!("{}.{name}", class.qualname.borrow())),
            None => Value::str(name),
        })
    }),
    // How it is called, if there is nothing else to say of it.
    getter("__doc__", |vm, this| {
        let row = &native(vm, this)?.row;
        Ok(row.doc.map_or_else(|| Value::string(row.signature.replace("=<unrepresentable>", "=...")), Value::str))
    }),
    getter("__text_signature__", |vm, this| {
        let native = native(vm, this)?;
        let inside = native.row.signature.split_once('(').map_or("", |(_, inside)| inside);
        if matches!(native.row.kind, RowKind::StaticMethod(_)) && native.name.as_str() == "__new__" {
            return Ok(Value::str("($type, *args, **kwargs)"));
        }
        if native.name.as_str() == "__init__" {
            return Ok(Value::str("($self, /, *args, **kwargs)"));
        }
        let first = if matches!(native.row.kind, RowKind::ClassMethod(_)) { "$type" } else { "$self" };
        Ok(Value::string(match (native.takes_self(), inside.starts_with(')')) {
            (false, _) => format!("({inside}"),
            (true, true) => format!("({first}, /{inside}"),
            (true, false) if inside.contains("/") => format!("({first}, {inside}"),
            (true, false) => format!("({first}, /, {inside}"),
        }))
    }),
    method("__reduce__()", |vm, args| {
        let owner = match &args[0] {
            Value::BoundMethod(method) => Some(method.this.clone()),
            other => {
                let native = native(vm, other)?;
                if matches!(native.row.kind, RowKind::ClassMethod(_)) && owner(&native).is_some() {
                    return Err(vm.type_error("cannot pickle 'classmethod_descriptor' object"));
                }
                owner(&native).map(Value::Class)
            }
        };
        let Some(owner) = owner else { return vm.get_attr(&args[0], sym::__qualname__) };
        let [getattr, name] = ["getattr", "__name__"].map(|name| vm.intern(name));
        let getattr = Value::option(vm.builtins.get_str(&getattr));
        let name = vm.get_attr(&args[0], &name)?;
        Ok(Value::tuple([getattr, Value::tuple([owner, name])]))
    }),
];

/// What is equal if it is the same function of the same object.
const COMPARED: &[Row] =
    &[method("__eq__(value, /)", equal), method("__hash__()", |vm, args| vm.hash(&args[0]).map(Value::Int))];

const BUILTIN: &[Row] = &[
    getter("__name__", name),
    getter("__module__", |vm, this| Ok(native(vm, this)?.module.clone().map_or(Value::None, Value::Str))),
    getter("__self__", |vm, this| match this {
        Value::BoundMethod(method) => Ok(method.this.clone()),
        other => {
            let native = native(vm, other)?;
            Ok(match (owner(&native), &native.module) {
                (Some(class), _) => Value::Class(class),
                (None, Some(module)) => Value::option(vm.modules.get_str(module)),
                (None, None) => Value::None,
            })
        }
    }),
];

const METHOD_WRAPPER: &[Row] = &[
    getter("__name__", name),
    member("__self__", |vm, this| Ok(bound_method(vm, this)?.this.clone())),
    member("__objclass__", |vm, this| Ok(owner(&*native(vm, this)?).map_or(Value::None, Value::Class))),
];

const METHOD_DESCRIPTOR: &[Row] = &[
    member("__name__", name),
    member("__objclass__", |vm, this| Ok(owner(&*native(vm, this)?).map_or(Value::None, Value::Class))),
    method("__get__(instance, owner=None, /)", |vm, args| {
        let instance = args[1].given();
        let native = native(vm, &args[0])?;
        if let (RowKind::ClassMethod(_), Some(owner)) = (&native.row.kind, owner(&native)) {
            return class_method_of(vm, args, &owner, &native.name);
        }
        let class = match (&args[2], instance) {
            (Value::Class(class), _) => class.clone(),
            (_, Some(instance)) => vm.class_of(instance),
            (_, None) => return Err(vm.type_error("__get__(None, None) is invalid")),
        };
        vm.bind(&args[0], instance, &class)
    }),
];

/// What a class method of a built-in type is to a class: the one given, or that of the object given.
fn class_method_of(vm: &mut Vm, args: &[Value], owner: &Rc<Class>, name: &str) -> Result {
    let class = match (&args[2], args[1].given()) {
        (Value::Class(class), _) => class.clone(),
        (Value::None | Value::Unbound, Some(instance)) => vm.class_of(instance),
        (Value::None | Value::Unbound, None) => return Err(vm.type_error("__get__(None, None) is invalid")),
        (other, _) => {
            let (owner, other) = (owner.name.borrow().clone(), vm.type_name(other));
            let message = format!("descriptor '{name}' for type '{owner}' needs a type, not a '{other}' as arg 2");
            return Err(vm.type_error(message));
        }
    };
    if !class.is_subclass(owner) {
        let (owner, given) = (owner.name.borrow().clone(), class.name.borrow().clone());
        let message = format!("descriptor '{name}' requires a subtype of '{owner}' but received '{given}'");
        return Err(vm.type_error(message));
    }
    vm.bind(&args[0], args[1].given(), &class)
}

fn native(vm: &mut Vm, value: &Value) -> Result<Rc<NativeFunction>> {
    match value {
        Value::Native(native) => Ok(native.clone()),
        Value::BoundMethod(method) => match &method.func {
            Value::Native(native) => Ok(native.clone()),
            other => Err(wrong_receiver(vm, other)),
        },
        other => Err(wrong_receiver(vm, other)),
    }
}

/// The class that a built-in method belongs to.
fn owner(native: &NativeFunction) -> Option<Rc<Class>> {
    match native.row.kind {
        RowKind::Function(_) => None,
        _ => native.owner.borrow().as_ref().and_then(std::rc::Weak::upgrade),
    }
}

const MODULE: &[Row] = &[
    static_method("__new__(cls, /, *args, **kwargs)", |vm, args| {
        let dict = Rc::new(Dict::new());
        crate::object::gc::register(&dict);
        let module = Rc::new(Module::new(vm.intern("?"), dict, None));
        let Value::Class(class) = &args[0] else { return Ok(Value::Module(module)) };
        Ok(vm.wrap(&class.clone(), Value::Module(module)))
    }),
    method("__init__(name, doc=None)", |vm, args| {
        let name = text_argument(vm, &args[1], "module", "'name'")?;
        if let Value::Module(module) = args[0].unwrapped() {
            let entries = [(sym::__name__, Value::Str(name.clone())), (sym::__doc__, args[2].clone())];
            let empty = [sym::__package__, sym::__loader__, sym::__spec__].map(|name| (name, Value::None));
            for (key, value) in entries.into_iter().chain(empty) {
                module.dict.set_str(&vm.name(key).clone(), value);
            }
            drop(module.name.replace(name.clone()));
        }
        Ok(Value::None)
    }),
    method("__repr__()", |vm, args| vm.repr(args[0].unwrapped()).map(Value::Str)),
    method("__dir__()", |vm, args| {
        let names = vm.default_dir(&args[0]);
        Ok(Value::list(names.into_iter().map(Value::Str).collect()))
    }),
    method("__getattribute__(name, /)", |vm, args| {
        let name = super::object::attribute_name(vm, &args[1])?;
        match &args[0] {
            module @ Value::Module(_) => vm.get_attr(module, &name),
            this => {
                let class = vm.class_of(this);
                match vm.object_attr(this, &class, &name)? {
                    Some(found) => Ok(found),
                    None => vm.missing_attr(this, &name),
                }
            }
        }
    }),
    member("__dict__", |vm, this| match this.unwrapped() {
        Value::Module(module) => Ok(Value::Dict(module.dict.clone())),
        other => Err(wrong_receiver(vm, other)),
    }),
    attribute("__annotations__", module_annotations, |vm, this, new| {
        let Value::Module(module) = this.unwrapped() else {
            return Err(wrong_receiver(vm, this));
        };
        let name = vm.name(sym::__annotations__).clone();
        let old = match new.bound() {
            Some(new) => module.dict.set_str(&name, new),
            None => module.dict.remove_str(&name),
        };
        drop(old);
        Ok(())
    }),
];

fn module_annotations(vm: &mut Vm, this: &Value) -> Result {
    let Value::Module(module) = this.unwrapped() else {
        return Err(wrong_receiver(vm, this));
    };
    let name = vm.name(sym::__annotations__).clone();
    if let Some(found) = module.dict.get_str(&name) {
        return Ok(found);
    }
    let empty = Value::dict(Dict::new());
    module.dict.set_str(&name, empty.clone());
    Ok(empty)
}
