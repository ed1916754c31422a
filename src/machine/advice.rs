//! What a teacher would add to an error, told where it is raised, since only there the objects are at hand.
//!
//! **Invariant**: certain or silent. Nothing here changes what a program does; it is shown by `pretty` and `json` alone.

use super::prelude::*;
use super::report::innermost;
use crate::diagnostic::{ExceptionReport, Label, Place};
use crate::object::exception::Traceback;
use crate::report::{self, ErrorFormat, Names};

use crate::syntax::{self, CallFound};

/// An exception may go through any number of tasks; so many are remembered.
const TASKS_MAX: usize = 20;

/// Help for whoever uses a task or future as if it were its result.
pub const TO_COME: &str = "this stands for a result that is still to come: `await` it";

/// Help for whoever awaits what is there already.
const PLAIN: &str = "this is a plain value, there is nothing to wait for: leave out `await`";
const PLAIN_ARGUMENT: &str = "what is given here is a plain value: there is nothing to wait for";
const NONE_ARGUMENT: &str = "what is given here is None: there is nothing to wait for";

/// Where messages about a wrong argument name its type: if that is a coroutine, its result was meant.
const WRONG_COROUTINE: [&str; 9] = [
    "'coroutine'",
    "not coroutine",
    "concat coroutine",
    "conversion from coroutine",
    "(not \"coroutine\")",
    "type coroutine",
    "coroutine found",
    "coroutine.__format__",
    "non-iterable coroutine object",
];

/// The types whose objects stand for a result, as messages name them.
const FUTURES: [&str; 3] = ["_asyncio.Task", "_asyncio.Future", "_GatheringFuture"];

/// What keeps what a function returned, by its class and by the name it goes by.
const CACHES: [(&str, &str); 2] = [("_lru_cache_wrapper", "lru_cache"), ("cached_property", "cached_property")];

/// Methods whose result nobody could await, since Python uses it at once.
const PLAIN_METHODS: [&str; 27] = [
    "__bool__", "__bytes__", "__complex__", "__contains__", "__del__", "__delattr__", "__delitem__", "__enter__",
    "__eq__", "__exit__", "__float__", "__format__", "__ge__", "__gt__", "__hash__", "__index__", "__int__",
    "__iter__", "__le__", "__len__", "__lt__", "__ne__", "__next__", "__repr__", "__setattr__", "__setitem__",
    "__str__",
];

/// Help about a plain generator where a coroutine is needed.
const GENERATOR: &str = "this is a plain generator, because of the `yield` in its function; what can wait is an `async def` \
                         with `await` in it";

impl Vm {
    /// Whether a coroutine was made in a generator expression, where an `await` would make that an asynchronous one.
    fn made_in_generator(&self, coroutine: &Coroutine) -> bool {
        let code = coroutine.origin().and_then(|(code, _)| self.code_by_id(code));
        code.is_some_and(|code| code.name.as_str() == "<genexpr>")
    }

    /// Whether anybody sees the advice.
    fn teaches(&self) -> bool {
        self.host.style.format != ErrorFormat::Python
    }

    /// Adds a sentence of help.
    #[cold]
    pub fn advise(&mut self, error: &Error, help: impl Into<String>) {
        error.0.remarks().helps.push(help.into());
    }

