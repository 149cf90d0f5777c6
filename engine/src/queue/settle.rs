//! Settling what was received: done, needed for longer, given back, or hopeless.
//!
//! ```text
//!   receipt --> the message is leased under it: acknowledge | extend | release | reject
//!           '-> it is not: the lease ran out and another received it, or it was settled before --> Precondition
//! ```
//!
//! A lease that ran out is still good as long as nobody else received the message.

use std::time::Duration;

use super::Queues;
use super::message::{MessageId, Phase, Receipt, State};
use super::open::OpenQueue;
use super::receive::received_too_often;
use super::send::verify_text;
use super::settings::verify_lease;
use crate::env::Timestamp;
use crate::error::{Error, Result};
use crate::kv::Transaction;

impl Queues<'_, Transaction> {
    /// The message is done: it is gone when the transaction commits.
    ///
    /// # Errors
    /// `Precondition` when the receipt is stale: the message was received by another since, or settled.
    pub fn acknowledge(&self, queue: &str, receipt: &Receipt) -> Result<()> {
        let queue = self.open(queue)?;
        let state = queue.leased(receipt)?;
        self.atomically(|| queue.remove(receipt.message, &state))
    }

    /// Leases the message for `lease_ms` from here on, and returns until when. The receipt stays good.
    ///
    /// # Errors
    /// As [`Queues::acknowledge`]; `LimitExceeded` for a lease of more than 30 days.
    pub fn extend(&self, queue: &str, receipt: &Receipt, lease_ms: u64) -> Result<Timestamp> {
        verify_lease(lease_ms)?;
        let queue = self.open(queue)?;
        let state = queue.leased(receipt)?;
        let until = queue.now().after(Duration::from_millis(lease_ms));
        let phase = Phase::Leased { lease: receipt.lease, until };
        let extended = State { phase, ready_at: until.after(queue.pause_after(state.receive_count)), ..state.clone() };
        self.atomically(|| queue.shift(receipt.message, &state, &extended))?;
        Ok(until)
    }

    /// Gives the message back, to be received again after `delay`, or after the queue's own pause.
    ///
    /// When it was received as often as the queue allows it becomes a dead letter.
    ///
    /// # Errors
    /// As [`Queues::acknowledge`].
    pub fn release(&self, queue: &str, receipt: &Receipt, delay: Option<Duration>) -> Result<()> {
        let queue = self.open(queue)?;
        let state = queue.leased(receipt)?;
        self.atomically(|| queue.give_back(receipt.message, &state, delay))
    }

    /// Makes the message a dead letter for `reason`.
    ///
    /// # Errors
    /// As [`Queues::acknowledge`]; `LimitExceeded` for a reason over 1 KiB.
    pub fn reject(&self, queue: &str, receipt: &Receipt, reason: &str) -> Result<()> {
        verify_text("reason", Some(reason))?;
        let queue = self.open(queue)?;
        let state = queue.leased(receipt)?;
        self.atomically(|| queue.give_up(receipt.message, &state, reason))
    }
}

impl OpenQueue<'_> {
    /// The state of the message that is leased under `receipt`.
    fn leased(&self, receipt: &Receipt) -> Result<State> {
        match self.state(receipt.message)? {
            Some(state) if matches!(state.phase, Phase::Leased { lease, .. } if lease == receipt.lease) => Ok(state),
            _ => Err(Error::precondition(format!(
                "the receipt of message {} in queue {:?} is stale: its lease ran out and it was received again, or it was \
                 settled before; drop what was done for it, or receive again",
                receipt.message, self.name
            ))),
        }
    }

    fn give_back(&self, message: MessageId, state: &State, delay: Option<Duration>) -> Result<()> {
        if self.settings().receives_max.is_some_and(|max| state.receive_count >= max) {
            return self.give_up(message, state, &received_too_often(state.receive_count));
        }
        let delay = delay.unwrap_or_else(|| self.pause_after(state.receive_count));
        let ready = State { phase: Phase::Ready, ready_at: self.now().after(delay), ..state.clone() };
        self.shift(message, state, &ready)
    }
}
