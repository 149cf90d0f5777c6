//! Background work, in bounded steps: what expired, died or exceeds its budget leaves.
//!
//! ```text
//!   volatile   dead entries out of memory; moka's postponed work; dropped namespaces emptied
//!   stored     count (once after opening) --> dead entries --> expired entries --> the hand, while over budget
//!              each removal an ordinary buffered commit: no follower decides by its own clock
//! ```
//!
//! The order of expiry is read from where the last step ended, so that steps do not walk over what earlier ones removed;
//! a commit that files an entry before that point moves it back. The hand goes round the keys once per round.

use std::sync::atomic::Ordering;
use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64;

use super::coherence::Place;
use super::entry::is_live;
use super::memory::stored_size_bytes;
use super::namespace::Namespace;
use super::stored_entry::StoredEntry;
use super::stored_state::Census;
use super::{CacheModel, keys, stored};
use crate::env::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::kv::{Direction, Durability, Isolation, KeyRange, Reader, Transaction, key_after, prefix_end};
use crate::limits::{CACHE_CENSUS_STEP_ENTRIES, CACHE_STEP_ENTRIES};

impl CacheModel {
    /// One bounded step of background work; true while there is more.
    pub(crate) fn maintain(&self) -> Result<bool> {
        let mut more = self.empty_dropped();
        more |= self.remove_garbage()?;
        for namespace in self.memory.all() {
            match namespace.volatile() {
                Some(store) => store.maintain(),
                None => {
                    more |= self.count_step(&namespace)?;
                    more |= self.expire_step(&namespace)?;
                    more |= self.evict_step(&namespace)?;
                }
            }
        }
        self.memory.make_room();
        Ok(more)
    }

    fn empty_dropped(&self) -> bool {
        let mut more = false;
        for namespace in self.memory.dropped() {
            match namespace.volatile() {
                Some(store) if store.clear_some() => more = true,
                _ => {
                    self.memory.ties.untie_all(namespace.id);
                    self.memory.forget_dropped(namespace.id);
                }
            }
        }
        more
    }

    /// Removes entries that a commit made untrue.
    fn remove_garbage(&self) -> Result<bool> {
        let garbage = self.memory.coherence.take_garbage(CACHE_STEP_ENTRIES);
        let more = garbage.len() == CACHE_STEP_ENTRIES;
        let mut dead = Vec::new();
        for place in garbage {
            let Some(namespace) = self.memory.by_id(place.namespace) else { continue };
            match namespace.volatile() {
                Some(store) => {
                    let _held = self.memory.board.hold(&place);
                    store.remove_dead(&place.key, self.memory.env.now());
                }
                None => dead.push((namespace, place)),
            }
        }
        if dead.is_empty() {
            return Ok(more);
        }
        self.change(|transaction| {
            for (namespace, place) in &dead {
                self.remove_dead(transaction, namespace, place)?;
            }
            Ok(())
        })?;
        Ok(more)
    }

    fn remove_dead(&self, transaction: &Transaction, namespace: &Namespace, place: &Place) -> Result<()> {
        let is_dead = stored::stored(transaction, namespace, &place.key)?
            .is_some_and(|entry| !self.memory.is_true(transaction, namespace, &place.key, &entry));
        if is_dead {
            stored::remove(transaction, namespace, &place.key)?;
        }
        Ok(())
    }

