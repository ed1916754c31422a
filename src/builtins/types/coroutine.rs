//! Generators, coroutines, asynchronous generators, and the awaiters that stand for one operation on them.

use std::collections::HashMap;

use super::special;
use crate::builtins::prelude::*;
use crate::builtins::types::receiver;
use crate::builtins::types::special::member;
use crate::machine::coroutine::awaiter;
use crate::machine::frames::kept_view;
use crate::machine::links::awaited_object;
use crate::object::Function;
use crate::object::coroutine::{Awaiter, AwaiterState, Body, Coroutine, Kind, Operation, Resume, State};
use crate::object::frame::FrameView;

pub fn install(vm: &mut Vm) {
    let types = &vm.types;
    let tables: [(Rc<Class>, &[&[Row]]); 6] = [
        (types.generator.clone(), &[NAMES, RESUMED, ITERATOR, GENERATOR]),
        (types.coroutine.clone(), &[NAMES, RESUMED, COROUTINE]),
        (types.async_generator.clone(), &[NAMES, ASYNC_GENERATOR]),
        (types.coroutine_wrapper.clone(), &[AWAITER]),
        (types.async_generator_asend.clone(), &[AWAITER, AWAITABLE]),
        (types.async_generator_athrow.clone(), &[AWAITER, AWAITABLE]),
    ];
    for (class, rows) in &tables {
        for rows in *rows {
            class.add_methods(rows);
        }
    }
}

const NAMES: &[Row] = &[
    attribute("__name__", name, set_name),
    attribute("__qualname__", |vm, value| Ok(Value::Str(this(vm, value)?.qualname())), set_qualname),
    class_method("__class_getitem__(object, /)", special::class_getitem),
    method("__repr__()", special::repr),
    of!("__del__()", Value::as_coroutine, |vm, coroutine, _| {
        vm.finalize_coroutine(coroutine.clone());
        Ok(Value::None)
    }),
];

/// What generators and coroutines share.
const RESUMED: &[Row] = &[
    of!("send(object, /)", Value::as_coroutine, |vm, coroutine, args| vm.generator_send(coroutine, args[1].clone())),
    of!(
        "throw(type, value=<unrepresentable>, traceback=<unrepresentable>, /)",
        Value::as_coroutine,
        |vm, coroutine, args| {
            warn_about_three(vm, "throw", args)?;
            let error = match vm.exception_to_throw(&args[1], &args[2], &args[3]) {
                Err(refused) if !takes_anything(vm, coroutine)? => return Err(refused),
                Ok(error) | Err(error) => error,
            };
            vm.throw_given(&args[1..], error, |vm, error| vm.generator_throw(coroutine, error))
        }
    ),
    of!("close()", Value::as_coroutine, |vm, coroutine, _| { vm.generator_close(coroutine) }),
];

const ITERATOR: &[Row] = &[
    method("__iter__()", itself),
    of!("__next__()", Value::as_coroutine, |vm, coroutine, _| { vm.generator_send(coroutine, Value::None) }),
];

const GENERATOR: &[Row] = &[
    getter("gi_frame", frame),
    getter("gi_running", running),
    getter("gi_suspended", suspended),
    getter("gi_code", code),
    getter("gi_yieldfrom", awaited),
];

const COROUTINE: &[Row] = &[
    of!("__await__()", Value::as_coroutine, |_, coroutine, _| Ok(awaiter(coroutine, Operation::Await, Value::None))),
    getter("cr_frame", frame),
    getter("cr_running", running),
    getter("cr_suspended", suspended),
    getter("cr_code", code),
    getter("cr_await", awaited),
    member("cr_origin", origin),
];

const ASYNC_GENERATOR: &[Row] = &[
    method("__aiter__()", itself),
    of!("__anext__()", Value::as_coroutine, |vm, generator, _| {
        vm.hook_async_generator(generator)?;
        Ok(awaiter(generator, Operation::Send, Value::None))
    }),
    of!("asend(object, /)", Value::as_coroutine, |vm, generator, args| {
        vm.hook_async_generator(generator)?;
        Ok(awaiter(generator, Operation::Send, args[1].clone()))
    }),
    of!(
        "athrow(type=<unrepresentable>, value=<unrepresentable>, traceback=<unrepresentable>, /)",
        Value::as_coroutine,
        |vm, generator, args| {
            warn_about_three(vm, "athrow", args)?;
            vm.hook_async_generator(generator)?;
            let given: Vec<Value> = args[1..].iter().filter(|arg| !arg.is_unbound()).cloned().collect();
            Ok(awaiter(generator, Operation::Throw, Value::tuple(given)))
        }
    ),
    of!("aclose()", Value::as_coroutine, |vm, generator, _| {
        vm.hook_async_generator(generator)?;
        Ok(awaiter(generator, Operation::Close, Value::None))
    }),
    getter("ag_frame", frame),
    member("ag_running", |vm, value| Ok(Value::bool(this(vm, value)?.running_async.get()))),
    getter("ag_suspended", suspended),
    getter("ag_code", code),
    getter("ag_await", awaited),
];

