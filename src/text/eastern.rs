//! Encodings of East Asia with several bytes for most characters: the tables of `encoding_rs`, which are those of browsers,
//! less what they have beyond Python's and with the few characters that differ.

use std::collections::HashMap;
use std::sync::OnceLock;

use encoding_rs::{BIG5, EUC_JP, EUC_KR, Encoding, GB18030, GBK, SHIFT_JIS};

/// First bytes, second bytes: both ends belong to them.
type Area = ([u8; 2], [u8; 2]);

/// The first of some bytes that mean characters one after the other, the first of these, and how many they are.
type Run = (&'static [u8], char, u8);

/// An encoding.
#[derive(Clone, Copy)]
pub struct Charset {
    /// The names it is found by, its own first.
    pub names: &'static [&'static str],
    base: &'static Encoding,
    /// What a byte from 0x80 on means by itself, or that it begins nothing; `None` if it begins several.
    single: fn(u8) -> Option<Found>,
    /// Pairs that Python does not know.
    unused: &'static [Area],
    /// Bytes that mean other characters to Python.
    changed: &'static [&'static [Run]],
    /// What is only written.
    written: &'static [(char, &'static [u8])],
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
        names: &["gbk", "936", "cp936", "ms936"], base: GBK, single: pairs_alone,
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
        base: GBK, single: pairs_alone,
        unused: &[
            ([0x81, 0xff], [0x40, 0xa0]), ([0x81, 0xa0], [0x40, 0xfe]), ([0xa2, 0xa2], [0xa1, 0xb0]),
            ([0xa2, 0xa2], [0xe3, 0xe4]), ([0xa2, 0xa2], [0xef, 0xf0]), ([0xa2, 0xa2], [0xfd, 0xfe]),
            ([0xa4, 0xa4], [0xf4, 0xfe]), ([0xa5, 0xa5], [0xf7, 0xfe]), ([0xa6, 0xa6], [0xb9, 0xc0]),
            ([0xa6, 0xa6], [0xd9, 0xfe]), ([0xa7, 0xa7], [0xc2, 0xd0]), ([0xa7, 0xa7], [0xf2, 0xfe]),
            ([0xa8, 0xa8], [0xbb, 0xc4]), ([0xa8, 0xa8], [0xea, 0xfe]), ([0xa9, 0xa9], [0xa1, 0xa3]),
            ([0xa9, 0xa9], [0xf0, 0xfe]), ([0xaa, 0xaf], [0x40, 0xfe]), ([0xd7, 0xd7], [0xfa, 0xfe]),
            ([0xf8, 0xfe], [0x40, 0xfe]),
        ],
        changed: &[&[(&[0xa1, 0xa4], '\u{30fb}', 1), (&[0xa1, 0xaa], '\u{2015}', 1)]], written: &[], spells: false,
    },
    Charset {
        names: &["shift_jis", "csshiftjis", "s_jis", "shiftjis", "sjis"], base: SHIFT_JIS, single: shift_jis,
        unused: &[
            ([0x87, 0x87], [0x40, 0x5d]), ([0x87, 0x87], [0x5f, 0x75]), ([0x87, 0x87], [0x7e, 0x9c]),
            ([0xed, 0xed], [0x40, 0xfc]), ([0xee, 0xee], [0x40, 0xec]), ([0xee, 0xee], [0xef, 0xfc]),
            ([0xf0, 0xfc], [0x40, 0xfc]),
        ],
        changed: &[&[
            (&[0x81, 0x60], '\u{301c}', 1), (&[0x81, 0x61], '\u{2016}', 1), (&[0x81, 0x7c], '\u{2212}', 1),
            (&[0x81, 0x91], '\u{a2}', 2), (&[0x81, 0xca], '\u{ac}', 1),
        ]],
        written: YEN_AND_OVERLINE, spells: false,
    },
    Charset {
        names: &["cp932", "932", "ms932", "ms_kanji", "mskanji", "windows_31j"], base: SHIFT_JIS, single: cp932,
        unused: &[], changed: &[], written: &[('\u{a2}', &[0x81, 0x91]), ('\u{a3}', &[0x81, 0x92]), ('\u{ac}', &[0x81, 0xca]), ('\u{2016}', &[0x81, 0x61]), ('\u{2212}', &[0x81, 0x7c]), ('\u{301c}', &[0x81, 0x60]), ('\u{f8f0}', &[0xa0]), ('\u{f8f1}', &[0xfd]), ('\u{f8f2}', &[0xfe]), ('\u{f8f3}', &[0xff]), ('\u{80}', &[0x80])], spells: false,
    },
    Charset {
        names: &["euc_jp", "eucjp", "u_jis", "ujis"], base: EUC_JP, single: pairs_alone,
        unused: &[([0xad, 0xad], [0xa1, 0xfc]), ([0xf9, 0xfc], [0xa1, 0xfe])],
        changed: &[&[
            (&[0xa1, 0xc1], '\u{301c}', 1), (&[0xa1, 0xc2], '\u{2016}', 1), (&[0xa1, 0xdd], '\u{2212}', 1),
            (&[0xa1, 0xf1], '\u{a2}', 2), (&[0xa2, 0xcc], '\u{ac}', 1), (&[0x8f, 0xa2, 0xb7], '~', 1),
        ]],
        written: YEN_AND_OVERLINE, spells: false,
    },
    Charset {
        names: &["big5", "big5_tw", "csbig5"], base: BIG5, single: pairs_alone,
        unused: &[
            ([0x87, 0xa0], [0x40, 0xfe]), ([0xa3, 0xa3], [0xc0, 0xe1]), ([0xc7, 0xc8], [0xfd, 0xfe]),
            ([0xc8, 0xc8], [0x40, 0xfc]), ([0xf9, 0xfe], [0xd6, 0xfe]), ([0xfa, 0xfe], [0x40, 0xd5]),
        ],
        changed: &[&[
            (&[0xa1, 0x45], '\u{2022}', 1), (&[0xa1, 0x4e], '\u{ff64}', 1), (&[0xa1, 0xc2], '\u{203e}', 1),
            (&[0xa1, 0xe3], '\u{223c}', 1), (&[0xa1, 0xf2], '\u{2641}', 1), (&[0xa1, 0xf3], '\u{2609}', 1),
            (&[0xa2, 0x41], '\u{ff0f}', 1), (&[0xa2, 0x42], '\u{ff3c}', 1), (&[0xa2, 0x44], '\u{a5}', 1),
            (&[0xa2, 0x46], '\u{a2}', 2),
        ], KANA_OF_BIG5],
        written: &[('\u{2550}', &[0xa2, 0xa4]), ('\u{255e}', &[0xa2, 0xa5]), ('\u{2561}', &[0xa2, 0xa7]), ('\u{256a}', &[0xa2, 0xa6]), ('\u{4edd}', &[0xc9, 0x69])], spells: false,
    },
    Charset {
        names: &["cp950", "950", "ms950"], base: BIG5, single: pairs_alone,
        unused: &[
            ([0x87, 0xa0], [0x40, 0xfe]), ([0xa3, 0xa3], [0xc0, 0xe0]), ([0xc7, 0xc8], [0xfd, 0xfe]),
            ([0xc8, 0xc8], [0x40, 0xfc]), ([0xfa, 0xfe], [0x40, 0xfe]),
        ],
        changed: &[KANA_OF_BIG5, &[(&[0xf9, 0xfe], '\u{2593}', 1)]], written: &[('\u{a2}', &[0xa2, 0x46]), ('\u{a3}', &[0xa2, 0x47]), ('\u{a5}', &[0xa2, 0x44]), ('\u{2022}', &[0xa1, 0x45]), ('\u{203e}', &[0xa1, 0xc2]), ('\u{223c}', &[0xa1, 0xe3]), ('\u{2550}', &[0xa2, 0xa4]), ('\u{255e}', &[0xa2, 0xa5]), ('\u{2561}', &[0xa2, 0xa7]), ('\u{256a}', &[0xa2, 0xa6]), ('\u{2609}', &[0xa1, 0xf3]), ('\u{2641}', &[0xa1, 0xf2]), ('\u{4edd}', &[0xc9, 0x69]), ('\u{ff64}', &[0xa1, 0x4e])], spells: false,
    },
    Charset {
        names: &["gb18030", "gb18030_2000"], base: GB18030, single: pairs_alone, unused: &[],
        changed: &[&[
            (&[0x81, 0x35, 0xf4, 0x37], '\u{1e3f}', 1), (&[0xa3, 0xa0], '\u{e5e5}', 1), (&[0xa6, 0xd9], '\u{e78d}', 7),
            (&[0xa6, 0xec], '\u{e794}', 2), (&[0xa6, 0xf3], '\u{e796}', 1), (&[0xa8, 0xbc], '\u{e7c7}', 1),
            (&[0xfe, 0x59], '\u{e81e}', 1), (&[0xfe, 0x61], '\u{e826}', 1), (&[0xfe, 0x66], '\u{e82b}', 2),
            (&[0xfe, 0x6d], '\u{e832}', 1), (&[0xfe, 0x7e], '\u{e843}', 1), (&[0xfe, 0x90], '\u{e854}', 1),
            (&[0xfe, 0xa0], '\u{e864}', 1),
        ]],
        written: &[('\u{9fb4}', &[0x82, 0x35, 0x90, 0x37]), ('\u{9fb5}', &[0x82, 0x35, 0x90, 0x38]), ('\u{9fb6}', &[0x82, 0x35, 0x90, 0x39]), ('\u{9fb7}', &[0x82, 0x35, 0x91, 0x30]), ('\u{9fb8}', &[0x82, 0x35, 0x91, 0x31]), ('\u{9fb9}', &[0x82, 0x35, 0x91, 0x32]), ('\u{9fba}', &[0x82, 0x35, 0x91, 0x33]), ('\u{9fbb}', &[0x82, 0x35, 0x91, 0x34]), ('\u{fe10}', &[0x84, 0x31, 0x82, 0x36]), ('\u{fe11}', &[0x84, 0x31, 0x82, 0x37]), ('\u{fe12}', &[0x84, 0x31, 0x82, 0x38]), ('\u{fe13}', &[0x84, 0x31, 0x82, 0x39]), ('\u{fe14}', &[0x84, 0x31, 0x83, 0x30]), ('\u{fe15}', &[0x84, 0x31, 0x83, 0x31]), ('\u{fe16}', &[0x84, 0x31, 0x83, 0x32]), ('\u{fe17}', &[0x84, 0x31, 0x83, 0x33]), ('\u{fe18}', &[0x84, 0x31, 0x83, 0x34]), ('\u{fe19}', &[0x84, 0x31, 0x83, 0x35])], spells: false,
    },
    Charset {
        names: &[
            "euc_kr", "euckr", "iso_ir_149", "korean", "ks_c_5601", "ks_c_5601_1987", "ks_x_1001", "ksc5601", "ksx1001",
        ],
        base: EUC_KR, single: pairs_alone,
        unused: &[([0x81, 0xa0], [0x41, 0xfe]), ([0xa1, 0xff], [0x41, 0xa0])],
        changed: &[], written: &[], spells: true,
    },
    Charset {
        names: &["cp949", "949", "ms949", "uhc"], base: EUC_KR, single: pairs_alone,
        unused: &[], changed: &[], written: &[], spells: false,
    },
];

