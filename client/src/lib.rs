//! Async client of a Marquetry server: the nouns and verbs of the embedded engine, over HTTP.
//!
//! ```text
//!   Client --- tables() documents() blobs() cache() search() queues()    each call is a transaction of its own
//!     |-- transact(|tx| ...)  the same six in one transaction, run again on a conflict
//!     |-- batch()             many operations in one round trip
//!     '-- sql()               statements, and their rows
//! ```
//!
//! ```no_run
//! # async fn example() -> marquetry_client::Result<()> {
//! use marquetry_client::Client;
//! use serde_json::json;
//!
//! let client = Client::connect("http://127.0.0.1:7400")?;
//! client.documents().create("products").await?;
//! let id = client.documents().insert("products", json!({"name": "lamp", "price": 20})).await?;
//! client
//!     .transact(|tx| {
//!         let id = id.clone();
//!         async move {
//!             tx.documents().update("products", &id, json!({"$inc": {"price": -5}})).await?;
//!             tx.queues().send("price-changes", json!({"product": id})).await?;
//!             Ok(())
//!         }
//!     })
//!     .await?;
//! # Ok(())
//! # }
//! ```
//!
//! Every answer tells the version that it saw, and every call asks for at least the newest version that the client has
//! seen: a client reads its own writes, on replicas too. Errors carry an [`ErrorKind`] that says what to do next.

mod backup;
mod batch;
mod blob;
mod cache;
mod client;
mod connection;
mod document;
mod error;
mod models;
mod queue;
mod search;
mod sql;
mod table;

pub use batch::Batch;
pub use blob::{Blobs, Object, ObjectAttributes, ObjectCondition, ObjectInfo, Objects, PutOptions};
pub use cache::{Cache, Entry, SetOptions};
pub use client::{Client, Transaction};
pub use document::{CollectionInfo, DocumentIndex, Documents, Find};
pub use error::{Error, ErrorKind, Result};
pub use queue::{DeadLetter, Message, Origin, QueueCounts, Queues, Receive, SendOptions};
pub use search::{FacetCount, Hit, Search, SearchRequest, SearchResponse};
pub use sql::{Sql, SqlAnswer, SqlColumn};
pub use table::{Column, Index, Rows, Scan, TableDefinition, Tables};
