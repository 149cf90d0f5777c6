//! Bulk loads: a thousand entries per commit, until all of them are where they stay.

use std::time::Instant;

use marquetry_benches::store::Safety;
use marquetry_benches::{Contest, Outcome, scratch_directory};

use super::{LOAD_BATCH, filling, key_of, size_of, tell};
use crate::arguments::Arguments;
use crate::peer::{Change, PeerKind};
use crate::report::Report;

/// Each round loads an empty store.
pub(super) fn load(arguments: &Arguments, report: &Report) -> Outcome<()> {
    for (in_order, name) in [(true, "in key order"), (false, "in no order")] {
        let mut contest = Contest::new("", "entry");
        for kind in &arguments.peers {
            contest = contest.entrant(kind.title(Safety::Process), move || load_one(*kind, arguments, in_order));
        }
        let title = format!("Bulk load {name}, {LOAD_BATCH} entries per commit, {}", size_of(arguments));
        // A load is long, and goes over what it measures many times: a few of them are enough.
        tell(report, &title, &contest.hold(arguments.rounds.min(3))?)?;
    }
    Ok(())
}

fn load_one(kind: PeerKind, arguments: &Arguments, in_order: bool) -> Outcome<f64> {
    let directory = scratch_directory()?;
    let peer = kind.open(directory.path(), arguments.memory_size_bytes)?;
    let value = filling(arguments.value_size_bytes);
    let started = Instant::now();
    {
        let mut session = peer.session(Safety::Process, 1)?;
        for first in (0..arguments.records).step_by(LOAD_BATCH as usize) {
            let batch = first..arguments.records.min(first + LOAD_BATCH);
            let keys: Vec<[u8; 24]> =
                batch.map(|record| if in_order { ordered(record) } else { key_of(record) }).collect();
            let changes: Vec<Change<'_>> = keys.iter().map(|key| (&key[..], Some(&value[..]))).collect();
            session.write(&changes)?;
        }
        // The last commit is durable, and with it all before it.
        peer.session(Safety::Power, 1)?.write(&[(b"loaded", Some(b"all"))])?;
    }
    Ok(started.elapsed().as_secs_f64() * 1e6 / arguments.records as f64)
}

fn ordered(record: u64) -> [u8; 24] {
    let mut key = *b"record----------        ";
    key[8..16].copy_from_slice(&record.to_be_bytes());
    key
}
