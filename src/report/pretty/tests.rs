use super::*;

const PLAIN: Style = Style { format: super::super::ErrorFormat::Pretty, color: false, width: 80, folder: "" };

const PROGRAM: &str = "import asyncio

async def fetch(n):
    rate = n.total
    return compute(1) / n  # the rate

async def main():
\tx = '日本語', await fetch(0), '日本'
    y = foo(1,
        2,
        3)

asyncio.run(main())
";

fn place(source: &Rc<Source>, part: &str) -> Place {
    let start = source.text.find(part).expect("the part is in the text");
    Place { source: source.clone(), span: Span::new(start, start + part.len()) }
}

fn frame(source: &Rc<Source>, part: &str, function: &str) -> FrameEntry {
    FrameEntry::new(place(source, part), function)
}

fn division(source: &Rc<Source>) -> ExceptionReport {
    let mut report = ExceptionReport::new("ZeroDivisionError", "division by zero");
    report.frames = vec![
        frame(source, "asyncio.run(main())", "<module>"),
        frame(source, "await fetch(0)", "main"),
        frame(source, "compute(1) / n", "fetch"),
    ];
    report
}

fn missing(source: &Rc<Source>) -> ExceptionReport {
    let mut report = ExceptionReport::new("KeyError", "'a'");
    report.frames = vec![frame(source, "await fetch(0)", "main")];
    report
}

#[track_caller]
fn check(got: &str, expected: &str) {
    assert!(got == expected.trim_start_matches('\n'), "got\n{got}");
}

#[test]
fn callers_stand_above_the_failing_line() {
    let source = Source::new("prog.aio", PROGRAM);
    let expected = "
prog.aio:13  in <module>  asyncio.run(main())
prog.aio:8   in main      x = '日本語', await fetch(0), '日本'
   ╭─[ prog.aio:5:12 in fetch ]
   │
 5 │     return compute(1) / n  # the rate
   │            ───────┬──────
   │                   ╰──────── division by zero
───╯
ZeroDivisionError: division by zero
";
    check(&exception(&division(&source), &PLAIN), expected);
}

#[test]
fn notes_helps_and_labels() {
    let source = Source::new("prog.aio", PROGRAM);
    let mut report = division(&source);
    report.frames.drain(..2);
    report.labels = vec![Label { place: place(&source, "n.total"), text: "n is 0 here".into() }];
    report.notes =
        vec!["one\ntwo".into(), "a note that goes on and on and on until it does not fit into a line".into()];
    report.helps = vec!["test `n` first".into()];
    report.suggestion = Some("Did you mean: 'm'?".into());
    let expected = "
   ╭─[ prog.aio:5:12 in fetch ]
   │
 4 │     rate = n.total
   │            ───┬───
   │               ╰───── n is 0 here
 5 │     return compute(1) / n  # the rate
   │            ───────┬──────
   │                   ╰──────── division by zero
   │
   │ Help: test `n` first
   │
   │ Note: one
   │       two
   │       a note that goes on and on and on until it does not fit
   │       into a line
───╯
ZeroDivisionError: division by zero. Did you mean: 'm'?
";
    check(&exception(&report, &Style { width: 70, ..PLAIN }), expected);
    report.frames.clear();
    report.labels.clear();
    let expected = "
Help: test `n` first
Note: one
      two
      a note that goes on and on and on until it does not fit into a line
ZeroDivisionError: division by zero. Did you mean: 'm'?
";
    check(&exception(&report, &PLAIN), expected);
}

#[test]
fn what_led_to_it_stands_first() {
    let source = Source::new("prog.aio", PROGRAM);
    let mut report = ExceptionReport::new("ValueError", "x");
    report.context = Some(Box::new(missing(&source)));
    let expected = "
   ╭─[ prog.aio:8:13 in main ]
   │
 8 │     x = '日本語', await fetch(0), '日本'
   │                   ───────┬──────
   │                          ╰──────── KeyError
───╯
KeyError: 'a'

While the exception above was being handled, another one occurred:

ValueError: x
";
    check(&exception(&report, &PLAIN), expected);
    report.cause = report.context.take();
    assert!(exception(&report, &PLAIN).contains("\n\nThe exception above was the direct cause of this one:\n\n"));
}

