//! The machine: runs frames. It knows no event loop: a frame that has to wait leaves the step loop, and whoever
//! resumed it decides what happens next.
//!
//! The ways in are [`Vm::call`] and [`Vm::resume`]. Everything that can run script code takes `&mut Vm` and returns a
//! [`Result`]; no `RefCell` borrow is held across such a call.

pub mod advice;
pub mod attr;
pub mod attr_cache;
pub mod bind;
pub mod call;
pub mod classes;
pub mod collect;
pub mod compare;
pub mod contains;
pub mod convert;
pub mod coroutine;
pub mod display;
pub mod errors;
pub mod format;
pub mod frames;
pub mod generator;
pub mod generic;
pub mod groups;
pub mod hash;
mod hooks;
pub mod import;
pub mod instance;
pub mod item;
pub mod iter;
mod limits;
pub mod links;
pub mod number;
pub mod ops;
pub mod outside;
mod passing;
mod prelude;
pub mod report;
pub mod sequence;
pub mod sets;
pub mod signals;
pub mod slice;
pub mod sort;
mod stack_size;
pub mod step;
pub mod text;
pub mod threads;
pub mod types;
pub mod unwind;
pub mod views;
pub mod warn;
mod wrong_call;

use std::any::{Any, TypeId};
use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::host::{Host, Limit};
use crate::object::code::Code;
use crate::object::{Dict, Error, Exception, Instance, Result, Str, Value};
use crate::source::Span;
use crate::symbol::{Interner, Symbol};
use types::Types;

/// How far the end of a program has come.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    #[default]
    NotYet,
    /// Exit handlers have run.
    Finalizing,
    /// Garbage has been collected for the last time but one: a warning can't be completed any more.
    Collected,
    /// Modules are taken apart: nothing is imported, no text read.
    Leaving,
}

/// Where a call was made: a code object by number, and the place of the call in it.
#[derive(Clone, Copy)]
pub struct CallSite {
    pub code: u32,
    pub span: Span,
}

/// An interpreter's state.
pub struct Vm {
    pub interner: Interner,
    /// The string object of every symbol.
    names: Vec<Rc<Str>>,
    /// The strings of one ASCII character.
    pub ascii_chars: Vec<Rc<Str>>,
    pub types: Types,
    pub builtins: Rc<Dict>,
    /// `sys.modules`.
    pub modules: Rc<Dict>,
    pub host: Host,
    /// The exception being handled (`sys.exc_info()`).
    pub handling: Option<Rc<Exception>>,
    holders: unwind::Holders,
    /// The calls under way, outermost first.
    pub calls: Vec<CallSite>,
    /// Where f-strings are put together.
    pub text_buffer: String,
    /// Where the code points of long texts are.
    pub positions: crate::object::str::Positions,
    /// The coroutines that are being resumed and wait for others in their turn, with the number of calls outside.
    pub driving: Vec<(Rc<crate::object::coroutine::Coroutine>, usize)>,
    /// Frames that CPython's library has where natives run: behind so many calls, how many.
    hidden: Vec<(usize, u32)>,
    /// How many of the calls that lead to the making of a coroutine it remembers.
    pub origin_depth: usize,
    /// The code objects that are left, by number; see [`CallSite`]. A number is never given twice.
    codes: BTreeMap<u32, Weak<Code>>,
    /// Frames of texts that look at frames, those that were under way last.
    pub observed: Vec<crate::object::frame::Observed>,
    /// Some text asks for the variables of its callers, which may be any.
    pub observes_all: bool,
    /// The program, if it was given with `-c`.
    pub command: Option<Rc<crate::source::Source>>,
    codes_made: u32,
    sweep_codes_at: usize,
    /// Frames under way on the native stack.
    pub depth: u32,
    pub recursion_limit: u32,
    /// The constructors under way that count twice: how many frames are below, and the number of `__init__`.
    constructing: Vec<(u32, u32)>,
    /// Levels of recursion inside built-in types under way: a nested `repr`, comparison or hash.
    pub native_depth: u32,
    /// The lowest address the native stack may reach; 0 for no check.
    pub stack_limit: usize,
    /// Counts down at calls and backward jumps; at zero the machine looks up from its work.
    pub fuel: u32,
    /// What `fuel` was when the machine last looked up.
    tank: u32,
    /// Steps until the script is stopped, if they are counted.
    steps_left: Option<u64>,
    /// Set once a limit is reached.
    pub stopped: Option<(Error, Limit)>,
    /// How far the end of the program has come.
    pub end: End,
    /// Whether a collection has looked at the script's variables: see [`Vm::age_namespace`].
    pub(super) namespace_aged: bool,
    /// Set from outside (a signal handler, another thread) to raise `KeyboardInterrupt`.
    pub interrupt: Arc<AtomicBool>,
    /// What an interrupt calls instead of raising `KeyboardInterrupt`, or `None`.
    pub interrupt_handler: Value,
    /// Whether the script has said what an interrupt does, so that one may end any wait.
    pub interrupt_wakes: bool,
    pub signals: signals::Signals,
    /// Called with the nanoseconds of a blocking sleep before it begins.
    pub before_sleep: Option<fn(&mut Vm, i128)>,
    /// The coroutine that a frame which now delegates has begun itself, and what came of it.
    pub begun: Option<Box<(Rc<crate::object::coroutine::Coroutine>, crate::object::coroutine::Outcome)>>,
    /// Awaited calls under way on the native stack; see [`Vm::run_awaited`].
    nested_awaits: u32,
    /// Counts coroutines that were resumed from outside while part of another's chain.
    pub chain_epoch: u64,
    /// `sys.set_asyncgen_hooks`.
    pub asyncgen_hooks: (Value, Value),
    /// The modules whose files are running.
    pub importing: Vec<Rc<Str>>,
    /// Objects whose `repr` is under way.
    pub repr_guard: Vec<usize>,
    /// `gc.callbacks`, once there is one.
    pub gc_callbacks: Value,
    /// Whether a garbage collection is under way.
    pub collecting: bool,
    /// The green threads.
    pub threads: threads::Threads,
    /// What is waited for outside.
    pub outside: outside::Outside,
    /// What abstract classes said of others.
    pub abstract_answers: instance::AbstractAnswers,
    /// What an iterator has ended with, if anybody asks.
    ending: iter::Ending,
    /// Dicts with methods of their own that code has for globals: what holds their pairs, and they themselves.
    asked_globals: Vec<(Weak<Dict>, Weak<Instance>)>,
    /// State of built-in modules, by type.
    extensions: Vec<(TypeId, Box<dyn Any>)>,
}

