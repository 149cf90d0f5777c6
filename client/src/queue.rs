//! Queues: messages that are leased, acknowledged, or come back.
//!
//! ```text
//!   send --> ready --receive--> leased --acknowledge--> gone
//!              ^                  |-- release, or the lease runs out
//!              '------------------'-- received too often, or rejected --> dead --redrive--> ready
//! ```

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::connection::Scope;
use crate::error::Result;
use crate::table::to_value;

/// A message that was received and is leased to the receiver.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Message {
    /// Its number within the database.
    pub id: String,
    /// What acknowledges, extends, releases or rejects this lease of it.
    pub receipt: String,
    /// What was sent; null when it was bytes.
    #[serde(default)]
    pub body: Value,
    /// What was sent, in base64, when it was bytes.
    pub base64: Option<String>,
    /// The sender's own pairs.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Its group.
    pub group: Option<String>,
    /// How often it was received, this time included.
    pub receive_count: u64,
    /// Until when it is leased, in microseconds since 1970 in UTC.
    pub leased_until: i64,
    /// Where it died, when it is a dead letter that another queue sent here.
    pub origin: Option<Origin>,
}

/// The queue in which a dead letter died, and why.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Origin {
    /// The name of that queue.
    pub queue: String,
    /// How often it was received there.
    pub receive_count: u64,
    /// Why it was given up.
    pub reason: String,
}

/// A message that was given up.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct DeadLetter {
    /// Its number within the database.
    pub id: String,
    /// What was sent; null when it was bytes.
    #[serde(default)]
    pub body: Value,
    /// What was sent, in base64, when it was bytes.
    pub base64: Option<String>,
    /// How often it was received.
    pub receive_count: u64,
    /// When it was given up, in microseconds since 1970 in UTC.
    pub died_at: i64,
    /// Why it was given up.
    pub reason: String,
}

/// How a message is sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SendOptions {
    /// The sender's own pairs.
    pub headers: BTreeMap<String, String>,
    /// How long until it can be received.
    pub delay: Duration,
    /// Messages of one group are received one at a time, in order.
    pub group: Option<String>,
    /// A second message under the same id is not sent while the queue remembers the first.
    pub deduplication_id: Option<String>,
}

/// How messages are received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receive {
    /// Messages at most.
    pub count: usize,
    /// How long they are leased; the queue's own time without one.
    pub lease: Option<Duration>,
    /// How long to wait for the first message; only outside a transaction.
    pub wait: Duration,
}

impl Default for Receive {
    fn default() -> Self {
        Receive { count: 1, lease: None, wait: Duration::ZERO }
    }
}

/// How many messages a queue has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct QueueCounts {
    /// Messages that can be received.
    pub ready: u64,
    /// Messages that somebody received and has not settled.
    pub leased: u64,
    /// Messages whose delay or pause is not over.
    pub delayed: u64,
    /// Messages that wait for an earlier one of their group.
    pub waiting: u64,
    /// Dead letters.
    pub dead: u64,
    /// How long the first ready message has been ready.
    pub oldest_ready_ms: Option<u64>,
    /// Whether the counts are exact; otherwise there are at least as many.
    pub is_exact: bool,
}

/// The queues of a server, through a client or a transaction.
#[derive(Debug, Clone)]
pub struct Queues {
    pub(crate) scope: Scope,
}

impl Queues {
    /// Makes a queue with the given settings, as `/openapi.json` describes them; `{}` for the usual ones.
    ///
    /// # Errors
    /// `AlreadyExists` when the name is taken.
    pub async fn create(&self, queue: &str, settings: Value) -> Result<()> {
        self.scope.call_with::<Value>(Method::PUT, &["v1", "queues", queue], &settings).await.map(drop)
    }

    /// The names of all queues.
    ///
    /// # Errors
    /// Only those of the connection.
    pub async fn list(&self) -> Result<Vec<String>> {
        self.scope.call(Method::GET, &["v1", "queues"]).await
    }

    /// Removes the queue with its messages.
    ///
    /// # Errors
    /// `NotFound` without such a queue.
    pub async fn drop(&self, queue: &str) -> Result<()> {
        self.scope.call::<Value>(Method::DELETE, &["v1", "queues", queue]).await.map(drop)
    }

    /// Sends a message that can be received at once; its id.
    ///
    /// # Errors
    /// `NotFound` without such a queue.
    pub async fn send(&self, queue: &str, body: impl Serialize) -> Result<String> {
        self.send_with(queue, body, &SendOptions::default()).await
    }

    /// Sends a message that can be received after `delay`; its id.
    ///
    /// # Errors
    /// `NotFound` without such a queue.
    pub async fn send_later(&self, queue: &str, body: impl Serialize, delay: Duration) -> Result<String> {
        self.send_with(queue, body, &SendOptions { delay, ..SendOptions::default() }).await
    }

    /// Sends a message as `options` say; its id, or that of the one sent before under the same deduplication id.
    ///
    /// # Errors
    /// `NotFound` without such a queue.
    pub async fn send_with(&self, queue: &str, body: impl Serialize, options: &SendOptions) -> Result<String> {
        let body = message(to_value(body)?, options);
        self.scope.call_with(Method::POST, &["v1", "queues", queue, "messages"], &body).await
    }

