//! Context variables: what a task sees is what was set where it was created.
//!
//! A [`Context`] holds its bindings in a counted vector that copies share until one of them changes it, so copying a
//! context, which every task and callback does, costs the same whatever it holds.
//!
//! **Invariant**: [`Current::context`] is the context of the code that is running; whoever enters another one puts the
//! old one back when it leaves.

use std::rc::Weak;

use crate::builtins::modules::support::natives;
use crate::builtins::prelude::*;
use crate::builtins::{add_class, add_functions};
use crate::machine::attr::read_only;

/// A set of bindings of context variables.
#[derive(Default)]
pub struct Context {
    bindings: RefCell<Rc<Bindings>>,
    /// Whether code is running in it.
    entered: Cell<bool>,
    /// The object that scripts see, made when one first asks.
    object: RefCell<Weak<Instance>>,
    /// What a script gave where a context belongs, whatever it is: its `run` is called. Such a context counts as entered.
    foreign: Option<Box<Value>>,
}

type Bindings = Vec<(Rc<Instance>, Value)>;

/// The context of a task. Between two steps it is no more than the bindings, unless somebody holds the context.
#[derive(Default)]
pub struct TaskContext(Cell<Held>);

#[derive(Default)]
enum Held {
    #[default]
    Nothing,
    Bindings(Rc<Bindings>),
    Context(Rc<Context>),
}

impl TaskContext {
    pub fn set(&self, context: Rc<Context>) {
        self.0.set(Held::Context(context));
    }

    /// Makes it a copy of the running code's context.
    pub fn copy(&self, current: &Current) {
        self.0.set(Held::Bindings(current.context.borrow().bindings.borrow().clone()));
    }

    /// The context itself, `None` if there is none yet.
    #[inline]
    pub fn get(&self, current: &Current) -> Option<Rc<Context>> {
        let context = match self.0.take() {
            Held::Nothing => return None,
            Held::Context(context) => context,
            Held::Bindings(bindings) => {
                let context = current.spare.take().unwrap_or_default();
                context.bindings.replace(bindings);
                context
            }
        };
        self.0.set(Held::Context(context.clone()));
        Some(context)
    }

    /// After a step: keeps no more of the context than it must.
    #[inline]
    pub fn rest(&self, current: &Current, context: Rc<Context>) {
        // Here and in the task.
        if Rc::strong_count(&context) > 2 {
            return;
        }
        context.object.take();
        let bindings = context.bindings.replace(current.unbound.clone());
        self.0.set(Held::Bindings(bindings));
        current.spare.set(Some(context));
    }

    pub fn trace(&self, visit: gc::Visit) {
        let held = self.0.take();
        match &held {
            Held::Nothing => {}
            Held::Bindings(bindings) => trace_bindings(bindings, visit),
            Held::Context(context) => context.trace(visit),
        }
        self.0.set(held);
    }

    /// Forgets the context: the task is garbage.
    pub fn clear(&self) {
        drop(self.0.take());
    }
}

/// Shows what bindings refer to that nobody else shares.
fn trace_bindings(bindings: &Rc<Bindings>, visit: gc::Visit) {
    if Rc::strong_count(bindings) == 1 {
        for (var, value) in bindings.iter() {
            gc::link(var, Value::Instance, visit);
            visit(value);
        }
    }
}

impl Context {
    /// Shows what it refers to, if nobody else shares it.
    fn trace(self: &Rc<Context>, visit: gc::Visit) {
        if Rc::strong_count(self) == 1 {
            if let Ok(bindings) = self.bindings.try_borrow() {
                trace_bindings(&bindings, visit);
            }
            self.foreign.iter().for_each(|given| visit(given));
        }
    }

    /// What a script gave instead of a context.
    pub fn foreign(&self) -> Option<&Value> {
        self.foreign.as_deref()
    }

    /// A context with the same bindings.
    pub fn copy(&self) -> Rc<Context> {
        Rc::new(Context { bindings: RefCell::new(self.bindings.borrow().clone()), ..Context::default() })
    }

    fn get(&self, var: &Rc<Instance>) -> Option<Value> {
        self.bindings.borrow().iter().find(|(v, _)| Rc::ptr_eq(v, var)).map(|(_, value)| value.clone())
    }

