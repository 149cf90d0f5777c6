//! The log in local files: one writer, cheap durable appends, readers that never wait for a sync.
//!
//! ```text
//!   append --> one write at the tail, zeros behind it   | state lock, microseconds
//!   sync   --> fdatasync of the last segment            | sync lock only: appends go on meanwhile
//!   full   --> sync and close the segment, create next  | both locks
//!   trim   --> remove whole segments, oldest first      | trim lock
//! ```
//!
//! Invariants:
//! - only the last segment has unsynced bytes, so one fdatasync makes everything durable.
//! - syncs happen one after another: of two at once the kernel reports a failure to only one (K4).
//! - the segment is extended ahead with written zeros. An fdatasync that need not record a new file size
//!   was measured at half to two thirds of the cost of one that must, and at a fraction when the file
//!   system is busy.
//! - locks are taken in the order sync, state.
//!
//! Left out: retries. A failed fsync may have dropped the pages that it was asked for, and a second
//! one would report success.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::env::{Env, OpenMode};
use crate::error::{Error, Result};
use crate::limits::{LOG_RECORD_SIZE_BYTES_MAX, LOG_SEGMENT_SIZE_BYTES_MIN};
use crate::sync::{Condvar, Mutex};

use super::frame::{FRAME_HEADER_SIZE_BYTES, FrameKind, encode_frame};
use super::records::Records;
use super::recovery::{OpenSegment, recover};
use super::scan::{Found, Scan};
use super::segment::Segment;
use super::{Log, LogError, Position, Record};

/// A segment is extended ahead by its own size, within these bounds.
const EXTENSION_BYTES_MIN: u64 = 64 * 1024;
const EXTENSION_BYTES_MAX: u64 = 1024 * 1024;
const PAGE_SIZE_BYTES: u64 = 4096;
/// A buffer that a huge record made larger than this is not kept.
const BUFFER_KEPT_SIZE_BYTES: usize = 4 * 1024 * 1024;

/// How a local log uses its directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogSettings {
    /// A segment that would grow beyond this is closed and another begun. One record may be larger.
    pub segment_size_bytes: u64,
}

impl Default for LogSettings {
    fn default() -> Self {
        LogSettings { segment_size_bytes: 64 * 1024 * 1024 }
    }
}

/// A [`Log`] in segment files of one directory.
#[derive(Debug)]
pub struct LocalLog {
    env: Arc<dyn Env>,
    directory: PathBuf,
    settings: LogSettings,
    /// Held through every fdatasync and every change of the last segment.
    syncing: Mutex<()>,
    /// Held through a trim.
    trimming: Mutex<()>,
    state: Mutex<State>,
    /// Told after each append.
    appended: Condvar,
}

#[derive(Debug)]
struct State {
    /// Oldest first, never empty; only the last is written.
    segments: Vec<OpenSegment>,
    tail: Position,
    durable: Position,
    /// The durable mark of the last frame.
    marked: Position,
    /// The header checksum of the last frame.
    chain: u32,
    /// Frames of both kinds since opening, and how many of them are durable.
    frames_written: u64,
    frames_synced: u64,
    /// Why nothing is accepted any more.
    poison: Option<String>,
    buffer: Vec<u8>,
}

impl LocalLog {
    /// The log in `directory`, verified to its end, which is durable from then on.
    ///
    /// Creates the directory and the first segment when there are none. `known_durable` is the last position
    /// that something else (the checkpoint) proves to have been durable. A torn tail after it is cut.
    ///
    /// # Errors
    /// `Corrupt`, with file and byte offset, when a record that was durable is damaged or missing;
    /// `Unsupported` when a newer version wrote the files; `Invalid` for a segment size below
    /// [`LOG_SEGMENT_SIZE_BYTES_MIN`]; `Unavailable` when the files cannot be read or written.
    pub fn open(
        env: Arc<dyn Env>,
        directory: &Path,
        settings: LogSettings,
        known_durable: Position,
    ) -> Result<LocalLog> {
        if settings.segment_size_bytes < LOG_SEGMENT_SIZE_BYTES_MIN {
            return Err(Error::invalid(format!(
                "a log segment of {} bytes is too small; choose at least {LOG_SEGMENT_SIZE_BYTES_MIN}",
                settings.segment_size_bytes
            )));
        }
        let found = recover(&*env, directory, known_durable)?;
        let state = State {
            segments: found.segments,
            tail: found.tail,
            durable: found.tail,
            marked: found.marked,
            chain: found.chain,
            frames_written: 0,
            frames_synced: 0,
            poison: None,
            buffer: Vec::new(),
        };
        Ok(LocalLog {
            env,
            directory: directory.to_path_buf(),
            settings,
            syncing: Mutex::default(),
            trimming: Mutex::default(),
            state: Mutex::new(state),
            appended: Condvar::new(),
        })
    }

    fn is_full(&self, state: &State, record: &[u8]) -> bool {
        let last = state.last();
        let end = last.end + (FRAME_HEADER_SIZE_BYTES + record.len()) as u64;
        // A segment without a record would have the name of the next.
        end > self.settings.segment_size_bytes && state.tail >= last.segment.header.first
    }

