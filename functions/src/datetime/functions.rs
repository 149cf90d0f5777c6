//! The functions of dates, times and spans by their names.

use std::time::{SystemTime, UNIX_EPOCH};

use arrow::array::{Array, ArrayRef};

use super::arithmetic::{age, is_infinite, is_infinite_date, timestamp_to_date, timestamptz_to_timestamp};
use super::calendar::{join_days, split_days};
use super::field::{
    extract_date, extract_interval, extract_time, extract_timestamp, extract_timestamptz, extract_timetz,
};
use super::interval::Interval;
use super::kinds::{ClockTz, Span, timed_one, zoned_two};
use super::make::{make_date, make_interval, make_time, make_timestamp, make_timestamptz, timestamp_of_seconds};
use super::overlap::overlaps;
use super::timetz::TimeTz;
use super::truncate::{bin_timestamp, truncate_interval, truncate_timestamp, truncate_timestamptz};
use super::zone::Zone;
use crate::condition::SqlResult;
use crate::numeric::Number;
use crate::registry::{
    Bool, Call, Date, Float8, Function, Implementation, Int4, Kind, Numeric, Text, Time, Timestamp, TimestampTz, one,
    three, two,
};

pub(super) fn functions() -> Vec<Function> {
    [current(), fields(), truncations(), ages(), made(), spans(), overlapping()].into_iter().flatten().collect()
}

/// A function without arguments of the session's zone and its times: of the transaction, of the statement.
fn of_session<R: Kind>(
    signature: &str,
    run: impl Fn(Zone, i64, i64) -> SqlResult<R::Owned> + Send + Sync + 'static,
) -> Function {
    let implementation = Implementation::arrays(move |call, _, rows| {
        let environment = &call.environment;
        let zone = environment.time_zone();
        let (transaction, statement) = (environment.transaction_time_micros(), environment.statement_time_micros());
        R::column((0..rows).map(|_| run(zone, transaction, statement).map(Some)))
    });
    Function::new(signature, implementation).stable()
}

/// Of a time of the day, what a zone shows at a moment.
fn local_time(zone: Zone, micros: i64) -> SqlResult<i64> {
    Ok(split_days(timestamptz_to_timestamp(micros, zone)?).1)
}

fn local_timetz(zone: Zone, micros: i64) -> SqlResult<TimeTz> {
    Ok(TimeTz { time_micros: local_time(zone, micros)?, east_seconds: zone.east_seconds(micros) })
}

/// The moment, as the machine's clock tells it.
fn clock_micros() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or_default()
}

fn current() -> Vec<Function> {
    let mut found: Vec<Function> = ["now", "transaction_timestamp", "current_timestamp"]
        .into_iter()
        .map(|name| of_session::<TimestampTz>(&format!("{name}() timestamptz"), |_, transaction, _| Ok(transaction)))
        .collect();
    found.extend([
        of_session::<TimestampTz>("statement_timestamp() timestamptz", |_, _, statement| Ok(statement)),
        of_session::<TimestampTz>("clock_timestamp() timestamptz", |_, _, _| Ok(clock_micros())).volatile(),
        of_session::<Date>("current_date() date", |zone, now, _| {
            Ok(timestamp_to_date(timestamptz_to_timestamp(now, zone)?))
        }),
        of_session::<ClockTz>("current_time() timetz", |zone, now, _| local_timetz(zone, now)),
        of_session::<Timestamp>("localtimestamp() timestamp", |zone, now, _| timestamptz_to_timestamp(now, zone)),
        of_session::<Time>("localtime() time", |zone, now, _| local_time(zone, now)),
    ]);
    found.extend([
        rounded::<TimestampTz>("current_timestamp(int4) timestamptz", |_, now, digits| {
            Ok(super::round_micros(now, digits))
        }),
        rounded::<Timestamp>("localtimestamp(int4) timestamp", |zone, now, digits| {
            Ok(super::round_micros(timestamptz_to_timestamp(now, zone)?, digits))
        }),
        rounded::<Time>("localtime(int4) time", |zone, now, digits| {
            Ok(super::round_time(local_time(zone, now)?, digits))
        }),
        rounded::<ClockTz>("current_time(int4) timetz", |zone, now, digits| {
            let time = local_timetz(zone, now)?;
            Ok(TimeTz { time_micros: super::round_time(time.time_micros, digits), ..time })
        }),
    ]);
    found
}