/// How deep built-in types recurse where the native stack is known to be large.
const NATIVE_LIMIT: u32 = 10_000;

/// A name as natives write it: a symbol, text, or the string object itself.
pub trait AsName {
    type Object: Borrow<Rc<Str>>;

    fn object(self, vm: &mut Vm) -> Self::Object;
}

impl AsName for Symbol {
    type Object = Rc<Str>;

    #[inline]
    fn object(self, vm: &mut Vm) -> Rc<Str> {
        vm.name(self).clone()
    }
}

impl AsName for &str {
    type Object = Rc<Str>;

    fn object(self, vm: &mut Vm) -> Rc<Str> {
        vm.intern(self)
    }
}

impl<'a> AsName for &'a Rc<Str> {
    type Object = &'a Rc<Str>;

    #[inline]
    fn object(self, _: &mut Vm) -> &'a Rc<Str> {
        self
    }
}

impl Vm {
    /// A machine with the built-in types and functions, and no module imported.
    pub fn new(host: Host) -> Vm {
        let interner = Interner::default();
        let types = Types::new();
        let mut vm = Vm {
            interner,
            names: Vec::new(),
            ascii_chars: (0..128u8).map(|b| Rc::new(Str::new(char::from(b).to_string()))).collect(),
            types,
            builtins: Rc::new(Dict::new()),
            modules: Rc::new(Dict::new()),
            host,
            handling: None,
            holders: Default::default(),
            calls: Vec::new(),
            text_buffer: String::new(),
            positions: Default::default(),
            driving: Vec::new(),
            codes: BTreeMap::new(),
            observed: Vec::new(),
            observes_all: false,
            command: None,
            codes_made: 0,
            sweep_codes_at: 1024,
            depth: 0,
            recursion_limit: 1000,
            constructing: Default::default(),
            native_depth: 0,
            stack_limit: 0,
            fuel: limits::FUEL,
            tank: limits::FUEL,
            steps_left: None,
            stopped: None,
            end: End::default(),
            namespace_aged: false,
            interrupt: Arc::new(AtomicBool::new(false)),
            interrupt_handler: Value::None,
            interrupt_wakes: false,
            signals: Default::default(),
            hidden: Vec::new(),
            origin_depth: 0,
            before_sleep: None,
            begun: None,
            nested_awaits: 0,
            chain_epoch: 1,
            asyncgen_hooks: (Value::None, Value::None),
            importing: Vec::new(),
            repr_guard: Vec::new(),
            collecting: false,
            gc_callbacks: Value::None,
            threads: threads::Threads::default(),
            outside: outside::Outside::default(),
            abstract_answers: Default::default(),
            ending: iter::Ending::default(),
            asked_globals: Vec::new(),
            extensions: Vec::new(),
        };
        vm.sync_names();
        crate::builtins::install(&mut vm);
        vm
    }

