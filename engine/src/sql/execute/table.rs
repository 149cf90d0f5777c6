//! A table as DataFusion reads it.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema as ArrowSchema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Statistics;
use datafusion::common::stats::Precision;
use datafusion::datasource::TableType;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;

use super::Source;
use super::range::{Access, ColumnTest, access_for, test_of};
use super::scan::TableScanExec;
use crate::error::Error;
use crate::sql::catalog::SqlTable;
use crate::table::Schema;

/// The rows of one table in one place of a statement, with column names of their own; last the keys of the rows.
#[derive(Debug)]
pub(crate) struct TableProviderOf {
    source: Arc<Source>,
    table: Arc<SqlTable>,
    schema: SchemaRef,
}

impl TableProviderOf {
    /// `table` whose columns, and last its keys, are called `names`.
    pub(crate) fn new(source: Arc<Source>, table: Arc<SqlTable>, names: Vec<String>) -> Self {
        let types = table.columns.iter().map(|column| column.sql_type.arrow()).chain([DataType::Binary]);
        let fields = names.into_iter().zip(types).map(|(name, data_type)| Field::new(name, data_type, true));
        let schema = Arc::new(ArrowSchema::new(fields.collect::<Vec<_>>()));
        TableProviderOf { source, table, schema }
    }

    fn stored(&self) -> Result<Arc<Schema>> {
        let found = self.source.shared.tables.schema_by_id(&*self.source.reader, self.table.id)?;
        Ok(found.ok_or_else(|| {
            Error::conflict(format!("table {:?} was dropped meanwhile; run the transaction again", self.table.name))
        })?)
    }

    /// The rows that `conditions` may hold for, with the columns at `columns`, when keys lead to them; `None` when all rows
    /// would have to be read, or more than `limit`.
    pub(super) fn read_by_key(
        &self,
        conditions: &[Expr],
        columns: &[usize],
        limit: usize,
    ) -> crate::error::Result<Option<Vec<RecordBatch>>> {
        let stored = self.stored().map_err(crate::sql::failure::from_datafusion)?;
        let access = access_for(&stored, &self.table, &self.tests(conditions))?;
        if access.is_full {
            return Ok(None);
        }
        let scan = TableScanExec::new(
            self.source.clone(),
            self.table.clone(),
            stored,
            self.schema.clone(),
            Some(&columns.to_vec()),
            access,
            None,
            None,
        );
        let mut stream = scan.map_err(crate::sql::failure::from_datafusion)?.stream();
        let (mut batches, mut rows) = (Vec::new(), 0);
        while let Some(batch) = stream.next_batch()? {
            rows += batch.num_rows();
            if rows > limit {
                return Ok(None);
            }
            batches.push(batch);
        }
        Ok(Some(batches))
    }

    fn tests(&self, filters: &[Expr]) -> Vec<ColumnTest> {
        filters.iter().filter_map(|filter| test_of(filter, &self.schema, &self.table)).collect()
    }
}

#[async_trait::async_trait]
impl TableProvider for TableProviderOf {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// Filters only narrow what is read: they are always checked again.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let supports = |filter: &&Expr| match test_of(filter, &self.schema, &self.table) {
            Some(_) => TableProviderFilterPushDown::Inexact,
            None => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(supports).collect())
    }

    fn statistics(&self) -> Option<Statistics> {
        let rows = self.source.shared.tables.about_rows(&*self.source.reader, self.table.id).ok()?;
        let mut statistics = Statistics::new_unknown(&self.schema);
        statistics.num_rows = Precision::Inexact(usize::try_from(rows).ok()?);
        Some(statistics)
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let stored = self.stored()?;
        let access: Access = access_for(&stored, &self.table, &self.tests(filters))?;
        let limit = limit.filter(|_| filters.is_empty());
        let statistics = self.statistics();
        let scan = TableScanExec::new(
            self.source.clone(),
            self.table.clone(),
            stored,
            self.schema.clone(),
            projection,
            access,
            limit,
            statistics,
        )?;
        Ok(Arc::new(scan))
    }
}
