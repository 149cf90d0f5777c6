//! Tables: typed rows under a primary key, with indexes that are right in every transaction.
//!
//! ```text
//!   catalogue   "orders" -> schema: columns, primary key, indexes, all by number
//!   row         10 <table> <primary key>                         -> the other columns
//!   index       11 <table> <index> <columns> [<primary key>]     -> nothing, or the primary key when unique
//! ```
//!
//! A statement: `write` (insert, update, ...) -> `statement` (one row's change) -> `keys`, `key_encoding`, `row_encoding`.
//! A read: `scan` -> `range` (request to keys) -> the same encodings.
//!
//! - Comparing keys compares values, as PostgreSQL orders them; a scan of any index is a scan of bytes.
//! - Every statement is whole or absent: one that fails leaves nothing in the caller's transaction.
//! - A row and its index entries are written in the same statement; reading through an index is reading the row.
//! - Every change of a row is told to the hook that search listens on in the same transaction.
//!
//! Left out on purpose: expressions, joins, foreign keys, checks; they are SQL's, which sits on top and keeps what it needs in
//! the extension of the definition. A table without a primary key is refused rather than given a hidden one; SQL gives it one.
//! For that layer: `alter` changes layouts, `Statement` changes rows by position, `Schema` reads them. A table with rules that
//! this model does not know refuses writes by any other way.

#[allow(dead_code, reason = "what SQL needs")]
mod alter;
#[cfg(test)]
mod alter_tests;
mod arithmetic;
mod catalog;
mod check;
mod column_type;
#[cfg(test)]
mod concurrency_tests;
mod constraint;
#[cfg(test)]
mod crash_tests;
mod datetime;
mod definition;
#[cfg(test)]
mod encoding_tests;
mod fit;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzz;
mod interval;
mod json;
mod jsonb;
mod key_encoding;
pub(crate) mod keys;
#[allow(dead_code, reason = "what SQL needs")]
mod layout;
#[cfg(test)]
mod model_tests;
#[allow(dead_code, reason = "what SQL needs")]
mod range;
mod request;
mod row;
#[allow(dead_code, reason = "what SQL needs")]
mod row_count;
#[allow(dead_code, reason = "what SQL needs")]
mod row_encoding;
mod scan;
#[allow(dead_code, reason = "what SQL needs")]
mod schema;
mod source;
#[allow(dead_code, reason = "what SQL needs")]
mod statement;
#[cfg(test)]
mod tests;
mod time_tz;
mod value;
mod value_encoding;
mod write;

#[allow(unused_imports, reason = "what SQL needs")]
pub(crate) use alter::Convert;
pub use check::TableCheck;
pub use column_type::{ColumnType, ElementType};
pub use constraint::{ConstraintKind, ConstraintViolation};
pub use definition::{Column, ColumnDefault, Index, TableDefinition};
pub use interval::Interval;
#[allow(unused_imports, reason = "what SQL needs")]
pub(crate) use json::value_to_json;
pub use request::{ScanForm, ScanRequest};
pub use row::{Key, Row};
pub use scan::{RowPage, RowScan};
pub use time_tz::TimeTz;
pub use value::Value;

use std::sync::Arc;

use crate::catalog::Definitions;
use crate::hook::InstalledHook;
use crate::kv::{Keyspace, Reader, Sequences};

#[allow(unused_imports, reason = "what SQL needs")]
pub(crate) use layout::{Layout, NewIndex};
#[allow(unused_imports, reason = "what SQL needs")]
pub(crate) use schema::{Schema, SchemaColumn, SchemaIndex};
#[allow(unused_imports, reason = "what SQL needs")]
pub(crate) use statement::{Statement, sequence_name};

/// What the table model shares between transactions.
#[derive(Debug)]
pub(crate) struct TableModel {
    keyspace: Arc<Keyspace>,
    sequences: Arc<Sequences>,
    hook: Arc<InstalledHook>,
    definitions: Arc<Definitions<Schema>>,
    row_counts: row_count::RowCounts,
}

impl TableModel {
    pub(crate) fn open(keyspace: Arc<Keyspace>, sequences: Arc<Sequences>, hook: Arc<InstalledHook>) -> Self {
        TableModel { keyspace, sequences, hook, definitions: Arc::default(), row_counts: Default::default() }
    }
}

/// The table model, read through a snapshot or used in a transaction.
///
/// ```
/// # fn main() -> marquetry::Result<()> {
/// use marquetry::table::{Column, ColumnType, Index, Row, ScanRequest, TableDefinition};
///
/// let database = marquetry::Database::in_memory()?;
/// let people = TableDefinition::new()
///     .column(Column::new("id", ColumnType::Int8).auto_increment())
///     .column(Column::new("name", ColumnType::Text).not_null())
///     .primary_key(["id"])
///     .index(Index::unique("people_by_name", ["name"]));
/// database.transact(|tx| {
///     tx.tables().create("people", &people)?;
///     tx.tables().insert("people", Row::new().set("name", "Grace"))?;
///     tx.tables().insert("people", Row::new().set("name", "Ada")).map(drop)
/// })?;
/// let names = database.read(|snapshot| {
///     let rows = snapshot.tables().scan("people", &ScanRequest::index("people_by_name"))?;
///     rows.map(|row| Ok(row?.text("name")?.to_owned())).collect::<marquetry::Result<Vec<_>>>()
/// })?;
/// assert_eq!(names, ["Ada", "Grace"]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Tables<'a, R: Reader + ?Sized> {
    model: &'a TableModel,
    reader: &'a R,
}

impl<'a, R: Reader + ?Sized> Tables<'a, R> {
    pub(crate) fn new(model: &'a TableModel, reader: &'a R) -> Self {
        Tables { model, reader }
    }
}
