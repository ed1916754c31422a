//! Green threads: several stacks of script frames that take turns in one interpreter.
//!
//! A thread is a coroutine whose frames were lowered for it (`lower/green.rs`): where one of them blocks, all are left,
//! and the scheduler below resumes whoever can go on. The main program is not such a coroutine: while it blocks, or now
//! and then while it runs, it lets the others have a turn. **Invariant**: a thread is resumed by one place at a time, and
//! only from where script code may run; so under the virtual clock the order of events is always the same.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;

use super::prelude::*;
use crate::host::outside::Descriptor;
use crate::host::wait_length;
use crate::object::class::{Layout, Maker};
use crate::object::coroutine::{NativeCoroutine, Outcome, Resume, State};
use crate::object::{Instance, Payload};

/// Loop rounds and calls that a thread may make before the others have a turn.
const SLICE: u32 = 5_000;

/// A thread that is not the main one.
pub struct Thread {
    /// Counts from 1; the main program is 0.
    pub id: u64,
    root: Rc<Coroutine>,
    func: Value,
    /// Is told when the thread begins, by `_begin(id)`, and when it has ended, by `_end()`.
    handle: Value,
    wait: RefCell<Wait>,
    daemon: bool,
    running: Cell<bool>,
    ended: Cell<bool>,
}

/// What a blocked thread waits for: whatever comes first.
#[derive(Clone, Default)]
pub struct Wait {
    /// On the monotonic clock, in nanoseconds.
    pub deadline: Option<i128>,
    /// Called again and again until it is true.
    pub ready: Option<Value>,
    /// One of these can be read from, or with `true` written to.
    pub descriptors: Rc<[(Descriptor, bool)]>,
    /// What is waited for: text, or an object that says it; `None` of who only waits to be given work.
    pub what: Option<Value>,
}

/// A thread that waits for another one, for the report about a deadlock.
pub struct Stuck {
    pub id: u64,
    /// Its outermost coroutine, unless it blocks on the native stack.
    pub root: Option<Rc<Coroutine>>,
    /// Where it blocks on the native stack.
    pub place: Option<(Rc<Code>, Span)>,
    pub what: Option<Value>,
    descriptors: Rc<[(Descriptor, bool)]>,
}

/// The threads of an interpreter.
#[derive(Default)]
pub struct Threads {
    threads: Vec<Rc<Thread>>,
    made: u64,
    current: u64,
    /// How many calls were under way when the running thread was entered: they are not its own.
    base: usize,
    /// Set by a call whose callee is to run in the chain of the thread; its caller awaits it at once.
    pending: bool,
    /// What is left of the running thread's share.
    slice: u32,
    /// While a thread is asked whether it can go on.
    asking: bool,
    green: HashMap<u32, Option<Rc<Code>>>,
    /// Those that block on the native stack, outermost first.
    blocked: Vec<Stuck>,
    /// Called with the numbers of the threads that are left and entered.
    pub switch: Option<fn(&mut Vm, u64, u64)>,
    /// Called when every thread waits for another one: reports it, and says what is raised where the main program blocks.
    pub deadlock: Option<fn(&mut Vm) -> Result<()>>,
    /// The class of what ends a wait that would last for ever.
    deadlock_class: OnceCell<Rc<Class>>,
}

impl Threads {
    /// The number of the thread that runs.
    pub fn current(&self) -> u64 {
        self.current
    }

    /// The number of the first call under way that is the running thread's.
    pub fn base(&self) -> usize {
        self.base
    }

    /// Whether there are threads besides the main program.
    #[inline]
    pub fn any(&self) -> bool {
        !self.threads.is_empty()
    }

    /// Whether the main program runs, and the others may have a turn in between.
    pub fn may_interleave(&self) -> bool {
        self.current == 0 && !self.asking
    }

    /// Whether a thread has not ended.
    pub fn is_alive(&self, id: u64) -> bool {
        self.threads.iter().any(|thread| thread.id == id)
    }

    /// What blocked threads wait for outside.
    pub fn descriptors(&self) -> Vec<(Descriptor, bool)> {
        let native = self.blocked.iter().flat_map(|stuck| stuck.descriptors.iter().copied());
        let waiting = self.threads.iter().filter(|thread| !thread.running.get());
        native.chain(waiting.flat_map(|thread| thread.wait.borrow().descriptors.to_vec())).collect()
    }

    pub fn take_pending(&mut self) -> bool {
        std::mem::take(&mut self.pending)
    }
}

