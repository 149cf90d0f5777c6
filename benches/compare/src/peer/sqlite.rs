//! SQLite with a write-ahead log: a connection for each client, statements prepared once.
//!
//! SQLite lets one write at a time and makes the others sleep and try again, for longer and longer. Its clients here
//! queue for a lock of the process first, as programs do that have many writers: with 64 of them it is several times
//! as fast that way.

use std::path::Path;
use std::sync::{Mutex, MutexGuard};

use marquetry_benches::Outcome;
use marquetry_benches::store::{Order, SQLITE_GET, SQLITE_PUT, Safety, SqliteStore, look_at, scan_sqlite};
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};

use super::{Change, Held, Peer, Room, Session};

const REMOVE: &str = "DELETE FROM entries WHERE key = ?1";

pub(super) struct SqlitePeer {
    store: SqliteStore,
    memory_size_bytes: usize,
    writer: Mutex<()>,
}

impl SqlitePeer {
    pub(super) fn open(directory: &Path, room: Room) -> Outcome<Self> {
        let Room { memory_size_bytes, value_size_bytes } = room;
        let store = SqliteStore::open(directory, memory_size_bytes, value_size_bytes)?;
        Ok(SqlitePeer { store, memory_size_bytes, writer: Mutex::new(()) })
    }

    /// Each connection has a cache of its own, so that the memory is divided among the clients.
    fn connect(&self, safety: Safety, clients: usize) -> Outcome<Connection> {
        let connection = self.store.connect(match safety {
            Safety::Power => "FULL",
            Safety::Process => "NORMAL",
        })?;
        connection.pragma_update(None, "cache_size", -((self.memory_size_bytes / 1024 / clients) as i64))?;
        Ok(connection)
    }
}

impl Peer for SqlitePeer {
    fn session(&self, safety: Safety, clients: usize) -> Outcome<Box<dyn Session + '_>> {
        Ok(Box::new(SqliteSession { connection: self.connect(safety, clients)?, writer: &self.writer }))
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

struct SqliteSession<'a> {
    connection: Connection,
    writer: &'a Mutex<()>,
}

fn turn_of(writer: &Mutex<()>) -> MutexGuard<'_, ()> {
    writer.lock().expect("no client panics while it writes")
}

impl Session for SqliteSession<'_> {
    fn write(&mut self, changes: &[Change<'_>]) -> Outcome<()> {
        let _turn = turn_of(self.writer);
        if let [change] = changes {
            return write_one(&self.connection, *change);
        }
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for change in changes {
            write_one(&transaction, *change)?;
        }
        Ok(transaction.commit()?)
    }

    fn get(&mut self, key: &[u8]) -> Outcome<Option<usize>> {
        let mut statement = self.connection.prepare_cached(SQLITE_GET)?;
        Ok(statement.query_row([key], |row| Ok(look_at(row.get_ref(0)?.as_blob()?))).optional()?)
    }

    fn scan(&mut self, from: &[u8], order: Order, limit: usize) -> Outcome<usize> {
        scan_sqlite(&self.connection, from, order, limit)
    }

    fn update(&mut self, key: &[u8], change: &dyn Fn(&[u8]) -> Vec<u8>) -> Outcome<()> {
        let _turn = turn_of(self.writer);
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let old: Option<Vec<u8>> =
            transaction.prepare_cached(SQLITE_GET)?.query_row([key], |row| row.get(0)).optional()?;
        let new = change(&old.unwrap_or_default());
        transaction.prepare_cached(SQLITE_PUT)?.execute((key, &new[..]))?;
        Ok(transaction.commit()?)
    }
}

fn write_one(connection: &Connection, (key, value): Change<'_>) -> Outcome<()> {
    match value {
        Some(value) => connection.prepare_cached(SQLITE_PUT)?.execute((key, value))?,
        None => connection.prepare_cached(REMOVE)?.execute([key])?,
    };
    Ok(())
}
