//! Emptying mostly dead segment files, so that they can be removed.
//!
//! ```text
//!   file 17: dead dead BODY 12 dead  --> read and verify chunk by chunk, append to another file, sync
//!                                    --> one transaction: body 12 is there; file 17 is not used by it
//! ```
//!
//! Only the body's row changes: objects name bodies, so none of their rows is touched, however many share it. A conflict
//! (the body was deleted or copied meanwhile) leaves everything as it was, and the new copy to the collector.

use super::body::{self, Place};
use super::extent_writer::ExtentWriter;
use super::keys::{self, BodyId, SegmentNumber};
use super::segment::Extent;
use super::{BlobModel, reader::StoredBytes};
use crate::error::{ErrorKind, Result};
use crate::kv::{Direction, Durability, Isolation, KeyRange, Reader};
use crate::limits::BLOB_COMPACT_STEP_SIZE_BYTES;

/// Moves some of what is live in the file away; true when something moved.
pub(super) fn step(model: &BlobModel, number: SegmentNumber) -> Result<bool> {
    let snapshot = model.keyspace.snapshot()?;
    let mut moved_size_bytes = 0;
    for entry in snapshot.scan(KeyRange::prefix(keys::segment_uses(number)), Direction::Forward)? {
        let (body, size_bytes) = keys::use_of(&entry?)?;
        if relocate(model, body, number)? {
            moved_size_bytes += size_bytes;
        }
        if moved_size_bytes >= BLOB_COMPACT_STEP_SIZE_BYTES {
            break;
        }
    }
    model.segments.mark_changed([number]);
    Ok(moved_size_bytes > 0)
}

/// Moves what `body` has in the file to another; false when a transaction got in the way.
fn relocate(model: &BlobModel, id: BodyId, number: SegmentNumber) -> Result<bool> {
    let transaction = model.keyspace.begin(Isolation::Serializable)?;
    let Some(body) = body::load(&transaction, id)? else { return Ok(false) };
    let Place::Extents(extents) = &body.place else { return Ok(false) };
    let mut relocated = Vec::with_capacity(extents.len());
    for extent in extents {
        if extent.segment != number {
            relocated.push(*extent);
            continue;
        }
        let (copies, pins) = copy(model, *extent)?;
        relocated.extend(copies);
        transaction.hold(Box::new(pins));
    }
    body::relocate(&transaction, id, body, Place::Extents(relocated))?;
    match transaction.commit(Durability::Buffered) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::Conflict => Ok(false),
        Err(error) => Err(error),
    }
}

fn copy(model: &BlobModel, extent: Extent) -> Result<(Vec<Extent>, super::segments::Pins)> {
    let mut source = StoredBytes::new(&model.segments, vec![extent]);
    let mut target = ExtentWriter::new(&model.segments);
    let mut buffer = Vec::new();
    let mut position = 0;
    while position < extent.size_bytes {
        let chunk = source.from(position)?;
        position += chunk.len() as u64;
        buffer.extend_from_slice(chunk);
        target.write_chunk(&mut buffer)?;
    }
    target.finish()
}
