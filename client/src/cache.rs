//! Cache: entries with a time to live, in namespaces with a byte budget.
//!
//! ```text
//!   cache().set("pages", "/home", bytes, &SetOptions { ttl, .. })     get("pages", "/home") --> Entry { value, version }
//! ```

use std::time::Duration;

use bytes::Bytes;
use reqwest::{Method, header};
use serde_json::{Value, json};

use crate::connection::{Scope, decode};
use crate::error::{Error, ErrorKind, Result, found};
use crate::queue::milliseconds;

/// An entry that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its bytes.
    pub value: Bytes,
    /// Changes whenever the entry does.
    pub version: u64,
}

/// How an entry is set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SetOptions {
    /// How long it lives; as the namespace says without one.
    pub ttl: Option<Duration>,
    /// Set only if there is none.
    pub if_absent: bool,
    /// Set only if the entry there has this version.
    pub if_version: Option<u64>,
}

/// The cache namespaces of a server, through a client or a transaction.
#[derive(Debug, Clone)]
pub struct Cache {
    pub(crate) scope: Scope,
}

impl Cache {
    /// Makes a namespace with the given settings, as `/openapi.json` describes them.
    ///
    /// # Errors
    /// `AlreadyExists` when the name is taken.
    pub async fn create(&self, namespace: &str, settings: Value) -> Result<()> {
        self.scope.call_with::<Value>(Method::PUT, &["v1", "caches", namespace], &settings).await.map(drop)
    }

    /// The names of all namespaces.
    ///
    /// # Errors
    /// Only those of the connection.
    pub async fn list(&self) -> Result<Vec<String>> {
        self.scope.call(Method::GET, &["v1", "caches"]).await
    }

    /// What the namespace is and how it does, as `/openapi.json` describes it.
    ///
    /// # Errors
    /// `NotFound` without such a namespace.
    pub async fn info(&self, namespace: &str) -> Result<Value> {
        self.scope.call(Method::GET, &["v1", "caches", namespace]).await
    }

    /// Removes the namespace with its entries.
    ///
    /// # Errors
    /// `NotFound` without such a namespace.
    pub async fn drop(&self, namespace: &str) -> Result<()> {
        self.scope.call::<Value>(Method::DELETE, &["v1", "caches", namespace]).await.map(drop)
    }

    /// The entry under `key`, or `None` when there is none or it has expired.
    ///
    /// # Errors
    /// Only those of the connection.
    pub async fn get(&self, namespace: &str, key: &str) -> Result<Option<Entry>> {
        let request = self.scope.request(Method::GET, &path(namespace, key));
        let Some(response) = found(self.scope.send(request).await)? else { return Ok(None) };
        let tag = response.headers().get(header::ETAG).and_then(|tag| tag.to_str().ok());
        let version = tag.and_then(|tag| tag.trim_matches('"').parse().ok());
        let version = version.ok_or_else(|| Error::protocol("the answer does not tell the version of the entry"))?;
        Ok(Some(Entry { value: response.bytes().await?, version }))
    }

    /// Sets the entry under `key`; whether it was set, which only a condition prevents.
    ///
    /// # Errors
    /// `LimitExceeded` when the entry does not fit the namespace.
    pub async fn set(
        &self,
        namespace: &str,
        key: &str,
        value: impl Into<reqwest::Body>,
        options: &SetOptions,
    ) -> Result<bool> {
        let mut request = self.scope.request(Method::PUT, &path(namespace, key)).body(value);
        if let Some(ttl) = options.ttl {
            request = request.query(&[("ttl_ms", milliseconds(ttl))]);
        }
        if options.if_absent {
            request = request.header(header::IF_NONE_MATCH, "*");
        }
        if let Some(version) = options.if_version {
            request = request.header(header::IF_MATCH, format!("\"{version}\""));
        }
        match self.scope.send(request).await {
            Ok(response) => decode::<Value>(response).await.map(|_| true),
            Err(error) if error.kind() == ErrorKind::Precondition => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Removes the entry under `key`; whether it was there.
    ///
    /// # Errors
    /// Only those of the connection.
    pub async fn delete(&self, namespace: &str, key: &str) -> Result<bool> {
        self.scope.call(Method::DELETE, &path(namespace, key)).await
    }

    /// Adds `by` to the number under `key`, which is 0 when there is none; the sum.
    ///
    /// # Errors
    /// `Invalid` when the entry is not a number.
    pub async fn increment(&self, namespace: &str, key: &str, by: i64) -> Result<i64> {
        let body = json!({ "key": key, "by": by });
        self.scope.call_with(Method::POST, &["v1", "caches", namespace, "increment"], &body).await
    }

    /// Lets the entry under `key` live for `ttl` from here on; whether it was there.
    ///
    /// # Errors
    /// `NotFound` without such a namespace.
    pub async fn expire(&self, namespace: &str, key: &str, ttl: Duration) -> Result<bool> {
        let body = json!({ "key": key, "ttl_ms": milliseconds(ttl) });
        self.scope.call_with(Method::POST, &["v1", "caches", namespace, "expire"], &body).await
    }

    /// Lets the entry under `key` live without an end; whether it was there.
    ///
    /// # Errors
    /// `NotFound` without such a namespace.
    pub async fn persist(&self, namespace: &str, key: &str) -> Result<bool> {
        self.scope.call_with(Method::POST, &["v1", "caches", namespace, "expire"], &json!({ "key": key })).await
    }
}

fn path<'a>(namespace: &'a str, key: &'a str) -> [&'a str; 5] {
    ["v1", "caches", namespace, "entries", key]
}
