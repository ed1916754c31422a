//! Every text gives a run or a clear error; none brings the program down.

use super::{Run, run_file};

/// The error's last line, and its place in one of the ways in which places are shown.
fn fails(test: &str, bytes: &[u8], line: u32, message: &str) {
    let run = survives(test, bytes);
    assert_eq!((run.status, run.out.as_str()), (Some(1), ""), "{test}: {}", cut(&run.err));
    assert!(run.err.contains(message), "{test}: {}", cut(&run.err));
    let places = [format!("script.aio:{line}:"), format!("script.aio on line {line},")];
    assert!(places.iter().any(|place| run.err.contains(place)), "{test}: line {line}: {}", cut(&run.err));
}

fn prints(test: &str, bytes: &[u8], out: &str) {
    let run = survives(test, bytes);
    assert_eq!((run.status, run.out.as_str(), cut(&run.err)), (Some(0), out, ""), "{test}");
}

/// Ends with 0 or 1 and without a word about the interpreter itself, in every format.
fn survives(test: &str, bytes: &[u8]) -> Run {
    let python = run_file(test, bytes, &["--error-format", "python"], &[]);
    let pretty = run_file(test, bytes, &[], &[]);
    for run in [&python, &pretty] {
        assert!(matches!(run.status, Some(0 | 1)), "{test}: {:?} {}", run.status, cut(&run.err));
        assert!(!run.err.contains("panicked"), "{test}: {}", cut(&run.err));
        assert_eq!(run.status == Some(1), !run.err.is_empty(), "{test}");
    }
    assert_eq!(python.status, pretty.status);
    pretty
}

fn cut(text: &str) -> &str {
    text.get(..2000).unwrap_or(text)
}

#[test]
fn unclosed_and_unopened() {
    fails("bracket", b"x = (1,\n     2\ny = 3\n", 1, "SyntaxError: '(' was never closed");
    fails("mismatch", b"x = [1)\n", 1, "SyntaxError: closing parenthesis ')' does not match opening parenthesis '['");
    fails("unopened", b"x = 1\ny = 2}\n", 2, "SyntaxError: unmatched '}'");
    fails("string", b"x = 1\ny = 'abc\n", 2, "SyntaxError: unterminated string literal (detected at line 2)");
    fails(
        "triple",
        b"x = 1\ny = '''abc\n\n\n",
        2,
        "SyntaxError: unterminated triple-quoted string literal (detected at line 4)",
    );
    fails("fstring", b"f'{x'\n", 1, "SyntaxError: ");
}

#[test]
fn indentation() {
    fails(
        "missing",
        b"if x:\npass\n",
        2,
        "IndentationError: expected an indented block after 'if' statement on line 1",
    );
    fails("unexpected", b"x = 1\n  y = 2\n", 2, "IndentationError: unexpected indent");
    fails(
        "level",
        b"if x:\n        y\n    z\n",
        3,
        "IndentationError: unindent does not match any outer indentation level",
    );
    fails("tabs", b"if x:\n        y\n\tz\n", 3, "TabError: inconsistent use of tabs and spaces in indentation");
}

#[test]
fn bytes() {
    fails("utf8", b"x = 1\ny = '\xff'\n", 2, "SyntaxError: Non-UTF-8 code starting with '\\xff'");
    fails("cut_utf8", b"y = '\xe2\x82", 1, "SyntaxError: Non-UTF-8 code starting with '\\xe2'");
    fails("nul", b"x = 1\ny = \0 2\n", 2, "SyntaxError: source code cannot contain null bytes");
    fails("control", b"x = \x01\n", 1, "SyntaxError: invalid non-printable character U+0001");
    fails("character", "x = 1 \u{2212} 2\n".as_bytes(), 1, "SyntaxError: invalid character '\u{2212}' (U+2212)");
}

#[test]
fn line_ends() {
    prints("crlf", b"x = 1\r\nif x:\r\n    print(x, '''a\r\nb'''.encode())\r\n", "1 b'a\\nb'\n");
    prints("cr", b"x = 1\rif x:\r    print(x)\r", "1\n");
    prints("mixed", b"x = 1\r\rif x:\n    y = 2\r\n    print(x,\r      y)", "1 2\n");
    prints("form_feed", b"\x0cx = 1\n\x0c\nprint(x)\n", "1\n");
}

#[test]
fn nothing() {
    for (test, text) in [("empty", &b""[..]), ("blank", b"\n"), ("spaces", b"   "), ("comment", b"# only")] {
        prints(test, text, "");
    }
    prints("bom", b"\xef\xbb\xbfprint('marked')\n", "marked\n");
    prints("bom_only", b"\xef\xbb\xbf", "");
    fails("backslash", b"x = 1 \\", 1, "SyntaxError: unexpected EOF while parsing");
}

