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
//! Entries are lent one by one ([`Scan::advance`]) or given away (the iterator). The level that holds the entry shown keeps
//! it at its head until the scan moves on.
//!
//! A scan sees the transaction's own writes as they were when the scan began: writing while scanning
//! cannot make a scan meet its own writes. Memory is one page per level, whatever the range holds.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;

use super::checkpoint::CheckpointScan;
use super::memtable::Memtable;
use super::page::{Page, PageWriter};
use super::range::{Direction, KeyRange, key_after};
use super::read_set::TrackedRange;
use super::version::Version;
use super::view::View;
use crate::error::Result;

/// The first page is small because most scans want a few entries; later ones grow up to the largest. They double: of
/// what is read ahead, less than half is for nothing.
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
    page: Page,
    page_size: usize,
}

impl PagedLevel {
    fn new(pages: Pages, range: &KeyRange) -> Self {
        PagedLevel { pages, rest: Some(range.clone()), page: Page::default(), page_size: FIRST_PAGE }
    }

    /// Makes sure that there is a next entry; false when the level has no more.
    fn fill(&mut self, direction: Direction) -> bool {
        while self.page.key().is_none() {
            let Some(range) = self.rest.take() else { return false };
            let (page, rest) = match &self.pages {
                Pages::Own(writes) => own_page(writes, &range, direction, self.page_size),
                Pages::Memtable(table, version) => table.page(&range, direction, *version, self.page_size),
            };
            self.page = page;
            self.rest = rest;
            self.page_size = (self.page_size * 2).min(LARGEST_PAGE);
        }
        true
    }
}

fn own_page(
    writes: &BTreeMap<Bytes, Option<Bytes>>,
    range: &KeyRange,
    direction: Direction,
    limit: usize,
) -> (Page, Option<KeyRange>) {
    if range.is_empty() {
        return (Page::default(), None);
    }
    let end = range.end.as_ref().map_or(Bound::Unbounded, |end| Bound::Excluded(&end[..]));
    let mut inside = writes.range::<[u8], _>((Bound::Included(&range.start[..]), end));
    let mut page = PageWriter::new(limit);
    let mut last = None;
    while !page.is_full() {
        let next = match direction {
            Direction::Forward => inside.next(),
            Direction::Backward => inside.next_back(),
        };
        let Some((key, value)) = next else { return (page.finish(), None) };
        page.share(key, value.as_ref());
        last = Some(key);
    }
    let rest = last.map(|last| match direction {
        Direction::Forward => KeyRange { start: key_after(last).into(), end: range.end.clone() },
        Direction::Backward => KeyRange { start: range.start.clone(), end: Some(last.clone()) },
    });
    (page.finish(), rest)
}

/// Which level shows an entry.
#[derive(Debug, Clone, Copy)]
enum Shown {
    Nothing,
    Memory(usize),
    Checkpoint,
}

/// How the checkpoint's pairs are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// To look at until the next one.
    Lent,
    /// To keep.
    Kept,
}

