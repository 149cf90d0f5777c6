//! Backups and restores on a disk that loses power or fails, at every I/O.

use std::io;

use super::tests::{Random, assert_restored, back_up, change, furnish, keys, open_at, restore, verify};
use crate::Database;
use crate::env::{CrashPolicy, Env, FailureSpan, MemoryEnv};

/// A database with a backup, and changes since.
fn prepared(seed: u64) -> (MemoryEnv, Database) {
    let env = MemoryEnv::simulated(seed);
    let database = open_at(&env, "/db", false).unwrap();
    furnish(&database);
    (1..=4).for_each(|number| change(&database, number, &mut Random(number)).unwrap());
    back_up(&env, &database).unwrap();
    (5..=8).for_each(|number| change(&database, number, &mut Random(number)).unwrap());
    (env, database)
}

/// The I/Os of what `work` does on a prepared disk: the number before the first, and the last.
fn span(work: impl Fn(&MemoryEnv, &Database)) -> (u64, u64) {
    let (env, database) = prepared(0);
    let first = env.io_count();
    work(&env, &database);
    assert!(env.io_count() > first + 10);
    (first, env.io_count())
}

/// After a backup that did not end well: the database is unharmed, the target holds whole backups and takes the next.
fn assert_usable(env: &MemoryEnv, was_acknowledged: bool, context: &str) {
    let database = open_at(env, "/db", false).unwrap_or_else(|error| panic!("{context}: {error}"));
    database.check().unwrap_or_else(|error| panic!("{context}: {error}"));
    let before = verify(env).unwrap_or_else(|error| panic!("{context}: {error}"));
    assert!(before.number == 2 || (before.number == 1 && !was_acknowledged), "{context}: {before:?}");
    let report = back_up(env, &database).unwrap_or_else(|error| panic!("{context}: {error}"));
    assert_eq!(report.number, before.number + 1, "{context}");
    restore(env, None, "/restored").unwrap_or_else(|error| panic!("{context}: {error}"));
    assert_restored(env, "/restored", &keys(&database), context);
}

#[test]
fn a_crash_at_every_io_of_a_backup_leaves_the_target_usable() {
    let (first, last) = span(|env, database| {
        back_up(env, database).unwrap();
    });
    for number in first + 1..=last + 1 {
        for policy in CrashPolicy::ALL {
            let context = format!("crash at {number} of {first}..{last}, {policy:?}");
            let (env, database) = prepared(0);
            env.crash_at(number);
            let outcome = back_up(&env, &database);
            drop(database);
            assert_usable(&env.crash(policy), outcome.is_ok(), &context);
        }
    }
}

#[test]
fn a_failure_at_every_io_of_a_backup_is_told_and_costs_only_that_backup() {
    let (first, last) = span(|env, database| {
        back_up(env, database).unwrap();
    });
    for number in first + 1..=last {
        for (kind, span) in
            [(io::ErrorKind::StorageFull, FailureSpan::Forever), (io::ErrorKind::Other, FailureSpan::Once)]
        {
            let context = format!("{kind:?} at {number} of {first}..{last}");
            let (env, database) = prepared(0);
            env.fail_at(number, kind, span);
            back_up(&env, &database).expect_err(&context);
            env.clear_faults();
            drop(database);
            assert_usable(&env, false, &context);
        }
    }
}

#[test]
fn a_crash_in_the_first_backup_leaves_a_target_for_the_next() {
    let begin = || {
        let env = MemoryEnv::simulated(1);
        let database = open_at(&env, "/db", false).unwrap();
        furnish(&database);
        change(&database, 1, &mut Random(1)).unwrap();
        (env, database)
    };
    let (env, database) = begin();
    let first = env.io_count();
    back_up(&env, &database).unwrap();
    let last = env.io_count();
    for number in first + 1..=last {
        for policy in CrashPolicy::ALL {
            let context = format!("crash at {number} of {first}..{last}, {policy:?}");
            let (env, database) = begin();
            env.crash_at(number);
            let _ = back_up(&env, &database);
            drop(database);
            let env = env.crash(policy);
            let database = open_at(&env, "/db", false).unwrap();
            back_up(&env, &database).unwrap_or_else(|error| panic!("{context}: {error}"));
            restore(&env, None, "/restored").unwrap_or_else(|error| panic!("{context}: {error}"));
            assert_restored(&env, "/restored", &keys(&database), &context);
        }
    }
}

#[test]
fn a_restore_that_was_cut_short_is_never_opened_and_can_be_repeated() {
    let (first, last) = span(|env, _| {
        restore(env, Some(1), "/restored").unwrap();
    });
    let expected = {
        let (env, database) = prepared(0);
        restore(&env, Some(1), "/expected").unwrap();
        drop(database);
        keys(&open_at(&env, "/expected", false).unwrap())
    };
    for number in first + 1..=last + 1 {
        for policy in CrashPolicy::ALL {
            let context = format!("crash at {number} of {first}..{last}, {policy:?}");
            let (env, database) = prepared(0);
            env.crash_at(number);
            let outcome = restore(&env, Some(1), "/restored");
            drop(database);
            let env = env.crash(policy);
            let is_database = env.exists("/restored/FORMAT".as_ref()).unwrap();
            assert!(is_database || outcome.is_err(), "{context}: it was acknowledged and is gone");
            if !is_database {
                let is_begun =
                    env.list("/restored".as_ref()).is_ok_and(|names| names.iter().any(|name| name == "checkpoint"));
                if is_begun {
                    let error = open_at(&env, "/restored", false).expect_err(&context);
                    assert!(error.message().contains("run it again"), "{context}: {error}");
                }
                restore(&env, Some(1), "/restored").unwrap_or_else(|error| panic!("{context}: {error}"));
            }
            assert_restored(&env, "/restored", &expected, &context);
        }
    }
}

#[test]
fn a_failure_at_every_io_of_a_restore_is_told_and_it_can_be_repeated() {
    let (first, last) = span(|env, _| {
        restore(env, None, "/restored").unwrap();
    });
    for number in first + 1..=last {
        for (kind, span) in
            [(io::ErrorKind::StorageFull, FailureSpan::Forever), (io::ErrorKind::Other, FailureSpan::Once)]
        {
            let context = format!("{kind:?} at {number} of {first}..{last}");
            let (env, database) = prepared(0);
            env.fail_at(number, kind, span);
            let outcome = restore(&env, None, "/restored");
            env.clear_faults();
            let is_database = env.exists("/restored/FORMAT".as_ref()).unwrap();
            assert!(outcome.is_err() || is_database, "{context}");
            if outcome.is_err() && !is_database {
                restore(&env, None, "/restored").unwrap_or_else(|error| panic!("{context}: {error}"));
            }
            restore(&env, None, "/expected").unwrap();
            drop(database);
            let expected = keys(&open_at(&env, "/expected", false).unwrap());
            assert_restored(&env, "/restored", &expected, &context);
        }
    }
}
