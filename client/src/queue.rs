//! Queues: messages that are leased, acknowledged, or come back.
//!
//! ```text
//!   send --> ready --receive--> leased --acknowledge--> gone
//!              ^                  '-- release, or the lease runs out
//! ```

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
    /// Its number within the queue.
    pub id: String,
    /// What acknowledges, extends or releases this lease of it.
    pub receipt: String,
    /// What was sent.
    pub body: Value,
    /// How often it was received, this time included.
    pub receive_count: u64,
}

/// How messages are received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receive {
    /// Messages at most.
    pub count: usize,
    /// How long they are leased; the queue's own time without one.
    pub lease: Option<Duration>,
    /// How long to wait for the first message.
    pub wait: Duration,
}

impl Default for Receive {
    fn default() -> Self {
        Receive { count: 1, lease: None, wait: Duration::ZERO }
    }
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
        self.send_later(queue, body, Duration::ZERO).await
    }

    /// Sends a message that can be received after `delay`; its id.
    ///
    /// # Errors
    /// `NotFound` without such a queue.
    pub async fn send_later(&self, queue: &str, body: impl Serialize, delay: Duration) -> Result<String> {
        let body = json!({ "body": to_value(body)?, "delay_ms": milliseconds(delay) });
        self.scope.call_with(Method::POST, &["v1", "queues", queue, "messages"], &body).await
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
    /// `Precondition` when the lease ran out and the message may be somebody else's.
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

    async fn settle(&self, queue: &str, verb: &str, body: Value) -> Result<()> {
        self.scope.call_with::<Value>(Method::POST, &["v1", "queues", queue, verb], &body).await.map(drop)
    }

    /// Removes all messages of the queue; how many there were.
    ///
    /// # Errors
    /// `NotFound` without such a queue.
    pub async fn purge(&self, queue: &str) -> Result<Value> {
        self.scope.call_with(Method::POST, &["v1", "queues", queue, "purge"], &json!({})).await
    }

    /// How many messages are ready, leased, delayed and dead.
    ///
    /// # Errors
    /// `NotFound` without such a queue.
    pub async fn counts(&self, queue: &str) -> Result<Value> {
        self.scope.call(Method::GET, &["v1", "queues", queue]).await
    }
}

pub(crate) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
