//! Functions, bound methods, cells and descriptors as data.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use super::attrs::{AttrCell, Attrs};
use super::code::Code;
use super::{Class, Dict, Result, Str, Value, gc};
use crate::machine::Vm;

/// A variable shared between a function and the functions inside it.
#[derive(Default)]
pub struct Cell {
    pub value: RefCell<Value>,
    pub mark: gc::Mark,
}

impl Cell {
    pub fn new(value: Value) -> Rc<Cell> {
        Rc::new(Cell { value: RefCell::new(value), mark: gc::Mark::default() })
    }

    #[inline]
    pub fn get(&self) -> Value {
        self.value.borrow().clone()
    }

    /// Looks at the value where it is.
    #[inline]
    pub fn look<R>(&self, at: impl FnOnce(&Value) -> R) -> R {
        at(&self.value.borrow())
    }

    #[inline]
    pub fn set(self: &Rc<Cell>, value: Value) -> Value {
        gc::stored(self, &value);
        self.value.replace(value)
    }
}

impl Drop for Cell {
    fn drop(&mut self) {
        self.mark.died(std::ptr::from_ref(self).addr());
        gc::release_one(self.value.get_mut());
    }
}

/// The modules whose functions are in C elsewhere, in which module there, and which these are if not all.
const BUILTIN: &[(&str, &str, &str)] = &[
    ("_thread", "_thread", ""),
    ("atexit", "atexit", ""),
    ("binascii", "binascii", ""),
    ("zlib", "zlib", ""),
    ("cmath", "cmath", ""),
    ("codecs", "_codecs", "lookup encode decode register unregister register_error lookup_error"),
    ("csv", "_csv", "field_size_limit get_dialect list_dialects reader register_dialect unregister_dialect writer"),
    ("decimal", "decimal", "getcontext setcontext localcontext"),
    ("hashlib", "_hashlib", "pbkdf2_hmac"),
    ("hmac", "_hashlib", "compare_digest"),
    ("locale", "_locale", "getencoding nl_langinfo strcoll strxfrm"),
    (
        "os",
        "posix",
        "WCOREDUMP WEXITSTATUS WIFCONTINUED WIFEXITED WIFSIGNALED WIFSTOPPED WTERMSIG access chdir chmod close closerange \
         cpu_count ctermid dup fspath fstat fsync ftruncate get_inheritable get_terminal_size getcwd getcwdb getegid geteuid \
         getgid getpid getppid getrandom getuid isatty kill killpg link listdir lseek lstat major makedev minor mkdir open \
         pipe pread putenv pwrite read readlink readv remove rename replace rmdir scandir sched_getaffinity \
         set_inheritable stat strerror symlink system times truncate umask uname unlink unsetenv urandom utime \
         waitstatus_to_exitcode write writev",
    ),
    ("pickle", "_pickle", "dump dumps load loads"),
    (
        "signal",
        "_signal",
        "alarm default_int_handler getitimer pause raise_signal set_wakeup_fd setitimer siginterrupt strsignal",
    ),
    (
        "socket",
        "_socket",
        "close getdefaulttimeout gethostbyaddr gethostbyname gethostbyname_ex gethostname getnameinfo getservbyname \
         getservbyport htonl htons inet_aton inet_ntoa inet_ntop inet_pton ntohl ntohs setdefaulttimeout",
    ),
    ("stat", "_stat", ""),
    ("struct", "_struct", ""),
    (
        "tracemalloc",
        "_tracemalloc",
        "clear_traces get_traceback_limit get_traced_memory is_tracing reset_peak start stop",
    ),
    ("warnings", "_warnings", "warn warn_explicit"),
    ("weakref", "_weakref", "proxy"),
];

/// A function defined by a script.
pub struct Function {
    pub code: Rc<Code>,
    pub globals: Rc<Dict>,
    pub closure: Box<[Rc<Cell>]>,
    /// Defaults of the last positional parameters. A script can set more than there are parameters: the last ones count.
    pub defaults: RefCell<Rc<[Value]>>,
    /// What most functions never have.
    pub extra: RefCell<Option<Box<FunctionExtra>>>,
    pub mark: gc::Mark,
}

/// Code given to a function, with its cells in the order that the code wants.
pub type OtherCode = (Rc<Code>, Box<[Rc<Cell>]>);

#[derive(Default)]
pub struct FunctionExtra {
    // What is freed first comes first.
    pub kwdefaults: Option<Rc<Dict>>,
    pub doc: Option<Value>,
    pub attrs: Attrs,
    /// `__defaults__` was set to an empty tuple, which is not None.
    pub empty_defaults: bool,
    pub annotations: Option<Rc<Dict>>,
    /// Those of the library are texts until somebody asks for them.
    pub annotations_evaluated: bool,
    pub name: Option<Rc<Str>>,
    pub qualname: Option<Rc<Str>>,
    pub module: Option<Value>,
    pub type_params: Option<Value>,
    /// What `__code__` was set to.
    pub code: Option<OtherCode>,
}

