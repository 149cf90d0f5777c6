//! Cache namespaces and their entries.
//!
//! ```text
//!   /v1/caches                              list
//!   /v1/caches/{cache}                      make, drop, what it is and how it does
//!   /v1/caches/{cache}/entries/{*key}       GET PUT DELETE   any bytes; ETag = version, If-Match, If-None-Match: *
//!   /v1/caches/{cache}/increment, expire    POST
//! ```
//!
//! Outside an open transaction a change is committed as the class of its namespace says, and one of a volatile entry not
//! at all. Inside, and in batches, it shares the fate of the transaction.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use marquetry::cache::{CacheEntry, CacheOptions, SetCondition, SetOptions, TimeToLive};
use marquetry::{Error, ObjectKind, Result, Transaction};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::blob::bytes_of;
use super::catalog::names;
use super::error::{Outcome, Problem};
use super::extract::{Json, Query, Raw, Segments};
use super::routes::Route;
use super::session::{Reading, Seen, Session};
use super::view::{Read, View, Write, answer};

pub(super) fn routes() -> Vec<Route> {
    const ENTRY: &str = "/v1/caches/{cache}/entries/{*key}";
    vec![
        Route::get("/v1/caches", "The names of all caches", list),
        Route::put("/v1/caches/{cache}", "Make a cache", create).json::<Settings>().success(201),
        Route::get("/v1/caches/{cache}", "What a cache is and how it does", info),
        Route::delete("/v1/caches/{cache}", "Drop a cache with its entries", drop_cache),
        Route::get(ENTRY, "The bytes of an entry", get),
        Route::put(ENTRY, "Set an entry to the body", put).bytes().query::<PutQuery>().success(201),
        Route::delete(ENTRY, "Remove an entry", delete),
        Route::post("/v1/caches/{cache}/increment", "Add to the number in an entry", increment).json::<By>(),
        Route::post("/v1/caches/{cache}/expire", "Let an entry live for a time from here on", expire).json::<Until>(),
    ]
}

/// The names of all caches.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CacheList)]
pub(super) struct List {}

impl Read for List {
    fn read<V: View>(&self, view: &V) -> Result<Value> {
        names(view, ObjectKind::Cache)
    }
}

/// What a cache is and how it does.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CacheInfo)]
pub(super) struct Info {
    cache: String,
}

impl Read for Info {
    fn read<V: View>(&self, view: &V) -> Result<Value> {
        answer(&view.cache().namespace(&self.cache)?)
    }
}

/// How a cache keeps its entries.
#[derive(Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CacheSettings)]
struct Settings {
    /// "volatile", "buffered" or "durable"; volatile without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<String>,
    /// What all entries may take; 16 MiB without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    budget_size_bytes: Option<u64>,
    /// How long an entry lives that is set without a time; for ever without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    default_ttl_ms: Option<u64>,
}

impl Settings {
    fn options(&self) -> Result<CacheOptions> {
        serde_json::to_value(self)
            .and_then(serde_json::from_value)
            .map_err(|fault| Error::invalid(format!("in the settings of the cache: {fault}")))
    }
}

/// Makes a cache.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CacheCreate)]
pub(super) struct Create {
    cache: String,
    #[serde(default)]
    settings: Settings,
}

impl Write for Create {
    fn write(&self, transaction: &Transaction) -> Result<Value> {
        transaction.cache().create_namespace(&self.cache, &self.settings.options()?)?;
        Ok(json!({ "name": self.cache }))
    }
}

/// Drops a cache with its entries.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CacheDrop)]
pub(super) struct DropCache {
    cache: String,
}

impl Write for DropCache {
    fn write(&self, transaction: &Transaction) -> Result<Value> {
        transaction.cache().drop_namespace(&self.cache)?;
        Ok(Value::Null)
    }
}

/// An entry, or null: its bytes as `text` where they are UTF-8 and as `base64` otherwise.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CacheGet)]
pub(super) struct Get {
    cache: String,
    key: String,
}

impl Read for Get {
    fn read<V: View>(&self, view: &V) -> Result<Value> {
        Ok(view.cache().get(&self.cache, &self.key)?.map_or(Value::Null, |entry| described(&entry)))
    }
}

