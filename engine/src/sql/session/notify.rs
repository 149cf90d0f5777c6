//! LISTEN and NOTIFY: messages between the sessions of one database, told when their transaction has committed.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Weak};

use marquetry_functions::{Condition, SqlError};
use parking_lot::Mutex;

use super::Session;
use super::rows::Outcome;
use super::transaction::command;
use crate::error::Result;

/// Most messages that wait for a session that does not take them.
const WAITING_MAX: usize = 10_000;
/// Longest message, as PostgreSQL has it, in bytes.
const PAYLOAD_SIZE_BYTES_MAX: usize = 7_999;

/// A message of NOTIFY.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// The session that sent it.
    pub process: i32,
    /// The channel that it was sent to.
    pub channel: String,
    /// What it says.
    pub payload: String,
}

/// The inboxes of all sessions of one database.
#[derive(Debug, Default)]
pub(crate) struct Notifications {
    inboxes: Mutex<Vec<Weak<Shared>>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("inbox")
    }
}

#[derive(Default)]
struct State {
    channels: BTreeSet<String>,
    waiting: VecDeque<Notification>,
    wake: Option<Arc<dyn Fn() + Send + Sync>>,
}

/// What arrives for one session.
pub(super) struct Inbox {
    id: i32,
    all: Arc<Notifications>,
    shared: Arc<Shared>,
}

impl Inbox {
    pub(super) fn new(id: i32, all: Arc<Notifications>) -> Self {
        let shared = Arc::new(Shared::default());
        let mut inboxes = all.inboxes.lock();
        inboxes.retain(|known| known.strong_count() > 0);
        inboxes.push(Arc::downgrade(&shared));
        drop(inboxes);
        Inbox { id, all, shared }
    }

    pub(super) fn listen(&mut self, channel: String) {
        self.shared.state.lock().channels.insert(channel);
    }

    /// Stops listening to `channel`, or to all with `*`.
    pub(super) fn unlisten(&mut self, channel: &str) {
        let mut state = self.shared.state.lock();
        match channel {
            "*" => state.channels.clear(),
            channel => drop(state.channels.remove(channel)),
        }
    }

    pub(super) fn take(&mut self) -> Vec<Notification> {
        self.shared.state.lock().waiting.drain(..).collect()
    }

    pub(super) fn on_arrival(&mut self, wake: Box<dyn Fn() + Send + Sync>) {
        self.shared.state.lock().wake = Some(wake.into());
    }

    fn send(&self, channel: &str, payload: &str) {
        let inboxes: Vec<Arc<Shared>> = self.all.inboxes.lock().iter().filter_map(Weak::upgrade).collect();
        for inbox in inboxes {
            let mut state = inbox.state.lock();
            if !state.channels.contains(channel) || state.waiting.len() >= WAITING_MAX {
                continue;
            }
            let (channel, payload) = (channel.to_owned(), payload.to_owned());
            state.waiting.push_back(Notification { process: self.id, channel, payload });
            let wake = state.wake.clone();
            drop(state);
            if let Some(wake) = wake {
                wake();
            }
        }
    }
}

impl Session {
    /// `NOTIFY channel, payload`: told at once outside a transaction, else with its commit.
    pub(super) fn notify(&mut self, channel: String, payload: String) -> Result<Outcome> {
        if payload.len() > PAYLOAD_SIZE_BYTES_MAX {
            return Err(SqlError::new(Condition::InvalidParameterValue, "payload string too long").into());
        }
        match &mut self.open {
            // The same message twice in one transaction is told once.
            Some(open) => {
                if !open.notifications.contains(&(channel.clone(), payload.clone())) {
                    open.notifications.push((channel, payload));
                }
            }
            None => self.inbox.send(&channel, &payload),
        }
        Ok(command("NOTIFY"))
    }

    pub(super) fn tell(&self, notifications: &[(String, String)]) {
        for (channel, payload) in notifications {
            self.inbox.send(channel, payload);
        }
    }
}
