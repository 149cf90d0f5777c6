//! Putting, getting, copying and deleting objects.
//!
//! ```text
//!   put       content is on disk --> read the old row, verify the condition --> new row; body +1, old body -1
//!   copy      row of the source  --> as put, with the source's body
//!   delete    row gone; body -1
//! ```
//!
//! Every write reads the row that it replaces through the transaction, so conditions hold at the commit.

use std::io::Read;

use super::body::{self, Place};
use super::keys::{self, BodyId};
use super::object::{
    CopyOptions, Digest, ObjectAttributes, ObjectCondition, ObjectInfo, ObjectRow, PutOptions, verify_key,
};
use super::reader::BlobReader;
use super::upload::{BlobContent, BlobWriter};
use super::{BlobModel, Blobs};
use crate::catalog::ObjectId;
use crate::error::{Error, Result};
use crate::kv::{Reader, Transaction};

impl<R: Reader + ?Sized> Blobs<'_, R> {
    /// The bytes of the object `key`, or `None` when there is no such object.
    ///
    /// The reader keeps giving the bytes of this moment, also after the snapshot or transaction has ended and the object
    /// was deleted.
    ///
    /// # Errors
    /// `NotFound` when there is no such bucket.
    pub fn get(&self, bucket: &str, key: &str) -> Result<Option<BlobReader>> {
        let Some(row) = self.row(self.bucket_id(bucket)?, key)? else { return Ok(None) };
        let body = body::require(self.reader, row.body)?;
        BlobReader::new(&self.model.segments, row.info(key), body.place).map(Some)
    }

    /// The object `key` without its bytes, or `None` when there is no such object.
    ///
    /// # Errors
    /// `NotFound` when there is no such bucket.
    pub fn head(&self, bucket: &str, key: &str) -> Result<Option<ObjectInfo>> {
        Ok(self.row(self.bucket_id(bucket)?, key)?.map(|row| row.info(key)))
    }

    fn row(&self, bucket: ObjectId, key: &str) -> Result<Option<ObjectRow>> {
        verify_key(key)?;
        self.reader.get(&keys::object(bucket, key))?.map(|stored| ObjectRow::decode(&stored)).transpose()
    }
}

/// What the row of an object is to hold.
struct Change<'c> {
    key: &'c str,
    body: BodyId,
    digest: Digest,
    attributes: ObjectAttributes,
    condition: &'c ObjectCondition,
}

impl<'a> Blobs<'a, Transaction> {
    /// Puts an object of all bytes that `source` gives, replacing what is there; memory does not grow with their number.
    ///
    /// Keys are UTF-8 of 1 to 1024 bytes. Bytes over 32 KiB are on disk when this returns, and are an object once the
    /// transaction commits. Where the bytes come slowly, or the transaction may have to be run again, use
    /// [`Blobs::upload`] and [`Blobs::put_content`].
    ///
    /// # Errors
    /// `Precondition` when the condition does not hold; `NotFound` when there is no such bucket; `Invalid` or
    /// `LimitExceeded` for a bad key or attribute, or over 5 TiB; `Unavailable` when the disk is full or fails, or
    /// `source` does. The transaction is as before then and can go on.
    pub fn put(&self, bucket: &str, key: &str, source: impl Read, options: &PutOptions) -> Result<ObjectInfo> {
        let mut writer = self.writer(bucket, key, options.clone())?;
        writer.write_all_of(source)?;
        writer.finish()
    }

