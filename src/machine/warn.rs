//! The interpreter's own warnings: shown as Python's default filters say, or as the module `warnings` decides once it is
//! loaded.

use std::borrow::Borrow;
use std::collections::HashSet;

use super::prelude::*;
use crate::diagnostic::{Diagnostic, Finder, Place, Severity};
use crate::machine::advice::{made_async, not_awaited_by_python};
use crate::report::{self, ErrorFormat};
use crate::source::Source;
use crate::syntax::{Fate, calls_within};

/// What CPython adds to a warning about an object when it does not trace allocations.
const TRACEMALLOC: &str = "RuntimeWarning: Enable tracemalloc to get the object allocation traceback\n";

/// Which warnings were shown: one with the same text, category and line is shown once.
#[derive(Default)]
pub struct Shown {
    seen: HashSet<(String, String, String, u32)>,
    /// Whether one was shown for which CPython imports `tracemalloc`.
    traced: bool,
}

/// What is hidden unless a script or the command line asks for it; of the first, only what `__main__` does is shown.
const QUIET: [&str; 4] = ["DeprecationWarning", "PendingDeprecationWarning", "ImportWarning", "ResourceWarning"];

/// The modules that import `warnings` in CPython.
const WITH_WARNINGS: [&str; 13] = [
    "asyncio", "concurrent.futures", "doctest", "logging", "pathlib", "queue", "secrets", "subprocess", "tempfile",
    "threading", "traceback", "unittest", "warnings",
];

/// A warning about to be shown.
struct Warning<'a> {
    category: &'a Rc<Class>,
    message: &'a str,
    place: Option<Place>,
    /// The module that runs there.
    module: String,
    helps: Vec<String>,
    /// What CPython's own format adds.
    trailer: &'static str,
}

impl Vm {
    /// Shows a warning at the place that is running.
    ///
    /// # Errors
    /// The warning itself, if a filter says so.
    pub fn warn(&mut self, category: impl Borrow<Rc<Class>>, message: &str) -> Result<()> {
        let category = category.borrow();
        let (place, module) = self.place_of_warning();
        self.show_warning(Warning { category, message, place, module, helps: Vec::new(), trailer: "" })
    }

    /// Where a script runs now, and which module warns: that may be one of the library that the script has called.
    fn place_of_warning(&mut self) -> (Option<Place>, String) {
        let under_way = self.frames_under_way();
        let Some((code, span)) = under_way.into_iter().rev().find(|(code, _)| !code.source.library) else {
            return (None, "sys".to_owned());
        };
        let name = self.name(sym::__name__).clone();
        let innermost = self.calls.last().and_then(|site| self.code_by_id(site.code));
        let module =
            innermost.as_ref().unwrap_or(&code).globals.borrow().upgrade().and_then(|globals| globals.get_str(&name));
        let module = module.as_ref().and_then(Value::as_str).map_or("__main__".to_owned(), |name| name.to_string());
        (Some(Place { source: code.source.clone(), span }), module)
    }

    /// Shows a warning that the compiler has made.
    ///
    /// # Errors
    /// If a filter makes an error of it: that error.
    pub fn show_diagnostic(&mut self, warning: &Diagnostic) -> std::result::Result<(), Box<Diagnostic>> {
        let name = self.intern(&warning.code);
        let category = match self.builtins.get_str(&name) {
            Some(Value::Class(class)) => class,
            _ => self.types.SyntaxWarning.clone(),
        };
        let mut said = std::borrow::Cow::Borrowed(warning);
        if let (ErrorFormat::Python, Finder::FString(end)) = (self.host.style.format, warning.finder) {
            // CPython knows where the whole text ends.
            said.to_mut().place.iter_mut().for_each(|place| place.span = end);
        }
        let (file, line) = place_parts(said.place.as_ref());
        match self.passes_filters(&category, &warning.message, &file, line, None) {
            Ok(true) => {
                // CPython repeats itself where it compiles a part of a statement twice.
                let shown = (warning.message.clone(), warning.code.clone(), file.clone(), line);
                let is_given = said.place.as_ref().is_some_and(|place| place.source.given);
                if is_given && self.host.style.format == ErrorFormat::Python {
                    said.to_mut().place = Some(self.line_by_name(&file, line));
                }
                if self.host.style.format == ErrorFormat::Python || self.extension::<Shown>().seen.insert(shown) {
                    self.draw(&said);
                }
                Ok(())
            }
            Ok(false) => Ok(()),
            Err(_) => {
                let mut error = Diagnostic { severity: Severity::Error, code: "SyntaxError".into(), ..warning.clone() };
                if let (Some(place), Finder::FString(end)) = (&mut error.place, error.finder) {
                    place.span = end;
                    error.finder = Finder::Parser;
                }
                Err(Box::new(error))
            }
        }
    }

