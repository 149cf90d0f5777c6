//! A database at rest with every kind of file in it, whose every byte is accounted for: what damage is done to.
//!
//! ```text
//!   FORMAT   checkpoint   log/*.log   blobs/*.blob   search/*.search        backups beside it: target, manifests, pieces
//! ```
//!
//! Nothing was removed or replaced by the workload, so that what segment files hold is in use, and all backups are kept, so
//! that each piece is in one. Commits follow the last fold, so that the log is needed.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use marquetry::backup::BackupOptions;
use marquetry::env::{CrashPolicy, DiskFork, MemoryEnv};

use crate::verdict::{Verdict, told};
use crate::workload::{Run, settle};
use crate::world::World;

/// Steps before the last fold, and orders behind it.
const STEPS: u64 = 30;
const ORDERS_BEHIND: u64 = 4;
/// Backups that lie beside the database, with an order between them.
const BACKUPS: u64 = 3;
/// Where they lie.
pub const BACKUPS_KEPT: &str = "/kept";
/// Older versions of files that are kept.
const VERSIONS: usize = 12;

/// The kinds of files of a data directory that hold something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileKind {
    /// The directory's format file.
    Format,
    /// The checkpoint.
    Checkpoint,
    /// A segment of the log.
    Log,
    /// A segment of blobs.
    Blobs,
    /// A segment of a search index.
    Search,
    /// The file that says that a directory holds backups.
    BackupTarget,
    /// The manifest of a backup.
    BackupManifest,
    /// The pieces of backups.
    BackupPieces,
}

impl FileKind {
    /// Every kind.
    pub const ALL: [FileKind; 8] = [
        FileKind::Format,
        FileKind::Checkpoint,
        FileKind::Log,
        FileKind::Blobs,
        FileKind::Search,
        FileKind::BackupTarget,
        FileKind::BackupManifest,
        FileKind::BackupPieces,
    ];

    /// Whether the file is one of a backup, not of the database.
    pub fn is_of_backup(self) -> bool {
        matches!(self, FileKind::BackupTarget | FileKind::BackupManifest | FileKind::BackupPieces)
    }

    fn of(path: &Path) -> Option<Self> {
        if let Ok(path) = path.strip_prefix("kept") {
            return match path.extension().and_then(|extension| extension.to_str()) {
                Some("backup") => Some(FileKind::BackupManifest),
                Some("pieces") => Some(FileKind::BackupPieces),
                _ if path.file_name()? == "BACKUP" => Some(FileKind::BackupTarget),
                _ => None,
            };
        }
        // What the workload itself backs up lies elsewhere, and may hold what no backup needs any more.
        let path = path.strip_prefix("db").ok()?;
        let name = path.file_name()?.to_str()?;
        match name.rsplit('.').next()? {
            "FORMAT" => Some(FileKind::Format),
            "checkpoint" => Some(FileKind::Checkpoint),
            "log" => Some(FileKind::Log),
            "blob" => Some(FileKind::Blobs),
            _ if path.parent()?.ends_with("search") => Some(FileKind::Search),
            _ => None,
        }
    }
}

/// The bytes of the checkpoint's parts; see `engine/FORMAT.md`.
const CHECKPOINT_HEADER: Range<u64> = 0..64;
/// The two places of block 0.
pub const CHECKPOINT_SLOTS: [Range<u64>; 2] = [4096..4096 + 4112, 12288..12288 + 4112];
/// Where block 1 begins.
pub const CHECKPOINT_BLOCKS_START: u64 = 20480;
/// The bytes of a block with its checksum.
pub const CHECKPOINT_BLOCK_SIZE_BYTES: u64 = 4104;

/// A database at rest.
#[derive(Debug)]
pub struct Image {
    at_rest: DiskFork,
    /// The run that made it.
    pub run: Run,
    /// What the newest of the backups holds.
    pub backup: World,
    files: BTreeMap<PathBuf, Vec<u8>>,
    used: BTreeMap<FileKind, Vec<(PathBuf, Range<u64>)>>,
    versions: Vec<BTreeMap<PathBuf, Vec<u8>>>,
}

