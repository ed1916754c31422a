//! Functions, lambdas and classes.

use super::Unit;
use super::prelude::*;
use crate::object::Cell;
use crate::object::code::{Code, ParamSpec};
use crate::object::function::FunctionExtra;
use crate::resolve::{self, ScopeKind};
use crate::syntax::ast::{ClassDef, FunctionDef, Lambda, Params, ScopeId, TypeParam, TypeParamKind};

/// Where a cell of a new closure comes from.
#[derive(Clone, Copy)]
enum CellSource {
    Slot(usize),
    Free(usize),
    /// The namespace of the class body around.
    Namespace(usize),
    Missing,
}

/// What is evaluated where a function is defined.
#[derive(Default)]
struct Outside {
    defaults: Vec<Thunk>,
    kwdefaults: Vec<(Rc<Str>, Thunk)>,
    annotations: Vec<(Rc<Str>, Thunk)>,
}

impl Outside {
    fn is_empty(&self) -> bool {
        self.defaults.is_empty() && self.kwdefaults.is_empty() && self.annotations.is_empty()
    }
}

impl Lower<'_> {
    /// Lowers a function's body in a unit of its own; the closure that is returned makes the function.
    #[expect(clippy::too_many_arguments, reason = "what makes up a code object")]
    pub(super) fn nested_function(
        &mut self,
        name: &str,
        scope: ScopeId,
        kind: CodeKind,
        params: ParamSpec,
        span: Span,
        doc: Option<Value>,
        body: impl FnOnce(&mut Self),
    ) -> Thunk {
        let (code, sources) = self.nested_code(name, None, scope, kind, params, span, doc, body);
        Box::new(move |vm, frame| Ok(Value::Function(make_function(vm, &code, &sources, frame))))
    }

    #[expect(clippy::too_many_arguments, reason = "what makes up a code object")]
    fn nested_code(
        &mut self,
        name: &str,
        qualname: Option<Rc<Str>>,
        scope: ScopeId,
        kind: CodeKind,
        params: ParamSpec,
        span: Span,
        doc: Option<Value>,
        body: impl FnOnce(&mut Self),
    ) -> (Rc<Code>, Vec<CellSource>) {
        let name_str = self.vm.intern(name);
        let qualname = qualname.unwrap_or_else(|| self.qualname(name));
        let mut unit = Unit::new(scope, kind, name_str, qualname);
        let data = &self.scopes.scopes[scope.0 as usize];
        for (at, &variable) in data.variables.iter().enumerate() {
            unit.slots.insert(variable, at as u32);
            if data.cells.contains(&variable) {
                unit.cells.push(at as u32);
            }
        }
        unit.next_slot = data.variables.len() as u32;
        if kind == CodeKind::Class {
            // Slot 0 is the namespace, slot 1 the `__class__` cell if a method needs it.
            unit.namespace = Some(0);
            unit.next_slot = 1;
            for &cell in &data.cells {
                unit.slots.insert(cell, unit.next_slot);
                unit.cells.push(unit.next_slot);
                unit.next_slot += 1;
            }
        }
        if self.scopes.observed {
            unit.keep_view();
        }
        unit.most_slots = unit.next_slot;
        let free = data.free.clone();
        for (at, &symbol) in free.iter().enumerate() {
            unit.free.insert(symbol, at);
        }
        let mut sources: Vec<CellSource> = free.iter().map(|&symbol| self.cell_source(symbol)).collect();
        // What is written between a class and a definition sees the names of the class.
        let class_dict = self.unit.namespace.filter(|_| data.kind == ScopeKind::TypeParams);
        if let Some(slot) = class_dict {
            sources.push(CellSource::Namespace(slot as usize));
            unit.namespace = Some(unit.next_slot);
            unit.next_slot += 1;
            unit.most_slots = unit.next_slot;
        }
        unit.green = self.wanted.as_ref().is_some_and(|(wanted, _)| *wanted == span) && kind == CodeKind::Function;
        if unit.green {
            unit.kind = CodeKind::Coroutine;
        }
        let green = unit.green;
        let outer = std::mem::replace(&mut self.unit, unit);
        if let (Some(_), Some(slot)) = (class_dict, self.unit.namespace) {
            let (at, slot) = (free.len(), slot as usize);
            self.emit_do(span, move |_, frame| {
                frame.locals[slot] = frame.function.closure[at].get();
                Ok(())
            });
        }
        self.emit_view(Span { start: span.start, end: span.start });
        body(self);
        // A body that is one `return` needs no step loop.
        if !matches!(self.unit.steps[..], [Step::Return(_)]) {
            self.emit_return_none(span);
        }
        let unit = std::mem::replace(&mut self.unit, outer);
        let code = self.finish_unit(unit, span, params, doc);
        if let (true, Some((_, found))) = (green, &mut self.wanted) {
            **found = Some(code.clone());
        }
        (code, sources)
    }

    fn cell_source(&self, symbol: Symbol) -> CellSource {
        let slot = self.slot(symbol);
        match (slot, self.unit.free.get(&symbol)) {
            (Some(slot), _) if self.is_cell(symbol) => CellSource::Slot(slot as usize),
            (_, Some(&at)) => CellSource::Free(at),
            (Some(slot), None) => CellSource::Slot(slot as usize),
            (None, None) => CellSource::Missing,
        }
    }

    fn is_cell(&self, symbol: Symbol) -> bool {
        for (scope, names) in self.unit.comps.iter().rev() {
            if names.contains_key(&symbol) {
                return self.scopes.scopes[scope.0 as usize].cells.contains(&symbol);
            }
        }
        self.scopes.scopes[self.unit.scope.0 as usize].cells.contains(&symbol)
    }

    fn qualname(&mut self, name: &str) -> Rc<Str> {
        let scope = &self.scopes.scopes[self.unit.scope.0 as usize];
        let prefix = match (self.unit.kind, scope.kind) {
            (CodeKind::Module, _) => return self.vm.intern(name),
            (_, ScopeKind::Module) => return self.vm.intern(name),
            (CodeKind::Class, _) => format!("{}.", self.unit.qualname),
            // The scope of type parameters leaves no trace.
            (_, ScopeKind::TypeParams) => match self.unit.qualname.as_str() {
                "" => String::new(),
                outer => format!("{outer}."),
            },
            (_, ScopeKind::GeneratorExp) => format!("{}.", self.unit.qualname),
            _ => format!("{}.<locals>.", self.unit.qualname),
        };
        Rc::new(Str::new(format!("{prefix}{name}")))
    }

    /// The name of a definition as it is written: a private one is mangled only where it is bound.
    fn written_name(&self, scope: ScopeId) -> Rc<Str> {
        self.vm.name(self.scopes.scopes[scope.0 as usize].name).clone()
    }

    /// The qualified name of a definition: a name declared global is a module's.
    fn definition_qualname(&mut self, name: Symbol, scope: ScopeId) -> Rc<Str> {
        let written = self.written_name(scope);
        if self.binding(name) == resolve::Binding::Global {
            return written;
        }
        self.qualname(&written)
    }

    fn params_outside(&mut self, mut params: Params, mut returns: Option<Expr>) -> (ParamSpec, Outside) {
        let (mut evaluated, annotations) = evaluated_outside(&mut params);
        if !self.scopes.future_annotations {
            evaluated.extend(annotations);
            evaluated.extend(&mut returns);
        }
        self.hoist_refs(evaluated);
        let mut outside = self.defaults(&mut params);
        let spec = ParamSpec {
            posonly: params.posonly.len() as u32,
            positional: (params.posonly.len() + params.args.len()) as u32,
            kwonly: params.kwonly.len() as u32,
            vararg: params.vararg.is_some(),
            kwarg: params.kwarg.is_some(),
        };
        let mut annotations = Vec::new();
        for param in params.args.into_iter().chain(params.posonly) {
            annotations.extend(param.annotation.map(|a| (param.name.name, a)));
        }
        let vararg = params.vararg.and_then(|param| param.annotation.map(|a| (param.name.name, a)));
        annotations.extend(vararg);
        for param in params.kwonly {
            annotations.extend(param.annotation.map(|a| (param.name.name, a)));
        }
        let kwarg = params.kwarg.and_then(|param| param.annotation.map(|a| (param.name.name, a)));
        annotations.extend(kwarg);
        if let Some(returns) = returns {
            annotations.push((self.vm.interner.intern("return"), returns));
            self.vm.sync_names();
        }
        for (name, annotation) in annotations {
            let name = self.vm.name(name).clone();
            let thunk = self.annotation(annotation);
            outside.annotations.push((name, thunk));
        }
        (spec, outside)
    }

    /// Takes the defaults out of a parameter list.
    fn defaults(&mut self, params: &mut Params) -> Outside {
        self.hoist_refs(evaluated_outside(params).0);
        let mut outside = Outside::default();
        for param in params.posonly.iter_mut().chain(&mut params.args) {
            if let Some(default) = param.default.take() {
                outside.defaults.push(self.expr(default));
            }
        }
        for param in &mut params.kwonly {
            if let Some(default) = param.default.take() {
                let name = self.vm.name(param.name.name).clone();
                outside.kwdefaults.push((name, self.expr(default)));
            }
        }
        outside
    }

    /// An annotation: its value, or its text with `from __future__ import annotations`.
    pub(super) fn annotation(&mut self, e: Expr) -> Thunk {
        if self.scopes.future_annotations {
            let text = crate::syntax::unparse::unparse(&self.source.text, &e);
            return Self::constant_thunk(Value::string(text));
        }
        let e = self.hoist(e);
        self.maybe_starred(e)
    }

    pub(super) fn lambda(&mut self, lambda: Lambda, span: Span) -> Thunk {
        let (params, outside) = self.params_outside(lambda.params, None);
        let scope = &self.scopes.scopes[lambda.scope.0 as usize];
        let kind = match (scope.has_yield, scope.has_await) {
            (true, _) => CodeKind::Generator,
            (false, _) => CodeKind::Function,
        };
        let (code, sources) = self.nested_code("<lambda>", None, lambda.scope, kind, params, span, None, |lower| {
            let body_span = lambda.body.span;
            let mut body = lambda.body;
            if lower.unit.green {
                lower.mark(&mut body);
            }
            let body = lower.hoist(body);
            let body = lower.expr(body);
            lower.emit(Step::Return(body), body_span);
        });
        self.looking(span, function_thunk(code, sources, outside))
    }

    /// A function definition, decorators applied, ready to be bound to its name.
    pub(super) fn function_def(&mut self, def: FunctionDef, span: Span) -> Thunk {
        let FunctionDef { name, mut params, body, decorators, returns, type_params, is_async, scope, type_scope } = def;
        let span = from_decorators(&decorators, span);
        let decorators = self.decorators(decorators);
        let thunk = if type_params.is_empty() {
            let qualname = self.definition_qualname(name.name, scope);
            self.function_thunk(qualname, params, returns, body, is_async, scope, span)
        } else {
            let qualname = self.definition_qualname(name.name, scope);
            // Defaults know nothing of the type parameters.
            let defaults = self.defaults(&mut params);
            let generic = self.with_type_params(type_params, type_scope, span, |lower| {
                lower.function_thunk(qualname, params, returns, body, is_async, scope, span)
            });
            if defaults.is_empty() { generic } else { with_defaults(defaults, generic) }
        };
        apply_decorators(decorators, thunk)
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of a definition")]
    fn function_thunk(
        &mut self,
        qualname: Rc<Str>,
        params: Params,
        returns: Option<Expr>,
        body: Vec<Stmt>,
        is_async: bool,
        scope: ScopeId,
        span: Span,
    ) -> Thunk {
        let (params, outside) = self.params_outside(params, returns);
        let has_yield = self.scopes.scopes[scope.0 as usize].has_yield;
        let kind = match (is_async, has_yield) {
            (false, false) => CodeKind::Function,
            (false, true) => CodeKind::Generator,
            (true, false) => CodeKind::Coroutine,
            (true, true) => CodeKind::AsyncGenerator,
        };
        let doc = docstring(&body).map(|doc| Value::str(&doc));
        let name = self.written_name(scope);
        let (code, sources) = self.nested_code(&name, Some(qualname), scope, kind, params, span, doc, |lower| {
            let mut body = body;
            if lower.unit.green {
                lower.mark_block(&mut body);
            }
            lower.function_body(body);
        });
        self.looking(span, function_thunk(code, sources, outside))
    }

    /// Once a function is there that asks for the variables of its callers, those of all frames can be found.
    fn looking(&self, span: Span, make: Thunk) -> Thunk {
        let text = self.source.text.get(span.start as usize..span.end as usize);
        if !self.looks_at_callers || !text.is_some_and(resolve::looks_at_callers) {
            return make;
        }
        Box::new(move |vm, frame| {
            vm.observe_all();
            make(vm, frame)
        })
    }

    fn decorators(&mut self, decorators: Vec<Expr>) -> Vec<(Thunk, Span)> {
        decorators
            .into_iter()
            .map(|decorator| {
                let span = decorator.span;
                // Evaluated before anything else of the definition.
                let decorator = self.hoist_to_temp(decorator);
                (self.expr(decorator), span)
            })
            .collect()
    }

    /// A definition with type parameters runs in a scope of its own in which they are variables.
    fn with_type_params(
        &mut self,
        type_params: Vec<TypeParam>,
        scope: ScopeId,
        span: Span,
        make: impl FnOnce(&mut Self) -> Thunk,
    ) -> Thunk {
        let qualname = match self.unit.kind {
            CodeKind::Module => Rc::default(),
            CodeKind::Class => self.unit.qualname.clone(),
            _ => Rc::new(Str::new(format!("{}.<locals>", self.unit.qualname))),
        };
        let params = ParamSpec::default();
        let (code, sources) = self.nested_code(
            &format!("<generic parameters of {}>", self.written_name(scope)),
            Some(qualname),
            scope,
            CodeKind::Function,
            params,
            span,
            None,
            |lower| {
                let mut loads = Vec::new();
                let mut later = Vec::new();
                let count = type_params.len();
                for param in type_params {
                    // A private name is seen as it is written.
                    let name = match lower.source.text.get(param.name.span.range()) {
                        Some(written) if written.starts_with("__") => Rc::new(Str::new(written)),
                        _ => lower.vm.name(param.name.name).clone(),
                    };
                    let (kind, bound) = match param.kind {
                        TypeParamKind::TypeVar { bound } => ("TypeVar", bound),
                        TypeParamKind::TypeVarTuple => ("TypeVarTuple", None),
                        TypeParamKind::ParamSpec => ("ParamSpec", None),
                    };
                    let mut defer = |what: &'static str, value: Expr| {
                        let deferred = lower.deferred(&name, value, scope, count);
                        later.push((loads.len(), what, deferred));
                    };
                    match bound {
                        Some(bound) if matches!(bound.kind, ExprKind::Tuple(_)) => defer("__constraints__", bound),
                        Some(bound) => defer("__bound__", bound),
                        None => {}
                    }
                    if let Some(default) = param.default {
                        defer("__default__", default);
                    }
                    let store = lower.store_name(param.name.name);
                    loads.push(lower.load_name(param.name.name, param.name.span));
                    lower.emit_do(span, move |vm, frame| {
                        let mut kwargs = Vec::new();
                        if kind != "TypeVarTuple" {
                            kwargs.push((vm.intern("infer_variance"), Value::bool(true)));
                        }
                        let class = vm.from_page("typing", kind)?;
                        let variable = vm.call_kw(&class, &[Value::Str(name.clone())], &kwargs)?;
                        vm.set_attr(&variable, sym::__module__, Value::str("typing"))?;
                        store(vm, frame, variable)
                    });
                }
                let loads: Rc<[Thunk]> = loads.into();
                if !later.is_empty() {
                    let loads = loads.clone();
                    lower.emit_do(span, move |vm, frame| {
                        let variables = values(&loads, vm, frame)?;
                        for (at, what, (code, sources)) in &later {
                            let evaluate = Value::Function(make_function(vm, code, sources, frame));
                            let (set, what) = (vm.intern("_evaluate_later"), vm.intern(what));
                            let args = [Value::Str(what), evaluate, Value::tuple(variables.clone())];
                            let set = vm.get_attr(&variables[*at], &set)?;
                            vm.call(&set, &args)?;
                        }
                        Ok(())
                    });
                }
                let thunk = make(lower);
                let result: Thunk = Box::new(move |vm, frame| {
                    let made = thunk(vm, frame)?;
                    let variables = Value::tuple(values(&loads, vm, frame)?);
                    match &made {
                        Value::Function(function) => {
                            function.with_extra(|extra| extra.type_params = Some(variables));
                        }
                        Value::None => return Ok(variables),
                        // A class has them since its body began.
                        _ => {}
                    }
                    Ok(made)
                });
                lower.emit(Step::Return(result), span);
            },
        );
        Box::new(move |vm, frame| {
            let function = make_function(vm, &code, &sources, frame);
            vm.call_exact(&function, []).at(span)
        })
    }

    /// `type Name[T] = value`.
    pub(super) fn type_alias(&mut self, params: Vec<TypeParam>, value: Expr, scope: ScopeId, span: Span) -> Thunk {
        let text = self.written_name(scope);
        let (code, sources) = self.deferred(&text, value, scope, params.len());
        let make = move |vm: &mut Vm, frame: &mut Frame, variables: Value| {
            let evaluate = Value::Function(make_function(vm, &code, &sources, frame));
            vm.call_page("typing", "_make_alias", &[Value::Str(text.clone()), evaluate, variables]).here()
        };
        if params.is_empty() {
            return Box::new(move |vm, frame| make(vm, frame, Value::tuple([])));
        }
        let variables = self.with_type_params(params, scope, span, |_| Box::new(|_, _| Ok(Value::None)));
        Box::new(move |vm, frame| {
            let variables = variables(vm, frame)?;
            make(vm, frame, variables)
        })
    }

    /// The value of an annotation or a default; of a starred one, the one item that it is unpacked to.
    fn maybe_starred(&mut self, e: Expr) -> Thunk {
        let span = e.span;
        let starred = matches!(e.kind, ExprKind::Starred(_));
        let value = self.expr(e);
        if !starred {
            return value;
        }
        Box::new(move |vm, frame| {
            let value = value(vm, frame)?;
            let item = vm.unpack(&value, 1).at(span)?.pop();
            Ok(item.unwrap_or_default())
        })
    }

    /// An expression in the scope of type parameters that is evaluated when somebody asks: a function of these.
    fn deferred(&mut self, name: &str, value: Expr, scope: ScopeId, count: usize) -> (Rc<Code>, Vec<CellSource>) {
        let params = ParamSpec { positional: count as u32, posonly: count as u32, ..ParamSpec::default() };
        let span = value.span;
        self.nested_code(name, None, scope, CodeKind::Function, params, span, None, |lower| {
            let value = lower.maybe_starred(value);
            lower.emit(Step::Return(value), span);
        })
    }

    /// A class definition, decorators applied, ready to be bound to its name.
    pub(super) fn class_def(&mut self, def: ClassDef, span: Span) -> Thunk {
        let ClassDef { name, args, body, decorators, type_params, scope, type_scope } = def;
        let whole = from_decorators(&decorators, span);
        let decorators = self.decorators(decorators);
        let qualname = self.definition_qualname(name.name, scope);
        let thunk = if type_params.is_empty() {
            self.class_thunk(qualname, args, body, scope, [span, whole], Vec::new())
        } else {
            let names: Vec<_> =
                type_params.iter().map(|p| (p.name, matches!(p.kind, TypeParamKind::TypeVarTuple))).collect();
            self.with_type_params(type_params, type_scope, span, |lower| {
                let generic =
                    names.into_iter().map(|(name, many)| (lower.load_name(name.name, name.span), many)).collect();
                lower.class_thunk(qualname, args, body, scope, [span, whole], generic)
            })
        };
        apply_decorators(decorators, thunk)
    }

    fn class_thunk(
        &mut self,
        qualname: Rc<Str>,
        args: Vec<Arg>,
        body: Vec<Stmt>,
        scope: ScopeId,
        [span, whole]: [Span; 2],
        generic: Vec<(Thunk, bool)>,
    ) -> Thunk {
        let args = self.hoist_args(args);
        let mut args = self.arguments(args);
        // The body and the name come before them.
        args.star_alone = false;
        let doc = docstring(&body);
        let text = self.written_name(scope);
        let shown = qualname.clone();
        let class_cell = self.scopes.scopes[scope.0 as usize].cells.contains(&sym::__class__);
        let has_type_params = !generic.is_empty();
        let (code, sources) = self.nested_code(
            &text,
            Some(qualname),
            scope,
            CodeKind::Class,
            ParamSpec::default(),
            whole,
            None,
            |lower| {
                let module_key = lower.vm.name(sym::__module__).clone();
                let module = Self::load_from_namespace(0, lower.vm.name(sym::__name__).clone(), span);
                lower.emit_do(span, move |vm, frame| {
                    let module = module(vm, frame)?;
                    let namespace = frame.locals[0].clone();
                    vm.set_item(&namespace, &Value::Str(module_key.clone()), module).here()
                });
                lower.set_namespace("__qualname__", Value::Str(shown), span);
                let line = lower.source.line(whole.start);
                lower.set_namespace("__firstlineno__", Value::Int(i64::from(line)), span);
                if has_type_params {
                    let key = lower.vm.name(sym::__type_params__).clone();
                    lower.emit_do(span, move |vm, frame| {
                        let variables = frame.function.with_extra(|extra| extra.type_params.take());
                        let (namespace, key) = (frame.locals[0].clone(), Value::Str(key.clone()));
                        vm.set_item(&namespace, &key, variables.unwrap_or_default()).here()
                    });
                }
                lower.annotations_of(&body, span);
                if let Some(doc) = doc {
                    lower.set_namespace("__doc__", Value::str(&doc), span);
                }
                lower.static_attributes.push(Vec::new());
                lower.body(body);
                let mut assigned = lower.static_attributes.pop().unwrap_or_default();
                assigned.sort_by(|a, b| crate::machine::compare::compare_text(a, b));
                let assigned = Value::tuple(assigned.into_iter().map(Value::Str).collect::<Vec<_>>());
                lower.set_namespace("__static_attributes__", assigned, span);
                if class_cell {
                    let slot = lower.unit.slots.get(&sym::__class__).copied().unwrap_or(1) as usize;
                    let key = lower.vm.name(sym::__classcell__).clone();
                    lower.emit_do(span, move |vm, frame| {
                        let (namespace, cell) = (frame.locals[0].clone(), frame.locals[slot].clone());
                        vm.set_item(&namespace, &Value::Str(key.clone()), cell).here()
                    });
                }
            },
        );
        Box::new(move |vm, frame| {
            let (mut bases, kwargs) = args.evaluate(vm, frame, &Value::str("__build_class__()"), span)?;
            let mut variables = Vec::new();
            if !generic.is_empty() {
                let mut params = Vec::new();
                for (param, many) in &generic {
                    let param = param(vm, frame)?;
                    variables.push(param.clone());
                    match many {
                        true => params.extend(vm.collect(&param)?),
                        false => params.push(param),
                    }
                }
                let base = vm.from_page("typing", "Generic")?;
                bases.push(vm.get_item(&base, &Value::tuple(params))?);
            }
            let body = make_function(vm, &code, &sources, frame);
            if has_type_params {
                body.with_extra(|extra| extra.type_params = Some(Value::tuple(variables)));
            }
            vm.calls.push(crate::machine::CallSite { code: frame.code.id.get(), span });
            let result = match vm.class_builder(&frame.function.globals) {
                Ok(None) => vm.build_class(&body, &text, &bases, kwargs),
                Ok(Some(own)) => {
                    let args: Vec<Value> =
                        [Value::Function(body), Value::Str(text.clone())].into_iter().chain(bases).collect();
                    vm.call_kw(&own, &args, &kwargs)
                }
                Err(error) => Err(error),
            };
            vm.calls.pop();
            result.at(span)
        })
    }

    fn hoist_args(&mut self, args: Vec<Arg>) -> Vec<crate::syntax::ast::Arg> {
        use crate::syntax::ast::Arg;
        if !args.iter().any(|arg| arg.value().suspends) {
            return args;
        }
        args.into_iter()
            .map(|arg| match arg {
                Arg::Positional(e) => Arg::Positional(self.hoist_to_temp(e)),
                Arg::Star(e, span) => Arg::Star(self.hoist_to_temp(e), span),
                Arg::Keyword(name, e) => Arg::Keyword(name, self.hoist_to_temp(e)),
                Arg::DoubleStar(e, span) => Arg::DoubleStar(self.hoist_to_temp(e), span),
            })
            .collect()
    }
}

