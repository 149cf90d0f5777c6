//! Modifiers of types, as PostgreSQL counts them: `varchar(10)` is 14, `numeric(10,2)` is `10 << 16 | 2` and 4.

use super::{NumericForm, SqlType};
use crate::condition::{Condition, SqlError, SqlResult};

/// What PostgreSQL adds to most modifiers, for a header that values once had.
const HEADER: i32 = 4;
/// The longest `varchar(n)`.
const LENGTH_MAX: i64 = 10_485_760;
/// The fields that `interval` without a qualifier may have, as a modifier tells them.
const INTERVAL_FULL_RANGE: i32 = 0x7FFF;
const INTERVAL_FULL_PRECISION: i32 = 0xFFFF;

fn invalid(message: String) -> SqlError {
    SqlError::new(Condition::InvalidParameterValue, message)
}

/// The precision and scale that a modifier of numeric says; the scale may be negative or over the precision.
pub fn numeric_modifier(type_modifier: i32) -> Option<(u32, i32)> {
    let bits = u32::try_from(type_modifier.checked_sub(HEADER)?).ok()?;
    let scale = i32::try_from(bits & 0x7FF).ok()?;
    // The scale has eleven bits, the highest of which is its sign.
    Some(((bits >> 16) & 0xFFFF, (scale ^ 1024) - 1024))
}

/// The length that a modifier of `varchar` or `char` says.
pub fn length_modifier(type_modifier: i32) -> Option<usize> {
    usize::try_from(type_modifier.checked_sub(HEADER)?).ok()
}

impl SqlType {
    /// The modifier that the numbers in parentheses after the type's name mean: `[10, 2]` after numeric.
    pub fn modifier_of(&self, numbers: &[i64]) -> SqlResult<i32> {
        match (self, numbers) {
            (_, []) => Ok(-1),
            (SqlType::Numeric(_), [precision]) => numeric_bits(*precision, 0),
            (SqlType::Numeric(_), [precision, scale]) => numeric_bits(*precision, *scale),
            (SqlType::Numeric(_), _) => Err(invalid("invalid NUMERIC type modifier".to_owned())),
            (SqlType::Varchar | SqlType::Bpchar, [length]) => self.length_bits(*length),
            (SqlType::Time | SqlType::TimeTz | SqlType::Timestamp | SqlType::TimestampTz, [precision]) => {
                self.fraction_bits(*precision)
            }
            (SqlType::Interval, [precision]) => Ok((INTERVAL_FULL_RANGE << 16) | self.fraction_bits(*precision)?),
            (SqlType::Array(element), numbers) => element.modifier_of(numbers),
            (SqlType::Varchar | SqlType::Bpchar | SqlType::Time | SqlType::Timestamp | SqlType::TimestampTz, _) => {
                Err(invalid("invalid type modifier".to_owned()))
            }
            (other, _) => Err(SqlError::new(
                Condition::SyntaxError,
                format!("type modifier is not allowed for type \"{}\"", other.type_name()),
            )),
        }
    }

    fn length_bits(&self, length: i64) -> SqlResult<i32> {
        let name = if *self == SqlType::Varchar { "varchar" } else { "char" };
        if length < 1 {
            return Err(invalid(format!("length for type {name} must be at least 1")));
        }
        if length > LENGTH_MAX {
            return Err(invalid(format!("length for type {name} cannot exceed {LENGTH_MAX}")));
        }
        Ok(i32::try_from(length).unwrap_or(i32::MAX - HEADER) + HEADER)
    }

    /// Digits of a second; more than six are as good as six.
    fn fraction_bits(&self, precision: i64) -> SqlResult<i32> {
        if precision < 0 {
            let name = self.name().to_uppercase();
            return Err(invalid(format!("{name}({precision}) precision must not be negative")));
        }
        Ok(i32::try_from(precision.min(6)).unwrap_or(6))
    }

    /// The same type with values held as this modifier allows: numerics of few digits have a fixed form.
    #[must_use]
    pub fn with_modifier(&self, type_modifier: i32) -> SqlType {
        match self {
            SqlType::Numeric(_) => match numeric_modifier(type_modifier) {
                Some((precision, scale)) => {
                    u32::try_from(scale).map_or(SqlType::NUMERIC, |scale| SqlType::decimal(precision, scale))
                }
                None => SqlType::NUMERIC,
            },
            SqlType::Array(element) => element.with_modifier(type_modifier).array_of(),
            other => other.clone(),
        }
    }

