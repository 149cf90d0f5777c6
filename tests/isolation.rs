//! A black-box check of isolation by a checker that nobody here wrote: transactions append to lists and read them, and from
//! what they saw it infers who must have come before whom. A cycle is an anomaly.
//!
//! ```text
//!   threads    transactions over a few lists, kept as documents, rows and cache entries   -->  history of what each saw
//!   checker    write-write, write-read, read-write and real-time edges                    -->  no cycle, or a proof of one
//! ```
//!
//! The witness check in `serializability` knows the versions and sees phantoms; this one knows nothing, and so shares no
//! mistake with the engine. That it finds what there is to find is shown by snapshot isolation, which allows write
//! skew and must be caught at it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::atomic::{AtomicU64, Ordering};

use adya::{Opts, Report, Valid, Workload, check};
use marquetry::cache::{CacheClass, CacheOptions, SetOptions};
use marquetry::table::{Column, ColumnType, Row, TableDefinition, Value as Stored};
use marquetry::{Database, ErrorKind, Isolation, Result, Transaction};
use marquetry_server::{Server, Settings};
use marquetry_tests::{Random, seed};
use parking_lot::Mutex;
use serde_json::{Value, json};

const PROCESSES: u64 = 6;

/// Lists in use at a time, and transactions until others take their place, so that lists stay short.
const LISTS: u64 = 6;
const TRANSACTIONS_PER_LISTS: u64 = 300;

/// What was asked and what was seen, in the order of real time.
#[derive(Default)]
struct History {
    lines: Mutex<Vec<String>>,
    begun: AtomicU64,
    elements: AtomicU64,
}

impl History {
    fn tell(&self, event: &str, process: u64, steps: &[Step]) {
        let steps: Vec<_> = steps.iter().map(Step::written).collect();
        let line = json!({ "type": event, "process": process, "value": steps });
        self.lines.lock().push(line.to_string());
    }

    /// What a transaction is going to do.
    fn plan(&self, random: &mut Random) -> Vec<Step> {
        let generation = self.begun.fetch_add(1, Ordering::Relaxed) / TRANSACTIONS_PER_LISTS;
        let mut step = |_| {
            let list = generation * LISTS + random.below(LISTS);
            match random.one_in(2) {
                true => Step::Read(list, None),
                false => Step::Append(list, self.elements.fetch_add(1, Ordering::Relaxed)),
            }
        };
        (0..4).map(&mut step).collect()
    }

    fn verdict(&self, model: &str) -> Report {
        let history = adya::History::from_json(&self.lines.lock().join("\n")).unwrap();
        check(&history, Workload::ListAppend, &Opts { models: vec![model.to_owned()], ..Opts::default() })
    }

    fn assert(&self, model: &str, context: &str) {
        let report = self.verdict(model);
        assert_eq!(report.valid, Valid::True, "{context} is not {model}: {:#?}", report.anomalies);
    }
}

enum Step {
    Read(u64, Option<Vec<u64>>),
    Append(u64, u64),
}

impl Step {
    fn written(&self) -> Value {
        match self {
            Step::Read(list, seen) => json!(["r", list, seen]),
            Step::Append(list, element) => json!(["append", list, element]),
        }
    }
}

fn database() -> Database {
    let database = Database::in_memory().unwrap();
    let lists = TableDefinition::new()
        .column(Column::new("id", ColumnType::Int8))
        .column(Column::new("elements", ColumnType::Jsonb).not_null())
        .primary_key(["id"]);
    let make = |tx: &Transaction| {
        tx.tables().create("rows", &lists)?;
        tx.documents().create_collection("documents")?;
        tx.cache().create_namespace("entries", &CacheOptions { class: CacheClass::Durable, ..CacheOptions::default() })
    };
    database.transact(|tx| make(tx).map(drop)).unwrap();
    database
}

fn elements(list: &Value) -> Vec<u64> {
    list.as_array().unwrap().iter().map(|element| element.as_u64().unwrap()).collect()
}

/// The list as its model keeps it; a list that is not there is empty.
fn read(tx: &Transaction, list: u64) -> Result<Vec<u64>> {
    let id = list.to_string();
    Ok(match list % 3 {
        0 => tx.documents().get("documents", &id)?.map_or(Vec::new(), |document| elements(&document["elements"])),
        1 => match tx.tables().get("rows", list as i64)?.as_ref().and_then(|row| row.get("elements")) {
            Some(Stored::Jsonb(list)) => elements(list),
            _ => Vec::new(),
        },
        _ => match tx.cache().get("entries", &id)? {
            Some(entry) => elements(&serde_json::from_slice(&entry.value).unwrap()),
            None => Vec::new(),
        },
    })
}

