//! The blob model through its public interface.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::env::MemoryEnv;
use crate::{Database, Error, ErrorKind, Settings};

/// Small enough that a few objects fill several files.
const SEGMENT_SIZE_BYTES: u64 = 200_000;

pub(super) fn open(env: &MemoryEnv) -> crate::Result<Database> {
    open_with(env, SEGMENT_SIZE_BYTES)
}

fn open_with(env: &MemoryEnv, blob_segment_size_bytes: u64) -> crate::Result<Database> {
    let settings = Settings { background: false, blob_segment_size_bytes, ..Settings::default() };
    Database::open_on(Arc::new(env.clone()), Path::new("/db"), settings)
}

pub(super) fn fresh(env: &MemoryEnv) -> Database {
    let database = open(env).unwrap();
    database.transact(|tx| tx.blobs().create_bucket("b")).unwrap();
    database
}

/// Bytes that no other seed gives.
pub(super) fn content(seed: u64, size_bytes: usize) -> Vec<u8> {
    let mut state = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..size_bytes).map(|_| next()).collect()
}

pub(super) fn put(database: &Database, key: &str, bytes: &[u8]) -> crate::Result<ObjectInfo> {
    database.transact(|tx| tx.blobs().put("b", key, bytes, &PutOptions::default()))
}

pub(super) fn get(database: &Database, key: &str) -> crate::Result<Option<Vec<u8>>> {
    database.read(|snapshot| snapshot.blobs().get("b", key))?.map(BlobReader::into_bytes).transpose()
}

pub(super) fn settle(database: &Database) -> crate::Result<()> {
    while database.maintain()? {}
    Ok(())
}

/// The paths of the segment files.
pub(super) fn files(env: &MemoryEnv) -> Vec<std::path::PathBuf> {
    env.file_names().into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "blob")).collect()
}

fn kind<T: std::fmt::Debug>(outcome: crate::Result<T>) -> ErrorKind {
    outcome.expect_err("this has to be refused").kind()
}

#[test]
fn objects_of_every_size_come_back_as_they_were_put() {
    let env = MemoryEnv::simulated(1);
    let database = fresh(&env);
    let sizes = [0, 1, 32_767, 32_768, 32_769, 65_535, 65_536, 65_537, 131_072, 200_007, 700_000];
    for (seed, size) in sizes.into_iter().enumerate() {
        let bytes = content(seed as u64, size);
        for piece in [1 << 20, 65_536, 10_007] {
            let info = database
                .transact(|tx| {
                    let mut writer = tx.blobs().writer("b", &format!("{size}/{piece}"), PutOptions::default())?;
                    bytes.chunks(piece).try_for_each(|piece| writer.write(piece))?;
                    let info = writer.finish()?;
                    let own = tx.blobs().get("b", &info.key)?.unwrap();
                    assert_eq!(own.into_bytes()?, bytes, "{size} in its own transaction");
                    Ok(info)
                })
                .unwrap();
            assert_eq!(info.size_bytes, size as u64);
            assert_eq!(info.checksum_crc32c, crc32c::crc32c(&bytes));
        }
    }
    settle(&database).unwrap();
    drop(database);
    let database = open(&env).unwrap();
    settle(&database).unwrap();
    for (seed, size) in sizes.into_iter().enumerate() {
        for piece in [1 << 20, 65_536, 10_007] {
            let found = get(&database, &format!("{size}/{piece}")).unwrap().unwrap();
            assert_eq!(found, content(seed as u64, size), "{size} after opening again");
        }
    }
    let report = database.check().unwrap().blobs;
    assert_eq!((report.objects, report.bodies), (33, 33));
}

#[test]
fn the_etag_is_the_md5_and_attributes_come_back() {
    let database = fresh(&MemoryEnv::simulated(2));
    let attributes = ObjectAttributes {
        content_type: Some("text/plain; charset=utf-8".to_owned()),
        cache_control: Some("no-cache".to_owned()),
        metadata: BTreeMap::from([("Färbung".replace('ä', "a"), "grün".to_owned())]),
        ..ObjectAttributes::default()
    };
    let options = PutOptions { attributes: attributes.clone(), ..PutOptions::default() };
    database.transact(|tx| tx.blobs().put("b", "k", &b"hello"[..], &options)).unwrap();
    let info = database.read(|snapshot| snapshot.blobs().head("b", "k")).unwrap().unwrap();
    assert_eq!(info.etag, "5d41402abc4b2a76b9719d911017c592");
    assert_eq!(info.attributes, attributes);
    let page = database.read(|snapshot| snapshot.blobs().list("b", &ListOptions::default())).unwrap();
    assert_eq!(page.objects, [info]);
}

