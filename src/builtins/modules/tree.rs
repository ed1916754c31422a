//! `ast`: the parser's tree as tuples of a node's name, its fields and its place, of which the page makes objects; `None` where
//! the text is wrong.

use crate::builtins::prelude::*;
use crate::source::{Source, Span};
use crate::symbol::Symbol;
use crate::syntax::ast::*;
use crate::syntax::{self, Parsed};

pub(super) const FUNCTIONS: &[Row] = &[native("_parsed(source, filename, mode, /)", |vm, args| {
    let [Value::Str(text), Value::Str(name), mode] = args else { return Err(vm.type_error("source must be a string")) };
    let source = Source::new(name.as_str(), text.as_str());
    match mode.as_str().map_or("", |mode| mode.as_str()) {
        "eval" => match syntax::parse_expression(&source, &mut vm.interner) {
            Parsed::Complete((expr, _)) => {
                vm.sync_names();
                Ok(Tree { vm, source }.expr(&expr))
            }
            Parsed::Incomplete(_) | Parsed::Invalid(_) => Ok(Value::None),
        },
        _ => match syntax::parse_module(&source, &mut vm.interner) {
            Parsed::Complete(module) => {
                vm.sync_names();
                Ok(Tree { vm, source }.stmts(&module.body))
            }
            Parsed::Incomplete(_) | Parsed::Invalid(_) => Ok(Value::None),
        },
    }
})];

struct Tree<'v> {
    vm: &'v mut Vm,
    source: Rc<Source>,
}

fn list(items: Vec<Value>) -> Value {
    Value::list(items)
}

/// A node without a place.
fn bare(name: &str, fields: Vec<Value>) -> Value {
    Value::tuple([Value::str(name), Value::list(fields)])
}

fn op(name: &str) -> Value {
    bare(name, Vec::new())
}

fn bin_op(op: BinOp) -> Value {
    let name = format!("{op:?}");
    self::op(&if name.ends_with("Mul") { name + "t" } else { name })
}

fn constant(value: &Constant) -> Value {
    match value {
        Constant::None => Value::None,
        Constant::True => Value::bool(true),
        Constant::False => Value::bool(false),
        Constant::Ellipsis => Value::Ellipsis,
        Constant::Int(n) => Value::Int(*n),
        Constant::BigInt(n) => Value::int((**n).clone()),
        Constant::Float(x) => Value::float(*x),
        Constant::Imaginary(x) => Value::complex(0.0, *x),
        Constant::Str(text) => Value::str(text),
        Constant::Bytes(bytes) => Value::bytes(bytes.to_vec()),
    }
}

