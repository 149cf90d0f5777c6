//! What a caller holds: one view over the keyspace, handed out as six models.
//!
//! ```text
//!   Transaction --- tables() documents() blobs() cache() search() queues()     read and write, one commit
//!   Snapshot    --- the same six                                              read only
//! ```
//!
//! The models' write methods exist only on a [`Transaction`]: writing through a snapshot does not compile.

use std::sync::Arc;

use crate::blob::Blobs;
use crate::cache::Caches;
use crate::catalog::{self, ObjectKind};
use crate::database::Shared;
use crate::document::Documents;
use crate::error::Result;
use crate::kv::{self, Durability, Reader, Savepoint, Version};
use crate::queue::Queues;
use crate::search::Searches;
use crate::table::Tables;

/// Reads and writes over all models that become visible as one, or not at all.
///
/// Dropping it without a commit takes everything back.
pub struct Transaction {
    pub(crate) inner: kv::Transaction,
    pub(crate) shared: Arc<Shared>,
}

/// All models at one version, to read only. It never conflicts and never blocks.
pub struct Snapshot {
    pub(crate) inner: kv::Snapshot,
    pub(crate) shared: Arc<Shared>,
}

macro_rules! models {
    ($owner:ty, $reader:ty) => {
        impl $owner {
            /// The tables.
            pub fn tables(&self) -> Tables<'_, $reader> {
                Tables::new(&self.shared.tables, &self.inner)
            }

            /// The document collections.
            pub fn documents(&self) -> Documents<'_, $reader> {
                Documents::new(&self.shared.documents, &self.inner)
            }

            /// The buckets of blobs.
            pub fn blobs(&self) -> Blobs<'_, $reader> {
                Blobs::new(&self.shared.blobs, &self.inner)
            }

            /// The cache namespaces.
            pub fn cache(&self) -> Caches<'_, $reader> {
                Caches::new(&self.shared.cache, &self.inner)
            }

            /// The full-text indexes.
            pub fn search(&self) -> Searches<'_, $reader> {
                Searches::new(&self.shared.search, &self.inner)
            }

            /// The queues.
            pub fn queues(&self) -> Queues<'_, $reader> {
                Queues::new(&self.shared.queues, &self.inner)
            }

            /// Every named object with its kind, by name.
            ///
            /// # Errors
            /// Those of reading.
            pub fn objects(&self) -> Result<Vec<(String, ObjectKind)>> {
                let objects = catalog::list(&self.inner, None)?;
                Ok(objects.into_iter().map(|(name, entry)| (name, entry.kind)).collect())
            }

            /// The version that is read.
            pub fn version(&self) -> Version {
                self.inner.version()
            }
        }
    };
}

models!(Transaction, kv::Transaction);
models!(Snapshot, kv::Snapshot);

impl Transaction {
    /// Makes all writes visible as one and durable, and returns their version.
    ///
    /// # Errors
    /// `Conflict`: another transaction changed what this one read; nothing was kept, run the whole transaction again
    /// (as [`Database::transact`](crate::Database::transact) does by itself). `Indeterminate`: the log failed, reopen and
    /// read back. `Unavailable`: refused, nothing was kept.
    pub fn commit(self) -> Result<Version> {
        self.commit_with(Durability::Durable)
    }

    /// As [`Transaction::commit`], acknowledged when `durability` says.
    ///
    /// # Errors
    /// As [`Transaction::commit`].
    pub fn commit_with(self, durability: Durability) -> Result<Version> {
        self.inner.commit(durability)
    }

    /// Takes everything back.
    pub fn rollback(self) {}

    /// Marks the present state, to return to with [`Transaction::rollback_to`].
    pub fn savepoint(&self) -> Savepoint {
        self.inner.savepoint()
    }

    /// Takes back every write since `savepoint`.
    ///
    /// # Errors
    /// `Invalid` when the savepoint is gone.
    pub fn rollback_to(&self, savepoint: Savepoint) -> Result<()> {
        self.inner.rollback_to(savepoint)
    }

    /// Forgets `savepoint` and those after it; the writes stay.
    ///
    /// # Errors
    /// `Invalid` when the savepoint is gone.
    pub fn release(&self, savepoint: Savepoint) -> Result<()> {
        self.inner.release(savepoint)
    }

    /// Whether the transaction has written anything.
    pub fn has_writes(&self) -> bool {
        self.inner.has_writes()
    }
}

impl std::fmt::Debug for Transaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Transaction at version {}", self.version())
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Snapshot at version {}", self.version())
    }
}
