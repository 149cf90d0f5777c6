//! Numbers of type numeric in their two forms, and from and to the other types of numbers.

use std::sync::{Arc, OnceLock};

use arrow::array::{Array, ArrayRef, AsArray, BinaryBuilder, Decimal128Builder};
use arrow::datatypes::{DataType, Decimal128Type};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;

use super::number::{Digits, Number};
use crate::condition::{Condition, SqlError, SqlResult};
use crate::registry::{
    Call, Cast, Float4, Float8, Function, Implementation, Int2, Int4, Int8, Numeric, arrow_error, one,
};
use crate::sql_type::{NumericForm, SqlType, numeric_modifier};
use crate::typed::{CastContext, Typed};
use crate::typing::{Typing, fold, fold_native, numeric_literal};

/// The value, which is numeric or a whole number, as numeric of this form; the modifier says what else it has to fit.
pub(crate) fn to_numeric(typing: &Typing, value: Typed, to: &SqlType, modifier: i32) -> SqlResult<Typed> {
    let value = decimal_form(value)?;
    let SqlType::Numeric(from_form) = value.sql_type else {
        return Err(SqlError::new(Condition::InternalError, "not a numeric"));
    };
    let SqlType::Numeric(to_form) = *to else {
        return Err(SqlError::new(Condition::InternalError, "not to numeric"));
    };
    if from_form == to_form && (modifier < 0 || modifier == value.type_modifier || to_form != NumericForm::Any) {
        return Ok(value.modified(modifier));
    }
    if let (
        NumericForm::Decimal { precision: from_precision, scale: from_scale },
        NumericForm::Decimal { precision, scale },
    ) = (from_form, to_form)
        && scale >= from_scale
        && precision - scale >= from_precision - from_scale
    {
        return Ok(fold_native(value, to)?.modified(modifier));
    }
    let call = Call { modifier, ..Call::new(typing.environment(), vec![value.sql_type.clone()], to.clone()) };
    Ok(Typed::new(fold(fitting(), call, vec![value.expr])?, to.clone()).modified(modifier))
}

/// A whole number as a decimal that holds all numbers of its type, a constant one of as few digits as it has; what is numeric
/// stays as it is.
pub(crate) fn decimal_form(value: Typed) -> SqlResult<Typed> {
    let constant = match &value.expr {
        Expr::Literal(ScalarValue::Int16(Some(value)), _) => Some(i64::from(*value)),
        Expr::Literal(ScalarValue::Int32(Some(value)), _) => Some(i64::from(*value)),
        Expr::Literal(ScalarValue::Int64(Some(value)), _) => Some(*value),
        _ => None,
    };
    if let Some(constant) = constant {
        return Ok(numeric_literal(&Number::from(constant)));
    }
    let precision = match value.sql_type {
        SqlType::Int2 => 5,
        SqlType::Int4 => 10,
        SqlType::Int8 => 19,
        _ => return Ok(value),
    };
    fold_native(value, &SqlType::decimal(precision, 0))
}

fn fitting() -> &'static Arc<Function> {
    static FUNCTION: OnceLock<Arc<Function>> = OnceLock::new();
    FUNCTION.get_or_init(|| {
        let run = Implementation::arrays(|call, arrays, _| fit(call, &arrays[0]));
        Arc::new(Function::new("numeric(numeric) numeric", run))
    })
}

/// The column of numbers in the form that the call returns, as its modifier or that form wants them.
pub(crate) fn fit(call: &Call, column: &ArrayRef) -> SqlResult<ArrayRef> {
    let SqlType::Numeric(form) = call.returns else { return Ok(column.clone()) };
    let bounds = match form {
        NumericForm::Decimal { precision, scale } => Some((u32::from(precision), i32::from(scale))),
        NumericForm::Any => numeric_modifier(call.modifier),
    };
    if *column.data_type() == call.returns.arrow() && (form != NumericForm::Any || bounds.is_none()) {
        return Ok(column.clone());
    }
    let fitted = |row: usize| -> SqlResult<Option<Number>> {
        let Some(number) = number_at(column, row)? else { return Ok(None) };
        match bounds {
            Some((precision, scale)) => number.fitted(precision, scale).map(Some),
            None => Ok(Some(number)),
        }
    };
    match form {
        NumericForm::Any => any_column((0..column.len()).map(fitted)),
        NumericForm::Decimal { precision, scale } => {
            let mut builder = Decimal128Builder::with_capacity(column.len());
            for row in 0..column.len() {
                builder.append_option(fitted(row)?.map(|number| unscaled(&number)).transpose()?);
            }
            let scale = i8::try_from(scale).unwrap_or(i8::MAX);
            let array = builder.finish().with_precision_and_scale(precision, scale).map_err(arrow_error)?;
            Ok(Arc::new(array))
        }
    }
}

/// The digits of a number that has been made to fit a decimal.
fn unscaled(number: &Number) -> SqlResult<i128> {
    match number {
        Number::Finite { digits: Digits::Small(small), .. } => Ok(*small),
        Number::NaN => Err(SqlError::unsupported("NaN in a numeric of fixed precision")),
        _ => Err(SqlError::new(Condition::NumericValueOutOfRange, "numeric field overflow")),
    }
}

