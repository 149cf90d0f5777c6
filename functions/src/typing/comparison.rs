//! What is compared so that Arrow's order is PostgreSQL's.
//!
//! Comparisons are DataFusion's own, on values of one Arrow type, so that its optimizer understands them and an engine can
//! look them up in an index. Where Arrow's order is not PostgreSQL's, keys of the values are compared in their place.

use std::sync::{Arc, OnceLock};

use arrow::array::{Array, ArrayRef, AsArray, BinaryBuilder, Int32Array, StringArray};
use arrow::compute::unary;
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};

use super::Typing;
use super::cast::{fold, fold_native};
use crate::condition::{Condition, SqlError, SqlResult};
use crate::numeric::cast::to_numeric;
use crate::numeric::order_key;
use crate::registry::{Call, Function, Implementation};
use crate::sql_type::{NumericForm, SqlType};
use crate::typed::Typed;

/// Digits that a `Decimal128` has at most.
const DECIMAL_DIGITS_MAX: u8 = 38;

/// `left operator right` of two values of one type, as far as SQL is concerned.
pub(crate) fn compare(typing: &Typing, operator: Operator, left: Typed, right: Typed) -> SqlResult<Typed> {
    let (left, right) = align(typing, left, right)?;
    let (left, right) = if is_plain_float(&left) || is_plain_float(&right) {
        (left, right)
    } else {
        (typing.sort_key(left)?, typing.sort_key(right)?)
    };
    let expr = Expr::BinaryExpr(BinaryExpr::new(Box::new(left.expr), operator, Box::new(right.expr)));
    Ok(Typed::new(expr, SqlType::Bool))
}

/// A float constant beside which -0, 0 and NaN are in no need of care.
fn is_plain_float(value: &Typed) -> bool {
    match &value.expr {
        Expr::Literal(ScalarValue::Float64(Some(value)), _) => *value != 0.0 && !value.is_nan(),
        Expr::Literal(ScalarValue::Float32(Some(value)), _) => *value != 0.0 && !value.is_nan(),
        _ => false,
    }
}

/// Both values in one Arrow type: numbers in a decimal that holds both, else in the form `Any`.
fn align(typing: &Typing, left: Typed, right: Typed) -> SqlResult<(Typed, Typed)> {
    if left.sql_type == right.sql_type {
        return Ok((left, right));
    }
    if let (SqlType::Numeric(left_form), SqlType::Numeric(right_form)) = (&left.sql_type, &right.sql_type) {
        let common = common_form(*left_form, *right_form);
        if let NumericForm::Decimal { .. } = common {
            let to = SqlType::Numeric(common);
            return Ok((fold_native(left, &to)?, fold_native(right, &to)?));
        }
        return Ok((
            to_numeric(typing, left, &SqlType::NUMERIC, -1)?,
            to_numeric(typing, right, &SqlType::NUMERIC, -1)?,
        ));
    }
    if left.sql_type.arrow() == right.sql_type.arrow() {
        return Ok((left, right));
    }
    let to = left.sql_type.base();
    let context = crate::typed::CastContext::Implicit;
    Ok((typing.cast(left, &to, -1, context)?, typing.cast(right, &to, -1, context)?))
}

fn common_form(left: NumericForm, right: NumericForm) -> NumericForm {
    let (
        NumericForm::Decimal { precision: left_precision, scale: left_scale },
        NumericForm::Decimal { precision: right_precision, scale: right_scale },
    ) = (left, right)
    else {
        return NumericForm::Any;
    };
    let scale = left_scale.max(right_scale);
    let precision = (left_precision - left_scale).max(right_precision - right_scale) + scale;
    if precision > DECIMAL_DIGITS_MAX { NumericForm::Any } else { NumericForm::Decimal { precision, scale } }
}

