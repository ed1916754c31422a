//! `format % args` and `format.format(...)`: the arguments; `text::percent` and `text::strformat` read the format.

use super::prelude::*;
use crate::machine::sequence::{bytes_like, bytes_of};
use crate::machine::{generic, views};
use crate::object::Tuple;
use crate::text::Fault;
use crate::text::percent::{self, Amount, Field, PercentSpec};
use crate::text::strformat::{self, Accessor, First, Numbering};

/// The right side of `%`, as far as it is used up.
struct PercentArgs<'a> {
    /// What `%(key)s` looks in.
    mapping: Option<&'a Value>,
    /// The items of a tuple.
    items: Option<Rc<Tuple>>,
    single: Value,
    used: usize,
    /// Whether a key has been looked up: from then on its value is the only argument.
    keyed: bool,
    bytes: bool,
}

impl PercentArgs<'_> {
    fn next(&mut self) -> Option<Value> {
        self.used += 1;
        match &self.items {
            Some(items) if !self.keyed => items.get(self.used - 1).cloned(),
            _ => (self.used == 1).then(|| self.single.clone()),
        }
    }

    fn left_over(&self) -> bool {
        match &self.items {
            Some(items) if !self.keyed => self.used < items.len(),
            _ => self.used == 0,
        }
    }
}

impl Vm {
    /// `template % args`.
    pub fn format_percent(&mut self, template: &Rc<Str>, args: &Value) -> Result<Rc<Str>> {
        let mut out = String::with_capacity(template.as_str().len() + 16);
        self.push_percent(&mut out, template, args, false)?;
        Ok(Rc::new(Str::new(out)))
    }

    /// `template % args` of bytes, by way of the characters U+0000 to U+00FF.
    pub fn format_percent_bytes(&mut self, template: &Value, args: &Value) -> Result {
        let text: String = bytes_of(template).unwrap_or_default().into_iter().map(char::from).collect();
        let mut out = String::with_capacity(text.len() + 16);
        self.push_percent(&mut out, &text, args, true)?;
        Ok(bytes_like(template, out.chars().map(|c| c as u8).collect()))
    }

    fn push_percent(&mut self, out: &mut String, template: &str, args: &Value, bytes: bool) -> Result<()> {
        let items = args.as_tuple().cloned();
        let is_text = args.as_str().is_some() || (bytes && bytes_of(args).is_some());
        let mapping = (items.is_none() && !is_text && self.is_mapping(args)).then_some(args);
        let mut left = PercentArgs { mapping, items, single: args.clone(), used: 0, keyed: false, bytes };
        for piece in percent::pieces(template) {
            let piece = piece.map_err(|fault| {
                let shorter = bytes && fault.message == "precision too big";
                if shorter { self.value_error("prec too big") } else { self.from_fault(fault) }
            });
            match piece? {
                percent::Piece::Literal(text) => out.push_str(text),
                percent::Piece::Spec(spec) => self.push_percent_field(out, &spec, &mut left)?,
            }
        }
        if left.left_over() && left.mapping.is_none() {
            let kind = if bytes { "bytes" } else { "string" };
            return Err(self.type_error(format!("not all arguments converted during {kind} formatting")));
        }
        Ok(())
    }

    /// Whether a value can be subscribed, which is what makes it a mapping to `%`.
    fn is_mapping(&self, value: &Value) -> bool {
        match value.unwrapped() {
            Value::Dict(_) | Value::List(_) | Value::Bytes(_) | Value::ByteArray(_) | Value::Range(_) => true,
            Value::Str(_) | Value::Tuple(_) => true,
            Value::Instance(_) | Value::Exception(_) => {
                views::is_proxy(value) || (!generic::is_generic(value) && self.has_special(value, sym::__getitem__))
            }
            _ => false,
        }
    }

