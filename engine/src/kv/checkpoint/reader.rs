//! The state as of one fold, for as long as somebody looks at it.

use std::sync::Arc;

use bytes::Bytes;
use redb::{ReadOnlyTable, ReadableDatabase};

use super::block_file::BlockFile;
use super::failure::{from_storage, guarded};
use super::{CheckpointMark, KEYS, MARK, MARK_KEY};
use crate::error::Result;
use crate::kv::range::Direction;
use crate::kv::version::Version;
use crate::log::Position;

/// A pinned snapshot of the checkpoint; many threads share one.
///
/// It keeps the pages that it reads from being reused, so a long-lived one makes the file grow. Once the
/// [`Checkpoint`](super::Checkpoint) is dropped, it answers `Closed`.
pub(crate) struct CheckpointReader {
    mark: CheckpointMark,
    keys: ReadOnlyTable<&'static [u8], &'static [u8]>,
    file: Arc<BlockFile>,
}

impl CheckpointReader {
    /// The newest durable state.
    pub(super) fn newest(database: &redb::Database, file: &Arc<BlockFile>) -> Result<Self> {
        guarded(file, "reading", || {
            let transaction = database.begin_read()?;
            let mark = transaction.open_table(MARK)?.get(MARK_KEY)?.map(|found| found.value());
            let (version, position) = mark.ok_or_else(|| redb::Error::Corrupted("the mark is missing".to_owned()))?;
            let mark = CheckpointMark { version: Version::new(version), position: Position::new(position) };
            Ok(CheckpointReader { mark, keys: transaction.open_table(KEYS)?, file: Arc::clone(file) })
        })
    }

    /// What this snapshot covers.
    pub(crate) fn mark(&self) -> CheckpointMark {
        self.mark
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        guarded(&self.file, "reading", || Ok(self.keys.get(key)?.map(|found| Bytes::copy_from_slice(found.value()))))
    }

    /// The pairs from `start` up to and without `end`, in either order.
    pub(crate) fn range(&self, start: &[u8], end: Option<&[u8]>, direction: Direction) -> Result<CheckpointScan> {
        let pairs = match end {
            Some(end) if end <= start => None,
            Some(end) => Some(guarded(&self.file, "reading", || Ok(self.keys.range(start..end)?))?),
            None => Some(guarded(&self.file, "reading", || Ok(self.keys.range(start..)?))?),
        };
        Ok(CheckpointScan { pairs, direction, file: Arc::clone(&self.file) })
    }
}

/// The pairs of a range; ends behind the first error.
pub(crate) struct CheckpointScan {
    pairs: Option<redb::Range<'static, &'static [u8], &'static [u8]>>,
    direction: Direction,
    file: Arc<BlockFile>,
}

impl Iterator for CheckpointScan {
    type Item = Result<(Bytes, Bytes)>;

    fn next(&mut self) -> Option<Self::Item> {
        let pairs = self.pairs.as_mut()?;
        let direction = self.direction;
        let step = guarded(&self.file, "reading", || {
            let pair = match direction {
                Direction::Forward => pairs.next(),
                Direction::Backward => pairs.next_back(),
            };
            let copied = |(key, value): (redb::AccessGuard<'_, &[u8]>, redb::AccessGuard<'_, &[u8]>)| {
                (Bytes::copy_from_slice(key.value()), Bytes::copy_from_slice(value.value()))
            };
            Ok(pair.map(|pair| pair.map(copied)))
        });
        let pair = match step {
            Ok(None) => None,
            Ok(Some(Ok(pair))) => return Some(Ok(pair)),
            Ok(Some(Err(error))) => Some(Err(from_storage(&self.file, "reading", error))),
            Err(error) => Some(Err(error)),
        };
        self.pairs = None;
        pair
    }
}
