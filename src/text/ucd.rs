//! What the module `unicodedata` says of characters, read from `ucd.bin`, which tables.py writes.
//!
//! The file is unpacked when first asked for; programs that never ask pay nothing but its size.

use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;

/// What characters of a kind have in common.
pub struct Properties {
    pub category: &'static str,
    pub bidirectional: &'static str,
    pub width: &'static str,
    pub combining: u8,
    pub mirrored: bool,
}

struct Decomposition {
    of: u32,
    tag: usize,
    parts: Vec<u32>,
}

struct Data {
    classes: Vec<Properties>,
    /// First character of each run, and its class.
    runs: Vec<(u32, usize)>,
    /// First character of each run of values that go up by one, how many there are, and the first value.
    numbers: Vec<(u32, u32, f64)>,
    tags: Vec<&'static str>,
    decompositions: Vec<Decomposition>,
}

/// The rest of the file.
struct Reader(&'static [u8]);

impl Reader {
    fn take(&mut self, count: usize) -> &'static [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn number(&mut self) -> u32 {
        let (mut n, mut shift) = (0, 0);
        while let [byte] = *self.take(1) {
            n |= u32::from(byte & 0x7F) << shift;
            shift += 7;
            if byte < 0x80 {
                break;
            }
        }
        n
    }

    fn text(&mut self) -> &'static str {
        let len = self.number() as usize;
        std::str::from_utf8(self.take(len)).unwrap_or_default()
    }

    fn list<T>(&mut self, mut item: impl FnMut(&mut Reader) -> T) -> Vec<T> {
        (0..self.number()).map(|_| item(self)).collect()
    }

    /// Items that each begin with how far on from the one before they are.
    fn ascending<T>(&mut self, mut item: impl FnMut(&mut Reader, u32) -> T) -> Vec<T> {
        let mut at = 0;
        self.list(|reader| {
            at += reader.number();
            item(reader, at)
        })
    }
}

static DATA: LazyLock<Data> = LazyLock::new(|| {
    let mut file = Reader(include_bytes!("ucd.bin"));
    Data {
        classes: file.list(|file| {
            let (category, bidirectional, width) = (file.text(), file.text(), file.text());
            let last = file.number();
            Properties { category, bidirectional, width, combining: (last >> 1) as u8, mirrored: last & 1 == 1 }
        }),
        runs: file.ascending(|file, c| (c, file.number() as usize)),
        numbers: file.ascending(|file, c| {
            let count = file.number();
            let value = file.take(8).try_into().map_or(0.0, f64::from_le_bytes);
            (c, count, value)
        }),
        tags: file.list(Reader::text),
        decompositions: file.ascending(|file, of| Decomposition {
            of,
            tag: file.number() as usize,
            parts: file.list(|file| {
                let away = file.number();
                if away & 1 == 1 { of - (away >> 1) } else { of + (away >> 1) }
            }),
        }),
    }
});

/// What is known of a code point.
pub fn properties(code: u32) -> &'static Properties {
    let run = DATA.runs.partition_point(|&(first, _)| first <= code);
    &DATA.classes[DATA.runs[run.saturating_sub(1)].1]
}

/// The value of a character that is a number.
pub fn numeric(code: u32) -> Option<f64> {
    let run = DATA.numbers.partition_point(|&(first, _, _)| first <= code).checked_sub(1)?;
    let (first, count, value) = DATA.numbers[run];
    (code - first < count).then(|| value + f64::from(code - first))
}

/// `<compat> 0020 0301`; nothing for a character that is not made of others.
pub fn decomposition(code: u32) -> String {
    let Ok(at) = DATA.decompositions.binary_search_by_key(&code, |found| found.of) else { return String::new() };
    let found = &DATA.decompositions[at];
    let tag = Some(DATA.tags[found.tag].to_owned()).filter(|tag| !tag.is_empty());
    tag.into_iter().chain(found.parts.iter().map(|part| format!("{part:04X}"))).collect::<Vec<_>>().join(" ")
}

/// The name of a character that has one.
pub fn name(code: u32) -> Option<String> {
    let c = char::from_u32(code).filter(|_| !matches!(properties(code).category, "Cn" | "Cc" | "Co" | "Cs"))?;
    unicode_names2::name(c).map(|name| name.to_string())
}

/// The character of a name, written with its spaces and hyphens.
pub fn named(name: &str) -> Option<char> {
    let plain = |text: &str| text.replace([' ', '-', '_'], "").to_uppercase();
    let c = unicode_names2::character(name)?;
    let full = unicode_names2::name(c).map(|full| full.to_string());
    // An alias is none of its spellings.
    let other = full.is_none_or(|full| full == name.to_uppercase() || plain(&full) != plain(name));
    Some(c).filter(|_| other && name.trim() == name)
}

/// Text in a normal form; `None` for a form that there is not.
pub fn normalize(form: &str, text: &str, most: usize) -> Option<String> {
    Some(match form {
        "NFC" => gathered(text.nfc(), most),
        "NFD" => gathered(text.nfd(), most),
        "NFKC" => gathered(text.nfkc(), most),
        "NFKD" => gathered(text.nfkd(), most),
        _ => return None,
    })
}

/// As much of a text as can be had: one character may become eighteen.
fn gathered(chars: impl Iterator<Item = char>, most: usize) -> String {
    let mut out = String::new();
    for c in chars {
        out.push(c);
        if out.len() > most {
            break;
        }
    }
    out
}
