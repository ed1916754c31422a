//! What the module `warnings` needs from the machine.

use crate::builtins::prelude::*;
use crate::diagnostic::{Diagnostic, Place};
use crate::machine::End;
use crate::report::{self, ErrorFormat};
use crate::source::Span;

pub(super) const FUNCTIONS: &[Row] = &[
    // Whether modules are taken apart, so that no line is read any more.
    native("_leaving()", |vm, _| Ok(Value::bool(vm.end == End::Leaving))),
    native("_suggests_tracemalloc()", |vm, _| Ok(Value::bool(vm.suggests_tracemalloc()))),
    // Shows a warning in the user's own format; false if that is CPython's, or if it does not go to standard error.
    native("_draw(message, category, filename, lineno, /)", |vm, args| {
        let style = vm.host.style;
        let [Value::Str(message), Value::Class(category), Value::Str(file), Value::Int(line)] = args else {
            return Ok(Value::bool(false));
        };
        if style.format == ErrorFormat::Python || vm.replaced_stderr().is_some() {
            return Ok(Value::bool(false));
        }
        let found = vm.codes().find(|code| *code.source.name == *file.as_str()).map(|code| code.source.clone());
        let number = u32::try_from(*line).unwrap_or(0);
        let place = found.and_then(|source| {
            let start = source.line_start(number)?;
            let text = source.line_text(number).unwrap_or("");
            let start = start as usize + (text.len() - text.trim_start().len());
            let span = Span::new(start, start + text.trim().len());
            Some(Place { source, span })
        });
        let is_known = place.is_some();
        let mut warning = Diagnostic::warning(category.name.borrow().as_str(), message.as_str(), place);
        if !is_known {
            if style.format != ErrorFormat::Json {
                return Ok(Value::bool(false));
            }
            warning = warning.note(format!("{file}:{line}"));
        }
        let text = report::diagnostic(&warning, &style);
        vm.write_report(&text);
        Ok(Value::bool(true))
    }),
];
