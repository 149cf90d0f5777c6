//! The path of a commit under schedules that are chosen, not met by chance.
//!
//! ```text
//!   test    threads over one keyspace    every lock, atomic, wait and thread of it is a place where another thread may go on
//!             |                             (`engine/src/sync.rs`)
//!   shuttle   random schedules, and those that differ from order by few changes (PCT), from a seed
//!             |
//!   found     a failed assertion, a deadlock (a wake-up that was lost), or no end
//! ```
//!
//! Ordinary runs try a few hundred schedules of each test; `MARQUETRY_SCHEDULES=100000` says how many. What fails prints
//! its seed, and `MARQUETRY_SEED` replays it. Atomics are as strong here as they can be: what a weaker order of theirs
//! allows is not found.
//!
//! That mistakes are found was tried with these, one after another, each found within the schedules of an ordinary run:
//!
//! - `committer`: no wake-up when a leader leaves; none when a commit becomes visible, or one outside the lock of those who are
//!   about to wait; a durable commit visible after its write, or any at once; a conflict looked for under one lock and the
//!   commit accepted under another; commits handed to the writer before its lock is taken, so that the log has another order;
//!   what a failed write lost passed for written.
//! - `store`: a fold of what is not yet durable; levels and version of a view taken under two locks; no wake-up for the end.
//! - `turns`: no wake-up for the next in line, or for one who is pushed out; an empty line left behind.
//! - `locks`: one who has left the line because of a circle was still searched, so that a circle had two victims. That one was
//!   made in earnest.
//! - `local`: no wake-up for who waits for a record.
//!
//! Two changes are not found because nothing depends on them: registering a writer after its view costs conflicts, and whoever
//! fails as a leader wakes all when he leaves. One is not found though it is wrong: a sync that marks as durable in later frames
//! what was appended beside it, which a power cut must lose while it keeps a later frame before it shows.

use std::path::Path;
use std::sync::Arc;

use marquetry::Result;
use marquetry::env::{CrashPolicy, MemoryEnv};
use marquetry::kv::{Durability, Isolation, Keyspace, KeyspaceSettings, Reader, Transaction, Version};
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, Runner};

/// Schedules of each test that are tried when nobody says how many.
const SCHEDULES: usize = 300;
/// Changes of order in a schedule that is otherwise in order; most mistakes need one or two.
const CHANGES: usize = 3;
/// What redb and the engine need of a stack.
const STACK_SIZE_BYTES: usize = 1024 * 1024;

/// Runs `body` under many schedules.
///
/// # Panics
/// When `body` does, when its threads wait for each other, or when they never end.
pub fn explore(test: &str, body: impl Fn() + Send + Sync + 'static) {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("it is a number"));
    let schedules = number("MARQUETRY_SCHEDULES").map_or(SCHEDULES, |count| count as usize);
    let seed = number("MARQUETRY_SEED").unwrap_or_else(random_seed);
    println!(
        "replay with: MARQUETRY_SEED={seed} MARQUETRY_SCHEDULES={schedules} cargo test --manifest-path tests/schedules/Cargo.toml {test}"
    );
    let body = Arc::new(body);
    run(RandomScheduler::new_from_seed(seed, schedules), body.clone());
    run(PctScheduler::new_from_seed(seed, CHANGES, schedules), body);
}

fn random_seed() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(1, |since| since.as_nanos() as u64)
}

fn run(scheduler: impl Scheduler + 'static, body: Arc<impl Fn() + Send + Sync + 'static>) {
    let mut config = Config::new();
    config.stack_size = STACK_SIZE_BYTES;
    config.silence_warnings = true;
    Runner::new(scheduler, config).run(move || body());
}

/// A number below `bound` that belongs to the schedule.
pub fn choice(bound: u64) -> u64 {
    use shuttle::rand::Rng;
    shuttle::rand::thread_rng().r#gen::<u64>() % bound
}

/// Settings of a keyspace without threads of its own.
pub fn quiet() -> KeyspaceSettings {
    KeyspaceSettings { background: false, memory_size_bytes: 256 * 1024, ..KeyspaceSettings::default() }
}

/// The keyspace on a disk.
///
/// # Panics
/// When it cannot be opened.
pub fn open(env: &MemoryEnv, settings: KeyspaceSettings) -> Arc<Keyspace> {
    Keyspace::open(Arc::new(env.clone()), Path::new("/db"), settings).expect("the keyspace opens")
}

/// What a power cut at this moment leaves at least, opened again.
pub fn after_power_cut(env: &MemoryEnv) -> Arc<Keyspace> {
    open(&env.fork().crash(CrashPolicy::KeepNone, 0), quiet())
}

/// What is there when the process dies at this moment, opened again.
pub fn after_kill(env: &MemoryEnv) -> Arc<Keyspace> {
    open(&env.fork().crash(CrashPolicy::KeepAll, 0), quiet())
}

/// Writes `value` to `key` without having read anything.
///
/// # Errors
/// Those of the commit.
pub fn put(keyspace: &Arc<Keyspace>, key: &str, value: u64, durability: Durability) -> Result<Version> {
    let tx = keyspace.begin(Isolation::Serializable)?;
    tx.put(key.to_owned(), value.to_string())?;
    tx.commit(durability)
}

/// The number at `key`; 0 when there is none.
///
/// # Errors
/// Those of reading.
pub fn get(reader: &impl Reader, key: &str) -> Result<u64> {
    let text = reader.get(key.as_bytes())?;
    Ok(text.map_or(0, |text| String::from_utf8_lossy(&text).parse().expect("only numbers are written")))
}

/// Adds one to the number at `key` as the transaction sees it.
///
/// # Errors
/// Those of reading and writing.
pub fn increment(tx: &Transaction, key: &str) -> Result<()> {
    tx.put(key.to_owned(), (get(tx, key)? + 1).to_string())
}
