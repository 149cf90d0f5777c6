//! Locks of rows and keys, as PostgreSQL's clients know them.
//!
//! ```text
//!   UPDATE, new unique keys   NoKeyUpdate        DELETE, keys that go   Update        what foreign keys refer to   KeyShare
//!   lock -> unchanged since the view: go on
//!        -> changed: READ COMMITTED goes on at the newest version and looks again, others fail with 40001
//! ```

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{AsArray, BooleanArray};
use arrow::record_batch::RecordBatch;
use marquetry_functions::{Condition, SqlError};

use super::WriteContext;
use crate::error::{Error, Result};
use crate::kv::{Isolation, LockFailure, LockMode, LockWait, Locked, Transaction, WaitPolicy};
use crate::sql::bind::{LockStrength, LockWait as Wait, RowLock};
use crate::sql::catalog::SqlTable;
use crate::sql::failure::from_datafusion;
use crate::table::keys;

/// From this many locks on a transaction takes no more for what it writes: its commit compares what it has written with what
/// others have, so that nothing is lost, but somebody may have to run again who would have waited.
const LOCKS_ENOUGH: usize = 200_000;

/// Another transaction has changed what this one read, and it must not read anything newer.
pub(super) fn serialization_failure() -> Error {
    let message = "could not serialize access due to concurrent update";
    SqlError::new(Condition::SerializationFailure, message).hint("The transaction might succeed if retried.").into()
}

impl WriteContext {
    /// The transaction that is written to.
    pub(super) fn transaction(&self) -> Result<&Transaction> {
        self.source.reader.as_transaction().ok_or_else(|| {
            SqlError::new(Condition::ReadOnlyTransaction, "cannot write through what can only be read").into()
        })
    }

    /// Locks `key`; waits as the session's settings say when it `waits`.
    pub(super) fn lock(&self, table: &SqlTable, key: &[u8], mode: LockMode, wait: Wait) -> Result<Locked> {
        let policy = match wait {
            Wait::Wait => WaitPolicy::Wait(self.patience()),
            Wait::Fail => WaitPolicy::NoWait,
            Wait::Skip => WaitPolicy::SkipLocked,
        };
        let interrupt = Some(self.source.interrupter.waits());
        let outcome = self.transaction()?.lock(key, mode, LockWait { policy, interrupt });
        outcome.map_err(|error| self.lock_error(table, error))
    }

    fn now_micros(&self) -> u64 {
        u64::try_from(self.source.shared.keyspace.env().now().as_micros()).unwrap_or(0)
    }

    /// How long a lock is waited for: as long as the session says, and not beyond the end of the statement's time.
    fn patience(&self) -> Option<Duration> {
        let lock = self.session.lock_timeout();
        let statement = match self.source.interrupter.deadline_micros() {
            0 => None,
            // A little later, so that it is over then.
            deadline => Some(Duration::from_micros(deadline.saturating_sub(self.now_micros()) + 1_000)),
        };
        match (lock, statement) {
            (Some(lock), Some(statement)) => Some(lock.min(statement)),
            (lock, statement) => lock.or(statement),
        }
    }

    fn lock_error(&self, table: &SqlTable, error: Error) -> Error {
        let Some(failure) = LockFailure::of(&error) else { return error };
        match failure {
            LockFailure::NotAvailable => {
                let message = format!("could not obtain lock on row in relation \"{}\"", table.name);
                SqlError::new(Condition::LockNotAvailable, message).into()
            }
            LockFailure::TimedOut | LockFailure::Interrupted => match self.source.interrupter.check() {
                Err(reason) => reason,
                Ok(()) => SqlError::new(Condition::LockNotAvailable, "canceling statement due to lock timeout").into(),
            },
            LockFailure::Deadlock(waits) => {
                let line = |wait: &crate::kv::Wait| format!("{} waits for {}.", wait.waiter, wait.holder);
                let detail = waits.iter().map(line).collect::<Vec<_>>().join("\n");
                SqlError::new(Condition::DeadlockDetected, "deadlock detected").detail(detail).into()
            }
        }
    }

    /// Goes on at the newest version, where the isolation allows that.
    pub(super) fn refresh(&self) -> Result<()> {
        let transaction = self.transaction()?;
        match transaction.isolation() {
            Isolation::ReadCommitted => transaction.rebase().map(drop),
            Isolation::Snapshot | Isolation::Serializable => Err(serialization_failure()),
        }
    }

    /// Whether the transaction has so many locks that it does without more.
    pub(super) fn has_enough_locks(&self) -> Result<bool> {
        Ok(self.transaction()?.locker().count() >= LOCKS_ENOUGH)
    }

    /// Locks `key`, waiting for it, and makes sure that the newest there is read from now on.
    pub(super) fn claim(&self, table: &SqlTable, key: &[u8], mode: LockMode) -> Result<()> {
        if self.has_enough_locks()? {
            return Ok(());
        }
        match self.lock(table, key, mode, Wait::Wait)? {
            Locked::Changed => self.refresh(),
            Locked::Current | Locked::Skipped => Ok(()),
        }
    }

    /// Locks the rows with these encoded primary keys; false when one was changed, so that what was read has to be read again.
    pub(super) fn lock_all(&self, table: &SqlTable, primaries: &[Vec<u8>], mode: LockMode) -> Result<bool> {
        let mut is_current = true;
        if self.has_enough_locks()? {
            return Ok(true);
        }
        for primary in primaries.iter().take(LOCKS_ENOUGH) {
            is_current &= self.lock(table, &keys::row(table.id, primary), mode, Wait::Wait)? != Locked::Changed;
        }
        if !is_current {
            self.refresh()?;
        }
        Ok(is_current)
    }
}

/// Locks the rows whose keys are behind the first `columns` columns of `batches`, and gives those that stay, without the keys;
/// nothing when one of them was changed meanwhile, so that the query has to run again.
pub(crate) fn lock_rows(
    context: &WriteContext,
    locks: &[RowLock],
    columns: usize,
    batches: Vec<RecordBatch>,
) -> Result<Option<Vec<RecordBatch>>> {
    let mut is_current = true;
    let mut kept = Vec::with_capacity(batches.len());
    for batch in batches {
        let mut stays = vec![true; batch.num_rows()];
        for (position, lock) in locks.iter().enumerate() {
            let mode = match lock.strength {
                LockStrength::Share => LockMode::Share,
                LockStrength::Update => LockMode::Update,
            };
            let keys_column = batch.column(columns + position).as_binary::<i32>();
            for (row, stays) in stays.iter_mut().enumerate() {
                // The other side of an outer join has no row.
                if !*stays || arrow::array::Array::is_null(keys_column, row) {
                    continue;
                }
                let key = keys::row(lock.table.id, keys_column.value(row));
                match context.lock(&lock.table, &key, mode, lock.wait)? {
                    Locked::Current => {}
                    Locked::Changed => is_current = false,
                    Locked::Skipped => *stays = false,
                }
            }
        }
        let shown = batch.project(&(0..columns).collect::<Vec<_>>());
        let shown = shown.and_then(|shown| arrow::compute::filter_record_batch(&shown, &BooleanArray::from(stays)));
        kept.push(shown.map_err(|error| from_datafusion(error.into()))?);
    }
    if !is_current {
        context.refresh()?;
        return Ok(None);
    }
    Ok(Some(kept))
}

/// What statements that wait for locks share.
pub(super) type SharedTable = Arc<SqlTable>;
