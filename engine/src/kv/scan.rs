//! Ordered iteration over a range: own writes over memtables over the checkpoint, merged.
//!
//! ```text
//!   own writes   b=1        e=removed
//!   active              d=4
//!   frozen       b=9              f=6
//!   checkpoint   a=7   c=8  e=5
//!   forward  ->  a=7 b=1 c=8 d=4 f=6          for equal keys the higher line wins
//! ```
//!
//! A scan sees the transaction's own writes as they were when the scan began: writing while scanning
//! cannot make a scan meet its own writes. Memory is one page per level, whatever the range holds.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;

use super::checkpoint::CheckpointScan;
use super::memtable::{Change, Memtable};
use super::range::{Direction, KeyRange, key_after};
use super::read_set::TrackedRange;
use super::version::Version;
use super::view::View;
use crate::error::Result;

/// The first page is small because most scans want a few entries; later ones grow up to the largest.
const FIRST_PAGE: usize = 8;
const LARGEST_PAGE: usize = 256;

pub(crate) type OwnWrites = Arc<BTreeMap<Bytes, Option<Bytes>>>;

enum Pages {
    Own(OwnWrites),
    Memtable(Arc<Memtable>, Version),
}

/// A level in memory, read page by page.
struct PagedLevel {
    pages: Pages,
    rest: Option<KeyRange>,
    page: std::vec::IntoIter<Change>,
    page_size: usize,
}

impl PagedLevel {
    fn new(pages: Pages, range: &KeyRange) -> Self {
        PagedLevel { pages, rest: Some(range.clone()), page: Vec::new().into_iter(), page_size: FIRST_PAGE }
    }

    /// The next change, if the level has one left.
    fn head(&self) -> Option<&Change> {
        self.page.as_slice().first()
    }

    /// Makes sure that there is a head; false when the level has no more.
    fn fill(&mut self, direction: Direction) -> bool {
        while self.head().is_none() {
            let Some(range) = self.rest.take() else { return false };
            let (page, rest) = match &self.pages {
                Pages::Own(writes) => own_page(writes, &range, direction, self.page_size),
                Pages::Memtable(table, version) => table.page(&range, direction, *version, self.page_size),
            };
            self.page = page.into_iter();
            self.rest = rest;
            self.page_size = (self.page_size * 4).min(LARGEST_PAGE);
        }
        true
    }
}

fn own_page(
    writes: &BTreeMap<Bytes, Option<Bytes>>,
    range: &KeyRange,
    direction: Direction,
    limit: usize,
) -> (Vec<Change>, Option<KeyRange>) {
    if range.is_empty() {
        return (Vec::new(), None);
    }
    let end = range.end.as_ref().map_or(Bound::Unbounded, |end| Bound::Excluded(&end[..]));
    let inside = writes.range::<[u8], _>((Bound::Included(&range.start[..]), end));
    let copy = |(key, value): (&Bytes, &Option<Bytes>)| (key.clone(), value.clone());
    let page: Vec<Change> = match direction {
        Direction::Forward => inside.take(limit).map(copy).collect(),
        Direction::Backward => inside.rev().take(limit).map(copy).collect(),
    };
    let rest = (page.len() == limit).then(|| page.last().cloned()).flatten().map(|(last, _)| match direction {
        Direction::Forward => KeyRange { start: key_after(&last).into(), end: range.end.clone() },
        Direction::Backward => KeyRange { start: range.start.clone(), end: Some(last) },
    });
    (page, rest)
}

/// The entries of a range in key order, ascending or descending; made by [`Reader::scan`](super::Reader::scan).
///
/// Each item is a key with its value. After an error the scan ends.
pub struct Scan {
    levels: Vec<PagedLevel>,
    checkpoint: Option<CheckpointScan>,
    stored: Option<(Bytes, Bytes)>,
    direction: Direction,
    tracked: Option<Arc<TrackedRange>>,
    finished: bool,
    // Keeps the version readable for as long as the scan lives.
    _view: View,
}

