//! `int`.

use num_bigint::BigInt;

use super::number::{self, Kind, Operators, receiver};
use super::{new_class, special, text_argument};
use crate::builtins::prelude::*;
use crate::machine::sequence::bytes_of;
use crate::machine::text::DigitLimit;
use crate::text::int as ints;

/// `int` and its subclasses.
pub struct Integer;

impl Kind for Integer {
    const NAME: &'static str = "int";

    fn is(value: &Value) -> bool {
        value.is_int()
    }

    fn takes(value: &Value) -> bool {
        value.is_int()
    }
}

pub fn install(vm: &mut Vm) {
    let class = vm.types.int.clone();
    type Rows = Operators<Integer>;
    for rows in [METHODS, Rows::ARITHMETIC, Rows::REAL, Rows::BITWISE, special::COMPARISONS] {
        class.add_methods(rows);
    }
}

const METHODS: &[Row] = &[
    static_method("__new__(cls, x=<unrepresentable>, /, base=<unrepresentable>)", new).or_quick(
        |vm, args| match args {
            [Value::Class(class), value] if std::rc::Rc::ptr_eq(class, &vm.types.int) => match value {
                Value::Int(n) => Some(Value::Int(*n)),
                Value::Float(x) if x.get().abs() < 9e18 => Some(Value::Int(x.get() as i64)),
                Value::Str(text) => {
                    let digits = text.strip_prefix('-').unwrap_or(text.as_str());
                    let plain = digits.bytes().all(|b| b.is_ascii_digit());
                    text.parse().ok().filter(|_| plain).map(Value::Int)
                }
                _ => None,
            },
            _ => None,
        },
    ),
    method("as_integer_ratio()", |vm, args| Ok(Value::tuple([exact(vm, &args[0])?, Value::Int(1)]))),
    method("bit_count()", |vm, args| {
        Ok(Value::Int(match exact(vm, &args[0])? {
            Value::Int(n) => i64::from(ints::bit_count(n)),
            n => ints::big_bit_count(&n.as_bigint().unwrap_or_default()) as i64,
        }))
    })
    .or_quick(|_, args| of_small(args, ints::bit_count)),
    method("bit_length()", |vm, args| {
        Ok(Value::Int(match exact(vm, &args[0])? {
            Value::Int(n) => i64::from(ints::bit_length(n)),
            n => ints::big_bit_length(&n.as_bigint().unwrap_or_default()) as i64,
        }))
    })
    .or_quick(|_, args| of_small(args, ints::bit_length)),
    method("conjugate()", plain),
    class_method("from_bytes(bytes, byteorder='big', *, signed=False)", from_bytes),
    method("is_integer()", |vm, args| {
        exact(vm, &args[0])?;
        Ok(Value::bool(true))
    }),
    method("to_bytes(length=1, byteorder='big', *, signed=False)", to_bytes),
    getter("real", get_plain),
    getter("imag", |vm, this| receiver::<Integer>(vm, this).map(|_| Value::Int(0))),
    getter("numerator", get_plain),
    getter("denominator", |vm, this| receiver::<Integer>(vm, this).map(|_| Value::Int(1))),
    method("__int__()", plain),
    method("__index__()", plain),
    method("__trunc__()", plain),
    method("__floor__()", plain),
    method("__ceil__()", plain),
    method("__float__()", float),
    method("__round__(ndigits=<unrepresentable>, /)", |vm, args| {
        let n = exact(vm, &args[0])?;
        if args[1].is_none() {
            return vm.index(&args[1]);
        }
        round_int(vm, n, &args[1])
    }),
    method("__format__(format_spec, /)", number::format),
    method("__getnewargs__()", |vm, args| Ok(Value::tuple([exact(vm, &args[0])?]))),
    method("__sizeof__()", |vm, args| {
        let bits = ints::big_bit_length(&big(vm, &args[0])?);
        Ok(Value::Int(24 + 4 * (bits.div_ceil(30).max(1) as i64)))
    }),
];

/// A method of a small integer; `None` says nothing.
fn of_small(args: &[&Value], method: fn(i64) -> u32) -> Option<Value> {
    match args {
        [Value::Int(n)] => Some(Value::Int(method(*n).into())),
        _ => None,
    }
}

fn new(vm: &mut Vm, args: &[Value]) -> Result {
    let class = match &args[0] {
        Value::Class(class) if std::rc::Rc::ptr_eq(class, &vm.types.int) => class.clone(),
        other => {
            let base = vm.types.int.clone();
            new_class(vm, other, &base)?
        }
    };
    let (x, base) = (&args[1], &args[2]);
    let n = match (x.is_unbound(), base.is_unbound()) {
        (true, true) => Value::Int(0),
        (true, false) => return Err(vm.type_error("int() missing string argument")),
        (false, true) => int(vm, x)?,
        (false, false) => int_with_base(vm, x, base)?,
    };
    Ok(vm.wrap(&class, n))
}

/// `int(x)`
pub fn int(vm: &mut Vm, x: &Value) -> Result {
    if let Value::Int(_) = x {
        return Ok(x.clone());
    }
    if let Some(n) = vm.to_int(x)? {
        return Ok(n);
    }
    if let Some(n) = vm.truncated(x)? {
        return Ok(n);
    }
    match parse(vm, x, 10) {
        Some(result) => result,
        None => Err(vm.type_error(format!(
            "int() argument must be a string, a bytes-like object or a real number, not '{}'",
            vm.type_name(x)
        ))),
    }
}

