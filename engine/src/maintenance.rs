//! The thread that does the models' background work: expiry, collection, indexing.
//!
//! ```text
//!   every 200 ms:  Shared::maintain() until it says that nothing is left, or an error (then later again)
//! ```

use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};

use crate::database::Shared;
use crate::error::{Error, Result};

const INTERVAL: Duration = Duration::from_millis(200);

/// Stops and joins the models' thread when dropped.
pub(crate) struct ModelMaintenance {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ModelMaintenance {
    pub(crate) fn start(shared: &Arc<Shared>, background: bool) -> Result<Self> {
        if !background {
            return Ok(ModelMaintenance { stop: None, thread: None });
        }
        let (stop, stopped) = bounded(0);
        let shared = Arc::downgrade(shared);
        let thread = std::thread::Builder::new()
            .name("marquetry-models".to_owned())
            .spawn(move || {
                while stopped.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                    if !round(&shared, || stopped.is_empty()) {
                        return;
                    }
                }
            })
            .map_err(|error| Error::io("starting the thread marquetry-models", error))?;
        Ok(ModelMaintenance { stop: Some(stop), thread: Some(thread) })
    }
}

/// One round; false when the database is gone.
fn round(shared: &Weak<Shared>, go_on: impl Fn() -> bool) -> bool {
    let Some(shared) = shared.upgrade() else { return false };
    loop {
        match shared.maintain() {
            Ok(true) if go_on() => {}
            Ok(_) => return true,
            Err(error) if error.kind() == crate::ErrorKind::Closed => return false,
            Err(error) => {
                tracing::warn!(%error, "background maintenance failed and is tried again");
                return true;
            }
        }
    }
}

impl Drop for ModelMaintenance {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has reported itself already.
            let _ = thread.join();
        }
    }
}
