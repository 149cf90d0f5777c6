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
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::connection::{Scope, decode};
use crate::error::{Error, Result, found};

const METADATA_PREFIX: &str = "marquetry-meta-";

/// What the bytes of an object are and how they should be served.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ObjectAttributes {
    /// The media type, such as `image/png`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The encoding that the bytes have on top of their type, such as `gzip`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_encoding: Option<String>,
    /// How a browser should present the bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_disposition: Option<String>,
    /// The language of the bytes, such as `en`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_language: Option<String>,
    /// How caches may keep the bytes, such as `public, max-age=3600`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_control: Option<String>,
    /// Further names and values; over HTTP the names are not case-sensitive and come back in lower case.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

/// What must hold of the object that is there for a write to happen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectCondition {
    /// Nothing.
    #[default]
    Any,
    /// There is no such object.
    IfAbsent,
    /// There is such an object.
    IfPresent,
    /// There is such an object and it has this etag.
    IfMatch(String),
}

/// How an object is put.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PutOptions {
    /// What the bytes are.
    pub attributes: ObjectAttributes,
    /// What must hold of the object that is there.
    pub condition: ObjectCondition,
}

/// What is known about an object.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ObjectInfo {
    /// The name within the bucket.
    pub key: String,
    /// The bytes that it has.
    pub size_bytes: u64,
    /// Its entity tag without quotes: changes with the content.
    pub etag: String,
    /// What the bytes are.
    pub attributes: ObjectAttributes,
}

/// Some objects, and where the next page begins.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Objects {
    /// What is known about each, in the order of the keys.
    pub objects: Vec<ObjectInfo>,
    /// The key to pass as `after` for the page after this one; `None` at the end.
    pub next: Option<String>,
}

/// An object that is being received.
#[derive(Debug)]
pub struct Object {
    info: ObjectInfo,
    response: Response,
}

impl Object {
    /// What is known about it.
    pub fn info(&self) -> &ObjectInfo {
        &self.info
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

    /// Removes the bucket, which must be empty.
    ///
    /// # Errors
    /// `NotFound` without such a bucket, `Constraint` when it holds objects.
    pub async fn drop_bucket(&self, bucket: &str) -> Result<()> {
        self.scope.call::<Value>(Method::DELETE, &["v1", "buckets", bucket]).await.map(drop)
    }

    /// Removes the bucket with its objects.
    ///
    /// # Errors
    /// `NotFound` without such a bucket.
    pub async fn drop_bucket_with_objects(&self, bucket: &str) -> Result<()> {
        let request = self.scope.request(Method::DELETE, &["v1", "buckets", bucket]);
        decode::<Value>(self.scope.send(request.query(&[("with_objects", true)])).await?).await.map(drop)
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
    ) -> Result<ObjectInfo> {
        let attributes = &options.attributes;
        let mut request = self.scope.request(Method::PUT, &path(bucket, key)).body(body);
        let texts = [
            (header::CONTENT_TYPE, &attributes.content_type),
            (header::CONTENT_ENCODING, &attributes.content_encoding),
            (header::CONTENT_DISPOSITION, &attributes.content_disposition),
            (header::CONTENT_LANGUAGE, &attributes.content_language),
            (header::CACHE_CONTROL, &attributes.cache_control),
        ];
        for (name, value) in texts {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        for (name, value) in &attributes.metadata {
            request = request.header(format!("{METADATA_PREFIX}{name}"), value);
        }
        request = match &options.condition {
            ObjectCondition::Any => request,
            ObjectCondition::IfAbsent => request.header(header::IF_NONE_MATCH, "*"),
            ObjectCondition::IfPresent => request.header(header::IF_MATCH, "*"),
            ObjectCondition::IfMatch(etag) => request.header(header::IF_MATCH, format!("\"{etag}\"")),
        };
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
    pub async fn head(&self, bucket: &str, key: &str) -> Result<Option<ObjectInfo>> {
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

impl Object {
    fn of(key: &str, response: Response) -> Result<Self> {
        Ok(Object { info: information(key, &response)?, response })
    }
}

fn information(key: &str, response: &Response) -> Result<ObjectInfo> {
    let text = |name: &str| response.headers().get(name)?.to_str().ok();
    // A part tells the whole size after the slash.
    let whole = text("content-range").and_then(|range| range.rsplit('/').next());
    let size_bytes = whole.or(text("content-length")).and_then(|size| size.parse().ok());
    let metadata = response.headers().iter().filter_map(|(name, value)| {
        Some((name.as_str().strip_prefix(METADATA_PREFIX)?.to_owned(), value.to_str().ok()?.to_owned()))
    });
    let owned = |name: &str| text(name).map(str::to_owned);
    Ok(ObjectInfo {
        key: key.to_owned(),
        size_bytes: size_bytes.ok_or_else(|| Error::protocol("the answer does not tell the size of the object"))?,
        etag: text("etag").unwrap_or_default().trim_matches('"').to_owned(),
        attributes: ObjectAttributes {
            content_type: owned("content-type"),
            content_encoding: owned("content-encoding"),
            content_disposition: owned("content-disposition"),
            content_language: owned("content-language"),
            cache_control: owned("cache-control"),
            metadata: metadata.collect(),
        },
    })
}
