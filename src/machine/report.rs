//! From exceptions to the plain data that `report/` renders, and what is printed about exceptions nobody catches.

use std::cell::RefCell;
use std::collections::HashSet;

use super::attr::own_attr;
use super::prelude::*;
use super::unwind::exc_info;
use crate::builtins::modules::is_of_python;
use crate::diagnostic::{Diagnostic, ExceptionReport, Finder, FrameEntry, Place, Severity, SyntaxPlace};
use crate::host::RUNPY;
use crate::object::code::CodeKind;
use crate::object::exception::Traceback;
use crate::report::place::Reading;
use crate::report::{self, ErrorFormat, Style};
use crate::source::{Source, Span};
use crate::syntax::{Origin, Parsed};
use crate::text::codecs::encode_escaped;
use crate::text::similar;

/// The exceptions that are shown already; `None` if what they come from is not to be shown.
type Seen = Option<HashSet<usize>>;

/// Something is done with the frames of an exception and of all it is chained to.
fn each_traceback(report: &mut ExceptionReport, mut change: impl FnMut(&mut Vec<FrameEntry>)) {
    let mut rest = vec![report];
    while let Some(report) = rest.pop() {
        change(&mut report.frames);
        rest.extend(report.group.iter_mut().flatten().rev());
        rest.extend([&mut report.context, &mut report.cause].into_iter().flatten().map(|report| &mut **report));
    }
}

/// The last entry of an exception's traceback.
pub(super) fn innermost(exception: &Exception) -> Option<Rc<Traceback>> {
    let mut last = exception.traceback.borrow().clone()?;
    loop {
        let next = last.next.borrow().clone();
        match next {
            Some(next) => last = next,
            None => return Some(last),
        }
    }
}

/// What the system says of an error by its number.
pub fn os_error_text(errno: i32) -> String {
    let text = std::io::Error::from_raw_os_error(errno).to_string();
    text.rsplit_once(" (os error").map_or(text.clone(), |(text, _)| text.to_owned())
}

fn did_you_mean(name: &str) -> String {
    format!("Did you mean: '{name}'?")
}

impl Vm {
    /// What a traceback shows of an exception.
    pub fn exception_report(&mut self, exception: &Rc<Exception>) -> ExceptionReport {
        let seen = HashSet::from([Rc::as_ptr(exception) as usize]);
        let report = self.report_of(exception, &mut Some(seen));
        self.as_read(report)
    }

    /// The same without the exceptions it is chained to.
    pub fn unchained_report(&mut self, exception: &Rc<Exception>) -> ExceptionReport {
        let report = self.report_of(exception, &mut None);
        self.as_read(report)
    }

    /// At the very end no text is read any more to see what to mark.
    fn as_read(&self, mut report: ExceptionReport) -> ExceptionReport {
        each_traceback(&mut report, |frames| {
            for frame in frames {
                if self.end == End::Leaving {
                    frame.lines = frame.lines.take().or_else(|| report::unread_excerpt(frame));
                } else {
                    frame.place.source.shown.set(true);
                }
            }
        });
        report
    }

    /// Whether CPython would fail to show an exception, since at the very end it opens no file any more and has shown no
    /// lines of one that is in the traceback.
    pub fn too_late_to_show(&self, exception: &Rc<Exception>) -> bool {
        let mut link = exception.traceback.borrow().clone();
        while let Some(entry) =
            link.filter(|_| self.end == End::Leaving && self.host.style.format == ErrorFormat::Python)
        {
            // What is no file need not be opened; the event loop is in one, which any traceback through it has shown.
            let source = &entry.code.source;
            let was_shown = match source.library {
                true => self.codes().any(|code| code.source.library && code.source.shown.get()),
                false => source.shown.get() || source.name.starts_with('<'),
            };
            if !was_shown {
                return true;
            }
            link = entry.next.borrow().clone();
        }
        false
    }

    /// Each exception of the chain is shown once. All that one leads to counts as seen before any of it is looked
    /// into, and the last of a group is looked into first: which of several places shows it depends on that.
    fn report_of(&mut self, exception: &Rc<Exception>, seen: &mut Seen) -> ExceptionReport {
        self.report_of_one(exception, seen, false)
    }

