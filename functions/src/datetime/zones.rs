//! AT TIME ZONE, the casts between the types of dates and times, and series of moments.

use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::Field;

use super::arithmetic::{
    date_to_timestamp, date_to_timestamptz, is_infinite, timestamp_to_date, timestamp_to_timestamptz, timestamptz_plus,
    timestamptz_to_timestamp,
};
use super::calendar::{DAY_MICROS, SECOND_MICROS, split_days};
use super::interval::{Interval, IntervalFields};
use super::kinds::{ClockTz, Span, zoned_one};
use super::text::{round_micros, round_time};
use super::timetz::TimeTz;
use super::zone::Zone;
use crate::condition::{Condition, SqlError, SqlResult};
use crate::registry::{
    Answer, Call, Cast, Date, Function, Implementation, Kind, Text, Time, Timestamp, TimestampTz, one, two,
};
use crate::typed::CastContext;

pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::new(
            "timezone(text, timestamptz) timestamp",
            two::<Text, TimestampTz, Timestamp, _>(|zone, micros| timestamptz_to_timestamp(micros, Zone::parse(zone)?)),
        ),
        Function::new(
            "timezone(text, timestamp) timestamptz",
            two::<Text, Timestamp, TimestampTz, _>(|zone, micros| timestamp_to_timestamptz(micros, Zone::parse(zone)?)),
        ),
        Function::new(
            "timezone(interval, timestamptz) timestamp",
            two::<Span, TimestampTz, Timestamp, _>(|zone, micros| {
                timestamptz_to_timestamp(micros, zone_of_span(zone)?)
            }),
        ),
        Function::new(
            "timezone(interval, timestamp) timestamptz",
            two::<Span, Timestamp, TimestampTz, _>(|zone, micros| {
                timestamp_to_timestamptz(micros, zone_of_span(zone)?)
            }),
        ),
        Function::new(
            "timezone(text, timetz) timetz",
            Implementation::arrays(|call, arrays, rows| {
                let now = call.environment.transaction_time_micros();
                let run = |row| {
                    let zone = Zone::parse(Text::value(&arrays[0], row))?;
                    Ok(Some(moved(ClockTz::value(&arrays[1], row), zone.east_seconds(now))))
                };
                ClockTz::column((0..rows).map(run))
            }),
        )
        .stable(),
        Function::new(
            "timezone(interval, timetz) timetz",
            two::<Span, ClockTz, ClockTz, _>(|zone, time| {
                Ok::<_, SqlError>(moved(time, zone_of_span(zone)?.east_seconds(0)))
            }),
        ),
        Function::new(
            "generate_series(timestamp, timestamp, interval) setof timestamp",
            series::<Timestamp>(|_| Zone::UTC),
        ),
        Function::new(
            "generate_series(timestamptz, timestamptz, interval) setof timestamptz",
            series::<TimestampTz>(|call| call.environment.time_zone()),
        )
        .stable(),
    ]
}

/// The zone that an interval says.
fn zone_of_span(span: Interval) -> SqlResult<Zone> {
    if span.months != 0 || span.days != 0 {
        let message = format!(
            "interval time zone \"{}\" must not include months or days",
            super::interval_text::print_interval(span)
        );
        return Err(SqlError::new(Condition::InvalidParameterValue, message));
    }
    let east_seconds = i32::try_from(span.micros / SECOND_MICROS).unwrap_or_default();
    Ok(Zone::Fixed { east_seconds })
}

/// The same moment on another clock.
fn moved(time: TimeTz, east_seconds: i32) -> TimeTz {
    let time_micros = (time.utc_micros() + i64::from(east_seconds) * SECOND_MICROS).rem_euclid(DAY_MICROS);
    TimeTz { time_micros, east_seconds }
}

/// Moments that a series has at most, for one row.
const SERIES_MAX: usize = 100_000_000;

