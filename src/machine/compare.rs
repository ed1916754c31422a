//! Comparing: rich comparison, and equality as containers use it.
//!
//! Two built-in values are compared by `builtin_compare`, which is symmetric; special methods are only looked for where
//! a class may have some of its own.

use std::cmp::Ordering;

use num_bigint::BigInt;

use super::prelude::*;
use crate::machine::ops::{is_object, same_class};
use crate::machine::sequence::{bytes_of, with_bytes};
use crate::machine::{generic, views};
use crate::object::class::Special;
use crate::object::instance::Payload;
use crate::object::{Range, Set, Tuple};
use crate::syntax::ast::CmpOp;
use crate::text::{code_point, float as floats};

/// What the built-in types make of a comparison.
enum Compared {
    Bool(bool),
    /// Of the first items that differ.
    Items(Value, Value),
    Unknown,
}

impl Vm {
    /// `a is b or a == b`: what containers mean by equal.
    #[inline]
    pub fn eq(&mut self, a: &Value, b: &Value) -> Result<bool> {
        match (a, b) {
            (Value::Int(x), Value::Int(y)) => Ok(x == y),
            _ => Ok(a.is(b) || self.equals(a, b)?),
        }
    }

    /// `a == b`.
    #[inline]
    pub fn equals(&mut self, a: &Value, b: &Value) -> Result<bool> {
        match (a, b) {
            (Value::Int(x), Value::Int(y)) => Ok(x == y),
            (Value::Str(x), Value::Str(y)) => Ok(x == y),
            (Value::Float(x), Value::Float(y)) => Ok(x.get() == y.get()),
            (Value::None, Value::None) => Ok(true),
            _ => self.compare_truth(CmpOp::Eq, a, b),
        }
    }

    /// `a < b`.
    #[inline]
    pub fn less(&mut self, a: &Value, b: &Value) -> Result<bool> {
        match plain_order(a, b) {
            Some(order) => Ok(order.is_lt()),
            None => self.compare_truth(CmpOp::Lt, a, b),
        }
    }

    /// The truth of a comparison.
    #[inline(never)]
    pub fn compare_truth(&mut self, op: CmpOp, a: &Value, b: &Value) -> Result<bool> {
        if let (Value::Str(x), Value::Str(y), CmpOp::Eq | CmpOp::NotEq) = (a, b, op) {
            return Ok((x == y) == (op == CmpOp::Eq));
        }
        match self.compare(op, a, b)? {
            Value::Bool(b) => Ok(b.get()),
            other => self.truth(&other),
        }
    }

    /// `a op b`, which need not be a `bool`.
    pub fn compare(&mut self, op: CmpOp, a: &Value, b: &Value) -> Result {
        match op {
            CmpOp::Is => return Ok(Value::bool(a.is(b))),
            CmpOp::IsNot => return Ok(Value::bool(!a.is(b))),
            CmpOp::In => return self.contains(b, a).map(Value::bool),
            CmpOp::NotIn => return self.contains(b, a).map(|found| Value::bool(!found)),
            _ => {}
        }
        match (a, b) {
            (Value::Int(x), Value::Int(y)) => return Ok(Value::bool(holds(op, x.cmp(y)))),
            (Value::Class(x), Value::Class(y))
                if matches!(op, CmpOp::Eq | CmpOp::NotEq)
                    && x.metaclass.get().is_none()
                    && y.metaclass.get().is_none() =>
            {
                return Ok(Value::bool(Rc::ptr_eq(x, y) == (op == CmpOp::Eq)));
            }
            (Value::Str(x), Value::Str(y)) => {
                return Ok(Value::bool(match op {
                    CmpOp::Eq => x == y,
                    CmpOp::NotEq => x != y,
                    op => holds(op, compare_text(x, y)),
                }));
            }
            (Value::Bytes(x), Value::Bytes(y)) => {
                return Ok(Value::bool(match op {
                    CmpOp::Eq => x[..] == y[..],
                    CmpOp::NotEq => x[..] != y[..],
                    op => holds(op, x[..].cmp(&y[..])),
                }));
            }
            (Value::Tuple(x), Value::Tuple(y)) => {
                if let Some(order) = compare_plain_tuples(x, y) {
                    return Ok(Value::bool(holds(op, order)));
                }
            }
            (Value::Instance(_), _) | (_, Value::Instance(_))
                if matches!(op, CmpOp::Eq | CmpOp::NotEq)
                    && self.equals_itself_alone(a)
                    && self.equals_itself_alone(b) =>
            {
                return Ok(Value::bool(a.is(b) == (op == CmpOp::Eq)));
            }
            _ => {}
        }
        if is_object(a) || is_object(b) {
            return self.compare_protocol(op, a, b);
        }
        if let Some(result) = self.builtin_compare(op, a, b)? {
            return Ok(result);
        }
        self.compare_default(op, a, b)
    }

