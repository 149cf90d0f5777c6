//! Flipped bits, misplaced blocks and blocks of an earlier time in every kind of file of a database over all six models
//! and of its backups.
//!
//! A share of what `cargo run -p marquetry-tests --release --bin soak` does.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use marquetry_tests::image::FileKind;
use marquetry_tests::verdict::silence_redb;
use marquetry_tests::{damage, seed};

const TIMES: u64 = 400;

#[test]
fn damage_is_found_and_never_answered_with() {
    silence_redb();
    let counts = damage::enumerate(seed("damage"), TIMES).unwrap_or_else(|loss| panic!("{loss}"));
    println!("{counts:#?}");
    assert_eq!(counts.each().count(), FileKind::ALL.len(), "a kind of file is missing: {counts:#?}");
    for (kind, count) in counts.each() {
        assert!(count.flipped >= TIMES, "{kind:?}: {count:?}");
    }
    assert!(counts.total().trials() > 15 * TIMES, "too few places were damaged: {counts:#?}");
}
