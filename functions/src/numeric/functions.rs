//! Functions of numbers.

use std::cmp::Ordering;

use bigdecimal::num_bigint::BigInt;

use super::number::Number;
use crate::condition::{Condition, SqlError, SqlResult};
use crate::registry::{Function, Int4, Int8, ListOf, Numeric, four, one, three, two};

/// The largest number whose factorial can be held.
const FACTORIAL_MAX: i64 = 32_177;
/// Numbers in a series at most: a list is made of them.
const SERIES_MAX: usize = 50_000_000;

fn sign(number: &Number) -> Number {
    match number {
        Number::NaN => Number::NaN,
        other => Number::from(match other.sign() {
            Ordering::Less => -1,
            Ordering::Equal => 0,
            Ordering::Greater => 1,
        }),
    }
}

fn whole_quotient(left: &Number, right: &Number) -> SqlResult<Number> {
    left.divided(right, 0, false)
}

fn factorial(count: i64) -> SqlResult<Number> {
    if count < 0 {
        return Err(SqlError::new(Condition::NumericValueOutOfRange, "factorial of a negative number is undefined"));
    }
    if count > FACTORIAL_MAX {
        return Err(SqlError::new(Condition::NumericValueOutOfRange, "value overflows numeric format"));
    }
    Ok(Number::big((2..=count).fold(BigInt::from(1), |product, next| product * next), 0))
}

/// How many digits after the point are needed.
fn least_scale(number: &Number) -> Option<i32> {
    number.is_finite().then(|| i32::from(number.trimmed().scale()))
}

fn greatest_divisor(left: &Number, right: &Number) -> SqlResult<Number> {
    if !left.is_finite() || !right.is_finite() {
        return Ok(Number::NaN);
    }
    let scale = left.scale().max(right.scale());
    let (mut left, mut right) = (left.absolute(), right.absolute());
    while !right.is_zero() {
        (left, right) = (right.clone(), left.remainder(&right)?);
    }
    Ok(left.rounded(i32::from(scale)))
}

fn least_multiple(left: &Number, right: &Number) -> SqlResult<Number> {
    if !left.is_finite() || !right.is_finite() {
        return Ok(Number::NaN);
    }
    let scale = i32::from(left.scale().max(right.scale()));
    if left.is_zero() || right.is_zero() {
        return Ok(Number::ZERO.rounded(scale));
    }
    let shared = greatest_divisor(left, right)?;
    Ok(left.divided(&shared, 0, true)?.times(right)?.absolute().rounded(scale))
}

fn bucket_failure(message: &str) -> SqlError {
    SqlError::new(Condition::InvalidArgumentForWidthBucket, message)
}

/// In which of `count` equal parts of a range a number is; 0 and `count + 1` are outside.
fn bucket(operand: &Number, low: &Number, high: &Number, count: i32) -> SqlResult<i32> {
    if count <= 0 {
        return Err(bucket_failure("count must be greater than zero"));
    }
    if matches!(operand, Number::NaN) || matches!(low, Number::NaN) || matches!(high, Number::NaN) {
        return Err(bucket_failure("operand, lower bound, and upper bound cannot be NaN"));
    }
    if !low.is_finite() || !high.is_finite() {
        return Err(bucket_failure("lower and upper bounds must be finite"));
    }
    let above = count.checked_add(1).ok_or_else(|| crate::integer::out_of_range("integer"))?;
    let order = low.cmp(high);
    if order == Ordering::Equal {
        return Err(bucket_failure("lower bound cannot equal upper bound"));
    }
    // Ranges may go down as well as up.
    if operand.cmp(low) == order && operand != low {
        return Ok(0);
    }
    if operand == high || operand.cmp(high) == order.reverse() {
        return Ok(above);
    }
    let share = operand.minus(low)?.times(&Number::from(i64::from(count)))?;
    let place = share.divided(&high.minus(low)?, 0, false)?;
    Ok(place.to_i128().and_then(|place| i32::try_from(place + 1).ok()).unwrap_or(above))
}

