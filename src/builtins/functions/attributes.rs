//! Attributes by name: `getattr` and its kin, `dir`, `vars`.

use crate::builtins::prelude::*;
use crate::builtins::types::generic;
use crate::builtins::types::object::attribute_name;
use crate::machine::attr::attrs_of;
use crate::machine::generic::GenericAlias;
use crate::object::code::{Code, CodeKind};

pub(super) const FUNCTIONS: &[Row] = &[
    native("getattr(object, name, default=<unrepresentable>, /)", |vm, args| {
        let name = attribute_name(vm, &args[1])?;
        if args[2].is_unbound() {
            return vm.get_attr(&args[0], &name);
        }
        Ok(vm.get_attr_opt(&args[0], &name)?.unwrap_or_else(|| args[2].clone()))
    })
    .or_quick(|vm, args| {
        let [object, Value::Str(name), default @ ..] = args else { return None };
        // Without a default it is an error.
        vm.attr_at_once(object, name)?.or_else(|| Some((*default.first()?).clone()))
    }),
    native("hasattr(obj, name, /)", |vm, args| {
        let name = attribute_name(vm, &args[1])?;
        Ok(Value::bool(vm.get_attr_opt(&args[0], &name)?.is_some()))
    })
    .or_quick(|vm, args| {
        let [object, Value::Str(name)] = args else { return None };
        Some(Value::bool(vm.attr_at_once(object, name)?.is_some()))
    }),
    native("setattr(obj, name, value, /)", set),
    native("delattr(obj, name, /)", |vm, args| {
        let name = attribute_name(vm, &args[1])?;
        vm.del_attr(&args[0], &name)?;
        Ok(Value::None)
    }),
    native("dir(object=<unrepresentable>, /)", dir),
    native("vars(object=<unrepresentable>, /)", vars),
    // Called by their own name these look at the frame of their caller; what is here is for other ways to call them.
    native("globals()", |vm, _| Ok(caller_namespace(vm))),
    native("locals()", |vm, _| locals(vm)),
];

/// The globals of the code that called a native, or else of the main module.
pub(in crate::builtins) fn caller_namespace(vm: &mut Vm) -> Value {
    let code = vm.calls.last().and_then(|site| vm.code_by_id(site.code));
    if let Some(globals) = code.and_then(|code| code.globals.borrow().upgrade()) {
        return Value::Dict(globals);
    }
    match vm.loaded(sym::__main__) {
        Some(Value::Module(module)) => Value::Dict(module.dict.clone()),
        _ => Value::dict(crate::object::Dict::new()),
    }
}

/// The code that called a native, if it has variables of its own.
fn calling_function(vm: &Vm) -> Option<Rc<Code>> {
    let code = vm.code_by_id(vm.calls.last()?.code)?;
    (code.kind != CodeKind::Module && !code.source.library).then_some(code)
}

/// The variables of the function or class body that called a native, if it notes them.
pub(super) fn caller_variables(vm: &mut Vm) -> Result<Option<Value>> {
    let code = vm.calls.last().and_then(|call| vm.code_by_id(call.code));
    let Some(code) = code.filter(|code| code.view.is_some() && !code.source.library) else { return Ok(None) };
    let view = vm.frame_view(0).filter(|view| code.kind != CodeKind::Module || view.is_in_comp());
    view.map(|view| vm.frame_variables(&view)).transpose()
}

fn locals(vm: &mut Vm) -> Result {
    match caller_variables(vm)? {
        Some(variables) => Ok(variables),
        None if calling_function(vm).is_some() => {
            Err(vm.system_error("locals() of a function in a file that does not name it is not part of aio"))
        }
        None => Ok(caller_namespace(vm)),
    }
}

fn set(vm: &mut Vm, args: &[Value]) -> Result {
    let name = attribute_name(vm, &args[1])?;
    vm.set_attr(&args[0], &name, args[2].clone())?;
    Ok(Value::None)
}

fn dir(vm: &mut Vm, args: &[Value]) -> Result {
    if args[0].is_unbound() {
        let namespace = locals(vm)?;
        let mut names = vm.collect(&namespace)?;
        vm.sort(&mut names, None, false)?;
        return Ok(Value::list(names));
    }
    if let Some(names) = own_dir(vm, &args[0])? {
        let mut names = vm.collect(&names)?;
        vm.sort(&mut names, None, false)?;
        return Ok(Value::list(names));
    }
    vm.load_all(&args[0])?;
    if vm.class_of(&args[0]).is_subclass(&vm.types.module) && vm.get_attr(&args[0], sym::__dict__)?.as_dict().is_none()
    {
        return Err(vm.type_error("<module>.__dict__ is not a dictionary"));
    }
    let names = vm.default_dir(&args[0]);
    Ok(Value::list(names.into_iter().map(Value::Str).collect()))
}

