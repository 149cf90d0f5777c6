//! Moments and spans of time, added and subtracted.
//!
//! Months are added to the calendar, then days, then time; in a zone the first two on the clock of the zone.

use super::calendar::{
    Civil, DATE_DAYS_MAX, DATE_DAYS_MIN, DATE_INFINITY, DATE_MINUS_INFINITY, DAY_MICROS, TIMESTAMP_INFINITY,
    TIMESTAMP_MINUS_INFINITY, days_of_month, is_finite_timestamp, join_days, split_days,
};
use super::interval::Interval;
use super::timetz::TimeTz;
use super::zone::Zone;
use crate::condition::{Condition, SqlError, SqlResult};

/// PostgreSQL's words for a moment that timestamps do not reach.
pub(crate) fn timestamp_out_of_range() -> SqlError {
    SqlError::new(Condition::DatetimeFieldOverflow, "timestamp out of range")
}

/// PostgreSQL's words for a day that dates do not reach.
pub(crate) fn date_out_of_range() -> SqlError {
    SqlError::new(Condition::DatetimeFieldOverflow, "date out of range")
}

/// Whether a timestamp is one of the two infinite ones.
pub(crate) fn is_infinite(micros: i64) -> bool {
    micros == TIMESTAMP_INFINITY || micros == TIMESTAMP_MINUS_INFINITY
}

/// Whether a date is one of the two infinite ones.
pub(crate) fn is_infinite_date(days: i32) -> bool {
    days == DATE_INFINITY || days == DATE_MINUS_INFINITY
}

/// A timestamp some months later, on the same clock.
fn plus_months(local_micros: i64, months: i32) -> Option<i64> {
    let (days, time_micros) = split_days(local_micros);
    join_days(Civil::from_days(days).plus_months(months.into()).days(), time_micros)
}

fn plus_days(local_micros: i64, days: i32) -> Option<i64> {
    let (before, time_micros) = split_days(local_micros);
    join_days(before + i64::from(days), time_micros)
}

/// A timestamp without a zone, and a span later.
pub fn timestamp_plus(micros: i64, span: Interval) -> SqlResult<i64> {
    timestamptz_plus(micros, span, Zone::UTC)
}

/// A timestamp, and a span later as clocks in `zone` count days and months.
pub fn timestamptz_plus(micros: i64, span: Interval, zone: Zone) -> SqlResult<i64> {
    if is_infinite(micros) {
        return Ok(micros);
    }
    let mut moment = micros;
    for (count, add) in [(span.months, plus_months as fn(i64, i32) -> Option<i64>), (span.days, plus_days)] {
        if count != 0 {
            let local = zone.to_local(moment).and_then(|local| add(local, count));
            moment = local.and_then(|local| zone.to_utc(local)).ok_or_else(timestamp_out_of_range)?;
        }
    }
    moment.checked_add(span.micros).filter(|moment| is_finite_timestamp(*moment)).ok_or_else(timestamp_out_of_range)
}

/// A timestamp, and a span earlier.
pub fn timestamptz_minus(micros: i64, span: Interval, zone: Zone) -> SqlResult<i64> {
    timestamptz_plus(micros, span.negated()?, zone)
}

/// What is between two timestamps, in days and time.
pub fn between_timestamps(later: i64, earlier: i64) -> SqlResult<Interval> {
    if is_infinite(later) || is_infinite(earlier) {
        return Err(SqlError::new(Condition::DatetimeFieldOverflow, "cannot subtract infinite timestamps"));
    }
    let micros = later.checked_sub(earlier).ok_or_else(super::interval::out_of_range)?;
    Interval::new(0, 0, micros).justify_hours()
}

/// A date some days later.
pub fn date_plus(days: i32, more: i32) -> SqlResult<i32> {
    if is_infinite_date(days) {
        return Ok(days);
    }
    days.checked_add(more).filter(|sum| (DATE_DAYS_MIN..=DATE_DAYS_MAX).contains(sum)).ok_or_else(date_out_of_range)
}

/// A date some days earlier.
pub fn date_minus(days: i32, fewer: i32) -> SqlResult<i32> {
    if is_infinite_date(days) {
        return Ok(days);
    }
    days.checked_sub(fewer)
        .filter(|difference| (DATE_DAYS_MIN..=DATE_DAYS_MAX).contains(difference))
        .ok_or_else(date_out_of_range)
}

