//! Removing what was dropped, in the background and in bounded steps (K10).
//!
//! ```text
//!   drop table -> one commit: the name is gone, key  00 01 <prefix>  says what is left to remove
//!   later      -> steps of 1,000 keys under <prefix>, one buffered commit each; then the mark itself
//! ```

use std::sync::Arc;

use bytes::Bytes;

use super::range::{Direction, KeyRange};
use super::store::Keyspace;
use super::transaction::Reader;
use super::{Durability, Isolation, SYSTEM_TAG};
use crate::error::Result;
use crate::limits::RECLAIM_STEP_KEYS;

const RECLAIM_TAG: u8 = 0x01;

pub(crate) fn reclaim_key(prefix: &[u8]) -> Bytes {
    [&[SYSTEM_TAG, RECLAIM_TAG], prefix].concat().into()
}

/// Whether a commit leaves something to remove. Changes are in key order, and the marks sort before all else.
pub(crate) fn drops_a_prefix(changes: &[super::memtable::Change]) -> bool {
    changes.first().is_some_and(|(key, value)| value.is_some() && key.starts_with(&[SYSTEM_TAG, RECLAIM_TAG]))
}

/// Removes one step's worth of dropped keys; true when there is more to do.
pub(crate) fn step(keyspace: &Arc<Keyspace>) -> Result<bool> {
    let transaction = keyspace.begin(Isolation::Snapshot)?;
    let marks = KeyRange::prefix(reclaim_key(&[]));
    let Some(mark) = transaction.scan(marks, Direction::Forward)?.next().transpose()? else {
        return Ok(false);
    };
    let prefix = mark.0.slice(2..);
    let mut removed = 0;
    for entry in transaction.scan(KeyRange::prefix(prefix), Direction::Forward)?.take(RECLAIM_STEP_KEYS) {
        transaction.delete(entry?.0)?;
        removed += 1;
    }
    if removed < RECLAIM_STEP_KEYS {
        transaction.delete(mark.0)?;
    }
    transaction.commit(Durability::Buffered)?;
    Ok(true)
}
