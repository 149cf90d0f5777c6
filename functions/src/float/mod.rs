//! Floats of four and eight bytes.
//!
//! ```text
//!   operators   + - * / ^, which fail where a result is out of range
//!   functions   roots, logarithms, angles, chance
//! ```

mod functions;
mod operators;

use crate::condition::{Condition, SqlError, SqlResult};
use crate::registry::{Cast, Float4, Float8, one};
use crate::typed::CastContext;

pub(crate) use operators::checked;

/// The operators and functions of floats.
pub(crate) fn functions() -> Vec<crate::registry::Function> {
    operators::functions().into_iter().chain(functions::functions()).collect()
}

/// Powers of ten from which on a double is shown with an exponent.
const FLOAT8_FIXED_DIGITS: i32 = 15;
/// Powers of ten from which on a float is shown with an exponent.
const FLOAT4_FIXED_DIGITS: i32 = 6;
/// The smallest power of ten that is shown without an exponent.
const FIXED_EXPONENT_MIN: i32 = -4;

/// The double as PostgreSQL shows it: the fewest digits that lead back to it.
pub fn format_float8(value: f64) -> String {
    if value.is_finite() { shortest(&format!("{value:e}"), FLOAT8_FIXED_DIGITS) } else { word(value) }
}

/// The float as PostgreSQL shows it: the fewest digits that lead back to it.
pub fn format_float4(value: f32) -> String {
    if value.is_finite() { shortest(&format!("{value:e}"), FLOAT4_FIXED_DIGITS) } else { word(f64::from(value)) }
}

fn word(value: f64) -> String {
    let word = if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    };
    word.to_owned()
}

/// `1.25e2` as `125`, and what is large or small as `1.25e+20`.
fn shortest(scientific: &str, fixed_digits: i32) -> String {
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    if mantissa == "0" {
        return format!("{sign}0");
    }
    if !(FIXED_EXPONENT_MIN..fixed_digits).contains(&exponent) {
        let direction = if exponent < 0 { '-' } else { '+' };
        return format!("{sign}{mantissa}e{direction}{:02}", exponent.unsigned_abs());
    }
    let digits: String = mantissa.chars().filter(|c| *c != '.').collect();
    if exponent < 0 {
        let zeros = "0".repeat((-exponent - 1).unsigned_abs() as usize);
        return format!("{sign}0.{zeros}{digits}");
    }
    let whole = exponent.unsigned_abs() as usize + 1;
    if digits.len() <= whole {
        return format!("{sign}{digits:0<whole$}");
    }
    format!("{sign}{}.{}", &digits[..whole], &digits[whole..])
}

fn number_of(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\u{b}')
}

fn invalid(text: &str, name: &str) -> SqlError {
    SqlError::new(Condition::InvalidTextRepresentation, format!("invalid input syntax for type {name}: \"{text}\""))
}

fn out_of_range(text: &str, name: &str) -> SqlError {
    SqlError::new(Condition::NumericValueOutOfRange, format!("\"{text}\" is out of range for type {name}"))
}

/// Whether a text that became infinite or zero says so.
fn says_so(number: &str, is_zero: bool) -> bool {
    let mantissa = number.split(['e', 'E']).next().unwrap_or(number);
    if is_zero {
        return !mantissa.bytes().any(|byte| (b'1'..=b'9').contains(&byte));
    }
    number.bytes().any(|byte| byte.eq_ignore_ascii_case(&b'n'))
}

/// The double that a text says.
pub fn parse_float8(text: &str) -> SqlResult<f64> {
    let number = number_of(text);
    let value: f64 = number.parse().map_err(|_| invalid(text, "double precision"))?;
    if (value.is_infinite() || value == 0.0) && !says_so(number, value == 0.0) {
        return Err(out_of_range(number, "double precision"));
    }
    Ok(if value.is_nan() { f64::NAN } else { value })
}

/// The float that a text says.
pub fn parse_float4(text: &str) -> SqlResult<f32> {
    let number = number_of(text);
    let value: f32 = number.parse().map_err(|_| invalid(text, "real"))?;
    if (value.is_infinite() || value == 0.0) && !says_so(number, value == 0.0) {
        return Err(out_of_range(number, "real"));
    }
    Ok(if value.is_nan() { f32::NAN } else { value })
}

#[allow(clippy::cast_possible_truncation, reason = "the nearest float is meant")]
fn narrowed(value: f64) -> SqlResult<f32> {
    let narrow = value as f32;
    if narrow.is_infinite() && value.is_finite() {
        return Err(SqlError::new(Condition::NumericValueOutOfRange, "value out of range: overflow"));
    }
    if narrow == 0.0 && value != 0.0 {
        return Err(SqlError::new(Condition::NumericValueOutOfRange, "value out of range: underflow"));
    }
    Ok(narrow)
}

pub(crate) fn casts() -> Vec<Cast> {
    vec![
        Cast::new("float4 -> float8", CastContext::Implicit, one::<Float4, Float8, _>(f64::from)),
        Cast::new("float8 -> float4", CastContext::Assignment, one::<Float8, Float4, _>(narrowed)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_shown_as_postgresql_shows_them() {
        for (value, shown) in [
            (0.1, "0.1"),
            (-0.0, "-0"),
            (1e15, "1e+15"),
            (123_456_789_012_345.0, "123456789012345"),
            (1e14, "100000000000000"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.5e-10, "1.5e-10"),
            (1e300, "1e+300"),
            (12.5, "12.5"),
            (100.0, "100"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(format_float8(value), shown);
        }
        assert_eq!(format_float4(1e6), "1e+06");
        assert_eq!(format_float4(123_456.7), "123456.7");
        assert_eq!(format_float4(0.1), "0.1");
    }

    #[test]
    fn texts_out_of_range_are_refused() {
        assert_eq!(parse_float8("1e400").unwrap_err().message, "\"1e400\" is out of range for type double precision");
        assert_eq!(parse_float8("1e-400").unwrap_err().condition, Condition::NumericValueOutOfRange);
        assert_eq!(parse_float8(" -Infinity ").unwrap(), f64::NEG_INFINITY);
        assert_eq!(parse_float8("0e500").unwrap(), 0.0);
        assert!(parse_float8("nan").unwrap().is_nan());
        assert_eq!(parse_float8("1x").unwrap_err().condition, Condition::InvalidTextRepresentation);
    }
}