    /// If one of the operands is a coroutine, its result was meant.
    #[cold]
    pub fn advise_operands(&mut self, error: &Error, operands: &[&Value]) {
        for operand in operands.iter().filter(|_| self.teaches()) {
            match operand {
                Value::Coroutine(coroutine) if coroutine.kind == Kind::Coroutine => {
                    let help = match self.call_text(coroutine) {
                        Some(call) if self.made_in_generator(coroutine) => {
                            format!(
                                "`{call}(...)` makes a coroutine; `[await {call}(...) for ...]` is a list of results"
                            )
                        }
                        Some(call) => format!("`{call}(...)` makes a coroutine; `await {call}(...)` gives its result"),
                        None => self.not_called_here(coroutine),
                    };
                    self.advise(error, help);
                    self.show_origin(error, coroutine);
                    return;
                }
                Value::Coroutine(generator) if generator.kind == Kind::AsyncGenerator => {
                    let help = match generator.name().as_str() {
                        "<genexpr>" => {
                            "a generator expression that waits is asynchronous: with `[...]` around it, it is a list"
                        }
                        _ => "this is an asynchronous generator: go through it with `async for`",
                    };
                    self.advise(error, help);
                    return;
                }
                Value::Exception(_) if operands.len() > 1 => {
                    let help = "one operand is an exception that was kept as a value, as `gather(..., \
                                return_exceptions=True)` keeps it";
                    self.advise(error, help);
                    return;
                }
                Value::Instance(_) if self.type_name(operand).ends_with("GeneratorContextManager") => {
                    let word = if self.has_special(operand, sym::__aenter__) { "async with" } else { "with" };
                    self.advise(error, format!("this is a context manager: `{word} ... as name` gives what it yields"));
                    return;
                }
                _ => {}
            }
        }
    }

    /// `next()` cannot ask this.
    #[cold]
    pub fn not_an_iterator(&mut self, value: &Value) -> Error {
        let error = self.type_error(format!("'{}' object is not an iterator", self.type_name(value)));
        if matches!(value, Value::Coroutine(generator) if generator.kind == Kind::AsyncGenerator) {
            self.advise(&error, "this is an asynchronous generator: `await anext(...)` gives its next item");
        }
        error
    }

    /// What `with` or `async with` was given is no context manager of that kind.
    #[cold]
    pub fn advise_managed(&mut self, error: &Error, manager: &Value, is_async: bool) {
        match manager {
            Value::Coroutine(coroutine) if is_async && coroutine.name().as_str() == "acquire" => {
                self.advise(error, "`async with` takes the lock itself, without `.acquire()`");
            }
            _ if is_async && self.has_special(manager, sym::__enter__) => {
                let enter = self.lookup_special(manager, sym::__enter__);
                let help = match enter {
                    Some(Value::Function(function)) if function.code.kind == CodeKind::Coroutine => {
                        "what `async with` awaits is called `__aenter__` and `__aexit__`"
                    }
                    _ => "nothing is waited for here: write `with` alone",
                };
                self.advise(error, help);
            }
            _ if !is_async && self.has_special(manager, sym::__aenter__) => {
                self.advise(error, "entering and leaving this may wait: write `async with`");
            }
            _ => self.advise_uncalled(error, manager, if is_async { sym::__aenter__ } else { sym::__enter__ }),
        }
    }

    /// What lacks a method is a function, or a class whose objects have it; or a coroutine.
    #[cold]
    pub fn advise_uncalled(&mut self, error: &Error, value: &Value, method: Symbol) {
        match value {
            Value::Class(class) => {
                let method = self.name(method).clone();
                if class.lookup(&method).is_some() {
                    self.advise(error, format!("this is the class itself; call it: `{}(...)`", class.name.borrow()));
                }
            }
            Value::Function(function) => {
                self.advise(error, format!("this is the function itself; call it: `{}(...)`", function.name()));
            }
            _ => self.advise_operands(error, &[value]),
        }
    }

    /// The library was given a coroutine where it calls a function.
    #[cold]
    pub fn advise_called(&mut self, error: &Error, coroutine: &Coroutine) {
        let made = self.call_text(coroutine).filter(|_| coroutine.kind == Kind::Coroutine);
        if let Some(call) = made {
            self.advise(error, format!("`{call}(...)` makes a coroutine, which is awaited; a function is called here"));
        }
        self.show_origin(error, coroutine);
    }

