//! Functions written in Rust: a table row says the signature as text and names a plain function.
//!
//! The signature text is the contract: names, defaults, keywords, `help()` and the wording of a `TypeError` follow from
//! it. It is read when a call first needs more than a count of positional arguments.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::{Rc, Weak};

use super::function::{Getter, Setter};
use super::{Class, Result, Str, Value, gc};
use crate::machine::Vm;

/// Gets its arguments bound to the signature, one value a parameter: a missing optional one is its default, or
/// `Unbound` if the default is written `<unrepresentable>` or is not a literal. `*args` is a tuple, `**kwargs` a dict.
pub type NativeCall = fn(&mut Vm, &[Value]) -> Result;

/// One row of a table of built-in functions or of a type's methods.
pub struct Row {
    /// `name(params)` in the notation of `inspect.signature`; for a method without `self`, which always comes first.
    /// With `def ` or `async def ` in front a wrong call is told what CPython says of a function written in Python; with
    /// `type `, what it says of a method that is told its class and takes its arguments apart as if it had keywords.
    pub signature: &'static str,
    pub kind: RowKind,
    /// Its `__doc__`; that of one without is its signature if it is none that looks as if it were written in Python.
    pub doc: Option<&'static str>,
    /// What the code of a green thread calls instead: returns something to be awaited (see `machine/threads.rs`).
    pub blocking: Option<NativeCall>,
    /// What `await` of a call tries first.
    pub at_once: Option<AtOnce>,
    /// What a call with nothing but positional arguments does, which it gets as they are.
    pub plain: Option<NativeCall>,
    /// What a call says that can be answered at once.
    pub quick: Option<Quick>,
}

/// An answer without script code, an error or anything dying on the way, if there is one.
pub type Quick = fn(&Vm, &[&Value]) -> Option<Value>;

/// What becomes of a call that is awaited, if no coroutine is needed for it; its arguments are all positional.
pub type AtOnce = fn(&mut Vm, &[Value]) -> Result<Option<Prompt>>;

pub enum Prompt {
    /// There is nothing to wait for.
    Done(Value),
    /// It gives way once; the result is `None`.
    GiveWay,
}

#[derive(Clone, Copy)]
pub enum RowKind {
    /// A function of a module.
    Function(NativeCall),
    /// A method: the instance comes first.
    Method(NativeCall),
    /// The class comes first.
    ClassMethod(NativeCall),
    StaticMethod(NativeCall),
    /// A computed attribute.
    Attribute(Getter, Option<Setter>),
}

const fn row(signature: &'static str, kind: RowKind) -> Row {
    Row { signature, kind, doc: None, blocking: None, at_once: None, plain: None, quick: None }
}

pub const fn native(signature: &'static str, call: NativeCall) -> Row {
    row(signature, RowKind::Function(call))
}

pub const fn method(signature: &'static str, call: NativeCall) -> Row {
    row(signature, RowKind::Method(call))
}

pub const fn class_method(signature: &'static str, call: NativeCall) -> Row {
    row(signature, RowKind::ClassMethod(call))
}

pub const fn static_method(signature: &'static str, call: NativeCall) -> Row {
    row(signature, RowKind::StaticMethod(call))
}

pub const fn getter(name: &'static str, get: Getter) -> Row {
    row(name, RowKind::Attribute(get, None))
}

pub const fn attribute(name: &'static str, get: Getter, set: Setter) -> Row {
    row(name, RowKind::Attribute(get, Some(set)))
}

impl Row {
    /// Says what it does.
    pub const fn says(self, doc: &'static str) -> Row {
        Row { doc: Some(doc), ..self }
    }

    /// Says what the code of a green thread calls instead.
    pub const fn or_suspend(self, blocking: NativeCall) -> Row {
        Row { blocking: Some(blocking), ..self }
    }

    /// Says what `await` of a call tries first.
    pub const fn or_at_once(self, at_once: AtOnce) -> Row {
        Row { at_once: Some(at_once), ..self }
    }

    /// Says what a call with nothing but positional arguments does.
    pub const fn or_plain(self, plain: NativeCall) -> Row {
        Row { plain: Some(plain), ..self }
    }

    /// Says what can be answered at once.
    pub const fn or_quick(self, quick: Quick) -> Row {
        Row { quick: Some(quick), ..self }
    }

    pub fn name(&self) -> &'static str {
        let whole = self.signature;
        let prefix = ["def ", "async def ", "type "].into_iter().find(|prefix| whole.starts_with(prefix));
        let signature = &whole[prefix.map_or(0, str::len)..];
        // Every start asks for each name: a plain loop takes a fraction of what a search for a pattern does.
        let end = signature.bytes().position(|byte| byte == b'(').unwrap_or(signature.len());
        &signature[..end]
    }

    /// Whether CPython has it as a function written in Python.
    pub fn is_python(&self) -> bool {
        self.signature.starts_with("def ") || self.is_async()
    }

    /// Whether a call of it makes a coroutine.
    pub fn is_async(&self) -> bool {
        self.signature.starts_with("async def ")
    }
}

