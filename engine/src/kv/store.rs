//! The keyspace of one data directory: opened, read, written, folded and closed here.
//!
//! ```text
//!   Keyspace --- committer    the path of a commit, and the visible version
//!            |-- levels       active memtable / frozen memtable / checkpoint reader, exchanged together
//!            |-- checkpoint   the redb file
//!            '-- log          the truth for what the checkpoint does not hold
//! ```
//!
//! `open` = the checkpoint's version, then the log after it (see `recovery`).

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::checkpoint::{Checkpoint, CheckpointMark};
use super::committer::{Committer, Proposal};
use super::locks::{Locker, Owner};
use super::pace::Pace;
use super::recovery;
use super::transaction::{Snapshot, Transaction};
use super::turns::{Contended, Turn, Turns};
use super::version::Version;
use super::view::{Levels, Registration, View};
use super::{CheckReport, CommitObserver, Isolation, KeyspaceSettings, KeyspaceStatistics};
use crate::env::Env;
use crate::error::{Error, Result};
use crate::log::Log;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Condvar, Mutex, RwLock};

/// How many commits of those without a turn, where somebody has one, let one pass.
const PASSES_ONE_IN: u64 = 8;

/// Counters that only grow, read without a lock.
#[derive(Debug, Default)]
pub(crate) struct Statistics {
    pub(crate) commits: AtomicU64,
    pub(crate) conflicts: AtomicU64,
    pub(crate) records: AtomicU64,
    pub(crate) syncs: AtomicU64,
    pub(crate) checkpoints: AtomicU64,
    pub(crate) checkpoint_micros: AtomicU64,
    pub(crate) stalls: AtomicU64,
}

/// The ordered transactional keyspace; shared by everything that uses one database.
pub struct Keyspace {
    pub(crate) env: Arc<dyn Env>,
    pub(crate) settings: KeyspaceSettings,
    pub(crate) committer: Committer,
    pub(crate) log: Arc<dyn Log>,
    checkpoint: Checkpoint,
    levels: RwLock<Arc<Levels>>,
    /// One fold at a time; holders may take every other lock.
    folding: Mutex<()>,
    /// Why no more is folded, set by the fold that failed half-way.
    fold_failure: OnceLock<String>,
    /// What the background threads wait on.
    pub(crate) work: Work,
    closed: AtomicBool,
    statistics: Arc<Statistics>,
    turns: Arc<Turns>,
    pace: Pace,
    next_owner: AtomicU64,
    directory: PathBuf,
}

/// What is asked of the background threads.
#[derive(Default)]
pub(crate) struct Work {
    pub(crate) wanted: Mutex<Wanted>,
    pub(crate) asked: Condvar,
    /// A fold has ended: room in memory.
    pub(crate) folded: Condvar,
}

#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) sync: bool,
    pub(crate) fold: bool,
    pub(crate) reclaim: bool,
    pub(crate) stop: bool,
}

impl Keyspace {
    /// The keyspace in `directory`, recovered to its last durable commit; created when missing.
    ///
    /// # Errors
    /// `Corrupt` naming file and offset when stored bytes are damaged, `Unsupported` when they were written by a newer
    /// program, `Unavailable` when the files cannot be opened.
    pub fn open(env: Arc<dyn Env>, directory: &Path, settings: KeyspaceSettings) -> Result<Arc<Self>> {
        crate::format_file::create_directory(&*env, directory)
            .map_err(|error| Error::io(format_args!("creating {}", directory.display()), error))?;
        let checkpoint = Checkpoint::open(env.clone(), directory, settings.page_cache_size_bytes())?;
        let recovered = recovery::recover(&env, directory, &checkpoint, &settings)?;
        let statistics = Arc::new(Statistics::default());
        let active = Arc::new(recovered.memtable);
        let levels = Levels { active: active.clone(), frozen: None, checkpoint: checkpoint.reader()? };
        let committer = Committer::new(
            recovered.log.clone(),
            active,
            recovered.newest,
            recovered.log.tail(),
            recovered.unfolded_size_bytes,
            statistics.clone(),
        );
        Ok(Arc::new(Keyspace {
            env,
            settings,
            committer,
            log: recovered.log,
            checkpoint,
            levels: RwLock::new(Arc::new(levels)),
            folding: Mutex::new(()),
            fold_failure: OnceLock::new(),
            work: Work::default(),
            closed: AtomicBool::new(false),
            statistics,
            turns: Arc::default(),
            pace: Pace::default(),
            next_owner: AtomicU64::new(1),
            directory: directory.to_owned(),
        }))
    }

