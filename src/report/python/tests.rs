//! The expected texts were written by CPython 3.13.

use super::*;
use crate::source::{Source, Span};

fn frame(source: &std::rc::Rc<Source>, span: Span, function: &str) -> FrameEntry {
    FrameEntry { place: Place { source: source.clone(), span }, function: function.into(), task: None }
}

/// An exception raised from the whole of one line.
fn raised(class: &str, message: &str, line: &str) -> ExceptionReport {
    let mut report = ExceptionReport::new(class, message);
    report.frames.push(frame(&Source::new("t.py", line), Span::new(0, line.len()), "f"));
    report
}

fn text(report: &ExceptionReport) -> String {
    format_exception(report).concat()
}

#[test]
fn excerpts() {
    let mut failures = String::new();
    for case in include_str!("excerpts.txt").split("==\n") {
        let (marked, expected) = case.split_once("\n--\n").expect("a case is a source and a text");
        let start = marked.find('«').expect("the start is marked");
        let end = marked.find('»').expect("the end is marked") - '«'.len_utf8();
        let source = Source::new("t.py", &marked.replace(['«', '»'], ""));
        let mut got = String::new();
        excerpt::write(&source, Span::new(start, end), &mut got);
        if got != expected.replace('¶', "") {
            failures += &format!("{marked}\n-- expected\n{expected}-- got\n{got}\n");
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn any_span_is_safe() {
    let texts =
        ["", "\n", "a", "é日\r\n\t\u{2028}x\x0c\r(\n", "f(\"\u{e9}\\", "f\"{f\"{'", "\u{feff}x = (1\n\n", "x\x1c  y"];
    for text in texts {
        let source = Source::new("t.py", text);
        for start in 0..text.len() + 3 {
            for end in 0..text.len() + 3 {
                let mut report = ExceptionReport::new("E", "");
                report.frames.push(frame(&source, Span::new(start, end), "f"));
                assert!(format_exception(&report).concat().ends_with("E\n"), "{text:?} {start} {end}");
                let warning = Diagnostic {
                    severity: Severity::Warning,
                    ..Diagnostic::error("W", "", &source, Span::new(start, end))
                };
                diagnostic(&warning);
                diagnostic(&Diagnostic { severity: Severity::Error, ..warning });
            }
        }
    }
}

#[test]
fn empty_messages_and_lines_without_source() {
    assert_eq!(text(&ExceptionReport::new("ValueError", "")), "ValueError\n");
    assert_eq!(text(&ExceptionReport::new("ValueError", "a\nb")), "ValueError: a\nb\n");
    let mut report = ExceptionReport::new("m.E", "");
    report.frames.push(frame(&Source::new("<string>", "a / b"), Span::new(0, 5), "<module>"));
    report.frames.push(frame(&Source::new("t.py", "x\n\n"), Span::new(2, 2), "f"));
    let expected = "Traceback (most recent call last):
  File \"<string>\", line 1, in <module>
  File \"t.py\", line 2, in f
m.E
";
    assert_eq!(text(&report), expected);
}

#[test]
fn suggestions_and_notes() {
    let mut report = ExceptionReport::new("NameError", "name 'lenn' is not defined");
    report.suggestion = Some("Did you mean: 'len'?".into());
    report.notes = vec!["n1\nn2".into(), "".into()];
    assert_eq!(
        format_exception(&report),
        ["NameError: name 'lenn' is not defined. Did you mean: 'len'?\n", "n1\n", "n2\n", "\n"]
    );
}

#[test]
fn repeated_frames_are_counted() {
    let source = Source::new("t.py", "f(1)\ng(2)\n");
    let (f, g) = (frame(&source, Span::new(0, 4), "f"), frame(&source, Span::new(5, 9), "g"));
    let mut report = ExceptionReport::new("RecursionError", "");
    report.frames = [vec![f.clone(); 4], vec![g; 3], vec![f; 5]].concat();
    let (f, g) =
        ("  File \"t.py\", line 1, in f\n    f(1)\n    ~^^^\n", "  File \"t.py\", line 2, in g\n    g(2)\n    ~^^^\n");
    let once = "  [Previous line repeated 1 more time]\n";
    let twice = "  [Previous line repeated 2 more times]\n";
    let header = "Traceback (most recent call last):\n";
    assert_eq!(format_exception(&report), [header, f, f, f, once, g, g, g, f, f, f, twice, "RecursionError\n"]);
}

#[test]
fn chains_read_oldest_first() {
    let mut middle = raised("TypeError", "b", "raise b");
    middle.context = Some(Box::new(ExceptionReport::new("KeyError", "'a'")));
    let mut last = ExceptionReport::new("ValueError", "c");
    last.cause = Some(Box::new(middle));
    let expected = "KeyError: 'a'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File \"t.py\", line 1, in f
    raise b
TypeError: b

The above exception was the direct cause of the following exception:

ValueError: c
";
    assert_eq!(text(&last), expected);
}

#[test]
fn long_chains_need_no_stack() {
    let mut report = ExceptionReport::new("E", "");
    for _ in 0..200_000 {
        let mut next = ExceptionReport::new("E", "");
        next.context = Some(Box::new(report));
        report = next;
    }
    assert_eq!(format_exception(&report).len(), 400_001);
}

fn group(name: &str, members: Vec<ExceptionReport>) -> ExceptionReport {
    let plural = if members.len() == 1 { "" } else { "s" };
    let mut report =
        ExceptionReport::new("ExceptionGroup", format!("{name} ({} sub-exception{plural})", members.len()));
    report.group = Some(members);
    report
}

#[test]
fn groups_are_trees() {
    let mut inner = group("g", vec![ExceptionReport::new("ValueError", "1"), raised("TypeError", "a\nb", "raise e")]);
    inner.notes = vec!["n1\nn2".into(), "".into()];
    let mut last = group("in", vec![ExceptionReport::new("ValueError", "x\n\ny")]);
    last.frames = raised("", "", "raise z").frames.clone();
    let mut outer = group("outer", vec![inner, ExceptionReport::new("KeyError", "'k'"), last]);
    outer.frames = raised("", "", "raise z").frames.clone();
    let expected = "  + Exception Group Traceback (most recent call last):
  |   File \"t.py\", line 1, in f
  |     raise z
  | ExceptionGroup: outer (3 sub-exceptions)
  +-+---------------- 1 ----------------
    | ExceptionGroup: g (2 sub-exceptions)
    | n1
    | n2
    |\u{20}
    +-+---------------- 1 ----------------
      | ValueError: 1
      +---------------- 2 ----------------
      | Traceback (most recent call last):
      |   File \"t.py\", line 1, in f
      |     raise e
      | TypeError: a
      | b
      +------------------------------------
    +---------------- 2 ----------------
    | KeyError: 'k'
    +---------------- 3 ----------------
    | Exception Group Traceback (most recent call last):
    |   File \"t.py\", line 1, in f
    |     raise z
    | ExceptionGroup: in (1 sub-exception)
    +-+---------------- 1 ----------------
      | ValueError: x
      |\u{20}
      | y
      +------------------------------------
";
    assert_eq!(text(&outer), expected);
}

#[test]
fn a_member_with_a_cause_closes_the_tree() {
    let chained = || {
        let mut member = ExceptionReport::new("ValueError", "v");
        member.notes.push("t".into());
        member.cause = Some(Box::new(group("a", vec![ExceptionReport::new("ValueError", "0")])));
        member
    };
    let expected = "  | ExceptionGroup: top (1 sub-exception)
  +-+---------------- 1 ----------------
    | ExceptionGroup: a (1 sub-exception)
    +-+---------------- 1 ----------------
      | ValueError: 0
      +------------------------------------
    |\u{20}
    | The above exception was the direct cause of the following exception:
    |\u{20}
    | ValueError: v
    | t
";
    assert_eq!(text(&group("top", vec![chained()])), expected);
}

#[test]
fn wide_and_deep_groups_are_cut() {
    let members = |count: usize| (0..count).map(|i| ExceptionReport::new("E", i.to_string())).collect();
    let end = |count| text(&group("g", members(count))).lines().rev().take(3).collect::<Vec<_>>().join("\n");
    let bottom = "    +------------------------------------\n";
    assert_eq!(end(15), format!("{bottom}    | E: 14\n    +---------------- 15 ----------------"));
    assert_eq!(end(16), format!("{bottom}    | and 1 more exception\n    +---------------- ... ----------------"));
    assert_eq!(end(17), format!("{bottom}    | and 2 more exceptions\n    +---------------- ... ----------------"));

    let deep = (0..12).fold(ExceptionReport::new("E", ""), |inner, _| group("g", vec![inner]));
    let expected = "                      | ... (max_group_depth is 10)\n                      +------------------------------------\n";
    assert!(text(&deep).ends_with(&format!("+-+---------------- 1 ----------------\n{expected}")), "{}", text(&deep));
}

#[test]
fn syntax_errors() {
    // (text, offset, end line, end offset, expected)
    type Case = (&'static str, Option<u32>, u32, Option<u32>, &'static str);
    let cases: &[Case] = &[
        ("x = 1\n", Some(1), 3, Some(2), "    x = 1\n    ^\n"),
        ("  x = 1 + \n", Some(5), 3, Some(7), "    x = 1 + \n      ^^\n"),
        ("\t x = 1 + \n", Some(5), 3, Some(7), "    \t x = 1 + \n    \t   ^^\n"),
        ("  x\ty = 1 + \n", Some(5), 3, Some(7), "    x\ty = 1 + \n     \t^^\n"),
        ("  x = 1\n", None, 3, None, "    x = 1\n"),
        ("  x = 1\n", Some(0), 3, Some(0), "    x = 1\n"),
        ("  x = 1\n", Some(3), 3, Some(0), "    x = 1\n    ^\n"),
        ("  x = 1\n", Some(3), 3, None, "    x = 1\n    ^\n"),
        ("  x = 1\n", Some(3), 3, Some(2), "    x = 1\n    ^\n"),
        ("  x = 1\n", Some(1), 3, Some(5), "    x = 1\n"),
        ("  x = 1\n", Some(3), 4, Some(2), "    x = 1\n    ^^^^^\n"),
        ("  x = 1\n", Some(30), 3, Some(40), "    x = 1\n         ^\n"),
        ("  x = 1\n", Some(30), 4, Some(20), "    x = 1\n         ^\n"),
        ("  日本 = 1\n", Some(3), 3, Some(6), "    日本 = 1\n    ^^^\n"),
        ("", Some(3), 3, Some(6), "    \n    ^^^\n"),
        ("\n", Some(3), 3, Some(6), "    \n    ^\n"),
        ("\x0c  x = 1  \n\n", Some(3), 3, Some(6), "    x = 1  \n"),
        ("x = 1\n", Some(1), 3, Some(200), "    x = 1\n    ^^^^^\n"),
    ];
    for &(text, offset, end_lineno, end_offset, expected) in cases {
        let mut report = ExceptionReport::new("SyntaxError", "bad");
        let text = Some(text.to_owned());
        let place = SyntaxPlace {
            filename: "f.py".into(),
            lineno: 3,
            offset,
            end_lineno,
            end_offset: end_offset.map(i64::from),
            text,
        };
        report.syntax = Some(place);
        let expected = format!("  File \"f.py\", line 3\n{expected}SyntaxError: bad\n");
        assert_eq!(super::tests::text(&report), expected, "{report:?}");
    }
}

#[test]
fn diagnostics() {
    let source = Source::new("t.py", "def f():\n\treturn 1 1\r\né = (a\n  b)");
    let show =
        |start, end| diagnostic(&Diagnostic::error("SyntaxError", "invalid syntax", &source, Span::new(start, end)));
    let expected = "  File \"t.py\", line 2\n    \treturn 1 1\n    \t         ^\nSyntaxError: invalid syntax\n";
    assert_eq!(show(19, 20), expected);
    let expected = "  File \"t.py\", line 3\n    é = (a\n         ^\nSyntaxError: invalid syntax\n";
    assert_eq!(show(28, 34), expected);

    let mut warning = Diagnostic::error("RuntimeWarning", "a\nb", &source, Span::new(10, 12));
    warning.severity = Severity::Warning;
    assert_eq!(diagnostic(&warning), "t.py:2: RuntimeWarning: a\nb\n  return 1 1\n");
    warning.place = None;
    assert_eq!(diagnostic(&warning), "RuntimeWarning: a\nb\n");
}
