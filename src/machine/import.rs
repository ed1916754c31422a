//! Importing: built-in modules and the files found on `sys.path`, `.aio` before `.py`.
//!
//! What is done here is what Python's default finders do. When a script asks for `sys.meta_path`, the whole way from a
//! name to a module goes through the list instead, in the library's page `importlib.machinery`. What `__spec__` and
//! `__loader__` answer is made by that page as well, when somebody asks.

use std::path::{Path, PathBuf};

use super::prelude::*;
use crate::diagnostic::Diagnostic;
use crate::machine::AsName;
use crate::object::Instance;
use crate::object::exception::Error;
use crate::object::module::{Lazy, Module};
use crate::source::Source;
use crate::syntax::Origin;

/// What CPython finds before it looks for files: a neighbour of such a name is never imported.
const ALWAYS_BUILTIN: &[&str] = &[
    "_abc", "_thread", "abc", "atexit", "builtins", "codecs", "errno", "faulthandler", "gc", "io", "itertools",
    "marshal", "os", "posix", "posixpath", "signal", "stat", "sys", "time",
];

/// Where a module was found.
pub enum Found {
    Builtin,
    /// A source file, whether it is a package's `__init__`, and what is in it.
    File(PathBuf, bool, Vec<u8>),
    /// The folders of a package without a file of its own.
    Folders(Vec<Value>),
}

/// Whether a module of the library is one that CPython has frozen into itself: so it says where the module is from.
pub fn is_frozen(name: &str) -> bool {
    const FROZEN: [&str; 10] = [
        "abc", "codecs", "collections.abc", "importlib.machinery", "importlib.util", "io", "os", "os.path",
        "posixpath", "stat",
    ];
    FROZEN.contains(&name)
}

impl Vm {
    /// A module with its name and empty documentation set.
    pub fn new_module(&mut self, name: &str, lazy: Option<Lazy>) -> Rc<Module> {
        let dict = Rc::new(Dict::new());
        let value = Value::str(name);
        self.set_entry(&dict, sym::__name__, value);
        for empty in [sym::__doc__, sym::__package__, sym::__loader__, sym::__spec__] {
            dict.set_str(&self.name(empty).clone(), Value::None);
        }
        gc::register(&dict);
        Rc::new(Module::new(Rc::new(Str::new(name)), dict, lazy))
    }

    /// The module of a dotted name, imported if it was not; its parents first.
    pub fn import_module(&mut self, name: &str) -> Result {
        let key = self.intern(name);
        match self.modules.get_str(&key) {
            Some(Value::None) => {
                return Err(self.module_not_found(name, format!("import of {name} halted; None in sys.modules")));
            }
            Some(module) => return Ok(module),
            None => {}
        }
        let mut path = Value::None;
        let mut parent = None;
        if let Some((before, child)) = name.rsplit_once('.') {
            // A parent that is blocked is there, and is no package.
            let above = self.intern(before);
            let known = self.modules.get_str(&above).filter(Value::is_none);
            let module = known.map_or_else(|| self.import_module(before), Ok)?;
            if let Some(done) = self.modules.get_str(&key) {
                return Ok(done);
            }
            path = self.get_attr_opt(&module, sym::__path__)?.unwrap_or_default();
            // `os` is no package, though there is `os.path`.
            if path.is_unbound() && !crate::builtins::modules::is_known(name) {
                let message = format!("No module named '{name}'; '{before}' is not a package");
                return Err(self.module_not_found(name, message));
            }
            parent = Some((module, child));
        }
        let module = self.find_and_load(name, &key, &path)?;
        if let Some((parent, child)) = parent {
            let child = self.intern(child);
            match self.set_attr(&parent, &child, module.clone()) {
                Err(error) if error.is(&self.types.AttributeError) => {
                    let class = self.types.ImportWarning.clone();
                    let before = name.rsplit_once('.').map_or("", |(before, _)| before);
                    let text = format!("Cannot set an attribute on '{before}' for child module '{child}'");
                    self.warn(&class, &text)?;
                }
                other => other?,
            }
        }
        Ok(module)
    }

