//! From a backup to a data directory.
//!
//! ```text
//!   FORMAT.new  -->  checkpoint from the runs of keys  -->  blobs/, search/ from the ranges  -->  all synced
//!   and then the one step that makes a database of it:  FORMAT.new --rename--> FORMAT
//! ```
//!
//! - Every byte is verified on its way. Until the last step the directory is refused by whoever opens it; running the
//!   restore again removes what is there and begins anew.
//! - What the database had not named is not in the backup: dead ranges of segment files become holes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::frames::{FrameReader, write_failed};
use super::manifest::{Manifest, PieceFile, Place, Row};
use super::piece::{Origin, Pairs, PieceId};
use super::target::Target;
use super::writer::PIECES;
use super::{BackupProgress, RestoreReport};
use crate::env::{Env, File, OpenMode};
use crate::error::{Error, Result};
use crate::format_file;
use crate::kv::build::KeyspaceBuilder;
use crate::stored_range::Folder;

/// A file of pieces, found to be the one that a manifest names.
pub(super) fn open_pieces(target: &Target, file: PieceFile) -> Result<FrameReader> {
    let reader = FrameReader::open(&*target.env, &target.pieces_path(file.number), PIECES, file.number)?;
    match (reader.salt, reader.size_bytes) {
        (salt, _) if salt != file.salt => Err(reader.damaged(0, "it is another file of the same name")),
        (_, size) if size != file.size_bytes => Err(reader.damaged(size.min(file.size_bytes), "it was cut or went on")),
        _ => Ok(reader),
    }
}

/// The pieces of one backup with their bytes, in order.
pub(super) struct Pieces<'a> {
    target: &'a Target,
    manifest: Manifest,
    files: BTreeMap<u64, PieceFile>,
    open: BTreeMap<u64, FrameReader>,
    /// A backup whose pieces were gone through already: those that both have are passed by.
    seen: Option<Manifest>,
    progress: BackupProgress,
}

/// Files of pieces that are open at once.
const OPEN_FILES_MAX: usize = 64;

impl<'a> Pieces<'a> {
    pub(super) fn of(target: &'a Target, number: u64) -> Result<Self> {
        let manifest = target.manifest(number)?;
        let files: BTreeMap<_, _> = manifest.summary.files.iter().map(|file| (file.number, *file)).collect();
        // Whatever is missing or cut is told before anything is written.
        for file in files.values() {
            open_pieces(target, *file)?;
        }
        let progress = BackupProgress { total_size_bytes: manifest.summary.size_bytes, ..BackupProgress::default() };
        Ok(Pieces { target, manifest, files, open: BTreeMap::new(), seen: None, progress })
    }

    /// Passes by the pieces that backup `number` has as well.
    pub(super) fn passing_by(mut self, number: Option<u64>) -> Result<Self> {
        self.seen = number.map(|number| self.target.manifest(number)).transpose()?;
        Ok(self)
    }

    fn is_seen(&mut self, row: &Row) -> Result<bool> {
        let Some(seen) = &mut self.seen else { return Ok(false) };
        while let Some(other) = seen.peek()? {
            if other.piece.origin < row.piece.origin {
                seen.advance()?;
                continue;
            }
            return Ok(other == row);
        }
        Ok(false)
    }

    /// Hands every piece to `take`, verified.
    pub(super) fn each(
        &mut self,
        progress: &mut dyn FnMut(&BackupProgress),
        mut take: impl FnMut(&Row, &[u8]) -> Result<()>,
    ) -> Result<()> {
        while let Some(row) = self.manifest.advance()? {
            // What a list says of a size is believed only once the piece was read.
            let size_bytes = self.progress.done_size_bytes.saturating_add(row.piece.size_bytes);
            self.progress.done_size_bytes = size_bytes;
            if self.is_seen(&row)? {
                continue;
            }
            let seed = self.target.seed;
            let Place { file, offset } = row.place;
            let reader = self.reader(file)?;
            let (bytes, _) = reader.read(offset)?;
            let is_right = match &row.piece.origin {
                Origin::Keys(_) => PieceId::of_keys(bytes, seed) == row.piece.id,
                Origin::Range(folder, name, _) => folder.may_hold(name),
            };
            let is_right = is_right && bytes.len() as u64 == row.piece.size_bytes;
            match is_right {
                true => take(&row, bytes)?,
                false => return Err(reader.damaged(offset, "it is not the piece that the backup names")),
            }
            progress(&self.progress);
        }
        Ok(())
    }

