//! Whole numbers of two, four and eight bytes.
//!
//! ```text
//!   operators   + - * / % and bits, that fail where they would overflow
//!   functions   abs, gcd, lcm, ...
//! ```

mod operators;

use crate::condition::{Condition, SqlError, SqlResult};
use crate::registry::{Cast, Float4, Float8, Int2, Int4, Int8, Oid, one};
use crate::sql_type::SqlType;
use crate::typed::CastContext;

pub(crate) use operators::functions;

/// The number that a text says, if `T` holds it.
pub fn parse<T: TryFrom<i128>>(text: &str, sql_type: &SqlType) -> SqlResult<T> {
    let trimmed = text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\u{b}');
    let digits = trimmed.strip_prefix(['+', '-']).unwrap_or(trimmed);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(SqlError::new(
            Condition::InvalidTextRepresentation,
            format!("invalid input syntax for type {}: \"{text}\"", sql_type.name()),
        ));
    }
    trimmed.parse::<i128>().ok().and_then(|value| T::try_from(value).ok()).ok_or_else(|| {
        SqlError::new(
            Condition::NumericValueOutOfRange,
            format!("value \"{text}\" is out of range for type {}", sql_type.name()),
        )
    })
}

/// That a result is not a number of this type.
pub(crate) fn out_of_range(name: &str) -> SqlError {
    SqlError::new(Condition::NumericValueOutOfRange, format!("{name} out of range"))
}

fn narrow<T: TryFrom<i64>>(value: i64, name: &str) -> SqlResult<T> {
    T::try_from(value).map_err(|_| out_of_range(name))
}

/// The whole number nearest to a float, halves to the even one.
fn nearest<T: TryFrom<i64>>(value: f64, name: &str) -> SqlResult<T> {
    let rounded = value.round_ties_even();
    // 2^63 itself is a float, and is one too many.
    let limit = 9_223_372_036_854_775_808.0;
    if !(-limit..limit).contains(&rounded) {
        return Err(out_of_range(name));
    }
    #[allow(clippy::cast_possible_truncation, reason = "it was compared with the limits")]
    narrow(rounded as i64, name)
}

pub(crate) fn casts() -> Vec<Cast> {
    use CastContext::{Assignment, Implicit};
    vec![
        Cast::native("int2 -> int4", Implicit),
        Cast::native("int2 -> int8", Implicit),
        Cast::native("int4 -> int8", Implicit),
        Cast::native("int2 -> float4", Implicit),
        Cast::native("int2 -> float8", Implicit),
        Cast::native("int4 -> float4", Implicit),
        Cast::native("int4 -> float8", Implicit),
        Cast::native("int8 -> float4", Implicit),
        Cast::native("int8 -> float8", Implicit),
        Cast::new("int4 -> int2", Assignment, one::<Int4, Int2, _>(|n| narrow::<i16>(n.into(), "smallint"))),
        Cast::new("int8 -> int2", Assignment, one::<Int8, Int2, _>(|n| narrow::<i16>(n, "smallint"))),
        Cast::new("int8 -> int4", Assignment, one::<Int8, Int4, _>(|n| narrow::<i32>(n, "integer"))),
        Cast::new("float4 -> int2", Assignment, one::<Float4, Int2, _>(|n| nearest::<i16>(n.into(), "smallint"))),
        Cast::new("float4 -> int4", Assignment, one::<Float4, Int4, _>(|n| nearest::<i32>(n.into(), "integer"))),
        Cast::new("float4 -> int8", Assignment, one::<Float4, Int8, _>(|n| nearest::<i64>(n.into(), "bigint"))),
        Cast::new("float8 -> int2", Assignment, one::<Float8, Int2, _>(|n| nearest::<i16>(n, "smallint"))),
        Cast::new("float8 -> int4", Assignment, one::<Float8, Int4, _>(|n| nearest::<i32>(n, "integer"))),
        Cast::new("float8 -> int8", Assignment, one::<Float8, Int8, _>(|n| nearest::<i64>(n, "bigint"))),
        Cast::new("int8 -> oid", Implicit, one::<Int8, Oid, _>(|n| narrow::<u32>(n, "OID"))),
    ]
}
