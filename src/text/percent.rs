//! The `%` operator of `str`: its format strings, and the fields of numbers and texts.
//!
//! Errors come one by one as the pieces are asked for, since CPython reports a missing argument before a mistake further
//! right. `bytes` formats the same way: as a string of the characters U+0000 to U+00FF, turned back at the end.

use num_bigint::BigInt;
use num_traits::Signed;

use super::Fault;
use super::format::{Align, FormatSpec, format_float, push_padded};
use super::int::{MAX_STR_DIGITS, to_decimal};

/// A part of a format string.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Piece<'a> {
    Literal(&'a str),
    Spec(PercentSpec<'a>),
}

/// A width or precision.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Amount {
    #[default]
    None,
    /// `*`: the next argument says it ("* wants int").
    Star,
    Given(usize),
}

/// `%(name)-5.2f`
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PercentSpec<'a> {
    /// The key in parentheses ("format requires a mapping").
    pub name: Option<&'a str>,
    pub flags: Flags,
    pub width: Amount,
    pub precision: Amount,
    pub code: char,
    /// Where the code stands in the format string, in code points.
    pub index: usize,
}

/// The characters between `%` and the width.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Flags {
    /// `-`
    pub left: bool,
    /// `+`
    pub plus: bool,
    pub blank: bool,
    /// `#`
    pub alternate: bool,
    /// `0`
    pub zero: bool,
}

/// A field whose width and precision are known.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Field {
    pub flags: Flags,
    pub width: usize,
    pub precision: Option<usize>,
}

impl PercentSpec<'_> {
    /// The field, given the arguments that the stars took.
    pub fn field(&self, star_width: Option<i64>, star_precision: Option<i64>) -> Field {
        let mut flags = self.flags;
        let width = match (self.width, star_width) {
            (Amount::Given(width), _) => width,
            (Amount::Star, Some(width)) => {
                flags.left |= width < 0;
                width.unsigned_abs() as usize
            }
            _ => 0,
        };
        let precision = match (self.precision, star_precision) {
            (Amount::Given(precision), _) => Some(precision),
            (Amount::Star, Some(precision)) => Some(precision.max(0) as usize),
            _ => None,
        };
        Field { flags, width, precision }
    }

    /// The error for a code that Python does not know; it comes after the argument was taken.
    #[cold]
    pub fn unsupported(&self) -> Fault {
        let code = super::code_point(self.code);
        let shown = if (31..=126).contains(&code) { self.code } else { '?' };
        Fault::value_error(format!("unsupported format character '{shown}' ({code:#x}) at index {}", self.index))
    }
}

/// The pieces of a format string, in order.
pub struct Pieces<'a> {
    text: &'a str,
    /// Bytes consumed.
    at: usize,
}

/// Reads a format string.
pub fn pieces(text: &str) -> Pieces<'_> {
    Pieces { text, at: 0 }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Result<Piece<'a>, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = &self.text[self.at..];
        match rest.find('%') {
            None if rest.is_empty() => None,
            None => {
                self.at = self.text.len();
                Some(Ok(Piece::Literal(rest)))
            }
            Some(0) if rest.as_bytes().get(1) == Some(&b'%') => {
                self.at += 2;
                Some(Ok(Piece::Literal(&rest[..1])))
            }
            Some(0) => {
                self.at += 1;
                let spec = self.spec();
                if spec.is_err() {
                    self.at = self.text.len();
                }
                Some(spec.map(Piece::Spec))
            }
            Some(end) => {
                self.at += end;
                Some(Ok(Piece::Literal(&rest[..end])))
            }
        }
    }
}

impl<'a> Pieces<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn spec(&mut self) -> Result<PercentSpec<'a>, Fault> {
        let name = if self.peek() == Some(b'(') { Some(self.name()?) } else { None };
        let mut flags = Flags::default();
        while let Some(byte) = self.peek() {
            match byte {
                b'-' => flags.left = true,
                b'+' => flags.plus = true,
                b' ' => flags.blank = true,
                b'#' => flags.alternate = true,
                b'0' => flags.zero = true,
                _ => break,
            }
            self.at += 1;
        }
        let width = self.amount(isize::MAX as usize, "width too big")?;
        let mut precision = Amount::None;
        if self.peek() == Some(b'.') {
            self.at += 1;
            precision = match self.amount(i32::MAX as usize, "precision too big")? {
                Amount::None => Amount::Given(0),
                amount => amount,
            };
        }
        if matches!(self.peek(), Some(b'h' | b'l' | b'L')) {
            self.at += 1;
        }
        let Some(code) = self.text[self.at..].chars().next() else {
            return Err(Fault::value_error("incomplete format"));
        };
        let index = self.text[..self.at].chars().count();
        self.at += code.len_utf8();
        Ok(PercentSpec { name, flags, width, precision, code, index })
    }

    /// The text up to the parenthesis that closes the one here.
    fn name(&mut self) -> Result<&'a str, Fault> {
        let start = self.at + 1;
        let mut depth = 0;
        for (at, byte) in self.text.bytes().enumerate().skip(self.at) {
            match byte {
                b'(' => depth += 1,
                b')' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                self.at = at + 1;
                return Ok(&self.text[start..at]);
            }
        }
        Err(Fault::value_error("incomplete format key"))
    }

    fn amount(&mut self, most: usize, too_big: &str) -> Result<Amount, Fault> {
        if self.peek() == Some(b'*') {
            self.at += 1;
            return Ok(Amount::Star);
        }
        let mut amount = None;
        while let Some(byte @ b'0'..=b'9') = self.peek() {
            let longer = amount.unwrap_or(0_usize).checked_mul(10).and_then(|n| n.checked_add((byte - b'0').into()));
            amount = Some(longer.filter(|&n| n <= most).ok_or_else(|| Fault::value_error(too_big))?);
            self.at += 1;
        }
        Ok(amount.map_or(Amount::None, Amount::Given))
    }
}

