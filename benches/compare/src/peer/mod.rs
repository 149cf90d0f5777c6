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
//! | SQLite | WAL, FULL | WAL, NORMAL | BEGIN IMMEDIATE |
//! | fjall | write, then `SyncData` | written to the system | optimistic transaction, run again |
//! | RocksDB | `sync` | log written, not synced | optimistic transaction, run again |

mod fjall;
mod marquetry;
mod redb;
#[cfg(feature = "rocksdb")]
mod rocksdb;
mod sqlite;

use std::path::Path;

use marquetry_benches::Outcome;
use marquetry_benches::store::{Order, Safety};

/// Which store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PeerKind {
    Marquetry,
    Redb,
    Sqlite,
    Fjall,
    #[cfg(feature = "rocksdb")]
    RocksDb,
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
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            PeerKind::Marquetry => "marquetry",
            PeerKind::Redb => "redb",
            PeerKind::Sqlite => "sqlite",
            PeerKind::Fjall => "fjall",
            #[cfg(feature = "rocksdb")]
            PeerKind::RocksDb => "rocksdb",
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
        }
    }

    /// The store in `directory`, created when missing, with that much memory for caches and buffers together.
    pub(crate) fn open(self, directory: &Path, memory_size_bytes: usize) -> Outcome<Box<dyn Peer>> {
        let directory = directory.join(self.name());
        std::fs::create_dir_all(&directory)?;
        Ok(match self {
            PeerKind::Marquetry => Box::new(marquetry::MarquetryPeer::open(&directory, memory_size_bytes)?),
            PeerKind::Redb => Box::new(redb::RedbPeer::open(&directory, memory_size_bytes)?),
            PeerKind::Sqlite => Box::new(sqlite::SqlitePeer::open(&directory, memory_size_bytes)?),
            PeerKind::Fjall => Box::new(fjall::FjallPeer::open(&directory, memory_size_bytes)?),
            #[cfg(feature = "rocksdb")]
            PeerKind::RocksDb => Box::new(rocksdb::RocksDbPeer::open(&directory, memory_size_bytes)?),
        })
    }
}

/// A store that is open.
pub(crate) trait Peer: Sync {
    /// What one of `clients` clients uses.
    fn session(&self, safety: Safety, clients: usize) -> Outcome<Box<dyn Session + '_>>;

    /// The store as it is, readable for as long as it is held.
    fn hold(&self) -> Outcome<Box<dyn Held + '_>>;

    /// Brings what is in memory to where it stays, so that what was done before weighs on nothing that is measured.
    fn settle(&self) -> Outcome<()>;
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

/// Reads every byte of a key or a value, as whoever asked for it would.
fn look_at(bytes: &[u8]) -> usize {
    let mut words = bytes.chunks_exact(8);
    let mut sum = 0u64;
    for word in &mut words {
        sum = sum.wrapping_add(u64::from_le_bytes(word.try_into().expect("a chunk holds eight bytes")));
    }
    for byte in words.remainder() {
        sum = sum.wrapping_add(u64::from(*byte));
    }
    std::hint::black_box(sum);
    bytes.len()
}