const YEN_AND_OVERLINE: &[(char, &[u8])] = &[('\u{a5}', &[0x5c]), ('\u{203e}', &[0x7e])];

/// Kana, Cyrillic and circled digits, which browsers read in the places of Hong Kong.
#[rustfmt::skip]
const KANA_OF_BIG5: &[Run] = &[
    (&[0xc6, 0xa1], '\u{30fe}', 1), (&[0xc6, 0xa2], '\u{309d}', 2), (&[0xc6, 0xa4], '\u{3005}', 1),
    (&[0xc6, 0xa5], '\u{3041}', 83), (&[0xc6, 0xf8], '\u{30a1}', 7), (&[0xc7, 0x40], '\u{30a8}', 63),
    (&[0xc7, 0xa1], '\u{30e7}', 16), (&[0xc7, 0xb1], '\u{414}', 2), (&[0xc7, 0xb3], '\u{401}', 1),
    (&[0xc7, 0xb4], '\u{416}', 7), (&[0xc7, 0xbb], '\u{423}', 19), (&[0xc7, 0xce], '\u{451}', 1),
    (&[0xc7, 0xcf], '\u{436}', 26), (&[0xc7, 0xe9], '\u{2460}', 10), (&[0xc7, 0xf3], '\u{2474}', 10),
];

