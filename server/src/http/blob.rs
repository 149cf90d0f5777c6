//! Buckets, and what JSON can say about objects. Their bytes go through [`super::object`].
//!
//! ```text
//!   /v1/buckets                      list
//!   /v1/buckets/{bucket}             make, drop
//!   /v1/buckets/{bucket}/objects     list by prefix, a page at a time
//! ```

use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use marquetry::blob::{ListOptions, ObjectAttributes, ObjectCondition, PutOptions};
use marquetry::{Error, ObjectKind, Result, Transaction};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::catalog::names;
use super::error::Outcome;
use super::extract::{Query, Segments};
use super::routes::Route;
use super::session::{Seen, Session};
use super::view::{Read, View, Write, answer};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/v1/buckets", "The names of all buckets", list),
        Route::put("/v1/buckets/{bucket}", "Make a bucket", create).success(201),
        Route::delete("/v1/buckets/{bucket}", "Drop a bucket", drop_bucket).query::<DropQuery>(),
        Route::get("/v1/buckets/{bucket}/objects", "Objects in the order of their keys", list_objects)
            .query::<ListQuery>(),
    ]
}

/// The names of all buckets.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BucketList)]
pub(super) struct ListBuckets {}

impl Read for ListBuckets {
    fn read<V: View>(&self, view: &V) -> Result<Value> {
        names(view, ObjectKind::Bucket)
    }
}

/// Makes a bucket.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BucketCreate)]
pub(super) struct CreateBucket {
    bucket: String,
}

impl Write for CreateBucket {
    fn write(&self, transaction: &Transaction) -> Result<Value> {
        transaction.blobs().create_bucket(&self.bucket)?;
        Ok(json!({ "name": self.bucket }))
    }
}

/// Drops a bucket.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BucketDrop)]
pub(super) struct DropBucket {
    bucket: String,
    /// Whether to drop it although it holds objects, and them with it.
    #[serde(default)]
    with_objects: bool,
}

impl Write for DropBucket {
    fn write(&self, transaction: &Transaction) -> Result<Value> {
        match self.with_objects {
            true => transaction.blobs().drop_bucket_with_objects(&self.bucket)?,
            false => transaction.blobs().drop_bucket(&self.bucket)?,
        }
        Ok(Value::Null)
    }
}

/// What is known about an object, or null.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ObjectHead)]
pub(super) struct Head {
    bucket: String,
    key: String,
}

impl Read for Head {
    fn read<V: View>(&self, view: &V) -> Result<Value> {
        answer(&view.blobs().head(&self.bucket, &self.key)?)
    }
}

/// A page of objects in the order of their keys.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ObjectList)]
pub(super) struct ListObjects {
    bucket: String,
    /// Which objects; all without it.
    #[serde(default)]
    query: ListQuery,
}

/// Which objects to list.
#[derive(Default, Deserialize, ToSchema, IntoParams)]
#[serde(deny_unknown_fields)]
#[schema(as = ObjectListQuery)]
struct ListQuery {
    /// What the keys begin with.
    #[serde(default)]
    prefix: String,
    /// Keys that have this behind the prefix are listed as one common prefix.
    delimiter: Option<String>,
    /// Only keys behind this one: the `next` of the page before.
    after: Option<String>,
    /// Objects and common prefixes on the page at most.
    limit: Option<usize>,
}

impl Read for ListObjects {
    fn read<V: View>(&self, view: &V) -> Result<Value> {
        let mut options = ListOptions {
            prefix: self.query.prefix.clone(),
            delimiter: self.query.delimiter.clone(),
            start_after: self.query.after.clone(),
            ..ListOptions::default()
        };
        options.limit = self.query.limit.unwrap_or(options.limit);
        let page = view.blobs().list(&self.bucket, &options)?;
        Ok(json!({
            "objects": answer(&page.objects)?,
            "common_prefixes": page.common_prefixes,
            "next": page.next_start_after,
        }))
    }
}

/// Puts a small object from within a batch; larger ones are sent by themselves.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ObjectPut)]
pub(super) struct Put {
    bucket: String,
    key: String,
    /// The bytes as text; this or `base64`.
    text: Option<String>,
    /// The bytes in base64; this or `text`.
    base64: Option<String>,
    /// content_type, content_encoding, content_disposition, content_language, cache_control and metadata.
    #[serde(default)]
    #[schema(value_type = Object)]
    attributes: ObjectAttributes,
    /// "any", "if_absent", "if_present" or {"if_match": ETAG}.
    #[serde(default)]
    #[schema(value_type = Object)]
    condition: ObjectCondition,
}

impl Write for Put {
    fn write(&self, transaction: &Transaction) -> Result<Value> {
        let bytes = bytes_of(self.text.as_deref(), self.base64.as_deref())?;
        let options = PutOptions { attributes: self.attributes.clone(), condition: self.condition.clone() };
        answer(&transaction.blobs().put(&self.bucket, &self.key, &bytes[..], &options)?)
    }
}

/// The bytes that a JSON request gives either as text or in base64.
pub(super) fn bytes_of(text: Option<&str>, base64: Option<&str>) -> Result<Vec<u8>> {
    match (text, base64) {
        (Some(text), None) => Ok(text.as_bytes().to_vec()),
        (None, Some(base64)) => {
            STANDARD.decode(base64).map_err(|fault| Error::invalid(format!("`base64` is not base64: {fault}")))
        }
        _ => Err(Error::invalid("give the bytes either as `text` or as `base64`")),
    }
}

/// Removes an object; whether it was there.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ObjectDelete)]
pub(super) struct Delete {
    bucket: String,
    key: String,
    /// "any", "if_absent", "if_present" or {"if_match": ETAG}.
    #[serde(default)]
    #[schema(value_type = Object)]
    condition: ObjectCondition,
}

impl Write for Delete {
    fn write(&self, transaction: &Transaction) -> Result<Value> {
        Ok(transaction.blobs().delete_if(&self.bucket, &self.key, &self.condition)?.into())
    }
}

async fn list(session: Session) -> Outcome<Seen<Value>> {
    session.read(ListBuckets {}).await
}

async fn create(session: Session, Segments([bucket]): Segments<1>) -> Outcome<Response> {
    Ok(session.write(CreateBucket { bucket }).await?.created())
}

/// How to drop a bucket.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct DropQuery {
    /// Whether to drop it although it holds objects, and them with it.
    #[serde(default)]
    with_objects: bool,
}

async fn drop_bucket(
    session: Session,
    Segments([bucket]): Segments<1>,
    Query(query): Query<DropQuery>,
) -> Outcome<Seen<Value>> {
    session.write(DropBucket { bucket, with_objects: query.with_objects }).await
}

async fn list_objects(
    session: Session,
    Segments([bucket]): Segments<1>,
    Query(query): Query<ListQuery>,
) -> Outcome<Seen<Value>> {
    session.read(ListObjects { bucket, query }).await
}
