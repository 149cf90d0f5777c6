//! Walks the frames of one segment and verifies each before anyone sees it.
//!
//! ```text
//!   | header | frame | frame | frame | 0 0 0 0 ...
//!            '-> Frame -> Frame -> Frame -> Zeros
//!                           '-- or Damage { what }, after which the scan stands still
//! ```
//!
//! Memory is bounded by one frame and one window; a frame's size is believed only under its header's
//! checksum and only when the file holds that many bytes.

use std::sync::Arc;

use crate::error::{Error, Result};

use super::Position;
use super::frame::{FRAME_HEADER_SIZE_BYTES, FrameHeader, FrameKind};
use super::segment::{SEGMENT_HEADER_SIZE_BYTES, Segment, SegmentHeader};

/// Bytes that one read of a sequential scan asks for.
const WINDOW_SIZE_BYTES: u64 = 256 * 1024;

/// A walk over the frames of a segment, from its start or from a frame that is known to begin somewhere.
#[derive(Debug)]
pub(super) struct Scan {
    segment: Arc<Segment>,
    window: Window,
    offset: u64,
    /// Where the walk ends: the end of the file, or of what was written when the walk began.
    end: u64,
    /// The position of the last record before the offset.
    last: Position,
    /// The chain value that the next frame has to carry; unknown after a jump into the middle.
    chain: Option<u32>,
}

