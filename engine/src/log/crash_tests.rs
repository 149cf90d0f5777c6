//! The log on a disk that loses power or fails at every single I/O.

use std::io;

use super::tests::{at, expected, open, read_all, record};
use super::*;
use crate::env::{CrashPolicy, FailureSpan, MemoryEnv};

const SEGMENT_SIZE_BYTES: u64 = 1024;
/// What the pretended checkpoint of the work holds when it trims the log.
const CHECKPOINT: u64 = 6;

/// How far the work came before something failed.
#[derive(Debug, Default, Clone, Copy)]
struct Progress {
    /// The last record that a sync vouched for.
    synced: u64,
    /// The last record that was given to the log.
    attempted: u64,
    known_durable: u64,
}

/// Appends, syncs, marks and trims until something fails.
fn work(log: &LocalLog, progress: &mut Progress) -> Result<(), LogError> {
    for number in 1..=14_u64 {
        progress.attempted = number;
        log.append(at(number), &record(number))?;
        if number.is_multiple_of(3) {
            progress.synced = log.sync()?.number();
        }
        if number == 10 {
            progress.known_durable = CHECKPOINT;
            log.trim(at(CHECKPOINT + 1)).map_err(LogError::Unavailable)?;
        }
        if number == 11 {
            log.note_durable()?;
            progress.synced = number;
        }
    }
    Ok(())
}

/// Runs the work on a fresh log of this disk and says how far it came, and whether to the end.
fn run(env: &MemoryEnv) -> (Progress, bool) {
    let mut progress = Progress::default();
    let done = open(env, SEGMENT_SIZE_BYTES, 0).is_ok_and(|log| work(&log, &mut progress).is_ok());
    (progress, done)
}

/// Everything synced is there, nothing else than what was appended, in order; and the log goes on.
fn verify(env: &MemoryEnv, progress: Progress, context: &str) {
    let log =
        open(env, SEGMENT_SIZE_BYTES, progress.known_durable).unwrap_or_else(|error| panic!("{context}: {error}"));
    let tail = log.tail().number();
    assert!(tail >= progress.synced && tail <= progress.attempted, "{context}: {progress:?}, tail {tail}");
    let from = progress.known_durable + 1;
    assert_eq!(read_all(&log, from), expected(from..=tail), "{context}");
    let mut records = read_all(&log, from);
    for number in tail + 1..tail + 4 {
        log.append(at(number), b"after the crash").unwrap();
        records.push((number, b"after the crash".to_vec()));
    }
    log.sync().unwrap();
    let env = env.crash(CrashPolicy::KeepNone);
    let log = open(&env, SEGMENT_SIZE_BYTES, tail + 3).unwrap_or_else(|error| panic!("{context}: {error}"));
    assert_eq!(read_all(&log, from), records, "{context}");
    log.check().unwrap();
}

#[test]
fn a_crash_at_every_io_and_again_in_recovery_loses_nothing_synced() {
    let env = MemoryEnv::simulated(0);
    assert!(run(&env).1);
    let last = env.io_count();
    assert!(last > 40);
    for number in 1..=last + 1 {
        for policy in CrashPolicy::ALL {
            for seed in [number, number + 1000] {
                let context = format!("crash at {number}, {policy:?}, seed {seed}");
                let env = MemoryEnv::simulated(seed);
                env.crash_at(number);
                let (progress, _) = run(&env);
                for recovery_io in 1.. {
                    let again = env.crash(policy);
                    again.crash_at(recovery_io);
                    if open(&again, SEGMENT_SIZE_BYTES, progress.known_durable).is_ok() {
                        break;
                    }
                    verify(&again.crash(policy), progress, &format!("{context}, then at {recovery_io}"));
                }
                verify(&env.crash(policy), progress, &context);
            }
        }
    }
}

