//! Backups: a consistent copy of everything, taken while writers go on, that costs what changed since the one before.
//!
//! ```text
//!   Database at version V --> pieces in order --.                  .--> files of pieces, append only
//!                                               +--> comparison ---+
//!   the target's backup before, in order -------'                  '--> manifest, written last: the backup exists
//!
//!   manifest --> pieces, every byte verified --> checkpoint + files --> FORMAT, written last: the database exists
//! ```
//!
//! **What is copied.** The key space at V, read through a snapshot and written as runs of keys in order; and the ranges
//! of the blob and search files that those keys name. Neither the checkpoint file nor the log is copied. The checkpoint
//! is a B-tree that scatters one changed key over many pages and is written while one copies; read in order it is a
//! stream that only changes where keys changed, independent of its file format, and verified block by block on the way.
//! The log is what the checkpoint does not hold *yet*: at one version, the two together are the key space.
//!
//! **What makes it incremental.** Runs end where the hash of a key says so, so a change stays within its run (see
//! `key_run`). Ranges of files never change, so those that the target has are not even read. A backup therefore reads
//! the whole key space, and writes what is new. Every backup stands alone: it lists all its pieces, wherever they are.
//!
//! **What makes it consistent.** Everything is read at V, through one snapshot, for all models alike. The snapshot pins
//! what it can see; commits, folds, compaction and merges go on beside it. What is in a backup is durable in the
//! database before anything of it is written.
//!
//! **On its way to another machine** (`stream`, `receiver`) a backup is the same pieces in the same order, less those
//! whose ids the target said that it has.
//!
//! **What a crash leaves.** Of a backup that was cut short: files that no manifest names, which the next one removes.
//! Of a restore that was cut short: a directory without `FORMAT`, which nobody opens and the next restore clears.
//!
//! **What a restored database is.** The same keys at the same version, and a log that begins anew. Where both go on
//! they are different histories with the same versions; files are told apart by their salts, so both may be backed up
//! into one target.
//!
//! Left out: compression and encryption (the file system of the target can do both), and restoring to versions between
//! backups.

#[cfg(test)]
mod crash_tests;
mod frames;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzz;
mod key_run;
mod manifest;
mod message;
mod piece;
mod receiver;
mod restore;
mod source;
mod stream;
#[cfg(test)]
mod stream_tests;
mod target;
#[cfg(test)]
mod tests;
mod writer;

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

pub use receiver::BackupReceiver;
pub use stream::BackupStream;

use crate::database::Database;
use crate::env::{Env, OsEnv, Timestamp};
use crate::error::{Error, Result};
use crate::kv::Version;

use source::Source;
use target::Target;
use writer::BackupWriter;

/// How a backup is written.
#[derive(Debug, Clone)]
pub struct BackupOptions {
    /// How many backups of the target are kept, this one included; all when `None`, which is the default.
    pub keep: Option<usize>,
    /// Size at which a file of the target is closed and another begun, in bytes. Default 64 MiB.
    pub pieces_file_size_bytes: u64,
}

impl Default for BackupOptions {
    fn default() -> Self {
        BackupOptions { keep: None, pieces_file_size_bytes: 64 * 1024 * 1024 }
    }
}

/// How far a backup, a restore or a verification is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct BackupProgress {
    /// Bytes gone through.
    pub done_size_bytes: u64,
    /// Bytes to go through; of a backup, about.
    pub total_size_bytes: u64,
    /// Bytes written to the target.
    pub written_size_bytes: u64,
}

/// A backup that was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct BackupReport {
    /// Its number in the target.
    pub number: u64,
    /// The version that it holds.
    pub version: Version,
    /// The backup that it was compared with; `None` for the first.
    pub based_on: Option<u64>,
    /// What it consists of.
    pub pieces: u64,
    /// How many of them were written; the others were there.
    pub pieces_written: u64,
    /// Bytes of all pieces.
    pub size_bytes: u64,
    /// Bytes written to the target.
    pub written_size_bytes: u64,
    /// Older backups removed, since fewer were to be kept.
    pub removed: u64,
}

/// A backup that a target holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct BackupInfo {
    /// Its number in the target.
    pub number: u64,
    /// The version that it holds.
    pub version: Version,
    /// When it was finished.
    pub created: Timestamp,
    /// What it consists of.
    pub pieces: u64,
    /// Bytes of all pieces.
    pub size_bytes: u64,
}

/// What a restore made, or a verification went through.
pub type RestoreReport = BackupInfo;

/// Told how far it is, after every piece.
pub type OnProgress<'a> = &'a mut dyn FnMut(&BackupProgress);

impl Database {
    /// Copies everything at this moment into the directory `target`, on the real machine, as its next backup.
    ///
    /// Writers go on. The first backup of a target writes everything, later ones what changed; each can be restored by
    /// itself. The target must be empty, missing, or hold backups; it should be on another disk.
    ///
    /// ```no_run
    /// # fn main() -> marquetry::Result<()> {
    /// use marquetry::{Database, backup::{self, BackupOptions}};
    /// let database = Database::open("shop-data")?;
    /// let report = database.backup("/backups/shop", &BackupOptions::default(), &mut |_| {})?;
    /// println!("backup {} is version {}", report.number, report.version);
    /// backup::restore("/backups/shop", None, "shop-copy", &mut |_| {})?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `Corrupt` when stored bytes or a backup of the target is damaged, naming file and offset; `Invalid` when the
    /// directory holds other files; `Unavailable` when another backup is being written there or the files cannot be
    /// written. The target stays usable.
    pub fn backup(
        &self,
        target: impl AsRef<Path>,
        options: &BackupOptions,
        progress: OnProgress<'_>,
    ) -> Result<BackupReport> {
        self.backup_on(Arc::new(OsEnv::new()), target.as_ref(), options, progress)
    }

