//! What the module `traceback` needs from the machine: the texts that uncaught exceptions print.

use crate::builtins::prelude::*;
use crate::object::exception::Traceback;
use crate::report;
use crate::source::Source;

pub(super) const FUNCTIONS: &[Row] = &[
    // The pieces of an exception's text; without what it is chained to if `chain` is false.
    native("_pieces(exception, chain=True, /)", |vm, args| {
        let Value::Exception(exception) = &args[0] else { return Ok(Value::list(Vec::new())) };
        let chain = vm.truth(&args[1])?;
        let report = if chain { vm.exception_report(exception) } else { vm.unchained_report(exception) };
        Ok(texts(report::format_exception_python(&report)))
    }),
    // The last pieces: the place of a syntax error, the exception's own line, its notes.
    native("_last_pieces(exception, traced, /)", |vm, args| {
        let Value::Exception(exception) = &args[0] else { return Ok(Value::list(Vec::new())) };
        let traced = vm.truth(&args[1])?;
        let hidden = if traced { None } else { exception.traceback.take() };
        let mut report = vm.unchained_report(exception);
        if !traced {
            *exception.traceback.borrow_mut() = hidden;
        }
        report.group = None;
        report.frames.clear();
        Ok(texts(report::format_exception_python(&report)))
    }),
    // (filename, lineno, end_lineno, colno, end_colno, name, the entry itself) for each entry, outermost first.
    native("_entries(traceback, /)", |_, args| {
        let mut link = match &args[0] {
            Value::Traceback(traceback) => Some(traceback.clone()),
            _ => None,
        };
        let mut entries = Vec::new();
        while let Some(entry) = link {
            if !entry.code.source.library {
                entries.push(describe(&entry));
            }
            link = entry.next.borrow().clone();
        }
        Ok(Value::list(entries))
    }),
    native("_is_library(code, /)", |_, args| {
        Ok(Value::bool(matches!(&args[0], Value::Code(code) if code.source.library)))
    }),
    // The lines below `File ...`, carets included, of a place in a file's text.
    native("_excerpt(filename, text, lineno, end_lineno, colno, end_colno, /)", |_, args| {
        let [Value::Str(file), Value::Str(text), places @ ..] = args else { return Ok(Value::None) };
        let source = Source::new(file.as_str(), text.as_str());
        let places: Option<Vec<u32>> = places.iter().map(|n| n.as_int().and_then(|n| u32::try_from(n).ok())).collect();
        let Some(places) = places else { return Ok(Value::None) };
        let [line, end_line, column, end_column] = places[..] else { return Ok(Value::None) };
        Ok(report::excerpt_python(&source, (line, column), (end_line, end_column)).map_or(Value::None, Value::string))
    }),
];

fn texts(pieces: Vec<String>) -> Value {
    Value::list(pieces.into_iter().map(Value::string).collect())
}

fn describe(entry: &Rc<Traceback>) -> Value {
    let source = &entry.code.source;
    let (line, column) = source.line_column(entry.span.start);
    let (end_line, end_column) = source.line_column(entry.span.end);
    let number = |n: u32| Value::Int(n.into());
    Value::tuple([
        Value::str(&source.name),
        number(line),
        number(end_line),
        number(column),
        number(end_column),
        Value::Str(entry.code.name.clone()),
        Value::Traceback(entry.clone()),
    ])
}
