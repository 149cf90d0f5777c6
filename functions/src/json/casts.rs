//! Casts between json, jsonb and scalars.

use super::read::{canonical, parse};
use super::value::Json;
use crate::condition::{Condition, SqlError, SqlResult};
use crate::numeric::{self, Number};
use crate::registry::{Bool, Cast, Float4, Float8, Int2, Int4, Int8, Numeric, Text, one};
use crate::typed::CastContext;

fn cannot_cast(value: &Json, type_name: &str) -> SqlError {
    let what = match value {
        Json::Null => "null",
        Json::String(_) => "string",
        Json::Number(_) => "numeric",
        Json::Bool(_) => "boolean",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    };
    SqlError::new(Condition::InvalidParameterValue, format!("cannot cast jsonb {what} to type {type_name}"))
}

fn number(text: &str, type_name: &str) -> SqlResult<Number> {
    match parse(text)? {
        Json::Number(digits) => numeric::parse(&digits),
        other => Err(cannot_cast(&other, type_name)),
    }
}

/// A number rounded to an integer of a type.
fn integer<T: TryFrom<i128>>(text: &str, type_name: &str) -> SqlResult<T> {
    number(text, type_name)?
        .rounded(0)
        .to_i128()
        .and_then(|value| T::try_from(value).ok())
        .ok_or_else(|| SqlError::new(Condition::NumericValueOutOfRange, format!("{type_name} out of range")))
}

fn boolean(text: &str) -> SqlResult<bool> {
    match parse(text)? {
        Json::Bool(value) => Ok(value),
        other => Err(cannot_cast(&other, "boolean")),
    }
}

pub(super) fn casts() -> Vec<Cast> {
    use CastContext::{Assignment, Explicit};
    vec![
        Cast::new("json -> jsonb", Assignment, one::<Text, Text, _>(canonical)),
        Cast::relabelling("jsonb -> json", Assignment),
        Cast::new("jsonb -> bool", Explicit, one::<Text, Bool, _>(boolean)),
        Cast::new("jsonb -> numeric", Explicit, one::<Text, Numeric, _>(|text| number(text, "numeric"))),
        Cast::new("jsonb -> int2", Explicit, one::<Text, Int2, _>(|text| integer::<i16>(text, "smallint"))),
        Cast::new("jsonb -> int4", Explicit, one::<Text, Int4, _>(|text| integer::<i32>(text, "integer"))),
        Cast::new("jsonb -> int8", Explicit, one::<Text, Int8, _>(|text| integer::<i64>(text, "bigint"))),
        Cast::new(
            "jsonb -> float4",
            Explicit,
            one::<Text, Float4, _>(|text| -> SqlResult<f32> {
                #[allow(clippy::cast_possible_truncation, reason = "the nearest is meant")]
                Ok(number(text, "real")?.to_f64() as f32)
            }),
        ),
        Cast::new(
            "jsonb -> float8",
            Explicit,
            one::<Text, Float8, _>(|text| number(text, "double precision").map(|number| number.to_f64())),
        ),
    ]
}
