//! Writing.

use crate::builtins::prelude::*;
use crate::syntax::ast::BinOp;

struct Writer {
    out: String,
    /// The method for what has no form of its own.
    default: Value,
    ascii: bool,
    /// Objects being written, if circles are to be found.
    open: Option<Vec<Value>>,
    nan: bool,
    sort: bool,
    skip: bool,
    indent: Option<Rc<Str>>,
    item: String,
    key: String,
    level: usize,
}

/// `_write(value, (default, ensure_ascii, check_circular, allow_nan, sort_keys, skipkeys, indent, item sign, key sign))`
pub(super) fn write(vm: &mut Vm, args: &[Value]) -> Result {
    let settings = crate::builtins::modules::support::items(&args[1]);
    let at = |index: usize| settings.get(index).cloned().unwrap_or_default();
    let indent = match at(6) {
        Value::None => None,
        indent @ Value::Str(_) => Some(vm.str(&indent)?),
        count => {
            let spaces = vm.binary(BinOp::Mul, &Value::str(" "), &count)?;
            Some(vm.str(&spaces)?)
        }
    };
    let mut signs = [String::new(), String::new()];
    for (sign, index) in signs.iter_mut().zip([7, 8]) {
        match at(index).as_str() {
            Some(text) => sign.push_str(text),
            None => return Err(vm.type_error("a separator must be a string")),
        }
    }
    let [item, key] = signs;
    let mut writer = Writer {
        out: String::new(),
        default: at(0),
        ascii: vm.truth(&at(1))?,
        open: vm.truth(&at(2))?.then(Vec::new),
        nan: vm.truth(&at(3))?,
        sort: vm.truth(&at(4))?,
        skip: vm.truth(&at(5))?,
        indent,
        item,
        key,
        level: 0,
    };
    writer.value(vm, &args[0])?;
    Ok(Value::string(writer.out))
}

/// A string in quotes.
pub(super) fn quote(vm: &mut Vm, text: &Value, ascii: bool) -> Result {
    let Some(text) = text.as_str() else {
        return Err(vm.type_error(format!("first argument must be a string, not {}", vm.type_name(text))));
    };
    let mut out = String::with_capacity(text.as_str().len() + 2);
    push_quoted(&mut out, text, ascii);
    Ok(Value::string(out))
}

fn push_quoted(out: &mut String, text: &str, ascii: bool) {
    use std::fmt::Write;
    out.push('"');
    let mut plain = 0;
    for (at, c) in text.char_indices() {
        let escape = match c {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '\x08' => "\\b",
            '\x0c' => "\\f",
            ' '..='~' => continue,
            '\0'..='\x1f' => "",
            _ if ascii => "",
            _ => continue,
        };
        out.push_str(&text[plain..at]);
        plain = at + c.len_utf8();
        out.push_str(escape);
        if escape.is_empty() {
            let code = crate::text::code_point(c);
            // Writing to a string cannot fail.
            let _ = match code.checked_sub(0x10000) {
                Some(rest) => write!(out, "\\u{:04x}\\u{:04x}", 0xD800 + (rest >> 10), 0xDC00 + (rest & 0x3FF)),
                None => write!(out, "\\u{code:04x}"),
            };
        }
    }
    out.push_str(&text[plain..]);
    out.push('"');
}

impl Writer {
    fn float(&mut self, vm: &mut Vm, x: f64) -> Result<()> {
        if !x.is_finite() && !self.nan {
            let shown = vm.repr(&Value::float(x))?;
            return Err(vm.value_error(format!("Out of range float values are not JSON compliant: {shown}")));
        }
        if x.is_finite() {
            let shown = vm.repr(&Value::float(x))?;
            self.out.push_str(&shown);
        } else {
            self.out.push_str(if x.is_nan() {
                "NaN"
            } else if x > 0.0 {
                "Infinity"
            } else {
                "-Infinity"
            });
        }
        Ok(())
    }

    fn value(&mut self, vm: &mut Vm, value: &Value) -> Result<()> {
        match value.unwrapped() {
            Value::Str(text) => push_quoted(&mut self.out, text, self.ascii),
            Value::None => self.out.push_str("null"),
            Value::Bool(b) if b.get() => self.out.push_str("true"),
            Value::Bool(_) => self.out.push_str("false"),
            number @ (Value::Int(_) | Value::BigInt(_)) => {
                let shown = vm.repr(number)?;
                self.out.push_str(&shown);
            }
            Value::Float(x) => self.float(vm, x.get())?,
            Value::List(_) | Value::Tuple(_) => self.nested(vm, value, Writer::array)?,
            Value::Dict(_) => self.nested(vm, value, Writer::object)?,
            _ => self.nested(vm, value, |writer, vm, value| {
                let made = vm.call(&writer.default.clone(), std::slice::from_ref(value))?;
                writer.value(vm, &made)
            })?,
        }
        Ok(())
    }

