//! The keyspace through its public interface, on a disk in memory.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::ErrorKind;
use crate::env::MemoryEnv;

fn keyspace() -> Arc<Keyspace> {
    let settings = KeyspaceSettings { background: false, ..KeyspaceSettings::default() };
    Keyspace::open(Arc::new(MemoryEnv::new()), Path::new("/db"), settings).unwrap()
}

fn put(keyspace: &Arc<Keyspace>, key: &str, value: &str) -> Version {
    let tx = keyspace.begin(Isolation::Serializable).unwrap();
    tx.put(key.to_owned(), value.to_owned()).unwrap();
    tx.commit(Durability::Durable).unwrap()
}

fn text(value: Option<Bytes>) -> Option<String> {
    value.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
}

fn entries(reader: &impl Reader, range: KeyRange, direction: Direction) -> Vec<(String, String)> {
    let string = |bytes: Bytes| String::from_utf8(bytes.to_vec()).unwrap();
    reader.scan(range, direction).unwrap().map(|entry| entry.map(|(k, v)| (string(k), string(v))).unwrap()).collect()
}

#[test]
fn a_transaction_reads_its_own_writes_and_nobody_else_does() {
    let keyspace = keyspace();
    put(&keyspace, "a", "1");
    let tx = keyspace.begin(Isolation::Serializable).unwrap();
    tx.put("b", "2").unwrap();
    tx.delete("a").unwrap();
    assert_eq!(text(tx.get(b"b").unwrap()).as_deref(), Some("2"));
    assert_eq!(tx.get(b"a").unwrap(), None);
    assert_eq!(entries(&tx, KeyRange::all(), Direction::Forward), [("b".into(), "2".into())]);
    let other = keyspace.snapshot().unwrap();
    assert_eq!(entries(&other, KeyRange::all(), Direction::Forward), [("a".into(), "1".into())]);
    tx.commit(Durability::Durable).unwrap();
    assert_eq!(text(other.get(b"a").unwrap()).as_deref(), Some("1"));
    assert_eq!(text(keyspace.snapshot().unwrap().get(b"b").unwrap()).as_deref(), Some("2"));
}

