//! Backups and restores: what they hold, what they cost, what damage does to them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use serde_json::json;

use super::source::Source;
use super::target::Target;
use super::writer::BackupWriter;
use super::{BackupOptions, BackupReport, list_on, restore_on, verify_on};
use crate::blob::PutOptions;
use crate::cache::{CacheClass, CacheOptions, SetOptions};
use crate::env::{Env, MemoryEnv};
use crate::kv::{Direction, KeyRange, Reader};
use crate::queue::{NewMessage, QueueSettings, ReceiveOptions};
use crate::search::{FieldDefinition, FieldType, IndexDefinition, Query, SearchRequest};
use crate::table::{Column, ColumnType, Index, Row, TableDefinition};
use crate::{Database, Error, ErrorKind, Result, Settings, Transaction};

const TARGET: &str = "/backups";
const WORDS: [&str; 5] = ["amber", "birch", "cedar", "delta", "ebony"];

/// Numbers that follow from a seed (SplitMix64).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }
}

pub(super) fn open_at(env: &MemoryEnv, directory: &str, background: bool) -> Result<Database> {
    let settings = Settings {
        background,
        memory_size_bytes: 16 * 1024 * 1024,
        log_segment_size_bytes: 32 * 1024,
        blob_segment_size_bytes: 128 * 1024,
        ..Settings::default()
    };
    Database::open_on(Arc::new(env.clone()), Path::new(directory), settings)
}

pub(super) fn content(seed: u64, size: usize) -> Vec<u8> {
    let mut random = Random(seed);
    (0..size).map(|_| random.below(256) as u8).collect()
}

pub(super) fn furnish(database: &Database) {
    let furnish = |tx: &Transaction| {
        let orders = TableDefinition::new()
            .column(Column::new("id", ColumnType::Int8))
            .column(Column::new("state", ColumnType::Text))
            .primary_key(["id"])
            .index(Index::new("orders_by_state", ["state"]));
        tx.tables().create("orders", &orders)?;
        tx.documents().create_collection("products")?;
        tx.blobs().create_bucket("receipts")?;
        tx.cache().create_namespace("pages", &CacheOptions { class: CacheClass::Durable, ..Default::default() })?;
        tx.queues().create("shipping", &QueueSettings::default())?;
        let text = FieldDefinition::new(FieldType::Text);
        tx.search().create_index("product_text", &IndexDefinition::new("products", [("text", text)]))
    };
    database.transact(furnish).unwrap();
}

/// A transaction over all six models.
pub(super) fn change(database: &Database, number: u64, random: &mut Random) -> Result<()> {
    let (state, word, size) = (
        WORDS[random.below(5) as usize],
        WORDS[random.below(5) as usize],
        [10, 3_000, 33_000, 70_000][random.below(4) as usize],
    );
    let gone = random.below(number + 1);
    database.transact(|tx| {
        tx.tables().upsert("orders", Row::new().set("id", number as i64).set("state", state))?;
        tx.tables().delete("orders", gone as i64)?;
        let text = format!("{word} order{number}");
        tx.documents().put("products", &format!("p{}", number % 40), json!({ "text": text }))?;
        tx.blobs().put("receipts", &number.to_string(), &content(number, size)[..], &PutOptions::default())?;
        tx.blobs().delete("receipts", &gone.to_string())?;
        tx.cache().set("pages", number.to_string(), text.into_bytes(), &SetOptions::default())?;
        tx.queues().send("shipping", NewMessage::json(json!(number)))?;
        for message in tx.queues().receive("shipping", &ReceiveOptions::up_to(1))? {
            tx.queues().acknowledge("shipping", &message.receipt)?;
        }
        Ok(())
    })
}

type Keys = BTreeMap<Bytes, Bytes>;

fn keys_of(reader: &impl Reader) -> Keys {
    reader.scan(KeyRange::all(), Direction::Forward).unwrap().map(Result::unwrap).collect()
}

pub(super) fn keys(database: &Database) -> Keys {
    keys_of(&database.shared.keyspace.snapshot().unwrap())
}

