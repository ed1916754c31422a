//! The one argument binder, for script functions and natives: who gets which argument, and what a wrong call is told.

use super::attr::own_attr;
use super::prelude::*;
use crate::machine::wrong_call::{Callee, missing, signature_of, too_many, unexpected_keyword};
use crate::object::native::is_slot;

impl Vm {
    /// Puts the arguments of a call into the locals of a script function, hidden slots included, which are unbound.
    pub fn bind_into(
        &mut self,
        function: &Rc<Function>,
        args: &[Value],
        kwargs: &[Named],
        locals: &mut [Value],
    ) -> Result<()> {
        let bound = self.bind_script(function, args, kwargs, locals);
        if bound.is_err() && function.code.source.library {
            let names: Vec<&str> = kwargs.iter().map(|(name, _)| name.as_str()).collect();
            if let Some(error) = self.library_call_error(function, args.len(), &names) {
                return Err(self.wrong_number(function, args, kwargs).unwrap_or(error));
            }
        }
        bound
    }

    /// What is wrong with an argument that CPython's function in C converts as it comes to it, before it misses another:
    /// a page says in `_numbers` which of its function's parameters are whole numbers.
    #[cold]
    fn wrong_number(&mut self, function: &Rc<Function>, args: &[Value], kwargs: &[Named]) -> Option<Error> {
        let numbers = own_attr(&Value::Function(function.clone()), &self.intern("_numbers"))?;
        let params = &function.code.params;
        if args.len() + kwargs.len() > (params.positional + params.kwonly) as usize {
            return None;
        }
        let required = (params.positional as usize).saturating_sub(function.defaults.borrow().len());
        for (at, name) in function.code.variables.iter().enumerate().skip(1) {
            let by_name = kwargs.iter().find(|(key, _)| key.as_str() == name.as_str());
            match args.get(at).or(by_name.map(|(_, value)| value)) {
                None if at < required => return None,
                Some(value) if self.contains(&numbers, &Value::Str(name.clone())).unwrap_or(false) => {
                    if let Err(error) = self.index(value) {
                        return Some(error);
                    }
                }
                _ => {}
            }
        }
        None
    }

    #[inline]
    fn bind_script(
        &mut self,
        function: &Rc<Function>,
        args: &[Value],
        kwargs: &[Named],
        locals: &mut [Value],
    ) -> Result<()> {
        let code = &function.code;
        let params = &code.params;
        let positional = params.positional as usize;
        let kwonly_end = positional + params.kwonly as usize;
        for (local, arg) in locals.iter_mut().zip(args).take(positional) {
            *local = arg.clone();
        }
        if params.vararg {
            locals[kwonly_end] = Value::tuple(args.get(positional..).unwrap_or_default());
        }
        let mut extra = Vec::new();
        for (name, value) in kwargs {
            let at = code.variables[..kwonly_end].iter().position(|v| crate::object::str::same(v, name));
            match at {
                Some(at) if at >= params.posonly as usize => {
                    if !locals[at].is_unbound() {
                        return Err(self.type_error(format!(
                            "{}() got multiple values for argument '{name}'",
                            function.qualname()
                        )));
                    }
                    locals[at] = value.clone();
                }
                _ if params.kwarg => extra.push((name, value)),
                _ => return Err(self.unexpected_keyword(function, name, kwargs)),
            }
        }
        if params.kwarg {
            let dict = Dict::new();
            for (name, value) in extra {
                dict.set_str(name, value.clone());
            }
            locals[kwonly_end + usize::from(params.vararg)] = Value::dict(dict);
        }
        if args.len() > positional && !params.vararg {
            return Err(self.too_many_arguments(function, args, locals));
        }
        self.fill_defaults(function, locals, 0)
    }

    /// Gives the parameters that are unbound their defaults; the first `given` are not.
    #[inline]
    pub fn fill_defaults(&mut self, function: &Rc<Function>, locals: &mut [Value], given: usize) -> Result<()> {
        let params = &function.code.params;
        let positional = params.positional as usize;
        let mut complete = true;
        if given < positional {
            let defaults = function.defaults.borrow();
            let required = positional.saturating_sub(defaults.len());
            complete = !locals[..required].iter().any(Value::is_unbound);
            for at in given.max(required)..positional {
                if locals[at].is_unbound() {
                    locals[at] = defaults[at + defaults.len() - positional].clone();
                }
            }
        }
        if complete && params.kwonly == 0 {
            return Ok(());
        }
        self.fill_keyword_only(function, locals)
    }