    fn reader(&mut self, number: u64) -> Result<&mut FrameReader> {
        if !self.open.contains_key(&number) {
            if self.open.len() >= OPEN_FILES_MAX {
                self.open.pop_first();
            }
            let Some(file) = self.files.get(&number) else {
                return Err(Error::corrupt(format!(
                    "backup {} of {} names no file of pieces {number}; restore another backup of the target",
                    self.manifest.number,
                    self.target.directory.display()
                )));
            };
            self.open.insert(number, open_pieces(self.target, *file)?);
        }
        Ok(self.open.get_mut(&number).expect("the file was just opened"))
    }
}

/// Restores backup `number` of `target` into `directory`.
pub(super) fn restore(
    target: &Target,
    number: u64,
    env: &Arc<dyn Env>,
    directory: &Path,
    progress: &mut dyn FnMut(&BackupProgress),
) -> Result<RestoreReport> {
    let mut pieces = Pieces::of(target, number)?;
    let version = pieces.manifest.summary.version;
    let claimed = format_file::begin_building(&**env, directory)?;
    let mut keys = KeyspaceBuilder::create(env.clone(), directory)?;
    let mut files = RangeFiles { env: &**env, directory, open: None, folders: Vec::new() };
    pieces.each(progress, |row, bytes| match &row.piece.origin {
        Origin::Keys(_) => Pairs::of(bytes::Bytes::copy_from_slice(bytes)).try_for_each(|pair| {
            let (key, value) = pair?;
            keys.add(key, value)
        }),
        Origin::Range(folder, name, offset) => files.write(*folder, name, *offset, bytes),
    })?;
    files.finish()?;
    keys.finish(version)?;
    claimed.finish(&**env)?;
    let Pieces { manifest, progress, .. } = pieces;
    Ok(RestoreReport {
        number,
        version,
        created: manifest.summary.created,
        pieces: manifest.summary.pieces,
        size_bytes: progress.done_size_bytes,
    })
}

/// The files of a data directory that ranges are written into, one after the other.
struct RangeFiles<'a> {
    env: &'a dyn Env,
    directory: &'a Path,
    open: Option<(PathBuf, Arc<dyn File>)>,
    folders: Vec<PathBuf>,
}

impl RangeFiles<'_> {
    fn write(&mut self, folder: Folder, name: &str, offset: u64, bytes: &[u8]) -> Result<()> {
        let folder = self.directory.join(folder.name());
        let path = folder.join(name);
        let file = match &self.open {
            Some((open, file)) if *open == path => file.clone(),
            _ => self.switch_to(folder, &path)?,
        };
        file.write_all_at(offset, bytes).map_err(|error| write_failed("writing", &path, error))
    }

    fn switch_to(&mut self, folder: PathBuf, path: &Path) -> Result<Arc<dyn File>> {
        self.close()?;
        if self.folders.last() != Some(&folder) {
            let created = format_file::create_directory(self.env, &folder);
            created.map_err(|error| write_failed("creating", &folder, error))?;
            self.folders.push(folder);
        }
        let file = self.env.open(path, OpenMode::Create).map_err(|error| write_failed("creating", path, error))?;
        self.open = Some((path.to_owned(), file.clone()));
        Ok(file)
    }

    fn close(&mut self) -> Result<()> {
        match self.open.take() {
            Some((path, file)) => file.sync_data().map_err(|error| write_failed("syncing", &path, error)),
            None => Ok(()),
        }
    }

    fn finish(mut self) -> Result<()> {
        self.close()?;
        for folder in &self.folders {
            self.env.sync_dir(folder).map_err(|error| write_failed("syncing", folder, error))?;
        }
        Ok(())
    }
}
