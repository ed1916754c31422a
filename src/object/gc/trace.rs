//! What an object refers to, and how it is made to let go of it.
//!
//! **Invariant**: [`trace`] shows a reference as often as the object counts it, never more often; one that it does not
//! show keeps what it refers to alive.

use std::cell::RefCell;
use std::rc::Rc;

use crate::object::class::Class;
use crate::object::containers::Dict;
use crate::object::exception::Exception;
use crate::object::function::{Descriptor, Function};
use crate::object::iter::Iter;
use crate::object::value::Value;

/// Is shown each reference that an object holds.
pub type Visit<'a> = &'a mut dyn FnMut(&Value);

/// Shows the value in a cell.
pub fn trace_cell(value: &RefCell<Value>, visit: Visit) {
    if let Ok(value) = value.try_borrow() {
        visit(&value);
    }
}

/// Shows a counted pointer as the value it is part of.
pub fn link<T>(object: &Rc<T>, kind: fn(Rc<T>) -> Value, visit: Visit) {
    visit(&kind(object.clone()));
}

/// Shows the object in a cell, if there is one.
pub fn trace_option<T>(object: &RefCell<Option<Rc<T>>>, kind: fn(Rc<T>) -> Value, visit: Visit) {
    if let Ok(object) = object.try_borrow() {
        if let Some(object) = &*object {
            link(object, kind, visit);
        }
    }
}

/// Shows the values of a slice that nobody else shares.
pub fn unshared(values: &Rc<[Value]>, visit: Visit) {
    if Rc::strong_count(values) == 1 {
        values.iter().for_each(visit);
    }
}

/// Shows everything that an object refers to; lists and tuples from the end, as CPython does.
pub fn trace(value: &Value, visit: Visit) {
    match value {
        Value::List(x) => {
            if let Ok(items) = x.items.try_borrow() {
                items.iter().rev().for_each(visit);
            }
        }
        Value::Tuple(x) => x.iter().rev().for_each(visit),
        Value::Dict(x) => trace_dict(x, visit),
        Value::Set(x) => {
            if let Ok(table) = x.table.try_borrow() {
                table.iter().for_each(|entry| visit(&entry.key));
            }
        }
        Value::Slice(x) => [&x.start, &x.stop, &x.step].into_iter().for_each(visit),
        Value::Function(x) => trace_function(x, visit),
        Value::BoundMethod(x) => [&x.func, &x.this].into_iter().for_each(visit),
        Value::Descriptor(x) => match &**x {
            Descriptor::Property(p) => {
                if let Ok(parts) = p.parts.try_borrow() {
                    parts.functions.iter().chain([&parts.doc, &parts.name]).for_each(&mut *visit);
                }
            }
            Descriptor::ClassMethod(inner, attrs) | Descriptor::StaticMethod(inner, attrs) => {
                visit(inner);
                attrs.look(|attrs| attrs.trace(visit));
            }
            Descriptor::GetSet { doc, .. } => trace_cell(doc, visit),
            Descriptor::Slot { .. } => {}
        },
        Value::Class(x) => trace_class(x, visit),
        Value::Module(x) => link(&x.dict, Value::Dict, visit),
        Value::Cell(x) => trace_cell(&x.value, visit),
        Value::Frame(x) => {
            link(&x.globals, Value::Dict, visit);
            if let Some(extra) = x.extra.get() {
                link(extra, Value::Dict, visit);
            }
            trace_option(&x.function, Value::Function, visit);
            trace_cell(&x.locals, visit);
            if let Ok(slots) = x.slots.try_borrow() {
                slots.iter().for_each(&mut *visit);
            }
            trace_option(&x.back, Value::Frame, visit);
        }
        Value::Traceback(x) => {
            trace_option(&x.next, Value::Traceback, visit);
            trace_option(&x.frame, Value::Frame, visit);
        }
        Value::Coroutine(x) => x.trace(visit),
        Value::Awaiter(x) => {
            link(&x.target, Value::Coroutine, visit);
            trace_cell(&x.argument, visit);
        }
        Value::Iter(x) => match &**x {
            Iter::List { list, owner, .. } => {
                trace_option(list, Value::List, visit);
                trace_cell(owner, visit);
            }
            Iter::Tuple { tuple, .. } => trace_option(tuple, Value::Tuple, visit),
            Iter::Dict { dict, .. } => trace_option(dict, Value::Dict, visit),
            Iter::Set { set, .. } => trace_option(set, Value::Set, visit),
            Iter::Native { state, .. } => {
                if let Ok(state) = state.try_borrow() {
                    if let Some(state) = &*state {
                        state.trace(visit);
                    }
                }
            }
            Iter::Range { .. } | Iter::Str { .. } => {}
        },
        Value::Exception(x) => trace_exception(x, visit),
        Value::Instance(x) => x.trace(visit),
        _ => {}
    }
}

