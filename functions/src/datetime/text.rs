//! Dates, times and timestamps as text, both ways.

use std::fmt::Write;

use super::calendar::{
    Civil, DATE_INFINITY, DATE_MINUS_INFINITY, DAY_MICROS, HOUR_MICROS, MINUTE_MICROS, SECOND_MICROS,
    TIMESTAMP_INFINITY, TIMESTAMP_MINUS_INFINITY, join_days, split_days,
};
use super::decode::{DateOrder, Fields, Setting, Special, decode};
use super::fault::Fault;
use super::timetz::TimeTz;
use super::token::tokens;
use super::zone::{Zone, displacement_text};
use crate::condition::{Condition, SqlError, SqlResult};
use crate::environment::Environment;

impl Setting {
    /// What a session reads dates against.
    pub fn of(environment: &Environment) -> Self {
        Setting {
            zone: environment.time_zone(),
            order: DateOrder::default(),
            now_micros: environment.transaction_time_micros(),
        }
    }
}

fn out_of_range(what: &str, text: &str) -> SqlError {
    SqlError::new(Condition::DatetimeFieldOverflow, format!("{what} out of range: \"{text}\""))
}

fn read(text: &str, setting: &Setting, type_name: &str, wants_time: bool) -> SqlResult<Fields> {
    let fields = tokens(text).and_then(|tokens| decode(&tokens, setting, wants_time)).and_then(|fields| {
        let has_all = if wants_time { fields.has_time() } else { fields.has_date() };
        if has_all { Ok(fields) } else { Err(Fault::Format) }
    });
    fields.map_err(|fault| fault.error(type_name, text))
}

/// Reads a date: days since 1970.
pub fn parse_date(text: &str, setting: &Setting) -> SqlResult<i32> {
    let fields = read(text, setting, "date", false)?;
    match fields.special {
        Some(Special::Epoch) => Ok(0),
        Some(Special::Infinity) => Ok(DATE_INFINITY),
        Some(Special::MinusInfinity) => Ok(DATE_MINUS_INFINITY),
        None if fields.civil().is_in_range() => {
            Ok(i32::try_from(fields.civil().days()).expect("days in the range of dates fit"))
        }
        None => Err(out_of_range("date", text)),
    }
}

/// Reads a time of day: microseconds since midnight, at most 24 hours. A zone in it is not looked at.
pub fn parse_time(text: &str, setting: &Setting) -> SqlResult<i64> {
    let fields = read(text, setting, "time", true)?;
    match fields.special {
        None => Ok(fields.time_micros),
        Some(_) => Err(Fault::Format.error("time", text)),
    }
}

/// Reads a time of day with a zone; without one, the session's of the day that is given or of today.
pub fn parse_timetz(text: &str, setting: &Setting) -> SqlResult<TimeTz> {
    let fields = read(text, setting, "time with time zone", true)?;
    if fields.special.is_some() {
        return Err(Fault::Format.error("time with time zone", text));
    }
    let zone = match fields.zone {
        Some(named) if named.is_place && !fields.has_date() => {
            return Err(Fault::Format.error("time with time zone", text));
        }
        Some(named) => named.zone,
        None => setting.zone,
    };
    let days = if fields.has_date() {
        fields.civil().days()
    } else {
        split_days(setting.zone.to_local(setting.now_micros).unwrap_or_default()).0
    };
    let east_seconds = join_days(days, fields.time_micros).map_or(0, |local| zone.east_seconds_of_local(local));
    Ok(TimeTz { time_micros: fields.time_micros, east_seconds })
}

fn special_timestamp(special: Special) -> i64 {
    match special {
        Special::Epoch => 0,
        Special::Infinity => TIMESTAMP_INFINITY,
        Special::MinusInfinity => TIMESTAMP_MINUS_INFINITY,
    }
}

fn local_micros(fields: &Fields, text: &str) -> SqlResult<i64> {
    if !fields.civil().is_in_range() {
        return Err(out_of_range("timestamp", text));
    }
    join_days(fields.civil().days(), fields.time_micros).ok_or_else(|| out_of_range("timestamp", text))
}

/// Reads a timestamp without a zone: microseconds since 1970 on that clock. A zone in it is not looked at.
pub fn parse_timestamp(text: &str, setting: &Setting) -> SqlResult<i64> {
    let fields = read(text, setting, "timestamp", false)?;
    fields.special.map_or_else(|| local_micros(&fields, text), |special| Ok(special_timestamp(special)))
}

/// Reads a timestamp with a zone, the session's where it names none: microseconds since 1970 at Greenwich.
pub fn parse_timestamptz(text: &str, setting: &Setting) -> SqlResult<i64> {
    let fields = read(text, setting, "timestamp with time zone", false)?;
    if let Some(special) = fields.special {
        return Ok(special_timestamp(special));
    }
    let zone = fields.zone.map_or(setting.zone, |named| named.zone);
    let local = local_micros(&fields, text)?;
    zone.to_utc(local)
        .filter(|micros| super::calendar::is_finite_timestamp(*micros))
        .ok_or_else(|| out_of_range("timestamp", text))
}

