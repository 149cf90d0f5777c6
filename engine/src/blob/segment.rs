//! One segment file: where large bytes are, and how they are known to be right.
//!
//! ```text
//!   blobs/00000000000000000017.blob
//!   [header 24][chunk][chunk][chunk] ... [chunk][chunk]
//!              |----- extent A ----|     |- extent B -|
//!   chunk = up to 64 KiB of bytes, then the XXH3 of them, seeded with the extent's salt + the chunk's index
//! ```
//!
//! - Bytes are appended and never changed. What is behind the last extent that a commit names is nobody's.
//! - The salt is random and stands in the commit, not in the file, so that a chunk is only right in its own place
//!   of its own extent: bytes of another object, of another file or of an earlier life are damage.
//! - Every read goes through the checksum; there is no other way to the bytes.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::keys::SegmentNumber;
use crate::env::{Env, File, OpenMode};
use crate::error::{Error, Result};

/// Ending of the names of segment files.
pub(super) const BLOB_SEGMENT_SUFFIX: &str = ".blob";
/// First bytes of a segment file.
const BLOB_SEGMENT_MAGIC: &[u8; 8] = b"mqtryblb";
/// Version of the format of segment files.
const BLOB_SEGMENT_VERSION: u32 = 1;
/// Size of the header of a segment file.
pub(super) const BLOB_SEGMENT_HEADER_SIZE_BYTES: u64 = 24;
/// Bytes of an object under one checksum; the last chunk of an extent may be shorter.
pub(super) const BLOB_CHUNK_SIZE_BYTES: usize = 64 * 1024;
/// Size of the checksum behind each chunk.
pub(super) const CHECKSUM_SIZE_BYTES: usize = 8;

/// A run of chunks within one segment file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Extent {
    pub(super) segment: SegmentNumber,
    /// Where the first chunk begins in the file.
    pub(super) offset: u64,
    /// Bytes of the object, without checksums.
    pub(super) size_bytes: u64,
    pub(super) salt: u64,
}

impl Extent {
    pub(super) fn chunk_count(&self) -> u64 {
        self.size_bytes.div_ceil(BLOB_CHUNK_SIZE_BYTES as u64)
    }

    /// Bytes of the file, checksums included.
    pub(super) fn stored_size_bytes(&self) -> u64 {
        self.size_bytes.saturating_add(self.chunk_count() * CHECKSUM_SIZE_BYTES as u64)
    }

    /// The checksum behind the chunk number `index`, which is `bytes`.
    pub(super) fn chunk_checksum(&self, index: u64, bytes: &[u8]) -> [u8; CHECKSUM_SIZE_BYTES] {
        chunk_checksum(self.salt, index, bytes)
    }
}

fn chunk_checksum(salt: u64, index: u64, bytes: &[u8]) -> [u8; CHECKSUM_SIZE_BYTES] {
    xxh3_64_with_seed(bytes, salt.wrapping_add(index)).to_le_bytes()
}

/// An open segment file.
#[derive(Debug)]
pub(super) struct SegmentFile {
    pub(super) number: SegmentNumber,
    path: PathBuf,
    file: Arc<dyn File>,
}

pub(super) fn segment_path(directory: &Path, number: SegmentNumber) -> PathBuf {
    directory.join(file_name(number))
}

pub(super) fn file_name(number: SegmentNumber) -> String {
    format!("{:020}{BLOB_SEGMENT_SUFFIX}", number.0)
}

/// The number in the name of a segment file; `None` for any other name.
pub(super) fn segment_number(name: &str) -> Option<SegmentNumber> {
    let digits = name.strip_suffix(BLOB_SEGMENT_SUFFIX)?;
    let plain = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten().map(SegmentNumber)
}

