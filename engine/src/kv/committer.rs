//! The path of a commit: validate, append, make durable together, publish in order.
//!
//! ```text
//!   caller A --.                        .--> A told
//!   caller B ---+- short lock:          |
//!   caller C --'   validate             |         visible moves past A, B, C
//!                  take a version       |        /
//!                  buffer the record    |    publish
//!                  insert, not visible  |      ^
//!                        |              |      |
//!                        v              |      |
//!                  first waiter writes one record for all and syncs it once
//! ```
//!
//! - **K1** Nobody is told "committed" before the record is as durable as asked. Log order is version order.
//! - **K2** `visible` moves past a durable commit only after its sync, and past a buffered one only after its
//!   write and only behind everything before it.
//! - **K4** The first failed write or sync poisons the committer: every later commit is refused, reads go on.
//!
//! - **K12** A change of what another has locked waits until it is free, then it is validated. The locks of keys are looked
//!   at under `state`, where versions are taken, so that who locks a key and takes `state` afterwards knows of every commit
//!   that did not see the lock.
//!
//! Lock order: `writer`, then `state`, then `publish`; a part of the table of locks under `state`. No lock is held during a sync.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::locks::{LockFailure, LockMode, Locker, Locks, Owner, WaitPolicy};
use super::memtable::{Change, Memtable, ReaderVersions};
use super::read_set::ReadSet;
use super::record::encode_record;
use super::turns::Contended;
use super::version::Version;
use super::view::Registry;
use super::{CommitObserver, Durability, Notes, Statistics};
use crate::error::{Error, Result};
use crate::limits::{COMMIT_SIZE_BYTES_MAX, RECENT_KEYS_SIZE_BYTES_MAX, RECORD_SIZE_BYTES_TARGET};
use crate::log::{Log, LogError, Position};
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Condvar, Mutex, RwLock};

/// Commits that are still compared with open transactions under the lock; more are compared outside it first.
const VALIDATED_UNDER_LOCK: usize = 64;

/// A buffer for more commits than this is not kept.
const COMMITS_KEPT: usize = 1024;

/// What a transaction brings to its commit.
pub(crate) struct Proposal {
    pub(crate) read_version: Version,
    pub(crate) reads: ReadSet,
    pub(crate) changes: Arc<[Change]>,
    /// Those of the changes that conflict with whoever has read their keys: all but quiet removals.
    pub(crate) compared: Arc<[Change]>,
    /// The same changes as the log holds them.
    pub(crate) encoded: Bytes,
    pub(crate) notes: Notes,
    pub(crate) durability: Durability,
    /// Whether the transaction has waited for its turn; those that have not give way to those who have.
    pub(crate) in_turn: bool,
    /// Whose locks are no obstacle.
    pub(crate) owner: Owner,
}

/// Why a proposal is not accepted as things are.
#[derive(Debug)]
enum Refused {
    Met(Met),
    /// Somebody else has locked this key against the change; it takes this mode.
    Locked(Bytes, LockMode),
}

impl From<Met> for Refused {
    fn from(met: Met) -> Self {
        Refused::Met(met)
    }
}

/// What became between two versions of something that was read at the first.
#[derive(Debug)]
pub(crate) enum Comparison {
    Unchanged,
    /// This commit changed it.
    Changed(Version, Contended),
    /// Not all commits between the two are remembered.
    Forgotten,
}

/// What a proposal conflicts with; where, unless the commit is no longer remembered.
#[derive(Debug)]
struct Met {
    version: Version,
    contended: Option<Contended>,
}

/// A commit that open transactions may have to be compared with.
#[derive(Clone)]
struct Recent {
    version: Version,
    changes: Arc<[Change]>,
}

struct CommitState {
    next: Version,
    active: Arc<Memtable>,
    unwritten: Vec<Bytes>,
    unwritten_size_bytes: usize,
    recent: VecDeque<Recent>,
    recent_size_bytes: usize,
    /// Transactions that read at an older version can no longer be compared.
    comparable_from: Version,
}

struct WriterState {
    next: Position,
    record: Vec<u8>,
    /// What is being written; between writes an empty buffer, to be exchanged for the next commits.
    commits: Vec<Bytes>,
}

struct Pending {
    version: Version,
    durability: Durability,
    changes: Arc<[Change]>,
    notes: Notes,
}

struct PublishState {
    pending: VecDeque<Pending>,
    written: Version,
    durable: Version,
}

