//! Bringing bytes in, of any number, with the memory of one chunk.
//!
//! ```text
//!   BlobUpload    write ... write ... finish --> BlobContent --put_content--> an object      no transaction until then
//!   BlobWriter    write ... write ... finish --------------------------------> an object     within one transaction
//! ```
//!
//! An upload needs no transaction: a client that takes an hour to send its bytes holds no snapshot open, and when the
//! transaction that names them conflicts, it is run again without sending them again. What is dropped before it is
//! named by a commit is collected.

use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;
use md5::{Digest as _, Md5};

use super::body::Place;
use super::extent_writer::ExtentWriter;
use super::keys::BodyId;
use super::object::{Digest, ObjectInfo, PutOptions};
use super::segment::BLOB_CHUNK_SIZE_BYTES;
use super::segments::{Pins, Segments};
use super::{BlobModel, Blobs};
use crate::error::{Error, Result};
use crate::kv::{Sequences, Transaction};
use crate::limits::{BLOB_INLINE_SIZE_BYTES_MAX, BLOB_SIZE_BYTES_MAX};

/// The sequence that the numbers of bodies come from.
const BODY_SEQUENCE: &[u8] = b"blob body";

/// Bytes on their way in, belonging to no object yet; made by [`Blobs::upload`] or
/// [`Database::upload`](crate::Database::upload).
///
/// It may be moved between threads. Dropping it leaves nothing.
#[derive(Debug)]
pub struct BlobUpload {
    sequences: Arc<Sequences>,
    extents: ExtentWriter,
    buffer: Vec<u8>,
    size_bytes: u64,
    md5: Md5,
    crc32c: u32,
    failed: bool,
}

/// Bytes that are safely stored and wait for a transaction that makes them an object, with
/// [`Blobs::put_content`].
///
/// Clones stand for the same bytes. They are collected when the last clone is dropped and no commit has named them.
#[derive(Debug, Clone)]
pub struct BlobContent {
    pub(super) body: BodyId,
    pub(super) digest: Digest,
    pub(super) place: Arc<Place>,
    pub(super) pins: Arc<Pins>,
}

impl BlobUpload {
    pub(super) fn new(segments: &Arc<Segments>, sequences: &Arc<Sequences>) -> Self {
        BlobUpload {
            sequences: sequences.clone(),
            extents: ExtentWriter::new(segments),
            buffer: Vec::new(),
            size_bytes: 0,
            md5: Md5::new(),
            crc32c: 0,
            failed: false,
        }
    }

    /// Appends `bytes`.
    ///
    /// # Errors
    /// `Unavailable` when the disk is full or fails, `LimitExceeded` over 5 TiB; the upload is lost, nothing else.
    pub fn write(&mut self, mut bytes: &[u8]) -> Result<()> {
        self.refuse_when_failed()?;
        self.size_bytes = self.size_bytes.saturating_add(bytes.len() as u64);
        if self.size_bytes > BLOB_SIZE_BYTES_MAX {
            self.failed = true;
            return Err(Error::limit_exceeded(format!(
                "an object may have {BLOB_SIZE_BYTES_MAX} bytes; split it into several"
            )));
        }
        self.md5.update(bytes);
        self.crc32c = crc32c::crc32c_append(self.crc32c, bytes);
        while !bytes.is_empty() {
            if self.buffer.len() == BLOB_CHUNK_SIZE_BYTES {
                self.flush()?;
            }
            let (head, rest) = bytes.split_at(bytes.len().min(BLOB_CHUNK_SIZE_BYTES - self.buffer.len()));
            self.buffer.extend_from_slice(head);
            bytes = rest;
        }
        Ok(())
    }

    /// Appends everything that `source` gives.
    ///
    /// # Errors
    /// As [`BlobUpload::write`], and those of the source: `Unavailable`, or its own when it is of this engine.
    pub fn write_all_of(&mut self, mut source: impl Read) -> Result<()> {
        let mut block = vec![0; BLOB_CHUNK_SIZE_BYTES];
        loop {
            match source.read(&mut block) {
                Ok(0) => return Ok(()),
                Ok(length) => self.write(&block[..length])?,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(source_failed(error)),
            }
        }
    }

    /// The number of bytes so far.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    fn flush(&mut self) -> Result<()> {
        self.failed = true;
        self.extents.write_chunk(&mut self.buffer)?;
        self.failed = false;
        Ok(())
    }

    fn refuse_when_failed(&self) -> Result<()> {
        match self.failed {
            true => Err(Error::unavailable("this upload failed earlier; begin another")),
            false => Ok(()),
        }
    }

    /// The bytes, safely on disk.
    ///
    /// # Errors
    /// As [`BlobUpload::write`].
    pub fn finish(mut self) -> Result<BlobContent> {
        self.refuse_when_failed()?;
        let digest = Digest {
            size_bytes: self.size_bytes,
            md5: std::mem::take(&mut self.md5).finalize().into(),
            crc32c: self.crc32c,
        };
        let body = BodyId(self.sequences.next(BODY_SEQUENCE)?);
        let is_small = self.extents.is_empty() && self.buffer.len() <= BLOB_INLINE_SIZE_BYTES_MAX;
        if !is_small {
            self.flush()?;
        }
        let (extents, pins) = self.extents.finish()?;
        let place = match is_small {
            true => Place::Inline(Bytes::from(self.buffer)),
            false => Place::Extents(extents),
        };
        Ok(BlobContent { body, digest, place: Arc::new(place), pins: Arc::new(pins) })
    }
}

impl BlobContent {
    /// The number of bytes.
    pub fn size_bytes(&self) -> u64 {
        self.digest.size_bytes
    }

    /// The etag that an object of these bytes has: the MD5 in lower-case hex.
    pub fn etag(&self) -> String {
        self.digest.etag()
    }

    /// The CRC32C of the bytes.
    pub fn checksum_crc32c(&self) -> u32 {
        self.digest.crc32c
    }
}

/// An object being written within a transaction; made by [`Blobs::writer`].
///
/// There is no object until [`BlobWriter::finish`]; dropping it earlier leaves nothing.
#[derive(Debug)]
pub struct BlobWriter<'a> {
    model: &'a BlobModel,
    transaction: &'a Transaction,
    bucket: String,
    key: String,
    options: PutOptions,
    upload: BlobUpload,
}

impl<'a> BlobWriter<'a> {
    pub(super) fn new(blobs: &Blobs<'a, Transaction>, bucket: &str, key: &str, options: PutOptions) -> Self {
        BlobWriter {
            model: blobs.model,
            transaction: blobs.reader,
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            options,
            upload: blobs.upload(),
        }
    }

    /// Appends `bytes`.
    ///
    /// # Errors
    /// As [`BlobUpload::write`].
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.upload.write(bytes)
    }

    /// Appends everything that `source` gives.
    ///
    /// # Errors
    /// As [`BlobUpload::write_all_of`].
    pub fn write_all_of(&mut self, source: impl Read) -> Result<()> {
        self.upload.write_all_of(source)
    }

    /// The object, there once the transaction commits.
    ///
    /// # Errors
    /// As [`BlobUpload::finish`] and [`Blobs::put_content`].
    pub fn finish(self) -> Result<ObjectInfo> {
        let content = self.upload.finish()?;
        let blobs = Blobs::new(self.model, self.transaction);
        blobs.put_content(&self.bucket, &self.key, &content, &self.options)
    }
}

/// The engine's own error when the source was one of its readers.
fn source_failed(error: std::io::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(own) => own,
        Err(error) => Error::unavailable(format!("the source of an object's bytes failed ({error}); put it again"))
            .with_source(error),
    }
}
