//! Bodies: the bytes of objects, shared by reference count.
//!
//! ```text
//!   object row "a" --.
//!                    +--> body 12 { references 2, Extents [ seg 17 @ 24, seg 18 @ 24 ] }
//!   object row "b" --'         and   seg 17 uses 12,  seg 18 uses 12
//! ```
//!
//! - Copying an object writes two small rows, whatever its size; bytes are never copied for it.
//! - Every change of the references reads and writes the body's row, so two transactions that disagree about
//!   whether a body lives conflict, under either isolation.
//! - The uses of a segment file are written and removed with the body, in the same transaction: a file without uses
//!   holds nothing that a commit names.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::keys::{self, BodyId, SegmentNumber};
use super::segment::Extent;
use super::segments::Segments;
use crate::encoding::record;
use crate::error::{Error, Result};
use crate::kv::{Reader, Transaction};

/// Format of the rows of bodies.
const BODY_FORMAT: u8 = 1;

/// The row of a body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Body {
    /// How many object rows name it; never 0 in a row.
    pub(super) references: u64,
    pub(super) place: Place,
}

/// Where the bytes of a body are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Place {
    /// Here.
    Inline(Bytes),
    /// In segment files, one extent after the other.
    Extents(Vec<Extent>),
}

impl Place {
    /// The files that hold the bytes, with how much of each.
    pub(super) fn uses(&self) -> BTreeMap<SegmentNumber, u64> {
        let mut uses = BTreeMap::new();
        if let Place::Extents(extents) = self {
            for extent in extents {
                let used: &mut u64 = uses.entry(extent.segment).or_insert(0);
                *used = used.saturating_add(extent.stored_size_bytes());
            }
        }
        uses
    }

    pub(super) fn size_bytes(&self) -> u64 {
        match self {
            Place::Inline(bytes) => bytes.len() as u64,
            Place::Extents(extents) => extents.iter().fold(0, |sum: u64, extent| sum.saturating_add(extent.size_bytes)),
        }
    }
}

impl Body {
    pub(super) fn decode(stored: &[u8]) -> Result<Self> {
        record::decode(BODY_FORMAT, stored, "the row of an object's bytes")
    }
}

pub(super) fn load<R: Reader + ?Sized>(reader: &R, id: BodyId) -> Result<Option<Body>> {
    reader.get(&keys::body(id))?.map(|stored| Body::decode(&stored)).transpose()
}

/// The body that an object row names.
pub(super) fn require<R: Reader + ?Sized>(reader: &R, id: BodyId) -> Result<Body> {
    load(reader, id)?.ok_or_else(|| {
        Error::corrupt(format!("the bytes number {} of a stored object are missing; restore from a backup", id.0))
    })
}

pub(super) fn store(transaction: &Transaction, id: BodyId, body: &Body) -> Result<()> {
    transaction.put(keys::body(id), record::encode(BODY_FORMAT, body)?)
}

/// Adds one reference to the body `id`, which holds `place` when there is none yet.
pub(super) fn retain(transaction: &Transaction, id: BodyId, place: impl FnOnce() -> Result<Place>) -> Result<()> {
    if let Some(mut body) = load(transaction, id)? {
        body.references += 1;
        return store(transaction, id, &body);
    }
    let body = Body { references: 1, place: place()? };
    for (segment, size_bytes) in body.place.uses() {
        transaction.put(keys::segment_use(segment, id), size_bytes.to_be_bytes().to_vec())?;
    }
    store(transaction, id, &body)
}

/// Takes one reference from the body `id`; the last one takes the body along.
pub(super) fn release(transaction: &Transaction, segments: &Arc<Segments>, id: BodyId) -> Result<()> {
    let mut body = require(transaction, id)?;
    if body.references > 1 {
        body.references -= 1;
        return store(transaction, id, &body);
    }
    transaction.delete(keys::body(id))?;
    let uses = body.place.uses();
    for segment in uses.keys() {
        transaction.delete(keys::segment_use(*segment, id))?;
    }
    if !uses.is_empty() {
        let segments = segments.clone();
        transaction.after_commit(Box::new(move |_| segments.mark_changed(uses.into_keys())));
    }
    Ok(())
}

/// Gives the body `id` another place, with the same bytes.
pub(super) fn relocate(transaction: &Transaction, id: BodyId, body: Body, place: Place) -> Result<()> {
    for segment in body.place.uses().keys() {
        transaction.delete(keys::segment_use(*segment, id))?;
    }
    for (segment, size_bytes) in place.uses() {
        transaction.put(keys::segment_use(segment, id), size_bytes.to_be_bytes().to_vec())?;
    }
    store(transaction, id, &Body { place, ..body })
}
