//! One put per transaction: durable with 1, 16 and 64 writers, and buffered.
//!
//! Every store is loaded with 100,000 entries first, for a commit into an empty tree costs nothing.

use std::cell::Cell;
use std::time::Duration;

use marquetry_benches::store::{MarquetryStore, RawFile, RedbStore, Safety, SqliteStore, WriteStore, commit_rate};
use marquetry_benches::{Contest, Data, Outcome, scratch_directory};

const DATA: Data = Data { count: 100_000, value_size_bytes: 100 };
const CACHE_SIZE_BYTES: usize = 48 * 1024 * 1024;
/// How long each entrant commits in a round.
const SPAN: Duration = Duration::from_millis(300);

fn main() -> Outcome<()> {
    let directory = scratch_directory()?;
    let path = directory.path();
    let stores = Stores {
        // The page cache is a quarter of the memory.
        marquetry: MarquetryStore::open(path, CACHE_SIZE_BYTES * 4)?,
        redb: RedbStore::open(path, CACHE_SIZE_BYTES)?,
        sqlite: SqliteStore::open(path, CACHE_SIZE_BYTES, DATA.value_size_bytes)?,
        growing: RawFile::growing(path)?,
        zeroed: RawFile::zeroed(path)?,
        seed: Cell::new(0),
    };
    stores.marquetry.load(&DATA)?;
    stores.marquetry.fold()?;
    stores.redb.load(&DATA)?;
    stores.sqlite.load(&DATA)?;
    stores.durable_alone()?;
    for writers in [16, 64] {
        stores.durable_together(writers)?;
    }
    stores.buffered()
}

struct Stores {
    marquetry: MarquetryStore,
    redb: RedbStore,
    sqlite: SqliteStore,
    growing: RawFile,
    zeroed: RawFile,
    seed: Cell<u64>,
}

impl Stores {
    fn rate<'a>(&'a self, store: &'a dyn WriteStore, safety: Safety, writers: usize) -> impl FnMut() -> Outcome<f64> {
        move || {
            self.seed.set(self.seed.get() + 1);
            commit_rate(store, safety, writers, &DATA, SPAN, self.seed.get())
        }
    }

    fn durable_alone(&self) -> Outcome<()> {
        Contest::new("Durable commits of one put, 1 writer", "commit")
            .entrant("marquetry", self.rate(&self.marquetry, Safety::Power, 1))
            .entrant("append + fdatasync, file grows", self.rate(&self.growing, Safety::Power, 1))
            .entrant("append + fdatasync, over zeros", self.rate(&self.zeroed, Safety::Power, 1))
            .entrant("redb", self.rate(&self.redb, Safety::Power, 1))
            .entrant("SQLite, WAL, FULL", self.rate(&self.sqlite, Safety::Power, 1))
            .run()
    }

    fn durable_together(&self, writers: usize) -> Outcome<()> {
        Contest::new(format!("Durable commits of one put, {writers} writers"), "commit")
            .entrant("marquetry", self.rate(&self.marquetry, Safety::Power, writers))
            .entrant("redb", self.rate(&self.redb, Safety::Power, writers))
            .entrant("SQLite, WAL, FULL", self.rate(&self.sqlite, Safety::Power, writers))
            .entrant("SQLite, WAL, FULL, 1 writer", self.rate(&self.sqlite, Safety::Power, 1))
            .run()
    }

    fn buffered(&self) -> Outcome<()> {
        Contest::new("Buffered commits of one put, 1 writer", "commit")
            .entrant("marquetry, buffered", self.rate(&self.marquetry, Safety::Process, 1))
            .entrant("write without sync, file grows", self.rate(&self.growing, Safety::Process, 1))
            .entrant("redb, durability none", self.rate(&self.redb, Safety::Process, 1))
            .entrant("SQLite, WAL, NORMAL", self.rate(&self.sqlite, Safety::Process, 1))
            .run()
    }
}
