//! Read-through: the entry, or what its loader makes of the database, kept for as long as that stays true.
//!
//! ```text
//!   hit? --> value
//!   take off --> leader:    history kept from here --> recording snapshot at s --> loader --> admit --> entry
//!           '--> passenger: waits; takes the value if it is from after its own beginning, or still true; else again
//! ```
//!
//! Whoever asks when the version v is visible never gets a value that a commit up to v has made untrue.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::coherence::{Admission, Load, Place};
use super::entry::{LoadOptions, verify_value};
use super::flight::{Landing, Leader, Seat, Wait};
use super::namespace::Namespace;
use super::stored_entry::{Origin, StoredEntry};
use super::volatile::Content;
use super::{CacheModel, keys, stored};
use crate::catalog;
use crate::env::Timestamp;
use crate::error::{Error, Result};
use crate::kv::{Isolation, Reader, Snapshot, Version};

/// A value, and the snapshot that remembers what it was made from.
pub(crate) type Loaded = (Bytes, Snapshot);

/// A loaded value on its way to becoming an entry.
struct Candidate {
    value: Bytes,
    snapshot: Snapshot,
    expires_at: Option<Timestamp>,
}

impl CacheModel {
    /// The value under `key`, or what `load` makes of the snapshot that it is given and gives back.
    pub(crate) fn get_or_load(
        &self,
        namespace: &str,
        key: &[u8],
        options: &LoadOptions,
        load: impl FnOnce(Snapshot) -> Result<Loaded>,
    ) -> Result<Bytes> {
        let started = self.keyspace.visible_version();
        let namespace = self.require(namespace)?;
        keys::verify(key)?;
        // Refused before anything is loaded for it.
        options.ttl.end(self.memory.env.now(), namespace.default_ttl_ms)?;
        let place = Place { namespace: namespace.id, key: Bytes::copy_from_slice(key) };
        loop {
            if let Some(value) = self.newest(&namespace, key)? {
                namespace.counters.count_read(true);
                return Ok(value);
            }
            match self.memory.board.take_off(&place) {
                Seat::Leader(leader) => {
                    // Another may have landed between the look and the take-off.
                    let found = self.newest(&namespace, key)?;
                    namespace.counters.count_read(found.is_some());
                    return match found {
                        Some(value) => Ok(value),
                        None => self.lead(&namespace, leader, options, load),
                    };
                }
                Seat::Passenger(flight) => match flight.wait() {
                    Wait::Landed(landing) if landing.serves(started) => {
                        namespace.counters.count_read(true);
                        return Ok(landing.value);
                    }
                    Wait::Landed(_) | Wait::Lost => {}
                    Wait::TooLong => {
                        namespace.counters.count_read(false);
                        return Ok(load(self.keyspace.recording_snapshot()?)?.0);
                    }
                    Wait::OwnLoad => {
                        return Err(Error::invalid(
                            "the loader of a cache entry asks for the same entry; load something else there",
                        ));
                    }
                },
            }
        }
    }

    fn newest(&self, namespace: &Namespace, key: &[u8]) -> Result<Option<Bytes>> {
        if namespace.volatile().is_some() {
            return Ok(self.memory.volatile_get(namespace, key, None).map(|(entry, _)| entry.value));
        }
        let snapshot = self.keyspace.snapshot()?;
        Ok(self.memory.stored_get(&snapshot, namespace, key)?.map(|entry| entry.value))
    }

    fn lead(
        &self,
        namespace: &Arc<Namespace>,
        leader: Leader<'_>,
        options: &LoadOptions,
        load: impl FnOnce(Snapshot) -> Result<Loaded>,
    ) -> Result<Bytes> {
        // Begun before the snapshot is taken, so that no commit after it is missing from the history.
        let underway = self.memory.coherence.begin();
        let snapshot = self.keyspace.recording_snapshot()?;
        let loaded_at = snapshot.version();
        let (value, snapshot) = load(snapshot)?;
        namespace.counters.loads.fetch_add(1, Ordering::Relaxed);
        let expires_at = options.ttl.end(self.memory.env.now(), namespace.default_ttl_ms)?;
        let candidate = Candidate { value: value.clone(), snapshot, expires_at };
        let admission = self.keep(namespace, &leader, &underway, candidate)?;
        if matches!(admission, Admission::Refused) {
            namespace.counters.refused.fetch_add(1, Ordering::Relaxed);
        }
        leader.land(Landing { value: value.clone(), loaded_at, admission });
        Ok(value)
    }

