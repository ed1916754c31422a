//! Reading: one pass over the text; positions in errors are code points.

use crate::builtins::prelude::*;

use num_bigint::BigInt;

/// What a decoder wants to be called for.
struct Hooks {
    object: Value,
    pairs: Value,
    float: Value,
    int: Value,
    constant: Value,
    strict: bool,
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    hooks: Hooks,
    /// Keys that were read before.
    keys: std::collections::HashMap<&'a str, Rc<Str>, foldhash::fast::FixedState>,
}

/// `_scan(text, at, hooks, strict)`; a `StopIteration` says that no value begins there.
pub(super) fn scan(vm: &mut Vm, args: &[Value]) -> Result {
    let [text, at, hooks, strict] = args else { unreachable!("bound to the signature") };
    let Some(text) = text.as_str().cloned() else {
        return Err(vm.type_error(format!("first argument must be a string, not {}", vm.type_name(text))));
    };
    let at = vm.to_i64(at)?;
    let Ok(at) = usize::try_from(at) else { return Err(vm.value_error("idx cannot be negative")) };
    let hooks = hooks.as_tuple().cloned();
    let hook = |at: usize| hooks.as_ref().and_then(|hooks| hooks.get(at)).cloned().unwrap_or_default();
    let hooks = Hooks {
        object: hook(0),
        pairs: hook(1),
        float: hook(2),
        int: hook(3),
        constant: hook(4),
        strict: vm.truth(strict)?,
    };
    let Some(start) = byte_of(&text, at) else { return Err(vm.stop_iteration(Value::usize(at))) };
    let mut reader =
        Reader { text: &text, bytes: text.as_bytes(), at: start, hooks, keys: std::collections::HashMap::default() };
    let value = reader.value(vm)?;
    let end = place(&text, reader.at);
    Ok(Value::tuple([value, Value::usize(end)]))
}

/// `scanstring(string, end, strict)`: the string that begins before `end`, and where it ends.
pub(super) fn scan_string(vm: &mut Vm, args: &[Value]) -> Result {
    let at = vm.to_i64(&args[1])?;
    let Some(text) = args[0].as_str().cloned() else {
        return Err(vm.type_error(format!("first argument must be a string, not {}", vm.type_name(&args[0]))));
    };
    let start = usize::try_from(at).ok().filter(|at| *at <= text.len()).and_then(|at| byte_of(&text, at));
    let Some(start) = start else { return Err(vm.value_error("end is out of bounds")) };
    let hooks = Hooks {
        object: Value::None,
        pairs: Value::None,
        float: Value::None,
        int: Value::None,
        constant: Value::None,
        strict: vm.truth(&args[2])?,
    };
    let mut reader =
        Reader { text: &text, bytes: text.as_bytes(), at: start, hooks, keys: std::collections::HashMap::default() };
    let found = reader.string(vm)?;
    let end = place(&text, reader.at);
    Ok(Value::tuple([Value::string(found), Value::usize(end)]))
}

/// The byte offset of a code point; `None` beyond the end.
fn byte_of(text: &Str, at: usize) -> Option<usize> {
    if text.is_ascii() {
        return (at <= text.as_str().len()).then_some(at);
    }
    if at == text.len() {
        return Some(text.as_str().len());
    }
    text.char_indices().nth(at).map(|(byte, _)| byte)
}

fn place(text: &Str, at: usize) -> usize {
    if text.is_ascii() { at } else { text[..at].chars().count() }
}

impl<'a> Reader<'a> {
    #[cold]
    fn error(&self, vm: &mut Vm, message: &str, at: usize) -> Error {
        let at = self.text[..at].chars().count();
        vm.page_error("json", "JSONDecodeError", &[Value::str(message), Value::str(self.text), Value::usize(at)])
    }

    fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
    }

    fn value(&mut self, vm: &mut Vm) -> Result {
        match self.peek() {
            b'"' => {
                self.at += 1;
                self.string(vm).map(Value::string)
            }
            b'{' => vm.nested_in(" while decoding a JSON object from a unicode string", |vm| self.object(vm)),
            b'[' => vm.nested_in(" while decoding a JSON array from a unicode string", |vm| self.array(vm)),
            b'-' | b'0'..=b'9' => self.number(vm),
            _ => {
                for (word, value) in [("null", Value::None), ("true", Value::bool(true)), ("false", Value::bool(false))]
                {
                    if self.text[self.at..].starts_with(word) {
                        self.at += word.len();
                        return Ok(value);
                    }
                }
                self.constant(vm, &["NaN", "Infinity"])
            }
        }
    }

    /// What is no JSON but written and read all the same.
    fn constant(&mut self, vm: &mut Vm, words: &[&str]) -> Result {
        for word in words {
            if self.text[self.at..].starts_with(word) {
                self.at += word.len();
                return vm.call(&self.hooks.constant.clone(), &[Value::str(word)]);
            }
        }
        let at = self.text[..self.at].chars().count();
        Err(vm.stop_iteration(Value::usize(at)))
    }

    fn number(&mut self, vm: &mut Vm) -> Result {
        let start = self.at;
        let mut at = start + usize::from(self.bytes[start] == b'-');
        let digits = |mut at: usize| {
            while self.bytes.get(at).is_some_and(u8::is_ascii_digit) {
                at += 1;
            }
            at
        };
        match self.bytes.get(at) {
            Some(b'0') => at += 1,
            Some(b'1'..=b'9') => at = digits(at),
            _ => return self.constant(vm, &["-Infinity"]),
        }
        let mut float = false;
        if self.bytes.get(at) == Some(&b'.') && self.bytes.get(at + 1).is_some_and(u8::is_ascii_digit) {
            float = true;
            at = digits(at + 1);
        }
        if matches!(self.bytes.get(at), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(self.bytes.get(at + 1), Some(b'+' | b'-')));
            if self.bytes.get(at + 1 + sign).is_some_and(u8::is_ascii_digit) {
                float = true;
                at = digits(at + 1 + sign);
            }
        }
        self.at = at;
        let text = &self.text[start..at];
        let hook = if float { &self.hooks.float } else { &self.hooks.int };
        if !hook.is_none() {
            return vm.call(&hook.clone(), &[Value::str(text)]);
        }
        if float {
            return Ok(Value::float(text.parse().unwrap_or(f64::NAN)));
        }
        match text.parse::<i64>() {
            Ok(n) => Ok(Value::Int(n)),
            // Long ones are subject to the limit on digits.
            Err(_) if text.len() > 4000 => {
                let int = Value::Class(vm.types.int.clone());
                vm.call(&int, &[Value::str(text)])
            }
            Err(_) => Ok(Value::int(text.parse::<BigInt>().unwrap_or_default())),
        }
    }

    /// A string whose opening quote has been read.
    fn string(&mut self, vm: &mut Vm) -> Result<String> {
        let begin = self.at.saturating_sub(1);
        let mut out = String::new();
        loop {
            let start = self.at;
            while self.at < self.bytes.len() && !matches!(self.bytes[self.at], b'"' | b'\\' | 0..=0x1f) {
                self.at += 1;
            }
            out.push_str(&self.text[start..self.at]);
            if self.at >= self.bytes.len() {
                return Err(self.error(vm, "Unterminated string starting at", begin));
            }
            match self.bytes[self.at] {
                b'"' => {
                    self.at += 1;
                    return Ok(out);
                }
                b'\\' => {
                    self.at += 1;
                    self.escape(vm, begin, &mut out)?;
                }
                control => {
                    if self.hooks.strict {
                        return Err(self.error(vm, "Invalid control character at", self.at));
                    }
                    out.push(control.into());
                    self.at += 1;
                }
            }
        }
    }

    fn escape(&mut self, vm: &mut Vm, begin: usize, out: &mut String) -> Result<()> {
        if self.at >= self.bytes.len() {
            return Err(self.error(vm, "Unterminated string starting at", begin));
        }
        let c = match self.bytes[self.at] {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\x08',
            b'f' => '\x0c',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let mut unit = self.hex(vm)?;
                if (0xD800..0xDC00).contains(&unit) && self.text[self.at..].starts_with("\\u") {
                    let back = self.at;
                    self.at += 1;
                    let low = self.hex(vm)?;
                    if (0xDC00..0xE000).contains(&low) {
                        unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
                    } else {
                        self.at = back;
                    }
                }
                out.push(crate::text::from_code_point(unit).unwrap_or('\u{fffd}'));
                return Ok(());
            }
            _ => return Err(self.error(vm, "Invalid \\escape", self.at - 1)),
        };
        self.at += 1;
        out.push(c);
        Ok(())
    }

    /// Four digits behind the `u` that is next.
    fn hex(&mut self, vm: &mut Vm) -> Result<u32> {
        let digits = self.bytes.get(self.at + 1..self.at + 5);
        match digits.filter(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
            Some(digits) => {
                self.at += 5;
                Ok(digits.iter().fold(0, |value, &digit| value * 16 + char::from(digit).to_digit(16).unwrap_or(0)))
            }
            None => Err(self.error(vm, "Invalid \\uXXXX escape", self.at)),
        }
    }

    fn key(&mut self, vm: &mut Vm) -> Result<Rc<Str>> {
        // Most keys have no escapes and come again.
        let start = self.at;
        let plain = self.bytes[start..].iter().position(|b| matches!(b, b'"' | b'\\' | 0..=0x1f));
        if let Some(length) = plain.filter(|length| self.bytes[start + length] == b'"') {
            self.at = start + length + 1;
            let text = &self.text[start..start + length];
            return Ok(self.keys.entry(text).or_insert_with(|| Rc::new(Str::new(text))).clone());
        }
        Ok(Rc::new(Str::new(self.string(vm)?)))
    }

    fn object(&mut self, vm: &mut Vm) -> Result {
        self.at += 1;
        let mut pairs: Vec<Named> = Vec::new();
        self.skip_space();
        if self.peek() == b'}' {
            self.at += 1;
        } else {
            loop {
                if self.peek() != b'"' {
                    return Err(self.error(vm, "Expecting property name enclosed in double quotes", self.at));
                }
                self.at += 1;
                let key = self.key(vm)?;
                self.skip_space();
                if self.peek() != b':' {
                    return Err(self.error(vm, "Expecting ':' delimiter", self.at));
                }
                self.at += 1;
                self.skip_space();
                let value = self.value(vm)?;
                pairs.push((key, value));
                self.skip_space();
                match self.peek() {
                    b',' => {
                        let comma = self.at;
                        self.at += 1;
                        self.skip_space();
                        if self.peek() == b'}' {
                            return Err(self.error(vm, "Illegal trailing comma before end of object", comma));
                        }
                    }
                    b'}' => {
                        self.at += 1;
                        break;
                    }
                    _ => return Err(self.error(vm, "Expecting ',' delimiter", self.at)),
                }
            }
        }
        if !self.hooks.pairs.is_none() {
            let pairs = pairs.into_iter().map(|(key, value)| Value::tuple([Value::Str(key), value])).collect();
            return vm.call(&self.hooks.pairs.clone(), &[Value::list(pairs)]);
        }
        let dict = Dict::new();
        for (key, value) in pairs {
            dict.set_str(&key, value);
        }
        let dict = Value::dict(dict);
        if self.hooks.object.is_none() { Ok(dict) } else { vm.call(&self.hooks.object.clone(), &[dict]) }
    }

    fn array(&mut self, vm: &mut Vm) -> Result {
        self.at += 1;
        let mut items = Vec::new();
        self.skip_space();
        if self.peek() == b']' {
            self.at += 1;
            return Ok(Value::list(items));
        }
        loop {
            items.push(self.value(vm)?);
            self.skip_space();
            match self.peek() {
                b',' => {
                    let comma = self.at;
                    self.at += 1;
                    self.skip_space();
                    if self.peek() == b']' {
                        return Err(self.error(vm, "Illegal trailing comma before end of array", comma));
                    }
                }
                b']' => {
                    self.at += 1;
                    return Ok(Value::list(items));
                }
                _ => return Err(self.error(vm, "Expecting ',' delimiter", self.at)),
            }
        }
    }
}
