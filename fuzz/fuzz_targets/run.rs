//! Whatever is a program ends under limits: `cargo +nightly fuzz run run`, with the golden scripts as a corpus.
#![no_main]

use aio::{Host, Interpreter};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let mut host = Host::closed();
    host.max_steps = Some(5_000);
    host.max_memory = Some(8 << 20);
    let mut interpreter = Interpreter::new(host);
    interpreter.limit_stack(4 << 20);
    if let Ok(program) = interpreter.compile("fuzz.aio", text) {
        interpreter.run(&program);
    }
});
