//! Blobs: objects of any size in buckets, streamed in both directions.
//!
//! ```text
//!   blobs().put("images", "a.png", bytes or stream)      get("images", "a.png") --> Object --> bytes() | chunks
//! ```

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use reqwest::{Method, Response, header};
use serde::Deserialize;
use serde_json::Value;

use crate::connection::{Scope, decode};
use crate::error::{Error, Result, found};

const METADATA_PREFIX: &str = "marquetry-meta-";

/// How an object is stored, apart from its bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PutOptions {
    /// The media type, such as `image/png`.
    pub content_type: Option<String>,
    /// How long caches may keep it, such as `public, max-age=3600`.
    pub cache_control: Option<String>,
    /// Further names and values, in ASCII.
    pub metadata: BTreeMap<String, String>,
    /// Store only if the object there has this tag; `*` for any object.
    pub if_match: Option<String>,
    /// Store only if there is no object yet.
    pub if_absent: bool,
}

/// What is known about an object.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ObjectInformation {
    /// The name within the bucket.
    pub key: String,
    /// The bytes that it has.
    pub size_bytes: u64,
    /// Its entity tag without quotes: changes with the content.
    pub etag: String,
    /// The media type.
    pub content_type: Option<String>,
    /// Further names and values.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

/// Some objects, and where the next page begins.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Objects {
    /// What is known about each, in the order of the keys.
    pub objects: Vec<ObjectInformation>,
    /// The key to pass as `after` for the page after this one; `None` at the end.
    pub next: Option<String>,
}

/// An object that is being received.
#[derive(Debug)]
pub struct Object {
    information: ObjectInformation,
    response: Response,
}

impl Object {
    /// What is known about it.
    pub fn information(&self) -> &ObjectInformation {
        &self.information
    }

    /// All its bytes, in memory.
    ///
    /// # Errors
    /// `Transport` when the connection breaks off.
    pub async fn bytes(self) -> Result<Bytes> {
        Ok(self.response.bytes().await?)
    }

    /// Its bytes piece by piece, as they arrive.
    pub fn chunks(self) -> impl Stream<Item = Result<Bytes>> + Send + Unpin {
        self.response.bytes_stream().map(|chunk| chunk.map_err(Error::from)).boxed()
    }
}

/// The buckets of a server, through a client or a transaction.
#[derive(Debug, Clone)]
pub struct Blobs {
    pub(crate) scope: Scope,
}

impl Blobs {
    /// Makes a bucket.
    ///
    /// # Errors
    /// `AlreadyExists` when the name is taken.
    pub async fn create_bucket(&self, bucket: &str) -> Result<()> {
        self.scope.call::<Value>(Method::PUT, &["v1", "buckets", bucket]).await.map(drop)
    }

    /// The names of all buckets.
    ///
    /// # Errors
    /// Only those of the connection.
    pub async fn buckets(&self) -> Result<Vec<String>> {
        self.scope.call(Method::GET, &["v1", "buckets"]).await
    }

    /// Removes the bucket with its objects.
    ///
    /// # Errors
    /// `NotFound` without such a bucket.
    pub async fn drop_bucket(&self, bucket: &str) -> Result<()> {
        self.scope.call::<Value>(Method::DELETE, &["v1", "buckets", bucket]).await.map(drop)
    }