    /// As [`Database::backup`], into a directory of the machine `env`.
    ///
    /// # Errors
    /// As [`Database::backup`].
    pub fn backup_on(
        &self,
        env: Arc<dyn Env>,
        target: &Path,
        options: &BackupOptions,
        progress: OnProgress<'_>,
    ) -> Result<BackupReport> {
        let (target, lock) = Target::claim(env, target)?;
        let mut source = Source::open(&self.shared, target.seed)?;
        let total_size_bytes = source.size_bytes()?;
        let mut writer = BackupWriter::begin(target, lock, options)?;
        while let Some(step) = source.next(&mut writer)? {
            writer.accept(step)?;
            let BackupReport { size_bytes, written_size_bytes, .. } = *writer.report();
            let total_size_bytes = total_size_bytes.max(size_bytes);
            progress(&BackupProgress { done_size_bytes: size_bytes, total_size_bytes, written_size_bytes });
        }
        writer.finish(source.version())
    }
}

/// Whether the directory `path` is one that backups are kept in.
pub fn is_target(path: impl AsRef<Path>) -> bool {
    OsEnv::new().exists(&path.as_ref().join(target::TARGET_FILE)).unwrap_or(false)
}

/// The backups in the directory `target`, oldest first.
///
/// # Errors
/// `NotFound` when it holds none; `Corrupt` naming the manifest that is damaged.
pub fn list(target: impl AsRef<Path>) -> Result<Vec<BackupInfo>> {
    list_on(Arc::new(OsEnv::new()), target.as_ref())
}

/// As [`list`], in a directory of the machine `env`.
///
/// # Errors
/// As [`list`].
pub fn list_on(env: Arc<dyn Env>, target: &Path) -> Result<Vec<BackupInfo>> {
    let target = Target::open(env, target)?;
    target.backups()?.into_iter().map(|number| info(&target, number)).collect()
}

fn info(target: &Target, number: u64) -> Result<BackupInfo> {
    let manifest::Summary { version, created, pieces, size_bytes, .. } = target.manifest(number)?.summary;
    Ok(BackupInfo { number, version, created, pieces, size_bytes })
}

/// Makes the empty or missing `directory` a database again, as it was in backup `number` of `target`; the newest for
/// `None`.
///
/// Every byte is verified before the directory can be opened. What an interrupted restore left in it is removed first.
///
/// # Errors
/// `NotFound` when there is no such backup; `Corrupt` naming file and offset when it is damaged; `Invalid` when the
/// directory is not empty; `Unavailable` when the files cannot be written. The directory cannot be opened then.
pub fn restore(
    target: impl AsRef<Path>,
    number: Option<u64>,
    directory: impl AsRef<Path>,
    progress: OnProgress<'_>,
) -> Result<RestoreReport> {
    restore_on(Arc::new(OsEnv::new()), target.as_ref(), number, directory.as_ref(), progress)
}

/// As [`restore`], between directories of the machine `env`.
///
/// # Errors
/// As [`restore`].
pub fn restore_on(
    env: Arc<dyn Env>,
    target: &Path,
    number: Option<u64>,
    directory: &Path,
    progress: OnProgress<'_>,
) -> Result<RestoreReport> {
    let target = Target::open(env.clone(), target)?;
    let number = chosen(&target, number)?;
    restore::restore(&target, number, &env, directory, progress)
}

/// Reads and verifies every byte of all backups in the directory `target`, what they share once; oldest first.
///
/// # Errors
/// `NotFound` when it holds none; `Corrupt` naming file and offset of the first damage.
pub fn verify(target: impl AsRef<Path>, progress: OnProgress<'_>) -> Result<Vec<BackupInfo>> {
    verify_on(Arc::new(OsEnv::new()), target.as_ref(), progress)
}

/// As [`verify`], in a directory of the machine `env`.
///
/// # Errors
/// As [`verify`].
pub fn verify_on(env: Arc<dyn Env>, target: &Path, progress: OnProgress<'_>) -> Result<Vec<BackupInfo>> {
    let target = Target::open(env, target)?;
    // Of nothing it must not be said that all is well.
    chosen(&target, None)?;
    let mut verified: Vec<BackupInfo> = Vec::new();
    for number in target.backups()? {
        let before = verified.last().map(|before| before.number);
        restore::Pieces::of(&target, number)?.passing_by(before)?.each(progress, |_, _| Ok(()))?;
        verified.push(info(&target, number)?);
    }
    Ok(verified)
}

/// The backup that is meant; the newest when none is named.
fn chosen(target: &Target, number: Option<u64>) -> Result<u64> {
    let numbers = target.backups()?;
    let place = target.directory.display();
    match number {
        None => numbers.last().copied().ok_or_else(|| {
            Error::not_found(format!("{place} holds no finished backup; back up into it first, or name another"))
        }),
        Some(number) if numbers.contains(&number) => Ok(number),
        Some(number) => Err(Error::not_found(format!(
            "{place} holds no backup {number}; it has {}",
            numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
        ))),
    }
}
