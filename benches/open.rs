//! Opening after a kill, with 64 MiB in the log that the last checkpoint does not hold.
//!
//! A child process fills each store and aborts; every round opens a copy of what it left, up to the first read.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use marquetry::kv::{Durability, Isolation};
use marquetry_benches::store::{MarquetryStore, Order, ReadStore, RedbStore, Safety, SqliteStore, ViewUse, WriteStore};
use marquetry_benches::{Contest, Data, Outcome, Random, copy_all, is_child, run_child, scratch_directory};

const LOG_SIZE_BYTES: u64 = 64 * 1024 * 1024;
/// The default page cache, and the memory that it is a quarter of.
const CACHE_SIZE_BYTES: usize = 48 * 1024 * 1024;
const MEMORY_SIZE_BYTES: usize = 4 * CACHE_SIZE_BYTES;
/// Writes in one transaction while filling.
const BATCH: usize = 16;

fn main() -> Outcome<()> {
    if let Some((role, directory)) = is_child() {
        return fill(&role, Path::new(&directory));
    }
    for value_size_bytes in [100, 1_000] {
        fresh_keys(value_size_bytes)?;
    }
    hot_keys()
}

fn fresh_keys(value_size_bytes: usize) -> Outcome<()> {
    let template = scratch_directory()?;
    let work = scratch_directory()?;
    for store in ["marquetry", "redb", "sqlite"] {
        left_by_child(&format!("{store}-{value_size_bytes}"), template.path())?;
    }
    Contest::new(format!("Open after a kill, 64 MiB of log, values of {value_size_bytes} B"), "open")
        .entrant("marquetry", opening(template.path(), work.path(), open_marquetry))
        .entrant("redb, as it comes", opening(template.path(), work.path(), open_redb))
        .entrant("SQLite, WAL", opening(template.path(), work.path(), open_sqlite))
        .run()
}

fn hot_keys() -> Outcome<()> {
    let template = scratch_directory()?;
    let work = scratch_directory()?;
    left_by_child("marquetry-hot", template.path())?;
    Contest::new("Open after a kill, 64 MiB of log, 1000 keys written over and over", "open")
        .entrant("marquetry", opening(template.path(), work.path(), open_marquetry))
        .run()
}

fn left_by_child(role: &str, directory: &Path) -> Outcome<()> {
    let output = run_child(role, &directory.display().to_string())?;
    let said = String::from_utf8_lossy(&output.stderr);
    match output.status.success() || said.contains("Error") {
        true => Err(format!("the child {role} did not die as it should: {said}").into()),
        false => Ok(()),
    }
}

fn fill(role: &str, directory: &Path) -> Outcome<()> {
    let (store, kind) = role.split_once('-').ok_or("a role is a store and a kind")?;
    let data = Data { count: 0, value_size_bytes: kind.parse().unwrap_or(100) };
    let keys = if kind == "hot" { 1_000 } else { u64::MAX };
    match store {
        "marquetry" => fill_marquetry(&data, keys, directory),
        "redb" => fill_redb(&data, directory),
        _ => fill_sqlite(&data, directory),
    }
}

fn fill_marquetry(data: &Data, keys: u64, directory: &Path) -> Outcome<()> {
    // With this much memory nothing is folded, so that all of it is in the log.
    let store = MarquetryStore::open(directory, 4 << 30)?;
    let mut random = Random::new(1);
    while store.keyspace().statistics().log_size_bytes < LOG_SIZE_BYTES {
        for _ in 0..64 {
            let transaction = store.keyspace().begin(Isolation::Serializable)?;
            for _ in 0..BATCH {
                let number = random.number();
                transaction.put(Data::key(number % keys).to_vec(), data.value(number))?;
            }
            transaction.commit(Durability::Buffered)?;
        }
    }
    store.keyspace().sync()?;
    std::process::abort();
}

fn fill_redb(data: &Data, directory: &Path) -> Outcome<()> {
    let store = RedbStore::open(directory, CACHE_SIZE_BYTES)?;
    let mut random = Random::new(1);
    store.write(Safety::Process, &mut |writer| {
        for _ in 0..entries_in_the_log(data) {
            let number = random.number();
            writer.put(&Data::key(number), &data.value(number))?;
        }
        Ok(())
    })?;
    store.write(Safety::Power, &mut |writer| writer.put(&Data::key(0), b"last"))?;
    std::process::abort();
}

fn fill_sqlite(data: &Data, directory: &Path) -> Outcome<()> {
    let store = SqliteStore::open(directory, CACHE_SIZE_BYTES, data.value_size_bytes)?;
    let mut connection = store.connect("NORMAL")?;
    // Its log holds whole pages: with a page for each entry it would be many times as long, so it is filled in one go.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    let transaction = connection.transaction()?;
    let mut random = Random::new(1);
    for _ in 0..entries_in_the_log(data) {
        let number = random.number();
        transaction.execute("INSERT INTO entries VALUES (?1, ?2)", (Data::key(number), data.value(number)))?;
    }
    transaction.commit()?;
    std::process::abort();
}

fn entries_in_the_log(data: &Data) -> u64 {
    LOG_SIZE_BYTES / (data.value_size_bytes as u64 + 24)
}

type Open = fn(&Path) -> Outcome<Duration>;

/// `open` says how long it took: what closing takes is not asked here.
fn opening<'a>(template: &'a Path, work: &'a Path, open: Open) -> impl FnMut() -> Outcome<f64> {
    let mut round = 0;
    move || {
        round += 1;
        let copy = work.join(format!("{}-{round}", open as usize));
        copy_all(template, &copy)?;
        let took = open(&copy)?;
        fs::remove_dir_all(&copy)?;
        Ok(took.as_secs_f64() * 1e6)
    }
}

fn open_marquetry(directory: &Path) -> Outcome<Duration> {
    let started = Instant::now();
    let store = MarquetryStore::open(directory, MEMORY_SIZE_BYTES)?;
    store.read(ViewUse::Held, &mut |reader| {
        reader.scan(&[], Order::Forward, 1)?;
        Ok(())
    })?;
    Ok(started.elapsed())
}

fn open_redb(directory: &Path) -> Outcome<Duration> {
    let started = Instant::now();
    let store = RedbStore::open(directory, CACHE_SIZE_BYTES)?;
    store.read(ViewUse::Held, &mut |reader| reader.get(&Data::key(0)).map(|_| ()))?;
    Ok(started.elapsed())
}

fn open_sqlite(directory: &Path) -> Outcome<Duration> {
    let started = Instant::now();
    let connection = SqliteStore::open(directory, CACHE_SIZE_BYTES, 0)?.connect("FULL")?;
    connection.query_row("SELECT key FROM entries LIMIT 1", [], |_| Ok(()))?;
    Ok(started.elapsed())
}
