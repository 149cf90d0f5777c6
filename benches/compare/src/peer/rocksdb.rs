//! RocksDB with optimistic transactions, without compression.

use std::path::Path;

use marquetry_benches::Outcome;
use marquetry_benches::store::{Order, Safety, look_at};
use rocksdb::{
    BlockBasedOptions, Cache, DBCompressionType, ErrorKind, OptimisticTransactionDB, OptimisticTransactionOptions,
    Options, WriteBatchWithTransaction, WriteOptions,
};

use super::{Change, Held, Peer, Room, Session};

/// Memtables that may be full while another takes writes: with it they have the three quarters of the memory that
/// Marquetry's have.
const MEMTABLES: i32 = 3;

pub(super) struct RocksDbPeer(OptimisticTransactionDB);

impl RocksDbPeer {
    /// A quarter of the memory is block cache.
    pub(super) fn open(directory: &Path, room: Room) -> Outcome<Self> {
        let quarter = room.memory_size_bytes / 4;
        let mut blocks = BlockBasedOptions::default();
        blocks.set_block_cache(&Cache::new_lru_cache(quarter));
        blocks.set_bloom_filter(10.0, false);
        let mut options = Options::default();
        options.create_if_missing(true);
        options.set_block_based_table_factory(&blocks);
        options.set_write_buffer_size(quarter);
        options.set_max_write_buffer_number(MEMTABLES);
        options.increase_parallelism(2);
        // That of a system may compress unless it is told not to.
        options.set_compression_type(DBCompressionType::None);
        Ok(RocksDbPeer(OptimisticTransactionDB::open(&options, directory)?))
    }
}

impl Peer for RocksDbPeer {
    fn session(&self, safety: Safety, _clients: usize) -> Outcome<Box<dyn Session + '_>> {
        let mut options = WriteOptions::default();
        options.set_sync(safety == Safety::Power);
        Ok(Box::new(RocksDbSession { database: &self.0, options }))
    }

    fn hold(&self) -> Outcome<Box<dyn Held + '_>> {
        Ok(Box::new(self.0.snapshot()))
    }

    fn settle(&self) -> Outcome<()> {
        self.0.flush()?;
        // Everything in one level: what RocksDB itself would reach after a while without writes.
        self.0.compact_range::<&[u8], &[u8]>(None, None);
        Ok(())
    }
}

struct RocksDbSession<'a> {
    database: &'a OptimisticTransactionDB,
    options: WriteOptions,
}

impl Session for RocksDbSession<'_> {
    fn write(&mut self, changes: &[Change<'_>]) -> Outcome<()> {
        match changes {
            [(key, Some(value))] => self.database.put_opt(key, value, &self.options)?,
            [(key, None)] => self.database.delete_opt(key, &self.options)?,
            _ => {
                let mut batch = WriteBatchWithTransaction::<true>::default();
                for (key, value) in changes {
                    match value {
                        Some(value) => batch.put(key, value),
                        None => batch.delete(key),
                    }
                }
                self.database.write_opt(batch, &self.options)?;
            }
        }
        Ok(())
    }

    fn get(&mut self, key: &[u8]) -> Outcome<Option<usize>> {
        Ok(self.database.get_pinned(key)?.map(|value| look_at(&value)))
    }

    fn scan(&mut self, from: &[u8], order: Order, limit: usize) -> Outcome<usize> {
        let mut entries = self.database.raw_iterator();
        match order {
            Order::Forward => entries.seek(from),
            Order::Backward => entries.seek_for_prev(from),
        }
        let mut count = 0;
        while count < limit
            && let Some((key, value)) = entries.item()
        {
            look_at(key);
            look_at(value);
            count += 1;
            match order {
                Order::Forward => entries.next(),
                Order::Backward => entries.prev(),
            }
        }
        entries.status()?;
        Ok(count)
    }

    fn update(&mut self, key: &[u8], change: &dyn Fn(&[u8]) -> Vec<u8>) -> Outcome<()> {
        loop {
            let transaction = self.database.transaction_opt(&self.options, &OptimisticTransactionOptions::default());
            let old = transaction.get_for_update(key, true)?.unwrap_or_default();
            transaction.put(key, change(&old))?;
            match transaction.commit() {
                Err(error) if matches!(error.kind(), ErrorKind::Busy | ErrorKind::TryAgain) => {}
                other => return other.map_err(Into::into),
            }
        }
    }
}
