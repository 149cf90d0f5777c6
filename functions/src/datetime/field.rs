//! Single fields of dates, times and spans.

use super::arithmetic::{is_infinite, is_infinite_date};
use super::calendar::{
    Civil, DATE_INFINITY, DAY_MICROS, EPOCH_JULIAN_DAY, HOUR_MICROS, MINUTE_MICROS, SECOND_MICROS, TIMESTAMP_INFINITY,
    day_of_week, iso_year_week, split_days,
};
use super::interval::Interval;
use super::timetz::TimeTz;
use super::word::{Unit, find_unit};
use super::zone::Zone;
use crate::condition::{Condition, SqlError, SqlResult};
use crate::numeric::Number;

/// A field that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Unit(Unit),
    DayOfWeek,
    IsoDayOfWeek,
    DayOfYear,
    IsoYear,
    Julian,
    Epoch,
}

fn find_field(name: &str, type_name: &str) -> SqlResult<Field> {
    let lowercase = name.to_ascii_lowercase();
    Ok(match lowercase.as_str() {
        "dow" => Field::DayOfWeek,
        "isodow" => Field::IsoDayOfWeek,
        "doy" => Field::DayOfYear,
        "isoyear" => Field::IsoYear,
        "julian" | "jd" | "j" => Field::Julian,
        "epoch" => Field::Epoch,
        other => Field::Unit(find_unit(other).ok_or_else(|| {
            let message = format!("unit \"{name}\" not recognized for type {type_name}");
            SqlError::new(Condition::InvalidParameterValue, message)
        })?),
    })
}

fn unsupported(name: &str, type_name: &str) -> SqlError {
    SqlError::unsupported(format!("unit \"{name}\"")).reworded(name, type_name)
}

impl SqlError {
    /// PostgreSQL's words for a unit that a type does not have.
    pub(super) fn reworded(mut self, unit: &str, type_name: &str) -> SqlError {
        self.message = format!("unit \"{unit}\" not supported for type {type_name}");
        self
    }
}

fn whole(value: i64) -> Number {
    Number::small(value.into(), 0)
}

fn micros_as_seconds(micros: i128) -> Number {
    Number::small(micros, 6)
}

const TIMESTAMP: &str = "timestamp without time zone";
const TIMESTAMPTZ: &str = "timestamp with time zone";

/// Part of a timestamp. None for a field that infinity does not have.
pub(crate) fn extract_timestamp(name: &str, micros: i64) -> SqlResult<Option<Number>> {
    let field = find_field(name, TIMESTAMP)?;
    if is_infinite(micros) {
        return infinite(field, micros == TIMESTAMP_INFINITY, name, TIMESTAMP, false);
    }
    of_moment(field, micros, micros)?.map_or_else(|| Err(unsupported(name, TIMESTAMP)), |number| Ok(Some(number)))
}

/// Part of a timestamp as the clocks of `zone` show it. None for a field that infinity does not have.
pub(crate) fn extract_timestamptz(name: &str, micros: i64, zone: Zone) -> SqlResult<Option<Number>> {
    let field = find_field(name, TIMESTAMPTZ)?;
    if is_infinite(micros) {
        return infinite(field, micros == TIMESTAMP_INFINITY, name, TIMESTAMPTZ, true);
    }
    let east_seconds = zone.east_seconds(micros);
    if let Some(number) = of_zone(field, east_seconds) {
        return Ok(Some(number));
    }
    let local = micros.saturating_add(i64::from(east_seconds) * SECOND_MICROS);
    of_moment(field, local, micros)?.map_or_else(|| Err(unsupported(name, TIMESTAMPTZ)), |number| Ok(Some(number)))
}

/// Part of a date. None for a field that infinity does not have.
pub(crate) fn extract_date(name: &str, days: i32) -> SqlResult<Option<Number>> {
    let field = find_field(name, "date")?;
    let is_time = matches!(
        field,
        Field::Unit(Unit::Microseconds | Unit::Milliseconds | Unit::Second | Unit::Minute | Unit::Hour)
    );
    if is_time {
        return Err(unsupported(name, "date"));
    }
    if is_infinite_date(days) {
        return infinite(field, days == DATE_INFINITY, name, "date", false);
    }
    let days = i64::from(days);
    let number = match field {
        Field::Epoch => Some(whole(days * 86_400)),
        Field::Julian => Some(whole(days + EPOCH_JULIAN_DAY)),
        field => of_day(field, days),
    };
    number.map(Some).ok_or_else(|| unsupported(name, "date"))
}

/// Part of a time of day.
pub(crate) fn extract_time(name: &str, time_micros: i64) -> SqlResult<Number> {
    const TYPE: &str = "time without time zone";
    match find_field(name, TYPE)? {
        Field::Epoch => Ok(micros_as_seconds(time_micros.into())),
        field => of_time(field, time_micros).ok_or_else(|| unsupported(name, TYPE)),
    }
}

/// Part of a time of day with a zone.
pub(crate) fn extract_timetz(name: &str, time: TimeTz) -> SqlResult<Number> {
    const TYPE: &str = "time with time zone";
    let field = find_field(name, TYPE)?;
    let number = match field {
        Field::Epoch => Some(micros_as_seconds(time.utc_micros().into())),
        field => of_zone(field, time.east_seconds).or_else(|| of_time(field, time.time_micros)),
    };
    number.ok_or_else(|| unsupported(name, TYPE))
}