/// What stands at the scan's offset.
#[derive(Debug)]
pub(super) enum Found<'a> {
    /// A whole frame in its place; `offset` is where it begins.
    Frame { header: FrameHeader, offset: u64, payload: &'a [u8] },
    /// The end, exactly after a frame.
    End,
    /// No frame: bytes that are zero as far as a frame header reaches.
    Zeros,
    /// Something that is no whole frame in its place.
    Damage(&'static str),
}

impl Scan {
    /// A walk from the first frame of `segment`, whose chain has to fit what the segment header says.
    pub(super) fn from_start(segment: Arc<Segment>, end: u64) -> Self {
        let SegmentHeader { chain, first, .. } = segment.header;
        let last = Position::new(first.number() - 1);
        let offset = SEGMENT_HEADER_SIZE_BYTES as u64;
        Scan { segment, window: Window::default(), offset, end, last, chain: Some(chain) }
    }

    /// A walk from a frame that begins at `offset`, after record `last`.
    pub(super) fn from_frame(segment: Arc<Segment>, offset: u64, last: Position, end: u64) -> Self {
        Scan { segment, window: Window::default(), offset, end, last, chain: None }
    }

    /// The position of the last record that was found good; the one before the first when none was.
    pub(super) fn last(&self) -> Position {
        self.last
    }

    /// The header checksum of the last frame, when the walk knows it.
    pub(super) fn chain(&self) -> Option<u32> {
        self.chain
    }

    /// Reads and verifies the next frame, and moves past it when it is good.
    ///
    /// # Errors
    /// When the file cannot be read; damage is not an error but an answer.
    pub(super) fn advance(&mut self) -> Result<Found<'_>> {
        let offset = self.offset;
        let left = self.end.saturating_sub(offset);
        if left == 0 {
            return Ok(Found::End);
        }
        let head = self.window.fill(&self.segment, offset, left.min(FRAME_HEADER_SIZE_BYTES as u64), self.end)?;
        if head.iter().all(|byte| *byte == 0) {
            return Ok(Found::Zeros);
        }
        let Ok(head) = head.try_into() else {
            return Ok(Found::Damage("the frame is cut short"));
        };
        let header = match FrameHeader::decode(head, self.segment.header.salt) {
            Ok(header) => header,
            Err(what) => return Ok(Found::Damage(what)),
        };
        if let Err(what) = self.check_place(&header) {
            return Ok(Found::Damage(what));
        }
        if header.size_bytes() > left {
            return Ok(Found::Damage("the frame is cut short"));
        }
        let frame = self.window.fill(&self.segment, offset, header.size_bytes(), self.end)?;
        let payload = &frame[FRAME_HEADER_SIZE_BYTES..];
        if crc32c::crc32c(payload) != header.payload_checksum {
            return Ok(Found::Damage("the payload's checksum is wrong"));
        }
        self.offset += header.size_bytes();
        self.chain = Some(header.checksum);
        self.last = header.position;
        Ok(Found::Frame { header, offset, payload })
    }

    /// A frame whose own bytes are whole may still be one that does not belong here.
    fn check_place(&self, header: &FrameHeader) -> Result<(), &'static str> {
        if self.chain.is_some_and(|chain| chain != header.chain) {
            return Err("the frame does not continue the chain");
        }
        let in_place = match header.kind {
            FrameKind::Record => self.last.number().checked_add(1) == Some(header.position.number()),
            FrameKind::Mark => header.position == self.last,
        };
        if !in_place {
            return Err("the frame carries the position of another");
        }
        if header.durable > self.last {
            return Err("the frame's durable mark is beyond itself");
        }
        Ok(())
    }

    /// The highest durable mark in any header found from here to the end of the file, at any byte offset.
    ///
    /// One pass over the rest; only headers are verified, so that the cost does not depend on what is there.
    pub(super) fn durable_mark_behind(&mut self) -> Result<Option<Position>> {
        let mut highest = None;
        let mut offset = self.offset;
        while offset + FRAME_HEADER_SIZE_BYTES as u64 <= self.end {
            let size_bytes = WINDOW_SIZE_BYTES.min(self.end - offset);
            let bytes = self.window.fill(&self.segment, offset, size_bytes, self.end)?;
            for head in bytes.windows(FRAME_HEADER_SIZE_BYTES) {
                let head: &[u8; FRAME_HEADER_SIZE_BYTES] = head.try_into().expect("windows have the size asked for");
                // A header ends with its kind, a small number: that rules out most offsets without a checksum.
                if head[32] != 0
                    && head[33..] == [0; 3]
                    && let Ok(header) = FrameHeader::decode(head, self.segment.header.salt)
                {
                    highest = highest.max(Some(header.durable));
                }
            }
            offset += size_bytes - (FRAME_HEADER_SIZE_BYTES as u64 - 1);
        }
        Ok(highest)
    }

    /// Whether nothing but zeros follows.
    pub(super) fn only_zeros_behind(&mut self) -> Result<bool> {
        let mut offset = self.offset;
        while offset < self.end {
            let size_bytes = WINDOW_SIZE_BYTES.min(self.end - offset);
            if self.window.fill(&self.segment, offset, size_bytes, self.end)?.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            offset += size_bytes;
        }
        Ok(true)
    }

    /// The error for damage at the scan's offset.
    pub(super) fn corrupt(&self, what: &str) -> Error {
        Error::corrupt(format!(
            "{}: the log is damaged at byte {} ({what}), where durable record {} belongs; \
             keep the files and restore from a backup",
            self.segment.path.display(),
            self.offset,
            self.last.next()
        ))
    }
}

/// The part of the file that was read last.
#[derive(Debug, Default)]
struct Window {
    start: u64,
    bytes: Vec<u8>,
}

impl Window {
    /// The `size_bytes` at `offset`, which lie before `end`; reads ahead up to it.
    fn fill(&mut self, segment: &Segment, offset: u64, size_bytes: u64, end: u64) -> Result<&[u8]> {
        let held = self.start..self.start + self.bytes.len() as u64;
        if !(held.contains(&offset) && offset + size_bytes <= held.end) {
            let ahead = size_bytes.max(WINDOW_SIZE_BYTES.min(end - offset));
            self.bytes.clear();
            self.bytes.resize(usize::try_from(ahead).expect("a frame fits into memory"), 0);
            let read = segment.file.read_exact_at(offset, &mut self.bytes);
            read.map_err(|error| {
                self.bytes.clear();
                Error::io(format_args!("reading {} at byte {offset}", segment.path.display()), error)
            })?;
            self.start = offset;
        }
        let from = usize::try_from(offset - self.start).expect("the window starts at or before the offset");
        Ok(&self.bytes[from..from + usize::try_from(size_bytes).expect("a frame fits into memory")])
    }
}
