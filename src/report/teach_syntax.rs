//! What a line with a syntax error says by itself: words and signs of other languages, mostly.
//!
//! **Invariant**: certain or silent.

use crate::diagnostic::{Diagnostic, Place};

/// Words of other languages that begin a statement, and what is written for them.
const WORDS: [(&[&str], &str); 13] = [
    (&["else if", "elseif", "elsif"], "`else` and `if` together are `elif`"),
    (&["function", "func", "fun", "fn"], "the definition of a function begins with `def`"),
    (&["throw"], "an exception is raised with `raise`"),
    (&["catch"], "an exception is caught with `except`"),
    (&["foreach", "for each"], "this is written `for ... in ...:`"),
    (&["switch"], "this is written `match ...:`, with `case` in front of each choice"),
    (&["let", "var", "const"], "a variable needs no word in front: `name = value`"),
    (&["int", "float", "double", "string", "bool", "char"], "a variable needs no type in front: `name = value`"),
    (&["unless"], "this is written `if not ...:`"),
    (&["until"], "this is written `while not ...:`"),
    (&["repeat"], "this is written `for ... in range(...):`"),
    (&["do"], "this is written `while True:`, which `break` leaves"),
    (&["include", "using", "require"], "a module is loaded with `import`"),
];

const KEYWORDS: [&str; 35] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del",
    "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal",
    "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];

/// Clauses, and the statements that they belong to.
const CLAUSES: [(&str, &str); 4] =
    [("elif", "an `if`"), ("else", "an `if`, `for`, `while` or `try`"), ("except", "a `try`"), ("finally", "a `try`")];

/// Characters that editors and web pages put in the place of others.
const CHARACTERS: [(&str, &str); 14] = [
    ("“”„‟«»＂", "\""),
    ("‘’‚‛´＇", "'"),
    ("–—−‐‑－", "-"),
    ("×✕＊", "*"),
    ("÷", "/"),
    ("≤", "<="),
    ("≥", ">="),
    ("≠", "!="),
    ("，、", ","),
    ("；", ";"),
    ("：", ":"),
    ("（", "("),
    ("）", ")"),
    ("＝", "="),
];

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn first_word(text: &str) -> &str {
    &text[..text.find(|c| !is_word(c)).unwrap_or(text.len())]
}

fn last_word(text: &str) -> &str {
    &text[text.trim_end_matches(is_word).len()..]
}

/// Help for a syntax error, from the line that it is in.
pub(super) fn of_syntax(diagnostic: &Diagnostic) -> Option<String> {
    let Place { source, span } = diagnostic.place.as_ref()?;
    let number = source.line(span.start);
    let line = source.line_text(number)?;
    let at = (span.start - source.line_start(number)?) as usize;
    let (before, rest) = (line.get(..at)?, line.get(at..)?);
    let message = diagnostic.message.as_str();
    if message.starts_with("unterminated string") {
        return quote_inside(before, rest);
    }
    if message.starts_with("invalid character") {
        let wrong = rest.chars().next()?;
        let (_, right) = CHARACTERS.iter().find(|(wrongs, _)| wrongs.contains(wrong))?;
        return Some(format!("this only looks like {right}"));
    }
    if message.starts_with("invalid non-printable character") {
        return Some("nothing is seen of this character: delete it, or write a space for it".to_owned());
    }
    if line.trim_start().starts_with("for (") && line.contains(';') {
        return Some("a loop over numbers is written `for ... in range(...):`".to_owned());
    }
    if message == "'{' was never closed" {
        return sign(before, rest);
    }
    if let Some(help) = misplaced_async(before.trim(), rest, message) {
        return Some(help.to_owned());
    }
    if !["invalid syntax", "expected ':'", "expected 'except' or 'finally' block"].contains(&message) {
        return None;
    }
    word_in_front(before, rest, message)
        .or_else(|| sign(before, rest))
        .or_else(|| name_or_clause(before, rest, message))
}

/// `async` or `await` where the other, or neither, is meant.
fn misplaced_async(begun: &str, rest: &str, message: &str) -> Option<&'static str> {
    let word = first_word(rest);
    // As a name, `async` stands alone.
    let goes_on = !first_word(rest[word.len()..].trim_start()).is_empty();
    match message {
        "cannot assign to await expression" if last_word(begun) == "for" => {
            Some("this is written `async for ... in ...:`")
        }
        "invalid syntax" if begun == "def" && word == "async" => Some("this is written `async def`"),
        "invalid syntax" if last_word(begun) == "async" || word == "async" && goes_on => {
            Some("`async` stands in front of `def`, `for` and `with` alone")
        }
        _ => None,
    }
}

/// `'it's'`: a quote between two letters, behind the one that begins the text.
fn quote_inside(before: &str, rest: &str) -> Option<String> {
    let quote = rest.chars().next()?;
    let inside = before.rsplit_once(quote)?;
    let (first, last) = (inside.1.chars().next()?, inside.0.chars().next_back()?);
    let other = if quote == '\'' { '"' } else { '\'' };
    (first.is_alphabetic() && last.is_alphabetic() && inside.0.matches(quote).count() == 1)
        .then(|| format!("the {quote} inside ends the text: write the whole in {other}, or put \\ in front of it"))
}

