//! Messages: sent, received, settled.
//!
//! ```text
//!   /v1/queues/{queue}/messages   send one            .../send_many   send many
//!   /v1/queues/{queue}/receive    lease, or wait for a message
//!   /v1/queues/{queue}/acknowledge extend release reject              what to do with a receipt
//! ```
//!
//! A receive that waits holds no worker thread: it looks, and when there is nothing it sleeps until the engine tells that
//! something arrived, or the next message is ready, and looks again. Waiting is for receives of their own; in a batch or
//! an open transaction there is nothing to wait for, because those read at their snapshot.

use std::time::Duration;

use axum::response::Response;
use marquetry::env::Timestamp;
use marquetry::queue::{MessageBody, NewMessage, Receipt, ReceiveAttempt, ReceiveOptions};
use marquetry::{Error, Result, Transaction};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};
use utoipa::ToSchema;

use super::blob::bytes_of;
use super::error::{Outcome, Problem};
use super::extract::{Json, Segments};
use super::routes::Route;
use super::session::{Seen, Session};
use super::view::{Write, answer};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::post("/v1/queues/{queue}/messages", "Send a message; its id", send).json::<SendBody>().success(201),
        Route::post("/v1/queues/{queue}/send_many", "Send messages, all or none; their ids", send_many)
            .json::<SendManyBody>()
            .batch_sized()
            .success(201),
        Route::post("/v1/queues/{queue}/receive", "Lease messages that are ready, or wait for the first", receive)
            .json::<ReceiveBody>(),
        Route::post("/v1/queues/{queue}/acknowledge", "Say that a message is done", acknowledge).json::<ReceiptBody>(),
        Route::post("/v1/queues/{queue}/extend", "Lease a message for longer", extend).json::<ExtendBody>(),
        Route::post("/v1/queues/{queue}/release", "Give a message back", release).json::<ReleaseBody>(),
        Route::post("/v1/queues/{queue}/reject", "Make a message a dead letter", reject).json::<RejectBody>(),
    ]
}

/// A message to send: `body` or `base64`, and what else is wanted.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewMessage)]
struct SendBody {
    /// What is sent, as JSON; this or `base64`.
    #[schema(value_type = Option<Object>)]
    #[serde(default, deserialize_with = "present")]
    body: Option<Value>,
    /// What is sent, as bytes in base64; this or `body`.
    base64: Option<String>,
    /// The sender's own pairs of texts.
    #[serde(default)]
    #[schema(value_type = Object)]
    headers: std::collections::BTreeMap<String, String>,
    /// Time until it can be received.
    #[serde(default)]
    delay_ms: u64,
    /// When it can be received, in microseconds since 1970 in UTC; this or `delay_ms`.
    ready_at: Option<i64>,
    /// Messages of one group are received one at a time, in order.
    group: Option<String>,
    /// A second message under the same id is not sent while the queue remembers the first.
    deduplication_id: Option<String>,
}

/// Sends a message; its id, or that of the one sent before under the same deduplication id.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = QueueSend)]
pub(super) struct Send {
    queue: String,
    /// What is sent, as JSON; this or `base64`.
    #[schema(value_type = Option<Object>)]
    #[serde(default, deserialize_with = "present")]
    body: Option<Value>,
    /// What is sent, as bytes in base64; this or `body`.
    base64: Option<String>,
    /// The sender's own pairs of texts.
    #[serde(default)]
    #[schema(value_type = Object)]
    headers: std::collections::BTreeMap<String, String>,
    /// Time until it can be received.
    #[serde(default)]
    delay_ms: u64,
    /// When it can be received, in microseconds since 1970 in UTC; this or `delay_ms`.
    ready_at: Option<i64>,
    /// Messages of one group are received one at a time, in order.
    group: Option<String>,
    /// A second message under the same id is not sent while the queue remembers the first.
    deduplication_id: Option<String>,
}

/// Keeps `null`, which may be sent, apart from absence.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl SendBody {
    fn into_send(self, queue: String) -> Send {
        let SendBody { body, base64, headers, delay_ms, ready_at, group, deduplication_id } = self;
        Send { queue, body, base64, headers, delay_ms, ready_at, group, deduplication_id }
    }
}

