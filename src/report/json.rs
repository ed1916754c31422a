//! One JSON object a line for each diagnostic, for programs to read.
//!
//! ```json
//! {"severity": "error", "code": "KeyError", "message": "'k'", "summary": "KeyError: 'k'",
//!  "file": "a.aio", "span": {"start": POSITION, "end": POSITION},
//!  "labels": [{"text": "made here", "file": "a.aio", "span": SPAN}], "notes": ["..."], "helps": ["..."],
//!  "frames": [{"function": "main", "task": null, "file": "a.aio", "span": SPAN}],
//!  "group": null,
//!  "chain": [{"relation": "context", "code": "TypeError", ...}]}
//! ```
//!
//! - A `POSITION` is `{"line": 3, "column": 5, "utf16": 5, "offset": 42}`: line and columns count from 1, `column` in
//!   code points, `utf16` in UTF-16 units; `offset` counts bytes from 0. A span ends before its `end`.
//! - `summary` is the last line that CPython prints. `file` and `span` are `null` where nothing is known; for an
//!   exception they are those of its innermost frame, or of the syntax error. `offset` is `null` for a syntax error
//!   in a text that was never read as a whole.
//! - `frames` stand outermost first; `task` names the task that a frame is the outermost one of. In `chain` follows what led to the exception, the latest first; `relation` says
//!   what an entry is to the one before it, `"cause"` or `"context"`. `group` holds the members of an exception group.
//!   Entries of both have all keys but `severity`, and only members have a `chain` of their own.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::rc::Rc;

use crate::diagnostic::{Diagnostic, ExceptionReport, Label, Place, Severity, SyntaxPlace};
use crate::source::Source;

use super::{Relation, chain, final_line, floor_boundary, frames};

/// Groups inside groups are followed down to this depth.
const DEPTH_MAX: usize = 50;

pub(super) fn exception(report: &ExceptionReport) -> String {
    let mut writer = Writer::default();
    writer.out.push_str("{\"severity\": \"error\", ");
    writer.chain(report, 0);
    writer.out.push_str("}\n");
    writer.out
}

pub(super) fn diagnostic(diagnostic: &Diagnostic) -> String {
    let mut writer = Writer::default();
    let severity = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let Diagnostic { code, message, place, labels, notes, helps, .. } = diagnostic;
    let _ = write!(writer.out, "{{\"severity\": \"{severity}\", ");
    writer.head(code, message, None);
    match place {
        Some(place) => writer.place(place),
        None => writer.no_place(),
    }
    writer.remarks(labels, notes, helps);
    writer.out.push_str(", \"frames\": [], \"group\": null, \"chain\": []}\n");
    writer.out
}

#[derive(Default)]
struct Writer {
    out: String,
    /// Positions found already. Frames of a recursion are all at the same few places.
    positions: HashMap<(*const Source, u32), String, foldhash::fast::FixedState>,
}

impl Writer {
    /// The keys of an exception with what led to it.
    fn chain(&mut self, report: &ExceptionReport, depth: usize) {
        self.exception(report, depth);
        self.out.push_str(", \"chain\": ");
        self.list(chain(report).into_iter().skip(1), |writer, (earlier, relation)| {
            let relation = if relation == Some(Relation::Cause) { "cause" } else { "context" };
            let _ = write!(writer.out, "{{\"relation\": \"{relation}\", ");
            writer.exception(earlier, depth);
            writer.out.push('}');
        });
    }

    fn exception(&mut self, report: &ExceptionReport, depth: usize) {
        self.head(&report.class, &report.message, report.suggestion.as_deref());
        match (&report.syntax, frames(report).last()) {
            (Some(syntax), _) => self.syntax_place(syntax),
            (None, Some(innermost)) => self.place(&innermost.place),
            (None, None) => self.no_place(),
        }
        self.remarks(&report.labels, &report.notes, &report.helps);
        self.out.push_str(", \"frames\": ");
        self.list(frames(report), |writer, entry| {
            writer.out.push_str("{\"function\": ");
            writer.string(&entry.function);
            writer.out.push_str(", \"task\": ");
            match &entry.task {
                Some(task) => writer.string(task),
                None => writer.out.push_str("null"),
            }
            writer.out.push_str(", ");
            writer.place(&entry.place);
            writer.out.push('}');
        });
        self.out.push_str(", \"group\": ");
        match &report.group {
            Some(members) if depth < DEPTH_MAX => self.list(members, |writer, member| {
                writer.out.push('{');
                writer.chain(member, depth + 1);
                writer.out.push('}');
            }),
            _ => self.out.push_str("null"),
        }
    }

