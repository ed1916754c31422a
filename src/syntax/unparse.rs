//! Tree to text, in the one way that CPython writes an annotation that is not evaluated.
//!
//! Parentheses stand where the level of what is written is below the level its place asks for, as the grammar has them.
//! *Invariant*: names are taken from the source, since the resolver may have mangled those in the tree.

use std::fmt::Write as _;

use super::ast::{Arg, BinOp, BoolOp, Comp, Constant, Expr, ExprKind, FStringPart, Params, UnaryOp};
use crate::source::Span;
use crate::text::{float, repr};

/// How tightly an expression holds together.
type Level = u8;
const TUPLE: Level = 0;
const TEST: Level = 1;
const OR: Level = 2;
const NOT: Level = 4;
const COMPARE: Level = 5;
const OPERATOR: Level = 6;
const FACTOR: Level = 13;
const POWER: Level = 14;
const AWAIT: Level = 15;
const ATOM: Level = 16;

/// The text of an expression, from the tree that was made of `source`.
pub fn unparse(source: &str, e: &Expr) -> String {
    let mut writer = Writer { source, out: String::new() };
    writer.expr(e, TEST);
    writer.out
}

struct Writer<'a> {
    source: &'a str,
    out: String,
}

impl Writer<'_> {
    fn name(&mut self, span: Span) {
        self.out.push_str(self.source.get(span.range()).unwrap_or_default());
    }

    fn listed<'a>(&mut self, items: impl IntoIterator<Item = &'a Expr>, separator: &str, level: Level) {
        for (at, item) in items.into_iter().enumerate() {
            self.out.push_str(if at > 0 { separator } else { "" });
            self.expr(item, level);
        }
    }

    fn within(&mut self, level: Level, place: Level, write: impl FnOnce(&mut Self)) {
        let (open, close) = if level < place { ("(", ")") } else { ("", "") };
        self.out.push_str(open);
        write(self);
        self.out.push_str(close);
    }

    fn prefixed(&mut self, prefix: &str, e: &Expr, level: Level) {
        self.out.push_str(prefix);
        self.expr(e, level);
    }

    fn expr(&mut self, e: &Expr, place: Level) {
        match &e.kind {
            ExprKind::Constant(constant) => self.constant(constant),
            ExprKind::Name(_) => self.name(e.span),
            ExprKind::JoinedStr(parts) => {
                let mut inner = Writer { source: self.source, out: String::new() };
                inner.parts(parts);
                self.out.push('f');
                self.out.push_str(&repr::str_repr(&inner.out));
            }
            ExprKind::Tuple(items) if items.is_empty() => self.out.push_str("()"),
            ExprKind::Tuple(items) => self.within(TUPLE, place, |w| {
                w.listed(items, ", ", TEST);
                w.out.push_str(if items.len() == 1 { "," } else { "" });
            }),
            ExprKind::List(items) => {
                self.out.push('[');
                self.listed(items, ", ", TEST);
                self.out.push(']');
            }
            ExprKind::Set(items) => {
                self.out.push('{');
                self.listed(items, ", ", TEST);
                self.out.push('}');
            }
            ExprKind::Dict(pairs) => {
                self.out.push('{');
                for (at, (key, value)) in pairs.iter().enumerate() {
                    self.out.push_str(if at > 0 { ", " } else { "" });
                    match key {
                        Some(key) => {
                            self.expr(key, TEST);
                            self.prefixed(": ", value, TEST);
                        }
                        None => self.prefixed("**", value, OPERATOR),
                    }
                }
                self.out.push('}');
            }
            ExprKind::Starred(value) => self.prefixed("*", value, OPERATOR),
            ExprKind::BoolOp { op, values } => {
                let (level, sign) = if *op == BoolOp::Or { (OR, " or ") } else { (OR + 1, " and ") };
                self.within(level, place, |w| w.listed(values, sign, level + 1));
            }
            ExprKind::BinOp { first, rest } => {
                let level = rest.first().map_or(ATOM, |(op, _)| level_of(*op));
                // A power holds to the right, all else to the left.
                let right = u8::from(level != POWER);
                self.within(level, place, |w| {
                    w.expr(first, level + 1 - right);
                    for (op, operand) in rest {
                        let _ = write!(w.out, " {} ", op.sign());
                        w.expr(operand, level + right);
                    }
                });
            }
            ExprKind::UnaryOp { op, operand } => {
                let (level, sign) = match op {
                    UnaryOp::Not => (NOT, "not "),
                    UnaryOp::Neg => (FACTOR, "-"),
                    UnaryOp::Pos => (FACTOR, "+"),
                    UnaryOp::Invert => (FACTOR, "~"),
                };
                self.within(level, place, |w| w.prefixed(sign, operand, level));
            }
            ExprKind::Compare { first, rest } => self.within(COMPARE, place, |w| {
                w.expr(first, COMPARE + 1);
                for (op, operand) in rest {
                    let _ = write!(w.out, " {} ", op.sign());
                    w.expr(operand, COMPARE + 1);
                }
            }),
            ExprKind::Lambda(lambda) => self.within(TEST, place, |w| {
                w.out.push_str("lambda");
                w.params(&lambda.params);
                w.prefixed(": ", &lambda.body, TEST);
            }),
            ExprKind::IfExp { test, body, orelse } => self.within(TEST, place, |w| {
                w.expr(body, TEST + 1);
                w.prefixed(" if ", test, TEST + 1);
                w.prefixed(" else ", orelse, TEST);
            }),
            ExprKind::Call { func, args } => {
                self.expr(func, ATOM);
                match &args[..] {
                    [Arg::Positional(Expr { kind: ExprKind::GeneratorExp(comp), .. })] => self.comp("(", comp, ")"),
                    _ => self.args(args),
                }
            }
            ExprKind::Attribute { value, attr } => {
                self.expr(value, ATOM);
                let number = matches!(value.kind, ExprKind::Constant(Constant::Int(_) | Constant::BigInt(_)));
                self.out.push_str(if number { " ." } else { "." });
                self.name(attr.span);
            }
            ExprKind::Subscript { value, index } => {
                self.expr(value, ATOM);
                self.out.push('[');
                self.expr(index, TUPLE);
                self.out.push(']');
            }
            ExprKind::Slice { lower, upper, step } => {
                for (sign, part) in [("", lower), (":", upper)] {
                    self.out.push_str(sign);
                    part.iter().for_each(|part| self.expr(part, TEST));
                }
                step.iter().for_each(|step| self.prefixed(":", step, TEST));
            }
            ExprKind::Await(value) => self.within(AWAIT, place, |w| w.prefixed("await ", value, ATOM)),
            ExprKind::Yield(None) => self.out.push_str("(yield)"),
            ExprKind::Yield(Some(value)) => self.within(TUPLE, ATOM, |w| w.prefixed("yield ", value, TEST)),
            ExprKind::YieldFrom(value) => self.within(TUPLE, ATOM, |w| w.prefixed("yield from ", value, TEST)),
            ExprKind::NamedExpr { target, value } => self.within(TUPLE, place.max(TEST), |w| {
                w.name(target.span);
                w.prefixed(" := ", value, ATOM);
            }),
            ExprKind::ListComp(comp) => self.comp("[", comp, "]"),
            ExprKind::SetComp(comp) | ExprKind::DictComp(comp) => self.comp("{", comp, "}"),
            ExprKind::GeneratorExp(comp) => self.comp("(", comp, ")"),
            ExprKind::Temp(_) => {}
        }
    }

    fn constant(&mut self, constant: &Constant) {
        let number = |x: f64| if x.is_infinite() { "1e309".to_owned() } else { float::float_repr(x) };
        let text = match constant {
            Constant::None => "None".to_owned(),
            Constant::True => "True".to_owned(),
            Constant::False => "False".to_owned(),
            Constant::Ellipsis => "...".to_owned(),
            Constant::Int(n) => n.to_string(),
            Constant::BigInt(n) => n.to_string(),
            Constant::Float(x) => number(*x),
            Constant::Imaginary(x) => format!("{}j", number(*x).trim_end_matches(".0")),
            Constant::Str(text) => repr::str_repr(text),
            Constant::Bytes(bytes) => repr::bytes_repr(bytes),
        };
        self.out.push_str(&text);
    }

    fn parts(&mut self, parts: &[FStringPart]) {
        for part in parts {
            match part {
                FStringPart::Literal(text) => self.out.push_str(&text.replace('{', "{{").replace('}', "}}")),
                FStringPart::Field(field) => {
                    self.out.push_str(field.debug.as_deref().unwrap_or_default());
                    let mut value = Writer { source: self.source, out: String::new() };
                    value.expr(&field.value, TEST + 1);
                    self.out.push_str(if value.out.starts_with('{') { "{ " } else { "{" });
                    self.out.push_str(&value.out);
                    let shown = if field.debug.is_some() && field.format_spec.is_none() { Some('r') } else { None };
                    if let Some(conversion) = field.conversion.or(shown) {
                        self.out.extend(['!', conversion]);
                    }
                    if let Some(spec) = &field.format_spec {
                        self.out.push(':');
                        self.parts(spec);
                    }
                    self.out.push('}');
                }
            }
        }
    }

    fn params(&mut self, params: &Params) {
        let Params { posonly, args, vararg, kwonly, kwarg } = params;
        // CPython leaves no blank in front of a star.
        let mut separator = if posonly.is_empty() && args.is_empty() { "" } else { " " };
        let mut each = |w: &mut Self, star: &str, name: Option<Span>, default: Option<&Expr>| {
            w.out.push_str(std::mem::replace(&mut separator, ", "));
            w.out.push_str(star);
            name.into_iter().for_each(|name| w.name(name));
            default.into_iter().for_each(|default| w.prefixed("=", default, TEST));
        };
        for param in posonly {
            each(self, "", Some(param.name.span), param.default.as_ref());
        }
        if !posonly.is_empty() {
            each(self, "/", None, None);
        }
        for param in args {
            each(self, "", Some(param.name.span), param.default.as_ref());
        }
        if vararg.is_some() || !kwonly.is_empty() {
            each(self, "*", vararg.as_ref().map(|param| param.name.span), None);
        }
        for param in kwonly {
            each(self, "", Some(param.name.span), param.default.as_ref());
        }
        if let Some(param) = kwarg {
            each(self, "**", Some(param.name.span), None);
        }
    }

    /// The arguments by position before those by name.
    fn args(&mut self, args: &[Arg]) {
        let by_name = |arg: &&Arg| matches!(arg, Arg::Keyword(..) | Arg::DoubleStar(..));
        self.out.push('(');
        let sorted = args.iter().filter(|arg| !by_name(arg)).chain(args.iter().filter(by_name));
        for (at, arg) in sorted.enumerate() {
            self.out.push_str(if at > 0 { ", " } else { "" });
            match arg {
                Arg::Positional(value) => self.expr(value, TEST),
                Arg::Star(value, _) => self.prefixed("*", value, OPERATOR),
                Arg::Keyword(name, value) => {
                    self.name(name.span);
                    self.prefixed("=", value, TEST);
                }
                Arg::DoubleStar(value, _) => self.prefixed("**", value, TEST),
            }
        }
        self.out.push(')');
    }

    fn comp(&mut self, open: &str, comp: &Comp, close: &str) {
        self.prefixed(open, &comp.element, TEST);
        comp.value.iter().for_each(|value| self.prefixed(": ", value, TEST));
        for part in &comp.generators {
            self.prefixed(if part.is_async { " async for " } else { " for " }, &part.target, TUPLE);
            self.prefixed(" in ", &part.iter, TEST + 1);
            part.ifs.iter().for_each(|condition| self.prefixed(" if ", condition, TEST + 1));
        }
        self.out.push_str(close);
    }
}

fn level_of(op: BinOp) -> Level {
    match op {
        BinOp::BitOr => OPERATOR + 1,
        BinOp::BitXor => OPERATOR + 2,
        BinOp::BitAnd => OPERATOR + 3,
        BinOp::LShift | BinOp::RShift => OPERATOR + 4,
        BinOp::Add | BinOp::Sub => OPERATOR + 5,
        BinOp::Mul | BinOp::MatMul | BinOp::Div | BinOp::FloorDiv | BinOp::Mod => OPERATOR + 6,
        BinOp::Pow => POWER,
    }
}
