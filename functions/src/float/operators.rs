//! Operators of floats: they fail where a result is out of range, and divide by no zero.

use crate::condition::{Condition, SqlError, SqlResult};
use crate::registry::{Float4, Float8, Function, Implementation, one, two};
use crate::sql_type::SqlType;
use crate::typed::{CastContext, Typed};

fn overflow() -> SqlError {
    SqlError::new(Condition::NumericValueOutOfRange, "value out of range: overflow")
}

fn underflow() -> SqlError {
    SqlError::new(Condition::NumericValueOutOfRange, "value out of range: underflow")
}

/// The result, unless it is infinite though no operand was, or zero though it must not be.
pub(crate) fn checked(result: f64, has_infinity: bool, may_be_zero: bool) -> SqlResult<f64> {
    if result.is_infinite() && !has_infinity {
        return Err(overflow());
    }
    if result == 0.0 && !may_be_zero {
        return Err(underflow());
    }
    // The sign of a NaN says nothing, and is not to be seen.
    Ok(if result.is_nan() { f64::NAN } else { result })
}

fn divide(left: f64, right: f64) -> SqlResult<f64> {
    if right == 0.0 && !left.is_nan() {
        return Err(SqlError::new(Condition::DivisionByZero, "division by zero"));
    }
    checked(left / right, left.is_infinite(), left == 0.0 || right.is_infinite())
}

fn add(left: f64, right: f64) -> SqlResult<f64> {
    checked(left + right, left.is_infinite() || right.is_infinite(), true)
}

fn subtract(left: f64, right: f64) -> SqlResult<f64> {
    checked(left - right, left.is_infinite() || right.is_infinite(), true)
}

fn multiply(left: f64, right: f64) -> SqlResult<f64> {
    checked(left * right, left.is_infinite() || right.is_infinite(), left == 0.0 || right == 0.0)
}

type Operation = fn(f64, f64) -> SqlResult<f64>;

const ARITHMETIC: [(&str, Operation); 4] = [("+", add), ("-", subtract), ("*", multiply), ("/", divide)];

/// The operation on floats of four bytes: doubles hold its result exactly enough to be rounded once more.
#[allow(clippy::cast_possible_truncation, reason = "the nearest float is meant")]
fn narrow(operation: Operation, left: f32, right: f32) -> SqlResult<f32> {
    let wide = operation(f64::from(left), f64::from(right))?;
    let result = wide as f32;
    if result.is_infinite() && wide.is_finite() {
        return Err(overflow());
    }
    if result == 0.0 && wide != 0.0 {
        return Err(underflow());
    }
    Ok(result)
}

fn widening(sign: &'static str) -> Implementation {
    Implementation::expression(move |typing, _, operands| {
        let mut widened = operands
            .into_iter()
            .map(|operand| typing.cast(operand, &SqlType::Float8, -1, CastContext::Implicit))
            .collect::<SqlResult<Vec<Typed>>>()?;
        let right = widened.pop().ok_or_else(|| SqlError::new(Condition::InternalError, "no operand"))?;
        typing.operator(sign, widened.pop(), right)
    })
}

/// All operators of floats.
pub(crate) fn functions() -> Vec<Function> {
    let mut functions = Vec::new();
    for (sign, operation) in ARITHMETIC {
        let wide = two::<Float8, Float8, Float8, _>(operation);
        functions.push(Function::new(&format!("{sign}(float8, float8) float8"), wide));
        let small = two::<Float4, Float4, Float4, _>(move |left, right| narrow(operation, left, right));
        functions.push(Function::new(&format!("{sign}(float4, float4) float4"), small));
        functions.push(Function::new(&format!("{sign}(float4, float8) float8"), widening(sign)));
        functions.push(Function::new(&format!("{sign}(float8, float4) float8"), widening(sign)));
    }
    functions.extend([
        Function::new("-(float8) float8", one::<Float8, Float8, _>(|n: f64| -n)),
        Function::new("-(float4) float4", one::<Float4, Float4, _>(|n: f32| -n)),
        Function::new("+(float8) float8", one::<Float8, Float8, _>(|n: f64| n)),
        Function::new("+(float4) float4", one::<Float4, Float4, _>(|n: f32| n)),
        Function::new("abs(float8) float8", one::<Float8, Float8, _>(f64::abs)),
        Function::new("abs(float4) float4", one::<Float4, Float4, _>(f32::abs)),
        Function::new("@(float8) float8", one::<Float8, Float8, _>(f64::abs)),
        Function::new("@(float4) float4", one::<Float4, Float4, _>(f32::abs)),
    ]);
    functions
}
