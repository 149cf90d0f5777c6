//! Set-returning functions: one row for each element of a list.

use datafusion::common::{Column, NullHandling, UnnestOptions};
use datafusion::logical_expr::{Expr, LogicalPlan, Unnest};
use marquetry_functions::SetReturning;

use super::Binder;
use super::grouping::with_columns;
use crate::error::Result;
use crate::sql::failure::from_datafusion;

/// `plan` with a row for each element of its list columns `columns`, which go in step; rows without any are kept when
/// `keeps_empty`.
pub(super) fn unnest(plan: LogicalPlan, columns: Vec<Column>, keeps_empty: bool) -> Result<LogicalPlan> {
    let null_handling = if keeps_empty { NullHandling::PreserveAndExpandEmpty } else { NullHandling::Drop };
    let options = UnnestOptions { null_handling, recursions: Vec::new() };
    Unnest::try_new(std::sync::Arc::new(plan), columns, options).map(LogicalPlan::Unnest).map_err(from_datafusion)
}

impl Binder<'_> {
    /// `plan` with the elements of `sets` under their names, in step with each other.
    pub(super) fn unnested(&self, plan: LogicalPlan, sets: Vec<(SetReturning, Column)>) -> Result<LogicalPlan> {
        if sets.is_empty() {
            return Ok(plan);
        }
        let names: Vec<Column> = sets.iter().map(|(_, name)| name.clone()).collect();
        let lists: Vec<(Expr, Column)> = sets.into_iter().map(|(set, name)| (set.list.expr, name)).collect();
        unnest(with_columns(plan, lists)?, names, false)
    }
}
