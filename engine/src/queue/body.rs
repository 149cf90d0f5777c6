//! The body of a message: a JSON value or bytes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Error as _, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::limits::QUEUE_JSON_DEPTH_MAX;

/// What a message carries. As JSON it is `{"body": ...}`, or `{"base64": "..."}` for bytes.
#[derive(Debug, Clone, PartialEq)]
pub enum MessageBody {
    /// A JSON value.
    Json(Value),
    /// Bytes that only sender and receiver understand.
    Bytes(Vec<u8>),
}

impl MessageBody {
    /// The JSON value.
    ///
    /// # Errors
    /// `Invalid` when the body is bytes.
    pub fn as_json(&self) -> Result<&Value> {
        match self {
            MessageBody::Json(value) => Ok(value),
            MessageBody::Bytes(_) => Err(Error::invalid("the message holds bytes, not JSON; read them as bytes")),
        }
    }

    /// The bytes, or those of the JSON text.
    pub fn into_bytes(self) -> Vec<u8> {
        match self {
            MessageBody::Json(value) => value.to_string().into_bytes(),
            MessageBody::Bytes(bytes) => bytes,
        }
    }

    pub(super) fn into_stored(self) -> Result<StoredBody> {
        match self {
            MessageBody::Bytes(bytes) => Ok(StoredBody { is_json: false, bytes: RawBytes(bytes) }),
            MessageBody::Json(value) => {
                verify_depth(&value)?;
                Ok(StoredBody { is_json: true, bytes: RawBytes(value.to_string().into_bytes()) })
            }
        }
    }
}

impl From<Value> for MessageBody {
    fn from(value: Value) -> Self {
        MessageBody::Json(value)
    }
}

impl From<Vec<u8>> for MessageBody {
    fn from(bytes: Vec<u8>) -> Self {
        MessageBody::Bytes(bytes)
    }
}

impl From<&[u8]> for MessageBody {
    fn from(bytes: &[u8]) -> Self {
        MessageBody::Bytes(bytes.to_vec())
    }
}

impl Serialize for MessageBody {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        match self {
            MessageBody::Json(value) => map.serialize_entry("body", value)?,
            MessageBody::Bytes(bytes) => map.serialize_entry("base64", &STANDARD.encode(bytes))?,
        }
        map.end()
    }
}

/// Refuses JSON that nests too deep to be written and read again, without recursing itself.
fn verify_depth(value: &Value) -> Result<()> {
    let mut open = vec![(value, 0)];
    while let Some((value, depth)) = open.pop() {
        if depth > QUEUE_JSON_DEPTH_MAX {
            return Err(Error::limit_exceeded(format!(
                "the message nests deeper than {QUEUE_JSON_DEPTH_MAX} levels; flatten it"
            )));
        }
        match value {
            Value::Array(values) => open.extend(values.iter().map(|value| (value, depth + 1))),
            Value::Object(members) => open.extend(members.values().map(|value| (value, depth + 1))),
            _ => {}
        }
    }
    Ok(())
}

/// A body as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredBody {
    is_json: bool,
    bytes: RawBytes,
}

impl StoredBody {
    pub(super) fn size_bytes(&self) -> usize {
        self.bytes.0.len()
    }

    pub(super) fn into_body(self) -> Result<MessageBody> {
        match self.is_json {
            false => Ok(MessageBody::Bytes(self.bytes.0)),
            true => serde_json::from_slice(&self.bytes.0).map(MessageBody::Json).map_err(|fault| {
                Error::corrupt("the body of a message is not the JSON that was sent; restore from a backup")
                    .with_source(fault)
            }),
        }
    }
}

/// Bytes that are written and read as one run, not one by one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct RawBytes(Vec<u8>);

impl Serialize for RawBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for RawBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Run;
        impl Visitor<'_> for Run {
            type Value = RawBytes;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }

            fn visit_byte_buf<E: serde::de::Error>(self, bytes: Vec<u8>) -> Result<RawBytes, E> {
                Ok(RawBytes(bytes))
            }

            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<RawBytes, E> {
                Ok(RawBytes(bytes.to_vec()))
            }
        }
        deserializer.deserialize_byte_buf(Run).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bodies_come_back_as_they_were_sent() {
        for body in [
            MessageBody::Json(json!({"a": [1, 2.5, null, "x"]})),
            MessageBody::Bytes(vec![0, 255, 1]),
            MessageBody::Bytes(Vec::new()),
        ] {
            assert_eq!(body.clone().into_stored().unwrap().into_body().unwrap(), body);
        }
    }

    #[test]
    fn what_is_too_deep_is_refused_and_the_deepest_comes_back() {
        let nested = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!([inner]));
        let deepest = MessageBody::Json(nested(QUEUE_JSON_DEPTH_MAX));
        assert_eq!(deepest.clone().into_stored().unwrap().into_body().unwrap(), deepest);
        assert!(MessageBody::Json(nested(QUEUE_JSON_DEPTH_MAX + 1)).into_stored().is_err());
    }
}
