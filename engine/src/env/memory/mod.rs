//! A disk in memory: the home of in-memory databases, and the crash laboratory of the tests.
//!
//! ```text
//!   MemoryEnv::new()               MemoryEnv::simulated(seed)
//!   names -> files                 names -> files          what every reader sees
//!   nothing else is kept           durable names, bytes    what the disk has for certain
//!                                  pending changes         what a power cut keeps, loses or tears
//!                                       |
//!                                       '-- crash(policy) --> a new MemoryEnv; the old one is dead
//! ```
//!
//! Rules of a simulated disk:
//! - a change of a file is pending until `sync_data` of that file, a change of a name until `sync_dir`
//!   of its directory; closing, dropping and syncing anything else never helps. This includes the name
//!   of a created directory in the one above it.
//! - every change and every sync is one numbered I/O, so that a test can stop the world at each.
//! - the same seed and the same calls give the same disk after a crash.
//! - a [`DiskFork`] is the disk at one moment, kept for later: one run of a workload gives the forks of all its I/Os,
//!   and each fork any number of crashes.
//!
//! One lock is held through every call on a simulated disk: a call that returned success before the
//! crash has its full effect in what the crash left. Left out: hard links, renamed directories and
//! permissions, which the engine does not use.

mod content;
mod fork;
mod names;
mod pages;
mod simulation;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};

use self::content::FileNode;
use self::names::{Names, normal};
use self::simulation::{Fate, Simulation};
use super::{Env, File, FileBytes, FileLock, OpenMode, OsEnv, Timestamp};

pub use self::fork::DiskFork;
pub use self::simulation::{CrashPolicy, FailureSpan};

/// A disk in memory, with the real clock and randomness or a simulated machine around it.
///
/// A clone is another handle on the same disk.
#[derive(Debug, Clone)]
pub struct MemoryEnv {
    disk: Arc<Disk>,
}

#[derive(Debug)]
struct Disk {
    names: Mutex<Names>,
    locks: Mutex<BTreeSet<PathBuf>>,
    /// Taken before every other lock and held through each call; absent on a disk without faults.
    simulation: Option<Mutex<Simulation>>,
}

impl Default for MemoryEnv {
    fn default() -> Self {
        MemoryEnv::new()
    }
}

impl MemoryEnv {
    /// An empty disk that never fails, on the real clock and random source.
    pub fn new() -> Self {
        MemoryEnv::with(Names::empty(false), None)
    }

    /// An empty disk that remembers what is not yet durable, on a clock that stands still until moved.
    ///
    /// Randomness, torn writes and crash outcomes follow from `seed`.
    pub fn simulated(seed: u64) -> Self {
        MemoryEnv::with(Names::empty(true), Some(Simulation::new(seed)))
    }

    fn with(names: Names, simulation: Option<Simulation>) -> Self {
        let disk = Disk { names: Mutex::new(names), locks: Mutex::default(), simulation: simulation.map(Mutex::new) };
        MemoryEnv { disk: Arc::new(disk) }
    }

