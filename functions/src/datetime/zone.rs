//! Time zones: by name, or a displacement from Greenwich.
//!
//! - A local time that clocks skip is read by the displacement before the change, one that they show twice by that
//!   after it.
//! - Rules are known up to the year 2037; later years are taken for earlier ones with the same calendar.

use std::collections::HashMap;
use std::sync::LazyLock;

use chrono::{DateTime, Offset, TimeZone};
use chrono_tz::{OffsetComponents, OffsetName, TZ_VARIANTS, Tz};

use super::abbreviation::find_abbreviation;
use super::calendar::{Civil, DAY_MICROS, SECOND_MICROS, day_of_week, is_leap_year, split_days};
use crate::condition::{Condition, SqlError, SqlResult};

/// What turns moments into times on the wall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone {
    /// The rules of a place.
    Named(Tz),
    /// Always the same.
    Fixed {
        /// Seconds ahead of Greenwich.
        east_seconds: i32,
    },
}

impl From<Tz> for Zone {
    fn from(zone: Tz) -> Self {
        Zone::Named(zone)
    }
}

/// How far clocks are ahead of Greenwich at a moment, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Displacement {
    /// Seconds ahead of Greenwich.
    pub east_seconds: i32,
    /// Whether summer time is part of it.
    pub is_summer: bool,
}

impl Zone {
    /// Greenwich.
    pub const UTC: Zone = Zone::Fixed { east_seconds: 0 };

    /// How far clocks are ahead of Greenwich at a moment in microseconds since 1970.
    pub fn displacement(self, utc_micros: i64) -> Displacement {
        match self {
            Zone::Fixed { east_seconds } => Displacement { east_seconds, is_summer: false },
            Zone::Named(Tz::UTC) => Displacement { east_seconds: 0, is_summer: false },
            Zone::Named(zone) => {
                let moment = known_moment(utc_micros);
                let offset = zone.offset_from_utc_datetime(&moment.naive_utc());
                Displacement { east_seconds: offset.fix().local_minus_utc(), is_summer: !offset.dst_offset().is_zero() }
            }
        }
    }

    /// Seconds ahead of Greenwich at a moment in microseconds since 1970.
    pub fn east_seconds(self, utc_micros: i64) -> i32 {
        self.displacement(utc_micros).east_seconds
    }

    /// Seconds ahead of Greenwich when the clock on the wall shows `local_micros`.
    pub fn east_seconds_of_local(self, local_micros: i64) -> i32 {
        if let Zone::Fixed { east_seconds } = self {
            return east_seconds;
        }
        let before = self.east_seconds(local_micros.saturating_sub(DAY_MICROS));
        let after = self.east_seconds(local_micros.saturating_add(DAY_MICROS));
        let fits = |seconds: i32| {
            self.east_seconds(local_micros.saturating_sub(i64::from(seconds) * SECOND_MICROS)) == seconds
        };
        if before != after && fits(after) { after } else { before }
    }

    /// The moment at which the clock on the wall shows `local_micros`, if timestamps reach it.
    pub fn to_utc(self, local_micros: i64) -> Option<i64> {
        local_micros.checked_sub(i64::from(self.east_seconds_of_local(local_micros)) * SECOND_MICROS)
    }

    /// What the clock on the wall shows at a moment, if timestamps reach it.
    pub fn to_local(self, utc_micros: i64) -> Option<i64> {
        utc_micros.checked_add(i64::from(self.east_seconds(utc_micros)) * SECOND_MICROS)
    }

    /// The abbreviation in use at a moment, in capitals: `CEST`; a displacement where there is none.
    pub fn abbreviation(self, utc_micros: i64) -> String {
        match self {
            Zone::Fixed { east_seconds } => displacement_text(east_seconds),
            Zone::Named(zone) => {
                let moment = known_moment(utc_micros);
                let offset = zone.offset_from_utc_datetime(&moment.naive_utc());
                match offset.abbreviation() {
                    Some(name) => name.to_owned(),
                    None => displacement_text(offset.fix().local_minus_utc()),
                }
            }
        }
    }

