//! A workload over all six models at once, and what was acknowledged at each of its I/Os.
//!
//! ```text
//!   steps      furnish, then orders, shipments, deletions: one transaction each over several models;
//!              between them folds, rounds of maintenance, backups beside the database, and opening again
//!   moments    I/O 0: nothing | before a commit: the world, and the one under way | after it: the new world | ...
//! ```
//!
//! The same seed gives the same steps, I/Os and worlds. Log and blob segments are small, so that a few steps begin, close,
//! trim and collect several of each; the clock moves with the maintenance, so that search writes its segments.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use marquetry::backup::{self, BackupOptions};
use marquetry::blob::PutOptions;
use marquetry::cache::{CacheClass, CacheOptions, SetOptions};
use marquetry::env::{Env, MemoryEnv};
use marquetry::queue::{NewMessage, QueueSettings, ReceiveOptions};
use marquetry::search::{FieldDefinition, FieldType, IndexDefinition};
use marquetry::table::{Column, ColumnType, Index, Row, TableDefinition};
use marquetry::{Database, Error, ErrorKind, Result, Settings, Transaction};
use serde_json::json;

use crate::Random;
use crate::world::{PRODUCTS, WORDS, World};

/// The directory of backups on the simulated disk.
const BACKUPS: &str = "/backups";

/// The database on a simulated disk, with segments so small that each workload fills several.
///
/// # Errors
/// Those of [`Database::open_on`].
pub fn open(env: &MemoryEnv) -> Result<Database> {
    open_in(env, Path::new("/db"))
}

/// As [`open`], in another directory.
///
/// # Errors
/// As [`open`].
pub fn open_in(env: &MemoryEnv, directory: &Path) -> Result<Database> {
    let settings = Settings {
        background: false,
        memory_size_bytes: 16 * 1024 * 1024,
        log_segment_size_bytes: 16 * 1024,
        blob_segment_size_bytes: 128 * 1024,
        ..Settings::default()
    };
    Database::open_on(Arc::new(env.clone()), directory, settings)
}

/// The newest backup, restored and opened; `None` when there is none. What an earlier restore completed is opened as it is.
///
/// # Errors
/// Those of restoring and opening.
pub fn restored(env: &MemoryEnv) -> Result<Option<Database>> {
    let directory = Path::new("/restored");
    match backup::restore_on(Arc::new(env.clone()), Path::new(BACKUPS), None, directory, &mut |_| {}) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == ErrorKind::Invalid && env.exists(&directory.join("FORMAT")).unwrap_or(false) => {}
        Err(error) => return Err(error),
    }
    open_in(env, directory).map(Some)
}

/// All maintenance that is due in two seconds from now.
///
/// # Errors
/// The first failure of it.
pub fn settle(database: &Database, env: &MemoryEnv) -> Result<()> {
    env.advance(Duration::from_secs(2));
    while database.maintain()? {}
    Ok(())
}

/// What a power cut from one I/O on has to leave, until the next moment.
#[derive(Debug, Clone)]
pub struct Moment {
    /// The I/Os counted when it began.
    pub io_count: u64,
    /// What was acknowledged.
    pub acknowledged: Arc<World>,
    /// What the commit under way would make of it.
    pub under_way: Option<Arc<World>>,
    /// What the newest backup holds.
    pub backup: Option<Arc<World>>,
    /// What the backup under way would hold.
    pub backup_under_way: Option<Arc<World>>,
}

impl Moment {
    /// Whether `found` may be what is there.
    pub fn allows(&self, found: &World) -> bool {
        *found == *self.acknowledged || self.under_way.as_ref().is_some_and(|world| *found == **world)
    }

    /// Whether the newest backup may hold `found`.
    pub fn allows_backup(&self, found: Option<&World>) -> bool {
        found == self.backup.as_deref() || (found.is_some() && found == self.backup_under_way.as_deref())
    }
}

/// One step of the workload.
#[derive(Debug, Clone, Copy)]
enum Step {
    Furnish,
    Order,
    Ship,
    Forget,
    Fold,
    Maintain,
    Backup,
    Reopen,
}

