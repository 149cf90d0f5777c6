//! The database: opens a data directory, wires the models together, runs transactions.
//!
//! ```text
//!   Database --- keyspace (log, memtables, checkpoint)
//!            |-- tables  documents  blobs  cache  search  queues
//!            |     '--------'---- SourceHook ------^            changes reach search inside the transaction
//!            '-- threads: sync, fold, models' maintenance
//! ```
//!
//! Only this module knows that the models meet.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::blob::{BlobCheck, BlobModel, BlobUpload};
use crate::cache::{Cache, CacheCheck, CacheModel, CacheStatistics, LoadOptions};
use crate::document::{DocumentCheck, DocumentModel};
use crate::env::{Env, FileLock, MemoryEnv, OsEnv};
use crate::error::{Error, Result};
use crate::format_file;
use crate::hook::InstalledHook;
use crate::kv::{
    CheckReport as KeyspaceCheck, CommitObserver, Contended, Isolation, Keyspace, KeyspaceStatistics, Maintenance,
    Sequences, Version,
};
use crate::maintenance::ModelMaintenance;
use crate::options::{Settings, TransactOptions};
use crate::queue::{Message, QueueCheck, QueueModel, ReceiveAttempt, ReceiveOptions};
use crate::retry;
use crate::search::{SearchCheck, SearchModel, SearchStatistics};
use crate::sources::Sources;
use crate::table::{TableCheck, TableModel};
use crate::transaction::{Snapshot, Transaction};

/// What every handle, snapshot and transaction of one open database shares.
pub(crate) struct Shared {
    pub(crate) keyspace: Arc<Keyspace>,
    pub(crate) tables: Arc<TableModel>,
    pub(crate) documents: Arc<DocumentModel>,
    pub(crate) blobs: Arc<BlobModel>,
    pub(crate) cache: Arc<CacheModel>,
    pub(crate) search: Arc<SearchModel>,
    pub(crate) queues: Arc<QueueModel>,
    #[cfg(feature = "sql")]
    pub(crate) sql: crate::sql::SqlModel,
    #[cfg(feature = "sql")]
    pub(crate) sql_catalog: crate::sql::CatalogCache,
    directory: PathBuf,
    /// The last to go: closing the files writes to them, and nobody else may have them open meanwhile.
    _lock: Box<dyn FileLock>,
}

struct Threads {
    // Dropped in this order: the models' thread uses the keyspace's.
    _models: ModelMaintenance,
    _keyspace: Maintenance,
    shared: Arc<Shared>,
}

/// An open database. Cloning gives another handle of the same one; the last one dropped stops its threads.
///
/// ```
/// # fn main() -> marquetry::Result<()> {
/// let database = marquetry::Database::in_memory()?;
/// database.transact(|tx| Ok(()))?;
/// database.close()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Database {
    pub(crate) shared: Arc<Shared>,
    threads: Arc<Threads>,
}

/// Figures about a database at one moment.
#[derive(Debug, Clone, Serialize)]
pub struct Statistics {
    /// The keyspace's figures.
    pub keyspace: KeyspaceStatistics,
    /// Calls that wait for a message of a queue.
    pub waiting_receivers: u64,
    /// The caches' figures.
    pub cache: CacheStatistics,
    /// The search indexes.
    pub search: SearchStatistics,
}

/// What a check of the whole database went through without finding damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// The log, the checkpoint and the keys.
    pub keyspace: KeyspaceCheck,
    /// The rows and the entries of their indexes.
    pub tables: TableCheck,
    /// The documents and the entries of their indexes.
    pub documents: DocumentCheck,
    /// The objects and their bytes.
    pub blobs: BlobCheck,
    /// The messages and their order.
    pub queues: QueueCheck,
    /// The cache entries that live in the keyspace.
    pub cache: CacheCheck,
    /// The search indexes and their files.
    pub search: SearchCheck,
}

