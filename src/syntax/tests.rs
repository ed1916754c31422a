//! Tests of the syntax as a whole: what is complete, what is wrong, what the tree is, and how deep things may go.

use super::*;

/// The class, message, line and column of every error, or nothing.
fn errors(text: &str) -> Vec<(String, String, u32, u32)> {
    let source = Source::new("<test>", text);
    match parse_module(&source, &mut Interner::default()) {
        Parsed::Complete(_) => Vec::new(),
        Parsed::Incomplete(found) | Parsed::Invalid(found) => found.into_iter().map(told).collect(),
    }
}

fn told(diagnostic: Diagnostic) -> (String, String, u32, u32) {
    let place = diagnostic.place.expect("a syntax error has a place");
    let (line, column) = place.source.line_column(place.span.start);
    (diagnostic.code, diagnostic.message, line, column + 1)
}

fn is_complete(text: &str) -> Option<bool> {
    match parse_interactive(&Source::new("<test>", text), &mut Interner::default()) {
        Parsed::Complete(_) => Some(true),
        Parsed::Incomplete(_) => None,
        Parsed::Invalid(_) => Some(false),
    }
}

fn dump(text: &str) -> String {
    let source = Source::new("<test>", text);
    let mut interner = Interner::default();
    match parse_module(&source, &mut interner) {
        Parsed::Complete(module) => dump_ast(&module, &interner),
        other => panic!("{text:?} does not parse: {other:?}"),
    }
}

#[test]
fn sessions_know_when_to_go_on() {
    let complete = ["", "x = 1\n", "if x:\n  y\n\n", "if x: y\n\n", "x; y", "'''a\n\n'''\n", "(1,\n\n2)\n"];
    for text in complete {
        assert_eq!(is_complete(text), Some(true), "{text:?}");
    }
    let open = [
        "if x:\n", "if x:\n  y\n", "if x: y\n", "(1,\n", "(1,\n\n", "'''a\n\n", "x = \\\n", "@d\n", "f'{\n", "f'''a\n",
    ];
    for text in open {
        assert_eq!(is_complete(text), None, "{text:?}");
    }
    for text in ["1 +\n", "x y", "(1 2", "try:\n  x\n\n", "if x:\n\n", "'a\n", ")", "if x:\ny\n", "x y\n'''a"] {
        assert_eq!(is_complete(text), Some(false), "{text:?}");
    }
}

#[test]
fn errors_are_those_of_cpython() {
    let table = [
        ("x = (a b)", "invalid syntax. Perhaps you forgot a comma?", 1, 6),
        ("if x\n  pass", "expected ':'", 1, 5),
        ("x = (1,\ny = 2\n", "'(' was never closed", 1, 5),
        ("(]", "closing parenthesis ']' does not match opening parenthesis '('", 1, 2),
        ("f() = 1", "cannot assign to function call here. Maybe you meant '==' instead of '='?", 1, 1),
        ("x = f() = 1", "cannot assign to function call", 1, 5),
        ("if x = 1: pass", "invalid syntax. Maybe you meant '==' or ':=' instead of '='?", 1, 4),
        ("del f()", "cannot delete function call", 1, 5),
        ("a + 1 += 2", "'expression' is an illegal expression for augmented assignment", 1, 1),
        ("print x", "Missing parentheses in call to 'print'. Did you mean print(...)?", 1, 1),
        ("f(a=1, b)", "positional argument follows keyword argument", 1, 9),
        ("f(x for x in y, 1)", "Generator expression must be parenthesized", 1, 3),
        ("def f(a=1, b): pass", "parameter without a default follows parameter with a default", 1, 12),
        ("try:\n  x\ny", "expected 'except' or 'finally' block", 3, 1),
        ("try: x\nexcept A, B: y", "multiple exception types must be parenthesized", 2, 8),
        ("x = {1: 2, 3}", "':' expected after dictionary key", 1, 12),
        ("f'{a b}'", "invalid syntax. Perhaps you forgot a comma?", 1, 4),
        ("f'{}'", "f-string: valid expression required before '}'", 1, 4),
        ("x = 'abc", "unterminated string literal (detected at line 1)", 1, 5),
        ("a \\ b", "unexpected character after line continuation character", 1, 4),
        ("x = \u{a0}1", "invalid non-printable character U+00A0", 1, 5),
        ("match x:\n case A(b=1, 2): pass", "positional patterns follow keyword patterns", 2, 14),
        ("x = a + not b", "'not' after an operator must be parenthesized", 1, 9),
        ("b'a' 'b'", "cannot mix bytes and nonbytes literals", 1, 9),
        ("f(*)", "Invalid star expression", 1, 4),
        ("class", "invalid syntax", 1, 6),
    ];
    for (text, message, line, column) in table {
        let expected = ("SyntaxError".to_owned(), message.to_owned(), line, column);
        assert_eq!(errors(text).first(), Some(&expected), "{text:?}");
    }
    let indentation = [
        ("if x:\ny", "IndentationError", "expected an indented block after 'if' statement on line 1"),
        ("  x", "IndentationError", "unexpected indent"),
        ("if x:\n  a\n b", "IndentationError", "unindent does not match any outer indentation level"),
        ("if x:\n\ta\n        b", "TabError", "inconsistent use of tabs and spaces in indentation"),
    ];
    for (text, class, message) in indentation {
        let found = errors(text);
        assert_eq!((&*found[0].0, &*found[0].1), (class, message), "{text:?}");
    }
}

