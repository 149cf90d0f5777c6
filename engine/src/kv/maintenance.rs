//! The two background threads of a keyspace.
//!
//! ```text
//!   sync thread    asked by buffered commits: syncs them within `sync_interval`
//!                  when idle: moves the log's durable mark past its last record
//!   fold thread    asked when the memtable is full: folds it; asked after drops: reclaims
//! ```
//!
//! A simulation switches them off (`background: false`) and calls `sync`, `fold` and `reclaim` itself, so that
//! one seed gives one history.

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::reclaim;
use super::store::Keyspace;
use crate::error::{Error, Result};
use crate::sync::thread::{Builder, JoinHandle};

/// Stops and joins the background threads when dropped.
#[derive(Debug)]
pub struct Maintenance {
    keyspace: Weak<Keyspace>,
    threads: Vec<JoinHandle<()>>,
}

impl Maintenance {
    /// Starts the background work of `keyspace`; nothing when its settings say so.
    ///
    /// # Errors
    /// `Unavailable` when the system gives no thread.
    pub fn start(keyspace: &Arc<Keyspace>) -> Result<Self> {
        let mut threads = Vec::new();
        if keyspace.settings.background {
            threads.push(spawn("marquetry-sync", keyspace, sync_loop)?);
            threads.push(spawn("marquetry-fold", keyspace, fold_loop)?);
            keyspace.ask(|wanted| {
                wanted.reclaim = true;
                // What an open found in the log may fill the memtable.
                wanted.fold = keyspace.is_fold_due();
            });
        }
        Ok(Maintenance { keyspace: Arc::downgrade(keyspace), threads })
    }
}

impl Drop for Maintenance {
    fn drop(&mut self) {
        if let Some(keyspace) = self.keyspace.upgrade() {
            keyspace.ask(|wanted| wanted.stop = true);
        }
        for thread in self.threads.drain(..) {
            // A background thread that panicked has already reported itself; there is nothing left to save here.
            let _ = thread.join();
        }
    }
}

fn spawn(name: &str, keyspace: &Arc<Keyspace>, body: fn(&Arc<Keyspace>)) -> Result<JoinHandle<()>> {
    let keyspace = keyspace.clone();
    Builder::new()
        .name(name.to_owned())
        .spawn(move || body(&keyspace))
        .map_err(|error| Error::io(format_args!("starting the thread {name}"), error))
}

fn sync_loop(keyspace: &Arc<Keyspace>) {
    let mut marked = keyspace.log.tail();
    loop {
        {
            let mut wanted = keyspace.work.wanted.lock();
            while !wanted.sync && !wanted.stop {
                let idle = keyspace.work.asked.wait_for(&mut wanted, Duration::from_secs(1)).timed_out();
                if idle && keyspace.log.tail() != marked {
                    break;
                }
            }
            if wanted.stop {
                return;
            }
            if wanted.sync {
                // Later buffered commits ask again: the flag is taken before the sync, never after.
                keyspace.work.asked.wait_for(&mut wanted, keyspace.settings.sync_interval);
                wanted.sync = false;
            }
        }
        if keyspace.committer.poisoned().is_some() {
            return;
        }
        if let Err(error) = keyspace.committer.sync_out() {
            tracing::error!(%error, "the background sync failed");
            return;
        }
        if keyspace.committer.unwritten_size_bytes() == 0 && keyspace.log.tail() != marked {
            marked = keyspace.log.tail();
            // A mark that fails poisons the log, which the next commit reports.
            let _ = keyspace.log.note_durable();
        }
    }
}

fn fold_loop(keyspace: &Arc<Keyspace>) {
    loop {
        let wanted = {
            let mut wanted = keyspace.work.wanted.lock();
            while !wanted.fold && !wanted.reclaim && !wanted.stop {
                keyspace.work.asked.wait(&mut wanted);
            }
            let taken = *wanted;
            wanted.fold = false;
            wanted.reclaim = false;
            taken
        };
        if wanted.stop {
            return;
        }
        if wanted.fold
            && keyspace.is_fold_due()
            && let Err(error) = keyspace.fold()
        {
            tracing::error!(%error, "the checkpoint failed; the log keeps everything until the database is reopened");
            if keyspace.committer.poisoned().is_some() {
                return;
            }
        }
        if wanted.reclaim {
            match reclaim::step(keyspace) {
                Ok(true) => keyspace.ask(|wanted| wanted.reclaim = true),
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(%error, "removing dropped data failed; it is tried again on the next open")
                }
            }
        }
    }
}
