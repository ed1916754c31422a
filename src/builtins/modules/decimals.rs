//! What `decimal` does with finite numbers of up to 38 digits where no signal is trapped; everything else is the page
//! `decimal`, which these natives ask.

use num_bigint::BigInt;
use num_traits::{Pow, ToPrimitive};

use super::support::{by_page, take_over, this};
use crate::builtins::prelude::*;
use crate::syntax::ast::CmpOp;

/// The bits of the page's flags.
const INEXACT: i64 = 64;
const ROUNDED: i64 = 4096;
/// What hashes of numbers are counted up to.
const MODULUS: u128 = (1 << 61) - 1;

/// A decimal number as the page makes it.
struct Decimal {
    negative: bool,
    /// Its digits, or the payload of a NaN.
    number: Value,
    exponent: i64,
    /// What it is if it is not finite.
    kind: Option<Value>,
}

super::support::natives!(Decimal);

/// A finite number.
#[derive(Clone, Copy)]
struct Finite {
    negative: bool,
    number: i128,
    exponent: i64,
}

impl Decimal {
    fn finite(&self) -> Option<Finite> {
        let number = match &self.number {
            _ if self.kind.is_some() => return None,
            Value::Int(n) => (*n).into(),
            number => number.as_bigint()?.to_i128()?,
        };
        Some(Finite { negative: self.negative, number, exponent: self.exponent })
    }
}

impl Finite {
    /// Of an operand that is one of the class or an `int`.
    fn of(value: &Value) -> Option<Finite> {
        match value {
            Value::Int(n) => Some(Finite { negative: *n < 0, number: i128::from(*n).checked_abs()?, exponent: 0 }),
            value => value.data::<Decimal>()?.finite(),
        }
    }

    fn signed(self) -> i128 {
        if self.negative { -self.number } else { self.number }
    }

    fn adjusted(self) -> i64 {
        self.exponent + digits(self.number) - 1
    }

    /// Two numbers with the smaller one's exponent.
    fn aligned(self, other: Finite) -> Option<(i128, i128, i64)> {
        let exponent = self.exponent.min(other.exponent);
        let at = |x: Finite| x.signed().checked_mul(power(x.exponent - exponent)?);
        Some((at(self)?, at(other)?, exponent))
    }
}

fn digits(number: i128) -> i64 {
    number.unsigned_abs().checked_ilog10().map_or(1, |log| i64::from(log) + 1)
}

/// 10 to a power, if there is room for it.
fn power(exponent: i64) -> Option<i128> {
    10i128.checked_pow(u32::try_from(exponent).ok()?)
}

/// What natives ask for again and again.
#[derive(Default)]
struct Known {
    class: Option<Rc<Class>>,
    /// Finds the context, if there is one yet.
    current: Value,
    /// The name of the slot in which a context has what [`Limits`] are read from.
    limits: Rc<Str>,
}

/// What the current context says.
struct Limits {
    precision: i64,
    least: i64,
    most: i64,
    clamp: bool,
    rounding: Value,
    flags: Value,
    traps: Value,
}

fn limits(vm: &mut Vm) -> Result<Option<Limits>> {
    let Known { current, limits, .. } = vm.extension::<Known>();
    let (current, name) = (current.clone(), limits.clone());
    let context = vm.call(&current, &[Value::None])?;
    let limits = vm.attr_at_once(&context, &name).flatten();
    let Some([precision, least, most, clamp, rounding, flags, traps]) =
        limits.as_ref().and_then(|l| l.as_tuple()).map(|l| &l[..])
    else {
        return Ok(None);
    };
    let number = |value: &Value| value.as_int().unwrap_or(0);
    Ok(Some(Limits {
        precision: number(precision),
        least: number(least),
        most: number(most),
        clamp: number(clamp) != 0,
        rounding: rounding.clone(),
        flags: flags.clone(),
        traps: traps.clone(),
    }))
}

impl Limits {
    fn rounding(&self) -> &str {
        self.rounding.as_str().map_or("", |rounding| rounding.as_str())
    }

    /// Whether a number is held as it is, without a signal.
    fn hold(&self, x: Finite) -> bool {
        let highest = if self.clamp { self.most - self.precision + 1 } else { self.most };
        if x.number == 0 {
            return (self.least - self.precision + 1..=highest).contains(&x.exponent);
        }
        digits(x.number) <= self.precision
            && (self.least..=self.most).contains(&x.adjusted())
            && (!self.clamp || x.exponent <= highest)
    }

