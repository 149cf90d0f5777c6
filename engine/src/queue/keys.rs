//! The keys of the queue model.
//!
//! ```text
//!   60 <storage:u64> <message:u64> 00                   -> content: body, headers; never changes
//!   60 <storage:u64> <message:u64> 01                   -> state: place, lease, receive count; gone when dead
//!   61 <storage:u64> <ready at:i64> <message:u64>       -> order entry; at the end of its lease when leased
//!   62 <storage:u64> 01 <group>                         -> the message that holds the group
//!   62 <storage:u64> 02 <group> <ready at> <message>    -> nothing; the message waits behind the holder
//!   62 <storage:u64> 03 <deduplication id>              -> the message sent under it, and until when it counts
//!   62 <storage:u64> 04 <until:i64> <deduplication id>  -> nothing; the order in which those run out
//!   62 <storage:u64> 05 <message:u64>                   -> dead letter: when, why
//! ```
//!
//! The storage number is the queue's until it is purged or dropped: then three prefixes are retired and the number is
//! never used again.

use serde::{Deserialize, Serialize};

use super::message::MessageId;
use crate::encoding::key::{KeyReader, KeyWriter};
use crate::env::Timestamp;
use crate::error::Result;
use crate::keyspace::{QUEUE_MESSAGE_TAG, QUEUE_ORDER_TAG, QUEUE_STATE_TAG};
use crate::kv::{KeyRange, prefix_end};

/// Last byte of the keys of contents.
const CONTENT_KIND: u8 = 0x00;
/// Last byte of the keys of states.
const STATE_KIND: u8 = 0x01;
/// The holder of a group.
const GROUP_KIND: u8 = 0x01;
/// Messages that wait behind the holder of their group.
const WAITING_KIND: u8 = 0x02;
/// Messages by deduplication id.
const DEDUPLICATION_KIND: u8 = 0x03;
/// Deduplication ids by the time at which they run out.
const DEDUPLICATION_END_KIND: u8 = 0x04;
/// Dead letters.
const DEAD_KIND: u8 = 0x05;

/// The number under which the messages of a queue are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Storage(pub(super) u64);

/// The place of a message in the order of its queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) at: Timestamp,
    pub(super) message: u64,
}

impl Place {
    pub(super) const FIRST: Place = Place { at: Timestamp::from_micros(i64::MIN), message: 0 };
    /// Behind every place that a message can have.
    pub(super) const END: Place = Place { at: Timestamp::from_micros(i64::MAX), message: u64::MAX };

    pub(super) fn new(at: Timestamp, message: MessageId) -> Self {
        Place { at, message: message.number() }
    }

    pub(super) fn id(self) -> MessageId {
        MessageId::new(self.message)
    }

    /// The next place.
    pub(super) fn next(self) -> Self {
        Place { message: self.message.saturating_add(1), ..self }
    }
}

/// What all keys of a storage begin with, to be retired together.
pub(super) fn prefixes(storage: Storage) -> [Vec<u8>; 3] {
    [QUEUE_MESSAGE_TAG, QUEUE_ORDER_TAG, QUEUE_STATE_TAG].map(|tag| KeyWriter::new(tag).u64(storage.0).finish())
}

/// All messages of a storage, contents and states.
pub(super) fn messages(storage: Storage) -> KeyRange {
    KeyRange::prefix(KeyWriter::new(QUEUE_MESSAGE_TAG).u64(storage.0).finish())
}

pub(super) fn content(storage: Storage, message: MessageId) -> Vec<u8> {
    KeyWriter::new(QUEUE_MESSAGE_TAG).u64(storage.0).u64(message.number()).u8(CONTENT_KIND).finish()
}

pub(super) fn state(storage: Storage, message: MessageId) -> Vec<u8> {
    KeyWriter::new(QUEUE_MESSAGE_TAG).u64(storage.0).u64(message.number()).u8(STATE_KIND).finish()
}

/// The message that a key of [`messages`] is about, and whether it is its content.
pub(super) fn message_of(stored: &[u8]) -> Result<(MessageId, bool)> {
    let mut parts = KeyReader::new(stored, QUEUE_MESSAGE_TAG)?;
    parts.u64()?;
    let message = MessageId::new(parts.u64()?);
    Ok((message, parts.u8()? == CONTENT_KIND))
}

pub(super) fn order(storage: Storage, place: Place) -> Vec<u8> {
    KeyWriter::new(QUEUE_ORDER_TAG).u64(storage.0).i64(place.at.as_micros()).u64(place.message).finish()
}

