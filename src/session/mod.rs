//! A session: inputs run one after the other in one namespace, on one event loop that lives as long as they do.
//!
//! The loop is not running between inputs, yet code typed at the prompt finds it: `asyncio.create_task(...)` means the
//! session's loop, while `asyncio.run(...)` may run one of its own. An input that awaits becomes a task of the session's
//! loop. In between, whoever owns the session calls [`Session::poll`], and tasks go on.
//!
//! **Invariant**: a session keeps no input's code alive beyond the last few; what a function defined at the prompt needs,
//! the function holds.

mod clock;
mod commands;
mod complete;
mod tasks;

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use crate::asyncio::{self, event_loop, future, loop_methods, policy, state, task};
use crate::diagnostic::Diagnostic;
use crate::host::Host;
use crate::interpreter::Interpreter;
use crate::lower;
use crate::machine::Vm;
use crate::object::code::{Code, CodeKind};
use crate::object::module::Module;
use crate::object::native::{Row, method};
use crate::object::{Error, Result, Value, gc};
use crate::source::Source;
use crate::symbol::sym;
use crate::syntax::ast::Module as Tree;
use crate::syntax::{self, Parsed};
use clock::Switch;

/// The code of so many inputs is kept, so that a warning about what they made can still show the place.
const RECENT: usize = 16;
/// Of the inputs, so many bytes are kept for `:save`.
const KEPT: usize = 1 << 20;
/// After an input, so many passes of the loop are run at most before the next prompt.
const SETTLE: usize = 1000;

/// What became of what was fed to a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reply {
    /// An input has begun and is not complete.
    More,
    Done,
    /// The session wants to end, with this exit status.
    Leave(u8),
}

/// Writes a file for `:save`.
pub type WriteFile = Box<dyn FnMut(&Path, &str) -> io::Result<()>>;

/// Inputs in one namespace, on one event loop.
pub struct Session {
    interpreter: Interpreter,
    main: Rc<Module>,
    event_loop: Value,
    clock: Switch,
    write_file: WriteFile,
    /// The lines of an input that is not complete.
    pending: String,
    inputs: u32,
    recent: VecDeque<Rc<Code>>,
    /// An input has imported `annotations` from `__future__`.
    future_annotations: bool,
    /// The inputs that were valid, for `:save`.
    log: VecDeque<String>,
    log_size: usize,
}

/// How the input that is running takes an interrupt.
#[derive(Default)]
struct Interrupts {
    cancelled: bool,
}

impl Session {
    /// A session on a host. `:save` goes through `write_file`, everything else through the host.
    pub fn new(mut host: Host, write_file: WriteFile) -> Session {
        let clock = Switch::new(std::mem::replace(&mut host.clock, Box::new(crate::host::VirtualClock::default())));
        host.clock = Box::new(clock.clone());
        let mut interpreter = Interpreter::new(host);
        let main = interpreter.main_module();
        let mut session = Session {
            interpreter,
            main,
            event_loop: Value::None,
            clock,
            write_file,
            pending: String::new(),
            inputs: 0,
            recent: VecDeque::new(),
            future_annotations: false,
            log: VecDeque::new(),
            log_size: 0,
        };
        session.open();
        session
    }

    /// The interpreter, for its limits and its interrupt flag.
    pub fn interpreter(&mut self) -> &mut Interpreter {
        &mut self.interpreter
    }

    /// What a session begins with on a terminal: two lines.
    pub fn banner() -> String {
        format!(
            "aio {}: Python 3.13's language, with await at the prompt and asyncio imported.\n\
             :help shows what else there is, Ctrl-D leaves.\n",
            env!("CARGO_PKG_VERSION")
        )
    }

