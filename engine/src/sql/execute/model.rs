//! Collections, buckets and queues as relations.
//!
//! ```text
//!   collection   _id, document
//!   bucket       key, size_bytes, etag, content_type, metadata, created_at, modified_at
//!   queue        id, body, bytes, headers, group_name, sent_at, receive_count, status, ready_at
//! ```
//!
//! Read page by page at the version of the statement. Messages are looked at, not received.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use chrono::DateTime;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::catalog::{Session, TableProvider};
use datafusion::datasource::TableType;
use datafusion::error::Result as DataFusionResult;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use marquetry_functions::SqlType;
use serde_json::Value as Json;

use super::Source;
use super::convert::array_of;
use crate::blob::{Blobs, ListOptions, ObjectInfo};
use crate::catalog::ObjectKind;
use crate::document::Documents;
use crate::env::Timestamp;
use crate::error::{Error, Result};
use crate::queue::{MessageBody, PeekedMessage, Queues};
use crate::sql::failure::from_datafusion;
use crate::table::Value;

/// Things that are read at once.
const PAGE_LENGTH: usize = 1_000;

/// The columns of a relation of this kind; `None` for those that are none.
pub(crate) fn model_columns(kind: ObjectKind) -> Option<Vec<(&'static str, SqlType)>> {
    Some(match kind {
        ObjectKind::Collection => vec![("_id", SqlType::Text), ("document", SqlType::Jsonb)],
        ObjectKind::Bucket => vec![
            ("key", SqlType::Text),
            ("size_bytes", SqlType::Int8),
            ("etag", SqlType::Text),
            ("content_type", SqlType::Text),
            ("metadata", SqlType::Jsonb),
            ("created_at", SqlType::TimestampTz),
            ("modified_at", SqlType::TimestampTz),
        ],
        ObjectKind::Queue => vec![
            ("id", SqlType::Int8),
            ("body", SqlType::Jsonb),
            ("bytes", SqlType::Bytea),
            ("headers", SqlType::Jsonb),
            ("group_name", SqlType::Text),
            ("sent_at", SqlType::TimestampTz),
            ("receive_count", SqlType::Int4),
            ("status", SqlType::Text),
            ("ready_at", SqlType::TimestampTz),
        ],
        _ => return None,
    })
}

/// A collection, bucket or queue in one place of a statement, with column names of its own.
#[derive(Debug)]
pub(crate) struct ModelTable {
    source: Arc<Source>,
    kind: ObjectKind,
    name: String,
    types: Vec<SqlType>,
    schema: SchemaRef,
}

impl ModelTable {
    /// The object `name` of `kind`, whose columns are called `names`.
    pub(crate) fn new(source: Arc<Source>, kind: ObjectKind, name: &str, names: Vec<String>) -> Self {
        let types: Vec<SqlType> =
            model_columns(kind).unwrap_or_default().into_iter().map(|(_, sql_type)| sql_type).collect();
        let fields = names.into_iter().zip(&types).map(|(name, sql_type)| Field::new(name, sql_type.arrow(), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        ModelTable { source, kind, name: name.to_owned(), types, schema }
    }
}

#[async_trait::async_trait]
impl TableProvider for ModelTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let pages = Pages {
            source: self.source.clone(),
            kind: self.kind,
            name: self.name.clone(),
            types: self.types.clone(),
            schema: self.schema.clone(),
        };
        let table = StreamingTable::try_new(self.schema.clone(), vec![Arc::new(pages)])?;
        table.scan(state, projection, filters, limit).await
    }
}

/// The pages of one object.
#[derive(Debug, Clone)]
struct Pages {
    source: Arc<Source>,
    kind: ObjectKind,
    name: String,
    types: Vec<SqlType>,
    schema: SchemaRef,
}

/// Where the next page begins.
enum Next {
    First,
    Behind(String),
    End,
}

