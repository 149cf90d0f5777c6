//! A queue within a transaction: where its messages are, and how one moves.
//!
//! ```text
//!   phase      content   state   order entry   waiting entry   dead letter
//!   ready         x        x         x
//!   leased        x        x         x
//!   waiting       x        x                        x
//!   dead          x                                                x
//! ```
//!
//! Every change of a message reads its state in the transaction first, so that two of them conflict.

use std::sync::Arc;

use bytes::Bytes;

use super::keys::{self, Storage};
use super::message::{Content, MessageId, Phase, State, encode_order};
use super::settings::{Definition, QueueSettings};
use super::{QUEUE_SEQUENCE, QueueModel, Queues};
use crate::catalog::{self, Entry, ObjectKind};
use crate::env::Timestamp;
use crate::error::{Error, Result};
use crate::kv::{Reader, Transaction};

/// A queue that a transaction uses.
pub(super) struct OpenQueue<'a> {
    pub(super) model: &'a QueueModel,
    pub(super) transaction: &'a Transaction,
    pub(super) name: &'a str,
    definition: Arc<Definition>,
}

impl QueueModel {
    pub(super) fn definition(&self, entry: &Entry) -> Result<Arc<Definition>> {
        self.definitions.decode(entry, Definition::decode)
    }

    pub(super) fn next_number(&self) -> Result<u64> {
        self.sequences.next(QUEUE_SEQUENCE)
    }

    /// The queue `name` in `transaction`, which depends on its definition from here on.
    pub(super) fn open_in<'a>(&'a self, transaction: &'a Transaction, name: &'a str) -> Result<OpenQueue<'a>> {
        let entry = catalog::find(transaction, ObjectKind::Queue, name)?;
        Ok(OpenQueue { model: self, transaction, name, definition: self.definition(&entry)? })
    }
}

impl<'a> Queues<'a, Transaction> {
    pub(super) fn open<'b>(&'b self, name: &'b str) -> Result<OpenQueue<'b>> {
        self.model.open_in(self.reader, name)
    }

    /// All that `write` writes, or nothing of it when it fails.
    pub(super) fn atomically<T>(&self, write: impl FnOnce() -> Result<T>) -> Result<T> {
        let savepoint = self.reader.savepoint();
        let outcome = write();
        if outcome.is_err() {
            self.reader.rollback_to(savepoint)?;
        }
        self.reader.release(savepoint)?;
        outcome
    }
}

impl OpenQueue<'_> {
    pub(super) fn settings(&self) -> &QueueSettings {
        &self.definition.settings
    }

    pub(super) fn storage(&self) -> Storage {
        self.definition.storage
    }

    pub(super) fn now(&self) -> Timestamp {
        self.model.keyspace.env().now()
    }

    /// The state of a message, on which the transaction depends from here on; `None` when it is gone or dead.
    pub(super) fn state(&self, message: MessageId) -> Result<Option<State>> {
        let stored = self.transaction.get(&keys::state(self.storage(), message))?;
        stored.map(|stored| State::decode(&stored)).transpose()
    }

    /// The state of a message, without the transaction depending on it.
    pub(super) fn peek_state(&self, message: MessageId) -> Result<Option<State>> {
        let stored = self.transaction.peek(&keys::state(self.storage(), message))?;
        stored.map(|stored| State::decode(&stored)).transpose()
    }

    /// The content of a message that is there.
    pub(super) fn content(&self, message: MessageId) -> Result<Content> {
        // It never changes, and goes with the state, on which the transaction depends already.
        match self.transaction.peek(&keys::content(self.storage(), message))? {
            Some(stored) => Content::decode(&stored),
            None => Err(Error::corrupt(format!(
                "message {message} of queue {:?} has no content; restore from a backup",
                self.name
            ))),
        }
    }

    /// Stores a message of its own number that can be received at `ready_at`.
    pub(super) fn insert(&self, content: &Content, ready_at: Timestamp, group: Option<String>) -> Result<MessageId> {
        let message = MessageId::new(self.model.next_number()?);
        self.transaction.put(keys::content(self.storage(), message), content.encode()?)?;
        self.enter(message, ready_at, group)?;
        Ok(message)
    }

    /// Puts a message that has content and no state into the order.
    pub(super) fn enter(&self, message: MessageId, ready_at: Timestamp, group: Option<String>) -> Result<()> {
        let retention = self.settings().retention_ms.map(std::time::Duration::from_millis);
        let expires_at = retention.map(|retention| self.now().max(ready_at).after(retention));
        self.put(message, &State { phase: Phase::Ready, ready_at, receive_count: 0, expires_at, group })
    }

    /// Writes the state of a message and its entry where that says.
    pub(super) fn put(&self, message: MessageId, state: &State) -> Result<()> {
        self.transaction.put(keys::state(self.storage(), message), state.encode()?)?;
        let place = state.place(message);
        match (state.phase, &state.group) {
            (Phase::Waiting, Some(group)) => {
                self.transaction.put(keys::waiting(self.storage(), group, place), Bytes::new())
            }
            _ => self.transaction.put(keys::order(self.storage(), place), encode_order(state.leased_until())?),
        }
    }

    /// Removes the entry of a message from where its state says.
    pub(super) fn lift(&self, message: MessageId, state: &State) -> Result<()> {
        let place = state.place(message);
        match (state.phase, &state.group) {
            (Phase::Waiting, Some(group)) => self.transaction.delete(keys::waiting(self.storage(), group, place)),
            _ => self.transaction.delete(keys::order(self.storage(), place)),
        }
    }

    /// Moves a message from where `old` says to where `new` says.
    pub(super) fn shift(&self, message: MessageId, old: &State, new: &State) -> Result<()> {
        self.lift(message, old)?;
        self.put(message, new)
    }

    /// Removes a message with all that belongs to it.
    pub(super) fn remove(&self, message: MessageId, state: &State) -> Result<()> {
        self.transaction.delete(keys::content(self.storage(), message))?;
        self.retire(message, state)
    }

    /// Removes everything of a message but its content.
    pub(super) fn retire(&self, message: MessageId, state: &State) -> Result<()> {
        self.lift(message, state)?;
        self.transaction.delete(keys::state(self.storage(), message))?;
        self.leave_group(message, state)
    }
}