    fn refuse_when_closed(&self) -> Result<()> {
        match self.closed.load(Ordering::Acquire) {
            true => {
                Err(Error::closed(format!("the database in {} is closed; open it again", self.directory.display())))
            }
            false => Ok(()),
        }
    }

    /// The newest visible version, pinned together with where it is found.
    fn view(&self) -> Result<View> {
        self.refuse_when_closed()?;
        // Under this lock no fold can be installed, so the levels fit the version registered with them.
        let levels = self.levels.read();
        let registration = self.committer.readers.register(|| self.committer.visible());
        Ok(View { levels: levels.clone(), registration: Arc::new(registration) })
    }

    /// The keyspace as it is, to read.
    ///
    /// # Errors
    /// `Closed` after [`Keyspace::close`].
    pub fn snapshot(&self) -> Result<Snapshot> {
        Ok(Snapshot::new(self.view()?, false))
    }

    /// The keyspace as it is, to read, remembering what is read (see [`Snapshot::read_set`]).
    ///
    /// # Errors
    /// `Closed` after [`Keyspace::close`].
    pub fn recording_snapshot(&self) -> Result<Snapshot> {
        Ok(Snapshot::new(self.view()?, true))
    }

    /// A transaction that reads the newest visible version.
    ///
    /// # Errors
    /// `Closed` after [`Keyspace::close`].
    pub fn begin(self: &Arc<Self>, isolation: Isolation) -> Result<Transaction> {
        let (writer, view) = self.writing_view()?;
        Ok(Transaction::new(self.clone(), view, writer, isolation, self.next_owner()))
    }

    /// The newest visible version for a transaction, with what keeps the commits after it comparable.
    pub(crate) fn writing_view(&self) -> Result<(Registration, View)> {
        // Before the view: from here on no commit that the view does not show is forgotten, or the transaction could
        // not be compared with it.
        let writer = self.committer.writers.register(|| self.committer.visible());
        Ok((writer, self.view()?))
    }

    fn next_owner(&self) -> Owner {
        Owner::new(self.next_owner.fetch_add(1, Ordering::Relaxed))
    }

    /// Whoever takes locks beyond transactions, such as a session; transactions may share them
    /// ([`Transaction::lock_as`]).
    pub fn locker(&self) -> Locker {
        Locker::new(self.committer.locks.clone(), self.next_owner())
    }

    /// Whoever takes locks that are those of `owner`, too.
    pub(crate) fn locker_of(&self, owner: Owner) -> Locker {
        Locker::new(self.committer.locks.clone(), owner)
    }

    /// The version of the newest commit that changed `key`, as far as memory goes: nothing when that was before the newest
    /// fold. Waits until that commit is visible.
    ///
    /// # Errors
    /// `Indeterminate` when the log fails meanwhile.
    pub fn newest_version_of(&self, key: &[u8]) -> Result<Option<Version>> {
        // The table first: what is found neither there nor in the frozen one then is in the checkpoint.
        let active = self.committer.active();
        let in_frozen = || self.levels.read().frozen.as_ref().and_then(|frozen| frozen.newest_version(key));
        let newest = active.newest_version(key).or_else(in_frozen);
        if let Some(newest) = newest.filter(|newest| *newest > self.visible_version()) {
            self.committer.wait_visible(newest)?;
        }
        Ok(newest)
    }