    fn report_of_one(&mut self, exception: &Rc<Exception>, seen: &mut Seen, in_group: bool) -> ExceptionReport {
        // A chain may be as long as a script likes.
        let mut chain = Vec::new();
        let mut next = Some((exception.clone(), false));
        while let Some((exception, is_cause)) = next {
            let report;
            (report, next) = self.link_report(&exception, seen, in_group && chain.is_empty());
            chain.push((report, is_cause));
        }
        let (mut report, mut is_cause) = chain.pop().expect("the exception itself is in it");
        while let Some((mut outer, outer_is_cause)) = chain.pop() {
            *(if is_cause { &mut outer.cause } else { &mut outer.context }) = Some(Box::new(report));
            (report, is_cause) = (outer, outer_is_cause);
        }
        report
    }

    /// One exception of a chain with its group, the exception it comes from, and whether that is its `__cause__`.
    fn link_report(
        &mut self,
        exception: &Rc<Exception>,
        seen: &mut Seen,
        in_group: bool,
    ) -> (ExceptionReport, Option<(Rc<Exception>, bool)>) {
        let value = Value::Exception(exception.clone());
        let class = exception.class.borrow().clone();
        let message = match self.exception_message(&value) {
            Ok(text) => text,
            Err(_) => "<exception str() failed>".to_owned(),
        };
        let mut fresh = |e: &RefCell<Option<Rc<Exception>>>| {
            let seen = seen.as_mut()?;
            e.borrow().clone().filter(|e| seen.insert(Rc::as_ptr(e) as usize))
        };
        let cause = fresh(&exception.cause);
        let with_context = cause.is_none() && !exception.suppress_context.get();
        let context = if with_context { fresh(&exception.context) } else { None };
        let members = class.is_subclass(&self.types.BaseExceptionGroup).then(|| {
            let members = self.exception_attr(exception, sym::exceptions).unwrap_or_default();
            self.collect(&members).unwrap_or_default()
        });
        let members = members.iter().flatten().filter_map(Value::as_exception);
        seen.iter_mut().for_each(|seen| seen.extend(members.clone().map(|member| Rc::as_ptr(member) as usize)));
        let group = class.is_subclass(&self.types.BaseExceptionGroup).then(|| {
            let members: Vec<_> = members.collect();
            let mut shown: Vec<_> =
                members.into_iter().rev().map(|member| self.report_of_one(member, seen, true)).collect();
            shown.reverse();
            shown
        });
        let remarks = exception.remarks_made().unwrap_or_default();
        let is_syntax = class.is_subclass(&self.types.SyntaxError);
        let mut frames = self.frames(exception);
        // Which task it was is worth saying when there were several, as what a group is made of came from.
        let tasks = if remarks.tasks.len() > usize::from(!in_group) { remarks.tasks } else { Vec::new() };
        for (depth, task) in tasks {
            let first = frames.len().checked_sub(depth).and_then(|at| frames.get_mut(at));
            first.into_iter().for_each(|frame| frame.task = Some(task.clone()));
        }
        let nameless = is_syntax && self.exception_attr(exception, sym::msg).is_none_or(|msg| msg.is_none());
        let message = if nameless { "<no detail available>".to_owned() } else { message };
        let (suggestion, plain) = match self.suggestion(exception, remarks.suggestion) {
            Ok(suggestion) => (suggestion, false),
            Err(_) => (None, true),
        };
        let mut report = ExceptionReport {
            frames,
            class: self.class_display(&class),
            message,
            notes: self.notes(exception),
            cause: None,
            context: None,
            group,
            syntax: if is_syntax { self.syntax_place(exception) } else { None },
            suggestion,
            plain,
            helps: remarks.helps,
            labels: remarks.labels,
        };
        self.advise_where_raised(&mut report);
        if report.helps.is_empty() {
            report.helps.extend(self.help_from_objects(exception, &report));
        }
        let next = cause.map(|e| (e, true)).or(context.map(|e| (e, false)));
        (report, next)
    }

    /// `str(exception)`, or for a `SyntaxError` its message alone.
    fn exception_message(&mut self, value: &Value) -> Result<String> {
        if let Value::Exception(exception) = value {
            if exception.is(&self.types.SyntaxError) {
                if let Some(message) = self.exception_attr(exception, sym::msg) {
                    let message = self.str(&message)?.as_str().to_owned();
                    let known = |name| self.exception_attr(exception, name).filter(|value| !value.is_none());
                    return Ok(match (known(sym::lineno), known(sym::filename)) {
                        (None, Some(Value::Str(file))) => format!("{message} ({file})"),
                        _ => message,
                    });
                }
            }
        }
        Ok(self.str(value)?.as_str().to_owned())
    }