fn int_with_base(vm: &mut Vm, x: &Value, base: &Value) -> Result {
    let base = match vm.index(base)? {
        Value::Int(n) => n,
        _ => i64::MAX,
    };
    if base != 0 && !(2..=36).contains(&base) {
        return Err(vm.value_error("int() base must be >= 2 and <= 36, or 0"));
    }
    if x.as_str().is_none() && !matches!(x.unwrapped(), Value::Bytes(_) | Value::ByteArray(_)) {
        return Err(vm.type_error("int() can't convert non-string with explicit base"));
    }
    match parse(vm, x, base) {
        Some(result) => result,
        None => Err(vm.type_error("int() can't convert non-string with explicit base")),
    }
}

/// The number that text or bytes spell; `None` for other values.
fn parse(vm: &mut Vm, x: &Value, base: i64) -> Option<Result> {
    let limit = vm.extension::<DigitLimit>().0;
    let parsed = match x.as_str() {
        Some(text) => ints::parse_int_limited(text.as_str(), base, limit),
        None => ints::parse_int_bytes(&bytes_of(x)?, base, limit),
    };
    Some(parsed.map(Value::from).map_err(|fault| vm.from_fault(fault)))
}

/// The instance as an exact `int`.
fn exact(vm: &mut Vm, value: &Value) -> Result {
    Ok(match receiver::<Integer>(vm, value)? {
        Value::Bool(b) => Value::Int(i64::from(b.get())),
        n => n.clone(),
    })
}

fn plain(vm: &mut Vm, args: &[Value]) -> Result {
    exact(vm, &args[0])
}

fn get_plain(vm: &mut Vm, this: &Value) -> Result {
    exact(vm, this)
}

fn big(vm: &mut Vm, value: &Value) -> Result<BigInt> {
    let n = exact(vm, value)?;
    Ok(n.as_bigint().unwrap_or_default())
}

fn float(vm: &mut Vm, args: &[Value]) -> Result {
    let n = exact(vm, &args[0])?;
    vm.to_f64(&n).map(Value::float)
}

/// `round(n, digits)`
pub fn round_int(vm: &mut Vm, n: Value, digits: &Value) -> Result {
    let Some(digits) = digits.given() else { return Ok(n) };
    let digits = vm.index(digits)?;
    let digits = special::position(vm, &digits)?;
    if digits >= 0 {
        return Ok(n);
    }
    Ok(ints::round_to(&n.as_bigint().unwrap_or_default(), digits).into())
}

/// Longer results are refused as too large for the memory.
const MAX_LENGTH: i64 = 1 << 32;

fn to_bytes(vm: &mut Vm, args: &[Value]) -> Result {
    let n = big(vm, &args[0])?;
    let length = vm.to_i64(&args[1])?;
    let order = text_argument(vm, &args[2], "to_bytes", "'byteorder'")?;
    let signed = vm.truth(&args[3])?;
    if length < 0 {
        return Err(vm.value_error("length argument must be non-negative"));
    }
    if length > MAX_LENGTH {
        return Err(vm.memory_error());
    }
    let bytes = ints::is_little(order.as_str())
        .and_then(|little| ints::to_bytes(&n, length as usize, little, signed))
        .map_err(|fault| vm.from_fault(fault))?;
    Ok(Value::bytes(bytes))
}

fn from_bytes(vm: &mut Vm, args: &[Value]) -> Result {
    let [class, source, order, signed] = args else { return Ok(Value::Unbound) };
    let order = text_argument(vm, order, "from_bytes", "'byteorder'")?;
    let little = ints::is_little(order.as_str()).map_err(|fault| vm.from_fault(fault))?;
    let signed = vm.truth(signed)?;
    let bytes = to_byte_string(vm, source)?;
    let n: Value = ints::from_bytes(&bytes, little, signed).into();
    match class {
        Value::Class(exact) if std::rc::Rc::ptr_eq(exact, &vm.types.int) => Ok(n),
        class => vm.call(class, &[n]),
    }
}

/// What `from_bytes` reads: bytes, an object with `__bytes__`, or small integers.
fn to_byte_string(vm: &mut Vm, source: &Value) -> Result<Vec<u8>> {
    if let Some(bytes) = bytes_of(source) {
        return Ok(bytes);
    }
    if let Some(result) = vm.call_special(source, sym::__bytes__, &[])? {
        if let Some(bytes) = bytes_of(&result) {
            return Ok(bytes);
        }
        return Err(vm.type_error(format!("__bytes__ returned non-bytes (type {})", vm.type_name(&result))));
    }
    let refused = |vm: &mut Vm| vm.type_error(format!("cannot convert '{}' object to bytes", vm.type_name(source)));
    if source.as_str().is_some() {
        return Err(refused(vm));
    }
    let iterator = match vm.iter(source) {
        Err(error) if error.is(&vm.types.TypeError) => return Err(refused(vm)),
        iterator => iterator?,
    };
    let mut bytes = Vec::new();
    for item in vm.collect(&iterator)? {
        match vm.index(&item)? {
            Value::Int(n @ 0..=255) => bytes.push(n as u8),
            _ => return Err(vm.value_error("bytes must be in range(0, 256)")),
        }
    }
    Ok(bytes)
}