    fn push_percent_field(&mut self, out: &mut String, spec: &PercentSpec, args: &mut PercentArgs) -> Result<()> {
        if let Some(name) = spec.name {
            let Some(mapping) = args.mapping else { return Err(self.type_error("format requires a mapping")) };
            let key = if args.bytes {
                Value::bytes(name.chars().map(|c| c as u8).collect::<Vec<u8>>())
            } else {
                Value::str(name)
            };
            args.single = self.get_item(mapping, &key)?;
            args.used = 0;
            args.keyed = true;
        }
        let width = self.star(spec.width, args)?;
        let precision = match self.star(spec.precision, args) {
            Err(e) if e.is(&self.types.OverflowError) => Some(i64::MAX),
            precision => precision?,
        };
        if precision.is_some_and(|precision| i32::try_from(precision).is_err()) {
            return Err(self.overflow_error("Python int too large to convert to C int"));
        }
        let field = spec.field(width, precision);
        let Some(value) = args.next() else { return Err(self.type_error("not enough arguments for format string")) };
        let digits = field.precision.filter(|_| !matches!(spec.code, 's' | 'r' | 'a' | 'b'));
        self.check_size(field.width.max(digits.unwrap_or(0)))?;
        let done = match spec.code {
            'c' => {
                let c = if args.bytes { self.percent_byte(&value)? } else { self.percent_char(&value)? };
                percent::format_percent_char(out, c, &field)
            }
            's' | 'b' if args.bytes => {
                let text = self.percent_bytes(&value)?;
                percent::format_percent_str(out, &text, &field)
            }
            's' => {
                let text = self.str(&value)?;
                percent::format_percent_str(out, &text, &field)
            }
            'r' if !args.bytes => {
                let text = self.repr(&value)?;
                percent::format_percent_str(out, &text, &field)
            }
            'r' | 'a' => {
                let text = self.ascii(&value)?;
                percent::format_percent_str(out, text.as_str().map_or("", |text| text), &field)
            }
            'd' | 'i' | 'u' | 'o' | 'x' | 'X' => {
                return self.push_percent_int(out, &value, spec.code, &field, args.bytes);
            }
            'e' | 'E' | 'f' | 'F' | 'g' | 'G' => {
                let x = self.percent_float(&value, args.bytes)?;
                percent::format_percent_float(out, x, spec.code, &field)
            }
            c if args.bytes && !c.is_ascii() => {
                return Err(self.overflow_error("character argument not in range(0x110000)"));
            }
            '\x7f' if args.bytes => {
                let message = format!("unsupported format character '\x7f' (0x7f) at index {}", spec.index);
                return Err(self.value_error(message));
            }
            _ => Err(spec.unsupported()),
        };
        done.map_err(|fault| self.from_fault(fault))
    }

    fn star(&mut self, amount: Amount, args: &mut PercentArgs) -> Result<Option<i64>> {
        if amount != Amount::Star {
            return Ok(None);
        }
        match args.next() {
            None => Err(self.type_error("not enough arguments for format string")),
            Some(value) => match value.unwrapped() {
                Value::Int(n) => Ok(Some(*n)),
                Value::Bool(b) => Ok(Some(i64::from(b.get()))),
                Value::BigInt(_) => Err(self.too_large_to_count()),
                _ => Err(self.type_error("* wants int")),
            },
        }
    }

    fn push_percent_int(
        &mut self,
        out: &mut String,
        value: &Value,
        code: char,
        field: &Field,
        bytes: bool,
    ) -> Result<()> {
        let own = matches!(value.unwrapped(), Value::Int(_) | Value::BigInt(_) | Value::Bool(_));
        let whole = if own || matches!(code, 'o' | 'x' | 'X') { self.index_opt(value) } else { self.to_int(value) };
        let done = match whole {
            Ok(Some(Value::Int(n))) => percent::format_percent_int(out, n, code, field),
            Ok(Some(Value::BigInt(n))) => percent::format_percent_big(out, &n, code, field),
            Err(error) if !error.is(&self.types.TypeError) => return Err(error),
            _ => {
                let name = self.type_name(value);
                let code = if bytes && code == 'i' { 'd' } else { code };
                let wanted = if matches!(code, 'o' | 'x' | 'X') { "an integer" } else { "a real number" };
                return Err(self.type_error(format!("%{code} format: {wanted} is required, not {name}")));
            }
        };
        done.map_err(|fault| self.from_fault(fault))
    }

    fn percent_float(&mut self, value: &Value, bytes: bool) -> Result<f64> {
        match self.to_f64(value) {
            Err(_) if bytes => Err(self.type_error(format!("float argument required, not {}", self.type_name(value)))),
            result => result,
        }
    }

    /// An object as an integer, or nothing if it is none or says so itself.
    fn index_if_any(&mut self, value: &Value) -> Result<Option<Value>> {
        match self.index_opt(value) {
            Err(error) if error.is(&self.types.TypeError) => Ok(None),
            index => index,
        }
    }

    fn percent_char(&mut self, value: &Value) -> Result<char> {
        if let Some(text) = value.as_str() {
            let mut chars = text.as_str().chars();
            return match (chars.next(), chars.next()) {
                (Some(c), None) => Ok(c),
                _ => Err(self.type_error("%c requires int or char")),
            };
        }
        match self.index_if_any(value)? {
            None => Err(self.type_error("%c requires int or char")),
            Some(index) => {
                let code = index.as_int().and_then(|n| u32::try_from(n).ok());
                match code.and_then(crate::text::from_code_point) {
                    Some(c) => Ok(c),
                    None => Err(self.overflow_error("%c arg not in range(0x110000)")),
                }
            }
        }
    }

    fn percent_byte(&mut self, value: &Value) -> Result<char> {
        match bytes_of(value).as_deref() {
            Some([byte]) => return Ok(char::from(*byte)),
            Some(_) => {}
            None => match self.index_if_any(value)? {
                Some(Value::Int(n @ 0..=255)) => return Ok(char::from(n as u8)),
                Some(_) => return Err(self.overflow_error("%c arg not in range(256)")),
                None => {}
            },
        }
        Err(self.type_error("%c requires an integer in range(256) or a single byte"))
    }

