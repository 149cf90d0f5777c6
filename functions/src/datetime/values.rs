//! Dates, times and spans in columns, as text and back.

use arrow::array::ArrayRef;
use datafusion::common::ScalarValue;

use super::decode::Setting;
use super::interval::{Interval, IntervalFields};
use super::interval_text::{parse_interval_fields, print_interval};
use super::kinds::{ClockTz, Span};
use super::text::{
    parse_date, parse_time, parse_timestamp, parse_timestamptz, parse_timetz, print_date, print_time, print_timestamp,
    print_timestamptz, print_timetz, round_micros, round_time,
};
use super::timetz::TimeTz;
use crate::condition::SqlResult;
use crate::environment::Environment;
use crate::registry::{Date, Kind, Time, Timestamp};
use crate::sql_type::SqlType;

/// The value of `row`, which is not NULL, as PostgreSQL shows it; none if it is of another type.
pub(crate) fn text_at(array: &ArrayRef, row: usize, sql_type: &SqlType, environment: &Environment) -> Option<String> {
    Some(match sql_type {
        SqlType::Date => print_date(Date::value(array, row)),
        SqlType::Time => print_time(Time::value(array, row)),
        SqlType::TimeTz => print_timetz(ClockTz::value(array, row)),
        SqlType::Timestamp => print_timestamp(Timestamp::value(array, row)),
        SqlType::TimestampTz => print_timestamptz(Timestamp::value(array, row), environment.time_zone()),
        SqlType::Interval => print_interval(Span::value(array, row)),
        _ => return None,
    })
}

/// The value that a text says, as a column with this modifier keeps it; none if it is to be of another type.
pub(crate) fn parse_text(
    text: &str,
    sql_type: &SqlType,
    type_modifier: i32,
    environment: &Environment,
) -> Option<SqlResult<ScalarValue>> {
    let is_known = matches!(
        sql_type,
        SqlType::Date | SqlType::Time | SqlType::TimeTz | SqlType::Timestamp | SqlType::TimestampTz | SqlType::Interval
    );
    is_known.then(|| parse(text, sql_type, type_modifier, environment))
}

fn parse(text: &str, sql_type: &SqlType, type_modifier: i32, environment: &Environment) -> SqlResult<ScalarValue> {
    let setting = Setting::of(environment);
    let digits = u32::try_from(type_modifier).unwrap_or(6);
    Ok(match sql_type {
        SqlType::Date => ScalarValue::Date32(Some(parse_date(text, &setting)?)),
        SqlType::Time => ScalarValue::Time64Microsecond(Some(round_time(parse_time(text, &setting)?, digits))),
        SqlType::TimeTz => {
            let time = parse_timetz(text, &setting)?;
            let time = TimeTz { time_micros: round_time(time.time_micros, digits), ..time };
            ScalarValue::Int64(Some(time.packed()))
        }
        SqlType::Timestamp => {
            ScalarValue::TimestampMicrosecond(Some(round_micros(parse_timestamp(text, &setting)?, digits)), None)
        }
        SqlType::TimestampTz => {
            let micros = round_micros(parse_timestamptz(text, &setting)?, digits);
            ScalarValue::TimestampMicrosecond(Some(micros), Some("UTC".into()))
        }
        _ => {
            let (fields, precision) = IntervalFields::of_modifier(type_modifier);
            let span: Interval = fields.apply(parse_interval_fields(text, fields)?, precision);
            ScalarValue::IntervalMonthDayNano(Some(span.arrow()?))
        }
    })
}

/// For each span of a column the number by which spans compare.
pub(crate) fn interval_keys(array: &ArrayRef) -> arrow::array::Decimal128Array {
    use arrow::array::Array;
    let keys = (0..array.len()).map(|row| (!array.is_null(row)).then(|| Span::value(array, row).comparable()));
    keys.collect::<arrow::array::Decimal128Array>()
        .with_precision_and_scale(38, 0)
        .expect("38 digits hold a span in microseconds")
}