fn series<K>(zone: impl Fn(&Call) -> Zone + Send + Sync + 'static) -> Implementation
where
    K: for<'a> Kind<Ref<'a> = i64, Owned = i64>,
{
    Implementation::arrays(move |call, arrays, rows| {
        let zone = zone(call);
        let mut moments = Vec::new();
        let mut lengths = Vec::with_capacity(rows);
        for row in 0..rows {
            let before = moments.len();
            let (start, end) = (K::value(&arrays[0], row), K::value(&arrays[1], row));
            append_series(&mut moments, start, end, Span::value(&arrays[2], row), zone)?;
            lengths.push(moments.len() - before);
        }
        let values = K::column(moments.into_iter().map(|micros| Ok(Some(micros))))?;
        let field = Arc::new(Field::new("item", call.returns.arrow(), true));
        Ok(Arc::new(ListArray::new(field, OffsetBuffer::from_lengths(lengths), values, None)) as ArrayRef)
    })
}

fn append_series(moments: &mut Vec<i64>, start: i64, end: i64, step: Interval, zone: Zone) -> SqlResult<()> {
    let direction = step.comparable().cmp(&0);
    if direction.is_eq() {
        return Err(SqlError::new(Condition::InvalidParameterValue, "step size cannot equal zero"));
    }
    let mut moment = start;
    while (direction.is_gt() && moment <= end) || (direction.is_lt() && moment >= end) {
        if moments.len() == SERIES_MAX {
            return Err(SqlError::new(Condition::ProgramLimitExceeded, "the series is too long"));
        }
        moments.push(moment);
        if is_infinite(moment) {
            break;
        }
        moment = timestamptz_plus(moment, step, zone)?;
    }
    Ok(())
}

/// A cast to a type with so many digits of seconds, applied by `round`.
fn modified<A: Kind, R: Kind, X: Answer<R::Owned>>(
    run: impl Fn(&Call, A::Ref<'_>) -> X + Send + Sync + 'static,
    round: impl Fn(R::Owned, i32) -> R::Owned + Send + Sync + 'static,
) -> Implementation {
    Implementation::arrays(move |call, arrays, rows| {
        R::column((0..rows).map(|row| {
            let value = run(call, A::value(&arrays[0], row)).answer()?;
            Ok(value.map(|value| round(value, call.modifier)))
        }))
    })
}

fn rounded_micros(micros: i64, modifier: i32) -> i64 {
    u32::try_from(modifier).map_or(micros, |digits| round_micros(micros, digits))
}

fn rounded_time(time_micros: i64, modifier: i32) -> i64 {
    u32::try_from(modifier).map_or(time_micros, |digits| round_time(time_micros, digits))
}

fn rounded_timetz(time: TimeTz, modifier: i32) -> TimeTz {
    TimeTz { time_micros: rounded_time(time.time_micros, modifier), ..time }
}

/// A span as a column with this modifier keeps it.
fn fitted_interval(span: Interval, modifier: i32) -> Interval {
    let (fields, precision) = IntervalFields::of_modifier(modifier);
    fields.apply(span, precision)
}

fn session_zone(call: &Call) -> Zone {
    call.environment.time_zone()
}

pub(super) fn casts() -> Vec<Cast> {
    casts_of_days().into_iter().chain(casts_of_times_and_digits()).collect()
}

fn casts_of_days() -> Vec<Cast> {
    use CastContext::{Assignment, Implicit};
    vec![
        Cast::new(
            "date -> timestamp",
            Implicit,
            modified::<Date, Timestamp, _>(|_, days| date_to_timestamp(days), rounded_micros),
        ),
        Cast::new(
            "date -> timestamptz",
            Implicit,
            modified::<Date, TimestampTz, _>(
                |call, days| date_to_timestamptz(days, session_zone(call)),
                rounded_micros,
            ),
        ),
        Cast::new("timestamp -> date", Assignment, one::<Timestamp, Date, _>(timestamp_to_date)),
        Cast::new(
            "timestamptz -> date",
            Assignment,
            zoned_one::<TimestampTz, Date, _>(|zone, micros| {
                timestamptz_to_timestamp(micros, zone).map(timestamp_to_date)
            }),
        ),
        Cast::new(
            "timestamp -> timestamptz",
            Implicit,
            modified::<Timestamp, TimestampTz, _>(
                |call, micros| timestamp_to_timestamptz(micros, session_zone(call)),
                rounded_micros,
            ),
        ),
        Cast::new(
            "timestamptz -> timestamp",
            Assignment,
            modified::<TimestampTz, Timestamp, _>(
                |call, micros| timestamptz_to_timestamp(micros, session_zone(call)),
                rounded_micros,
            ),
        ),
    ]
}

fn casts_of_times_and_digits() -> Vec<Cast> {
    use CastContext::{Assignment, Implicit};
    vec![
        Cast::new(
            "timestamp -> timestamp",
            Implicit,
            modified::<Timestamp, Timestamp, _>(|_, micros| micros, rounded_micros),
        ),
        Cast::new(
            "timestamptz -> timestamptz",
            Implicit,
            modified::<TimestampTz, TimestampTz, _>(|_, micros| micros, rounded_micros),
        ),
        Cast::new("time -> time", Implicit, modified::<Time, Time, _>(|_, time| time, rounded_time)),
        Cast::new("timetz -> timetz", Implicit, modified::<ClockTz, ClockTz, _>(|_, time| time, rounded_timetz)),
        Cast::new("interval -> interval", Implicit, modified::<Span, Span, _>(|_, span| span, fitted_interval)),
        Cast::new(
            "timestamp -> time",
            Assignment,
            modified::<Timestamp, Time, _>(|_, micros| time_of(micros), rounded_time),
        ),
        Cast::new(
            "timestamptz -> time",
            Assignment,
            modified::<TimestampTz, Time, _>(
                |call, micros| timestamptz_to_timestamp(micros, session_zone(call)).map(time_of),
                rounded_time,
            ),
        ),
        Cast::new(
            "timestamptz -> timetz",
            Assignment,
            modified::<TimestampTz, ClockTz, _>(|call, micros| timetz_of(session_zone(call), micros), rounded_timetz),
        ),
        Cast::new(
            "interval -> time",
            Assignment,
            modified::<Span, Time, _>(|_, span| span.micros.rem_euclid(DAY_MICROS), rounded_time),
        ),
        Cast::new(
            "time -> interval",
            Implicit,
            modified::<Time, Span, _>(|_, time| Interval::new(0, 0, time), fitted_interval),
        ),
        Cast::new(
            "time -> timetz",
            Implicit,
            modified::<Time, ClockTz, _>(
                |call, time_micros| {
                    let now = call.environment.transaction_time_micros();
                    TimeTz { time_micros, east_seconds: session_zone(call).east_seconds(now) }
                },
                rounded_timetz,
            ),
        ),
        Cast::new("timetz -> time", Assignment, modified::<ClockTz, Time, _>(|_, time| time.time_micros, rounded_time)),
    ]
}

/// The time of day of a timestamp; infinity has none.
fn time_of(micros: i64) -> Option<i64> {
    (!is_infinite(micros)).then(|| split_days(micros).1)
}

fn timetz_of(zone: Zone, micros: i64) -> SqlResult<Option<TimeTz>> {
    let local = timestamptz_to_timestamp(micros, zone)?;
    Ok(time_of(local).map(|time_micros| TimeTz { time_micros, east_seconds: zone.east_seconds(micros) }))
}
