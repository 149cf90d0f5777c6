//! How long a store takes to open after its process was killed with much of its work in the log only.

use std::path::Path;
use std::time::Instant;

use marquetry_benches::store::{Order, Safety};
use marquetry_benches::{Contest, Outcome, Random, copy_all, scratch_directory};

use super::Bench;
use super::child::run_until_it_dies;
use super::stores::spread;
use crate::arguments::Arguments;
use crate::peer::{PeerKind, Room};
use crate::value::Value;

/// Bytes of an entry in a log besides its value, about.
const ENTRY_OVERHEAD_BYTES: u64 = 64;

/// The first entry after opening, with what the child has left.
pub(super) fn open(bench: &Bench<'_>) -> Outcome<()> {
    let arguments = bench.arguments;
    let left = scratch_directory()?;
    for kind in &arguments.peers {
        run_until_it_dies("fill", *kind, left.path())?;
    }
    let mut contest = Contest::new("", "open, read one entry");
    for kind in &arguments.peers {
        let left = left.path();
        contest = contest.entrant(kind.title(Safety::Process), move || open_copy(*kind, left, arguments));
    }
    let mib = arguments.log_size_bytes >> 20;
    let options = format!("{mib} MiB written in single puts, values of {} B", arguments.value_size_bytes);
    bench.tell("Open after a kill", &contest.hold(arguments.rounds)?, &options)
}

/// Writes as much as the log is to hold, one put per commit, and dies.
pub(super) fn fill(kind: PeerKind, directory: &Path, arguments: &Arguments) -> Outcome<()> {
    // So much memory that nobody writes out before the end.
    let room = Room { memory_size_bytes: arguments.log_size_bytes as usize * 16, ..arguments.room() };
    let peer = kind.open(directory, room)?;
    let mut value = Value::new(arguments.value_size_bytes);
    {
        let mut session = peer.session(Safety::Process, 1)?;
        let entries = arguments.log_size_bytes / (arguments.value_size_bytes as u64 + ENTRY_OVERHEAD_BYTES);
        let mut random = Random::new(entries);
        for _ in 0..entries {
            session.write(&[(&spread(random.number()).to_be_bytes(), Some(value.renewed()))])?;
        }
        peer.session(Safety::Power, 1)?.write(&[(b"last", Some(b"entry"))])?;
    }
    peer.kill()?;
    std::process::abort();
}

fn open_copy(kind: PeerKind, left: &Path, arguments: &Arguments) -> Outcome<f64> {
    let work = scratch_directory()?;
    copy_all(&left.join(kind.name()), &work.path().join(kind.name()))?;
    let started = Instant::now();
    let peer = kind.open(work.path(), arguments.room())?;
    let found = peer.session(Safety::Process, 1)?.scan(b"", Order::Forward, 1)?;
    let took = started.elapsed();
    assert_eq!(found, 1, "the store holds what was written");
    Ok(took.as_secs_f64() * 1e6)
}