    /// Closes the last segment, all of it durable, and begins the next. The sync lock is held.
    fn rotate(&self, state: &mut State) -> Result<()> {
        let (tail, chain) = (state.tail, state.chain);
        let last = state.last_mut();
        let closing = |error| Error::io(format_args!("closing the log segment {}", last.segment.path.display()), error);
        // Also when the size seems right: what a process saw after an earlier one's failed sync may not be on disk.
        last.segment.file.set_size(last.end).map_err(closing)?;
        last.segment.file.sync_data().map_err(closing)?;
        last.extent = last.end;
        state.durable = tail;
        state.frames_synced = state.frames_written;
        let segment = Segment::create(&*self.env, &self.directory, tail.next(), chain, OpenMode::CreateNew)?;
        state.segments.push(OpenSegment::empty(segment));
        Ok(())
    }

    fn write(&self, state: &mut State, kind: FrameKind, payload: &[u8]) -> Result<(), LogError> {
        state.write_frame(self.settings.segment_size_bytes, kind, payload).map_err(|error| state.poison(error))
    }

    fn append_record(&self, state: &mut State, record: &[u8]) -> Result<(), LogError> {
        self.write(state, FrameKind::Record, record)?;
        self.appended.notify_all();
        Ok(())
    }

    fn oldest_before(&self, before: Position) -> Option<Arc<Segment>> {
        let state = self.state.lock();
        let second = state.segments.get(1)?;
        (second.segment.header.first <= before).then(|| Arc::clone(&state.segments[0].segment))
    }
}

impl State {
    fn last(&self) -> &OpenSegment {
        self.segments.last().expect("a log always has a last segment")
    }

    fn last_mut(&mut self) -> &mut OpenSegment {
        self.segments.last_mut().expect("a log always has a last segment")
    }

    fn check_accepting(&self) -> Result<(), LogError> {
        match &self.poison {
            None => Ok(()),
            Some(reason) => Err(LogError::Unavailable(Error::unavailable(format!(
                "the log accepts nothing since an earlier failure ({reason}); open the database again"
            )))),
        }
    }

    fn check_free(&self, at: Position) -> Result<(), LogError> {
        self.check_accepting()?;
        if self.tail == self.tail.next() {
            let message = format!("the log has used all its positions, the last being {}", self.tail);
            return Err(LogError::Unavailable(Error::limit_exceeded(message)));
        }
        if at == self.tail.next() { Ok(()) } else { Err(LogError::Taken { tail: self.tail }) }
    }

    /// K4: nothing is accepted after this.
    fn poison(&mut self, error: Error) -> LogError {
        tracing::error!(%error, "the log stops accepting records");
        self.poison.get_or_insert_with(|| error.message().to_owned());
        LogError::Indeterminate(Error::indeterminate(error.message().to_owned()).with_source(error))
    }

    /// Writes one frame, and zeros behind it when it reaches beyond those that are there, in one write.
    fn write_frame(&mut self, segment_size_bytes: u64, kind: FrameKind, payload: &[u8]) -> Result<()> {
        let (before, chain, durable) = (self.tail, self.chain, self.durable);
        let position = if kind == FrameKind::Record { before.next() } else { before };
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        let last = self.last_mut();
        let checksum = encode_frame(&mut buffer, last.segment.header.salt, kind, position, durable, chain, payload);
        let (offset, end) = (last.end, last.end + buffer.len() as u64);
        let extent = if end > last.extent { extended(end, segment_size_bytes) } else { last.extent };
        if extent > last.extent {
            buffer.resize(usize::try_from(extent - offset).expect("a frame and its extension fit into memory"), 0);
        }
        let written = last.segment.file.write_all_at(offset, &buffer);
        written.map_err(|error| Error::io(format_args!("writing {}", last.segment.path.display()), error))?;
        last.note_frame(before, offset);
        (last.end, last.extent) = (end, extent);
        self.tail = position;
        self.chain = checksum;
        self.marked = durable;
        self.frames_written += 1;
        if buffer.capacity() <= BUFFER_KEPT_SIZE_BYTES {
            self.buffer = buffer;
        }
        Ok(())
    }

    /// Walks over all segments from the one that holds `from`.
    fn scans_from(&self, from: Position) -> VecDeque<Scan> {
        let begun = self.segments.partition_point(|open| open.segment.header.first <= from);
        let mut scans = VecDeque::new();
        if let Some((begin, later)) = self.segments[begun.saturating_sub(1)..].split_first() {
            scans.push_back(begin.scan_near(from));
            scans.extend(later.iter().map(|open| Scan::from_start(Arc::clone(&open.segment), open.end)));
        }
        scans
    }
}

/// The file size for frames up to `end`.
fn extended(end: u64, segment_size_bytes: u64) -> u64 {
    let ahead = end + end.clamp(EXTENSION_BYTES_MIN, EXTENSION_BYTES_MAX);
    ahead.next_multiple_of(PAGE_SIZE_BYTES).min(segment_size_bytes).max(end)
}

