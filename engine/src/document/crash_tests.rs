//! Documents and their index entries on a disk that loses power or fails at every write and sync.

use std::collections::BTreeMap;
use std::io;

use serde_json::{Value, json};

use super::tests::{index, open};
use crate::env::{CrashPolicy, FailureSpan, MemoryEnv};
use crate::{Database, Result, Transaction};

type State = BTreeMap<String, Value>;

/// What was committed, and what the commit under way would make of it.
#[derive(Debug, Clone, Default)]
struct Expected {
    committed: State,
    underway: Option<State>,
}

impl Expected {
    fn commit(&mut self, database: &Database, write: impl Fn(&Transaction) -> Result<()>) -> Result<()> {
        let tx = database.begin()?;
        write(&tx)?;
        self.underway = Some(state_of(&tx.documents().find("c", &super::Find::default())?));
        tx.commit()?;
        self.committed = self.underway.take().expect("it was just set");
        Ok(())
    }
}

fn state_of(documents: &[Value]) -> State {
    documents.iter().map(|document| (document["_id"].to_string(), document.clone())).collect()
}

/// Inserts, updates, deletes, makes and drops indexes, and folds, until something fails.
fn work(database: &Database, expected: &mut Expected) -> Result<()> {
    let document = |n: u64| json!({"_id": format!("d{n}"), "n": n, "tags": [n % 3, "x".repeat(n as usize * 40)]});
    expected.commit(database, |tx| tx.documents().insert_many("c", (0..8).map(document).collect()).map(drop))?;
    expected.commit(database, |tx| tx.documents().create_index("c", &index("tags", &["tags", "n"], false)))?;
    expected.commit(database, |tx| {
        tx.documents().update_many("c", &json!({"tags": 1}), &json!({"$inc": {"n": 100}, "$push": {"tags": "new"}}))?;
        tx.documents().delete("c", "d0").map(drop)
    })?;
    database.checkpoint()?;
    expected.commit(database, |tx| tx.documents().put("c", "d2", json!({"n": 2})).map(drop))?;
    expected.commit(database, |tx| {
        tx.documents().drop_index("c", "n")?;
        tx.documents().create_index("c", &index("n", &["n", "tags"], true))
    })?;
    database.maintain()?;
    expected.commit(database, |tx| tx.documents().delete_many("c", &json!({"n": {"$gt": 100}})).map(drop))?;
    database.checkpoint()?;
    Ok(())
}

fn prepared(seed: u64) -> MemoryEnv {
    let env = MemoryEnv::simulated(seed);
    let database = open(&env).unwrap();
    database
        .transact(|tx| {
            tx.documents().create_collection("c")?;
            tx.documents().create_index("c", &index("n", &["n"], true))
        })
        .unwrap();
    drop(database);
    env
}

fn run(env: &MemoryEnv) -> (Expected, bool) {
    let mut expected = Expected::default();
    let outcome = open(env).and_then(|database| work(&database, &mut expected));
    (expected, outcome.is_ok())
}

fn verify(env: &MemoryEnv, expected: &Expected, context: &str) {
    let database = open(env).unwrap_or_else(|error| panic!("{context}: {error}"));
    let found = database.read(|snapshot| snapshot.documents().find("c", &super::Find::default())).unwrap();
    let found = state_of(&found);
    let is_known = found == expected.committed || expected.underway.as_ref() == Some(&found);
    assert!(is_known, "{context}: {found:?} is neither of {expected:?}");
    database.check().unwrap_or_else(|error| panic!("{context}: {error}"));
    let indexed = super::Find { sort: vec![json!({"n": 1})], ..super::Find::default() };
    let by_index = database.read(|snapshot| snapshot.documents().find("c", &indexed)).unwrap();
    assert_eq!(state_of(&by_index), found, "{context}");
    database.transact(|tx| tx.documents().insert("c", json!({"_id": "after", "n": -1}))).unwrap();
    database.check().unwrap_or_else(|error| panic!("{context}: {error}"));
}

#[test]
fn a_crash_at_every_io_leaves_documents_and_entries_in_step() {
    let env = prepared(0);
    let first = env.io_count();
    assert!(run(&env).1);
    let last = env.io_count();
    assert!(last - first > 20, "only {} I/Os", last - first);
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