    /// Whether `key` is another one than `view` shows. Whoever has locked it learns of every commit that did not wait for
    /// that.
    pub(crate) fn is_changed(&self, key: &[u8], view: &View) -> Result<bool> {
        if let Some(newest) = self.newest_version_of(key)? {
            return Ok(newest > view.version());
        }
        if self.levels.read().checkpoint.mark().version <= view.version() {
            return Ok(false);
        }
        Ok(view.get(key)? != self.view()?.get(key)?)
    }

    /// A turn at all of `contended`, once those who came before have left, or kept it waiting for `patience` each.
    pub fn turn(&self, contended: impl IntoIterator<Item = Contended>, patience: Duration) -> Turn {
        self.turns.take(contended, patience)
    }

    pub(crate) fn commit(&self, proposal: Proposal) -> Result<Version> {
        self.refuse_when_closed()?;
        self.give_way(&proposal)?;
        self.wait_for_memory()?;
        let buffered = proposal.durability == super::Durability::Buffered;
        let drops = super::reclaim::drops_a_prefix(&proposal.changes);
        let paced = self.paced_room_size_bytes().map(|room_size_bytes| (proposal.encoded.len(), room_size_bytes));
        let version = self.committer.commit(proposal, self.settings.lock_timeout)?;
        let fold = self.is_fold_due();
        if buffered || fold || drops {
            self.ask(|wanted| {
                wanted.reclaim |= drops;
                wanted.sync |= buffered;
                wanted.fold |= fold;
            });
        }
        if let Some((size_bytes, room_size_bytes)) = paced {
            std::thread::sleep(self.pace.pause(self.env.monotonic(), size_bytes, room_size_bytes));
        }
        Ok(version)
    }

    /// The room that is left in memory, once what is free to fill beside a fold is full.
    fn paced_room_size_bytes(&self) -> Option<usize> {
        if !self.settings.background {
            return None;
        }
        let levels = self.levels.read();
        let active_size_bytes = levels.active.size_bytes();
        if active_size_bytes < self.settings.unpaced_size_bytes() {
            return None;
        }
        let frozen = levels.frozen.as_ref()?;
        Some(self.settings.memtables_size_bytes().saturating_sub(active_size_bytes + frozen.size_bytes()))
    }

    /// Refuses what would make those conflict again who have waited for their turn. Blind writes pass: they cannot
    /// conflict, and their authors need not expect it. And now and then one passes, or those who try again without
    /// standing in line would be kept out for as long as anybody does, or by one who forgot his transaction.
    fn give_way(&self, proposal: &Proposal) -> Result<()> {
        if proposal.in_turn || proposal.reads.is_empty() {
            return Ok(());
        }
        let Some(contended) = self.turns.met_by(&proposal.changes) else { return Ok(()) };
        if self.env.random_u64().is_multiple_of(PASSES_ONE_IN) {
            return Ok(());
        }
        self.statistics.conflicts.fetch_add(1, Ordering::Relaxed);
        let message = "others that conflicted wait in line for what this transaction wrote; run the transaction again";
        Err(Error::conflict(message).at(Some(contended)))
    }

    pub(crate) fn ask(&self, change: impl FnOnce(&mut Wanted)) {
        let mut wanted = self.work.wanted.lock();
        let before = *wanted;
        change(&mut wanted);
        if wanted.sync != before.sync
            || wanted.fold != before.fold
            || wanted.reclaim != before.reclaim
            || wanted.stop != before.stop
        {
            self.work.asked.notify_all();
        }
    }

