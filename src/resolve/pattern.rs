//! The second walk, through the patterns of `match`.

use std::collections::HashSet;

use num_bigint::BigInt;
use num_traits::{FromPrimitive, ToPrimitive};

use super::prelude::*;
use crate::syntax::ast::{BinOp, Constant, Ident, Pattern, PatternKind, UnaryOp};
use crate::text::complex::complex_repr;
use crate::text::float::float_repr;
use crate::text::repr::{bytes_repr, str_repr};

use super::check::Checker;

/// The names that a pattern binds, in order.
#[derive(Default)]
struct Captures {
    order: Vec<Symbol>,
    known: HashSet<Symbol, foldhash::fast::FixedState>,
}

impl Captures {
    fn add(&mut self, name: Symbol) -> bool {
        let new = self.known.insert(name);
        if new {
            self.order.push(name);
        }
        new
    }
}

impl Checker<'_> {
    /// `irrefutable`: whether the pattern of this case may match everything.
    pub(super) fn case_pattern(&mut self, pattern: &Pattern, irrefutable: bool) {
        self.pattern(pattern, irrefutable, &mut Captures::default());
    }

    fn pattern(&mut self, pattern: &Pattern, irrefutable: bool, captures: &mut Captures) {
        let span = pattern.span;
        match &pattern.kind {
            PatternKind::Value(value) | PatternKind::Singleton(value) => {
                if matches!(value.kind, ExprKind::JoinedStr(_)) {
                    self.error("patterns may only match literals and attribute lookups", span);
                }
                self.expr(value);
            }
            PatternKind::Sequence(patterns) => {
                if patterns.iter().filter(|pattern| matches!(pattern.kind, PatternKind::Star(_))).count() > 1 {
                    self.error("multiple starred names in sequence pattern", span);
                }
                self.subpatterns(patterns, captures);
            }
            PatternKind::Mapping { keys, patterns, rest } => {
                if keys.iter().any(|key| matches!(key.kind, ExprKind::JoinedStr(_))) {
                    self.error("mapping pattern keys may only match literals and attribute lookups", span);
                }
                self.mapping_keys(keys, span);
                self.subpatterns(patterns, captures);
                self.capture(rest.as_ref(), span, captures);
            }
            PatternKind::Class { cls, patterns, kwd_attrs, kwd_patterns } => {
                self.class_attributes(kwd_attrs, kwd_patterns);
                self.expr(cls);
                self.subpatterns(patterns, captures);
                self.subpatterns(kwd_patterns, captures);
            }
            PatternKind::Star(name) => self.capture(name.as_ref(), span, captures),
            PatternKind::As { pattern: None, name } => {
                match name {
                    _ if irrefutable => {}
                    Some(name) => {
                        let name = self.interner.name(name.name);
                        self.error(format!("name capture '{name}' makes remaining patterns unreachable"), span);
                    }
                    None => self.error("wildcard makes remaining patterns unreachable", span),
                }
                self.capture(name.as_ref(), span, captures);
            }
            PatternKind::As { pattern: Some(inner), name } => {
                self.pattern(inner, irrefutable, captures);
                self.capture(name.as_ref(), span, captures);
            }
            PatternKind::Or(alternatives) => self.alternatives(alternatives, irrefutable, span, captures),
        }
    }

    fn subpatterns(&mut self, patterns: &[Pattern], captures: &mut Captures) {
        for pattern in patterns {
            self.pattern(pattern, true, captures);
        }
    }

    fn capture(&mut self, name: Option<&Ident>, span: Span, captures: &mut Captures) {
        let Some(name) = name else { return };
        self.store(name.name, span);
        self.add_capture(name.name, span, captures);
    }

    fn add_capture(&mut self, name: Symbol, span: Span, captures: &mut Captures) {
        if !captures.add(name) {
            let name = self.interner.name(name);
            self.error(format!("multiple assignments to name '{name}' in pattern"), span);
        }
    }

    fn alternatives(&mut self, alternatives: &[Pattern], irrefutable: bool, span: Span, captures: &mut Captures) {
        let mut first: Option<Captures> = None;
        for (i, alternative) in alternatives.iter().enumerate() {
            let mut own = Captures::default();
            self.pattern(alternative, irrefutable && i + 1 == alternatives.len(), &mut own);
            match &first {
                Some(first) if first.known != own.known => {
                    self.error("alternative patterns bind different names", span);
                }
                Some(_) => {}
                None => first = Some(own),
            }
        }
        for name in first.unwrap_or_default().order {
            self.add_capture(name, span, captures);
        }
    }

    fn class_attributes(&mut self, attributes: &[Ident], patterns: &[Pattern]) {
        let mut seen = HashSet::new();
        for (attribute, pattern) in attributes.iter().zip(patterns) {
            self.store(attribute.name, pattern.span);
            if !seen.insert(attribute.name) {
                let name = self.interner.name(attribute.name);
                self.error(format!("attribute name repeated in class pattern: {name}"), pattern.span);
            }
        }
    }

    fn mapping_keys(&mut self, keys: &[Expr], span: Span) {
        let mut seen = HashSet::new();
        for key in keys {
            self.expr(key);
            let Some(constant) = Key::of(key) else { continue };
            let text = constant.repr();
            if !seen.insert(constant.normalised()) {
                self.error(format!("mapping pattern checks duplicate key ({text})"), span);
            }
        }
    }
}

