//! Opening a log: every frame is verified, and the end is told from damage.
//!
//! ```text
//!   segment 1 | frames, whole to the last byte |        anything else: Corrupt
//!   segment 2 | frames ... | zeros             |        the last: a torn tail is cut
//!                          '- not a frame, at the position after the last good one:
//!                             known durable (K5)?  --> Corrupt, with file and offset
//!                             else                 --> cut, synced, and the log goes on
//! ```
//!
//! A position is known durable when the checkpoint holds it, when a later segment exists (a segment is
//! created only after the one before was synced), or when a header behind the damage says so in its durable mark.
//! A torn frame cannot be told from one that rotted before any later frame vouched for it; that is why
//! an idle log writes a mark ([`Log::note_durable`](super::Log::note_durable)).
//!
//! What no mark vouches for is written once more before it is synced: after a failed sync of an earlier process the
//! system may show bytes that it will never write by itself.
//!
//! A crash while a segment is created leaves a file without a whole header and without frames: it is
//! written anew, if the segments before it lead up to it.

use std::path::Path;
use std::sync::Arc;

use crate::env::{Env, OpenMode};
use crate::error::{Error, ErrorKind, Result};

use super::Position;
use super::scan::{Found, Scan};
use super::segment::{SEGMENT_HEADER_SIZE_BYTES, Segment, parse_segment_name, segment_name};

/// Bytes between two entries of a segment's index, at least.
const INDEX_STEP_BYTES: u64 = 64 * 1024;

/// Bytes that are written again at once.
const COPY_SIZE_BYTES: u64 = 1024 * 1024;

/// A segment of the open log with what the writer knows about it.
#[derive(Debug)]
pub(super) struct OpenSegment {
    pub(super) segment: Arc<Segment>,
    /// The end of its last frame.
    pub(super) end: u64,
    /// The end of its file: zeros stand between.
    pub(super) extent: u64,
    /// Sparse places to begin reading: the record before a frame, and where that frame begins.
    index: Vec<(Position, u64)>,
}

impl OpenSegment {
    pub(super) fn empty(segment: Segment) -> Self {
        let end = SEGMENT_HEADER_SIZE_BYTES as u64;
        OpenSegment { segment: Arc::new(segment), end, extent: end, index: Vec::new() }
    }

    /// Takes note of a frame after record `last` that begins at `offset`, for readers to begin there.
    pub(super) fn note_frame(&mut self, last: Position, offset: u64) {
        let noted = self.index.last().map_or(SEGMENT_HEADER_SIZE_BYTES as u64, |(_, offset)| *offset);
        if offset - noted >= INDEX_STEP_BYTES {
            self.index.push((last, offset));
        }
    }

    /// A walk that comes by record `from` and begins not far before it.
    pub(super) fn scan_near(&self, from: Position) -> Scan {
        let after = self.index.partition_point(|(last, _)| *last < from);
        match after.checked_sub(1).map(|entry| self.index[entry]) {
            Some((last, offset)) => Scan::from_frame(Arc::clone(&self.segment), offset, last, self.end),
            None => Scan::from_start(Arc::clone(&self.segment), self.end),
        }
    }
}

/// What opening found, durable to the last record.
#[derive(Debug)]
pub(super) struct Recovered {
    /// Oldest first, never empty.
    pub(super) segments: Vec<OpenSegment>,
    pub(super) tail: Position,
    /// The durable mark of the last frame.
    pub(super) marked: Position,
    /// The header checksum of the last frame.
    pub(super) chain: u32,
}

/// Verifies the log in `directory`, cuts a torn tail, and makes what is left durable.
pub(super) fn recover(env: &dyn Env, directory: &Path, known_durable: Position) -> Result<Recovered> {
    create_directory(env, directory)?;
    let firsts = list_segments(env, directory)?;
    let Some(begin) = firsts.first() else {
        return begin_log(env, directory, OpenMode::CreateNew, known_durable);
    };
    if begin.number() > known_durable.next().number() {
        return Err(Error::corrupt(format!(
            "the log in {} begins with record {begin} although the checkpoint ends with record {known_durable}; \
             restore from a backup",
            directory.display()
        )));
    }
    let mut recovery = Recovery {
        env,
        directory,
        known_durable,
        found: Recovered { segments: Vec::new(), tail: Position::START, marked: Position::START, chain: 0 },
    };
    let (last, closed) = firsts.split_last().expect("there is a first segment");
    for first in closed {
        recovery.read_closed(*first)?;
    }
    recovery.read_last(*last)?;
    recovery.finish()
}

