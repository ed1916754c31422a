//! Objects as numbers: `__index__`, `__int__`, `__float__`, and the errors for what is none.

use num_bigint::BigInt;

use super::prelude::*;
use crate::machine::number;
use crate::machine::ops::is_object;
use crate::text::float as floats;

impl Vm {
    /// An object as an exact `int`, as indices and counts are: `__index__`.
    pub fn index(&mut self, value: &Value) -> Result {
        match self.index_opt(value)? {
            Some(index) => Ok(index),
            None => {
                let name = self.type_name(value);
                Err(self.operand_error(format!("'{name}' object cannot be interpreted as an integer"), &[value]))
            }
        }
    }

    /// [`Vm::index`], or `None` for an object without `__index__`.
    pub fn index_opt(&mut self, value: &Value) -> Result<Option<Value>> {
        match value.unwrapped() {
            Value::Int(n) => return Ok(Some(Value::Int(*n))),
            Value::Bool(b) => return Ok(Some(Value::Int(i64::from(b.get())))),
            big @ Value::BigInt(_) => return Ok(Some(big.clone())),
            _ => {}
        }
        if !is_object(value) {
            return Ok(None);
        }
        let Some(result) = self.call_special(value, sym::__index__, &[])? else { return Ok(None) };
        self.exact_int(&result, "__index__").map(Some)
    }

    /// What a method that has to return an `int` returned, as one; a subclass is warned of.
    fn exact_int(&mut self, result: &Value, method: &str) -> Result {
        if matches!(result, Value::Int(_) | Value::BigInt(_)) {
            return Ok(result.clone());
        }
        if !result.is_int() {
            return Err(self.type_error(format!("{method} returned non-int (type {})", self.type_name(result))));
        }
        self.warn_of_subclass(result, method, "int")?;
        Ok(match result.unwrapped() {
            Value::Bool(b) => Value::Int(i64::from(b.get())),
            n => n.clone(),
        })
    }

    /// Warns that a method returned an instance of a subclass of what it should.
    fn warn_of_subclass(&mut self, result: &Value, method: &str, wanted: &str) -> Result<()> {
        let name = self.type_name(result);
        let message = format!(
            "{method} returned non-{wanted} (type {name}).  The ability to return an instance of a strict subclass of \
             {wanted} is deprecated, and may be removed in a future version of Python."
        );
        self.warn(self.types.DeprecationWarning.clone(), &message)
    }

    /// An index or count that has to fit a machine word.
    pub fn to_i64(&mut self, value: &Value) -> Result<i64> {
        if let Value::Int(n) = value {
            return Ok(*n);
        }
        match self.index(value)? {
            Value::Int(n) => Ok(n),
            _ => Err(self.too_large_to_count()),
        }
    }

    /// An object as an integer of 32 bits.
    pub fn to_i32(&mut self, value: &Value) -> Result<i32> {
        let n = match self.index(value)? {
            Value::Int(n) => i32::try_from(n).ok(),
            _ => None,
        };
        n.ok_or_else(|| self.overflow_error("Python int too large to convert to C int"))
    }

    /// An object as an integer of any size.
    pub fn to_bigint(&mut self, value: &Value) -> Result<BigInt> {
        let index = self.index(value)?;
        Ok(index.as_bigint().unwrap_or_default())
    }

    /// A real number as a float, as functions take it.
    pub fn to_f64(&mut self, value: &Value) -> Result<f64> {
        match value {
            Value::Float(x) => return Ok(x.get()),
            Value::Int(n) => return Ok(*n as f64),
            _ => {}
        }
        // A float is the number it is, whatever its class makes of `__float__`.
        if let Value::Float(x) = value.unwrapped() {
            return Ok(x.get());
        }
        self.converted_to_f64(value)
    }

    /// What `float(value)` makes of a number: its `__float__` comes first, be it a float or not.
    pub fn converted_to_f64(&mut self, value: &Value) -> Result<f64> {
        if let Some(result) = self.call_script(value, sym::__float__, &[])? {
            if let Value::Float(x) = result.unwrapped() {
                if matches!(result, Value::Instance(_)) {
                    let method = format!("{}.__float__", self.type_name(value));
                    self.warn_of_subclass(&result, &method, "float")?;
                }
                return Ok(x.get());
            }
            let (name, other) = (self.type_name(value), self.type_name(&result));
            let message = format!("{name}.__float__ returned non-float (type {other})");
            return Err(self.type_error(message));
        }
        if let Value::Float(x) = value.unwrapped() {
            return Ok(x.get());
        }
        match self.index_opt(value)? {
            Some(Value::Int(n)) => Ok(n as f64),
            Some(Value::BigInt(n)) => number::big_to_f64(self, &n),
            _ => Err(self.type_error(format!("must be real number, not {}", self.type_name(value)))),
        }
    }

    /// A number as an `int`, towards zero, by its `__int__` or `__index__`. `None` if it is no number.
    pub fn to_int(&mut self, value: &Value) -> Result<Option<Value>> {
        if let Some(result) = self.call_script(value, sym::__int__, &[])? {
            return self.exact_int(&result, "__int__").map(Some);
        }
        match value.unwrapped() {
            Value::Float(x) => match floats::to_int(x.get()) {
                Ok(n) => Ok(Some(n.into())),
                Err(fault) => Err(self.from_fault(fault)),
            },
            _ => self.index_opt(value),
        }
    }

    /// `int(value)` of what has nothing but `__trunc__` for it.
    pub fn truncated(&mut self, value: &Value) -> Result<Option<Value>> {
        if !self.has_special(value, sym::__trunc__) {
            return Ok(None);
        }
        self.warn(self.types.DeprecationWarning.clone(), "The delegation of int() to __trunc__ is deprecated.")?;
        let Some(result) = self.call_script(value, sym::__trunc__, &[])? else { return Ok(None) };
        match self.index_opt(&result)? {
            None => Err(self.type_error(format!("__trunc__ returned non-Integral (type {})", self.type_name(&result)))),
            index => Ok(index),
        }
    }
}
