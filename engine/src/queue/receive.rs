//! Receiving: finding messages that are ready, and leasing them.
//!
//! ```text
//!   cursor --place--> claim --still there?--> read the state in the transaction
//!                                               |-- not ready any more: leave it
//!                                               |-- over its retention: remove
//!                                               |-- received too often: dead letter
//!                                               |-- group held by another: set aside behind it
//!                                               '-- lease: order entry moves to where the message comes back
//! ```

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::cursor::{Cursor, Found};
use super::keys::{self, Place};
use super::live::{Claims, LiveQueue, Seen};
use super::message::{Message, MessageId, Phase, Receipt, State};
use super::open::OpenQueue;
use super::settings::verify_lease;
use super::{QueueModel, Queues};
use crate::env::Timestamp;
use crate::error::{Error, Result};
use crate::kv::{Reader, Transaction};
use crate::limits::{
    QUEUE_LEFT_MESSAGES_MAX, QUEUE_PAGE_MESSAGES_MAX, QUEUE_RECEIVE_SIZE_BYTES_TARGET, QUEUE_STEP_MESSAGES,
};

/// How messages are received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReceiveOptions {
    /// Messages at most. Default 1, at most 1,000.
    pub count: usize,
    /// How long they are leased; the queue's own time when `None`.
    pub lease_ms: Option<u64>,
}

impl Default for ReceiveOptions {
    fn default() -> Self {
        ReceiveOptions { count: 1, lease_ms: None }
    }
}

impl ReceiveOptions {
    /// Up to `count` messages.
    pub fn up_to(count: usize) -> Self {
        ReceiveOptions { count, ..ReceiveOptions::default() }
    }

    fn verify(&self) -> Result<()> {
        if self.count == 0 || self.count > QUEUE_PAGE_MESSAGES_MAX {
            return Err(Error::limit_exceeded(format!(
                "a receive takes between 1 and {QUEUE_PAGE_MESSAGES_MAX} messages, not {}",
                self.count
            )));
        }
        self.lease_ms.map_or(Ok(()), verify_lease)
    }
}

impl Queues<'_, Transaction> {
    /// Messages that are ready, the earliest first, leased to the caller from the commit on.
    ///
    /// None when nothing is ready, or what is ready is in the hands of others; it may also be fewer than are ready
    /// when many had to be given up or set aside on the way, or when they are large. When the transaction is rolled back
    /// they were not received: their receive count has not grown either. Other receivers do not see them until the
    /// transaction ends.
    ///
    /// # Errors
    /// `NotFound` when there is no such queue, `LimitExceeded` for a count or lease over the limit.
    pub fn receive(&self, queue: &str, options: &ReceiveOptions) -> Result<Vec<Message>> {
        self.atomically(|| Ok(self.model.receive_in(self.reader, queue, options)?.messages))
    }
}

/// What a receive brought, and what it saw.
pub(super) struct Received {
    pub(super) messages: Vec<Message>,
    /// Messages that were given up, removed or set aside.
    pub(super) cleared: usize,
    /// When the next message is ready, if nothing was and something will be.
    pub(super) next_ready_at: Option<Timestamp>,
    pub(super) seen: Seen,
    pub(super) live: Arc<LiveQueue>,
}

enum Taken {
    Message(Box<Message>, usize),
    /// It was given up, removed or set aside.
    Cleared,
    Left,
}

impl QueueModel {
    pub(super) fn receive_in(
        &self,
        transaction: &Transaction,
        name: &str,
        options: &ReceiveOptions,
    ) -> Result<Received> {
        options.verify()?;
        let queue = self.open_in(transaction, name)?;
        let live = self.live.of(queue.storage());
        let seen = Seen { version: transaction.version(), wakes: live.wakes() };
        let cursor = Cursor::new(&queue, live.clone(), options.count + QUEUE_STEP_MESSAGES)?;
        let claims = Claims::new(live.clone(), transaction.identity());
        let lease = Duration::from_millis(options.lease_ms.unwrap_or(queue.settings().lease_ms));
        let mut receive = Receive { now: queue.now(), queue, cursor, claims, lease, next_ready_at: None };
        let (messages, cleared) = receive.run(options.count)?;
        receive.keep_claims();
        Ok(Received { messages, cleared, next_ready_at: receive.next_ready_at, seen, live })
    }
}

struct Receive<'a> {
    queue: OpenQueue<'a>,
    cursor: Cursor,
    claims: Claims,
    lease: Duration,
    now: Timestamp,
    next_ready_at: Option<Timestamp>,
}

