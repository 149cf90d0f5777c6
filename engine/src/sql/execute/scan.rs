//! The scan of a table: key ranges to batches.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use arrow::array::{ArrayRef, BinaryBuilder};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use bytes::Bytes;
use datafusion::common::Statistics;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result;
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, ReplaceChildrenOptions};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use futures::Stream;

use super::Source;
use super::convert::array_of;
use super::executor::BATCH_ROWS;
use super::range::Access;
use crate::error::Error;
use crate::kv::{Direction, KeyRange, Scan};
use crate::sql::catalog::SqlTable;
use crate::table::keys;
use crate::table::{Schema, SchemaIndex, Value};

/// A scan of one table, as DataFusion runs it.
pub(crate) struct TableScanExec {
    source: Arc<Source>,
    table: Arc<SqlTable>,
    stored: Arc<Schema>,
    /// The columns that come out.
    schema: SchemaRef,
    /// Their positions among the table's columns; the last of those is the key.
    projection: Vec<usize>,
    access: Access,
    limit: Option<usize>,
    statistics: Statistics,
    properties: Arc<PlanProperties>,
}

impl TableScanExec {
    #[allow(clippy::too_many_arguments, reason = "they are what a scan is")]
    pub(super) fn new(
        source: Arc<Source>,
        table: Arc<SqlTable>,
        stored: Arc<Schema>,
        whole: SchemaRef,
        projection: Option<&Vec<usize>>,
        access: Access,
        limit: Option<usize>,
        statistics: Option<Statistics>,
    ) -> Result<Self> {
        let projection = projection.cloned().unwrap_or_else(|| (0..whole.fields().len()).collect());
        let schema = Arc::new(whole.project(&projection)?);
        let mut statistics = statistics.unwrap_or_else(|| Statistics::new_unknown(&whole)).project(Some(&projection));
        if access.is_point {
            statistics.num_rows = datafusion::common::stats::Precision::Inexact(1);
        } else if !access.is_full {
            // A guess that is better than none: a range is a tenth of the table.
            statistics.num_rows = statistics.num_rows.map(|rows| (rows / 10).max(1)).to_inexact();
        }
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema.clone()),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Ok(TableScanExec {
            source,
            table,
            stored,
            schema,
            projection,
            access,
            limit,
            statistics,
            properties: Arc::new(properties),
        })
    }
}

impl fmt::Debug for TableScanExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a scan of {:?}", self.table.name)
    }
}

impl DisplayAs for TableScanExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match (self.access.is_full, self.access.is_point) {
            (true, _) => "Seq Scan",
            (_, true) => "Key Lookup",
            _ => "Index Scan",
        };
        write!(f, "{what} on {}", self.table.name)?;
        match &self.access.name {
            Some(name) if !self.access.is_full => write!(f, " using {name}"),
            _ => Ok(()),
        }
    }
}

impl ExecutionPlan for TableScanExec {
    fn name(&self) -> &'static str {
        "TableScanExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(self: Arc<Self>, _children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn partition_statistics(&self, _partition: Option<usize>) -> Result<Arc<Statistics>> {
        Ok(Arc::new(self.statistics.clone()))
    }

    fn execute(&self, _partition: usize, _context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        Ok(Box::pin(self.stream()))
    }
}

impl TableScanExec {
    /// The batches of the scan.
    pub(super) fn stream(&self) -> TableStream {
        let index =
            self.access.index.and_then(|number| self.stored.indexes.iter().position(|index| index.number == number));
        let positions: Vec<Option<usize>> = self
            .projection
            .iter()
            .map(|column| self.table.columns.get(*column).map(|column| column.position))
            .collect();
        let mut wanted = vec![false; self.stored.columns.len()];
        for position in positions.iter().flatten() {
            wanted[*position] = true;
        }
        TableStream {
            source: self.source.clone(),
            table: self.table.clone(),
            stored: self.stored.clone(),
            schema: self.schema.clone(),
            projection: self.projection.clone(),
            positions,
            wanted,
            index,
            ranges: self.access.ranges.clone().into_iter(),
            scan: None,
            rest: self.limit.unwrap_or(usize::MAX),
        }
    }
}

/// The batches of one scan.
pub(super) struct TableStream {
    source: Arc<Source>,
    table: Arc<SqlTable>,
    stored: Arc<Schema>,
    schema: SchemaRef,
    projection: Vec<usize>,
    /// Where the values of the projected columns are in rows; the key is nowhere there.
    positions: Vec<Option<usize>>,
    wanted: Vec<bool>,
    index: Option<usize>,
    ranges: std::vec::IntoIter<KeyRange>,
    scan: Option<Scan>,
    rest: usize,
}

impl TableStream {
    fn next_entry(&mut self) -> Result<Option<(Bytes, Bytes)>, Error> {
        loop {
            if let Some(scan) = &mut self.scan {
                match scan.next() {
                    Some(entry) => return entry.map(Some),
                    None => self.scan = None,
                }
            }
            let Some(range) = self.ranges.next() else { return Ok(None) };
            self.scan = Some(self.source.reader.scan(range, Direction::Forward)?);
        }
    }

    /// The key of the row behind `entry`, and the row as it is stored.
    fn stored_row(&self, entry: (Bytes, Bytes)) -> Result<(Bytes, Bytes), Error> {
        let index: Option<&SchemaIndex> = self.index.map(|position| &self.stored.indexes[position]);
        match index {
            None => Ok((entry.0.slice_ref(keys::primary_of_row(&entry.0)?), entry.1)),
            Some(index) => {
                let primary = self.stored.primary_of_entry(index, &entry)?;
                let row = self.source.reader.get(&keys::row(self.stored.id, &primary))?;
                let row = row.ok_or_else(|| {
                    Error::corrupt(format!(
                        "index {:?} of table {:?} has an entry without a row",
                        index.name, self.table.name
                    ))
                })?;
                Ok((primary, row))
            }
        }
    }

    /// The next rows, or `None` at the end.
    pub(super) fn next_batch(&mut self) -> Result<Option<RecordBatch>, Error> {
        self.source.interrupter.check()?;
        let (mut rows, mut primaries) = (Vec::new(), Vec::new());
        while rows.len() < BATCH_ROWS && self.rest > 0 {
            let Some(entry) = self.next_entry()? else { break };
            let (primary, stored) = self.stored_row(entry)?;
            rows.push(self.stored.decode_some(&primary, &stored, |position| self.wanted[position])?);
            primaries.push(primary);
            self.rest -= 1;
        }
        match rows.is_empty() {
            true => Ok(None),
            false => self.batch(&rows, &primaries).map(Some),
        }
    }

    fn batch(&self, rows: &[Vec<Value>], primaries: &[Bytes]) -> Result<RecordBatch, Error> {
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.projection.len());
        for (column, position) in self.projection.iter().zip(&self.positions) {
            columns.push(match position {
                Some(position) => {
                    let sql_type = &self.table.columns[*column].sql_type;
                    array_of(rows.iter().map(|row| &row[*position]), sql_type)?
                }
                None => {
                    let mut keys = BinaryBuilder::new();
                    primaries.iter().for_each(|primary| keys.append_value(primary));
                    Arc::new(keys.finish())
                }
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)
            .map_err(|error| crate::sql::failure::from_datafusion(error.into()))
    }
}

impl Stream for TableStream {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.next_batch().map_err(Into::into).transpose())
    }
}

impl RecordBatchStream for TableStream {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
}
