//! The numbers of sequences, handed out outside of transactions.
//!
//! ```text
//!   key  12 <sequence:u64> -> the last number that may have been handed out, and whether it was
//!   nextval: from the numbers reserved in memory; when they are used up, one small commit reserves the next ones
//! ```
//!
//! A number that was handed out is not handed out again, whatever crashes or rolls back; numbers may be skipped. `setval` and
//! restarts take effect at once and are not taken back either.

use std::collections::HashMap;
use std::sync::Arc;

use marquetry_functions::{Condition, SqlError};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::object::{SqlSequence, StoredSequence};
use crate::catalog::ObjectId;
use crate::encoding::key::KeyWriter;
use crate::encoding::record;
use crate::error::{ErrorKind, Result};
use crate::keyspace::SQL_SEQUENCE_TAG;
use crate::kv::{Durability, Isolation, Keyspace, Reader, Transaction};

/// Format of what is stored of a sequence's numbers.
const SEQUENCE_STATE_FORMAT: u8 = 1;
/// Numbers that one commit reserves.
const RESERVED_NUMBERS: usize = 32;

/// Where a sequence is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SequenceState {
    /// The last number, or the first one when none was handed out.
    pub(crate) last: i64,
    pub(crate) is_called: bool,
}

/// Numbers that are reserved and not handed out.
#[derive(Debug)]
struct Reserved {
    state: SequenceState,
    left: usize,
}

/// The numbers of all sequences of a database.
#[derive(Debug, Default)]
pub(crate) struct SequenceStates {
    reserved: Mutex<HashMap<ObjectId, Reserved>>,
}

fn state_key(sequence: ObjectId) -> Vec<u8> {
    KeyWriter::new(SQL_SEQUENCE_TAG).u64(sequence.number()).finish()
}

impl StoredSequence {
    fn first(&self) -> SequenceState {
        SequenceState { last: self.start, is_called: false }
    }

    /// The number after `state`, or `None` behind the end.
    fn after(&self, state: SequenceState) -> Option<i64> {
        if !state.is_called {
            return Some(state.last);
        }
        let next = state.last.checked_add(self.increment);
        match next.filter(|next| (self.minimum..=self.maximum).contains(next)) {
            None if self.is_cycle => Some(if self.increment > 0 { self.minimum } else { self.maximum }),
            next => next,
        }
    }
}

impl SequenceStates {
    /// The next number of `sequence`.
    ///
    /// # Errors
    /// Condition `2200H` behind the last one; those of a commit.
    pub(crate) fn next(&self, keyspace: &Arc<Keyspace>, sequence: &SqlSequence) -> Result<i64> {
        let mut reserved = self.reserved.lock();
        let definition = &sequence.definition;
        if let Some(known) = reserved.get_mut(&sequence.id)
            && known.left > 0
            && let Some(next) = definition.after(known.state)
        {
            known.state = SequenceState { last: next, is_called: true };
            known.left -= 1;
            return Ok(next);
        }
        let known = reserved.get(&sequence.id).map(|known| known.state);
        let (number, left) = change(keyspace, sequence, |stored| {
            let before = known.unwrap_or(stored);
            let number = definition.after(before).ok_or_else(|| used_up(sequence))?;
            let (mut last, mut left) = (number, 0);
            while left < RESERVED_NUMBERS - 1
                && let Some(next) = definition.after(SequenceState { last, is_called: true })
            {
                (last, left) = (next, left + 1);
            }
            Ok((SequenceState { last, is_called: true }, (number, left)))
        })?;
        reserved.insert(sequence.id, Reserved { state: SequenceState { last: number, is_called: true }, left });
        Ok(number)
    }

    /// Makes `state` where `sequence` is.
    pub(crate) fn set(&self, keyspace: &Arc<Keyspace>, sequence: &SqlSequence, state: SequenceState) -> Result<()> {
        let mut reserved = self.reserved.lock();
        change(keyspace, sequence, |_| Ok((state, ())))?;
        reserved.insert(sequence.id, Reserved { state, left: 0 });
        Ok(())
    }

    /// Where `sequence` is.
    pub(crate) fn state(&self, keyspace: &Arc<Keyspace>, sequence: &SqlSequence) -> Result<SequenceState> {
        if let Some(known) = self.reserved.lock().get(&sequence.id) {
            return Ok(known.state);
        }
        let stored = keyspace.snapshot()?.get(&state_key(sequence.id))?;
        stored.map_or(Ok(sequence.definition.first()), |stored| decode(&stored))
    }

    /// Forgets where `sequence` is when `transaction`, which drops it, commits.
    pub(crate) fn drop_in(self: &Arc<Self>, transaction: &Transaction, sequence: ObjectId) -> Result<()> {
        transaction.delete(state_key(sequence))?;
        let states = self.clone();
        transaction.after_commit(Box::new(move |_| {
            states.reserved.lock().remove(&sequence);
        }));
        Ok(())
    }
}

fn decode(stored: &[u8]) -> Result<SequenceState> {
    record::decode(SEQUENCE_STATE_FORMAT, stored, "the state of a sequence")
}

/// Changes what is stored of `sequence` in a commit of its own.
fn change<T>(
    keyspace: &Arc<Keyspace>,
    sequence: &SqlSequence,
    decide: impl Fn(SequenceState) -> Result<(SequenceState, T)>,
) -> Result<T> {
    loop {
        let transaction = keyspace.begin(Isolation::Serializable)?;
        let key = state_key(sequence.id);
        let stored = match transaction.get(&key)? {
            Some(stored) => decode(&stored)?,
            None => sequence.definition.first(),
        };
        let (state, outcome) = decide(stored)?;
        transaction.put(key, record::encode(SEQUENCE_STATE_FORMAT, &state)?)?;
        match transaction.commit(Durability::Buffered) {
            Ok(_) => return Ok(outcome),
            Err(error) if error.kind() == ErrorKind::Conflict => {}
            Err(error) => return Err(error),
        }
    }
}

fn used_up(sequence: &SqlSequence) -> crate::error::Error {
    let (end, limit) = match sequence.definition.increment > 0 {
        true => ("maximum", sequence.definition.maximum),
        false => ("minimum", sequence.definition.minimum),
    };
    let message = format!("nextval: reached {end} value of sequence \"{}\" ({limit})", sequence.name);
    SqlError::new(Condition::SequenceGeneratorLimitExceeded, message).into()
}
