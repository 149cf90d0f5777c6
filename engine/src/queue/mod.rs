//! Queues: messages that are sent, leased, acknowledged, or come back, in the same transaction as everything else.
//!
//! ```text
//!                 delay over            receive               acknowledge
//!   send --> delayed ------> ready ----------------> leased -------------> gone
//!                              ^   lease runs out,     |   received too often, or rejected
//!                              '---- or released ------'------------------------------> dead --redrive--> ready
//!
//!   order of a queue:  (ready at, number) ... the entry of a leased message stands where it comes back
//! ```
//!
//! - A message is there when the commit that sent it is, and gone when the commit that acknowledged it is. Receive, effects
//!   and acknowledgement in one transaction happen exactly once, or not at all.
//! - A receive is a move of the order entry to the place where the message comes back if nobody settles it. By itself it is
//!   one small buffered commit: what a crash takes back is a lease, and a message whose lease is lost is received again, as
//!   if its lease had run out. An acknowledgement is as durable as the commit that it is part of, and stands behind its lease
//!   in the log.
//! - Sending reads nothing but the queue's definition (and a deduplication id), so senders conflict with nobody.
//! - Receivers do not conflict with each other: claims in memory keep them apart (see `live`), reads in the transaction
//!   make it safe.
//! - A receive does not step over what was acknowledged: `gaps` knows where nothing is.
//! - Within a group one message at a time is received. The one that was received holds the group until it is
//!   acknowledged or dead, so that a retry cannot be overtaken; others wait outside the order (see `group`).
//! - All times come from the wall clock of the environment. A clock that jumps makes messages late or early by as much, and
//!   never loses one.
//!
//! Left out: topics and fan-out (send to several queues in one transaction), priorities (use several queues), retained
//! streams (a change feed serves those).

mod body;
mod check;
#[cfg(test)]
mod concurrency_tests;
mod count;
#[cfg(test)]
mod crash_tests;
mod cursor;
mod dead;
mod deduplication;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzz;
mod gaps;
mod group;
mod keys;
mod live;
mod maintain;
mod message;
#[cfg(test)]
mod model_tests;
mod open;
mod poll;
#[allow(clippy::module_inception, reason = "the noun that this file is about")]
mod queue;
mod receive;
mod send;
mod settings;
mod settle;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use body::MessageBody;
pub use check::QueueCheck;
pub use count::{MessageStatus, PeekedMessage, QueueCounts};
pub use dead::DeadLetter;
pub use message::{Message, MessageId, NewMessage, Origin, Receipt};
pub use poll::{Listener, Nothing, ReceiveAttempt};
pub use receive::ReceiveOptions;
pub use settings::{QueueInfo, QueueSettings, RetryPause};

use crate::catalog::Definitions;
use crate::error::Result;
use crate::kv::{Keyspace, Reader, Sequences};

use live::LiveQueues;
use maintain::Upkeep;
use settings::Definition;

/// The sequence that the numbers of messages and storages come from.
const QUEUE_SEQUENCE: &[u8] = b"queue";

/// What the queue model shares between transactions.
#[derive(Debug)]
pub(crate) struct QueueModel {
    keyspace: Arc<Keyspace>,
    sequences: Arc<Sequences>,
    definitions: Definitions<Definition>,
    live: Arc<LiveQueues>,
    upkeep: Upkeep,
}

impl QueueModel {
    /// The queues of `keyspace`.
    pub(crate) fn open(keyspace: Arc<Keyspace>, sequences: Arc<Sequences>) -> Result<Self> {
        let live = Arc::new(LiveQueues::default());
        keyspace.observe(live.clone());
        Ok(QueueModel { keyspace, sequences, definitions: Definitions::default(), live, upkeep: Upkeep::default() })
    }

    /// Receivers that wait for a message at this moment.
    pub(crate) fn count_waiting(&self) -> usize {
        self.live.count_waiting()
    }
}

/// The queue model, read through a snapshot or used in a transaction.
///
/// ```
/// # fn main() -> marquetry::Result<()> {
/// use marquetry::queue::{QueueSettings, ReceiveOptions};
/// use serde_json::json;
///
/// let database = marquetry::Database::in_memory()?;
/// database.transact(|tx| tx.queues().create("orders", &QueueSettings::default()))?;
/// database.transact(|tx| tx.queues().send("orders", json!({ "order": 7 })))?;
/// database.transact(|tx| {
///     for message in tx.queues().receive("orders", &ReceiveOptions::default())? {
///         // Whatever else is written here is committed together with the acknowledgement.
///         tx.queues().acknowledge("orders", &message.receipt)?;
///     }
///     Ok(())
/// })?;
/// assert_eq!(database.read(|snapshot| snapshot.queues().counts("orders"))?.ready, 0);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Queues<'a, R: Reader + ?Sized> {
    model: &'a QueueModel,
    reader: &'a R,
}

impl<'a, R: Reader + ?Sized> Queues<'a, R> {
    pub(crate) fn new(model: &'a QueueModel, reader: &'a R) -> Self {
        Queues { model, reader }
    }
}
