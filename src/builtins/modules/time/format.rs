//! `strftime`, as the C library of Linux does it in the C locale.

use std::fmt::Write;

use super::calendar::{Fields, day_number, iso_calendar};

pub(crate) const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
pub(crate) const MONTHS: [&str; 12] = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
];

pub(crate) fn day_name(weekday: i64) -> &'static str {
    DAYS[weekday.rem_euclid(7) as usize]
}

pub(crate) fn month_name(month: i64) -> &'static str {
    MONTHS[(month - 1).rem_euclid(12) as usize]
}

/// A number with the padding that a flag asks for, or its usual one.
fn push_number(out: &mut String, n: i64, width: usize, usual: char, flag: Option<char>) {
    // Writing to a string cannot fail.
    let _ = match flag.unwrap_or(if usual == ' ' { '_' } else { '0' }) {
        '-' => write!(out, "{n}"),
        '_' => write!(out, "{n:width$}"),
        _ => write!(out, "{n:0width$}"),
    };
}

/// `+hhmm`, with seconds if there are any.
pub(crate) fn offset_text(offset: i64, separator: &str) -> String {
    let (sign, whole) = if offset < 0 { ('-', -offset) } else { ('+', offset) };
    let mut text = format!("{sign}{:02}{separator}{:02}", whole / 3600, whole / 60 % 60);
    if whole % 60 != 0 {
        let _ = write!(text, "{separator}{:02}", whole % 60);
    }
    text
}

/// `strftime(format, fields)`.
pub(crate) fn strftime(format: &str, t: &Fields) -> String {
    let mut out = String::with_capacity(format.len() * 2);
    push(&mut out, format, t);
    out
}

fn push(out: &mut String, format: &str, t: &Fields) {
    let mut chars = format.char_indices().peekable();
    while let Some((start, c)) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let (mut flag, mut upper) = (None, false);
        while let Some(&(_, next @ ('-' | '_' | '0' | '^' | '#'))) = chars.peek() {
            match next {
                '^' | '#' => upper = true,
                other => flag = Some(other),
            }
            chars.next();
        }
        while matches!(chars.peek(), Some((_, 'E' | 'O'))) {
            chars.next();
        }
        let Some((_, code)) = chars.next() else {
            out.push_str(&format[start..]);
            return;
        };
        let begin = out.len();
        if !push_code(out, code, flag, t) {
            let end = chars.peek().map_or(format.len(), |(at, _)| *at);
            out.push_str(&format[start..end]);
        } else if upper {
            let shown = out.split_off(begin);
            out.push_str(&shown.to_uppercase());
        }
    }
}

/// Appends what a directive stands for; `false` if there is none of that letter.
fn push_code(out: &mut String, code: char, flag: Option<char>, t: &Fields) -> bool {
    let hour12 = (t.hour + 11).rem_euclid(12) + 1;
    let sunday_first = (t.weekday + 1) % 7;
    match code {
        'a' => out.push_str(&day_name(t.weekday)[..3]),
        'A' => out.push_str(day_name(t.weekday)),
        'b' | 'h' => out.push_str(&month_name(t.month)[..3]),
        'B' => out.push_str(month_name(t.month)),
        'c' => push(out, "%a %b %e %H:%M:%S %Y", t),
        'C' => push_number(out, t.year.div_euclid(100), 2, '0', flag),
        'd' => push_number(out, t.day, 2, '0', flag),
        'D' | 'x' => push(out, "%m/%d/%y", t),
        'e' => push_number(out, t.day, 2, ' ', flag),
        'F' => push(out, "%Y-%m-%d", t),
        'G' => push_number(out, iso_calendar(t.year, t.month, t.day).0, 1, '0', flag),
        'g' => push_number(out, iso_calendar(t.year, t.month, t.day).0.rem_euclid(100), 2, '0', flag),
        'H' => push_number(out, t.hour, 2, '0', flag),
        'I' => push_number(out, hour12, 2, '0', flag),
        'j' => push_number(out, t.yearday, 3, '0', flag),
        'k' => push_number(out, t.hour, 2, ' ', flag),
        'l' => push_number(out, hour12, 2, ' ', flag),
        'm' => push_number(out, t.month, 2, '0', flag),
        'M' => push_number(out, t.minute, 2, '0', flag),
        'n' => out.push('\n'),
        'p' => out.push_str(if t.hour >= 12 { "PM" } else { "AM" }),
        'P' => out.push_str(if t.hour >= 12 { "pm" } else { "am" }),
        'r' => push(out, "%I:%M:%S %p", t),
        'R' => push(out, "%H:%M", t),
        's' => {
            let days = day_number(t.year, t.month, t.day);
            let seconds = days * 86_400 + t.hour * 3600 + t.minute * 60 + t.second - t.offset.unwrap_or(0);
            push_number(out, seconds, 1, '0', flag);
        }
        'S' => push_number(out, t.second, 2, '0', flag),
        't' => out.push('\t'),
        'T' | 'X' => push(out, "%H:%M:%S", t),
        'u' => push_number(out, if sunday_first == 0 { 7 } else { sunday_first }, 1, '0', flag),
        'U' => push_number(out, (t.yearday + 6 - sunday_first) / 7, 2, '0', flag),
        'V' => push_number(out, iso_calendar(t.year, t.month, t.day).1, 2, '0', flag),
        'w' => push_number(out, sunday_first, 1, '0', flag),
        'W' => push_number(out, (t.yearday + 6 - t.weekday) / 7, 2, '0', flag),
        'y' => push_number(out, t.year.rem_euclid(100), 2, '0', flag),
        'Y' => push_number(out, t.year, 1, '0', flag),
        'z' => out.push_str(&offset_text(t.offset.unwrap_or(0), "")),
        'Z' => out.push_str(t.zone.as_deref().unwrap_or("UTC")),
        '%' => out.push('%'),
        _ => return false,
    }
    true
}