#[test]
fn an_object_is_new_when_overwritten_and_keeps_its_first_time() {
    let env = MemoryEnv::simulated(3);
    let database = fresh(&env);
    let first = put(&database, "k", &content(1, 100_000)).unwrap();
    env.advance(std::time::Duration::from_secs(5));
    let second = put(&database, "k", &content(2, 50_000)).unwrap();
    assert_eq!(second.created_at, first.created_at);
    assert!(second.modified_at > first.modified_at);
    assert_eq!(get(&database, "k").unwrap().unwrap(), content(2, 50_000));
}

#[test]
fn bad_input_is_refused_and_says_why() {
    let database = fresh(&MemoryEnv::simulated(4));
    let with = |attributes| PutOptions { attributes, ..PutOptions::default() };
    let metadata = |name: &str, value: &str| {
        with(ObjectAttributes {
            metadata: BTreeMap::from([(name.to_owned(), value.to_owned())]),
            ..ObjectAttributes::default()
        })
    };
    let typed = |value: String| with(ObjectAttributes { content_type: Some(value), ..ObjectAttributes::default() });
    let try_put =
        |key: &str, options: PutOptions| kind(database.transact(|tx| tx.blobs().put("b", key, &b"x"[..], &options)));
    assert_eq!(try_put("", PutOptions::default()), ErrorKind::Invalid);
    assert_eq!(try_put(&"k".repeat(1025), PutOptions::default()), ErrorKind::LimitExceeded);
    assert_eq!(try_put("k", metadata("a", &"v".repeat(2048))), ErrorKind::LimitExceeded);
    assert_eq!(try_put("k", metadata("a b", "v")), ErrorKind::Invalid);
    assert_eq!(try_put("k", metadata("a", "v\r\nSet-Cookie: x")), ErrorKind::Invalid);
    assert_eq!(try_put("k", typed("text/plain\n".to_owned())), ErrorKind::Invalid);
    assert_eq!(try_put("k", typed("t".repeat(1025))), ErrorKind::LimitExceeded);
    assert_eq!(kind(database.transact(|tx| tx.blobs().create_bucket("b"))), ErrorKind::AlreadyExists);
    assert_eq!(kind(database.transact(|tx| tx.blobs().create_bucket("../b"))), ErrorKind::Invalid);
    assert_eq!(kind(database.read(|snapshot| snapshot.blobs().head("none", "k"))), ErrorKind::NotFound);
    let list = |options: ListOptions| kind(database.read(|snapshot| snapshot.blobs().list("b", &options)));
    assert_eq!(list(ListOptions { limit: 1001, ..ListOptions::default() }), ErrorKind::LimitExceeded);
    assert_eq!(list(ListOptions { delimiter: Some(String::new()), ..ListOptions::default() }), ErrorKind::Invalid);
    for key in ["../../etc/passwd", "/absolute", "nul\0byte", "ключ", &"k".repeat(1024)] {
        put(&database, key, b"a key is a key, never a path").unwrap();
        assert!(get(&database, key).unwrap().is_some(), "{key:?}");
    }
}

#[test]
fn conditions_hold_at_the_commit() {
    let database = fresh(&MemoryEnv::simulated(5));
    let conditional = |condition| PutOptions { condition, ..PutOptions::default() };
    let absent = conditional(ObjectCondition::IfAbsent);
    let one = database.begin().unwrap();
    let two = database.begin().unwrap();
    one.blobs().put("b", "k", &b"one"[..], &absent).unwrap();
    two.blobs().put("b", "k", &b"two"[..], &absent).unwrap();
    one.commit().unwrap();
    assert_eq!(kind(two.commit()), ErrorKind::Conflict);
    let again = |options: &PutOptions| database.transact(|tx| tx.blobs().put("b", "k", &b"three"[..], options));
    assert_eq!(kind(again(&absent)), ErrorKind::Precondition);
    assert_eq!(kind(again(&conditional(ObjectCondition::IfMatch("0".repeat(32))))), ErrorKind::Precondition);
    let etag = database.read(|snapshot| snapshot.blobs().head("b", "k")).unwrap().unwrap().etag;
    again(&conditional(ObjectCondition::IfMatch(etag.clone()))).unwrap();
    let delete = |condition| database.transact(|tx| tx.blobs().delete_if("b", "k", &condition));
    assert_eq!(kind(delete(ObjectCondition::IfMatch(etag))), ErrorKind::Precondition);
    assert!(delete(ObjectCondition::IfPresent).unwrap());
    assert_eq!(kind(delete(ObjectCondition::IfPresent)), ErrorKind::Precondition);
    assert!(!delete(ObjectCondition::Any).unwrap());
}

