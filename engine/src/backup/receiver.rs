//! A target that takes a backup from a stream.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use super::frames::{FRAME_FILE_HEADER_SIZE_BYTES, FRAME_HEAD_SIZE_BYTES, frame_size_bytes, verify_frame};
use super::message::{ANSWER, Message, encode_request};
use super::piece::Step;
use super::target::Target;
use super::writer::BackupWriter;
use super::{BackupOptions, BackupProgress, BackupReport, OnProgress};
use crate::env::{Env, OsEnv};
use crate::error::{Error, Result};
use crate::limits::BACKUP_KNOWN_PIECES_MAX;

const PLACE: &str = "the backup on its way here";

/// The next backup of a target, received as the bytes of a [`BackupStream`](super::BackupStream).
///
/// ```
/// # fn main() -> marquetry::Result<()> {
/// # use std::sync::Arc;
/// # use marquetry::{Database, backup::{BackupOptions, BackupReceiver}, env::MemoryEnv};
/// # let database = Database::in_memory()?;
/// # let machine = Arc::new(MemoryEnv::new());
/// let receiver = BackupReceiver::open_on(machine, "/backups".as_ref(), &BackupOptions::default())?;
/// let mut stream = database.backup_stream(&receiver.request()?)?;
/// let mut bytes = Vec::new();
/// while stream.next_bytes(&mut bytes) {}
/// let report = receiver.receive(&bytes[..], &mut |_| {})?;
/// assert_eq!(report.number, 1);
/// # Ok(())
/// # }
/// ```
pub struct BackupReceiver {
    writer: BackupWriter,
}

impl BackupReceiver {
    /// The next backup of the directory `target`; see [`Database::backup`](crate::Database::backup).
    ///
    /// # Errors
    /// As [`Database::backup`](crate::Database::backup).
    pub fn open(target: impl AsRef<Path>, options: &BackupOptions) -> Result<Self> {
        BackupReceiver::open_on(Arc::new(OsEnv::new()), target.as_ref(), options)
    }

    /// As [`BackupReceiver::open`], in a directory of the machine `env`.
    ///
    /// # Errors
    /// As [`BackupReceiver::open`].
    pub fn open_on(env: Arc<dyn Env>, target: &Path, options: &BackupOptions) -> Result<Self> {
        let (target, lock) = Target::claim(env, target)?;
        Ok(BackupReceiver { writer: BackupWriter::begin(target, lock, options)? })
    }

    /// What to give to [`Database::backup_stream`](crate::Database::backup_stream), so that only what is missing here
    /// comes.
    ///
    /// # Errors
    /// `Corrupt` when the newest backup of the target is damaged.
    pub fn request(&self) -> Result<Vec<u8>> {
        let target = &self.writer.target;
        let mut ids = BTreeSet::new();
        if let Some(newest) = self.writer.report().based_on {
            let mut manifest = target.manifest(newest)?;
            while ids.len() < BACKUP_KNOWN_PIECES_MAX
                && let Some(row) = manifest.advance()?
            {
                ids.insert(row.piece.id.0);
            }
        }
        Ok(encode_request(target.seed, ids))
    }

    /// Makes a backup of what `stream` gives.
    ///
    /// # Errors
    /// `Unavailable` when the stream breaks off or the files cannot be written; `Corrupt` when what came is damaged, or
    /// what the other side had to read was. The target stays usable.
    pub fn receive(mut self, stream: impl Read, progress: OnProgress<'_>) -> Result<BackupReport> {
        let mut frames = Frames::begin(stream)?;
        let (mut begun, mut told) = (None, 0);
        loop {
            let (message, bytes) = frames.next_message()?;
            match message {
                Message::Begin { version, total_size_bytes } => {
                    begun = Some(version);
                    told = total_size_bytes;
                }
                Message::Known(piece) => self.writer.accept(Step::Known(piece))?,
                Message::Fresh(piece) => self.writer.accept(Step::Fresh(piece, bytes))?,
                Message::Failed { is_damage: true, message } => return Err(Error::corrupt(message)),
                Message::Failed { message, .. } => return Err(Error::unavailable(message)),
                Message::End { pieces } => {
                    return match begun {
                        Some(version) if pieces == self.writer.report().pieces => self.writer.finish(version),
                        _ => Err(Error::corrupt(format!("{PLACE} is not whole; run the backup again"))),
                    };
                }
            }
            let BackupReport { size_bytes, written_size_bytes, .. } = *self.writer.report();
            let total_size_bytes = told.max(size_bytes);
            progress(&BackupProgress { done_size_bytes: size_bytes, total_size_bytes, written_size_bytes });
        }
    }
}

#[cfg(feature = "fuzzing")]
impl BackupReceiver {
    pub(super) fn seed(&self) -> u64 {
        self.writer.target.seed
    }
}

impl std::fmt::Debug for BackupReceiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BackupReceiver of {}", self.writer.target.directory.display())
    }
}

/// The frames of a stream.
struct Frames<S> {
    stream: S,
    salt: u64,
    offset: u64,
    frame: Vec<u8>,
}

impl<S: Read> Frames<S> {
    fn begin(mut stream: S) -> Result<Self> {
        let mut header = [0; FRAME_FILE_HEADER_SIZE_BYTES];
        stream.read_exact(&mut header).map_err(|error| broke_off(&error))?;
        let (_, salt) = ANSWER.verify(&header, PLACE)?;
        Ok(Frames { stream, salt, offset: FRAME_FILE_HEADER_SIZE_BYTES as u64, frame: Vec::new() })
    }

    fn next_message(&mut self) -> Result<(Message, Vec<u8>)> {
        let mut head = [0; FRAME_HEAD_SIZE_BYTES];
        self.stream.read_exact(&mut head).map_err(|error| broke_off(&error))?;
        let size = frame_size_bytes(&head, PLACE, self.offset)?;
        self.frame.clear();
        self.frame.extend_from_slice(&head);
        // Memory grows with what has arrived, not with what the head tells.
        let read =
            (&mut self.stream).take(size as u64).read_to_end(&mut self.frame).map_err(|error| broke_off(&error))?;
        if read < size {
            return Err(broke_off(&io::ErrorKind::UnexpectedEof.into()));
        }
        verify_frame(self.salt, self.offset, &self.frame, PLACE)?;
        self.offset += self.frame.len() as u64;
        let (message, bytes) = Message::decode(&self.frame[FRAME_HEAD_SIZE_BYTES..])?;
        Ok((message, bytes.to_vec()))
    }
}

fn broke_off(error: &io::Error) -> Error {
    Error::unavailable(format!("{PLACE} broke off: {error}; run the backup again"))
}
