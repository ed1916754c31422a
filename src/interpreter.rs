//! The interpreter as its users see it: give it a host, run scripts, read how they ended.

use std::rc::Rc;

use crate::diagnostic::{Diagnostic, Place};
use crate::host::{Host, Limit, RUNPY};
use crate::lower;
use crate::machine::{End, Vm};
use crate::object::code::Code;
use crate::object::module::Module;
use crate::object::{Error, Str, Value, gc};
use crate::report::ErrorFormat;
use crate::source::{Source, Span};
use crate::symbol::{LEAST_LEVELS, MOST_LEVELS, sym};
use crate::syntax::Origin;

/// The exit status of a script that ran out of time.
const TIMED_OUT: u8 = 124;

/// Where CPython tells of what went wrong when it looked at what a program exits with.
const LEFT_BEHIND: &str = "Exception ignored on threading shutdown";

/// The modules of the library that CPython never frees, or so late that nothing is heard of what they hold.
const LASTING: &[&str] = &["asyncio", "builtins", "gc", "logging", "sys", "threading"];

/// An interpreter: its modules, its event loops, and the host it runs on. Several can live in one process.
pub struct Interpreter {
    pub vm: Vm,
    pub(crate) finalizers: Vec<gc::Finalizer>,
    /// The program that ran last ended with a `KeyboardInterrupt`: CPython's process then ends by that signal.
    pub interrupted: bool,
}

/// The part of the native stack that is kept for what goes through the tree of a text, or runs an expression.
const KEPT_FOR_TREES: usize = 16;
/// What a level of a tree takes of it at most.
const LEVEL: usize = if cfg!(debug_assertions) { 24 << 10 } else { 6 << 10 };

/// A script that was parsed and checked.
pub struct Program {
    pub(crate) code: Rc<Code>,
}

impl Interpreter {
    pub fn new(host: Host) -> Interpreter {
        let mut vm = Vm::new(host);
        vm.threads.deadlock = Some(|vm| crate::asyncio::deadlock::found(vm, None));
        Interpreter { vm, finalizers: Vec::new(), interrupted: false }
    }

    /// Tells the interpreter how much native stack it may use from here on, in bytes; deeper recursion is a
    /// `RecursionError`. Without it only Python's own limit holds.
    pub fn limit_stack(&mut self, bytes: usize) {
        let here = 0u8;
        let kept = bytes / KEPT_FOR_TREES;
        self.vm.stack_limit = (std::ptr::from_ref(&here) as usize).saturating_sub(bytes - kept);
        self.vm.interner.levels = ((kept / LEVEL) as u32).clamp(LEAST_LEVELS, MOST_LEVELS);
    }

    /// Parses and checks a script. `name` is how tracebacks call it.
    ///
    /// # Errors
    /// Every error found in the text.
    pub fn compile(&mut self, name: &str, bytes: &[u8]) -> Result<Program, Vec<Diagnostic>> {
        let mut source = self.vm.read_source(bytes, name, Origin::Script).map_err(|d| vec![*d])?;
        if name == RUNPY {
            source = Source::library(name, &source.text);
        }
        let code = lower::compile_module(&mut self.vm, &source)?;
        source.command.set(name == "<string>");
        self.vm.command = Some(source).filter(|source| source.command.get());
        Ok(Program { code })
    }

    /// All errors of a script, or if it has none, what is suspicious about it.
    pub fn check(&mut self, name: &str, bytes: &[u8]) -> Vec<Diagnostic> {
        let source = match self.vm.read_source(bytes, name, Origin::Script) {
            Ok(source) => source,
            Err(error) => return vec![in_file(*error, name, bytes)],
        };
        let vm = &mut self.vm;
        let builtins = vm.builtins.clone();
        crate::lint::check(&source, &mut vm.interner, &|name| builtins.get_str(&Rc::new(Str::new(name))).is_some())
    }