    fn fill_keyword_only(&mut self, function: &Rc<Function>, locals: &mut [Value]) -> Result<()> {
        let code = &function.code;
        let positional = code.params.positional as usize;
        let end = positional + code.params.kwonly as usize;
        if locals[..positional].iter().any(Value::is_unbound) {
            let required = positional.saturating_sub(function.defaults.borrow().len());
            return Err(self.missing_arguments(function, locals, 0..required, "positional"));
        }
        if let Some(kwdefaults) = function.extra.borrow().as_ref().and_then(|e| e.kwdefaults.as_ref()) {
            for (local, name) in locals[positional..end].iter_mut().zip(&code.variables[positional..]) {
                if local.is_unbound() {
                    *local = kwdefaults.get_str(name).unwrap_or(Value::Unbound);
                }
            }
        }
        if locals[positional..end].iter().any(Value::is_unbound) {
            return Err(self.missing_arguments(function, locals, positional..end, "keyword-only"));
        }
        Ok(())
    }

    #[cold]
    fn unexpected_keyword(&mut self, function: &Function, name: &Rc<Str>, kwargs: &[Named]) -> Error {
        let code = &function.code;
        let posonly = &code.variables[..code.params.posonly as usize];
        let passed: Vec<&str> = posonly
            .iter()
            .filter(|p| kwargs.iter().any(|(n, _)| n.as_str() == p.as_str()))
            .map(|p| p.as_str())
            .collect();
        let qualname = function.qualname();
        if !passed.is_empty() {
            return self.type_error(format!(
                "{qualname}() got some positional-only arguments passed as keyword arguments: '{}'",
                passed.join(", ")
            ));
        }
        let end = (code.params.positional + code.params.kwonly) as usize;
        let names = code.variables[code.params.posonly as usize..end].iter().map(|v| v.as_str());
        self.type_error(unexpected_keyword(qualname.as_str(), name.as_str(), names))
    }

    #[cold]
    fn too_many_arguments(&mut self, function: &Rc<Function>, args: &[Value], locals: &[Value]) -> Error {
        let params = &function.code.params;
        let positional = params.positional as usize;
        let kwonly_given =
            locals[positional..positional + params.kwonly as usize].iter().filter(|v| !v.is_unbound()).count();
        let least = positional as i64 - function.defaults.borrow().len() as i64;
        let qualname = function.qualname();
        let error = self.type_error(too_many(qualname.as_str(), least, positional, args.len(), kwonly_given));
        if args.len() == positional + 1 {
            self.advise_self(&error, function, args);
        }
        error
    }

    #[cold]
    fn missing_arguments(
        &mut self,
        function: &Rc<Function>,
        locals: &[Value],
        range: std::ops::Range<usize>,
        kind: &str,
    ) -> Error {
        if function.code.source.library {
            let given = locals.iter().take_while(|local| !local.is_unbound()).count().min(range.end);
            let later = (given..range.end).filter(|&at| !locals[at].is_unbound());
            let names: Vec<&str> = later.map(|at| function.code.variables[at].as_str()).collect();
            if let Some(error) = self.library_call_error(function, given, &names) {
                return error;
            }
        }
        let unbound = range.filter(|&at| locals[at].is_unbound());
        let names: Vec<&str> = unbound.map(|at| function.code.variables[at].as_str()).collect();
        let error = self.type_error(missing(function.qualname().as_str(), kind, &names));
        if let [_] = names[..] {
            self.advise_class_asked(&error, function, locals.first());
        }
        error
    }

