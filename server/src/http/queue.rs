//! Queues, what is in them, and their dead letters. Messages come and go through [`super::message`].
//!
//! ```text
//!   /v1/queues                               list
//!   /v1/queues/{queue}                       make, describe and count, drop
//!   /v1/queues/{queue}/messages              look without receiving
//!   /v1/queues/{queue}/purge                 empty
//!   /v1/queues/{queue}/dead[/redrive|delete] dead letters
//! ```

use axum::response::Response;
use marquetry::queue::{MessageId, QueueSettings};
use marquetry::{Error, ObjectKind, Result, Transaction};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::catalog::names;
use super::error::Outcome;
use super::extract::{Json, Query, Segments};
use super::routes::Route;
use super::session::{Seen, Session};
use super::view::{Read, View, Write, answer};

/// Messages that are looked at, redriven or deleted when a request does not say how many.
const LIMIT_USUAL: usize = 100;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/v1/queues", "The names of all queues", list),
        Route::put("/v1/queues/{queue}", "Make a queue", create).json::<SettingsBody>().success(201),
        Route::get("/v1/queues/{queue}", "The settings of a queue and how many messages it has", describe),
        Route::delete("/v1/queues/{queue}", "Drop a queue with its messages", drop_queue),
        Route::get("/v1/queues/{queue}/messages", "Messages in the order in which they can be received", peek)
            .query::<PeekQuery>(),
        Route::post("/v1/queues/{queue}/purge", "Remove all messages", purge).json::<Nothing>(),
        Route::get("/v1/queues/{queue}/dead", "Dead letters by id", dead_letters).query::<DeadQuery>(),
        Route::post("/v1/queues/{queue}/dead/redrive", "Make dead letters ready again; how many", redrive)
            .json::<DeadBody>(),
        Route::post("/v1/queues/{queue}/dead/delete", "Remove dead letters; how many", delete_dead).json::<DeadBody>(),
    ]
}

/// Nothing: `{}`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Nothing)]
struct Nothing {}

/// The names of all queues.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = QueueList)]
pub(super) struct ListQueues {}

impl Read for ListQueues {
    fn read<V: View>(&self, view: &V) -> Result<Value> {
        names(view, ObjectKind::Queue)
    }
}

/// Makes a queue.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = QueueCreate)]
pub(super) struct CreateQueue {
    queue: String,
    /// As the body of `PUT /v1/queues/{queue}`.
    #[serde(default)]
    #[schema(value_type = SettingsBody)]
    settings: QueueSettings,
}

/// How a queue treats its messages; what is left out is as usual.
#[derive(ToSchema)]
#[schema(as = QueueSettings)]
#[allow(dead_code, reason = "only its schema is used")]
struct SettingsBody {
    /// How long a received message is the receiver's; 30000 when left out.
    lease_ms: Option<u64>,
    /// How often a message is received before it is a dead letter; 10 when left out, without end when null.
    receives_max: Option<u32>,
    /// The queue that dead letters are sent to; they stay when left out.
    dead_letter_queue: Option<String>,
    /// The pause before a message is received again: `initial_ms`, `factor` and `longest_ms`; none when left out.
    #[schema(value_type = Option<Object>)]
    retry: Option<Value>,
    /// How long a message is kept that nobody acknowledges; for ever when left out.
    retention_ms: Option<u64>,
    /// Largest message; 1 MiB when left out.
    message_size_bytes_max: Option<u64>,
    /// How long a deduplication id is remembered; 300000 when left out.
    deduplication_window_ms: Option<u64>,
}

impl Write for CreateQueue {
    fn write(&self, transaction: &Transaction) -> Result<Value> {
        transaction.queues().create(&self.queue, &self.settings)?;
        Ok(json!({ "name": self.queue }))
    }
}

/// Drops a queue with its messages.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = QueueDrop)]
pub(super) struct DropQueue {
    queue: String,
}

impl Write for DropQueue {
    fn write(&self, transaction: &Transaction) -> Result<Value> {
        transaction.queues().drop(&self.queue)?;
        Ok(Value::Null)
    }
}

/// The settings of a queue and when it was made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = QueueInfo)]
pub(super) struct Info {
    queue: String,
}

impl Read for Info {
    fn read<V: View>(&self, view: &V) -> Result<Value> {
        answer(&view.queues().info(&self.queue)?)
    }
}

/// How many messages a queue has, in each state.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = QueueCounts)]
pub(super) struct Counts {
    queue: String,
}

impl Read for Counts {
    fn read<V: View>(&self, view: &V) -> Result<Value> {
        answer(&view.queues().counts(&self.queue)?)
    }
}

/// Both of the above in one object: what a route answers and batches ask for one by one.
struct Describe {
    queue: String,
}

impl Read for Describe {
    fn read<V: View>(&self, view: &V) -> Result<Value> {
        let mut described = answer(&view.queues().info(&self.queue)?)?;
        if let (Value::Object(described), Value::Object(counts)) =
            (&mut described, answer(&view.queues().counts(&self.queue)?)?)
        {
            described.extend(counts);
        }
        Ok(described)
    }
}

/// Messages in the order in which they can be received, leased and delayed ones included, without receiving them.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = QueuePeek)]
pub(super) struct Peek {
    queue: String,
    /// Messages at most; 100 when left out.
    limit: Option<usize>,
}

