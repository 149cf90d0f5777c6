//! The log: the totally ordered truth of what was committed.
//!
//! ```text
//!   kv ---- append(at, record) --> [ Log ] --> local segment files   (LocalLog)
//!      <--- read(from) ----------            '--> later: an outside log service
//!
//!   local.rs     LocalLog: append, sync, rotate, trim, poison
//!   recovery.rs  opening: what is a torn tail, and what is corruption
//!   scan.rs      frames of one segment, verified one by one
//!   segment.rs   file names and headers        frame.rs  the bytes around a record
//! ```
//!
//! A record is opaque bytes: one group of commits. Positions are dense (1, 2, 3, ...), and the only
//! primitive that safety rests on is *append at this position if it is free*. The bytes on disk are
//! listed in `FORMAT.md`.
//!
//! Invariants:
//! - K4: after any failed write or sync nothing more is accepted until the log is opened again.
//! - K5: damage at a position that was known durable is reported with file and offset; above it, it is a
//!   torn tail and is cut before anything new is written, so that nothing stale comes back.
//!
//! Left out: compression and encryption (records are small and short-lived), and reuse of old segment
//! files (pre-written zeros give the same cheap syncs without stale frames to reason about).

mod frame;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzz;
mod local;
mod records;
mod recovery;
mod scan;
mod segment;

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::error::{Error, Result};

pub use local::{LocalLog, LogSettings};

/// The dense number of a record in the log; the first record is 1, and 0 stands before all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position(u64);

impl Position {
    /// The position before the first record.
    pub const START: Position = Position(0);

    /// The position numbered `number`.
    pub const fn new(number: u64) -> Self {
        Position(number)
    }

    /// The number of this position.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The position after this one; the last of all positions is its own.
    #[must_use]
    pub const fn next(self) -> Self {
        Position(self.0.saturating_add(1))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Why a record was not acknowledged.
#[derive(Debug)]
pub enum LogError {
    /// The position holds another record; the log ends at `tail`. Nothing was written.
    Taken {
        /// The last position that holds a record.
        tail: Position,
    },
    /// The record may or may not be in the log: only reading it back, or reopening, tells.
    Indeterminate(Error),
    /// Nothing was written, and nothing will be until the log is reopened.
    ///
    /// With [`ErrorKind::LimitExceeded`](crate::ErrorKind::LimitExceeded) it is this record alone that the
    /// log never takes, and the log goes on.
    Unavailable(Error),
}

/// A record as it is read back, with its position.
pub type Record = (Position, Bytes);

/// A totally ordered log of records.
pub trait Log: fmt::Debug + Send + Sync {
    /// Writes `record` at position `at` if that is the next free one.
    ///
    /// On return the record survives the death of this process; it survives a power cut only
    /// after a later [`Log::sync`]. Any failed write or sync poisons the log (K4): every later append and
    /// sync answers `Unavailable` until it is opened again, and reads go on.
    fn append(&self, at: Position, record: &[u8]) -> Result<(), LogError>;

    /// Makes every record appended before this call durable, and returns the last position known durable.
    ///
    /// Appends by other threads may proceed while a sync is under way.
    fn sync(&self) -> Result<Position, LogError>;

    /// Makes it known, durably, that every record so far is durable.
    ///
    /// Each append carries what was durable before it. When no append follows, because the log idles or is
    /// closed, this says it instead, so that later damage to the last records is reported as corruption
    /// rather than taken for a torn tail. Takes no position; does nothing when it is said already.
    fn note_durable(&self) -> Result<(), LogError>;

    /// The records from `from` on, in order, up to the tail at the time of the call.
    ///
    /// Fails with `NotFound` when records from there on were trimmed, and with `Corrupt` where one is damaged.
    fn read(&self, from: Position) -> Result<Box<dyn Iterator<Item = Result<Record>> + Send + '_>>;

    /// The last position that holds a record; [`Position::START`] when there is none.
    fn tail(&self) -> Position;

    /// Blocks until a record after `after` is there or `timeout` has passed; returns the tail.
    fn wait(&self, after: Position, timeout: Duration) -> Result<Position>;

    /// Allows the log to forget every record before `before`; it may keep some of them.
    fn trim(&self, before: Position) -> Result<()>;

    /// Bytes that the log holds on disk.
    fn size_bytes(&self) -> u64;

    /// Reads and verifies every record that the log still holds; returns how many there are.
    fn check(&self) -> Result<u64>;
}
