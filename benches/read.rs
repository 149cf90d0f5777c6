//! Point reads and scans, from the checkpoint and from a full memtable.
//!
//! Told is processor time: whatever else the machine does, these reads wait for nothing but memory.
//!
//! Caches have the same size everywhere: first large enough for all of the data, then a sixth of it.

use std::cell::Cell;

use marquetry_benches::store::{
    MarquetryStore, Order, ReadStore, RedbStore, SqliteStore, ViewUse, read_rate, scan_rate,
};
use marquetry_benches::{Contest, Data, Outcome, is_wanted, scratch_directory};

const COUNT: u64 = 200_000;
const LARGE_CACHE_SIZE_BYTES: usize = 320 * 1024 * 1024;
const SMALL_CACHE_SIZE_BYTES: usize = 32 * 1024 * 1024;
/// Point reads of one entrant in a round.
const READS: u64 = 30_000;

fn main() -> Outcome<()> {
    for value_size_bytes in [100, 1_000] {
        let data = Data { count: COUNT, value_size_bytes };
        let named = format!("{COUNT} values of {value_size_bytes} B");
        if TITLES.iter().any(|title| is_wanted(&format!("{title}, {named}"))) {
            warm(&data, &named)?;
        }
    }
    let title = format!("{}, {COUNT} values of 1000 B, {} MiB cache", TITLES[0], SMALL_CACHE_SIZE_BYTES >> 20);
    if is_wanted(&title) { short_of_memory(&title) } else { Ok(()) }
}

const TITLES: [&str; 5] = [
    "Point reads, one snapshot",
    "Point reads, a snapshot each",
    "Scan forward over everything",
    "Scan backward over everything",
    "Scan of 100 entries",
];

struct Stores {
    checkpoint: MarquetryStore,
    memtable: Option<MarquetryStore>,
    redb: RedbStore,
    sqlite: SqliteStore,
    seed: Cell<u64>,
}

impl Stores {
    fn contest(&self, title: String, operation: &'static str, rate: &Rate<'_>) -> Outcome<()> {
        let measure = |store: &'static str| {
            move || {
                self.seed.set(self.seed.get() + 1);
                let store: &dyn ReadStore = match store {
                    "checkpoint" => &self.checkpoint,
                    "memtable" => self.memtable.as_ref().ok_or("there is no memtable here")?,
                    "redb" => &self.redb,
                    _ => &self.sqlite,
                };
                rate(store, self.seed.get())
            }
        };
        let mut contest =
            Contest::new(title, operation).entrant("marquetry, from the checkpoint", measure("checkpoint"));
        if self.memtable.is_some() {
            contest = contest.entrant("marquetry, from the memtable", measure("memtable"));
        }
        contest.entrant("redb", measure("redb")).entrant("SQLite", measure("sqlite")).run()
    }
}

type Rate<'a> = dyn Fn(&dyn ReadStore, u64) -> Outcome<f64> + 'a;

fn warm(data: &Data, named: &str) -> Outcome<()> {
    let directory = scratch_directory()?;
    let path = directory.path();
    std::fs::create_dir(path.join("memtable"))?;
    let stores = Stores {
        checkpoint: MarquetryStore::open(path, LARGE_CACHE_SIZE_BYTES * 4)?,
        memtable: Some(MarquetryStore::open(&path.join("memtable"), LARGE_CACHE_SIZE_BYTES * 4)?),
        redb: RedbStore::open(path, LARGE_CACHE_SIZE_BYTES)?,
        sqlite: SqliteStore::open(path, LARGE_CACHE_SIZE_BYTES, data.value_size_bytes)?,
        seed: Cell::new(0),
    };
    stores.checkpoint.load(data)?;
    stores.checkpoint.fold()?;
    stores.redb.load(data)?;
    stores.sqlite.load(data)?;
    if let Some(memtable) = &stores.memtable {
        memtable.load(data)?;
    }
    for (title, view) in [(TITLES[0], ViewUse::Held), (TITLES[1], ViewUse::Fresh)] {
        let title = format!("{title}, {named}");
        stores.contest(title, "read", &|store, seed| read_rate(store, view, data, READS, seed))?;
    }
    for (title, order, length) in
        [(TITLES[2], Order::Forward, COUNT), (TITLES[3], Order::Backward, COUNT), (TITLES[4], Order::Forward, 100)]
    {
        let title = format!("{title}, {named}");
        let scans = (COUNT / length).min(300);
        stores.contest(title, "entry", &|store, seed| scan_rate(store, order, data, scans, length, seed))?;
    }
    Ok(())
}

fn short_of_memory(title: &str) -> Outcome<()> {
    let data = Data { count: COUNT, value_size_bytes: 1_000 };
    let directory = scratch_directory()?;
    let path = directory.path();
    let stores = Stores {
        checkpoint: MarquetryStore::open(path, SMALL_CACHE_SIZE_BYTES * 4)?,
        memtable: None,
        redb: RedbStore::open(path, SMALL_CACHE_SIZE_BYTES)?,
        sqlite: SqliteStore::open(path, SMALL_CACHE_SIZE_BYTES, data.value_size_bytes)?,
        seed: Cell::new(0),
    };
    stores.checkpoint.load(&data)?;
    stores.checkpoint.fold()?;
    stores.redb.load(&data)?;
    stores.sqlite.load(&data)?;
    stores.contest(title.to_owned(), "read", &|store, seed| read_rate(store, ViewUse::Held, &data, READS, seed))
}