    fn find_and_load(&mut self, name: &str, key: &Rc<Str>, path: &Value) -> Result {
        if self.sys_attr("meta_path").is_some() {
            let path = if path.is_unbound() { Value::None } else { path.clone() };
            return self.call_page("importlib.machinery", "_find_and_load", &[Value::Str(key.clone()), path]);
        }
        match self.find_module(name, path)? {
            Some(found) => self.load_found(name, key, found),
            None => {
                let error = self.module_not_found(name, format!("No module named '{name}'"));
                let of_python = crate::builtins::modules::is_of_python(name.split('.').next().unwrap_or(name));
                let help = match (name.rsplit_once('.'), of_python) {
                    (None, true) => format!("`{name}` is a module of Python's library that is not part of aio"),
                    (None, false) => {
                        format!(
                            "`{name}` is no module of aio, and there is no file `{name}.aio` or `{name}.py` to be found"
                        )
                    }
                    (Some((parent, last)), true) => format!("aio's `{parent}` has no module `{last}`"),
                    (Some((parent, last)), false) => {
                        format!("there is no file `{last}.aio` or `{last}.py` in the package `{parent}`")
                    }
                };
                self.advise(&error, help);
                Err(error)
            }
        }
    }

    /// Loads what was found and leaves it in `sys.modules`, unless that fails.
    fn load_found(&mut self, name: &str, key: &Rc<Str>, found: Found) -> Result {
        let (file, is_package, bytes) = match found {
            Found::Builtin => return self.import_builtin(name),
            Found::File(file, is_package, bytes) => (file, is_package, bytes),
            Found::Folders(portions) => {
                let module = self.file_module(name, Some(name));
                self.set_entry(&module.dict, sym::__file__, Value::None);
                self.set_entry(&module.dict, sym::__path__, Value::list(portions));
                let value = Value::Module(module);
                self.modules.set_str(key, value.clone());
                return Ok(value);
            }
        };
        let shown = file.display().to_string();
        let module = self.file_module(name, is_package.then_some(name));
        if is_package {
            let here = file.parent().map(|p| p.display().to_string()).unwrap_or_default();
            self.set_entry(&module.dict, sym::__path__, Value::list(vec![Value::string(here)]));
        }
        self.set_entry(&module.dict, sym::__file__, Value::str(&shown));
        let value = Value::Module(module.clone());
        self.modules.set_str(key, value.clone());
        self.importing.push(key.clone());
        let result = self.run_module(&bytes, &shown, &module.dict);
        self.importing.pop();
        match result {
            Ok(_) => Ok(self.modules.get_str(key).unwrap_or(value)),
            Err(error) => {
                self.modules.remove_str(key);
                Err(error)
            }
        }
    }

    /// A module whose `__spec__` and `__loader__` are made when asked for.
    fn file_module(&mut self, name: &str, package: Option<&str>) -> Rc<Module> {
        let module = self.new_module(name, None);
        self.unmade_spec(&module);
        let package = package.unwrap_or_else(|| name.rsplit_once('.').map_or("", |(p, _)| p));
        self.set_entry(&module.dict, sym::__package__, Value::str(package));
        module
    }

    fn unmade_spec(&mut self, module: &Module) {
        for made in [sym::__loader__, sym::__spec__] {
            module.dict.remove_str(&self.name(made).clone());
        }
    }

    /// The text in the bytes of a source file, in any encoding there is.
    pub fn read_source(
        &mut self,
        bytes: &[u8],
        name: &str,
        origin: Origin,
    ) -> std::result::Result<Rc<Source>, Box<Diagnostic>> {
        let mut decoder = |bytes: &[u8], encoding: &str| {
            let text = self.call_method(&Value::bytes(bytes.to_vec()), "decode", &[Value::str(encoding)]);
            match text {
                Ok(text) => Ok(text.as_str().map_or(String::new(), |text| text.as_str().to_owned())),
                Err(error) => {
                    let text = self.str(&Value::Exception(error.0));
                    Err(text.map_or(String::new(), |text| text.as_str().to_owned()))
                }
            }
        };
        crate::syntax::decode(bytes, name, origin, &mut decoder)
    }

