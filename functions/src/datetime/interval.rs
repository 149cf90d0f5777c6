//! Spans of time: months, days and microseconds, which are kept apart since months and days differ in length.
//!
//! For comparisons a month has 30 days and a day 24 hours.

use std::cmp::Ordering;

use arrow::datatypes::IntervalMonthDayNano;

use super::calendar::{DAY_MICROS, HOUR_MICROS, MINUTE_MICROS, SECOND_MICROS};
use crate::condition::{Condition, SqlError, SqlResult};

/// Days of a month where one has to be said.
pub(crate) const MONTH_DAYS: i64 = 30;
const NANOS_OF_MICRO: i64 = 1000;

/// A span of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Interval {
    /// Months.
    pub months: i32,
    /// Days.
    pub days: i32,
    /// Microseconds.
    pub micros: i64,
}

/// PostgreSQL's words for a span that is too long.
pub(super) fn out_of_range() -> SqlError {
    SqlError::new(Condition::DatetimeFieldOverflow, "interval out of range")
}

impl From<IntervalMonthDayNano> for Interval {
    fn from(value: IntervalMonthDayNano) -> Self {
        Interval { months: value.months, days: value.days, micros: value.nanoseconds / NANOS_OF_MICRO }
    }
}

impl Interval {
    /// A span of `months`, `days` and `micros`.
    pub fn new(months: i32, days: i32, micros: i64) -> Self {
        Interval { months, days, micros }
    }

    /// The form that columns hold, which has room for 292 years of hours.
    pub fn arrow(self) -> SqlResult<IntervalMonthDayNano> {
        let nanoseconds = self.micros.checked_mul(NANOS_OF_MICRO).ok_or_else(out_of_range)?;
        Ok(IntervalMonthDayNano::new(self.months, self.days, nanoseconds))
    }

    /// The number by which spans compare: microseconds where months have 30 days.
    pub fn comparable(self) -> i128 {
        let days = i128::from(self.months) * i128::from(MONTH_DAYS) + i128::from(self.days);
        days * i128::from(DAY_MICROS) + i128::from(self.micros)
    }

    /// The span the other way.
    pub fn negated(self) -> SqlResult<Self> {
        let negated = (self.months.checked_neg(), self.days.checked_neg(), self.micros.checked_neg());
        let (Some(months), Some(days), Some(micros)) = negated else { return Err(out_of_range()) };
        Ok(Interval { months, days, micros })
    }

    /// The sum.
    pub fn plus(self, other: Interval) -> SqlResult<Self> {
        let sums = (
            self.months.checked_add(other.months),
            self.days.checked_add(other.days),
            self.micros.checked_add(other.micros),
        );
        let (Some(months), Some(days), Some(micros)) = sums else { return Err(out_of_range()) };
        Ok(Interval { months, days, micros })
    }

    /// The difference.
    pub fn minus(self, other: Interval) -> SqlResult<Self> {
        let differences = (
            self.months.checked_sub(other.months),
            self.days.checked_sub(other.days),
            self.micros.checked_sub(other.micros),
        );
        let (Some(months), Some(days), Some(micros)) = differences else { return Err(out_of_range()) };
        Ok(Interval { months, days, micros })
    }

    /// The span `factor` times. What is left of a month becomes days, what is left of a day becomes time.
    pub fn times(self, factor: f64) -> SqlResult<Self> {
        self.scaled(|part| part * factor, |part| part * factor)
    }

    /// The span divided by `divisor`.
    pub fn divided_by(self, divisor: f64) -> SqlResult<Self> {
        if divisor == 0.0 {
            return Err(SqlError::new(Condition::DivisionByZero, "division by zero"));
        }
        self.scaled(|part| part / divisor, |part| part / divisor)
    }