/// Blocks the thread that awaits it: hands out what it waits for, and ends when it is resumed.
struct Blocked(Option<Wait>);

impl NativeCoroutine for Blocked {
    fn resume(&mut self, vm: &mut Vm, input: Resume) -> Result<Outcome> {
        match (self.0.take(), input) {
            (_, Resume::Throw(error) | Resume::Fail(error)) => Err(error),
            (Some(wait), _) => Ok(Outcome::Yield(Vm::wait_token(wait))),
            (None, _) => {
                vm.threads.slice = SLICE;
                Ok(Outcome::Return(Value::None))
            }
        }
    }

    fn trace(&self, visit: gc::Visit) {
        if let Some(wait) = &self.0 {
            [&wait.ready, &wait.what].into_iter().flatten().for_each(visit);
        }
    }
}

/// Makes an instance, whose `__init__` may block.
struct Making {
    made: Value,
    init: Value,
    begun: bool,
}

impl NativeCoroutine for Making {
    fn resume(&mut self, vm: &mut Vm, input: Resume) -> Result<Outcome> {
        match (std::mem::replace(&mut self.begun, true), input) {
            (_, Resume::Throw(error) | Resume::Fail(error)) => Err(error),
            (false, _) => vm.delegate(&self.init),
            (true, Resume::Send(result) | Resume::Deliver(result)) => {
                if result.is_none() {
                    Ok(Outcome::Return(self.made.take()))
                } else {
                    Err(vm.init_returned(&result))
                }
            }
        }
    }

    fn trace(&self, visit: gc::Visit) {
        visit(&self.made);
        visit(&self.init);
    }

    fn awaiting(&self) -> Value {
        self.init.clone()
    }
}

pub fn named_arguments(pairs: &[(Value, Value)]) -> Vec<Named> {
    pairs.iter().filter_map(|(key, value)| Some((key.as_str()?.clone(), value.clone()))).collect()
}

impl Vm {
    /// Calls in the code of a thread: a plain script function becomes a link of the thread's chain, and what blocks is
    /// awaited. Where `pending` is set afterwards, the value is to be awaited; otherwise it is the result.
    pub fn call_suspending(&mut self, callee: &Value, mut args: Vec<Value>, kwargs: &[Named]) -> Result {
        let mut callee = callee.clone();
        loop {
            callee = match &callee {
                Value::BoundMethod(method) => {
                    args.insert(0, method.this.clone());
                    method.func.clone()
                }
                Value::Function(function) if function.code.replaced.get() => match self.replacement(function) {
                    Some(other) => Value::Function(other),
                    None => break,
                },
                Value::Function(function) if function.code.kind == CodeKind::Function => {
                    let Some(green) = self.green_code(&function.code) else { break };
                    green.runs_in(&function.globals);
                    let mut locals = vec![Value::Unbound; function.code.slots as usize];
                    self.bind_into(function, &args, kwargs, &mut locals)?;
                    locals.resize(green.slots as usize, Value::Unbound);
                    let twin = Function {
                        code: green,
                        globals: function.globals.clone(),
                        closure: function.closure.clone(),
                        // The arguments are bound; what two functions shared the collector could not count.
                        defaults: RefCell::default(),
                        extra: RefCell::default(),
                        mark: Default::default(),
                    };
                    let callee = self.make_coroutine(&Rc::new(twin), locals);
                    self.threads.pending = true;
                    return Ok(callee);
                }
                Value::Class(class) => {
                    let Maker::Init(init) = self.maker(class) else { break };
                    let made = Instance::create(class, Payload::NONE);
                    args.insert(0, made.clone());
                    let begun = self.call_suspending(&Value::Function(init), args, kwargs)?;
                    if self.threads.pending {
                        return Ok(self.suspend_in(Box::new(Making { made, init: begun, begun: false })));
                    }
                    return if begun.is_none() { Ok(made) } else { Err(self.init_returned(&begun)) };
                }
                Value::Native(native) => {
                    let Some(blocking) = native.row.blocking else { break };
                    let args = self.bind_native(native, &args, kwargs)?;
                    return blocking(self, &args);
                }
                Value::Instance(instance) => {
                    let class = instance.class().clone();
                    if class.builtin && class.name.borrow().as_str() == "partial" {
                        let part = |vm: &mut Vm, name: &str| vm.get_attr(&callee, name);
                        let (func, given, named) = (part(self, "func")?, part(self, "args")?, part(self, "keywords")?);
                        let mut all = self.collect(&given)?;
                        all.append(&mut args);
                        let mut keywords =
                            named.as_dict().map(|dict| named_arguments(&dict.pairs())).unwrap_or_default();
                        keywords.retain(|(name, _)| !kwargs.iter().any(|(other, _)| other == name));
                        keywords.extend_from_slice(kwargs);
                        return self.call_suspending(&func, all, &keywords);
                    }
                    match self.lookup_special(&callee, sym::__call__) {
                        Some(method @ Value::Function(_)) => {
                            args.insert(0, callee.clone());
                            method
                        }
                        _ => break,
                    }
                }
                _ => break,
            };
        }
        self.call_kw(&callee, &args, kwargs)
    }

