//! Numbers as text, and conversions to and from the other numbers.

use bigdecimal::num_bigint::BigInt;

use super::arithmetic::{SCALE_MAX, WHOLE_DIGITS_MAX, power_of_ten};
use super::number::{Digits, Number};
use crate::condition::{Condition, SqlError, SqlResult};

/// Decimal digits that always fit into an `i128`.
const SMALL_DIGITS: usize = 38;

fn invalid(text: &str) -> SqlError {
    SqlError::new(Condition::InvalidTextRepresentation, format!("invalid input syntax for type numeric: \"{text}\""))
}

fn overflow() -> SqlError {
    SqlError::new(Condition::NumericValueOutOfRange, "value overflows numeric format")
}

/// The number that a text says: `12.50`, `-1e3`, `NaN`, `infinity`.
pub fn parse(text: &str) -> SqlResult<Number> {
    let trimmed = text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\u{b}');
    let (is_negative, unsigned) = match trimmed.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, trimmed.strip_prefix('+').unwrap_or(trimmed)),
    };
    if !unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return parse_word(trimmed, unsigned, is_negative).ok_or_else(|| invalid(text));
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent).ok_or_else(|| invalid(text))?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !is_number(whole) || !is_number(fraction) {
        return Err(invalid(text));
    }
    let number = assemble(whole, fraction, exponent)?;
    Ok(if is_negative { number.negated() } else { number })
}

fn parse_word(trimmed: &str, unsigned: &str, is_negative: bool) -> Option<Number> {
    if trimmed.eq_ignore_ascii_case("nan") {
        return Some(Number::NaN);
    }
    let is_infinite = unsigned.eq_ignore_ascii_case("infinity") || unsigned.eq_ignore_ascii_case("inf");
    is_infinite.then_some(if is_negative { Number::NegativeInfinity } else { Number::Infinity })
}

fn parse_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // What is out of range here is out of range for a number, too.
    Some(text.parse::<i64>().unwrap_or(if text.starts_with('-') { i64::from(i32::MIN) } else { i64::from(i32::MAX) }))
}

fn assemble(whole: &str, fraction: &str, exponent: i64) -> SqlResult<Number> {
    let mut digits = String::with_capacity(whole.len() + fraction.len());
    digits.push_str(whole);
    digits.push_str(fraction);
    let significant = digits.trim_start_matches('0');
    let scale = i64::try_from(fraction.len()).unwrap_or(i64::MAX) - exponent;
    let whole_digits = i64::try_from(significant.len()).unwrap_or(i64::MAX) - scale;
    if !significant.is_empty() && whole_digits > WHOLE_DIGITS_MAX || scale > i64::from(u16::MAX) * 4 {
        return Err(overflow());
    }
    let integer = if significant.len() <= SMALL_DIGITS {
        Digits::Small(significant.parse().unwrap_or(0))
    } else {
        Digits::from_big(BigInt::parse_bytes(significant.as_bytes(), 10).unwrap_or_default())
    };
    if scale <= 0 {
        let zeros = if significant.is_empty() { 0 } else { u32::try_from(-scale).unwrap_or(0) };
        let digits = match (&integer, zeros) {
            (_, 0) => integer,
            (integer, zeros) => Digits::from_big(integer.to_big() * power_of_ten(zeros)),
        };
        return Ok(Number::Finite { digits, scale: 0 });
    }
    if scale > i64::from(SCALE_MAX) {
        let fewer = u32::try_from(scale - i64::from(SCALE_MAX)).unwrap_or(0);
        return Ok(Number::big(integer.to_big() / power_of_ten(fewer), SCALE_MAX));
    }
    Ok(Number::Finite { digits: integer, scale: u16::try_from(scale).unwrap_or(SCALE_MAX) })
}

/// The number as PostgreSQL shows it, with all digits of its scale.
pub fn format(number: &Number) -> String {
    let (digits, scale) = match number {
        Number::NaN => return "NaN".to_owned(),
        Number::Infinity => return "Infinity".to_owned(),
        Number::NegativeInfinity => return "-Infinity".to_owned(),
        Number::Finite { digits, scale } => (digits, usize::from(*scale)),
    };
    let text = match digits {
        Digits::Small(small) => small.to_string(),
        Digits::Large(large) => large.to_string(),
    };
    if scale == 0 {
        return text;
    }
    let (sign, unsigned) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("-", rest));
    if unsigned.len() > scale {
        let (whole, fraction) = unsigned.split_at(unsigned.len() - scale);
        return format!("{sign}{whole}.{fraction}");
    }
    format!("{sign}0.{unsigned:0>scale$}")
}

impl Number {
    /// The nearest double.
    pub fn to_f64(&self) -> f64 {
        match self {
            Number::NaN => f64::NAN,
            Number::Infinity => f64::INFINITY,
            Number::NegativeInfinity => f64::NEG_INFINITY,
            Number::Finite { .. } => format(self).parse().unwrap_or(f64::NAN),
        }
    }

    /// The double with the digits that it surely has: fifteen.
    pub fn from_f64(value: f64) -> Number {
        Number::from_float(value, 14)
    }

    /// The float with the digits that it surely has: six.
    pub fn from_f32(value: f32) -> Number {
        Number::from_float(f64::from(value), 5)
    }

    fn from_float(value: f64, digits: usize) -> Number {
        if value.is_nan() {
            return Number::NaN;
        }
        if value.is_infinite() {
            return if value > 0.0 { Number::Infinity } else { Number::NegativeInfinity };
        }
        // Zeros at the end are not part of the value that the float was made from.
        parse(&format!("{value:.digits$e}")).map_or(Number::NaN, |number| number.trimmed())
    }

    /// The whole number nearest to this one, halves away from zero, if `i128` holds it.
    pub fn to_i128(&self) -> Option<i128> {
        match self.rounded(0) {
            Number::Finite { digits: Digits::Small(small), .. } => Some(small),
            _ => None,
        }
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Number::small(i128::from(value), 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_shown_as_postgresql_shows_them() {
        for (text, shown) in [
            ("0", "0"),
            ("-0.00", "0.00"),
            ("  1.50 ", "1.50"),
            (".5", "0.5"),
            ("5.", "5"),
            ("1e3", "1000"),
            ("1.25e-3", "0.00125"),
            ("1.25e1", "12.5"),
            ("-inf", "-Infinity"),
            ("nan", "NaN"),
            (
                "123456789012345678901234567890123456789012345678901234567890.5",
                "123456789012345678901234567890123456789012345678901234567890.5",
            ),
            ("0e10", "0"),
        ] {
            assert_eq!(format(&parse(text).unwrap()), shown);
        }
        for text in ["", ".", "1e", "x", "1.2.3", "--1", "-", "1 2", "0x1"] {
            assert_eq!(parse(text).unwrap_err().message, format!("invalid input syntax for type numeric: \"{text}\""));
        }
        assert_eq!(parse("1e200000").unwrap_err().condition, Condition::NumericValueOutOfRange);
    }

    #[test]
    fn floats_give_the_digits_they_surely_have() {
        assert_eq!(format(&Number::from_f64(0.1)), "0.1");
        assert_eq!(format(&Number::from_f64(1e20)), "100000000000000000000");
        assert_eq!(format(&Number::from_f64(123_456_789.123_456_78)), "123456789.123457");
        assert_eq!(format(&Number::from_f32(0.1)), "0.1");
    }
}
