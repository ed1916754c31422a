//! The tree in the form of Python's `ast.dump(tree, indent=2)`, so that trees can be compared with CPython's.
//!
//! The only things it can't show are the ones the tree doesn't keep: the `u` prefix of strings (`kind`).

use std::cell::Cell;

use super::ast::*;
use crate::source::{Source, Span};
use crate::symbol::{Interner, Symbol};
use crate::text::float::{float_repr, push_repr};
use crate::text::repr::{bytes_repr, str_repr};

/// Deeper parts of a tree, and the rest of longer chains of operators, are not shown.
const MAX_LEVELS: u32 = 200;

/// A value as `ast.dump` sees it.
enum Node {
    /// `repr()` of something that is no node.
    Leaf(String),
    List(Vec<Node>),
    Object(&'static str, Vec<(&'static str, Node)>),
}

/// The context of an expression.
#[derive(Clone, Copy)]
enum Context {
    Load,
    Store,
    Del,
}

/// Dumps a module; with the source, with the places of expressions, statements and patterns too.
pub(super) fn module(module: &Module, interner: &Interner, places: Option<&Source>) -> String {
    let dumper = Dumper { interner, places, level: Cell::new(0) };
    let root = Node::Object("Module", fields([("body", dumper.stmts(&module.body))]));
    let mut out = String::new();
    write(&mut out, &root, 0);
    out
}

/// Whether a value is written on one line.
fn is_simple(node: &Node) -> bool {
    match node {
        Node::Leaf(_) => true,
        Node::List(elements) => elements.is_empty(),
        Node::Object(_, fields) => fields.is_empty(),
    }
}

fn new_line(out: &mut String, level: usize) {
    out.push('\n');
    for _ in 0..level {
        out.push_str("  ");
    }
}

fn write(out: &mut String, node: &Node, level: usize) {
    match node {
        Node::Leaf(text) => out.push_str(text),
        Node::List(elements) if elements.is_empty() => out.push_str("[]"),
        Node::List(elements) => {
            out.push('[');
            for (i, element) in elements.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                new_line(out, level + 1);
                write(out, element, level + 1);
            }
            out.push(']');
        }
        Node::Object(name, fields) => {
            out.push_str(name);
            out.push('(');
            let one_line = fields.len() <= 3 && fields.iter().all(|(_, value)| is_simple(value));
            for (i, (field, value)) in fields.iter().enumerate() {
                match (i, one_line) {
                    (0, true) => {}
                    (_, true) => out.push_str(", "),
                    (0, false) => new_line(out, level + 1),
                    (_, false) => {
                        out.push(',');
                        new_line(out, level + 1);
                    }
                }
                out.push_str(field);
                out.push('=');
                write(out, value, level + 1);
            }
            out.push(')');
        }
    }
}

