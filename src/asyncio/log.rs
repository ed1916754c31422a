//! What asyncio logs: on standard error, or through `logging` once a script has imported that.

use crate::builtins::prelude::*;
use crate::diagnostic::Diagnostic;
use crate::object::exception::Error;
use crate::report::{self, ErrorFormat};

/// `logger.error(message, exc_info=exc_info)`, where that means an exception or none.
pub fn error(vm: &mut Vm, message: &str, error: Option<&Error>, exc_info: &Value) -> Result<()> {
    if error.is_some_and(|error| vm.too_late_to_show(&error.0)) {
        vm.write_err("--- Logging error ---\n");
        let message = "sys.meta_path is None, Python is likely shutting down";
        return Err(vm.error(vm.types.ImportError.clone(), message));
    }
    write(vm, "error", message, error, exc_info)
}

pub fn warning(vm: &mut Vm, message: &str) -> Result<()> {
    write(vm, "warning", message, None, &Value::None)
}

/// `logger.debug(message)`: nothing unless a script has set up logging.
pub fn debug(vm: &mut Vm, message: &str) -> Result<()> {
    write(vm, "debug", message, None, &Value::None)
}

fn write(vm: &mut Vm, level: &str, message: &str, error: Option<&Error>, exc_info: &Value) -> Result<()> {
    // Something may have been put in its place.
    if let Some(logger) = vm.loaded_attr("asyncio.base_events", "logger") {
        return call(vm, &logger, level, message, exc_info);
    }
    if let Some(logging) = vm.loaded("logging") {
        let logger = vm.call_method(&logging, "getLogger", &[Value::str("asyncio")])?;
        return call(vm, &logger, level, message, exc_info);
    }
    if level == "debug" {
        return Ok(());
    }
    let style = vm.host.style;
    let text = match (style.format, error) {
        (ErrorFormat::Json, Some(error)) => {
            let mut report = vm.exception_report(&error.0);
            report.notes.insert(0, message.to_owned());
            report::exception(&report, &style)
        }
        (ErrorFormat::Json, None) => report::diagnostic(&Diagnostic::warning("asyncio", message, None), &style),
        (_, Some(error)) => format!("{message}\n{}", vm.report_exception_text(error)),
        (_, None) => format!("{message}\n"),
    };
    vm.write_err(&text);
    Ok(())
}

fn call(vm: &mut Vm, logger: &Value, level: &str, message: &str, exc_info: &Value) -> Result<()> {
    let method = vm.get_attr(logger, level)?;
    let mut keywords = Vec::new();
    if level == "error" {
        keywords.push((vm.intern("exc_info"), exc_info.clone()));
    }
    vm.call_kw(&method, &[Value::str(message)], &keywords).map(drop)
}
