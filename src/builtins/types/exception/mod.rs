//! `BaseException` and the classes under it: construction, attributes, text.
//!
//! What an exception class has besides `args` is kept among the exception's attributes under its own name; where the
//! arguments say it all (`StopIteration.value`) it is read from them.

mod group;
mod members;

use super::special;
use crate::builtins::prelude::*;
use crate::builtins::types::receiver;
use crate::object::Exception;
use crate::symbol::Symbol;

pub fn install(vm: &mut Vm) {
    let base = vm.types.BaseException.clone();
    base.add_methods(METHODS);
    let cancelled = vm.types.CancelledError.clone();
    let module = vm.name(sym::__module__).clone();
    cancelled.set(&module, Value::str("asyncio.exceptions"));
    members::install(vm);
    group::install(vm);
}

const METHODS: &[Row] = &[
    static_method("__new__(cls, /, *args, **kwargs)", new),
    method("__init__(*args, **kwargs)", init),
    attribute("args", |vm, value| Ok(this(vm, value)?.args.borrow().clone()), set_args),
    attribute(
        "__traceback__",
        |vm, value| Ok(this(vm, value)?.traceback.borrow().clone().map_or(Value::None, Value::Traceback)),
        set_traceback,
    ),
    attribute(
        "__cause__",
        |vm, value| Ok(this(vm, value)?.cause.borrow().clone().map_or(Value::None, Value::Exception)),
        set_cause,
    ),
    attribute(
        "__context__",
        |vm, value| Ok(this(vm, value)?.context.borrow().clone().map_or(Value::None, Value::Exception)),
        set_context,
    ),
    attribute(
        "__suppress_context__",
        |vm, value| Ok(Value::bool(this(vm, value)?.suppress_context.get())),
        set_suppress_context,
    ),
    method("with_traceback(object, /)", |vm, args| {
        set_traceback(vm, &args[0], args[1].clone())?;
        Ok(args[0].clone())
    }),
    method("add_note(object, /)", add_note),
    method("__str__()", str),
    method("__repr__()", special::repr),
    of!("__reduce__()", Value::as_exception, reduce),
    method("__setstate__(object, /)", set_state),
];

receiver!(this: Exception);

/// The class that `__new__` is asked for an instance of.
fn class_arg(vm: &mut Vm, value: &Value) -> Result<Rc<Class>> {
    match value {
        Value::Class(class) => Ok(class.clone()),
        other => {
            Err(vm.type_error(format!("BaseException.__new__(X): X is not a type object ({})", vm.type_name(other))))
        }
    }
}

fn new(vm: &mut Vm, args: &[Value]) -> Result {
    let base = vm.types.BaseException.clone();
    let class = match &args[0] {
        Value::Class(class) if class.is_subclass(&base) => class.clone(),
        other => super::new_class(vm, other, &base)?,
    };
    Ok(Value::Exception(Rc::new(Exception::new(class, args[1].clone()))))
}

fn init(vm: &mut Vm, args: &[Value]) -> Result {
    no_keywords(vm, &args[0], &args[2])?;
    let old = this(vm, &args[0])?.args.replace(args[1].clone());
    drop(old);
    Ok(Value::None)
}

fn no_keywords(vm: &mut Vm, exception: &Value, keywords: &Value) -> Result<()> {
    if keywords.as_dict().is_some_and(|keywords| !keywords.is_empty()) {
        return Err(vm.type_error(format!("{}() takes no keyword arguments", vm.type_name(exception))));
    }
    Ok(())
}

fn set_args(vm: &mut Vm, value: &Value, new: Value) -> Result<()> {
    if new.is_unbound() {
        return Err(vm.type_error("args may not be deleted"));
    }
    let items = vm.collect(&new)?;
    let old = this(vm, value)?.args.replace(Value::tuple(items));
    drop(old);
    Ok(())
}

fn set_traceback(vm: &mut Vm, value: &Value, new: Value) -> Result<()> {
    let new = match new {
        Value::None => None,
        Value::Traceback(traceback) => Some(traceback),
        Value::Unbound => return Err(vm.type_error("__traceback__ may not be deleted")),
        _ => return Err(vm.type_error("__traceback__ must be a traceback or None")),
    };
    let exception = this(vm, value)?;
    exception.raised.set(false);
    let old = exception.traceback.replace(new);
    drop(old);
    Ok(())
}