impl Log for LocalLog {
    fn append(&self, at: Position, record: &[u8]) -> Result<(), LogError> {
        if record.len() > LOG_RECORD_SIZE_BYTES_MAX {
            return Err(LogError::Unavailable(Error::limit_exceeded(format!(
                "a log record of {} bytes is larger than {LOG_RECORD_SIZE_BYTES_MAX}; commit less at once",
                record.len()
            ))));
        }
        let mut state = self.state.lock();
        state.check_free(at)?;
        if !self.is_full(&state, record) {
            return self.append_record(&mut state, record);
        }
        drop(state);
        let _syncing = self.syncing.lock();
        let mut state = self.state.lock();
        state.check_free(at)?;
        if self.is_full(&state, record) {
            self.rotate(&mut state).map_err(|error| state.poison(error))?;
        }
        self.append_record(&mut state, record)
    }

    fn sync(&self) -> Result<Position, LogError> {
        let _syncing = self.syncing.lock();
        let state = self.state.lock();
        state.check_accepting()?;
        if state.frames_synced == state.frames_written {
            return Ok(state.durable);
        }
        let (tail, frames_written) = (state.tail, state.frames_written);
        let segment = Arc::clone(&state.last().segment);
        drop(state);
        let synced = segment.file.sync_data();
        let mut state = self.state.lock();
        match synced {
            Ok(()) => {
                state.durable = tail;
                state.frames_synced = frames_written;
                Ok(tail)
            }
            Err(error) => Err(state.poison(Error::io(format_args!("syncing {}", segment.path.display()), error))),
        }
    }

    fn note_durable(&self) -> Result<(), LogError> {
        self.sync()?;
        let mut state = self.state.lock();
        state.check_accepting()?;
        if state.marked >= state.durable {
            return Ok(());
        }
        self.write(&mut state, FrameKind::Mark, &[])?;
        drop(state);
        self.sync().map(|_| ())
    }

    fn read(&self, from: Position) -> Result<Box<dyn Iterator<Item = Result<Record>> + Send + '_>> {
        let from = from.max(Position::START.next());
        let state = self.state.lock();
        if from > state.tail {
            return Ok(Box::new(std::iter::empty()));
        }
        let oldest = state.segments[0].segment.header.first;
        if from < oldest {
            return Err(Error::not_found(format!(
                "log record {from} was trimmed, the oldest kept is {oldest}; begin again from a checkpoint"
            )));
        }
        Ok(Box::new(Records::new(state.scans_from(from), from, state.tail)))
    }

    fn tail(&self) -> Position {
        self.state.lock().tail
    }

    fn wait(&self, after: Position, timeout: Duration) -> Result<Position> {
        let deadline = self.env.monotonic().saturating_add(timeout);
        let mut state = self.state.lock();
        while state.tail <= after {
            let left = deadline.saturating_sub(self.env.monotonic());
            if self.appended.wait_for(&mut state, left).timed_out() {
                break;
            }
        }
        Ok(state.tail)
    }

    fn trim(&self, before: Position) -> Result<()> {
        let _trimming = self.trimming.lock();
        while let Some(segment) = self.oldest_before(before) {
            if let Err(LogError::Unavailable(error)) = self.state.lock().check_accepting() {
                return Err(error);
            }
            let removing =
                |error| Error::io(format_args!("removing the log segment {}", segment.path.display()), error);
            self.env.remove(&segment.path).map_err(removing)?;
            self.state.lock().segments.remove(0);
            // Each removal is durable before the next, or a crash could leave a gap.
            if let Err(error) = self.env.sync_dir(&self.directory) {
                let error = removing(error);
                let message = error.message().to_owned();
                self.state.lock().poison(error);
                return Err(Error::unavailable(message));
            }
        }
        Ok(())
    }

    fn size_bytes(&self) -> u64 {
        self.state.lock().segments.iter().map(|open| open.extent).sum()
    }

    fn check(&self) -> Result<u64> {
        let (segments, scans) = {
            let state = self.state.lock();
            let segments: Vec<_> = state.segments.iter().map(|open| Arc::clone(&open.segment)).collect();
            (segments, state.scans_from(Position::START))
        };
        let (mut records, mut chain) = (0, None);
        for (segment, mut scan) in segments.into_iter().zip(scans) {
            segment.check_header()?;
            if chain.is_some_and(|chain| chain != segment.header.chain) {
                return Err(scan.corrupt("the segment does not continue the chain of the one before"));
            }
            records += count_records(&mut scan)?;
            chain = scan.chain();
        }
        Ok(records)
    }
}

fn count_records(scan: &mut Scan) -> Result<u64> {
    let mut records = 0;
    loop {
        let what = match scan.advance()? {
            Found::Frame { header, .. } => {
                records += u64::from(header.kind == FrameKind::Record);
                continue;
            }
            Found::End => return Ok(records),
            Found::Zeros => "zeros instead of a frame",
            Found::Damage(what) => what,
        };
        return Err(scan.corrupt(what));
    }
}
