//! `repr`, `str`, `ascii` and `format` of every value.
//!
//! Text is appended to one string, whatever the nesting. A container that is already being shown is shown as `...`.

use compact_str::ToCompactString;

use super::prelude::*;
use crate::machine::display;
use crate::object::class::Special;
use crate::object::exception::Error;
use crate::object::iter::DictPart;
use crate::text::format::{self as formats, FormatSpec};
use crate::text::{complex as complexes, float as floats, int as ints, repr as reprs};

/// The most digits of an integer that are converted to or from text (`sys.set_int_max_str_digits`); 0 for no limit.
pub struct DigitLimit(pub usize);

impl Default for DigitLimit {
    fn default() -> Self {
        DigitLimit(ints::MAX_STR_DIGITS)
    }
}

pub(super) const IN_REPR: &str = " while getting the repr of an object";

/// The text of what is known to be one, or of a subclass.
fn plain(text: Value) -> Rc<Str> {
    text.as_str().cloned().unwrap_or_default()
}

impl Vm {
    /// `repr(value)`.
    pub fn repr(&mut self, value: &Value) -> Result<Rc<Str>> {
        if let Value::Int(n) = value {
            return Ok(Rc::new(Str::new(n.to_compact_string())));
        }
        let mut out = String::new();
        self.enter_native(IN_REPR)?;
        let result = self.push_repr(&mut out, value);
        self.leave_native();
        result?;
        Ok(Rc::new(Str::new(out)))
    }

    /// What the built-in type of a value, or the one its class is derived from, makes of `repr(value)`.
    pub fn builtin_repr(&mut self, value: &Value) -> Result<Rc<Str>> {
        let mut out = String::new();
        match value {
            Value::Instance(_) | Value::Exception(_) | Value::Class(_) => self.push_object(&mut out, value)?,
            _ => self.push_builtin(&mut out, value, value)?,
        }
        Ok(Rc::new(Str::new(out)))
    }

    /// `str(value)`.
    pub fn str(&mut self, value: &Value) -> Result<Rc<Str>> {
        match value {
            Value::Str(text) => Ok(text.clone()),
            _ => Ok(plain(self.str_value(value)?)),
        }
    }

    /// `str(value)`, which is of a subclass if a script's `__str__` or `__repr__` says so.
    pub fn str_value(&mut self, value: &Value) -> Result {
        match value {
            Value::Str(_) => return Ok(value.clone()),
            Value::Instance(instance) => match self.special(value, sym::__str__) {
                Special::Method(method) => {
                    let result = self.call_found(&method, value, &[])?;
                    return self.expect_str(result, "__str__ returned non-string");
                }
                Special::Builtin => {
                    match instance.inner() {
                        Some(Value::Str(text)) => return Ok(Value::Str(text.clone())),
                        // Their `__str__` does not ask for a script's `__repr__`.
                        Some(Value::Bytes(_) | Value::ByteArray(_)) => return self.builtin_repr(value).map(Value::Str),
                        _ => {}
                    }
                    if let Some(inner) = crate::machine::views::proxied(value) {
                        return self.str_value(&inner);
                    }
                }
                Special::Default | Special::Missing => {}
            },
            Value::Exception(exception) => {
                let exception = exception.clone();
                return match self.special(value, sym::__str__) {
                    Special::Method(method) => {
                        let result = self.call_found(&method, value, &[])?;
                        self.expect_str(result, "__str__ returned non-string")
                    }
                    _ => self.exception_str(&exception).map(Value::string),
                };
            }
            Value::Class(_) => {
                if let Some(result) = self.call_script(value, sym::__str__, &[])? {
                    return self.expect_str(result, "__str__ returned non-string");
                }
            }
            _ => {}
        }
        let shown = self.default_str(value)?;
        self.expect_str(shown, "__str__ returned non-string")
    }

    /// `repr(value)`, which is of a subclass if a script's `__repr__` says so.
    pub fn repr_value(&mut self, value: &Value) -> Result {
        let shown = self.default_str(value)?;
        self.expect_str(shown, "__repr__ returned non-string")
    }

    /// `object.__str__(value)`: what a script's `__repr__` returns is not looked at.
    pub fn default_str(&mut self, value: &Value) -> Result {
        match self.call_script(value, sym::__repr__, &[])? {
            Some(shown) => Ok(shown),
            None => self.repr(value).map(Value::Str),
        }
    }

    /// `ascii(value)`.
    pub fn ascii(&mut self, value: &Value) -> Result {
        let shown = self.repr_value(value)?;
        match shown.as_str() {
            Some(text) if !text.is_ascii() => Ok(Value::string(reprs::escape_non_ascii(text))),
            _ => Ok(shown),
        }
    }

    /// `format(value, spec)`.
    pub fn format(&mut self, value: &Value, spec: &str) -> Result<Rc<Str>> {
        match value {
            Value::Str(text) if spec.is_empty() => Ok(text.clone()),
            _ => Ok(plain(self.format_value(value, spec)?)),
        }
    }

