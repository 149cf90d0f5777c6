//! The keyspace.

use std::path::Path;
use std::sync::Arc;

use marquetry::ErrorKind;
use marquetry::env::OsEnv;
use marquetry::kv::{
    Direction, Durability, Isolation, KeyRange, Keyspace, KeyspaceSettings, Maintenance, Reader as _, key_after,
};
use marquetry_benches::Outcome;
use marquetry_benches::store::{Order, Safety};

use super::{Change, Held, Peer, Session, look_at};

pub(super) struct MarquetryPeer {
    // Dropped first: its threads use the keyspace.
    _maintenance: Maintenance,
    keyspace: Arc<Keyspace>,
}

impl MarquetryPeer {
    pub(super) fn open(directory: &Path, memory_size_bytes: usize) -> Outcome<Self> {
        let settings = KeyspaceSettings { memory_size_bytes, ..KeyspaceSettings::default() };
        let keyspace = Keyspace::open(Arc::new(OsEnv::new()), directory, settings)?;
        Ok(MarquetryPeer { _maintenance: Maintenance::start(&keyspace)?, keyspace })
    }
}

impl Peer for MarquetryPeer {
    fn session(&self, safety: Safety, _clients: usize) -> Outcome<Box<dyn Session + '_>> {
        let durability = match safety {
            Safety::Power => Durability::Durable,
            Safety::Process => Durability::Buffered,
        };
        Ok(Box::new(KeyspaceSession { keyspace: &self.keyspace, durability }))
    }

    fn hold(&self) -> Outcome<Box<dyn Held + '_>> {
        Ok(Box::new(self.keyspace.snapshot()?))
    }

    fn settle(&self) -> Outcome<()> {
        self.keyspace.fold()?;
        Ok(())
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
        let snapshot = self.keyspace.snapshot()?;
        let mut scan = match order {
            Order::Forward => snapshot.scan(KeyRange::new(from.to_vec(), None::<Vec<u8>>), Direction::Forward)?,
            Order::Backward => snapshot.scan(KeyRange::new(Vec::new(), Some(key_after(from))), Direction::Backward)?,
        };
        let mut count = 0;
        while count < limit && scan.advance()? {
            look_at(scan.key());
            look_at(scan.value());
            count += 1;
        }
        Ok(count)
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