/// An exception or `None`, as causes and contexts are.
fn link(vm: &mut Vm, name: &str, new: Value) -> Result<Option<Rc<Exception>>> {
    match new {
        Value::None => Ok(None),
        Value::Exception(exception) => Ok(Some(exception)),
        Value::Unbound => Err(vm.type_error(format!("__{name}__ may not be deleted"))),
        _ => Err(vm.type_error(format!("exception {name} must be None or derive from BaseException"))),
    }
}

fn set_cause(vm: &mut Vm, value: &Value, new: Value) -> Result<()> {
    let new = link(vm, "cause", new)?;
    let exception = this(vm, value)?;
    exception.suppress_context.set(true);
    let old = exception.cause.replace(new);
    drop(old);
    Ok(())
}

fn set_context(vm: &mut Vm, value: &Value, new: Value) -> Result<()> {
    let new = link(vm, "context", new)?;
    let old = this(vm, value)?.context.replace(new);
    drop(old);
    Ok(())
}

fn set_suppress_context(vm: &mut Vm, value: &Value, new: Value) -> Result<()> {
    match new {
        Value::Bool(suppress) => this(vm, value)?.suppress_context.set(suppress.get()),
        Value::Unbound => return Err(vm.type_error("can't delete numeric/char attribute")),
        _ => return Err(vm.type_error("attribute value type must be bool")),
    }
    Ok(())
}

fn add_note(vm: &mut Vm, args: &[Value]) -> Result {
    if args[1].as_str().is_none() {
        return Err(vm.type_error(format!("note must be a str, not '{}'", vm.type_name(&args[1]))));
    }
    let name = vm.name(sym::__notes__).clone();
    match vm.get_attr_opt(&args[0], &name)? {
        None => vm.set_attr(&args[0], &name, Value::list(vec![args[1].clone()]))?,
        Some(notes) => match notes.as_list() {
            Some(list) => list.push(args[1].clone()),
            None => return Err(vm.type_error("Cannot add note: __notes__ is not a list")),
        },
    }
    Ok(Value::None)
}

/// `BaseException.__str__`: the arguments, whatever the class makes of them.
fn str(vm: &mut Vm, args: &[Value]) -> Result {
    let exception = this(vm, &args[0])?;
    let text = match &exception.args()[..] {
        [] => return Ok(Value::str("")),
        [arg] => vm.str(arg)?,
        given => vm.repr(&Value::tuple(given))?,
    };
    Ok(Value::Str(text))
}

fn reduce(vm: &mut Vm, exception: &Rc<Exception>, _: &[Value]) -> Result {
    let class = Value::Class(exception.class.borrow().clone());
    let mut given = exception.args.borrow().clone();
    if exception.is(&vm.types.OSError) && exception.args().len() == 2 {
        let attr = |name| vm.exception_attr(exception, name).filter(|value: &Value| !value.is_none());
        if let Some(file) = attr(sym::filename) {
            let mut all = exception.args().to_vec();
            all.push(file);
            all.extend(attr(sym::filename2).into_iter().flat_map(|second| [Value::None, second]));
            given = Value::tuple(all);
        }
    }
    let state = state(vm, exception)?;
    Ok(Value::tuple([vec![class, given], if state.is_none() { Vec::new() } else { vec![state] }].concat()))
}

/// What is kept of an exception beside its class and arguments; `None` for nothing.
pub(super) fn state(vm: &mut Vm, exception: &Rc<Exception>) -> Result {
    let mut state = exception.attrs.look(|attrs| attrs.pairs());
    let is_attribute_error = exception.is(&vm.types.AttributeError);
    let more: &[Symbol] = match () {
        () if is_attribute_error => &[sym::name],
        () if exception.is(&vm.types.ImportError) => &[sym::name, sym::path, sym::name_from],
        () => &[],
    };
    for &name in more {
        if let Some(value) = vm.exception_attr(exception, name).filter(|value| !value.is_none()) {
            state.push((Value::Str(vm.name(name).clone()), value));
        }
    }
    if is_attribute_error {
        state.push((Value::Str(vm.name(sym::args).clone()), exception.args.borrow().clone()));
    }
    if state.is_empty() { Ok(Value::None) } else { vm.dict_from_pairs(state) }
}

fn set_state(vm: &mut Vm, args: &[Value]) -> Result {
    match args[1].as_dict() {
        Some(state) => {
            for (key, value) in state.pairs() {
                let Some(name) = key.as_str() else {
                    return Err(vm.type_error(format!("attribute name must be string, not '{}'", vm.type_name(&key))));
                };
                vm.set_attr(&args[0], name, value)?;
            }
        }
        None if args[1].is_none() => {}
        None => return Err(vm.type_error("state is not a dictionary")),
    }
    Ok(Value::None)
}
