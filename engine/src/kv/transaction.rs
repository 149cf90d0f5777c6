//! Transactions and snapshots: consistent reads, own writes, savepoints, one commit.
//!
//! ```text
//!   Snapshot      View [+ recorder]                 reads only; never conflicts, never blocks, never writes
//!   Transaction   View + own writes + read set      reads see own writes first; commit compares, then applies all
//! ```
//!
//! Both are [`Reader`]s, and both are used through `&self`, so that several models can hold the same one.
//!
//! A transaction may go on at a newer version ([`Transaction::rebase`]) and keep others from changing keys
//! ([`Transaction::lock`]): with both, what others have committed is read and nothing is in vain.
//!
//! - **K3** A serializable transaction commits only if nothing that it read was committed by another after its
//!   read version; under snapshot isolation the same holds only for what it wrote.
//! - A transaction that is dropped leaves nothing behind.

use std::any::Any;
use std::collections::{BTreeMap, HashSet};
use std::ops::Bound;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use parking_lot::Mutex;

use super::committer::Proposal;
use super::locks::{LockMark, Locker, Owner};
use super::memtable::Change;
use super::range::{Direction, KeyRange};
use super::read_set::{ReadRecorder, ReadSet};
use super::record::{decode_commit, encode_commit};
use super::scan::{OwnWrites, Scan};
use super::store::Keyspace;
use super::turns::Turn;
use super::version::Version;
use super::view::{Registration, View};
use super::{Durability, Isolation, Note, Notes};
use crate::error::{Error, Result};
use crate::limits::{COMMIT_SIZE_BYTES_MAX, KEY_SIZE_BYTES_MAX, VALUE_SIZE_BYTES_MAX};
use crate::sync::RwLock;

mod locking;
mod rebase;
#[cfg(test)]
mod tests;

/// Up to this size the keys and values of a commit stay together in the bytes that went to the log: one allocation
/// and its neighbourhood instead of two for each. In larger ones a value that still counts could keep too much alive.
const PACKED_COMMIT_SIZE_BYTES: usize = 512;

/// Reads of the keyspace at one version; a [`Snapshot`] or a [`Transaction`].
pub trait Reader: Send + Sync {
    /// The version that is read.
    fn version(&self) -> Version;

    /// The value of `key`, or `None` when there is no such key.
    ///
    /// # Errors
    /// `Corrupt` when the stored bytes are damaged, `Unavailable` when they cannot be read.
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>>;

    /// The entries of `range` in key order.
    ///
    /// # Errors
    /// As [`Reader::get`]; later failures come as items of the scan.
    fn scan(&self, range: KeyRange, direction: Direction) -> Result<Scan>;

    /// Makes whatever rests on this reader's reads rest on `reads` too, as if they had been made here.
    ///
    /// For answers that were worked out from other reads of the keyspace, which are still true at this version.
    fn rest_on(&self, _reads: &ReadSet) {}

    /// What was committed up to the version that is read: without own writes, and nothing is remembered as read.
    fn committed(&self) -> Snapshot;

    /// The transaction, when this reader is one.
    fn as_transaction(&self) -> Option<&Transaction> {
        None
    }
}

impl<R: Reader + ?Sized> Reader for Arc<R> {
    fn version(&self) -> Version {
        (**self).version()
    }

    fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        (**self).get(key)
    }

    fn scan(&self, range: KeyRange, direction: Direction) -> Result<Scan> {
        (**self).scan(range, direction)
    }

    fn rest_on(&self, reads: &ReadSet) {
        (**self).rest_on(reads);
    }

    fn committed(&self) -> Snapshot {
        (**self).committed()
    }

    fn as_transaction(&self) -> Option<&Transaction> {
        (**self).as_transaction()
    }
}

/// The keyspace at one version, to read only.
#[derive(Debug)]
pub struct Snapshot {
    view: View,
    recorder: Option<Mutex<ReadRecorder>>,
}

impl Snapshot {
    pub(crate) fn new(view: View, recording: bool) -> Self {
        Snapshot { view, recorder: recording.then(Mutex::default) }
    }

    /// What has been read so far; empty unless the snapshot was asked to remember.
    pub fn read_set(&self) -> ReadSet {
        self.recorder.as_ref().map(|recorder| recorder.lock().read_set()).unwrap_or_default()
    }

    /// Whether the snapshot remembers what is read through it.
    pub fn is_recording(&self) -> bool {
        self.recorder.is_some()
    }
}

impl Reader for Snapshot {
    fn version(&self) -> Version {
        self.view.version()
    }

    fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        if let Some(recorder) = &self.recorder {
            recorder.lock().point(key);
        }
        self.view.get(key)
    }

    fn scan(&self, range: KeyRange, direction: Direction) -> Result<Scan> {
        let tracked = self.recorder.as_ref().map(|recorder| recorder.lock().range(&range, direction));
        Scan::new(&self.view, None, range, direction, tracked)
    }

    fn rest_on(&self, reads: &ReadSet) {
        if let Some(recorder) = &self.recorder {
            recorder.lock().add(reads);
        }
    }

    fn committed(&self) -> Snapshot {
        Snapshot::new(self.view.clone(), false)
    }
}

/// A place in a transaction that it can go back to; see [`Transaction::savepoint`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Savepoint {
    undo_length: usize,
    number: u64,
    locks: LockMark,
}

/// What a write replaced.
#[derive(Debug)]
enum Undo {
    Write(Bytes, Option<Option<Bytes>>),
    Note(Bytes, Option<Note>),
}

#[derive(Debug, Default)]
struct State {
    writes: OwnWrites,
    notes: Notes,
    size_bytes: usize,
    /// Kept from the first savepoint on.
    undo: Vec<Undo>,
    savepoints: Vec<Savepoint>,
    next_savepoint: u64,
    reads: ReadRecorder,
    /// Keys whose removal conflicts with nobody.
    quiet: HashSet<Bytes>,
    /// Committed or rolled back: no more is read or written.
    has_ended: bool,
}

/// The version that a transaction reads.
#[derive(Debug)]
struct Base {
    view: View,
    /// Keeps the commits after the version comparable.
    _writer: Option<Registration>,
}

/// Reads and writes that become visible as one, or not at all.
#[derive(Debug)]
pub struct Transaction {
    keyspace: Arc<Keyspace>,
    /// Locked before the state is.
    base: RwLock<Base>,
    isolation: Isolation,
    state: Mutex<State>,
    attached: Mutex<Attached>,
    owner: Owner,
    /// The locks, from the first one on.
    locker: OnceLock<Locker>,
}

type AfterCommit = Box<dyn FnOnce(Version) + Send + Sync>;

/// What models tie to the fate of a transaction.
#[derive(Default)]
struct Attached {
    held: Vec<Box<dyn Any + Send + Sync>>,
    turn: Option<Arc<Turn>>,
    after_commit: Vec<AfterCommit>,
}

impl std::fmt::Debug for Attached {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} held, {} after commit", self.held.len(), self.after_commit.len())
    }
}

impl Reader for Transaction {
    fn version(&self) -> Version {
        self.base.read().view.version()
    }

    fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        {
            let mut state = self.state.lock();
            state.refuse_when_ended()?;
            if let Some(own) = state.writes.get(key) {
                return Ok(own.clone());
            }
            if self.isolation == Isolation::Serializable {
                state.reads.point(key);
            }
        }
        self.base.read().view.get(key)
    }

    fn scan(&self, range: KeyRange, direction: Direction) -> Result<Scan> {
        let (own, tracked) = {
            let mut state = self.state.lock();
            state.refuse_when_ended()?;
            let tracked = (self.isolation == Isolation::Serializable).then(|| state.reads.range(&range, direction));
            (state.writes.clone(), tracked)
        };
        Scan::new(&self.base.read().view, Some(own), range, direction, tracked)
    }

    fn rest_on(&self, reads: &ReadSet) {
        if self.isolation == Isolation::Serializable {
            self.state.lock().reads.add(reads);
        }
    }

    fn committed(&self) -> Snapshot {
        Snapshot::new(self.base.read().view.clone(), false)
    }

    fn as_transaction(&self) -> Option<&Transaction> {
        Some(self)
    }
}

impl Transaction {
    pub(crate) fn new(
        keyspace: Arc<Keyspace>,
        view: View,
        writer: Registration,
        isolation: Isolation,
        owner: Owner,
    ) -> Self {
        Transaction {
            keyspace,
            base: RwLock::new(Base { view, _writer: Some(writer) }),
            isolation,
            state: Mutex::default(),
            attached: Mutex::default(),
            owner,
            locker: OnceLock::new(),
        }
    }

    /// The value of `key`, without making the transaction depend on it.
    ///
    /// For hints whose staleness the caller handles itself.
    pub fn peek(&self, key: &[u8]) -> Result<Option<Bytes>> {
        {
            let state = self.state.lock();
            state.refuse_when_ended()?;
            if let Some(own) = state.writes.get(key) {
                return Ok(own.clone());
            }
        }
        self.base.read().view.get(key)
    }

