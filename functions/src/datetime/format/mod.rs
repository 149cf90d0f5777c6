//! Dates and times by templates: `to_char`, `to_date`, `to_timestamp`.
//!
//! ```text
//!   template   a template as its pieces
//!   print      a date, a time or a span through a template
//!   scan       a text through a template
//! ```

mod print;
mod scan;
mod template;

use super::kinds::{Span, zoned_two};
use super::zone::Zone;
use crate::condition::SqlResult;
use crate::registry::{Date, Function, Text, Timestamp, TimestampTz, two};

pub use print::{to_char_interval, to_char_timestamp, to_char_timestamptz};
pub use scan::{to_date, to_timestamp};

pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::new("to_char(timestamp, text) text", two::<Timestamp, Text, Text, _>(to_char_timestamp)).stable(),
        Function::new(
            "to_char(timestamptz, text) text",
            zoned_two::<TimestampTz, Text, Text, _>(|zone, micros, template| {
                to_char_timestamptz(micros, template, zone).map(nonempty)
            }),
        )
        .stable(),
        Function::new("to_char(interval, text) text", two::<Span, Text, Text, _>(to_char_interval)).stable(),
        Function::new("to_date(text, text) date", two::<Text, Text, Date, _>(to_date)).stable(),
        Function::new(
            "to_timestamp(text, text) timestamptz",
            zoned_two::<Text, Text, TimestampTz, _>(|zone: Zone, text, template| -> SqlResult<i64> {
                to_timestamp(text, template, zone)
            }),
        )
        .stable(),
    ]
}

/// An empty result is NULL, as PostgreSQL has it for infinity and for empty templates.
fn nonempty(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}