impl Field {
    fn align(&self) -> Align {
        if self.flags.left { Align::Left } else { Align::Right }
    }

    fn check(&self) -> Result<(), Fault> {
        const MOST: usize = 1 << 32;
        if self.width > MOST || self.precision.is_some_and(|precision| precision > MOST) {
            return Err(Fault::memory_error(""));
        }
        Ok(())
    }
}

/// Appends a character (code `c`), whatever the precision.
pub fn format_percent_char(out: &mut String, c: char, field: &Field) -> Result<(), Fault> {
    format_percent_str(out, c.encode_utf8(&mut [0; 4]), &Field { precision: None, ..*field })
}

/// Appends a text (codes `s`, `r`, `a`).
pub fn format_percent_str(out: &mut String, text: &str, field: &Field) -> Result<(), Fault> {
    field.check()?;
    let end = field.precision.and_then(|precision| text.char_indices().nth(precision));
    push_padded(out, end.map_or(text, |(end, _)| &text[..end]), ' ', field.align(), field.width);
    Ok(())
}

/// Appends an integer (codes `d`, `i`, `u`, `o`, `x`, `X`).
pub fn format_percent_int(out: &mut String, n: i64, code: char, field: &Field) -> Result<(), Fault> {
    let size = n.unsigned_abs();
    let digits = match code {
        'o' => format!("{size:o}"),
        'x' => format!("{size:x}"),
        'X' => format!("{size:X}"),
        _ => size.to_string(),
    };
    push_int(out, n < 0, &digits, code, field)
}

/// Appends a big integer (codes `d`, `i`, `u`, `o`, `x`, `X`).
pub fn format_percent_big(out: &mut String, n: &BigInt, code: char, field: &Field) -> Result<(), Fault> {
    let digits = match code {
        'o' => n.magnitude().to_str_radix(8),
        'x' => n.magnitude().to_str_radix(16),
        'X' => n.magnitude().to_str_radix(16).to_ascii_uppercase(),
        _ => to_decimal(n, MAX_STR_DIGITS)?.trim_start_matches('-').to_owned(),
    };
    push_int(out, n.is_negative(), &digits, code, field)
}

fn push_int(out: &mut String, negative: bool, digits: &str, code: char, field: &Field) -> Result<(), Fault> {
    field.check()?;
    if field.precision.is_some_and(|precision| precision > i32::MAX as usize - 3) {
        return Err(Fault::overflow("precision too large"));
    }
    let prefix = match code {
        _ if !field.flags.alternate => "",
        'o' => "0o",
        'x' => "0x",
        'X' => "0X",
        _ => "",
    };
    let zeros = field.precision.map_or(0, |precision| precision.saturating_sub(digits.len()));
    let body = "0".repeat(zeros) + digits;
    push_number(out, negative, prefix, &body, field);
    Ok(())
}

/// Appends a float (codes `e`, `E`, `f`, `F`, `g`, `G`).
pub fn format_percent_float(out: &mut String, x: f64, code: char, field: &Field) -> Result<(), Fault> {
    field.check()?;
    let spec = FormatSpec {
        alternate: field.flags.alternate,
        precision: Some(field.precision.unwrap_or(6)),
        code: Some(code),
        ..FormatSpec::default()
    };
    let mut body = String::new();
    format_float(&mut body, x, &spec, "float")?;
    let digits = body.trim_start_matches('-');
    push_number(out, digits.len() < body.len(), "", digits, field);
    Ok(())
}

fn push_number(out: &mut String, negative: bool, prefix: &str, digits: &str, field: &Field) {
    let sign = match field.flags {
        _ if negative => "-",
        Flags { plus: true, .. } => "+",
        Flags { blank: true, .. } => " ",
        _ => "",
    };
    let missing = field.width.saturating_sub(sign.len() + prefix.len() + digits.len());
    let zeros = field.flags.zero && !field.flags.left;
    let fill =
        |out: &mut String, c: char, when: bool| out.extend(std::iter::repeat_n(c, if when { missing } else { 0 }));
    fill(out, ' ', !field.flags.left && !zeros);
    out.push_str(sign);
    out.push_str(prefix);
    fill(out, '0', zeros);
    out.push_str(digits);
    fill(out, ' ', field.flags.left);
}
