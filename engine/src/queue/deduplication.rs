//! Sending once: a deduplication id stands for the first message under it until its window is over.
//!
//! ```text
//!   send once("x") --> id unknown or over: message 7, "x" -> { 7, until }
//!                  '-> id counts:          message 7 again, nothing is sent
//! ```
//!
//! The id is read in the transaction: of two senders at the same time one conflicts, and finds the other's message when it
//! runs again. Ids that are over are removed by maintenance.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::keys;
use super::message::MessageId;
use super::open::OpenQueue;
use crate::encoding::record;
use crate::env::Timestamp;
use crate::error::Result;
use crate::kv::Reader;

/// Format of what is remembered under a deduplication id.
const DEDUPLICATION_FORMAT: u8 = 1;

/// What is remembered under a deduplication id.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct SentBefore {
    message: u64,
    pub(super) until: Timestamp,
}

impl SentBefore {
    pub(super) fn decode(stored: &[u8]) -> Result<Self> {
        record::decode(DEDUPLICATION_FORMAT, stored, "a deduplication id")
    }
}

impl OpenQueue<'_> {
    /// The message that was sent under `id` and still counts.
    pub(super) fn sent_before(&self, id: &str) -> Result<Option<MessageId>> {
        let key = keys::deduplication(self.storage(), id);
        let Some(stored) = self.transaction.get(&key)? else { return Ok(None) };
        let sent = SentBefore::decode(&stored)?;
        if sent.until > self.now() {
            return Ok(Some(MessageId::new(sent.message)));
        }
        self.transaction.delete(keys::deduplication_end(self.storage(), sent.until, id))?;
        Ok(None)
    }

    /// Remembers that `message` was sent under `id`.
    pub(super) fn remember_sent(&self, id: &str, message: MessageId) -> Result<()> {
        let window = std::time::Duration::from_millis(self.settings().deduplication_window_ms);
        let sent = SentBefore { message: message.number(), until: self.now().after(window) };
        let record = record::encode(DEDUPLICATION_FORMAT, &sent)?;
        self.transaction.put(keys::deduplication(self.storage(), id), record)?;
        self.transaction.put(keys::deduplication_end(self.storage(), sent.until, id), Bytes::new())
    }
}