    /// Binds a variable and returns the old value.
    fn set(&self, var: &Rc<Instance>, value: Value) -> Option<Value> {
        if value.is_container() {
            gc::watch(&value);
        }
        let mut bindings = self.bindings.borrow_mut();
        let own = Rc::make_mut(&mut bindings);
        match own.iter_mut().find(|(v, _)| Rc::ptr_eq(v, var)) {
            Some((_, old)) => Some(std::mem::replace(old, value)),
            None => {
                own.push((var.clone(), value));
                None
            }
        }
    }

    fn unset(&self, var: &Rc<Instance>) -> Option<Value> {
        let mut bindings = self.bindings.borrow_mut();
        let own = Rc::make_mut(&mut bindings);
        let at = own.iter().position(|(v, _)| Rc::ptr_eq(v, var))?;
        Some(own.remove(at).1)
    }
}

/// The running code's context, and the classes of this module.
pub struct Current {
    pub context: RefCell<Rc<Context>>,
    pub context_class: Rc<Class>,
    var_class: Rc<Class>,
    token_class: Rc<Class>,
    view_classes: [Rc<Class>; 3],
    missing: Value,
    /// A context that a task has left.
    spare: Cell<Option<Rc<Context>>>,
    unbound: Rc<Bindings>,
}

#[derive(Default)]
struct ContextState(Option<Rc<Current>>);

/// This interpreter's [`Current`].
pub fn current(vm: &mut Vm) -> Rc<Current> {
    if let Some(current) = &vm.extension::<ContextState>().0 {
        return current.clone();
    }
    let object = vm.types.object.clone();
    let missing_class = Class::builtin("Token.MISSING", Some(&object), Layout::Native(133));
    missing_class.add_methods(MISSING_METHODS);
    let current = Rc::new(Current {
        context: RefCell::default(),
        context_class: Class::builtin("Context", Some(&object), Layout::Final),
        var_class: Class::builtin("ContextVar", Some(&object), Layout::Final),
        token_class: Class::builtin("Token", Some(&object), Layout::Final),
        view_classes: ["keys", "values", "items"].map(|name| Class::builtin(name, Some(&object), Layout::Final)),
        missing: Instance::native(&missing_class, Missing),
        spare: Cell::new(None),
        unbound: Rc::default(),
    });
    for class in [&current.context_class, &current.var_class, &current.token_class] {
        class.named_in_full.set(true);
    }
    current.context_class.add_methods(CONTEXT_METHODS);
    for class in &current.view_classes {
        class.add_methods(VIEW_METHODS);
    }
    current.var_class.add_methods(VAR_METHODS);
    current.token_class.add_methods(TOKEN_METHODS);
    let hash = vm.name(sym::__hash__).clone();
    for class in [&current.context_class, &current.token_class] {
        class.set(&hash, Value::None);
    }
    let missing = vm.intern("MISSING");
    current.token_class.set(&missing, current.missing.clone());
    vm.extension::<ContextState>().0 = Some(current.clone());
    // Each thread has a context of its own.
    vm.threads.switch = Some(super::threads::switch);
    current
}

impl Current {
    /// Makes a context the running one: the one to put back, or `None` if it is running already.
    #[inline]
    pub fn enter(&self, context: &Rc<Context>) -> Option<Rc<Context>> {
        if context.entered.replace(true) {
            return None;
        }
        Some(self.context.replace(context.clone()))
    }

    /// Ends what [`Current::enter`] began.
    #[inline]
    pub fn leave(&self, before: Rc<Context>) {
        self.context.replace(before).entered.set(false);
    }

    /// A copy of the running code's context.
    #[inline]
    pub fn copy(&self) -> Rc<Context> {
        self.context.borrow().copy()
    }

    /// A context as scripts see it.
    pub fn object(&self, context: &Rc<Context>) -> Value {
        if let Some(given) = context.foreign() {
            return given.clone();
        }
        if let Some(known) = context.object.borrow().upgrade() {
            return Value::Instance(known);
        }
        let data = Payload::native(ContextObject(context.clone()));
        let object = Rc::new(Instance::new(self.context_class.clone(), data));
        *context.object.borrow_mut() = Rc::downgrade(&object);
        Value::Instance(object)
    }
}

