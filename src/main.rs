//! The command line: arguments, the process's streams and clock, exit status.

#![forbid(unsafe_code)]

mod cli;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Native stack for the interpreter's thread: enough for the deepest recursion a script may ask for. Only what is
/// touched takes memory.
const STACK: usize = if cfg!(debug_assertions) { 4 << 30 } else { 1 << 30 };
/// What is left of it for the machine's own work when a script is told that it recursed too deeply.
const RESERVE: usize = 4 << 20;

fn main() -> ExitCode {
    for stack in [STACK, STACK / 4, STACK / 16] {
        let run = move || {
            let status = std::panic::catch_unwind(|| cli::run(stack - RESERVE));
            std::process::exit(status.unwrap_or(70).into())
        };
        if let Ok(thread) = std::thread::Builder::new().name("aio".to_owned()).stack_size(stack).spawn(run) {
            cli::signals::wait();
            return thread.join().unwrap_or(ExitCode::FAILURE);
        }
    }
    ExitCode::from(cli::run(4 << 20))
}
