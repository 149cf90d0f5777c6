//! A crash at every I/O of workloads over all six models, and a second one inside recovery.
//!
//! Here for a minute, by `cargo run -p marquetry-tests --release --bin soak` for as long as told.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::sync::Arc;

use marquetry::env::{Env, MemoryEnv};
use marquetry::{Database, Settings};
use marquetry_tests::crashes::{self, CrashCount};
use marquetry_tests::seed;
use marquetry_tests::workload::Run;

const POINTS: u64 = 10_000;

#[test]
fn a_crash_at_every_io_leaves_all_models_whole() {
    let seed = seed("crash");
    let mut total = CrashCount::default();
    for workload in 0.. {
        let count = crashes::enumerate(seed.wrapping_add(workload), None).unwrap_or_else(|loss| panic!("{loss}"));
        total.add(count);
        if total.points >= POINTS {
            break;
        }
    }
    println!("{total:?}, 0 losses");
    assert!(total.second > POINTS / 4, "too few crashes inside recovery: {total:?}");
}

/// Models that held each other kept every file of a dropped database open, and all its memory.
#[test]
fn a_dropped_database_lets_go_of_everything() {
    for background in [false, true] {
        let env: Arc<dyn Env> = Arc::new(MemoryEnv::new());
        let settings = Settings { background, ..Settings::default() };
        let database = Database::open_on(env.clone(), Path::new("/db"), settings).unwrap();
        Run::one_more(&database, &mut Default::default()).unwrap();
        while database.maintain().unwrap() {}
        drop(database);
        assert_eq!(Arc::strong_count(&env), 1, "something of the database is still there, background: {background}");
    }
}
