//! The keyspace.

use std::path::Path;
use std::sync::Arc;

use marquetry::ErrorKind;
use marquetry::kv::{Durability, Isolation, Keyspace, Reader as _};
use marquetry_benches::Outcome;
use marquetry_benches::store::{MarquetryStore, Order, Safety, look_at, scan_keyspace};

use super::{Change, Held, Peer, Room, Session};

pub(super) struct MarquetryPeer(MarquetryStore);

impl MarquetryPeer {
    pub(super) fn open(directory: &Path, room: Room) -> Outcome<Self> {
        Ok(MarquetryPeer(MarquetryStore::open(directory, room.memory_size_bytes)?))
    }
}

impl Peer for MarquetryPeer {
    fn session(&self, safety: Safety, _clients: usize) -> Outcome<Box<dyn Session + '_>> {
        let durability = match safety {
            Safety::Power => Durability::Durable,
            Safety::Process => Durability::Buffered,
        };
        Ok(Box::new(KeyspaceSession { keyspace: self.0.keyspace(), durability }))
    }

    fn hold(&self) -> Outcome<Box<dyn Held + '_>> {
        Ok(Box::new(self.0.keyspace().snapshot()?))
    }

    fn settle(&self) -> Outcome<()> {
        self.0.fold()
    }
}

struct KeyspaceSession<'a> {
    keyspace: &'a Arc<Keyspace>,
    durability: Durability,
}

impl Session for KeyspaceSession<'_> {
    fn write(&mut self, changes: &[Change<'_>]) -> Outcome<()> {
        let transaction = self.keyspace.begin(Isolation::Serializable)?;
        for (key, value) in changes {
            match value {
                Some(value) => transaction.put(key.to_vec(), value.to_vec())?,
                None => transaction.delete(key.to_vec())?,
            }
        }
        transaction.commit(self.durability)?;
        Ok(())
    }

    fn get(&mut self, key: &[u8]) -> Outcome<Option<usize>> {
        Ok(self.keyspace.snapshot()?.get(key)?.map(|value| look_at(&value)))
    }

    fn scan(&mut self, from: &[u8], order: Order, limit: usize) -> Outcome<usize> {
        scan_keyspace(&self.keyspace.snapshot()?, from, order, limit)
    }

    fn update(&mut self, key: &[u8], change: &dyn Fn(&[u8]) -> Vec<u8>) -> Outcome<()> {
        loop {
            let transaction = self.keyspace.begin(Isolation::Serializable)?;
            let old = transaction.get(key)?.unwrap_or_default();
            transaction.put(key.to_vec(), change(&old))?;
            match transaction.commit(self.durability) {
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                other => return other.map(|_| ()).map_err(Into::into),
            }
        }
    }
}
