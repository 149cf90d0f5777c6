//! Histories of transactions that tell their versions, and a replay in commit order.
//!
//! ```text
//!   history   each transaction: read version, what every get and scan returned, writes, commit version
//!   replay    in commit order over a map with versions: every read must be what the map held at the read version, and
//!             (serializable) what it held just before the commit
//! ```
//!
//! Values are unique, so equal values mean equal writers; scans are compared whole, so phantoms are seen. Real time counts:
//! whoever began after somebody was told "committed" must have read what that one wrote.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use marquetry::env::MemoryEnv;
use marquetry::kv::{
    Direction, Durability, Isolation, KeyRange, Keyspace, KeyspaceSettings, Maintenance, Reader, Transaction, Version,
};
use marquetry::{ErrorKind, Result};

use crate::Random;
use crate::verdict::Verdict;

/// How many get in each other's way, and where.
#[derive(Debug, Clone, Copy)]
pub struct Crowd {
    /// Threads, each with one transaction at a time.
    pub processes: u64,
    /// Transactions that each of them runs.
    pub transactions: u64,
    /// Keys that they read and write.
    pub keys: u64,
}

type Entries = Vec<(Vec<u8>, Vec<u8>)>;

/// What was read.
#[derive(Debug)]
enum Read {
    Point(Vec<u8>, Option<Vec<u8>>),
    /// A scan from `start` to `end`, or back, that stopped after `limit` entries.
    Range {
        start: Vec<u8>,
        end: Vec<u8>,
        backward: bool,
        limit: usize,
        found: Entries,
    },
}

/// A transaction that committed. One that wrote nothing has the version that it read at.
#[derive(Debug)]
pub struct Committed {
    read_version: Version,
    version: Version,
    reads: Vec<Read>,
    writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// The newest version that anybody had been told before this one began.
    began_after: Version,
}

fn key(number: u64) -> Vec<u8> {
    format!("k{number:03}").into_bytes()
}

/// One of those in the crowd.
struct Process<'a> {
    keyspace: &'a Arc<Keyspace>,
    isolation: Isolation,
    keys: u64,
    acknowledged: &'a AtomicU64,
    number: u64,
    random: Random,
}

impl Process<'_> {
    /// One transaction; nothing when it conflicted.
    fn run_one(&mut self, round: u64) -> Result<Option<Committed>> {
        let began_after = Version::new(self.acknowledged.load(Ordering::SeqCst));
        let tx = self.keyspace.begin(self.isolation)?;
        let mut reads = Vec::new();
        let mut writes = BTreeMap::new();
        for step in 0..1 + self.random.below(5) {
            match self.random.below(5) {
                0 | 1 => {
                    let key = key(self.random.below(self.keys));
                    if !writes.contains_key(&key) {
                        let found = tx.get(&key)?.map(|value| value.to_vec());
                        reads.push(Read::Point(key, found));
                    }
                }
                // Scans come before writes, so that what they return is the database's and not the transaction's own.
                2 if writes.is_empty() => reads.push(self.scan(&tx)?),
                _ => self.write(&tx, &mut writes, format!("{}.{round}.{step}", self.number))?,
            }
            if self.random.one_in(8) {
                std::thread::yield_now();
            }
        }
        let read_version = tx.version();
        let durability = if self.random.one_in(2) { Durability::Durable } else { Durability::Buffered };
        match tx.commit(durability) {
            Ok(version) => {
                self.acknowledged.fetch_max(version.number(), Ordering::SeqCst);
                Ok(Some(Committed { read_version, version, reads, writes, began_after }))
            }
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn write(
        &mut self,
        tx: &Transaction,
        writes: &mut BTreeMap<Vec<u8>, Option<Vec<u8>>>,
        value: String,
    ) -> Result<()> {
        let key = key(self.random.below(self.keys));
        let value = (!self.random.one_in(4)).then(|| value.into_bytes());
        match &value {
            Some(value) => tx.put(key.clone(), value.clone())?,
            None => tx.delete(key.clone())?,
        }
        writes.insert(key, value);
        Ok(())
    }

    fn scan(&mut self, tx: &Transaction) -> Result<Read> {
        let (start, end) = (key(self.random.below(self.keys)), key(self.random.below(self.keys) + 1));
        let backward = self.random.one_in(2);
        let limit = if self.random.one_in(2) { usize::MAX } else { 1 + self.random.below(3) as usize };
        let direction = if backward { Direction::Backward } else { Direction::Forward };
        let range = KeyRange::new(start.clone(), Some(end.clone()));
        let entries = tx.scan(range, direction)?.take(limit);
        let found = entries.map(|entry| entry.map(|(key, value)| (key.to_vec(), value.to_vec())));
        Ok(Read::Range { start, end, backward, limit, found: found.collect::<Result<_>>()? })
    }
}

/// What `crowd` does to a keyspace of its own and sees; `seed` says what, and the machine in which order.
///
/// # Errors
/// What anybody met that is no conflict.
pub fn history(isolation: Isolation, crowd: &Crowd, seed: u64) -> Result<Vec<Committed>> {
    // A tiny budget makes folds happen all the time, under the feet of the transactions.
    let settings = KeyspaceSettings { memory_size_bytes: 64 * 1024, ..KeyspaceSettings::default() };
    let keyspace = Keyspace::open(Arc::new(MemoryEnv::new()), Path::new("/db"), settings)?;
    let maintenance = Maintenance::start(&keyspace)?;
    let acknowledged = AtomicU64::new(0);
    let committed = Mutex::new(Vec::new());
    let process = |number: u64| -> Result<()> {
        let random = Random::new(seed ^ (number << 56));
        let (keyspace, acknowledged) = (&keyspace, &acknowledged);
        let mut process = Process { keyspace, isolation, keys: crowd.keys, acknowledged, number, random };
        let mut own = Vec::new();
        for round in 0..crowd.transactions {
            own.extend(process.run_one(round)?);
        }
        committed.lock().expect("nobody panics while adding").append(&mut own);
        Ok(())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..crowd.processes).map(|number| scope.spawn(move || process(number))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("no process panics"))
    })?;
    keyspace.check()?;
    drop(maintenance);
    Ok(committed.into_inner().expect("nobody panics while adding"))
}

