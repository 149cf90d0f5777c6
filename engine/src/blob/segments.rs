//! All segment files of a database: who writes to one, who may still read it, which may go.
//!
//! ```text
//!            take                give back               seal                 nothing live as of version V
//!   (new) --------> Writing <--------------> Idle ----------------> Sealed ------------------------------> Dead(V)
//!                                             '-- full, failed, or found at open --^            removed when V is the
//!                                                                                     oldest that anybody can read
//! ```
//!
//! - One writer per file at a time, so an extent is contiguous and an abandoned one is cut off again.
//! - A file is pinned by uploads and contents whose commit is not decided, and by readers. Nothing pinned is judged or
//!   removed. A sealed file without pins gets no new extents: nothing live in it at one version means
//!   nothing live in it ever after.
//! - Files that were there when the database was opened are never appended to, so a torn tail is nobody's concern.
//! - "Changed" marks are hints for the collector: lost ones cost space until the next opening, never bytes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::keys::SegmentNumber;
use super::segment::{BLOB_SEGMENT_HEADER_SIZE_BYTES, SegmentFile, segment_number, segment_path, write_failed};
use crate::env::Env;
use crate::error::{Error, Result};
use crate::kv::{Sequences, Version};
use crate::limits::BLOB_SMALL_FILES_MAX;

/// The sequence that the numbers of segment files come from.
const SEGMENT_SEQUENCE: &[u8] = b"blob segment";

/// What may be done with a segment file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// An upload appends to it.
    Writing,
    /// The next upload appends to it.
    Idle,
    /// Complete.
    Sealed,
    /// Nothing in it is live at this version or later.
    Dead(Version),
}

#[derive(Debug)]
struct Segment {
    stage: Stage,
    pins: usize,
    /// Whether what is live in it may have changed since it was last judged.
    changed: bool,
    /// Whether it was found small when it was last judged.
    small: bool,
}

impl Segment {
    fn new(stage: Stage, pins: usize) -> Self {
        Segment { stage, pins, changed: true, small: false }
    }
}

/// A segment file with room, held by one writer.
#[derive(Debug)]
pub(super) struct WritableSegment {
    pub(super) file: Arc<SegmentFile>,
    /// Where the next extent begins.
    pub(super) end: u64,
}

#[derive(Debug, Default)]
struct State {
    segments: BTreeMap<SegmentNumber, Segment>,
    idle: Vec<WritableSegment>,
}

/// The segment files of one open database.
#[derive(Debug)]
pub(super) struct Segments {
    env: Arc<dyn Env>,
    root: PathBuf,
    directory: PathBuf,
    sequences: Arc<Sequences>,
    segment_size_bytes: u64,
    state: Mutex<State>,
}

/// Keeps segment files from being judged or removed until it is dropped.
#[derive(Debug)]
pub(super) struct Pins {
    segments: Arc<Segments>,
    numbers: Vec<SegmentNumber>,
    /// Whether what is live may be another when the pins go: yes for those who write.
    changes: bool,
}

impl Segments {
    /// The files in the folder `blobs` under `root`, which is created with the first of them.
    pub(super) fn open(
        env: Arc<dyn Env>,
        root: &Path,
        sequences: Arc<Sequences>,
        segment_size_bytes: u64,
    ) -> Result<Arc<Self>> {
        let directory = root.join("blobs");
        let list = |error| Error::io(format_args!("listing {}", directory.display()), error);
        let names = match env.exists(&directory).map_err(list)? {
            true => env.list(&directory).map_err(list)?,
            false => Vec::new(),
        };
        let found = |number| (number, Segment::new(Stage::Sealed, 0));
        let segments = names.iter().filter_map(|name| segment_number(name)).map(found).collect();
        let state = Mutex::new(State { segments, idle: Vec::new() });
        Ok(Arc::new(Segments { env, root: root.to_owned(), directory, sequences, segment_size_bytes, state }))
    }

    pub(super) fn env(&self) -> &Arc<dyn Env> {
        &self.env
    }

    pub(super) fn segment_size_bytes(&self) -> u64 {
        self.segment_size_bytes
    }

    /// The file `number`, to read; the caller has pinned it.
    pub(super) fn open_file(&self, number: SegmentNumber) -> Result<SegmentFile> {
        SegmentFile::open(&*self.env, &self.directory, number)
    }