    /// Makes string objects for the symbols that were interned since the last time.
    pub fn sync_names(&mut self) {
        for i in self.names.len()..self.interner.len() {
            let text = self.interner.name(Symbol(i as u32));
            let name = match text.as_bytes() {
                [byte @ 0..128] => self.ascii_chars[usize::from(*byte)].clone(),
                _ => Rc::new(Str::new(&**text)),
            };
            name.intern();
            self.names.push(name);
        }
    }

    /// The string object of a symbol.
    #[inline]
    pub fn name(&self, symbol: Symbol) -> &Rc<Str> {
        &self.names[symbol.0 as usize]
    }

    /// The one string object that stands for a name, so that attribute lookups compare pointers.
    pub fn intern(&mut self, name: &str) -> Rc<Str> {
        let symbol = self.interner.intern(name);
        self.sync_names();
        self.name(symbol).clone()
    }

    /// The string object of a name, however that is given.
    #[inline]
    pub fn named<N: AsName>(&mut self, name: N) -> N::Object {
        name.object(self)
    }

    /// What a namespace has under a name.
    pub fn entry(&mut self, namespace: &Dict, name: impl AsName) -> Option<Value> {
        namespace.get_str(self.named(name).borrow())
    }

    pub fn set_entry(&mut self, namespace: &Dict, name: impl AsName, value: Value) {
        namespace.set_str(self.named(name).borrow(), value);
    }

    /// A module that has been imported.
    pub fn loaded(&mut self, module: impl AsName) -> Option<Value> {
        let name = self.named(module);
        self.modules.get_str(name.borrow())
    }

    /// What a class or its bases define under a name.
    pub fn class_lookup(&mut self, class: &crate::object::Class, name: impl AsName) -> Option<Value> {
        class.lookup(self.named(name).borrow())
    }

    /// The one string object that stands for a name, if it stands anywhere in a program.
    pub fn known_name<'a>(&'a self, name: &'a Rc<Str>) -> Option<&'a Rc<Str>> {
        if name.is_interned() { Some(name) } else { self.interner.known(name).map(|symbol| self.name(symbol)) }
    }

    /// [`Vm::intern`] for a name that already is a string object.
    pub fn intern_str(&mut self, name: &Rc<Str>) -> Rc<Str> {
        if name.is_interned() { name.clone() } else { self.intern(name) }
    }

    /// The state that a built-in module keeps in this interpreter, made when first asked for.
    pub fn extension<T: Any + Default>(&mut self) -> &mut T {
        // There are few, so a scan is quicker than a hash.
        let id = TypeId::of::<T>();
        let at = match self.extensions.iter().position(|(known, _)| *known == id) {
            Some(at) => at,
            None => {
                self.extensions.push((id, Box::new(T::default())));
                self.extensions.len() - 1
            }
        };
        self.extensions[at].1.downcast_mut().expect("stored under its own type")
    }

    /// Gives a code object its number.
    pub fn register_code(&mut self, code: &Rc<Code>) {
        if self.codes.len() >= self.sweep_codes_at {
            self.codes.retain(|_, code| code.strong_count() > 0);
            self.sweep_codes_at = self.codes.len() * 2 + 1024;
        }
        code.id.set(self.codes_made);
        self.codes.insert(self.codes_made, Rc::downgrade(code));
        self.codes_made = self.codes_made.wrapping_add(1);
    }

    /// All code there is.
    pub fn codes(&self) -> impl Iterator<Item = Rc<Code>> {
        self.codes.values().filter_map(Weak::upgrade)
    }

    pub fn code_by_id(&self, id: u32) -> Option<Rc<Code>> {
        self.codes.get(&id).and_then(Weak::upgrade)
    }

