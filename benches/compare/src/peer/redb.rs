//! redb as it comes: one table.

use std::path::Path;

use marquetry_benches::Outcome;
use marquetry_benches::store::{Order, Safety};
use redb::{AccessGuard, Database, Durability, ReadableDatabase, ReadableTable, StorageError, TableDefinition};

use super::{Change, Held, Peer, Session, look_at};

const ENTRIES: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("entries");

pub(super) struct RedbPeer(Database);

impl RedbPeer {
    pub(super) fn open(directory: &Path, memory_size_bytes: usize) -> Outcome<Self> {
        let database = Database::builder().set_cache_size(memory_size_bytes).create(directory.join("redb"))?;
        let transaction = database.begin_write()?;
        transaction.open_table(ENTRIES)?;
        transaction.commit()?;
        Ok(RedbPeer(database))
    }
}

impl Peer for RedbPeer {
    fn session(&self, safety: Safety, _clients: usize) -> Outcome<Box<dyn Session + '_>> {
        let durability = match safety {
            Safety::Power => Durability::Immediate,
            Safety::Process => Durability::None,
        };
        Ok(Box::new(RedbSession { database: &self.0, durability }))
    }

    fn hold(&self) -> Outcome<Box<dyn Held + '_>> {
        Ok(Box::new(self.0.begin_read()?))
    }

    fn settle(&self) -> Outcome<()> {
        // A durable commit takes along those that were not.
        Ok(self.0.begin_write()?.commit()?)
    }
}

struct RedbSession<'a> {
    database: &'a Database,
    durability: Durability,
}

impl Session for RedbSession<'_> {
    fn write(&mut self, changes: &[Change<'_>]) -> Outcome<()> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(self.durability)?;
        {
            let mut table = transaction.open_table(ENTRIES)?;
            for (key, value) in changes {
                match value {
                    Some(value) => drop(table.insert(key, value)?),
                    None => drop(table.remove(key)?),
                }
            }
        }
        Ok(transaction.commit()?)
    }

    fn get(&mut self, key: &[u8]) -> Outcome<Option<usize>> {
        let table = self.database.begin_read()?.open_table(ENTRIES)?;
        Ok(table.get(key)?.map(|value| look_at(value.value())))
    }

    fn scan(&mut self, from: &[u8], order: Order, limit: usize) -> Outcome<usize> {
        let table = self.database.begin_read()?.open_table(ENTRIES)?;
        match order {
            Order::Forward => count(table.range(from..)?.take(limit)),
            Order::Backward => count(table.range(..=from)?.rev().take(limit)),
        }
    }

    fn update(&mut self, key: &[u8], change: &dyn Fn(&[u8]) -> Vec<u8>) -> Outcome<()> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(self.durability)?;
        {
            let mut table = transaction.open_table(ENTRIES)?;
            let new = change(table.get(key)?.map(|old| old.value().to_vec()).unwrap_or_default().as_slice());
            table.insert(key, &new[..])?;
        }
        Ok(transaction.commit()?)
    }
}

type Entry<'a> = (AccessGuard<'a, &'static [u8]>, AccessGuard<'a, &'static [u8]>);

fn count<'a>(entries: impl Iterator<Item = Result<Entry<'a>, StorageError>>) -> Outcome<usize> {
    let mut count = 0;
    for entry in entries {
        let (key, value) = entry?;
        look_at(key.value());
        look_at(value.value());
        count += 1;
    }
    Ok(count)
}