/// One of the current times with so many digits of seconds.
fn rounded<R: Kind>(
    signature: &str,
    run: impl Fn(Zone, i64, u32) -> SqlResult<R::Owned> + Send + Sync + 'static,
) -> Function {
    let run = timed_one::<Int4, R, _>(move |zone, now, digits| run(zone, now, u32::try_from(digits).unwrap_or(0)));
    Function::new(signature, run).stable()
}

fn to_float(number: Option<Number>) -> Option<f64> {
    number.map(|number| number.to_f64())
}

fn fields() -> Vec<Function> {
    vec![
        Function::new("extract(text, timestamp) numeric", two::<Text, Timestamp, Numeric, _>(extract_timestamp)),
        Function::new(
            "extract(text, timestamptz) numeric",
            zoned_two::<Text, TimestampTz, Numeric, _>(|zone, name, micros| extract_timestamptz(name, micros, zone)),
        )
        .stable(),
        Function::new("extract(text, date) numeric", two::<Text, Date, Numeric, _>(extract_date)),
        Function::new("extract(text, time) numeric", two::<Text, Time, Numeric, _>(extract_time)),
        Function::new("extract(text, timetz) numeric", two::<Text, ClockTz, Numeric, _>(extract_timetz)),
        Function::new("extract(text, interval) numeric", two::<Text, Span, Numeric, _>(extract_interval)),
        Function::new(
            "date_part(text, timestamp) float8",
            two::<Text, Timestamp, Float8, _>(|name, micros| extract_timestamp(name, micros).map(to_float)),
        ),
        Function::new(
            "date_part(text, timestamptz) float8",
            zoned_two::<Text, TimestampTz, Float8, _>(|zone, name, micros| {
                extract_timestamptz(name, micros, zone).map(to_float)
            }),
        )
        .stable(),
        Function::new(
            "date_part(text, date) float8",
            two::<Text, Date, Float8, _>(|name, days| {
                extract_timestamp(name, super::arithmetic::date_to_timestamp(days)?).map(to_float)
            }),
        ),
        Function::new(
            "date_part(text, time) float8",
            two::<Text, Time, Float8, _>(|name, time| extract_time(name, time).map(|number| number.to_f64())),
        ),
        Function::new(
            "date_part(text, timetz) float8",
            two::<Text, ClockTz, Float8, _>(|name, time| extract_timetz(name, time).map(|number| number.to_f64())),
        ),
        Function::new(
            "date_part(text, interval) float8",
            two::<Text, Span, Float8, _>(|name, span| extract_interval(name, span).map(|number| number.to_f64())),
        ),
    ]
}

fn truncations() -> Vec<Function> {
    vec![
        Function::new(
            "date_trunc(text, timestamp) timestamp",
            two::<Text, Timestamp, Timestamp, _>(truncate_timestamp),
        ),
        Function::new(
            "date_trunc(text, timestamptz) timestamptz",
            zoned_two::<Text, TimestampTz, TimestampTz, _>(|zone, name, micros| {
                truncate_timestamptz(name, micros, zone)
            }),
        )
        .stable(),
        Function::new(
            "date_trunc(text, timestamptz, text) timestamptz",
            three::<Text, TimestampTz, Text, TimestampTz, _>(|name, micros, zone| {
                truncate_timestamptz(name, micros, Zone::parse(zone)?)
            }),
        )
        .stable(),
        Function::new("date_trunc(text, interval) interval", two::<Text, Span, Span, _>(truncate_interval)),
        Function::new(
            "date_bin(interval, timestamp, timestamp) timestamp",
            three::<Span, Timestamp, Timestamp, Timestamp, _>(bin_timestamp),
        ),
        Function::new(
            "date_bin(interval, timestamptz, timestamptz) timestamptz",
            three::<Span, TimestampTz, TimestampTz, TimestampTz, _>(bin_timestamp),
        ),
    ]
}