pub(crate) struct Committer {
    log: Arc<dyn Log>,
    state: Mutex<CommitState>,
    writer: Mutex<WriterState>,
    publish: Mutex<PublishState>,
    /// Whether somebody is writing and syncing for all.
    leading: Mutex<bool>,
    changed: Condvar,
    visible: AtomicU64,
    poison: Mutex<Option<String>>,
    /// Whether there is a reason in `poison`, to ask without its lock.
    is_poisoned: AtomicBool,
    /// Log records since the last freeze.
    unfolded_size_bytes: AtomicU64,
    observers: RwLock<Vec<Arc<dyn CommitObserver>>>,
    pub(crate) readers: Arc<Registry>,
    pub(crate) writers: Arc<Registry>,
    pub(crate) locks: Arc<Locks>,
    pub(crate) statistics: Arc<Statistics>,
}

impl CommitState {
    /// Gives the writer what was accepted and not written; returns the version of the first commit in it.
    fn hand_over(&mut self, writer: &mut WriterState) -> Version {
        debug_assert!(writer.commits.is_empty());
        std::mem::swap(&mut self.unwritten, &mut writer.commits);
        self.unwritten_size_bytes = 0;
        Version::new(self.next.number() - writer.commits.len() as u64)
    }
}

/// What a freeze hands to the checkpoint: the table and where the log stood.
pub(crate) struct Frozen {
    pub(crate) table: Arc<Memtable>,
    pub(crate) version: Version,
    pub(crate) position: Position,
}

impl Committer {
    pub(crate) fn new(
        log: Arc<dyn Log>,
        active: Arc<Memtable>,
        newest: Version,
        tail: Position,
        unfolded_size_bytes: u64,
        statistics: Arc<Statistics>,
    ) -> Self {
        Committer {
            log,
            state: Mutex::new(CommitState {
                next: newest.next(),
                active,
                unwritten: Vec::new(),
                unwritten_size_bytes: 0,
                recent: VecDeque::new(),
                recent_size_bytes: 0,
                comparable_from: newest,
            }),
            writer: Mutex::new(WriterState { next: tail.next(), record: Vec::new(), commits: Vec::new() }),
            publish: Mutex::new(PublishState { pending: VecDeque::new(), written: newest, durable: newest }),
            leading: Mutex::new(false),
            changed: Condvar::new(),
            visible: AtomicU64::new(newest.number()),
            poison: Mutex::new(None),
            is_poisoned: AtomicBool::new(false),
            unfolded_size_bytes: AtomicU64::new(unfolded_size_bytes),
            observers: RwLock::new(Vec::new()),
            readers: Arc::new(Registry::default()),
            writers: Arc::new(Registry::default()),
            locks: Arc::default(),
            statistics,
        }
    }

    pub(crate) fn observe(&self, observer: Arc<dyn CommitObserver>) {
        self.observers.write().push(observer);
    }

    pub(crate) fn visible(&self) -> Version {
        Version::new(self.visible.load(Ordering::Acquire))
    }

    pub(crate) fn durable(&self) -> Version {
        self.publish.lock().durable
    }

    /// Bytes of the log that an open after a crash would have to apply.
    pub(crate) fn unfolded_size_bytes(&self) -> u64 {
        self.unfolded_size_bytes.load(Ordering::Relaxed)
    }

    /// Why commits are refused, when they are.
    pub(crate) fn poisoned(&self) -> Option<String> {
        self.poison.lock().clone()
    }

    /// The oldest version that anybody reads or may come to read.
    pub(crate) fn oldest_reader(&self) -> Version {
        // Whoever writes is among the readers.
        self.readers.oldest(|| self.visible())
    }

    /// Commits, and returns the version once it is as durable as asked and visible to every later reader. Waits for what
    /// others have locked, for `lock_timeout` each time.
    pub(crate) fn commit(&self, mut proposal: Proposal, lock_timeout: Duration) -> Result<Version> {
        if proposal.encoded.len() > COMMIT_SIZE_BYTES_MAX {
            return Err(Error::limit_exceeded(format!(
                "a transaction of {} bytes is over the limit of {COMMIT_SIZE_BYTES_MAX}; commit in several steps",
                proposal.encoded.len()
            )));
        }
        // Held until the commit is visible, so that those who wait in line come one after another.
        let mut in_line = None;
        let version = loop {
            match self.enter(&mut proposal)? {
                Ok(version) => break version,
                Err(Refused::Met(Met { version, contended })) => {
                    self.statistics.conflicts.fetch_add(1, Ordering::Relaxed);
                    // Whoever tries again at once must be able to see what was in the way.
                    self.wait_visible(version)?;
                    return Err(conflict(version, contended));
                }
                Err(Refused::Locked(key, mode)) => {
                    // Before the next wait: who waits for one only cannot keep others waiting in a circle.
                    drop(in_line.take());
                    in_line = Some(self.wait_for_lock(proposal.owner, &key, mode, lock_timeout)?);
                }
            }
        };
        if proposal.changes.is_empty() {
            return Ok(version);
        }
        match proposal.durability {
            Durability::Durable => self.wait_visible(version)?,
            Durability::Buffered => {
                self.write_out()?;
                if self.visible() < version {
                    self.wait_visible(version)?;
                }
            }
        }
        self.statistics.commits.fetch_add(1, Ordering::Relaxed);
        Ok(version)
    }