impl Function {
    /// The extra part, made if it is not there yet.
    pub fn with_extra<T>(&self, change: impl FnOnce(&mut FunctionExtra) -> T) -> T {
        change(self.extra.borrow_mut().get_or_insert_default())
    }

    /// Whether it stands for a function that CPython has in C: a library page's, which is no method of a class that has
    /// it as an attribute.
    pub fn is_builtin(&self) -> bool {
        self.module_in_c().is_some()
    }

    /// The module in which CPython has a function in C that this one stands for.
    pub fn module_in_c(&self) -> Option<&'static str> {
        let code = &self.code;
        if !code.source.library || code.qualname.as_str() != code.name.as_str() || code.name.starts_with('_') {
            return None;
        }
        let (_, module, names) = BUILTIN.iter().find(|(page, ..)| *page == &*code.source.name)?;
        (names.is_empty() || names.split(' ').any(|name| name == code.name.as_str())).then_some(*module)
    }

    /// Its code, be it replaced.
    pub fn current_code(&self) -> Rc<Code> {
        let code =
            if self.code.replaced.get() { self.extra.borrow().as_ref().and_then(|e| e.code.clone()) } else { None };
        code.map_or_else(|| self.code.clone(), |(code, _)| code)
    }

    /// If its code was replaced, the function to call in its place.
    pub fn replacement(&self) -> Option<Rc<Function>> {
        let extra = self.extra.borrow();
        let extra = extra.as_ref().filter(|_| self.code.replaced.get())?;
        let (code, closure) = extra.code.clone()?;
        let named = FunctionExtra {
            kwdefaults: extra.kwdefaults.clone(),
            name: Some(extra.name.clone().unwrap_or_else(|| self.code.name.clone())),
            qualname: Some(extra.qualname.clone().unwrap_or_else(|| self.code.qualname.clone())),
            ..Default::default()
        };
        Some(Rc::new(Function {
            globals: self.globals.clone(),
            closure,
            defaults: self.defaults.clone(),
            extra: RefCell::new(Some(Box::new(named))),
            mark: Default::default(),
            code,
        }))
    }

    pub fn name(&self) -> Rc<Str> {
        self.extra.borrow().as_ref().and_then(|e| e.name.clone()).unwrap_or_else(|| self.code.name.clone())
    }

    pub fn qualname(&self) -> Rc<Str> {
        self.extra.borrow().as_ref().and_then(|e| e.qualname.clone()).unwrap_or_else(|| self.code.qualname.clone())
    }
}

impl Drop for Function {
    /// Lets go of its parts in CPython's order, where defaults and cells are tuples.
    fn drop(&mut self) {
        self.mark.died(std::ptr::from_ref(self).addr());
        release_defaults(self.defaults.get_mut());
        let annotations = self.extra.get_mut().take().and_then(|mut extra| extra.annotations.take());
        let mut cells = std::mem::take(&mut self.closure).into_vec();
        while cells.pop().is_some() {}
        drop(annotations);
    }
}

/// Frees defaults from the last one, unless somebody else has them.
pub fn release_defaults(defaults: &mut Rc<[Value]>) {
    if let Some(values) = Rc::get_mut(defaults) {
        gc::release_from_end(values);
    }
}

/// A function together with the object it was looked up on.
pub struct BoundMethod {
    pub func: Value,
    pub this: Value,
    pub watched: gc::weak::Watched,
}

impl BoundMethod {
    pub fn new(func: Value, this: Value) -> BoundMethod {
        BoundMethod { func, this, watched: gc::weak::Watched::default() }
    }
}

impl Drop for BoundMethod {
    fn drop(&mut self) {
        self.watched.tell();
        gc::release_one(&mut self.this);
    }
}

/// What a class attribute does when it is looked up on an instance.
pub enum Descriptor {
    Property(Property),
    /// The function, and the attributes that a script gave to the descriptor.
    ClassMethod(Value, AttrCell),
    StaticMethod(Value, AttrCell),
    /// An entry of `__slots__`.
    Slot {
        /// Under which the instances have it.
        key: Rc<Str>,
        class: Weak<Class>,
    },
    /// An attribute of a built-in type, computed by Rust.
    GetSet {
        name: Rc<Str>,
        class: Weak<Class>,
        get: Getter,
        set: Option<Setter>,
        /// What `__doc__` says, which can be changed unless it is `Unbound`.
        doc: RefCell<Value>,
    },
}

pub type Getter = fn(&mut Vm, &Value) -> Result;
/// Called with `Unbound` to delete.
pub type Setter = fn(&mut Vm, &Value, Value) -> Result<()>;

/// Made empty and filled by `__init__`, which may come again.
#[derive(Default)]
pub struct Property {
    pub parts: RefCell<PropertyParts>,
}

#[derive(Clone, Default)]
pub struct PropertyParts {
    /// The functions to get, set and delete.
    pub functions: [Value; 3],
    pub doc: Value,
    /// Whether the documentation is the getter's.
    pub getter_doc: bool,
    /// What `__set_name__` said.
    pub name: Value,
}
