//! A crash at every I/O of a workload over all six models at once.
//!
//! ```text
//!   steps     one transaction each, over all models; between them folds, maintenance, reopening
//!   crash     at I/O 1, 2, 3, ... under every policy, then once more inside recovery
//!   oracle    what is found = everything acknowledged, or that and the step that was under way, in all models alike
//! ```
//!
//! The oracle is a plain [`World`] that every step changes beside the engine. Search has no state of its own in it: what is found
//! must be what a look through the world's documents finds.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind as Io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use marquetry::blob::{ListOptions, PutOptions};
use marquetry::cache::{CacheClass, CacheOptions, SetOptions};
use marquetry::env::{CrashPolicy, FailureSpan, MemoryEnv};
use marquetry::queue::{NewMessage, QueueSettings, ReceiveOptions};
use marquetry::search::{FieldDefinition, FieldType, IndexDefinition, Query, SearchRequest};
use marquetry::table::{Column, ColumnType, Index, Row, ScanRequest, TableDefinition};
use marquetry::{Database, Result, Settings, Snapshot, Transaction};
use marquetry_tests::{Random, seed};
use serde_json::json;

const STEPS: u64 = 30;
const WORDS: [&str; 5] = ["amber", "birch", "cedar", "delta", "ebony"];

/// Everything stored, as plain maps.
#[derive(Debug, Clone, Default, PartialEq)]
struct World {
    is_furnished: bool,
    rows: BTreeMap<i64, String>,
    documents: BTreeMap<String, String>,
    objects: BTreeMap<String, Vec<u8>>,
    entries: BTreeMap<String, Vec<u8>>,
    messages: BTreeSet<i64>,
}

impl World {
    /// The ids of the documents with `word` in their text.
    fn search(&self, word: &str) -> BTreeSet<String> {
        let has = |text: &str| text.split(' ').any(|part| part == word);
        self.documents.iter().filter(|(_, text)| has(text)).map(|(id, _)| id.clone()).collect()
    }
}

/// One step of the workload.
#[derive(Debug, Clone, Copy)]
enum Step {
    Furnish,
    Order(i64),
    Ship,
    Forget(i64),
    Fold,
    Maintain,
    Reopen,
}

fn step(number: u64, random: &mut Random) -> Step {
    match (number, random.below(12)) {
        (0, _) => Step::Furnish,
        (_, 0) => Step::Fold,
        (_, 1 | 2) => Step::Maintain,
        (_, 3) => Step::Reopen,
        (_, 4 | 5) => Step::Ship,
        (_, 6) => Step::Forget(random.below(number) as i64),
        _ => Step::Order(number as i64),
    }
}

fn furnish(tx: &Transaction, world: &mut World) -> Result<()> {
    let orders = TableDefinition::new()
        .column(Column::new("id", ColumnType::Int8))
        .column(Column::new("state", ColumnType::Text).not_null())
        .primary_key(["id"])
        .index(Index::new("orders_by_state", ["state"]));
    tx.tables().create("orders", &orders)?;
    tx.documents().create_collection("products")?;
    tx.blobs().create_bucket("receipts")?;
    tx.cache().create_namespace("pages", &CacheOptions { class: CacheClass::Durable, ..CacheOptions::default() })?;
    tx.queues().create("shipping", &QueueSettings::default())?;
    let text = FieldDefinition::new(FieldType::Text);
    tx.search().create_index("product_text", &IndexDefinition::new("products", [("text", text)]))?;
    world.is_furnished = true;
    Ok(())
}

/// The bytes of a receipt: some fit into the keyspace, some do not.
fn receipt(number: i64, random: &mut Random) -> Vec<u8> {
    let size = [10, 3_000, 40_000, 90_000][random.below(4) as usize];
    let mut bytes = Random::new(number as u64);
    (0..size).map(|_| bytes.number() as u8).collect()
}

fn order(tx: &Transaction, number: i64, random: &mut Random, world: &mut World) -> Result<()> {
    let state = WORDS[random.below(5) as usize];
    tx.tables().upsert("orders", Row::new().set("id", number).set("state", state))?;
    world.rows.insert(number, state.to_owned());

    let id = format!("product{}", random.below(6));
    let text = format!("{} {} order{number}", WORDS[random.below(5) as usize], WORDS[random.below(5) as usize]);
    tx.documents().put("products", &id, json!({ "text": text }))?;
    world.documents.insert(id.clone(), text);

    let bytes = receipt(number, random);
    tx.blobs().put("receipts", &format!("{number:04}"), &bytes[..], &PutOptions::default())?;
    world.objects.insert(format!("{number:04}"), bytes);

    tx.cache().set("pages", &id, number.to_string().into_bytes(), &SetOptions::default())?;
    world.entries.insert(id, number.to_string().into_bytes());

    tx.queues().send("shipping", NewMessage::json(json!(number)))?;
    world.messages.insert(number);
    Ok(())
}