    fn simulation(&self) -> MutexGuard<'_, Simulation> {
        self.disk.simulation.as_ref().expect("faults are asked only of MemoryEnv::simulated").lock()
    }

    /// What a power cut at this moment leaves, as a new disk with no locks, no faults and an I/O count of 0.
    ///
    /// This disk is dead afterwards: every call on it fails, so that threads of the crashed engine stop.
    /// The clock goes on where it stood.
    ///
    /// # Panics
    /// On a disk that is not simulated.
    #[must_use]
    pub fn crash(&self, policy: CrashPolicy) -> MemoryEnv {
        let mut simulation = self.simulation();
        let mut successor = simulation.die(policy);
        let names = self.disk.names.lock().after_crash(policy, successor.crash_random());
        MemoryEnv::with(names, Some(successor))
    }

    /// How many changes and syncs were asked of this disk so far.
    ///
    /// # Panics
    /// On a disk that is not simulated, as every method that concerns faults or the clock.
    pub fn io_count(&self) -> u64 {
        self.simulation().io_count()
    }

    /// Cuts the power at I/O number `number` (the next one is `io_count() + 1`).
    ///
    /// That I/O and every call after it fail. A write that was cut is pending, so [`MemoryEnv::crash`]
    /// may keep all, parts or nothing of it; of anything else nothing happened.
    pub fn crash_at(&self, number: u64) {
        self.simulation().crash_at(number);
    }

    /// Whether the power was cut, by [`MemoryEnv::crash_at`] or [`MemoryEnv::crash`].
    pub fn is_dead(&self) -> bool {
        self.simulation().is_dead()
    }

    /// Keeps a fork of this disk at every I/O from here on: what [`MemoryEnv::crash_at`] would find there.
    pub fn keep_forks(&self) {
        self.simulation().keep_forks();
    }

    /// The forks kept since [`MemoryEnv::keep_forks`], one per I/O, in order; none are kept from here on.
    #[must_use]
    pub fn take_forks(&self) -> Vec<DiskFork> {
        self.simulation().take_forks()
    }

    /// This disk as it is at this moment, kept for any number of crashes; it lives on itself.
    #[must_use]
    pub fn fork(&self) -> DiskFork {
        self.simulation().fork(&self.disk.names.lock())
    }

    /// Makes I/O number `number` fail with `kind`, and all after it too when `span` says so.
    ///
    /// A failed write may have written a part. After a failed `sync_data` each pending change is either
    /// durable or gone for good, whatever later syncs say, while readers still see it.
    pub fn fail_at(&self, number: u64, kind: io::ErrorKind, span: FailureSpan) {
        self.simulation().fail_at(number, kind, span);
    }

    /// Makes every read of a file fail with `kind`, or none any more.
    pub fn fail_reads(&self, kind: Option<io::ErrorKind>) {
        self.simulation().fail_reads(kind);
    }

    /// Removes what [`MemoryEnv::crash_at`], [`MemoryEnv::fail_at`] and [`MemoryEnv::fail_reads`] planned.
    pub fn clear_faults(&self) {
        self.simulation().clear_faults();
    }

    /// Sets the wall clock; the monotonic clock does not move.
    pub fn set_now(&self, now: Timestamp) {
        self.simulation().set_now(now);
    }

    /// Moves both clocks on.
    pub fn advance(&self, duration: Duration) {
        self.simulation().advance(duration);
    }

    /// The paths of all files, sorted, without a leading slash.
    pub fn file_names(&self) -> Vec<PathBuf> {
        self.disk.names.lock().file_names()
    }

    /// The bytes of a file as readers see them.
    ///
    /// # Errors
    /// `NotFound` when there is no such file.
    pub fn read_file(&self, path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
        Ok(self.node(path.as_ref())?.to_vec())
    }

    /// Puts a durable file with these bytes there, and the directories above it. Counts as no I/O.
    pub fn write_file(&self, path: impl AsRef<Path>, bytes: &[u8]) {
        self.disk.names.lock().put_durable(&normal(path.as_ref()), bytes);
    }

    /// Cuts a file to `size_bytes`, durably. Counts as no I/O.
    ///
    /// # Errors
    /// `NotFound` when there is no such file.
    pub fn truncate(&self, path: impl AsRef<Path>, size_bytes: u64) -> io::Result<()> {
        self.node(path.as_ref())?.damage(|bytes| {
            let size = usize::try_from(size_bytes).unwrap_or(usize::MAX).min(bytes.size_bytes());
            bytes.resize(size)
        })
    }

    /// Puts `bytes` over those at `offset` of a file, durably. Counts as no I/O.
    ///
    /// # Errors
    /// `NotFound` when there is no such file.
    pub fn overwrite(&self, path: impl AsRef<Path>, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let offset = usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge)?;
        self.node(path.as_ref())?.damage(|pages| pages.write(offset, bytes))
    }

    /// Inverts one bit of a file, durably; bit 0 is the lowest of byte 0. Counts as no I/O.
    ///
    /// # Errors
    /// `NotFound` when there is no such file, `UnexpectedEof` when it is shorter.
    pub fn flip_bit(&self, path: impl AsRef<Path>, bit_offset: u64) -> io::Result<()> {
        let offset = usize::try_from(bit_offset / 8).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        self.node(path.as_ref())?.damage(|bytes| {
            let mut byte = [0];
            if !bytes.read(offset, &mut byte) {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            bytes.write(offset, &[byte[0] ^ 1 << (bit_offset % 8)])
        })
    }

    fn node(&self, path: &Path) -> io::Result<Arc<FileNode>> {
        self.disk.names.lock().file(&normal(path))
    }

    fn call(&self) -> io::Result<Call<'_>> {
        self.disk.call()
    }
}

/// One call in progress: on a simulated disk nothing else happens meanwhile.
struct Call<'a> {
    simulation: Option<MutexGuard<'a, Simulation>>,
}

impl Disk {
    fn call(&self) -> io::Result<Call<'_>> {
        let simulation = self.simulation.as_ref().map(Mutex::lock);
        if let Some(simulation) = &simulation {
            simulation.alive()?;
        }
        Ok(Call { simulation })
    }
}

impl Call<'_> {
    /// Counts one I/O that happens as a whole or, with this error, not at all.
    fn admit(&mut self, names: &Names) -> io::Result<()> {
        let Some(simulation) = &mut self.simulation else { return Ok(()) };
        let fate = simulation.next_io();
        simulation.note_fork(names);
        match fate {
            Fate::Done => Ok(()),
            Fate::Cut => Err(simulation::power_is_cut()),
            Fate::Failed(kind) => Err(kind.into()),
        }
    }
}