/// Appends `1999-01-08`; the era goes after the time.
fn push_day(out: &mut String, civil: Civil) {
    let year = if civil.year > 0 { civil.year } else { 1 - civil.year };
    let _ = write!(out, "{year:04}-{:02}-{:02}", civil.month, civil.day);
}

fn push_era(out: &mut String, civil: Civil) {
    if civil.year <= 0 {
        out.push_str(" BC");
    }
}

/// Appends `04:05:06.789`.
fn push_clock(out: &mut String, time_micros: i64) {
    let (hours, rest) = (time_micros / HOUR_MICROS, time_micros % HOUR_MICROS);
    let (minutes, rest) = (rest / MINUTE_MICROS, rest % MINUTE_MICROS);
    let _ = write!(out, "{hours:02}:{minutes:02}:{:02}", rest / SECOND_MICROS);
    push_fraction(out, rest % SECOND_MICROS);
}

/// Appends `.789`, or nothing.
pub(super) fn push_fraction(out: &mut String, micros: i64) {
    if micros != 0 {
        let digits = format!("{micros:06}");
        out.push('.');
        out.push_str(digits.trim_end_matches('0'));
    }
}

/// A date as PostgreSQL prints it.
pub fn print_date(days: i32) -> String {
    match days {
        DATE_INFINITY => "infinity".to_owned(),
        DATE_MINUS_INFINITY => "-infinity".to_owned(),
        _ => {
            let civil = Civil::from_days(days.into());
            let mut out = String::with_capacity(10);
            push_day(&mut out, civil);
            push_era(&mut out, civil);
            out
        }
    }
}

/// A time of day as PostgreSQL prints it.
pub fn print_time(time_micros: i64) -> String {
    let mut out = String::with_capacity(15);
    push_clock(&mut out, time_micros);
    out
}

/// A time of day with a zone as PostgreSQL prints it.
pub fn print_timetz(time: TimeTz) -> String {
    print_time(time.time_micros) + &displacement_text(time.east_seconds)
}

/// A timestamp as PostgreSQL prints it.
pub fn print_timestamp(micros: i64) -> String {
    timestamp_text(micros, ' ', "")
}

/// A timestamp with a zone as PostgreSQL prints it in a session in `zone`.
pub fn print_timestamptz(micros: i64, zone: Zone) -> String {
    let east_seconds = zone.east_seconds(micros);
    timestamp_text(local_of(micros, east_seconds), ' ', &displacement_text(east_seconds))
}

fn local_of(micros: i64, east_seconds: i32) -> i64 {
    match micros {
        TIMESTAMP_INFINITY | TIMESTAMP_MINUS_INFINITY => micros,
        _ => micros.saturating_add(i64::from(east_seconds) * SECOND_MICROS),
    }
}

/// A timestamp as JSON has it: `2000-01-01T10:00:00`.
pub fn print_timestamp_iso(micros: i64) -> String {
    timestamp_text(micros, 'T', "")
}

/// A timestamp with a zone as JSON has it: `2000-01-01T10:00:00+02:00`.
pub fn print_timestamptz_iso(micros: i64, zone: Zone) -> String {
    let east_seconds = zone.east_seconds(micros);
    let mut displacement = displacement_text(east_seconds);
    if displacement.len() == 3 {
        displacement.push_str(":00");
    }
    timestamp_text(local_of(micros, east_seconds), 'T', &displacement)
}

fn timestamp_text(micros: i64, separator: char, displacement: &str) -> String {
    match micros {
        TIMESTAMP_INFINITY => return "infinity".to_owned(),
        TIMESTAMP_MINUS_INFINITY => return "-infinity".to_owned(),
        _ => {}
    }
    let (days, time_micros) = split_days(micros);
    let civil = Civil::from_days(days);
    let mut out = String::with_capacity(32);
    push_day(&mut out, civil);
    out.push(separator);
    push_clock(&mut out, time_micros);
    out.push_str(displacement);
    push_era(&mut out, civil);
    out
}

/// Rounds microseconds to `digits` after the point of a second; infinity stays.
pub fn round_micros(micros: i64, digits: u32) -> i64 {
    if digits >= 6 || micros == TIMESTAMP_INFINITY || micros == TIMESTAMP_MINUS_INFINITY {
        return micros;
    }
    let unit = 10_i64.pow(6 - digits);
    let half = unit / 2;
    // Halves go away from zero, which PostgreSQL has at the year 2000.
    let shifted = micros.saturating_sub(super::calendar::WIRE_EPOCH_MICROS);
    let rounded = if shifted >= 0 {
        shifted.saturating_add(half) / unit * unit
    } else {
        -(half.saturating_sub(shifted) / unit * unit)
    };
    rounded.saturating_add(super::calendar::WIRE_EPOCH_MICROS)
}

/// Rounds a time of day to `digits` after the point of a second.
pub fn round_time(time_micros: i64, digits: u32) -> i64 {
    if digits >= 6 {
        return time_micros;
    }
    let unit = 10_i64.pow(6 - digits);
    ((time_micros + unit / 2) / unit * unit).min(DAY_MICROS)
}
