//! Sums and products of JSON numbers: whole while both are, and never rounded or wrapped in silence.
//!
//! ```text
//!   whole o whole   exact, from -2^63 to 2^64 - 1, refused outside
//!   otherwise       floating point, refused when not finite
//! ```

use serde_json::{Number, Value};

use crate::error::{Error, Result};

fn whole(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or(number.as_u64().map(i128::from))
}

fn combine(
    a: &Number,
    b: &Number,
    exact: impl Fn(i128, i128) -> i128,
    floating: impl Fn(f64, f64) -> f64,
) -> Result<Value> {
    if let (Some(a), Some(b)) = (whole(a), whole(b)) {
        // Products of 64-bit numbers fit into 128 bits.
        let result = exact(a, b);
        let number = i64::try_from(result).map(Value::from).or(u64::try_from(result).map(Value::from));
        return number.map_err(|_| {
            Error::invalid(format!(
                "the result {result} does not fit into a whole number of 64 bits; use 1.0 for floating point"
            ))
        });
    }
    let floats = a.as_f64().zip(b.as_f64()).map(|(a, b)| floating(a, b));
    floats
        .and_then(Number::from_f64)
        .map(Value::Number)
        .ok_or_else(|| Error::invalid("the result is too large for a floating-point number"))
}

pub(super) fn sum(a: &Number, b: &Number) -> Result<Value> {
    combine(a, b, |a, b| a + b, |a, b| a + b)
}

pub(super) fn product(a: &Number, b: &Number) -> Result<Value> {
    combine(a, b, |a, b| a.saturating_mul(b), |a, b| a * b)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn number(value: Value) -> Number {
        match value {
            Value::Number(number) => number,
            other => panic!("{other} is not a number"),
        }
    }

    #[test]
    fn whole_numbers_stay_exact_or_are_refused() {
        let add = |a: Value, b: Value| sum(&number(a), &number(b));
        assert_eq!(add(json!(i64::MAX), json!(1)).unwrap(), json!(9_223_372_036_854_775_808_u64));
        assert_eq!(add(json!(u64::MAX), json!(-1)).unwrap(), json!(u64::MAX - 1));
        assert_eq!(add(json!(1), json!(0.5)).unwrap(), json!(1.5));
        assert!(add(json!(u64::MAX), json!(1)).is_err());
        assert!(add(json!(i64::MIN), json!(-1)).is_err());
        assert!(add(json!(f64::MAX), json!(f64::MAX)).is_err());
        assert!(product(&number(json!(u64::MAX)), &number(json!(u64::MAX))).is_err());
        assert_eq!(product(&number(json!(-3)), &number(json!(4))).unwrap(), json!(-12));
    }
}