    fn head(&mut self, code: &str, message: &str, suggestion: Option<&str>) {
        self.out.push_str("\"code\": ");
        self.string(code);
        self.out.push_str(", \"message\": ");
        self.string(message);
        self.out.push_str(", \"summary\": ");
        self.string(&final_line(code, message, suggestion));
        self.out.push_str(", ");
    }

    fn remarks(&mut self, labels: &[Label], notes: &[String], helps: &[String]) {
        self.out.push_str(", \"labels\": ");
        self.list(labels, |writer, label| {
            writer.out.push_str("{\"text\": ");
            writer.string(&label.text);
            writer.out.push_str(", ");
            writer.place(&label.place);
            writer.out.push('}');
        });
        for (key, texts) in [("notes", notes), ("helps", helps)] {
            let _ = write!(self.out, ", \"{key}\": ");
            self.list(texts, |writer, text| writer.string(text));
        }
    }

    fn no_place(&mut self) {
        self.out.push_str("\"file\": null, \"span\": null");
    }

    fn place(&mut self, place: &Place) {
        self.out.push_str("\"file\": ");
        self.string(&place.source.name);
        let start = self.position(&place.source, place.span.start);
        let end = self.position(&place.source, place.span.end.max(place.span.start));
        let _ = write!(self.out, ", \"span\": {{\"start\": {start}, \"end\": {end}}}");
    }

    fn position(&mut self, source: &Rc<Source>, offset: u32) -> String {
        let key = (Rc::as_ptr(source), offset);
        if let Some(position) = self.positions.get(&key) {
            return position.clone();
        }
        let offset = floor_boundary(&source.text, offset);
        let line = source.line(offset as u32);
        let start = source.line_start(line).map_or(0, |start| start as usize);
        let before = source.text.get(start..offset).unwrap_or("");
        let utf16 = before.chars().map(char::len_utf16).sum();
        let position = position(line, before.chars().count(), utf16, Some(offset));
        self.positions.insert(key, position.clone());
        position
    }

    fn syntax_place(&mut self, place: &SyntaxPlace) {
        self.out.push_str("\"file\": ");
        self.string(&place.filename);
        let SyntaxPlace { lineno, offset, end_lineno, end_offset, .. } = *place;
        let text = place.text.as_deref().unwrap_or("");
        // Of the text only one line is known; columns of others are taken as they are.
        let at = |line: u32, column: u32| {
            let known = if line == lineno { text } else { "" };
            let before = column.saturating_sub(1) as usize;
            let surrogates = known.chars().take(before).filter(|c| c.len_utf16() == 2).count();
            position(line, before, before + surrogates, None)
        };
        let column = offset.unwrap_or(0);
        let start = at(lineno, column);
        let end = match end_offset.and_then(|end| u32::try_from(end).ok()) {
            Some(end_column) if end_lineno > lineno || end_column > column => at(end_lineno.max(lineno), end_column),
            _ => start.clone(),
        };
        let _ = write!(self.out, ", \"span\": {{\"start\": {start}, \"end\": {end}}}");
    }

    fn list<T>(&mut self, items: impl IntoIterator<Item = T>, mut item: impl FnMut(&mut Writer, T)) {
        self.out.push('[');
        for (i, element) in items.into_iter().enumerate() {
            if i > 0 {
                self.out.push_str(", ");
            }
            item(self, element);
        }
        self.out.push(']');
    }

    fn string(&mut self, text: &str) {
        self.out.push('"');
        for c in text.chars() {
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                // The last three end a line for some readers.
                '\0'..='\x1f' | '\x7f' | '\u{85}' | '\u{2028}' | '\u{2029}' => {
                    let _ = write!(self.out, "\\u{:04x}", c as u32);
                }
                _ => self.out.push(c),
            }
        }
        self.out.push('"');
    }
}

