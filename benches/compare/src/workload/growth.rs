//! The same figures of a store that grows: what depends on how much there is already?
//!
//! Rows come in key order, as they do where keys are times or numbers that count up; reads, scans and puts go anywhere.
//! One store of each kind grows through all sizes:
//!
//! ```text
//!   a process   loads up to the size, settles, reads, scans, puts, dies
//!   another     opens what the first has left, up to the first entry
//! ```

use std::path::Path;
use std::time::{Duration, Instant};

use marquetry_benches::store::{Order, Safety};
use marquetry_benches::{Outcome, scratch_directory};

use super::Bench;
use super::child::{figures, on_disk_mib, run_as, run_until_it_dies, watched};
use super::stores::{LOAD_BATCH, load_records, ordered_key_of};
use crate::arguments::Arguments;
use crate::clients::{Client, Shift, together};
use crate::peer::{Peer, PeerKind, Room};

const VALUE_SIZE_BYTES: usize = 100;
const SCANNED: usize = 100;

/// Figures of a store at a size, in the order of the tables.
const FIGURES: [&str; 8] = [
    "rows loaded per second",
    "point reads per second",
    "scans of 100 rows per second",
    "random puts per second, not synced",
    "random puts per second, durable",
    "ms to open after a kill",
    "MiB on disk",
    "MiB in memory at most",
];

/// What one store came to at one size.
type Row = [f64; FIGURES.len()];

pub(super) fn growth(bench: &Bench<'_>) -> Outcome<()> {
    let arguments = bench.arguments;
    let mut grown: Vec<(PeerKind, Vec<Row>)> = Vec::new();
    for kind in arguments.peers.iter().copied() {
        let directory = scratch_directory()?;
        let mut rows = Vec::new();
        let mut from = 0;
        for to in sizes_of(kind, arguments) {
            rows.push(measure(kind, directory.path(), from, to)?);
            from = to;
        }
        grown.push((kind, rows));
    }
    for (place, figure) in FIGURES.iter().enumerate() {
        let mut table = "| rows |".to_owned();
        arguments.growth_rows.iter().for_each(|rows| table += &format!(" {} |", in_words(*rows)));
        table += &format!("\n|---|{}\n", "---:|".repeat(arguments.growth_rows.len()));
        for (kind, rows) in &grown {
            table += &format!("| {} |", kind.short_title());
            for size in 0..arguments.growth_rows.len() {
                table += &rows.get(size).map_or(" |".to_owned(), |row| format!(" {:.0} |", row[place]));
            }
            table += "\n";
        }
        let mib = arguments.memory_size_bytes >> 20;
        let options = format!(
            "values of {VALUE_SIZE_BYTES} B, {LOAD_BATCH} rows per commit while loading, turns of {} ms, {mib} MiB for each store",
            turn_of(arguments).as_millis()
        );
        bench.report.add(&format!("Growth: {figure}"), &table, &options)?;
    }
    Ok(())
}

/// The peers may stop earlier.
fn sizes_of(kind: PeerKind, arguments: &Arguments) -> impl Iterator<Item = u64> + '_ {
    let most = if kind == PeerKind::Marquetry { u64::MAX } else { arguments.growth_peer_rows };
    arguments.growth_rows.iter().copied().filter(move |rows| *rows <= most)
}

fn turn_of(arguments: &Arguments) -> Duration {
    arguments.span * arguments.rounds as u32
}

fn in_words(rows: u64) -> String {
    match rows {
        _ if rows >= 1_000_000 => format!("{} M", rows as f64 / 1e6),
        _ => format!("{} k", rows as f64 / 1e3),
    }
}

fn measure(kind: PeerKind, directory: &Path, from: u64, to: u64) -> Outcome<Row> {
    let printed = run_until_it_dies(&format!("grow:{from}:{to}"), kind, directory)?;
    let [load, reads, scans, puts, durable, disk_mib, memory_mib] = figures(&printed)?;
    let [open_ms] = figures(&run_as("reopen", kind, directory)?)?;
    Ok([load, reads, scans, puts, durable, open_ms, disk_mib, memory_mib])
}

fn room(arguments: &Arguments) -> Room {
    Room { value_size_bytes: VALUE_SIZE_BYTES, ..arguments.room() }
}

/// Grows a store from one number of rows to another, measures it and dies.
pub(super) fn grow(rows: &str, kind: PeerKind, directory: &Path, arguments: &Arguments) -> Outcome<()> {
    let (from, to) = rows.split_once(':').ok_or("rows are counted from a number to another")?;
    let (from, to): (u64, u64) = (from.parse()?, to.parse()?);
    let peer = kind.open(directory, room(arguments))?;
    let (mut told, memory_mib) = watched(&*peer, || {
        let started = Instant::now();
        load_records(&*peer, from, to, VALUE_SIZE_BYTES, ordered_key_of)?;
        let rate = (to - from) as f64 / started.elapsed().as_secs_f64();
        peer.settle()?;
        let disk_mib = on_disk_mib(&directory.join(kind.name()))?;
        let [reads, scans, puts, durable] = rates(&*peer, to, arguments)?;
        Ok(vec![rate, reads, scans, puts, durable, disk_mib])
    })?;
    told.push(memory_mib as f64);
    println!("{}", told.iter().map(f64::to_string).collect::<Vec<_>>().join(" "));
    peer.kill()?;
    std::process::abort();
}

/// Reads, scans, puts that are not synced and durable ones, each per second, of one client.
fn rates(peer: &dyn Peer, rows: u64, arguments: &Arguments) -> Outcome<[f64; 4]> {
    let any = |client: &mut Client<'_>| ordered_key_of(client.random.below(rows));
    let read = |client: &mut Client<'_>| {
        let key = any(client);
        let size_bytes = client.session.get(&key)?;
        assert_eq!(size_bytes, Some(VALUE_SIZE_BYTES), "the row is there");
        Ok(())
    };
    let scan = |client: &mut Client<'_>| {
        let key = any(client);
        client.session.scan(&key, Order::Forward, SCANNED).map(|_| ())
    };
    let put = |client: &mut Client<'_>| {
        let key = any(client);
        client.put(&key)
    };
    let rate = |safety, work: &(dyn Fn(&mut Client<'_>) -> Outcome<()> + Sync)| -> Outcome<f64> {
        let span = turn_of(arguments);
        let shift = Shift { clients: 1, safety, span, seed: rows, value_size_bytes: VALUE_SIZE_BYTES };
        Ok(1e6 / together(peer, shift, work)?)
    };
    let (process, power) = (Safety::Process, Safety::Power);
    let (reads, scans, puts) = (rate(process, &read)?, rate(process, &scan)?, rate(process, &put)?);
    // The first durable put would pay for all that were not synced.
    peer.settle()?;
    Ok([reads, scans, puts, rate(power, &put)?])
}

/// How many milliseconds it takes to open the store and to read its first entry.
pub(super) fn reopen(kind: PeerKind, directory: &Path, arguments: &Arguments) -> Outcome<()> {
    let started = Instant::now();
    let peer = kind.open(directory, room(arguments))?;
    let found = peer.session(Safety::Process, 1)?.scan(b"", Order::Forward, 1)?;
    let took = started.elapsed();
    assert_eq!(found, 1, "the store holds what was written");
    println!("{}", took.as_secs_f64() * 1e3);
    Ok(())
}
