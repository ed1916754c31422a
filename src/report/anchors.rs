//! What kind of expression a piece of source text is, as far as a traceback needs to know it.
//!
//! A traceback marks the operator of a binary operation, the brackets of a subscript and the argument list of a call
//! more strongly than the operands around them. Only text and a span are at hand here, so a small scanner finds the
//! tokens and one pass over those outside all brackets finds the outermost operation. Text that does not scan as an
//! expression (`import x`, a pattern, half a statement) simply has no anchors.

use std::ops::Range;

/// The byte range within `segment` to be marked strongly, if it is a binary operation, a subscript or a call.
pub(super) fn anchors(segment: &str) -> Option<Range<usize>> {
    let mut tokens = scan(segment, 0)?;
    tokens.retain(|token| token.kind != Kind::Newline);
    if tokens.iter().any(|token| matches!(token.kind, Kind::Return | Kind::Statement)) {
        return None;
    }
    let tokens = strip(&tokens);
    match shape(tokens) {
        Shape::Binary(at) => {
            let (operator, right) = (&tokens[at], &tokens[at + 1..]);
            // A parenthesis right behind a one-character operator counts as its second character, unless it belongs
            // to the right operand itself: a tuple's, a generator's, a called function's.
            let hugged = operator.end - operator.start == 1
                && right[0].start == operator.end
                && strip(right).len() != right.len();
            Some(operator.start..operator.end + usize::from(hugged))
        }
        Shape::Subscript(open) | Shape::Call(open) => Some(tokens[open].start..tokens[tokens.len() - 1].end),
        Shape::Name | Shape::Other => None,
    }
}

/// Whether the statement in `text` needs no marks under the call at `start..end` (byte offsets), because the call is
/// all there is: `return f(...)` or `x = anything(...)` with plain names for `f` and `x`.
///
/// Text without any statement needs no marks either; text that is not a whole statement always does.
pub(super) fn is_whole_call(text: &str, start: usize, end: usize) -> bool {
    let Some(tokens) = scan(text, 0) else { return false };
    let Some(first) = tokens.iter().position(|token| token.kind != Kind::Newline) else { return true };
    let line_start = text[..tokens[first].start].rfind('\n').map_or(0, |newline| newline + 1);
    if line_start != tokens[first].start {
        return false; // indented: the statement began further up
    }
    let statement = split(&tokens[first..], |kind| matches!(kind, Kind::Newline | Kind::Semicolon))[0];
    let (value, returned) = match split(statement, |kind| kind == Kind::Assign)[..] {
        [[Token { kind: Kind::Return, .. }, value @ ..]] => (value, true),
        [target, value] if shape(strip(target)) == Shape::Name => (value, false),
        _ => return false,
    };
    let value = strip(value);
    let Shape::Call(open) = shape(value) else { return false };
    if returned && shape(strip(&value[..open])) != Shape::Name {
        return false;
    }
    value[0].start == start && value[value.len() - 1].end == end
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Name,
    Number,
    String,
    /// `...`
    Ellipsis,
    /// A bracket, and how many tokens further on its partner is.
    Open(u8, usize),
    Close(u8),
    Dot,
    Comma,
    Assign,
    Semicolon,
    Newline,
    /// A binary operator and its precedence.
    Binary(u8),
    /// `*`, also in front of what is unpacked.
    Star,
    /// `+` or `-`, binary or unary.
    Sign,
    Tilde,
    Await,
    For,
    Return,
    /// Any other word that occurs in statements and patterns only.
    Statement,
    /// What binds more loosely than binary operators: comparisons, `not`, `lambda`, `:=`, ...
    Loose,
}

const SUM: u8 = 5;
const PRODUCT: u8 = 6;
const POWER: u8 = 7;

#[derive(Clone, Copy, Debug)]
struct Token {
    kind: Kind,
    start: usize,
    end: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Shape {
    /// The place of the operator in the tokens; there are tokens to both sides.
    Binary(usize),
    /// The place of the opening bracket; the tokens end with its partner.
    Subscript(usize),
    Call(usize),
    Name,
    Other,
}

/// The outermost operation in the tokens of an expression.
fn shape(tokens: &[Token]) -> Shape {
    let mut wants_operand = true;
    let mut operator: Option<(u8, usize)> = None;
    let mut last = Shape::Other;
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let mut step = 1;
        if wants_operand {
            wants_operand = false;
            last = match token.kind {
                Kind::Name => Shape::Name,
                Kind::Number | Kind::String | Kind::Ellipsis => Shape::Other,
                Kind::Open(_, skip) => {
                    step = skip + 1;
                    Shape::Other
                }
                Kind::Sign | Kind::Tilde | Kind::Await => {
                    wants_operand = true;
                    Shape::Other
                }
                _ => return Shape::Other,
            };
        } else {
            let precedence = match token.kind {
                Kind::Binary(precedence) => precedence,
                Kind::Star => PRODUCT,
                Kind::Sign => SUM,
                Kind::Open(bracket @ (b'(' | b'['), skip) => {
                    last = if bracket == b'(' { Shape::Call(at) } else { Shape::Subscript(at) };
                    at += skip + 1;
                    continue;
                }
                Kind::Dot if matches!(tokens.get(at + 1), Some(Token { kind: Kind::Name, .. })) => {
                    last = Shape::Other;
                    at += 2;
                    continue;
                }
                Kind::String if tokens[at - 1].kind == Kind::String => {
                    at += 1;
                    continue;
                }
                _ => return Shape::Other,
            };
            // Of operators that bind equally the last one is outermost; of powers, the first.
            if operator.is_none_or(|(loosest, _)| precedence < loosest || (precedence == loosest && loosest != POWER)) {
                operator = Some((precedence, at));
            }
            wants_operand = true;
        }
        at += step;
    }
    if wants_operand {
        return Shape::Other;
    }
    let prefix = tokens[0].kind;
    match operator {
        Some((POWER, _)) if matches!(prefix, Kind::Sign | Kind::Tilde) => Shape::Other,
        Some((_, at)) => Shape::Binary(at),
        None if matches!(prefix, Kind::Sign | Kind::Tilde | Kind::Await) => Shape::Other,
        None => last,
    }
}