impl Database {
    /// The database in the directory `path`, recovered to its last acknowledged commit; created when missing.
    ///
    /// # Errors
    /// `Unavailable` when another process has it open or the directory cannot be written; `Corrupt` naming file and
    /// offset when stored bytes are damaged; `Unsupported` when a newer program wrote it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path, Settings::default())
    }

    /// As [`Database::open`], with settings.
    ///
    /// # Errors
    /// As [`Database::open`].
    pub fn open_with(path: impl AsRef<Path>, settings: Settings) -> Result<Self> {
        Self::open_on(Arc::new(OsEnv::new()), path.as_ref(), settings)
    }

    /// A database that lives in memory and is gone with its last handle.
    ///
    /// # Errors
    /// `Unavailable` when the system gives no thread.
    pub fn in_memory() -> Result<Self> {
        Self::open_on(Arc::new(MemoryEnv::new()), Path::new("/memory"), Settings::default())
    }

    /// The database in the directory `path` of the machine `env`.
    ///
    /// # Errors
    /// As [`Database::open`].
    pub fn open_on(env: Arc<dyn Env>, path: &Path, settings: Settings) -> Result<Self> {
        let lock = format_file::claim(&*env, path)?;
        let keyspace = Keyspace::open(env.clone(), path, settings.keyspace())?;
        let shared = Arc::new(Shared::wire(lock, keyspace, path, &settings)?);
        let keyspace_threads = Maintenance::start(&shared.keyspace)?;
        let models_thread = ModelMaintenance::start(&shared, settings.background)?;
        let threads = Threads { _models: models_thread, _keyspace: keyspace_threads, shared: shared.clone() };
        Ok(Database { shared, threads: Arc::new(threads) })
    }

    /// All models as they are, to read.
    ///
    /// # Errors
    /// `Closed` after [`Database::close`].
    pub fn snapshot(&self) -> Result<Snapshot> {
        Ok(Snapshot { inner: self.shared.keyspace.snapshot()?, shared: self.shared.clone() })
    }

    /// What `read` returns for all models as they are.
    ///
    /// # Errors
    /// Those of `read`; `Closed` after [`Database::close`].
    pub fn read<T>(&self, read: impl FnOnce(&Snapshot) -> Result<T>) -> Result<T> {
        read(&self.snapshot()?)
    }

    /// What `write` returned once all that it wrote is committed, durable and visible, as one.
    ///
    /// `write` is run again when another transaction changed what it read, in turn with the others that conflicted at the
    /// same keys, so it must have no effect of its own. When it fails, nothing is kept.
    ///
    /// # Errors
    /// Those of `write`; `Conflict` when others got in the way too often; `Indeterminate` when the log failed.
    pub fn transact<T>(&self, write: impl FnMut(&Transaction) -> Result<T>) -> Result<T> {
        self.transact_with(TransactOptions::default(), write).map(|(value, _)| value)
    }

    /// As [`Database::transact`], with options; also returns the version of the commit.
    ///
    /// # Errors
    /// As [`Database::transact`].
    pub fn transact_with<T>(
        &self,
        options: TransactOptions,
        mut write: impl FnMut(&Transaction) -> Result<T>,
    ) -> Result<(T, Version)> {
        if options.attempts == 0 {
            return Err(Error::conflict("a transaction with no attempts allowed cannot run"));
        }
        retry::run(&self.shared.keyspace, options.isolation, options.attempts, |inner| {
            let transaction = Transaction { inner, shared: self.shared.clone() };
            let value = write(&transaction)?;
            transaction.commit_with(options.durability).map(|version| (value, version))
        })
    }

    /// A serializable transaction, to commit or drop by hand.
    ///
    /// # Errors
    /// `Closed` after [`Database::close`].
    pub fn begin(&self) -> Result<Transaction> {
        self.begin_with(Isolation::Serializable)
    }

    /// A transaction with the given isolation, to commit or drop by hand.
    ///
    /// # Errors
    /// `Closed` after [`Database::close`].
    pub fn begin_with(&self, isolation: Isolation) -> Result<Transaction> {
        Ok(Transaction { inner: self.shared.keyspace.begin(isolation)?, shared: self.shared.clone() })
    }

    /// As [`Database::begin`], once those who stand in line at `contended` before it have ended, or have kept it waiting
    /// for `patience` each.
    ///
    /// For another attempt after a conflict: `contended` is what the errors of the earlier ones said
    /// ([`Error::contended`]). Only a matter of pace, the outcome is as correct without it; but many transactions at a
    /// hot key commit one after another instead of conflicting over and over. [`Database::transact`] does it by itself.
    ///
    /// # Errors
    /// `Closed` after [`Database::close`].
    pub fn begin_in_turn(
        &self,
        contended: impl IntoIterator<Item = Contended>,
        patience: Duration,
    ) -> Result<Transaction> {
        let turn = self.shared.keyspace.turn(contended, patience);
        let transaction = self.begin()?;
        transaction.inner.run_in(Arc::new(turn));
        Ok(transaction)
    }

    /// The newest version that a reader sees.
    pub fn version(&self) -> Version {
        self.shared.keyspace.visible_version()
    }

    /// Waits until `version` is visible; false when it was not within `timeout`.
    pub fn wait_for_version(&self, version: Version, timeout: Duration) -> bool {
        self.shared.keyspace.wait_for_version(version, timeout)
    }

    /// Tells `observer` of every commit from here on, in order, just before it becomes visible.
    pub fn observe(&self, observer: Arc<dyn CommitObserver>) {
        self.shared.keyspace.observe(observer);
    }

    /// Why the database has to be opened again, or `None` while it is well.
    ///
    /// After a failure of the log every commit is refused. After one of the checkpoint commits are accepted as long as memory
    /// lasts. Reads go on either way, and opening again brings back everything acknowledged.
    pub fn failure(&self) -> Option<String> {
        self.shared.keyspace.failure().or_else(|| self.shared.keyspace.fold_failure())
    }

    /// Figures about the database at this moment.
    pub fn stats(&self) -> Statistics {
        Statistics {
            keyspace: self.shared.keyspace.statistics(),
            cache: self.shared.cache.statistics(),
            waiting_receivers: self.shared.queues.count_waiting() as u64,
            // Only a closed or failed keyspace has no figures about search.
            search: self.shared.search.statistics().unwrap_or_default(),
        }
    }

    /// Reads and verifies everything stored.
    ///
    /// Damaged files of search indexes are no error: the report counts them, and the indexes are built again.
    ///
    /// # Errors
    /// `Corrupt` naming what is damaged first.
    pub fn check(&self) -> Result<CheckReport> {
        Ok(CheckReport {
            keyspace: self.shared.keyspace.check()?,
            tables: self.shared.tables.check()?,
            documents: self.shared.documents.check()?,
            blobs: self.shared.blobs.check()?,
            queues: self.shared.queues.check()?,
            cache: self.shared.cache.check()?,
            search: self.shared.search.check()?,
        })
    }

    /// Bytes of a blob on their way in, outside any transaction; see [`BlobUpload`].
    pub fn upload(&self) -> BlobUpload {
        self.shared.blobs.upload()
    }

    /// Messages of a queue that are ready, or the first that become ready within `wait`, leased to the caller.
    ///
    /// A transaction of its own: the messages are leased when it returns, also if the caller then does nothing. The commit is
    /// buffered; a power cut may take back a lease, and the message is received again. Empty when nothing became ready.
    ///
    /// # Errors
    /// `NotFound` when there is no such queue, `LimitExceeded` for a count or lease over the limit.
    pub fn receive(&self, queue: &str, options: &ReceiveOptions, wait: Duration) -> Result<Vec<Message>> {
        self.shared.queues.receive(queue, options, wait)
    }

    /// As [`Database::receive`] without waiting; tells how to wait when there is nothing.
    ///
    /// # Errors
    /// As [`Database::receive`].
    pub fn attempt_receive(&self, queue: &str, options: &ReceiveOptions) -> Result<ReceiveAttempt> {
        self.shared.queues.attempt_receive(queue, options)
    }

    /// The cache namespace `namespace`, to use outside any transaction. It need not exist yet.
    pub fn cache(&self, namespace: &str) -> Cache {
        Cache::new(self.shared.cache.clone(), namespace)
    }

    /// The cache entry under `key`, or what `load` makes of the newest state of the database, kept from then on.
    ///
    /// The entry remembers everything that `load` read through its snapshot, and is gone once a commit changes any of it:
    /// whoever sees that commit loads again. Of several callers at once one loads and the others wait for it; when it
    /// fails, another takes over. Values over 16 MiB or half the namespace's budget are returned and not kept. In
    /// buffered and durable namespaces a loaded entry is not used any more once the database was reopened.
    ///
    /// ```
    /// # fn main() -> marquetry::Result<()> {
    /// use marquetry::cache::{CacheOptions, LoadOptions};
    /// let database = marquetry::Database::in_memory()?;
    /// database.transact(|tx| {
    ///     tx.cache().create_namespace("pages", &CacheOptions::default())?;
    ///     tx.blobs().create_bucket("images")
    /// })?;
    /// let page = || {
    ///     database.get_or_load("pages", "/", &LoadOptions::default(), |snapshot| {
    ///         Ok(format!("{} buckets", snapshot.blobs().buckets()?.len()).into())
    ///     })
    /// };
    /// assert_eq!(page()?, "1 buckets");
    /// database.transact(|tx| tx.blobs().create_bucket("invoices"))?;
    /// assert_eq!(page()?, "2 buckets");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `NotFound` when there is no such namespace; `Invalid` or `LimitExceeded` for a bad key or time; those of `load`.
    pub fn get_or_load(
        &self,
        namespace: &str,
        key: impl AsRef<[u8]>,
        options: &LoadOptions,
        load: impl FnOnce(&Snapshot) -> Result<bytes::Bytes>,
    ) -> Result<bytes::Bytes> {
        self.shared.cache.get_or_load(namespace, key.as_ref(), options, |inner| {
            let snapshot = Snapshot { inner, shared: self.shared.clone() };
            let value = load(&snapshot)?;
            Ok((value, snapshot.inner))
        })
    }

    /// Folds everything committed so far into the checkpoint and lets the log forget it.
    ///
    /// # Errors
    /// `Unavailable` when the files cannot be written; nothing is lost.
    pub fn checkpoint(&self) -> Result<Version> {
        self.shared.keyspace.fold()
    }

    /// Makes everything committed so far durable, buffered commits included.
    ///
    /// # Errors
    /// `Indeterminate` when the log fails.
    pub fn sync(&self) -> Result<()> {
        self.shared.keyspace.sync()
    }

    /// One round of what the background threads do for the models; true while there is more to do.
    ///
    /// # Errors
    /// The first failure of a model's maintenance.
    pub fn maintain(&self) -> Result<bool> {
        self.shared.maintain()
    }

    /// The directory that the database lives in.
    pub fn directory(&self) -> &Path {
        &self.shared.directory
    }

    /// Stops the background work, folds, and refuses all further use through any handle.
    ///
    /// # Errors
    /// `Unavailable` when the last checkpoint cannot be written; the log holds everything all the same.
    pub fn close(&self) -> Result<()> {
        self.threads.shared.keyspace.close()
    }
}

