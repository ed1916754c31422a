//! `strptime`: a format is a pattern, matched with backtracking as the regular expression it stands for would be.

use super::calendar::{Fields, date_of, day_number, days_before_month, is_leap, iso_calendar, weekday_of};
use super::format::{DAYS, MONTHS};

/// What `strptime` finds besides the fields.
pub(crate) struct Parsed {
    pub fields: Fields,
    /// A day of a month was given but no year: Python warns that this is ambiguous.
    pub dayless_year: bool,
    /// `%f`, and what `%z` has below a second.
    pub micros: i64,
    pub offset_micros: i64,
}

enum Piece {
    Literal(char),
    /// One or more spaces.
    Space,
    Directive(char),
}

/// Reads a text by a format; the message of a `ValueError` if it does not fit.
pub(crate) fn strptime(text: &str, format: &str) -> Result<Parsed, String> {
    let pieces = pieces(format)?;
    let chars: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let no_match = || {
        let (text, format) = (crate::text::repr::str_repr(text), crate::text::repr::str_repr(format));
        format!("time data {text} does not match format {format}")
    };
    let Some(end) = fit(&pieces, &chars, 0, &mut found) else { return Err(no_match()) };
    if end != chars.len() {
        return Err(format!("unconverted data remains: {}", chars[end..].iter().collect::<String>()));
    }
    let groups: Vec<(char, String)> =
        found.into_iter().map(|(code, start, end)| (code, chars[start..end].iter().collect())).collect();
    assemble(&groups)
}

fn pieces(format: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut seen = Vec::new();
    push_pieces(&mut pieces, &mut seen, format, format)?;
    Ok(pieces)
}

fn push_pieces(pieces: &mut Vec<Piece>, seen: &mut Vec<char>, format: &str, whole: &str) -> Result<(), String> {
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c.is_whitespace() {
            if !matches!(pieces.last(), Some(Piece::Space)) {
                pieces.push(Piece::Space);
            }
            continue;
        }
        if c != '%' {
            pieces.push(Piece::Literal(c));
            continue;
        }
        let whole_repr = || crate::text::repr::str_repr(whole);
        let Some(code) = chars.next() else { return Err(format!("stray % in format {}", whole_repr())) };
        match code {
            '%' => pieces.push(Piece::Literal('%')),
            'c' => push_pieces(pieces, seen, "%a %b %d %H:%M:%S %Y", whole)?,
            'x' => push_pieces(pieces, seen, "%m/%d/%y", whole)?,
            'X' => push_pieces(pieces, seen, "%H:%M:%S", whole)?,
            'd' | 'f' | 'H' | 'I' | 'G' | 'j' | 'm' | 'M' | 'S' | 'U' | 'w' | 'u' | 'V' | 'y' | 'Y' | 'z' | 'A'
            | 'a' | 'B' | 'b' | 'p' | 'Z' | 'W' => {
                if seen.contains(&code) {
                    return Err(format!("redefinition of group name '{code}' as group {}", seen.len() + 1));
                }
                seen.push(code);
                pieces.push(Piece::Directive(code));
            }
            other => return Err(format!("'{other}' is a bad directive in format {}", whole_repr())),
        }
    }
    Ok(())
}

/// Matches the pieces from a position on; where the match ends.
fn fit(pieces: &[Piece], text: &[char], at: usize, found: &mut Vec<(char, usize, usize)>) -> Option<usize> {
    let Some((piece, rest)) = pieces.split_first() else { return Some(at) };
    match piece {
        Piece::Literal(c) => {
            let next = *text.get(at)?;
            let same = next == *c || next.to_lowercase().eq(c.to_lowercase());
            if same { fit(rest, text, at + 1, found) } else { None }
        }
        Piece::Space => {
            let run = text[at..].iter().take_while(|c| c.is_whitespace()).count();
            (1..=run).rev().find_map(|len| fit(rest, text, at + len, found))
        }
        Piece::Directive(code) => {
            let mark = found.len();
            for len in lengths(*code, &text[at..]) {
                found.push((*code, at, at + len));
                if let Some(end) = fit(rest, text, at + len, found) {
                    return Some(end);
                }
                found.truncate(mark);
            }
            None
        }
    }
}

