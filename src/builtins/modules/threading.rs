//! What `threading` and `concurrent.futures` stand on: green threads. The modules themselves are pages.

use crate::builtins::prelude::*;
use crate::machine::threads::{Wait, named_arguments};

pub(super) const FUNCTIONS: &[Row] = &[
    native("_start_thread(func, args, kwargs, daemon, handle, /)", |vm, args| {
        let daemon = vm.truth(&args[3])?;
        let positional = vm.collect(&args[1])?;
        let keywords = args[2].as_dict().map(|dict| named_arguments(&dict.pairs())).unwrap_or_default();
        vm.start_thread(&args[0], positional, &keywords, daemon, &args[4])?;
        Ok(Value::None)
    }),
    native("_show_exception(exception, heading, /)", |vm, args| {
        if let [Value::Exception(exception), Value::Str(heading)] = args {
            vm.print_exception_under(&format!("{heading}\n"), exception);
        }
        Ok(Value::None)
    }),
    native("_current_id()", |vm, _| Ok(Value::Int(vm.threads.current() as i64))),
    native("_wait(ready, timeout, what, /)", |vm, args| {
        let wait = wait(vm, args)?;
        vm.block(wait)?;
        Ok(Value::None)
    })
    .or_suspend(|vm, args| {
        let wait = wait(vm, args)?;
        Ok(vm.wait_suspending(wait))
    }),
];

/// A callable that says when, a moment, and what is waited for, for a report; each may be `None`.
fn wait(vm: &mut Vm, args: &[Value]) -> Result<Wait> {
    let deadline = vm.deadline_in(&args[1])?;
    Ok(Wait { deadline, ready: args[0].given().cloned(), what: args[2].given().cloned(), ..Wait::default() })
}