impl Shared {
    /// The parameters go in the opposite order when a model fails to open: the lock last.
    fn wire(lock: Box<dyn FileLock>, keyspace: Arc<Keyspace>, directory: &Path, settings: &Settings) -> Result<Self> {
        let sequences = Arc::new(Sequences::new(keyspace.clone()));
        let hook = Arc::new(InstalledHook::default());
        let tables = Arc::new(TableModel::open(keyspace.clone(), sequences.clone(), hook.clone()));
        let documents = Arc::new(DocumentModel::open(keyspace.clone(), sequences.clone(), hook.clone()));
        let sources =
            Arc::new(Sources { tables: tables.clone(), documents: documents.clone(), kinds: Default::default() });
        let search = Arc::new(SearchModel::open(keyspace.clone(), sequences.clone(), sources, directory, settings)?);
        hook.install(&search);
        let cache = CacheModel::open(keyspace.clone(), sequences.clone(), settings)?;
        let queues = Arc::new(QueueModel::open(keyspace.clone(), sequences.clone())?);
        let blobs = BlobModel::open(keyspace.clone(), sequences, directory, settings.blob_segment_size_bytes)?;
        Ok(Shared {
            keyspace,
            tables,
            documents,
            blobs: Arc::new(blobs),
            cache: Arc::new(cache),
            search,
            queues,
            #[cfg(feature = "sql")]
            sql: crate::sql::SqlModel::new(settings.sql_size_bytes()),
            #[cfg(feature = "sql")]
            sql_catalog: crate::sql::CatalogCache::default(),
            directory: directory.to_owned(),
            _lock: lock,
        })
    }

    pub(crate) fn maintain(&self) -> Result<bool> {
        // Every model gets its step, also when an earlier one has more to do.
        let steps = [self.blobs.maintain()?, self.cache.maintain()?, self.queues.maintain()?, self.search.maintain()?];
        Ok(steps.contains(&true))
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Database in {} at version {}", self.shared.directory.display(), self.version())
    }
}