    /// What to show before the next line: `sys.ps1`, or `sys.ps2` if it goes on.
    pub fn prompt(&mut self) -> String {
        let name = if self.pending.is_empty() { "ps1" } else { "ps2" };
        let mut prompt = String::new();
        self.inside(|session| {
            let vm = &mut session.interpreter.vm;
            let text = vm.sys_attr(name).and_then(|value| vm.str(&value).ok());
            prompt = text.map_or_else(String::new, |text| text.to_string());
            Reply::Done
        });
        prompt
    }

    /// A new loop, and `asyncio` in the namespace.
    fn open(&mut self) {
        let vm = &mut self.interpreter.vm;
        let state = state(vm);
        self.event_loop = policy::make_loop(vm, &state);
        if let Some(el) = event_loop::of(&self.event_loop) {
            el.timed.set(true);
        }
        if let Ok(asyncio) = vm.import_module("asyncio") {
            vm.set_entry(&self.main.dict, "asyncio", asyncio);
        }
        if let Ok(Value::Module(sys)) = vm.import_module("sys") {
            for (name, prompt) in [("ps1", ">>> "), ("ps2", "... ")] {
                vm.set_entry(&sys.dict, name, Value::str(prompt));
            }
        }
    }

    /// Runs a script in the session's namespace, as it would run by itself.
    pub fn run_file(&mut self, name: &str, bytes: &[u8]) {
        let program = match self.interpreter.compile(name, bytes) {
            Ok(program) => program,
            Err(errors) => return self.refuse(&errors),
        };
        let main = self.main.clone();
        self.interpreter.within(|interpreter| {
            let result = interpreter.vm.run_code(&program.code, &main.dict, None);
            if let Err(error) = result {
                interpreter.vm.print_exception(&error.0);
            }
            interpreter.vm.run_finalizers(None);
        });
    }

    /// Takes a line, or several that were pasted or edited together, without the last line end.
    pub fn feed(&mut self, text: &str) -> Reply {
        if self.pending.is_empty() {
            if let Some(command) = text.trim().strip_prefix(':') {
                return self.inside(|session| session.command(command));
            }
            if let Some(reply) = self.bare_word(text.trim()) {
                return reply;
            }
        }
        self.pending.push_str(text);
        self.pending.push('\n');
        let source = Source::new(&format!("<input-{}>", self.inputs + 1), &self.pending);
        source.future_annotations.set(self.future_annotations);
        let parsed = syntax::parse_interactive(&source, &mut self.interpreter.vm.interner);
        match parsed {
            Parsed::Incomplete(_) => return Reply::More,
            Parsed::Complete(module) if module.body.is_empty() => {}
            Parsed::Complete(module) => {
                self.inputs += 1;
                let text = std::mem::take(&mut self.pending);
                return self.inside(|session| session.run(&source, module, &text, true));
            }
            Parsed::Invalid(errors) => {
                self.inputs += 1;
                self.refuse(&errors);
            }
        }
        self.pending.clear();
        Reply::Done
    }

    /// No more lines come: whatever is open is all there is.
    pub fn end_of_input(&mut self) -> Reply {
        if self.pending.is_empty() {
            return Reply::Done;
        }
        // What is missing is told of the lines that there are.
        let source = Source::new(&format!("<input-{}>", self.inputs + 1), &self.pending);
        match syntax::parse_module(&source, &mut self.interpreter.vm.interner) {
            Parsed::Complete(_) => self.feed(""),
            Parsed::Incomplete(errors) | Parsed::Invalid(errors) => {
                self.refuse(&errors);
                self.pending.clear();
                Reply::Done
            }
        }
    }

    /// Ctrl-C at the prompt: forgets what was typed of an input.
    pub fn interrupt(&mut self) {
        self.pending.clear();
        self.inside(|session| {
            session.interpreter.vm.write_err("KeyboardInterrupt\n");
            Reply::Done
        });
    }

