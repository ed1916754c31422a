//! The built-in modules: each is a table of natives, a page of the language itself, or both.
//!
//! What must be fast is Rust; the rest is `stdlib/<module>.aio`, which runs in the same namespace as the natives and finds
//! them there. A page that only some programs need is loaded when one of its names is first asked for.

pub mod support;

mod array;
mod bisect;
mod collections;
pub mod files;
mod functools;
mod gc;
mod heapq;
mod importlib;
mod inspect;
mod itertools;
mod json;
mod math;
mod operator;
mod os;
mod random;
mod re;
mod structs;
mod sys;
mod threading;
mod time;
mod traceback;
mod types;
mod warnings;
mod weakref;

pub use os::run_exit_handlers;

use std::rc::Rc;

use crate::machine::Vm;
use crate::object::module::Module;
use crate::object::native::Row;
use crate::object::{Dict, Result, Str, Value};

/// What fills a module beyond its tables.
type Setup = fn(&mut Vm, &Rc<Module>) -> Result<()>;

/// A built-in module.
struct Spec {
    name: &'static str,
    functions: &'static [Row],
    /// Adds what is no function: classes, constants.
    setup: Option<Setup>,
    pages: &'static [Page],
}

/// A source text of the library.
struct Page {
    text: &'static str,
    /// What it defines; loaded when one of these names is asked for, or at once if there are none.
    names: &'static [&'static str],
}

const fn rust(name: &'static str, functions: &'static [Row]) -> Spec {
    Spec { name, functions, setup: None, pages: &[] }
}

impl Spec {
    const fn with(self, setup: fn(&mut Vm, &Rc<Module>) -> Result<()>) -> Spec {
        Spec { setup: Some(setup), ..self }
    }

    const fn and(self, pages: &'static [Page]) -> Spec {
        Spec { pages, ..self }
    }
}

macro_rules! page {
    ($file:literal $(, $name:literal)*) => {
        Page { text: include_str!(concat!("../../stdlib/", $file, ".aio")), names: &[$($name),*] }
    };
}

