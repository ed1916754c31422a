//! The parts of a node in the order of the text, for walks that need not know every kind of node.

use super::ast::{
    Arg, Comp, ExceptHandler, Expr, ExprKind, FStringField, FStringPart, Ident, MatchCase, Param, Params, Pattern,
    PatternKind, Stmt, StmtKind, TypeParam, TypeParamKind, WithItem,
};

/// The same walk for those who look and for those who change.
macro_rules! walk_of_statements {
    ($Part:ident, $plain_parts:ident $(, $mut:tt)?) => {
        /// A part of a statement.
        pub enum $Part<'a> {
            Expr(&'a $($mut)? Expr),
            /// An expression that is assigned to or deleted.
            Target(&'a $($mut)? Expr),
            Pattern(&'a $($mut)? Pattern),
            Block(&'a $($mut)? [Stmt]),
        }

        /// The parts of a statement that is no definition.
        pub fn $plain_parts<'a>(stmt: &'a $($mut)? Stmt, f: &mut dyn FnMut($Part<'a>)) {
            use $Part::{Block, Expr, Target};
            match & $($mut)? stmt.kind {
                StmtKind::Expr(value) => f(Expr(value)),
                StmtKind::Assign { targets, value } => {
                    f(Expr(value));
                    targets.into_iter().for_each(|target| f(Target(target)));
                }
                StmtKind::AugAssign { target, value, .. } => {
                    f(Target(target));
                    f(Expr(value));
                }
                StmtKind::AnnAssign { target, annotation, value, .. } => {
                    value.into_iter().for_each(|value| f(Expr(value)));
                    f(Target(target));
                    f(Expr(annotation));
                }
                StmtKind::Return(value) => value.into_iter().for_each(|value| f(Expr(value))),
                StmtKind::Delete(targets) => targets.into_iter().for_each(|target| f(Target(target))),
                StmtKind::Raise { exc, cause } => exc.into_iter().chain(cause).for_each(|e| f(Expr(e))),
                StmtKind::Assert { test, msg } => std::iter::once(test).chain(msg).for_each(|e| f(Expr(e))),
                StmtKind::If { test, body, orelse } | StmtKind::While { test, body, orelse } => {
                    f(Expr(test));
                    f(Block(body));
                    f(Block(orelse));
                }
                StmtKind::For { target, iter, body, orelse, .. } => {
                    f(Expr(iter));
                    f(Target(target));
                    f(Block(body));
                    f(Block(orelse));
                }
                StmtKind::Try { body, handlers, orelse, finalbody, .. } => {
                    f(Block(body));
                    for ExceptHandler { kind, body, .. } in handlers {
                        kind.into_iter().for_each(|kind| f(Expr(kind)));
                        f(Block(body));
                    }
                    f(Block(orelse));
                    f(Block(finalbody));
                }
                StmtKind::With { items, body, .. } => {
                    for WithItem { context, target } in items {
                        f(Expr(context));
                        target.into_iter().for_each(|target| f(Target(target)));
                    }
                    f(Block(body));
                }
                StmtKind::Match { subject, cases } => {
                    f(Expr(subject));
                    for MatchCase { pattern, guard, body } in cases {
                        f($Part::Pattern(pattern));
                        guard.into_iter().for_each(|guard| f(Expr(guard)));
                        f(Block(body));
                    }
                }
                StmtKind::FunctionDef(_)
                | StmtKind::ClassDef(_)
                | StmtKind::TypeAlias { .. }
                | StmtKind::Global(_)
                | StmtKind::Nonlocal(_)
                | StmtKind::Pass
                | StmtKind::Break
                | StmtKind::Continue
                | StmtKind::Import(_)
                | StmtKind::ImportFrom { .. } => {}
            }
        }
    };
}

walk_of_statements!(Part, plain_parts);
walk_of_statements!(PartMut, plain_parts_mut, mut);

/// The parts of a statement. Of a function or class these are the decorators, defaults, annotations, arguments and the
/// body, all alike: a walk that cares about scopes handles definitions itself.
pub fn stmt_parts<'a>(stmt: &'a Stmt, f: &mut dyn FnMut(Part<'a>)) {
    match &stmt.kind {
        StmtKind::FunctionDef(def) => {
            def.decorators.iter().for_each(|e| f(Part::Expr(e)));
            type_params(&def.type_params, f);
            params(&def.params, &mut |e| f(Part::Expr(e)));
            def.returns.iter().for_each(|e| f(Part::Expr(e)));
            f(Part::Block(&def.body));
        }
        StmtKind::ClassDef(def) => {
            def.decorators.iter().for_each(|e| f(Part::Expr(e)));
            type_params(&def.type_params, f);
            def.args.iter().for_each(|arg| f(Part::Expr(arg.value())));
            f(Part::Block(&def.body));
        }
        StmtKind::TypeAlias { name, type_params: params, value, .. } => {
            f(Part::Target(name));
            type_params(params, f);
            f(Part::Expr(value));
        }
        _ => plain_parts(stmt, f),
    }
}

fn type_params<'a>(params: &'a [TypeParam], f: &mut dyn FnMut(Part<'a>)) {
    for param in params {
        if let TypeParamKind::TypeVar { bound: Some(bound) } = &param.kind {
            f(Part::Expr(bound));
        }
        param.default.iter().for_each(|default| f(Part::Expr(default)));
    }
}

/// Whether a variable is annotated in a body, the definitions in it aside.
pub fn annotates(body: &[Stmt]) -> bool {
    let mut rest = vec![body];
    while let Some(block) = rest.pop() {
        for stmt in block {
            match &stmt.kind {
                StmtKind::AnnAssign { .. } => return true,
                StmtKind::FunctionDef(_) | StmtKind::ClassDef(_) => {}
                _ => stmt_parts(stmt, &mut |part| {
                    if let Part::Block(block) = part {
                        rest.push(block);
                    }
                }),
            }
        }
    }
    false
}

/// All parameters in the order of their slots.
pub fn all_params(params: &Params) -> impl Iterator<Item = &Param> {
    let Params { posonly, args, vararg, kwonly, kwarg } = params;
    posonly.iter().chain(args).chain(kwonly).chain(vararg).chain(kwarg)
}

/// Defaults and annotations.
fn params<'a>(params: &'a Params, f: &mut dyn FnMut(&'a Expr)) {
    for param in all_params(params) {
        param.default.iter().chain(&param.annotation).for_each(&mut *f);
    }
}

/// The direct parts of an expression, the insides of lambdas and comprehensions among them.
pub fn expr_parts<'a>(expr: &'a Expr, f: &mut dyn FnMut(&'a Expr)) {
    match &expr.kind {
        ExprKind::Lambda(lambda) => {
            params(&lambda.params, f);
            f(&lambda.body);
        }
        ExprKind::ListComp(comp)
        | ExprKind::SetComp(comp)
        | ExprKind::DictComp(comp)
        | ExprKind::GeneratorExp(comp) => comp_parts(comp, f),
        kind => operands(kind, f),
    }
}

/// The same walk for those who look and for those who change.
macro_rules! walk_of_operands {
    ($operands:ident, $fields:ident, $value:ident $(, $mut:tt)?) => {
        /// The operands of an expression: its direct parts that are evaluated where it stands, in that order. Of a generator
        /// expression that is what it goes through first; lambdas and other comprehensions have none.
        pub fn $operands<'a>(kind: &'a $($mut)? ExprKind, f: &mut dyn FnMut(&'a $($mut)? Expr)) {
            match kind {
                ExprKind::Constant(_)
                | ExprKind::Name(_)
                | ExprKind::Temp(_)
                | ExprKind::Lambda(_)
                | ExprKind::ListComp(_)
                | ExprKind::SetComp(_)
                | ExprKind::DictComp(_) => {}
                ExprKind::GeneratorExp(comp) => {
                    if let [first, ..] = & $($mut)? comp.generators[..] {
                        f(& $($mut)? first.iter);
                    }
                }
                ExprKind::JoinedStr(parts) => $fields(parts, f),
                ExprKind::Tuple(items)
                | ExprKind::List(items)
                | ExprKind::Set(items)
                | ExprKind::BoolOp { values: items, .. } => items.into_iter().for_each(f),
                ExprKind::Dict(items) => {
                    for (key, value) in items {
                        key.into_iter().for_each(&mut *f);
                        f(value);
                    }
                }
                ExprKind::Starred(value)
                | ExprKind::UnaryOp { operand: value, .. }
                | ExprKind::Attribute { value, .. }
                | ExprKind::Await(value)
                | ExprKind::YieldFrom(value)
                | ExprKind::NamedExpr { value, .. } => f(value),
                ExprKind::BinOp { first, rest } => {
                    f(first);
                    rest.into_iter().for_each(|(_, e)| f(e));
                }
                ExprKind::Compare { first, rest } => {
                    f(first);
                    rest.into_iter().for_each(|(_, e)| f(e));
                }
                ExprKind::IfExp { test, body, orelse } => [test, body, orelse].into_iter().for_each(|e| f(e)),
                ExprKind::Call { func, args } => {
                    f(func);
                    args.into_iter().map(Arg::$value).for_each(f);
                }
                ExprKind::Subscript { value, index } => [value, index].into_iter().for_each(|e| f(e)),
                ExprKind::Slice { lower, upper, step } => {
                    [lower, upper, step].into_iter().flatten().for_each(|e| f(e));
                }
                ExprKind::Yield(value) => value.into_iter().for_each(|e| f(e)),
            }
        }

        /// The values in the fields of an f-string, those in their format specifications among them.
        pub fn $fields<'a>(parts: &'a $($mut)? [FStringPart], f: &mut dyn FnMut(&'a $($mut)? Expr)) {
            for part in parts {
                if let FStringPart::Field(field) = part {
                    let FStringField { value, format_spec, .. } = & $($mut)? **field;
                    f(value);
                    format_spec.into_iter().for_each(|spec| $fields(spec, f));
                }
            }
        }
    };
}

walk_of_operands!(operands, fields, value);
walk_of_operands!(operands_mut, fields_mut, value_mut, mut);

fn comp_parts<'a>(comp: &'a Comp, f: &mut dyn FnMut(&'a Expr)) {
    for generator in &comp.generators {
        f(&generator.iter);
        f(&generator.target);
        generator.ifs.iter().for_each(&mut *f);
    }
    f(&comp.element);
    comp.value.iter().for_each(f);
}

/// The same walk for those who look and for those who change.
macro_rules! walk_of_patterns {
    ($Part:ident, $parts:ident $(, $mut:tt)?) => {
        /// A part of a pattern.
        pub enum $Part<'a> {
            /// What it compares with.
            Value(&'a $($mut)? Expr),
            /// What it binds.
            Name(&'a $($mut)? Ident),
        }

        /// The parts of a pattern and of those in it.
        pub fn $parts<'a>(pattern: &'a $($mut)? Pattern, f: &mut dyn FnMut($Part<'a>)) {
            match & $($mut)? pattern.kind {
                PatternKind::Value(value) | PatternKind::Singleton(value) => f($Part::Value(value)),
                PatternKind::Sequence(patterns) | PatternKind::Or(patterns) => {
                    patterns.into_iter().for_each(|p| $parts(p, f));
                }
                PatternKind::Mapping { keys, patterns, rest } => {
                    keys.into_iter().for_each(|key| f($Part::Value(key)));
                    patterns.into_iter().for_each(|p| $parts(p, f));
                    rest.into_iter().for_each(|name| f($Part::Name(name)));
                }
                PatternKind::Class { cls, patterns, kwd_patterns, .. } => {
                    f($Part::Value(cls));
                    patterns.into_iter().chain(kwd_patterns).for_each(|p| $parts(p, f));
                }
                PatternKind::Star(name) => name.into_iter().for_each(|name| f($Part::Name(name))),
                PatternKind::As { pattern, name } => {
                    pattern.into_iter().for_each(|p| $parts(p, f));
                    name.into_iter().for_each(|name| f($Part::Name(name)));
                }
            }
        }
    };
}

walk_of_patterns!(PatternPart, pattern_parts);
walk_of_patterns!(PatternPartMut, pattern_parts_mut, mut);