    /// The beginning of the line that `linecache` has under a name and a number.
    fn line_by_name(&mut self, name: &str, line: u32) -> Place {
        let found = self.call_page("linecache", "getline", &[Value::str(name), Value::Int(line.into())]);
        let found = found.ok().and_then(|found| found.as_str().map(|text| text.to_string())).unwrap_or_default();
        let before = "\n".repeat((line as usize).saturating_sub(1));
        let start = before.len() as u32;
        let mut source = Source::with(name, &(before + &found));
        source.unreadable = found.is_empty();
        Place { source: Rc::new(source), span: Span { start, end: start } }
    }

    /// The text of a warning about a line that is only read to show it.
    pub(super) fn heard_again(&mut self, warning: &Diagnostic) -> Option<String> {
        let end = match warning.finder {
            Finder::FString(end) => Some(end),
            _ => warning.place.as_ref().map(|place| place.span),
        };
        let line = warning.place.as_ref()?.source.line(end?.start);
        let category = self.types.SyntaxWarning.clone();
        let shown = self.passes_filters(&category, &warning.message, "<unknown>", line, None).ok()?;
        shown.then(|| format!("<unknown>:{line}: SyntaxWarning: {}\n", warning.message))
    }

    /// Shows a diagnostic in the user's format.
    pub fn draw(&mut self, diagnostic: &Diagnostic) {
        let style = self.host.style;
        let text = report::diagnostic(diagnostic, &style);
        diagnostic.place.iter().for_each(|place| place.source.shown.set(true));
        self.write_report(&text);
    }

    /// Whether a warning of the interpreter's own is to be shown by it. The compiler's have no module, and are shown
    /// every time.
    fn passes_filters(
        &mut self,
        category: &Rc<Class>,
        message: &str,
        file: &str,
        line: u32,
        module: Option<&str>,
    ) -> Result<bool> {
        let loaded = self.loaded("warnings");
        if loaded.is_none() && self.host.warnings.is_empty() {
            let code = category.name.borrow().to_string();
            let quiet = QUIET.contains(&code.as_str()) && !(code == QUIET[0] && module == Some("__main__"));
            let shown = (message.to_owned(), code, file.to_owned(), line);
            return Ok(!quiet && (module.is_none() || self.extension::<Shown>().seen.insert(shown)));
        }
        let warnings = match loaded {
            Some(loaded) => loaded,
            None => self.import_module("warnings")?,
        };
        // A script may have put something else in its place.
        let Some(decide) = self.get_attr_opt(&warnings, "_from_interpreter")? else { return Ok(true) };
        let args = [
            Value::str(message),
            Value::Class(category.clone()),
            Value::str(file),
            Value::Int(line.into()),
            Value::option(module.map(Value::str)),
        ];
        let answer = self.call(&decide, &args)?;
        self.truth(&answer)
    }

