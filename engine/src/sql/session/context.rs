//! What functions see of the session that calls them.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use super::Notice;
use super::settings::Settings;
use crate::catalog::ObjectId;
use crate::database::Shared;
use crate::kv::Locker;
use crate::sql::execute::Source;

/// A session as its functions see it.
pub(crate) struct SessionContext {
    pub(crate) id: i32,
    pub(crate) settings: RwLock<Settings>,
    /// What the running statement reads.
    source: RwLock<Option<Arc<Source>>>,
    pub(crate) sequences: Mutex<SequenceValues>,
    pub(crate) notices: Mutex<Vec<Notice>>,
    /// What functions have asked the session to do.
    pub(super) asked: Mutex<Asked>,
    /// Holds the session's advisory locks.
    pub(crate) locker: Locker,
}

/// What functions have asked the session to do when their statement is over.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// Settings with their values, and whether they end with the transaction.
    pub(super) settings: Vec<(String, String, bool)>,
    /// Channels with messages.
    pub(super) notifications: Vec<(String, String)>,
}

/// The numbers that the session has drawn.
#[derive(Debug, Default)]
pub(crate) struct SequenceValues {
    pub(crate) current: HashMap<ObjectId, i64>,
    pub(crate) last: Option<ObjectId>,
}

impl SessionContext {
    pub(crate) fn new(id: i32, shared: &Arc<Shared>) -> Self {
        SessionContext {
            id,
            settings: RwLock::new(Settings::default()),
            source: RwLock::new(None),
            sequences: Mutex::default(),
            notices: Mutex::default(),
            asked: Mutex::default(),
            locker: shared.keyspace.locker(),
        }
    }

    /// What the running statement reads.
    pub(crate) fn source(&self) -> Option<Arc<Source>> {
        self.source.read().clone()
    }

    pub(super) fn set_source(&self, source: Option<Arc<Source>>) {
        *self.source.write() = source;
    }

    /// The schemas that names without one are looked for in.
    pub(crate) fn search_path(&self) -> Vec<String> {
        self.settings.read().search_path()
    }

    /// The value of the setting `name`.
    pub(crate) fn setting(&self, name: &str) -> Option<String> {
        self.settings.read().get(name)
    }

    /// How long a wait for a lock may take; `None` for ever.
    pub(crate) fn lock_timeout(&self) -> Option<std::time::Duration> {
        let ms = self.settings.read().lock_timeout_ms();
        (ms > 0).then(|| std::time::Duration::from_millis(ms))
    }

    /// The user's name.
    pub(crate) fn user(&self) -> String {
        self.setting("session_authorization").unwrap_or_else(|| "marquetry".to_owned())
    }
}
