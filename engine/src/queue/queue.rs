//! Queues by name: created, listed, purged, dropped.
//!
//! ```text
//!   purge --> definition with another storage number; the old one's three prefixes are retired (K10)
//!   drop  --> catalogue entry gone;                   the same
//! ```
//!
//! Whoever uses a queue has read its definition, so a purge or drop conflicts with every open use of it, and nothing is
//! written into a storage that is retired.

use std::sync::Arc;

use super::keys::{self, Storage};
use super::settings::{Definition, QueueInfo, QueueSettings};
use super::{QueueModel, Queues};
use crate::catalog::{self, Entry, ObjectKind};
use crate::error::{Error, Result};
use crate::kv::{Reader, Transaction};

impl<R: Reader + ?Sized> Queues<'_, R> {
    /// All queues by name.
    ///
    /// # Errors
    /// Those of reading.
    pub fn list(&self) -> Result<Vec<QueueInfo>> {
        let entries = catalog::list(self.reader, Some(ObjectKind::Queue))?;
        entries.iter().map(|(name, entry)| self.model.info(name, entry)).collect()
    }

    /// The queue `name`.
    ///
    /// # Errors
    /// `NotFound` when there is none, `Invalid` when the name is something else's.
    pub fn info(&self, name: &str) -> Result<QueueInfo> {
        self.model.info(name, &catalog::find(self.reader, ObjectKind::Queue, name)?)
    }

    pub(super) fn definition(&self, name: &str) -> Result<Arc<Definition>> {
        self.model.definition(&catalog::find(self.reader, ObjectKind::Queue, name)?)
    }
}

impl Queues<'_, Transaction> {
    /// Creates the queue `name`.
    ///
    /// # Errors
    /// `AlreadyExists` when the name is taken by anything; `Invalid` or `LimitExceeded` for a bad name or settings;
    /// `NotFound` when there is no queue with the name of the dead-letter queue.
    pub fn create(&self, name: &str, settings: &QueueSettings) -> Result<()> {
        settings.verify()?;
        if let Some(target) = &settings.dead_letter_queue {
            if target == name {
                return Err(Error::invalid(format!(
                    "queue {name:?} cannot be its own dead-letter queue; leave it out to keep dead letters in place"
                )));
            }
            catalog::find(self.reader, ObjectKind::Queue, target)?;
        }
        let definition = Definition {
            settings: settings.clone(),
            storage: Storage(self.model.next_number()?),
            created_at: self.model.keyspace.env().now(),
        };
        let encoded = definition.encode()?;
        self.atomically(|| {
            catalog::create(self.reader, &self.model.sequences, ObjectKind::Queue, name, encoded).map(|_| ())
        })
    }

    /// Drops the queue `name` with all its messages, whose space is reclaimed in the background.
    ///
    /// # Errors
    /// `NotFound` when there is none.
    pub fn drop(&self, name: &str) -> Result<()> {
        let entry = catalog::find(self.reader, ObjectKind::Queue, name)?;
        let storage = self.model.definition(&entry)?.storage;
        self.atomically(|| {
            catalog::remove(self.reader, name, entry.id)?;
            self.retire(storage)
        })
    }

    /// Removes all messages of the queue, dead letters and remembered deduplication ids included.
    ///
    /// # Errors
    /// `NotFound` when there is no such queue.
    pub fn purge(&self, name: &str) -> Result<()> {
        let entry = catalog::find(self.reader, ObjectKind::Queue, name)?;
        let definition = self.model.definition(&entry)?;
        let emptied = Definition { storage: Storage(self.model.next_number()?), ..(*definition).clone() };
        let encoded = emptied.encode()?;
        self.atomically(|| {
            catalog::redefine(self.reader, &self.model.sequences, name, &entry, encoded)?;
            self.retire(definition.storage)
        })
    }

    fn retire(&self, storage: Storage) -> Result<()> {
        for prefix in keys::prefixes(storage) {
            self.reader.reclaim_prefix(&prefix)?;
        }
        let live = self.model.live.clone();
        self.reader.after_commit(Box::new(move |_| live.forget(storage)));
        Ok(())
    }
}

impl QueueModel {
    fn info(&self, name: &str, entry: &Entry) -> Result<QueueInfo> {
        let definition = self.definition(entry)?;
        Ok(QueueInfo {
            name: name.to_owned(),
            settings: definition.settings.clone(),
            created_at: definition.created_at,
        })
    }
}
