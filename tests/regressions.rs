//! Faults that were found by crashing, failing and damaging whole engines, each by its name.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io;
use std::path::Path;
use std::sync::Arc;

use marquetry::env::{FailureSpan, MemoryEnv};
use marquetry::search::{FieldDefinition, FieldType, IndexDefinition, Query, SearchRequest};
use marquetry::{Database, ErrorKind, Result, Settings};
use marquetry_server::Server;
use marquetry_tests::image::{FileKind, Image, block};
use marquetry_tests::verdict::silence_redb;
use marquetry_tests::workload;
use serde_json::json;

fn open(env: &MemoryEnv) -> Result<Database> {
    let settings = Settings { background: false, ..Settings::default() };
    Database::open_on(Arc::new(env.clone()), Path::new("/db"), settings)
}

/// A searched collection with `count` documents, of which no segment was written yet.
fn searched(database: &Database, count: u64) {
    let index = IndexDefinition::new("texts", [("text", FieldDefinition::new(FieldType::Text))]);
    let make = |tx: &marquetry::Transaction| {
        tx.documents().create_collection("texts")?;
        tx.search().create_index("by_text", &index)?;
        put(tx, 0..count)
    };
    database.transact(make).unwrap();
}

fn put(tx: &marquetry::Transaction, numbers: std::ops::Range<u64>) -> Result<()> {
    for number in numbers {
        tx.documents().put("texts", &number.to_string(), json!({ "text": format!("amber {number}") }))?;
    }
    Ok(())
}

fn found(database: &Database) -> u64 {
    let request = SearchRequest::new(Query::matching("amber"));
    database.read(|snapshot| snapshot.search().search("by_text", &request)).unwrap().total
}

/// The lock went with the last `Database`, and the files stayed open, and were written, as long as anybody still read.
#[test]
fn the_directory_stays_locked_until_the_files_are_closed() {
    let env = MemoryEnv::new();
    let refused = |env: &MemoryEnv| open(env).map(drop).map_err(|error| error.kind());
    let database = open(&env).unwrap();
    let snapshot = database.snapshot().unwrap();
    drop(database);
    assert_eq!(refused(&env), Err(ErrorKind::Unavailable), "two have the files open");
    drop(snapshot);
    let database = open(&env).unwrap();
    let transaction = database.begin().unwrap();
    drop(database);
    assert_eq!(refused(&env), Err(ErrorKind::Unavailable), "two have the files open");
    drop(transaction);
    assert_eq!(refused(&env), Ok(()));
}

/// redb changes pages when it is closed. On an old page it panicked, and once more while that unwound, which ended the process.
#[test]
fn a_checkpoint_found_damaged_is_neither_folded_into_nor_changed_by_closing_it() {
    silence_redb();
    let image = Image::new(28).unwrap();
    let (path, bytes) = image.files(FileKind::Checkpoint)[0];
    let blocks = (0..).map(block).take_while(|place| place.end <= bytes.len() as u64);
    let old_blocks = blocks.flat_map(|place| {
        let older = image.older(path, place.clone()).into_iter();
        older.filter(|block| block.iter().any(|byte| *byte != 0)).map(move |block| (place.start, block))
    });
    let mut found = 0;
    for (start, old_block) in old_blocks {
        let disk = image.disk();
        disk.overwrite(path, start, &old_block).unwrap();
        let Ok(database) = workload::open(&disk) else { continue };
        if database.check().is_ok() {
            continue;
        }
        found += 1;
        assert_eq!(database.checkpoint().unwrap_err().kind(), ErrorKind::Corrupt, "the damage is spread");
        let before = disk.read_file(path).unwrap();
        drop(database);
        assert!(disk.read_file(path).unwrap() == before, "closing changes a file that is not to be trusted");
    }
    assert!(found > 0, "no old block was found by the check");
}

/// Searches wrote segments first, and failed when that failed: with a full disk, and after the log had failed.
#[test]
fn searches_are_answered_while_nothing_can_be_written() {
    for span in [FailureSpan::Once, FailureSpan::Forever] {
        let env = MemoryEnv::simulated(1);
        let database = open(&env).unwrap();
        searched(&database, 2_000);
        env.fail_at(env.io_count() + 1, io::ErrorKind::StorageFull, span);
        assert_eq!(found(&database), 2_000, "with a full disk, {span:?}");
    }
    let env = MemoryEnv::simulated(1);
    let database = open(&env).unwrap();
    searched(&database, 2_000);
    env.fail_at(env.io_count() + 1, io::ErrorKind::Other, FailureSpan::Once);
    database.transact(|tx| put(tx, 0..1)).unwrap_err();
    assert!(database.failure().is_some());
    assert_eq!(found(&database), 2_000, "after the log has failed");
}

/// Readiness looked at the log alone.
#[tokio::test]
async fn a_failed_checkpoint_turns_readiness_false() {
    let env = MemoryEnv::simulated(1);
    let database = open(&env).unwrap();
    searched(&database, 1);
    let server = Server::start(database.clone(), marquetry_server::Settings::local()).await.unwrap();
    let ready = format!("{}/ready", server.url());
    assert_eq!(reqwest::get(&ready).await.unwrap().status(), 200);
    env.fail_at(env.io_count() + 1, io::ErrorKind::StorageFull, FailureSpan::Once);
    database.checkpoint().unwrap_err();
    assert!(database.failure().is_some());
    assert_eq!(reqwest::get(&ready).await.unwrap().status(), 503);
    // Nothing is lost, and opening again helps.
    database.transact(|tx| put(tx, 1..2)).unwrap();
    server.stop().await;
    drop(database);
    let database = open(&env).unwrap();
    database.checkpoint().unwrap();
    assert_eq!((database.failure(), found(&database)), (None, 2));
}
