//! What `sub` puts in a match's place: text with references to groups, which the page `re_rest.aio` reads.

use super::{Pattern, any_bytes};
use crate::builtins::modules::support::this;
use crate::builtins::prelude::*;

pub(super) struct Template(Vec<Part>);

enum Part {
    /// Bytes are held as characters.
    Text(String),
    Group(usize),
}

impl Template {
    pub(super) fn new(vm: &mut Vm, given: &Value, source: &Value) -> Result<Template> {
        let pattern = this!(vm, given, Pattern);
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
                    let message = format!("decoding to str: need a bytes-like object, {name} found");
                    return Err(vm.type_error(message));
                }
            }
        };
        if !text.contains('\\') {
            return Ok(Template(vec![Part::Text(text)]));
        }
        let parts = vm.call_page("re", "_template", &[given.clone(), source.clone(), Value::string(text)])?;
        let part = |part: Value| match part.as_str() {
            Some(text) => Part::Text(text.as_str().to_owned()),
            None => Part::Group(part.as_int().map_or(0, |group| group as usize)),
        };
        Ok(Template(vm.collect(&parts)?.into_iter().map(part).collect()))
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
