//! The directory that backups are kept in.
//!
//! ```text
//!   TARGET/BACKUP                                  format, and the seed of ids; written when the first backup begins
//!   TARGET/LOCK                                    locked while a backup is written
//!   TARGET/pieces/00000000000000000001.pieces      bytes of pieces, in files of 64 MiB that are never changed
//!   TARGET/backups/00000000000000000001.backup     one manifest per backup
//! ```
//!
//! - What a manifest names is never changed, so every backup of a target can be restored, whatever came later.
//! - What no manifest names is what an interrupted backup left, or a backup that is not kept any more left behind; the
//!   next backup removes it.
//! - A target is bound to no database: ids tell different bytes apart, so backing up another database into it is merely
//!   a full backup.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::frames::write_failed;
use super::manifest::{Manifest, PieceFile};
use crate::env::{Env, FileLock, OpenMode};
use crate::error::{Error, Result};
use crate::format_file::create_directory;

/// The file that makes a directory a target.
pub(super) const TARGET_FILE: &str = "BACKUP";
const TARGET_NEW_FILE: &str = "BACKUP.new";
const TARGET_MAGIC: &[u8; 8] = b"mqtrytgt";
const TARGET_VERSION: u32 = 1;
const TARGET_SIZE_BYTES: usize = 24;
/// Ending of the names of files of pieces.
const PIECES_SUFFIX: &str = ".pieces";
/// Ending of the names of manifests.
const BACKUP_SUFFIX: &str = ".backup";

/// A directory with backups in it.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) env: Arc<dyn Env>,
    pub(super) directory: PathBuf,
    pub(super) seed: u64,
}

impl Target {
    /// The target at `directory`, to read.
    pub(super) fn open(env: Arc<dyn Env>, directory: &Path) -> Result<Self> {
        let path = directory.join(TARGET_FILE);
        let file = env.open(&path, OpenMode::Read).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Error::not_found(format!(
                "{} holds no backups; name the directory that they were written to",
                directory.display()
            )),
            _ => Error::io(format_args!("opening {}", path.display()), error),
        })?;
        let mut bytes = [0; TARGET_SIZE_BYTES];
        let read = file.size_bytes().and_then(|size_bytes| match size_bytes == TARGET_SIZE_BYTES as u64 {
            true => file.read_exact_at(0, &mut bytes),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        });
        let seed = read
            .map_err(|error| Error::io(format_args!("reading {}", path.display()), error))
            .and_then(|()| verify(&bytes, &path))?;
        Ok(Target { env, directory: directory.to_owned(), seed })
    }

    /// The target at `directory`, created when missing, and its lock.
    pub(super) fn claim(env: Arc<dyn Env>, directory: &Path) -> Result<(Self, Box<dyn FileLock>)> {
        let failed = |error| write_failed("creating", directory, error);
        create_directory(&*env, directory).map_err(failed)?;
        let is_there = env.exists(&directory.join(TARGET_FILE)).map_err(failed)?;
        if !is_there {
            refuse_foreign(&*env, directory)?;
        }
        let lock = env.lock(&directory.join("LOCK")).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => Error::unavailable(format!(
                "another backup is being written to {}; wait for it, then run this one again",
                directory.display()
            )),
            _ => write_failed("locking", directory, error),
        })?;
        if !is_there {
            create(&*env, directory).map_err(failed)?;
        }
        let target = Target::open(env.clone(), directory)?;
        for folder in [target.pieces_folder(), target.backups_folder()] {
            create_directory(&*env, &folder).map_err(|error| write_failed("creating", &folder, error))?;
        }
        Ok((target, lock))
    }

    pub(super) fn pieces_folder(&self) -> PathBuf {
        self.directory.join("pieces")
    }

    pub(super) fn backups_folder(&self) -> PathBuf {
        self.directory.join("backups")
    }

    pub(super) fn pieces_path(&self, number: u64) -> PathBuf {
        self.pieces_folder().join(format!("{number:020}{PIECES_SUFFIX}"))
    }

    pub(super) fn manifest_path(&self, number: u64) -> PathBuf {
        self.backups_folder().join(format!("{number:020}{BACKUP_SUFFIX}"))
    }

    /// The numbers of all backups, oldest first.
    pub(super) fn backups(&self) -> Result<Vec<u64>> {
        self.numbers(&self.backups_folder(), BACKUP_SUFFIX)
    }

    /// The numbers of all files of pieces, oldest first.
    pub(super) fn piece_files(&self) -> Result<Vec<u64>> {
        self.numbers(&self.pieces_folder(), PIECES_SUFFIX)
    }

    fn numbers(&self, folder: &Path, suffix: &str) -> Result<Vec<u64>> {
        let names = match self.env.list(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            names => names.map_err(|error| Error::io(format_args!("listing {}", folder.display()), error))?,
        };
        let number = |name: &String| {
            let digits = name.strip_suffix(suffix)?;
            let is_number = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| digits.parse().ok()).flatten()
        };
        Ok(names.iter().filter_map(number).collect())
    }

    pub(super) fn manifest(&self, number: u64) -> Result<Manifest> {
        Manifest::open(&*self.env, self.manifest_path(number), number)
    }

    /// The files of pieces that the backups name, by number.
    pub(super) fn named_files(&self) -> Result<BTreeMap<u64, PieceFile>> {
        let mut named = BTreeMap::new();
        for number in self.backups()? {
            named.extend(self.manifest(number)?.summary.files.into_iter().map(|file| (file.number, file)));
        }
        Ok(named)
    }

    /// Removes what no backup names.
    pub(super) fn clean(&self) -> Result<()> {
        let named = self.named_files()?;
        let unnamed = self.piece_files()?.into_iter().filter(|number| !named.contains_key(number));
        let mut paths: BTreeSet<PathBuf> = unnamed.map(|number| self.pieces_path(number)).collect();
        let leftovers = self.env.list(&self.backups_folder());
        let leftovers = leftovers.map_err(|error| write_failed("listing", &self.backups_folder(), error))?;
        paths.extend(
            leftovers.iter().filter(|name| name.ends_with(".new")).map(|name| self.backups_folder().join(name)),
        );
        self.remove(paths)
    }

    /// Removes the oldest backups until `kept` are left, then what only they named.
    pub(super) fn keep(&self, kept: usize) -> Result<usize> {
        let numbers = self.backups()?;
        let dropped = &numbers[..numbers.len().saturating_sub(kept.max(1))];
        // Manifests first: a manifest whose pieces are gone would be a damaged backup.
        self.remove(dropped.iter().map(|number| self.manifest_path(*number)))?;
        self.clean()?;
        Ok(dropped.len())
    }

    fn remove(&self, paths: impl IntoIterator<Item = PathBuf>) -> Result<()> {
        let mut folders = BTreeSet::new();
        for path in paths {
            self.env.remove(&path).map_err(|error| write_failed("removing", &path, error))?;
            folders.extend(path.parent().map(Path::to_owned));
        }
        folders.iter().try_for_each(|folder| self.sync_names(folder))
    }

    pub(super) fn sync_names(&self, folder: &Path) -> Result<()> {
        self.env.sync_dir(folder).map_err(|error| write_failed("syncing", folder, error))
    }
}

