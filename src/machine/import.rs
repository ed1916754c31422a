//! Importing: built-in modules, then `.aio` and `.py` files beside the script.

use std::path::PathBuf;
use std::rc::Rc;

use crate::machine::Vm;
use crate::object::module::{Lazy, Module};
use crate::object::{Dict, Result, Str, Value, gc};
use crate::source::Source;
use crate::symbol::sym;

impl Vm {
    /// A module with its name and empty documentation set.
    pub fn new_module(&mut self, name: &str, lazy: Option<Lazy>) -> Rc<Module> {
        let dict = Rc::new(Dict::new());
        let value = Value::str(name);
        dict.set_str(&self.name(sym::__name__).clone(), value);
        for empty in [sym::__doc__, sym::__package__, sym::__loader__, sym::__spec__] {
            dict.set_str(&self.name(empty).clone(), Value::None);
        }
        gc::register(&dict);
        Rc::new(Module { name: Rc::new(Str::new(name)).into(), dict, lazy })
    }

    /// The module of a dotted name, imported if it was not; its parents first.
    pub fn import_module(&mut self, name: &str) -> Result<Value> {
        let key = self.intern(name);
        match self.modules.get_str(&key) {
            Some(Value::None) => {
                return Err(self.module_not_found(name, format!("import of {name} halted; None in sys.modules")));
            }
            Some(module) => return Ok(module),
            None => {}
        }
        let parent = match name.rsplit_once('.') {
            None => None,
            Some((parent, child)) => {
                let module = self.import_module(parent)?;
                if let Some(done) = self.modules.get_str(&key) {
                    return Ok(done);
                }
                Some((parent.to_owned(), module, child.to_owned()))
            }
        };
        let module = match crate::builtins::modules::load(self, name)? {
            Some(module) => {
                self.modules.set_str(&key, Value::Module(module.clone()));
                Value::Module(module)
            }
            None => self.import_file(name, &key, parent.as_ref())?,
        };
        if let Some((_, parent, child)) = parent {
            let child = self.intern(&child);
            self.set_attr(&parent, &child, module.clone())?;
        }
        Ok(module)
    }

    fn import_file(&mut self, name: &str, key: &Rc<Str>, parent: Option<&(String, Value, String)>) -> Result<Value> {
        let path_name = self.name(sym::__path__).clone();
        let (folders, stem) = match parent {
            None => (self.host.module_path.clone(), name.to_owned()),
            Some((parent_name, parent, child)) => match self.get_attr_opt(parent, &path_name)? {
                Some(path) => {
                    let items = self.collect(&path)?;
                    let folders = items.iter().filter_map(|v| v.as_str()).map(|s| PathBuf::from(s.as_str())).collect();
                    (folders, child.clone())
                }
                None => {
                    let message = format!("No module named '{name}'; '{parent_name}' is not a package");
                    return Err(self.module_not_found(name, message));
                }
            },
        };
        let mut portions = Vec::new();
        for folder in folders {
            if (self.host.is_module_folder)(&folder.join(&stem)) {
                portions.push(Value::string(folder.join(&stem).display().to_string()));
            }
            for (file, is_package) in [
                (folder.join(&stem).join("__init__.aio"), true),
                (folder.join(&stem).join("__init__.py"), true),
                (folder.join(format!("{stem}.aio")), false),
                (folder.join(format!("{stem}.py")), false),
            ] {
                let Ok(bytes) = (self.host.read_module)(&file) else { continue };
                let shown = file.display().to_string();
                let text = crate::syntax::decode(&bytes, &shown).map_err(|d| self.syntax_error(&d))?;
                let source = Source::new(&shown, &text);
                let module = self.new_module(name, None);
                module.dict.set_str(&self.name(sym::__file__).clone(), Value::str(&shown));
                let package = if is_package { name } else { name.rsplit_once('.').map_or("", |(p, _)| p) };
                module.dict.set_str(&self.name(sym::__package__).clone(), Value::str(package));
                if is_package {
                    let here = file.parent().map(|p| p.display().to_string()).unwrap_or_default();
                    module.dict.set_str(&path_name, Value::list(vec![Value::string(here)]));
                }
                let value = Value::Module(module.clone());
                self.modules.set_str(key, value.clone());
                self.importing.push(key.clone());
                let result = self.run_source(&source, &module.dict);
                self.importing.pop();
                if let Err(error) = result {
                    self.modules.remove_str(key);
                    return Err(error);
                }
                return Ok(self.modules.get_str(key).unwrap_or(value));
            }
        }
        if portions.is_empty() {
            return Err(self.module_not_found(name, format!("No module named '{name}'")));
        }
        // A namespace package: folders without a module of their own.
        let module = self.new_module(name, None);
        module.dict.set_str(&self.name(sym::__package__).clone(), Value::str(name));
        module.dict.set_str(&path_name, Value::list(portions));
        let value = Value::Module(module);
        self.modules.set_str(key, value.clone());
        Ok(value)
    }

