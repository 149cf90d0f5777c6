//! Dates, times and spans put together from numbers.

use super::arithmetic::{date_out_of_range, timestamp_out_of_range, timestamp_to_timestamptz};
use super::calendar::{
    Civil, HOUR_MICROS, MINUTE_MICROS, SECOND_MICROS, TIMESTAMP_INFINITY, TIMESTAMP_MINUS_INFINITY, days_of_month,
    is_finite_timestamp, join_days,
};
use super::interval::{Interval, as_f64, out_of_range, to_i64};
use super::zone::Zone;
use crate::condition::{Condition, SqlError, SqlResult};

fn overflow(message: String) -> SqlError {
    SqlError::new(Condition::DatetimeFieldOverflow, message)
}

fn civil(year: i32, month: i32, day: i32) -> SqlResult<Civil> {
    let shown = || overflow(format!("date field value out of range: {year}-{month:02}-{day:02}"));
    // There is no year 0; negative ones are before Christ.
    let astronomical = match year {
        0 => return Err(shown()),
        ..0 => i64::from(year) + 1,
        _ => i64::from(year),
    };
    let civil = Civil { year: astronomical, month: month.into(), day: day.into() };
    let is_day = (1..=12).contains(&month) && day >= 1 && civil.day <= days_of_month(astronomical, civil.month);
    if is_day { Ok(civil) } else { Err(shown()) }
}

/// A date, in days since 1970.
pub(crate) fn make_date(year: i32, month: i32, day: i32) -> SqlResult<i32> {
    let civil = civil(year, month, day)?;
    if !civil.is_in_range() {
        return Err(overflow(format!("date out of range: {year}-{month:02}-{day:02}")));
    }
    i32::try_from(civil.days()).map_err(|_| date_out_of_range())
}

/// A time of day, in microseconds since midnight.
pub(crate) fn make_time(hour: i32, minute: i32, second: f64) -> SqlResult<i64> {
    let is_time = (0..=24).contains(&hour) && (0..60).contains(&minute) && (0.0..=60.0).contains(&second);
    let micros = to_i64((second * 1_000_000.0).round_ties_even()).unwrap_or_default();
    let time = i64::from(hour) * HOUR_MICROS + i64::from(minute) * MINUTE_MICROS + micros;
    if !is_time || time > 24 * HOUR_MICROS {
        return Err(overflow(format!("time field value out of range: {hour}:{minute:02}:{second:02}")));
    }
    Ok(time)
}

/// A timestamp without a zone.
pub(crate) fn make_timestamp(year: i32, month: i32, day: i32, hour: i32, minute: i32, second: f64) -> SqlResult<i64> {
    let civil = civil(year, month, day)?;
    let time = make_time(hour, minute, second)?;
    join_days(civil.days(), time).filter(|_| civil.is_in_range()).ok_or_else(timestamp_out_of_range)
}

/// A timestamp on the clocks of a zone.
pub(crate) fn make_timestamptz(local_micros: i64, zone: Zone) -> SqlResult<i64> {
    timestamp_to_timestamptz(local_micros, zone)
}

/// A span of years, months, weeks, days, hours, minutes and seconds.
pub(crate) fn make_interval(parts: [i32; 6], seconds: f64) -> SqlResult<Interval> {
    let [years, months, weeks, days, hours, minutes] = parts.map(i64::from);
    if !seconds.is_finite() {
        return Err(out_of_range());
    }
    let narrow = |count: i64| i32::try_from(count).map_err(|_| out_of_range());
    let micros = to_i64((seconds * as_f64(SECOND_MICROS)).round_ties_even())
        .and_then(|micros| micros.checked_add(hours * HOUR_MICROS + minutes * MINUTE_MICROS))
        .ok_or_else(out_of_range)?;
    Ok(Interval::new(narrow(years * 12 + months)?, narrow(weeks * 7 + days)?, micros))
}

/// The moment so many seconds after 1970.
pub(crate) fn timestamp_of_seconds(seconds: f64) -> SqlResult<i64> {
    if seconds.is_nan() {
        return Err(overflow("timestamp cannot be NaN".to_owned()));
    }
    if seconds.is_infinite() {
        return Ok(if seconds > 0.0 { TIMESTAMP_INFINITY } else { TIMESTAMP_MINUS_INFINITY });
    }
    to_i64((seconds * as_f64(SECOND_MICROS)).round_ties_even())
        .filter(|micros| is_finite_timestamp(*micros))
        .ok_or_else(|| overflow(format!("timestamp out of range: \"{seconds}\"")))
}