/// Runs `body` in a context.
pub fn run_in(vm: &mut Vm, context: &Rc<Context>, body: impl FnOnce(&mut Vm) -> Result) -> Result {
    let current = current(vm);
    let Some(before) = current.enter(context) else { return Err(entered_twice(vm, context)) };
    let result = body(vm);
    current.leave(before);
    result
}

/// Calls a callback in a context.
pub fn call_in(vm: &mut Vm, context: &Rc<Context>, callback: &Value, args: &[Value]) -> Result {
    match context.foreign() {
        None => run_in(vm, context, |vm| vm.call(callback, args)),
        Some(given) => {
            let all = [std::slice::from_ref(callback), args].concat();
            vm.call_method(given, "run", &all)
        }
    }
}

#[cold]
pub fn entered_twice(vm: &mut Vm, context: &Rc<Context>) -> Error {
    let object = current(vm).object(context);
    match vm.repr(&object) {
        Ok(shown) => vm.runtime_error(format!("cannot enter context: {shown} is already entered")),
        Err(error) => error,
    }
}

/// What a `context=` argument stands for: `None` for a copy of the running code's context.
pub fn given(value: &Value) -> Option<Rc<Context>> {
    let value = value.given()?;
    Some(of(value).cloned().unwrap_or_else(|| foreign(value)))
}

/// A context that is none: what was given instead, `None` for a copy of the context that runs when it is needed.
pub fn foreign(value: &Value) -> Rc<Context> {
    let foreign = Some(Box::new(value.clone()));
    Rc::new(Context { foreign, entered: Cell::new(true), ..Context::default() })
}

/// The context inside a `Context` object.
pub fn of(value: &Value) -> Option<&Rc<Context>> {
    value.data::<ContextObject>().map(|object| &object.0)
}

/// The module `contextvars`.
pub fn contextvars_module(vm: &mut Vm) -> Result<Rc<Module>> {
    let module = vm.new_module("contextvars", None);
    let current = current(vm);
    for class in [&current.context_class, &current.var_class, &current.token_class] {
        add_class(vm, "_contextvars", &module.dict, class);
    }
    add_functions(vm, "_contextvars", &module.dict, FUNCTIONS);
    let all = ["Context", "ContextVar", "Token", "copy_context"].map(Value::str).to_vec();
    module.dict.set_str(&vm.intern("__all__"), Value::tuple(all));
    module.dict.set_str(&vm.intern("__package__"), Value::str(""));
    Ok(module)
}

struct ContextObject(Rc<Context>);

struct Var {
    name: Rc<Str>,
    /// `Unbound` if there is none.
    default: Value,
    current: Rc<Current>,
}

struct Token {
    var: Value,
    context: Rc<Context>,
    /// `Unbound` if the variable had no value.
    old: Value,
    used: Cell<bool>,
}

struct Missing;

natives!(Missing);

impl Native for ContextObject {
    fn trace(&self, visit: gc::Visit) {
        self.0.trace(visit);
    }

    fn clear(&self) {
        drop(self.0.bindings.take());
    }
}

impl Native for Var {
    fn trace(&self, visit: gc::Visit) {
        visit(&self.default);
    }
}

impl Native for Token {
    fn trace(&self, visit: gc::Visit) {
        visit(&self.var);
        visit(&self.old);
        self.context.trace(visit);
    }
}

const FUNCTIONS: &[Row] = &[native("copy_context()", |vm, _| {
    let current = current(vm);
    Ok(current.object(&current.copy()))
})];

