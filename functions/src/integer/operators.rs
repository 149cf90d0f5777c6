//! Operators of whole numbers: Arrow's kernels that notice when a result does not fit.

use arrow::array::{ArrayRef, Datum};
use arrow::compute::kernels::numeric::{add, div, mul, neg, rem, sub};
use arrow::error::ArrowError;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::ColumnarValue;

use super::out_of_range;
use crate::condition::{Condition, SqlError, SqlResult};
use crate::registry::{Call, Function, Implementation, Int2, Int4, Int8, arrow_error, internal, one, two};
use crate::typed::{CastContext, Typed};

type Kernel = fn(&dyn Datum, &dyn Datum) -> Result<ArrayRef, ArrowError>;

const ARITHMETIC: [(&str, Kernel); 5] = [("+", add), ("-", sub), ("*", mul), ("/", div), ("%", rem)];

/// The types from the narrowest to the widest.
const TYPES: [&str; 3] = ["int2", "int4", "int8"];

/// What Arrow says of whole numbers, as PostgreSQL says it.
fn failure(error: ArrowError, call: &Call) -> SqlError {
    match error {
        ArrowError::DivideByZero => SqlError::new(Condition::DivisionByZero, "division by zero"),
        ArrowError::ArithmeticOverflow(_) => out_of_range(&call.returns.name()),
        other => arrow_error(other),
    }
}

/// A kernel over columns and constants.
fn apply(kernel: Kernel, call: &Call, operands: &[ColumnarValue]) -> SqlResult<ColumnarValue> {
    let [left, right] = operands else {
        return Err(SqlError::new(Condition::InternalError, "an operator has two operands"));
    };
    let scalar = |value: &ScalarValue| value.to_scalar().map_err(internal);
    let found = match (left, right) {
        (ColumnarValue::Array(left), ColumnarValue::Array(right)) => kernel(left, right),
        (ColumnarValue::Array(left), ColumnarValue::Scalar(right)) => kernel(left, &scalar(right)?),
        (ColumnarValue::Scalar(left), ColumnarValue::Array(right)) => kernel(&scalar(left)?, right),
        (ColumnarValue::Scalar(left), ColumnarValue::Scalar(right)) => {
            let found = kernel(&scalar(left)?, &scalar(right)?).map_err(|error| failure(error, call))?;
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&found, 0).map_err(internal)?));
        }
    };
    Ok(ColumnarValue::Array(found.map_err(|error| failure(error, call))?))
}

/// An operator on the wider type of both operands.
fn widening(sign: &'static str, to: &'static str) -> Implementation {
    let to = crate::sql_type::SqlType::by_name(to).unwrap_or(crate::sql_type::SqlType::Int8);
    Implementation::expression(move |typing, _, operands| {
        let mut widened = operands
            .into_iter()
            .map(|operand| typing.cast(operand, &to, -1, CastContext::Implicit))
            .collect::<SqlResult<Vec<Typed>>>()?;
        let right = widened.pop().ok_or_else(|| SqlError::new(Condition::InternalError, "no operand"))?;
        typing.operator(sign, widened.pop(), right)
    })
}

/// All operators and functions of whole numbers.
pub(crate) fn functions() -> Vec<Function> {
    let mut functions = Vec::new();
    for (sign, kernel) in ARITHMETIC {
        for (left_width, left) in TYPES.into_iter().enumerate() {
            for (right_width, right) in TYPES.into_iter().enumerate() {
                let wider = TYPES[left_width.max(right_width)];
                let run = if left == right {
                    Implementation::columns(move |call, operands, _| apply(kernel, call, operands))
                } else if sign == "%" {
                    continue;
                } else {
                    widening(sign, wider)
                };
                functions.push(Function::new(&format!("{sign}({left}, {right}) {wider}"), run));
            }
        }
    }
    for name in TYPES {
        let negated = Implementation::arrays(|call, arrays, _| neg(&arrays[0]).map_err(|error| failure(error, call)));
        functions.push(Function::new(&format!("-({name}) {name}"), negated));
        let same = Implementation::expression(|_, _, mut operands| {
            operands.pop().ok_or_else(|| SqlError::new(Condition::InternalError, "no operand"))
        });
        functions.push(Function::new(&format!("+({name}) {name}"), same));
        let remainder = Implementation::columns(|call, operands, _| apply(rem, call, operands));
        functions.push(Function::new(&format!("mod({name}, {name}) {name}"), remainder));
    }
    functions.extend(absolutes());
    functions.extend(bits());
    functions.extend(divisors());
    functions
}

