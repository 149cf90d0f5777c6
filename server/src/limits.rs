//! Every maximum of the server in one table: sizes, counts and times that a stranger could otherwise make large.
//!
//! ```text
//!   socket -> connections_max -> header_* -> stall_timeout_ms -> *_bytes_max -> json_depth_max -> request_timeout_ms
//!                                                                                  '-> bridge: workers, waiting_max
//! ```
//!
//! Limits on what is stored (names, keys, values) belong to the engine and are not repeated here.

use std::time::Duration;

use serde::Deserialize;

/// Connections of PostgreSQL's clients that a configuration may allow.
const POSTGRES_CONNECTIONS_MAX: usize = 100_000;

/// The least that a message of a PostgreSQL client must be allowed, and the most that the protocol has room for.
const POSTGRES_MESSAGE_SIZE_MIN_BYTES: usize = 10_000;
const POSTGRES_MESSAGE_SIZE_MAX_BYTES: usize = (1 << 30) - 1;

/// The maxima of a server; every field has a default and may be set under `[limits]` of the configuration file.
#[derive(Debug, Clone, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Connections that are open at once; more of them wait in the backlog of the system.
    pub connections_max: usize,
    /// Bytes of a request line and its headers together.
    pub header_size_max_bytes: usize,
    /// Time for a connection to deliver a complete request head, or a TLS handshake.
    pub header_timeout_ms: u64,
    /// Time that a connection may stay open without a request.
    pub idle_timeout_ms: u64,
    /// Time that a body, in either direction, may stand still before its connection is given up.
    pub stall_timeout_ms: u64,
    /// Time for one request from its head to its answer, streamed objects excepted.
    pub request_timeout_ms: u64,
    /// Bytes of an ordinary JSON request.
    pub body_size_max_bytes: usize,
    /// Bytes of the JSON request of a batch.
    pub batch_size_max_bytes: usize,
    /// Operations and preconditions of one batch.
    pub batch_operations_max: usize,
    /// Bytes of one object's body.
    pub object_size_max_bytes: u64,
    /// Levels that arrays and objects of a JSON request may nest.
    pub json_depth_max: usize,
    /// Rows, documents, entries or messages in one answer.
    pub page_max: usize,
    /// Time that a request may ask to wait, for a message or for a version.
    pub wait_max_ms: u64,
    /// Transactions that are open over HTTP at once.
    pub transactions_max: usize,
    /// Time without a request after which an open transaction is rolled back.
    pub transaction_idle_ms: u64,
    /// Time after which an open transaction is rolled back, whatever it does.
    pub transaction_age_max_ms: u64,
    /// Backups that are given at once.
    pub backups_max: usize,
    /// Threads that run blocking engine work.
    pub workers: usize,
    /// Pieces of work that may wait for a worker before the server answers 503.
    pub waiting_max: usize,
    /// Bytes of the answers to the SQL of one request over HTTP, which are held in memory.
    pub sql_answer_size_max_bytes: usize,
    /// Connections of PostgreSQL's clients that are open at once; each has a thread, and more of them are refused.
    pub postgres_connections_max: usize,
    /// Bytes of one message of a PostgreSQL client: a statement, the values for its parameters, a piece of a COPY.
    pub postgres_message_size_max_bytes: usize,
    /// Time that open requests get to finish when the server stops.
    pub drain_timeout_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections_max: 1024,
            header_size_max_bytes: 16 * 1024,
            header_timeout_ms: 10_000,
            idle_timeout_ms: 60_000,
            stall_timeout_ms: 30_000,
            request_timeout_ms: 30_000,
            body_size_max_bytes: 1024 * 1024,
            batch_size_max_bytes: 16 * 1024 * 1024,
            batch_operations_max: 10_000,
            object_size_max_bytes: 64 * 1024 * 1024 * 1024,
            json_depth_max: 64,
            page_max: 1000,
            wait_max_ms: 20_000,
            transactions_max: 128,
            transaction_idle_ms: 30_000,
            transaction_age_max_ms: 600_000,
            backups_max: 2,
            workers: default_workers(),
            waiting_max: 1024,
            sql_answer_size_max_bytes: 64 * 1024 * 1024,
            postgres_connections_max: 512,
            postgres_message_size_max_bytes: 64 * 1024 * 1024,
            drain_timeout_ms: 10_000,
        }
    }
}

/// Engine work waits for the disk, and for its turn at contended keys, far more than for the processor. A worker that waits
/// costs little memory and no time; but too few of them all wait for somebody whose next request needs one.
fn default_workers() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from).saturating_mul(4).clamp(96, 256)
}

impl Limits {
    /// The first field that makes a server useless, with what to set instead.
    pub(crate) fn fault(&self) -> Option<String> {
        let counts = [
            ("connections_max", self.connections_max),
            ("body_size_max_bytes", self.body_size_max_bytes),
            ("batch_size_max_bytes", self.batch_size_max_bytes),
            ("batch_operations_max", self.batch_operations_max),
            ("json_depth_max", self.json_depth_max),
            ("page_max", self.page_max),
            ("backups_max", self.backups_max),
            ("workers", self.workers),
            ("waiting_max", self.waiting_max),
            ("postgres_connections_max", self.postgres_connections_max),
        ];
        if let Some((name, _)) = counts.iter().find(|(_, value)| *value == 0) {
            return Some(format!("limits.{name} is 0; set it to at least 1"));
        }
        // hyper refuses a read buffer below 8 KiB, and serde_json refuses to nest deeper than 128 levels.
        if self.header_size_max_bytes < 8192 {
            return Some("limits.header_size_max_bytes is below 8192; set it to at least 8192".into());
        }
        if self.postgres_connections_max > POSTGRES_CONNECTIONS_MAX {
            return Some(format!(
                "limits.postgres_connections_max is above {POSTGRES_CONNECTIONS_MAX}; each connection has a thread"
            ));
        }
        if !(POSTGRES_MESSAGE_SIZE_MIN_BYTES..=POSTGRES_MESSAGE_SIZE_MAX_BYTES)
            .contains(&self.postgres_message_size_max_bytes)
        {
            return Some(format!(
                "limits.postgres_message_size_max_bytes is not from {POSTGRES_MESSAGE_SIZE_MIN_BYTES} to \
                 {POSTGRES_MESSAGE_SIZE_MAX_BYTES}"
            ));
        }
        (self.json_depth_max > 127).then(|| "limits.json_depth_max is above 127; set it to at most 127".into())
    }

    pub(crate) fn header_timeout(&self) -> Duration {
        Duration::from_millis(self.header_timeout_ms)
    }

    pub(crate) fn idle_timeout(&self) -> Duration {
        Duration::from_millis(self.idle_timeout_ms)
    }

    pub(crate) fn stall_timeout(&self) -> Duration {
        Duration::from_millis(self.stall_timeout_ms)
    }

    pub(crate) fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms)
    }

    pub(crate) fn wait_max(&self) -> Duration {
        Duration::from_millis(self.wait_max_ms)
    }

    pub(crate) fn drain_timeout(&self) -> Duration {
        Duration::from_millis(self.drain_timeout_ms)
    }
}