    /// Whether a value equals no object but itself, or leaves that to the object.
    fn equals_itself_alone(&self, value: &Value) -> bool {
        match value {
            Value::Instance(instance) => {
                matches!(instance.payload, Payload::Value(None)) && !self.hooks(&instance.class()).has_eq()
            }
            Value::None | Value::Int(_) | Value::Str(_) | Value::Bool(_) => true,
            _ => false,
        }
    }

    fn compare_protocol(&mut self, op: CmpOp, a: &Value, b: &Value) -> Result {
        let right_first = !same_class(a, b) && {
            let (class_a, class_b) = (self.class_of(a), self.class_of(b));
            !Rc::ptr_eq(&class_a, &class_b) && class_b.is_subclass(&class_a)
        };
        if right_first {
            if let Some(result) = self.compare_side(swapped(op), b, a)? {
                return Ok(result);
            }
        }
        if let Some(result) = self.compare_side(op, a, b)? {
            return Ok(result);
        }
        if !right_first {
            if let Some(result) = self.compare_side(swapped(op), b, a)? {
                return Ok(result);
            }
        }
        self.compare_default(op, a, b)
    }

    /// What the class of one operand says; `None` is `NotImplemented`.
    pub(super) fn compare_side(&mut self, op: CmpOp, this: &Value, other: &Value) -> Result<Option<Value>> {
        let result = match self.special(this, method(op)) {
            Special::Method(found @ (Value::Function(_) | Value::Native(_))) => {
                self.call_found(&found, this, std::slice::from_ref(other))?
            }
            Special::Method(found) => {
                let class = self.class_of(this);
                match self.bind(&found, Some(this), &class) {
                    Ok(bound) => self.call(&bound, std::slice::from_ref(other))?,
                    // What cannot be had is passed over.
                    Err(_) => Value::NotImplemented,
                }
            }
            Special::Builtin if super::number::narrower(this, other) => Value::NotImplemented,
            Special::Builtin => return self.builtin_compare(op, this.unwrapped(), other.unwrapped()),
            Special::Default if op == CmpOp::NotEq => {
                let Some(equal) = self.compare_side(CmpOp::Eq, this, other)? else { return Ok(None) };
                Value::bool(!self.truth(&equal)?)
            }
            Special::Default | Special::Missing => Value::NotImplemented,
        };
        Ok(if matches!(result, Value::NotImplemented) { None } else { Some(result) })
    }

    /// What is left when no type has an answer: identity, or an error.
    fn compare_default(&mut self, op: CmpOp, a: &Value, b: &Value) -> Result {
        match op {
            CmpOp::Eq => Ok(Value::bool(a.is(b) && !matches!(a, Value::Float(_)))),
            CmpOp::NotEq => Ok(Value::bool(!a.is(b))),
            _ => Err(self.not_comparable(op, a, b)),
        }
    }

    #[cold]
    fn not_comparable(&mut self, op: CmpOp, a: &Value, b: &Value) -> Error {
        let (left, right) = (self.type_name(a), self.type_name(b));
        let (sign, left, right) = (op.sign(), left.as_str(), right.as_str());
        let message = format!("'{sign}' not supported between instances of '{left}' and '{right}'");
        self.operand_error(message, &[a, b])
    }

