//! A message: what is sent, what is received, and what is stored of it.
//!
//! ```text
//!   NewMessage --send--> Content (never changes) + State (changes with every receive) --receive--> Message
//! ```
//!
//! Content and state are two records, so that leasing a message never writes its body again.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::body::MessageBody;
use super::keys::Place;
use crate::encoding::record;
use crate::env::Timestamp;
use crate::error::{Error, Result};

/// Format of contents.
const CONTENT_FORMAT: u8 = 1;
/// Format of states.
const STATE_FORMAT: u8 = 1;
/// Format of order entries.
const ORDER_FORMAT: u8 = 1;

/// The number of a message, unique in its database; later ones are larger, with gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(u64);

impl MessageId {
    /// The message numbered `number`.
    pub const fn new(number: u64) -> Self {
        MessageId(number)
    }

    /// The number itself.
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl FromStr for MessageId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        text.parse().map(MessageId).map_err(|_| Error::invalid(format!("{text:?} is not the id of a message")))
    }
}

/// What proves that a message was received, to acknowledge, extend, release or reject that receive of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Receipt {
    pub(super) message: MessageId,
    /// Random, so that no other receive, of this or any other life of the message, has the same.
    pub(super) lease: u64,
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:016x}", self.message, self.lease)
    }
}

impl FromStr for Receipt {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts = text.split_once('-').and_then(|(message, lease)| {
            let is_hex = lease.len() == 16 && lease.bytes().all(|byte| byte.is_ascii_hexdigit());
            Some(Receipt {
                message: message.parse().ok()?,
                lease: u64::from_str_radix(lease, 16).ok().filter(|_| is_hex)?,
            })
        });
        parts.ok_or_else(|| Error::invalid("this is not a receipt; give the one that came with the received message"))
    }
}

macro_rules! serde_as_text {
    ($type:ty) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

serde_as_text!(MessageId);
serde_as_text!(Receipt);

/// A message to send.
///
/// ```
/// # use std::time::Duration;
/// use marquetry::queue::NewMessage;
/// let reminder = NewMessage::json(serde_json::json!({ "order": 7 }))
///     .after(Duration::from_secs(3600))
///     .in_group("customer 3")
///     .once("remind 7");
/// # let _ = reminder;
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct NewMessage {
    /// What is sent.
    pub body: MessageBody,
    /// The sender's own pairs: 16 KiB in all.
    pub headers: BTreeMap<String, String>,
    /// How long until it can be received.
    pub delay: Duration,
    /// When it can be received, instead of a delay; a time that is over is at once.
    pub ready_at: Option<Timestamp>,
    /// Messages of one group are received one at a time, in the order in which they became ready.
    pub group: Option<String>,
    /// A second message under the same id is not sent while the queue remembers the first.
    pub deduplication_id: Option<String>,
}

impl NewMessage {
    /// A message with `body` that can be received at once.
    pub fn new(body: impl Into<MessageBody>) -> Self {
        NewMessage {
            body: body.into(),
            headers: BTreeMap::new(),
            delay: Duration::ZERO,
            ready_at: None,
            group: None,
            deduplication_id: None,
        }
    }

    /// A message with the JSON value `value`.
    pub fn json(value: serde_json::Value) -> Self {
        NewMessage::new(value)
    }

    /// A message with the bytes `bytes`.
    pub fn bytes(bytes: impl Into<Vec<u8>>) -> Self {
        NewMessage::new(bytes.into())
    }

    /// The same message with one more header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.insert(name.into(), value.into());
        self
    }

    /// The same message, to be received after `delay`.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// The same message, to be received at `time`.
    #[must_use]
    pub fn at(mut self, time: Timestamp) -> Self {
        self.ready_at = Some(time);
        self
    }

    /// The same message as one of `group`.
    #[must_use]
    pub fn in_group(mut self, group: impl Into<String>) -> Self {
        self.group = Some(group.into());
        self
    }

    /// The same message, sent once however often it is sent under `id`.
    #[must_use]
    pub fn once(mut self, id: impl Into<String>) -> Self {
        self.deduplication_id = Some(id.into());
        self
    }
}

impl From<serde_json::Value> for NewMessage {
    fn from(value: serde_json::Value) -> Self {
        NewMessage::new(value)
    }
}

impl From<Vec<u8>> for NewMessage {
    fn from(bytes: Vec<u8>) -> Self {
        NewMessage::new(bytes)
    }
}

impl From<&[u8]> for NewMessage {
    fn from(bytes: &[u8]) -> Self {
        NewMessage::new(bytes)
    }
}

/// A message that was received and is leased to the receiver.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// What settles this receive of it.
    pub receipt: Receipt,
    /// What was sent.
    #[serde(flatten)]
    pub body: MessageBody,
    /// The sender's own pairs.
    pub headers: BTreeMap<String, String>,
    /// Its group.
    pub group: Option<String>,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// How often it was received, this time included.
    pub receive_count: u32,
    /// Until when it is the receiver's.
    pub leased_until: Timestamp,
    /// Where it died, when it is a dead letter that another queue sent here.
    pub origin: Option<Origin>,
}

/// The queue in which a dead letter died, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The name of that queue.
    pub queue: String,
    /// How often it was received there.
    pub receive_count: u32,
    /// Why it was given up.
    pub reason: String,
}

/// What never changes of a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Content {
    pub(super) sent_at: Timestamp,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) origin: Option<Origin>,
    pub(super) body: super::body::StoredBody,
}

impl Content {
    pub(super) fn encode(&self) -> Result<Vec<u8>> {
        record::encode(CONTENT_FORMAT, self)
    }

    pub(super) fn decode(stored: &[u8]) -> Result<Self> {
        record::decode(CONTENT_FORMAT, stored, "the content of a message")
    }
}

/// Where a message is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Phase {
    /// In the order: to be received when its place has come.
    Ready,
    /// In the order at the place where it comes back, received under the number of a lease.
    Leased { lease: u64, until: Timestamp },
    /// Not in the order: behind the holder of its group.
    Waiting,
}

/// What changes of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) phase: Phase,
    /// When it can be received (again).
    pub(super) ready_at: Timestamp,
    pub(super) receive_count: u32,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) group: Option<String>,
}

impl State {
    pub(super) fn place(&self, message: MessageId) -> Place {
        Place::new(self.ready_at, message)
    }

    pub(super) fn leased_until(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Leased { until, .. } => Some(until),
            Phase::Ready | Phase::Waiting => None,
        }
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>> {
        record::encode(STATE_FORMAT, self)
    }

    pub(super) fn decode(stored: &[u8]) -> Result<Self> {
        record::decode(STATE_FORMAT, stored, "the state of a message")
    }
}

/// What an order entry says: until when the message is leased, if it is.
pub(super) fn encode_order(leased_until: Option<Timestamp>) -> Result<Vec<u8>> {
    record::encode(ORDER_FORMAT, &leased_until)
}

pub(super) fn decode_order(stored: &[u8]) -> Result<Option<Timestamp>> {
    record::decode(ORDER_FORMAT, stored, "an entry in the order of a queue")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receipts_are_texts_that_come_back() {
        let receipt = Receipt { message: MessageId::new(7), lease: 0xab };
        assert_eq!(receipt.to_string().parse::<Receipt>().unwrap(), receipt);
        for broken in ["", "7", "7-", "7-00000000000000zz", "-00000000000000ab", "7-0ab", "7-+0000000000000ab"] {
            assert!(broken.parse::<Receipt>().is_err(), "{broken}");
        }
    }
}