/// Where a definition begins with its decorators.
fn from_decorators(decorators: &[Expr], span: Span) -> Span {
    decorators.first().map_or(span, |first| Span { start: first.span.start, ..span })
}

fn apply_decorators(decorators: Vec<(Thunk, Span)>, definition: Thunk) -> Thunk {
    if decorators.is_empty() {
        return definition;
    }
    Box::new(move |vm, frame| {
        let mut functions = Vec::with_capacity(decorators.len());
        for (decorator, span) in &decorators {
            functions.push((decorator(vm, frame)?, *span));
        }
        let mut value = definition(vm, frame)?;
        for (function, span) in functions.into_iter().rev() {
            value = super::call::noted(vm, frame, span, |vm| vm.call(&function, &[value]))?;
        }
        Ok(value)
    })
}

/// The defaults of parameters and their annotations, in the order in which they are evaluated: annotations of
/// positional-only parameters come after those of the ordinary ones.
fn evaluated_outside(params: &mut Params) -> (Vec<&mut Expr>, Vec<&mut Expr>) {
    let (mut defaults, mut annotations, mut posonly) = (Vec::new(), Vec::new(), Vec::new());
    for param in &mut params.posonly {
        defaults.extend(&mut param.default);
        posonly.extend(&mut param.annotation);
    }
    for param in &mut params.args {
        defaults.extend(&mut param.default);
        annotations.extend(&mut param.annotation);
    }
    annotations.append(&mut posonly);
    for param in params.vararg.iter_mut().chain(&mut params.kwonly).chain(&mut params.kwarg) {
        defaults.extend(&mut param.default);
        annotations.extend(&mut param.annotation);
    }
    (defaults, annotations)
}