/// Midnight of the day of the transaction, as the clock of the zone has it.
fn midnight(zone: Zone, now: i64) -> SqlResult<i64> {
    let (days, _) = split_days(timestamptz_to_timestamp(now, zone)?);
    join_days(days, 0).ok_or_else(super::arithmetic::timestamp_out_of_range)
}

fn ages() -> Vec<Function> {
    let zoned_age = |zone: Zone, later: i64, earlier: i64| {
        age(timestamptz_to_timestamp(later, zone)?, timestamptz_to_timestamp(earlier, zone)?)
    };
    vec![
        Function::new("age(timestamp, timestamp) interval", two::<Timestamp, Timestamp, Span, _>(age)),
        Function::new(
            "age(timestamptz, timestamptz) interval",
            zoned_two::<TimestampTz, TimestampTz, Span, _>(zoned_age),
        )
        .stable(),
        Function::new(
            "age(timestamp) interval",
            timed_one::<Timestamp, Span, _>(|zone, now, micros| age(midnight(zone, now)?, micros)),
        )
        .stable(),
        Function::new(
            "age(timestamptz) interval",
            timed_one::<TimestampTz, Span, _>(|zone, now, micros| {
                age(midnight(zone, now)?, timestamptz_to_timestamp(micros, zone)?)
            }),
        )
        .stable(),
        Function::new("isfinite(date) bool", one::<Date, Bool, _>(|days| !is_infinite_date(days))),
        Function::new("isfinite(timestamp) bool", one::<Timestamp, Bool, _>(|micros| !is_infinite(micros))),
        Function::new("isfinite(timestamptz) bool", one::<TimestampTz, Bool, _>(|micros| !is_infinite(micros))),
        Function::new("isfinite(interval) bool", one::<Span, Bool, _>(|_| true)),
    ]
}

/// The six arguments of a timestamp in a row.
fn timestamp_at(arrays: &[ArrayRef], row: usize) -> SqlResult<i64> {
    let number = |index: usize| Int4::value(&arrays[index], row);
    make_timestamp(number(0), number(1), number(2), number(3), number(4), Float8::value(&arrays[5], row))
}

fn made() -> Vec<Function> {
    let mut found = vec![
        Function::new("make_date(int4, int4, int4) date", three::<Int4, Int4, Int4, Date, _>(make_date)),
        Function::new("make_time(int4, int4, float8) time", three::<Int4, Int4, Float8, Time, _>(make_time)),
        Function::new(
            "make_timestamp(int4, int4, int4, int4, int4, float8) timestamp",
            Implementation::arrays(|_, arrays, rows| {
                Timestamp::column((0..rows).map(|row| timestamp_at(arrays, row).map(Some)))
            }),
        ),
        Function::new(
            "make_timestamptz(int4, int4, int4, int4, int4, float8) timestamptz",
            Implementation::arrays(|call, arrays, rows| {
                let zone = call.environment.time_zone();
                let run = |row| make_timestamptz(timestamp_at(arrays, row)?, zone).map(Some);
                TimestampTz::column((0..rows).map(run))
            }),
        )
        .stable(),
        Function::new(
            "make_timestamptz(int4, int4, int4, int4, int4, float8, text) timestamptz",
            Implementation::arrays(|_, arrays, rows| {
                let run = |row| {
                    let zone = Zone::parse(Text::value(&arrays[6], row))?;
                    make_timestamptz(timestamp_at(arrays, row)?, zone).map(Some)
                };
                TimestampTz::column((0..rows).map(run))
            }),
        )
        .stable(),
        Function::new("to_timestamp(float8) timestamptz", one::<Float8, TimestampTz, _>(timestamp_of_seconds)),
    ];
    let parts = ["int4", "int4", "int4", "int4", "int4", "int4", "float8"];
    found.extend((0..=parts.len()).map(|count| {
        Function::new(
            &format!("make_interval({}) interval", parts[..count].join(", ")),
            Implementation::arrays(interval_of_parts),
        )
    }));
    found
}

