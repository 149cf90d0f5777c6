//! Looking at a queue without receiving: how many messages there are, and which come next.
//!
//! Counting goes through the entries: a counter in the keyspace would make every send conflict with every other one. It
//! costs about a microsecond per message and stops at 100,000 of a kind. Inside a transaction, looking does not make it
//! depend on the messages, so a count may be outdated when it commits.

use std::collections::BTreeMap;

#[cfg(feature = "sql")]
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::body::MessageBody;
use super::dead::verify_page;
use super::keys::{self, Place, Storage};
use super::message::{Content, MessageId, State, decode_order};
use super::{Queues, live::LiveQueue};
use crate::env::Timestamp;
use crate::error::{Error, Result};
use crate::kv::{Direction, KeyRange, Reader, Scan};
use crate::limits::QUEUE_COUNT_MAX;

/// How many messages a queue has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueCounts {
    /// Messages that can be received.
    pub ready: u64,
    /// Messages that somebody received and has not settled, within their lease.
    pub leased: u64,
    /// Messages whose delay or pause is not over.
    pub delayed: u64,
    /// Messages that wait for an earlier one of their group.
    pub waiting: u64,
    /// Dead letters.
    pub dead: u64,
    /// How long the first ready message has been ready.
    pub oldest_ready_ms: Option<u64>,
    /// Whether the counts are exact; otherwise there are at least as many (see
    /// [`QUEUE_COUNT_MAX`](crate::limits::QUEUE_COUNT_MAX)).
    pub is_exact: bool,
}

/// What can happen to a message next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageStatus {
    /// It can be received.
    Ready,
    /// Somebody received it and its lease is not over.
    Leased,
    /// Its delay or pause is not over.
    Delayed,
}

/// A message as it is looked at, without being received.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PeekedMessage {
    /// Its id.
    pub id: MessageId,
    /// What was sent.
    #[serde(flatten)]
    pub body: MessageBody,
    /// The sender's own pairs.
    pub headers: BTreeMap<String, String>,
    /// Its group.
    pub group: Option<String>,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// How often it was received so far.
    pub receive_count: u32,
    /// What can happen to it next.
    pub status: MessageStatus,
    /// When it can be received (again).
    pub ready_at: Timestamp,
}

impl<R: Reader + ?Sized> Queues<'_, R> {
    /// How many messages the queue has, in each state.
    ///
    /// # Errors
    /// `NotFound` when there is no such queue.
    pub fn counts(&self, queue: &str) -> Result<QueueCounts> {
        let storage = self.definition(queue)?.storage;
        let now = self.model.keyspace.env().now();
        let mut counts = QueueCounts { is_exact: true, ..QueueCounts::default() };
        let (mut seen, mut first_ready_at) = (0, None);
        for entry in self.order(storage)? {
            let (key, value) = entry?;
            let place = keys::order_of(&key)?.1;
            match status(place.at, decode_order(&value)?, now) {
                MessageStatus::Ready => {
                    first_ready_at = first_ready_at.or(Some(place.at));
                    counts.ready += 1;
                }
                MessageStatus::Leased => counts.leased += 1,
                MessageStatus::Delayed => counts.delayed += 1,
            }
            seen += 1;
            if seen == QUEUE_COUNT_MAX {
                counts.is_exact = false;
                break;
            }
        }
        counts.oldest_ready_ms = first_ready_at.map(|at| now.since(at).as_millis() as u64);
        counts.waiting = self.count(keys::all_waiting(storage), &mut counts.is_exact)?;
        counts.dead = self.count(keys::dead_from(storage, MessageId::new(0)), &mut counts.is_exact)?;
        Ok(counts)
    }

    fn count(&self, range: KeyRange, is_exact: &mut bool) -> Result<u64> {
        let mut count = 0;
        for entry in self.look(range)? {
            entry?;
            count += 1;
            if count == QUEUE_COUNT_MAX {
                *is_exact = false;
                break;
            }
        }
        Ok(count)
    }

    /// Up to `limit` messages in the order in which they can be received, leased and delayed ones included; those that
    /// wait behind others of their group are not.
    ///
    /// # Errors
    /// `NotFound` when there is no such queue, `LimitExceeded` for a limit over 1,000.
    pub fn peek(&self, queue: &str, limit: usize) -> Result<Vec<PeekedMessage>> {
        verify_page(limit)?;
        let storage = self.definition(queue)?.storage;
        let now = self.model.keyspace.env().now();
        let mut messages = Vec::new();
        for entry in self.order(storage)?.take(limit) {
            let (key, value) = entry?;
            let place = keys::order_of(&key)?.1;
            messages.push(self.peeked(storage, place, status(place.at, decode_order(&value)?, now))?);
        }
        Ok(messages)
    }

    /// All messages that can be received some time, in the order of [`Queues::peek`].
    #[cfg(feature = "sql")]
    pub(crate) fn peek_all(&self, queue: &str) -> Result<Vec<PeekedMessage>> {
        let storage = self.definition(queue)?.storage;
        let now = self.model.keyspace.env().now();
        let message = |entry: Result<(Bytes, Bytes)>| {
            let (key, value) = entry?;
            let place = keys::order_of(&key)?.1;
            self.peeked(storage, place, status(place.at, decode_order(&value)?, now))
        };
        self.order(storage)?.map(message).collect()
    }

    fn peeked(&self, storage: Storage, place: Place, status: MessageStatus) -> Result<PeekedMessage> {
        let id = place.id();
        let part = |key: Vec<u8>| match self.reader.as_transaction() {
            Some(transaction) => transaction.peek(&key),
            None => self.reader.get(&key),
        };
        let (state, content) = (part(keys::state(storage, id))?, part(keys::content(storage, id))?);
        let (Some(state), Some(content)) = (state, content) else {
            return Err(Error::corrupt(format!("message {id} is in the order and not there; restore from a backup")));
        };
        let (state, content) = (State::decode(&state)?, Content::decode(&content)?);
        Ok(PeekedMessage {
            id,
            body: content.body.into_body()?,
            headers: content.headers,
            group: state.group,
            sent_at: content.sent_at,
            receive_count: state.receive_count,
            status,
            ready_at: state.ready_at,
        })
    }

    /// The order entries of a queue, begun where the first can be.
    fn order(&self, storage: Storage) -> Result<Scan> {
        let live = self.model.live.of(storage);
        // What is known of gaps is about commits; a transaction's own entries may stand anywhere.
        let has_own = self.reader.as_transaction().is_some_and(|transaction| transaction.has_writes());
        let from = if has_own { Place::FIRST } else { LiveQueue::skip(&live, self.reader.version(), Place::FIRST) };
        self.look(keys::order_from(storage, from))
    }

    fn look(&self, range: KeyRange) -> Result<Scan> {
        match self.reader.as_transaction() {
            Some(transaction) => transaction.peek_scan(range, Direction::Forward),
            None => self.reader.scan(range, Direction::Forward),
        }
    }
}

fn status(ready_at: Timestamp, leased_until: Option<Timestamp>, now: Timestamp) -> MessageStatus {
    match leased_until {
        Some(until) if until > now => MessageStatus::Leased,
        _ if ready_at > now => MessageStatus::Delayed,
        _ => MessageStatus::Ready,
    }
}
