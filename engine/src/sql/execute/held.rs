//! Rows in memory, filled once before the plan that reads them runs.

use std::sync::{Arc, OnceLock};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::catalog::{Session, TableProvider};
use datafusion::datasource::TableType;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;

/// A table in memory.
#[derive(Debug)]
pub(crate) struct Held {
    schema: SchemaRef,
    batches: Arc<OnceLock<Vec<RecordBatch>>>,
}

impl Held {
    /// A table of these columns, still without rows.
    pub(crate) fn new(columns: impl IntoIterator<Item = (String, DataType)>) -> Self {
        let fields = columns.into_iter().map(|(name, data_type)| Field::new(name, data_type, true));
        Held { schema: Arc::new(Schema::new(fields.collect::<Vec<_>>())), batches: Arc::default() }
    }

    /// Gives it its rows; only the first time counts.
    pub(crate) fn fill(&self, batches: impl IntoIterator<Item = RecordBatch>) -> crate::error::Result<()> {
        let renamed = batches.into_iter().map(|batch| {
            RecordBatch::try_new(self.schema.clone(), batch.columns().to_vec())
                .map_err(|error| crate::sql::failure::from_datafusion(error.into()))
        });
        let batches = renamed.collect::<crate::error::Result<Vec<_>>>()?;
        let _is_first = self.batches.set(batches);
        Ok(())
    }
}

#[async_trait::async_trait]
impl TableProvider for Held {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let rows = HeldRows { schema: self.schema.clone(), batches: self.batches.clone() };
        let table = StreamingTable::try_new(self.schema.clone(), vec![Arc::new(rows)])?;
        table.scan(state, projection, filters, limit).await
    }
}

/// The rows, looked at when the plan runs: plans are made before the table is filled.
#[derive(Debug)]
struct HeldRows {
    schema: SchemaRef,
    batches: Arc<OnceLock<Vec<RecordBatch>>>,
}

impl PartitionStream for HeldRows {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let batches = self.batches.get().cloned().unwrap_or_default();
        let batches = futures::stream::iter(batches.into_iter().map(Ok));
        Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), batches))
    }
}