    /// What the built-in types make of `a op b`; `None` is their `NotImplemented`.
    pub fn builtin_compare(&mut self, op: CmpOp, a: &Value, b: &Value) -> Result<Option<Value>> {
        match self.compare_values(op, a, b)? {
            Compared::Bool(result) => Ok(Some(Value::bool(result))),
            Compared::Items(x, y) => self.nested_in(" in comparison", |vm| vm.compare(op, &x, &y)).map(Some),
            Compared::Unknown => Ok(None),
        }
    }

    fn compare_values(&mut self, op: CmpOp, a: &Value, b: &Value) -> Result<Compared> {
        if let Some(order) = compare_numbers(a, b) {
            return Ok(Compared::Bool(order.map_or(op == CmpOp::NotEq, |order| holds(op, order))));
        }
        let equality = matches!(op, CmpOp::Eq | CmpOp::NotEq);
        let equal = |same: bool| Ok(Compared::Bool(same == (op == CmpOp::Eq)));
        match (a, b) {
            (Value::Str(x), Value::Str(y)) => Ok(Compared::Bool(holds(op, compare_text(x, y)))),
            (Value::None, Value::None) if equality => equal(true),
            (Value::Complex(_), _) | (_, Value::Complex(_)) if equality => match (complex_of(a), complex_of(b)) {
                (Some(x), Some(y)) => equal(x == y),
                _ => Ok(Compared::Unknown),
            },
            (Value::List(x), Value::List(y)) => {
                if equality && x.len() != y.len() {
                    return equal(false);
                }
                let alike = plainly_alike(&x.items.borrow(), &y.items.borrow());
                self.compare_items(op, alike, |at| (x.get(at), y.get(at)))
            }
            (Value::Tuple(x), Value::Tuple(y)) => {
                self.compare_items(op, plainly_alike(x, y), |at| (x.get(at).cloned(), y.get(at).cloned()))
            }
            (Value::Dict(x), Value::Dict(y)) if equality => {
                let same = self.nested_in(" in comparison", |vm| vm.dicts_equal(x, y))?;
                equal(same)
            }
            (Value::Set(x), Value::Set(y)) => self.compare_sets(op, x, y).map(Compared::Bool),
            (Value::Bytes(_) | Value::ByteArray(_), Value::Bytes(_) | Value::ByteArray(_)) => {
                let order = with_bytes(a, |x| with_bytes(b, |y| x.cmp(y)));
                Ok(order.flatten().map_or(Compared::Unknown, |order| Compared::Bool(holds(op, order))))
            }
            // A view of bytes is ordered by the other side.
            (Value::ByteArray(_), Value::Instance(_)) | (Value::Instance(_), Value::ByteArray(_)) if !equality => {
                match (bytes_of(a), bytes_of(b)) {
                    (Some(x), Some(y)) => Ok(Compared::Bool(holds(op, x.cmp(&y)))),
                    _ => self.compare_native(op, a, b),
                }
            }
            (Value::Range(x), Value::Range(y)) if equality => {
                let same = self.ranges_equal(x, y)?;
                equal(same)
            }
            (Value::Slice(x), Value::Slice(y)) => {
                let x = [&x.start, &x.stop, &x.step];
                let y = [&y.start, &y.stop, &y.step];
                self.compare_items(op, 0, |at| (x.get(at).map(|v| (*v).clone()), y.get(at).map(|v| (*v).clone())))
            }
            (Value::BoundMethod(x), Value::BoundMethod(y)) if equality => {
                let same = x.this.is(&y.this) && self.eq(&x.func, &y.func)?;
                equal(same)
            }
            (Value::Code(x), Value::Code(y)) if equality => {
                equal(Rc::ptr_eq(x, y) || x.kind == y.kind && x.identity() == y.identity())
            }
            (Value::Cell(x), Value::Cell(y)) => Ok(match (x.get(), y.get()) {
                (Value::Unbound, Value::Unbound) => Compared::Bool(holds(op, Ordering::Equal)),
                (Value::Unbound, _) => Compared::Bool(holds(op, Ordering::Less)),
                (_, Value::Unbound) => Compared::Bool(holds(op, Ordering::Greater)),
                (x, y) => Compared::Items(x, y),
            }),
            (Value::Instance(_), _) | (_, Value::Instance(_)) => self.compare_native(op, a, b),
            _ => Ok(Compared::Unknown),
        }
    }