#[test]
fn what_no_commit_names_leaves_no_file() {
    let env = MemoryEnv::simulated(6);
    let database = fresh(&env);
    let large = content(1, 500_000);
    database.begin().unwrap().blobs().put("b", "rolled back", &large[..], &PutOptions::default()).unwrap();
    let failed: crate::Result<()> = database.transact(|tx| {
        let mut writer = tx.blobs().writer("b", "never finished", PutOptions::default())?;
        writer.write(&large)?;
        Err(Error::invalid("changed my mind"))
    });
    assert_eq!(kind(failed), ErrorKind::Invalid);
    let mut upload = database.upload();
    upload.write(&large).unwrap();
    let content = upload.finish().unwrap();
    assert_eq!(content.size_bytes(), 500_000);
    settle(&database).unwrap();
    assert!(!files(&env).is_empty(), "a content that is still held has its bytes");
    drop(content);
    settle(&database).unwrap();
    assert_eq!(files(&env), Vec::<std::path::PathBuf>::new());
    database
        .transact(|tx| {
            let savepoint = tx.savepoint();
            tx.blobs().put("b", "taken back", &large[..], &PutOptions::default())?;
            tx.rollback_to(savepoint)?;
            tx.blobs().put("b", "kept", &large[..], &PutOptions::default())
        })
        .unwrap();
    settle(&database).unwrap();
    assert_eq!(get(&database, "taken back").unwrap(), None);
    assert_eq!(get(&database, "kept").unwrap().unwrap(), large);
    database.check().unwrap();
}

#[test]
fn content_is_put_again_after_a_conflict_and_under_several_keys() {
    let env = MemoryEnv::simulated(7);
    let database = fresh(&env);
    let bytes = content(1, 150_000);
    let mut upload = database.upload();
    upload.write(&bytes).unwrap();
    let content = upload.finish().unwrap();
    let loser = database.begin().unwrap();
    loser.blobs().put_content("b", "k", &content, &PutOptions::default()).unwrap();
    put(&database, "k", b"in the way").unwrap();
    assert_eq!(kind(loser.commit()), ErrorKind::Conflict);
    settle(&database).unwrap();
    database
        .transact(|tx| {
            tx.blobs().put_content("b", "k", &content, &PutOptions::default())?;
            tx.blobs().put_content("b", "k", &content, &PutOptions::default())?;
            tx.blobs().put_content("b", "k2", &content, &PutOptions::default())
        })
        .unwrap();
    database.transact(|tx| tx.blobs().delete("b", "k")).unwrap();
    database.transact(|tx| tx.blobs().delete("b", "k2")).unwrap();
    settle(&database).unwrap();
    database.transact(|tx| tx.blobs().put_content("b", "k3", &content, &PutOptions::default())).unwrap();
    drop(content);
    settle(&database).unwrap();
    assert_eq!(get(&database, "k3").unwrap().unwrap(), bytes);
    assert_eq!(database.check().unwrap().blobs.bodies, 2 - 1);
    let other = fresh(&MemoryEnv::simulated(8));
    let foreign = other.upload().finish().unwrap();
    let refused = database.transact(|tx| tx.blobs().put_content("b", "k", &foreign, &PutOptions::default()));
    assert_eq!(kind(refused), ErrorKind::Invalid);
}

#[test]
fn an_open_transaction_keeps_what_it_put() {
    let env = MemoryEnv::simulated(9);
    let database = fresh(&env);
    let bytes = content(1, 300_000);
    let transaction = database.begin().unwrap();
    transaction.blobs().put("b", "k", &bytes[..], &PutOptions::default()).unwrap();
    settle(&database).unwrap();
    transaction.commit().unwrap();
    settle(&database).unwrap();
    assert_eq!(get(&database, "k").unwrap().unwrap(), bytes);
}