impl Read for Peek {
    fn read<V: View>(&self, view: &V) -> Result<Value> {
        answer(&view.queues().peek(&self.queue, self.limit.unwrap_or(LIMIT_USUAL))?)
    }
}

/// Removes all messages of a queue, dead letters included.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = QueuePurge)]
pub(super) struct Purge {
    queue: String,
}

impl Write for Purge {
    fn write(&self, transaction: &Transaction) -> Result<Value> {
        transaction.queues().purge(&self.queue)?;
        Ok(Value::Null)
    }
}

/// Dead letters by id.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = QueueDeadLetters)]
pub(super) struct DeadLetters {
    queue: String,
    /// Only those with larger ids.
    after: Option<String>,
    /// Dead letters at most; 100 when left out.
    limit: Option<usize>,
}

impl Read for DeadLetters {
    fn read<V: View>(&self, view: &V) -> Result<Value> {
        let after: Option<MessageId> = self.after.as_deref().map(str::parse).transpose()?;
        answer(&view.queues().dead_letters(&self.queue, after, self.limit.unwrap_or(LIMIT_USUAL))?)
    }
}

/// Makes dead letters ready again, as if they had never been received; how many.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = QueueRedrive)]
pub(super) struct Redrive {
    queue: String,
    /// Which one; this or `limit`.
    id: Option<String>,
    /// How many at most, the oldest first; this or `id`.
    limit: Option<usize>,
}

impl Write for Redrive {
    fn write(&self, transaction: &Transaction) -> Result<Value> {
        let queues = transaction.queues();
        match chosen(self.id.as_deref(), self.limit)? {
            Chosen::One(id) => queues.redrive(&self.queue, id).map(|()| 1.into()),
            Chosen::UpTo(limit) => queues.redrive_all(&self.queue, limit).map(Value::from),
        }
    }
}

/// Removes dead letters for good; how many.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = QueueDeleteDeadLetters)]
pub(super) struct DeleteDeadLetters {
    queue: String,
    /// Which one; this or `limit`.
    id: Option<String>,
    /// How many at most, the oldest first; this or `id`.
    limit: Option<usize>,
}

impl Write for DeleteDeadLetters {
    fn write(&self, transaction: &Transaction) -> Result<Value> {
        let queues = transaction.queues();
        match chosen(self.id.as_deref(), self.limit)? {
            Chosen::One(id) => queues.delete_dead_letter(&self.queue, id).map(|()| 1.into()),
            Chosen::UpTo(limit) => queues.delete_dead_letters(&self.queue, limit).map(Value::from),
        }
    }
}

enum Chosen {
    One(MessageId),
    UpTo(usize),
}

fn chosen(id: Option<&str>, limit: Option<usize>) -> Result<Chosen> {
    match (id, limit) {
        (Some(id), None) => Ok(Chosen::One(id.parse()?)),
        (None, Some(limit)) => Ok(Chosen::UpTo(limit)),
        _ => Err(Error::invalid("say which dead letters: either `id` or `limit`")),
    }
}

/// Which messages to look at.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct PeekQuery {
    /// Messages at most; 100 when left out.
    limit: Option<usize>,
}

/// Which dead letters to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct DeadQuery {
    /// Only those with larger ids.
    after: Option<String>,
    /// Dead letters at most; 100 when left out.
    limit: Option<usize>,
}

/// Which dead letters to act on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DeadLetterChoice)]
struct DeadBody {
    /// Which one; this or `limit`.
    id: Option<String>,
    /// How many at most, the oldest first; this or `id`.
    limit: Option<usize>,
}

async fn list(session: Session) -> Outcome<Seen<Value>> {
    session.read(ListQueues {}).await
}

async fn create(
    session: Session,
    Segments([queue]): Segments<1>,
    Json(settings): Json<QueueSettings>,
) -> Outcome<Response> {
    Ok(session.write(CreateQueue { queue, settings }).await?.created())
}

async fn describe(session: Session, Segments([queue]): Segments<1>) -> Outcome<Seen<Value>> {
    session.read(Describe { queue }).await
}

async fn drop_queue(session: Session, Segments([queue]): Segments<1>) -> Outcome<Seen<Value>> {
    session.write(DropQueue { queue }).await
}

async fn peek(
    session: Session,
    Segments([queue]): Segments<1>,
    Query(query): Query<PeekQuery>,
) -> Outcome<Seen<Value>> {
    session.read(Peek { queue, limit: query.limit }).await
}

async fn purge(session: Session, Segments([queue]): Segments<1>, Json(_): Json<Nothing>) -> Outcome<Seen<Value>> {
    session.write(Purge { queue }).await
}

async fn dead_letters(
    session: Session,
    Segments([queue]): Segments<1>,
    Query(query): Query<DeadQuery>,
) -> Outcome<Seen<Value>> {
    session.read(DeadLetters { queue, after: query.after, limit: query.limit }).await
}

async fn redrive(session: Session, Segments([queue]): Segments<1>, Json(body): Json<DeadBody>) -> Outcome<Seen<Value>> {
    session.write(Redrive { queue, id: body.id, limit: body.limit }).await
}

async fn delete_dead(
    session: Session,
    Segments([queue]): Segments<1>,
    Json(body): Json<DeadBody>,
) -> Outcome<Seen<Value>> {
    session.write(DeleteDeadLetters { queue, id: body.id, limit: body.limit }).await
}
