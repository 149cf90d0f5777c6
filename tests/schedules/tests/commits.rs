//! Several commits at once: one writes and syncs for all, all become visible in order, and of a failure everybody is told.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use marquetry::ErrorKind;
use marquetry::env::{FailureSpan, MemoryEnv};
use marquetry::kv::{CommitObserver, Direction, Durability, Isolation, KeyRange, Reader, Version};
use marquetry_schedules::{after_kill, after_power_cut, choice, explore, get, increment, open, put, quiet};
use shuttle::sync::atomic::{AtomicBool, Ordering};
use shuttle::thread;

const LONG: Duration = Duration::from_secs(3_600);

/// Every version that was told, with what it wrote.
#[derive(Default)]
struct Told(Mutex<Vec<(Version, Vec<u8>)>>);

impl CommitObserver for Told {
    fn committed(&self, version: Version, changes: &[(bytes::Bytes, Option<bytes::Bytes>)]) {
        let value = changes[0].1.as_ref().unwrap().to_vec();
        self.0.lock().unwrap().push((version, value));
    }
}

/// K1, K2: versions are told in order, one after another, each with its own changes; what is acknowledged is visible, and
/// durable if that was asked; the log holds the same order.
#[test]
fn commits_are_told_kept_and_shown_in_the_order_of_the_log() {
    explore("commits_are_told", || {
        let env = MemoryEnv::simulated(1);
        let keyspace = open(&env, quiet());
        let told = Arc::new(Told::default());
        keyspace.observe(told.clone());
        let threads: Vec<_> = (0..3_u64)
            .map(|number| {
                let (env, keyspace) = (env.clone(), keyspace.clone());
                thread::spawn(move || {
                    let mut acknowledged = Vec::new();
                    for round in 0..2 {
                        let durability = if choice(2) == 0 { Durability::Durable } else { Durability::Buffered };
                        let value = 1 + number * 2 + round;
                        let version = put(&keyspace, "hot", value, durability).unwrap();
                        assert!(keyspace.visible_version() >= version, "acknowledged, and not to be seen");
                        if durability == Durability::Durable && choice(4) == 0 {
                            assert!(after_power_cut(&env).visible_version() >= version, "acknowledged, and lost");
                        }
                        acknowledged.push((version, value.to_string().into_bytes()));
                    }
                    acknowledged
                })
            })
            .collect();
        let acknowledged: BTreeMap<_, _> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        assert_eq!(*told.0.lock().unwrap(), acknowledged.clone().into_iter().collect::<Vec<_>>());
        keyspace.sync().unwrap();
        let again = after_power_cut(&env);
        let (version, value) = acknowledged.last_key_value().unwrap();
        assert_eq!(
            (again.visible_version(), again.snapshot().unwrap().get(b"hot").unwrap().unwrap().to_vec()),
            (*version, value.clone())
        );
    });
}

/// K4: after the first failed write or sync nobody is told "committed" any more, and nobody waits for ever; what was
/// acknowledged is there, or in the log at least when nobody asked for more.
#[test]
fn nobody_is_acknowledged_after_the_log_has_failed() {
    explore("nobody_is_acknowledged", || {
        let env = MemoryEnv::simulated(1);
        let keyspace = open(&env, quiet());
        let span = if choice(2) == 0 { FailureSpan::Once } else { FailureSpan::Forever };
        env.fail_at(env.io_count() + 1 + choice(6), io::ErrorKind::Other, span);
        let durability = if choice(2) == 0 { Durability::Durable } else { Durability::Buffered };
        let has_failed = Arc::new(AtomicBool::new(false));
        let threads: Vec<_> = (0..3_u64)
            .map(|number| {
                let (keyspace, has_failed) = (keyspace.clone(), has_failed.clone());
                thread::spawn(move || {
                    let mut acknowledged = 0;
                    for round in 1..=3 {
                        let is_late = has_failed.load(Ordering::SeqCst);
                        match put(&keyspace, &format!("k{number}"), round, durability) {
                            Ok(_) if is_late => panic!("acknowledged after a failure"),
                            Ok(_) => acknowledged = round,
                            Err(_) => has_failed.store(true, Ordering::SeqCst),
                        }
                    }
                    acknowledged
                })
            })
            .collect();
        let acknowledged: Vec<u64> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert_eq!(
            keyspace.failure().is_some(),
            has_failed.load(Ordering::SeqCst),
            "a failure that readiness does not tell"
        );
        let shown = keyspace.snapshot().unwrap();
        env.clear_faults();
        let again = match durability {
            Durability::Durable => after_power_cut(&env),
            Durability::Buffered => after_kill(&env),
        };
        let again = again.snapshot().unwrap();
        for (number, acknowledged) in acknowledged.into_iter().enumerate() {
            let key = format!("k{number}");
            assert!(get(&again, &key).unwrap() >= acknowledged, "acknowledged, and lost");
            assert!(get(&again, &key).unwrap() >= get(&shown, &key).unwrap(), "shown, and lost");
            assert!(get(&shown, &key).unwrap() >= acknowledged, "acknowledged, and not to be seen");
        }
    });
}

