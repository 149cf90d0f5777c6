//! The transactions that are open over HTTP between requests.
//!
//! ```text
//!   begin --> id (unguessable) --> requests, one after another --> commit | rollback
//!                                    '-- idle or old for too long --> rolled back by the sweep
//! ```
//!
//! - Requests of one transaction take turns on an async lock, so that waiting for a turn holds no worker thread.
//! - What ends a transaction takes it out of its slot under that lock: it ends once, whoever comes first.
//! - The number of open ones is capped, because each pins a snapshot.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use marquetry::{Contended, Database, Error, Result, Transaction};
use parking_lot::Mutex;
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};
use uuid::Uuid;

use crate::limits::Limits;

/// How long a transaction that is to begin waits for one that does not come to its end.
const TURN_PATIENCE: Duration = Duration::from_millis(250);

/// The transaction itself, or nothing once it has ended; held while a request uses it.
pub(crate) type Slot = OwnedMutexGuard<Option<Transaction>>;

/// The open transactions of one server, by their ids.
pub(crate) struct Transactions {
    open: Mutex<HashMap<String, Open>>,
    count_max: usize,
    idle_max: Duration,
    age_max: Duration,
}

struct Open {
    slot: Arc<Turn<Option<Transaction>>>,
    begun: Instant,
    used: Instant,
}

impl Transactions {
    pub(crate) fn new(limits: &Limits) -> Self {
        Transactions {
            open: Mutex::default(),
            count_max: limits.transactions_max,
            idle_max: Duration::from_millis(limits.transaction_idle_ms),
            age_max: Duration::from_millis(limits.transaction_age_max_ms),
        }
    }

    /// Begins a transaction, in turn with others that conflicted at `contended`; its id and the version that it reads.
    pub(crate) fn begin(&self, database: &Database, contended: Vec<Contended>) -> Result<(String, u64)> {
        let transaction = match contended.is_empty() {
            true => database.begin()?,
            false => database.begin_in_turn(contended, TURN_PATIENCE)?,
        };
        let version = transaction.version().number();
        let mut open = self.open.lock();
        if open.len() >= self.count_max {
            let count_max = self.count_max;
            return Err(Error::unavailable(format!(
                "{count_max} transactions are open, which is the limit; commit or roll back some, or send a batch"
            )));
        }
        let id = Uuid::new_v4().simple().to_string();
        let now = Instant::now();
        open.insert(id.clone(), Open { slot: Arc::new(Turn::new(Some(transaction))), begun: now, used: now });
        Ok((id, version))
    }

    /// The turn on the transaction `id`, once the requests before this one have had theirs.
    pub(crate) async fn turn(&self, id: &str) -> Result<Slot> {
        let slot = match self.open.lock().get_mut(id) {
            Some(open) => {
                open.used = Instant::now();
                open.slot.clone()
            }
            None => return Err(gone()),
        };
        let slot = slot.lock_owned().await;
        if slot.is_some() { Ok(slot) } else { Err(gone()) }
    }

    /// Says that the transaction `id` was used just now.
    pub(crate) fn used(&self, id: &str) {
        if let Some(open) = self.open.lock().get_mut(id) {
            open.used = Instant::now();
        }
    }

    /// Forgets the transaction `id`, which has ended.
    pub(crate) fn forget(&self, id: &str) {
        self.open.lock().remove(id);
    }

    pub(crate) fn count(&self) -> usize {
        self.open.lock().len()
    }

    /// Rolls back what has been idle or open for too long.
    pub(crate) fn sweep(&self) {
        let now = Instant::now();
        let mut ended = Vec::new();
        self.open.lock().retain(|_, open| {
            // One that is in use is not idle, however long its request takes.
            let idle = now.duration_since(open.used) >= self.idle_max && open.slot.try_lock().is_ok();
            let keep = !idle && now.duration_since(open.begun) < self.age_max;
            if !keep {
                ended.push(open.slot.clone());
            }
            keep
        });
        // A rollback is a drop; one that is in use at this moment is dropped with its last holder.
        drop(ended);
    }

    /// Rolls back everything that is open.
    pub(crate) fn end_all(&self) {
        let ended = std::mem::take(&mut *self.open.lock());
        drop(ended);
    }
}

fn gone() -> Error {
    Error::not_found(
        "there is no such transaction: it was committed, rolled back, or idle for too long and rolled back; begin another",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(count_max: usize, idle_ms: u64, age_max_ms: u64) -> Limits {
        Limits {
            transactions_max: count_max,
            transaction_idle_ms: idle_ms,
            transaction_age_max_ms: age_max_ms,
            ..Limits::default()
        }
    }

    #[tokio::test]
    async fn idle_and_old_ones_are_rolled_back_and_used_ones_are_not() {
        let database = Database::in_memory().unwrap();
        let transactions = Transactions::new(&limits(2, 20, 60_000));
        let (idle, _) = transactions.begin(&database, Vec::new()).unwrap();
        let (busy, _) = transactions.begin(&database, Vec::new()).unwrap();
        assert!(transactions.begin(&database, Vec::new()).is_err());
        let turn = transactions.turn(&busy).await.unwrap();
        tokio::time::sleep(Duration::from_millis(40)).await;
        transactions.sweep();
        assert_eq!(transactions.count(), 1);
        assert!(transactions.turn(&idle).await.is_err());
        drop(turn);
        transactions.used(&busy);
        assert!(transactions.turn(&busy).await.is_ok());
        let old = Transactions::new(&limits(2, 60_000, 0));
        let (id, _) = old.begin(&database, Vec::new()).unwrap();
        old.sweep();
        assert!(old.turn(&id).await.is_err());
    }
}
