//! Times of day at an offset from UTC.
//!
//! Compared by the moment that they are, then by the offset: of two that are the same moment, the more western one is larger.

use std::cmp::Ordering;

use super::datetime;
use crate::error::{Error, Result};

const DAY_MICROS: i64 = 86_400_000_000;
/// The largest offset, either way, in seconds.
const OFFSET_SECONDS_MAX: i32 = 16 * 3600 - 1;

/// A time of day at an offset from UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimeTz {
    micros: i64,
    offset_seconds: i32,
}

impl TimeTz {
    /// The local time `micros` microseconds after midnight, up to 24:00:00, `offset_seconds` east of UTC, under 16 hours.
    pub fn new(micros: i64, offset_seconds: i32) -> Option<Self> {
        let fits =
            (0..=DAY_MICROS).contains(&micros) && (-OFFSET_SECONDS_MAX..=OFFSET_SECONDS_MAX).contains(&offset_seconds);
        fits.then_some(TimeTz { micros, offset_seconds })
    }

    /// Microseconds since local midnight.
    pub fn micros(self) -> i64 {
        self.micros
    }

    /// How far east of UTC, in seconds.
    pub fn offset_seconds(self) -> i32 {
        self.offset_seconds
    }

    /// Microseconds since midnight in UTC, which may be those of the day before or after.
    pub(super) fn utc_micros(self) -> i64 {
        self.micros - i64::from(self.offset_seconds) * 1_000_000
    }
}

impl Ord for TimeTz {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_moment = self.utc_micros().cmp(&other.utc_micros());
        by_moment.then_with(|| other.offset_seconds.cmp(&self.offset_seconds))
    }
}

impl PartialOrd for TimeTz {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// `14:05:09.25+01:00`, `14:05:09Z`.
pub(crate) fn time_tz_text(time: TimeTz) -> String {
    let clock = match datetime::time_from_micros(time.micros) {
        Ok(clock) => datetime::time_text(clock),
        Err(_) => "24:00:00".to_owned(),
    };
    let seconds = time.offset_seconds.abs();
    let sign = if time.offset_seconds < 0 { '-' } else { '+' };
    match (seconds, seconds % 60) {
        (0, _) => format!("{clock}Z"),
        (_, 0) => format!("{clock}{sign}{:02}:{:02}", seconds / 3600, seconds / 60 % 60),
        (_, rest) => format!("{clock}{sign}{:02}:{:02}:{rest:02}", seconds / 3600, seconds / 60 % 60),
    }
}

/// Reads `14:05`, `14:05:09.25`, each with `Z` or an offset such as `+01`, `+01:00` or `-01:30:15` behind it.
pub(crate) fn parse_time_tz(text: &str) -> Result<TimeTz> {
    take_time_tz(text).ok_or_else(|| {
        let shown: String = text.chars().take(64).collect();
        Error::invalid(format!("{shown:?} is no timetz; write it as 14:05:09.25+01:00"))
    })
}

fn take_time_tz(text: &str) -> Option<TimeTz> {
    let end = text.find(['Z', 'z', '+', '-'])?;
    let (clock, offset) = text.split_at(end);
    let micros = match clock {
        "24:00" | "24:00:00" => DAY_MICROS,
        clock => datetime::time_micros(datetime::parse_time(clock).ok()?),
    };
    TimeTz::new(micros, offset_seconds(offset)?)
}

fn offset_seconds(text: &str) -> Option<i32> {
    if text == "Z" || text == "z" {
        return Some(0);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let digits: String = text.get(1..)?.chars().filter(|c| *c != ':').collect();
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) || !matches!(digits.len(), 2 | 4 | 6) {
        return None;
    }
    let part = |start: usize| digits.get(start..start + 2).map_or(Some(0), |part| part.parse::<i32>().ok());
    let (hours, minutes, seconds) = (part(0)?, part(2)?, part(4)?);
    (minutes < 60 && seconds < 60).then_some(sign * (hours * 3600 + minutes * 60 + seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_offset_of_damaged_bytes_is_taken() {
        for offset_seconds in [i32::MIN, i32::MAX, OFFSET_SECONDS_MAX + 1, -OFFSET_SECONDS_MAX - 1] {
            assert_eq!(TimeTz::new(0, offset_seconds), None);
        }
        assert!(TimeTz::new(0, -OFFSET_SECONDS_MAX).is_some());
    }
}