    /// The type with its modifier as PostgreSQL's `format_type` shows it: `character varying(10)`.
    pub fn format_type(&self, type_modifier: i32) -> String {
        match self {
            SqlType::Array(element) => format!("{}[]", element.format_type(type_modifier)),
            // Without a length, `character` would mean one character.
            SqlType::Bpchar if type_modifier < 0 => "bpchar".to_owned(),
            _ if type_modifier < 0 => self.name(),
            SqlType::Numeric(_) => match numeric_modifier(type_modifier) {
                Some((precision, scale)) => format!("numeric({precision},{scale})"),
                None => self.name(),
            },
            SqlType::Varchar | SqlType::Bpchar => format!("{}({})", self.name(), type_modifier - HEADER),
            SqlType::Time => format!("time({type_modifier}) without time zone"),
            SqlType::TimeTz => format!("time({type_modifier}) with time zone"),
            SqlType::Timestamp => format!("timestamp({type_modifier}) without time zone"),
            SqlType::TimestampTz => format!("timestamp({type_modifier}) with time zone"),
            SqlType::Interval => interval_name(type_modifier),
            other => other.name(),
        }
    }

    /// The modifier that says how the values of this type are held, where nothing else is known of it.
    pub fn own_modifier(&self) -> i32 {
        match self {
            SqlType::Numeric(NumericForm::Decimal { precision, scale }) => {
                ((i32::from(*precision) << 16) | i32::from(*scale)) + HEADER
            }
            _ => -1,
        }
    }
}

fn numeric_bits(precision: i64, scale: i64) -> SqlResult<i32> {
    if !(1..=1000).contains(&precision) {
        return Err(invalid(format!("NUMERIC precision {precision} must be between 1 and 1000")));
    }
    if !(-1000..=1000).contains(&scale) {
        return Err(invalid(format!("NUMERIC scale {scale} must be between -1000 and 1000")));
    }
    let bits = (precision << 16) | (scale & 0x7FF);
    Ok(i32::try_from(bits).unwrap_or(i32::MAX - HEADER) + HEADER)
}

/// The words for the fields that an interval may have, by the bits of its modifier.
const INTERVAL_FIELDS: [(i32, &str); 13] = [
    (1 << 2, " year"),
    (1 << 1, " month"),
    (1 << 3, " day"),
    (1 << 10, " hour"),
    (1 << 11, " minute"),
    (1 << 12, " second"),
    ((1 << 2) | (1 << 1), " year to month"),
    ((1 << 3) | (1 << 10), " day to hour"),
    ((1 << 3) | (1 << 10) | (1 << 11), " day to minute"),
    ((1 << 3) | (1 << 10) | (1 << 11) | (1 << 12), " day to second"),
    ((1 << 10) | (1 << 11), " hour to minute"),
    ((1 << 10) | (1 << 11) | (1 << 12), " hour to second"),
    ((1 << 11) | (1 << 12), " minute to second"),
];

fn interval_name(type_modifier: i32) -> String {
    let (range, precision) = ((type_modifier >> 16) & 0x7FFF, type_modifier & 0xFFFF);
    let fields = INTERVAL_FIELDS.iter().find(|(bits, _)| *bits == range).map_or("", |(_, words)| words);
    if precision == INTERVAL_FULL_PRECISION {
        format!("interval{fields}")
    } else {
        format!("interval{fields}({precision})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modifiers_are_shown_as_they_were_written() {
        for (sql_type, numbers, shown) in [
            (SqlType::NUMERIC, vec![10, 2], "numeric(10,2)"),
            (SqlType::NUMERIC, vec![10], "numeric(10,0)"),
            (SqlType::NUMERIC, vec![3, -2], "numeric(3,-2)"),
            (SqlType::Varchar, vec![10], "character varying(10)"),
            (SqlType::Bpchar, vec![1], "character(1)"),
            (SqlType::TimestampTz, vec![3], "timestamp(3) with time zone"),
            (SqlType::Interval, vec![3], "interval(3)"),
            (SqlType::Varchar.array_of(), vec![3], "character varying(3)[]"),
            (SqlType::Int4, vec![], "integer"),
        ] {
            let modifier = sql_type.modifier_of(&numbers).unwrap();
            assert_eq!(sql_type.format_type(modifier), shown);
        }
        assert_eq!(SqlType::NUMERIC.modifier_of(&[10, 2]).unwrap(), 655_366);
        assert_eq!(SqlType::NUMERIC.with_modifier(655_366), SqlType::decimal(10, 2));
        assert_eq!(SqlType::decimal(10, 2).own_modifier(), 655_366);
    }
}