impl Typing {
    /// A value in whose place Arrow orders and compares as PostgreSQL does: for most types the value itself.
    pub fn sort_key(&self, value: Typed) -> SqlResult<Typed> {
        let Some((function, key)) = key_function(&value.sql_type) else { return Ok(value) };
        let call = Call::new(&self.environment, vec![value.sql_type.clone()], key.clone());
        Ok(Typed::new(fold(function, call, vec![value.expr])?, key))
    }
}

/// The type of the keys of this type, unless its values are their own keys.
fn key_type(sql_type: &SqlType) -> Option<SqlType> {
    match sql_type {
        SqlType::Float4 | SqlType::Float8 | SqlType::Bpchar => Some(sql_type.clone()),
        SqlType::Numeric(NumericForm::Any) => Some(SqlType::Bytea),
        SqlType::Interval => Some(SqlType::decimal(38, 0)),
        SqlType::Jsonb => Some(SqlType::Bytea),
        SqlType::Enum(_) => Some(SqlType::Int4),
        SqlType::Array(element) => key_type(element).map(SqlType::array_of),
        SqlType::Record(fields) => {
            let keys: Vec<Option<SqlType>> = fields.iter().map(|(_, field)| key_type(field)).collect();
            keys.iter().any(Option::is_some).then(|| {
                let fields = fields.iter().zip(keys);
                SqlType::Record(
                    fields.map(|((name, field), key)| (name.clone(), key.unwrap_or_else(|| field.clone()))).collect(),
                )
            })
        }
        _ => None,
    }
}

fn key_function(sql_type: &SqlType) -> Option<(&'static Arc<Function>, SqlType)> {
    static FUNCTION: OnceLock<Arc<Function>> = OnceLock::new();
    let key = key_type(sql_type)?;
    let function = FUNCTION.get_or_init(|| {
        let run = Implementation::arrays(|call, arrays, _| sort_keys(&arrays[0], &call.arguments[0]));
        Arc::new(Function::new("sort_key(any) any", run))
    });
    Some((function, key))
}

/// The keys of a column: Arrow orders and compares them as PostgreSQL does the values.
pub(crate) fn sort_keys(column: &ArrayRef, sql_type: &SqlType) -> SqlResult<ArrayRef> {
    Ok(match sql_type {
        SqlType::Float4 => Arc::new(unary::<_, _, Float32Type>(column.as_primitive::<Float32Type>(), plain_f32)),
        SqlType::Float8 => Arc::new(unary::<_, _, Float64Type>(column.as_primitive::<Float64Type>(), plain_f64)),
        SqlType::Bpchar => {
            let trimmed: StringArray =
                column.as_string::<i32>().iter().map(|text| text.map(|text| text.trim_end_matches(' '))).collect();
            Arc::new(trimmed)
        }
        SqlType::Numeric(NumericForm::Any) => {
            let mut builder = BinaryBuilder::new();
            for bytes in column.as_binary::<i32>() {
                builder.append_option(bytes.map(order_key));
            }
            Arc::new(builder.finish())
        }
        SqlType::Interval => Arc::new(crate::datetime::interval_keys(column)),
        SqlType::Jsonb => crate::json::sort_keys(column)?,
        SqlType::Enum(found) => {
            let place = |label: &str| found.labels.iter().position(|other| other == label);
            let places: Int32Array = column
                .as_string::<i32>()
                .iter()
                .map(|label| {
                    label.map(|label| place(label).and_then(|place| i32::try_from(place).ok()).unwrap_or(i32::MAX))
                })
                .collect();
            Arc::new(places)
        }
        SqlType::Array(element) if key_type(element).is_some() => nested_keys(column, element)?,
        SqlType::Record(fields) if key_type(sql_type).is_some() => record_keys(column, fields)?,
        _ => column.clone(),
    })
}

fn nested_keys(column: &ArrayRef, element: &SqlType) -> SqlResult<ArrayRef> {
    let DataType::List(_) = column.data_type() else { return sort_keys(column, element) };
    let list = column.as_list::<i32>();
    let values = nested_keys(list.values(), element)?;
    let field = Arc::new(arrow::datatypes::Field::new("item", values.data_type().clone(), true));
    Ok(Arc::new(arrow::array::ListArray::new(field, list.offsets().clone(), values, list.nulls().cloned())))
}

