//! Flipped bits, misplaced blocks and blocks of an earlier time in every kind of file of a database over all six models.
//!
//! A share of what `cargo run -p marquetry-tests --release --bin soak` does.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use marquetry_tests::verdict::silence_redb;
use marquetry_tests::{damage, seed};

const TIMES: u64 = 700;

#[test]
fn damage_is_found_and_never_answered_with() {
    silence_redb();
    let count = damage::enumerate(seed("damage"), TIMES).unwrap_or_else(|loss| panic!("{loss}"));
    println!("{count:?}");
    assert!(count.trials > 8 * TIMES, "too few places were damaged: {count:?}");
}