/// The entries of a range in key order, ascending or descending; made by [`Reader::scan`](super::Reader::scan).
///
/// As an iterator it gives keys with their values to keep; [`Scan::advance`] shows them one by one, which costs about half.
/// After an error the scan ends.
pub struct Scan {
    /// Behind one another: what is nearer to the front hides what is behind.
    levels: Vec<PagedLevel>,
    checkpoint: Option<CheckpointScan>,
    shown: Shown,
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
        // What the view shows of a table is in it before the view is.
        for table in memtables.filter(|table| table.size_bytes() > 0) {
            levels.push(PagedLevel::new(Pages::Memtable(table.clone(), view.version()), &range));
        }
        let checkpoint = match range.is_empty() {
            true => None,
            false => Some(view.levels.checkpoint.range(&range.start, range.end.as_deref(), direction)?),
        };
        let view = view.clone();
        Ok(Scan { levels, checkpoint, shown: Shown::Nothing, direction, tracked, finished: false, _view: view })
    }

    /// Moves on to the next entry; false behind the last one.
    ///
    /// [`Scan::key`] and [`Scan::value`] show the entry until the next call, without a copy where there is none to be made:
    /// for whoever looks at an entry and goes on.
    ///
    /// # Errors
    /// `Corrupt` when the stored bytes are damaged, `Unavailable` when they cannot be read; then the scan ends.
    #[inline]
    pub fn advance(&mut self) -> Result<bool> {
        self.step(Use::Lent)
    }

    /// The key of the entry that the scan is at; empty before the first and behind the last.
    #[inline]
    pub fn key(&self) -> &[u8] {
        match self.shown {
            Shown::Nothing => None,
            Shown::Memory(level) => self.levels[level].page.key(),
            Shown::Checkpoint => self.checkpoint.as_ref().and_then(CheckpointScan::key),
        }
        .unwrap_or_default()
    }

    /// The value of the entry that the scan is at; empty before the first and behind the last.
    #[inline]
    pub fn value(&self) -> &[u8] {
        match self.shown {
            Shown::Nothing => None,
            Shown::Memory(level) => self.levels[level].page.value().flatten(),
            Shown::Checkpoint => self.checkpoint.as_ref().and_then(CheckpointScan::value),
        }
        .unwrap_or_default()
    }

    fn step(&mut self, wanted: Use) -> Result<bool> {
        self.leave();
        if self.finished {
            return Ok(false);
        }
        let moved = self.merge(wanted);
        self.finished = !matches!(moved, Ok(true));
        match &self.tracked {
            Some(tracked) if self.finished => tracked.reached_end(),
            Some(tracked) => tracked.reached_key(self.key()),
            None => {}
        }
        moved
    }

    /// Passes over the entry that is shown.
    fn leave(&mut self) {
        match std::mem::replace(&mut self.shown, Shown::Nothing) {
            Shown::Nothing => {}
            Shown::Memory(level) => self.levels[level].page.pass(),
            Shown::Checkpoint => {
                if let Some(checkpoint) = &mut self.checkpoint {
                    checkpoint.pass();
                }
            }
        }
    }

    /// Shows the next entry over all levels, as the highest level that has it says.
    fn merge(&mut self, wanted: Use) -> Result<bool> {
        loop {
            self.fill(wanted)?;
            // Most scans meet nothing in memory, or no more of it: then there is nothing to compare.
            let chosen = if self.levels.is_empty() { None } else { self.first_level() };
            let Some(chosen) = chosen else {
                self.shown = if self.checkpoint.is_some() { Shown::Checkpoint } else { Shown::Nothing };
                return Ok(self.checkpoint.is_some());
            };
            self.pass_hidden(chosen);
            self.shown = Shown::Memory(chosen);
            if self.levels[chosen].page.value().flatten().is_some() {
                return Ok(true);
            }
            self.leave();
        }
    }

    /// Makes sure that every level that has more shows its next key; those that have none are let go.
    fn fill(&mut self, wanted: Use) -> Result<()> {
        if !self.levels.is_empty() {
            let direction = self.direction;
            self.levels.retain_mut(|level| level.fill(direction));
        }
        if let Some(checkpoint) = &mut self.checkpoint {
            let has_more = match wanted {
                Use::Lent => checkpoint.advance()?,
                Use::Kept => checkpoint.fill()?,
            };
            if !has_more {
                self.checkpoint = None;
            }
        }
        Ok(())
    }

    /// The highest level in memory that holds the next key; `None` when only the checkpoint may.
    fn first_level(&self) -> Option<usize> {
        let mut first = None;
        let mut stands_first: Option<&[u8]> = None;
        for (index, level) in self.levels.iter().enumerate() {
            if let Some(key) = level.page.key()
                && stands_first.is_none_or(|other| self.precedes(key, other))
            {
                (first, stands_first) = (Some(index), Some(key));
            }
        }
        match (self.checkpoint.as_ref().and_then(CheckpointScan::key), stands_first) {
            (Some(stored), Some(key)) if self.precedes(stored, key) => None,
            _ => first,
        }
    }

    /// Passes over what the levels below `chosen` have under its next key.
    fn pass_hidden(&mut self, chosen: usize) {
        let Some((upper, lower)) = self.levels.split_at_mut_checked(chosen + 1) else { return };
        let key = upper[chosen].page.key();
        for level in lower {
            if level.page.key() == key {
                level.page.pass();
            }
        }
        if let Some(checkpoint) = &mut self.checkpoint
            && checkpoint.key() == key
        {
            checkpoint.pass();
        }
    }

    fn precedes(&self, key: &[u8], other: &[u8]) -> bool {
        match self.direction {
            Direction::Forward => key < other,
            Direction::Backward => key > other,
        }
    }

    /// The entry that is shown, to keep.
    fn keep(&mut self) -> Option<(Bytes, Bytes)> {
        match std::mem::replace(&mut self.shown, Shown::Nothing) {
            Shown::Nothing => None,
            Shown::Memory(level) => self.levels[level].page.next().and_then(|(key, value)| Some((key, value?))),
            Shown::Checkpoint => self.checkpoint.as_mut().and_then(CheckpointScan::keep),
        }
    }
}

impl Iterator for Scan {
    type Item = Result<(Bytes, Bytes)>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.step(Use::Kept) {
            Ok(true) => self.keep().map(Ok),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        }
    }
}

impl std::fmt::Debug for Scan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Scan({:?})", self.direction)
    }
}
