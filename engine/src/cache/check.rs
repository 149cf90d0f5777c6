//! Verifying that entries and the order of expiry agree.
//!
//! ```text
//!   entry with a time --> its place in the order is there        place --> its entry is there, with that time
//! ```

use serde::{Deserialize, Serialize};

use super::stored_entry::StoredEntry;
use super::{CacheModel, keys};
use crate::catalog::{self, ObjectId, ObjectKind};
use crate::error::{Error, Result};
use crate::kv::{Direction, KeyRange, Reader, Snapshot};

/// What a check of the caches went through without finding damage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheCheck {
    /// Namespaces of any class.
    pub namespaces: u64,
    /// Entries that live in the keyspace.
    pub entries: u64,
    /// Those that expire.
    pub expiring: u64,
}

impl CacheModel {
    /// Verifies every entry that lives in the keyspace.
    ///
    /// # Errors
    /// `Corrupt` naming what does not fit first.
    pub(crate) fn check(&self) -> Result<CacheCheck> {
        let snapshot = self.keyspace.snapshot()?;
        let mut report = CacheCheck::default();
        for (name, entry) in catalog::list(&snapshot, Some(ObjectKind::Cache))? {
            self.memory.namespace(&name, &entry)?;
            report.namespaces += 1;
            check_namespace(&snapshot, &name, entry.id, &mut report)?;
        }
        Ok(report)
    }
}

fn check_namespace(snapshot: &Snapshot, name: &str, id: ObjectId, report: &mut CacheCheck) -> Result<()> {
    let disagree = |what: &str| Error::corrupt(format!("in the cache {name:?} {what}; restore from a backup"));
    let mut expiring = 0;
    for stored in snapshot.scan(KeyRange::prefix(keys::entries(id)), Direction::Forward)? {
        let (stored_key, value) = stored?;
        report.entries += 1;
        let (_, key) = keys::entry_of(&stored_key)?;
        if let Some(end) = StoredEntry::decode(&value)?.expires_at {
            expiring += 1;
            if snapshot.get(&keys::expiry(id, end, key))?.is_none() {
                return Err(disagree("an entry is missing from the order of expiry"));
            }
        }
    }
    let places = snapshot.scan(KeyRange::prefix(keys::expiries(id)), Direction::Forward)?;
    let counted = places.map(|place| place.and_then(|(key, _)| keys::expiry_of(&key).map(|_| ())));
    let places = counted.collect::<Result<Vec<()>>>()?.len() as u64;
    report.expiring += expiring;
    // Every expiring entry has its own place, so as many places as entries means that none is left over.
    match places == expiring {
        true => Ok(()),
        false => Err(disagree(&format!("{places} entries stand in the order of expiry and {expiring} expire"))),
    }
}