fn create_directory(env: &dyn Env, directory: &Path) -> Result<()> {
    let parent = directory.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
    env.create_dir(directory)
        .and_then(|()| env.sync_dir(parent))
        .and_then(|()| env.sync_dir(directory))
        .map_err(|error| Error::io(format_args!("creating the log directory {}", directory.display()), error))
}

fn list_segments(env: &dyn Env, directory: &Path) -> Result<Vec<Position>> {
    let names = env
        .list(directory)
        .map_err(|error| Error::io(format_args!("listing the log directory {}", directory.display()), error))?;
    let mut firsts = Vec::new();
    for name in names {
        firsts.extend(parse_segment_name(directory, &name)?);
    }
    firsts.sort_unstable();
    Ok(firsts)
}

/// The log of a new database: one empty segment.
fn begin_log(env: &dyn Env, directory: &Path, mode: OpenMode, known_durable: Position) -> Result<Recovered> {
    if known_durable != Position::START {
        return Err(Error::corrupt(format!(
            "the log in {} is missing although the checkpoint holds record {known_durable}; \
             bring its files back or restore from a backup",
            directory.display()
        )));
    }
    let segment = Segment::create(env, directory, Position::START.next(), 0, mode)?;
    let segments = vec![OpenSegment::empty(segment)];
    Ok(Recovered { segments, tail: Position::START, marked: Position::START, chain: 0 })
}

struct Recovery<'a> {
    env: &'a dyn Env,
    directory: &'a Path,
    known_durable: Position,
    found: Recovered,
}

