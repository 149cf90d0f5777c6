//! Marquetry's keyspace beside other stores, at the same work on the same machine.
//!
//! ```text
//!   cargo run --release --manifest-path benches/compare/Cargo.toml -- --help
//!
//!   arguments.rs   what to run, how large, how long          report.rs     tables, and the file that keeps them
//!   peer/          one store each, behind the trait Peer     workload/     one kind of work each
//!   clients.rs     threads that work for a while             zipf.rs       which keys are hot
//!   value.rs       what is written
//!   latencies.rs   how long how many took                     machine.rs    when it was and who else was busy
//!   chart.rs       pictures of the tables in the file
//! ```
//!
//! All peers have their turns within one process, round by round in changing order, and the ratio of what they took in
//! the same round is the figure to trust. Everyone gets the same memory in total, the same disk, the same keys and
//! values; every byte that is read is looked at; every operation is a transaction of its own.
//!
//! Left out: stores on other machines, whose figures are those of the network. PostgreSQL is asked on a socket of the
//! same machine.

mod arguments;
mod chart;
mod clients;
mod latencies;
mod machine;
mod peer;
mod report;
mod value;
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
