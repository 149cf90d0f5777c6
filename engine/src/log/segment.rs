//! One file of the log: its name, its header, and the handle that readers and the writer share.
//!
//! ```text
//!   00000000000000000001.log     named by the position of its first record
//!   | magic 8 | version 4 | chain 4 | first position 8 | salt 8 | checksum 4 | frames ...
//! ```
//!
//! Magic, version and checksum stay where they are in every version, so that a newer file is told from a damaged one.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::env::{Env, File, OpenMode};
use crate::error::{Error, Result};

use super::Position;
use super::frame::{u32_at, u64_at};

/// The first bytes of every segment file.
pub(super) const SEGMENT_MAGIC: [u8; 8] = *b"mqtrylog";
/// The version of the segment format that this code writes, and the newest that it reads.
pub(super) const SEGMENT_VERSION: u32 = 1;
/// Bytes of a segment before its first frame.
pub(super) const SEGMENT_HEADER_SIZE_BYTES: usize = 36;
/// How the name of a segment file ends, after 20 digits.
pub(super) const SEGMENT_NAME_SUFFIX: &str = ".log";
const NAME_DIGITS: usize = 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    /// The chain value for the first frame: the checksum of the frame before it, 0 at the beginning of the log.
    pub(super) chain: u32,
    pub(super) first: Position,
    /// Random bytes under every frame's checksum, so that frames of other segments and made-up ones are none.
    pub(super) salt: u64,
}

impl SegmentHeader {
    fn encode(&self) -> [u8; SEGMENT_HEADER_SIZE_BYTES] {
        let mut bytes = [0; SEGMENT_HEADER_SIZE_BYTES];
        bytes[..8].copy_from_slice(&SEGMENT_MAGIC);
        bytes[8..12].copy_from_slice(&SEGMENT_VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.chain.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.first.number().to_le_bytes());
        bytes[24..32].copy_from_slice(&self.salt.to_le_bytes());
        let checksum = crc32c::crc32c(&bytes[..32]);
        bytes[32..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8; SEGMENT_HEADER_SIZE_BYTES], path: &Path) -> Result<Self> {
        let damaged = |what: &str| {
            Error::corrupt(format!(
                "{}: {what} in the header of this log segment (byte 0); keep the files and restore from a backup",
                path.display()
            ))
        };
        if bytes[..8] != SEGMENT_MAGIC {
            return Err(damaged("the magic bytes are wrong"));
        }
        if u32_at(bytes, 32) != crc32c::crc32c(&bytes[..32]) {
            return Err(damaged("the checksum is wrong"));
        }
        let version = u32_at(bytes, 8);
        if version != SEGMENT_VERSION {
            return Err(Error::unsupported(format!(
                "{}: this log segment has format version {version} and this program reads version {SEGMENT_VERSION}; \
                 open it with the newer program that wrote it",
                path.display()
            )));
        }
        let first = Position::new(u64_at(bytes, 16));
        if first == Position::START {
            return Err(damaged("the first position is 0"));
        }
        Ok(SegmentHeader { chain: u32_at(bytes, 12), first, salt: u64_at(bytes, 24) })
    }
}

/// The file name of the segment that begins with `first`.
pub(super) fn segment_name(first: Position) -> String {
    format!("{:0NAME_DIGITS$}{SEGMENT_NAME_SUFFIX}", first.number())
}

/// The first position that a file name tells: `None` for a file that is no segment, an error for a mangled name.
pub(super) fn parse_segment_name(directory: &Path, name: &str) -> Result<Option<Position>> {
    let Some(digits) = name.strip_suffix(SEGMENT_NAME_SUFFIX) else {
        return Ok(None);
    };
    let number = digits.parse().ok().filter(|number| *number > 0).map(Position::new);
    match number.filter(|first| segment_name(*first) == name) {
        Some(first) => Ok(Some(first)),
        None => Err(Error::corrupt(format!(
            "{} is not a segment's name; remove the file if it is foreign, otherwise restore its name",
            directory.join(name).display()
        ))),
    }
}

/// An open segment. Its handle stays readable after the file was trimmed.
pub(super) struct Segment {
    pub(super) path: PathBuf,
    pub(super) header: SegmentHeader,
    pub(super) file: Arc<dyn File>,
}

