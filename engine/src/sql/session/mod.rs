//! A session: what one client talks to. Settings, a transaction, prepared statements, cursors.
//!
//! ```text
//!   parse -> prepare (types of parameters and columns) -> execute (values) -> Outcome
//!
//!   transaction   none: each statement is one of its own, run again by itself when it conflicts
//!                 open: BEGIN .. COMMIT, or the statements of one group (a simple query, a pipeline)
//!                 failed: everything is refused until ROLLBACK
//! ```
//!
//! - A statement that fails in an open transaction leaves nothing and makes it failed, as PostgreSQL has it.
//! - Calls block: on locks, on the disk, for as long as a statement takes. [`Interrupter`] stops it from elsewhere.

mod cache;
mod context;
mod cursor;
mod explain;
mod functions;
mod notify;
mod prepared;
mod query;
mod rows;
mod search;
mod settings;
mod statements;
mod text;
mod transaction;
mod variables;

pub(crate) use context::SessionContext;
pub(crate) use functions::functions;
pub use notify::Notification;
pub(crate) use notify::Notifications;
pub use prepared::Prepared;
pub(crate) use query::{Parameters, planned};
pub use rows::{Outcome, Rows};
pub use text::{format_value, parse_value};
pub use transaction::TransactionStatus;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use marquetry_functions::{Condition, Environment, SqlError, SqlType};
use sqlparser::ast;

use super::execute::Interrupter;
use super::parse::{self, Statement};
use crate::database::Database;
use crate::error::Result;
use crate::table::Value;

use cursor::Cursor;
use transaction::Open;

/// Something that a client is told beside the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// `NOTICE` or `WARNING`.
    pub severity: &'static str,
    /// The condition's five characters.
    pub code: &'static str,
    /// What it says.
    pub message: String,
}

/// One client's conversation with a database in SQL.
///
/// ```
/// # fn main() -> marquetry::Result<()> {
/// use marquetry::sql::Outcome;
///
/// let database = marquetry::Database::in_memory()?;
/// let mut session = database.session()?;
/// session.run("CREATE TABLE people (id int PRIMARY KEY, name text)")?;
/// session.run("INSERT INTO people VALUES (1, 'Ada'), (2, 'Grace')")?;
/// let Outcome::Rows(mut rows) = session.run("SELECT name FROM people WHERE id = 2")? else { unreachable!() };
/// assert_eq!(rows.next_values()?.expect("there is a row")[0][0].as_text(), Some("Grace"));
/// # Ok(())
/// # }
/// ```
pub struct Session {
    database: Database,
    context: Arc<SessionContext>,
    environment: Arc<Environment>,
    interrupter: Interrupter,
    open: Option<Open>,
    /// Whether the statements are parts of one group, which is one transaction.
    in_group: bool,
    statements: HashMap<String, Arc<Prepared>>,
    compiled: cache::Compiled,
    cursors: HashMap<String, Cursor>,
    notices: Vec<Notice>,
    changed_settings: Vec<String>,
    inbox: notify::Inbox,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Session {} ({:?})", self.id(), self.status())
    }
}

/// The number of the next session.
static NEXT_ID: AtomicI32 = AtomicI32::new(1);

impl Database {
    /// A session to speak SQL in.
    ///
    /// # Errors
    /// `Closed` after [`Database::close`].
    pub fn session(&self) -> Result<Session> {
        Session::new(self)
    }
}

