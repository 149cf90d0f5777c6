//! The Gregorian calendar, carried back before its time, as numbers of days.
//!
//! Years are astronomical: year 0 is 1 BC. Ranges are PostgreSQL's: from 4713-11-24 BC, the Julian day 0, on.

/// 2000-01-01 in microseconds since 1970.
pub const WIRE_EPOCH_MICROS: i64 = (WIRE_EPOCH_JULIAN_DAY - EPOCH_JULIAN_DAY) * DAY_MICROS;

/// Microseconds of a second.
pub(crate) const SECOND_MICROS: i64 = 1_000_000;
/// Microseconds of a minute.
pub(crate) const MINUTE_MICROS: i64 = 60 * SECOND_MICROS;
/// Microseconds of an hour.
pub(crate) const HOUR_MICROS: i64 = 60 * MINUTE_MICROS;
/// Microseconds of a day.
pub const DAY_MICROS: i64 = 24 * HOUR_MICROS;

/// The Julian day of 1970-01-01.
pub(crate) const EPOCH_JULIAN_DAY: i64 = 2_440_588;
/// The Julian day of 2000-01-01, which PostgreSQL's wire counts from.
pub(crate) const WIRE_EPOCH_JULIAN_DAY: i64 = 2_451_545;

/// The first day that a date can be, in days since 1970.
pub const DATE_DAYS_MIN: i32 = -2_440_588;
/// The last day that a date can be: 5874897-12-31.
pub const DATE_DAYS_MAX: i32 = 2_145_042_905;
/// The date after all others.
pub const DATE_INFINITY: i32 = i32::MAX;
/// The date before all others.
pub const DATE_MINUS_INFINITY: i32 = i32::MIN;

/// The first moment that a timestamp can be, in microseconds since 1970.
pub const TIMESTAMP_MICROS_MIN: i64 = DATE_DAYS_MIN as i64 * DAY_MICROS;
/// The timestamp after all others; the last finite one is the microsecond before.
pub const TIMESTAMP_INFINITY: i64 = i64::MAX;
/// The timestamp before all others.
pub const TIMESTAMP_MINUS_INFINITY: i64 = i64::MIN;

/// A day of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Civil {
    /// The year; 0 is 1 BC.
    pub year: i64,
    /// The month, from 1.
    pub month: i64,
    /// The day of the month, from 1.
    pub day: i64,
}

impl Civil {
    /// The day that is `days` days after 1970-01-01.
    pub fn from_days(days: i64) -> Self {
        // Eras of 400 years that begin on March 1, so that the day that comes and goes is the last of its year.
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        Civil { year: year_of_era + era * 400 + i64::from(month <= 2), month, day }
    }

    /// Days since 1970-01-01. The day may lie outside its month, the month must be one.
    pub fn days(self) -> i64 {
        let year = if self.month <= 2 { self.year - 1 } else { self.year };
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let month_from_march = if self.month > 2 { self.month - 3 } else { self.month + 9 };
        let day_of_year = (153 * month_from_march + 2) / 5 + self.day - 1;
        era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
    }

    /// Whether dates reach the day.
    pub fn is_in_range(self) -> bool {
        (-4713..=5_874_897).contains(&self.year)
            && (i64::from(DATE_DAYS_MIN)..=i64::from(DATE_DAYS_MAX)).contains(&self.days())
    }

    /// The day of the year, from 1.
    pub fn day_of_year(self) -> i64 {
        self.days() - Civil { year: self.year, month: 1, day: 1 }.days() + 1
    }

    /// The same day `months` months later, or the last day of that month when it is shorter.
    pub fn plus_months(self, months: i64) -> Self {
        let count = self.year * 12 + self.month - 1 + months;
        let (year, month) = (count.div_euclid(12), count.rem_euclid(12) + 1);
        Civil { year, month, day: self.day.min(days_of_month(year, month)) }
    }
}

/// Whether the year has 366 days.
pub(crate) fn is_leap_year(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Days of a month, from 1.
pub(crate) fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap_year(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The day of the week of `days` days after 1970-01-01; Sunday is 0.
pub(crate) fn day_of_week(days: i64) -> i64 {
    (days + 4).rem_euclid(7)
}

/// The year and week of ISO 8601 that a day is in.
pub(crate) fn iso_year_week(days: i64) -> (i64, i64) {
    // The week belongs to the year that its Thursday is in.
    let thursday = days - (day_of_week(days) + 6) % 7 + 3;
    let year = Civil::from_days(thursday).year;
    let first = Civil { year, month: 1, day: 1 }.days();
    (year, (thursday - first) / 7 + 1)
}

/// The Monday of a week of ISO 8601, in days since 1970.
pub(crate) fn iso_week_monday(year: i64, week: i64) -> i64 {
    let fourth = Civil { year, month: 1, day: 4 }.days();
    fourth - (day_of_week(fourth) + 6) % 7 + (week - 1) * 7
}

/// The day of `micros` microseconds since 1970 and the microseconds of that day.
pub(crate) fn split_days(micros: i64) -> (i64, i64) {
    (micros.div_euclid(DAY_MICROS), micros.rem_euclid(DAY_MICROS))
}

/// Whether a moment in microseconds since 1970 is one that a timestamp can be, other than infinity.
pub(crate) fn is_finite_timestamp(micros: i64) -> bool {
    (TIMESTAMP_MICROS_MIN..TIMESTAMP_INFINITY).contains(&micros)
}

/// Microseconds since 1970 of a time on a day, if timestamps reach it.
pub(crate) fn join_days(days: i64, time_micros: i64) -> Option<i64> {
    days.checked_mul(DAY_MICROS)?.checked_add(time_micros).filter(|micros| is_finite_timestamp(*micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_civil_days_are_inverse() {
        for days in (i64::from(DATE_DAYS_MIN)..i64::from(DATE_DAYS_MAX)).step_by(99_991) {
            assert_eq!(Civil::from_days(days).days(), days);
        }
        assert_eq!(Civil { year: -4713, month: 11, day: 24 }.days(), i64::from(DATE_DAYS_MIN));
        assert_eq!(Civil { year: 5_874_897, month: 12, day: 31 }.days(), i64::from(DATE_DAYS_MAX));
    }

    #[test]
    fn weeks_of_iso_8601_begin_on_mondays() {
        let day = |year, month, day| Civil { year, month, day }.days();
        assert_eq!(iso_year_week(day(2005, 1, 1)), (2004, 53));
        assert_eq!(iso_year_week(day(2006, 1, 1)), (2005, 52));
        assert_eq!(iso_year_week(day(2012, 12, 31)), (2013, 1));
        assert_eq!(iso_week_monday(2013, 1), day(2012, 12, 31));
        assert_eq!(day_of_week(day(1970, 1, 4)), 0);
    }
}
