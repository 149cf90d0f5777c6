//! Marquetry's keyspace beside other embedded stores, at the same work on the same machine.
//!
//! ```text
//!   cargo run --release --manifest-path benches/compare/Cargo.toml -- --help
//!
//!   arguments.rs   what to run, how large, how long          report.rs     tables, and the file that keeps them
//!   peer/          one store each, behind the trait Peer     workload/     one kind of work each
//!   clients.rs     threads that work for a while             zipf.rs       which keys are hot
//!   latencies.rs   how long how many took
//! ```
//!
//! All peers have their turns within one process, round by round in changing order, and the ratio of what they took in
//! the same round is the figure to trust. Everyone gets the same memory in total, the same disk, the same keys and
//! values; every byte that is read is looked at; every operation is a transaction of its own.
//!
//! Left out: peers behind a network, whose figures are those of the network.

mod arguments;
mod clients;
mod latencies;
mod peer;
mod report;
mod workload;
mod zipf;

use marquetry_benches::{Outcome, is_child};

fn main() -> Outcome<()> {
    let Some(arguments) = arguments::Arguments::read()? else {
        return Ok(());
    };
    match is_child() {
        Some((role, directory)) => workload::play(&role, directory.as_ref(), &arguments),
        None => workload::run_all(&arguments),
    }
}
