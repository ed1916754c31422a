//! What `threading` and `concurrent.futures` stand on: green threads. The modules themselves are pages.

use crate::machine::Vm;
use crate::object::native::{Row, native};
use crate::object::{Result, Value};

pub(super) const FUNCTIONS: &[Row] = &[
    native("_start_thread(func, daemon, /)", |vm, args| {
        let daemon = vm.truth(&args[1])?;
        let id = vm.start_thread(&args[0], daemon)?;
        Ok(Value::Int(id as i64))
    }),
    native("_show_exception(exception, /)", |vm, args| {
        if let Value::Exception(exception) = &args[0] {
            vm.print_exception(exception);
        }
        Ok(Value::None)
    }),
    native("_current_id()", |vm, _| Ok(Value::Int(vm.threads.current() as i64))),
    native("_wait(ready, timeout, /)", |vm, args| {
        let (ready, deadline) = condition(vm, args)?;
        vm.block(ready.as_ref(), deadline)?;
        Ok(Value::None)
    })
    .or_suspend(|vm, args| {
        let (ready, deadline) = condition(vm, args)?;
        Ok(vm.wait_suspending(ready, deadline))
    }),
];

/// What to wait for: a callable that says when, and a moment; either may be `None`.
fn condition(vm: &mut Vm, args: &[Value]) -> Result<(Option<Value>, Option<i128>)> {
    let deadline = match args[1].given() {
        Some(seconds) => {
            let nanoseconds = vm.to_f64(seconds)?.clamp(0.0, 1e9) * 1e9;
            Some(vm.host.clock.monotonic() + nanoseconds.ceil() as i128)
        }
        None => None,
    };
    Ok((args[0].given().cloned(), deadline))
}
