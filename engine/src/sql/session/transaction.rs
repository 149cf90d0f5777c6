//! The session's transaction: BEGIN, COMMIT, savepoints, and statements on their own.

use std::sync::Arc;

use marquetry_functions::{Condition, SqlError};
use sqlparser::ast::{TransactionAccessMode, TransactionIsolationLevel, TransactionMode};

use super::Session;
use super::rows::Outcome;
use super::settings::Settings;
use crate::error::{Error, ErrorKind, Result};
use crate::kv::{Durability, Isolation, Reader, Savepoint};
use crate::sql::execute::{Source, TransactionReader};
use crate::sql::outcome::CommandTag;
use crate::transaction::Transaction;

/// How often a statement on its own is run when others are in its way.
const ATTEMPTS: u32 = 64;

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionStatus {
    /// No transaction is open.
    Idle,
    /// One is open.
    Open,
    /// One is open and has failed: it can only be rolled back.
    Failed,
}

/// An open transaction.
pub(super) struct Open {
    /// Begun with the first statement, so that its isolation can be said after BEGIN.
    transaction: Option<Arc<Transaction>>,
    isolation: TransactionIsolationLevel,
    pub(super) is_read_only: bool,
    /// Whether it ends with its group of statements.
    is_group: bool,
    is_failed: bool,
    savepoints: Vec<(String, Savepoint)>,
    /// What NOTIFY has said, to be told with the commit.
    pub(super) notifications: Vec<(String, String)>,
    /// The settings to go back to after a rollback, and after SET LOCAL.
    before: Settings,
    /// Settings that hold until the end only.
    pub(super) local: Vec<String>,
}

impl Open {
    pub(super) fn fail(&mut self) {
        self.is_failed = true;
    }

    pub(super) fn reader(&self) -> Result<Arc<dyn Reader>> {
        match &self.transaction {
            Some(transaction) => Ok(Arc::new(TransactionReader(transaction.clone()))),
            None => Err(Error::closed("the transaction has not begun")),
        }
    }

    /// What the engine protects the transaction from.
    fn engine_isolation(&self) -> Isolation {
        match self.isolation {
            TransactionIsolationLevel::Serializable => Isolation::Serializable,
            TransactionIsolationLevel::RepeatableRead | TransactionIsolationLevel::Snapshot => Isolation::Snapshot,
            TransactionIsolationLevel::ReadCommitted | TransactionIsolationLevel::ReadUncommitted => {
                Isolation::ReadCommitted
            }
        }
    }
}

impl Session {
    /// Where the session stands.
    pub fn status(&self) -> TransactionStatus {
        match &self.open {
            None => TransactionStatus::Idle,
            Some(open) if open.is_failed => TransactionStatus::Failed,
            Some(open) if open.is_group => TransactionStatus::Idle,
            Some(_) => TransactionStatus::Open,
        }
    }

    /// Begins a group: the statements up to [`Session::end_group`] are one transaction, unless one is open anyway.
    pub fn begin_group(&mut self) {
        self.in_group = true;
    }

    /// Ends a group: commits what its statements did, or takes it back when one of them failed.
    ///
    /// # Errors
    /// Those of the commit.
    pub fn end_group(&mut self) -> Result<()> {
        self.in_group = false;
        match &self.open {
            Some(open) if open.is_group && open.is_failed => {
                self.take_back();
                Ok(())
            }
            Some(open) if open.is_group => self.finish().map(drop),
            _ => Ok(()),
        }
    }