#[test]
fn later_errors_are_found_too() {
    let text = "a b\nx = 1\nif y:\n  c d\n  z\nclass:\n  k = 1\n  = 2\nx = (\n";
    let lines: Vec<u32> = errors(text).iter().map(|error| error.2).collect();
    assert_eq!(lines, [1, 4, 6, 8, 9]);
    // An error of the text itself comes first, as in CPython.
    let found = errors("a b\nx = 1_\n");
    assert_eq!((found[0].2, found[1].2), (2, 1));
}

#[test]
fn trees_are_shown_with_names() {
    let expected = "\
[
  Assign {
    targets: [
      Name(x)
    ],
    value: Attribute {
      value: Constant(
        Str(\"#1, a\")
      ),
      attr: b
    }
  }
]
";
    assert_eq!(dump("x = '#1, a'.b\n"), expected);
    assert!(dump("\u{fb01} = 1").contains("Name(fi)"));
}

#[test]
fn warnings_come_with_the_module() {
    let source = Source::new("<test>", "x = '\\d'\ny = 1if x else 2\n");
    let Parsed::Complete(module) = parse_module(&source, &mut Interner::default()) else { panic!("a valid text") };
    let messages: Vec<_> = module.warnings.iter().map(|warning| &*warning.message).collect();
    assert_eq!(messages, ["invalid escape sequence '\\d'", "invalid decimal literal"]);
    assert!(module.warnings.iter().all(|warning| warning.code == "SyntaxWarning"));
}

fn survives(text: &str) {
    let source = Source::new("<test>", text);
    let mut interner = Interner::default();
    if let Parsed::Complete(module) = parse_module(&source, &mut interner) {
        drop(dump_ast(&module, &interner));
    }
}

/// Chains and prefixes without end: whatever becomes of them, the stack of a test's thread must do.
#[test]
fn chains_do_not_exhaust_the_stack() {
    let n = 20_000;
    let prefixes =
        ["-", "not ", "lambda: ", "1 if a else ", "a ** ", "await ", "a = ", "lambda x=", "yield ", "x ", "print "];
    for part in prefixes {
        survives(&format!("x = {}1\n", part.repeat(n)));
    }
    for part in [".b", "()", "[0]", "+1", " and a", " < a", " or 1 and 1 < 1 | 1 ^ 1 & 1 << 1 + 1 * 1 ** 1"] {
        survives(&format!("x = a{}\n", part.repeat(n)));
    }
    survives(&format!("if a: pass\n{}", "elif a: pass\n".repeat(n)));
}

/// The same for everything that nests, valid or not; and trying again on failure must not double the work per level.
#[test]
fn nesting_does_not_exhaust_the_stack() {
    let brackets = [
        ("(", ")"),
        ("[", "]"),
        ("[*", "]"),
        ("{1: ", "}"),
        ("f(", ")"),
        ("f(*", ")"),
        ("a[", "]"),
        ("(lambda x=", ": 1)"),
        ("[x for x in ", "]"),
        ("[x for [", "] in y]"),
        ("(1 or 1 < 1 + -1 ** (", "))"),
        ("f'{", "}'"),
    ];
    for (open, close) in brackets {
        for n in [99, 149, 10_000] {
            survives(&format!("x = {}1{}\n", open.repeat(n), close.repeat(n)));
            survives(&format!("x = {}1 $ 2{}\n", open.repeat(n), close.repeat(n)));
            survives(&format!("x = {}x1 x2{}\n", open.repeat(n), close.repeat(n)));
            survives(&format!("for {}x = 2{} in y: pass\n", open.repeat(n), close.repeat(n)));
            survives(&format!("match x:\n  case {}1{}: pass\n", open.repeat(n), close.repeat(n)));
        }
    }
    survives(&(0..2_000).map(|i| format!("{}if a:\n", " ".repeat(i))).collect::<String>());
    let blocks: String = (0..99).map(|i| format!("{}def f():\n", " ".repeat(i))).collect();
    survives(&format!("{blocks}{}x = {}1{}\n", " ".repeat(99), "{1:".repeat(199), "}".repeat(199)));
}

#[test]
fn what_programs_need_is_within_the_bounds() {
    dump(&format!("x = a{}\n", ".b()".repeat(500)));
    dump(&format!("x = {}1{}\n", "(".repeat(200), ")".repeat(200)));
    dump(&format!("x = 1{}\n", " + 1".repeat(100_000)));
    dump(&format!("if a: pass\n{}", "elif a: pass\n".repeat(1_000)));
    dump(&format!("x = {}1\n", "1 if a else ".repeat(1_000)));
}
