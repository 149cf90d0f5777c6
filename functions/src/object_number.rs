//! Numbers of objects of the catalogue: oid and the types that show names for them.

use crate::condition::{Condition, SqlError, SqlResult};
use crate::registry::{Cast, Function, Int2, Int4, Int8, Oid, one};
use crate::sql_type::SqlType;
use crate::typed::CastContext;

/// The number as it is shown where no catalogue knows its name; 0 of a named kind is a dash.
pub fn format(number: u32, sql_type: &SqlType) -> String {
    match sql_type {
        SqlType::Oid | SqlType::Xid => number.to_string(),
        _ if number == 0 => "-".to_owned(),
        SqlType::Regtype => SqlType::from_oid(number).map_or_else(|| number.to_string(), |found| found.name()),
        _ => number.to_string(),
    }
}

/// The number that a text says, or that the type has which it names.
pub fn parse(text: &str, sql_type: &SqlType) -> SqlResult<u32> {
    let trimmed = text.trim();
    if *sql_type != SqlType::Oid && *sql_type != SqlType::Xid && trimmed == "-" {
        return Ok(0);
    }
    if !trimmed.is_empty() && trimmed.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
        // Numbers over 2^31 are also written as what a signed integer would make of them.
        let value: i64 = crate::integer::parse(text, &SqlType::Oid)?;
        let wrapped = u32::try_from(value).or_else(|_| i32::try_from(value).map(i32::cast_unsigned));
        return wrapped.map_err(|_| {
            SqlError::new(
                Condition::NumericValueOutOfRange,
                format!("value \"{text}\" is out of range for type {}", sql_type.name()),
            )
        });
    }
    if *sql_type == SqlType::Regtype {
        let name = trimmed.to_ascii_lowercase();
        let name = name.strip_prefix("pg_catalog.").unwrap_or(&name);
        return SqlType::by_name(name)
            .map(|found| found.oid())
            .ok_or_else(|| SqlError::new(Condition::UndefinedObject, format!("type \"{text}\" does not exist")));
    }
    Err(SqlError::new(
        Condition::InvalidTextRepresentation,
        format!("invalid input syntax for type {}: \"{text}\"", sql_type.name()),
    ))
}

/// A place in the log as it is shown: two halves in hexadecimal.
pub fn format_lsn(place: i64) -> String {
    let place = place.cast_unsigned();
    format!("{:X}/{:X}", place >> 32, place & 0xFFFF_FFFF)
}

/// The place in the log that a text says.
pub fn parse_lsn(text: &str) -> SqlResult<i64> {
    let parts = text
        .trim()
        .split_once('/')
        .and_then(|(high, low)| Some((u32::from_str_radix(high, 16).ok()?, u32::from_str_radix(low, 16).ok()?)));
    let (high, low) = parts.ok_or_else(|| {
        SqlError::new(Condition::InvalidTextRepresentation, format!("invalid input syntax for type pg_lsn: \"{text}\""))
    })?;
    Ok(((u64::from(high) << 32) | u64::from(low)).cast_signed())
}

const KINDS: [&str; 7] = ["regclass", "regtype", "regproc", "regprocedure", "regoper", "regnamespace", "regrole"];

pub(crate) fn casts() -> Vec<Cast> {
    use CastContext::{Assignment, Implicit};
    let mut casts = vec![
        Cast::new("int2 -> oid", Implicit, one::<Int2, Oid, _>(|n| i32::from(n).cast_unsigned())),
        Cast::new("int4 -> oid", Implicit, one::<Int4, Oid, _>(i32::cast_unsigned)),
        Cast::new("oid -> int4", Assignment, one::<Oid, Int4, _>(u32::cast_signed)),
        Cast::new("oid -> int8", Assignment, one::<Oid, Int8, _>(i64::from)),
    ];
    for kind in KINDS {
        casts.extend([
            Cast::relabelling(&format!("oid -> {kind}"), Implicit),
            Cast::relabelling(&format!("{kind} -> oid"), Implicit),
            Cast::new(&format!("int2 -> {kind}"), Implicit, one::<Int2, Oid, _>(|n| i32::from(n).cast_unsigned())),
            Cast::new(&format!("int4 -> {kind}"), Implicit, one::<Int4, Oid, _>(i32::cast_unsigned)),
            Cast::new(
                &format!("int8 -> {kind}"),
                Implicit,
                one::<Int8, Oid, _>(|n| u32::try_from(n).map_err(|_| crate::integer::out_of_range("OID"))),
            ),
            Cast::new(&format!("{kind} -> int4"), Assignment, one::<Oid, Int4, _>(u32::cast_signed)),
            Cast::new(&format!("{kind} -> int8"), Assignment, one::<Oid, Int8, _>(i64::from)),
        ]);
    }
    casts
}

pub(crate) fn functions() -> Vec<Function> {
    Vec::new()
}
