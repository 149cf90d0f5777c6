//! Dates, times and spans of time.
//!
//! ```text
//!   calendar        days and civil days
//!   zone            displacements from Greenwich; abbreviation: their short names
//!   token, word     the pieces of a text; decode, number: what they mean together
//!   text            dates, times and timestamps as text; interval_text, iso_duration: spans
//!   interval        spans: months, days, microseconds
//!   timetz          a time of day with a displacement
//! ```
//!
//! Everything is a pure function over the numbers that columns hold: days or microseconds since 1970. The greatest and
//! the least number are infinity.

mod abbreviation;
mod calendar;
mod decode;
mod fault;
mod interval;
mod interval_text;
mod iso_duration;
mod number;
mod text;
mod timetz;
mod token;
mod word;
mod zone;

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