    fn scaled(self, whole: impl Fn(f64) -> f64, rest: impl Fn(f64) -> f64) -> SqlResult<Self> {
        let (months, months_left) = split_i32(whole(f64::from(self.months)))?;
        let (days, days_left) = split_i32(whole(f64::from(self.days)))?;
        // What is left of the months in days, to the precision that timestamps have.
        let month_days = round_to_micro(months_left * as_f64(MONTH_DAYS));
        let mut seconds =
            round_to_micro((days_left + month_days - month_days.trunc()) * as_f64(DAY_MICROS / SECOND_MICROS));
        let mut carried_days = month_days.trunc();
        let day_seconds = as_f64(DAY_MICROS / SECOND_MICROS);
        if seconds.abs() >= day_seconds {
            let more = (seconds / day_seconds).trunc();
            carried_days += more;
            seconds -= more * day_seconds;
        }
        let (carried_days, _) = split_i32(carried_days)?;
        let micros = (rest(as_f64(self.micros)) + seconds * as_f64(SECOND_MICROS)).round_ties_even();
        Ok(Interval {
            months,
            days: days.checked_add(carried_days).ok_or_else(out_of_range)?,
            micros: to_i64(micros).ok_or_else(out_of_range)?,
        })
    }

    /// Whole days of 24 hours as days.
    pub fn justify_hours(self) -> SqlResult<Self> {
        let more = i32::try_from(self.micros / DAY_MICROS).map_err(|_| out_of_range())?;
        let mut days = self.days.checked_add(more).ok_or_else(out_of_range)?;
        let mut micros = self.micros % DAY_MICROS;
        if days > 0 && micros < 0 {
            (days, micros) = (days - 1, micros + DAY_MICROS);
        } else if days < 0 && micros > 0 {
            (days, micros) = (days + 1, micros - DAY_MICROS);
        }
        Ok(Interval { months: self.months, days, micros })
    }

    /// Whole months of 30 days as months.
    pub fn justify_days(self) -> SqlResult<Self> {
        let mut months = self.months.checked_add(self.days / 30).ok_or_else(out_of_range)?;
        let mut days = self.days % 30;
        if months > 0 && days < 0 {
            (months, days) = (months - 1, days + 30);
        } else if months < 0 && days > 0 {
            (months, days) = (months + 1, days - 30);
        }
        Ok(Interval { months, days, micros: self.micros })
    }

    /// Both, and all parts of one sign.
    pub fn justify(self) -> SqlResult<Self> {
        let mut span = self;
        // Days first where both have one sign, so that they do not leave their range.
        if (span.days > 0 && span.micros > 0) || (span.days < 0 && span.micros < 0) {
            span.months = span.months.checked_add(span.days / 30).ok_or_else(out_of_range)?;
            span.days %= 30;
        }
        let more = i32::try_from(span.micros / DAY_MICROS).map_err(|_| out_of_range())?;
        span.days = span.days.checked_add(more).ok_or_else(out_of_range)?;
        span.micros %= DAY_MICROS;
        span.months = span.months.checked_add(span.days / 30).ok_or_else(out_of_range)?;
        span.days %= 30;
        if span.months > 0 && (span.days < 0 || (span.days == 0 && span.micros < 0)) {
            (span.months, span.days) = (span.months - 1, span.days + 30);
        } else if span.months < 0 && (span.days > 0 || (span.days == 0 && span.micros > 0)) {
            (span.months, span.days) = (span.months + 1, span.days - 30);
        }
        if span.days > 0 && span.micros < 0 {
            (span.days, span.micros) = (span.days - 1, span.micros + DAY_MICROS);
        } else if span.days < 0 && span.micros > 0 {
            (span.days, span.micros) = (span.days + 1, span.micros - DAY_MICROS);
        }
        Ok(span)
    }
}

impl PartialOrd for Interval {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.comparable().cmp(&other.comparable()))
    }
}

#[allow(clippy::cast_precision_loss, reason = "PostgreSQL calculates so, too")]
pub(super) fn as_f64(value: i64) -> f64 {
    value as f64
}

pub(super) fn to_i64(value: f64) -> Option<i64> {
    #[allow(clippy::cast_possible_truncation, reason = "checked to be in range")]
    (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&value).then_some(value as i64)
}

/// The whole part and the rest.
fn split_i32(value: f64) -> SqlResult<(i32, f64)> {
    let in_range = value >= f64::from(i32::MIN) && value <= f64::from(i32::MAX);
    if !in_range {
        return Err(out_of_range());
    }
    #[allow(clippy::cast_possible_truncation, reason = "checked to be in range")]
    let whole = value as i32;
    Ok((whole, value - f64::from(whole)))
}

fn round_to_micro(value: f64) -> f64 {
    (value * 1_000_000.0).round_ties_even() / 1_000_000.0
}

/// Which fields a column of type interval keeps, as `interval year to month` or `interval(3)` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IntervalFields {
    mask: u32,
}

