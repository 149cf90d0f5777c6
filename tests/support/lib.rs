//! What the tests of the whole share: seeds that are printed, random numbers made from them, and the trials of the whole engine.
//!
//! ```text
//!   workload --changes--> engine on a simulated disk
//!        '---changes--> world (the oracle)               compared after
//!                                                          crashes   a crash at every I/O, and inside recovery
//!                                                          failures  every I/O fails, once or for ever
//!                                                          damage    flipped bits, misplaced and stale blocks
//!   threads  --transactions--> engine     what each saw, judged by
//!                                                          lists     a checker that knows nothing of versions
//!                                                          witness   a replay in commit order, phantoms included
//! ```
//!
//! `fuzz` is apart: what the public surface promises for any bytes.
//!
//! It depends on the engine alone: `soak` builds without server and client.

pub mod crashes;
pub mod damage;
pub mod failures;
pub mod fuzz;
pub mod image;
pub mod lists;
pub mod verdict;
pub mod witness;
pub mod workload;
pub mod world;

/// A small, fast, seeded source of numbers (SplitMix64); the same seed gives the same numbers for ever.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Numbers from `seed`.
    pub fn new(seed: u64) -> Self {
        Random(seed)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which must not be zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.number() % bound
    }

    /// True once in `times`.
    pub fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

/// The seed to use: `MARQUETRY_SEED` when set, else one that differs from run to run. It is printed, and the
/// printed line replays the run.
pub fn seed(test: &str) -> u64 {
    let seed = match std::env::var("MARQUETRY_SEED") {
        Ok(text) => text.parse().expect("MARQUETRY_SEED is a number"),
        Err(_) => std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(1, |since| since.as_nanos() as u64),
    };
    println!("replay with: MARQUETRY_SEED={seed} cargo test -p marquetry-tests --test {test}");
    seed
}
