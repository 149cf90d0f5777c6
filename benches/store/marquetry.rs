//! The keyspace as a store.

use std::path::Path;
use std::sync::Arc;

use marquetry::env::OsEnv;
use marquetry::kv::{
    Direction, Durability, Isolation, KeyRange, Keyspace, KeyspaceSettings, Maintenance, Reader as _, Snapshot,
    key_after,
};

use super::{Order, ReadStore, Reader, Safety, ViewUse, WriteStore, Writer, look_at};
use crate::{Data, Outcome};

/// Entries put into one commit while loading.
const LOAD_BATCH: usize = 1_000;

/// A keyspace with its background threads.
pub struct MarquetryStore {
    // Dropped first: the threads use the keyspace.
    _maintenance: Maintenance,
    keyspace: Arc<Keyspace>,
}

impl MarquetryStore {
    /// The keyspace in `directory` with that much memory for memtables and pages.
    ///
    /// # Errors
    /// Those of opening it.
    pub fn open(directory: &Path, memory_size_bytes: usize) -> Outcome<Self> {
        let settings = KeyspaceSettings { memory_size_bytes, ..KeyspaceSettings::default() };
        let keyspace = Keyspace::open(Arc::new(OsEnv::new()), &directory.join("marquetry"), settings)?;
        Ok(MarquetryStore { _maintenance: Maintenance::start(&keyspace)?, keyspace })
    }

    /// Commits all entries of `data`; they stay in the memtable as far as it has room.
    ///
    /// # Errors
    /// Those of a commit.
    pub fn load(&self, data: &Data) -> Outcome<()> {
        let mut entries = data.entries().peekable();
        while entries.peek().is_some() {
            let transaction = self.keyspace.begin(Isolation::Serializable)?;
            for (key, value) in entries.by_ref().take(LOAD_BATCH) {
                transaction.put(key.to_vec(), value)?;
            }
            transaction.commit(Durability::Buffered)?;
        }
        Ok(self.keyspace.sync()?)
    }

    /// Folds everything into the checkpoint.
    ///
    /// # Errors
    /// Those of a fold.
    pub fn fold(&self) -> Outcome<()> {
        self.keyspace.fold()?;
        Ok(())
    }

    /// The keyspace itself.
    pub fn keyspace(&self) -> &Arc<Keyspace> {
        &self.keyspace
    }
}

impl WriteStore for MarquetryStore {
    fn write(&self, safety: Safety, work: &mut dyn FnMut(&mut dyn Writer) -> Outcome<()>) -> Outcome<()> {
        let durability = match safety {
            Safety::Power => Durability::Durable,
            Safety::Process => Durability::Buffered,
        };
        work(&mut KeyspaceWriter { keyspace: &self.keyspace, durability })
    }
}

struct KeyspaceWriter<'a> {
    keyspace: &'a Arc<Keyspace>,
    durability: Durability,
}

impl Writer for KeyspaceWriter<'_> {
    fn put(&mut self, key: &[u8], value: &[u8]) -> Outcome<()> {
        let transaction = self.keyspace.begin(Isolation::Serializable)?;
        transaction.put(key.to_vec(), value.to_vec())?;
        transaction.commit(self.durability)?;
        Ok(())
    }
}

impl ReadStore for MarquetryStore {
    fn read(&self, view: ViewUse, work: &mut dyn FnMut(&mut dyn Reader) -> Outcome<()>) -> Outcome<()> {
        work(&mut KeyspaceReader { keyspace: &self.keyspace, snapshot: self.keyspace.snapshot()?, view })
    }
}

struct KeyspaceReader<'a> {
    keyspace: &'a Arc<Keyspace>,
    snapshot: Snapshot,
    view: ViewUse,
}

impl Reader for KeyspaceReader<'_> {
    fn get(&mut self, key: &[u8]) -> Outcome<usize> {
        let value = match self.view {
            ViewUse::Held => self.snapshot.get(key)?,
            ViewUse::Fresh => self.keyspace.snapshot()?.get(key)?,
        };
        Ok(look_at(&value.ok_or("a key is missing")?))
    }

    fn scan(&mut self, key: &[u8], order: Order, limit: usize) -> Outcome<usize> {
        scan_keyspace(&self.snapshot, key, order, limit)
    }
}

/// The number of entries from `key` on, `limit` at most; every key and value is looked at.
///
/// # Errors
/// Those of the keyspace.
pub fn scan_keyspace(snapshot: &Snapshot, key: &[u8], order: Order, limit: usize) -> Outcome<usize> {
    let mut scan = match order {
        Order::Forward => snapshot.scan(KeyRange::new(key.to_vec(), None::<Vec<u8>>), Direction::Forward)?,
        Order::Backward => snapshot.scan(KeyRange::new(Vec::new(), Some(key_after(key))), Direction::Backward)?,
    };
    let mut count = 0;
    // The limit comes first: what is asked for is worked out.
    while count < limit && scan.advance()? {
        look_at(scan.key());
        look_at(scan.value());
        count += 1;
    }
    Ok(count)
}
