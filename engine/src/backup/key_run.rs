//! The key space of a snapshot, cut into runs whose bounds stay where they are when something changes.
//!
//! ```text
//!   a b c d | e f g | h i j k l | m n        a run ends behind a key whose hash says so
//!   a b c d | e f X g | h i j k l | m n      another key: one run differs, the others are what they were
//! ```
//!
//! So the price of one changed key is its run, about 64 KiB; of many that stand together, little more.
//!
//! The chance that a pair ends a run is its share of the size wanted, so runs have about that size whatever the size of
//! pairs. A run that met no end is cut at the largest size; a single pair is never cut.

use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64;

use super::piece::write_pair;
use crate::error::Result;
use crate::kv::{Direction, KeyRange, Reader, Scan, Snapshot};

const RUN_SIZE_BYTES_MIN: usize = 8 * 1024;
const RUN_SIZE_BYTES_TARGET: usize = 64 * 1024;
const RUN_SIZE_BYTES_MAX: usize = 512 * 1024;

/// Keys and values, one behind the other.
pub(super) struct KeyRun {
    pub(super) first: Bytes,
    pub(super) pairs: Vec<u8>,
}

/// The runs of a snapshot, in order.
pub(super) struct KeyRuns(Scan);

impl KeyRuns {
    pub(super) fn of(snapshot: &Snapshot) -> Result<Self> {
        Ok(KeyRuns(snapshot.scan(KeyRange::all(), Direction::Forward)?))
    }

    pub(super) fn next_run(&mut self) -> Result<Option<KeyRun>> {
        let mut run: Option<KeyRun> = None;
        for entry in self.0.by_ref() {
            let (key, value) = entry?;
            let run = run.get_or_insert_with(|| KeyRun { first: key.clone(), pairs: Vec::new() });
            write_pair(&mut run.pairs, &key, &value);
            let size = run.pairs.len();
            if size >= RUN_SIZE_BYTES_MAX || (size >= RUN_SIZE_BYTES_MIN && ends_run(&key, key.len() + value.len())) {
                break;
            }
        }
        Ok(run)
    }
}

fn ends_run(key: &[u8], size_bytes: usize) -> bool {
    let draw = (u128::from(xxh3_64(key)) * RUN_SIZE_BYTES_TARGET as u128) >> 64;
    draw < size_bytes as u128
}
