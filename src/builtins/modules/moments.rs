//! Moments taken apart into fields, put together again and written out, by the proleptic Gregorian calendar and as the C
//! library of Linux does it in the C locale.

use super::structures;
use crate::builtins::prelude::*;

const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const MONTHS: [&str; 12] = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
];
const DAYS_BEFORE: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
/// The moments whose year a C int holds.
const REPRESENTABLE: std::ops::RangeInclusive<i64> = -67_768_040_609_740_800..=67_768_036_191_676_799;
/// In seconds.
pub(super) const DAY: i64 = 86_400;

pub(super) fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

pub(super) fn day_of_year(year: i64, month: i64, day: i64) -> i64 {
    DAYS_BEFORE[(month - 1).rem_euclid(12) as usize] + i64::from(month > 2 && is_leap(year)) + day
}

/// The number of a day; 1970-01-01 is 0. The month may be any number.
pub(super) fn day_number(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = (year + (month - 1).div_euclid(12), (month - 1).rem_euclid(12) + 1);
    let before = year - 1;
    let leaps = before.div_euclid(4) - before.div_euclid(100) + before.div_euclid(400);
    before * 365 + leaps + day_of_year(year, month, day) - 719_163
}

/// Year, month and day of a day by number.
pub(super) fn date_of(number: i64) -> (i64, i64, i64) {
    // Years are counted from March, so that a leap day is the last day of its year.
    let (era, in_era) = ((number + 719_468).div_euclid(146_097), (number + 719_468).rem_euclid(146_097));
    let year_of_era = (in_era - in_era / 1460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * in_year + 2) / 153;
    let day = in_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// 0 is Monday.
pub(super) fn weekday(number: i64) -> i64 {
    (number + 3).rem_euclid(7)
}

/// Year and week of a day by number.
fn iso_year_and_week(number: i64) -> (i64, i64) {
    let thursday = number - weekday(number) + 3;
    let year = date_of(thursday).0;
    (year, (thursday - day_number(year, 1, 1)).div_euclid(7) + 1)
}

/// What pages ask of the calendar.
pub(super) const FUNCTIONS: &[Row] = &[
    native("c_int(value, /)", |vm, args| c_int(vm, &args[0]).map(Value::Int)),
    native("day_number(year, month, day, /)", |vm, args| {
        let [year, month, day] = [vm.to_i64(&args[0])?, vm.to_i64(&args[1])?, vm.to_i64(&args[2])?];
        Ok(Value::Int(day_number(year, month, day)))
    }),
    native("date_of(number, /)", |vm, args| {
        let (year, month, day) = date_of(vm.to_i64(&args[0])?);
        Ok(Value::tuple([Value::Int(year), Value::Int(month), Value::Int(day)]))
    }),
    native("iso_year_and_week(number, /)", |vm, args| {
        let (year, week) = iso_year_and_week(vm.to_i64(&args[0])?);
        Ok(Value::tuple([Value::Int(year), Value::Int(week)]))
    }),
];

/// A moment as a calendar and a clock show it.
#[derive(Default)]
pub(super) struct Fields {
    pub year: i64,
    pub month: i64,
    pub day: i64,
    pub hour: i64,
    pub minute: i64,
    pub second: i64,
    pub weekday: i64,
    pub yearday: i64,
    /// The name of the time zone, and how many seconds it is ahead.
    pub zone: Option<String>,
    pub offset: i64,
}

impl Fields {
    /// Of so many seconds since 1970.
    pub(super) fn at(seconds: i64, offset: i64, zone: String) -> Fields {
        let local = seconds + offset;
        let (number, in_day) = (local.div_euclid(DAY), local.rem_euclid(DAY));
        let (year, month, day) = date_of(number);
        Fields {
            hour: in_day / 3600,
            minute: in_day / 60 % 60,
            second: in_day % 60,
            zone: Some(zone),
            offset,
            ..Fields::of_day(year, month, day)
        }
    }

    pub(super) fn of_day(year: i64, month: i64, day: i64) -> Fields {
        let weekday = weekday(day_number(year, month, day));
        Fields { year, month, day, weekday, yearday: day_of_year(year, month, day), ..Fields::default() }
    }

    /// As a `struct_time`.
    fn value(self, vm: &mut Vm) -> Value {
        let items =
            [self.year, self.month, self.day, self.hour, self.minute, self.second, self.weekday, self.yearday, 0];
        let class = structures::struct_time(vm);
        let beside = vec![self.zone.map_or(Value::None, Value::string), Value::Int(self.offset)];
        structures::made(vm, &class, &items.map(Value::Int), beside)
    }

    /// What a code of a format stands for that is a number, and how many digits it has at least.
    fn number(&self, code: char) -> Option<(i64, usize)> {
        let number = || day_number(self.year, self.month, self.day);
        let hour_of_12 = (self.hour + 11).rem_euclid(12) + 1;
        Some(match code {
            'C' => (self.year.div_euclid(100), 1),
            'd' => (self.day, 2),
            'G' => (iso_year_and_week(number()).0, 1),
            'g' => (iso_year_and_week(number()).0.rem_euclid(100), 2),
            'H' => (self.hour, 2),
            'I' => (hour_of_12, 2),
            'j' => (self.yearday, 3),
            'm' => (self.month, 2),
            'M' => (self.minute, 2),
            's' => (number() * DAY + self.hour * 3600 + self.minute * 60 + self.second - self.offset, 1),
            'S' => (self.second, 2),
            'u' => (self.weekday + 1, 1),
            'U' => ((self.yearday + 6 - (self.weekday + 1).rem_euclid(7)).div_euclid(7), 2),
            'V' => (iso_year_and_week(number()).1, 2),
            'w' => ((self.weekday + 1).rem_euclid(7), 1),
            'W' => ((self.yearday + 6 - self.weekday).div_euclid(7), 2),
            'y' => (self.year.rem_euclid(100), 2),
            'Y' => (self.year, 1),
            _ => return None,
        })
    }

    fn text(&self, code: char) -> Option<String> {
        let weekday = DAYS[self.weekday.rem_euclid(7) as usize];
        let month = MONTHS[(self.month - 1).rem_euclid(12) as usize];
        let half = if self.hour >= 12 { "PM" } else { "AM" };
        Some(match code {
            'a' => weekday[..3].to_owned(),
            'A' => weekday.to_owned(),
            'b' | 'h' => month[..3].to_owned(),
            'B' => month.to_owned(),
            'n' => "\n".to_owned(),
            't' => "\t".to_owned(),
            '%' => "%".to_owned(),
            'p' => half.to_owned(),
            'P' => half.to_lowercase(),
            'z' => {
                let (sign, whole) = (if self.offset < 0 { '-' } else { '+' }, self.offset.abs());
                format!("{sign}{:02}{:02}", whole / 3600, whole / 60 % 60)
            }
            'Z' => self.zone.clone().unwrap_or_else(|| "UTC".to_owned()),
            _ => self.written(match code {
                'c' => "%a %b %e %H:%M:%S %Y",
                'D' | 'x' => "%m/%d/%y",
                'F' => "%Y-%m-%d",
                'r' => "%I:%M:%S %p",
                'R' => "%H:%M",
                'T' | 'X' => "%H:%M:%S",
                _ => return None,
            }),
        })
    }

    /// What a code stands for, with its flags; `None` if it is none.
    fn shown(&self, code: char, flag: Option<char>, width: usize, case: Option<char>) -> Option<String> {
        let (mut fill, mut width) = (if flag == Some('0') { '0' } else { ' ' }, width);
        let mut text = if let Some(text) = self.text(code) {
            if matches!(code, 'c' | 'x' | 'X') {
                width = 0;
            }
            text
        } else if let Some(blank) = match code {
            'e' => Some(self.day),
            'k' => Some(self.hour),
            'l' => Some((self.hour + 11).rem_euclid(12) + 1),
            _ => None,
        } {
            match flag {
                Some('-') => blank.to_string(),
                Some('0') => format!("{blank:02}"),
                _ => format!("{blank:2}"),
            }
        } else {
            let (n, least) = self.number(code)?;
            if flag.is_none() {
                fill = '0';
            }
            match flag {
                Some('-') => n.to_string(),
                Some('_') => format!("{n:least$}"),
                _ => zero_padded(n, least.max(width)),
            }
        };
        match case {
            Some('#') if matches!(code, 'Z' | 'p') => text = text.to_lowercase(),
            Some('#') if matches!(code, 'a' | 'A' | 'b' | 'B' | 'h') => text = text.to_uppercase(),
            Some('^') if code != 'P' => text = text.to_uppercase(),
            _ => {}
        }
        let missing = width.saturating_sub(text.chars().count());
        if missing > 0 {
            text.insert_str(0, &fill.to_string().repeat(missing));
        }
        Some(text)
    }

    /// `strftime`
    pub(super) fn written(&self, format: &str) -> String {
        let mut out = String::with_capacity(format.len() + 16);
        let mut rest = format;
        while let Some(at) = rest.find('%') {
            out.push_str(&rest[..at]);
            rest = &rest[at..];
            let mut chars = rest.chars();
            chars.next();
            let (mut flag, mut case, mut width, mut form) = (None, None, 0, None);
            let mut code = chars.next();
            while let Some(c @ ('-' | '_' | '0' | '^' | '#')) = code {
                match c {
                    '^' | '#' if case == Some('^') => {}
                    '^' | '#' => case = Some(c),
                    _ => flag = Some(c),
                }
                code = chars.next();
            }
            while let Some(digit) = code.and_then(|c| c.to_digit(10)) {
                width = (10 * width + digit as usize).min(100_000);
                code = chars.next();
            }
            if let Some(c @ ('E' | 'O')) = code {
                form = Some(c);
                code = chars.next();
            }
            // What takes no other form.
            let refused = match (form, code) {
                (Some('E'), Some(code)) => "aAbBdDeFgGhHIjklmMSUvVwW".contains(code),
                (Some(_), Some(code)) => "aAcDFvxXY".contains(code),
                _ => false,
            };
            let after = chars.as_str();
            match code.filter(|_| !refused).and_then(|code| self.shown(code, flag, width, case)) {
                Some(text) => out.push_str(&text),
                None => out.push_str(&rest[..rest.len() - after.len()]),
            }
            rest = after;
        }
        out.push_str(rest);
        out
    }
}

fn zero_padded(n: i64, width: usize) -> String {
    let (sign, digits) = (if n < 0 { "-" } else { "" }, n.unsigned_abs().to_string());
    format!("{sign}{}{digits}", "0".repeat(width.saturating_sub(sign.len() + digits.len())))
}

/// The moment an argument stands for, in seconds.
fn moment(vm: &mut Vm, given: &Value) -> Result<i64> {
    let seconds = match given {
        Value::None => return Ok(vm.host.clock.wall().div_euclid(super::time::SECOND) as i64),
        Value::Float(x) if x.get().is_nan() => return Err(vm.value_error("Invalid value NaN (not a number)")),
        Value::Float(x) => {
            let x = x.get().floor();
            (x >= i64::MIN as f64 && x < i64::MAX as f64).then_some(x as i64)
        }
        given => vm.index(given)?.as_int(),
    };
    check_moment(vm, seconds)
}

/// Seconds are to be a moment of C, and its year such a number as well.
pub(super) fn check_moment(vm: &mut Vm, seconds: Option<i64>) -> Result<i64> {
    let Some(seconds) = seconds else {
        return Err(vm.overflow_error("timestamp out of range for platform time_t"));
    };
    if REPRESENTABLE.contains(&seconds) {
        return Ok(seconds);
    }
    Err(vm.os_error(&std::io::Error::from_raw_os_error(75)))
}

/// How far local time is ahead at a moment, and the zone's name; far from now that is what a host can tell last.
pub(super) fn local_offset(vm: &mut Vm, moment: i64) -> (i64, String) {
    let (offset, zone) = vm.host.clock.local_offset(moment);
    (offset.into(), zone)
}

fn local(vm: &mut Vm, given: &Value) -> Result<Fields> {
    let moment = moment(vm, given)?;
    let (offset, zone) = local_offset(vm, moment);
    Ok(Fields::at(moment, offset, zone))
}

/// A number as C takes it.
fn c_int(vm: &mut Vm, value: &Value) -> Result<i64> {
    let Some(n) = vm.index(value)?.as_int() else {
        return Err(vm.overflow_error("Python int too large to convert to C long"));
    };
    match i32::try_from(n) {
        Ok(n) => Ok(n.into()),
        Err(_) if n > 0 => Err(vm.overflow_error("signed integer is greater than maximum")),
        Err(_) => Err(vm.overflow_error("signed integer is less than minimum")),
    }
}

/// The numbers of a tuple of times.
fn items(vm: &mut Vm, given: &Value, function: &str) -> Result<[i64; 9]> {
    let Some(items) = given.as_tuple() else { return Err(vm.type_error("Tuple or struct_time argument required")) };
    if items.len() != 9 {
        return Err(vm.type_error(format!("{function}(): illegal time tuple argument")));
    }
    let mut fields = [0; 9];
    for (field, item) in fields.iter_mut().zip(items.iter()) {
        *field = c_int(vm, item)?;
    }
    if fields[0] < i64::from(i32::MIN) + 1900 {
        return Err(vm.overflow_error("year out of range"));
    }
    Ok(fields)
}

/// The fields of a tuple, all in range; 0 stands for the first month or day. Without a tuple it is now.
fn checked(vm: &mut Vm, given: &Value, function: &str) -> Result<Fields> {
    if given.is_unbound() || given.is_none() {
        return local(vm, &Value::None);
    }
    let [year, month, day, hour, minute, second, weekday, yearday, _] = items(vm, given, function)?;
    let or_first = |n| if n == 0 { 1 } else { n };
    let (month, day, yearday) = (or_first(month), or_first(day), or_first(yearday));
    for (value, range, name) in [
        (month, 1..=12, "month"),
        (day, 1..=31, "day of month"),
        (hour, 0..=23, "hour"),
        (minute, 0..=59, "minute"),
        (second, 0..=61, "seconds"),
        (weekday, -1..=i64::MAX, "day of week"),
        (yearday, 1..=366, "day of year"),
    ] {
        if !range.contains(&value) {
            return Err(vm.value_error(format!("{name} out of range")));
        }
    }
    let zone = vm.get_attr_opt(given, "tm_zone")?.and_then(|zone| zone.as_str().map(|zone| zone.to_string()));
    let offset = vm.get_attr_opt(given, "tm_gmtoff")?.and_then(|offset| offset.as_int()).unwrap_or(0);
    Ok(Fields { year, month, day, hour, minute, second, weekday: weekday.rem_euclid(7), yearday, zone, offset })
}

fn shown(fields: &Fields) -> Value {
    let Fields { year, day, hour, minute, second, .. } = fields;
    Value::string(format!("{}{day:3} {hour:02}:{minute:02}:{second:02} {year}", fields.written("%a %b")))
}

/// What the module `time` has beyond its clocks.
pub(super) const TIME: &[Row] = &[
    native("localtime(seconds=None, /)", |vm, args| Ok(local(vm, &args[0])?.value(vm))),
    native("gmtime(seconds=None, /)", |vm, args| Ok(Fields::at(moment(vm, &args[0])?, 0, "GMT".to_owned()).value(vm))),
    native("mktime(time_tuple, /)", |vm, args| {
        let [year, month, day, hour, minute, second, ..] = items(vm, &args[0], "mktime")?;
        let local = day_number(year, month, day) * DAY + hour * 3600 + minute * 60 + second;
        let (offset, _) = local_offset(vm, local);
        let (offset, _) = local_offset(vm, local - offset);
        Ok(Value::float((local - offset) as f64))
    }),
    native("asctime(time_tuple=<unrepresentable>, /)", |vm, args| Ok(shown(&checked(vm, &args[0], "asctime")?))),
    native("ctime(seconds=None, /)", |vm, args| Ok(shown(&local(vm, &args[0])?))),
    native("strftime(format, time_tuple=<unrepresentable>, /)", |vm, args| {
        let Some(format) = args[0].as_str() else {
            return Err(vm.type_error(format!("strftime() argument 1 must be str, not {}", vm.argument_name(&args[0]))));
        };
        if format.contains('\0') {
            return Err(vm.value_error("embedded null character"));
        }
        Ok(Value::string(checked(vm, &args[1], "strftime")?.written(format)))
    }),
];
