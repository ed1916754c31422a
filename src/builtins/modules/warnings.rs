//! What the module `warnings` needs from the machine.

use crate::builtins::prelude::*;
use crate::diagnostic::{Diagnostic, Severity};
use crate::report::{self, ErrorFormat};
use crate::source::Span;

pub(super) const FUNCTIONS: &[Row] = &[
    // Shows a warning in the user's own format; false if that is CPython's, or if it does not go to standard error.
    native("_draw(message, category, filename, lineno, /)", |vm, args| {
        let style = vm.host.style;
        let [Value::Str(message), Value::Class(category), Value::Str(file), Value::Int(line)] = args else {
            return Ok(Value::bool(false));
        };
        let found = vm.codes().find(|code| *code.source.name == *file.as_str()).map(|code| code.source.clone());
        let (Some(source), false) = (found, style.format == ErrorFormat::Python || vm.replaced_stderr().is_some())
        else {
            return Ok(Value::bool(false));
        };
        let line = u32::try_from(*line).unwrap_or(0);
        let Some(start) = source.line_start(line) else { return Ok(Value::bool(false)) };
        let text = source.line_text(line).unwrap_or("");
        let start = start as usize + (text.len() - text.trim_start().len());
        let span = Span::new(start, start + text.trim().len());
        let warning = Diagnostic::error(category.name.borrow().as_str(), message.as_str(), &source, span);
        let text = report::diagnostic(&Diagnostic { severity: Severity::Warning, ..warning }, &style);
        vm.write_report(&text);
        Ok(Value::bool(true))
    }),
];