    /// Notes conditions in the flags; `false` if one of them is trapped.
    fn note(&self, vm: &mut Vm, status: i64) -> Result<bool> {
        if status == 0 {
            return Ok(true);
        }
        let bits = |vm: &mut Vm, of: &Value| Ok::<_, Error>(vm.get_attr(of, "_bits")?.as_int().unwrap_or(0));
        if bits(vm, &self.traps)? & status != 0 {
            return Ok(false);
        }
        let before = bits(vm, &self.flags)?;
        if before | status != before {
            vm.set_attr(&self.flags, "_bits", Value::Int(before | status))?;
        }
        Ok(true)
    }

    /// A result with as many digits as there is room for, and what happened on the way.
    fn rounded(&self, x: Finite) -> Option<(Finite, i64)> {
        let excess = digits(x.number) - self.precision;
        if excess <= 0 {
            return self.hold(x).then_some((x, 0));
        }
        let (mut kept, exact) = without(self.rounding(), x.negative, x.number, excess)?;
        let mut exponent = x.exponent + excess;
        if digits(kept) > self.precision {
            kept /= 10;
            exponent += 1;
        }
        let x = Finite { negative: x.negative, number: kept, exponent };
        self.hold(x).then_some((x, if exact { ROUNDED } else { ROUNDED | INEXACT }))
    }
}

/// A number without its last digits, rounded, and whether it was exact.
fn without(rounding: &str, negative: bool, number: i128, count: i64) -> Option<(i128, bool)> {
    let (kept, lost, half) = match power(count) {
        Some(power) => {
            let (kept, lost) = (number / power, number % power);
            (kept, lost, lost.cmp(&(power - lost)))
        }
        None => (0, number, std::cmp::Ordering::Less),
    };
    if lost == 0 {
        return Some((kept, true));
    }
    let up = match rounding {
        "ROUND_HALF_EVEN" => half.is_gt() || half.is_eq() && kept % 2 == 1,
        "ROUND_HALF_UP" => half.is_ge(),
        "ROUND_HALF_DOWN" => half.is_gt(),
        "ROUND_DOWN" => false,
        "ROUND_UP" => true,
        "ROUND_CEILING" => !negative,
        "ROUND_FLOOR" => negative,
        "ROUND_05UP" => kept % 5 == 0,
        _ => return None,
    };
    Some((kept + i128::from(up), false))
}

fn made(vm: &mut Vm, x: Finite) -> Value {
    let class = vm.extension::<Known>().class.clone();
    class.map_or(Value::None, |class| of_class(&class, x))
}

fn of_class(class: &Rc<Class>, x: Finite) -> Value {
    let number = i64::try_from(x.number).map_or_else(|_| Value::int(x.number.into()), Value::Int);
    let decimal = Decimal { negative: x.negative, number, exponent: x.exponent, kind: None };
    Instance::create(class, Payload::native(decimal))
}

pub(super) const FUNCTIONS: &[Row] = &[
    native("_as(cls, sign, number, exponent, kind='', /)", |vm, args| {
        let [Value::Class(class), sign, number, exponent, kind] = args else { return Ok(Value::None) };
        let kind = kind.as_str().is_some_and(|kind| !kind.is_empty()).then(|| kind.clone());
        let exponent = vm.to_i64(exponent)?;
        let number = number.as_bigint().map_or(Value::Int(0), Value::int);
        let decimal = Decimal { negative: vm.truth(sign)?, number, exponent, kind };
        Ok(Instance::create(class, Payload::native(decimal)))
    }),
    native("_complete(cls, current, /)", |vm, args| {
        if let Value::Class(class) = &args[0] {
            let limits = vm.intern("_limits");
            *vm.extension::<Known>() = Known { class: Some(class.clone()), current: args[1].clone(), limits };
            take_over(vm, class, &[METHODS]);
        }
        Ok(Value::None)
    }),
    // What the page itself reads of a number.
    native("_open(cls, /)", |_, args| {
        if let Value::Class(class) = &args[0] {
            class.add_methods(PARTS);
        }
        Ok(Value::None)
    }),
];

const PARTS: &[Row] = &[
    getter("_s", |vm, value| Ok(Value::Int(this!(vm, value, Decimal).negative.into()))),
    getter("_c", |vm, value| Ok(this!(vm, value, Decimal).number.clone())),
    getter("_e", |vm, value| Ok(Value::Int(this!(vm, value, Decimal).exponent))),
    getter("_k", |vm, value| {
        let kind = this!(vm, value, Decimal).kind.clone();
        Ok(kind.unwrap_or_else(|| Value::Str(vm.intern(""))))
    }),
];

