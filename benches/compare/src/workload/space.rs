//! What the records take on disk and in memory; each store in a process of its own.

use std::path::Path;

use marquetry_benches::store::Safety;
use marquetry_benches::{Outcome, Random};

use super::Bench;
use super::child::{figures, on_disk_mib, run_as, watched};
use super::stores::{LOAD_BATCH, key_of, load_records};
use crate::arguments::Arguments;
use crate::peer::PeerKind;

pub(super) fn space(bench: &Bench<'_>) -> Outcome<()> {
    let mut table = String::from(
        "| MiB on disk / most in memory | loaded | every record once more | opened, as many reads |\n\
         |---|---:|---:|---:|\n",
    );
    let shelf = bench.shelf()?;
    for loading in &shelf.loadings {
        table += &format!("| {} | {:.0} / {:.0}", loading.kind.short_title(), loading.disk_mib, loading.memory_mib);
        for part in ["overwritten", "opened"] {
            let [disk_mib, memory_mib] = figures(&run_as(part, loading.kind, shelf.directory())?)?;
            table += &format!(" | {disk_mib:.0} / {memory_mib:.0}");
        }
        table += " |\n";
    }
    let options = format!("{LOAD_BATCH} records per commit, size when all is where it stays, {}", bench.size());
    bench.report.add("Space", &table, &options)
}

/// One part of a store's life, and at its end what it takes.
pub(super) fn measure(part: &str, kind: PeerKind, directory: &Path, arguments: &Arguments) -> Outcome<()> {
    let peer = kind.open(directory, arguments.room())?;
    let ((), memory_mib) = watched(&*peer, || match part {
        "overwritten" => load_records(&*peer, 0, arguments.records, arguments.value_size_bytes, key_of),
        _ => {
            let mut random = Random::new(1);
            let mut session = peer.session(Safety::Process, 1)?;
            for _ in 0..arguments.records {
                session.get(&key_of(random.below(arguments.records)))?;
            }
            Ok(())
        }
    })?;
    peer.settle()?;
    drop(peer);
    println!("{} {memory_mib}", on_disk_mib(&directory.join(kind.name()))?);
    Ok(())
}