/// A built-in function or method as a value.
pub struct NativeFunction {
    pub row: &'static Row,
    pub call: NativeCall,
    pub name: Rc<Str>,
    /// The type it is a method of.
    pub owner: RefCell<Option<Weak<Class>>>,
    pub module: Option<Rc<Str>>,
    pub arity: Cell<Arity>,
    pub signature: OnceCell<Signature>,
    pub watched: super::gc::weak::Watched,
    /// What [`NativeFunction::is_written`] would be as a function of the language, once somebody asks.
    pub written: OnceCell<Rc<super::function::Function>>,
}

/// How many arguments a call with positional ones only takes, the instance included.
#[derive(Clone, Copy)]
pub struct Arity {
    least: u8,
    most: u8,
    /// Those that only have a name too, which all have defaults.
    all: u8,
}

impl Arity {
    /// Until the signature is read, or where it takes any number: fits nothing.
    const UNKNOWN: Arity = Arity { least: 1, most: 0, all: 0 };

    #[inline]
    pub fn takes(self, given: usize) -> bool {
        (self.least as usize..=self.most as usize).contains(&given)
    }

    /// Whether defaults have a place beside so many arguments.
    #[inline]
    pub fn fits(self, given: usize) -> bool {
        self.takes(given) && self.all as usize <= PLACES
    }

    #[inline]
    pub fn all(self) -> usize {
        self.all as usize
    }
}

/// A call that makes room for so many arguments needs no allocation for the defaults of most natives.
pub const PLACES: usize = 6;

/// A native's parameters.
pub struct Signature {
    pub params: Vec<Parameter>,
    /// Parameters before this index are positional only.
    pub posonly: usize,
    /// Parameters from this index on (before `**kwargs`) are keyword only.
    pub kwonly: usize,
    /// Index of `*args`, `**kwargs`.
    pub vararg: Option<usize>,
    pub kwarg: Option<usize>,
    /// Required positional parameters.
    pub required: usize,
}

pub struct Parameter {
    pub name: Rc<Str>,
    pub default: Option<Value>,
}

/// Whether a method of this name stands for an operator: all with two underscores but a few.
pub fn is_slot(name: &str) -> bool {
    const PLAIN: &[&str] = &[
        "__format__", "__sizeof__", "__reduce__", "__set_name__", "__reduce_ex__", "__dir__", "__init_subclass__",
        "__subclasshook__", "__getstate__", "__setstate__", "__class_getitem__", "__new__", "__length_hint__",
        "__reversed__", "__copy__", "__deepcopy__", "__round__", "__trunc__", "__floor__", "__ceil__",
        "__getnewargs__", "__complex__", "__bytes__", "__instancecheck__", "__subclasscheck__", "__subclasses__",
        "__prepare__", "__enter__", "__exit__", "__missing__", "__replace__",
    ];
    name.starts_with("__") && name.ends_with("__") && !PLAIN.contains(&name)
}

impl NativeFunction {
    pub fn new(row: &'static Row, call: NativeCall, name: Rc<Str>, module: Option<Rc<Str>>) -> NativeFunction {
        NativeFunction {
            row,
            call,
            name,
            owner: RefCell::new(None),
            module,
            arity: Cell::new(Arity::UNKNOWN),
            signature: OnceCell::new(),
            watched: Default::default(),
            written: OnceCell::new(),
        }
    }

    /// Whether an object it is found on comes first among its arguments.
    pub fn is_method(&self) -> bool {
        matches!(self.row.kind, RowKind::Method(_))
    }

    /// What it says at once to so many arguments, if it may.
    #[inline(always)]
    pub fn quick(&self, given: usize) -> Option<Quick> {
        self.answers(given).filter(|_| !gc::pending())
    }

    /// What answers at once to so many arguments, unless something waits to be finalised.
    #[inline(always)]
    pub fn answers(&self, given: usize) -> Option<Quick> {
        // What takes its arguments as they come may be asked with any number of them.
        self.row.quick.filter(|_| self.arity.get().takes(given) || self.row.plain.is_some())
    }

    /// Whether the first parameter is the instance or class.
    pub fn takes_self(&self) -> bool {
        matches!(self.row.kind, RowKind::Method(_) | RowKind::ClassMethod(_))
    }

    /// Whether it is a method of this very class.
    pub fn is_of(&self, class: &Class) -> bool {
        self.owner.borrow().as_ref().is_some_and(|owner| std::ptr::eq(owner.as_ptr(), class))
    }

    /// Whether CPython has the method's class in Python, so that it is bound as a function is.
    pub fn looks_written(&self) -> bool {
        self.owner.borrow().as_ref().and_then(std::rc::Weak::upgrade).is_some_and(|owner| owner.patchable.get())
    }

    /// Whether a bound method of it is a `method`: it is no method itself, or looks like one written in Python.
    pub fn is_bound_as_function(&self) -> bool {
        matches!(self.row.kind, RowKind::Function(_)) || self.looks_written()
    }