impl Env for MemoryEnv {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let mut call = self.call()?;
        let path = normal(path);
        let mut names = self.disk.names.lock();
        let node = match names.file(&path) {
            Ok(_) if mode == OpenMode::CreateNew => return Err(io::ErrorKind::AlreadyExists.into()),
            Err(error)
                if error.kind() == io::ErrorKind::NotFound
                    && matches!(mode, OpenMode::Create | OpenMode::CreateNew) =>
            {
                names.check_parent(&path)?;
                call.admit(&names)?;
                names.create(&path)
            }
            found => found?,
        };
        Ok(Arc::new(MemoryFile { node, disk: Arc::clone(&self.disk), writable: mode != OpenMode::Read }))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let mut call = self.call()?;
        let mut names = self.disk.names.lock();
        for directory in names.missing_directories(&normal(path))? {
            call.admit(&names)?;
            names.create_directory(&directory);
        }
        Ok(())
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let _call = self.call()?;
        self.disk.names.lock().list(&normal(directory))
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        let _call = self.call()?;
        Ok(self.disk.names.lock().exists(&normal(path)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut call = self.call()?;
        let (from, to) = (normal(from), normal(to));
        let mut names = self.disk.names.lock();
        names.check_rename(&from, &to)?;
        call.admit(&names)?;
        names.rename(&from, &to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut call = self.call()?;
        let path = normal(path);
        let mut names = self.disk.names.lock();
        names.file(&path)?;
        call.admit(&names)?;
        names.remove(&path)
    }

    fn sync_dir(&self, directory: &Path) -> io::Result<()> {
        let mut call = self.call()?;
        let directory = normal(directory);
        let mut names = self.disk.names.lock();
        names.check_directory(&directory)?;
        call.admit(&names)?;
        names.sync(&directory);
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn FileLock>> {
        self.open(path, OpenMode::Create)?;
        let path = normal(path);
        if !self.disk.locks.lock().insert(path.clone()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(MemoryLock { path, disk: Arc::clone(&self.disk) }))
    }

    fn now(&self) -> Timestamp {
        self.disk.simulation.as_ref().map_or_else(|| OsEnv.now(), |simulation| simulation.lock().now())
    }

    fn monotonic(&self) -> Duration {
        self.disk.simulation.as_ref().map_or_else(|| OsEnv.monotonic(), |simulation| simulation.lock().monotonic())
    }

    fn fill_random(&self, buffer: &mut [u8]) {
        match &self.disk.simulation {
            Some(simulation) => simulation.lock().fill_random(buffer),
            None => OsEnv.fill_random(buffer),
        }
    }
}

#[derive(Debug)]
struct MemoryFile {
    node: Arc<FileNode>,
    disk: Arc<Disk>,
    writable: bool,
}

impl MemoryFile {
    fn call_to_write(&self) -> io::Result<Call<'_>> {
        if !self.writable {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "the file is open for reading only"));
        }
        self.disk.call()
    }

    fn call_to_read(&self) -> io::Result<Call<'_>> {
        let call = self.disk.call()?;
        if let Some(simulation) = &call.simulation {
            simulation.readable()?;
        }
        Ok(call)
    }
}

impl File for MemoryFile {
    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let _call = self.call_to_read()?;
        self.node.read(offset, buffer)
    }

    fn write_all_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut call = self.call_to_write()?;
        let Some(simulation) = &mut call.simulation else {
            return self.node.write(offset, bytes);
        };
        let fate = simulation.next_io();
        let written = match fate {
            Fate::Done | Fate::Cut => bytes.len(),
            Fate::Failed(_) => simulation.crash_random().below(bytes.len() + 1),
        };
        self.node.write(offset, &bytes[..written])?;
        // A write that a power cut meets is pending already.
        simulation.note_fork(&self.disk.names.lock());
        match fate {
            Fate::Done => Ok(()),
            Fate::Cut => Err(simulation::power_is_cut()),
            Fate::Failed(kind) => Err(kind.into()),
        }
    }

    fn size_bytes(&self) -> io::Result<u64> {
        let _call = self.disk.call()?;
        Ok(self.node.size_bytes())
    }

    fn set_size(&self, size_bytes: u64) -> io::Result<()> {
        let mut call = self.call_to_write()?;
        call.admit(&self.disk.names.lock())?;
        self.node.set_size(size_bytes)
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut call = self.disk.call()?;
        let Some(simulation) = &mut call.simulation else {
            return Ok(());
        };
        let fate = simulation.next_io();
        simulation.note_fork(&self.disk.names.lock());
        match fate {
            Fate::Done => self.node.settle(|_| true),
            Fate::Cut => return Err(simulation::power_is_cut()),
            Fate::Failed(kind) => {
                self.node.settle(|_| simulation.crash_random().coin());
                return Err(kind.into());
            }
        }
        Ok(())
    }

    fn bytes(&self) -> io::Result<FileBytes> {
        let _call = self.call_to_read()?;
        Ok(FileBytes::Copied(self.node.to_vec()))
    }
}

#[derive(Debug)]
struct MemoryLock {
    path: PathBuf,
    disk: Arc<Disk>,
}

impl FileLock for MemoryLock {}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        self.disk.locks.lock().remove(&self.path);
    }
}

#[cfg(test)]
mod tests;