const AWAITER: &[Row] = &[
    method("__iter__()", itself),
    of!("__next__()", Value::as_awaiter, |vm, awaiter, _| { vm.awaiter_resume(awaiter, Resume::Send(Value::None)) }),
    of!("send(object, /)", Value::as_awaiter, |vm, awaiter, args| {
        vm.awaiter_resume(awaiter, Resume::Send(args[1].clone()))
    }),
    of!(
        "throw(type, value=<unrepresentable>, traceback=<unrepresentable>, /)",
        Value::as_awaiter,
        |vm, awaiter, args| {
            let error = thrown(vm, "throw", args).or_else(|error| {
                // What cannot be thrown ends it as well.
                match (awaiter.operation, awaiter.state.get()) {
                    (Operation::Await, _) => Err(error),
                    (_, AwaiterState::Created) => {
                        awaiter.state.set(AwaiterState::Done);
                        Err(error)
                    }
                    _ => Ok(error),
                }
            })?;
            vm.awaiter_resume(awaiter, Resume::Throw(error))
        }
    ),
    of!("close()", Value::as_awaiter, awaiter_close),
];

const AWAITABLE: &[Row] = &[method("__await__()", itself)];

receiver!(this: Coroutine);

fn itself(_: &mut Vm, args: &[Value]) -> Result {
    Ok(args[0].clone())
}

fn name(vm: &mut Vm, value: &Value) -> Result {
    Ok(Value::Str(this(vm, value)?.name()))
}

fn set_name(vm: &mut Vm, value: &Value, new: Value) -> Result<()> {
    let new = text(vm, "__name__", &new)?;
    this(vm, value)?.with_extra(|extra| extra.name = Some(new));
    Ok(())
}

fn set_qualname(vm: &mut Vm, value: &Value, new: Value) -> Result<()> {
    let new = text(vm, "__qualname__", &new)?;
    this(vm, value)?.with_extra(|extra| extra.qualname = Some(new));
    Ok(())
}

fn text(vm: &mut Vm, what: &str, value: &Value) -> Result<Rc<Str>> {
    match value.as_str() {
        Some(text) => Ok(text.clone()),
        None => Err(vm.type_error(format!("{what} must be set to a string object"))),
    }
}

/// The exception that the arguments of `throw` mean; more than one of them is the old way to say it.
fn thrown(vm: &mut Vm, what: &str, args: &[Value]) -> Result<Error> {
    warn_about_three(vm, what, args)?;
    vm.exception_to_throw(&args[1], &args[2], &args[3])
}

/// Whether what makes no exception goes to an iterator that a generator delegates to and that has a `throw` of its own.
fn takes_anything(vm: &mut Vm, coroutine: &Rc<Coroutine>) -> Result<bool> {
    let mut inner = Value::Coroutine(coroutine.clone());
    while let Value::Coroutine(coroutine) = inner {
        inner = awaited_object(vm, &coroutine)?;
    }
    Ok(!inner.is_none() && vm.get_attr_opt(&inner, sym::throw)?.is_some())
}

fn warn_about_three(vm: &mut Vm, what: &str, args: &[Value]) -> Result<()> {
    if args[2].is_unbound() {
        return Ok(());
    }
    let message =
        format!("the (type, exc, tb) signature of {what}() is deprecated, use the single-arg signature instead.");
    vm.warn(vm.types.DeprecationWarning.clone(), &message)
}

fn running(vm: &mut Vm, value: &Value) -> Result {
    Ok(Value::bool(this(vm, value)?.state.get() == State::Running))
}

fn suspended(vm: &mut Vm, value: &Value) -> Result {
    Ok(Value::bool(this(vm, value)?.state.get() == State::Suspended))
}

fn code(vm: &mut Vm, value: &Value) -> Result {
    let coroutine = this(vm, value)?;
    match &coroutine.code {
        Some(code) => Ok(Value::Code(code.clone())),
        None => Ok(library_function(vm, coroutine)?.map_or(Value::None, |function| Value::Code(function.code.clone()))),
    }
}