#[test]
fn readers_and_snapshots_keep_deleted_objects_until_they_go() {
    let env = MemoryEnv::simulated(10);
    let database = fresh(&env);
    let bytes = content(1, 300_000);
    put(&database, "k", &bytes).unwrap();
    let mut reader = database.read(|snapshot| snapshot.blobs().get("b", "k")).unwrap().unwrap();
    let snapshot = database.snapshot().unwrap();
    assert_eq!(reader.next_chunk().unwrap().unwrap(), bytes[..65_536]);
    database.transact(|tx| tx.blobs().delete("b", "k")).unwrap();
    settle(&database).unwrap();
    let old = snapshot.blobs().get("b", "k").unwrap().unwrap();
    drop(snapshot);
    settle(&database).unwrap();
    assert_eq!(reader.into_bytes().unwrap(), bytes[65_536..]);
    settle(&database).unwrap();
    assert_eq!(old.into_bytes().unwrap(), bytes);
    settle(&database).unwrap();
    assert!(files(&env).is_empty());
    assert_eq!(get(&database, "k").unwrap(), None);
}

#[test]
fn copies_share_bytes_and_live_on_their_own() {
    let env = MemoryEnv::simulated(11);
    let database = fresh(&env);
    database.transact(|tx| tx.blobs().create_bucket("other")).unwrap();
    let bytes = content(1, 150_000);
    put(&database, "k", &bytes).unwrap();
    let before = files(&env);
    let attributes = ObjectAttributes { content_type: Some("image/png".to_owned()), ..ObjectAttributes::default() };
    let options = CopyOptions { attributes: Some(attributes.clone()), ..CopyOptions::default() };
    let copy = database.transact(|tx| tx.blobs().copy("b", "k", "other", "copy", &options)).unwrap();
    assert_eq!((copy.attributes, copy.size_bytes), (attributes, 150_000));
    database.transact(|tx| tx.blobs().copy("b", "k", "b", "k", &CopyOptions::default())).unwrap();
    assert_eq!(files(&env), before);
    database.transact(|tx| tx.blobs().drop_bucket_with_objects("b")).unwrap();
    settle(&database).unwrap();
    let left = database.read(|snapshot| snapshot.blobs().get("other", "copy")).unwrap().unwrap();
    assert_eq!(left.into_bytes().unwrap(), bytes);
    assert_eq!(kind(database.transact(|tx| tx.blobs().drop_bucket("other"))), ErrorKind::Constraint);
    database.check().unwrap();
    database.transact(|tx| tx.blobs().delete("other", "copy")).unwrap();
    database.transact(|tx| tx.blobs().drop_bucket("other")).unwrap();
    settle(&database).unwrap();
    assert!(files(&env).is_empty());
    assert_eq!(database.read(|snapshot| snapshot.blobs().buckets()).unwrap(), []);
}

#[test]
fn a_dropped_bucket_is_emptied_in_steps() {
    let env = MemoryEnv::simulated(12);
    let database = fresh(&env);
    database
        .transact(|tx| {
            for number in 0..600_u64 {
                tx.blobs().put("b", &number.to_string(), &content(number, 10)[..], &PutOptions::default())?;
            }
            Ok(())
        })
        .unwrap();
    put(&database, "large", &content(1, 100_000)).unwrap();
    database.transact(|tx| tx.blobs().drop_bucket_with_objects("b")).unwrap();
    database.transact(|tx| tx.blobs().create_bucket("b")).unwrap();
    assert_eq!(get(&database, "large").unwrap(), None);
    assert!(database.check().unwrap().blobs.objects > 0);
    settle(&database).unwrap();
    assert_eq!(database.check().unwrap().blobs, BlobCheck::default());
    assert!(files(&env).is_empty());
}

#[test]
fn mostly_dead_files_are_emptied_and_removed() {
    let env = MemoryEnv::simulated(13);
    let database = fresh(&env);
    let bytes = |number| content(number, 40_000);
    for number in 0..40 {
        put(&database, &number.to_string(), &bytes(number)).unwrap();
    }
    let before = files(&env).len();
    let snapshot = database.snapshot().unwrap();
    for number in (0..40).filter(|number| number % 8 != 0) {
        database.transact(|tx| tx.blobs().delete("b", &number.to_string())).unwrap();
    }
    settle(&database).unwrap();
    for number in 0..40 {
        let old = snapshot.blobs().get("b", &number.to_string()).unwrap().unwrap();
        assert_eq!(old.into_bytes().unwrap(), bytes(number), "{number} in the snapshot");
    }
    drop(snapshot);
    settle(&database).unwrap();
    assert!(files(&env).len() * 3 < before, "{} of {before} files are left", files(&env).len());
    for number in (0..40).filter(|number| number % 8 == 0) {
        assert_eq!(get(&database, &number.to_string()).unwrap().unwrap(), bytes(number));
    }
    assert_eq!(database.check().unwrap().blobs.objects, 5);
    drop(database);
    let database = open(&env).unwrap();
    settle(&database).unwrap();
    assert_eq!(get(&database, "8").unwrap().unwrap(), bytes(8));
}

