//! Caches: entries that may be forgotten, coherent with everything that the database remembers.
//!
//! ```text
//!   namespace: class, budget, time to live
//!      |-- volatile            memory only; never in the log             direct calls, or notes of a transaction
//!      '-- buffered, durable   keys of the keyspace; as rows             transactions like any other
//!
//!   get_or_load --> one loader per key --> recording snapshot --> entry + what it was loaded from
//!                                                                   ^
//!   every commit, before it is visible --- touches any of that? ----'--> the entry is no longer true
//! ```
//!
//! - A reader that sees a commit never gets an entry that the commit made untrue, removed or replaced: entries die, and the
//!   volatile writes of the commit take effect, in commit order and before the commit is visible. A rollback does nothing.
//! - A loaded value is kept only if it can be shown that no commit since its snapshot touched what it was loaded from.
//! - An entry goes with the versions from its load on. Whoever reads an older version through a snapshot or transaction
//!   misses; whoever reads a loaded entry in a serializable transaction depends on what it was loaded from.
//! - Dependencies live in memory. A loaded entry of a buffered or durable namespace carries the number of the process that
//!   knows them and counts as absent for every later one; what was set stays.
//! - Volatile entries, dependencies included, stay within the budget of their namespace and an eighth of the database's
//!   memory; stored ones are brought back to their budget by logged removals of what was not used lately.
//! - Expiry is judged by the clock on every read; bytes are freed later, by logged removals where they were logged.
//!
//! What isolation does not cover: plain volatile entries have no history, so a transaction reads them as they are, and two
//! transactions that only read and set them are not serialized.
//!
//! Left out: keeping dependencies on disk (every commit would pay for it), a value's parts (lists, hashes), notifications.

mod check;
mod coherence;
#[cfg(test)]
mod coherence_tests;
#[cfg(test)]
mod crash_tests;
mod direct;
mod entries;
mod entry;
mod flight;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzz;
mod handle;
mod interval;
mod keys;
mod load;
mod maintain;
mod memory;
mod namespace;
mod pending;
mod statistics;
mod stored;
mod stored_entry;
mod stored_state;
#[cfg(test)]
mod tests;
mod ties;
mod volatile;

use std::sync::Arc;

pub use check::CacheCheck;
pub use entry::{CacheEntry, LoadOptions, SetCondition, SetOptions, TimeToLive};
pub use handle::Cache;
pub use namespace::{CacheClass, CacheInfo, CacheOptions};
pub use statistics::CacheStatistics;

use crate::catalog::{self, ObjectKind};
use crate::error::Result;
use crate::kv::{Keyspace, Reader, Sequences};
use crate::options::Settings;

use memory::CacheMemory;

/// What the cache model shares between transactions.
#[derive(Debug)]
pub(crate) struct CacheModel {
    keyspace: Arc<Keyspace>,
    sequences: Arc<Sequences>,
    memory: Arc<CacheMemory>,
}

impl CacheModel {
    pub(crate) fn open(keyspace: Arc<Keyspace>, sequences: Arc<Sequences>, settings: &Settings) -> Result<Self> {
        let snapshot = keyspace.snapshot()?;
        let memory =
            Arc::new(CacheMemory::new(keyspace.env().clone(), settings.cache_size_bytes(), snapshot.version()));
        for (name, entry) in catalog::list(&snapshot, Some(ObjectKind::Cache))? {
            memory.adopt(&name, &entry)?;
        }
        keyspace.observe(memory.clone());
        Ok(CacheModel { keyspace, sequences, memory })
    }
}

/// The cache model, read through a snapshot or used in a transaction.
///
/// ```
/// # fn main() -> marquetry::Result<()> {
/// use marquetry::cache::{CacheClass, CacheOptions, SetOptions};
/// let database = marquetry::Database::in_memory()?;
/// let options = CacheOptions { class: CacheClass::Durable, ..CacheOptions::default() };
/// database.transact(|tx| {
///     tx.cache().create_namespace("carts", &options)?;
///     tx.cache().set("carts", "ada", "2 books", &SetOptions::default())
/// })?;
/// let cart = database.read(|snapshot| snapshot.cache().get("carts", "ada"))?;
/// assert_eq!(cart.expect("it was set").value, "2 books");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Caches<'a, R: Reader + ?Sized> {
    model: &'a CacheModel,
    reader: &'a R,
}

impl<'a, R: Reader + ?Sized> Caches<'a, R> {
    pub(crate) fn new(model: &'a CacheModel, reader: &'a R) -> Self {
        Caches { model, reader }
    }
}