    /// The arguments of a native, one for each parameter.
    pub fn bind_native(&mut self, native: &Rc<NativeFunction>, args: &[Value], kwargs: &[Named]) -> Result<Vec<Value>> {
        match bound_arguments(native, args, kwargs) {
            Some(bound) => Ok(bound),
            None if native.row.is_python() => Err(self.python_call_error(native, args, kwargs)),
            None if native.row.name() == "sorted" && args.len() == 1 => {
                // The list is made, and its method told the keywords, before these are found to be wrong.
                let list = Value::list(self.collect(&args[0])?);
                let sort = self.get_attr(&list, "sort")?;
                self.call_kw(&sort, &[], kwargs).map(|_| Vec::new())
            }
            None => Err(match self.wrong_class(native, args.first()) {
                Some(error) => error,
                None => self.native_call_error(native, None, args.len(), kwargs),
            }),
        }
    }

    /// What is wrong with the class that a `__new__` is given, if that is wrong.
    #[cold]
    fn wrong_class(&mut self, native: &NativeFunction, given: Option<&Value>) -> Option<Error> {
        let owner = native.owner.borrow().as_ref().and_then(std::rc::Weak::upgrade);
        let owner = owner.filter(|_| native.name.as_str() == "__new__")?;
        let name = owner.name.borrow().clone();
        let name = name.as_str();
        let message = match given {
            None => format!("{name}.__new__(): not enough arguments"),
            Some(Value::Class(class)) if class.is_subclass(&owner) => return None,
            Some(Value::Class(class)) => {
                let found = class.name.borrow().clone();
                format!("{name}.__new__({0}): {0} is not a subtype of {name}", found)
            }
            Some(other) => format!("{name}.__new__(X): X is not a type object ({})", self.type_name(other)),
        };
        Some(self.type_error(message))
    }

    /// What is wrong with a call of a bound method that is called as an object: it has the name of its object's class.
    pub fn check_bound(
        &mut self,
        native: &Rc<NativeFunction>,
        this: &Value,
        args: &[Value],
        kwargs: &[Named],
    ) -> Result<()> {
        let class = match this {
            Value::Class(class) => class.clone(),
            other => self.class_of(other),
        };
        let own = native.owner.borrow().as_ref().is_none_or(|owner| owner.as_ptr() == Rc::as_ptr(&class));
        if own || native.is_wrapper() || native.row.is_python() || bound_arguments(native, args, kwargs).is_some() {
            return Ok(());
        }
        Err(self.native_call_error(native, Some(&class), args.len(), kwargs))
    }

    /// `list.append`, `len`: how CPython names a native in messages about its arguments.
    fn native_display(&self, native: &NativeFunction, class: Option<&Rc<Class>>) -> String {
        match class.cloned().or_else(|| native.owner.borrow().as_ref().and_then(std::rc::Weak::upgrade)) {
            Some(owner) if !is_constructor(native) => {
                format!("{}.{}", owner.qualname.borrow(), native.name)
            }
            _ => match &native.module {
                Some(module) if matches!(module.as_str(), "operator" | "weakref") => {
                    format!("_{module}.{}", native.name)
                }
                Some(module) if !matches!(module.as_str(), "builtins" | "asyncio") => {
                    format!("{module}.{}", native.name)
                }
                _ => self.native_name(native),
            },
        }
    }

    /// `append`, `len`; a constructor has the name of its class.
    fn native_name(&self, native: &NativeFunction) -> String {
        match native.owner.borrow().as_ref().and_then(std::rc::Weak::upgrade) {
            Some(owner) if is_constructor(native) => owner.name.borrow().as_str().to_owned(),
            _ => native.name.as_str().to_owned(),
        }
    }

    #[cold]
    fn native_call_error(
        &mut self,
        native: &NativeFunction,
        class: Option<&Rc<Class>>,
        given: usize,
        kwargs: &[Named],
    ) -> Error {
        let display = self.native_display(native, class);
        let names: Vec<&str> = kwargs.iter().map(|(name, _)| name.as_str()).collect();
        let owner = native.owner.borrow().as_ref().and_then(std::rc::Weak::upgrade);
        // What an object that is called does is named after its class, as what makes one is.
        let called = owner
            .as_ref()
            .filter(|_| native.name.as_str() == "__call__" && given > 0)
            .map(|owner| owner.name.borrow().as_str().to_owned());
        let callee = Callee {
            signature: native.signature(),
            constructor: is_constructor(native) || called.is_some(),
            name: called.clone().unwrap_or_else(|| self.native_name(native)),
            class: owner.map(|owner| self.full_name(&owner)),
            display: called.unwrap_or(display),
            takes_self: native.takes_self(),
            hidden: hidden(native),
            wrapper: native.is_wrapper(),
            told_class: native.row.signature.starts_with("type "),
        };
        self.type_error(callee.wrong_call(given, &names))
    }

