//! VALUES: rows that are written down.

use arrow::datatypes::{Field, Schema};
use datafusion::common::DFSchema;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Values};
use marquetry_functions::{CastContext, Condition, SqlError, SqlType, Typed};
use sqlparser::ast;

use super::Binder;
use super::clause::Clause;
use super::query::BoundQuery;
use super::scope::{Relations, Scope, ScopeColumn};
use super::select::projected;
use crate::error::Result;
use crate::sql::failure::from_datafusion;

impl Binder<'_> {
    pub(super) fn values(&self, values: &ast::Values, parent: Option<&Scope<'_>>) -> Result<BoundQuery> {
        let nothing = Relations::default();
        let scope = Scope::new(&nothing, parent);
        let clause = Clause::plain("VALUES");
        let width = values.rows.first().map_or(0, |row| row.len());
        let mut rows = Vec::with_capacity(values.rows.len());
        for row in &values.rows {
            if row.len() != width {
                return Err(SqlError::new(Condition::SyntaxError, "VALUES lists must all be the same length").into());
            }
            rows.push(row.iter().map(|tree| self.expression(tree, &scope, &clause)).collect::<Result<Vec<_>>>()?);
        }
        let mut columns = Vec::with_capacity(width);
        for position in 0..width {
            let all: Vec<&Typed> = rows.iter().map(|row: &Vec<Typed>| &row[position]).collect();
            let common = match self.typing.common_type("VALUES", &all)? {
                SqlType::Unknown => SqlType::Text,
                common => common,
            };
            columns.push(ScopeColumn {
                name: format!("column{}", position + 1),
                column: self.fresh('c'),
                sql_type: common,
                type_modifier: -1,
                table_oid: 0,
                attribute: 0,
            });
        }
        let cast = |(value, column): (Typed, &ScopeColumn)| {
            Ok(self.typing.cast(value, &column.sql_type, -1, CastContext::Implicit)?.expr)
        };
        let rows = rows.into_iter().map(|row| row.into_iter().zip(&columns).map(cast).collect::<Result<Vec<_>>>());
        let plan = rows_plan(rows.collect::<Result<_>>()?, &columns)?;
        Ok(BoundQuery::new(plan, columns))
    }
}

/// A plan of these rows.
fn rows_plan(rows: Vec<Vec<Expr>>, columns: &[ScopeColumn]) -> Result<LogicalPlan> {
    let is_plain = |expr: &Expr| matches!(expr, Expr::Literal(..));
    if rows.iter().flatten().all(is_plain) {
        let fields = columns.iter().map(|column| Field::new(&column.column.name, column.sql_type.arrow(), true));
        let schema = Schema::new(fields.collect::<Vec<_>>());
        let schema = DFSchema::try_from(schema).map_err(from_datafusion)?;
        return Ok(LogicalPlan::Values(Values { schema: schema.into(), values: rows }));
    }
    let row = |row: Vec<Expr>| {
        let named = row.into_iter().zip(columns).map(|(expr, column)| expr.alias(&column.column.name));
        projected(one_row()?, named.collect())
    };
    let mut plans = rows.into_iter().map(row).collect::<Result<Vec<_>>>()?;
    // Joined in pairs: a long list must not become a deep plan.
    while plans.len() > 1 {
        let mut pairs = plans.into_iter();
        let mut joined = Vec::new();
        while let Some(left) = pairs.next() {
            joined.push(match pairs.next() {
                Some(right) => LogicalPlanBuilder::from(left)
                    .union(right)
                    .and_then(LogicalPlanBuilder::build)
                    .map_err(from_datafusion)?,
                None => left,
            });
        }
        plans = joined;
    }
    match plans.pop() {
        Some(plan) => Ok(plan),
        None => one_row(),
    }
}

/// A plan of one row without columns.
pub(super) fn one_row() -> Result<LogicalPlan> {
    LogicalPlanBuilder::empty(true).build().map_err(from_datafusion)
}