    /// The entries of `range`, without making the transaction depend on them.
    ///
    /// For hints whose staleness the caller handles itself, such as looking for a message that nobody holds.
    pub fn peek_scan(&self, range: KeyRange, direction: Direction) -> Result<Scan> {
        let own = {
            let state = self.state.lock();
            state.refuse_when_ended()?;
            state.writes.clone()
        };
        Scan::new(&self.base.read().view, Some(own), range, direction, None)
    }

    /// Makes the commit conflict when another transaction changed `key` after the read version, whatever the isolation.
    ///
    /// For what every write rests on, such as the definition of what is written to.
    pub fn depend_on(&self, key: &[u8]) {
        self.state.lock().reads.point(key);
    }

    /// The first `limit` keys of `range` that the transaction itself has set, in key order.
    ///
    /// For whoever finds keys elsewhere than in the transaction's own view and must not miss its own.
    pub fn written(&self, range: &KeyRange, limit: usize) -> Vec<Bytes> {
        if range.is_empty() {
            return Vec::new();
        }
        let state = self.state.lock();
        let end = range.end.as_ref().map_or(Bound::Unbounded, |end| Bound::Excluded(&end[..]));
        let inside = state.writes.range::<[u8], _>((Bound::Included(&range.start[..]), end));
        inside.filter(|(_, value)| value.is_some()).take(limit).map(|(key, _)| key.clone()).collect()
    }

    /// A number that no other open transaction of this keyspace has.
    pub fn identity(&self) -> usize {
        self.owner.number() as usize
    }

    /// Sets `key` to `value` when the transaction commits.
    ///
    /// # Errors
    /// `LimitExceeded` for a key over 8 KiB, a value over 64 MiB or a transaction over 1 GiB.
    pub fn put(&self, key: impl Into<Bytes>, value: impl Into<Bytes>) -> Result<()> {
        self.write(key.into(), Some(value.into()))
    }

    /// Removes `key` when the transaction commits; a missing key is no error.
    ///
    /// # Errors
    /// As [`Transaction::put`].
    pub fn delete(&self, key: impl Into<Bytes>) -> Result<()> {
        self.write(key.into(), None)
    }

    /// As [`Transaction::delete`], but transactions that have read the key do not conflict with the removal.
    ///
    /// For keys that are never set again, whose removal together with the rest of the commit changes nothing of what
    /// anybody concluded from them.
    pub(crate) fn delete_quietly(&self, key: impl Into<Bytes>) -> Result<()> {
        let key = key.into();
        self.write(key.clone(), None)?;
        self.state.lock().quiet.insert(key);
        Ok(())
    }

    fn write(&self, key: Bytes, value: Option<Bytes>) -> Result<()> {
        check_sizes(&key, value.as_ref())?;
        let mut state = self.state.lock();
        let state = &mut *state;
        state.refuse_when_ended()?;
        state.grow(key.len() + value.as_ref().map_or(0, Bytes::len) + 16)?;
        let writes = Arc::make_mut(&mut state.writes);
        if state.savepoints.is_empty() {
            writes.insert(key, value);
        } else {
            let old = writes.insert(key.clone(), value);
            state.undo.push(Undo::Write(key, old));
        }
        Ok(())
    }

    /// Keeps `note` under `key` with the transaction, in place of an earlier one.
    ///
    /// Notes share the fate of the writes: savepoints take them back, a rollback drops them. They are never logged; with the
    /// commit they are handed to every [`CommitObserver`](super::CommitObserver). `size_bytes` is what the note weighs.
    ///
    /// # Errors
    /// `LimitExceeded` for a transaction over 1 GiB.
    pub fn note(&self, key: impl Into<Bytes>, size_bytes: usize, note: Note) -> Result<()> {
        let key = key.into();
        let mut state = self.state.lock();
        let state = &mut *state;
        state.refuse_when_ended()?;
        state.grow(key.len() + size_bytes + 16)?;
        let old = state.notes.insert(key.clone(), note);
        if !state.savepoints.is_empty() {
            state.undo.push(Undo::Note(key, old));
        }
        Ok(())
    }

    /// The note kept under `key`, or `None` when there is none.
    pub fn noted(&self, key: &[u8]) -> Option<Note> {
        self.state.lock().notes.get(key).cloned()
    }

    /// Removes every key that begins with `prefix`, in the background after the commit, in bounded steps (K10).
    ///
    /// The caller stops using the prefix in the same transaction and never uses it again.
    pub fn reclaim_prefix(&self, prefix: &[u8]) -> Result<()> {
        self.put(super::reclaim::reclaim_key(prefix), Bytes::new())
    }

