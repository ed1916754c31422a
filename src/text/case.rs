//! Upper and lower case of whole strings, by the full rules of Unicode: characters may become several, and a capital
//! sigma is `ς` at the end of a word.

use super::unicode::{
    is_case_ignorable, is_cased, is_lower, is_title, is_upper, to_folded, to_lower, to_title, to_upper,
};

/// `text.upper()`
pub fn upper(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_uppercase();
    }
    let mut out = String::with_capacity(text.len());
    text.chars().for_each(|c| to_upper(c).push_to(&mut out));
    out
}

/// `text.lower()`
pub fn lower(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mut out = String::with_capacity(text.len());
    text.char_indices().for_each(|(at, c)| push_lower(&mut out, text, at, c));
    out
}

/// `text.casefold()`
pub fn casefold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mut out = String::with_capacity(text.len());
    text.chars().for_each(|c| to_folded(c).push_to(&mut out));
    out
}

/// `text.title()`
pub fn title(text: &str) -> String {
    if text.is_ascii() {
        let mut in_word = false;
        return ascii(text, |c| {
            let made = if in_word { c.to_ascii_lowercase() } else { c.to_ascii_uppercase() };
            in_word = c.is_ascii_alphabetic();
            made
        });
    }
    let mut out = String::with_capacity(text.len());
    let mut in_word = false;
    for (at, c) in text.char_indices() {
        if in_word {
            push_lower(&mut out, text, at, c)
        } else {
            to_title(c).push_to(&mut out)
        }
        in_word = is_cased(c);
    }
    out
}

/// `text.capitalize()`
pub fn capitalize(text: &str) -> String {
    if text.is_ascii() {
        let mut first = true;
        return ascii(
            text,
            |c| if std::mem::take(&mut first) { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() },
        );
    }
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        if at == 0 { to_title(c).push_to(&mut out) } else { push_lower(&mut out, text, at, c) }
    }
    out
}

/// `text.swapcase()`
pub fn swapcase(text: &str) -> String {
    if text.is_ascii() {
        return ascii(text, |c| if c.is_ascii_uppercase() { c.to_ascii_lowercase() } else { c.to_ascii_uppercase() });
    }
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        match c {
            _ if is_upper(c) => push_lower(&mut out, text, at, c),
            _ if is_lower(c) => to_upper(c).push_to(&mut out),
            _ => out.push(c),
        }
    }
    out
}

/// A text of ASCII, each character changed.
fn ascii(text: &str, change: impl FnMut(char) -> char) -> String {
    text.chars().map(change).collect()
}

/// Appends the lower case of the character at a place in a text.
fn push_lower(out: &mut String, text: &str, at: usize, c: char) {
    if c == 'Σ' && ends_word(text, at) { out.push('ς') } else { to_lower(c).push_to(out) }
}

/// Whether a letter comes before the sigma, and none after it, not counting marks and the like.
fn ends_word(text: &str, at: usize) -> bool {
    let letter = |c: Option<char>| c.is_some_and(is_cased);
    let (before, after) = (&text[..at], &text[at + 'Σ'.len_utf8()..]);
    letter(before.chars().rev().find(|&c| !is_case_ignorable(c)))
        && !letter(after.chars().find(|&c| !is_case_ignorable(c)))
}

/// `text.islower()`
pub fn is_lower_text(text: &str) -> bool {
    text.chars().any(is_lower) && !text.chars().any(|c| is_upper(c) || is_title(c))
}

/// `text.isupper()`
pub fn is_upper_text(text: &str) -> bool {
    text.chars().any(is_upper) && !text.chars().any(|c| is_lower(c) || is_title(c))
}

/// `text.istitle()`
pub fn is_title_text(text: &str) -> bool {
    let (mut in_word, mut found) = (false, false);
    for c in text.chars() {
        let begins = is_upper(c) || is_title(c);
        if begins && in_word || is_lower(c) && !in_word {
            return false;
        }
        in_word = begins || is_lower(c);
        found |= in_word;
    }
    found
}
