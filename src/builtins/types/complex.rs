//! `complex`.

use super::number::{self, Kind, Operators, receiver};
use super::{new_class, special};
use crate::builtins::prelude::*;
use crate::text::complex as complexes;

/// `complex` and its subclasses.
pub struct Complex;

impl Kind for Complex {
    const NAME: &'static str = "complex";

    fn is(value: &Value) -> bool {
        matches!(value, Value::Complex(_))
    }

    fn takes(value: &Value) -> bool {
        matches!(value, Value::Complex(_) | Value::Float(_)) || value.is_int()
    }
}

pub fn install(vm: &mut Vm) {
    let class = vm.types.complex.clone();
    for rows in [METHODS, Operators::<Complex>::ARITHMETIC, special::COMPARISONS] {
        class.add_methods(rows);
    }
}

const METHODS: &[Row] = &[
    static_method("__new__(cls, real=<unrepresentable>, imag=<unrepresentable>)", new),
    method("conjugate()", |vm, args| parts(vm, &args[0]).map(|(re, im)| Value::complex(re, -im))),
    method("__complex__()", |vm, args| parts(vm, &args[0]).map(|(re, im)| Value::complex(re, im))),
    special::member("real", |vm, this| parts(vm, this).map(|(re, _)| Value::float(re))),
    special::member("imag", |vm, this| parts(vm, this).map(|(_, im)| Value::float(im))),
    method("__format__(format_spec, /)", number::format),
    method("__getnewargs__()", |vm, args| {
        let (re, im) = parts(vm, &args[0])?;
        Ok(Value::tuple([Value::float(re), Value::float(im)]))
    }),
];

fn parts(vm: &mut Vm, value: &Value) -> Result<(f64, f64)> {
    match receiver::<Complex>(vm, value)? {
        Value::Complex(z) => Ok(**z),
        _ => Ok((0.0, 0.0)),
    }
}

fn new(vm: &mut Vm, args: &[Value]) -> Result {
    let base = vm.types.complex.clone();
    let class = new_class(vm, &args[0], &base)?;
    let (real, imag) = (&args[1], &args[2]);
    if let Some(text) = real.as_str() {
        if !imag.is_unbound() {
            return Err(vm.type_error("complex() can't take second arg if first is a string"));
        }
        let (re, im) = complexes::parse_complex(text.as_str()).map_err(|fault| vm.from_fault(fault))?;
        return Ok(vm.wrap(&class, Value::complex(re, im)));
    }
    if imag.as_str().is_some() {
        return Err(vm.type_error("complex() second arg can't be a string"));
    }
    if matches!(real, Value::Complex(_)) && imag.is_unbound() && std::rc::Rc::ptr_eq(&class, &base) {
        return Ok(real.clone());
    }
    let (mut re, mut im) = match real {
        Value::Unbound => (0.0, 0.0),
        real => match complex_part(vm, real)? {
            Some(z) => z,
            None => {
                return Err(vm.type_error(format!(
                    "complex() first argument must be a string or a number, not '{}'",
                    vm.type_name(real)
                )));
            }
        },
    };
    if !imag.is_unbound() {
        let real_is_complex = matches!(real.unwrapped(), Value::Complex(_))
            || crate::machine::ops::is_object(real) && vm.has_special(real, sym::__complex__);
        match imag.unwrapped() {
            // The imaginary part may be complex itself: its own imaginary part turns real.
            Value::Complex(z) => {
                re -= z.1;
                im = if real_is_complex { im + z.0 } else { z.0 };
            }
            _ => match real_part(vm, imag)? {
                Some(x) => im = if real_is_complex { im + x } else { x },
                None => {
                    let name = vm.type_name(imag);
                    let message = format!("complex() second argument must be a number, not '{name}'");
                    return Err(vm.type_error(message));
                }
            },
        }
    }
    Ok(vm.wrap(&class, Value::complex(re, im)))
}

fn real_part(vm: &mut Vm, value: &Value) -> Result<Option<f64>> {
    let object = crate::machine::ops::is_object(value);
    let own = object && (vm.has_special(value, sym::__float__) || vm.has_special(value, sym::__index__));
    if own || super::float::Real::takes(value.unwrapped()) { vm.converted_to_f64(value).map(Some) } else { Ok(None) }
}

/// A number as a complex one; `None` if the value is no number.
pub fn complex_part(vm: &mut Vm, value: &Value) -> Result<Option<(f64, f64)>> {
    if let Some(result) = vm.call_script(value, sym::__complex__, &[])? {
        return match result.unwrapped() {
            Value::Complex(z) => {
                if !matches!(result, Value::Complex(_)) {
                    let found = vm.type_name(&result);
                    let message = format!(
                        "__complex__ returned non-complex (type {found}).  The ability to return an instance of a strict \
                         subclass of complex is deprecated, and may be removed in a future version of Python."
                    );
                    vm.warn(vm.types.DeprecationWarning.clone(), &message)?;
                }
                Ok(Some(**z))
            }
            _ => Err(vm.type_error(format!("__complex__ returned non-complex (type {})", vm.type_name(&result)))),
        };
    }
    match value.unwrapped() {
        Value::Complex(z) => Ok(Some(**z)),
        _ => Ok(real_part(vm, value)?.map(|x| (x, 0.0))),
    }
}
