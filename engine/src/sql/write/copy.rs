//! COPY FROM: rows of text that were turned into values, inserted in batches.

use super::assign::named_columns;
use super::insert::insert_rows;
use super::work::Work;
use super::{WriteContext, written_table};
use crate::error::Result;
use crate::sql::catalog::{ColumnGeneration, SqlColumn};
use crate::table::Value;

/// A table that COPY fills.
pub(crate) struct CopyTable {
    id: crate::catalog::ObjectId,
    name: String,
    /// Numbers among the columns that statements see.
    indexes: Vec<usize>,
    pub(crate) columns: Vec<SqlColumn>,
}

impl CopyTable {
    /// The table `name`, to fill these of its columns, or all that are not generated.
    pub(crate) fn open(context: &WriteContext, schema: Option<&str>, name: &str, columns: &[String]) -> Result<Self> {
        super::with_binder(context, |binder| {
            let table = written_table(binder, schema, name)?;
            let mut indexes = named_columns(&table, columns)?;
            if columns.is_empty() {
                let is_generated =
                    |index: usize| matches!(table.columns[index].generation, Some(ColumnGeneration::Stored(_)));
                indexes.retain(|index| !is_generated(*index));
            }
            Ok(CopyTable {
                id: table.id,
                name: table.name.clone(),
                columns: indexes.iter().map(|index| table.columns[*index].clone()).collect(),
                indexes,
            })
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Inserts rows of these columns, all or none.
    pub(crate) fn insert(&self, context: &WriteContext, rows: Vec<Vec<Value>>) -> Result<()> {
        context.tables()?.atomically(|| {
            let work = Work::new(context)?;
            let target = work.target(self.id)?;
            let named = |row: Vec<Value>| {
                let mut named = vec![None; target.table.columns.len()];
                for (index, value) in self.indexes.iter().zip(row) {
                    named[*index] = Some(value);
                }
                target.row(context, named)
            };
            let rows = rows.into_iter().map(named).collect::<Result<Vec<_>>>()?;
            insert_rows(&work, &target, rows, None)?;
            work.finish()
        })
    }
}
