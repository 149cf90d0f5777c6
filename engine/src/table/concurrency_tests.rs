//! Many writers of one table: one winner per unique value, no phantoms, numbers handed out once.

use std::collections::BTreeSet;
use std::sync::Barrier;

use super::tests::people;
use super::*;
use crate::{Database, ErrorKind, Isolation, TransactOptions};

const THREADS: usize = 4;
const ROUNDS: usize = 50;

fn with_people() -> Database {
    let database = Database::in_memory().unwrap();
    database.transact(|tx| tx.tables().create("t", &people())).unwrap();
    database
}

fn count(database: &Database) -> u64 {
    database.read(|snapshot| snapshot.tables().count("t", &ScanRequest::primary_key())).unwrap()
}

#[test]
fn of_many_that_insert_one_value_exactly_one_wins() {
    for isolation in [Isolation::Serializable, Isolation::Snapshot] {
        let database = with_people();
        let barrier = Barrier::new(THREADS);
        let options = TransactOptions { isolation, ..TransactOptions::default() };
        let insert = |round: usize, by_key: bool| {
            let row = Row::new().set("email", format!("{round}"));
            // Below every number that the sequence hands out: a chosen id may not meet one that a loser burned.
            let row = if by_key { row.set("id", -1 - round as i64) } else { row };
            database.transact_with(options, |tx| tx.tables().insert("t", row.clone())).map(drop)
        };
        let wins: usize = std::thread::scope(|scope| {
            let work = || {
                let round = |round| {
                    barrier.wait();
                    match insert(round, round % 2 == 0) {
                        Ok(()) => 1,
                        Err(error) => {
                            let kinds = [ErrorKind::Constraint, ErrorKind::AlreadyExists];
                            assert!(kinds.contains(&error.kind()), "{error:?}");
                            0
                        }
                    }
                };
                (0..ROUNDS).map(round).sum::<usize>()
            };
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!((wins, count(&database)), (ROUNDS, ROUNDS as u64), "{isolation:?}");
        database.check().unwrap();
    }
}

#[test]
fn two_that_count_and_then_insert_cannot_both_commit() {
    let ranges = [
        ScanRequest::primary_key(),
        ScanRequest::index("by_city").equal("Graz"),
        ScanRequest::index("by_city").equal("Graz").at_least(0).less_than(10).descending(),
    ];
    for request in ranges {
        let database = with_people();
        let insert = |id: i64| Row::new().set("id", id).set("email", id.to_string()).set("age", 5);
        let (one, two) = (database.begin().unwrap(), database.begin().unwrap());
        for (tx, id) in [(&one, 1), (&two, 2)] {
            assert_eq!(tx.tables().count("t", &request).unwrap(), 0);
            tx.tables().insert("t", insert(id)).unwrap();
        }
        one.commit().unwrap();
        let error = two.commit().expect_err("a row came into the range");
        assert_eq!(error.kind(), ErrorKind::Conflict, "{request:?}");
        assert_eq!(count(&database), 1);
    }
}

#[test]
fn a_row_outside_the_range_is_no_conflict() {
    let database = with_people();
    let (one, two) = (database.begin().unwrap(), database.begin().unwrap());
    let scan = |city: &str| ScanRequest::index("by_city").equal(city);
    for (tx, city) in [(&one, "Graz"), (&two, "Wien")] {
        assert_eq!(tx.tables().count("t", &scan(city)).unwrap(), 0);
        tx.tables().insert("t", Row::new().set("city", city)).unwrap();
    }
    one.commit().unwrap();
    two.commit().unwrap();
    assert_eq!(count(&database), 2);
}

#[test]
fn numbers_are_handed_out_once() {
    let database = with_people();
    let ids: BTreeSet<i64> = std::thread::scope(|scope| {
        let work = || {
            let insert =
                |_| database.transact(|tx| tx.tables().insert("t", Row::new())).unwrap().integer("id").unwrap();
            (0..ROUNDS).map(insert).collect::<Vec<_>>()
        };
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(ids.len(), THREADS * ROUNDS);
    assert_eq!(count(&database), (THREADS * ROUNDS) as u64);
}

#[test]
fn counters_in_rows_lose_no_update() {
    let database = with_people();
    database.transact(|tx| tx.tables().insert("t", Row::new().set("age", 0))).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    let options = TransactOptions { attempts: 10_000, ..TransactOptions::default() };
                    let increment = |tx: &crate::Transaction| {
                        let age = tx.tables().get("t", 1)?.expect("it is never deleted").integer("age")?;
                        tx.tables().update("t", 1, Row::new().set("age", age + 1))
                    };
                    database.transact_with(options, increment).unwrap();
                }
            });
        }
    });
    let row = database.read(|snapshot| snapshot.tables().get("t", 1)).unwrap().unwrap();
    assert_eq!(row.integer("age").unwrap(), (THREADS * ROUNDS) as i64);
}

/// Inserts, moves and deletes rows among few values until it has committed often enough.
fn churn(database: &Database, isolation: Isolation, thread: u64) {
    let options = TransactOptions { isolation, attempts: 10_000, ..TransactOptions::default() };
    for round in 0..4 * ROUNDS as u64 {
        let mixed = (thread << 32 | round).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23);
        let (id, email) = ((mixed % 7) as i64, (mixed >> 8) % 5);
        let row = Row::new().set("id", id).set("email", email.to_string()).set("age", (mixed % 3) as i32);
        let outcome = database.transact_with(options, |tx| match (mixed >> 16) % 4 {
            0 => tx.tables().delete("t", id).map(drop),
            1 => tx.tables().update("t", id, Row::new().set("id", (id + 1) % 7)).map(drop),
            _ => tx.tables().upsert("t", row.clone()).map(drop),
        });
        if let Err(error) = outcome {
            let kinds = [ErrorKind::Constraint, ErrorKind::AlreadyExists, ErrorKind::NotFound];
            assert!(kinds.contains(&error.kind()), "{error:?}");
        }
    }
}

#[test]
fn rows_and_entries_agree_while_indexes_come_and_go() {
    for isolation in [Isolation::Serializable, Isolation::Snapshot] {
        let database = with_people();
        let options = TransactOptions { attempts: 100_000, ..TransactOptions::default() };
        let index = Index::new("by_age", ["age"]);
        std::thread::scope(|scope| {
            let (database, index) = (&database, &index);
            for thread in 0..THREADS as u64 - 1 {
                scope.spawn(move || churn(database, isolation, thread));
            }
            scope.spawn(move || {
                for _ in 0..ROUNDS {
                    database.transact_with(options, |tx| tx.tables().create_index("t", index)).unwrap();
                    database.check().unwrap();
                    database.transact_with(options, |tx| tx.tables().drop_index("t", "by_age")).unwrap();
                }
            });
        });
        let report = database.check().unwrap().tables;
        assert_eq!((report.rows, report.index_entries), (count(&database), 2 * count(&database)), "{isolation:?}");
    }
}
