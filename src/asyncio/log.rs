//! What asyncio logs: on standard error, or through `logging` once a script has imported that.

use crate::machine::Vm;
use crate::object::exception::Error;
use crate::object::{Result, Value};

/// `logger.error(message, exc_info=error)`.
pub fn error(vm: &mut Vm, message: &str, error: Option<&Error>) -> Result<()> {
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
    let logging = vm.intern("logging");
    if let Some(logging) = vm.modules.get_str(&logging) {
        let name = vm.intern("getLogger");
        let get_logger = vm.get_attr(&logging, &name)?;
        let logger = vm.call(&get_logger, &[Value::str("asyncio")])?;
        let name = vm.intern(level);
        let method = vm.get_attr(&logger, &name)?;
        let keywords: Vec<_> = error.map(|e| (vm.intern("exc_info"), e.value())).into_iter().collect();
        let args = [Value::str("%s"), Value::str(message)];
        return vm.call_kw(&method, &args, &keywords).map(drop);
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
