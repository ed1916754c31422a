//! How futures, tasks, handles, coroutines and callbacks present themselves.

use super::handles::Handle;
use crate::builtins::prelude::*;
use crate::object::code::Code;
use crate::object::coroutine::{Coroutine, Kind, State};
use crate::source::Span;

/// `<Future pending cb=[...]>`, `<Task finished name='Task-1' coro=<...> result=3>`.
pub fn future_repr(vm: &mut Vm, this: &Value) -> Result {
    let Some(address) = this.address() else { return Ok(Value::str("<Future>")) };
    if vm.repr_guard.contains(&address) {
        return Ok(Value::str("..."));
    }
    vm.repr_guard.push(address);
    let text = vm.nested(|vm| vm.call_page("asyncio", "_future_repr", std::slice::from_ref(this)));
    vm.repr_guard.pop();
    text
}

/// `<Handle f() at x.aio:3>`.
pub fn handle_repr(vm: &mut Vm, this: &Value) -> Result {
    match this.data::<Handle>().and_then(|handle| handle.shown.borrow().clone()) {
        Some(kept) => Ok(Value::Str(kept)),
        None => vm.call_page("asyncio", "_handle_repr", std::slice::from_ref(this)),
    }
}

/// A callback with the place where it is defined.
pub fn callback_source(vm: &mut Vm, func: &Value, args: &[Value], debug: bool) -> Result<String> {
    let describe = vm.from_page("asyncio", "_format_callback_source")?;
    let debug = (vm.intern("debug"), Value::bool(debug));
    let text = vm.call_kw(&describe, &[func.clone(), Value::tuple(args)], &[debug])?;
    Ok(text.as_str().map(|text| text.as_str().to_owned()).unwrap_or_default())
}

/// `f() running at x.aio:3`, `f() done, defined at x.aio:1`.
pub fn coroutine(vm: &mut Vm, coro: &Value) -> Result<String> {
    let name = match coro {
        Value::Coroutine(coroutine) if coroutine.kind == Kind::Coroutine || coroutine.code.is_some() => {
            coroutine.qualname()
        }
        _ => {
            let mut found = None;
            for name in [sym::__qualname__, sym::__name__] {
                let name = vm.name(name).clone();
                if let (None, Some(Value::Str(text))) = (&found, vm.get_attr_opt(coro, &name)?) {
                    found = Some(text);
                }
            }
            found.unwrap_or_else(|| Rc::new(Str::new(format!("<{} without __name__>", vm.class_name(coro)))))
        }
    };
    let Value::Coroutine(coroutine) = coro else { return Ok(format!("{name}()")) };
    match &coroutine.code {
        Some(code) if !code.source.library => {
            let file = &code.source.name;
            Ok(match line(vm, coroutine) {
                Some(line) => format!("{name}() running at {file}:{line}"),
                None => format!("{name}() done, defined at {file}:{}", code.first_line()),
            })
        }
        _ if coroutine.state.get() == State::Running => Ok(format!("{name}() running")),
        _ => Ok(format!("{name}()")),
    }
}

/// The line a coroutine stands at; `None` if it is done.
pub fn line(vm: &Vm, coroutine: &Coroutine) -> Option<u32> {
    let code = coroutine.code.as_ref()?;
    match coroutine.state.get() {
        State::Finished => None,
        // One that waits in the chain of the one that runs stands somewhere, too.
        State::Suspended | State::Running => match coroutine.standing() {
            Some((_, span)) => Some(code.source.line(span.start)),
            None => {
                let site = vm.calls.iter().rev().find(|site| site.code == code.id.get());
                Some(site.map_or_else(|| code.first_line(), |site| code.source.line(site.span.start)))
            }
        },
        State::Created => Some(code.first_line()),
    }
}

/// Where a call is made, outermost first: tuples of file, line, function and the line's text.
pub fn stack(vm: &Vm) -> Value {
    stack_of(&vm.frames_under_way())
}

/// The same for a handle, which remembers CPython's innermost 10 frames; `of_loop` of them are the loop's that makes it.
pub fn handle_stack(vm: &Vm, of_loop: usize) -> Value {
    let frames = vm.frames_with_library();
    let from = frames.len().saturating_sub(10 - of_loop);
    stack_of(&frames[from..].iter().flatten().cloned().collect::<Vec<_>>())
}

fn stack_of(frames: &[(Rc<Code>, Span)]) -> Value {
    // Lines of all of them are read.
    frames.iter().for_each(|(code, _)| code.source.shown.set(true));
    let entries = frames.iter().filter(|(code, _)| !code.source.library).map(|(code, span)| {
        let line = code.source.line(span.start);
        let text = code.source.line_text(line).unwrap_or_default().trim();
        Value::tuple([
            Value::str(&code.source.name),
            Value::Int(i64::from(line)),
            Value::Str(code.name.clone()),
            Value::str(text),
        ])
    });
    Value::list(entries.collect())
}

/// What [`stack`] returned, as scripts see it: `None` outside debug mode.
pub fn summary(vm: &mut Vm, source: &Value) -> Result {
    if source.as_list().is_none() {
        return Ok(Value::None);
    }
    let class = vm.from_page("traceback", "StackSummary")?;
    vm.call_method(&class, "from_list", std::slice::from_ref(source))
}

/// `<Lock object at 0x... [locked, waiters:1]>` and the like: what `object.__repr__` says, with details.
pub fn with_details(vm: &mut Vm, this: &Value, details: &str) -> Result {
    let class = vm.class_of(this);
    let qualname = class.qualname.borrow().as_str().to_owned();
    let module = match vm.class_lookup(&class, sym::__module__) {
        Some(Value::Str(module)) => module.as_str().to_owned(),
        _ => "builtins".to_owned(),
    };
    Ok(Value::string(format!("<{module}.{qualname} object at {:#x} [{details}]>", this.id())))
}
