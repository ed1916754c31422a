//! Warnings, as Python's `warnings` module shows them with its default filters.

use std::collections::HashSet;
use std::rc::Rc;

use crate::diagnostic::{Diagnostic, Label, Place, Severity};
use crate::machine::Vm;
use crate::machine::advice::call_of;
use crate::object::coroutine::Coroutine;
use crate::object::{Class, Result, Str};
use crate::report::{self, ErrorFormat};

/// What CPython adds to a warning about an object when it does not trace allocations.
const TRACEMALLOC: &str = "RuntimeWarning: Enable tracemalloc to get the object allocation traceback\n";

/// Which warnings were shown: one with the same text, category and line is shown once.
#[derive(Default)]
pub struct Shown {
    seen: HashSet<(String, String, String, u32)>,
}

impl Vm {
    /// Shows a warning at the place that is running.
    pub fn warn(&mut self, category: &Rc<Class>, message: &str) -> Result<()> {
        let place = self.here().map(|(code, span)| Place { source: code.source.clone(), span });
        self.show_warning(category, message, place, Vec::new(), Vec::new(), "");
        Ok(())
    }

    /// Shows a warning that the compiler has made.
    pub fn show_diagnostic(&mut self, warning: &Diagnostic) {
        let style = self.host.style;
        let text = report::diagnostic(warning, &style);
        self.write_err(&text);
    }

    fn show_warning(
        &mut self,
        category: &Rc<Class>,
        message: &str,
        place: Option<Place>,
        labels: Vec<Label>,
        helps: Vec<String>,
        trailer: &str,
    ) {
        let code = category.name.borrow().as_str().to_owned();
        let (file, line) =
            place.as_ref().map_or(("sys".to_owned(), 1), |p| (p.source.name.to_string(), p.source.line(p.span.start)));
        if !self.extension::<Shown>().seen.insert((message.to_owned(), code.clone(), file, line)) {
            return;
        }
        let style = self.host.style;
        if place.is_none() && style.format == ErrorFormat::Python {
            return self.write_err(&format!("sys:1: {code}: {message}\n"));
        }
        let diagnostic = Diagnostic {
            severity: Severity::Warning,
            code,
            message: message.to_owned(),
            place,
            labels,
            notes: Vec::new(),
            helps,
            finder: crate::diagnostic::Finder::Parser,
        };
        let mut text = report::diagnostic(&diagnostic, &style);
        if style.format == ErrorFormat::Python {
            text.push_str(trailer);
        }
        self.write_err(&text);
    }

    /// The warning for the awaitable of an asynchronous generator's method that died before it was awaited.
    pub fn warn_method_never_awaited(&mut self, method: &str, generator: &Str) {
        let category = self.types.RuntimeWarning.clone();
        let place = self.here().map(|(code, span)| Place { source: code.source.clone(), span });
        let message = format!("coroutine method '{method}' of '{}' was never awaited", generator.as_str());
        let helps = vec![format!("write `await` in front of `{method}(...)`")];
        self.show_warning(&category, &message, place, Vec::new(), helps, TRACEMALLOC);
    }

    /// The warning for a coroutine that died before it was started.
    pub fn warn_never_awaited(&mut self, coroutine: &Coroutine) {
        let qualname = coroutine.qualname.borrow().clone();
        let name = coroutine.name.borrow().clone();
        let category = self.types.RuntimeWarning.clone();
        let mut place = self.here().map(|(code, span)| Place { source: code.source.clone(), span });
        let mut call = name.as_str().to_owned();
        // CPython can only say where it died.
        if self.host.style.format != ErrorFormat::Python {
            place = self.origin(coroutine).or(place);
            if let Some(place) = &mut place {
                (place.span, call) = call_of(place, name.as_str());
            }
        }
        let helps = vec![format!(
            "write `await {call}(...)` to run it here and wait for its result, or `asyncio.create_task({call}(...))` to \
             let it run beside what follows"
        )];
        self.show_warning(
            &category,
            &format!("coroutine '{}' was never awaited", qualname.as_str()),
            place,
            Vec::new(),
            helps,
            TRACEMALLOC,
        );
    }
}