    /// Marks the present state, to return to with [`Transaction::rollback_to`].
    pub fn savepoint(&self) -> Savepoint {
        let locks = self.locker.get().map(Locker::mark).unwrap_or_default();
        let mut state = self.state.lock();
        let savepoint = Savepoint { undo_length: state.undo.len(), number: state.next_savepoint, locks };
        state.next_savepoint += 1;
        state.savepoints.push(savepoint);
        savepoint
    }

    /// Takes back every write and every lock since `savepoint`; the savepoint stays, later ones are gone.
    ///
    /// # Errors
    /// `Invalid` when the savepoint is not one of this transaction or was released or rolled back over.
    pub fn rollback_to(&self, savepoint: Savepoint) -> Result<()> {
        let mut state = self.state.lock();
        let state = &mut *state;
        let index = position(&state.savepoints, savepoint)?;
        state.savepoints.truncate(index + 1);
        let writes = Arc::make_mut(&mut state.writes);
        for undo in state.undo.drain(savepoint.undo_length..).rev() {
            match undo {
                Undo::Write(key, Some(old)) => drop(writes.insert(key, old)),
                Undo::Write(key, None) => drop(writes.remove(&key)),
                Undo::Note(key, Some(old)) => drop(state.notes.insert(key, old)),
                Undo::Note(key, None) => drop(state.notes.remove(&key)),
            }
        }
        // Last: whoever gets a lock then must not be in the way of a write that is still there.
        if let Some(locker) = self.locker.get() {
            locker.release_to(savepoint.locks);
        }
        Ok(())
    }

    /// Forgets `savepoint` and those after it; the writes stay.
    ///
    /// # Errors
    /// As [`Transaction::rollback_to`].
    pub fn release(&self, savepoint: Savepoint) -> Result<()> {
        let mut state = self.state.lock();
        let index = position(&state.savepoints, savepoint)?;
        state.savepoints.truncate(index);
        if state.savepoints.is_empty() {
            state.undo.clear();
        }
        Ok(())
    }

    /// Keeps `thing` until the transaction has ended, either way; it is dropped after the outcome is known.
    pub fn hold(&self, thing: Box<dyn Any + Send + Sync>) {
        self.attached.lock().held.push(thing);
    }

    /// Runs the transaction in `turn`: those without one give way to it at what it is a turn at.
    pub fn run_in(&self, turn: Arc<Turn>) {
        self.attached.lock().turn = Some(turn);
    }

    /// Calls `action` with the commit's version after a successful commit; never after anything else.
    pub fn after_commit(&self, action: Box<dyn FnOnce(Version) + Send + Sync>) {
        self.attached.lock().after_commit.push(action);
    }

    /// Whether the transaction has written or noted anything.
    pub fn has_writes(&self) -> bool {
        let state = self.state.lock();
        !state.writes.is_empty() || !state.notes.is_empty()
    }

    /// The isolation that the transaction was begun with.
    pub fn isolation(&self) -> Isolation {
        self.isolation
    }

    /// What the transaction has read so far; unless it is serializable only what it was told to depend on.
    pub fn read_set(&self) -> ReadSet {
        self.state.lock().reads.read_set()
    }

    /// Makes all writes visible as one, and returns their version.
    ///
    /// On return the commit is as durable as `durability` says and every transaction begun later sees
    /// it. Without writes nothing is logged, and the version is the one that was read; with notes alone the reads are
    /// compared all the same, and the notes take effect in the order of the commits. Keys that others have locked are
    /// waited for.
    ///
    /// # Errors
    /// `Conflict`: nothing was kept, run the whole transaction again. `Indeterminate`: the log failed, read back
    /// after reopening. `Unavailable`: the log failed earlier or memory is short; nothing was kept.
    pub fn commit(self, durability: Durability) -> Result<Version> {
        self.commit_shared(durability)
    }

    /// As [`Transaction::commit`], for a transaction that others hold, too: whatever they do with it afterwards is `Closed`,
    /// but for scans that are open already. The version that it read is let go of when it is dropped.
    ///
    /// # Errors
    /// As [`Transaction::commit`]; after any of them the transaction has ended as well. `Closed` when it had before.
    pub fn commit_shared(&self, durability: Durability) -> Result<Version> {
        if self.isolation == Isolation::ReadCommitted {
            self.stay_comparable()?;
        }
        let Ended { state, attached: Attached { held, turn, after_commit } } = self.end()?;
        let outcome = self.commit_changes(state, turn.is_some(), durability);
        if let Ok(version) = &outcome {
            after_commit.into_iter().for_each(|action| action(*version));
        }
        drop((held, turn));
        // Whoever gets a lock then sees the commit.
        self.let_go();
        outcome
    }

