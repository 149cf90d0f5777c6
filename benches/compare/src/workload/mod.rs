//! The kinds of work at which the stores are compared.
//!
//! ```text
//!   puts          single puts, durable and not synced, by each number of clients
//!   batches       100 puts in one commit                      reads, scans   from settled stores
//!   counter       everybody adds to one key                   short-lived    put, look for it, remove it
//!   long-reader   hot writers beside a view that is held      load           many entries, in order and not
//!   open          after a kill                                space          on disk and in memory
//!   sustained     random puts for a minute: how long is the longest
//!   ycsb          the mixes A to F of the Yahoo! Cloud Serving Benchmark
//! ```
//!
//! Each opens stores of its own in a fresh directory and takes its tables to the report.

mod kill;
mod load;
mod reading;
mod space;
mod sustained;
mod writing;
mod ycsb;

use std::path::Path;

use marquetry_benches::store::Safety;
use marquetry_benches::{Contest, Outcome, Random, Standings, scratch_directory};

use crate::arguments::Arguments;
use crate::peer::{Change, Peer, PeerKind};
use crate::report::Report;

/// Which kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Workload {
    Puts,
    Batches,
    Reads,
    Scans,
    Counter,
    ShortLived,
    LongReader,
    Load,
    Open,
    Space,
    Sustained,
    Ycsb,
}

impl Workload {
    pub(crate) const ALL: &'static [Workload] = &[
        Workload::Puts,
        Workload::Batches,
        Workload::Reads,
        Workload::Scans,
        Workload::Counter,
        Workload::ShortLived,
        Workload::LongReader,
        Workload::Load,
        Workload::Open,
        Workload::Space,
        Workload::Sustained,
        Workload::Ycsb,
    ];

    fn name(self) -> &'static str {
        match self {
            Workload::Puts => "puts",
            Workload::Batches => "batches",
            Workload::Reads => "reads",
            Workload::Scans => "scans",
            Workload::Counter => "counter",
            Workload::ShortLived => "short-lived",
            Workload::LongReader => "long-reader",
            Workload::Load => "load",
            Workload::Open => "open",
            Workload::Space => "space",
            Workload::Sustained => "sustained",
            Workload::Ycsb => "ycsb",
        }
    }

    pub(crate) fn named(name: &str) -> Outcome<Self> {
        let known = Workload::ALL.iter().find(|workload| workload.name() == name);
        known.copied().ok_or_else(|| "there is no such workload".into())
    }
}

/// Everything that the command line asks for.
pub(crate) fn run_all(arguments: &Arguments) -> Outcome<()> {
    let report = Report::new(arguments.into.clone());
    for workload in &arguments.workloads {
        match workload {
            Workload::Puts => writing::puts(arguments, &report)?,
            Workload::Batches => writing::batches(arguments, &report)?,
            Workload::Reads => reading::reads(arguments, &report)?,
            Workload::Scans => reading::scans(arguments, &report)?,
            Workload::Counter => writing::counter(arguments, &report)?,
            Workload::ShortLived => writing::short_lived(arguments, &report)?,
            Workload::LongReader => writing::long_reader(arguments, &report)?,
            Workload::Load => load::load(arguments, &report)?,
            Workload::Open => kill::open(arguments, &report)?,
            Workload::Space => space::space(arguments, &report)?,
            Workload::Sustained => sustained::sustained(arguments, &report)?,
            Workload::Ycsb => ycsb::ycsb(arguments, &report)?,
        }
    }
    Ok(())
}

/// What a process does that one of the workloads started.
pub(crate) fn play(role: &str, directory: &Path, arguments: &Arguments) -> Outcome<()> {
    let (part, peer) = role.split_once('-').ok_or("a role is a part and a peer")?;
    let peer = PeerKind::named(peer)?;
    match part {
        "fill" => kill::fill(peer, directory, arguments),
        _ => space::measure(part, peer, directory, arguments),
    }
}

/// Entries put into one commit while loading.
const LOAD_BATCH: u64 = 1_000;

/// The key of a record: they are spread over the key space, so that records come and go in no order.
fn key_of(record: u64) -> [u8; 24] {
    let mut key = *b"user--------------------";
    let mut digits = spread(record);
    for place in key[4..].iter_mut().rev() {
        *place = b'0' + (digits % 10) as u8;
        digits /= 10;
    }
    key
}

/// A number of its own for every number.
fn spread(number: u64) -> u64 {
    Random::new(number).number()
}

/// Bytes that do not compress, to take values from.
fn filling(size_bytes: usize) -> Vec<u8> {
    let mut random = Random::new(size_bytes as u64);
    let words = (0..size_bytes / 8 + 1).flat_map(|_| random.number().to_le_bytes());
    words.take(size_bytes).collect()
}

/// Puts the records from `first` up to `end` into the store, not synced.
fn load_records(peer: &dyn Peer, first: u64, end: u64, value_size_bytes: usize) -> Outcome<()> {
    let mut session = peer.session(Safety::Process, 1)?;
    let value = filling(value_size_bytes);
    let mut at = first;
    while at < end {
        let keys: Vec<_> = (at..end.min(at + LOAD_BATCH)).map(key_of).collect();
        let changes: Vec<Change<'_>> = keys.iter().map(|key| (&key[..], Some(&value[..]))).collect();
        session.write(&changes)?;
        at += LOAD_BATCH;
    }
    Ok(())
}

/// Stores side by side, each with the records of the arguments, settled.
struct Loaded {
    peers: Vec<(PeerKind, Box<dyn Peer>)>,
    // Removed behind the stores in it.
    _directory: Box<dyn std::any::Any>,
    path: std::path::PathBuf,
}

impl Loaded {
    fn new(arguments: &Arguments) -> Outcome<Self> {
        let directory = scratch_directory()?;
        let mut peers = Vec::new();
        for kind in &arguments.peers {
            let peer = kind.open(directory.path(), arguments.memory_size_bytes)?;
            load_records(&*peer, 0, arguments.records, arguments.value_size_bytes)?;
            peer.settle()?;
            peers.push((*kind, peer));
        }
        let path = directory.path().to_owned();
        Ok(Loaded { peers, _directory: Box::new(directory), path })
    }

    /// All of them at one operation; `measure` gets the number of the turn as well.
    fn contest<'a>(
        &'a self,
        operation: &'static str,
        safety: Safety,
        measure: &'a (dyn Fn(PeerKind, &dyn Peer, u64) -> Outcome<f64> + 'a),
    ) -> Contest<'a> {
        let mut contest = Contest::new("", operation);
        for (kind, peer) in &self.peers {
            let mut turn = 0;
            contest = contest.entrant(kind.title(safety), move || {
                turn += 1;
                measure(*kind, &**peer, turn)
            });
        }
        contest
    }

    fn settle(&self) -> Outcome<()> {
        self.peers.iter().try_for_each(|(_, peer)| peer.settle())
    }
}

/// "1 client" or "4 clients".
fn clients_of(clients: usize) -> String {
    if clients == 1 { "1 client".to_owned() } else { format!("{clients} clients") }
}

/// The size of the stores, for titles.
fn size_of(arguments: &Arguments) -> String {
    format!("{} records of {} B", arguments.records, arguments.value_size_bytes)
}

/// Tells a contest.
fn tell(report: &Report, title: &str, standings: &Standings) -> Outcome<()> {
    report.add(title, &standings.to_string())
}
