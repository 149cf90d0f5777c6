//! SQLite with a write-ahead log, a connection for each thread, prepared statements.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, Statement, params};

use super::{Order, ReadStore, Reader, Safety, ViewUse, WriteStore, Writer, look_at};
use crate::{Data, Outcome};

/// Reads the value of a key.
pub const SQLITE_GET: &str = "SELECT value FROM entries WHERE key = ?1";
/// Puts an entry in place of an older one.
pub const SQLITE_PUT: &str = "INSERT OR REPLACE INTO entries VALUES (?1, ?2)";
const SCAN_FORWARD: &str = "SELECT key, value FROM entries WHERE key >= ?1 ORDER BY key LIMIT ?2";
const SCAN_BACKWARD: &str = "SELECT key, value FROM entries WHERE key <= ?1 ORDER BY key DESC LIMIT ?2";

/// A SQLite database with one table.
#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    cache_size_bytes: usize,
}

impl SqliteStore {
    /// The database in `directory`, created for values of that size when missing.
    ///
    /// # Errors
    /// Those of opening it.
    pub fn open(directory: &Path, cache_size_bytes: usize, value_size_bytes: usize) -> Outcome<Self> {
        let store = SqliteStore { path: directory.join("sqlite"), cache_size_bytes };
        let connection = store.connect("FULL")?;
        // WITHOUT ROWID saves a second tree, but puts values from a kilobyte on into pages of their own.
        let rowid = if value_size_bytes < 900 { "WITHOUT ROWID" } else { "" };
        connection.execute_batch(&format!(
            "CREATE TABLE IF NOT EXISTS entries (key BLOB PRIMARY KEY, value BLOB NOT NULL) {rowid}"
        ))?;
        Ok(store)
    }

    /// A connection whose commits are synced as `synchronous` says.
    ///
    /// # Errors
    /// Those of opening it.
    pub fn connect(&self, synchronous: &str) -> Outcome<Connection> {
        let connection = Connection::open(&self.path)?;
        connection.busy_timeout(Duration::from_secs(60))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", synchronous)?;
        connection.pragma_update(None, "cache_size", -((self.cache_size_bytes / 1024) as i64))?;
        Ok(connection)
    }

    /// Commits all entries of `data` in one transaction, and empties the write-ahead log.
    ///
    /// # Errors
    /// Those of a commit.
    pub fn load(&self, data: &Data) -> Outcome<()> {
        let mut connection = self.connect("FULL")?;
        let transaction = connection.transaction()?;
        {
            let mut insert = transaction.prepare("INSERT INTO entries VALUES (?1, ?2)")?;
            for (key, value) in data.entries() {
                insert.execute(params![key, value])?;
            }
        }
        transaction.commit()?;
        Ok(connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?)
    }
}

impl WriteStore for SqliteStore {
    fn write(&self, safety: Safety, work: &mut dyn FnMut(&mut dyn Writer) -> Outcome<()>) -> Outcome<()> {
        let connection = self.connect(match safety {
            Safety::Power => "FULL",
            Safety::Process => "NORMAL",
        })?;
        let insert = connection.prepare(SQLITE_PUT)?;
        work(&mut SqliteWriter { insert })
    }
}

struct SqliteWriter<'a> {
    insert: Statement<'a>,
}

impl Writer for SqliteWriter<'_> {
    fn put(&mut self, key: &[u8], value: &[u8]) -> Outcome<()> {
        self.insert.execute(params![key, value])?;
        Ok(())
    }
}

impl ReadStore for SqliteStore {
    fn read(&self, view: ViewUse, work: &mut dyn FnMut(&mut dyn Reader) -> Outcome<()>) -> Outcome<()> {
        let connection = self.connect("FULL")?;
        if view == ViewUse::Held {
            connection.execute_batch("BEGIN")?;
        }
        let mut reader = SqliteReader { get: connection.prepare(SQLITE_GET)?, connection: &connection };
        // A connection of this round has an empty cache; the others keep theirs.
        reader.scan(&[], Order::Forward, usize::MAX >> 1)?;
        work(&mut reader)
    }
}

struct SqliteReader<'a> {
    get: Statement<'a>,
    connection: &'a Connection,
}

impl Reader for SqliteReader<'_> {
    fn get(&mut self, key: &[u8]) -> Outcome<usize> {
        Ok(self.get.query_row([key], |row| Ok(look_at(row.get_ref(0)?.as_blob()?)))?)
    }

    fn scan(&mut self, key: &[u8], order: Order, limit: usize) -> Outcome<usize> {
        scan_sqlite(self.connection, key, order, limit)
    }
}

/// The number of entries from `key` on, `limit` at most; every key and value is looked at.
///
/// # Errors
/// Those of SQLite.
pub fn scan_sqlite(connection: &Connection, key: &[u8], order: Order, limit: usize) -> Outcome<usize> {
    let mut statement = connection.prepare_cached(match order {
        Order::Forward => SCAN_FORWARD,
        Order::Backward => SCAN_BACKWARD,
    })?;
    let mut rows = statement.query(params![key, i64::try_from(limit).unwrap_or(i64::MAX)])?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        look_at(row.get_ref(0)?.as_blob()?);
        look_at(row.get_ref(1)?.as_blob()?);
        count += 1;
    }
    Ok(count)
}