    fn nested(
        &mut self,
        vm: &mut Vm,
        value: &Value,
        inner: fn(&mut Writer, &mut Vm, &Value) -> Result<()>,
    ) -> Result<()> {
        if let Some(open) = &mut self.open {
            if open.iter().any(|other| other.is(value)) {
                return Err(vm.value_error("Circular reference detected"));
            }
            open.push(value.clone());
        }
        let result = vm.nested_in(" while encoding a JSON object", |vm| inner(self, vm, value));
        if let Some(open) = &mut self.open {
            open.pop();
        }
        result
    }

    fn new_line(&mut self, vm: &mut Vm) -> Result<()> {
        if let Some(indent) = &self.indent {
            vm.check_growth(indent.as_str().len().saturating_mul(self.level).saturating_add(self.out.len()))?;
            self.out.push('\n');
            for _ in 0..self.level {
                self.out.push_str(indent.as_str());
            }
        }
        Ok(())
    }

    fn separate(&mut self, vm: &mut Vm, first: bool) -> Result<()> {
        if !first {
            self.out.push_str(&self.item);
        }
        self.new_line(vm)
    }

    fn array(&mut self, vm: &mut Vm, value: &Value) -> Result<()> {
        // A list may change while its items are written.
        let items = match value {
            Value::List(list) => list.clone(),
            // One of a class of its own says itself what it has.
            _ => Rc::new(crate::object::List::new(vm.collect(value)?)),
        };
        if items.is_empty() {
            self.out.push_str("[]");
            return Ok(());
        }
        self.out.push('[');
        self.level += 1;
        let mut at = 0;
        while let Some(item) = items.get(at) {
            self.separate(vm, at == 0)?;
            self.value(vm, &item)?;
            at += 1;
        }
        self.level -= 1;
        self.new_line(vm)?;
        self.out.push(']');
        Ok(())
    }

    fn object(&mut self, vm: &mut Vm, value: &Value) -> Result<()> {
        let pairs = match value {
            Value::Dict(dict) => dict.pairs(),
            _ => {
                let items = vm.call_method(value, sym::items, &[])?;
                let items = vm.collect(&items)?;
                let mut pairs = Vec::with_capacity(items.len());
                for item in items {
                    match item.as_tuple().map(|pair| pair.to_vec()).as_deref() {
                        Some([key, value]) => pairs.push((key.clone(), value.clone())),
                        _ => return Err(vm.value_error("items must return 2-tuples")),
                    }
                }
                pairs
            }
        };
        let pairs = if self.sort { self.sorted(vm, pairs)? } else { pairs };
        if pairs.is_empty() {
            self.out.push_str("{}");
            return Ok(());
        }
        self.out.push('{');
        self.level += 1;
        self.new_line(vm)?;
        let mut first = true;
        for (key, value) in &pairs {
            let mark = self.out.len();
            if !first {
                self.separate(vm, false)?;
            }
            if !self.key(vm, key)? {
                self.out.truncate(mark);
                continue;
            }
            first = false;
            self.out.push_str(&self.key.clone());
            self.value(vm, value)?;
        }
        self.level -= 1;
        self.new_line(vm)?;
        self.out.push('}');
        Ok(())
    }

    fn sorted(&mut self, vm: &mut Vm, pairs: Vec<(Value, Value)>) -> Result<Vec<(Value, Value)>> {
        let mut items: Vec<Value> = pairs.into_iter().map(|(key, value)| Value::tuple([key, value])).collect();
        vm.sort(&mut items, None, false)?;
        let pair = |item: &Value| item.as_tuple().map(|pair| (pair[0].clone(), pair[1].clone()));
        Ok(items.iter().filter_map(pair).collect())
    }

    /// Writes a key; `false` if it is to be left out.
    fn key(&mut self, vm: &mut Vm, key: &Value) -> Result<bool> {
        match key.unwrapped() {
            Value::Str(text) => {
                let text = Rc::clone(text);
                push_quoted(&mut self.out, &text, self.ascii);
            }
            Value::Float(_) | Value::Bool(_) | Value::None | Value::Int(_) | Value::BigInt(_) => {
                self.out.push('"');
                self.value(vm, key)?;
                self.out.push('"');
            }
            _ if self.skip => return Ok(false),
            _ => {
                return Err(
                    vm.type_error(format!("keys must be str, int, float, bool or None, not {}", vm.type_name(key)))
                );
            }
        }
        Ok(true)
    }
}