/// Every module that `import` finds without a file.
const MODULES: &[Spec] = &[
    rust("_io", &[]).with(|vm, module| names_of(vm, module, "io")),
    rust("_sitebuiltins", &[]).and(&[page!("help")]),
    rust("_strptime", time::CALENDAR).and(&[page!("_strptime")]),
    rust("_thread", os::SIGNALS).and(&[page!("_thread")]),
    rust("abc", &[]).and(&[page!("abc")]),
    rust("array", array::FUNCTIONS)
        .with(|vm, module| {
            let class = array::class(vm);
            support::export(vm, &module.dict, &class);
            Ok(())
        })
        .and(&[page!("array")]),
    rust("atexit", os::EXIT).and(&[page!("atexit")]),
    rust("bisect", &[]).with(bisect::setup),
    rust("_codecs", &[]).with(|vm, module| names_of(vm, module, "codecs")),
    rust("codecs", os::CODECS).and(&[page!("codecs")]),
    rust("collections", collections::FUNCTIONS).with(collections::setup).and(&[
        page!("collections_namedtuple", "namedtuple"),
        page!("collections_counter", "Counter"),
        page!("collections_user", "ChainMap", "UserDict", "UserList", "UserString"),
        Page { text: "import collections.abc as _abc", names: &["abc"] },
    ]),
    rust("collections.abc", &[]).with(collections::setup_abc).and(&[page!("collections_abc")]),
    rust("concurrent", &[]),
    rust("concurrent.futures", &[]).and(&[page!("concurrent_futures")]),
    rust("contextlib", &[]).and(&[page!("contextlib")]),
    rust("copy", &[]).and(&[page!("copy")]),
    rust("copyreg", &[]).and(&[page!("copyreg")]),
    rust("dataclasses", &[]).and(&[page!("dataclasses")]),
    rust("datetime", &[]).and(&[page!("datetime")]),
    rust("enum", &[]).and(&[page!("enum")]),
    rust("errno", &[]).and(&[page!("errno")]),
    rust("fnmatch", &[]).and(&[page!("fnmatch")]),
    rust("fractions", &[]).and(&[page!("fractions")]),
    rust("functools", functools::FUNCTIONS).with(functools::setup).and(&[
        page!(
            "functools_wrapping",
            "WRAPPER_ASSIGNMENTS",
            "WRAPPER_UPDATES",
            "update_wrapper",
            "wraps",
            "lru_cache",
            "cache"
        ),
        page!(
            "functools",
            "total_ordering",
            "cached_property",
            "partialmethod",
            "_CacheInfo",
            "_c3_mro",
            "_compose_mro",
            "singledispatch",
            "singledispatchmethod"
        ),
    ]),
    rust("gc", gc::FUNCTIONS).with(gc::setup),
    rust("heapq", &[]).with(heapq::setup).and(&[page!("heapq", "merge", "nsmallest", "nlargest")]),
    rust("inspect", inspect::FUNCTIONS).and(&[
        page!("inspect"),
        page!(
            "inspect_signature",
            "_empty",
            "_void",
            "_ParameterKind",
            "formatannotation",
            "Parameter",
            "BoundArguments",
            "Signature",
            "signature",
            "_of_function",
            "_of_partial",
            "getfullargspec",
            "getcallargs",
            "getargs",
            "getargvalues",
            "getclosurevars",
            "classify_class_attrs",
            "getclasstree",
            "formatargvalues",
            "FullArgSpec",
            "ArgInfo",
            "ClosureVars",
            "Arguments",
            "Attribute"
        ),
        page!(
            "inspect_source",
            "ClassFoundException",
            "EndOfBlock",
            "getfile",
            "getabsfile",
            "findsource",
            "getblock",
            "getsourcelines",
            "getsource",
            "getcomments",
            "Traceback",
            "FrameInfo",
            "getframeinfo",
            "getlineno",
            "getouterframes",
            "getinnerframes",
            "stack",
            "trace",
            "getsourcefile"
        ),
    ]),
    rust("io", sys::streams::IO_FUNCTIONS)
        .with(|vm, module| {
            crate::builtins::add_functions(vm, "io", &module.dict, files::FUNCTIONS);
            Ok(())
        })
        .and(&[
            page!("io"),
            page!("io_abc", "IOBase", "RawIOBase", "BufferedIOBase", "TextIOBase"),
            page!(
                "io_buffers",
                "BufferedReader",
                "BufferedWriter",
                "BufferedRandom",
                "BufferedRWPair",
                "TextIOWrapper"
            ),
            page!("io_files", "FileIO", "_open", "_File"),
        ]),
    rust("importlib", &[]).and(&[page!("importlib")]),
    rust("importlib.abc", &[]).and(&[page!("importlib_abc")]),
    rust("importlib.machinery", importlib::FUNCTIONS).and(&[page!("importlib_machinery")]),
    rust("importlib.util", &[]).and(&[page!("importlib_util")]),
    rust("linecache", inspect::FUNCTIONS).and(&[page!("linecache")]),
    rust("itertools", &[]).with(itertools::setup),
    rust("json", json::FUNCTIONS).and(&[page!("json")]),
    rust("json.decoder", &[]).with(|vm, module| names_of(vm, module, "json")),
    rust("json.encoder", &[]).with(|vm, module| names_of(vm, module, "json")),
    rust("json.scanner", &[]).with(|vm, module| names_of(vm, module, "json")),
    rust("keyword", &[]).and(&[page!("keyword")]),
    rust("logging", &[]).and(&[page!("logging")]),
    rust("math", math::FUNCTIONS).with(math::setup),
    rust("numbers", &[]).and(&[page!("numbers")]),
    rust("operator", operator::FUNCTIONS).with(operator::setup),
    rust("os", os::FUNCTIONS)
        .with(|vm, module| {
            crate::builtins::add_functions(vm, "os", &module.dict, files::FUNCTIONS);
            Ok(())
        })
        .and(&[page!("os")]),
    rust("os.path", files::FUNCTIONS).and(&[page!("os_path")]),
    rust("pathlib", &[]).and(&[page!("pathlib_pure"), page!("pathlib")]),
    rust("pickle", &[]).and(&[page!("pickle")]),
    rust("posixpath", &[]).with(|vm, module| names_of(vm, module, "os.path")),
    rust("pprint", &[]).and(&[page!("pprint")]),
    rust("queue", &[]).and(&[page!("queue")]),
    rust("random", os::DIGESTS).with(random::setup).and(&[page!("random")]),
    rust("re", re::FUNCTIONS).with(re::setup).and(&[
        page!(
            "re_flags",
            "RegexFlag",
            "NOFLAG",
            "ASCII",
            "A",
            "IGNORECASE",
            "I",
            "LOCALE",
            "L",
            "UNICODE",
            "U",
            "MULTILINE",
            "M",
            "DOTALL",
            "S",
            "VERBOSE",
            "X",
            "DEBUG"
        ),
        page!("re_rest", "PatternError", "error", "Scanner", "_IndexError"),
    ]),
    rust("signal", os::SIGNALS).and(&[page!("signal")]),
    rust("statistics", &[]).and(&[page!("statistics")]),
    rust("string", &[]).and(&[
        page!("string"),
        page!("string_template", "Template"),
        page!("string_formatter", "Formatter"),
    ]),
    rust("struct", structs::FUNCTIONS)
        .with(|vm, module| {
            let error = structs::error_class(vm);
            support::export(vm, &module.dict, &error);
            Ok(())
        })
        .and(&[page!("struct")]),
    rust("sys", sys::FUNCTIONS).with(sys::setup).and(&[page!("sys_meta_path", "meta_path")]),
    rust("textwrap", &[]).and(&[page!("textwrap")]),
    rust("threading", threading::FUNCTIONS).and(&[page!("threading")]),
    rust("time", time::FUNCTIONS).with(time::setup),
    rust("traceback", traceback::FUNCTIONS).and(&[page!("traceback")]),
    rust("tracemalloc", &[]).and(&[page!("tracemalloc")]),
    rust("typing", &[]).and(&[
        page!("typing"),
        page!(
            "typing_protocols",
            "Protocol",
            "runtime_checkable",
            "get_protocol_members",
            "is_protocol",
            "SupportsInt",
            "SupportsFloat",
            "SupportsComplex",
            "SupportsBytes",
            "SupportsIndex",
            "SupportsAbs",
            "SupportsRound"
        ),
        page!("typing_records", "NamedTuple", "TypedDict", "is_typeddict"),
        page!(
            "typing_functions",
            "NewType",
            "cast",
            "assert_type",
            "assert_never",
            "reveal_type",
            "no_type_check",
            "no_type_check_decorator",
            "overload",
            "get_overloads",
            "clear_overloads",
            "final",
            "override",
            "dataclass_transform",
            "get_origin",
            "get_args",
            "get_type_hints"
        ),
    ]),
    rust("unittest", &[]).and(&[
        page!("unittest_asserts"),
        page!("unittest"),
        page!("unittest_results"),
        page!("unittest_main"),
        page!("unittest_async_case", "IsolatedAsyncioTestCase"),
    ]),
    rust("unittest.__main__", &[]).and(&[page!("unittest_program")]),
    rust("unittest.mock", &[]).and(&[page!("unittest_mock")]),
    rust("types", types::FUNCTIONS).with(types::setup).and(&[page!(
        "types",
        "new_class",
        "resolve_bases",
        "prepare_class",
        "get_original_bases",
        "DynamicClassAttribute",
        "coroutine",
        "_GeneratorWrapper"
    )]),
    rust("uuid", os::DIGESTS).and(&[page!("uuid")]),
    rust("warnings", warnings::FUNCTIONS).and(&[page!("warnings")]),
    rust("weakref", weakref::FUNCTIONS)
        .with(weakref::setup)
        .and(&[page!("weakref"), page!("weakref_proxy", "proxy", "ProxyType", "CallableProxyType", "ProxyTypes")]),
];

