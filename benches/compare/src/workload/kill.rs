//! How long a store takes to open after its process was killed with much of its work in the log only.

use std::fs;
use std::path::Path;
use std::time::Instant;

use marquetry_benches::store::{Order, Safety};
use marquetry_benches::{Contest, Outcome, Random, run_child, scratch_directory};

use super::{filling, spread, tell};
use crate::arguments::Arguments;
use crate::peer::PeerKind;
use crate::report::Report;

/// Bytes of an entry in a log besides its value, about.
const ENTRY_OVERHEAD_BYTES: u64 = 64;

/// The first entry after opening, with what the child has left.
pub(super) fn open(arguments: &Arguments, report: &Report) -> Outcome<()> {
    let left = scratch_directory()?;
    for kind in &arguments.peers {
        let output = run_child(&format!("fill-{}", kind.name()), &left.path().display().to_string())?;
        let said = String::from_utf8_lossy(&output.stderr);
        if output.status.success() || said.contains("Error") {
            return Err(format!("the child for {} did not die as it should: {said}", kind.name()).into());
        }
    }
    let mut contest = Contest::new("", "open, read one entry");
    for kind in &arguments.peers {
        let left = left.path();
        contest = contest.entrant(kind.title(Safety::Process), move || open_copy(*kind, left, arguments));
    }
    let mib = arguments.log_size_bytes >> 20;
    let title = format!("Open after a kill, {mib} MiB written, values of {} B", arguments.value_size_bytes);
    tell(report, &title, &contest.hold(arguments.rounds)?)
}

/// Writes as much as the log is to hold, one put per commit, and dies.
pub(super) fn fill(kind: PeerKind, directory: &Path, arguments: &Arguments) -> Outcome<()> {
    // So much memory that nobody writes out before the end.
    let peer = kind.open(directory, arguments.log_size_bytes as usize * 16)?;
    let value = filling(arguments.value_size_bytes);
    {
        let mut session = peer.session(Safety::Process, 1)?;
        let entries = arguments.log_size_bytes / (arguments.value_size_bytes as u64 + ENTRY_OVERHEAD_BYTES);
        let mut random = Random::new(entries);
        for _ in 0..entries {
            session.write(&[(&spread(random.number()).to_be_bytes(), Some(&value))])?;
        }
        peer.session(Safety::Power, 1)?.write(&[(b"last", Some(b"entry"))])?;
    }
    std::process::abort();
}

fn open_copy(kind: PeerKind, left: &Path, arguments: &Arguments) -> Outcome<f64> {
    let work = scratch_directory()?;
    copy_all(&left.join(kind.name()), &work.path().join(kind.name()))?;
    let started = Instant::now();
    let peer = kind.open(work.path(), arguments.memory_size_bytes)?;
    let found = peer.session(Safety::Process, 1)?.scan(b"", Order::Forward, 1)?;
    let took = started.elapsed();
    assert_eq!(found, 1, "the store holds what was written");
    Ok(took.as_secs_f64() * 1e6)
}

/// Copies the files and gets them to the disk, so that the system does not write them while others are measured.
fn copy_all(from: &Path, to: &Path) -> Outcome<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let copy = to.join(path.file_name().ok_or("an entry has a name")?);
        if path.is_dir() {
            copy_all(&path, &copy)?;
        } else {
            fs::copy(&path, &copy)?;
            fs::File::open(&copy)?.sync_all()?;
        }
    }
    Ok(())
}
