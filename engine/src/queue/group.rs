//! Groups: one message at a time, in order, and many groups side by side.
//!
//! ```text
//!   order      A1  B1  A2  C1  A3          A1 is received: it holds A
//!   receive    A1                          A2, A3 are met by a later receive and wait behind A1, outside the order
//!   order          B1      C1
//!   waiting A          A2      A3
//!   A1 acknowledged or dead: A2 holds A and is back at its place; if nobody waits, A is free
//! ```
//!
//! - Who waits has a holder before it, and every holder is in the order. So a long group costs a receive nothing after it
//!   has been set aside once.
//! - A delayed message is met when its delay is over, so it holds up nobody before that. A message that is to be retried
//!   stays the holder: what came after it is not received before it.

use serde::{Deserialize, Serialize};

use super::keys;
use super::message::{MessageId, Phase, State};
use super::open::OpenQueue;
use crate::encoding::record;
use crate::error::{Error, Result};
use crate::kv::{Direction, Reader};

/// Format of the holders of groups.
const GROUP_FORMAT: u8 = 1;

#[derive(Debug, Serialize, Deserialize)]
struct Holder {
    message: u64,
}

pub(super) fn decode_holder(stored: &[u8]) -> Result<MessageId> {
    let holder: Holder = record::decode(GROUP_FORMAT, stored, "the holder of a group")?;
    Ok(MessageId::new(holder.message))
}

impl OpenQueue<'_> {
    /// The message that holds `group`, on which the transaction depends from here on.
    pub(super) fn holder(&self, group: &str) -> Result<Option<MessageId>> {
        let stored = self.transaction.get(&keys::group(self.storage(), group))?;
        stored.map(|stored| decode_holder(&stored)).transpose()
    }

    pub(super) fn hold(&self, group: &str, message: MessageId) -> Result<()> {
        let holder = record::encode(GROUP_FORMAT, &Holder { message: message.number() })?;
        self.transaction.put(keys::group(self.storage(), group), holder)
    }

    /// Sets a message aside, behind the holder of its group.
    ///
    /// It writes the holder again, so that it conflicts with whoever hands the group on: that one does not see who waits
    /// since, and would leave the message behind.
    pub(super) fn set_aside(&self, message: MessageId, state: &State, group: &str, holder: MessageId) -> Result<()> {
        self.shift(message, state, &State { phase: Phase::Waiting, ..state.clone() })?;
        self.hold(group, holder)
    }

    /// When `message` holds its group, hands it to the first that waits, or frees it.
    pub(super) fn leave_group(&self, message: MessageId, state: &State) -> Result<()> {
        let Some(group) = &state.group else { return Ok(()) };
        if self.holder(group)? != Some(message) {
            return Ok(());
        }
        let mut waiting = self.transaction.peek_scan(keys::waiting_in(self.storage(), group), Direction::Forward)?;
        let Some((key, _)) = waiting.next().transpose()? else {
            return self.transaction.delete(keys::group(self.storage(), group));
        };
        drop(waiting);
        let next = keys::waiting_of(&key)?.1.id();
        let Some(waiting) = self.state(next)? else {
            return Err(Error::corrupt(format!(
                "message {next} waits in queue {:?} and is not there; restore from a backup",
                self.name
            )));
        };
        self.shift(next, &waiting, &State { phase: Phase::Ready, ..waiting.clone() })?;
        self.hold(group, next)
    }
}
