//! What to tell of all that lexer and parser found, and in which order.
//!
//! CPython reports one error, ours come as a list whose first is that one. It is not always the first in the text: when
//! its parser fails, CPython still reads the rest of the text for tokens, and an error found there wins.

use std::rc::Rc;

use super::Parsed;
use super::ast::Stmt;
use super::lexer::{Fault, Lexed, Open};
use super::parser::{Found, MAX_DIAGNOSTICS, Outcome};
use super::token::TokenKind as K;
use crate::diagnostic::{Diagnostic, Finder, Severity};
use crate::source::{Source, Span};

/// Puts together the outcome of a parse. `ended` says that no more input may follow, whatever is still open.
pub(super) fn conclude<T>(
    source: &Rc<Source>,
    lexed: &Lexed,
    outcome: Outcome<T>,
    ended: bool,
) -> (Parsed<T>, Vec<Diagnostic>) {
    let mendable = is_mendable(source, lexed, &outcome.diagnostics) && !(ended && lexed.open.is_none());
    let heard = heard(lexed, outcome.diagnostics.first());
    let warnings = heard.map(|fault| {
        let end = lexed.tokens[fault.token];
        let warning = Diagnostic { severity: Severity::Warning, ..diagnostic(source, lexed, fault) };
        match end.kind {
            K::FStringEnd => Diagnostic { finder: Finder::FString(end.span), ..warning },
            _ => warning,
        }
    });
    let warnings: Vec<Diagnostic> = warnings.collect();
    let faults = in_order(source, lexed, outcome.diagnostics);
    let mut diagnostics: Vec<Diagnostic> = faults.iter().map(|fault| diagnostic(source, lexed, fault)).collect();
    if !diagnostics.is_empty() {
        diagnostics.extend(warnings.iter().cloned());
    }
    let parsed = match outcome.value {
        Some(value) if diagnostics.is_empty() && lexed.open.is_none() => Parsed::Complete(value),
        _ if mendable => Parsed::Incomplete(diagnostics),
        _ => Parsed::Invalid(diagnostics),
    };
    (parsed, warnings)
}

/// The warnings that CPython gives before the first error: of what its parser has read, and of all numbers if it then
/// reads the rest for tokens.
fn heard<'a>(lexed: &'a Lexed, error: Option<&'a Found>) -> impl Iterator<Item = &'a Fault> {
    let fault = lexed.faults.first();
    let leads = error.is_none_or(|error| fault.is_some_and(|fault| fault_leads(lexed, error, fault)));
    let (read, all) = match (error, fault) {
        (_, Some(fault)) if leads => (error.map_or(usize::MAX, |error| error.at).min(fault.token), fault.token + 1),
        (Some(error), _) if is_unexpected_indent(&error.fault) => (error.at, error.at.max(error.touched) + 1),
        (Some(error), _) => (error.at, usize::MAX),
        _ => (usize::MAX, usize::MAX),
    };
    // It looks for a reason, and reads texts once more then, up to a fault that it has not come to before.
    let end = fault.filter(|_| leads).map_or(usize::MAX, |fault| fault.token);
    let looks = error.filter(|error| end > error.at);
    let again = move |token| looks.is_some_and(|error| error.heard.iter().any(|tokens| tokens.contains(&token)));
    lexed.warnings.iter().filter(move |warning| match warning.lexical {
        true => warning.token < all,
        false => warning.token < read || warning.token < end && again(warning.token),
    })
}

/// All errors of a text whose first ones are known: those behind a bracket that is never closed as well.
pub(super) fn all_errors(
    source: &Rc<Source>,
    lexed: &Lexed,
    outcome: Outcome<Vec<Stmt>>,
    mut errors: Vec<Diagnostic>,
) -> Vec<Diagnostic> {
    let heard: Vec<Diagnostic> = errors.drain(1..).filter(|error| error.severity == Severity::Warning).collect();
    let line = |error: &Diagnostic| error.place.as_ref().map(|place| source.line(place.span.start));
    let first = errors.first().and_then(line);
    let faults = in_order(source, lexed, outcome.diagnostics);
    let mut others: Vec<_> = faults.iter().map(|fault| diagnostic(source, lexed, fault)).collect();
    others.sort_by_key(line);
    others.retain(|error| line(error) != first);
    errors.extend(others);
    errors.dedup_by(|a, b| a.message == b.message && line(a) == line(b));
    errors.extend(heard);
    errors
}

/// Whether everything that is wrong is wrong at the end of the text, so that more of it could help.
fn is_mendable(source: &Source, lexed: &Lexed, found: &[Found]) -> bool {
    if lexed.gave_up {
        return false;
    }
    let end = source.text.trim_end().len() as u32;
    match lexed.open {
        Some(Open::Text) => {
            // The open string is itself a fault, and the last token.
            let string = lexed.tokens.len().saturating_sub(2);
            lexed.faults.len() == 1 && found.iter().all(|found| found.at >= string)
        }
        _ => {
            let at_end = |found: &Found| {
                let token = lexed.tokens[found.at];
                matches!(token.kind, K::End | K::Dedent) && token.span.start >= end
            };
            lexed.faults.is_empty() && found.iter().all(at_end)
        }
    }
}

