//! Random puts without a pause: how many, and how long the slowest of them take.

use std::time::{Duration, Instant};

use marquetry_benches::Outcome;
use marquetry_benches::store::Safety;

use super::{Loaded, clients_of, filling, key_of, size_of};
use crate::arguments::Arguments;
use crate::clients::{Client, Shift, together};
use crate::latencies::Latencies;
use crate::report::Report;

pub(super) fn sustained(arguments: &Arguments, report: &Report) -> Outcome<()> {
    let stores = Loaded::new(arguments)?;
    let clients = arguments.clients.iter().copied().max().unwrap_or(1).min(16);
    let value = filling(arguments.value_size_bytes);
    for safety in [Safety::Power, Safety::Process] {
        let mut table = String::from(
            "| commit of one put | per second | half below | 99 % | 99.9 % | longest |\n|---|---:|---:|---:|---:|---:|\n",
        );
        for (kind, peer) in &stores.peers {
            let latencies = Latencies::new();
            let put = |client: &mut Client<'_>| {
                let key = key_of(client.random.below(arguments.records));
                let started = Instant::now();
                client.session.write(&[(&key, Some(&value))])?;
                latencies.note(started.elapsed());
                Ok(())
            };
            let micros = together(&**peer, Shift { clients, safety, span: arguments.sustained, seed: 1 }, &put)?;
            let [half, most, nearly_all, all] = [0.5, 0.99, 0.999, 1.0].map(|share| time(latencies.below(share)));
            let (name, rate) = (kind.title(safety), 1e6 / micros);
            table += &format!("| {name} | {rate:.0} | {half} | {most} | {nearly_all} | {all} |\n");
            peer.settle()?;
        }
        let (who, size, seconds) = (clients_of(clients), size_of(arguments), arguments.sustained.as_secs());
        let survives = if safety == Safety::Power { "durable" } else { "not synced" };
        report.add(&format!("Random puts for {seconds} s, {survives}, {who}, {size}"), &table)?;
    }
    Ok(())
}

fn time(duration: Duration) -> String {
    match duration.as_secs_f64() * 1e6 {
        micros if micros < 10.0 => format!("{micros:.1} us"),
        micros if micros < 1_000.0 => format!("{micros:.0} us"),
        micros => format!("{:.1} ms", micros / 1_000.0),
    }
}