/// A run of the workload on one disk, as far as it came.
#[derive(Debug)]
pub struct Run {
    env: MemoryEnv,
    random: Random,
    /// Absent before the first step and when opening failed.
    pub database: Option<Database>,
    moments: Vec<Moment>,
    number: u64,
    removes: bool,
}

impl Run {
    /// A run on an empty disk.
    pub fn new(env: &MemoryEnv, seed: u64) -> Self {
        let start =
            Moment { io_count: 0, acknowledged: Arc::default(), under_way: None, backup: None, backup_under_way: None };
        Run {
            env: env.clone(),
            random: Random::new(seed),
            database: None,
            moments: vec![start],
            number: 0,
            removes: true,
        }
    }

    /// The run with another order in place of each removal, so that no file holds bytes that nobody can reach any more.
    #[must_use]
    pub fn without_removals(self) -> Self {
        Run { removes: false, ..self }
    }

    /// Does the next `steps` steps, or as many as go well.
    ///
    /// # Errors
    /// The first failure; the step that failed is not tried again.
    pub fn go_on(&mut self, steps: u64) -> Result<()> {
        for _ in 0..steps {
            let step = self.next_step();
            self.number += 1;
            self.do_step(step)?;
        }
        Ok(())
    }

    fn next_step(&mut self) -> Step {
        match self.random.below(16) {
            _ if !self.world().is_furnished => Step::Furnish,
            0 | 1 => Step::Fold,
            2..=4 => Step::Maintain,
            5 => Step::Reopen,
            6 => Step::Backup,
            7 | 8 => Step::Ship,
            9 | 10 if self.removes => Step::Forget,
            _ => Step::Order,
        }
    }

    fn do_step(&mut self, step: Step) -> Result<()> {
        if matches!(step, Step::Reopen) || self.database.is_none() {
            // The old one goes before the new one comes: it holds the lock.
            self.database = None;
            self.database = Some(open(&self.env)?);
        }
        let database = self.database.clone().expect("it was just opened");
        match step {
            Step::Furnish => self.commit(&database, |tx, world, _| furnish(tx, world)),
            Step::Order => {
                let number = self.number as i64;
                self.commit(&database, |tx, world, random| order(tx, number, random, world))
            }
            Step::Ship => self.commit(&database, |tx, world, _| ship(tx, world)),
            Step::Forget => {
                let number = 1 + self.random.below(self.number) as i64;
                self.commit(&database, |tx, world, _| forget(tx, number, world))
            }
            Step::Fold => database.checkpoint().map(|_| ()),
            Step::Maintain => settle(&database, &self.env),
            Step::Backup => self.back_up(&database),
            Step::Reopen => Ok(()),
        }
    }

    /// One more commit, acknowledged as any.
    ///
    /// # Errors
    /// Those of the commit.
    pub fn commit_one(&mut self) -> Result<()> {
        self.number += 1;
        self.do_step(if self.world().is_furnished { Step::Order } else { Step::Furnish })
    }

    fn commit(
        &mut self,
        database: &Database,
        change: impl FnOnce(&Transaction, &mut World, &mut Random) -> Result<()>,
    ) -> Result<()> {
        let mut next = World::clone(self.world());
        let transaction = database.begin()?;
        change(&transaction, &mut next, &mut self.random)?;
        let next = Arc::new(next);
        self.note(|moment| moment.under_way = Some(next.clone()));
        transaction.commit()?;
        self.note(|moment| (moment.acknowledged, moment.under_way) = (next, None));
        Ok(())
    }

    fn back_up(&mut self, database: &Database) -> Result<()> {
        let world = self.last().acknowledged.clone();
        self.note(|moment| moment.backup_under_way = Some(world.clone()));
        let options = BackupOptions { keep: Some(2), ..BackupOptions::default() };
        database.backup_on(Arc::new(self.env.clone()), Path::new(BACKUPS), &options, &mut |_| {})?;
        self.note(|moment| (moment.backup, moment.backup_under_way) = (Some(world), None));
        Ok(())
    }

