//! What can be said of a script without running it, beyond its errors: `aio --check`.
//!
//! Two walks: `facts` notes what every name is bound to and whether it is used, `rules` looks for what is certainly not
//! meant. **Invariant**: no guesses. A rule speaks only where the name it rests on is bound once, undecorated, in sight.

mod facts;
mod rules;

use std::rc::Rc;

use crate::diagnostic::{Diagnostic, Severity};
use crate::resolve::{self, Mode};
use crate::source::Source;
use crate::symbol::Interner;
use crate::syntax::{self, Parsed};

/// A warning's stable code and what it is about; the codes are what `# noqa: CODE` takes.
pub const CODES: &[(&str, &str)] = &[
    (NEVER_AWAITED, "a coroutine is made and dropped: nobody awaits it"),
    (MISSING_AWAIT, "a coroutine is used where its result is meant"),
    (TASK_DROPPED, "nothing refers to a new task, so it may disappear before it is done"),
    (BLOCKING_CALL, "a call in an async function that makes every task wait"),
    (NESTED_RUN, "asyncio.run() inside an async function"),
    (UNREACHABLE, "code after return, raise, break, continue or a loop without end"),
    (UNUSED_VARIABLE, "a local variable that is assigned and never read"),
    (UNDEFINED_NAME, "a name that nothing defines"),
];

const NEVER_AWAITED: &str = "AIO101";
const MISSING_AWAIT: &str = "AIO102";
const TASK_DROPPED: &str = "AIO103";
const BLOCKING_CALL: &str = "AIO104";
const NESTED_RUN: &str = "AIO105";
const UNREACHABLE: &str = "AIO201";
const UNUSED_VARIABLE: &str = "AIO202";
const UNDEFINED_NAME: &str = "AIO203";

/// All errors of a text, or if it has none, what is suspicious about it, in the order of the text.
///
/// `is_builtin` says which names need no definition. Lines with a comment `# noqa`, or `# noqa: CODE, CODE`, are
/// passed over.
pub fn check(source: &Rc<Source>, interner: &mut Interner, is_builtin: &dyn Fn(&str) -> bool) -> Vec<Diagnostic> {
    let mut module = match syntax::parse_module(source, interner) {
        Parsed::Complete(module) => module,
        Parsed::Incomplete(errors) | Parsed::Invalid(errors) => return syntax::all_errors(source, interner, errors),
    };
    let (scopes, errors) = resolve::resolve(&mut module, source, interner, Mode::Module);
    if !errors.is_empty() {
        return errors;
    }
    let facts = facts::collect(&module, &scopes, interner);
    let mut found = rules::check(&module, &scopes, &facts, source, interner, is_builtin);
    found.extend(module.warnings);
    found.extend(scopes.warnings);
    found.retain(|warning| !is_silenced(warning, source));
    let start = |warning: &Diagnostic| warning.place.as_ref().map(|place| place.span.start);
    found.sort_by_key(start);
    found.dedup_by(|a, b| a.message == b.message && start(a) == start(b));
    found
}

fn is_silenced(warning: &Diagnostic, source: &Source) -> bool {
    let Some(place) = warning.place.as_ref().filter(|_| warning.severity == Severity::Warning) else { return false };
    let (first, last) = (source.line(place.span.start), source.line(place.span.end));
    (first..=last).filter_map(|line| source.line_text(line)).any(|line| silences(line, &warning.code))
}

/// Whether a line has a comment that silences a code.
fn silences(line: &str, code: &str) -> bool {
    line.match_indices('#').any(|(at, _)| {
        let comment = line[at + 1..].trim_start();
        let Some(rest) = comment.get(..4).filter(|word| word.eq_ignore_ascii_case("noqa")).map(|_| &comment[4..])
        else {
            return false;
        };
        match rest.trim_start().strip_prefix(':') {
            Some(codes) => codes
                .split(|c: char| !c.is_ascii_alphanumeric())
                .take_while(|word| word.is_empty() || word.ends_with(|c: char| c.is_ascii_digit()))
                .any(|word| word.eq_ignore_ascii_case(code)),
            None => true,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::silences;

    #[test]
    fn comments_silence_all_codes_or_those_they_name() {
        for line in ["f()  # noqa", "f() #NOQA", "f()  # noqa: AIO101", "f() # noqa:E501,AIO101", "f() # why # noqa"] {
            assert!(silences(line, "AIO101"), "{line}");
        }
        for line in ["f()", "f()  # noqa: AIO102", "f()  # no qa", "noqa()", "f()  # noqa: E501"] {
            assert!(!silences(line, "AIO101"), "{line}");
        }
    }
}
