//! Bulk loads: a thousand entries per commit, until the last of them is durable.

use std::time::Instant;

use marquetry_benches::{Outcome, scratch_directory};

use super::Bench;
use super::stores::{LOAD_BATCH, load_records, ordered_key_of};
use crate::arguments::Arguments;
use crate::peer::PeerKind;

/// The records in no order, as all stores are loaded, and once more in key order.
pub(super) fn load(bench: &Bench<'_>) -> Outcome<()> {
    let arguments = bench.arguments;
    let mut table =
        "| records per second | in key order | in no order | marquetry is | and |\n|---|---:|---:|---:|---:|\n"
            .to_owned();
    let mut subject = None;
    for loading in &bench.shelf()?.loadings {
        let rates = [in_order(loading.kind, arguments)?, loading.seconds].map(|took| arguments.records as f64 / took);
        let of_subject = *subject.get_or_insert(rates);
        table += &format!(
            "| {} | {:.0} | {:.0} | {:.2} x as fast | {:.2} x as fast |\n",
            loading.kind.short_title(),
            rates[0],
            rates[1],
            of_subject[0] / rates[0],
            of_subject[1] / rates[1],
        );
    }
    let options = format!("one load each, {LOAD_BATCH} records per commit, the last one durable, {}", bench.size());
    bench.report.add("Loading", &table, &options)
}

fn in_order(kind: PeerKind, arguments: &Arguments) -> Outcome<f64> {
    let directory = scratch_directory()?;
    let peer = kind.open(directory.path(), arguments.room())?;
    let started = Instant::now();
    load_records(&*peer, 0, arguments.records, arguments.value_size_bytes, ordered_key_of)?;
    Ok(started.elapsed().as_secs_f64())
}
