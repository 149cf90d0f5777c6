//! SQL over all models, with PostgreSQL's meaning, in the caller's transaction.
//!
//! ```text
//!   text --parse--> syntax tree --bind--> typed plan --.--> point      one table by key: synchronous, no batches
//!                                   |                  '--> relational DataFusion over scans of the transaction
//!                                   |--> write          rows of either, then constraints, indexes, RETURNING
//!                                   '--> define         changes of the catalogue
//!   session    settings, transaction, prepared statements, cursors: what one client talks to
//!   catalog    schemas, tables, views, sequences, types: what names mean
//! ```
//!
//! - Only `write` and `define` change anything; DataFusion reads.
//! - What an expression means is decided in one place, the crate `marquetry-functions`; all paths evaluate what it made.
//! - Names of the syntax tree are matched exhaustively: what is not understood is an error, never ignored.

mod catalog;
mod outcome;

pub use marquetry_functions::{Condition, EnumType, SqlError, SqlType};
pub use outcome::{Batch, ColumnDescription, CommandTag};
