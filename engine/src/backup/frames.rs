//! Files of frames: how every file of a backup is written, and how it is known to be right.
//!
//! ```text
//!   [header 32][checksum 8 | size 4 | bytes][checksum 8 | size 4 | bytes] ...
//!     magic, version, number, salt
//! ```
//!
//! A checksum is seeded with the salt of its file and the offset of its frame, so that a frame is only right in its own
//! place of its own file: bytes of another file, or of another place, are damage. Whoever reads names file and offset.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::env::{Env, File, OpenMode};
use crate::error::{Error, Result};
use crate::limits::BACKUP_FRAME_SIZE_BYTES_MAX;

/// Size of the header of a file of frames.
pub(super) const FRAME_FILE_HEADER_SIZE_BYTES: usize = 32;
/// Size of what stands before the bytes of a frame.
pub(super) const FRAME_HEAD_SIZE_BYTES: usize = 12;

const ADVICE: &str = "restore another backup of the target, or back up into an empty one";

/// What a file of frames is.
#[derive(Debug, Clone, Copy)]
pub(super) struct FrameFileKind {
    pub(super) magic: &'static [u8; 8],
    pub(super) version: u32,
}

impl FrameFileKind {
    pub(super) fn header(self, number: u64, salt: u64) -> [u8; FRAME_FILE_HEADER_SIZE_BYTES] {
        let mut bytes = [0; FRAME_FILE_HEADER_SIZE_BYTES];
        bytes[..8].copy_from_slice(self.magic);
        bytes[8..12].copy_from_slice(&self.version.to_le_bytes());
        bytes[12..20].copy_from_slice(&number.to_le_bytes());
        bytes[20..28].copy_from_slice(&salt.to_le_bytes());
        let checksum = crc32c::crc32c(&bytes[..28]);
        bytes[28..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// The number and the salt in a header; `place` names the file in errors.
    pub(super) fn verify(self, header: &[u8; FRAME_FILE_HEADER_SIZE_BYTES], place: &str) -> Result<(u64, u64)> {
        let (body, checksum) = header.split_at(28);
        if &body[..8] != self.magic || crc32c::crc32c(body).to_le_bytes() != checksum {
            return Err(damaged(place, 0, "the header is not that of such a file"));
        }
        let version = u32::from_le_bytes(body[8..12].try_into().expect("four bytes hold the version"));
        if version != self.version {
            return Err(Error::unsupported(format!(
                "{place} has format version {version}, this program reads {}; use a newer program",
                self.version
            )));
        }
        let number = |at: usize| u64::from_le_bytes(body[at..at + 8].try_into().expect("eight bytes hold a number"));
        Ok((number(12), number(20)))
    }
}

/// Appends the frame of `parts`, one behind the other, that stands at `offset` of the file with `salt`.
pub(super) fn encode_frame(salt: u64, offset: u64, parts: &[&[u8]], out: &mut Vec<u8>) {
    let start = out.len();
    let size: usize = parts.iter().map(|part| part.len()).sum();
    out.reserve(FRAME_HEAD_SIZE_BYTES + size);
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(&u32::try_from(size).expect("a frame is far below 4 GiB").to_le_bytes());
    parts.iter().for_each(|part| out.extend_from_slice(part));
    let checksum = xxh3_64_with_seed(&out[start + 8..], salt.wrapping_add(offset));
    out[start..start + 8].copy_from_slice(&checksum.to_le_bytes());
}

/// The size that the head of a frame tells, once it is within the limit.
pub(super) fn frame_size_bytes(head: &[u8; FRAME_HEAD_SIZE_BYTES], place: &str, offset: u64) -> Result<usize> {
    let size = u32::from_le_bytes(head[8..].try_into().expect("four bytes hold the size")) as usize;
    match size <= BACKUP_FRAME_SIZE_BYTES_MAX {
        true => Ok(size),
        false => Err(damaged(place, offset, "a frame is larger than any that is written")),
    }
}

/// Refuses a frame (head and bytes) that is not what was written at `offset` of the file with `salt`.
pub(super) fn verify_frame(salt: u64, offset: u64, frame: &[u8], place: &str) -> Result<()> {
    let (checksum, rest) = frame.split_at(8);
    match xxh3_64_with_seed(rest, salt.wrapping_add(offset)).to_le_bytes() == checksum {
        true => Ok(()),
        false => Err(damaged(place, offset, "a frame does not match its checksum")),
    }
}

/// Damage of a backup, by file and offset.
pub(super) fn damaged(place: &str, offset: u64, what: &str) -> Error {
    Error::corrupt(format!("{place} is damaged at offset {offset}: {what}; {ADVICE}"))
}

/// A file of a backup could not be written.
pub(super) fn write_failed(doing: &str, path: &Path, error: io::Error) -> Error {
    let advice = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space there, then run it again",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "make the directory writable for this user, then run it again"
        }
        _ => "see the system's log for the disk, then run it again",
    };
    Error::unavailable(format!("{doing} {}: {error}; {advice}", path.display())).with_source(error)
}

