//! Verifying that everything stored of every queue fits together.
//!
//! ```text
//!   each message has content, and either a state with its one entry, or a dead letter
//!   each entry, holder, waiting message, deduplication id and dead letter has what it names
//! ```

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::deduplication::SentBefore;
use super::keys::{self, Place, Storage};
use super::message::{Content, MessageId, Phase, State, decode_order};
use super::{QueueModel, Queues, dead, group};
use crate::env::Timestamp;
use crate::error::{Error, Result};
use crate::kv::{Direction, KeyRange, Reader, Snapshot};

/// What a check of the queues went through without finding damage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueCheck {
    /// Queues.
    pub queues: u64,
    /// Messages that can be received, at once or later.
    pub messages: u64,
    /// Dead letters.
    pub dead_letters: u64,
}

impl QueueModel {
    /// Verifies all queues.
    ///
    /// # Errors
    /// `Corrupt` naming the queue and what does not fit.
    pub(crate) fn check(&self) -> Result<QueueCheck> {
        let snapshot = self.keyspace.snapshot()?;
        let queues = Queues::new(self, &snapshot);
        let mut report = QueueCheck::default();
        for info in queues.list()? {
            let checker = Checker { snapshot: &snapshot, storage: queues.definition(&info.name)?.storage };
            checker.run(&mut report).map_err(|error| error.context(format_args!("queue {:?}", info.name)))?;
            report.queues += 1;
        }
        Ok(report)
    }
}

struct Checker<'a> {
    snapshot: &'a Snapshot,
    storage: Storage,
}

fn misfit(what: impl std::fmt::Display) -> Error {
    Error::corrupt(format!("{what}; restore from a backup"))
}

impl Checker<'_> {
    fn run(&self, report: &mut QueueCheck) -> Result<()> {
        let [mut ordered, mut waiting, mut dead] = [0u64; 3];
        for entry in self.scan(keys::messages(self.storage))? {
            let (key, value) = entry?;
            let (message, is_content) = keys::message_of(&key)?;
            if !is_content {
                self.require(&keys::content(self.storage, message), || format!("message {message} has no content"))?;
                continue;
            }
            Content::decode(&value)?.body.into_body()?;
            match self.state(message)? {
                Some(state) if state.phase == Phase::Waiting => {
                    self.check_waiting(message, &state)?;
                    waiting += 1;
                }
                Some(state) => {
                    self.check_ordered(message, &state)?;
                    ordered += 1;
                }
                None => {
                    let letter = keys::dead(self.storage, message);
                    let death = self.require(&letter, || format!("message {message} is neither alive nor dead"))?;
                    dead::Death::decode(&death)?;
                    dead += 1;
                }
            }
        }
        self.expect(keys::order_from(self.storage, Place::FIRST), ordered, "entries in the order")?;
        self.expect(keys::all_waiting(self.storage), waiting, "entries of waiting messages")?;
        self.expect(keys::dead_from(self.storage, MessageId::new(0)), dead, "dead letters")?;
        self.check_groups()?;
        self.check_deduplication()?;
        report.messages += ordered + waiting;
        report.dead_letters += dead;
        Ok(())
    }

    fn scan(&self, range: KeyRange) -> Result<crate::kv::Scan> {
        self.snapshot.scan(range, Direction::Forward)
    }

    fn require(&self, key: &[u8], what: impl FnOnce() -> String) -> Result<bytes::Bytes> {
        self.snapshot.get(key)?.ok_or_else(|| misfit(what()))
    }

    fn expect(&self, range: KeyRange, expected: u64, what: &str) -> Result<()> {
        let mut found = 0;
        for entry in self.scan(range)? {
            entry?;
            found += 1;
        }
        match found == expected {
            true => Ok(()),
            false => Err(misfit(format_args!("there are {found} {what} for {expected} messages"))),
        }
    }

    fn state(&self, message: MessageId) -> Result<Option<State>> {
        let stored = self.snapshot.get(&keys::state(self.storage, message))?;
        stored.map(|stored| State::decode(&stored)).transpose()
    }

    fn check_ordered(&self, message: MessageId, state: &State) -> Result<()> {
        let key = keys::order(self.storage, state.place(message));
        let entry = self.require(&key, || format!("message {message} is not in the order"))?;
        match decode_order(&entry)? == state.leased_until() {
            true => Ok(()),
            false => Err(misfit(format_args!("the entry of message {message} tells another lease than its state"))),
        }
    }

    fn check_waiting(&self, message: MessageId, state: &State) -> Result<()> {
        let Some(group) = &state.group else {
            return Err(misfit(format_args!("message {message} waits and has no group")));
        };
        let key = keys::waiting(self.storage, group, state.place(message));
        self.require(&key, || format!("message {message} waits in no group"))?;
        let holder = self.require(&keys::group(self.storage, group), || format!("nobody holds group {group:?}"))?;
        match group::decode_holder(&holder)? == message {
            false => Ok(()),
            true => Err(misfit(format_args!("message {message} waits for itself"))),
        }
    }

    /// Every holder is a message of its group that is in the order.
    fn check_groups(&self) -> Result<()> {
        for entry in self.scan(keys::groups(self.storage))? {
            let (key, value) = entry?;
            let (group, holder) = (keys::group_of(&key)?, group::decode_holder(&value)?);
            let state = self.state(holder)?.filter(|state| state.phase != Phase::Waiting);
            if state.and_then(|state| state.group).as_ref() != Some(&group) {
                return Err(misfit(format_args!("message {holder} holds group {group:?} and is not in it")));
            }
        }
        Ok(())
    }

    /// Every id has its end and every end its id; an end that a newer use of the id left behind does not exist.
    fn check_deduplication(&self) -> Result<()> {
        let mut ids = BTreeSet::new();
        for entry in self.scan(keys::deduplications(self.storage))? {
            let (key, value) = entry?;
            ids.insert((SentBefore::decode(&value)?.until, keys::deduplication_of(&key)?));
        }
        let mut ends = BTreeSet::new();
        for entry in self.scan(keys::deduplication_ends(self.storage, Timestamp::from_micros(i64::MIN)))? {
            ends.insert(keys::deduplication_end_of(&entry?.0)?);
        }
        match ids == ends {
            true => Ok(()),
            false => Err(misfit("deduplication ids and their ends differ")),
        }
    }
}