fn make_function(vm: &mut Vm, code: &Rc<Code>, sources: &[CellSource], frame: &Frame) -> Rc<Function> {
    let observed = if code.replaced.get() { vm.observed_code(code) } else { None };
    let code = observed.as_ref().unwrap_or(code);
    let closure = sources
        .iter()
        .map(|source| match source {
            CellSource::Slot(slot) => match &frame.locals[*slot] {
                Value::Cell(cell) => cell.clone(),
                other => Cell::new(other.clone()),
            },
            CellSource::Free(at) => frame.function.closure[*at].clone(),
            CellSource::Namespace(slot) => Cell::new(frame.locals[*slot].clone()),
            CellSource::Missing => Cell::new(Value::Unbound),
        })
        .collect();
    code.runs_in(&frame.function.globals);
    Rc::new(Function {
        code: code.clone(),
        globals: frame.function.globals.clone(),
        closure,
        defaults: std::cell::RefCell::new(Rc::from([])),
        extra: std::cell::RefCell::new(None),
        mark: Default::default(),
    })
}

fn function_thunk(code: Rc<Code>, sources: Vec<CellSource>, outside: Outside) -> Thunk {
    if outside.is_empty() {
        return Box::new(move |vm, frame| Ok(Value::Function(make_function(vm, &code, &sources, frame))));
    }
    let Outside { defaults, kwdefaults, annotations } = outside;
    let plain: Thunk = Box::new(move |vm, frame| {
        let annotations = named(&annotations, vm, frame)?;
        let function = make_function(vm, &code, &sources, frame);
        if annotations.is_some() {
            let extra = FunctionExtra { annotations, ..FunctionExtra::default() };
            *function.extra.borrow_mut() = Some(Box::new(extra));
        }
        Ok(Value::Function(function))
    });
    with_defaults(Outside { defaults, kwdefaults, annotations: Vec::new() }, plain)
}