    /// A class as the last line of a traceback names it.
    pub fn class_display(&mut self, class: &Rc<Class>) -> String {
        let qualname = class.qualname.borrow().as_str().to_owned();
        // A metaclass may have a say.
        let module = match Rc::ptr_eq(&self.class_of(&Value::Class(class.clone())), &self.types.type_) {
            true => self.entry(class.dict(), sym::__module__),
            false => self.get_attr_opt(&Value::Class(class.clone()), sym::__module__).unwrap_or(Some(Value::None)),
        };
        match module {
            Some(Value::Str(module)) if !matches!(module.as_str(), "builtins" | "__main__") => {
                format!("{module}.{qualname}")
            }
            Some(Value::Str(_)) | None => qualname,
            Some(_) => format!("<unknown>.{qualname}"),
        }
    }

    /// A built-in attribute of an exception.
    pub fn exception_attr(&self, exception: &Exception, name: Symbol) -> Option<Value> {
        exception.own.look(|own| own.get(self.name(name)))
    }

    fn notes(&mut self, exception: &Rc<Exception>) -> Vec<String> {
        let notes = match self.get_attr_opt(&Value::Exception(exception.clone()), sym::__notes__) {
            Ok(Some(notes)) if !notes.is_none() => notes,
            Ok(_) => return Vec::new(),
            Err(error) => {
                let shown = self.repr(&error.value()).map_or_else(|_| String::new(), |text| text.to_string());
                return vec![format!("Ignored error getting __notes__: {shown}")];
            }
        };
        let items = match &notes {
            Value::List(_) | Value::Tuple(_) => self.collect(&notes).unwrap_or_default(),
            other => {
                let text = self.repr(other).map_or_else(|_| "<__notes__ repr() failed>".to_owned(), |s| s.to_string());
                return vec![text];
            }
        };
        items
            .iter()
            .map(|note| self.str(note).map_or_else(|_| "<note str() failed>".to_owned(), |s| s.to_string()))
            .collect()
    }

    fn syntax_place(&mut self, exception: &Exception) -> Option<SyntaxPlace> {
        let int = |value: Option<Value>| value.and_then(|v| v.as_int()).and_then(|n| u32::try_from(n).ok());
        let lineno = int(self.exception_attr(exception, sym::lineno))?;
        let filename = match self.exception_attr(exception, sym::filename) {
            Some(Value::Str(name)) => name.as_str().to_owned(),
            _ => "<string>".to_owned(),
        };
        Some(SyntaxPlace {
            filename,
            lineno,
            offset: int(self.exception_attr(exception, sym::offset)),
            end_lineno: int(self.exception_attr(exception, sym::end_lineno)).unwrap_or(lineno),
            end_offset: match self.exception_attr(exception, sym::end_lineno) {
                // Without an end all the rest of the line is meant.
                None | Some(Value::None) => Some(i64::MAX),
                Some(_) => self.exception_attr(exception, sym::end_offset).and_then(|end| end.as_int()),
            },
            text: match self.exception_attr(exception, sym::text) {
                Some(Value::Str(text)) => Some(text.as_str().to_owned()),
                _ => None,
            },
        })
    }

    /// A parser's or resolver's finding as the exception that Python raises for it.
    pub fn syntax_error(&mut self, diagnostic: &Diagnostic) -> Error {
        self.syntax_error_in(diagnostic, Reading::Text)
    }