    /// The name by which the setting `TimeZone` shows the zone.
    pub fn name(self) -> String {
        match self {
            Zone::Named(zone) => zone.name().to_owned(),
            Zone::Fixed { east_seconds } => {
                format!("<{}>{}", displacement_text(east_seconds), displacement_text(-east_seconds))
            }
        }
    }

    /// The zone of a name: of a place, an abbreviation, a displacement to the east (`+02:00`), or as POSIX has it
    /// (`GMT-2`, to the west).
    pub fn parse(name: &str) -> SqlResult<Zone> {
        let lowercase = name.trim().to_ascii_lowercase();
        find_abbreviation(&lowercase)
            .map(|(east_seconds, _)| Zone::Fixed { east_seconds })
            .or_else(|| Zone::of_place(&lowercase))
            .or_else(|| read_displacement(&lowercase))
            .ok_or_else(|| unknown_zone(name))
    }

    /// The zone that a value of the setting `TimeZone` names; a bare number is hours to the east.
    pub fn parse_setting(name: &str) -> SqlResult<Zone> {
        let trimmed = name.trim();
        if let Ok(hours) = trimmed.parse::<f64>() {
            if hours.abs() > 15.0 {
                return Err(unknown_zone(name));
            }
            #[allow(clippy::cast_possible_truncation, reason = "within 15 hours")]
            return Ok(Zone::Fixed { east_seconds: (hours * 3600.0).round() as i32 });
        }
        let lowercase = trimmed.to_ascii_lowercase();
        Zone::of_place(&lowercase).or_else(|| read_displacement(&lowercase)).ok_or_else(|| unknown_zone(name))
    }

    /// The zone of a place by its name in lowercase, or of a displacement as POSIX writes it.
    pub(super) fn of_place(lowercase: &str) -> Option<Zone> {
        static BY_NAME: LazyLock<HashMap<String, Tz>> =
            LazyLock::new(|| TZ_VARIANTS.iter().map(|zone| (zone.name().to_ascii_lowercase(), *zone)).collect());
        BY_NAME.get(lowercase).map(|zone| Zone::Named(*zone)).or_else(|| read_posix(lowercase))
    }
}

/// PostgreSQL's words for a zone that nobody knows.
pub(super) fn unknown_zone(name: &str) -> SqlError {
    SqlError::new(Condition::InvalidParameterValue, format!("time zone \"{name}\" not recognized"))
}

/// The moment, or one for which the rules are known and whose year has the same calendar.
fn known_moment(utc_micros: i64) -> DateTime<chrono::Utc> {
    let (days, time_micros) = split_days(utc_micros);
    let civil = Civil::from_days(days);
    let year = match civil.year {
        2038.. => year_like(civil.year),
        ..1800 => 1800,
        known => known,
    };
    let day = if year < 1801 { 1 } else { civil.day };
    let known_days = Civil { year, month: civil.month, day }.days();
    DateTime::from_timestamp(known_days * 86_400 + time_micros / SECOND_MICROS, 0)
        .expect("a moment between 1800 and 2038 is one of chrono's")
}

/// A year from 2010 to 2037 that begins on the same weekday and is as long.
fn year_like(year: i64) -> i64 {
    let shape = |year: i64| (day_of_week(Civil { year, month: 1, day: 1 }.days()), is_leap_year(year));
    let wanted = shape(year);
    (2010..2038).rev().find(|candidate| shape(*candidate) == wanted).unwrap_or(2037)
}