impl Image {
    /// The image that `seed` makes.
    ///
    /// # Errors
    /// When the workload fails.
    pub fn new(seed: u64) -> Verdict<Self> {
        let env = MemoryEnv::simulated(seed);
        env.keep_forks();
        let mut run = Run::new(&env, seed).without_removals();
        told("the workload fails by itself", run.go_on(STEPS))?;
        let database = run.database.clone().ok_or("the workload opens no database")?;
        told("maintenance", settle(&database, &env))?;
        told("a fold", database.checkpoint())?;
        for _ in 0..BACKUPS {
            told("an order", run.commit_one())?;
            let options = BackupOptions::default();
            told(
                "a backup",
                database.backup_on(Arc::new(env.clone()), Path::new(BACKUPS_KEPT), &options, &mut |_| {}),
            )?;
        }
        let backup = run.world().clone();
        for _ in 0..ORDERS_BEHIND {
            told("an order", run.commit_one())?;
        }
        let forks = env.take_forks();
        drop(database);
        run.database = None;
        let at_rest = env.fork();
        let files = contents(&at_rest);
        let step = (forks.len() / VERSIONS).max(1);
        let versions = forks.iter().step_by(step).map(contents).collect();
        let mut used: BTreeMap<FileKind, Vec<(PathBuf, Range<u64>)>> = BTreeMap::new();
        for (path, bytes) in &files {
            if let Some(kind) = FileKind::of(path) {
                let ranges = Image::used(kind, bytes).into_iter().map(|range| (path.clone(), range));
                used.entry(kind).or_default().extend(ranges);
            }
        }
        Ok(Image { at_rest, run, backup, files, used, versions })
    }

    /// The ranges of the files of a kind that mean something.
    pub fn used_ranges(&self, kind: FileKind) -> &[(PathBuf, Range<u64>)] {
        self.used.get(&kind).map_or(&[], |ranges| ranges)
    }

    /// The bytes of a file; none when it is not there.
    pub fn bytes(&self, path: &Path) -> &[u8] {
        self.files.get(path).map_or(&[], |bytes| bytes)
    }

    /// The image on a disk of its own.
    pub fn disk(&self) -> MemoryEnv {
        self.at_rest.crash(CrashPolicy::KeepAll, 0)
    }

    /// The files of a kind, in order, with their bytes.
    pub fn files(&self, kind: FileKind) -> Vec<(&Path, &[u8])> {
        let files = self.files.iter().filter(|(path, _)| FileKind::of(path) == Some(kind));
        files.map(|(path, bytes)| (path.as_path(), &bytes[..])).collect()
    }

    /// What stood at `range` of a file at earlier times and was something else, oldest first; zeros where it was shorter, or
    /// not there: what stands where a write never reached the disk.
    pub fn older(&self, path: &Path, range: Range<u64>) -> Vec<Vec<u8>> {
        let range = range.start as usize..range.end as usize;
        let Some(newest) = self.files.get(path).and_then(|bytes| bytes.get(range.clone())) else { return Vec::new() };
        let part = |files: &BTreeMap<PathBuf, Vec<u8>>| {
            let bytes = files.get(path).map_or(&[][..], |bytes| bytes);
            let there = range.start.min(bytes.len())..range.end.min(bytes.len());
            let mut part = bytes[there].to_vec();
            part.resize(range.len(), 0);
            part
        };
        let mut older: Vec<Vec<u8>> = self.versions.iter().map(part).filter(|part| part[..] != *newest).collect();
        older.dedup();
        older
    }

    /// The ranges of a file that mean something.
    pub fn used(kind: FileKind, bytes: &[u8]) -> Vec<Range<u64>> {
        let size_bytes = bytes.len() as u64;
        let used_size_bytes = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1);
        let from_start = match kind {
            FileKind::Log => used_size_bytes,
            FileKind::Checkpoint => {
                let blocks = (0..).map(block).take_while(|block| block.end <= size_bytes);
                let written =
                    |block: &Range<u64>| bytes[block.start as usize..block.end as usize].iter().any(|byte| *byte != 0);
                return [CHECKPOINT_HEADER].into_iter().chain(CHECKPOINT_SLOTS).chain(blocks.filter(written)).collect();
            }
            _ => size_bytes,
        };
        std::iter::once(0..from_start).collect()
    }
}

/// The place of the block of the checkpoint with the number `number + 1`.
pub fn block(number: u64) -> Range<u64> {
    let start = CHECKPOINT_BLOCKS_START + number * CHECKPOINT_BLOCK_SIZE_BYTES;
    start..start + CHECKPOINT_BLOCK_SIZE_BYTES
}

fn contents(fork: &DiskFork) -> BTreeMap<PathBuf, Vec<u8>> {
    let disk = fork.crash(CrashPolicy::KeepAll, 0);
    let names = disk.file_names().into_iter();
    names.filter_map(|path| disk.read_file(&path).ok().map(|bytes| (path, bytes))).collect()
}