fn spec(name: &str) -> Option<&'static Spec> {
    MODULES.iter().find(|spec| spec.name == name)
}

/// Loads a built-in module; `None` if there is none of that name.
pub fn load(vm: &mut Vm, name: &str) -> Result<Option<Rc<Module>>> {
    let Some(spec) = spec(name) else {
        return match name {
            "contextvars" => crate::asyncio::contextvars::contextvars_module(vm).map(Some),
            _ => crate::asyncio::load(vm, name),
        };
    };
    let lazy = spec.pages.iter().any(|page| !page.names.is_empty());
    let module = vm.new_module(name, if lazy { Some(load_page) } else { None });
    let package = if MODULES.iter().any(|other| other.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
    {
        let path = vm.intern("__path__");
        module.dict.set_str(&path, Value::list(Vec::new()));
        name
    } else {
        name.rsplit_once('.').map_or("", |(parent, _)| parent)
    };
    let key = vm.intern("__package__");
    module.dict.set_str(&key, Value::str(package));
    crate::builtins::add_functions(vm, name, &module.dict, spec.functions);
    if !spec.pages.is_empty() {
        crate::builtins::add_functions(vm, name, &module.dict, support::HELPERS);
    }
    if let Some(setup) = spec.setup {
        setup(vm, &module)?;
    }
    // Pages may import each other in a circle.
    let key = vm.intern(name);
    vm.modules.set_str(&key, Value::Module(module.clone()));
    for page in spec.pages.iter().filter(|page| page.names.is_empty()) {
        if let Err(error) = vm.load_library(name, page.text, &module.dict) {
            vm.modules.remove_str(&key);
            return Err(error);
        }
    }
    if lazy {
        add_all(vm, spec, &module);
    }
    Ok(Some(module))
}

/// A module with pages still to come says what `import *` takes.
fn add_all(vm: &mut Vm, spec: &Spec, module: &Module) {
    let all = vm.name(crate::symbol::sym::__all__).clone();
    if module.dict.get_str(&all).is_some() {
        return;
    }
    let mut names: Vec<Value> = module
        .dict
        .pairs()
        .into_iter()
        .filter(|(key, value)| !matches!(value, Value::Module(_)) && key.as_str().is_some_and(|k| !k.starts_with('_')))
        .map(|(key, _)| key)
        .collect();
    names.extend(spec.pages.iter().flat_map(|page| page.names).filter(|n| !n.starts_with('_')).map(|n| Value::str(n)));
    module.dict.set_str(&all, Value::list(names));
}

/// Loads the page that defines a name.
fn load_page(vm: &mut Vm, module: &Rc<Module>, name: &Rc<Str>) -> Result<Option<Value>> {
    let of = module.name.borrow().clone();
    let page = spec(&of).and_then(|spec| spec.pages.iter().find(|page| page.names.contains(&name.as_str())));
    let Some(page) = page else { return Ok(None) };
    vm.load_library(&of, page.text, &module.dict)?;
    let name = vm.intern_str(name);
    Ok(module.dict.get_str(&name))
}

/// Whether there is a built-in module of that name.
pub fn exists(name: &str) -> bool {
    is_known(name) || name == "contextvars" || crate::asyncio::library::exists(name)
}

/// Whether Python has a module of that name.
pub fn is_of_python(name: &str) -> bool {
    sys::STDLIB.binary_search(&name).is_ok()
}

/// Whether a name is that of a module worth suggesting.
pub fn is_known(name: &str) -> bool {
    MODULES.iter().any(|spec| spec.name == name)
}

/// Gives a module the names of another, of which it is a part.
fn names_of(vm: &mut Vm, module: &Rc<Module>, whole: &str) -> Result<()> {
    if let Value::Module(whole) = vm.import_module(whole)? {
        for (name, value) in whole.dict.pairs() {
            if let Some(name) = name.as_str().filter(|name| module.dict.get_str(name).is_none()) {
                module.dict.set_str(name, value);
            }
        }
    }
    Ok(())
}

/// Sets names in a module's namespace.
fn set_all<const N: usize>(vm: &mut Vm, dict: &Rc<Dict>, values: [(&str, Value); N]) {
    for (name, value) in values {
        let name = vm.intern(name);
        dict.set_str(&name, value);
    }
}

/// The names of the modules there are.
pub fn names() -> impl Iterator<Item = &'static str> {
    MODULES.iter().map(|spec| spec.name)
}
