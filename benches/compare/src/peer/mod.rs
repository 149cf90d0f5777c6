//! The stores that are compared, each behind the same few operations.
//!
//! ```text
//!   Peer      a store that is open, shared by all clients
//!   Session   what one client has of it: every call is a transaction of its own
//!   Held      a view of the store as it was, for as long as somebody keeps it
//! ```
//!
//! What the words mean to each:
//!
//! | | `Safety::Power` | `Safety::Process` | update (read, change, write) |
//! |---|---|---|---|
//! | marquetry | `Durable` | `Buffered` | serializable transaction, run again after a conflict |
//! | redb | `Immediate` | `None`, which a killed process loses | its one writer |
//! | SQLite | WAL, FULL | WAL, NORMAL | BEGIN IMMEDIATE, one client at a time |
//! | fjall | write, then `SyncData` | written to the system | optimistic transaction, run again |
//! | RocksDB | `sync` | log written, not synced | optimistic transaction, run again |
//! | PostgreSQL | `synchronous_commit` on | off, which a killed server loses some of | SELECT FOR UPDATE, read committed |
//!
//! Every write of fjall is a serializable transaction as well: writes past its transactions are faster, but updates
//! would not notice them. Those of RocksDB are noticed.
//!
//! How the memory is divided:
//!
//! | | |
//! |---|---|
//! | marquetry | a quarter for pages, the rest for memtables |
//! | redb | all for pages |
//! | SQLite | for pages, in equal parts for its connections |
//! | fjall, RocksDB | a quarter for blocks, a quarter for each memtable, of which RocksDB has three |
//! | PostgreSQL | `shared_buffers`; each connection takes some more |
//!
//! Compression is off where there is any. The system's own page cache serves all of them alike.

mod cluster;
mod fjall;
mod marquetry;
mod postgres;
mod redb;
#[cfg(feature = "rocksdb")]
mod rocksdb;
mod sqlite;

use std::path::Path;

use marquetry_benches::store::{Order, Safety};
use marquetry_benches::{Outcome, Resident, resident_mib};

/// Which store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PeerKind {
    Marquetry,
    Redb,
    Sqlite,
    Fjall,
    #[cfg(feature = "rocksdb")]
    RocksDb,
    Postgres,
}

