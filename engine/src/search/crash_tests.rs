//! Crashes and failures at every I/O of a workload with rounds, builds and merges.

use std::collections::BTreeMap;
use std::io;

use super::twin::{Twin, body, definition, files, in_body};
use super::*;
use crate::env::{CrashPolicy, FailureSpan, MemoryEnv};

type Documents = BTreeMap<&'static str, &'static str>;

/// What was committed, and what the commit under way would make of it.
#[derive(Debug, Clone, Default)]
struct Expected {
    committed: Documents,
    underway: Option<Documents>,
}

impl Expected {
    fn commit(&mut self, twin: &Twin, changes: &[(&'static str, Option<&'static str>)]) -> crate::Result<()> {
        let mut after = self.committed.clone();
        for (key, text) in changes {
            match text {
                Some(text) => drop(after.insert(key, text)),
                None => drop(after.remove(key)),
            }
        }
        self.underway = Some(after);
        twin.transact(|tx| changes.iter().try_for_each(|(key, text)| twin.set(tx, key, text.map(body).as_ref())))?;
        self.committed = self.underway.take().expect("it was just set");
        Ok(())
    }
}

fn work(twin: &Twin, expected: &mut Expected) -> crate::Result<()> {
    expected.commit(twin, &[("a", Some("red")), ("b", Some("green")), ("c", Some("red green"))])?;
    twin.settle()?;
    expected.commit(twin, &[("a", Some("blue")), ("d", Some("red"))])?;
    twin.settle()?;
    expected.commit(twin, &[("b", None), ("c", Some("green"))])?;
    twin.keyspace.fold()?;
    twin.settle()?;
    twin.search(&SearchRequest::new(in_body("red")))?;
    expected.commit(twin, &[("a", None), ("d", None)])?;
    twin.settle()?;
    expected.commit(twin, &[("e", Some("red blue"))])
}

fn prepared(seed: u64) -> MemoryEnv {
    Twin::fresh(seed).env
}

fn run(env: &MemoryEnv) -> (Expected, bool) {
    let mut expected = Expected::default();
    let is_done = Twin::open(env).is_ok_and(|twin| work(&twin, &mut expected).is_ok());
    (expected, is_done)
}

/// Searches are like scans; what they scan was committed; the index goes on and leaves no file behind.
fn verify(env: &MemoryEnv, expected: &Expected, context: &str) {
    let twin = Twin::open(env).unwrap_or_else(|error| panic!("{context}: {error}"));
    let snapshot = twin.keyspace.snapshot().unwrap();
    let holds = |documents: &Documents| {
        ["red", "green", "blue"].iter().all(|word| {
            let having = documents.iter().filter(|(_, text)| text.contains(word));
            having.map(|(key, _)| (*key).to_owned()).eq(twin.scanned_at(&snapshot, word))
        })
    };
    let is_expected = holds(&expected.committed) || expected.underway.as_ref().is_some_and(holds);
    assert!(is_expected, "{context}: the source holds something else");
    for settled in [false, true] {
        for word in ["red", "green", "blue"] {
            let found = twin.found_at(&twin.keyspace.snapshot().unwrap(), in_body(word));
            let found = found.unwrap_or_else(|error| panic!("{context}: {error}"));
            assert_eq!(found, twin.scanned_at(&snapshot, word), "{context}: {word}, settled: {settled}");
        }
        twin.settle().unwrap_or_else(|error| panic!("{context}: {error}"));
    }
    let report = twin.model.check().unwrap_or_else(|error| panic!("{context}: {error}"));
    assert_eq!(report.rebuilt, 0, "{context}: a crash is no damage");
    drop(snapshot);
    twin.put("after", &body("white")).unwrap();
    twin.settle().unwrap();
    assert_eq!(twin.found(in_body("white")).len(), 1, "{context}");
    let named = twin.model.statistics().unwrap().segments;
    assert_eq!(files(env).len() as u64, named, "{context}: files are left behind");
}

#[test]
fn a_crash_at_every_io_leaves_searches_like_scans() {
    let env = prepared(1);
    let first = env.io_count();
    assert!(run(&env).1);
    let last = env.io_count();
    assert!(last - first > 60, "only {} I/Os", last - first);
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
    let env = prepared(1);
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

#[test]
fn an_index_goes_on_after_its_disk_was_full() {
    for offset in 1..12 {
        let twin = Twin::fresh(offset);
        twin.put("a", &body("red")).unwrap();
        twin.settle().unwrap();
        twin.put("a", &body("green")).unwrap();
        let base = twin.env.io_count();
        twin.env.fail_at(base + offset, io::ErrorKind::StorageFull, FailureSpan::Once);
        let outcome = twin.settle();
        twin.env.clear_faults();
        if twin.keyspace.failure().is_some() {
            // The log itself met the full disk: that is told, and is not the index's to mend.
            assert!(outcome.is_err());
            continue;
        }
        assert_eq!(twin.found(in_body("green")).len(), 1, "{offset}");
        assert_eq!(twin.found(in_body("red")).len(), 0, "{offset}");
        twin.settle().unwrap();
        assert_eq!(twin.files().len(), 1, "{offset}: what the failed round left is removed");
        twin.model.check().unwrap();
    }
}

#[test]
fn buffered_commits_that_a_crash_takes_back_are_not_found_either() {
    for (seed, policy) in (1..20).flat_map(|seed| CrashPolicy::ALL.map(|policy| (seed, policy))) {
        let twin = Twin::fresh(seed);
        twin.put("a", &body("red")).unwrap();
        twin.settle().unwrap();
        let transaction = twin.begin();
        twin.set(&transaction, "a", Some(&body("green"))).unwrap();
        transaction.commit(crate::Durability::Buffered).unwrap();
        twin.env.crash_at(twin.env.io_count() + seed);
        let _ = twin.settle();
        let env = twin.env.crash(policy);
        let twin = Twin::open(&env).unwrap();
        let snapshot = twin.keyspace.snapshot().unwrap();
        for word in ["red", "green"] {
            assert_eq!(twin.found(in_body(word)), twin.scanned_at(&snapshot, word), "{seed}, {policy:?}");
        }
        twin.model.check().unwrap();
    }
}

#[test]
fn an_index_that_was_never_committed_leaves_nothing() {
    let twin = Twin::open(&MemoryEnv::simulated(3)).unwrap();
    twin.put("a", &body("red")).unwrap();
    let transaction = twin.begin();
    let searches = twin.in_transaction(&transaction);
    searches.create_index("find", &definition()).unwrap();
    assert_eq!(twin.found_at(&transaction, in_body("red")).unwrap().len(), 1);
    drop(transaction);
    twin.settle().unwrap();
    assert!(twin.files().is_empty());
    assert_eq!(twin.model.statistics().unwrap(), SearchStatistics::default());
}
