//! Properties of characters, as CPython 3.13 knows them (Unicode 15.1, whatever the version Rust's `char` follows).

use super::tables::*;

/// The flags of the characters up to U+00FF, most of all text.
static LATIN: [u16; 256] = {
    let mut flags = [0; 256];
    let (mut c, mut run) = (0, 0);
    while c < flags.len() {
        while (RUNS[run + 1] >> 8) as usize <= c {
            run += 1;
        }
        flags[c] = CLASSES[(RUNS[run] & 0xFF) as usize];
        c += 1;
    }
    flags
};

/// The flags of a character (constants of `tables`).
#[inline]
fn flags(c: char) -> u16 {
    LATIN.get(c as usize).copied().unwrap_or_else(|| flags_past_latin(c))
}

fn flags_past_latin(c: char) -> u16 {
    let key = (c as u32) << 8 | 0xFF;
    let run = RUNS.partition_point(|&run| run <= key);
    CLASSES[(RUNS[run - 1] & 0xFF) as usize]
}

macro_rules! predicates {
    ($($(#[$doc:meta])* $name:ident $flag:expr;)*) => {
        $($(#[$doc])* #[inline] pub fn $name(c: char) -> bool { flags(c) & ($flag) != 0 })*
    };
}

predicates! {
    /// `str.isalpha` of a character.
    is_alpha ALPHA;
    is_alnum ALPHA | NUMERIC | DECIMAL | DIGIT;
    is_decimal DECIMAL;
    is_digit DIGIT;
    is_numeric NUMERIC;
    is_lower LOWER;
    is_upper UPPER;
    /// Title case, as `ǅ`.
    is_title TITLE;
    is_cased LOWER | UPPER | TITLE;
    is_case_ignorable IGNORABLE;
    is_identifier_continue XID_CONTINUE;
}

/// `str.isspace` of a character.
#[inline]
pub fn is_space(c: char) -> bool {
    flags(c) & SPACE != 0
}

/// Whether `repr` shows the character as it is.
#[inline]
pub fn is_printable(c: char) -> bool {
    flags(c) & PRINTABLE != 0
}

/// Whether an identifier can begin with the character.
pub fn is_identifier_start(c: char) -> bool {
    c == '_' || flags(c) & XID_START != 0
}

/// The value of a decimal digit of any script.
#[inline]
pub fn decimal_value(c: char) -> Option<u8> {
    if c.is_ascii() {
        return c.is_ascii_digit().then(|| c as u8 - b'0');
    }
    let index = ZEROS.partition_point(|&zero| zero <= c as u32);
    let value = c as u32 - ZEROS[index.checked_sub(1)?];
    (value < 10).then_some(value as u8)
}

/// A character in another case: itself moved, or several characters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mapped {
    One(char),
    Many(&'static str),
}

impl Mapped {
    pub fn push_to(self, out: &mut String) {
        match self {
            Mapped::One(c) => out.push(c),
            Mapped::Many(text) => out.push_str(text),
        }
    }
}

type Moves = [(u32, u32, u32, i32)];

fn look_up(c: char, moves: &Moves, special: &[(u32, &'static str)]) -> Option<Mapped> {
    let n = c as u32;
    if let Ok(at) = special.binary_search_by_key(&n, |entry| entry.0) {
        return Some(Mapped::Many(special[at].1));
    }
    let at = moves.partition_point(|entry| entry.0 <= n);
    let (first, last, step, delta) = moves[at.checked_sub(1)?];
    let moved = n <= last && (n - first) % step == 0;
    moved.then(|| Mapped::One(char::from_u32(n.wrapping_add_signed(delta)).unwrap_or(c)))
}

pub fn to_upper(c: char) -> Mapped {
    if c.is_ascii() {
        return Mapped::One(c.to_ascii_uppercase());
    }
    look_up(c, &UPPER_MAP, &UPPER_MAP_SPECIAL).unwrap_or(Mapped::One(c))
}

/// Lower case of a character that stands alone: a sigma is `σ` here, see `case::lower`.
pub fn to_lower(c: char) -> Mapped {
    if c.is_ascii() {
        return Mapped::One(c.to_ascii_lowercase());
    }
    look_up(c, &LOWER_MAP, &LOWER_MAP_SPECIAL).unwrap_or(Mapped::One(c))
}

pub fn to_title(c: char) -> Mapped {
    if c.is_ascii() {
        return Mapped::One(c.to_ascii_uppercase());
    }
    look_up(c, &TITLE_MAP, &TITLE_MAP_SPECIAL).unwrap_or_else(|| to_upper(c))
}

pub fn to_folded(c: char) -> Mapped {
    if c.is_ascii() {
        return Mapped::One(c.to_ascii_lowercase());
    }
    look_up(c, &FOLD_MAP, &FOLD_MAP_SPECIAL).unwrap_or_else(|| to_lower(c))
}

/// Number text in ASCII: digits of every script become ASCII digits, other whitespace a blank. Anything else becomes a
/// `?`, which ends the text.
///
/// ASCII text is returned as it is, control characters included.
pub fn ascii_digits_and_spaces(text: &str) -> std::borrow::Cow<'_, str> {
    if text.is_ascii() {
        return text.into();
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match decimal_value(c) {
            _ if c < '\x7f' => out.push(c),
            Some(digit) => out.push(char::from(b'0' + digit)),
            None if is_space(c) => out.push(' '),
            None => {
                out.push('?');
                break;
            }
        }
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted() {
        assert!(RUNS.is_sorted() && ZEROS.is_sorted());
        for moves in [&UPPER_MAP[..], &LOWER_MAP, &TITLE_MAP, &FOLD_MAP] {
            assert!(moves.is_sorted_by_key(|entry| entry.0));
        }
    }

    #[test]
    fn properties() {
        assert!(is_alpha('é') && !is_alpha('1') && is_alnum('½') && is_numeric('½') && !is_digit('½'));
        assert!(is_digit('²') && !is_decimal('²') && is_decimal('٣'));
        assert!(is_space('\u{3000}') && is_space('\u{1c}') && !is_space('\u{200b}'));
        assert!(!is_printable('\u{a0}') && !is_printable('\u{ad}') && is_printable('é'));
        assert!(is_title('ǅ') && is_cased('ǅ') && !is_upper('ǅ'));
        assert_eq!(decimal_value('٣'), Some(3));
        assert_eq!(to_upper('ß'), Mapped::Many("SS"));
        assert_eq!(to_title('ß'), Mapped::Many("Ss"));
        assert_eq!(to_lower('Σ'), Mapped::One('σ'));
        assert_eq!(to_folded('ς'), Mapped::One('σ'));
        assert_eq!(to_upper('ɐ'), Mapped::One('Ɐ'));
    }
}