/// The functions that coroutines of the library are made by, as ones written in the language, by `__qualname__`.
#[derive(Default)]
struct Makers(HashMap<&'static str, Rc<Function>>);

fn library_function(vm: &mut Vm, coroutine: &Coroutine) -> Result<Option<Rc<Function>>> {
    if coroutine.code.is_some() || coroutine.kind != Kind::Coroutine {
        return Ok(None);
    }
    let qualname = *coroutine.native_name;
    if let Some(known) = vm.extension::<Makers>().0.get(qualname) {
        return Ok(Some(known.clone()));
    }
    let mut found = Value::Unbound;
    for module in ["asyncio", "asyncio.locks"] {
        found = vm.loaded(module).unwrap_or_default();
        for part in qualname.split('.') {
            if !found.is_unbound() {
                found = vm.get_attr_opt(&found, part)?.unwrap_or_default();
            }
        }
        if !found.is_unbound() {
            break;
        }
    }
    let made = match &found {
        Value::Native(native) if native.is_written() => super::function::written(vm, native)?,
        _ => {
            let qualname = qualname.rsplit("<locals>.").next().unwrap_or(qualname);
            super::function::defined(vm, Value::str("asyncio.tasks"), "async def", qualname, "awaitable)")?
        }
    };
    vm.extension::<Makers>().0.insert(qualname, made.clone());
    Ok(Some(made))
}

fn awaited(vm: &mut Vm, value: &Value) -> Result {
    let coroutine = this(vm, value)?;
    let found = awaited_object(vm, coroutine)?;
    // What a future is awaited by is an object of its own in CPython.
    match &found {
        Value::Instance(instance) if instance.class().awaiting.get().is_some() => {
            Ok(vm.call_special(&found, sym::__await__, &[])?.unwrap_or(found))
        }
        _ => Ok(found),
    }
}

/// Where it was created: not tracked.
fn origin(vm: &mut Vm, value: &Value) -> Result {
    let Value::Coroutine(coroutine) = value else { return Ok(Value::None) };
    let Some(origins) = coroutine.extra(|extra| extra.origins.clone()) else { return Ok(Value::None) };
    let entries = vm.origin_places(&origins).into_iter().map(|(code, line)| {
        let (file, name) = (Value::str(&code.source.name), Value::Str(code.name.clone()));
        Value::tuple([file, Value::Int(i64::from(line)), name])
    });
    Ok(Value::tuple(entries.collect::<Vec<_>>()))
}

/// A picture of the parked frame, or of the one of its code among those under way; `None` when it is done.
fn frame(vm: &mut Vm, value: &Value) -> Result {
    let coroutine = this(vm, value)?;
    if coroutine.state.get() == State::Finished {
        return Ok(Value::None);
    }
    if let Some(function) = library_function(vm, coroutine)? {
        let view = FrameView::new(function.code.clone(), function.globals.clone(), function.code.head_span());
        return Ok(Value::Frame(Rc::new(view)));
    }
    let under_way = vm.running_view(coroutine);
    let Some((function, span)) = coroutine.standing() else {
        let Some(view) = under_way else { return Ok(Value::None) };
        *view.owner.borrow_mut() = Rc::downgrade(coroutine);
        return Ok(Value::Frame(view));
    };
    let code = function.code.clone();
    let span = if coroutine.state.get() == State::Created { code.head_span() } else { span };
    let back = under_way.and_then(|own| own.back.borrow().clone());
    if let Some(view) = kept_view(coroutine) {
        view.span.set(span);
        *view.owner.borrow_mut() = Rc::downgrade(coroutine);
        let old = view.back.replace(back);
        drop(old);
        return Ok(Value::Frame(view));
    }
    let slots = coroutine.look(|body| match body {
        Body::Frame(frame, _) => frame.locals.to_vec(),
        _ => Vec::new(),
    });
    let seen = coroutine.extra(|extra| extra.view.upgrade());
    let view = seen.unwrap_or_else(|| Rc::new(FrameView::new(code, function.globals.clone(), span)));
    coroutine.with_extra(|extra| extra.view = Rc::downgrade(&view));
    view.span.set(span);
    *view.owner.borrow_mut() = Rc::downgrade(coroutine);
    let old =
        (view.back.replace(back), view.slots.replace(slots), view.locals.take(), view.function.replace(Some(function)));
    drop(old);
    Ok(Value::Frame(view))
}

fn awaiter_close(vm: &mut Vm, awaiter: &Rc<Awaiter>, _: &[Value]) -> Result {
    if awaiter.operation == Operation::Await {
        return vm.generator_close(&awaiter.target);
    }
    match awaiter.state.get() {
        AwaiterState::Done => {}
        AwaiterState::Created | AwaiterState::Started => {
            let exit = vm.new_error(vm.types.GeneratorExit.clone(), Vec::new());
            match vm.awaiter_resume(awaiter, Resume::Throw(exit)) {
                Ok(_) => return Err(vm.runtime_error("coroutine ignored GeneratorExit")),
                Err(e)
                    if e.is(&vm.types.GeneratorExit)
                        || e.is(&vm.types.StopIteration)
                        || e.is(&vm.types.StopAsyncIteration) => {}
                Err(e) => return Err(e),
            }
        }
    }
    Ok(Value::None)
}