impl Send {
    fn message(&self) -> Result<NewMessage> {
        let body = match (&self.body, &self.base64) {
            (Some(body), None) => MessageBody::Json(body.clone()),
            (None, Some(base64)) => MessageBody::Bytes(bytes_of(None, Some(base64))?),
            _ => return Err(Error::invalid("give what is sent either as `body` or as `base64`")),
        };
        let mut message = NewMessage::new(body).after(Duration::from_millis(self.delay_ms));
        message.headers.clone_from(&self.headers);
        message.ready_at = self.ready_at.map(Timestamp::from_micros);
        message.group.clone_from(&self.group);
        message.deduplication_id.clone_from(&self.deduplication_id);
        Ok(message)
    }
}

impl Write for Send {
    fn write(&self, transaction: &Transaction) -> Result<Value> {
        answer(&transaction.queues().send(&self.queue, self.message()?)?)
    }
}

/// Sends messages, all or none; their ids in the same order.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = QueueSendMany)]
pub(super) struct SendMany {
    queue: String,
    messages: Vec<SendBody>,
}

impl Write for SendMany {
    fn write(&self, transaction: &Transaction) -> Result<Value> {
        let messages = self.messages.iter().map(|message| message.clone().into_send(String::new()).message());
        answer(&transaction.queues().send_many(&self.queue, messages.collect::<Result<Vec<_>>>()?)?)
    }
}

/// Leases messages that are ready to the caller, from the commit on; none when none is ready.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = QueueReceive)]
pub(super) struct Receive {
    queue: String,
    /// Messages at most; 1 when left out.
    count: Option<usize>,
    /// How long they are leased; the queue's own time when left out.
    lease_ms: Option<u64>,
}

impl Receive {
    fn options(&self) -> ReceiveOptions {
        let usual = ReceiveOptions::default();
        ReceiveOptions { count: self.count.unwrap_or(usual.count), lease_ms: self.lease_ms }
    }
}

impl Write for Receive {
    fn write(&self, transaction: &Transaction) -> Result<Value> {
        answer(&transaction.queues().receive(&self.queue, &self.options())?)
    }
}

fn receipt(text: &str) -> Result<Receipt> {
    text.parse()
}

/// Says that a message is done: it is gone.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = QueueAcknowledge)]
pub(super) struct Acknowledge {
    queue: String,
    /// What came with the message.
    receipt: String,
}

impl Write for Acknowledge {
    fn write(&self, transaction: &Transaction) -> Result<Value> {
        transaction.queues().acknowledge(&self.queue, &receipt(&self.receipt)?)?;
        Ok(Value::Null)
    }
}

/// Leases a message from here on; until when.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = QueueExtend)]
pub(super) struct Extend {
    queue: String,
    /// What came with the message.
    receipt: String,
    /// How long.
    lease_ms: u64,
}

impl Write for Extend {
    fn write(&self, transaction: &Transaction) -> Result<Value> {
        let until = transaction.queues().extend(&self.queue, &receipt(&self.receipt)?, self.lease_ms)?;
        Ok(Value::Object(Map::from_iter([("leased_until".to_owned(), until.as_micros().into())])))
    }
}

/// Gives a message back, to be received again.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = QueueRelease)]
pub(super) struct Release {
    queue: String,
    /// What came with the message.
    receipt: String,
    /// Time until it can be received again; the queue's own pause when left out.
    delay_ms: Option<u64>,
}

impl Write for Release {
    fn write(&self, transaction: &Transaction) -> Result<Value> {
        let delay = self.delay_ms.map(Duration::from_millis);
        transaction.queues().release(&self.queue, &receipt(&self.receipt)?, delay)?;
        Ok(Value::Null)
    }
}

/// Makes a message a dead letter.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = QueueReject)]
pub(super) struct Reject {
    queue: String,
    /// What came with the message.
    receipt: String,
    /// Why.
    reason: String,
}

impl Write for Reject {
    fn write(&self, transaction: &Transaction) -> Result<Value> {
        transaction.queues().reject(&self.queue, &receipt(&self.receipt)?, &self.reason)?;
        Ok(Value::Null)
    }
}

async fn send(session: Session, Segments([queue]): Segments<1>, Json(message): Json<SendBody>) -> Outcome<Response> {
    Ok(session.write(message.into_send(queue)).await?.created())
}

/// Messages to send.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewMessages)]
struct SendManyBody {
    messages: Vec<SendBody>,
}

