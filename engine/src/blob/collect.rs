//! The collector: removes what no commit names, in bounded steps.
//!
//! ```text
//!   dropped buckets   256 objects per step: rows gone, bodies released
//!   changed files     uses counted in a snapshot --> nothing live: dead as of its version
//!                                                '-> mostly dead, or small among many: copied away (see `compact`)
//!   dead files        nobody reads a version before the death, the death is durable --> file removed
//! ```
//!
//! - A file is judged dead only when it was sealed and unpinned before the snapshot was taken: then no upload, undecided
//!   commit or copy can add to it, and what the snapshot does not show never comes.
//! - A file is removed only after the deletions that emptied it are synced in the log; else a crash could bring the
//!   objects back without their bytes.

use super::keys::{self, SegmentNumber};
use super::object::ObjectRow;
use super::segments::Stage;
use super::{BlobModel, compact, objects};
use crate::error::{ErrorKind, Result};
use crate::kv::{Direction, Durability, Isolation, KeyRange, Reader, Version};
use crate::limits::{BLOB_COLLECT_STEP_FILES, BLOB_COLLECT_STEP_OBJECTS};

impl BlobModel {
    /// One bounded step of collection; true when it did something and there may be more.
    ///
    /// # Errors
    /// Those of reading and committing; what was left undone is tried again.
    pub(crate) fn maintain(&self) -> Result<bool> {
        let mut progress = self.remove_dropped_objects()?;
        for _ in 0..BLOB_COLLECT_STEP_FILES {
            let Some((number, stage)) = self.segments.next_changed() else { break };
            let outcome = self.judge(number, stage);
            if outcome.as_ref().is_err_and(|error| error.kind() != ErrorKind::Corrupt) {
                self.segments.mark_changed([number]);
            }
            progress |= outcome?;
        }
        Ok(self.remove_dead_files()? || progress)
    }

    fn remove_dropped_objects(&self) -> Result<bool> {
        let transaction = self.keyspace.begin(Isolation::Serializable)?;
        let dropped = KeyRange::prefix(keys::dropped_buckets());
        let Some((mark, _)) = transaction.scan(dropped, Direction::Forward)?.next().transpose()? else {
            return Ok(false);
        };
        let bucket = keys::dropped_bucket_of(&mark)?;
        let mut removed = 0;
        let rows = transaction.scan(KeyRange::prefix(keys::objects(bucket)), Direction::Forward)?;
        for entry in rows.take(BLOB_COLLECT_STEP_OBJECTS) {
            let (key, value) = entry?;
            objects::remove(self, &transaction, key.to_vec(), &ObjectRow::decode(&value)?)?;
            removed += 1;
        }
        if removed < BLOB_COLLECT_STEP_OBJECTS {
            transaction.delete(mark)?;
        }
        match transaction.commit(Durability::Buffered) {
            Ok(_) => Ok(true),
            // Somebody copies or compacts these bodies; the next round finds them settled.
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Looks at what is live in an unpinned file; true when something was done about it.
    fn judge(&self, number: SegmentNumber, stage: Stage) -> Result<bool> {
        let (live_size_bytes, version) = self.live_size_bytes(number)?;
        let size_bytes = self.segments.file_size_bytes(number)?;
        let is_one_too_many = stage == Stage::Sealed && self.segments.is_one_too_many(number, size_bytes);
        if live_size_bytes.saturating_mul(2) >= size_bytes && !is_one_too_many {
            return Ok(false);
        }
        match stage {
            Stage::Idle => self.segments.seal(number),
            _ if live_size_bytes == 0 => self.segments.mark_dead(number, version),
            _ => return compact::step(self, number),
        }
        Ok(true)
    }

    fn live_size_bytes(&self, number: SegmentNumber) -> Result<(u64, Version)> {
        let snapshot = self.keyspace.snapshot()?;
        let mut live_size_bytes = 0u64;
        for entry in snapshot.scan(KeyRange::prefix(keys::segment_uses(number)), Direction::Forward)? {
            live_size_bytes = live_size_bytes.saturating_add(keys::use_of(&entry?)?.1);
        }
        Ok((live_size_bytes, snapshot.version()))
    }

    fn remove_dead_files(&self) -> Result<bool> {
        let removable = self.segments.removable(|| self.keyspace.oldest_readable_version());
        if removable.is_empty() {
            return Ok(false);
        }
        self.keyspace.sync()?;
        self.segments.remove(&removable)?;
        Ok(true)
    }
}
