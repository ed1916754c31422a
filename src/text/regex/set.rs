//! Classes of characters, and letters that are one when case does not count.

use crate::text::unicode::{is_alnum, is_decimal, is_space, to_lower, to_upper};

/// `\d`, `\s`, `\w`, by all of Unicode or by ASCII alone.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Category {
    Digit,
    Space,
    Word,
}

#[derive(Clone, Debug)]
pub(super) enum Item {
    Range(char, char),
    Category { category: Category, ascii: bool, not: bool },
}

/// How letters are compared.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Case {
    Exact,
    /// Without case, among ASCII letters only.
    Ascii,
    Unicode,
}

#[derive(Clone, Debug)]
pub(super) struct Set {
    items: Vec<Item>,
    not: bool,
    case: Case,
    /// The answer for each ASCII character.
    ascii: u128,
    /// Without regard to case: all characters of the ranges, folded and sorted.
    folded: Vec<char>,
}

/// Ranges beyond this size are not spelled out: who writes them means all letters.
const SPELLED_OUT: u32 = 0x3000;

pub(super) fn is_word(c: char, ascii: bool) -> bool {
    if ascii || c.is_ascii() { c.is_ascii_alphanumeric() || c == '_' } else { is_alnum(c) }
}

fn is_in(c: char, category: Category, ascii: bool) -> bool {
    match category {
        Category::Digit if ascii => c.is_ascii_digit(),
        Category::Digit => is_decimal(c),
        Category::Space if ascii => matches!(c, ' ' | '\t'..='\r'),
        Category::Space => is_space(c),
        Category::Word => is_word(c, ascii),
    }
}

fn first_of(mapped: crate::text::unicode::Mapped, c: char) -> (char, bool) {
    (mapped.chars().first().copied().unwrap_or(c), mapped.chars().len() == 1)
}

/// The character that stands for all that are equal to this one without regard to case.
#[inline]
pub(super) fn fold(c: char, case: Case) -> char {
    match case {
        Case::Exact => c,
        Case::Ascii => c.to_ascii_lowercase(),
        Case::Unicode if c.is_ascii() => c.to_ascii_lowercase(),
        Case::Unicode => fold_unicode(c),
    }
}

fn fold_unicode(c: char) -> char {
    // Pairs whose capital is more than one character.
    match c {
        '\u{1fd3}' => return '\u{390}',
        '\u{1fe3}' => return '\u{3b0}',
        '\u{fb05}' => return '\u{fb06}',
        _ => {}
    }
    let (lower, _) = first_of(to_lower(c), c);
    match first_of(to_upper(lower), lower) {
        (upper, true) => first_of(to_lower(upper), upper).0,
        _ => lower,
    }
}

impl Set {
    pub(super) fn new(items: Vec<Item>, not: bool, case: Case) -> Set {
        let mut folded = Vec::new();
        if case != Case::Exact {
            for item in &items {
                if let Item::Range(a, b) = *item {
                    if b as u32 - (a as u32) < SPELLED_OUT {
                        folded.extend((a..=b).map(|c| fold(c, case)));
                    }
                }
            }
            folded.sort_unstable();
            folded.dedup();
        }
        let mut set = Set { items, not, case, ascii: 0, folded };
        for byte in 0..128u8 {
            if set.slow(byte.into()) {
                set.ascii |= 1 << byte;
            }
        }
        set
    }

    #[inline]
    pub(super) fn contains(&self, c: char) -> bool {
        if c.is_ascii() { self.ascii >> (c as u32) & 1 != 0 } else { self.slow(c) }
    }

    pub(super) fn ascii(&self) -> u128 {
        self.ascii
    }

    fn slow(&self, c: char) -> bool {
        let found = match self.case {
            Case::Exact => self.has(c),
            case => {
                let folded = fold(c, case);
                let lower = if case == Case::Unicode { first_of(to_lower(c), c).0 } else { c.to_ascii_lowercase() };
                self.folded.binary_search(&folded).is_ok() || self.has_category(lower) || self.has_wide_range(lower)
            }
        };
        found != self.not
    }

    fn has(&self, c: char) -> bool {
        self.has_range(c) || self.has_category(c)
    }

    fn has_range(&self, c: char) -> bool {
        self.items.iter().any(|item| matches!(item, Item::Range(a, b) if (*a..=*b).contains(&c)))
    }

    fn has_wide_range(&self, c: char) -> bool {
        let wide = |a: char, b: char| b as u32 - a as u32 >= SPELLED_OUT;
        self.items.iter().any(|item| matches!(item, Item::Range(a, b) if wide(*a, *b) && (*a..=*b).contains(&c)))
    }

    fn has_category(&self, c: char) -> bool {
        self.items.iter().any(|item| match item {
            Item::Category { category, ascii, not } => is_in(c, *category, *ascii) != *not,
            Item::Range(..) => false,
        })
    }
}