/// All errors: the one that CPython would report, then the others as they come in the text.
fn in_order(source: &Source, lexed: &Lexed, found: Vec<Found>) -> Vec<Fault> {
    let faults = &lexed.faults;
    let lead = found.first().is_none_or(|first| faults.first().is_some_and(|fault| fault_leads(lexed, first, fault)));
    let mut first = if lead { faults.first().cloned() } else { None };
    // What is no UTF-8 and was never read by the parser fails with the decoder's own error.
    if let Some((fault, message)) = first.as_mut().and_then(|fault| {
        let message = fault.message.strip_prefix("(unicode error) ")?.to_owned();
        found.first().is_some_and(|error| fault.token > error.at.max(error.touched)).then_some((fault, message))
    }) {
        (fault.class, fault.message) = ("UnicodeDecodeError", message);
    }
    let mut errors: Vec<Fault> = found.into_iter().map(|found| unclosed(source, lexed, found)).collect();
    if first.is_none() && !errors.is_empty() {
        first = Some(errors.remove(0));
    }
    let Some(first) = first else { return Vec::new() };
    // A line in which the text itself is at fault fails for that reason alone.
    let line = |fault: &Fault| source.line(fault.span.start);
    errors.retain(|error| !faults.iter().any(|fault| line(fault) == line(error)));
    errors.retain(|error| {
        !lexed.mended.iter().any(|span| span.start <= error.span.start && error.span.start <= span.end)
    });
    errors.extend(faults.iter().skip(usize::from(lead)).cloned());
    errors.sort_by_key(|error| error.span.start);
    errors.insert(0, first);
    errors.truncate(MAX_DIAGNOSTICS);
    errors
}

/// Whether CPython reports a fault of the text rather than the parser's first error.
fn fault_leads(lexed: &Lexed, error: &Found, fault: &Fault) -> bool {
    let last = error.at.max(error.touched);
    let at_indent = fault.token == last && error.fault.message == "unexpected indent";
    if fault.token <= last && !(at_indent && fault.class != "TabError") {
        return true;
    }
    // Of a line that can't be read, no more is said than the parser found at its start.
    let at_stop = lexed.stopped_at.is_some_and(|stop| last >= stop);
    fault.overrides && !at_stop && !is_unexpected_indent(&error.fault)
}

fn is_unexpected_indent(fault: &Fault) -> bool {
    fault.class == "IndentationError" && fault.message.starts_with("unexpected ")
}

/// The error itself, or the bracket that is never closed: CPython reports that when the parser comes to the end of the
/// text, or has failed on a later line than the bracket's.
fn unclosed(source: &Source, lexed: &Lexed, mut found: Found) -> Fault {
    // Of a line before the one that was read last, the end is no longer known.
    let read = lexed.tokens[found.at.max(found.touched)].span.start.min(source.text.trim_end().len() as u32);
    found.fault.lexical |=
        found.fault.class == "SyntaxError" && source.line(read) > source.line(found.fault.span.start);
    // Its look for a reason ends at the first fault.
    let (bracket, offset, looks) = match (lexed.open_at_fault, lexed.open) {
        (Some((bracket, offset)), _) => (bracket, offset, true),
        (None, Some(Open::Bracket(bracket, offset))) => {
            (bracket, offset, lexed.faults.is_empty() && !lexed.ends_in_fstring)
        }
        _ => return found.fault,
    };
    if found.fault.class != "SyntaxError" {
        return found.fault;
    }
    let end = lexed.tokens.len() - 1;
    let last = found.at.max(found.touched);
    let place = lexed.tokens[last].span.start;
    let later = looks && offset < place && source.line(place) > source.line(offset);
    // What a string stands for is worked out before the token after it is read.
    let of_string = found.fault.message.starts_with("(unicode error)")
        || found.fault.message.starts_with("bytes can only contain ASCII");
    if (last < end || of_string) && !later {
        return found.fault;
    }
    let message = format!("'{bracket}' was never closed");
    let end = source.text.len() - usize::from(source.text.ends_with('\n'));
    let lexical = source.line(place.min(end as u32)) > source.line(offset);
    Fault { message, span: Span { start: offset, end: offset }, lexical, ..found.fault }
}

fn diagnostic(source: &Rc<Source>, lexed: &Lexed, fault: &Fault) -> Diagnostic {
    let mut span = fault.span;
    let length = source.text.len() as u32;
    if span.start == length && source.text.ends_with('\n') && source.stop.is_none() {
        // The end of the text is shown at the end of its last line.
        let line_end = length - if source.text.ends_with("\r\n") { 2 } else { 1 };
        span = Span { start: line_end, end: line_end };
    }
    span.end = span.end.min(length);
    // The end of a line has no width.
    if span.end > span.start && matches!(source.text.as_bytes()[span.end as usize - 1], b'\n' | b'\r') {
        span.end -= 1;
    }
    let finder = match (fault.lexical, fault.overrides) {
        (true, true) => Finder::Tokens,
        (true, false) => Finder::Lexer,
        _ if fault.message == "invalid syntax" && lexed.tokens[fault.token].kind == K::End => Finder::End,
        _ => Finder::Parser,
    };
    let mut diagnostic = Diagnostic { finder, ..Diagnostic::error(fault.class, fault.message.as_str(), source, span) };
    let unplaced = source.stop.as_ref().is_some_and(|stop| stop.place.is_none() && stop.message == fault.message);
    if unplaced || fault.class == "UnicodeDecodeError" {
        diagnostic.place = None;
    }
    diagnostic
}