    /// Runs a module's source in a namespace.
    pub fn run_source(&mut self, source: &Rc<Source>, globals: &Rc<Dict>) -> Result<Value> {
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
    fn module_not_found(&mut self, name: &str, message: String) -> crate::object::Error {
        let class = self.types.ModuleNotFoundError.clone();
        let error = self.error(&class, message);
        self.set_exception_attr(&error, sym::name, Value::str(name));
        error
    }

    /// The absolute name of a relative import.
    fn resolve_relative(&mut self, globals: &Dict, name: &str, level: u32) -> Result<String> {
        let package = match globals.get_str(&self.name(sym::__package__).clone()) {
            Some(Value::Str(package)) if !package.is_empty() => package,
            _ => {
                return Err(self.import_error("attempted relative import with no known parent package"));
            }
        };
        let mut base = package.as_str();
        for _ in 1..level {
            match base.rsplit_once('.') {
                Some((parent, _)) => base = parent,
                None => return Err(self.import_error("attempted relative import beyond top-level package")),
            }
        }
        Ok(if name.is_empty() { base.to_owned() } else { format!("{base}.{name}") })
    }

    /// `import a.b.c`: the top module, or the last with `as`.
    pub fn import_name(&mut self, name: &str, want_last: bool) -> Result<Value> {
        let module = self.import_module(name)?;
        if want_last {
            return Ok(module);
        }
        match name.split_once('.') {
            None => Ok(module),
            Some((top, _)) => self.import_module(top),
        }
    }

    /// The module that `from name import ...` takes names from.
    pub fn import_from_module(&mut self, globals: &Dict, name: &str, level: u32) -> Result<Value> {
        let name = if level > 0 { self.resolve_relative(globals, name, level)? } else { name.to_owned() };
        self.import_module(&name)
    }

    /// `from module import name`.
    pub fn import_from(&mut self, module: &Value, name: &Rc<Str>) -> Result<Value> {
        if let Some(found) = self.get_attr_opt(module, name)? {
            return Ok(found);
        }
        let Value::Module(m) = module else { return Err(self.attribute_error(module, name)) };
        let module_name = m.name.borrow().clone();
        if m.dict.get_str(&self.name(sym::__path__).clone()).is_some() {
            let full = format!("{}.{}", module_name.as_str(), name.as_str());
            match self.import_module(&full) {
                Ok(found) => return Ok(found),
                Err(e) if e.is(&self.types.ModuleNotFoundError) => {}
                Err(e) => return Err(e),
            }
        }
        let file = m.dict.get_str(&self.name(sym::__file__).clone());
        let origin = match &file {
            Some(Value::Str(file)) => file.as_str().to_owned(),
            _ => "unknown location".to_owned(),
        };
        let error = if self.importing.iter().any(|running| running.as_str() == module_name.as_str()) {
            self.import_error(format!(
                "cannot import name '{}' from partially initialized module '{}' (most likely due to a circular import) \
                 ({origin})",
                name.as_str(),
                module_name.as_str()
            ))
        } else {
            self.import_error(format!(
                "cannot import name '{}' from '{}' ({origin})",
                name.as_str(),
                module_name.as_str()
            ))
        };
        self.set_exception_attr(&error, sym::name, Value::Str(module_name));
        let from = self.intern("name_from");
        let root = error.class().root_shape.clone();
        error.0.attrs.borrow_mut().set(&root, &from, Value::Str(name.clone()));
        Err(error)
    }

    /// The names that `from module import *` takes.
    pub fn star_names(&mut self, module: &Value) -> Result<Vec<(Rc<Str>, Value)>> {
        let Value::Module(m) = module else { return Ok(Vec::new()) };
        let all = self.name(sym::__all__).clone();
        let names: Vec<Rc<Str>> = match self.get_attr_opt(module, &all)? {
            Some(list) => self.collect(&list)?.iter().filter_map(|v| v.as_str().cloned()).collect(),
            None => m.dict.keys().iter().filter_map(|k| k.as_str().cloned()).filter(|k| !k.starts_with('_')).collect(),
        };
        let mut found = Vec::new();
        for name in names {
            let name = self.intern_str(&name);
            let value = self.get_attr(module, &name)?;
            found.push((name, value));
        }
        Ok(found)
    }
}