/// What a `__dir__` written in a script answers, or an alias for its class.
fn own_dir(vm: &mut Vm, value: &Value) -> Result<Option<Value>> {
    if let Value::Module(module) = value {
        let function = vm.entry(&module.dict, sym::__dir__);
        return function.map(|function| vm.call(&function, &[])).transpose();
    }
    if let Some(alias) = value.data::<GenericAlias>() {
        let mut names = vm.dir_names(&alias.origin.clone())?;
        names.extend(generic::OWN.iter().map(|name| vm.intern(name)));
        names.sort_by(|a, b| crate::machine::compare::compare_text(a, b));
        names.dedup();
        return Ok(Some(Value::list(names.into_iter().map(Value::Str).collect())));
    }
    vm.call_script(value, sym::__dir__, &[])
}

fn vars(vm: &mut Vm, args: &[Value]) -> Result {
    if args[0].is_unbound() {
        return locals(vm);
    }
    vm.load_all(&args[0])?;
    match vm.get_attr_opt(&args[0], sym::__dict__)? {
        Some(dict) => Ok(dict),
        None => Err(vm.type_error("vars() argument must have __dict__ attribute")),
    }
}

impl Vm {
    /// `dir(value)`
    pub fn dir_names(&mut self, value: &Value) -> Result<Vec<Rc<Str>>> {
        match own_dir(self, value)? {
            Some(names) => {
                let names = self.collect(&names)?;
                let texts: Vec<_> = names.iter().filter_map(|name| name.as_str().cloned()).collect();
                match names.len() {
                    count if count != texts.len() && !texts.is_empty() => {
                        Err(self.type_error("names that cannot be sorted"))
                    }
                    _ => Ok(texts),
                }
            }
            None => {
                self.load_all(value)?;
                Ok(self.default_dir(value))
            }
        }
    }

    /// Loads the parts of a module that are loaded when first asked for.
    pub fn load_all(&mut self, value: &Value) -> Result<()> {
        let Value::Module(module) = value else { return Ok(()) };
        if module.lazy.is_none() {
            return Ok(());
        }
        let all = self.name(sym::__all__).clone();
        if let Some(names) = self.get_attr_opt(value, &all)? {
            for name in self.collect(&names)? {
                if let Some(name) = name.as_str() {
                    self.get_attr_opt(value, name)?;
                }
            }
        }
        Ok(())
    }

    /// The names of the attributes that an object, its class or its base classes have, in order.
    pub fn default_dir(&mut self, value: &Value) -> Vec<Rc<Str>> {
        let value = if let Value::Module(_) = value.unwrapped() { value.unwrapped() } else { value };
        let mut keys = match value {
            Value::Module(module) => {
                let mut keys = module.dict.keys();
                // What is loaded when it is first used is there already.
                if let Some(lazy) = module.lazy {
                    let all = self.entry(&module.dict, sym::__all__);
                    let submodules = self.intern("__submodules__");
                    for names in all.into_iter().chain(lazy(self, module, &submodules).ok().flatten()) {
                        keys.extend(names.as_list().map(|names| names.to_vec()).unwrap_or_default());
                    }
                }
                keys
            }
            Value::Function(_) => self.instance_dict(value).map(|dict| dict.keys()).unwrap_or_default(),
            Value::BoundMethod(method) => self.instance_dict(&method.func).map(|dict| dict.keys()).unwrap_or_default(),
            other => match attrs_of(other) {
                Some(attrs) => attrs.look(|attrs| attrs.pairs()).into_iter().map(|(key, _)| key).collect(),
                None => Vec::new(),
            },
        };
        if !matches!(value, Value::Module(_)) {
            let class = if let Value::Class(class) = value { class.clone() } else { self.class_of(value) };
            for class in class.mro() {
                keys.extend(class.dict().keys());
            }
        }
        let mut names: Vec<Rc<Str>> = keys.iter().filter_map(|key| key.as_str().cloned()).collect();
        names.sort_by(|a, b| crate::machine::compare::compare_text(a, b));
        names.dedup_by(|a, b| a.as_str() == b.as_str());
        names
    }
}