const VAR_METHODS: &[Row] = &[
    static_method("__new__(cls, name, /, *, default=<unrepresentable>)", |vm, args| {
        let [cls, name, default] = args else { return Err(vm.type_error("ContextVar() takes a name")) };
        let (Value::Class(class), Some(name)) = (cls, name.as_str()) else {
            return Err(vm.type_error("context variable name must be a str"));
        };
        let current = current(vm);
        Ok(Instance::native(class, Var { name: name.clone(), default: default.clone(), current }))
    }),
    method("get(default=<unrepresentable>, /)", |vm, args| {
        let (instance, var) = this_var(vm, args)?;
        let found = var.current.context.borrow().get(instance);
        match found.or_else(|| args[1].clone().bound()).or_else(|| var.default.clone().bound()) {
            Some(value) => Ok(value),
            None => Err(vm.new_error(vm.types.LookupError.clone(), vec![args[0].clone()])),
        }
    }),
    method("set(value, /)", |vm, args| {
        let (instance, var) = this_var(vm, args)?;
        let context = var.current.context.borrow().clone();
        let old = context.set(instance, args[1].clone()).unwrap_or_default();
        let token = Token { var: args[0].clone(), context, old, used: Cell::new(false) };
        Ok(Instance::native(&var.current.token_class, token))
    }),
    method("reset(token, /)", var_reset),
    method("__repr__()", var_repr),
    class_method("__class_getitem__(object, /)", class_getitem),
    attribute(
        "name",
        |_, this| Ok(this.data::<Var>().map_or(Value::None, |var| Value::Str(var.name.clone()))),
        read_only,
    ),
];

const TOKEN_METHODS: &[Row] = &[
    static_method("__new__(cls, /, *args, **kwargs)", |vm, _| {
        let class = vm.types.RuntimeError.clone();
        Err(vm.error(&class, "Tokens can only be created by ContextVars"))
    }),
    method("__repr__()", |vm, args| {
        let Some(token) = args[0].data::<Token>() else { return Ok(Value::str("<Token>")) };
        let used = if token.used.get() { " used" } else { "" };
        let var = vm.repr(&token.var)?;
        Ok(Value::string(format!("<Token{used} var={var} at {:#x}>", args[0].id())))
    }),
    class_method("__class_getitem__(object, /)", class_getitem),
    getter("var", |_, this| Ok(this.data::<Token>().map_or(Value::None, |token| token.var.clone()))),
    getter("old_value", |vm, this| match this.data::<Token>().map(|token| token.old.clone()) {
        Some(Value::Unbound) | None => Ok(current(vm).missing.clone()),
        Some(old) => Ok(old),
    }),
];

const MISSING_METHODS: &[Row] = &[method("__repr__()", |_, _| Ok(Value::str("<Token.MISSING>")))];

const CONTEXT_METHODS: &[Row] = &[
    static_method("__new__(cls, /, *args, **kwargs)", |vm, args| {
        if args[1].as_tuple().is_some_and(|given| !given.is_empty()) || !super::keywords(&args[2]).is_empty() {
            return Err(vm.type_error("Context() does not accept any arguments"));
        }
        Ok(current(vm).object(&Rc::default()))
    }),
    method("run(callable=<unrepresentable>, /, *args, **kwargs)", context_run),
    method("__eq__(other, /)", |vm, args| {
        let (this, Some(other)) = (context(vm, args)?, of(&args[1])) else { return Ok(Value::NotImplemented) };
        let (ours, theirs) = (this.bindings.borrow().clone(), other.clone());
        let same = ours.len() == theirs.bindings.borrow().len();
        for (var, value) in ours.iter().filter(|_| same) {
            match theirs.get(var) {
                Some(other) if vm.eq(value, &other)? => {}
                _ => return Ok(Value::bool(false)),
            }
        }
        Ok(Value::bool(same))
    }),
    method("copy()", |vm, args| {
        let copy = context(vm, args)?.copy();
        Ok(current(vm).object(&copy))
    }),
    method("get(key, default=None, /)", |vm, args| {
        let var = var(vm, &args[1])?;
        Ok(context(vm, args)?.get(&var).unwrap_or_else(|| args[2].clone()))
    }),
    method("__getitem__(key, /)", |vm, args| {
        let var = var(vm, &args[1])?;
        context(vm, args)?.get(&var).ok_or_else(|| vm.key_error(args[1].clone()))
    }),
    method("__contains__(key, /)", |vm, args| {
        let var = var(vm, &args[1])?;
        Ok(Value::bool(context(vm, args)?.get(&var).is_some()))
    }),
    method("__len__()", |vm, args| Ok(Value::usize(context(vm, args)?.bindings.borrow().len()))),
    method("__iter__()", |vm, args| view(vm, args, 0, |var, _| var)),
    method("keys()", |vm, args| view(vm, args, 0, |var, _| var)),
    method("values()", |vm, args| view(vm, args, 1, |_, value| value)),
    method("items()", |vm, args| view(vm, args, 2, |var, value| Value::tuple([var, value]))),
];