    /// One commit of maintenance; when somebody is in its way, a later step does it. Whether it was done.
    fn change(&self, write: impl FnOnce(&Transaction) -> Result<()>) -> Result<bool> {
        let transaction = self.keyspace.begin(Isolation::Serializable)?;
        write(&transaction)?;
        match transaction.commit(Durability::Buffered) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Counts some of what a namespace held when the database was opened.
    fn count_step(&self, namespace: &Namespace) -> Result<bool> {
        let Some(state) = namespace.stored() else { return Ok(false) };
        let mut held = state.lock();
        if held.is_census_due() {
            let snapshot = self.keyspace.snapshot()?;
            if self.memory.coherence.newest() > snapshot.version() {
                // A commit has been told of that the snapshot does not have: it would be missing from the sum.
                return Ok(true);
            }
            held.begin_census(Census { snapshot, next: keys::entries(namespace.id) });
        }
        let Some(mut census) = held.census.take() else { return Ok(false) };
        drop(held);
        let range =
            KeyRange { start: census.next.into(), end: prefix_end(&keys::entries(namespace.id)).map(Into::into) };
        let (mut entries, mut size_bytes, mut last) = (0, 0, None);
        for entry in census.snapshot.scan(range, Direction::Forward)?.take(CACHE_CENSUS_STEP_ENTRIES) {
            let (key, value) = entry?;
            entries += 1;
            size_bytes += stored_size_bytes(&key, &value);
            last = Some(key);
        }
        let mut held = state.lock();
        held.count(entries, size_bytes);
        match last {
            Some(last) if entries == CACHE_CENSUS_STEP_ENTRIES as u64 => {
                census.next = key_after(&last);
                held.census = Some(census);
                Ok(true)
            }
            _ => {
                held.end_census();
                Ok(false)
            }
        }
    }

    /// Removes some of what has expired.
    fn expire_step(&self, namespace: &Namespace) -> Result<bool> {
        let Some(state) = namespace.stored() else { return Ok(false) };
        let now = self.memory.env.now();
        let from = {
            let mut state = state.lock();
            if state.expires_from >= now {
                return Ok(false);
            }
            // Raised first: whatever is filed earlier from here on moves it back.
            std::mem::replace(&mut state.expires_from, now)
        };
        let lower = |to: Timestamp| {
            let mut state = state.lock();
            state.expires_from = state.expires_from.min(to);
        };
        match self.expire_between(namespace, from, now) {
            Ok(reached) => {
                lower(reached);
                Ok(reached < now)
            }
            Err(error) => {
                lower(from);
                if error.kind() == ErrorKind::Conflict { Ok(true) } else { Err(error) }
            }
        }
    }

    /// Removes some of what expires from `from` on and up to `now`; to where nothing is left.
    fn expire_between(&self, namespace: &Namespace, from: Timestamp, now: Timestamp) -> Result<Timestamp> {
        let transaction = self.keyspace.begin(Isolation::Serializable)?;
        if self.memory.coherence.newest() > transaction.version() {
            return Err(Error::conflict("a commit has been told of that this transaction does not see"));
        }
        let behind = keys::expiries_at(namespace.id, now.after(Duration::from_micros(1)));
        let range = KeyRange::new(keys::expiries_at(namespace.id, from), Some(behind));
        let mut reached = from;
        let mut expired = 0;
        for place in transaction.peek_scan(range, Direction::Forward)?.take(CACHE_STEP_ENTRIES) {
            let (place, _) = place?;
            let (_, at, key) = keys::expiry_of(&place)?;
            if !remove_expired(&transaction, namespace, key, at)? {
                transaction.delete(place.clone())?;
            }
            reached = at;
            expired += 1;
        }
        if expired > 0 {
            transaction.commit(Durability::Buffered)?;
        }
        Ok(if expired == CACHE_STEP_ENTRIES { reached } else { now })
    }

    /// Removes entries that were not used lately until the namespace is within its budget.
    fn evict_step(&self, namespace: &Namespace) -> Result<bool> {
        let Some(state) = namespace.stored() else { return Ok(false) };
        let (size_bytes, hand) = {
            let state = state.lock();
            if state.is_counting() || state.size_bytes() <= namespace.budget_size_bytes {
                return Ok(false);
            }
            (state.size_bytes(), state.hand.clone())
        };
        let excess = size_bytes - (namespace.budget_size_bytes - namespace.budget_size_bytes / 16);
        let prefix = keys::entries(namespace.id);
        let start = hand.as_ref().map_or(prefix.clone(), |hand| key_after(hand));
        let range = KeyRange::new(start, prefix_end(&prefix));
        let transaction = self.keyspace.begin(Isolation::Serializable)?;
        let (mut freed, mut removed, mut looked_at, mut last) = (0, 0, 0, None);
        for entry in transaction.peek_scan(range, Direction::Forward)?.take(CACHE_STEP_ENTRIES) {
            let (stored_key, value) = entry?;
            let (_, key) = keys::entry_of(&stored_key)?;
            looked_at += 1;
            if freed < excess && self.may_leave(namespace, key, &StoredEntry::decode(&value)?) {
                stored::remove(&transaction, namespace, key)?;
                freed += stored_size_bytes(&stored_key, &value);
                removed += 1;
            }
            last = Some(stored_key);
            if freed >= excess {
                break;
            }
        }
        let is_round_over = looked_at < CACHE_STEP_ENTRIES && freed < excess;
        {
            let mut state = state.lock();
            state.hand = if is_round_over { None } else { last.map(|key| key.to_vec()) };
            if is_round_over {
                // What was used in the last round and not in this one may leave in the next.
                state.forget_generation();
            }
        }
        if removed > 0 {
            match transaction.commit(Durability::Buffered) {
                Ok(_) => drop(namespace.counters.evictions.fetch_add(removed, Ordering::Relaxed)),
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                Err(error) => return Err(error),
            }
        }
        Ok(state.lock().size_bytes() > namespace.budget_size_bytes)
    }

    fn may_leave(&self, namespace: &Namespace, key: &[u8], entry: &StoredEntry) -> bool {
        let is_of_another_process = entry.origin.is_some_and(|origin| origin.incarnation != self.memory.incarnation);
        is_of_another_process
            || !is_live(entry.expires_at, self.memory.env.now())
            || namespace.stored().is_none_or(|state| !state.lock().was_used(xxh3_64(key)))
    }

    /// Lets whoever fills a namespace far beyond its budget do a step of the removal.
    pub(super) fn relieve(&self, namespace: &Namespace) {
        let Some(state) = namespace.stored() else { return };
        let limit = namespace.budget_size_bytes + namespace.budget_size_bytes / 8;
        if state.lock().size_bytes() > limit
            && let Err(error) = self.evict_step(namespace)
        {
            tracing::warn!(%error, namespace = namespace.name, "eviction failed and is tried again");
        }
    }
}

/// Removes the entry under `key` if it expires at `at`; whether it does.
fn remove_expired(transaction: &Transaction, namespace: &Namespace, key: &[u8], at: Timestamp) -> Result<bool> {
    let is_due = stored::stored(transaction, namespace, key)?.is_some_and(|entry| entry.expires_at == Some(at));
    if is_due {
        stored::remove(transaction, namespace, key)?;
    }
    Ok(is_due)
}