/// The value of a key of a mapping pattern.
#[derive(PartialEq, Eq, Hash)]
enum Key {
    Singleton(&'static str),
    Int(BigInt),
    /// The bits of a number.
    Float(u64),
    Complex(u64, u64),
    Str(Rc<str>),
    Bytes(Rc<[u8]>),
}

impl Key {
    /// `None` for a dotted name, of which nothing is known.
    fn of(expr: &Expr) -> Option<Key> {
        Some(match &expr.kind {
            ExprKind::Constant(Constant::None) => Key::Singleton("None"),
            ExprKind::Constant(Constant::True) => Key::Singleton("True"),
            ExprKind::Constant(Constant::False) => Key::Singleton("False"),
            ExprKind::Constant(Constant::Int(value)) => Key::Int(BigInt::from(*value)),
            ExprKind::Constant(Constant::BigInt(value)) => Key::Int((**value).clone()),
            ExprKind::Constant(Constant::Float(value)) => Key::Float(value.to_bits()),
            ExprKind::Constant(Constant::Imaginary(value)) => Key::Complex(0, value.to_bits()),
            ExprKind::Constant(Constant::Str(value)) => Key::Str(value.clone()),
            ExprKind::Constant(Constant::Bytes(value)) => Key::Bytes(value.clone()),
            ExprKind::UnaryOp { op: UnaryOp::Neg, operand } => match Key::of(operand)? {
                Key::Int(value) => Key::Int(-value),
                Key::Float(bits) => Key::Float((-f64::from_bits(bits)).to_bits()),
                Key::Complex(re, im) => Key::Complex((-f64::from_bits(re)).to_bits(), (-f64::from_bits(im)).to_bits()),
                _ => return None,
            },
            ExprKind::BinOp { first, rest } => match &rest[..] {
                [(op, Expr { kind: ExprKind::Constant(Constant::Imaginary(im)), .. })] => {
                    let im = if *op == BinOp::Sub { -im } else { *im };
                    Key::Complex(Key::of(first)?.as_f64()?.to_bits(), im.to_bits())
                }
                _ => return None,
            },
            _ => return None,
        })
    }

    fn as_f64(&self) -> Option<f64> {
        match self {
            Key::Int(value) => value.to_f64(),
            Key::Float(bits) => Some(f64::from_bits(*bits)),
            _ => None,
        }
    }

    /// Equal keys of different types become the same.
    fn normalised(self) -> Key {
        match self {
            Key::Singleton("True") => Key::Int(BigInt::from(1)),
            Key::Singleton("False") => Key::Int(BigInt::from(0)),
            Key::Complex(re, im) if f64::from_bits(im) == 0.0 => Key::Float(re).normalised(),
            Key::Float(bits) => {
                let value = f64::from_bits(bits);
                let whole = if value.fract() == 0.0 { BigInt::from_f64(value) } else { None };
                whole.map_or(Key::Float(bits), Key::Int)
            }
            key => key,
        }
    }

    fn repr(&self) -> String {
        match self {
            Key::Singleton(name) => (*name).to_owned(),
            Key::Int(value) => value.to_string(),
            Key::Float(bits) => float_repr(f64::from_bits(*bits)),
            Key::Complex(re, im) => complex_repr(f64::from_bits(*re), f64::from_bits(*im)),
            Key::Str(text) => str_repr(text),
            Key::Bytes(bytes) => bytes_repr(bytes),
        }
    }
}
