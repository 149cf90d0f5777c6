//! Every I/O of a workload over all six models fails once and for ever, because the disk is broken or full.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use marquetry_tests::{failures, seed};

#[test]
fn a_failed_io_is_told_and_costs_nothing_acknowledged() {
    let count = failures::enumerate(seed("failures"), None).unwrap_or_else(|loss| panic!("{loss}"));
    println!("{count:?}, 0 losses");
    assert!(count.not_ready > 0 && count.not_ready < count.failures, "{count:?}");
}