    /// Back-pressure (K9): a commit waits while the memtables are full, and fails rather than wait without end.
    fn wait_for_memory(&self) -> Result<()> {
        let limit = self.settings.memtables_size_bytes();
        let is_full = || {
            let levels = self.levels.read();
            let frozen_size_bytes = levels.frozen.as_ref().map_or(0, |frozen| frozen.size_bytes());
            levels.active.size_bytes() + frozen_size_bytes >= limit && self.settings.background
        };
        if !is_full() {
            return Ok(());
        }
        self.statistics.stalls.fetch_add(1, Ordering::Relaxed);
        let deadline = self.env.monotonic() + self.settings.stall_timeout;
        let mut wanted = self.work.wanted.lock();
        while is_full() {
            wanted.fold = true;
            self.work.asked.notify_all();
            let left = deadline.saturating_sub(self.env.monotonic());
            if left.is_zero() || self.committer.poisoned().is_some() {
                return Err(Error::unavailable(format!(
                    "memory for commits ({limit} bytes) is full and could not be folded into the checkpoint in time; \
                     try again later or raise memory_size_bytes"
                )));
            }
            self.work.folded.wait_for(&mut wanted, left.min(Duration::from_millis(100)));
        }
        Ok(())
    }

    /// Folds everything committed so far into the checkpoint, and lets the log forget it.
    ///
    /// # Errors
    /// `Unavailable` when the files cannot be written; the log still holds everything.
    pub fn fold(&self) -> Result<Version> {
        let _one_at_a_time = self.folding.lock();
        let is_stuck = self.levels.read().frozen.is_some();
        if is_stuck {
            // An earlier fold ended half-way: its table is still there and is read, and the log still holds it.
            let reason = self.fold_failure().or(self.failure()).unwrap_or_else(|| "for no known reason".to_owned());
            return Err(Error::unavailable(format!(
                "an earlier checkpoint failed ({reason}); mend the cause, then open the database again"
            )));
        }
        let frozen = self.committer.freeze(|fresh| {
            let mut levels = self.levels.write();
            let next =
                Levels { active: fresh, frozen: Some(levels.active.clone()), checkpoint: levels.checkpoint.clone() };
            *levels = Arc::new(next);
        })?;
        // K1, K2: only what is durable in the log may reach the checkpoint.
        self.committer.wait_visible(frozen.version)?;
        if self.committer.durable() < frozen.version {
            self.committer.sync_out()?;
        }
        let started = self.env.monotonic();
        if frozen.version > self.checkpoint.mark().version {
            let mark = CheckpointMark { version: frozen.version, position: frozen.position };
            self.pace.fold_begins(started, frozen.table.size_bytes());
            let folded = self.checkpoint.fold(&mut frozen.table.newest(), mark);
            // Also when it failed: nobody is to be slowed down for a fold that will never end.
            self.pace.fold_ends(self.env.monotonic());
            folded.inspect_err(|error| drop(self.fold_failure.set(error.message().to_owned())))?;
        }
        self.install(self.checkpoint.reader()?);
        let micros = (self.env.monotonic() - started).as_micros() as u64;
        self.statistics.checkpoints.fetch_add(1, Ordering::Relaxed);
        self.statistics.checkpoint_micros.fetch_add(micros, Ordering::Relaxed);
        self.log.trim(frozen.position.next())?;
        Ok(frozen.version)
    }

    pub(crate) fn is_fold_due(&self) -> bool {
        self.levels.read().active.size_bytes() >= self.settings.memtable_size_bytes()
            || self.committer.unfolded_size_bytes() >= self.settings.unfolded_log_size_bytes()
    }

    /// Removes one bounded step of what was dropped; true while there is more.
    ///
    /// # Errors
    /// Those of a commit.
    pub fn reclaim(self: &Arc<Self>) -> Result<bool> {
        super::reclaim::step(self)
    }

    fn install(&self, reader: Arc<super::checkpoint::CheckpointReader>) {
        {
            let mut levels = self.levels.write();
            *levels = Arc::new(Levels { active: levels.active.clone(), frozen: None, checkpoint: reader });
        }
        drop(self.work.wanted.lock());
        self.work.folded.notify_all();
    }

    /// Tells `observer` of every commit, in order, before it becomes visible.
    pub fn observe(&self, observer: Arc<dyn CommitObserver>) {
        self.committer.observe(observer);
    }