    /// What is wrong with a call of a library's function that CPython has in C, in its words.
    #[cold]
    fn library_call_error(&mut self, function: &Rc<Function>, given: usize, names: &[&str]) -> Option<Error> {
        let qualname = function.qualname();
        let (owner, plain_name) = match qualname.as_str().split_once('.') {
            Some((class, name)) => (Some(class), name),
            None => (None, qualname.as_str()),
        };
        let class = owner.and_then(|name| class_in_page(function, name));
        let in_c = class.as_ref().is_some_and(|class| self.is_in_c(class));
        let constructor = matches!(plain_name, "__new__" | "__init__");
        let special = owner.is_some()
            && !constructor
            && plain_name.starts_with("__")
            && plain_name.ends_with("__")
            && plain_name != "__replace__";
        // What reads the arguments may know the function by another name.
        let parser = own_attr(&Value::Function(function.clone()), &self.intern("_parser"));
        let parser = parser.as_ref().and_then(Value::as_str).filter(|_| !special);
        let is_private = plain_name.starts_with('_') && !constructor && !special;
        if !function.is_builtin() && parser.is_none() && (!in_c || is_private) {
            return None;
        }
        let name = match (owner, constructor) {
            (Some(owner), true) => owner,
            _ => plain_name,
        };
        let name = parser.map_or(name, |parser| parser.as_str());
        let hidden = usize::from(owner.is_some());
        let mut signature = signature_of(function);
        if special {
            signature.posonly = signature.positional();
        }
        let callee = Callee {
            signature: &signature,
            name: name.to_owned(),
            display: match (function.module_in_c(), &class) {
                _ if constructor => name.to_owned(),
                (Some(module), _) => format!("{module}.{qualname}"),
                (None, Some(class)) => format!("{}.{plain_name}", class.name.borrow()),
                (None, None) => qualname.as_str().to_owned(),
            },
            class: class.map(|class| self.full_name(&class)),
            takes_self: hidden == 1 && plain_name != "__new__",
            hidden,
            constructor,
            wrapper: special && is_slot(plain_name),
            told_class: false,
        };
        let mut message = callee.wrong_call(given, names);
        if name == "function" {
            message = message.replace("function() got an", "this function got an").replace("function()", "function");
        }
        Some(self.type_error(message))
    }

    /// Whether a library page's class stands for one that CPython has in C.
    fn is_in_c(&mut self, class: &Rc<Class>) -> bool {
        self.full_name(class) != *class.name.borrow()
    }

    /// What went wrong in a library's method that CPython has in C, if it was called on an object of another type.
    #[cold]
    pub(super) fn wrong_receiver(&mut self, function: &Rc<Function>, this: Option<&Value>) -> Option<Error> {
        let qualname = function.qualname();
        let (owner, name) = qualname.as_str().split_once('.')?;
        let class = class_in_page(function, owner)?;
        let this = this.filter(|this| !this.is_unbound() && !matches!(this, Value::Class(_)))?;
        if !self.is_in_c(&class) || self.is_instance_of(this, &class) || name.contains('.') {
            return None;
        }
        let (class, found) = (self.full_name(&class), self.type_name(this));
        Some(self.type_error(format!("descriptor '{name}' for '{class}' objects doesn't apply to a '{found}' object")))
    }