    /// The size of the file `number`, at least that of a header.
    pub(super) fn file_size_bytes(&self, number: SegmentNumber) -> Result<u64> {
        match self.env.exists(&segment_path(&self.directory, number)) {
            // A torn creation leaves less than a header, which counts as one so that the file is collected.
            Ok(true) => SegmentFile::size_of(&*self.env, &self.directory, number)
                .map(|size_bytes| size_bytes.max(BLOB_SEGMENT_HEADER_SIZE_BYTES)),
            Ok(false) => Ok(BLOB_SEGMENT_HEADER_SIZE_BYTES),
            Err(error) => Err(Error::io(format_args!("looking into {}", self.directory.display()), error)),
        }
    }

    /// A file to append to and the pin on it; its name is durable.
    pub(super) fn take(self: &Arc<Self>) -> Result<(WritableSegment, Pins)> {
        if let Some(taken) = self.take_idle() {
            return Ok(taken);
        }
        let file = self.create()?;
        let number = file.number;
        self.state.lock().segments.insert(number, Segment::new(Stage::Writing, 1));
        let writable = WritableSegment { file: Arc::new(file), end: BLOB_SEGMENT_HEADER_SIZE_BYTES };
        let pins = Pins { segments: self.clone(), numbers: vec![number], changes: true };
        match self.env.sync_dir(&self.directory) {
            Ok(()) => Ok((writable, pins)),
            Err(error) => {
                self.give_up(&writable);
                Err(write_failed("syncing", &self.directory, error))
            }
        }
    }

    fn take_idle(self: &Arc<Self>) -> Option<(WritableSegment, Pins)> {
        let mut state = self.state.lock();
        let state = &mut *state;
        let writable = state.idle.pop()?;
        let number = writable.file.number;
        let segment = state.segments.get_mut(&number).expect("an idle file is known");
        segment.stage = Stage::Writing;
        segment.pins += 1;
        Some((writable, Pins { segments: self.clone(), numbers: vec![number], changes: true }))
    }

    fn create(&self) -> Result<SegmentFile> {
        let failed = |error| write_failed("creating", &self.directory, error);
        if !self.env.exists(&self.directory).map_err(failed)? {
            self.env.create_dir(&self.directory).map_err(failed)?;
        }
        // The folder may have been created by an upload that failed before this line.
        if self.state.lock().segments.is_empty() {
            self.env.sync_dir(&self.root).map_err(failed)?;
        }
        loop {
            let number = SegmentNumber(self.sequences.next(SEGMENT_SEQUENCE)?);
            match SegmentFile::create(&*self.env, &self.directory, number) {
                Ok(Some(file)) => return Ok(file),
                Ok(None) => {}
                Err(error) => {
                    // What there is of the file goes the way of every other file in which nothing is live.
                    self.state.lock().segments.insert(number, Segment::new(Stage::Sealed, 0));
                    return Err(error);
                }
            }
        }
    }

    /// Takes back a file that is synced up to its end.
    pub(super) fn give_back(&self, writable: WritableSegment) {
        let mut state = self.state.lock();
        let state = &mut *state;
        let Some(segment) = state.segments.get_mut(&writable.file.number) else { return };
        match writable.end < self.segment_size_bytes {
            true => {
                segment.stage = Stage::Idle;
                state.idle.push(writable);
            }
            false => segment.stage = Stage::Sealed,
        }
    }

    /// Takes back a file whose end is unknown.
    pub(super) fn give_up(&self, writable: &WritableSegment) {
        if let Some(segment) = self.state.lock().segments.get_mut(&writable.file.number) {
            segment.stage = Stage::Sealed;
            segment.changed = true;
        }
    }

    /// Keeps `numbers` readable; asked while a view that sees them is open.
    pub(super) fn pin(self: &Arc<Self>, numbers: impl IntoIterator<Item = SegmentNumber>) -> Pins {
        let mut numbers: Vec<_> = numbers.into_iter().collect();
        numbers.dedup();
        let mut state = self.state.lock();
        // A file that is not known is missing; opening it will say so.
        numbers.retain(|number| match state.segments.get_mut(number) {
            Some(segment) => {
                segment.pins += 1;
                true
            }
            None => false,
        });
        drop(state);
        Pins { segments: self.clone(), numbers, changes: false }
    }