    /// Built-in classes that are instances here: views of a dict, generic aliases, unions.
    fn compare_native(&mut self, op: CmpOp, a: &Value, b: &Value) -> Result<Compared> {
        let equality = matches!(op, CmpOp::Eq | CmpOp::NotEq);
        let sets = (views::is_set_like(a) || a.as_set().is_some()) && (views::is_set_like(b) || b.as_set().is_some());
        if sets && (views::is_set_like(a) || views::is_set_like(b)) {
            let (left, right) = (self.len(a)?, self.len(b)?);
            let (may, part, whole) = match op {
                CmpOp::Eq | CmpOp::NotEq if views::is_set_like(a) => (left == right, a, b),
                CmpOp::Eq | CmpOp::NotEq => (left == right, b, a),
                CmpOp::Lt => (left < right, a, b),
                CmpOp::LtE => (left <= right, a, b),
                CmpOp::Gt => (left > right, b, a),
                _ => (left >= right, b, a),
            };
            // Item by item, for the values in a view need no hash.
            let mut inside = may;
            if may {
                self.for_each(part, |vm, item| {
                    inside = vm.contains(whole, &item)?;
                    Ok(inside)
                })?;
            }
            return Ok(Compared::Bool(inside == (op != CmpOp::NotEq)));
        }
        if let Some(inner) = views::proxied(a) {
            return self.compare_truth(op, &inner, views::proxied(b).as_ref().unwrap_or(b)).map(Compared::Bool);
        }
        match (generic::compared(a), generic::compared(b)) {
            (Some(x), Some(y)) if equality => {
                let same = generic::equal(self, &x, &y)?;
                Ok(Compared::Bool(same == (op == CmpOp::Eq)))
            }
            _ => Ok(Compared::Unknown),
        }
    }

    /// Compares two sequences item by item from `at` on; they are read anew each time, for comparing may change them.
    fn compare_items(
        &mut self,
        op: CmpOp,
        mut at: usize,
        get: impl Fn(usize) -> (Option<Value>, Option<Value>),
    ) -> Result<Compared> {
        loop {
            match get(at) {
                (Some(x), Some(y)) => {
                    let same = match plainly_equal(&x, &y) {
                        Some(same) => same,
                        None => x.is(&y) || self.nested_in(" in comparison", |vm| vm.equals(&x, &y))?,
                    };
                    if !same {
                        // Comparing them may have left one of the sequences too short.
                        if !matches!(get(at), (Some(_), Some(_))) {
                            continue;
                        }
                        return Ok(match op {
                            CmpOp::Eq => Compared::Bool(false),
                            CmpOp::NotEq => Compared::Bool(true),
                            _ => Compared::Items(x, y),
                        });
                    }
                    at += 1;
                }
                (x, y) => return Ok(Compared::Bool(holds(op, x.is_some().cmp(&y.is_some())))),
            }
        }
    }