impl Receive<'_> {
    fn run(&mut self, count: usize) -> Result<(Vec<Message>, usize)> {
        let mut messages = Vec::new();
        let (mut cleared, mut left, mut size_bytes) = (0, 0, 0);
        while messages.len() < count && size_bytes < QUEUE_RECEIVE_SIZE_BYTES_TARGET {
            let places = self.claim(count - messages.len())?;
            if places.is_empty() || cleared >= QUEUE_STEP_MESSAGES || left >= QUEUE_LEFT_MESSAGES_MAX {
                break;
            }
            for place in places {
                match self.take(place)? {
                    Taken::Message(message, message_size_bytes) => {
                        size_bytes += message_size_bytes;
                        messages.push(*message);
                    }
                    Taken::Cleared => cleared += 1,
                    Taken::Left => {
                        left += 1;
                        self.claims.give_back(place.id());
                    }
                }
            }
        }
        Ok((messages, cleared))
    }

    /// The next places that are due, claimed, and still there after the claim; none behind the last.
    fn claim(&mut self, count: usize) -> Result<Vec<Place>> {
        loop {
            let mut claimed = Vec::new();
            while claimed.len() < count && self.next_ready_at.is_none() {
                match self.cursor.next()? {
                    Some(found) if found.place.at <= self.now => {
                        if self.claims.message(found.place.id()) {
                            claimed.push(found);
                        }
                    }
                    Some(found) => self.next_ready_at = Some(found.place.at),
                    None => break,
                }
            }
            let present = self.keep_present(&claimed)?;
            if claimed.is_empty() || !present.is_empty() {
                return Ok(present);
            }
        }
    }

    /// Whoever held a claim before released it after its commit: a snapshot begun here shows what became of the message.
    fn keep_present(&mut self, claimed: &[Found]) -> Result<Vec<Place>> {
        let mut present = Vec::with_capacity(claimed.len());
        if claimed.is_empty() {
            return Ok(present);
        }
        let snapshot = self.queue.model.keyspace.snapshot()?;
        for found in claimed {
            let is_present = found.is_own || snapshot.get(&keys::order(self.queue.storage(), found.place))?.is_some();
            match is_present {
                true => present.push(found.place),
                false => self.claims.give_back(found.place.id()),
            }
        }
        Ok(present)
    }

    fn take(&mut self, place: Place) -> Result<Taken> {
        let id = place.id();
        // What is left to others must not become something that this transaction depends on.
        let Some(glance) = self.queue.peek_state(id)? else { return Ok(Taken::Left) };
        if glance.phase == Phase::Waiting || glance.ready_at != place.at {
            return Ok(Taken::Left);
        }
        if glance.group.as_ref().is_some_and(|group| !self.claims.group(group)) {
            return Ok(Taken::Left);
        }
        let Some(state) = self.queue.state(id)? else { return Ok(Taken::Left) };
        if state.expires_at.is_some_and(|expires_at| expires_at <= self.now) {
            self.queue.remove(id, &state)?;
            return Ok(Taken::Cleared);
        }
        if self.queue.settings().receives_max.is_some_and(|max| state.receive_count >= max) {
            self.queue.give_up(id, &state, &received_too_often(state.receive_count))?;
            return Ok(Taken::Cleared);
        }
        if let Some(group) = &state.group {
            match self.queue.holder(group)? {
                Some(holder) if holder != id => {
                    self.queue.set_aside(id, &state, group, holder)?;
                    return Ok(Taken::Cleared);
                }
                Some(_) => {}
                None => self.queue.hold(group, id)?,
            }
        }
        let (message, size_bytes) = self.lease(id, &state)?;
        Ok(Taken::Message(Box::new(message), size_bytes))
    }

    fn lease(&self, id: MessageId, state: &State) -> Result<(Message, usize)> {
        let lease = self.queue.model.keyspace.env().random_u64();
        let leased_until = self.now.after(self.lease);
        let receive_count = state.receive_count.saturating_add(1);
        let leased = State {
            phase: Phase::Leased { lease, until: leased_until },
            ready_at: leased_until.after(self.queue.pause_after(receive_count)),
            receive_count,
            ..state.clone()
        };
        self.queue.shift(id, state, &leased)?;
        let content = self.queue.content(id)?;
        let size_bytes = content.body.size_bytes();
        let message = Message {
            id,
            receipt: Receipt { message: id, lease },
            body: content.body.into_body()?,
            headers: content.headers,
            group: leased.group,
            sent_at: content.sent_at,
            receive_count,
            leased_until,
            origin: content.origin,
        };
        Ok((message, size_bytes))
    }

    /// Ties the claims to the fate of the transaction.
    fn keep_claims(&mut self) {
        let claims = self.claims.take();
        if claims.is_empty() {
            return;
        }
        let committed = claims.committed();
        self.queue.transaction.after_commit(Box::new(move |_| committed.store(true, Ordering::Release)));
        self.queue.transaction.hold(Box::new(claims));
    }
}

impl OpenQueue<'_> {
    /// How long a message rests after attempt number `attempt`; not at all when that was the last.
    pub(super) fn pause_after(&self, attempt: u32) -> Duration {
        match self.settings().receives_max {
            Some(max) if attempt >= max => Duration::ZERO,
            _ => Duration::from_millis(self.settings().retry.after(attempt)),
        }
    }
}

pub(super) fn received_too_often(count: u32) -> String {
    format!("received {count} times and never acknowledged")
}
