//! `format()`: the format specification language of `str`, `int`, `float` and `complex`.
//!
//! A specification is parsed once into a [`FormatSpec`], which can be kept. The functions append to a string, so that a
//! formatted string needs no pieces. Numbers are written in place, then grouped and padded where they stand.

use std::fmt::Write;

use num_bigint::BigInt;
use num_traits::{Signed, ToPrimitive};

use super::float::big_to_f64;
use super::int::{MAX_STR_DIGITS, to_decimal};
use super::unicode::decimal_value;
use super::{Fault, from_code_point};

pub use super::floatformat::{format_complex, format_float};

/// Where a text stands in a field that is wider.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Align {
    Left,
    Right,
    Center,
    /// Padding goes between the sign and the digits.
    Number,
}

impl Align {
    fn from_char(c: char) -> Option<Align> {
        match c {
            '<' => Some(Align::Left),
            '>' => Some(Align::Right),
            '^' => Some(Align::Center),
            '=' => Some(Align::Number),
            _ => None,
        }
    }
}

/// What stands after the colon of a replacement field.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FormatSpec {
    pub fill: Option<char>,
    pub align: Option<Align>,
    /// `+`, `-` or a blank.
    pub sign: Option<char>,
    /// `z`: no negative zero.
    pub no_negative_zero: bool,
    /// `#`
    pub alternate: bool,
    /// `0` before the width.
    pub zero: bool,
    pub width: usize,
    /// `,` or `_`
    pub grouping: Option<char>,
    pub precision: Option<usize>,
    /// The type: the last letter.
    pub code: Option<char>,
}

/// Wider fields are refused as too large for the memory.
const MAX_WIDTH: usize = 1 << 32;

impl FormatSpec {
    /// Parses a specification; the name of the value's type is for the error.
    pub fn parse(text: &str, type_name: &str) -> Result<FormatSpec, Fault> {
        let mut spec = FormatSpec::default();
        let mut rest = text.chars();
        let eat = |rest: &mut std::str::Chars<'_>, wanted: char| {
            let found = rest.clone().next() == Some(wanted);
            if found {
                rest.next();
            }
            found
        };
        let mut ahead = rest.clone();
        let (first, second) = (ahead.next(), ahead.next());
        if let Some(align) = second.and_then(Align::from_char) {
            spec.fill = first;
            spec.align = Some(align);
            rest = ahead;
        } else if let Some(align) = first.and_then(Align::from_char) {
            spec.align = Some(align);
            rest.next();
        }
        if let Some(sign @ ('+' | '-' | ' ')) = rest.clone().next() {
            spec.sign = Some(sign);
            rest.next();
        }
        spec.no_negative_zero = eat(&mut rest, 'z');
        spec.alternate = eat(&mut rest, '#');
        spec.zero = spec.fill.is_none() && eat(&mut rest, '0');
        spec.width = number(&mut rest)?.unwrap_or(0);
        for separator in [',', '_', ','] {
            let both = spec.grouping.is_some_and(|found| found != separator);
            if (spec.grouping.is_none() || both) && eat(&mut rest, separator) {
                if both {
                    return Err(Fault::value_error("Cannot specify both ',' and '_'."));
                }
                spec.grouping = Some(separator);
            }
        }
        if eat(&mut rest, '.') {
            let missing = || Fault::value_error("Format specifier missing precision");
            spec.precision = Some(number(&mut rest)?.ok_or_else(missing)?);
        }
        spec.code = rest.next();
        if rest.next().is_some() {
            return Err(Fault::value_error(format!(
                "Invalid format specifier '{text}' for object of type '{type_name}'"
            )));
        }
        if let (Some(separator), Some(code)) = (spec.grouping, spec.code) {
            let decimal = matches!(code, 'd' | 'e' | 'f' | 'g' | 'E' | 'G' | '%' | 'F');
            let binary = separator == '_' && matches!(code, 'b' | 'o' | 'x' | 'X');
            if !decimal && !binary {
                return Err(cannot_group(separator, code));
            }
        }
        Ok(spec)
    }

    pub(super) fn fill(&self) -> char {
        self.fill.unwrap_or(if self.zero { '0' } else { ' ' })
    }

    fn number_align(&self) -> Align {
        self.align.unwrap_or(if self.zero { Align::Number } else { Align::Right })
    }

    /// How many characters it asks for.
    pub fn size(&self) -> usize {
        self.width.max(self.precision.unwrap_or(0))
    }

    pub(super) fn check_width(&self) -> Result<(), Fault> {
        if self.size() > MAX_WIDTH { Err(Fault::memory_error("")) } else { Ok(()) }
    }
}