    /// The oldest version that anybody reads or may come to read.
    pub fn oldest_readable_version(&self) -> Version {
        self.committer.oldest_reader()
    }

    /// The machine that the keyspace lives on.
    pub fn env(&self) -> &Arc<dyn Env> {
        &self.env
    }

    /// The newest version that a reader sees.
    pub fn visible_version(&self) -> Version {
        self.committer.visible()
    }

    /// Waits until `version` is visible; false when it was not within `timeout`.
    pub fn wait_for_version(&self, version: Version, timeout: Duration) -> bool {
        self.committer.await_version(version, timeout, &*self.env)
    }

    /// Makes everything committed so far durable.
    ///
    /// # Errors
    /// `Indeterminate` when the log fails.
    pub fn sync(&self) -> Result<()> {
        self.committer.sync_out().map(|_| ())
    }

    /// Why commits are refused, or `None` while they are accepted (K4).
    pub fn failure(&self) -> Option<String> {
        self.committer.poisoned()
    }

    /// Why nothing more is folded into the checkpoint, or `None` while all is well. Commits are accepted as long as memory
    /// lasts; only opening again helps.
    pub fn fold_failure(&self) -> Option<String> {
        self.fold_failure.get().cloned()
    }

    /// Figures about the keyspace at this moment.
    pub fn statistics(&self) -> KeyspaceStatistics {
        let levels = self.levels.read().clone();
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        KeyspaceStatistics {
            visible_version: self.committer.visible(),
            durable_version: self.committer.durable(),
            checkpoint_version: levels.checkpoint.mark().version,
            memtable_size_bytes: levels.active.size_bytes() as u64,
            memtable_keys: levels.active.key_count() as u64,
            frozen_size_bytes: levels.frozen.as_ref().map_or(0, |frozen| frozen.size_bytes() as u64),
            checkpoint_size_bytes: self.checkpoint.size_bytes(),
            log_size_bytes: self.log.size_bytes(),
            open_readers: self.committer.readers.count() as u64,
            open_transactions: self.committer.writers.count() as u64,
            locked_keys: self.committer.locks.count() as u64,
            commits: count(&self.statistics.commits),
            conflicts: count(&self.statistics.conflicts),
            log_records: count(&self.statistics.records),
            log_syncs: count(&self.statistics.syncs),
            checkpoints: count(&self.statistics.checkpoints),
            checkpoint_micros: count(&self.statistics.checkpoint_micros),
            stalls: count(&self.statistics.stalls),
            failure: self.committer.poisoned(),
        }
    }

    /// Reads and verifies everything stored: log, checkpoint file, and the order of all keys.
    ///
    /// # Errors
    /// `Corrupt` naming file and offset of the first damage.
    pub fn check(&self) -> Result<CheckReport> {
        use super::transaction::Reader;
        let log_records = self.log.check()?;
        let checkpoint_keys = self.checkpoint.check()?;
        let mut keys = 0u64;
        let mut last: Option<bytes::Bytes> = None;
        for entry in self.snapshot()?.scan(super::KeyRange::all(), super::Direction::Forward)? {
            let (key, _) = entry?;
            if last.as_ref().is_some_and(|last| *last >= key) {
                return Err(Error::corrupt(format!("key {key:?} stands out of order; restore from a backup")));
            }
            last = Some(key);
            keys += 1;
        }
        Ok(CheckReport { log_records, checkpoint_keys, keys })
    }

    /// Folds, makes everything durable and refuses all further use.
    ///
    /// # Errors
    /// As [`Keyspace::fold`]. The keyspace is closed all the same.
    pub fn close(&self) -> Result<()> {
        if self.closed.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        self.ask(|wanted| wanted.stop = true);
        if let Some(reason) = self.committer.poisoned() {
            return Err(Error::unavailable(format!("closed after the log failed ({reason})")));
        }
        self.fold().map(|_| ())
    }
}

impl std::fmt::Debug for Keyspace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keyspace in {} at version {}", self.directory.display(), self.visible_version())
    }
}
