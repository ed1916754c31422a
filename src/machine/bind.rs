//! The one argument binder, for script functions and natives: who gets which argument, and what a wrong call is told.

use std::rc::Rc;

use crate::machine::Vm;
use crate::object::function::Function;
use crate::object::native::{NativeFunction, Signature};
use crate::object::{Dict, Error, Result, Str, Value};

impl Vm {
    /// The locals of a script function for a call, hidden slots included.
    pub fn bind_function(
        &mut self,
        function: &Rc<Function>,
        args: &[Value],
        kwargs: &[(Rc<Str>, Value)],
    ) -> Result<Vec<Value>> {
        let code = &function.code;
        let params = &code.params;
        let positional = params.positional as usize;
        let kwonly_end = positional + params.kwonly as usize;
        let mut locals = Vec::with_capacity(code.slots as usize);
        locals.extend(args.iter().take(positional).cloned());
        locals.resize(code.slots as usize, Value::Unbound);
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
                            "{}() got multiple values for argument '{}'",
                            function.qualname().as_str(),
                            name.as_str()
                        )));
                    }
                    locals[at] = value.clone();
                }
                _ => extra.push((name, value)),
            }
        }
        if params.kwarg {
            let dict = Dict::new();
            for (name, value) in extra {
                dict.set_str(name, value.clone());
            }
            locals[kwonly_end + usize::from(params.vararg)] = Value::dict(dict);
        } else if let Some((name, _)) = extra.first() {
            return Err(self.unexpected_keyword(function, name, &extra));
        }
        if args.len() > positional && !params.vararg {
            return Err(self.too_many_arguments(function, args.len(), &locals));
        }
        let defaults = function.defaults.borrow().clone();
        let required = positional.saturating_sub(defaults.len());
        if locals[..required].iter().any(Value::is_unbound) {
            return Err(self.missing_arguments(function, &locals, 0..required, "positional"));
        }
        for (local, default) in
            locals[required..positional].iter_mut().zip(&defaults[defaults.len() - (positional - required)..])
        {
            if local.is_unbound() {
                *local = default.clone();
            }
        }
        if params.kwonly > 0 {
            let kwdefaults = function.extra.borrow().as_ref().and_then(|e| e.kwdefaults.clone());
            let keyword_only = locals[positional..kwonly_end].iter_mut().zip(&code.variables[positional..]);
            for (local, name) in keyword_only.filter(|(local, _)| local.is_unbound()) {
                if let Some(default) = kwdefaults.as_ref().and_then(|d| d.get_str(name)) {
                    *local = default;
                }
            }
            if locals[positional..kwonly_end].iter().any(Value::is_unbound) {
                return Err(self.missing_arguments(function, &locals, positional..kwonly_end, "keyword-only"));
            }
        }
        Ok(locals)
    }

    #[cold]
    fn unexpected_keyword(&mut self, function: &Function, name: &Rc<Str>, extra: &[(&Rc<Str>, &Value)]) -> Error {
        let code = &function.code;
        let posonly = &code.variables[..code.params.posonly as usize];
        let passed: Vec<&str> = posonly
            .iter()
            .filter(|p| extra.iter().any(|(n, _)| n.as_str() == p.as_str()))
            .map(|p| p.as_str())
            .collect();
        let qualname = function.qualname();
        if !passed.is_empty() {
            return self.type_error(format!(
                "{}() got some positional-only arguments passed as keyword arguments: '{}'",
                qualname.as_str(),
                passed.join(", ")
            ));
        }
        let end = (code.params.positional + code.params.kwonly) as usize;
        let names = code.variables[code.params.posonly as usize..end].iter().map(|v| v.as_str());
        let mut message = format!("{}() got an unexpected keyword argument '{}'", qualname.as_str(), name.as_str());
        if let Some(meant) = crate::text::similar::suggest(name.as_str(), names) {
            message.push_str(&format!(". Did you mean '{meant}'?"));
        }
        self.type_error(message)
    }

    #[cold]
    fn too_many_arguments(&mut self, function: &Function, given: usize, locals: &[Value]) -> Error {
        let params = &function.code.params;
        let positional = params.positional as usize;
        let kwonly_given =
            locals[positional..positional + params.kwonly as usize].iter().filter(|v| !v.is_unbound()).count();
        let defaults = function.defaults.borrow().len();
        let takes = if defaults > 0 {
            format!("from {} to {positional}", positional - defaults)
        } else {
            positional.to_string()
        };
        let plural = if defaults > 0 || positional != 1 { "s" } else { "" };
        let given_text = if kwonly_given > 0 {
            format!(
                "{given} positional argument{} (and {kwonly_given} keyword-only argument{}) were given",
                if given == 1 { "" } else { "s" },
                if kwonly_given == 1 { "" } else { "s" }
            )
        } else {
            format!("{given} {} given", if given == 1 { "was" } else { "were" })
        };
        self.type_error(format!(
            "{}() takes {takes} positional argument{plural} but {given_text}",
            function.qualname().as_str()
        ))
    }

    #[cold]
    fn missing_arguments(
        &mut self,
        function: &Function,
        locals: &[Value],
        range: std::ops::Range<usize>,
        kind: &str,
    ) -> Error {
        let names: Vec<String> = range
            .filter(|&at| locals[at].is_unbound())
            .map(|at| format!("'{}'", function.code.variables[at].as_str()))
            .collect();
        let listed = match names.as_slice() {
            [one] => one.clone(),
            [a, b] => format!("{a} and {b}"),
            [rest @ .., last] => format!("{}, and {last}", rest.join(", ")),
            [] => String::new(),
        };
        self.type_error(format!(
            "{}() missing {} required {kind} argument{}: {listed}",
            function.qualname().as_str(),
            names.len(),
            if names.len() == 1 { "" } else { "s" }
        ))
    }

    /// The arguments of a native, one for each parameter.
    pub fn bind_native(
        &mut self,
        native: &Rc<NativeFunction>,
        args: &[Value],
        kwargs: &[(Rc<Str>, Value)],
    ) -> Result<Vec<Value>> {
        match self.bind_native_args(native, args, kwargs) {
            Err(_) if native.row.is_python() => Err(self.python_call_error(native, args, kwargs)),
            other => other,
        }
    }

    fn bind_native_args(
        &mut self,
        native: &Rc<NativeFunction>,
        args: &[Value],
        kwargs: &[(Rc<Str>, Value)],
    ) -> Result<Vec<Value>> {
        if args.is_empty() && native.takes_self() {
            return Err(self.needs_receiver(native));
        }
        let signature = native.signature();
        let positional = signature.positional();
        if signature.vararg.is_none() && args.len() > positional {
            return Err(self.native_arity(native, signature, args.len(), kwargs.len()));
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
                (Some(at), _) => {
                    if !bound[at].is_unbound() {
                        return Err(self.type_error(format!(
                            "argument for {}() given by name ('{}') and position ({})",
                            self.native_name(native),
                            name.as_str(),
                            at + 1 - hidden(native)
                        )));
                    }
                    bound[at] = value.clone();
                }
                (None, Some(dict)) => {
                    dict.set_str(name, value.clone());
                }
                (None, None) => return Err(self.native_keyword(native, signature, name)),
            }
        }
        if let (Some(at), Some(dict)) = (signature.kwarg, kwdict) {
            bound[at] = Value::dict(dict);
        }
        for (at, param) in signature.params.iter().enumerate() {
            if bound[at].is_unbound() && Some(at) != signature.vararg && Some(at) != signature.kwarg {
                match &param.default {
                    Some(default) => bound[at] = default.clone(),
                    None => return Err(self.native_missing(native, signature, at, args.len(), kwargs.len())),
                }
            }
        }
        Ok(bound)
    }

    /// `list.append`, `len`: how CPython names a native in messages about its arguments.
    fn native_display(&self, native: &NativeFunction) -> String {
        match native.owner.borrow().as_ref().and_then(std::rc::Weak::upgrade) {
            Some(owner) if !is_constructor(native) => {
                format!("{}.{}", owner.name.borrow().as_str(), native.name.as_str())
            }
            _ => match &native.module {
                Some(module) if !matches!(module.as_str(), "builtins" | "asyncio") => {
                    format!("{}.{}", module.as_str(), native.name.as_str())
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

    /// `list.append()`: a method called on the class without an instance.
    #[cold]
    fn needs_receiver(&mut self, native: &NativeFunction) -> Error {
        let display = self.native_display(native);
        let message = match display.split_once('.') {
            Some((class, name)) if native.is_wrapper() => {
                format!("descriptor '{name}' of '{class}' object needs an argument")
            }
            _ => format!("unbound method {display}() needs an argument"),
        };
        self.type_error(message)
    }

    #[cold]
    fn native_arity(&mut self, native: &NativeFunction, signature: &Signature, given: usize, keywords: usize) -> Error {
        let hidden = hidden(native);
        let most = signature.positional() - hidden.min(signature.positional());
        let least = signature.required.saturating_sub(hidden);
        let given = given.saturating_sub(hidden);
        let all_positional_only = signature.posonly >= signature.params.len();
        let display = self.native_display(native);
        let s = |n: usize| if n == 1 { "" } else { "s" };
        let is_wrapper =
            native.takes_self() && !is_constructor(native) && least == most && signature.plain() && native.is_wrapper();
        let message = if is_wrapper {
            format!("expected {most} argument{}, got {given}", s(most))
        } else if most == 0 && signature.plain() {
            format!("{display}() takes no arguments ({given} given)")
        } else if all_positional_only && most == 1 && least == 1 {
            format!("{display}() takes exactly one argument ({given} given)")
        } else if all_positional_only || (is_constructor(native) && matches!(display.as_str(), "int" | "str")) {
            // `int` and `str` take keywords too, but count like positional-only functions.
            let name = self.native_name(native);
            if least == most {
                format!("{name} expected {most} argument{}, got {given}", s(most))
            } else if given > most {
                format!("{name} expected at most {most} argument{}, got {given}", s(most))
            } else {
                format!("{name} expected at least {least} argument{}, got {given}", s(least))
            }
        } else if signature.plain() {
            let given = given + keywords;
            format!(
                "{}() takes {} {most} argument{} ({given} given)",
                self.native_name(native),
                if least == most { "exactly" } else { "at most" },
                s(most)
            )
        } else if most == 0 {
            format!("{}() takes no positional arguments", self.native_name(native))
        } else {
            format!(
                "{}() takes {} {most} positional argument{} ({given} given)",
                self.native_name(native),
                if least == most { "exactly" } else { "at most" },
                s(most)
            )
        };
        self.type_error(message)
    }

    #[cold]
    fn native_missing(
        &mut self,
        native: &NativeFunction,
        signature: &Signature,
        at: usize,
        given: usize,
        keywords: usize,
    ) -> Error {
        if signature.posonly >= signature.params.len() || (given < signature.posonly && keywords == 0) {
            let positional_only = signature.posonly >= signature.params.len();
            if positional_only {
                return self.native_arity(native, signature, given, keywords);
            }
            let least = signature.required.saturating_sub(hidden(native));
            let given = given.saturating_sub(hidden(native));
            let name = self.native_name(native);
            return self.type_error(format!(
                "{name} expected {least} argument{}, got {given}",
                if least == 1 { "" } else { "s" }
            ));
        }
        let hidden = hidden(native);
        let name = signature.params[at].name.clone();
        if at >= signature.kwonly {
            return self.type_error(format!(
                "{}() missing required keyword-only argument: '{}'",
                self.native_name(native),
                name.as_str()
            ));
        }
        self.type_error(format!(
            "{}() missing required argument '{}' (pos {})",
            self.native_name(native),
            name.as_str(),
            at + 1 - hidden
        ))
    }

    #[cold]
    fn native_keyword(&mut self, native: &NativeFunction, signature: &Signature, name: &Rc<Str>) -> Error {
        let end = signature.params.len();
        if signature.posonly >= end || (signature.vararg.is_some() && signature.kwonly >= end) {
            let display = self.native_display(native);
            return self.type_error(format!("{display}() takes no keyword arguments"));
        }
        let names = signature.params[signature.posonly..].iter().map(|p| p.name.as_str());
        let mut message =
            format!("{}() got an unexpected keyword argument '{}'", self.native_name(native), name.as_str());
        if let Some(meant) = crate::text::similar::suggest(name.as_str(), names) {
            message.push_str(&format!(". Did you mean '{meant}'?"));
        }
        self.type_error(message)
    }

    /// What is wrong with a call, in the words for a function written in Python.
    #[cold]
    fn python_call_error(&mut self, native: &NativeFunction, args: &[Value], kwargs: &[(Rc<Str>, Value)]) -> Error {
        let signature = native.signature();
        let positional = signature.positional();
        let named_end = signature.kwarg.unwrap_or(signature.params.len());
        let owner = native.owner.borrow().as_ref().and_then(std::rc::Weak::upgrade);
        let name = match owner {
            Some(owner) => format!("{}.{}", owner.name.borrow().as_str(), native.name.as_str()),
            None => native.name.as_str().to_owned(),
        };
        let names: Vec<&str> = signature.params[..named_end].iter().map(|p| p.name.as_str()).collect();
        let given_by_name = |at: usize| kwargs.iter().any(|(key, _)| key.as_str() == names[at]);
        for (key, _) in kwargs {
            let at = names.iter().position(|n| *n == key.as_str()).filter(|at| Some(*at) != signature.vararg);
            match at {
                Some(at) if at < args.len().min(positional) => {
                    return self.type_error(format!("{name}() got multiple values for argument '{}'", key.as_str()));
                }
                None if signature.kwarg.is_none() => {
                    let mut message = format!("{name}() got an unexpected keyword argument '{}'", key.as_str());
                    if let Some(meant) = crate::text::similar::suggest(key.as_str(), names.iter().copied()) {
                        message.push_str(&format!(". Did you mean '{meant}'?"));
                    }
                    return self.type_error(message);
                }
                _ => {}
            }
        }
        if args.len() > positional && signature.vararg.is_none() {
            let least = signature.params[..positional].iter().filter(|p| p.default.is_none()).count();
            let takes =
                if least < positional { format!("from {least} to {positional}") } else { positional.to_string() };
            let plural = if least < positional || positional != 1 { "s" } else { "" };
            let were = if args.len() == 1 { "was" } else { "were" };
            return self.type_error(format!(
                "{name}() takes {takes} positional argument{plural} but {} {were} given",
                args.len()
            ));
        }
        for (range, kind) in
            [(args.len().min(positional)..positional, "positional"), (positional..named_end, "keyword-only")]
        {
            let missing: Vec<String> = range
                .filter(|&at| {
                    Some(at) != signature.vararg && signature.params[at].default.is_none() && !given_by_name(at)
                })
                .map(|at| format!("'{}'", names[at]))
                .collect();
            let listed = match missing.as_slice() {
                [] => continue,
                [one] => one.clone(),
                [a, b] => format!("{a} and {b}"),
                [rest @ .., last] => format!("{}, and {last}", rest.join(", ")),
            };
            let plural = if missing.len() == 1 { "" } else { "s" };
            return self
                .type_error(format!("{name}() missing {} required {kind} argument{plural}: {listed}", missing.len()));
        }
        self.type_error(format!("{name}() was called with wrong arguments"))
    }
}

fn is_constructor(native: &NativeFunction) -> bool {
    matches!(native.name.as_str(), "__new__" | "__init__")
}

/// How many arguments in front are not counted in messages: the instance, or the class that `__new__` is given.
fn hidden(native: &NativeFunction) -> usize {
    usize::from(native.takes_self() || native.name.as_str() == "__new__")
}
