//! Loaded entries against everything that can make them untrue: commits, late loads, failures, other loaders.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;

use super::tests::{CLASSES, create, open, settle};
use super::{CacheClass, LoadOptions, SetOptions};
use crate::env::MemoryEnv;
use crate::kv::{Direction, KeyRange, Reader};
use crate::{Database, Error, ErrorKind, Result, Snapshot};

const BUDGET: u64 = 1024 * 1024;

fn fresh(class: CacheClass) -> Database {
    let database = open(&MemoryEnv::simulated(5)).unwrap();
    create(&database, "c", class, BUDGET);
    database
}

fn row(name: &str) -> Bytes {
    Bytes::from([b"\x70", name.as_bytes()].concat())
}

fn write(database: &Database, name: &str, value: &str) {
    let value = Bytes::copy_from_slice(value.as_bytes());
    database.transact(|tx| tx.inner.put(row(name), value.clone())).unwrap();
}

/// What the loaders of these tests make of the row `name`.
fn page(snapshot: &Snapshot, name: &str) -> Result<Bytes> {
    let row = snapshot.inner.get(&row(name))?;
    Ok(format!("page of {}", row.map_or("none".into(), |row| String::from_utf8_lossy(&row).into_owned())).into())
}

fn load(database: &Database, key: &str, name: &str) -> Bytes {
    database.get_or_load("c", key, &LoadOptions::default(), |snapshot| page(snapshot, name)).unwrap()
}

fn present(database: &Database, key: &str) -> bool {
    database.cache("c").get(key).unwrap().is_some()
}

fn loads(database: &Database) -> u64 {
    database.cache("c").info().unwrap().loads
}

#[test]
fn a_commit_ends_exactly_what_it_touches() {
    for class in CLASSES {
        let database = fresh(class);
        write(&database, "a", "1");
        assert_eq!(load(&database, "of a", "a"), "page of 1");
        assert_eq!(load(&database, "of a", "a"), "page of 1");
        assert_eq!(load(&database, "of b", "b"), "page of none");
        assert_eq!(loads(&database), 2);
        write(&database, "c", "1");
        assert!(present(&database, "of a") && present(&database, "of b"));
        write(&database, "a", "2");
        assert!(!present(&database, "of a") && present(&database, "of b"));
        assert_eq!(load(&database, "of a", "a"), "page of 2");
        write(&database, "b", "1");
        assert!(present(&database, "of a") && !present(&database, "of b"));
        let begun = database.begin().unwrap();
        begun.inner.put(row("a"), "3").unwrap();
        assert!(present(&database, "of a"), "nothing is committed");
        begun.rollback();
        assert!(present(&database, "of a"));
        settle(&database).unwrap();
        assert!(present(&database, "of a"));
        let figures = database.stats().cache;
        assert_eq!((figures.dependent_entries, figures.invalidations), (1, 2), "{class:?}");
        assert_eq!(database.cache("c").info().unwrap().entries, 1, "{class:?}: what died is removed");
        database.check().unwrap();
    }
}

#[test]
fn a_new_row_in_a_range_that_was_read_ends_the_entry() {
    for class in CLASSES {
        let database = fresh(class);
        let count = |snapshot: &Snapshot| {
            let range = KeyRange::new(row("m"), Some(row("p")));
            Ok(Bytes::from(snapshot.inner.scan(range, Direction::Forward)?.count().to_string()))
        };
        let load = || database.get_or_load("c", "count", &LoadOptions::default(), count).unwrap();
        assert_eq!(load(), "0");
        write(&database, "l", "1");
        write(&database, "p", "1");
        assert!(present(&database, "count"));
        write(&database, "n", "1");
        assert!(!present(&database, "count"));
        assert_eq!(load(), "1");
    }
}

#[test]
fn a_load_that_a_commit_overtook_is_returned_and_not_kept() {
    for class in CLASSES {
        let database = fresh(class);
        write(&database, "a", "old");
        let value = database.get_or_load("c", "k", &LoadOptions::default(), |snapshot| {
            let value = page(snapshot, "a")?;
            write(&database, "a", "new");
            Ok(value)
        });
        assert_eq!(value.unwrap(), "page of old");
        assert!(!present(&database, "k"));
        assert_eq!(database.cache("c").info().unwrap().refused, 1);
        assert_eq!(load(&database, "k", "a"), "page of new");
        assert!(present(&database, "k"));
    }
}

