//! Writing one backup into a target.
//!
//! ```text
//!   step --> known: the row of the backup before names its place      --.
//!        --> fresh: appended to a file of pieces                       --+--> row of the manifest
//!   finish: pieces synced, their names synced, manifest synced, renamed, its name synced
//! ```
//!
//! The backup before is walked along in step with the pieces: nothing is looked up and nothing is held in memory.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::frames::{FrameFileKind, FrameWriter, write_failed};
use super::manifest::{Manifest, ManifestWriter, PieceFile, Place, Row, Summary};
use super::piece::{Known, Origin, Piece, PieceId, Step};
use super::target::Target;
use super::{BackupOptions, BackupReport};
use crate::env::FileLock;
use crate::error::{Error, Result};
use crate::kv::Version;

const PIECES_MAGIC: &[u8; 8] = b"mqtrypcs";
const PIECES_VERSION: u32 = 1;

/// What files of pieces are.
pub(super) const PIECES: FrameFileKind = FrameFileKind { magic: PIECES_MAGIC, version: PIECES_VERSION };

/// A backup that is being written.
pub(super) struct BackupWriter {
    pub(super) target: Target,
    options: BackupOptions,
    /// The backup before, read up to the piece at hand.
    base: Option<Manifest>,
    manifest: ManifestWriter,
    manifest_path: PathBuf,
    open: Option<(u64, FrameWriter)>,
    next_file: u64,
    files: BTreeMap<u64, PieceFile>,
    last: Option<Origin>,
    report: BackupReport,
    _lock: Box<dyn FileLock>,
}

impl BackupWriter {
    /// The next backup of `target`.
    pub(super) fn begin(target: Target, lock: Box<dyn FileLock>, options: &BackupOptions) -> Result<Self> {
        target.clean()?;
        let newest = target.backups()?.last().copied();
        let base = newest.map(|newest| target.manifest(newest)).transpose()?;
        let number = newest.unwrap_or(0) + 1;
        let manifest_path = target.backups_folder().join(format!("{number:020}.new"));
        let manifest = ManifestWriter::create(&*target.env, manifest_path.clone(), number)?;
        let next_file = target.piece_files()?.last().map_or(1, |last| last + 1);
        let report = BackupReport { number, based_on: newest, ..BackupReport::default() };
        Ok(BackupWriter {
            target,
            options: options.clone(),
            base,
            manifest,
            manifest_path,
            open: None,
            next_file,
            files: BTreeMap::new(),
            last: None,
            report,
            _lock: lock,
        })
    }

    pub(super) fn report(&self) -> &BackupReport {
        &self.report
    }

    /// Where the backup before has the bytes of `piece`.
    fn place_in_base(&mut self, piece: &Piece) -> Result<Option<Place>> {
        let Some(base) = &mut self.base else { return Ok(None) };
        while let Some(row) = base.peek()? {
            if row.piece.origin < piece.origin {
                base.advance()?;
                continue;
            }
            return Ok((row.piece == *piece).then_some(row.place));
        }
        Ok(None)
    }

    /// Adds the next piece.
    pub(super) fn accept(&mut self, step: Step) -> Result<()> {
        let (piece, place) = match step {
            Step::Known(piece) => match self.place_in_base(&piece)? {
                Some(place) => {
                    self.note_file_of_base(place.file)?;
                    (piece, place)
                }
                None => return Err(Error::invalid("a backup rests on a piece that its target does not hold")),
            },
            Step::Fresh(piece, bytes) => {
                self.verify_fresh(&piece, &bytes)?;
                let place = self.append(&bytes)?;
                self.report.pieces_written += 1;
                (piece, place)
            }
        };
        if self.last.as_ref().is_some_and(|last| *last >= piece.origin) {
            return Err(Error::invalid("the pieces of a backup came out of order"));
        }
        self.last = Some(piece.origin.clone());
        self.report.pieces += 1;
        self.report.size_bytes = self.report.size_bytes.saturating_add(piece.size_bytes);
        self.manifest.append(Row { piece, place })
    }

    fn verify_fresh(&self, piece: &Piece, bytes: &[u8]) -> Result<()> {
        let is_right = match &piece.origin {
            Origin::Keys(_) => PieceId::of_keys(bytes, self.target.seed) == piece.id,
            Origin::Range(folder, file, _) => folder.may_hold(file),
        };
        match is_right && piece.size_bytes == bytes.len() as u64 {
            true => Ok(()),
            false => Err(Error::corrupt("a piece of a backup is not what it is said to be; run the backup again")),
        }
    }

    fn append(&mut self, bytes: &[u8]) -> Result<Place> {
        if self.open.as_ref().is_some_and(|(_, open)| open.end() >= self.options.pieces_file_size_bytes) {
            self.close_file()?;
        }
        if self.open.is_none() {
            let number = self.next_file;
            self.next_file += 1;
            let path = self.target.pieces_path(number);
            self.open = Some((number, FrameWriter::create(&*self.target.env, path, PIECES, number)?));
        }
        let (file, writer) = self.open.as_mut().expect("a file was just opened");
        let before = writer.end();
        let offset = writer.append(bytes)?;
        self.report.written_size_bytes += writer.end() - before;
        Ok(Place { file: *file, offset })
    }

    fn close_file(&mut self) -> Result<()> {
        if let Some((number, writer)) = self.open.take() {
            writer.sync()?;
            self.files.insert(number, PieceFile { number, salt: writer.salt(), size_bytes: writer.end() });
        }
        Ok(())
    }

    /// Takes over a file that the backup before names, once it was found where it should be.
    fn note_file_of_base(&mut self, number: u64) -> Result<()> {
        if self.files.contains_key(&number) {
            return Ok(());
        }
        let named = self.base.as_ref().and_then(|base| {
            let files = &base.summary.files;
            files.binary_search_by_key(&number, |file| file.number).ok().map(|index| files[index])
        });
        let file = named.ok_or_else(|| Error::corrupt(format!("a backup names no file of pieces {number}")))?;
        super::restore::open_pieces(&self.target, file)?;
        self.files.insert(number, file);
        Ok(())
    }

    /// Makes the backup durable, and lets go of those that are not to be kept.
    pub(super) fn finish(mut self, version: Version) -> Result<BackupReport> {
        self.close_file()?;
        self.target.sync_names(&self.target.pieces_folder())?;
        let summary = Summary {
            version,
            created: self.target.env.now(),
            pieces: self.report.pieces,
            size_bytes: self.report.size_bytes,
            files: self.files.into_values().collect(),
        };
        self.report.written_size_bytes += self.manifest.finish(&summary)?;
        self.report.version = version;
        let path = self.target.manifest_path(self.report.number);
        let renamed = self.target.env.rename(&self.manifest_path, &path);
        renamed.map_err(|error| write_failed("renaming", &self.manifest_path, error))?;
        self.target.sync_names(&self.target.backups_folder())?;
        if let Some(kept) = self.options.keep {
            self.report.removed = self.target.keep(kept)? as u64;
        }
        Ok(self.report)
    }
}

impl Known for BackupWriter {
    fn knows(&mut self, piece: &Piece) -> Result<bool> {
        Ok(self.place_in_base(piece)?.is_some())
    }
}
