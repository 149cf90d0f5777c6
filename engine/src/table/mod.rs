//! Tables: typed rows under a primary key, with indexes that are right in every transaction.
//!
//! ```text
//!   catalogue   "orders" -> schema: columns, primary key, indexes, all by number
//!   row         10 <table> <primary key>                         -> the other columns
//!   index       11 <table> <index> <columns> [<primary key>]     -> nothing, or the primary key when unique
//! ```
//!
//! - Comparing keys compares values, as PostgreSQL orders them; a scan of any index is a scan of bytes.
//! - Every statement is whole or absent: one that fails leaves nothing in the caller's transaction.
//! - A row and its index entries are written in the same statement; reading through an index is reading the row.
//! - Every change of a row is told to the [`SourceHook`](crate::hook::SourceHook) in the same transaction.
//!
//! Left out on purpose: expressions, joins, foreign keys, checks; they are SQL's, which sits on top. A table without a
//! primary key is refused rather than given a hidden one.

mod column_type;
mod constraint;
mod datetime;
mod definition;
mod json;
mod request;
mod row;
mod value;

pub use column_type::ColumnType;
pub use constraint::{ConstraintKind, ConstraintViolation};
pub use definition::{Column, ColumnDefault, Index, TableDefinition};
pub use request::{ScanForm, ScanRequest};
pub use row::{Key, Row};
pub use value::Value;

use std::sync::Arc;

use crate::hook::InstalledHook;
use crate::kv::{Keyspace, Reader, Sequences};

/// What the table model shares between transactions.
#[derive(Debug)]
pub(crate) struct TableModel {
    keyspace: Arc<Keyspace>,
    sequences: Arc<Sequences>,
    hook: Arc<InstalledHook>,
}

impl TableModel {
    pub(crate) fn open(keyspace: Arc<Keyspace>, sequences: Arc<Sequences>, hook: Arc<InstalledHook>) -> Self {
        TableModel { keyspace, sequences, hook }
    }
}

/// The table model, read through a snapshot or used in a transaction.
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
