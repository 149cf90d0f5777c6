//! Constants and parameters.

use std::sync::Arc;

use arrow::datatypes::Field;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::Placeholder;

use super::Typing;
use crate::condition::{Condition, SqlError, SqlResult};
use crate::numeric::{self, Digits, Number};
use crate::sql_type::SqlType;
use crate::typed::Typed;

/// Digits that a `Decimal128` has at most.
const DECIMAL_DIGITS_MAX: u32 = 38;

/// The constant as an expression.
pub(crate) fn literal(value: ScalarValue) -> Expr {
    Expr::Literal(value, None)
}

/// The number with its type: of fixed form if it has few digits.
pub(crate) fn numeric_literal(number: &Number) -> Typed {
    if let Number::Finite { digits: digits @ Digits::Small(small), scale } = number {
        let precision = digits.count().max(u32::from(*scale)).max(1);
        if precision <= DECIMAL_DIGITS_MAX {
            let sql_type = SqlType::decimal(precision, u32::from(*scale));
            let value = ScalarValue::Decimal128(
                Some(*small),
                u8::try_from(precision).unwrap_or(u8::MAX),
                i8::try_from(*scale).unwrap_or(i8::MAX),
            );
            return Typed::new(literal(value), sql_type);
        }
    }
    Typed::new(literal(ScalarValue::Binary(Some(number.to_bytes()))), SqlType::NUMERIC)
}

impl Typing {
    /// The parameter `$index+1`.
    pub fn parameter(&self, index: usize) -> SqlResult<Typed> {
        let mut parameters = self.parameters();
        if index >= usize::from(u16::MAX) {
            return Err(SqlError::new(Condition::UndefinedParameter, format!("there is no parameter ${}", index + 1)));
        }
        if parameters.len() <= index {
            parameters.resize(index + 1, None);
        }
        let sql_type = parameters[index].clone().unwrap_or(SqlType::Unknown);
        Ok(Typed::new(placeholder(index, &sql_type), sql_type))
    }

    /// The parameter that an expression is, if it is one and nothing has decided its type when it was made.
    pub(super) fn undecided_parameter(value: &Typed) -> Option<usize> {
        match &value.expr {
            Expr::Placeholder(Placeholder { id, .. }) if value.sql_type == SqlType::Unknown => {
                id.strip_prefix('$')?.parse::<usize>().ok()?.checked_sub(1)
            }
            _ => None,
        }
    }

    /// Says that the parameter is of this type.
    pub(super) fn decide_parameter(&self, index: usize, sql_type: &SqlType) -> SqlResult<Typed> {
        let decided = sql_type.base();
        let mut parameters = self.parameters();
        if parameters.len() <= index {
            parameters.resize(index + 1, None);
        }
        match &parameters[index] {
            Some(before) if !before.is_same(&decided) => Err(SqlError::new(
                Condition::AmbiguousParameter,
                format!("inconsistent types deduced for parameter ${}", index + 1),
            )
            .detail(format!("{} versus {}", before.name(), decided.name()))),
            Some(before) => Ok(Typed::new(placeholder(index, before), before.clone())),
            None => {
                parameters[index] = Some(decided.clone());
                Ok(Typed::new(placeholder(index, &decided), decided))
            }
        }
    }

    /// A number as it is written in a statement: integer, bigint or numeric by its digits.
    pub fn number(&self, text: &str) -> SqlResult<Typed> {
        if let Ok(small) = text.parse::<i32>() {
            return Ok(Typed::new(literal(ScalarValue::Int32(Some(small))), SqlType::Int4));
        }
        if let Ok(large) = text.parse::<i64>() {
            return Ok(Typed::new(literal(ScalarValue::Int64(Some(large))), SqlType::Int8));
        }
        Ok(numeric_literal(&numeric::parse(text)?))
    }

    /// A string as it is written in a statement; what it is compared with or stored into says what it means.
    pub fn string(&self, text: impl Into<String>) -> Typed {
        Typed::new(literal(ScalarValue::Utf8(Some(text.into()))), SqlType::Unknown)
    }

    /// True or false.
    pub fn boolean(&self, value: bool) -> Typed {
        Typed::new(literal(ScalarValue::Boolean(Some(value))), SqlType::Bool)
    }

    /// NULL of no type yet.
    pub fn null(&self) -> Typed {
        Typed::new(literal(ScalarValue::Utf8(None)), SqlType::Unknown)
    }
}

fn placeholder(index: usize, sql_type: &SqlType) -> Expr {
    let field = (*sql_type != SqlType::Unknown).then(|| Arc::new(Field::new("", sql_type.arrow(), true)));
    Expr::Placeholder(Placeholder::new_with_field(format!("${}", index + 1), field))
}
