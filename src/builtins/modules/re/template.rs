//! What `sub` puts in a match's place: text with references to groups, which the page `re_rest.aio` reads.

use super::{Pattern, any_bytes};
use crate::builtins::modules::support::this;
use crate::builtins::prelude::*;

pub(super) struct Template {
    parts: Vec<Part>,
    /// Whether it is bytes itself.
    pub(super) bytes: bool,
    /// Whether the pattern is for the other kind of text, which is wrong once there is a match.
    foreign: bool,
}

enum Part {
    /// Bytes are held as characters.
    Text(String),
    Group(usize),
}

impl Template {
    pub(super) fn new(vm: &mut Vm, given: &Value, source: &Value) -> Result<Template> {
        let pattern = this!(vm, given, Pattern);
        let bytes = source.as_str().is_none();
        let text: String = if let Some(text) = source.as_str() {
            text.as_str().to_owned()
        } else {
            match any_bytes(vm, source) {
                Some(bytes) => bytes.iter().map(|&b| char::from(b)).collect(),
                None => {
                    // Templates are kept by what they are.
                    vm.hash(source)?;
                    let name = vm.type_name(source);
                    let message = format!("decoding to str: need a bytes-like object, {name} found");
                    return Err(vm.type_error(message));
                }
            }
        };
        let foreign = bytes != pattern.bytes;
        if !text.contains('\\') {
            return Ok(Template { parts: vec![Part::Text(text)], bytes, foreign });
        }
        let parts = vm.call_page("re", "_template", &[given.clone(), source.clone(), Value::string(text)])?;
        let part = |part: Value| match part.as_str() {
            Some(text) => Part::Text(text.as_str().to_owned()),
            None => Part::Group(part.as_int().map_or(0, |group| group as usize)),
        };
        let parts = vm.collect(&parts)?.into_iter().map(part).collect();
        Ok(Template { parts, bytes, foreign })
    }

    /// A template of the other kind of text can stand only for groups that did not match.
    pub(super) fn check_groups(&self, vm: &mut Vm, group: impl Fn(usize) -> Value) -> Result<()> {
        let mut place = 1;
        for (at, part) in self.parts.iter().enumerate() {
            match part {
                Part::Group(index) if self.foreign && !group(*index).is_none() => {
                    return Err(misplaced(vm, place, self.bytes));
                }
                Part::Text(_) if at > 0 => place += 1,
                _ => {}
            }
        }
        Ok(())
    }

    /// The same, where the whole becomes an item of what the pattern was applied to.
    pub(super) fn check(&self, vm: &mut Vm, item: usize, group: impl Fn(usize) -> Value) -> Result<()> {
        self.check_groups(vm, group)?;
        if self.foreign { Err(misplaced(vm, item, !self.bytes)) } else { Ok(()) }
    }

    pub(super) fn expand(&self, out: &mut String, group: impl Fn(usize) -> Value, push: fn(&mut String, &Value)) {
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Group(index) => push(out, &group(*index)),
            }
        }
    }
}

/// Text among bytes, or bytes among text.
#[cold]
fn misplaced(vm: &mut Vm, item: usize, among_bytes: bool) -> Error {
    let (wanted, found) = if among_bytes { ("a bytes-like object", "str") } else { ("str instance", "bytes") };
    vm.type_error(format!("sequence item {item}: expected {wanted}, {found} found"))
}