impl IntervalFields {
    const MONTH: u32 = 1 << 1;
    const YEAR: u32 = 1 << 2;
    const DAY: u32 = 1 << 3;
    const HOUR: u32 = 1 << 10;
    const MINUTE: u32 = 1 << 11;
    const SECOND: u32 = 1 << 12;

    /// All.
    pub const ALL: IntervalFields = IntervalFields { mask: 0x7fff };

    /// The fields from `first` to `last`, named in lowercase; of one field, it is both.
    pub fn new(first: &str, last: &str) -> Option<Self> {
        let order = [Self::YEAR, Self::MONTH, Self::DAY, Self::HOUR, Self::MINUTE, Self::SECOND];
        let names = ["year", "month", "day", "hour", "minute", "second"];
        let at = |name: &str| names.iter().position(|candidate| *candidate == name);
        let (first, last) = (at(first)?, at(last)?);
        // Years and months do not go together with days and times.
        let is_known = first == last || (first <= last && ((last == 1) || first >= 2));
        is_known.then(|| IntervalFields { mask: order[first..=last].iter().sum() })
    }

    /// The fields and the digits of seconds that a type modifier says.
    pub fn of_modifier(type_modifier: i32) -> (Self, Option<u32>) {
        let Ok(bits) = u32::try_from(type_modifier) else { return (Self::ALL, None) };
        let precision = bits & 0xffff;
        (IntervalFields { mask: bits >> 16 & 0x7fff }, (precision != 0xffff).then_some(precision))
    }

    /// The type modifier that says these fields and digits of seconds.
    pub fn modifier(self, precision: Option<u32>) -> i32 {
        i32::try_from(self.mask << 16 | precision.map_or(0xffff, |digits| digits.min(6))).unwrap_or(-1)
    }

    /// What a number without a unit counts when it is the last.
    pub(super) fn last(self) -> super::word::Unit {
        use super::word::Unit;
        [
            (Self::SECOND, Unit::Second),
            (Self::MINUTE, Unit::Minute),
            (Self::HOUR, Unit::Hour),
            (Self::DAY, Unit::Day),
            (Self::MONTH, Unit::Month),
            (Self::YEAR, Unit::Year),
        ]
        .into_iter()
        .find(|(bit, _)| self.mask & bit != 0)
        .map_or(Unit::Second, |(_, unit)| unit)
    }

    /// Whether two numbers with a colon are minutes and seconds.
    pub(super) fn is_minute_to_second(self) -> bool {
        self.mask == Self::MINUTE | Self::SECOND
    }

    /// The name as it stands behind `interval`: ` year to month`.
    pub fn name(self) -> String {
        let names = [
            (Self::YEAR, "year"),
            (Self::MONTH, "month"),
            (Self::DAY, "day"),
            (Self::HOUR, "hour"),
            (Self::MINUTE, "minute"),
            (Self::SECOND, "second"),
        ];
        if self == Self::ALL {
            return String::new();
        }
        let mut kept = names.iter().filter(|(bit, _)| self.mask & bit != 0).map(|(_, name)| *name);
        match (kept.next(), kept.next_back()) {
            (Some(first), Some(last)) => format!(" {first} to {last}"),
            (Some(only), None) => format!(" {only}"),
            _ => String::new(),
        }
    }

    /// The span without what a column of these fields does not keep, its seconds rounded to `precision` digits.
    pub fn apply(self, span: Interval, precision: Option<u32>) -> Interval {
        let mut span = span;
        if self != Self::ALL {
            let has = |bit: u32| self.mask & bit != 0;
            if !has(Self::SECOND) {
                let unit = match self.last() {
                    super::word::Unit::Minute => MINUTE_MICROS,
                    super::word::Unit::Hour => HOUR_MICROS,
                    _ => i64::MAX,
                };
                span.micros = if unit == i64::MAX { 0 } else { span.micros / unit * unit };
            }
            if self.mask & !(Self::YEAR | Self::MONTH) == 0 {
                span.days = 0;
                if !has(Self::MONTH) {
                    span.months = span.months / 12 * 12;
                }
            }
        }
        if let Some(digits) = precision.filter(|digits| *digits < 6) {
            let unit = 10_i64.pow(6 - digits);
            let half = if span.micros < 0 { -unit / 2 } else { unit / 2 };
            span.micros = span.micros.saturating_add(half) / unit * unit;
        }
        span
    }
}
