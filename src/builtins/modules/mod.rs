//! The built-in modules: each is a table of natives, a page of the language itself, or both.
//!
//! What must be fast is Rust; the rest is `stdlib/<module>.aio`, which runs in the same namespace as the natives and finds
//! them there. A page that only some programs need is loaded when one of its names is first asked for.

pub mod structures;
pub mod support;

mod array;
mod bisect;
pub mod collections;
mod copies;
mod datetime;
mod decimals;
pub mod files;
mod functools;
mod gc;
pub mod heapq;
mod importlib;
mod inspect;
mod itertools;
mod json;
mod math;
mod memory_streams;
mod moments;
mod operator;
mod os;
mod outside;
mod random;
mod re;
mod structs;
mod sys;
mod threading;
mod time;
mod traceback;
mod tree;
mod types;
mod unicodedata;
mod warnings;
mod weakref;
mod zlib;

pub use os::run_exit_handlers;

use crate::builtins::prelude::*;

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
    /// Loaded when a name that it defines is first asked for, not at once.
    lazy: bool,
}

impl Page {
    /// What it defines: the names after `def` and `class`, or before ` = `, in lines that are not indented.
    fn names(&self) -> impl Iterator<Item = &'static str> {
        let is_name = |text: &&str| !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || c == '_');
        let outermost = self.text.lines().filter(|line| !line.starts_with(' '));
        outermost.flat_map(move |line| {
            let line = line.strip_prefix("async ").unwrap_or(line);
            let targets = match line.strip_prefix("def ").or_else(|| line.strip_prefix("class ")) {
                Some(defined) => defined.split(['(', ':', '[']).next(),
                None => line.rsplit_once(" = ").map(|(targets, _)| targets),
            };
            targets.into_iter().flat_map(|targets| targets.split(" = ")).filter(is_name)
        })
    }
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
    ($file:literal) => {
        Page { text: include_str!(concat!("../../stdlib/", $file, ".aio")), lazy: false }
    };
}

macro_rules! lazy {
    ($file:literal) => {
        Page { lazy: true, ..page!($file) }
    };
}

macro_rules! library {
    ($name:literal) => {
        rust($name, &[]).and(&[page!($name)])
    };
}