async fn send_many(
    session: Session,
    Segments([queue]): Segments<1>,
    Json(body): Json<SendManyBody>,
) -> Outcome<Response> {
    Ok(session.write(SendMany { queue, messages: body.messages }).await?.created())
}

/// How to receive.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReceiveOptions)]
struct ReceiveBody {
    /// Messages at most; 1 when left out.
    count: Option<usize>,
    /// How long they are leased; the queue's own time when left out.
    lease_ms: Option<u64>,
    /// How long to wait for the first message.
    #[serde(default)]
    wait_ms: u64,
}

async fn receive(
    session: Session,
    Segments([queue]): Segments<1>,
    Json(body): Json<ReceiveBody>,
) -> Outcome<Seen<Value>> {
    let operation = Receive { queue, count: body.count, lease_ms: body.lease_ms };
    let wait_max_ms = session.app.limits.wait_max_ms;
    if body.wait_ms > wait_max_ms {
        return Err(Problem::limit(format!(
            "wait_ms is {} and the limit is {wait_max_ms}; wait for less and ask again",
            body.wait_ms
        )));
    }
    if !session.is_in_transaction() {
        return receive_within(&session, operation, Duration::from_millis(body.wait_ms)).await;
    }
    match body.wait_ms {
        0 => session.write(operation).await,
        _ => Err(Problem::invalid(
            "an open transaction reads at its own snapshot, so nothing can arrive in it; receive without wait_ms",
        )),
    }
}

/// The messages that are ready, or the first that become so within `longest`.
async fn receive_within(session: &Session, operation: Receive, longest: Duration) -> Outcome<Seen<Value>> {
    let deadline = Instant::now() + longest;
    loop {
        let attempt = attempt(session, &operation).await?;
        let left = deadline.saturating_duration_since(Instant::now());
        let Some(nothing) = attempt.nothing.filter(|_| !left.is_zero() && !session.app.is_stopping()) else {
            return Ok(Seen { version: attempt.version.number(), value: answer(&attempt.messages)? });
        };
        let (tell, told) = oneshot::channel();
        // Whoever stopped waiting need not be told.
        let _listener = nothing.listen(move || {
            let _ = tell.send(());
        });
        // Time running out is as good a reason to look again as an arrival.
        let _ = timeout(left.min(nothing.look_again_after()), told).await;
    }
}

async fn attempt(session: &Session, operation: &Receive) -> Outcome<ReceiveAttempt> {
    let (database, queue, options) = (session.app.database.clone(), operation.queue.clone(), operation.options());
    Ok(session.app.bridge.run(move || database.attempt_receive(&queue, &options)).await??)
}

/// The receipt of a message.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MessageReceipt)]
struct ReceiptBody {
    /// What came with the message.
    receipt: String,
}

/// How to extend a lease.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LeaseExtension)]
struct ExtendBody {
    /// What came with the message.
    receipt: String,
    /// How long, from here on.
    lease_ms: u64,
}

/// How to give a message back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MessageRelease)]
struct ReleaseBody {
    /// What came with the message.
    receipt: String,
    /// Time until it can be received again; the queue's own pause when left out.
    delay_ms: Option<u64>,
}

/// How to give a message up.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MessageRejection)]
struct RejectBody {
    /// What came with the message.
    receipt: String,
    /// Why.
    reason: String,
}

async fn acknowledge(
    session: Session,
    Segments([queue]): Segments<1>,
    Json(body): Json<ReceiptBody>,
) -> Outcome<Seen<Value>> {
    session.write(Acknowledge { queue, receipt: body.receipt }).await
}

async fn extend(
    session: Session,
    Segments([queue]): Segments<1>,
    Json(body): Json<ExtendBody>,
) -> Outcome<Seen<Value>> {
    session.write(Extend { queue, receipt: body.receipt, lease_ms: body.lease_ms }).await
}

async fn release(
    session: Session,
    Segments([queue]): Segments<1>,
    Json(body): Json<ReleaseBody>,
) -> Outcome<Seen<Value>> {
    session.write(Release { queue, receipt: body.receipt, delay_ms: body.delay_ms }).await
}

async fn reject(
    session: Session,
    Segments([queue]): Segments<1>,
    Json(body): Json<RejectBody>,
) -> Outcome<Seen<Value>> {
    session.write(Reject { queue, receipt: body.receipt, reason: body.reason }).await
}
