//! The segment files that a snapshot names, for whoever copies the database.
//!
//! Derived data is copied as it is, so that a restored database searches at once. A file that is missing is left out,
//! and one that is damaged is copied with its damage: whoever opens it finds the checksum of its layout wrong and
//! builds the index again, as everywhere.

use std::collections::BTreeMap;
use std::io;

use super::SearchModel;
use super::files::SEGMENT_PACK_SUFFIX;
use super::keys;
use super::layout::LayoutRow;
use crate::env::OpenMode;
use crate::error::{Error, Result};
use crate::kv::{Direction, KeyRange, Reader, Snapshot};
use crate::stored_range::{Folder, StoredRange};

/// Bytes of one range at most.
const RANGE_SIZE_BYTES_MAX: u64 = 4 * 1024 * 1024;

impl SearchModel {
    /// The ranges of files that `snapshot` names, by file and offset.
    ///
    /// # Errors
    /// Those of reading.
    pub(crate) fn stored_ranges(&self, snapshot: &Snapshot) -> Result<Vec<StoredRange>> {
        let mut parts = BTreeMap::new();
        for entry in snapshot.scan(KeyRange::prefix(keys::layouts()), Direction::Forward)? {
            for segment in LayoutRow::decode(&entry?.1)?.segments {
                for part in segment.components {
                    let suffix = if part.is_apart { &part.name } else { SEGMENT_PACK_SUFFIX };
                    let file = format!("{:020}.{suffix}", segment.number);
                    parts.insert((file, part.offset), (part.size_bytes, part.checksum));
                }
            }
        }
        let mut ranges = Vec::new();
        for ((file, begin), (size_bytes, identity)) in parts {
            let mut done = 0;
            while done < size_bytes {
                let length = (size_bytes - done).min(RANGE_SIZE_BYTES_MAX);
                let (file, offset) = (file.clone(), begin + done);
                ranges.push(StoredRange { folder: Folder::Search, file, offset, size_bytes: length, identity });
                done += length;
            }
        }
        Ok(ranges)
    }

    /// Reads a range that [`SearchModel::stored_ranges`] told; false when the file does not hold it.
    ///
    /// # Errors
    /// `Unavailable` when the file cannot be read.
    pub(crate) fn read_stored(&self, range: &StoredRange, out: &mut Vec<u8>) -> Result<bool> {
        let path = self.files.directory().join(&range.file);
        let start = out.len();
        out.resize(start + range.size_bytes.min(RANGE_SIZE_BYTES_MAX) as usize, 0);
        let read = self.files.env.open(&path, OpenMode::Read);
        match read.and_then(|file| file.read_exact_at(range.offset, &mut out[start..])) {
            Ok(()) => Ok(true),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof) => {
                tracing::warn!(file = %path.display(), "a search segment is missing and is left out of the copy");
                out.truncate(start);
                Ok(false)
            }
            Err(error) => Err(Error::io(format_args!("reading {}", path.display()), error)),
        }
    }
}