/// Part of a span.
pub(crate) fn extract_interval(name: &str, span: Interval) -> SqlResult<Number> {
    let field = find_field(name, "interval")?;
    let (years, months) = (i64::from(span.months / 12), i64::from(span.months % 12));
    let number = match field {
        Field::Epoch => {
            // A year has 365.25 days here.
            let quarter_days = 1461 * i128::from(years) + 120 * i128::from(months) + 4 * i128::from(span.days);
            let seconds = quarter_days * 86_400 / 4;
            micros_as_seconds(seconds * i128::from(SECOND_MICROS) + i128::from(span.micros))
        }
        Field::Unit(Unit::Day) => whole(span.days.into()),
        Field::Unit(Unit::Month) => whole(months),
        Field::Unit(Unit::Quarter) => whole(months / 3 + 1),
        Field::Unit(Unit::Year) => whole(years),
        Field::Unit(Unit::Decade) => whole(years / 10),
        Field::Unit(Unit::Century) => whole(years / 100),
        Field::Unit(Unit::Millennium) => whole(years / 1000),
        field => of_time(field, span.micros).ok_or_else(|| unsupported(name, "interval"))?,
    };
    Ok(number)
}

/// Fields that only grow are infinite; those that come round do not exist.
fn infinite(field: Field, is_positive: bool, name: &str, type_name: &str, has_zone: bool) -> SqlResult<Option<Number>> {
    match field {
        Field::Julian
        | Field::IsoYear
        | Field::Epoch
        | Field::Unit(Unit::Year | Unit::Decade | Unit::Century | Unit::Millennium) => {
            Ok(Some(if is_positive { Number::Infinity } else { Number::NegativeInfinity }))
        }
        Field::Unit(Unit::Timezone | Unit::TimezoneHour | Unit::TimezoneMinute) if !has_zone => {
            Err(unsupported(name, type_name))
        }
        _ => Ok(None),
    }
}

/// A part of what a clock shows; `utc_micros` is the moment.
fn of_moment(field: Field, local_micros: i64, utc_micros: i64) -> SqlResult<Option<Number>> {
    let (days, time_micros) = split_days(local_micros);
    Ok(match field {
        Field::Epoch => Some(micros_as_seconds(utc_micros.into())),
        Field::Julian => {
            let share = whole(time_micros).divided_by(&whole(DAY_MICROS))?;
            Some(whole(days + EPOCH_JULIAN_DAY).plus(&share)?)
        }
        field => of_time(field, time_micros).or_else(|| of_day(field, days)),
    })
}

fn of_time(field: Field, time_micros: i64) -> Option<Number> {
    let below_minute = time_micros % MINUTE_MICROS;
    Some(match field {
        Field::Unit(Unit::Microseconds) => whole(below_minute),
        Field::Unit(Unit::Milliseconds) => Number::small(below_minute.into(), 3),
        Field::Unit(Unit::Second) => micros_as_seconds(below_minute.into()),
        Field::Unit(Unit::Minute) => whole(time_micros / MINUTE_MICROS % 60),
        Field::Unit(Unit::Hour) => whole(time_micros / HOUR_MICROS),
        _ => return None,
    })
}

fn of_zone(field: Field, east_seconds: i32) -> Option<Number> {
    let seconds = i64::from(east_seconds);
    Some(match field {
        Field::Unit(Unit::Timezone) => whole(seconds),
        Field::Unit(Unit::TimezoneHour) => whole(seconds / 3600),
        Field::Unit(Unit::TimezoneMinute) => whole(seconds / 60 % 60),
        _ => return None,
    })
}

fn of_day(field: Field, days: i64) -> Option<Number> {
    let civil = Civil::from_days(days);
    // There is no year 0: what is not positive is counted from 1 BC.
    let shown = |year: i64| if year > 0 { year } else { year - 1 };
    let year = civil.year;
    let runs = |length: i64| {
        if year > 0 { (year + length - 1) / length } else { -((length - 1 - (year - 1)) / length) }
    };
    let value = match field {
        Field::DayOfWeek => day_of_week(days),
        Field::IsoDayOfWeek => (day_of_week(days) + 6) % 7 + 1,
        Field::DayOfYear => civil.day_of_year(),
        Field::IsoYear => shown(iso_year_week(days).0),
        Field::Unit(Unit::Day) => civil.day,
        Field::Unit(Unit::Week) => iso_year_week(days).1,
        Field::Unit(Unit::Month) => civil.month,
        Field::Unit(Unit::Quarter) => (civil.month - 1) / 3 + 1,
        Field::Unit(Unit::Year) => shown(year),
        Field::Unit(Unit::Decade) => {
            if year >= 0 {
                year / 10
            } else {
                -((8 - (year - 1)) / 10)
            }
        }
        Field::Unit(Unit::Century) => runs(100),
        Field::Unit(Unit::Millennium) => runs(1000),
        _ => return None,
    };
    Some(whole(value))
}
