//! What begins with a colon: commands to the session, which no program can collide with.

use std::path::Path;
use std::rc::Rc;

use super::{Reply, Session, tasks};
use crate::asyncio::{event_loop, future};
use crate::host::Clock;
use crate::object::instance::Instance;
use crate::source::Source;
use crate::symbol::sym;
use crate::syntax::{self, Parsed};

pub(super) struct Command {
    pub name: &'static str,
    argument: &'static str,
    says: &'static str,
    run: fn(&mut Session, &str) -> Reply,
}

const fn command(
    name: &'static str,
    argument: &'static str,
    says: &'static str,
    run: fn(&mut Session, &str) -> Reply,
) -> Command {
    Command { name, argument, says, run }
}

pub(super) const COMMANDS: &[Command] = &[
    command("help", "", "this list", help),
    command("tasks", "", "the tasks that are pending: where they wait, for what, how long", tasks),
    command("cancel", "NAME", "cancel the task of that name", cancel),
    command("time", "EXPR", "run an input and say how long it took", time),
    command("load", "FILE", "run a file here; it may await at the top", load),
    command("save", "FILE", "write the inputs of this session to a file", save),
    command("reset", "", "cancel all tasks and forget all names", reset),
    command(
        "virtual",
        "on|off",
        "virtual time: sleeping takes none; it passes only while an input awaits",
        set_virtual,
    ),
    command("quit", "", "leave, as exit() and Ctrl-D do", |_, _| Reply::Leave(0)),
];

impl Session {
    /// Runs a command; `text` is what stands behind the colon.
    pub(super) fn command(&mut self, text: &str) -> Reply {
        let text = text.trim();
        let (name, argument) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let argument = argument.trim();
        let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
            return self.complain(&format!("unknown command ':{name}'; :help lists what there is"));
        };
        if command.argument.is_empty() != argument.is_empty() {
            let expected = if command.argument.is_empty() { "nothing" } else { command.argument };
            return self.complain(&format!(":{name} is followed by {expected}"));
        }
        (command.run)(self, argument)
    }

    fn complain(&mut self, message: &str) -> Reply {
        self.interpreter.vm.write_err(&format!("{message}\n"));
        Reply::Done
    }

    fn say(&mut self, text: &str) -> Reply {
        match self.interpreter.vm.write_out(text) {
            Ok(()) => Reply::Done,
            Err(error) => self.failed(error),
        }
    }

    /// The tasks of the session's loop that are not done.
    pub(super) fn pending_tasks(&mut self) -> Vec<Rc<Instance>> {
        let all = crate::asyncio::state(&mut self.interpreter.vm).pending_tasks();
        all.into_iter().filter(|task| future::data(task).event_loop.borrow().is(&self.event_loop)).collect()
    }
}

fn help(session: &mut Session, _: &str) -> Reply {
    let mut text = String::new();
    for Command { name, argument, says, .. } in COMMANDS {
        text.push_str(&format!("{:<18}{says}\n", format!(":{name} {argument}")));
    }
    text.push_str("help(object)      what an object is and has\n");
    text.push_str("_                 the last value shown\n");
    session.say(&text)
}

fn tasks(session: &mut Session, _: &str) -> Reply {
    let pending = session.pending_tasks();
    if pending.is_empty() {
        return session.say("no tasks are pending\n");
    }
    let text = tasks::table(&mut session.interpreter.vm, &session.event_loop, &pending);
    session.say(&text)
}

fn cancel(session: &mut Session, name: &str) -> Reply {
    let name = name.trim_matches(['\'', '"']);
    let pending = session.pending_tasks();
    let wanted = |task: &&Rc<Instance>| tasks::shown_name(task).trim_matches('\'') == name;
    let Some(found) = pending.iter().find(wanted) else {
        return session.complain(&format!("no pending task is named '{name}'; :tasks shows them"));
    };
    let value = crate::object::Value::Instance(found.clone());
    let vm = &mut session.interpreter.vm;
    match vm.call_method(&value, sym::cancel, &[]) {
        Ok(_) => Reply::Done,
        Err(error) => session.failed(error),
    }
}

/// Runs an input and says how long it took, on the session's clock.
fn time(session: &mut Session, text: &str) -> Reply {
    let source = Source::new(&format!("<input-{}>", session.inputs + 1), &format!("{text}\n\n"));
    session.inputs += 1;
    let module = match syntax::parse_interactive(&source, &mut session.interpreter.vm.interner) {
        Parsed::Complete(module) => module,
        Parsed::Incomplete(errors) | Parsed::Invalid(errors) => {
            session.refuse(&errors);
            return Reply::Done;
        }
    };
    let start = session.clock.monotonic();
    let reply = session.run(&source, module, text, true);
    let took = session.clock.monotonic() - start;
    match reply {
        Reply::Leave(_) => reply,
        _ => {
            session.say(&format!("took {}\n", crate::asyncio::explain::duration(took as f64 / event_loop::NANOSECONDS)))
        }
    }
}

fn load(session: &mut Session, file: &str) -> Reply {
    let bytes = match (session.interpreter.vm.host.read_module)(Path::new(file)) {
        Ok(bytes) => bytes,
        Err(error) => return session.complain(&format!("can't read '{file}': {error}")),
    };
    let source = match session.interpreter.vm.read_source(&bytes, file, syntax::Origin::Script) {
        Ok(source) => source,
        Err(error) => {
            session.refuse(&[*error]);
            return Reply::Done;
        }
    };
    let module = match syntax::parse_module(&source, &mut session.interpreter.vm.interner) {
        Parsed::Complete(module) => module,
        Parsed::Incomplete(errors) | Parsed::Invalid(errors) => {
            session.refuse(&errors);
            return Reply::Done;
        }
    };
    session.run(&source, module, &source.text, false)
}

fn save(session: &mut Session, file: &str) -> Reply {
    let mut text = String::new();
    for input in &session.log {
        text.push_str(input);
        text.push('\n');
        if input.contains('\n') {
            text.push('\n');
        }
    }
    match (session.write_file)(Path::new(file), &text) {
        Ok(()) => {
            let count = session.log.len();
            session.say(&format!("wrote {count} input{} to {file}\n", if count == 1 { "" } else { "s" }))
        }
        Err(error) => session.complain(&format!("can't write '{file}': {error}")),
    }
}

fn reset(session: &mut Session, _: &str) -> Reply {
    session.close_loop();
    session.recent.clear();
    session.log.clear();
    session.log_size = 0;
    let vm = &mut session.interpreter.vm;
    let name = vm.intern("_");
    let shown = vm.builtins.remove_str(&name);
    drop(shown);
    for name in session.main.dict.keys() {
        if let Some(name) = name.as_str().filter(|name| !name.starts_with("__")) {
            let old = session.main.dict.remove_str(name);
            drop(old);
        }
    }
    session.interpreter.vm.run_finalizers(None);
    session.open();
    Reply::Done
}

fn set_virtual(session: &mut Session, argument: &str) -> Reply {
    let on = match argument {
        "on" => true,
        "off" => false,
        _ => return session.complain(":virtual is followed by on|off"),
    };
    if !on && session.clock.is_fixed() {
        return session.complain("time is virtual from the start here; it can't be switched off");
    }
    session.clock.set_virtual(on);
    Reply::Done
}
