//! The expected texts were written by CPython 3.13. What exceptions look like that nobody catches is tested by golden
//! scripts.

use super::*;
use crate::source::{Source, Span};

fn frame(source: &std::rc::Rc<Source>, span: Span, function: &str) -> FrameEntry {
    FrameEntry::new(Place { source: source.clone(), span }, function)
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
fn long_chains_need_no_stack() {
    let mut report = ExceptionReport::new("E", "");
    for _ in 0..200_000 {
        let mut next = ExceptionReport::new("E", "");
        next.context = Some(Box::new(report));
        report = next;
    }
    assert_eq!(format_exception(&report).len(), 400_001);
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