    /// The same of bytes that `compile()` or an import was given.
    pub fn source_in_memory(&mut self, bytes: &[u8], name: &str) -> Result<Rc<Source>> {
        let class = self.types.SyntaxError.clone();
        if bytes.contains(&0) {
            let message = "source code string cannot contain null bytes";
            let error = self.error(&class, message);
            self.set_exception_attr(&error, sym::msg, Value::str(message));
            return Err(error);
        }
        self.read_source(bytes, name, Origin::Memory).map_err(|problem| {
            let place = [Value::str(name), Value::Int(0), Value::Int(-1), Value::None];
            let error = self.new_error(&class, vec![Value::str(&problem.message), Value::tuple(place.clone())]);
            self.set_exception_attr(&error, sym::msg, Value::str(&problem.message));
            for (name, value) in [sym::filename, sym::lineno, sym::offset, sym::text].into_iter().zip(place) {
                self.set_exception_attr(&error, name, value);
            }
            error
        })
    }

    /// Runs the bytes of a source file in a module's namespace.
    pub fn run_module(&mut self, bytes: &[u8], shown: &str, globals: &Rc<Dict>) -> Result {
        let builtins = self.name(sym::__builtins__).clone();
        if globals.get_str(&builtins).is_none() {
            globals.set_str(&builtins, Value::Dict(self.builtins.clone()));
        }
        let source = self.source_in_memory(bytes, shown)?;
        self.run_source(&source, globals)
    }

    /// What a built-in module has under a name.
    pub fn from_page(&mut self, module: &str, name: &str) -> Result {
        let module = self.import_builtin(module)?;
        self.get_attr(&module, name)
    }

    /// Calls a function of a built-in module, or a class.
    pub fn call_page(&mut self, module: &str, function: &str, args: &[Value]) -> Result {
        let function = self.from_page(module, function)?;
        self.call(&function, args)
    }

    /// An error of a class that a page defines.
    #[cold]
    pub fn page_error(&mut self, module: &str, class: &str, args: &[Value]) -> Error {
        match self.call_page(module, class, args) {
            Ok(Value::Exception(exception)) => Error(exception),
            Ok(_) => self.type_error(format!("{module}.{class} is not an exception")),
            Err(error) => error,
        }
    }

    /// A built-in module by its full name, whatever stands on `sys.path`.
    pub fn import_builtin(&mut self, name: &str) -> Result {
        let key = self.intern(name);
        if let Some(module) = self.modules.get_str(&key) {
            return Ok(module);
        }
        if let Some((parent, _)) = name.rsplit_once('.') {
            self.import_builtin(parent)?;
        }
        let Some(module) = crate::builtins::modules::load(self, name)? else {
            return Err(self.module_not_found(name, format!("No module named '{name}'")));
        };
        self.unmade_spec(&module);
        let value = Value::Module(module);
        self.modules.set_str(&key, value.clone());
        if let Some((parent, child)) = name.rsplit_once('.') {
            let (parent, child) = (self.intern(parent), self.intern(child));
            if let Some(parent) = self.modules.get_str(&parent) {
                self.set_attr(&parent, &child, value.clone())?;
            }
        }
        Ok(value)
    }

    /// Where a module is: a built-in one, or below one of the folders in `path`, of those in `sys.path` if it is `None`.
    pub fn find_module(&mut self, name: &str, path: &Value) -> Result<Option<Found>> {
        let is_builtin = crate::builtins::modules::exists(name);
        if is_builtin && (!path.is_none() || ALWAYS_BUILTIN.contains(&name) || self.in_library()) {
            return Ok(Some(Found::Builtin));
        }
        let stem = name.rsplit_once('.').map_or(name, |(_, child)| child);
        if is_builtin {
            // A neighbour of the name of a module that comes with Python hides it, as there; not so an `.aio` file: its
            // author meant no Python module. Python's own folder comes behind the script's on the path.
            let last = self.host.module_path.last().cloned();
            for folder in self.search_path(path)? {
                if let Some(file) = self.file_in(&folder, stem, "py") {
                    return Ok(Some(file));
                }
                if last.as_ref() == Some(&folder) {
                    break;
                }
            }
            return Ok(Some(Found::Builtin));
        }
        let mut portions = Vec::new();
        for folder in self.search_path(path)? {
            let inner = folder.join(stem);
            if let Some(file) = self.file_in(&folder, stem, "aio").or_else(|| self.file_in(&folder, stem, "py")) {
                return Ok(Some(file));
            }
            if (self.host.is_module_folder)(&inner) {
                portions.push(Value::string(inner.display().to_string()));
            }
        }
        Ok(if portions.is_empty() { None } else { Some(Found::Folders(portions)) })
    }

