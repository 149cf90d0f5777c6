//! Buckets: named places for objects.
//!
//! ```text
//!   create_bucket --> catalogue entry            drop_bucket_with_objects --> entry gone, mark 31 03 <bucket>
//!                                                collector --> objects gone in steps, then the mark
//! ```

use serde::{Deserialize, Serialize};

use super::{Blobs, keys};
use crate::catalog::{self, Entry, ObjectId, ObjectKind};
use crate::encoding::record;
use crate::env::Timestamp;
use crate::error::{Error, Result};
use crate::kv::{Direction, KeyRange, Reader, Transaction};

/// Format of the definitions of buckets.
const BUCKET_FORMAT: u8 = 1;

#[derive(Debug, Serialize, Deserialize)]
struct BucketDefinition {
    created_at: Timestamp,
}

/// A bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketInfo {
    /// Its name.
    pub name: String,
    /// When it was created.
    pub created_at: Timestamp,
}

fn info(name: &str, entry: &Entry) -> Result<BucketInfo> {
    let definition: BucketDefinition = record::decode(BUCKET_FORMAT, &entry.definition, "the definition of a bucket")?;
    Ok(BucketInfo { name: name.to_owned(), created_at: definition.created_at })
}

impl<R: Reader + ?Sized> Blobs<'_, R> {
    /// All buckets by name.
    ///
    /// # Errors
    /// Those of reading.
    pub fn buckets(&self) -> Result<Vec<BucketInfo>> {
        let entries = catalog::list(self.reader, Some(ObjectKind::Bucket))?;
        entries.iter().map(|(name, entry)| info(name, entry)).collect()
    }

    /// The bucket `name`.
    ///
    /// # Errors
    /// `NotFound` when there is none, `Invalid` when the name is something else's.
    pub fn bucket(&self, name: &str) -> Result<BucketInfo> {
        info(name, &catalog::find(self.reader, ObjectKind::Bucket, name)?)
    }

    pub(super) fn bucket_id(&self, name: &str) -> Result<ObjectId> {
        Ok(catalog::find(self.reader, ObjectKind::Bucket, name)?.id)
    }
}

impl Blobs<'_, Transaction> {
    /// Creates the bucket `name`.
    ///
    /// # Errors
    /// `AlreadyExists` when the name is taken by anything; `Invalid` or `LimitExceeded` for a bad name.
    pub fn create_bucket(&self, name: &str) -> Result<()> {
        let definition = BucketDefinition { created_at: self.model.keyspace.env().now() };
        let definition = record::encode(BUCKET_FORMAT, &definition)?;
        self.atomically(|| {
            catalog::create(self.reader, &self.model.sequences, ObjectKind::Bucket, name, definition).map(|_| ())
        })
    }

    /// Drops the empty bucket `name`.
    ///
    /// # Errors
    /// `NotFound` when there is none, `Constraint` when it holds an object.
    pub fn drop_bucket(&self, name: &str) -> Result<()> {
        let bucket = self.bucket_id(name)?;
        let objects = KeyRange::prefix(keys::objects(bucket));
        if self.reader.scan(objects, Direction::Forward)?.next().transpose()?.is_some() {
            return Err(Error::constraint(format!(
                "bucket {name:?} is not empty; delete its objects or drop it with them"
            )));
        }
        self.atomically(|| catalog::remove(self.reader, name, bucket))
    }

    /// Drops the bucket `name` with all its objects, whose space is reclaimed in the background.
    ///
    /// # Errors
    /// `NotFound` when there is none.
    pub fn drop_bucket_with_objects(&self, name: &str) -> Result<()> {
        let bucket = self.bucket_id(name)?;
        self.atomically(|| {
            catalog::remove(self.reader, name, bucket)?;
            self.reader.put(keys::dropped_bucket(bucket), bytes::Bytes::new())
        })
    }

    /// All that `write` writes, or nothing of it when it fails.
    pub(super) fn atomically<T>(&self, write: impl FnOnce() -> Result<T>) -> Result<T> {
        let savepoint = self.reader.savepoint();
        let outcome = write();
        if outcome.is_err() {
            self.reader.rollback_to(savepoint)?;
        }
        self.reader.release(savepoint)?;
        outcome
    }
}
