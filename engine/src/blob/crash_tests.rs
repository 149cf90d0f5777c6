//! Blobs on a disk that loses power, fills up, fails or rots.

use std::collections::BTreeMap;
use std::io;

use super::PutOptions;
use super::tests::{content, files, fresh, get, open, put, settle};
use crate::env::{CrashPolicy, FailureSpan, MemoryEnv};
use crate::{Database, Durability, ErrorKind, Result, TransactOptions, Transaction};

type Objects = BTreeMap<String, Vec<u8>>;

/// What was committed, and what the commit under way would make of it.
#[derive(Debug, Clone, Default)]
struct Expected {
    committed: Objects,
    underway: Option<Objects>,
}

impl Expected {
    /// Commits `puts` and `deletes` as one.
    fn commit(&mut self, database: &Database, puts: &[(&str, Vec<u8>)], deletes: &[&str]) -> Result<()> {
        let mut after = self.committed.clone();
        deletes.iter().for_each(|key| drop(after.remove(*key)));
        puts.iter().for_each(|(key, bytes)| drop(after.insert((*key).to_owned(), bytes.clone())));
        self.underway = Some(after);
        database.transact(|tx| write(tx, puts, deletes))?;
        self.committed = self.underway.take().expect("it was just set");
        Ok(())
    }
}

fn write(tx: &Transaction, puts: &[(&str, Vec<u8>)], deletes: &[&str]) -> Result<()> {
    for key in deletes {
        tx.blobs().delete("b", key)?;
    }
    for (key, bytes) in puts {
        tx.blobs().put("b", key, &bytes[..], &PutOptions::default())?;
    }
    Ok(())
}

/// Puts, overwrites, deletes, collects and compacts until something fails.
fn work(database: &Database, expected: &mut Expected) -> Result<()> {
    expected.commit(database, &[("a", content(1, 150_000)), ("small", content(2, 10))], &[])?;
    expected.commit(
        database,
        &[("b", content(3, 40_000)), ("c", content(4, 70_000)), ("d", content(5, 50_000))],
        &[],
    )?;
    database.begin()?.blobs().put("b", "rolled back", &content(6, 90_000)[..], &PutOptions::default())?;
    expected.commit(database, &[("b", content(7, 33_000))], &["a", "c"])?;
    settle(database)?;
    database.checkpoint()?;
    expected.commit(database, &[("e", content(8, 66_000))], &["b"])?;
    settle(database)?;
    expected.commit(database, &[], &["e", "small"])?;
    settle(database)
}

fn run(env: &MemoryEnv) -> (Expected, bool) {
    let mut expected = Expected::default();
    let is_done = open(env).is_ok_and(|database| work(&database, &mut expected).is_ok());
    (expected, is_done)
}

fn everything(database: &Database) -> Objects {
    let page = database.read(|snapshot| snapshot.blobs().list("b", &super::ListOptions::default())).unwrap();
    let bytes = |key: &String| get(database, key).unwrap().unwrap();
    page.objects.into_iter().map(|object| (object.key.clone(), bytes(&object.key))).collect()
}

/// What was committed is there, whole; the rest is collected; and the database goes on.
fn verify(env: &MemoryEnv, expected: &Expected, context: &str) {
    let database = open(env).unwrap_or_else(|error| panic!("{context}: {error}"));
    let found = everything(&database);
    let is_expected = found == expected.committed || Some(&found) == expected.underway.as_ref();
    assert!(is_expected, "{context}: found {:?}", found.keys());
    settle(&database).unwrap_or_else(|error| panic!("{context}: {error}"));
    assert_eq!(everything(&database), found, "{context}: after collecting");
    database.check().unwrap_or_else(|error| panic!("{context}: {error}"));
    let keys: Vec<_> = found.keys().map(String::as_str).collect();
    database.transact(|tx| write(tx, &[("after", content(9, 100_000))], &keys)).unwrap();
    settle(&database).unwrap();
    assert_eq!(files(env).len(), 1, "{context}: files are left behind");
    assert_eq!(get(&database, "after").unwrap().unwrap(), content(9, 100_000), "{context}");
}

/// A disk with an empty bucket, and how many I/Os that took.
fn prepared(seed: u64) -> MemoryEnv {
    let env = MemoryEnv::simulated(seed);
    drop(fresh(&env));
    env
}

