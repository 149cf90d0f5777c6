//! Segment files are flipped, cut, exchanged and removed: answers stay right, the index builds itself again.

use super::twin::{Twin, body, files, in_body};
use super::*;
use crate::env::{Env, MemoryEnv};

/// A closed database whose index has three segments and dead documents in one of them.
fn prepared(seed: u64) -> MemoryEnv {
    let twin = Twin::fresh(seed);
    twin.put("a", &body("red apple")).unwrap();
    twin.put("b", &body("green apple")).unwrap();
    twin.settle().unwrap();
    twin.put("c", &body("red berry")).unwrap();
    twin.settle().unwrap();
    twin.put("a", &body("blue apple")).unwrap();
    twin.settle().unwrap();
    twin.put("d", &body("red waiting")).unwrap();
    assert_eq!(twin.files().len(), 3);
    twin.keyspace.close().unwrap();
    twin.env
}

fn assert_right(env: &MemoryEnv, context: &str) -> Twin {
    let twin = Twin::open(env).unwrap_or_else(|error| panic!("{context}: {error}"));
    for round in 0..2 {
        let snapshot = twin.keyspace.snapshot().unwrap();
        for word in ["red", "green", "blue", "apple", "berry", "waiting"] {
            let found = twin.found_at(&snapshot, in_body(word));
            let found = found.unwrap_or_else(|error| panic!("{context}, round {round}: {error}"));
            assert_eq!(found, twin.scanned_at(&snapshot, word), "{context}, round {round}: {word}");
        }
        drop(snapshot);
        twin.settle().unwrap_or_else(|error| panic!("{context}: {error}"));
    }
    let report = twin.model.check().unwrap_or_else(|error| panic!("{context}: {error}"));
    assert_eq!((report.documents, report.rebuilt), (4, 0), "{context}");
    let figures = twin.model.statistics().unwrap();
    assert_eq!((figures.unbuilt, files(env).len() as u64), (0, figures.segments), "{context}");
    twin
}

#[test]
fn a_flipped_bit_anywhere_changes_no_answer() {
    let env = prepared(1);
    let stored: Vec<_> = files(&env).into_iter().map(|path| (env.read_file(&path).unwrap(), path)).collect();
    for (bytes, path) in &stored {
        for number in 0..40_u64 {
            let env = prepared(1);
            let bit = number.wrapping_mul(7919 * 8191) % (bytes.len() as u64 * 8);
            env.flip_bit(path, bit).unwrap();
            let twin = assert_right(&env, &format!("bit {bit} of {}", path.display()));
            let rebuilt = twin.model.statistics().unwrap().segments == 1;
            assert!(rebuilt, "bit {bit} of {} was not noticed", path.display());
        }
    }
}

#[test]
fn missing_cut_and_exchanged_files_change_no_answer() {
    let paths = files(&prepared(2));
    for (number, path) in paths.iter().enumerate() {
        let env = prepared(2);
        env.remove(&std::path::Path::new("/").join(path)).unwrap();
        assert_right(&env, &format!("{} removed", path.display()));
        for keep in [0, 1, 100, 3] {
            let env = prepared(2);
            let size = env.read_file(path).unwrap().len() as u64;
            env.truncate(path, size * keep / 101).unwrap();
            assert_right(&env, &format!("{} cut to {keep}%", path.display()));
        }
        let env = prepared(2);
        let other = env.read_file(&paths[(number + 1) % paths.len()]).unwrap();
        env.write_file(path, &other);
        assert_right(&env, &format!("{} is another's", path.display()));
    }
    let env = prepared(2);
    files(&env).iter().for_each(|path| env.remove(&std::path::Path::new("/").join(path)).unwrap());
    assert_right(&env, "all removed");
}

#[test]
fn a_check_notices_damage_under_an_open_index_and_has_it_built_again() {
    let env = prepared(3);
    let twin = Twin::open(&env).unwrap();
    assert_eq!(twin.found(in_body("apple")).len(), 2);
    let old = twin.keyspace.snapshot().unwrap();
    env.flip_bit(&files(&env)[0], 4000).unwrap();
    assert_eq!(twin.found(in_body("apple")).len(), 2, "what is open is not read again");
    let report = twin.model.check().unwrap();
    assert_eq!((report.rebuilt, report.documents), (1, 4));
    assert_eq!(twin.found_at(&old, in_body("apple")).unwrap().len(), 2);
    drop(old);
    twin.settle().unwrap();
    let report = twin.model.check().unwrap();
    assert_eq!((report.rebuilt, report.documents), (0, 4));
    assert_eq!(twin.files().len(), 1);
}

#[test]
fn files_of_strangers_are_left_alone_and_orphans_are_not() {
    let env = prepared(4);
    let named = files(&env).len();
    env.write_file("db/search/00000000000000009999.search", b"orphan");
    env.write_file("db/search/00000000000000009999.idx", b"orphan");
    env.write_file("db/search/notes.txt", b"mine");
    let twin = Twin::open(&env).unwrap();
    assert_eq!(twin.files().len(), named + 1);
    assert_eq!(env.read_file("db/search/notes.txt").unwrap(), b"mine");
}

#[test]
fn damaged_records_of_the_keyspace_are_errors_and_never_panics() {
    let env = prepared(5);
    let twin = Twin::open(&env).unwrap();
    let snapshot = twin.keyspace.snapshot().unwrap();
    let stored: Vec<_> = snapshot
        .scan(KeyRange::prefix(vec![crate::keyspace::SEARCH_SOURCE_TAG]), Direction::Forward)
        .unwrap()
        .map(crate::Result::unwrap)
        .collect();
    assert!(stored.len() >= 3);
    for (key, value) in &stored {
        for number in 0..60 {
            let mut bytes = value.to_vec();
            match number {
                0 => bytes.clear(),
                1 => bytes.truncate(bytes.len() / 2),
                _ => {
                    let bit = (number * 7919) % (bytes.len() * 8);
                    bytes[bit / 8] ^= 1 << (bit % 8);
                }
            }
            let transaction = twin.begin();
            transaction.put(key.clone(), bytes).unwrap();
            let _ = LayoutRow::read(&transaction, keys::layout_of(key).unwrap_or(ObjectId::new(1)));
            let _ = twin.set(&transaction, "x", Some(&body("text")));
            let _ = twin.found_at(&transaction, in_body("apple"));
        }
    }
}
