//! Receiving by itself, and waiting for a message.
//!
//! ```text
//!   attempt: transaction of its own -> messages, buffered commit
//!            '-> Nothing { what was seen, when the next is ready }
//!                  wait:   blocks until something arrived, is put back, or is ready
//!                  listen: calls back instead, for whoever must not block
//! ```

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::QueueModel;
use super::live::{LiveQueue, Seen};
use super::message::Message;
use super::receive::ReceiveOptions;
use crate::error::{Error, Result};
use crate::kv::{Durability, Isolation, Version};
use crate::retry;

/// Longest time after which a waiting receive looks again although nobody told it to: a wall clock that was set, and a
/// queue that is another since, tell nobody.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// How often a receive that others were faster than is tried again.
const ATTEMPTS: u32 = 64;

/// What one look into a queue brought.
#[derive(Debug)]
pub struct ReceiveAttempt {
    /// The messages, leased to the caller.
    pub messages: Vec<Message>,
    /// The version of the commit that leased them, or the one at which there were none.
    pub version: Version,
    /// How to wait for the next message, when there was none.
    pub nothing: Option<Nothing>,
}

/// A queue that had nothing to give at one moment.
#[derive(Debug)]
pub struct Nothing {
    live: Arc<LiveQueue>,
    seen: Seen,
    look_again: Duration,
}

impl Nothing {
    /// The longest time after which it is worth looking again, whatever happens until then.
    pub fn look_again_after(&self) -> Duration {
        self.look_again
    }

    /// Returns once it is worth looking again, after `longest` at the latest. It need not bring a message then.
    pub fn wait(&self, longest: Duration) {
        self.live.wait(self.seen, longest.min(self.look_again));
    }

    /// Calls `tell` once when something has arrived or was put back; at once when it has already.
    ///
    /// It is called on the path of commits: it must be quick and must not use the database. Dropping what is returned
    /// takes it back. Delays and leases that run out are not told: see [`Nothing::look_again_after`].
    pub fn listen(&self, tell: impl FnOnce() + Send + 'static) -> Listener {
        Listener { number: self.live.listen(self.seen, Box::new(tell)), live: self.live.clone() }
    }
}

/// Keeps a callback of [`Nothing::listen`] in place.
pub struct Listener {
    live: Arc<LiveQueue>,
    number: Option<u64>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.live.unlisten(number);
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Listener({:?})", self.number)
    }
}

impl QueueModel {
    /// One look into the queue, in a transaction of its own.
    pub(crate) fn attempt_receive(&self, queue: &str, options: &ReceiveOptions) -> Result<ReceiveAttempt> {
        loop {
            let (received, version) = retry::run(&self.keyspace, Isolation::Serializable, ATTEMPTS, |transaction| {
                let received = self.receive_in(&transaction, queue, options)?;
                // What a crash can take back here is only that the messages are leased.
                transaction.commit(Durability::Buffered).map(|version| (received, version))
            })?;
            if received.messages.is_empty() && received.cleared > 0 {
                continue;
            }
            let nothing = received.messages.is_empty().then(|| Nothing {
                live: received.live,
                seen: received.seen,
                look_again: self.look_again(received.next_ready_at),
            });
            return Ok(ReceiveAttempt { messages: received.messages, version, nothing });
        }
    }

    fn look_again(&self, next_ready_at: Option<crate::env::Timestamp>) -> Duration {
        let now = self.keyspace.env().now();
        next_ready_at.map_or(LOOK_AGAIN, |at| at.since(now).min(LOOK_AGAIN))
    }

    /// Messages that are ready, or the first that become ready within `wait`.
    pub(crate) fn receive(&self, queue: &str, options: &ReceiveOptions, wait: Duration) -> Result<Vec<Message>> {
        let clock = self.keyspace.env();
        let deadline = clock.monotonic().saturating_add(wait);
        loop {
            let attempt = self.attempt_receive(queue, options)?;
            let left = deadline.saturating_sub(clock.monotonic());
            match attempt.nothing {
                Some(nothing) if !left.is_zero() => nothing.wait(left),
                _ => return Ok(attempt.messages),
            }
            if let Some(reason) = self.keyspace.failure() {
                return Err(Error::unavailable(format!("nothing can be received since the log failed ({reason})")));
            }
        }
    }
}
