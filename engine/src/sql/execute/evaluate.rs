//! Expressions over rows that are not a plan's: defaults, checks, generated columns, what an UPDATE sets.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::execution::context::ExecutionProps;
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::{PhysicalExpr, create_physical_expr};
use marquetry_functions::{Condition, SqlError, SqlType, Typed};

use super::convert::{array_of, values_of};
use crate::error::Result;
use crate::sql::bind::ScopeColumn;
use crate::sql::failure::from_datafusion;
use crate::table::Value;

/// Expressions that are ready to be evaluated over rows of certain columns.
pub(crate) struct Evaluator {
    columns: Vec<SqlType>,
    schema: Arc<Schema>,
    exprs: Vec<(Arc<dyn PhysicalExpr>, SqlType)>,
}

impl Evaluator {
    /// `exprs` over rows of `columns`.
    pub(crate) fn new(columns: &[ScopeColumn], exprs: &[Typed]) -> Result<Self> {
        let fields = columns.iter().map(|column| {
            let field = Arc::new(Field::new(&column.column.name, column.sql_type.arrow(), true));
            (column.column.relation.clone(), field)
        });
        let schema = DFSchema::new_with_metadata(fields.collect(), std::collections::HashMap::new());
        let schema = schema.map_err(from_datafusion)?;
        let physical = exprs.iter().map(|value| Ok((physical(&value.expr, &schema)?, value.sql_type.clone())));
        Ok(Evaluator {
            columns: columns.iter().map(|column| column.sql_type.clone()).collect(),
            exprs: physical.collect::<Result<_>>()?,
            schema: Arc::new(schema.as_arrow().clone()),
        })
    }

    /// The values of the expressions, for each of `rows`, whose values are those of the columns in order.
    pub(crate) fn evaluate(&self, rows: &[&[Value]]) -> Result<Vec<Vec<Value>>> {
        let mut arrays = Vec::with_capacity(self.columns.len());
        for (position, sql_type) in self.columns.iter().enumerate() {
            arrays.push(array_of(rows.iter().map(|row| &row[position]), sql_type)?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        let batch = RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options)
            .map_err(|error| from_datafusion(error.into()))?;
        let mut results = vec![Vec::with_capacity(self.exprs.len()); rows.len()];
        for (expr, sql_type) in &self.exprs {
            let array =
                expr.evaluate(&batch).and_then(|value| value.into_array(rows.len())).map_err(from_datafusion)?;
            for (row, value) in results.iter_mut().zip(values_of(&array, sql_type)?) {
                row.push(value);
            }
        }
        Ok(results)
    }
}

/// `expr` ready to be evaluated over columns of `schema`.
pub(super) fn physical(expr: &Expr, schema: &DFSchema) -> Result<Arc<dyn PhysicalExpr>> {
    create_physical_expr(expr, schema, &ExecutionProps::new(), &Default::default()).map_err(from_datafusion)
}

/// The value of an expression without columns.
pub(crate) fn constant(expr: &Expr) -> Result<ScalarValue> {
    if let Expr::Literal(value, _) = expr {
        return Ok(value.clone());
    }
    if !expr.column_refs().is_empty() || expr.contains_outer() {
        return Err(SqlError::new(Condition::InvalidColumnReference, "a constant must not contain variables").into());
    }
    let physical = physical(expr, &DFSchema::empty())?;
    let options = RecordBatchOptions::new().with_row_count(Some(1));
    let batch = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &options)
        .map_err(|error| from_datafusion(error.into()))?;
    let value = physical.evaluate(&batch).and_then(|value| value.into_array(1)).map_err(from_datafusion)?;
    ScalarValue::try_from_array(&value, 0).map_err(from_datafusion)
}
