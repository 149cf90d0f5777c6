//! What functions see of the session that calls them.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use super::Notice;
use super::settings::Settings;
use crate::catalog::ObjectId;
use crate::database::Shared;
use crate::sql::execute::Source;

/// A session as its functions see it.
pub(crate) struct SessionContext {
    pub(crate) id: i32,
    pub(crate) shared: Arc<Shared>,
    pub(crate) settings: RwLock<Settings>,
    /// What the running statement reads.
    source: RwLock<Option<Arc<Source>>>,
    pub(crate) sequences: Mutex<SequenceValues>,
    pub(crate) notices: Mutex<Vec<Notice>>,
}

/// The numbers that the session has drawn.
#[derive(Debug, Default)]
pub(crate) struct SequenceValues {
    pub(crate) current: HashMap<ObjectId, i64>,
    pub(crate) last: Option<ObjectId>,
}

impl SessionContext {
    pub(super) fn new(id: i32, shared: &Arc<Shared>) -> Self {
        SessionContext {
            id,
            shared: shared.clone(),
            settings: RwLock::new(Settings::default()),
            source: RwLock::new(None),
            sequences: Mutex::default(),
            notices: Mutex::default(),
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

    /// The user's name.
    pub(crate) fn user(&self) -> String {
        self.setting("session_authorization").unwrap_or_else(|| "marquetry".to_owned())
    }
}