    /// Stores `body` (bytes, text or `reqwest::Body::wrap_stream`) under `key`; what is known about the object then.
    ///
    /// # Errors
    /// `Precondition` when a condition of `options` does not hold; nothing is stored then.
    pub async fn put(
        &self,
        bucket: &str,
        key: &str,
        body: impl Into<reqwest::Body>,
        options: &PutOptions,
    ) -> Result<ObjectInformation> {
        let mut request = self.scope.request(Method::PUT, &path(bucket, key)).body(body);
        let texts = [
            (header::CONTENT_TYPE, &options.content_type),
            (header::CACHE_CONTROL, &options.cache_control),
            (header::IF_MATCH, &options.if_match.as_ref().map(|tag| quoted(tag))),
        ];
        for (name, value) in texts {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        if options.if_absent {
            request = request.header(header::IF_NONE_MATCH, "*");
        }
        for (name, value) in &options.metadata {
            request = request.header(format!("{METADATA_PREFIX}{name}"), value);
        }
        decode(self.scope.send(request).await?).await
    }

    /// The object under `key`, or `None`.
    ///
    /// # Errors
    /// Only those of the connection.
    pub async fn get(&self, bucket: &str, key: &str) -> Result<Option<Object>> {
        let request = self.scope.request(Method::GET, &path(bucket, key));
        found(self.scope.send(request).await.and_then(|response| Object::of(key, response)))
    }

    /// The bytes in `range` of the object under `key`, or `None`; less when the object ends before the range does.
    ///
    /// # Errors
    /// `Invalid` when the range begins after the end of the object.
    pub async fn get_range(&self, bucket: &str, key: &str, range: Range<u64>) -> Result<Option<Object>> {
        let last = range.end.saturating_sub(1);
        let request = self.scope.request(Method::GET, &path(bucket, key));
        let request = request.header(header::RANGE, format!("bytes={}-{last}", range.start));
        found(self.scope.send(request).await.and_then(|response| Object::of(key, response)))
    }

    /// What is known about the object under `key`, or `None`.
    ///
    /// # Errors
    /// Only those of the connection.
    pub async fn head(&self, bucket: &str, key: &str) -> Result<Option<ObjectInformation>> {
        let request = self.scope.request(Method::HEAD, &path(bucket, key));
        found(self.scope.send(request).await.and_then(|response| information(key, &response)))
    }

    /// Removes the object under `key`; whether it was there.
    ///
    /// # Errors
    /// Only those of the connection.
    pub async fn delete(&self, bucket: &str, key: &str) -> Result<bool> {
        let answer = self.scope.call(Method::DELETE, &path(bucket, key)).await;
        Ok(found::<bool>(answer)?.unwrap_or(false))
    }

    /// The objects whose keys begin with `prefix` and come after the key `after`, a page at a time.
    ///
    /// # Errors
    /// `NotFound` without such a bucket.
    pub async fn list(&self, bucket: &str, prefix: &str, after: Option<&str>) -> Result<Objects> {
        let request = self.scope.request(Method::GET, &["v1", "buckets", bucket, "objects"]);
        let mut query = vec![("prefix", prefix)];
        query.extend(after.map(|after| ("after", after)));
        decode(self.scope.send(request.query(&query)).await?).await
    }
}

fn path<'a>(bucket: &'a str, key: &'a str) -> [&'a str; 5] {
    ["v1", "buckets", bucket, "objects", key]
}

fn quoted(tag: &str) -> String {
    if tag == "*" { tag.to_owned() } else { format!("\"{tag}\"") }
}

impl Object {
    fn of(key: &str, response: Response) -> Result<Self> {
        Ok(Object { information: information(key, &response)?, response })
    }
}

fn information(key: &str, response: &Response) -> Result<ObjectInformation> {
    let text = |name: &str| response.headers().get(name)?.to_str().ok();
    // A part tells the whole size after the slash.
    let whole = text("content-range").and_then(|range| range.rsplit('/').next());
    let size_bytes = whole.or(text("content-length")).and_then(|size| size.parse().ok());
    let metadata = response.headers().iter().filter_map(|(name, value)| {
        Some((name.as_str().strip_prefix(METADATA_PREFIX)?.to_owned(), value.to_str().ok()?.to_owned()))
    });
    Ok(ObjectInformation {
        key: key.to_owned(),
        size_bytes: size_bytes.ok_or_else(|| Error::protocol("the answer does not tell the size of the object"))?,
        etag: text("etag").unwrap_or_default().trim_matches('"').to_owned(),
        content_type: text("content-type").map(str::to_owned),
        metadata: metadata.collect(),
    })
}
