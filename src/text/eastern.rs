//! Encodings of East Asia with two bytes for most characters: the tables of `encoding_rs`, which are those of browsers,
//! less what they have beyond Python's and with the few characters that differ.

use encoding_rs::{EUC_KR, Encoding, GBK, SHIFT_JIS};

/// First bytes, second bytes: both ends belong to them.
type Area = ([u8; 2], [u8; 2]);

/// An encoding.
#[derive(Clone, Copy)]
pub struct Charset {
    /// The names it is found by, its own first.
    pub names: &'static [&'static str],
    base: &'static Encoding,
    /// Whether what a byte begins is known from it alone: then one that begins nothing is never unfinished.
    knows_first: bool,
    /// Pairs that Python does not know.
    unused: &'static [Area],
    /// Pairs that mean another character to Python.
    changed: &'static [([u8; 2], char)],
    /// What is only written.
    written: &'static [(char, u8)],
    /// Syllables without a pair are written as four: a mark and their letters.
    spells: bool,
}

/// What the bytes at a place mean.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found {
    Char(char, usize),
    Illegal,
    /// More bytes could make a character of them.
    Incomplete,
}

#[rustfmt::skip]
const CHARSETS: &[Charset] = &[
    Charset {
        names: &["gbk", "936", "cp936", "ms936"], base: GBK, knows_first: false,
        unused: &[
            ([0xa1, 0xa7], [0x40, 0xa0]), ([0xa2, 0xa2], [0xab, 0xb0]), ([0xa2, 0xa2], [0xe3, 0xe4]),
            ([0xa2, 0xa2], [0xef, 0xf0]), ([0xa2, 0xa2], [0xfd, 0xfe]), ([0xa4, 0xa4], [0xf4, 0xfe]),
            ([0xa5, 0xa5], [0xf7, 0xfe]), ([0xa6, 0xa6], [0xb9, 0xc0]), ([0xa6, 0xa6], [0xd9, 0xdf]),
            ([0xa6, 0xa6], [0xec, 0xed]), ([0xa6, 0xa6], [0xf3, 0xf3]), ([0xa6, 0xa6], [0xf6, 0xfe]),
            ([0xa7, 0xa7], [0xc2, 0xd0]), ([0xa7, 0xa7], [0xf2, 0xfe]), ([0xa8, 0xa8], [0x96, 0xa0]),
            ([0xa8, 0xa8], [0xbc, 0xbc]), ([0xa8, 0xa8], [0xbf, 0xbf]), ([0xa8, 0xa8], [0xc1, 0xc4]),
            ([0xa8, 0xa8], [0xea, 0xfe]), ([0xa9, 0xa9], [0x58, 0x58]), ([0xa9, 0xa9], [0x5b, 0x5b]),
            ([0xa9, 0xa9], [0x5d, 0x5f]), ([0xa9, 0xa9], [0x89, 0x95]), ([0xa9, 0xa9], [0x97, 0xa3]),
            ([0xa9, 0xa9], [0xf0, 0xfe]), ([0xaa, 0xaf], [0xa1, 0xfe]), ([0xd7, 0xd7], [0xfa, 0xfe]),
            ([0xf8, 0xfd], [0xa1, 0xfe]), ([0xfe, 0xfe], [0x50, 0xfe]),
        ],
        changed: &[], written: &[], spells: false,
    },
    Charset {
        names: &[
            "gb2312", "chinese", "csiso58gb231280", "euc_cn", "euccn", "eucgb2312_cn", "gb2312_1980", "gb2312_80",
            "iso_ir_58",
        ],
        base: GBK, knows_first: false,
        unused: &[
            ([0x81, 0xff], [0x40, 0xa0]), ([0x81, 0xa0], [0x40, 0xfe]), ([0xa2, 0xa2], [0xa1, 0xb0]),
            ([0xa2, 0xa2], [0xe3, 0xe4]), ([0xa2, 0xa2], [0xef, 0xf0]), ([0xa2, 0xa2], [0xfd, 0xfe]),
            ([0xa4, 0xa4], [0xf4, 0xfe]), ([0xa5, 0xa5], [0xf7, 0xfe]), ([0xa6, 0xa6], [0xb9, 0xc0]),
            ([0xa6, 0xa6], [0xd9, 0xfe]), ([0xa7, 0xa7], [0xc2, 0xd0]), ([0xa7, 0xa7], [0xf2, 0xfe]),
            ([0xa8, 0xa8], [0xbb, 0xc4]), ([0xa8, 0xa8], [0xea, 0xfe]), ([0xa9, 0xa9], [0xa1, 0xa3]),
            ([0xa9, 0xa9], [0xf0, 0xfe]), ([0xaa, 0xaf], [0x40, 0xfe]), ([0xd7, 0xd7], [0xfa, 0xfe]),
            ([0xf8, 0xfe], [0x40, 0xfe]),
        ],
        changed: &[([0xa1, 0xa4], '\u{30fb}'), ([0xa1, 0xaa], '\u{2015}')], written: &[], spells: false,
    },
    Charset {
        names: &["shift_jis", "csshiftjis", "s_jis", "shiftjis", "sjis"], base: SHIFT_JIS, knows_first: true,
        unused: &[
            ([0x87, 0x87], [0x40, 0x5d]), ([0x87, 0x87], [0x5f, 0x75]), ([0x87, 0x87], [0x7e, 0x9c]),
            ([0xed, 0xed], [0x40, 0xfc]), ([0xee, 0xee], [0x40, 0xec]), ([0xee, 0xee], [0xef, 0xfc]),
            ([0xf0, 0xfc], [0x40, 0xfc]),
        ],
        changed: &[
            ([0x81, 0x60], '\u{301c}'), ([0x81, 0x61], '\u{2016}'), ([0x81, 0x7c], '\u{2212}'),
            ([0x81, 0x91], '\u{a2}'), ([0x81, 0x92], '\u{a3}'), ([0x81, 0xca], '\u{ac}'),
        ],
        written: &[('\u{a5}', 0x5c), ('\u{203e}', 0x7e)], spells: false,
    },
    Charset {
        names: &[
            "euc_kr", "euckr", "iso_ir_149", "korean", "ks_c_5601", "ks_c_5601_1987", "ks_x_1001", "ksc5601", "ksx1001",
        ],
        base: EUC_KR, knows_first: false,
        unused: &[([0x81, 0xa0], [0x41, 0xfe]), ([0xa1, 0xff], [0x41, 0xa0])],
        changed: &[], written: &[], spells: true,
    },
    Charset {
        names: &["cp949", "949", "ms949", "uhc"], base: EUC_KR, knows_first: false,
        unused: &[], changed: &[], written: &[], spells: false,
    },
];