/// The order entries from `place` on.
pub(super) fn order_from(storage: Storage, place: Place) -> KeyRange {
    let prefix = KeyWriter::new(QUEUE_ORDER_TAG).u64(storage.0).finish();
    KeyRange::new(order(storage, place), prefix_end(&prefix))
}

/// The storage and place that an order key names.
pub(super) fn order_of(stored: &[u8]) -> Result<(Storage, Place)> {
    let mut parts = KeyReader::new(stored, QUEUE_ORDER_TAG)?;
    let storage = Storage(parts.u64()?);
    Ok((storage, Place { at: Timestamp::from_micros(parts.i64()?), message: parts.u64()? }))
}

fn kind(storage: Storage, kind: u8) -> KeyWriter {
    KeyWriter::new(QUEUE_STATE_TAG).u64(storage.0).u8(kind)
}

fn parts_of(stored: &[u8]) -> Result<KeyReader<'_>> {
    let mut parts = KeyReader::new(stored, QUEUE_STATE_TAG)?;
    parts.u64()?;
    parts.u8()?;
    Ok(parts)
}

pub(super) fn group(storage: Storage, group: &str) -> Vec<u8> {
    kind(storage, GROUP_KIND).bytes(group.as_bytes()).finish()
}

/// The holders of all groups.
pub(super) fn groups(storage: Storage) -> KeyRange {
    KeyRange::prefix(kind(storage, GROUP_KIND).finish())
}

/// The group that a key made by [`group`] names.
pub(super) fn group_of(stored: &[u8]) -> Result<String> {
    parts_of(stored)?.text()
}

pub(super) fn waiting(storage: Storage, group: &str, place: Place) -> Vec<u8> {
    let writer = kind(storage, WAITING_KIND).bytes(group.as_bytes());
    writer.i64(place.at.as_micros()).u64(place.message).finish()
}

/// The messages that wait in a group.
pub(super) fn waiting_in(storage: Storage, group: &str) -> KeyRange {
    KeyRange::prefix(kind(storage, WAITING_KIND).bytes(group.as_bytes()).finish())
}

/// The messages that wait in all groups.
pub(super) fn all_waiting(storage: Storage) -> KeyRange {
    KeyRange::prefix(kind(storage, WAITING_KIND).finish())
}

/// The group and place that a key made by [`waiting`] names.
pub(super) fn waiting_of(stored: &[u8]) -> Result<(String, Place)> {
    let mut parts = parts_of(stored)?;
    let group = parts.text()?;
    Ok((group, Place { at: Timestamp::from_micros(parts.i64()?), message: parts.u64()? }))
}

pub(super) fn deduplication(storage: Storage, id: &str) -> Vec<u8> {
    kind(storage, DEDUPLICATION_KIND).bytes(id.as_bytes()).finish()
}

/// All deduplication ids.
pub(super) fn deduplications(storage: Storage) -> KeyRange {
    KeyRange::prefix(kind(storage, DEDUPLICATION_KIND).finish())
}

/// The id that a key made by [`deduplication`] names.
pub(super) fn deduplication_of(stored: &[u8]) -> Result<String> {
    parts_of(stored)?.text()
}

pub(super) fn deduplication_end(storage: Storage, until: Timestamp, id: &str) -> Vec<u8> {
    kind(storage, DEDUPLICATION_END_KIND).i64(until.as_micros()).bytes(id.as_bytes()).finish()
}

/// The ends of deduplication ids from `from` on.
pub(super) fn deduplication_ends(storage: Storage, from: Timestamp) -> KeyRange {
    let prefix = kind(storage, DEDUPLICATION_END_KIND).finish();
    KeyRange::new(kind(storage, DEDUPLICATION_END_KIND).i64(from.as_micros()).finish(), prefix_end(&prefix))
}

/// The time and id that a key made by [`deduplication_end`] names.
pub(super) fn deduplication_end_of(stored: &[u8]) -> Result<(Timestamp, String)> {
    let mut parts = parts_of(stored)?;
    Ok((Timestamp::from_micros(parts.i64()?), parts.text()?))
}

pub(super) fn dead(storage: Storage, message: MessageId) -> Vec<u8> {
    kind(storage, DEAD_KIND).u64(message.number()).finish()
}

/// The dead letters from `message` on.
pub(super) fn dead_from(storage: Storage, message: MessageId) -> KeyRange {
    let prefix = kind(storage, DEAD_KIND).finish();
    KeyRange::new(dead(storage, message), prefix_end(&prefix))
}

/// The message that a key made by [`dead`] names.
pub(super) fn dead_of(stored: &[u8]) -> Result<MessageId> {
    Ok(MessageId::new(parts_of(stored)?.u64()?))
}
