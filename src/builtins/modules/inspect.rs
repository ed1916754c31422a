//! What `inspect` needs from the machine.

use crate::builtins::prelude::*;

pub(super) const FUNCTIONS: &[Row] = &[
    // The text of a source that was read under a name, if one was.
    native("_source_text(file, /)", |vm, args| {
        let Some(file) = args[0].as_str() else { return Ok(Value::None) };
        if file.as_str() == "<string>" {
            return Ok(vm.command.as_ref().map_or(Value::None, |command| Value::str(&command.text)));
        }
        let found = vm.codes().find(|code| *code.source.name == *file.as_str() && !code.source.given);
        let Some(source) = found.map(|code| code.source.clone()) else { return Ok(Value::None) };
        source.shown.set(true);
        Ok(Value::str(&source.text))
    }),
];