fn values(thunks: &[Thunk], vm: &mut Vm, frame: &mut Frame) -> Eval<Vec<Value>> {
    thunks.iter().map(|thunk| thunk(vm, frame)).collect()
}

/// Evaluates the defaults before a function is made.
fn with_defaults(outside: Outside, make: Thunk) -> Thunk {
    Box::new(move |vm, frame| {
        let mut defaults = Vec::with_capacity(outside.defaults.len());
        for default in &outside.defaults {
            defaults.push(default(vm, frame)?);
        }
        let kwdefaults = named(&outside.kwdefaults, vm, frame)?;
        let made = make(vm, frame)?;
        if let Value::Function(function) = &made {
            *function.defaults.borrow_mut() = defaults.into();
            if kwdefaults.is_some() {
                function.with_extra(|extra| extra.kwdefaults = kwdefaults);
            }
        }
        Ok(made)
    })
}

fn named(pairs: &[(Rc<Str>, Thunk)], vm: &mut Vm, frame: &mut Frame) -> Eval<Option<Rc<Dict>>> {
    if pairs.is_empty() {
        return Ok(None);
    }
    let dict = Dict::new();
    for (name, thunk) in pairs {
        let value = thunk(vm, frame)?;
        dict.set_str(name, value);
    }
    Ok(Some(Rc::new(dict)))
}

