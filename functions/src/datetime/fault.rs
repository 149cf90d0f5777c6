//! What is wrong with the text of a date, a time or an interval.

use super::zone::unknown_zone;
use crate::condition::{Condition, SqlError};

/// What is wrong with a text, before it is known which type it was to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is not one.
    Format,
    /// A field is out of its range.
    Field,
    /// A month or a day is out of its range: perhaps they were meant the other way round.
    MonthOrDay,
    /// A field of an interval is out of its range.
    Interval,
    /// Too far from Greenwich.
    Displacement,
    /// Nobody knows the zone.
    Zone(String),
}

impl Fault {
    /// The failure to read `text` as `type_name`.
    pub(crate) fn error(self, type_name: &str, text: &str) -> SqlError {
        let (condition, what) = match self {
            Fault::Format => {
                let message = format!("invalid input syntax for type {type_name}: \"{text}\"");
                return SqlError::new(Condition::InvalidDatetimeFormat, message);
            }
            Fault::Zone(name) => return unknown_zone(&name),
            Fault::Field | Fault::MonthOrDay => (Condition::DatetimeFieldOverflow, "date/time field value"),
            Fault::Interval => (Condition::IntervalFieldOverflow, "interval field value"),
            Fault::Displacement => (Condition::InvalidTimeZoneDisplacement, "time zone displacement"),
        };
        let error = SqlError::new(condition, format!("{what} out of range: \"{text}\""));
        match self {
            Fault::MonthOrDay => error.hint("Perhaps you need a different \"datestyle\" setting."),
            _ => error,
        }
    }
}