impl Scan {
    pub(crate) fn new(
        view: &View,
        own: Option<OwnWrites>,
        range: KeyRange,
        direction: Direction,
        tracked: Option<Arc<TrackedRange>>,
    ) -> Result<Self> {
        let mut levels = Vec::with_capacity(3);
        if let Some(own) = own.filter(|own| !own.is_empty()) {
            levels.push(PagedLevel::new(Pages::Own(own), &range));
        }
        let memtables = std::iter::once(&view.levels.active).chain(&view.levels.frozen);
        for table in memtables {
            levels.push(PagedLevel::new(Pages::Memtable(table.clone(), view.version()), &range));
        }
        let checkpoint = match range.is_empty() {
            true => None,
            false => Some(view.levels.checkpoint.range(&range.start, range.end.as_deref(), direction)?),
        };
        Ok(Scan { levels, checkpoint, stored: None, direction, tracked, finished: false, _view: view.clone() })
    }

    /// Makes sure that every level that has more shows its next key; those that have none are let go.
    fn fill(&mut self) -> Result<()> {
        let direction = self.direction;
        self.levels.retain_mut(|level| level.fill(direction));
        if self.stored.is_none()
            && let Some(checkpoint) = &mut self.checkpoint
        {
            match checkpoint.next() {
                Some(entry) => self.stored = Some(entry?),
                None => self.checkpoint = None,
            }
        }
        Ok(())
    }

    /// The next key over all levels with what the highest level that has it says.
    fn merge(&mut self) -> Result<Option<Change>> {
        self.fill()?;
        let Some(chosen) = self.first_level() else {
            return Ok(self.stored.take().map(|(key, value)| (key, Some(value))));
        };
        let change = self.levels[chosen].page.next();
        if let Some((key, _)) = &change {
            for level in &mut self.levels[chosen + 1..] {
                if level.head().is_some_and(|(head, _)| head == key) {
                    level.page.next();
                }
            }
            self.stored.take_if(|(head, _)| head == key);
        }
        Ok(change)
    }

    /// The highest level in memory that holds the next key; `None` when only the checkpoint does.
    fn first_level(&self) -> Option<usize> {
        let mut first = None;
        let mut stands_first: Option<&Bytes> = None;
        for (index, level) in self.levels.iter().enumerate() {
            if let Some((key, _)) = level.head()
                && stands_first.is_none_or(|other| self.precedes(key, other))
            {
                (first, stands_first) = (Some(index), Some(key));
            }
        }
        match (&self.stored, stands_first) {
            (Some((stored, _)), Some(key)) if self.precedes(stored, key) => None,
            _ => first,
        }
    }

    fn precedes(&self, key: &Bytes, other: &Bytes) -> bool {
        match self.direction {
            Direction::Forward => key < other,
            Direction::Backward => key > other,
        }
    }

    fn finish(&mut self) {
        self.finished = true;
        if let Some(tracked) = &self.tracked {
            tracked.reached_end();
        }
    }
}

impl Iterator for Scan {
    type Item = Result<(Bytes, Bytes)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.finished {
            return None;
        }
        if self.levels.is_empty()
            && self.tracked.is_none()
            && let Some(checkpoint) = &mut self.checkpoint
        {
            // Nothing to merge and nobody to tell: most of a long scan.
            let next = self.stored.take().map(Ok).or_else(|| checkpoint.next());
            self.finished = !matches!(next, Some(Ok(_)));
            return next;
        }
        loop {
            match self.merge() {
                Ok(Some((key, Some(value)))) => {
                    if let Some(tracked) = &self.tracked {
                        tracked.reached_key(&key);
                    }
                    return Some(Ok((key, value)));
                }
                Ok(Some((_, None))) => {}
                Ok(None) => {
                    self.finish();
                    return None;
                }
                Err(error) => {
                    self.finish();
                    return Some(Err(error));
                }
            }
        }
    }
}

impl std::fmt::Debug for Scan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Scan({:?})", self.direction)
    }
}
