//! `cargo bench`: what the inner parts take, from the lexer to one call. Whole programs are timed by `benches/compare`.

use std::rc::Rc;

use aio::host::Host;
use aio::resolve::{self, Mode};
use aio::source::Source;
use aio::symbol::Interner;
use aio::syntax::{self, Parsed};
use aio::{Interpreter, lower};
use divan::Bencher;
use divan::counter::ItemsCount;

const FUNCTION: &str =
    "def f(a, b=1):\n    if a > b:\n        return [x * a for x in range(b)]\n    return f'{a} {b}'\n\n";
const LINES: usize = 5_000;
const ROUNDS: usize = 10_000;

fn main() {
    divan::main();
}

fn source() -> Rc<Source> {
    Source::new("text", &FUNCTION.repeat(LINES / 5))
}

#[divan::bench]
fn lex_a_line(bencher: Bencher) {
    let source = source();
    bencher
        .counter(ItemsCount::new(LINES))
        .bench_local(|| syntax::dump_tokens(&source, &mut Interner::default()).len());
}

#[divan::bench]
fn parse_a_line(bencher: Bencher) {
    let source = source();
    bencher
        .counter(ItemsCount::new(LINES))
        .bench_local(|| matches!(syntax::parse_module(&source, &mut Interner::default()), Parsed::Complete(_)));
}

#[divan::bench]
fn parse_and_resolve_a_line(bencher: Bencher) {
    let source = source();
    bencher.counter(ItemsCount::new(LINES)).bench_local(|| {
        let mut interner = Interner::default();
        let Parsed::Complete(mut module) = syntax::parse_module(&source, &mut interner) else { return 0 };
        resolve::resolve(&mut module, &source, &mut interner, Mode::Module).1.len()
    });
}

#[divan::bench]
fn parse_resolve_and_lower_a_line(bencher: Bencher) {
    let source = source();
    bencher
        .counter(ItemsCount::new(LINES))
        .with_inputs(|| Interpreter::new(Host::closed()))
        .bench_local_refs(|interpreter| lower::compile_module(&mut interpreter.vm, &source).is_ok());
}

#[divan::bench]
fn interpreter(bencher: Bencher) {
    bencher.bench_local(|| Interpreter::new(Host::closed()));
}

/// What runs in a loop: divide by the rounds, take off what the empty one takes.
#[divan::bench(args = ["pass", "total = i", "f(i)", "await g()", "await sleep(0)"])]
fn a_round(bencher: Bencher, body: &str) {
    let text = format!(
        "from asyncio import run, sleep\ndef f(n):\n    return n\nasync def g():\n    return 1\n\
         async def main():\n    for i in range({ROUNDS}):\n        {body}\nrun(main())\n"
    );
    let compile = || {
        let mut interpreter = Interpreter::new(Host::closed());
        let program = interpreter.compile("round", text.as_bytes()).ok();
        (interpreter, program)
    };
    bencher
        .counter(ItemsCount::new(ROUNDS))
        .with_inputs(compile)
        .bench_local_refs(|(interpreter, program)| program.as_ref().map(|program| interpreter.run(program)));
}