/// The row of an operator: its result is what a function finds, else what the page does.
macro_rules! operator {
    ($signature:literal, $name:literal, |$a:ident, $b:ident, $limits:ident| $result:expr) => {
        method($signature, |vm, args| {
            if let (Some($a), Some($b)) = (Finite::of(&args[0]), Finite::of(&args[1])) {
                if let Some($limits) = limits(vm)? {
                    let found: Option<Finite> = $result;
                    if let Some((x, status)) = found.and_then(|x| $limits.rounded(x)) {
                        if $limits.note(vm, status)? {
                            return Ok(made(vm, x));
                        }
                    }
                }
            }
            method_by_page(vm, $name, args)
        })
    };
}

/// The row of a comparison.
macro_rules! compare {
    ($signature:literal, $name:literal, $op:ident) => {
        method($signature, |vm, args| {
            if let (Some(a), Some(b)) = (Finite::of(&args[0]), Finite::of(&args[1])) {
                if let Some((a, b, _)) = a.aligned(b) {
                    return vm.compare(CmpOp::$op, &Value::int(a.into()), &Value::int(b.into()));
                }
            }
            method_by_page(vm, $name, args)
        })
    };
}

fn method_by_page(vm: &mut Vm, name: &str, args: &[Value]) -> Result {
    let class = vm.class_of(&args[0]);
    by_page(vm, &class, name, args, &[])
}

fn sum(a: Finite, b: Finite, limits: &Limits) -> Option<Finite> {
    let (x, y, exponent) = a.aligned(b)?;
    let total = x.checked_add(y)?;
    let negative = match total {
        0 if x == 0 && a.negative == b.negative => a.negative,
        0 => limits.rounding() == "ROUND_FLOOR",
        total => total < 0,
    };
    Some(Finite { negative, number: total.checked_abs()?, exponent })
}

fn product(a: Finite, b: Finite) -> Option<Finite> {
    let number = a.number.checked_mul(b.number)?;
    Some(Finite { negative: a.negative != b.negative, number, exponent: a.exponent + b.exponent })
}

fn quotient(a: Finite, b: Finite, limits: &Limits) -> Option<Finite> {
    let (negative, ideal) = (a.negative != b.negative, a.exponent - b.exponent);
    if a.number == 0 || b.number == 0 {
        return (b.number != 0).then_some(Finite { negative, number: 0, exponent: ideal });
    }
    // With more digits than asked for; the last one says whether there would be more.
    let shift = digits(b.number) - digits(a.number) + limits.precision + 1;
    if !(0..=60).contains(&shift) {
        return None;
    }
    let (number, exact) = match power(shift).and_then(|power| a.number.checked_mul(power)) {
        Some(scaled) => (scaled / b.number, scaled % b.number == 0),
        None => {
            let scaled = BigInt::from(a.number) * BigInt::from(10).pow(shift as u32);
            let (number, rest) = (&scaled / b.number, &scaled % b.number);
            (number.to_i128()?, rest == BigInt::ZERO)
        }
    };
    let (mut number, mut exponent) = (number, ideal - shift);
    if exact {
        // As few digits as can be.
        while exponent < ideal && number % 10 == 0 {
            number /= 10;
            exponent += 1;
        }
    } else {
        number += i128::from(number % 5 == 0);
    }
    Some(Finite { negative, number, exponent })
}

/// The number with another sign.
fn signed(vm: &mut Vm, args: &[Value], name: &str, sign: fn(bool) -> bool) -> Result {
    if let Some(x) = Finite::of(&args[0]).filter(|x| x.number != 0) {
        if limits(vm)?.is_some_and(|limits| limits.hold(x)) {
            return Ok(made(vm, Finite { negative: sign(x.negative), ..x }));
        }
    }
    method_by_page(vm, name, args)
}

/// Text of digits with a point among them and an exponent behind.
fn read(text: &str) -> Option<Finite> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (text, exponent) = match text.split_once(['e', 'E']) {
        Some((text, exponent)) if exponent.len() <= 6 => (text, exponent.parse::<i64>().ok()?),
        Some(_) => return None,
        None => (text, 0),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let (mut number, mut any) = (0i128, false);
    for digit in whole.bytes().chain(fraction.bytes()) {
        any = true;
        number =
            number.checked_mul(10)?.checked_add(i128::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?))?;
    }
    any.then_some(Finite { negative, number, exponent: exponent - fraction.len() as i64 })
}

fn new(vm: &mut Vm, args: &[Value]) -> Result {
    if let [Value::Class(class), value] = args {
        let x = match value {
            Value::Str(text) => read(text.as_str()),
            Value::Int(_) => Finite::of(value),
            _ => None,
        };
        if let Some(x) = x {
            return Ok(of_class(class, x));
        }
    }
    let own = vm.extension::<Known>().class.clone();
    own.map_or(Ok(Value::None), |own| by_page(vm, &own, "__new__", args, &[]))
}

