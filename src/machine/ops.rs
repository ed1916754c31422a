//! Operators: the fast functions that compiled code calls, and the protocol behind them.
//!
//! A special method of a class is asked through [`Vm::special`], which says whether script code answers it or the
//! built-in type itself does. Built-in behaviour is a function of the values, never a call of a method, so a built-in
//! method may be defined as the operator and the operator never comes back to it.

use super::prelude::*;
use crate::machine::number;
use crate::object::class::Special;
use crate::object::instance::Payload;
use crate::syntax::ast::{BinOp, UnaryOp};

/// Which special methods stand for an operator.
struct Names {
    method: Symbol,
    reflected: Symbol,
    in_place: Symbol,
}

/// In the order of `BinOp`.
const OPERATORS: [Names; 13] = [
    Names { method: sym::__add__, reflected: sym::__radd__, in_place: sym::__iadd__ },
    Names { method: sym::__sub__, reflected: sym::__rsub__, in_place: sym::__isub__ },
    Names { method: sym::__mul__, reflected: sym::__rmul__, in_place: sym::__imul__ },
    Names { method: sym::__matmul__, reflected: sym::__rmatmul__, in_place: sym::__imatmul__ },
    Names { method: sym::__truediv__, reflected: sym::__rtruediv__, in_place: sym::__itruediv__ },
    Names { method: sym::__floordiv__, reflected: sym::__rfloordiv__, in_place: sym::__ifloordiv__ },
    Names { method: sym::__mod__, reflected: sym::__rmod__, in_place: sym::__imod__ },
    Names { method: sym::__pow__, reflected: sym::__rpow__, in_place: sym::__ipow__ },
    Names { method: sym::__lshift__, reflected: sym::__rlshift__, in_place: sym::__ilshift__ },
    Names { method: sym::__rshift__, reflected: sym::__rrshift__, in_place: sym::__irshift__ },
    Names { method: sym::__and__, reflected: sym::__rand__, in_place: sym::__iand__ },
    Names { method: sym::__xor__, reflected: sym::__rxor__, in_place: sym::__ixor__ },
    Names { method: sym::__or__, reflected: sym::__ror__, in_place: sym::__ior__ },
];

macro_rules! operators {
    ($($name:ident $op:ident),*) => {
        $(
            #[inline]
            pub fn $name(vm: &mut Vm, a: &Value, b: &Value) -> Result {
                vm.binary(BinOp::$op, a, b)
            }
        )*
    };
}

operators! { add Add, sub Sub, mul Mul }

/// The integers that a float holds exactly.
const EXACT: std::ops::RangeInclusive<i64> = -(1 << 53)..=1 << 53;

/// `a op b` where that takes a few instructions: the commonest operations on two `int`s or two `float`s.
#[inline]
pub fn quick(op: BinOp, a: &Value, b: &Value) -> Option<Value> {
    match (a, b) {
        (Value::Int(x), Value::Int(y)) => match op {
            BinOp::Add => x.checked_add(*y),
            BinOp::Sub => x.checked_sub(*y),
            BinOp::Mul => x.checked_mul(*y),
            BinOp::FloorDiv if *y > 0 => Some(x.div_euclid(*y)),
            BinOp::Mod if *y > 0 => Some(x.rem_euclid(*y)),
            BinOp::BitAnd => Some(x & y),
            BinOp::BitOr => Some(x | y),
            BinOp::BitXor => Some(x ^ y),
            BinOp::Div if EXACT.contains(x) && EXACT.contains(y) && *y != 0 => {
                return Some(Value::float(*x as f64 / *y as f64));
            }
            _ => None,
        }
        .map(Value::Int),
        (Value::Float(x), Value::Float(y)) => float_op(op, x.get(), y.get()),
        _ => None,
    }
}

impl Vm {
    /// `a op b`.
    #[inline]
    pub fn binary(&mut self, op: BinOp, a: &Value, b: &Value) -> Result {
        match quick(op, a, b) {
            Some(result) => Ok(result),
            None => self.binary_general(op, a, b),
        }
    }

