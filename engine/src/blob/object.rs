//! What is known of an object besides its bytes, and what a caller may say about it.
//!
//! ```text
//!   PutOptions { attributes, condition }  --put-->  ObjectRow  --head, list-->  ObjectInfo
//! ```
//!
//! Attributes come back as they were given and end up in header lines of answers, so control characters are
//! refused here, once for every front.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::keys::BodyId;
use crate::encoding::record;
use crate::env::Timestamp;
use crate::error::{Error, Result};
use crate::limits::{BLOB_ATTRIBUTE_SIZE_BYTES_MAX, BLOB_KEY_SIZE_BYTES_MAX, BLOB_METADATA_SIZE_BYTES_MAX};

/// Format of object rows.
const OBJECT_FORMAT: u8 = 1;

/// What the bytes of an object are and how they should be served: kept and returned, never interpreted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ObjectAttributes {
    /// The media type, such as `image/png`.
    pub content_type: Option<String>,
    /// The encoding that the bytes have on top of their type, such as `gzip`.
    pub content_encoding: Option<String>,
    /// How a browser should present the bytes, such as `attachment; filename="receipt.pdf"`.
    pub content_disposition: Option<String>,
    /// The language of the bytes, such as `en`.
    pub content_language: Option<String>,
    /// How caches may keep the bytes, such as `public, max-age=31536000, immutable`.
    pub cache_control: Option<String>,
    /// The caller's own pairs: 2 KiB in all; names of ASCII letters, digits, `-`, `_` and `.`.
    pub metadata: BTreeMap<String, String>,
}

/// What must hold of the present object for a write to happen.
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
    /// There is such an object and it has this etag (without quotes).
    IfMatch(String),
}

/// How an object is put.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PutOptions {
    /// What the bytes are.
    pub attributes: ObjectAttributes,
    /// What must hold of the object that is there.
    pub condition: ObjectCondition,
}

/// How an object is copied.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CopyOptions {
    /// The attributes of the copy; those of the source when `None`.
    pub attributes: Option<ObjectAttributes>,
    /// What must hold of the object that the copy replaces.
    pub condition: ObjectCondition,
}

/// An object without its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectInfo {
    /// The key within the bucket.
    pub key: String,
    /// The number of bytes.
    pub size_bytes: u64,
    /// The MD5 of the bytes in lower-case hex, without quotes.
    pub etag: String,
    /// The CRC32C of the bytes.
    pub checksum_crc32c: u32,
    /// What the bytes are.
    pub attributes: ObjectAttributes,
    /// When the key was first put since it last did not exist.
    pub created_at: Timestamp,
    /// When the bytes or attributes were put.
    pub modified_at: Timestamp,
}

/// An object as it is stored under its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ObjectRow {
    pub(super) body: BodyId,
    pub(super) digest: Digest,
    pub(super) created_at: Timestamp,
    pub(super) modified_at: Timestamp,
    pub(super) attributes: ObjectAttributes,
}

/// What identifies a run of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Digest {
    pub(super) size_bytes: u64,
    pub(super) md5: [u8; 16],
    pub(super) crc32c: u32,
}

impl Digest {
    pub(super) fn etag(&self) -> String {
        use std::fmt::Write;
        self.md5.iter().fold(String::with_capacity(32), |mut hex, byte| {
            // Writing to a string cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }
}

impl ObjectRow {
    pub(super) fn encode(&self) -> Result<Vec<u8>> {
        record::encode(OBJECT_FORMAT, self)
    }

    pub(super) fn decode(stored: &[u8]) -> Result<Self> {
        record::decode(OBJECT_FORMAT, stored, "the row of a stored object")
    }

    pub(super) fn info(self, key: &str) -> ObjectInfo {
        ObjectInfo {
            key: key.to_owned(),
            size_bytes: self.digest.size_bytes,
            etag: self.digest.etag(),
            checksum_crc32c: self.digest.crc32c,
            attributes: self.attributes,
            created_at: self.created_at,
            modified_at: self.modified_at,
        }
    }
}

impl ObjectCondition {
    /// Refuses with `Precondition` when `present` is not what the condition says.
    pub(super) fn verify(&self, key: &str, present: Option<&ObjectRow>) -> Result<()> {
        let (holds, expected) = match self {
            ObjectCondition::Any => (true, ""),
            ObjectCondition::IfAbsent => (present.is_none(), "to be absent"),
            ObjectCondition::IfPresent => (present.is_some(), "to be present"),
            ObjectCondition::IfMatch(etag) => {
                (present.is_some_and(|row| row.digest.etag() == *etag), "to have the etag given")
            }
        };
        if holds {
            return Ok(());
        }
        let found = match present {
            Some(row) => format!("it has etag {}", row.digest.etag()),
            None => "it is absent".to_owned(),
        };
        Err(Error::precondition(format!(
            "object {key:?} was expected {expected} and {found}; read it again and decide"
        )))
    }
}

impl ObjectAttributes {
    /// Refuses what is too long or could not stand in a header line.
    pub(super) fn verify(&self) -> Result<()> {
        let named = [
            ("content type", &self.content_type),
            ("content encoding", &self.content_encoding),
            ("content disposition", &self.content_disposition),
            ("content language", &self.content_language),
            ("cache control", &self.cache_control),
        ];
        for (name, value) in named.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
            if value.len() > BLOB_ATTRIBUTE_SIZE_BYTES_MAX {
                return Err(Error::limit_exceeded(format!(
                    "the {name} is {} bytes long, the limit is {BLOB_ATTRIBUTE_SIZE_BYTES_MAX}; shorten it",
                    value.len()
                )));
            }
            refuse_control_characters(name, value)?;
        }
        self.verify_metadata()
    }

    fn verify_metadata(&self) -> Result<()> {
        let size: usize = self.metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
        if size > BLOB_METADATA_SIZE_BYTES_MAX {
            return Err(Error::limit_exceeded(format!(
                "the metadata is {size} bytes long, the limit is {BLOB_METADATA_SIZE_BYTES_MAX}; keep it in a document"
            )));
        }
        for (name, value) in &self.metadata {
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            if name.is_empty() || !name.chars().all(plain) {
                return Err(Error::invalid(format!(
                    "{name:?} cannot name metadata; use ASCII letters, digits, '-', '_' and '.'"
                )));
            }
            refuse_control_characters(name, value)?;
        }
        Ok(())
    }
}

fn refuse_control_characters(name: &str, value: &str) -> Result<()> {
    match value.chars().any(char::is_control) {
        true => Err(Error::invalid(format!("the {name} holds a control character; remove it"))),
        false => Ok(()),
    }
}

/// Refuses keys that are empty or too long.
pub(super) fn verify_key(key: &str) -> Result<()> {
    match key.len() {
        0 => Err(Error::invalid("the key of an object is empty; give it at least one character")),
        1..=BLOB_KEY_SIZE_BYTES_MAX => Ok(()),
        length => Err(Error::limit_exceeded(format!(
            "the key of an object is {length} bytes long, the limit is {BLOB_KEY_SIZE_BYTES_MAX}; use a shorter one"
        ))),
    }
}
