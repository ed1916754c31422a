//! What asyncio logs: on standard error, or through `logging` once a script has imported that.

use crate::builtins::prelude::*;
use crate::object::exception::Error;

/// `logger.error(message, exc_info=error)`.
pub fn error(vm: &mut Vm, message: &str, error: Option<&Error>) -> Result<()> {
    if error.is_some_and(|error| vm.too_late_to_show(&error.0)) {
        vm.write_err("--- Logging error ---\n");
        let message = "sys.meta_path is None, Python is likely shutting down";
        return Err(vm.error(vm.types.ImportError.clone(), message));
    }
    write(vm, "error", message, error)
}

pub fn warning(vm: &mut Vm, message: &str) -> Result<()> {
    write(vm, "warning", message, None)
}

/// `logger.debug(message)`: nothing unless a script has set up logging.
pub fn debug(vm: &mut Vm, message: &str) -> Result<()> {
    write(vm, "debug", message, None)
}

fn write(vm: &mut Vm, level: &str, message: &str, error: Option<&Error>) -> Result<()> {
    // Something may have been put in its place.
    if let Some(logger) = vm.loaded_attr("asyncio.base_events", "logger") {
        return call(vm, &logger, level, message, error);
    }
    if let Some(logging) = vm.loaded("logging") {
        let logger = vm.call_method(&logging, "getLogger", &[Value::str("asyncio")])?;
        return call(vm, &logger, level, message, error);
    }
    if level == "debug" {
        return Ok(());
    }
    let mut text = format!("{message}\n");
    if let Some(error) = error {
        text.push_str(&vm.report_exception_text(error));
    }
    vm.write_err(&text);
    Ok(())
}

fn call(vm: &mut Vm, logger: &Value, level: &str, message: &str, error: Option<&Error>) -> Result<()> {
    let method = vm.get_attr(logger, level)?;
    let mut keywords = Vec::new();
    if level == "error" {
        let exc_info = match error {
            Some(error) => {
                let traceback = error.0.traceback.borrow().clone().map_or(Value::None, Value::Traceback);
                Value::tuple([Value::Class(error.class()), error.value(), traceback])
            }
            None => Value::bool(false),
        };
        keywords.push((vm.intern("exc_info"), exc_info));
    }
    vm.call_kw(&method, &[Value::str(message)], &keywords).map(drop)
}