    fn keep(
        &self,
        namespace: &Arc<Namespace>,
        leader: &Leader<'_>,
        _underway: &Load,
        candidate: Candidate,
    ) -> Result<Admission> {
        if verify_value(&candidate.value).is_err() {
            return Ok(Admission::Refused);
        }
        match namespace.volatile().is_some() {
            true => Ok(self.keep_volatile(namespace, leader, candidate)),
            false => self.keep_stored(namespace, leader, candidate),
        }
    }

    fn admit(&self, leader: &Leader<'_>, candidate: &Candidate) -> Admission {
        let (reads, version) = (candidate.snapshot.read_set(), candidate.snapshot.version());
        let room_bytes = self.memory.size_bytes_max / 8;
        self.memory.coherence.admit(leader.place.clone(), reads, version, room_bytes)
    }

    fn keep_volatile(&self, namespace: &Namespace, leader: &Leader<'_>, candidate: Candidate) -> Admission {
        let Some(store) = namespace.volatile() else { return Admission::Refused };
        // Held from the look at the board to the entry: a set or delete comes before, and is seen, or after, and wins.
        let Some(mut held) = leader.approach() else { return Admission::Refused };
        let admission = self.admit(leader, &candidate);
        let (dependency, valid_from) = match &admission {
            Admission::Refused => return admission,
            Admission::Independent => (None, Version::ZERO),
            Admission::Dependent(dependency) => (Some(dependency.clone()), candidate.snapshot.version()),
        };
        let version = self.memory.next_entry_version();
        let Candidate { value, expires_at, .. } = candidate;
        let content = Content { value, version, expires_at, valid_from, dependency };
        if content.size_bytes(leader.place.key.len()) > store.entry_size_bytes_max() {
            return Admission::Refused;
        }
        store.insert(&leader.place.key, content, self.memory.env.now());
        held.ground(&leader.place);
        drop(held);
        self.memory.make_room();
        admission
    }

    fn keep_stored(&self, namespace: &Namespace, leader: &Leader<'_>, candidate: Candidate) -> Result<Admission> {
        // Begun before the look at the board: a set or delete that is committed later conflicts, an earlier one is seen.
        let transaction = self.keyspace.begin(Isolation::Serializable)?;
        let key = &leader.place.key[..];
        let is_there = catalog::get(&transaction, &namespace.name)?.is_some_and(|entry| entry.id == namespace.id);
        let present = stored::stored(&transaction, namespace, key)?;
        if !is_there || leader.approach().is_none() {
            return Ok(Admission::Refused);
        }
        let admission = self.admit(leader, &candidate);
        if matches!(admission, Admission::Refused) {
            return Ok(admission);
        }
        let version = self.memory.next_entry_version().max(present.map_or(0, |entry| entry.version.saturating_add(1)));
        let origin = match &admission {
            Admission::Dependent(dependency) => {
                self.memory.ties.tie(leader.place.clone(), version, dependency.clone());
                Some(Origin { incarnation: self.memory.incarnation, loaded_at: candidate.snapshot.version() })
            }
            _ => None,
        };
        let entry = StoredEntry { version, expires_at: candidate.expires_at, origin, value: candidate.value };
        let outcome = stored::put(&transaction, namespace, key, &entry)
            .and_then(|()| transaction.commit(namespace.class.durability().unwrap_or_default()));
        match outcome {
            Ok(_) => {
                self.relieve(namespace);
                self.memory.make_room();
                Ok(admission)
            }
            // The value is right all the same; only keeping it failed.
            Err(error) => {
                tracing::debug!(%error, namespace = namespace.name, "a loaded value was not kept");
                self.memory.ties.untie(&leader.place, version);
                Ok(Admission::Refused)
            }
        }
    }
}