/// How many characters a directive can take here, the preferred number first.
fn lengths(code: char, text: &[char]) -> Vec<usize> {
    let digit = |at: usize| text.get(at).and_then(|c| c.to_digit(10));
    // Numbers of up to `most` digits in a range, the longest first.
    let number = |most: usize, low: u32, high: u32| {
        let mut found = Vec::new();
        for len in (1..=most).rev() {
            let value = (0..len).try_fold(0, |sum, at| digit(at).map(|d| sum * 10 + d));
            if value.is_some_and(|value| (low..=high).contains(&value)) {
                found.push(len);
            }
        }
        found
    };
    let names = |names: &mut dyn Iterator<Item = &str>| {
        let mut found: Vec<usize> = names
            .filter(|name| {
                let len = name.chars().count();
                text.len() >= len && text[..len].iter().collect::<String>().to_lowercase() == name.to_lowercase()
            })
            .map(|name| name.chars().count())
            .collect();
        found.sort_unstable_by(|a, b| b.cmp(a));
        found
    };
    match code {
        'd' => {
            let mut found = number(2, 1, 31);
            if text.first() == Some(&' ') && digit(1).is_some_and(|d| d > 0) {
                found.push(2);
            }
            found
        }
        'f' => {
            let run = (0..6).take_while(|&at| digit(at).is_some()).count();
            (1..=run).rev().collect()
        }
        'H' => number(2, 0, 23),
        'I' => number(2, 1, 12),
        'j' => number(3, 1, 366),
        'm' => number(2, 1, 12),
        'M' => number(2, 0, 59),
        'S' => number(2, 0, 61),
        'U' | 'W' => number(2, 0, 53),
        'V' => number(2, 1, 53).into_iter().chain(number(1, 0, 0)).collect(),
        'w' => number(1, 0, 6),
        'u' => number(1, 1, 7),
        'y' => {
            if (0..2).all(|at| digit(at).is_some()) {
                vec![2]
            } else {
                Vec::new()
            }
        }
        'Y' | 'G' => {
            if (0..4).all(|at| digit(at).is_some()) {
                vec![4]
            } else {
                Vec::new()
            }
        }
        'A' => names(&mut DAYS.iter().copied()),
        'a' => names(&mut DAYS.iter().map(|day| &day[..3])),
        'B' => names(&mut MONTHS.iter().copied()),
        'b' => names(&mut MONTHS.iter().map(|month| &month[..3])),
        'p' => names(&mut ["AM", "PM"].into_iter()),
        'Z' => names(&mut ["UTC", "GMT"].into_iter()),
        'z' => offset_lengths(text),
        _ => Vec::new(),
    }
}

/// `[+-]hh[:]mm[[:]ss[.ffffff]]` or `Z`.
fn offset_lengths(text: &[char]) -> Vec<usize> {
    let digits = |at: usize| at + 1 < text.len() && text[at].is_ascii_digit() && text[at + 1].is_ascii_digit();
    let sixty = |at: usize| digits(at) && text[at] < '6';
    let colon = |at: usize| usize::from(text.get(at) == Some(&':'));
    match text.first() {
        Some('Z' | 'z') => return vec![1],
        Some('+' | '-') => {}
        _ => return Vec::new(),
    }
    if !digits(1) {
        return Vec::new();
    }
    let minutes = 3 + colon(3);
    if !sixty(minutes) {
        return Vec::new();
    }
    let mut found = vec![minutes + 2];
    let seconds = minutes + 2 + colon(minutes + 2);
    if sixty(seconds) {
        found.insert(0, seconds + 2);
        let fraction = text.iter().skip(seconds + 3).take(6).take_while(|c| c.is_ascii_digit()).count();
        if text.get(seconds + 2) == Some(&'.') && fraction > 0 {
            found.insert(0, seconds + 3 + fraction);
        }
    }
    found
}

