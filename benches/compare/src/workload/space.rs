//! What the records take on disk and in memory; each store in a process of its own.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use marquetry_benches::store::Safety;
use marquetry_benches::{Outcome, Random, run_child, scratch_directory};

use super::{filling, key_of, load_records, size_of};
use crate::arguments::Arguments;
use crate::peer::PeerKind;
use crate::report::Report;

const PARTS: [&str; 3] = ["loaded", "overwritten", "opened"];

pub(super) fn space(arguments: &Arguments, report: &Report) -> Outcome<()> {
    let mut table = String::from(
        "| MiB on disk / in memory, in brackets the most | loaded | every record once more | opened, as many reads |\n\
         |---|---:|---:|---:|\n",
    );
    for kind in &arguments.peers {
        let directory = scratch_directory()?;
        let mut cells = Vec::new();
        for part in PARTS {
            let role = format!("{part}-{}", kind.name());
            let output = run_child(&role, &directory.path().display().to_string())?;
            if !output.status.success() {
                return Err(format!("{role}: {}", String::from_utf8_lossy(&output.stderr)).into());
            }
            cells.push(String::from_utf8_lossy(&output.stdout).trim().to_owned());
        }
        table += &format!("| {} | {} |\n", kind.title(Safety::Process), cells.join(" | "));
    }
    let mib = arguments.memory_size_bytes >> 20;
    report.add(&format!("Space, {}, {mib} MiB of memory", size_of(arguments)), &table)
}

/// One part of a store's life, and at its end what it takes.
pub(super) fn measure(part: &str, kind: PeerKind, directory: &Path, arguments: &Arguments) -> Outcome<()> {
    let peer = kind.open(directory, arguments.memory_size_bytes)?;
    let mut random = Random::new(1);
    match part {
        "loaded" => load_records(&*peer, 0, arguments.records, arguments.value_size_bytes)?,
        "overwritten" => {
            let value = filling(arguments.value_size_bytes);
            let mut session = peer.session(Safety::Process, 1)?;
            for _ in 0..arguments.records {
                session.write(&[(&key_of(random.below(arguments.records)), Some(&value))])?;
            }
        }
        _ => {
            let mut session = peer.session(Safety::Process, 1)?;
            for _ in 0..arguments.records {
                session.get(&key_of(random.below(arguments.records)))?;
            }
        }
    }
    let memory = (status("VmRSS")?, status("VmHWM")?);
    peer.settle()?;
    println!("{} / {} ({})", on_disk(&directory.join(kind.name()))? >> 20, memory.0, memory.1);
    Ok(())
}

/// MiB of this process, as the system tells them.
fn status(field: &str) -> Outcome<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with(field)).ok_or("the system tells no memory figures")?;
    let kib: u64 = line.split_whitespace().nth(1).ok_or("a figure is missing")?.parse()?;
    Ok(kib / 1024)
}

/// Bytes that the files below take: holes take none.
fn on_disk(directory: &Path) -> Outcome<u64> {
    let mut size_bytes = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let about = entry.metadata()?;
        size_bytes += if about.is_dir() { on_disk(&entry.path())? } else { about.blocks() * 512 };
    }
    Ok(size_bytes)
}