    fn show_warning(&mut self, warning: Warning) -> Result<()> {
        let Warning { category, message, place, module, helps, trailer } = warning;
        let (file, line) = place_parts(place.as_ref());
        if !self.passes_filters(category, message, &file, line, Some(&module))? {
            return Ok(());
        }
        let style = self.host.style;
        let code = category.name.borrow().as_str().to_owned();
        let trailer = if trailer.is_empty() || !self.suggests_tracemalloc() { "" } else { trailer };
        // Nothing runs at the end, nor while the script is compiled. At the very end no line is read any more.
        if style.format == ErrorFormat::Python && (place.is_none() || self.end == End::Leaving) {
            let at = if place.is_some() { format!("{file}:{line}") } else { "<sys>:0".to_owned() };
            self.write_err(&format!("{at}: {code}: {message}\n{trailer}"));
            return Ok(());
        }
        place.iter().for_each(|place| place.source.shown.set(true));
        let diagnostic = Diagnostic { helps, ..Diagnostic::warning(&code, message, place) };
        let mut text = report::diagnostic(&diagnostic, &style);
        if style.format == ErrorFormat::Python {
            text.push_str(trailer);
        }
        self.write_report(&text);
        Ok(())
    }

    /// Whether a warning suggests `tracemalloc`. The module `warnings` does, which is not imported any more at the end, and
    /// asks `tracemalloc`, which is not a little later.
    pub fn suggests_tracemalloc(&mut self) -> bool {
        let was_said = self.extension::<Shown>().traced;
        let is_said = match self.end {
            End::NotYet => true,
            End::Finalizing => was_said || WITH_WARNINGS.into_iter().any(|module| self.loaded(module).is_some()),
            End::Collected => was_said || self.loaded("tracemalloc").is_some(),
            End::Leaving => false,
        };
        self.extension::<Shown>().traced |= is_said;
        is_said
    }

    /// The warning for the awaitable of an asynchronous generator's method that died before it was awaited.
    pub fn warn_method_never_awaited(&mut self, method: &str, generator: &Str) {
        if self.stopped.is_some() {
            return;
        }
        let category = self.types.RuntimeWarning.clone();
        let (place, module) = self.place_of_warning();
        let message = format!("coroutine method '{method}' of '{generator}' was never awaited");
        let helps = vec![format!("write `await` in front of `{method}(...)`")];
        let category = &category;
        let warning = Warning { category, message: &message, place, module, helps, trailer: TRACEMALLOC };
        if let Err(error) = self.show_warning(warning) {
            self.report_unraisable(&error, &Value::Str(Rc::new(Str::new(method))));
        }
    }

    /// The warning for a coroutine that died before it was started.
    pub fn warn_never_awaited(&mut self, coroutine: &Rc<Coroutine>) {
        // A script that was stopped had no chance to.
        if self.stopped.is_some() {
            return;
        }
        let (name, qualname) = (coroutine.name(), coroutine.qualname());
        let category = self.types.RuntimeWarning.clone();
        let (mut place, module) = self.place_of_warning();
        let mut call = name.as_str().to_owned();
        let (mut hidden, mut fate) = (true, Fate::Used);
        // CPython can only say where it died.
        if self.host.style.format != ErrorFormat::Python {
            place = self.origin(coroutine).or(place);
            if let Some(place) = &mut place {
                let found = calls_within(&place.source, place.span, name.as_str());
                hidden = found.is_empty();
                if let [only] = found[..] {
                    call = place.source.text.get(only.func.range()).unwrap_or(&call).to_owned();
                    (place.span, fate) = (only.span, only.fate);
                }
            }
        }
        let special = call.rsplit('.').next().is_some_and(|name| name.starts_with("__"));
        let helps = match (special, hidden) {
            (true, true) => not_awaited_by_python(name.as_str()).into_iter().collect(),
            (true, false) => Vec::new(),
            (false, true) if place.as_ref().is_some_and(hands_over) => vec![format!(
                "a callback is called, but not awaited; `lambda *_: asyncio.create_task({call}(...))` is one that starts a \
                 task"
            )],
            (false, true) => place.iter().map(|_| self.not_called_here(coroutine)).collect(),
            (false, false) => self.how_to_await(coroutine, place.as_ref(), &call, fate).into_iter().collect(),
        };
        let mut message = format!("coroutine '{qualname}' was never awaited");
        let origins = coroutine.extra(|extra| extra.origins.clone());
        // While modules are taken apart, the warning is given without them.
        if let (ErrorFormat::Python, Some(origins), true) =
            (self.host.style.format, &origins, self.end < End::Collected)
        {
            message.push_str("\nCoroutine created at (most recent call last)");
            for (code, line) in self.origin_places(origins).into_iter().rev() {
                let text = code.source.line_text(line).unwrap_or_default().trim();
                message
                    .push_str(&format!("\n  File \"{}\", line {line}, in {}\n    {text}", code.source.name, code.name));
            }
        }
        let (category, message) = (&category, message.as_str());
        // The filters need less room in CPython than here.
        let depth = std::mem::take(&mut self.depth);
        let shown = self.show_warning(Warning { category, message, place, module, helps, trailer: TRACEMALLOC });
        self.depth = depth;
        if let Err(error) = shown {
            self.report_unraisable(&error, &Value::Coroutine(coroutine.clone()));
        }
    }