/// Takes the number that the decimal digits at the beginning spell.
pub(super) fn number(rest: &mut std::str::Chars<'_>) -> Result<Option<usize>, Fault> {
    let mut value: Option<usize> = None;
    while let Some(digit) = rest.clone().next().and_then(decimal_value) {
        rest.next();
        let longer = value.unwrap_or(0).checked_mul(10).and_then(|n| n.checked_add(digit.into()));
        match longer {
            Some(n) if n <= isize::MAX as usize => value = longer,
            _ => return Err(Fault::value_error("Too many decimal digits in format string")),
        }
    }
    Ok(value)
}

#[cold]
fn cannot_group(separator: char, code: char) -> Fault {
    Fault::value_error(format!("Cannot specify '{separator}' with {}.", quoted_code(code)))
}

/// `Unknown format code 'd' for object of type 'str'`
#[cold]
pub fn unknown_code(code: char, type_name: &str) -> Fault {
    Fault::value_error(format!("Unknown format code {} for object of type '{type_name}'", quoted_code(code)))
}

fn quoted_code(code: char) -> String {
    if ('!'..'\u{80}').contains(&code) { format!("'{code}'") } else { format!("'\\x{:x}'", super::code_point(code)) }
}

/// Appends `format(text, spec)` of a string.
pub fn format_str(out: &mut String, text: &str, spec: &FormatSpec, type_name: &str) -> Result<(), Fault> {
    if let Some(code) = spec.code.filter(|&code| code != 's') {
        return Err(unknown_code(code, type_name));
    }
    let refuse = |message: &str| Err(Fault::value_error(message));
    match spec.sign {
        _ if spec.grouping.is_some() => return Err(cannot_group(spec.grouping.unwrap_or(','), 's')),
        Some(' ') => return refuse("Space not allowed in string format specifier"),
        Some(_) => return refuse("Sign not allowed in string format specifier"),
        None => {}
    }
    if spec.no_negative_zero {
        return refuse("Negative zero coercion (z) not allowed in string format specifier");
    }
    if spec.alternate {
        return refuse("Alternate form (#) not allowed in string format specifier");
    }
    let align = spec.align.unwrap_or(Align::Left);
    if align == Align::Number {
        return refuse("'=' alignment not allowed in string format specifier");
    }
    let text = match spec.precision.and_then(|precision| text.char_indices().nth(precision)) {
        Some((end, _)) => &text[..end],
        None => text,
    };
    if spec.width == 0 {
        out.push_str(text);
        return Ok(());
    }
    if spec.width > MAX_WIDTH {
        return Err(Fault::memory_error(""));
    }
    push_padded(out, text, spec.fill(), align, spec.width);
    Ok(())
}

/// Appends a text in a field at least `width` characters wide.
pub fn push_padded(out: &mut String, text: &str, fill: char, align: Align, width: usize) {
    // No text has more characters than bytes.
    let missing = if text.len() >= width && text.is_ascii() { 0 } else { width.saturating_sub(text.chars().count()) };
    let left = match align {
        Align::Left => 0,
        Align::Center => missing / 2,
        Align::Right | Align::Number => missing,
    };
    push_fill(out, fill, left);
    out.push_str(text);
    push_fill(out, fill, missing - left);
}

