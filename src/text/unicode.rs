//! Properties of characters, as CPython 3.13 knows them (Unicode 15.1, whatever the version Rust's `char` follows).

use super::tables::*;

/// First character of each run of equal flags, shifted by 8, and an index into `CLASSES`.
static RUNS: [u32; RUN_BYTES.len() / 4] = {
    let mut runs = [0; RUN_BYTES.len() / 4];
    let mut at = 0;
    while at < runs.len() {
        let [a, b, c, d] = [RUN_BYTES[4 * at], RUN_BYTES[4 * at + 1], RUN_BYTES[4 * at + 2], RUN_BYTES[4 * at + 3]];
        runs[at] = u32::from_le_bytes([a, b, c, d]);
        at += 1;
    }
    runs
};
const RUN_BYTES: &[u8] = include_bytes!("runs.bin");

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
    /// `str.isspace` of a character.
    is_space SPACE;
    /// Whether `repr` shows the character as it is.
    is_printable PRINTABLE;
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

/// A character in another case: one to three characters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mapped {
    chars: [char; 3],
    len: usize,
}

impl Mapped {
    fn new(text: impl IntoIterator<Item = char>) -> Mapped {
        let mut mapped = Mapped { chars: ['\0'; 3], len: 0 };
        for (place, c) in mapped.chars.iter_mut().zip(text) {
            *place = c;
            mapped.len += 1;
        }
        mapped
    }

    pub fn chars(&self) -> &[char] {
        &self.chars[..self.len]
    }

    pub fn push_to(self, out: &mut String) {
        out.extend(self.chars());
    }
}

/// What Rust's tables make of a character, unless that came into Unicode after 15.1.
fn known(c: char, mapped: impl Iterator<Item = char>) -> Mapped {
    let mapped = Mapped::new(mapped);
    if flags(c) != 0 && mapped.chars().iter().all(|&c| flags(c) != 0) { mapped } else { Mapped::new([c]) }
}

pub fn to_upper(c: char) -> Mapped {
    known(c, c.to_uppercase())
}

/// Lower case of a character that stands alone: a sigma is `σ` here, see `case::lower`.
pub fn to_lower(c: char) -> Mapped {
    known(c, c.to_lowercase())
}

/// The capital that begins a word: only of several characters a mere upper case has more than the first in capitals.
pub fn to_title(c: char) -> Mapped {
    let number = c as u32;
    let one = |number: u32| Mapped::new([char::from_u32(number).unwrap_or(c)]);
    let upper = to_upper(c);
    match c {
        // The middle one of `Ǆ`, `ǅ`, `ǆ`.
        '\u{1c4}'..='\u{1cc}' => one(0x1c5 + (number - 0x1c4) / 3 * 3),
        '\u{1f1}'..='\u{1f3}' => one(0x1f2),
        // Georgian has no capitals in text.
        '\u{10d0}'..='\u{10ff}' => one(number),
        // Greek vowels with an iota below keep it there.
        '\u{1f80}'..='\u{1faf}' => one(number | 8),
        'ᾳ' | 'ῃ' | 'ῳ' => one(number + 9),
        'ᾼ' | 'ῌ' | 'ῼ' => one(number),
        'ŉ' => upper,
        _ => Mapped::new(upper.chars().iter().enumerate().map(|(at, &c)| match c {
            _ if at == 0 => c,
            'Ι' => '\u{345}',
            _ => first_lower(c),
        })),
    }
}

fn first_lower(c: char) -> char {
    to_lower(c).chars().first().copied().unwrap_or(c)
}

/// Folded case: the lower case of the upper case, so that all forms of a letter become one.
pub fn to_folded(c: char) -> Mapped {
    match c {
        'ı' => Mapped::new([c]),
        'ẞ' => Mapped::new(['s', 's']),
        // Cherokee folds to capitals, which are older.
        '\u{13a0}'..='\u{13fd}' | '\u{ab70}'..='\u{abbf}' => to_upper(c),
        _ => match to_upper(c).chars() {
            [upper] => to_lower(*upper),
            several => Mapped::new(several.iter().map(|&c| first_lower(c))),
        },
    }
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
    }
}
