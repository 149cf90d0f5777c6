//! Histories of transactions that append to lists and read them, for a checker that nobody here wrote.
//!
//! ```text
//!   threads    transactions over a few lists, kept as documents, rows and cache entries   -->  what each saw, in real time
//!   checker    write-write, write-read, read-write and real-time edges                    -->  no cycle, or a proof of one
//! ```
//!
//! The checker knows nothing of versions, and so shares no mistake with the engine. It sees no phantoms; `witness` does.

use std::fmt::Write;
use std::path::Path;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use adya::history::{Interner, Mop, Op, OpType, ReadValue, Scalar};
use adya::{Opts, Report, Workload};
use marquetry::cache::{CacheClass, CacheOptions, SetOptions};
use marquetry::env::MemoryEnv;
use marquetry::kv::Durability;
use marquetry::table::{Column, ColumnType, Row, TableDefinition, Value as Stored};
use marquetry::{Database, ErrorKind, Isolation, Result, Settings, Transaction};
use serde_json::{Value, json};

use crate::Random;

/// Steps of a transaction.
const STEPS: usize = 4;

/// How many get in each other's way, and where.
#[derive(Debug, Clone, Copy)]
pub struct Crowd {
    /// Threads, each with one transaction at a time.
    pub processes: u64,
    /// Transactions that each of them runs.
    pub transactions: u64,
    /// Lists in use at a time.
    pub lists: u32,
    /// Transactions until others take the place of these lists, so that lists stay short.
    pub transactions_per_lists: u64,
}

/// What a transaction does to a list.
#[derive(Debug, Clone)]
pub enum Step {
    /// Reads the list; with its elements once they are known.
    Read(u32, Option<Vec<u32>>),
    /// Appends an element that nobody else appends anywhere.
    Append(u32, u32),
}

impl Step {
    fn told(&self) -> Mop {
        match self {
            Step::Read(key, None) => Mop::Read { key: *key, value: ReadValue::Nil },
            Step::Read(key, Some(seen)) => Mop::Read { key: *key, value: ReadValue::List(seen.clone()) },
            Step::Append(key, value) => Mop::Append { key: *key, value: *value },
        }
    }
}

/// Writes down what is asked and seen, in the order of real time.
#[derive(Debug)]
pub struct Recorder {
    lists: u32,
    transactions_per_lists: u64,
    events: Mutex<Vec<Op>>,
    begun: AtomicU64,
    elements: AtomicU32,
}

impl Recorder {
    /// A recorder of what `crowd` does.
    pub fn new(crowd: &Crowd) -> Self {
        Recorder {
            lists: crowd.lists,
            transactions_per_lists: crowd.transactions_per_lists,
            events: Mutex::default(),
            begun: AtomicU64::new(0),
            elements: AtomicU32::new(0),
        }
    }

    /// What the next transaction is going to do.
    pub fn plan(&self, random: &mut Random) -> Vec<Step> {
        let generation = self.begun.fetch_add(1, Ordering::Relaxed) / self.transactions_per_lists;
        let mut step = |_| {
            let list = generation as u32 * self.lists + random.below(u64::from(self.lists)) as u32;
            match random.one_in(2) {
                true => Step::Read(list, None),
                false => Step::Append(list, self.elements.fetch_add(1, Ordering::Relaxed)),
            }
        };
        (0..STEPS).map(&mut step).collect()
    }

    /// Something happened to the transaction of `process`.
    pub fn tell(&self, kind: OpType, process: u64, steps: &[Step]) {
        let value = steps.iter().map(Step::told).collect();
        let mut events = self.events.lock().expect("nobody panics while telling");
        let index = events.len() as u64;
        events.push(Op { index, kind, process: Some(process as i64), value, time: None });
    }

    /// All of it.
    pub fn finish(self) -> History {
        let events = self.events.into_inner().expect("nobody panics while telling");
        // Lists and elements are numbers that stand for themselves.
        let generations = self.begun.into_inner() / self.transactions_per_lists + 1;
        let numbers = self.elements.into_inner().max(generations as u32 * self.lists);
        let mut interner = Interner::default();
        for number in 0..numbers {
            interner.intern(Scalar::Int(i64::from(number)));
        }
        History(adya::History::from_ops(events, interner))
    }
}

/// What all transactions saw.
#[derive(Debug)]
pub struct History(adya::History);

impl History {
    /// How many transactions committed.
    pub fn committed(&self) -> u64 {
        self.0.ops.iter().filter(|op| op.kind == OpType::Ok).count() as u64
    }

    /// What the checker says of the history by the rules of `model`.
    pub fn verdict(&self, model: &str) -> Report {
        adya::check(&self.0, Workload::ListAppend, &Opts { models: vec![model.to_owned()], ..Opts::default() })
    }

