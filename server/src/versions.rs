//! Lets async code wait for a version to be visible without a thread.
//!
//! ```text
//!   commit --> observer (quick, no engine calls) --> watch channel --> every waiter
//! ```
//!
//! The engine tells of a commit just before it becomes visible, so a waiter looks again a moment later until it is.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use marquetry::kv::CommitObserver;
use marquetry::{Database, Version};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};

/// The pause before looking again for a version that was told and is about to be visible.
const VISIBLE_SOON: Duration = Duration::from_millis(1);

/// Tells waiters of the commits of one database; clones listen to the same one.
#[derive(Clone)]
pub(crate) struct Versions {
    database: Database,
    told: watch::Receiver<u64>,
}

struct Teller(watch::Sender<u64>);

impl CommitObserver for Teller {
    fn committed(&self, version: Version, _: &[(Bytes, Option<Bytes>)]) {
        self.0.send_replace(version.number());
    }
}

impl Versions {
    pub(crate) fn of(database: &Database) -> Self {
        let (tell, told) = watch::channel(database.version().number());
        database.observe(Arc::new(Teller(tell)));
        Versions { database: database.clone(), told }
    }

    /// The newest version that a reader sees.
    pub(crate) fn visible(&self) -> u64 {
        self.database.version().number()
    }

    /// Whether `version` is visible, after waiting for it up to `longest`.
    pub(crate) async fn reached(&self, version: u64, longest: Duration) -> bool {
        let deadline = Instant::now() + longest;
        let mut told = self.told.clone();
        while self.visible() < version {
            let waited = timeout_at(deadline, told.wait_for(|told| *told >= version)).await;
            if !matches!(waited, Ok(Ok(_))) {
                return self.visible() >= version;
            }
            drop(waited);
            sleep(VISIBLE_SOON).await;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_version_that_never_comes_is_given_up() {
        let database = Database::in_memory().unwrap();
        let versions = Versions::of(&database);
        assert!(versions.reached(versions.visible(), Duration::ZERO).await);
        assert!(!versions.reached(versions.visible() + 1, Duration::from_millis(30)).await);
    }
}