    /// What `await` was given cannot be awaited, or what something else is to wait for.
    #[cold]
    pub fn advise_awaited(&mut self, error: &Error, value: &Value, by_await: bool) {
        let plain = if by_await { PLAIN } else { PLAIN_ARGUMENT };
        let help = match value {
            // The text that failed tells where it comes from.
            Value::None if by_await => return,
            Value::None => NONE_ARGUMENT,
            Value::Coroutine(generator) if generator.kind == Kind::AsyncGenerator => {
                "this is an asynchronous generator: go through it with `async for`"
            }
            Value::Coroutine(generator) if of_generator_function(generator) => GENERATOR,
            Value::Function(function) if function.code.kind == CodeKind::Coroutine => {
                // It may be the argument of a function that awaits it.
                let help = format!("this is the function itself; call it: `{}(...)`", function.name());
                return self.advise(error, help);
            }
            Value::Native(native) if native.row.is_async() => {
                "this is the function itself; call it: `(...)` is missing"
            }
            Value::BoundMethod(method) => match &method.func {
                Value::Function(function) if function.code.kind == CodeKind::Coroutine => {
                    let help = format!("this is the method itself; call it: `{}(...)`", function.name());
                    return self.advise(error, help);
                }
                _ => return,
            },
            Value::List(_) | Value::Tuple(_) | Value::Set(_) => {
                let items = self.collect(value).unwrap_or_default();
                match items.iter().filter(|item| self.is_awaitable(item)).count() {
                    0 if !items.is_empty() => plain,
                    count if count == items.len() && count > 0 => {
                        "`await asyncio.gather(*...)` runs all of them and waits for their results"
                    }
                    _ => return,
                }
            }
            Value::Dict(dict) if !dict.values().is_empty() => {
                let values = dict.values();
                match values.iter().filter(|value| self.is_awaitable(value)).count() {
                    0 => plain,
                    count if count == values.len() => {
                        "a dict is not awaited: `await asyncio.gather(*d.values())`, with `d` for it, runs what it holds"
                    }
                    _ => return,
                }
            }
            Value::Int(_) | Value::Float(_) | Value::Bool(_) | Value::Str(_) | Value::Dict(_) | Value::Bytes(_) => {
                plain
            }
            Value::Instance(_) if self.has_special(value, sym::__aenter__) => {
                "this is entered and left, not awaited: write `async with`"
            }
            Value::Instance(_) if self.has_special(value, sym::__aiter__) => {
                "this gives one item after the other: go through it with `async for`"
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

    /// An `except` clause was asked for a class of which a group has members: it does not look inside.
    #[cold]
    pub fn advise_group(&mut self, group: &Rc<Exception>, class: &Rc<Class>) {
        if !self.teaches() || group.remarks_made().is_some_and(|remarks| !remarks.helps.is_empty()) {
            return;
        }
        if self.group_members(group).iter().any(|member| member.is(class)) {
            let name = class.name.borrow().as_str().to_owned();
            let help =
                format!("what was raised is a group: `except {name}` does not look inside it, `except* {name}` does");
            self.advise(&Error(group.clone()), help);
        }
    }

    /// A method was given its object and just the arguments that it takes: nothing in its definition stands for the object.
    #[cold]
    pub fn advise_self(&mut self, error: &Error, function: &Rc<Function>, args: &[Value]) {
        let code = &function.code;
        let params = &code.variables[..code.params.positional as usize];
        let has_object = params.first().is_some_and(|first| matches!(first.as_str(), "self" | "cls"));
        if has_object || code.source.library || !self.is_method_of(function, args.first()) {
            return;
        }
        let params: Vec<&str> = std::iter::once("self").chain(params.iter().map(|name| name.as_str())).collect();
        let help = format!(
            "a method is given the object that it is called on: `def {}({}):`",
            function.name(),
            params.join(", ")
        );
        self.advise(error, help);
    }

    /// A method lacks its last argument, and its first is no object of its class: the class itself was asked.
    #[cold]
    pub fn advise_class_asked(&mut self, error: &Error, function: &Rc<Function>, first: Option<&Value>) {
        let qualname = function.qualname();
        let Some((class, _)) = qualname.as_str().rsplit_once('.').filter(|(class, _)| !class.ends_with('>')) else {
            return;
        };
        let is_method = function.code.variables.first().is_some_and(|name| name.as_str() == "self");
        if is_method && !function.code.source.library && !self.is_method_of(function, first) {
            self.advise_making(error, class);
        }
    }

    /// A class was asked for what only its objects can tell.
    #[cold]
    pub fn advise_making(&mut self, error: &Error, class: &str) {
        self.advise(error, format!("this asks the class itself: `{class}(...)` makes the object to be asked"));
    }

    /// Whether a value's class has this function as a method.
    fn is_method_of(&mut self, function: &Rc<Function>, object: Option<&Value>) -> bool {
        let Some(object @ Value::Instance(_)) = object else { return false };
        let method = self.class_of(object).lookup(&function.name());
        matches!(method, Some(Value::Function(method)) if Rc::ptr_eq(&method, function))
    }

    /// What only shows once it is known where the exception was raised.
    pub fn advise_where_raised(&mut self, report: &mut ExceptionReport) {
        let Some(frame) = report.frames.iter().rfind(|frame| !frame.place.source.library) else { return };
        let Place { source, span } = &frame.place;
        let (before, text) = (&source.text[..span.start as usize], source.text.get(span.range()).unwrap_or(""));
        if text.starts_with("raise") {
            return;
        }
        let message = report.message.as_str();
        if message == "'async_generator' object is not an iterator" && before.trim_end().ends_with("with") {
            let help = "`contextlib.asynccontextmanager` makes a manager of an async function, for `async with`";
            report.helps = vec![help.to_owned()];
        }
        if message.ends_with("can't be used in 'await' expression")
            && report.frames.last().is_some_and(|frame| frame.place.source.library)
        {
            // It is not the script's `await`.
            if message.starts_with("object NoneType ") {
                report.helps.push(NONE_ARGUMENT.to_owned());
            } else if report.helps.iter().any(|help| help == PLAIN) {
                report.helps = vec![PLAIN_ARGUMENT.to_owned()];
            }
        }
        if report.helps.is_empty() && report.class == "TypeError" {
            if WRONG_COROUTINE.iter().any(|part| message.contains(part)) {
                let special = message.split(|c: char| !is_word(c)).next().filter(|name| name.starts_with("__"));
                let plain = "a coroutine is not yet its result: put `await` in front of the call that made it";
                report.helps.push(special.and_then(not_awaited_by_python).unwrap_or_else(|| plain.to_owned()));
            } else if FUTURES.iter().any(|kind| message.contains(kind)) {
                report.helps.push(TO_COME.to_owned());
            }
        }
        if report.helps.is_empty() && self.teaches() {
            let main = match self.loaded(sym::__main__) {
                Some(Value::Module(main)) => Some(main.dict.clone()),
                _ => None,
            };
            let has = |dict: &Dict, name: &str| dict.get_str(&Rc::new(Str::new(name))).is_some();
            let in_main = |name: &str| main.as_ref()?.get_str(&Rc::new(Str::new(name)));
            let is_global = |name: &str| in_main(name).is_some();
            let is_function = |name: &str| matches!(in_main(name), Some(Value::Function(_)));
            let is_async = |name: &str| matches!(in_main(name), Some(Value::Function(made)) if made.code.kind == CodeKind::Coroutine);
            let is_builtin = |name: &str| has(&self.builtins, name);
            let modules_with = |name: &str| main.as_ref().map_or_else(Vec::new, |dict| modules_with(dict, name));
            let names = Names {
                is_global: &is_global,
                is_builtin: &is_builtin,
                is_function: &is_function,
                is_async: &is_async,
                modules_with: &modules_with,
            };
            let help = report::help_for(report, &names);
            report.helps.extend(help);
        }
        // `await f().x` takes `x` from the coroutine.
        let is_await = before.trim_end().strip_suffix("await").is_some_and(|rest| !rest.ends_with(is_word));
        let at = match report.class.as_str() {
            "AttributeError" if message.starts_with("'coroutine' object has") => text.rfind('.'),
            "TypeError" if message.starts_with("'coroutine' object is not subscriptable") => text.rfind('['),
            _ => None,
        };
        if let Some(at) = at.filter(|&at| is_await && at > 0 && !text.contains('\n') && !text[at..].contains("]]")) {
            let (awaited, rest) = text.split_at(at);
            let taken = if rest.starts_with('.') { "attribute" } else { "item" };
            let help = format!("the {taken} is taken before `await` waits: write `(await {awaited}){rest}`");
            report.helps = vec![help];
        }
    }

    /// What the objects tell that an exception and its traceback hold.
    pub(super) fn help_from_objects(&mut self, exception: &Rc<Exception>, report: &ExceptionReport) -> Option<String> {
        if !self.teaches() {
            return None;
        }
        if exception.is(&self.types.AttributeError) {
            let name = self.exception_attr(exception, sym::name)?;
            let object = self.exception_attr(exception, sym::obj)?;
            if let Value::Module(module) = &object {
                let of_module = module.dict.get_str(&self.intern("__name__"))?;
                let Value::Class(class) = module.dict.get_str(of_module.as_str()?)? else { return None };
                let (module, name) = (of_module.as_str()?.as_str(), name.as_str()?);
                return class
                    .lookup(name)
                    .map(|_| format!("the class `{module}.{module}` has one: `{module}.{module}.{name}`"));
            }
            let name = name.as_str()?;
            let is_future = FUTURES.contains(&self.type_name(&object).as_str());
            if is_future && report.suggestion.is_none() && self.is_of_plain_values(name) {
                return Some(TO_COME.to_owned());
            }
            return self.base_not_initialized(&object, name);
        }
        if exception.is(&self.types.ValueError) && report.message.contains("values to unpack (expected") {
            let entry = innermost(exception).filter(|entry| !entry.code.source.library)?;
            let rest = entry.code.source.text.get(entry.span.end as usize..)?;
            let name: String = rest.strip_prefix(" in ")?.chars().take_while(|&c| is_word(c)).collect();
            if rest[" in ".len() + name.len()..].starts_with(':') && variable(&entry, &name)?.as_dict().is_some() {
                return Some(format!(
                    "going through a dict gives its keys alone: `{name}.items()` gives each with its value"
                ));
            }
        }
        None
    }

    /// Whether texts or containers have an attribute of this name.
    fn is_of_plain_values(&self, name: &Rc<Str>) -> bool {
        let types = &self.types;
        [&types.str_, &types.list, &types.dict, &types.set].iter().any(|class| class.lookup(name).is_some())
    }

    /// An object lacks an attribute that the `__init__` of a base class gives, which the class's own does not call.
    fn base_not_initialized(&mut self, object: &Value, name: &str) -> Option<String> {
        if !matches!(object, Value::Instance(_)) {
            return None;
        }
        let class = self.class_of(object);
        let mro = class.mro();
        let mut own = None;
        for class in mro.iter() {
            let Some(Value::Function(init)) = self.entry(class.dict(), sym::__init__) else { continue };
            let text = init.code.source.text.get(init.code.span.range())?;
            let class = class.name.borrow().as_str().to_owned();
            if text.contains(&format!("self.{name} = ")) {
                let own = own?;
                return Some(format!(
                    "`{class}.__init__` sets `{name}`, but `{own}.__init__` does not call it: begin that with \
                     `super().__init__(...)`"
                ));
            }
            if text.contains("__init__(") && text.matches("__init__(").count() > 1 {
                return None;
            }
            own = own.or(Some(class));
        }
        None
    }

    /// A coroutine that ran, or runs, is awaited again.
    #[cold]
    pub fn advise_reuse(&mut self, error: &Error, coroutine: &Coroutine) {
        if !self.teaches() {
            return;
        }
        let call = self.call_text(coroutine).unwrap_or_else(|| coroutine.name().as_str().to_owned());
        let help = match self.kept_by(coroutine) {
            Some(cache) => format!(
                "a coroutine runs once, but `{cache}` keeps the one that was made first and hands it out again: keep its \
                 result instead, or a task"
            ),
            None => format!(
                "a coroutine runs once: call `{call}(...)` again for a new one, or make it a task, \
                 `asyncio.create_task({call}(...))`, which can be awaited as often as you like"
            ),
        };
        self.advise(error, help);
        self.show_origin(error, coroutine);
    }

    /// The decorator that keeps what a coroutine's function returned, if one has taken the function's place.
    fn kept_by(&self, coroutine: &Coroutine) -> Option<&'static str> {
        let globals = coroutine.code.as_ref()?.globals.borrow().upgrade()?;
        let qualname = coroutine.qualname();
        let mut names = qualname.as_str().split('.').map(|name| Rc::new(Str::new(name)));
        let mut value = globals.get_str(&names.next()?)?;
        for name in names {
            let Value::Class(class) = &value else { return None };
            value = class.lookup(&name)?;
        }
        let kind = self.type_name(&value);
        CACHES.iter().find(|(class, _)| kind.ends_with(class)).map(|&(_, decorator)| decorator)
    }

    /// A second event loop was to run a coroutine where one runs already.
    #[cold]
    pub fn advise_running(&mut self, error: &Error) {
        let code = self.here().map(|(code, _)| code);
        let is_async = |code: &Code| matches!(code.kind, CodeKind::Coroutine | CodeKind::AsyncGenerator);
        let instead = match &code {
            Some(code) if is_async(code) => "write `await` in front of the coroutine instead".to_owned(),
            code => {
                let how =
                    code.as_ref().and_then(|code| made_async(code)).map_or(String::new(), |how| format!(": {how}"));
                format!("`await` the coroutine instead, which only an async function can{how}")
            }
        };
        self.advise(error, format!("an event loop runs already: {instead}"));
    }

    /// What should have been a coroutine is none.
    #[cold]
    pub fn advise_coroutine_expected(&mut self, error: &Error, value: &Value) {
        match value {
            Value::Function(function) if function.code.kind == CodeKind::Coroutine => {
                let help = format!("this is the function itself; call it: `{}(...)`", function.name());
                self.advise(error, help);
            }
            Value::None => self.advise(error, "this is None, which a function that is not async returned"),
            Value::Coroutine(generator) if generator.kind == Kind::AsyncGenerator => {
                let name = generator.name();
                let help =
                    "makes an asynchronous generator, because of the `yield` in it: go through it with `async for`";
                self.advise(error, format!("`{name}(...)` {help}"));
            }
            Value::Coroutine(generator) if of_generator_function(generator) => self.advise(error, GENERATOR),
            Value::List(_) | Value::Tuple(_) | Value::Set(_) => {
                let items = self.collect(value).unwrap_or_default();
                if !items.is_empty() && items.iter().all(|item| self.is_awaitable(item)) {
                    let help = "one coroutine is taken here: `await asyncio.gather(*...)` in an async function waits for \
                                several";
                    self.advise(error, help);
                }
            }
            Value::Int(_) | Value::Float(_) | Value::Bool(_) | Value::Str(_) | Value::Dict(_) | Value::Bytes(_) => {
                self.advise(error, "this is a plain value; the call of an `async def` function makes a coroutine");
            }
            Value::Instance(instance) if instance.class().awaiting.get().is_some() => {
                self.advise(error, "this is a future already: nothing has to be made of it, `await` it for its result");
            }
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

    /// Help about a coroutine that no call in sight made.
    pub(super) fn not_called_here(&self, coroutine: &Coroutine) -> String {
        match &coroutine.code {
            Some(code) if !code.source.library => {
                format!("`{}` is async: what called it got a coroutine, and did not await it", coroutine.name())
            }
            _ => "this is a coroutine: `await` it to get its result".to_owned(),
        }
    }

    /// How the script wrote what it called to make a coroutine, if the statement that did is known and calls that.
    fn call_text(&self, coroutine: &Coroutine) -> Option<String> {
        let (code, span) = coroutine.origin()?;
        let source = &self.code_by_id(code)?.source;
        let found = syntax::calls_within(source, span, coroutine.name().as_str());
        let mut texts = found.iter().filter(|_| !source.library).filter_map(|call| source.text.get(call.func.range()));
        let first = texts.next()?;
        texts.all(|text| text == first).then(|| first.to_owned())
    }

    /// The script's own functions among the calls that led to a coroutine, innermost first, each with its line.
    pub fn origin_places(&self, origins: &[(u32, Span)]) -> Vec<(Rc<Code>, u32)> {
        let known = origins.iter().filter_map(|&(code, span)| Some((self.code_by_id(code)?, span)));
        let own = known.filter(|(code, _)| !code.source.library);
        own.map(|(code, span)| (code.clone(), code.source.line(span.start))).collect()
    }

    /// The call that made a coroutine.
    pub fn origin(&self, coroutine: &Coroutine) -> Option<Place> {
        let (code, span) = coroutine.origin()?;
        let source = self.code_by_id(code)?.source.clone();
        if source.library {
            return None;
        }
        let mut place = Place { source, span };
        if let Some(call) = only_call(&place, coroutine.name().as_str()) {
            place.span = call.span;
        }
        Some(place)
    }
}

/// Whether a generator was made by a function with a `yield`.
fn of_generator_function(generator: &Coroutine) -> bool {
    let is_expression = generator.code.as_ref().is_none_or(|code| code.name.as_str() == "<genexpr>");
    generator.kind == Kind::Generator && !is_expression
}

/// Help about a method that was made async, but which Python itself calls and does not await.
pub(super) fn not_awaited_by_python(name: &str) -> Option<String> {
    PLAIN_METHODS
        .contains(&name)
        .then(|| format!("Python itself calls `{name}`, and awaits nothing that it returns: make it a plain `def`"))
}

/// How a plain function comes to be one that can wait, if it can: what Python itself calls cannot.
pub(crate) fn made_async(code: &Code) -> Option<String> {
    let name = code.name.as_str();
    let then = match code.kind {
        CodeKind::Function => "await its calls",
        CodeKind::Generator => "go through it with `async for`",
        _ => return None,
    };
    let is_special = name.starts_with('<') || name.starts_with("__") && name.ends_with("__");
    (!is_special).then(|| format!("make `{name}` one with `async def`, and {then}"))
}

/// The names of the modules among some variables that have something of this name.
fn modules_with(variables: &Dict, name: &str) -> Vec<String> {
    let has = |value: &Value| match value {
        Value::Module(module) => module.dict.get_str(&Rc::new(Str::new(name))).is_some(),
        _ => false,
    };
    let pairs = variables.pairs().into_iter().filter(|(_, value)| !name.starts_with('_') && has(value));
    pairs.filter_map(|(key, _)| Some(key.as_str()?.as_str().to_owned())).collect()
}

/// The value of a variable in the frame of a traceback entry.
fn variable(entry: &Traceback, name: &str) -> Option<Value> {
    let at = entry.code.variables.iter().position(|variable| variable.as_str() == name);
    let slots = entry.frame.borrow().as_ref().map(|view| view.slots.borrow().clone()).unwrap_or_default();
    match at.and_then(|at| slots.get(at)) {
        Some(Value::Cell(cell)) => Some(cell.get()),
        Some(value) => Some(value.clone()),
        None if at.is_some() => None,
        None => entry.code.globals.borrow().upgrade()?.get_str(&Rc::new(Str::new(name))),
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The call of a function by this name in a statement, if there is just one.
pub(super) fn only_call(place: &Place, name: &str) -> Option<CallFound> {
    match syntax::calls_within(&place.source, place.span, name).as_slice() {
        [call] => Some(*call),
        _ => None,
    }
}
