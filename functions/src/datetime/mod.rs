//! Dates, times and spans of time.
//!
//! ```text
//!   calendar        days and civil days
//!   zone            displacements from Greenwich; abbreviation: their short names
//!   token, word     the pieces of a text; decode, number: what they mean together
//!   text            dates, times and timestamps as text; interval_text, iso_duration: spans
//!   interval        spans: months, days, microseconds
//!   timetz          a time of day with a displacement
//!   arithmetic      moments and spans added and subtracted; field, truncate, make, overlap: what else is asked of them
//!   format          dates and times by templates
//!   operators, functions, zones     what the registry knows
//! ```
//!
//! Everything is a pure function over the numbers that columns hold: days or microseconds since 1970. The greatest and
//! the least number are infinity.

mod abbreviation;
mod arithmetic;
mod calendar;
mod decode;
mod fault;
mod field;
pub mod format;
mod functions;
mod interval;
mod interval_text;
mod iso_duration;
mod kinds;
mod make;
mod number;
mod operators;
mod overlap;
mod text;
mod timetz;
mod token;
mod truncate;
mod values;
mod word;
mod zone;
mod zones;

use crate::registry::{Cast, Function};

pub use arithmetic::{
    age, between_dates, between_timestamps, date_minus, date_plus, date_to_timestamp, date_to_timestamptz, time_plus,
    timestamp_plus, timestamp_to_date, timestamp_to_timestamptz, timestamptz_minus, timestamptz_plus,
    timestamptz_to_timestamp,
};
pub use calendar::{
    Civil, DATE_DAYS_MAX, DATE_DAYS_MIN, DATE_INFINITY, DATE_MINUS_INFINITY, DAY_MICROS, TIMESTAMP_INFINITY,
    TIMESTAMP_MICROS_MIN, TIMESTAMP_MINUS_INFINITY, WIRE_EPOCH_MICROS,
};
pub use decode::{DateOrder, Setting};
pub use interval::{Interval, IntervalFields};
pub use interval_text::{parse_interval, parse_interval_fields, print_interval};
pub use text::{
    parse_date, parse_time, parse_timestamp, parse_timestamptz, parse_timetz, print_date, print_time, print_timestamp,
    print_timestamp_iso, print_timestamptz, print_timestamptz_iso, print_timetz, round_micros, round_time,
};
pub use timetz::TimeTz;
pub use zone::{Displacement, Zone, displacement_text};

pub(crate) use values::{interval_keys, parse_text, text_at};

/// The functions and operators of dates, times and spans.
pub(crate) fn functions() -> Vec<Function> {
    [operators::functions(), functions::functions(), zones::functions(), format::functions()]
        .into_iter()
        .flatten()
        .collect()
}

/// The casts between dates, times and spans.
pub(crate) fn casts() -> Vec<Cast> {
    zones::casts()
}