/// The tokens without the parentheses that only group them.
fn strip(mut tokens: &[Token]) -> &[Token] {
    while let [Token { kind: Kind::Open(b'(', skip), .. }, inner @ .., _] = tokens {
        let grouping = *skip == tokens.len() - 1
            && !inner.is_empty()
            && split(inner, |kind| matches!(kind, Kind::Comma | Kind::For)).len() == 1;
        if !grouping {
            break;
        }
        tokens = inner;
    }
    tokens
}

/// Splits at the tokens outside all brackets for which `is_separator` holds. There is always at least one part.
fn split(tokens: &[Token], is_separator: impl Fn(Kind) -> bool) -> Vec<&[Token]> {
    let mut parts = Vec::new();
    let (mut start, mut at) = (0, 0);
    while let Some(token) = tokens.get(at) {
        if is_separator(token.kind) {
            parts.push(&tokens[start..at]);
            start = at + 1;
        }
        at += if let Kind::Open(_, skip) = token.kind { skip + 1 } else { 1 };
    }
    parts.push(&tokens[start..]);
    parts
}

/// Finds the tokens of a text, NEWLINE only outside brackets. `None` if brackets or strings are not closed.
fn scan(text: &str, nesting: usize) -> Option<Vec<Token>> {
    let bytes = text.as_bytes();
    let mut tokens: Vec<Token> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let start = at;
        let kind = match byte {
            b' ' | b'\t' | b'\x0c' | b'\r' => {
                at += 1;
                continue;
            }
            b'\\' if bytes.get(at + 1) == Some(&b'\n') && at + 2 < bytes.len() => {
                at += 2;
                continue;
            }
            b'#' => {
                at += text[at..].find('\n').unwrap_or(bytes.len() - at);
                continue;
            }
            b'\n' => {
                at += 1;
                if !open.is_empty() {
                    continue;
                }
                Kind::Newline
            }
            b'\'' | b'"' => {
                at = string_end(text, at, "", nesting)?;
                Kind::String
            }
            b'0'..=b'9' => {
                at = number_end(bytes, at);
                Kind::Number
            }
            b'.' if bytes.get(at + 1).is_some_and(u8::is_ascii_digit) => {
                at = number_end(bytes, at);
                Kind::Number
            }
            b'_' | b'a'..=b'z' | b'A'..=b'Z' | 128.. => {
                at += bytes[at..].iter().position(|&byte| !is_word(byte)).unwrap_or(bytes.len() - at);
                let word = &text[start..at];
                let prefix = word.len() <= 2 && word.bytes().all(|byte| b"rRbBuUfF".contains(&byte));
                if prefix && matches!(bytes.get(at), Some(b'\'' | b'"')) {
                    at = string_end(text, at, word, nesting)?;
                    Kind::String
                } else {
                    word_kind(word)
                }
            }
            b'(' | b'[' | b'{' => {
                at += 1;
                open.push(tokens.len());
                Kind::Open(byte, 0)
            }
            b')' | b']' | b'}' => {
                at += 1;
                let partner = open.pop()?;
                let skip = tokens.len() - partner;
                let Kind::Open(bracket, distance) = &mut tokens[partner].kind else { return None };
                if !matches!((*bracket, byte), (b'(', b')') | (b'[', b']') | (b'{', b'}')) {
                    return None;
                }
                *distance = skip;
                Kind::Close(byte)
            }
            _ => {
                let &(operator, kind) = OPERATORS.iter().find(|(operator, _)| text[at..].starts_with(operator))?;
                at += operator.len();
                kind
            }
        };
        tokens.push(Token { kind, start, end: at });
    }
    open.is_empty().then_some(tokens)
}