    fn dicts_equal(&mut self, a: &Rc<Dict>, b: &Rc<Dict>) -> Result<bool> {
        if a.len() != b.len() {
            return Ok(false);
        }
        let entries: Vec<(i64, Value, Value)> =
            a.table.borrow().iter().map(|e| (e.hash, e.key.clone(), e.value.clone())).collect();
        for (hash, key, value) in entries {
            let Some(at) = self.table_find(&b.table, hash, &key)? else { return Ok(false) };
            let other = b.table.borrow().entry(at).map(|e| e.value.clone()).unwrap_or_default();
            if !self.eq(&value, &other)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn compare_sets(&mut self, op: CmpOp, a: &Set, b: &Set) -> Result<bool> {
        match op {
            CmpOp::Eq => Ok(a.len() == b.len() && self.set_is_subset(a, b)?),
            CmpOp::NotEq => Ok(!(a.len() == b.len() && self.set_is_subset(a, b)?)),
            CmpOp::LtE => self.set_is_subset(a, b),
            CmpOp::Lt => Ok(a.len() < b.len() && self.set_is_subset(a, b)?),
            CmpOp::GtE => self.set_is_subset(b, a),
            _ => Ok(b.len() < a.len() && self.set_is_subset(b, a)?),
        }
    }

    fn ranges_equal(&mut self, a: &Range, b: &Range) -> Result<bool> {
        let (len, other) = (self.range_len(a), self.range_len(b));
        if !self.equals(&len, &other)? {
            return Ok(false);
        }
        match len {
            Value::Int(0) => Ok(true),
            Value::Int(1) => self.equals(&a.start, &b.start),
            _ => Ok(self.equals(&a.start, &b.start)? && self.equals(&a.step, &b.step)?),
        }
    }

    /// Runs `body` as one more level of recursion inside built-in types.
    pub fn nested_in<T>(&mut self, doing: &str, body: impl FnOnce(&mut Vm) -> Result<T>) -> Result<T> {
        self.enter_native(doing)?;
        let result = body(self);
        self.leave_native();
        result
    }
}

fn method(op: CmpOp) -> Symbol {
    match op {
        CmpOp::Lt => sym::__lt__,
        CmpOp::LtE => sym::__le__,
        CmpOp::Gt => sym::__gt__,
        CmpOp::GtE => sym::__ge__,
        CmpOp::NotEq => sym::__ne__,
        _ => sym::__eq__,
    }
}

fn swapped(op: CmpOp) -> CmpOp {
    match op {
        CmpOp::Lt => CmpOp::Gt,
        CmpOp::LtE => CmpOp::GtE,
        CmpOp::Gt => CmpOp::Lt,
        CmpOp::GtE => CmpOp::LtE,
        other => other,
    }
}

/// Whether an order satisfies a comparison.
#[inline]
pub fn holds(op: CmpOp, order: Ordering) -> bool {
    match op {
        CmpOp::Lt => order.is_lt(),
        CmpOp::LtE => order.is_le(),
        CmpOp::Gt => order.is_gt(),
        CmpOp::GtE => order.is_ge(),
        CmpOp::NotEq => order.is_ne(),
        _ => order.is_eq(),
    }
}

/// Orders text by code point. UTF-8 does so byte by byte, but for the characters that stand for surrogates.
#[inline]
pub fn compare_text(a: &Str, b: &Str) -> Ordering {
    match a.as_str().cmp(b.as_str()) {
        Ordering::Equal => Ordering::Equal,
        order if a.is_ascii() || b.is_ascii() => order,
        order => {
            let differing = a.as_str().chars().zip(b.as_str().chars()).find(|(x, y)| x != y);
            differing.map_or(order, |(x, y)| code_point(x).cmp(&code_point(y)))
        }
    }
}

/// Whether two values are equal, if they are numbers, texts or bytes of one type.
fn plainly_equal(x: &Value, y: &Value) -> Option<bool> {
    match (x, y) {
        (Value::Int(x), Value::Int(y)) => Some(x == y),
        (Value::Float(x), Value::Float(y)) if !x.get().is_nan() => Some(x.get() == y.get()),
        (Value::Str(x), Value::Str(y)) => Some(x == y),
        (Value::Bytes(x), Value::Bytes(y)) => Some(x[..] == y[..]),
        _ => None,
    }
}

/// How many items at the beginning of two sequences are plainly equal.
fn plainly_alike(x: &[Value], y: &[Value]) -> usize {
    let alike = |(x, y): &(&Value, &Value)| match (x, y) {
        (Value::Int(x), Value::Int(y)) => x == y,
        (x, y) => plainly_equal(x, y) == Some(true),
    };
    x.iter().zip(y).take_while(alike).count()
}

/// How two numbers, texts, bytes or tuples of these compare, where the machine need not be asked.
#[inline]
pub fn plain_order(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Int(x), Value::Int(y)) => Some(x.cmp(y)),
        (Value::Float(x), Value::Float(y)) => x.get().partial_cmp(&y.get()),
        (Value::Str(x), Value::Str(y)) => Some(compare_text(x, y)),
        (Value::Bytes(x), Value::Bytes(y)) => Some(x[..].cmp(&y[..])),
        (Value::Tuple(x), Value::Tuple(y)) => compare_plain_tuples(x, y),
        _ => None,
    }
}