/// As it is usually written, unless that takes an exponent.
fn shown(x: Finite) -> Option<String> {
    let digits = x.number.to_string();
    let left = digits.len() as i64 + x.exponent;
    if x.exponent > 0 || left <= -6 {
        return None;
    }
    let sign = if x.negative { "-" } else { "" };
    Some(match usize::try_from(left) {
        Ok(left) if left == digits.len() => format!("{sign}{digits}"),
        Ok(left) if left > 0 => format!("{sign}{}.{}", &digits[..left], &digits[left..]),
        _ => format!("{sign}0.{}{digits}", "0".repeat(left.unsigned_abs() as usize)),
    })
}

const METHODS: &[Row] = &[
    static_method("__new__(cls, /, *args, **kwargs)", |vm, args| {
        let mut all = vec![args[0].clone()];
        all.extend_from_slice(super::support::items(&args[1]));
        let own = vm.extension::<Known>().class.clone();
        let named = super::support::keywords(&args[2]);
        own.map_or(Ok(Value::None), |own| by_page(vm, &own, "__new__", &all, &named))
    })
    .or_plain(new),
    operator!("__add__(value, /)", "__add__", |a, b, limits| sum(a, b, &limits)),
    operator!("__radd__(value, /)", "__radd__", |a, b, limits| sum(b, a, &limits)),
    operator!("__sub__(value, /)", "__sub__", |a, b, limits| sum(a, Finite { negative: !b.negative, ..b }, &limits)),
    operator!("__rsub__(value, /)", "__rsub__", |a, b, limits| sum(b, Finite { negative: !a.negative, ..a }, &limits)),
    operator!("__mul__(value, /)", "__mul__", |a, b, limits| product(a, b)),
    operator!("__rmul__(value, /)", "__rmul__", |a, b, limits| product(b, a)),
    operator!("__truediv__(value, /)", "__truediv__", |a, b, limits| quotient(a, b, &limits)),
    operator!("__rtruediv__(value, /)", "__rtruediv__", |a, b, limits| quotient(b, a, &limits)),
    compare!("__eq__(other, /)", "__eq__", Eq),
    compare!("__lt__(other, /)", "__lt__", Lt),
    compare!("__le__(other, /)", "__le__", LtE),
    compare!("__gt__(other, /)", "__gt__", Gt),
    compare!("__ge__(other, /)", "__ge__", GtE),
    method("__neg__()", |vm, args| signed(vm, args, "__neg__", |negative| !negative)),
    method("__abs__()", |vm, args| signed(vm, args, "__abs__", |_| false)),
    method("__pos__()", |vm, args| signed(vm, args, "__pos__", |negative| negative)),
    method("__bool__()", |vm, args| match Finite::of(&args[0]) {
        Some(x) => Ok(Value::bool(x.number != 0)),
        None => method_by_page(vm, "__bool__", args),
    }),
    method("__str__()", |vm, args| match Finite::of(&args[0]).and_then(shown) {
        Some(text) => Ok(Value::string(text)),
        None => method_by_page(vm, "__str__", args),
    }),
    method("__hash__()", |vm, args| match Finite::of(&args[0]).filter(|x| x.exponent.abs() < 1000) {
        Some(x) => {
            // The inverse of 10 stands for a tenth.
            let base = if x.exponent < 0 { 2_075_258_708_292_324_556 } else { 10 };
            let times = |hash, by| hash * by % MODULUS;
            let hash =
                (0..x.exponent.abs()).fold(x.number.unsigned_abs() % MODULUS, |hash, _| times(hash, base)) as i64;
            Ok(Value::Int(match if x.negative { -hash } else { hash } {
                -1 => -2,
                hash => hash,
            }))
        }
        None => method_by_page(vm, "__hash__", args),
    }),
    method("__int__()", |vm, args| {
        let whole = |x: Finite| match x.exponent {
            0.. => x.signed().checked_mul(power(x.exponent)?),
            _ => Some(power(-x.exponent).map_or(0, |power| x.signed() / power)),
        };
        match Finite::of(&args[0]).and_then(whole) {
            Some(n) => Ok(Value::int(n.into())),
            None => method_by_page(vm, "__int__", args),
        }
    }),
    method("__float__()", |vm, args| match Finite::of(&args[0]) {
        Some(x) => {
            let sign = if x.negative { "-" } else { "" };
            let text = format!("{sign}{}e{}", x.number, x.exponent);
            Ok(Value::float(text.parse().unwrap_or(f64::NAN)))
        }
        None => method_by_page(vm, "__float__", args),
    }),
    method("quantize(*args, **kwargs)", |vm, args| {
        let mut all = vec![args[0].clone()];
        all.extend_from_slice(super::support::items(&args[1]));
        quantize(vm, &all, &super::support::keywords(&args[2]))
    })
    .or_plain(|vm, args| quantize(vm, args, &[])),
    method("__round__(ndigits=None, /)", |vm, args| {
        let found = match (Finite::of(&args[0]), &args[1]) {
            (Some(x), Value::Int(places)) => quantized(vm, x, places.saturating_neg(), None)?,
            _ => None,
        };
        found.map_or_else(|| method_by_page(vm, "__round__", args), Ok)
    }),
    method("__format__(spec, /)", |vm, args| {
        let found = match (Finite::of(&args[0]), args[1].as_str().and_then(|spec| places(spec.as_str()))) {
            (Some(x), Some((comma, places))) => {
                limits(vm)?.and_then(|limits| fixed(x, limits.rounding(), comma, places))
            }
            _ => None,
        };
        found.map_or_else(|| method_by_page(vm, "__format__", args), |text| Ok(Value::string(text)))
    }),
];