fn absolutes() -> Vec<Function> {
    let (two_bytes, four_bytes, eight_bytes) = ("smallint", "integer", "bigint");
    let mut functions = Vec::new();
    for name in ["abs", "@"] {
        let small = one::<Int2, Int2, _>(move |n| n.checked_abs().ok_or_else(|| out_of_range(two_bytes)));
        functions.push(Function::new(&format!("{name}(int2) int2"), small));
        let medium = one::<Int4, Int4, _>(move |n| n.checked_abs().ok_or_else(|| out_of_range(four_bytes)));
        functions.push(Function::new(&format!("{name}(int4) int4"), medium));
        let large = one::<Int8, Int8, _>(move |n| n.checked_abs().ok_or_else(|| out_of_range(eight_bytes)));
        functions.push(Function::new(&format!("{name}(int8) int8"), large));
    }
    functions
}

macro_rules! bit_operators {
    ($functions:ident, $($kind:ident $name:literal $native:ty),*) => {$(
        $functions.extend([
            Function::new(concat!("&(", $name, ", ", $name, ") ", $name), two::<$kind, $kind, $kind, _>(|a, b| a & b)),
            Function::new(concat!("|(", $name, ", ", $name, ") ", $name), two::<$kind, $kind, $kind, _>(|a, b| a | b)),
            Function::new(concat!("#(", $name, ", ", $name, ") ", $name), two::<$kind, $kind, $kind, _>(|a, b| a ^ b)),
            Function::new(concat!("~(", $name, ") ", $name), one::<$kind, $kind, _>(|a| !a)),
            // Shifts count within the width, as the machine counts them.
            Function::new(
                concat!("<<(", $name, ", int4) ", $name),
                two::<$kind, Int4, $kind, _>(|a, b| shifted(i64::from(a), b, <$native>::BITS, true) as $native),
            ),
            Function::new(
                concat!(">>(", $name, ", int4) ", $name),
                two::<$kind, Int4, $kind, _>(|a, b| shifted(i64::from(a), b, <$native>::BITS, false) as $native),
            ),
        ]);
    )*};
}

#[allow(clippy::cast_possible_truncation, reason = "bits that are shifted out are lost")]
fn bits() -> Vec<Function> {
    let mut functions = Vec::new();
    bit_operators!(functions, Int2 "int2" i16, Int4 "int4" i32, Int8 "int8" i64);
    functions
}

fn shifted(value: i64, count: i32, width: u32, is_left: bool) -> i64 {
    // Two bytes are shifted as four are.
    let count = count.rem_euclid(if width == 64 { 64 } else { 32 }).unsigned_abs();
    if is_left { value.wrapping_shl(count) } else { value.wrapping_shr(count) }
}

fn divisor(mut left: u64, mut right: u64) -> u64 {
    while right != 0 {
        (left, right) = (right, left % right);
    }
    left
}

fn greatest_divisor(left: i64, right: i64, name: &str) -> SqlResult<i64> {
    i64::try_from(divisor(left.unsigned_abs(), right.unsigned_abs())).map_err(|_| out_of_range(name))
}

fn least_multiple(left: i64, right: i64, name: &str) -> SqlResult<i64> {
    if left == 0 || right == 0 {
        return Ok(0);
    }
    let shared = divisor(left.unsigned_abs(), right.unsigned_abs());
    let multiple = (left.unsigned_abs() / shared).checked_mul(right.unsigned_abs());
    multiple.and_then(|multiple| i64::try_from(multiple).ok()).ok_or_else(|| out_of_range(name))
}

fn divisors() -> Vec<Function> {
    let narrow = |value: i64| i32::try_from(value).map_err(|_| out_of_range("integer"));
    vec![
        Function::new("gcd(int8, int8) int8", two::<Int8, Int8, Int8, _>(|a, b| greatest_divisor(a, b, "bigint"))),
        Function::new("lcm(int8, int8) int8", two::<Int8, Int8, Int8, _>(|a, b| least_multiple(a, b, "bigint"))),
        Function::new(
            "gcd(int4, int4) int4",
            two::<Int4, Int4, Int4, _>(move |a, b| greatest_divisor(a.into(), b.into(), "integer").and_then(narrow)),
        ),
        Function::new(
            "lcm(int4, int4) int4",
            two::<Int4, Int4, Int4, _>(move |a, b| least_multiple(a.into(), b.into(), "integer").and_then(narrow)),
        ),
    ]
}
