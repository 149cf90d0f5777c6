//! SQLite with a write-ahead log: a connection for each client, statements prepared once.

use std::path::{Path, PathBuf};
use std::time::Duration;

use marquetry_benches::Outcome;
use marquetry_benches::store::{Order, Safety};
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};

use super::{Change, Held, Peer, Session, look_at};

const GET: &str = "SELECT value FROM entries WHERE key = ?1";
const PUT: &str = "INSERT OR REPLACE INTO entries VALUES (?1, ?2)";
const REMOVE: &str = "DELETE FROM entries WHERE key = ?1";
const FORWARD: &str = "SELECT key, value FROM entries WHERE key >= ?1 ORDER BY key LIMIT ?2";
const BACKWARD: &str = "SELECT key, value FROM entries WHERE key <= ?1 ORDER BY key DESC LIMIT ?2";

pub(super) struct SqlitePeer {
    path: PathBuf,
    memory_size_bytes: usize,
}

impl SqlitePeer {
    pub(super) fn open(directory: &Path, memory_size_bytes: usize) -> Outcome<Self> {
        let peer = SqlitePeer { path: directory.join("sqlite"), memory_size_bytes };
        let connection = peer.connect(Safety::Power, 1)?;
        // A table with row ids is the faster one for values of a kilobyte: others put them on pages of their own.
        connection.execute_batch("CREATE TABLE IF NOT EXISTS entries (key BLOB PRIMARY KEY, value BLOB NOT NULL)")?;
        Ok(peer)
    }

    /// Each connection has a cache of its own, so that the memory is divided among the clients.
    fn connect(&self, safety: Safety, clients: usize) -> Outcome<Connection> {
        let connection = Connection::open(&self.path)?;
        connection.busy_timeout(Duration::from_secs(60))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        let synchronous = match safety {
            Safety::Power => "FULL",
            Safety::Process => "NORMAL",
        };
        connection.pragma_update(None, "synchronous", synchronous)?;
        connection.pragma_update(None, "cache_size", -((self.memory_size_bytes / 1024 / clients) as i64))?;
        Ok(connection)
    }
}

impl Peer for SqlitePeer {
    fn session(&self, safety: Safety, clients: usize) -> Outcome<Box<dyn Session + '_>> {
        Ok(Box::new(SqliteSession(self.connect(safety, clients)?)))
    }

    fn hold(&self) -> Outcome<Box<dyn Held + '_>> {
        let connection = self.connect(Safety::Process, 1)?;
        // The view begins with the first read.
        connection.execute_batch("BEGIN; SELECT key FROM entries LIMIT 1;")?;
        Ok(Box::new(connection))
    }

    fn settle(&self) -> Outcome<()> {
        Ok(self.connect(Safety::Power, 1)?.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?)
    }
}

struct SqliteSession(Connection);

impl Session for SqliteSession {
    fn write(&mut self, changes: &[Change<'_>]) -> Outcome<()> {
        if let [change] = changes {
            return write_one(&self.0, *change);
        }
        let transaction = self.0.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for change in changes {
            write_one(&transaction, *change)?;
        }
        Ok(transaction.commit()?)
    }

    fn get(&mut self, key: &[u8]) -> Outcome<Option<usize>> {
        let mut statement = self.0.prepare_cached(GET)?;
        Ok(statement.query_row([key], |row| Ok(look_at(row.get_ref(0)?.as_blob()?))).optional()?)
    }

    fn scan(&mut self, from: &[u8], order: Order, limit: usize) -> Outcome<usize> {
        let mut statement = self.0.prepare_cached(match order {
            Order::Forward => FORWARD,
            Order::Backward => BACKWARD,
        })?;
        let mut rows = statement.query((from, i64::try_from(limit).unwrap_or(i64::MAX)))?;
        let mut count = 0;
        while let Some(row) = rows.next()? {
            look_at(row.get_ref(0)?.as_blob()?);
            look_at(row.get_ref(1)?.as_blob()?);
            count += 1;
        }
        Ok(count)
    }

    fn update(&mut self, key: &[u8], change: &dyn Fn(&[u8]) -> Vec<u8>) -> Outcome<()> {
        let transaction = self.0.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let old: Option<Vec<u8>> = transaction.prepare_cached(GET)?.query_row([key], |row| row.get(0)).optional()?;
        let new = change(&old.unwrap_or_default());
        transaction.prepare_cached(PUT)?.execute((key, &new[..]))?;
        Ok(transaction.commit()?)
    }
}

fn write_one(connection: &Connection, (key, value): Change<'_>) -> Outcome<()> {
    match value {
        Some(value) => connection.prepare_cached(PUT)?.execute((key, value))?,
        None => connection.prepare_cached(REMOVE)?.execute([key])?,
    };
    Ok(())
}