impl SegmentFile {
    /// A new file with its header written, not synced; `None` when there is such a file.
    pub(super) fn create(env: &dyn Env, directory: &Path, number: SegmentNumber) -> Result<Option<Self>> {
        let path = segment_path(directory, number);
        let file = match env.open(&path, OpenMode::CreateNew) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
            Err(error) => return Err(write_failed("creating", &path, error)),
        };
        let segment = SegmentFile { number, path, file };
        segment.file.write_all_at(0, &header(number)).map_err(|error| segment.write_failed(error))?;
        Ok(Some(segment))
    }

    /// The file as it is on disk.
    pub(super) fn open(env: &dyn Env, directory: &Path, number: SegmentNumber) -> Result<Self> {
        let path = segment_path(directory, number);
        let file = env.open(&path, OpenMode::Read).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::corrupt(format!(
                "{} is missing and holds bytes of stored objects; restore it from a backup",
                path.display()
            )),
            _ => Error::io(format_args!("opening {}", path.display()), error),
        })?;
        let segment = SegmentFile { number, path, file };
        segment.verify_header()?;
        Ok(segment)
    }

    /// The header that the file has.
    pub(super) fn header(&self) -> [u8; BLOB_SEGMENT_HEADER_SIZE_BYTES as usize] {
        header(self.number)
    }

    fn verify_header(&self) -> Result<()> {
        let mut found = [0; BLOB_SEGMENT_HEADER_SIZE_BYTES as usize];
        self.file.read_exact_at(0, &mut found).map_err(|error| self.read_failed(0, error))?;
        if found == header(self.number) {
            return Ok(());
        }
        let (body, checksum) = found.split_at(20);
        let version = u32::from_le_bytes(body[8..12].try_into().expect("four bytes hold the version"));
        if &body[..8] == BLOB_SEGMENT_MAGIC
            && crc32c::crc32c(body).to_le_bytes() == checksum
            && version != BLOB_SEGMENT_VERSION
        {
            return Err(Error::unsupported(format!(
                "{} has format version {version}, this program reads {BLOB_SEGMENT_VERSION}; use a newer program",
                self.path.display()
            )));
        }
        Err(self.damaged(0, "the header is not that of this file"))
    }

    /// Writes the chunk number `index` of an extent at `offset`; `bytes` is left with the checksum behind it.
    pub(super) fn write_chunk(&self, offset: u64, salt: u64, index: u64, bytes: &mut Vec<u8>) -> Result<()> {
        let checksum = chunk_checksum(salt, index, bytes);
        bytes.extend_from_slice(&checksum);
        self.file.write_all_at(offset, bytes).map_err(|error| self.write_failed(error))
    }

    /// Reads the chunk number `index` of `extent` into `bytes`.
    pub(super) fn read_chunk(&self, extent: &Extent, index: u64, bytes: &mut Vec<u8>) -> Result<()> {
        let before = index.saturating_mul(BLOB_CHUNK_SIZE_BYTES as u64);
        let size = extent.size_bytes.saturating_sub(before).min(BLOB_CHUNK_SIZE_BYTES as u64) as usize;
        let within = index.saturating_mul((BLOB_CHUNK_SIZE_BYTES + CHECKSUM_SIZE_BYTES) as u64);
        // Beyond all numbers is beyond every file.
        let offset = extent.offset.saturating_add(within);
        bytes.resize(size + CHECKSUM_SIZE_BYTES, 0);
        let outcome = self.file.read_exact_at(offset, bytes).map_err(|error| self.read_failed(offset, error));
        let checksum: [u8; CHECKSUM_SIZE_BYTES] = bytes[size..].try_into().expect("the checksum stands at the end");
        bytes.truncate(size);
        let verified = outcome.and_then(|()| match chunk_checksum(extent.salt, index, bytes) == checksum {
            true => Ok(()),
            false => Err(self.damaged(offset, "a chunk does not match its checksum")),
        });
        if verified.is_err() {
            bytes.clear();
        }
        verified
    }

    pub(super) fn sync(&self) -> Result<()> {
        self.file.sync_data().map_err(|error| self.write_failed(error))
    }

    /// The size of a file that may be of any content.
    pub(super) fn size_of(env: &dyn Env, directory: &Path, number: SegmentNumber) -> Result<u64> {
        let path = segment_path(directory, number);
        env.open(&path, OpenMode::Read)
            .and_then(|file| file.size_bytes())
            .map_err(|error| Error::io(format_args!("opening {}", path.display()), error))
    }

    /// Cuts off what is behind `size_bytes`.
    pub(super) fn truncate(&self, size_bytes: u64) -> io::Result<()> {
        self.file.set_size(size_bytes)
    }

    fn damaged(&self, offset: u64, what: &str) -> Error {
        Error::corrupt(format!(
            "{} is damaged at offset {offset}: {what}; keep the file and restore it from a backup",
            self.path.display()
        ))
    }

    fn read_failed(&self, offset: u64, error: io::Error) -> Error {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => self.damaged(offset, "the file ends there"),
            _ => Error::io(format_args!("reading {} at offset {offset}", self.path.display()), error),
        }
    }

    fn write_failed(&self, error: io::Error) -> Error {
        write_failed("writing", &self.path, error)
    }
}

/// A failed write costs only the put that it belongs to, so the advice is to try that again.
pub(super) fn write_failed(doing: &str, path: &Path, error: io::Error) -> Error {
    let advice = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some disk space, then put the object again",
        _ => "see the system's log for the disk, then put the object again",
    };
    Error::unavailable(format!("{doing} {}: {error}; {advice}", path.display())).with_source(error)
}

fn header(number: SegmentNumber) -> [u8; BLOB_SEGMENT_HEADER_SIZE_BYTES as usize] {
    let mut bytes = [0; BLOB_SEGMENT_HEADER_SIZE_BYTES as usize];
    bytes[..8].copy_from_slice(BLOB_SEGMENT_MAGIC);
    bytes[8..12].copy_from_slice(&BLOB_SEGMENT_VERSION.to_le_bytes());
    bytes[12..20].copy_from_slice(&number.0.to_le_bytes());
    let checksum = crc32c::crc32c(&bytes[..20]);
    bytes[20..].copy_from_slice(&checksum.to_le_bytes());
    bytes
}