    fn wait_for_lock(&self, owner: Owner, key: &Bytes, mode: LockMode, timeout: Duration) -> Result<Locker> {
        let locker = Locker::new(self.locks.clone(), owner);
        match locker.lock(key, mode, WaitPolicy::Wait(Some(timeout)).into()) {
            Ok(_) => Ok(locker),
            Err(error) if LockFailure::of(&error).is_some() => {
                self.statistics.conflicts.fetch_add(1, Ordering::Relaxed);
                let message = format!("another transaction has locked what this one wrote ({error})");
                Err(Error::conflict(message).at(Some(Contended::key(key))))
            }
            Err(error) => Err(error),
        }
    }

    /// The short critical section: the version of the commit, or why it is refused.
    fn enter(&self, proposal: &mut Proposal) -> Result<Result<Version, Refused>> {
        let mut compared_to = proposal.read_version;
        loop {
            let mut state = self.state.lock();
            self.refuse_when_poisoned()?;
            if let Some((key, mode)) = self.locks.met_by(proposal.owner, &proposal.changes) {
                return Ok(Err(Refused::Locked(key, mode)));
            }
            if !proposal.reads.is_empty() {
                if proposal.read_version < state.comparable_from {
                    return Ok(Err(Met { version: state.comparable_from, contended: None }.into()));
                }
                let from = state.recent.partition_point(|recent| recent.version <= compared_to);
                let behind = state.recent.len() - from;
                if behind > VALIDATED_UNDER_LOCK {
                    let commits: Vec<Recent> = state.recent.range(from..).cloned().collect();
                    drop(state);
                    if let Some(conflicting) = first_conflict(&proposal.reads, commits.iter()) {
                        return Ok(Err(conflicting.into()));
                    }
                    compared_to = commits.last().map_or(compared_to, |last| last.version);
                    continue;
                }
                if let Some(conflicting) = first_conflict(&proposal.reads, state.recent.range(from..)) {
                    return Ok(Err(conflicting.into()));
                }
            }
            if proposal.changes.is_empty() {
                // Under the lock no commit can be entered that the notes ought to come after.
                self.tell(proposal.read_version, &[], &proposal.notes);
                return Ok(Ok(proposal.read_version));
            }
            return Ok(Ok(self.accept(&mut state, proposal)));
        }
    }

    /// What the commits after `from` up to `to` changed, as `met` sees it.
    pub(crate) fn compare(&self, from: Version, to: Version, met: impl Fn(&[u8]) -> Option<Contended>) -> Comparison {
        let commits: Vec<Recent> = {
            let state = self.state.lock();
            if from < state.comparable_from {
                return Comparison::Forgotten;
            }
            let [from, to] = [from, to].map(|end| state.recent.partition_point(|recent| recent.version <= end));
            state.recent.range(from..to).cloned().collect()
        };
        let changed = commits.iter().find_map(|Recent { version, changes }| {
            let contended = changes.iter().find_map(|(key, _)| met(key));
            contended.map(|contended| Comparison::Changed(*version, contended))
        });
        changed.unwrap_or(Comparison::Unchanged)
    }

    /// Whether commits after `version` will still be remembered for a good while.
    pub(crate) fn is_long_comparable(&self, version: Version) -> bool {
        let state = self.state.lock();
        version >= state.comparable_from
            && (state.recent_size_bytes <= RECENT_KEYS_SIZE_BYTES_MAX / 2
                || state.recent.get(state.recent.len() / 2).is_none_or(|middle| version >= middle.version))
    }

    /// The table that commits go to at this moment, with all of them that were accepted.
    pub(crate) fn active(&self) -> Arc<Memtable> {
        self.state.lock().active.clone()
    }