    fn percent_bytes(&mut self, value: &Value) -> Result<String> {
        let bytes = match bytes_of(value) {
            Some(bytes) => Some(bytes),
            None => match self.call_special(value, sym::__bytes__, &[])? {
                Some(result) => bytes_of(&result),
                None => None,
            },
        };
        match bytes {
            Some(bytes) => Ok(bytes.into_iter().map(char::from).collect()),
            None => Err(self.type_error(format!(
                "%b requires a bytes-like object, or an object that implements __bytes__, not '{}'",
                self.type_name(value)
            ))),
        }
    }

    /// `template.format(*args, **kwargs)`.
    pub fn format_str(&mut self, template: &Rc<Str>, args: &[Value], kwargs: &[Named]) -> Result<Rc<Str>> {
        self.format_fields(template, &FormatArgs { positional: Some(args), names: Names::Pairs(kwargs) })
    }

    /// `template.format(*args, **mapping)`, or `template.format_map(mapping)` without `args`.
    pub fn format_map(&mut self, template: &Rc<Str>, args: Option<&[Value]>, mapping: &Value) -> Result<Rc<Str>> {
        self.format_fields(template, &FormatArgs { positional: args, names: Names::Mapping(mapping) })
    }

    fn format_fields(&mut self, template: &Rc<Str>, args: &FormatArgs) -> Result<Rc<Str>> {
        let mut out = String::with_capacity(template.as_str().len() + 16);
        self.push_fields(&mut out, template, args, &mut Numbering::default(), strformat::MAX_DEPTH)?;
        Ok(Rc::new(Str::new(out)))
    }

    fn push_fields(
        &mut self,
        out: &mut String,
        template: &str,
        args: &FormatArgs,
        numbering: &mut Numbering,
        depth: usize,
    ) -> Result<()> {
        if depth == 0 {
            return Err(self.from_fault(strformat::too_deep()));
        }
        for piece in strformat::pieces(template) {
            match piece.map_err(|fault| self.from_fault(fault))? {
                strformat::Piece::Literal(text) => out.push_str(text),
                strformat::Piece::Field(field) => {
                    let value = self.field_value(field.name, args, numbering)?;
                    let value = match field.conversion {
                        None => value,
                        Some('r') => self.repr_value(&value)?,
                        Some('s') => self.str_value(&value)?,
                        Some('a') => self.ascii(&value)?,
                        Some(other) => return Err(self.from_fault(strformat::unknown_conversion(other))),
                    };
                    let text = if field.nested {
                        let mut spec = String::new();
                        self.push_fields(&mut spec, field.spec, args, numbering, depth - 1)?;
                        self.format(&value, &spec)?
                    } else {
                        self.format(&value, field.spec)?
                    };
                    out.push_str(&text);
                }
            }
        }
        Ok(())
    }

    fn field_value(&mut self, name: &str, args: &FormatArgs, numbering: &mut Numbering) -> Result {
        let fault = |vm: &mut Vm, fault: Fault| -> Error { vm.from_fault(fault) };
        let (first, accessors) = strformat::split_name(name).map_err(|e| fault(self, e))?;
        let mut value = match numbering.resolve(first).map_err(|e| fault(self, e))? {
            Some(index) => {
                let Some(positional) = args.positional else {
                    return Err(self.value_error("Format string contains positional fields"));
                };
                match positional.get(index) {
                    Some(value) => value.clone(),
                    None => {
                        return Err(self
                            .index_error(format!("Replacement index {index} out of range for positional args tuple")));
                    }
                }
            }
            None => {
                let First::Name(name) = first else { return Ok(Value::None) };
                match args.names {
                    Names::Pairs(pairs) => match pairs.iter().find(|(key, _)| key.as_str() == name) {
                        Some((_, value)) => value.clone(),
                        None => return Err(self.key_error(Value::str(name))),
                    },
                    Names::Mapping(mapping) => self.get_item(mapping, &Value::str(name))?,
                }
            }
        };
        for step in accessors {
            value = match step.map_err(|e| fault(self, e))? {
                Accessor::Attribute(name) => self.get_attr(&value, name)?,
                Accessor::Index(index) => self.get_item(&value, &Value::usize(index))?,
                Accessor::Key(key) => self.get_item(&value, &Value::str(key))?,
            };
        }
        Ok(value)
    }
}

/// The arguments of `str.format`.
struct FormatArgs<'a> {
    /// `None` for `format_map`, which has no positional ones.
    positional: Option<&'a [Value]>,
    names: Names<'a>,
}

enum Names<'a> {
    Pairs(&'a [Named]),
    Mapping(&'a Value),
}
