//! `float`.

use super::number::{self, Kind, Operators, receiver};
use super::{new_class, special};
use crate::builtins::prelude::*;
use crate::machine::sequence::bytes_of;
use crate::text::{Fault, float as floats, int as ints};

/// `float` and its subclasses.
pub struct Real;

impl Kind for Real {
    const NAME: &'static str = "float";

    fn is(value: &Value) -> bool {
        matches!(value, Value::Float(_))
    }

    fn takes(value: &Value) -> bool {
        matches!(value, Value::Float(_)) || value.is_int()
    }
}

pub fn install(vm: &mut Vm) {
    let class = vm.types.float.clone();
    type Rows = Operators<Real>;
    for rows in [METHODS, Rows::ARITHMETIC, Rows::REAL, special::COMPARISONS] {
        class.add_methods(rows);
    }
}

const METHODS: &[Row] = &[
    static_method("__new__(cls, x=0, /)", |vm, args| {
        let base = vm.types.float.clone();
        let class = new_class(vm, &args[0], &base)?;
        let x = float(vm, &args[1])?;
        Ok(vm.wrap(&class, Value::float(x)))
    })
    .or_quick(|vm, args| match args {
        [Value::Class(class), value] if std::rc::Rc::ptr_eq(class, &vm.types.float) => match value {
            Value::Int(n) => Some(Value::float(*n as f64)),
            Value::Float(x) => Some(Value::Float(*x)),
            _ => None,
        },
        _ => None,
    }),
    method("as_integer_ratio()", |vm, args| {
        let x = this_float(vm, &args[0])?;
        match floats::as_integer_ratio(x) {
            Ok((numerator, denominator)) => Ok(Value::tuple([numerator.into(), denominator.into()])),
            Err(fault) => Err(vm.from_fault(fault)),
        }
    }),
    method("conjugate()", plain),
    class_method("fromhex(string, /)", |vm, args| {
        let Some(text) = args[1].as_str() else {
            return Err(vm.type_error("bad argument type for built-in operation"));
        };
        let x = floats::fromhex(text.as_str()).map(Value::float).map_err(|fault| vm.from_fault(fault))?;
        match &args[0] {
            Value::Class(exact) if std::rc::Rc::ptr_eq(exact, &vm.types.float) => Ok(x),
            class => vm.call(class, &[x]),
        }
    }),
    method("hex()", |vm, args| Ok(Value::string(floats::hex(this_float(vm, &args[0])?)))),
    method("is_integer()", |vm, args| Ok(Value::bool(floats::is_integer(this_float(vm, &args[0])?)))),
    getter("real", |vm, this| this_float(vm, this).map(Value::float)),
    getter("imag", |vm, this| this_float(vm, this).map(|_| Value::float(0.0))),
    method("__float__()", plain),
    method("__int__()", trunc),
    method("__trunc__()", trunc),
    method("__floor__()", |vm, args| {
        let x = this_float(vm, &args[0])?;
        integer(vm, floats::to_int(x.floor()))
    }),
    method("__ceil__()", |vm, args| {
        let x = this_float(vm, &args[0])?;
        integer(vm, floats::to_int(x.ceil()))
    }),
    method("__round__(ndigits=None, /)", |vm, args| {
        let x = this_float(vm, &args[0])?;
        round_float(vm, x, &args[1])
    }),
    method("__format__(format_spec, /)", number::format),
    method("__getnewargs__()", |vm, args| Ok(Value::tuple([Value::float(this_float(vm, &args[0])?)]))),
    class_method("__getformat__(typestr, /)", |vm, args| match args[1].as_str().map(|kind| kind.as_str()) {
        Some("double" | "float") => Ok(Value::str("IEEE, little-endian")),
        None => Err(vm.type_error(format!("__getformat__() argument must be str, not {}", vm.type_name(&args[1])))),
        _ => Err(vm.value_error("__getformat__() argument 1 must be 'double' or 'float'")),
    }),
];

fn this_float(vm: &mut Vm, value: &Value) -> Result<f64> {
    match receiver::<Real>(vm, value)? {
        Value::Float(x) => Ok(x.get()),
        _ => Ok(0.0),
    }
}

/// `float(x)`
pub fn float(vm: &mut Vm, x: &Value) -> Result<f64> {
    if let Value::Float(x) = x {
        return Ok(x.get());
    }
    let object = crate::machine::ops::is_object(x);
    let own = object && (vm.has_special(x, sym::__float__) || vm.has_special(x, sym::__index__));
    if own || Real::takes(x.unwrapped()) {
        return vm.converted_to_f64(x);
    }
    if let Some(text) = x.as_str() {
        return floats::parse_float(text.as_str()).ok_or_else(|| vm.from_fault(floats::not_a_float(text.as_str())));
    }
    if let Some(bytes) = bytes_of(x) {
        return match floats::parse_float_bytes(&bytes) {
            Some(x) => Ok(x),
            None => {
                let shown = vm.repr(x)?;
                Err(vm.value_error(format!("could not convert string to float: {shown}")))
            }
        };
    }
    Err(vm.type_error(format!("float() argument must be a string or a real number, not '{}'", vm.type_name(x))))
}

fn plain(vm: &mut Vm, args: &[Value]) -> Result {
    this_float(vm, &args[0]).map(Value::float)
}

fn integer(vm: &mut Vm, n: std::result::Result<ints::Int, Fault>) -> Result {
    n.map(Value::from).map_err(|fault| vm.from_fault(fault))
}

fn trunc(vm: &mut Vm, args: &[Value]) -> Result {
    let x = this_float(vm, &args[0])?;
    integer(vm, floats::to_int(x))
}

/// `round(x, digits)`
pub fn round_float(vm: &mut Vm, x: f64, digits: &Value) -> Result {
    let Some(digits) = digits.given() else { return integer(vm, floats::to_int(x.round_ties_even())) };
    let digits = vm.index(digits)?;
    let digits = special::position(vm, &digits)?;
    floats::round_to(x, digits).map(Value::float).map_err(|fault| vm.from_fault(fault))
}
