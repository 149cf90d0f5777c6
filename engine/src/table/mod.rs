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
//! Left out on purpose: expressions, joins, foreign keys, checks; they are SQL's, which sits on top. A table without a
//! primary key is refused rather than given a hidden one.

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
mod json;
mod jsonb;
mod key_encoding;
mod keys;
#[cfg(test)]
mod model_tests;
mod range;
mod request;
mod row;
mod row_encoding;
mod scan;
mod schema;
mod source;
mod statement;
#[cfg(test)]
mod tests;
mod value;
mod value_encoding;
mod write;

pub use check::TableCheck;
pub use column_type::ColumnType;
pub use constraint::{ConstraintKind, ConstraintViolation};
pub use definition::{Column, ColumnDefault, Index, TableDefinition};
pub use request::{ScanForm, ScanRequest};
pub use row::{Key, Row};
pub use scan::{RowPage, RowScan};
pub use value::Value;

use std::sync::Arc;

use crate::catalog::Definitions;
use crate::hook::InstalledHook;
use crate::kv::{Keyspace, Reader, Sequences};

use schema::Schema;

/// What the table model shares between transactions.
#[derive(Debug)]
pub(crate) struct TableModel {
    keyspace: Arc<Keyspace>,
    sequences: Arc<Sequences>,
    hook: Arc<InstalledHook>,
    definitions: Arc<Definitions<Schema>>,
}

impl TableModel {
    pub(crate) fn open(keyspace: Arc<Keyspace>, sequences: Arc<Sequences>, hook: Arc<InstalledHook>) -> Self {
        TableModel { keyspace, sequences, hook, definitions: Arc::default() }
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
