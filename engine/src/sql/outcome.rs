//! What a statement answers.

use arrow::record_batch::RecordBatch;
use marquetry_functions::SqlType;

use crate::table::Value;

/// One column of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnDescription {
    /// The name.
    pub name: String,
    /// The type.
    pub sql_type: SqlType,
    /// The type's modifier as PostgreSQL counts it, or -1.
    pub type_modifier: i32,
    /// The oid of the table that the column is of, 0 for an expression.
    pub table_oid: u32,
    /// The number of the column in that table, 0 for an expression.
    pub attribute: i16,
}

/// Some rows of an answer, in whichever form the path that was taken has them.
#[derive(Debug, Clone)]
pub enum Batch {
    /// Columns of the Arrow types of their SQL types.
    Arrow(RecordBatch),
    /// Rows of values, one for each column.
    Values(Vec<Vec<Value>>),
}

/// What was done: `INSERT 0 3`, `BEGIN`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandTag {
    /// The command, as PostgreSQL words it: `INSERT 0`, `SELECT`, `CREATE TABLE`.
    pub command: &'static str,
    /// How many rows it concerned, for commands that say so.
    pub rows: Option<u64>,
}