    fn accept(&self, state: &mut CommitState, proposal: &mut Proposal) -> Version {
        let version = state.next;
        state.next = version.next();
        state.unwritten_size_bytes += proposal.encoded.len();
        state.unwritten.push(proposal.encoded.clone());
        state.active.insert(version, &proposal.changes, &ReadersNow { committer: self, oldest: self.oldest_reader() });
        self.remember(state, version, &proposal.compared);
        let pending = Pending {
            version,
            durability: proposal.durability,
            changes: proposal.changes.clone(),
            notes: std::mem::take(&mut proposal.notes),
        };
        self.publish.lock().pending.push_back(pending);
        version
    }

    /// Keeps the commit for comparison while a transaction is open that began before it.
    fn remember(&self, state: &mut CommitState, version: Version, changes: &Arc<[Change]>) {
        let oldest_writer = self.writers.oldest(|| version);
        state.recent_size_bytes += keys_size_bytes(changes);
        state.recent.push_back(Recent { version, changes: changes.clone() });
        while let Some(oldest) = state.recent.front() {
            let needed = oldest.version > oldest_writer;
            if needed && state.recent_size_bytes <= RECENT_KEYS_SIZE_BYTES_MAX {
                break;
            }
            state.recent_size_bytes -= keys_size_bytes(&oldest.changes);
            state.comparable_from = oldest.version;
            state.recent.pop_front();
        }
    }

    fn refuse_when_poisoned(&self) -> Result<()> {
        if !self.is_poisoned.load(Ordering::Acquire) {
            return Ok(());
        }
        match &*self.poison.lock() {
            Some(reason) => Err(Error::unavailable(format!(
                "commits are refused since the log failed ({reason}); mend the cause, then open the database again"
            ))),
            None => Ok(()),
        }
    }

    /// Hands everything accepted so far to the log; returns the newest version written.
    fn write_out(&self) -> Result<Version> {
        let mut writer = self.writer.lock();
        let first = self.state.lock().hand_over(&mut writer);
        self.append(&mut writer, first)
    }

    /// Appends what was handed over to the writer; `first` is the version of the first commit in it.
    fn append(&self, writer: &mut WriterState, first: Version) -> Result<Version> {
        let mut commits = std::mem::take(&mut writer.commits);
        let outcome = self.append_all(writer, first, &commits);
        commits.clear();
        if commits.capacity() <= COMMITS_KEPT {
            writer.commits = commits;
        }
        outcome
    }

    fn append_all(&self, writer: &mut WriterState, first: Version, commits: &[Bytes]) -> Result<Version> {
        // Also with nothing to append: what failed to be written is gone from the buffer, and must not pass for written.
        if let Err(error) = self.refuse_when_poisoned() {
            return Err(indeterminate(&error));
        }
        let mut version = first;
        for group in groups(commits) {
            encode_record(version, group, &mut writer.record);
            if let Err(error) = self.log.append(writer.next, &writer.record) {
                return Err(self.poison(error));
            }
            writer.next = writer.next.next();
            self.unfolded_size_bytes.fetch_add(writer.record.len() as u64, Ordering::Relaxed);
            version = Version::new(version.number() + group.len() as u64);
            self.statistics.records.fetch_add(1, Ordering::Relaxed);
        }
        let newest = Version::new(version.number() - 1);
        self.advance(newest, Version::ZERO);
        Ok(newest)
    }

    /// Writes and syncs everything accepted so far; returns the version up to which all is durable.
    pub(crate) fn sync_out(&self) -> Result<Version> {
        let written = self.write_out()?;
        if self.publish.lock().durable >= written {
            return Ok(written);
        }
        self.statistics.syncs.fetch_add(1, Ordering::Relaxed);
        if let Err(error) = self.log.sync() {
            return Err(self.poison(error));
        }
        self.advance(written, written);
        Ok(written)
    }

    /// Moves the visible version as far as order and durability allow (K2).
    fn advance(&self, written: Version, durable: Version) {
        let mut publish = self.publish.lock();
        publish.written = publish.written.max(written);
        publish.durable = publish.durable.max(durable);
        let mut moved = false;
        while let Some(first) = publish.pending.front() {
            let needed = match first.durability {
                Durability::Durable => publish.durable,
                Durability::Buffered => publish.written,
            };
            if first.version > needed {
                break;
            }
            self.tell(first.version, &first.changes, &first.notes);
            self.visible.store(first.version.number(), Ordering::Release);
            publish.pending.pop_front();
            moved = true;
        }
        drop(publish);
        if moved {
            // Taking the lock orders this wake-up behind the check of whoever is about to wait.
            drop(self.leading.lock());
            self.changed.notify_all();
        }
    }

    fn tell(&self, version: Version, changes: &[Change], notes: &Notes) {
        for observer in self.observers.read().iter() {
            observer.committed_with_notes(version, changes, notes);
        }
    }