impl fmt::Debug for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Segment").field("path", &self.path).field("header", &self.header).finish_non_exhaustive()
    }
}

impl Segment {
    /// Creates the segment, or writes it anew over what an interrupted creation left of its header, durably.
    ///
    /// The header is durable before the first frame can be written: a damaged header is never a torn one
    /// once there are frames.
    pub(super) fn create(env: &dyn Env, directory: &Path, first: Position, chain: u32, mode: OpenMode) -> Result<Self> {
        let path = directory.join(segment_name(first));
        let header = SegmentHeader { chain, first, salt: env.random_u64() };
        let create = || {
            let file = env.open(&path, mode)?;
            file.write_all_at(0, &header.encode())?;
            file.sync_data()?;
            env.sync_dir(directory)?;
            Ok(file)
        };
        let file =
            create().map_err(|error| Error::io(format_args!("creating the log segment {}", path.display()), error))?;
        Ok(Segment { path, header, file })
    }

    /// Opens the segment that begins with `first` and verifies its header.
    pub(super) fn open(env: &dyn Env, directory: &Path, first: Position) -> Result<Self> {
        let path = directory.join(segment_name(first));
        let reading = |error| Error::io(format_args!("opening the log segment {}", path.display()), error);
        let file = env.open(&path, OpenMode::Write).map_err(reading)?;
        let header = read_header(&*file, &path)?;
        if header.first != first {
            return Err(Error::corrupt(format!(
                "{}: this log segment begins with record {} but is named for another; restore its name",
                path.display(),
                header.first
            )));
        }
        Ok(Segment { path, header, file })
    }

    /// Reads the header again and compares it with what was read when the log was opened.
    pub(super) fn check_header(&self) -> Result<()> {
        if read_header(&*self.file, &self.path)? == self.header {
            return Ok(());
        }
        Err(Error::corrupt(format!(
            "{}: the header of this log segment changed while it was open; keep the files and restore from a backup",
            self.path.display()
        )))
    }

    pub(super) fn size_bytes(&self) -> Result<u64> {
        self.file.size_bytes().map_err(|error| Error::io(format_args!("measuring {}", self.path.display()), error))
    }
}

fn read_header(file: &dyn File, path: &Path) -> Result<SegmentHeader> {
    let mut bytes = [0; SEGMENT_HEADER_SIZE_BYTES];
    file.read_exact_at(0, &mut bytes)
        .map_err(|error| Error::io(format_args!("reading the header of {}", path.display()), error))?;
    SegmentHeader::decode(&bytes, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn names_sort_as_positions_and_mangled_ones_are_refused() {
        let directory = Path::new("log");
        for number in [1, 9, 10, u64::MAX] {
            let name = segment_name(Position::new(number));
            assert_eq!(parse_segment_name(directory, &name).unwrap(), Some(Position::new(number)));
        }
        assert!(segment_name(Position::new(9)) < segment_name(Position::new(10)));
        assert_eq!(parse_segment_name(directory, "lost+found").unwrap(), None);
        for name in
            ["1.log", ".log", "+0000000000000000001.log", "00000000000000000000.log", "99999999999999999999.log"]
        {
            assert_eq!(parse_segment_name(directory, name).unwrap_err().kind(), ErrorKind::Corrupt, "{name}");
        }
    }

    #[test]
    fn a_newer_version_is_unsupported_and_every_flipped_bit_is_corrupt() {
        let header = SegmentHeader { chain: 5, first: Position::new(6), salt: 7 };
        let path = Path::new("log/x.log");
        assert_eq!(SegmentHeader::decode(&header.encode(), path).unwrap(), header);
        for bit in 0..SEGMENT_HEADER_SIZE_BYTES * 8 {
            let mut bytes = header.encode();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(SegmentHeader::decode(&bytes, path).unwrap_err().kind(), ErrorKind::Corrupt);
        }
        let mut newer = header.encode();
        newer[8..12].copy_from_slice(&(SEGMENT_VERSION + 1).to_le_bytes());
        let checksum = crc32c::crc32c(&newer[..32]);
        newer[32..].copy_from_slice(&checksum.to_le_bytes());
        let error = SegmentHeader::decode(&newer, path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.message().contains("log/x.log") && error.message().contains("version 2"));
    }
}
