//! Folds beside commits and readers, and the end of a keyspace that is still in use.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;

use marquetry::ErrorKind;
use marquetry::env::MemoryEnv;
use marquetry::kv::{Direction, Durability, Isolation, KeyRange, Keyspace, KeyspaceSettings, Maintenance, Reader};
use marquetry_schedules::{after_power_cut, choice, explore, get, increment, open, put, quiet};
use shuttle::thread;

fn entries(reader: &impl Reader) -> Vec<(Vec<u8>, Vec<u8>)> {
    let entries = reader.scan(KeyRange::all(), Direction::Forward).unwrap();
    entries.map(|entry| entry.map(|(key, value)| (key.to_vec(), value.to_vec())).unwrap()).collect()
}

fn writer(keyspace: &Arc<Keyspace>, number: u64, rounds: u64) -> thread::JoinHandle<()> {
    let keyspace = keyspace.clone();
    thread::spawn(move || {
        for round in 1..=rounds {
            let durability = if choice(2) == 0 { Durability::Durable } else { Durability::Buffered };
            put(&keyspace, &format!("k{number}"), round, durability).unwrap();
            put(&keyspace, &format!("k{number}.{round}"), round, durability).unwrap();
        }
    })
}

/// A snapshot shows the same for as long as it lives, and what was committed is in the checkpoint or in the log.
#[test]
fn folds_change_nothing_that_anybody_sees() {
    explore("folds_change_nothing", || {
        let env = MemoryEnv::simulated(1);
        let keyspace = open(&env, quiet());
        put(&keyspace, "k0", 9, Durability::Durable).unwrap();
        let writers = [writer(&keyspace, 1, 2), writer(&keyspace, 2, 2)];
        let folder = {
            let keyspace = keyspace.clone();
            thread::spawn(move || {
                for _ in 0..2 {
                    let folded = keyspace.fold().unwrap();
                    assert!(keyspace.visible_version() >= folded, "folded, and not to be seen");
                }
            })
        };
        let shown = keyspace.snapshot().unwrap();
        let first = entries(&shown);
        for _ in 0..3 {
            assert_eq!(entries(&shown), first, "a snapshot changed");
            assert_eq!(get(&keyspace.snapshot().unwrap(), "k0").unwrap(), 9);
        }
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        folder.join().unwrap();
        assert_eq!(entries(&shown), first, "a snapshot changed");
        assert_eq!(entries(&keyspace.snapshot().unwrap()).len(), 7);
        keyspace.sync().unwrap();
        assert_eq!(entries(&after_power_cut(&env).snapshot().unwrap()), entries(&keyspace.snapshot().unwrap()));
        keyspace.check().unwrap();
    });
}

/// A snapshot shows every commit up to its version and none after it, at whatever moment of a fold it was taken.
#[test]
fn a_snapshot_beside_a_fold_shows_what_its_version_says() {
    explore("a_snapshot_beside_a_fold", || {
        let keyspace = open(&MemoryEnv::simulated(1), quiet());
        let folder = {
            let keyspace = keyspace.clone();
            thread::spawn(move || keyspace.fold().unwrap())
        };
        let writer = {
            let keyspace = keyspace.clone();
            thread::spawn(move || [1, 2, 3].map(|value| put(&keyspace, "k", value, Durability::Buffered).unwrap()))
        };
        let mut shown = Vec::new();
        for _ in 0..3 {
            let snapshot = keyspace.snapshot().unwrap();
            shown.push((snapshot.version(), get(&snapshot, "k").unwrap()));
        }
        folder.join().unwrap();
        let versions = writer.join().unwrap();
        for (version, value) in shown {
            assert_eq!(value, versions.iter().filter(|written| **written <= version).count() as u64, "at {version}");
        }
    });
}

/// Transactions are compared with what a fold has taken out of the memtable, too.
#[test]
fn no_update_is_lost_over_a_fold() {
    explore("no_update_is_lost", || {
        let keyspace = open(&MemoryEnv::simulated(1), quiet());
        let folder = {
            let keyspace = keyspace.clone();
            thread::spawn(move || keyspace.fold().unwrap())
        };
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let keyspace = keyspace.clone();
                thread::spawn(move || {
                    let mut left = 2;
                    while left > 0 {
                        let tx = keyspace.begin(Isolation::Serializable).unwrap();
                        increment(&tx, "count").unwrap();
                        left -= u64::from(tx.commit(Durability::Buffered).is_ok());
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        folder.join().unwrap();
        assert_eq!(get(&keyspace.snapshot().unwrap(), "count").unwrap(), 4);
    });
}

/// The background threads fold and sync beside everything, and end when they are told to, whatever they were about to do.
#[test]
fn the_background_ends_when_it_is_told_to() {
    explore("the_background_ends", || {
        let env = MemoryEnv::simulated(1);
        let keyspace = open(&env, KeyspaceSettings { background: true, memory_size_bytes: 2_048, ..quiet() });
        let maintenance = Maintenance::start(&keyspace).unwrap();
        let writers = [writer(&keyspace, 1, 2), writer(&keyspace, 2, 2)];
        if choice(2) == 0 {
            writers.into_iter().for_each(|writer| writer.join().unwrap());
            drop(maintenance);
        } else {
            // Whoever waits for memory must not wait for a thread that is gone.
            thread::yield_now();
            writers.into_iter().for_each(|writer| writer.join().unwrap());
            keyspace.close().unwrap();
            drop(maintenance);
            assert_eq!(entries(&after_power_cut(&env).snapshot().unwrap()).len(), 6);
        }
    });
}

/// Closing waits for nobody and forgets nobody: whoever was told "committed" is in what is opened next.
#[test]
fn what_was_acknowledged_outlives_a_close_beside_it() {
    explore("what_was_acknowledged", || {
        let env = MemoryEnv::simulated(1);
        let keyspace = open(&env, quiet());
        let threads: Vec<_> = (0..2)
            .map(|number| {
                let keyspace = keyspace.clone();
                thread::spawn(move || {
                    let mut acknowledged = 0;
                    for round in 1..=3 {
                        match put(&keyspace, &format!("k{number}"), round, Durability::Durable) {
                            Ok(_) => acknowledged = round,
                            Err(error) => assert_eq!(error.kind(), ErrorKind::Closed),
                        }
                    }
                    acknowledged
                })
            })
            .collect();
        keyspace.close().unwrap();
        assert_eq!(keyspace.snapshot().unwrap_err().kind(), ErrorKind::Closed);
        drop(keyspace);
        let acknowledged: Vec<u64> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        let again = after_power_cut(&env).snapshot().unwrap();
        for (number, acknowledged) in acknowledged.into_iter().enumerate() {
            assert!(get(&again, &format!("k{number}")).unwrap() >= acknowledged, "acknowledged, and lost");
        }
    });
}
