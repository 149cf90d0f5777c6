//! The state as of one fold, for as long as somebody looks at it.

use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use redb::{AccessGuard, ReadOnlyTable, ReadableDatabase};

use super::block_file::BlockFile;
use super::failure::guarded;
use super::{CheckpointMark, KEYS, MARK, MARK_KEY};
use crate::error::{Error, Result};
use crate::kv::page::{Page, PageWriter};
use crate::kv::range::Direction;
use crate::kv::version::Version;
use crate::log::Position;

/// Pairs copied at once: few at first, since most scans want few.
const FIRST_PAGE_LENGTH: usize = 4;
const LARGEST_PAGE_LENGTH: usize = 256;

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
/// They are read in one of two ways, which may take turns:
/// - lent, one by one, out of redb's own page ([`CheckpointScan::advance`]): nothing is copied.
/// - copied, a page of them at a time ([`CheckpointScan::fill`]): one allocation for many small pairs that may be kept.
pub(crate) struct CheckpointScan {
    pairs: Option<redb::Range<'static, &'static [u8], &'static [u8]>>,
    direction: Direction,
    file: Arc<BlockFile>,
    /// Copied pairs; they come before the lent one.
    page: Page,
    page_length: usize,
    lent: Option<Lent>,
    /// What ended the range, told behind the pairs before it.
    error: Option<Error>,
}

type Lent = (AccessGuard<'static, &'static [u8]>, AccessGuard<'static, &'static [u8]>);

impl CheckpointScan {
    fn new(
        pairs: Option<redb::Range<'static, &'static [u8], &'static [u8]>>,
        direction: Direction,
        file: &Arc<BlockFile>,
    ) -> Self {
        let (file, page) = (Arc::clone(file), Page::default());
        CheckpointScan { pairs, direction, file, page, page_length: FIRST_PAGE_LENGTH, lent: None, error: None }
    }

    /// The key that comes next, once [`CheckpointScan::advance`] or [`CheckpointScan::fill`] has provided for it.
    pub(crate) fn key(&self) -> Option<&[u8]> {
        self.page.key().or_else(|| self.lent.as_ref().map(|(key, _)| key.value()))
    }

    /// The value that comes next.
    pub(crate) fn value(&self) -> Option<&[u8]> {
        self.page.value().flatten().or_else(|| self.lent.as_ref().map(|(_, value)| value.value()))
    }

    /// Passes over the pair that comes next.
    #[inline]
    pub(crate) fn pass(&mut self) {
        match self.page.key() {
            Some(_) => self.page.pass(),
            None => self.lent = None,
        }
    }

    /// The pair that comes next, to keep; it is passed over.
    pub(crate) fn keep(&mut self) -> Option<(Bytes, Bytes)> {
        if let Some((key, value)) = self.page.next() {
            return Some((key, value.expect("a checkpoint holds no removed keys")));
        }
        let (key, value) = self.lent.take()?;
        Some((Bytes::copy_from_slice(key.value()), Bytes::copy_from_slice(value.value())))
    }

    /// Makes sure that the next pair is there to be looked at; false when there are no more.
    ///
    /// # Errors
    /// What ended the range.
    #[inline]
    pub(crate) fn advance(&mut self) -> Result<bool> {
        if self.lent.is_some() || self.page.key().is_some() {
            return Ok(true);
        }
        let (Some(pairs), lent) = (&mut self.pairs, &mut self.lent) else { return self.ended() };
        let direction = self.direction;
        // The pair is put in its place in here: it is large, and moving it costs as much as finding it.
        let found = guarded(&self.file, "reading", || {
            let next = match direction {
                Direction::Forward => pairs.next(),
                Direction::Backward => pairs.next_back(),
            };
            match next {
                Some(Ok(pair)) => *lent = Some(pair),
                Some(Err(error)) => return Err(error.into()),
                None => {}
            }
            Ok(lent.is_some())
        });
        match found {
            Ok(true) => return Ok(true),
            Ok(false) => {}
            Err(error) => self.error = Some(error),
        }
        self.pairs = None;
        self.ended()
    }

    fn ended(&mut self) -> Result<bool> {
        self.error.take().map_or(Ok(false), Err)
    }

    /// Makes sure that the next pair is there to be taken; false when there are no more.
    ///
    /// # Errors
    /// What ended the range.
    #[inline]
    pub(crate) fn fill(&mut self) -> Result<bool> {
        if self.page.key().is_some() || self.lent.is_some() {
            return Ok(true);
        }
        self.copy_page();
        if self.page.key().is_some() { Ok(true) } else { self.ended() }
    }

    fn copy_page(&mut self) {
        let Some(pairs) = &mut self.pairs else { return };
        let direction = self.direction;
        let mut page = PageWriter::new(self.page_length);
        let mut ended = false;
        let copied = guarded(&self.file, "reading", || {
            while !page.is_full() {
                let pair = match direction {
                    Direction::Forward => pairs.next(),
                    Direction::Backward => pairs.next_back(),
                };
                let Some(pair) = pair else {
                    ended = true;
                    break;
                };
                let (key, value) = pair?;
                page.copy(key.value(), value.value());
            }
            Ok(())
        });
        self.error = copied.err();
        if ended || self.error.is_some() {
            self.pairs = None;
        }
        self.page = page.finish();
        self.page_length = (self.page_length * 2).min(LARGEST_PAGE_LENGTH);
    }
}

impl Iterator for CheckpointScan {
    type Item = Result<(Bytes, Bytes)>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.fill() {
            Ok(_) => self.keep().map(Ok),
            Err(error) => Some(Err(error)),
        }
    }
}