#[test]
fn reading_what_another_changed_is_a_conflict() {
    let keyspace = keyspace();
    put(&keyspace, "a", "1");
    let tx = keyspace.begin(Isolation::Serializable).unwrap();
    tx.get(b"a").unwrap();
    tx.put("b", "2").unwrap();
    put(&keyspace, "a", "9");
    assert_eq!(tx.commit(Durability::Durable).unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(keyspace.snapshot().unwrap().get(b"b").unwrap(), None);
}

#[test]
fn a_phantom_is_a_conflict_only_where_it_was_looked_for() {
    let keyspace = keyspace();
    for (inserted, conflicts) in [("k5", true), ("x", false)] {
        let tx = keyspace.begin(Isolation::Serializable).unwrap();
        entries(&tx, KeyRange::new("k", Some("l")), Direction::Forward);
        tx.put("sum", inserted).unwrap();
        put(&keyspace, inserted, "1");
        assert_eq!(tx.commit(Durability::Durable).is_err(), conflicts, "{inserted}");
    }
}

#[test]
fn snapshot_isolation_allows_write_skew_and_no_lost_update() {
    let keyspace = keyspace();
    put(&keyspace, "a", "1");
    put(&keyspace, "b", "1");
    let run = |isolation, write: &str| {
        let tx = keyspace.begin(isolation).unwrap();
        tx.get(b"a").unwrap();
        tx.get(b"b").unwrap();
        tx.put(write.to_owned(), "0").unwrap();
        tx
    };
    for (isolation, skew) in [(Isolation::Snapshot, true), (Isolation::Serializable, false)] {
        let (left, right) = (run(isolation, "a"), run(isolation, "b"));
        left.commit(Durability::Durable).unwrap();
        assert_eq!(right.commit(Durability::Durable).is_ok(), skew, "{isolation:?}");
        let (left, right) = (run(isolation, "a"), run(isolation, "a"));
        left.commit(Durability::Durable).unwrap();
        assert_eq!(right.commit(Durability::Durable).unwrap_err().kind(), ErrorKind::Conflict, "{isolation:?}");
    }
}

#[test]
fn savepoints_take_back_what_came_after_them() {
    let keyspace = keyspace();
    let tx = keyspace.begin(Isolation::Serializable).unwrap();
    tx.put("a", "1").unwrap();
    let first = tx.savepoint();
    tx.put("a", "2").unwrap();
    tx.put("b", "2").unwrap();
    let second = tx.savepoint();
    tx.delete("a").unwrap();
    tx.rollback_to(second).unwrap();
    assert_eq!(text(tx.get(b"a").unwrap()).as_deref(), Some("2"));
    tx.rollback_to(first).unwrap();
    assert_eq!(text(tx.get(b"a").unwrap()).as_deref(), Some("1"));
    assert_eq!(tx.get(b"b").unwrap(), None);
    assert_eq!(tx.rollback_to(second).unwrap_err().kind(), ErrorKind::Invalid);
    tx.release(first).unwrap();
    assert_eq!(tx.rollback_to(first).unwrap_err().kind(), ErrorKind::Invalid);
}

#[test]
fn a_snapshot_outlives_folds() {
    let keyspace = keyspace();
    put(&keyspace, "a", "1");
    let old = keyspace.snapshot().unwrap();
    let tx = keyspace.begin(Isolation::Serializable).unwrap();
    tx.get(b"a").unwrap();
    tx.put("z", "1").unwrap();
    put(&keyspace, "a", "2");
    keyspace.fold().unwrap();
    put(&keyspace, "a", "3");
    keyspace.fold().unwrap();
    assert_eq!(text(old.get(b"a").unwrap()).as_deref(), Some("1"));
    assert_eq!(entries(&old, KeyRange::all(), Direction::Backward), [("a".into(), "1".into())]);
    assert_eq!(tx.commit(Durability::Durable).unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(text(keyspace.snapshot().unwrap().get(b"a").unwrap()).as_deref(), Some("3"));
    keyspace.check().unwrap();
}

#[test]
fn dropped_prefixes_are_removed_in_steps() {
    let keyspace = keyspace();
    let tx = keyspace.begin(Isolation::Serializable).unwrap();
    for number in 0..2500u32 {
        tx.put(format!("table/{number:05}"), "row").unwrap();
    }
    tx.put("tablf", "stays").unwrap();
    tx.commit(Durability::Durable).unwrap();
    keyspace.fold().unwrap();
    let tx = keyspace.begin(Isolation::Serializable).unwrap();
    tx.reclaim_prefix(b"table/").unwrap();
    tx.commit(Durability::Durable).unwrap();
    let mut steps = 0;
    while keyspace.reclaim().unwrap() {
        steps += 1;
    }
    assert_eq!(steps, 3);
    assert_eq!(
        entries(&keyspace.snapshot().unwrap(), KeyRange::all(), Direction::Forward),
        [("tablf".into(), "stays".into())]
    );
}

#[test]
fn sequences_hand_out_every_number_once() {
    let keyspace = keyspace();
    let sequences = Arc::new(Sequences::new(keyspace.clone()));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let sequences = sequences.clone();
            std::thread::spawn(move || (0..500).map(|_| sequences.next(b"orders").unwrap()).collect::<Vec<_>>())
        })
        .collect();
    let mut numbers: Vec<u64> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=2000).collect::<Vec<_>>());
    sequences.advance_past(b"orders", 10_000).unwrap();
    assert_eq!(sequences.next(b"orders").unwrap(), 10_001);
    let reopened = Sequences::new(keyspace);
    assert!(reopened.next(b"orders").unwrap() > 10_001);
}

#[test]
fn the_read_set_of_a_snapshot_is_remembered_when_asked_for() {
    let keyspace = keyspace();
    let snapshot = keyspace.recording_snapshot().unwrap();
    snapshot.get(b"a").unwrap();
    entries(&snapshot, KeyRange::prefix("p"), Direction::Forward);
    let reads = snapshot.read_set();
    assert!(reads.contains(b"a") && reads.contains(b"pz") && !reads.contains(b"b"));
    assert!(keyspace.snapshot().unwrap().read_set().is_empty());
}