    /// Whether the code that is running is the library's own.
    pub(super) fn in_library(&self) -> bool {
        let code = self.calls.last().and_then(|site| self.code_by_id(site.code));
        code.is_some_and(|code| code.source.library)
    }

    fn file_in(&mut self, folder: &Path, stem: &str, suffix: &str) -> Option<Found> {
        let init = folder.join(stem).join(format!("__init__.{suffix}"));
        if let Ok(bytes) = (self.host.read_module)(&init) {
            return Some(Found::File(init, true, bytes));
        }
        let file = folder.join(format!("{stem}.{suffix}"));
        (self.host.read_module)(&file).ok().map(|bytes| Found::File(file, false, bytes))
    }

    fn search_path(&mut self, path: &Value) -> Result<Vec<PathBuf>> {
        let path = if path.is_none() {
            match self.sys_attr("path") {
                Some(path) => path,
                None => return Ok(self.host.module_path.clone()),
            }
        } else {
            path.clone()
        };
        let entries = self.collect(&path)?;
        Ok(entries.iter().filter_map(|entry| entry.as_str()).map(|entry| PathBuf::from(entry.as_str())).collect())
    }

    /// A name in `sys`, if that was imported and has it by now.
    pub fn sys_attr(&mut self, name: impl AsName) -> Option<Value> {
        self.loaded_attr("sys", name)
    }

    /// What a module that has been imported has under a name.
    pub fn loaded_attr(&mut self, module: &str, name: impl AsName) -> Option<Value> {
        match self.loaded(module)?.unwrapped() {
            Value::Module(module) => self.entry(&module.dict, name),
            _ => None,
        }
    }

    /// Runs a module's source in a namespace.
    pub fn run_source(&mut self, source: &Rc<Source>, globals: &Rc<Dict>) -> Result {
        let code = crate::lower::compile_module(self, source).map_err(|errors| match errors.first() {
            Some(first) => self.syntax_error(first),
            None => self.system_error("a source was refused without a reason"),
        })?;
        self.run_code(&code, globals, None)
    }

    /// Runs embedded source of the interpreter's own library; its frames stay out of tracebacks.
    pub fn load_library(&mut self, name: &str, text: &'static str, globals: &Rc<Dict>) -> Result<()> {
        let source = Source::library(name, text);
        self.run_source(&source, globals).map(drop)
    }

    #[cold]
    fn module_not_found(&mut self, name: &str, message: String) -> Error {
        let error = self.error(self.types.ModuleNotFoundError.clone(), message);
        self.set_exception_attr(&error, sym::name, Value::str(name));
        error
    }

    /// The absolute name of a relative import.
    fn resolve_relative(&mut self, globals: &Dict, name: &str, level: u32) -> Result<String> {
        let package = self.package_of(globals)?;
        if package.is_empty() {
            return Err(self.import_error("attempted relative import with no known parent package"));
        }
        let mut base = package.as_str();
        for _ in 1..level {
            match base.rsplit_once('.') {
                Some((parent, _)) => base = parent,
                None => return Err(self.import_error("attempted relative import beyond top-level package")),
            }
        }
        Ok(if name.is_empty() { base.to_owned() } else { format!("{base}.{name}") })
    }