#[test]
fn a_set_or_delete_during_a_load_wins() {
    for class in CLASSES {
        let database = fresh(class);
        let cache = database.cache("c");
        let during = |change: &dyn Fn()| {
            let value = database.get_or_load("c", "k", &LoadOptions::default(), |_| {
                change();
                Ok("loaded".into())
            });
            assert_eq!(value.unwrap(), "loaded");
        };
        during(&|| assert!(!cache.delete("k").unwrap()));
        assert!(!present(&database, "k"), "{class:?}");
        during(&|| assert!(!database.transact(|tx| tx.cache().delete("c", "k")).unwrap()));
        assert!(!present(&database, "k"), "{class:?}");
        during(&|| assert!(cache.set("k", "set", &SetOptions::default()).unwrap().is_some()));
        assert_eq!(cache.get("k").unwrap().unwrap().value, "set");
        cache.delete("k").unwrap();
        during(&|| {
            database.transact(|tx| tx.cache().set("c", "k", "set", &SetOptions::default())).unwrap();
            database.transact(|tx| tx.cache().delete("c", "k")).unwrap();
        });
        assert!(!present(&database, "k"), "{class:?}");
    }
}

#[test]
fn one_of_many_loads_and_the_others_wait() {
    for class in CLASSES {
        let database = fresh(class);
        let barrier = Barrier::new(8);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    barrier.wait();
                    let value = database.get_or_load("c", "k", &LoadOptions::default(), |snapshot| {
                        std::thread::sleep(Duration::from_millis(50));
                        page(snapshot, "a")
                    });
                    assert_eq!(value.unwrap(), "page of none");
                });
            }
        });
        assert_eq!(loads(&database), 1, "{class:?}");
    }
}