    /// Runs a program as `__main__` and returns its exit status. An uncaught exception is shown on the host's stderr.
    pub fn run(&mut self, program: &Program) -> u8 {
        self.within(|this| {
            this.vm.begin_limits();
            this.vm.end = End::NotYet;
            let main = this.main_module();
            this.read_warning_options();
            // After another program.
            let threads = this.call_threading("_begin_again");
            let result = threads.and_then(|_| this.vm.run_code(&program.code, &main.dict, None));
            let mut status = match &result {
                Ok(_) => 0,
                Err(error) => this.exit_status(error),
            };
            if let Err(error) = this.end_threads() {
                status = this.exit_status(&error);
            }
            this.vm.drop_threads();
            let was_stopped = this.vm.stopped.is_some();
            this.shut_down(main, result.err());
            match this.vm.stopped.clone() {
                // A limit was reached in an exit handler or a finaliser.
                Some((error, _)) if !was_stopped => this.exit_status(&error),
                _ => status,
            }
        })
    }

    /// Has the program's threads come to their end, but for daemons. Those of a script that was stopped go on no more.
    fn end_threads(&mut self) -> Result<(), Error> {
        if self.vm.stopped.is_some() {
            return Ok(());
        }
        if let Err(error) = self.call_threading("_shutdown") {
            self.vm.report_ignored(&error, Some("Exception ignored on threading shutdown"), &Value::None);
        }
        self.vm.join_threads()
    }

    /// Calls a function of the module `threading` where it has been imported.
    fn call_threading(&mut self, name: &str) -> Result<(), Error> {
        match self.vm.loaded("threading") {
            Some(threading) => self.vm.call_method(&threading, name, &[]).map(drop),
            None => Ok(()),
        }
    }

    /// Runs `body` with this interpreter's objects the ones whose finalizers wait on this thread.
    pub(crate) fn within<T>(&mut self, body: impl FnOnce(&mut Interpreter) -> T) -> T {
        let before = gc::swap_finalizers(std::mem::take(&mut self.finalizers));
        let result = body(self);
        let _ = self.vm.host.stdout.flush();
        let _ = self.vm.host.stderr.flush();
        self.finalizers = gc::swap_finalizers(before);
        result
    }

    pub(crate) fn main_module(&mut self) -> Rc<Module> {
        let vm = &mut self.vm;
        let module = vm.new_module("__main__", None);
        let annotations = Value::dict(crate::object::Dict::new());
        vm.set_entry(&module.dict, sym::__annotations__, annotations);
        let builtins = vm.intern("builtins");
        if let Some(builtins) = vm.modules.get_str(&builtins) {
            vm.set_entry(&module.dict, sym::__builtins__, builtins);
        }
        if let Some(path) = &vm.host.script {
            let path = Value::string(path.display().to_string());
            vm.set_entry(&module.dict, sym::__file__, path);
            vm.set_entry(&module.dict, "__cached__", Value::None);
        }
        let name = vm.name(sym::__main__).clone();
        vm.modules.set_str(&name, Value::Module(module.clone()));
        if !vm.host.warnings.is_empty() {
            // What is wrong with them is said before anything runs.
            if let Err(error) = vm.import_module("warnings") {
                vm.report_ignored(&error, Some("'import warnings' failed"), &Value::None);
            }
        }
        module
    }

    /// Has `warnings` say which of the options it was given it cannot use.
    pub(crate) fn read_warning_options(&mut self) {
        if !self.vm.host.warnings.is_empty()
            && let Err(error) = self.vm.import_module("warnings")
        {
            self.vm.report_ignored(&error, None, &Value::None);
        }
    }

    /// What the process ends with after an exception nobody caught.
    pub(crate) fn exit_status(&mut self, error: &Error) -> u8 {
        let vm = &mut self.vm;
        if error.is(&vm.types.SystemExit) && vm.stopped.is_none() {
            let value = error.value();
            let code = vm.get_attr(&value, sym::code).unwrap_or(value);
            if let Some(status) = code.as_bigint() {
                return i64::try_from(status).map(|status| (status & 0xff) as u8).unwrap_or_else(|_| {
                    let error = vm.overflow_error("Python int too large to convert to C long");
                    vm.report_ignored(&error, Some(LEFT_BEHIND), &Value::None);
                    u8::MAX
                });
            }
            return match &code {
                Value::None => 0,
                _ if vm.host.style.format == ErrorFormat::Json => {
                    vm.print_exception(&error.0);
                    1
                }
                other => {
                    let text = vm.str(other).map(|s| s.to_string());
                    vm.write_err(&format!("{}\n", text.as_deref().unwrap_or_default()));
                    if let Err(error) = text {
                        vm.report_ignored(&error, Some(LEFT_BEHIND), &Value::None);
                    }
                    1
                }
            };
        }
        if self.vm.stopped.is_none() && self.vm.is_deadlock(error) {
            return 1;
        }
        if let Some(exit) = self.vm.show_uncaught(error) {
            return self.exit_status(&exit);
        }
        match &self.vm.stopped {
            Some((_, Limit::Time)) => TIMED_OUT,
            None if Rc::ptr_eq(&error.class(), &self.vm.types.KeyboardInterrupt) => {
                self.interrupted = true;
                130
            }
            _ => 1,
        }
    }