pub(super) fn push_fill(out: &mut String, fill: char, count: usize) {
    out.extend(std::iter::repeat_n(fill, count));
}

/// Appends `format(n, spec)` of an inline integer.
pub fn format_int(out: &mut String, n: i64, spec: &FormatSpec, type_name: &str) -> Result<(), Fault> {
    let plain = matches!(spec.code, None | Some('d'))
        && spec.grouping.is_none()
        && spec.precision.is_none()
        && spec.width <= 64
        && !spec.no_negative_zero;
    if !plain {
        return format_int_parts(out, n < 0, n.unsigned_abs().into(), spec, type_name);
    }
    let mut buffer = [0; 20];
    let digits = decimal_digits(n.unsigned_abs(), &mut buffer);
    let sign = sign_of(n < 0, spec.sign);
    let missing = spec.width.saturating_sub(digits.len() + usize::from(sign.is_some()));
    let (fill, align) = (spec.fill(), spec.number_align());
    let left = match align {
        Align::Left | Align::Number => 0,
        Align::Center => missing / 2,
        Align::Right => missing,
    };
    push_fill(out, fill, left);
    out.extend(sign);
    if align == Align::Number {
        push_fill(out, fill, missing);
    }
    out.push_str(digits);
    if matches!(align, Align::Left | Align::Center) {
        push_fill(out, fill, missing - left);
    }
    Ok(())
}

/// Appends `format(n, spec)` of a big integer.
pub fn format_big(out: &mut String, n: &BigInt, spec: &FormatSpec, type_name: &str) -> Result<(), Fault> {
    format_int_parts(out, n.is_negative(), Size::Big(n), spec, type_name)
}

pub(super) fn sign_of(negative: bool, wanted: Option<char>) -> Option<char> {
    if negative { Some('-') } else { wanted.filter(|&sign| sign != '-') }
}

pub(super) fn decimal_digits(mut n: u64, buffer: &mut [u8; 20]) -> &str {
    let mut at = buffer.len();
    loop {
        at -= 1;
        buffer[at] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    std::str::from_utf8(&buffer[at..]).unwrap_or("0")
}

/// The size of an integer, whose sign is known.
#[derive(Clone, Copy)]
enum Size<'a> {
    Small(u64),
    Big(&'a BigInt),
}

impl From<u64> for Size<'_> {
    fn from(n: u64) -> Self {
        Size::Small(n)
    }
}

fn format_int_parts(
    out: &mut String,
    negative: bool,
    size: Size<'_>,
    spec: &FormatSpec,
    type_name: &str,
) -> Result<(), Fault> {
    let code = spec.code.unwrap_or('d');
    let (radix, prefix) = match code {
        'd' | 'n' | 'c' => (10, ""),
        'b' => (2, "0b"),
        'o' => (8, "0o"),
        'x' => (16, "0x"),
        'X' => (16, "0X"),
        'e' | 'E' | 'f' | 'F' | 'g' | 'G' | '%' => {
            let x = match size {
                Size::Small(n) if negative => -(n as f64),
                Size::Small(n) => n as f64,
                Size::Big(n) => big_to_f64(n)?,
            };
            return format_float(out, x, spec, type_name);
        }
        _ => return Err(unknown_code(code, type_name)),
    };
    let refuse = |message: &str| Err(Fault::value_error(message));
    if spec.precision.is_some() {
        return refuse("Precision not allowed in integer format specifier");
    }
    if spec.no_negative_zero {
        return refuse("Negative zero coercion (z) not allowed in integer format specifier");
    }
    spec.check_width()?;
    if code == 'c' {
        if spec.sign.is_some() {
            return refuse("Sign not allowed with integer format specifier 'c'");
        }
        if spec.alternate {
            return refuse("Alternate form (#) not allowed with integer format specifier 'c'");
        }
        let c = char_of(negative, size)?;
        push_padded(out, c.encode_utf8(&mut [0; 4]), spec.fill(), spec.number_align(), spec.width);
        return Ok(());
    }
    let start = out.len();
    out.extend(sign_of(negative, spec.sign));
    if spec.alternate {
        out.push_str(prefix);
    }
    let digits = out.len();
    push_digits_in(out, size, radix, code == 'X')?;
    lay_out(out, [start, digits, out.len()], spec, if radix == 10 { 3 } else { 4 });
    Ok(())
}

