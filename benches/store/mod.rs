//! Stores of keys and values behind one interface, so that all do the same work.
//!
//! ```text
//!   MarquetryStore   the keyspace itself
//!   RedbStore        redb alone: one table
//!   SqliteStore      SQLite: one table WITHOUT ROWID, write-ahead log
//!   RawFile          no store at all: the bytes, appended and synced
//! ```
//!
//! Work is passed in as a closure, since most stores lend out statements and tables for a while only.

mod marquetry;
mod raw;
mod redb;
mod sqlite;

pub use self::marquetry::{MarquetryStore, scan_keyspace};
pub use self::raw::RawFile;
pub use self::redb::{REDB_ENTRIES, RedbStore, scan_redb};
pub use self::sqlite::{SQLITE_GET, SQLITE_PUT, SqliteStore, scan_sqlite};

use std::sync::Barrier;
use std::time::{Duration, Instant};

use crate::{Data, Outcome, Random};

/// How much a commit survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Safety {
    /// A power cut.
    Power,
    /// The death of the process (redb: not even that).
    Process,
}

/// Which end a scan starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Ascending keys.
    Forward,
    /// Descending keys.
    Backward,
}

/// How long a reader keeps what it reads from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViewUse {
    /// One snapshot for all reads.
    Held,
    /// A snapshot for every read.
    Fresh,
}

/// Commits one entry at a time.
pub trait Writer {
    /// One transaction with one write.
    ///
    /// # Errors
    /// Those of the store.
    fn put(&mut self, key: &[u8], value: &[u8]) -> Outcome<()>;
}

/// Reads entries and returns how many bytes or entries it saw.
pub trait Reader {
    /// The size of the value of `key`, which is there.
    ///
    /// # Errors
    /// Those of the store, or that it is missing.
    fn get(&mut self, key: &[u8]) -> Outcome<usize>;

    /// The number of entries from `key` on, `limit` at most; every key and value is looked at.
    ///
    /// # Errors
    /// Those of the store.
    fn scan(&mut self, key: &[u8], order: Order, limit: usize) -> Outcome<usize>;
}

/// A place that entries can be committed to, by many threads.
pub trait WriteStore: Sync {
    /// Gives `work` a writer of its own.
    ///
    /// # Errors
    /// Those of `work` and of the store.
    fn write(&self, safety: Safety, work: &mut dyn FnMut(&mut dyn Writer) -> Outcome<()>) -> Outcome<()>;
}

/// A place that entries can be read from.
pub trait ReadStore: Sync {
    /// Gives `work` a reader of its own.
    ///
    /// # Errors
    /// Those of `work` and of the store.
    fn read(&self, view: ViewUse, work: &mut dyn FnMut(&mut dyn Reader) -> Outcome<()>) -> Outcome<()>;
}

/// Reads every byte of a key or a value, as whoever asked for it would, and returns how many there are.
pub fn look_at(bytes: &[u8]) -> usize {
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

/// Microseconds per commit when `writers` threads commit random entries of `data` for `span`.
///
/// # Errors
/// The first failure of a writer.
pub fn commit_rate(
    store: &dyn WriteStore,
    safety: Safety,
    writers: usize,
    data: &Data,
    span: Duration,
    seed: u64,
) -> Outcome<f64> {
    let barrier = Barrier::new(writers);
    let value = data.value(seed);
    let counts: Vec<Outcome<(u64, Duration)>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..writers as u64)
            .map(|number| {
                let (barrier, value) = (&barrier, &value[..]);
                scope.spawn(move || {
                    let mut random = Random::new(seed * 1_000 + number);
                    let mut count = 0;
                    let mut took = Duration::ZERO;
                    store.write(safety, &mut |writer| {
                        barrier.wait();
                        let started = Instant::now();
                        while started.elapsed() < span {
                            writer.put(&Data::key(random.number()), value)?;
                            count += 1;
                        }
                        took = started.elapsed();
                        Ok(())
                    })?;
                    Ok((count, took))
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a writer does not panic")).collect()
    });
    let mut total = 0;
    let mut longest = Duration::ZERO;
    for count in counts {
        let (count, took) = count?;
        total += count;
        longest = longest.max(took);
    }
    Ok(longest.as_secs_f64() * 1e6 / total as f64)
}

/// What this thread has had of a processor so far: a busy machine makes it wait, and hardly makes it work longer.
///
/// # Errors
/// When the system does not tell.
fn processor_time() -> Outcome<Duration> {
    // The system adds up what a thread has had when it looks for another one to run.
    std::thread::yield_now();
    let told = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanos = told.split(' ').next().ok_or("the system tells no processor time")?.parse()?;
    Ok(Duration::from_nanos(nanos))
}

/// Microseconds of processor time per read of a random one of the entries of `data`.
///
/// # Errors
/// The first failure of the reader.
pub fn read_rate(store: &dyn ReadStore, view: ViewUse, data: &Data, reads: u64, seed: u64) -> Outcome<f64> {
    let mut random = Random::new(seed);
    let mut took = Duration::ZERO;
    store.read(view, &mut |reader| {
        let started = processor_time()?;
        for _ in 0..reads {
            let size_bytes = reader.get(&Data::key(random.below(data.count)))?;
            assert_eq!(size_bytes, data.value_size_bytes);
        }
        took = processor_time()? - started;
        Ok(())
    })?;
    Ok(took.as_secs_f64() * 1e6 / reads as f64)
}

/// Microseconds of processor time per entry of `scans` scans over `length` entries each, from random places or, when they take
/// everything, from the end.
///
/// # Errors
/// The first failure of the reader.
pub fn scan_rate(store: &dyn ReadStore, order: Order, data: &Data, scans: u64, length: u64, seed: u64) -> Outcome<f64> {
    let mut random = Random::new(seed);
    let mut took = Duration::ZERO;
    store.read(ViewUse::Held, &mut |reader| {
        let started = processor_time()?;
        for _ in 0..scans {
            let offset = random.below(data.count - length + 1);
            let from = match order {
                Order::Forward => offset,
                Order::Backward => offset + length - 1,
            };
            let count = reader.scan(&Data::key(from), order, length as usize)?;
            assert_eq!(count as u64, length);
        }
        took = processor_time()? - started;
        Ok(())
    })?;
    Ok(took.as_secs_f64() * 1e6 / (scans * length) as f64)
}