fn word_in_front(before: &str, rest: &str, message: &str) -> Option<String> {
    let begun = before.trim();
    let (word, follows) = match begun {
        "" => rest.split_at(first_word(rest).len()),
        "else" if rest.starts_with("if ") => ("else if", rest),
        _ => (begun, rest),
    };
    let is_begin = begun.is_empty() == message.starts_with("expected 'except'")
        && (begun.is_empty() || follows.starts_with(is_word) || word == "do" && follows.starts_with(':'));
    WORDS.iter().find(|(words, _)| is_begin && words.contains(&word)).map(|(_, help)| (*help).to_owned())
}

/// Signs of other languages.
fn sign(before: &str, rest: &str) -> Option<String> {
    let doubled = |sign: &str| rest.starts_with(sign) || before.ends_with(&sign[1..]) && rest.starts_with(&sign[1..]);
    let begun = before.trim();
    let help = match () {
        () if doubled("&&") => "this is written `and`",
        () if doubled("||") => "this is written `or`",
        () if rest.strip_prefix('!').is_some_and(|next| next.starts_with(|c| is_word(c) || c == '(')) => {
            "this is written `not`"
        }
        () if rest.starts_with('=') && before.ends_with("==") => "this is written `==`",
        () if rest.starts_with('=') && before.ends_with("!=") || rest.starts_with("<>") => "this is written `!=`",
        () if rest.starts_with(":=")
            && !begun.is_empty()
            && begun.chars().all(is_word)
            && !KEYWORDS.contains(&begun) =>
        {
            "a statement assigns with `=` alone"
        }
        () if rest.starts_with("? ") && rest.contains(" : ") && begun.ends_with(|c| is_word(c) || c == ')') => {
            "this is written `... if ... else ...`"
        }
        () if is_compound(begun) && (rest.trim() == "{" || rest.trim().is_empty() && begun.ends_with('{')) => {
            "no braces are around a block: it begins after `:` and is indented"
        }
        () if rest.trim().is_empty() && (before.ends_with("++") || before.ends_with("--")) => {
            let (name, sign) = before.trim_start().split_at(before.trim_start().len() - 2);
            return name
                .chars()
                .all(is_word)
                .then(|| format!("there is no `{sign}`: write `{name} {}= 1`", &sign[1..]));
        }
        () => return None,
    };
    Some(help.to_owned())
}

/// Whether a statement with a block begins so.
fn is_compound(begun: &str) -> bool {
    ["if", "elif", "else", "while", "for", "def", "class", "with", "try", "except"].contains(&first_word(begun))
}

/// Whether no bracket is left open.
fn closed(text: &str) -> bool {
    text.matches(['(', '[', '{']).count() == text.matches([')', ']', '}']).count()
}

/// What is no name, or belongs to another statement.
fn name_or_clause(before: &str, rest: &str, message: &str) -> Option<String> {
    let begun = before.trim();
    let (word, follows) = rest.split_at(first_word(rest).len());
    let assigned = |text: &str| text.trim_start().starts_with('=') && !text.trim_start().starts_with("==");
    let no_name = match word {
        "" if assigned(rest) && KEYWORDS.contains(&begun) => Some(begun),
        _ if !KEYWORDS.contains(&word) => None,
        _ if begun.ends_with('.') || ["def", "class"].contains(&begun) => Some(word),
        _ if begun.ends_with(['(', ',']) && assigned(follows) => Some(word),
        _ => None,
    };
    if let Some(word) = no_name {
        return Some(format!("`{word}` is a word of the language, and no name: `{word}_` would be one"));
    }
    if let Some((clause, owner)) = CLAUSES.iter().find(|(clause, _)| begun.is_empty() && *clause == word) {
        return Some(format!("`{clause}` belongs to {owner} just before it, indented as that is"));
    }
    let help = match () {
        () if last_word(begun) == "new" && rest.starts_with(is_word) => "an object is made by calling its class alone",
        () if begun.starts_with("raise ") && rest.starts_with(',') && closed(begun) => {
            "what is said goes into parentheses: `raise ...(...)`"
        }
        () if matches!(first_word(begun), "global" | "nonlocal") && rest.starts_with('=') => {
            "this only names the variable: it is assigned in a statement of its own"
        }
        () if first_word(begun) == "for" && word == "of" => "this is written `for ... in ...:`",
        () if word == "return" && begun.ends_with(':') && begun.contains("lambda") => {
            "what stands behind `:` is what a lambda gives: `return` is left out"
        }
        () if word == "else"
            && begun.contains(" for ")
            && begun.contains(" if ")
            && begun.contains(['[', '(', '{']) =>
        {
            "a condition with `else` stands in front: `... if ... else ... for ... in ...`"
        }
        () if message == "invalid syntax"
            && is_compound(begun)
            && !begun.contains(':')
            && !rest.contains(':')
            && closed(begun)
            && closed(rest) =>
        {
            "a `:` is missing where the block begins"
        }
        () => return None,
    };
    Some(help.to_owned())
}