#[test]
fn a_loader_that_fails_or_panics_lets_another_load() {
    for class in CLASSES {
        let database = fresh(class);
        let (barrier, attempts) = (Barrier::new(6), AtomicU64::new(0));
        let outcomes: Vec<_> = std::thread::scope(|scope| {
            let ask = || {
                barrier.wait();
                catch_unwind(AssertUnwindSafe(|| {
                    database.get_or_load("c", "k", &LoadOptions::default(), |_| {
                        std::thread::sleep(Duration::from_millis(20));
                        match attempts.fetch_add(1, Ordering::Relaxed) {
                            0 => panic!("the first loader panics"),
                            1 => Err(Error::unavailable("the second fails")),
                            _ => Ok("loaded".into()),
                        }
                    })
                }))
            };
            let threads: Vec<_> = (0..6).map(|_| scope.spawn(ask)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let count =
            |wanted: fn(&std::thread::Result<Result<Bytes>>) -> bool| outcomes.iter().filter(|o| wanted(o)).count();
        assert_eq!(count(|outcome| outcome.is_err()), 1);
        assert_eq!(count(|outcome| matches!(outcome, Ok(Err(_)))), 1);
        assert_eq!(count(|outcome| matches!(outcome, Ok(Ok(value)) if value == "loaded")), 4);
        assert_eq!(attempts.load(Ordering::Relaxed), 3, "{class:?}");
    }
}

#[test]
fn a_loader_that_asks_for_its_own_entry_is_told() {
    let database = fresh(CacheClass::Volatile);
    let options = LoadOptions::default();
    let outcome =
        database.get_or_load("c", "k", &options, |_| database.get_or_load("c", "k", &options, |_| Ok("inner".into())));
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(database.get_or_load("c", "k", &options, |_| Ok("after".into())).unwrap(), "after");
}

#[test]
fn what_is_made_of_a_loaded_entry_depends_on_the_same() {
    for class in CLASSES {
        let database = fresh(class);
        create(&database, "outer", CacheClass::Volatile, BUDGET);
        write(&database, "a", "1");
        let outer = || {
            database.get_or_load("outer", "o", &LoadOptions::default(), |snapshot| {
                Ok(snapshot.cache().get("c", "inner")?.expect("it is loaded").value)
            })
        };
        load(&database, "inner", "a");
        assert_eq!(outer().unwrap(), "page of 1");
        assert!(database.cache("outer").get("o").unwrap().is_some());
        write(&database, "a", "2");
        assert!(database.cache("outer").get("o").unwrap().is_none(), "{class:?}");
    }
}

#[test]
fn a_transaction_that_read_a_loaded_entry_rests_on_its_rows() {
    for class in CLASSES {
        let database = fresh(class);
        write(&database, "a", "1");
        load(&database, "k", "a");
        let transaction = database.begin().unwrap();
        let seen = transaction.cache().get("c", "k").unwrap().unwrap();
        assert_eq!(seen.value, "page of 1");
        transaction.inner.put(row("derived"), seen.value).unwrap();
        write(&database, "a", "2");
        assert_eq!(transaction.commit().unwrap_err().kind(), ErrorKind::Conflict, "{class:?}");
    }
}

#[test]
fn what_a_transaction_loads_is_not_published() {
    for class in CLASSES {
        let database = fresh(class);
        let transaction = database.begin().unwrap();
        transaction.inner.put(row("a"), "uncommitted").unwrap();
        let value = transaction.cache().get_or_load("c", "k", || Ok(transaction.inner.get(&row("a"))?.unwrap()));
        assert_eq!(value.unwrap(), "uncommitted");
        assert!(!present(&database, "k"));
        transaction.commit().unwrap();
        assert!(!present(&database, "k"));
    }
}

#[test]
fn a_value_that_rests_on_too_much_is_returned_and_not_kept() {
    let database = fresh(CacheClass::Volatile);
    let value = database.get_or_load("c", "k", &LoadOptions::default(), |snapshot| {
        for number in 0..crate::limits::CACHE_DEPENDENCIES_MAX + 1 {
            snapshot.inner.get(&row(&number.to_string()))?;
        }
        Ok("large".into())
    });
    assert_eq!(value.unwrap(), "large");
    assert!(!present(&database, "k"));
    let value = database.get_or_load("c", "k", &LoadOptions::default(), |_| Ok(vec![0; 800_000].into()));
    assert_eq!(value.unwrap().len(), 800_000);
    assert!(!present(&database, "k"), "it takes more than half the budget");
}

#[test]
fn after_reopening_what_was_set_is_there_and_what_was_loaded_is_not() {
    for class in [CacheClass::Buffered, CacheClass::Durable] {
        let env = MemoryEnv::simulated(6);
        {
            let database = open(&env).unwrap();
            create(&database, "c", class, BUDGET);
            database.cache("c").set("set", "stays", &SetOptions::default()).unwrap();
            load(&database, "loaded", "a");
            database.get_or_load("c", "of nothing", &LoadOptions::default(), |_| Ok("stays".into())).unwrap();
            assert!(present(&database, "loaded"));
            database.close().unwrap();
        }
        let database = open(&env).unwrap();
        assert_eq!(database.cache("c").get("set").unwrap().unwrap().value, "stays");
        assert_eq!(database.cache("c").get("of nothing").unwrap().unwrap().value, "stays");
        assert!(!present(&database, "loaded"));
        write(&database, "a", "changed while nobody watched");
        assert_eq!(load(&database, "loaded", "a"), "page of changed while nobody watched");
        assert!(present(&database, "loaded"));
        database.check().unwrap();
    }
}

/// A small random sequence, the same for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % sides
    }
}

const ROWS: u64 = 4;

/// All rows in their order: numbers that only grow, and how many there are.
fn rows(reader: &impl Reader) -> Result<Vec<u64>> {
    let range = KeyRange::new(row("r"), Some(row("s")));
    let rows = reader.scan(range, Direction::Forward)?;
    rows.map(|row| Ok(String::from_utf8_lossy(&row?.1).parse().expect("rows hold numbers"))).collect()
}

fn text(rows: &[u64]) -> Bytes {
    rows.iter().map(u64::to_string).collect::<Vec<_>>().join(",").into()
}

fn numbers(value: &Bytes) -> Vec<u64> {
    String::from_utf8_lossy(value).split(',').filter_map(|number| number.parse().ok()).collect()
}

/// Whether `value` has everything that `seen` has.
fn is_current(value: &[u64], seen: &[u64]) -> bool {
    value.len() >= seen.len() && value.iter().zip(seen).all(|(value, seen)| value >= seen)
}

fn change_rows(database: &Database, dice: &mut Dice) {
    let (number, fresh, deletes) = (dice.roll(ROWS), dice.roll(40) == 0, dice.roll(20) == 0);
    database
        .transact(|tx| {
            let key = row(&format!("r{number}"));
            let old = tx.inner.get(&key)?.map_or(0, |row| numbers(&row)[0]);
            tx.inner.put(key, (old + 1).to_string())?;
            if fresh {
                let count = rows(&tx.inner)?.len();
                tx.inner.put(row(&format!("r{:05}", 90_000 + count)), "1")?;
            }
            if deletes {
                tx.cache().delete("c", "k0")?;
            }
            Ok(())
        })
        .unwrap();
    std::thread::sleep(Duration::from_micros(dice.roll(150)));
}

fn read_once(database: &Database, dice: &mut Dice) {
    let key = format!("k{}", dice.roll(3));
    let before = rows(&database.snapshot().unwrap().inner).unwrap();
    let mut delay = Dice(dice.roll(1 << 31));
    let value = database.get_or_load("c", &key, &LoadOptions::default(), |snapshot| {
        let first = rows(&snapshot.inner)?;
        if delay.roll(4) == 0 {
            std::thread::sleep(Duration::from_micros(delay.roll(400)));
        }
        assert_eq!(first, rows(&snapshot.inner)?, "a snapshot stands still");
        Ok(text(&first))
    });
    let value = numbers(&value.unwrap());
    assert!(is_current(&value, &before), "{key}: got {value:?} after {before:?} was visible");
    let snapshot = database.snapshot().unwrap();
    if let Some(entry) = snapshot.cache().get("c", &key).unwrap() {
        assert_eq!(numbers(&entry.value), rows(&snapshot.inner).unwrap(), "{key}: an entry is of its snapshot's state");
    }
}

/// The race that caches lose: read, concurrent write, late fill.
fn race(class: CacheClass, seed: u64, reads: u64) {
    println!("{class:?}, seed {seed}");
    let database = Database::in_memory().unwrap();
    create(&database, "c", class, BUDGET);
    let (is_over, left) = (AtomicBool::new(false), AtomicU64::new(reads));
    for number in 0..ROWS {
        write(&database, &format!("r{number}"), "0");
    }
    std::thread::scope(|scope| {
        for number in 0..2 {
            let (database, is_over) = (&database, &is_over);
            scope.spawn(move || {
                let mut dice = Dice(seed + number);
                while !is_over.load(Ordering::Relaxed) {
                    change_rows(database, &mut dice);
                }
            });
        }
        let readers: Vec<_> = (0..6)
            .map(|number| {
                let (database, left) = (&database, &left);
                scope.spawn(move || {
                    let mut dice = Dice(seed + 100 + number);
                    let take = |left: u64| left.checked_sub(1);
                    while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
                        read_once(database, &mut dice);
                        // Otherwise the readers are done before the writers have had many turns.
                        std::thread::sleep(Duration::from_micros(dice.roll(60)));
                    }
                })
            })
            .collect();
        let outcomes: Vec<_> = readers.into_iter().map(|reader| reader.join()).collect();
        is_over.store(true, Ordering::Relaxed);
        assert!(outcomes.iter().all(Result::is_ok), "{class:?}, seed {seed}");
    });
    let info = database.cache("c").info().unwrap();
    println!("{info:?}");
    assert!(info.hits > reads / 100 && info.refused > 0, "the race did not happen: {info:?}");
    database.check().unwrap();
}