#[derive(Debug, Clone)]
enum Step {
    Put(u8, u8),
    Delete(u8),
    Commit,
    Rollback,
    Fold,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (any::<u8>(), any::<u8>()).prop_map(|(key, value)| Step::Put(key % 40, value)),
        2 => any::<u8>().prop_map(|key| Step::Delete(key % 40)),
        2 => Just(Step::Commit),
        1 => Just(Step::Rollback),
        1 => Just(Step::Fold),
    ]
}

/// The entries of a scan, lent or given away as `lent` says in turns.
fn in_turns(mut scan: Scan, lent: [bool; 2]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut seen = Vec::new();
    for lent in lent.into_iter().cycle() {
        match lent {
            true if scan.advance().unwrap() => seen.push((scan.key().to_vec(), scan.value().to_vec())),
            true => break,
            false => match scan.next() {
                Some(entry) => seen.push(entry.map(|(key, value)| (key.to_vec(), value.to_vec())).unwrap()),
                None => break,
            },
        }
    }
    assert!(!scan.advance().unwrap() && scan.next().is_none() && scan.key().is_empty() && scan.value().is_empty());
    seen
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_history_reads_as_an_ordered_map(steps in prop::collection::vec(step(), 1..120), start: u8, end: u8) {
        let keyspace = keyspace();
        let mut committed: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
        let mut own = committed.clone();
        let mut tx = keyspace.begin(Isolation::Serializable).unwrap();
        for step in steps {
            match step {
                Step::Put(key, value) => {
                    tx.put(vec![b'k', key], vec![value]).unwrap();
                    own.insert(vec![b'k', key], vec![value]);
                }
                Step::Delete(key) => {
                    tx.delete(vec![b'k', key]).unwrap();
                    own.remove(&vec![b'k', key]);
                }
                Step::Commit => {
                    tx.commit(Durability::Buffered).unwrap();
                    committed = own.clone();
                    tx = keyspace.begin(Isolation::Serializable).unwrap();
                }
                Step::Rollback => {
                    own = committed.clone();
                    tx = keyspace.begin(Isolation::Serializable).unwrap();
                }
                Step::Fold => {
                    keyspace.fold().unwrap();
                }
            }
            let range = KeyRange::new(vec![b'k', start % 40], Some(vec![b'k', end % 48]));
            let expected: Vec<_> = own.iter().filter(|(key, _)| range.contains(key)).map(|(k, v)| (k.clone(), v.clone())).collect();
            let scan = |direction| tx.scan(range.clone(), direction).unwrap().map(|e| e.map(|(k, v)| (k.to_vec(), v.to_vec())).unwrap()).collect::<Vec<_>>();
            prop_assert_eq!(&scan(Direction::Forward), &expected);
            let mut backward = scan(Direction::Backward);
            backward.reverse();
            prop_assert_eq!(&backward, &expected);
            for turns in [[true, true], [true, false], [false, true]] {
                prop_assert_eq!(&in_turns(tx.scan(range.clone(), Direction::Forward).unwrap(), turns), &expected);
            }
        }
        keyspace.check().unwrap();
    }
}

#[test]
fn keys_written_over_and_over_do_not_make_the_log_grow_without_end() {
    let env = Arc::new(MemoryEnv::new());
    let settings = KeyspaceSettings {
        memory_size_bytes: 4 * 1024 * 1024,
        log_segment_size_bytes: 256 * 1024,
        ..KeyspaceSettings::default()
    };
    let keyspace = Keyspace::open(env, Path::new("/db"), settings).unwrap();
    let maintenance = Maintenance::start(&keyspace).unwrap();
    for _ in 0..100 {
        let tx = keyspace.begin(Isolation::Serializable).unwrap();
        tx.put("hot", vec![7; 256 * 1024]).unwrap();
        tx.commit(Durability::Buffered).unwrap();
    }
    // The commits do not wait for the folds, which may lag behind on a busy machine.
    let is_trimmed = || keyspace.statistics().log_size_bytes < 8 * 1024 * 1024;
    for _ in 0..4_000 {
        if is_trimmed() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    drop(maintenance);
    assert!(keyspace.statistics().checkpoints > 0);
    assert!(is_trimmed(), "{} bytes of log", keyspace.statistics().log_size_bytes);
}
