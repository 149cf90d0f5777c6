//! Reading and verifying every stored byte of every object.
//!
//! ```text
//!   object rows --> their bodies are there; as many as the bodies count
//!   bodies      --> every chunk of every extent, and every use of a segment file
//! ```

use serde::{Deserialize, Serialize};

use super::body::{Body, Place};
use super::object::ObjectRow;
use super::reader::StoredBytes;
use super::{BlobModel, body, keys};
use crate::error::{Error, Result};
use crate::kv::{Direction, KeyRange, Reader, Snapshot};

/// What a check of the blobs went through without finding damage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobCheck {
    /// Objects, with those of dropped buckets that are not removed yet.
    pub objects: u64,
    /// Runs of bytes; several objects may share one.
    pub bodies: u64,
    /// Bytes of segment files read and verified.
    pub size_bytes: u64,
}

impl BlobModel {
    /// Verifies every live chunk and that rows, bodies and files fit each other.
    ///
    /// # Errors
    /// `Corrupt` naming file and offset of the first damage.
    pub(crate) fn check(&self) -> Result<BlobCheck> {
        let snapshot = self.keyspace.snapshot()?;
        let mut report = BlobCheck::default();
        for entry in snapshot.scan(KeyRange::prefix(keys::all_objects()), Direction::Forward)? {
            let (key, value) = entry?;
            let row = ObjectRow::decode(&value)?;
            let size_bytes = body::require(&snapshot, row.body)?.place.size_bytes();
            if size_bytes != row.digest.size_bytes {
                return Err(Error::corrupt(format!(
                    "object {:?} is recorded with {} bytes and has {size_bytes}; restore from a backup",
                    keys::object_key(&key)?,
                    row.digest.size_bytes
                )));
            }
            report.objects += 1;
        }
        self.check_bodies(&snapshot, &mut report)?;
        Ok(report)
    }

    fn check_bodies(&self, snapshot: &Snapshot, report: &mut BlobCheck) -> Result<()> {
        let mut references = 0u64;
        for entry in snapshot.scan(KeyRange::prefix(keys::bodies()), Direction::Forward)? {
            let (key, value) = entry?;
            let body = Body::decode(&value)?;
            references = references.saturating_add(body.references);
            report.bodies += 1;
            for (segment, size_bytes) in body.place.uses() {
                let recorded = snapshot.get(&keys::segment_use(segment, keys::body_of(&key)?))?;
                if recorded.as_deref() != Some(&size_bytes.to_be_bytes()[..]) {
                    return Err(Error::corrupt(format!(
                        "the use of segment file {} by stored bytes is not recorded; restore from a backup",
                        segment.0
                    )));
                }
            }
            report.size_bytes += self.check_place(body.place)?;
        }
        match references == report.objects {
            true => Ok(()),
            false => Err(Error::corrupt(format!(
                "{} objects are there and {references} are counted; restore from a backup",
                report.objects
            ))),
        }
    }

    fn check_place(&self, place: Place) -> Result<u64> {
        let size_bytes = place.size_bytes();
        let Place::Extents(extents) = place else { return Ok(0) };
        let mut stored = StoredBytes::new(&self.segments, extents);
        let mut position = 0;
        while position < size_bytes {
            let length = stored.from(position)?.len() as u64;
            if length == 0 {
                return Err(Error::corrupt("an object's bytes end before their recorded size; restore from a backup"));
            }
            position += length;
        }
        Ok(size_bytes)
    }
}
