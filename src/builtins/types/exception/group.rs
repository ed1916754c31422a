//! `BaseExceptionGroup` and `ExceptionGroup`.

use super::{class_arg, special, this};
use crate::builtins::prelude::*;
use crate::machine::attr::read_only;
use crate::object::Exception;

pub(super) fn install(vm: &mut Vm) {
    let base = vm.types.BaseExceptionGroup.clone();
    base.add_methods(METHODS);
    derive_from_both(vm);
}

const METHODS: &[Row] = &[
    static_method("__new__(cls, /, *args, **kwargs)", new),
    attribute("message", message, read_only),
    attribute(
        "exceptions",
        |vm, value| {
            let exception = this(vm, value)?;
            Ok(Value::option(vm.exception_attr(exception, sym::exceptions)))
        },
        read_only,
    ),
    // A group of other exceptions with the same message. Subclasses say themselves what they make of it.
    method("derive(excs, /)", |vm, args| {
        let message = message(vm, &args[0])?;
        let class = Value::Class(vm.types.BaseExceptionGroup.clone());
        vm.call(&class, &[message, args[1].clone()])
    }),
    of!("split(matcher_value, /)", Value::as_exception, |vm, exception, args| {
        let matcher = Matcher::new(vm, &args[1])?;
        let (matched, rest) = vm.partition_group(exception, &mut |vm, member| matcher.matches(vm, member), true)?;
        Ok(Value::tuple([Value::option(matched), Value::option(rest)]))
    }),
    of!("subgroup(matcher_value, /)", Value::as_exception, |vm, exception, args| {
        let matcher = Matcher::new(vm, &args[1])?;
        let (matched, _) = vm.partition_group(exception, &mut |vm, member| matcher.matches(vm, member), false)?;
        Ok(Value::option(matched))
    }),
    of!("__str__()", Value::as_exception, str),
    class_method("__class_getitem__(object, /)", special::class_getitem),
];

/// `ExceptionGroup` is an `Exception` as well.
fn derive_from_both(vm: &mut Vm) {
    let types = &vm.types;
    let class = types.ExceptionGroup.clone();
    let (group, exception) = (types.BaseExceptionGroup.clone(), types.Exception.clone());
    *class.bases.borrow_mut() = vec![group.clone(), exception.clone()];
    *class.ancestors.borrow_mut() =
        [group, exception.clone(), types.BaseException.clone(), types.object.clone()].into();
    exception.subclasses.borrow_mut().push(Rc::downgrade(&class));
    class.changed();
}

fn new(vm: &mut Vm, args: &[Value]) -> Result {
    let mut class = class_arg(vm, &args[0])?;
    let given = args[1].as_tuple().map(|given| given.to_vec()).unwrap_or_default();
    let [text, group] = &given[..] else {
        return Err(
            vm.type_error(format!("BaseExceptionGroup.__new__() takes exactly 2 arguments ({} given)", given.len()))
        );
    };
    if text.as_str().is_none() {
        let found = vm.argument_name(text);
        return Err(vm.type_error(format!("BaseExceptionGroup.__new__() argument 1 must be str, not {found}")));
    }
    let members = members(vm, group)?;
    let all_plain = members.iter().all(|member| member.is(&vm.types.Exception));
    let types = &vm.types;
    if Rc::ptr_eq(&class, &types.BaseExceptionGroup) {
        if all_plain {
            class = types.ExceptionGroup.clone();
        }
    } else if !all_plain && class.is_subclass(&types.Exception) {
        let plain = Rc::ptr_eq(&class, &types.ExceptionGroup);
        let shown = if plain { "an ExceptionGroup".to_owned() } else { format!("'{}'", class.name.borrow()) };
        return Err(vm.type_error(format!("Cannot nest BaseExceptions in {shown}")));
    }
    let exception = Rc::new(Exception::new(class, args[1].clone()));
    let error = Error(exception.clone());
    vm.set_exception_attr(&error, sym::message, text.clone());
    let members: Vec<Value> = members.into_iter().map(Value::Exception).collect();
    vm.set_exception_attr(&error, sym::exceptions, Value::tuple(members));
    Ok(Value::Exception(exception))
}

/// The members of a group to be.
fn members(vm: &mut Vm, group: &Value) -> Result<Vec<Rc<Exception>>> {
    let is_sequence = match group.unwrapped() {
        Value::List(_) | Value::Tuple(_) | Value::Str(_) | Value::Bytes(_) | Value::ByteArray(_) | Value::Range(_) => {
            true
        }
        Value::Instance(_) => vm.has_special(group, sym::__getitem__),
        _ => false,
    };
    if !is_sequence {
        return Err(vm.type_error("second argument (exceptions) must be a sequence"));
    }
    let items = vm.collect(group)?;
    if items.is_empty() {
        return Err(vm.value_error("second argument (exceptions) must be a non-empty sequence"));
    }
    let mut members = Vec::with_capacity(items.len());
    for (at, item) in items.iter().enumerate() {
        match item {
            Value::Exception(exception) => members.push(exception.clone()),
            _ => {
                let message = format!("Item {at} of second argument (exceptions) is not an exception");
                return Err(vm.value_error(message));
            }
        }
    }
    Ok(members)
}

fn message(vm: &mut Vm, value: &Value) -> Result {
    let exception = this(vm, value)?;
    Ok(Value::option(vm.exception_attr(exception, sym::message)))
}

fn str(vm: &mut Vm, exception: &Rc<Exception>, _: &[Value]) -> Result {
    vm.exception_str(exception).map(Value::string)
}

/// What `split` and `subgroup` look for.
enum Matcher {
    Classes(Vec<Rc<Class>>),
    Function(Value),
}

impl Matcher {
    fn new(vm: &mut Vm, value: &Value) -> Result<Matcher> {
        let exception_class = |vm: &Vm, value: &Value| match value {
            Value::Class(class) if class.is_subclass(&vm.types.BaseException) => Some(class.clone()),
            _ => None,
        };
        let found = match value {
            Value::Class(_) => exception_class(vm, value).map(|class| Matcher::Classes(vec![class])),
            Value::Tuple(items) => {
                items.iter().map(|item| exception_class(vm, item)).collect::<Option<_>>().map(Matcher::Classes)
            }
            other if vm.is_callable(other) => Some(Matcher::Function(other.clone())),
            _ => None,
        };
        found.ok_or_else(|| {
            vm.type_error("expected an exception type, a tuple of exception types, or a callable (other than a class)")
        })
    }

    fn matches(&self, vm: &mut Vm, exception: &Rc<Exception>) -> Result<bool> {
        match self {
            Matcher::Classes(classes) => Ok(classes.iter().any(|class| exception.is(class))),
            Matcher::Function(function) => {
                let answer = vm.call(function, &[Value::Exception(exception.clone())])?;
                vm.truth(&answer)
            }
        }
    }
}