/// The first message is done: its row says so, and it is gone.
fn ship(tx: &Transaction, world: &mut World) -> Result<()> {
    let received = tx.queues().receive("shipping", &ReceiveOptions::up_to(1))?;
    assert_eq!(received.is_empty(), world.messages.is_empty(), "the queue and the world differ");
    for message in received {
        let number = message.body.as_json()?.as_i64().expect("messages are numbers");
        assert_eq!(world.messages.pop_first(), Some(number), "messages come in their order");
        tx.tables().upsert("orders", Row::new().set("id", number).set("state", "shipped"))?;
        world.rows.insert(number, "shipped".to_owned());
        tx.queues().acknowledge("shipping", &message.receipt)?;
    }
    Ok(())
}

fn forget(tx: &Transaction, number: i64, world: &mut World) -> Result<()> {
    tx.tables().delete("orders", number)?;
    world.rows.remove(&number);
    tx.blobs().delete("receipts", &format!("{number:04}"))?;
    world.objects.remove(&format!("{number:04}"));
    let id = format!("product{}", number % 6);
    tx.documents().delete("products", &id)?;
    world.documents.remove(&id);
    tx.cache().delete("pages", &id)?;
    world.entries.remove(&id);
    Ok(())
}

fn open(env: &MemoryEnv) -> Result<Database> {
    let settings = Settings {
        background: false,
        memory_size_bytes: 16 * 1024 * 1024,
        log_segment_size_bytes: 64 * 1024,
        blob_segment_size_bytes: 256 * 1024,
        ..Settings::default()
    };
    Database::open_on(Arc::new(env.clone()), Path::new("/db"), settings)
}

fn settle(database: &Database) -> Result<()> {
    while database.maintain()? {}
    Ok(())
}

/// What was acknowledged, and what the step under way would have made of it.
#[derive(Default)]
struct Outcome {
    acknowledged: World,
    under_way: Option<World>,
    is_done: bool,
}

fn work(env: &MemoryEnv, seed: u64) -> Outcome {
    let mut outcome = Outcome::default();
    outcome.is_done = work_until_failure(env, seed, &mut outcome).is_ok();
    outcome
}

fn work_until_failure(env: &MemoryEnv, seed: u64, outcome: &mut Outcome) -> Result<()> {
    let mut random = Random::new(seed);
    let mut database = open(env)?;
    for number in 0..STEPS {
        let step = step(number, &mut random);
        let mut next = outcome.acknowledged.clone();
        let transaction = database.begin()?;
        match step {
            Step::Furnish => furnish(&transaction, &mut next)?,
            Step::Order(number) => order(&transaction, number, &mut random, &mut next)?,
            Step::Ship => ship(&transaction, &mut next)?,
            Step::Forget(number) => forget(&transaction, number, &mut next)?,
            Step::Fold => drop(database.checkpoint()?),
            Step::Maintain => settle(&database)?,
            Step::Reopen => {
                drop(transaction);
                drop(database);
                database = open(env)?;
                continue;
            }
        }
        outcome.under_way = Some(next);
        transaction.commit()?;
        outcome.acknowledged = outcome.under_way.take().expect("it was just set");
    }
    settle(&database)
}

/// The ids of the documents that a search for `word` finds.
fn search(snapshot: &Snapshot, word: &str) -> Result<BTreeSet<String>> {
    let found = snapshot.search().search("product_text", &SearchRequest::new(Query::matching(word)))?;
    Ok(found.hits.iter().map(|hit| hit.key.as_str().expect("ids are text").to_owned()).collect())
}

