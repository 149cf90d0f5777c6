//! The records of the log in order, read from its files as they are asked for.
//!
//! ```text
//!   read(from): [segment from the frame near `from`] -> [segment] -> [segment up to the tail of that moment]
//! ```
//!
//! The walk holds the files open, so that trimming them meanwhile does not disturb it. After an error it ends.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::error::Result;

use super::frame::FrameKind;
use super::scan::{Found, Scan};
use super::{Position, Record};

/// An iterator over the records from one position to another.
#[derive(Debug)]
pub(super) struct Records {
    /// One walk for each segment that is left, oldest first.
    scans: VecDeque<Scan>,
    from: Position,
    /// The last record to deliver.
    until: Position,
}

impl Records {
    /// The records `from..=until` out of `scans`, which reach up to `until` together.
    pub(super) fn new(scans: VecDeque<Scan>, from: Position, until: Position) -> Self {
        Records { scans, from, until }
    }

    fn next_record(&mut self) -> Result<Option<Record>> {
        while let Some(scan) = self.scans.front_mut() {
            let what = match scan.advance()? {
                Found::Frame { header, payload, .. } => {
                    if header.kind == FrameKind::Record && header.position >= self.from {
                        return Ok(Some((header.position, Bytes::copy_from_slice(payload))));
                    }
                    continue;
                }
                Found::End => {
                    self.scans.pop_front();
                    continue;
                }
                Found::Zeros => "zeros instead of a frame",
                Found::Damage(what) => what,
            };
            return Err(scan.corrupt(what));
        }
        Ok(None)
    }
}

impl Iterator for Records {
    type Item = Result<Record>;

    fn next(&mut self) -> Option<Result<Record>> {
        let record = self.next_record();
        if !matches!(&record, Ok(Some((position, _))) if *position < self.until) {
            self.scans.clear();
        }
        record.transpose()
    }
}