    /// `format(value, spec)`, which is of a subclass if a script's method says so.
    pub fn format_value(&mut self, value: &Value, spec: &str) -> Result {
        if matches!(value, Value::Instance(_) | Value::Exception(_) | Value::Class(_)) {
            match self.special(value, sym::__format__) {
                Special::Method(method) => {
                    let result = self.call_found(&method, value, &[Value::str(spec)])?;
                    if result.as_str().is_none() {
                        let message = format!("__format__ must return a str, not {}", self.type_name(&result));
                        return Err(self.type_error(message));
                    }
                    return Ok(result);
                }
                Special::Default if !spec.is_empty() => return Err(self.not_formattable(value)),
                _ => {}
            }
        }
        if spec.is_empty() {
            return self.str_value(value);
        }
        let mut out = String::new();
        self.push_format(&mut out, value, spec)?;
        Ok(Value::string(out))
    }

    #[cold]
    pub fn not_formattable(&mut self, value: &Value) -> Error {
        self.type_error(format!("unsupported format string passed to {}.__format__", self.type_name(value)))
    }

    /// What the built-in types make of a specification that is not empty.
    fn push_format(&mut self, out: &mut String, value: &Value, spec: &str) -> Result<()> {
        let inner = value.unwrapped();
        let name = self.type_name(value);
        let formattable = matches!(
            inner,
            Value::Str(_) | Value::Int(_) | Value::Bool(_) | Value::BigInt(_) | Value::Float(_) | Value::Complex(_)
        );
        if !formattable {
            return Err(self.not_formattable(value));
        }
        let spec = FormatSpec::parse(spec, &name).map_err(|fault| self.from_fault(fault))?;
        // Of a text the precision is only the most.
        self.check_size(if matches!(inner, Value::Str(_)) { spec.width } else { spec.size() })?;
        let done = match inner {
            Value::Str(text) => formats::format_str(out, text, &spec, &name),
            Value::Int(n) => formats::format_int(out, *n, &spec, &name),
            Value::Bool(b) => formats::format_int(out, i64::from(b.get()), &spec, &name),
            Value::BigInt(n) => formats::format_big(out, n, &spec, &name),
            Value::Float(x) => formats::format_float(out, x.get(), &spec, &name),
            Value::Complex(z) => formats::format_complex(out, z.0, z.1, &spec, &name),
            _ => Ok(()),
        };
        done.map_err(|fault| self.from_fault(fault))
    }

    /// The result of a method that has to be a string.
    fn expect_str(&mut self, value: Value, what: &str) -> Result {
        match value.as_str() {
            Some(_) => Ok(value),
            None => Err(self.type_error(format!("{what} (type {})", self.type_name(&value)))),
        }
    }

    /// Appends `repr(value)`.
    pub fn push_repr(&mut self, out: &mut String, value: &Value) -> Result<()> {
        match value {
            Value::Instance(_) | Value::Exception(_) | Value::Class(_) | Value::Module(_) => {
                match self.special(value, sym::__repr__) {
                    Special::Method(method) => {
                        let result = self.call_found(&method, value, &[])?;
                        let text = self.expect_str(result, "__repr__ returned non-string")?;
                        out.push_str(&plain(text));
                        Ok(())
                    }
                    Special::Default => display::push_object(self, out, value),
                    _ => self.push_object(out, value),
                }
            }
            _ => self.push_builtin(out, value, value),
        }
    }

    /// An instance, exception or class whose `__repr__` is the built-in one.
    fn push_object(&mut self, out: &mut String, value: &Value) -> Result<()> {
        if let Value::Instance(instance) = value {
            if let Some(inner) = instance.inner() {
                let inner = inner.clone();
                return self.push_builtin(out, &inner, value);
            }
        }
        display::push_object(self, out, value)
    }

