//! Locks of keys: nobody is forgotten in line, circles are found, and those who lock know of all who did not.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;

use marquetry::env::MemoryEnv;
use marquetry::kv::{
    Durability, Interrupt, Isolation, Keyspace, LockFailure, LockMode, LockWait, Locked, Transaction, WaitPolicy,
};
use marquetry::{ErrorKind, Result};
use marquetry_schedules::{choice, explore, get, increment, open, quiet};
use shuttle::sync::atomic::{AtomicU64, Ordering};
use shuttle::thread;

const WAIT: LockWait<'static> = LockWait { policy: WaitPolicy::Wait(None), interrupt: None };

fn begin(keyspace: &Arc<Keyspace>) -> Transaction {
    keyspace.begin(Isolation::ReadCommitted).unwrap()
}

/// Locks "count" and brings the transaction up to date, then counts.
fn increment_locked(keyspace: &Arc<Keyspace>) {
    let tx = begin(keyspace);
    if tx.lock(b"count", LockMode::NoKeyUpdate, WAIT).unwrap() == Locked::Changed {
        tx.rebase().unwrap();
    }
    increment(&tx, "count").unwrap();
    tx.commit(Durability::Buffered).unwrap();
}

/// K11: a lock excludes those it conflicts with, and each of those who wait gets it.
#[test]
fn those_who_wait_for_a_lock_all_get_it_and_one_at_a_time() {
    explore("those_who_wait_for_a_lock", || {
        let keyspace = open(&MemoryEnv::simulated(1), quiet());
        let (readers, writers) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let threads: Vec<_> = (0..3_u64)
            .map(|number| {
                let (keyspace, readers, writers) = (keyspace.clone(), readers.clone(), writers.clone());
                let mode = LockMode::ALL[choice(4) as usize];
                thread::spawn(move || {
                    let locker = keyspace.locker();
                    locker.lock(&[b'k', number as u8 % 2], LockMode::KeyShare, WAIT).unwrap();
                    locker.lock(b"a", mode, WAIT).unwrap();
                    match mode {
                        LockMode::Update => assert_eq!(writers.fetch_add(1, Ordering::SeqCst), 0, "two at once"),
                        _ => drop(readers.fetch_add(1, Ordering::SeqCst)),
                    }
                    let (reading, writing) = (readers.load(Ordering::SeqCst), writers.load(Ordering::SeqCst));
                    assert!(writing == 0 || (writing == 1 && reading == 0), "one reads while another writes");
                    match mode {
                        LockMode::Update => writers.fetch_sub(1, Ordering::SeqCst),
                        _ => readers.fetch_sub(1, Ordering::SeqCst),
                    };
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(keyspace.statistics().locked_keys, 0);
    });
}

/// K12, K13: who locks before he changes conflicts with nobody, also not with those who never lock; nothing is lost.
#[test]
fn those_who_lock_lose_nothing_and_never_conflict() {
    explore("those_who_lock_lose_nothing", || {
        let keyspace = open(&MemoryEnv::simulated(1), quiet());
        let locking: Vec<_> = (0..2)
            .map(|_| {
                let keyspace = keyspace.clone();
                thread::spawn(move || increment_locked(&keyspace))
            })
            .collect();
        let optimistic = {
            let keyspace = keyspace.clone();
            thread::spawn(move || -> Result<()> {
                let tx = keyspace.begin(Isolation::Serializable)?;
                increment(&tx, "count")?;
                tx.commit(Durability::Buffered).map(drop)
            })
        };
        locking.into_iter().for_each(|thread| thread.join().unwrap());
        let counted = match optimistic.join().unwrap() {
            Ok(()) => 3,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Conflict);
                2
            }
        };
        assert_eq!(get(&keyspace.snapshot().unwrap(), "count").unwrap(), counted);
    });
}

/// Each locks two of three keys, in any order: whoever closes a circle is told so, all others go on.
#[test]
fn those_who_wait_in_a_circle_are_not_forgotten() {
    explore("those_who_wait_in_a_circle", || {
        let keyspace = open(&MemoryEnv::simulated(1), quiet());
        let threads: Vec<_> = [["a", "b"], ["b", "c"], ["c", "a"]]
            .map(|keys| {
                let keyspace = keyspace.clone();
                thread::spawn(move || {
                    let tx = begin(&keyspace);
                    let mut outcome = Ok(());
                    for key in keys {
                        outcome = outcome.and_then(|()| tx.lock(key.as_bytes(), LockMode::Update, WAIT).map(drop));
                    }
                    match &outcome {
                        Ok(()) => drop(tx.commit(Durability::Buffered).unwrap()),
                        Err(error) => assert!(matches!(LockFailure::of(error), Some(LockFailure::Deadlock(_)))),
                    }
                    outcome.is_ok()
                })
            })
            .into_iter()
            .collect();
        let finished = threads.into_iter().map(|thread| thread.join().unwrap());
        assert!(finished.filter(|finished| *finished).count() >= 2, "more than one of a circle gave up");
        assert_eq!(keyspace.statistics().locked_keys, 0);
    });
}

#[test]
fn an_interruption_is_not_missed() {
    explore("an_interruption_is_not_missed", || {
        let keyspace = open(&MemoryEnv::simulated(1), quiet());
        let held = keyspace.locker();
        held.lock(b"a", LockMode::Update, WAIT).unwrap();
        let interrupt = Arc::new(Interrupt::default());
        let waiting = {
            let (keyspace, interrupt) = (keyspace.clone(), interrupt.clone());
            thread::spawn(move || {
                let wait = LockWait { policy: WaitPolicy::Wait(None), interrupt: Some(&interrupt) };
                keyspace.locker().lock(b"a", LockMode::Share, wait).map(drop)
            })
        };
        interrupt.set();
        let refused = waiting.join().unwrap().unwrap_err();
        assert_eq!(LockFailure::of(&refused), Some(&LockFailure::Interrupted));
    });
}