#[test]
fn after_a_failed_io_nothing_is_acknowledged_and_readers_go_on() {
    let env = MemoryEnv::simulated(0);
    run(&env);
    for number in 1..=env.io_count() {
        for kind in [io::ErrorKind::Other, io::ErrorKind::StorageFull] {
            for span in [FailureSpan::Once, FailureSpan::Forever] {
                fail_once(number, kind, span);
            }
        }
    }
}

fn fail_once(number: u64, kind: io::ErrorKind, span: FailureSpan) {
    let context = format!("{kind:?} {span:?} at {number}");
    let env = MemoryEnv::simulated(number);
    env.fail_at(number, kind, span);
    let mut progress = Progress::default();
    if let Ok(log) = open(&env, SEGMENT_SIZE_BYTES, 0) {
        let removing = match work(&log, &mut progress) {
            Ok(()) => panic!("{context}: nothing failed"),
            // A file that cannot be removed loses nothing: the log goes on.
            Err(LogError::Unavailable(_)) => true,
            Err(LogError::Indeterminate(_)) => false,
            Err(LogError::Taken { tail }) => panic!("{context}: taken at {tail}"),
        };
        let tail = log.tail();
        assert!(tail.number() <= progress.attempted);
        let from = log.read(at(1)).map_or(progress.known_durable + 1, |_| 1);
        assert_eq!(read_all(&log, from), expected(from..=tail.number()), "{context}");
        if !(removing && log.sync().is_ok()) {
            assert!(matches!(log.append(tail.next(), b"x"), Err(LogError::Unavailable(_))), "{context}");
            assert!(matches!(log.sync(), Err(LogError::Unavailable(_))), "{context}");
            assert!(matches!(log.note_durable(), Err(LogError::Unavailable(_))), "{context}");
            assert_eq!(log.tail(), tail);
        }
    }
    env.clear_faults();
    // The next process sees what this one left in memory, and what it makes durable survives a power cut.
    verify(&env, progress, &format!("{context}, reopened"));
}

#[test]
fn what_reopening_shows_survives_the_next_power_cut() {
    let env = MemoryEnv::simulated(1);
    let log = open(&env, SEGMENT_SIZE_BYTES, 0).unwrap();
    log.append(at(1), &record(1)).unwrap();
    drop(log);
    assert_eq!(open(&env, SEGMENT_SIZE_BYTES, 0).unwrap().tail(), at(1));
    let env = env.crash(CrashPolicy::KeepNone);
    assert_eq!(open(&env, SEGMENT_SIZE_BYTES, 1).unwrap().tail(), at(1));
}

#[test]
fn a_record_behind_a_torn_one_never_comes_back() {
    const FILE: &str = "log/00000000000000000001.log";
    for seed in 0..32 {
        let env = MemoryEnv::simulated(seed);
        let log = open(&env, 1 << 20, 0).unwrap();
        for number in 1..=2 {
            log.append(at(number), &[number as u8; 600]).unwrap();
        }
        drop(log);
        env.flip_bit(FILE, 8 * 300).unwrap();
        let log = open(&env, 1 << 20, 0).unwrap();
        assert_eq!(log.tail(), at(0));
        // The same record again: a record 2 that was left behind it would continue its chain.
        log.append(at(1), &[1; 600]).unwrap();
        drop(log);
        assert!(open(&env.crash(CrashPolicy::Torn), 1 << 20, 0).unwrap().tail() <= at(1), "seed {seed}");
    }
}

#[test]
fn a_crash_while_trimming_leaves_no_gap() {
    for number in 1..=12 {
        for seed in 0..8 {
            let env = MemoryEnv::simulated(seed);
            let log = open(&env, SEGMENT_SIZE_BYTES, 0).unwrap();
            for number in 1..=20 {
                log.append(at(number), &[7; 400]).unwrap();
            }
            log.sync().unwrap();
            env.crash_at(env.io_count() + number);
            let _ = log.trim(at(19));
            drop(log);
            let log = open(&env.crash(CrashPolicy::Random), SEGMENT_SIZE_BYTES, 18).unwrap();
            assert_eq!(log.tail(), at(20), "crash at {number}, seed {seed}");
        }
    }
}
