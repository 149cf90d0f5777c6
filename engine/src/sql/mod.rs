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

mod bind;
mod catalog;
mod copy;
mod define;
mod execute;
mod failure;
mod model;
mod outcome;
mod parse;
mod point;
mod session;
mod system;
mod write;

pub(crate) use catalog::CatalogCache;
pub use copy::{CopyIn, CopyOut};
pub use execute::Interrupter;
pub use marquetry_functions::{Condition, EnumType, Environment, SqlError, SqlType};
pub(crate) use model::SqlModel;
pub use outcome::{Batch, ColumnDescription, CommandTag};
pub use parse::Statement;
pub use session::{
    Notice, Notification, Outcome, Prepared, Rows, Session, TransactionStatus, format_value, parse_value,
};

/// The functions that this layer adds to those of `marquetry-functions`.
fn functions() -> Vec<marquetry_functions::Function> {
    [session::functions(), system::functions()].into_iter().flatten().collect()
}