#[test]
fn a_crash_at_every_io_leaves_whole_objects_and_no_waste() {
    let env = prepared(0);
    let first = env.io_count();
    assert!(run(&env).1);
    let last = env.io_count();
    assert!(last - first > 40, "only {} I/Os", last - first);
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

#[test]
fn a_transaction_goes_on_after_a_put_met_a_full_disk() {
    let mut refused = 0;
    for offset in 1..30 {
        let env = MemoryEnv::simulated(offset);
        let database = fresh(&env);
        put(&database, "before", &content(1, 100_000)).unwrap();
        let transaction = database.begin().unwrap();
        transaction.blobs().put("b", "small", &b"kept"[..], &PutOptions::default()).unwrap();
        env.fail_at(env.io_count() + offset, io::ErrorKind::StorageFull, FailureSpan::Forever);
        let outcome = transaction.blobs().put("b", "large", &content(2, 400_000)[..], &PutOptions::default());
        env.clear_faults();
        match &outcome {
            Ok(_) => {}
            Err(error) => {
                refused += 1;
                assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
                assert!(error.message().contains("disk space"), "{error}");
            }
        }
        transaction.commit().unwrap();
        settle(&database).unwrap();
        assert_eq!(get(&database, "large").unwrap().is_some(), outcome.is_ok());
        assert_eq!(get(&database, "small").unwrap().unwrap(), b"kept");
        assert_eq!(get(&database, "before").unwrap().unwrap(), content(1, 100_000));
        database.transact(|tx| write(tx, &[], &["before", "large"])).unwrap();
        settle(&database).unwrap();
        assert!(files(&env).is_empty(), "failed {offset} I/Os into the put");
        put(&database, "again", &content(3, 300_000)).unwrap();
        assert_eq!(get(&database, "again").unwrap().unwrap(), content(3, 300_000));
    }
    assert!(refused > 5, "only {refused} puts met the full disk");
}

#[test]
fn a_buffered_delete_that_a_crash_takes_back_has_not_taken_the_bytes() {
    for (number, policy, seed) in (1..6)
        .flat_map(|number| CrashPolicy::ALL.map(|policy| (number, policy)))
        .flat_map(|(number, policy)| (0..8).map(move |seed| (number, policy, seed)))
    {
        let env = MemoryEnv::simulated(seed);
        let database = fresh(&env);
        put(&database, "k", &content(1, 100_000)).unwrap();
        let buffered = TransactOptions { durability: Durability::Buffered, ..TransactOptions::default() };
        database.transact_with(buffered, |tx| tx.blobs().delete("b", "k")).unwrap();
        env.crash_at(env.io_count() + number);
        let _ = settle(&database);
        let database = open(&env.crash(policy)).unwrap();
        settle(&database).unwrap();
        let found = get(&database, "k").unwrap();
        assert!(found.is_none_or(|found| found == content(1, 100_000)), "{number}, {policy:?}, {seed}");
        database.check().unwrap();
    }
}

#[test]
fn a_flipped_bit_is_reported_with_its_place_and_never_read() {
    let env = MemoryEnv::simulated(22);
    let database = fresh(&env);
    let bytes = content(1, 180_000);
    put(&database, "k", &bytes).unwrap();
    let path = files(&env).remove(0);
    let size_bits = env.read_file(&path).unwrap().len() as u64 * 8;
    for number in 0..200 {
        let bit = (number * 7919 * 8191) % size_bits;
        env.flip_bit(&path, bit).unwrap();
        let error = get(&database, "k").expect_err("the bit belongs to the object");
        let is_known = matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported);
        assert!(is_known && error.message().contains(".blob"), "bit {bit}: {error}");
        assert!(database.check().is_err(), "bit {bit}");
        env.flip_bit(&path, bit).unwrap();
    }
    assert_eq!(get(&database, "k").unwrap().unwrap(), bytes);
    env.truncate(&path, size_bits / 8 - 1).unwrap();
    assert_eq!(get(&database, "k").expect_err("the end is missing").kind(), ErrorKind::Corrupt);
}

#[test]
fn chunks_in_each_others_places_are_damage() {
    let env = MemoryEnv::simulated(23);
    let database = fresh(&env);
    put(&database, "a", &content(1, 65_536)).unwrap();
    put(&database, "b", &content(2, 65_536)).unwrap();
    let path = files(&env).remove(0);
    let mut stored = env.read_file(&path).unwrap();
    let (one, two) = stored[24..].split_at_mut(65_544);
    one.swap_with_slice(two);
    env.write_file(&path, &stored);
    for key in ["a", "b"] {
        assert_eq!(get(&database, key).expect_err("these are other bytes").kind(), ErrorKind::Corrupt);
    }
}

#[test]
fn damage_and_unreadable_files_end_a_reader_with_an_error_that_stays() {
    let env = MemoryEnv::simulated(24);
    let database = fresh(&env);
    put(&database, "k", &content(1, 190_000)).unwrap();
    let mut reader = database.read(|snapshot| snapshot.blobs().get("b", "k")).unwrap().unwrap();
    reader.next_chunk().unwrap();
    env.fail_reads(Some(io::ErrorKind::Other));
    assert_eq!(reader.next_chunk().expect_err("reads fail").kind(), ErrorKind::Unavailable);
    assert_eq!(reader.next_chunk().expect_err("reads fail").kind(), ErrorKind::Unavailable);
    env.fail_reads(None);
    assert_eq!(reader.into_bytes().unwrap(), content(1, 190_000)[65_536..]);
    crate::env::Env::remove(&env, std::path::Path::new("/").join(files(&env).remove(0)).as_path()).unwrap();
    assert_eq!(get(&database, "k").expect_err("the file is gone").kind(), ErrorKind::Corrupt);
}