impl Recovery<'_> {
    /// Reads a segment that has a later one: all of it was durable before that was created.
    fn read_closed(&mut self, first: Position) -> Result<()> {
        let segment = Arc::new(Segment::open(self.env, self.directory, first)?);
        self.check_joint(&segment)?;
        let (scan, what) = self.read_frames(segment)?;
        match what {
            None => Ok(()),
            Some(what) => Err(scan.corrupt(what)),
        }
    }

    fn read_last(&mut self, first: Position) -> Result<()> {
        let segment = match Segment::open(self.env, self.directory, first) {
            Ok(segment) => Arc::new(segment),
            Err(error) if error.kind() == ErrorKind::Corrupt && self.creation_was_torn(first)? => {
                return self.create_again(first);
            }
            Err(error) => return Err(error),
        };
        self.check_joint(&segment)?;
        let (mut scan, what) = self.read_frames(segment)?;
        match what {
            None => Ok(()),
            Some(_) if scan.only_zeros_behind()? => Ok(()),
            Some(what) => self.cut(scan, what),
        }
    }

    /// The segment goes on where the one before it ended.
    fn check_joint(&self, segment: &Segment) -> Result<()> {
        if self.found.segments.is_empty() {
            return Ok(());
        }
        let expected = self.found.tail.next();
        if segment.header.first != expected {
            return Err(Error::corrupt(format!(
                "{}: this log segment begins with record {} and record {expected} is missing; \
                 bring back {} or restore from a backup",
                segment.path.display(),
                segment.header.first,
                segment_name(expected)
            )));
        }
        if segment.header.chain != self.found.chain {
            return Err(Error::corrupt(format!(
                "{}: this log segment does not continue the chain of the one before; restore from a backup",
                segment.path.display()
            )));
        }
        Ok(())
    }

    /// Adds the segment with all its good frames, and says what stands behind them if it is not the end.
    fn read_frames(&mut self, segment: Arc<Segment>) -> Result<(Scan, Option<&'static str>)> {
        let extent = segment.size_bytes()?;
        let mut scan = Scan::from_start(Arc::clone(&segment), extent);
        let end = SEGMENT_HEADER_SIZE_BYTES as u64;
        let mut open = OpenSegment { segment, end, extent, index: Vec::new() };
        let what = loop {
            let last = scan.last();
            match scan.advance()? {
                Found::Frame { header, offset, .. } => {
                    open.note_frame(last, offset);
                    open.end = offset + header.size_bytes();
                    self.found.marked = header.durable;
                }
                Found::End => break None,
                Found::Zeros => break Some("zeros instead of a frame"),
                Found::Damage(what) => break Some(what),
            }
        };
        self.found.tail = scan.last();
        self.found.chain = scan.chain().expect("a walk from the start knows the chain");
        self.found.segments.push(open);
        Ok((scan, what))
    }

    /// Whether the last segment's file is what an interrupted creation leaves: nothing behind the header's place.
    fn creation_was_torn(&self, first: Position) -> Result<bool> {
        let leads_up_to_it = match self.found.segments.is_empty() {
            true => first == Position::START.next(),
            false => first == self.found.tail.next(),
        };
        let path = self.directory.join(segment_name(first));
        let size_bytes = self
            .env
            .open(&path, OpenMode::Read)
            .and_then(|file| file.size_bytes())
            .map_err(|error| Error::io(format_args!("measuring {}", path.display()), error))?;
        Ok(leads_up_to_it && self.known_durable < first && size_bytes <= SEGMENT_HEADER_SIZE_BYTES as u64)
    }

    fn create_again(&mut self, first: Position) -> Result<()> {
        let segment = Segment::create(self.env, self.directory, first, self.found.chain, OpenMode::Write)?;
        self.found.segments.push(OpenSegment::empty(segment));
        Ok(())
    }

    /// K5: refuses damage to what was durable, and cuts a torn tail so that none of it ever comes back.
    fn cut(&mut self, mut scan: Scan, what: &'static str) -> Result<()> {
        let damaged = scan.last().next();
        let known_durable = self.known_durable.max(scan.durable_mark_behind()?.unwrap_or_default());
        if known_durable >= damaged {
            return Err(scan.corrupt(what));
        }
        let last = self.found.segments.last_mut().expect("the segment that is cut was read");
        tracing::warn!(
            file = %last.segment.path.display(), offset = last.end, what,
            "the log has a torn tail, as a crash leaves it; it is cut"
        );
        let cut = last.segment.file.set_size(last.end).and_then(|()| last.segment.file.sync_data());
        cut.map_err(|error| {
            Error::io(format_args!("cutting the torn tail of {}", last.segment.path.display()), error)
        })?;
        last.extent = last.end;
        Ok(())
    }

    /// Makes durable what is left: records that a killed process wrote may still be in memory only.
    fn finish(self) -> Result<Recovered> {
        let Recovered { segments, tail, .. } = &self.found;
        let last = segments.last().expect("the last segment was read or created");
        if *tail < self.known_durable {
            return Err(Error::corrupt(format!(
                "{}: the log ends at byte {} with record {tail} although the checkpoint holds record {}; \
                 keep the files and restore from a backup",
                last.segment.path.display(),
                last.end,
                self.known_durable
            )));
        }
        let syncing = |error| Error::io(format_args!("syncing {}", last.segment.path.display()), error);
        let mut offset = self.first_unmarked(last)?;
        let mut bytes = Vec::new();
        while offset < last.end {
            let size_bytes = COPY_SIZE_BYTES.min(last.end - offset);
            bytes.resize(usize::try_from(size_bytes).expect("a copy is small"), 0);
            last.segment.file.read_exact_at(offset, &mut bytes).map_err(syncing)?;
            last.segment.file.write_all_at(offset, &bytes).map_err(syncing)?;
            offset += size_bytes;
        }
        last.segment.file.sync_data().map_err(syncing)?;
        Ok(self.found)
    }

    /// Where the bytes of the last segment begin that no durable mark covers.
    fn first_unmarked(&self, last: &OpenSegment) -> Result<u64> {
        if self.found.marked < last.segment.header.first {
            return Ok(0);
        }
        let mut scan = last.scan_near(self.found.marked.next());
        loop {
            match scan.advance()? {
                Found::Frame { header, offset, .. } if header.position > self.found.marked => return Ok(offset),
                Found::Frame { .. } => {}
                Found::End | Found::Zeros | Found::Damage(_) => return Ok(last.end),
            }
        }
    }
}