    /// From the next I/O on `change` holds.
    fn note(&mut self, change: impl FnOnce(&mut Moment)) {
        let mut moment = self.last().clone();
        moment.io_count = self.env.io_count();
        change(&mut moment);
        self.moments.push(moment);
    }

    /// What was acknowledged so far, and what may be there beside it.
    pub fn last(&self) -> &Moment {
        self.moments.last().expect("a run begins with a moment")
    }

    /// Whether `found` was acknowledged at some time.
    pub fn knows(&self, found: &World) -> bool {
        self.moments.iter().any(|moment| *moment.acknowledged == *found)
    }

    /// What was acknowledged so far.
    pub fn world(&self) -> &World {
        &self.last().acknowledged
    }

    /// The moment into which the I/O number `io` falls.
    pub fn moment_of(&self, io: u64) -> &Moment {
        let behind = self.moments.partition_point(|moment| moment.io_count < io);
        &self.moments[behind.saturating_sub(1)]
    }

    /// One more order, which needs no knowledge of the run.
    ///
    /// # Errors
    /// Those of the commit; `world` may be changed all the same.
    pub fn one_more(database: &Database, world: &mut World) -> Result<()> {
        let transaction = database.begin()?;
        match world.is_furnished {
            true => order(&transaction, 1_000, &mut Random::new(1), world)?,
            false => furnish(&transaction, world)?,
        }
        transaction.commit().map(|_| ())
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

/// The bytes of a receipt: some fit into the keyspace, some need a chunk of a segment file, some two.
fn receipt(number: i64, random: &mut Random) -> Vec<u8> {
    let size = [10, 300, 2_000, 2_000, 33_000, 70_000][random.below(6) as usize];
    let mut bytes = Random::new(number as u64);
    (0..size / 8 + 1).flat_map(|_| bytes.number().to_le_bytes()).take(size).collect()
}

fn order(tx: &Transaction, number: i64, random: &mut Random, world: &mut World) -> Result<()> {
    let state = WORDS[random.below(5) as usize];
    tx.tables().upsert("orders", Row::new().set("id", number).set("state", state))?;
    world.rows.insert(number, state.to_owned());

    let id = format!("product{}", random.below(PRODUCTS));
    let text = format!("{} {} order{number}", WORDS[random.below(5) as usize], WORDS[random.below(5) as usize]);
    tx.documents().put("products", &id, json!({ "text": text }))?;
    world.documents.insert(id.clone(), text);

    let bytes = receipt(number, random);
    tx.blobs().put("receipts", &format!("{number:04}"), &bytes[..], &PutOptions::default())?;
    world.objects.insert(format!("{number:04}"), bytes.into());

    tx.cache().set("pages", &id, number.to_string().into_bytes(), &SetOptions::default())?;
    world.entries.insert(id, number.to_string().into_bytes());

    tx.queues().send("shipping", NewMessage::json(json!(number)))?;
    world.messages.insert(number);
    Ok(())
}

/// The first message is done: its row says so, and it is gone.
fn ship(tx: &Transaction, world: &mut World) -> Result<()> {
    let received = tx.queues().receive("shipping", &ReceiveOptions::up_to(1))?;
    let numbers: Result<Vec<_>> = received.iter().map(|message| message.body.as_json()).collect();
    let numbers: Vec<i64> = numbers?.iter().filter_map(|number| number.as_i64()).collect();
    if numbers != world.messages.first().copied().into_iter().collect::<Vec<i64>>() {
        return Err(Error::corrupt(format!("{numbers:?} were received of {:?}", world.messages)));
    }
    for (message, number) in received.iter().zip(numbers) {
        world.messages.remove(&number);
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
    let id = format!("product{}", number as u64 % PRODUCTS);
    tx.documents().delete("products", &id)?;
    world.documents.remove(&id);
    tx.cache().delete("pages", &id)?;
    world.entries.remove(&id);
    Ok(())
}