impl PeerKind {
    /// All that are built in; the subject comes first.
    pub(crate) const ALL: &'static [PeerKind] = &[
        PeerKind::Marquetry,
        PeerKind::Redb,
        PeerKind::Sqlite,
        PeerKind::Fjall,
        #[cfg(feature = "rocksdb")]
        PeerKind::RocksDb,
        PeerKind::Postgres,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            PeerKind::Marquetry => "marquetry",
            PeerKind::Redb => "redb",
            PeerKind::Sqlite => "sqlite",
            PeerKind::Fjall => "fjall",
            #[cfg(feature = "rocksdb")]
            PeerKind::RocksDb => "rocksdb",
            PeerKind::Postgres => "postgres",
        }
    }

    pub(crate) fn named(name: &str) -> Outcome<Self> {
        let known = PeerKind::ALL.iter().find(|kind| kind.name() == name);
        known.copied().ok_or_else(|| "there is no such peer, or it is not built in".into())
    }

    /// The name with what a commit survives.
    pub(crate) fn title(self, safety: Safety) -> &'static str {
        match (self, safety) {
            (PeerKind::Marquetry, Safety::Power) => "marquetry, durable",
            (PeerKind::Marquetry, Safety::Process) => "marquetry, buffered",
            (PeerKind::Redb, Safety::Power) => "redb",
            (PeerKind::Redb, Safety::Process) => "redb, durability none",
            (PeerKind::Sqlite, Safety::Power) => "SQLite, WAL, FULL",
            (PeerKind::Sqlite, Safety::Process) => "SQLite, WAL, NORMAL",
            (PeerKind::Fjall, Safety::Power) => "fjall, synced",
            (PeerKind::Fjall, Safety::Process) => "fjall, not synced",
            #[cfg(feature = "rocksdb")]
            (PeerKind::RocksDb, Safety::Power) => "RocksDB, sync",
            #[cfg(feature = "rocksdb")]
            (PeerKind::RocksDb, Safety::Process) => "RocksDB, no sync",
            (PeerKind::Postgres, Safety::Power) => "PostgreSQL, synchronous",
            (PeerKind::Postgres, Safety::Process) => "PostgreSQL, asynchronous",
        }
    }

    /// The name alone.
    pub(crate) fn short_title(self) -> &'static str {
        self.title(Safety::Power).split(',').next().unwrap_or_default()
    }

    /// Whether the machine has what it takes; it says so on the terminal when it has not.
    pub(crate) fn is_installed(self) -> bool {
        if self != PeerKind::Postgres {
            return true;
        }
        cluster::usable().inspect_err(|error| eprintln!("PostgreSQL is left out: {error}")).is_ok()
    }

    /// The store in `directory`, created when missing.
    pub(crate) fn open(self, directory: &Path, room: Room) -> Outcome<Box<dyn Peer>> {
        let directory = directory.join(self.name());
        std::fs::create_dir_all(&directory)?;
        Ok(match self {
            PeerKind::Marquetry => Box::new(marquetry::MarquetryPeer::open(&directory, room)?),
            PeerKind::Redb => Box::new(redb::RedbPeer::open(&directory, room)?),
            PeerKind::Sqlite => Box::new(sqlite::SqlitePeer::open(&directory, room)?),
            PeerKind::Fjall => Box::new(fjall::FjallPeer::open(&directory, room)?),
            #[cfg(feature = "rocksdb")]
            PeerKind::RocksDb => Box::new(rocksdb::RocksDbPeer::open(&directory, room)?),
            PeerKind::Postgres => Box::new(postgres::PostgresPeer::open(&directory, room)?),
        })
    }
}

/// What a store may take, and what it is to be laid out for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    /// For caches and buffers together.
    pub(crate) memory_size_bytes: usize,
    /// Of a value.
    pub(crate) value_size_bytes: usize,
}

/// A store that is open.
pub(crate) trait Peer: Sync {
    /// What one of `clients` clients uses.
    fn session(&self, safety: Safety, clients: usize) -> Outcome<Box<dyn Session + '_>>;

    /// The store as it is, readable for as long as it is held.
    fn hold(&self) -> Outcome<Box<dyn Held + '_>>;

    /// Brings what is in memory to where it stays, so that what was done before weighs on nothing that is measured.
    fn settle(&self) -> Outcome<()>;

    /// MiB that the store has in memory, when it is the only one of this process.
    fn resident_mib(&self) -> Outcome<u64> {
        resident_mib(Resident::Now)
    }

    /// Kills what would outlive this process if that were killed.
    fn kill(&self) -> Outcome<()> {
        Ok(())
    }
}

/// One change of a commit: a key, and its value unless it is removed.
pub(crate) type Change<'a> = (&'a [u8], Option<&'a [u8]>);

/// A client's own access; each call is one transaction.
pub(crate) trait Session {
    /// Makes all changes as one.
    fn write(&mut self, changes: &[Change<'_>]) -> Outcome<()>;

    /// The size of the value of `key`, all of it looked at; `None` when there is none.
    fn get(&mut self, key: &[u8]) -> Outcome<Option<usize>>;

    /// The number of entries from `from` on, `limit` at most, all of them looked at.
    fn scan(&mut self, from: &[u8], order: Order, limit: usize) -> Outcome<usize>;

    /// Replaces the value of `key` by what `change` makes of it (of nothing, when there is none); nothing that others
    /// write meanwhile is lost.
    fn update(&mut self, key: &[u8], change: &dyn Fn(&[u8]) -> Vec<u8>) -> Outcome<()>;
}

/// Something that keeps a view alive.
pub(crate) trait Held {}

impl<T> Held for T {}