/// The numbers from `first` to `last` by `step`.
fn series(first: &Number, last: &Number, step: &Number) -> SqlResult<Vec<Option<Number>>> {
    for (number, name) in [(first, "start value"), (last, "stop value"), (step, "step size")] {
        let what = if matches!(number, Number::NaN) { "NaN" } else { "infinity" };
        if !number.is_finite() {
            return Err(SqlError::new(Condition::InvalidParameterValue, format!("{name} cannot be {what}")));
        }
    }
    if step.is_zero() {
        return Err(SqlError::new(Condition::InvalidParameterValue, "step size cannot equal zero"));
    }
    let past = if step.sign() == Ordering::Less { Ordering::Less } else { Ordering::Greater };
    let mut found = Vec::new();
    let mut next = first.clone();
    while next.cmp(last) != past {
        if found.len() >= SERIES_MAX {
            return Err(SqlError::new(Condition::ProgramLimitExceeded, "series is too long"));
        }
        found.push(Some(next.clone()));
        next = next.plus(step)?;
    }
    Ok(found)
}

fn rounding() -> Vec<Function> {
    let mut functions = Vec::new();
    let round = two::<Numeric, Int4, Numeric, _>(|n: Number, places| n.rounded(places.max(-131_072)));
    let truncate = two::<Numeric, Int4, Numeric, _>(|n: Number, places| n.truncated(places.max(-131_072)));
    functions.extend([
        Function::new("round(numeric, int4) numeric", round),
        Function::new("trunc(numeric, int4) numeric", truncate),
        Function::new("round(numeric) numeric", one::<Numeric, Numeric, _>(|n: Number| n.rounded(0))),
        Function::new("trunc(numeric) numeric", one::<Numeric, Numeric, _>(|n: Number| n.truncated(0))),
        Function::new("floor(numeric) numeric", one::<Numeric, Numeric, _>(|n: Number| n.floor())),
        Function::new("ceil(numeric) numeric", one::<Numeric, Numeric, _>(|n: Number| n.ceiling())),
        Function::new("ceiling(numeric) numeric", one::<Numeric, Numeric, _>(|n: Number| n.ceiling())),
        Function::new("sign(numeric) numeric", one::<Numeric, Numeric, _>(|n: Number| sign(&n))),
        Function::new("abs(numeric) numeric", one::<Numeric, Numeric, _>(|n: Number| n.absolute())),
        Function::new("@(numeric) numeric", one::<Numeric, Numeric, _>(|n: Number| n.absolute())),
        Function::new(
            "scale(numeric) int4",
            one::<Numeric, Int4, _>(|n: Number| n.is_finite().then(|| i32::from(n.scale()))),
        ),
        Function::new("min_scale(numeric) int4", one::<Numeric, Int4, _>(|n: Number| least_scale(&n))),
        Function::new("trim_scale(numeric) numeric", one::<Numeric, Numeric, _>(|n: Number| n.trimmed())),
    ]);
    functions
}

fn powers() -> Vec<Function> {
    let ten = || Number::small(10, 0);
    let mut functions = Vec::new();
    for name in ["power", "pow", "^"] {
        let power = two::<Numeric, Numeric, Numeric, _>(|n: Number, exponent: Number| n.power(&exponent));
        functions.push(Function::new(&format!("{name}(numeric, numeric) numeric"), power));
    }
    for name in ["log", "log10"] {
        let logarithm = one::<Numeric, Numeric, _>(move |n: Number| n.logarithm_to(&ten()));
        functions.push(Function::new(&format!("{name}(numeric) numeric"), logarithm));
    }
    functions.extend([
        Function::new("sqrt(numeric) numeric", one::<Numeric, Numeric, _>(|n: Number| n.square_root())),
        Function::new("exp(numeric) numeric", one::<Numeric, Numeric, _>(|n: Number| n.exponential())),
        Function::new("ln(numeric) numeric", one::<Numeric, Numeric, _>(|n: Number| n.logarithm())),
        Function::new(
            "log(numeric, numeric) numeric",
            two::<Numeric, Numeric, Numeric, _>(|base: Number, n: Number| n.logarithm_to(&base)),
        ),
    ]);
    functions
}

