//! The state as of one fold, for as long as somebody looks at it.

use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use redb::{ReadOnlyTable, ReadableDatabase};

use super::block_file::BlockFile;
use super::failure::guarded;
use super::{CheckpointMark, KEYS, MARK, MARK_KEY};
use crate::error::{Error, Result};
use crate::kv::range::Direction;
use crate::kv::version::Version;
use crate::log::Position;

/// Pairs copied at once: few at first, since most scans want few.
const FIRST_PAGE_LENGTH: usize = 4;
const LARGEST_PAGE_LENGTH: usize = 256;
/// A page of pairs ends behind the pair with which it reaches this size.
const PAGE_SIZE_BYTES: usize = 16 * 1024;

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
        if end.is_some_and(|end| end <= start) {
            return Ok(CheckpointScan::new(None, direction, &self.file));
        }
        // A bound is compared with every key: one that excludes nothing is left away.
        let start = if start.is_empty() { Bound::Unbounded } else { Bound::Included(start) };
        let end = end.map_or(Bound::Unbounded, Bound::Excluded);
        let pairs = guarded(&self.file, "reading", || Ok(self.keys.range::<&[u8]>((start, end))?))?;
        Ok(CheckpointScan::new(Some(pairs), direction, &self.file))
    }
}

/// The pairs of a range; ends behind the first error.
///
/// Pairs are copied out of redb's pages a page of them at a time: its own pages are valid only while the range is not
/// moved on, and one allocation for many small pairs is what makes a long scan cheap. Whoever
/// keeps a pair keeps the bytes of its neighbours, [`PAGE_SIZE_BYTES`] at most.
pub(crate) struct CheckpointScan {
    pairs: Option<redb::Range<'static, &'static [u8], &'static [u8]>>,
    direction: Direction,
    file: Arc<BlockFile>,
    page: Page,
    page_length: usize,
    /// What ended the range, told behind the pairs before it.
    error: Option<Error>,
}

/// Pairs one behind the other.
#[derive(Default)]
struct Page {
    bytes: Bytes,
    /// The sizes of each pair's key and value.
    sizes: std::vec::IntoIter<(usize, usize)>,
}

impl Iterator for Page {
    type Item = (Bytes, Bytes);

    fn next(&mut self) -> Option<(Bytes, Bytes)> {
        let (key, value) = self.sizes.next()?;
        let key = self.bytes.split_to(key);
        let value = match self.sizes.len() {
            // The last pair takes over what the page holds of the bytes.
            0 => std::mem::take(&mut self.bytes),
            _ => self.bytes.split_to(value),
        };
        Some((key, value))
    }
}

impl CheckpointScan {
    fn new(
        pairs: Option<redb::Range<'static, &'static [u8], &'static [u8]>>,
        direction: Direction,
        file: &Arc<BlockFile>,
    ) -> Self {
        let file = Arc::clone(file);
        CheckpointScan { pairs, direction, file, page: Page::default(), page_length: FIRST_PAGE_LENGTH, error: None }
    }

    fn fill(&mut self) {
        let Some(pairs) = &mut self.pairs else { return };
        let (direction, length) = (self.direction, self.page_length);
        let mut bytes = Vec::new();
        let mut sizes = Vec::with_capacity(length);
        let mut ended = false;
        let copied = guarded(&self.file, "reading", || {
            while sizes.len() < length && bytes.len() < PAGE_SIZE_BYTES {
                let pair = match direction {
                    Direction::Forward => pairs.next(),
                    Direction::Backward => pairs.next_back(),
                };
                let Some(pair) = pair else {
                    ended = true;
                    break;
                };
                let (key, value) = pair?;
                let (key, value) = (key.value(), value.value());
                if bytes.is_empty() {
                    let size_bytes = key.len() + value.len();
                    bytes.reserve((size_bytes * length).min(PAGE_SIZE_BYTES).max(size_bytes));
                }
                bytes.extend_from_slice(key);
                bytes.extend_from_slice(value);
                sizes.push((key.len(), value.len()));
            }
            Ok(())
        });
        self.error = copied.err();
        if ended || self.error.is_some() {
            self.pairs = None;
        }
        bytes.truncate(sizes.iter().map(|(key, value)| key + value).sum());
        self.page = Page { bytes: bytes.into(), sizes: sizes.into_iter() };
        self.page_length = (length * 4).min(LARGEST_PAGE_LENGTH);
    }
}

impl Iterator for CheckpointScan {
    type Item = Result<(Bytes, Bytes)>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(pair) = self.page.next() {
            return Some(Ok(pair));
        }
        self.fill();
        match self.page.next() {
            Some(pair) => Some(Ok(pair)),
            None => self.error.take().map(Err),
        }
    }
}
