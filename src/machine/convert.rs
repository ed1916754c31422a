//! Objects as numbers: `__index__`, `__int__`, `__float__`, and the errors for what is none.

use num_bigint::BigInt;

use crate::machine::ops::is_object;
use crate::machine::{Vm, number};
use crate::object::{Result, Value};
use crate::symbol::sym;
use crate::text::float as floats;

impl Vm {
    /// An object as an exact `int`, as indices and counts are: `__index__`.
    pub fn index(&mut self, value: &Value) -> Result {
        match self.index_opt(value)? {
            Some(index) => Ok(index),
            None => {
                let name = self.type_name(value);
                Err(self.type_error(format!("'{}' object cannot be interpreted as an integer", name.as_str())))
            }
        }
    }

    /// [`Vm::index`], or `None` for an object without `__index__`.
    pub fn index_opt(&mut self, value: &Value) -> Result<Option<Value>> {
        match value.unwrapped() {
            Value::Int(n) => return Ok(Some(Value::Int(*n))),
            Value::Bool(b) => return Ok(Some(Value::Int(i64::from(*b)))),
            big @ Value::BigInt(_) => return Ok(Some(big.clone())),
            _ => {}
        }
        if !is_object(value) {
            return Ok(None);
        }
        let Some(result) = self.call_special(value, sym::__index__, &[])? else { return Ok(None) };
        match result.unwrapped() {
            Value::Bool(b) => Ok(Some(Value::Int(i64::from(*b)))),
            n @ (Value::Int(_) | Value::BigInt(_)) => Ok(Some(n.clone())),
            _ => {
                let name = self.type_name(&result);
                Err(self.type_error(format!("__index__ returned non-int (type {})", name.as_str())))
            }
        }
    }

    /// An index or count that has to fit a machine word.
    pub fn to_i64(&mut self, value: &Value) -> Result<i64> {
        if let Value::Int(n) = value {
            return Ok(*n);
        }
        match self.index(value)? {
            Value::Int(n) => Ok(n),
            _ => Err(self.overflow_error("Python int too large to convert to C ssize_t")),
        }
    }

    /// An object as an integer of any size.
    pub fn to_bigint(&mut self, value: &Value) -> Result<BigInt> {
        let index = self.index(value)?;
        Ok(index.as_bigint().unwrap_or_default())
    }

    /// An object as a float: `float(value)` for everything but text.
    pub fn to_f64(&mut self, value: &Value) -> Result<f64> {
        match value {
            Value::Float(x) => return Ok(*x),
            Value::Int(n) => return Ok(*n as f64),
            _ => {}
        }
        if let Some(result) = self.call_script(value, sym::__float__, &[])? {
            if let Value::Float(x) = result.unwrapped() {
                return Ok(*x);
            }
            let (name, other) = (self.type_name(value), self.type_name(&result));
            let message = format!("{}.__float__ returned non-float (type {})", name.as_str(), other.as_str());
            return Err(self.type_error(message));
        }
        if let Value::Float(x) = value.unwrapped() {
            return Ok(*x);
        }
        match self.index_opt(value)? {
            Some(Value::Int(n)) => Ok(n as f64),
            Some(Value::BigInt(n)) => number::big_to_f64(self, &n),
            _ => {
                let name = self.type_name(value);
                Err(self.type_error(format!("must be real number, not {}", name.as_str())))
            }
        }
    }

    /// A number as an `int`, towards zero: `int(value)` of everything but text. `None` if it is no number.
    pub fn to_int(&mut self, value: &Value) -> Result<Option<Value>> {
        for name in [sym::__int__, sym::__index__, sym::__trunc__] {
            if let Some(result) = self.call_script(value, name, &[])? {
                return match result.unwrapped() {
                    Value::Bool(b) => Ok(Some(Value::Int(i64::from(*b)))),
                    n @ (Value::Int(_) | Value::BigInt(_)) => Ok(Some(n.clone())),
                    _ => {
                        let (method, name) = (self.name(name).clone(), self.type_name(&result));
                        let message = format!("{} returned non-int (type {})", method.as_str(), name.as_str());
                        Err(self.type_error(message))
                    }
                };
            }
        }
        match value.unwrapped() {
            Value::Float(x) => match floats::to_int(*x) {
                Ok(n) => Ok(Some(n.into())),
                Err(fault) => Err(self.from_fault(fault)),
            },
            _ => self.index_opt(value),
        }
    }
}
