//! fjall: one keyspace of a database with optimistic transactions, without compression.

use std::path::Path;

use fjall::{Guard, KeyspaceCreateOptions, OptimisticTxDatabase, OptimisticTxKeyspace, PersistMode, Readable as _};
use marquetry_benches::Outcome;
use marquetry_benches::store::{Order, Safety, look_at};

use super::{Change, Held, Peer, Room, Session};

pub(super) struct FjallPeer {
    database: OptimisticTxDatabase,
    entries: OptimisticTxKeyspace,
}

impl FjallPeer {
    /// A quarter of the memory is page cache, as Marquetry has it.
    pub(super) fn open(directory: &Path, room: Room) -> Outcome<Self> {
        let quarter = (room.memory_size_bytes / 4) as u64;
        let database = OptimisticTxDatabase::builder(directory).cache_size(quarter).open()?;
        let options = || KeyspaceCreateOptions::default().max_memtable_size(quarter);
        let entries = database.keyspace("entries", options)?;
        Ok(FjallPeer { database, entries })
    }
}

impl Peer for FjallPeer {
    fn session(&self, safety: Safety, _clients: usize) -> Outcome<Box<dyn Session + '_>> {
        Ok(Box::new(FjallSession { peer: self, safety }))
    }

    fn hold(&self) -> Outcome<Box<dyn Held + '_>> {
        Ok(Box::new(self.database.read_tx()))
    }

    fn settle(&self) -> Outcome<()> {
        self.entries.inner().rotate_memtable_and_wait()?;
        // What the journal still has in the system's memory would weigh on the next sync.
        Ok(self.database.persist(PersistMode::SyncData)?)
    }
}

struct FjallSession<'a> {
    peer: &'a FjallPeer,
    safety: Safety,
}

impl FjallSession<'_> {
    fn persist(&self) -> Outcome<()> {
        if self.safety == Safety::Power {
            self.peer.database.persist(PersistMode::SyncData)?;
        }
        Ok(())
    }
}

impl Session for FjallSession<'_> {
    fn write(&mut self, changes: &[Change<'_>]) -> Outcome<()> {
        // Through transactions, which updates by others are compared with; the keyspace below them knows nothing of those.
        let entries = &self.peer.entries;
        match changes {
            [(key, Some(value))] => entries.insert(*key, *value)?,
            [(key, None)] => entries.remove(*key)?,
            _ => {
                let mut transaction = self.peer.database.write_tx()?;
                for (key, value) in changes {
                    match value {
                        Some(value) => transaction.insert(entries, *key, *value),
                        None => transaction.remove(entries, *key),
                    }
                }
                transaction.commit()??;
            }
        }
        self.persist()
    }

    fn get(&mut self, key: &[u8]) -> Outcome<Option<usize>> {
        Ok(self.peer.entries.inner().get(key)?.map(|value| look_at(&value)))
    }

    fn scan(&mut self, from: &[u8], order: Order, limit: usize) -> Outcome<usize> {
        let entries = self.peer.entries.inner();
        let view = self.peer.database.read_tx();
        match order {
            Order::Forward => count(view.range(entries, from..).take(limit)),
            Order::Backward => count(view.range(entries, ..=from).rev().take(limit)),
        }
    }

    fn update(&mut self, key: &[u8], change: &dyn Fn(&[u8]) -> Vec<u8>) -> Outcome<()> {
        self.peer.entries.update_fetch(key, |old| Some(change(old.map_or(&[], |old| &old[..])).into()))?;
        self.persist()
    }
}

fn count(entries: impl Iterator<Item = Guard>) -> Outcome<usize> {
    let mut count = 0;
    for entry in entries {
        let (key, value) = entry.into_inner()?;
        look_at(&key);
        look_at(&value);
        count += 1;
    }
    Ok(count)
}