impl Vm {
    /// What a `class` statement calls if somebody replaced `__build_class__`.
    fn class_builder(&mut self, globals: &Rc<Dict>) -> Result<Option<Value>> {
        let key = self.name(sym::__build_class__).clone();
        let found = match self.own_builtins(globals) {
            Some(own) => self.name_in(&own, &key)?,
            None => self.builtins.get_str(&key),
        };
        match found {
            Some(Value::Native(native)) if native.name.as_str() == key.as_str() => Ok(None),
            Some(own) => Ok(Some(own)),
            None => Err(self.error(self.types.NameError.clone(), "__build_class__ not found")),
        }
    }

    /// Runs a class body and makes the class: what a `class` statement does.
    pub fn build_class(
        &mut self,
        body: &Rc<Function>,
        name: &Rc<Str>,
        bases: &[Value],
        mut kwargs: Vec<Named>,
    ) -> Result {
        let resolved = self.class_bases(bases)?;
        let changed = resolved.len() != bases.len() || resolved.iter().zip(bases).any(|(a, b)| !a.is(b));
        let given = kwargs.iter().position(|(key, _)| key.as_str() == "metaclass").map(|at| kwargs.remove(at).1);
        let meta = self.metaclass_of(given.as_ref(), &resolved)?;
        let bases_value = Value::tuple(resolved.clone());
        let prepare = self.name(sym::__prepare__).clone();
        let plain = matches!(&meta, Value::Class(m) if Rc::ptr_eq(m, &self.types.type_));
        let namespace = if plain {
            Value::dict(Dict::new())
        } else {
            match self.get_attr_opt(&meta, &prepare)? {
                Some(prepare) => self.call_kw(&prepare, &[Value::Str(name.clone()), bases_value.clone()], &kwargs)?,
                None => Value::dict(Dict::new()),
            }
        };
        if namespace.as_dict().is_none() && !self.has_special(&namespace, sym::__getitem__) {
            let by = match &meta {
                Value::Class(meta) => meta.name.borrow().as_str().to_owned(),
                _ => "<metaclass>".to_owned(),
            };
            let found = self.type_name(&namespace);
            return Err(self.type_error(format!("{by}.__prepare__() must return a mapping, not {found}")));
        }
        let mut locals = vec![Value::Unbound; body.code.slots.max(1) as usize];
        locals[0] = namespace.clone();
        self.run_vec(body, locals)?;
        if changed {
            let orig = self.intern("__orig_bases__");
            self.set_item(&namespace, &Value::Str(orig), Value::tuple(bases))?;
        }
        if plain {
            if let (Value::Dict(dict), Value::Class(meta)) = (&namespace, &meta) {
                return self.new_class(meta, name, &resolved, dict, &kwargs);
            }
        }
        let cell = self.name(sym::__classcell__).clone();
        let cell = namespace.as_dict().and_then(|dict| dict.get_str(&cell));
        let made = self.call_kw(&meta, &[Value::Str(name.clone()), bases_value, namespace], &kwargs)?;
        let Some(Value::Cell(cell)) = cell.filter(|_| matches!(made, Value::Class(_))) else { return Ok(made) };
        match cell.get() {
            inside if inside.is(&made) => Ok(made),
            Value::Unbound => {
                let (name, made) = (self.repr(&Value::Str(name.clone()))?, self.repr(&made)?);
                Err(self.runtime_error(format!(
                    "__class__ not set defining {name} as {made}. Was __classcell__ propagated to type.__new__?"
                )))
            }
            other => {
                let name = self.repr(&Value::Str(name.clone()))?;
                let (other, made) = (self.repr(&other)?, self.repr(&made)?);
                let message = format!("__class__ set to {other} defining {name} as {made}");
                Err(self.type_error(message))
            }
        }
    }
}

/// The docstring of a body, its indentation removed as the compiler does since 3.13.
pub(super) fn docstring(body: &[Stmt]) -> Option<String> {
    let StmtKind::Expr(Expr { kind: ExprKind::Constant(Constant::Str(text)), .. }) = &body.first()?.kind else {
        return None;
    };
    if !text.contains('\n') {
        return Some(text.trim_start_matches(' ').to_owned());
    }
    let expanded = crate::text::strops::expandtabs(text, 8).unwrap_or_else(|_| text.to_string());
    let lines: Vec<&str> = expanded.split('\n').collect();
    let margin = lines[1..]
        .iter()
        .filter(|line| !line.trim_start_matches(' ').is_empty())
        .map(|line| line.len() - line.trim_start_matches(' ').len())
        .min()
        .unwrap_or(0);
    let mut cleaned = vec![lines[0].trim_start_matches(' ')];
    cleaned.extend(lines[1..].iter().map(|line| {
        let indent = line.len() - line.trim_start_matches(' ').len();
        &line[indent.min(margin)..]
    }));
    Some(cleaned.join("\n"))
}