/// What begins a syllable that is spelt.
const FILLER: [u8; 2] = [0xa4, 0xd4];
/// The first of the letters, which lie together as their characters from U+3131 do.
const LETTERS: [u8; 2] = [0xa4, 0xa1];
/// The letters that begin a syllable, counted from the first.
const INITIAL: &[u8] = &[0, 1, 3, 6, 7, 8, 16, 17, 18, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29];
/// Those that end one; in front, none does.
const FINAL: &[u8] =
    &[51, 0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 19, 20, 21, 22, 23, 25, 26, 27, 28, 29];
const FIRST_VOWEL: u8 = 30;
const VOWELS: u32 = 21;
const FIRST_SYLLABLE: u32 = 0xac00;

impl Charset {
    /// The encoding of a name in lower case, with underscores.
    pub fn find(name: &str) -> Option<&'static Charset> {
        CHARSETS.iter().find(|charset| charset.names.contains(&name))
    }

    /// What the first bytes of a text mean; there is at least one.
    pub fn first(&self, bytes: &[u8]) -> Found {
        match *bytes {
            [] => Found::Incomplete,
            [byte, ..] if byte < 0x80 => Found::Char(char::from(byte), 1),
            [0x80 | 0xa0 | 0xeb.., ..] if self.knows_first => Found::Illegal,
            [byte @ 0xa1..=0xdf, ..] if self.knows_first => {
                self.read(&[byte]).map_or(Found::Illegal, |c| Found::Char(c, 1))
            }
            [_] => Found::Incomplete,
            [0xa4, 0xd4, ..] if self.spells => match bytes.get(..8) {
                Some(spelt) => syllable(spelt).map_or(Found::Illegal, |c| Found::Char(c, 8)),
                None => Found::Incomplete,
            },
            [first, second, ..] => self.pair([first, second]).map_or(Found::Illegal, |c| Found::Char(c, 2)),
        }
    }

    fn pair(&self, pair: [u8; 2]) -> Option<char> {
        let [first, second] = pair;
        let within = |[low, high]: [u8; 2], byte: u8| (low..=high).contains(&byte);
        if self.unused.iter().any(|&(firsts, seconds)| within(firsts, first) && within(seconds, second)) {
            return None;
        }
        match self.changed.iter().find(|(changed, _)| *changed == pair) {
            Some(&(_, c)) => Some(c),
            None => self.read(&pair),
        }
    }

    /// The one character that all these bytes are to `encoding_rs`.
    fn read(&self, bytes: &[u8]) -> Option<char> {
        let text = self.base.decode_without_bom_handling_and_without_replacement(bytes)?;
        let mut chars = text.chars();
        chars.next().filter(|_| chars.next().is_none())
    }

    /// Writes a character; false if the encoding has none like it.
    pub fn write(&self, c: char, out: &mut Vec<u8>) -> bool {
        if c.is_ascii() {
            out.push(c as u8);
            return true;
        }
        if let Some(&(_, byte)) = self.written.iter().find(|(written, _)| *written == c) {
            out.push(byte);
            return true;
        }
        if let Some((pair, _)) = self.changed.iter().find(|(_, changed)| *changed == c) {
            out.extend(pair);
            return true;
        }
        let mut buffer = [0; 4];
        let (bytes, _, unknown) = self.base.encode(c.encode_utf8(&mut buffer));
        if !unknown && (self.first(&bytes) == Found::Char(c, bytes.len()) || self.spells && *bytes == FILLER) {
            out.extend(&*bytes);
            return true;
        }
        self.spells && spell(c, out)
    }
}

