//! What a store keeps in memory: empty, after many commits, after many reads; each in a process of its own.

use std::path::Path;

use marquetry_benches::store::{MarquetryStore, ReadStore, RedbStore, SqliteStore, ViewUse};
use marquetry_benches::{
    Data, Outcome, Random, Resident, is_child, is_wanted, resident_mib, run_child, scratch_directory,
};

const DATA: Data = Data { count: 400_000, value_size_bytes: 1_000 };
const CACHE_SIZE_BYTES: usize = 48 * 1024 * 1024;
const MEMORY_SIZE_BYTES: usize = 4 * CACHE_SIZE_BYTES;
const STATES: [&str; 3] = ["empty", "loaded", "read"];

fn main() -> Outcome<()> {
    if let Some((role, directory)) = is_child() {
        return measure(&role, Path::new(&directory));
    }
    let title = "Memory of the process, 400,000 values of 1000 B, 48 MiB of page cache";
    if !is_wanted(title) {
        return Ok(());
    }
    println!("\n### {title}\n");
    println!("| MiB in use, in brackets the most | open, empty | after loading | after 400,000 random reads |");
    println!("|---|---:|---:|---:|");
    for (store, name) in [
        ("marquetry", "marquetry, with 96 MiB more for memtables"),
        ("small", "marquetry, with a third of that memory"),
        ("redb", "redb"),
        ("sqlite", "SQLite"),
    ] {
        let directory = scratch_directory()?;
        let mut cells = Vec::new();
        for state in STATES {
            let output = run_child(&format!("{store}-{state}"), &directory.path().display().to_string())?;
            if !output.status.success() {
                return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
            }
            cells.push(String::from_utf8_lossy(&output.stdout).trim().to_owned());
        }
        println!("| {name} | {} |", cells.join(" | "));
    }
    Ok(())
}

fn measure(role: &str, directory: &Path) -> Outcome<()> {
    let (store, state) = role.split_once('-').ok_or("a role is a store and a state")?;
    match store {
        "marquetry" => marquetry(directory, MEMORY_SIZE_BYTES, state),
        "small" => marquetry(directory, MEMORY_SIZE_BYTES / 3, state),
        "redb" => {
            let store = RedbStore::open(directory, CACHE_SIZE_BYTES)?;
            drive(&store, state, || store.load(&DATA))
        }
        _ => {
            let store = SqliteStore::open(directory, CACHE_SIZE_BYTES, DATA.value_size_bytes)?;
            drive(&store, state, || store.load(&DATA))
        }
    }
}

fn marquetry(directory: &Path, memory_size_bytes: usize, state: &str) -> Outcome<()> {
    let store = MarquetryStore::open(directory, memory_size_bytes)?;
    drive(&store, state, || store.load(&DATA))
}

fn drive(store: &dyn ReadStore, state: &str, load: impl FnOnce() -> Outcome<()>) -> Outcome<()> {
    match state {
        "empty" => tell_memory(),
        "loaded" => load().and_then(|()| tell_memory()),
        _ => store.read(ViewUse::Held, &mut |reader| {
            let mut random = Random::new(1);
            for _ in 0..DATA.count {
                reader.get(&Data::key(random.below(DATA.count)))?;
            }
            tell_memory()
        }),
    }
}

fn tell_memory() -> Outcome<()> {
    println!("{} ({})", resident_mib(Resident::Now)?, resident_mib(Resident::Most)?);
    Ok(())
}
