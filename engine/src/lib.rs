//! Marquetry: one process, one data directory, one log and one ACID transaction over six models.
//!
//! ```text
//!   Database ── transact(|tx| ...) ── tx.tables()  tx.documents()  tx.blobs()  tx.cache()  tx.search()  tx.queues()
//! ```

pub mod backup;
pub mod blob;
pub mod cache;
mod catalog;
mod database;
pub mod document;
mod encoding;
pub mod env;
mod error;
mod format_file;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod hook;
mod keyspace;
pub mod kv;
pub mod limits;
pub mod log;
mod maintenance;
mod options;
pub mod queue;
mod retry;
pub mod search;
mod sources;
#[cfg(feature = "sql")]
pub mod sql;
mod stored_range;
mod sync;
pub mod table;
mod transaction;

pub use catalog::{ObjectId, ObjectKind};
pub use database::{CheckReport, Database, Statistics};
pub use error::{Error, ErrorKind, Result};
pub use kv::{Contended, Durability, Isolation, Savepoint, Version};
pub use options::{Settings, TransactOptions};
pub use transaction::{Snapshot, Transaction};