    /// The package that relative imports in a namespace start from.
    fn package_of(&mut self, globals: &Dict) -> Result<Rc<Str>> {
        match self.entry(globals, sym::__package__) {
            Some(Value::None) | None => {}
            Some(package) => {
                let text = package.as_str().cloned();
                return text.ok_or_else(|| self.type_error("package must be a string"));
            }
        }
        if let Some(spec) = self.entry(globals, sym::__spec__).filter(|spec| !spec.is_none()) {
            let parent = self.get_attr(&spec, "parent")?;
            let text = parent.as_str().cloned();
            return text.ok_or_else(|| self.type_error("__spec__.parent must be a string"));
        }
        let message = "can't resolve package from __spec__ or __package__, falling back on __name__ and __path__";
        self.warn(self.types.ImportWarning.clone(), message)?;
        match self.entry(globals, sym::__name__) {
            Some(Value::Str(text)) if self.entry(globals, sym::__path__).is_some() => Ok(text),
            Some(Value::Str(text)) => Ok(Rc::new(Str::new(text.rsplit_once('.').map_or("", |(parent, _)| parent)))),
            Some(_) => Err(self.type_error("__name__ must be a string")),
            None => Err(self.key_error(Value::str("'__name__' not in globals"))),
        }
    }

    /// Notes that names in a namespace are asked of this object, a dict with methods of its own.
    pub fn note_asked_globals(&mut self, globals: &Rc<Dict>, owner: &Rc<Instance>) {
        let asked = &mut self.asked_globals;
        asked.retain(|(dict, owner)| dict.strong_count() > 0 && owner.strong_count() > 0);
        if !asked.iter().any(|(dict, _)| dict.as_ptr() == Rc::as_ptr(globals)) {
            asked.push((Rc::downgrade(globals), Rc::downgrade(owner)));
        }
    }

    /// The object that names in a namespace are asked of, if it is not the dict itself.
    pub fn asked_globals(&self, globals: &Rc<Dict>) -> Option<Value> {
        let known = self.asked_globals.iter().find(|(dict, _)| dict.as_ptr() == Rc::as_ptr(globals))?;
        known.1.upgrade().map(Value::Instance)
    }

    /// The builtins that code in a namespace was given instead of the common ones.
    pub fn own_builtins(&mut self, globals: &Dict) -> Option<Value> {
        match self.entry(globals, sym::__builtins__)? {
            Value::Module(module) => Some(Value::Dict(module.dict.clone())),
            own => Some(own),
        }
        .filter(|own| !matches!(own, Value::Dict(own) if Rc::ptr_eq(own, &self.builtins)))
    }

