//! Handles: what `call_soon`, `call_later` and `call_at` return.

use super::contextvars::{self, Context};
use super::event_loop::{self, Ready};
use super::format;
use super::state::state;
use crate::builtins::prelude::*;
use crate::object::coroutine::Origin;
use crate::syntax::ast::CmpOp;

/// `Handle` and, if `when` is set, `TimerHandle`.
pub struct Handle {
    /// `None` once cancelled.
    pub callback: RefCell<Value>,
    pub args: RefCell<Rc<[Value]>>,
    pub context: RefCell<Option<Rc<Context>>>,
    pub event_loop: RefCell<Value>,
    pub cancelled: Cell<bool>,
    /// Where it was made, in debug mode.
    pub source: RefCell<Value>,
    /// The call that made it: a code object's number and a place in it.
    pub made: Cell<Origin>,
    /// The repr from when it was cancelled, in debug mode.
    pub shown: RefCell<Option<Rc<Str>>>,
    /// `Unbound` for a handle without a time.
    pub when: RefCell<Value>,
    /// Whether it stands in the loop's heap of timers.
    pub scheduled: Cell<bool>,
}

impl Native for Handle {
    fn trace(&self, visit: gc::Visit) {
        gc::trace_cell(&self.callback, visit);
        gc::unshared(&self.args.borrow(), visit);
        gc::trace_cell(&self.event_loop, visit);
    }

    fn clear(&self) {
        drop((self.callback.take(), self.event_loop.take(), self.args.replace(Rc::from([]))));
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // Before the callback, as CPython frees slots in the order of their names.
        release_arguments(self.args.get_mut());
    }
}

/// Lets go of a callback's arguments as of a tuple: from the last one.
fn release_arguments(args: &mut Rc<[Value]>) {
    if let Some(args) = Rc::get_mut(args) {
        gc::release_from_end(args);
    }
}

impl Handle {
    pub fn new(event_loop: Value, callback: Value, args: Rc<[Value]>, context: Rc<Context>, when: Value) -> Handle {
        Handle {
            callback: RefCell::new(callback),
            args: RefCell::new(args),
            context: RefCell::new(Some(context)),
            event_loop: RefCell::new(event_loop),
            cancelled: Cell::new(false),
            source: RefCell::default(),
            made: Cell::new(None),
            shown: RefCell::new(None),
            when: RefCell::new(when),
            scheduled: Cell::new(false),
        }
    }
}

/// The handle behind an instance that is known to be one.
pub fn data(instance: &Instance) -> &Handle {
    instance.data().expect("only instances of Handle's classes are handed around as handles")
}

pub fn new_handle(class: &Rc<Class>, handle: Handle) -> Rc<Instance> {
    Rc::new(Instance::new(class.clone(), Payload::native(handle)))
}

/// `handle.cancel()`.
pub fn cancel(vm: &mut Vm, this: &Rc<Instance>) -> Result<()> {
    let handle = data(this);
    if handle.cancelled.get() {
        return Ok(());
    }
    let event_loop = handle.event_loop.borrow().clone();
    if handle.scheduled.get() {
        event_loop::timer_cancelled(&event_loop);
    }
    handle.cancelled.set(true);
    if event_loop::is_debug(&event_loop) {
        let shown = vm.repr(&Value::Instance(this.clone()))?;
        handle.shown.replace(Some(shown));
    }
    let callback = handle.callback.replace(Value::None);
    let mut args = handle.args.replace(Rc::from([]));
    drop(callback);
    release_arguments(&mut args);
    Ok(())
}

/// Calls what the handle was made for.
pub fn run(vm: &mut Vm, this: &Rc<Instance>) -> Result<()> {
    let handle = data(this);
    let callback = handle.callback.borrow().clone();
    let args = handle.args.borrow().clone();
    let context = handle.context.borrow().clone().unwrap_or_default();
    let result = contextvars::call_in(vm, &context, &callback, &args)?;
    handed_over(&callback, &result, handle.made.get());
    Ok(())
}

/// A callback that is itself async makes a coroutine, which goes back to where the callback was handed over.
pub fn handed_over(callback: &Value, result: &Value, place: Origin) {
    let function = match callback {
        Value::BoundMethod(method) => &method.func,
        other => other,
    };
    if let (Value::Coroutine(coroutine), Value::Function(_), Some(_)) = (result, function, place) {
        coroutine.set_origin(place);
    }
}

pub const SHARED_METHODS: &[Row] = &[method("def cancel()", |vm, args| {
    if let (Value::Instance(instance), Some(_)) = (&args[0], args[0].data::<Handle>()) {
        cancel(vm, instance)?;
    }
    Ok(Value::None)
})];