    /// Runs one pass of the event loop if something is ready. How long until there is something to do again: `None` if
    /// nothing is to come before the next input, as when time is virtual.
    pub fn poll(&mut self) -> (Option<Duration>, Reply) {
        let mut wait = None;
        let reply = self.inside(|session| match event_loop::poll(&mut session.interpreter.vm, &session.event_loop) {
            Ok(next) => {
                wait = next;
                Reply::Done
            }
            Err(error) => session.failed(error),
        });
        if wait != Some(0) && self.interpreter.vm.host.clock.is_virtual() {
            wait = None;
        }
        (wait.map(|nanoseconds| Duration::from_nanos(nanoseconds.clamp(0, i128::from(u32::MAX)) as u64)), reply)
    }

    /// Runs what is ready, for as long as something is (within reason).
    pub fn settle(&mut self) -> Reply {
        for _ in 0..SETTLE {
            let (wait, reply) = self.poll();
            if reply != Reply::Done || wait != Some(Duration::ZERO) {
                return reply;
            }
        }
        Reply::Done
    }

    /// Ends the session: pending tasks are cancelled and named, their cleanup runs, objects die with their warnings.
    pub fn leave(mut self) {
        self.inside(|session| {
            session.close_loop();
            session.recent.clear();
            let empty = session.interpreter.vm.new_module("__main__", None);
            let main = std::mem::replace(&mut session.main, empty);
            session.interpreter.shut_down(main, None);
            Reply::Done
        });
    }

    /// Does something with the interpreter as the running one on this thread, and the session's loop as the one that is
    /// meant.
    fn inside(&mut self, body: impl FnOnce(&mut Session) -> Reply) -> Reply {
        let finalizers = std::mem::take(&mut self.interpreter.finalizers);
        let before = gc::swap_finalizers(finalizers);
        let state = state(&mut self.interpreter.vm);
        state.session.replace(self.event_loop.clone());
        let reply = body(self);
        let vm = &mut self.interpreter.vm;
        vm.handling = None;
        vm.run_finalizers(None);
        state.session.replace(Value::None);
        let _ = vm.host.stdout.flush();
        let _ = vm.host.stderr.flush();
        self.interpreter.finalizers = gc::swap_finalizers(before);
        reply
    }

    /// `exit`, `quit` and `help` need no parentheses.
    fn bare_word(&mut self, word: &str) -> Option<Reply> {
        if !matches!(word, "exit" | "quit" | "help") {
            return None;
        }
        let name = self.interpreter.vm.intern(word);
        if self.main.dict.get_str(&name).is_some() {
            return None;
        }
        match word {
            "help" => Some(self.inside(|session| session.command("help"))),
            _ => Some(Reply::Leave(0)),
        }
    }

    /// Runs an input; `show` has the values of its expressions shown.
    fn run(&mut self, source: &Rc<Source>, module: Tree, text: &str, show: bool) -> Reply {
        let code = match self.compile(source, module, show) {
            Ok(code) => code,
            Err(errors) => {
                self.refuse(&errors);
                return Reply::Done;
            }
        };
        self.remember(text);
        match self.execute(&code) {
            Ok(()) => Reply::Done,
            Err(error) => self.failed(error),
        }
    }

    fn compile(
        &mut self,
        source: &Rc<Source>,
        module: Tree,
        show: bool,
    ) -> std::result::Result<Rc<Code>, Vec<Diagnostic>> {
        let code = lower::compile_interactive(
            &mut self.interpreter.vm,
            source,
            module,
            crate::resolve::Mode::Interactive,
            false,
            show,
        )?;
        self.future_annotations = source.future_annotations.get();
        self.recent.push_back(code.clone());
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
        Ok(code)
    }

