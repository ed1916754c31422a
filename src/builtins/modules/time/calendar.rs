//! Dates by the proleptic Gregorian calendar, and a moment taken apart into fields.

/// A broken-down time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fields {
    pub year: i64,
    /// 1 to 12.
    pub month: i64,
    pub day: i64,
    pub hour: i64,
    pub minute: i64,
    pub second: i64,
    /// Monday is 0.
    pub weekday: i64,
    /// The first of January is 1.
    pub yearday: i64,
    pub isdst: i64,
    /// Seconds east of UTC.
    pub offset: Option<i64>,
    pub zone: Option<String>,
}

const DAYS_BEFORE: [i64; 13] = [0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];

pub(crate) fn is_leap(year: i64) -> bool {
    year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0)
}

/// Days of the year before a month begins.
pub(crate) fn days_before_month(year: i64, month: i64) -> i64 {
    DAYS_BEFORE[month.clamp(1, 12) as usize] + i64::from(month > 2 && is_leap(year))
}

/// The number of a day; 1970-01-01 is 0. The month may be any number.
pub(crate) fn day_number(year: i64, month: i64, day: i64) -> i64 {
    let year = year + (month - 1).div_euclid(12);
    let month = (month - 1).rem_euclid(12) + 1;
    let before = year - 1;
    let years = before * 365 + before.div_euclid(4) - before.div_euclid(100) + before.div_euclid(400);
    years + days_before_month(year, month) + day - 719_163
}

/// Year, month and day of a day by number.
pub(crate) fn date_of(number: i64) -> (i64, i64, i64) {
    // Years are counted from March, so that a leap day is the last day of its year.
    let shifted = number + 719_468;
    let era = shifted.div_euclid(146_097);
    let in_era = shifted.rem_euclid(146_097);
    let year_of_era = (in_era - in_era / 1460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * in_year + 2) / 153;
    let day = in_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Monday is 0.
pub(crate) fn weekday_of(number: i64) -> i64 {
    (number + 3).rem_euclid(7)
}

/// ISO year, week and weekday (Monday is 1).
pub(crate) fn iso_calendar(year: i64, month: i64, day: i64) -> (i64, i64, i64) {
    let number = day_number(year, month, day);
    let thursday = number - weekday_of(number) + 3;
    let (iso_year, _, _) = date_of(thursday);
    let week = (thursday - day_number(iso_year, 1, 1)) / 7 + 1;
    (iso_year, week, weekday_of(number) + 1)
}

/// The fields of a moment in seconds since 1970.
pub(crate) fn fields_of(seconds: i64, offset: i64, zone: &str) -> Fields {
    let local = seconds + offset;
    let number = local.div_euclid(86_400);
    let of_day = local.rem_euclid(86_400);
    let (year, month, day) = date_of(number);
    Fields {
        year,
        month,
        day,
        hour: of_day / 3600,
        minute: of_day / 60 % 60,
        second: of_day % 60,
        weekday: weekday_of(number),
        yearday: number - day_number(year, 1, 1) + 1,
        isdst: 0,
        offset: Some(offset),
        zone: Some(zone.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates() {
        for number in (-800_000..800_000).step_by(37) {
            let (year, month, day) = date_of(number);
            assert_eq!(day_number(year, month, day), number);
        }
        assert_eq!(date_of(0), (1970, 1, 1));
        assert_eq!(weekday_of(0), 3);
        assert_eq!(iso_calendar(2021, 1, 3), (2020, 53, 7));
    }
}