    /// `a op b` for any values.
    #[inline(never)]
    pub fn binary_general(&mut self, op: BinOp, a: &Value, b: &Value) -> Result {
        match (a, b) {
            (Value::Int(x), Value::Float(y)) => {
                if let Some(result) = float_op(op, *x as f64, y.get()) {
                    return Ok(result);
                }
            }
            (Value::Float(x), Value::Int(y)) => {
                if let Some(result) = float_op(op, x.get(), *y as f64) {
                    return Ok(result);
                }
            }
            (Value::Str(x), Value::Str(y)) if op == BinOp::Add => return self.concat_text(x, y),
            (Value::List(_), Value::List(_))
            | (Value::Tuple(_), Value::Tuple(_))
            | (Value::Bytes(_), Value::Bytes(_))
                if op == BinOp::Add =>
            {
                if let Some(joined) = self.sequence_binary(op, a, b)? {
                    return Ok(joined);
                }
            }
            _ => {}
        }
        let found = if is_object(a) || is_object(b) {
            self.binary_protocol(op, a, b)?
        } else {
            match self.builtin_binary(op, a, b)? {
                None => self.sequence_binary(op, a, b)?,
                found => found,
            }
        };
        found.ok_or_else(|| self.unsupported(op, if op == BinOp::Pow { "** or pow()" } else { op.sign() }, a, b))
    }

    /// What the built-in types make of `a op b`; `None` is their `NotImplemented`.
    pub fn builtin_binary(&mut self, op: BinOp, a: &Value, b: &Value) -> Result<Option<Value>> {
        match number::binary(self, op, a, b)? {
            None => self.container_binary(op, a, b),
            found => Ok(found),
        }
    }

    /// `a op b` where special methods may be script code.
    fn binary_protocol(&mut self, op: BinOp, a: &Value, b: &Value) -> Result<Option<Value>> {
        let names = &OPERATORS[op as usize];
        match self.methods_binary(names.method, names.reflected, a, b)? {
            Answer::Value(value) => return Ok(Some(value)),
            Answer::Builtin => {
                if op == BinOp::BitOr && a.as_dict().is_some() && b.as_dict().is_some() {
                    return self.dict_union(a, b).map(Some);
                }
                // What a text formats is shown by its own methods.
                let formats =
                    op == BinOp::Mod && matches!(a.unwrapped(), Value::Str(_) | Value::Bytes(_) | Value::ByteArray(_));
                let views = op != BinOp::Mod && (super::views::is_set_like(a) || super::views::is_set_like(b));
                let left = if views { a } else { a.unwrapped() };
                let right = if formats || views { b } else { b.unwrapped() };
                if let Some(value) = self.builtin_binary(op, left, right)? {
                    return Ok(Some(value));
                }
                // The built-in operand had its turn; what is left is the other one's method.
                if let Some(value) = self.methods_after_builtin(names, a, b)? {
                    return Ok(Some(value));
                }
            }
            Answer::Nothing => {}
        }
        // A class that says itself how it is joined or repeated is no sequence in that respect.
        let plain = |value: &Value, method| !matches!(self.special(value, method), Special::Method(_));
        let repeats = |value: &Value, method| super::sequence::is_sequence(value.unwrapped()) && plain(value, method);
        match op {
            BinOp::Add if !plain(a, names.method) => Ok(None),
            BinOp::Mul if repeats(a, names.method) => self.sequence_binary(op, a, b),
            BinOp::Mul if repeats(b, names.reflected) => self.sequence_binary(op, b, a),
            BinOp::Mul => Ok(None),
            _ => self.sequence_binary(op, a, b),
        }
    }

    /// Asks the special methods of both operands up to where a built-in type has its turn.
    fn methods_binary(&mut self, method: Symbol, reflected: Symbol, a: &Value, b: &Value) -> Result<Answer> {
        let left = self.special(a, method);
        let right = if same_class(a, b) { Special::Missing } else { self.special(b, reflected) };
        let mut right_done = false;
        if let Special::Method(right) = &right {
            let (class_a, class_b) = (self.class_of(a), self.class_of(b));
            if Rc::ptr_eq(&class_a, &class_b) {
                right_done = true;
            } else if matches!(left, Special::Missing | Special::Default)
                || matches!(left, Special::Builtin) && number::narrower(a, b)
                || class_b.is_subclass(&class_a) && self.overrides(&class_a, &class_b, reflected)
            {
                right_done = true;
                let result = self.call_found(right, b, std::slice::from_ref(a))?;
                if !matches!(result, Value::NotImplemented) {
                    return Ok(Answer::Value(result));
                }
            }
        }
        match left {
            Special::Builtin if right_done && number::narrower(a, b) => return Ok(Answer::Nothing),
            Special::Builtin => return Ok(Answer::Builtin),
            Special::Method(left) => {
                let result = self.call_found(&left, a, std::slice::from_ref(b))?;
                if !matches!(result, Value::NotImplemented) {
                    return Ok(Answer::Value(result));
                }
            }
            Special::Missing | Special::Default => {}
        }
        match right {
            Special::Builtin => Ok(Answer::Builtin),
            Special::Method(right) if !right_done => {
                let result = self.call_found(&right, b, std::slice::from_ref(a))?;
                Ok(if matches!(result, Value::NotImplemented) { Answer::Nothing } else { Answer::Value(result) })
            }
            _ => Ok(Answer::Nothing),
        }
    }

