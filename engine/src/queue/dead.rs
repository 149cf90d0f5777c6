//! Dead letters: messages that were given up, kept with the reason until somebody decides.
//!
//! ```text
//!   received too often, or rejected --> dead letter of its queue --redrive--> ready again, as if never received
//!                                   |                            '-delete---> gone
//!                                   '-> sent to the dead-letter queue, with its origin, if there is one
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::body::MessageBody;
use super::message::{Content, MessageId, Origin, State};
use super::open::OpenQueue;
use super::{Queues, keys};
use crate::catalog::{self, ObjectKind};
use crate::encoding::record;
use crate::env::Timestamp;
use crate::error::{Error, Result};
use crate::kv::{Direction, Reader, Transaction};
use crate::limits::QUEUE_PAGE_MESSAGES_MAX;

/// Format of dead letters.
const DEAD_FORMAT: u8 = 1;

/// A message that was given up.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeadLetter {
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
    /// How often it was received.
    pub receive_count: u32,
    /// When it was given up.
    pub died_at: Timestamp,
    /// Why it was given up.
    pub reason: String,
}

/// What is stored of a dead letter beside its content.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Death {
    died_at: Timestamp,
    reason: String,
    receive_count: u32,
    group: Option<String>,
}

impl Death {
    pub(super) fn decode(stored: &[u8]) -> Result<Self> {
        record::decode(DEAD_FORMAT, stored, "a dead letter")
    }
}

impl<R: Reader + ?Sized> Queues<'_, R> {
    /// Up to `limit` dead letters of the queue with ids larger than `after`, by id.
    ///
    /// # Errors
    /// `NotFound` when there is no such queue, `LimitExceeded` for a limit over 1,000.
    pub fn dead_letters(&self, queue: &str, after: Option<MessageId>, limit: usize) -> Result<Vec<DeadLetter>> {
        verify_page(limit)?;
        let storage = self.definition(queue)?.storage;
        let from = MessageId::new(after.map_or(0, |after| after.number().saturating_add(1)));
        let mut letters = Vec::new();
        for entry in self.reader.scan(keys::dead_from(storage, from), Direction::Forward)?.take(limit) {
            let (key, value) = entry?;
            let (id, death) = (keys::dead_of(&key)?, Death::decode(&value)?);
            let stored = self.reader.get(&keys::content(storage, id))?;
            let stored = stored.ok_or_else(|| Error::corrupt(format!("dead letter {id} has no content")))?;
            let content = Content::decode(&stored)?;
            letters.push(DeadLetter {
                id,
                body: content.body.into_body()?,
                headers: content.headers,
                group: death.group,
                sent_at: content.sent_at,
                receive_count: death.receive_count,
                died_at: death.died_at,
                reason: death.reason,
            });
        }
        Ok(letters)
    }
}

impl Queues<'_, Transaction> {
    /// Makes a dead letter an ordinary message that is ready and was never received.
    ///
    /// # Errors
    /// `NotFound` when there is no such queue or dead letter.
    pub fn redrive(&self, queue: &str, id: MessageId) -> Result<()> {
        let queue = self.open(queue)?;
        self.atomically(|| queue.redrive(id))
    }

    /// Redrives up to `limit` dead letters, the oldest messages first; how many there were.
    ///
    /// # Errors
    /// `NotFound` when there is no such queue, `LimitExceeded` for a limit over 1,000.
    pub fn redrive_all(&self, queue: &str, limit: usize) -> Result<usize> {
        let queue = self.open(queue)?;
        self.atomically(|| queue.each_dead(limit, |id| queue.redrive(id)))
    }

    /// Removes a dead letter for good.
    ///
    /// # Errors
    /// `NotFound` when there is no such queue or dead letter.
    pub fn delete_dead_letter(&self, queue: &str, id: MessageId) -> Result<()> {
        let queue = self.open(queue)?;
        self.atomically(|| queue.delete_dead(id))
    }

    /// Removes up to `limit` dead letters for good, the oldest messages first; how many there were.
    ///
    /// # Errors
    /// As [`Queues::redrive_all`].
    pub fn delete_dead_letters(&self, queue: &str, limit: usize) -> Result<usize> {
        let queue = self.open(queue)?;
        self.atomically(|| queue.each_dead(limit, |id| queue.delete_dead(id)))
    }
}

impl OpenQueue<'_> {
    /// Makes a message a dead letter, here or in the dead-letter queue.
    pub(super) fn give_up(&self, message: MessageId, state: &State, reason: &str) -> Result<()> {
        if let Some(name) = self.settings().dead_letter_queue.as_deref()
            && catalog::get(self.transaction, name)?.is_some_and(|entry| entry.kind == ObjectKind::Queue)
        {
            let content = self.content(message)?;
            let target = self.model.open_in(self.transaction, name)?;
            let origin =
                Origin { queue: self.name.to_owned(), receive_count: state.receive_count, reason: reason.to_owned() };
            target.insert(&Content { origin: Some(origin), ..content }, self.now(), state.group.clone())?;
            return self.remove(message, state);
        }
        let death = Death {
            died_at: self.now(),
            reason: reason.to_owned(),
            receive_count: state.receive_count,
            group: state.group.clone(),
        };
        self.transaction.put(keys::dead(self.storage(), message), record::encode(DEAD_FORMAT, &death)?)?;
        self.retire(message, state)
    }

    fn take_dead(&self, message: MessageId) -> Result<Death> {
        let key = keys::dead(self.storage(), message);
        let Some(stored) = self.transaction.get(&key)? else {
            return Err(Error::not_found(format!("queue {:?} has no dead letter {message}; list them", self.name)));
        };
        self.transaction.delete(key)?;
        Death::decode(&stored)
    }

    fn redrive(&self, message: MessageId) -> Result<()> {
        let death = self.take_dead(message)?;
        self.enter(message, self.now(), death.group)
    }

    fn delete_dead(&self, message: MessageId) -> Result<()> {
        self.take_dead(message)?;
        self.transaction.delete(keys::content(self.storage(), message))
    }

    fn each_dead(&self, limit: usize, act: impl Fn(MessageId) -> Result<()>) -> Result<usize> {
        verify_page(limit)?;
        let range = keys::dead_from(self.storage(), MessageId::new(0));
        let found = self.transaction.peek_scan(range, Direction::Forward)?.take(limit);
        let found = found.map(|entry| keys::dead_of(&entry?.0)).collect::<Result<Vec<_>>>()?;
        found.iter().try_for_each(|id| act(*id))?;
        Ok(found.len())
    }
}

/// Refuses pages of nothing and of too much.
pub(super) fn verify_page(limit: usize) -> Result<()> {
    match (1..=QUEUE_PAGE_MESSAGES_MAX).contains(&limit) {
        true => Ok(()),
        false => Err(Error::limit_exceeded(format!(
            "a page has between 1 and {QUEUE_PAGE_MESSAGES_MAX} messages, not {limit}"
        ))),
    }
}