    /// Has these files judged again.
    pub(super) fn mark_changed(&self, numbers: impl IntoIterator<Item = SegmentNumber>) {
        let mut state = self.state.lock();
        for number in numbers {
            if let Some(segment) = state.segments.get_mut(&number) {
                segment.changed = true;
            }
        }
    }

    /// A file to judge, sealed or idle and not pinned, and its mark taken off.
    pub(super) fn next_changed(&self) -> Option<(SegmentNumber, Stage)> {
        let mut state = self.state.lock();
        let is_due = |segment: &Segment| {
            segment.changed && segment.pins == 0 && matches!(segment.stage, Stage::Idle | Stage::Sealed)
        };
        let (number, segment) = state.segments.iter_mut().find(|(_, segment)| is_due(segment))?;
        segment.changed = false;
        Some((*number, segment.stage))
    }

    /// Ends the appending to an idle file and has it judged again.
    pub(super) fn seal(&self, number: SegmentNumber) {
        let mut state = self.state.lock();
        let state = &mut *state;
        if let Some(segment) = state.segments.get_mut(&number) {
            segment.changed = true;
            if segment.stage == Stage::Idle {
                segment.stage = Stage::Sealed;
                state.idle.retain(|idle| idle.file.number != number);
            }
        }
    }

    /// Notes the size of a sealed file; true when it is one of too many small ones.
    ///
    /// Every opening begins a new file, so that many openings would leave many small ones.
    pub(super) fn is_one_too_many(&self, number: SegmentNumber, size_bytes: u64) -> bool {
        let mut state = self.state.lock();
        let Some(segment) = state.segments.get_mut(&number) else { return false };
        segment.small = size_bytes < self.segment_size_bytes / 4;
        let is_small = segment.small;
        let small = state.segments.values().filter(|segment| segment.small && segment.stage == Stage::Sealed).count();
        is_small && small > BLOB_SMALL_FILES_MAX
    }

    /// Says that nothing is live in a sealed file as of `version`.
    pub(super) fn mark_dead(&self, number: SegmentNumber, version: Version) {
        if let Some(segment) = self.state.lock().segments.get_mut(&number) {
            segment.stage = Stage::Dead(version);
        }
    }

    /// The dead files that nobody can come to read, when `oldest` is the oldest version that anybody reads.
    ///
    /// `oldest` is asked under the lock that pins are taken under: a reader pins before it lets go of its view.
    pub(super) fn removable(&self, oldest: impl FnOnce() -> Version) -> Vec<SegmentNumber> {
        let state = self.state.lock();
        let oldest = oldest();
        let is_gone = |segment: &Segment| segment.pins == 0 && matches!(segment.stage, Stage::Dead(at) if at <= oldest);
        state.segments.iter().filter(|(_, segment)| is_gone(segment)).map(|(number, _)| *number).collect()
    }

    /// Removes files that [`Segments::removable`] named.
    pub(super) fn remove(&self, numbers: &[SegmentNumber]) -> Result<()> {
        for number in numbers {
            let path = segment_path(&self.directory, *number);
            match self.env.remove(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::io(format_args!("removing {}", path.display()), error));
                }
                _ => self.state.lock().segments.remove(number),
            };
        }
        // A file that a crash brings back is collected again, so a failure here loses nothing.
        self.env
            .sync_dir(&self.directory)
            .map_err(|error| Error::io(format_args!("syncing {}", self.directory.display()), error))
    }
}

impl Pins {
    /// The pins of an upload, before its first file.
    pub(super) fn of_upload(segments: &Arc<Segments>) -> Self {
        Pins { segments: segments.clone(), numbers: Vec::new(), changes: true }
    }

    /// Adds the pins of `other`.
    pub(super) fn absorb(&mut self, mut other: Pins) {
        self.numbers.append(&mut other.numbers);
    }

    pub(super) fn segments(&self) -> &Arc<Segments> {
        &self.segments
    }
}

impl Drop for Pins {
    fn drop(&mut self) {
        let mut state = self.segments.state.lock();
        for number in &self.numbers {
            if let Some(segment) = state.segments.get_mut(number) {
                segment.pins -= 1;
                segment.changed |= self.changes;
            }
        }
    }
}