/// The fields that are shown: not those that are empty.
fn fields<const N: usize>(all: [(&'static str, Option<Node>); N]) -> Vec<(&'static str, Node)> {
    all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

fn list(nodes: Vec<Node>) -> Option<Node> {
    if nodes.is_empty() { None } else { Some(Node::List(nodes)) }
}

fn leaf(text: impl ToString) -> Option<Node> {
    Some(Node::Leaf(text.to_string()))
}

fn bare(name: &'static str) -> Option<Node> {
    Some(Node::Object(name, Vec::new()))
}

struct Dumper<'a> {
    interner: &'a Interner,
    places: Option<&'a Source>,
    level: Cell<u32>,
}

impl Dumper<'_> {
    /// A node that has a place.
    fn placed<const N: usize>(&self, name: &'static str, span: Span, all: [(&'static str, Option<Node>); N]) -> Node {
        let mut shown = fields(all);
        if let Some(source) = self.places {
            let start = (source.line(span.start), span.start);
            let end = (source.line(span.end), span.end);
            let column = |(line, offset): (u32, u32)| offset - source.line_start(line).unwrap_or(0);
            shown.push(("lineno", Node::Leaf(start.0.to_string())));
            shown.push(("col_offset", Node::Leaf(column(start).to_string())));
            shown.push(("end_lineno", Node::Leaf(end.0.to_string())));
            shown.push(("end_col_offset", Node::Leaf(column(end).to_string())));
        }
        Node::Object(name, shown)
    }

    fn symbol(&self, symbol: Symbol) -> Option<Node> {
        leaf(str_repr(self.interner.name(symbol)))
    }

    fn dotted(&self, names: &[Ident]) -> Option<Node> {
        let parts: Vec<&str> = names.iter().map(|name| &**self.interner.name(name.name)).collect();
        if parts.is_empty() { None } else { leaf(str_repr(&parts.join("."))) }
    }

    fn ident(&self, ident: &Option<Ident>) -> Option<Node> {
        ident.and_then(|ident| self.symbol(ident.name))
    }

    fn names(&self, names: &[Ident]) -> Option<Node> {
        list(names.iter().filter_map(|name| self.symbol(name.name)).collect())
    }

    fn stmts(&self, stmts: &[Stmt]) -> Option<Node> {
        list(stmts.iter().map(|stmt| self.stmt(stmt)).collect())
    }

    fn exprs(&self, exprs: &[Expr], context: Context) -> Option<Node> {
        list(exprs.iter().map(|expr| self.expr(expr, context)).collect())
    }

    fn load(&self, expr: &Expr) -> Option<Node> {
        Some(self.expr(expr, Context::Load))
    }

    fn maybe(&self, expr: &Option<Expr>) -> Option<Node> {
        expr.as_ref().and_then(|expr| self.load(expr))
    }

    fn boxed(&self, expr: &Option<Box<Expr>>) -> Option<Node> {
        expr.as_ref().and_then(|expr| self.load(expr))
    }

    fn store(&self, expr: &Expr) -> Option<Node> {
        Some(self.expr(expr, Context::Store))
    }

    /// One level deeper, or an ellipsis.
    fn deeper(&self, node: impl FnOnce() -> Node) -> Node {
        if self.level.get() == MAX_LEVELS {
            return Node::Leaf("...".to_owned());
        }
        self.level.set(self.level.get() + 1);
        let node = node();
        self.level.set(self.level.get() - 1);
        node
    }

    fn stmt(&self, stmt: &Stmt) -> Node {
        self.deeper(|| self.stmt_node(stmt))
    }

    fn expr(&self, expr: &Expr, context: Context) -> Node {
        self.deeper(|| self.expr_node(expr, context))
    }

    fn pattern(&self, pattern: &Pattern) -> Node {
        self.deeper(|| self.pattern_node(pattern))
    }

    fn stmt_node(&self, stmt: &Stmt) -> Node {
        let span = stmt.span;
        match &stmt.kind {
            StmtKind::Expr(value) => self.placed("Expr", span, [("value", self.load(value))]),
            StmtKind::Assign { targets, value } => {
                let targets = self.exprs(targets, Context::Store);
                self.placed("Assign", span, [("targets", targets), ("value", self.load(value))])
            }
            StmtKind::AugAssign { target, op, value } => {
                let op = bare(bin_op(*op));
                self.placed(
                    "AugAssign",
                    span,
                    [("target", self.store(target)), ("op", op), ("value", self.load(value))],
                )
            }
            StmtKind::AnnAssign { target, annotation, value, simple } => self.placed(
                "AnnAssign",
                span,
                [
                    ("target", self.store(target)),
                    ("annotation", self.load(annotation)),
                    ("value", self.maybe(value)),
                    ("simple", leaf(u8::from(*simple))),
                ],
            ),
            StmtKind::Return(value) => self.placed("Return", span, [("value", self.maybe(value))]),
            StmtKind::Delete(targets) => self.placed("Delete", span, [("targets", self.exprs(targets, Context::Del))]),
            StmtKind::Raise { exc, cause } => {
                self.placed("Raise", span, [("exc", self.maybe(exc)), ("cause", self.maybe(cause))])
            }
            StmtKind::Assert { test, msg } => {
                self.placed("Assert", span, [("test", self.load(test)), ("msg", self.maybe(msg))])
            }
            StmtKind::Global(names) => self.placed("Global", span, [("names", self.names(names))]),
            StmtKind::Nonlocal(names) => self.placed("Nonlocal", span, [("names", self.names(names))]),
            StmtKind::Pass => self.placed("Pass", span, []),
            StmtKind::Break => self.placed("Break", span, []),
            StmtKind::Continue => self.placed("Continue", span, []),
            StmtKind::Import(names) => self.placed("Import", span, [("names", self.aliases(names))]),
            StmtKind::ImportFrom { module, names, level } => self.placed(
                "ImportFrom",
                span,
                [("module", self.dotted(module)), ("names", self.aliases(names)), ("level", leaf(level))],
            ),
            StmtKind::TypeAlias { name, type_params, value, .. } => self.placed(
                "TypeAlias",
                span,
                [
                    ("name", self.store(name)),
                    ("type_params", self.type_params(type_params)),
                    ("value", self.load(value)),
                ],
            ),
            _ => self.compound(stmt),
        }
    }

    fn compound(&self, stmt: &Stmt) -> Node {
        let span = stmt.span;
        match &stmt.kind {
            StmtKind::If { test, body, orelse } => self.placed(
                "If",
                span,
                [("test", self.load(test)), ("body", self.stmts(body)), ("orelse", self.stmts(orelse))],
            ),
            StmtKind::While { test, body, orelse } => self.placed(
                "While",
                span,
                [("test", self.load(test)), ("body", self.stmts(body)), ("orelse", self.stmts(orelse))],
            ),
            StmtKind::For { target, iter, body, orelse, is_async } => self.placed(
                if *is_async { "AsyncFor" } else { "For" },
                span,
                [
                    ("target", self.store(target)),
                    ("iter", self.load(iter)),
                    ("body", self.stmts(body)),
                    ("orelse", self.stmts(orelse)),
                ],
            ),
            StmtKind::FunctionDef(def) => self.function(span, def),
            StmtKind::ClassDef(def) => self.class(span, def),
            _ => self.clauses(stmt),
        }
    }

    fn clauses(&self, stmt: &Stmt) -> Node {
        let span = stmt.span;
        match &stmt.kind {
            StmtKind::Try { body, handlers, orelse, finalbody, is_star } => self.placed(
                if *is_star { "TryStar" } else { "Try" },
                span,
                [
                    ("body", self.stmts(body)),
                    ("handlers", list(handlers.iter().map(|handler| self.handler(handler)).collect())),
                    ("orelse", self.stmts(orelse)),
                    ("finalbody", self.stmts(finalbody)),
                ],
            ),
            StmtKind::With { items, body, is_async } => {
                let items = items.iter().map(|item| {
                    let target = item.target.as_ref().and_then(|target| self.store(target));
                    let all = [("context_expr", self.load(&item.context)), ("optional_vars", target)];
                    Node::Object("withitem", fields(all))
                });
                let name = if *is_async { "AsyncWith" } else { "With" };
                self.placed(name, span, [("items", list(items.collect())), ("body", self.stmts(body))])
            }
            StmtKind::Match { subject, cases } => {
                let cases = cases.iter().map(|case| {
                    let all = [
                        ("pattern", Some(self.pattern(&case.pattern))),
                        ("guard", self.maybe(&case.guard)),
                        ("body", self.stmts(&case.body)),
                    ];
                    Node::Object("match_case", fields(all))
                });
                self.placed("Match", span, [("subject", self.load(subject)), ("cases", list(cases.collect()))])
            }
            _ => unreachable!("all other statements have been seen to"),
        }
    }

    fn function(&self, span: Span, def: &FunctionDef) -> Node {
        self.placed(
            if def.is_async { "AsyncFunctionDef" } else { "FunctionDef" },
            span,
            [
                ("name", self.symbol(def.name.name)),
                ("args", Some(self.params(&def.params))),
                ("body", self.stmts(&def.body)),
                ("decorator_list", self.exprs(&def.decorators, Context::Load)),
                ("returns", self.maybe(&def.returns)),
                ("type_params", self.type_params(&def.type_params)),
            ],
        )
    }

    fn class(&self, span: Span, def: &ClassDef) -> Node {
        let (bases, keywords) = self.args(&def.args);
        self.placed(
            "ClassDef",
            span,
            [
                ("name", self.symbol(def.name.name)),
                ("bases", bases),
                ("keywords", keywords),
                ("body", self.stmts(&def.body)),
                ("decorator_list", self.exprs(&def.decorators, Context::Load)),
                ("type_params", self.type_params(&def.type_params)),
            ],
        )
    }

    fn aliases(&self, names: &[Alias]) -> Option<Node> {
        let alias = |alias: &Alias| {
            let all = [("name", self.dotted(&alias.name)), ("asname", self.ident(&alias.asname))];
            self.placed("alias", alias.span, all)
        };
        list(names.iter().map(alias).collect())
    }

    fn handler(&self, handler: &ExceptHandler) -> Node {
        let all = [
            ("type", self.maybe(&handler.kind)),
            ("name", self.ident(&handler.name)),
            ("body", self.stmts(&handler.body)),
        ];
        self.placed("ExceptHandler", handler.span, all)
    }

    fn params(&self, params: &Params) -> Node {
        let arg = |param: &Param| {
            let all = [("arg", self.symbol(param.name.name)), ("annotation", self.maybe(&param.annotation))];
            Node::Object("arg", fields(all))
        };
        let args = |params: &[Param]| list(params.iter().map(arg).collect());
        let kw_defaults = params.kwonly.iter().map(|param| match &param.default {
            Some(default) => self.expr(default, Context::Load),
            None => Node::Leaf("None".to_owned()),
        });
        let with_default = params.posonly.iter().chain(&params.args);
        let defaults = with_default.filter_map(|param| self.maybe(&param.default));
        let all = [
            ("posonlyargs", args(&params.posonly)),
            ("args", args(&params.args)),
            ("vararg", params.vararg.as_ref().map(arg)),
            ("kwonlyargs", args(&params.kwonly)),
            ("kw_defaults", list(kw_defaults.collect())),
            ("kwarg", params.kwarg.as_ref().map(arg)),
            ("defaults", list(defaults.collect())),
        ];
        Node::Object("arguments", fields(all))
    }

    fn type_params(&self, params: &[TypeParam]) -> Option<Node> {
        let param = |param: &TypeParam| {
            let name = ("name", self.symbol(param.name.name));
            let default = ("default_value", self.maybe(&param.default));
            match &param.kind {
                TypeParamKind::TypeVar { bound } => {
                    Node::Object("TypeVar", fields([name, ("bound", self.maybe(bound)), default]))
                }
                TypeParamKind::TypeVarTuple => Node::Object("TypeVarTuple", fields([name, default])),
                TypeParamKind::ParamSpec => Node::Object("ParamSpec", fields([name, default])),
            }
        };
        list(params.iter().map(param).collect())
    }

    /// Positional arguments and keywords.
    fn args(&self, args: &[Arg]) -> (Option<Node>, Option<Node>) {
        let (mut positional, mut keywords) = (Vec::new(), Vec::new());
        for arg in args {
            match arg {
                Arg::Positional(value) => positional.push(self.expr(value, Context::Load)),
                Arg::Star(value, span) => {
                    let all = [("value", self.load(value)), ("ctx", bare("Load"))];
                    positional.push(self.placed("Starred", *span, all));
                }
                Arg::Keyword(name, value) => {
                    let all = [("arg", self.symbol(name.name)), ("value", self.load(value))];
                    keywords.push(Node::Object("keyword", fields(all)));
                }
                Arg::DoubleStar(value, _) => {
                    keywords.push(Node::Object("keyword", fields([("value", self.load(value))])));
                }
            }
        }
        (list(positional), list(keywords))
    }

    /// An expression's node; the kinds are spread over several functions to keep the native stack of each small.
    fn expr_node(&self, expr: &Expr, context: Context) -> Node {
        let span = expr.span;
        match &expr.kind {
            ExprKind::Constant(value) => self.placed("Constant", span, [("value", leaf(constant(value)))]),
            ExprKind::Name(name) => self.name(*name, span, context),
            ExprKind::Tuple(elements) => self.elements("Tuple", span, elements, context),
            ExprKind::List(elements) => self.elements("List", span, elements, context),
            ExprKind::Set(elements) => self.one("Set", span, "elts", self.exprs(elements, Context::Load)),
            ExprKind::JoinedStr(parts) => self.one("JoinedStr", span, "values", self.joined_values(parts)),
            ExprKind::Await(value) => self.one("Await", span, "value", self.load(value)),
            ExprKind::Yield(value) => self.one("Yield", span, "value", self.boxed(value)),
            ExprKind::YieldFrom(value) => self.one("YieldFrom", span, "value", self.load(value)),
            ExprKind::Dict(items) => self.dict(span, items),
            ExprKind::BinOp { first, rest } => self.chain(span, first, rest),
            ExprKind::BoolOp { .. } | ExprKind::UnaryOp { .. } | ExprKind::Compare { .. } => self.operator(expr),
            ExprKind::Starred(_)
            | ExprKind::Call { .. }
            | ExprKind::Attribute { .. }
            | ExprKind::Subscript { .. }
            | ExprKind::Slice { .. } => self.trailer(expr, context),
            ExprKind::ListComp(comp) => self.comp("ListComp", span, comp),
            ExprKind::SetComp(comp) => self.comp("SetComp", span, comp),
            ExprKind::DictComp(comp) => self.comp("DictComp", span, comp),
            ExprKind::GeneratorExp(comp) => self.comp("GeneratorExp", span, comp),
            ExprKind::Lambda(_) | ExprKind::IfExp { .. } | ExprKind::NamedExpr { .. } | ExprKind::Temp(_) => {
                self.right_nested(expr)
            }
        }
    }

    fn name(&self, name: Symbol, span: Span, context: Context) -> Node {
        self.placed("Name", span, [("id", self.symbol(name)), ("ctx", bare(context_name(context)))])
    }

    fn one(&self, name: &'static str, span: Span, field: &'static str, value: Option<Node>) -> Node {
        self.placed(name, span, [(field, value)])
    }

    fn elements(&self, name: &'static str, span: Span, elements: &[Expr], context: Context) -> Node {
        let all = [("elts", self.exprs(elements, context)), ("ctx", bare(context_name(context)))];
        self.placed(name, span, all)
    }

    fn dict(&self, span: Span, items: &[(Option<Expr>, Expr)]) -> Node {
        let key = |key: &Option<Expr>| match key {
            Some(key) => self.expr(key, Context::Load),
            None => Node::Leaf("None".to_owned()),
        };
        let keys = list(items.iter().map(|(k, _)| key(k)).collect());
        let values = list(items.iter().map(|(_, v)| self.expr(v, Context::Load)).collect());
        self.placed("Dict", span, [("keys", keys), ("values", values)])
    }

    fn operator(&self, expr: &Expr) -> Node {
        match &expr.kind {
            ExprKind::BoolOp { op, values } => {
                let op = bare(if *op == BoolOp::And { "And" } else { "Or" });
                self.placed("BoolOp", expr.span, [("op", op), ("values", self.exprs(values, Context::Load))])
            }
            ExprKind::UnaryOp { op, operand } => {
                let op = bare(match op {
                    UnaryOp::Not => "Not",
                    UnaryOp::Neg => "USub",
                    UnaryOp::Pos => "UAdd",
                    UnaryOp::Invert => "Invert",
                });
                self.placed("UnaryOp", expr.span, [("op", op), ("operand", self.load(operand))])
            }
            ExprKind::Compare { first, rest } => {
                let ops = list(rest.iter().filter_map(|(op, _)| bare(cmp_op(*op))).collect());
                let comparators = list(rest.iter().map(|(_, value)| self.expr(value, Context::Load)).collect());
                let all = [("left", self.load(first)), ("ops", ops), ("comparators", comparators)];
                self.placed("Compare", expr.span, all)
            }
            _ => unreachable!("called for operators"),
        }
    }

    fn trailer(&self, expr: &Expr, context: Context) -> Node {
        let span = expr.span;
        let ctx = ("ctx", bare(context_name(context)));
        match &expr.kind {
            ExprKind::Starred(value) => self.placed("Starred", span, [("value", Some(self.expr(value, context))), ctx]),
            ExprKind::Call { func, args } => self.call(span, func, args),
            ExprKind::Attribute { value, attr } => {
                self.placed("Attribute", span, [("value", self.load(value)), ("attr", self.symbol(attr.name)), ctx])
            }
            ExprKind::Subscript { value, index } => {
                self.placed("Subscript", span, [("value", self.load(value)), ("slice", self.load(index)), ctx])
            }
            ExprKind::Slice { lower, upper, step } => self.placed(
                "Slice",
                span,
                [("lower", self.boxed(lower)), ("upper", self.boxed(upper)), ("step", self.boxed(step))],
            ),
            _ => unreachable!("called for what follows an operand"),
        }
    }

    fn call(&self, span: Span, func: &Expr, args: &[Arg]) -> Node {
        let (args, keywords) = self.args(args);
        self.placed("Call", span, [("func", self.load(func)), ("args", args), ("keywords", keywords)])
    }

    fn right_nested(&self, expr: &Expr) -> Node {
        let span = expr.span;
        match &expr.kind {
            ExprKind::Lambda(lambda) => {
                let all = [("args", Some(self.params(&lambda.params))), ("body", self.load(&lambda.body))];
                self.placed("Lambda", span, all)
            }
            ExprKind::IfExp { test, body, orelse } => {
                let all = [("test", self.load(test)), ("body", self.load(body)), ("orelse", self.load(orelse))];
                self.placed("IfExp", span, all)
            }
            ExprKind::NamedExpr { target, value } => {
                let target = self.name(target.name, target.span, Context::Store);
                self.placed("NamedExpr", span, [("target", Some(target)), ("value", self.load(value))])
            }
            ExprKind::Temp(slot) => self.placed("Temp", span, [("slot", leaf(slot))]),
            _ => unreachable!("called for these kinds only"),
        }
    }

    /// A flat chain of operators, nested to the left as CPython has it.
    fn chain(&self, span: Span, first: &Expr, rest: &[(BinOp, Expr)]) -> Node {
        let mut left = self.expr(first, Context::Load);
        for (i, (op, right)) in rest.iter().take(MAX_LEVELS as usize).enumerate() {
            let end = match (rest.get(i + 1), self.places) {
                (Some((_, next)), Some(source)) => operand_end(&source.text, right.span, next.span),
                _ => span.end,
            };
            let all = [("left", Some(left)), ("op", bare(bin_op(*op))), ("right", self.load(right))];
            left = self.placed("BinOp", Span { end, ..span }, all);
        }
        left
    }

    fn comp(&self, name: &'static str, span: Span, comp: &Comp) -> Node {
        let generators = comp.generators.iter().map(|clause| {
            let all = [
                ("target", self.store(&clause.target)),
                ("iter", self.load(&clause.iter)),
                ("ifs", self.exprs(&clause.ifs, Context::Load)),
                ("is_async", leaf(u8::from(clause.is_async))),
            ];
            Node::Object("comprehension", fields(all))
        });
        let element = if comp.value.is_some() { "key" } else { "elt" };
        let all = [
            (element, self.load(&comp.element)),
            ("value", self.maybe(&comp.value)),
            ("generators", list(generators.collect())),
        ];
        self.placed(name, span, all)
    }

    /// The parts of an f-string, literal text (that shown before a value included) joined.
    fn joined_values(&self, parts: &[FStringPart]) -> Option<Node> {
        let mut nodes = Vec::new();
        let mut text = String::new();
        let flush = |text: &mut String, nodes: &mut Vec<Node>| {
            if !text.is_empty() {
                nodes.push(Node::Object("Constant", fields([("value", leaf(str_repr(text)))])));
                text.clear();
            }
        };
        for part in parts {
            match part {
                FStringPart::Literal(literal) => text.push_str(literal),
                FStringPart::Field(field) => {
                    if let Some(debug) = &field.debug {
                        text.push_str(debug);
                    }
                    flush(&mut text, &mut nodes);
                    let conversion = match (field.conversion, &field.debug, &field.format_spec) {
                        (Some(conversion), _, _) => conversion as i32,
                        (None, Some(_), None) => 'r' as i32,
                        _ => -1,
                    };
                    let spec = field
                        .format_spec
                        .as_ref()
                        .map(|parts| Node::Object("JoinedStr", fields([("values", self.joined_values(parts))])));
                    let all =
                        [("value", self.load(&field.value)), ("conversion", leaf(conversion)), ("format_spec", spec)];
                    nodes.push(self.placed("FormattedValue", field.span, all));
                }
            }
        }
        flush(&mut text, &mut nodes);
        list(nodes)
    }

    fn pattern_node(&self, pattern: &Pattern) -> Node {
        let patterns = |patterns: &[Pattern]| list(patterns.iter().map(|pattern| self.pattern(pattern)).collect());
        let span = pattern.span;
        match &pattern.kind {
            PatternKind::Value(value) => self.placed("MatchValue", span, [("value", self.load(value))]),
            PatternKind::Singleton(value) => {
                let value = match &value.kind {
                    ExprKind::Constant(value) => leaf(constant(value)),
                    _ => None,
                };
                self.placed("MatchSingleton", span, [("value", value)])
            }
            PatternKind::Sequence(elements) => self.placed("MatchSequence", span, [("patterns", patterns(elements))]),
            PatternKind::Mapping { keys, patterns: values, rest } => self.placed(
                "MatchMapping",
                span,
                [("keys", self.exprs(keys, Context::Load)), ("patterns", patterns(values)), ("rest", self.ident(rest))],
            ),
            PatternKind::Class { cls, patterns: positional, kwd_attrs, kwd_patterns } => self.placed(
                "MatchClass",
                span,
                [
                    ("cls", self.load(cls)),
                    ("patterns", patterns(positional)),
                    ("kwd_attrs", self.names(kwd_attrs)),
                    ("kwd_patterns", patterns(kwd_patterns)),
                ],
            ),
            PatternKind::Star(name) => self.placed("MatchStar", span, [("name", self.ident(name))]),
            PatternKind::As { pattern, name } => {
                let inner = pattern.as_ref().map(|pattern| self.pattern(pattern));
                self.placed("MatchAs", span, [("pattern", inner), ("name", self.ident(name))])
            }
            PatternKind::Or(alternatives) => self.placed("MatchOr", span, [("patterns", patterns(alternatives))]),
        }
    }
}