fn record_keys(column: &ArrayRef, fields: &[(String, SqlType)]) -> SqlResult<ArrayRef> {
    let record = column.as_struct();
    let columns = record
        .columns()
        .iter()
        .zip(fields)
        .map(|(column, (_, sql_type))| sort_keys(column, sql_type))
        .collect::<SqlResult<Vec<_>>>()?;
    let key = key_type(&SqlType::Record(fields.into())).unwrap_or(SqlType::Record(fields.into()));
    let DataType::Struct(fields) = key.arrow() else {
        return Err(SqlError::new(Condition::InternalError, "a record is a struct"));
    };
    Ok(Arc::new(arrow::array::StructArray::new(fields, columns, record.nulls().cloned())))
}

/// One zero and one NaN: PostgreSQL knows no others.
fn plain_f64(value: f64) -> f64 {
    if value.is_nan() { f64::NAN } else { value + 0.0 }
}

fn plain_f32(value: f32) -> f32 {
    if value.is_nan() { f32::NAN } else { value + 0.0 }
}

const COMPARISONS: [(&str, Operator); 6] = [
    ("=", Operator::Eq),
    ("<>", Operator::NotEq),
    ("<", Operator::Lt),
    ("<=", Operator::LtEq),
    (">", Operator::Gt),
    (">=", Operator::GtEq),
];

/// The types that are compared with themselves only.
const COMPARED: [&str; 25] = [
    "bool",
    "text",
    "bpchar",
    "\"char\"",
    "name",
    "bytea",
    "date",
    "time",
    "timetz",
    "timestamp",
    "timestamptz",
    "interval",
    "uuid",
    "jsonb",
    "oid",
    "xid",
    "pg_lsn",
    "numeric",
    "anyarray",
    "anyenum",
    "record",
    "tsvector",
    "tsquery",
    "int2",
    "float4",
];

/// The types whose values are also compared with those of the others of the group.
const GROUPS: [&[&str]; 4] =
    [&["int2", "int4", "int8"], &["float4", "float8"], &["date", "timestamp", "timestamptz"], &["name", "text"]];

/// The comparison operators of all types.
pub(crate) fn functions() -> Vec<Function> {
    let mut functions = Vec::new();
    for (sign, operator) in COMPARISONS {
        let mut push = |left: &str, right: &str| {
            let run = Implementation::expression(move |typing, _, operands| {
                let [left, right] = <[Typed; 2]>::try_from(operands)
                    .map_err(|_| SqlError::new(Condition::InternalError, "a comparison has two operands"))?;
                compare_mixed(typing, operator, left, right)
            });
            let function = Function::new(&format!("{sign}({left}, {right}) bool"), run);
            let volatility = if left == right { function } else { function.stable() };
            functions.push(volatility);
        };
        COMPARED.iter().for_each(|name| push(name, name));
        for group in GROUPS {
            for left in group {
                for right in group {
                    if left != right || !COMPARED.contains(left) {
                        push(left, right);
                    }
                }
            }
        }
    }
    functions
}

/// Compares values of related types in the wider of both.
fn compare_mixed(typing: &Typing, operator: Operator, left: Typed, right: Typed) -> SqlResult<Typed> {
    if left.sql_type.is_same(&right.sql_type) {
        return compare(typing, operator, left, right);
    }
    let context = crate::typed::CastContext::Implicit;
    let widens = typing.registry().pathway(&left.sql_type, &right.sql_type, context).is_some();
    let narrows = typing.registry().pathway(&right.sql_type, &left.sql_type, context).is_some();
    let to = if widens && !(narrows && left.sql_type.is_preferred()) {
        right.sql_type.clone()
    } else {
        left.sql_type.clone()
    };
    let (left, right) = (typing.cast(left, &to, -1, context)?, typing.cast(right, &to, -1, context)?);
    compare(typing, operator, left, right)
}
