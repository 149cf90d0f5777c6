//! Instructions of the hot paths, counted by valgrind: figures that say the same on a busy machine.
//!
//! ```text
//!   cargo bench -p marquetry-benches --bench instructions
//!
//!   a path runs in a process of its own, N times and 2 N times:    ( I(2 N) - I(N) ) / N    is what one of them takes
//! ```
//!
//! Counted is what the process itself executes; the system's share (writes, syncs) and waiting for memory are not in it. A
//! figure that grows by a tenth is worth a look.

use std::path::Path;
use std::process::Command;

use marquetry::kv::{Direction, Durability, Isolation, KeyRange, Reader as _};
use marquetry_benches::store::MarquetryStore;
use marquetry_benches::{Data, Outcome, Random, child_command, is_child, is_wanted, scratch_directory};

const DATA: Data = Data { count: 20_000, value_size_bytes: 100 };
const MEMORY_SIZE_BYTES: usize = 192 * 1024 * 1024;
const ROUND: u64 = 5_000;
const PATHS: [(&str, &str); 8] = [
    ("snapshot", "snapshot, taken and dropped"),
    ("memtable", "get from the memtable"),
    ("checkpoint", "get from the checkpoint"),
    ("lent", "entry of a scan of the checkpoint, lent"),
    ("kept", "entry of a scan of the checkpoint, kept"),
    ("buffered", "buffered commit of one put"),
    ("durable", "durable commit of one put"),
    ("changed", "buffered commit of one get and one put of its key"),
];

fn main() -> Outcome<()> {
    if let Some((path, directory)) = is_child() {
        let (path, rounds) = path.split_once('-').ok_or("a role is a path and a number")?;
        return walk(path, rounds.parse()?, Path::new(&directory));
    }
    let title = "Instructions of the hot paths, 20,000 values of 100 B";
    if !is_wanted(title) {
        return Ok(());
    }
    println!("\n### {title}\n\n| path | instructions |\n|---|---:|");
    for (path, name) in PATHS {
        let more = counted(path, 2)? - counted(path, 1)?;
        println!("| {name} | {} |", more / ROUND);
    }
    Ok(())
}

/// Instructions of a process that walks a path that many thousand times.
fn counted(path: &str, rounds: u64) -> Outcome<u64> {
    let directory = scratch_directory()?;
    let child = child_command(&format!("{path}-{rounds}"), &directory.path().display().to_string())?;
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(child.get_program())
        .args(child.get_args());
    command.envs(child.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = command.output().map_err(|error| format!("valgrind cannot be run: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let line = said.lines().find_map(|line| line.split_once("Collected :")).filter(|_| output.status.success());
    let (_, count) = line.ok_or_else(|| format!("{path} under valgrind: {said}"))?;
    Ok(count.trim().parse()?)
}

fn walk(path: &str, rounds: u64, directory: &Path) -> Outcome<()> {
    let store = MarquetryStore::open(directory, MEMORY_SIZE_BYTES)?;
    store.load(&DATA)?;
    if path != "memtable" {
        store.fold()?;
    }
    let keyspace = store.keyspace();
    let snapshot = keyspace.snapshot()?;
    let mut random = Random::new(rounds);
    let mut key = || Data::key(random.below(DATA.count));
    let mut scan = snapshot.scan(KeyRange::all(), Direction::Forward)?;
    for number in 0..rounds * ROUND {
        match path {
            "snapshot" => drop(keyspace.snapshot()?),
            "memtable" | "checkpoint" => drop(snapshot.get(&key())?),
            "lent" => assert!(scan.advance()?, "there are more entries"),
            "kept" => drop(scan.next().ok_or("there are more entries")??),
            _ => {
                let transaction = keyspace.begin(Isolation::Serializable)?;
                // The same keys again and again leave the memtable as large as it is.
                let key = Data::key(number % ROUND);
                if path == "changed" {
                    transaction.get(&key)?;
                }
                transaction.put(key.to_vec(), vec![7; DATA.value_size_bytes])?;
                let durability = if path == "durable" { Durability::Durable } else { Durability::Buffered };
                transaction.commit(durability)?;
            }
        }
    }
    Ok(())
}
