//! Turns at what is contended: nobody is forgotten, and the lines end.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;
use std::time::Duration;

use marquetry::env::MemoryEnv;
use marquetry::kv::{Contended, Durability, Isolation, Keyspace};
use marquetry_schedules::{choice, explore, increment, open, quiet};
use shuttle::sync::atomic::{AtomicU64, Ordering};
use shuttle::thread;

/// Nobody is pushed out of his place; and nobody waits at all before he pushes.
const LONG: Duration = Duration::from_secs(3_600);
const SHORT: Duration = Duration::from_millis(1);

/// Where transactions that increment "count" conflict.
fn count(keyspace: &Arc<Keyspace>) -> Contended {
    let [first, second] = [(); 2].map(|()| keyspace.begin(Isolation::Serializable).unwrap());
    increment(&first, "count").unwrap();
    increment(&second, "count").unwrap();
    first.commit(Durability::Buffered).unwrap();
    second.commit(Durability::Buffered).unwrap_err().contended().unwrap()
}

/// When the line at "count" is empty, nobody has to give way there, although somebody has a turn elsewhere.
fn assert_no_line(keyspace: &Arc<Keyspace>) {
    let _elsewhere = keyspace.turn([Contended::from_number(99)], LONG);
    for _ in 0..16 {
        let tx = keyspace.begin(Isolation::Serializable).unwrap();
        increment(&tx, "count").unwrap();
        tx.commit(Durability::Buffered).unwrap();
    }
}

#[test]
fn turns_at_one_place_exclude_each_other_and_all_come() {
    explore("turns_at_one_place", || {
        let keyspace = open(&MemoryEnv::simulated(1), quiet());
        let count = count(&keyspace);
        let inside = Arc::new(AtomicU64::new(0));
        let threads: Vec<_> = (0..3)
            .map(|number| {
                let (keyspace, inside) = (keyspace.clone(), inside.clone());
                thread::spawn(move || {
                    for round in 0..2 {
                        let others = [number, 1 + (number + round) % 3].map(Contended::from_number);
                        let _turn = keyspace.turn([count].into_iter().chain(others), LONG);
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two have a turn at one place");
                        inside.fetch_sub(1, Ordering::SeqCst);
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_no_line(&keyspace);
    });
}

/// Those who share some places only wait for each other in a circle, if the order of the lines allows one.
#[test]
fn turns_at_overlapping_places_never_wait_in_a_circle() {
    explore("turns_at_overlapping_places", || {
        let keyspace = open(&MemoryEnv::simulated(1), quiet());
        let threads: Vec<_> = [[1, 2], [2, 3], [3, 1], [1, 3]]
            .map(|places| {
                let keyspace = keyspace.clone();
                thread::spawn(move || drop(keyspace.turn(places.map(Contended::from_number), LONG)))
            })
            .into_iter()
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn whoever_pushes_leaves_no_line_behind() {
    explore("whoever_pushes", || {
        let keyspace = open(&MemoryEnv::simulated(1), quiet());
        let count = count(&keyspace);
        let threads: Vec<_> = (0..3)
            .map(|number| {
                let keyspace = keyspace.clone();
                let patience = if choice(2) == 0 { LONG } else { SHORT };
                thread::spawn(move || {
                    let turn = keyspace.turn([count, Contended::from_number(number % 2)], patience);
                    thread::yield_now();
                    drop(turn);
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_no_line(&keyspace);
    });
}