/// A file of frames that is being written.
#[derive(Debug)]
pub(super) struct FrameWriter {
    path: PathBuf,
    file: Arc<dyn File>,
    salt: u64,
    end: u64,
    buffer: Vec<u8>,
}

impl FrameWriter {
    /// A file with its header and nothing else; one that an interrupted backup left under that name is written over.
    pub(super) fn create(env: &dyn Env, path: PathBuf, kind: FrameFileKind, number: u64) -> Result<Self> {
        let salt = env.random_u64();
        let begin = || {
            let file = env.open(&path, OpenMode::Create)?;
            if file.size_bytes()? > 0 {
                file.set_size(0)?;
            }
            file.write_all_at(0, &kind.header(number, salt))?;
            Ok(file)
        };
        let file = begin().map_err(|error| write_failed("creating", &path, error))?;
        Ok(FrameWriter { path, file, salt, end: FRAME_FILE_HEADER_SIZE_BYTES as u64, buffer: Vec::new() })
    }

    pub(super) fn salt(&self) -> u64 {
        self.salt
    }

    /// Bytes written so far.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Appends a frame and says where it stands.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<u64> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        encode_frame(self.salt, self.end, &[bytes], &mut buffer);
        let outcome = self.append_raw(&buffer);
        self.buffer = buffer;
        outcome
    }

    /// Appends bytes without a frame around them and says where they stand.
    pub(super) fn append_raw(&mut self, bytes: &[u8]) -> Result<u64> {
        let offset = self.end;
        let written = self.file.write_all_at(offset, bytes);
        written.map_err(|error| write_failed("writing", &self.path, error))?;
        self.end += bytes.len() as u64;
        Ok(offset)
    }

    pub(super) fn sync(&self) -> Result<()> {
        self.file.sync_data().map_err(|error| write_failed("syncing", &self.path, error))
    }
}

/// A file of frames to read.
#[derive(Debug)]
pub(super) struct FrameReader {
    place: String,
    file: Arc<dyn File>,
    pub(super) salt: u64,
    pub(super) size_bytes: u64,
    frame: Vec<u8>,
}

impl FrameReader {
    /// The file at `path`, its header found to be that of file `number` of its kind.
    pub(super) fn open(env: &dyn Env, path: &Path, kind: FrameFileKind, number: u64) -> Result<Self> {
        let place = path.display().to_string();
        let file = env.open(path, OpenMode::Read).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::corrupt(format!("{place} is missing; {ADVICE}")),
            _ => Error::io(format_args!("opening {place}"), error),
        })?;
        let size_bytes = file.size_bytes().map_err(|error| Error::io(format_args!("opening {place}"), error))?;
        let mut reader = FrameReader { place, file, salt: 0, size_bytes, frame: Vec::new() };
        let mut header = [0; FRAME_FILE_HEADER_SIZE_BYTES];
        reader.read_exact(0, &mut header)?;
        let (found, salt) = kind.verify(&header, &reader.place)?;
        if found != number {
            return Err(reader.damaged(0, "the file belongs under another name"));
        }
        reader.salt = salt;
        Ok(reader)
    }

    pub(super) fn damaged(&self, offset: u64, what: &str) -> Error {
        damaged(&self.place, offset, what)
    }

    /// The verified bytes of the frame at `offset`, and where the next one begins.
    pub(super) fn read(&mut self, offset: u64) -> Result<(&[u8], u64)> {
        let mut frame = std::mem::take(&mut self.frame);
        let outcome = self.read_into(offset, &mut frame);
        self.frame = frame;
        let next = outcome?;
        Ok((&self.frame[FRAME_HEAD_SIZE_BYTES..], next))
    }

    fn read_into(&self, offset: u64, frame: &mut Vec<u8>) -> Result<u64> {
        let mut head = [0; FRAME_HEAD_SIZE_BYTES];
        self.read_exact(offset, &mut head)?;
        let size = FRAME_HEAD_SIZE_BYTES + frame_size_bytes(&head, &self.place, offset)?;
        let next = offset.saturating_add(size as u64);
        if next > self.size_bytes {
            return Err(self.damaged(offset, "the file ends within a frame"));
        }
        frame.resize(size, 0);
        self.read_exact(offset, frame)?;
        verify_frame(self.salt, offset, frame, &self.place)?;
        Ok(next)
    }

    /// The bytes at `offset` as they are, for what stands outside frames.
    pub(super) fn read_exact(&self, offset: u64, bytes: &mut [u8]) -> Result<()> {
        self.file.read_exact_at(offset, bytes).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => self.damaged(offset, "the file ends there"),
            _ => Error::io(format_args!("reading {} at offset {offset}", self.place), error),
        })
    }
}