    /// The same, of a text that is read as a module, or is no whole one.
    pub fn syntax_error_in(&mut self, diagnostic: &Diagnostic, reading: Reading) -> Error {
        let class = match diagnostic.code.as_str() {
            "IndentationError" => self.types.IndentationError.clone(),
            "TabError" => self.types.TabError.clone(),
            "_IncompleteInputError" => self.types._IncompleteInputError.clone(),
            "RecursionError" => return self.error(self.types.RecursionError.clone(), diagnostic.message.clone()),
            "MemoryError" => return self.error(self.types.MemoryError.clone(), diagnostic.message.clone()),
            "ValueError" => return self.value_error(diagnostic.message.clone()),
            "UnicodeDecodeError" => {
                return self.error(self.types.UnicodeDecodeError.clone(), diagnostic.message.clone());
            }
            _ => self.types.SyntaxError.clone(),
        };
        let error = self.error(&class, diagnostic.message.clone());
        self.set_exception_attr(&error, sym::msg, Value::str(&diagnostic.message));
        // What the lexer does not find shows the line of the file of that name, whatever the text came from.
        let in_file = diagnostic.place.as_ref().and_then(|place| {
            let (name, line) = (&place.source.name, place.source.line(place.span.start));
            let bytes = self.host.read_source(name.as_ref().as_ref()).ok()?;
            let file = self.read_source(&bytes, name, Origin::Script).ok()?;
            let mark = if file.marked && line == 1 { "\u{feff}" } else { "" };
            let end = if file.line_start(line + 1).is_some() { "\n" } else { "" };
            Some(format!("{mark}{}{end}", file.line_text(line)?))
        });
        let is_in_file = in_file.is_some();
        if let Some(place) = report::place::of(diagnostic, reading, in_file) {
            let text = match diagnostic.finder {
                Finder::Scopes | Finder::Compiler if !is_in_file => None,
                Finder::Parser | Finder::End | Finder::FString(_) if !is_in_file => {
                    let source = diagnostic.place.as_ref().map(|place| &place.source);
                    let last = source.is_some_and(|source| source.line_start(place.lineno.max(1) + 1).is_none());
                    let on = place.end_lineno > place.lineno;
                    let end = if on || last && reading == Reading::Part { "" } else { "\n" };
                    place.text.map(|line| Value::string(line + end))
                }
                _ => place.text.map(Value::string),
            };
            let number = |n: Option<i64>| n.map_or(Value::None, Value::Int);
            let values = [
                (sym::filename, Value::str(&place.filename)),
                (sym::lineno, Value::Int(place.lineno.into())),
                (sym::offset, number(place.offset.map(i64::from))),
                (sym::text, Value::option(text)),
                (sym::end_lineno, Value::Int(place.end_lineno.into())),
                (sym::end_offset, number(place.end_offset)),
            ];
            if diagnostic.finder != Finder::Scopes {
                *error.0.args.borrow_mut() = Value::tuple([
                    Value::str(&diagnostic.message),
                    Value::tuple(values.clone().map(|(_, value)| value)),
                ]);
            }
            for (name, value) in values {
                self.set_exception_attr(&error, name, value);
            }
        }
        error
    }

    /// Remembers, when a `NameError` is raised, which name was meant, should the frame still run when that is asked for.
    pub fn note_name_suggestion(&mut self, error: &Error, frame: &Frame) {
        if !error.is(&self.types.NameError)
            || error.0.remarks_made().is_some_and(|remarks| remarks.suggestion.is_some())
        {
            return;
        }
        let Some(Value::Str(name)) = self.exception_attr(&error.0, sym::name) else { return };
        let has = |vm: &mut Vm, this: &Value| {
            Ok(own_attr(this, &name).is_some() || vm.class_of(this).lookup(&name).is_some())
        };
        let meant = self.name_nearby(name.as_str(), frame.code, frame.locals, Some(frame.function), has);
        error.0.remarks().suggestion = meant.unwrap_or_default();
    }

    /// The name of a frame that is most like one that it does not have; `has` tells whether its `self` has that.
    fn name_nearby(
        &mut self,
        name: &str,
        code: &Code,
        locals: &[Value],
        function: Option<&Rc<Function>>,
        has: impl FnOnce(&mut Vm, &Value) -> Result<bool>,
    ) -> Result<Option<String>> {
        let bound = |(at, name): (usize, &Rc<Str>)| {
            let value = locals.get(at)?;
            let bound = match value {
                Value::Unbound => false,
                Value::Cell(cell) => !cell.value.borrow().is_unbound(),
                _ => true,
            };
            bound.then(|| name.as_str().to_owned())
        };
        // The body of a class has its variables in a dict.
        let variables = &code.variables;
        let Some(globals) = &code.globals.borrow().upgrade() else { return Ok(None) };
        let class = match (code.kind, locals.first()) {
            (CodeKind::Class, Some(Value::Dict(names))) => Some(names),
            _ => None,
        };
        // A method that forgot `self.`.
        let this = match variables.iter().position(|name| name.as_str() == "self") {
            Some(at) => locals.get(at).map(|this| match this {
                Value::Cell(cell) => cell.get(),
                other => other.clone(),
            }),
            None => {
                let names = class.or((code.kind == CodeKind::Module).then_some(globals));
                names.and_then(|names| names.get_str(&Rc::new(Str::new("self"))))
            }
        };
        if let Some(this) = this.filter(|this| !this.is_unbound()) {
            if has(self, &this)? {
                return Ok(Some(did_you_mean(&format!("self.{name}"))));
            }
        }
        let mut names: Vec<String> = variables.iter().enumerate().filter_map(bound).collect();
        let free = function.iter().flat_map(|function| code.free.iter().zip(&function.closure));
        names.extend(free.filter(|(_, cell)| !cell.value.borrow().is_unbound()).map(|(name, _)| name.to_string()));
        for dict in class.into_iter().chain([globals, &self.builtins]) {
            names.extend(dict.keys().iter().filter_map(|k| k.as_str().map(|s| s.as_str().to_owned())));
        }
        let meant = similar::suggest(name, names.iter().map(String::as_str));
        Ok(meant.map(did_you_mean))
    }