    /// A value of a built-in type; `whole` is the instance that it is a part of.
    fn push_builtin(&mut self, out: &mut String, value: &Value, whole: &Value) -> Result<()> {
        match value {
            Value::None | Value::Unbound => out.push_str("None"),
            Value::NotImplemented => out.push_str("NotImplemented"),
            Value::Ellipsis => out.push_str("Ellipsis"),
            Value::Bool(b) => out.push_str(if b.get() { "True" } else { "False" }),
            Value::Int(n) => {
                use std::fmt::Write;
                // Writing to a string cannot fail.
                let _ = write!(out, "{n}");
            }
            Value::BigInt(n) => {
                let limit = self.extension::<DigitLimit>().0;
                let text = ints::to_decimal(n, limit).map_err(|fault| self.from_fault(fault))?;
                out.push_str(&text);
            }
            Value::Float(x) => floats::push_repr(out, x.get(), true),
            Value::Complex(z) => out.push_str(&complexes::complex_repr(z.0, z.1)),
            Value::Str(text) => out.push_str(&reprs::str_repr(text)),
            Value::Bytes(bytes) => out.push_str(&reprs::bytes_repr(bytes)),
            Value::ByteArray(array) => {
                let mut text = reprs::bytes_repr(&array.bytes.borrow());
                if text.starts_with("b\"") {
                    // Unlike those of `bytes`, single quotes are escaped even between double ones.
                    text = text.replace('\'', "\\'");
                }
                let name = self.type_name(whole);
                out.extend([name.as_str(), "(", &text, ")"]);
            }
            Value::List(list) => {
                let Some(guard) = self.enter_repr(out, value, "[...]")? else { return Ok(()) };
                let result = self.push_list(out, list);
                self.leave_repr(guard);
                return result;
            }
            Value::Tuple(items) => {
                let Some(guard) = self.enter_repr(out, value, "(...)")? else { return Ok(()) };
                let items = items.clone();
                out.push('(');
                let result = self.push_items(out, &items);
                out.push_str(if items.len() == 1 { ",)" } else { ")" });
                self.leave_repr(guard);
                return result;
            }
            Value::Dict(dict) => {
                let Some(guard) = self.enter_repr(out, value, "{...}")? else { return Ok(()) };
                let result = self.push_pairs(out, dict.pairs());
                self.leave_repr(guard);
                return result;
            }
            Value::Set(set) => {
                let name = self.type_name(whole);
                if set.is_empty() {
                    out.extend([name.as_str(), "()"]);
                    return Ok(());
                }
                let Some(guard) = self.enter_repr(out, value, &format!("{name}(...)"))? else {
                    return Ok(());
                };
                let plain = !set.frozen && matches!(whole, Value::Set(_));
                if !plain {
                    out.extend([name.as_str(), "("]);
                }
                out.push('{');
                // A subclass goes through its items itself.
                let items = if matches!(whole, Value::Set(_)) { Ok(set.values()) } else { self.collect(whole) };
                let result = items.and_then(|items| self.push_items(out, &items));
                out.push_str(if plain { "}" } else { "})" });
                self.leave_repr(guard);
                return result;
            }
            Value::Range(range) => {
                out.push_str("range(");
                let parts = [range.start.clone(), range.stop.clone(), range.step.clone()];
                let shown = if matches!(parts[2], Value::Int(1)) { 2 } else { 3 };
                self.push_items(out, &parts[..shown])?;
                out.push(')');
            }
            Value::Slice(slice) => {
                out.push_str("slice(");
                let parts = [slice.start.clone(), slice.stop.clone(), slice.step.clone()];
                self.push_items(out, &parts)?;
                out.push(')');
            }
            Value::Iter(_) => return display::push_object(self, out, whole),
            _ => return display::push_object(self, out, value),
        }
        Ok(())
    }

    /// A list is read anew at each item: showing one may change it.
    fn push_list(&mut self, out: &mut String, list: &crate::object::List) -> Result<()> {
        out.push('[');
        let mut at = 0;
        while let Some(item) = list.get(at) {
            if at > 0 {
                out.push_str(", ");
            }
            self.push_repr(out, &item)?;
            at += 1;
        }
        out.push(']');
        Ok(())
    }

    pub(super) fn push_items(&mut self, out: &mut String, items: &[Value]) -> Result<()> {
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                out.push_str(", ");
            }
            self.push_repr(out, item)?;
        }
        Ok(())
    }

    fn push_pairs(&mut self, out: &mut String, pairs: Vec<(Value, Value)>) -> Result<()> {
        out.push('{');
        for (at, (key, value)) in pairs.iter().enumerate() {
            if at > 0 {
                out.push_str(", ");
            }
            self.push_repr(out, key)?;
            out.push_str(": ");
            self.push_repr(out, value)?;
        }
        out.push('}');
        Ok(())
    }

    /// `dict_keys([...])` and the like.
    pub(super) fn push_view(&mut self, out: &mut String, value: &Value) -> Result<()> {
        let Some(view) = value.data::<crate::machine::views::DictView>() else { return Ok(()) };
        let Some(guard) = self.enter_repr(out, value, "...")? else { return Ok(()) };
        let items = match view.part {
            DictPart::Keys => view.dict.keys(),
            DictPart::Values => view.dict.values(),
            DictPart::Items => {
                let pairs = view.dict.pairs();
                pairs.into_iter().map(|(key, value)| Value::tuple([key, value])).collect()
            }
        };
        out.extend([self.type_name(value).as_str(), "(["]);
        let result = self.push_items(out, &items);
        out.push_str("])");
        self.leave_repr(guard);
        result
    }

    /// Begins to show a container; `None`, with `shown` in its place, if that is under way already.
    pub fn enter_repr(&mut self, out: &mut String, value: &Value, shown: &str) -> Result<Option<usize>> {
        let address = value.address().unwrap_or(0);
        if self.repr_guard.contains(&address) {
            out.push_str(shown);
            return Ok(None);
        }
        self.enter_native(IN_REPR)?;
        self.repr_guard.push(address);
        Ok(Some(address))
    }

    pub fn leave_repr(&mut self, guard: usize) {
        self.leave_native();
        if let Some(at) = self.repr_guard.iter().rposition(|&address| address == guard) {
            self.repr_guard.remove(at);
        }
    }
}
