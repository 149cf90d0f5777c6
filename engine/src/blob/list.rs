//! Listing the objects of a bucket, page by page, as a tree of folders when asked.
//!
//! ```text
//!   a/1  a/2  b  c/x/1     prefix "", delimiter "/"   -->  objects [b]   common prefixes [a/  c/]
//!   jump over a/* at once --^
//! ```
//!
//! A common prefix costs one step, however many keys are under it.

use serde::{Deserialize, Serialize};

use super::object::{ObjectInfo, ObjectRow};
use super::{Blobs, keys};
use crate::catalog::ObjectId;
use crate::error::{Error, Result};
use crate::kv::{Direction, KeyRange, Reader, key_after, prefix_end};
use crate::limits::{BLOB_KEY_SIZE_BYTES_MAX, BLOB_LIST_LENGTH_MAX};

/// Which objects are listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ListOptions {
    /// What the keys begin with. Default everything.
    pub prefix: String,
    /// Keys that have this behind the prefix are listed as one common prefix, up to and with its first occurrence.
    pub delimiter: Option<String>,
    /// Only keys, and common prefixes, that sort behind this.
    pub start_after: Option<String>,
    /// How many objects and common prefixes at most, up to 1000. Default 1000.
    pub limit: usize,
}

impl Default for ListOptions {
    fn default() -> Self {
        ListOptions { prefix: String::new(), delimiter: None, start_after: None, limit: BLOB_LIST_LENGTH_MAX }
    }
}

/// A page of a listing, in the order of the keys' bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectPage {
    /// The objects.
    pub objects: Vec<ObjectInfo>,
    /// What the keys left out have in common, each once.
    pub common_prefixes: Vec<String>,
    /// The `start_after` of the next page; `None` when this is the last.
    pub next_start_after: Option<String>,
}

impl ListOptions {
    fn verify(&self) -> Result<()> {
        if self.limit > BLOB_LIST_LENGTH_MAX {
            return Err(Error::limit_exceeded(format!(
                "a listing of {} is over the limit of {BLOB_LIST_LENGTH_MAX}; list page by page",
                self.limit
            )));
        }
        let texts = [Some(&self.prefix), self.delimiter.as_ref(), self.start_after.as_ref()];
        if texts.into_iter().flatten().any(|text| text.len() > BLOB_KEY_SIZE_BYTES_MAX) {
            return Err(Error::limit_exceeded(format!(
                "a prefix, delimiter or place to start after is over the limit of {BLOB_KEY_SIZE_BYTES_MAX} bytes"
            )));
        }
        match self.delimiter.as_deref() {
            Some("") => Err(Error::invalid("the delimiter of a listing is empty; leave it out or name a character")),
            _ => Ok(()),
        }
    }

    /// The common prefix that `key` is listed under.
    fn common_prefix<'k>(&self, key: &'k str) -> Option<&'k str> {
        let delimiter = self.delimiter.as_deref()?;
        let at = key.strip_prefix(self.prefix.as_str())?.find(delimiter)?;
        Some(&key[..self.prefix.len() + at + delimiter.len()])
    }

    /// The first stored key that can belong to the page.
    fn start(&self, bucket: ObjectId) -> Option<Vec<u8>> {
        let prefix = keys::object(bucket, &self.prefix);
        let Some(after) = self.start_after.as_deref() else { return Some(prefix) };
        let behind = match self.common_prefix(after) {
            Some(common) => prefix_end(&keys::object(bucket, common))?,
            None => key_after(&keys::object(bucket, after)),
        };
        Some(behind.max(prefix))
    }
}

impl<R: Reader + ?Sized> Blobs<'_, R> {
    /// One page of the objects of `bucket`.
    ///
    /// # Errors
    /// `NotFound` when there is no such bucket, `LimitExceeded` or `Invalid` for options that cannot be.
    pub fn list(&self, bucket: &str, options: &ListOptions) -> Result<ObjectPage> {
        options.verify()?;
        let bucket = self.bucket_id(bucket)?;
        let mut page = ObjectPage::default();
        let mut last = None;
        let mut next = options.start(bucket);
        let end = prefix_end(&keys::object(bucket, &options.prefix));
        while let Some(start) = next.take() {
            for entry in self.reader.scan(KeyRange::new(start, end.clone()), Direction::Forward)? {
                let (stored, value) = entry?;
                if page.objects.len() + page.common_prefixes.len() == options.limit {
                    page.next_start_after = last;
                    return Ok(page);
                }
                let key = keys::object_key(&stored)?;
                if let Some(common) = options.common_prefix(key) {
                    page.common_prefixes.push(common.to_owned());
                    last = Some(common.to_owned());
                    next = prefix_end(&keys::object(bucket, common));
                    break;
                }
                page.objects.push(ObjectRow::decode(&value)?.info(key));
                last = Some(key.to_owned());
            }
        }
        Ok(page)
    }
}
