//! redb alone, as it comes: one table, one transaction per commit.

use std::path::Path;

use redb::{AccessGuard, Database, Durability, ReadOnlyTable, ReadableDatabase, StorageError, TableDefinition};

use super::{Order, ReadStore, Reader, Safety, ViewUse, WriteStore, Writer, look_at};
use crate::{Data, Outcome};

/// The table that holds the entries.
pub const REDB_ENTRIES: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("entries");

/// A redb database.
pub struct RedbStore(Database);

impl RedbStore {
    /// The database in `directory`, created when missing.
    ///
    /// # Errors
    /// Those of opening it.
    pub fn open(directory: &Path, cache_size_bytes: usize) -> Outcome<Self> {
        Ok(RedbStore(Database::builder().set_cache_size(cache_size_bytes).create(directory.join("redb"))?))
    }

    /// The database itself.
    pub fn database(&self) -> &Database {
        &self.0
    }

    /// Commits all entries of `data`, durably, in one transaction.
    ///
    /// # Errors
    /// Those of a commit.
    pub fn load(&self, data: &Data) -> Outcome<()> {
        let transaction = self.0.begin_write()?;
        {
            let mut table = transaction.open_table(REDB_ENTRIES)?;
            for (key, value) in data.entries() {
                table.insert(&key[..], &value[..])?;
            }
        }
        Ok(transaction.commit()?)
    }
}

impl WriteStore for RedbStore {
    fn write(&self, safety: Safety, work: &mut dyn FnMut(&mut dyn Writer) -> Outcome<()>) -> Outcome<()> {
        let durability = match safety {
            Safety::Power => Durability::Immediate,
            Safety::Process => Durability::None,
        };
        work(&mut RedbWriter { database: &self.0, durability })
    }
}

struct RedbWriter<'a> {
    database: &'a Database,
    durability: Durability,
}

impl Writer for RedbWriter<'_> {
    fn put(&mut self, key: &[u8], value: &[u8]) -> Outcome<()> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(self.durability)?;
        transaction.open_table(REDB_ENTRIES)?.insert(key, value)?;
        Ok(transaction.commit()?)
    }
}

impl ReadStore for RedbStore {
    fn read(&self, view: ViewUse, work: &mut dyn FnMut(&mut dyn Reader) -> Outcome<()>) -> Outcome<()> {
        let table = self.0.begin_read()?.open_table(REDB_ENTRIES)?;
        work(&mut RedbReader { database: &self.0, table, view })
    }
}

struct RedbReader<'a> {
    database: &'a Database,
    table: ReadOnlyTable<&'static [u8], &'static [u8]>,
    view: ViewUse,
}

impl Reader for RedbReader<'_> {
    fn get(&mut self, key: &[u8]) -> Outcome<usize> {
        let value = match self.view {
            ViewUse::Held => self.table.get(key)?,
            ViewUse::Fresh => self.database.begin_read()?.open_table(REDB_ENTRIES)?.get(key)?,
        };
        let value = value.ok_or("a key is missing")?;
        Ok(look_at(value.value()))
    }

    fn scan(&mut self, key: &[u8], order: Order, limit: usize) -> Outcome<usize> {
        scan_redb(&self.table, key, order, limit)
    }
}

/// The number of entries of `table` from `key` on, `limit` at most; every key and value is looked at.
///
/// # Errors
/// Those of redb.
pub fn scan_redb(
    table: &ReadOnlyTable<&'static [u8], &'static [u8]>,
    key: &[u8],
    order: Order,
    limit: usize,
) -> Outcome<usize> {
    match order {
        Order::Forward => count(table.range(key..)?.take(limit)),
        Order::Backward => count(table.range(..=key)?.rev().take(limit)),
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