#[test]
fn many_openings_leave_few_files() {
    let env = MemoryEnv::simulated(14);
    drop(fresh(&env));
    for number in 0..40 {
        let database = open_with(&env, 10_000_000).unwrap();
        put(&database, &number.to_string(), &content(number, 40_000)).unwrap();
        settle(&database).unwrap();
    }
    let database = open_with(&env, 10_000_000).unwrap();
    settle(&database).unwrap();
    assert!(files(&env).len() < 20, "{} files", files(&env).len());
    assert_eq!(database.check().unwrap().blobs.objects, 40);
    for number in 0..40 {
        assert_eq!(get(&database, &number.to_string()).unwrap().unwrap(), content(number, 40_000));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn ranges_are_slices(
        size in prop_oneof![0..100_usize, 32_000..34_000_usize, 65_000..66_500_usize, 190_000..400_000_usize],
        cuts in prop::collection::vec((0.0..1.2_f64, 0.0..1.2_f64), 1..6),
    ) {
        let database = fresh(&MemoryEnv::new());
        let bytes = content(size as u64, size);
        put(&database, "k", &bytes).unwrap();
        let mut reader = database.read(|snapshot| snapshot.blobs().get("b", "k")).unwrap().unwrap();
        for (from, to) in cuts {
            let (from, to) = ((from * size as f64) as usize, (to * size as f64) as usize);
            let mut buffer = vec![0; to.saturating_sub(from)];
            let expected = bytes.get(from..to.min(size)).unwrap_or(&[]);
            let length = reader.read_at(from as u64, &mut buffer).unwrap();
            prop_assert_eq!(&buffer[..length], expected);
            let is_within = from <= to && (from < size || from == 0);
            let chosen = reader.set_range(from as u64..to as u64);
            prop_assert_eq!(chosen.is_ok(), is_within);
            if is_within {
                let mut read = Vec::new();
                std::io::Read::read_to_end(&mut reader, &mut read).unwrap();
                prop_assert_eq!(&read[..], expected);
            }
        }
    }

    #[test]
    fn pages_are_those_of_a_naive_listing(
        stored in prop::collection::btree_set("[ab/é]{1,6}", 0..30),
        prefix in "[ab/]{0,2}",
        delimiter in prop::option::of(prop_oneof![Just("/".to_owned()), Just("b/".to_owned()), Just("é".to_owned())]),
        start_after in prop::option::of("[ab/é]{0,4}"),
        limit in 1..8_usize,
    ) {
        let database = fresh(&MemoryEnv::new());
        database.transact(|tx| {
            stored.iter().try_for_each(|key| {
                tx.blobs().put("b", key, &b"x"[..], &PutOptions::default()).map(|_| ())
            })
        }).unwrap();
        let mut expected = BTreeSet::new();
        for key in stored.iter().filter(|key| key.starts_with(&prefix)) {
            let rest = &key[prefix.len()..];
            let common = delimiter.as_ref().and_then(|delimiter| Some(rest.find(delimiter)? + delimiter.len()));
            let entry = common.map_or(key.as_str(), |length| &key[..prefix.len() + length]);
            if start_after.as_deref().is_none_or(|after| entry > after) {
                expected.insert((entry.to_owned(), common.is_some()));
            }
        }
        let mut options = ListOptions { prefix, delimiter, start_after, limit };
        let mut found = BTreeSet::new();
        loop {
            let page = database.read(|snapshot| snapshot.blobs().list("b", &options)).unwrap();
            prop_assert!(page.objects.len() + page.common_prefixes.len() <= limit);
            found.extend(page.objects.into_iter().map(|object| (object.key, false)));
            found.extend(page.common_prefixes.into_iter().map(|common| (common, true)));
            match page.next_start_after {
                Some(next) => options.start_after = Some(next),
                None => break,
            }
        }
        prop_assert_eq!(found, expected);
    }
}