/// How tuples compare whose first items that differ are numbers, texts or bytes; `None` if the machine has to be asked.
pub fn compare_plain_tuples(a: &Tuple, b: &Tuple) -> Option<Ordering> {
    for (x, y) in a.iter().zip(b.iter()) {
        let order = match (x, y) {
            (Value::Int(x), Value::Int(y)) => x.cmp(y),
            (Value::Str(x), Value::Str(y)) => compare_text(x, y),
            (Value::Bytes(x), Value::Bytes(y)) => x[..].cmp(&y[..]),
            (Value::None, Value::None) => Ordering::Equal,
            (x, y) => compare_numbers(x, y)??,
        };
        if order.is_ne() {
            return Some(order);
        }
    }
    Some(a.len().cmp(&b.len()))
}

fn complex_of(value: &Value) -> Option<(f64, f64)> {
    match value {
        Value::Complex(z) => Some(**z),
        Value::Float(x) => Some((x.get(), 0.0)),
        Value::Int(n) => {
            // An integer that is no float equals no complex number.
            let x = *n as f64;
            Some((if floats::cmp_i64(x, *n) == Some(Ordering::Equal) { x } else { f64::NAN }, 0.0))
        }
        Value::Bool(b) => Some((f64::from(u8::from(b.get())), 0.0)),
        Value::BigInt(n) => {
            let x = num_traits::ToPrimitive::to_f64(&**n).unwrap_or(f64::NAN);
            Some((if floats::cmp_big(x, n) == Some(Ordering::Equal) { x } else { f64::NAN }, 0.0))
        }
        _ => None,
    }
}

/// Orders two real numbers exactly: `None` if one is no real number, `Some(None)` if one is not a number at all.
pub fn compare_numbers(a: &Value, b: &Value) -> Option<Option<Ordering>> {
    let small = |value: &Value| match value {
        Value::Int(n) => Some(*n),
        Value::Bool(b) => Some(i64::from(b.get())),
        _ => None,
    };
    Some(match (a, b) {
        (Value::Float(x), Value::Float(y)) => x.get().partial_cmp(&y.get()),
        (Value::BigInt(x), Value::BigInt(y)) => Some(x.cmp(y)),
        (Value::BigInt(x), Value::Float(y)) => floats::cmp_big(y.get(), x).map(Ordering::reverse),
        (Value::Float(x), Value::BigInt(y)) => floats::cmp_big(x.get(), y),
        (Value::BigInt(x), other) => {
            small(other)?;
            Some(sign_order(x))
        }
        (other, Value::BigInt(y)) => {
            small(other)?;
            Some(sign_order(y).reverse())
        }
        (Value::Float(x), other) => floats::cmp_i64(x.get(), small(other)?),
        (other, Value::Float(y)) => floats::cmp_i64(y.get(), small(other)?).map(Ordering::reverse),
        (x, y) => Some(small(x)?.cmp(&small(y)?)),
    })
}

/// How an integer beyond the small ones stands to those.
fn sign_order(big: &BigInt) -> Ordering {
    if big.sign() == num_bigint::Sign::Minus { Ordering::Less } else { Ordering::Greater }
}