    /// The reflected method of the right operand after a built-in left one had no answer.
    fn methods_after_builtin(&mut self, names: &Names, a: &Value, b: &Value) -> Result<Option<Value>> {
        let (class_a, class_b) = (self.class_of(a), self.class_of(b));
        let asked = class_b.is_subclass(&class_a) && self.overrides(&class_a, &class_b, names.reflected);
        if asked || Rc::ptr_eq(&class_a, &class_b) {
            return Ok(None);
        }
        match self.special(b, names.reflected) {
            Special::Method(right) => {
                let result = self.call_found(&right, b, std::slice::from_ref(a))?;
                Ok(if matches!(result, Value::NotImplemented) { None } else { Some(result) })
            }
            _ => Ok(None),
        }
    }

    /// Whether a subclass has another method of a name than its base.
    fn overrides(&self, base: &Rc<Class>, subclass: &Rc<Class>, name: Symbol) -> bool {
        let name = self.name(name);
        match (base.lookup(name), subclass.lookup(name)) {
            (Some(a), Some(b)) => !a.is(&b),
            (None, Some(_)) => true,
            _ => false,
        }
    }

    /// Who answers a special method of a value.
    #[inline]
    pub fn special(&self, value: &Value, name: Symbol) -> Special {
        match value {
            Value::Instance(instance) => instance.class().special(name, || self.find_special(value, name)),
            _ => self.find_special(value, name),
        }
    }

    fn find_special(&self, value: &Value, name: Symbol) -> Special {
        let builtin_inside = match value {
            Value::Instance(instance) => match &instance.payload {
                Payload::Value(inner) => inner.is_some(),
                // What a dict does in another way, or not at all, is asked of the proxy.
                Payload::Native(_) => {
                    !matches!(name, sym::__ior__ | sym::__lt__ | sym::__le__ | sym::__gt__ | sym::__ge__)
                        && crate::machine::views::is_plain(value)
                }
            },
            Value::Exception(_) => true,
            Value::Module(module) if module.class.borrow().is_some() => true,
            Value::Class(class) if class.metaclass.get().is_some() => true,
            _ => return Special::Builtin,
        };
        match self.lookup_special(value, name) {
            None if builtin_inside => Special::Builtin,
            None => Special::Missing,
            // One that stands under another's name is called as it is: `__str__ = int.__repr__`.
            Some(Value::Native(native)) if native.name.as_str() == self.name(name).as_str() => {
                let owner = native.owner.borrow().as_ref().and_then(std::rc::Weak::upgrade);
                if owner.as_ref().is_some_and(|owner| !self.is_instance_of(value, owner)) {
                    return Special::Method(Value::Native(native));
                }
                let of_object = owner.as_ref().is_some_and(|owner| Rc::ptr_eq(owner, &self.types.object));
                let inside = matches!(value, Value::Instance(_)) && builtin_inside && name != sym::__hash__;
                // A native class derived from a built-in type (`OrderedDict`) has methods of its own.
                let derived = inside && owner.is_some_and(|owner| owner.ancestors.borrow().len() > 1);
                if of_object {
                    Special::Default
                } else if builtin_inside && !derived {
                    Special::Builtin
                } else {
                    Special::Method(Value::Native(native))
                }
            }
            Some(method) => Special::Method(method),
        }
    }

    /// Calls a special method that script code defines; `None` if there is none such.
    pub fn call_script(&mut self, value: &Value, name: Symbol, args: &[Value]) -> Result<Option<Value>> {
        match self.special(value, name) {
            Special::Method(method) => self.call_found(&method, value, args).map(Some),
            _ => Ok(None),
        }
    }

    /// `a op= b`. The left operand is given away so that one that nobody else refers to can grow in place.
    pub fn inplace(&mut self, op: BinOp, left: Value, right: &Value) -> Result {
        match (&left, right) {
            (Value::Int(_), Value::Int(_)) if op != BinOp::MatMul => self.binary(op, &left, right),
            (Value::Int(_) | Value::Float(_), Value::Int(_) | Value::Float(_))
                if matches!(
                    op,
                    BinOp::Add | BinOp::Sub | BinOp::Mul | BinOp::Div | BinOp::FloorDiv | BinOp::Mod | BinOp::Pow
                ) =>
            {
                self.binary(op, &left, right)
            }
            (Value::Str(_), Value::Str(text)) if op == BinOp::Add => {
                let Value::Str(mut left) = left else { return Ok(Value::Unbound) };
                if left.as_str().len() + text.as_str().len() <= super::sequence::MAX_TEXT {
                    if let Some(unique) = Rc::get_mut(&mut left) {
                        unique.push_str(text);
                        return Ok(Value::Str(left));
                    }
                }
                self.binary_general(op, &Value::Str(left), right)
            }
            _ => self.inplace_general(op, left, right),
        }
    }

