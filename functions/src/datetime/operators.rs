//! The operators of dates, times and spans.

use super::arithmetic::{
    between_dates, between_timestamps, date_minus, date_plus, date_plus_time, date_to_timestamp, time_plus,
    timestamp_plus, timestamptz_minus, timestamptz_plus, timetz_plus,
};
use super::arithmetic::{is_infinite, timestamp_out_of_range};
use super::interval::Interval;
use super::kinds::{ClockTz, Span, zoned_two};
use super::timetz::TimeTz;
use crate::condition::SqlResult;
use crate::registry::{Date, Float8, Function, Int4, Time, Timestamp, TimestampTz, one, two};

pub(super) fn functions() -> Vec<Function> {
    [dates(), times(), timestamps(), spans()].into_iter().flatten().collect()
}

fn dates() -> Vec<Function> {
    vec![
        Function::new("+(date, int4) date", two::<Date, Int4, Date, _>(date_plus)),
        Function::new("+(int4, date) date", two::<Int4, Date, Date, _>(|more, days| date_plus(days, more))),
        Function::new("-(date, int4) date", two::<Date, Int4, Date, _>(date_minus)),
        Function::new("-(date, date) int4", two::<Date, Date, Int4, _>(between_dates)),
        Function::new("+(date, interval) timestamp", two::<Date, Span, Timestamp, _>(date_plus_span)),
        Function::new(
            "+(interval, date) timestamp",
            two::<Span, Date, Timestamp, _>(|span, days| date_plus_span(days, span)),
        ),
        Function::new(
            "-(date, interval) timestamp",
            two::<Date, Span, Timestamp, _>(|days, span| date_plus_span(days, span.negated()?)),
        ),
        Function::new("+(date, time) timestamp", two::<Date, Time, Timestamp, _>(date_plus_time)),
        Function::new(
            "+(time, date) timestamp",
            two::<Time, Date, Timestamp, _>(|time, days| date_plus_time(days, time)),
        ),
        Function::new("+(date, timetz) timestamptz", two::<Date, ClockTz, TimestampTz, _>(date_plus_timetz)),
        Function::new(
            "+(timetz, date) timestamptz",
            two::<ClockTz, Date, TimestampTz, _>(|time, days| date_plus_timetz(days, time)),
        ),
    ]
}

fn date_plus_span(days: i32, span: Interval) -> SqlResult<i64> {
    timestamp_plus(date_to_timestamp(days)?, span)
}

fn date_plus_timetz(days: i32, time: TimeTz) -> SqlResult<i64> {
    let midnight = date_to_timestamp(days)?;
    if is_infinite(midnight) {
        return Ok(midnight);
    }
    midnight.checked_add(time.utc_micros()).ok_or_else(timestamp_out_of_range)
}

fn times() -> Vec<Function> {
    vec![
        Function::new("+(time, interval) time", two::<Time, Span, Time, _>(time_plus)),
        Function::new("+(interval, time) time", two::<Span, Time, Time, _>(|span, time| time_plus(time, span))),
        Function::new(
            "-(time, interval) time",
            two::<Time, Span, Time, _>(|time, span| Ok::<_, crate::SqlError>(time_plus(time, span.negated()?))),
        ),
        Function::new(
            "-(time, time) interval",
            two::<Time, Time, Span, _>(|later, earlier| Interval::new(0, 0, later - earlier)),
        ),
        Function::new("+(timetz, interval) timetz", two::<ClockTz, Span, ClockTz, _>(timetz_plus)),
        Function::new(
            "+(interval, timetz) timetz",
            two::<Span, ClockTz, ClockTz, _>(|span, time| timetz_plus(time, span)),
        ),
        Function::new(
            "-(timetz, interval) timetz",
            two::<ClockTz, Span, ClockTz, _>(|time, span| Ok::<_, crate::SqlError>(timetz_plus(time, span.negated()?))),
        ),
    ]
}

fn timestamps() -> Vec<Function> {
    vec![
        Function::new("+(timestamp, interval) timestamp", two::<Timestamp, Span, Timestamp, _>(timestamp_plus)),
        Function::new(
            "+(interval, timestamp) timestamp",
            two::<Span, Timestamp, Timestamp, _>(|span, micros| timestamp_plus(micros, span)),
        ),
        Function::new(
            "-(timestamp, interval) timestamp",
            two::<Timestamp, Span, Timestamp, _>(|micros, span| timestamp_plus(micros, span.negated()?)),
        ),
        Function::new("-(timestamp, timestamp) interval", two::<Timestamp, Timestamp, Span, _>(between_timestamps)),
        Function::new(
            "+(timestamptz, interval) timestamptz",
            zoned_two::<TimestampTz, Span, TimestampTz, _>(|zone, micros, span| timestamptz_plus(micros, span, zone)),
        )
        .stable(),
        Function::new(
            "+(interval, timestamptz) timestamptz",
            zoned_two::<Span, TimestampTz, TimestampTz, _>(|zone, span, micros| timestamptz_plus(micros, span, zone)),
        )
        .stable(),
        Function::new(
            "-(timestamptz, interval) timestamptz",
            zoned_two::<TimestampTz, Span, TimestampTz, _>(|zone, micros, span| timestamptz_minus(micros, span, zone)),
        )
        .stable(),
        Function::new(
            "-(timestamptz, timestamptz) interval",
            two::<TimestampTz, TimestampTz, Span, _>(between_timestamps),
        ),
    ]
}

fn spans() -> Vec<Function> {
    vec![
        Function::new("-(interval) interval", one::<Span, Span, _>(Interval::negated)),
        Function::new("+(interval, interval) interval", two::<Span, Span, Span, _>(Interval::plus)),
        Function::new("-(interval, interval) interval", two::<Span, Span, Span, _>(Interval::minus)),
        Function::new("*(interval, float8) interval", two::<Span, Float8, Span, _>(Interval::times)),
        Function::new("*(float8, interval) interval", two::<Float8, Span, Span, _>(|factor, span| span.times(factor))),
        Function::new("/(interval, float8) interval", two::<Span, Float8, Span, _>(Interval::divided_by)),
    ]
}