impl Tree<'_> {
    fn node(&self, name: &str, fields: Vec<Value>, span: Span) -> Value {
        let at = |offset| {
            let column = if self.source.text.is_empty() { 0 } else { self.source.byte_column(offset) };
            [self.source.line(offset), column].map(|n| Value::Int(n.into()))
        };
        let ([line, column], [end_line, end_column]) = (at(span.start), at(span.end));
        Value::tuple([Value::str(name), Value::list(fields), line, column, end_line, end_column])
    }

    fn name(&self, name: Symbol) -> Value {
        Value::Str(self.vm.name(name).clone())
    }

    fn ident(&self, ident: Option<Ident>) -> Value {
        ident.map_or(Value::None, |ident| self.name(ident.name))
    }

    fn dotted(&self, parts: &[Ident]) -> Value {
        let parts: Vec<String> = parts.iter().map(|part| self.vm.name(part.name).as_str().to_owned()).collect();
        Value::string(parts.join("."))
    }

    fn stmts(&mut self, body: &[Stmt]) -> Value {
        list(body.iter().map(|stmt| self.stmt(stmt)).collect())
    }

    fn exprs(&mut self, exprs: &[Expr]) -> Value {
        list(exprs.iter().map(|expr| self.expr(expr)).collect())
    }

    fn targets(&mut self, exprs: &[Expr], context: &str) -> Value {
        list(exprs.iter().map(|expr| self.target(expr, context)).collect())
    }

    fn opt(&mut self, expr: Option<&Expr>) -> Value {
        expr.map_or(Value::None, |expr| self.expr(expr))
    }

    fn stmt(&mut self, stmt: &Stmt) -> Value {
        use StmtKind::*;
        let asyncs = |is_async: bool, name: &'static str, plain: &'static str| if is_async { name } else { plain };
        let (name, fields) = match &stmt.kind {
            Expr(value) => ("Expr", vec![self.expr(value)]),
            Assign { targets, value } => {
                ("Assign", vec![self.targets(targets, "Store"), self.expr(value), Value::None])
            }
            AugAssign { target, op: sign, value } => {
                ("AugAssign", vec![self.target(target, "Store"), bin_op(*sign), self.expr(value)])
            }
            AnnAssign { target, annotation, value, simple } => {
                let (target, annotation) = (self.target(target, "Store"), self.expr(annotation));
                let value = self.opt(value.as_ref());
                ("AnnAssign", vec![target, annotation, value, Value::Int((*simple).into())])
            }
            Return(value) => ("Return", vec![self.opt(value.as_ref())]),
            Delete(targets) => ("Delete", vec![self.targets(targets, "Del")]),
            Raise { exc, cause } => ("Raise", vec![self.opt(exc.as_ref()), self.opt(cause.as_ref())]),
            Assert { test, msg } => ("Assert", vec![self.expr(test), self.opt(msg.as_ref())]),
            Global(names) | Nonlocal(names) => {
                let kind = if matches!(stmt.kind, Global(_)) { "Global" } else { "Nonlocal" };
                (kind, vec![list(names.iter().map(|name| self.name(name.name)).collect())])
            }
            Pass => ("Pass", Vec::new()),
            Break => ("Break", Vec::new()),
            Continue => ("Continue", Vec::new()),
            Import(names) => ("Import", vec![self.aliases(names)]),
            ImportFrom { module, names, level } => {
                let from = if module.is_empty() { Value::None } else { self.dotted(module) };
                ("ImportFrom", vec![from, self.aliases(names), Value::Int((*level).into())])
            }
            If { test, body, orelse } => ("If", vec![self.expr(test), self.stmts(body), self.stmts(orelse)]),
            While { test, body, orelse } => ("While", vec![self.expr(test), self.stmts(body), self.stmts(orelse)]),
            For { target, iter, body, orelse, is_async } => {
                let (target, iter) = (self.target(target, "Store"), self.expr(iter));
                let fields = vec![target, iter, self.stmts(body), self.stmts(orelse), Value::None];
                (asyncs(*is_async, "AsyncFor", "For"), fields)
            }
            Try { body, handlers, orelse, finalbody, is_star } => {
                let body = self.stmts(body);
                let handlers = handlers.iter().map(|handler| {
                    let fields =
                        vec![self.opt(handler.kind.as_ref()), self.ident(handler.name), self.stmts(&handler.body)];
                    self.node("ExceptHandler", fields, handler.span)
                });
                let handlers = list(handlers.collect());
                let fields = vec![body, handlers, self.stmts(orelse), self.stmts(finalbody)];
                (if *is_star { "TryStar" } else { "Try" }, fields)
            }
            With { items, body, is_async } => {
                let items = items.iter().map(|item| {
                    let target = item.target.as_ref().map_or(Value::None, |target| self.target(target, "Store"));
                    bare("withitem", vec![self.expr(&item.context), target])
                });
                let items = list(items.collect());
                (asyncs(*is_async, "AsyncWith", "With"), vec![items, self.stmts(body), Value::None])
            }
            FunctionDef(def) => {
                let (name, args, body) = (self.name(def.name.name), self.params(&def.params), self.stmts(&def.body));
                let (decorators, returns) = (self.exprs(&def.decorators), self.opt(def.returns.as_ref()));
                let fields =
                    vec![name, args, body, decorators, returns, Value::None, self.type_params(&def.type_params)];
                (asyncs(def.is_async, "AsyncFunctionDef", "FunctionDef"), fields)
            }
            ClassDef(def) => {
                let (bases, keywords) = self.arguments(&def.args);
                let (name, body) = (self.name(def.name.name), self.stmts(&def.body));
                let decorators = self.exprs(&def.decorators);
                ("ClassDef", vec![name, bases, keywords, body, decorators, self.type_params(&def.type_params)])
            }
            Match { subject, cases } => {
                let subject = self.expr(subject);
                let cases = cases.iter().map(|case| {
                    let pattern = self.pattern(&case.pattern);
                    bare("match_case", vec![pattern, self.opt(case.guard.as_ref()), self.stmts(&case.body)])
                });
                ("Match", vec![subject, list(cases.collect())])
            }
            TypeAlias { name, type_params, value, .. } => {
                let name = self.target(name, "Store");
                ("TypeAlias", vec![name, self.type_params(type_params), self.expr(value)])
            }
        };
        self.node(name, fields, stmt.span)
    }

    fn aliases(&mut self, names: &[Alias]) -> Value {
        let names = names.iter().map(|alias| {
            let fields = vec![self.dotted(&alias.name), self.ident(alias.asname)];
            self.node("alias", fields, alias.span)
        });
        list(names.collect())
    }

    fn type_params(&mut self, params: &[TypeParam]) -> Value {
        let params = params.iter().map(|param| {
            let (mut span, name) = (param.name.span, self.name(param.name.name));
            let last = match &param.kind {
                TypeParamKind::TypeVar { bound } => param.default.as_ref().or(bound.as_ref()),
                _ => param.default.as_ref(),
            };
            span.end = last.map_or(span.end, |last| self.source.in_parentheses(last.span).end);
            let default = self.opt(param.default.as_ref());
            let (kind, fields, stars) = match &param.kind {
                TypeParamKind::TypeVar { bound } => {
                    let bound = self.opt(bound.as_ref());
                    ("TypeVar", vec![name, bound, default], 0)
                }
                TypeParamKind::TypeVarTuple => ("TypeVarTuple", vec![name, default], 1),
                TypeParamKind::ParamSpec => ("ParamSpec", vec![name, default], 2),
            };
            span.start -= stars;
            self.node(kind, fields, span)
        });
        list(params.collect())
    }

    fn param(&mut self, param: &Param) -> Value {
        let annotation = param.annotation.as_ref();
        let end = annotation.map_or(param.name.span.end, |given| self.source.in_parentheses(given.span).end);
        let fields = vec![self.name(param.name.name), self.opt(param.annotation.as_ref()), Value::None];
        self.node("arg", fields, Span { start: param.name.span.start, end })
    }

    fn params(&mut self, params: &Params) -> Value {
        let posonly = list(params.posonly.iter().map(|param| self.param(param)).collect());
        let args = list(params.args.iter().map(|param| self.param(param)).collect());
        let vararg = params.vararg.as_ref().map_or(Value::None, |param| self.param(param));
        let kwonly = list(params.kwonly.iter().map(|param| self.param(param)).collect());
        let kw_defaults = list(params.kwonly.iter().map(|param| self.opt(param.default.as_ref())).collect());
        let kwarg = params.kwarg.as_ref().map_or(Value::None, |param| self.param(param));
        let defaults = params.posonly.iter().chain(&params.args).filter_map(|param| param.default.as_ref());
        let defaults = list(defaults.map(|default| self.expr(default)).collect());
        bare("arguments", vec![posonly, args, vararg, kwonly, kw_defaults, kwarg, defaults])
    }

    fn arguments(&mut self, args: &[Arg]) -> (Value, Value) {
        let (mut positional, mut keywords) = (Vec::new(), Vec::new());
        for arg in args {
            match arg {
                Arg::Positional(value) => positional.push(self.expr(value)),
                Arg::Star(value, span) => {
                    let fields = vec![self.expr(value), op("Load")];
                    positional.push(self.node("Starred", fields, *span));
                }
                Arg::Keyword(name, value) => {
                    let fields = vec![self.name(name.name), self.expr(value)];
                    let span = Span { start: name.span.start, end: self.source.in_parentheses(value.span).end };
                    keywords.push(self.node("keyword", fields, span));
                }
                Arg::DoubleStar(value, span) => {
                    let fields = vec![Value::None, self.expr(value)];
                    keywords.push(self.node("keyword", fields, *span));
                }
            }
        }
        (list(positional), list(keywords))
    }

    fn expr(&mut self, expr: &Expr) -> Value {
        self.target(expr, "Load")
    }

    /// An expression in a context: read, assigned to or deleted.
    fn target(&mut self, expr: &Expr, context: &str) -> Value {
        use ExprKind::*;
        let (name, fields) = match &expr.kind {
            Constant(value) => {
                let unicode = matches!(value, self::Constant::Str(_))
                    && self.source.text.get(expr.span.start as usize..).is_some_and(|text| text.starts_with('u'));
                ("Constant", vec![constant(value), if unicode { Value::str("u") } else { Value::None }])
            }
            Name(name) => ("Name", vec![self.name(*name), op(context)]),
            JoinedStr(parts) => return self.joined(parts, expr.span),
            Tuple(items) => ("Tuple", vec![self.targets(items, context), op(context)]),
            List(items) => ("List", vec![self.targets(items, context), op(context)]),
            Set(items) => ("Set", vec![self.exprs(items)]),
            Dict(items) => {
                let keys = list(items.iter().map(|(key, _)| self.opt(key.as_ref())).collect());
                ("Dict", vec![keys, list(items.iter().map(|(_, value)| self.expr(value)).collect())])
            }
            Starred(value) => ("Starred", vec![self.target(value, context), op(context)]),
            BoolOp { op: sign, values } => {
                let sign = if *sign == self::BoolOp::And { "And" } else { "Or" };
                ("BoolOp", vec![op(sign), self.exprs(values)])
            }
            BinOp { first, rest } => {
                let mut left = self.expr(first);
                for (sign, right) in rest {
                    let end = self.source.in_parentheses(right.span).end;
                    let fields = vec![left, bin_op(*sign), self.expr(right)];
                    left = self.node("BinOp", fields, Span { start: expr.span.start, end });
                }
                return left;
            }
            UnaryOp { op: sign, operand } => {
                let sign = match sign {
                    self::UnaryOp::Not => "Not",
                    self::UnaryOp::Neg => "USub",
                    self::UnaryOp::Pos => "UAdd",
                    self::UnaryOp::Invert => "Invert",
                };
                ("UnaryOp", vec![op(sign), self.expr(operand)])
            }
            Compare { first, rest } => {
                let signs = rest.iter().map(|(sign, _)| op(&format!("{sign:?}"))).collect();
                let first = self.expr(first);
                let others = list(rest.iter().map(|(_, other)| self.expr(other)).collect());
                ("Compare", vec![first, list(signs), others])
            }
            Lambda(lambda) => ("Lambda", vec![self.params(&lambda.params), self.expr(&lambda.body)]),
            IfExp { test, body, orelse } => ("IfExp", vec![self.expr(test), self.expr(body), self.expr(orelse)]),
            Call { func, args } => {
                let func = self.expr(func);
                let (args, keywords) = self.arguments(args);
                ("Call", vec![func, args, keywords])
            }
            Attribute { value, attr } => ("Attribute", vec![self.expr(value), self.name(attr.name), op(context)]),
            Subscript { value, index } => ("Subscript", vec![self.expr(value), self.expr(index), op(context)]),
            Slice { lower, upper, step } => {
                ("Slice", [lower, upper, step].map(|part| self.opt(part.as_deref())).to_vec())
            }
            Await(value) => ("Await", vec![self.expr(value)]),
            Yield(value) => ("Yield", vec![self.opt(value.as_deref())]),
            YieldFrom(value) => ("YieldFrom", vec![self.expr(value)]),
            NamedExpr { target, value } => {
                let fields = vec![self.name(target.name), op("Store")];
                let target = self.node("Name", fields, target.span);
                ("NamedExpr", vec![target, self.expr(value)])
            }
            ListComp(comp) => ("ListComp", self.comp(comp)),
            SetComp(comp) => ("SetComp", self.comp(comp)),
            DictComp(comp) => ("DictComp", self.comp(comp)),
            GeneratorExp(comp) => ("GeneratorExp", self.comp(comp)),
            // Only lowering makes these.
            Temp(_) => ("Name", vec![Value::str(""), op(context)]),
        };
        self.node(name, fields, expr.span)
    }

    fn comp(&mut self, comp: &Comp) -> Vec<Value> {
        let mut fields = vec![self.expr(&comp.element)];
        if let Some(value) = &comp.value {
            fields.push(self.expr(value));
        }
        let generators = comp.generators.iter().map(|each| {
            let (target, iter) = (self.target(&each.target, "Store"), self.expr(&each.iter));
            bare("comprehension", vec![target, iter, self.exprs(&each.ifs), Value::Int(each.is_async.into())])
        });
        fields.push(list(generators.collect()));
        fields
    }

    fn joined(&mut self, parts: &[FStringPart], span: Span) -> Value {
        let text = self.source.text.clone();
        let part = |from: usize| text.get(from..span.end as usize).unwrap_or_default();
        // Behind the prefix and the quotes, if it is an f-string that comes first.
        let mut inner = span;
        let prefix = part(span.start as usize).find(['"', '\'']).unwrap_or(0);
        if part(span.start as usize)[..prefix].to_ascii_lowercase().contains('f') {
            let quotes = &part(span.start as usize + prefix);
            inner.start +=
                prefix as u32 + if quotes.starts_with("\"\"\"") || quotes.starts_with("'''") { 3 } else { 1 };
        }
        let whole = part(span.start as usize);
        inner.end -= if whole.ends_with("\"\"\"") || whole.ends_with("'''") { 3 } else { 1 };
        let values = self.fstring_parts(parts, inner);
        self.node("JoinedStr", vec![values], span)
    }

    fn fstring_parts(&mut self, parts: &[FStringPart], inner: Span) -> Value {
        let mut values = Vec::new();
        // A text that is not a node yet, and where it begins.
        let mut pending: Option<(String, u32)> = None;
        let mut at = inner.start;
        for part in parts {
            match part {
                FStringPart::Literal(text) => pending.get_or_insert((String::new(), at)).0.push_str(text),
                FStringPart::Field(field) => {
                    let mut end = field.span.start;
                    if let Some(debug) = &field.debug {
                        pending.get_or_insert((String::new(), at)).0.push_str(debug);
                        end = field.span.end - 1;
                    }
                    if let Some((text, start)) = pending.take() {
                        let fields = vec![Value::string(text), Value::None];
                        values.push(self.node("Constant", fields, Span { start, end }));
                    }
                    values.push(self.field(field));
                    at = field.span.end;
                }
            }
        }
        if let Some((text, start)) = pending {
            let fields = vec![Value::string(text), Value::None];
            values.push(self.node("Constant", fields, Span { start, end: inner.end.max(start) }));
        }
        list(values)
    }

    fn field(&mut self, field: &FStringField) -> Value {
        let value = self.expr(&field.value);
        let conversion = match (field.conversion, &field.debug, &field.format_spec) {
            (Some(c), ..) => i64::from(u32::from(c)),
            (None, Some(_), None) => i64::from(b'r'),
            _ => -1,
        };
        let spec = match &field.format_spec {
            None => Value::None,
            Some(parts) => {
                let behind = self.source.text.get(field.value.span.end as usize..field.span.end as usize);
                let colon = behind.and_then(|text| text.find(':')).unwrap_or(0) as u32;
                let span = Span { start: field.value.span.end + colon, end: field.span.end - 1 };
                let inner = Span { start: (span.start + 1).min(span.end), end: span.end };
                let values = self.fstring_parts(parts, inner);
                self.node("JoinedStr", vec![values], span)
            }
        };
        self.node("FormattedValue", vec![value, Value::Int(conversion), spec], field.span)
    }

    fn patterns(&mut self, patterns: &[Pattern]) -> Value {
        list(patterns.iter().map(|pattern| self.pattern(pattern)).collect())
    }

    fn pattern(&mut self, pattern: &Pattern) -> Value {
        let (name, fields) = match &pattern.kind {
            PatternKind::Value(value) => ("MatchValue", vec![self.expr(value)]),
            PatternKind::Singleton(value) => {
                let value = if let ExprKind::Constant(value) = &value.kind { constant(value) } else { Value::None };
                ("MatchSingleton", vec![value])
            }
            PatternKind::Sequence(patterns) => ("MatchSequence", vec![self.patterns(patterns)]),
            PatternKind::Mapping { keys, patterns, rest } => {
                ("MatchMapping", vec![self.exprs(keys), self.patterns(patterns), self.ident(*rest)])
            }
            PatternKind::Class { cls, patterns, kwd_attrs, kwd_patterns } => {
                let (cls, patterns) = (self.expr(cls), self.patterns(patterns));
                let names = list(kwd_attrs.iter().map(|name| self.name(name.name)).collect());
                ("MatchClass", vec![cls, patterns, names, self.patterns(kwd_patterns)])
            }
            PatternKind::Star(name) => ("MatchStar", vec![self.ident(*name)]),
            PatternKind::As { pattern, name } => {
                let inner = pattern.as_ref().map_or(Value::None, |pattern| self.pattern(pattern));
                ("MatchAs", vec![inner, self.ident(*name)])
            }
            PatternKind::Or(patterns) => ("MatchOr", vec![self.patterns(patterns)]),
        };
        self.node(name, fields, pattern.span)
    }
}
