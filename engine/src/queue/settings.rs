//! What a queue is told when it is created, and how that is stored.
//!
//! ```text
//!   QueueSettings --create--> definition { settings, storage, created at } in the catalogue
//! ```

use serde::{Deserialize, Serialize};

use super::keys::Storage;
use crate::encoding::record;
use crate::env::Timestamp;
use crate::error::{Error, Result};
use crate::limits::{QUEUE_MESSAGE_SIZE_BYTES_MAX, QUEUE_TIME_MS_MAX};

/// Format of the definitions of queues.
const QUEUE_FORMAT: u8 = 1;

/// How a queue treats its messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct QueueSettings {
    /// How long a received message is the receiver's, unless the receive says otherwise. Default 30 s, at most 30 days.
    pub lease_ms: u64,
    /// How often a message is received before it is a dead letter; without end when `None`. Default 10.
    pub receives_max: Option<u32>,
    /// The queue that dead letters are sent to; when `None`, or when that queue is gone, they stay with this one.
    pub dead_letter_queue: Option<String>,
    /// How long a message rests after a lease that ran out or was released without a delay.
    pub retry: RetryPause,
    /// How long a message is kept that nobody acknowledges; for ever when `None`. Dead letters do not age.
    pub retention_ms: Option<u64>,
    /// Largest message, body and headers together. Default 1 MiB, at most 16 MiB.
    pub message_size_bytes_max: usize,
    /// How long a deduplication id is remembered. Default 5 minutes, at most 30 days.
    pub deduplication_window_ms: u64,
}

impl Default for QueueSettings {
    fn default() -> Self {
        QueueSettings {
            lease_ms: 30_000,
            receives_max: Some(10),
            dead_letter_queue: None,
            retry: RetryPause::default(),
            retention_ms: None,
            message_size_bytes_max: 1024 * 1024,
            deduplication_window_ms: 5 * 60 * 1000,
        }
    }
}

/// A pause that grows with every failed attempt. The default is no pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetryPause {
    /// The pause after the first attempt.
    pub initial_ms: u64,
    /// How many times longer each further pause is than the one before.
    pub factor: u32,
    /// The longest pause. At most 30 days.
    pub longest_ms: u64,
}

impl Default for RetryPause {
    fn default() -> Self {
        RetryPause { initial_ms: 0, factor: 2, longest_ms: 15 * 60 * 1000 }
    }
}

impl RetryPause {
    /// The pause after attempt number `attempt`, which begins with 1.
    pub(super) fn after(&self, attempt: u32) -> u64 {
        let growth = u64::from(self.factor).saturating_pow(attempt.saturating_sub(1));
        self.initial_ms.saturating_mul(growth).min(self.longest_ms)
    }
}

/// A queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueInfo {
    /// Its name.
    pub name: String,
    /// What it was created with.
    pub settings: QueueSettings,
    /// When it was created.
    pub created_at: Timestamp,
}

/// A queue as it stands in the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Definition {
    pub(super) settings: QueueSettings,
    pub(super) storage: Storage,
    pub(super) created_at: Timestamp,
}

impl Definition {
    pub(super) fn encode(&self) -> Result<Vec<u8>> {
        record::encode(QUEUE_FORMAT, self)
    }

    pub(super) fn decode(stored: &[u8]) -> Result<Self> {
        record::decode(QUEUE_FORMAT, stored, "the definition of a queue")
    }
}

impl QueueSettings {
    /// Refuses what makes no sense or is over a limit.
    pub(super) fn verify(&self) -> Result<()> {
        verify_lease(self.lease_ms)?;
        let times = [
            ("retry.initial_ms", self.retry.initial_ms),
            ("retry.longest_ms", self.retry.longest_ms),
            ("deduplication_window_ms", self.deduplication_window_ms),
        ];
        if let Some((name, time_ms)) = times.into_iter().find(|(_, time_ms)| *time_ms > QUEUE_TIME_MS_MAX) {
            return Err(too_long(name, time_ms));
        }
        if self.message_size_bytes_max > QUEUE_MESSAGE_SIZE_BYTES_MAX {
            return Err(Error::limit_exceeded(format!(
                "message_size_bytes_max is {} and the limit is {QUEUE_MESSAGE_SIZE_BYTES_MAX}; put larger bytes into a \
                 bucket and send their name",
                self.message_size_bytes_max
            )));
        }
        let zero = [
            ("receives_max", self.receives_max == Some(0)),
            ("retry.factor", self.retry.factor == 0),
            ("retention_ms", self.retention_ms == Some(0)),
            ("message_size_bytes_max", self.message_size_bytes_max == 0),
        ];
        match zero.into_iter().find(|(_, is_zero)| *is_zero) {
            Some((name, _)) => Err(Error::invalid(format!("{name} is 0; set it to at least 1, or leave it out"))),
            None => Ok(()),
        }
    }
}

/// Refuses leases of no time and of too much.
pub(super) fn verify_lease(lease_ms: u64) -> Result<()> {
    match lease_ms {
        0 => Err(Error::invalid("a lease of 0 ms would be over at once; lease for at least 1 ms")),
        1..=QUEUE_TIME_MS_MAX => Ok(()),
        _ => Err(too_long("the lease", lease_ms)),
    }
}

fn too_long(name: &str, time_ms: u64) -> Error {
    Error::limit_exceeded(format!("{name} is {time_ms} ms and the limit is {QUEUE_TIME_MS_MAX} ms; choose less"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_the_longest() {
        let pause = RetryPause { initial_ms: 100, factor: 3, longest_ms: 2_000 };
        let pauses: Vec<u64> = (1..=5).map(|attempt| pause.after(attempt)).collect();
        assert_eq!(pauses, [100, 300, 900, 2_000, 2_000]);
        assert_eq!(pause.after(u32::MAX), 2_000);
        assert_eq!(RetryPause::default().after(7), 0);
    }

    #[test]
    fn settings_that_make_no_sense_are_refused() {
        let usual = QueueSettings::default();
        usual.verify().unwrap();
        let bad = [
            QueueSettings { lease_ms: 0, ..usual.clone() },
            QueueSettings { lease_ms: u64::MAX, ..usual.clone() },
            QueueSettings { receives_max: Some(0), ..usual.clone() },
            QueueSettings { retention_ms: Some(0), ..usual.clone() },
            QueueSettings { message_size_bytes_max: usize::MAX, ..usual.clone() },
            QueueSettings { deduplication_window_ms: u64::MAX, ..usual.clone() },
            QueueSettings { retry: RetryPause { factor: 0, ..RetryPause::default() }, ..usual },
        ];
        assert!(bad.iter().all(|settings| settings.verify().is_err()));
    }
}