    /// What is suggested: what was noted when it was raised, or can be told now. Asking the frame's `self` runs its
    /// `__getattr__`, which can fail.
    fn suggestion(&mut self, exception: &Rc<Exception>, noted: Option<String>) -> Result<Option<String>> {
        if !exception.is(&self.types.NameError) {
            return Ok(noted.or_else(|| self.name_meant(exception).as_deref().map(did_you_mean)));
        }
        let Some(Value::Str(name)) = self.exception_attr(exception, sym::name) else { return Ok(None) };
        // CPython looks for the variables in the traceback: those that the frame had when it ended.
        let meant = innermost(exception).map_or(Ok(None), |entry| {
            let view = entry.frame.borrow().clone();
            let slots = view.as_ref().map(|view| view.slots.borrow().clone()).unwrap_or_default();
            let is_variable = |noted: &String| entry.code.variables.iter().any(|name| did_you_mean(name) == *noted);
            let runs = || self.calls.iter().any(|site| site.code == entry.code.id.get());
            if slots.is_empty() && (runs() || !noted.as_ref().is_some_and(is_variable)) {
                return Ok(noted);
            }
            let function = view.and_then(|view| view.function.borrow().clone());
            let has = |vm: &mut Vm, this: &Value| Ok(vm.get_attr_opt(this, name.as_str())?.is_some());
            self.name_nearby(name.as_str(), &entry.code, &slots, function.as_ref(), has)
        })?;
        let name = Some(name.as_str()).filter(|name| is_of_python(name));
        Ok(match (meant, name) {
            (Some(meant), Some(name)) => Some(format!("{meant} Or did you forget to import '{name}'?")),
            (None, Some(name)) => Some(format!("Did you forget to import '{name}'?")),
            (meant, None) => meant,
        })
    }

    fn name_meant(&mut self, exception: &Rc<Exception>) -> Option<String> {
        let (wanted, object, from_inside) = if exception.is(&self.types.AttributeError) {
            let object = self.exception_attr(exception, sym::obj)?;
            let from_inside = is_own_self(exception, &object);
            (sym::name, object, from_inside)
        } else if exception.is(&self.types.ImportError) {
            let Some(Value::Str(module)) = self.exception_attr(exception, sym::name) else { return None };
            (sym::name_from, self.import_module(module.as_str()).ok()?, false)
        } else {
            return None;
        };
        let Some(Value::Str(wanted)) = self.exception_attr(exception, wanted) else { return None };
        let names = self.dir_names(&object).ok()?;
        let shows_private = wanted.starts_with('_') || from_inside;
        let names = names.iter().map(|n| n.as_str()).filter(|n| shows_private || !n.starts_with('_'));
        similar::suggest(wanted.as_str(), names).map(str::to_owned)
    }

    /// The text that is printed about an exception, in a style.
    pub fn render_exception(&mut self, exception: &Rc<Exception>, style: &Style) -> String {
        let report = self.exception_report(exception);
        report::exception(&report, style)
    }

    /// The traceback as CPython prints it, whatever style the host chose.
    pub fn report_exception_text(&mut self, error: &Error) -> String {
        let style = Style { format: ErrorFormat::Python, ..self.host.style };
        self.render_exception(&error.0, &style)
    }

    /// Prints an exception that leaves the program.
    pub fn print_exception(&mut self, exception: &Rc<Exception>) {
        self.print_exception_under("", exception);
    }

    /// The same below a heading, which is a note where each report is one object.
    pub fn print_exception_under(&mut self, heading: &str, exception: &Rc<Exception>) {
        let report = self.exception_report(exception);
        self.print_report_under(heading, report);
    }

    /// The same of what ends the program.
    fn print_uncaught(&mut self, heading: &str, exception: &Rc<Exception>) {
        let mut report = self.exception_report(exception);
        if self.host.as_module && self.host.style.format == ErrorFormat::Python {
            let runs = [("_run_module_as_main", 198), ("_run_code", 88)].map(|(function, line)| {
                let source = Source::new(RUNPY, "").moved_down(line - 1);
                FrameEntry::new(Place { source, span: Span { start: 0, end: 0 } }, function)
            });
            report.frames.splice(..0, runs);
        }
        self.print_report_under(heading, report);
    }