/// `+02`, `-03:30`: the least that says it.
pub fn displacement_text(east_seconds: i32) -> String {
    let sign = if east_seconds < 0 { '-' } else { '+' };
    let seconds = east_seconds.unsigned_abs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (minutes, seconds) {
        (0, 0) => format!("{sign}{hours:02}"),
        (_, 0) => format!("{sign}{hours:02}:{minutes:02}"),
        _ => format!("{sign}{hours:02}:{minutes:02}:{seconds:02}"),
    }
}

/// `+02:00`, to the east.
fn read_displacement(text: &str) -> Option<Zone> {
    let digits = text.strip_prefix(['+', '-'])?;
    let seconds = read_clock(digits)?;
    let east_seconds = if text.starts_with('-') { -seconds } else { seconds };
    // PostgreSQL reads a bare displacement in this place as POSIX does, with the sign the other way round.
    Some(Zone::Fixed { east_seconds: -east_seconds })
}

/// `utc+3`, `<+03>-03`: a name and the displacement to the west.
fn read_posix(text: &str) -> Option<Zone> {
    let rest = match text.strip_prefix('<') {
        Some(quoted) => quoted.split_once('>')?.1,
        None => {
            let letters = text.bytes().take_while(u8::is_ascii_alphabetic).count();
            if letters < 3 {
                return None;
            }
            &text[letters..]
        }
    };
    let west = read_clock(rest.strip_prefix(['+', '-']).unwrap_or(rest))?;
    Some(Zone::Fixed { east_seconds: if rest.starts_with('-') { west } else { -west } })
}

/// `3`, `03:30`, `0330`, `03:30:15` in seconds.
fn read_clock(text: &str) -> Option<i32> {
    let mut parts = text.split(':');
    let first = parts.next()?;
    if first.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b':') {
        return None;
    }
    let number: i32 = first.parse().ok()?;
    let (hours, mut minutes) = if first.len() > 2 { (number / 100, number % 100) } else { (number, 0) };
    if let Some(part) = parts.next() {
        minutes = part.parse().ok()?;
    }
    let seconds: i32 = parts.next().map_or(Some(0), |part| part.parse().ok())?;
    let is_clock = parts.next().is_none() && hours <= 167 && minutes < 60 && seconds < 60;
    is_clock.then(|| hours * 3600 + minutes * 60 + seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(year: i64, month: i64, day: i64, hour: i64, minute: i64) -> i64 {
        (Civil { year, month, day }.days() * 1440 + hour * 60 + minute) * 60 * SECOND_MICROS
    }

    #[test]
    fn skipped_times_are_read_as_before_and_repeated_ones_as_after() {
        let zone = Zone::parse("America/New_York").unwrap();
        assert_eq!(zone.east_seconds_of_local(local(2021, 3, 14, 2, 30)), -5 * 3600);
        assert_eq!(zone.east_seconds_of_local(local(2021, 11, 7, 1, 30)), -5 * 3600);
        assert_eq!(zone.east_seconds_of_local(local(2021, 3, 14, 3, 30)), -4 * 3600);
        assert_eq!(zone.east_seconds_of_local(local(2021, 11, 7, 0, 30)), -4 * 3600);
        assert_eq!(zone.east_seconds_of_local(local(2345, 7, 1, 0, 0)), -4 * 3600);
    }

    #[test]
    fn zones_have_many_names() {
        let fixed = |hours: i32| Zone::Fixed { east_seconds: hours * 3600 };
        assert_eq!(Zone::parse("europe/BERLIN").unwrap(), Zone::Named(Tz::Europe__Berlin));
        assert_eq!(Zone::parse("cet").unwrap(), fixed(1));
        assert_eq!(Zone::parse("GMT+3").unwrap(), fixed(-3));
        assert_eq!(Zone::parse("+3").unwrap(), fixed(-3));
        assert_eq!(Zone::parse_setting("3").unwrap(), fixed(3));
        assert_eq!(fixed(3).name(), "<+03>-03");
        assert_eq!(Zone::parse("nowhere").unwrap_err().message, "time zone \"nowhere\" not recognized");
    }
}
