//! Which errors there are first, and where, golden scripts say (`errors/scopes`).

use super::resolved;

#[test]
fn all_errors_are_told_once() {
    let resolved = resolved("def f(a, a): return\nreturn\nawait x\n[(yield) for x in y]\nx = [await y for y in z]");
    let expected = [
        "duplicate argument 'a' in function definition",
        "'yield' inside list comprehension",
        "'return' outside function",
        "'await' outside function",
        "asynchronous comprehension outside of an asynchronous function",
    ];
    assert_eq!(resolved.messages(), expected);
}

#[test]
fn deep_trees_fit_a_small_stack() {
    let deep = || {
        for text in [
            "lambda: ".repeat(1_000) + "x",
            "-".repeat(1_000) + "x",
            "a if b else ".repeat(1_000) + "c",
            "[".repeat(60) + "x" + &" for x in y]".repeat(60),
            "if x: pass\n".to_owned() + &"elif x: pass\n".repeat(1_000),
        ] {
            resolved(&text);
        }
    };
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(deep).expect("a thread can be made");
    thread.join().expect("no overflow");
}