/// `quantize(exp, rounding=None, context=None)`
fn quantize(vm: &mut Vm, args: &[Value], named: &[Named]) -> Result {
    let (exp, rounding) = match (args, named) {
        ([_, exp], []) => (exp, &Value::None),
        ([_, exp, rounding], []) => (exp, rounding),
        ([_, exp], [(name, rounding)]) if name.as_str() == "rounding" => (exp, rounding),
        _ => (&Value::None, &Value::None),
    };
    let rounding = match rounding {
        Value::None => Some(None),
        rounding => rounding.as_str().map(|rounding| Some(rounding.as_str())),
    };
    if let (Some(x), Some(exp), Some(rounding)) = (Finite::of(&args[0]), Finite::of(exp), rounding) {
        if let Some(found) = quantized(vm, x, exp.exponent, rounding)? {
            return Ok(found);
        }
    }
    let class = vm.class_of(&args[0]);
    by_page(vm, &class, "quantize", args, named)
}

fn quantized(vm: &mut Vm, x: Finite, exponent: i64, rounding: Option<&str>) -> Result<Option<Value>> {
    let Some(limits) = limits(vm)? else { return Ok(None) };
    let rounding = rounding.unwrap_or(limits.rounding());
    let Some((number, exact)) = at_exponent(x, exponent, rounding) else { return Ok(None) };
    let status = match exact {
        _ if x.exponent >= exponent || x.number == 0 => 0,
        true => ROUNDED,
        false => ROUNDED | INEXACT,
    };
    let quantized = Finite { number, exponent, ..x };
    // An unknown rounding is refused even where nothing is rounded.
    let known = without(rounding, false, 1, 1).is_some();
    if known && limits.hold(quantized) && limits.note(vm, status)? {
        return Ok(Some(made(vm, quantized)));
    }
    Ok(None)
}

/// The digits of a number with another exponent, and whether they are all.
fn at_exponent(x: Finite, exponent: i64, rounding: &str) -> Option<(i128, bool)> {
    match x.exponent.checked_sub(exponent)? {
        more @ 0.. => Some((x.number.checked_mul(power(more)?)?, true)),
        less => without(rounding, x.negative, x.number, less.checked_neg()?),
    }
}

/// The places of a format like `.2f` or `,.2f`, and whether it has the comma.
fn places(spec: &str) -> Option<(bool, usize)> {
    let (comma, spec) = spec.strip_prefix(',').map_or((false, spec), |spec| (true, spec));
    let places = spec.strip_prefix('.')?.strip_suffix('f')?;
    let plain = places.len() <= 2 && places.bytes().all(|digit| digit.is_ascii_digit());
    Some((comma, places.parse().ok().filter(|_| plain)?))
}

fn fixed(x: Finite, rounding: &str, comma: bool, places: usize) -> Option<String> {
    let (number, _) = at_exponent(x, -(places as i64), rounding)?;
    let digits = format!("{number:0width$}", width = places + 1);
    let (whole, rest) = digits.split_at(digits.len() - places);
    let mut text = if x.negative { "-".to_owned() } else { String::new() };
    for (at, digit) in whole.char_indices() {
        if comma && at > 0 && (whole.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    if places > 0 {
        text.push('.');
        text.push_str(rest);
    }
    Some(text)
}
