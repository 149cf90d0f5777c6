//! Appending chunks to segment files, extent by extent.
//!
//! ```text
//!   write_chunk ... write_chunk | file full: sync, give back, take another | write_chunk ... finish: sync, give back
//! ```
//!
//! Everything is synced before its extents are handed out (the file, and its name when it was taken). Dropped before that,
//! the open extent is cut off its file again; a file that failed a write or sync is never appended to again.

use std::sync::Arc;

use super::segment::{BLOB_CHUNK_SIZE_BYTES, Extent};
use super::segments::{Pins, Segments, WritableSegment};
use crate::error::Result;

#[derive(Debug)]
struct OpenExtent {
    segment: WritableSegment,
    extent: Extent,
    /// The extent's end may not be what `extent` says.
    failed: bool,
}

/// Writes one run of bytes, chunk by chunk.
#[derive(Debug)]
pub(super) struct ExtentWriter {
    segments: Arc<Segments>,
    pins: Pins,
    open: Option<OpenExtent>,
    complete: Vec<Extent>,
}

impl ExtentWriter {
    pub(super) fn new(segments: &Arc<Segments>) -> Self {
        ExtentWriter { segments: segments.clone(), pins: Pins::of_upload(segments), open: None, complete: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_none() && self.complete.is_empty()
    }

    /// Appends `bytes`, at most a chunk, and empties the buffer; only a last chunk may be short.
    pub(super) fn write_chunk(&mut self, bytes: &mut Vec<u8>) -> Result<()> {
        let size = bytes.len() as u64;
        if self.open.as_ref().is_some_and(|open| open.segment.end >= self.segments.segment_size_bytes()) {
            self.close_extent()?;
        }
        if self.open.is_none() {
            self.open = Some(self.open_extent()?);
        }
        let open = self.open.as_mut().expect("an extent was just opened");
        let extent = &mut open.extent;
        let index = extent.size_bytes / BLOB_CHUNK_SIZE_BYTES as u64;
        open.failed = true;
        open.segment.file.write_chunk(open.segment.end, extent.salt, index, bytes)?;
        open.failed = false;
        open.segment.end += bytes.len() as u64;
        extent.size_bytes += size;
        bytes.clear();
        Ok(())
    }

    fn open_extent(&mut self) -> Result<OpenExtent> {
        let (segment, pins) = self.segments.take()?;
        self.pins.absorb(pins);
        let extent = Extent {
            segment: segment.file.number,
            offset: segment.end,
            size_bytes: 0,
            salt: self.segments.env().random_u64(),
        };
        Ok(OpenExtent { segment, extent, failed: false })
    }

    fn close_extent(&mut self) -> Result<()> {
        let Some(open) = &mut self.open else { return Ok(()) };
        open.failed = true;
        open.segment.file.sync()?;
        open.failed = false;
        if let Some(OpenExtent { segment, extent, .. }) = self.open.take() {
            self.segments.give_back(segment);
            self.complete.push(extent);
        }
        Ok(())
    }

    /// The extents, synced, and the pins that keep them until they are committed.
    pub(super) fn finish(mut self) -> Result<(Vec<Extent>, Pins)> {
        self.close_extent()?;
        let pins = std::mem::replace(&mut self.pins, Pins::of_upload(&self.segments));
        Ok((std::mem::take(&mut self.complete), pins))
    }
}

impl Drop for ExtentWriter {
    fn drop(&mut self) {
        let Some(OpenExtent { mut segment, extent, failed }) = self.open.take() else { return };
        let is_cut = !failed && segment.file.truncate(extent.offset).is_ok();
        match is_cut {
            true => {
                segment.end = extent.offset;
                self.segments.give_back(segment);
            }
            false => self.segments.give_up(&segment),
        }
    }
}