fn verify(bytes: &[u8; TARGET_SIZE_BYTES], path: &Path) -> Result<u64> {
    let (body, checksum) = bytes.split_at(TARGET_SIZE_BYTES - 4);
    if &body[..8] != TARGET_MAGIC || crc32c::crc32c(body).to_le_bytes() != checksum {
        return Err(Error::corrupt(format!(
            "{} is damaged at offset 0 or is no file of a backup; restore from another target",
            path.display()
        )));
    }
    let version = u32::from_le_bytes(body[8..12].try_into().expect("four bytes hold the version"));
    if version != TARGET_VERSION {
        return Err(Error::unsupported(format!(
            "{} has format version {version}, this program reads {TARGET_VERSION}; use a newer program",
            path.display()
        )));
    }
    Ok(u64::from_le_bytes(body[12..].try_into().expect("eight bytes hold the seed")))
}

/// A directory with other files in it is more likely a mistake than a place for backups.
fn refuse_foreign(env: &dyn Env, directory: &Path) -> Result<()> {
    let names = env.list(directory).map_err(|error| write_failed("listing", directory, error))?;
    match names.iter().find(|name| !matches!(name.as_str(), "LOCK" | TARGET_NEW_FILE | "lost+found")) {
        Some(name) => Err(Error::invalid(format!(
            "{} holds {name:?} and no backups; name an empty or new directory, or one with backups",
            directory.display()
        ))),
        None => Ok(()),
    }
}

fn create(env: &dyn Env, directory: &Path) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(TARGET_SIZE_BYTES);
    bytes.extend_from_slice(TARGET_MAGIC);
    bytes.extend_from_slice(&TARGET_VERSION.to_le_bytes());
    bytes.extend_from_slice(&env.random_u64().to_le_bytes());
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
    let fresh = directory.join(TARGET_NEW_FILE);
    let file = env.open(&fresh, OpenMode::Create)?;
    file.set_size(0)?;
    file.write_all_at(0, &bytes)?;
    file.sync_data()?;
    env.rename(&fresh, &directory.join(TARGET_FILE))?;
    env.sync_dir(directory)
}