/// The syllable of a mark and three letters.
fn syllable(bytes: &[u8]) -> Option<char> {
    let letter = |at: usize| bytes[at + 1].checked_sub(LETTERS[1]).filter(|_| bytes[at] == LETTERS[0]);
    let initial = INITIAL.iter().position(|known| Some(*known) == letter(2))?;
    let vowel = letter(4)?.checked_sub(FIRST_VOWEL).filter(|vowel| u32::from(*vowel) < VOWELS)?;
    let last = FINAL.iter().position(|known| Some(*known) == letter(6))?;
    char::from_u32(FIRST_SYLLABLE + (initial as u32 * VOWELS + u32::from(vowel)) * FINAL.len() as u32 + last as u32)
}

fn spell(c: char, out: &mut Vec<u8>) -> bool {
    let Some(at) = (c as u32).checked_sub(FIRST_SYLLABLE) else { return false };
    let finals = FINAL.len() as u32;
    let Some(&initial) = INITIAL.get((at / finals / VOWELS) as usize) else { return false };
    out.extend(FILLER);
    for letter in [initial, FIRST_VOWEL + (at / finals % VOWELS) as u8, FINAL[(at % finals) as usize]] {
        out.extend([LETTERS[0], LETTERS[1] + letter]);
    }
    true
}