    /// Lets time pass on the host's clock, interrupts allowed.
    pub fn sleep(&mut self, nanoseconds: i128) -> Result<()> {
        let end = self.host.clock.monotonic() + nanoseconds;
        loop {
            self.look_up()?;
            let left = end - self.host.clock.monotonic();
            if left <= 0 {
                return Ok(());
            }
            let left = self.until_alarm(Some(left)).unwrap_or(left);
            self.host.clock.sleep(left);
        }
    }

    /// What an interrupt from outside raises in the running frame.
    pub fn interrupted(&mut self) -> Error {
        self.new_error(self.types.KeyboardInterrupt.clone(), Vec::new())
    }

    #[inline(always)]
    fn stack_is_low(&self) -> bool {
        let here = 0u8;
        (std::ptr::from_ref(&here) as usize) < self.stack_limit
    }

    /// Whether one more frame may be entered: Python's limit, and the native stack's.
    #[inline]
    pub fn enter(&mut self) -> Result<()> {
        self.may_enter()?;
        self.depth += 1;
        Ok(())
    }

    /// Whether there is room for one more, as the call that makes a coroutine needs it too.
    #[inline]
    pub fn may_enter(&mut self) -> Result<()> {
        if self.depth >= self.recursion_limit && !self.has_room(1) || self.stack_is_low() {
            return Err(self.recursion_error());
        }
        Ok(())
    }

    /// Whether so many more frames may be entered at the limit, or near it.
    #[cold]
    pub fn has_room(&mut self, frames: u32) -> bool {
        self.depth + frames <= self.recursion_limit || self.depth + frames <= self.recursion_limit + self.counted_once()
    }

    /// Runs `body` below so many frames that CPython's library has there.
    pub fn below<T>(&mut self, frames: u32, body: impl FnOnce(&mut Vm) -> Result<T>) -> Result<T> {
        self.depth += frames;
        self.hidden.push((self.calls.len(), frames));
        let result = body(self);
        self.hidden.pop();
        self.depth -= frames;
        result
    }

    /// Whether built-in types may recurse one level deeper; `doing` ends the message. Ended by
    /// [`Vm::leave_native`].
    #[inline]
    pub fn enter_native(&mut self, doing: &str) -> Result<()> {
        let here = 0u8;
        let limit = if self.stack_limit == 0 { self.recursion_limit } else { NATIVE_LIMIT };
        if self.native_depth >= limit || (std::ptr::from_ref(&here) as usize) < self.stack_limit {
            return Err(
                self.error(self.types.RecursionError.clone(), format!("maximum recursion depth exceeded{doing}"))
            );
        }
        self.tick_within()?;
        self.native_depth += 1;
        Ok(())
    }

    #[inline]
    pub fn leave_native(&mut self) {
        self.native_depth -= 1;
    }

    #[cold]
    fn recursion_error(&mut self) -> Error {
        self.error(self.types.RecursionError.clone(), "maximum recursion depth exceeded")
    }

    /// Runs `body` as one more level of native recursion (a nested `repr`, comparison, call from Rust).
    pub fn nested<T>(&mut self, body: impl FnOnce(&mut Vm) -> Result<T>) -> Result<T> {
        self.enter()?;
        let result = body(self);
        self.depth -= 1;
        result
    }
}

impl Vm {
    /// The code objects made from a source.
    pub fn codes_of(&self, source: &Rc<crate::source::Source>) -> Vec<Rc<Code>> {
        self.codes.values().filter_map(Weak::upgrade).filter(|code| Rc::ptr_eq(&code.source, source)).collect()
    }

    /// Runs a module's code in a namespace; `locals` is a namespace of its own for `exec`.
    pub fn run_code(&mut self, code: &Rc<Code>, globals: &Rc<Dict>, locals: Option<Value>) -> Result {
        crate::object::gc::register(globals);
        code.runs_in(globals);
        let function = Rc::new(crate::object::Function {
            code: code.clone(),
            globals: globals.clone(),
            closure: Box::new([]),
            defaults: std::cell::RefCell::new(Rc::from([])),
            extra: std::cell::RefCell::new(None),
            mark: Default::default(),
        });
        let mut slots = vec![Value::Unbound; code.slots.max(1) as usize];
        if let Some(locals) = locals {
            slots[0] = locals;
        }
        Ok(self.run_vec(&function, slots)?)
    }
}