/// What a key held from a version on.
type Held = (Version, Option<Vec<u8>>);

/// Every value that a key ever had.
#[derive(Debug, Default)]
struct Versions(BTreeMap<Vec<u8>, Vec<Held>>);

impl Versions {
    fn put(&mut self, version: Version, key: &[u8], value: &Option<Vec<u8>>) {
        match self.0.get_mut(key) {
            Some(values) => values.push((version, value.clone())),
            None => drop(self.0.insert(key.to_vec(), vec![(version, value.clone())])),
        }
    }

    fn at(values: &[Held], version: Version) -> Option<&[u8]> {
        let behind = values.partition_point(|(written, _)| *written <= version);
        values[..behind].last().and_then(|(_, value)| value.as_deref())
    }

    fn get(&self, version: Version, key: &[u8]) -> Option<&[u8]> {
        self.0.get(key).and_then(|values| Self::at(values, version))
    }

    /// Whether `read` is what was there at `version`.
    fn hold(&self, version: Version, read: &Read) -> bool {
        match read {
            Read::Point(key, found) => self.get(version, key) == found.as_deref(),
            Read::Range { start, end, found, .. } if start >= end => found.is_empty(),
            Read::Range { start, end, backward, limit, found } => {
                let inside = self.0.range(start.clone()..end.clone());
                let inside = inside.filter_map(|(key, values)| Some((&key[..], Self::at(values, version)?)));
                let found = found.iter().map(|(key, value)| (&key[..], &value[..]));
                match backward {
                    true => inside.rev().take(*limit).eq(found),
                    false => inside.take(*limit).eq(found),
                }
            }
        }
    }
}

/// The number of reads that did not hold any more when their transaction committed: none when all are serializable, and
/// write skew at snapshot isolation.
///
/// # Errors
/// What no isolation allows: a read that is not from its snapshot, an update that was lost, an order against real time.
pub fn verify(history: &mut [Committed], isolation: Isolation) -> Verdict<u64> {
    history.sort_by_key(|committed| (committed.version, committed.writes.is_empty()));
    let mut versions = Versions::default();
    let (mut newest, mut anomalies) = (Version::ZERO, 0);
    for committed in &*history {
        let Committed { read_version, version, reads, writes, began_after } = committed;
        if read_version < began_after {
            return Err(format!(
                "it began when {began_after} had been acknowledged, and does not read it: {committed:?}"
            ));
        }
        if let Some(read) = reads.iter().find(|read| !versions.hold(*read_version, read)) {
            return Err(format!("a read is not from its snapshot: {read:?} in {committed:?}"));
        }
        if writes.is_empty() {
            continue;
        }
        if *version <= newest || version <= read_version {
            return Err(format!("it has the version of another one: {committed:?}"));
        }
        anomalies += reads.iter().filter(|read| !versions.hold(newest, read)).count() as u64;
        let is_lost = |key: &Vec<u8>| versions.get(*read_version, key) != versions.get(newest, key);
        if isolation == Isolation::Snapshot
            && let Some(key) = writes.keys().find(|key| is_lost(key))
        {
            return Err(format!("an update of {key:?} was lost: {committed:?}"));
        }
        for (key, value) in writes {
            versions.put(*version, key, value);
        }
        newest = *version;
    }
    Ok(anomalies)
}