fn append(tx: &Transaction, list: u64, element: u64) -> Result<()> {
    let mut elements = read(tx, list)?;
    elements.push(element);
    let (id, elements) = (list.to_string(), json!(elements));
    match list % 3 {
        0 => tx.documents().put("documents", &id, json!({ "elements": elements })).map(drop),
        1 => tx.tables().upsert("rows", Row::new().set("id", list as i64).set("elements", elements)).map(drop),
        _ => tx.cache().set("entries", &id, elements.to_string().into_bytes(), &SetOptions::default()).map(drop),
    }
}

fn run(tx: &Transaction, steps: &mut [Step]) -> Result<()> {
    for step in steps {
        match step {
            Step::Read(list, seen) => *seen = Some(read(tx, *list)?),
            Step::Append(list, element) => append(tx, *list, *element)?,
        }
        std::thread::yield_now();
    }
    Ok(())
}

/// Runs `count` transactions on every thread; one in sixteen is rolled back.
fn work(database: &Database, isolation: Isolation, count: u64, seed: u64) -> History {
    let history = History::default();
    let one = |process: u64, random: &mut Random| {
        let mut steps = history.plan(random);
        history.tell("invoke", process, &steps);
        let tx = database.begin_with(isolation).unwrap();
        let is_committed = run(&tx, &mut steps).and_then(|()| match random.one_in(16) {
            true => Ok(false),
            false => tx.commit().map(|_| true),
        });
        match is_committed {
            Ok(true) => history.tell("ok", process, &steps),
            Ok(false) => history.tell("fail", process, &steps),
            Err(error) if error.kind() == ErrorKind::Conflict => history.tell("fail", process, &steps),
            Err(error) => panic!("{error:?}"),
        }
    };
    std::thread::scope(|scope| {
        for process in 0..PROCESSES {
            scope.spawn(move || {
                let mut random = Random::new(seed.wrapping_add(process << 32));
                (0..count).for_each(|_| one(process, &mut random));
            });
        }
    });
    history
}

#[test]
fn serializable_transactions_have_one_order_that_keeps_real_time() {
    let seed = seed("isolation");
    let history = work(&database(), Isolation::Serializable, 2_500, seed);
    history.assert("strict-serializable", &format!("seed {seed}"));
}

#[test]
fn snapshot_isolation_shows_write_skew_and_nothing_worse() {
    let seed = seed("isolation");
    let mut has_skew = false;
    for round in 0..50 {
        let history = work(&database(), Isolation::Snapshot, 200, seed.wrapping_add(round));
        history.assert("snapshot-isolation", &format!("seed {seed}, round {round}"));
        let strict = history.verdict("serializable");
        assert!(strict.anomaly_types.iter().all(|kind| kind.starts_with("G2")), "{:?}", strict.anomaly_types);
        has_skew |= strict.valid == Valid::False;
        if has_skew && round >= 3 {
            return;
        }
    }
    panic!("fifty rounds of snapshot isolation without a write skew: the check sees nothing, seed {seed}");
}

async fn run_remotely(tx: &marquetry_client::Transaction, steps: &mut [Step]) -> marquetry_client::Result<()> {
    for step in steps {
        let (Step::Read(list, _) | Step::Append(list, _)) = step;
        let id = list.to_string();
        let found = tx.documents().get("documents", &id).await?;
        let mut found = found.map_or(Vec::new(), |document| elements(&document["elements"]));
        match step {
            Step::Read(_, seen) => *seen = Some(found),
            Step::Append(_, element) => {
                found.push(*element);
                tx.documents().replace("documents", &id, json!({ "elements": found })).await?;
            }
        }
    }
    Ok(())
}

async fn work_remotely(client: &marquetry_client::Client, history: &History, process: u64, random: &mut Random) {
    let mut steps = history.plan(random);
    history.tell("invoke", process, &steps);
    let tx = client.begin().await.unwrap();
    let outcome = match run_remotely(&tx, &mut steps).await {
        Ok(()) => tx.commit().await.map(drop),
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => history.tell("ok", process, &steps),
        Err(error) if error.kind() == marquetry_client::ErrorKind::Conflict => history.tell("fail", process, &steps),
        Err(error) => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn transactions_over_several_requests_are_as_serializable() {
    let seed = seed("isolation");
    let server = Server::start(database(), Settings::local()).await.unwrap();
    let client = marquetry_client::Client::connect(&server.url()).unwrap();
    let history = History::default();
    let process = async |process: u64| {
        let mut random = Random::new(seed.wrapping_add(process << 32));
        for _ in 0..80 {
            work_remotely(&client, &history, process, &mut random).await;
        }
    };
    tokio::join!(process(0), process(1), process(2), process(3), process(4), process(5));
    history.assert("strict-serializable", &format!("seed {seed}"));
}