/// The number in a row of a column of either form.
pub(crate) fn number_at(column: &ArrayRef, row: usize) -> SqlResult<Option<Number>> {
    if column.is_null(row) {
        return Ok(None);
    }
    match column.data_type() {
        DataType::Decimal128(_, scale) => {
            let digits = column.as_primitive::<Decimal128Type>().value(row);
            Ok(Some(Number::small(digits, u16::try_from(*scale).unwrap_or(0))))
        }
        DataType::Binary => Ok(Some(Number::decode(column.as_binary::<i32>().value(row)))),
        other => Err(SqlError::new(Condition::InternalError, format!("{other} is not numeric"))),
    }
}

fn any_column(numbers: impl Iterator<Item = SqlResult<Option<Number>>>) -> SqlResult<ArrayRef> {
    let mut builder = BinaryBuilder::new();
    let mut bytes = Vec::new();
    for number in numbers {
        match number? {
            Some(number) => {
                bytes.clear();
                number.encode(&mut bytes);
                builder.append_value(&bytes);
            }
            None => builder.append_null(),
        }
    }
    Ok(Arc::new(builder.finish()))
}

/// A column of decimals in the form `Any`; other columns as they are.
pub(crate) fn to_any(column: &ArrayRef) -> SqlResult<ArrayRef> {
    match column.data_type() {
        DataType::Decimal128(_, _) => any_column((0..column.len()).map(|row| number_at(column, row))),
        _ => Ok(column.clone()),
    }
}

/// The number as a value of this type, as its form or a modifier wants it.
pub(crate) fn scalar(number: &Number, sql_type: &SqlType, modifier: i32) -> SqlResult<ScalarValue> {
    match sql_type {
        SqlType::Numeric(NumericForm::Decimal { precision, scale }) => {
            let fitted = number.fitted(u32::from(*precision), i32::from(*scale))?;
            let arrow_scale = i8::try_from(*scale).unwrap_or(i8::MAX);
            Ok(ScalarValue::Decimal128(Some(unscaled(&fitted)?), *precision, arrow_scale))
        }
        _ => {
            let fitted = match numeric_modifier(modifier) {
                Some((precision, scale)) => number.fitted(precision, scale)?,
                None => number.clone(),
            };
            Ok(ScalarValue::Binary(Some(fitted.to_bytes())))
        }
    }
}

fn out_of_range(name: &str) -> SqlError {
    SqlError::new(Condition::NumericValueOutOfRange, format!("{name} out of range"))
}

/// The whole number nearest to `number`, if `T` holds it.
fn whole<T: TryFrom<i128>>(number: &Number, name: &str) -> SqlResult<T> {
    match number {
        Number::NaN => Err(SqlError::new(Condition::FeatureNotSupported, format!("cannot convert NaN to {name}"))),
        Number::Infinity | Number::NegativeInfinity => {
            Err(SqlError::new(Condition::FeatureNotSupported, format!("cannot convert infinity to {name}")))
        }
        finite => finite.to_i128().and_then(|whole| T::try_from(whole).ok()).ok_or_else(|| out_of_range(name)),
    }
}

fn to_float4(number: &Number) -> SqlResult<f32> {
    let text = super::text::format(number);
    crate::float::parse_float4(&text)
}

fn to_float8(number: &Number) -> SqlResult<f64> {
    crate::float::parse_float8(&super::text::format(number))
}

/// The casts from and to numeric.
pub(crate) fn casts() -> Vec<Cast> {
    use CastContext::{Assignment, Implicit};
    vec![
        Cast::new("int2 -> numeric", Implicit, one::<Int2, Numeric, _>(|n| Number::from(i64::from(n)))),
        Cast::new("int4 -> numeric", Implicit, one::<Int4, Numeric, _>(|n| Number::from(i64::from(n)))),
        Cast::new("int8 -> numeric", Implicit, one::<Int8, Numeric, _>(Number::from)),
        Cast::new("float4 -> numeric", Assignment, one::<Float4, Numeric, _>(Number::from_f32)),
        Cast::new("float8 -> numeric", Assignment, one::<Float8, Numeric, _>(Number::from_f64)),
        Cast::new("numeric -> int2", Assignment, one::<Numeric, Int2, _>(|n| whole::<i16>(&n, "smallint"))),
        Cast::new("numeric -> int4", Assignment, one::<Numeric, Int4, _>(|n| whole::<i32>(&n, "integer"))),
        Cast::new("numeric -> int8", Assignment, one::<Numeric, Int8, _>(|n| whole::<i64>(&n, "bigint"))),
        Cast::new("numeric -> float4", Implicit, one::<Numeric, Float4, _>(|n| to_float4(&n))),
        Cast::new("numeric -> float8", Implicit, one::<Numeric, Float8, _>(|n| to_float8(&n))),
    ]
}