/// Where an operand of a chain ends, the parentheses around it included: what follows it is its closing parentheses,
/// then the operator, then the `next` operand.
pub fn operand_end(text: &str, operand: Span, next: Span) -> u32 {
    let gap = &text.as_bytes()[operand.end as usize..next.start as usize];
    let mut end = operand.end;
    let mut i = 0;
    while let Some(&byte) = gap.get(i) {
        match byte {
            b')' => end = operand.end + i as u32 + 1,
            b'#' => i += gap[i..].iter().take_while(|b| !matches!(b, b'\n' | b'\r')).count(),
            b' ' | b'\t' | b'\n' | b'\r' | b'\x0c' | b'\\' => {}
            _ => break,
        }
        i += 1;
    }
    end
}

fn context_name(context: Context) -> &'static str {
    match context {
        Context::Load => "Load",
        Context::Store => "Store",
        Context::Del => "Del",
    }
}

fn bin_op(op: BinOp) -> &'static str {
    match op {
        BinOp::Add => "Add",
        BinOp::Sub => "Sub",
        BinOp::Mul => "Mult",
        BinOp::MatMul => "MatMult",
        BinOp::Div => "Div",
        BinOp::FloorDiv => "FloorDiv",
        BinOp::Mod => "Mod",
        BinOp::Pow => "Pow",
        BinOp::LShift => "LShift",
        BinOp::RShift => "RShift",
        BinOp::BitAnd => "BitAnd",
        BinOp::BitXor => "BitXor",
        BinOp::BitOr => "BitOr",
    }
}

fn cmp_op(op: CmpOp) -> &'static str {
    match op {
        CmpOp::Eq => "Eq",
        CmpOp::NotEq => "NotEq",
        CmpOp::Lt => "Lt",
        CmpOp::LtE => "LtE",
        CmpOp::Gt => "Gt",
        CmpOp::GtE => "GtE",
        CmpOp::Is => "Is",
        CmpOp::IsNot => "IsNot",
        CmpOp::In => "In",
        CmpOp::NotIn => "NotIn",
    }
}

/// `repr()` of a constant.
fn constant(value: &Constant) -> String {
    match value {
        Constant::None => "None".to_owned(),
        Constant::True => "True".to_owned(),
        Constant::False => "False".to_owned(),
        Constant::Ellipsis => "Ellipsis".to_owned(),
        Constant::Int(value) => value.to_string(),
        Constant::BigInt(value) => value.to_string(),
        Constant::Float(value) => float_repr(*value),
        Constant::Imaginary(value) => {
            let mut text = String::new();
            push_repr(&mut text, *value, false);
            text.push('j');
            text
        }
        Constant::Str(text) => str_repr(text),
        Constant::Bytes(bytes) => bytes_repr(bytes),
    }
}
