//! Dates and times as text: PostgreSQL's own and ISO 8601's forms, both read, one of each written.
//!
//! ```text
//!   date          2026-11-23                 0044-03-15 BC
//!   time          14:05:09.25
//!   timestamp     2026-11-23 14:05:09.25     with T instead of the space in JSON
//!   timestamptz   2026-11-23 14:05:09.25+00  in JSON 2026-11-23T14:05:09.25Z; read with any offset
//! ```
//!
//! Microseconds: further digits are rounded. A timestamptz without an offset is refused, because which moment it means
//! depends on who reads it; an offset on a timestamp is refused, because it would be ignored.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike, Utc};

use crate::error::{Error, Result};

pub(crate) fn date_text(date: NaiveDate) -> String {
    match date.year() {
        year if year > 0 => day_text(year, date),
        year => format!("{} BC", day_text(1 - year, date)),
    }
}

fn day_text(year: i32, date: NaiveDate) -> String {
    format!("{year:04}-{:02}-{:02}", date.month(), date.day())
}

pub(crate) fn time_text(time: NaiveTime) -> String {
    let whole = format!("{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second());
    match time.nanosecond() / 1_000 {
        0 => whole,
        micros => format!("{whole}.{micros:06}").trim_end_matches('0').to_owned(),
    }
}

/// `2026-11-23T14:05:09`.
pub(crate) fn timestamp_text(timestamp: NaiveDateTime) -> String {
    joined(timestamp, "")
}

/// `2026-11-23T14:05:09Z`.
pub(crate) fn timestamptz_text(moment: DateTime<Utc>) -> String {
    joined(moment.naive_utc(), "Z")
}

fn joined(timestamp: NaiveDateTime, zone: &str) -> String {
    let (date, time) = (timestamp.date(), time_text(timestamp.time()));
    match date.year() {
        year if year > 0 => format!("{}T{time}{zone}", day_text(year, date)),
        year => format!("{}T{time}{zone} BC", day_text(1 - year, date)),
    }
}

/// Reads `2026-11-23`.
pub(crate) fn parse_date(text: &str) -> Result<NaiveDate> {
    let (text_ad, before_christ) = era(text);
    let mut rest = text_ad;
    let date = take_date(&mut rest, before_christ).filter(|_| rest.is_empty());
    date.ok_or_else(|| unreadable("date", text, "2026-11-23"))
}

/// Reads `14:05`, `14:05:09`, `14:05:09.25`.
pub(crate) fn parse_time(text: &str) -> Result<NaiveTime> {
    let mut rest = text;
    let time = take_time(&mut rest).filter(|_| rest.is_empty()).and_then(|micros| time_from_micros(micros).ok());
    time.ok_or_else(|| unreadable("time", text, "14:05:09.25"))
}

/// Reads `2026-11-23T14:05:09.25`, `2026-11-23 14:05`, `2026-11-23`.
pub(crate) fn parse_timestamp(text: &str) -> Result<NaiveDateTime> {
    let (mut rest, before_christ) = era(text);
    let timestamp = take_timestamp(&mut rest, before_christ).filter(|_| rest.is_empty());
    timestamp.ok_or_else(|| unreadable("timestamp", text, "2026-11-23T14:05:09.25, without an offset"))
}

/// Reads `2026-11-23T14:05:09.25Z`, `2026-11-23 14:05+01`, `...+01:00`.
pub(crate) fn parse_timestamptz(text: &str) -> Result<DateTime<Utc>> {
    let (mut rest, before_christ) = era(text);
    let moment = take_timestamp(&mut rest, before_christ)
        .and_then(|local| local.checked_sub_signed(parse_offset(rest)?))
        .map(|utc| utc.and_utc());
    moment.ok_or_else(|| unreadable("timestamptz", text, "2026-11-23T14:05:09.25Z, with Z or an offset"))
}

fn unreadable(what: &str, text: &str, example: &str) -> Error {
    let shown: String = text.chars().take(64).collect();
    Error::invalid(format!("{shown:?} is no {what}; write it as {example}"))
}

fn era(text: &str) -> (&str, bool) {
    match text.strip_suffix(" BC") {
        Some(text) => (text, true),
        None => (text, false),
    }
}

/// Takes `least` to `most` digits off the front.
fn take_number(rest: &mut &str, least: usize, most: usize) -> Option<u32> {
    let length = rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
    let (digits, behind) = rest.split_at(length);
    *rest = behind;
    if length < least { None } else { digits.parse().ok() }
}

fn take_mark(rest: &mut &str, marks: &[char]) -> Option<()> {
    *rest = rest.strip_prefix(marks)?;
    Some(())
}

fn take_date(rest: &mut &str, before_christ: bool) -> Option<NaiveDate> {
    let year = i32::try_from(take_number(rest, 4, 6)?).ok().filter(|year| *year > 0)?;
    take_mark(rest, &['-'])?;
    let month = take_number(rest, 2, 2)?;
    take_mark(rest, &['-'])?;
    let day = take_number(rest, 2, 2)?;
    NaiveDate::from_ymd_opt(if before_christ { 1 - year } else { year }, month, day)
}

/// Microseconds since midnight; up to 24:00:00, which rounding can reach.
fn take_time(rest: &mut &str) -> Option<i64> {
    let hour = take_number(rest, 2, 2).filter(|hour| *hour < 24)?;
    take_mark(rest, &[':'])?;
    let minute = take_number(rest, 2, 2).filter(|minute| *minute < 60)?;
    let mut micros = i64::from(hour * 60 + minute) * 60_000_000;
    if take_mark(rest, &[':']).is_some() {
        micros += i64::from(take_number(rest, 2, 2).filter(|second| *second < 60)?) * 1_000_000;
        if take_mark(rest, &['.']).is_some() {
            micros += take_fraction(rest)?;
        }
    }
    Some(micros)
}

fn take_fraction(rest: &mut &str) -> Option<i64> {
    let length = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, behind) = rest.split_at(length);
    *rest = behind;
    if length == 0 {
        return None;
    }
    let kept = &digits[..length.min(7)];
    let tenths: i64 = format!("{kept:0<7}").parse().ok()?;
    Some((tenths + 5) / 10)
}

