//! PostgreSQL over its wire, on a socket of the same machine: a connection for each client, statements prepared once.

use std::collections::BTreeMap;
use std::path::Path;

use marquetry_benches::Outcome;
use marquetry_benches::store::{Order, Safety, look_at};
use postgres::fallible_iterator::FallibleIterator as _;
use postgres::types::ToSql;
use postgres::{Client, Statement};

use super::cluster::Cluster;
use super::{Change, Held, Peer, Room, Session};

const TABLE: &str = "CREATE TABLE IF NOT EXISTS entries (key bytea PRIMARY KEY, value bytea NOT NULL)";
const GET: &str = "SELECT value FROM entries WHERE key = $1";
const GET_TO_CHANGE: &str = "SELECT value FROM entries WHERE key = $1 FOR UPDATE";
const PUT: &str = "INSERT INTO entries VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
const PUT_MANY: &str = "INSERT INTO entries SELECT * FROM unnest($1::bytea[], $2::bytea[]) \
                        ON CONFLICT (key) DO UPDATE SET value = excluded.value";
const PUT_NEW: &str = "INSERT INTO entries VALUES ($1, $2) ON CONFLICT DO NOTHING";
const CHANGE: &str = "UPDATE entries SET value = $2 WHERE key = $1";
const REMOVE: &str = "DELETE FROM entries WHERE key = $1";
const REMOVE_MANY: &str = "DELETE FROM entries WHERE key = ANY($1::bytea[])";
const FORWARD: &str = "SELECT key, value FROM entries WHERE key >= $1 ORDER BY key LIMIT $2";
const BACKWARD: &str = "SELECT key, value FROM entries WHERE key <= $1 ORDER BY key DESC LIMIT $2";

pub(super) struct PostgresPeer(Cluster);

impl PostgresPeer {
    pub(super) fn open(directory: &Path, room: Room) -> Outcome<Self> {
        let cluster = Cluster::start(directory, room.memory_size_bytes)?;
        cluster.connect()?.batch_execute(TABLE)?;
        Ok(PostgresPeer(cluster))
    }
}

impl Peer for PostgresPeer {
    fn session(&self, safety: Safety, _clients: usize) -> Outcome<Box<dyn Session + '_>> {
        let mut client = self.0.connect()?;
        client.batch_execute(match safety {
            Safety::Power => "SET synchronous_commit = on",
            Safety::Process => "SET synchronous_commit = off",
        })?;
        let statements = Statements::prepare(&mut client)?;
        Ok(Box::new(PostgresSession { client, statements }))
    }

    fn hold(&self) -> Outcome<Box<dyn Held + '_>> {
        let mut client = self.0.connect()?;
        // The view begins with the first read.
        client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT key FROM entries LIMIT 1")?;
        Ok(Box::new(client))
    }

    fn settle(&self) -> Outcome<()> {
        let mut client = self.0.connect()?;
        client.batch_execute("VACUUM ANALYZE entries")?;
        Ok(client.batch_execute("CHECKPOINT")?)
    }

    fn resident_mib(&self) -> Outcome<u64> {
        self.0.resident_mib()
    }

    fn kill(&self) -> Outcome<()> {
        self.0.kill()
    }
}

struct Statements {
    get: Statement,
    get_to_change: Statement,
    put: Statement,
    put_many: Statement,
    put_new: Statement,
    change: Statement,
    remove: Statement,
    remove_many: Statement,
    forward: Statement,
    backward: Statement,
}

impl Statements {
    fn prepare(client: &mut Client) -> Outcome<Self> {
        Ok(Statements {
            get: client.prepare(GET)?,
            get_to_change: client.prepare(GET_TO_CHANGE)?,
            put: client.prepare(PUT)?,
            put_many: client.prepare(PUT_MANY)?,
            put_new: client.prepare(PUT_NEW)?,
            change: client.prepare(CHANGE)?,
            remove: client.prepare(REMOVE)?,
            remove_many: client.prepare(REMOVE_MANY)?,
            forward: client.prepare(FORWARD)?,
            backward: client.prepare(BACKWARD)?,
        })
    }
}

struct PostgresSession {
    client: Client,
    statements: Statements,
}

impl PostgresSession {
    /// A statement must not change a row twice: the last change of a key counts.
    fn write_many(&mut self, changes: &[Change<'_>]) -> Outcome<()> {
        let last: BTreeMap<&[u8], Option<&[u8]>> = changes.iter().copied().collect();
        let (keys, values): (Vec<&[u8]>, Vec<&[u8]>) =
            last.iter().filter_map(|(key, value)| value.map(|value| (*key, value))).unzip();
        let removed: Vec<&[u8]> = last.iter().filter(|(_, value)| value.is_none()).map(|(key, _)| *key).collect();
        if removed.is_empty() {
            self.client.execute(&self.statements.put_many, &[&keys, &values])?;
            return Ok(());
        }
        let mut transaction = self.client.transaction()?;
        transaction.execute(&self.statements.put_many, &[&keys, &values])?;
        transaction.execute(&self.statements.remove_many, &[&removed])?;
        Ok(transaction.commit()?)
    }
}

impl Session for PostgresSession {
    fn write(&mut self, changes: &[Change<'_>]) -> Outcome<()> {
        match changes {
            [(key, Some(value))] => self.client.execute(&self.statements.put, &[key, value])?,
            [(key, None)] => self.client.execute(&self.statements.remove, &[key])?,
            _ => return self.write_many(changes),
        };
        Ok(())
    }

    fn get(&mut self, key: &[u8]) -> Outcome<Option<usize>> {
        let row = self.client.query_opt(&self.statements.get, &[&key])?;
        Ok(row.map(|row| look_at(row.get::<_, &[u8]>(0))))
    }

    fn scan(&mut self, from: &[u8], order: Order, limit: usize) -> Outcome<usize> {
        let statement = match order {
            Order::Forward => &self.statements.forward,
            Order::Backward => &self.statements.backward,
        };
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let parameters: [&(dyn ToSql + Sync); 2] = [&from, &limit];
        let mut rows = self.client.query_raw(statement, parameters)?;
        let mut count = 0;
        while let Some(row) = rows.next()? {
            look_at(row.get::<_, &[u8]>(0));
            look_at(row.get::<_, &[u8]>(1));
            count += 1;
        }
        Ok(count)
    }

    fn update(&mut self, key: &[u8], change: &dyn Fn(&[u8]) -> Vec<u8>) -> Outcome<()> {
        loop {
            let mut transaction = self.client.transaction()?;
            let old = transaction.query_opt(&self.statements.get_to_change, &[&key])?;
            let changed = match old {
                Some(row) => transaction.execute(&self.statements.change, &[&key, &change(row.get(0))])?,
                None => transaction.execute(&self.statements.put_new, &[&key, &change(&[])])?,
            };
            transaction.commit()?;
            // Somebody else may have put the first value meanwhile; then that one is to be changed.
            if changed == 1 {
                return Ok(());
            }
        }
    }
}
