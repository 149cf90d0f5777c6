//! The type of several branches: UNION, CASE, VALUES, COALESCE, ARRAY.

use super::Typing;
use crate::condition::{Condition, SqlError, SqlResult};
use crate::sql_type::{NumericForm, SqlType};
use crate::typed::{CastContext, Typed};

/// Digits that a `Decimal128` has at most.
const DECIMAL_DIGITS_MAX: u8 = 38;

impl Typing {
    /// The type that all `values` become; `what` names the construct in a failure. Bare strings alone are texts.
    pub fn common_type(&self, what: &str, values: &[&Typed]) -> SqlResult<SqlType> {
        let types: Vec<SqlType> = values.iter().map(|value| value.sql_type.clone()).collect();
        self.common_of(what, &types)
    }

    pub(super) fn common_of(&self, what: &str, types: &[SqlType]) -> SqlResult<SqlType> {
        let mut known = types.iter().filter(|sql_type| **sql_type != SqlType::Unknown);
        let Some(first) = known.next() else { return Ok(SqlType::Text) };
        let mut common = first.clone();
        for next in known {
            if next.is_same(&common) {
                continue;
            }
            if next.category() != common.category() {
                return Err(SqlError::new(
                    Condition::DatatypeMismatch,
                    format!("{what} types {} and {} cannot be matched", common.name(), next.name()),
                ));
            }
            let may = |from: &SqlType, to: &SqlType| self.registry.pathway(from, to, CastContext::Implicit).is_some();
            if !common.is_preferred() && may(&common, next) && !may(next, &common) {
                common = next.clone();
            }
        }
        for sql_type in types {
            let passes = *sql_type == SqlType::Unknown
                || self.registry.pathway(sql_type, &common, CastContext::Implicit).is_some();
            if !passes {
                return Err(SqlError::new(
                    Condition::CannotCoerce,
                    format!("{what} could not convert type {} to {}", sql_type.name(), common.name()),
                ));
            }
        }
        Ok(if matches!(common, SqlType::Numeric(_)) { common_numeric(types) } else { common_array(common, types) })
    }
}

/// Arrays of numbers in different forms are arrays in the form that holds all.
fn common_array(common: SqlType, types: &[SqlType]) -> SqlType {
    if matches!(common, SqlType::Array(_)) && types.iter().any(|other| *other != common && other.is_same(&common)) {
        return common.base();
    }
    common
}

/// The form of numeric that holds the numbers of all these types as they are shown: of one scale, or any.
fn common_numeric(types: &[SqlType]) -> SqlType {
    let mut whole = 0;
    let mut common_scale = None;
    for sql_type in types {
        let (precision, scale) = match sql_type {
            SqlType::Unknown => return SqlType::NUMERIC,
            SqlType::Numeric(NumericForm::Decimal { precision, scale }) => (*precision, *scale),
            SqlType::Int2 => (5, 0),
            SqlType::Int4 => (10, 0),
            SqlType::Int8 => (19, 0),
            _ => return SqlType::NUMERIC,
        };
        if common_scale.is_some_and(|common| common != scale) {
            return SqlType::NUMERIC;
        }
        common_scale = Some(scale);
        whole = whole.max(precision - scale);
    }
    let scale = common_scale.unwrap_or(0);
    match whole.checked_add(scale) {
        Some(precision) if precision <= DECIMAL_DIGITS_MAX => SqlType::decimal(u32::from(precision), u32::from(scale)),
        _ => SqlType::NUMERIC,
    }
}
