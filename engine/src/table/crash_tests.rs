//! Tables on a disk that loses power or fails: rows and index entries always agree, and nothing acknowledged is missing.

use std::io;

use super::tests::{open, people};
use super::*;
use crate::env::{CrashPolicy, FailureSpan, MemoryEnv};
use crate::{Database, Result, Transaction};

/// The rows, and the indexes of the table: what a crash may not mix.
#[derive(Debug, Clone, Default, PartialEq)]
struct State {
    rows: Vec<String>,
    indexes: Vec<String>,
}

fn state(database: &Database) -> State {
    let snapshot = database.snapshot().unwrap();
    let tables = snapshot.tables();
    if tables.list().unwrap().is_empty() {
        return State::default();
    }
    let rows = tables.scan("t", &ScanRequest::primary_key()).unwrap();
    let definition = tables.definition("t").unwrap();
    State {
        rows: rows.map(|row| serde_json::to_string(&row.unwrap()).unwrap()).collect(),
        indexes: definition.indexes.iter().map(|index| index.name.clone()).collect(),
    }
}

/// What was committed, and what the commit under way would make of it.
#[derive(Debug, Default)]
struct Expected {
    committed: State,
    underway: Option<State>,
}

impl Expected {
    fn commit(&mut self, database: &Database, write: impl Fn(&Transaction) -> Result<()>) -> Result<()> {
        let tx = database.begin()?;
        write(&tx)?;
        self.underway = Some(state_in(&tx)?);
        tx.commit()?;
        self.committed = self.underway.take().expect("it was just set");
        Ok(())
    }
}

fn state_in(tx: &Transaction) -> Result<State> {
    let tables = tx.tables();
    if tables.list()?.is_empty() {
        return Ok(State::default());
    }
    let rows = tables.scan("t", &ScanRequest::primary_key())?;
    let shown = rows.map(|row| Ok(serde_json::to_string(&row?).expect("rows are JSON"))).collect::<Result<_>>()?;
    let indexes = tables.definition("t")?.indexes.iter().map(|index| index.name.clone()).collect();
    Ok(State { rows: shown, indexes })
}

fn person(id: i64) -> Row {
    Row::new().set("id", id).set("email", format!("{id}@example.org")).set("age", (id % 3) as i32)
}

/// Creates, fills, changes, indexes, folds, drops and creates again, until something fails.
fn work(database: &Database, expected: &mut Expected) -> Result<()> {
    expected.commit(database, |tx| tx.tables().create("t", &people()))?;
    expected.commit(database, |tx| tx.tables().insert_many("t", (1..6).map(person)).map(drop))?;
    expected.commit(database, |tx| {
        tx.tables().insert("t", Row::new().set("email", "numbered"))?;
        tx.tables().update("t", 2, Row::new().set("email", "moved").set("id", 20))?;
        tx.tables().delete("t", 3).map(drop)
    })?;
    drop(database.begin()?.tables().insert("t", person(7)));
    expected.commit(database, |tx| tx.tables().create_index("t", &Index::new("by_age", ["age", "id"])))?;
    database.checkpoint()?;
    expected.commit(database, |tx| {
        tx.tables().upsert("t", person(4).set("city", "Wien"))?;
        tx.tables().upsert("t", person(8)).map(drop)
    })?;
    expected.commit(database, |tx| tx.tables().drop_index("t", "by_city"))?;
    while crate::kv::reclaim::step(&database.shared.keyspace)? {}
    expected.commit(database, |tx| {
        tx.tables().drop("t")?;
        tx.tables().create("t", &people())?;
        tx.tables().insert_many("t", (100..104).map(person)).map(drop)
    })?;
    while crate::kv::reclaim::step(&database.shared.keyspace)? {}
    expected.commit(database, |tx| tx.tables().delete("t", 101).map(drop))?;
    database.checkpoint()?;
    expected.commit(database, |tx| tx.tables().drop("t"))
}

fn run(env: &MemoryEnv) -> (Expected, bool) {
    let mut expected = Expected::default();
    let is_done = open(env).is_ok_and(|database| work(&database, &mut expected).is_ok());
    (expected, is_done)
}

/// What was committed is there, whole, under the definition that it was committed with, and the table goes on.
fn verify(env: &MemoryEnv, expected: &Expected, context: &str) {
    let database = open(env).unwrap_or_else(|error| panic!("{context}: {error}"));
    let found = state(&database);
    let is_expected = found == expected.committed || Some(&found) == expected.underway.as_ref();
    assert!(is_expected, "{context}: found {found:?}, expected {expected:?}");
    let report = database.check().unwrap_or_else(|error| panic!("{context}: {error}")).tables;
    assert_eq!(report.index_entries, report.rows * found.indexes.len() as u64, "{context}");
    while crate::kv::reclaim::step(&database.shared.keyspace).unwrap() {}
    assert_eq!(state(&database), found, "{context}: after reclaiming");
    if found.indexes.is_empty() {
        database.transact(|tx| tx.tables().create("t", &people())).unwrap();
    }
    // Numbers go on behind every one that was ever stored.
    let row = database.transact(|tx| tx.tables().insert("t", Row::new())).unwrap();
    let shown = format!("{{\"id\":{},", row.integer("id").unwrap());
    assert!(!found.rows.iter().any(|row| row.starts_with(&shown)), "{context}: {shown} again");
    database.check().unwrap_or_else(|error| panic!("{context}: {error}"));
}

#[test]
fn a_crash_at_every_io_leaves_rows_and_entries_in_agreement() {
    let env = MemoryEnv::simulated(0);
    assert!(run(&env).1);
    let last = env.io_count();
    assert!(last > 40, "only {last} I/Os");
    for number in 1..=last + 1 {
        for policy in CrashPolicy::ALL {
            let env = MemoryEnv::simulated(number);
            env.crash_at(number);
            let (expected, _) = run(&env);
            verify(&env.crash(policy), &expected, &format!("crash at {number} of {last}, {policy:?}"));
        }
    }
}

#[test]
fn a_failure_at_every_io_costs_at_most_what_was_under_way() {
    let env = MemoryEnv::simulated(0);
    assert!(run(&env).1);
    let last = env.io_count();
    for number in 1..=last {
        for kind in [io::ErrorKind::StorageFull, io::ErrorKind::Other] {
            let env = MemoryEnv::simulated(number);
            env.fail_at(number, kind, FailureSpan::Once);
            let (expected, _) = run(&env);
            verify(&env.crash(CrashPolicy::Random), &expected, &format!("{kind:?} at {number} of {last}"));
        }
    }
}
