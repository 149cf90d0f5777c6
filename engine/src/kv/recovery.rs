//! From files to the last durable commit: the checkpoint, then the log after it.
//!
//! ```text
//!   checkpoint holds .. v100 (log position 40)
//!   log      ... 39 40 | 41 42 43 ~torn~
//!                        `-- applied: v101 ...      the log cuts its torn tail itself (K5)
//! ```
//!
//! - Versions must go on without a gap; anything else is reported, never skipped.
//! - What was written and not synced when a process died is synced before anybody reads it (K2).

use std::path::Path;
use std::sync::Arc;

use super::KeyspaceSettings;
use super::checkpoint::{Checkpoint, CheckpointMark};
use super::memtable::Memtable;
use super::record::decode_record;
use super::version::Version;
use crate::env::Env;
use crate::error::{Error, Result};
use crate::log::{LocalLog, Log, LogError, LogSettings, Position};

pub(crate) struct Recovered {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) memtable: Memtable,
    pub(crate) newest: Version,
    /// Bytes of the records in the memtable.
    pub(crate) unfolded_size_bytes: u64,
}

pub(crate) fn recover(
    env: &Arc<dyn Env>,
    directory: &Path,
    checkpoint: &Checkpoint,
    settings: &KeyspaceSettings,
) -> Result<Recovered> {
    let mark = checkpoint.mark();
    let log_settings = LogSettings { segment_size_bytes: settings.log_segment_size_bytes };
    let log: Arc<dyn Log> = Arc::new(LocalLog::open(env.clone(), &directory.join("log"), log_settings, mark.position)?);
    if log.tail() < mark.position {
        return Err(Error::corrupt(format!(
            "the log in {} ends at record {} although the checkpoint holds record {}; restore from a backup",
            directory.display(),
            log.tail(),
            mark.position
        )));
    }
    log.sync().map_err(|error| match error {
        LogError::Taken { tail } => Error::unavailable(format!("another writer owns the log, which ends at {tail}")),
        LogError::Indeterminate(error) | LogError::Unavailable(error) => error,
    })?;
    let mut replay =
        Replay { checkpoint, settings, memtable: Memtable::default(), newest: mark.version, records_size_bytes: 0 };
    for record in log.read(mark.position.next())? {
        let (position, record) = record?;
        replay.apply(position, &record).map_err(|error| error.context(format_args!("log record {position}")))?;
    }
    let Replay { memtable, newest, records_size_bytes, .. } = replay;
    Ok(Recovered { log, memtable, newest, unfolded_size_bytes: records_size_bytes as u64 })
}

struct Replay<'a> {
    checkpoint: &'a Checkpoint,
    settings: &'a KeyspaceSettings,
    memtable: Memtable,
    newest: Version,
    /// Bytes of the records since the last fold: one value that still counts keeps all of its record in memory.
    records_size_bytes: usize,
}

impl Replay<'_> {
    fn apply(&mut self, position: Position, record: &bytes::Bytes) -> Result<()> {
        for (version, changes) in decode_record(record)? {
            if version <= self.newest && position <= self.checkpoint.mark().position {
                continue;
            }
            if version != self.newest.next() {
                return Err(Error::corrupt(format!(
                    "commit {version} follows commit {}; restore from a backup",
                    self.newest
                )));
            }
            self.memtable.insert(version, &changes, &version);
            self.newest = version;
        }
        // A long log is folded on the way, so that recovery needs no more memory than running does.
        self.records_size_bytes += record.len();
        let size_bytes = self.memtable.size_bytes().max(self.records_size_bytes);
        if size_bytes >= self.settings.recovered_size_bytes() {
            let mark = CheckpointMark { version: self.newest, position };
            self.checkpoint.fold(&mut self.memtable.newest(), mark)?;
            self.memtable = Memtable::default();
            self.records_size_bytes = 0;
        }
        Ok(())
    }
}
