//! Blobs: buckets of objects of any size, in the same transaction as everything else.
//!
//! ```text
//!   bucket, key --> object row: etag, attributes, body number        keyspace
//!                     '--> body: up to 32 KiB here, or extents       keyspace
//!                            '--> blobs/<number>.blob                segment files, chunks with checksums
//! ```
//!
//! - Large bytes are written once, and are synced before the commit that names them. That commit is an ordinary one of the
//!   keyspace, so objects are as atomic, isolated and durable as rows.
//! - What no commit names is garbage: a crash, a rollback or a failed put leaves some, the collector removes it. A
//!   segment file is removed when nothing in it is live and nobody can read a version in which something was.
//! - Every byte read from a segment file went through its chunk's checksum.
//! - Memory is one chunk (64 KiB) per upload and reader, whatever the size of the object.
//! - Copies share their bytes by reference count.
//!
//! Left out: versions of objects, multipart uploads (an S3 front assembles them from uploads), deduplication by content.

mod body;
mod bucket;
mod check;
mod collect;
mod compact;
#[cfg(test)]
mod crash_tests;
mod extent_writer;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzz;
mod keys;
mod list;
mod object;
mod objects;
mod reader;
mod segment;
mod segments;
mod stored;
#[cfg(test)]
mod tests;
mod upload;

use std::path::Path;
use std::sync::Arc;

pub use bucket::BucketInfo;
pub use check::BlobCheck;
pub use list::{ListOptions, ObjectPage};
pub use object::{CopyOptions, ObjectAttributes, ObjectCondition, ObjectInfo, PutOptions};
pub use reader::BlobReader;
pub use upload::{BlobContent, BlobUpload, BlobWriter};

use crate::error::Result;
use crate::kv::{Keyspace, Reader, Sequences};

use segments::Segments;

/// What the blob model shares between transactions.
#[derive(Debug)]
pub(crate) struct BlobModel {
    keyspace: Arc<Keyspace>,
    sequences: Arc<Sequences>,
    segments: Arc<Segments>,
}

impl BlobModel {
    /// The blobs of the database in `directory`.
    pub(crate) fn open(
        keyspace: Arc<Keyspace>,
        sequences: Arc<Sequences>,
        directory: &Path,
        segment_size_bytes: u64,
    ) -> Result<Self> {
        let segments = Segments::open(keyspace.env().clone(), directory, sequences.clone(), segment_size_bytes)?;
        Ok(BlobModel { keyspace, sequences, segments })
    }

    /// Bytes on their way in, outside any transaction.
    pub(crate) fn upload(&self) -> BlobUpload {
        BlobUpload::new(&self.segments, &self.sequences)
    }
}

/// The blob model, read through a snapshot or used in a transaction.
///
/// ```
/// # fn main() -> marquetry::Result<()> {
/// use marquetry::blob::PutOptions;
/// let database = marquetry::Database::in_memory()?;
/// database.transact(|tx| {
///     tx.blobs().create_bucket("images")?;
///     tx.blobs().put("images", "cats/tom.png", &b"not really a picture"[..], &PutOptions::default())
/// })?;
/// let reader = database.read(|snapshot| snapshot.blobs().get("images", "cats/tom.png"))?;
/// assert_eq!(reader.expect("it was put").into_bytes()?, b"not really a picture");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Blobs<'a, R: Reader + ?Sized> {
    model: &'a BlobModel,
    reader: &'a R,
}

impl<'a, R: Reader + ?Sized> Blobs<'a, R> {
    pub(crate) fn new(model: &'a BlobModel, reader: &'a R) -> Self {
        Blobs { model, reader }
    }

    /// Bytes on their way in, to become an object with [`Blobs::put_content`] in any transaction of this database.
    pub fn upload(&self) -> BlobUpload {
        self.model.upload()
    }
}