    fn print_report_under(&mut self, heading: &str, mut report: ExceptionReport) {
        let style = self.host.style;
        let is_json = style.format == ErrorFormat::Json;
        if !is_json {
            self.write_err(heading);
        }
        let note = heading.trim().trim_end_matches(':');
        if is_json && !note.is_empty() {
            report.notes.insert(0, note.to_owned());
        }
        match self.sys_attr("tracebacklimit") {
            Some(Value::Int(most)) => {
                let most = usize::try_from(most).unwrap_or(0);
                each_traceback(&mut report, |frames| drop(frames.drain(..frames.len().saturating_sub(most))));
            }
            limit => report.plain |= limit.is_some_and(|limit| !limit.is_none()),
        }
        if style.format == ErrorFormat::Python {
            self.read_again(&mut report);
        }
        self.write_report(&report::exception(&report, &style));
    }

    /// To mark what failed in a line CPython parses it again, and warns again of what it finds.
    fn read_again(&mut self, report: &mut ExceptionReport) {
        each_traceback(report, |frames| {
            for frame in frames {
                self.read_frame_again(frame);
            }
        });
    }

    fn read_frame_again(&mut self, frame: &mut FrameEntry) {
        for text in report::texts_to_mark(frame) {
            let source = crate::source::Source::new("<unknown>", &text);
            let heard = match crate::syntax::parse_module(&source, &mut self.interner) {
                Parsed::Complete(module) => module.warnings,
                Parsed::Incomplete(found) | Parsed::Invalid(found) => found,
            };
            for warning in heard.iter().filter(|found| found.severity == Severity::Warning) {
                frame.heard.push_str(&self.heard_again(warning).unwrap_or_default());
            }
        }
    }

    /// `sys.last_exc` and its older forms: the exception that was shown last, for who looks into it afterwards.
    pub fn set_last(&mut self, error: Option<&Error>) {
        let Some(Value::Module(sys)) = self.loaded("sys") else { return };
        let [class, exc, traceback] = exc_info(error.map(|error| &error.0));
        let parts =
            [("last_exc", exc.clone()), ("last_type", class), ("last_value", exc), ("last_traceback", traceback)];
        for (name, value) in parts {
            self.set_entry(&sys.dict, name, value);
        }
    }

    /// What becomes of an exception that ends the program: `sys.excepthook(type, value, traceback)`. If that exits, how.
    pub fn show_uncaught(&mut self, error: &Error) -> Option<Error> {
        self.set_last(Some(error));
        let hook = match self.sys_attr("excepthook") {
            Some(Value::Native(native)) if native.name.as_str() == "excepthook" => None,
            hook => hook.filter(|_| self.stopped.is_none()),
        };
        let Some(hook) = hook else {
            let is_missing = self.loaded("sys").is_some() && self.sys_attr("excepthook").is_none();
            self.print_uncaught(if is_missing { "sys.excepthook is missing\n" } else { "" }, &error.0);
            return None;
        };
        let failed = self.call(&hook, &exc_info(Some(&error.0))).err()?;
        if failed.is(&self.types.SystemExit) {
            return Some(failed);
        }
        self.print_exception_under("Error in sys.excepthook:\n", &failed.0);
        self.print_uncaught("\nOriginal exception was:\n", &error.0);
        None
    }

    /// What becomes of the value of an expression typed at a prompt: `sys.displayhook(value)`.
    pub fn display_hook(&mut self, value: &Value, frame: &Frame) -> Result<()> {
        match self.sys_attr("displayhook") {
            Some(hook) if !matches!(hook, Value::Native(_)) => self.call(&hook, std::slice::from_ref(value)).map(drop),
            None if self.loaded("sys").is_some() => Err(self.runtime_error("lost sys.displayhook")),
            _ => self.display(value, Some(frame)),
        }
    }

    /// Shows a value as a prompt does, and keeps it as `_`.
    pub fn display(&mut self, value: &Value, frame: Option<&Frame>) -> Result<()> {
        if value.is_none() {
            return Ok(());
        }
        let name = self.name(sym::wildcard).clone();
        // The value shown before dies first, as does a coroutine that was never awaited.
        let before = self.builtins.set_str(&name, Value::None);
        drop(before);
        self.run_finalizers(frame);
        let text = self.repr(value)?;
        match (self.sys_attr("stdout"), self.sys_attr("__stdout__")) {
            (None, None) => self.write_out(&format!("{text}\n"))?,
            (Some(now), Some(original)) if now.is(&original) => self.write_out(&format!("{text}\n"))?,
            (None | Some(Value::None), _) => return Err(self.runtime_error("lost sys.stdout")),
            (Some(file), _) => {
                self.call_method(&file, sym::write, &[Value::Str(text)])?;
                self.call_method(&file, sym::write, &[Value::str("\n")])?;
            }
        }
        let old = self.builtins.set_str(&name, value.clone());
        drop(old);
        Ok(())
    }

