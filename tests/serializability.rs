//! A witness check of isolation: random transactions on many threads, then a replay in commit order.
//!
//! `tests/support/witness.rs` says what is compared; `soak --isolation` does the same for as long as one likes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use marquetry::Isolation;
use marquetry_tests::seed;
use marquetry_tests::witness::{Crowd, history, verify};

const CROWD: Crowd = Crowd { processes: 6, transactions: 400, keys: 24 };

#[test]
fn serializable_histories_equal_a_serial_one() {
    let seed = seed("serializability");
    for round in 0..6 {
        let mut history = history(Isolation::Serializable, &CROWD, seed.wrapping_add(round)).unwrap();
        assert!(history.len() > 200, "only {} transactions committed", history.len());
        let anomalies = verify(&mut history, Isolation::Serializable);
        assert_eq!(anomalies, Ok(0), "seed {seed}, round {round}");
    }
}

#[test]
fn snapshot_histories_read_one_version_and_lose_no_update() {
    let seed = seed("serializability");
    let mut skewed = 0;
    for round in 0..6 {
        let mut history = history(Isolation::Snapshot, &CROWD, seed.wrapping_add(round)).unwrap();
        skewed += verify(&mut history, Isolation::Snapshot).unwrap_or_else(|loss| panic!("seed {seed}: {loss}"));
    }
    // The check can fail: weaker isolation is seen to be weaker.
    assert!(skewed > 0, "snapshot isolation showed no write skew in any history");
}
