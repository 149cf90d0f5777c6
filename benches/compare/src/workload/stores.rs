//! Stores that hold records already, for workloads to begin with.
//!
//! Loading a million records takes some stores a minute, and copying them hardly less. So they are loaded once, each by a
//! process of its own, and one workload after another works on the same stores: first those that only look, then those
//! that write, at last those for which each store has to be in a process of its own again. What the loading took is told
//! by the workloads `load` and `space`.

use std::path::Path;
use std::time::Instant;

use marquetry_benches::store::Safety;
use marquetry_benches::{Contest, Outcome, Random, scratch_directory};
use tempfile::TempDir;

use super::child::{figures, on_disk_mib, run_as, watched};
use crate::arguments::Arguments;
use crate::machine::wait_until_idle;
use crate::peer::{Change, Peer, PeerKind};
use crate::value::Value;

/// Entries put into one commit while loading.
pub(super) const LOAD_BATCH: u64 = 1_000;

/// Records of a small store.
pub(super) const SMALL: u64 = 10_000;

/// The key of a record: they are spread over the key space, so that records come and go in no order.
pub(super) fn key_of(record: u64) -> [u8; 24] {
    let mut key = *b"user--------------------";
    let mut digits = spread(record);
    for place in key[4..].iter_mut().rev() {
        *place = b'0' + (digits % 10) as u8;
        digits /= 10;
    }
    key
}

/// The key of a record where they are in order.
pub(super) fn ordered_key_of(record: u64) -> [u8; 24] {
    let mut key = *b"record----------        ";
    key[8..16].copy_from_slice(&record.to_be_bytes());
    key
}

/// A number of its own for every number.
pub(super) fn spread(number: u64) -> u64 {
    Random::new(number).number()
}

/// Puts the records from `first` up to `end` into the store, the last of them durably, and with it all before it.
pub(super) fn load_records(
    peer: &dyn Peer,
    first: u64,
    end: u64,
    value_size_bytes: usize,
    key_of: fn(u64) -> [u8; 24],
) -> Outcome<()> {
    let mut session = peer.session(Safety::Process, 1)?;
    let mut value = Value::new(value_size_bytes);
    let mut at = first;
    while at < end {
        let batch_end = end.min(at + LOAD_BATCH);
        if batch_end == end {
            session = peer.session(Safety::Power, 1)?;
        }
        let keys: Vec<_> = (at..batch_end).map(key_of).collect();
        let values: Vec<_> = keys.iter().map(|_| value.renewed().to_vec()).collect();
        let changes: Vec<Change<'_>> =
            keys.iter().zip(&values).map(|(key, value)| (&key[..], Some(&value[..]))).collect();
        session.write(&changes)?;
        at = batch_end;
    }
    Ok(())
}

/// What loading took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Loading {
    pub(super) kind: PeerKind,
    pub(super) seconds: f64,
    /// When all is where it stays.
    pub(super) disk_mib: f64,
    /// The most while it was loaded.
    pub(super) memory_mib: f64,
}

/// The stores of a run on disk, with all records; nobody has them open unless he got them from the bench.
#[derive(Debug)]
pub(super) struct Shelf {
    directory: TempDir,
    pub(super) loadings: Vec<Loading>,
}

impl Shelf {
    pub(super) fn load(arguments: &Arguments) -> Outcome<Self> {
        let directory = scratch_directory()?;
        let mut loadings = Vec::new();
        for kind in arguments.peers.iter().copied() {
            let [seconds, disk_mib, memory_mib] = figures(&run_as("load", kind, directory.path())?)?;
            loadings.push(Loading { kind, seconds, disk_mib, memory_mib });
        }
        Ok(Shelf { directory, loadings })
    }

    pub(super) fn directory(&self) -> &Path {
        self.directory.path()
    }
}

/// Loads one store of the shelf and tells what it took.
pub(super) fn load_one(kind: PeerKind, directory: &Path, arguments: &Arguments) -> Outcome<()> {
    let peer = kind.open(directory, arguments.room())?;
    let started = Instant::now();
    let load = || load_records(&*peer, 0, arguments.records, arguments.value_size_bytes, key_of);
    let ((), memory_mib) = watched(&*peer, load)?;
    let seconds = started.elapsed().as_secs_f64();
    peer.settle()?;
    drop(peer);
    println!("{seconds} {} {memory_mib}", on_disk_mib(&directory.join(kind.name()))?);
    Ok(())
}

/// Stores side by side, open.
pub(super) struct Stores {
    pub(super) peers: Vec<(PeerKind, Box<dyn Peer>)>,
    // Removed behind the stores in it.
    _directory: Option<TempDir>,
}

impl Stores {
    /// Those of the shelf.
    pub(super) fn of(shelf: &Shelf, arguments: &Arguments) -> Outcome<Self> {
        Ok(Stores { peers: open(arguments, shelf.directory())?, _directory: None })
    }

    /// New ones with few records.
    pub(super) fn small(arguments: &Arguments) -> Outcome<Self> {
        let directory = scratch_directory()?;
        let peers = open(arguments, directory.path())?;
        for (_, peer) in &peers {
            load_records(&**peer, 0, SMALL, arguments.value_size_bytes, key_of)?;
            peer.settle()?;
        }
        Ok(Stores { peers, _directory: Some(directory) })
    }

    /// All of them at one operation; `measure` gets the number of the turn as well. What a store still does in the
    /// background after its turn is waited for, or the next one would pay for it: the workload `sustained` tells what it
    /// costs the store itself.
    pub(super) fn contest<'a>(
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
                let micros = measure(*kind, &**peer, turn)?;
                wait_until_idle();
                Ok(micros)
            });
        }
        contest
    }

    pub(super) fn settle(&self) -> Outcome<()> {
        self.peers.iter().try_for_each(|(_, peer)| peer.settle())
    }
}

fn open(arguments: &Arguments, directory: &Path) -> Outcome<Vec<(PeerKind, Box<dyn Peer>)>> {
    arguments.peers.iter().map(|kind| Ok((*kind, kind.open(directory, arguments.room())?))).collect()
}