    /// Waits until `version` is visible, writing and syncing for all when nobody else does (K1).
    pub(crate) fn wait_visible(&self, version: Version) -> Result<()> {
        let mut leading = self.leading.lock();
        loop {
            if self.visible() >= version {
                return Ok(());
            }
            if let Err(error) = self.refuse_when_poisoned() {
                return Err(indeterminate(&error));
            }
            if *leading {
                self.changed.wait(&mut leading);
                continue;
            }
            *leading = true;
            drop(leading);
            let outcome = self.sync_out();
            leading = self.leading.lock();
            *leading = false;
            self.changed.notify_all();
            if self.visible() < version {
                outcome?;
            }
        }
    }

    /// Waits until `version` is visible or `timeout` has passed; true when it is visible. Writes nothing itself.
    pub(crate) fn await_version(&self, version: Version, timeout: Duration, clock: &dyn crate::env::Env) -> bool {
        let deadline = clock.monotonic() + timeout;
        let mut leading = self.leading.lock();
        while self.visible() < version {
            let left = deadline.saturating_sub(clock.monotonic());
            if left.is_zero() {
                return false;
            }
            self.changed.wait_for(&mut leading, left);
        }
        true
    }

    fn poison(&self, error: LogError) -> Error {
        let cause = match error {
            LogError::Taken { tail } => {
                Error::unavailable(format!("another writer owns the log, which ends at {tail}"))
            }
            LogError::Indeterminate(error) | LogError::Unavailable(error) => error,
        };
        self.poison.lock().get_or_insert_with(|| cause.message().to_owned());
        self.is_poisoned.store(true, Ordering::Release);
        tracing::error!(reason = cause.message(), "the log failed; commits are refused until it is reopened");
        drop(self.leading.lock());
        self.changed.notify_all();
        indeterminate(&cause)
    }

    /// Exchanges the memtable that commits go to. The record boundary in the log is exactly the returned version.
    pub(crate) fn freeze(&self, install: impl FnOnce(Arc<Memtable>)) -> Result<Frozen> {
        let mut writer = self.writer.lock();
        let fresh = Arc::new(Memtable::default());
        let (table, first, version) = {
            let mut state = self.state.lock();
            let first = state.hand_over(&mut writer);
            let table = std::mem::replace(&mut state.active, fresh.clone());
            install(fresh);
            (table, first, Version::new(state.next.number() - 1))
        };
        self.append(&mut writer, first)?;
        self.unfolded_size_bytes.store(0, Ordering::Relaxed);
        let position = Position::new(writer.next.number() - 1);
        Ok(Frozen { table, version, position })
    }
}

/// Who reads at the moment of a commit.
struct ReadersNow<'a> {
    committer: &'a Committer,
    oldest: Version,
}

impl ReaderVersions for ReadersNow<'_> {
    fn oldest(&self) -> Version {
        self.oldest
    }

    fn all(&self) -> Vec<Version> {
        self.committer.readers.all(|| self.committer.visible())
    }
}

impl Committer {
    pub(crate) fn unwritten_size_bytes(&self) -> usize {
        self.state.lock().unwritten_size_bytes
    }
}

/// Splits commits so that a record stays near its target size; a single commit is never split.
fn groups(commits: &[Bytes]) -> impl Iterator<Item = &[Bytes]> {
    let mut rest = commits;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut size = 0;
        let count = rest.iter().take_while(|commit| {
            size += commit.len();
            size <= RECORD_SIZE_BYTES_TARGET
        });
        let (group, behind) = rest.split_at(count.count().max(1));
        rest = behind;
        Some(group)
    })
}

fn first_conflict<'a>(reads: &ReadSet, mut commits: impl Iterator<Item = &'a Recent>) -> Option<Met> {
    commits.find_map(|Recent { version, changes }| {
        let contended = changes.iter().find_map(|(key, _)| reads.met_by(key));
        contended.map(|contended| Met { version: *version, contended: Some(contended) })
    })
}

/// Why a transaction that rests on what `version` changed has to run again.
pub(crate) fn conflict(version: Version, contended: Option<Contended>) -> Error {
    Error::conflict(format!("commit {version} changed what this transaction read or wrote; run the transaction again"))
        .at(contended)
}

fn keys_size_bytes(changes: &[Change]) -> usize {
    changes.iter().map(|(key, value)| key.len() + value.as_ref().map_or(0, Bytes::len) + 64).sum()
}

fn indeterminate(cause: &Error) -> Error {
    Error::indeterminate(format!(
        "the commit may or may not have been kept: {}; open the database again and read back",
        cause.message()
    ))
}

#[cfg(test)]
mod tests;
