//! Documents: JSON objects in collections, found by filters, in the same transaction as everything else.
//!
//! ```text
//!   collection, _id --> document: binary JSON                          keyspace
//!   index, values   --> _id                                            keyspace
//!
//!   Find { filter, sort, ... } --> plan --> ranges of _id or of an index --> documents --> match, sort, project
//! ```
//!
//! - A document is an object with a string `_id`; its fields keep their order, and its numbers what they were.
//! - Index entries change in the transaction that changes their document; nothing is ever found by an entry alone, every
//!   document is matched before it is returned.
//! - Values of all kinds have one order: null, numbers, strings, objects, arrays, booleans. Numbers compare exactly, whole or
//!   not. Comparisons in filters hold within one kind.
//! - Filters, updates, projections and sorts are parsed into typed trees before anything is read; whatever is not
//!   offered is refused by name.
//!
//! Left out: validation by a schema, expiry, partial indexes, aggregation, regular expressions.

mod arithmetic;
mod bounds;
mod change;
mod check;
mod collection;
#[cfg(test)]
mod crash_tests;
mod documents;
mod filter;
mod find;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzz;
mod index;
mod keys;
mod matcher;
#[cfg(test)]
mod model_tests;
mod order;
mod path;
mod place;
mod plan;
mod projection;
mod sort;
mod source;
mod stored;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

pub use check::DocumentCheck;
pub use collection::{CollectionInfo, DocumentIndex};
pub use documents::UpdateCounts;
pub use find::{ExplainedRead, Explanation, Find};
pub use matcher::Matcher;

use crate::catalog::Definitions;
use crate::hook::InstalledHook;
use crate::kv::{Keyspace, Reader, Sequences};

/// What the document model shares between transactions.
#[derive(Debug)]
pub(crate) struct DocumentModel {
    keyspace: Arc<Keyspace>,
    sequences: Arc<Sequences>,
    hook: Arc<InstalledHook>,
    definitions: Definitions<index::IndexedDefinition>,
    /// The moment and count in the id that was made last.
    last_id: AtomicU64,
}

impl DocumentModel {
    pub(crate) fn open(keyspace: Arc<Keyspace>, sequences: Arc<Sequences>, hook: Arc<InstalledHook>) -> Self {
        DocumentModel { keyspace, sequences, hook, definitions: Definitions::default(), last_id: AtomicU64::new(0) }
    }
}

/// The document model, read through a snapshot or used in a transaction.
///
/// ```
/// # fn main() -> marquetry::Result<()> {
/// use marquetry::document::{DocumentIndex, Find};
/// use serde_json::json;
///
/// let database = marquetry::Database::in_memory()?;
/// database.transact(|tx| {
///     let documents = tx.documents();
///     documents.create_collection("products")?;
///     documents.insert("products", json!({"_id": "lamp", "price": 20, "tags": ["light", "home"]}))?;
///     documents.insert("products", json!({"_id": "desk", "price": 150, "tags": ["home"]}))?;
///     let by_price = DocumentIndex { name: "by_price".into(), fields: vec!["price".into()], unique: false };
///     documents.create_index("products", &by_price)?;
///     documents.update("products", "lamp", &json!({"$inc": {"price": 5}, "$push": {"tags": "new"}}))
/// })?;
/// let cheap = Find::matching(json!({"price": {"$lt": 100}, "tags": "home"}));
/// let found = database.read(|snapshot| snapshot.documents().find("products", &cheap))?;
/// assert_eq!(found, [json!({"_id": "lamp", "price": 25, "tags": ["light", "home", "new"]})]);
/// let explanation = database.read(|snapshot| snapshot.documents().explain("products", &cheap))?;
/// assert_eq!(explanation.reads[0].index, "by_price");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Documents<'a, R: Reader + ?Sized> {
    model: &'a DocumentModel,
    reader: &'a R,
}

impl<'a, R: Reader + ?Sized> Documents<'a, R> {
    pub(crate) fn new(model: &'a DocumentModel, reader: &'a R) -> Self {
        Documents { model, reader }
    }
}