impl Session {
    /// A session of `database`, with the settings that PostgreSQL begins with.
    ///
    /// # Errors
    /// `Closed` after [`Database::close`].
    pub fn new(database: &Database) -> Result<Session> {
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed).max(1);
        let environment = Environment::new();
        let context = Arc::new(SessionContext::new(id, &database.shared));
        environment.set_context(context.clone());
        Ok(Session {
            inbox: notify::Inbox::new(id, database.shared.sql.notifications()),
            database: database.clone(),
            context,
            environment,
            interrupter: Interrupter::new(database.shared.keyspace.env().clone()),
            open: None,
            in_group: false,
            statements: HashMap::new(),
            compiled: cache::Compiled::default(),
            cursors: HashMap::new(),
            notices: Vec::new(),
            changed_settings: Vec::new(),
        })
    }

    /// The number of the session: what `pg_backend_pid()` says.
    pub fn id(&self) -> i32 {
        self.context.id
    }

    /// What functions and texts of values see of the session.
    pub fn environment(&self) -> &Arc<Environment> {
        &self.environment
    }

    /// Stops the running statement from another thread.
    pub fn interrupter(&self) -> Interrupter {
        self.interrupter.clone()
    }

    /// The statements of `sql`, in order.
    ///
    /// # Errors
    /// `Invalid` with condition `42601` for what is no SQL; `LimitExceeded` for what is too long or nests too deeply.
    pub fn parse(&self, sql: &str) -> Result<Vec<Statement>> {
        parse::parse(sql)
    }

    /// Runs the statements of `sql`, without parameters, and answers as the last one does.
    ///
    /// # Errors
    /// Those of the statements; the ones before the failed one stay done, unless a transaction was open.
    pub fn run(&mut self, sql: &str) -> Result<Outcome> {
        let mut outcome = Outcome::Empty;
        for statement in self.parse(sql)? {
            if let Outcome::Rows(mut rows) = outcome {
                while rows.next_batch()?.is_some() {}
            }
            let prepared = self.prepare(&statement, &[])?;
            outcome = self.execute(&prepared, Vec::new())?;
        }
        Ok(outcome)
    }

    /// Decides the types of the parameters and of the result's columns of `statement`. `parameter_types` are those that the
    /// caller knows already.
    ///
    /// # Errors
    /// What is wrong with the statement: unknown names, types that do not fit, what is not offered.
    pub fn prepare(&mut self, statement: &Statement, parameter_types: &[Option<SqlType>]) -> Result<Arc<Prepared>> {
        self.refuse_when_failed(statement.tree())?;
        let described = self.guarded(|session| session.describe(statement, parameter_types))?;
        Ok(Arc::new(described))
    }

    /// Runs `prepared` with these values of its parameters.
    ///
    /// # Errors
    /// Those of the statement; `Conflict` when other transactions were in the way, `Unavailable` when it was stopped.
    pub fn execute(&mut self, prepared: &Arc<Prepared>, parameters: Vec<Value>) -> Result<Outcome> {
        self.refuse_when_failed(prepared.statement.tree())?;
        self.guarded(|session| session.execute_checked(prepared, parameters))
    }

    /// Does `work` as one statement: with a time of its own, a deadline, and the transaction failed if it fails.
    fn guarded<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let now = self.database.shared.keyspace.env().now().as_micros();
        self.environment.set_statement_time_micros(now);
        if self.open.is_none() {
            self.environment.set_transaction_time_micros(now);
        }
        let timeout_ms = self.context.settings.read().statement_timeout_ms();
        let deadline =
            if timeout_ms == 0 { 0 } else { self.interrupter.now_micros().saturating_add(timeout_ms * 1_000) };
        self.interrupter.begin(deadline);
        let result = work(self).and_then(|value| self.do_asked().map(|()| value));
        if result.is_err()
            && let Some(open) = &mut self.open
        {
            open.fail();
        }
        result
    }

    /// Does what functions of the statement have asked for.
    fn do_asked(&mut self) -> Result<()> {
        let asked = std::mem::take(&mut *self.context.asked.lock());
        for (name, value, is_local) in asked.settings {
            self.change_setting(&name, Some(&value), is_local)?;
        }
        for (channel, payload) in asked.notifications {
            self.notify(channel, payload)?;
        }
        Ok(())
    }

    fn refuse_when_failed(&self, tree: &ast::Statement) -> Result<()> {
        let ends = matches!(tree, ast::Statement::Commit { .. } | ast::Statement::Rollback { .. });
        match self.status() {
            TransactionStatus::Failed if !ends => Err(SqlError::new(
                Condition::InFailedTransaction,
                "current transaction is aborted, commands ignored until end of transaction block",
            )
            .into()),
            _ => Ok(()),
        }
    }

    /// The value of the setting `name` as text, if there is one.
    pub fn setting(&self, name: &str) -> Option<String> {
        self.context.settings.read().get(name)
    }

    /// Changes the setting `name` for the session.
    ///
    /// # Errors
    /// `NotFound` for an unknown one, `Invalid` for a value that it cannot have.
    pub fn set(&mut self, name: &str, value: &str) -> Result<()> {
        self.change_setting(name, Some(value), false)
    }

    /// The settings that clients are told of and that have changed since this was last asked.
    pub fn take_changed_settings(&mut self) -> Vec<(String, String)> {
        let changed = std::mem::take(&mut self.changed_settings);
        let settings = self.context.settings.read();
        changed.into_iter().filter_map(|name| settings.get(&name).map(|value| (name, value))).collect()
    }

    /// What the client is to be told since this was last asked.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        let mut notices = std::mem::take(&mut self.notices);
        notices.extend(std::mem::take(&mut *self.context.notices.lock()));
        notices
    }

    /// The messages of NOTIFY that have arrived since this was last asked.
    pub fn take_notifications(&mut self) -> Vec<Notification> {
        self.inbox.take()
    }

    /// Calls `wake` whenever a message of NOTIFY arrives.
    pub fn on_notification(&mut self, wake: Box<dyn Fn() + Send + Sync>) {
        self.inbox.on_arrival(wake);
    }

    /// The type that clients know by the number `oid`, also of enums.
    ///
    /// # Errors
    /// Those of reading the catalogue.
    pub fn type_of_oid(&mut self, oid: u32) -> Result<Option<SqlType>> {
        if let Some(known) = SqlType::from_oid(oid) {
            return Ok(Some(known));
        }
        let source = self.source()?;
        super::catalog::Catalog::new(&source.shared, &*source.reader).type_by_oid(oid)
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// Makes the open transaction a failed one.
    pub(crate) fn fail(&mut self) {
        if let Some(open) = &mut self.open {
            open.fail();
        }
    }

    fn warn(&mut self, condition: Condition, message: impl Into<String>) {
        self.notices.push(Notice { severity: "WARNING", code: condition.code(), message: message.into() });
    }
}
