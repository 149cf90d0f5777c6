//! Parts of workloads in processes of their own: to kill them, or to tell their memory from that of other stores.
//!
//! Such a process prints its figures in one line, separated by blanks.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use marquetry_benches::{Outcome, run_child};

use crate::peer::{Peer, PeerKind};

/// How often it is looked how much memory a store has.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Runs a part to its end and returns what it printed.
pub(super) fn run_as(part: &str, kind: PeerKind, directory: &Path) -> Outcome<String> {
    let role = format!("{part}-{}", kind.name());
    let output = run_child(&role, &directory.display().to_string())?;
    match output.status.success() {
        true => Ok(String::from_utf8(output.stdout)?),
        false => Err(format!("{role}: {}", String::from_utf8_lossy(&output.stderr)).into()),
    }
}

/// Runs a part that kills itself at its end, and returns what it printed.
pub(super) fn run_until_it_dies(part: &str, kind: PeerKind, directory: &Path) -> Outcome<String> {
    let role = format!("{part}-{}", kind.name());
    let output = run_child(&role, &directory.display().to_string())?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() || said.contains("Error") {
        return Err(format!("{role} did not die as it should: {said}").into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// The numbers that a part has printed, as many as are wanted.
pub(super) fn figures<const COUNT: usize>(printed: &str) -> Outcome<[f64; COUNT]> {
    let numbers: Vec<f64> = printed.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    numbers.try_into().map_err(|_| format!("a part printed other than {COUNT} figures: {printed}").into())
}

/// What `work` comes to, and the MiB that the only store of this process had in memory at most meanwhile.
pub(super) fn watched<T>(peer: &dyn Peer, work: impl FnOnce() -> Outcome<T>) -> Outcome<(T, u64)> {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut most = peer.resident_mib()?;
            while !is_over.load(Ordering::Relaxed) {
                std::thread::sleep(LOOK_EVERY);
                most = most.max(peer.resident_mib()?);
            }
            Ok(most)
        });
        let result = work();
        is_over.store(true, Ordering::Relaxed);
        let most: Outcome<u64> = watch.join().expect("looking at memory does not panic");
        Ok((result?, most?))
    })
}

/// MiB that the files below take: holes take none.
pub(super) fn on_disk_mib(directory: &Path) -> Outcome<f64> {
    Ok(on_disk(directory)? as f64 / f64::from(1 << 20))
}

fn on_disk(directory: &Path) -> Outcome<u64> {
    let mut size_bytes = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let about = entry.metadata()?;
        size_bytes += if about.is_dir() { on_disk(&entry.path())? } else { about.blocks() * 512 };
    }
    Ok(size_bytes)
}