    /// The code of a function as threads run it; `None` if there is none.
    fn green_code(&mut self, code: &Code) -> Option<Rc<Code>> {
        if let Some(known) = self.threads.green.get(&code.id.get()) {
            return known.clone();
        }
        let green = crate::lower::compile_green(self, code);
        self.threads.green.insert(code.id.get(), green.clone());
        green
    }

    /// What the code of a thread awaits to block: until a moment, until something is true, or just for others' turn.
    fn blocked(&mut self, wait: Wait) -> Value {
        self.suspend_in(Box::new(Blocked(Some(wait))))
    }

    /// A native coroutine that the code of a thread is to await.
    pub fn suspend_in(&mut self, native: Box<dyn NativeCoroutine>) -> Value {
        let coroutine = Coroutine::native(Kind::Coroutine, native, &"blocked");
        self.threads.pending = true;
        Value::Coroutine(Rc::new(coroutine))
    }

    /// What a blocked thread hands out to wait until a moment or until a callable says yes.
    pub fn wait_token(wait: Wait) -> Value {
        let deadline = wait.deadline.map_or(Value::None, |at| Value::Int(at.clamp(0, i64::MAX.into()) as i64));
        let numbers = wait.descriptors.iter().map(|(number, write)| i64::from(*number) * 2 + i64::from(*write));
        let descriptors = Value::tuple(numbers.map(Value::Int).collect::<Vec<_>>());
        Value::tuple([deadline, wait.ready.unwrap_or(Value::None), wait.what.unwrap_or(Value::None), descriptors])
    }

    /// In a thread's loops: blocks for the others' turn when the share is used up.
    pub fn end_of_slice(&mut self) -> Value {
        match self.threads.slice.checked_sub(1) {
            Some(left) => {
                self.threads.slice = left;
                Value::None
            }
            None => self.blocked(Wait::default()),
        }
    }

    /// In a thread: awaits the end of a sleep.
    pub fn sleep_suspending(&mut self, nanoseconds: i128) -> Value {
        let deadline = Some(self.host.clock.monotonic() + nanoseconds);
        self.blocked(Wait { deadline, ..Wait::default() })
    }

    /// When so many seconds will have passed, in nanoseconds of the monotonic clock; `None` for `None`.
    pub fn deadline_in(&mut self, seconds: &Value) -> Result<Option<i128>> {
        let Some(seconds) = seconds.given() else { return Ok(None) };
        let nanoseconds = wait_length(self.to_f64(seconds)?.clamp(0.0, 1e9));
        Ok(Some(self.host.clock.monotonic() + nanoseconds))
    }

    /// In a thread: awaits that a callable says yes, or the deadline.
    pub fn wait_suspending(&mut self, wait: Wait) -> Value {
        self.blocked(wait)
    }

    /// Starts a thread that calls a function; it runs at once until it blocks. An exception that leaves it is reported and
    /// goes no further.
    pub fn start_thread(
        &mut self,
        func: &Value,
        args: Vec<Value>,
        kwargs: &[Named],
        daemon: bool,
        handle: &Value,
    ) -> Result<()> {
        if self.end != End::NotYet {
            let class = self.types.PythonFinalizationError.clone();
            return Err(self.error(&class, "can't create new thread at interpreter shutdown"));
        }
        self.threads.made += 1;
        let id = self.threads.made;
        self.call_method(handle, "_begin", &[Value::Int(id as i64)])?;
        let root = self.call_suspending(func, args, kwargs);
        let suspended = self.threads.take_pending();
        let root = match root {
            Ok(Value::Coroutine(root)) if suspended => root,
            // What cannot be suspended has run already.
            outcome => return self.thread_ended(func, handle, outcome.map(drop)),
        };
        let thread = Rc::new(Thread {
            id,
            root,
            func: func.clone(),
            handle: handle.clone(),
            wait: RefCell::default(),
            daemon,
            running: Cell::default(),
            ended: Cell::default(),
        });
        self.threads.threads.push(thread.clone());
        self.turn(&thread, Resume::Send(Value::None))
    }