    /// What is wrong with a call, in the words for a function written in Python.
    #[cold]
    fn python_call_error(&mut self, native: &NativeFunction, args: &[Value], kwargs: &[Named]) -> Error {
        let signature = native.signature();
        let positional = signature.positional();
        let named_end = signature.kwarg.unwrap_or(signature.params.len());
        let owner = native.owner.borrow().as_ref().and_then(std::rc::Weak::upgrade);
        let name = match &owner {
            Some(owner) => format!("{}.{}", owner.name.borrow(), native.name),
            None => native.name.as_str().to_owned(),
        };
        let names: Vec<&str> = signature.params[..named_end].iter().map(|p| p.name.as_str()).collect();
        let given_by_name = |at: usize| kwargs.iter().any(|(key, _)| key.as_str() == names[at]);
        for (key, _) in kwargs {
            let at = names.iter().position(|n| *n == key.as_str()).filter(|at| Some(*at) != signature.vararg);
            match at {
                Some(at) if at < args.len().min(positional) => {
                    return self.type_error(format!("{name}() got multiple values for argument '{key}'"));
                }
                None if signature.kwarg.is_none() => {
                    return self.type_error(unexpected_keyword(&name, key.as_str(), names.iter().copied()));
                }
                _ => {}
            }
        }
        if args.len() > positional && signature.vararg.is_none() {
            let least = signature.params[..positional].iter().filter(|p| p.default.is_none()).count();
            let by_name = kwargs.iter().filter(|(key, _)| names[positional..].contains(&key.as_str())).count();
            return self.type_error(too_many(&name, least as i64, positional, args.len(), by_name));
        }
        for (range, kind) in
            [(args.len().min(positional)..positional, "positional"), (positional..named_end, "keyword-only")]
        {
            let is_missing = |&at: &usize| {
                Some(at) != signature.vararg && signature.params[at].default.is_none() && !given_by_name(at)
            };
            let lacking: Vec<&str> = range.filter(is_missing).map(|at| names[at]).collect();
            if lacking.is_empty() {
                continue;
            }
            let error = self.type_error(missing(&name, kind, &lacking));
            if let (Some(owner), [_], true) = (&owner, &lacking[..], native.takes_self()) {
                if !args.first().is_some_and(|object| self.is_instance_of(object, owner)) {
                    self.advise_making(&error, owner.name.borrow().as_str());
                }
            }
            return error;
        }
        self.type_error(format!("{name}() was called with wrong arguments"))
    }
}

/// The class of a method of a library page.
fn class_in_page(function: &Rc<Function>, name: &str) -> Option<Rc<Class>> {
    match function.globals.get_str(&Rc::new(Str::new(name))) {
        Some(Value::Class(class)) => Some(class),
        _ => None,
    }
}

/// The arguments of a native, one for each parameter; `None` if they do not fit.
fn bound_arguments(native: &NativeFunction, args: &[Value], kwargs: &[Named]) -> Option<Vec<Value>> {
    if args.is_empty() && native.takes_self() {
        return None;
    }
    let signature = native.signature();
    let positional = signature.positional();
    if signature.vararg.is_none() && args.len() > positional {
        return None;
    }
    let mut bound: Vec<Value> = args.iter().take(positional).cloned().collect();
    bound.resize(signature.params.len(), Value::Unbound);
    if let Some(at) = signature.vararg {
        bound[at] = Value::tuple(args.get(positional..).unwrap_or_default());
    }
    let kwdict = signature.kwarg.map(|_| Dict::new());
    let named_end = signature.kwarg.unwrap_or(signature.params.len());
    for (name, value) in kwargs {
        let at = (signature.posonly..named_end)
            .filter(|&at| Some(at) != signature.vararg)
            .find(|&at| signature.params[at].name.as_str() == name.as_str());
        match (at, &kwdict) {
            (Some(at), _) if bound[at].is_unbound() => bound[at] = value.clone(),
            (None, Some(dict)) => drop(dict.set_str(name, value.clone())),
            _ => return None,
        }
    }
    if let (Some(at), Some(dict)) = (signature.kwarg, kwdict) {
        bound[at] = Value::dict(dict);
    }
    for (at, param) in signature.params.iter().enumerate() {
        if bound[at].is_unbound() && Some(at) != signature.vararg && Some(at) != signature.kwarg {
            bound[at] = param.default.clone()?;
        }
    }
    Some(bound)
}

fn is_constructor(native: &NativeFunction) -> bool {
    matches!(native.name.as_str(), "__new__" | "__init__")
}

/// How many arguments in front are not counted in messages: the instance, or the class that `__new__` is given.
fn hidden(native: &NativeFunction) -> usize {
    usize::from(native.takes_self() || native.name.as_str() == "__new__")
}
