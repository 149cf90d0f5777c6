//! Files, clock and randomness: the only door between the engine and the machine.
//!
//! ```text
//!   log, kv, blob, search ...
//!            |
//!          Env ---- OsEnv      the real machine: pread, pwrite, fdatasync, the system clock
//!            '----- MemoryEnv  a disk in memory: for `Database::in_memory`, and seeded crashes in tests
//! ```
//!
//! Everything above asks [`Env`] and nothing else (K8), so a whole engine runs on a simulated disk
//! with a seed. The rules that every implementation keeps:
//!
//! - `write_at` returns when the bytes are readable by everyone; they are durable only after
//!   `sync_data` of that file returned.
//! - A created, renamed or removed name is durable only after `sync_dir` of its directory returned.
//! - Closing or dropping a file never syncs it.

mod memory;
mod os;

use std::fmt::Debug;
use std::io;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub use memory::{CrashPolicy, DiskFork, FailureSpan, MemoryEnv};
pub use os::OsEnv;

/// How [`Env::open`] treats a file that is or is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    /// Read only; the file must exist.
    Read,
    /// Read and write; the file must exist.
    Write,
    /// Read and write; created empty when missing.
    Create,
    /// Read and write; must not exist yet.
    CreateNew,
}

/// A point on the wall clock, in microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The timestamp that many microseconds after the epoch (before it, when negative).
    pub const fn from_micros(micros: i64) -> Self {
        Timestamp(micros)
    }

    /// Microseconds since the epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// This timestamp moved later by `duration`, stopping at the end of time.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Timestamp(self.0.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// The time from `earlier` to this timestamp, zero when `earlier` is later.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// The bytes of a whole file.
#[derive(Debug)]
pub enum FileBytes {
    /// Mapped: read from the disk as they are looked at.
    Mapped(memmap2::Mmap),
    /// Copied into memory.
    Copied(Vec<u8>),
}

impl Deref for FileBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            FileBytes::Mapped(map) => map,
            FileBytes::Copied(bytes) => bytes,
        }
    }
}

/// An open file. Reads and writes name their offset, so one handle serves many threads.
pub trait File: Debug + Send + Sync {
    /// Fills `buffer` from `offset`; an end of file before that is `UnexpectedEof`.
    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;
    /// Writes all of `bytes` at `offset`, growing the file as needed.
    fn write_all_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// The file's length in bytes.
    fn size_bytes(&self) -> io::Result<u64>;
    /// Cuts the file or extends it with zeros.
    fn set_size(&self, size_bytes: u64) -> io::Result<()>;
    /// Makes everything written to this file durable, its size included.
    fn sync_data(&self) -> io::Result<()>;
    /// The whole content as one slice; for files that are never written again.
    fn bytes(&self) -> io::Result<FileBytes>;
}

/// A held lock on a file; dropping it lets go.
pub trait FileLock: Debug + Send + Sync {}

/// The machine as the engine sees it.
pub trait Env: Debug + Send + Sync {
    /// Opens a file.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>>;
    /// Creates a directory and the missing ones above it.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// The names in a directory, sorted.
    fn list(&self, directory: &Path) -> io::Result<Vec<String>>;
    /// Whether there is a file or directory of that name.
    fn exists(&self, path: &Path) -> io::Result<bool>;
    /// Renames a file, replacing what has the new name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    fn sync_dir(&self, directory: &Path) -> io::Result<()>;
    /// Takes an exclusive lock on a file, creating it when missing; `WouldBlock` when another process holds it.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn FileLock>>;
    /// The wall clock.
    fn now(&self) -> Timestamp;
    /// A clock that never goes back, from an arbitrary start.
    fn monotonic(&self) -> Duration;
    /// Fills `buffer` with random bytes.
    fn fill_random(&self, buffer: &mut [u8]);

    /// A random number.
    fn random_u64(&self) -> u64 {
        let mut bytes = [0; 8];
        self.fill_random(&mut bytes);
        u64::from_le_bytes(bytes)
    }
}