#[test]
fn members_stand_before_their_group() {
    let source = Source::new("prog.aio", PROGRAM);
    let mut report = ExceptionReport::new("ExceptionGroup", "g (2 sub-exceptions)");
    let mut inner = ExceptionReport::new("ExceptionGroup", "h (1 sub-exception)");
    inner.group = Some(vec![ExceptionReport::new("ValueError", "x")]);
    report.group = Some(vec![missing(&source), inner]);
    let expected = "
╭─ 1 of 2
│    ╭─[ prog.aio:8:13 in main ]
│    │
│  8 │     x = '日本語', await fetch(0), '日本'
│    │                   ───────┬──────
│    │                          ╰──────── KeyError
│ ───╯
│ KeyError: 'a'
├─ 2 of 2
│ ╭─ 1 of 1
│ │ ValueError: x
│ ╰─
│ ExceptionGroup: h (1 sub-exception)
╰─
ExceptionGroup: g (2 sub-exceptions)
";
    check(&exception(&report, &PLAIN), expected);

    report.group = Some((0..20).map(|i| ExceptionReport::new("E", i.to_string())).collect());
    assert!(
        exception(&report, &PLAIN)
            .ends_with("├─ 15 of 20\n│ E: 14\n╰─ and 5 more\nExceptionGroup: g (2 sub-exceptions)\n")
    );
    let deep = (0..100).fold(ExceptionReport::new("E", ""), |inner, _| {
        let mut report = ExceptionReport::new("ExceptionGroup", "g");
        report.group = Some(vec![inner]);
        report
    });
    assert_eq!(exception(&deep, &PLAIN).matches("╰─").count(), 10);
}

#[test]
fn many_callers_are_cut() {
    let source = Source::new("prog.aio", &"f(x)\n".repeat(40));
    let frame = |line: usize, function: &str| {
        FrameEntry::new(Place { source: source.clone(), span: Span::new(line * 5, line * 5 + 4) }, function)
    };
    let mut report = ExceptionReport::new("RecursionError", "");
    report.frames = (0..20).map(|line| frame(line, "f")).chain((0..998).map(|_| frame(30, "longer"))).collect();
    let expected = "
prog.aio:1   in f       f(x)
prog.aio:2   in f       f(x)
prog.aio:3   in f       f(x)
... 11 more calls ...
prog.aio:15  in f       f(x)
prog.aio:16  in f       f(x)
prog.aio:17  in f       f(x)
prog.aio:18  in f       f(x)
prog.aio:19  in f       f(x)
prog.aio:20  in f       f(x)
prog.aio:31  in longer  f(x)  (997 times)
    ╭─[ prog.aio:31:1 in longer ]
    │
 31 │ f(x)
    │ ──┬─
    │   ╰─── RecursionError
────╯
RecursionError
";
    check(&exception(&report, &PLAIN), expected);
}

#[test]
fn parts_over_several_lines() {
    let source = Source::new("prog.aio", PROGRAM);
    let mut report = ExceptionReport::new("TypeError", "foo() takes 2 positional arguments but 3 were given");
    report.frames.push(frame(&source, "foo(1,\n        2,\n        3)", "main"));
    let expected = "
    ╭─[ prog.aio:9:9 in main ]
    │
  9 │ ╭─▶     y = foo(1,
    ┆ ┆
 11 │ ├─▶         3)
    │ │
    │ ╰───────────────── foo() takes 2 positional arguments but 3 were given
────╯
TypeError: foo() takes 2 positional arguments but 3 were given
";
    check(&exception(&report, &PLAIN), expected);
}

