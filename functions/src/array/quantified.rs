//! `value op ANY (array)` and `value op ALL (array)`.
//!
//! The operator is resolved once, for two columns; then it is evaluated for all elements of all rows at once.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt64Array};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::{Column, DFSchema, ScalarValue};
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::physical_expr::{PhysicalExpr, create_physical_expr};

use super::gather::Lists;
use crate::condition::{Condition, SqlError, SqlResult};
use crate::registry::{Bool, Call, Function, Implementation, Kind, arrow_error, internal};
use crate::sql_type::SqlType;
use crate::typed::{CastContext, Typed};
use crate::typing::{Typing, fold};

pub(super) fn functions() -> Vec<Function> {
    [("any_of", false), ("all_of", true)]
        .into_iter()
        .map(|(name, is_all)| {
            let run = Implementation::expression(move |typing, _, arguments| quantified(typing, arguments, is_all));
            Function::new(&format!("{name}(any, any, any) bool"), run).called_on_null()
        })
        .collect()
}

fn symbol_of(symbol: &Typed) -> SqlResult<String> {
    match &symbol.expr {
        Expr::Literal(ScalarValue::Utf8(Some(text)), _) => Ok(text.clone()),
        _ => Err(SqlError::new(Condition::InternalError, "the operator is not a constant")),
    }
}

/// The comparison of a value with the elements of an array, of which any or all are to fulfil it.
fn quantified(typing: &Typing, arguments: Vec<Typed>, is_all: bool) -> SqlResult<Typed> {
    let [symbol, value, array] = <[Typed; 3]>::try_from(arguments)
        .map_err(|_| SqlError::new(Condition::InternalError, "an operator, a value and an array"))?;
    let symbol = symbol_of(&symbol)?;
    let array = match (&array.sql_type, &value.sql_type) {
        (SqlType::Array(_), _) => array,
        (SqlType::Unknown, value) => {
            let element = if *value == SqlType::Unknown { SqlType::Text } else { value.clone() };
            typing.cast(array, &element.array_of(), -1, CastContext::Implicit)?
        }
        _ => {
            let message = "op ANY/ALL (array) requires array on right side";
            return Err(SqlError::new(Condition::WrongObjectType, message));
        }
    };
    let SqlType::Array(element) = &array.sql_type else {
        return Err(SqlError::new(Condition::InternalError, "an array has elements"));
    };
    let value = match value.sql_type {
        SqlType::Unknown => typing.cast(value, element, -1, CastContext::Implicit)?,
        _ => value,
    };
    let of_columns = OfColumns::new(typing, &symbol, &value.sql_type, element)?;
    let run = move |_: &Call, arrays: &[ArrayRef], rows: usize| of_columns.reduce(&arrays[0], &arrays[1], rows, is_all);
    let name = if is_all { "all_of" } else { "any_of" };
    let function = Arc::new(Function::new(&format!("{name}(any, any) bool"), Implementation::arrays(run)).stable());
    let types = vec![value.sql_type.clone(), array.sql_type.clone()];
    let call = Call::new(typing.environment(), types, SqlType::Bool);
    Ok(Typed::new(fold(&function, call, vec![value.expr, array.expr])?, SqlType::Bool))
}

/// An operator over a column of values and one of elements.
struct OfColumns {
    schema: SchemaRef,
    operation: Arc<dyn PhysicalExpr>,
}

impl OfColumns {
    fn new(typing: &Typing, symbol: &str, value: &SqlType, element: &SqlType) -> SqlResult<Self> {
        let column =
            |name: &str, sql_type: &SqlType| Typed::new(Expr::Column(Column::new_unqualified(name)), sql_type.clone());
        let operation = typing.operator(symbol, Some(column("value", value)), column("element", element))?;
        if operation.sql_type != SqlType::Bool {
            let message = "op ANY/ALL (array) requires operator to yield boolean";
            return Err(SqlError::new(Condition::WrongObjectType, message));
        }
        let fields =
            [("value", value), ("element", element)].map(|(name, sql_type)| Field::new(name, sql_type.arrow(), true));
        let schema = Arc::new(Schema::new(fields.to_vec()));
        let known = DFSchema::try_from(schema.clone()).map_err(internal)?;
        let operation = create_physical_expr(&operation.expr, &known, &ExecutionProps::new(), &Default::default())
            .map_err(internal)?;
        Ok(OfColumns { schema, operation })
    }

    /// For each row whether any or all elements fulfil it; NULL where what is not known could decide.
    fn reduce(&self, values: &ArrayRef, arrays: &ArrayRef, rows: usize, is_all: bool) -> SqlResult<ArrayRef> {
        let lists = Lists::of(arrays);
        let mut places = Vec::new();
        let mut rows_of = Vec::new();
        for row in 0..rows {
            for place in lists.range(row) {
                places.push(u64::try_from(place).unwrap_or(u64::MAX));
                rows_of.push(u64::try_from(row).unwrap_or(u64::MAX));
            }
        }
        let value = take(values, &UInt64Array::from(rows_of), None).map_err(arrow_error)?;
        let element = take(lists.values(), &UInt64Array::from(places), None).map_err(arrow_error)?;
        let count = element.len();
        let batch = RecordBatch::try_new(self.schema.clone(), vec![value, element]).map_err(arrow_error)?;
        let found = self.operation.evaluate(&batch).and_then(|found| found.into_array(count)).map_err(internal)?;
        debug_assert_eq!(*found.data_type(), DataType::Boolean);
        let found = found.as_boolean();
        let mut next = 0;
        Bool::column((0..rows).map(|row| {
            let range = next..next + lists.length(row);
            next = range.end;
            let is_decided = range.clone().any(|place| !found.is_null(place) && found.value(place) != is_all);
            let is_unknown = range.into_iter().any(|place| found.is_null(place));
            Ok(match (is_decided, is_unknown) {
                (true, _) => Some(!is_all),
                (false, true) => None,
                (false, false) => Some(is_all),
            })
        }))
    }
}