    /// Makes sure that a transaction is open when statements are in a group, and that an open one has begun.
    pub(super) fn enter(&mut self) -> Result<()> {
        if self.open.is_none() && self.in_group {
            self.open(true);
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        match &open.transaction {
            Some(transaction) => {
                if open.engine_isolation() == Isolation::ReadCommitted {
                    transaction.inner.rebase()?;
                }
            }
            None => {
                let transaction = self.database.begin_with(open.engine_isolation())?;
                transaction.inner.lock_as(&self.context.locker)?;
                open.transaction = Some(Arc::new(transaction));
            }
        }
        Ok(())
    }

    fn open(&mut self, is_group: bool) {
        let settings = self.context.settings.read().clone();
        let isolation = match settings.get("default_transaction_isolation").as_deref() {
            Some("serializable") => TransactionIsolationLevel::Serializable,
            Some("repeatable read") => TransactionIsolationLevel::RepeatableRead,
            _ => TransactionIsolationLevel::ReadCommitted,
        };
        self.open = Some(Open {
            transaction: None,
            isolation,
            is_read_only: settings.is_on("default_transaction_read_only"),
            is_group,
            is_failed: false,
            savepoints: Vec::new(),
            notifications: Vec::new(),
            before: settings,
            local: Vec::new(),
        });
    }

    /// Runs `work` in the open transaction, or in one of its own that is run again when others are in its way.
    pub(super) fn in_transaction<T>(
        &mut self,
        mut work: impl FnMut(&mut Self, &Arc<Transaction>) -> Result<T>,
    ) -> Result<T> {
        if let Some(open) = &self.open {
            if open.is_read_only {
                return Err(SqlError::new(
                    Condition::ReadOnlyTransaction,
                    "cannot execute a statement that writes in a read-only transaction",
                )
                .into());
            }
            let transaction = open.transaction.clone().ok_or_else(|| Error::closed("the transaction has not begun"))?;
            return work(self, &transaction);
        }
        let durability = self.durability();
        let keyspace = self.database.shared.keyspace.clone();
        crate::retry::run(&keyspace, Isolation::ReadCommitted, ATTEMPTS, |inner| {
            inner.lock_as(&self.context.locker)?;
            let transaction = Arc::new(Transaction { inner, shared: self.database.shared.clone() });
            let result = work(self, &transaction).and_then(|value| {
                crate::sql::write::before_commit(&self.write_context(&self.source_of(&transaction)))?;
                Ok(value)
            });
            self.context.set_source(None);
            let value = result.inspect_err(|_| transaction.inner.rollback_shared())?;
            transaction.inner.commit_shared(durability)?;
            Ok(value)
        })
    }

    /// The open transaction, if there is one.
    pub(crate) fn open_transaction(&mut self) -> Result<Option<Arc<Transaction>>> {
        let Some(open) = &self.open else { return Ok(None) };
        match &open.transaction {
            Some(transaction) => Ok(Some(transaction.clone())),
            None => Err(Error::closed("the transaction has not begun")),
        }
    }

    fn durability(&self) -> Durability {
        match self.context.setting("synchronous_commit").as_deref() {
            Some("off") => Durability::Buffered,
            _ => Durability::Durable,
        }
    }

    pub(crate) fn source_of(&self, transaction: &Arc<Transaction>) -> Arc<Source> {
        Arc::new(Source {
            shared: self.database.shared.clone(),
            reader: Arc::new(TransactionReader(transaction.clone())),
            interrupter: self.interrupter.clone(),
        })
    }

    pub(super) fn begin(&mut self, modes: &[TransactionMode]) -> Result<Outcome> {
        match &mut self.open {
            Some(open) if open.is_group => open.is_group = false,
            Some(_) => self.warn(Condition::ActiveTransaction, "there is already a transaction in progress"),
            None => self.open(false),
        }
        self.set_modes(modes)?;
        Ok(command("BEGIN"))
    }

    /// `SET TRANSACTION`.
    pub(super) fn set_modes(&mut self, modes: &[TransactionMode]) -> Result<()> {
        let Some(open) = &mut self.open else {
            if !modes.is_empty() {
                self.warn(Condition::NoActiveTransaction, "SET TRANSACTION can only be used in transaction blocks");
            }
            return Ok(());
        };
        for mode in modes {
            match mode {
                TransactionMode::AccessMode(access) => {
                    open.is_read_only = *access == TransactionAccessMode::ReadOnly;
                }
                TransactionMode::IsolationLevel(_) if open.transaction.is_some() => {
                    return Err(SqlError::new(
                        Condition::ActiveTransaction,
                        "SET TRANSACTION ISOLATION LEVEL must be called before any query",
                    )
                    .into());
                }
                TransactionMode::IsolationLevel(level) => open.isolation = *level,
            }
        }
        Ok(())
    }

    /// What `SHOW transaction_isolation` and `SHOW transaction_read_only` say, for the transaction that is open.
    pub(super) fn transaction_setting(&self, name: &str) -> Option<String> {
        let open = self.open.as_ref()?;
        match name {
            "transaction_isolation" => Some(open.isolation.to_string().to_lowercase()),
            "transaction_read_only" => Some(if open.is_read_only { "on" } else { "off" }.to_owned()),
            _ => None,
        }
    }

    pub(super) fn commit(&mut self, chain: bool) -> Result<Outcome> {
        let Some(open) = &self.open else {
            self.warn(Condition::NoActiveTransaction, "there is no transaction in progress");
            return Ok(command("COMMIT"));
        };
        if open.is_failed {
            self.take_back();
            if chain {
                self.open(false);
            }
            return Ok(command("ROLLBACK"));
        }
        self.finish()?;
        if chain {
            self.open(false);
        }
        Ok(command("COMMIT"))
    }

    /// Commits the open transaction.
    fn finish(&mut self) -> Result<()> {
        let durability = self.durability();
        let Some(open) = self.open.take() else { return Ok(()) };
        self.close_cursors();
        self.context.set_source(None);
        if let Some(transaction) = &open.transaction {
            let checked = crate::sql::write::before_commit(&self.write_context(&self.source_of(transaction)));
            let done = checked.and_then(|()| transaction.inner.commit_shared(durability).map(drop));
            if let Err(error) = done {
                transaction.inner.rollback_shared();
                *self.context.settings.write() = open.before;
                return Err(as_serialization_failure(error));
            }
        }
        self.forget_local(&open);
        self.tell(&open.notifications);
        Ok(())
    }

    /// Ends what SET LOCAL has set.
    fn forget_local(&mut self, open: &Open) {
        let mut settings = self.context.settings.write();
        for name in &open.local {
            let _was_valid = settings.set(name, open.before.get(name).as_deref());
            self.changed_settings.push(name.clone());
        }
    }

    pub(super) fn rollback(&mut self, chain: bool) -> Outcome {
        if self.open.is_none() {
            self.warn(Condition::NoActiveTransaction, "there is no transaction in progress");
        }
        self.take_back();
        if chain {
            self.open(false);
        }
        command("ROLLBACK")
    }

    /// Takes back the open transaction.
    fn take_back(&mut self) {
        self.close_cursors();
        self.context.set_source(None);
        if let Some(open) = self.open.take() {
            if let Some(transaction) = &open.transaction {
                transaction.inner.rollback_shared();
            }
            let names: Vec<String> = Settings::reported().map(str::to_owned).collect();
            let now = self.context.settings.read().clone();
            self.changed_settings.extend(names.into_iter().filter(|name| now.get(name) != open.before.get(name)));
            *self.context.settings.write() = open.before;
            self.apply_settings();
        }
    }

    fn in_block(&mut self, what: &str) -> Result<&mut Open> {
        match &mut self.open {
            Some(open) => Ok(open),
            None => {
                let message = format!("{what} can only be used in transaction blocks");
                Err(SqlError::new(Condition::NoActiveTransaction, message).into())
            }
        }
    }

    pub(super) fn savepoint(&mut self, name: String) -> Result<Outcome> {
        self.in_block("SAVEPOINT")?;
        self.enter()?;
        let open = self.in_block("SAVEPOINT")?;
        if let Some(transaction) = &open.transaction {
            let savepoint = transaction.savepoint();
            open.savepoints.push((name, savepoint));
        }
        Ok(command("SAVEPOINT"))
    }

    pub(super) fn release(&mut self, name: &str) -> Result<Outcome> {
        let open = self.in_block("RELEASE SAVEPOINT")?;
        let position = position(open, name)?;
        let (_, savepoint) = open.savepoints[position];
        open.savepoints.truncate(position);
        if let Some(transaction) = &open.transaction {
            transaction.release(savepoint)?;
        }
        Ok(command("RELEASE"))
    }

    pub(super) fn rollback_to(&mut self, name: &str) -> Result<Outcome> {
        let open = self.in_block("ROLLBACK TO SAVEPOINT")?;
        let position = position(open, name)?;
        let (_, savepoint) = open.savepoints[position];
        open.savepoints.truncate(position + 1);
        if let Some(transaction) = open.transaction.clone() {
            transaction.rollback_to(savepoint)?;
        }
        open.is_failed = false;
        Ok(command("ROLLBACK"))
    }
}

fn position(open: &Open, name: &str) -> Result<usize, SqlError> {
    open.savepoints
        .iter()
        .rposition(|(known, _)| known == name)
        .ok_or_else(|| SqlError::new(Condition::InvalidSavepoint, format!("savepoint \"{name}\" does not exist")))
}

/// A conflict as SQL knows it.
fn as_serialization_failure(error: Error) -> Error {
    let is_sql = std::error::Error::source(&error).is_some_and(|source| source.downcast_ref::<SqlError>().is_some());
    match error.kind() {
        ErrorKind::Conflict if !is_sql => {
            let message = "could not serialize access due to concurrent update";
            SqlError::new(Condition::SerializationFailure, message)
                .detail(error.message())
                .hint("The transaction might succeed if retried.")
                .into()
        }
        _ => error,
    }
}

pub(super) fn command(command: &'static str) -> Outcome {
    Outcome::Command(CommandTag { command, rows: None })
}
