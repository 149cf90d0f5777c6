//! redb as it comes: one table.

use std::path::Path;

use marquetry_benches::Outcome;
use marquetry_benches::store::{Order, REDB_ENTRIES, RedbStore, Safety, look_at, scan_redb};
use redb::{Database, Durability, ReadableDatabase, ReadableTable};

use super::{Change, Held, Peer, Room, Session};

pub(super) struct RedbPeer(RedbStore);

impl RedbPeer {
    pub(super) fn open(directory: &Path, room: Room) -> Outcome<Self> {
        let store = RedbStore::open(directory, room.memory_size_bytes)?;
        let transaction = store.database().begin_write()?;
        transaction.open_table(REDB_ENTRIES)?;
        transaction.commit()?;
        Ok(RedbPeer(store))
    }
}

impl Peer for RedbPeer {
    fn session(&self, safety: Safety, _clients: usize) -> Outcome<Box<dyn Session + '_>> {
        let durability = match safety {
            Safety::Power => Durability::Immediate,
            Safety::Process => Durability::None,
        };
        Ok(Box::new(RedbSession { database: self.0.database(), durability }))
    }

    fn hold(&self) -> Outcome<Box<dyn Held + '_>> {
        Ok(Box::new(self.0.database().begin_read()?))
    }

    fn settle(&self) -> Outcome<()> {
        // A durable commit takes along those that were not.
        Ok(self.0.database().begin_write()?.commit()?)
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
            let mut table = transaction.open_table(REDB_ENTRIES)?;
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
        let table = self.database.begin_read()?.open_table(REDB_ENTRIES)?;
        Ok(table.get(key)?.map(|value| look_at(value.value())))
    }

    fn scan(&mut self, from: &[u8], order: Order, limit: usize) -> Outcome<usize> {
        let table = self.database.begin_read()?.open_table(REDB_ENTRIES)?;
        scan_redb(&table, from, order, limit)
    }

    fn update(&mut self, key: &[u8], change: &dyn Fn(&[u8]) -> Vec<u8>) -> Outcome<()> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(self.durability)?;
        {
            let mut table = transaction.open_table(REDB_ENTRIES)?;
            let new = change(table.get(key)?.map(|old| old.value().to_vec()).unwrap_or_default().as_slice());
            table.insert(key, &new[..])?;
        }
        Ok(transaction.commit()?)
    }
}
