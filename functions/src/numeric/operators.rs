//! Operators of numerics: Arrow's decimals where the result surely fits, else numbers of any size.

use std::sync::{Arc, OnceLock};

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, BinaryBuilder, Decimal128Array};
use arrow::datatypes::DataType;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};

use super::number::Number;
use crate::condition::{Condition, SqlError, SqlResult};
use crate::registry::{Call, Function, Implementation, Numeric, one};
use crate::sql_type::{NumericForm, SqlType};
use crate::typed::Typed;
use crate::typing::{Typing, fold};

/// Digits that a `Decimal128` has at most.
const DECIMAL_DIGITS_MAX: u8 = 38;
/// Bytes of most numbers in the form `Any`.
const ROW_BYTES: usize = 12;

/// The form of a result that Arrow's decimals surely hold.
type Form = fn((u8, u8), (u8, u8)) -> Option<(u8, u8)>;

fn sum_form((left_precision, left_scale): (u8, u8), (right_precision, right_scale): (u8, u8)) -> Option<(u8, u8)> {
    let scale = left_scale.max(right_scale);
    let precision = (left_precision - left_scale).max(right_precision - right_scale) + scale + 1;
    (precision <= DECIMAL_DIGITS_MAX).then_some((precision, scale))
}

fn product_form((left_precision, left_scale): (u8, u8), (right_precision, right_scale): (u8, u8)) -> Option<(u8, u8)> {
    let precision = left_precision + right_precision + 1;
    (precision <= DECIMAL_DIGITS_MAX).then_some((precision, left_scale + right_scale))
}

fn no_form(_: (u8, u8), _: (u8, u8)) -> Option<(u8, u8)> {
    None
}

type Operation = fn(&Number, &Number) -> SqlResult<Number>;

struct Arithmetic {
    sign: &'static str,
    native: Operator,
    form: Form,
    operation: Operation,
}

const ARITHMETIC: [Arithmetic; 5] = [
    Arithmetic { sign: "+", native: Operator::Plus, form: sum_form, operation: Number::plus },
    Arithmetic { sign: "-", native: Operator::Minus, form: sum_form, operation: Number::minus },
    Arithmetic { sign: "*", native: Operator::Multiply, form: product_form, operation: Number::times },
    Arithmetic { sign: "/", native: Operator::Divide, form: no_form, operation: Number::divided_by },
    Arithmetic { sign: "%", native: Operator::Modulo, form: no_form, operation: Number::remainder },
];

/// The functions on numbers of any size, in the order of `ARITHMETIC`.
fn of_any_size(index: usize) -> &'static Arc<Function> {
    static FUNCTIONS: OnceLock<Vec<Arc<Function>>> = OnceLock::new();
    let all = FUNCTIONS.get_or_init(|| {
        let function = |arithmetic: &Arithmetic| {
            let operation = arithmetic.operation;
            let run = Implementation::arrays(move |_, operands, rows| apply(operation, operands, rows));
            Arc::new(Function::new(&format!("{}(numeric, numeric) numeric", arithmetic.sign), run))
        };
        ARITHMETIC.iter().map(function).collect()
    });
    &all[index]
}

/// A column of numbers in either form.
enum Numbers<'a> {
    Decimals(&'a Decimal128Array, u16),
    Any(&'a BinaryArray),
}

impl<'a> Numbers<'a> {
    fn of(column: &'a ArrayRef) -> Numbers<'a> {
        match column.data_type() {
            DataType::Decimal128(_, scale) => {
                Numbers::Decimals(column.as_primitive(), u16::try_from(*scale).unwrap_or(0))
            }
            _ => Numbers::Any(column.as_binary()),
        }
    }

    fn at(&self, row: usize) -> Number {
        match self {
            Numbers::Decimals(column, scale) => Number::small(column.value(row), *scale),
            Numbers::Any(column) => Number::decode(column.value(row)),
        }
    }
}

/// Operands come in the form that they have: what is only an intermediate result need not be turned around.
fn apply(operation: Operation, operands: &[ArrayRef], rows: usize) -> SqlResult<ArrayRef> {
    let (left, right) = (Numbers::of(&operands[0]), Numbers::of(&operands[1]));
    let mut builder = BinaryBuilder::with_capacity(rows, rows * ROW_BYTES);
    let mut bytes = Vec::new();
    for row in 0..rows {
        bytes.clear();
        operation(&left.at(row), &right.at(row))?.encode(&mut bytes);
        builder.append_value(&bytes);
    }
    Ok(Arc::new(builder.finish()))
}

fn decimal(value: &Typed) -> Option<(u8, u8)> {
    match value.sql_type {
        SqlType::Numeric(NumericForm::Decimal { precision, scale }) => Some((precision, scale)),
        _ => None,
    }
}

fn combine(typing: &Typing, index: usize, operands: Vec<Typed>) -> SqlResult<Typed> {
    let [left, right] = <[Typed; 2]>::try_from(operands)
        .map_err(|_| SqlError::new(Condition::InternalError, "an operator has two operands"))?;
    let arithmetic = &ARITHMETIC[index];
    let form = decimal(&left).zip(decimal(&right)).and_then(|(left, right)| (arithmetic.form)(left, right));
    if let Some((precision, scale)) = form {
        let expr = BinaryExpr::new(Box::new(left.expr), arithmetic.native, Box::new(right.expr));
        let sql_type = SqlType::Numeric(NumericForm::Decimal { precision, scale });
        return Ok(Typed::new(Expr::BinaryExpr(expr), sql_type));
    }
    let types = vec![left.sql_type.clone(), right.sql_type.clone()];
    let call = Call::new(typing.environment(), types, SqlType::NUMERIC);
    Ok(Typed::new(fold(of_any_size(index), call, vec![left.expr, right.expr])?, SqlType::NUMERIC))
}

/// The operators of numerics.
pub(crate) fn functions() -> Vec<Function> {
    let mut functions: Vec<Function> = ARITHMETIC
        .iter()
        .enumerate()
        .map(|(index, arithmetic)| {
            let run = Implementation::expression(move |typing, _, operands| combine(typing, index, operands));
            Function::new(&format!("{}(numeric, numeric) numeric", arithmetic.sign), run)
        })
        .collect();
    functions.push(Function::new("-(numeric) numeric", one::<Numeric, Numeric, _>(|n: Number| n.negated())));
    let same = Implementation::expression(|_, _, mut operands| {
        operands.pop().ok_or_else(|| SqlError::new(Condition::InternalError, "no operand"))
    });
    functions.push(Function::new("+(numeric) numeric", same));
    functions
}