    /// How a call can be awaited where it stands, if it can.
    fn how_to_await(&self, coroutine: &Coroutine, place: Option<&Place>, call: &str, fate: Fate) -> Option<String> {
        let place = place?;
        let text = &place.source.text;
        let before = text[..place.span.start as usize].trim_end();
        if before.ends_with("await") {
            // It waits for something else that was made of this.
            return None;
        }
        let code = coroutine.origin().and_then(|(code, _)| self.code_by_id(code));
        match code.map(|code| (code.kind, code)) {
            // At a prompt, `await` may stand anywhere; in the text of `exec()`, nowhere.
            Some((CodeKind::Module, code)) if !code.source.name.starts_with("<input-") => {
                if code.source.name.starts_with('<') {
                    return None;
                }
                let line = place.source.line_text(place.source.line(place.span.start));
                let alone = line.map(str::trim) == text.get(place.span.range());
                alone.then(|| format!("nothing runs yet here: begin with `asyncio.run({call}(...))`"))
            }
            // Neither the body of a class nor a lambda can be made one that awaits.
            Some((CodeKind::Class, _)) => None,
            Some((_, code)) if code.name.as_str() == "<lambda>" => None,
            Some((CodeKind::Function | CodeKind::Generator, code)) if !code.name.as_str().starts_with('<') => {
                Some(format!("only an async function can `await {call}(...)`: {}", made_async(&code)?))
            }
            Some((_, code)) if code.name.as_str() == "<genexpr>" => Some(format!(
                "in an async function a list can wait for each of them, `[await {call}(...) for ...]`; a generator with \
                 `await` in it is asynchronous, and not what functions like `sum` go through"
            )),
            _ => {
                let is_own = coroutine.code.as_ref().is_some_and(|code| !code.source.library);
                Some(match fate {
                    Fate::Tested => format!("write `await {call}(...)`: a coroutine itself is always true"),
                    Fate::Shown => format!("write `await {call}(...)` to show its result"),
                    Fate::Iterated => format!("write `await {call}(...)` to go through its result"),
                    Fate::Computed => format!("write `await {call}(...)` to work with its result"),
                    Fate::Dropped | Fate::Used if is_own => format!(
                        "write `await {call}(...)` to run it here and wait for its result, or \
                         `asyncio.create_task({call}(...))` to let it run beside what follows"
                    ),
                    Fate::Dropped | Fate::Used => {
                        format!("write `await {call}(...)` to run it and wait for its result")
                    }
                })
            }
        }
    }
}

/// Whether a place is the call of a method that takes a callback.
fn hands_over(place: &Place) -> bool {
    let text = place.source.text.get(place.span.range()).unwrap_or("");
    [".call_soon", ".call_later(", ".call_at(", ".add_done_callback("].iter().any(|method| text.contains(method))
}

fn place_parts(place: Option<&Place>) -> (String, u32) {
    place.map_or(("sys".to_owned(), 1), |place| (place.source.name.to_string(), place.source.line(place.span.start)))
}