    /// Runs the code of an input; one that awaits, as a task of the session's loop.
    fn execute(&mut self, code: &Rc<Code>) -> Result<()> {
        let vm = &mut self.interpreter.vm;
        let value = vm.run_code(code, &self.main.dict, None)?;
        if code.kind != CodeKind::Coroutine {
            return Ok(());
        }
        let state = state(vm);
        let context = state.contexts.context.borrow().clone();
        let event_loop = self.event_loop.clone();
        let running = task::new_task(vm, &state, &event_loop, &value, &Value::None, Some(context), false)?;
        drop(value);
        let running = Value::Instance(running);
        vm.extension::<Interrupts>().cancelled = false;
        let handler = asyncio::bound_native(vm, &INTERRUPTED, &running);
        let before = std::mem::replace(&mut vm.interrupt_handler, handler);
        let result = loop_methods::complete(vm, &[event_loop, running.clone()]);
        vm.interrupt_handler = before;
        match result {
            Ok(_) => Ok(()),
            Err(error) => {
                if let Value::Instance(instance) = &running {
                    if !future::is_done(instance) {
                        // The loop ended before the input did.
                        future::cancel(vm, &running, Value::None)?;
                        event_loop::poll(vm, &self.event_loop)?;
                    }
                }
                if vm.extension::<Interrupts>().cancelled && error.is(&vm.types.CancelledError) {
                    return Err(vm.interrupted());
                }
                Err(error)
            }
        }
    }

    /// Shows an exception that nobody caught.
    fn failed(&mut self, error: Error) -> Reply {
        let vm = &mut self.interpreter.vm;
        if error.is(&vm.types.SystemExit) {
            return Reply::Leave(self.interpreter.exit_status(&error));
        }
        vm.set_last(Some(&error));
        vm.print_exception(&error.0);
        Reply::Done
    }

    fn refuse(&mut self, errors: &[Diagnostic]) {
        if let Some(first) = errors.first() {
            self.interpreter.vm.draw(first);
        }
    }

    fn remember(&mut self, text: &str) {
        let text = text.trim_end().to_owned();
        self.log_size += text.len();
        self.log.push_back(text);
        while self.log_size > KEPT {
            let Some(oldest) = self.log.pop_front() else { break };
            self.log_size -= oldest.len();
        }
    }

    /// Cancels what still runs on the session's loop and lets it clean up.
    fn close_loop(&mut self) {
        let names: Vec<String> = self.pending_tasks().iter().map(tasks::shown_name).collect();
        let vm = &mut self.interpreter.vm;
        if !names.is_empty() {
            let what = if names.len() == 1 { "task".to_owned() } else { format!("{} tasks", names.len()) };
            vm.write_err(&format!("cancelled {what}: {}\n", names.join(", ")));
        }
        let Some(el) = event_loop::of(&self.event_loop) else { return };
        let state = state(vm);
        state.session.replace(Value::None);
        // They have been named.
        state.deadlocked.set(true);
        let busy = !names.is_empty() || !el.async_generators.borrow().is_empty();
        let result = if busy { close_busy(vm, &self.event_loop) } else { Ok(()) };
        if let Err(error) = result {
            vm.print_exception(&error.0);
        }
        if !el.closed.replace(true) {
            el.clear();
        }
    }
}

/// The end of a loop as `asyncio.run` does it.
fn close_busy(vm: &mut Vm, event_loop: &Value) -> Result<()> {
    let asyncio = vm.import_module("asyncio")?;
    let runner = vm.call_method(&asyncio, "Runner", &[])?;
    vm.set_attr(&runner, "_loop", event_loop.clone())?;
    vm.call_method(&runner, sym::close, &[]).map(drop)
}

/// An interrupt while an input awaits: what it awaits is cancelled. Code that is running is interrupted there.
static INTERRUPTED: Row = method("interrupted()", |vm, args| {
    let running = future::of(&args[0]).map(|future| future.event_loop.borrow().clone()).unwrap_or_default();
    let busy = event_loop::of(&running).is_some_and(|el| el.current_task.borrow().is_some());
    if busy || std::mem::replace(&mut vm.extension::<Interrupts>().cancelled, true) {
        return Err(vm.interrupted());
    }
    future::cancel(vm, &args[0], Value::None).map(Value::bool)
});