pub const METHODS: &[Row] = &[
    static_method("__new__(cls, /, *args, **kwargs)", new),
    method("def __init__(callback, args, loop, context=None)", |vm, args| {
        let [_, callback, arguments, event_loop, context] = args else { return Ok(Value::None) };
        init(vm, &args[0], Value::Unbound, [callback, arguments, event_loop, context])
    }),
    method("def cancelled()", |_, args| Ok(Value::bool(of(&args[0]).is_some_and(|h| h.cancelled.get())))),
    method("def get_context()", |vm, args| {
        let context = of(&args[0]).and_then(|h| h.context.borrow().clone()).unwrap_or_default();
        Ok(contextvars::current(vm).object(&context))
    }),
    method("def _run()", |vm, args| {
        if let (Value::Instance(instance), Some(_)) = (&args[0], of(&args[0])) {
            let done = match data(instance).cancelled.get() {
                false => run(vm, instance),
                true => Err(vm.type_error("Value after * must be an iterable, not NoneType")),
            };
            if let Err(error) = done {
                let event_loop = data(instance).event_loop.borrow().clone();
                event_loop::callback_failed(vm, &event_loop, &Ready::Handle(instance.clone()), error)?;
            }
        }
        Ok(Value::None)
    }),
    method("__repr__()", |vm, args| format::handle_repr(vm, &args[0])),
    getter("_callback", |_, this| Ok(of(this).map_or(Value::None, |h| h.callback.borrow().clone()))),
    getter("_args", |_, this| {
        let known = of(this).filter(|h| h.callback.borrow().given().is_some());
        Ok(known.map_or(Value::None, |h| Value::tuple(h.args.borrow().to_vec())))
    }),
    getter("_cancelled", |_, this| Ok(Value::bool(of(this).is_some_and(|h| h.cancelled.get())))),
    getter("_loop", |_, this| Ok(of(this).map_or(Value::None, |h| h.event_loop.borrow().clone()))),
    getter("_source_traceback", |vm, this| {
        let source = of(this).map(|h| h.source.borrow().clone()).unwrap_or_default();
        format::summary(vm, &source)
    }),
];

pub const TIMER_METHODS: &[Row] = &[
    method("def __init__(when, callback, args, loop, context=None)", |vm, args| {
        let [_, when, callback, arguments, event_loop, context] = args else { return Ok(Value::None) };
        init(vm, &args[0], when.clone(), [callback, arguments, event_loop, context])
    }),
    method("def when()", |_, args| Ok(when(&args[0]))).says("When the callback is due on the loop's clock."),
    method("def __hash__()", |vm, args| vm.hash(&when(&args[0])).map(Value::Int)),
    method("def __lt__(other, /)", |vm, args| compare(vm, CmpOp::Lt, args)),
    method("def __le__(other, /)", |vm, args| compare(vm, CmpOp::LtE, args)),
    method("def __gt__(other, /)", |vm, args| compare(vm, CmpOp::Gt, args)),
    method("def __ge__(other, /)", |vm, args| compare(vm, CmpOp::GtE, args)),
    getter("_when", |_, this| Ok(when(this))),
    getter("_scheduled", |_, this| Ok(Value::bool(of(this).is_some_and(|h| h.scheduled.get())))),
];

pub fn of(value: &Value) -> Option<&Handle> {
    value.data()
}

fn when(this: &Value) -> Value {
    of(this).and_then(|h| h.when.borrow().clone().bound()).unwrap_or(Value::None)
}

fn compare(vm: &mut Vm, op: CmpOp, args: &[Value]) -> Result {
    if of(&args[1]).is_none_or(|other| other.when.borrow().is_unbound()) {
        return Ok(Value::NotImplemented);
    }
    let answer = vm.compare(op, &when(&args[0]), &when(&args[1]))?;
    if matches!(op, CmpOp::LtE | CmpOp::GtE) && !vm.truth(&answer)? {
        return vm.eq(&args[0], &args[1]).map(Value::bool);
    }
    Ok(answer)
}

fn new(vm: &mut Vm, args: &[Value]) -> Result {
    let Value::Class(class) = &args[0] else { return Err(vm.type_error("Handle.__new__(X): X is not a type object")) };
    let handle = Handle::new(Value::None, Value::None, Rc::from([]), Rc::default(), Value::Unbound);
    Ok(Instance::native(class, handle))
}

fn init(vm: &mut Vm, this: &Value, when: Value, given: [&Value; 4]) -> Result {
    let [callback, args, event_loop, context] = given;
    let Some(handle) = of(this) else { return Ok(Value::None) };
    let debug = event_loop::asks_debug(vm, event_loop)?;
    let args = vm.collect(args)?;
    let context = contextvars::given(context).unwrap_or_else(|| state(vm).contexts.copy());
    handle.callback.replace(callback.clone());
    handle.args.replace(args.into());
    handle.event_loop.replace(event_loop.clone());
    handle.context.replace(Some(context));
    handle.when.replace(when);
    if debug {
        let source = format::handle_stack(vm, 0);
        handle.source.replace(source);
    }
    Ok(Value::None)
}