    /// A writer of the object `key`, for bytes that come piece by piece.
    ///
    /// # Errors
    /// As [`Blobs::put`].
    pub fn writer(&self, bucket: &str, key: &str, options: PutOptions) -> Result<BlobWriter<'a>> {
        // Refused before any bytes are sent rather than after all of them.
        options.attributes.verify()?;
        let present = self.row(self.bucket_id(bucket)?, key)?;
        options.condition.verify(key, present.as_ref())?;
        Ok(BlobWriter::new(self, bucket, key, options))
    }

    /// Puts an object of bytes that were uploaded before, replacing what is there.
    ///
    /// # Errors
    /// As [`Blobs::put`], but for those of the bytes.
    pub fn put_content(
        &self,
        bucket: &str,
        key: &str,
        content: &BlobContent,
        options: &PutOptions,
    ) -> Result<ObjectInfo> {
        if !std::sync::Arc::ptr_eq(content.pins.segments(), &self.model.segments) {
            return Err(Error::invalid("these bytes were uploaded to another database; upload them to this one"));
        }
        options.attributes.verify()?;
        self.reader.hold(Box::new(content.clone()));
        let change = Change {
            key,
            body: content.body,
            digest: content.digest,
            attributes: options.attributes.clone(),
            condition: &options.condition,
        };
        self.replace(bucket, change, || Ok((*content.place).clone()))
    }

    /// Copies an object, in any time only the size of its row; both share the bytes.
    ///
    /// # Errors
    /// `NotFound` when there is no source; otherwise as [`Blobs::put_content`].
    pub fn copy(
        &self,
        from_bucket: &str,
        from_key: &str,
        to_bucket: &str,
        to_key: &str,
        options: &CopyOptions,
    ) -> Result<ObjectInfo> {
        let source = self.row(self.bucket_id(from_bucket)?, from_key)?.ok_or_else(|| {
            Error::not_found(format!("there is no object {from_key:?} in bucket {from_bucket:?} to copy"))
        })?;
        let attributes = options.attributes.clone().unwrap_or(source.attributes);
        attributes.verify()?;
        let change =
            Change { key: to_key, body: source.body, digest: source.digest, attributes, condition: &options.condition };
        self.replace(to_bucket, change, || body::require(self.reader, source.body).map(|body| body.place))
    }

    fn replace(&self, bucket: &str, change: Change<'_>, place: impl FnOnce() -> Result<Place>) -> Result<ObjectInfo> {
        let bucket = self.bucket_id(bucket)?;
        let present = self.row(bucket, change.key)?;
        change.condition.verify(change.key, present.as_ref())?;
        let now = self.model.keyspace.env().now();
        let row = ObjectRow {
            body: change.body,
            digest: change.digest,
            created_at: present.as_ref().map_or(now, |row| row.created_at),
            modified_at: now,
            attributes: change.attributes,
        };
        self.atomically(|| {
            // Retained before the old one is released: they may be the same.
            body::retain(self.reader, row.body, place)?;
            if let Some(present) = present {
                body::release(self.reader, &self.model.segments, present.body)?;
            }
            self.reader.put(keys::object(bucket, change.key), row.encode()?)
        })?;
        Ok(row.info(change.key))
    }

    /// Deletes the object `key`; false when there was none.
    ///
    /// # Errors
    /// `NotFound` when there is no such bucket.
    pub fn delete(&self, bucket: &str, key: &str) -> Result<bool> {
        self.delete_if(bucket, key, &ObjectCondition::Any)
    }

    /// Deletes the object `key` when `condition` holds; false when there was none.
    ///
    /// # Errors
    /// `Precondition` when the condition does not hold; `NotFound` when there is no such bucket.
    pub fn delete_if(&self, bucket: &str, key: &str, condition: &ObjectCondition) -> Result<bool> {
        let bucket = self.bucket_id(bucket)?;
        let present = self.row(bucket, key)?;
        condition.verify(key, present.as_ref())?;
        let Some(row) = present else { return Ok(false) };
        self.atomically(|| remove(self.model, self.reader, keys::object(bucket, key), &row))?;
        Ok(true)
    }
}

/// Removes the row stored under `key` and its reference to the bytes.
pub(super) fn remove(model: &BlobModel, transaction: &Transaction, key: Vec<u8>, row: &ObjectRow) -> Result<()> {
    body::release(transaction, &model.segments, row.body)?;
    transaction.delete(key)
}