#[test]
fn long_lines_are_cut() {
    let long = "\n".repeat(123_455) + &"日本, ".repeat(500_000) + "1 / 0" + &", abc".repeat(500_000);
    let source = Source::new("long.aio", &long);
    let span = place(&source, "1 / 0").span;
    let mut warning = Diagnostic::error("RuntimeWarning", "coroutine 'hello' was never awaited", &source, span);
    warning.severity = Severity::Warning;
    let expected = "
        ╭─[ long.aio:123456:2000001 ]
        │
 123456 │ …日本, 日本, 日本, 日本, 1 / 0, abc, abc, abc, abc, abc, abc, abc, ab…
        │                          ──┬──
        │                            ╰──── coroutine 'hello' was never awaited
────────╯
RuntimeWarning: coroutine 'hello' was never awaited
";
    check(&diagnostic(&warning, &PLAIN), expected);
}

#[test]
fn syntax_errors_at_any_place() {
    let source = Source::new("prog.aio", "x = (1,\n");
    let error = Diagnostic::error("SyntaxError", "'(' was never closed", &source, Span::new(4, 5));
    let expected = "
   ╭─[ prog.aio:1:5 ]
   │
 1 │ x = (1,
   │     ┬
   │     ╰── '(' was never closed
───╯
SyntaxError: '(' was never closed
";
    check(&diagnostic(&error, &PLAIN), expected);

    let mut report = ExceptionReport::new("SyntaxError", "invalid syntax");
    report.frames.push(frame(&Source::new("prog.aio", "exec('  x = = 1')"), "exec('  x = = 1')", "<module>"));
    report.syntax = Some(SyntaxPlace {
        filename: "<string>".into(),
        lineno: 77,
        offset: Some(7),
        end_lineno: 77,
        end_offset: Some(8),
        text: Some("  x = = 1\n".into()),
    });
    let expected = "
prog.aio:1  in <module>  exec('  x = = 1')
    ╭─[ <string>:77:7 ]
    │
 77 │   x = = 1
    │       ┬
    │       ╰── invalid syntax
────╯
SyntaxError: invalid syntax
";
    check(&exception(&report, &PLAIN), expected);
    if let Some(syntax) = &mut report.syntax {
        syntax.text = None;
    }
    check(
        &exception(&report, &PLAIN),
        "prog.aio:1  in <module>  exec('  x = = 1')\n<string>:77\nSyntaxError: invalid syntax\n",
    );
}

#[test]
fn colours_change_nothing_else() {
    let source = Source::new("prog.aio", PROGRAM);
    let mut report = division(&source);
    report.context = Some(Box::new(missing(&source)));
    let colored = exception(&report, &Style { color: true, ..PLAIN });
    assert!(colored.contains("\x1b[31mcompute(1) / n\x1b["), "{colored}");
    assert!(colored.ends_with("\x1b[1;31mZeroDivisionError\x1b[0m: division by zero\n"));
    let mut plain = String::new();
    for (i, part) in colored.split('\x1b').enumerate() {
        plain.push_str(if i == 0 { part } else { part.split_once('m').map_or("", |(_, rest)| rest) });
    }
    assert_eq!(plain, exception(&report, &PLAIN));
}

#[test]
fn anything_can_be_drawn() {
    let long = format!("x = {}日\r\n\tzz\n", "日本 \t".repeat(60));
    let texts =
        ["", "\n", "a", "é日\r\n\t\u{2028}x\x0c\r(\n", "\u{feff}\x1b[31mx\u{301}👩‍👩‍👧 = (1\n\n", "a\nb\nc\nd\n", &long];
    let mut seed = 1_u64;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    for round in 0..4_000 {
        let text = texts[round % texts.len()];
        let source = Source::new("t.aio", text);
        let mut span = || Span::new(random(text.len() + 3), random(text.len() + 3));
        let mut error = Diagnostic::error("E", "a message of some length", &source, span());
        error.labels = (0..round % 4)
            .map(|_| Label { place: Place { source: source.clone(), span: span() }, text: "label".into() })
            .collect();
        let color = round % 2 == 0;
        let drawn = diagnostic(&error, &Style { color, width: 50, ..PLAIN });
        assert!(drawn.contains("a message of some length\n"));
        for line in drawn.lines().filter(|_| !color) {
            assert!(width(line) <= 52 + error.labels.len(), "{} columns\n{drawn}", width(line));
        }
    }
}