/// Years, months, weeks, days, hours, minutes and seconds, of which the last may be left out.
fn interval_of_parts(_: &Call, arrays: &[ArrayRef], rows: usize) -> SqlResult<ArrayRef> {
    let run = |row| {
        let mut parts = [0; 6];
        for (part, array) in parts.iter_mut().zip(arrays) {
            *part = Int4::value(array, row);
        }
        let seconds = arrays.get(6).map_or(0.0, |array| Float8::value(array, row));
        make_interval(parts, seconds).map(Some)
    };
    Span::column((0..rows).map(run))
}

fn spans() -> Vec<Function> {
    vec![
        Function::new("justify_hours(interval) interval", one::<Span, Span, _>(Interval::justify_hours)),
        Function::new("justify_days(interval) interval", one::<Span, Span, _>(Interval::justify_days)),
        Function::new("justify_interval(interval) interval", one::<Span, Span, _>(Interval::justify)),
        Function::new(
            "timeofday() text",
            Implementation::arrays(|call, _, rows| {
                let zone: Zone = call.environment.time_zone();
                let now = clock_micros();
                let text = super::format::to_char_timestamptz(now, "Dy Mon DD HH24:MI:SS.US YYYY TZ", zone)?;
                Text::column((0..rows).map(|_| Ok(Some(text.clone()))))
            }),
        )
        .volatile(),
    ]
}

/// The value of a row that may be NULL.
fn known<K: Kind>(array: &ArrayRef, row: usize) -> Option<K::Ref<'_>> {
    (!array.is_null(row)).then(|| K::value(array, row))
}

/// OVERLAPS where each period is two moments, or a moment and a span.
fn overlap<K, T>(
    kind: &str,
    span: &'static str,
    plus: impl Fn(&Call, T, Interval) -> SqlResult<T> + Copy + Send + Sync + 'static,
) -> Vec<Function>
where
    K: for<'a> Kind<Ref<'a> = T>,
    T: Copy + PartialOrd + 'static,
{
    let mut found = Vec::new();
    for (left_is_span, right_is_span) in [(false, false), (false, true), (true, false), (true, true)] {
        if span.is_empty() && (left_is_span || right_is_span) {
            continue;
        }
        let end = move |call: &Call, arrays: &[ArrayRef], index: usize, is_span: bool, row: usize| {
            if !is_span {
                return Ok(known::<K>(&arrays[index], row));
            }
            match (known::<K>(&arrays[index - 1], row), known::<Span>(&arrays[index], row)) {
                (Some(start), Some(length)) => plus(call, start, length).map(Some),
                _ => Ok(None),
            }
        };
        let run = move |call: &Call, arrays: &[ArrayRef], rows: usize| {
            Bool::column((0..rows).map(|row| {
                let left = (known::<K>(&arrays[0], row), end(call, arrays, 1, left_is_span, row)?);
                let right = (known::<K>(&arrays[2], row), end(call, arrays, 3, right_is_span, row)?);
                Ok(overlaps(left.0, left.1, right.0, right.1))
            }))
        };
        let name = |is_span: bool| if is_span { span } else { kind };
        let signature = format!("overlaps({kind}, {}, {kind}, {}) bool", name(left_is_span), name(right_is_span));
        found.push(Function::new(&signature, Implementation::arrays(run)).called_on_null().stable());
    }
    found
}

fn overlapping() -> Vec<Function> {
    let zoned = |call: &Call, micros: i64, span: Interval| {
        super::arithmetic::timestamptz_plus(micros, span, call.environment.time_zone())
    };
    let mut found = overlap::<Timestamp, i64>("timestamp", "interval", |_, micros, span| {
        super::arithmetic::timestamp_plus(micros, span)
    });
    found.extend(overlap::<TimestampTz, i64>("timestamptz", "interval", zoned));
    found
        .extend(overlap::<Time, i64>("time", "interval", |_, time, span| Ok(super::arithmetic::time_plus(time, span))));
    found.extend(overlap::<crate::registry::Int8, i64>("timetz", "", |_, packed, _| Ok(packed)));
    found
}
