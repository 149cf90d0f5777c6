//! Dates and spans cut to a unit, and dates put into bins.

use super::arithmetic::{is_infinite, timestamp_out_of_range};
use super::calendar::{
    Civil, DAY_MICROS, HOUR_MICROS, MINUTE_MICROS, SECOND_MICROS, day_of_week, is_finite_timestamp, join_days,
    split_days,
};
use super::interval::Interval;
use super::word::{Unit, find_unit};
use super::zone::Zone;
use crate::condition::{Condition, SqlError, SqlResult};

fn find(name: &str, type_name: &str) -> SqlResult<Unit> {
    find_unit(&name.to_ascii_lowercase()).ok_or_else(|| {
        SqlError::new(Condition::InvalidParameterValue, format!("unit \"{name}\" not recognized for type {type_name}"))
    })
}

fn unsupported(name: &str, type_name: &str) -> SqlError {
    SqlError::unsupported("").reworded(name, type_name)
}

/// The microseconds of a unit of time, of which a day has a whole number.
fn micros_of(unit: Unit) -> Option<i64> {
    Some(match unit {
        Unit::Microseconds => 1,
        Unit::Milliseconds => 1000,
        Unit::Second => SECOND_MICROS,
        Unit::Minute => MINUTE_MICROS,
        Unit::Hour => HOUR_MICROS,
        _ => return None,
    })
}

/// The first day of the unit that a day is in.
fn first_day(unit: Unit, days: i64) -> Option<i64> {
    let civil = Civil::from_days(days);
    // Runs of years are counted from year 1 on, and from 1 BC back.
    let runs = |length: i64| (civil.year - 1).div_euclid(length) * length + 1;
    let (year, month) = match unit {
        Unit::Day => return Some(days),
        Unit::Week => return Some(days - (day_of_week(days) + 6) % 7),
        Unit::Month => (civil.year, civil.month),
        Unit::Quarter => (civil.year, (civil.month - 1) / 3 * 3 + 1),
        Unit::Year => (civil.year, 1),
        Unit::Decade => (civil.year.div_euclid(10) * 10, 1),
        Unit::Century => (runs(100), 1),
        Unit::Millennium => (runs(1000), 1),
        _ => return None,
    };
    Some(Civil { year, month, day: 1 }.days())
}

/// A timestamp cut to a unit.
pub(crate) fn truncate_timestamp(name: &str, micros: i64) -> SqlResult<i64> {
    const TYPE: &str = "timestamp without time zone";
    let unit = find(name, TYPE)?;
    if is_infinite(micros) {
        return Ok(micros);
    }
    if let Some(length) = micros_of(unit) {
        return Ok(micros.div_euclid(length) * length);
    }
    let day = first_day(unit, split_days(micros).0).ok_or_else(|| unsupported(name, TYPE))?;
    join_days(day, 0).ok_or_else(timestamp_out_of_range)
}

/// A timestamp cut to a unit as the clocks of `zone` show it.
pub(crate) fn truncate_timestamptz(name: &str, micros: i64, zone: Zone) -> SqlResult<i64> {
    const TYPE: &str = "timestamp with time zone";
    let unit = find(name, TYPE)?;
    if is_infinite(micros) {
        return Ok(micros);
    }
    let east_micros = i64::from(zone.east_seconds(micros)) * SECOND_MICROS;
    let local = micros.checked_add(east_micros).ok_or_else(timestamp_out_of_range)?;
    let moment = match micros_of(unit) {
        // Clocks that are put back show an hour twice; it stays the one that it was.
        Some(length) => Some(local.div_euclid(length) * length - east_micros),
        None => {
            let day = first_day(unit, split_days(local).0).ok_or_else(|| unsupported(name, TYPE))?;
            join_days(day, 0).and_then(|local| zone.to_utc(local))
        }
    };
    moment.filter(|moment| is_finite_timestamp(*moment)).ok_or_else(timestamp_out_of_range)
}

/// A span cut to a unit.
pub(crate) fn truncate_interval(name: &str, span: Interval) -> SqlResult<Interval> {
    let unit = find(name, "interval")?;
    if let Some(length) = micros_of(unit) {
        return Ok(Interval { micros: span.micros / length * length, ..span });
    }
    let months = match unit {
        Unit::Day => return Ok(Interval { micros: 0, ..span }),
        Unit::Month => 1,
        Unit::Quarter => 3,
        Unit::Year => 12,
        Unit::Decade => 120,
        Unit::Century => 1200,
        Unit::Millennium => 12_000,
        Unit::Week => {
            return Err(unsupported(name, "interval").detail("Months usually have fractional weeks."));
        }
        _ => return Err(unsupported(name, "interval")),
    };
    Ok(Interval::new(span.months / months * months, 0, 0))
}

/// The beginning of the bin that a timestamp is in, where bins are `stride` long and one begins at `origin`.
pub(crate) fn bin_timestamp(stride: Interval, micros: i64, origin: i64) -> SqlResult<i64> {
    if is_infinite(micros) {
        return Ok(micros);
    }
    if is_infinite(origin) {
        return Err(SqlError::new(Condition::DatetimeFieldOverflow, "origin out of range"));
    }
    if stride.months != 0 {
        let mut error = SqlError::unsupported("");
        error.message = "timestamps cannot be binned into intervals containing months or years".to_owned();
        return Err(error);
    }
    let length = i64::from(stride.days)
        .checked_mul(DAY_MICROS)
        .and_then(|days| days.checked_add(stride.micros))
        .ok_or_else(super::interval::out_of_range)?;
    if length <= 0 {
        return Err(SqlError::new(Condition::DatetimeFieldOverflow, "stride must be greater than zero"));
    }
    let distance = micros.checked_sub(origin).ok_or_else(super::interval::out_of_range)?;
    let start = distance.div_euclid(length).checked_mul(length).and_then(|start| origin.checked_add(start));
    start.filter(|start| is_finite_timestamp(*start)).ok_or_else(timestamp_out_of_range)
}