    /// What happens to what is left when a program ends: exit handlers, then objects die, with their warnings.
    pub(crate) fn shut_down(&mut self, main: Rc<Module>, uncaught: Option<Error>) {
        let vm = &mut self.vm;
        if vm.stopped.is_some() {
            let name = vm.name(sym::__main__).clone();
            drop((vm.modules.remove_str(&name), main, uncaught));
            crate::asyncio::let_go(vm);
            crate::asyncio::let_go_of_current(vm);
            vm.discard_garbage();
            return;
        }
        self.let_die(main, uncaught);
        // What these hold is never freed in CPython, and dies unheard.
        let vm = &mut self.vm;
        if crate::asyncio::let_go_of_current(vm) {
            vm.discard_garbage();
        }
    }

    fn let_die(&mut self, main: Rc<Module>, uncaught: Option<Error>) {
        let vm = &mut self.vm;
        vm.handling = None;
        crate::builtins::modules::run_exit_handlers(vm);
        // Only an exception that was shown is kept: in `sys.last_exc`, until modules are taken apart.
        let uncaught = uncaught.filter(|error| !error.is(&vm.types.SystemExit));
        vm.end = End::Finalizing;
        vm.run_finalizers(None);
        if gc::is_enabled() {
            vm.collect_garbage(true);
        }
        vm.end = End::Collected;
        if uncaught.is_some() {
            vm.set_last(None);
        }
        drop(uncaught);
        vm.run_finalizers(None);
        crate::asyncio::let_go(vm);
        // Without functions and classes the module's variables die with it, in order of definition; else they are
        // garbage together.
        vm.end = End::Leaving;
        let (module, variables) = (Rc::downgrade(&main), Rc::downgrade(&main.dict));
        let name = vm.name(sym::__main__).clone();
        drop((vm.modules.remove_str(&name), main));
        vm.run_finalizers(None);
        let file = vm.name(sym::__file__).clone();
        for (name, module) in vm.modules.pairs() {
            // The script's other modules; the library's own hold nothing that has to be told.
            if let (Some(name), Value::Module(module)) = (name.as_str(), module) {
                if module.dict.get_str(&file).is_some() {
                    drop((vm.modules.remove_str(name), module));
                }
            }
        }
        vm.collect_at_exit();
        if module.strong_count() == 0 && variables.strong_count() > 0 {
            // The library refers to a function of the script: what CPython frees of it goes as well.
            vm.signals.deliver = Value::None;
            vm.interrupt_handler = Value::None;
            for (name, _) in vm.modules.pairs() {
                if let Some(name) = name.as_str().filter(|name| !LASTING.contains(&name.as_str())) {
                    vm.modules.remove_str(name);
                }
            }
            vm.collect_at_exit();
        }
        // A module that somebody still holds loses its names.
        let Some(module) = module.upgrade() else { return };
        let variables = module.dict.clone();
        // Names starting with one underscore go first, then the rest, in order of definition.
        let names = variables.keys();
        for private in [true, false] {
            for name in &names {
                let Some(name) = name.as_str() else { continue };
                if name.starts_with('_') != private || name.as_str() == "__builtins__" || name.as_str() == "__name__" {
                    continue;
                }
                let old = variables.set_str(name, Value::None);
                drop(old);
                if gc::pending() {
                    vm.run_finalizers(None);
                }
            }
        }
        drop((module, variables));
        vm.collect_at_exit();
    }
}

/// An error that has no place, since the text cannot be decoded, at the first byte that is no UTF-8, so that its file is named.
fn in_file(mut error: Diagnostic, name: &str, bytes: &[u8]) -> Diagnostic {
    if error.place.is_none() {
        let at = std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), |_| 0) as u32;
        let source = Source::new(name, &String::from_utf8_lossy(bytes));
        error.place = Some(Place { source, span: Span { start: at, end: at } });
    }
    error
}