    /// Tells a thread's handle that it has ended, after a report of what ended it.
    fn thread_ended(&mut self, func: &Value, handle: &Value, outcome: Result<()>) -> Result<()> {
        if let Err(error) = outcome {
            if self.stopped.is_some() {
                return Err(error);
            }
            // Of a deadlock everything has been said.
            if !error.is(&self.types.SystemExit) && !self.is_deadlock(&error) {
                let func = self.repr(func).map(|text| text.to_string()).unwrap_or_default();
                let message = format!("Exception ignored in thread started by {func}");
                self.report_ignored(&error, Some(&message), &Value::None);
            }
        }
        self.call_method(handle, "_end", &[]).map(drop)
    }

    /// Resumes a thread until it blocks or ends.
    fn turn(&mut self, thread: &Rc<Thread>, input: Resume) -> Result<()> {
        let before = std::mem::replace(&mut self.threads.current, thread.id);
        let base = std::mem::replace(&mut self.threads.base, self.calls.len());
        let slice = std::mem::replace(&mut self.threads.slice, SLICE);
        let handling = self.handling.take();
        // It has a stack of its own.
        let depth = std::mem::take(&mut self.depth);
        if let Some(switch) = self.threads.switch {
            switch(self, before, thread.id);
        }
        thread.running.set(true);
        let outcome = self.resume(&thread.root, input);
        thread.running.set(false);
        if let Some(switch) = self.threads.switch {
            switch(self, thread.id, before);
        }
        self.depth = depth;
        self.handling = handling;
        self.threads.slice = slice;
        self.threads.base = base;
        self.threads.current = before;
        match outcome {
            Ok(Outcome::Yield(token)) => {
                let token = self.collect(&token)?;
                if let [deadline, ready, what, descriptors] = token.as_slice() {
                    let deadline = deadline.as_int().map(i128::from);
                    let numbers = descriptors.as_tuple().map(|tuple| tuple.to_vec()).unwrap_or_default();
                    let numbers = numbers.iter().filter_map(Value::as_int);
                    let descriptors = numbers.map(|number| ((number >> 1) as Descriptor, number & 1 == 1)).collect();
                    let wait =
                        Wait { deadline, ready: ready.given().cloned(), what: what.given().cloned(), descriptors };
                    thread.wait.replace(wait);
                }
                Ok(())
            }
            outcome => {
                thread.ended.set(true);
                self.threads.threads.retain(|other| !Rc::ptr_eq(other, thread));
                self.thread_ended(&thread.func, &thread.handle, outcome.map(drop))
            }
        }
    }

    /// Asks a condition; nobody else has a turn meanwhile.
    fn says_yes(&mut self, ready: &Value) -> Result<bool> {
        let before = std::mem::replace(&mut self.threads.asking, true);
        let answer = self.call(ready, &[]).and_then(|answer| self.truth(&answer));
        self.threads.asking = before;
        answer
    }

    /// Whether one of the descriptors that a thread waits for is ready.
    fn any_ready(&mut self, wait: &Wait) -> bool {
        wait.descriptors.iter().any(|&(descriptor, write)| self.host.outside.is_ready(descriptor, write))
    }

    /// Whether a blocked thread can go on.
    fn can_run(&mut self, wait: &Wait) -> Result<bool> {
        if let Some(ready) = &wait.ready {
            if self.says_yes(ready)? {
                return Ok(true);
            }
        }
        if self.any_ready(wait) {
            return Ok(true);
        }
        Ok(match wait.deadline {
            Some(deadline) => deadline <= self.host.clock.monotonic(),
            None => wait.ready.is_none() && wait.descriptors.is_empty(),
        })
    }

    /// Gives every thread that can go on a turn. Whether any did.
    pub fn run_threads(&mut self) -> Result<bool> {
        let mut ran = false;
        for thread in self.threads.threads.clone() {
            if thread.running.get() || thread.ended.get() {
                continue;
            }
            let wait = thread.wait.borrow().clone();
            if self.can_run(&wait)? {
                self.turn(&thread, Resume::Send(Value::None))?;
                ran = true;
            }
        }
        Ok(ran)
    }

    /// The first moment at which a thread can go on by itself.
    pub fn next_thread_deadline(&self) -> Option<i128> {
        let waiting = self.threads.threads.iter().filter(|thread| !thread.running.get());
        waiting.filter_map(|thread| thread.wait.borrow().deadline).min()
    }

