//! Caches on a disk that loses power or fails: what was acknowledged is there, and entries and expiry agree.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use super::tests::{create, open, settle};
use super::{CacheClass, LoadOptions, SetOptions, TimeToLive};
use crate::env::{CrashPolicy, FailureSpan, MemoryEnv};
use crate::{Database, Result, Transaction};

type Entries = BTreeMap<String, String>;

const KEYS: [&str; 7] = ["a", "b", "c", "n", "short", "shorter", "after"];

/// What was committed, and what the commit under way would make of it.
#[derive(Debug, Clone, Default)]
struct Expected {
    committed: Entries,
    underway: Option<Entries>,
}

impl Expected {
    /// Commits `write` as one transaction, which turns the entries into what `change` makes of them.
    fn commit(
        &mut self,
        database: &Database,
        change: impl FnOnce(&mut Entries),
        write: impl Fn(&Transaction) -> Result<()>,
    ) -> Result<()> {
        let mut after = self.committed.clone();
        change(&mut after);
        self.underway = Some(after);
        database.transact(&write)?;
        self.committed = self.underway.take().expect("it was just set");
        Ok(())
    }

    fn set(&mut self, database: &Database, entries: &[(&str, &str)], ttl: TimeToLive) -> Result<()> {
        let change = |all: &mut Entries| {
            all.extend(entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        };
        self.commit(database, change, |tx| {
            for (key, value) in entries {
                let options = SetOptions { ttl, ..SetOptions::default() };
                tx.cache().set("c", key, (*value).to_owned(), &options)?;
            }
            Ok(())
        })
    }

    /// Lets time pass in which `keys` expire.
    fn wait(&mut self, env: &MemoryEnv, keys: &[&str]) {
        env.advance(Duration::from_secs(10));
        keys.iter().for_each(|key| drop(self.committed.remove(*key)));
        self.underway = None;
    }
}

/// Sets, replaces, deletes, adds, loads, expires and folds until something fails.
fn work(env: &MemoryEnv, database: &Database, expected: &mut Expected) -> Result<()> {
    let five_seconds = TimeToLive::For(Duration::from_secs(5));
    expected.set(database, &[("a", "1"), ("b", "1")], TimeToLive::Forever)?;
    expected.set(database, &[("short", "1"), ("shorter", "1"), ("c", "1")], five_seconds)?;
    let five = |all: &mut Entries| drop(all.insert("n".into(), "5".into()));
    expected.commit(database, five, |tx| tx.cache().increment("c", "n", 5).map(|_| ()))?;
    database.get_or_load("c", "loaded", &LoadOptions::default(), |snapshot| {
        Ok(snapshot.cache().get("c", "a")?.map_or("none".into(), |entry| entry.value))
    })?;
    expected.set(database, &[("a", "2")], five_seconds)?;
    expected.commit(
        database,
        |all| drop(all.remove("b")),
        |tx| {
            tx.cache().delete("c", "b")?;
            tx.cache().persist("c", "c")?;
            tx.cache().expire("c", "n", TimeToLive::For(Duration::from_secs(5))).map(|_| ())
        },
    )?;
    settle(database)?;
    expected.wait(env, &["a", "short", "shorter", "n"]);
    settle(database)?;
    database.checkpoint()?;
    expected.set(database, &[("a", "3"), ("short", "2")], five_seconds)?;
    expected.wait(env, &["a", "short"]);
    settle(database)?;
    expected.set(database, &[("a", "4")], TimeToLive::Forever)?;
    database.sync()
}

fn prepared(seed: u64) -> MemoryEnv {
    let env = MemoryEnv::simulated(seed);
    let database = open(&env).unwrap();
    create(&database, "c", CacheClass::Durable, 1024 * 1024);
    env
}

fn run(env: &MemoryEnv) -> (Expected, bool) {
    let mut expected = Expected::default();
    let is_done = open(env).is_ok_and(|database| work(env, &database, &mut expected).is_ok());
    (expected, is_done)
}

fn everything(database: &Database) -> Entries {
    let found = database.read(|snapshot| snapshot.cache().get_many("c", KEYS)).unwrap();
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let entries = KEYS.into_iter().zip(found);
    entries.filter_map(|(key, entry)| Some((key.to_owned(), text(&entry?.value)))).collect()
}

/// What was committed is there; entries and the order of expiry agree, before and after maintenance; and it goes on.
fn verify(env: &MemoryEnv, expected: &Expected, context: &str) {
    let database = open(env).unwrap_or_else(|error| panic!("{context}: {error}"));
    let found = everything(&database);
    let is_expected = found == expected.committed || Some(&found) == expected.underway.as_ref();
    assert!(is_expected, "{context}: found {found:?} and not {expected:?}");
    assert!(database.cache("c").get("loaded").unwrap().is_none(), "{context}");
    database.check().unwrap_or_else(|error| panic!("{context}: {error}"));
    settle(&database).unwrap_or_else(|error| panic!("{context}: {error}"));
    assert_eq!(everything(&database), found, "{context}: after maintenance");
    let report = database.check().unwrap_or_else(|error| panic!("{context}: {error}")).cache;
    assert_eq!(report.entries, database.cache("c").info().unwrap().entries, "{context}: counted right");
    database.cache("c").set("after", "1", &SetOptions::default()).unwrap();
    env.advance(Duration::from_secs(60));
    settle(&database).unwrap();
    assert_eq!(database.check().unwrap().cache.expiring, 0, "{context}: everything that expires is gone");
}

#[test]
fn a_crash_at_every_io_leaves_what_was_acknowledged() {
    let env = prepared(0);
    let first = env.io_count();
    assert!(run(&env).1);
    let last = env.io_count();
    assert!(last - first > 30, "only {} I/Os", last - first);
    for number in first + 1..=last + 1 {
        for policy in CrashPolicy::ALL {
            let context = format!("crash at {number} of {first}..{last}, {policy:?}");
            let env = prepared(number);
            env.crash_at(number);
            let (expected, _) = run(&env);
            verify(&env.crash(policy), &expected, &context);
        }
    }
}

#[test]
fn a_failure_at_every_io_costs_at_most_what_was_under_way() {
    let env = prepared(0);
    let first = env.io_count();
    assert!(run(&env).1);
    let last = env.io_count();
    for number in first + 1..=last {
        for kind in [io::ErrorKind::StorageFull, io::ErrorKind::Other] {
            let context = format!("{kind:?} at {number} of {first}..{last}");
            let env = prepared(number);
            env.fail_at(number, kind, FailureSpan::Once);
            let (expected, _) = run(&env);
            verify(&env.crash(CrashPolicy::Random), &expected, &context);
        }
    }
}