    #[inline(never)]
    fn inplace_general(&mut self, op: BinOp, left: Value, right: &Value) -> Result {
        let names = &OPERATORS[op as usize];
        match self.special(&left, names.in_place) {
            Special::Method(method) => {
                let result = self.call_found(&method, &left, std::slice::from_ref(right))?;
                if !matches!(result, Value::NotImplemented) {
                    return Ok(result);
                }
            }
            Special::Builtin => {
                // A script's `__mul__` comes before the repetition in place of the type it is derived from.
                if op == BinOp::Mul {
                    if let Special::Method(method) = self.special(&left, names.method) {
                        let result = self.call_found(&method, &left, std::slice::from_ref(right))?;
                        if !matches!(result, Value::NotImplemented) {
                            return Ok(result);
                        }
                    }
                }
                // A sequence grows only if the other side has nothing to say.
                let grown = match op {
                    BinOp::Add => &left,
                    BinOp::Mul => left.unwrapped(),
                    _ => &Value::None,
                };
                if is_object(right) && matches!(grown, Value::List(_) | Value::ByteArray(_)) {
                    if let Some(value) = self.call_script(right, names.reflected, std::slice::from_ref(&left))? {
                        if !matches!(value, Value::NotImplemented) {
                            return Ok(value);
                        }
                    }
                }
                if self.inplace_container(op, &left, right)? {
                    return Ok(left);
                }
            }
            Special::Missing | Special::Default => {}
        }
        // In place, what is a sequence in any way does not repeat the one on its right.
        let repeats_right = op == BinOp::Mul
            && super::sequence::is_sequence(right.unwrapped())
            && !super::sequence::is_sequence(left.unwrapped())
            && self.has_sequence_slots(&left);
        let found = match (is_object(&left) || is_object(right), repeats_right) {
            (true, true) => match self.methods_binary(names.method, names.reflected, &left, right)? {
                Answer::Value(value) => Some(value),
                Answer::Builtin => self.builtin_binary(op, left.unwrapped(), right)?,
                Answer::Nothing => None,
            },
            (true, false) => self.binary_protocol(op, &left, right)?,
            (false, _) => match self.builtin_binary(op, &left, right)? {
                None if !repeats_right => self.sequence_binary(op, &left, right)?,
                found => found,
            },
        };
        match found {
            Some(value) => Ok(value),
            None => Err(self.unsupported(op, &format!("{}=", op.sign()), &left, right)),
        }
    }

    #[cold]
    fn unsupported(&mut self, op: BinOp, sign: &str, a: &Value, b: &Value) -> Error {
        let (left, right) = (self.type_name(a), self.type_name(b));
        let mut message = format!("unsupported operand type(s) for {sign}: '{left}' and '{right}'");
        if op == BinOp::RShift && matches!(a, Value::Native(native) if native.name.as_str() == "print") {
            message.push_str(". Did you mean \"print(<message>, file=<output_stream>)\"?");
        }
        self.operand_error(message, &[a, b])
    }

    /// `~True`; of a constant this is said when it is compiled.
    pub fn warn_inverted_bool(&mut self) -> Result<()> {
        self.warn(self.types.DeprecationWarning.clone(), INVERTED_BOOL)
    }

    /// `op a`.
    pub fn unary(&mut self, op: UnaryOp, a: &Value) -> Result {
        let (method, sign) = match op {
            UnaryOp::Not => return Ok(Value::bool(!self.truth(a)?)),
            UnaryOp::Neg => (sym::__neg__, '-'),
            UnaryOp::Pos => (sym::__pos__, '+'),
            UnaryOp::Invert => (sym::__invert__, '~'),
        };
        if let Some(result) = self.call_script(a, method, &[])? {
            return Ok(result);
        }
        let inner = a.unwrapped();
        let result = match op {
            UnaryOp::Neg => number::negate(inner),
            UnaryOp::Pos => match inner {
                Value::Bool(b) => Some(Value::Int(i64::from(b.get()))),
                Value::Int(_) | Value::BigInt(_) | Value::Float(_) | Value::Complex(_) => Some(inner.clone()),
                _ => None,
            },
            _ => {
                if matches!(inner, Value::Bool(_)) {
                    self.warn_inverted_bool()?;
                }
                number::invert(inner)
            }
        };
        result.ok_or_else(|| {
            self.operand_error(format!("bad operand type for unary {sign}: '{}'", self.type_name(a)), &[a])
        })
    }