    /// Whether it is a function written in Python in CPython, and looks like one.
    pub fn is_written(&self) -> bool {
        match self.row.kind {
            RowKind::Function(_) => self.module.as_ref().is_some_and(|module| !is_extension(module.as_str())),
            RowKind::Method(_) | RowKind::ClassMethod(_) => self.looks_written(),
            RowKind::StaticMethod(_) | RowKind::Attribute(..) => false,
        }
    }

    /// Whether the method stands for an operator, so that CPython has a slot wrapper for it.
    pub fn is_wrapper(&self) -> bool {
        // These two have a plain method besides the operator.
        let coexists = |names: &[&str]| {
            let owner = self.owner.borrow().as_ref().and_then(Weak::upgrade);
            owner.is_some_and(|owner| names.contains(&owner.name.borrow().as_str()))
        };
        let name = self.name.as_str();
        self.is_method()
            && is_slot(name)
            && match name {
                "__getitem__" => !coexists(&["list", "dict"]),
                "__contains__" => !coexists(&["dict", "set", "frozenset"]),
                _ => true,
            }
    }

    pub fn signature(&self) -> &Signature {
        self.signature.get_or_init(|| Signature::parse(self.row.signature, self.takes_self()))
    }
}

/// Whether the functions of a module are built-in ones in CPython too.
fn is_extension(module: &str) -> bool {
    const NAMES: &[&str] = &[
        "builtins", "sys", "time", "math", "itertools", "operator", "gc", "marshal", "errno", "cmath", "binascii",
        "signal", "zlib",
    ];
    module.starts_with('_') || NAMES.contains(&module)
}

impl Signature {
    /// Reads `name(a, b=1, /, c=None, *args, d, **kwargs)`.
    pub fn parse(text: &str, takes_self: bool) -> Signature {
        let mut signature =
            Signature { params: Vec::new(), posonly: 0, kwonly: usize::MAX, vararg: None, kwarg: None, required: 0 };
        if takes_self {
            signature.params.push(Parameter { name: Rc::new(Str::new("self")), default: None });
            signature.posonly = 1;
        }
        let inside = text.split_once('(').map_or("", |(_, rest)| rest.strip_suffix(')').unwrap_or(rest));
        for part in inside.split(", ").map(str::trim).filter(|p| !p.is_empty()) {
            let at = signature.params.len();
            match part {
                "/" => signature.posonly = at,
                "*" => signature.kwonly = at,
                _ => {
                    let (name, default) = match part.split_once('=') {
                        Some((name, default)) => (name, Some(literal(default))),
                        None => (part, None),
                    };
                    if let Some(name) = name.strip_prefix("**") {
                        signature.kwarg = Some(at);
                        signature.kwonly = signature.kwonly.min(at);
                        signature.params.push(Parameter { name: Rc::new(Str::new(name)), default });
                    } else if let Some(name) = name.strip_prefix('*') {
                        signature.vararg = Some(at);
                        signature.kwonly = at + 1;
                        signature.params.push(Parameter { name: Rc::new(Str::new(name)), default });
                    } else {
                        signature.params.push(Parameter { name: Rc::new(Str::new(name)), default });
                    }
                }
            }
        }
        let end = signature.params.len();
        signature.kwonly = signature.kwonly.min(signature.kwarg.unwrap_or(end));
        let positional = signature.positional();
        signature.required = signature.params[..positional].iter().filter(|p| p.default.is_none()).count();
        signature
    }

    /// How many parameters can be given by position (without `*args`).
    pub fn positional(&self) -> usize {
        self.vararg.unwrap_or(self.kwonly).min(self.params.len())
    }

    /// Whether every parameter can be given by position alone.
    pub fn plain(&self) -> bool {
        self.vararg.is_none() && self.kwarg.is_none() && self.kwonly == self.params.len()
    }

    /// What a call by position alone takes.
    pub fn arity(&self) -> Arity {
        let most = self.positional();
        let optional = self.params[most..].iter().all(|param| param.default.is_some());
        match u8::try_from(self.params.len()) {
            Ok(all) if self.vararg.is_none() && self.kwarg.is_none() && optional => {
                Arity { least: self.required as u8, most: most as u8, all }
            }
            _ => Arity::UNKNOWN,
        }
    }
}

/// The value of a default as written in a signature; what is no literal is `Unbound`.
fn literal(text: &str) -> Value {
    match text {
        "None" => Value::None,
        "True" => Value::bool(true),
        "False" => Value::bool(false),
        "()" => Value::tuple(Vec::new()),
        _ => {
            if let Ok(n) = text.parse::<i64>() {
                Value::Int(n)
            } else if let Ok(x) = text.parse::<f64>() {
                Value::float(x)
            } else if text.len() >= 2 && text.starts_with('\'') && text.ends_with('\'') {
                Value::str(&text[1..text.len() - 1].replace("\\n", "\n"))
            } else {
                Value::Unbound
            }
        }
    }
}