    /// Sends messages, all or none; their ids in the same order.
    ///
    /// # Errors
    /// `NotFound` without such a queue.
    pub async fn send_many(
        &self,
        queue: &str,
        messages: impl IntoIterator<Item = (Value, SendOptions)>,
    ) -> Result<Vec<String>> {
        let messages: Vec<Value> = messages.into_iter().map(|(body, options)| message(body, &options)).collect();
        let body = json!({ "messages": messages });
        self.scope.call_with(Method::POST, &["v1", "queues", queue, "send_many"], &body).await
    }

    /// Messages that are ready, leased to the caller; none when none became ready within the wait.
    ///
    /// # Errors
    /// `NotFound` without such a queue.
    pub async fn receive(&self, queue: &str, receive: &Receive) -> Result<Vec<Message>> {
        let mut body = json!({ "count": receive.count, "wait_ms": milliseconds(receive.wait) });
        if let Some(lease) = receive.lease {
            body["lease_ms"] = milliseconds(lease).into();
        }
        self.scope.call_with(Method::POST, &["v1", "queues", queue, "receive"], &body).await
    }

    /// Says that the message is done: it is gone.
    ///
    /// # Errors
    /// `Precondition` when the lease ran out and the message was received by another.
    pub async fn acknowledge(&self, queue: &str, receipt: &str) -> Result<()> {
        self.settle(queue, "acknowledge", json!({ "receipt": receipt })).await
    }

    /// Leases the message for `lease` from here on.
    ///
    /// # Errors
    /// As for [`Queues::acknowledge`].
    pub async fn extend(&self, queue: &str, receipt: &str, lease: Duration) -> Result<()> {
        self.settle(queue, "extend", json!({ "receipt": receipt, "lease_ms": milliseconds(lease) })).await
    }

    /// Gives the message back, to be received again after `delay`.
    ///
    /// # Errors
    /// As for [`Queues::acknowledge`].
    pub async fn release(&self, queue: &str, receipt: &str, delay: Duration) -> Result<()> {
        self.settle(queue, "release", json!({ "receipt": receipt, "delay_ms": milliseconds(delay) })).await
    }

    /// Gives the message back, to be received again after the queue's own pause.
    ///
    /// # Errors
    /// As for [`Queues::acknowledge`].
    pub async fn retry(&self, queue: &str, receipt: &str) -> Result<()> {
        self.settle(queue, "release", json!({ "receipt": receipt })).await
    }

    /// Makes the message a dead letter.
    ///
    /// # Errors
    /// As for [`Queues::acknowledge`].
    pub async fn reject(&self, queue: &str, receipt: &str, reason: &str) -> Result<()> {
        self.settle(queue, "reject", json!({ "receipt": receipt, "reason": reason })).await
    }

    async fn settle(&self, queue: &str, verb: &str, body: Value) -> Result<()> {
        self.scope.call_with::<Value>(Method::POST, &["v1", "queues", queue, verb], &body).await.map(drop)
    }

    /// Removes all messages of the queue, dead letters included.
    ///
    /// # Errors
    /// `NotFound` without such a queue.
    pub async fn purge(&self, queue: &str) -> Result<()> {
        self.settle(queue, "purge", json!({})).await
    }

    /// How many messages the queue has.
    ///
    /// # Errors
    /// `NotFound` without such a queue.
    pub async fn counts(&self, queue: &str) -> Result<QueueCounts> {
        self.scope.call(Method::GET, &["v1", "queues", queue]).await
    }

    /// The first dead letters of the queue, up to 100.
    ///
    /// # Errors
    /// `NotFound` without such a queue.
    pub async fn dead_letters(&self, queue: &str) -> Result<Vec<DeadLetter>> {
        self.scope.call(Method::GET, &["v1", "queues", queue, "dead"]).await
    }

    /// Makes a dead letter ready again, as if it had never been received.
    ///
    /// # Errors
    /// `NotFound` without such a queue or dead letter.
    pub async fn redrive(&self, queue: &str, id: &str) -> Result<()> {
        let path = ["v1", "queues", queue, "dead", "redrive"];
        self.scope.call_with::<Value>(Method::POST, &path, &json!({ "id": id })).await.map(drop)
    }

    /// Removes a dead letter for good.
    ///
    /// # Errors
    /// `NotFound` without such a queue or dead letter.
    pub async fn delete_dead_letter(&self, queue: &str, id: &str) -> Result<()> {
        let path = ["v1", "queues", queue, "dead", "delete"];
        self.scope.call_with::<Value>(Method::POST, &path, &json!({ "id": id })).await.map(drop)
    }
}

fn message(body: Value, options: &SendOptions) -> Value {
    json!({
        "body": body,
        "headers": options.headers,
        "delay_ms": milliseconds(options.delay),
        "group": options.group,
        "deduplication_id": options.deduplication_id,
    })
}

pub(crate) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