#[test]
fn one_long_line() {
    let text = format!("print(len('{}'))\n", "a".repeat(10 << 20));
    prints("long_string", text.as_bytes(), "10485760\n");
    let text = format!("x = 1 #{}\nprint(x)", "a".repeat(10 << 20));
    prints("long_comment", text.as_bytes(), "1\n");
    let text = format!("{}\n", "a".repeat(10 << 20));
    fails("long_name", text.as_bytes(), 1, "NameError: name '");
}

/// Debug builds read about a megabyte a second; the size is that of the issue in release builds.
#[test]
fn one_long_list() {
    let count = if cfg!(debug_assertions) { 200_000 } else { 2_500_000 };
    let text = format!("x = [{}]\nprint(len(x))\n", "123,".repeat(count));
    prints("long_list", text.as_bytes(), &format!("{count}\n"));
    let text = format!("x = [{}\n", "123,".repeat(count));
    fails("long_open_list", text.as_bytes(), 1, "SyntaxError: '[' was never closed");
    let text = format!("x = [{} = ]\n", "123,".repeat(count));
    fails("long_bad_list", text.as_bytes(), 1, "SyntaxError: ");
}

const MANY: usize = 100_000;

#[test]
fn nested_brackets() {
    let text = format!("x = {}{}\n", "(".repeat(MANY), ")".repeat(MANY));
    fails("brackets", text.as_bytes(), 1, "SyntaxError: too many nested parentheses");
    fails("open_brackets", "[".repeat(MANY).as_bytes(), 1, "SyntaxError: too many nested parentheses");
    let text = format!("x = {}1{}\nprint(x)", "(".repeat(150), ")".repeat(150));
    prints("some_brackets", text.as_bytes(), "1\n");
    survives("braces", format!("x = {}{}\n", "{".repeat(MANY), "}".repeat(MANY)).as_bytes());
    survives("calls", format!("x = {}{}\n", "f(".repeat(MANY), ")".repeat(MANY)).as_bytes());
    survives("subscripts", format!("x = a{}{}\n", "[a".repeat(MANY), "]".repeat(MANY)).as_bytes());
}

#[test]
fn nested_blocks() {
    let mut text = String::new();
    for depth in 0..2_000 {
        text.push_str(&" ".repeat(depth));
        text.push_str("if x:\n");
    }
    fails("blocks", text.as_bytes(), 101, "IndentationError: too many levels of indentation");
    let mut text = String::new();
    for depth in 0..90 {
        text.push_str(&" ".repeat(depth));
        text.push_str("if 1:\n");
    }
    text.push_str(&" ".repeat(90));
    text.push_str("print('deep')\n");
    prints("some_blocks", text.as_bytes(), "deep\n");
}

/// Written out in full this would be a file of five gigabytes; indentation stops growing where the limit is passed.
#[test]
fn a_hundred_thousand_blocks() {
    let mut text = "if x:\n".to_owned();
    for depth in 1..=MANY {
        text.push_str(&"\t".repeat(depth.min(101)));
        text.push_str("if x:\n");
    }
    fails("many_blocks", text.as_bytes(), 101, "IndentationError: too many levels of indentation");
    let text = "if x: pass\n".to_owned() + &"elif x: pass\n".repeat(MANY);
    survives("many_elifs", text.as_bytes());
}

#[test]
fn long_chains() {
    let text = format!("x = {}1\n", "-".repeat(MANY));
    survives("minus", text.as_bytes());
    let text = format!("x = {}1\n", "not ".repeat(MANY));
    survives("not", text.as_bytes());
    let text = format!("x = 1{}\nprint(x)\n", " + 1".repeat(MANY));
    survives("plus", text.as_bytes());
    survives("power", format!("x = 1{}\n", " ** 1".repeat(MANY)).as_bytes());
    survives("and", format!("x = 1{}\nprint(x)\n", " and 1".repeat(MANY)).as_bytes());
    survives("compare", format!("x = 1{}\nprint(x)\n", " < 1".repeat(MANY)).as_bytes());
    survives("attributes", format!("x = a{}\n", ".a".repeat(MANY)).as_bytes());
    survives("called", format!("x = a{}\n", "()".repeat(MANY)).as_bytes());
    survives("conditional", format!("x = {}1\n", "1 if 1 else ".repeat(MANY)).as_bytes());
    survives("lambda", format!("x = {}1\n", "lambda: ".repeat(MANY)).as_bytes());
    survives("await", format!("async def f():\n    {}x\n", "await ".repeat(MANY)).as_bytes());
    survives("targets", format!("{}1\n", "x = ".repeat(MANY)).as_bytes());
    survives("fstrings", format!("x = {}1{}\n", "f'{".repeat(MANY), "}'".repeat(MANY)).as_bytes());
    survives("decorators", format!("{}def f(): pass\n", "@f\n".repeat(MANY)).as_bytes());
}

#[test]
fn large_numbers() {
    fails(
        "digits",
        format!("x = {}\n", "9".repeat(5000)).as_bytes(),
        1,
        "SyntaxError: Exceeds the limit (4300 digits)",
    );
    prints("hex", format!("print(0x{} > 0)\n", "f".repeat(50_000)).as_bytes(), "True\n");
}