    /// Takes everything back, for a transaction that others hold, too; see [`Transaction::commit_shared`]. Nothing happens
    /// when it has ended already.
    pub fn rollback_shared(&self) {
        drop(self.end());
        self.let_go();
    }

    /// Takes out what the end needs; from here on everything is refused.
    fn end(&self) -> Result<Ended> {
        let mut state = self.state.lock();
        state.refuse_when_ended()?;
        let ended = State { has_ended: true, ..State::default() };
        let state = std::mem::replace(&mut *state, ended);
        Ok(Ended { state, attached: std::mem::take(&mut *self.attached.lock()) })
    }

    fn let_go(&self) {
        if let Some(locker) = self.locker.get() {
            locker.unlock_all();
        }
        self.base.write()._writer = None;
    }

    fn commit_changes(&self, state: State, has_turn: bool, durability: Durability) -> Result<Version> {
        let State { writes, notes, reads, quiet, .. } = state;
        let read_version = self.version();
        if writes.is_empty() && notes.is_empty() {
            return Ok(read_version);
        }
        let reads = reads_to_compare(self.isolation, reads, &writes);
        let (changes, encoded) = changes_of(writes)?;
        self.keyspace.commit(Proposal {
            read_version,
            reads,
            compared: compared(&changes, &quiet),
            changes,
            encoded,
            notes,
            durability,
            // Who takes locks has waited in line for them.
            in_turn: has_turn || self.isolation == Isolation::ReadCommitted,
            owner: self.owner(),
        })
    }
}

/// What is left of a transaction that ends.
struct Ended {
    state: State,
    attached: Attached,
}

/// The changes that are no quiet removals.
fn compared(changes: &Arc<[Change]>, quiet: &HashSet<Bytes>) -> Arc<[Change]> {
    match quiet.is_empty() {
        true => changes.clone(),
        false => changes.iter().filter(|(key, value)| value.is_some() || !quiet.contains(key)).cloned().collect(),
    }
}

fn reads_to_compare(isolation: Isolation, reads: ReadRecorder, writes: &OwnWrites) -> ReadSet {
    match isolation {
        Isolation::Serializable => reads.into_read_set(),
        Isolation::Snapshot | Isolation::ReadCommitted => {
            let depended_on = reads.read_set();
            let points = depended_on.points().chain(writes.keys()).cloned();
            ReadSet::new(points.collect::<HashSet<_>>(), Vec::new())
        }
    }
}

/// The changes of a commit, and the same as the log holds them.
fn changes_of(writes: OwnWrites) -> Result<(Arc<[Change]>, Bytes)> {
    let encoded = encode_commit(writes.iter());
    let changes = match encoded.len() <= PACKED_COMMIT_SIZE_BYTES {
        true => decode_commit(&encoded)?.into(),
        false => Arc::try_unwrap(writes).unwrap_or_else(|shared| BTreeMap::clone(&shared)).into_iter().collect(),
    };
    Ok((changes, encoded))
}

impl State {
    fn refuse_when_ended(&self) -> Result<()> {
        match self.has_ended {
            true => Err(Error::closed("the transaction has ended; begin another")),
            false => Ok(()),
        }
    }

    fn grow(&mut self, size_bytes: usize) -> Result<()> {
        self.size_bytes += size_bytes;
        match self.size_bytes > COMMIT_SIZE_BYTES_MAX {
            true => Err(Error::limit_exceeded(format!(
                "a transaction may write {COMMIT_SIZE_BYTES_MAX} bytes; commit in several steps"
            ))),
            false => Ok(()),
        }
    }
}

fn position(savepoints: &[Savepoint], savepoint: Savepoint) -> Result<usize> {
    savepoints.iter().rposition(|known| *known == savepoint).ok_or_else(|| {
        Error::invalid("the savepoint is gone: it was released, rolled back over, or belongs to another transaction")
    })
}

fn check_sizes(key: &Bytes, value: Option<&Bytes>) -> Result<()> {
    if key.len() > KEY_SIZE_BYTES_MAX {
        return Err(Error::limit_exceeded(format!(
            "a key of {} bytes is over the limit of {KEY_SIZE_BYTES_MAX}; use shorter keys or names",
            key.len()
        )));
    }
    match value {
        Some(value) if value.len() > VALUE_SIZE_BYTES_MAX => Err(Error::limit_exceeded(format!(
            "a value of {} bytes is over the limit of {VALUE_SIZE_BYTES_MAX}; store it as a blob",
            value.len()
        ))),
        _ => Ok(()),
    }
}