pub(super) fn back_up(env: &MemoryEnv, database: &Database) -> Result<BackupReport> {
    let options = BackupOptions { pieces_file_size_bytes: 100_000, ..BackupOptions::default() };
    database.backup_on(Arc::new(env.clone()), Path::new(TARGET), &options, &mut |_| {})
}

pub(super) fn restore(env: &MemoryEnv, number: Option<u64>, directory: &str) -> Result<super::RestoreReport> {
    restore_on(Arc::new(env.clone()), Path::new(TARGET), number, Path::new(directory), &mut |_| {})
}

pub(super) fn verify(env: &MemoryEnv) -> Result<super::BackupInfo> {
    let all = verify_on(Arc::new(env.clone()), Path::new(TARGET), &mut |_| {})?;
    Ok(*all.last().expect("a target without backups is an error"))
}

/// The restored database is `expected`, sound in all models, and goes on by itself.
pub(super) fn assert_restored(env: &MemoryEnv, directory: &str, expected: &Keys, context: &str) {
    let database = open_at(env, directory, false).unwrap_or_else(|error| panic!("{context}: {error}"));
    assert!(keys(&database) == *expected, "{context}: the keys differ");
    database.check().unwrap_or_else(|error| panic!("{context}: {error}"));
    let newest = 1_000_000 + database.version().number();
    for number in newest..newest + 5 {
        change(&database, number, &mut Random(number)).unwrap_or_else(|error| panic!("{context}: {error}"));
    }
    while database.maintain().unwrap_or_else(|error| panic!("{context}: {error}")) {}
    let found = database.read(|snapshot| {
        snapshot.search().search("product_text", &SearchRequest::new(Query::matching(format!("order{}", newest + 4))))
    });
    assert_eq!(found.unwrap().total, 1, "{context}");
    database.check().unwrap_or_else(|error| panic!("{context}: {error}"));
}

/// As a backup, and the keys of the version that it holds.
fn back_up_with_keys(env: &MemoryEnv, database: &Database) -> (BackupReport, Keys) {
    let (target, lock) = Target::claim(Arc::new(env.clone()), Path::new(TARGET)).unwrap();
    let mut source = Source::open(&database.shared, target.seed).unwrap();
    let mut writer = BackupWriter::begin(target, lock, &BackupOptions::default()).unwrap();
    while let Some(step) = source.next(&mut writer).unwrap() {
        writer.accept(step).unwrap();
    }
    let keys = keys_of(&source.snapshot);
    (writer.finish(source.version()).unwrap(), keys)
}