/// K2: what anybody reads is whole, and there after a power cut at that moment.
#[test]
fn a_reader_sees_nothing_that_a_crash_takes_back() {
    explore("a_reader_sees", || {
        let env = MemoryEnv::simulated(1);
        let keyspace = open(&env, quiet());
        let writers: Vec<_> = (1..=2_u64)
            .map(|number| {
                let keyspace = keyspace.clone();
                thread::spawn(move || {
                    for round in 0..2 {
                        let tx = keyspace.begin(Isolation::Serializable).unwrap();
                        let value = (number * 10 + round).to_string();
                        tx.put("left", value.clone()).unwrap();
                        tx.put("right", value).unwrap();
                        tx.commit(Durability::Durable).unwrap();
                    }
                })
            })
            .collect();
        let mut last = Version::ZERO;
        for _ in 0..3 {
            let shown = keyspace.snapshot().unwrap();
            assert!(shown.version() >= last, "time went back");
            last = shown.version();
            assert_eq!(get(&shown, "left").unwrap(), get(&shown, "right").unwrap());
            let again = after_power_cut(&env);
            assert!(again.visible_version() >= last, "shown, and lost");
        }
        writers.into_iter().for_each(|writer| writer.join().unwrap());
    });
}

/// K3: of two that read what the other one writes, whether keys or a range, exactly one commits.
#[test]
fn of_a_conflicting_pair_exactly_one_wins() {
    explore("of_a_conflicting_pair", || {
        let keyspace = open(&MemoryEnv::simulated(1), quiet());
        put(&keyspace, "a", 1, Durability::Buffered).unwrap();
        put(&keyspace, "b", 1, Durability::Buffered).unwrap();
        let kind = choice(3);
        // Both have read before either commits.
        let both = ["a", "b"].map(|own| {
            let tx = keyspace.begin(Isolation::Serializable).unwrap();
            match kind {
                0 => increment(&tx, "a").unwrap(),
                1 => {
                    assert_eq!(get(&tx, "a").unwrap() + get(&tx, "b").unwrap(), 2);
                    tx.delete(own).unwrap();
                }
                _ => {
                    assert_eq!(tx.scan(KeyRange::new("a", Some("c")), Direction::Forward).unwrap().count(), 2);
                    tx.put(format!("{own}{own}"), "1").unwrap();
                }
            }
            tx
        });
        let threads = both.map(|tx| {
            let durability = if choice(2) == 0 { Durability::Durable } else { Durability::Buffered };
            thread::spawn(move || tx.commit(durability))
        });
        let attempts = threads.map(|thread| thread.join().unwrap());
        let losses: Vec<_> = attempts.iter().filter_map(|attempt| attempt.as_ref().err()).collect();
        assert_eq!(losses.len(), 1, "{attempts:?}");
        assert_eq!(losses[0].kind(), ErrorKind::Conflict);
        let shown = keyspace.snapshot().unwrap();
        let entries = shown.scan(KeyRange::new("a", Some("c")), Direction::Forward).unwrap().count();
        assert_eq!(entries, [2, 1, 3][kind as usize]);
        assert_eq!(get(&shown, "a").unwrap().max(1), if kind == 0 { 2 } else { 1 });
    });
}

/// The wake-up of the only commit is not lost, whatever he who waits for it was about to do.
#[test]
fn whoever_waits_for_a_version_is_woken() {
    explore("whoever_waits_for_a_version", || {
        let keyspace = open(&MemoryEnv::simulated(1), quiet());
        let next = Version::new(keyspace.visible_version().number() + 1);
        let waiter = {
            let keyspace = keyspace.clone();
            thread::spawn(move || assert!(keyspace.wait_for_version(next, LONG)))
        };
        put(&keyspace, "k", 1, Durability::Buffered).unwrap();
        waiter.join().unwrap();
    });
}

/// No update is lost, and whoever waits for a version is told.
#[test]
fn a_counter_counts_and_whoever_waits_for_it_is_woken() {
    explore("a_counter_counts", || {
        let keyspace = open(&MemoryEnv::simulated(1), quiet());
        let start = keyspace.visible_version();
        // Where nobody syncs, nobody but the writer of a commit wakes the others.
        let durability = if choice(2) == 0 { Durability::Durable } else { Durability::Buffered };
        let waiter = {
            let keyspace = keyspace.clone();
            thread::spawn(move || assert!(keyspace.wait_for_version(Version::new(start.number() + 4), LONG)))
        };
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let keyspace = keyspace.clone();
                thread::spawn(move || {
                    let mut left = 2;
                    while left > 0 {
                        let tx = keyspace.begin(Isolation::Serializable).unwrap();
                        increment(&tx, "count").unwrap();
                        match tx.commit(durability) {
                            Ok(_) => left -= 1,
                            Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict),
                        }
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        waiter.join().unwrap();
        assert_eq!(get(&keyspace.snapshot().unwrap(), "count").unwrap(), 4);
    });
}