/// What `keys()` and the like return: an iterator that keeps saying how many there were.
struct View {
    left: RefCell<std::vec::IntoIter<Value>>,
    count: usize,
}

impl Native for View {}

const VIEW_METHODS: &[Row] = &[
    method("__iter__()", |_, args| Ok(args[0].clone())),
    method("__next__()", |vm, args| {
        let next = args[0].data::<View>().and_then(|view| view.left.borrow_mut().next());
        next.ok_or_else(|| vm.new_error(vm.types.StopIteration.clone(), Vec::new()))
    }),
    method("__len__()", |_, args| Ok(Value::usize(args[0].data::<View>().map_or(0, |view| view.count)))),
];

fn view(vm: &mut Vm, args: &[Value], class: usize, part: impl Fn(Value, Value) -> Value) -> Result {
    let bindings = context(vm, args)?.bindings.borrow().clone();
    let parts: Vec<Value> =
        bindings.iter().map(|(var, value)| part(Value::Instance(var.clone()), value.clone())).collect();
    let class = current(vm).view_classes[class].clone();
    Ok(Instance::native(&class, View { count: parts.len(), left: RefCell::new(parts.into_iter()) }))
}

fn class_getitem(vm: &mut Vm, args: &[Value]) -> Result {
    super::generic_alias(vm, args)
}

fn this_var<'a>(vm: &mut Vm, args: &'a [Value]) -> Result<(&'a Rc<Instance>, &'a Var)> {
    if let Value::Instance(instance) = &args[0] {
        if let Some(data) = instance.data::<Var>() {
            return Ok((instance, data));
        }
    }
    Err(vm.type_error("a ContextVar was expected"))
}

fn var_reset(vm: &mut Vm, args: &[Value]) -> Result {
    let (instance, var) = this_var(vm, args)?;
    let Some(token) = args[1].data::<Token>() else {
        let shown = vm.repr(&args[1])?;
        return Err(vm.type_error(format!("expected an instance of Token, got {shown}")));
    };
    if token.used.get() {
        let shown = vm.repr(&args[1])?;
        return Err(vm.runtime_error(format!("{shown} has already been used once")));
    }
    if !token.var.is(&args[0]) {
        let shown = vm.repr(&args[1])?;
        return Err(vm.value_error(format!("{shown} was created by a different ContextVar")));
    }
    let context = var.current.context.borrow().clone();
    if !Rc::ptr_eq(&token.context, &context) {
        let shown = vm.repr(&args[1])?;
        return Err(vm.value_error(format!("{shown} was created in a different Context")));
    }
    token.used.set(true);
    let dropped = match &token.old {
        Value::Unbound => context.unset(instance),
        old => context.set(instance, old.clone()),
    };
    drop(dropped);
    Ok(Value::None)
}

fn var_repr(vm: &mut Vm, args: &[Value]) -> Result {
    let (_, var) = this_var(vm, args)?;
    let name = vm.repr(&Value::Str(var.name.clone()))?;
    let default = match &var.default {
        Value::Unbound => String::new(),
        default => format!(" default={}", vm.repr(default)?),
    };
    Ok(Value::string(format!("<ContextVar name={name}{default} at {:#x}>", args[0].id())))
}

fn context<'a>(vm: &mut Vm, args: &'a [Value]) -> Result<&'a Rc<Context>> {
    of(&args[0]).ok_or_else(|| vm.type_error("a Context was expected"))
}

fn var(vm: &mut Vm, value: &Value) -> Result<Rc<Instance>> {
    if let Value::Instance(instance) = value {
        if instance.data::<Var>().is_some() {
            return Ok(instance.clone());
        }
    }
    let shown = vm.repr(value)?;
    Err(vm.type_error(format!("a ContextVar key was expected, got {shown}")))
}

fn context_run(vm: &mut Vm, args: &[Value]) -> Result {
    if args[1].is_unbound() {
        return Err(vm.type_error("run() missing 1 required positional argument"));
    }
    let context = context(vm, args)?.clone();
    let positional = args[2].as_tuple().map(|t| t.to_vec()).unwrap_or_default();
    let keywords = super::keywords(&args[3]);
    run_in(vm, &context, |vm| vm.call_kw(&args[1], &positional, &keywords))
}