fn assemble(groups: &[(char, String)]) -> Result<Parsed, String> {
    let text = |code: char| groups.iter().find(|(c, _)| *c == code).map(|(_, text)| text.as_str());
    let int = |code: char| text(code).and_then(|t| t.trim_start().parse::<i64>().ok());
    let index = |code: char, names: &[&str], len: usize| {
        let wanted = text(code)?.to_lowercase();
        names.iter().position(|name| name.to_lowercase()[..len.min(name.len())] == wanted).map(|at| at as i64)
    };
    let mut year = int('Y');
    if let Some(y) = int('y') {
        year = Some(if y <= 68 { 2000 + y } else { 1900 + y });
    }
    let month = int('m').or(index('B', &MONTHS, 99).map(|m| m + 1)).or(index('b', &MONTHS, 3).map(|m| m + 1));
    let day = int('d');
    let hour = match int('I') {
        Some(hour) => {
            let evening = text('p').is_some_and(|p| p.eq_ignore_ascii_case("pm"));
            hour % 12 + if evening { 12 } else { 0 }
        }
        None => int('H').unwrap_or(0),
    };
    let mut weekday = index('A', &DAYS, 99).or(index('a', &DAYS, 3));
    if let Some(w) = int('w') {
        weekday = Some((w + 6) % 7);
    }
    if let Some(u) = int('u') {
        weekday = Some(u - 1);
    }
    let mut yearday = int('j');
    let week = int('U').map(|week| (week, false)).or(int('W').map(|week| (week, true)));
    let (iso_year, iso_week) = (int('G'), int('V'));
    check_iso(iso_year, iso_week, year, yearday, weekday)?;
    let dayless_year = year.is_none() && day.is_some() && iso_year.is_none();
    let mut leap_fix = false;
    if year.is_none() && month == Some(2) && day == Some(29) {
        year = Some(1904);
        leap_fix = true;
    }
    let known_year = year;
    let mut year = year.unwrap_or(1900);
    let (mut month_, mut day_) = (month.unwrap_or(1), day.unwrap_or(1));
    if yearday.is_none() {
        if let (Some(weekday), Some((week, monday_first))) = (weekday, week) {
            if known_year.is_some() {
                let first = weekday_of(day_number(year, 1, 1));
                let (first, weekday) =
                    if monday_first { (first, weekday) } else { ((first + 1) % 7, (weekday + 1) % 7) };
                let week_zero = (7 - first) % 7;
                yearday = Some(if week == 0 { 1 + weekday - first } else { 1 + week_zero + 7 * (week - 1) + weekday });
            }
        } else if let (Some(iso_year), Some(iso_week), Some(weekday)) = (iso_year, iso_week, weekday) {
            let january_4 = day_number(iso_year, 1, 4);
            let number = january_4 - weekday_of(january_4) + (iso_week - 1) * 7 + weekday;
            if iso_calendar(date_of(number).0, date_of(number).1, date_of(number).2).1 != iso_week {
                return Err(format!("Invalid week: {iso_week}"));
            }
            let (y, _, _) = date_of(number);
            year = y;
            yearday = Some(number - day_number(y, 1, 1) + 1);
        }
        if let Some(n) = yearday {
            if n <= 0 {
                year -= 1;
                yearday = Some(n + if is_leap(year) { 366 } else { 365 });
            }
        }
    }
    let yearday_ = match yearday {
        Some(n) => {
            let (y, m, d) = date_of(day_number(year, 1, 1) + n - 1);
            (year, month_, day_) = (y, m, d);
            n
        }
        None => days_before_month(year, month_) + day_,
    };
    let weekday = weekday.unwrap_or_else(|| weekday_of(day_number(year, month_, day_)));
    if leap_fix {
        year = 1900;
    }
    let (offset, offset_micros) = match text('z') {
        None => (None, 0),
        Some("Z" | "z") => (Some(0), 0),
        Some(z) => parse_offset(z)?,
    };
    let zone = text('Z').map(str::to_uppercase);
    let isdst = if zone.is_some() { 0 } else { -1 };
    let fields = Fields {
        year,
        month: month_,
        day: day_,
        hour,
        minute: int('M').unwrap_or(0),
        second: int('S').unwrap_or(0),
        weekday,
        yearday: yearday_,
        isdst,
        offset,
        zone,
    };
    let micros = text('f').map_or(0, |f| format!("{f:0<6}").parse().unwrap_or(0));
    Ok(Parsed { fields, dayless_year, micros, offset_micros })
}

fn check_iso(
    iso_year: Option<i64>,
    iso_week: Option<i64>,
    year: Option<i64>,
    yearday: Option<i64>,
    weekday: Option<i64>,
) -> Result<(), String> {
    let fault = if iso_year.is_some() {
        if yearday.is_some() {
            "Day of the year directive '%j' is not compatible with ISO year directive '%G'. Use '%Y' instead."
        } else if iso_week.is_none() || weekday.is_none() {
            "ISO year directive '%G' must be used with the ISO week directive '%V' and a weekday directive ('%A', '%a', '%w', or '%u')."
        } else {
            return Ok(());
        }
    } else if iso_week.is_some() {
        if year.is_none() || weekday.is_none() {
            "ISO week directive '%V' must be used with the ISO year directive '%G' and a weekday directive ('%A', '%a', '%w', or '%u')."
        } else {
            "ISO week directive '%V' is incompatible with the year directive '%Y'. Use the ISO year '%G' instead."
        }
    } else {
        return Ok(());
    };
    Err(fault.to_owned())
}

fn parse_offset(text: &str) -> Result<(Option<i64>, i64), String> {
    let colons = text.matches(':').count();
    if colons == 1 && text.replace(':', "").trim_end_matches(|c: char| c != '.').len() > 5 && text.len() > 6 {
        return Err(format!("Inconsistent use of : in {text}"));
    }
    let plain = text.replace(':', "");
    let part = |from: usize, to: usize| plain.get(from..to).and_then(|p| p.parse::<i64>().ok()).unwrap_or(0);
    let seconds = part(1, 3) * 3600 + part(3, 5) * 60 + part(5, 7);
    let micros = plain.split_once('.').map_or(0, |(_, f)| format!("{f:0<6}").parse().unwrap_or(0));
    Ok(if plain.starts_with('-') { (Some(-seconds), -micros) } else { (Some(seconds), micros) })
}