fn pairs_alone(_: u8) -> Option<Found> {
    None
}

/// The kana of half width.
fn half_width(byte: u8) -> Option<char> {
    char::from_u32(0xff61 + u32::from(byte.checked_sub(0xa1).filter(|at| *at < 63)?))
}

fn shift_jis(byte: u8) -> Option<Found> {
    match byte {
        0x80 | 0xa0 | 0xeb.. => Some(Found::Illegal),
        _ => half_width(byte).map(|c| Found::Char(c, 1)),
    }
}

fn cp932(byte: u8) -> Option<Found> {
    let c = match byte {
        0x80 => '\u{80}',
        0xa0 => '\u{f8f0}',
        0xfd.. => char::from_u32(0xf8f1 + u32::from(byte - 0xfd))?,
        _ => half_width(byte)?,
    };
    Some(Found::Char(c, 1))
}

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
            [byte, ..] if (self.single)(byte).is_some() => (self.single)(byte).unwrap_or(Found::Illegal),
            [_] => Found::Incomplete,
            [0xa4, 0xd4, ..] if self.spells => match bytes.get(..8) {
                Some(spelt) => syllable(spelt).map_or(Found::Illegal, |c| Found::Char(c, 8)),
                None => Found::Incomplete,
            },
            [first, second, ..] => match bytes.get(..self.length(first, second)) {
                Some(several) => self.several(several).map_or(Found::Illegal, |c| Found::Char(c, several.len())),
                None => Found::Incomplete,
            },
        }
    }

    /// How many bytes a character has that these two begin.
    fn length(&self, first: u8, second: u8) -> usize {
        match second {
            _ if self.base == EUC_JP && first == 0x8f => 3,
            b'0'..=b'9' if self.base == GB18030 => 4,
            _ => 2,
        }
    }

    fn several(&self, bytes: &[u8]) -> Option<char> {
        let within = |[low, high]: [u8; 2], byte: u8| (low..=high).contains(&byte);
        if self.unused.iter().any(|&(firsts, seconds)| within(firsts, bytes[0]) && within(seconds, bytes[1])) {
            return None;
        }
        let (last, before) = bytes.split_last()?;
        let run = self.changed.iter().copied().flatten().find_map(|(first, c, count)| {
            let at = last.checked_sub(*first.last()?).filter(|at| at < count && first.starts_with(before))?;
            (first.len() == bytes.len()).then_some(*c as u32 + u32::from(at))
        });
        match run {
            Some(c) => char::from_u32(c),
            None => self.read(bytes),
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
        if let Some(&(_, bytes)) = self.written.iter().find(|(written, _)| *written == c) {
            out.extend(bytes);
            return true;
        }
        let run = self.changed.iter().copied().flatten().find_map(|(first, start, count)| {
            let at = (c as u32).checked_sub(*start as u32).filter(|at| *at < u32::from(*count))?;
            Some((*first, at as u8))
        });
        if let Some((last, before)) = run.and_then(|(first, at)| Some((first.last()? + at, &first[..first.len() - 1])))
        {
            out.extend(before);
            out.push(last);
            return true;
        }
        if let Some(pair) = self.written_by_windows(c) {
            out.extend(pair);
            return true;
        }
        let mut buffer = [0; 4];
        let (bytes, _, unknown) = self.base.encode(c.encode_utf8(&mut buffer));
        if !unknown && (self.first(&bytes) == Found::Char(c, bytes.len()) || self.spells && *bytes == FILLER) {
            out.extend(&*bytes);
            return true;
        }
        if self.base == EUC_JP {
            return self.supplement().get(&c).map(|bytes| out.extend(bytes)).is_some();
        }
        self.spells && spell(c, out)
    }

    /// Where CP932 has a character for users, or one that was added twice: the first place is written.
    fn written_by_windows(&self, c: char) -> Option<[u8; 2]> {
        if self.names[0] != "cp932" {
            return None;
        }
        let pair = |first: u8, at: u32| {
            let trail = at % 188;
            [first + (at / 188) as u8, (0x40 + trail + u32::from(trail >= 63)) as u8]
        };
        if let Some(at) = (c as u32).checked_sub(0xe000).filter(|at| *at < 10 * 188) {
            return Some(pair(0xf0, at));
        }
        let mut buffer = [0; 4];
        let (bytes, ..) = self.base.encode(c.encode_utf8(&mut buffer));
        let added = bytes.len() == 2 && bytes[0] >= 0xfa;
        added.then(|| (0..2 * 188).map(|at| pair(0xed, at)).find(|pair| self.several(pair) == Some(c))).flatten()
    }

    /// The characters of three bytes, which browsers only read.
    fn supplement(&self) -> &'static HashMap<char, [u8; 3]> {
        static CHARACTERS: OnceLock<HashMap<char, [u8; 3]>> = OnceLock::new();
        CHARACTERS.get_or_init(|| {
            let all = (0xa1..=0xfe).flat_map(|second| (0xa1..=0xfe).map(move |third| [0x8f, second, third]));
            all.filter_map(|bytes| Some((self.several(&bytes)?, bytes))).collect()
        })
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
