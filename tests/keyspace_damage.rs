//! Files cut, flipped, misplaced and half-written: what the keyspace says of each.
//!
//! ```text
//!   log cut at every byte            a prefix of the acknowledged commits
//!   bit flipped below the mark       Corrupt, naming file and offset
//!   bit flipped in the checkpoint    Corrupt, or the right answer; never a wrong one, never a panic
//!   crash at every I/O               nothing acknowledged lost, nothing partial, at most the one in flight more
//! ```

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use marquetry::env::{CrashPolicy, FailureSpan, MemoryEnv};
use marquetry::kv::{Direction, Durability, Isolation, KeyRange, Keyspace, KeyspaceSettings, Reader};
use marquetry::{ErrorKind, Result};
use marquetry_tests::{Random, seed};

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

fn settings() -> KeyspaceSettings {
    KeyspaceSettings {
        background: false,
        memory_size_bytes: 1024 * 1024,
        log_segment_size_bytes: 4096,
        ..KeyspaceSettings::default()
    }
}

fn open(env: &MemoryEnv) -> Result<Arc<Keyspace>> {
    Keyspace::open(Arc::new(env.clone()), Path::new("/db"), settings())
}

fn contents(keyspace: &Keyspace) -> Result<Map> {
    let entries = keyspace.snapshot()?.scan(KeyRange::all(), Direction::Forward)?;
    entries.map(|entry| entry.map(|(key, value)| (key.to_vec(), value.to_vec()))).collect()
}

/// One random transaction; every fifth is buffered, every seventh is followed by a fold.
fn commit(keyspace: &Arc<Keyspace>, random: &mut Random, number: u64, state: &mut Map) -> Result<()> {
    let tx = keyspace.begin(Isolation::Serializable)?;
    for _ in 0..1 + random.below(4) {
        let key = format!("key{:02}", random.below(30)).into_bytes();
        if random.one_in(5) {
            tx.delete(key.clone())?;
            state.remove(&key);
        } else {
            let value = format!("{number}:{}", "x".repeat(random.below(300) as usize)).into_bytes();
            tx.put(key.clone(), value.clone())?;
            state.insert(key, value);
        }
    }
    tx.put("number", number.to_string())?;
    state.insert(b"number".to_vec(), number.to_string().into_bytes());
    tx.commit(Durability::Durable).map(|_| ())
}

/// Commits until something fails; returns the states after each acknowledged commit and the one that was in flight.
fn work(env: &MemoryEnv, seed: u64, commits: u64) -> (Vec<Map>, Option<Map>) {
    let mut random = Random::new(seed);
    let mut states = vec![Map::new()];
    let Ok(keyspace) = open(env) else { return (states, None) };
    for number in 1..=commits {
        let mut next = states.last().expect("the empty state is there").clone();
        if commit(&keyspace, &mut random, number, &mut next).is_err() {
            return (states, Some(next));
        }
        states.push(next);
        if number % 7 == 0 && keyspace.fold().is_err() {
            return (states, None);
        }
    }
    (states, None)
}

#[test]
fn a_crash_at_every_io_loses_nothing_acknowledged() {
    let seed = seed("keyspace_damage");
    let policies = [CrashPolicy::KeepNone, CrashPolicy::KeepAll, CrashPolicy::Random, CrashPolicy::Torn];
    let mut points = 0;
    let whole = MemoryEnv::simulated(seed);
    work(&whole, seed, 40);
    for io in 1..=whole.io_count() {
        for policy in policies {
            let env = MemoryEnv::simulated(seed ^ io);
            env.crash_at(io);
            let (states, in_flight) = work(&env, seed, 40);
            let mut after = env.crash(policy);
            // A second crash inside recovery, somewhere.
            after.crash_at(1 + (io * 7919) % 40);
            drop(open(&after));
            after = after.crash(policy);
            let keyspace = open(&after).unwrap_or_else(|error| panic!("crash at {io}, {policy:?}: {error:?}"));
            let found = contents(&keyspace).unwrap();
            let acknowledged = states.last().expect("the empty state is there");
            assert!(
                found == *acknowledged || Some(&found) == in_flight.as_ref(),
                "crash at {io}, {policy:?}, seed {seed}: {} keys instead of {}",
                found.len(),
                acknowledged.len()
            );
            keyspace.check().unwrap();
            points += 1;
        }
    }
    println!("{points} crash points, 0 losses");
    assert!(points > 400, "the workload has too few I/Os to show anything: {points}");
}

/// The files of a disk at rest, on a fresh disk.
fn copy(env: &MemoryEnv, seed: u64) -> MemoryEnv {
    let copy = MemoryEnv::simulated(seed);
    for path in env.file_names() {
        copy.write_file(&path, &env.read_file(&path).unwrap());
    }
    copy
}

/// A database with folded and unfolded commits at rest, its states, and its disk.
fn at_rest(seed: u64, commits: u64, folds: bool) -> (MemoryEnv, Vec<Map>) {
    let env = MemoryEnv::simulated(seed);
    let mut random = Random::new(seed);
    let mut states = vec![Map::new()];
    let keyspace = open(&env).unwrap();
    for number in 1..=commits {
        let mut next = states.last().unwrap().clone();
        commit(&keyspace, &mut random, number, &mut next).unwrap();
        states.push(next);
        if folds && number == commits / 2 {
            keyspace.fold().unwrap();
        }
    }
    drop(keyspace);
    (env.crash(CrashPolicy::KeepAll), states)
}