    /// The history as lines of JSON, as checkers of such histories read it.
    pub fn lines(&self) -> String {
        let mut lines = String::new();
        for op in &self.0.ops {
            let kind = match op.kind {
                OpType::Invoke => "invoke",
                OpType::Ok => "ok",
                OpType::Fail => "fail",
                OpType::Info => "info",
            };
            let steps: Vec<Value> = op.value.iter().map(written).collect();
            let line = json!({ "index": op.index, "type": kind, "process": op.process, "value": steps });
            let _ = writeln!(lines, "{line}");
        }
        lines
    }
}

fn written(step: &Mop) -> Value {
    match step {
        Mop::Append { key, value } | Mop::Write { key, value } => json!(["append", key, value]),
        Mop::Read { key, value: ReadValue::List(seen) } => json!(["r", key, seen]),
        Mop::Read { key, .. } => json!(["r", key, null]),
    }
}

/// A database in memory with a place for lists in three models.
///
/// # Errors
/// Those of the engine.
pub fn database(settings: Settings) -> Result<Database> {
    let database = Database::open_on(Arc::new(MemoryEnv::new()), Path::new("/db"), settings)?;
    let lists = TableDefinition::new()
        .column(Column::new("id", ColumnType::Int8))
        .column(Column::new("elements", ColumnType::Jsonb).not_null())
        .primary_key(["id"]);
    let durable = CacheOptions { class: CacheClass::Durable, ..CacheOptions::default() };
    database.transact(|tx| {
        tx.tables().create("rows", &lists)?;
        tx.documents().create_collection("documents")?;
        tx.cache().create_namespace("entries", &durable).map(drop)
    })?;
    Ok(database)
}

/// The elements of a stored list.
pub fn elements(list: &Value) -> Vec<u32> {
    let numbers = list.as_array().into_iter().flatten();
    numbers.map(|element| element.as_u64().expect("only numbers are appended") as u32).collect()
}

/// The list as its model keeps it; a list that is not there is empty.
fn read(tx: &Transaction, list: u32) -> Result<Vec<u32>> {
    let id = list.to_string();
    Ok(match list % 3 {
        0 => tx.documents().get("documents", &id)?.map_or(Vec::new(), |document| elements(&document["elements"])),
        1 => match tx.tables().get("rows", i64::from(list))?.as_ref().and_then(|row| row.get("elements")) {
            Some(Stored::Jsonb(list)) => elements(list),
            _ => Vec::new(),
        },
        _ => match tx.cache().get("entries", &id)? {
            Some(entry) => elements(&serde_json::from_slice(&entry.value).expect("only lists are stored")),
            None => Vec::new(),
        },
    })
}

fn append(tx: &Transaction, list: u32, element: u32) -> Result<()> {
    let mut elements = read(tx, list)?;
    elements.push(element);
    let (id, elements) = (list.to_string(), json!(elements));
    match list % 3 {
        0 => tx.documents().put("documents", &id, json!({ "elements": elements })).map(drop),
        1 => tx.tables().upsert("rows", Row::new().set("id", i64::from(list)).set("elements", elements)).map(drop),
        _ => tx.cache().set("entries", &id, elements.to_string().into_bytes(), &SetOptions::default()).map(drop),
    }
}

fn take(tx: &Transaction, steps: &mut [Step], random: &mut Random) -> Result<()> {
    for step in steps {
        match step {
            Step::Read(list, seen) => *seen = Some(read(tx, *list)?),
            Step::Append(list, element) => append(tx, *list, *element)?,
        }
        if random.one_in(2) {
            std::thread::yield_now();
        }
    }
    Ok(())
}

/// One transaction; one in sixteen is rolled back, and half of the others do not wait for the disk.
fn run_one(
    database: &Database,
    isolation: Isolation,
    recorder: &Recorder,
    process: u64,
    random: &mut Random,
) -> Result<()> {
    let mut steps = recorder.plan(random);
    recorder.tell(OpType::Invoke, process, &steps);
    let tx = database.begin_with(isolation)?;
    let durability = if random.one_in(2) { Durability::Durable } else { Durability::Buffered };
    let is_committed = take(&tx, &mut steps, random).and_then(|()| match random.one_in(16) {
        true => Ok(false),
        false => tx.commit_with(durability).map(|_| true),
    });
    match is_committed {
        Ok(true) => recorder.tell(OpType::Ok, process, &steps),
        Ok(false) => recorder.tell(OpType::Fail, process, &steps),
        Err(error) if error.kind() == ErrorKind::Conflict => recorder.tell(OpType::Fail, process, &steps),
        Err(error) => return Err(error),
    }
    Ok(())
}

/// What `crowd` does to `database` and sees; `seed` says what, and the machine in which order.
///
/// # Errors
/// What anybody met that is no conflict.
pub fn history(database: &Database, isolation: Isolation, crowd: &Crowd, seed: u64) -> Result<History> {
    let recorder = Recorder::new(crowd);
    let process = |process: u64| {
        let mut random = Random::new(seed.wrapping_add(process << 32));
        (0..crowd.transactions).try_for_each(|_| run_one(database, isolation, &recorder, process, &mut random))
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..crowd.processes).map(|number| scope.spawn(move || process(number))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("no process panics"))
    })?;
    Ok(recorder.finish())
}