fn trace_dict(dict: &Dict, visit: Visit) {
    if let Ok(table) = dict.table.try_borrow() {
        for entry in table.iter() {
            visit(&entry.key);
            visit(&entry.value);
        }
    }
}

fn trace_function(function: &Function, visit: Visit) {
    link(&function.globals, Value::Dict, visit);
    for cell in &function.closure {
        link(cell, Value::Cell, visit);
    }
    if let Ok(defaults) = function.defaults.try_borrow() {
        unshared(&defaults, visit);
    }
    if let Ok(extra) = function.extra.try_borrow() {
        if let Some(extra) = &*extra {
            for dict in [&extra.kwdefaults, &extra.annotations].into_iter().flatten() {
                link(dict, Value::Dict, visit);
            }
            [&extra.doc, &extra.module, &extra.type_params].into_iter().flatten().for_each(&mut *visit);
            extra.attrs.trace(visit);
        }
    }
}

fn trace_class(class: &Class, visit: Visit) {
    link(&class.namespace, Value::Dict, visit);
    if let Some(metaclass) = class.metaclass.get() {
        link(metaclass, Value::Class, visit);
    }
    if let Ok(bases) = class.bases.try_borrow() {
        bases.iter().for_each(|base| link(base, Value::Class, visit));
    }
    if let Ok(ancestors) = class.ancestors.try_borrow() {
        if Rc::strong_count(&ancestors) == 1 {
            ancestors.iter().for_each(|base| link(base, Value::Class, visit));
        }
    }
    trace_option(&class.own, Value::Class, visit);
    class.trace_caches(visit);
}

fn trace_exception(exception: &Exception, visit: Visit) {
    if let Ok(class) = exception.class.try_borrow() {
        link(&class, Value::Class, visit);
    }
    trace_cell(&exception.args, visit);
    exception.attrs.look(|attrs| attrs.trace(visit));
    exception.own.look(|own| own.trace(visit));
    trace_option(&exception.traceback, Value::Traceback, visit);
    trace_option(&exception.cause, Value::Exception, visit);
    trace_option(&exception.context, Value::Exception, visit);
}

/// Makes an object that is garbage let go of what was stored into it.
pub(super) fn clear(value: &Value) {
    match value {
        Value::List(x) => drop(x.items.take()),
        Value::Dict(x) => {
            let old = x.table.borrow_mut().clear();
            drop(old);
        }
        Value::Set(x) => {
            let old = x.table.borrow_mut().clear();
            drop(old);
        }
        Value::Cell(x) => drop(x.value.take()),
        Value::Function(x) => {
            drop(x.extra.take());
            drop(x.defaults.replace(Rc::from([])));
        }
        Value::Class(x) => {
            x.clear_caches();
            drop(x.own.take());
        }
        Value::Frame(x) => {
            drop(x.slots.take());
            drop(x.function.take());
            drop(x.locals.take());
            drop(x.back.take());
        }
        Value::Traceback(x) => {
            drop(x.frame.take());
            drop(x.next.take());
        }
        Value::Coroutine(x) => x.clear(),
        Value::Awaiter(x) => drop(x.argument.take()),
        Value::Exception(x) => {
            drop(x.attrs.take());
            drop(x.own.take());
            drop(x.args.take());
            drop(x.traceback.take());
            drop(x.cause.take());
            drop(x.context.take());
        }
        Value::Instance(x) => {
            drop(x.attrs.take());
            if let Some(data) = x.native_data() {
                data.clear();
            }
        }
        _ => {}
    }
}