    fn idle_until(&mut self, at: i128) {
        let left = at - self.host.clock.monotonic();
        self.idle(Some(left.max(0)));
    }

    /// Blocks on the native stack while the others run: until what is waited for is there (`true`) or the moment (`false`).
    ///
    /// # Errors
    /// Those of an interrupt, and a report if nobody is left who could end the wait.
    pub fn block(&mut self, wait: Wait) -> Result<bool> {
        let id = self.threads.current;
        self.threads.blocked.push(Stuck {
            id,
            root: None,
            place: self.here(),
            what: wait.what.clone(),
            descriptors: wait.descriptors.clone(),
        });
        let result = self.blocking(&wait);
        self.threads.blocked.pop();
        // Those below on the native stack could not go on meanwhile: their turn comes as soon as this stack can be left.
        self.threads.slice = 0;
        result
    }

    fn blocking(&mut self, wait: &Wait) -> Result<bool> {
        loop {
            if let Some(ready) = &wait.ready {
                if self.says_yes(ready)? {
                    return Ok(true);
                }
            }
            if self.any_ready(wait) {
                return Ok(true);
            }
            let now = self.host.clock.monotonic();
            if wait.deadline.is_some_and(|at| at <= now) {
                return Ok(false);
            }
            self.look_out()?;
            if self.run_threads()? {
                continue;
            }
            match self.next_thread_deadline().into_iter().chain(wait.deadline).min() {
                Some(at) => self.idle_until(at),
                None => self.stuck()?,
            }
        }
    }

    /// Nobody can go on by himself: waits for somebody outside, if there is anybody.
    ///
    /// # Errors
    /// What is raised where it blocks, after it was reported.
    fn stuck(&mut self) -> Result<()> {
        if !self.host.deadlock_check || self.signal_wakes() || self.waits_outside() {
            self.idle(None);
            return Ok(());
        }
        match self.threads.deadlock {
            Some(report) => report(self),
            None => Err(self.runtime_error("deadlock: every thread waits for another one")),
        }
    }

    /// The class of the exception that ends what would wait for ever.
    pub fn deadlock_class(&self) -> Rc<Class> {
        let make = || Class::builtin("DeadlockError", Some(&self.types.RuntimeError), Layout::Exception);
        self.threads.deadlock_class.get_or_init(make).clone()
    }

    /// Whether an error is about a deadlock, which was reported when it was found.
    pub fn is_deadlock(&self, error: &Error) -> bool {
        self.threads.deadlock_class.get().is_some_and(|class| error.is(class))
    }

    /// Who waits for somebody else: the main program first, if it does.
    pub fn stuck_threads(&self) -> Vec<Stuck> {
        let native = self.threads.blocked.iter().map(|stuck| Stuck {
            id: stuck.id,
            root: None,
            place: stuck.place.clone(),
            what: stuck.what.clone(),
            descriptors: Rc::default(),
        });
        let others = self.threads.threads.iter().filter(|thread| !thread.running.get()).map(|thread| Stuck {
            id: thread.id,
            root: Some(thread.root.clone()),
            place: None,
            what: thread.wait.borrow().what.clone(),
            descriptors: Rc::default(),
        });
        native.chain(others).filter(|stuck| stuck.what.is_some()).collect()
    }

    /// Has an error leave the first thread that waits for another one. Whether there was any.
    pub fn end_stuck_thread(&mut self, error: Error) -> Result<bool> {
        let stuck = |thread: &&Rc<Thread>| !thread.running.get() && thread.wait.borrow().what.is_some();
        let Some(thread) = self.threads.threads.iter().find(stuck).cloned() else { return Ok(false) };
        thread.wait.take();
        self.turn(&thread, Resume::Throw(error))?;
        Ok(true)
    }

    /// At the end of a program: what daemons were doing is not done, their `finally` blocks neither.
    pub fn drop_threads(&mut self) {
        let threads = std::mem::take(&mut self.threads.threads);
        for thread in &threads {
            let chain = thread.root.take_chain().unwrap_or_default();
            for member in chain.members.iter().chain([&thread.root]) {
                member.state.set(State::Finished);
            }
        }
    }

    /// At the end of a program: waits for all threads but daemons.
    pub fn join_threads(&mut self) -> Result<()> {
        while self.threads.threads.iter().any(|thread| !thread.daemon) {
            self.look_out()?;
            if self.run_threads()? {
                continue;
            }
            match self.next_thread_deadline() {
                Some(at) => self.idle_until(at),
                None => self.stuck()?,
            }
        }
        Ok(())
    }
}
