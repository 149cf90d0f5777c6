//! A keyspace and a target of backups at rest, edited in a few places.
//!
//! Edits never put back what once stood in the same place of the checkpoint: such a block passes for the newest until a
//! check compares it with its parent; see `crate::damage`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Once};

use marquetry::backup::{self, BackupOptions};
use marquetry::env::MemoryEnv;
use marquetry::fuzzing::{Choices, assert_damage};
use marquetry::kv::{Direction, Durability, Isolation, KeyRange, Keyspace, KeyspaceSettings, Reader};
use marquetry::{Database, Result, Settings};
use serde_json::json;

use crate::verdict::silence_redb;

type Files = BTreeMap<PathBuf, Vec<u8>>;
type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

fn files_of(env: &MemoryEnv) -> Files {
    let names = env.file_names().into_iter();
    names.map(|path| (path.clone(), env.read_file(&path).expect("a file that is listed is there"))).collect()
}

fn disk_with(files: &Files) -> MemoryEnv {
    let env = MemoryEnv::simulated(1);
    files.iter().for_each(|(path, bytes)| env.write_file(path, bytes));
    env
}

/// Changes some bytes of the files, those that mean something above all.
fn edit(files: &mut Files, choices: &mut Choices<'_>) {
    let paths: Vec<PathBuf> = files.keys().cloned().collect();
    for _ in 0..1 + choices.below(3) {
        let Some(bytes) = files.get_mut(choices.one_of(&paths)).filter(|bytes| !bytes.is_empty()) else { continue };
        let at = choices.below(bytes.len());
        match choices.below(6) {
            0 => bytes[at] ^= 1 << choices.below(8),
            1 => bytes.truncate(at),
            2 => {
                let end = (at + choices.below(5000)).min(bytes.len());
                bytes[at..end].fill(choices.byte());
            }
            3 => {
                let new = choices.bytes(32);
                let end = (at + new.len()).min(bytes.len());
                bytes[at..end].copy_from_slice(&new[..end - at]);
            }
            4 => {
                let from = choices.below(bytes.len());
                let size = choices.below(5000).min(bytes.len() - at.max(from));
                bytes.copy_within(from..from + size, at);
            }
            _ => bytes.extend_from_slice(choices.bytes(40)),
        }
    }
}

fn open_keyspace(env: &MemoryEnv) -> Result<Arc<Keyspace>> {
    let settings =
        KeyspaceSettings { background: false, memory_size_bytes: 1024 * 1024, ..KeyspaceSettings::default() };
    Keyspace::open(Arc::new(env.clone()), Path::new("/db"), settings)
}

fn pairs_of(keyspace: &Arc<Keyspace>) -> Result<Pairs> {
    let entries = keyspace.snapshot()?.scan(KeyRange::all(), Direction::Forward)?;
    entries.map(|entry| entry.map(|(key, value)| (key.to_vec(), value.to_vec()))).collect()
}

/// The checkpoint of a keyspace that was folded a few times, and what it holds.
static CHECKPOINT: LazyLock<(Files, Pairs)> = LazyLock::new(|| {
    let env = MemoryEnv::simulated(3);
    let keyspace = open_keyspace(&env).expect("an empty disk takes a keyspace");
    for number in 0..60 {
        let tx = keyspace.begin(Isolation::Snapshot).expect("a transaction begins");
        for part in 0..4 {
            let value = format!("{number}:{}", "x".repeat(40 * part));
            tx.put(format!("key{:03}", number * 7 % 50 + part), value).expect("a small pair is taken");
        }
        tx.commit(Durability::Durable).expect("a good disk takes a commit");
        if number % 15 == 0 {
            keyspace.fold().expect("a good disk takes a fold");
        }
    }
    keyspace.fold().expect("a good disk takes a fold");
    let pairs = pairs_of(&keyspace).expect("a good disk is read");
    drop(keyspace);
    (files_of(&env), pairs)
});

/// A keyspace whose checkpoint was edited answers as before, or tells of damage.
pub fn checkpoint(input: &[u8]) {
    static SILENCED: Once = Once::new();
    SILENCED.call_once(silence_redb);
    let (files, pairs) = &*CHECKPOINT;
    let is_checkpoint = |path: &Path| path.to_string_lossy().contains("checkpoint");
    let (mut edited, others): (Files, Files) = files.clone().into_iter().partition(|(path, _)| is_checkpoint(path));
    edit(&mut edited, &mut Choices::new(input));
    edited.extend(others);
    match open_keyspace(&disk_with(&edited)).and_then(|keyspace| pairs_of(&keyspace)) {
        Ok(found) => assert!(found == *pairs, "{} pairs are found instead of {}", found.len(), pairs.len()),
        Err(error) => assert_damage(&error),
    }
}

const TARGET: &str = "/backups";

fn settings() -> Settings {
    Settings { background: false, memory_size_bytes: 16 * 1024 * 1024, ..Settings::default() }
}

fn products(env: &MemoryEnv) -> Result<Vec<serde_json::Value>> {
    let database = Database::open_on(Arc::new(env.clone()), Path::new("/restored"), settings())?;
    database.check()?;
    database.read(|snapshot| snapshot.documents().find("products", &Default::default()))
}

/// A target with two backups of a small database, the second of which rests on the first.
static BACKUPS: LazyLock<Files> = LazyLock::new(|| {
    let (env, machine) = (MemoryEnv::simulated(4), MemoryEnv::simulated(5));
    let database =
        Database::open_on(Arc::new(env), Path::new("/db"), settings()).expect("an empty disk takes a database");
    database.transact(|tx| tx.documents().create_collection("products")).expect("a good disk takes a commit");
    for round in 0..2 {
        for number in 0..30 {
            let document = json!({ "_id": format!("{round}-{number}"), "text": "x".repeat(40) });
            let insert = database.transact(|tx| tx.documents().insert("products", document.clone()));
            insert.expect("a good disk takes a commit");
        }
        let options = BackupOptions::default();
        let made = database.backup_on(Arc::new(machine.clone()), Path::new(TARGET), &options, &mut |_| {});
        made.expect("a good disk takes a backup");
    }
    files_of(&machine)
});

/// Of an edited target the newest backup is restored as it was, or refused; so is an older one in its place.
pub fn backup_targets(input: &[u8]) {
    let mut choices = Choices::new(input);
    let mut files = BACKUPS.clone();
    edit(&mut files, &mut choices);
    let env = disk_with(&files);
    let machine = Arc::new(env.clone());
    let number = [None, Some(1), Some(2)][choices.below(3)];
    let restored = backup::restore_on(machine, Path::new(TARGET), number, Path::new("/restored"), &mut |_| {});
    match restored.and_then(|report| products(&env).map(|found| (report, found))) {
        Ok((report, found)) => {
            assert!(number.is_none_or(|number| number == report.number));
            assert_eq!(found.len() as u64, 30 * report.number, "backup {} is not what was backed up", report.number);
        }
        Err(error) => assert_damage(&error),
    }
}
