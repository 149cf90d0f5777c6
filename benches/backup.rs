//! What a backup costs those who write beside it, and how fast it is itself.
//!
//! ```text
//!   writers, a second long                              alone
//!   writers, for as long as a backup takes              beside the first backup of a target; beside the next one
//! ```
//!
//! The target lies on the same disk as the database, which is the worst place for it.

use std::cell::{Cell, RefCell};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use marquetry::backup::BackupOptions;
use marquetry::table::{Column, ColumnType, Row, TableDefinition};
use marquetry::{Database, Settings};
use marquetry_benches::{Contest, Outcome, Random, scratch_directory};
use tempfile::TempDir;

const ROWS: i64 = 300_000;
const ROWS_PER_COMMIT: i64 = 1_000;
const BODY_SIZE_BYTES: usize = 1_000;
const MEMORY_SIZE_BYTES: usize = 256 * 1024 * 1024;
const WRITERS: usize = 4;
/// How long writers alone write in a round.
const SPAN: Duration = Duration::from_secs(1);

fn main() -> Outcome<()> {
    let directory = scratch_directory()?;
    let place = directory.path();
    let database = loaded(&place.join("data"))?;
    let seed = Cell::new(0);
    let target: RefCell<Option<TempDir>> = RefCell::new(None);
    let writers = |work: &mut dyn FnMut() -> Outcome<()>| {
        seed.set(seed.get() + 1);
        rate_beside(&database, seed.get(), work)
    };
    let title = format!("Durable commits of one row, {WRITERS} writers, {ROWS} rows of {BODY_SIZE_BYTES} B");
    Contest::new(title, "commit")
        .entrant("alone", || {
            writers(&mut || {
                std::thread::sleep(SPAN);
                Ok(())
            })
        })
        .entrant("beside the first backup of a target", || {
            let fresh = tempfile::tempdir_in(place)?;
            let micros = writers(&mut || back_up(&database, fresh.path(), "first"))?;
            target.replace(Some(fresh));
            Ok(micros)
        })
        .entrant("beside the next one", || {
            let mut target = target.borrow_mut();
            let before = match target.take() {
                Some(before) => before,
                None => {
                    let fresh = tempfile::tempdir_in(place)?;
                    back_up(&database, fresh.path(), "first")?;
                    fresh
                }
            };
            let place = target.insert(before).path();
            writers(&mut || back_up(&database, place, "next"))
        })
        .run()
}

/// A database with a table of rows, folded.
fn loaded(place: &Path) -> Outcome<Database> {
    let database =
        Database::open_with(place, Settings { memory_size_bytes: MEMORY_SIZE_BYTES, ..Settings::default() })?;
    let accounts = TableDefinition::new()
        .column(Column::new("id", ColumnType::Int8))
        .column(Column::new("body", ColumnType::Bytea))
        .primary_key(["id"]);
    database.transact(|tx| tx.tables().create("accounts", &accounts))?;
    let mut random = Random::new(0);
    for begin in (0..ROWS).step_by(ROWS_PER_COMMIT as usize) {
        let rows: Vec<_> = (begin..begin + ROWS_PER_COMMIT).map(|id| row(id, &mut random)).collect();
        database
            .transact(|tx| rows.iter().try_for_each(|row| tx.tables().upsert("accounts", row.clone()).map(drop)))?;
    }
    Ok(database)
}

fn row(id: i64, random: &mut Random) -> Row {
    let body: Vec<u8> = (0..BODY_SIZE_BYTES / 8).flat_map(|_| random.number().to_le_bytes()).collect();
    Row::new().set("id", id).set("body", body)
}

/// One backup, told on standard error with its speed.
fn back_up(database: &Database, target: &Path, name: &str) -> Outcome<()> {
    let begun = Instant::now();
    let report = database.backup(target, &BackupOptions::default(), &mut |_| {})?;
    let seconds = begun.elapsed().as_secs_f64();
    let mib = |size_bytes: u64| size_bytes as f64 / f64::from(1 << 20);
    eprintln!(
        "{name} backup: {:.0} MiB in {seconds:.1} s, {:.0} MiB/s, {:.1} MiB written",
        mib(report.size_bytes),
        mib(report.size_bytes) / seconds,
        mib(report.written_size_bytes)
    );
    Ok(())
}

/// Microseconds per commit of all writers together while `work` is done.
fn rate_beside(database: &Database, seed: u64, work: &mut dyn FnMut() -> Outcome<()>) -> Outcome<f64> {
    let (is_over, commits) = (AtomicBool::new(false), AtomicU64::new(0));
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS as u64)
            .map(|writer| {
                let (is_over, commits) = (&is_over, &commits);
                scope.spawn(move || -> Outcome<()> {
                    let mut random = Random::new(seed << 8 | writer);
                    while !is_over.load(Ordering::Relaxed) {
                        let row = row(random.below(ROWS as u64) as i64, &mut random);
                        database.transact(|tx| tx.tables().upsert("accounts", row.clone()).map(drop))?;
                        commits.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(())
                })
            })
            .collect();
        let outcome = work();
        is_over.store(true, Ordering::Relaxed);
        for writer in writers {
            writer.join().expect("a writer does not panic")?;
        }
        outcome
    })?;
    Ok(begun.elapsed().as_secs_f64() * 1e6 / commits.load(Ordering::Relaxed) as f64)
}
