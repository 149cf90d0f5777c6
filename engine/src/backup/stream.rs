//! A backup as a stream of bytes, for a target on another machine.

use super::frames::{FRAME_FILE_HEADER_SIZE_BYTES, encode_frame};
use super::message::{ANSWER, KnownIds, Message, decode_request};
use super::piece::Step;
use super::source::Source;
use crate::database::Database;
use crate::error::{ErrorKind, Result};
use crate::kv::{Reader, Version};

/// One call gives no more than about this, and looks at no more pieces than that.
const CALL_SIZE_BYTES: usize = 256 * 1024;
const CALL_PIECES: usize = 64;

/// Everything that a database holds at one version, as bytes for a [`BackupReceiver`](super::BackupReceiver); made by
/// [`Database::backup_stream`].
///
/// It pins that version until it is dropped.
pub struct BackupStream {
    source: Source,
    known: KnownIds,
    salt: u64,
    offset: u64,
    total_size_bytes: u64,
    pieces: u64,
    is_done: bool,
}

impl Database {
    /// Everything at this moment, less what the target that wrote `request` has.
    ///
    /// # Errors
    /// `Invalid` when the request is none; those of reading.
    pub fn backup_stream(&self, request: &[u8]) -> Result<BackupStream> {
        let (seed, known) = decode_request(request)?;
        let source = Source::open(&self.shared, seed)?;
        let total_size_bytes = source.size_bytes()?;
        let salt = self.shared.keyspace.env().random_u64();
        Ok(BackupStream { source, known, salt, offset: 0, total_size_bytes, pieces: 0, is_done: false })
    }
}

impl BackupStream {
    /// The version that it holds.
    pub fn version(&self) -> Version {
        self.source.snapshot.version()
    }

    /// Appends the next bytes to `out`; false once there are no more.
    ///
    /// A failure is told in the stream, so that whoever receives it can say what it was.
    pub fn next_bytes(&mut self, out: &mut Vec<u8>) -> bool {
        if self.is_done {
            return false;
        }
        if let Err(error) = self.next_steps(out) {
            tracing::error!(%error, "a backup broke off");
            let (is_damage, message) = (error.kind() == ErrorKind::Corrupt, error.message().to_owned());
            self.is_done = true;
            // A message of text alone can always be written; if not, the missing end tells as much.
            let _ = self.write(&Message::Failed { is_damage, message }, &[], out);
        }
        true
    }

    fn next_steps(&mut self, out: &mut Vec<u8>) -> Result<()> {
        if self.offset == 0 {
            out.extend_from_slice(&ANSWER.header(0, self.salt));
            self.offset = FRAME_FILE_HEADER_SIZE_BYTES as u64;
            let total_size_bytes = self.total_size_bytes;
            self.write(&Message::Begin { version: self.version(), total_size_bytes }, &[], out)?;
        }
        let enough = out.len() + CALL_SIZE_BYTES;
        for _ in 0..CALL_PIECES {
            match self.source.next(&mut self.known)? {
                Some(Step::Known(piece)) => self.write(&Message::Known(piece), &[], out)?,
                Some(Step::Fresh(piece, bytes)) => self.write(&Message::Fresh(piece), &bytes, out)?,
                None => {
                    self.is_done = true;
                    return self.write(&Message::End { pieces: self.pieces }, &[], out);
                }
            }
            self.pieces += 1;
            if out.len() >= enough {
                break;
            }
        }
        Ok(())
    }

    fn write(&mut self, message: &Message, bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let before = out.len();
        encode_frame(self.salt, self.offset, &[&message.encode()?, bytes], out);
        self.offset += (out.len() - before) as u64;
        Ok(())
    }
}

impl std::fmt::Debug for BackupStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BackupStream of version {}, {} pieces given", self.version(), self.pieces)
    }
}