    /// Writes to standard output.
    pub fn write_out(&mut self, text: &str) -> Result<()> {
        match self.host.stdout.write_all(text.as_bytes()) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.os_error(&error)),
        }
    }

    /// Writes a report to standard error, on a line of its own: a script may not have ended the last one.
    pub fn write_report(&mut self, text: &str) {
        let begins = self.host.style.format == ErrorFormat::Python || (self.host.at_line_start)();
        if begins || self.replaced_stderr().is_some() {
            return self.write_err(text);
        }
        self.write_err(&format!("\n{text}"));
    }

    /// Writes to standard error, after what was written to standard output. There is nobody to tell of a failure.
    pub fn write_err(&mut self, text: &str) {
        if let Some(file) = self.replaced_stderr() {
            let _ = self.call_method(&file, sym::write, &[Value::str(text)]);
            return;
        }
        if self.sys_attr("stderr").is_some_and(|stderr| stderr.is_none()) {
            return;
        }
        let _ = self.host.stdout.flush();
        let _ = self.host.stderr.write_all(&encode_escaped(text));
        let _ = self.host.stderr.flush();
    }

    /// What a script has put in the place of `sys.stderr`.
    pub fn replaced_stderr(&mut self) -> Option<Value> {
        let current = self.sys_attr("stderr")?;
        let is_own = self.sys_attr("__stderr__").is_some_and(|original| original.is(&current));
        (!is_own && !current.is_none()).then_some(current)
    }

    /// An I/O error as the exception of its kind.
    pub fn os_error(&mut self, error: &std::io::Error) -> Error {
        use std::io::ErrorKind;
        let errno = error.raw_os_error().unwrap_or(match error.kind() {
            ErrorKind::NotFound => 2,
            ErrorKind::Interrupted => 4,
            ErrorKind::WouldBlock => 11,
            ErrorKind::OutOfMemory => 12,
            ErrorKind::PermissionDenied => 13,
            ErrorKind::AlreadyExists => 17,
            ErrorKind::NotADirectory => 20,
            ErrorKind::IsADirectory => 21,
            ErrorKind::InvalidInput => 22,
            ErrorKind::BrokenPipe => 32,
            ErrorKind::DirectoryNotEmpty => 39,
            _ => 5,
        });
        // A host may say more than the system does.
        let own = error.get_ref().map(ToString::to_string);
        let text = own.unwrap_or_else(|| os_error_text(errno));
        // The number decides which class it is.
        let class = Value::Class(self.types.OSError.clone());
        match self.call(&class, &[Value::Int(errno.into()), Value::string(text)]) {
            Ok(Value::Exception(made)) => Error(made),
            Ok(_) => self.runtime_error("OSError() made no exception"),
            Err(failed) => failed,
        }
    }

    /// `Exception ignored in: ...`: an exception that no script code can catch.
    pub fn report_unraisable(&mut self, error: &Error, what: &Value) {
        self.report_ignored(error, None, what);
    }

    /// The same with words of its own for `Exception ignored in`.
    pub fn report_ignored(&mut self, error: &Error, message: Option<&str>, what: &Value) {
        if self.stopped.is_some() {
            return;
        }
        // One that comes from the machine itself, as from a coroutine that will not be closed, was raised where that ran;
        // but what a coroutine of the library raised was raised there.
        let of_library = matches!(what, Value::Coroutine(coroutine) if coroutine.code.is_none());
        if error.0.traceback.borrow().is_none() && !of_library {
            if let Some((code, span)) = self.calls.last().and_then(|at| Some((self.code_by_id(at.code)?, at.span))) {
                error.0.add_traceback(&code, span, None);
            }
        }
        match self.call_unraisable_hook(error, message, what) {
            Ok(true) => {}
            Ok(false) => self.print_unraisable(error, message, what),
            Err(failed) => {
                let hook = self.sys_attr("unraisablehook").unwrap_or_default();
                self.print_unraisable(&failed, Some("Exception ignored in sys.unraisablehook"), &hook);
            }
        }
    }

    /// Hands an exception that nobody can catch to the `sys.unraisablehook` that a script has set, if it has.
    fn call_unraisable_hook(&mut self, error: &Error, message: Option<&str>, what: &Value) -> Result<bool> {
        let hook = match self.sys_attr("unraisablehook") {
            Some(Value::Native(native)) if native.name.as_str() == "unraisablehook" => return Ok(false),
            Some(hook) if !hook.is_none() => hook,
            _ => return Ok(false),
        };
        let class = self.types.SimpleNamespace.clone();
        let [kind, value, traceback] = exc_info(Some(&error.0));
        let fields = [
            ("exc_type", kind),
            ("exc_value", value),
            ("exc_traceback", traceback),
            ("err_msg", Value::option(message.map(Value::str))),
            ("object", what.clone()),
        ]
        .map(|(name, value)| (self.intern(name), value));
        let arguments = self.call_kw(&Value::Class(class), &[], &fields)?;
        self.call(&hook, &[arguments])?;
        Ok(true)
    }

    /// What `sys.unraisablehook` does by itself.
    pub fn print_unraisable(&mut self, error: &Error, message: Option<&str>, what: &Value) {
        let shown = match (message, what) {
            (Some(_), Value::None) => String::new(),
            _ => self.repr(what).map_or_else(|_| ": <object repr() failed>".to_owned(), |s| format!(": {s}")),
        };
        let message = message.unwrap_or("Exception ignored in");
        let style = self.host.style;
        if style.format != ErrorFormat::Python {
            let mut report = self.exception_report(&error.0);
            report.notes.insert(0, format!("{message}{shown}"));
            return self.write_report(&report::exception(&report, &style));
        }
        // CPython reads files for it anew, and keeps no lines of them.
        let seen = HashSet::from([Rc::as_ptr(&error.0) as usize]);
        let mut shown_error = self.report_of(&error.0, &mut Some(seen));
        // Only files are read for it.
        let texts = shown_error.frames.iter_mut().filter(|frame| &*frame.place.source.name == "<string>");
        texts.for_each(|frame| frame.lines = Some(String::new()));
        let mut text = report::unraisable(&shown_error);
        if self.modules.get_str(self.name(sym::__main__)).is_none() {
            // By then CPython reads no source lines any more.
            text = text.split_inclusive('\n').filter(|line| !line.starts_with("    ")).collect();
        }
        self.write_err(&format!("{message}{shown}{}\n{text}", if shown.is_empty() { ":" } else { "" }));
    }

    /// The frames of an exception's traceback, outermost first.
    fn frames(&mut self, exception: &Exception) -> Vec<FrameEntry> {
        let mut entries = Vec::new();
        let mut link = exception.traceback.borrow().clone();
        while let Some(entry) = link {
            let place = Place { source: entry.code.source.clone(), span: entry.span };
            let elsewhere =
                self.command.clone().filter(|_| &*place.source.name == "<string>" && !place.source.command.get());
            let lines = match elsewhere {
                Some(command) => Some(report::excerpt_elsewhere(&place.source, place.span, &command)),
                None => place.source.given.then(|| self.lines_by_name(&place, &entry.code).unwrap_or_default()),
            };
            entries.push(FrameEntry { lines, ..FrameEntry::new(place, entry.code.name.as_str()) });
            link = entry.next.borrow().clone();
        }
        if entries.is_empty() && exception.raised.get() {
            // Raised by the library's own Rust code: a frame that is not shown.
            let place = Place { source: crate::source::Source::library("<native>", ""), span: Default::default() };
            entries.push(FrameEntry::new(place, "<native>"));
        }
        entries
    }

    /// What `linecache` has under the name of a text that was given to `compile()`.
    fn lines_by_name(&mut self, place: &Place, code: &Code) -> Result<String> {
        let globals = code.globals.borrow().upgrade().map_or(Value::None, Value::Dict);
        let lines = self.call_page("linecache", "getlines", &[Value::str(&place.source.name), globals])?;
        let mut text = String::new();
        for line in self.collect(&lines)? {
            text.push_str(self.str(&line)?.as_str());
        }
        let found = crate::source::Source::new(&place.source.name, &text);
        Ok(report::excerpt_elsewhere(&place.source, place.span, &found))
    }
}

/// Whether an object is the `self` of the function that an exception left first.
fn is_own_self(exception: &Exception, object: &Value) -> bool {
    let Some(entry) = innermost(exception) else { return false };
    let frame = entry.frame.borrow().clone();
    let own = frame.and_then(|frame| {
        let at = frame.code.variables.iter().position(|name| name.as_str() == "self")?;
        frame.slots.borrow().get(at).cloned()
    });
    match own {
        Some(Value::Cell(cell)) => cell.get().is(object),
        own => own.is_some_and(|own| own.is(object)),
    }
}