fn described(entry: &CacheEntry) -> Value {
    let mut value = match std::str::from_utf8(&entry.value) {
        Ok(text) => json!({ "text": text }),
        Err(_) => json!({ "base64": STANDARD.encode(&entry.value) }),
    };
    value["version"] = entry.version.into();
    value["expires_at"] = json!(entry.expires_at);
    value
}

/// Sets an entry; its version.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CacheSet)]
pub(super) struct Set {
    cache: String,
    key: String,
    /// The bytes as text; this or `base64`.
    text: Option<String>,
    /// The bytes in base64; this or `text`.
    base64: Option<String>,
    /// How long it lives; as the cache says without it.
    ttl_ms: Option<u64>,
    /// Set only if there is none.
    #[serde(default)]
    if_absent: bool,
    /// Set only if the entry there has this version.
    if_version: Option<u64>,
}

impl Write for Set {
    fn write(&self, transaction: &Transaction) -> Result<Value> {
        let value = bytes_of(self.text.as_deref(), self.base64.as_deref())?;
        let condition = match (self.if_absent, self.if_version) {
            (false, None) => SetCondition::Any,
            (true, None) => SetCondition::IfAbsent,
            (false, Some(version)) => SetCondition::IfVersion(version),
            (true, Some(_)) => return Err(Error::invalid("give either `if_absent` or `if_version`")),
        };
        let options = SetOptions { ttl: lifetime(self.ttl_ms), condition };
        was_set(transaction.cache().set(&self.cache, &self.key, value, &options)?)
    }
}

fn lifetime(ttl_ms: Option<u64>) -> TimeToLive {
    ttl_ms.map_or(TimeToLive::Namespace, |ttl_ms| TimeToLive::For(Duration::from_millis(ttl_ms)))
}

fn was_set(version: Option<u64>) -> Result<Value> {
    match version {
        Some(version) => Ok(json!({ "version": version })),
        None => Err(Error::precondition("the condition does not hold, so nothing was set; read the entry and decide")),
    }
}

/// Removes an entry; whether it was there.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CacheDelete)]
pub(super) struct Delete {
    cache: String,
    key: String,
}

impl Write for Delete {
    fn write(&self, transaction: &Transaction) -> Result<Value> {
        Ok(transaction.cache().delete(&self.cache, &self.key)?.into())
    }
}

/// A number to add to an entry.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CacheBy)]
struct By {
    key: String,
    /// 1 without it.
    by: Option<i64>,
}

/// Adds to the number in an entry, which is 0 when there is none; the sum.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CacheIncrement)]
pub(super) struct Increment {
    cache: String,
    key: String,
    /// 1 without it.
    by: Option<i64>,
}

impl Write for Increment {
    fn write(&self, transaction: &Transaction) -> Result<Value> {
        Ok(transaction.cache().increment(&self.cache, &self.key, self.by.unwrap_or(1))?.into())
    }
}

/// How long an entry is to live.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CacheUntil)]
struct Until {
    key: String,
    /// For ever without it.
    ttl_ms: Option<u64>,
}

/// Lets an entry live for a time from here on; whether it was there.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CacheExpire)]
pub(super) struct Expire {
    cache: String,
    key: String,
    /// For ever without it.
    ttl_ms: Option<u64>,
}

fn until(ttl_ms: Option<u64>) -> TimeToLive {
    ttl_ms.map_or(TimeToLive::Forever, |ttl_ms| TimeToLive::For(Duration::from_millis(ttl_ms)))
}

impl Write for Expire {
    fn write(&self, transaction: &Transaction) -> Result<Value> {
        Ok(transaction.cache().expire(&self.cache, &self.key, until(self.ttl_ms))?.into())
    }
}

async fn list(session: Session) -> Outcome<Seen<Value>> {
    session.read(List {}).await
}

async fn create(session: Session, Segments([cache]): Segments<1>, Json(settings): Json<Settings>) -> Outcome<Response> {
    Ok(session.write(Create { cache, settings }).await?.created())
}

async fn info(session: Session, Segments([cache]): Segments<1>) -> Outcome<Seen<Value>> {
    session.read(Info { cache }).await
}

