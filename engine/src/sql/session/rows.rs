//! Answers: rows as they come, or what was done.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;

use crate::error::Result;
use crate::sql::copy::{CopyIn, CopyOut};
use crate::sql::execute::{Running, values_of};
use crate::sql::outcome::{Batch, ColumnDescription, CommandTag};
use crate::table::Value;

/// What a statement answers.
pub enum Outcome {
    /// Rows, to be taken batch by batch.
    Rows(Rows),
    /// That it is done.
    Command(CommandTag),
    /// That it waits for rows: `COPY .. FROM STDIN`.
    CopyIn(CopyIn),
    /// Rows as text, to be taken piece by piece: `COPY .. TO STDOUT`.
    CopyOut(CopyOut),
    /// Nothing: there was no statement.
    Empty,
}

impl std::fmt::Debug for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Outcome::Rows(rows) => write!(f, "rows of {} columns", rows.columns.len()),
            Outcome::Command(tag) => write!(f, "{tag:?}"),
            Outcome::CopyIn(_) => f.write_str("copy in"),
            Outcome::CopyOut(_) => f.write_str("copy out"),
            Outcome::Empty => f.write_str("empty"),
        }
    }
}

/// The rows of an answer.
pub struct Rows {
    columns: Arc<[ColumnDescription]>,
    source: RowSource,
    command: &'static str,
    count: u64,
}

enum RowSource {
    Running(Box<Running>),
    Values(Option<Vec<Vec<Value>>>),
    Batches(std::vec::IntoIter<RecordBatch>),
}

impl Rows {
    pub(crate) fn running(columns: Arc<[ColumnDescription]>, running: Running) -> Self {
        Rows { columns, source: RowSource::Running(Box::new(running)), command: "SELECT", count: 0 }
    }

    pub(crate) fn values(columns: Arc<[ColumnDescription]>, values: Vec<Vec<Value>>, command: &'static str) -> Self {
        Rows { columns, source: RowSource::Values(Some(values)), command, count: 0 }
    }

    pub(crate) fn batches(columns: Arc<[ColumnDescription]>, batches: Vec<RecordBatch>, command: &'static str) -> Self {
        Rows { columns, source: RowSource::Batches(batches.into_iter()), command, count: 0 }
    }

    /// The columns, in order.
    pub fn columns(&self) -> &Arc<[ColumnDescription]> {
        &self.columns
    }

    /// The next rows in whichever form they are, or `None` at the end.
    ///
    /// # Errors
    /// Those of the statement.
    pub fn next_batch(&mut self) -> Result<Option<Batch>> {
        let batch = match &mut self.source {
            RowSource::Running(running) => running.next()?.map(Batch::Arrow),
            RowSource::Values(values) => values.take().filter(|values| !values.is_empty()).map(Batch::Values),
            RowSource::Batches(batches) => batches.next().map(Batch::Arrow),
        };
        self.count += match &batch {
            None => 0,
            Some(Batch::Arrow(batch)) => batch.num_rows() as u64,
            Some(Batch::Values(values)) => values.len() as u64,
        };
        Ok(batch)
    }

    /// The next rows as values, or `None` at the end.
    ///
    /// # Errors
    /// Those of the statement.
    pub fn next_values(&mut self) -> Result<Option<Vec<Vec<Value>>>> {
        match self.next_batch()? {
            None => Ok(None),
            Some(Batch::Values(values)) => Ok(Some(values)),
            Some(Batch::Arrow(batch)) => rows_of(&batch, &self.columns).map(Some),
        }
    }

    /// What was done; the count of rows is right once all were taken.
    pub fn tag(&self) -> CommandTag {
        CommandTag { command: self.command, rows: Some(self.count) }
    }
}

/// The rows of `batch`, whose first columns are `columns`.
pub(crate) fn rows_of(batch: &RecordBatch, columns: &[ColumnDescription]) -> Result<Vec<Vec<Value>>> {
    let mut rows = vec![Vec::with_capacity(columns.len()); batch.num_rows()];
    for (array, column) in batch.columns().iter().zip(columns) {
        for (row, value) in rows.iter_mut().zip(values_of(array, &column.sql_type)?) {
            row.push(value);
        }
    }
    Ok(rows)
}