/// Longer ones first.
const OPERATORS: &[(&str, Kind)] = &[
    ("**=", Kind::Loose),
    ("//=", Kind::Loose),
    ("<<=", Kind::Loose),
    (">>=", Kind::Loose),
    ("...", Kind::Ellipsis),
    ("**", Kind::Binary(POWER)),
    ("==", Kind::Loose),
    ("!=", Kind::Loose),
    ("<=", Kind::Loose),
    (">=", Kind::Loose),
    (":=", Kind::Loose),
    ("->", Kind::Loose),
    ("+=", Kind::Loose),
    ("-=", Kind::Loose),
    ("*=", Kind::Loose),
    ("/=", Kind::Loose),
    ("%=", Kind::Loose),
    ("@=", Kind::Loose),
    ("&=", Kind::Loose),
    ("|=", Kind::Loose),
    ("^=", Kind::Loose),
    ("//", Kind::Binary(PRODUCT)),
    ("<<", Kind::Binary(4)),
    (">>", Kind::Binary(4)),
    ("+", Kind::Sign),
    ("-", Kind::Sign),
    ("*", Kind::Star),
    ("/", Kind::Binary(PRODUCT)),
    ("%", Kind::Binary(PRODUCT)),
    ("@", Kind::Binary(PRODUCT)),
    ("&", Kind::Binary(3)),
    ("^", Kind::Binary(2)),
    ("|", Kind::Binary(1)),
    ("~", Kind::Tilde),
    ("=", Kind::Assign),
    (",", Kind::Comma),
    (".", Kind::Dot),
    (";", Kind::Semicolon),
    (":", Kind::Loose),
    ("<", Kind::Loose),
    (">", Kind::Loose),
];

fn word_kind(word: &str) -> Kind {
    match word {
        "await" => Kind::Await,
        "for" => Kind::For,
        "return" => Kind::Return,
        "and" | "async" | "else" | "from" | "if" | "in" | "is" | "lambda" | "not" | "or" | "yield" => Kind::Loose,
        "as" | "assert" | "break" | "class" | "continue" | "def" | "del" | "elif" | "except" | "finally" | "global"
        | "import" | "nonlocal" | "pass" | "raise" | "try" | "while" | "with" => Kind::Statement,
        "None" | "True" | "False" => Kind::Number,
        _ => Kind::Name,
    }
}

fn is_word(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric() || byte >= 128
}

fn number_end(bytes: &[u8], start: usize) -> usize {
    let digits = |from: usize| {
        let digit = |&byte: &u8| byte.is_ascii_digit() || byte == b'_';
        from + bytes[from..].iter().take_while(|byte| digit(byte)).count()
    };
    if bytes[start] == b'0' && matches!(bytes.get(start + 1), Some(b'x' | b'X' | b'o' | b'O' | b'b' | b'B')) {
        return start + bytes[start..].iter().take_while(|&&byte| is_word(byte)).count();
    }
    let mut at = digits(start);
    if bytes.get(at) == Some(&b'.') {
        at = digits(at + 1);
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        if bytes.get(at + 1 + sign).is_some_and(u8::is_ascii_digit) {
            at = digits(at + 1 + sign);
        }
    }
    at + usize::from(matches!(bytes.get(at), Some(b'j' | b'J')))
}

/// How deep f-strings are followed into each other.
const NESTING_MAX: usize = 100;

/// Where the string whose opening quote is at `start` ends.
fn string_end(text: &str, start: usize, prefix: &str, nesting: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let quote = bytes[start];
    let triple = bytes[start..].starts_with(&[quote; 3]);
    let quotes = if triple { 3 } else { 1 };
    let formatted = prefix.contains(['f', 'F']);
    let raw = prefix.contains(['r', 'R']);
    let mut at = start + quotes;
    loop {
        match *bytes.get(at)? {
            byte if byte == quote && (!triple || bytes[at..].starts_with(&[quote; 3])) => return Some(at + quotes),
            b'\n' if !triple => return None,
            b'\\' if formatted && !raw && bytes[at..].starts_with(b"\\N{") => at += 3,
            b'\\' if formatted && bytes.get(at + 1) == Some(&b'{') => at += 1,
            b'\\' => at += 2,
            b'{' if formatted && bytes.get(at + 1) == Some(&b'{') => at += 2,
            b'{' if formatted => at = field_end(text, at + 1, nesting + 1)?,
            _ => at += 1,
        }
    }
}

/// Where the replacement field of an f-string ends, from behind its opening brace.
fn field_end(text: &str, start: usize, nesting: usize) -> Option<usize> {
    if nesting > NESTING_MAX {
        return None;
    }
    let bytes = text.as_bytes();
    let mut depth = 0;
    let mut at = start;
    loop {
        match *bytes.get(at)? {
            b'}' if depth == 0 => return Some(at + 1),
            b':' if depth == 0 => break,
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth -= 1,
            b'#' => at += text[at..].find('\n')?,
            b'\'' | b'"' => {
                let word = bytes[start..at].iter().rev().take(2).take_while(|&&byte| is_word(byte)).count();
                at = string_end(text, at, text.get(at - word..at)?, nesting)?;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    // The format specification, which may hold fields of its own.
    loop {
        match *bytes.get(at)? {
            b'}' => return Some(at + 1),
            b'{' => at = field_end(text, at + 1, nesting + 1)?,
            _ => at += 1,
        }
    }
}