async fn drop_cache(session: Session, Segments([cache]): Segments<1>) -> Outcome<Seen<Value>> {
    session.write(DropCache { cache }).await
}

async fn get(session: Session, Segments([cache, key]): Segments<2>) -> Outcome<Seen<Response>> {
    let found = session.read_with(move |reading| {
        let found = match reading {
            Reading::Snapshot(snapshot) => snapshot.cache().get(&cache, &key)?,
            Reading::Transaction(transaction) => transaction.cache().get(&cache, &key)?,
        };
        found.ok_or_else(|| Error::not_found(format!("there is no entry {key:?} in the cache {cache:?}")))
    });
    Ok(found.await?.map(|entry| {
        let mut response = Response::new(Body::from(entry.value));
        let headers = response.headers_mut();
        headers.insert(header::ETAG, tag(entry.version));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        // The bytes are the writer's word; a browser must not guess a type and run them.
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }))
}

fn tag(version: u64) -> HeaderValue {
    HeaderValue::try_from(format!("\"{version}\"")).expect("digits can stand in a header")
}

/// How an entry is put.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct PutQuery {
    /// How long it lives; as the cache says without it.
    ttl_ms: Option<u64>,
}

async fn put(
    session: Session,
    Segments([cache, key]): Segments<2>,
    Query(query): Query<PutQuery>,
    headers: HeaderMap,
    Raw(value): Raw,
) -> Outcome<Response> {
    let options = SetOptions { ttl: lifetime(query.ttl_ms), condition: condition(&headers)? };
    let name = cache.clone();
    let (own_key, own_value) = (key.clone(), value.clone());
    let set = session.change(
        move |transaction| set_in(transaction, &name, &own_key, &own_value, &options),
        move |database| was_set(database.cache(&cache).set(&key, value, &options)?),
    );
    let set = set.await?;
    let version = set.value["version"].as_u64();
    let mut response = set.created();
    if let Some(version) = version {
        response.headers_mut().insert(header::ETAG, tag(version));
    }
    Ok(response)
}

fn set_in(transaction: &Transaction, cache: &str, key: &str, value: &Bytes, options: &SetOptions) -> Result<Value> {
    was_set(transaction.cache().set(cache, key, value.clone(), options)?)
}

/// What the conditions in the headers of a PUT say.
fn condition(headers: &HeaderMap) -> Outcome<SetCondition> {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default().trim());
    match (text(header::IF_NONE_MATCH), text(header::IF_MATCH)) {
        (None, None) => Ok(SetCondition::Any),
        (Some("*"), None) => Ok(SetCondition::IfAbsent),
        (None, Some(tag)) => {
            let version = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).and_then(|tag| tag.parse().ok());
            version.map(SetCondition::IfVersion).ok_or_else(|| {
                Problem::invalid("If-Match takes the ETag that the entry was answered with, such as \"17\"")
            })
        }
        _ => Err(Problem::invalid("an entry takes either If-None-Match: * or If-Match with one ETag")),
    }
}

async fn delete(session: Session, Segments([cache, key]): Segments<2>) -> Outcome<Seen<Value>> {
    let operation = Delete { cache: cache.clone(), key: key.clone() };
    session
        .change(
            move |transaction| operation.write(transaction),
            move |database| Ok(database.cache(&cache).delete(&key)?.into()),
        )
        .await
}

async fn increment(
    session: Session,
    Segments([cache]): Segments<1>,
    Json(By { key, by }): Json<By>,
) -> Outcome<Seen<Value>> {
    let operation = Increment { cache: cache.clone(), key: key.clone(), by };
    session
        .change(
            move |transaction| operation.write(transaction),
            move |database| Ok(database.cache(&cache).increment(&key, by.unwrap_or(1))?.into()),
        )
        .await
}

async fn expire(
    session: Session,
    Segments([cache]): Segments<1>,
    Json(Until { key, ttl_ms }): Json<Until>,
) -> Outcome<Seen<Value>> {
    let operation = Expire { cache: cache.clone(), key: key.clone(), ttl_ms };
    session
        .change(
            move |transaction| operation.write(transaction),
            move |database| Ok(database.cache(&cache).expire(&key, until(ttl_ms))?.into()),
        )
        .await
}
