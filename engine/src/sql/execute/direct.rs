//! Plans of one table that keys lead to, or of none, run without planning.
//!
//! ```text
//!   Projection(nothing)        one row of constants and functions
//!   Projection(Filter(Scan))   tests on key columns -> ranges -> rows -> predicate -> expressions
//! ```
//!
//! The same expressions over the same rows as DataFusion would run, for plans where its planning would cost more than all
//! the rest. Anything else, and whatever would read many rows, is left to it.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::compute::filter_record_batch;
use arrow::datatypes::Schema;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema};
use datafusion::datasource::{DefaultTableSource, TableProvider};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{EmptyRelation, Expr, LogicalPlan, TableScan};

use super::evaluate::physical;
use super::table::TableProviderOf;
use crate::error::Result;
use crate::sql::failure::from_datafusion;

/// Rows that are read this way.
const ROWS_MAX: usize = 10_000;

/// The rows of `plan`, when it is of this kind.
pub(crate) fn direct(plan: &LogicalPlan) -> Result<Option<Vec<RecordBatch>>> {
    let LogicalPlan::Projection(projection) = plan else { return Ok(None) };
    if let LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: true, .. }) = &*projection.input
        && projection.expr.iter().all(is_plain)
    {
        return one_row(plan, &projection.expr).map(Some);
    }
    let LogicalPlan::Filter(filter) = &*projection.input else { return Ok(None) };
    let LogicalPlan::TableScan(scan) = &*filter.input else { return Ok(None) };
    let Some(table) = table_of(scan) else { return Ok(None) };
    if !is_plain(&filter.predicate) || !projection.expr.iter().all(is_plain) {
        return Ok(None);
    }
    let conditions: Vec<Expr> = split_conjunction(&filter.predicate).into_iter().cloned().collect();
    let mut used: HashSet<&Column> = filter.predicate.column_refs();
    for expr in &projection.expr {
        used.extend(expr.column_refs());
    }
    let whole = table.schema();
    let columns: Vec<usize> = (0..whole.fields().len())
        .filter(|index| used.iter().any(|column| column.name == *whole.field(*index).name()))
        .collect();
    let Some(batches) = table.read_by_key(&conditions, &columns, ROWS_MAX)? else { return Ok(None) };
    let fields = columns.iter().map(|index| (Some(scan.table_name.clone()), Arc::new(whole.field(*index).clone())));
    let schema = DFSchema::new_with_metadata(fields.collect(), Default::default()).map_err(from_datafusion)?;
    let predicate = physical(&filter.predicate, &schema)?;
    let exprs = projection.expr.iter().map(|expr| physical(expr, &schema)).collect::<Result<Vec<_>>>()?;
    let made = Arc::new(plan.schema().as_arrow().clone());
    let mut results = Vec::with_capacity(batches.len());
    for batch in batches {
        let kept = predicate.evaluate(&batch).and_then(|value| value.into_array(batch.num_rows()));
        let kept = kept.map_err(from_datafusion)?;
        let batch = filter_record_batch(&batch, kept.as_boolean()).map_err(|error| from_datafusion(error.into()))?;
        if batch.num_rows() == 0 {
            continue;
        }
        let arrays =
            exprs.iter().map(|expr| expr.evaluate(&batch).and_then(|value| value.into_array(batch.num_rows())));
        let arrays = arrays.collect::<datafusion::error::Result<Vec<_>>>().map_err(from_datafusion)?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let made = RecordBatch::try_new_with_options(made.clone(), arrays, &options);
        results.push(made.map_err(|error| from_datafusion(error.into()))?);
    }
    Ok(Some(results))
}

/// The row of `exprs`, which read nothing.
fn one_row(plan: &LogicalPlan, exprs: &[Expr]) -> Result<Vec<RecordBatch>> {
    let options = RecordBatchOptions::new().with_row_count(Some(1));
    let nothing = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &options);
    let nothing = nothing.map_err(|error| from_datafusion(error.into()))?;
    let schema = DFSchema::empty();
    let array = |expr: &Expr| {
        let value = physical(expr, &schema)?.evaluate(&nothing).and_then(|value| value.into_array(1));
        value.map_err(from_datafusion)
    };
    let arrays = exprs.iter().map(array).collect::<Result<Vec<_>>>()?;
    let made = Arc::new(plan.schema().as_arrow().clone());
    let batch = RecordBatch::try_new_with_options(made, arrays, &options);
    Ok(vec![batch.map_err(|error| from_datafusion(error.into()))?])
}

fn table_of(scan: &TableScan) -> Option<&TableProviderOf> {
    if scan.projection.is_some() || !scan.filters.is_empty() || scan.fetch.is_some() {
        return None;
    }
    let source: &dyn std::any::Any = &*scan.source;
    let provider: &dyn std::any::Any = &*source.downcast_ref::<DefaultTableSource>()?.table_provider;
    provider.downcast_ref::<TableProviderOf>()
}

/// Whether `expr` can be evaluated by itself.
fn is_plain(expr: &Expr) -> bool {
    let mut plain = true;
    let visited = expr.apply(|part| {
        let is_query = matches!(
            part,
            Expr::ScalarSubquery(_)
                | Expr::Exists(_)
                | Expr::InSubquery(_)
                | Expr::SetComparison(_)
                | Expr::OuterReferenceColumn(..)
                | Expr::Placeholder(_)
        );
        plain &= !is_query;
        Ok(if plain { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    });
    plain && visited.is_ok()
}