/// Every module that `import` finds without a file.
const MODULES: &[Spec] = &[
    library!("__future__"),
    library!("_code"),
    rust("_bisect", &[]).with(|vm, module| names_of(vm, module, "bisect")),
    rust("_ast", &[]).with(|vm, module| names_of(vm, module, "ast")),
    rust("_collections_abc", &[]).with(|vm, module| names_of(vm, module, "collections.abc")),
    rust("genericpath", &[]).with(|vm, module| names_of(vm, module, "os.path")),
    rust("_collections", &[]).with(|vm, module| names_of(vm, module, "collections")),
    rust("_functools", &[]).with(|vm, module| names_of(vm, module, "functools")),
    rust("_heapq", &[]).with(|vm, module| names_of(vm, module, "heapq")),
    rust("_io", &[]).with(|vm, module| names_of(vm, module, "io")),
    rust("_operator", &[]).with(|vm, module| names_of(vm, module, "operator")),
    rust("_outside", outside::FUNCTIONS).and(&[lazy!("_outside")]),
    rust("_socket", &[]).with(|vm, module| names_of(vm, module, "socket")),
    rust("_sitebuiltins", &[]).and(&[page!("help")]),
    rust("_frames", sys::FRAMES).and(&[page!("_frames")]),
    rust("_moments", moments::FUNCTIONS),
    library!("_strptime"),
    rust("_weakref", &[]).with(|vm, module| names_of(vm, module, "weakref")),
    rust("_string", &[]).and(&[Page {
        text: "from string import _formatter_parser as formatter_parser, _split_name as formatter_field_name_split",
        lazy: false,
    }]),
    rust("_thread", os::SIGNALS).and(&[page!("_thread")]),
    rust("abc", types::ABSTRACT).with(weakref::for_page).and(&[page!("abc")]),
    rust("argparse", &[]).and(&[page!("argparse_help"), page!("argparse_actions"), page!("argparse")]),
    rust("array", array::FUNCTIONS)
        .with(|vm, module| {
            let class = array::class(vm);
            support::export(vm, &module.dict, &class);
            Ok(())
        })
        .and(&[page!("array")]),
    rust("ast", tree::FUNCTIONS).and(&[page!("ast"), lazy!("ast_unparse"), lazy!("ast_check"), lazy!("ast_fold")]),
    rust("atexit", os::EXIT).and(&[page!("atexit")]),
    library!("base64"),
    rust("binascii", zlib::BINASCII).and(&[page!("binascii")]),
    rust("bisect", &[]).with(bisect::setup),
    library!("calendar"),
    rust("calendar.__main__", &[]).with(|vm, _| vm.call_page("calendar", "main", &[]).map(drop)),
    library!("cmath"),
    rust("_codecs", &[]).with(|vm, module| names_of(vm, module, "codecs")),
    rust("codecs", os::CODECS).and(&[
        page!("codecs"),
        lazy!("codecs_charmaps"),
        lazy!("codecs_eastern"),
        lazy!("codecs_escapes"),
        lazy!("codecs_idna"),
    ]),
    library!("colorsys"),
    rust("collections", collections::FUNCTIONS).with(collections::setup).and(&[
        lazy!("collections_namedtuple"),
        lazy!("collections_counter"),
        lazy!("collections_user"),
        Page { text: "abc = __import__('collections.abc').abc", lazy: true },
    ]),
    rust("collections.abc", &[]).with(collections::setup_abc).and(&[page!("collections_abc")]),
    rust("concurrent", &[]),
    rust("concurrent.futures", &[]).and(&[page!("concurrent_futures")]),
    rust("concurrent.futures._base", &[]).with(|vm, module| names_of(vm, module, "concurrent.futures")),
    rust("concurrent.futures.thread", &[]).with(|vm, module| names_of(vm, module, "concurrent.futures")),
    library!("configparser"),
    library!("contextlib"),
    rust("copy", copies::FUNCTIONS).and(&[page!("copy")]),
    library!("copyreg"),
    library!("csv"),
    library!("dataclasses"),
    rust("datetime", datetime::FUNCTIONS).and(&[page!("datetime"), page!("datetime_times")]),
    library!("doctest"),
    rust("enum", &[]).and(&[page!("enum"), page!("enum_flags")]),
    rust("decimal", decimals::FUNCTIONS).and(&[page!("decimal_context"), page!("decimal"), page!("decimal_math")]),
    library!("difflib"),
    library!("errno"),
    library!("fnmatch"),
    library!("fractions"),
    rust("functools", functools::FUNCTIONS)
        .with(functools::setup)
        .and(&[lazy!("functools_wrapping"), lazy!("functools")]),
    rust("gc", gc::FUNCTIONS).with(gc::setup),
    library!("getopt"),
    library!("gettext"),
    library!("gzip"),
    library!("glob"),
    library!("graphlib"),
    rust("hashlib", os::HASHES).and(&[page!("hashlib")]),
    library!("hmac"),
    rust("heapq", &[]).with(heapq::setup).and(&[lazy!("heapq")]),
    rust("inspect", inspect::FUNCTIONS).and(&[page!("inspect"), lazy!("inspect_signature"), lazy!("inspect_source")]),
    library!("html"),
    rust("html.entities", os::ENTITIES).and(&[page!("html_entities")]),
    rust("html.parser", &[]).and(&[page!("html_parser")]),
    rust("io", sys::streams::IO_FUNCTIONS)
        .with(|vm, module| {
            crate::builtins::add_functions(vm, "io", &module.dict, files::FUNCTIONS);
            crate::builtins::add_functions(vm, "io", &module.dict, memory_streams::FUNCTIONS);
            Ok(())
        })
        .and(&[page!("io"), lazy!("io_abc"), lazy!("io_buffers"), lazy!("io_files")]),
    library!("importlib"),
    rust("importlib.abc", &[]).and(&[page!("importlib_abc")]),
    rust("importlib.machinery", importlib::FUNCTIONS).and(&[page!("importlib_machinery")]),
    rust("importlib.metadata", &[]).and(&[page!("importlib_metadata")]),
    rust("importlib.resources", &[]).and(&[page!("importlib_resources")]),
    rust("importlib.util", &[]).and(&[page!("importlib_util")]),
    rust("linecache", inspect::FUNCTIONS).and(&[page!("linecache")]),
    library!("ipaddress"),
    rust("itertools", &[]).with(itertools::setup),
    rust("json", json::FUNCTIONS).and(&[page!("json")]),
    rust("json.decoder", &[]).with(|vm, module| names_of(vm, module, "json")),
    rust("json.encoder", &[]).with(|vm, module| names_of(vm, module, "json")),
    rust("json.tool", &[]).and(&[page!("json_tool")]),
    rust("json.tool.__main__", &[]).with(|vm, _| vm.call_page("json.tool", "main", &[]).map(drop)),
    rust("json.scanner", &[]).with(|vm, module| names_of(vm, module, "json")),
    library!("keyword"),
    library!("locale"),
    rust("logging", &[]).and(&[page!("logging"), page!("logging_loggers")]),
    rust("logging.config", &[]).and(&[page!("logging_config")]),
    rust("logging.handlers", &[]).and(&[page!("logging_handlers")]),
    rust("math", math::FUNCTIONS).with(math::setup),
    library!("numbers"),
    rust("operator", &[]).with(operator::setup),
    rust("os", os::FUNCTIONS)
        .with(|vm, module| {
            crate::builtins::add_functions(vm, "os", &module.dict, files::FUNCTIONS);
            structures::of_os(vm, module);
            Ok(())
        })
        .and(&[page!("os"), lazy!("os_environ")]),
    rust("os.path", files::FUNCTIONS).and(&[page!("os_path")]),
    rust("pathlib._local", &[]).with(|vm, module| names_of(vm, module, "pathlib")),
    rust("pathlib", &[]).and(&[page!("pathlib_pure"), page!("pathlib")]),
    rust("pickle", support::DEEP).and(&[page!("pickle")]),
    library!("pkgutil"),
    library!("platform"),
    rust("posixpath", &[]).with(|vm, module| names_of(vm, module, "os.path")),
    library!("pprint"),
    library!("queue"),
    rust("random", os::DIGESTS).with(random::setup).and(&[page!("random")]),
    rust("re", re::FUNCTIONS).with(re::setup).and(&[lazy!("re_flags"), lazy!("re_rest")]),
    library!("reprlib"),
    library!("sched"),
    library!("secrets"),
    library!("shlex"),
    library!("shutil"),
    rust("signal", os::SIGNALS).and(&[page!("signal")]),
    library!("select"),
    library!("selectors"),
    library!("socket"),
    library!("stat"),
    library!("statistics"),
    rust("string", &[]).and(&[page!("string"), lazy!("string_template"), lazy!("string_formatter")]),
    rust("struct", structs::FUNCTIONS)
        .with(|vm, module| {
            crate::builtins::add_functions(vm, "_struct", &module.dict, structs::PLAIN);
            let error = structs::error_class(vm);
            support::export(vm, &module.dict, &error);
            Ok(())
        })
        .and(&[page!("struct")]),
    library!("subprocess"),
    rust("sys", sys::FUNCTIONS).with(sys::setup).and(&[lazy!("sys_meta_path")]),
    library!("tempfile"),
    library!("textwrap"),
    rust("threading", threading::FUNCTIONS).and(&[page!("threading")]),
    rust("time", time::FUNCTIONS).with(time::setup),
    rust("traceback", traceback::FUNCTIONS).and(&[page!("traceback")]),
    library!("timeit"),
    rust("timeit.__main__", &[]).with(|vm, _| vm.call_page("timeit", "_run", &[]).map(drop)),
    library!("token"),
    library!("tokenize"),
    library!("tracemalloc"),
    rust("typing", types::UNIONS).and(&[
        page!("typing_forms"),
        page!("typing"),
        lazy!("typing_protocols"),
        lazy!("typing_records"),
        lazy!("typing_functions"),
    ]),
    rust("unicodedata", unicodedata::FUNCTIONS).with(|vm, module| {
        vm.set_entry(&module.dict, "unidata_version", Value::str("15.1.0"));
        Ok(())
    }),
    rust("unittest", &[]).and(&[
        page!("unittest_asserts"),
        page!("unittest"),
        page!("unittest_results"),
        page!("unittest_main"),
        lazy!("unittest_async_case"),
    ]),
    rust("unittest.async_case", &[]).and(&[page!("unittest_part")]),
    rust("unittest.case", &[]).and(&[page!("unittest_part")]),
    rust("unittest.loader", &[]).and(&[page!("unittest_part")]),
    rust("unittest.result", &[]).and(&[page!("unittest_part")]),
    rust("unittest.runner", &[]).and(&[page!("unittest_part")]),
    rust("unittest.signals", &[]).and(&[page!("unittest_signals")]),
    rust("unittest.suite", &[]).and(&[page!("unittest_part")]),
    rust("unittest.util", &[]).and(&[page!("unittest_part")]),
    rust("unittest.__main__", &[]).and(&[page!("unittest_program")]),
    rust("unittest.mock", &[]).and(&[page!("unittest_mock"), page!("unittest_mock_patch")]),
    rust("types", types::FUNCTIONS).with(types::setup).and(&[lazy!("types")]),
    rust("urllib", &[]),
    rust("urllib.parse", &[]).and(&[page!("urllib_parse")]),
    rust("uuid", os::DIGESTS).and(&[page!("uuid")]),
    rust("warnings", warnings::FUNCTIONS).and(&[page!("warnings")]),
    rust("weakref", weakref::FUNCTIONS).with(weakref::setup).and(&[page!("weakref"), lazy!("weakref_proxy")]),
    rust("zlib", zlib::FUNCTIONS).and(&[page!("zlib")]),
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
    let lazy = spec.pages.iter().any(|page| page.lazy);
    let module = vm.new_module(name, if lazy { Some(load_page) } else { None });
    let is_child = |other: &Spec| other.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
    let package = if ["os", "os.path"].contains(&name) {
        ""
    } else if MODULES.iter().any(is_child) {
        vm.set_entry(&module.dict, "__path__", Value::list(Vec::new()));
        name
    } else {
        name.rsplit_once('.').map_or("", |(parent, _)| parent)
    };
    vm.set_entry(&module.dict, "__package__", Value::str(package));
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
    for page in spec.pages.iter().filter(|page| !page.lazy) {
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
    // Other modules are what the page itself needs, but for `os.path`.
    let is_part = |value: &Value| match value {
        Value::Module(other) => spec.name == "os" && other.name.borrow().as_str() == "os.path",
        _ => true,
    };
    let mut names: Vec<Value> = module
        .dict
        .pairs()
        .into_iter()
        .filter(|(key, value)| is_part(value) && key.as_str().is_some_and(|k| !k.starts_with('_')))
        .map(|(key, _)| key)
        .collect();
    let later = spec.pages.iter().filter(|page| page.lazy).flat_map(Page::names);
    let is_module = |name: &str| self::spec(&format!("{}.{name}", spec.name)).is_some();
    names.extend(later.filter(|name| !name.starts_with('_') && !is_module(name)).map(Value::str));
    module.dict.set_str(&all, Value::list(names));
}

/// Loads the page that defines a name; none defines what a module is asked for by every import, as `__path__`.
fn load_page(vm: &mut Vm, module: &Rc<Module>, name: &Rc<Str>) -> Result<Option<Value>> {
    if name.as_str().starts_with("__") {
        return Ok(None);
    }
    let of = module.name.borrow().clone();
    let page = spec(&of)
        .and_then(|spec| spec.pages.iter().find(|page| page.lazy && page.names().any(|known| known == name.as_str())));
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
    let whole = vm.import_module(whole)?;
    vm.load_all(&whole)?;
    if let Value::Module(whole) = whole {
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
        vm.set_entry(dict, name, value);
    }
}

/// The names of the modules there are.
pub fn names() -> impl Iterator<Item = &'static str> {
    MODULES.iter().map(|spec| spec.name)
}