impl PartitionStream for Pages {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (pages, mut next) = (self.clone(), Next::First);
        let batches = std::iter::from_fn(move || {
            let after = match &next {
                Next::First => None,
                Next::Behind(after) => Some(after.clone()),
                Next::End => return None,
            };
            let page = pages.page(after.as_deref()).and_then(|(rows, behind)| {
                next = behind.map_or(Next::End, Next::Behind);
                pages.batch(&rows)
            });
            if page.is_err() {
                next = Next::End;
            }
            Some(page.map_err(Into::into))
        });
        Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), futures::stream::iter(batches)))
    }
}

impl Pages {
    /// The rows behind `after`, and where the next ones are.
    fn page(&self, after: Option<&str>) -> Result<(Vec<Vec<Value>>, Option<String>)> {
        self.source.interrupter.check()?;
        let (shared, reader) = (&self.source.shared, &*self.source.reader);
        match self.kind {
            ObjectKind::Collection => {
                let documents =
                    Documents::new(&shared.documents, reader).page_behind(&self.name, after, PAGE_LENGTH)?;
                let next =
                    (documents.len() == PAGE_LENGTH).then(|| documents.last().map(|(id, _)| id.clone())).flatten();
                let row = |(id, document)| vec![Value::Text(id), Value::Jsonb(document)];
                Ok((documents.into_iter().map(row).collect(), next))
            }
            ObjectKind::Bucket => {
                let options = ListOptions { start_after: after.map(str::to_owned), ..ListOptions::default() };
                let page = Blobs::new(&shared.blobs, reader).list(&self.name, &options)?;
                Ok((page.objects.into_iter().map(object_row).collect(), page.next_start_after))
            }
            ObjectKind::Queue => {
                let messages = Queues::new(&shared.queues, reader).peek_all(&self.name)?;
                Ok((messages.into_iter().map(message_row).collect(), None))
            }
            other => Err(Error::unsupported(format!("a {other} is no relation"))),
        }
    }

    fn batch(&self, rows: &[Vec<Value>]) -> Result<RecordBatch> {
        let columns = self.types.iter().enumerate();
        let arrays = columns.map(|(position, sql_type)| array_of(rows.iter().map(|row| &row[position]), sql_type));
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        RecordBatch::try_new_with_options(self.schema.clone(), arrays.collect::<Result<_>>()?, &options)
            .map_err(|error| from_datafusion(error.into()))
    }
}

fn moment(at: Timestamp) -> Value {
    DateTime::from_timestamp_micros(at.as_micros()).map_or(Value::Null, Value::TimestampTz)
}

fn text_or_null(text: Option<String>) -> Value {
    text.map_or(Value::Null, Value::Text)
}

fn pairs(pairs: std::collections::BTreeMap<String, String>) -> Value {
    Value::Jsonb(Json::Object(pairs.into_iter().map(|(name, value)| (name, Json::String(value))).collect()))
}

fn object_row(object: ObjectInfo) -> Vec<Value> {
    vec![
        Value::Text(object.key),
        Value::Int8(i64::try_from(object.size_bytes).unwrap_or(i64::MAX)),
        Value::Text(object.etag),
        text_or_null(object.attributes.content_type),
        pairs(object.attributes.metadata),
        moment(object.created_at),
        moment(object.modified_at),
    ]
}

fn message_row(message: PeekedMessage) -> Vec<Value> {
    let (body, bytes) = match message.body {
        MessageBody::Json(json) => (Value::Jsonb(json), Value::Null),
        MessageBody::Bytes(bytes) => (Value::Null, Value::Bytea(bytes)),
    };
    let status = serde_json::to_value(message.status).ok().and_then(|status| status.as_str().map(str::to_owned));
    vec![
        Value::Int8(i64::try_from(message.id.number()).unwrap_or(i64::MAX)),
        body,
        bytes,
        pairs(message.headers),
        text_or_null(message.group),
        moment(message.sent_at),
        Value::Int4(i32::try_from(message.receive_count).unwrap_or(i32::MAX)),
        text_or_null(status),
        moment(message.ready_at),
    ]
}