fn take_timestamp(rest: &mut &str, before_christ: bool) -> Option<NaiveDateTime> {
    let date = take_date(rest, before_christ)?;
    let micros = match take_mark(rest, &['T', ' ', 't']) {
        Some(()) => take_time(rest)?,
        None => 0,
    };
    date.and_time(NaiveTime::MIN).checked_add_signed(TimeDelta::microseconds(micros))
}

fn parse_offset(text: &str) -> Option<TimeDelta> {
    if text == "Z" || text == "z" {
        return Some(TimeDelta::zero());
    }
    let negative = text.starts_with('-');
    let mut rest = text.strip_prefix(['+', '-'])?;
    let hours = take_number(&mut rest, 2, 2).filter(|hours| *hours < 16)?;
    let minutes = match rest.is_empty() {
        true => 0,
        false => {
            // Both +01:00 and +0100 are in use.
            let _ = take_mark(&mut rest, &[':']);
            take_number(&mut rest, 2, 2).filter(|minutes| *minutes < 60)?
        }
    };
    let offset = TimeDelta::minutes(i64::from(hours * 60 + minutes));
    rest.is_empty().then_some(if negative { -offset } else { offset })
}

/// The time of day that many microseconds after midnight.
pub(crate) fn time_from_micros(micros: i64) -> Result<NaiveTime> {
    let seconds = u32::try_from(micros.div_euclid(1_000_000)).ok();
    let nanos = u32::try_from(micros.rem_euclid(1_000_000) * 1_000).unwrap_or(0);
    seconds
        .and_then(|seconds| NaiveTime::from_num_seconds_from_midnight_opt(seconds, nanos))
        .ok_or_else(|| Error::invalid(format!("{micros} microseconds after midnight are not a time of day")))
}

/// Microseconds since midnight.
pub(crate) fn time_micros(time: NaiveTime) -> i64 {
    i64::from(time.num_seconds_from_midnight()) * 1_000_000 + i64::from(time.nanosecond() / 1_000)
}