fn whole_series<T: Copy + Into<i64>>(first: T, last: T, step: T) -> SqlResult<Vec<i64>> {
    let (mut next, last, step): (i64, i64, i64) = (first.into(), last.into(), step.into());
    if step == 0 {
        return Err(SqlError::new(Condition::InvalidParameterValue, "step size cannot equal zero"));
    }
    let mut found = Vec::new();
    while if step > 0 { next <= last } else { next >= last } {
        if found.len() >= SERIES_MAX {
            return Err(SqlError::new(Condition::ProgramLimitExceeded, "series is too long"));
        }
        found.push(next);
        match next.checked_add(step) {
            Some(after) => next = after,
            None => break,
        }
    }
    Ok(found)
}

fn narrow(found: Vec<i64>) -> Vec<Option<i32>> {
    found.into_iter().map(|value| i32::try_from(value).ok()).collect()
}

fn wide(found: Vec<i64>) -> Vec<Option<i64>> {
    found.into_iter().map(Some).collect()
}

fn all_series() -> Vec<Function> {
    vec![
        Function::new(
            "generate_series(int4, int4) setof int4",
            two::<Int4, Int4, ListOf<Int4>, _>(|a, b| whole_series(a, b, 1).map(narrow)),
        ),
        Function::new(
            "generate_series(int4, int4, int4) setof int4",
            three::<Int4, Int4, Int4, ListOf<Int4>, _>(|a, b, step| whole_series(a, b, step).map(narrow)),
        ),
        Function::new(
            "generate_series(int8, int8) setof int8",
            two::<Int8, Int8, ListOf<Int8>, _>(|a, b| whole_series(a, b, 1).map(wide)),
        ),
        Function::new(
            "generate_series(int8, int8, int8) setof int8",
            three::<Int8, Int8, Int8, ListOf<Int8>, _>(|a, b, step| whole_series(a, b, step).map(wide)),
        ),
        Function::new(
            "generate_series(numeric, numeric) setof numeric",
            two::<Numeric, Numeric, ListOf<Numeric>, _>(|a: Number, b: Number| series(&a, &b, &Number::small(1, 0))),
        ),
        Function::new(
            "generate_series(numeric, numeric, numeric) setof numeric",
            three::<Numeric, Numeric, Numeric, ListOf<Numeric>, _>(|a: Number, b: Number, step: Number| {
                series(&a, &b, &step)
            }),
        ),
    ]
}

/// The functions of numbers.
pub(crate) fn functions() -> Vec<Function> {
    let modulo: fn(Number, Number) -> SqlResult<Number> = |left, right| left.remainder(&right);
    let mut functions = rounding();
    functions.extend(powers());
    functions.extend(all_series());
    functions.extend([
        Function::new("mod(numeric, numeric) numeric", two::<Numeric, Numeric, Numeric, _>(modulo)),
        Function::new(
            "div(numeric, numeric) numeric",
            two::<Numeric, Numeric, Numeric, _>(|left: Number, right: Number| whole_quotient(&left, &right)),
        ),
        Function::new("factorial(int8) numeric", one::<Int8, Numeric, _>(factorial)),
        Function::new(
            "gcd(numeric, numeric) numeric",
            two::<Numeric, Numeric, Numeric, _>(|left: Number, right: Number| greatest_divisor(&left, &right)),
        ),
        Function::new(
            "lcm(numeric, numeric) numeric",
            two::<Numeric, Numeric, Numeric, _>(|left: Number, right: Number| least_multiple(&left, &right)),
        ),
        Function::new(
            "width_bucket(numeric, numeric, numeric, int4) int4",
            four::<Numeric, Numeric, Numeric, Int4, Int4, _>(|n: Number, low: Number, high: Number, count| {
                bucket(&n, &low, &high, count)
            }),
        ),
    ]);
    functions
}
