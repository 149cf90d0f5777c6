//! What a statement reads before it writes: which rows, and with what in them.
//!
//! All of it is read before the first row is written, so that a statement never meets its own rows. What has to run before -
//! the parts of WITH that change something, or are volatile - runs once, however often the rest is read again.

use std::cell::RefCell;

use arrow::array::{Array, AsArray};
use arrow::record_batch::RecordBatch;
use datafusion::logical_expr::LogicalPlan;
use sqlparser::ast;

use super::WriteContext;
use crate::error::{Error, Result};
use crate::sql::bind::{Binder, Correlation, Prelude, PreludeBody, ScopeColumn};
use crate::sql::execute::{direct, values_of};
use crate::table::Value;

/// The reading part of one statement.
pub(super) struct Reading<'r> {
    pub(super) context: &'r WriteContext,
    /// WITH in front of the statement.
    pub(super) with: Option<&'r ast::With>,
    preludes: RefCell<Vec<Vec<RecordBatch>>>,
}

impl<'r> Reading<'r> {
    pub(super) fn new(context: &'r WriteContext, with: Option<&'r ast::With>) -> Self {
        Reading { context, with, preludes: RefCell::default() }
    }

    /// Binds with `bind` and runs the plan: its rows, and what else `bind` gave.
    pub(super) fn rows<T>(
        &self,
        bind: impl Fn(&Binder<'_>) -> Result<(LogicalPlan, T)>,
    ) -> Result<(Vec<RecordBatch>, T)> {
        let executor = self.context.source.executor()?;
        for correlation in [Correlation::Join, Correlation::Apply] {
            let outcome = super::with_binder_as(self.context, correlation, |binder| {
                if let Some(with) = self.with {
                    binder.with(with, None)?;
                }
                let (plan, bound) = bind(binder)?;
                let is_auto = self.context.session.settings.read().path() != "relational";
                if is_auto
                    && binder.preludes.borrow().is_empty()
                    && let Some(batches) = direct(&plan)?
                {
                    return Ok(Some((batches, bound)));
                }
                let physical = match executor.physical(&plan) {
                    Ok(physical) => physical,
                    Err(_) if correlation == Correlation::Join && binder.met_correlation.get() => return Ok(None),
                    Err(error) => return Err(error),
                };
                for (number, prelude) in binder.preludes.take().into_iter().enumerate() {
                    self.prelude(number, prelude)?;
                }
                let running = executor.run(physical, self.context.source.interrupter.clone())?;
                Ok(Some((running.collect()?, bound)))
            })?;
            if let Some(found) = outcome {
                return Ok(found);
            }
        }
        Err(Error::unsupported("the statement cannot be planned"))
    }

    fn prelude(&self, number: usize, prelude: Prelude) -> Result<()> {
        if let Some(known) = self.preludes.borrow().get(number) {
            return prelude.rows.fill(known.iter().cloned());
        }
        let batches = match prelude.body {
            PreludeBody::Query(bound) => {
                self.context.source.executor()?.collect(&bound.plan, &self.context.source.interrupter)?
            }
            PreludeBody::Change(statement) => super::run(self.context, &statement)?.batch()?.into_iter().collect(),
        };
        self.preludes.borrow_mut().push(batches.clone());
        prelude.rows.fill(batches)
    }
}

/// The values of the columns of `batches` from the column `first` on, row by row.
pub(super) fn values_from(batches: &[RecordBatch], first: usize, columns: &[ScopeColumn]) -> Result<Vec<Vec<Value>>> {
    let mut rows = Vec::new();
    for batch in batches {
        let before = rows.len();
        rows.resize_with(before + batch.num_rows(), || Vec::with_capacity(columns.len()));
        for (array, column) in batch.columns()[first..].iter().zip(columns) {
            for (row, value) in rows[before..].iter_mut().zip(values_of(array, &column.sql_type)?) {
                row.push(value);
            }
        }
    }
    Ok(rows)
}

/// The keys of rows in the first column of `batches`; none where an outer join found no row.
pub(super) fn keys_in(batches: &[RecordBatch]) -> Vec<Option<Vec<u8>>> {
    let keys = batches.iter().flat_map(|batch| {
        let keys = batch.column(0).as_binary::<i32>();
        (0..keys.len()).map(|row| (!keys.is_null(row)).then(|| keys.value(row).to_vec()))
    });
    keys.collect()
}