#[test]
fn no_read_is_stale_while_rows_change_volatile() {
    race(CacheClass::Volatile, 11, 20_000);
}

#[test]
fn no_read_is_stale_while_rows_change_buffered() {
    race(CacheClass::Buffered, 12, 6_000);
}

#[test]
fn no_read_is_stale_while_rows_change_durable() {
    race(CacheClass::Durable, 13, 6_000);
}

/// Entries that transactions set and delete by hand, seen through snapshots.
#[test]
fn an_entry_never_outlives_the_row_that_the_same_commit_changed() {
    let seed = 21;
    println!("seed {seed}");
    let database = Database::in_memory().unwrap();
    create(&database, "c", CacheClass::Volatile, BUDGET);
    write(&database, "r0", "0");
    let is_over = AtomicBool::new(false);
    let hits = AtomicU64::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut dice = Dice(seed);
            while !is_over.load(Ordering::Relaxed) {
                let bump = |tx: &crate::Transaction| {
                    let old = numbers(&tx.inner.get(&row("r0"))?.unwrap())[0];
                    tx.inner.put(row("r0"), (old + 1).to_string())?;
                    tx.cache().delete("c", "k")
                };
                database.transact(bump).unwrap();
                std::thread::sleep(Duration::from_micros(dice.roll(200)));
            }
        });
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                let fill = |tx: &crate::Transaction| {
                    let value = tx.inner.get(&row("r0"))?.unwrap();
                    tx.cache().set("c", "k", value, &SetOptions::default())
                };
                database.transact(fill).unwrap();
            }
        });
        for number in 0..2_000_000 {
            if number >= 10_000 && hits.load(Ordering::Relaxed) >= 300 {
                break;
            }
            std::thread::yield_now();
            let snapshot = database.snapshot().unwrap();
            if let Some(entry) = snapshot.cache().get("c", "k").unwrap() {
                assert_eq!(entry.value, snapshot.inner.get(&row("r0")).unwrap().unwrap());
                hits.fetch_add(1, Ordering::Relaxed);
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
    assert!(hits.load(Ordering::Relaxed) >= 300, "{hits:?} hits");
}
