//! What a teacher would add to an error, told where it is raised, since only there the objects are at hand.
//!
//! **Invariant**: certain or silent. Nothing here changes what a program does; it is shown by `pretty` and `json` alone.

use std::rc::Rc;

use crate::diagnostic::{Label, Place};
use crate::machine::Vm;
use crate::object::code::{Code, CodeKind};
use crate::object::coroutine::{Coroutine, Kind};
use crate::object::{Error, Value};
use crate::report::ErrorFormat;
use crate::source::Span;
use crate::symbol::sym;
use crate::syntax;

/// An exception may go through any number of tasks; so many are remembered.
const TASKS_MAX: usize = 20;

impl Vm {
    /// Adds a sentence of help.
    #[cold]
    pub fn advise(&mut self, error: &Error, help: impl Into<String>) {
        error.0.remarks().helps.push(help.into());
    }

    /// If one of the operands is a coroutine, its result was meant.
    #[cold]
    pub fn advise_operands(&mut self, error: &Error, operands: &[&Value]) {
        for operand in operands {
            match operand {
                Value::Coroutine(coroutine) if coroutine.kind == Kind::Coroutine => {
                    let name = coroutine.name();
                    let help =
                        format!("`{0}(...)` makes a coroutine; `await {0}(...)` gives its result", name.as_str());
                    self.advise(error, help);
                    self.show_origin(error, coroutine);
                    return;
                }
                Value::Coroutine(generator) if generator.kind == Kind::AsyncGenerator => {
                    self.advise(error, "this is an asynchronous generator: go through it with `async for`");
                    return;
                }
                _ => {}
            }
        }
    }

    /// What `with` or `async with` was given is no context manager of that kind.
    #[cold]
    pub fn advise_managed(&mut self, error: &Error, manager: &Value, is_async: bool) {
        match manager {
            Value::Coroutine(coroutine) if is_async && coroutine.name().as_str() == "acquire" => {
                self.advise(error, "`async with` takes the lock itself, without `.acquire()`");
            }
            _ if is_async && self.has_special(manager, sym::__enter__) => {
                self.advise(error, "nothing is waited for here: write `with` alone");
            }
            _ if !is_async && self.has_special(manager, sym::__aenter__) => {
                self.advise(error, "entering and leaving this may wait: write `async with`");
            }
            _ => self.advise_operands(error, &[manager]),
        }
    }

    /// What `await` was given cannot be awaited.
    #[cold]
    pub fn advise_awaited(&mut self, error: &Error, value: &Value) {
        let help = match value {
            Value::None => {
                "what is awaited here is None: the function that returned it is not async, and has run already"
            }
            Value::Coroutine(generator) if generator.kind == Kind::AsyncGenerator => {
                "this is an asynchronous generator: go through it with `async for`"
            }
            Value::Function(function) if function.code.kind == CodeKind::Coroutine => {
                let help = format!("this is the function itself; call it: `await {}(...)`", function.name().as_str());
                return self.advise(error, help);
            }
            Value::List(_) | Value::Tuple(_) | Value::Set(_) => {
                let items = self.collect(value).unwrap_or_default();
                if items.is_empty() || !items.iter().all(|item| self.is_awaitable(item)) {
                    return;
                }
                "`await asyncio.gather(*...)` runs all of them and waits for their results"
            }
            _ => return,
        };
        self.advise(error, help);
    }

    fn is_awaitable(&mut self, value: &Value) -> bool {
        match value {
            Value::Coroutine(coroutine) => coroutine.kind == Kind::Coroutine,
            _ => self.class_of(value).awaiting.get().is_some() || self.has_special(value, sym::__await__),
        }
    }

    /// A coroutine that ran, or runs, is awaited again.
    #[cold]
    pub fn advise_reuse(&mut self, error: &Error, coroutine: &Coroutine) {
        let name = coroutine.name();
        self.advise(
            error,
            format!(
                "a coroutine runs once: call `{0}(...)` again for a new one, or make it a task, \
                 `asyncio.create_task({0}(...))`, which can be awaited as often as you like",
                name.as_str()
            ),
        );
        self.show_origin(error, coroutine);
    }

    /// What should have been a coroutine is none.
    #[cold]
    pub fn advise_coroutine_expected(&mut self, error: &Error, value: &Value) {
        match value {
            Value::Function(function) if function.code.kind == CodeKind::Coroutine => {
                let help = format!("this is the function itself; call it: `{}(...)`", function.name().as_str());
                self.advise(error, help);
            }
            Value::None => self.advise(error, "this is None, which a function that is not async returned"),
            _ => {}
        }
    }

    /// The exception ended a task: remembers which part of the traceback is that task's.
    pub fn note_task(&mut self, error: &Error, name: &Value) {
        let Some(name) = name.as_str() else { return };
        if self.host.style.format == ErrorFormat::Python || error.0.remarks().tasks.len() >= TASKS_MAX {
            return;
        }
        let mut depth = 0;
        let mut link = error.0.traceback.borrow().clone();
        while let Some(entry) = link {
            depth += 1;
            link = entry.next.borrow().clone();
        }
        error.0.remarks().tasks.push((depth, name.as_str().into()));
    }

    fn show_origin(&mut self, error: &Error, coroutine: &Coroutine) {
        // Where the coroutine was made in the expression that failed, there is nothing to add.
        let label = self.origin(coroutine).map(|place| Label { place, text: "the coroutine was made here".to_owned() });
        error.0.remarks().labels.extend(label);
    }

    /// The script's own functions among the calls that led to a coroutine, innermost first, each with its line.
    pub fn origin_places(&self, origins: &[(u32, Span)]) -> Vec<(Rc<Code>, u32)> {
        let known = origins.iter().filter_map(|&(code, span)| Some((self.code_by_id(code)?, span)));
        let own = known.filter(|(code, _)| !code.source.library);
        own.map(|(code, span)| (code.clone(), code.source.line(span.start))).collect()
    }

    /// The call that made a coroutine.
    pub fn origin(&self, coroutine: &Coroutine) -> Option<Place> {
        let (code, span) = coroutine.origin.get()?;
        let source = self.code_by_id(code)?.source.clone();
        if source.library {
            return None;
        }
        let (span, _) = call_of(&Place { source: source.clone(), span }, coroutine.name().as_str());
        Some(Place { source, span })
    }
}

/// The call of a function by this name in a statement, if there is just one, and what is called; else all of it.
pub(super) fn call_of(place: &Place, name: &str) -> (Span, String) {
    let Place { source, span } = place;
    match syntax::calls_within(source, *span, name).as_slice() {
        [(call, func)] => (*call, source.text.get(func.range()).unwrap_or(name).to_owned()),
        _ => (*span, name.to_owned()),
    }
}