    /// `pow(base, exp, modulus)`; `Unbound` or `None` for no modulus.
    pub fn power(&mut self, base: &Value, exp: &Value, modulus: &Value) -> Result {
        if modulus.given().is_none() {
            return self.binary_general(BinOp::Pow, base, exp);
        }
        let is_number = |v: &Value| v.is_int() || matches!(v.unwrapped(), Value::Float(_) | Value::Complex(_));
        let all = [base, exp, modulus];
        // Every operand's type has a say, but only a left operand is asked for its method.
        for (at, value) in all.into_iter().enumerate() {
            let says = |name| matches!(self.special(value, name), Special::Method(_));
            if says(sym::__pow__) || says(sym::__rpow__) {
                if at > 0 {
                    continue;
                }
                let class = self.class_of(value);
                if self.class_lookup(&class, "__pow__").is_none() {
                    return Err(self.error(self.types.AttributeError.clone(), "__pow__"));
                }
                let args = [exp.clone(), modulus.clone()];
                match self.call_script(value, sym::__pow__, &args)? {
                    Some(Value::NotImplemented) => continue,
                    Some(result) => return Ok(result),
                    None => {}
                }
            }
            match value.unwrapped() {
                Value::Float(_) => {
                    return Err(self.type_error("pow() 3rd argument not allowed unless all arguments are integers"));
                }
                Value::Complex(_) if is_number(base) && is_number(exp) => {
                    return Err(self.value_error("complex modulo"));
                }
                _ => {
                    if let (Some(x), Some(y), Some(z)) = (base.as_bigint(), exp.as_bigint(), modulus.as_bigint()) {
                        return number::pow_mod(self, &x, &y, &z);
                    }
                }
            }
        }
        let names = all.map(|value| self.type_name(value));
        Err(self.type_error(format!(
            "unsupported operand type(s) for ** or pow(): '{}', '{}', '{}'",
            names[0], names[1], names[2]
        )))
    }

    /// `divmod(a, b)`.
    pub fn divmod(&mut self, a: &Value, b: &Value) -> Result {
        let answer = if is_object(a) || is_object(b) {
            self.methods_binary(sym::__divmod__, sym::__rdivmod__, a, b)?
        } else {
            Answer::Builtin
        };
        if let Answer::Value(value) = answer {
            return Ok(value);
        }
        if matches!(answer, Answer::Builtin) {
            if let Some(value) = number::divmod(self, a.unwrapped(), b.unwrapped())? {
                return Ok(value);
            }
            if let Some(value) = self.call_script(b, sym::__rdivmod__, std::slice::from_ref(a))? {
                if !matches!(value, Value::NotImplemented) {
                    return Ok(value);
                }
            }
        }
        Err(self.unsupported(BinOp::Mod, "divmod()", a, b))
    }
}

/// The float operations that cannot fail.
#[inline]
fn float_op(op: BinOp, x: f64, y: f64) -> Option<Value> {
    Some(Value::float(match op {
        BinOp::Add => x + y,
        BinOp::Sub => x - y,
        BinOp::Mul => x * y,
        BinOp::Div if y != 0.0 => x / y,
        _ => return None,
    }))
}

/// What the special methods say to a binary operator.
enum Answer {
    Value(Value),
    /// It is a built-in type's turn.
    Builtin,
    Nothing,
}

/// Whether two values are instances of one class, as far as that shows without looking for it.
#[inline]
pub fn same_class(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Instance(a), Value::Instance(b)) => Rc::ptr_eq(&a.class(), &b.class()),
        _ => false,
    }
}

/// Whether a value's class may have special methods of its own.
#[inline]
pub fn is_object(value: &Value) -> bool {
    match value {
        Value::Instance(_) | Value::Exception(_) | Value::Class(_) => true,
        Value::Module(module) => module.class.borrow().is_some(),
        _ => false,
    }
}

const INVERTED_BOOL: &str = "Bitwise inversion '~' on bool is deprecated and will be removed in Python 3.16. \
    This returns the bitwise inversion of the underlying int object and is usually not what you expect from negating a \
    bool. Use the 'not' operator for boolean negation or ~int(x) if you really want the bitwise inversion of the \
    underlying int.";