/// A position behind so many code points and UTF-16 units of its line.
fn position(line: u32, before: usize, utf16: usize, offset: Option<usize>) -> String {
    let (column, utf16) = (before + 1, utf16 + 1);
    let offset = offset.map_or("null".to_owned(), |offset| offset.to_string());
    format!("{{\"line\": {line}, \"column\": {column}, \"utf16\": {utf16}, \"offset\": {offset}}}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::FrameEntry;
    use crate::source::Span;

    fn source() -> Rc<Source> {
        Source::new("a\"b.aio", "x = 1\n\t日😀 / 0\n")
    }

    const SPAN: &str = r#"{"start": {"line": 2, "column": 2, "utf16": 2, "offset": 7}, "end": {"line": 2, "column": 4, "utf16": 5, "offset": 14}}"#;

    #[test]
    fn a_warning() {
        let mut warning =
            Diagnostic::error("RuntimeWarning", "a\n\u{1b}\\", &source(), Span::new(7, 14)).note("n").help("h");
        warning.severity = Severity::Warning;
        let expected = r#"{"severity": "warning", "code": "RuntimeWarning", "message": "a\n\u001b\\", "#.to_owned()
            + r#""summary": "RuntimeWarning: a\n\u001b\\", "file": "a\"b.aio", "span": "#
            + SPAN
            + r#", "labels": [], "notes": ["n"], "helps": ["h"], "frames": [], "group": null, "chain": []}"#;
        assert_eq!(diagnostic(&warning), expected + "\n");
    }

    #[test]
    fn an_exception_with_all_there_is() {
        let source = source();
        let place = Place { source: source.clone(), span: Span::new(7, 14) };
        let mut report = ExceptionReport::new("ExceptionGroup", "g");
        report.frames.push(FrameEntry::new(place.clone(), "f"));
        report.labels.push(Label { place, text: "here".into() });
        report.suggestion = Some("Did you mean: 'y'?".into());
        report.group = Some(vec![ExceptionReport::new("KeyError", "'k'"), ExceptionReport::new("E", "")]);
        let mut cause = ExceptionReport::new("TypeError", "t");
        cause.context = Some(Box::new(ExceptionReport::new("OSError", "o")));
        report.cause = Some(Box::new(cause));
        let bare = r#""file": null, "span": null, "labels": [], "notes": [], "helps": [], "frames": [], "group": null"#;
        let at = format!(r#""file": "a\"b.aio", "span": {SPAN}"#);
        let expected = [
            r#"{"severity": "error", "code": "ExceptionGroup", "message": "g", "#,
            r#""summary": "ExceptionGroup: g. Did you mean: 'y'?", "#,
            &at,
            &format!(r#", "labels": [{{"text": "here", {at}}}], "notes": [], "helps": [], "#),
            &format!(r#""frames": [{{"function": "f", "task": null, {at}}}], "group": ["#),
            &format!(r#"{{"code": "KeyError", "message": "'k'", "summary": "KeyError: 'k'", {bare}, "chain": []}}, "#),
            &format!(r#"{{"code": "E", "message": "", "summary": "E", {bare}, "chain": []}}], "chain": ["#),
            r#"{"relation": "cause", "code": "TypeError", "message": "t", "summary": "TypeError: t", "#,
            &format!(
                r#"{bare}}}, {{"relation": "context", "code": "OSError", "message": "o", "summary": "OSError: o", "#
            ),
            &format!("{bare}}}]}}\n"),
        ];
        assert_eq!(exception(&report), expected.concat());
    }

    #[test]
    fn a_syntax_error_known_by_its_line() {
        let mut report = ExceptionReport::new("SyntaxError", "bad");
        let text = Some("😀 = = 1".to_owned());
        let (offset, end_offset) = (Some(5), Some(i64::from(u32::MAX)));
        let place = SyntaxPlace { filename: "<string>".into(), lineno: 3, offset, end_lineno: 3, end_offset, text };
        report.syntax = Some(place);
        let span = r#""span": {"start": {"line": 3, "column": 5, "utf16": 6, "offset": null}, "end": {"line": 3, "column": 4294967295, "utf16": 4294967296, "offset": null}}"#;
        assert!(exception(&report).contains(span), "{}", exception(&report));
    }

    #[test]
    fn any_span_and_any_depth() {
        let text = "é日\r\n\r😀";
        let source = Source::new("t.aio", text);
        for start in 0..text.len() + 3 {
            for end in 0..text.len() + 3 {
                let line = diagnostic(&Diagnostic::error("E", "", &source, Span::new(start, end)));
                assert_eq!(line.matches('\n').count(), 1);
            }
        }
        let deep = (0..100_000).fold(ExceptionReport::new("E", ""), |inner, _| {
            let mut report = ExceptionReport::new("ExceptionGroup", "g");
            report.group = Some(vec![inner]);
            report
        });
        assert_eq!(exception(&deep).matches("ExceptionGroup: g").count(), DEPTH_MAX + 1);
    }
}