fn push_digits_in(out: &mut String, size: Size<'_>, radix: u32, upper: bool) -> Result<(), Fault> {
    let at = out.len();
    let written = match (size, radix) {
        (Size::Small(n), 2) => write!(out, "{n:b}"),
        (Size::Small(n), 8) => write!(out, "{n:o}"),
        (Size::Small(n), 16) => write!(out, "{n:x}"),
        (Size::Small(n), _) => write!(out, "{n}"),
        (Size::Big(n), 10) => {
            out.push_str(to_decimal(n, MAX_STR_DIGITS)?.trim_start_matches('-'));
            Ok(())
        }
        (Size::Big(n), _) => {
            out.push_str(&n.magnitude().to_str_radix(radix));
            Ok(())
        }
    };
    debug_assert!(written.is_ok(), "a String takes everything");
    if upper {
        out[at..].make_ascii_uppercase();
    }
    Ok(())
}

fn char_of(negative: bool, size: Size<'_>) -> Result<char, Fault> {
    let n = match size {
        Size::Small(n) => Some(n),
        Size::Big(n) => n.magnitude().to_u64(),
    };
    let fits = n.is_some_and(|n| n <= if negative { 1 << 63 } else { i64::MAX as u64 });
    if !fits {
        return Err(Fault::overflow("Python int too large to convert to C long"));
    }
    let point = n.filter(|_| !negative || n == Some(0)).and_then(|n| u32::try_from(n).ok());
    point.and_then(from_code_point).ok_or_else(|| Fault::overflow("%c arg not in range(0x110000)"))
}

/// Groups and pads the number at the end of `out`. It begins with a sign and a prefix at the first of three positions,
/// its digits begin at the second, the digits of its whole part end at the third.
pub(super) fn lay_out(out: &mut String, [start, digits, whole_end]: [usize; 3], spec: &FormatSpec, group: usize) {
    let (fill, align) = (spec.fill(), spec.number_align());
    if let Some(separator) = spec.grouping.filter(|_| whole_end > digits) {
        let rest = out.split_off(whole_end);
        let whole = out.split_off(digits);
        let zeros = fill == '0' && align == Align::Number;
        let width = if zeros { spec.width.saturating_sub(digits - start + rest.len()) } else { 0 };
        push_grouped(out, &whole, separator, group, width);
        out.push_str(&rest);
    }
    let missing = spec.width.saturating_sub(out.len() - start);
    if missing == 0 {
        return;
    }
    let (at, left) = match align {
        Align::Left => (start, 0),
        Align::Right => (start, missing),
        Align::Center => (start, missing / 2),
        Align::Number => (digits, missing),
    };
    if left > 0 {
        let rest = out.split_off(at);
        push_fill(out, fill, left);
        out.push_str(&rest);
    }
    push_fill(out, fill, missing - left);
}

/// Appends digits with separators, with as many zeros in front as fill the width; a separator never comes first.
fn push_grouped(out: &mut String, digits: &str, separator: char, group: usize, width: usize) {
    let grouped = |count: usize| count + count.saturating_sub(1) / group;
    let mut count = digits.len();
    if grouped(count) < width {
        // Of every group + 1 places one is a separator.
        count = count.max(width / (group + 1) * group);
        while grouped(count) < width {
            count += 1;
        }
    }
    let zeros = std::iter::repeat_n('0', count - digits.len());
    for (place, digit) in (0..count).rev().zip(zeros.chain(digits.chars())) {
        out.push(digit);
        if place > 0 && place % group == 0 {
            out.push(separator);
        }
    }
}
