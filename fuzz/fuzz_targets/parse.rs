//! Any bytes are accepted or refused: `cargo +nightly fuzz run parse`, with the golden scripts as a corpus.
#![no_main]

use aio::{Host, Interpreter};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| drop(Interpreter::new(Host::closed()).check("fuzz.aio", text)));