#[test]
fn a_backup_among_writers_is_one_version_of_all_models() {
    let env = MemoryEnv::new();
    let database = open_at(&env, "/db", true).unwrap();
    furnish(&database);
    let (stop, next) = (AtomicBool::new(false), AtomicU64::new(1));
    std::thread::scope(|scope| {
        for seed in 0..3 {
            let (database, stop, next) = (&database, &stop, &next);
            scope.spawn(move || {
                let mut random = Random(seed);
                while !stop.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    match change(database, number, &mut random) {
                        Err(error) if error.kind() != ErrorKind::Conflict => panic!("{error}"),
                        _ => {}
                    }
                    // Many small changes, not a database that outgrows the memory.
                    std::thread::sleep(std::time::Duration::from_millis(3));
                }
            });
        }
        for round in 1..=6 {
            std::thread::sleep(std::time::Duration::from_millis(100));
            let (report, keys) = back_up_with_keys(&env, &database);
            assert_eq!((report.number, report.based_on), (round, (round > 1).then(|| round - 1)));
            let directory = format!("/restored{round}");
            assert_eq!(restore(&env, None, &directory).unwrap().version, report.version);
            assert_restored(&env, &directory, &keys, &format!("backup {round}"));
            if round == 3 {
                database.checkpoint().unwrap();
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(database.version() > crate::Version::new(100), "the writers hardly wrote");
}

#[test]
fn old_backups_stay_as_they_were() {
    let env = MemoryEnv::new();
    let database = open_at(&env, "/db", false).unwrap();
    furnish(&database);
    let mut random = Random(7);
    let mut expected = Vec::new();
    for number in 1..=40 {
        change(&database, number, &mut random).unwrap();
        while database.maintain().unwrap() {}
        if number % 10 == 0 {
            back_up(&env, &database).unwrap();
            expected.push(keys(&database));
        }
    }
    for (index, expected) in expected.iter().enumerate() {
        let directory = format!("/restored{index}");
        restore(&env, Some(index as u64 + 1), &directory).unwrap();
        assert_restored(&env, &directory, expected, &directory);
    }
    assert_eq!(verify(&env).unwrap().number, 4);
    let second = target_files(&env).into_iter().filter(|path| path.extension().is_some_and(|e| e == "pieces")).nth(1);
    let second = second.unwrap();
    env.flip_bit(&second, 8 * 60).unwrap();
    assert_refused_by_name(verify(&env), &second, "damage in one of several backups");
    env.flip_bit(&second, 8 * 60).unwrap();
    let error = restore(&env, Some(9), "/restored9").unwrap_err();
    assert!(error.kind() == ErrorKind::NotFound && error.message().contains("1, 2, 3, 4"), "{error}");
}

#[test]
fn a_second_backup_costs_what_changed() {
    let env = MemoryEnv::new();
    let database = open_at(&env, "/db", false).unwrap();
    furnish(&database);
    database
        .transact(|tx| {
            for number in 0..20_000_i64 {
                tx.tables()
                    .insert("orders", Row::new().set("id", number).set("state", format!("state {number:0100}")))?;
            }
            (0..40).try_for_each(|number| {
                tx.blobs()
                    .put("receipts", &number.to_string(), &content(number, 70_000)[..], &PutOptions::default())
                    .map(drop)
            })
        })
        .unwrap();
    let first = back_up(&env, &database).unwrap();
    assert!(first.size_bytes > 6_000_000 && first.written_size_bytes > first.size_bytes, "{first:?}");
    assert_eq!(first.pieces, first.pieces_written);
    let second = back_up(&env, &database).unwrap();
    assert_eq!(second.pieces_written, 0, "{second:?}");
    assert!(second.written_size_bytes < first.written_size_bytes / 100, "{second:?}");
    database
        .transact(|tx| {
            tx.tables().upsert("orders", Row::new().set("id", 777_i64).set("state", "another"))?;
            tx.tables().delete("orders", 12_345_i64)?;
            tx.blobs().put("receipts", "new", &content(99, 50_000)[..], &PutOptions::default())
        })
        .unwrap();
    let third = back_up(&env, &database).unwrap();
    assert!(third.pieces_written < 20 && third.written_size_bytes < first.written_size_bytes / 4, "{third:?}");
    restore(&env, None, "/restored").unwrap();
    let restored = open_at(&env, "/restored", false).unwrap();
    assert!(keys(&restored) == keys(&database));
    restored.check().unwrap();
}

#[test]
fn two_histories_of_one_database_share_a_target() {
    let env = MemoryEnv::new();
    let database = open_at(&env, "/db", false).unwrap();
    furnish(&database);
    (1..=10).for_each(|number| change(&database, number, &mut Random(number)).unwrap());
    back_up(&env, &database).unwrap();
    restore(&env, None, "/other").unwrap();
    let other = open_at(&env, "/other", false).unwrap();
    // The same versions, file numbers and keys, with different bytes.
    for number in 11..=20 {
        change(&database, number, &mut Random(number)).unwrap();
        change(&other, number, &mut Random(number + 100)).unwrap();
    }
    for (number, database) in [(2, &database), (3, &other), (4, &database)] {
        back_up(&env, database).unwrap();
        let directory = format!("/restored{number}");
        restore(&env, Some(number), &directory).unwrap();
        assert_restored(&env, &directory, &keys(database), &directory);
    }
}

#[test]
fn an_empty_database_and_one_whose_log_failed_are_backed_up() {
    let env = MemoryEnv::simulated(5);
    let database = open_at(&env, "/db", false).unwrap();
    back_up(&env, &database).unwrap();
    restore(&env, None, "/empty").unwrap();
    assert!(keys(&open_at(&env, "/empty", false).unwrap()).is_empty());
    furnish(&database);
    change(&database, 1, &mut Random(1)).unwrap();
    env.fail_at(env.io_count() + 1, std::io::ErrorKind::Other, crate::env::FailureSpan::Once);
    database.transact(|tx| tx.tables().insert("orders", Row::new().set("id", 2_i64))).unwrap_err();
    assert!(database.failure().is_some());
    back_up(&env, &database).unwrap();
    restore(&env, None, "/saved").unwrap();
    assert_restored(&env, "/saved", &keys(&database), "after the log failed");
}

#[test]
fn only_as_many_as_wanted_are_kept() {
    let env = MemoryEnv::new();
    let database = open_at(&env, "/db", false).unwrap();
    furnish(&database);
    for number in 1..=6 {
        change(&database, number, &mut Random(number)).unwrap();
        let options = BackupOptions { keep: Some(2), pieces_file_size_bytes: 1 };
        let report = database.backup_on(Arc::new(env.clone()), Path::new(TARGET), &options, &mut |_| {}).unwrap();
        assert_eq!(report.removed, u64::from(number > 2), "{report:?}");
    }
    let listed = list_on(Arc::new(env.clone()), Path::new(TARGET)).unwrap();
    assert_eq!(listed.iter().map(|backup| backup.number).collect::<Vec<_>>(), [5, 6]);
    let target = Target::open(Arc::new(env.clone()), Path::new(TARGET)).unwrap();
    let named: Vec<u64> = target.named_files().unwrap().into_keys().collect();
    assert_eq!(target.piece_files().unwrap(), named, "files are left behind, or missing");
    for number in [5, 6] {
        restore(&env, Some(number), &format!("/restored{number}")).unwrap();
    }
    assert_restored(&env, "/restored6", &keys(&database), "the newest");
}

#[test]
fn wrong_places_are_refused() {
    let env = MemoryEnv::new();
    let database = open_at(&env, "/db", false).unwrap();
    furnish(&database);
    let back_up_into = |path: &str| {
        database.backup_on(Arc::new(env.clone()), Path::new(path), &BackupOptions::default(), &mut |_| {}).unwrap_err()
    };
    assert_eq!(back_up_into("/db").kind(), ErrorKind::Invalid);
    assert_eq!(verify(&env).unwrap_err().kind(), ErrorKind::NotFound);
    back_up(&env, &database).unwrap();
    let error = restore(&env, None, "/db").unwrap_err();
    assert!(error.kind() == ErrorKind::Invalid && error.message().contains("/db"), "{error}");
    env.write_file("/other/letter.txt", b"dear");
    assert!(restore(&env, None, "/other").unwrap_err().message().contains("letter.txt"));
    let _locked = env.lock(Path::new("/backups/LOCK")).unwrap();
    assert_eq!(back_up(&env, &database).unwrap_err().kind(), ErrorKind::Unavailable);
    assert!(Database::open_on(Arc::new(env.clone()), Path::new(TARGET), Settings::default()).is_err());
}

/// A disk with a small database and its backup.
pub(super) fn small_backup() -> (MemoryEnv, Keys) {
    let env = MemoryEnv::simulated(3);
    let database = open_at(&env, "/db", false).unwrap();
    database
        .transact(|tx| {
            tx.blobs().create_bucket("receipts")?;
            tx.documents().create_collection("products")?;
            tx.documents().put("products", "lamp", json!({"stock": 7}))?;
            tx.blobs().put("receipts", "a", &content(1, 33_000)[..], &PutOptions::default())
        })
        .unwrap();
    back_up(&env, &database).unwrap();
    (env, keys(&database))
}

pub(super) fn target_files(env: &MemoryEnv) -> Vec<PathBuf> {
    let files = env.file_names().into_iter().map(|path| Path::new("/").join(path));
    files.filter(|path| path.starts_with(TARGET) && !path.ends_with("LOCK")).collect()
}

fn assert_refused_by_name(outcome: Result<impl std::fmt::Debug>, path: &Path, context: &str) {
    let error: Error = outcome.expect_err(context);
    let is_known = matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported);
    let name = path.file_name().unwrap().to_str().unwrap();
    assert!(is_known && error.message().contains(name), "{context}: {error}");
}

#[test]
fn every_flipped_bit_is_refused_by_name() {
    let (env, _) = small_backup();
    let files = target_files(&env);
    assert_eq!(files.len(), 3, "{files:?}");
    let mut count = 0;
    for path in files {
        let bits = env.read_file(&path).unwrap().len() as u64 * 8;
        // The bytes of the one blob are many and alike: every eleventh bit of them.
        let step = if bits > 40_000 { 11 } else { 1 };
        for bit in (0..bits).step_by(step) {
            env.flip_bit(&path, bit).unwrap();
            assert_refused_by_name(verify(&env), &path, &format!("bit {bit} of {}", path.display()));
            if bit % 997 == 0 {
                assert_refused_by_name(restore(&env, None, "/restored"), &path, &format!("bit {bit}, restoring"));
                assert!(!Env::exists(&env, Path::new("/restored/FORMAT")).unwrap(), "bit {bit}: it can be opened");
            }
            env.flip_bit(&path, bit).unwrap();
            count += 1;
        }
    }
    println!("{count} flipped bits, all refused");
    verify(&env).unwrap();
}

#[test]
fn what_is_missing_cut_exchanged_or_newer_is_refused_by_name() {
    let (env, expected) = small_backup();
    for path in target_files(&env) {
        let whole = env.read_file(&path).unwrap();
        for size in (0..whole.len()).step_by(1 + whole.len() / 300) {
            env.truncate(&path, size as u64).unwrap();
            let context = format!("{} cut at {size}", path.display());
            assert_refused_by_name(verify(&env), &path, &context);
            env.write_file(&path, &whole);
        }
        env.write_file(&path, &[&whole[..], &[0]].concat());
        assert_refused_by_name(verify(&env), &path, "a longer file");
        let mut newer = whole.clone();
        newer[8] = 2;
        let body = if whole.len() == 24 { 20 } else { 28 };
        let checksum = crc32c::crc32c(&newer[..body]).to_le_bytes();
        newer[body..body + 4].copy_from_slice(&checksum);
        env.write_file(&path, &newer);
        let error = verify(&env).unwrap_err();
        assert!(error.kind() == ErrorKind::Unsupported && error.message().contains("newer program"), "{error}");
        Env::remove(&env, &path).unwrap();
        if !path.ends_with("BACKUP") && path.extension().is_none_or(|ending| ending != "backup") {
            assert_refused_by_name(verify(&env), &path, "a missing file");
        } else {
            assert_eq!(verify(&env).unwrap_err().kind(), ErrorKind::NotFound);
        }
        env.write_file(&path, &whole);
    }
    // Another file of the same name, sound in itself.
    let pieces = target_files(&env).into_iter().find(|path| path.extension().is_some_and(|e| e == "pieces")).unwrap();
    let (other, _) = small_backup();
    let mut exchanged = other.read_file(&pieces).unwrap();
    exchanged[20] ^= 1;
    let checksum = crc32c::crc32c(&exchanged[..28]).to_le_bytes();
    exchanged[28..32].copy_from_slice(&checksum);
    let whole = env.read_file(&pieces).unwrap();
    env.write_file(&pieces, &exchanged);
    assert_refused_by_name(verify(&env), &pieces, "an exchanged file");
    let database = open_at(&env, "/db", false).unwrap();
    assert_refused_by_name(back_up(&env, &database), &pieces, "a backup that would rest on it");
    env.write_file(&pieces, &whole);
    restore(&env, None, "/restored").unwrap();
    let restored = open_at(&env, "/restored", false).unwrap();
    assert!(keys(&restored) == expected);
    restored.check().unwrap();
}
