//! The ordered transactional keyspace: bytes to bytes, and nothing else.
//!
//! ```text
//!   begin      newest visible version; memtables and checkpoint reader pinned together
//!   lock       (only who wants to) others wait who would change the key; rebase to what they had committed before
//!   read       own writes -> memtables -> checkpoint; what is read goes into the read set
//!   commit     compare, take a version, buffer the record, insert unseen; one write and one sync for all who wait
//!   publish    visible version moves in order, observers are told, callers return
//!   fold       a frozen memtable goes into the checkpoint in steps that become durable together; the log forgets it
//!   open       the checkpoint's version, then the log after it
//! ```
//!
//! Invariants, numbered as where they are asserted: **K1** acknowledged means as durable as asked, and log order is
//! commit order; **K2** nobody reads what a crash can take back, unless its author asked for `Buffered`;
//! **K3** serializable by default, snapshots never block; **K4** a failed write or sync poisons; **K5** frames are chained
//! and checked; **K6** checkpoint blocks are checked on every read; **K7** checkpoints open quickly and are created under
//! another name; **K8** files, time and randomness through `env`; **K9** memory is budgeted; **K10** dropping is one small
//! commit.
//!
//! Left out on purpose: models, types, names. This layer never learns what a key means, except for its own
//! corner behind [`SYSTEM_TAG`].

pub(crate) mod build;
pub(crate) mod checkpoint;
mod committer;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzz;
mod locks;
mod maintenance;
mod memtable;
mod memtable_key;
mod pace;
mod page;
mod range;
mod read_set;
pub(crate) mod reclaim;
mod record;
mod recovery;
mod scan;
mod sequence;
mod settings;
mod store;
#[cfg(test)]
mod tests;
mod transaction;
mod turns;
mod version;
mod view;

pub use locks::{Interrupt, LockFailure, LockMode, LockWait, Locked, Locker, Owner, Wait, WaitPolicy, advisory_key};
pub use maintenance::Maintenance;
pub use range::{Direction, KeyRange, key_after, prefix_end};
pub use read_set::ReadSet;
pub use scan::Scan;
pub use sequence::Sequences;
pub use settings::{CheckReport, KeyspaceSettings, KeyspaceStatistics};
pub use store::Keyspace;
pub(crate) use store::Statistics;
pub use transaction::{Reader, Savepoint, Snapshot, Transaction};
pub use turns::{Contended, Turn};
pub use version::Version;

/// First byte of the keys that the keyspace itself owns; every other layer uses other first bytes.
pub const SYSTEM_TAG: u8 = 0x00;

/// When a commit is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Durability {
    /// After the log is synced: survives a power cut.
    #[default]
    Durable,
    /// After the log is written: survives the death of the process at once, a power cut within the sync interval.
    Buffered,
}

/// What a transaction is protected from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Isolation {
    /// Everything: the outcome is as if transactions ran one after the other in commit order.
    #[default]
    Serializable,
    /// Lost updates only: reads are from one version, and two writers of a key conflict.
    Snapshot,
    /// Lost updates only, and the version that is read is changed now and then ([`Transaction::rebase`]): what was committed
    /// by others since is read, and whoever locks a key before he writes it conflicts with nobody.
    ReadCommitted,
}

/// What a model keeps with a transaction besides its writes; see [`Transaction::note`].
pub type Note = std::sync::Arc<dyn std::any::Any + Send + Sync>;

/// The notes of a transaction, by key.
pub type Notes = std::collections::BTreeMap<bytes::Bytes, Note>;

/// Told of every commit in order, just before it becomes visible.
///
/// Called on the path of commits: it must be quick, must not fail and must not use the keyspace.
pub trait CommitObserver: Send + Sync {
    /// `version` is about to be visible; `changes` are its keys with their new values, `None` for removed ones.
    fn committed(&self, version: Version, changes: &[(bytes::Bytes, Option<bytes::Bytes>)]);

    /// As [`CommitObserver::committed`], for those who keep notes with transactions. A commit of notes alone has no
    /// changes and the version that its transaction read.
    fn committed_with_notes(&self, version: Version, changes: &[(bytes::Bytes, Option<bytes::Bytes>)], _notes: &Notes) {
        if !changes.is_empty() {
            self.committed(version, changes);
        }
    }
}
