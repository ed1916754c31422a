//! What `sub` puts in a match's place: text with references to groups.

use super::{Pattern, any_bytes, library_error, pattern_error};
use crate::builtins::modules::support::this;
use crate::machine::Vm;
use crate::object::{Result, Value};
use crate::text::regex::{Trouble, TroubleKind};

pub(super) struct Template(Vec<Part>);

enum Part {
    /// Bytes are held as characters.
    Text(String),
    Group(usize),
}

struct Reader<'a> {
    chars: &'a [char],
    at: usize,
    groups: usize,
    bytes: bool,
    names: &'a [(String, usize)],
}

enum Wrong {
    Template(Trouble),
    /// An unknown name is an `IndexError`.
    Name(String),
}

impl Template {
    pub(super) fn new(vm: &mut Vm, pattern: &Value, source: &Value) -> Result<Template> {
        let pattern = this!(vm, pattern, Pattern);
        let text: String = if let Some(text) = source.as_str() {
            if pattern.bytes {
                return Err(vm.type_error("sequence item 0: expected a bytes-like object, str found"));
            }
            text.as_str().to_owned()
        } else {
            match any_bytes(vm, source) {
                Some(bytes) if pattern.bytes => bytes.iter().map(|&b| char::from(b)).collect(),
                Some(_) => return Err(vm.type_error("sequence item 0: expected str instance, bytes found")),
                None => {
                    let name = vm.type_name(source);
                    let message = format!("decoding to str: need a bytes-like object, {} found", name.as_str());
                    return Err(vm.type_error(message));
                }
            }
        };
        if !text.contains('\\') {
            return Ok(Template(vec![Part::Text(text)]));
        }
        let chars: Vec<char> = text.chars().collect();
        let regex = pattern.regex.clone();
        let mut reader =
            Reader { chars: &chars, at: 0, groups: regex.groups, bytes: pattern.bytes, names: &regex.names };
        reader.template().map_err(|wrong| match wrong {
            Wrong::Template(trouble) => pattern_error(vm, trouble, source),
            Wrong::Name(message) => library_error(vm, "_IndexError", &[Value::string(message)]),
        })
    }

    pub(super) fn expand(&self, out: &mut String, group: impl Fn(usize) -> Value, push: fn(&mut String, &Value)) {
        for part in &self.0 {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Group(index) => push(out, &group(*index)),
            }
        }
    }
}

fn add(parts: &mut Vec<Part>, c: char) {
    match parts.last_mut() {
        Some(Part::Text(text)) => text.push(c),
        _ => parts.push(Part::Text(c.to_string())),
    }
}

impl Reader<'_> {
    fn error<T>(&self, message: impl Into<String>, back: usize) -> std::result::Result<T, Wrong> {
        let at = Some(self.at.saturating_sub(back));
        Err(Wrong::Template(Trouble { kind: TroubleKind::Pattern, message: message.into(), at }))
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn octal(&mut self, most: usize) -> u32 {
        let mut value = 0;
        for _ in 0..most {
            let Some(digit) = self.peek().and_then(|c| c.to_digit(8)) else { break };
            value = value * 8 + digit;
            self.at += 1;
        }
        value
    }

    fn group(&self, digits: &str, back: usize) -> std::result::Result<Part, Wrong> {
        match digits.parse::<usize>() {
            Ok(group) if group <= self.groups => Ok(Part::Group(group)),
            _ => self.error(format!("invalid group reference {}", digits.trim_start_matches('0')), back),
        }
    }

    fn template(&mut self) -> std::result::Result<Template, Wrong> {
        let mut parts = Vec::new();
        while let Some(c) = self.peek() {
            let start = self.at;
            self.at += 1;
            if c != '\\' {
                add(&mut parts, c);
                continue;
            }
            let Some(c) = self.peek() else { return self.error("bad escape (end of pattern)", 1) };
            self.at += 1;
            match c {
                'g' => {
                    let part = self.named()?;
                    parts.push(part);
                }
                '0' => {
                    let value = self.octal(2);
                    add(&mut parts, char::from((value & 0xff) as u8));
                }
                '1'..='9' => {
                    let mut digits = String::from(c);
                    if let Some(second) = self.peek().filter(char::is_ascii_digit) {
                        self.at += 1;
                        digits.push(second);
                        let octal = |c: char| c.is_digit(8);
                        if octal(c) && octal(second) && self.peek().is_some_and(octal) {
                            self.at = start + 1;
                            let value = self.octal(3);
                            let Some(c) = u8::try_from(value).ok().map(char::from) else {
                                return self
                                    .error(format!("octal escape value \\{value:o} outside of range 0-0o377"), 4);
                            };
                            add(&mut parts, c);
                            continue;
                        }
                    }
                    let part = self.group(&digits, digits.len())?;
                    parts.push(part);
                }
                _ => match "abfnrtv\\".find(c) {
                    Some(at) => add(&mut parts, "\x07\x08\x0c\n\r\t\x0b\\".chars().nth(at).unwrap_or(c)),
                    None if c.is_ascii_alphabetic() => return self.error(format!("bad escape \\{c}"), 2),
                    None => {
                        add(&mut parts, '\\');
                        add(&mut parts, c);
                    }
                },
            }
        }
        Ok(Template(parts))
    }

    /// What follows `\g`.
    fn named(&mut self) -> std::result::Result<Part, Wrong> {
        if self.peek() != Some('<') {
            return self.error("missing <", 0);
        }
        self.at += 1;
        let start = self.at;
        let Some(length) = self.chars[start..].iter().position(|&c| c == '>') else {
            self.at = self.chars.len();
            if self.at == start {
                return self.error("missing group name", 0);
            }
            return self.error("missing >, unterminated name", self.at - start);
        };
        self.at = start + length + 1;
        if length == 0 {
            return self.error("missing group name", 1);
        }
        let name: String = self.chars[start..start + length].iter().collect();
        if name.bytes().all(|b| b.is_ascii_digit()) {
            return self.group(&name, length + 1);
        }
        if let Some((_, group)) = self.names.iter().find(|(known, _)| *known == name) {
            return Ok(Part::Group(*group));
        }
        let mut chars = name.chars();
        let identifier = chars.next().is_some_and(crate::text::unicode::is_identifier_start)
            && chars.all(crate::text::unicode::is_identifier_continue);
        let mut shown = crate::text::repr::str_repr(&name);
        let mut wrong = !identifier;
        if self.bytes && !name.is_ascii() {
            shown = crate::text::repr::escape_non_ascii(&shown);
            wrong = true;
        }
        if wrong {
            return self.error(format!("bad character in group name {shown}"), length + 1);
        }
        Err(Wrong::Name(format!("unknown group name {shown}")))
    }
}