fn files(env: &MemoryEnv, contains: &str) -> Vec<PathBuf> {
    env.file_names().into_iter().filter(|path| path.to_string_lossy().contains(contains)).collect()
}

#[test]
fn a_log_cut_at_every_byte_holds_a_prefix_of_the_commits() {
    let seed = seed("keyspace_damage");
    let (env, states) = at_rest(seed, 12, false);
    let last = files(&env, "/log/").pop().unwrap();
    let size_bytes = env.read_file(&last).unwrap().len() as u64;
    let mut seen = BTreeSet::new();
    for length in 0..size_bytes {
        let copy = copy(&env, seed);
        copy.truncate(&last, length).unwrap();
        match open(&copy) {
            Ok(keyspace) => {
                let found = contents(&keyspace).unwrap();
                let position = states.iter().position(|state| *state == found);
                seen.insert(position.unwrap_or_else(|| panic!("cut at {length}, seed {seed}: not a prefix")));
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupt, "cut at {length}: {error:?}"),
        }
    }
    assert!(!seen.is_empty());
}

#[test]
fn a_bit_flipped_below_the_durable_mark_is_reported() {
    let seed = seed("keyspace_damage");
    let (env, states) = at_rest(seed, 10, false);
    let log = files(&env, "/log/");
    let (mut reported, mut torn) = (0, 0);
    for path in &log {
        let bytes = env.read_file(path).unwrap();
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1);
        for bit in 0..used * 8 {
            let copy = copy(&env, seed);
            copy.flip_bit(path, bit).unwrap();
            match open(&copy).and_then(|keyspace| contents(&keyspace)) {
                // Only the last record has nothing behind it that proves it durable: it may be taken for torn.
                Ok(found) => {
                    let position = states.iter().position(|state| *state == found);
                    let behind =
                        states.len() - 1 - position.unwrap_or_else(|| panic!("flip {bit} of {path:?}: wrong answer"));
                    assert!(behind <= 1, "flip {bit} of {path:?}, seed {seed}: {behind} durable commits fell silently");
                    torn += 1;
                }
                Err(error) => {
                    assert!(matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported), "{error:?}");
                    reported += 1;
                }
            }
        }
    }
    println!("{reported} flips reported, {torn} in the last record");
    // How large the last record is among ten is the seed's doing.
    assert!(reported > torn);
}

#[test]
fn a_bit_flipped_anywhere_in_the_checkpoint_is_no_wrong_answer() {
    let seed = seed("keyspace_damage");
    let (env, states) = at_rest(seed, 40, true);
    let path = files(&env, "checkpoint").pop().unwrap();
    let bits = env.read_file(&path).unwrap().len() as u64 * 8;
    let mut random = Random::new(seed);
    let mut reported = 0;
    for _ in 0..1500 {
        let bit = random.below(bits);
        let copy = copy(&env, seed);
        copy.flip_bit(&path, bit).unwrap();
        match open(&copy).and_then(|keyspace| contents(&keyspace)) {
            Ok(found) => assert_eq!(found, *states.last().unwrap(), "flip {bit}, seed {seed}: a wrong answer"),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Corrupt, "flip {bit}: {error:?}");
                reported += 1;
            }
        }
    }
    assert!(reported > 0, "no flip was seen");
}

#[test]
fn after_a_failed_io_nothing_is_acknowledged_and_a_reopen_has_everything() {
    let seed = seed("keyspace_damage");
    let whole = MemoryEnv::simulated(seed);
    work(&whole, seed, 25);
    for io in 1..=whole.io_count() {
        for kind in [io::ErrorKind::Other, io::ErrorKind::StorageFull] {
            for span in [FailureSpan::Once, FailureSpan::Forever] {
                let env = MemoryEnv::simulated(seed);
                env.fail_at(io, kind, span);
                let (states, in_flight) = work(&env, seed, 25);
                env.clear_faults();
                let env = env.crash(CrashPolicy::Random);
                let found = contents(&open(&env).unwrap()).unwrap();
                let acknowledged = states.last().unwrap();
                assert!(
                    found == *acknowledged || Some(&found) == in_flight.as_ref(),
                    "{kind:?} {span:?} at {io}, seed {seed}"
                );
            }
        }
    }
}

#[test]
fn a_poisoned_keyspace_reads_on_and_refuses_commits() {
    let env = MemoryEnv::simulated(1);
    let keyspace = open(&env).unwrap();
    let mut state = Map::new();
    let mut random = Random::new(1);
    commit(&keyspace, &mut random, 1, &mut state).unwrap();
    env.fail_at(env.io_count() + 1, io::ErrorKind::StorageFull, FailureSpan::Once);
    let kinds: Vec<ErrorKind> =
        (2..5).map(|number| commit(&keyspace, &mut random, number, &mut state.clone()).unwrap_err().kind()).collect();
    assert_eq!(kinds, [ErrorKind::Indeterminate, ErrorKind::Unavailable, ErrorKind::Unavailable]);
    assert_eq!(contents(&keyspace).unwrap(), state);
    assert!(keyspace.failure().is_some());
}
