//! What an entry is to a caller, and how it is set.
//!
//! ```text
//!   set("pages", "/home", bytes, SetOptions { ttl, condition }) --> CacheEntry { value, version, expires_at }
//! ```

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::env::Timestamp;
use crate::error::{Error, Result};
use crate::limits::{CACHE_TTL_MS_MAX, CACHE_VALUE_SIZE_BYTES_MAX};

/// An entry that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheEntry {
    /// Its bytes.
    pub value: Bytes,
    /// Changes with every change of the value; for [`SetCondition::IfVersion`].
    pub version: u64,
    /// When it is gone; `None` when it has no such time.
    pub expires_at: Option<Timestamp>,
}

/// How long an entry lives at most; a full namespace lets it go earlier.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TimeToLive {
    /// As the namespace says.
    #[default]
    Namespace,
    /// Without an end.
    Forever,
    /// That long from here on; more than zero and at most 100 years.
    For(Duration),
}

/// What must hold for an entry to be set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SetCondition {
    /// Nothing.
    #[default]
    Any,
    /// There is no such entry.
    IfAbsent,
    /// The entry has this version.
    IfVersion(u64),
}

/// How an entry is set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SetOptions {
    /// How long it lives.
    pub ttl: TimeToLive,
    /// What must hold for it to be set.
    pub condition: SetCondition,
}

/// How a loaded value is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LoadOptions {
    /// How long it lives, unless a commit changes what it was loaded from.
    pub ttl: TimeToLive,
}

impl TimeToLive {
    /// When an entry set at `now` is gone, in a namespace whose entries live for `default_ttl_ms`.
    pub(super) fn end(self, now: Timestamp, default_ttl_ms: Option<u64>) -> Result<Option<Timestamp>> {
        let ttl = match self {
            TimeToLive::Forever => None,
            TimeToLive::For(ttl) => Some(ttl),
            TimeToLive::Namespace => default_ttl_ms.map(Duration::from_millis),
        };
        let Some(ttl) = ttl else { return Ok(None) };
        verify_ttl(ttl)?;
        Ok(Some(now.after(ttl)))
    }
}

pub(super) fn verify_ttl(ttl: Duration) -> Result<()> {
    if ttl.is_zero() {
        return Err(Error::invalid("a time to live is more than zero; delete the entry, or give no time"));
    }
    match ttl > Duration::from_millis(CACHE_TTL_MS_MAX) {
        true => Err(Error::limit_exceeded("a time to live is at most 100 years; give no time to keep the entry")),
        false => Ok(()),
    }
}

impl SetCondition {
    /// Whether it holds over an entry of the version `present`.
    pub(super) fn holds(self, present: Option<u64>) -> bool {
        match self {
            SetCondition::Any => true,
            SetCondition::IfAbsent => present.is_none(),
            SetCondition::IfVersion(version) => present == Some(version),
        }
    }
}

impl CacheEntry {
    pub(super) fn is_live(&self, now: Timestamp) -> bool {
        is_live(self.expires_at, now)
    }
}

pub(super) fn is_live(expires_at: Option<Timestamp>, now: Timestamp) -> bool {
    expires_at.is_none_or(|end| now < end)
}

/// Refuses values that are too large for an entry.
pub(super) fn verify_value(value: &[u8]) -> Result<()> {
    match value.len() > CACHE_VALUE_SIZE_BYTES_MAX {
        true => Err(Error::limit_exceeded(format!(
            "the value of a cache entry is {} bytes long, the limit is {CACHE_VALUE_SIZE_BYTES_MAX}; store it as a blob",
            value.len()
        ))),
        false => Ok(()),
    }
}

/// The number in `value` plus `by`; without a value, `by`.
pub(super) fn sum(value: Option<&[u8]>, by: i64) -> Result<i64> {
    let number = match value {
        Some(value) => std::str::from_utf8(value).ok().and_then(|text| text.parse::<i64>().ok()).ok_or_else(|| {
            Error::invalid("the entry is not a whole number of 64 bits in decimal; set it to one before adding to it")
        })?,
        None => 0,
    };
    number
        .checked_add(by)
        .ok_or_else(|| Error::invalid(format!("{number} and {by} do not add up within 64 bits; set the entry anew")))
}

/// How a number stands in an entry.
pub(super) fn number_value(number: i64) -> Bytes {
    number.to_string().into()
}