    /// What a namespace that may be any mapping has under a name.
    pub fn name_in(&mut self, own: &Value, name: &Rc<Str>) -> Result<Option<Value>> {
        if let Value::Dict(own) = own {
            return Ok(own.get_str(name));
        }
        match self.get_item(own, &Value::Str(name.clone())) {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.is(&self.types.KeyError) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What an import statement does: calls `__import__`, whoever that is.
    pub fn import_name(&mut self, globals: &Rc<Dict>, name: &str, from_list: Option<&[Value]>, level: u32) -> Result {
        if self.end == End::Leaving && !self.in_library() {
            return Err(self.import_error("sys.meta_path is None, Python is likely shutting down"));
        }
        let key = self.name(sym::__import__).clone();
        let function = match self.own_builtins(globals) {
            Some(own) => self.name_in(&own, &key)?,
            None => self.builtins.get_str(&key),
        };
        match function {
            Some(Value::Native(native)) if native.name.as_str() == key.as_str() => {
                self.import_plain(globals, name, from_list, level)
            }
            // What the library needs for itself shows to no script.
            _ if self.in_library() => self.import_plain(globals, name, from_list, level),
            Some(function) => {
                let names = from_list.map_or(Value::None, |names| Value::tuple(names.to_vec()));
                let globals = Value::Dict(globals.clone());
                let code = self.calls.last().and_then(|site| self.code_by_id(site.code));
                let in_module = code.is_some_and(|code| code.kind == CodeKind::Module);
                let locals = if in_module { globals.clone() } else { Value::None };
                self.call(&function, &[Value::str(name), globals, locals, names, Value::Int(level.into())])
            }
            None => Err(self.import_error("__import__ not found")),
        }
    }

    /// What `__import__` does by itself: the top module of the name, or if names are wanted from it the last one.
    pub fn import_plain(&mut self, globals: &Rc<Dict>, name: &str, from_list: Option<&[Value]>, level: u32) -> Result {
        let full = if level > 0 { Some(self.resolve_relative(globals, name, level)?) } else { None };
        let full = full.as_deref().unwrap_or(name);
        if full.is_empty() {
            return Err(self.value_error("Empty module name"));
        }
        let module = self.import_module(full)?;
        if let Some(names) = from_list {
            self.import_submodules(&module, names, false)?;
            return Ok(module);
        }
        let Some(first) = name.find('.') else { return Ok(module) };
        // `import .a.b` is no statement, but `__import__('a.b', globals(), level=1)` is a call.
        let top = &full[..full.len() - (name.len() - first)];
        self.import_module(top)
    }

    /// Imports the submodules of a package among the names wanted from it.
    pub fn import_submodules(&mut self, module: &Value, names: &[Value], from_all: bool) -> Result<()> {
        if names.is_empty() || self.get_attr_opt(module, sym::__path__)?.is_none() {
            return Ok(());
        }
        let own = self.get_attr_opt(module, sym::__name__)?.and_then(|name| name.as_str().cloned()).unwrap_or_default();
        for name in names {
            let Some(name) = name.as_str().cloned() else {
                let found = self.type_name(name);
                let place = if from_all { format!("{own}.__all__") } else { "``from list''".to_owned() };
                return Err(self.type_error(format!("Item in {place} must be str, not {found}")));
            };
            if name.as_str() == "*" {
                let all = self.name(sym::__all__).clone();
                if let (false, Some(all)) = (from_all, self.get_attr_opt(module, &all)?) {
                    let all = self.collect(&all)?;
                    self.import_submodules(module, &all, true)?;
                }
                continue;
            }
            let name = self.intern_str(&name);
            if self.get_attr_opt(module, &name)?.is_some() {
                continue;
            }
            let full = format!("{own}.{name}");
            if let Err(error) = self.import_module(&full) {
                let missing = self.exception_attr(&error.0, sym::name);
                let is_it = missing.as_ref().and_then(|name| name.as_str()).is_some_and(|name| name.as_str() == full);
                let full = self.intern(&full);
                let halted = self.modules.get_str(&full).is_some();
                if !error.is(&self.types.ModuleNotFoundError) || !is_it || halted {
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// `import a.b.c as x`: from the top module to the last one.
    pub fn import_last(&mut self, top: Value, name: &str) -> Result {
        let mut module = top;
        for part in name.split('.').skip(1) {
            let part = self.intern(part);
            module = self.import_from(&module, &part)?;
        }
        Ok(module)
    }

    /// `from module import name`.
    pub fn import_from(&mut self, module: &Value, name: &Rc<Str>) -> Result {
        if let Some(found) = self.get_attr_opt(module, name)? {
            return Ok(found);
        }
        let own = self.get_attr_opt(module, sym::__name__)?.and_then(|name| name.as_str().cloned());
        if let Some(own) = &own {
            let full = self.intern(&format!("{own}.{name}"));
            if let Some(found) = self.modules.get_str(&full) {
                return Ok(found);
            }
        }
        // What a module's own `__getattr__` answers is not asked.
        let file = match module.unwrapped() {
            Value::Module(module) => self.entry(&module.dict, sym::__file__),
            _ => self.get_attr_opt(module, sym::__file__)?,
        };
        let file = file.filter(|file| file.as_str().is_some());
        let origin = match &file {
            Some(Value::Str(file)) => file.as_str().to_owned(),
            _ => "unknown location".to_owned(),
        };
        let shown = own.as_ref().map_or("<unknown module name>", |own| own.as_str());
        let name_shown = name.as_str();
        let error = if self.is_initializing(shown) {
            self.import_error(format!(
                "cannot import name '{name_shown}' from partially initialized module '{shown}' (most likely due to a \
                 circular import) ({origin})"
            ))
        } else {
            self.import_error(format!("cannot import name '{name_shown}' from '{shown}' ({origin})"))
        };
        self.set_exception_attr(&error, sym::name, own.map_or(Value::None, Value::Str));
        self.set_exception_attr(&error, sym::path, file.unwrap_or(Value::None));
        self.set_exception_attr(&error, sym::name_from, Value::Str(name.clone()));
        Err(error)
    }

    /// Whether a module's file is still running.
    pub fn is_initializing(&self, name: &str) -> bool {
        self.importing.iter().any(|running| running.as_str() == name)
    }

    /// What is wrong with `module.name`, in the words for where the module comes from.
    #[cold]
    pub fn module_attribute_message(&mut self, module: &Rc<Module>, name: &Rc<Str>) -> String {
        let Some(Value::Str(of)) = self.entry(&module.dict, sym::__name__) else {
            return format!("module has no attribute '{name}'");
        };
        let of = of.as_str().to_owned();
        let file = self.entry(&module.dict, sym::__file__);
        let file = file.as_ref().and_then(|file| file.as_str()).map(|file| file.as_str());
        let initializing = self.is_initializing(&of);
        if let Some(file) = file {
            // The folder whose modules hide others is that of the script.
            let hides = Path::new(file).parent().is_some_and(|folder| {
                let folder = if file.contains("__init__.") { folder.parent().unwrap_or(folder) } else { folder };
                self.host.module_path.first().is_some_and(|first| first == folder)
            });
            if hides && crate::builtins::modules::is_of_python(&of) {
                return format!(
                    "module '{of}' has no attribute '{name}' (consider renaming '{file}' since it has the same name as \
                     the standard library module named '{of}' and the import system gives it precedence)"
                );
            }
            if initializing && hides {
                return format!(
                    "module '{of}' has no attribute '{name}' (consider renaming '{file}' if it has the same name as a \
                     third-party module you intended to import)"
                );
            }
            if initializing {
                return format!(
                    "partially initialized module '{of}' from '{file}' has no attribute '{name}' (most likely due to a \
                     circular import)"
                );
            }
        }
        if self.is_initializing(&format!("{of}.{name}")) {
            return format!("cannot access submodule '{name}' of module '{of}' (most likely due to a circular import)");
        }
        format!("module '{of}' has no attribute '{name}'")
    }

    /// `__spec__` or `__loader__` of a module that has none yet.
    #[cold]
    pub fn module_spec(&mut self, module: &Rc<Module>, name: &Rc<Str>) -> Result<Option<Value>> {
        if !["__spec__", "__loader__"].contains(&name.as_str()) {
            return Ok(None);
        }
        let key = self.intern_str(&module.name.borrow().clone());
        let imported = matches!(self.modules.get_str(&key), Some(Value::Module(known)) if Rc::ptr_eq(&known, module));
        if !imported {
            return Ok(None);
        }
        self.call_page("importlib.machinery", "_describe", &[Value::Module(module.clone())])?;
        Ok(module.dict.get_str(name))
    }

    /// [`Vm::module_spec`] by a bare name in the module's own code.
    #[cold]
    pub fn namespace_spec(&mut self, globals: &Rc<Dict>, name: &Rc<Str>) -> Result<Option<Value>> {
        let own = self.name(sym::__name__).clone();
        let Some(Value::Str(own)) = globals.get_str(&own) else { return Ok(None) };
        let own = self.intern_str(&own);
        match self.modules.get_str(&own) {
            Some(Value::Module(module)) if Rc::ptr_eq(&module.dict, globals) => self.module_spec(&module, name),
            _ => Ok(None),
        }
    }

    /// The names that `from module import *` takes.
    pub fn star_names(&mut self, module: &Value) -> Result<Vec<Named>> {
        let (names, from_all) = match self.get_attr_opt(module, sym::__all__)? {
            Some(list) => (self.collect(&list)?, true),
            None => {
                let dict = self.name(sym::__dict__).clone();
                let Some(dict) = self.get_attr_opt(module, &dict)? else {
                    return Err(self.import_error("from-import-* object has no __dict__ and no __all__"));
                };
                (self.collect(&dict)?, false)
            }
        };
        let mut found = Vec::new();
        for name in names {
            let Some(name) = name.as_str() else {
                let own = self.get_attr(module, sym::__name__)?;
                let (own, kind) = (self.str(&own)?, self.type_name(&name));
                let place = if from_all { "Item in" } else { "Key in" };
                let from = if from_all { "__all__" } else { "__dict__" };
                return Err(self.type_error(format!("{place} {own}.{from} must be str, not {kind}")));
            };
            if !from_all && name.starts_with('_') {
                continue;
            }
            let name = self.intern_str(name);
            let value = self.get_attr(module, &name)?;
            found.push((name, value));
        }
        Ok(found)
    }
}
