//! Upkeep in the background: deduplication ids that are over, and messages over their retention that nobody receives.
//!
//! ```text
//!   once a second, every queue:  ids in the order of their ends       up to now
//!                                messages in the order of their ids   up to the first that is kept
//! ```
//!
//! Where the last round stopped is kept in memory, so that a round does not step over what earlier ones removed. After a
//! restart, or when the clock was set back, one round begins at the front again.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;

use super::keys::{self, Storage};
use super::message::MessageId;
use super::open::OpenQueue;
use super::{QueueModel, Queues};
use crate::env::Timestamp;
use crate::error::{ErrorKind, Result};
use crate::kv::{Direction, Durability, Isolation, KeyRange, Reader};
use crate::limits::QUEUE_STEP_MESSAGES;

const INTERVAL: Duration = Duration::from_secs(1);

/// How far upkeep has come.
#[derive(Debug, Default)]
pub(super) struct Upkeep {
    progress: Mutex<Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    last_round: Option<Timestamp>,
    queues: HashMap<Storage, Front>,
}

/// Before these there is nothing to do in a queue.
#[derive(Debug, Clone, Copy, Default)]
struct Front {
    ids_end_at: Timestamp,
    message: u64,
}

impl QueueModel {
    /// One bounded step of upkeep; true while there is more.
    ///
    /// # Errors
    /// Those of reading and committing; what was left undone is tried again.
    pub(crate) fn maintain(&self) -> Result<bool> {
        let now = self.keyspace.env().now();
        let mut progress = self.upkeep.progress.lock();
        if let Some(last) = progress.last_round {
            if now < last {
                progress.queues.clear();
            } else if now.since(last) < INTERVAL {
                return Ok(false);
            }
        }
        let snapshot = self.keyspace.snapshot()?;
        let queues = Queues::new(self, &snapshot).list()?;
        let mut has_more = false;
        let mut fronts = HashMap::with_capacity(queues.len());
        for info in &queues {
            let storage = Queues::new(self, &snapshot).definition(&info.name)?.storage;
            let mut front = progress.queues.get(&storage).copied().unwrap_or_default();
            has_more |= self.tend(&info.name, storage, &mut front)?;
            fronts.insert(storage, front);
        }
        progress.queues = fronts;
        progress.last_round = (!has_more).then_some(now);
        Ok(has_more)
    }

    /// One step for one queue; true when it was a full one.
    fn tend(&self, name: &str, storage: Storage, front: &mut Front) -> Result<bool> {
        let transaction = self.keyspace.begin(Isolation::Serializable)?;
        let queue = match self.open_in(&transaction, name) {
            Ok(queue) if queue.storage() == storage => queue,
            // It was purged or dropped meanwhile.
            Ok(_) => return Ok(false),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        let mut next = *front;
        let removed = queue.forget_ids(&mut next)?.max(queue.expire(&mut next)?);
        if transaction.has_writes() {
            match transaction.commit(Durability::Buffered) {
                Ok(_) => {}
                // Somebody is at one of them; the next round finds it settled.
                Err(error) if error.kind() == ErrorKind::Conflict => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        *front = next;
        Ok(removed == QUEUE_STEP_MESSAGES)
    }
}

impl OpenQueue<'_> {
    /// Removes deduplication ids that are over.
    fn forget_ids(&self, front: &mut Front) -> Result<usize> {
        let now = self.now();
        let range = keys::deduplication_ends(self.storage(), front.ids_end_at);
        let mut over = Vec::new();
        for entry in self.transaction.peek_scan(range, Direction::Forward)?.take(QUEUE_STEP_MESSAGES) {
            let (until, id) = keys::deduplication_end_of(&entry?.0)?;
            if until > now {
                break;
            }
            over.push((until, id));
        }
        for (until, id) in &over {
            let key = keys::deduplication(self.storage(), id);
            // The id may have been used again since: then its end is another.
            if let Some(stored) = self.transaction.get(&key)?
                && super::deduplication::SentBefore::decode(&stored)?.until == *until
            {
                self.transaction.delete(key)?;
            }
            self.transaction.delete(keys::deduplication_end(self.storage(), *until, id))?;
        }
        front.ids_end_at = if over.len() == QUEUE_STEP_MESSAGES { over[over.len() - 1].0 } else { now };
        Ok(over.len())
    }

    /// Removes messages over their retention, from the oldest on, up to the first that is kept.
    fn expire(&self, front: &mut Front) -> Result<usize> {
        if self.settings().retention_ms.is_none() {
            return Ok(0);
        }
        let now = self.now();
        let all = keys::messages(self.storage());
        let range = KeyRange { start: keys::content(self.storage(), MessageId::new(front.message)).into(), ..all };
        let mut removed = 0;
        let mut last = None;
        for entry in self.transaction.peek_scan(range, Direction::Forward)? {
            let (message, _) = keys::message_of(&entry?.0)?;
            if last == Some(message) {
                continue;
            }
            last = Some(message);
            // Dead letters have no state and are kept.
            let Some(state) = self.state(message)? else { continue };
            let is_over = state.expires_at.is_some_and(|expires_at| expires_at <= now);
            if !is_over || state.leased_until().is_some_and(|until| until > now) || removed == QUEUE_STEP_MESSAGES {
                break;
            }
            self.remove(message, &state)?;
            front.message = message.number();
            removed += 1;
        }
        Ok(removed)
    }
}