/// Everything that the database holds, read through its models.
fn observe(database: &Database) -> Result<World> {
    let snapshot = database.snapshot()?;
    let names = snapshot.objects()?.len();
    if names == 0 {
        return Ok(World::default());
    }
    assert_eq!(names, 6, "some of the models were made and others not");
    let mut world = World { is_furnished: true, ..World::default() };
    for row in snapshot.tables().scan("orders", &ScanRequest::primary_key())? {
        let row = row?;
        world.rows.insert(row.integer("id")?, row.text("state")?.to_owned());
    }
    for document in snapshot.documents().find("products", &Default::default())? {
        let text = |name: &str| document[name].as_str().expect("it was stored as text").to_owned();
        world.documents.insert(text("_id"), text("text"));
    }
    for object in snapshot.blobs().list("receipts", &ListOptions::default())?.objects {
        let reader = snapshot.blobs().get("receipts", &object.key)?.expect("it was just listed");
        world.objects.insert(object.key, reader.into_bytes()?);
    }
    for number in 0..6 {
        let id = format!("product{number}");
        if let Some(entry) = snapshot.cache().get("pages", &id)? {
            world.entries.insert(id, entry.value.to_vec());
        }
    }
    for message in snapshot.queues().peek("shipping", 1_000)? {
        world.messages.insert(message.body.as_json()?.as_i64().expect("messages are numbers"));
    }
    for word in WORDS.into_iter().map(str::to_owned).chain((1..STEPS).map(|number| format!("order{number}"))) {
        assert_eq!(search(&snapshot, &word)?, world.search(&word), "search for {word:?}");
    }
    Ok(world)
}

/// What was acknowledged is there, whole, in all models; and the database goes on.
fn verify(env: &MemoryEnv, outcome: &Outcome, context: &str) {
    let fail = |error| -> ! { panic!("{context}: {error:?}") };
    let database = open(env).unwrap_or_else(|error| fail(error));
    let found = observe(&database).unwrap_or_else(|error| fail(error));
    let is_expected = found == outcome.acknowledged || Some(&found) == outcome.under_way.as_ref();
    assert!(is_expected, "{context}: found {found:?} instead of {:?}", outcome.acknowledged);
    settle(&database).unwrap_or_else(|error| fail(error));
    database.check().unwrap_or_else(|error| fail(error));
    assert_eq!(observe(&database).unwrap_or_else(|error| fail(error)), found, "{context}: after maintenance");
    let mut world = found;
    let transaction = database.begin().unwrap_or_else(|error| fail(error));
    let next = match world.is_furnished {
        true => order(&transaction, 99, &mut Random::new(1), &mut world),
        false => furnish(&transaction, &mut world),
    };
    next.and_then(|()| transaction.commit()).unwrap_or_else(|error| fail(error));
    assert_eq!(observe(&database).unwrap_or_else(|error| fail(error)), world, "{context}: after one more step");
}

/// Runs `work` for every number on two threads.
fn for_each_on_two_threads(numbers: std::ops::RangeInclusive<u64>, work: impl Fn(u64) + Sync) {
    let next = AtomicU64::new(*numbers.start());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number > *numbers.end() {
                        return;
                    }
                    work(number);
                }
            });
        }
    });
}

#[test]
fn a_crash_at_every_io_leaves_all_models_whole() {
    let seed = seed("crash");
    let points = AtomicU64::new(0);
    for workload in 0.. {
        let seed = seed.wrapping_add(workload);
        let whole = MemoryEnv::simulated(seed);
        assert!(work(&whole, seed).is_done, "the workload fails without a crash, seed {seed}");
        for_each_on_two_threads(1..=whole.io_count(), |io| {
            for policy in CrashPolicy::ALL {
                let context = format!("crash at {io} of {}, {policy:?}, seed {seed}", whole.io_count());
                let env = MemoryEnv::simulated(seed);
                env.crash_at(io);
                let outcome = work(&env, seed);
                let mut after = env.crash(policy);
                // A second crash, somewhere inside recovery.
                after.crash_at(1 + (io * 7919) % 60);
                drop(open(&after).and_then(|database| settle(&database)));
                after = after.crash(policy);
                verify(&after, &outcome, &context);
                points.fetch_add(1, Ordering::Relaxed);
            }
        });
        println!("{} crash points, 0 losses", points.load(Ordering::Relaxed));
        if points.load(Ordering::Relaxed) >= 5_000 {
            return;
        }
    }
}

#[test]
fn a_failed_io_is_told_and_costs_nothing_acknowledged() {
    let seed = seed("crash");
    let whole = MemoryEnv::simulated(seed);
    assert!(work(&whole, seed).is_done);
    for_each_on_two_threads(1..=whole.io_count(), |io| {
        for (kind, span) in [(Io::StorageFull, FailureSpan::Forever), (Io::Other, FailureSpan::Once)] {
            let context = format!("{kind:?} at {io} of {}, {span:?}, seed {seed}", whole.io_count());
            let env = MemoryEnv::simulated(seed);
            env.fail_at(io, kind, span);
            let outcome = work(&env, seed);
            env.clear_faults();
            verify(&env.crash(CrashPolicy::Random), &outcome, &context);
        }
    });
}
