//! What the benchmarks share: stores behind one interface, and contests between them.
//!
//! ```text
//!   cargo bench -p marquetry-benches --bench commit          every table of commit.rs
//!   cargo bench -p marquetry-benches --bench read -- scan    the tables with "scan" in their title
//!
//!   Contest   round 1:  A B C      round 2:  B C A      round 3:  C A B  ...
//!             median and fastest of each, and the median over rounds of  A / B
//! ```
//!
//! Two programs measured one after the other on a shared machine are measured on two different machines. So the
//! subject and its peers run in turns within one process, in short rounds, and the figure to look at is the
//! ratio of what they took in the same round.
//!
//! - All stores get the same keys, values, cache sizes and disk. `MARQUETRY_BENCH_DIR` names the directory for their
//!   files (default: below the target directory); one in memory is refused, since its syncs cost nothing.
//! - `MARQUETRY_BENCH_ROUNDS` sets the number of rounds (default 9).
//!
//! Left out: plots and history. `RESULTS.md` holds the figures that stand.

mod child;
mod contest;
mod data;
mod scratch;
mod status;
pub mod store;

pub use child::{child_command, is_child, run_child};
pub use contest::{Contest, Standing, Standings, is_wanted};
pub use data::{Data, Random};
pub use scratch::{copy_all, scratch_directory};
pub use status::{Resident, resident_mib};

/// What a benchmark comes to: it runs, or the first thing that went wrong ends it.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
