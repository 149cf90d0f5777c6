//! Random puts without a pause: how many, how long the slowest of them take, and how much memory they need.
//!
//! Each store works in a process of its own, so that its memory can be told. A part of the run that is far slower than
//! the others would not show in shares of all puts: therefore the longest is told for each twentieth of the time too.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use marquetry_benches::Outcome;
use marquetry_benches::store::Safety;

use super::child::{figures, run_as, watched};
use super::stores::key_of;
use super::{Bench, clients_of, survives};
use crate::arguments::Arguments;
use crate::clients::{Client, Shift, together};
use crate::latencies::Latencies;
use crate::peer::PeerKind;

const PARTS: usize = 20;
const FIGURES: usize = 5 + PARTS;
const SHARES: [f64; 3] = [0.5, 0.99, 0.999];

pub(super) fn sustained(bench: &Bench<'_>) -> Outcome<()> {
    for safety in [Safety::Process, Safety::Power] {
        let mut table = String::from(
            "| commit of one put | for | per second | half below | 99 % | 99.9 % | longest | most memory |\n\
             |---|---:|---:|---:|---:|---:|---:|---:|\n",
        );
        let parts = (1..=PARTS).map(|part| format!(" {part} |")).collect::<String>();
        let mut course = format!("| longest, ms |{parts}\n|---|{}\n", "---:|".repeat(PARTS));
        for kind in bench.arguments.peers.iter().copied() {
            let told = measure(bench, kind, safety)?;
            let seconds = span_of(kind, safety, bench.arguments).as_secs();
            let longest = told[5..].iter().copied().fold(0.0, f64::max);
            let [half, most, nearly_all, all] = [told[1], told[2], told[3], longest].map(time);
            let (name, rate, memory_mib) = (kind.title(safety), told[0], told[4]);
            table += &format!(
                "| {name} | {seconds} s | {rate:.0} | {half} | {most} | {nearly_all} | {all} | {memory_mib:.0} MiB |\n"
            );
            let course_of: String = told[5..].iter().map(|micros| format!(" {:.1} |", micros / 1_000.0)).collect();
            course += &format!("| {name} |{course_of}\n");
        }
        let (survives, clients) = (survives(safety), clients_of(clients(bench.arguments)));
        let options = bench.size();
        bench.report.add(&format!("Sustained random puts, {survives}, {clients}"), &table, &options)?;
        let title = format!("Sustained random puts, {survives}, longest put in each twentieth of the time");
        bench.report.add(&title, &course, &format!("{clients}, {options}"))?;
    }
    Ok(())
}

fn clients(arguments: &Arguments) -> usize {
    arguments.clients.iter().copied().max().unwrap_or(1).min(16)
}

/// The whole time only for the subject's puts that are not synced, which pile up the fastest.
fn span_of(kind: PeerKind, safety: Safety, arguments: &Arguments) -> Duration {
    match (kind, safety) {
        (PeerKind::Marquetry, Safety::Process) => arguments.sustained,
        _ => arguments.sustained_peers.min(arguments.sustained),
    }
}

fn measure(bench: &Bench<'_>, kind: PeerKind, safety: Safety) -> Outcome<[f64; FIGURES]> {
    let safety = if safety == Safety::Power { "power" } else { "process" };
    figures(&run_as(&format!("sustained:{safety}"), kind, bench.shelf()?.directory())?)
}

/// The puts of one store; tells the rate, the microseconds of the shares, the most memory, and the longest of each part.
pub(super) fn put_for_long(safety: &str, kind: PeerKind, directory: &Path, arguments: &Arguments) -> Outcome<()> {
    let peer = kind.open(directory, arguments.room())?;
    let safety = if safety == "power" { Safety::Power } else { Safety::Process };
    let span = span_of(kind, safety, arguments);
    let latencies = Latencies::new();
    let longest: [AtomicU64; PARTS] = [const { AtomicU64::new(0) }; PARTS];
    let began = Instant::now();
    let put = |client: &mut Client<'_>| {
        let key = key_of(client.random.below(arguments.records));
        let started = Instant::now();
        client.put(&key)?;
        let took = started.elapsed();
        latencies.note(took);
        let part = (began.elapsed().as_secs_f64() / span.as_secs_f64() * PARTS as f64) as usize;
        longest[part.min(PARTS - 1)].fetch_max(took.as_micros() as u64, Ordering::Relaxed);
        Ok(())
    };
    let value_size_bytes = arguments.value_size_bytes;
    let shift = Shift { clients: clients(arguments), safety, span, seed: 1, value_size_bytes };
    let (micros, memory_mib) = watched(&*peer, || together(&*peer, shift, &put))?;
    let mut told = vec![1e6 / micros];
    told.extend(SHARES.map(|share| latencies.below(share).as_secs_f64() * 1e6));
    told.push(memory_mib as f64);
    told.extend(longest.map(|micros| micros.into_inner() as f64));
    println!("{}", told.iter().map(f64::to_string).collect::<Vec<_>>().join(" "));
    Ok(())
}

fn time(micros: f64) -> String {
    match micros {
        micros if micros < 10.0 => format!("{micros:.1} us"),
        micros if micros < 1_000.0 => format!("{micros:.0} us"),
        micros => format!("{:.1} ms", micros / 1_000.0),
    }
}