/// The days between two dates.
pub fn between_dates(later: i32, earlier: i32) -> SqlResult<i32> {
    if is_infinite_date(later) || is_infinite_date(earlier) {
        return Err(SqlError::new(Condition::DatetimeFieldOverflow, "cannot subtract infinite dates"));
    }
    later.checked_sub(earlier).ok_or_else(date_out_of_range)
}

/// Midnight of a date.
pub fn date_to_timestamp(days: i32) -> SqlResult<i64> {
    match days {
        DATE_INFINITY => Ok(TIMESTAMP_INFINITY),
        DATE_MINUS_INFINITY => Ok(TIMESTAMP_MINUS_INFINITY),
        _ => join_days(days.into(), 0)
            .ok_or_else(|| SqlError::new(Condition::DatetimeFieldOverflow, "date out of range for timestamp")),
    }
}

/// Midnight of a date on the clocks of a zone.
pub fn date_to_timestamptz(days: i32, zone: Zone) -> SqlResult<i64> {
    timestamp_to_timestamptz(date_to_timestamp(days)?, zone)
}

/// The day of a timestamp.
pub fn timestamp_to_date(micros: i64) -> i32 {
    match micros {
        TIMESTAMP_INFINITY => DATE_INFINITY,
        TIMESTAMP_MINUS_INFINITY => DATE_MINUS_INFINITY,
        _ => i32::try_from(split_days(micros).0).unwrap_or(DATE_INFINITY),
    }
}

/// What the clocks of a zone show.
pub fn timestamptz_to_timestamp(micros: i64, zone: Zone) -> SqlResult<i64> {
    if is_infinite(micros) {
        return Ok(micros);
    }
    zone.to_local(micros).filter(|local| is_finite_timestamp(*local)).ok_or_else(timestamp_out_of_range)
}

/// When the clocks of a zone show it.
pub fn timestamp_to_timestamptz(micros: i64, zone: Zone) -> SqlResult<i64> {
    if is_infinite(micros) {
        return Ok(micros);
    }
    zone.to_utc(micros).filter(|utc| is_finite_timestamp(*utc)).ok_or_else(timestamp_out_of_range)
}

/// A time of day on a day.
pub(crate) fn date_plus_time(days: i32, time_micros: i64) -> SqlResult<i64> {
    let midnight = date_to_timestamp(days)?;
    if is_infinite(midnight) {
        return Ok(midnight);
    }
    midnight.checked_add(time_micros).filter(|sum| is_finite_timestamp(*sum)).ok_or_else(timestamp_out_of_range)
}

/// A time of day, and the time of a span later, round the clock.
pub fn time_plus(time_micros: i64, span: Interval) -> i64 {
    (time_micros + span.micros % DAY_MICROS).rem_euclid(DAY_MICROS)
}

/// A time of day with a zone, and the time of a span later, round the clock.
pub(crate) fn timetz_plus(time: TimeTz, span: Interval) -> TimeTz {
    TimeTz { time_micros: time_plus(time.time_micros, span), ..time }
}

/// The calendar's years, months, days and time between two timestamps on one clock.
pub fn age(later: i64, earlier: i64) -> SqlResult<Interval> {
    if is_infinite(later) || is_infinite(earlier) {
        return Err(timestamp_out_of_range());
    }
    let is_backwards = later < earlier;
    let (high, low) = if is_backwards { (earlier, later) } else { (later, earlier) };
    let ((high_days, high_time), (low_days, low_time)) = (split_days(high), split_days(low));
    let (high_civil, low_civil) = (Civil::from_days(high_days), Civil::from_days(low_days));
    let mut micros = high_time - low_time;
    let mut days = high_civil.day - low_civil.day;
    let mut months = (high_civil.year - low_civil.year) * 12 + high_civil.month - low_civil.month;
    if micros < 0 {
        (micros, days) = (micros + DAY_MICROS, days - 1);
    }
    while days < 0 {
        // What is borrowed is the month that the earlier one is in.
        days += days_of_month(low_civil.year, low_civil.month);
        months -= 1;
    }
    let narrow = |count: i64| i32::try_from(count).map_err(|_| super::interval::out_of_range());
    let span = Interval::new(narrow(months)?, narrow(days)?, micros);
    if is_backwards { span.negated() } else { Ok(span) }
}
