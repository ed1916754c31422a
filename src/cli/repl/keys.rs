//! What keys do that depends on the text: Enter, Tab, Backspace, Home.

use aio::source::Source;
use aio::symbol::Interner;
use aio::syntax::editing::{INDENT, next_indentation};
use aio::syntax::{Parsed, parse_interactive};
use rustyline::{CharSearch, Cmd, ConditionalEventHandler, Event, EventContext, Movement, RepeatCount};

use super::paint::{MARK, PAD, indentation, unpad};

/// Whether a text wants another line before it can run.
fn wants_more(text: &str) -> bool {
    if text.trim_start().starts_with(':') {
        return false;
    }
    let source = Source::new("<input>", &format!("{text}\n"));
    matches!(parse_interactive(&source, &mut Interner::default()), Parsed::Incomplete(_))
}

/// The part of the cursor's line that lies before it, and whether that begins with a [`PAD`].
fn line_before<'a>(context: &'a EventContext) -> (&'a str, bool) {
    let before = context.line().get(..context.pos()).unwrap_or_default();
    let line = before.rsplit('\n').next().unwrap_or_default();
    match line.strip_prefix(PAD) {
        Some(rest) => (rest, true),
        None => (line, false),
    }
}

/// Runs a complete input; otherwise begins another line, indented.
pub(super) struct Enter;

impl ConditionalEventHandler for Enter {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, context: &EventContext) -> Option<Cmd> {
        let (text, at) = unpad(context.line(), context.pos());
        let (before, after) = text.split_at_checked(at)?;
        if !after.contains('\n') && !wants_more(&text) {
            return Some(Cmd::AcceptLine);
        }
        let width = next_indentation(before).unwrap_or(0);
        Some(Cmd::Insert(1, format!("\n{PAD}{}", indentation(width))))
    }
}

/// Indents where nothing stands before the cursor; otherwise completes.
pub(super) struct Tab;

impl ConditionalEventHandler for Tab {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, context: &EventContext) -> Option<Cmd> {
        let (line, _) = line_before(context);
        if !line.trim().is_empty() {
            return None;
        }
        let missing = INDENT - line.chars().count() % INDENT;
        Some(Cmd::Insert(1, if missing == INDENT { indentation(INDENT) } else { " ".repeat(missing) }))
    }
}

/// Takes back a level of indentation, or a line's beginning with its prompt.
///
/// The library repeats what a key does as often as it was asked to, once, whatever count the command has. So this kills
/// back to a character: the [`MARK`] that a level begins with, or the line break.
pub(super) struct Backspace;

impl ConditionalEventHandler for Backspace {
    fn handle(&self, _: &Event, n: RepeatCount, _: bool, context: &EventContext) -> Option<Cmd> {
        let (line, padded) = line_before(context);
        if n > 1 || !line.chars().all(|c| matches!(c, ' ' | MARK)) {
            return None;
        }
        let until = if line.contains(MARK) { MARK } else { '\n' };
        (until == MARK || (line.is_empty() && padded))
            .then_some(Cmd::Kill(Movement::ViCharSearch(1, CharSearch::Backward(until))))
    }
}

/// Goes to where the line's own text begins.
pub(super) struct Home;

impl ConditionalEventHandler for Home {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, context: &EventContext) -> Option<Cmd> {
        let (line, padded) = line_before(context);
        if !padded {
            return None;
        }
        Some(if line.trim().is_empty() { Cmd::Noop } else { Cmd::Move(Movement::ViFirstPrint) })
    }
}
